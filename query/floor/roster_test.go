package floor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// changing is a live view whose agents change, with the chain of what changed.
type changing struct{ f schema.Floor }

func (c *changing) Pin(string) (*schema.Floor, bool) {
	f := c.f
	f.Agents, f.Interactions = c.f.Agents.Copy(), c.f.Interactions.Copy()
	return &f, true
}

func (c *changing) Metrics(string, int64, int64) (schema.LiveMetrics, bool) {
	return schema.LiveMetrics{}, false
}

func (c *changing) change(id string, status schema.Status, suspended bool, assignment *schema.LiveAssignment) {
	a := &schema.LiveAgent{ID: id, Status: status, Suspended: suspended, Assignment: assignment, StatusSince: int64(c.f.Version)}
	c.f.Agents.Set(id, a)
	c.f.Changes = c.f.Changes.Then(&schema.Change{Agent: a})
	c.f.Version++
}

// Views that are made from the one before show what a view that is joined anew shows, and pinned ones stay as they were.
func TestRoster_AdvancedIsAsJoinedAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := directory.NewStore()
		say := func(kind, id, data string) {
			require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}))
		}
		agents := rapid.IntRange(1, 400).Draw(t, "agents")
		for i := range 5 {
			say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","business_unit_id":"b","queue_ids":["q%d"]}`, i%3))
		}
		for i := range agents {
			say("agent", fmt.Sprintf("a%03d", i), fmt.Sprintf(`{"name":"A","login":"l","email":"e","role":"agent","team_id":"t%d","skills":[],"queue_ids":[],"campaign_ids":[]}`, i%5))
		}
		live := &changing{schema.Floor{ContactCenter: "6", Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}}
		source := floor.NewSource(live, store, nil, time.Now)
		tester := &floor.Tester{Selection: floor.Selection{Place: inQueue}}
		var old []*floor.View
		var oldRows [][]*floor.Agent
		for range rapid.IntRange(1, 6).Draw(t, "versions") {
			for range rapid.IntRange(0, 20).Draw(t, "changes") {
				id := fmt.Sprintf("a%03d", rapid.IntRange(0, agents+3).Draw(t, "agent")) // some are not in the directory
				var assignment *schema.LiveAssignment
				if rapid.IntRange(0, 5).Draw(t, "assigned") == 0 {
					assignment = &schema.LiveAssignment{QueueIDs: []string{fmt.Sprint("q", rapid.IntRange(0, 9).Draw(t, "queue"))}}
				}
				live.change(id, rapid.SampledFrom([]schema.Status{schema.Available, schema.OnCall, schema.LoggedOut, schema.Break}).Draw(t, "status"),
					rapid.Bool().Draw(t, "suspended"), assignment)
			}
			if rapid.IntRange(0, 9).Draw(t, "directory") == 0 {
				say("team", "t0", fmt.Sprintf(`{"name":"T","business_unit_id":"b","queue_ids":["q%d"]}`, rapid.IntRange(0, 9).Draw(t, "moved")))
			}
			v := source.View("6")
			if rapid.Bool().Draw(t, "counted at once") { // else after newer ones
				requireSame(t, floor.NewView("6", v.Floor, v.Directory, 0), v)
			}
			for _, a := range v.Agents() {
				row, ok := v.Row(a.ID)
				require.True(t, ok)
				require.Same(t, a, row)
				require.Equal(t, inQueue(a.Place), tester.Test(a), a.ID)
			}
			old, oldRows = append(old, v), append(oldRows, v.Agents())
		}
		for i, v := range old {
			requireSame(t, floor.NewView("6", v.Floor, v.Directory, 0), v)
			require.Equal(t, oldRows[i], v.Agents())
		}
	})
}

func inQueue(p *floor.Place) bool { return len(p.QueueIDs) > 0 && p.QueueIDs[0] == "q1" }

func requireSame(t *rapid.T, want, got *floor.View) {
	rows := func(agents []*floor.Agent) []string {
		out := make([]string, len(agents))
		for i, a := range agents {
			out[i] = fmt.Sprint(a.ID, a.Live, a.Place.QueueIDs, a.Place.Team)
		}
		return out
	}
	require.Equal(t, rows(want.Agents()), rows(got.Agents()))
	wanted := [schema.NumStatuses]bool{}
	wanted[schema.Available], wanted[schema.Break] = true, true
	var simple, selected []*floor.Agent
	for _, a := range want.Agents() {
		if wanted[a.Live.Status] && inQueue(a.Place) && a.LoggedIn() && !a.Live.Suspended {
			simple = append(simple, a)
		}
	}
	got.Select(floor.Selection{Status: &wanted, Place: inQueue, Agent: func(a *floor.Agent) bool { return !a.Live.Suspended }},
		func(a floor.Picked) { selected = append(selected, a.Agent) })
	require.Equal(t, rows(simple), rows(selected))
	selected = nil
	got.Select(floor.Selection{AnyOrder: true}, func(a floor.Picked) { selected = append(selected, a.Agent) })
	require.ElementsMatch(t, rows(want.Agents()), rows(selected))
	for _, by := range append(floor.GroupDimensions(), "") {
		for _, s := range []floor.Selection{{}, {Place: inQueue}, {Status: &wanted}} {
			require.Equal(t, groups(want.Groups(by, s)), groups(got.Groups(by, s)), by)
		}
	}
	for _, queue := range []string{"q0", "q1", "q9"} {
		var heads floor.Heads
		for _, a := range want.Agents() {
			for _, id := range a.Place.QueueIDs {
				if id == queue {
					heads.Add(a)
				}
			}
		}
		require.Equal(t, heads, got.QueueStaff(queue).Heads, queue)
	}
}

func groups(list []floor.Group) map[string]floor.Staff {
	out := map[string]floor.Staff{}
	for _, g := range list {
		out[g.ID] = *g.Staff
	}
	return out
}

// Head-counts by group are what counting every agent comes to.
func TestGroups_AreWhatTheirAgentsComeTo(t *testing.T) {
	store := directory.NewStore()
	say := func(kind, id, data string) {
		require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}))
	}
	say("team", "t0", `{"name":"T","business_unit_id":"b","queue_ids":["q0","q1"]}`)
	say("team", "t1", `{"name":"T","business_unit_id":"b","queue_ids":[]}`)
	for i, team := range []string{"t0", "t0", "t1", "t0"} {
		say("agent", fmt.Sprint("a", i), fmt.Sprintf(`{"name":"A","login":"l","email":"e","role":"agent","team_id":%q,"skills":[],"queue_ids":[],"campaign_ids":[]}`, team))
	}
	live := &changing{schema.Floor{ContactCenter: "6", Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}}
	live.change("a0", schema.Available, false, nil)
	live.change("a1", schema.Available, true, nil)
	live.change("a2", schema.OnCall, false, nil)
	live.change("stranger", schema.LoggedOut, false, nil)
	v := floor.NewSource(live, store, nil, time.Now).View("6")
	available, onCall := floor.Heads{LoggedIn: 2, LoggedOut: 1, Suspended: 1}, floor.Heads{LoggedIn: 1}
	available.ByStatus[schema.Available], onCall.ByStatus[schema.OnCall] = 1, 1
	inTeam := floor.Staff{Heads: available, Total: 3, Staffed: 2, Ready: 1, Available: 1, Effective: 1}
	nobody := floor.Staff{Heads: floor.Heads{LoggedOut: 1}, Total: 1}
	require.Equal(t, map[string]floor.Staff{"t0": inTeam, "t1": {Heads: onCall, Total: 1, Ready: 1, Effective: 1}, "": nobody}, groups(v.Groups("team", floor.Selection{})))
	inTeam.Effective = 0.5
	of := groups(v.Groups("queue", floor.Selection{}))
	require.Equal(t, inTeam, of["q0"])
	require.Equal(t, inTeam, of["q1"])
	require.Equal(t, inTeam, v.QueueStaff("q1"))
	require.Zero(t, v.QueueStaff(""), "no queue")
}
