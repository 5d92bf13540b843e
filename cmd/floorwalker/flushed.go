package main

import (
	"context"
	"sync"
	"time"

	"floorwalker/query"
	"floorwalker/query/history"
)

// flushedFor is how long an answer of ClickHouse stands, however often readiness is asked.
const flushedFor = 500 * time.Millisecond

// flushed knows how far each partition has been flushed to ClickHouse, as of flushedFor ago at most.
type flushed struct {
	past  *history.Reader
	topic string

	mu      sync.Mutex
	at      time.Time
	offsets map[int]int64
}

func newFlushed(past *history.Reader, topic string) *flushed {
	return &flushed{past: past, topic: topic}
}

// fill writes the offsets into the partitions; one that was never flushed keeps none.
func (f *flushed) fill(ctx context.Context, partitions []query.Partition) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) >= flushedFor {
		if err := f.read(ctx, partitions); err != nil {
			return err
		}
	}
	for i := range partitions {
		if offset, ok := f.offsets[partitions[i].Partition]; ok {
			partitions[i].History = &offset
		}
	}
	return nil
}

func (f *flushed) read(ctx context.Context, partitions []query.Partition) error {
	offsets := make(map[int]int64, len(partitions))
	began := time.Now()
	for _, p := range partitions {
		offset, ok, err := f.past.Flushed(ctx, f.topic, p.Partition)
		if err != nil {
			return err
		}
		if ok {
			offsets[p.Partition] = offset
		}
	}
	f.at, f.offsets = began, offsets
	return nil
}
