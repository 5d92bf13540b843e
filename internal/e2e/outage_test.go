package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/broker"
	"floorwalker/internal/clickhouse"
	"floorwalker/internal/program"
	"floorwalker/internal/proxy"
)

// site is a Kafka and a ClickHouse that can go away, and Floorwalkers of their own processes that work with them.
type site struct {
	t       *testing.T
	dir     string
	broker  *broker.Broker
	house   *clickhouse.Server
	toHouse *proxy.Proxy
}

func newSite(t *testing.T) *site {
	t.Helper()
	requireEngine(t)
	s := &site{t: t, dir: t.TempDir()}
	s.startKafka("127.0.0.1:0")
	t.Cleanup(func() { _ = s.broker.Close() })
	var err error
	s.house, err = clickhouse.Start(t.Context(), clickhouse.Config{Dir: filepath.Join(s.dir, "clickhouse"), MemoryLimit: 2 << 30, Log: quiet()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.house.Stop(t.Context()) })
	s.toHouse, err = proxy.New()
	require.NoError(t, err)
	t.Cleanup(s.toHouse.Close)
	s.toHouse.To(s.house.Addr())
	return s
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (s *site) startKafka(address string) {
	s.t.Helper()
	program.Eventually(s.t, readyWithin, "kafka on "+address, func() string {
		var err error
		if s.broker, err = broker.Start(broker.Config{Dir: filepath.Join(s.dir, "broker"), Addr: address, Log: quiet()}); err != nil {
			return err.Error()
		}
		return ""
	})
}

// serve starts a process with one role. Processes of one name share their data directory, one after the other.
func (s *site) serve(name, role string) *floor {
	s.t.Helper()
	f := &floor{t: s.t, demo: demo{ContactCenter: "6", Kafka: s.broker.Addr(), Tokens: map[string]string{"admin": "let me in, it is me", "reader": "let me in, it is me", "producer": "let me in, it is me"}}}
	listen := freeAddress(s.t)
	f.URL = "http://" + listen
	token := filepath.Join(s.dir, "token")
	require.NoError(s.t, os.WriteFile(token, []byte("let me in, it is me"), 0o600))
	config := filepath.Join(s.dir, name+".yaml")
	require.NoError(s.t, os.WriteFile(config, fmt.Appendf(nil, `
listen: %q
roles: [%s]
data_dir: %q
shutdown: {drain_delay: 0s}
kafka: {brokers: [%q], partitions: 2, replication: 1}
clickhouse: {addresses: [%q], dial_timeout: 1s}
engine: {checkpoint_interval: 1s, flush_interval: 200ms}
tokens: [{name: all, role: admin, token_file: %q}]
contact_centers: [{id: "6"}]
`, listen, role, filepath.Join(s.dir, name), s.broker.Addr(), s.toHouse.Addr(), token), 0o600))
	f.process = program.Start(s.t, "serve", "--config", config)
	return f
}

// awaitWell waits until /readyz answers 200: without the query role it answers no JSON.
func (f *floor) awaitWell() {
	f.t.Helper()
	program.Eventually(f.t, readyWithin, "readiness", func() string {
		require.True(f.t, f.process.Running(), "floorwalker ended:\n%s", f.process.Tail())
		a, err := f.try(http.MethodGet, "", "/readyz", nil, "")
		if err != nil {
			return err.Error()
		}
		if a.status != http.StatusOK {
			return string(a.body)
		}
		return ""
	})
}

func (f *floor) part(name string) (ready bool, detail string) {
	r, err := f.readiness()
	if err != nil {
		return false, err.Error()
	}
	for _, p := range r.Parts {
		if p.Name == name {
			return p.Ready, p.Detail
		}
	}
	return false, "there is no part " + name
}

func (f *floor) awaitPart(name string, ready bool) {
	f.t.Helper()
	program.Eventually(f.t, readyWithin, fmt.Sprintf("%s ready: %t", name, ready), func() string {
		require.True(f.t, f.process.Running(), "floorwalker ended:\n%s", f.process.Tail())
		if is, detail := f.part(name); is != ready {
			return fmt.Sprint("it is not: ", detail)
		}
		return ""
	})
}

// say posts an agent's status and waits until it is seen.
func (f *floor) say(agent, status string) {
	f.t.Helper()
	e := goodEvent(f.ContactCenter, "cc.agent.status", agent, time.Now().Truncate(time.Millisecond), map[string]any{"status": status})
	a := f.do(http.MethodPost, "producer", of(f.ContactCenter, "events"), e.json(), "application/cloudevents+json")
	require.Equal(f.t, http.StatusAccepted, a.status, "%s", a.body)
	f.awaitStatus(agent, status)
}

func (f *floor) awaitStatus(agent, status string) {
	f.t.Helper()
	program.Eventually(f.t, readyWithin, agent+" "+status, func() string {
		a, err := f.try(http.MethodGet, "reader", of(f.ContactCenter, "agents/"+agent), nil, "")
		if err != nil {
			return err.Error()
		}
		var got struct {
			Status string `json:"status"`
		}
		if err := json.Unmarshal(a.body, &got); err != nil || got.Status != status {
			return string(a.body)
		}
		return ""
	})
}

func (f *floor) asOf() time.Time {
	f.t.Helper()
	var page struct {
		Metadata metadata `json:"metadata"`
	}
	f.read("agents", nil, &page)
	return page.Metadata.AsOf
}

func (f *floor) requireUnavailable(a answer, code string) {
	f.t.Helper()
	require.Equal(f.t, http.StatusServiceUnavailable, a.status, "%s", a.body)
	require.Equal(f.t, "application/problem+json", a.header.Get("Content-Type"))
	require.NotEmpty(f.t, a.header.Get("Retry-After"), "%s", a.body)
	require.Contains(f.t, string(a.body), `"code":"`+code+`"`)
}

// past asks for the history of the last hour.
func (f *floor) past() answer {
	f.t.Helper()
	q := url.Values{"from": {"now-60m"}, "to": {"now"}, "metrics": {"status_ms.break"}}
	return f.do(http.MethodGet, "reader", of("6", "metrics")+"?"+q.Encode(), nil, "")
}

func (f *floor) said() string {
	data, err := os.ReadFile(f.process.Log)
	require.NoError(f.t, err)
	return string(data)
}

// While ClickHouse is away live answers go on and history refuses; a query node that starts meanwhile is live at once, from its own
// checkpoint or without one; a worker that starts meanwhile waits. When ClickHouse is back everything is in it.
func TestClickHouseAway_LiveGoesOn(t *testing.T) {
	s := newSite(t)
	worker, node := s.serve("worker", "worker"), s.serve("node", "query")
	worker.awaitWell()
	node.awaitWell()
	node.say("a1", "break")
	node.settle()
	require.Equal(t, http.StatusOK, node.past().status)
	worker.process.Stop(stopWithin)

	s.toHouse.Set(proxy.Refuse)
	node.awaitPart("clickhouse", false)
	node.requireUnavailable(node.past(), "history_unavailable")
	node.say("a2", "lunch")
	require.WithinDuration(t, time.Now(), node.asOf(), 10*time.Second)
	ready, detail := node.part("live view")
	require.True(t, ready, detail)
	node.process.Stop(stopWithin) // saves its state

	worker, node = s.serve("worker", "worker"), s.serve("node", "query")
	empty := s.serve("empty", "query")
	began := time.Now()
	for _, f := range []*floor{node, empty} {
		f.awaitPart("live view", true)
		f.awaitStatus("a2", "lunch")
		ready, _ := f.part("clickhouse")
		require.False(t, ready)
		f.say("a3", "meeting")
	}
	require.Less(t, time.Since(began), 40*time.Second, "nobody waits for ClickHouse")
	require.Contains(t, node.said(), "from=disk")
	require.Contains(t, empty.said(), "from=kafka")
	var rows []row
	rows, _ = node.metrics(url.Values{"window": {"today"}, "group_by": {"agent"}, "metrics": {"status_ms.break"}})
	require.NotEmpty(t, rows, "today is whole in the node's file")
	require.True(t, worker.process.Running())

	s.toHouse.Set(proxy.Pass)
	for _, f := range []*floor{worker, node, empty} {
		f.awaitWell()
	}
	node.settle()
	require.Equal(t, http.StatusOK, node.past().status)
	program.Eventually(t, readyWithin, "the empty node asks ClickHouse what it lacks", func() string {
		if !strings.Contains(empty.said(), "live view has begun anew") {
			return "not yet"
		}
		return ""
	})
	empty.awaitStatus("a3", "meeting")
	for _, f := range []*floor{node, empty, worker} {
		f.process.Stop(stopWithin)
	}
}

// A ClickHouse that hangs instead of refusing holds nobody up either, and one that was killed is found again.
func TestClickHouseHangs_LiveGoesOn(t *testing.T) {
	s := newSite(t)
	both := s.serve("both", "worker, query")
	both.awaitWell()
	both.say("a1", "break")
	both.settle()
	s.toHouse.Set(proxy.Freeze)
	both.awaitPart("clickhouse", false)
	both.say("a2", "lunch")
	node := s.serve("node", "query")
	node.awaitPart("live view", true)
	node.awaitStatus("a2", "lunch")
	s.house.Kill()
	require.NoError(t, s.house.Restart(t.Context()))
	s.toHouse.Cut()
	s.toHouse.Set(proxy.Pass)
	both.awaitWell()
	both.settle()
	node.awaitWell()
	node.process.Stop(stopWithin)
	both.process.Stop(stopWithin)
}

// While Kafka is away live answers go on as of the newest event, /readyz says so, and events are refused, not lost.
func TestKafkaAway_HonestAndNothingAccepted(t *testing.T) {
	s := newSite(t)
	f := s.serve("both", "worker, query")
	f.awaitWell()
	f.say("a1", "break")
	var agent struct {
		Since time.Time `json:"status_since"`
	}
	f.read("agents/a1", nil, &agent)
	address := s.broker.Addr()
	require.NoError(t, s.broker.Close())
	f.awaitPart("kafka", false)
	f.awaitPart("live view", false)
	a := f.do(http.MethodGet, "", "/readyz", nil, "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	f.awaitStatus("a1", "break")
	program.Eventually(t, readyWithin, "as of the newest event", func() string {
		if at := f.asOf(); !at.Equal(agent.Since) {
			return at.String()
		}
		return ""
	})

	e := goodEvent("6", "cc.agent.status", "a2", time.Now().Truncate(time.Millisecond), map[string]any{"status": "lunch"})
	f.requireUnavailable(f.do(http.MethodPost, "producer", of("6", "events"), e.json(), "application/cloudevents+json"), "kafka_unavailable")
	none := f.do(http.MethodGet, "reader", of("6", "agents/a2"), nil, "")
	require.Equal(t, http.StatusNotFound, none.status)

	s.startKafka(address)
	f.awaitWell()
	f.say("a2", "lunch")
	require.WithinDuration(t, time.Now(), f.asOf(), 10*time.Second)
	f.process.Stop(stopWithin)
}

// The demo's ClickHouse is brought back when it dies, with its last words in the log, and is the last to be stopped.
func TestDemo_ClickHouseDies_BroughtBackAndStoppedLast(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	var pid int
	for line := range strings.Lines(f.said()) {
		if _, rest, ok := strings.Cut(line, "clickhouse started"); ok {
			_, after, _ := strings.Cut(rest, "pid=")
			_, err := fmt.Sscan(after, &pid)
			require.NoError(t, err, line)
		}
	}
	require.NotZero(t, pid)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	program.Eventually(t, readyWithin, "clickhouse is back", func() string {
		if said := f.said(); !strings.Contains(said, "clickhouse restarted") || !strings.Contains(said, "the end of clickhouse's log") {
			return "not yet"
		}
		return ""
	})
	f.awaitWell()
	f.say("a1", "break")
	f.settle() // the worker is at work again
	f.process.Stop(stopWithin)
	said := f.said()
	house, worker := strings.Index(said, "stopped component=clickhouse"), strings.Index(said, "stopped component=worker")
	require.Positive(t, worker, said)
	require.Greater(t, house, worker, "whoever writes at the end needs it")
}
