// Package backfill corrects history after events that came too late for the engine to put them in their place.
package backfill

import (
	"context"
	"errors"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/refold"
	"floorwalker/schema"
)

// Config of a backfill.
type Config struct {
	Conn          history.Conn
	Store         *history.Store
	Database      string        // of Conn
	Open          refold.Opener // connects to another database of the same server
	Topic         string
	Engine        engine.Config
	RawDays       int    // how long raw events are kept, 0 for ever
	ContactCenter string // empty: all
	From, Until   int64  // ms; widened to whole quarters of an hour. Until 0: up to complete_until
	Now           func() time.Time
	Progress      func(partition int, applied, total int64)
}

// Report says what was done.
type Report struct {
	From, Until int64
	Partitions  []Partition
}

// Partition is what was done in one partition.
type Partition struct {
	Partition int
	Epoch     uint16
	Offset    int64 // raw events before it were taken in
	Begin     int64 // the first one that was folded again
	Written
}

const quarterMs = 15 * 60_000

// Run backfills each partition in turn, beside a worker that goes on (design: promise 6).
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.From -= cfg.From % quarterMs
	if cfg.Until == 0 {
		cfg.Until = cfg.Now().UnixMilli()
	}
	cfg.Until += (quarterMs - cfg.Until%quarterMs) % quarterMs
	if cfg.From < 0 || cfg.From >= cfg.Until {
		return nil, fmt.Errorf("backfill: from %s must lie before %s", schema.FormatTime(cfg.From), schema.FormatTime(cfg.Until))
	}
	logs, err := refold.Logs(ctx, cfg.Conn, cfg.Store, cfg.Topic, cfg.RawDays, cfg.Now())
	if err != nil {
		return nil, err
	}
	report := &Report{From: cfg.From, Until: cfg.Until}
	for _, log := range logs {
		p, err := cfg.partition(ctx, log)
		if err != nil {
			return report, fmt.Errorf("backfill of partition %d: %w", log.Partition, err)
		}
		if p != nil {
			report.Partitions = append(report.Partitions, *p)
		}
	}
	if len(report.Partitions) == 0 {
		return report, errors.New("backfill: nothing is stored of what it was asked for")
	}
	return report, nil
}

// partition backfills one; nil where it holds nothing of the contact centre.
func (c Config) partition(ctx context.Context, log refold.Log) (*Partition, error) {
	begin, err := refold.Beginning(ctx, c.Conn, c.Store, c.Engine, log, c.ContactCenter, c.From)
	if err != nil {
		return nil, err
	}
	complete, err := refold.CompleteUntil(ctx, c.Conn, c.Engine, log, begin, c.ContactCenter, log.Flushed)
	if err != nil || len(complete) == 0 {
		return nil, err
	}
	for cc := range complete {
		if at := begin.From(cc); at > c.From {
			return nil, fmt.Errorf("%s can be computed again from %s on only: %w", cc, schema.FormatTime(at), errTooEarly)
		}
	}
	p := &Partition{Partition: log.Partition, Epoch: log.Epoch, Offset: log.Flushed, Begin: begin.Offset}
	j := Job{Source: c.Conn, Dest: c.Conn, Database: c.Database, Open: c.Open, Engine: c.Engine, Log: log, Begin: begin,
		ContactCenter: c.ContactCenter, From: c.From, Until: c.Until, Offset: log.Flushed, Now: c.Now}
	if c.Progress != nil {
		j.Progress = func(applied int64) { c.Progress(log.Partition, applied, log.Flushed-begin.Offset) }
	}
	started := c.Now()
	if err := c.record(ctx, p, started, time.Time{}); err != nil {
		return p, err
	}
	if p.Written, err = j.Run(ctx); err != nil {
		return p, err
	}
	return p, c.record(ctx, p, started, c.Now())
}

var errTooEarly = errors.New("no checkpoint before --from, and the raw events do not reach back")

// record notes in table backfills that one has begun, or that it has finished.
func (c Config) record(ctx context.Context, p *Partition, started, finished time.Time) error {
	var end *time.Time
	if !finished.IsZero() {
		end = &finished
	}
	batch, err := c.Conn.PrepareBatch(ctx, "INSERT INTO backfills (topic, partition, epoch, offset, contact_center, range_from, range_until, "+
		"started_at, finished_at, facts, windows, written_at)")
	if err != nil {
		return fmt.Errorf("note the backfill: %w", err)
	}
	defer batch.Close()
	err = batch.Append(c.Topic, uint32(p.Partition), p.Epoch, uint64(p.Offset+1), c.ContactCenter, time.UnixMilli(c.From).UTC(),
		time.UnixMilli(c.Until).UTC(), started.UTC(), end, uint64(p.Facts), uint64(p.Windows), c.Now().UTC())
	if err == nil {
		err = batch.Send()
	}
	if err != nil {
		return fmt.Errorf("note the backfill: %w", err)
	}
	return nil
}

// Done is a backfill that was recorded.
type Done struct {
	Partition     int
	Epoch         uint16
	Offset        int64 // its version: raw events before Offset - 1 were taken in
	ContactCenter string
	From, Until   int64
	Finished      bool
}

// Of lists the backfills of a log, oldest version first.
func Of(ctx context.Context, conn history.Conn, log refold.Log) ([]Done, error) {
	rows, err := conn.Query(ctx, `SELECT epoch, toInt64(offset), contact_center, toUnixTimestamp64Milli(range_from),
			toUnixTimestamp64Milli(range_until), toUInt8(isNotNull(finished_at))
		FROM backfills FINAL WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}
		ORDER BY epoch, offset, started_at`,
		ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First))
	if err != nil {
		return nil, fmt.Errorf("read backfills of %s/%d: %w", log.Topic, log.Partition, err)
	}
	defer rows.Close()
	var out []Done
	for rows.Next() {
		d := Done{Partition: log.Partition}
		var finished uint8
		if err := rows.Scan(&d.Epoch, &d.Offset, &d.ContactCenter, &d.From, &d.Until, &finished); err != nil {
			return nil, err
		}
		d.Finished = finished != 0
		out = append(out, d)
	}
	return out, rows.Err()
}
