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

// inPart makes a handler of a path that may end in one of the three structures.
func inPart(f func(c *call, part string) error) func(*call) error {
	return func(c *call) error {
		part, err := c.part(c.segment("part"))
		if err != nil {
			return err
		}
		return f(c, part)
	}
}

// ofPart makes a handler of a path that names the structure itself; empty for all of them.
func ofPart(part string, f func(c *call, part string) error) func(*call) error {
	return func(c *call) error { return f(c, part) }
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
	teams               []string       // of agents
	agents              []*floor.Agent // in order of id
	queues              []string
}

// units reads the units of one kind after the other; each id must be visible.
func (s *sight) units(a args) (out []grouped, err error) {
	for _, u := range unitIDs {
		items, _ := a.items(u.names...)
		seen := make(map[string]bool, len(items))
		out = slices.Grow(out, len(items))
		for _, item := range items {
			id, err := s.unit(u.kind, item)
			if err != nil {
				return nil, err
			}
			if !seen[id] {
				seen[id] = true
				out = append(out, grouped{kind: u.kind, groupType: u.groupType, id: id})
			}
		}
	}
	return out, nil
}

// fillTeams adds the visible teams to each unit.
func (s *sight) fillTeams(units []grouped) {
	for i := range units {
		for _, team := range s.teamsOf(&units[i]) {
			if s.may.team(team) {
				units[i].teams = append(units[i].teams, team)
			}
		}
	}
}

// size is how many agents the unit's teams have.
func (s *sight) size(u *grouped) (n int) {
	for _, team := range u.teams {
		n += len(s.v.Directory.AgentsOfTeam(team))
	}
	return n
}

// fillAgents adds the visible teams and members to each unit, in one walk over the floor.
func (s *sight) fillAgents(units []grouped) {
	if len(units) == 0 {
		return
	}
	s.fillTeams(units)
	ofTeam := map[string][]int{}
	for i := range units {
		for _, team := range units[i].teams {
			ofTeam[team] = append(ofTeam[team], i)
		}
		units[i].agents = make([]*floor.Agent, 0, s.size(&units[i]))
	}
	ofPlace := map[*floor.Place][]int{}
	members := floor.Selection{Place: func(p *floor.Place) bool {
		if p.Team == nil {
			return false
		}
		ofPlace[p] = ofTeam[p.Team.ID]
		return len(ofPlace[p]) > 0
	}}
	s.v.Select(members, func(a floor.Picked) {
		for _, i := range ofPlace[a.Place] {
			units[i].agents = append(units[i].agents, a.Agent)
		}
	})
}

func (s *sight) teamsOf(u *grouped) []string {
	switch u.kind {
	case directory.KindGroup:
		return s.v.Directory.TeamsOfGroup(u.id)
	case directory.KindBusinessUnit:
		return s.v.Directory.TeamsOfBusinessUnit(u.id)
	}
	return []string{u.id}
}

// agents are those that are named: by id in the order given, then the members of units by number.
func (s *sight) agents(named args) ([]*floor.Agent, error) {
	items, given := named.items(agentIDs...)
	units, err := s.units(named)
	if err != nil {
		return nil, err
	}
	if !given && len(units) == 0 {
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
		a, err := s.agent(item)
		if err != nil {
			return nil, err
		}
		add(a)
	}
	s.fillAgents(units)
	for _, u := range units {
		for _, a := range u.agents {
			add(a)
		}
	}
	return out, nil
}

// board is what an answer about agents is made of. Without a request it serves whoever pushes such answers: of a sight and the
// properties that are wanted.
type board struct {
	*sight
	p          properties
	figures    *floor.Figures // nil where no metrics are shown
	tallies    map[string]*tally
	breakdowns map[string]map[string]*tally
	past       map[string][]schema.Interval // statuses of the last 24 hours
	sessions   []session                    // used again for each entity
	present    *present                     // see ofTeams
}

func (s *sight) board(p properties) (*board, error) {
	b := &board{sight: s, p: p}
	if !p.metrics && !p.breakdowns {
		return b, nil
	}
	if b.figures = s.api.Source.Figures(s.v, "today"); b.figures == nil {
		return nil, problem.Unavailable("history_unavailable", "what happened earlier today is not known at this moment", 1)
	}
	b.tallies = talliesOf(b.figures)
	if p.breakdowns {
		b.breakdowns = breakdownsOf(b.figures)
	}
	return b, nil
}

func (c *call) board(part string) (*board, error) {
	p, err := c.properties(part)
	if err != nil {
		return nil, err
	}
	return c.sight.board(p)
}

// addAgent adds today's figures of an agent, and what it has connected now.
func (b *board) addAgent(sum *tally, a *floor.Agent) {
	if known := b.tallies[a.ID]; known != nil {
		sum.add(known)
	}
	b.addNow(sum, a)
}

func (b *board) addNow(sum *tally, a *floor.Agent) {
	sum.loggedIn = sum.loggedIn || a.LoggedIn()
	sum.addActive(b.v, a.Live, "")
}

func sendEncoded(c *fiber.Ctx, e *encode.Encoder) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().SwapBody(e.B) // nobody else keeps it
	return nil
}

// agentMetrics answers one agent.
func agentMetrics(c *call, part string) error {
	id := c.segment("id")
	if form, err := c.takeForm(id); form {
		if err != nil {
			return err
		}
		return agentForm(c, part)
	}
	a, err := c.agent(id)
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	if err := b.readStatuses(c.UserContext(), []*floor.Agent{a}); err != nil {
		return err
	}
	var e encode.Encoder
	b.writeAgent(&e, a)
	return sendEncoded(c.Ctx, &e)
}

// agentForm answers the sample's form agents/teamIds=2,3 as groupBy and agents/agentIds=41,37 as a list of agents.
func agentForm(c *call, part string) error {
	if _, named := c.args.items(agentIDs...); named {
		return listAgents(c, part)
	}
	return groupAgents(c, part)
}

// listAgents answers a list of agents.
func listAgents(c *call, part string) error {
	all, err := c.agents(c.args)
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	if err := b.readStatuses(c.UserContext(), all); err != nil {
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

func aggregateAgents(c *call, part string) error {
	all, err := c.agents(c.args)
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	var e encode.Encoder
	b.writeAggregate(&e, all)
	return sendEncoded(c.Ctx, &e)
}

func groupAgents(c *call, part string) error {
	items, _ := c.args.items(agentIDs...)
	for _, item := range items {
		if _, err := c.agent(item); err != nil {
			return err
		}
	}
	units, err := c.firstUnits(c.args)
	if err != nil {
		return err
	}
	b, err := c.board(part)
	if err != nil {
		return err
	}
	if b.p.breakdowns {
		c.fillAgents(units)
	} else {
		c.fillTeams(units)
	}
	members := 0
	for i := range units {
		members += c.size(&units[i])
	}
	// An answer of a large floor is some megabytes: growing into that would copy it many times over.
	perAgent := 0
	if known, ok := c.api.perAgent.Load(part); ok {
		perAgent = known.(int)
	}
	// It is written where the response keeps its body, whose memory serves again once it has been sent.
	room := max(4096*len(units), 4096+members*perAgent)
	e := encode.Encoder{B: slices.Grow(c.Response().SwapBody(nil)[:0], room)}
	e.Array()
	for i := range units {
		b.writeUnit(&e, &units[i])
	}
	e.EndArray()
	if members > 0 {
		c.api.perAgent.Store(part, len(e.B)/members+1)
	}
	return sendEncoded(c.Ctx, &e)
}

// firstUnits are the units of the kind that comes first; the ids of the others must be visible too.
func (s *sight) firstUnits(a args) ([]grouped, error) {
	units, err := s.units(a)
	if err != nil {
		return nil, err
	}
	if len(units) == 0 {
		return nil, noIDs()
	}
	return slices.DeleteFunc(units, func(u grouped) bool { return u.kind != units[0].kind }), nil
}

// writeGroup appends a unit; rest appends the fields that follow its name.
func (s *sight) writeGroup(e *encode.Encoder, u *grouped, rest func()) {
	e.Object()
	e.Name("groupType")
	e.String(u.groupType)
	e.Name("groupId")
	s.writeNumber(e, u.kind, u.id)
	rest()
	e.End()
}

// writeAggregate appends several agents together as an object.
func (b *board) writeAggregate(e *encode.Encoder, all []*floor.Agent) {
	ids := make([]string, len(all))
	var sum tally
	for i, a := range all {
		ids[i] = a.ID
		if b.p.metrics {
			b.addAgent(&sum, a)
		}
	}
	e.Object()
	b.writeTogether(e, numbersText(b.numbers(directory.KindAgent, ids)), &sum, b.p.metrics)
	if b.p.sessions {
		b.writeSessions(e, all)
	}
	if b.p.breakdowns {
		b.writeBreakdowns(e, all)
	}
	e.End()
}

// ofTeams is what the agents of the unit's teams do now.
func (b *board) ofTeams(u *grouped) []*presentTeam {
	if b.present == nil {
		b.present = presentOf(b.v)
	}
	out := make([]*presentTeam, 0, len(u.teams))
	for _, team := range u.teams {
		if t := b.present.team(team); t != nil {
			out = append(out, t)
		}
	}
	return out
}

// writeUnit appends a unit of agents as an object. Those who have not logged in today have no metrics.
func (b *board) writeUnit(e *encode.Encoder, u *grouped) {
	var sum tally
	if b.p.metrics {
		known := teamTalliesOf(b.v.Directory, b.figures)
		for _, team := range u.teams {
			if t := known[team]; t != nil {
				sum.add(t)
			}
		}
		for _, t := range b.ofTeams(u) {
			t.addTo(&sum)
		}
	}
	b.writeGroup(e, u, func() {
		b.writeTogether(e, b.teamNumbers(u.teams), &sum, b.p.metrics && sum.loggedIn)
		if b.p.sessions {
			b.writeUnitSessions(e, u)
		}
		if b.p.breakdowns {
			b.writeBreakdowns(e, u.agents)
		}
	})
}

// writeTogether appends what agents with these numbers, an array, come to.
func (b *board) writeTogether(e *encode.Encoder, numbers []byte, sum *tally, metrics bool) {
	e.Name("entityIds")
	e.JSON(numbers)
	e.Name("type")
	e.String("agent")
	if metrics {
		writeAgentBags(e, sum, &b.p, false)
	}
}

// writeUnitSessions is writeSessions for a unit's agents.
func (b *board) writeUnitSessions(e *encode.Encoder, u *grouped) {
	b.sessions = b.sessions[:0]
	for _, t := range b.ofTeams(u) {
		b.sessions = t.appendSessions(b.sessions, b.v)
	}
	if len(u.teams) > 1 {
		slices.SortStableFunc(b.sessions, func(a, b session) int { return strings.Compare(a.PrimaryAgent, b.PrimaryAgent) })
	}
	writeSessions(e, b.sessions, &b.p, b.mask)
}

// writeSessions appends the field sessions, with what the agents are the primary agents of now.
func (b *board) writeSessions(e *encode.Encoder, all []*floor.Agent) {
	b.sessions = b.sessions[:0]
	for _, a := range all {
		if len(a.Live.Parts) > 0 {
			b.sessions = appendSessions(b.sessions, b.v, a.Live)
		}
	}
	writeSessions(e, b.sessions, &b.p, b.mask)
}

// writeAgent appends one agent as an object.
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
		b.writeSessions(e, []*floor.Agent{a})
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
