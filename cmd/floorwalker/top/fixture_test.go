package top

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"
	"go.uber.org/goleak"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

const readerToken = "reader-token-0123456789"

// The API's server keeps goroutines for seconds after it has ended.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

// live is a floor that a test changes.
type live struct {
	mu    sync.Mutex
	floor *schema.Floor
}

func (l *live) Pin(cc string) (*schema.Floor, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.floor, cc == l.floor.ContactCenter
}

func (l *live) Metrics(cc string, from, to int64) (schema.LiveMetrics, bool) {
	w := &schema.Window{Dims: schema.Dims{ContactCenter: "6", Queue: "IN", Channel: schema.ChannelVoice, Direction: schema.Inbound}}
	w.Counts[schema.CountOffered], w.Counts[schema.CountAnswered], w.Counts[schema.CountAbandoned] = 20, 15, 5
	now := time.Now().UnixMilli()
	return schema.LiveMetrics{AsOf: now, CompleteUntil: now, Windows: []*schema.Window{w}, From: from, To: to}, cc == "6"
}

// set makes a version in which somebody has been in a status.
func (l *live) set(id string, s schema.Status, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := *l.floor
	f.Agents = f.Agents.Copy()
	f.Version++
	f.AsOf = time.Now().UnixMilli()
	ms := since.UnixMilli()
	f.Agents.Set(id, &schema.LiveAgent{ID: id, Session: &schema.LiveSession{ID: "s-" + id, Since: ms}, Status: s, StatusSince: ms,
		Presence: schema.LivePresence{Status: schema.Available, Since: ms}, WorkloadSince: ms, LastEvent: ms})
	l.floor = &f
}

// serve is the real API, with push, on a port.
func serve(t *testing.T) (*live, string) {
	t.Helper()
	l := &live{floor: &schema.Floor{ContactCenter: "6", Version: 1, AsOf: time.Now().UnixMilli(), Agents: &btree.Map[string, *schema.LiveAgent]{},
		Interactions: &btree.Map[string, *schema.LiveInteraction]{}}}
	store := directory.NewStore()
	for id, entity := range map[[2]string]string{{"queue", "IN"}: `{"name":"Inbound","business_unit_id":"BU","team_ids":["T"],"service_level_seconds":30}`,
		{"team", "T"}: `{"name":"Team one","business_unit_id":"BU","queue_ids":[]}`, {"agent", "ann"}: `{"name":"Ann Äpfel","login":"ann","email":"a@x","role":"agent","team_id":"T","skills":[],"queue_ids":["IN"],"campaign_ids":[]}`} {
		require.NoError(t, store.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: id[0], ContactCenter: "6", Subject: id[1], Data: []byte(entity)}))
	}
	l.set("ann", schema.Break, time.Now().Add(-time.Hour))
	accounts, err := auth.New([]auth.Account{{ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{readerToken}}}, auth.Options{})
	require.NoError(t, err)
	source := floor.NewSource(l, store, nil, time.Now)
	log := slog.New(slog.DiscardHandler)
	push, err := hub.New(hub.Config{Source: source, Log: log})
	require.NoError(t, err)
	app, err := query.New(query.Config{}, query.Deps{Source: source, Authenticator: accounts, Push: push, Logger: log,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = push.Run(ctx) })
	running.Go(func() { _ = app.Serve(listener) })
	t.Cleanup(func() {
		stop()
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = app.Shutdown(limit)
		running.Wait()
	})
	return l, "http://" + listener.Addr().String()
}

// wire is a transport that a test cuts.
type wire struct {
	http.Transport
	mu       sync.Mutex
	noStream bool
	open     []func() // cuts the streams
	resumed  []string // Last-Event-ID of each stream that came
	polls    int
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if base(r.URL.Path) != "stream" {
		w.polls++
		return w.Transport.RoundTrip(r)
	}
	if w.noStream {
		return nil, net.ErrClosed
	}
	w.resumed = append(w.resumed, r.Header.Get("Last-Event-ID"))
	ctx, cut := context.WithCancel(r.Context())
	w.open = append(w.open, cut)
	return w.Transport.RoundTrip(r.WithContext(ctx))
}

// cut breaks all streams; then says whether new ones can be had.
func (w *wire) cut(then bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noStream = !then
	for _, f := range w.open {
		f()
	}
	w.open = nil
}

func (w *wire) seen() (resumed []string, polls int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.resumed...), w.polls
}

func base(path string) string {
	for n := len(path) - 1; n >= 0; n-- {
		if path[n] == '/' {
			return path[n+1:]
		}
	}
	return path
}
