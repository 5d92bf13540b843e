package signalr_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"floorwalker/query/signalr"
)

const handshake = "{\"protocol\":\"json\",\"version\":1}\x1e"

func (s *site) coreNegotiate(t testing.TB, who string) (id, token string) {
	t.Helper()
	status, body := s.get(t, "POST", corePath+"/negotiate?negotiateVersion=1", who)
	require.Equal(t, 200, status, body)
	var n struct {
		ConnectionID    string `json:"connectionId"`
		ConnectionToken string `json:"connectionToken"`
		Version         int    `json:"negotiateVersion"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &n))
	require.Equal(t, 1, n.Version)
	require.NotEqual(t, n.ConnectionID, n.ConnectionToken)
	return n.ConnectionID, n.ConnectionToken
}

func (s *site) coreWebSocket(t testing.TB, who string) (id string, ws *websocket.Conn) {
	t.Helper()
	id, token := s.coreNegotiate(t, who)
	ws = dial(t, s, corePath+"?id="+token, who)
	require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(handshake)))
	require.Equal(t, "{}\x1e", wsReader{ws}.next(t))
	return id, ws
}

func TestCoreMessages_WholeInPartsAndSeveralAtOnce(t *testing.T) {
	s := start(t)
	id, ws := s.coreWebSocket(t, "ann")
	_, found := s.Connection(id, "ann")
	require.True(t, found)
	r := wsReader{ws}
	for _, c := range []struct {
		frames []string
		want   string
	}{
		{[]string{`{"type":1,"invocationId":"a","target":"Echo","arguments":["ä"]}` + "\x1e"}, `{"type":3,"invocationId":"a","result":["ä"]}`},
		{[]string{`{"type":1,"invocationId":"b","tar`, `get":"Echo","arguments":[]}` + "\x1e"}, `{"type":3,"invocationId":"b","result":[]}`},
		{[]string{`{"type":6}` + "\x1e" + `{"type":1,"target":"Echo","arguments":[1]}` + "\x1e" + `{"type":1,"invocationId":"c","target":"Fail","arguments":[]}` + "\x1e"},
			`{"type":3,"invocationId":"c","error":"not today"}`},
		{[]string{`{"type":1,"invocationId":"d","target":"Break","arguments":[]}` + "\x1e"}, `{"type":3,"invocationId":"d","error":"An unexpected error occurred invoking 'Break' on the server."}`},
		{[]string{`{"type":4,"invocationId":"e","target":"Echo","arguments":[]}` + "\x1e"}, `{"type":3,"invocationId":"e","error":"this hub has no streams"}`},
		{[]string{`{"type":99}` + "\x1e" + `{"type":5,"invocationId":"e"}` + "\x1e" + `{"type":1,"target":"tell","arguments":[1]}` + "\x1e"}, `{"type":1,"target":"told","arguments":[0]}`},
	} {
		for _, frame := range c.frames {
			require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(frame)))
		}
		require.Equal(t, c.want+"\x1e", r.next(t))
	}
	require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(`{"type":7}`+"\x1e")))
	s.hub.wait(t, "connected", "closed: closed by the client")
}

func TestCoreMistakes_EndTheConnection(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":      "x\x1e",
		"no type":      "{}\x1e",
		"id no string": `{"type":1,"invocationId":1,"target":"Echo","arguments":[]}` + "\x1e",
		"no target":    `{"type":1,"arguments":[]}` + "\x1e",
		"endless":      strings.Repeat(" ", 40<<10),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			_, ws := s.coreWebSocket(t, "ann")
			require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(text)))
			if name == "endless" {
				require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte(text)))
			}
			require.Equal(t, `{"type":7,"error":"the client broke the protocol"}`+"\x1e", wsReader{ws}.next(t))
			s.hub.wait(t, "connected", "closed: the client broke the protocol")
		})
	}
}

func TestCoreHandshake_OfAnotherProtocolIsRefused(t *testing.T) {
	s := start(t)
	_, token := s.coreNegotiate(t, "ann")
	ws := dial(t, s, corePath+"?id="+token, "ann")
	require.NoError(t, ws.WriteMessage(websocket.TextMessage, []byte("{\"protocol\":\"messagepack\",\"version\":1}\x1e")))
	require.Equal(t, "{\"error\":\"protocol \\\"messagepack\\\"; allowed: json\"}\x1e", wsReader{ws}.next(t))
	require.Empty(t, s.hub.seen())
}

func TestCoreTransports_OneAtATime(t *testing.T) {
	s := start(t)
	_, token := s.coreNegotiate(t, "ann")
	dial(t, s, corePath+"?id="+token, "ann")
	_, res, err := websocket.DefaultDialer.Dial("ws://"+s.addr+corePath+"?access_token=ann&id="+token, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusConflict, res.StatusCode)
	_, res, err = websocket.DefaultDialer.Dial("ws://"+s.addr+corePath+"?access_token=bob&id="+token, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusForbidden, res.StatusCode)
}

func TestCorePoll_FirstAtOnceThenWaitsThenEnds(t *testing.T) {
	s := start(t, timing(signalr.Timing{Poll: 100 * time.Millisecond}))
	_, token := s.coreNegotiate(t, "ann")
	path := corePath + "?id=" + token
	post := func(text string) int {
		req := s.request("POST", path, "ann", nil)
		req.Body = io.NopCloser(strings.NewReader(text))
		status, _ := do(t, req)
		return status
	}
	poll := func(status int, body string) {
		t.Helper()
		gotStatus, gotBody := s.get(t, "GET", path, "ann")
		require.Equal(t, status, gotStatus)
		require.Equal(t, body, gotBody)
	}
	poll(200, "")
	require.Equal(t, 200, post(handshake))
	poll(200, "{}\x1e")
	poll(200, "") // nothing comes
	require.Equal(t, 200, post(`{"type":1,"target":"tell","arguments":[2]}`+"\x1e"))
	poll(200, `{"type":1,"target":"told","arguments":[0]}`+"\x1e"+`{"type":1,"target":"told","arguments":[1]}`+"\x1e")
	ended := make(chan struct{})
	go func() { defer close(ended); poll(200, "") }()
	<-ended
	status, _ := s.get(t, "DELETE", path, "ann")
	require.Equal(t, 202, status)
	poll(404, `{"type":"urn:floorwalker:problem:connection_not_found","title":"Not Found","status":404,`+
		`"detail":"there is no such connection; it was never negotiated here, or it has ended","code":"connection_not_found"}`)
	s.hub.wait(t, "connected", "closed: closed by the client")
}

func TestCorePoll_OfAnEndedOrSupersededConnectionIs204(t *testing.T) {
	s := start(t)
	_, token := s.coreNegotiate(t, "ann")
	path := corePath + "?id=" + token
	s.get(t, "GET", path, "ann")
	statuses := make(chan int)
	poll := func() {
		status, _ := s.get(t, "GET", path, "ann")
		statuses <- status
	}
	go poll()
	require.Eventually(t, func() bool { return s.Waiting() == 1 }, patience, time.Millisecond)
	go poll()
	require.Equal(t, 204, <-statuses)
	s.get(t, "DELETE", path, "ann")
	require.Equal(t, 204, <-statuses)
}

// Answers to many clients at a time are each one's own.
func TestCorePolls_AreNotMixed(t *testing.T) {
	s := start(t)
	var clients sync.WaitGroup
	for i := range 8 {
		clients.Go(func() {
			who := fmt.Sprint("client-", i)
			_, token := s.coreNegotiate(t, who)
			path := corePath + "?id=" + token
			say := func(text string) {
				req := s.request("POST", path, who, nil)
				req.Body = io.NopCloser(strings.NewReader(text))
				do(t, req)
			}
			s.get(t, "GET", path, who)
			say(handshake)
			s.get(t, "GET", path, who)
			const times = 4000 // too large to be written at once
			for range 20 {
				say(`{"type":1,"invocationId":"1","target":"Echo","arguments":["` + strings.Repeat(who, times) + `"]}` + "\x1e")
				_, body := s.get(t, "GET", path, who)
				assert.Equal(t, times, strings.Count(body, who))
			}
		})
	}
	clients.Wait()
}

// A Core client says something now and then; one that does not is gone.
func TestCoreClientFallsSilent_IsClosed(t *testing.T) {
	s := start(t, timing(signalr.Timing{KeepAlive: 40 * time.Millisecond, Silence: 200 * time.Millisecond}))
	_, ws := s.coreWebSocket(t, "ann")
	_ = ws
	s.hub.wait(t, "connected", "closed: the client fell silent")
}

// Clients do not ping while their poll waits: the transport says that they are there.
func TestCorePollThatWaits_IsNotSilence(t *testing.T) {
	s := start(t, timing(signalr.Timing{KeepAlive: 40 * time.Millisecond, Silence: 200 * time.Millisecond, Poll: time.Second}))
	_, token := s.coreNegotiate(t, "ann")
	path := corePath + "?id=" + token
	s.get(t, "GET", path, "ann")
	req := s.request("POST", path, "ann", nil)
	req.Body = io.NopCloser(strings.NewReader(handshake))
	do(t, req)
	s.get(t, "GET", path, "ann") // the handshake's answer
	status, body := s.get(t, "GET", path, "ann")
	require.Equal(t, 200, status)
	require.Empty(t, body)
	require.Equal(t, []string{"connected"}, s.hub.seen())
}

func TestCoreShutdown_AsksToReconnect(t *testing.T) {
	s := start(t)
	_, ws := s.coreWebSocket(t, "ann")
	go s.stop()
	require.Equal(t, `{"type":7,"error":"the server is shutting down","allowReconnect":true}`+"\x1e", wsReader{ws}.next(t))
}

// Version 0 of negotiating knows no token; the id stands for it, for its principal alone.
func TestCoreNegotiateVersion0(t *testing.T) {
	s := start(t)
	_, body := s.get(t, "POST", corePath+"/negotiate", "ann")
	var n struct {
		ConnectionID string `json:"connectionId"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &n))
	require.NotContains(t, body, "connectionToken")
	_, res, err := websocket.DefaultDialer.Dial("ws://"+s.addr+corePath+"?access_token=bob&id="+n.ConnectionID, nil)
	require.Error(t, err)
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	dial(t, s, corePath+"?id="+n.ConnectionID, "ann")
}

// lateHub takes a connection in when its client has been answered, or when that has not come for a while.
type lateHub struct {
	hub
	answered chan struct{}
}

func (h *lateHub) Connected(c *signalr.Conn) {
	select {
	case <-h.answered:
	case <-time.After(200 * time.Millisecond):
	}
	h.hub.Connected(c)
}

// Who has the handshake's answer may use the connection's id at once.
func TestCoreHandshake_IsAnsweredWhenTheHandlerKnowsTheConnection(t *testing.T) {
	h := &lateHub{answered: make(chan struct{})}
	s := startWith(t, h)
	s.coreWebSocket(t, "ann")
	require.Equal(t, []string{"connected"}, h.seen())
	close(h.answered)
}

// A client that calls and calls and never takes an answer in is cut off like one that takes no messages in.
func TestAnswersThatNobodyTakes_AreBounded(t *testing.T) {
	s := start(t, limits(signalr.Limits{QueueBytes: 1 << 20}))
	_, token := s.coreNegotiate(t, "ann")
	say := func(method, body string) int {
		r, err := http.NewRequest(method, "http://"+s.addr+corePath+"?id="+token, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer ann")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	require.Equal(t, 200, say("GET", ""))
	require.Equal(t, 200, say("POST", handshake))
	require.Equal(t, 200, say("GET", ""), "the handshake's answer")
	one := `{"type":4,"invocationId":"` + strings.Repeat("x", 60<<10) + `","target":"Echo","arguments":[]}` + "\x1e"
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 100 {
		if say("POST", strings.Repeat(one, 50)) != 200 {
			break
		}
		say("GET", "") // one frame: it is not away
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(16<<20))
}
