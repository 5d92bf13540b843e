package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"floorwalker/schema"
)

// DirectoryReader reads the whole directory topic, and goes on reading it. For one Run.
type DirectoryReader struct {
	client *Client
	ready  chan struct{}
}

// DirectoryReader makes a reader of the directory topic.
func (c *Client) DirectoryReader() *DirectoryReader {
	return &DirectoryReader{client: c, ready: make(chan struct{})}
}

// Ready is closed once everything has been applied that the topic held when Run began.
func (d *DirectoryReader) Ready() <-chan struct{} { return d.ready }

// Run calls apply with every record of the topic, from the oldest on, one at a time and in the order of each partition, until
// ctx ends or apply fails; it returns the reason. The record is used again after apply has returned. Records that cannot be
// read are logged and stepped over.
func (d *DirectoryReader) Run(ctx context.Context, apply func(rec *schema.Record) error) error {
	partitions, err := d.partitions(ctx)
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
			cancel(d.follow(ctx, p, reached, func(rec *schema.Record) error {
				mu.Lock()
				defer mu.Unlock()
				return apply(rec)
			}))
		})
	}
	behind.Wait()
	if ctx.Err() == nil {
		close(d.ready)
	}
	readers.Wait()
	return context.Cause(ctx)
}

// partitions asks until there is an answer: the directory is needed whenever the broker comes back.
func (d *DirectoryReader) partitions(ctx context.Context) ([]*Partition, error) {
	again := backoff{first: 50 * time.Millisecond, longest: 2 * time.Second}
	for {
		all, err := d.client.Partitions(ctx, d.client.cfg.Topics.Directory)
		if err == nil && len(all) > 0 {
			return all, nil
		}
		d.client.log.Warn("looking for the directory topic", "topic", d.client.cfg.Topics.Directory, "error", err)
		if err := again.pause(ctx); err != nil {
			return nil, err
		}
	}
}

func (d *DirectoryReader) follow(ctx context.Context, p *Partition, reached func(), apply func(rec *schema.Record) error) error {
	at, goal, err := d.start(ctx, p)
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
			d.client.log.Warn("the directory topic begins elsewhere", "partition", p.id, "error", err)
			at = gone.First
			goal = min(goal, gone.Next)
		case errors.As(err, &damage):
			d.client.log.Error("directory records cannot be read", "partition", p.id, "error", err)
			at = damage.Last + 1
		default:
			return err
		}
	}
}

func (d *DirectoryReader) start(ctx context.Context, p *Partition) (first, next int64, err error) {
	again := backoff{first: 50 * time.Millisecond, longest: 2 * time.Second}
	for {
		if first, next, err = p.Bounds(ctx); err == nil {
			return first, next, nil
		}
		d.client.log.Warn("looking for the directory's end", "partition", p.id, "error", err)
		if perr := again.pause(ctx); perr != nil {
			return 0, 0, fmt.Errorf("directory partition %d: %w", p.id, perr)
		}
	}
}
