package bench

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/view"
	"floorwalker/bench/load"
	"floorwalker/schema"
)

// BenchmarkView measures what the live view costs behind its reader: decoding, the engine and the states that readers pin. A replica far
// behind takes thousands of events at a time, one that follows a floor takes a few. An operation is the last two thirds of the load.
func BenchmarkView(b *testing.B) {
	before := debug.SetGCPercent(300)
	b.Cleanup(func() { debug.SetGCPercent(before) })
	records, err := load.Records(load.Floor(eventCount(b)))
	require.NoError(b, err)
	var inMemory []schema.Record
	for i, r := range records {
		inMemory = append(inMemory, schema.Record{Offset: int64(i), Timestamp: r.Arrival, Key: []byte(r.Center), Value: r.Value})
	}
	for _, batch := range []int{4000, 10} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			var sum total
			runtime.GC()
			defer profile(b)()
			for b.Loop() {
				warm := len(inMemory) / 3 / batch
				m := &memoryPartition{batches: slices.Collect(slices.Chunk(inMemory, batch))}
				var from usage
				m.at = func(n int) {
					if n == warm {
						from = used(b)
					}
				}
				to := follow(b, newView(b), m)
				sum.add(from, to, len(inMemory)-warm*batch)
			}
			sum.report(b)
		})
	}
}

func follow(b *testing.B, v *view.View, m *memoryPartition) (to usage) {
	ctx, stop := context.WithCancel(b.Context())
	m.end = func() {
		to = used(b)
		stop()
	}
	_ = v.Run(ctx, func(context.Context) ([]view.Partition, error) { return []view.Partition{m}, nil })
	return to
}

// memoryPartition hands over what it holds.
type memoryPartition struct {
	batches [][]schema.Record
	at      func(batch int)
	end     func()
}

func (m *memoryPartition) ID() int { return 0 }

func (m *memoryPartition) Bounds(context.Context) (first, next int64, err error) {
	last := m.batches[len(m.batches)-1]
	return 0, last[len(last)-1].Offset + 1, nil
}

func (m *memoryPartition) Read(ctx context.Context, _ int64, handle func([]schema.Record, int64) error) error {
	_, next, _ := m.Bounds(ctx)
	for n, batch := range m.batches {
		m.at(n)
		if err := handle(batch, next); err != nil {
			return err
		}
	}
	m.end()
	<-ctx.Done()
	return ctx.Err()
}
