package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// Event contract, rules on parts; metric definitions, rule 1 and the table of agent metrics.

func answeredCall(ch schema.Channel) []schema.Event {
	return []schema.Event{login(0, "a"), status(0, "a", schema.Available), arrived(1, "c", ch), queued(10, "c", "q"), offered(15, "c", "a"),
		connected(20, "c", "a")}
}

func TestPartMetrics_EachDurationOnce(t *testing.T) {
	for name, x := range map[string]struct {
		channel schema.Channel
		events  []schema.Event
		agent   string
	}{
		"no wrap": {schema.ChannelVoice, []schema.Event{ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=30000 handle=30000"},
		"ended by left": {schema.ChannelVoice, []schema.Event{left(50, "c", "a")}, "offered=1 answered=1 ring=5000 talk=30000 handle=30000"},
		"still talking": {schema.ChannelVoice, []schema.Event{held(30, "c", "a"), resumed(40, "c", "a")}, "offered=1 answered=1 ring=5000"},
		"hold twice": {schema.ChannelVoice, []schema.Event{held(30, "c", "a"), resumed(35, "c", "a"), held(40, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=15000 hold=15000 handle=30000"},
		"hold on video": {schema.ChannelVideo, []schema.Event{held(30, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=10000 hold=20000 handle=30000"},
		"hold of length zero is a hold": {schema.ChannelVoice, []schema.Event{held(30, "c", "a"), resumed(30, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=30000 hold=0 handle=30000"},
		"interrupted chat": {schema.ChannelChat, []schema.Event{held(30, "c", "a"), resumed(40, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=20000 parked=10000 handle=20000"},
		"interrupted e-mail": {schema.ChannelEmail, []schema.Event{held(30, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=10000 parked=20000 handle=10000"},
		"parked": {schema.ChannelVoice, []schema.Event{parked(30, "c", "a"), unparked(40, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=20000 parked=10000 handle=20000"},
		"parked from hold": {schema.ChannelVoice, []schema.Event{held(25, "c", "a"), parked(30, "c", "a"), unparked(40, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=15000 hold=5000 parked=10000 handle=20000"},
		"ended while parked": {schema.ChannelVoice, []schema.Event{parked(30, "c", "a"), ended(50, "c", schema.EndCompleted)},
			"offered=1 answered=1 ring=5000 talk=10000 parked=20000 handle=10000"},
		"wrap before the end": {schema.ChannelVoice, []schema.Event{wrapStarted(40, "c", "a"), ended(50, "c", schema.EndCompleted), wrapEnded(60, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=20000 wrap=20000 handle=40000"},
		"wrap at the end": {schema.ChannelVoice, []schema.Event{ended(50, "c", schema.EndCompleted), wrapStarted(50, "c", "a"), wrapEnded(60, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=30000 wrap=10000 handle=40000"},
		"wrap 60 s after the end": {schema.ChannelVoice, []schema.Event{ended(50, "c", schema.EndCompleted), wrapStarted(110, "c", "a"), wrapEnded(130, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=30000 wrap=20000 handle=50000"},
		"wrap after left": {schema.ChannelVoice, []schema.Event{left(50, "c", "a"), wrapStarted(80, "c", "a"), wrapEnded(90, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=30000 wrap=10000 handle=40000"},
		"wrap of length zero is a wrap": {schema.ChannelVoice, []schema.Event{wrapStarted(50, "c", "a"), wrapEnded(50, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=30000 wrap=0 handle=30000"},
		"open wrap has no handle yet": {schema.ChannelVoice, []schema.Event{ended(50, "c", schema.EndCompleted), wrapStarted(70, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=30000"},
		"wrap ends long after": {schema.ChannelVoice, []schema.Event{wrapStarted(50, "c", "a"), ended(50, "c", schema.EndCompleted), wrapEnded(5050, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=30000 wrap=5000000 handle=5030000"},
		"wrap while held": {schema.ChannelVoice, []schema.Event{held(30, "c", "a"), wrapStarted(50, "c", "a"), wrapEnded(60, "c", "a")},
			"offered=1 answered=1 ring=5000 talk=10000 hold=20000 wrap=10000 handle=40000"},
		"failed": {schema.ChannelVoice, []schema.Event{ended(50, "c", schema.EndFailed)},
			"offered=1 answered=1 ring=5000 talk=30000 handle=30000"},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, answeredCall(x.channel)...)
			f.play(x.events...)
			require.Equal(t, x.agent, f.agent("a"))
		})
	}
}

func TestWrap60sAfter_MovesTheHandleToItsOwnWindow(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelVoice)...)
	f.play(ended(50, "c", schema.EndCompleted))
	require.Equal(t, "offered=1 answered=1 ring=5000 talk=30000 handle=30000", f.minute(0, "", "a"))
	f.play(wrapStarted(110, "c", "a"))
	require.Equal(t, "offered=1 answered=1 ring=5000 talk=30000", f.minute(0, "", "a"))
	f.play(wrapEnded(130, "c", "a"))
	require.Equal(t, "wrap=20000 handle=50000", f.minute(120, "", "a"))
}

func TestWrapLaterThan60s_IsOutOfState(t *testing.T) {
	for name, end := range map[string]schema.Event{"ended": ended(50, "c", schema.EndCompleted), "left": left(50, "c", "a")} {
		t.Run(name, func(t *testing.T) {
			f := played(t, answeredCall(schema.ChannelVoice)...)
			f.play(end)
			require.Equal(t, OutOfState, f.do(wrapStarted(110.001, "c", "a")))
			require.Equal(t, "offered=1 answered=1 ring=5000 talk=30000 handle=30000", f.agent("a"))
		})
	}
}

func TestWrapAfterAnOfferThatCameToNothing_IsOfTheConversation(t *testing.T) {
	f := played(t, connected(10, "c", "a"), left(20, "c", "a"), offered(25, "c", "a"), offered(25, "c", "b"), connected(28, "c", "b"), wrapStarted(30, "c", "a"), wrapEnded(40, "c", "a"))
	require.Equal(t, "offered=1 answered=1 direct_inbound=1 ring=3000 talk=10000 wrap=10000 handle=20000 direct_inbound_time=20000", f.agent("a"))
}

func TestWrapEnds_AtTheFirstOfItsEnds(t *testing.T) {
	for name, x := range map[string]struct {
		events []schema.Event
		end    float64
	}{
		"wrap_ended":           {[]schema.Event{wrapEnded(70, "c", "a")}, 70},
		"available":            {[]schema.Event{status(65, "a", schema.Available)}, 65},
		"status logged_out":    {[]schema.Event{status(65, "a", schema.LoggedOut)}, 65},
		"logout":               {[]schema.Event{logout(65, "a")}, 65},
		"another presence":     {[]schema.Event{status(65, "a", schema.Break), wrapEnded(75, "c", "a")}, 75},
		"an offer":             {[]schema.Event{arrived(60, "d", schema.ChannelVoice), offered(61, "d", "a"), wrapEnded(75, "c", "a")}, 75},
		"next voice part":      {[]schema.Event{connected(62, "d", "a")}, 62},
		"next video part":      {[]schema.Event{arrived(60, "d", schema.ChannelVideo), connected(62, "d", "a")}, 62},
		"next chat is none":    {[]schema.Event{arrived(60, "d", schema.ChannelChat), connected(62, "d", "a"), wrapEnded(75, "c", "a")}, 75},
		"available before":     {[]schema.Event{wrapEnded(75, "c", "a")}, 75},
		"24 hours":             {nil, 50 + 24*3600},
		"reported on_call":     {[]schema.Event{status(65, "a", schema.OnCall), wrapEnded(75, "c", "a")}, 75},
		"login over a session": {[]schema.Event{login(65, "a"), wrapEnded(75, "c", "a")}, 75},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, answeredCall(schema.ChannelVoice)...)
			f.play(status(45, "a", schema.Available), wrapStarted(50, "c", "a"), ended(50, "c", schema.EndCompleted))
			f.play(x.events...)
			if x.events == nil {
				f.pass(50 + 25*3600 + 59.999)
				require.Equal(t, "wrap since 50", f.is("a"), "seen only when complete_until passes the moment")
				f.pass(50 + 25*3600 + 60)
			}
			p := f.part("c", "a")
			require.Equal(t, moment(at(x.end)), moment(p.Finished))
			require.EqualValues(t, (x.end-50)*1000, p.WrapMs)
		})
	}
}

func TestLoggedOutAndWrapping_TheWrapEndsButNotTheConnectedPart(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelVoice)...)
	f.play(login(20, "b"), connected(21, "d", "b"), wrapStarted(30, "d", "b"), logout(40, "a"), logout(40, "b"), ended(60, "c", schema.EndCompleted))
	require.Equal(t, "60", moment(f.part("c", "a").Ended))
	require.EqualValues(t, 40_000, f.part("c", "a").TalkMs)
	require.Equal(t, "40", moment(f.part("d", "b").Finished))
	require.Equal(t, "logged_out since 40", f.is("a"))
}

func TestDeclines(t *testing.T) {
	for _, why := range []schema.DeclineReason{schema.DeclineNoAnswer, schema.DeclineBusy, schema.DeclineRejected, schema.DeclineUnreachable,
		schema.DeclineFailed, schema.DeclineConnectionUnavailable, schema.DeclineCustomerAbandoned} {
		for _, role := range []schema.Role{schema.RoleAgent, schema.RoleTransfer, schema.RoleConsult} {
			t.Run(fmt.Sprint(why, " ", role), func(t *testing.T) {
				f := played(t, login(0, "a"), queued(10, "c", "q"), offered(15, "c", "a", role), declined(35, "c", "a", why))
				want := "ring=20000"
				if role == schema.RoleAgent {
					want = "offered=1 declined=1 ring=20000"
					if why == schema.DeclineNoAnswer {
						want = "offered=1 rona=1 ring=20000"
					}
				}
				require.Equal(t, want, f.agent("a"))
				require.Equal(t, "offered=1 ring=20000", f.queue("q"))
				p := f.part("c", "a")
				require.Equal(t, why, p.Declined)
				require.Equal(t, "35", moment(p.DeclinedAt))
				require.Equal(t, schema.Segment{State: schema.StateDeclined, Since: at(35), Until: at(35), Role: role, Reason: why.String()},
					p.Segments[len(p.Segments)-1])
			})
		}
	}
}

func TestConnect_EndsOtherOffersNeitherAnsweredNorDeclined(t *testing.T) {
	f := played(t, queued(10, "c", "q"), offered(15, "c", "a"), offered(15, "c", "b"), offered(16, "c", "d", schema.RoleTransfer),
		offered(16, "c", "e", schema.RoleConsult), connected(20, "c", "b"))
	require.Equal(t, "offered=1 ring=5000", f.agent("a"))
	require.Equal(t, "offered=1 answered=1 ring=5000", f.agent("b"))
	require.Equal(t, "ring=4000", f.agent("d"))
	require.Equal(t, "", f.agent("e"), "an offer in another role stays open")
	require.Equal(t, schema.DeclineReason(0), f.part("c", "a").Declined)
	require.Equal(t, "20", moment(f.part("c", "a").Finished))
}

func TestConsultConnect_EndsNoOtherOffer(t *testing.T) {
	f := played(t, offered(15, "c", "a"), connected(20, "c", "e", schema.RoleConsult))
	require.Equal(t, "", moment(f.part("c", "a").Ended))
}

func TestLogout_DeclinesOpenOffersAsUnreachable(t *testing.T) {
	for name, out := range map[string]schema.Event{"logout": logout(20, "a"), "status": status(20, "a", schema.LoggedOut)} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), offered(10, "c", "a"), arrived(11, "d", schema.ChannelChat), offered(12, "d", "a", schema.RoleTransfer), out)
			require.Equal(t, "offered=1 declined=1 ring=2:18000", f.agent("a"))
			for _, id := range []string{"c", "d"} {
				p := f.part(id, "a")
				require.Equal(t, schema.DeclineUnreachable, p.Declined)
				require.Equal(t, "20", moment(p.DeclinedAt))
			}
		})
	}
}

func TestConsult(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelVoice)...)
	f.play(held(30, "c", "a"), offered(31, "c", "b", schema.RoleConsult), connected(35, "c", "b", schema.RoleConsult), left(45, "c", "b"),
		resumed(46, "c", "a"), ended(50, "c", schema.EndCompleted))
	require.Equal(t, "consulted=1 ring=4000 talk=10000 handle=10000", f.agent("b"))
	require.Equal(t, "offered=1 answered=1 wait=10000 ring=2:9000 talk=2:24000 hold=16000 handle=2:40000", f.queue("q"))
	require.Equal(t, "a", f.interaction("c").PrimaryAgent)
	require.Zero(t, f.s.statusTimes("a", at(0), at(100))[schema.Conference], "who holds the customer to consult is on a call")
}

func TestConferenced_CountsInviteAndBargeIn(t *testing.T) {
	for role, want := range map[schema.Role]string{schema.RoleInvite: "conferenced=1 ring=5000 talk=20000 handle=20000",
		schema.RoleBargeIn: "conferenced=1 ring=5000 talk=20000 handle=20000", schema.RoleContact: "ring=5000 talk=20000 handle=20000"} {
		f := played(t, answeredCall(schema.ChannelVoice)...)
		f.play(offered(25, "c", "b", role), connected(30, "c", "b", role), ended(50, "c", schema.EndCompleted))
		require.Equal(t, want, f.agent("b"), "%s", role)
	}
}

func TestMonitoring_CountsInMonitoredAndWorkloadOnly(t *testing.T) {
	for _, role := range []schema.Role{schema.RoleSilentJoin, schema.RoleWhisperJoin} {
		f := played(t, answeredCall(schema.ChannelVoice)...)
		f.play(login(20, "s"), offered(25, "c", "s", role), connected(30, "c", "s", role), held(34, "c", "s"), resumed(36, "c", "s"), left(40, "c", "s"),
			wrapStarted(40, "c", "s"), wrapEnded(45, "c", "s"), ended(50, "c", schema.EndCompleted))
		require.Equal(t, "monitored=10000", f.agent("s"))
		require.Equal(t, "offered=1 answered=1 wait=10000 ring=5000 talk=30000 handle=30000", f.queue("q"))
		require.Equal(t, "0/0/0 20-25 1/0/0 25-45 0/0/0 45-", f.loads("s"))
		require.Equal(t, "away 20-25 ringing 25-30 on_call 30-40 wrap 40-45 away 45-", f.statuses("s"))
		require.Equal(t, "available 0-15 ringing 15-20 on_call 20-50 available 50-", f.statuses("a"), "a monitor makes no conference")
	}
}

func TestMonitor_SendsNoMessagesAndHidesNone(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelChat)...)
	f.play(connected(25, "c", "s", schema.RoleSilentJoin), message(30, "c", "", true), message(32, "c", "s", true), left(40, "c", "s"), ended(50, "c", schema.EndCompleted))
	require.Equal(t, "monitored=15000", f.agent("s"))
	require.Equal(t, "offered=1 answered=1 messages_sent=1 ring=5000 talk=30000 handle=30000 first_response=10000", f.agent("a"))
}

func TestMessages(t *testing.T) {
	for ch, want := range map[schema.Channel]string{
		schema.ChannelChat:    "offered=1 answered=1 messages_sent=3 ring=5000 talk=30000 handle=30000 first_response=3000",
		schema.ChannelMessage: "offered=1 answered=1 messages_sent=3 ring=5000 talk=30000 handle=30000 first_response=3000",
		schema.ChannelEmail:   "offered=1 answered=1 ring=5000 talk=30000 handle=30000",
		schema.ChannelVoice:   "offered=1 answered=1 ring=5000 talk=30000 handle=30000",
	} {
		f := played(t, answeredCall(ch)...)
		f.play(message(21, "c", "", false), message(23, "c", "", true), message(24, "c", "a", true), message(25, "c", "", true),
			message(26, "c", "nobody", true), ended(50, "c", schema.EndCompleted))
		require.Equal(t, want, f.agent("a"), "%s", ch)
	}
}

func TestMessageOfNobody_WhereTwoAreConnected(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelChat)...)
	f.play(connected(21, "c", "b", schema.RoleInvite), message(23, "c", "", true), message(24, "c", "b", true), held(25, "c", "b"), message(26, "c", "", true))
	require.Equal(t, "offered=1 answered=1 messages_sent=1 ring=5000 first_response=6000", f.agent("a"), "the only connected one once the other is interrupted")
	require.Equal(t, "conferenced=1 messages_sent=1 first_response=3000", f.agent("b"))
}

func TestFirstResponse_EachPartItsOwn(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelChat)...)
	f.play(message(22, "c", "", true), toAgent(30, "c", "a", "b", schema.TransferBlind), connected(40, "c", "b", schema.RoleTransfer), message(45, "c", "", true))
	require.Equal(t, "transferred_in=1 messages_sent=1 first_response=5000", f.agent("b"))
}

func TestDirect(t *testing.T) {
	direct := func(dir schema.Direction, kind schema.Kind) schema.Event {
		return schema.Event{Type: schema.InteractionCreated, Subject: "c", Time: at(1), Direction: dir, Kind: kind}
	}
	inbound, outbound := "answered=1 direct_inbound=1 talk=40000 wrap=10000 handle=50000 direct_inbound_time=50000",
		"answered=1 direct_outbound=1 talk=40000 wrap=10000 handle=50000 direct_outbound_time=50000"
	for name, x := range map[string]struct {
		created schema.Event
		queued  bool
		agent   string
	}{
		"inbound":             {direct(schema.Inbound, 0), false, inbound},
		"outbound":            {direct(schema.Outbound, 0), false, outbound},
		"internal":            {direct(schema.Internal, 0), false, outbound},
		"said":                {direct(schema.Outbound, schema.KindDirectInbound), false, inbound},
		"said though queued":  {direct(schema.Inbound, schema.KindDirectInbound), true, inbound},
		"said queued":         {direct(schema.Outbound, schema.KindQueued), false, "answered=1 talk=40000 wrap=10000 handle=50000"},
		"queued before":       {direct(schema.Inbound, 0), true, "answered=1 talk=40000 wrap=10000 handle=50000"},
		"queued and outbound": {direct(schema.Outbound, 0), true, "answered=1 talk=40000 wrap=10000 handle=50000"},
	} {
		t.Run(name, func(t *testing.T) {
			f := played(t, x.created)
			if x.queued {
				f.play(queued(5, "c", "q"))
			}
			f.play(connected(10, "c", "a"), wrapStarted(50, "c", "a"), ended(50, "c", schema.EndCompleted), wrapEnded(60, "c", "a"))
			require.Equal(t, x.agent, f.agent("a"))
		})
	}
}

func TestDirect_CountsTheInteractionOnceAndTheTimeOfAllItsParts(t *testing.T) {
	f := played(t, arrived(1, "c", schema.ChannelVoice), connected(10, "c", "a"), left(20, "c", "a"), connected(25, "c", "a"),
		connected(25, "c", "s", schema.RoleWhisperJoin), toAgent(30, "c", "a", "b", schema.TransferBlind), connected(35, "c", "b", schema.RoleTransfer),
		ended(50, "c", schema.EndCompleted))
	require.Equal(t, "answered=2 transferred_out=1 direct_inbound=1 talk=2:15000 handle=2:15000 direct_inbound_time=2:15000", f.agent("a"))
	require.Equal(t, "transferred_in=1 direct_inbound=1 talk=15000 handle=15000 direct_inbound_time=15000", f.agent("b"))
	require.Equal(t, "monitored=25000", f.agent("s"))
}

func TestQueuedAfterTheFirstConnect_StaysDirect(t *testing.T) {
	f := played(t, arrived(1, "c", schema.ChannelVoice), connected(10, "c", "a"), queued(20, "c", "q"), left(30, "c", "a"))
	require.Equal(t, schema.KindDirectInbound, f.interaction("c").Kind)
}

func TestOwnDial_IsNotAnswered(t *testing.T) {
	f := played(t, login(0, "a"), dialed(10, "c", "a"))
	require.Equal(t, "dialing since 10", f.is("a"))
	f.play(connected(18, "c", "a"), ended(30, "c", schema.EndCompleted))
	require.Equal(t, "direct_outbound=1 talk=12000 handle=12000 direct_outbound_time=12000", f.agent("a"))
	require.Equal(t, "away 0-10 dialing 10-18 on_call 18-30 away 30-", f.statuses("a"))
	p := f.part("c", "a")
	require.Equal(t, []int64{at(10), schema.NoTime, at(18)}, []int64{p.Start, p.Offered, p.Connected})
}

func TestDialing_UntilEndedOrLeft(t *testing.T) {
	for name, x := range map[string]struct {
		end  schema.Event
		mark schema.EndCause
	}{"ended": {ended(20, "c", schema.EndCompleted), 0}, "failed": {ended(20, "c", schema.EndFailed), schema.DeclineFailed}, "left": {left(20, "c", "a"), 0}} {
		f := played(t, login(0, "a"), dialed(10, "c", "a"), x.end)
		require.Equal(t, "away 0-10 dialing 10-20 away 20-", f.statuses("a"), name)
		require.Equal(t, "", f.agent("a"), name)
		require.Equal(t, x.mark, f.part("c", "a").Failed, name)
	}
	f := played(t, login(0, "a"), schema.Event{Type: schema.InteractionCreated, Subject: "c", Time: at(10), Direction: schema.Inbound, AgentID: "a"})
	require.Equal(t, "away since 0", f.is("a"), "an inbound one is not dialed")
}

func TestUnparkedByAnother(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelVoice)...)
	f.play(parked(30, "c", "a"), unparked(40, "c", "b"))
	require.Equal(t, "offered=1 answered=1 ring=5000 talk=10000 parked=10000 handle=10000", f.agent("a"))
	a, b := f.part("c", "a"), f.part("c", "b")
	require.Equal(t, "40", moment(a.Finished))
	require.Equal(t, []any{at(40), schema.RoleAgent, true}, []any{b.Connected, b.Role, b.Primary})
	f.play(ended(60, "c", schema.EndCompleted))
	require.Contains(t, f.agent("b"), "talk=20000 handle=20000")
	require.Equal(t, "a", f.interaction("c").FirstAgent)
}

func TestUnparkedByTheSame_GoesOnWithItsPart(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelVoice)...)
	f.play(parked(30, "c", "a"))
	require.Equal(t, "available 0-15 ringing 15-20 on_call 20-30 available 30-", f.statuses("a"))
	f.play(unparked(40, "c", "a"))
	require.Equal(t, "on_call since 40", f.is("a"))
	require.Equal(t, "unparked", f.now("a").Parts[0].Reason)
	f.play(held(41, "c", "a"))
	require.Equal(t, "", f.now("a").Parts[0].Reason, "until the part's next event")
	f.play(resumed(42, "c", "a"))
	require.Equal(t, "resumed", f.now("a").Parts[0].Reason)
}

func TestFailedEnd_LeavesItsCauseInEveryOpenPart(t *testing.T) {
	f := played(t, login(0, "a"), login(0, "b"), connected(10, "c", "a"), offered(12, "c", "b"))
	ev := ended(20, "c", schema.EndFailed)
	ev.Cause = schema.DeclineConnectionUnavailable
	f.play(ev)
	for _, agent := range []string{"a", "b"} {
		p := f.part("c", agent)
		require.Equal(t, schema.DeclineConnectionUnavailable, p.Failed)
		require.Equal(t, schema.Segment{State: schema.StateFailed, Since: at(20), Until: at(20), Role: schema.RoleAgent, Reason: "connection_unavailable"},
			p.Segments[len(p.Segments)-1])
	}
	require.Equal(t, "offered=1 ring=8000", f.agent("b"), "neither answered nor declined")
}

func TestMark_IsShownUntilTheAgentsNextChange(t *testing.T) {
	next := map[string]schema.Event{
		"presence":         status(40, "a", schema.Available),
		"reason":           {Type: schema.AgentStatus, Subject: "a", Time: at(40), Status: schema.Away, ReasonID: "7"},
		"effective status": status(40, "a", schema.OnCall),
		"part":             offered(40, "d", "a"),
		"logout":           logout(40, "a"),
	}
	for name, ev := range next {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), offered(10, "c", "a"), declined(20, "c", "a", schema.DeclineBusy))
			require.Equal(t, []any{schema.StateDeclined, "busy", at(20)}, []any{f.now("a").Parts[0].State, f.now("a").Parts[0].Reason, f.now("a").Parts[0].StateSince})
			f.play(status(30, "a", schema.Away), login(31, "b"))
			require.Len(t, f.now("a").Parts, 1, "a status that is only confirmed is no change")
			f.play(ev)
			for _, p := range f.now("a").Parts {
				require.NotEqual(t, schema.StateDeclined, p.State)
			}
		})
	}
}

// A view that has followed all along shows what one shows that begins with a checkpoint.
func TestMarkOfAnInteractionThatLeft_IsShownByNoView(t *testing.T) {
	f := newFloor(t)
	shown := map[string]*schema.LiveAgent{}
	look := func(e *Engine, into map[string]*schema.LiveAgent) {
		e.Look(func(ch *Changes) {
			for _, a := range ch.Agents {
				into[a.ID] = a
			}
		})
	}
	for _, ev := range []schema.Event{login(0, "a"), offered(10, "c", "a"), declined(20, "c", "a", schema.DeclineBusy), ended(25, "c", schema.EndCompleted), login(31, "b")} {
		f.do(ev)
	}
	look(f.e, shown)
	require.Len(t, shown["a"].Parts, 1)
	for minute := 1.0; minute < 130; minute++ {
		f.do(status(60*minute, "b", []schema.Status{schema.Away, schema.Break}[int(minute)%2]))
		look(f.e, shown)
	}
	saved, err := f.e.Snapshot()
	require.NoError(t, err)
	restored, err := Restore(Config{Live: true}, saved)
	require.NoError(t, err)
	restored.All()
	again := map[string]*schema.LiveAgent{}
	look(restored, again)
	require.Equal(t, again["a"], shown["a"])
}

func TestExpiredCall_EndsItsPartsAndCountsTheirDurations(t *testing.T) {
	f := played(t, answeredCall(schema.ChannelVoice)...)
	f.pass(20 + 25*3600 + 60)
	require.Equal(t, fmt.Sprint("offered=1 answered=1 ring=5000 talk=", 24*3600_000, " handle=", 24*3600_000), f.agent("a"))
	require.Equal(t, fmt.Sprintf("available since %d", 20+24*3600), f.is("a"))
}

func TestSlowChannels_ExpireAfter30Days(t *testing.T) {
	for ch, days := range map[schema.Channel]float64{schema.ChannelVoice: 1, schema.ChannelVideo: 1, schema.ChannelChat: 1,
		schema.ChannelMessage: 30, schema.ChannelEmail: 30, schema.ChannelTask: 30} {
		f := played(t, arrived(0, "c", ch), queued(10, "c", "q"))
		for d := 0.5; d < days; d += 0.5 {
			f.pass(d * 24 * 3600)
		}
		f.pass(10 + days*24*3600 + 3659.999)
		require.Equal(t, "offered=1", f.queue("q"), "%s", ch)
		f.pass(10 + days*24*3600 + 3660)
		require.Equal(t, "offered=1 expired=1", f.queue("q"), "%s", ch)
		require.Equal(t, at(10+days*24*3600), f.interaction("c").Ended)
	}
}

// An agent who is connected and connects in another role has a new part: the supervisor who listened and barges in, the consulted
// agent who takes over.
func TestConnectedInAnotherRole_IsANewPart(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	f.do(login(0, "s"))
	f.do(queued(10, "c", "q"))
	f.do(connected(20, "c", "a", schema.RoleAgent))
	f.do(connected(30, "c", "s", schema.RoleSilentJoin))
	require.Equal(t, OutOfState, f.do(connected(31, "c", "s", schema.RoleSilentJoin)))
	require.Equal(t, Applied, f.do(connected(40, "c", "s", schema.RoleBargeIn)))
	f.do(ended(60, "c", schema.EndCompleted))
	f.flush()
	require.Equal(t, "conferenced=1 talk=20000 handle=20000 monitored=10000", f.agent("s"))
	require.Equal(t, map[schema.Status]int64{schema.Away: 30000 + 20000, schema.OnCall: 10000, schema.Conference: 20000},
		f.s.statusTimes("s", at(0), at(80)))
}
