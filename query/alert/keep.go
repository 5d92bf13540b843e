package alert

import (
	"context"
	"sync"
	"time"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Bounds of writing to history.
const (
	keepEvery   = time.Second
	keepAtMost  = 1000 // alerts that wait; then reading waits too
	keepAttempt = 30 * time.Second
	keepPause   = 200 * time.Millisecond
	keepLongest = 10 * time.Second
)

// keeper writes what counts to history. It reads the partitions from their beginning: an alert's row has its alert as key and its transition as
// version, so writing it again changes nothing, and nothing has to be remembered about what was written. While ClickHouse is away it stops
// reading, so its memory is bounded and nothing is left out: the topic keeps what it has not read.
type keeper struct {
	a *Alerts

	mu      sync.Mutex
	waiting map[string]schema.Alert // by id: the newest state only
}

func (a *Alerts) keep(ctx context.Context, partitions []int) error {
	k := &keeper{a: a, waiting: map[string]schema.Alert{}}
	var writing sync.WaitGroup
	defer writing.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	writing.Go(func() { k.run(ctx) })
	b := newBook()
	return a.deps.Topic.Follow(ctx, partitions, func() {}, func(rec *schema.Record) error {
		accepted, _ := b.apply(string(rec.Key), rec.Value) // who lists has told of it
		if accepted == nil {
			return nil
		}
		return k.take(ctx, *accepted)
	})
}

func (k *keeper) take(ctx context.Context, t schema.Alert) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) >= keepAtMost {
		if err := k.flush(ctx); err != nil {
			return err
		}
	}
	k.waiting[t.ID] = t
	return nil
}

// run writes what waits until ctx ends.
func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			k.mu.Lock()
			_ = k.flush(ctx) // fails only when ctx has ended
			k.mu.Unlock()
		}
	}
}

// flush tries until ctx ends. Under mu.
func (k *keeper) flush(ctx context.Context) error {
	if len(k.waiting) == 0 {
		return nil
	}
	rows := make([]schema.Alert, 0, len(k.waiting))
	for _, t := range k.waiting {
		rows = append(rows, t)
	}
	for pause := keepPause; ; pause = min(2*pause, keepLongest) {
		attempt, cancel := context.WithTimeout(ctx, keepAttempt)
		err := clickhouse.InsertAlerts(attempt, k.a.deps.History, rows, k.a.cfg.Now().UnixMilli())
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k.a.counts.rowErrors.Inc()
		k.a.deps.Log.Warn("alerts not kept as history, tried again", "alerts", len(rows), "error", err)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	k.a.counts.rows.Add(len(rows))
	clear(k.waiting)
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
