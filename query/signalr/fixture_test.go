package signalr_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/query/signalr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, theirs()...) }

// theirs are fasthttp's own goroutines, which end some seconds after its server, or never.
func theirs() (out []goleak.Option) {
	for _, f := range []string{"(*workerPool).workerFunc", "(*workerPool).Start.func2", "updateServerDate.func1"} {
		out = append(out, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp."+f))
	}
	return out
}

const (
	hubName     = "FloorHub"
	classicPath = "/push/signalr"
	corePath    = "/push/hub"
	patience    = 20 * time.Second
)

// hub is a test's handler: it notes what happens and answers Echo, Fail, Tell and Panic.
type hub struct {
	mu     sync.Mutex
	events []string
	conns  []*signalr.Conn
}

func (h *hub) note(format string, a ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, fmt.Sprintf(format, a...))
}

func (h *hub) Connected(c *signalr.Conn) {
	h.note("connected")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns = append(h.conns, c)
}

func (h *hub) Invoked(c *signalr.Conn, method string, arguments []byte) ([]byte, error) {
	switch strings.ToLower(method) {
	case "echo":
		return append([]byte(nil), arguments...), nil
	case "fail":
		return nil, signalr.Error("not today")
	case "break":
		return nil, fmt.Errorf("the secret password is 1234")
	case "panic":
		panic("on purpose")
	case "tell": // [n]: n messages
		var n []int
		if err := json.Unmarshal(arguments, &n); err != nil {
			return nil, err
		}
		for i := range n[0] {
			c.Invoke("", "told", fmt.Appendf(nil, "[%d]", i))
		}
		return nil, nil
	}
	return nil, signalr.Error("no such method")
}

func (h *hub) Reconnected(_ *signalr.Conn, missed bool) { h.note("reconnected missed=%t", missed) }

func (h *hub) Closed(_ *signalr.Conn, reason signalr.Reason) { h.note("closed: %s", reason) }

func (h *hub) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.events...)
}

// conn is the newest open connection.
func (h *hub) conn(t testing.TB) (c *signalr.Conn) {
	t.Helper()
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.conns) > 0 {
			c = h.conns[len(h.conns)-1]
		}
		return c != nil
	}, patience, time.Millisecond)
	return c
}

func (h *hub) wait(t testing.TB, events ...string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assertT) { require.Equal(c, events, h.seen()) }, patience, 2*time.Millisecond)
}

// site is a server on loopback.
type site struct {
	*signalr.Server
	hub     *hub
	addr    string
	metrics *metrics.Set
	stop    func() // ends Run
}

type option func(*signalr.Config, *fiber.Config)

func timing(t signalr.Timing) option {
	return func(c *signalr.Config, _ *fiber.Config) { c.Timing = t }
}

func limits(l signalr.Limits) option {
	return func(c *signalr.Config, _ *fiber.Config) { c.Limits = l }
}

// authenticate takes any Bearer token as the name of who has it.
func authenticate(c *fiber.Ctx) (signalr.Principal, error) {
	name, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if !ok || name == "" {
		return signalr.Principal{}, problem.Unauthenticated("who are you")
	}
	return signalr.Principal{ID: strings.Clone(name)}, nil
}

func start(t testing.TB, options ...option) *site {
	t.Helper()
	h := &hub{}
	s := startWith(t, h, options...)
	s.hub = h
	return s
}

func startWith(t testing.TB, h signalr.Handler, options ...option) *site {
	t.Helper()
	s := &site{metrics: metrics.NewSet()}
	config := signalr.Config{HubName: hubName, Paths: signalr.Paths{Classic: classicPath, Core: corePath}, Authenticate: authenticate,
		Key: []byte("0123456789abcdef0123456789abcdef"), Metrics: s.metrics, Logger: slog.New(slog.DiscardHandler)}
	server := fiber.Config{DisableStartupMessage: true, ReadBufferSize: 32 << 10, ErrorHandler: func(c *fiber.Ctx, err error) error { return problem.Of(err).Send(c, "") }}
	for _, o := range options {
		o(&config, &server)
	}
	var err error
	s.Server, err = signalr.New(config, h)
	require.NoError(t, err)
	registry, err := route.NewRegistry(s.Operations()...)
	require.NoError(t, err)
	app := fiber.New(server)
	registry.Mount(app, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	served := make(chan struct{})
	go func() { defer close(served); _ = app.Listener(listener) }()
	require.Eventually(t, func() bool {
		status, _ := s.get(t, "GET", corePath+"?id=x", "probe")
		return status == http.StatusNotFound
	}, patience, time.Millisecond)
	s.stop = func() { cancel(); running.Wait() }
	t.Cleanup(func() {
		s.stop()
		http.DefaultClient.CloseIdleConnections()
		_ = app.ShutdownWithTimeout(2 * time.Second)
		<-served
	})
	return s
}

func (s *site) request(method, path, who string, body url.Values) *http.Request {
	var r io.Reader
	if body != nil {
		r = strings.NewReader(body.Encode())
	}
	req, err := http.NewRequest(method, "http://"+s.addr+path, r)
	if err != nil {
		panic(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+who)
	}
	return req
}

func do(t testing.TB, req *http.Request) (status int, body string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(b)
}

func (s *site) get(t testing.TB, method, path, who string) (status int, body string) {
	t.Helper()
	return do(t, s.request(method, path, who, nil))
}

// counter reads a metric.
func (s *site) counter(name string) string {
	var b strings.Builder
	s.metrics.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// classic is a client of ASP.NET SignalR, as far as a test needs one.
type classic struct {
	site      *site
	who       string
	id, token string
	cursor    string
}

func (s *site) negotiate(t testing.TB, who string) *classic {
	t.Helper()
	status, body := s.get(t, "GET", classicPath+"/negotiate?clientProtocol=2.1&connectionData="+url.QueryEscape(`[{"name":"floorhub"}]`), who)
	require.Equal(t, 200, status, body)
	var n struct{ ConnectionToken, ConnectionId string }
	require.NoError(t, json.Unmarshal([]byte(body), &n))
	return &classic{site: s, who: who, id: n.ConnectionId, token: n.ConnectionToken}
}

func (c *classic) path(verb, transport string) string {
	q := url.Values{"transport": {transport}, "clientProtocol": {"2.1"}, "connectionToken": {c.token}, "connectionData": {`[{"name":"floorhub"}]`}}
	if c.cursor != "" {
		q.Set("messageId", c.cursor)
	}
	return classicPath + "/" + verb + "?" + q.Encode()
}

func (c *classic) ask(t testing.TB, method, verb, transport string) (int, string) {
	t.Helper()
	return c.site.get(t, method, c.path(verb, transport), c.who)
}

func dial(t testing.TB, s *site, path, who string) *websocket.Conn {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.Dial("ws://"+s.addr+path+"&access_token="+who, nil)
	if err != nil && res != nil {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("%v: %d %s", err, res.StatusCode, b)
	}
	require.NoError(t, err)
	t.Cleanup(func() { _ = ws.Close() })
	return ws
}

// reader reads frames of a transport.
type reader interface {
	next(t testing.TB) string
	cut()
}

type wsReader struct{ ws *websocket.Conn }

func (r wsReader) next(t testing.TB) string {
	t.Helper()
	_ = r.ws.SetReadDeadline(time.Now().Add(patience))
	_, b, err := r.ws.ReadMessage()
	require.NoError(t, err)
	return string(b)
}

func (r wsReader) cut() { _ = r.ws.NetConn().Close() }

type sseReader struct {
	res   *http.Response
	lines *bufio.Reader
	end   context.CancelFunc
}

func (s *site) events(t testing.TB, path, who string) *sseReader {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	t.Cleanup(cancel)
	req := s.request("GET", path, who, nil).WithContext(ctx)
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	return &sseReader{res: res, lines: bufio.NewReader(res.Body), end: cancel}
}

func (r *sseReader) next(t testing.TB) string {
	t.Helper()
	for {
		line, err := r.lines.ReadString('\n')
		require.NoError(t, err)
		if data, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "data: "); ok {
			return data
		}
	}
}

func (r *sseReader) cut() { r.end(); _ = r.res.Body.Close() }

// open connects a transport that stays and starts the connection.
func (c *classic) open(t testing.TB, transport string) reader {
	t.Helper()
	r := c.reader(t, "connect", transport)
	require.Equal(t, `{"C":"d-0","S":1,"M":[]}`, r.next(t))
	c.cursor = "d-0"
	status, body := c.ask(t, "GET", "start", transport)
	require.Equal(t, 200, status, body)
	require.Equal(t, `{"Response":"started"}`, body)
	return r
}

func (c *classic) reader(t testing.TB, verb, transport string) reader {
	t.Helper()
	if transport == "webSockets" {
		return wsReader{dial(t, c.site, c.path(verb, transport), c.who)}
	}
	r := c.site.events(t, c.path(verb, transport), c.who)
	require.Equal(t, "initialized", r.next(t))
	return r
}

// payload is what the server sends to a classic client.
type payload struct {
	C string
	S int
	T int
	E string
	M []struct {
		H, M string
		A    []json.RawMessage
	}
}

// told reads calls of told(n) until n of them are there, and what numbers they had.
func (c *classic) told(t testing.TB, next func() string, n int) (numbers []string) {
	t.Helper()
	for len(numbers) < n {
		var p payload
		text := next()
		require.NoError(t, json.Unmarshal([]byte(text), &p), text)
		if p.C != "" {
			c.cursor = p.C
		}
		for _, m := range p.M {
			require.Equal(t, hubName, m.H)
			numbers = append(numbers, string(m.A[0]))
		}
	}
	return numbers
}

func long() bool { return os.Getenv("FLOORWALKER_LONG") == "1" }
