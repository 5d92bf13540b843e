package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// applyStep is how many events are applied before the flusher gets a chance to take the lock.
const applyStep = 256

// partition is one owned partition: its reader applies, the flusher drains, both under the lock.
type partition struct {
	w     *Worker
	from  Partition
	id    int
	total int // partitions of the topic
	kick  chan<- struct{}
	room  chan struct{} // gets a value when the flusher has taken what was pending

	mu       sync.Mutex
	eng      Engine // nil until restored
	gate     gate.Gate
	dec      gate.Decoder
	ev       schema.Event // decoded into again and again
	epoch    uint16
	log      uint16
	stored   int64            // highest offset whose raw event is stored
	storedOf map[string]int64 // the same by contact centre
	noted    int64            // the first offset after the last gap that is noted
	end      int64            // Kafka's, as last told
	caughtUp bool
	newest   int64
	complete int64
	pending  *pending
	spare    *pending
	expired  int64
	resume   *resume         // nil where no records are lost
	settled  chan<- struct{} // to be closed when what is applied now has been flushed; nil where nobody waits

	ahead map[int64]bool // offsets that the clock refused when they were read before; likewise
	stops []int64        // offsets at which a flush has to end; of the reading goroutine alone

	nextCheck time.Time // of the flusher alone
	saved     int64     // offset of the newest checkpoint of this epoch, negative: there is none; of the flusher alone once restored
}

func newPartition(w *Worker, from Partition, total int, kick chan<- struct{}) *partition {
	g := w.cfg.Gate
	g.Partition, g.Partitions = from.ID(), total
	return &partition{w: w, from: from, id: from.ID(), total: total, gate: g, kick: kick, room: make(chan struct{}, 1), dec: w.parts.Decoder(),
		newest: schema.NoTime, complete: schema.NoTime, stored: -1, saved: -1, pending: &pending{pool: &w.pool}, spare: &pending{pool: &w.pool}}
}

// run restores the partition and applies its records until ctx ends (then it returns ctx's error) or it cannot go on.
func (p *partition) run(ctx context.Context) error {
	first, next, err := p.from.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("bounds of partition %d: %w", p.id, err)
	}
	if err := p.restore(ctx, first, next); err != nil {
		return fmt.Errorf("restore partition %d: %w", p.id, err)
	}
	from := max(p.position(), first)
	return p.from.Read(ctx, from, func(batch []schema.Record, next int64) error { return p.handle(ctx, batch, next) })
}

func (p *partition) position() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.eng.Position()
}

// handle applies a batch step by step, and waits where as much is pending as may be. Nothing is dropped.
func (p *partition) handle(ctx context.Context, batch []schema.Record, next int64) error {
	if len(batch) == 0 {
		if err := p.stopBefore(ctx, next); err != nil {
			return err
		}
		p.mu.Lock()
		p.step(next)
		p.end, p.caughtUp = next, true
		p.mu.Unlock()
		return nil
	}
	for len(batch) > 0 {
		if err := p.waitForRoom(ctx); err != nil {
			return err
		}
		if err := p.stopBefore(ctx, batch[0].Offset); err != nil {
			return err
		}
		n := min(applyStep, len(batch))
		for len(p.stops) > 0 && batch[n-1].Offset >= p.stops[0] {
			n--
		}
		p.mu.Lock()
		for i := range batch[:n] {
			p.record(&batch[i])
		}
		p.end = next
		p.caughtUp = n == len(batch) && p.eng.Position() >= next
		p.mu.Unlock()
		batch = batch[n:]
	}
	return nil
}

// lacks reports whether the raw event of a record that was read before is not stored.
func (p *partition) lacks(contactCenter string, offset int64) bool {
	at, some := p.storedOf[contactCenter]
	return !some || offset > at
}

// stopBefore flushes where going on to an offset would take a stop into a flush together with what comes after it.
func (p *partition) stopBefore(ctx context.Context, offset int64) error {
	if len(p.stops) == 0 || offset < p.stops[0] {
		return nil
	}
	for len(p.stops) > 0 && offset >= p.stops[0] {
		p.stops = p.stops[1:]
	}
	return p.settle(ctx)
}

func (p *partition) waitForRoom(ctx context.Context) error {
	for p.full() {
		p.w.count.waits.Inc()
		select {
		case p.kick <- struct{}{}:
		default:
		}
		select {
		case <-p.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (p *partition) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending.events >= p.w.cfg.MaxEvents || p.pending.bytes() >= p.w.cfg.MaxBytes
}

// record takes one record in. The lock is held.
func (p *partition) record(rec *schema.Record) {
	p.step(rec.Offset)
	p.pending.events++
	ev := &p.ev
	err := p.gate.Admit(p.dec, rec, ev)
	if err == nil && p.ahead[rec.Offset] {
		err = &schema.Violation{Code: schema.CodeTimeAhead, Attribute: "time", Detail: "was ahead of the clock when it was read first"}
	}
	if err != nil {
		p.deadLetter(rec, err)
		return
	}
	if rec.Offset > p.stored || p.lacks(ev.ContactCenter, rec.Offset) {
		p.pending.addRaw(p.stamp(), ev, rec)
	} else {
		p.w.count.replayed.Inc()
	}
	outcome := p.apply(ev, rec.Offset)
	if ev.Type.Annotation() && outcome != engine.Duplicate { // a duplicate's row would take the place of the first one's
		p.pending.addAnnotation(p.stamp(), ev, rec.Offset)
	}
}

// step moves to an offset before which nothing is left to be read. The lock is held.
func (p *partition) step(to int64) {
	at := p.eng.Position()
	if to <= at {
		return
	}
	p.w.count.absent.Add(int(to - at))
	p.absent(to)
	p.eng.Skip(to - 1)
}

func (p *partition) deadLetter(rec *schema.Record, err error) {
	code := "unreadable"
	var v *schema.Violation
	if errors.As(err, &v) {
		code = v.Code
	}
	p.w.count.outcome(code).Inc()
	p.pending.addDead(rec, code, err.Error())
	p.eng.Skip(rec.Offset)
}

func (p *partition) apply(ev *schema.Event, offset int64) engine.Outcome {
	if p.resume != nil {
		p.pending.gaps = append(p.pending.gaps, p.resume.see(ev.ContactCenter, ev.Time)...)
	}
	outcome := p.eng.Apply(ev, offset)
	p.w.count.outcomes[outcome].Inc()
	if n := p.eng.ExpiredTotal(); n > p.expired {
		p.w.count.expired.Add(int(n - p.expired))
		p.expired = n
	}
	return outcome
}

// take gives away what is pending and leaves room for more. The lock is held.
func (p *partition) take() (*pending, clickhouse.Stamp) {
	out := p.pending
	p.pending, p.spare = p.spare, nil
	if p.pending == nil {
		p.pending = &pending{pool: &p.w.pool}
	}
	select {
	case p.room <- struct{}{}:
	default:
	}
	return out, p.stamp()
}

// stamp is what rows are written with now.
func (p *partition) stamp() clickhouse.Stamp {
	return clickhouse.Stamp{Topic: p.w.cfg.Topic, Partition: p.id, Epoch: p.epoch, Position: p.eng.Position()}
}
