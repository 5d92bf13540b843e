package history

import (
	"context"
	"fmt"
	"time"

	"floorwalker/schema"
)

// Agents selects rows of agents by what they touch.
type Agents struct {
	ContactCenter string
	IDs           []string // nil: all agents
	From, To      int64    // ms: what touches [From, To)
}

func (a *Agents) validate() error {
	switch {
	case a.ContactCenter == "":
		return fmt.Errorf("agents without a contact centre")
	case a.From >= a.To:
		return faulty("end", "must be after start")
	}
	return nil
}

func (a *Agents) where(s *statement) string {
	where := " WHERE contact_center = " + s.bind("String", a.ContactCenter)
	if a.IDs != nil {
		where += " AND agent IN " + s.bind("Array(String)", a.IDs)
	}
	return where
}

// kept brings a moment into what ClickHouse can hold.
func kept(ms int64) int64 { return min(max(ms, 0), latestMs) }

// EachInterval calls each with every interval of the kinds that touches the range, whole, by agent and then by start. The interval
// is good for the call. Ended ones are cut at UTC midnights, except a presence of logged_out; so only that and what is open may
// have begun before the range's first day.
func (r *Reader) EachInterval(ctx context.Context, a Agents, kinds []schema.IntervalKind, each func(*schema.Interval) error) error {
	if err := a.validate(); err != nil {
		return err
	}
	from, to := kept(a.From), kept(a.To)
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	const columns = "SELECT toString(kind) AS k, agent, start, n, end, toString(status), live, semi_live, non_live, toString(reason_id)," +
		" toString(reason_name), description, suspended, continued\nFROM agent_intervals FINAL"
	s := &statement{}
	mine := a.where(s) + " AND kind IN " + s.bind("Array(String)", names)
	touches := " AND (end IS NULL OR end > " + moment(s, from) + ")"
	day := moment(s, from-from%dayMs)
	older := " AND start < " + day
	s.add(columns, mine, " AND NOT deleted AND start >= ", day, " AND start < ", moment(s, to), touches)
	s.add("\nUNION ALL\n", columns, mine, " AND NOT deleted", older, touches,
		" AND (kind, agent, start, n) IN (SELECT kind, agent, start, n FROM agent_intervals", mine, older, touches,
		" AND (end IS NULL OR kind = 'presence' AND status = 'logged_out'))")
	ordered := &statement{args: s.args, n: s.n}
	ordered.add("SELECT * FROM (", s.String(), ")\nORDER BY agent, start, n", settings)
	var (
		iv           schema.Interval
		kind, status string
		start        time.Time
		end          *time.Time
	)
	iv.ContactCenter = a.ContactCenter
	dest := []any{&kind, &iv.Agent, &start, &iv.N, &end, &status, &iv.Live, &iv.SemiLive, &iv.NonLive, &iv.ReasonID, &iv.ReasonName,
		&iv.Description, &iv.Suspended, &iv.Continued}
	err := r.each(ctx, ordered, dest, func() error {
		iv.Kind, _ = schema.ParseIntervalKind(kind)
		iv.Status, _ = schema.ParseStatus(status)
		iv.Start, iv.End = start.UnixMilli(), openTime(end)
		return each(&iv)
	})
	if err != nil {
		return fmt.Errorf("intervals of %q: %w", a.ContactCenter, err)
	}
	return nil
}

// EachPart calls each with every part that touches the range, marks of its very beginning included, by agent and then by start.
func (r *Reader) EachPart(ctx context.Context, a Agents, each func(*schema.Part) error) error {
	if err := a.validate(); err != nil {
		return err
	}
	from, to := kept(a.From), kept(a.To)
	s, scan := &statement{}, &partScan{}
	mine := a.where(s)
	begin := moment(s, from)
	reaches := " AND (finished IS NULL OR finished >= " + begin + ")"
	older := " AND start < " + begin + reaches
	s.add("SELECT ", partColumns, "\nFROM interaction_parts FINAL", mine, " AND NOT deleted AND start >= ", begin, " AND start < ", moment(s, to), reaches)
	s.add("\nUNION ALL\nSELECT ", partColumns, "\nFROM interaction_parts FINAL", mine, " AND NOT deleted", older,
		" AND (start, interaction, agent, n) IN (SELECT start, interaction, agent, n FROM interaction_parts", mine, older, ")")
	ordered := &statement{args: s.args, n: s.n}
	ordered.add("SELECT * FROM (", s.String(), ")\nORDER BY 2, 3, 1, 4", settings)
	err := r.each(ctx, ordered, scan.dest(), func() error {
		p := scan.read(a.ContactCenter)
		return each(&p)
	})
	if err != nil {
		return fmt.Errorf("parts of %q: %w", a.ContactCenter, err)
	}
	return nil
}

// Changed tells of each agent from which moment on its intervals of the kinds, and its parts where parts is set, were written or
// taken back while they were processed in [from, to): the least start of those rows. Versions that newer ones have replaced count
// too, so that it may tell too early a moment, but never too late a one.
func (r *Reader) Changed(ctx context.Context, a Agents, kinds []schema.IntervalKind, parts bool) (map[string]int64, error) {
	if err := a.validate(); err != nil {
		return nil, err
	}
	s := &statement{}
	mine := a.where(s)
	processed := " AND processed_at >= " + moment(s, kept(a.From)) + " AND processed_at < " + moment(s, kept(a.To))
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.String()
	}
	s.add("SELECT agent, toUnixTimestamp64Milli(min(start)) FROM (SELECT agent, start FROM agent_intervals", mine, " AND kind IN ",
		s.bind("Array(String)", names), processed)
	if parts {
		s.add("\nUNION ALL SELECT agent, start FROM interaction_parts", mine, processed)
	}
	s.add(")\nGROUP BY agent")
	out := map[string]int64{}
	var (
		agent string
		start int64
	)
	err := r.each(ctx, s, []any{&agent, &start}, func() error {
		out[agent] = start
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what was processed of %q: %w", a.ContactCenter, err)
	}
	return out, nil
}
