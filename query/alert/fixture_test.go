package alert

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const center = "6"

// world is a contact centre whose queue holds as many as a test says, at a time that the test says.
type world struct {
	mu        sync.Mutex
	now       time.Time
	version   uint64
	waiting   int
	behind    time.Duration // how far the live view is
	unknown   bool          // the windows are not known
	directory *directory.Store
	catalogue *metric.Catalogue
	source    *floor.Source
	log       *slog.Logger
}

func newWorld() *world {
	w := &world{now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), directory: directory.NewStore(), catalogue: metric.NewCatalogue(),
		log: slog.New(slog.DiscardHandler)}
	w.source = floor.NewSource(w, w.directory, []string{center}, w.clock)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(change func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
	w.version++
}

// wait says how many wait in the queue, each for a minute.
func (w *world) wait(n int) { w.set(func(w *world) { w.waiting = n }) }

func (w *world) pass(d time.Duration) { w.set(func(w *world) { w.now = w.now.Add(d) }) }

func (w *world) Pin(contactCenter string) (*schema.Floor, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if contactCenter != center {
		return nil, false
	}
	asOf := w.now.Add(-w.behind).UnixMilli()
	f := &schema.Floor{ContactCenter: center, Version: w.version, AsOf: asOf, NewestEvent: asOf, CompleteUntil: asOf,
		Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}
	for i := range w.waiting {
		id := strconv.Itoa(i)
		row := &schema.LiveInteraction{Visits: []schema.Visit{{ContactCenter: center, Interaction: id, Queue: "q", Start: asOf - 60_000, End: schema.Open}}}
		row.ID = id
		f.Interactions.Set(id, row)
	}
	return f, true
}

func (w *world) Metrics(_ string, from, to int64) (schema.LiveMetrics, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return schema.LiveMetrics{From: from, To: to, AsOf: w.now.UnixMilli()}, !w.unknown
}

// rule says or, with empty data, takes back a rule of the directory.
func (w *world) rule(t require.TestingT, id, data string) {
	require.NoError(t, w.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: directory.KindAlertRule, ContactCenter: center,
		Subject: id, Deleted: data == "", Data: []byte(data)}))
}

// tooMany is a rule on the queue: more than 10 for 3 s, until 5.
const tooMany = `{"metric":"waiting","scope":{"queue":"q"},"window":"5m","comparison":">","threshold":10,"clear_threshold":5,"for_seconds":3,"severity":"warning"}`

// memory is the alerts' topic, one partition of it.
type memory struct {
	mu      sync.Mutex
	records []Message
	more    chan struct{}
	away    bool
	forget  bool // a write is stored, but not acknowledged
}

func newMemory() *memory { return &memory{more: make(chan struct{})} }

func (m *memory) Follow(ctx context.Context, _ []int, reached func(), apply func(rec *schema.Record) error) error {
	m.mu.Lock()
	goal := len(m.records)
	m.mu.Unlock()
	for at := 0; ; {
		m.mu.Lock()
		todo, more := m.records[at:], m.more
		m.mu.Unlock()
		for i := range todo {
			if err := apply(&schema.Record{Offset: int64(at), Key: []byte(todo[i].Key), Value: todo[i].Value}); err != nil {
				return err
			}
			at++
		}
		if at >= goal {
			reached()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

func (m *memory) Write(_ context.Context, messages []Message) ([]Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := make([]Position, len(messages))
	for i := range at {
		at[i].Offset = -1
	}
	if m.away {
		return at, errors.New("away")
	}
	for i := range messages {
		at[i].Offset = int64(len(m.records))
		if m.forget {
			at[i].Offset = -1
		}
		m.records = append(m.records, messages[i])
	}
	close(m.more)
	m.more = make(chan struct{})
	if m.forget {
		return at, errors.New("no acknowledgement")
	}
	return at, nil
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// told are all transitions that count, in order.
func (m *memory) told(t require.TestingT) []schema.Alert {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &logged{m.records}
	r := newReader()
	r.read(t, l, len(l.records))
	return r.accepted
}

// node is one query node.
type node struct {
	*Alerts
	cfg  Config
	deps Deps
}

func newNode(t require.TestingT, w *world, topic Topic, history clickhouse.Inserter, hooks WebhookConfig) *node {
	webhooks, err := NewWebhooks(hooks)
	require.NoError(t, err)
	n := &node{cfg: Config{Interval: 2 * time.Millisecond, Now: w.clock}, deps: Deps{Topic: topic, Source: w.source, Directory: w.directory,
		Catalogue: w.catalogue, Webhooks: webhooks, History: history, Metrics: metrics.NewSet(), Log: w.log}}
	n.Alerts, err = New(n.cfg, n.deps)
	require.NoError(t, err)
	return n
}

// own lets the node evaluate until the returned function is called, which waits.
func (n *node) own(t testing.TB, gen Generation) (stop func()) {
	if gen.Total == 0 {
		gen.Partitions, gen.Total = []int{0}, 1
	}
	if gen.Commit == nil {
		gen.Commit = func(map[int]int64) error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Own(ctx, gen) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	t.Cleanup(stop)
	return stop
}

// list lets the node keep its lists.
func (n *node) list(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	<-n.Ready()
}

func eventually(t testing.TB, holds func() bool, what string) {
	t.Helper()
	require.Eventually(t, holds, 20*time.Second, 2*time.Millisecond, what)
}

func states(alerts []schema.Alert) []string {
	out := []string{}
	for _, a := range alerts {
		out = append(out, string(a.State))
	}
	return out
}
