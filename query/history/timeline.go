package history

import (
	"context"
	"fmt"
	"time"

	"floorwalker/schema"
)

// Timeline is what an agent did in a range, as far as it was flushed.
type Timeline struct {
	Intervals []schema.Interval // of effective status, ascending; pieces of one status that a midnight cut are one again
	Parts     []schema.Part     // in order of their start
	Progress
}

// maxTimeline bounds the rows of each kind that one answer holds in memory: years of a busy agent.
const maxTimeline = 50_000

// Timeline reads the status intervals and the parts of an agent that touch [from, to), whole, what is still open included. Errors
// are *QueryError for what the caller got wrong, else ClickHouse's.
func (r *Reader) Timeline(ctx context.Context, contactCenter, agent string, from, to int64) (t Timeline, err error) {
	switch {
	case from < 0 || from > latestMs:
		return t, faulty("from", "%d ms is not after 1970", from)
	case to <= from:
		return t, faulty("to", "must be after from")
	}
	if t.Progress, err = r.Progress(ctx, contactCenter); err != nil {
		return t, err
	}
	if t.Intervals, err = r.intervalsOf(ctx, contactCenter, agent, from, to); err != nil {
		return t, fmt.Errorf("status intervals of %q of %q: %w", agent, contactCenter, err)
	}
	if t.Parts, err = r.partsOf(ctx, contactCenter, agent, from, to); err != nil {
		return t, fmt.Errorf("parts of %q of %q: %w", agent, contactCenter, err)
	}
	return t, nil
}

// intervalsOf reads one agent's intervals, which lie together. Ended ones are cut at UTC midnights, so only open ones may have
// begun before the range's first day.
func (r *Reader) intervalsOf(ctx context.Context, contactCenter, agent string, from, to int64) (out []schema.Interval, err error) {
	s := &statement{}
	s.add(`SELECT toUnixTimestamp64Milli(start), n, end, toString(status), toString(reason_id), toString(reason_name), description, suspended, continued
FROM agent_intervals FINAL WHERE contact_center = `, s.bind("String", contactCenter), " AND kind = 'status' AND agent = ", s.bind("String", agent),
		" AND NOT deleted AND start < ", moment(s, to), " AND (start >= ", moment(s, from-from%dayMs), " OR end IS NULL) AND (end IS NULL OR end > ", moment(s, from), ")",
		"\nORDER BY start, n LIMIT ", s.bind("UInt64", maxTimeline+1), settings, oneThread)
	var (
		iv     schema.Interval
		end    *time.Time
		status string
	)
	err = r.each(ctx, s, []any{&iv.Start, &iv.N, &end, &status, &iv.ReasonID, &iv.ReasonName, &iv.Description, &iv.Suspended, &iv.Continued}, func() error {
		one := iv
		one.ContactCenter, one.Agent, one.Kind, one.End = contactCenter, agent, schema.IntervalStatus, openTime(end)
		one.Status, _ = schema.ParseStatus(status)
		if n := len(out); n > 0 && goesOn(&out[n-1], &one) {
			out[n-1].End = one.End
			return nil
		}
		out = append(out, one)
		return tooLong(len(out))
	})
	return out, err
}

// goesOn reports whether b is the rest of a piece that was cut for storing only.
func goesOn(a, b *schema.Interval) bool {
	return b.Continued && a.End == b.Start && a.Status == b.Status && a.ReasonID == b.ReasonID && a.ReasonName == b.ReasonName &&
		a.Description == b.Description && a.Suspended == b.Suspended
}

func tooLong(n int) error {
	if n > maxTimeline {
		return faulty("to", "the timeline would have more than %d rows; ask for a shorter range", maxTimeline)
	}
	return nil
}

// partsOf reads one agent's parts. Those that began in the range are read straight; which older ones reach into it is asked without
// FINAL, by an index of their ends, and FINAL judges those candidates alone.
func (r *Reader) partsOf(ctx context.Context, contactCenter, agent string, from, to int64) (out []schema.Part, err error) {
	s, scan := &statement{}, &partScan{}
	mine := " WHERE contact_center = " + s.bind("String", contactCenter) + " AND agent = " + s.bind("String", agent)
	begin := moment(s, from)
	older := " AND start < " + begin + " AND (finished IS NULL OR finished > " + begin + ")"
	s.add("SELECT ", partColumns, "\nFROM interaction_parts FINAL", mine, " AND NOT deleted AND start >= ", begin, " AND start < ", moment(s, to))
	s.add("\nUNION ALL\nSELECT ", partColumns, "\nFROM interaction_parts FINAL", mine, " AND NOT deleted", older,
		" AND (start, interaction, n) IN (SELECT start, interaction, n FROM interaction_parts", mine, older, ")")
	ordered := &statement{args: s.args, n: s.n}
	ordered.add("SELECT * FROM (", s.String(), ")\nORDER BY 3, 1, 4 LIMIT ", ordered.bind("UInt64", maxTimeline+1), settings, oneThread)
	err = r.each(ctx, ordered, scan.dest(), func() error {
		out = append(out, scan.read(contactCenter))
		return tooLong(len(out))
	})
	return out, err
}
