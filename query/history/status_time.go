package history

import (
	"context"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// readStatusTime clips the status intervals to the range and to each interval of the answer.
//
// Ended pieces are cut at UTC midnights, so what touches the range began on its first UTC day or later; only what is still open
// may be older. Which older ones may be open is asked without FINAL, since that reads one column of years: any version that was
// ever open is a candidate, and FINAL judges those alone.
func (r *Reader) readStatusTime(ctx context.Context, p *plan, t *table) error {
	s := &statement{}
	var (
		k             key
		begin         int64
		status        string
		ms, available int64
		entered       uint64
	)
	dest := append(k.scan(p.columns), &begin, &status, &ms, &entered, &available)

	bindEdges(s, p.edges)
	s.add("\nSELECT ", columnList(p.columns), `edges[i] AS begin, toString(status),
 sum(greatest(least(until, edges[i + 1]) - greatest(since, edges[i]), 0)) AS ms,
 countIf(i = first AND NOT continued AND started >= edges[1]),
 sumIf(greatest(least(until, edges[i + 1]) - greatest(since, edges[i]), 0), status = 'available' AND NOT suspended)
FROM (SELECT *, greatest(started, edges[1]) AS since, least(ended, edges[-1]) AS until,`, firstAndLast, `
FROM (`)
	recent := p.From - p.From%dayMs
	selectIntervals(s, p, " AND start >= "+moment(s, recent)+" AND start < "+moment(s, p.To))
	s.add("\nUNION ALL")
	older := " AND start < " + moment(s, min(recent, p.To))
	selectIntervals(s, p, older+" AND end IS NULL AND (agent, start, n) IN (SELECT agent, start, n FROM agent_intervals WHERE contact_center = "+
		s.bind("String", p.ContactCenter)+" AND kind = 'status' AND end IS NULL"+older+")")
	s.add("\n) WHERE ended >= started AND (ended > edges[1] OR started >= edges[1])) ARRAY JOIN range(first, last + 1) AS i")
	s.add("\nGROUP BY ", columnList(p.columns), "i, status", settings)

	return r.each(ctx, s, dest, func() error {
		st, ok := schema.ParseStatus(status)
		if !ok {
			return nil
		}
		var totals metric.Totals
		totals.StatusMs[st], totals.StatusCount[st], totals.AvailableMs = ms, entered, available
		return t.add(metric.FamilyAgent, &k, begin, &totals)
	})
}

// bindEdges names the edges of the answer's intervals, and their places, for the expressions that follow.
func bindEdges(s *statement, edges []int64) {
	places := make([]uint32, len(edges))
	for i := range places {
		places[i] = uint32(i + 1)
	}
	s.add("WITH ", s.bind("Array(Int64)", edges), " AS edges, ", s.bind("Array(UInt32)", places), " AS places")
}

// firstAndLast finds the answer's intervals that [since, until) touches. roundDown searches the constant edges by halves and
// transform looks the place up in a hash; indexOf and its like copy the array for every row, measured at 20 times the cost.
const firstAndLast = `
 transform(roundDown(since, edges), edges, places, toUInt32(1)) AS first,
 transform(roundDown(greatest(until - 1, since), edges), edges, places, toUInt32(1)) AS last`

func selectIntervals(s *statement, p *plan, conditions string) {
	s.add("\nSELECT agent, status, suspended, continued, toUnixTimestamp64Milli(start) AS started,",
		" ifNull(toUnixTimestamp64Milli(end), ", s.bind("Int64", p.AsOf), ") AS ended",
		"\nFROM agent_intervals FINAL WHERE contact_center = ", s.bind("String", p.ContactCenter), " AND kind = 'status' AND NOT deleted", conditions)
	s.where(p.allowed)
}

// moment is a DateTime64 of a time in ms.
func moment(s *statement, ms int64) string {
	return "fromUnixTimestamp64Milli(" + s.bind("Int64", ms) + ", 'UTC')"
}
