package worker

import (
	"time"

	"context"
	"floorwalker/aggregate/gate"
	"fmt"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// BenchmarkPartition_Handle measures a record's way from Kafka's bytes to pending rows, with the real decoder and an engine that
// does next to nothing: what the worker itself adds.
func BenchmarkPartition_Handle(b *testing.B) {
	m := newMemory()
	w, err := New(Config{Topic: topic, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: 5 * time.Minute}, MaxEvents: 1 << 30, MaxBytes: 1 << 40}, Parts{Engines: engines(),
		Decoder: func() gate.Decoder { return &schema.Decoder{} }, Sink: m, Checkpoints: m, DeadLetters: m.writeLetters, Metrics: metrics.NewSet()})
	require.NoError(b, err)
	p := newPartition(w, newLog(0, 0), 1, make(chan struct{}, 1))
	p.eng = w.parts.Engines.New()
	batch := make([]schema.Record, 1000)
	for i := range batch {
		batch[i] = schema.Record{Topic: topic, Timestamp: noon, Value: fmt.Appendf(nil, `{"specversion":"1.0","id":"01J8Z%021d","source":"/acd/emea-1",`+
			`"type":"cc.interaction.offered","subject":"interaction-%04d","time":"2026-09-21T12:00:00.123Z","contactcenter":"6",`+
			`"data":{"agent_id":"agent-%05d","queue_id":"queue-07","role":"agent"}}`, i, i, i)}
	}
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(batch) {
		for i := range batch {
			batch[i].Offset = int64(n + i)
		}
		require.NoError(b, p.handle(context.Background(), batch, int64(n+len(batch))))
		if p.pending.events >= 50_000 {
			taken, _ := p.take()
			taken.reset()
			p.spare = taken
		}
	}
	require.Empty(b, p.pending.dead)
}
