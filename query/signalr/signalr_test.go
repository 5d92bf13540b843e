package signalr_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"floorwalker/query/signalr"
)

type assertT = assert.CollectT

func numbers(from, to int) (out []string) {
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

func tell(c *signalr.Conn, from, to int) {
	for i := from; i < to; i++ {
		c.Invoke("", "told", fmt.Appendf(nil, "[%d]", i))
	}
}

// A client that loses its transport and comes back with its cursor gets what it missed, in order, and nothing twice.
func TestClassicComesBack_NothingMissedNothingTwice(t *testing.T) {
	for _, transport := range []string{"webSockets", "serverSentEvents"} {
		t.Run(transport, func(t *testing.T) {
			s := start(t)
			c := s.negotiate(t, "ann")
			r := c.open(t, transport)
			conn := s.hub.conn(t)
			require.Equal(t, c.id, conn.ID())
			tell(conn, 0, 3)
			require.Equal(t, numbers(0, 3), c.told(t, func() string { return r.next(t) }, 3))
			before := c.cursor
			tell(conn, 3, 5)
			require.Equal(t, numbers(3, 5), c.told(t, func() string { return r.next(t) }, 2))
			c.cursor = before // as if these two had been lost on the way
			r.cut()
			tell(conn, 5, 8)
			r = c.reader(t, "reconnect", transport)
			require.Equal(t, numbers(3, 8), c.told(t, func() string { return r.next(t) }, 5))
			s.hub.wait(t, "connected", "reconnected missed=false")
			tell(conn, 8, 9)
			require.Equal(t, numbers(8, 9), c.told(t, func() string { return r.next(t) }, 1))

			status, body := c.ask(t, "POST", "abort", transport)
			require.Equal(t, 200, status)
			require.Empty(t, body)
			s.hub.wait(t, "connected", "reconnected missed=false", "closed: closed by the client")
		})
	}
}

// A client that comes back has given up its old transport, even where that still seems to live.
func TestClassicComesBack_OldTransportEnds(t *testing.T) {
	s := start(t)
	c := s.negotiate(t, "ann")
	old := c.open(t, "webSockets").(wsReader)
	r := c.reader(t, "reconnect", "serverSentEvents")
	_ = old.ws.SetReadDeadline(time.Now().Add(patience))
	_, _, err := old.ws.ReadMessage()
	require.ErrorContains(t, err, "EOF")
	tell(s.hub.conn(t), 0, 2)
	require.Equal(t, numbers(0, 2), c.told(t, func() string { return r.next(t) }, 2))
	require.Equal(t, 1, s.Lines())
}

func TestClassicPoll_EachPollAcknowledgesTheOneBefore(t *testing.T) {
	s := start(t, timing(signalr.Timing{Poll: 300 * time.Millisecond, KeepAlive: 100 * time.Millisecond}))
	c := s.negotiate(t, "ann")
	poll := func(verb string) string {
		form := url.Values{"messageId": {c.cursor}}
		path := c.path(verb, "longPolling")
		if verb == "connect" {
			form = url.Values{}
		}
		status, body := do(t, s.request("POST", path, "ann", form))
		require.Equal(t, 200, status, body)
		return body
	}
	require.Equal(t, `{"C":"d-0","S":1,"M":[]}`, poll("connect"))
	c.cursor = "d-0"
	status, _ := c.ask(t, "GET", "start", "longPolling")
	require.Equal(t, 200, status)
	conn := s.hub.conn(t)

	tell(conn, 0, 2)
	require.Equal(t, numbers(0, 2), c.told(t, func() string { return poll("poll") }, 2))
	waiting := poll("poll")
	require.Regexp(t, `^ +\{"C":"d-2","M":\[\]\}$`, waiting, "a space each keep-alive, then the empty answer")

	got := make(chan string, 1)
	go func() { got <- poll("poll") }()
	require.Eventually(t, func() bool { return s.Waiting() == 1 }, patience, time.Millisecond)
	tell(conn, 2, 3)
	require.Contains(t, <-got, `"M":[{"H":"FloorHub","M":"told","A":[2]}]`)
	// The answer above is taken as lost: the cursor is still d-2.
	require.Equal(t, numbers(2, 3), c.told(t, func() string { return poll("poll") }, 1))
	tell(conn, 3, 4)
	require.Equal(t, numbers(3, 4), c.told(t, func() string { return poll("reconnect") }, 1))
	s.hub.wait(t, "connected", "reconnected missed=false")
}

// What does not fit the bounds while the client is away is not sent in part: the handler hears that the client missed something.
func TestClassicComesBack_TooMuchMissed_HandlerSendsTheStateAnew(t *testing.T) {
	for name, change := range map[string]func(c *classic, conn *signalr.Conn){
		"the queue overflows while away":    func(_ *classic, conn *signalr.Conn) { tell(conn, 1, 30) },
		"a cursor of long ago":              func(c *classic, _ *signalr.Conn) { c.cursor = "d-0" },
		"a cursor of a message never sent":  func(c *classic, _ *signalr.Conn) { c.cursor = "d-ff" },
		"a cursor of another server's kind": func(c *classic, _ *signalr.Conn) { c.cursor = "B,12|C,3" },
		"no cursor":                         func(c *classic, _ *signalr.Conn) { c.cursor = "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, limits(signalr.Limits{Queue: 20, Resume: 2}))
			c := s.negotiate(t, "ann")
			r := c.open(t, "webSockets")
			conn := s.hub.conn(t)
			for i := range 5 {
				tell(conn, i, i+1)
				c.told(t, func() string { return r.next(t) }, 1)
			}
			r.cut()
			s.gone(t)
			change(c, conn)
			r = c.reader(t, "reconnect", "webSockets")
			s.hub.wait(t, "connected", "reconnected missed=true")
			tell(conn, 100, 101)
			require.Equal(t, []string{"100"}, c.told(t, func() string { return r.next(t) }, 1), "nothing of before")
			require.Equal(t, "1", s.counter(`floorwalker_signalr_resumed_total{missed="true"}`))
		})
	}
}

// gone waits until no connection has a transport.
func (s *site) gone(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Lines() == 0 }, patience, time.Millisecond)
}

func TestRequests_AreRefusedAsTheProtocolSays(t *testing.T) {
	s := start(t)
	c := s.negotiate(t, "ann")
	other := *c
	other.who = "bob"
	forged := *c
	forged.token = c.token[:len(c.token)-2] + "AA"
	missing := *c
	missing.token = ""
	status := func(c *classic, method, verb, transport string) int {
		code, _ := c.ask(t, method, verb, transport)
		return code
	}
	for _, verb := range []string{"connect", "start", "reconnect", "poll"} {
		require.Equal(t, 403, status(&other, "GET", verb, "serverSentEvents"), verb)
		require.Equal(t, 400, status(&forged, "GET", verb, "serverSentEvents"), verb)
		require.Equal(t, 400, status(&missing, "GET", verb, "serverSentEvents"), verb)
		require.Equal(t, 400, status(c, "GET", verb, "foreverFrame"), verb)
		require.Equal(t, 400, status(c, "GET", verb, ""), verb)
	}
	for _, verb := range []string{"send", "abort"} {
		require.Equal(t, 403, status(&other, "POST", verb, "serverSentEvents"), verb)
		require.Equal(t, 400, status(&forged, "POST", verb, "serverSentEvents"), verb)
	}
	nobody := *c
	nobody.who = ""
	require.Equal(t, 401, status(&nobody, "GET", "start", "webSockets"))
	require.Equal(t, 400, status(c, "GET", "start", "webSockets"), "no transport yet")
	require.Equal(t, 400, status(c, "GET", "connect", "webSockets"), "no WebSocket handshake")

	code, _ := s.get(t, "GET", classicPath+"/negotiate?connectionData="+url.QueryEscape(`[{"name":"other"}]`), "ann")
	require.Equal(t, 400, code)
	code, body := s.get(t, "GET", classicPath+"/ping", "ann")
	require.Equal(t, 200, code)
	require.Equal(t, `{"Response":"pong"}`, body)

	for _, method := range []string{"GET", "POST", "DELETE"} {
		code, _ = s.get(t, method, corePath, "ann")
		require.Equal(t, 400, code, method)
		code, _ = s.get(t, method, corePath+"?id=6f3f0e0e-3b1f-4a65-9d6e-f2f2ab6a1a51", "ann")
		require.Equal(t, 404, code, method)
		code, _ = s.get(t, method, corePath+"?id="+c.token, "ann")
		require.Equal(t, 404, code, "a classic connection is none of Core's")
		code, _ = s.get(t, method, corePath+"?id="+c.token, "bob")
		require.Equal(t, 403, code, method)
	}
	require.Empty(t, s.hub.seen())
}

// A connection of another principal is not found, nor one that is not open.
func TestConnection_OnlyItsPrincipalFindsIt(t *testing.T) {
	s := start(t)
	c := s.negotiate(t, "ann")
	_, found := s.Connection(c.id, "ann")
	require.False(t, found, "not open yet")
	c.open(t, "webSockets")
	conn, found := s.Connection(strings.ToUpper(c.id), "ann")
	require.True(t, found)
	require.Equal(t, "ann", conn.Principal().ID)
	_, found = s.Connection(c.id, "bob")
	require.False(t, found)
	conn.Close(signalr.Refused)
	_, found = s.Connection(c.id, "ann")
	require.False(t, found)
}

func TestWebSocket_OfAnotherSitesPageIsRefused(t *testing.T) {
	s := start(t, func(c *signalr.Config, _ *fiber.Config) { c.Origins = []string{"https://wallboard.example"} })
	c := s.negotiate(t, "ann")
	upgrade := func(origin string) int {
		req := s.request("GET", c.path("connect", "webSockets"), "ann", nil)
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin} {
			req.Header.Set(k, v)
		}
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		require.NoError(t, err)
		_ = res.Body.Close()
		return res.StatusCode
	}
	require.Equal(t, 403, upgrade("https://evil.example"))
	require.Equal(t, 101, upgrade("https://wallboard.example"))
	require.Equal(t, 101, upgrade("http://"+s.addr))
}

func TestInvoke_RepliesErrorsAndPanics(t *testing.T) {
	s := start(t)
	c := s.negotiate(t, "ann")
	r := c.open(t, "serverSentEvents")
	send := func(data string) (int, string) {
		return do(t, s.request("POST", c.path("send", "serverSentEvents"), "ann", url.Values{"data": {data}}))
	}
	for data, want := range map[string]string{
		`{"H":"floorhub","M":"Echo","A":["ä",{"x":1}],"I":0}`: `{"I":"0","R":["ä",{"x":1}]}`,
		`{"H":"floorhub","M":"tell","A":[0],"I":"7","S":{}}`:  `{"I":"7","R":null}`,
		`{"H":"floorhub","M":"Fail","I":1}`:                   `{"I":"1","H":true,"E":"not today"}`,
		`{"H":"floorhub","M":"Break","I":1}`:                  `{"I":"1","E":"There was an error invoking Hub method 'floorhub.Break'."}`,
		`{"H":"floorhub","M":"Panic","I":1}`:                  `{"I":"1","E":"There was an error invoking Hub method 'floorhub.Panic'."}`,
		`{"H":"other","M":"Echo","A":[],"I":2}`:               `{"I":"2","H":true,"E":"'other' Hub could not be resolved."}`,
	} {
		status, body := send(data)
		require.Equal(t, 200, status, data)
		require.Equal(t, want, body)
	}
	for _, data := range []string{"", "x", "[]", `{"H":"floorhub","M":"Echo"}`, `{"H":"floorhub","I":1}`, `{"H":"floorhub","M":"Echo","A":{},"I":1}`,
		`{"H":"floorhub","M":"Echo","I":1,"S":"` + strings.Repeat("x", 5000) + `"}`} {
		status, _ := send(data)
		require.Equal(t, 400, status, data)
	}
	tell(s.hub.conn(t), 0, 1)
	require.Equal(t, numbers(0, 1), c.told(t, func() string { return r.next(t) }, 1), "none of that ended the connection")
}

// A client that does not read is cut off with a reason and does not hold up others.
func TestSlowClient_IsCutOff(t *testing.T) {
	s := start(t, limits(signalr.Limits{Queue: 50, QueueBytes: 1 << 20}))
	slow, quick := s.negotiate(t, "ann"), s.negotiate(t, "bob")
	slow.open(t, "webSockets")
	sc := s.hub.conn(t)
	r := quick.open(t, "webSockets")
	qc := s.hub.conn(t)
	big := []byte(`["` + strings.Repeat("x", 256<<10) + `"]`)
	for i := 0; ; i++ { // kernel buffers fill first
		sc.Invoke("", "big", big)
		tell(qc, i, i+1)
		require.Equal(t, []string{fmt.Sprint(i)}, quick.told(t, func() string { return r.next(t) }, 1))
		if events := s.hub.seen(); len(events) > 2 {
			require.Equal(t, []string{"connected", "connected", "closed: the client reads too slowly"}, events)
			return
		}
		require.Less(t, i, 10_000)
	}
}

// Unsent calls of a key are replaced by newer ones, which take the newest place.
func TestInvoke_UnsentCallsOfAKeyAreReplaced(t *testing.T) {
	s := start(t)
	c := s.negotiate(t, "ann")
	r := c.open(t, "webSockets")
	conn := s.hub.conn(t)
	r.cut()
	s.gone(t)
	for i := range 1000 {
		conn.Invoke(fmt.Sprintf("agent %d", i%3), "told", fmt.Appendf(nil, "[%d]", i))
	}
	r = c.reader(t, "reconnect", "webSockets")
	require.Equal(t, numbers(997, 1000), c.told(t, func() string { return r.next(t) }, 3))
	require.Equal(t, "997", s.counter("floorwalker_signalr_messages_coalesced_total"))
}

func TestLimits_OfPrincipalsAndInAll(t *testing.T) {
	s := start(t, limits(signalr.Limits{Connections: 5, PerPrincipal: 3, Negotiates: 4}))
	negotiate := func(who string) int {
		status, _ := s.get(t, "POST", corePath+"/negotiate?negotiateVersion=1", who)
		return status
	}
	var last *classic
	for range 3 {
		last = s.negotiate(t, "ann")
	}
	require.Equal(t, 429, negotiate("ann"))
	require.Equal(t, 200, negotiate("bob"))
	last.ask(t, "POST", "abort", "webSockets")
	require.Equal(t, 200, negotiate("ann"), "the place is free again")
	last.ask(t, "POST", "abort", "webSockets")
	require.Equal(t, 200, negotiate("bob"))
	require.Equal(t, 503, negotiate("cid"), "full")
	require.Equal(t, "1", s.counter(`floorwalker_signalr_refused_total{limit="all"}`))
}

func TestNegotiate_IsLimitedPerMinute(t *testing.T) {
	s := start(t, limits(signalr.Limits{Negotiates: 2}))
	for range 2 {
		s.negotiate(t, "ann").ask(t, "POST", "abort", "webSockets")
	}
	status, _ := s.get(t, "GET", classicPath+"/negotiate", "ann")
	require.Equal(t, 429, status)
	s.negotiate(t, "bob")
}

// Silence is broken by keep-alives, and ends a connection whose client is away for too long.
func TestKeepAliveAndDisconnect(t *testing.T) {
	s := start(t, timing(signalr.Timing{KeepAlive: 40 * time.Millisecond, Silence: 10 * time.Second, Disconnect: 150 * time.Millisecond}))
	for _, transport := range []string{"webSockets", "serverSentEvents"} {
		c := s.negotiate(t, "ann")
		r := c.open(t, transport)
		require.Equal(t, "{}", r.next(t))
		require.Equal(t, "{}", r.next(t))
		r.cut()
	}
	s.hub.wait(t, "connected", "connected", "closed: the client did not come back", "closed: the client did not come back")
}

// A WebSocket whose client answers no ping is taken for dead, though nothing tells so.
func TestSilentWebSocket_IsClosed(t *testing.T) {
	s := start(t, timing(signalr.Timing{KeepAlive: 40 * time.Millisecond, Silence: 150 * time.Millisecond}))
	c := s.negotiate(t, "ann")
	c.open(t, "webSockets") // nobody reads, so nobody answers
	s.hub.wait(t, "connected", "closed: the client fell silent")
	lively := s.negotiate(t, "bob")
	r := lively.open(t, "webSockets")
	for until := time.Now().Add(400 * time.Millisecond); time.Now().Before(until); {
		require.Equal(t, "{}", r.next(t))
	}
}

func TestShutdown_TellsEveryoneAndEndsInTime(t *testing.T) {
	s := start(t)
	ws := s.negotiate(t, "ann").open(t, "webSockets")
	sse := s.negotiate(t, "ann").open(t, "serverSentEvents")
	began := time.Now()
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	require.Equal(t, `{"T":1,"M":[]}`, ws.next(t))
	require.Equal(t, `{"T":1,"M":[]}`, sse.next(t))
	<-stopped
	require.Less(t, time.Since(began), 4*time.Second)
	require.Equal(t, []string{"connected", "connected", "closed: the server is shutting down", "closed: the server is shutting down"}, s.hub.seen())
	status, _ := s.get(t, "GET", classicPath+"/negotiate", "ann")
	require.Equal(t, 503, status)
}

// With the same key, a client of the process before learns at once that its connection is gone.
func TestRestart_ClientLearnsThatItsConnectionIsGone(t *testing.T) {
	before := start(t).negotiate(t, "ann")
	before.site = start(t)
	before.cursor = "d-5"
	for _, transport := range []string{"webSockets", "serverSentEvents"} {
		require.Contains(t, before.reader(t, "reconnect", transport).next(t), `"E":"The connection has ended`)
	}
	status, body := before.ask(t, "POST", "poll", "longPolling")
	require.Equal(t, 200, status)
	require.Contains(t, body, `"E":"The connection has ended`)
}

// A connection ends with the credential that opened it, unless its principal came with a newer one.
func TestCredentialExpires_ConnectionEnds(t *testing.T) {
	ends := time.Now().Add(200 * time.Millisecond)
	s := start(t, timing(signalr.Timing{KeepAlive: 40 * time.Millisecond}), func(c *signalr.Config, _ *fiber.Config) {
		c.Authenticate = func(c *fiber.Ctx) (signalr.Principal, error) {
			who, err := authenticate(c)
			if who.ID == "ann" {
				who.Expires = ends
			}
			return who, err
		}
	})
	c := s.negotiate(t, "ann")
	r := c.open(t, "serverSentEvents")
	for {
		if text := r.next(t); text != "{}" {
			require.Equal(t, `{"E":"the credential has expired","M":[]}`, text)
			return
		}
	}
}
