package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"floorwalker/schema"
)

// TopicReader reads a whole topic, and goes on reading it: the directory's, or the alerts'. For one Run.
type TopicReader struct {
	client *Client
	topic  string
	of     []*Partition // nil: all there are
	ready  chan struct{}
}

// DirectoryReader makes a reader of the directory topic.
func (c *Client) DirectoryReader() *TopicReader { return c.TopicReader(c.cfg.Topics.Directory) }

// TopicReader makes a reader of some partitions of a topic, or of all where none is named.
func (c *Client) TopicReader(topic string, partitions ...*Partition) *TopicReader {
	return &TopicReader{client: c, topic: topic, of: partitions, ready: make(chan struct{})}
}

// Ready is closed once everything has been applied that the topic held when Run began.
func (r *TopicReader) Ready() <-chan struct{} { return r.ready }

// Run calls apply with every record of the topic, from the oldest on, one at a time and in the order of each partition, until
// ctx ends or apply fails; it returns the reason. The record is used again after apply has returned. Records that cannot be
// read are logged and stepped over.
func (r *TopicReader) Run(ctx context.Context, apply func(rec *schema.Record) error) error {
	partitions, err := r.partitions(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu      sync.Mutex // apply is called by one at a time
		behind  sync.WaitGroup
		readers sync.WaitGroup
	)
	behind.Add(len(partitions))
	for _, p := range partitions {
		readers.Go(func() {
			reached := sync.OnceFunc(behind.Done)
			defer reached()
			cancel(r.follow(ctx, p, reached, func(rec *schema.Record) error {
				mu.Lock()
				defer mu.Unlock()
				return apply(rec)
			}))
		})
	}
	behind.Wait()
	if ctx.Err() == nil {
		close(r.ready)
	}
	readers.Wait()
	return context.Cause(ctx)
}

// partitions asks until there is an answer: the topic is needed whenever the broker comes back.
func (r *TopicReader) partitions(ctx context.Context) ([]*Partition, error) {
	if r.of != nil {
		return r.of, nil
	}
	again := backoff{first: 50 * time.Millisecond, longest: 2 * time.Second}
	for {
		all, err := r.client.Partitions(ctx, r.topic)
		if err == nil && len(all) > 0 {
			return all, nil
		}
		r.client.log.Warn("looking for a topic", "topic", r.topic, "error", err)
		if err := again.pause(ctx); err != nil {
			return nil, err
		}
	}
}

func (r *TopicReader) follow(ctx context.Context, p *Partition, reached func(), apply func(rec *schema.Record) error) error {
	at, goal, err := r.start(ctx, p)
	if err != nil {
		return err
	}
	for {
		if at >= goal {
			reached()
		}
		err := p.Read(ctx, at, func(batch []schema.Record, next int64) error {
			for i := range batch {
				if err := apply(&batch[i]); err != nil {
					return err
				}
				at = batch[i].Offset + 1
			}
			if len(batch) == 0 {
				at = next
			}
			if at >= goal {
				reached()
			}
			return nil
		})
		var gone *OffsetOutOfRangeError
		var damage *CorruptError
		switch {
		case errors.As(err, &gone):
			// Retention has moved on, or the topic was made anew.
			r.client.log.Warn("the topic begins elsewhere", "topic", r.topic, "partition", p.id, "error", err)
			at = gone.First
			goal = min(goal, gone.Next)
		case errors.As(err, &damage):
			r.client.log.Error("records cannot be read", "topic", r.topic, "partition", p.id, "error", err)
			at = damage.Last + 1
		default:
			return err
		}
	}
}

func (r *TopicReader) start(ctx context.Context, p *Partition) (first, next int64, err error) {
	again := backoff{first: 50 * time.Millisecond, longest: 2 * time.Second}
	for {
		if first, next, err = p.Bounds(ctx); err == nil {
			return first, next, nil
		}
		r.client.log.Warn("looking for a topic's end", "topic", r.topic, "partition", p.id, "error", err)
		if perr := again.pause(ctx); perr != nil {
			return 0, 0, fmt.Errorf("partition %d of %s: %w", p.id, r.topic, perr)
		}
	}
}
