package audit_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/audit"
	"floorwalker/aggregate/backfill"
	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/worker"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const (
	topic   = "cc.events"
	morning = int64(1_790_035_200_000) // 2026-09-22T00:00:00Z
	minute  = int64(60_000)
	hour    = 60 * minute
)

// happening is one event before it is a record.
type happening struct {
	cc, kind, subject, data string
	t                       int64
	id                      string
}

func (h *happening) record(partition int, offset int64) schema.Record {
	return schema.Record{Topic: topic, Partition: partition, Offset: offset, Timestamp: h.t, Value: fmt.Appendf(nil,
		`{"specversion":"1.0","id":%q,"source":"/acd","type":"cc.%s","subject":%q,"time":%q,"contactcenter":%q,"data":%s}`,
		h.id, h.kind, h.subject, schema.FormatTime(h.t), h.cc, h.data)}
}

// floor invents hours of a contact centre: calls and chats with everything that can happen to them.
type floor struct {
	cc  string
	r   *rand.Rand
	all []happening
}

func (f *floor) tell(t int64, kind, subject, data string, args ...any) {
	f.all = append(f.all, happening{cc: f.cc, kind: kind, subject: subject, data: fmt.Sprintf(data, args...), t: t,
		id: fmt.Sprintf("%s-%d", f.cc, len(f.all))})
}

func newFloor(cc string, seed uint64, hours int) []happening {
	f := &floor{cc: cc, r: rand.New(rand.NewPCG(seed, 7))}
	for a := range 5 {
		id := fmt.Sprint("a", a)
		at := morning + f.within(10*minute)
		f.tell(at, "agent.login", id, `{"session_id":"s%d","capacity":{"chat":2}}`, a)
		f.tell(at+1000, "agent.status", id, `{"status":"available"}`)
		for at += f.within(hour); at < morning+int64(hours)*hour; at += f.within(hour) {
			switch f.r.IntN(5) {
			case 0:
				f.tell(at, "agent.logout", id, `{}`)
				f.tell(at+f.within(20*minute), "agent.login", id, `{}`)
			case 1:
				f.tell(at, "agent.suspended", id, `{"suspended":true}`)
				f.tell(at+f.within(5*minute), "agent.suspended", id, `{"suspended":false}`)
			default:
				f.tell(at, "agent.status", id, `{"status":"break","reason":{"id":"%d","name":"tea"}}`, f.r.IntN(3))
				f.tell(at+f.within(15*minute), "agent.status", id, `{"status":"available"}`)
			}
		}
	}
	n := 0
	for at := morning; at < morning+int64(hours)*hour; at += f.within(80_000) {
		f.conversation(fmt.Sprint("i", n), at)
		n++
	}
	slices.SortStableFunc(f.all, func(a, b happening) int { return cmp.Compare(a.t, b.t) })
	return f.all
}

func (f *floor) within(span int64) int64 { return 1 + f.r.Int64N(span) }

func (f *floor) conversation(id string, t int64) {
	channel := []string{"voice", "voice", "voice", "chat"}[f.r.IntN(4)]
	agent := fmt.Sprint("a", f.r.IntN(5))
	if f.r.IntN(8) == 0 {
		f.tell(t, "interaction.created", id, `{"channel":"voice","direction":"outbound","agent_id":%q}`, agent)
		t += f.within(20_000)
	} else {
		f.tell(t, "interaction.created", id, `{"channel":%q,"direction":"inbound","campaign_id":"c%d"}`, channel, f.r.IntN(2))
		t += f.within(5000)
		f.tell(t, "interaction.queued", id, `{"queue_id":"q%d"}`, f.r.IntN(3))
		t += f.within(30_000)
		if f.r.IntN(6) == 0 {
			f.tell(t, "interaction.ended", id, `{"reason":"abandoned"}`)
			return
		}
		if f.r.IntN(8) == 0 {
			f.tell(t, "interaction.queued", id, `{"queue_id":"q%d"}`, f.r.IntN(3))
			t += f.within(30_000)
		}
		f.tell(t, "interaction.offered", id, `{"agent_id":%q}`, agent)
		t += f.within(15_000)
		if f.r.IntN(6) == 0 {
			f.tell(t, "interaction.declined", id, `{"agent_id":%q,"reason":"no_answer"}`, agent)
			agent = fmt.Sprint("a", f.r.IntN(5))
			f.tell(t+1, "interaction.offered", id, `{"agent_id":%q}`, agent)
			t += f.within(90_000)
		}
	}
	f.tell(t, "interaction.connected", id, `{"agent_id":%q}`, agent)
	t += f.within(2 * minute)
	switch f.r.IntN(7) {
	case 0:
		f.tell(t, "interaction.held", id, `{"agent_id":%q}`, agent)
		t += f.within(30_000)
		f.tell(t, "interaction.resumed", id, `{"agent_id":%q}`, agent)
	case 1:
		f.tell(t, "interaction.transferred", id, `{"from_agent_id":%q,"to_queue_id":"q1","mode":"blind"}`, agent)
		f.tell(t+5, "interaction.queued", id, `{"queue_id":"q1"}`)
		t += f.within(30_000)
		agent = fmt.Sprint("a", f.r.IntN(5))
		f.tell(t, "interaction.offered", id, `{"agent_id":%q,"role":"transfer"}`, agent)
		t += f.within(10_000)
		f.tell(t, "interaction.connected", id, `{"agent_id":%q}`, agent)
	case 2:
		f.tell(t, "interaction.message", id, `{"from":"x","to":"y","text":"hello","from_agent":true,"agent_id":%q}`, agent)
	case 3:
		f.tell(t, "interaction.parked", id, `{"agent_id":%q}`, agent)
		t += f.within(30_000)
		f.tell(t, "interaction.unparked", id, `{"agent_id":"a%d"}`, f.r.IntN(5))
	case 4:
		f.tell(t, "interaction.note", id, `{"note":"later"}`)
	}
	t += f.within(3 * minute)
	if f.r.IntN(40) == 0 {
		return // its end never comes
	}
	f.tell(t, "interaction.ended", id, `{"reason":"completed"}`)
	if f.r.IntN(2) == 0 {
		f.tell(t+10, "interaction.wrap_started", id, `{"agent_id":%q}`, agent)
		f.tell(t+f.within(40_000), "interaction.wrap_ended", id, `{"agent_id":%q}`, agent)
	}
}

// arrive puts events into an order in which none comes more than a lag behind, and sends some twice.
func arrive(events []happening, seed uint64, lag int64) []happening {
	r := rand.New(rand.NewPCG(seed, 9))
	type arrival struct {
		happening
		at int64
	}
	var list []arrival
	for _, h := range events {
		list = append(list, arrival{h, h.t + r.Int64N(lag+1)})
		if r.IntN(20) == 0 {
			list = append(list, arrival{h, h.t + r.Int64N(lag+1)})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Compare(a.at, b.at) })
	out := make([]happening, len(list))
	for k := range list {
		out[k] = list[k].happening
	}
	return out
}

// log is a partition in memory.
type log struct {
	id      int
	mu      sync.Mutex
	records []schema.Record
	first   int64
	more    chan struct{}
	readers atomic.Int64 // that have begun
}

func newLog(id int) *log { return &log{id: id, more: make(chan struct{}, 1)} }

func (l *log) add(events ...happening) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range events {
		l.records = append(l.records, events[k].record(l.id, l.first+int64(len(l.records))))
	}
	select {
	case l.more <- struct{}{}:
	default:
	}
}

func (l *log) end() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + int64(len(l.records))
}

func (l *log) ID() int { return l.id }

func (l *log) Bounds(context.Context) (int64, int64, error) { return l.first, l.end(), nil }

func (l *log) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	l.readers.Add(1)
	for {
		l.mu.Lock()
		batch := slices.Clone(l.records[from-l.first:])
		l.mu.Unlock()
		batch = batch[:min(len(batch), 500)]
		if err := handle(batch, l.end()); err != nil {
			return err
		}
		from += int64(len(batch))
		if len(batch) > 0 {
			continue
		}
		select {
		case <-l.more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// system is a worker on a real ClickHouse, reading logs in memory.
type system struct {
	testing.TB
	conn     driver.Conn
	database string
	store    *history.Store
	logs     []*log
	murmur2  bool // records in other partitions are dead letters
}

func newSystem(t testing.TB, logs ...*log) *system {
	t.Helper()
	conn, name := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(context.Background(), conn, clickhouse.Options{})
	require.NoError(t, err)
	store, err := history.NewStore(conn, metrics.NewSet(), quiet())
	require.NoError(t, err)
	return &system{TB: t, conn: conn, database: name, store: store, logs: logs}
}

func quiet() history.Config {
	return history.Config{Worker: "w", MinPause: time.Millisecond, MaxPause: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
}

// worker makes one that reads what lies in its partition, or in any.
func (s *system) worker(change ...func(*worker.Config)) *worker.Worker {
	s.Helper()
	set := metrics.NewSet()
	sink, err := history.NewSink(s.conn, set, quiet())
	require.NoError(s, err)
	store, err := history.NewStore(s.conn, set, quiet())
	require.NoError(s, err)
	cfg := worker.Config{Topic: topic, Gate: gate.Gate{AnyPartitioner: !s.murmur2, MaxAhead: 5 * time.Minute}, Flush: 50 * time.Millisecond,
		Checkpoint: 300 * time.Millisecond, MinPause: time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	w, err := worker.New(cfg,
		worker.Parts{Engines: worker.Real(engine.Config{}), Decoder: func() gate.Decoder { return &schema.Decoder{} }, Sink: sink, Checkpoints: store,
			DeadLetters: func(context.Context, []schema.DeadLetter) error { return nil }, Metrics: set})
	require.NoError(s, err)
	return w
}

// own runs a worker on all logs until ctx ends.
func (s *system) own(ctx context.Context, change ...func(*worker.Config)) error {
	g := worker.Generation{Total: len(s.logs), Commit: func(context.Context, map[int]int64) error { return nil }}
	for _, l := range s.logs {
		g.Partitions = append(g.Partitions, l)
	}
	return s.worker(change...).Own(ctx, g)
}

// work runs a worker; stop ends it and waits.
func (s *system) work(change ...func(*worker.Config)) (stop func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.own(ctx, change...) }()
	return func() { cancel(); require.NoError(s, <-done) }
}

// settle waits until everything in the logs is flushed.
func (s *system) settle() {
	s.Helper()
	for _, l := range s.logs {
		require.Eventually(s, func() bool { return s.flushed(l.id) == l.end() }, 3*time.Minute, 10*time.Millisecond)
	}
}

func (s *system) flushed(partition int) (offset int64) {
	s.Helper()
	require.NoError(s, s.conn.QueryRow(context.Background(), "SELECT toInt64(argMax(offset, (epoch, offset))) FROM progress WHERE contact_center = '' AND partition = {p:UInt32}",
		ch.Named("p", partition)).Scan(&offset))
	return offset
}

func (s *system) once() {
	s.Helper()
	stop := s.work()
	s.settle()
	stop()
}

func (s *system) other(ctx context.Context, database string) (driver.Conn, error) {
	return clickhouse.Open(ctx, clickhouse.Config{Addresses: []string{clickhousetest.Start(s).Addr()}, Database: database})
}

func (s *system) audit(change ...func(*audit.Config)) *audit.Report {
	s.Helper()
	cfg := audit.Config{Conn: s.conn, Store: s.store, Database: s.database, Open: s.other, Topic: topic}
	for _, c := range change {
		c(&cfg)
	}
	r, err := audit.Run(context.Background(), cfg)
	require.NoError(s, err)
	var left uint64
	require.NoError(s, s.conn.QueryRow(context.Background(), "SELECT count() FROM system.databases WHERE startsWith(name, {p:String})",
		ch.Named("p", s.database+"_scratch_")).Scan(&left))
	require.Zero(s, left, "scratch databases are dropped")
	return r
}

func (s *system) backfill(change ...func(*backfill.Config)) *backfill.Report {
	s.Helper()
	cfg := backfill.Config{Conn: s.conn, Store: s.store, Database: s.database, Open: s.other, Topic: topic}
	for _, c := range change {
		c(&cfg)
	}
	r, err := backfill.Run(context.Background(), cfg)
	require.NoError(s, err)
	return r
}

func (s *system) exec(query string, args ...any) {
	s.Helper()
	require.NoError(s, s.conn.Exec(context.Background(), query, args...))
}

func (s *system) mutate(table, change string) {
	s.Helper()
	s.exec("ALTER TABLE " + table + " " + change + " SETTINGS mutations_sync = 1")
}

func clean(t require.TestingT, r *audit.Report) {
	require.Empty(t, r.Differences)
	require.Zero(t, r.Total)
	require.Empty(t, r.Explained)
}

// before is how many of them come before the first one at t or later.
func before(events []happening, t int64) int {
	return slices.IndexFunc(events, func(h happening) bool { return h.t >= t })
}

// slow tests are raced by make test-long alone.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes many seconds under the race detector")
	}
}
