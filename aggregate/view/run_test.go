package view

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// topic is a list of partitions that can be replaced.
type topic struct {
	mu   sync.Mutex
	list []Partition
}

func (t *topic) partitions(context.Context) ([]Partition, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list, nil
}

func (t *topic) set(list ...Partition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = list
}

// numbered is a log under another number.
type numbered struct {
	*log
	id int
}

func (n numbered) ID() int { return n.id }

// perPartition is a history with a checkpoint for each partition.
type perPartition struct {
	*outage
	partitions int
	of         map[int]*memory
	mu         sync.Mutex
}

func (p *perPartition) Snapshot(_ context.Context, id int) (Checkpoint, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.of[id]
	return Checkpoint{Epoch: uint16(p.epoch.Load()), Partitions: p.partitions, Offset: m.offset, Engine: m.snapshot}, nil
}

// A new epoch brings other partitions, offsets and checkpoints: the view begins anew with them, and until it has, it shows what it had.
func TestNewEpoch_BeginsAnew(t *testing.T) {
	now := start.Add(2 * time.Hour)
	old := newLog()
	calls(old, 0, 20)
	tp := &topic{}
	tp.set(old)
	h := &perPartition{outage: &outage{memory: remembered(t, old.records)}, partitions: 1}
	h.of = map[int]*memory{0: h.memory}
	dir := t.TempDir()
	n := startNode(t, tp.partitions, h, dir, now)
	wait(t, n.View, old)
	f, _ := n.Pin("6")
	_, ok := f.Agents.Get("c")
	require.False(t, ok)

	left, right := newLog(), newLog()
	right.add(start.Add(time.Hour), schema.AgentLogin, "c", `{}`)
	tp.set(left, numbered{right, 1})
	h.mu.Lock()
	h.partitions, h.of = 2, map[int]*memory{0: remembered(t, nil), 1: remembered(t, nil)}
	h.mu.Unlock()
	h.epoch.Store(1)
	n.eventually("two partitions", func() bool { return len(n.Status()) == 2 })
	require.Contains(t, n.said.String(), "epoch 1 has begun")
	n.eventually("agent c", func() bool {
		g, ok := n.Pin("6")
		if !ok {
			return false
		}
		_, ok = g.Agents.Get("c")
		return ok && g.Version > f.Version
	})
	n.end()

	// A restart takes no file of the epoch before.
	again := startNode(t, tp.partitions, h, dir, now)
	again.eventually("two partitions", func() bool { s := again.Status(); return len(s) == 2 && s[0].CaughtUp && s[1].CaughtUp })
	require.NotContains(t, again.said.String(), "cannot be used")
	g, _ := again.Pin("6")
	require.Equal(t, 1, g.Agents.Len())
}

// A topic that ends before the checkpoint is not the one that it has seen: the view waits and says so, until a new epoch has begun.
func TestTopicRecreated_WaitsForNewEpoch(t *testing.T) {
	now := start.Add(2 * time.Hour)
	full := newLog()
	calls(full, 0, 20)
	h := &outage{memory: remembered(t, full.records)}
	fresh := newLog()
	n := startNode(t, only(fresh), h, "", now)
	n.eventually("error", func() bool { s := n.Status(); return len(s) == 1 && s[0].Err != nil })
	require.ErrorIs(t, n.Status()[0].Err, ErrBeyond)
	require.False(t, n.Status()[0].CaughtUp)
	n.eventually("what to do", func() bool { return strings.Contains(n.said.String(), "new-epoch") })
}

// retained is a log whose beginning has been deleted, and that refuses to be read from there.
type retained struct {
	*log
	first int64
	mu    sync.Mutex
}

func (r *retained) Bounds(ctx context.Context) (int64, int64, error) {
	_, next, err := r.log.Bounds(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first, next, err
}

func (r *retained) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	first, next, _ := r.Bounds(ctx)
	if from < first || from > next {
		return errAway
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return r.log.Read(ctx, from, func(batch []schema.Record, next int64) error {
		if len(batch) > 0 && batch[0].Offset < 100 && len(batch) > 100 {
			batch = batch[:100]
			if err := handle(batch, next); err != nil {
				return err
			}
			r.mu.Lock()
			r.first = 200
			r.mu.Unlock()
			return errAway // the next one is gone
		}
		return handle(batch, next)
	})
}

// Where Kafka's retention has overtaken the view, it begins anew with the worker's checkpoint instead of skipping what is gone.
func TestRetentionOvertakesTheView_BeginsAnew(t *testing.T) {
	now := start.Add(time.Hour)
	l := &retained{log: newLog()}
	calls(l.log, 0, 60)
	h := &late{memory: remembered(t, l.records[:250])}
	n := startNode(t, only(l), h, "", now)
	n.eventually("stands still", func() bool { s := n.Status(); return len(s) == 1 && s[0].Err != nil })
	h.there.Store(true)
	n.eventually("anew", func() bool { return strings.Contains(n.said.String(), "has begun anew") })
	wait(t, n.View, l.log)
	requireSame(t, now, run(t, l.log, nil, now), n.View)
	require.NoError(t, n.Status()[0].Err)
}

// late is a history that gets its checkpoint later.
type late struct {
	*memory
	there atomic.Bool
}

func (l *late) Snapshot(ctx context.Context, p int) (Checkpoint, error) {
	if !l.there.Load() {
		return Checkpoint{}, nil
	}
	return l.memory.Snapshot(ctx, p)
}

// A contact centre that moves to another time zone has another midnight: today is read anew from there.
func TestTimeZoneChanges_TodayReadAnew(t *testing.T) {
	l := newLog()
	calls(l, 0, 150)
	now := start.Add(150 * time.Minute)
	var zone atomic.Pointer[time.Location]
	zone.Store(time.UTC)
	n := startNodeIn(t, only(l), &outage{memory: remembered(t, l.records)}, "", now, zone.Load)
	wait(t, n.View, l)
	require.True(t, n.knowsToday(now))
	zone.Store(time.FixedZone("east", 2*3600))
	midnight := midnightOf(now) - 2*3600_000
	n.eventually("today", func() bool { _, ok := n.Metrics("6", midnight, now.UnixMilli()); return ok })
	m, _ := n.Metrics("6", midnight, now.UnixMilli())
	whole, _ := run(t, l, nil, now).Metrics("6", midnight, now.UnixMilli())
	require.Equal(t, sorted(whole), sorted(m))
}

// What ClickHouse refuses although it is there is asked for again, but not all the time.
func TestHistoryKeepsRefusing_AskedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog()
		calls(l, 0, 150)
		n := startNode(t, only(l), broken{remembered(t, l.records)}, "", start.Add(150*time.Minute))
		wait(t, n.View, l)
		time.Sleep(time.Second)
		after := strings.Count(n.said.String(), "has begun anew")
		require.Greater(t, after, 1)
		require.Less(t, after, 9, "twice as long each time, from 5 ms")
		n.end()
	})
}
