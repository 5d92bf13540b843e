package clarity

import (
	"slices"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// present is what the agents of each team do at one state of the floor. It never changes: the next one shares with it the teams in which
// nothing happened, so that an answer about all agents costs as much as what changed since the one before it.
type present struct {
	of     *presents
	change *schema.Change // the newest one that is in it
	teams  []*presentTeam // by seat.team
}

// presentTeam are the agents of one team, in order of id.
type presentTeam struct{ agents []presentAgent }

type presentAgent struct {
	loggedIn bool
	active   [numModalities]uint64
	sessions []session // without a view
}

// presents are the newest ones of a directory.
type presents struct {
	teams map[string]int32
	seats map[string]seat // of the agents who have a team

	recent floor.Recent[present]
}

// seat is an agent's place in a present.
type seat struct{ team, n int32 }

func newPresents(d *directory.Directory) *presents {
	k := &presents{teams: map[string]int32{}, seats: make(map[string]seat, len(d.Agents))}
	for _, a := range d.Agents {
		team := a.TeamID
		if _, known := k.teams[team]; known || team == "" {
			continue
		}
		k.teams[team] = int32(len(k.teams))
		for n, agent := range d.AgentsOfTeam(team) {
			k.seats[agent] = seat{k.teams[team], int32(n)}
		}
	}
	return k
}

// presentOf is the present of a view.
func presentOf(v *floor.View) *present {
	type key struct{}
	k := v.OfDirectory(key{}, func() any { return newPresents(v.Directory) }).(*presents)
	return k.recent.Of(func(base *present) *present { return k.advance(base, v) }, func() *present { return k.anew(v) })
}

// team is nil where the team has no agents.
func (p *present) team(id string) *presentTeam {
	n, ok := p.of.teams[id]
	if !ok {
		return nil
	}
	return p.teams[n]
}

func (k *presents) anew(v *floor.View) *present {
	p := &present{of: k, change: v.Floor.Changes, teams: make([]*presentTeam, len(k.teams))}
	for team, n := range k.teams {
		ids := v.Directory.AgentsOfTeam(team)
		p.teams[n] = &presentTeam{make([]presentAgent, len(ids))}
		for i, id := range ids {
			p.teams[n].agents[i] = presentAgentOf(v, id)
		}
	}
	return p
}

// advance is the present after the changes up to the view's, nil where these are not known.
func (k *presents) advance(p *present, v *floor.View) *present {
	switch {
	case v.Floor.Changes == nil || p.change == nil:
		return nil
	case p.change == v.Floor.Changes:
		return p
	}
	changed := map[string]seat{}
	mark := func(agent string) {
		if s, ok := k.seats[agent]; ok {
			changed[agent] = s
		}
	}
	for c := p.change; c != v.Floor.Changes; {
		if c = c.Next(); c == nil {
			return nil
		}
		if c.Agent != nil {
			mark(c.Agent.ID)
			continue
		}
		for i := range c.Interaction.Parts { // whoever is or was its primary agent among them
			mark(c.Interaction.Parts[i].Agent)
		}
	}
	out := &present{of: k, change: v.Floor.Changes, teams: slices.Clone(p.teams)}
	for id, s := range changed {
		if out.teams[s.team] == p.teams[s.team] {
			out.teams[s.team] = &presentTeam{slices.Clone(p.teams[s.team].agents)}
		}
		out.teams[s.team].agents[s.n] = presentAgentOf(v, id)
	}
	return out
}

func presentAgentOf(v *floor.View, id string) (out presentAgent) {
	live, ok := v.Floor.Agents.Get(id)
	if !ok {
		return out
	}
	out.loggedIn = live.Status != schema.LoggedOut
	for i := range live.Parts {
		if p := &live.Parts[i]; isActive(p) {
			out.active[modalityOf(p.Channel)]++
		}
	}
	if len(live.Parts) > 0 {
		out.sessions = appendSessions(nil, v, live)
		for i := range out.sessions {
			out.sessions[i].v = nil // else every state that was ever seen would stay in memory
		}
	}
	return out
}

// addTo adds what the team's agents have connected now.
func (t *presentTeam) addTo(sum *tally) {
	for i := range t.agents {
		a := &t.agents[i]
		sum.loggedIn = sum.loggedIn || a.loggedIn
		for m, n := range a.active {
			sum.active[m] += n
		}
	}
}

// appendSessions appends what the team's agents are the primary agents of.
func (t *presentTeam) appendSessions(out []session, v *floor.View) []session {
	for i := range t.agents {
		for _, s := range t.agents[i].sessions {
			s.v = v
			out = append(out, s)
		}
	}
	return out
}
