package ameyo

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// A page is what lies there in the whole table, and the total is the table's length, whatever is leapt over on the way.
func TestPage_IsCutOutOfTheWholeTable(t *testing.T) {
	const most = 10_000
	rapid.Check(t, func(t *rapid.T) {
		v := drawFloor(t)
		f := drawFilter(t)
		s := newState(floor.NewSource(nil, nil, nil, nil), v, nil)
		for _, table := range tables() {
			all, rows := table.page(s, f, nil, 0, most)
			require.Equal(t, all, len(rows), table.name)
			for _, r := range rows {
				require.True(t, f.match(&r), table.name)
			}
			if !f.byUser && !f.byInteraction && !f.byStatus && f.campaigns == nil && f.queues == nil && table.name == sessionTable {
				require.Equal(t, countSessionRows(v), all)
			}
			offset, limit := rapid.IntRange(0, all+2).Draw(t, "offset"), rapid.IntRange(1, all+2).Draw(t, "limit")
			total, page := table.page(s, f, nil, offset, limit)
			require.Equal(t, all, total, table.name)
			from := min(offset, all)
			want := rows[from:min(from+limit, all)]
			require.Len(t, page, len(want), table.name)
			for i := range want {
				require.Equal(t, want[i], page[i], table.name)
			}
		}
	})
}

// countSessionRows is the specification's rule, worked out anew.
func countSessionRows(v *floor.View) (n int) {
	for _, a := range v.Agents() {
		if a.Live.Session == nil {
			continue
		}
		of := 0
		for _, campaign := range a.Place.CampaignIDs {
			served := 0
			if c := v.Directory.Campaigns[campaign]; c != nil {
				for _, queue := range a.Place.QueueIDs {
					if slices.Contains(c.QueueIDs, queue) {
						served++
					}
				}
			}
			of += max(1, served)
		}
		n += max(1, of)
	}
	return n
}

func drawFloor(t *rapid.T) *floor.View {
	store := directory.NewStore()
	say := func(kind, id, data string) {
		require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}))
	}
	for c := range 3 {
		say("campaign", fmt.Sprint("c", c), fmt.Sprintf(`{"name":"C","queue_ids":["q%d","q%d"]}`, c, c+1))
	}
	for team := range 3 {
		say("team", fmt.Sprint("t", team), fmt.Sprintf(`{"name":"T","business_unit_id":"b","queue_ids":["q%d","q%d"]}`, team, team+2))
	}
	f := &schema.Floor{ContactCenter: "6", Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}
	for n := range rapid.IntRange(0, 30).Draw(t, "agents") {
		id := fmt.Sprintf("a%02d", n)
		if rapid.Bool().Draw(t, "entry") {
			say("agent", id, fmt.Sprintf(`{"name":"Ann %d","login":"l","email":"e","role":"agent","team_id":"t%d","skills":[],"queue_ids":[],"campaign_ids":[]}`, n, n%4))
		}
		f.Agents.Set(id, drawAgent(t, f, id))
	}
	return floor.NewView("6", f, store.Snapshot("6"), 0)
}

func drawAgent(t *rapid.T, f *schema.Floor, id string) *schema.LiveAgent {
	a := &schema.LiveAgent{ID: id, Status: schema.LoggedOut}
	if rapid.IntRange(0, 3).Draw(t, "out") == 0 {
		return a
	}
	a.Session, a.Status = &schema.LiveSession{ID: "s-" + id}, schema.Available
	if rapid.Bool().Draw(t, "assigned") {
		a.Assignment = &schema.LiveAssignment{QueueIDs: []string{fmt.Sprint("q", rapid.IntRange(0, 4).Draw(t, "queue")), "q1"},
			CampaignIDs: []string{fmt.Sprint("c", rapid.IntRange(0, 3).Draw(t, "campaign"))}} // c3 is unknown
	}
	for range rapid.IntRange(0, 2).Draw(t, "parts") {
		call := fmt.Sprint("i", f.Interactions.Len())
		state := rapid.SampledFrom([]schema.PartState{schema.StateRinging, schema.StateConnected, schema.StateWrap, schema.StateDeclined}).Draw(t, "state")
		channel := rapid.SampledFrom([]schema.Channel{schema.ChannelVoice, schema.ChannelChat}).Draw(t, "channel")
		a.Parts = append(a.Parts, schema.LivePart{Interaction: call, State: state, Channel: channel})
		i := &schema.LiveInteraction{Interaction: schema.Interaction{ID: call, Channel: channel, State: state, Campaign: fmt.Sprint("c", f.Interactions.Len()%4),
			Queue: fmt.Sprint("q", f.Interactions.Len()%5), CallID: "call-" + call}}
		i.Parts = []schema.Part{{Interaction: call, Agent: id, Finished: schema.Open}}
		f.Interactions.Set(call, i)
	}
	return a
}

func drawFilter(t *rapid.T) *filter {
	f := &filter{}
	some := func(name string, values ...string) map[string]bool {
		if rapid.IntRange(0, 3).Draw(t, name) > 0 {
			return nil
		}
		return map[string]bool{rapid.SampledFrom(values).Draw(t, name): true, "other": true}
	}
	f.campaigns, f.queues = some("campaign", "c0", "c1", ""), some("queues", "q1", "q2", "")
	f.users, f.sessions = some("user", "a01", "a02"), some("session", "s-a00", "s-a02")
	f.calls, f.status = some("call", "call-i1", "i2"), some("status", "ready", "inactive", "connected")
	f.byUser, f.byInteraction, f.byStatus = f.users != nil || f.sessions != nil, f.calls != nil, f.status != nil
	return f
}
