package alert

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// at10 is a rule without a time to hold for.
const at10 = `{"metric":"waiting","scope":{"queue":"q"},"window":"5m","comparison":">=","threshold":10,"for_seconds":0,"severity":"warning"}`

// Two evaluators at once, a zombie and its successor, double nothing: what all nodes list is the same.
func TestOwn_TwoEvaluatorsAtOnce_NothingDoubled(t *testing.T) {
	w, topic := newWorld(), newMemory()
	nodes := []*node{newNode(t, w, topic, nil, WebhookConfig{}), newNode(t, w, topic, nil, WebhookConfig{})}
	for _, n := range nodes {
		n.list(t)
	}
	w.rule(t, "r", at10)
	stop := nodes[0].own(t, Generation{})
	nodes[1].own(t, Generation{})
	for range 20 {
		w.wait(10)
		for _, n := range nodes {
			eventually(t, func() bool {
				rows, _ := n.Active(center)
				return len(rows) == 1 && rows[0].State == schema.AlertActive
			}, "active")
		}
		a, _ := nodes[0].Active(center)
		b, _ := nodes[1].Active(center)
		require.Equal(t, a, b)
		w.wait(0)
		for _, n := range nodes {
			eventually(t, func() bool { rows, _ := n.Active(center); return len(rows) == 0 }, "cleared")
		}
	}
	stop()
	told := topic.told(t)
	require.Len(t, told, 60)
	requireOrderly(t, told)
	last, ok := nodes[1].Last(center, "r")
	require.True(t, ok)
	require.Equal(t, schema.AlertConditionOver, last.Reason)
}

// A node that begins anew repeats nothing that was told, and goes on with what is open.
func TestOwn_Restart_RepeatsNothing(t *testing.T) {
	w, topic := newWorld(), newMemory()
	w.rule(t, "r", at10)
	w.wait(10)
	stop := newNode(t, w, topic, nil, WebhookConfig{}).own(t, Generation{})
	eventually(t, func() bool { return len(topic.told(t)) == 2 }, "active")
	stop()
	n := newNode(t, w, topic, nil, WebhookConfig{})
	n.list(t)
	rows, version := n.Active(center)
	require.Len(t, rows, 1)
	changed := n.Changed()
	n.own(t, Generation{})
	eventually(t, func() bool { return n.counts.evaluations.Get() > 20 }, "evaluations")
	require.Equal(t, []string{"triggered", "active"}, states(topic.told(t)))
	w.wait(0)
	<-changed
	require.Equal(t, []string{"triggered", "active", "cleared"}, states(topic.told(t)))
	rows, now := n.Active(center)
	require.Empty(t, rows)
	require.Greater(t, now, version)
}

// While Kafka is away evaluation waits; what it took although it did not say so is not written again.
func TestOwn_TopicAwayOrSilent_EachTransitionOnce(t *testing.T) {
	w, topic := newWorld(), newMemory()
	w.rule(t, "r", at10)
	n := newNode(t, w, topic, nil, WebhookConfig{})
	n.own(t, Generation{})
	topic.set(func(m *memory) { m.away = true })
	w.wait(10)
	eventually(t, func() bool { return n.counts.writeErrors.Get() > 3 }, "errors")
	require.Empty(t, topic.told(t))
	topic.set(func(m *memory) { m.away, m.forget = false, true })
	eventually(t, func() bool { return len(topic.told(t)) == 2 }, "active")
	w.wait(0)
	eventually(t, func() bool { return len(topic.told(t)) == 3 }, "cleared")
	topic.set(func(m *memory) { m.forget = false })
	require.Equal(t, []string{"triggered", "active", "cleared"}, states(topic.told(t)))
}

// Only the owner of a rule's partition evaluates it.
func TestOwn_OtherPartitions_NotEvaluated(t *testing.T) {
	w, topic := newWorld(), newMemory()
	w.rule(t, "r", at10)
	w.wait(10)
	n := newNode(t, w, topic, nil, WebhookConfig{})
	const total = 4
	theirs := (schema.Murmur2Partition([]byte(schema.AlertKey(center, "r")), total) + 1) % total
	n.own(t, Generation{Partitions: []int{theirs}, Total: total})
	eventually(t, func() bool { return n.counts.evaluations.Get() > 10 }, "evaluations")
	require.Empty(t, topic.told(t))
	require.Zero(t, n.counts.rules.Get())
}

// failing is a ClickHouse that is away until it is told otherwise.
type failing struct {
	driver.Conn
	away     atomic.Bool
	attempts atomic.Int64
}

func (f *failing) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	f.attempts.Add(1)
	if f.away.Load() {
		return nil, context.DeadlineExceeded
	}
	return f.Conn.PrepareBatch(ctx, query, opts...)
}

func migrated(t *testing.T) driver.Conn {
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(t.Context(), conn, clickhouse.Options{})
	require.NoError(t, err)
	return conn
}

// kept reads history as a query of one state does.
func kept(t *testing.T, conn driver.Conn, state schema.AlertState) (n uint64) {
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM alerts FINAL WHERE contact_center = '6' AND state = {state:String}",
		ch.Named("state", string(state))).Scan(&n))
	return n
}

// History has every alert once, whatever became of it, although ClickHouse was away meanwhile and the owner changed.
func TestHistory_ClickHouseAwayAndOwnersChange_EveryAlertOnce(t *testing.T) {
	conn := &failing{Conn: migrated(t)}
	w, topic := newWorld(), newMemory()
	w.rule(t, "r", at10)
	stop := newNode(t, w, topic, conn, WebhookConfig{}).own(t, Generation{})
	round := func(i int) {
		w.wait(10)
		eventually(t, func() bool { return len(topic.told(t)) == 3*i+2 }, "active")
		w.wait(0)
		eventually(t, func() bool { return len(topic.told(t)) == 3*i+3 }, "cleared")
	}
	for i := range 5 {
		round(i)
	}
	eventually(t, func() bool { return kept(t, conn, schema.AlertCleared) == 5 }, "kept")
	conn.away.Store(true)
	before := conn.attempts.Load()
	for i := range 5 {
		round(5 + i)
	}
	eventually(t, func() bool { return conn.attempts.Load() > before }, "tried")
	stop()
	conn.away.Store(false)
	newNode(t, w, topic, conn, WebhookConfig{}).own(t, Generation{})
	round(10)
	eventually(t, func() bool { return kept(t, conn, schema.AlertCleared) == 11 }, "kept")
	require.Zero(t, kept(t, conn, schema.AlertActive)+kept(t, conn, schema.AlertTriggered))
}

// While ClickHouse is away no more than so many alerts wait in memory; alerts go on all the same, and none is left out later.
func TestHistory_ClickHouseAwayForLong_MemoryIsBounded(t *testing.T) {
	conn := &failing{Conn: migrated(t)}
	conn.away.Store(true)
	w, topic := newWorld(), newMemory()
	var messages []Message
	for i := range keepAtMost + 200 {
		a := schema.Alert{ContactCenter: center, ID: time.Duration(i).String(), Seq: uint64(i + 1), Origin: "0s", State: schema.AlertTriggered,
			Rule: schema.AlertRule{ID: "r", Scope: map[string][]string{}}, Since: schema.NoTime, Triggered: int64(i), Active: schema.NoTime, Cleared: schema.NoTime}
		a.Seq = uint64(2*i + 1)
		for _, a := range []schema.Alert{a, a.ClearedBy(schema.AlertConditionOver, 0, int64(i))} {
			value, err := a.Encode()
			require.NoError(t, err)
			messages = append(messages, Message{schema.AlertKey(center, "r"), value})
		}
	}
	_, err := topic.Write(t.Context(), messages)
	require.NoError(t, err)

	n := newNode(t, w, topic, conn, WebhookConfig{})
	k := &keeper{a: n.Alerts, waiting: map[string]schema.Alert{}}
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	b := newBook()
	reading.Go(func() {
		_ = topic.Follow(ctx, nil, func() {}, func(rec *schema.Record) error {
			accepted, _ := b.apply(string(rec.Key), rec.Value)
			if accepted == nil {
				return nil
			}
			return k.take(ctx, *accepted)
		})
	})
	eventually(t, func() bool { return conn.attempts.Load() > 1 }, "tried")
	cancel()
	reading.Wait()
	require.Len(t, k.waiting, keepAtMost)

	n.own(t, Generation{})
	conn.away.Store(false)
	eventually(t, func() bool { return kept(t, conn, schema.AlertCleared) == keepAtMost+200 }, "kept")
}
