package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"floorwalker/schema"
)

// Windows are judged in the order of their start. A fact counts at or after the moment it begins, so a window is finished as soon as
// every fact that begins before its end has been read: what lies in memory is windows that facts read so far reach into.

// unseen are counts whose moments no fact tells; that they are right is what comparing windows with their refold shows.
var unseen = [schema.NumCounts]bool{schema.CountTransferredOut: true, schema.CountMessagesSent: true}

// tally is what facts put into one window: what was counted, and durations.
type tally struct {
	counts [schema.NumCounts]uint32
	values []duration
}

type duration struct {
	measure schema.Measure
	ms      int64
}

// books are the windows of one length that facts fill.
type books struct {
	length int64
	named  names
	open   map[int64]map[schema.Dims]*tally
	moved  map[int64]map[string]bool // by window: agents of whom an offer may have stayed with the queue that it came from
	goesOn map[int64]string          // by window: an interaction that counts in it, goes on and is not told as a backfill has it
	late   func(interaction string) bool
}

func (b *books) at(d schema.Dims, t int64) *tally {
	start := down(t, b.length)
	w := b.open[start]
	if w == nil {
		w = map[schema.Dims]*tally{}
		b.open[start] = w
	}
	x := w[d]
	if x == nil {
		x = &tally{}
		w[d] = x
	}
	return x
}

func (b *books) count(d schema.Dims, t int64, c schema.Count) { b.at(d, t).counts[c]++ }

func (b *books) measure(d schema.Dims, t int64, m schema.Measure, ms int64) {
	x := b.at(d, t)
	x.values = append(x.values, duration{m, max(0, ms)})
}

// windows checks both lengths of windows against facts.
func (c *center) windows(ctx context.Context) error {
	named, err := c.namedLate(ctx)
	if err != nil {
		return err
	}
	for _, length := range []int64{minuteMs, quarterMs} {
		if err := c.windowsOf(ctx, length, named); err != nil {
			return err
		}
	}
	return nil
}

func (c *center) windowsOf(ctx context.Context, length int64, named names) error {
	from, until := up(c.from, length), down(c.until, length)
	facts, err := c.openFacts(ctx, from, until)
	if err != nil {
		return err
	}
	defer facts.close()
	stored, err := c.openWindows(ctx, length, from, until)
	if err != nil {
		return err
	}
	defer stored.Close()
	b := &books{length: length, named: named, open: map[int64]map[schema.Dims]*tally{}, moved: map[int64]map[string]bool{},
		goesOn: map[int64]string{}, late: func(id string) bool { return c.fold.subjects[[2]string{c.id, id}] }}
	for {
		start, more := facts.start()
		if stored.ok && (!more || stored.row.Start < start) {
			start, more = stored.row.Start, true
		}
		for at := range b.open {
			if !more || at < start {
				start, more = at, true
			}
		}
		if !more {
			break
		}
		start = down(start, length)
		if err := facts.until(start+length, b); err != nil {
			return err
		}
		if err := c.settle(b, start, stored, start >= from && start+length <= until); err != nil {
			return err
		}
	}
	return stored.err
}

// settle compares the windows that begin at a moment, once all facts that reach into them have been read.
func (c *center) settle(b *books, start int64, stored *windowCursor, judged bool) error {
	wanted := b.open[start]
	delete(b.open, start)
	defer func() { delete(b.moved, start); delete(b.goesOn, start) }()
	have := map[schema.Dims]*schema.Window{}
	for stored.ok && stored.row.Start < start+b.length {
		w := stored.row
		have[w.Dims] = &w
		stored.read()
	}
	if !judged {
		return stored.err
	}
	wrong := map[schema.Dims]string{}
	for d := range wanted {
		c.report.Checked[CheckWindows]++
		if what := compare(have[d], wanted[d]); what != "" {
			wrong[d] = what
		}
	}
	for d := range have {
		if wanted[d] == nil {
			if what := compare(have[d], &tally{}); what != "" {
				wrong[d] = what
			}
		}
	}
	if len(wrong) == 0 {
		return stored.err
	}
	c.wrong(b, start, wrong, have, wanted)
	return stored.err
}

// wrong reports windows that do not agree with facts, but for those of which the rules say that facts cannot tell.
func (c *center) wrong(b *books, start int64, wrong map[schema.Dims]string, have map[schema.Dims]*schema.Window, wanted map[schema.Dims]*tally) {
	explained := c.explains(start, start+b.length)
	if id := b.goesOn[start]; explained == "" && id != "" {
		explained = "interaction " + id + " goes on, and a backfill corrects what has ended only"
	}
	keys := slices.SortedFunc(maps.Keys(wrong), func(x, y schema.Dims) int {
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
	for _, d := range keys {
		if b.moved[start][d.Agent] && onlyOffersMoved(d, keys, have, wanted) {
			continue
		}
		c.differs(CheckWindows, fmt.Sprintf("windows_%dm", b.length/minuteMs), fmt.Sprintf("start %s%s", moment(start), dims(d)), wrong[d], explained)
	}
}

func dims(d schema.Dims) string {
	out := ""
	for _, p := range [...][2]string{{"agent", d.Agent}, {"queue", d.Queue}, {"campaign", d.Campaign}, {"channel", d.Channel.String()}, {"direction", d.Direction.String()}} {
		if p[1] != "" {
			out += ", " + p[0] + " " + p[1]
		}
	}
	return out
}

// compare says how a stored window differs from what facts say; empty where it does not.
func compare(stored *schema.Window, facts *tally) string {
	if stored == nil {
		stored = &schema.Window{}
	}
	var out []string
	for k := range facts.counts {
		if n := stored.Counts[k]; !unseen[k] && n != facts.counts[k] {
			out = append(out, fmt.Sprintf("%s is %d, by facts %d", schema.Count(k), n, facts.counts[k]))
		}
	}
	wanted := facts.measures()
	for k := range stored.Measures {
		have, want := &stored.Measures[k], &wanted[k]
		m := schema.Measure(k)
		switch {
		case have.Count != want.Count || have.Sum != want.Sum || have.Max != want.Max:
			out = append(out, fmt.Sprintf("%s is %d of %d ms, at most %d, by facts %d of %d ms, at most %d", m, have.Count, have.Sum, have.Max,
				want.Count, want.Sum, want.Max))
		case !slices.Equal(have.Log, want.Log) || !slices.Equal(have.Seconds, want.Seconds):
			out = append(out, fmt.Sprintf("the histogram of %s is %v %v, by facts %v %v", m, have.Log, have.Seconds, want.Log, want.Seconds))
		}
	}
	return strings.Join(out, "; ")
}

// measures adds the durations up.
func (t *tally) measures() (out [schema.NumMeasures]schema.Distribution) {
	for _, v := range t.values {
		d := schema.Distribution{Count: 1, Sum: v.ms, Max: v.ms, Log: []schema.Bin{{Key: schema.Bucket(v.ms), N: 1}}}
		if v.measure.CountsSeconds() {
			d.Seconds = []schema.Bin{{Key: schema.SecondsKey(v.ms), N: 1}}
		}
		out[v.measure].Add(d)
	}
	return out
}

// onlyOffersMoved reports whether an agent's windows of a moment differ only in which queue and campaign an offer counts for: one that
// rang for more than a minute keeps those it began with (its windows may be complete), while its part goes with the connect.
func onlyOffersMoved(d schema.Dims, keys []schema.Dims, have map[schema.Dims]*schema.Window, wanted map[schema.Dims]*tally) bool {
	var sum int
	for _, k := range keys {
		if k.Agent != d.Agent || k.Channel != d.Channel || k.Direction != d.Direction {
			continue
		}
		x, y := &schema.Window{}, tally{}
		if w := have[k]; w != nil {
			*x = *w
		}
		if w := wanted[k]; w != nil {
			y = *w
		}
		sum += int(x.Counts[schema.CountOffered]) - int(y.counts[schema.CountOffered])
		x.Counts[schema.CountOffered] = y.counts[schema.CountOffered]
		if compare(x, &y) != "" {
			return false
		}
	}
	return sum == 0
}
