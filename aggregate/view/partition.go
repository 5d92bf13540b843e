package view

import (
	"context"
	"fmt"
	"sync"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// partition feeds one engine and publishes what changes.
type partition struct {
	v    *View
	from Partition
	id   int
	gate gate.Gate
	dec  gate.Decoder
	ev   schema.Event // decoded into again and again

	mu      sync.Mutex // of the engine
	eng     *engine.Engine
	applied int64
	end     int64
	heard   time.Time // when Kafka last said that there is nothing more
	err     error
}

func newPartition(v *View, from Partition, total int) *partition {
	g := v.cfg.Gate
	g.Partition, g.Partitions = from.ID(), total
	return &partition{v: v, from: from, id: from.ID(), gate: g, dec: v.cfg.Decoder(), eng: engine.New(v.cfg.Engine)}
}

// run boots the partition and tails it until ctx ends.
func (p *partition) run(ctx context.Context) error {
	first, _, err := p.from.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("bounds: %w", err)
	}
	if err := p.boot(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	at := p.eng.Position()
	p.mu.Unlock()
	if at < first {
		p.v.cfg.Log.Warn("live view begins later than its checkpoint", "partition", p.id, "checkpoint", at, "first_offset", first)
	}
	return p.from.Read(ctx, max(at, first), p.handle)
}

func (p *partition) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// handle applies a batch and publishes what it changed, all at once.
func (p *partition) handle(batch []schema.Record, next int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = next
	if len(batch) == 0 {
		p.applied, p.heard = max(p.applied, next), p.v.cfg.Now()
		return nil
	}
	for i := range batch {
		p.record(&batch[i])
	}
	p.applied = batch[len(batch)-1].Offset + 1
	if p.applied >= next {
		p.heard = p.v.cfg.Now()
	}
	p.publish()
	return nil
}

// record applies one record; what is no event is history's business.
func (p *partition) record(rec *schema.Record) {
	if err := p.gate.Admit(p.dec, rec, &p.ev); err != nil {
		p.eng.Skip(rec.Offset)
		return
	}
	outcome := p.eng.Apply(&p.ev, rec.Offset)
	if p.ev.Type.Annotation() && outcome != engine.Duplicate {
		p.v.centerOf(p.ev.ContactCenter, p).annotate(&p.ev, rec.Offset)
	}
}

func (p *partition) publish() {
	p.eng.Look(func(ch *engine.Changes) { p.v.centerOf(ch.ContactCenter, p).publish(ch) })
}

func (p *partition) status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Status{Partition: p.id, Applied: p.applied, End: p.end, CaughtUp: p.caughtUp(), Err: p.err}
}

// caughtUp reports whether the view holds every event that Kafka had a moment ago. The lock is held.
func (p *partition) caughtUp() bool {
	return p.applied >= p.end && !p.heard.IsZero() && p.v.cfg.Now().Sub(p.heard) < heardWithin
}

// asOf is the moment up to which the view holds every event that Kafka had: now while it is caught up, else the newest event time.
func (p *partition) asOf(newest int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asOfLocked(newest)
}

// asOfLocked is asOf with the lock held.
func (p *partition) asOfLocked(newest int64) int64 {
	if p.caughtUp() || newest == schema.NoTime {
		return p.v.cfg.Now().UnixMilli()
	}
	return newest
}
