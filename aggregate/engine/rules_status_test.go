package engine

import (
	"fmt"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// Event contract, agent events and effective status; metric definitions, workload; design, intervals.

func because(ev schema.Event, reason string) schema.Event { ev.ReasonID = reason; return ev }

func described(ev schema.Event, text string) schema.Event { ev.Description = text; return ev }

func suspended(s float64, agent string, yes bool) schema.Event {
	return schema.Event{Type: schema.AgentSuspended, Subject: agent, Time: at(s), Suspended: yes}
}

// conditions make an effective status, in the order of precedence; each also when those after it are there already or come later,
// in the order of turn.
var conditions = []struct {
	status schema.Status
	turn   int
	events []schema.Event
}{
	{schema.Conference, 1, []schema.Event{connected(10, "conf", "a"), connected(10.5, "conf", "x", schema.RoleInvite)}},
	{schema.OnCall, 2, []schema.Event{connected(11, "call", "a")}},
	{schema.Ringing, 3, []schema.Event{offered(12, "ring", "a")}},
	{schema.Dialing, 4, []schema.Event{dialed(13, "dial", "a")}},
	{schema.Wrap, 5, []schema.Event{arrived(14, "done", schema.ChannelChat), connected(14, "done", "a"), wrapStarted(14.5, "done", "a")}},
	{schema.Training, 7, []schema.Event{status(17, "a", schema.Training)}}, // stands for the reported activity, see below
	{schema.Rona, 8, []schema.Event{offered(18, "missed", "a"), declined(18.5, "missed", "a", schema.DeclineNoAnswer)}},
	{schema.InChat, 6, []schema.Event{arrived(15, "chat", schema.ChannelChat), connected(15, "chat", "a")}},
	{schema.Break, 0, []schema.Event{status(5, "a", schema.Break)}},
}

func TestPrecedence_TheFirstThatAppliesOfEveryPair(t *testing.T) {
	for _, activity := range []schema.Status{schema.Ringing, schema.Dialing, schema.OnCall, schema.InChat, schema.Conference, schema.Wrap, schema.Rona} {
		for i, hi := range conditions {
			for _, lo := range conditions[i+1:] {
				t.Run(fmt.Sprint(hi.status, " over ", lo.status, ", reported ", activity), func(t *testing.T) {
					events := []schema.Event{login(0, "a"), connected(1, "away", "a"), parked(2, "away", "a")}
					events = append(append(events, hi.events...), lo.events...)
					sort.SliceStable(events, func(i, j int) bool { return events[i].Time < events[j].Time })
					for k := range events {
						if events[k].Status == schema.Training {
							events[k].Status = activity
						}
					}
					f := played(t, events...)
					want := hi.status
					if want == schema.Training {
						want = activity
					}
					require.Equal(t, want, f.now("a").Status)
					f.play(logout(30, "a"))
					require.Equal(t, "logged_out since 30", f.is("a"))
				})
			}
		}
	}
}

func TestNobodyHasNamedTheAgent_LoggedOutSinceNever(t *testing.T) {
	f := played(t, offered(10, "c", "a"))
	f.flush()
	require.Equal(t, "logged_out since never", f.is("a"))
	require.Equal(t, schema.LivePresence{Status: schema.LoggedOut, Since: schema.NoTime}, f.now("a").Presence)
	require.Equal(t, "", f.presences("a")+f.statuses("a")+f.loads("a"))
}

func TestLogin_IsAwayUntilAStatusSaysOtherwise(t *testing.T) {
	f := played(t, login(10, "a"), status(20, "a", schema.Lunch), logout(30, "a"))
	require.Equal(t, "away 10-20 lunch 20-30", f.statuses("a"))
	require.Equal(t, "away 10-20 lunch 20-30 logged_out 30-", f.presences("a"))
	require.Equal(t, "0/0/0 10-30", mergeLoads(f.rows("a", schema.IntervalWorkload)))
	require.Nil(t, f.now("a").Session)
}

// mergeLoads joins pieces of one workload, whatever else cut them.
func mergeLoads(rows []schema.Interval) string {
	out := ""
	for k, r := range rows {
		if !r.Continued {
			if out != "" {
				out += " "
			}
			out += fmt.Sprintf("%d/%d/%d %s-", r.Live, r.SemiLive, r.NonLive, moment(r.Start))
		}
		if k+1 == len(rows) || !rows[k+1].Continued {
			out += moment(r.End)
		}
	}
	return out
}

func TestStatusOfALoggedOutAgent_IsALogin(t *testing.T) {
	for _, st := range []schema.Status{schema.Available, schema.OnCall} {
		f := played(t, status(10, "a", st))
		require.Equal(t, fmt.Sprintf("%s since 10", st), f.is("a"))
		require.Equal(t, schema.LiveSession{Since: at(10)}, *f.now("a").Session)
	}
	f := played(t, status(10, "a", schema.OnCall))
	require.Equal(t, schema.Away, f.now("a").Presence.Status, "an activity is no presence")
	require.Equal(t, OutOfState, f.do(logout(5, "b")))
	require.Equal(t, OutOfState, f.do(status(11, "b", schema.LoggedOut)))
}

func TestLoginOverAnOpenSession_EndsIt(t *testing.T) {
	first := login(10, "a")
	first.SessionID, first.Capacity = "s1", [schema.NumChannels]uint16{schema.ChannelChat: 3}
	second := login(30, "a")
	second.SessionID, second.Extension = "s2", "77"
	f := played(t, first, status(12, "a", schema.Break), schema.Event{Type: schema.AgentAssignment, Subject: "a", Time: at(13), Has: schema.HasQueueIDs, QueueIDs: []string{"q"}},
		second)
	require.Equal(t, "away 10-12 break 12-30 away 30-", f.statuses("a"))
	require.Equal(t, schema.LiveSession{ID: "s2", Extension: "77", Since: at(30)}, *f.now("a").Session)
	require.Nil(t, f.now("a").Assignment)
}

func TestAssignment_ReplacesWhatItNames(t *testing.T) {
	assign := func(s float64, ev schema.Event) schema.Event {
		ev.Type, ev.Subject, ev.Time = schema.AgentAssignment, "a", at(s)
		return ev
	}
	f := newFloor(t)
	require.Equal(t, OutOfState, f.do(assign(1, schema.Event{Has: schema.HasQueueIDs, QueueIDs: []string{"q"}})))
	f.play(login(2, "a"), assign(3, schema.Event{Has: schema.HasQueueIDs | schema.HasSkills, QueueIDs: []string{"q", "r"}, Skills: []string{"x"}}),
		assign(4, schema.Event{Has: schema.HasSkills | schema.HasQueueID, QueueID: "r"}))
	require.Equal(t, &schema.LiveAssignment{QueueIDs: []string{"q", "r"}, Skills: []string{}, QueueID: "r"}, f.now("a").Assignment)
	require.Equal(t, "away 2-", f.statuses("a"))
	f.play(logout(5, "a"), login(6, "a"))
	require.Nil(t, f.now("a").Assignment, "for this session")
}

func TestSince_IsTheEventThatMadeItSo(t *testing.T) {
	f := played(t, login(0, "a"), status(10, "a", schema.Break), status(20, "a", schema.Break))
	require.Equal(t, "break since 10", f.is("a"), "not the time it was last confirmed")
	require.Equal(t, at(10), f.now("a").Presence.Since)
	require.Equal(t, "away 0-10 break 10-", f.statuses("a"))

	f.play(because(status(30, "a", schema.Break), "7"))
	require.Equal(t, "break since 10", f.is("a"), "a new reason is not a new effective status")
	require.Equal(t, at(30), f.now("a").Presence.Since, "but a new presence")
	require.Equal(t, "away 0-10 break 10-30 +break(7) 30-", f.statuses("a"), "the interval ends, the status is counted once")
	require.Equal(t, "away 0-10 break 10-30 break(7) 30-", f.presences("a"))

	f.play(described(because(status(40, "a", schema.Break), "7"), "!"))
	require.Equal(t, at(30), f.now("a").Presence.Since)
	require.Equal(t, "away 0-10 break 10-30 +break(7) 30-40 +break(7!) 40-", f.statuses("a"))

	f.play(connected(50, "c", "a"), ended(60, "c", schema.EndCompleted))
	require.Equal(t, "break since 60", f.is("a"), "the end of the call made it so")
	require.Equal(t, at(30), f.now("a").Presence.Since)
}

func TestSinceOfTwoCalls_IsTheFirst(t *testing.T) {
	f := played(t, login(0, "a"), connected(10, "c", "a"), connected(20, "d", "a"), ended(30, "c", schema.EndCompleted))
	require.Equal(t, "on_call since 10", f.is("a"))
	require.Equal(t, "1/0/0 since 30", f.load("a"))
}

func TestSuspended_CutsTheIntervalAndNothingElse(t *testing.T) {
	f := played(t, login(0, "a"), status(10, "a", schema.Available), suspended(20, "a", true), suspended(25, "a", true), suspended(30, "a", false))
	require.Equal(t, "away 0-10 available 10-20 +available(s) 20-30 +available 30-", f.statuses("a"))
	require.Equal(t, "available since 10", f.is("a"))
	require.Equal(t, map[schema.Status]int64{schema.Available: 30_000, schema.Away: 10_000}, f.s.statusTimes("a", at(0), at(40)))
}

func TestReportedActivity_InForceUntil(t *testing.T) {
	for name, x := range map[string]struct {
		events []schema.Event
		want   string
	}{
		"nothing":              {nil, "lunch 0-10 on_call 10-"},
		"a presence":           {[]schema.Event{status(20, "a", schema.Break)}, "lunch 0-10 on_call 10-20 break 20-"},
		"the same presence":    {[]schema.Event{status(20, "a", schema.Lunch)}, "lunch 0-10 on_call 10-20 lunch 20-"},
		"another activity":     {[]schema.Event{status(20, "a", schema.Wrap)}, "lunch 0-10 on_call 10-20 wrap 20-"},
		"logout":               {[]schema.Event{logout(20, "a")}, "lunch 0-10 on_call 10-20"},
		"login":                {[]schema.Event{login(20, "a")}, "lunch 0-10 on_call 10-20 away 20-"},
		"suspended and assign": {[]schema.Event{suspended(20, "a", false), {Type: schema.AgentAssignment, Subject: "a", Time: at(21), Has: schema.HasQueueID}}, "lunch 0-10 on_call 10-"},
		"the end of the last part open during it": {[]schema.Event{connected(12, "c", "a"), connected(14, "d", "a"), ended(20, "c", schema.EndCompleted),
			ended(30, "d", schema.EndCompleted)}, "lunch 0-10 on_call 10-30 lunch 30-"},
		"the end of its wrap": {[]schema.Event{connected(12, "c", "a"), wrapStarted(20, "c", "a"), wrapEnded(30, "c", "a")},
			"lunch 0-10 on_call 10-20 wrap 20-30 lunch 30-"},
		"an offer that ends": {[]schema.Event{offered(12, "c", "a"), declined(20, "c", "a", schema.DeclineBusy)}, "lunch 0-10 on_call 10-12 ringing 12-20 lunch 20-"},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), status(0, "a", schema.Lunch), status(10, "a", schema.OnCall))
			f.play(x.events...)
			require.Equal(t, x.want, f.statuses("a"))
		})
	}
}

func TestReportedActivity_EndsWithAPartThatWasOpenWhenItBegan(t *testing.T) {
	f := played(t, login(0, "a"), connected(5, "c", "a"), status(10, "a", schema.Wrap), ended(20, "c", schema.EndCompleted))
	require.Equal(t, "away 0-5 on_call 5-20 away 20-", f.statuses("a"))
}

func TestReportedActivity_ShowsItsReasonAndKeepsThePresence(t *testing.T) {
	f := played(t, login(0, "a"), because(status(5, "a", schema.Lunch), "3"), because(status(10, "a", schema.OnCall), "9"))
	require.Equal(t, "away 0-5 lunch(3) 5-10 on_call(9) 10-", f.statuses("a"))
	require.Equal(t, "away 0-5 lunch(3) 5-", f.presences("a"))
	require.Equal(t, "1/0/0 since 10", f.load("a"))
}

func TestRona_UntilTheNextStatusLoginOfferOrInteraction(t *testing.T) {
	for name, x := range map[string]struct {
		events []schema.Event
		want   string
	}{
		"nothing":           {nil, "rona 20-"},
		"status":            {[]schema.Event{status(30, "a", schema.Away)}, "rona 20-30 away 30-"},
		"login":             {[]schema.Event{login(30, "a")}, "rona 20-30 away 30-"},
		"logout":            {[]schema.Event{logout(30, "a"), login(40, "a")}, "rona 20-30 away 40-"},
		"offer":             {[]schema.Event{offered(30, "d", "a"), declined(40, "d", "a", schema.DeclineBusy)}, "rona 20-30 ringing 30-40 away 40-"},
		"chat":              {[]schema.Event{arrived(30, "d", schema.ChannelChat), connected(30, "d", "a"), left(40, "d", "a")}, "rona 20-30 in_chat 30-40 away 40-"},
		"e-mail":            {[]schema.Event{arrived(30, "d", schema.ChannelEmail), connected(30, "d", "a"), left(40, "d", "a")}, "rona 20-30 in_chat 30-40 away 40-"},
		"own dial":          {[]schema.Event{dialed(30, "d", "a"), left(40, "d", "a")}, "rona 20-30 dialing 30-40 away 40-"},
		"the caller's end":  {[]schema.Event{ended(30, "c", schema.EndAbandoned)}, "rona 20-"},
		"another one's":     {[]schema.Event{offered(30, "c", "b"), connected(35, "c", "b")}, "rona 20-"},
		"reported activity": {[]schema.Event{status(30, "a", schema.OnCall), status(40, "a", schema.Away)}, "rona 20-30 on_call 30-40 away 40-"},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), offered(10, "c", "a"), declined(20, "c", "a", schema.DeclineNoAnswer))
			f.play(x.events...)
			require.Equal(t, "away 0-10 ringing 10-20 "+x.want, f.statuses("a"))
		})
	}
}

func TestRona_OnlyAfterAVoiceOfferUnanswered(t *testing.T) {
	for ch, want := range map[schema.Channel]schema.Status{schema.ChannelVoice: schema.Rona, schema.ChannelVideo: schema.Away, schema.ChannelChat: schema.Away} {
		f := played(t, login(0, "a"), arrived(9, "c", ch), offered(10, "c", "a"), declined(20, "c", "a", schema.DeclineNoAnswer))
		require.Equal(t, want, f.now("a").Status)
		require.Contains(t, f.agent("a"), "rona=1", "the metric counts every channel")
	}
	f := played(t, login(0, "a"), offered(10, "c", "a"), declined(20, "c", "a", schema.DeclineBusy))
	require.Equal(t, "away since 20", f.is("a"))
}

func TestInChat_AtTheLoginsCapacity(t *testing.T) {
	in := login(0, "a")
	in.Capacity = [schema.NumChannels]uint16{schema.ChannelChat: 2, schema.ChannelEmail: 3}
	f := played(t, in, arrived(1, "c1", schema.ChannelChat), arrived(1, "c2", schema.ChannelChat), arrived(1, "e1", schema.ChannelEmail),
		arrived(1, "t1", schema.ChannelTask), connected(10, "c1", "a"), connected(20, "e1", "a"))
	require.Equal(t, "away since 0", f.is("a"))
	f.play(connected(30, "c2", "a"))
	require.Equal(t, "in_chat since 30", f.is("a"))
	f.play(held(40, "c1", "a"))
	require.Equal(t, "away since 40", f.is("a"), "an interrupted part counts like a parked one")
	f.play(connected(50, "t1", "a"))
	require.Equal(t, "in_chat since 50", f.is("a"), "a task alone reaches the capacity of 1")
	f.play(parked(60, "t1", "a"))
	require.Equal(t, "away since 60", f.is("a"))
	f.play(resumed(70, "c1", "a"))
	require.Equal(t, "in_chat since 70", f.is("a"))
}

func TestHeldVoice_StaysOnCall(t *testing.T) {
	for ch, want := range map[schema.Channel]string{schema.ChannelVoice: "on_call since 10", schema.ChannelVideo: "on_call since 10", schema.ChannelChat: "away since 20"} {
		f := played(t, login(0, "a"), arrived(1, "c", ch), connected(10, "c", "a"), held(20, "c", "a"))
		require.Equal(t, want, f.is("a"), "%s", ch)
	}
}

func TestConference_TwoWhoSpeak(t *testing.T) {
	f := played(t, login(0, "a"), login(0, "b"), login(0, "s"), connected(10, "c", "a"), connected(15, "c", "s", schema.RoleWhisperJoin),
		connected(20, "c", "b", schema.RoleInvite), parked(30, "c", "b"), unparked(35, "c", "b"), wrapStarted(40, "c", "b"), ended(50, "c", schema.EndCompleted))
	require.Equal(t, "away 0-10 on_call 10-20 conference 20-30 on_call 30-35 conference 35-40 on_call 40-50 away 50-", f.statuses("a"))
	require.Equal(t, "away 0-20 conference 20-30 away 30-35 conference 35-40 wrap 40-", f.statuses("b"))
	require.Equal(t, "away 0-15 on_call 15-50 away 50-", f.statuses("s"))
}

func TestConference_IsOfVoiceAndVideoOnly(t *testing.T) {
	f := played(t, login(0, "a"), arrived(1, "c", schema.ChannelChat), connected(10, "c", "a"), connected(20, "c", "b", schema.RoleInvite))
	require.Equal(t, "in_chat since 10", f.is("a"))
}

func TestWorkload_ThreeClasses(t *testing.T) {
	for ch, want := range map[schema.Channel]string{schema.ChannelVoice: "1/0/0", schema.ChannelVideo: "1/0/0", schema.ChannelChat: "0/1/0",
		schema.ChannelMessage: "0/0/1", schema.ChannelEmail: "0/0/1", schema.ChannelTask: "0/0/1"} {
		spoken := ch.Spoken()
		f := played(t, login(0, "a"), arrived(1, "c", ch), offered(10, "c", "a"), connected(20, "c", "a"), held(30, "c", "a"), resumed(40, "c", "a"),
			parked(50, "c", "a"), unparked(60, "c", "a"), wrapStarted(70, "c", "a"), wrapEnded(80, "c", "a"))
		if spoken {
			require.Equal(t, "0/0/0 0-10 "+want+" 10-50 0/0/0 50-60 "+want+" 60-80 0/0/0 80-", f.loads("a"), "%s", ch)
		} else {
			require.Equal(t, "0/0/0 0-10 "+want+" 10-30 0/0/0 30-40 "+want+" 40-50 0/0/0 50-60 "+want+" 60-80 0/0/0 80-", f.loads("a"), "%s", ch)
		}
		require.Equal(t, "0/0/0 since 80", f.load("a"))
	}
}

func TestWorkload_OfReportedActivityWhereNoPartIsOpen(t *testing.T) {
	for st, want := range map[schema.Status]string{schema.Ringing: "1/0/0", schema.Dialing: "1/0/0", schema.OnCall: "1/0/0", schema.Conference: "1/0/0",
		schema.Wrap: "1/0/0", schema.InChat: "0/1/0", schema.Rona: "0/0/0", schema.Break: "0/0/0"} {
		f := played(t, login(0, "a"), status(10, "a", st))
		require.Equal(t, want, f.load("a")[:5], "%s", st)
	}
	f := played(t, login(0, "a"), status(10, "a", schema.OnCall), arrived(20, "c", schema.ChannelEmail), offered(20, "c", "a"))
	require.Equal(t, "0/0/1 since 20", f.load("a"))
	g := played(t, login(7, "a"))
	require.Equal(t, "0/0/0 since 7", g.load("a"), "at first the login")
}

func TestConnectedSegments_AreWhatConcurrencyNeeds(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelChat)...)
	f.play(held(30, "c", "a"), resumed(40, "c", "a"), wrapStarted(60, "c", "a"), wrapEnded(70, "c", "a"))
	var got string
	for _, s := range f.part("c", "a").Segments {
		got += fmt.Sprintf("%s %s-%s %s,", s.State, moment(s.Since), moment(s.Until), s.Reason)
	}
	require.Equal(t, "ringing 15-20 ,connected 20-30 ,held 30-40 ,connected 40-60 resumed,wrap 60-70 ,", got)
}

func TestMidnight_CutsWhatEndedAndCountsItOnce(t *testing.T) {
	const midnight = 14 * 3600
	f := played(t, login(midnight-10, "a"), connected(midnight-5, "c", "a"))
	require.Equal(t, fmt.Sprintf("away %d-%d on_call %d-", midnight-10, midnight-5, midnight-5), f.statuses("a"))
	f.pass(midnight + 1000)
	require.Equal(t, fmt.Sprintf("away %d-%d on_call %d-", midnight-10, midnight-5, midnight-5), f.statuses("a"), "one row while it is open")
	const next = midnight + 24*3600
	f.play(ix(next-10, schema.InteractionNote, "c"), ended(next+5, "c", schema.EndCompleted), logout(next+9, "a"), login(4*midnight, "a"))
	require.Equal(t, fmt.Sprintf("away %d-%d on_call %d-%d +on_call %d-%d +on_call %d-%d away %d-%d away %d-", midnight-10, midnight-5, midnight-5,
		midnight, midnight, next, next, next+5, next+5, next+9, 4*midnight), f.statuses("a"))
	require.Contains(t, f.presences("a"), fmt.Sprintf("logged_out %d-%d away", next+9, 4*midnight), "logged-out presence is one uncut row")
}

func TestEqualTimes_InteractionsFirstThenTheAgentsOwn(t *testing.T) {
	f := played(t, login(0, "a"), status(10, "a", schema.Available), connected(10, "c", "a"))
	require.Equal(t, "on_call since 10", f.is("a"))
	f = played(t, login(0, "a"), connected(5, "c", "a"), status(20, "a", schema.Available), wrapStarted(20, "c", "a"))
	require.Equal(t, "available since 20", f.is("a"), "the wrap began first and available ended it")
	f = played(t, login(0, "a"), connected(5, "b", "a"), wrapStarted(20, "b", "a"), connected(20, "c", "a"), ended(30, "c", schema.EndCompleted))
	require.Equal(t, "away since 30", f.is("a"), "the next connected part in order of interaction id")
	f = played(t, login(0, "a"), connected(5, "d", "a"), connected(20, "c", "a"), wrapStarted(20, "d", "a"), ended(30, "c", schema.EndCompleted))
	require.Equal(t, "wrap since 30", f.is("a"), "connected in c came before the wrap in d")
}

func TestSequence_BreaksTiesAndComesBeforeEventsWithout(t *testing.T) {
	f := played(t, login(0, "a"), status(10, "a", schema.Lunch), sequence(2, status(10, "a", schema.Break)), sequence(1, status(10, "a", schema.Meeting)))
	require.Equal(t, "away 0-10 lunch 10-", f.statuses("a"))
	f = played(t, login(0, "a"), sequence(2, status(10, "a", schema.Break)), sequence(1, status(10, "a", schema.Meeting)))
	require.Equal(t, "away 0-10 break 10-", f.statuses("a"))
	f = played(t, login(0, "a"), connected(5, "c", "a"))
	require.Equal(t, OutOfState, f.do(sequence(2, resumed(10, "c", "a"))))
	require.Equal(t, Applied, f.do(sequence(1, held(10, "c", "a"))), "a resumed that came too early fits once the hold is there")
	require.Equal(t, schema.StateConnected, f.now("a").Parts[0].State)
}

// The statuses of one agent sum to the logged-in time, to the millisecond, in any range; and its intervals tile it.
func TestStatusesTileTheLoggedInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := sensible(t, 120, 10*minuteMs)
		f := play(t, shuffled(t, events, DefaultHorizonMs-1), 3)
		for _, agent := range []string{"a", "b", "c"} {
			checkTiles(t, f, agent, events)
		}
	})
}

// checkTiles compares an agent's intervals with the sessions that its own events make.
func checkTiles(t *rapid.T, f *floor, agent string, events []schema.Event) {
	type span struct{ from, to int64 }
	var sessions []span
	in, open := int64(0), false
	sort.SliceStable(events, func(i, j int) bool {
		if events[i].Time != events[j].Time {
			return events[i].Time < events[j].Time
		}
		return lessSequence(&extra{seq: events[i].Sequence, hasSeq: events[i].HasSequence}, &extra{seq: events[j].Sequence, hasSeq: events[j].HasSequence})
	})
	for _, ev := range events {
		if ev.Subject != agent || ev.ContactCenter != "1" {
			continue
		}
		out := ev.Type == schema.AgentLogout || ev.Type == schema.AgentStatus && ev.Status == schema.LoggedOut
		switch {
		case out && open:
			sessions, open = append(sessions, span{in, ev.Time}), false
		case !out && !open && (ev.Type == schema.AgentLogin || ev.Type == schema.AgentStatus):
			in, open = ev.Time, true
		}
	}
	if open {
		sessions = append(sessions, span{in, schema.Open})
	}
	var want []span
	for _, s := range sessions {
		if n := len(want); n > 0 && want[n-1].to == s.from {
			want[n-1].to = s.to
		} else if s.from < s.to {
			want = append(want, s)
		}
	}
	for _, kind := range []schema.IntervalKind{schema.IntervalStatus, schema.IntervalWorkload} {
		var got []span
		var last schema.Interval
		for _, r := range f.rows(agent, kind) {
			if r.ContactCenter != "1" {
				continue
			}
			if r.Start >= r.End || r.Start < last.End {
				t.Fatalf("%s: %s %d-%d after one until %d", agent, r.Status, r.Start, r.End, last.End)
			}
			same := last.End == r.Start && last.Status == r.Status && last.Live == r.Live && last.SemiLive == r.SemiLive && last.NonLive == r.NonLive
			if same && !r.Continued {
				t.Fatalf("%s: %s at %d is not marked as continued", agent, r.Status, r.Start)
			}
			if !same && r.Continued {
				t.Fatalf("%s: %s at %d is marked as continued", agent, r.Status, r.Start)
			}
			if n := len(got); n > 0 && got[n-1].to == r.Start {
				got[n-1].to = r.End
			} else {
				got = append(got, span{r.Start, r.End})
			}
			last = r
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: intervals of kind %s tile %v, logged in %v", agent, kind, got, want)
		}
	}
}
