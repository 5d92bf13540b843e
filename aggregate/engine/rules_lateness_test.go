package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// Event contract, order, horizon, ids that begin anew, and what becomes of an event.

func TestOutcomes(t *testing.T) {
	begin := []schema.Event{login(0, "a"), arrived(1, "c", schema.ChannelVoice), connected(10, "c", "a"), ended(30, "c", schema.EndCompleted)}
	for name, x := range map[string]struct {
		event schema.Event
		want  Outcome
	}{
		"connected after the end":   {connected(31, "c", "b"), OutOfState},
		"offered after the end":     {offered(31, "c", "b"), OutOfState},
		"queued after the end":      {queued(31, "c", "q"), OutOfState},
		"ended again":               {ended(31, "c", schema.EndAbandoned), OutOfState},
		"held without a part":       {held(20, "c", "b"), OutOfState},
		"resumed without hold":      {resumed(20, "c", "a"), OutOfState},
		"connected again":           {connected(20, "c", "a"), OutOfState},
		"offered though connected":  {offered(20, "c", "a"), OutOfState},
		"declined without an offer": {declined(20, "c", "a", schema.DeclineBusy), OutOfState},
		"left without a part":       {left(20, "c", "b"), OutOfState},
		"transferred by nobody":     {toQueue(20, "c", "b", "q"), OutOfState},
		"unparked though connected": {unparked(20, "c", "a"), OutOfState},
		"unparked nothing":          {unparked(20, "c", "b"), OutOfState},
		"wrap of nobody":            {wrapStarted(31, "c", "b"), OutOfState},
		"wrap_ended without wrap":   {wrapEnded(31, "c", "a"), OutOfState},
		"created again":             {arrived(20, "c", schema.ChannelVoice), OutOfState},
		"ended of an unknown one":   {ended(31, "d", schema.EndCompleted), Orphan},
		"declined of an unknown":    {declined(31, "d", "a", schema.DeclineBusy), Orphan},
		"wrap of an unknown one":    {wrapStarted(31, "d", "a"), Orphan},
		"note of an unknown one":    {ix(31, schema.InteractionNote, "d"), Applied},
		"message of an unknown one": {message(31, "d", "a", true), Applied},
		"note after the end":        {ix(40, schema.InteractionNote, "c"), Applied},
		"begun by queued":           {queued(31, "d", "q"), Applied},
		"begun by offered":          {offered(31, "d", "a"), Applied},
		"begun by connected":        {connected(31, "d", "a"), Applied},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, begin...)
			before := f.flush().text()
			require.Equal(t, x.want, f.do(x.event))
			if x.want != Applied {
				require.Equal(t, before, f.flush().text(), "changes nothing")
			}
		})
	}
}

func TestBegunWithoutCreated_IsInboundVoice(t *testing.T) {
	f := played(t, queued(10, "c", "q"))
	require.Equal(t, []any{schema.ChannelVoice, schema.Inbound}, []any{f.interaction("c").Channel, f.interaction("c").Direction})
	f.play(connected(20, "c", "a"))
	ev := arrived(30, "c", schema.ChannelChat)
	ev.Direction, ev.CampaignID = schema.Outbound, "x"
	f.play(ev)
	i := f.interaction("c")
	require.Equal(t, []any{schema.ChannelChat, schema.Outbound, at(10)}, []any{i.Channel, i.Direction, i.Start})
	require.Equal(t, "in_chat", f.statusAfterLogin("a"))
	require.Equal(t, "offered=1 answered=1 wait=10000", f.numbers(func(w *schema.Window) bool {
		return w.Agent == "" && w.Channel == schema.ChannelChat && w.Direction == schema.Outbound
	}), "from the beginning")
}

func (f *floor) statusAfterLogin(agent string) string {
	f.play(login(40, agent))
	return f.now(agent).Status.String()
}

func TestCreatedLongAfter_StillGivesTheChannel(t *testing.T) {
	f := played(t, login(0, "a"), connected(10, "c", "a"), arrived(100, "c", schema.ChannelChat))
	require.Equal(t, "in_chat since 100", f.is("a"))
	require.Equal(t, "0/1/0 since 100", f.load("a"))
	require.Equal(t, schema.ChannelChat, f.part("c", "a").Channel)
}

func TestDuplicate_ChangesNothing(t *testing.T) {
	f := played(t, login(0, "a"))
	ev := offered(10, "c", "a")
	ev.ID = "x"
	f.play(ev, declined(20, "c", "a", schema.DeclineBusy))
	before := f.flush().text()
	require.Equal(t, Duplicate, f.do(ev))
	require.Equal(t, before, f.flush().text())
	ev.Time = at(30)
	require.Equal(t, Applied, f.do(ev), "another time is another event")
}

func TestEventInsideTheHorizon_IsAsIfItHadComeInTime(t *testing.T) {
	f := played(t, login(0, "a"), status(10, "a", schema.Available))
	f.pass(3610)
	require.Equal(t, Applied, f.do(because(status(10, "a", schema.Lunch), "7")), "exactly the horizon")
	require.Equal(t, "away 0-10 lunch(7) 10-", f.statuses("a"))
	require.Equal(t, Late, f.do(status(9.999, "a", schema.Break)), "older than the newest of its entity")
	require.Equal(t, "away 0-10 lunch(7) 10-", f.statuses("a"))
}

const twoHours = 7200

func TestBeyondTheHorizon_WhatIsNotTheNewestOfItsEntityReachesNothing(t *testing.T) {
	f := played(t, login(0, "a"), arrived(1, "c", schema.ChannelVoice), connected(20, "c", "a"))
	f.pass(twoHours)
	before := f.flush().text()
	for _, ev := range []schema.Event{status(0, "a", schema.Lunch), held(15, "c", "a"), sequence(1, held(20, "c", "a")), held(20, "c", "a"),
		login(30, "unknown"), queued(30, "new", "q"), arrived(30, "new", schema.ChannelVoice), ended(30, "new", schema.EndCompleted)} {
		require.Equal(t, Late, f.do(ev), "%s %s", ev.Type, ev.Subject)
	}
	require.Equal(t, before, f.flush().text())
}

func TestLinkDownForTwoHours_LeavesNoAgentOnACall(t *testing.T) {
	f := played(t, login(0, "a"), status(0, "a", schema.Available), arrived(1, "c", schema.ChannelVoice), queued(1, "c", "q"), connected(20, "c", "a"))
	f.pass(twoHours)
	closed := f.minute(60, "q", "") + f.minute(120, "", "a")
	require.Equal(t, Late, f.do(ended(80, "c", schema.EndCompleted)))
	const until = twoHours - 3660
	require.Equal(t, fmt.Sprintf("available 0-20 on_call 20-%d available %d-", until, until), f.statuses("a"), "a status begins at complete_until")
	p := f.part("c", "a")
	require.Equal(t, []any{at(80), int64(60_000)}, []any{p.Ended, p.TalkMs}, "facts keep their own time")
	require.Equal(t, at(80), f.interaction("c").Ended)
	require.Equal(t, closed, f.minute(60, "q", "")+f.minute(120, "", "a"), "closed windows stay as they are")
	require.Equal(t, "answered=1", f.agent("a"))
}

func TestLateWrapEnded_KeepsItsOwnTime(t *testing.T) {
	f := played(t, login(0, "a"), arrived(1, "c", schema.ChannelVoice), connected(20, "c", "a"), wrapStarted(40, "c", "a"), ended(40, "c", schema.EndCompleted))
	f.pass(twoHours)
	require.Equal(t, Late, f.do(wrapEnded(100, "c", "a")))
	p := f.part("c", "a")
	require.Equal(t, []any{"100", int64(60_000)}, []any{moment(p.Finished), p.WrapMs})
	const until = twoHours - 3660
	require.Equal(t, fmt.Sprintf("away 0-20 on_call 20-40 wrap 40-%d away %d-", until, until), f.statuses("a"))
	require.Equal(t, "answered=1 direct_inbound=1 talk=20000", f.agent("a"), "the windows were closed")
}

func TestLateEventsOfOneEntity_FoldInTheirOwnOrder(t *testing.T) {
	f := played(t, login(0, "a"))
	f.pass(twoHours)
	const until = twoHours - 3660
	require.Equal(t, Late, f.do(sequence(9, status(100, "a", schema.Lunch))))
	require.Equal(t, Late, f.do(sequence(1, status(200, "a", schema.Break))), "newer by time, whatever its sequence")
	require.Equal(t, fmt.Sprintf("break since %d", until), f.is("a"))
	require.Equal(t, Late, f.do(sequence(1, status(200, "a", schema.Meeting))), "as new as the newest")
	require.Equal(t, fmt.Sprintf("break since %d", until), f.is("a"))
	require.Equal(t, Late, f.do(sequence(2, status(200, "a", schema.Meeting))))
	require.Equal(t, fmt.Sprintf("meeting since %d", until), f.is("a"))
	require.Equal(t, Late, f.do(status(200, "a", schema.Training)), "those without a sequence come after those with")
	require.Equal(t, fmt.Sprintf("training since %d", until), f.is("a"))
	f.play(status(twoHours+1, "a", schema.Available))
	require.Equal(t, Late, f.do(status(300, "a", schema.Lunch)), "no longer the newest")
	require.Equal(t, fmt.Sprintf("available since %d", twoHours+1), f.is("a"))
}

func TestLateLogout_DeclinesAndEndsAsAnyOther(t *testing.T) {
	f := played(t, login(0, "a"), offered(10, "c", "a"))
	f.pass(twoHours)
	require.Equal(t, Late, f.do(logout(100, "a")))
	require.Equal(t, fmt.Sprintf("logged_out since %d", twoHours-3660), f.is("a"))
	require.Equal(t, schema.DeclineUnreachable, f.part("c", "a").Declined)
}

func TestLateAnswer_OfTheInteractionTheEngineHolds(t *testing.T) {
	f := played(t, login(0, "a"), queued(10, "c", "q"))
	f.pass(twoHours)
	require.Equal(t, Late, f.do(connected(50, "c", "a")))
	require.Equal(t, "first q 10-50 answered", f.visits("c"))
	require.Equal(t, fmt.Sprintf("on_call since %d", twoHours-3660), f.is("a"))
	require.Equal(t, "offered=1", f.queue("q"), "the window of the answer is closed")
	f.play(ended(twoHours+30, "c", schema.EndCompleted))
	require.Equal(t, fmt.Sprintf("offered=1 talk=%d handle=%d", (twoHours-20)*1000, (twoHours-20)*1000), f.queue("q"))
}

func TestSilentWeekend_NothingClosesExpiresOrChanges(t *testing.T) {
	f := played(t, login(0, "a"), status(1, "a", schema.Available), queued(10, "c", "q"), connected(5, "d", "a"), wrapStarted(20, "d", "a"))
	before := f.flush().text()
	require.Equal(t, before, f.flush().text())
	require.Equal(t, "wrap since 20", f.is("a"))
	const monday = 60 * 3600
	f.play(login(monday, "b"))
	require.Equal(t, "offered=1 expired=1", f.queue("q"))
	require.Equal(t, fmt.Sprintf("available since %d", 20+24*3600), f.is("a"), "with the first event the moments come that complete_until passed")
	require.EqualValues(t, 2, f.e.ExpiredTotal(), "the call in the queue and the one that was never ended")
}

func TestEventOfAnExpiredInteraction_IsJudgedAsAfterTheEnd(t *testing.T) {
	const day = 24 * 3600
	for name, seen := range map[string]bool{"seen": true, "not seen yet": false} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), connected(10, "c", "a"))
			if seen {
				f.pass(10 + day + 3660)
			}
			require.Equal(t, OutOfState, f.do(held(10+day+3000, "c", "a")))
			f.pass(10 + day + 3660)
			require.Equal(t, at(10+day), f.interaction("c").Ended)
			require.Equal(t, schema.EndExpired, f.interaction("c").EndReason)
			require.EqualValues(t, 1, f.e.ExpiredTotal())
		})
	}
	f := played(t, login(0, "a"), connected(10, "c", "a"))
	f.play(held(10+day-0.001, "c", "a"))
	f.pass(2 * day)
	require.Equal(t, schema.Open, f.interaction("c").Ended)
}

func TestAnnotation_KeepsAnInteractionAlive(t *testing.T) {
	f := played(t, queued(10, "c", "q"))
	f.play(ix(80_000, schema.InteractionNote, "c"))
	f.pass(10 + 24*3600 + 3660)
	require.Equal(t, "offered=1", f.queue("q"))
	f.pass(80_000 + 24*3600 + 3660)
	require.Equal(t, "offered=1 expired=1", f.queue("q"))
}

func TestIdReuse_BeginsAnewAfterItsEndAndOneHorizon(t *testing.T) {
	for name, idle := range map[string][]float64{"at once": nil, "after it left": {3700, 3799}} {
		t.Run(name, func(t *testing.T) {
			f := played(t, queued(10, "c", "q"), ended(100, "c", schema.EndAbandoned))
			for _, s := range idle {
				f.pass(s)
			}
			require.Equal(t, OutOfState, f.do(queued(3700, "c", "q")), "not after the moment + horizon")
			require.Equal(t, OutOfState, f.do(ended(3700, "c", schema.EndFailed)))
			f.play(queued(3800.001, "c", "q"), ended(3850, "c", schema.EndAbandoned))
			require.Equal(t, "first q 10-100 abandoned, first q 3800.001-3850 abandoned", f.visits("c"))
			require.Equal(t, "offered=2 abandoned=2 abandon_wait=2:139999", f.queue("q"))
		})
	}
}

func TestIdReuse_CountsFromTheEndOfTheWrap(t *testing.T) {
	f := played(t, login(0, "a"), connected(10, "c", "a"), wrapStarted(20, "c", "a"), ended(20, "c", schema.EndCompleted))
	require.Equal(t, OutOfState, f.do(connected(4000, "c", "a")), "its wrap is open")
	f.play(wrapEnded(4001, "c", "a"))
	require.Equal(t, OutOfState, f.do(connected(4001+3600, "c", "a")))
	f.play(connected(4001+3600.001, "c", "a"))
	require.Equal(t, "answered=2 direct_inbound=2 talk=10000 wrap=3981000 handle=3991000 direct_inbound_time=3991000", f.agent("a"))
}

func TestFinishedInteraction_LeavesWhenCompleteUntilPassesItsEnd(t *testing.T) {
	f := played(t, login(0, "a"), connected(10, "c", "a"), wrapStarted(20, "c", "a"), ended(20, "c", schema.EndCompleted), wrapEnded(700, "c", "a"))
	f.pass(700 + 3659.999)
	require.True(t, f.holds("1", "c"))
	f.pass(700 + 3660)
	require.False(t, f.holds("1", "c"))
}

func TestEarlierLogout_TakesBackWhatTheStatusAfterItDid(t *testing.T) {
	f := played(t, login(0, "a"), connected(10, "c", "a"), wrapStarted(20, "c", "a"), ended(20, "c", schema.EndCompleted), status(60, "a", schema.Available),
		offered(100, "d", "a"))
	require.Equal(t, "offered=1 answered=1 direct_inbound=1 talk=10000 wrap=40000 handle=50000 direct_inbound_time=50000", f.agent("a"))
	f.play(logout(30, "a"))
	require.Contains(t, f.agent("a"), "wrap=10000 handle=20000", "the wrap ended with the logout")
	require.Equal(t, "away 0-10 on_call 10-20 wrap 20-30 available 60-100 ringing 100-", f.statuses("a"))
	f.play(logout(110, "a"))
	require.Contains(t, f.agent("a"), "declined=1")
}

func TestOfferLongBeforeItsConnect_StaysInItsCompleteWindow(t *testing.T) {
	f := played(t, queued(5, "c", "q"), offered(10, "c", "a"), queued(20, "c", "r"))
	f.pass(7000)
	f.play(connected(3500, "c", "a"))
	require.Equal(t, "offered=1", f.numbers(func(w *schema.Window) bool { return w.Agent == "a" && w.Queue == "q" }))
	require.Equal(t, "answered=1 ring=3490000", f.numbers(func(w *schema.Window) bool { return w.Agent == "a" && w.Queue == "r" }))
}

func TestOfferInTheRoleAgent_IsOneHoweverItConnects(t *testing.T) {
	f := played(t, offered(10, "c", "a"), connected(20, "c", "a", schema.RoleTransfer), offered(30, "d", "a", schema.RoleTransfer), connected(40, "d", "a", schema.RoleAgent))
	require.Equal(t, "offered=1 answered=1 transferred_in=1 direct_inbound=2 ring=2:20000", f.agent("a"))
}

func TestEndsOfSeveralKinds_AtOnce(t *testing.T) {
	f := played(t, login(0, "a"), offered(10, "c", "a"), logout(20, "a"), ended(20, "c", schema.EndAbandoned))
	require.Equal(t, schema.DeclineReason(0), f.part("c", "a").Declined, "the interaction's end comes first")
	require.Equal(t, "offered=1 ring=10000", f.agent("a"))
}
