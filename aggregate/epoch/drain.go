package epoch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"floorwalker/aggregate/worker"
	"floorwalker/schema"
)

// drain has a worker write all of the old epoch that is still to be had, as the only member of its last generation: each partition's
// records before the end that it has now, judged by the old number of partitions. Of a topic that is gone there are none, and the
// worker brings its checkpoints up to what ClickHouse has.
func (c *Config) drain(ctx context.Context, old seen, recreated bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var left sync.WaitGroup
	g := worker.Generation{Total: old.partitions, Commit: func(context.Context, map[int]int64) error { return nil }}
	for id := range old.partitions {
		at, err := c.flushed(ctx, id, old.marks[id])
		if err != nil {
			return err
		}
		d := &drained{id: id, first: at, end: at, done: sync.OnceFunc(left.Done)}
		if !recreated {
			d.Partition = c.Partitions[id]
			if d.first, d.end, err = d.Partition.Bounds(ctx); err != nil {
				return fmt.Errorf("bounds of partition %d: %w", id, err)
			}
		}
		left.Add(1)
		g.Partitions = append(g.Partitions, d)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Worker.Own(ctx, g) }()
	all := make(chan struct{})
	go func() { left.Wait(); close(all) }()
	select {
	case err := <-ended:
		for _, p := range g.Partitions {
			p.(*drained).done()
		}
		if err == nil {
			err = errors.New("given up")
		}
		return err
	case <-all:
		stop() // the worker flushes and checkpoints
		return <-ended
	}
}

// drained is a partition that ends where it ended when it was looked at.
type drained struct {
	worker.Partition // nil: gone
	id               int
	first, end       int64
	done             func() // everything before the end has been handed over
}

func (d *drained) ID() int { return d.id }

func (d *drained) Bounds(context.Context) (first, next int64, err error) { return d.first, d.end, nil }

// errDrained ends reading at the end.
var errDrained = errors.New("drained")

func (d *drained) Read(ctx context.Context, from int64, handle func(batch []schema.Record, next int64) error) error {
	if d.Partition != nil && from < d.end {
		err := d.Partition.Read(ctx, from, func(batch []schema.Record, next int64) error {
			n := 0
			for n < len(batch) && batch[n].Offset < d.end {
				n++
			}
			over := n < len(batch) || len(batch) == 0 && next >= d.end || len(batch) > 0 && batch[len(batch)-1].Offset == d.end-1
			if n > 0 {
				if err := handle(batch[:n], d.end); err != nil {
					return err
				}
			}
			if over {
				return errDrained
			}
			return nil
		})
		if !errors.Is(err, errDrained) {
			return err
		}
	}
	if err := handle(nil, d.end); err != nil {
		return err
	}
	d.done()
	<-ctx.Done()
	return ctx.Err()
}
