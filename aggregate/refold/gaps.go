package refold

import (
	"context"
	"fmt"
	"sort"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/history"
	"floorwalker/schema"
)

// Gap is offsets [From, Until) that hold no record, or whose records are lost.
type Gap struct {
	From, Until int64
}

// GapList is gaps in ascending order that do not overlap.
type GapList []Gap

// Gaps reads a log's known gaps.
func Gaps(ctx context.Context, conn history.Conn, log Log) (GapList, error) {
	rows, err := conn.Query(ctx, `SELECT toInt64(from_offset) AS a, toInt64(until_offset) AS b FROM offset_gaps FINAL
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND contact_center = '' ORDER BY a, b`,
		ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First))
	if err != nil {
		return nil, fmt.Errorf("gaps of %s/%d: %w", log.Topic, log.Partition, err)
	}
	defer rows.Close()
	var out GapList
	for rows.Next() {
		var g Gap
		if err := rows.Scan(&g.From, &g.Until); err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && g.From <= out[n-1].Until { // two workers may have told of parts of one
			out[n-1].Until = max(out[n-1].Until, g.Until)
			continue
		}
		out = append(out, g)
	}
	return out, rows.Err()
}

// loss is the newest range of a log whose records are lost. The state begins empty after it.
type loss struct {
	until   int64
	resumed map[string]int64 // by contact centre: what begins earlier is not written any more
	rest    int64            // of those that had not been seen before
}

// lost reads it, nil where none is.
func lost(ctx context.Context, conn history.Conn, log Log) (*loss, error) {
	rows, err := conn.Query(ctx, `SELECT toInt64(until_offset) AS b, contact_center, ifNull(toUnixTimestamp64Milli(resumed_at), {open:Int64}) FROM offset_gaps FINAL
		WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16} AND reason = 'lost' ORDER BY b DESC`,
		ch.Named("open", schema.Open), ch.Named("topic", log.Topic), ch.Named("partition", log.Partition), ch.Named("log", log.First))
	if err != nil {
		return nil, fmt.Errorf("lost records of %s/%d: %w", log.Topic, log.Partition, err)
	}
	defer rows.Close()
	var out *loss
	for rows.Next() {
		var until, resumed int64
		var cc string
		if err := rows.Scan(&until, &cc, &resumed); err != nil {
			return nil, err
		}
		if out == nil {
			out = &loss{until: until, resumed: map[string]int64{}, rest: resumed}
		}
		switch {
		case until != out.until:
		case cc == "":
			out.rest = resumed
		default:
			out.resumed[cc] = resumed
		}
	}
	return out, rows.Err()
}

// since are the gaps that end after an offset.
func (l GapList) since(from int64) GapList {
	return l[sort.Search(len(l), func(k int) bool { return l[k].Until > from }):]
}

// Count is how many offsets of [from, until) lie in gaps.
func (l GapList) Count(from, until int64) (n int64) {
	for _, g := range l.since(from) {
		if g.From >= until {
			break
		}
		n += min(g.Until, until) - max(g.From, from)
	}
	return n
}

// Between calls rest with what of [from, until) lies in no gap.
func (l GapList) Between(from, until int64, rest func(from, until int64)) {
	for _, g := range l.since(from) {
		if g.From >= until {
			break
		}
		if g.From > from {
			rest(from, g.From)
		}
		from = max(from, g.Until)
	}
	if from < until {
		rest(from, until)
	}
}
