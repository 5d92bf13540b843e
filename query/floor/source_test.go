package floor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

func TestMidnight_IsTheFirstMomentOfTheLocalDay(t *testing.T) {
	for _, c := range []struct{ zone, at, want string }{
		{"UTC", "2026-11-21T12:00:00Z", "2026-11-21T00:00:00Z"},
		{"UTC", "2026-11-21T00:00:00Z", "2026-11-21T00:00:00Z"},
		{"Asia/Jerusalem", "2026-11-21T22:30:00Z", "2026-11-21T22:00:00Z"},
		{"Asia/Jerusalem", "2026-03-27T12:00:00Z", "2026-03-26T22:00:00Z"}, // the clocks change at 2:00
		{"Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z"},   // there is no 0:00 to 1:00
		{"Asia/Beirut", "2026-03-29T12:00:00Z", "2026-03-28T22:00:00Z"},    // neither
		{"America/Havana", "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z"}, // neither
		{"America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z"}, // 0:00 comes twice
	} {
		zone, err := time.LoadLocation(c.zone)
		require.NoError(t, err)
		at, err := time.Parse(time.RFC3339, c.at)
		require.NoError(t, err)
		require.Equal(t, c.want, time.UnixMilli(schema.Midnight(at.UnixMilli(), zone)).UTC().Format(time.RFC3339), c.zone+" "+c.at)
	}
}

// still is a live view whose floors are set by hand.
type still struct{ floor *schema.Floor }

func (s *still) Pin(string) (*schema.Floor, bool) { return s.floor, s.floor != nil }
func (s *still) Metrics(string, int64, int64) (schema.LiveMetrics, bool) {
	return schema.LiveMetrics{}, false
}

func TestView_RowsUsedAgainAreThoseOfAViewMadeAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store, live := directory.NewStore(), &still{&schema.Floor{Agents: &btree.Map[string, *schema.LiveAgent]{}}}
		source := NewSource(live, store, []string{"6"}, time.Now)
		id := rapid.StringOfN(rapid.RuneFrom([]rune("abcdef")), 1, 2, -1)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			agent, f := id.Draw(t, "id"), *live.floor
			f.Version++
			f.Agents = f.Agents.Copy()
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				f.Agents.Delete(agent)
			case 1, 2:
				f.Agents.Set(agent, &schema.LiveAgent{ID: agent, Status: schema.Status(rapid.IntRange(1, 5).Draw(t, "status"))})
			case 3:
				require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: "agent", ContactCenter: "6", Subject: agent,
					Deleted: rapid.Bool().Draw(t, "deleted"), Data: []byte(`{"name":"` + id.Draw(t, "name") +
						`","login":"l","email":"e","skills":[],"queue_ids":[],"campaign_ids":[],"role":"agent"}`)}))
			}
			live.floor = &f
			v := source.View("6")
			want := NewView("6", v.Floor, v.Directory, 0).Agents()
			require.Equal(t, len(want), len(v.Agents()))
			for i, a := range v.Agents() {
				require.Equal(t, want[i], a)
			}
		}
	})
}
