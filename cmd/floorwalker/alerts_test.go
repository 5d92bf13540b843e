package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest"
	"floorwalker/internal/kafkatest"
	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// queueOf is a live view in which so many wait.
type queueOf struct{ waiting atomic.Int64 }

func (q *queueOf) Pin(contactCenter string) (*schema.Floor, bool) {
	now := time.Now().UnixMilli()
	f := &schema.Floor{ContactCenter: contactCenter, Version: uint64(now), AsOf: now, NewestEvent: now, Agents: &btree.Map[string, *schema.LiveAgent]{},
		Interactions: &btree.Map[string, *schema.LiveInteraction]{}}
	for i := range q.waiting.Load() {
		id := strconv.FormatInt(i, 10)
		row := &schema.LiveInteraction{Visits: []schema.Visit{{ContactCenter: contactCenter, Interaction: id, Queue: "q", Start: now, End: schema.Open}}}
		row.ID = id
		f.Interactions.Set(id, row)
	}
	return f, contactCenter == "6"
}

func (q *queueOf) Metrics(_ string, from, to int64) (schema.LiveMetrics, bool) {
	return schema.LiveMetrics{From: from, To: to, AsOf: time.Now().UnixMilli()}, true
}

// alertNode is a server with nothing but its alerts.
func alertNode(t *testing.T, broker string, live floor.Live) *server {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg := config.Default()
	cfg.Kafka.Brokers, cfg.Kafka.Replication = []string{broker}, 1
	cc := config.ContactCenter{ID: "6"}
	for i := range 8 {
		cc.AlertRules = append(cc.AlertRules, config.AlertRule{ID: fmt.Sprint("rule ", i), Metric: "waiting", Window: "5m", Comparison: ">", Threshold: float64(i), Severity: "warning"})
	}
	cfg.ContactCenters = []config.ContactCenter{cc}
	require.NoError(t, cfg.Validate())
	s := &server{cfg: cfg, log: log, components: newComponents(log), set: metrics.NewSet(), directory: directory.NewStore()}
	s.source = floor.NewSource(live, s.directory, contactCenters(&cfg), time.Now)
	t.Cleanup(func() { require.NoError(t, s.components.stop()) })
	require.NoError(t, s.startKafka(t.Context()))
	require.NoError(t, s.startAlerts(t.Context()))
	return s
}

func (s *server) openAlerts(state schema.AlertState) (out []schema.Alert) {
	rows, _ := s.alerts.Active("6")
	for _, a := range rows {
		if a.State == state {
			out = append(out, a)
		}
	}
	return out
}

// Two nodes share the rules out and list the same. A rule whose owner leaves goes on at the other, which repeats nothing; nor does a node that
// begins anew.
func TestAlerts_NodesComeAndGo_EachTransitionOnceAndTheSameOnAll(t *testing.T) {
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		live := &queueOf{}
		first := alertNode(t, b.Addr(), live)
		second := alertNode(t, b.Addr(), live)
		eventually := func(what string, holds func() bool) {
			t.Helper()
			require.Eventually(t, holds, 90*time.Second, 20*time.Millisecond, what)
		}
		same := func(n int) {
			t.Helper()
			eventually("listed", func() bool {
				return len(first.openAlerts(schema.AlertActive)) == n && len(second.openAlerts(schema.AlertActive)) == n
			})
			require.Equal(t, first.openAlerts(schema.AlertActive), second.openAlerts(schema.AlertActive))
		}
		live.waiting.Store(4)
		same(4)
		live.waiting.Store(2)
		same(2)
		open := first.openAlerts(schema.AlertActive)

		require.NoError(t, first.components.stop())
		first.components = newComponents(first.log)
		live.waiting.Store(8)
		eventually("the other goes on", func() bool { return len(second.openAlerts(schema.AlertActive)) == 8 })

		third := alertNode(t, b.Addr(), live)
		require.Equal(t, second.openAlerts(schema.AlertActive), third.openAlerts(schema.AlertActive))
		require.Subset(t, third.openAlerts(schema.AlertActive), open, "they never ended")
		transitions(t, third)
	})
}

// transitions reads the topic as it is and holds every rule to what is promised of it.
func transitions(t *testing.T, s *server) {
	reader := s.kafka.TopicReader(s.cfg.Kafka.Topics.Alerts)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := map[string]int{}
	done := make(chan error, 1)
	go func() {
		done <- reader.Run(ctx, func(rec *schema.Record) error {
			a, err := schema.DecodeAlert(rec.Value)
			if err == nil {
				seen[a.ID+" "+string(a.State)]++
			}
			return err
		})
	}()
	<-reader.Ready()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Len(t, seen, 10+10+2, "alerts triggered, active, cleared")
}

// A reader of one partition of a topic hands over that one alone.
func TestAlertTopic_SomePartitions_NoOthers(t *testing.T) {
	b := kafkatest.Embedded(t)
	s := alertNode(t, b.Addr(), &queueOf{})
	topic := alertTopic{client: s.kafka, producer: s.producer, name: s.cfg.Kafka.Topics.Alerts}
	n, err := s.kafka.PartitionCount(t.Context(), topic.name)
	require.NoError(t, err)
	require.Equal(t, 4, n)
	for i := range 40 {
		_, err := s.producer.Write(t.Context(), []ingest.Message{{Topic: topic.name, Key: []byte(strconv.Itoa(i)), Value: []byte("x")}})
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	read := map[int]int{}
	err = topic.Follow(ctx, []int{1, 3}, cancel, func(rec *schema.Record) error { read[rec.Partition]++; return nil })
	require.ErrorIs(t, err, context.Canceled)
	want := map[int]int{}
	for i := range 40 {
		if p := schema.Murmur2Partition([]byte(strconv.Itoa(i)), n); p == 1 || p == 3 {
			want[p]++
		}
	}
	require.Equal(t, want, read)
}
