package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/cmd/floorwalker/config"
)

// Whoever sends requests here is told first that the end is near, and has the time to send them elsewhere: until then all are answered,
// on connections that are not kept. Then streams end with a reason, and nobody listens any more.
func TestDrain_ToldFirstAndAnsweredOn_ThenStreamsEnd(t *testing.T) {
	i := install(t)
	token := config.NewToken()
	i.cfg.Roles, i.cfg.Shutdown.DrainDelay = []string{config.RoleQuery}, time.Second
	i.cfg.Tokens = []config.Token{{Name: "t", Role: "reader", TokenSHA256: config.TokenSum(token)}}
	i.cfg.ContactCenters = []config.ContactCenter{{ID: "6"}}
	i.cfg.Query.Limits.RequestsPerSecond, i.cfg.Query.Limits.Burst = 1_000_000, 1_000_000
	s, stop := i.work()
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	get := func(path string) *http.Response {
		req, err := http.NewRequest(http.MethodGet, s.url+path, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := client.Do(req)
		require.NoError(t, err)
		return resp
	}
	ask := func(path string) (status int, body string, close bool) {
		resp := get(path)
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(data), resp.Close
	}
	const proxys, agents = "/readyz?for=requests", "/api/v1/contact-centers/6/agents"
	require.Eventually(t, func() bool { status, _, _ := ask(proxys); return status == http.StatusOK }, 20*time.Second, 20*time.Millisecond)
	status, _, closed := ask(agents)
	require.Equal(t, []any{200, false}, []any{status, closed})
	stream := get("/api/v1/contact-centers/6/stream?topics=agents")
	defer stream.Body.Close()
	require.Equal(t, http.StatusOK, stream.StatusCode)

	drained, began := make(chan error, 1), time.Now()
	go func() { drained <- s.drain() }()
	require.Eventually(t, func() bool { status, _, _ := ask(proxys); return status == http.StatusServiceUnavailable }, 20*time.Second, time.Millisecond)
	for len(drained) == 0 {
		status, _, closed := ask(agents)
		require.Equal(t, []any{200, true}, []any{status, closed})
		status, body, _ := ask("/readyz")
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "shutdown: not ready, going down")
	}
	require.NoError(t, <-drained)
	require.GreaterOrEqual(t, time.Since(began), time.Second)
	stop()
	var last string
	for lines := bufio.NewScanner(stream.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "data:") {
			last = lines.Text()
		}
	}
	require.Contains(t, last, `"reason":"shutting_down"`)
	_, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.Error(t, err)
}

// A proxy that takes nodes out while Kafka or ClickHouse is away, or slow to answer, would take out all of them, though each of them answers.
func TestReadiness_ClickHouseAway_RequestsMayComeAllTheSame(t *testing.T) {
	i := install(t)
	i.cfg.Roles = []string{config.RoleQuery}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	i.cfg.ClickHouse.Addresses, i.cfg.ClickHouse.DialTimeout = []string{silent.Addr().String()}, time.Second
	s, stop := i.work()
	defer stop()
	require.Eventually(t, func() bool { r := s.serving(); return r.Ready() }, 20*time.Second, 20*time.Millisecond)
	for path, want := range map[string]int{"/readyz": 503, "/readyz?for=requests": 200, "/readyz?for=all": 400, "/healthz": 200} {
		began := time.Now()
		resp, err := http.Get(s.url + path)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, path)
		require.True(t, path == "/readyz" || time.Since(began) < probeTimeout/2, "%s took %s", path, time.Since(began))
	}
}

// Profiles are served where the configuration says, on a port of their own, and nowhere else.
func TestDebug_ProfilesOnTheirOwnPortOnly(t *testing.T) {
	i := install(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	i.cfg.Debug.Listen = listener.Addr().String()
	require.NoError(t, listener.Close())
	s, stop := i.work()
	defer stop()
	for url, want := range map[string]int{
		"http://" + i.cfg.Debug.Listen + "/debug/pprof/heap?debug=1": 200, "http://" + i.cfg.Debug.Listen + "/readyz": 404, s.url + "/debug/pprof/": 404,
	} {
		resp, err := http.Get(url)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, url)
	}
}
