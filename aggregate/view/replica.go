package view

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	askTimeout  = 5 * time.Second  // for ClickHouse to say that it is there: nobody waits longer for today
	readTimeout = 2 * time.Minute  // for a partition's checkpoint
	dayTimeout  = 30 * time.Second // for a contact centre's day and annotations
	takeOver    = 30 * time.Second
	lookPause   = 20 * time.Millisecond
)

// replica is the live state of all partitions in one epoch. The view shows one; another one is made beside it when what it began
// with turns out to be outdated, and takes its place when it has come as far.
type replica struct {
	v     *View
	epoch uint16
	asked bool // ClickHouse said which epoch it is
	knows bool // and something has been flushed
	// backfilled is when what it has read of the history was last corrected, in ms.
	backfilled int64

	// lacks says that ClickHouse did not answer what this replica wanted of it: it is made anew once ClickHouse does.
	lacks atomic.Bool
	// early says that a partition began with a checkpoint from before records that are lost.
	early atomic.Bool
	anew  chan string // why a successor is needed

	partitions []*partition
	stop       context.CancelFunc
	running    sync.WaitGroup
	booting    sync.WaitGroup
	failed     chan error // of booting

	mu      sync.RWMutex
	centers map[string]*center
	split   map[string]string // contact centres in two partitions, with a word on each
}

// newReplica finds out which partitions and which epoch there are; it starts nothing.
func (v *View) newReplica(ctx context.Context, list func(context.Context) ([]Partition, error)) (*replica, error) {
	partitions, err := list(ctx)
	if err != nil {
		return nil, fmt.Errorf("partitions: %w", err)
	}
	r := &replica{v: v, anew: make(chan string, 1), failed: make(chan error, len(partitions)), centers: map[string]*center{}, stop: func() {}}
	for _, p := range partitions {
		r.partitions = append(r.partitions, newPartition(r, p, len(partitions)))
	}
	r.askEpoch(ctx)
	return r, nil
}

// askEpoch asks ClickHouse; while it is away the files on disk say which epoch was the last.
func (r *replica) askEpoch(ctx context.Context) {
	if r.v.cfg.History == nil {
		r.asked = true
		return
	}
	epoch, knows, backfilled, err := r.v.ask(ctx)
	if err == nil {
		r.epoch, r.asked, r.knows, r.backfilled = epoch, true, knows, backfilled
		return
	}
	r.lacks.Store(true)
	r.v.cfg.Log.Warn("clickhouse does not answer, the live view begins without it", "error", err)
	if r.v.cfg.Disk != nil {
		r.epoch = r.v.cfg.Disk.epoch()
	}
}

// ask asks ClickHouse which epoch it is, whether it knows anything of it, and when history was last corrected.
func (v *View) ask(ctx context.Context) (epoch uint16, knows bool, backfilled int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if epoch, knows, err = v.cfg.History.Epoch(ctx); err != nil {
		return 0, false, 0, err
	}
	backfilled, err = v.cfg.History.Backfilled(ctx)
	return epoch, knows, backfilled, err
}

// start boots and tails every partition until halt.
func (r *replica) start(ctx context.Context) {
	ctx, r.stop = context.WithCancel(ctx)
	r.booting.Add(len(r.partitions))
	for _, p := range r.partitions {
		r.running.Go(func() { p.run(ctx) })
	}
}

// halt stops reading. What is there can still be read.
func (r *replica) halt() {
	r.stop()
	r.running.Wait()
}

// booted waits until every partition has begun, and tells what kept one from it.
func (r *replica) booted() error {
	r.booting.Wait()
	close(r.failed)
	var errs []error
	for err := range r.failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// want asks for a successor.
func (r *replica) want(reason string) {
	select {
	case r.anew <- reason:
	default:
	}
}

// reached reports whether every partition has come to where the other replica's is, or has caught up where other is nil.
func (r *replica) reached(other *replica) bool {
	for k, p := range r.partitions {
		s := p.status()
		if other == nil && !s.CaughtUp || other != nil && s.Applied < other.partitions[k].status().Applied {
			return false
		}
	}
	return true
}

// await polls until the condition holds; false when ctx ended or limit passed before (0: no limit).
func await(ctx context.Context, limit time.Duration, holds func() bool) bool {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	for !holds() {
		if pause(ctx, lookPause) != nil {
			return false
		}
	}
	return true
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (r *replica) find(contactCenter string) *center {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.centers[contactCenter]
}

// centerOf finds or makes a contact centre, which belongs to one partition. Where producers partition as they like and one is seen
// in two, the later one wins and the log says so.
func (r *replica) centerOf(contactCenter string, p *partition) *center {
	c := r.find(contactCenter)
	if c != nil && c.of == p {
		return c
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c != nil {
		r.tellSplit(c, p)
	}
	c = newCenter(contactCenter, p)
	r.centers[c.id] = c
	return c
}

// of lists the contact centres of a partition.
func (r *replica) of(p *partition) []*center {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []*center
	for _, c := range r.centers {
		if c.of == p {
			out = append(out, c)
		}
	}
	return out
}

// adopt takes contact centres in that a file held.
func (r *replica) adopt(centers []*center) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range centers {
		r.centers[c.id] = c
	}
}

// follow makes the versions of the contact centres go on after those of the replica whose place this one takes: a reader must not
// take two states for one.
func (r *replica) follow(old *replica) {
	old.mu.RLock()
	defer old.mu.RUnlock()
	r.mu.RLock()
	defer r.mu.RUnlock()
	for id, c := range r.centers {
		before := old.centers[id]
		if before == nil {
			continue
		}
		before.mu.Lock()
		version := before.version
		before.mu.Unlock()
		c.mu.Lock()
		c.version = max(c.version, version) + 1
		c.pinned = nil
		c.mu.Unlock()
	}
}
