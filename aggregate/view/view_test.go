package view

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

var start = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// log is a partition of the events topic in memory. Read hands over what there is, says that there is no more, and waits.
type log struct {
	mu      sync.Mutex
	records []schema.Record
	more    chan struct{}
	silent  bool // does not say that there is no more
}

func newLog() *log { return &log{more: make(chan struct{}, 1)} }

func (l *log) ID() int { return 0 }

func (l *log) Bounds(context.Context) (int64, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return 0, int64(len(l.records)), nil
}

func (l *log) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	for {
		l.mu.Lock()
		batch, silent := slices.Clone(l.records[min(int(from), len(l.records)):]), l.silent
		l.mu.Unlock()
		next := from + int64(len(batch))
		if silent {
			next++ // Kafka has more than it hands over
		}
		if len(batch) > 0 || !silent {
			if err := handle(batch, next); err != nil {
				return err
			}
		}
		from += int64(len(batch))
		if len(batch) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.more:
		}
	}
}

func (l *log) add(at time.Time, typ schema.EventType, subject, data string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.records)
	value := schema.AppendEvent(nil, "6", "/test", fmt.Sprint("e", n), typ, subject, at.UnixMilli(), []byte(data))
	l.records = append(l.records, schema.Record{Offset: int64(n), Timestamp: at.UnixMilli(), Value: value})
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// call is one whole call of an agent, begun at t.
func (l *log) call(t time.Time, id, agent string) {
	l.add(t, schema.InteractionCreated, id, `{"channel":"voice","direction":"inbound","customer":{"name":"Ann","phone":"1"}}`)
	l.add(t.Add(time.Second), schema.InteractionQueued, id, `{"queue_id":"q"}`)
	l.add(t.Add(5*time.Second), schema.InteractionConnected, id, `{"agent_id":"`+agent+`"}`)
	l.add(t.Add(9*time.Second), schema.InteractionNote, id, `{"note":"hm","agent_id":"`+agent+`"}`)
	l.add(t.Add(10*time.Second), schema.InteractionUpdated, id, `{"customer":{"phone":"2"}}`)
	l.add(t.Add(65*time.Second), schema.InteractionEnded, id, `{"reason":"completed"}`)
}

// memory is a history made of what an engine wrote up to some offset.
type memory struct {
	snapshot    []byte
	offset      int64
	store       map[string]any
	annotations []schema.Annotation
	backfilled  atomic.Int64
}

func remembered(t *testing.T, records []schema.Record) *memory {
	m := &memory{offset: int64(len(records)), store: map[string]any{}}
	e := engine.New(engine.Config{})
	var dec schema.Decoder
	var ev schema.Event
	for k := range records {
		require.NoError(t, dec.Decode(&records[k], &ev))
		e.Apply(&ev, records[k].Offset)
		if ev.Type.Annotation() {
			c := ev.Clone()
			m.annotations = append(m.annotations, schema.Annotation{Interaction: c.Subject, Time: c.Time, Source: c.Source, ID: c.ID,
				Type: c.Type, Offset: records[k].Offset, Data: c.Data})
		}
		var rows engine.Rows
		e.Drain(&rows)
		for _, r := range rows.Intervals {
			m.store[fmt.Sprint("i", r.Kind, r.Agent, r.Start)] = r
		}
		for _, r := range rows.Parts {
			m.store[fmt.Sprint("p", r.Interaction, r.Agent, r.Start, r.N)] = r
		}
		for _, r := range rows.Windows {
			m.store[fmt.Sprint("w", r.Dims, r.Start, r.Minutes)] = r
		}
	}
	var err error
	m.snapshot, err = e.Snapshot()
	require.NoError(t, err)
	return m
}

func (m *memory) Backfilled(context.Context) (int64, error) { return m.backfilled.Load(), nil }

func (m *memory) Epoch(context.Context) (uint16, bool, error) { return 0, true, nil }

func (m *memory) Snapshot(context.Context, int) (Checkpoint, error) {
	return Checkpoint{Partitions: 1, Offset: m.offset, Engine: m.snapshot}, nil
}

func (m *memory) Windows(_ context.Context, _ string, from, to int64) ([]schema.Window, error) {
	var out []schema.Window
	for _, x := range m.store {
		if w, ok := x.(schema.Window); ok && w.Minutes == schema.WindowMinute && w.Start >= from && w.Start < to {
			for k := range w.Measures { // adding up writes into them
				w.Measures[k].Log, w.Measures[k].Seconds = slices.Clone(w.Measures[k].Log), slices.Clone(w.Measures[k].Seconds)
			}
			out = addWindow(out, w)
		}
	}
	return out, nil
}

// addWindow sums a window into that of equal Dims.
func addWindow(list []schema.Window, w schema.Window) []schema.Window {
	for k := range list {
		if list[k].Dims == w.Dims {
			list[k].Add(&w)
			return list
		}
	}
	return append(list, w)
}

func (m *memory) Intervals(_ context.Context, _ string, from, to int64) ([]schema.Interval, error) {
	var out []schema.Interval
	for _, x := range m.store {
		if iv, ok := x.(schema.Interval); ok && iv.Kind == schema.IntervalStatus && !iv.Deleted && iv.End != schema.Open &&
			iv.End > from && iv.Start < to {
			out = append(out, iv)
		}
	}
	slices.SortFunc(out, func(a, b schema.Interval) int { return cmp.Compare(a.Start, b.Start) })
	return out, nil
}

func (m *memory) Talks(_ context.Context, _ string, from, to int64, but []string) ([]schema.Part, error) {
	var out []schema.Part
	for _, x := range m.store {
		if p, ok := x.(schema.Part); ok && !p.Deleted && p.Connected != schema.NoTime && p.Finished <= to && p.Ended > from &&
			!slices.Contains(but, p.Interaction) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (m *memory) Annotations(_ context.Context, _ string, ids []string, _ uint16, offset int64) ([]schema.Annotation, error) {
	return slices.DeleteFunc(slices.Clone(m.annotations), func(a schema.Annotation) bool {
		return a.Offset >= offset || !slices.Contains(ids, a.Interaction)
	}), nil
}

// run starts a view on a log with a clock that stands still.
func run(t *testing.T, l *log, h History, now time.Time) *View {
	return startWith(t, l, h, time.UTC, engine.Config{}, now)
}

// only is a topic of one partition.
func only(p Partition) func(context.Context) ([]Partition, error) {
	return func(context.Context) ([]Partition, error) { return []Partition{p}, nil }
}

func wait(t *testing.T, v *View, l *log) {
	t.Helper()
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		s := v.Status()
		return len(s) == 1 && s[0].Applied >= int64(len(l.records))
	}, 5*time.Second, time.Millisecond)
}

// A floor that a reader holds stays as it was, whatever comes.
func TestPinnedFloorStaysAsItWas(t *testing.T) {
	l := newLog()
	l.add(start, schema.AgentLogin, "a", `{}`)
	v := run(t, l, nil, start)
	f, ok := v.Pin("6")
	require.True(t, ok)
	before, _ := f.Agents.Get("a")
	require.Equal(t, schema.Away, before.Status)
	l.add(start.Add(time.Second), schema.AgentStatus, "a", `{"status":"break"}`)
	l.add(start.Add(time.Second), schema.AgentLogin, "b", `{}`)
	wait(t, v, l)
	require.Equal(t, 1, f.Agents.Len())
	after, _ := f.Agents.Get("a")
	require.Same(t, before, after)
	g, _ := v.Pin("6")
	require.Equal(t, 2, g.Agents.Len())
	require.Greater(t, g.Version, f.Version)
	_, ok = v.Pin("7")
	require.False(t, ok, "a contact centre that nothing has named")
}

// As of now while caught up, else as of the newest event.
func TestAsOfIsHonest(t *testing.T) {
	l := newLog()
	l.add(start, schema.AgentLogin, "a", `{}`)
	now := start.Add(time.Minute)
	v := run(t, l, nil, now)
	require.Eventually(t, func() bool { f, _ := v.Pin("6"); return f.AsOf == now.UnixMilli() }, 5*time.Second, time.Millisecond)
	require.True(t, v.Status()[0].CaughtUp)

	behind := newLog()
	behind.silent = true
	behind.add(start, schema.AgentLogin, "a", `{}`)
	v = run(t, behind, nil, now)
	f, _ := v.Pin("6")
	require.Equal(t, start.UnixMilli(), f.AsOf)
	require.False(t, v.Status()[0].CaughtUp)
}

// What cannot be an event changes nothing and the view goes on.
func TestBadRecordsAreSkipped(t *testing.T) {
	l := newLog()
	l.add(start, schema.AgentLogin, "a", `{}`)
	l.records = append(l.records, schema.Record{Offset: 1, Value: []byte("{")})
	l.add(start.Add(time.Second), schema.AgentStatus, "a", `{"status":"lunch"}`)
	v := run(t, l, nil, start)
	f, _ := v.Pin("6")
	a, _ := f.Agents.Get("a")
	require.Equal(t, schema.Lunch, a.Status)
}

// Annotations lie over the live row: the newest by event time holds, a customer is replaced field by field.
func TestAnnotationsLieOverTheRow(t *testing.T) {
	l := newLog()
	l.call(start, "i", "a")
	l.add(start.Add(8*time.Second), schema.InteractionUpdated, "i", `{"customer":{"phone":"3","email":"e"}}`) // older than what is there
	l.records = append(l.records, l.records[3])                                                               // the note again
	l.records[len(l.records)-1].Offset = int64(len(l.records) - 1)
	v := run(t, l, nil, start.Add(2*time.Minute))
	f, _ := v.Pin("6")
	i, ok := f.Interactions.Get("i")
	require.True(t, ok)
	require.JSONEq(t, `{"name":"Ann","phone":"2","email":"e"}`, string(i.Customer))
	require.Len(t, i.Notes, 1)
}

// A view that boots from a checkpoint and the history shows what one shows that has read everything.
func TestBootedViewEqualsOneThatReadEverything(t *testing.T) {
	for _, minutes := range []int{1, 59, 61, 62, 130, 239} {
		t.Run(fmt.Sprint(minutes, " minutes"), func(t *testing.T) {
			l := newLog()
			l.add(start, schema.AgentLogin, "a", `{}`)
			l.add(start, schema.AgentLogin, "b", `{}`)
			var cut int
			for m := range 240 {
				at := start.Add(time.Duration(m) * time.Minute)
				l.call(at.Add(time.Duration(m%7)*time.Second), fmt.Sprint("i", m), []string{"a", "b"}[m%2])
				if m%5 == 0 {
					l.add(at.Add(30*time.Second), schema.AgentStatus, "b", `{"status":"break"}`)
					l.add(at.Add(55*time.Second), schema.AgentStatus, "b", `{"status":"available"}`)
				}
				if m == minutes {
					cut = len(l.records) - 2
				}
			}
			now := start.Add(4 * time.Hour)
			whole := run(t, l, nil, now)
			booted := run(t, l, remembered(t, l.records[:cut]), now)
			for _, from := range []int64{start.UnixMilli() - start.UnixMilli()%(24*3600_000), now.Add(-time.Hour).UnixMilli(), now.Add(-5 * time.Minute).UnixMilli()} {
				want, ok := whole.Metrics("6", from, now.UnixMilli())
				require.True(t, ok)
				got, ok := booted.Metrics("6", from, now.UnixMilli())
				require.True(t, ok)
				require.Equal(t, sorted(want), sorted(got))
			}
			f, _ := whole.Pin("6")
			g, _ := booted.Pin("6")
			require.Equal(t, f.Agents.Values(), g.Agents.Values())
			require.Equal(t, f.Interactions.Values(), g.Interactions.Values())
		})
	}
}

// Where the history cannot be read at boot, today is unknown, never partial.
func TestTodayUnknown_NeverPartial(t *testing.T) {
	l := newLog()
	for m := range 180 {
		l.call(start.Add(time.Duration(m)*time.Minute), fmt.Sprint("i", m), "a")
	}
	now := start.Add(3 * time.Hour)
	v := run(t, l, broken{remembered(t, l.records)}, now)
	_, ok := v.Metrics("6", start.Add(-8*time.Hour).UnixMilli(), now.UnixMilli())
	require.False(t, ok)
	_, ok = v.Metrics("6", now.Add(-time.Hour).UnixMilli(), now.UnixMilli())
	require.True(t, ok, "rolling windows need no history")
}

type broken struct{ *memory }

func (broken) Windows(context.Context, string, int64, int64) ([]schema.Window, error) {
	return nil, fmt.Errorf("cannot be reached")
}

// seen is what figures say of a range: what lies outside and what has no order is left out.
type seen struct {
	windows   []schema.Window
	intervals []schema.Interval
	talks     []schema.Part
}

func sorted(m schema.LiveMetrics) seen {
	var out seen
	for _, w := range m.Windows {
		own := *w
		own.Start, own.Minutes = m.From, 0 // of sums they say nothing more
		out.windows = append(out.windows, own)
	}
	talk := func(agent string, since, until int64) {
		if since < m.To && until > m.From {
			out.talks = append(out.talks, schema.Part{Agent: agent, Start: since, Ended: until})
		}
	}
	for _, d := range m.Days {
		d.EachInterval(m.From, m.To, func(iv *schema.Interval) { out.intervals = append(out.intervals, *iv) })
		for _, t := range d.Talks {
			talk(d.Agent, t.Since, t.Until)
		}
	}
	for _, p := range m.Parts {
		for _, s := range p.Segments {
			if s.State == schema.StateConnected {
				talk(p.Agent, s.Since, s.Until)
			}
		}
	}
	slices.SortFunc(out.windows, func(a, b schema.Window) int { return cmp.Compare(fmt.Sprint(a.Dims), fmt.Sprint(b.Dims)) })
	slices.SortFunc(out.intervals, func(a, b schema.Interval) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Start, b.Start))
	})
	slices.SortFunc(out.talks, func(a, b schema.Part) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Start, b.Start))
	})
	return out
}

// startWith is a view over a log that began with what a history remembers.
func startWith(t *testing.T, l *log, h History, zone *time.Location, cfg engine.Config, now time.Time) *View {
	t.Helper()
	v, err := New(Config{Decoder: func() gate.Decoder { return &schema.Decoder{} }, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: time.Hour}, Engine: cfg,
		Zone: func(string) *time.Location { return zone }, History: h, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = v.Run(ctx, only(l)) }()
	t.Cleanup(func() { stop(); <-done })
	wait(t, v, l)
	return v
}

func known(v *View, from, to time.Time) bool {
	_, ok := v.Metrics("6", from.UnixMilli(), to.UnixMilli())
	return ok
}

// In Santiago the day of 2026-09-06 began at 04:00Z, when clocks went from 00:00 to 01:00.
func TestToday_WhereClocksSkipMidnight_Known(t *testing.T) {
	zone, err := time.LoadLocation("America/Santiago")
	require.NoError(t, err)
	begin := time.Date(2026, 9, 6, 10, 0, 0, 0, time.UTC)
	l := newLog()
	l.add(begin, schema.AgentLogin, "a", `{}`)
	l.call(begin.Add(time.Minute), "i", "a")
	now := begin.Add(5 * time.Minute)
	v := startWith(t, l, remembered(t, l.records), zone, engine.Config{}, now)
	require.True(t, known(v, time.Date(2026, 9, 6, 4, 0, 0, 0, time.UTC), now))
}

// The engine's checkpoint holds the windows of the last hour however short the horizon is.
func TestShortHorizon_RollingWindowsKnownAtOnce(t *testing.T) {
	l := newLog()
	l.add(start, schema.AgentLogin, "a", `{}`)
	for m := range 180 {
		l.call(start.Add(time.Duration(m)*time.Minute), fmt.Sprint("i", m), "a")
	}
	now := start.Add(3*time.Hour + time.Minute)
	cfg := engine.Config{HorizonMs: 10 * 60_000}
	h := remembered(t, l.records)
	e := engine.New(cfg)
	var dec schema.Decoder
	var ev schema.Event
	for k := range l.records {
		require.NoError(t, dec.Decode(&l.records[k], &ev))
		e.Apply(&ev, l.records[k].Offset)
	}
	var rows engine.Rows
	e.Drain(&rows)
	h.snapshot, _ = e.Snapshot()
	v := startWith(t, l, h, time.UTC, cfg, now)
	for _, minutes := range []time.Duration{5, 15, 30, 60} {
		require.True(t, known(v, now.Add(-minutes*time.Minute), now), minutes)
	}
	require.True(t, known(v, time.UnixMilli(midnightOf(now)), now), "today")
}
