// Package bench measures Floorwalker as a whole, beside a real Apache Kafka and a real ClickHouse.
package bench

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/view"
	"floorwalker/aggregate/worker"
	"floorwalker/ingest"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// runTimeout bounds one run from the topic's beginning to its end.
const runTimeout = 2 * time.Minute

// BenchmarkWorker measures the way from Kafka to rows that ClickHouse has acknowledged, of all of a topic, on the wiring of
// `floorwalker serve --roles=worker`. An operation is a run over the whole topic. What joining the group, the empty first flush
// and the last checkpoint cost beside it is in checkpoint-cpu-ms and outside the other figures.
func BenchmarkWorker(b *testing.B) {
	// As seldom as `floorwalker serve` does on a machine with memory to spare.
	before := debug.SetGCPercent(300)
	b.Cleanup(func() { debug.SetGCPercent(before) })
	broker := kafkatest.Start(b)
	for _, late := range []bool{false, true} {
		b.Run(fmt.Sprintf("late=%t", late), func(b *testing.B) {
			l := produce(b, broker, eventCount(b), late)
			for _, compression := range []string{"lz4", "none"} {
				b.Run(compression, func(b *testing.B) { benchmarkWorker(b, broker.Addr(), l, compression) })
			}
		})
	}
}

func benchmarkWorker(b *testing.B, broker string, l topicLoad, compression string) {
	var sum total
	var rows, flushes int
	var last time.Duration
	runtime.GC()
	defer profile(b)()
	for b.Loop() {
		r := newRun(b, broker, l, compression)
		from := used(b)
		acknowledged := r.play(b)
		sum.add(from, acknowledged, l.events)
		last += used(b).cpu - acknowledged.cpu
		rows, flushes = rows+r.rows(), flushes+r.sink.flushes
		r.close(b, l)
	}
	sum.report(b)
	b.ReportMetric(float64(rows)/float64(sum.events), "rows/event")
	b.ReportMetric(float64(sum.events)/float64(flushes), "events/flush")
	b.ReportMetric(float64(last.Milliseconds())/float64(b.N), "checkpoint-cpu-ms")
}

// run is a worker on an empty database.
type run struct {
	conn   driver.Conn
	kafka  *ingest.Client
	set    *metrics.Set
	group  *ingest.Group
	worker *worker.Worker
	sink   *watchedSink
	topic  string
}

// watchedSink tells when all of the topic has been acknowledged.
type watchedSink struct {
	*history.Sink
	left    int64
	at      map[int]int64
	flushes int
	done    func()
}

func (s *watchedSink) Flush(ctx context.Context, partitions []history.Flushed) error {
	if err := s.Sink.Flush(ctx, partitions); err != nil {
		return err
	}
	s.flushes++
	for i := range partitions {
		stamp := &partitions[i].Stamp
		s.left -= stamp.Position - s.at[stamp.Partition]
		s.at[stamp.Partition] = stamp.Position
	}
	if s.left == 0 {
		s.done()
	}
	return nil
}

func newRun(b *testing.B, broker string, l topicLoad, compression string) *run {
	ctx := b.Context()
	r := &run{set: metrics.NewSet(), topic: l.topic}
	migratedTo, name := clickhousetest.Database(b)
	_, err := clickhouse.Migrate(ctx, migratedTo, clickhouse.Options{})
	require.NoError(b, err)
	r.conn, err = clickhouse.Open(ctx, clickhouse.Config{Addresses: []string{clickhousetest.Start(b).Addr()}, Database: name, Compression: compression})
	require.NoError(b, err)
	r.kafka = newClient(b, broker, l.topic, r.set)

	log := slog.New(slog.DiscardHandler)
	cfg := history.Config{Worker: "bench", Log: log}
	sink, err := history.NewSink(r.conn, r.set, cfg)
	require.NoError(b, err)
	r.sink = &watchedSink{Sink: sink, left: int64(l.events), at: map[int]int64{}}
	store, err := history.NewStore(r.conn, r.set, cfg)
	require.NoError(b, err)
	r.worker, err = worker.New(worker.Config{Topic: l.topic, Gate: gate.Gate{MaxAhead: 5 * time.Minute, Clock: time.Now}, Log: log},
		worker.Parts{Engines: worker.Real(engine.Config{}), Decoder: func() gate.Decoder { return &schema.Decoder{} }, Sink: r.sink,
			Checkpoints: store, Metrics: r.set,
			DeadLetters: func(context.Context, []schema.DeadLetter) error { return fmt.Errorf("the load has dead letters") }})
	require.NoError(b, err)
	options := ingest.DefaultGroupConfig()
	options.ID = name
	r.group, err = r.kafka.Group(options)
	require.NoError(b, err)
	return r
}

func newClient(b *testing.B, broker, topic string, set *metrics.Set) *ingest.Client {
	options := ingest.DefaultConfig()
	options.Brokers, options.Topics.Events = []string{broker}, topic
	c, err := ingest.NewClient(options, set, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	return c
}

// play runs the worker until the whole topic is acknowledged, and returns what had been used by then.
func (r *run) play(b *testing.B) usage {
	ctx, stop := context.WithTimeout(b.Context(), runTimeout)
	defer stop()
	var at usage
	var once sync.Once
	r.sink.done = func() { once.Do(func() { at = used(b); stop() }) }
	require.NoError(b, r.group.Run(ctx, func(ctx context.Context, gen *ingest.Generation) error {
		out := worker.Generation{Total: gen.Count, Commit: func(_ context.Context, next map[int]int64) error { return gen.Commit(next) }}
		for _, p := range gen.Partitions {
			out.Partitions = append(out.Partitions, p)
		}
		return r.worker.Own(ctx, out)
	}))
	require.Zero(b, r.sink.left, "events that were not acknowledged in time")
	return at
}

func (r *run) rows() int { return int(r.set.GetOrCreateCounter("floorwalker_sink_rows_total").Get()) }

// close looks whether all is there: a fast worker that loses events is no worker.
func (r *run) close(b *testing.B, l topicLoad) {
	var events, interactions, intervals uint64
	require.NoError(b, r.conn.QueryRow(b.Context(), "SELECT (SELECT count() FROM events), (SELECT count() FROM interactions), (SELECT count() FROM agent_intervals)").
		Scan(&events, &interactions, &intervals))
	require.EqualValues(b, l.events, events)
	require.Positive(b, interactions)
	require.Positive(b, intervals)
	require.NoError(b, r.conn.Close())
	r.kafka.Close()
}

// BenchmarkReplica measures the way from Kafka into the live view, of all of a topic. An operation is a run over the whole topic.
func BenchmarkReplica(b *testing.B) {
	broker := kafkatest.Start(b)
	for _, late := range []bool{false, true} {
		b.Run(fmt.Sprintf("late=%t", late), func(b *testing.B) {
			l := produce(b, broker, eventCount(b), late)
			b.Run("view", func(b *testing.B) { benchmarkReplica(b, broker.Addr(), l) })
		})
	}
}

func benchmarkReplica(b *testing.B, broker string, l topicLoad) {
	var sum total
	runtime.GC()
	defer profile(b)()
	for b.Loop() {
		c := newClient(b, broker, l.topic, metrics.NewSet())
		v := newView(b)
		list, err := c.Partitions(b.Context(), l.topic)
		require.NoError(b, err)
		var partitions []view.Partition
		for _, p := range list {
			partitions = append(partitions, p)
		}
		from := used(b)
		sum.add(from, playView(b, v, partitions, l), l.events)
		c.Close()
	}
	sum.report(b)
}

func newView(b *testing.B) *view.View {
	v, err := view.New(view.Config{Gate: gate.Gate{MaxAhead: 5 * time.Minute, Clock: time.Now}, Decoder: func() gate.Decoder { return &schema.Decoder{} },
		Zone: func(string) *time.Location { return time.UTC }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	return v
}

// playView runs the view until it has applied the whole topic, and returns what had been used by then.
func playView(b *testing.B, v *view.View, partitions []view.Partition, l topicLoad) usage {
	ctx, stop := context.WithTimeout(b.Context(), runTimeout)
	defer stop()
	ended := make(chan error, 1)
	list := func(context.Context) ([]view.Partition, error) { return partitions, nil }
	go func() { ended <- v.Run(ctx, list) }()
	applied := func() (n int64) {
		for _, s := range v.Status() {
			require.NoError(b, s.Err)
			n += s.Applied
		}
		return n
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for applied() < int64(l.events) {
		select {
		case <-tick.C:
		case err := <-ended:
			b.Fatalf("the view has ended: %v", err)
		}
	}
	at := used(b)
	stop()
	<-ended
	return at
}
