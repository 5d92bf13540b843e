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
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// Flushed is what one partition puts into a flush. Everything it points to must stay as it is until Flush returns.
type Flushed struct {
	Stamp       clickhouse.Stamp
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

	deadLetters  *clickhouse.DeadLetters
	intervals    *clickhouse.AgentIntervals
	visits       *clickhouse.QueueVisits
	parts        *clickhouse.InteractionParts
	interactions *clickhouse.Interactions
	minutes      *clickhouse.Windows
	quarters     *clickhouse.Windows
	progress     *clickhouse.Progress

	rows, failures *metrics.Counter
	seconds        *metrics.Histogram
}

// NewSink makes a sink; it writes nothing yet.
func NewSink(conn Conn, set *metrics.Set, cfg Config) (*Sink, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Sink{
		conn: conn, cfg: cfg,
		deadLetters: clickhouse.NewDeadLetters(),
		intervals:   clickhouse.NewAgentIntervals(), visits: clickhouse.NewQueueVisits(), parts: clickhouse.NewInteractionParts(),
		interactions: clickhouse.NewInteractions(), minutes: clickhouse.NewWindows(schema.WindowMinute),
		quarters: clickhouse.NewWindows(schema.WindowQuarter), progress: clickhouse.NewProgress(),
		rows:     set.GetOrCreateCounter("floorwalker_sink_rows_total"),
		failures: set.GetOrCreateCounter("floorwalker_sink_failures_total"),
		seconds:  set.GetOrCreateHistogram("floorwalker_sink_flush_seconds"),
	}, nil
}

// table is what goes into one table: how to write it as one INSERT, and how many rows that is.
type table struct {
	name string
	rows int
	send func(ctx context.Context, now int64) error
}

// tables lists what a flush writes, in the order in which it is written: who sees a progress row sees all that it speaks of.
func (s *Sink) tables(all []Flushed) []table {
	return []table{
		owned(s, "events", all, func(p *Flushed) []*clickhouse.Events { return p.Raw }),
		filled(s, s.deadLetters, all, func(p *Flushed) []schema.DeadLetter { return p.DeadLetters }, s.deadLetters.Append),
		owned(s, "annotations", all, func(p *Flushed) []*clickhouse.Annotations { return p.Annotations }),
		filled(s, s.intervals, all, func(p *Flushed) []schema.Interval { return p.Rows.Intervals }, s.intervals.Append),
		filled(s, s.visits, all, func(p *Flushed) []schema.Visit { return p.Rows.Visits }, s.visits.Append),
		filled(s, s.parts, all, func(p *Flushed) []schema.Part { return p.Rows.Parts }, s.parts.Append),
		filled(s, s.interactions, all, func(p *Flushed) []schema.Interaction { return p.Rows.Interactions }, s.interactions.Append),
		s.windows(s.minutes, schema.WindowMinute, all),
		s.windows(s.quarters, schema.WindowQuarter, all),
		filled(s, s.progress, all, s.progressOf, s.addProgress),
	}
}

// owned is a table whose rows the partitions hold in writers of their own.
func owned[W clickhouse.Writer](s *Sink, name string, all []Flushed, of func(*Flushed) []W) table {
	t := table{name: name}
	var list []W
	for i := range all {
		list = append(list, of(&all[i])...)
	}
	for _, w := range list {
		t.rows += w.Rows()
	}
	t.send = func(ctx context.Context, now int64) error {
		return clickhouse.Insert(ctx, s.conn, now, slices.Values(list))
	}
	return t
}

// filled is a table whose rows are turned into columns only while they are sent: the columns of all of them would be memory that
// every flush goes through twice. w is filled, handed over and filled again.
func filled[R any, W interface {
	clickhouse.Writer
	Table() string
	Reset()
}](s *Sink, w W, all []Flushed, of func(*Flushed) []R, add func(clickhouse.Stamp, []R)) table {
	t := table{name: w.Table()}
	for i := range all {
		t.rows += len(of(&all[i]))
	}
	pieces := func(yield func(W) bool) {
		defer w.Reset()
		for i := range all {
			for rows := range slices.Chunk(of(&all[i]), clickhouse.PieceRows) {
				add(all[i].Stamp, rows)
				if w.Rows() < clickhouse.PieceRows/2 {
					continue // few rows of many partitions go together
				}
				if !yield(w) {
					return
				}
				w.Reset()
			}
		}
		yield(w)
	}
	t.send = func(ctx context.Context, now int64) error { return clickhouse.Insert(ctx, s.conn, now, pieces) }
	return t
}

// windows are those of one length; engines give both mixed.
func (s *Sink) windows(w *clickhouse.Windows, minutes int, all []Flushed) table {
	t := filled(s, w, all, func(p *Flushed) []schema.Window { return p.Rows.Windows }, func(stamp clickhouse.Stamp, rows []schema.Window) {
		for i := range rows {
			if rows[i].Minutes == minutes {
				w.Append(stamp, &rows[i])
			}
		}
	})
	t.rows = 0
	for i := range all {
		for k := range all[i].Rows.Windows {
			if all[i].Rows.Windows[k].Minutes == minutes {
				t.rows++
			}
		}
	}
	return t
}

func (s *Sink) addProgress(stamp clickhouse.Stamp, rows []clickhouse.ProgressRow) {
	for _, r := range rows {
		s.progress.Append(stamp, r)
	}
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

// Flush writes everything and returns when ClickHouse has it. A table that fails is tried again with the same rows, until ctx
// ends: then the error names the last failure, and what was written stays, to be overwritten by whoever does it again.
func (s *Sink) Flush(ctx context.Context, partitions []Flushed) error {
	began := s.cfg.Now()
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
