package engine

import (
	"fmt"
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
