package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// The tests named rules_… derive their numbers from the event contract and the metric definitions alone. They read what the engine
// wrote as text: all that was counted, so that a number which should not be there fails as well.

func logout(s float64, agent string) schema.Event {
	return schema.Event{Type: schema.AgentLogout, Subject: agent, Time: at(s)}
}

func arrived(s float64, id string, ch schema.Channel) schema.Event {
	return schema.Event{Type: schema.InteractionCreated, Subject: id, Time: at(s), Channel: ch}
}

func dialed(s float64, id, agent string) schema.Event {
	return schema.Event{Type: schema.InteractionCreated, Subject: id, Time: at(s), Direction: schema.Outbound, AgentID: agent}
}

func offered(s float64, id, agent string, role ...schema.Role) schema.Event {
	return inRole(schema.InteractionOffered, s, id, agent, role)
}

func connected(s float64, id, agent string, role ...schema.Role) schema.Event {
	return inRole(schema.InteractionConnected, s, id, agent, role)
}

func inRole(typ schema.EventType, s float64, id, agent string, role []schema.Role) schema.Event {
	ev := by(ix(s, typ, id), agent)
	if len(role) > 0 {
		ev.Role = role[0]
	}
	return ev
}

func declined(s float64, id, agent string, why schema.DeclineReason) schema.Event {
	ev := by(ix(s, schema.InteractionDeclined, id), agent)
	ev.Decline = why
	return ev
}

func held(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionHeld, id), agent)
}
func resumed(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionResumed, id), agent)
}
func parked(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionParked, id), agent)
}
func unparked(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionUnparked, id), agent)
}
func left(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionLeft, id), agent)
}
func wrapStarted(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionWrapStarted, id), agent)
}
func wrapEnded(s float64, id, agent string) schema.Event {
	return by(ix(s, schema.InteractionWrapEnded, id), agent)
}

func toQueue(s float64, id, from, queue string) schema.Event {
	ev := by(ix(s, schema.InteractionTransferred, id), from)
	ev.ToQueueID = queue
	return ev
}

func toAgent(s float64, id, from, to string, mode schema.TransferMode) schema.Event {
	ev := by(ix(s, schema.InteractionTransferred, id), from)
	ev.ToAgentID, ev.Mode = to, mode
	return ev
}

func message(s float64, id, agent string, fromAgent bool) schema.Event {
	ev := by(ix(s, schema.InteractionMessage, id), agent)
	ev.FromAgent = fromAgent
	return ev
}

func sequence(n int64, ev schema.Event) schema.Event {
	ev.Sequence, ev.HasSequence = n, true
	return ev
}

// played is a floor after events that all fit.
func played(t require.TestingT, events ...schema.Event) *floor {
	f := newFloor(t)
	f.play(events...)
	return f
}

func (f *floor) play(events ...schema.Event) {
	for _, ev := range events {
		require.Equal(f.t, Applied, f.do(ev), "%s of %s at %s", ev.Type, ev.Subject, moment(ev.Time))
	}
}

// numbers is all that the minutes of some windows counted: counts, then durations in ms, those of several parts as n:sum.
func (f *floor) numbers(of func(*schema.Window) bool) string {
	f.flush()
	minutes, quarters := schema.Window{}, schema.Window{}
	for _, r := range f.s.windows {
		if !of(&r) {
			continue
		}
		w := &minutes
		if r.Minutes == schema.WindowQuarter {
			w = &quarters
		}
		for c := range r.Counts {
			w.Counts[c] += r.Counts[c]
		}
		for m := range r.Measures {
			w.Measures[m].Add(r.Measures[m])
		}
	}
	require.Equal(f.t, figures(&quarters), figures(&minutes), "quarters and minutes disagree")
	return figures(&minutes)
}

func figures(w *schema.Window) string {
	var out []string
	for c, n := range w.Counts {
		if n != 0 {
			out = append(out, fmt.Sprintf("%s=%d", schema.Count(c), n))
		}
	}
	for m, d := range w.Measures {
		switch {
		case d.Count == 1:
			out = append(out, fmt.Sprintf("%s=%d", schema.Measure(m), d.Sum))
		case d.Count > 1:
			out = append(out, fmt.Sprintf("%s=%d:%d", schema.Measure(m), d.Count, d.Sum))
		}
	}
	return strings.Join(out, " ")
}

func (f *floor) queue(queue string) string {
	return f.numbers(func(w *schema.Window) bool { return w.Agent == "" && w.Queue == queue })
}

func (f *floor) agent(agent string) string {
	return f.numbers(func(w *schema.Window) bool { return w.Agent == agent })
}

// minute is what the minute windows that begin s seconds after 10:00 counted of a queue (agent empty) or agent.
func (f *floor) minute(s float64, queue, agent string) string {
	f.flush()
	var sum schema.Window
	for _, r := range f.s.windows {
		if r.Minutes == schema.WindowMinute && r.Start == at(s) && r.Agent == agent && (queue == "" || r.Queue == queue) {
			for c := range r.Counts {
				sum.Counts[c] += r.Counts[c]
			}
			for m := range r.Measures {
				sum.Measures[m].Add(r.Measures[m])
			}
		}
	}
	return figures(&sum)
}

// moment shows an event time as seconds after 10:00.
func moment(t int64) string {
	switch t {
	case schema.Open:
		return ""
	case schema.NoTime:
		return "never"
	}
	return fmt.Sprint(math.Round(float64(t-at(0))) / 1000)
}

// rows are an agent's intervals of one kind, ascending.
func (f *floor) rows(agent string, kind schema.IntervalKind) []schema.Interval {
	f.flush()
	var out []schema.Interval
	for _, r := range f.s.intervals {
		if r.Agent == agent && r.Kind == kind {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b schema.Interval) int { return int(a.Start - b.Start) })
	return out
}

// course shows an agent's intervals: "away 0-1 available 1-", a + before those that continue the one before, the reason in
// brackets, an s after those of a suspended agent.
func (f *floor) course(agent string, kind schema.IntervalKind) string {
	var out []string
	for _, r := range f.rows(agent, kind) {
		name := r.Status.String()
		if kind == schema.IntervalWorkload {
			name = fmt.Sprintf("%d/%d/%d", r.Live, r.SemiLive, r.NonLive)
		}
		if r.Continued {
			name = "+" + name
		}
		if r.ReasonID+r.Description != "" {
			name += "(" + r.ReasonID + r.Description + ")"
		}
		if r.Suspended {
			name += "(s)"
		}
		out = append(out, fmt.Sprintf("%s %s-%s", name, moment(r.Start), moment(r.End)))
	}
	return strings.Join(out, " ")
}

func (f *floor) statuses(agent string) string  { return f.course(agent, schema.IntervalStatus) }
func (f *floor) presences(agent string) string { return f.course(agent, schema.IntervalPresence) }
func (f *floor) loads(agent string) string     { return f.course(agent, schema.IntervalWorkload) }

// visits shows an interaction's stays in queues: kind, queue, from, to, outcome.
func (f *floor) visits(id string) string {
	f.flush()
	var list []schema.Visit
	for _, v := range f.s.visits {
		if v.Interaction == id {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b schema.Visit) int { return int(a.Start-b.Start)*10 + int(a.N) - int(b.N) })
	var out []string
	for _, v := range list {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s-%s %s", v.Kind, v.Queue, moment(v.Start), moment(v.End), v.Outcome)))
	}
	return strings.Join(out, ", ")
}

// part is an agent's only part of an interaction, or its last.
func (f *floor) part(id, agent string) schema.Part {
	f.flush()
	var out schema.Part
	for _, p := range f.s.parts {
		if p.Interaction == id && p.Agent == agent && (out.Agent == "" || p.Start > out.Start || p.Start == out.Start && p.N > out.N) {
			out = p
		}
	}
	require.NotEmpty(f.t, out.Agent, "no part of %s in %s", agent, id)
	return out
}

func (f *floor) interaction(id string) schema.Interaction {
	f.flush()
	for _, i := range f.s.interactions {
		if i.ID == id {
			return i
		}
	}
	require.Fail(f.t, "no interaction "+id)
	return schema.Interaction{}
}

// now is an agent's live row.
func (f *floor) now(agent string) *schema.LiveAgent {
	c := f.e.centers["1"]
	return c.liveAgent(c.agents[c.agent(agent)])
}

// is shows an agent's live status, its since, and the workload.
func (f *floor) is(agent string) string {
	a := f.now(agent)
	return fmt.Sprintf("%s since %s", a.Status, moment(a.StatusSince))
}

func (f *floor) load(agent string) string {
	a := f.now(agent)
	return fmt.Sprintf("%d/%d/%d since %s", a.Live, a.SemiLive, a.NonLive, moment(a.WorkloadSince))
}

// pass lets event time go on by an event that concerns nobody else.
func (f *floor) pass(s float64) {
	f.play(schema.Event{Type: schema.AgentSuspended, Subject: "clock", Time: at(s)})
}

func TestSegmentsOfAMinute_CountWhereTheyAreKnown(t *testing.T) {
	f := played(t, login(0, "a"), arrived(10, "c", schema.ChannelVoice), queued(10, "c", "q"), offered(50, "c", "a"),
		connected(70, "c", "a"), held(100, "c", "a"), resumed(110, "c", "a"), left(130, "c", "a"), wrapStarted(140, "c", "a"),
		ended(140, "c", schema.EndCompleted), wrapEnded(200, "c", "a"))
	require.Equal(t, "offered=1", f.minute(0, "q", ""))
	require.Equal(t, "offered=1", f.minute(0, "", "a"))
	require.Equal(t, "answered=1 wait=60000 ring=20000", f.minute(60, "q", ""))
	require.Equal(t, "answered=1 ring=20000", f.minute(60, "", "a"))
	require.Equal(t, "talk=50000 hold=10000", f.minute(120, "q", ""))
	require.Equal(t, "wrap=60000 handle=120000", f.minute(180, "", "a"))
	require.Equal(t, "offered=1 answered=1 wait=60000 ring=20000 talk=50000 hold=10000 wrap=60000 handle=120000", f.queue("q"))
}
