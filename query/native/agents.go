package native

import (
	"strconv"
	"strings"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// agentRow is an agent in the state that it is shown in.
type agentRow struct {
	*floor.Agent
	s *agentState
}

// agentState is what the rows of one answer share.
type agentState struct {
	v          *floor.View
	today      *floor.Figures // nil where today is not known, or not asked for
	fields     []metric.Field
	thresholds metric.Thresholds
	options    metric.Options
}

func (a *API) agentState(v *floor.View, today bool) *agentState {
	s := &agentState{v: v, fields: a.agentToday}
	if today {
		s.today = a.Source.Figures(v, "today")
		s.thresholds = v.Thresholds(0)
		s.options = metric.Options{Formula: v.Formula(), Threshold: s.thresholds.Fallback()}
	}
	return s
}

var agentFilters = []string{"id", "number", "name", "login", "status", "presence", "team", "group", "business_unit", "queue", "campaign",
	"skill", "channel", "role", "logged_in", "suspended", "status_longer_than"}

func (a *API) listAgents(r *request) error {
	f := readAgentFilter(r.q)
	p, v, m, err := page(a, r, a.agentTable, agentFilters...)
	if err != nil {
		return err
	}
	f.resolve(v)
	s := a.agentState(v, p.Wants("today"))
	var rows []agentRow
	for _, agent := range v.Agents() {
		if f.match(agent) {
			rows = append(rows, agentRow{agent, s})
		}
	}
	return list.Answer(r.Ctx, a.agentTable, rows, p, m)
}

func (a *API) oneAgent(r *request) error {
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	r.q.Only()
	if err := r.q.Err(); err != nil {
		return err
	}
	v := a.Source.View(r.contactCenter)
	agent, ok := v.Agent(id)
	if !ok {
		return problem.NotFound("agent", id)
	}
	row := agentRow{agent, a.agentState(v, true)}
	return list.One(r.Ctx, func(e *list.Encoder) { a.agentTable.Row(e, row) })
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
	f := &agentFilter{id: q.Set("id"), number: q.Set("number"), login: q.Set("login"), status: q.Enum("status", schema.StatusNames()),
		presence: q.Enum("presence", presenceNames()), team: q.Set("team"), group: q.Set("group"), businessUnit: q.Set("business_unit"),
		queue: q.Set("queue"), campaign: q.Set("campaign"), skill: q.Set("skill"), channel: q.Enum("channel", schema.ChannelNames()),
		role: q.Enum("role", []string{"agent", "supervisor", "admin"})}
	names, _ := q.Strings("name")
	for _, s := range names {
		f.name = append(f.name, strings.ToLower(s))
	}
	for s := range f.number {
		if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 1 || n > 1<<31-1 {
			q.Fail(problem.BadValue("number", s, "whole numbers from 1 to 2147483647"))
		}
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

func (f *agentFilter) match(a *floor.Agent) bool {
	return f.matchLive(a) && f.matchEntry(a) && f.matchPlace(a.Place)
}

func (f *agentFilter) matchLive(a *floor.Agent) bool {
	live := a.Live
	switch {
	case f.status != nil && !f.status[live.Status.String()],
		f.presence != nil && !f.presence[live.Presence.Status.String()],
		f.hasLoggedIn && f.loggedIn != a.LoggedIn(),
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
