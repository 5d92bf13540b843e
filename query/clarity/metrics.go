package clarity

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/floor"
	encode "floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Names that ids may come under.
var (
	agentIDs = []string{"agentIds", "agentId"}
	queueIDs = []string{"queueIds", "queueId"}
)

// unitIDs are the kinds of units in their order of precedence (specification, Group Agent Metrics).
var unitIDs = []struct {
	kind, groupType string
	names           []string
}{
	{directory.KindTeam, "team", []string{"teamIds", "teamId"}},
	{directory.KindGroup, "group", []string{"groupIds", "groupId"}},
	{directory.KindBusinessUnit, "businessUnit", []string{"businessUnitIds", "businessUnitId", "buIds", "buId"}},
}

func noIDs() error { return unauthorized("An entity id must be specified.") }

// takeForm reads the sample's form of a path, agentIds=41,37 in place of a question mark; ok says that the segment is one.
func (c *call) takeForm(segment string) (ok bool, err error) {
	if !strings.Contains(segment, "=") {
		return false, nil
	}
	form, err := readArgs(segment)
	if err != nil {
		return true, err
	}
	for name, v := range form {
		c.args[name] = v
	}
	return true, nil
}

// part reads the last segment of the path: one of the three structures, or a form of ids.
func (c *call) part(segment string) (string, error) {
	if form, err := c.takeForm(segment); form {
		return "", err
	}
	for _, name := range []string{partMetrics, partSessions, partStatus} {
		if strings.EqualFold(name, segment) {
			return name, nil
		}
	}
	if segment == "" {
		return "", nil
	}
	return "", problem.New(404, "route_not_found", "there is no "+problem.Shown(segment)+" here")
}

// grouped are the entities of one unit, visible all of them.
type grouped struct {
	kind, groupType, id string
	agents              []*floor.Agent
	queues              []string
}

// units reads the units of one kind after the other; each id must be visible.
func (c *call) units() (out []grouped, err error) {
	for _, u := range unitIDs {
		items, _ := c.args.items(u.names...)
		for _, item := range items {
			id, err := c.unit(u.kind, item)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(out, func(g grouped) bool { return g.kind == u.kind && g.id == id }) {
				out = append(out, grouped{kind: u.kind, groupType: u.groupType, id: id})
			}
		}
	}
	return out, nil
}

// fillAgents adds the visible members to each unit, in one walk over the floor.
func (c *call) fillAgents(units []grouped) {
	at := map[string][]int{}
	for i, u := range units {
		at[u.kind+"/"+u.id] = append(at[u.kind+"/"+u.id], i)
	}
	ofPlace := map[*floor.Place][]int{}
	c.v.Select(floor.Selection{}, func(a *floor.Agent) {
		in, known := ofPlace[a.Place]
		if !known {
			in = unitsOf(a.Place, at)
			ofPlace[a.Place] = in
		}
		if len(in) == 0 || !c.may.agent(a) {
			return
		}
		for _, i := range in {
			units[i].agents = append(units[i].agents, a)
		}
	})
}

func unitsOf(p *floor.Place, at map[string][]int) (in []int) {
	if p.Team != nil {
		in = append(in, at[directory.KindTeam+"/"+p.Team.ID]...)
	}
	for _, id := range p.GroupIDs {
		in = append(in, at[directory.KindGroup+"/"+id]...)
	}
	if p.BusinessUnitID != "" {
		in = append(in, at[directory.KindBusinessUnit+"/"+p.BusinessUnitID]...)
	}
	return in
}

// agents are those that the request names: by id in its order, then the members of units by number.
func (c *call) agents() ([]*floor.Agent, error) {
	items, named := c.args.items(agentIDs...)
	units, err := c.units()
	if err != nil {
		return nil, err
	}
	if !named && len(units) == 0 {
		return nil, noIDs()
	}
	var out []*floor.Agent
	seen := map[string]bool{}
	add := func(a *floor.Agent) {
		if !seen[a.ID] {
			seen[a.ID] = true
			out = append(out, a)
		}
	}
	for _, item := range items {
		a, err := c.agent(item)
		if err != nil {
			return nil, err
		}
		add(a)
	}
	c.fillAgents(units)
	for _, u := range units {
		for _, a := range u.agents {
			add(a)
		}
	}
	return out, nil
}

// board is what a metrics answer is made of.
type board struct {
	*call
	p          properties
	tallies    map[string]*tally
	breakdowns map[string]map[string]*tally
	past       map[string][]schema.Interval // statuses of the last 24 hours
}

func (c *call) board(part string) (*board, error) {
	p, err := c.properties(part)
	if err != nil {
		return nil, err
	}
	b := &board{call: c, p: p}
	if !p.metrics && !p.breakdowns {
		return b, nil
	}
	figures := c.api.Source.Figures(c.v, "today")
	if figures == nil {
		return nil, problem.Unavailable("history_unavailable", "what happened earlier today is not known at this moment", 1)
	}
	b.tallies = talliesOf(figures)
	if p.breakdowns {
		b.breakdowns = breakdownsOf(figures)
	}
	return b, nil
}

// addAgent adds today's figures of an agent, and what it has connected now.
func (b *board) addAgent(sum *tally, a *floor.Agent) {
	if known := b.tallies[a.ID]; known != nil {
		sum.add(known)
	}
	sum.loggedIn = sum.loggedIn || a.LoggedIn()
	sum.addActive(b.v, a.Live, "")
}

func sendEncoded(c *fiber.Ctx, e *encode.Encoder) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(e.B)
}

// agentMetrics answers one agent.
func agentMetrics(c *call) error {
	id := c.segment("id")
	part, err := c.part(c.segment("part"))
	if err != nil {
		return err
	}
	if form, err := c.takeForm(id); form {
		if err != nil {
			return err
		}
		return c.agentForm(part)
	}
	a, err := c.agent(id)
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	if err := b.readStatuses([]*floor.Agent{a}); err != nil {
		return err
	}
	var e encode.Encoder
	b.writeAgent(&e, a)
	return sendEncoded(c.Ctx, &e)
}

// agentForm answers the sample's form agents/teamIds=2,3 as groupBy and agents/agentIds=41,37 as a list of agents.
func (c *call) agentForm(part string) error {
	if _, named := c.args.items(agentIDs...); named {
		return c.listAgents(part)
	}
	return c.groupAgents(part)
}

// manyAgents answers a list of agents; part is the structure that the path names, or nothing.
func manyAgents(part string) func(*call) error {
	return func(c *call) error { return c.listAgents(part) }
}

func (c *call) listAgents(part string) error {
	all, err := c.agents()
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	if err := b.readStatuses(all); err != nil {
		return err
	}
	var e encode.Encoder
	e.Array()
	for _, a := range all {
		b.writeAgent(&e, a)
	}
	e.EndArray()
	return sendEncoded(c.Ctx, &e)
}

func aggregateAgents(c *call) error {
	part, err := c.part(c.segment("part"))
	if err != nil {
		return err
	}
	all, err := c.agents()
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	var e encode.Encoder
	e.Object()
	b.writeTogether(&e, all, false)
	e.End()
	return sendEncoded(c.Ctx, &e)
}

func groupAgents(c *call) error {
	part, err := c.part(c.segment("part"))
	if err != nil {
		return err
	}
	return c.groupAgents(part)
}

func (c *call) groupAgents(part string) error {
	items, _ := c.args.items(agentIDs...)
	for _, item := range items {
		if _, err := c.agent(item); err != nil {
			return err
		}
	}
	units, err := c.firstUnits()
	if err != nil {
		return err
	}
	c.fillAgents(units)
	b, err := c.board(part)
	if err != nil {
		return err
	}
	e := encode.Encoder{B: make([]byte, 0, 4096*len(units))}
	e.Array()
	for _, u := range units {
		b.writeGroup(&e, u, func() { b.writeTogether(&e, u.agents, true) })
	}
	e.EndArray()
	return sendEncoded(c.Ctx, &e)
}

// firstUnits are the units of the kind that comes first; the ids of the others must be visible too.
func (c *call) firstUnits() ([]grouped, error) {
	units, err := c.units()
	if err != nil {
		return nil, err
	}
	if len(units) == 0 {
		return nil, noIDs()
	}
	return slices.DeleteFunc(units, func(u grouped) bool { return u.kind != units[0].kind }), nil
}

func (b *board) writeGroup(e *encode.Encoder, u grouped, rest func()) {
	e.Object()
	e.Name("groupType")
	e.String(u.groupType)
	e.Name("groupId")
	b.writeNumber(e, u.kind, u.id)
	rest()
	e.End()
}

func (b *board) writeNumber(e *encode.Encoder, kind, id string) {
	if n, ok := b.v.Directory.Number(kind, id); ok {
		e.Int(int64(n))
	} else {
		e.Null()
	}
}

// writeTogether appends what several agents come to. In a group, those who have not logged in today have no metrics.
func (b *board) writeTogether(e *encode.Encoder, all []*floor.Agent, group bool) {
	ids := make([]string, len(all))
	var sum tally
	var sessions []session
	for i, a := range all {
		ids[i] = a.ID
		if b.p.metrics {
			b.addAgent(&sum, a)
		}
		if b.p.sessions && len(a.Live.Parts) > 0 {
			sessions = appendSessions(sessions, b.v, a)
		}
	}
	e.Name("entityIds")
	e.Array()
	for _, n := range b.numbers(directory.KindAgent, ids) {
		e.Int(n)
	}
	e.EndArray()
	e.Name("type")
	e.String("agent")
	if b.p.metrics && (!group || sum.loggedIn) {
		writeAgentBags(e, &sum, &b.p, false)
	}
	writeSessions(e, sessions, &b.p)
	if b.p.breakdowns {
		b.writeBreakdowns(e, all)
	}
}

func (b *board) writeAgent(e *encode.Encoder, a *floor.Agent) {
	e.Object()
	e.Name("type")
	e.String("agent")
	if b.p.metrics {
		var t tally
		b.addAgent(&t, a)
		writeAgentBags(e, &t, &b.p, false)
	}
	if b.p.sessions {
		writeSessions(e, sessionsOf(b.v, a), &b.p)
	}
	e.Name("name")
	e.String(a.Entry.Name)
	e.Name("id")
	b.writeNumber(e, directory.KindAgent, a.ID)
	if b.p.status {
		s := statusOf(b.v, a)
		e.Name("currentStatus")
		writeStatus(e, statusModel{statusWords[s.id], s.reasonName, s.since, schema.Open, s.suspended}, b.p.statSet)
		if b.p.history {
			b.writeStatusHistory(e, a)
		}
	}
	if b.p.breakdowns {
		b.writeBreakdowns(e, []*floor.Agent{a})
	}
	e.End()
}

// writeBreakdowns appends what the agents did for each queue that the caller sees; the shape is ours.
func (b *board) writeBreakdowns(e *encode.Encoder, all []*floor.Agent) {
	sums := map[string]*tally{}
	for _, a := range all {
		for queue, t := range b.breakdowns[a.ID] {
			if sums[queue] == nil {
				sums[queue] = &tally{}
			}
			sums[queue].add(t)
		}
	}
	ids := make([]string, 0, len(sums))
	for queue := range sums {
		if b.may.queue(queue) {
			ids = append(ids, queue)
		}
	}
	slices.Sort(ids)
	e.Name("breakdowns")
	e.Array()
	for _, queue := range b.byNumber(directory.KindQueue, ids) {
		for _, a := range all {
			sums[queue].addActive(b.v, a.Live, queue)
		}
		e.Object()
		e.Name("type")
		e.String("queue")
		e.Name("id")
		b.writeNumber(e, directory.KindQueue, queue)
		e.Name("name")
		e.String(b.v.Directory.QueueName(queue))
		writeAgentBags(e, sums[queue], &b.p, true)
		e.End()
	}
	e.EndArray()
}

// statusModel is the realtime Status Model.
type statusModel struct {
	word, reason string
	start, end   int64 // NoTime and Open where they are not shown
	suspended    bool
}

func writeStatus(e *encode.Encoder, s statusModel, set map[string]bool) {
	e.Object()
	if has(set, "agentStatus") {
		e.Name("agentStatus")
		e.String(s.word)
	}
	if s.word != statusWords[statusUnknown] {
		if s.reason != "" && has(set, "reasonCodeName") {
			e.Name("reasonCodeName")
			e.String(s.reason)
		}
		if s.start != schema.NoTime && (has(set, "utcStartTime") || has(set, "startTime")) {
			e.Name("startTime")
			e.String(stamp(s.start))
		}
		if s.end != schema.Open && (has(set, "utcEndTime") || has(set, "endTime")) {
			e.Name("endTime")
			e.String(stamp(s.end))
		}
		if has(set, "isSuspended") {
			e.Name("isSuspended")
			e.Bool(s.suspended)
		}
	}
	e.End()
}
