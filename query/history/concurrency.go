package history

import (
	"context"
	"time"

	"floorwalker/schema/metric"
)

// openUntil is the least that segments_until holds while a segment goes on.
var openUntil = time.Date(2299, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// readConcurrency clips the connected segments of parts to the range and to each interval of the answer: their sum, and agent by
// agent the length of their union.
//
// A part may have begun long before the range. Which of those reach into it is asked without FINAL, by an index of their ends, and FINAL
// judges these candidates alone.
func (r *Reader) readConcurrency(ctx context.Context, p *plan, t *table) error {
	s := &statement{}
	var (
		k                       key
		begin, connected, anyMs int64
	)
	dest := append(k.scan(p.columns), &begin, &connected, &anyMs)

	bindEdges(s, p.edges)
	s.add("\nSELECT ", columnList(p.columns), "edges[i], sum(connected), toInt64(sum(busy))")
	s.add("\nFROM (SELECT agent, ", otherColumns(p.columns), `i, sum(piece_until - piece_since) AS connected, intervalLengthSum(piece_since, piece_until) AS busy
FROM (SELECT *, i, greatest(since, edges[i]) AS piece_since, least(until, edges[i + 1]) AS piece_until
FROM (SELECT *,`, firstAndLast, `
FROM (SELECT agent, queue, campaign, channel, direction,
 greatest(toUnixTimestamp64Milli(segment_since), edges[1]) AS since,
 least(if(toUnixTimestamp64Milli(segment_until) >= `, s.bind("Int64", openUntil), ", ", s.bind("Int64", p.AsOf), `, toUnixTimestamp64Milli(segment_until)), edges[-1]) AS until
FROM (`)
	from := moment(s, p.From)
	reaches := " AND (ended IS NULL OR ended > " + from + ")"
	selectParts(s, p, " AND start >= "+from+" AND start < "+moment(s, p.To)+reaches)
	s.add("\nUNION ALL")
	older := " AND start < " + from + reaches
	selectParts(s, p, older+" AND (start, interaction, agent, n) IN (SELECT start, interaction, agent, n FROM interaction_parts WHERE contact_center = "+
		s.bind("String", p.ContactCenter)+older+")")
	s.add(`
) ARRAY JOIN segments_state AS state, segments_since AS segment_since, segments_until AS segment_until, segments_role AS segment_role
WHERE state = 'connected' AND segment_role NOT IN ('silent_join', 'whisper_join') AND since < until)) ARRAY JOIN range(first, last + 1) AS i)
GROUP BY agent, `, otherColumns(p.columns), "i)")
	s.add("\nGROUP BY ", columnList(p.columns), "i", settings)

	return r.each(ctx, s, dest, func() error {
		return t.add(metric.FamilyAgent, &k, begin, &metric.Totals{ConnectedMs: connected, AnyMs: anyMs})
	})
}

func otherColumns(columns []metric.Dimension) string {
	var others []metric.Dimension
	for _, c := range columns {
		if c != metric.DimAgent {
			others = append(others, c)
		}
	}
	return columnList(others)
}

func selectParts(s *statement, p *plan, conditions string) {
	s.add("\nSELECT agent, queue, campaign, channel, direction, segments_state, segments_since, segments_until, segments_role",
		"\nFROM interaction_parts FINAL WHERE contact_center = ", s.bind("String", p.ContactCenter), " AND NOT deleted", conditions)
	s.where(p.allowed)
}
