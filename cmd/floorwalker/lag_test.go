package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/view"
	"floorwalker/ingest"
	"floorwalker/internal/broker"
)

// A reader that is more than a third of the retention behind is told by readiness and by a gauge: in time, not in records, and without
// being deceived by a marker at the end.
func TestLag_OverAThirdOfTheRetention_Told(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	b, err := broker.Start(broker.Config{Dir: t.TempDir(), Log: log})
	require.NoError(t, err)
	defer b.Close()
	cfg := ingest.DefaultConfig()
	cfg.Brokers = []string{b.Addr()}
	set := metrics.NewSet()
	client, err := ingest.NewClient(cfg, set, log)
	require.NoError(t, err)
	defer client.Close()
	settings := ingest.DefaultTopicSettings()
	settings.Partitions = 1
	require.NoError(t, client.EnsureTopics(t.Context(), settings))
	found, err := client.CheckTopics(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, ingest.MinRetention, found.Retention)

	const day = 24 * time.Hour
	now := time.Now()
	producer := client.Producer()
	defer producer.Close()
	for _, age := range []time.Duration{3 * day, 60 * time.Hour, day, time.Minute} {
		_, err := producer.Write(t.Context(), []ingest.Message{{Topic: cfg.Topics.Events, Key: []byte("6"), Value: []byte("x"), Time: now.Add(-age).UnixMilli()}})
		require.NoError(t, err)
	}
	var asOf time.Time // of history
	var historyFault error
	l := &lag{kafka: client, group: "nobody", topic: cfg.Topics.Events, retention: found.Retention, set: set,
		now:     func() time.Time { return now },
		history: func(context.Context, []int) (time.Time, error) { return asOf, historyFault }}
	gauges := func() string {
		var b bytes.Buffer
		set.WritePrometheus(&b)
		return b.String()
	}
	for _, c := range []struct {
		name      string
		live      int64
		retention time.Duration
		late      bool
	}{
		{"has read nothing", 0, found.Retention, true},
		{"one record that may be a marker", 1, found.Retention, false},
		{"has read all that is old", 2, found.Retention, false},
		{"kept for ever", 0, 0, false},
	} {
		l.retention, l.live = c.retention, func() []view.Status { return []view.Status{{Applied: c.live, End: 4, CaughtUp: c.live == 2}} }
		l.measure(t.Context())
		if err := l.ready(); c.retention == 0 {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, l.ready(), "history: partition 0 at offset 0", c.name) // a group that never committed
		alarm := `floorwalker_lag_over_third_of_retention{reader="live",partition="0"} 0`
		if c.late {
			alarm = alarm[:len(alarm)-1] + "1"
			require.ErrorContains(t, l.ready(), "live: partition 0 at offset 0 is more than a third of the retention of 168h0m0s behind")
		} else {
			require.NotContains(t, l.ready().Error(), "live", c.name)
		}
		require.Contains(t, gauges(), alarm, c.name)
	}
	require.Contains(t, gauges(), `floorwalker_lag_records{reader="history",partition="0"} 4`)
	require.Contains(t, gauges(), "floorwalker_topic_partitions 1\n")
	require.NotContains(t, gauges(), `floorwalker_freshness_seconds{reader="history"}`, "nothing has been flushed yet")

	// The age of the newest answers grows while nobody catches up, and while ClickHouse does not say.
	now, asOf = now.Add(40*time.Second), now.Add(30*time.Second)
	l.measure(t.Context())
	require.Contains(t, gauges(), `floorwalker_freshness_seconds{reader="live"} 40`)
	require.Contains(t, gauges(), `floorwalker_freshness_seconds{reader="history"} 10`)
	now, historyFault = now.Add(time.Minute), errors.New("away")
	l.measure(t.Context())
	require.Contains(t, gauges(), `floorwalker_freshness_seconds{reader="history"} 70`)

	require.NoError(t, b.Close())
	before := l.ready()
	l.measure(t.Context())
	require.Equal(t, before, l.ready(), "what is known stands while Kafka is away")
}
