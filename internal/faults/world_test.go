package faults

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/internal/program"
	"floorwalker/internal/proxy"
)

const (
	partitions = 4
	token      = "faults-token-of-the-admin"
)

// world is a Kafka and a ClickHouse, each reachable directly and through a proxy.
type world struct {
	t          testing.TB
	kafka      *kafkatest.Broker
	toKafka    *proxy.Proxy
	clickHouse *clickhouse.Server
	toHouse    *proxy.Proxy
}

// newWorld starts both. The ClickHouse is one of its own, for killing.
func newWorld(t testing.TB) *world {
	t.Helper()
	program.Path(t)
	clickhousetest.RequireEngine(t)
	w := &world{t: t, toKafka: newProxy(t), toHouse: newProxy(t)}
	w.kafka = kafkatest.StartBehind(t, w.toKafka.Addr())
	w.toKafka.To(w.kafka.Behind())
	var err error
	w.clickHouse, err = clickhouse.Start(t.Context(), clickhouse.Config{Dir: t.TempDir(), MemoryLimit: 3 << 30, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.clickHouse.Stop(context.Background()) })
	w.toHouse.To(w.clickHouse.Addr())
	return w
}

func newProxy(t testing.TB) *proxy.Proxy {
	t.Helper()
	p, err := proxy.New()
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// site is a Floorwalker's topic, group and database.
type site struct {
	*world
	name    string
	centers []string
}

// site makes the topic and an empty database.
func (w *world) site(name string, centers []string) *site {
	w.t.Helper()
	s := &site{world: w, name: name, centers: centers}
	for topic, config := range map[string][]kafka.ConfigEntry{
		s.topic():          {{ConfigName: "message.timestamp.after.max.ms", ConfigValue: "300000"}, {ConfigName: "retention.ms", ConfigValue: "-1"}},
		name + "-letters":  nil,
		name + "-commands": nil,
		name + "-people":   {{ConfigName: "cleanup.policy", ConfigValue: "compact"}},
	} {
		w.kafka.CreateTopic(topic, partitions, config...)
	}
	admin, err := clickhousetest.Open(w.clickHouse.Addr(), "default")
	require.NoError(w.t, err)
	defer admin.Close()
	require.NoError(w.t, admin.Exec(w.t.Context(), "CREATE DATABASE "+name))
	return s
}

func (s *site) topic() string { return s.name + "-events" }

// conn is a connection to the site's database, without the proxy.
func (s *site) conn() driver.Conn {
	s.t.Helper()
	conn, err := clickhousetest.Open(s.clickHouse.Addr(), s.name)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// node is a Floorwalker process of a site.
type node struct {
	*program.Process
	site *site
	url  string
	dir  string
}

// options of a node.
type options struct {
	roles    string // worker; query; worker,query
	kafka    string // empty: through the proxy
	house    string // empty: through the proxy
	dir      string // of its local data; empty: a fresh one
	settings string // instead of the engine's lines in the configuration
	drain    string // shutdown.drain_delay; empty: none
}

// start runs a process and returns at once.
func (s *site) start(o options) *node {
	s.t.Helper()
	if o.dir == "" {
		o.dir = s.t.TempDir()
	}
	n := &node{site: s, dir: o.dir}
	n.Process = program.Start(s.t, "serve", "--config", s.configure(o), "--roles", o.roles)
	return n
}

// configure writes a configuration.
func (s *site) configure(o options) string {
	s.t.Helper()
	file := filepath.Join(o.dir, "floorwalker-"+uuid.NewString()[:8]+".yaml")
	var centers strings.Builder
	for _, cc := range s.centers {
		fmt.Fprintf(&centers, "  - id: %s\n", cc)
	}
	text := fmt.Sprintf(`listen: 127.0.0.1:0
data_dir: %s
kafka:
  brokers: [%q]
  group: %s
  partitions: %d
  replication: 1
  topics: {events: %[5]s-events, directory: %[5]s-people, commands: %[5]s-commands, dead_letters: %[5]s-letters}
clickhouse: {addresses: [%[6]q], database: %[5]s}
%[9]s
shutdown: {drain_delay: %[10]s}
tokens: [{name: faults, role: admin, token_sha256: %[7]x}]
contact_centers:
%[8]s
`, o.dir, or(o.kafka, s.toKafka.Addr()), s.name, partitions, s.name, or(o.house, s.toHouse.Addr()), sha256.Sum256([]byte(token)), centers.String(), or(o.settings, "engine: {flush_interval: 200ms, checkpoint_interval: 1s}"), or(o.drain, "0s"))
	require.NoError(s.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var served = regexp.MustCompile(`msg="?serving[^\n]*url=(\S+)`)

// address waits until the node says where it serves.
func (n *node) address() string {
	n.site.t.Helper()
	if n.url != "" {
		return n.url
	}
	program.Eventually(n.site.t, time.Minute, "a node that serves", func() string {
		data, err := os.ReadFile(n.Log)
		require.NoError(n.site.t, err)
		if m := served.FindSubmatch(data); m != nil {
			n.url = strings.Trim(string(m[1]), `"`)
			return ""
		}
		require.True(n.site.t, n.Running(), "the node has ended:\n%s", n.Tail())
		return "it says nothing yet"
	})
	return n.url
}

// get asks the node; the body is JSON where there is any.
func (n *node) get(path string) (status int, body []byte, err error) {
	return n.do(http.MethodGet, path, "", "")
}

func (n *node) do(method, path, contentType, body string) (int, []byte, error) {
	status, _, got, err := n.ask(method, path, contentType, body)
	return status, got, err
}

func (n *node) ask(method, path, contentType, body string) (int, http.Header, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.address()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, got, err
}

// metric reads one of the node's figures, 0 where it is not there.
func (n *node) metric(name string) float64 {
	n.site.t.Helper()
	_, body, err := n.get("/metrics")
	require.NoError(n.site.t, err)
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			require.NoError(n.site.t, err)
			return v
		}
	}
	return 0
}

// ready is what a query node says of itself.
type ready struct {
	Ready bool `json:"ready"`
	Parts []struct {
		Name   string `json:"name"`
		Ready  bool   `json:"ready"`
		Detail string `json:"detail"`
	} `json:"parts"`
	Partitions []struct {
		Partition int    `json:"partition"`
		Applied   int64  `json:"applied"`
		End       int64  `json:"end"`
		CaughtUp  bool   `json:"caught_up"`
		History   *int64 `json:"history"`
	} `json:"partitions"`
}

func (n *node) readiness() (r ready, err error) {
	_, body, err := n.get("/readyz")
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(body, &r)
}

// ends asks Kafka for the next offset of each partition.
func (s *site) ends() map[int]int64 {
	s.t.Helper()
	var out map[int]int64
	program.Eventually(s.t, time.Minute, "the ends of the partitions", func() string {
		var err error
		if out, err = s.askEnds(); err != nil {
			return err.Error()
		}
		return ""
	})
	return out
}

func (s *site) askEnds() (map[int]int64, error) {
	client, idle := s.client()
	defer idle()
	var ask []kafka.OffsetRequest
	for p := range partitions {
		ask = append(ask, kafka.LastOffsetOf(p))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	res, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{s.topic(): ask}})
	if err != nil {
		return nil, err
	}
	out := map[int]int64{}
	for _, p := range res.Topics[s.topic()] {
		if p.Error != nil {
			return nil, p.Error
		}
		out[p.Partition] = p.LastOffset
	}
	if len(out) != partitions {
		return nil, fmt.Errorf("%d of %d partitions", len(out), partitions)
	}
	return out, nil
}

func (s *site) client() (*kafka.Client, func()) {
	transport := &kafka.Transport{MetadataTTL: time.Second}
	return &kafka.Client{Addr: kafka.TCP(s.kafka.Addr()), Timeout: 5 * time.Second, Transport: transport}, transport.CloseIdleConnections
}

// awaitHistory waits until the history holds everything that Kafka has.
func (s *site) awaitHistory(conn driver.Conn, within time.Duration) {
	s.t.Helper()
	ends := s.ends()
	program.Eventually(s.t, within, "the whole of Kafka in the history of "+s.name, func() string {
		got, err := s.flushed(conn)
		if err != nil {
			return err.Error()
		}
		for p, end := range ends {
			if got[p] < end {
				return fmt.Sprintf("flushed %v of %v", got, ends)
			}
		}
		return ""
	})
}

func (s *site) flushed(conn driver.Conn) (map[int]int64, error) {
	rows, err := conn.Query(context.Background(), "SELECT toInt64(partition), toInt64(max(offset)) FROM progress WHERE contact_center = '' GROUP BY partition")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[int]int64{}
	for rows.Next() {
		var p, offset int64
		if err := rows.Scan(&p, &offset); err != nil {
			return nil, err
		}
		out[int(p)] = offset
	}
	return out, rows.Err()
}

// awaitLive waits until the node's live view has applied everything that Kafka has.
func (n *node) awaitLive(within time.Duration) {
	n.site.t.Helper()
	ends := n.site.ends()
	program.Eventually(n.site.t, within, "the whole of Kafka in the live view", func() string {
		require.True(n.site.t, n.Running(), "the node has ended:\n%s", n.Tail())
		r, err := n.readiness()
		if err != nil {
			return err.Error()
		}
		for _, p := range r.Partitions {
			if p.Applied < ends[p.Partition] || !p.CaughtUp {
				return fmt.Sprintf("applied %d of %d in partition %d", p.Applied, ends[p.Partition], p.Partition)
			}
		}
		if len(r.Partitions) < partitions {
			return fmt.Sprintf("%+v", r)
		}
		return ""
	})
}

// expel has the group forget all its members, as it would those whose process is gone when their session ends, some 20 s later.
// Members that live join again.
func (s *site) expel() {
	s.t.Helper()
	program.Eventually(s.t, 30*time.Second, "all members out of the group", func() string {
		if err := s.tryExpel(); err != nil {
			return err.Error()
		}
		return ""
	})
}

func (s *site) tryExpel() error {
	client, idle := s.client()
	defer idle()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ids, err := s.members(ctx, client)
	faults := []error{err}
	for _, id := range ids {
		_, err := client.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: s.name, Members: []kafka.LeaveGroupRequestMember{{ID: id}}})
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// members lists the ids of the group's members.
func (s *site) members(ctx context.Context, client *kafka.Client) ([]string, error) {
	res, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{s.name}})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, g := range res.Groups {
		if g.Error != nil && !errors.Is(g.Error, kafka.GroupIdNotFound) {
			return nil, g.Error
		}
		for _, m := range g.Members {
			out = append(out, m.MemberID)
		}
	}
	return out, nil
}
