package native

import (
	"strconv"
	"strings"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// agentRow is an agent in the state that it is shown in.
type agentRow struct {
	floor.Picked
	s *agentState
}

// agentState is what the rows of one answer share.
type agentState struct {
	v          *floor.View
	mask       *mask.Mask
	today      *floor.Figures // nil where today is not known, or not asked for
	fields     []metric.Field
	thresholds metric.Thresholds
	options    metric.Options
}

func (a *API) agentState(v *floor.View, today bool, m *mask.Mask) *agentState {
	s := &agentState{v: v, fields: a.agentToday, mask: m}
	if today {
		s.today = a.Source.Figures(v, "today")
		s.thresholds = v.Thresholds(0)
		s.options = metric.Options{Formula: v.Formula(), Threshold: s.thresholds.Fallback()}
	}
	return s
}

func agentFilters() []route.Parameter {
	return []route.Parameter{
		ids("id", "only these agents"),
		route.InQuery("number", "only agents with these numbers", route.Integer(1, 1<<31-1)).Comma(),
		texts("name", "only agents whose name holds one of these, in any case"),
		texts("login", "only agents who sign in by these"),
		words("status", "only agents in these effective statuses", schema.StatusNames()),
		words("presence", "only agents who are present so", presenceNames()),
		ids("team", "only agents of these teams"),
		ids("group", "only agents of teams of these groups"),
		ids("business_unit", "only agents of teams of these business units"),
		ids("queue", "only agents assigned to these queues"),
		ids("campaign", "only agents assigned to these campaigns"),
		texts("skill", "only agents who have one of these skills"),
		words("channel", "only agents with an interaction of these channels", schema.ChannelNames()),
		words("role", "only agents with these roles", []string{"agent", "supervisor", "admin"}),
		flag("logged_in", "only agents with a session, or only those without"),
		flag("suspended", "only agents who are suspended, or only those who are not"),
		seconds("status_longer_than", "only agents in their effective status for longer than so many seconds"),
	}
}

func (a *API) agentOperations() []route.Operation {
	t, agent := a.agentTable, a.agentTable.Schema().Named("Agent")
	return []route.Operation{
		a.get("/agents", "listAgents", "Agents as they are now", t.Response("Agent", "agents in order of id, or as sort says"), a.listAgents,
			t.Parameters(agentFilters()...)...),
		a.get("/agents/summary", "summarizeAgents", "Head-counts by effective status", summaryTable("").Response("AgentSummary", "one row per group"),
			a.summary, summaryTable("").Parameters(append([]route.Parameter{summaryGrouping()}, agentFilters()...)...)...),
		a.one("/agents/{id}", "getAgent", "One agent as it is now", agent, a.oneAgent),
		a.timelineOperation(),
	}
}

func (a *API) listAgents(r *request) error {
	f := readAgentFilter(r.q)
	p, v, m, err := page(a, r, a.agentTable)
	if err != nil {
		return err
	}
	f.resolve(v)
	if f.hasLongerMs {
		m.TagMoment()
	}
	s := a.agentState(v, p.Wants("today"), r.mask(a))
	if p.Wants("interactions") { // with their customers
		auditExport(r, "agents.export", p, s.mask)
	}
	rows := a.agentTable.Collect(p)
	wanted := f.selection()
	wanted.AnyOrder = len(p.Sort) > 0
	v.Select(wanted, func(agent floor.Picked) { rows.Add(agentRow{agent, s}) })
	return rows.Answer(r.Ctx, m)
}

func (a *API) oneAgent(r *request) error {
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	return a.sendAgent(r, id)
}

// agentFilter is what /agents and /agents/summary select by; nil sets select everything.
type agentFilter struct {
	v                                      *floor.View
	id, number, login, status, presence    map[string]bool
	team, group, businessUnit              map[string]bool
	queue, campaign, skill, channel, role  map[string]bool
	name                                   []string
	loggedIn, suspended                    bool
	hasLoggedIn, hasSuspended, hasLongerMs bool
	longerMs                               int64
}

func readAgentFilter(q *list.Query) *agentFilter {
	f := &agentFilter{id: q.Set("id"), number: q.Set("number"), login: q.Set("login"), status: q.Set("status"),
		presence: q.Set("presence"), team: q.Set("team"), group: q.Set("group"), businessUnit: q.Set("business_unit"),
		queue: q.Set("queue"), campaign: q.Set("campaign"), skill: q.Set("skill"), channel: q.Set("channel"),
		role: q.Set("role")}
	names, _ := q.Strings("name")
	for _, s := range names {
		f.name = append(f.name, strings.ToLower(s))
	}
	f.loggedIn, f.hasLoggedIn = q.Bool("logged_in")
	f.suspended, f.hasSuspended = q.Bool("suspended")
	f.longerMs, f.hasLongerMs = q.Seconds("status_longer_than")
	return f
}

func presenceNames() []string {
	var names []string
	for s := schema.LoggedOut; s.IsPresence(); s++ {
		names = append(names, s.String())
	}
	return names
}

// resolve turns numbers into ids.
func (f *agentFilter) resolve(v *floor.View) {
	f.v = v
	f.id = v.IDs(directory.KindAgent, f.id)
	f.team = v.IDs(directory.KindTeam, f.team)
	f.group = v.IDs(directory.KindGroup, f.group)
	f.businessUnit = v.IDs(directory.KindBusinessUnit, f.businessUnit)
	f.queue = v.IDs(directory.KindQueue, f.queue)
	f.campaign = v.IDs(directory.KindCampaign, f.campaign)
}

// selection is the filter in the order of what it costs: status, place, the rest.
func (f *agentFilter) selection() floor.Selection {
	out := floor.Selection{Status: f.statuses()}
	if f.team != nil || f.businessUnit != nil || f.group != nil || f.queue != nil || f.campaign != nil || f.skill != nil {
		out.Place = f.matchPlace
	}
	if f.presence != nil || f.hasSuspended || f.hasLongerMs || f.channel != nil || f.id != nil || f.login != nil || f.role != nil ||
		f.number != nil || f.name != nil {
		out.Agent = func(a *floor.Agent) bool { return f.matchLive(a) && f.matchEntry(a) }
	}
	return out
}

// statuses joins status and logged_in; nil selects every status.
func (f *agentFilter) statuses() *[schema.NumStatuses]bool {
	if f.status == nil && !f.hasLoggedIn {
		return nil
	}
	var out [schema.NumStatuses]bool
	for s := range out {
		status := schema.Status(s)
		out[s] = (f.status == nil || f.status[status.String()]) && (!f.hasLoggedIn || f.loggedIn == (status != schema.LoggedOut))
	}
	return &out
}

func (f *agentFilter) matchLive(a *floor.Agent) bool {
	live := a.Live
	switch {
	case f.presence != nil && !f.presence[live.Presence.Status.String()],
		f.hasSuspended && f.suspended != live.Suspended,
		f.hasLongerMs && (live.StatusSince == schema.NoTime || f.v.AsOf-live.StatusSince <= f.longerMs):
		return false
	}
	if f.channel == nil {
		return true
	}
	for i := range live.Parts {
		if f.channel[live.Parts[i].Channel.String()] && !isMark(live.Parts[i].State) {
			return true
		}
	}
	return false
}

func isMark(s schema.PartState) bool {
	return s == schema.StateDeclined || s == schema.StateFailed
}

func (f *agentFilter) matchEntry(a *floor.Agent) bool {
	switch {
	case f.id != nil && !f.id[a.ID],
		f.login != nil && !f.login[a.Entry.Login],
		f.role != nil && !f.role[a.Entry.Role]:
		return false
	}
	if f.number != nil {
		n, ok := f.v.NumberOf(directory.KindAgent, a.ID)
		if !ok || !f.number[strconv.Itoa(int(n))] {
			return false
		}
	}
	return f.name == nil || containsAny(a.Entry.Name, f.name)
}

func containsAny(name string, parts []string) bool {
	name = strings.ToLower(name)
	for _, part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func (f *agentFilter) matchPlace(p *floor.Place) bool {
	switch {
	case f.team != nil && (p.Team == nil || !f.team[p.Team.ID]),
		f.businessUnit != nil && !f.businessUnit[p.BusinessUnitID],
		f.group != nil && !list.Any(f.group, p.GroupIDs),
		f.queue != nil && !list.Any(f.queue, p.QueueIDs),
		f.campaign != nil && !list.Any(f.campaign, p.CampaignIDs),
		f.skill != nil && !list.Any(f.skill, p.Skills):
		return false
	}
	return true
}
