package surfaces_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query/hub"
	"floorwalker/query/signalr"
	"floorwalker/schema"
)

// pushing serves subscriptions with short intervals.
func pushing(s *setup) {
	s.push = true
	s.clarity.Push.Interval = hub.ShortestInterval
	s.clarity.Push.Timing = signalr.Timing{KeepAlive: time.Second, Disconnect: 2 * time.Second}
}

// listen serves; the address is that of the server.
func (w *world) listen(t testing.TB) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- w.app.Serve(listener) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = w.app.Shutdown(ctx) // streams may still be open
		<-served
	})
	return listener.Addr().String()
}

// dashboard is a classic SignalR client over Server-Sent Events that rebuilds what it is told.
type dashboard struct {
	t              testing.TB
	base, token    string
	id, connection string // the connection's id and token
	cancel         context.CancelFunc
	done           chan struct{}
	mu             sync.Mutex
	cursor         string
	messages       []told // all
	states         map[string]*state
	problems       []string
	endedWith      string
}

// told is one call of the client.
type told struct {
	method string
	message
}

type message struct {
	SubscriptionID string
	AsOf           time.Time
	Reset, More    bool
	Items          []map[string]any
	Removed        []string
	Message        string
	raw            string
}

// state is what a client has of a subscription.
type state struct {
	rows   map[string]map[string]any
	resets int
}

const connectionData = `[{"name":"connecthub"}]`

func (w *world) dashboard(t testing.TB, address, login string) *dashboard {
	t.Helper()
	d := &dashboard{t: t, base: "http://" + address + "/webapi/signalr", token: w.clarityToken(login), states: map[string]*state{}, done: make(chan struct{})}
	var negotiated struct{ ConnectionId, ConnectionToken, ProtocolVersion string }
	status, body := d.get("/negotiate?clientProtocol=2.1&connectionData=" + url.QueryEscape(connectionData))
	require.Equal(t, 200, status, body)
	require.NoError(t, json.Unmarshal([]byte(body), &negotiated))
	d.id, d.connection = negotiated.ConnectionId, negotiated.ConnectionToken
	d.stream("connect")
	status, body = d.get("/start?" + d.query())
	require.Equal(t, 200, status, body)
	t.Cleanup(func() { d.cancel(); <-d.done })
	return d
}

func (d *dashboard) query() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return url.Values{"transport": {"serverSentEvents"}, "clientProtocol": {"2.1"}, "connectionToken": {d.connection}, "connectionData": {connectionData}, "messageId": {d.cursor}}.Encode()
}

func (d *dashboard) request(ctx context.Context, method, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, d.base+path, nil)
	require.NoError(d.t, err)
	r.Header.Set("Authorization", "Bearer "+d.token)
	return http.DefaultClient.Do(r)
}

func (d *dashboard) get(path string) (int, string) {
	resp, err := d.request(context.Background(), "GET", path)
	require.NoError(d.t, err)
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// stream connects, or reconnects, and reads in the background; it returns when the stream has begun.
func (d *dashboard) stream(how string) {
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := d.request(ctx, "GET", "/"+how+"?"+d.query())
	require.NoError(d.t, err)
	require.Equal(d.t, 200, resp.StatusCode)
	d.cancel, d.done = cancel, make(chan struct{})
	begun := make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 16<<20)
		first := sync.OnceFunc(func() { close(begun) })
		defer first()
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if text != "initialized" || how == "reconnect" {
					first()
				}
				d.read(text)
			}
		}
	}(d.done)
	<-begun
}

func (d *dashboard) read(text string) {
	var frame struct {
		C string
		M []struct {
			H, M string
			A    []json.RawMessage
		}
		E string
	}
	if text == "initialized" || json.Unmarshal([]byte(text), &frame) != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if frame.C != "" {
		d.cursor = frame.C
	}
	if frame.E != "" {
		d.endedWith = frame.E
	}
	for _, m := range frame.M {
		one := told{method: m.M}
		if err := json.Unmarshal(m.A[0], &one.message); err != nil || m.H != "ConnectHub" || len(m.A) != 1 {
			d.problems = append(d.problems, fmt.Sprint(text, err))
		}
		one.raw = string(m.A[0])
		d.take(one)
	}
}

// take rebuilds, as docs/surfaces/clarity.md says.
func (d *dashboard) take(m told) {
	d.messages = append(d.messages, m)
	if m.method == "subscriptionProblem" {
		d.problems = append(d.problems, m.Message)
		return
	}
	s := d.states[m.SubscriptionID]
	if s == nil {
		s = &state{}
		d.states[m.SubscriptionID] = s
	}
	if m.Reset {
		s.rows = map[string]map[string]any{}
		s.resets++
	}
	for _, item := range m.Items {
		key := item["key"].(string)
		s.rows[key] = merged(s.rows[key], item, m.AsOf)
	}
	for _, key := range m.Removed {
		delete(s.rows, key)
	}
}

// running are the times that go on by themselves.
var running = map[string]bool{"queuedMs": true, "activeMs": true, "longestQueuedTime": true}

// ticking is such a time as it was at a moment.
type ticking struct {
	ms float64
	at time.Time
}

// merged lays an object over another one; null takes a field away.
func merged(old, item map[string]any, at time.Time) map[string]any {
	out := map[string]any{}
	for name, v := range old {
		out[name] = v
	}
	list := func(name string) []any { l, _ := item[name].([]any); return l }
	for name, v := range item {
		switch {
		case strings.HasPrefix(name, "added"), strings.HasPrefix(name, "removed"), strings.HasPrefix(name, "statusHistory"), name == "sessions" && isList(v), name == "breakdowns":
			continue
		case v == nil:
			delete(out, name)
		case running[name]:
			out[name] = ticking{v.(float64), at}
		default:
			had, _ := out[name].(map[string]any)
			within, ok := v.(map[string]any)
			_, isTime := within["total"] // a time is one value
			if ok && !isTime {
				out[name] = merged(had, within, at)
			} else {
				out[name] = v
			}
		}
	}
	entries := func(field, added, removed string, id func(map[string]any) string) {
		if item[field] == nil && item[added] == nil && item[removed] == nil {
			return
		}
		byID := map[string]any{}
		if had, ok := out[field].([]any); ok && (old["key"] != nil || field == "sessions") {
			for _, v := range had {
				byID[id(v.(map[string]any))] = v
			}
		}
		for _, v := range append(list(added), list(field)...) {
			entry := v.(map[string]any)
			had, _ := byID[id(entry)].(map[string]any)
			byID[id(entry)] = merged(had, entry, at)
		}
		for _, v := range list(removed) {
			delete(byID, id(v.(map[string]any)))
		}
		out[field] = sortedValues(byID)
	}
	if isList(item["sessions"]) || item["addedSessions"] != nil || item["removedSessions"] != nil {
		entries("sessions", "addedSessions", "removedSessions", func(m map[string]any) string { return fmt.Sprint(m["sessionId"]) })
	}
	entries("breakdowns", "addedBreakdowns", "removedBreakdowns", func(m map[string]any) string { return fmt.Sprint(m["id"], m["name"]) })
	if pieces, ok := item["statusHistory"]; ok {
		had, _ := out["statusHistory"].([]any)
		if drop, ok := item["statusHistoryRemoved"].(float64); ok {
			had = had[int(drop) : int(drop)+int(item["statusHistoryKept"].(float64))]
		} else {
			had = nil
		}
		out["statusHistory"] = append(append([]any{}, had...), pieces.([]any)...)
	}
	return out
}

func isList(v any) bool { _, ok := v.([]any); return ok }

func sortedValues(m map[string]any) []any {
	out := []any{}
	for _, id := range sortedKeys(m) {
		out = append(out, m[id])
	}
	return out
}

func sortedKeys[V any](m map[string]V) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// displayed is what a client shows at a moment: times that run go on, and lists have one order.
func displayed(v any, within map[string]any, now time.Time) any {
	switch v := v.(type) {
	case ticking:
		return v.ms
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = displayed(v[i], nil, now)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			switch t, ticks := value.(ticking); {
			case value == nil, name == "key", name == "sessions" && isList(value) && len(value.([]any)) == 0:
			case ticks && goesOn(name, v):
				out[name] = t.ms + float64(now.Sub(t.at).Milliseconds())
			default:
				of := displayed(value, v, now)
				if m, ok := of.(map[string]any); !ok || len(m) > 0 {
					out[name] = of
				}
			}
		}
		return out
	}
	return v
}

// goesOn reports whether a time runs; of sessions their status tells.
func goesOn(name string, of map[string]any) bool {
	switch name {
	case "queuedMs":
		return of["sessionStatus"] == "Queued" || of["sessionStatus"] == "ReEnqueued"
	case "activeMs":
		return of["sessionStatus"] == "Active" || of["sessionStatus"] == "ActiveImOnly"
	}
	return true
}

// rows are what the client shows of a subscription, by key.
func (d *dashboard) rows(subscription string, now time.Time) map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]any{}
	if s := d.states[subscription]; s != nil {
		for key, row := range s.rows {
			out[key] = displayed(row, nil, now)
		}
	}
	return out
}

// all are the messages so far of a subscription.
func (d *dashboard) all(subscription string) (out []told) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.messages {
		if m.SubscriptionID == subscription {
			out = append(out, m)
		}
	}
	return out
}

// wait returns the messages of a subscription when there are so many.
func (d *dashboard) wait(n int, subscription string) (out []told) {
	d.t.Helper()
	require.Eventually(d.t, func() bool { out = d.all(subscription); return len(out) >= n }, 10*time.Second, 5*time.Millisecond, "messages of %s", subscription)
	return out
}

// subscribe makes a subscription on the dashboard's connection.
func (w *world) subscribe(t require.TestingT, login string, d *dashboard, form string, body map[string]any) (id string) {
	fields := map[string]any{"connectionId": d.id}
	for name, v := range body {
		fields[name] = v
	}
	raw, _ := json.Marshal(fields)
	a := w.clarity(login, "POST", "/v2/subscriptions/"+form, string(raw))
	require.Equal(t, 200, a.StatusCode, a.body)
	var answer struct{ SubscriptionID string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &answer))
	return answer.SubscriptionID
}

func tombstone(kind, id string) *schema.Event {
	return &schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: "6", Subject: id, Deleted: true}
}
