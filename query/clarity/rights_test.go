package clarity

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// organisation is a random structure, as the directory's topic says it.
type organisation struct {
	units             []string
	teams             map[string]team
	groups            map[string][]string
	queues            map[string]queueEntry
	agents            map[string]agentEntry
	sessions          map[string]sessionEntry
	teamIDs, queueIDs []string
}

type team struct {
	unit   string
	queues []string
}

type queueEntry struct {
	unit  string
	teams []string
}

type agentEntry struct {
	team, role           string
	queues               []string
	teams, groups, units []string
}

type sessionEntry struct{ primary, queue string }

func drawOrganisation(t *rapid.T) *organisation {
	names := func(prefix string, most int) []string {
		out := []string{}
		for i := range rapid.IntRange(0, most).Draw(t, prefix) {
			out = append(out, fmt.Sprint(prefix, i))
		}
		return out
	}
	some := func(of []string, label string) []string {
		out := []string{}
		for _, id := range of {
			if rapid.IntRange(0, 2).Draw(t, label+" "+id) == 0 {
				out = append(out, id)
			}
		}
		return out
	}
	oneOf := func(of []string, label string) string {
		return rapid.SampledFrom(append([]string{""}, of...)).Draw(t, label)
	}
	o := &organisation{units: append(names("u", 3), "u"), teams: map[string]team{}, groups: map[string][]string{}, queues: map[string]queueEntry{},
		agents: map[string]agentEntry{}, sessions: map[string]sessionEntry{}}
	o.teamIDs, o.queueIDs = names("t", 4), names("q", 4)
	for _, id := range o.teamIDs {
		o.teams[id] = team{rapid.SampledFrom(o.units).Draw(t, "unit of "+id), some(o.queueIDs, "queues of "+id)}
	}
	groups := names("g", 3)
	for _, id := range groups {
		o.groups[id] = some(o.teamIDs, "teams of "+id)
	}
	for _, id := range o.queueIDs {
		o.queues[id] = queueEntry{oneOf(o.units, "unit of "+id), some(o.teamIDs, "teams of "+id)}
	}
	ids := append(names("a", 4), "a")
	for _, id := range ids {
		o.agents[id] = agentEntry{oneOf(o.teamIDs, "team of "+id), rapid.SampledFrom([]string{"agent", "supervisor", "supervisor", "admin"}).Draw(t, "role of "+id),
			some(o.queueIDs, "own queues of "+id), some(o.teamIDs, "named teams of "+id), some(groups, "named groups of "+id), some(o.units, "named units of "+id)}
	}
	for _, id := range names("i", 4) {
		o.sessions[id] = sessionEntry{oneOf(ids, "primary of "+id), oneOf(o.queueIDs, "queue of "+id)}
	}
	return o
}

func (o *organisation) view(t *rapid.T) *floor.View {
	store := directory.NewStore()
	say := func(kind, id string, data any) {
		raw, err := json.Marshal(data)
		require.NoError(t, err)
		require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: raw}))
	}
	type object map[string]any
	for _, id := range o.units {
		say("business_unit", id, object{"name": id})
	}
	for id, e := range o.teams {
		say("team", id, object{"name": id, "business_unit_id": e.unit, "queue_ids": e.queues})
	}
	for id, teams := range o.groups {
		say("group", id, object{"name": id, "team_ids": teams})
	}
	for id, q := range o.queues {
		data := object{"name": id, "team_ids": q.teams}
		if q.unit != "" {
			data["business_unit_id"] = q.unit
		}
		say("queue", id, data)
	}
	for id, a := range o.agents {
		data := object{"name": id, "login": id, "email": id, "skills": []string{}, "campaign_ids": []string{}, "role": a.role, "queue_ids": a.queues,
			"permissions": object{"team_ids": a.teams, "group_ids": a.groups, "business_unit_ids": a.units}}
		if a.team != "" {
			data["team_id"] = a.team
		}
		say("agent", id, data)
	}
	return floor.NewView("6", nil, store.Snapshot("6"), 0)
}

// The rule in plain words of the specification, over what was said and nothing that the package makes of it.
func (o *organisation) seesTeam(me, id string) bool {
	a := o.agents[me]
	if a.role == "admin" {
		return true
	}
	if a.role != "supervisor" {
		return false
	}
	if a.team == id || slices.Contains(a.teams, id) || slices.Contains(a.units, o.teams[id].unit) {
		return true
	}
	for _, g := range a.groups {
		if slices.Contains(o.groups[g], id) {
			return true
		}
	}
	return false
}

func (o *organisation) seesAgent(me, id string) bool {
	return me == id || o.agents[me].role == "admin" || o.agents[id].team != "" && o.seesTeam(me, o.agents[id].team)
}

func (o *organisation) served(team, queue string) bool {
	return slices.Contains(o.teams[team].queues, queue) || slices.Contains(o.queues[queue].teams, team)
}

func (o *organisation) seesQueue(me, id string) bool {
	a := o.agents[me]
	if a.role == "admin" || slices.Contains(a.queues, id) || a.team != "" && o.served(a.team, id) {
		return true
	}
	if a.role == "supervisor" && o.queues[id].unit != "" && slices.Contains(a.units, o.queues[id].unit) {
		return true
	}
	for _, t := range o.teamIDs {
		if o.served(t, id) && o.seesTeam(me, t) {
			return true
		}
	}
	return false
}

func (o *organisation) seesSession(me string, s sessionEntry) bool {
	if o.agents[me].role == "admin" {
		return true
	}
	if s.primary != "" {
		return o.seesAgent(me, s.primary)
	}
	return s.queue != "" && o.seesQueue(me, s.queue)
}

func (o *organisation) seesAll(me string, teams []string) bool {
	for _, t := range teams {
		if !o.seesTeam(me, t) {
			return false
		}
	}
	return len(teams) > 0
}

func TestRights_AreThoseOfTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOrganisation(t)
		v := o.view(t)
		for me, entry := range o.agents {
			a, ok := v.Agent(me)
			require.True(t, ok)
			r := rightsOf(v, a)
			for id := range o.agents {
				other, _ := v.Agent(id)
				require.Equal(t, o.seesAgent(me, id), r.agent(other), "%s sees agent %s", me, id)
			}
			for _, id := range o.teamIDs {
				require.Equal(t, o.seesTeam(me, id), r.team(id), "%s sees team %s", me, id)
			}
			for _, id := range o.queueIDs {
				require.Equal(t, o.seesQueue(me, id), r.queue(id), "%s sees queue %s", me, id)
			}
			admin, supervisor := entry.role == "admin", entry.role == "supervisor"
			for id, teams := range o.groups {
				require.Equal(t, admin || supervisor && slices.Contains(entry.groups, id) || o.seesAll(me, teams), r.group(id), "%s sees group %s", me, id)
			}
			for _, id := range o.units {
				require.Equal(t, admin || supervisor && slices.Contains(entry.units, id) || o.seesAll(me, o.teamsOf(id)), r.unit(id), "%s sees unit %s", me, id)
			}
			for id, s := range o.sessions {
				i := floor.NewInteraction(&schema.LiveInteraction{Interaction: schema.Interaction{ID: id, PrimaryAgent: s.primary, Queue: s.queue}})
				require.Equal(t, o.seesSession(me, s), r.session(i), "%s sees session %s", me, id)
			}
		}
	})
}

func (o *organisation) teamsOf(unit string) (out []string) {
	for _, id := range o.teamIDs {
		if o.teams[id].unit == unit {
			out = append(out, id)
		}
	}
	return out
}

// The structure lists exactly the visible entities and those that contain them.
func TestStructure_VisibleAndWhatContainsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOrganisation(t)
		v := o.view(t)
		for me, entry := range o.agents {
			a, _ := v.Agent(me)
			s := rightsOf(v, a).structure()
			var agents, queues, teams, groups, units []string
			holds := map[string]bool{}
			for id, e := range o.agents {
				if o.seesAgent(me, id) {
					agents = append(agents, id)
					holds[e.team] = true
				}
			}
			for id, q := range o.queues {
				if o.seesQueue(me, id) {
					queues = append(queues, id)
					holds[q.unit] = true
				}
			}
			for _, id := range o.teamIDs {
				if !holds[id] && !o.seesTeam(me, id) {
					continue
				}
				teams = append(teams, id)
				holds[o.teams[id].unit] = true
				for g, members := range o.groups {
					holds[g] = holds[g] || slices.Contains(members, id)
				}
			}
			admin, supervisor := entry.role == "admin", entry.role == "supervisor"
			for id := range o.groups {
				if holds[id] || admin || supervisor && slices.Contains(entry.groups, id) {
					groups = append(groups, id)
				}
			}
			for _, id := range o.units {
				if holds[id] || admin || supervisor && slices.Contains(entry.units, id) {
					units = append(units, id)
				}
			}
			var listed []string
			for _, one := range s.agents {
				listed = append(listed, one.ID)
			}
			require.ElementsMatch(t, agents, listed)
			require.ElementsMatch(t, queues, s.queues)
			require.ElementsMatch(t, teams, s.teams)
			require.ElementsMatch(t, groups, s.groups)
			require.ElementsMatch(t, units, s.units)
		}
	})
}
