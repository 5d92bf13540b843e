package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// The number of partitions differs from what the topic's checkpoints say: a member that owns only a new partition refuses, too.
func TestNewPartitionAlone_Refused(t *testing.T) {
	m := newMemory()
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a", "b"))
	m.until(t, "flushed", func() bool { return m.numbers["b"] == 1 })
	o.end(t)
	o = m.own(m.worker(t, nil), 2, newLog(1, 0, "a")) // the topic has grown; another member owns partition 0
	defer o.stop()
	select {
	case err := <-o.done:
		require.ErrorIs(t, err, ErrNewEpoch)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "it does not refuse")
	}
}

// A record that was a dead letter by the clock stays one when it is read again later.
func TestReplayedLater_SameOutcome(t *testing.T) {
	m := newMemory()
	w := func() *Worker { return m.worker(t, func(c *Config) { c.Gate.Clock = m.clock }) }
	l := newLog(0, 0, "a")
	l.records[0].Timestamp = noon + 10*60_000 // the producer's clock, which the broker does not look at
	l.add("b")
	o := m.own(w(), 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["b"] == 1 })
	o.end(t)
	require.Equal(t, []int64{1}, m.raw[0])
	require.Equal(t, []string{schema.CodeTimeAhead}, m.dead)
	m.with(func() { m.saved, m.stored = nil, 1; m.now = m.now.Add(time.Hour) }) // killed before its checkpoint
	again := w()
	l.add("c")
	o = m.own(again, 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["c"] == 1 })
	o.end(t)
	require.NotContains(t, m.numbers, "a", "it is a dead letter, and no raw event")
}

// failing is a connection that does not take rows of one table.
type failing struct {
	driver.Conn
	table atomic.Value
}

func (f *failing) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	if t := f.table.Load().(string); t != "" && strings.HasPrefix(query, "INSERT INTO "+t+" ") {
		return nil, errors.New("down")
	}
	return f.Conn.PrepareBatch(ctx, query, opts...)
}

// Killed between raw events and annotations, and started again as a release that folds otherwise: the annotation is written.
func TestKilledBeforeAnnotations_ThenUpgraded_Written(t *testing.T) {
	b := newBench(t)
	l := &story{log: newLog(0, 0)}
	l.event("interaction.queued", "i1", "12:00:00", `{"queue_id":"q1"}`)
	b.run(t, l.log)
	f := &failing{Conn: b.conn.Conn}
	f.table.Store("annotations")
	b.conn.Conn = f
	l.event("interaction.note", "i1", "12:00:40", `{"note":"n"}`)
	w := b.worker(t, Real(engine.Config{}), func() gate.Decoder { return &schema.Decoder{} }, func(c *Config) { c.Final = time.Millisecond })
	o := b.own(w, 1, l.log)
	b.eventually(t, 2, raws)
	o.stop()
	require.Error(t, o.wait(t))
	f.table.Store("")
	e := Real(engine.Config{})
	e.Number++
	w = b.worker(t, e, func() gate.Decoder { return &schema.Decoder{} }, nil)
	o = b.own(w, 1, l.log)
	b.eventually(t, 1, "SELECT max(epoch) FROM progress")
	b.eventually(t, 2, "SELECT argMax(offset, (epoch, offset)) FROM progress")
	o.end(t)
	require.EqualValues(t, 1, b.number(t, "SELECT count() FROM annotations FINAL"))
}

// Killed before the dead letters' topic took them, and started again as a release that folds otherwise: they are written.
func TestKilledBeforeDeadLetters_ThenUpgraded_Written(t *testing.T) {
	b := newBench(t)
	l := newLog(0, 0, "a")
	o := b.own(b.worker(t, engines(), plainDecoder, nil), 1, l)
	b.eventually(t, 1, seenA)
	o.end(t)
	l.add("bad", "a")
	w := b.worker(t, engines(), plainDecoder, func(c *Config) { c.Final = time.Millisecond })
	w.parts.DeadLetters = func(context.Context, []schema.DeadLetter) error { return errors.New("down") }
	o = b.own(w, 1, l)
	b.eventually(t, 2, raws)
	b.eventually(t, 1, "SELECT count() FROM dead_letters")
	o.stop()
	require.Error(t, o.wait(t))
	e := engines()
	e.Number++
	o = b.own(b.worker(t, e, plainDecoder, nil), 1, l)
	b.eventually(t, 1, "SELECT max(epoch) FROM progress")
	b.eventually(t, 3, "SELECT argMax(offset, (epoch, offset)) FROM progress")
	o.end(t)
	require.Equal(t, []string{schema.CodeMalformedJSON}, b.letters)
}

// A cluster: killed when one shard had taken its raw events of a flush and another one not. What is missing is written.
func TestOneShardHasMore_TheOthersRowsAreWritten(t *testing.T) {
	b := newBench(t)
	l := newLog(0, 0)
	event := func(cc, id string) {
		l.add(`{"specversion":"1.0","id":"` + id + `","source":"/acd","type":"cc.agent.login","subject":"a1","time":"2026-09-21T12:00:00Z","contactcenter":"` + cc + `","data":{}}`)
	}
	event("6", "1")
	b.run(t, l)
	event("6", "2")
	event("7", "3")
	// The shard of contact centre 7 has it; that of 6 was down, and the worker was killed while it tried again.
	require.NoError(t, b.conn.Exec(context.Background(), `INSERT INTO events (contact_center, epoch, topic, partition, offset, record_time, time, type, subject, source, id, data, version, processed_at)
		SELECT '7', epoch, topic, partition, 2, record_time, time, type, subject, source, '3', data, version + 2, processed_at FROM events`))
	b.run(t, l)
	require.EqualValues(t, 3, b.number(t, "SELECT uniqExact(offset) FROM events"))
}
