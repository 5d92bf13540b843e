package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"floorwalker/aggregate/history"
	"floorwalker/ingest"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// keepDirectory writes the directory's topic to history, from its beginning, while the owner of the events' first partition owns it:
// one process of all. The returned function ends that and waits.
func (s *server) keepDirectory(ctx context.Context, gen *ingest.Generation, cfg history.Config) (end func()) {
	first := func(p *ingest.Partition) bool { return p.ID() == 0 }
	if !slices.ContainsFunc(gen.Partitions, first) {
		return func() {}
	}
	keeper, err := history.NewDirectory(s.history, cfg)
	if err != nil {
		s.log.Error("the directory is not kept as history", "error", err)
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { keeper.Run(ctx) })
	running.Go(func() {
		for ctx.Err() == nil {
			err := s.readDirectory(ctx, keeper)
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("keeping the directory as history begins anew", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	return func() { stop(); running.Wait() }
}

// readDirectory keeps what the directory takes: records that it refuses are logged by who answers from it.
func (s *server) readDirectory(ctx context.Context, keeper *history.Directory) error {
	var dec schema.Decoder
	var ev schema.Event
	return s.kafka.DirectoryReader().Run(ctx, func(rec *schema.Record) error {
		if dec.DecodeDirectoryRecord(rec, &ev) != nil || directory.Validate(&ev) != nil {
			return nil
		}
		return keeper.Keep(ctx, rec, &ev)
	})
}
