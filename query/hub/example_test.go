package hub_test

import (
	"context"
	"fmt"

	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/schema"
)

// A feed of one's own: how many agents there are in each status. It sums the whole floor up, so that it is built anew after any change.
func ExampleFeed() {
	var t check
	w := newWorld(&t, hub.Limits{})
	w.say("ann", schema.Break)
	w.say("bob", schema.Lunch)
	w.say("cat", schema.Break)

	heads := hub.Feed{Key: "heads", Whole: true, Build: func(c *hub.Change, rows *hub.Rows) error {
		count := map[schema.Status]int{}
		c.View.Select(floor.Selection{}, func(a floor.Picked) { count[a.Live.Status]++ })
		for status, n := range count {
			rows.Put(status.String(), fmt.Appendf(nil, `{"status":%q,"agents":%d}`, status, n))
		}
		return nil // statuses that were not put have gone
	}}
	session, err := w.hub.Open(hub.Subscriber{ContactCenter: "6", Principal: "somebody"})
	t.must(err)
	defer session.Close()
	t.must(session.Subscribe(hub.Subscription{ID: "1", Topic: "heads", Feed: heads}))
	w.hub.Look("6") // Run does it

	message, err := session.Next(context.Background())
	t.must(err)
	fmt.Println(message.Reset, message.Entries)
	w.say("bob", schema.Break)
	w.advance(hub.DefaultInterval)
	w.hub.Look("6")
	message, err = session.Next(context.Background())
	t.must(err)
	fmt.Printf("%s %s\n", message.Rows, message.Removed)
	// Output:
	// true 2
	// [{"status":"break","agents":3}] ["lunch"]
}

// check lets the example use what tests use.
type check struct{}

func (*check) Errorf(format string, args ...any) { fmt.Printf(format, args...) }
func (*check) FailNow()                          { panic("failed") }

func (*check) must(err error) {
	if err != nil {
		panic(err)
	}
}
