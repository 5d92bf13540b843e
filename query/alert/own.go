package alert

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"floorwalker/schema"
)

// owner evaluates the rules of some partitions, and tells what came of them, until its generation ends.
type owner struct {
	a     *Alerts
	gen   Generation
	posts *posts

	mu   sync.Mutex
	book *book
	read map[int]int64 // next offset to apply, by partition
	come chan struct{} // closed when more has been applied
}

// Own evaluates the rules of a generation's partitions until ctx ends, whose error it then returns, or until the topic cannot be used as it
// must. It begins when it has read the partitions to their end, so that it knows what was proposed before it.
func (a *Alerts) Own(ctx context.Context, gen Generation) error {
	if len(gen.Partitions) == 0 {
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	o := &owner{a: a, gen: gen, posts: newPosts(a, gen), book: newBook(), read: map[int]int64{}, come: make(chan struct{})}
	var parts sync.WaitGroup
	defer func() {
		cancel(nil)
		parts.Wait()
		o.posts.wait()
	}()
	reached := make(chan struct{})
	parts.Go(func() {
		cancel(a.deps.Topic.Follow(ctx, gen.Partitions, sync.OnceFunc(func() { close(reached) }), func(rec *schema.Record) error {
			o.apply(ctx, rec)
			return nil
		}))
	})
	if a.deps.History != nil {
		parts.Go(func() { cancel(a.keep(ctx, gen.Partitions)) })
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-reached:
	}
	o.believeCommitted()
	a.deps.Log.Info("evaluating alert rules", "partitions", gen.Partitions)
	defer a.forgetRules()
	return o.evaluate(ctx)
}

// forgetRules leaves telling about rules to who evaluates them next.
func (a *Alerts) forgetRules() {
	a.counts.rules.Set(0)
	a.counts.faults.Set(0)
	a.mu.Lock()
	a.faults = nil
	a.mu.Unlock()
}

// believeCommitted drops positions that lie after the partition's end: they are of a topic that was there before this one.
func (o *owner) believeCommitted() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.gen.Partitions {
		if next := o.gen.Committed[p]; next > o.read[p] {
			o.a.deps.Log.Warn("the alerts' topic was made anew: posting from here on", "partition", p, "committed", next, "end", o.read[p])
			o.posts.begin(p)
		}
	}
}

// apply takes what has been read back.
func (o *owner) apply(ctx context.Context, rec *schema.Record) {
	o.mu.Lock()
	defer o.mu.Unlock()
	accepted, _ := o.book.apply(string(rec.Key), rec.Value) // who lists has told of it
	o.read[rec.Partition] = rec.Offset + 1
	o.posts.take(ctx, rec.Partition, rec.Offset, accepted)
	if accepted != nil && o.posts.due(rec.Partition, rec.Offset) {
		o.a.counts.transition(accepted.State)
	}
	close(o.come)
	o.come = make(chan struct{})
}

func (o *owner) evaluate(ctx context.Context) error {
	e := newEvaluation(o.a, o.book, func(key string) bool {
		return slices.Contains(o.gen.Partitions, schema.Murmur2Partition([]byte(key), o.gen.Total))
	})
	tick := time.NewTicker(o.a.cfg.Interval)
	defer tick.Stop()
	for {
		if err := o.round(ctx, e); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// round is one evaluation: what it proposes has been read back when it returns, or could not be written and is proposed again.
func (o *owner) round(ctx context.Context, e *evaluation) error {
	o.mu.Lock()
	messages, err := e.propose(o.a.cfg.Now())
	o.mu.Unlock()
	if err != nil {
		return fmt.Errorf("evaluating alert rules: %w", err)
	}
	if len(messages) > 0 {
		o.a.counts.proposals.Add(len(messages))
		at, err := o.a.deps.Topic.Write(ctx, messages)
		if err != nil && ctx.Err() == nil {
			o.a.counts.writeErrors.Inc()
			o.a.deps.Log.Warn("alerts not written, tried again", "records", len(messages), "error", err)
		}
		o.await(ctx, at)
	}
	if err := o.posts.commit(); err != nil && ctx.Err() == nil {
		o.a.deps.Log.Debug("position of the alerts' posts not stored", "error", err)
	}
	return nil
}

// await returns when what was stored has been read back.
func (o *owner) await(ctx context.Context, at []Position) {
	back := func() (bool, chan struct{}) {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, p := range at {
			if p.Offset >= 0 && slices.Contains(o.gen.Partitions, p.Partition) && o.read[p.Partition] <= p.Offset {
				return false, o.come
			}
		}
		return true, nil
	}
	for {
		done, more := back()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-more:
		}
	}
}
