package history

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema/clickhouse"
)

// missingStep is how many offsets one query of Missing covers.
const missingStep = 5_000_000

// Missing returns the ranges of [from, until) of the partition's log that are neither raw events nor dead letters nor known to have
// held no record, ascending. What is known to be lost is missing.
func (s *Sink) Missing(ctx context.Context, topic string, partition int, log uint16, from, until int64) ([]clickhouse.OffsetGap, error) {
	var out []clickhouse.OffsetGap
	for ; from < until; from += missingStep {
		step, err := s.missing(ctx, topic, partition, log, from, min(from+missingStep, until))
		if err != nil {
			return nil, fmt.Errorf("missing offsets of %s/%d from %d: %w", topic, partition, from, err)
		}
		for _, g := range step {
			if n := len(out); n > 0 && out[n-1].Until == g.From {
				out[n-1].Until = g.Until
				continue
			}
			out = append(out, g)
		}
	}
	return out, nil
}

// missing compares where each range begins with how far those before it reach.
func (s *Sink) missing(ctx context.Context, topic string, partition int, log uint16, from, until int64) ([]clickhouse.OffsetGap, error) {
	const known = "topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}"
	const inside = known + " AND offset >= {from:UInt64} AND offset < {until:UInt64}"
	rows, err := s.conn.Query(ctx, `SELECT toInt64(greatest(reached, {from:UInt64})) AS a, toInt64(first) AS b FROM (
			SELECT first, max(next) OVER (ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM (
				SELECT offset AS first, offset + 1 AS next FROM events WHERE `+inside+`
				UNION ALL SELECT offset, offset + 1 FROM dead_letters WHERE `+inside+`
				UNION ALL SELECT from_offset, until_offset FROM offset_gaps FINAL WHERE `+known+` AND contact_center = '' AND reason != 'lost'
					AND from_offset < {until:UInt64} AND until_offset > {from:UInt64}
				UNION ALL SELECT {until:UInt64}, {until:UInt64} + 1))
		WHERE b > a ORDER BY a`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log), ch.Named("from", from), ch.Named("until", until))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []clickhouse.OffsetGap
	for rows.Next() {
		g := lost(0, 0)
		if err := rows.Scan(&g.From, &g.Until); err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

func lost(from, until int64) clickhouse.OffsetGap {
	return clickhouse.OffsetGap{From: from, Until: until, Reason: clickhouse.GapLost, Ended: orNoTime(0), Resumed: orNoTime(0)}
}

// Noted returns what is noted of offsets without a record: the first offset after the last of them, 0 where there are none, and all
// rows of the newest lost range before an offset: that of the range first, then those of contact centres.
func (s *Sink) Noted(ctx context.Context, topic string, partition int, log uint16, before int64) (until int64, newest []clickhouse.OffsetGap, err error) {
	fail := func(err error) (int64, []clickhouse.OffsetGap, error) {
		return 0, nil, fmt.Errorf("read the offset gaps of %s/%d: %w", topic, partition, err)
	}
	const where = " FROM offset_gaps FINAL WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}"
	args := []any{ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log), ch.Named("before", before)}
	if err := s.conn.QueryRow(ctx, "SELECT toInt64(max(until_offset))"+where, args...).Scan(&until); err != nil {
		return fail(err)
	}
	rows, err := s.conn.Query(ctx, `SELECT toInt64(from_offset), toInt64(until_offset), contact_center, ifNull(toUnixTimestamp64Milli(ended_at), 0),
			ifNull(toUnixTimestamp64Milli(resumed_at), 0), toUnixTimestamp64Milli(processed_at)`+where+` AND reason = 'lost' AND until_offset <= {before:UInt64}
			AND (epoch, until_offset) = (SELECT max((epoch, until_offset))`+where+` AND reason = 'lost' AND until_offset <= {before:UInt64})
		ORDER BY contact_center`, args...)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		g := lost(0, 0)
		if err := rows.Scan(&g.From, &g.Until, &g.ContactCenter, &g.Ended, &g.Resumed, &g.NotedAt); err != nil {
			return fail(err)
		}
		g.Ended, g.Resumed = orNoTime(g.Ended), orNoTime(g.Resumed)
		newest = append(newest, g)
	}
	return until, newest, rows.Err()
}

// Resumed is, by contact centre, from when on facts and windows are written after records that were lost in earlier logs than this one.
func (s *Sink) Resumed(ctx context.Context, topic string, log uint16) (map[string]int64, error) {
	if log == 0 {
		return nil, nil
	}
	out, err := byCenter(s.conn.Query(ctx, `SELECT contact_center, toUnixTimestamp64Milli(max(assumeNotNull(resumed_at))) FROM offset_gaps FINAL
		WHERE topic = {topic:String} AND epoch < {log:UInt16} AND reason = 'lost' AND contact_center != '' AND isNotNull(resumed_at) GROUP BY contact_center`,
		ch.Named("topic", topic), ch.Named("log", log)))
	if err != nil {
		return nil, fmt.Errorf("read the lost records of %s: %w", topic, err)
	}
	return out, nil
}

// Newest is the newest event time of each contact centre that had been flushed of the partition's log up to an offset.
func (s *Sink) Newest(ctx context.Context, topic string, partition int, log uint16, upTo int64) (map[string]int64, error) {
	out, err := byCenter(s.conn.Query(ctx, `SELECT contact_center, toUnixTimestamp64Milli(max(newest_event)) FROM progress
		WHERE contact_center != '' AND topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND offset <= {to:UInt64}
		GROUP BY contact_center`,
		ch.Named("topic", topic), ch.Named("partition", partition), ch.Named("log", log), ch.Named("to", upTo)))
	if err != nil {
		return nil, fmt.Errorf("read the newest events of %s/%d: %w", topic, partition, err)
	}
	return out, nil
}

// byCenter reads the rows of a query for a contact centre and a number.
func byCenter(rows driver.Rows, err error) (map[string]int64, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]int64{}
	for rows.Next() {
		var cc string
		var n int64
		if err := rows.Scan(&cc, &n); err != nil {
			return nil, err
		}
		out[cc] = n
	}
	return out, rows.Err()
}

// EndOpen ends what ClickHouse still has open of a contact centre as of the stamp, at a time: no event will. Intervals are cut at
// midnights as if they had ended by themselves; interactions and their visits end as expired, since that is what it is called when
// an end never comes. Windows stay. It may be repeated.
func (s *Sink) EndOpen(ctx context.Context, stamp clickhouse.Stamp, contactCenter string, at int64) error {
	for _, e := range endings {
		err := s.conn.Exec(ctx, e.insert(), ch.Named("cc", contactCenter), ch.Named("at", at), ch.Named("version", clickhouse.Version(stamp.Epoch, stamp.Position)),
			ch.Named("now", s.cfg.Now().UnixMilli()))
		if err != nil {
			return fmt.Errorf("end what is open of %s in %s: %w", contactCenter, e.table, err)
		}
	}
	return nil
}

// ending says how open rows of a table end: which they are, what columns become, and what rows one becomes.
type ending struct{ table, open, become, each string }

// end is when the row ends, never before it began.
const end = "greatest(start, fromUnixTimestamp64Milli({at:Int64}, 'UTC'))"

// openLength adds to a total what its open segments of some states come to.
func openLength(total, states string) string {
	return total + " + arraySum(arrayMap((state, since, until) -> if(until >= toDateTime64('2299-01-01', 3, 'UTC') AND state IN " + states +
		", greatest(0, {at:Int64} - toUnixTimestamp64Milli(since)), 0), segments_state, segments_since, segments_until)) AS " + total
}

var endings = []ending{
	// Pieces of a day each; the engine knows no intervals of length zero.
	{"agent_intervals", "isNull(end)", "piece.1 AS start, toNullable(piece.2) AS end, continued OR piece.3 AS continued, piece.4 AS deleted",
		`arrayJoin(if(start >= ` + end + `, [(start, ` + end + `, false, true)],
			if(kind = 'presence' AND status = 'logged_out', [(start, ` + end + `, false, false)],
				arrayFilter(p -> p.1 < p.2, arrayMap(day -> (
						if(day = 0, start, toDateTime64(toStartOfDay(start) + toIntervalDay(day), 3, 'UTC')),
						least(` + end + `, toDateTime64(toStartOfDay(start) + toIntervalDay(day + 1), 3, 'UTC')), day > 0, false),
					range(toUInt64(dateDiff('day', start, ` + end + `) + 1)))))))`},
	{"queue_visits", "isNull(end)", end + " AS end, 'expired' AS outcome", "0"},
	{"interaction_parts", "isNull(finished)", "ifNull(ended, " + end + ") AS ended, greatest(ifNull(ended, start), " + end + ") AS finished, " +
		openLength("ring_ms", "('ringing')") + ", " + openLength("talk_ms", "('connected')") + ", " +
		openLength("hold_ms", "if(channel IN ('voice', 'video'), ['held'], [])") + ", " +
		openLength("parked_ms", "if(channel IN ('voice', 'video'), ['parked'], ['held', 'parked'])") + ", " + openLength("wrap_ms", "('wrap')") + ", " +
		"arrayMap((since, until) -> if(until >= toDateTime64('2299-01-01', 3, 'UTC'), greatest(since, fromUnixTimestamp64Milli({at:Int64}, 'UTC')), until), " +
		"segments_since, segments_until) AS segments_until", "0"},
	{"interactions", "isNull(ended)", end + " AS ended, 'ended' AS state, " + end + " AS state_since, 'expired' AS end_reason", "0"},
}

// insert ends rows as of the stamp: one that was written later has a higher version and stays as it is.
func (e ending) insert() string {
	return "INSERT INTO " + e.table + " SELECT * EXCEPT (piece) REPLACE (" + e.become +
		", {version:UInt64} AS version, fromUnixTimestamp64Milli({now:Int64}, 'UTC') AS processed_at) FROM (SELECT *, " + e.each + " AS piece FROM " +
		e.table + " FINAL WHERE contact_center = {cc:String} AND " + e.open + " AND NOT deleted)"
}
