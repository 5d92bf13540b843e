package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/view"
	"floorwalker/aggregate/worker"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/program"
	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/command"
	views "floorwalker/query/floor"
	reader "floorwalker/query/history"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// stage is Floorwalker in this process on a real ClickHouse, with a partition in memory and a clock that only the test moves: what
// takes days passes in seconds, and answers come out the same each time.
type stage struct {
	t             *testing.T
	contactCenter string
	conn          ch.Conn
	feed          *feed
	directory     *directory.Store
	past          *reader.Reader
	worker        *running
	node          *node
}

// node is a query node: its live view and its API.
type node struct {
	*running
	view *view.View
	app  *query.App
}

// running is something that runs until it is stopped.
type running struct {
	cancel context.CancelFunc
	done   chan error
}

func runUntil(do func(ctx context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel, make(chan error, 1)}
	go func() { r.done <- do(ctx) }()
	return r
}

func (r *running) stop() error {
	r.cancel()
	return <-r.done
}

const stageToken = "admin-token-0123456789"

func newStage(t *testing.T, contactCenter string, now time.Time) *stage {
	t.Helper()
	if testing.Short() {
		t.Skip("needs ClickHouse")
	}
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(t.Context(), conn, clickhouse.Options{})
	require.NoError(t, err)
	s := &stage{t: t, contactCenter: contactCenter, conn: conn, feed: newFeed(now), directory: directory.NewStore()}
	s.past = reader.New(conn, metric.NewCatalogue(), reader.Config{})
	s.startWorker()
	s.startNode()
	t.Cleanup(func() {
		s.stopWorker()
		_ = s.node.stop() // it ends with its context's error
	})
	return s
}

var silent = slog.New(slog.DiscardHandler)

func (s *stage) engine() engine.Config { return engine.Config{} }

func (s *stage) gate() gate.Gate { return gate.Gate{AnyPartitioner: true, MaxAhead: 5 * time.Minute} }

func (s *stage) startWorker() {
	s.t.Helper()
	set := metrics.NewSet()
	cfg := history.Config{Worker: "w", Now: s.feed.now, Log: silent}
	sink, err := history.NewSink(s.conn, set, cfg)
	require.NoError(s.t, err)
	store, err := history.NewStore(s.conn, set, cfg)
	require.NoError(s.t, err)
	w, err := worker.New(worker.Config{Topic: eventsTopic, Gate: s.gate(), Flush: 20 * time.Millisecond, Now: s.feed.now, Log: silent},
		worker.Parts{Engines: worker.Real(s.engine()), Decoder: func() gate.Decoder { return &schema.Decoder{} }, Sink: sink, Checkpoints: store,
			DeadLetters: func(_ context.Context, letters []schema.DeadLetter) error {
				return fmt.Errorf("%d dead letters, the first: %s", len(letters), letters[0].Error)
			}, Metrics: set})
	require.NoError(s.t, err)
	s.worker = runUntil(func(ctx context.Context) error {
		return w.Own(ctx, worker.Generation{Partitions: []worker.Partition{s.feed}, Total: 1, Commit: func(context.Context, map[int]int64) error { return nil }})
	})
}

// stopWorker lets the worker save a checkpoint.
func (s *stage) stopWorker() {
	s.t.Helper()
	require.NoError(s.t, s.worker.stop())
}

func (s *stage) startNode() {
	s.t.Helper()
	v, err := view.New(view.Config{Engine: s.engine(), Gate: s.gate(), Decoder: func() gate.Decoder { return &schema.Decoder{} },
		Zone:    func(cc string) *time.Location { return s.directory.Snapshot(cc).Location },
		History: stageBoot{history.NewBoot(s.conn, silent)}, Now: s.feed.now, Log: silent})
	require.NoError(s.t, err)
	authenticator, err := auth.New([]auth.Account{{ID: "admin", ContactCenter: "*", Role: auth.Admin, Tokens: []string{stageToken}}}, auth.Options{})
	require.NoError(s.t, err)
	source := views.NewSource(v, s.directory, []string{s.contactCenter}, s.feed.now)
	app, err := query.New(query.Config{}, query.Deps{Source: source, Authenticator: authenticator, History: s.past, Logger: silent, Now: s.feed.now,
		Commands:  command.New(source, &stageLog{s}, s.feed.now),
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }})
	require.NoError(s.t, err)
	s.node = &node{running: runUntil(func(ctx context.Context) error {
		return v.Run(ctx, func(context.Context) ([]view.Partition, error) { return []view.Partition{s.feed}, nil })
	}), view: v, app: app}
}

// restartNode begins with the newest checkpoint.
func (s *stage) restartNode() {
	s.t.Helper()
	_ = s.node.stop() // it ends with its context's error
	s.startNode()
}

// stageBoot is the history as the live view knows it.
type stageBoot struct{ *history.Boot }

func (b stageBoot) Epoch(ctx context.Context) (uint16, bool, error) {
	return b.Boot.Epoch(ctx, eventsTopic)
}

func (b stageBoot) Snapshot(ctx context.Context, partition int) (view.Checkpoint, error) {
	c, err := b.LoadSnapshot(ctx, eventsTopic, partition)
	return view.Checkpoint{Epoch: c.Epoch, Partitions: c.Partitions, Offset: c.Offset, Engine: c.Snapshot}, err
}

// stageLog writes what clients set into the feed.
type stageLog struct{ s *stage }

func (l *stageLog) Say(ctx context.Context, ev *schema.Event, _ ...*schema.Command) error {
	end := l.s.feed.add(*ev)
	for l.s.node.view.Status()[0].Applied < end {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (l *stageLog) PutDirectory(_ context.Context, cc, kind, id string, data []byte) error {
	return l.s.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: cc, Subject: id, Data: data})
}

func (l *stageLog) DeleteDirectory(_ context.Context, cc, kind, id string) error {
	return l.s.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: cc, Subject: id, Deleted: true})
}

// feed is a partition in memory and the clock.
type feed struct {
	mu      sync.Mutex
	cond    *sync.Cond
	clock   time.Time
	records []schema.Record
}

func newFeed(now time.Time) *feed {
	f := &feed{clock: now}
	f.cond = sync.NewCond(&f.mu)
	return f
}

func (f *feed) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

// set moves the clock; every reader hears that there is nothing more.
func (f *feed) set(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = now
	f.cond.Broadcast()
}

// add appends events and returns the next offset.
func (f *feed) add(events ...schema.Event) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range events {
		e := &events[i]
		f.records = append(f.records, schema.Record{Topic: eventsTopic, Offset: int64(len(f.records)), Timestamp: e.Time,
			Key: []byte(e.ContactCenter), Value: schema.AppendStructured(nil, e)})
	}
	f.cond.Broadcast()
	return int64(len(f.records))
}

func (f *feed) ID() int { return 0 }

func (f *feed) Bounds(context.Context) (int64, int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return 0, int64(len(f.records)), nil
}

func (f *feed) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	stop := context.AfterFunc(ctx, func() { f.mu.Lock(); defer f.mu.Unlock(); f.cond.Broadcast() })
	defer stop()
	for {
		f.mu.Lock()
		end, heard := int64(len(f.records)), f.clock
		batch := slices.Clone(f.records[min(from, end):end])
		f.mu.Unlock()
		for chunk := range slices.Chunk(batch, 1000) {
			if err := handle(chunk, end); err != nil {
				return err
			}
		}
		if err := handle(nil, end); err != nil {
			return err
		}
		from = max(from, end)
		f.mu.Lock()
		for int64(len(f.records)) <= from && f.clock.Equal(heard) && ctx.Err() == nil {
			f.cond.Wait()
		}
		f.mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// say applies directory events and adds the others.
func (s *stage) say(events ...schema.Event) {
	s.t.Helper()
	var others []schema.Event
	for i := range events {
		if events[i].Type != schema.EventDirectory {
			others = append(others, events[i])
			continue
		}
		require.NoError(s.t, s.directory.Apply(&events[i]))
	}
	s.feed.add(others...)
}

// settle moves the clock and waits until live view and history are as of that moment.
func (s *stage) settle(now time.Time) {
	s.t.Helper()
	s.feed.set(now)
	_, end, _ := s.feed.Bounds(s.t.Context())
	program.Eventually(s.t, time.Minute, "live view and history as of "+now.String(), func() string {
		st := s.node.view.Status()
		if len(st) != 1 || st[0].Applied < end || !st[0].CaughtUp {
			return fmt.Sprintf("live view: %+v of %d", st, end)
		}
		at, err := s.past.Progress(s.t.Context(), s.contactCenter)
		flushed, _, ferr := s.past.Flushed(s.t.Context(), eventsTopic, 0)
		if err != nil || ferr != nil || flushed < end || at.AsOf < now.UnixMilli() {
			return fmt.Sprintf("history: as of %d, %d of %d, %v %v", at.AsOf, flushed, end, err, ferr)
		}
		return ""
	})
}

// ask sends a request below the contact centre; path and query may be in either form that curl takes.
func (s *stage) ask(method, path, body string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	r := httptest.NewRequest(method, "/api/v1/contact-centers/"+url.PathEscape(s.contactCenter)+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+stageToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.node.app.Fiber().Test(r, -1)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, resp.Header, string(raw)
}

// get reads JSON, which must be there.
func (s *stage) get(path string, query url.Values, into any) {
	s.t.Helper()
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	status, _, body := s.ask(http.MethodGet, path, "")
	require.Equal(s.t, http.StatusOK, status, "%s: %s", path, body)
	require.NoError(s.t, json.Unmarshal([]byte(body), into))
}
