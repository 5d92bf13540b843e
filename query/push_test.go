package query_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/hub"
	"floorwalker/schema"
)

// pushed is a server on a port, with push.
type pushed struct {
	*fixture
	hub      *hub.Hub
	url      string // of contact centre 6
	stopPush func() // and wait for it
}

func newPushed(t testing.TB, limits hub.Limits, options ...option) *pushed {
	p := &pushed{}
	options = append([]option{func(_ *query.Config, d *query.Deps) {
		var err error
		p.hub, err = hub.New(hub.Config{Source: d.Source, Limits: limits, Metrics: d.Set, Log: d.Logger})
		require.NoError(t, err)
		d.Push = p.hub
	}}, options...)
	p.fixture = newFixture(t, options...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.url = "http://" + listener.Addr().String() + "/api/v1/contact-centers/6"
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	ended := make(chan struct{})
	running.Go(func() { defer close(ended); _ = p.hub.Run(ctx) })
	p.stopPush = func() { stop(); <-ended }
	running.Go(func() { _ = p.app.Serve(listener) })
	t.Cleanup(func() {
		p.stopPush()
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.app.Shutdown(limit)
		running.Wait()
	})
	return p
}

// event of a stream.
type event struct {
	name, id string
	data     map[string]any
}

// events reads a stream of Server-Sent Events.
type events struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Reader
	rows map[string]map[string]map[string]any // by topic and id
}

func (p *pushed) listen(query string, headers ...string) *events {
	p.t.Helper()
	resp := p.open(query, headers...)
	require.Equal(p.t, 200, resp.StatusCode)
	require.Equal(p.t, "text/event-stream", resp.Header.Get("Content-Type"))
	return &events{p.t, resp, bufio.NewReader(resp.Body), map[string]map[string]map[string]any{}}
}

func (p *pushed) open(query string, headers ...string) *http.Response {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	p.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", p.url+"/stream?"+query, nil)
	require.NoError(p.t, err)
	r.Header.Set("Authorization", "Bearer "+token("reader"))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{}}
	resp, err := client.Do(r)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { resp.Body.Close(); client.CloseIdleConnections() })
	return resp
}

// next reads one event; heartbeats are skipped.
func (e *events) next() event {
	e.t.Helper()
	ev, err := e.read()
	require.NoError(e.t, err)
	return ev
}

func (e *events) read() (event, error) {
	var ev event
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			return ev, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			ev.name = value
		case "id":
			ev.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &ev.data); err != nil {
				return ev, errors.Join(err, errors.New(value))
			}
		case "":
			if ev.name != "" && ev.name != "heartbeat" {
				return ev, nil
			}
			ev = event{}
		}
	}
}

func ids(rows any) []string {
	out := []string{}
	for _, r := range rows.([]any) {
		out = append(out, r.(map[string]any)["id"].(string))
	}
	return out
}

func TestStream_SendsTheStateAndThenWhatChanges(t *testing.T) {
	p := newPushed(t, hub.Limits{})
	s := p.listen("topics=agents&agents.team=T1&interval_ms=50")
	first := s.next()
	require.Equal(t, "agents", first.name)
	require.Equal(t, true, first.data["reset"])
	require.Equal(t, []string{"ann", "bob"}, ids(first.data["rows"]))
	ann := first.data["rows"].([]any)[0].(map[string]any)
	require.NotContains(t, ann, "status_age_ms")
	require.NotContains(t, ann, "today")

	p.live.change("6", func(f *schema.Floor) {
		bob := loggedIn("bob", schema.Lunch, noon)
		f.Agents.Set("bob", bob)
	})
	second := s.next()
	require.Equal(t, []string{"bob"}, ids(second.data["rows"]))
	require.Equal(t, false, second.data["reset"])
	require.Equal(t, "lunch", second.data["rows"].([]any)[0].(map[string]any)["status"])

	p.say("6", "agent", "bob", `{"name":"Bob","login":"l-bob","email":"bob@x","team_id":"T2","role":"agent","skills":[],"queue_ids":[],"campaign_ids":[]}`)
	third := s.next()
	require.Equal(t, []any{"bob"}, third.data["removed"])
	require.Empty(t, third.data["rows"])

	// Back with the id of the second: told what came after it, and nothing else.
	again := p.listen("topics=agents&agents.team=T1&interval_ms=50", "Last-Event-ID", second.id)
	fourth := again.next()
	require.Equal(t, third.data["removed"], fourth.data["removed"])
	require.Equal(t, third.id, fourth.id)
}

// changed is a new version of the floor with links in the chain of changes, as the live view makes it.
func (p *pushed) changed(with func(*schema.Floor), links ...*schema.Change) {
	p.live.change("6", func(f *schema.Floor) {
		with(f)
		for _, link := range links {
			f.Changes = f.Changes.Then(link)
		}
	})
}

// An agent's row shows its interactions' customers, and an interaction's row its agents' marks: the one changes with the other.
func TestStream_RowChangesWithWhatItShowsOfOthers(t *testing.T) {
	p := newPushed(t, hub.Limits{})
	eve := loggedIn("eve", schema.Break, noon)
	p.changed(func(f *schema.Floor) { f.Agents.Set("eve", eve) }, &schema.Change{Agent: eve}) // the chain begins
	agents := p.listen("topics=agents&agents.id=ann&interval_ms=50")
	agents.next()
	call := connectedCall()
	call.Customer = []byte(`{"id":"cust-2"}`)
	p.changed(func(f *schema.Floor) { f.Interactions.Set("call/1", call) }, &schema.Change{Interaction: call})
	ann := agents.next().data["rows"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"id": "cust-2"}, ann["interactions"].([]any)[0].(map[string]any)["customer"])

	chat := waitingChat()
	part := &chat.Parts[0]
	part.Ended, part.Finished = noon, noon
	part.Segments = append(part.Segments[:0:0], schema.Segment{State: schema.StateDeclined, Since: noon, Until: noon})
	zoe := loggedIn("zoe", schema.Available, noon)
	zoe.Parts = []schema.LivePart{{Interaction: "chat-2", State: schema.StateDeclined, Since: noon}}
	p.changed(func(f *schema.Floor) { f.Interactions.Set("chat-2", chat); f.Agents.Set("zoe", zoe) }, &schema.Change{Interaction: chat}, &schema.Change{Agent: zoe})
	chats := p.listen("topics=interactions&interactions.channel=chat&interval_ms=50")
	state := func(ev event) any {
		return ev.data["rows"].([]any)[0].(map[string]any)["agents"].([]any)[0].(map[string]any)["state"]
	}
	require.Equal(t, "declined", state(chats.next()))
	idle := loggedIn("zoe", schema.Available, noon)
	p.changed(func(f *schema.Floor) { f.Agents.Set("zoe", idle) }, &schema.Change{Agent: idle})
	require.Equal(t, "ended", state(chats.next()))
}

func TestStream_OverWebSocket(t *testing.T) {
	p := newPushed(t, hub.Limits{})
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream?access_token="+token("reader"), nil)
	require.NoError(t, err)
	defer c.Close()
	say := func(s string) { require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(s))) }
	hear := func() map[string]any {
		t.Helper()
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
		var m map[string]any
		require.NoError(t, c.ReadJSON(&m))
		return m
	}
	say(`{"type":"ping","id":"1"}`)
	require.Equal(t, map[string]any{"type": "pong", "id": "1"}, hear())
	say(`{"type":"subscribe","id":"q","topic":"queues","query":{"window":"5m","fields":["waiting","longest_wait_ms"]},"interval_ms":50}`)
	require.Equal(t, map[string]any{"type": "subscribed", "id": "q"}, hear())
	state := hear()
	require.Equal(t, []string{"IN", "OUT"}, ids(state["rows"]))
	in := state["rows"].([]any)[0].(map[string]any)
	require.Equal(t, "2026-11-21T11:59:40.000Z", in["longest_wait_since"])
	say(`{"type":"subscribe","id":"q","topic":"queues"}`)
	require.Equal(t, "subscription_exists", hear()["problem"].(map[string]any)["code"])
	say(`{"type":"subscribe","id":"x","topic":"agents","query":{"tem":["T1"]}}`)
	require.Equal(t, "unknown_parameter", hear()["problem"].(map[string]any)["code"])
	say(`{"type":"unsubscribe","id":"q"}`)
	require.Equal(t, map[string]any{"type": "unsubscribed", "id": "q"}, hear())
	say(`{"type":"subscribe","id":"q","topic":"queues","query":{"window":"5m","fields":["waiting","longest_wait_ms"]},"cursor":"` + state["cursor"].(string) + `"}`)
	require.Equal(t, "subscribed", hear()["type"])
	p.live.change("6", func(f *schema.Floor) { f.Interactions.Delete("chat-2") })
	require.Equal(t, []string{"IN"}, ids(hear()["rows"]))
}

func TestStream_RefusesBeforeItBegins(t *testing.T) {
	p := newPushed(t, hub.Limits{StreamsPerPrincipal: 1})
	problemOf := func(query string, headers ...string) (int, string, string) {
		resp := p.open(query, headers...)
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		var body struct{ Code, Parameter string }
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
		return resp.StatusCode, body.Code, body.Parameter
	}
	for _, c := range []struct {
		query  string
		status int
		code   string
		param  string
	}{
		{"", 400, "bad_parameter", "topics"},
		{"topics=nothing", 400, "bad_parameter", "topics"},
		{"topics=agents,agents", 400, "bad_parameter", "topics"},
		{"topics=agents&agents.tem=T1", 400, "unknown_parameter", "agents.tem"},
		{"topics=agents&queues.id=IN", 400, "bad_parameter", "queues.id"},
		{"topics=agents&agents.fields=status_age_ms", 400, "bad_parameter", "agents.fields"},
		{"topics=agents&agents.status_longer_than=x", 400, "bad_parameter", "agents.status_longer_than"},
		{"topics=agents&interval_ms=49", 400, "bad_parameter", "interval_ms"},
		{"topics=interactions&interactions.from=now-1h", 400, "unknown_parameter", "interactions.from"},
		{"topics=metrics&metrics.metrics=nonsense", 400, "bad_parameter", "metrics.metrics"},
		{"topics=alerts", 503, "alerts_unavailable", ""},
	} {
		status, code, param := problemOf(c.query)
		require.Equal(t, []any{c.status, c.code, c.param}, []any{status, code, param}, c.query)
	}
	status, code, _ := problemOf("topics=agents", "Authorization", "")
	require.Equal(t, []any{401, "unauthenticated"}, []any{status, code})
	status, code, _ = problemOf("topics=agents", "Authorization", "Bearer "+token("producer"))
	require.Equal(t, []any{403, "forbidden"}, []any{status, code})
	status, code, _ = problemOf("topics=agents", "Authorization", "Bearer "+token("other"))
	require.Equal(t, []any{404, "contact_center_not_found"}, []any{status, code})

	s := p.listen("topics=agents")
	status, code, _ = problemOf("topics=agents")
	require.Equal(t, []any{429, "too_many_streams"}, []any{status, code})
	s.resp.Body.Close()
	require.Eventually(t, func() bool {
		resp := p.open("topics=agents")
		resp.Body.Close()
		return resp.StatusCode == 200
	}, 10*time.Second, 20*time.Millisecond, "a client that is gone is noticed, and its place given to the next")
}

// Another contact centre with the very same ids is in no message, neither in the state nor in what changes.
func TestStream_HoldsNothingOfAnotherContactCentre(t *testing.T) {
	p := newPushed(t, hub.Limits{})
	p.fillOther()
	s := p.listen("topics=agents,interactions,queues,campaigns,summary,metrics&interval_ms=50&metrics.window=1h&metrics.group_by=queue&summary.group_by=team")
	seen := map[string]bool{}
	for len(seen) < 6 {
		ev := s.next()
		require.NotContains(t, fmt.Sprint(ev.data), "MARKED7")
		seen[ev.name] = true
	}
	p.live.change("7", func(f *schema.Floor) {
		a := loggedIn("ann", schema.Break, noon)
		f.Agents.Set("ann", a)
		f.Changes = f.Changes.Then(&schema.Change{Agent: a})
	})
	p.live.change("6", func(f *schema.Floor) {
		a := loggedIn("ann", schema.Lunch, noon)
		f.Agents.Set("ann", a)
		f.Changes = f.Changes.Then(&schema.Change{Agent: a})
	})
	for {
		ev := s.next()
		require.NotContains(t, fmt.Sprint(ev.data), "MARKED7")
		if ev.name == "agents" && strings.Contains(fmt.Sprint(ev.data), "status:lunch") {
			return
		}
	}
}

func TestStream_HeadSaysWhatGetWould(t *testing.T) {
	p := newPushed(t, hub.Limits{StreamsPerPrincipal: 1})
	for range 3 {
		r, err := http.NewRequest("HEAD", p.url+"/stream?topics=agents", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token("reader"))
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	}
}

func TestStream_IsNeitherKeptNorCompressedNorLogged(t *testing.T) {
	p := newPushed(t, hub.Limits{}, func(c *query.Config, _ *query.Deps) { c.Origins = []string{"https://wallboard.example"} })
	s := p.listen("topics=agents&access_token="+token("reader"), "Authorization", "", "Accept-Encoding", "gzip, br, zstd", "Origin", "https://wallboard.example")
	require.Equal(t, "https://wallboard.example", s.resp.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "no-store", s.resp.Header.Get("Cache-Control"))
	require.Equal(t, "no", s.resp.Header.Get("X-Accel-Buffering"))
	require.Empty(t, s.resp.Header.Get("Content-Encoding"))
	require.NotEmpty(t, s.resp.Header.Get("X-Request-Id"))
	s.next()
	s.resp.Body.Close()
	require.Eventually(t, func() bool { return strings.Contains(p.logged(), "stream ended") }, 10*time.Second, 10*time.Millisecond)
	require.NotContains(t, p.logged(), token("reader"))
}

func TestStream_WebSocketThatOnlyListens_StaysOpen(t *testing.T) {
	const heartbeat = 50 * time.Millisecond
	p := newPushed(t, hub.Limits{}, func(c *query.Config, _ *query.Deps) { c.StreamHeartbeat = heartbeat })
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream?topics=agents&agents.id=ann&interval_ms=50&access_token="+token("reader"), nil)
	require.NoError(t, err)
	defer c.Close()
	// There is always something to be said, so that there is never a heartbeat.
	began, n := time.Now(), int64(0)
	for time.Since(began) < 10*heartbeat {
		n++
		p.live.change("6", func(f *schema.Floor) { f.Agents.Set("ann", loggedIn("ann", schema.Lunch, noon+n)) })
		_, _, err := c.ReadMessage()
		require.NoError(t, err)
	}
	for {
		var m map[string]any
		require.NoError(t, c.ReadJSON(&m))
		if m["type"] == "heartbeat" {
			require.NotEmpty(t, m["as_of"])
			break
		}
	}
}

func TestStream_ThatIsSilent_GivesSignsOfLife(t *testing.T) {
	p := newPushed(t, hub.Limits{}, func(c *query.Config, _ *query.Deps) { c.StreamHeartbeat = 20 * time.Millisecond })
	s := p.listen("topics=agents")
	for {
		line, err := s.in.ReadString('\n')
		require.NoError(t, err)
		if line == "event: heartbeat\n" {
			break
		}
	}
	line, err := s.in.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, `data: {"type":"heartbeat","as_of":"2026-11-21T12:00:00.000Z"}`+"\n", line)
}

func TestStream_ShowsNothingOfAnotherContactCenter(t *testing.T) {
	p := newPushed(t, hub.Limits{})
	all := "topics=agents,interactions,queues,campaigns,summary,metrics&interval_ms=50&agents.fields=id,name,today,presence&metrics.group_by=queue"
	mine := p.listen(all)
	theirs := p.listen(all, "Authorization", "Bearer "+token("root"))
	for range 6 {
		raw, err := json.Marshal(mine.next().data)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "MARKED7")
		theirs.next()
	}
	p.live.change("7", func(f *schema.Floor) { f.Agents.Set("ann", loggedIn("ann", schema.Break, noon)) })
	p.live.change("6", func(f *schema.Floor) { f.Agents.Set("ann", loggedIn("ann", schema.Break, noon)) })
	ev := mine.next()
	raw, err := json.Marshal(ev.data)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "MARKED7")
}

// movingAlerts are alerts that tests change.
type movingAlerts struct {
	mu      sync.Mutex
	rows    []schema.Alert
	version uint64
}

func (m *movingAlerts) Active(contactCenter string) ([]schema.Alert, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if contactCenter != "6" {
		return nil, 0
	}
	return slices.Clone(m.rows), m.version
}

func (m *movingAlerts) set(rows ...schema.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows, m.version = rows, m.version+1
}

func TestStream_AlertsComeAndGo(t *testing.T) {
	alerts := &movingAlerts{}
	p := newPushed(t, hub.Limits{}, func(_ *query.Config, d *query.Deps) { d.Alerts = alerts })
	s := p.listen("topics=alerts&alerts.severity=critical&interval_ms=50")
	require.Empty(t, s.next().data["rows"])
	critical := schema.Alert{ID: "a1", State: schema.AlertTriggered, Rule: schema.AlertRule{ID: "r", Severity: "critical"}}
	warning := schema.Alert{ID: "a2", State: schema.AlertTriggered, Rule: schema.AlertRule{ID: "r2", Severity: "warning"}}
	alerts.set(critical, warning)
	require.Equal(t, []string{"a1"}, ids(s.next().data["rows"]))
	alerts.set(warning)
	require.Equal(t, []any{"a1"}, s.next().data["removed"])
}

// What docs/push.md asks for is answered.
func TestStream_DocumentedRequestsAreAnswered(t *testing.T) {
	page, err := os.ReadFile("../docs/push.md")
	require.NoError(t, err)
	p := newPushed(t, hub.Limits{})
	asked := regexp.MustCompile(`/stream\?([^"`+"`"+`]+)["`+"`"+`]`).FindAllStringSubmatch(string(page), -1)
	require.Len(t, asked, 2)
	for _, a := range asked {
		s := p.listen(strings.TrimSuffix(a[1], "&access_token=${token}"))
		require.Equal(t, true, s.next().data["reset"])
	}
	for _, m := range regexp.MustCompile(`(?m)^→ (.*)$`).FindAllStringSubmatch(string(page), -1) {
		require.True(t, json.Valid([]byte(m[1])), m[1])
	}
}

// stalled connects and then reads nothing more than the head, with little room in between.
func (p *pushed) stalled(query string) net.Conn {
	p.t.Helper()
	address, _, _ := strings.Cut(strings.TrimPrefix(p.url, "http://"), "/")
	conn, err := (&net.Dialer{}).Dial("tcp", address)
	require.NoError(p.t, err)
	require.NoError(p.t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	p.t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "GET /api/v1/contact-centers/6/stream?"+query+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token("reader")+"\r\n\r\n")
	require.NoError(p.t, err)
	return conn
}

func TestStream_ClientThatTakesNothingIn_IsCutOffAndKeepsNobodyWaiting(t *testing.T) {
	p := newPushed(t, hub.Limits{}, func(c *query.Config, _ *query.Deps) { c.StreamWriteTimeout = 300 * time.Millisecond })
	p.live.change("6", func(f *schema.Floor) {
		for n := range 20_000 { // more than the buffers of a connection hold
			id := "x" + strings.Repeat("0", 200) + time.Duration(n).String()
			f.Agents.Set(id, loggedIn(id, schema.Break, noon))
		}
	})
	p.stalled("topics=agents")
	reading := p.listen("topics=agents&agents.id=ann&interval_ms=50")
	reading.next()
	for n := range 5 {
		p.live.change("6", func(f *schema.Floor) { f.Agents.Set("ann", loggedIn("ann", schema.Lunch, noon+int64(n))) })
		require.Equal(t, []string{"ann"}, ids(reading.next().data["rows"]))
	}
	require.Eventually(t, func() bool { return strings.Contains(p.logged(), "reason=slow_reader") }, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, p.do("GET", "/metrics", "").body, `floorwalker_push_ended_total{transport="sse",reason="slow_reader"} 1`)
}

func TestStream_ThatIsEndedByTheServer_SaysWhy(t *testing.T) {
	p := newPushed(t, hub.Limits{})
	s := p.listen("topics=agents")
	s.next()
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream?topics=queues&access_token="+token("reader"), nil)
	require.NoError(t, err)
	defer c.Close()
	_, raw, err := c.ReadMessage()
	require.NoError(t, err)
	require.Contains(t, string(raw), `"subscription":"queues"`)
	p.stopPush()
	require.Equal(t, map[string]any{"type": "end", "reason": "shutting_down"}, s.next().data)
	_, err = s.read()
	require.ErrorIs(t, err, io.EOF, "the body is whole")
	for err == nil || errors.Is(err, io.EOF) {
		_, _, err = c.ReadMessage()
	}
	var end *websocket.CloseError
	require.ErrorAs(t, err, &end)
	require.Equal(t, []any{websocket.CloseGoingAway, "shutting_down"}, []any{end.Code, end.Text})
}

func TestStream_WebSocketOfAnotherOrigin_IsRefused(t *testing.T) {
	p := newPushed(t, hub.Limits{}, func(c *query.Config, _ *query.Deps) { c.Origins = []string{"https://wallboard.example"} })
	own := strings.TrimSuffix(p.url, "/api/v1/contact-centers/6")
	for origin, want := range map[string]int{"https://wallboard.example": 101, own: 101, "https://evil.example": 403} {
		c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream",
			http.Header{"Origin": {origin}, "Authorization": {"Bearer " + token("reader")}})
		require.Equal(t, want, resp.StatusCode, origin)
		if err == nil {
			c.Close()
		}
	}
}

func TestStream_WebSocketThatMisbehaves_IsToldOrClosed(t *testing.T) {
	p := newPushed(t, hub.Limits{Subscriptions: 1})
	dial := func() *websocket.Conn {
		c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream", http.Header{"Authorization": {"Bearer " + token("reader")}})
		require.NoError(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := dial()
	for _, m := range []struct{ say, code string }{
		{`nonsense`, "bad_message"},
		{`{"type":"subscribe","id":1}`, "bad_message"},
		{`{"type":"subscribe","id":"a","topic":"agents","more":1}`, "unknown_parameter"},
		{`{"type":"subscribe","topic":"agents"}`, "bad_parameter"},
		{`{"type":"shout","id":"a"}`, "bad_parameter"},
		{`{"type":"subscribe","id":"a","topic":"stars"}`, "bad_parameter"},
		{`{"type":"subscribe","id":"a","topic":"agents","interval_ms":1}`, "bad_parameter"},
		{`{"type":"subscribe","id":"a","topic":"agents","query":[]}`, "bad_body"},
		{`{"type":"subscribe","id":"a","topic":"agents","query":{"team":"T1"}}`, "bad_parameter"},
		{`{"type":"unsubscribe","id":"a"}`, "subscription_not_found"},
	} {
		require.NoError(t, c.WriteMessage(websocket.TextMessage, []byte(m.say)))
		var answer struct {
			Type    string
			Problem struct{ Code string }
		}
		require.NoError(t, c.ReadJSON(&answer))
		require.Equal(t, []string{"error", m.code}, []string{answer.Type, answer.Problem.Code}, m.say)
	}
	require.NoError(t, c.WriteMessage(websocket.TextMessage, make([]byte, 65<<10)))
	_, _, err := c.ReadMessage()
	require.Error(t, err)

	c = dial()
	require.NoError(t, c.WriteMessage(websocket.BinaryMessage, []byte{1}))
	_, _, err = c.ReadMessage()
	var end *websocket.CloseError
	require.ErrorAs(t, err, &end)
	require.Equal(t, []any{websocket.CloseUnsupportedData, "protocol_error"}, []any{end.Code, end.Text})
}

// Connections that come and go leave neither goroutines nor memory behind, on either transport.
func TestStream_ConnectsAndDisconnects_LeaveNothingBehind(t *testing.T) {
	rounds := 300
	if os.Getenv("FLOORWALKER_LONG") != "" {
		rounds = 5000
	}
	p := newPushed(t, hub.Limits{Streams: 100_000, StreamsPerPrincipal: 100_000})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	round := func() {
		r, err := http.NewRequest("GET", p.url+"/stream?topics=agents", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token("reader"))
		resp, err := client.Do(r)
		require.NoError(t, err)
		_, err = bufio.NewReader(resp.Body).ReadString('{')
		require.NoError(t, err)
		resp.Body.Close()
		c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream?topics=agents&access_token="+token("reader"), nil)
		require.NoError(t, err)
		_, _, err = c.ReadMessage()
		require.NoError(t, err)
		c.Close()
	}
	settled := func(goroutines int) {
		t.Helper()
		deadline := time.Now().Add(15 * time.Second)
		for runtime.NumGoroutine() > goroutines && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	}
	const atRest = 60 // of the test and the server, whose workers stay for a while; each connection has two
	for range 10 {
		round()
	}
	settled(atRest)
	heap := heapOf()
	for range rounds {
		round()
	}
	settled(atRest)
	require.Less(t, heapOf(), heap+8<<20)
}

func heapOf() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
