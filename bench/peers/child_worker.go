package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/worker"
	"floorwalker/ingest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// runWorker is Floorwalker's whole worker, on the wiring of `floorwalker serve --roles=worker`, until all records are acknowledged by
// ClickHouse.
func (t task) runWorker(ctx context.Context, m *marks) error {
	conn, err := clickhouse.Open(ctx, clickhouse.Config{Addresses: []string{t.Native}, Database: t.Database})
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	set, log := metrics.NewSet(), slog.New(slog.DiscardHandler)
	cfg := history.Config{Worker: "peers", Log: log}
	sink, err := history.NewSink(conn, set, cfg)
	if err != nil {
		return err
	}
	store, err := history.NewStore(conn, set, cfg)
	if err != nil {
		return err
	}
	watched := &watchedSink{Sink: sink, left: int64(t.Records), at: map[int]int64{}, done: func() { m.say("done"); stop() }}
	w, err := worker.New(worker.Config{Topic: t.Topic, Gate: gate.Gate{MaxAhead: 5 * time.Minute, Clock: time.Now}, Log: log},
		worker.Parts{Engines: worker.Real(engine.Config{}), Decoder: func() gate.Decoder { return &countingDecoder{marks: m} }, Sink: watched,
			Checkpoints: store, Metrics: set,
			DeadLetters: func(context.Context, []schema.DeadLetter) error { return errors.New("the load has dead letters") }})
	if err != nil {
		return err
	}
	options := ingest.DefaultGroupConfig()
	options.ID = t.Database
	group, err := client.Group(options)
	if err != nil {
		return err
	}
	if err := group.Run(ctx, func(ctx context.Context, gen *ingest.Generation) error { return w.Own(ctx, owned(gen)) }); err != nil {
		return err
	}
	if watched.left != 0 {
		return fmt.Errorf("%d of %d records were not acknowledged", watched.left, t.Records)
	}
	return nil
}

func owned(gen *ingest.Generation) worker.Generation {
	out := worker.Generation{Total: gen.Count, Commit: func(_ context.Context, next map[int]int64) error { return gen.Commit(next) }}
	for _, p := range gen.Partitions {
		out.Partitions = append(out.Partitions, p)
	}
	return out
}

// watchedSink tells when all of the topic has been acknowledged.
type watchedSink struct {
	*history.Sink
	left int64
	at   map[int]int64
	done func()
}

func (s *watchedSink) Flush(ctx context.Context, partitions []history.Flushed) error {
	if err := s.Sink.Flush(ctx, partitions); err != nil {
		return err
	}
	was := s.left
	for i := range partitions {
		stamp := &partitions[i].Stamp
		s.left -= stamp.Position - s.at[stamp.Partition]
		s.at[stamp.Partition] = stamp.Position
	}
	if was > 0 && s.left == 0 {
		s.done()
	}
	return nil
}

// countingDecoder counts what is read, which costs some ns a record.
type countingDecoder struct {
	schema.Decoder
	marks *marks
}

func (d *countingDecoder) Decode(rec *schema.Record, ev *schema.Event) error {
	d.marks.consumed(1)
	return d.Decoder.Decode(rec, ev)
}
