package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
	"floorwalker/internal/proxy"
	"floorwalker/schema"
)

// ClickHouse does everything, but its answers are lost: for each table once, then it is frozen, cut off, and killed, while events
// flow. The worker waits with what it has, the live view goes on, and in the end everything is there once.
func TestClickHouseAway_LiveGoesOnAndNothingIsLostOrTwice(t *testing.T) {
	t.Parallel()
	events, away := 9_000, 2*time.Second
	if long() {
		events, away = 400_000, 45*time.Second
	}
	w := newWorld(t)
	l := newLoad(t, 30, 2, events)
	s := w.site("away", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	out := writer(t, w.kafka.Addr(), s.topic())
	var parts [][]kafka.Message // most of it comes while ClickHouse is frozen
	for _, share := range [][2]int{{0, 10}, {10, 80}, {80, 90}, {90, 100}} {
		parts = append(parts, l.mixed[len(l.mixed)*share[0]/100:len(l.mixed)*share[1]/100])
	}

	unheard := map[string]bool{}
	var mu sync.Mutex
	w.toHouse.Watch(func(c *proxy.Conn, d proxy.Direction, chunk []byte) (int, bool) {
		return watchInserts(c, d, chunk, func(table string, at phase) (int, bool) {
			mu.Lock()
			defer mu.Unlock()
			if at != after || unheard[table] || !slices.Contains(tables, table) {
				return len(chunk), false
			}
			unheard[table] = true
			return 0, true
		})
	})
	n := s.start(options{roles: "worker,query", kafka: w.kafka.Addr()})
	n.address()
	require.NoError(t, write(t.Context(), out, parts[0]))
	program.Eventually(t, time.Minute, "an answer lost for every table", func() string {
		mu.Lock()
		defer mu.Unlock()
		for _, table := range tables {
			if !unheard[table] {
				return table
			}
		}
		return ""
	})
	w.toHouse.Watch(nil)
	s.awaitHistory(conn, time.Minute)
	require.Zero(t, n.metric("floorwalker_worker_failed_checkpoints_total")-1, "the lost answer to the checkpoint is the only one that failed")

	outage := func(what string, events []int, begin, end func()) {
		before := n.metric("process_resident_memory_bytes")
		begin()
		began := time.Now()
		for _, part := range events {
			require.NoError(t, write(t.Context(), out, parts[part]))
		}
		n.awaitLive(time.Minute)
		n.requireHonest(t)
		r, err := n.readiness()
		require.NoError(t, err)
		require.False(t, r.Ready)
		require.Contains(t, fmt.Sprint(r.Parts), "clickhouse false")
		for time.Since(began) < away {
			time.Sleep(away / 20)
			require.True(t, n.Running(), n.Tail())
		}
		during := n.metric("process_resident_memory_bytes")
		waits := n.metric("floorwalker_worker_backpressure_waits_total")
		end()
		back := time.Now()
		s.awaitHistory(conn, 2*time.Minute)
		t.Logf("%s for %s: caught up in %s; memory %.0f MB before, %.0f MB at its end, %.0f waits for room", what, time.Since(began).Round(time.Second),
			time.Since(back).Round(10*time.Millisecond), before/1e6, during/1e6, waits)
	}
	outage("frozen", []int{1}, func() { w.toHouse.Set(proxy.Freeze) }, func() { w.toHouse.Cut(); w.toHouse.Set(proxy.Pass) })
	if long() {
		require.Positive(t, n.metric("floorwalker_worker_backpressure_waits_total"), "more came than a worker holds")
	}
	outage("refused", []int{2}, func() { w.toHouse.Set(proxy.Refuse) }, func() { w.toHouse.Set(proxy.Pass) })
	outage("killed", []int{3}, w.clickHouse.Kill, func() { require.NoError(t, w.clickHouse.Restart(t.Context())) })
	n.Stop(time.Minute)
	s.finish(conn, truth, l)
}

// requireHonest demands that the live view answers, as of now.
func (n *node) requireHonest(t testing.TB) {
	t.Helper()
	for _, cc := range n.site.centers {
		asked := time.Now()
		require.WithinDuration(t, asked, n.asOf(t, cc), 2*time.Second)
	}
}

func (n *node) asOf(t testing.TB, cc string) time.Time {
	t.Helper()
	status, body, err := n.get("/api/v1/contact-centers/" + cc + "/agents?limit=1")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", body)
	var page struct {
		Metadata struct {
			AsOf time.Time `json:"as_of"`
		} `json:"metadata"`
	}
	require.NoError(t, json.Unmarshal(body, &page))
	return page.Metadata.AsOf
}

// A worker whose generation ends while ClickHouse is away neither dies nor takes the live view with it: it goes on when ClickHouse is
// back.
func TestRebalanceWhileClickHouseIsAway_GoesOnAfterwards(t *testing.T) {
	t.Parallel()
	if !long() {
		t.Skip("waits for limits of many seconds; FLOORWALKER_LONG=1 runs it")
	}
	w := newWorld(t)
	l := newLoad(t, 31, 3, 6_000)
	s := w.site("thrown", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	out := writer(t, w.kafka.Addr(), s.topic())
	n := s.start(options{roles: "worker,query", kafka: w.kafka.Addr()})
	require.NoError(t, write(t.Context(), out, l.mixed[:len(l.mixed)/2]))
	s.awaitHistory(conn, time.Minute)

	w.toHouse.Set(proxy.Freeze) // the hardest: nothing fails, nothing comes
	require.NoError(t, write(t.Context(), out, l.mixed[len(l.mixed)/2:]))
	n.awaitLive(time.Minute)
	s.expel()
	// Longer than a worker may take for its last flush: it has to give up and to begin anew, without ClickHouse.
	deadline := time.Now().Add(25 * time.Second)
	for time.Now().Before(deadline) {
		require.True(t, n.Running(), "the process has ended:\n%s", n.Tail())
		time.Sleep(100 * time.Millisecond)
	}
	n.requireHonest(t)
	w.toHouse.Cut()
	w.toHouse.Set(proxy.Pass)
	s.awaitHistory(conn, time.Minute)
	n.Stop(time.Minute)
	s.finish(conn, truth, l)
}

// Kafka is killed: live answers go on, honest about their age; /readyz says so; an event is refused with 503 and Retry-After; and
// when Kafka is back, everything goes on by itself.
func TestKafkaAway_HonestAnswersAndEventsRefused(t *testing.T) {
	t.Parallel()
	if !long() {
		t.Skip("waits for limits of many seconds; FLOORWALKER_LONG=1 runs it")
	}
	w := newWorld(t)
	l := newLoad(t, 40, 3, 6_000)
	s := w.site("quiet", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	out := writer(t, w.kafka.Addr(), s.topic())
	half := len(l.mixed) / 2
	require.NoError(t, write(t.Context(), out, l.mixed[:half]))
	n := s.start(options{roles: "worker,query"})
	n.awaitLive(time.Minute)
	s.awaitHistory(conn, time.Minute)
	truth.awaitLive(time.Minute)

	w.kafka.Kill()
	killed := time.Now()
	program.Eventually(t, time.Minute, "/readyz naming kafka", func() string {
		r, err := n.readiness()
		require.NoError(t, err)
		if parts := fmt.Sprint(r.Parts); r.Ready || !strings.Contains(parts, "kafka false") {
			return parts
		}
		return ""
	})
	program.Eventually(t, time.Minute, "an as_of that stands still", func() string {
		first := n.asOf(t, "c1")
		time.Sleep(50 * time.Millisecond)
		if second := n.asOf(t, "c1"); !second.Equal(first) || second.After(killed) {
			return fmt.Sprint(first, " then ", second)
		}
		return ""
	})
	ev := schema.Event{ID: "late", Source: "/test", ContactCenter: "c1", Type: schema.AgentLogin, Subject: "nobody", Time: time.Now().UnixMilli(), Data: []byte(`{}`)}
	status, header, body, err := n.ask(http.MethodPost, "/api/v1/contact-centers/c1/events", "application/cloudevents+json", string(schema.AppendStructured(nil, &ev)))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, status, "%s", body)
	require.NotEmpty(t, header.Get("Retry-After"))

	w.kafka.Restart()
	back := time.Now()
	require.NoError(t, write(t.Context(), out, l.mixed[half:]))
	n.awaitLive(time.Minute)
	live := time.Since(back)
	s.awaitHistory(conn, 2*time.Minute)
	t.Logf("after a kill of Kafka for %s: live again in %s, history in %s", back.Sub(killed).Round(time.Second), live.Round(10*time.Millisecond),
		time.Since(back).Round(10*time.Millisecond))
	require.True(t, n.Running())
	n.Stop(time.Minute)
	s.finish(conn, truth, l)
}
