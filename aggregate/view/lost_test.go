package view

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// growing is a history whose worker writes another checkpoint later.
type growing struct {
	*memory
	later atomic.Pointer[memory]
}

func (g *growing) Snapshot(ctx context.Context, p int) (Checkpoint, error) {
	if m := g.later.Load(); m != nil {
		return m.Snapshot(ctx, p)
	}
	return g.memory.Snapshot(ctx, p)
}

// A view that had to begin with a checkpoint from before lost records takes the worker's one from after them.
func TestBeganBeforeLostRecords_TakesTheWorkersNext(t *testing.T) {
	now := start.Add(time.Hour)
	l := &retained{log: newLog(), first: 10}
	l.call(start, "i1", "a") // 6 records: it ends with the last one
	for k := range 5 {
		l.call(start.Add(time.Duration(k+2)*time.Minute), "j", "b")
	}
	h := &growing{memory: remembered(t, l.records[:5])} // i1 is connected; the worker was away, and Kafka begins at 10 by now
	n := startNode(t, only(l), h, "", now)
	wait(t, n.View, l.log)
	// The worker comes back: it begins empty after the hole, and checkpoints.
	later := remembered(t, l.records[10:])
	later.offset = int64(len(l.records))
	h.later.Store(later)
	live := func() bool {
		f, ok := n.Pin("6")
		if !ok {
			return true
		}
		_, ok = f.Interactions.Get("i1")
		return ok
	}
	require.Eventually(t, func() bool { return !live() }, 10*time.Second, 5*time.Millisecond, "i1 ended long ago, and is shown for ever")
}

// A topic that ends before the newest checkpoint is not the one that it has seen, although it has grown past an older one.
func TestTopicRecreated_OldFileNotTaken(t *testing.T) {
	now := start.Add(2 * time.Hour)
	old := newLog()
	calls(old, 0, 20)
	dir := t.TempDir()
	h := &outage{memory: remembered(t, old.records[:10])}
	part := newLog()
	part.records = old.records[:30]
	n := startNode(t, only(part), h, dir, now)
	wait(t, n.View, part)
	n.end() // its file is of offset 30
	h = &outage{memory: remembered(t, old.records)}
	fresh := newLog()
	for range 35 {
		fresh.add(start.Add(time.Hour), schema.AgentLogin, "new", `{}`)
	}
	n = startNode(t, only(fresh), h, dir, now)
	n.eventually("error", func() bool { s := n.Status(); return len(s) == 1 && (s[0].Err != nil || s[0].CaughtUp) })
	require.ErrorIs(t, n.Status()[0].Err, ErrBeyond)
}
