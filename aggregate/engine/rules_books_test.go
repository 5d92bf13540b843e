package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"floorwalker/schema"
)

// The books: windows are what the facts say, and an agent's intervals are what its parts' segments say, whatever happened and in
// whatever order it was heard of.

// sensible is a floor of events in order, most of which fit what happened before. Channels are said first, so that no rule depends
// on when they became known. Only the seed is drawn: rapid favours small numbers, hence the first of every list.
func sensible(t *rapid.T, n int, gap int64) []schema.Event {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	shadow := newFloor(t)
	var events []schema.Event
	keep := func(ev schema.Event) bool {
		ev.ID = fmt.Sprint("s", len(events))
		if shadow.do(ev) != Applied && rng.IntN(20) > 0 {
			return false
		}
		events = append(events, ev)
		return true
	}
	now := day + 22*60*minuteMs
	for _, cc := range []string{"1", "2"} {
		for _, id := range ids {
			ev := schema.Event{ContactCenter: cc, Type: schema.InteractionCreated, Subject: id, Time: now,
				Channel: []schema.Channel{1, 1, 1, 2, 3, 3, 4, 5, 6}[rng.IntN(9)], Direction: schema.Direction(1 + rng.IntN(3))}
			if rng.IntN(2) == 0 {
				ev.AgentID = "a"
			}
			keep(ev)
		}
	}
	for len(events) < n {
		if rng.IntN(3) > 0 {
			now += rng.Int64N(gap)
		}
		for tries := 0; tries < 20; tries++ {
			ev := anyFloorEvent(rng, now)
			if ev.Type == schema.InteractionEnded && rng.IntN(4) > 0 {
				continue
			}
			if keep(ev) {
				break
			}
		}
	}
	return events
}

var ids, people = []string{"i", "j", "k", "l"}, []string{"a", "b", "c"}

func anyFloorEvent(rng *rand.Rand, now int64) schema.Event {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	ev := schema.Event{ContactCenter: pick([]string{"1", "1", "2"}), Time: now}
	if rng.IntN(6) == 0 {
		ev.Subject = pick(people)
		ev.Type = []schema.EventType{schema.AgentLogin, schema.AgentLogout, schema.AgentStatus, schema.AgentStatus, schema.AgentStatus,
			schema.AgentSuspended}[rng.IntN(6)]
		if ev.Type == schema.AgentStatus {
			ev.Status = []schema.Status{schema.LoggedOut, schema.Available, schema.Available, schema.Break, schema.Lunch}[rng.IntN(5)]
			ev.ReasonID = pick([]string{"", "", "7"})
		}
		ev.Suspended = rng.IntN(2) == 0
		return ev
	}
	ev.Subject, ev.AgentID = pick(ids), pick(people)
	types := []schema.EventType{schema.InteractionUpdated, schema.InteractionQueued, schema.InteractionOffered, schema.InteractionDeclined,
		schema.InteractionConnected, schema.InteractionHeld, schema.InteractionResumed, schema.InteractionParked, schema.InteractionUnparked,
		schema.InteractionTransferred, schema.InteractionLeft, schema.InteractionWrapStarted, schema.InteractionWrapEnded, schema.InteractionMessage,
		schema.InteractionEnded}
	ev.Type = types[rng.IntN(len(types))]
	ev.Role = schema.Role([]int{0, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8}[rng.IntN(11)])
	ev.Decline, ev.End = schema.DeclineReason(1+rng.IntN(7)), schema.EndReason(1+rng.IntN(5))
	ev.QueueID, ev.FromAgent = pick([]string{"q", "r"}), rng.IntN(2) == 0
	switch ev.Type {
	case schema.InteractionUpdated:
		ev.Has, ev.CampaignID = schema.HasCampaignID, pick([]string{"x", "y"})
	case schema.InteractionTransferred:
		if rng.IntN(2) == 0 {
			ev.ToQueueID = ev.QueueID
		} else {
			ev.ToAgentID = pick(people)
		}
	}
	if rng.IntN(10) == 0 {
		ev.HasSequence, ev.Sequence = true, rng.Int64N(4)
	}
	return ev
}

// sums are counts, sums and maxima by "minute who metric".
type sums map[string][3]int64

func (s sums) add(t int64, who, metric string, value int64) {
	k := fmt.Sprintf("%d %s %s", floorTo(t, minuteMs), who, metric)
	v := s[k]
	s[k] = [3]int64{v[0] + 1, v[1] + value, max(v[2], value)}
}

func (s sums) text() string {
	var lines []string
	for k, v := range s {
		lines = append(lines, fmt.Sprint(k, v))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// counted is what the windows say, without what no fact tells: transfers out and messages.
func counted(s *store) sums {
	out := sums{}
	for _, w := range s.windows {
		if w.Minutes != schema.WindowMinute {
			continue
		}
		who := w.ContactCenter + "/" + w.Agent
		if w.Agent == "" {
			who = fmt.Sprint(w.ContactCenter, " q ", w.Queue, "/", w.Campaign)
		}
		for c, n := range w.Counts {
			if c := schema.Count(c); c != schema.CountTransferredOut && c != schema.CountMessagesSent {
				for ; n > 0; n-- {
					out.add(w.Start, who, c.String(), 0)
				}
			}
		}
		for m, d := range w.Measures {
			if d.Count > 0 {
				k := fmt.Sprintf("%d %s %s", w.Start, who, schema.Measure(m))
				v := out[k]
				out[k] = [3]int64{v[0] + int64(d.Count), v[1] + d.Sum, max(v[2], d.Max)}
			}
		}
	}
	return out
}

// audited is the same, taken from the facts.
func audited(s *store) sums {
	out := sums{}
	for _, v := range s.visits {
		who := fmt.Sprint(v.ContactCenter, " q ", v.Queue, "/", v.Campaign)
		out.add(v.Start, who, map[schema.VisitKind]string{schema.VisitFirst: "offered", schema.VisitTransfer: "transferred_in", schema.VisitRequeue: "requeued"}[v.Kind], 0)
		first := v.Kind == schema.VisitFirst
		switch {
		case v.End == schema.Open:
		case v.Outcome == schema.OutcomeAnswered && first:
			out.add(v.End, who, "answered", 0)
			out.add(v.End, who, "wait", v.End-v.Start)
		case v.Outcome == schema.OutcomeAbandoned && first:
			out.add(v.End, who, "abandoned", 0)
			out.add(v.End, who, "abandon_wait", v.End-v.Start)
		case v.Outcome == schema.OutcomeAnswered || v.Outcome == schema.OutcomeAbandoned:
			out.add(v.End, who, "again_"+v.Outcome.String(), 0)
		case first:
			out.add(v.End, who, v.Outcome.String(), 0)
		}
	}
	parts := make([]schema.Part, 0, len(s.parts))
	for _, p := range s.parts {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b schema.Part) int {
		if a.Start != b.Start {
			return int(a.Start - b.Start)
		}
		return int(a.N) - int(b.N)
	})
	direct := map[string]bool{}
	for k := range parts {
		auditPart(out, &parts[k], direct)
	}
	return out
}

func auditPart(out sums, p *schema.Part, direct map[string]bool) {
	who, queue := p.ContactCenter+"/"+p.Agent, fmt.Sprint(p.ContactCenter, " q ", p.Queue, "/", p.Campaign)
	both := func(t int64, metric string, value int64) {
		out.add(t, who, metric, value)
		out.add(t, queue, metric, value)
	}
	has := func(states ...schema.PartState) bool {
		return slices.ContainsFunc(p.Segments, func(s schema.Segment) bool { return slices.Contains(states, s.State) && s.Until != schema.Open })
	}
	agent, monitor := p.Role == schema.RoleAgent, p.Role.Monitors()
	unparked, dialed := p.Segments[0].Reason == "unparked", p.Segments[0].State == schema.StateDialing
	if p.Offered != schema.NoTime {
		if p.Segments[0].Role == schema.RoleAgent {
			out.add(p.Offered, who, "offered", 0)
		}
		if end := min(max(p.Connected, 0), p.Ended); !monitor && (p.Connected != schema.NoTime || p.Ended != schema.Open) {
			if p.Connected == schema.NoTime {
				end = p.Ended
			}
			both(end, "ring", p.RingMs)
		}
	}
	if p.Declined != 0 && agent {
		out.add(p.DeclinedAt, who, map[bool]string{true: "rona", false: "declined"}[p.Declined == schema.DeclineNoAnswer], 0)
	}
	if p.WrapStarted != schema.NoTime && p.Finished != schema.Open && !monitor {
		both(p.Finished, "wrap", p.WrapMs)
	}
	if p.Connected == schema.NoTime {
		return
	}
	if !unparked {
		switch {
		case agent && !dialed:
			out.add(p.Connected, who, "answered", 0)
		case p.Role == schema.RoleTransfer:
			out.add(p.Connected, who, "transferred_in", 0)
		case p.Role == schema.RoleConsult:
			out.add(p.Connected, who, "consulted", 0)
		case p.Role == schema.RoleInvite || p.Role == schema.RoleBargeIn:
			out.add(p.Connected, who, "conferenced", 0)
		}
	}
	isDirect := p.Kind != schema.KindQueued && !monitor
	if id := who + p.Interaction; isDirect && !direct[id] {
		direct[id] = true
		out.add(p.Connected, who, p.Kind.String(), 0)
	}
	if p.FirstMessage != schema.NoTime {
		out.add(p.FirstMessage, who, "first_response", p.FirstMessage-p.Connected)
	}
	if p.Ended == schema.Open {
		return
	}
	if monitor {
		out.add(p.Ended, who, "monitored", p.TalkMs+p.HoldMs+p.ParkedMs)
		return
	}
	both(p.Ended, "talk", p.TalkMs)
	if p.Channel.Spoken() && has(schema.StateHeld) {
		both(p.Ended, "hold", p.HoldMs)
	}
	if has(schema.StateParked) || !p.Channel.Spoken() && has(schema.StateHeld) {
		both(p.Ended, "parked", p.ParkedMs)
	}
	if p.Finished != schema.Open {
		both(p.Finished, "handle", p.TalkMs+p.HoldMs+p.WrapMs)
		if isDirect {
			out.add(p.Finished, who, p.Kind.String()+"_time", p.TalkMs+p.HoldMs+p.WrapMs)
		}
	}
}

func TestWindowsAreWhatTheFactsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := sensible(t, 100, 30_000)
		f := play(t, shuffled(t, events, DefaultHorizonMs-1), 4)
		if a, b := uncommon(audited(f.s).text(), counted(f.s).text()); a != b {
			for _, ev := range events {
				t.Logf("%s", describe(&ev))
			}
			t.Fatalf("facts:\n%s\nwindows:\n%s", a, b)
		}
	})
}

func TestArrivalOrderDoesNotMatterOnSensibleFloors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mixed := shuffled(t, sensible(t, 100, 5*minuteMs), DefaultHorizonMs-1)
		if a, b := differ(t, mixed, 3); a != b {
			mixed = smallest(t, mixed, 3)
			a, b = differ(t, mixed, 3)
			for _, ev := range mixed {
				t.Logf("%s", describe(&ev))
			}
			t.Fatalf("in order:\n%s\nas they came:\n%s", a, b)
		}
	})
}

func TestSegmentsTileAPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := sensible(t, 100, 30_000)
		f := play(t, shuffled(t, events, DefaultHorizonMs-1), 4)
		for key, p := range f.s.parts {
			checkSegments(t, key, &p)
		}
	})
}

func checkSegments(t *rapid.T, key string, p *schema.Part) {
	total := map[schema.PartState]int64{}
	at := p.Start
	for _, s := range p.Segments {
		if s.Since != at && !(s.State == schema.StateWrap && s.Since == p.WrapStarted && s.Since-p.Ended <= wrapAfterMs) {
			t.Fatalf("%s: %s begins at %d, the one before ended at %d", key, s.State, s.Since, at)
		}
		if at = s.Until; s.Until != schema.Open {
			total[s.State] += s.Until - s.Since
		}
	}
	hold, parked := total[schema.StateHeld], total[schema.StateParked]
	if !p.Channel.Spoken() {
		hold, parked = 0, parked+hold
	}
	want := []int64{total[schema.StateRinging], total[schema.StateConnected], hold, parked, total[schema.StateWrap]}
	if got := []int64{p.RingMs, p.TalkMs, p.HoldMs, p.ParkedMs, p.WrapMs}; !slices.Equal(got, want) {
		t.Fatalf("%s: ring, talk, hold, parked, wrap %v, of its segments %v", key, got, want)
	}
	if end := max(at, p.Start); p.Finished != end {
		t.Fatalf("%s: finished at %d, its last segment at %d", key, p.Finished, end)
	}
}

// What an agent shows at any moment is what its parts make of it.
func TestIntervalsAreWhatThePartsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := sensible(t, 100, 5*minuteMs)
		f := play(t, shuffled(t, events, DefaultHorizonMs-1), 4)
		moments := map[int64]bool{}
		for _, p := range f.s.parts {
			for _, s := range p.Segments {
				moments[s.Since], moments[s.Until] = true, true
			}
		}
		for _, cc := range []string{"1", "2"} {
			for _, agent := range []string{"a", "b", "c"} {
				for at := range moments {
					if at != schema.Open {
						checkMoment(t, f.s, cc, agent, at)
					}
				}
			}
		}
	})
}

func checkMoment(t *rapid.T, s *store, cc, agent string, at int64) {
	var status, load schema.Interval
	for _, r := range s.intervals {
		if r.ContactCenter == cc && r.Agent == agent && r.Start <= at && at < r.End {
			switch r.Kind {
			case schema.IntervalStatus:
				status = r
			case schema.IntervalWorkload:
				load = r
			}
		}
	}
	if status.Agent == "" {
		return // logged out
	}
	speakers := map[string]int{}
	own := map[schema.PartState]bool{}
	var mine []string
	var want [3]uint16
	busy := map[schema.Channel]bool{}
	for _, p := range s.parts {
		if p.ContactCenter != cc {
			continue
		}
		for _, g := range p.Segments {
			if g.Since > at || at >= g.Until {
				continue
			}
			talks := p.Channel.Spoken() && (g.State == schema.StateConnected || g.State == schema.StateHeld)
			speaks := talks && g.State == schema.StateConnected && !p.Role.Monitors() // who holds stays on_call
			if speaks {
				speakers[p.Interaction]++
			}
			if p.Agent != agent {
				continue
			}
			switch {
			case talks:
				own[schema.StateConnected] = true
				if speaks {
					mine = append(mine, p.Interaction)
				}
			case g.State == schema.StateConnected:
				busy[p.Channel] = true
			default:
				own[g.State] = true
			}
			if g.State != schema.StateParked && (g.State != schema.StateHeld || p.Channel.Spoken()) {
				want[map[schema.Channel]int{schema.ChannelVoice: 0, schema.ChannelVideo: 0, schema.ChannelChat: 1, schema.ChannelMessage: 2,
					schema.ChannelEmail: 2, schema.ChannelTask: 2}[p.Channel]]++
			}
		}
	}
	conference := slices.ContainsFunc(mine, func(id string) bool { return speakers[id] > 1 })
	ok := false
	switch {
	case conference:
		ok = status.Status == schema.Conference
	case own[schema.StateConnected]:
		ok = status.Status == schema.OnCall
	case own[schema.StateRinging]:
		ok = status.Status == schema.Ringing
	case own[schema.StateDialing]:
		ok = status.Status == schema.Dialing
	case own[schema.StateWrap]:
		ok = status.Status == schema.Wrap
	case len(busy) > 0:
		ok = status.Status == schema.InChat || status.Status == schema.Rona
	default:
		ok = status.Status.IsPresence() && status.Status != schema.LoggedOut || status.Status == schema.Rona
	}
	if !ok {
		t.Fatalf("%s/%s at %d: %s, of its parts %v, busy %v, %d conferences", cc, agent, at, status.Status, own, busy, len(mine))
	}
	if got := [3]uint16{load.Live, load.SemiLive, load.NonLive}; got != want {
		t.Fatalf("%s/%s at %d: workload %v, of its parts %v", cc, agent, at, got, want)
	}
}

// Up to complete_until nothing changes any more, neither by events that come just inside the horizon nor by those from beyond it.
func TestWhatIsComplete_NeverChanges(t *testing.T) {
	t.Run("inside the horizon", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			checkComplete(t, shuffled(t, sensible(t, 80, 10*minuteMs), DefaultHorizonMs))
		})
	})
	t.Run("beyond the horizon", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			checkComplete(t, shuffled(t, sensible(t, 80, 10*minuteMs), 2*DefaultHorizonMs))
		})
	})
}

func checkComplete(t *rapid.T, events []schema.Event) {
	f := newFloor(t)
	for _, ev := range events {
		until := int64(schema.NoTime)
		if c := f.e.centers[ev.ContactCenter]; c != nil {
			until = c.completeUntil
		}
		before := f.flush().complete(ev.ContactCenter, until)
		outcome := f.do(ev)
		if a, b := uncommon(before, f.flush().complete(ev.ContactCenter, until)); a != b {
			t.Fatalf("%s (%s), complete until %d\nbefore:\n%s\nafter:\n%s", describe(&ev), outcome, until, a, b)
		}
		for _, r := range f.s.intervals {
			if r.Start >= r.End {
				t.Fatalf("%s: interval of %s from %d to %d", describe(&ev), r.Agent, r.Start, r.End)
			}
		}
	}
	for key, p := range f.s.parts {
		checkSegments(t, key, &p)
	}
}

// complete is what lies wholly before a moment: windows, and intervals up to it.
func (s *store) complete(cc string, until int64) string {
	var lines []string
	for k, w := range s.windows {
		if w.ContactCenter == cc && w.Start+int64(w.Minutes)*minuteMs <= until {
			lines = append(lines, fmt.Sprint(k, figures(&w)))
		}
	}
	for _, r := range s.intervals {
		if r.ContactCenter != cc {
			continue
		}
		for end := min(r.End, until); r.Start < end; r.Continued = true { // as if cut at midnights, which happens once it ends
			r.End = min(end, floorTo(r.Start, dayMs)+dayMs)
			lines = append(lines, fmt.Sprintf("%+v", r))
			r.Start = r.End
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
