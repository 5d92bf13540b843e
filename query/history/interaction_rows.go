package history

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"floorwalker/schema"
)

// Interactions reads interactions as the live view shows them: with parts, visits and what annotations say, in the order of the
// keys. Keys of which nothing is stored any more are left out.
func (r *Reader) Interactions(ctx context.Context, contactCenter string, keys []InteractionKey) ([]*schema.LiveInteraction, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	l := newLoader(r, contactCenter, keys)
	if err := l.readAll(ctx); err != nil {
		return nil, err
	}
	out := make([]*schema.LiveInteraction, 0, len(keys))
	for _, k := range keys {
		if row := l.rows[place{k.ID, k.Start}]; row != nil {
			out = append(out, row)
		}
	}
	return out, nil
}

// place is an interaction: an id may be used again later.
type place struct {
	id    string
	start int64
}

// loader gathers what belongs to some interactions.
type loader struct {
	r             *Reader
	contactCenter string
	ids           []string
	starts        []int64
	first, last   int64                                // start of the first, end of the last; last is schema.Open where one goes on
	rows          map[place]*schema.LiveInteraction    // those asked for; nil where nothing was found
	byID          map[string][]*schema.LiveInteraction // ascending
}

func newLoader(r *Reader, contactCenter string, keys []InteractionKey) *loader {
	l := &loader{r: r, contactCenter: contactCenter, rows: map[place]*schema.LiveInteraction{}, byID: map[string][]*schema.LiveInteraction{}, first: keys[0].Start}
	for _, k := range keys {
		l.rows[place{k.ID, k.Start}] = nil
		l.ids, l.starts = append(l.ids, k.ID), append(l.starts, k.Start)
		l.first, l.last = min(l.first, k.Start), max(l.last, k.Ended)
	}
	return l
}

// readAll reads the four tables at once: each statement keeps ClickHouse busy for longer with planning than with reading. What belongs to
// which interaction is found out when all is there.
func (l *loader) readAll(ctx context.Context) error {
	var (
		parts  []schema.Part
		visits []schema.Visit
		said   []schema.Annotation
	)
	all, within := errgroup.WithContext(ctx)
	read := func(what string, do func(context.Context) error) {
		all.Go(func() error {
			if err := do(within); err != nil {
				return fmt.Errorf("%s of %q: %w", what, l.contactCenter, err)
			}
			return nil
		})
	}
	read("interactions", l.readRows)
	read("parts", func(ctx context.Context) (err error) { parts, err = l.readParts(ctx); return err })
	read("visits", func(ctx context.Context) (err error) { visits, err = l.readVisits(ctx); return err })
	read("annotations", func(ctx context.Context) (err error) { said, err = l.readAnnotations(ctx); return err })
	if err := all.Wait(); err != nil {
		return err
	}
	l.addParts(parts)
	l.addVisits(visits)
	return l.addAnnotations(ctx, said)
}

// times scans moments: an instant of 1970 or null as NoTime.
func noTime(t *time.Time) int64 {
	if t == nil {
		return schema.NoTime
	}
	return t.UnixMilli()
}

func openTime(t *time.Time) int64 {
	if t == nil {
		return schema.Open
	}
	return t.UnixMilli()
}

func (l *loader) readRows(ctx context.Context) error {
	s := &statement{}
	s.add(`SELECT id, toUnixTimestamp64Milli(start), n, number, toString(channel), toString(direction), toString(kind), call_id, chat_id, toString(campaign),
 toString(queue), toString(first_queue), toString(call_flow), priority, skills, toString(state), toUnixTimestamp64Milli(state_since), queued, connected, ended,
 toString(end_reason), toString(ended_by), toString(end_cause), primary_agent, first_agent, customer, screen_pop_url, gruu, can_record
FROM interactions FINAL WHERE contact_center = `, s.bind("String", l.contactCenter), " AND NOT deleted AND start >= ", moment(s, l.first),
		" AND start <= ", moment(s, slices.Max(l.starts)), " AND id IN ", s.bind("Array(String)", l.ids), settings, oneThread)
	var (
		i                                                                 schema.LiveInteraction
		channel, direction, kind, state, endReason, endedBy, cause, about string
		queued, connected, ended                                          *time.Time
	)
	dest := []any{&i.ID, &i.Start, &i.N, &i.Number, &channel, &direction, &kind, &i.CallID, &i.ChatID, &i.Campaign,
		&i.Queue, &i.FirstQueue, &i.CallFlow, &i.Priority, &i.Skills, &state, &i.StateSince, &queued, &connected, &ended,
		&endReason, &endedBy, &cause, &i.PrimaryAgent, &i.FirstAgent, &about, &i.ScreenPopURL, &i.Gruu, &i.CanRecord}
	return l.r.each(ctx, s, dest, func() error {
		at := place{i.ID, i.Start}
		if _, asked := l.rows[at]; !asked {
			return nil
		}
		row := i
		row.ContactCenter = l.contactCenter
		row.Channel, _ = schema.ParseChannel(channel)
		row.Direction, _ = schema.ParseDirection(direction)
		row.Kind, _ = schema.ParseKind(kind)
		row.State, _ = schema.ParsePartState(state)
		row.EndReason, _ = schema.ParseEndReason(endReason)
		row.EndedBy, _ = schema.ParseEndedBy(endedBy)
		row.EndCause = parseCause(cause)
		row.Queued, row.Connected, row.Ended = noTime(queued), noTime(connected), openTime(ended)
		row.Customer, row.Skills = []byte(about), slices.Clone(i.Skills)
		row.HoldSince, row.RecordingSince, row.RecordAllowed = schema.NoTime, schema.NoTime, true
		l.rows[at] = &row
		of := append(l.byID[row.ID], &row)
		slices.SortFunc(of, func(a, b *schema.LiveInteraction) int { return int(a.Start - b.Start) })
		l.byID[row.ID] = of
		return nil
	})
}

func parseCause(s string) schema.EndCause {
	c, _ := schema.ParseDeclineReason(s)
	return schema.EndCause(c)
}

// owner is the interaction of an id that went on at a moment; nil where it is none of those asked for.
func (l *loader) owner(id string, at int64) *schema.LiveInteraction {
	of := l.byID[id]
	for n := len(of) - 1; n >= 0; n-- {
		if of[n].Start <= at {
			if at <= of[n].Ended {
				return of[n]
			}
			return nil
		}
	}
	return nil
}

// facts selects from a table of facts those that may belong to the interactions.
func (l *loader) facts(s *statement, table string) {
	s.add("\nFROM ", table, " FINAL WHERE contact_center = ", s.bind("String", l.contactCenter), " AND NOT deleted AND start >= ", moment(s, l.first))
	if l.last != schema.Open {
		s.add(" AND start <= ", moment(s, l.last))
	}
	s.add(" AND interaction IN ", s.bind("Array(String)", l.ids), "\nORDER BY start, interaction, n", settings, oneThread)
}

const partColumns = `interaction, agent, toUnixTimestamp64Milli(start), n, toString(queue), toString(campaign), toString(channel), toString(direction), toString(kind),
 toString(role), initiating_agent, offered, connected, ended, wrap_started, finished, ring_ms, talk_ms, hold_ms, parked_ms, wrap_ms, toString(declined), declined_at,
 toString(failed), primary, primary_since, segments_state, arrayMap(t -> toUnixTimestamp64Milli(t), segments_since),
 arrayMap(t -> toUnixTimestamp64Milli(t), segments_until), segments_role, segments_reason`

// partScan is where partColumns are scanned into.
type partScan struct {
	part                                                                    schema.Part
	channel, direction, kind, role, declined, failed                        string
	offered, connected, ended, wrapStarted, finished, declinedAt, primaryAt *time.Time
	states, roles, reasons                                                  []string
	sinces, untils                                                          []int64
}

func (p *partScan) dest() []any {
	return []any{&p.part.Interaction, &p.part.Agent, &p.part.Start, &p.part.N, &p.part.Queue, &p.part.Campaign, &p.channel, &p.direction, &p.kind,
		&p.role, &p.part.InitiatingAgent, &p.offered, &p.connected, &p.ended, &p.wrapStarted, &p.finished, &p.part.RingMs, &p.part.TalkMs, &p.part.HoldMs,
		&p.part.ParkedMs, &p.part.WrapMs, &p.declined, &p.declinedAt, &p.failed, &p.part.Primary, &p.primaryAt, &p.states, &p.sinces, &p.untils, &p.roles, &p.reasons}
}

func (p *partScan) read(contactCenter string) schema.Part {
	out := p.part
	out.ContactCenter = contactCenter
	out.Channel, _ = schema.ParseChannel(p.channel)
	out.Direction, _ = schema.ParseDirection(p.direction)
	out.Kind, _ = schema.ParseKind(p.kind)
	out.Role, _ = schema.ParseRole(p.role)
	out.Offered, out.Connected, out.WrapStarted = noTime(p.offered), noTime(p.connected), noTime(p.wrapStarted)
	out.Ended, out.Finished = openTime(p.ended), openTime(p.finished)
	out.Declined, _ = schema.ParseDeclineReason(p.declined)
	out.DeclinedAt, out.PrimarySince = noTime(p.declinedAt), noTime(p.primaryAt)
	out.Failed = parseCause(p.failed)
	for k := range p.states {
		segment := schema.Segment{Since: p.sinces[k], Until: p.untils[k], Reason: p.reasons[k]}
		segment.State, _ = schema.ParsePartState(p.states[k])
		segment.Role, _ = schema.ParseRole(p.roles[k])
		if segment.Until >= openUntil {
			segment.Until = schema.Open
		}
		out.Segments = append(out.Segments, segment)
	}
	return out
}

func (l *loader) readParts(ctx context.Context) (out []schema.Part, err error) {
	s, scan := &statement{}, &partScan{}
	s.add("SELECT ", partColumns)
	l.facts(s, "interaction_parts")
	err = l.r.each(ctx, s, scan.dest(), func() error {
		out = append(out, scan.read(l.contactCenter))
		return nil
	})
	return out, err
}

func (l *loader) addParts(parts []schema.Part) {
	for k := range parts {
		part := &parts[k]
		row := l.owner(part.Interaction, part.Start)
		if row == nil {
			continue
		}
		row.Parts = append(row.Parts, *part)
		if since, holds := heldSince(part); holds && (row.HoldSince == schema.NoTime || part.Primary) {
			row.HoldSince = since
		}
	}
}

func heldSince(p *schema.Part) (int64, bool) {
	if n := len(p.Segments); n > 0 && p.Segments[n-1].State == schema.StateHeld && p.Segments[n-1].Until == schema.Open {
		return p.Segments[n-1].Since, true
	}
	return 0, false
}

func (l *loader) readVisits(ctx context.Context) (out []schema.Visit, err error) {
	s := &statement{}
	var (
		v                                 schema.Visit
		channel, direction, kind, outcome string
		end                               *time.Time
	)
	s.add(`SELECT interaction, toUnixTimestamp64Milli(start), n, toString(queue), toString(campaign), toString(channel), toString(direction), toString(kind), end,
 toString(outcome), agent, priority`)
	l.facts(s, "queue_visits")
	dest := []any{&v.Interaction, &v.Start, &v.N, &v.Queue, &v.Campaign, &channel, &direction, &kind, &end, &outcome, &v.Agent, &v.Priority}
	err = l.r.each(ctx, s, dest, func() error {
		visit := v
		visit.ContactCenter = l.contactCenter
		visit.Channel, _ = schema.ParseChannel(channel)
		visit.Direction, _ = schema.ParseDirection(direction)
		visit.Kind, _ = schema.ParseVisitKind(kind)
		visit.Outcome, _ = schema.ParseVisitOutcome(outcome)
		visit.End = openTime(end)
		out = append(out, visit)
		return nil
	})
	return out, err
}

func (l *loader) addVisits(visits []schema.Visit) {
	for k := range visits {
		if row := l.owner(visits[k].Interaction, visits[k].Start); row != nil {
			row.Visits = append(row.Visits, visits[k])
			row.Waiting = row.Waiting || visits[k].End == schema.Open
		}
	}
}

func (l *loader) readAnnotations(ctx context.Context) ([]schema.Annotation, error) {
	return l.r.annotations(ctx, l.contactCenter, l.ids, max(0, l.first-leadMs))
}

// addAnnotations lays what was said over the rows. Nothing ends the time in which something may be said of an interaction but that its id
// is used again, which is asked for only of those that were spoken of late.
func (l *loader) addAnnotations(ctx context.Context, all []schema.Annotation) error {
	again, err := l.usedAgain(ctx, all)
	if err != nil {
		return fmt.Errorf("interactions of %q whose ids were used again: %w", l.contactCenter, err)
	}
	var decoder schema.Decoder
	for k := range all {
		a := &all[k]
		if row := l.spokenOf(a, again); row != nil {
			lay(row, a, &decoder)
		}
	}
	return nil
}

// lay decodes an annotation and lays it over a row. What was stored has been judged; should it not be readable all the same, it
// is left out.
func lay(row *schema.LiveInteraction, a *schema.Annotation, decoder *schema.Decoder) {
	var said schema.Event
	if decoder.DecodeStructured(schema.AppendStructured(nil, a.Event()), &said) == nil {
		row.Lay(a, said.Clone())
	}
}

// spokenOf is the interaction that began last before the annotation, or up to leadMs after it; nil where that is none of those
// asked for.
func (l *loader) spokenOf(a *schema.Annotation, again map[string][]int64) *schema.LiveInteraction {
	of := l.byID[a.Interaction]
	for n := len(of) - 1; n >= 0; n-- {
		if of[n].Start-leadMs > a.Time {
			continue
		}
		for _, start := range again[a.Interaction] {
			if start > of[n].Start && start-leadMs <= a.Time {
				return nil
			}
		}
		return of[n]
	}
	return nil
}

// usedAgain finds when ids began again that were spoken of after their interaction had ended.
func (l *loader) usedAgain(ctx context.Context, all []schema.Annotation) (map[string][]int64, error) {
	var ids []string
	last := l.first
	for k := range all {
		a := &all[k]
		if l.spokenOf(a, nil) == nil || l.owner(a.Interaction, a.Time) != nil {
			continue
		}
		if !slices.Contains(ids, a.Interaction) {
			ids = append(ids, a.Interaction)
		}
		last = max(last, a.Time+leadMs)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	s := &statement{}
	// Without FINAL, which would go through all rows of the time: few are found, mostly those that are known.
	s.add("SELECT id, toUnixTimestamp64Milli(start) FROM interactions WHERE contact_center = ", s.bind("String", l.contactCenter),
		" AND start > ", moment(s, l.first), " AND start <= ", moment(s, last), " AND id IN ", s.bind("Array(String)", ids),
		" GROUP BY id, start, n HAVING NOT argMax(deleted, version)", settings, oneThread)
	out := map[string][]int64{}
	var id string
	var start int64
	err := l.r.each(ctx, s, []any{&id, &start}, func() error {
		out[id] = append(out[id], start)
		return nil
	})
	return out, err
}

// annotations reads those of some interactions, said at a moment or later, in the order of the event contract. The newest version is taken
// of the few rows that are found: FINAL would go through all those that lie in between.
func (r *Reader) annotations(ctx context.Context, contactCenter string, interactions []string, from int64) (out []schema.Annotation, err error) {
	s := &statement{}
	var a schema.Annotation
	var kind, data string
	s.add(`SELECT interaction, toUnixTimestamp64Milli(time), toString(source), id, toString(type), isNotNull(sequence), ifNull(sequence, 0), toInt64(offset), data
FROM (SELECT interaction, time, source, id, type, sequence, offset, data, version FROM annotations WHERE contact_center = `, s.bind("String", contactCenter),
		" AND interaction IN ", s.bind("Array(String)", interactions), " AND time >= ", moment(s, from),
		" ORDER BY version DESC LIMIT 1 BY interaction, time, source, id)\nORDER BY interaction, time, isNull(sequence), sequence, version", settings, oneThread)
	var has uint8
	dest := []any{&a.Interaction, &a.Time, &a.Source, &a.ID, &kind, &has, &a.Sequence, &a.Offset, &data}
	err = r.each(ctx, s, dest, func() error {
		one := a
		one.ContactCenter, one.HasSequence, one.Data = contactCenter, has != 0, []byte(data)
		one.Type, _ = schema.ParseEventType(kind)
		out = append(out, one)
		return nil
	})
	return out, err
}

// Interaction reads the newest interaction of an id, or of a number that events named where no id fits; found is false where none
// is stored.
func (r *Reader) Interaction(ctx context.Context, contactCenter, id string) (row *schema.LiveInteraction, found bool, err error) {
	key, found, err := r.newestOf(ctx, contactCenter, id)
	if err != nil || !found {
		return nil, false, err
	}
	rows, err := r.Interactions(ctx, contactCenter, []InteractionKey{key})
	if err != nil || len(rows) == 0 {
		return nil, false, err
	}
	return rows[0], true, nil
}

func (r *Reader) newestOf(ctx context.Context, contactCenter, id string) (key InteractionKey, found bool, err error) {
	key, found, err = r.newestWhere(ctx, contactCenter, func(s *statement) string { return "id = " + s.bind("String", id) })
	if n, bad := strconv.ParseInt(id, 10, 32); err == nil && !found && bad == nil && n > 0 && strconv.FormatInt(n, 10) == id {
		key, found, err = r.newestWhere(ctx, contactCenter, func(s *statement) string { return "number = " + s.bind("Int64", n) })
	}
	if err != nil {
		err = fmt.Errorf("interaction %q of %q: %w", id, contactCenter, err)
	}
	return key, found, err
}

// newestWhere finds the newest interaction that a condition is true of. Which rows may be it is asked without FINAL, which would
// read all of them.
func (r *Reader) newestWhere(ctx context.Context, contactCenter string, condition func(*statement) string) (key InteractionKey, found bool, err error) {
	s := &statement{}
	s.add("SELECT id, toUnixTimestamp64Milli(start), n, ifNull(toUnixTimestamp64Milli(ended), ", s.bind("Int64", schema.Open),
		")\nFROM interactions FINAL WHERE contact_center = ", s.bind("String", contactCenter), " AND NOT deleted AND ", condition(s),
		" AND (start, id) IN (SELECT start, id FROM interactions WHERE contact_center = ", s.bind("String", contactCenter), " AND ", condition(s),
		")\nORDER BY start DESC, n DESC LIMIT 1", settings)
	err = r.each(ctx, s, []any{&key.ID, &key.Start, &key.N, &key.Ended}, func() error {
		found = true
		return nil
	})
	return key, found, err
}

// Annotations reads all that was said of the interaction that began at a moment.
func (r *Reader) Annotations(ctx context.Context, contactCenter string, of InteractionKey) ([]schema.Annotation, error) {
	l := newLoader(r, contactCenter, []InteractionKey{of})
	row := &schema.LiveInteraction{Interaction: schema.Interaction{ID: of.ID, Start: of.Start, Ended: of.Ended}}
	l.byID[of.ID] = []*schema.LiveInteraction{row}
	said, err := l.readAnnotations(ctx)
	if err == nil {
		err = l.addAnnotations(ctx, said)
	}
	if err != nil {
		return nil, fmt.Errorf("annotations of %q of %q: %w", of.ID, contactCenter, err)
	}
	return row.Annotations, nil
}
