package native

import (
	"fmt"
	"strings"
	"time"

	"floorwalker/query/problem"
)

// Limits of what one request may ask of the history and of the live windows. Zero fields take the default.
type Limits struct {
	Range   time.Duration // of history, from to to; 400 days
	Timeout time.Duration // of a query of history; 30 s
	Groups  int           // of a metrics query: different values of group_by; 20,000
	Rows    int           // of a metrics query: groups times intervals; 1,000,000
}

func (l Limits) withDefaults() Limits {
	const day = 24 * time.Hour
	if l.Range == 0 {
		l.Range = 400 * day
	}
	if l.Timeout == 0 {
		l.Timeout = 30 * time.Second
	}
	if l.Groups == 0 {
		l.Groups = 20_000
	}
	if l.Rows == 0 {
		l.Rows = 1_000_000
	}
	return l
}

// checkRange refuses ranges of history that are too long; both in ms.
func (l Limits) checkRange(from, to int64) error {
	if length := time.Duration(to-from) * time.Millisecond; to-from > l.Range.Milliseconds() || length < 0 && to > from {
		p := problem.New(400, "range_too_long", fmt.Sprintf("from %s to %s is longer than the %s that this server answers at once; ask for less",
			moments(from), moments(to), plainDuration(l.Range)))
		p.Parameter = "from"
		return p
	}
	return nil
}

func moments(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }

func plainDuration(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}

// checkIntervals refuses ranges with more intervals than an answer may have rows, before anything is read.
func (l Limits) checkIntervals(q *metricsQuery) error {
	length, ok := intervalLength[q.interval.String()]
	if !ok || int64(l.Rows) >= (q.to-q.from)/length.Milliseconds() {
		return nil
	}
	p := problem.New(400, "too_many_rows", fmt.Sprintf("from and to hold more than %d intervals of %s; ask for a shorter range or longer intervals",
		l.Rows, q.interval))
	p.Parameter = "interval"
	return p
}

// intervalLength of those intervals that could be too many.
var intervalLength = map[string]time.Duration{"1m": time.Minute, "5m": 5 * time.Minute, "15m": 15 * time.Minute, "30m": 30 * time.Minute, "1h": time.Hour}

// checkRows refuses answers with too many groups or rows.
func (l Limits) checkRows(rows []metricsRow) error {
	if len(rows) > l.Rows {
		return tooMany("rows", len(rows), l.Rows)
	}
	groups := map[string]bool{}
	if len(rows) <= l.Groups {
		return nil
	}
	for i := range rows {
		groups[strings.Join(rows[i].group, "\x00")] = true
	}
	if len(groups) > l.Groups {
		return tooMany("groups", len(groups), l.Groups)
	}
	return nil
}

func tooMany(what string, n, allowed int) error {
	p := problem.New(400, "too_many_"+what, fmt.Sprintf("the answer would have %d %s; this server gives %d at most: filter, group by less or ask for longer intervals",
		n, what, allowed))
	p.Parameter = "group_by"
	return p
}
