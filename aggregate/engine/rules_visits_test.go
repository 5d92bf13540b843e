package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// Metric definitions, rule 8 and the table of queue metrics.

func TestVisitEnds_AsTheInteractionLeavesTheQueue(t *testing.T) {
	begin := []schema.Event{login(0, "a"), arrived(1, "c", schema.ChannelVoice), queued(10, "c", "q")}
	for name, x := range map[string]struct {
		events       []schema.Event
		queue, visit string
	}{
		"waiting":                       {nil, "offered=1", "first q 10-"},
		"answered":                      {[]schema.Event{offered(20, "c", "a"), connected(22.5, "c", "a")}, "offered=1 answered=1 wait=12500 ring=2500", "first q 10-22.5 answered"},
		"answered in the role transfer": {[]schema.Event{connected(22.5, "c", "a", schema.RoleTransfer)}, "offered=1 answered=1 wait=12500", "first q 10-22.5 answered"},
		"abandoned":                     {[]schema.Event{ended(40, "c", schema.EndAbandoned)}, "offered=1 abandoned=1 abandon_wait=30000", "first q 10-40 abandoned"},
		"abandoned while it rings":      {[]schema.Event{offered(20, "c", "a"), ended(40, "c", schema.EndAbandoned)}, "offered=1 abandoned=1 abandon_wait=30000 ring=20000", "first q 10-40 abandoned"},
		"breakout":                      {[]schema.Event{ended(40, "c", schema.EndBreakout)}, "offered=1 breakout=1", "first q 10-40 breakout"},
		"after hours":                   {[]schema.Event{ended(40, "c", schema.EndAfterHours)}, "offered=1 ended_other=1", "first q 10-40 ended_other"},
		"failed":                        {[]schema.Event{ended(40, "c", schema.EndFailed)}, "offered=1 ended_other=1", "first q 10-40 ended_other"},
		"completed unanswered":          {[]schema.Event{ended(40, "c", schema.EndCompleted)}, "offered=1 ended_other=1", "first q 10-40 ended_other"},
		"overflowed":                    {[]schema.Event{queued(40, "c", "r")}, "offered=1 overflowed=1", "first q 10-40 overflowed, first r 40-"},
		"a consult answers nothing":     {[]schema.Event{connected(20, "c", "a", schema.RoleConsult)}, "offered=1", "first q 10-"},
		"a monitor answers nothing":     {[]schema.Event{connected(20, "c", "a", schema.RoleSilentJoin)}, "offered=1", "first q 10-"},
		"an invited one answers nothing": {[]schema.Event{connected(20, "c", "a", schema.RoleInvite), connected(21, "c", "b", schema.RoleBargeIn),
			connected(22, "c", "d", schema.RoleContact)}, "offered=1", "first q 10-"},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, begin...)
			f.play(x.events...)
			require.Equal(t, x.queue, f.queue("q"))
			require.Equal(t, x.visit, f.visits("c"))
		})
	}
}

func TestAbandonedShort_IsExactForEveryWholeSecond(t *testing.T) {
	f := newFloor(t)
	for n, wait := range []float64{4.999, 5, 5.001, 20, 20.001} {
		id := fmt.Sprint("c", n)
		f.play(queued(100, id, "q"), ended(100+wait, id, schema.EndAbandoned))
	}
	f.flush()
	seconds := f.s.total("").Measures[schema.MeasureAbandonWait].Seconds
	require.EqualValues(t, 1, schema.Under(seconds, 5))
	require.EqualValues(t, 2, schema.Within(seconds, 5))
	require.EqualValues(t, 4, schema.Within(seconds, 20))
}

func TestOverflow_OfferedInBothOverflowedInTheFirst(t *testing.T) {
	f := played(t, login(0, "a"), queued(10, "c", "q"), queued(30, "c", "r"), offered(35, "c", "a"), connected(40, "c", "a"), ended(60, "c", schema.EndCompleted))
	require.Equal(t, "offered=1 overflowed=1", f.queue("q"))
	require.Equal(t, "offered=1 answered=1 wait=10000 ring=5000 talk=20000 handle=20000", f.queue("r"))
	require.Equal(t, "first q 10-30 overflowed, first r 30-40 answered", f.visits("c"))
}

func TestQueuedForTheQueueItWaitsIn_ChangesNothing(t *testing.T) {
	f := played(t, queued(10, "c", "q"), queued(30, "c", "q"), ended(40, "c", schema.EndAbandoned))
	require.Equal(t, "offered=1 abandoned=1 abandon_wait=30000", f.queue("q"))
}

func TestRequeue_IsNeverASecondOfferOrAnswer(t *testing.T) {
	f := played(t, login(0, "a"), queued(10, "c", "q"), connected(20, "c", "a"), left(30, "c", "a"), queued(30, "c", "q"),
		connected(50, "c", "a"), left(60, "c", "a"), queued(60, "c", "q"), ended(90, "c", schema.EndAbandoned))
	require.Equal(t, "offered=1 answered=1 requeued=2 again_answered=1 again_abandoned=1 wait=10000 talk=2:20000 handle=2:20000", f.queue("q"))
	require.Equal(t, "first q 10-20 answered, requeue q 30-50 answered, requeue q 60-90 abandoned", f.visits("c"))
	require.Equal(t, "answered=2 talk=2:20000 handle=2:20000", f.agent("a"))
}

func TestOverflowBack_IsARequeueAndCountsNothingElse(t *testing.T) {
	f := played(t, queued(10, "c", "q"), queued(20, "c", "r"), queued(30, "c", "q"), queued(40, "c", "r"), ended(50, "c", schema.EndBreakout))
	require.Equal(t, "offered=1 overflowed=1 requeued=1", f.queue("q"))
	require.Equal(t, "offered=1 overflowed=1 requeued=1", f.queue("r"))
}

func TestTransferToQueue_IsTransferredInThereAndTransferredOutHere(t *testing.T) {
	f := played(t, login(0, "a"), login(0, "b"), queued(10, "c", "q"), connected(20, "c", "a"), toQueue(30, "c", "a", "r"), queued(30, "c", "r"),
		offered(40, "c", "b", schema.RoleTransfer), connected(45, "c", "b", schema.RoleTransfer), ended(60, "c", schema.EndCompleted))
	require.Equal(t, "offered=1 answered=1 transferred_out=1 wait=10000 talk=10000 handle=10000", f.queue("q"))
	require.Equal(t, "transferred_in=1 again_answered=1 ring=5000 talk=15000 handle=15000", f.queue("r"))
	require.Equal(t, "first q 10-20 answered, transfer r 30-45 answered", f.visits("c"))
	require.Equal(t, "answered=1 transferred_out=1 talk=10000 handle=10000", f.agent("a"))
	require.Equal(t, "transferred_in=1 ring=5000 talk=15000 handle=15000", f.agent("b"))
	require.EqualValues(t, at(30), f.part("c", "a").Ended)
}

func TestTransferBackToTheSameQueue_IsATransferNotARequeue(t *testing.T) {
	f := played(t, queued(10, "c", "q"), connected(20, "c", "a"), toQueue(30, "c", "a", "q"), queued(31, "c", "q"), ended(50, "c", schema.EndAbandoned))
	require.Equal(t, "first q 10-20 answered, transfer q 31-50 abandoned", f.visits("c"))
	require.Equal(t, "offered=1 answered=1 transferred_out=1 transferred_in=1 again_abandoned=1 wait=10000 talk=10000 handle=10000", f.queue("q"))
}

func TestTransferWhileItWaitsElsewhere_Overflows(t *testing.T) {
	f := played(t, connected(5, "c", "a", schema.RoleConsult), queued(10, "c", "q"), toQueue(20, "c", "a", "r"))
	require.Equal(t, "first q 10-20 overflowed", f.visits("c"))
	f.play(queued(21, "c", "r"))
	require.Equal(t, "first q 10-20 overflowed, transfer r 21-", f.visits("c"))
}

func TestQueuedElsewhereThanTransferred_IsNoTransfer(t *testing.T) {
	f := played(t, queued(10, "c", "q"), connected(20, "c", "a"), toQueue(30, "c", "a", "r"), queued(31, "c", "s"), queued(40, "c", "r"))
	require.Equal(t, "first q 10-20 answered, first s 31-40 overflowed, first r 40-", f.visits("c"))
}

func TestTransferToAgent_NeverTouchesQueues(t *testing.T) {
	for _, mode := range []schema.TransferMode{schema.TransferBlind, schema.TransferWarm} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			f := played(t, queued(10, "c", "q"), connected(20, "c", "a"))
			if mode == schema.TransferWarm {
				f.play(offered(22, "c", "b", schema.RoleConsult), connected(25, "c", "b", schema.RoleConsult), left(28, "c", "b"))
			}
			f.play(toAgent(30, "c", "a", "b", mode), offered(31, "c", "b", schema.RoleTransfer), connected(35, "c", "b", schema.RoleTransfer),
				toAgent(50, "c", "b", "d", mode), ended(50, "c", schema.EndCompleted))
			q, b := "offered=1 answered=1 transferred_out=2 wait=10000 ring=4000 talk=2:25000 handle=2:25000",
				"transferred_out=1 transferred_in=1 ring=4000 talk=15000 handle=15000"
			if mode == schema.TransferWarm {
				q = "offered=1 answered=1 transferred_out=2 wait=10000 ring=2:7000 talk=3:28000 handle=3:28000"
				b = "transferred_out=1 transferred_in=1 consulted=1 ring=2:7000 talk=2:18000 handle=2:18000"
			}
			require.Equal(t, q, f.queue("q"))
			require.Equal(t, b, f.agent("b"))
			require.Equal(t, "first q 10-20 answered", f.visits("c"))
			i := f.interaction("c")
			require.Equal(t, []string{"b", "a"}, []string{i.PrimaryAgent, i.FirstAgent})
		})
	}
}

func TestVisitBelongsToTheCampaignItHadWhenQueued(t *testing.T) {
	f := newFloor(t)
	f.play(schema.Event{Type: schema.InteractionCreated, Subject: "c", Time: at(1), CampaignID: "x"}, queued(10, "c", "q"),
		schema.Event{Type: schema.InteractionUpdated, Subject: "c", Time: at(15), Has: schema.HasCampaignID, CampaignID: "y"},
		offered(20, "c", "a"), connected(25, "c", "a"), ended(30, "c", schema.EndCompleted))
	of := func(campaign, agent string) string {
		return f.numbers(func(w *schema.Window) bool { return w.Campaign == campaign && w.Agent == agent })
	}
	require.Equal(t, "offered=1 answered=1 wait=15000", of("x", ""))
	require.Equal(t, "ring=5000 talk=5000 handle=5000", of("y", ""), "a part belongs to the campaign the interaction had when it connected")
	require.Equal(t, "", of("x", "a"))
}

func TestPartThatNeverConnected_BelongsToTheQueueInWhichItBegan(t *testing.T) {
	f := played(t, queued(10, "c", "q"), offered(20, "c", "a"), queued(25, "c", "r"), declined(30, "c", "a", schema.DeclineBusy))
	require.Equal(t, "offered=1 overflowed=1 ring=10000", f.queue("q"))
	require.Equal(t, "offered=1", f.queue("r"))
	g := played(t, queued(10, "c", "q"), offered(20, "c", "a"), queued(25, "c", "r"), connected(30, "c", "a"))
	require.Equal(t, "offered=1 overflowed=1", g.queue("q"))
	require.Equal(t, "offered=1 answered=1 wait=5000 ring=10000", g.queue("r"))
	require.Equal(t, "offered=1 answered=1 ring=10000", g.numbers(func(w *schema.Window) bool { return w.Agent == "a" && w.Queue == "r" }))
}

func TestExpiredVisit_IsNeverAbandoned(t *testing.T) {
	f := played(t, arrived(10, "c", schema.ChannelVoice), queued(10, "c", "q"))
	f.pass(10 + 24*3600 + 3600 + 59.999)
	require.Equal(t, "offered=1", f.queue("q"), "seen only when complete_until passes the moment")
	f.pass(10 + 24*3600 + 3600 + 60)
	require.Equal(t, "offered=1 expired=1", f.queue("q"))
	require.Equal(t, fmt.Sprintf("first q 10-%d expired", 10+24*3600), f.visits("c"))
	require.Equal(t, "expired=1", f.minute(24*3600, "q", ""))
	require.EqualValues(t, 1, f.e.ExpiredTotal())
	require.Equal(t, schema.EndExpired, f.interaction("c").EndReason)
}

// For every range: waiting at its start + offered = all ways to leave + waiting at its end, of first visits, in each queue.
func TestRangeIdentity_HoldsForEveryRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := sensible(t, 120, 15*minuteMs)
		f := play(t, shuffled(t, events, DefaultHorizonMs-1), 5)
		for _, queue := range []string{"q", "r"} {
			from := floorTo(events[0].Time, minuteMs) + rapid.Int64Range(0, 600).Draw(t, "from")*minuteMs
			to := from + rapid.Int64Range(1, 31*60).Draw(t, "minutes")*minuteMs
			checkRange(t, f.s, queue, from, to)
		}
	})
}

func checkRange(t *rapid.T, s *store, queue string, from, to int64) {
	var n [schema.NumCounts]int
	for _, w := range s.windows {
		if w.Minutes == schema.WindowMinute && w.Agent == "" && w.Queue == queue && w.Start >= from && w.Start < to {
			for c := range w.Counts {
				n[c] += int(w.Counts[c])
			}
		}
	}
	var before, after, began int
	for _, v := range s.visits {
		if v.Queue != queue || v.Kind != schema.VisitFirst {
			continue
		}
		if v.Start < from && v.End >= from {
			before++
		}
		if v.Start < to && v.End >= to {
			after++
		}
		if v.Start >= from && v.Start < to {
			began++
		}
	}
	out := n[schema.CountAnswered] + n[schema.CountAbandoned] + n[schema.CountBreakout] + n[schema.CountOverflowed] +
		n[schema.CountEndedOther] + n[schema.CountExpired]
	if n[schema.CountOffered] != began {
		t.Fatalf("offered %d, visits that began %d", n[schema.CountOffered], began)
	}
	if before+n[schema.CountOffered] != out+after {
		t.Fatalf("%d waiting + %d offered, but %d left and %d waiting", before, n[schema.CountOffered], out, after)
	}
}
