package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/audit"
	"floorwalker/aggregate/worker"
	"floorwalker/cmd/floorwalker/config"
	"floorwalker/internal/broker"
	"floorwalker/internal/clickhouse"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
)

// installation is a broker, a ClickHouse and a configuration file, with a worker on demand.
type installation struct {
	*testing.T
	file  string
	cfg   config.Config
	kafka *kafka.Client
	n     int
}

func install(t *testing.T) *installation {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	clickhousetest.RequireEngine(t)
	dir, quiet := t.TempDir(), slog.New(slog.DiscardHandler)
	b, err := broker.Start(broker.Config{Dir: filepath.Join(dir, "broker"), Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	db, err := clickhouse.Start(t.Context(), clickhouse.Config{Dir: filepath.Join(dir, "clickhouse"), Log: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Stop(context.Background())) })
	i := &installation{T: t, file: filepath.Join(dir, "floorwalker.yaml"), kafka: &kafka.Client{Addr: kafka.TCP(b.Addr())}}
	require.NoError(t, os.WriteFile(i.file, fmt.Appendf(nil, `
listen: 127.0.0.1:0
data_dir: %s
roles: [worker]
kafka: {brokers: [%q], partitions: 2, replication: 1}
clickhouse: {addresses: [%q], retention: {raw: 0s, facts: 0s, windows: 0s}}
engine: {flush_interval: 100ms, checkpoint_interval: 1s}
`, filepath.Join(dir, "node"), b.Addr(), db.Addr()), 0o600))
	i.cfg, err = config.Load(i.file)
	require.NoError(t, err)
	return i
}

// work runs a server with a worker until stop.
func (i *installation) work() (s *server, stop func()) {
	i.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := startServer(i.Context(), i.cfg, quiet, newComponents(quiet))
	require.NoError(i, err)
	return s, func() { require.NoError(i, s.components.stop()) }
}

// tell writes calls of the contact centres to Kafka, a minute each, from a moment on.
func (i *installation) tell(from time.Time, calls int, centers ...string) {
	i.Helper()
	var lines []string
	say := func(cc, kind, subject string, t time.Time, data string) {
		i.n++
		lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t","type":"cc.%s","subject":%q,"time":%q,"contactcenter":%q,"data":%s}`,
			i.n, kind, subject, schema.FormatTime(t.UnixMilli()), cc, data))
	}
	for _, cc := range centers {
		say(cc, "agent.status", "a", from, `{"status":"available"}`)
		for k := range calls {
			id, t := fmt.Sprintf("i%d-%d", i.n, k), from.Add(time.Duration(k)*time.Minute)
			say(cc, "interaction.queued", id, t, `{"queue_id":"q"}`)
			say(cc, "interaction.offered", id, t.Add(time.Second), `{"agent_id":"a"}`)
			say(cc, "interaction.connected", id, t.Add(3*time.Second), `{"agent_id":"a"}`)
			say(cc, "interaction.ended", id, t.Add(50*time.Second), `{"reason":"completed"}`)
		}
	}
	_, err := call(i.T, strings.Join(lines, "\n"), "replay", "--config", i.file, "-")
	require.NoError(i, err)
}

// settle waits until a running worker has flushed all that Kafka has.
func (i *installation) settle(s *server) {
	i.Helper()
	require.Eventually(i, func() bool {
		partitions, err := s.kafka.Partitions(i.Context(), i.cfg.Kafka.Topics.Events)
		require.NoError(i, err)
		for _, p := range partitions {
			_, next, err := p.Bounds(i.Context())
			require.NoError(i, err)
			var at int64
			row := s.history.QueryRow(i.Context(), "SELECT toInt64(argMax(offset, (epoch, offset))) FROM progress WHERE contact_center = '' AND partition = $1", p.ID())
			if row.Scan(&at) != nil || at != next {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond)
}

// A running system audits clean; what is changed by hand is told by the text, the JSON and the exit code; a backfill of it repairs it.
func TestAuditAndBackfill_BesideAWorker(t *testing.T) {
	i := install(t)
	noon := time.Now().Add(-6 * time.Hour).Truncate(time.Hour)
	s, stop := i.work()
	defer stop()
	i.tell(noon, 90, "6", "7", "8")
	i.tell(noon.Add(5*time.Hour), 3, "6", "7", "8")
	i.settle(s)
	out, err := call(t, "", "audit", "--config", i.file)
	require.NoError(t, err, out)
	require.Contains(t, out, "0 differences, 0 explained")

	require.NoError(t, s.history.Exec(t.Context(), "ALTER TABLE windows_1m DELETE WHERE contact_center = '7' AND start = (SELECT min(start) FROM windows_1m WHERE wait_count > 0) SETTINGS mutations_sync = 1"))
	out, err = call(t, "", "audit", "--config", i.file, "--contact-center", "7")
	require.ErrorContains(t, err, "differences")
	require.Contains(t, out, "contact centre 7, windows_1m, start "+noon.UTC().Format("2006-01-02T15:04"))
	require.NotContains(t, out, "contact centre 6")
	out, err = call(t, "", "audit", "--config", i.file, "--json")
	require.Error(t, err)
	var r audit.Report
	require.NoError(t, json.NewDecoder(strings.NewReader(out[strings.Index(out, "{"):])).Decode(&r)) // where it takes long, progress is told before
	require.EqualValues(t, len(r.Differences), r.Total)
	require.Equal(t, "7", r.Differences[0].ContactCenter)

	out, err = call(t, "", "backfill", "--config", i.file, "--from", noon.UTC().Format(time.RFC3339), "--contact-center", "7")
	require.NoError(t, err, out)
	require.Contains(t, out, "0 facts and ")
	out, err = call(t, "", "audit", "--config", i.file)
	require.NoError(t, err, out)
	out, err = call(t, "", "new-epoch", "--config", i.file)
	require.ErrorContains(t, err, "no new epoch is needed", out)
}

// Partitions are added to the topic, then it is made anew: each time the worker refuses until new-epoch, and history is right afterwards.
func TestNewEpoch_OnABroker(t *testing.T) {
	i := install(t)
	topic := i.cfg.Kafka.Topics.Events
	noon := time.Now().Add(-8 * time.Hour).Truncate(time.Hour)
	centers := []string{"6", "7", "8", "9"}
	s, stop := i.work()
	i.tell(noon, 40, centers...)
	i.settle(s)
	stop()
	i.tell(noon.Add(time.Hour), 10, centers...) // nobody reads these before the partitions are added

	res, err := i.kafka.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 5}}})
	require.NoError(t, err)
	require.NoError(t, res.Errors[topic])
	refused := func() {
		s, _ := i.work()
		require.ErrorIs(t, s.components.wait(t.Context()), worker.ErrNewEpoch)
		require.NoError(t, s.components.stop())
	}
	refused()
	out, err := call(t, "", "new-epoch", "--config", i.file)
	require.NoError(t, err, out)
	require.Contains(t, out, "epoch 1: 5 partitions, 2 before")
	i.tell(noon.Add(2*time.Hour), 10, centers...)
	i.tell(noon.Add(4*time.Hour), 1, centers...)
	i.rightAfter(4*61, centers)

	deleted, err := i.kafka.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	require.NoError(t, err)
	require.NoError(t, deleted.Errors[topic])
	refused() // the start made the topic again
	out, err = call(t, "", "new-epoch", "--config", i.file)
	require.NoError(t, err, out)
	require.Contains(t, out, "epoch 2: 2 partitions, 5 before; the topic was made anew")
	require.Contains(t, out, "everything before offset ")
	i.tell(noon.Add(5*time.Hour), 10, centers...)
	i.tell(noon.Add(7*time.Hour), 1, centers...)
	i.rightAfter(4*72, centers)
}

// rightAfter lets a worker take in all there is, and audits and counts.
func (i *installation) rightAfter(interactions uint64, centers []string) {
	i.Helper()
	s, stop := i.work()
	defer stop()
	i.settle(s)
	out, err := call(i.T, "", "audit", "--config", i.file)
	require.NoError(i, err, out)
	require.Equal(i, len(centers), strings.Count(out, "\ncontact centre "), out)
	var n, ended, answered uint64
	require.NoError(i, s.history.QueryRow(i.Context(), "SELECT count(), countIf(state = 'ended'), (SELECT sum(answered) FROM windows_1m FINAL WHERE agent = '') FROM interactions FINAL WHERE NOT deleted").
		Scan(&n, &ended, &answered))
	require.Equal(i, []uint64{interactions, interactions, interactions}, []uint64{n, ended, answered})
}
