package clarity

import (
	"slices"

	"floorwalker/query/floor"
	"floorwalker/schema/directory"
)

// Roles of agents in the directory.
const (
	roleSupervisor = "supervisor"
	roleAdmin      = "admin"
)

// rights are what one agent may see (surfaces.md, section Clarity, Rights): itself and the queues that it serves; a supervisor also
// its team, the teams of its permissions, of their groups and of their business units, with the queues that these teams serve or
// that belong to these business units; an admin everything.
type rights struct {
	v      *floor.View
	me     *floor.Agent
	all    bool
	teams  map[string]bool
	groups map[string]bool // that the permissions name
	units  map[string]bool // that the permissions name
}

func rightsOf(v *floor.View, me *floor.Agent) *rights {
	r := &rights{v: v, me: me, all: me.Entry.Role == roleAdmin, teams: map[string]bool{}, groups: map[string]bool{}, units: map[string]bool{}}
	if me.Entry.Role != roleSupervisor {
		return r
	}
	p, d := &me.Entry.Permissions, v.Directory
	r.addTeams(me.Entry.TeamID)
	r.addTeams(p.TeamIDs...)
	for _, id := range p.GroupIDs {
		r.groups[id] = true
		r.addTeams(d.TeamsOfGroup(id)...)
	}
	for _, id := range p.BusinessUnitIDs {
		r.units[id] = true
		r.addTeams(d.TeamsOfBusinessUnit(id)...)
	}
	return r
}

func (r *rights) addTeams(ids ...string) {
	for _, id := range ids {
		if id != "" {
			r.teams[id] = true
		}
	}
}

func (r *rights) agent(a *floor.Agent) bool {
	return r.all || a.ID == r.me.ID || a.Entry.TeamID != "" && r.teams[a.Entry.TeamID]
}

func (r *rights) team(id string) bool { return r.all || r.teams[id] }

// group reports whether all of a group is visible: the permissions name it, or all of its teams are visible.
func (r *rights) group(id string) bool {
	return r.all || r.groups[id] || r.every(r.v.Directory.TeamsOfGroup(id))
}

// unit reports whether all of a business unit is visible, likewise.
func (r *rights) unit(id string) bool {
	return r.all || r.units[id] || r.every(r.v.Directory.TeamsOfBusinessUnit(id))
}

func (r *rights) every(teams []string) bool {
	return len(teams) > 0 && !slices.ContainsFunc(teams, func(id string) bool { return !r.teams[id] })
}

func (r *rights) queue(id string) bool {
	if r.all || slices.Contains(r.me.Place.QueueIDs, id) {
		return true
	}
	d := r.v.Directory
	if q := d.Queues[id]; q != nil && q.BusinessUnitID != "" && r.units[q.BusinessUnitID] {
		return true
	}
	return slices.ContainsFunc(d.TeamsOfQueue(id), func(team string) bool { return r.teams[team] })
}

// session reports whether an interaction is visible: its primary agent is or, while it has none, its queue.
func (r *rights) session(i *floor.Interaction) bool {
	if r.all {
		return true
	}
	if i.PrimaryAgent != "" {
		a, ok := agentByID(r.v, i.PrimaryAgent)
		return ok && r.agent(a)
	}
	return i.Queue != "" && r.queue(i.Queue)
}

// agentByID is an agent by its very id.
func agentByID(v *floor.View, id string) (*floor.Agent, bool) {
	a, ok := v.Agent(id)
	return a, ok && a.ID == id
}

// structure is what GET mbu lists: the visible entities and those that contain them, in order of id.
type structure struct {
	agents                        []*floor.Agent
	queues, teams, groups, units  []string
	inQueues, inTeams             map[string]bool
	inGroups, inUnits, agentsSeen map[string]bool
}

func (r *rights) structure() *structure {
	d := r.v.Directory
	s := &structure{inQueues: map[string]bool{}, inTeams: map[string]bool{}, inGroups: map[string]bool{}, inUnits: map[string]bool{}, agentsSeen: map[string]bool{}}
	for _, a := range r.v.Agents() {
		if !r.agent(a) {
			continue
		}
		s.agents = append(s.agents, a)
		s.agentsSeen[a.ID] = true
		if d.Teams[a.Entry.TeamID] != nil {
			s.inTeams[a.Entry.TeamID] = true
		}
	}
	for _, id := range r.v.QueueIDs() {
		if r.queue(id) {
			s.queues = append(s.queues, id)
			s.inQueues[id] = true
			if q := d.Queues[id]; q != nil && d.BusinessUnits[q.BusinessUnitID] != nil {
				s.inUnits[q.BusinessUnitID] = true
			}
		}
	}
	for _, id := range d.IDs(directory.KindTeam) {
		if !r.team(id) && !s.inTeams[id] {
			continue
		}
		s.teams = append(s.teams, id)
		s.inTeams[id] = true
		for _, group := range d.GroupsOfTeam(id) {
			s.inGroups[group] = true
		}
		if unit := d.BusinessUnitOfTeam(id); d.BusinessUnits[unit] != nil {
			s.inUnits[unit] = true
		}
	}
	s.groups = keep(d.IDs(directory.KindGroup), s.inGroups, r.group)
	s.units = keep(d.IDs(directory.KindBusinessUnit), s.inUnits, r.unit)
	return s
}

// keep are the ids that contain something visible, or are visible themselves; it marks them.
func keep(ids []string, containing map[string]bool, visible func(string) bool) (out []string) {
	for _, id := range ids {
		if containing[id] || visible(id) {
			containing[id] = true
			out = append(out, id)
		}
	}
	return out
}
