package history

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
)

// Stored returns the highest offset of the partition whose raw event is stored, in whichever epoch of the same log (log is its
// first), or -1, and that of each contact centre: in a cluster the shard of one may have taken more of a flush than that of another.
// Only offsets from the given one on are looked at, which keeps the search short.
func (s *Sink) Stored(ctx context.Context, topic string, partition int, log uint16, from int64) (highest int64, of map[string]int64, err error) {
	of, err = byCenter(s.conn.Query(ctx, `SELECT contact_center, toInt64(max(offset)) FROM events
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND offset >= {from:UInt64} GROUP BY contact_center`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log), ch.Named("from", from)))
	if err != nil {
		return 0, nil, fmt.Errorf("read the highest stored offset of %s/%d: %w", topic, partition, err)
	}
	highest = -1
	for _, at := range of {
		highest = max(highest, at)
	}
	return highest, of, nil
}

// Ahead returns the offsets from the given one on whose records are stored as dead letters because their time lay ahead: by a clock that has
// gone on since, so that whoever reads them again must not judge them anew.
func (s *Sink) Ahead(ctx context.Context, topic string, partition int, log uint16, from int64) (map[int64]bool, error) {
	var list []int64
	err := s.conn.QueryRow(ctx, `SELECT groupUniqArray(toInt64(offset)) FROM dead_letters WHERE topic = {topic:String} AND partition = {partition:UInt32}
			AND epoch >= {log:UInt16} AND offset >= {from:UInt64} AND code = {code:String}`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log), ch.Named("from", from), ch.Named("code", schema.CodeTimeAhead)).Scan(&list)
	if err != nil {
		return nil, fmt.Errorf("read the dead letters of %s/%d: %w", topic, partition, err)
	}
	out := make(map[int64]bool, len(list))
	for _, offset := range list {
		out[offset] = true
	}
	return out, nil
}

// Progress returns the newest event time that was flushed of the partition's log (log is its first epoch), and up to which event
// time it was complete; NoTime where nothing was.
func (s *Sink) Progress(ctx context.Context, topic string, partition int, log uint16) (newest, complete int64, err error) {
	err = s.conn.QueryRow(ctx, `SELECT toUnixTimestamp64Milli(max(newest_event)), toUnixTimestamp64Milli(max(complete_until)) FROM progress
		WHERE contact_center = '' AND topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log)).Scan(&newest, &complete)
	if err != nil {
		return 0, 0, fmt.Errorf("read the progress of %s/%d: %w", topic, partition, err)
	}
	return orNoTime(newest), orNoTime(complete), nil
}

// Corrected returns the offsets after from, ascending, at which a flush has to end when what was flushed before is read again in the epoch:
// those up to which backfills have taken history in, whose rows are of the version after it, and the last flushed one, which the next
// backfill takes.
func (s *Sink) Corrected(ctx context.Context, topic string, partition int, epoch uint16, from int64) (out []int64, err error) {
	const where = " WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch = {epoch:UInt16}"
	err = s.conn.QueryRow(ctx, "SELECT arraySort(groupUniqArray(at)) FROM (SELECT toInt64(max(offset)) AS at FROM progress"+where+
		" AND contact_center = '' UNION ALL SELECT toInt64(offset) - 1 FROM backfills"+where+") WHERE at > {from:Int64}",
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("epoch", epoch), ch.Named("from", from)).Scan(&out)
	if err != nil {
		return nil, fmt.Errorf("read the backfills of %s/%d: %w", topic, partition, err)
	}
	return out, nil
}

// orNoTime undoes what the sink writes for a time that is not there.
func orNoTime(ms int64) int64 {
	if ms <= 0 {
		return schema.NoTime
	}
	return ms
}

// RawStep is how many offsets one query of raw events covers: what has to be sorted at once.
const RawStep = 500_000

// RawColumns are what ScanRaw reads of the table events.
const RawColumns = `contact_center, toInt64(offset), toUnixTimestamp64Milli(record_time), toUnixTimestamp64Milli(time),
	type, subject, source, id, isNotNull(sequence), ifNull(sequence, 0), data`

// ScanRaw reads a row of RawColumns.
func ScanRaw(rows driver.Rows, partition int) (schema.RawEvent, error) {
	r := schema.RawEvent{Partition: partition}
	var kind, data string
	var has uint8
	if err := rows.Scan(&r.ContactCenter, &r.Offset, &r.RecordTime, &r.Time, &kind, &r.Subject, &r.Source, &r.ID, &has, &r.Sequence, &data); err != nil {
		return r, err
	}
	var known bool
	if r.Type, known = schema.ParseEventType(kind); !known {
		return r, fmt.Errorf("offset %d: type %q is not known", r.Offset, kind)
	}
	r.Data, r.HasSequence = []byte(data), has != 0
	return r, nil
}

// Raw calls handle with the stored raw events of the partition's log in [from, until), in offset order, each offset once.
func (s *Sink) Raw(ctx context.Context, topic string, partition int, log uint16, from, until int64, handle func(*schema.RawEvent) error) error {
	for ; from < until; from += RawStep {
		if err := s.rawRange(ctx, topic, partition, log, from, min(from+RawStep, until), handle); err != nil {
			return fmt.Errorf("raw events of %s/%d from offset %d: %w", topic, partition, from, err)
		}
	}
	return nil
}

func (s *Sink) rawRange(ctx context.Context, topic string, partition int, log uint16, from, until int64, handle func(*schema.RawEvent) error) error {
	rows, err := s.conn.Query(ctx, "SELECT "+RawColumns+` FROM events
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}
			AND offset >= {from:UInt64} AND offset < {until:UInt64}
		ORDER BY offset LIMIT 1 BY offset`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log), ch.Named("from", from), ch.Named("until", until))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := ScanRaw(rows, partition)
		if err != nil {
			return err
		}
		if err := handle(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}
