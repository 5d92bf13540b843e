package signalr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/nodeclients"
	"floorwalker/internal/proxy"
	"floorwalker/query/signalr"
)

// project holds the real clients' scripts and packages.
const project = "testdata/clients"

func modules(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the real SignalR clients take seconds; they run without -short")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	dir, err := nodeclients.Fetch(ctx, project)
	if errors.Is(err, nodeclients.ErrMissing) && os.Getenv("CI") == "" {
		t.Skipf("the real SignalR clients need Node.js: %v", err)
	}
	require.NoError(t, err)
	return dir
}

// lossy is a handler whose clients can ask for the loss of their connection. Each principal comes through a proxy of its own.
type lossy struct {
	over    context.Context // of the script
	mu      sync.Mutex
	proxies map[string]*proxy.Proxy
	events  map[string][]string
	ids     map[string]string // the first connection's
	cuts    sync.WaitGroup
}

func (h *lossy) note(c *signalr.Conn, format string, a ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events[c.Principal().ID] = append(h.events[c.Principal().ID], fmt.Sprintf(format, a...))
}

func (h *lossy) Connected(c *signalr.Conn) {
	h.note(c, "connected")
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ids[c.Principal().ID] == "" {
		h.ids[c.Principal().ID] = c.ID()
	}
}

func (h *lossy) Reconnected(c *signalr.Conn, missed bool) { h.note(c, "reconnected missed=%t", missed) }

func (h *lossy) Closed(c *signalr.Conn, reason signalr.Reason) { h.note(c, "closed: %s", reason) }

func (h *lossy) Invoked(c *signalr.Conn, method string, arguments []byte) ([]byte, error) {
	switch method {
	case "echo":
		return slices.Clone(arguments), nil
	case "fail":
		return nil, signalr.Error("not today")
	}
	var at [2]int
	if err := json.Unmarshal(arguments, &at); err != nil {
		return nil, err
	}
	if method == "tell" {
		tell(c, at[0], at[1])
		return nil, nil
	}
	h.cuts.Go(func() { // not here: what cuts the connection waits for this call
		between := (at[0] + at[1]) / 2
		tell(c, at[0], between)
		for again := time.Duration(0); !h.wasBack(c, again); again = 2 * time.Second {
			h.proxies[c.Principal().ID].Cut() // between two polls there is nothing to cut
			tell(c, between, at[1])
			between = at[1]
		}
	})
	return nil, nil
}

// wasBack waits until the client has come back once, or its time is over.
func (h *lossy) wasBack(c *signalr.Conn, patience time.Duration) bool {
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for until := time.Now().Add(patience); ; <-look.C {
		h.mu.Lock()
		events := slices.Clone(h.events[c.Principal().ID])
		h.mu.Unlock()
		back := slices.ContainsFunc(events[1:], func(e string) bool { return e == "connected" || strings.HasPrefix(e, "reconnected") })
		if back || h.over.Err() != nil {
			return true
		}
		if time.Now().After(until) {
			return false
		}
	}
}

type scenario struct {
	Transport string `json:"transport"`
	URL       string `json:"url"`
	Token     string `json:"token"`
	Skip      bool   `json:"skip,omitempty"`
}

type outcome struct {
	Transport string
	ID        string
	Echo      []any
	Refused   string
	Received  []int
	States    []string
}

// play runs one script with a scenario for each transport.
func play(t *testing.T, script, path string, scenarios []scenario) (*lossy, []outcome) {
	t.Helper()
	dir := modules(t)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	h := &lossy{over: ctx, proxies: map[string]*proxy.Proxy{}, events: map[string][]string{}, ids: map[string]string{}}
	s := startWith(t, h, timing(signalr.Timing{KeepAlive: 500 * time.Millisecond, Silence: 20 * time.Second, Disconnect: 15 * time.Second, Poll: 700 * time.Millisecond}))
	for i := range scenarios {
		p, err := proxy.New()
		require.NoError(t, err)
		t.Cleanup(p.Close)
		p.To(s.addr)
		scenarios[i].URL, scenarios[i].Token = "http://"+p.Addr()+path, fmt.Sprintf("client-%d", i)
		h.proxies[scenarios[i].Token] = p
	}
	input, err := json.Marshal(map[string]any{"scenarios": scenarios})
	require.NoError(t, err)
	out, err := nodeclients.Run(ctx, dir, project+"/"+script, input)
	if err != nil {
		cancel()
	}
	h.cuts.Wait()
	require.NoError(t, err, "%s; the server saw %v", out, h.events)
	var outcomes []outcome
	require.NoError(t, json.Unmarshal(out, &outcomes), "%s", out)
	require.Len(t, outcomes, len(scenarios))
	return h, outcomes
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

// seen waits for what a client's life must have looked like from the server.
func (h *lossy) seen(t *testing.T, who string, want ...string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assertT) {
		h.mu.Lock()
		defer h.mu.Unlock()
		require.Equal(c, want, h.events[who])
	}, patience, 5*time.Millisecond)
}

// npm's signalr: connect, call, receive, lose the connection, come back, receive what was said meanwhile, abort.
func TestClassicClient_EveryTransport(t *testing.T) {
	t.Parallel()
	scenarios := []scenario{{Transport: "webSockets"}, {Transport: "serverSentEvents"}, {Transport: "longPolling"}}
	h, outcomes := play(t, "classic.js", classicPath, scenarios)
	for i, o := range outcomes {
		t.Run(o.Transport, func(t *testing.T) {
			who := scenarios[i].Token
			require.Equal(t, h.ids[who], o.ID)
			require.Equal(t, []any{"ä", map[string]any{"x": 1.0}}, o.Echo)
			require.Equal(t, "not today", o.Refused)
			require.Equal(t, upTo(15), o.Received)
			require.Equal(t, []string{"reconnecting", "reconnected", "disconnected"}, o.States)
			h.seen(t, who, "connected", "reconnected missed=false", "closed: closed by the client")
		})
	}
}

// npm's @microsoft/signalr: the same, but whoever comes back is a new connection.
func TestCoreClient_EveryTransport(t *testing.T) {
	t.Parallel()
	scenarios := []scenario{{Transport: "webSockets"}, {Transport: "serverSentEvents"}, {Transport: "longPolling"}, {Transport: "webSockets", Skip: true}}
	h, outcomes := play(t, "core.js", corePath, scenarios)
	for i, o := range outcomes {
		t.Run(fmt.Sprint(o.Transport, i), func(t *testing.T) {
			who := scenarios[i].Token
			if !scenarios[i].Skip { // who skips negotiating learns no id
				require.Equal(t, h.ids[who], o.ID)
			}
			require.Equal(t, []any{"ä", map[string]any{"x": 1.0}}, o.Echo)
			require.Contains(t, o.Refused, "not today")
			require.Equal(t, upTo(10), o.Received)
			require.Equal(t, []string{"reconnecting", "reconnected", "disconnected"}, o.States)
			require.EventuallyWithT(t, func(c *assertT) {
				h.mu.Lock()
				defer h.mu.Unlock()
				events := slices.DeleteFunc(slices.Clone(h.events[who]), func(e string) bool { return strings.HasPrefix(e, "closed") })
				require.Equal(c, []string{"connected", "connected"}, events)
				require.Contains(c, h.events[who], "closed: closed by the client")
			}, patience, 5*time.Millisecond)
		})
	}
}
