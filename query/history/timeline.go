package history

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

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
		return t, faulty("from", "must be within 1970 to 2106")
	case to <= from:
		return t, faulty("to", "must be after from")
	}
	if t.Progress, err = r.Progress(ctx, contactCenter); err != nil {
		return t, err
	}
	var parts []schema.Part
	all, within := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		if t.Intervals, err = r.intervalsOf(within, contactCenter, agent, from, to); err != nil {
			return fmt.Errorf("status intervals of %q of %q: %w", agent, contactCenter, err)
		}
		return nil
	})
	all.Go(func() (err error) {
		if t.Parts, err = r.olderPartsOf(within, contactCenter, agent, from); err != nil {
			return fmt.Errorf("parts of %q of %q before: %w", agent, contactCenter, err)
		}
		return nil
	})
	all.Go(func() (err error) {
		if parts, err = r.partsOf(within, contactCenter, agent, from, to); err != nil {
			return fmt.Errorf("parts of %q of %q: %w", agent, contactCenter, err)
		}
		return nil
	})
	if err := all.Wait(); err != nil {
		return t, err
	}
	t.Parts = append(t.Parts, parts...)
	return t, tooLong(len(t.Parts))
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

// partsOf reads one agent's parts that began in the range.
func (r *Reader) partsOf(ctx context.Context, contactCenter, agent string, from, to int64) (out []schema.Part, err error) {
	s := &statement{}
	selectPartsOf(s, contactCenter, agent)
	s.add(" AND start >= ", moment(s, from), " AND start < ", moment(s, to))
	return r.eachPartOf(ctx, s, contactCenter)
}

// olderPartsOf reads one agent's parts that reach into a range which they began before. Which may be some is asked without FINAL, by an
// index of their ends, and FINAL judges those candidates alone: mostly there are none.
func (r *Reader) olderPartsOf(ctx context.Context, contactCenter, agent string, from int64) ([]schema.Part, error) {
	s := &statement{}
	reaches := func(s *statement) string {
		begin := moment(s, from)
		return " AND start < " + begin + " AND (finished IS NULL OR finished > " + begin + ")"
	}
	s.add("SELECT DISTINCT toUnixTimestamp64Milli(start) FROM interaction_parts WHERE contact_center = ", s.bind("String", contactCenter),
		" AND agent = ", s.bind("String", agent), reaches(s), settings, oneThread)
	var starts []int64
	var start int64
	err := r.each(ctx, s, []any{&start}, func() error {
		starts = append(starts, start)
		return nil
	})
	if err != nil || len(starts) == 0 {
		return nil, err
	}
	s = &statement{}
	selectPartsOf(s, contactCenter, agent)
	s.add(reaches(s), " AND start IN (SELECT fromUnixTimestamp64Milli(arrayJoin(", s.bind("Array(Int64)", starts), "), 'UTC'))")
	return r.eachPartOf(ctx, s, contactCenter)
}

func selectPartsOf(s *statement, contactCenter, agent string) {
	s.add("SELECT ", partColumns, "\nFROM interaction_parts FINAL WHERE contact_center = ", s.bind("String", contactCenter),
		" AND agent = ", s.bind("String", agent), " AND NOT deleted")
}

func (r *Reader) eachPartOf(ctx context.Context, s *statement, contactCenter string) (out []schema.Part, err error) {
	scan := &partScan{}
	s.add("\nORDER BY start, interaction, n LIMIT ", s.bind("UInt64", maxTimeline+1), settings, oneThread)
	err = r.each(ctx, s, scan.dest(), func() error {
		out = append(out, scan.read(contactCenter))
		return tooLong(len(out))
	})
	return out, err
}
