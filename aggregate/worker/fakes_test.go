package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

const (
	topic = "cc.events"
	noon  = int64(1_790_000_000_000)
)

// counting is an engine whose only fact is how often each subject was seen.
type counting struct {
	Seen  map[string]int64
	Next  int64
	dirty map[string]bool
}

func newCounting() *counting { return &counting{Seen: map[string]int64{}, dirty: map[string]bool{}} }

func (c *counting) Apply(ev *schema.Event, offset int64) engine.Outcome {
	c.Next = offset + 1
	if strings.HasPrefix(ev.Subject, "orphan") {
		return engine.Orphan
	}
	subject := strings.Clone(ev.Subject)
	c.Seen[subject]++
	c.dirty[subject] = true
	return engine.Applied
}
func (c *counting) Skip(offset int64)   { c.Next = max(c.Next, offset+1) }
func (c *counting) Position() int64     { return c.Next }
func (c *counting) ExpiredTotal() int64 { return 0 }
func (c *counting) Drain(rows *engine.Rows) {
	for s := range c.dirty {
		rows.Interactions = append(rows.Interactions, schema.Interaction{ContactCenter: "6", ID: s, Start: noon, Number: c.Seen[s]})
	}
	if len(c.dirty) > 0 {
		rows.Centers = append(rows.Centers, engine.Center{ContactCenter: "6", NewestEvent: noon + c.Next, CompleteUntil: noon})
	}
	clear(c.dirty)
}

func (c *counting) Snapshot() ([]byte, error) {
	if len(c.dirty) > 0 {
		return nil, engine.ErrUndrained
	}
	return json.Marshal(c)
}

func engines() Engines {
	return Engines{Number: 1, New: func() Engine { return newCounting() }, Restore: func(snapshot []byte) (Engine, error) {
		c := newCounting()
		if err := json.Unmarshal(snapshot, c); err != nil {
			return nil, err
		}
		return c, nil
	}}
}

// plain decodes records whose value is the subject; the event's time is the record's unless the key says "ahead".
type plain struct{}

func (plain) Decode(rec *schema.Record, ev *schema.Event) error {
	if string(rec.Value) == "bad" {
		return &schema.Violation{Code: schema.CodeMalformedJSON}
	}
	*ev = schema.Event{ID: fmt.Sprint(rec.Offset), Source: "s", Subject: string(rec.Value), ContactCenter: "6", Type: schema.InteractionQueued, Time: rec.Timestamp, Data: rec.Value}
	for _, h := range rec.Headers {
		if h.Key == "ce_subject" {
			ev.Subject = string(h.Value)
		}
	}
	switch {
	case strings.HasPrefix(ev.Subject, "note"):
		ev.Type = schema.InteractionNote
	case strings.HasPrefix(ev.Subject, "ahead"):
		ev.Time += 5*60_000 + 1
	}
	return nil
}

// log is a partition in memory.
type log struct {
	id      int
	first   int64
	mu      sync.Mutex
	cond    *sync.Cond
	records []schema.Record // the first one has offset first
	failure error
	hidden  map[int64]bool // offsets that readers are not given
	from    int64          // where the last Read began
}

func newLog(id int, first int64, values ...string) *log {
	l := &log{id: id, first: first, from: -1}
	l.cond = sync.NewCond(&l.mu)
	l.add(values...)
	return l
}

func (l *log) add(values ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range values {
		l.records = append(l.records, schema.Record{Topic: topic, Partition: l.id, Offset: l.first + int64(len(l.records)), Timestamp: noon, Key: []byte("6"), Value: []byte(v)})
	}
	l.cond.Broadcast()
}

func (l *log) ID() int { return l.id }
func (l *log) Bounds(context.Context) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first, l.first + int64(len(l.records)), nil
}

func (l *log) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	stop := context.AfterFunc(ctx, func() { l.mu.Lock(); defer l.mu.Unlock(); l.cond.Broadcast() })
	defer stop()
	l.mu.Lock()
	l.from = from
	l.mu.Unlock()
	for {
		l.mu.Lock()
		end := l.first + int64(len(l.records))
		batch := slices.DeleteFunc(slices.Clone(l.records[min(from, end)-l.first:]), func(r schema.Record) bool { return l.hidden[r.Offset] })
		tail := l.hidden[end-1]
		failure := l.failure
		l.mu.Unlock()
		if failure != nil {
			return failure
		}
		if err := handle(batch, end); err != nil {
			return err
		}
		if tail && len(batch) > 0 {
			if err := handle(nil, end); err != nil {
				return err
			}
		}
		from = max(from, end)
		l.mu.Lock()
		for l.first+int64(len(l.records)) <= from && ctx.Err() == nil && l.failure == nil {
			l.cond.Wait()
		}
		l.mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (l *log) hide(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hidden[offset] = true
}

func (l *log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
	l.cond.Broadcast()
}

// memory is a sink and a checkpoint store that note the order of what happens.
type memory struct {
	mu          sync.Mutex
	steps       []string
	raw         map[int][]int64 // offsets by partition, in the order written
	rawSubjects map[int64]string
	dead        []string
	letters     []string
	numbers     map[string]int64 // the fact: by subject
	gathered    []schema.Interaction
	annotations int
	ended       []string // contact centres with what was open, and from which position on
	gaps        []clickhouse.OffsetGap
	progress    map[int]history.Flushed
	maxPending  int
	saved       []history.Checkpoint
	committed   map[int]int64
	failFlush   error
	failSave    error
	failCommit  error
	saveTakes   time.Duration
	broken      map[int64]bool // checkpoints by offset
	stored      int64
	ahead       map[int64]bool
	now         time.Time
}

func newMemory() *memory {
	return &memory{raw: map[int][]int64{}, rawSubjects: map[int64]string{}, numbers: map[string]int64{}, committed: map[int]int64{},
		progress: map[int]history.Flushed{}, broken: map[int64]bool{}, ahead: map[int64]bool{}, stored: -1, now: time.UnixMilli(noon)}
}

func (m *memory) with(f func()) { m.mu.Lock(); defer m.mu.Unlock(); f() }

func (m *memory) Gather(_ clickhouse.Stamp, rows *engine.Rows) {
	m.with(func() { m.gathered = append(m.gathered, rows.Interactions...) })
}

func (m *memory) GatherWindow(clickhouse.Stamp, *schema.Window) {}

func (m *memory) Flush(ctx context.Context, all []history.Flushed) error {
	return history.Retry(ctx, time.Millisecond, time.Millisecond, func() error { return m.flush(all) }, func(error) {})
}

func rawOf(f *history.Flushed) (out []schema.RawEvent) {
	for _, e := range f.Raw {
		for i := range e.Rows() {
			out = append(out, e.At(i))
		}
	}
	return out
}

func (m *memory) flush(all []history.Flushed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range all {
		m.maxPending = max(m.maxPending, len(rawOf(&f)))
	}
	if m.failFlush != nil {
		return m.failFlush
	}
	for _, f := range all {
		for _, r := range rawOf(&f) {
			m.raw[f.Stamp.Partition] = append(m.raw[f.Stamp.Partition], r.Offset)
			m.rawSubjects[r.Offset] = strings.Clone(r.Subject)
		}
		for _, d := range f.DeadLetters {
			m.dead = append(m.dead, d.Code)
			if d.Code == schema.CodeTimeAhead {
				m.ahead[d.Offset] = true
			}
		}
		m.gaps = append(m.gaps, f.Gaps...)
		for _, a := range f.Annotations {
			m.annotations += a.Rows()
		}
		m.progress[f.Stamp.Partition] = history.Flushed{Stamp: f.Stamp, CaughtUp: f.CaughtUp, Newest: f.Newest}
	}
	for _, r := range m.gathered {
		m.numbers[r.ID] = r.Number
	}
	m.gathered = nil
	m.steps = append(m.steps, "flush")
	return nil
}

func (m *memory) Noted(context.Context, string, int, uint16, int64) (until int64, _ []clickhouse.OffsetGap, _ error) {
	m.with(func() {
		for _, g := range m.gaps {
			until = max(until, g.Until)
		}
	})
	return until, nil, nil
}

func (m *memory) Missing(_ context.Context, _ string, _ int, _ uint16, from, until int64) (out []clickhouse.OffsetGap, err error) {
	m.with(func() {
		for o := from; o < until; o++ {
			if _, ok := m.rawSubjects[o]; ok || o <= m.stored {
				continue
			}
			if n := len(out); n > 0 && out[n-1].Until == o {
				out[n-1].Until++
				continue
			}
			out = append(out, clickhouse.OffsetGap{From: o, Until: o + 1, Reason: clickhouse.GapLost, Ended: schema.NoTime, Resumed: schema.NoTime})
		}
	})
	return out, nil
}

func (m *memory) Newest(context.Context, string, int, uint16, int64) (map[string]int64, error) {
	return map[string]int64{"6": noon}, nil
}

func (m *memory) EndOpen(_ context.Context, s clickhouse.Stamp, contactCenter string, at int64) error {
	m.with(func() { m.ended = append(m.ended, fmt.Sprint(contactCenter, " at ", s.Position)) })
	return nil
}

func (m *memory) Stored(context.Context, string, int, uint16, int64) (int64, map[string]int64, error) {
	return m.stored, map[string]int64{"6": m.stored}, nil
}
func (m *memory) Progress(context.Context, string, int, uint16) (int64, int64, error) {
	return schema.NoTime, schema.NoTime, nil
}
func (m *memory) Resumed(context.Context, string, uint16) (map[string]int64, error) { return nil, nil }
func (m *memory) Ahead(context.Context, string, int, uint16, int64) (map[int64]bool, error) {
	return m.ahead, nil
}
func (m *memory) Corrected(context.Context, string, int, uint16, int64) ([]int64, error) {
	return nil, nil
}
func (m *memory) Raw(_ context.Context, _ string, partition int, _ uint16, from, until int64, handle func(*schema.RawEvent) error) error {
	for o := from; o < until; o++ {
		if s, ok := m.rawSubjects[o]; ok {
			if err := handle(&schema.RawEvent{ContactCenter: "6", Offset: o, Partition: partition, Subject: s, Time: noon, RecordTime: noon, Type: schema.InteractionQueued}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Save(_ context.Context, all []history.Checkpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failSave != nil {
		return m.failSave
	}
	m.now = m.now.Add(m.saveTakes)
	m.saved = append(m.saved, all...)
	m.steps = append(m.steps, "save")
	return nil
}
func (m *memory) Prune(context.Context, string, int) error { return nil }

func (m *memory) Marks(_ context.Context, _ string, partition int) ([]history.Mark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []history.Mark
	for _, c := range slices.Backward(m.saved) {
		if c.Partition != partition {
			continue
		}
		out = append(out, history.Mark{Topic: topic, Partition: partition, Epoch: c.Epoch, Log: c.Log, Engine: c.Engine, Partitions: c.Partitions,
			Offset: c.Offset})
	}
	return out, nil
}

func (m *memory) Partitions(context.Context, string) (n int, _ error) {
	m.with(func() {
		if k := len(m.saved); k > 0 {
			n = m.saved[k-1].Partitions
		}
	})
	return n, nil
}

func (m *memory) Load(_ context.Context, mark history.Mark) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken[mark.Offset] {
		return nil, fmt.Errorf("checkpoint at %d: %w", mark.Offset, history.ErrBroken)
	}
	for _, c := range m.saved {
		if c.Partition == mark.Partition && c.Epoch == mark.Epoch && c.Offset == mark.Offset {
			return c.Snapshot, nil
		}
	}
	return nil, history.ErrBroken
}

func (m *memory) writeLetters(_ context.Context, letters []schema.DeadLetter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range letters {
		m.letters = append(m.letters, l.Code)
	}
	m.steps = append(m.steps, "letters")
	return nil
}

func (m *memory) commit(_ context.Context, next map[int]int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps = append(m.steps, "commit")
	if m.failCommit != nil {
		return m.failCommit
	}
	for p, o := range next {
		m.committed[p] = o
	}
	return nil
}

// clock is moved by tests.
func (m *memory) clock() time.Time { m.mu.Lock(); defer m.mu.Unlock(); return m.now }

func (m *memory) worker(t *testing.T, change func(*Config)) *Worker {
	t.Helper()
	cfg := Config{Topic: topic, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: 5 * time.Minute}, Flush: time.Millisecond, Final: 2 * time.Second, MinPause: time.Millisecond,
		MaxPause: time.Millisecond, Now: m.clock, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg, Parts{Engines: engines(), Decoder: func() gate.Decoder { return plain{} }, Sink: m, Checkpoints: m, DeadLetters: m.writeLetters, Metrics: metrics.NewSet()})
	require.NoError(t, err)
	return w
}

// owning is a call of Own that runs.
type owning struct {
	stop context.CancelFunc
	done chan error
}

func (m *memory) own(w *Worker, total int, partitions ...Partition) *owning {
	ctx, cancel := context.WithCancel(context.Background())
	o := &owning{stop: cancel, done: make(chan error, 1)}
	go func() { o.done <- w.Own(ctx, Generation{Partitions: partitions, Total: total, Commit: m.commit}) }()
	return o
}

func (o *owning) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-o.done:
		return err
	case <-time.After(20 * time.Second):
		require.FailNow(t, "Own does not return")
		return nil
	}
}

func (o *owning) end(t *testing.T) {
	t.Helper()
	o.stop()
	require.NoError(t, o.wait(t))
}

func (m *memory) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { m.mu.Lock(); defer m.mu.Unlock(); return ok() }, 20*time.Second, time.Millisecond, what)
}

func outcome(w *Worker, name string) uint64 { return w.count.outcome(name).Get() }
