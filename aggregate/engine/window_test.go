package engine

import (
	"fmt"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// Windows that are passed one by one are those that rows would hold, and none is there twice.
func TestWindowsOneByOneAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := newFloor(t), newFloor(t)
		for k := range rapid.IntRange(1, 100).Draw(t, "events") {
			ev := anyEvent(t, k, 40*minuteMs, 5_000)
			a.do(ev)
			b.do(ev)
			if rapid.IntRange(0, 9).Draw(t, "drain") != 0 {
				continue
			}
			var rows, few Rows
			var want, got []string
			a.e.Drain(&rows)
			for n := range rows.Windows {
				want = append(want, fmt.Sprintf("%+v", rows.Windows[n]))
			}
			few.Window = func(w *schema.Window) { got = append(got, fmt.Sprintf("%+v", *w)) }
			b.e.Drain(&few)
			require.Empty(t, few.Windows)
			require.Len(t, few.Interactions, len(rows.Interactions))
			sort.Strings(want)
			sort.Strings(got)
			require.Equal(t, want, got)
		}
	})
}

// A pane's entries are put in order again and again, with some added and some taken back in between; none is lost or made up.
func TestPaneIsSortedStepByStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFloor(t)
		f.do(login(0, "a"))
		c := f.e.centers["1"]
		key := seriesKey{agent: c.agent("a")}
		want, scratch := []uint64{}, []uint64(nil)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			k := contribution{seriesKey: key, metric: firstMeasure, t: day + rapid.Int64Range(0, 14).Draw(t, "minute")*minuteMs,
				value: rapid.Int64Range(0, 5).Draw(t, "value"), back: rapid.IntRange(0, 2).Draw(t, "back") == 0}
			e := entry(int((k.t-day)/minuteMs), k.metric, k.value)
			if at := slices.Index(want, e); !k.back {
				want = append(want, e)
			} else if at >= 0 {
				want = slices.Delete(want, at, at+1)
			}
			c.count(&k)
			if p := c.seriesOf(&key).pane(int32(day / quarterMs)); rapid.IntRange(0, 3).Draw(t, "sort") == 0 {
				scratch = p.sort(scratch)
				slices.Sort(want)
				require.Equal(t, want, p.entries)
			}
		}
	})
}
