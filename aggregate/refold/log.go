package refold

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/schema"
)

// Log is one partition as history knows it.
type Log struct {
	Topic     string
	Partition int
	First     uint16 // the first epoch of the log: offsets of earlier ones are another log's
	Epoch     uint16 // the one that was flushed last
	Flushed   int64  // the next offset, as of the last flush

	marks []history.Mark // checkpoints of this engine and log, newest first
	whole bool           // raw events from the log's beginning on, or from lost records on, are the running engine's
	loss  *loss          // nil where no records are lost
	aged  bool           // raw events may have expired
}

// Logs lists the topic's partitions, those of the newest log only. rawDays is how long raw events are kept, 0 for ever.
func Logs(ctx context.Context, conn history.Conn, store *history.Store, topic string, rawDays int, now time.Time) ([]Log, error) {
	list, err := flushedLogs(ctx, conn, topic)
	if err != nil {
		return nil, fmt.Errorf("read the progress of %s: %w", topic, err)
	}
	newest := uint16(0)
	for k := range list {
		l := &list[k]
		marks, err := store.Marks(ctx, topic, l.Partition)
		if err != nil {
			return nil, err
		}
		if len(marks) > 0 {
			l.First = marks[0].Log
		}
		newest = max(newest, l.First)
		if l.loss, err = lost(ctx, conn, *l); err != nil {
			return nil, err
		}
		for _, m := range marks {
			if m.Engine == engine.Number && m.Log == l.First && (l.loss == nil || m.Offset > l.loss.until) {
				l.marks = append(l.marks, m)
			}
		}
		// A later epoch of the same log was begun by a release whose engine folds otherwise; a log that is not the first one goes on
		// from the checkpoints that new-epoch wrote.
		l.aged = aged(marks, rawDays, now)
		l.whole = l.Epoch == l.First && (l.First == 0 || l.loss != nil) && !l.aged
	}
	out := list[:0]
	for _, l := range list {
		if l.First == newest && l.Epoch >= newest {
			out = append(out, l)
		}
	}
	return out, nil
}

// After is the log without what could be folded from before an offset.
func (l Log) After(offset int64) Log {
	l.whole = false
	for k, m := range l.marks {
		if m.Offset < offset {
			l.marks = l.marks[:k]
			break
		}
	}
	return l
}

// Kept is the first offset from which on raw events are to be there, where a fold begins at the given one.
func (l Log) Kept(begin int64) int64 {
	if l.First == 0 && !l.aged {
		return 0
	}
	return begin
}

// aged reports whether raw events that a checkpoint of long ago has seen may have expired by now.
func aged(marks []history.Mark, rawDays int, now time.Time) bool {
	if rawDays == 0 || len(marks) == 0 {
		return false
	}
	oldest := marks[len(marks)-1]
	return now.UnixMilli()-oldest.WrittenAt > int64(rawDays-1)*24*60*60*1000
}

func flushedLogs(ctx context.Context, conn history.Conn, topic string) ([]Log, error) {
	rows, err := conn.Query(ctx, `SELECT partition, max(epoch) AS newest, toInt64(argMax(offset, (epoch, offset))) FROM progress
		WHERE contact_center = '' AND topic = {topic:String} GROUP BY partition ORDER BY partition`, ch.Named("topic", topic))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Log
	for rows.Next() {
		l := Log{Topic: topic}
		var partition uint32
		if err := rows.Scan(&partition, &l.Epoch, &l.Flushed); err != nil {
			return nil, err
		}
		l.Partition = int(partition)
		out = append(out, l)
	}
	return out, rows.Err()
}

// newestBefore is the newest event time of each contact centre among the log's events before an offset.
func newestBefore(ctx context.Context, conn history.Conn, log Log, only string, offset int64) (map[string]int64, error) {
	rows, err := conn.Query(ctx, `SELECT contact_center, toUnixTimestamp64Milli(max(time)) FROM events
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND offset < {offset:UInt64}
			AND ({cc:String} = '' OR contact_center = {cc:String})
		GROUP BY contact_center`,
		ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First), ch.Named("offset", offset), ch.Named("cc", only))
	if err != nil {
		return nil, fmt.Errorf("newest events of %s/%d before offset %d: %w", log.Topic, log.Partition, offset, err)
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var cc string
		var t int64
		if err := rows.Scan(&cc, &t); err != nil {
			return nil, err
		}
		out[cc] = t
	}
	return out, rows.Err()
}

// CompleteUntil is, by contact centre, up to when a fold and the log's events before an offset make history complete (events.md,
// Order).
func CompleteUntil(ctx context.Context, conn history.Conn, cfg engine.Config, log Log, begin Begin, only string, offset int64) (map[string]int64, error) {
	newest, err := newestBefore(ctx, conn, log, only, offset)
	if err != nil {
		return nil, err
	}
	for cc, t := range begin.Newest {
		if at, ok := newest[cc]; !ok || at < t {
			newest[cc] = t
		}
	}
	for cc, t := range newest {
		newest[cc] = cfg.CompleteUntil(t)
	}
	return newest, nil
}

const rawWhere = ` FROM events WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}
	AND offset >= {from:UInt64} AND offset < {until:UInt64} AND ({cc:String} = '' OR contact_center = {cc:String})`

func eachByOffset(ctx context.Context, conn history.Conn, log Log, only string, from, until int64, handle func(*schema.RawEvent) error) error {
	for ; from < until; from += history.RawStep {
		if err := each(ctx, conn, log, only, from, min(from+history.RawStep, until), "offset, contact_center, id", handle); err != nil {
			return err
		}
	}
	return nil
}

func eachByTime(ctx context.Context, conn history.Conn, log Log, only string, from, until int64, handle func(*schema.RawEvent) error) error {
	return each(ctx, conn, log, only, from, until, "contact_center, time, offset, id", handle)
}

// each reads raw events, each offset once: one that is stored in two epochs comes twice in a row. The order is a total one, so that a
// fold of what should not be there, two events of one offset, always ends the same.
func each(ctx context.Context, conn history.Conn, log Log, only string, from, until int64, order string, handle func(*schema.RawEvent) error) error {
	rows, err := conn.Query(ctx, "SELECT "+history.RawColumns+rawWhere+" ORDER BY "+order+spill,
		ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First), ch.Named("from", from),
		ch.Named("until", until), ch.Named("cc", only))
	if err != nil {
		return fmt.Errorf("raw events of %s/%d from offset %d: %w", log.Topic, log.Partition, from, err)
	}
	defer rows.Close()
	last := int64(-1)
	for rows.Next() {
		r, err := history.ScanRaw(rows, log.Partition)
		if err != nil {
			return err
		}
		if r.Offset == last {
			continue
		}
		last = r.Offset
		if err := handle(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// spill keeps a large sort out of ClickHouse's memory.
const spill = " SETTINGS max_bytes_before_external_sort = 536870912, max_bytes_ratio_before_external_sort = 0"
