package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

const (
	replayed = "floorwalker_worker_replayed_events_total"
	broken   = "floorwalker_worker_broken_checkpoints_total"
)

// SIGTERM in the middle of a load: the worker writes what it has read, saves, commits, leaves the group, within a bounded time; the
// next one replays nothing. Then checkpoints are damaged in every way, and each start finds its way all the same.
func TestStopped_SecondStartReplaysNothing_AndDamagedCheckpointsAreSurvived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := newLoad(t, 50, 3, 9_000)
	s := w.site("stopped", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	out := writer(t, w.kafka.Addr(), s.topic())
	part := func(n, of int) {
		require.NoError(t, write(t.Context(), out, l.mixed[len(l.mixed)*n/of:len(l.mixed)*(n+1)/of]))
	}
	part(0, 6)
	n := s.start(options{roles: "worker"})
	s.awaitHistory(conn, time.Minute)
	part(1, 6) // it is stopped while it takes these in
	took := n.Stop(30 * time.Second)
	t.Logf("stopped in %s", took)
	flushed, err := s.flushed(conn)
	require.NoError(t, err)
	require.Empty(t, s.membersNow(), "it has left the group")
	require.Equal(t, flushed, s.committed(), "what is committed is what is flushed")
	require.Equal(t, flushed, s.checkpoints(conn), "and what the newest checkpoint holds")

	n = s.start(options{roles: "worker"})
	s.awaitHistory(conn, time.Minute)
	part(2, 6)
	s.awaitHistory(conn, time.Minute)
	require.Zero(t, n.metric(replayed))
	require.Positive(t, n.metric(`floorwalker_worker_events_total{outcome="applied"}`))
	n.Stop(30 * time.Second)

	for i, damage := range []struct {
		name, set, which string
		broken           bool
	}{
		{"truncated", "data = substring(data, 1, length(data) - 9)", "newest", true},
		{"bit flipped", "data = concat(substring(data, 1, 40), char(bitXor(reinterpretAsUInt8(substring(data, 41, 1)), 4)), substring(data, 42))", "newest", true},
		{"all of them", "data = 'gone'", "all", true},
	} {
		s.damage(conn, damage.set, damage.which)
		part(3+i, 6)
		n = s.start(options{roles: "worker"})
		s.awaitHistory(conn, time.Minute)
		if damage.broken {
			require.Positive(t, n.metric(broken), damage.name)
		}
		require.Positive(t, n.metric(replayed), damage.name)
		n.Stop(30 * time.Second)
	}
	s.damage(conn, "engine = engine + 1", "newest")
	s.finish(conn, truth, l)
}

// damage changes each partition's newest checkpoint, or all of them.
func (s *site) damage(conn driver.Conn, set, which string) {
	s.t.Helper()
	where := "1"
	if which == "newest" {
		where = "(partition, epoch, offset) IN (SELECT partition, epoch, offset FROM checkpoints ORDER BY epoch DESC, offset DESC LIMIT 1 BY partition)"
	}
	require.NoError(s.t, conn.Exec(s.t.Context(), "ALTER TABLE checkpoints UPDATE "+set+" WHERE "+where+" SETTINGS mutations_sync = 1"))
}

func (s *site) membersNow() []string {
	s.t.Helper()
	client, idle := s.client()
	defer idle()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	ids, err := s.members(ctx, client)
	require.NoError(s.t, err)
	return ids
}

func (s *site) committed() map[int]int64 {
	s.t.Helper()
	client, idle := s.client()
	defer idle()
	res, err := client.OffsetFetch(s.t.Context(), &kafka.OffsetFetchRequest{GroupID: s.name, Topics: map[string][]int{s.topic(): {0, 1, 2, 3}}})
	require.NoError(s.t, err)
	out := map[int]int64{}
	for _, p := range res.Topics[s.topic()] {
		require.NoError(s.t, p.Error)
		out[p.Partition] = p.CommittedOffset
	}
	return out
}

func (s *site) checkpoints(conn driver.Conn) map[int]int64 {
	s.t.Helper()
	rows, err := conn.Query(s.t.Context(), "SELECT toInt64(partition), toInt64(max(offset)) FROM checkpoints GROUP BY partition")
	require.NoError(s.t, err)
	defer rows.Close()
	out := map[int]int64{}
	for rows.Next() {
		var p, offset int64
		require.NoError(s.t, rows.Scan(&p, &offset))
		out[int(p)] = offset
	}
	require.NoError(s.t, rows.Err())
	return out
}

// A fact and a window are written, the worker is killed before it saves a checkpoint, and a late event that comes before the next
// flush takes both away: the replay, which bears and undoes them between two flushes, must still wipe out what is stored.
func TestBornAndUndoneAroundACrash_WipedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.site("undone", []string{"c1"})
	conn := s.conn()
	out := writer(t, w.kafka.Addr(), s.topic())
	noon := time.Now().Add(-time.Hour).Truncate(15 * time.Minute)
	n := 0
	event := func(kind schema.EventType, subject string, at time.Duration, data string) {
		n++
		ev := schema.Event{ID: fmt.Sprint("e", n), Source: "/test", ContactCenter: "c1", Type: kind, Subject: subject, Time: noon.Add(at).UnixMilli(), Data: []byte(data)}
		require.NoError(t, out.WriteMessages(t.Context(), kafka.Message{Key: []byte("c1"), Value: schema.AppendStructured(nil, &ev)}))
	}
	number := func(query string) (n int64) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT toInt64(("+query+"))").Scan(&n))
		return n
	}
	at := func(minute int) string { return fmt.Sprint(noon.Add(time.Duration(minute) * time.Minute).Unix()) }
	facts := func(minute int) int64 {
		return number("SELECT count() FROM agent_intervals FINAL WHERE kind = 'status' AND toUnixTimestamp(start) = " + at(minute) + " AND NOT deleted")
	}
	offered := func(minute int) int64 {
		return number("SELECT sum(offered) FROM windows_1m FINAL WHERE toUnixTimestamp(start) = " + at(minute))
	}
	seldom := options{roles: "worker", settings: "engine: {flush_interval: 200ms, checkpoint_interval: 1h}"}

	event(schema.AgentLogin, "a", 0, `{}`)
	event(schema.AgentStatus, "a", time.Minute, `{"status":"available"}`)
	event(schema.AgentStatus, "a", 10*time.Minute, `{"status":"break"}`)
	event(schema.InteractionQueued, "i", 10*time.Minute, `{"queue_id":"q"}`)
	first := s.start(seldom)
	s.awaitHistory(conn, time.Minute)
	require.EqualValues(t, 1, facts(10))
	require.EqualValues(t, 1, offered(10))
	require.Zero(t, number("SELECT count() FROM checkpoints"))
	first.Kill()
	s.expel()

	event(schema.AgentStatus, "a", 8*time.Minute, `{"status":"break"}`)
	event(schema.InteractionQueued, "i", 8*time.Minute, `{"queue_id":"q"}`)
	s.start(seldom)
	s.awaitHistory(conn, time.Minute)
	require.Equal(t, []int64{1, 1, 0, 0}, []int64{facts(8), offered(8), facts(10), offered(10)})
	require.Positive(t, number("SELECT count() FROM agent_intervals FINAL WHERE deleted"), "as a tombstone")
}
