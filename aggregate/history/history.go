// Package history is where the worker's rows go: the sink that writes what engines emit, the checkpoints that a worker starts
// from, and the raw events that it rebuilds from when no checkpoint can be read.
package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/internal/histogram"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Conn is what this package needs of a connection pool.
type Conn interface {
	clickhouse.Inserter
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) driver.Row
	Exec(ctx context.Context, query string, args ...any) error
}

// Config of a Sink or Store.
type Config struct {
	Worker   string        // its name in progress rows
	Cluster  string        // of ClickHouse; empty for a single server
	RawDays  int           // how long raw events are kept, and with them a daily checkpoint; 0 = for ever
	MinPause time.Duration // between attempts, doubled after each up to MaxPause; default 200 ms
	MaxPause time.Duration // default 10 s
	Attempt  time.Duration // how long one INSERT may take; default 60 s
	Insert   int           // bytes of checkpoints that go into one INSERT; default 64 MiB
	Now      func() time.Time
	Log      *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.MinPause < 0 || c.MaxPause < 0 || c.Attempt < 0 || c.RawDays < 0 {
		return c, errors.New("history: pauses, attempt and raw days must not be negative")
	}
	if c.MinPause == 0 {
		c.MinPause = 200 * time.Millisecond
	}
	if c.MaxPause == 0 {
		c.MaxPause = 10 * time.Second
	}
	if c.Attempt == 0 {
		c.Attempt = 60 * time.Second
	}
	if c.Insert <= 0 {
		c.Insert = insertSize
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// Flushed is what one partition puts into a flush, beside what Gather has taken. Everything it points to must stay as it is until
// Flush returns.
type Flushed struct {
	Stamp       clickhouse.Stamp
	Gaps        []clickhouse.OffsetGap
	Raw         []*clickhouse.Events // in offset order, without those that are stored already
	Annotations []*clickhouse.Annotations
	DeadLetters []schema.DeadLetter
	Rows        engine.Rows
	Newest      int64 // event time of the partition's newest event; NoTime before the first
	Complete    int64 // up to which event time it is complete
	CaughtUp    bool  // there was nothing more to read
}

// Sink writes the rows of all partitions of a worker, one INSERT per table and flush. Not safe for concurrent use.
type Sink struct {
	conn Conn
	cfg  Config

	gaps         pieces[*clickhouse.OffsetGaps]
	deadLetters  pieces[*clickhouse.DeadLetters]
	intervals    pieces[*clickhouse.AgentIntervals]
	visits       pieces[*clickhouse.QueueVisits]
	parts        pieces[*clickhouse.InteractionParts]
	interactions pieces[*clickhouse.Interactions]
	minutes      pieces[*clickhouse.Windows]
	quarters     pieces[*clickhouse.Windows]
	progress     pieces[*clickhouse.Progress]

	rows, failures *metrics.Counter
	seconds        *histogram.Seconds
}

// NewSink makes a sink; it writes nothing yet.
func NewSink(conn Conn, set *metrics.Set, cfg Config) (*Sink, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	windows := func(minutes int) pieces[*clickhouse.Windows] {
		return pieces[*clickhouse.Windows]{fresh: func() *clickhouse.Windows { return clickhouse.NewWindows(minutes) }}
	}
	return &Sink{
		conn: conn, cfg: cfg,
		gaps:         pieces[*clickhouse.OffsetGaps]{fresh: clickhouse.NewOffsetGaps},
		deadLetters:  pieces[*clickhouse.DeadLetters]{fresh: clickhouse.NewDeadLetters},
		intervals:    pieces[*clickhouse.AgentIntervals]{fresh: clickhouse.NewAgentIntervals},
		visits:       pieces[*clickhouse.QueueVisits]{fresh: clickhouse.NewQueueVisits},
		parts:        pieces[*clickhouse.InteractionParts]{fresh: clickhouse.NewInteractionParts},
		interactions: pieces[*clickhouse.Interactions]{fresh: clickhouse.NewInteractions},
		minutes:      windows(schema.WindowMinute), quarters: windows(schema.WindowQuarter),
		progress: pieces[*clickhouse.Progress]{fresh: clickhouse.NewProgress},
		rows:     set.GetOrCreateCounter("floorwalker_sink_rows_total"),
		failures: set.GetOrCreateCounter("floorwalker_sink_failures_total"),
		seconds:  histogram.New(set, "floorwalker_sink_flush_seconds"),
	}, nil
}

// table is what goes into one table: how to write it as one INSERT, and how many rows that is.
type table struct {
	name string
	rows int
	send func(ctx context.Context, now int64) error
}

// tables lists what a flush writes, in the order in which it is written: who sees a raw event sees what is known of the offsets before
// it, and who sees a progress row sees all that it speaks of.
func (s *Sink) tables(all []Flushed) []table {
	return []table{
		inserted(s, "offset_gaps", s.gaps.filled),
		inserted(s, "events", held(all, func(p *Flushed) []*clickhouse.Events { return p.Raw })),
		inserted(s, "dead_letters", s.deadLetters.filled),
		inserted(s, "annotations", held(all, func(p *Flushed) []*clickhouse.Annotations { return p.Annotations })),
		inserted(s, "agent_intervals", s.intervals.filled),
		inserted(s, "queue_visits", s.visits.filled),
		inserted(s, "interaction_parts", s.parts.filled),
		inserted(s, "interactions", s.interactions.filled),
		inserted(s, "windows_1m", s.minutes.filled),
		inserted(s, "windows_15m", s.quarters.filled),
		inserted(s, "progress", s.progress.filled),
	}
}

// held are the writers of all partitions for one table.
func held[W clickhouse.Writer](all []Flushed, of func(*Flushed) []W) (list []W) {
	for i := range all {
		list = append(list, of(&all[i])...)
	}
	return list
}

func inserted[W clickhouse.Writer](s *Sink, name string, writers []W) table {
	t := table{name: name, send: func(ctx context.Context, now int64) error {
		return clickhouse.Insert(ctx, s.conn, now, slices.Values(writers))
	}}
	for _, w := range writers {
		t.rows += w.Rows()
	}
	return t
}

// progressOf are the rows that say how far a partition's contact centres, and last the partition, have come.
func (s *Sink) progressOf(p *Flushed) []clickhouse.ProgressRow {
	var out []clickhouse.ProgressRow
	for _, c := range p.Rows.Centers {
		out = append(out, clickhouse.ProgressRow{ContactCenter: c.ContactCenter, NewestEvent: c.NewestEvent,
			CompleteUntil: c.CompleteUntil, CaughtUp: p.CaughtUp, Worker: s.cfg.Worker})
	}
	return append(out, clickhouse.ProgressRow{NewestEvent: p.Newest, CompleteUntil: p.Complete, CaughtUp: p.CaughtUp, Worker: s.cfg.Worker})
}

// Flush writes everything, and what was gathered for it, and returns when ClickHouse has it. A table that fails is tried again with the same rows, until ctx
// ends: then the error names the last failure, and what was written stays, to be overwritten by whoever does it again.
func (s *Sink) Flush(ctx context.Context, partitions []Flushed) error {
	began := s.cfg.Now()
	defer s.forget()
	for i := range partitions {
		p := &partitions[i]
		s.Gather(p.Stamp, &p.Rows)
		gather(&s.gaps, p.Gaps, func(w *clickhouse.OffsetGaps, r []clickhouse.OffsetGap) { w.Append(p.Stamp, r) })
		gather(&s.deadLetters, p.DeadLetters, func(w *clickhouse.DeadLetters, r []schema.DeadLetter) { w.Append(p.Stamp, r) })
		for _, r := range s.progressOf(p) {
			s.progress.writer().Append(p.Stamp, r)
		}
	}
	for _, t := range s.tables(partitions) {
		if err := s.send(ctx, t, began.UnixMilli()); err != nil {
			return err
		}
		s.rows.Add(t.rows)
	}
	s.seconds.Update(s.cfg.Now().Sub(began).Seconds())
	return nil
}

func (s *Sink) send(ctx context.Context, t table, now int64) error {
	if t.rows == 0 {
		return nil
	}
	return Retry(ctx, s.cfg.MinPause, s.cfg.MaxPause, func() error {
		attempt, cancel := context.WithTimeout(ctx, s.cfg.Attempt)
		defer cancel()
		return t.send(attempt, now)
	}, func(err error) {
		s.failures.Inc()
		s.cfg.Log.Warn("flush failed, the same rows are tried again", "table", t.name, "rows", t.rows, "error", err)
	})
}

// Retry calls do until it succeeds or ctx ends, with pauses that double from least to most; failed hears of each failure that is
// tried again. The error is the last failure.
func Retry(ctx context.Context, least, most time.Duration, do func() error, failed func(error)) error {
	for pause := least; ; pause = min(2*pause, most) {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("given up: %w (%w)", err, context.Cause(ctx))
		}
		failed(err)
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("given up: %w (%w)", err, context.Cause(ctx))
		case <-t.C:
		}
	}
}
