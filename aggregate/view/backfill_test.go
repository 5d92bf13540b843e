package view

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// corrected is a history in which a backfill has found one more window.
type corrected struct {
	*outage
	found atomic.Pointer[schema.Window]
}

func (c *corrected) Windows(ctx context.Context, cc string, from, to int64) ([]schema.Window, error) {
	out, err := c.outage.Windows(ctx, cc, from, to)
	if w := c.found.Load(); w != nil && w.Start >= from && w.Start < to {
		out = addWindow(out, *w)
	}
	return out, err
}

// Today is read again once a backfill has corrected it, and no file that was written before says otherwise.
func TestBackfill_TodayReadAnew(t *testing.T) {
	l := newLog()
	calls(l, 0, 150)
	now := start.Add(150 * time.Minute)
	h := &corrected{outage: &outage{memory: remembered(t, l.records)}}
	dir := t.TempDir()
	n := startNode(t, only(l), h, dir, now)
	wait(t, n.View, l)
	require.True(t, n.knowsToday(now))
	has := func(n *node) bool {
		m, ok := n.Metrics("6", midnightOf(now), now.UnixMilli())
		if !ok {
			return false
		}
		for k := range m.Windows {
			if m.Windows[k].Queue == "found" {
				return true
			}
		}
		return false
	}
	require.False(t, has(n))
	w := schema.Window{Dims: schema.Dims{ContactCenter: "6", Queue: "found"}, Start: start.UnixMilli(), Minutes: schema.WindowMinute}
	w.Counts[schema.CountOffered] = 1
	h.found.Store(&w)
	h.backfilled.Store(time.Now().UnixMilli())
	n.eventually("what the backfill found", func() bool { return has(n) })
	require.Contains(t, n.said.String(), "history was corrected by a backfill")
	n.end()

	again := startNode(t, only(l), h, dir, now)
	wait(t, again.View, l)
	again.eventually("what the backfill found", func() bool { return has(again) })
	require.NotContains(t, again.said.String(), "from=disk")
}
