package engine

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// What the engine writes of random floors is what the reference counts: all windows, and the rows of interactions, visits, parts and
// intervals.

func long() bool { return os.Getenv("FLOORWALKER_LONG") != "" }

// Windows and facts of floors whose events come in order are what the event contract and the metric definitions say.
func TestRandomFloors_AreCountedAsTheSpecificationReads(t *testing.T) {
	eachFloor(t, 2000, 350, func(t *testing.T, rng *rand.Rand, p pace) {
		compare(t, anyFloor(rng, p), func(f *floor, events []schema.Event) { // events are all the floor hears
			for _, ev := range events {
				f.do(ev)
			}
		})
	})
}

// The same holds in any order of arrival inside the horizon, with duplicates, flushed at any time, with interactions that went cold,
// and where the engine was restored in between.
func TestRandomFloorsInAnyArrival_FlushedAndRestored_AreCountedAsTheSpecificationReads(t *testing.T) {
	eachFloor(t, 620, 100, func(t *testing.T, rng *rand.Rand, p pace) {
		seed := rng.Uint64()
		compare(t, anyArrival(rng, anyFloor(rng, p)), func(f *floor, events []schema.Event) {
			f.interrupted(rand.New(rand.NewPCG(seed, 1)), events)
		})
	})
}

// eachFloor tries floors of every pace, from a seed on.
func eachFloor(t *testing.T, from, floors uint64, try func(*testing.T, *rand.Rand, pace)) {
	switch {
	case long():
		floors *= 30
	case testing.Short(): // under the race detector, which looks for other things
		floors /= 5
	}
	for n, p := range paces {
		for m, p := range []pace{p, p.withoutSequence()} {
			t.Run(p.name, func(t *testing.T) {
				seed := from
				defer func() {
					if t.Failed() {
						t.Logf("seed %d of pace %q", seed, p.name)
					}
				}()
				for ; seed < from+floors && !t.Failed(); seed++ {
					try(t, rand.New(rand.NewPCG(seed, uint64(2*n+m))), p)
				}
			})
		}
	}
}

// compare fails with the fewest events that still make a difference, where the floor's do.
func compare(t *testing.T, events []schema.Event, play func(*floor, []schema.Event)) {
	differ := func(events []schema.Event) (string, string) {
		r := readPlainly(events)
		if r.unclear {
			return "", ""
		}
		f := newFloor(t)
		play(f, events)
		return uncommon(strings.Join(r.lines(), "\n"), strings.Join(f.flush().lines(), "\n"))
	}
	if a, b := differ(events); a == b {
		return
	}
	events = fewest(events, func(fewer []schema.Event) bool { a, b := differ(fewer); return a != b })
	for k := range events {
		t.Log(told(&events[k]))
	}
	a, b := differ(events)
	t.Errorf("only the reference has:\n%s\nonly the engine has:\n%s", a, b)
}

// fewest drops events, many at a time, then one by one, while the difference stays. A floor with a clock keeps it.
func fewest(events []schema.Event, differ func([]schema.Event) bool) []schema.Event {
	for n := len(events) / 2; n >= 1; n /= 2 {
		for k := 0; k+n <= len(events) && n < len(events); {
			fewer := slices.Delete(slices.Clone(events), k, k+n)
			timeless := slices.ContainsFunc(events[k:k+n], func(ev schema.Event) bool { return ev.Subject == clock })
			if !timeless && differ(fewer) {
				events = fewer
			} else {
				k++
			}
		}
	}
	return events
}

// told is an event without what it does not say.
func told(ev *schema.Event) string {
	line := fmt.Sprintf("%.3f s: %s %s", float64(ev.Time-day-22*hours)/1000, ev.Type, ev.Subject)
	for _, said := range []struct {
		name  string
		value any
	}{{"agent", ev.AgentID}, {"role", ev.Role}, {"status", ev.Status}, {"reason", ev.ReasonID}, {"suspended", ev.Suspended},
		{"capacity", ev.Capacity}, {"queue", ev.QueueID}, {"to_queue", ev.ToQueueID}, {"to_agent", ev.ToAgentID}, {"end", ev.End},
		{"decline", ev.Decline}, {"channel", ev.Channel}, {"direction", ev.Direction}, {"kind", ev.Kind}, {"campaign", ev.CampaignID},
		{"from_agent", ev.FromAgent}} {
		if !reflect.ValueOf(said.value).IsZero() {
			line += fmt.Sprintf(" %s=%v", said.name, said.value)
		}
	}
	if ev.HasSequence {
		line += fmt.Sprint(" sequence=", ev.Sequence)
	}
	return line
}

// interrupted applies events while the engine is flushed, looked at, restored and given duplicates now and then.
func (f *floor) interrupted(rng *rand.Rand, events []schema.Event) {
	newest := schema.NoTime
	for n, ev := range events {
		f.do(ev)
		newest = max(newest, ev.Time)
		switch rng.IntN(8) {
		case 0:
			f.flush()
		case 1:
			f.settle()
		case 2:
			f.restore(Config{Live: n%2 == 0})
		case 3:
			if again := events[rng.IntN(n+1)]; again.Time >= newest-horizon {
				require.Equal(f.t, Duplicate, f.do(again))
			}
		}
	}
}

func (f *floor) restore(cfg Config) {
	f.flush()
	b, err := f.e.Snapshot()
	require.NoError(f.t, err)
	f.e, err = Restore(cfg, b)
	require.NoError(f.t, err)
}

// Both sides are told in lines that mean the same.

func windowLine(minutes int, start int64, agent, queue, campaign string, ch schema.Channel, dir schema.Direction, metric string) string {
	return fmt.Sprintf("window of %d at %d: agent=%s queue=%s campaign=%s %s %s %s", minutes, start, agent, queue, campaign, ch, dir, metric)
}

func interactionLine(id string, start, ended int64, reason schema.EndReason, campaign, primary, first string) string {
	return fmt.Sprintf("interaction %s: start=%d end=%d %s campaign=%s primary=%s first=%s", id, start, ended, reason, campaign, primary, first)
}

func visitLine(id string, v *plainVisit) string {
	return fmt.Sprintf("visit of %s: queue=%s campaign=%s start=%d end=%d %s %s agent=%s", id, v.queue, v.campaign, v.start, v.end, v.kind,
		v.outcome, v.agent)
}

func partLine(id string, p *plainPart, talk, hold, parked, wrap int64) string {
	return fmt.Sprintf("part of %s: agent=%s %s queue=%s campaign=%s start=%d offered=%d connected=%d ended=%d wrap=%d finished=%d "+
		"talk/hold/parked/wrap=%d/%d/%d/%d declined=%s messages=%d from %d", id, p.agent, p.role, p.queue, p.campaign, p.start, p.offered,
		p.connected, p.ended, p.wrapStarted, p.finished, talk, hold, parked, wrap, p.declined, p.messages, p.firstMessage)
}

func intervalLine(kind schema.IntervalKind, agent string, start, end int64, text string) string {
	return fmt.Sprintf("%s of %s: %d-%d %s", kind, agent, start, end, text)
}

// lines are all that the reference counted.
func (r *reference) lines() []string {
	out := r.windows()
	for _, x := range r.lives {
		ended := x.ended
		if ended == never {
			ended = schema.Open
		}
		out = append(out, interactionLine(x.id, x.start, ended, x.reason, x.campaign, x.primary, x.first))
		for _, v := range x.visits {
			out = append(out, visitLine(x.id, v))
		}
		for _, p := range x.parts {
			held, _ := p.held()
			parked, _ := p.parked()
			out = append(out, partLine(x.id, p, p.talked(), held, parked, p.wrapped()))
		}
	}
	for _, a := range r.agents {
		for k, course := range a.course {
			out = append(out, intervalsOf(a.id, intervalKinds[k], course)...)
		}
	}
	return out
}

// windows: metrics.md, rules 1, 2 and 5.
func (r *reference) windows() []string {
	values := map[string][]int64{}
	counts := map[string]int{}
	for _, c := range r.tallies {
		if c.offer != nil {
			c.queue, c.campaign = c.offer.offerQueue, c.offer.offerCampaign
		}
		for _, n := range []int{1, 15} {
			line := windowLine(n, c.at-c.at%(int64(n)*minutes), c.agent, c.queue, c.campaign, c.channel, c.direction, c.metric)
			if c.measured {
				values[line] = append(values[line], c.value)
			} else {
				counts[line]++
			}
		}
	}
	var out []string
	for line, n := range counts {
		out = append(out, fmt.Sprint(line, "=", n))
	}
	for line, list := range values {
		out = append(out, fmt.Sprintf("%s=%+v", line, distribution(list, strings.HasSuffix(line, "wait"))))
	}
	return out
}

func distribution(values []int64, bySecond bool) schema.Distribution {
	d := schema.Distribution{Count: uint32(len(values)), Max: slices.Max(values), Log: bins(values, schema.Bucket)}
	for _, v := range values {
		d.Sum += v
	}
	if bySecond {
		d.Seconds = bins(values, schema.SecondsKey)
	}
	return d
}

func bins(values []int64, key func(int64) uint16) []schema.Bin {
	var keys []int
	for _, v := range values {
		keys = append(keys, int(key(v)))
	}
	sort.Ints(keys)
	var out []schema.Bin
	for _, k := range keys {
		if n := len(out); n == 0 || out[n-1].Key != uint16(k) {
			out = append(out, schema.Bin{Key: uint16(k)})
		}
		out[len(out)-1].N++
	}
	return out
}

// intervalsOf are the stretches of a course in which what was shown stayed the same. Of one millisecond its last moment holds.
func intervalsOf(agent string, kind schema.IntervalKind, course []showing) []string {
	var kept []showing
	for _, m := range course {
		if n := len(kept); n > 0 && kept[n-1].since == m.since {
			kept = kept[:n-1]
		}
		if n := len(kept); n == 0 || kept[n-1].text != m.text {
			kept = append(kept, m)
		}
	}
	var out []string
	for k, m := range kept {
		end := int64(schema.Open)
		if k+1 < len(kept) {
			end = kept[k+1].since
		}
		if m.text != "" {
			out = append(out, intervalLine(kind, agent, m.since, end, m.text))
		}
	}
	return out
}

// lines are all that the engine wrote.
func (s *store) lines() []string {
	var out []string
	for _, w := range s.windows {
		out = append(out, linesOf(&w)...)
	}
	for _, x := range s.interactions {
		out = append(out, interactionLine(x.ID, x.Start, x.Ended, x.EndReason, x.Campaign, x.PrimaryAgent, x.FirstAgent))
	}
	for _, v := range s.visits {
		out = append(out, visitLine(v.Interaction, &plainVisit{v.Queue, v.Campaign, v.Agent, v.Start, v.End, v.Kind, v.Outcome}))
	}
	for _, p := range s.parts {
		out = append(out, partLine(p.Interaction, plainly(&p), p.TalkMs, p.HoldMs, p.ParkedMs, p.WrapMs))
	}
	return append(out, s.joinedIntervals()...)
}

func linesOf(w *schema.Window) []string {
	line := func(metric string) string {
		return windowLine(w.Minutes, w.Start, w.Agent, w.Queue, w.Campaign, w.Channel, w.Direction, metric)
	}
	var out []string
	for c, n := range w.Counts {
		if n > 0 {
			out = append(out, fmt.Sprint(line(schema.Count(c).String()), "=", n))
		}
	}
	for m, d := range w.Measures {
		if d.Count > 0 {
			out = append(out, fmt.Sprintf("%s=%+v", line(schema.Measure(m).String()), d))
		}
	}
	return out
}

// plainly is a part's row as the reference has it.
func plainly(p *schema.Part) *plainPart {
	known := func(t int64) int64 {
		if t == schema.NoTime || t == schema.Open {
			return never
		}
		return t
	}
	return &plainPart{agent: p.Agent, role: p.Role, queue: p.Queue, campaign: p.Campaign, start: p.Start, offered: known(p.Offered),
		connected: known(p.Connected), ended: known(p.Ended), wrapStarted: known(p.WrapStarted), finished: known(p.Finished),
		declined: p.Declined, messages: int(p.MessagesSent), firstMessage: known(p.FirstMessage)}
}

// joinedIntervals makes one of an agent's intervals that follow upon each other and show the same.
func (s *store) joinedIntervals() []string {
	rows := slices.SortedFunc(maps.Values(s.intervals), func(a, b schema.Interval) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Start, b.Start))
	})
	var joined []schema.Interval
	for _, row := range rows {
		if n := len(joined); n > 0 && follows(&joined[n-1], &row) {
			joined[n-1].End = row.End
		} else {
			joined = append(joined, row)
		}
	}
	var out []string
	for _, row := range joined {
		out = append(out, intervalLine(row.Kind, row.Agent, row.Start, row.End, shown(&row)))
	}
	return out
}

func follows(before, row *schema.Interval) bool {
	return before.Agent == row.Agent && before.Kind == row.Kind && before.End == row.Start && shown(before) == shown(row)
}

func shown(row *schema.Interval) string {
	what := fmt.Sprint(row.Status)
	if row.Kind == schema.IntervalWorkload {
		what = fmt.Sprint([3]uint16{row.Live, row.SemiLive, row.NonLive})
	}
	return fmt.Sprint(what, " ", row.ReasonID, " ", row.Suspended)
}
