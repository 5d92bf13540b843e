// Package history is where the worker's rows go: the sink that writes what engines emit, the checkpoints that a worker starts
// from, and the raw events that it rebuilds from when no checkpoint can be read.
package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	Raw         []schema.RawEvent // in offset order, without those that are stored already
	DeadLetters []schema.DeadLetter
	Annotations []schema.Annotation
	Rows        engine.Rows
	Newest      int64 // event time of the partition's newest event; NoTime before the first
	Complete    int64 // up to which event time it is complete
	CaughtUp    bool  // there was nothing more to read
}

// Sink writes the rows of all partitions of a worker, one INSERT per table and flush. Not safe for concurrent use.
type Sink struct {
	conn Conn
	cfg  Config

	events       *clickhouse.Events
	deadLetters  *clickhouse.DeadLetters
	annotations  *clickhouse.Annotations
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
		events: clickhouse.NewEvents(), deadLetters: clickhouse.NewDeadLetters(), annotations: clickhouse.NewAnnotations(),
		intervals: clickhouse.NewAgentIntervals(), visits: clickhouse.NewQueueVisits(), parts: clickhouse.NewInteractionParts(),
		interactions: clickhouse.NewInteractions(), minutes: clickhouse.NewWindows(schema.WindowMinute),
		quarters: clickhouse.NewWindows(schema.WindowQuarter), progress: clickhouse.NewProgress(),
		rows:     set.GetOrCreateCounter("floorwalker_sink_rows_total"),
		failures: set.GetOrCreateCounter("floorwalker_sink_failures_total"),
		seconds:  set.GetOrCreateHistogram("floorwalker_sink_flush_seconds"),
	}, nil
}

// table is one block of rows on its way.
type table interface {
	Table() string
	Rows() int
	Send(ctx context.Context, conn clickhouse.Inserter, now int64) error
	Reset()
}

// tables lists the tables in the order in which they are written: who sees a progress row sees all that it speaks of.
func (s *Sink) tables() []table {
	return []table{s.events, s.deadLetters, s.annotations, s.intervals, s.visits, s.parts, s.interactions, s.minutes, s.quarters, s.progress}
}

// Flush writes everything and returns when ClickHouse has it. A table that fails is tried again with the same rows, until ctx
// ends: then the error names the last failure, and what was written stays, to be overwritten by whoever does it again.
func (s *Sink) Flush(ctx context.Context, partitions []Flushed) error {
	began := s.cfg.Now()
	tables := s.tables()
	defer func() {
		for _, t := range tables {
			t.Reset()
		}
	}()
	for i := range partitions {
		s.append(&partitions[i])
	}
	for _, t := range tables {
		if err := s.send(ctx, t, began.UnixMilli()); err != nil {
			return err
		}
		s.rows.Add(t.Rows())
	}
	s.seconds.Update(s.cfg.Now().Sub(began).Seconds())
	return nil
}

func (s *Sink) append(p *Flushed) {
	s.events.Append(p.Stamp, p.Raw)
	s.deadLetters.Append(p.Stamp, p.DeadLetters)
	s.annotations.Append(p.Stamp, p.Annotations)
	s.intervals.Append(p.Stamp, p.Rows.Intervals)
	s.visits.Append(p.Stamp, p.Rows.Visits)
	s.parts.Append(p.Stamp, p.Rows.Parts)
	s.interactions.Append(p.Stamp, p.Rows.Interactions)
	for i := range p.Rows.Windows {
		w := &p.Rows.Windows[i]
		if w.Minutes == schema.WindowQuarter {
			s.quarters.Append(p.Stamp, w)
			continue
		}
		s.minutes.Append(p.Stamp, w)
	}
	for _, c := range p.Rows.Centers {
		s.progress.Append(p.Stamp, clickhouse.ProgressRow{ContactCenter: c.ContactCenter, NewestEvent: c.NewestEvent,
			CompleteUntil: c.CompleteUntil, CaughtUp: p.CaughtUp, Worker: s.cfg.Worker})
	}
	s.progress.Append(p.Stamp, clickhouse.ProgressRow{NewestEvent: p.Newest, CompleteUntil: p.Complete, CaughtUp: p.CaughtUp, Worker: s.cfg.Worker})
}

func (s *Sink) send(ctx context.Context, t table, now int64) error {
	return Retry(ctx, s.cfg.MinPause, s.cfg.MaxPause, func() error {
		attempt, cancel := context.WithTimeout(ctx, s.cfg.Attempt)
		defer cancel()
		return t.Send(attempt, s.conn, now)
	}, func(err error) {
		s.failures.Inc()
		s.cfg.Log.Warn("flush failed, the same rows are tried again", "table", t.Table(), "rows", t.Rows(), "error", err)
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
