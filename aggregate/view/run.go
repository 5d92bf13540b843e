package view

import (
	"context"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/internal/histogram"
)

const (
	shortestRetry = time.Second
	longestRetry  = 30 * time.Second
	longestAgain  = 10 * time.Minute // beginning anew costs memory and time: what ClickHouse refuses is not asked for all the time
	// shareOfTime bounds what saving costs: the next one waits this many times as long as the last one took.
	shareOfTime = 20
)

// Run feeds the view until ctx ends and then saves it. list is asked for the partitions at the start and at each new beginning. The
// view begins anew, beside the state that is being read, when a new epoch has begun, when a backfill has corrected history, when Kafka no longer has what comes next, and when
// ClickHouse was needed at the last beginning and answers again.
func (v *View) Run(ctx context.Context, list func(context.Context) ([]Partition, error)) error {
	var serving *replica
	again := v.cfg.Poll // how long a replica that lacks something is left as it is
	for wait := shortestRetry; ctx.Err() == nil; {
		next, err := v.raise(ctx, list, serving)
		if err != nil {
			if ctx.Err() == nil {
				v.cfg.Log.Error("live view cannot begin, it is tried again", "in", wait, "error", err)
				_ = pause(ctx, wait) // the loop looks
				wait = min(2*wait, longestRetry)
			}
			continue
		}
		serving, wait = next, shortestRetry
		if again = min(2*again, longestAgain); v.whole(serving) {
			again = v.cfg.Poll
		}
		if reason := v.tend(ctx, serving, again); reason != "" {
			v.cfg.Log.Warn("live view begins anew", "reason", reason)
		}
	}
	if serving != nil {
		serving.halt()
		v.save(serving.partitions...)
	}
	return context.Cause(ctx)
}

// raise makes a replica and lets it take the place of the one that is serving, which goes on until then.
func (v *View) raise(ctx context.Context, list func(context.Context) ([]Partition, error), serving *replica) (*replica, error) {
	r, err := v.newReplica(ctx, list)
	if err != nil {
		return nil, err
	}
	if serving == nil {
		v.current.Store(r) // there is nothing better to be read
	}
	r.start(ctx)
	if err := r.booted(); err != nil {
		r.halt()
		return nil, err
	}
	if serving == nil {
		return r, nil
	}
	if !await(ctx, 0, func() bool { return r.reached(nil) || len(r.anew) > 0 }) || len(r.anew) > 0 {
		r.halt()
		return nil, fmt.Errorf("the new live view did not catch up: %v", context.Cause(ctx))
	}
	serving.halt()
	if serving.epoch == r.epoch && len(serving.partitions) == len(r.partitions) {
		await(ctx, takeOver, func() bool { return r.reached(serving) })
	}
	r.follow(serving)
	v.current.Store(r)
	v.cfg.Log.Info("live view has begun anew", "epoch", r.epoch, "partitions", len(r.partitions))
	return r, nil
}

// tend saves the replica from time to time and returns why it needs a successor, or nothing when ctx ends.
func (v *View) tend(ctx context.Context, r *replica, again time.Duration) (reason string) {
	began := time.Now()
	poll := time.NewTicker(v.cfg.Poll)
	defer poll.Stop()
	// One partition after the other, all of them within the interval: packing all at once would keep a processor from those who ask.
	every, turn := v.cfg.Save/time.Duration(max(1, len(r.partitions))), 0
	save := time.NewTimer(every)
	defer save.Stop()
	for {
		select {
		case <-ctx.Done():
			return ""
		case reason := <-r.anew:
			return reason
		case <-poll.C:
			if reason := v.outdated(ctx, r, time.Since(began) >= again); reason != "" {
				return reason
			}
		case <-save.C:
			var took time.Duration
			if n := len(r.partitions); n > 0 {
				took = v.save(r.partitions[turn%n])
				turn++
			}
			save.Reset(max(every, shareOfTime*took))
		}
	}
}

// outdated asks the history whether there is something better to begin with; what is lacking is asked for only when it may be.
func (v *View) outdated(ctx context.Context, r *replica, may bool) (reason string) {
	if v.cfg.History == nil {
		return ""
	}
	epoch, ok, backfilled, err := v.ask(ctx)
	switch {
	case err != nil:
		return ""
	case ok && epoch > r.epoch:
		return fmt.Sprintf("epoch %d has begun", epoch)
	case r.asked && backfilled > r.backfilled:
		return "history was corrected by a backfill"
	case may && r.early.Load():
		return "there may be a checkpoint from after the records that are lost"
	case may && r.lacks.Load():
		return "clickhouse answers again"
	case may && !v.whole(r):
		return "the local day of a contact centre begins elsewhere"
	}
	return ""
}

// whole reports whether nothing is wanted of the history: it has answered all that it was asked, and today is known as time zones are
// now.
func (v *View) whole(r *replica) bool {
	if r.lacks.Load() || r.early.Load() {
		return false
	}
	for _, p := range r.partitions {
		for _, c := range r.of(p) {
			midnight := v.midnight(c.id)
			c.mu.Lock()
			knows := c.knowsDay(midnight)
			c.mu.Unlock()
			if !knows {
				return false
			}
		}
	}
	return true
}

// saveCounts count what is saved.
type saveCounts struct {
	set                    *metrics.Set
	files, failures, bytes *metrics.Counter
	seconds                *histogram.Seconds
}

func newSaveCounts(set *metrics.Set) saveCounts {
	return saveCounts{set: set, files: set.GetOrCreateCounter("floorwalker_view_checkpoints_total"),
		failures: set.GetOrCreateCounter("floorwalker_view_checkpoint_failures_total"),
		bytes:    set.GetOrCreateCounter("floorwalker_view_checkpoint_bytes_total"),
		seconds:  histogram.New(set, "floorwalker_view_checkpoint_seconds")}
}

// boots counts beginnings by what a partition began with: disk, worker, kafka.
func (v *View) boots(from string) *metrics.Counter {
	return v.saves.set.GetOrCreateCounter(fmt.Sprintf("floorwalker_view_boots_total{from=%q}", from))
}

// save packs partitions one after the other, so that never all of them stand still, and returns how long it took. One that fails is not
// tried again: the next one is newer.
func (v *View) save(partitions ...*partition) time.Duration {
	if v.cfg.Disk == nil {
		return 0
	}
	began := time.Now()
	for _, p := range partitions {
		size, err := p.save()
		switch {
		case err != nil:
			v.saves.failures.Inc()
			v.cfg.Log.Error("live view cannot be saved", "partition", p.id, "error", err)
		case size > 0:
			v.saves.files.Inc()
			v.saves.bytes.Add(int(size))
		}
	}
	took := time.Since(began)
	v.saves.seconds.Update(took.Seconds())
	return took
}
