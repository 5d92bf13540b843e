package query_test

import (
	"fmt"
	"testing"
	"time"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// BenchmarkAgents joins 100,000 agents with the directory: all of them anew, and after a change of one.
func BenchmarkAgents(b *testing.B) {
	d := directory.NewStore()
	say := func(kind, id, data string) {
		if err := d.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Data: []byte(data)}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 50 {
		say("queue", fmt.Sprint("q", i), `{"name":"Q","team_ids":[]}`)
		say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","business_unit_id":"b","queue_ids":["q%d","q%d"]}`, i, (i+1)%50))
	}
	f := newFloor("6")
	for i := range 100_000 {
		id := fmt.Sprintf("a%06d", i)
		say("agent", id, fmt.Sprintf(`{"name":"A","login":"a","email":"a@b","skills":["en"],"queue_ids":[],"campaign_ids":[],"role":"agent","team_id":"t%d"}`, i%50))
		f.Agents.Set(id, loggedIn(id, schema.Available, noon))
	}
	live := &fakeLive{floors: map[string]*schema.Floor{"6": f}}
	run := func(anew bool) func(*testing.B) {
		return func(b *testing.B) {
			source := floor.NewSource(live, d, nil, time.Now)
			source.View("6").Agents()
			for b.Loop() {
				live.change("6", func(f *schema.Floor) { f.Agents.Set("a000077", loggedIn("a000077", schema.Break, noon)) })
				if anew {
					source = floor.NewSource(live, d, nil, time.Now)
				}
				if len(source.View("6").Agents()) != 100_000 {
					b.Fatal("agents are missing")
				}
			}
		}
	}
	b.Run("anew", run(true))
	b.Run("after a change", run(false))
}
