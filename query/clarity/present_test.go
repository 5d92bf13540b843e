package clarity

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// smallFloor is a live view of a few agents and interactions, which changes as the real one does: rows are replaced and linked.
type smallFloor struct {
	*directory.Store
	f      schema.Floor
	agents map[string]schema.Status
	of     map[string]*talk
}

// talk is an interaction: who takes part, and how far each is.
type talk struct {
	primary   string
	parts     map[string]schema.PartState
	recording bool
	ended     bool
}

func (s *smallFloor) Pin(string) (*schema.Floor, bool) {
	f := s.f
	f.Agents, f.Interactions = s.f.Agents.Copy(), s.f.Interactions.Copy()
	return &f, true
}

func (s *smallFloor) Metrics(string, int64, int64) (schema.LiveMetrics, bool) {
	return schema.LiveMetrics{}, false
}

func newSmallFloor(t require.TestingT, agents, teams int) *smallFloor {
	s := &smallFloor{Store: directory.NewStore(), agents: map[string]schema.Status{}, of: map[string]*talk{}, f: schema.Floor{ContactCenter: "6", AsOf: 1000,
		Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}}
	say := func(kind, id, data string) {
		require.NoError(t, s.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}))
	}
	for i := range teams {
		say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","number":%d,"business_unit_id":"b","queue_ids":[]}`, i+1))
	}
	for i := range agents {
		team := ""
		if n := i % (teams + 1); n < teams {
			team = fmt.Sprintf(`"team_id":"t%d",`, n)
		}
		say("agent", fmt.Sprint("a", i), fmt.Sprintf(`{"name":"A","login":"l","email":"e@x","role":"agent",%s"number":%d,"skills":[],"queue_ids":[],"campaign_ids":[]}`, team, i+1))
	}
	return s
}

func (s *smallFloor) link(c *schema.Change) {
	s.f.Version++
	s.f.Changes = s.f.Changes.Then(c)
}

func (s *smallFloor) publishAgent(id string) {
	a := &schema.LiveAgent{ID: id, Status: s.agents[id], StatusSince: int64(s.f.Version)}
	for _, n := range slices.Sorted(maps.Keys(s.of)) {
		if state, takesPart := s.of[n].parts[id]; takesPart && !s.of[n].ended {
			a.Parts = append(a.Parts, schema.LivePart{Interaction: n, Channel: schema.ChannelVoice, State: state})
		}
	}
	s.f.Agents.Set(id, a)
	s.link(&schema.Change{Agent: a})
}

func (s *smallFloor) publishTalk(id string, gone bool) {
	of := s.of[id]
	i := &schema.LiveInteraction{Interaction: schema.Interaction{ID: id, Channel: schema.ChannelVoice, State: schema.StateConnected, PrimaryAgent: of.primary,
		Start: 100, Connected: int64(200 + s.f.Version), Ended: schema.Open}, Recording: of.recording}
	if of.ended {
		i.State, i.Ended = schema.StateEnded, 900
	}
	for _, agent := range slices.Sorted(maps.Keys(of.parts)) {
		i.Parts = append(i.Parts, schema.Part{Agent: agent, Start: 200, Connected: 200, Ended: schema.Open})
	}
	s.f.Interactions.Set(id, i)
	if gone {
		s.f.Interactions.Delete(id)
	}
	s.link(&schema.Change{Interaction: i, Gone: gone})
}

// step changes something at random.
func (s *smallFloor) step(t *rapid.T, agents int) {
	agent := fmt.Sprint("a", rapid.IntRange(0, agents-1).Draw(t, "agent"))
	id := fmt.Sprint("i", rapid.IntRange(0, 3).Draw(t, "interaction"))
	of := s.of[id]
	switch what := rapid.SampledFrom([]string{"log in", "log out", "join", "join", "hold", "take over", "take over", "record", "end", "leave"}).Draw(t, "what"); {
	case what == "log in":
		s.agents[agent] = schema.Available
		s.publishAgent(agent)
	case what == "log out":
		s.agents[agent] = schema.LoggedOut
		s.publishAgent(agent)
	case what == "join" && of == nil:
		s.of[id] = &talk{primary: agent, parts: map[string]schema.PartState{agent: schema.StateConnected}}
		s.publishAgent(agent)
		s.publishTalk(id, false)
	case of == nil:
	case what == "join" && !of.ended:
		of.parts[agent] = schema.StateConnected
		s.publishTalk(id, false)
		s.publishAgent(agent)
	case what == "hold" && of.parts[agent] != 0:
		of.parts[agent] = rapid.SampledFrom([]schema.PartState{schema.StateConnected, schema.StateHeld, schema.StateParked}).Draw(t, "state")
		s.publishAgent(agent)
	case what == "take over" && of.parts[agent] != 0: // of the agents' own rows nothing changes
		of.primary = agent
		s.publishTalk(id, false)
	case what == "record":
		of.recording = !of.recording
		s.publishTalk(id, false)
	case what == "end" && !of.ended:
		of.ended = true
		s.publishTalk(id, false)
		for agent := range of.parts {
			s.publishAgent(agent)
		}
	case what == "leave" && of.ended:
		s.publishTalk(id, true)
		delete(s.of, id)
	}
}

// What is kept from one state to the next is what a state comes to on its own, also where requests overlap and ask for an older one.
func TestPresent_EqualsFromScratch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const agents, teams = 7, 2
		s := newSmallFloor(t, agents, teams)
		source := floor.NewSource(s, s, nil, time.Now)
		older := source.View("6")
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			for range rapid.IntRange(0, 8).Draw(t, "changes") {
				s.step(t, agents)
			}
			newest := source.View("6")
			seen := []*floor.View{newest}
			if rapid.Bool().Draw(t, "overlap") {
				seen = append(seen, older)
			}
			for _, v := range seen {
				is := presentOf(v)
				require.Len(t, is.of.teams, teams)
				requireSamePresent(t, is.of.anew(v), is)
			}
			older = newest
		}
	})
}

func requireSamePresent(t require.TestingT, want, is *present) {
	require.Len(t, is.teams, len(want.teams))
	for n := range want.teams {
		require.Equal(t, want.teams[n].agents, is.teams[n].agents)
		for _, a := range is.teams[n].agents {
			for i := range a.sessions {
				require.Nil(t, a.sessions[i].v, "a state is kept in memory")
			}
		}
	}
}

func TestPresent_TeamsThatNothingHappenedTo_Shared(t *testing.T) {
	s := newSmallFloor(t, 4, 2)
	source := floor.NewSource(s, s, nil, time.Now)
	s.agents["a0"] = schema.Available
	s.publishAgent("a0")
	before := presentOf(source.View("6"))
	s.agents["a1"] = schema.Available
	s.publishAgent("a1")
	after := presentOf(source.View("6"))
	require.Same(t, before.team("t0"), after.team("t0"))
	require.NotSame(t, before.team("t1"), after.team("t1"))
	require.True(t, after.team("t1").agents[0].loggedIn)
}
