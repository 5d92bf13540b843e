package audit

import (
	"context"
	"errors"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/refold"
)

// offsetStep is how many offsets one query counts.
const offsetStep = 1_000_000

// covered is the SQL of what is stored at each offset of a stretch: an event, told apart by what it is, or a dead letter. What lies in
// two epochs of a log is the same record.
const covered = `SELECT offset, concat('event ', contact_center, ' ', type, ' ', subject, ' ', source, ' ', id) AS what FROM events
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND offset >= {from:UInt64} AND offset < {until:UInt64}
	UNION ALL
	SELECT offset, 'dead letter' AS what FROM dead_letters
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND offset >= {from:UInt64} AND offset < {until:UInt64}`

// offsets checks that raw events, dead letters and known gaps cover every offset exactly once. It returns up to which offset some of
// them may have expired.
func (a *auditor) offsets(ctx context.Context, log refold.Log, begin refold.Begin) (expired int64, err error) {
	first := begin.Offset
	if a.From == 0 {
		first = log.Kept(first)
	}
	gaps, err := refold.Gaps(ctx, a.Conn, log)
	if err != nil {
		return 0, err
	}
	for from := first; from < log.Flushed; from += offsetStep {
		a.Progress(fmt.Sprintf("offsets of partition %d", log.Partition), from-first, log.Flushed-first)
		until, err := a.stretch(ctx, log, gaps, from, min(from+offsetStep, log.Flushed))
		if err != nil {
			return 0, fmt.Errorf("offsets from %d: %w", from, err)
		}
		expired = max(expired, until)
	}
	return expired, nil
}

// stretch counts first, and looks at single offsets only where the number is not right.
func (a *auditor) stretch(ctx context.Context, log refold.Log, gaps refold.GapList, from, until int64) (expired int64, err error) {
	args := []any{ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First), ch.Named("from", from), ch.Named("until", until)}
	var offsets, things uint64
	err = a.Conn.QueryRow(ctx, "SELECT uniqExact(offset), uniqExact(offset, cityHash64(what)) FROM ("+covered+")", args...).Scan(&offsets, &things)
	if err != nil {
		return 0, err
	}
	a.report.Checked[CheckOffsets] += until - from
	known := gaps.Count(from, until)
	if int64(offsets)+known == until-from && things == offsets && known == 0 {
		return 0, nil
	}
	rows, err := a.Conn.Query(ctx, "SELECT toInt64(offset), arraySort(groupUniqArray(what)) FROM ("+covered+") GROUP BY offset ORDER BY offset", args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	next := from
	for rows.Next() {
		var at int64
		var what []string
		if err := rows.Scan(&at, &what); err != nil {
			return 0, err
		}
		gone, err := a.uncovered(ctx, log, gaps, next, at)
		if err != nil {
			return 0, err
		}
		expired = max(expired, gone)
		next = at + 1
		if len(what) > 1 {
			a.offset(log, at, fmt.Sprintf("stored %d times: %q", len(what), what), "")
		}
		if gaps.Count(at, at+1) > 0 {
			a.offset(log, at, "stored, and known as a gap too: "+what[0], "")
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	gone, err := a.uncovered(ctx, log, gaps, next, until)
	return max(expired, gone), err
}

// uncovered names the stretches of [from, until) that no gap explains, and returns the end of the last one that may have expired.
func (a *auditor) uncovered(ctx context.Context, log refold.Log, gaps refold.GapList, from, until int64) (expired int64, err error) {
	gaps.Between(from, until, func(from, until int64) {
		what := "neither a raw event nor a dead letter nor a known gap"
		if until-from > 1 {
			what = fmt.Sprintf("%d offsets, up to %d, are %s", until-from, until-1, what)
		}
		explained, fault := a.expired(ctx, log, from, until)
		err = errors.Join(err, fault)
		if explained != "" {
			expired = until
		}
		a.offset(log, from, what, explained)
	})
	return expired, err
}

// expired explains offsets whose neighbours are events that ClickHouse may have dropped by now, or none at all.
func (a *auditor) expired(ctx context.Context, log refold.Log, from, until int64) (string, error) {
	if a.RawDays == 0 || a.full() {
		return "", nil
	}
	var near, old uint64
	err := a.Conn.QueryRow(ctx, `SELECT count(), countIf(time < fromUnixTimestamp64Milli({kept:Int64}, 'UTC')) FROM events
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND (offset + 1 = {from:UInt64} OR offset = {until:UInt64})`,
		ch.Named("kept", a.kept), ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First),
		ch.Named("from", from), ch.Named("until", until)).Scan(&near, &old)
	if err != nil || near > 0 && old == 0 {
		return "", err
	}
	return fmt.Sprintf("raw events expire after %d days, by event time", a.RawDays), nil
}

func (a *auditor) offset(log refold.Log, at int64, what, explained string) {
	partition := log.Partition
	a.differs(Difference{Check: CheckOffsets, Partition: &partition, Entity: fmt.Sprintf("%s/%d offset %d", log.Topic, log.Partition, at), What: what,
		Explained: explained})
}
