package history

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/schema"
)

// pieceMs is how long an ended interval can be: they are cut at each UTC midnight.
const pieceMs = 24 * 60 * 60 * 1000

// Intervals returns the ended intervals of effective status that touch [from, to). What is open is in the checkpoint.
func (b *Boot) Intervals(ctx context.Context, contactCenter string, from, to int64) ([]schema.Interval, error) {
	rows, err := b.conn.Query(ctx, `SELECT agent, toUnixTimestamp64Milli(start), toUnixTimestamp64Milli(assumeNotNull(end)), status, suspended, continued
		FROM agent_intervals FINAL WHERE contact_center = {cc:String} AND kind = 'status' AND NOT deleted AND isNotNull(end)
		AND start >= fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND start < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
		AND end > fromUnixTimestamp64Milli({from:Int64}, 'UTC') ORDER BY agent, start`+finalSettings,
		ch.Named("cc", contactCenter), ch.Named("after", from-pieceMs), ch.Named("from", from), ch.Named("to", to))
	if err != nil {
		return nil, fmt.Errorf("read status intervals of %s: %w", contactCenter, err)
	}
	defer rows.Close()
	var out []schema.Interval
	for rows.Next() {
		iv := schema.Interval{ContactCenter: contactCenter, Kind: schema.IntervalStatus}
		var status string
		if err := rows.Scan(&iv.Agent, &iv.Start, &iv.End, &status, &iv.Suspended, &iv.Continued); err != nil {
			return nil, err
		}
		iv.Status, _ = schema.ParseStatus(status)
		out = append(out, iv)
	}
	return out, rows.Err()
}

// Talks returns the parts that talked after from and were finished by to, with their connected segments, but for those of the
// interactions in but. Parts that began more than a day before from are left out.
func (b *Boot) Talks(ctx context.Context, contactCenter string, from, to int64, but []string) ([]schema.Part, error) {
	rows, err := b.conn.Query(ctx, `SELECT agent, queue, campaign, channel, direction, role, toUnixTimestamp64Milli(start),
			arrayFilter((s, x) -> x = 'connected', segments_since, segments_state), arrayFilter((u, x) -> x = 'connected', segments_until, segments_state)
		FROM interaction_parts FINAL WHERE contact_center = {cc:String} AND NOT deleted AND isNotNull(connected)
		AND start >= fromUnixTimestamp64Milli({after:Int64}, 'UTC') AND start < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
		AND finished <= fromUnixTimestamp64Milli({to:Int64}, 'UTC') AND ended > fromUnixTimestamp64Milli({from:Int64}, 'UTC')
		AND NOT has({but:Array(String)}, interaction)`+finalSettings,
		ch.Named("cc", contactCenter), ch.Named("after", from-pieceMs), ch.Named("from", from), ch.Named("to", to), ch.Named("but", but))
	if err != nil {
		return nil, fmt.Errorf("read talks of %s: %w", contactCenter, err)
	}
	defer rows.Close()
	var out []schema.Part
	for rows.Next() {
		p := schema.Part{ContactCenter: contactCenter}
		var channel, direction, role string
		var since, until []time.Time
		if err := rows.Scan(&p.Agent, &p.Queue, &p.Campaign, &channel, &direction, &role, &p.Start, &since, &until); err != nil {
			return nil, err
		}
		p.Channel, _ = schema.ParseChannel(channel)
		p.Direction, _ = schema.ParseDirection(direction)
		p.Role, _ = schema.ParseRole(role)
		for k := range since {
			p.Segments = append(p.Segments, schema.Segment{State: schema.StateConnected, Since: since[k].UnixMilli(), Until: until[k].UnixMilli()})
		}
		out = append(out, p)
	}
	return out, rows.Err()
}
