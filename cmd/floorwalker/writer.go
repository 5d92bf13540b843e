package main

import (
	"context"
	"log/slog"
	"time"

	"floorwalker/ingest"
	"floorwalker/schema"

	"github.com/VictoriaMetrics/metrics"
)

// eventWriter writes events to Kafka: the directory's to its topic, all others to the events', keyed as the contract says and
// stamped with the present, because Kafka would soon delete what carries an old date.
type eventWriter struct {
	client   *ingest.Client
	producer *ingest.Producer
	topics   ingest.Topics
	msgs     []ingest.Message
	next     map[int]int64 // by partition of the events' topic: the offset after the last event written
}

func newEventWriter(cfg ingest.Config, log *slog.Logger) (*eventWriter, error) {
	client, err := ingest.NewClient(cfg, metrics.NewSet(), log)
	if err != nil {
		return nil, err
	}
	return &eventWriter{client: client, producer: client.Producer(), topics: cfg.Topics, next: map[int]int64{}}, nil
}

// Write returns nil when all in-sync replicas have acknowledged every event.
func (w *eventWriter) Write(ctx context.Context, events []schema.Event) error {
	w.msgs = w.msgs[:0]
	now := time.Now().UnixMilli()
	for i := range events {
		e := &events[i]
		m := ingest.Message{Topic: w.topics.Events, Key: []byte(e.ContactCenter), Time: now}
		if e.Type == schema.EventDirectory {
			m.Topic, m.Key = w.topics.Directory, []byte(schema.DirectoryKey(e.ContactCenter, e.DirectoryKind, e.Subject))
		}
		if !e.Deleted {
			m.Value = schema.AppendStructured(nil, e)
		}
		w.msgs = append(w.msgs, m)
	}
	at, err := w.producer.Write(ctx, w.msgs)
	for _, p := range at {
		if p.Topic == w.topics.Events && p.Offset >= 0 {
			w.next[p.Partition] = max(w.next[p.Partition], p.Offset+1)
		}
	}
	return err
}

// Close waits for what is being written.
func (w *eventWriter) Close() error {
	w.producer.Close()
	w.client.Close()
	return nil
}
