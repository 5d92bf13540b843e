package engine

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// anyEvent draws an event that need not fit the floor's state: nonsense must be order-independent too.
func anyEvent(t *rapid.T, n int, span int64, step int64) schema.Event {
	ev := schema.Event{ID: fmt.Sprint("e", n), ContactCenter: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "cc"),
		Time: day + 22*60*minuteMs + rapid.Int64Range(0, span/step).Draw(t, "t")*step}
	agents := []string{"a", "b", "c"}
	agent := rapid.SampledFrom(agents).Draw(t, "agent")
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		ev.Subject = agent
		ev.Type = schema.EventType(rapid.IntRange(int(schema.AgentLogin), int(schema.AgentAssignment)).Draw(t, "type"))
		switch ev.Type {
		case schema.AgentStatus:
			ev.Status = schema.Status(rapid.IntRange(1, schema.NumStatuses-1).Draw(t, "status"))
			ev.ReasonID = rapid.SampledFrom([]string{"", "", "7"}).Draw(t, "reason")
		case schema.AgentSuspended:
			ev.Suspended = rapid.Bool().Draw(t, "suspended")
		case schema.AgentAssignment:
			ev.Has, ev.QueueIDs = schema.HasQueueIDs, []string{"q"}
		}
		return ev
	}
	ev.Subject = rapid.SampledFrom([]string{"i", "j", "k", "l", "m"}).Draw(t, "ix")
	types := []schema.EventType{schema.InteractionCreated, schema.InteractionUpdated, schema.InteractionQueued, schema.InteractionOffered,
		schema.InteractionOffered, schema.InteractionDeclined, schema.InteractionConnected, schema.InteractionConnected,
		schema.InteractionHeld, schema.InteractionResumed, schema.InteractionParked, schema.InteractionUnparked,
		schema.InteractionTransferred, schema.InteractionLeft, schema.InteractionWrapStarted, schema.InteractionWrapStarted,
		schema.InteractionWrapEnded, schema.InteractionMessage, schema.InteractionNote, schema.InteractionEnded}
	ev.Type = rapid.SampledFrom(types).Draw(t, "type")
	ev.AgentID = agent
	switch ev.Type {
	case schema.InteractionCreated:
		ev.Channel = schema.Channel(rapid.IntRange(1, schema.NumChannels-1).Draw(t, "channel"))
		ev.Direction = schema.Direction(rapid.IntRange(1, 3).Draw(t, "direction"))
	case schema.InteractionUpdated:
		ev.Has, ev.CampaignID = schema.HasCampaignID, rapid.SampledFrom([]string{"x", "y"}).Draw(t, "campaign")
	case schema.InteractionQueued:
		ev.QueueID = rapid.SampledFrom([]string{"q", "r"}).Draw(t, "queue")
	case schema.InteractionOffered, schema.InteractionConnected:
		ev.Role = schema.Role(rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3, 4, 6, 8}).Draw(t, "role"))
	case schema.InteractionDeclined:
		ev.Decline = schema.DeclineReason(rapid.IntRange(1, 7).Draw(t, "decline"))
	case schema.InteractionTransferred:
		if rapid.Bool().Draw(t, "toQueue") {
			ev.ToQueueID = rapid.SampledFrom([]string{"q", "r"}).Draw(t, "to")
		} else {
			ev.ToAgentID = rapid.SampledFrom(agents).Draw(t, "to")
		}
	case schema.InteractionMessage:
		ev.FromAgent = rapid.Bool().Draw(t, "fromAgent")
	case schema.InteractionEnded:
		ev.End = schema.EndReason(rapid.IntRange(1, 5).Draw(t, "end"))
	}
	if rapid.IntRange(0, 9).Draw(t, "seq") == 0 {
		ev.HasSequence, ev.Sequence = true, rapid.Int64Range(0, 3).Draw(t, "sequence")
	}
	return ev
}

func play(t require.TestingT, events []schema.Event, flushEvery int) *floor {
	f := newFloor(t)
	for n, ev := range events {
		f.do(ev)
		if flushEvery > 0 && n%flushEvery == 0 {
			f.settle()
		}
	}
	f.flush()
	return f
}

// shuffled moves events within the horizon: none comes more than lag behind the newest of its contact centre, and those of one
// entity and time keep their order.
func shuffled(t *rapid.T, events []schema.Event, lag int64) []schema.Event {
	type keyed struct {
		ev  schema.Event
		key int64
	}
	list := make([]keyed, len(events))
	for i, ev := range events {
		list[i] = keyed{ev, ev.Time + rapid.Int64Range(0, lag).Draw(t, "delay")}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].key < list[j].key })
	out := make([]schema.Event, len(list))
	for i := range list {
		out[i] = list[i].ev
	}
	// Restore the order of equal-time events of one entity among the places that they got.
	type entity struct {
		cc, subject string
		t           int64
	}
	places, ordered := map[entity][]int{}, map[entity][]schema.Event{}
	for i, ev := range out {
		k := entity{ev.ContactCenter, ev.Subject, ev.Time}
		places[k] = append(places[k], i)
	}
	for _, ev := range events {
		k := entity{ev.ContactCenter, ev.Subject, ev.Time}
		ordered[k] = append(ordered[k], ev)
	}
	for k, at := range places {
		for n, i := range at {
			out[i] = ordered[k][n]
		}
	}
	return out
}

func checkOrder(t *rapid.T, span, step int64, maxEvents int) {
	n := rapid.IntRange(1, maxEvents).Draw(t, "events")
	var events []schema.Event
	for k := 0; k < n; k++ {
		events = append(events, anyEvent(t, k, span, step))
	}
	sort.SliceStable(events, func(i, j int) bool { return events[i].Time < events[j].Time })
	mixed := shuffled(t, events, DefaultHorizonMs-1)
	for _, ev := range mixed { // duplicates at random
		if rapid.IntRange(0, 9).Draw(t, "again") == 0 {
			mixed = append(mixed, ev)
		}
	}
	newest := map[string]int64{}
	for _, ev := range mixed {
		newest[ev.ContactCenter] = max(newest[ev.ContactCenter], ev.Time)
	}
	for k := len(mixed) - 1; k >= n; k-- { // those that would come too late are not sent again
		if mixed[k].Time < newest[mixed[k].ContactCenter]-DefaultHorizonMs {
			mixed = append(mixed[:k], mixed[k+1:]...)
		}
	}
	flush := rapid.IntRange(0, 7).Draw(t, "flush")
	if a, b := differ(t, mixed, flush); a != b {
		mixed = smallest(t, mixed, flush)
		a, b = differ(t, mixed, flush)
		for _, ev := range mixed {
			t.Logf("%s", describe(&ev))
		}
		t.Fatalf("in order:\n%s\nas they came:\n%s", a, b)
	}
}

// differ plays events as they came and in the order of their times, and returns the lines that only one of both has.
func differ(t require.TestingT, mixed []schema.Event, flush int) (string, string) {
	events := slices.Clone(mixed)
	sort.SliceStable(events, func(i, j int) bool { return events[i].Time < events[j].Time })
	want, got := play(t, events, 1), play(t, mixed, flush)
	return uncommon(want.s.text()+want.live(), got.s.text()+got.live())
}

// smallest drops events as long as the difference stays.
func smallest(t require.TestingT, mixed []schema.Event, flush int) []schema.Event {
	for n := len(mixed) / 2; n >= 1; n /= 2 {
		for i := 0; i+n <= len(mixed); {
			fewer := slices.Delete(slices.Clone(mixed), i, i+n)
			if a, b := differ(t, fewer, flush); a != b {
				mixed = fewer
			} else {
				i += n
			}
		}
	}
	return mixed
}

// Any arrival order inside the horizon gives the same facts and windows as the order of event times.
func TestArrivalOrderDoesNotMatter(t *testing.T) {
	t.Run("seconds", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkOrder(t, 60_000, 5_000, 60) })
	})
	t.Run("hours", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkOrder(t, 5*60*minuteMs, 60_000, 120) })
	})
	t.Run("days", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { checkOrder(t, 5*dayMs, 30*60_000, 120) })
	})
}

// uncommon leaves the lines that only one of the texts has.
func uncommon(a, b string) (string, string) {
	only := func(a, b string) string {
		have := map[string]bool{}
		for _, l := range strings.Split(b, "\n") {
			have[l] = true
		}
		var out []string
		for _, l := range strings.Split(a, "\n") {
			if !have[l] {
				out = append(out, l)
			}
		}
		return strings.Join(out, "\n")
	}
	return only(a, b), only(b, a)
}

func describe(ev *schema.Event) string {
	return fmt.Sprintf("%s %s %s/%s t=%d agent=%s role=%s status=%s queue=%s to=%s%s seq=%v", ev.ID, ev.Type, ev.ContactCenter, ev.Subject,
		(ev.Time-day-22*60*minuteMs)/1000, ev.AgentID, ev.Role, ev.Status, ev.QueueID, ev.ToQueueID, ev.ToAgentID, ev.Sequence)
}

// live is the floor's live state as text. Whether an agent is known whose only event came to nothing depends on when that was found out:
// it is logged out, and nothing more.
func (f *floor) live() string {
	f.e.All()
	var lines []string
	f.e.Look(func(ch *Changes) {
		for _, a := range ch.Agents {
			if a.LastEvent == schema.NoTime && a.Session == nil && a.Assignment == nil && len(a.Parts) == 0 {
				continue
			}
			row := *a
			row.Session, row.Assignment = nil, nil
			lines = append(lines, fmt.Sprintf("\nlive %s %+v %+v %+v", ch.ContactCenter, row, a.Session, a.Assignment))
		}
		for _, i := range ch.Interactions {
			lines = append(lines, fmt.Sprintf("\nlive %s %+v", ch.ContactCenter, *i))
		}
	})
	sort.Strings(lines)
	return strings.Join(lines, "")
}
