package history

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/schema"
)

// Progress is how far a contact centre's history has been flushed.
type Progress struct {
	AsOf          int64 // the moment up to which history holds every event that Kafka had; schema.NoTime where nothing was flushed
	CompleteUntil int64 // schema.NoTime likewise
	// WrittenAt is the processed_at of the newest flush that is whole: what comes later is stamped later. schema.NoTime likewise.
	WrittenAt int64
}

type position struct {
	epoch                            uint16
	offset                           uint64
	newest, completeUntil, writtenAt time.Time
	caughtUp                         bool
}

func (p position) behind(o position) bool {
	if p.epoch != o.epoch {
		return p.epoch < o.epoch
	}
	return p.offset < o.offset
}

// Progress reads how far a contact centre has come. While the partition's newest row says that the worker had caught up, that is
// the moment of that row; else the newest event time flushed.
func (r *Reader) Progress(ctx context.Context, contactCenter string) (Progress, error) {
	out := Progress{AsOf: schema.NoTime, CompleteUntil: schema.NoTime, WrittenAt: schema.NoTime}
	logs, err := r.logsOf(ctx, contactCenter)
	if err != nil {
		return out, fmt.Errorf("progress of %q: %w", contactCenter, err)
	}
	var center position
	var log partitionLog
	found := false
	for _, l := range logs {
		at, ok, err := r.newest(ctx, contactCenter, l)
		if err != nil {
			return out, fmt.Errorf("progress of %q: %w", contactCenter, err)
		}
		if ok && (!found || center.behind(at)) {
			center, log, found = at, l, true
		}
	}
	if !found {
		return out, nil
	}
	whole, ok, err := r.newest(ctx, "", log)
	if err != nil {
		return out, fmt.Errorf("progress of partition %d: %w", log.partition, err)
	}
	out.AsOf, out.CompleteUntil, out.WrittenAt = orNoTime(center.newest), orNoTime(center.completeUntil), center.writtenAt.UnixMilli()
	if ok && whole.caughtUp && !whole.behind(center) {
		out.AsOf, out.WrittenAt = whole.writtenAt.UnixMilli(), whole.writtenAt.UnixMilli()
	}
	return out, nil
}

// Flushed is the offset of the next record of a partition to be flushed, false where none of it ever was.
func (r *Reader) Flushed(ctx context.Context, topic string, partition int) (offset int64, ok bool, err error) {
	at, ok, err := r.newest(ctx, "", partitionLog{topic, uint32(partition)})
	if err != nil {
		return 0, false, fmt.Errorf("progress of partition %d of %q: %w", partition, topic, err)
	}
	return int64(at.offset), ok, nil
}

// orNoTime reads a time that was written as 1970 where there is none yet.
func orNoTime(t time.Time) int64 {
	if ms := t.UnixMilli(); ms > 0 {
		return ms
	}
	return schema.NoTime
}

type partitionLog struct {
	topic     string
	partition uint32
}

// logsOf lists where rows of the contact centre were ever flushed from: one partition, or one per number of partitions.
func (r *Reader) logsOf(ctx context.Context, contactCenter string) (out []partitionLog, err error) {
	rows, err := r.conn.Query(ctx, `SELECT DISTINCT topic, partition FROM progress WHERE contact_center = {cc:String}`, ch.Named("cc", contactCenter))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l partitionLog
		if err := rows.Scan(&l.topic, &l.partition); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}

// newest reads the row of the highest epoch and offset, of these the newest. The order is the table's own, so that ClickHouse
// reads from its end.
func (r *Reader) newest(ctx context.Context, contactCenter string, l partitionLog) (p position, ok bool, err error) {
	rows, err := r.conn.Query(ctx, `
SELECT epoch, offset, newest_event, complete_until, caught_up, written_at FROM progress
WHERE contact_center = {cc:String} AND topic = {topic:String} AND partition = {partition:UInt32}
ORDER BY epoch DESC, offset DESC, written_at DESC LIMIT 1`,
		ch.Named("cc", contactCenter), ch.Named("topic", l.topic), ch.Named("partition", l.partition))
	if err != nil {
		return p, false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return p, false, rows.Err()
	}
	err = rows.Scan(&p.epoch, &p.offset, &p.newest, &p.completeUntil, &p.caughtUp, &p.writtenAt)
	return p, err == nil, err
}
