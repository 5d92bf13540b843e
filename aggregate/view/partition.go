package view

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// partition feeds one engine and publishes what changes.
type partition struct {
	r    *replica
	from Partition
	id   int
	gate gate.Gate
	dec  gate.Decoder
	ev   schema.Event // decoded into again and again

	mu        sync.Mutex // of the engine and how far it has come
	eng       *engine.Engine
	come      position // of the goroutine that reads, which alone may look without the lock
	published time.Time
	vouched   bool // it is known which epoch this state is of; of the booting goroutine, then read only

	// Readers ask for the position at each answer: they must not wait while the engine folds a batch or is packed. It is that of what is
	// published, and replaced under the lock.
	at     atomic.Pointer[position]
	owing  atomic.Bool // the engine has come further, and readers would like to know
	wanted atomic.Bool // one did, while the engine was busy

	saved int64 // position of the newest file; of the booting goroutine, then of the saver
}

// Rows are made when a reader asks for them: while a floor is busy, one state for all the batches since the last one costs far less than
// a state for each. Nobody asks for ever, and what was not published must be kept: so it is published every now and then all the same.
const (
	publishEvery = 100 * time.Millisecond
	farBehind    = 20_000 // events: readers of so old a state need not have each batch at once
)

// position is how far a partition has come.
type position struct {
	applied, end int64
	heard        time.Time // when Kafka last said that there is nothing more
	err          error     // why it stands still
}

func newPartition(r *replica, from Partition, total int) *partition {
	g := r.v.cfg.Gate
	g.Partition, g.Partitions = from.ID(), total
	p := &partition{r: r, from: from, id: from.ID(), gate: g, dec: r.v.cfg.Decoder(), eng: engine.New(r.v.cfg.Engine)}
	p.at.Store(&position{})
	return p
}

// run boots the partition and tails it until ctx ends. What keeps it from reading is told by its status; where Kafka no longer has, or
// does not have yet, what comes next, a successor of the whole replica is asked for.
func (p *partition) run(ctx context.Context) {
	if err := p.start(ctx); err != nil {
		p.fail(err)
		p.r.failed <- fmt.Errorf("live view of partition %d: %w", p.id, err)
		p.r.booting.Done()
		return
	}
	p.r.booting.Done()
	wait := shortestRetry
	for {
		before := p.come.applied
		err := p.from.Read(ctx, before, p.handle)
		if ctx.Err() != nil {
			return
		}
		if p.come.applied > before {
			wait = shortestRetry
		}
		p.fail(err)
		p.r.v.cfg.Log.Error("live view cannot read on", "partition", p.id, "offset", p.come.applied, "error", err)
		if pause(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, longestRetry)
		if first, next, err := p.from.Bounds(ctx); err == nil && (p.come.applied < first || p.come.applied > next) {
			p.r.want(fmt.Sprintf("partition %d: offset %d is not among those that Kafka has, %d to %d", p.id, p.come.applied, first, next))
		}
	}
}

// start boots and sets the position to begin at.
func (p *partition) start(ctx context.Context) error {
	first, next, err := p.from.Bounds(ctx)
	if err != nil {
		return fmt.Errorf("bounds: %w", err)
	}
	if err := p.boot(ctx, first, next); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.come = position{applied: max(p.eng.Position(), first), end: next}
	p.publish()
	return nil
}

func (p *partition) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.come.err = err
	p.publish()
}

// handle applies a batch. What it changed is published all at once, at the latest when somebody asks for it.
func (p *partition) handle(batch []schema.Record, next int64) error {
	applied := max(p.come.applied, next)
	if len(batch) > 0 {
		applied = batch[len(batch)-1].Offset + 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range batch {
		p.record(&batch[i])
	}
	now := p.r.v.cfg.Now()
	p.come = position{applied: applied, end: next, heard: p.come.heard}
	if applied >= next {
		p.come.heard = now
	}
	if p.wanted.Swap(false) || now.Sub(p.published).Abs() >= publishEvery {
		p.publish()
	} else if next-applied < farBehind {
		p.owing.Store(true)
	}
	return nil
}

// settle publishes what is owed. While the engine is busy nobody waits for it: what was published before stands until it is not.
func (p *partition) settle() {
	if !p.owing.Load() {
		return
	}
	if !p.mu.TryLock() {
		p.wanted.Store(true)
		return
	}
	defer p.mu.Unlock()
	if p.owing.Load() {
		p.publish()
	}
}

func (p *partition) record(rec *schema.Record) {
	if err := p.gate.Admit(p.dec, rec, &p.ev); err != nil {
		p.eng.Skip(rec.Offset)
		return
	}
	outcome := p.eng.Apply(&p.ev, rec.Offset)
	if p.ev.Type.Annotation() && outcome != engine.Duplicate {
		p.r.centerOf(p.ev.ContactCenter, p).annotate(&p.ev, rec.Offset)
	}
}

// publish makes the rows that readers see of what the engine has changed since the last time. The lock is held.
func (p *partition) publish() {
	p.eng.Look(func(ch *engine.Changes) { p.r.centerOf(ch.ContactCenter, p).publish(ch) })
	p.owing.Store(false)
	p.published = p.r.v.cfg.Now()
	at := p.come
	p.at.Store(&at)
}

func (p *partition) status() Status {
	p.settle()
	at := p.at.Load()
	return Status{Partition: p.id, Applied: at.applied, End: at.end, CaughtUp: at.caughtUp(p.r.v.cfg.Now()), Err: at.err}
}

// caughtUp reports whether the view holds every event that Kafka had a moment ago.
func (a *position) caughtUp(now time.Time) bool {
	return a.applied >= a.end && !a.heard.IsZero() && now.Sub(a.heard) < heardWithin
}

// asOf is the moment up to which the view holds every event that Kafka had: now while it is caught up, else the newest event time.
func (p *partition) asOf(newest int64) int64 {
	if now, caughtUp := p.now(); caughtUp || newest == schema.NoTime {
		return now
	}
	return newest
}

// now is the present moment, and whether the view has caught up to it.
func (p *partition) now() (ms int64, caughtUp bool) {
	now := p.r.v.cfg.Now()
	return now.UnixMilli(), p.at.Load().caughtUp(now)
}

// save packs the partition's state into a file, unless nothing came since the last one.
func (p *partition) save() (size int64, err error) {
	if !p.vouched {
		return 0, nil
	}
	p.mu.Lock()
	at := p.eng.Position()
	if at == p.saved {
		p.mu.Unlock()
		return 0, nil
	}
	p.publish() // what lies in the centres is of the same state then
	s := &saved{Topic: p.r.v.cfg.Disk.topic, Partition: p.id, Partitions: p.gate.Partitions, Epoch: p.r.epoch, Offset: at}
	s.Engine, err = p.eng.Snapshot()
	for _, c := range p.r.of(p) {
		c.mu.Lock()
		s.Centers = append(s.Centers, c.save())
		c.mu.Unlock()
	}
	p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if size, err = p.r.v.cfg.Disk.save(s); err != nil {
		return 0, err
	}
	p.saved = at
	return size, nil
}
