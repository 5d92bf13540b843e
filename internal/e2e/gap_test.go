package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/worker"
	"floorwalker/ingest"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/internal/program"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// plant is a worker between a broker and a ClickHouse, without processes of its own.
type plant struct {
	t      *testing.T
	broker string
	conn   driver.Conn
	kafka  *ingest.Client
	n      int
}

func newPlant(t *testing.T) *plant {
	t.Helper()
	if testing.Short() {
		t.Skip("needs ClickHouse")
	}
	broker := kafkatest.Embedded(t)
	broker.CreateTopic(eventsTopic, 1)
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(t.Context(), conn, clickhouse.Options{})
	require.NoError(t, err)
	options := ingest.DefaultConfig()
	options.Brokers, options.Topics.Events = []string{broker.Addr()}, eventsTopic
	client, err := ingest.NewClient(options, metrics.NewSet(), silent)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &plant{t: t, broker: broker.Addr(), conn: conn, kafka: client}
}

func (p *plant) franz(options ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	k, err := kgo.NewClient(append(options, kgo.SeedBrokers(p.broker), kgo.DefaultProduceTopic(eventsTopic))...)
	require.NoError(p.t, err)
	p.t.Cleanup(k.Close)
	return k
}

func (p *plant) event(kind, subject, clock, data string) *kgo.Record {
	p.n++
	return &kgo.Record{Key: []byte("6"), Timestamp: time.Date(2026, 9, 21, 18, 0, 0, 0, time.UTC), Value: fmt.Appendf(nil,
		`{"specversion":"1.0","id":"%d","source":"/acd","type":"cc.%s","subject":%q,"time":"2026-09-21T%sZ","contactcenter":"6","data":%s}`, p.n, kind, subject, clock, data)}
}

// transact writes records as one transaction.
func (p *plant) transact(k *kgo.Client, end kgo.TransactionEndTry, records ...*kgo.Record) {
	p.t.Helper()
	require.NoError(p.t, k.BeginTransaction())
	require.NoError(p.t, k.ProduceSync(p.t.Context(), records...).FirstErr())
	require.NoError(p.t, k.EndTransaction(p.t.Context(), end))
}

// retain cuts away what lies before an offset, as retention does.
func (p *plant) retain(from int64) {
	p.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 3000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: eventsTopic, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: from}}}}
	res, err := req.RequestWith(p.t.Context(), p.franz())
	require.NoError(p.t, err)
	require.NoError(p.t, kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode))
}

// run works until everything before an offset is flushed.
func (p *plant) run(until int64) *worker.Worker {
	p.t.Helper()
	set := metrics.NewSet()
	cfg := history.Config{Worker: "w", Log: silent}
	sink, err := history.NewSink(p.conn, set, cfg)
	require.NoError(p.t, err)
	store, err := history.NewStore(p.conn, set, cfg)
	require.NoError(p.t, err)
	w, err := worker.New(worker.Config{Topic: eventsTopic, Gate: gate.Gate{MaxAhead: 5 * time.Minute}, Flush: 20 * time.Millisecond, Log: silent},
		worker.Parts{Engines: worker.Real(engine.Config{}), Decoder: func() gate.Decoder { return &schema.Decoder{} }, Sink: sink, Checkpoints: store,
			DeadLetters: func(context.Context, []schema.DeadLetter) error { return nil }, Metrics: set})
	require.NoError(p.t, err)
	list, err := p.kafka.Partitions(p.t.Context(), eventsTopic)
	require.NoError(p.t, err)
	running := runUntil(func(ctx context.Context) error {
		return w.Own(ctx, worker.Generation{Partitions: []worker.Partition{list[0]}, Total: 1, Commit: func(context.Context, map[int]int64) error { return nil }})
	})
	program.Eventually(p.t, 30*time.Second, "flushed", func() string {
		if at := p.number("SELECT max(offset) FROM progress WHERE caught_up"); at < until {
			return fmt.Sprint("offset ", at, " of ", until)
		}
		return ""
	})
	require.NoError(p.t, running.stop())
	return w
}

func (p *plant) number(query string) (n int64) {
	p.t.Helper()
	require.NoError(p.t, p.conn.QueryRow(p.t.Context(), "SELECT toInt64(("+query+"))").Scan(&n))
	return n
}

// covered counts the offsets of which ClickHouse has a raw event, a dead letter or a gap, and how many it has these for more than once.
const covered = `FROM (SELECT o, count() AS n FROM (SELECT offset AS o FROM events FINAL UNION ALL SELECT offset FROM dead_letters FINAL
	UNION ALL SELECT arrayJoin(range(from_offset, until_offset)) FROM offset_gaps FINAL WHERE contact_center = '') GROUP BY o)`

// Every offset is a raw event, a dead letter or a known gap, exactly once: with transactions, with a beginning that retention cut
// away before the first start, and with records that it cut away before they were read, whether there is a checkpoint or not.
func TestOffsets_EachAccountedForOnce(t *testing.T) {
	for name, prepare := range map[string]string{"checkpoint": "SELECT 1", "checkpoints are gone": "TRUNCATE TABLE checkpoints"} {
		t.Run(name, func(t *testing.T) {
			p := newPlant(t)
			plain, transactions := p.franz(), p.franz(kgo.TransactionalID("t"))
			produce := func(records ...*kgo.Record) {
				require.NoError(t, plain.ProduceSync(t.Context(), records...).FirstErr())
			}

			produce(p.event("agent.login", "a0", "11:00:00", `{}`), p.event("agent.login", "a0", "11:00:00", `{}`)) // 0, 1: gone before the start
			p.retain(2)
			p.transact(transactions, kgo.TryCommit, p.event("agent.login", "a1", "12:00:00", `{}`), p.event("agent.status", "a1", "12:00:10", `{"status":"available"}`)) // 2, 3, marker
			produce(&kgo.Record{Key: []byte("6"), Value: []byte("no JSON")})                                                                                             // 5
			p.transact(transactions, kgo.TryAbort, p.event("agent.logout", "a1", "12:00:15", `{}`))                                                                      // 6, marker
			produce(p.event("interaction.queued", "i1", "12:00:20", `{"queue_id":"q1"}`))                                                                                // 8
			p.transact(transactions, kgo.TryCommit, p.event("interaction.queued", "i2", "12:00:30", `{"queue_id":"q1"}`))                                                // 9, marker
			require.Empty(t, p.run(11).Gaps())
			require.EqualValues(t, 11, p.number("SELECT max(offset) FROM checkpoints"), "a marker at the end is stepped over too")

			produce(p.event("interaction.queued", "i3", "12:01:00", `{"queue_id":"q1"}`), p.event("interaction.queued", "i4", "12:01:01", `{"queue_id":"q1"}`)) // 11, 12: never read
			p.transact(transactions, kgo.TryCommit, p.event("interaction.queued", "i5", "12:05:30", `{"queue_id":"q1"}`))                                       // 13, marker
			p.retain(13)
			require.NoError(t, p.conn.Exec(t.Context(), prepare))
			require.Equal(t, []worker.Gap{{Partition: 0, From: 11, Until: 13}}, p.run(15).Gaps())

			require.EqualValues(t, 15, p.number("SELECT count() "+covered))
			require.Zero(t, p.number("SELECT countIf(n != 1) "+covered))
			require.EqualValues(t, 2, p.number("SELECT sum(until_offset - from_offset) FROM offset_gaps FINAL WHERE reason = 'before_start'"))
			require.EqualValues(t, 5, p.number("SELECT sum(until_offset - from_offset) FROM offset_gaps FINAL WHERE reason = 'absent'"))
			require.EqualValues(t, 2, p.number("SELECT sum(until_offset - from_offset) FROM offset_gaps FINAL WHERE reason = 'lost' AND contact_center = ''"))
			require.EqualValues(t, 2, p.number("SELECT count() FROM queue_visits FINAL WHERE outcome = 'expired' AND end = toDateTime64('2026-09-21 12:00:30', 3, 'UTC')"))
			require.EqualValues(t, 1, p.number("SELECT count() FROM queue_visits FINAL WHERE isNull(end)"))
			require.Zero(t, p.number("SELECT count() FROM agent_intervals FINAL WHERE isNull(end) AND NOT deleted"))
		})
	}
}
