package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/schema"
)

// flusher writes what the partitions of a generation have pending, in this order, each step only after the one before it:
// rows, dead letters' topic, checkpoint, commit.
type flusher struct {
	w          *Worker
	commit     func(ctx context.Context, next map[int]int64) error
	partitions []*partition
	kick       chan struct{}  // a partition is full
	rows       engine.Rows    // what one partition drained, until it is gathered
	homes      map[string]int // the partition in which a contact centre was seen
}

func newFlusher(w *Worker, g Generation) *flusher {
	f := &flusher{w: w, commit: g.Commit, kick: make(chan struct{}, 1), homes: map[string]int{}}
	// Each partition in its turn: packing and saving all at once would keep a processor from whoever else needs it.
	turn := w.cfg.Checkpoint / time.Duration(max(1, len(g.Partitions)))
	for i, from := range g.Partitions {
		p := newPartition(w, from, g.Total, f.kick)
		p.nextCheck = w.cfg.Now().Add(turn * time.Duration(i+1))
		f.partitions = append(f.partitions, p)
	}
	return f
}

// read runs all partitions until ctx ends; the first that cannot go on stops the others.
func (f *flusher) read(ctx context.Context, stop context.CancelCauseFunc) {
	var group sync.WaitGroup
	for _, p := range f.partitions {
		group.Go(func() {
			if err := p.run(ctx); err != nil && ctx.Err() == nil {
				stop(err)
			} else if err == nil && ctx.Err() == nil {
				stop(errors.New("a partition's reader has ended by itself"))
			}
		})
	}
	group.Wait()
}

// run flushes regularly until reading ends. A flush that has begun goes on under writing.
func (f *flusher) run(reading, writing context.Context) error {
	tick := time.NewTicker(f.w.cfg.Flush)
	defer tick.Stop()
	for {
		select {
		case <-reading.Done():
			return nil
		case <-tick.C:
		case <-f.kick:
		}
		if err := f.flush(writing, false); err != nil {
			return err
		}
	}
}

// taken is what one partition gave to a flush.
type taken struct {
	p       *partition
	pending *pending
	due     bool                // for a checkpoint
	check   *history.Checkpoint // nil where there is nothing new, or none is due
	packing time.Duration
	settled chan<- struct{} // closed when all is flushed; nil where nobody waits
}

// shareOfTime is how many times as long as the last checkpoints took (packing and saving) the next ones wait at least, so that
// checkpoints never cost more than 5 % of the time.
const shareOfTime = 20

// flush writes everything that is pending, and checkpoints of the partitions for which one is due, or of all if this is the last flush.
func (f *flusher) flush(ctx context.Context, last bool) error {
	began := f.w.cfg.Now()
	// 1. Take rows and state at one and the same position of each partition.
	all, flushed, unpacked := f.take(began, last)
	if len(all) == 0 {
		return nil
	}
	// 2. Rows; the last of them say how far it went.
	if err := f.w.parts.Sink.Flush(ctx, flushed); err != nil {
		return err
	}
	// 3. Dead letters, so that none is behind the checkpoint and missing.
	if err := f.writeDeadLetters(ctx, all); err != nil {
		return err
	}
	for _, t := range all {
		t.giveBack()
	}
	all = slices.DeleteFunc(all, func(t taken) bool { return !t.due })
	if len(all) == 0 {
		return nil
	}
	// 4. State and next offset together.
	saving := f.w.cfg.Now()
	unsaved := f.save(ctx, all, last)
	f.rest(began, all, f.w.cfg.Now().Sub(saving))
	// 5. Only now the group may hear of it.
	f.tell(ctx, all)
	if err := errors.Join(unpacked, unsaved); err != nil {
		f.w.count.unsaved.Inc()
		if last {
			return err
		}
		f.w.cfg.Log.Warn("checkpoint not saved, another one is taken at the next interval", "error", err)
	}
	return nil
}

// rest puts the next checkpoints off by what the last ones took.
func (f *flusher) rest(began time.Time, all []taken, saving time.Duration) {
	each := saving / time.Duration(len(all))
	for _, t := range all {
		share := shareOfTime * time.Duration(len(f.partitions)) * (t.packing + each)
		t.p.nextCheck = began.Add(max(f.w.cfg.Checkpoint, share))
		saving += t.packing
	}
	f.w.count.checkpointSeconds.Update(saving.Seconds())
}

// take collects what all partitions have. Packing a state holds the lock of one partition only.
func (f *flusher) take(now time.Time, last bool) (all []taken, flushed []history.Flushed, err error) {
	for _, p := range f.partitions {
		p.mu.Lock()
		if p.eng == nil {
			p.mu.Unlock()
			continue
		}
		t := taken{p: p, due: last || !now.Before(p.nextCheck)}
		var out history.Flushed
		t.pending, out.Stamp = p.take()
		f.expect(t.pending.events)
		f.rows.Window = func(w *schema.Window) {
			if p.resume == nil || !p.resume.spares(w.ContactCenter, w.Start) {
				f.w.parts.Sink.GatherWindow(out.Stamp, w)
			}
		}
		p.eng.Drain(&f.rows)
		if t.due {
			began := f.w.cfg.Now()
			var unpacked error
			t.check, unpacked = p.checkpoint()
			t.packing = f.w.cfg.Now().Sub(began)
			err = errors.Join(err, unpacked)
		}
		p.advance(f.rows.Centers)
		if p.resume != nil {
			p.resume.keep(&f.rows)
		}
		t.settled, p.settled = p.settled, nil
		out.Newest, out.Complete, out.CaughtUp = p.newest, p.complete, p.caughtUp
		p.mu.Unlock()
		f.w.parts.Sink.Gather(out.Stamp, &f.rows)
		f.place(f.rows.Centers, p.id)
		out.Rows.Centers = slices.Clone(f.rows.Centers)
		f.forget()
		out.Raw, out.Annotations, out.DeadLetters, out.Gaps = t.pending.raw, t.pending.annotations, t.pending.dead, t.pending.gaps
		all, flushed = append(all, t), append(flushed, out)
	}
	return all, flushed, err
}

// expect makes room for the rows that so many events usually change, the most numerous ones: growing their slice step by step would
// take more of a first flush than filling it.
func (f *flusher) expect(events int) {
	f.rows.Intervals = slices.Grow(f.rows.Intervals, events)
}

// place notes where contact centres are. One in two partitions is folded twice, each time from a part of its events: producers do
// not partition by contact centre.
func (f *flusher) place(centers []engine.Center, partition int) {
	for i := range centers {
		cc := centers[i].ContactCenter
		home, known := f.homes[cc]
		if !known {
			f.homes[cc] = partition
		} else if home != partition && f.w.tellSplit(cc, home, partition) {
			f.w.count.split.Inc()
			f.w.cfg.Log.Error("contact centre in two partitions, its figures are wrong", "contact_center", cc, "partitions", []int{home, partition})
		}
	}
}

// forget makes room for the rows of the next partition and lets go what these ones point to. The largest drain decides how much
// memory that takes, not their number.
func (f *flusher) forget() {
	r := &f.rows
	clear(r.Intervals)
	clear(r.Visits)
	clear(r.Parts)
	clear(r.Interactions)
	clear(r.Centers)
	*r = engine.Rows{Intervals: r.Intervals[:0], Visits: r.Visits[:0], Parts: r.Parts[:0], Interactions: r.Interactions[:0],
		Centers: r.Centers[:0]}
}

func (p *partition) advance(centers []engine.Center) {
	for _, c := range centers {
		p.newest, p.complete = max(p.newest, c.NewestEvent), max(p.complete, c.CompleteUntil)
	}
}

// checkpoint packs the state, nil where the newest checkpoint holds it already. The lock is held, and the engine is drained.
func (p *partition) checkpoint() (*history.Checkpoint, error) {
	at := p.eng.Position()
	if at == p.saved {
		return nil, nil
	}
	snapshot, err := p.eng.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("pack partition %d: %w", p.id, err)
	}
	return &history.Checkpoint{Topic: p.w.cfg.Topic, Partition: p.id, Epoch: p.epoch, Log: p.log, Engine: p.w.parts.Engines.Number,
		Partitions: p.total, Offset: at, Snapshot: snapshot}, nil
}

// giveBack lets the partition use the flushed memory again.
func (t taken) giveBack() {
	t.pending.reset()
	if t.settled != nil {
		close(t.settled)
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.spare = t.pending
}

func (f *flusher) writeDeadLetters(ctx context.Context, all []taken) error {
	var letters []schema.DeadLetter
	for _, t := range all {
		letters = append(letters, t.pending.dead...)
	}
	if len(letters) == 0 {
		return nil
	}
	return history.Retry(ctx, f.w.cfg.MinPause, f.w.cfg.MaxPause, func() error { return f.w.parts.DeadLetters(ctx, letters) }, func(err error) {
		f.w.cfg.Log.Warn("dead letters not written, tried again", "letters", len(letters), "error", err)
	})
}

// save tries once, since a newer checkpoint is better than this one; at the end, where no newer one comes, until ctx ends.
func (f *flusher) save(ctx context.Context, all []taken, last bool) error {
	var checkpoints []history.Checkpoint
	for _, t := range all {
		if t.check != nil {
			checkpoints = append(checkpoints, *t.check)
		}
	}
	if len(checkpoints) == 0 {
		return nil
	}
	write := func() error { return f.w.parts.Checkpoints.Save(ctx, checkpoints) }
	if err := f.attempt(ctx, last, write); err != nil {
		return err
	}
	f.w.count.checkpoints.Add(len(checkpoints))
	for _, t := range all {
		if t.check == nil {
			continue
		}
		t.p.saved = t.check.Offset
		if err := f.w.parts.Checkpoints.Prune(ctx, t.check.Topic, t.p.id); err != nil {
			f.w.cfg.Log.Warn("old checkpoints not deleted, tried again with the next one", "partition", t.p.id, "error", err)
		}
	}
	return nil
}

func (f *flusher) attempt(ctx context.Context, again bool, do func() error) error {
	if !again {
		return do()
	}
	return history.Retry(ctx, f.w.cfg.MinPause, f.w.cfg.MaxPause, do, func(err error) {
		f.w.cfg.Log.Warn("last checkpoint not saved, tried again", "error", err)
	})
}

// tell commits what checkpoints hold. A failure costs nothing but the monitoring of lag, and is usual once the generation is over.
func (f *flusher) tell(ctx context.Context, all []taken) {
	next := make(map[int]int64, len(all))
	for _, t := range all {
		if t.p.saved >= 0 {
			next[t.p.id] = t.p.saved
		}
	}
	if len(next) == 0 {
		return
	}
	if err := f.commit(ctx, next); err != nil {
		f.w.count.commits.Inc()
		f.w.cfg.Log.Warn("commit failed", "error", err)
	}
}
