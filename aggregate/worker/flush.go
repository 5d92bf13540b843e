package worker

import (
	"context"
	"errors"
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
	kick       chan struct{} // a partition is full
	lastCheck  time.Time
}

func newFlusher(w *Worker, g Generation) *flusher {
	f := &flusher{w: w, commit: g.Commit, kick: make(chan struct{}, 1), lastCheck: w.cfg.Now()}
	for _, p := range g.Partitions {
		f.partitions = append(f.partitions, newPartition(w, p, g.Total, f.kick))
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
	check   history.Checkpoint
}

// flush writes everything that is pending, and a checkpoint if one is due or this is the last flush.
func (f *flusher) flush(ctx context.Context, last bool) error {
	now := f.w.cfg.Now()
	due := last || now.Sub(f.lastCheck) >= f.w.cfg.Checkpoint
	// 1. Take rows and state at one and the same position of each partition.
	all, flushed := f.take(due)
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
	if !due {
		return nil
	}
	// 4. State and next offset together.
	if err := f.save(ctx, all); err != nil {
		return err
	}
	f.lastCheck = now
	// 5. Only now the group may hear of it.
	f.tell(ctx, flushed)
	return nil
}

func (f *flusher) take(due bool) ([]taken, []history.Flushed) {
	var all []taken
	var flushed []history.Flushed
	for _, p := range f.partitions {
		p.mu.Lock()
		if p.eng == nil {
			p.mu.Unlock()
			continue
		}
		t := taken{p: p}
		var out history.Flushed
		t.pending, out.Stamp = p.take()
		p.eng.Drain(&t.pending.rows)
		out.Rows = t.pending.rows
		if due {
			t.check = p.checkpoint()
		}
		p.advance(out.Rows.Centers)
		out.Newest, out.Complete, out.CaughtUp = p.newest, p.complete, p.caughtUp
		p.mu.Unlock()
		out.Raw, out.Annotations, out.DeadLetters = t.pending.raw, t.pending.annotations, t.pending.dead
		all, flushed = append(all, t), append(flushed, out)
	}
	return all, flushed
}

func (p *partition) advance(centers []engine.Center) {
	for _, c := range centers {
		p.newest, p.complete = max(p.newest, c.NewestEvent), max(p.complete, c.CompleteUntil)
	}
}

// checkpoint packs what is new since the last one, nothing where there is nothing new. The lock is held.
func (p *partition) checkpoint() history.Checkpoint {
	c := history.Checkpoint{Topic: p.w.cfg.Topic, Partition: p.id, Epoch: p.epoch, Log: p.log, Engine: p.w.parts.Engines.Number, Partitions: p.total}
	at := p.eng.Position()
	if at == p.saved && p.sinceBase >= 0 {
		return c
	}
	segment := p.eng.Segment()
	c.Pieces = append(c.Pieces, history.Piece{Piece: segment, Since: p.segmentAt})
	p.saved, p.segmentAt = at, at
	p.sinceBase++
	if p.sinceBase > 0 && p.sinceBase < p.w.cfg.BaseEvery {
		return c
	}
	needs := int64(0)
	if n, ok := p.eng.(interface{ Needs() int64 }); ok {
		needs = n.Needs()
	}
	c.Pieces = append(c.Pieces, history.Piece{Piece: p.eng.Base(), Since: needs})
	p.sinceBase = 0
	return c
}

// giveBack lets the partition use the flushed memory again.
func (t taken) giveBack() {
	t.pending.reset()
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

// save tries until ctx ends: what a segment holds is packed once, so it must not be lost while the engine lives.
func (f *flusher) save(ctx context.Context, all []taken) error {
	var checkpoints []history.Checkpoint
	for _, t := range all {
		if len(t.check.Pieces) > 0 {
			checkpoints = append(checkpoints, t.check)
		}
	}
	if len(checkpoints) == 0 {
		return nil
	}
	err := history.Retry(ctx, f.w.cfg.MinPause, f.w.cfg.MaxPause, func() error { return f.w.parts.Checkpoints.Save(ctx, checkpoints) }, func(err error) {
		f.w.cfg.Log.Warn("checkpoint not saved, tried again", "partitions", len(checkpoints), "error", err)
	})
	if err != nil {
		return err
	}
	f.w.count.checkpoints.Add(len(checkpoints))
	for _, c := range checkpoints {
		if !c.Pieces[len(c.Pieces)-1].Base {
			continue
		}
		if err := f.w.parts.Checkpoints.Prune(ctx, c.Topic, c.Partition); err != nil {
			f.w.cfg.Log.Warn("old checkpoints not deleted, tried again with the next base", "partition", c.Partition, "error", err)
		}
	}
	return nil
}

// tell commits. A failure costs nothing but the monitoring of lag, and is usual once the generation is over.
func (f *flusher) tell(ctx context.Context, flushed []history.Flushed) {
	next := make(map[int]int64, len(flushed))
	for i := range flushed {
		next[flushed[i].Stamp.Partition] = flushed[i].Stamp.Position
	}
	if err := f.commit(ctx, next); err != nil {
		f.w.count.commits.Inc()
		f.w.cfg.Log.Warn("commit failed", "error", err)
	}
}
