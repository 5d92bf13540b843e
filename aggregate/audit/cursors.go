package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
)

const finalSettings = " SETTINGS do_not_merge_across_partitions_select_final = 1, max_bytes_before_external_sort = 536870912"

// windowCursor reads stored windows in the order of their start.
type windowCursor struct {
	driver.Rows
	row                schema.Window
	ok                 bool
	err                error
	channel, direction string
	log, seconds       [schema.NumMeasures]map[uint16]uint32
}

func (c *center) openWindows(ctx context.Context, length, from, until int64) (*windowCursor, error) {
	var columns strings.Builder
	for n := range schema.NumCounts {
		fmt.Fprintf(&columns, ", %s", n)
	}
	for m := range schema.NumMeasures {
		fmt.Fprintf(&columns, ", %[1]s_count, %[1]s_sum, %[1]s_max, %[1]s_log", m)
		if m.CountsSeconds() {
			fmt.Fprintf(&columns, ", %s_seconds", m)
		}
	}
	rows, err := c.Conn.Query(ctx, "SELECT toInt64(toUnixTimestamp(start)) * 1000, agent, queue, campaign, channel, direction"+columns.String()+
		" FROM "+windowTable(length)+` FINAL WHERE contact_center = {cc:String}
			AND start >= toDateTime(intDiv({from:Int64}, 1000), 'UTC') AND start < toDateTime(intDiv({until:Int64}, 1000), 'UTC')
		ORDER BY contact_center, start`+finalSettings,
		ch.Named("cc", c.id), ch.Named("from", from), ch.Named("until", max(from, until)))
	if err != nil {
		return nil, err
	}
	w := &windowCursor{Rows: rows}
	w.read()
	return w, w.err
}

func windowTable(length int64) string { return fmt.Sprintf("windows_%dm", length/minuteMs) }

func (w *windowCursor) read() {
	if w.ok = w.Next(); !w.ok {
		w.err = w.Err()
		return
	}
	w.row = schema.Window{}
	places := []any{&w.row.Start, &w.row.Agent, &w.row.Queue, &w.row.Campaign, &w.channel, &w.direction}
	for c := range w.row.Counts {
		places = append(places, &w.row.Counts[c])
	}
	for m := range w.row.Measures {
		d := &w.row.Measures[m]
		w.log[m], w.seconds[m] = nil, nil
		places = append(places, &d.Count, &d.Sum, &d.Max, &w.log[m])
		if schema.Measure(m).CountsSeconds() {
			places = append(places, &w.seconds[m])
		}
	}
	if w.err = w.Scan(places...); w.err != nil {
		w.ok = false
		return
	}
	w.row.Channel, _ = schema.ParseChannel(w.channel) // unknown ones are windows of no fact, and show as such
	w.row.Direction, _ = schema.ParseDirection(w.direction)
	for m := range w.row.Measures {
		w.row.Measures[m].Log, w.row.Measures[m].Seconds = bins(w.log[m]), bins(w.seconds[m])
	}
}

func bins(histogram map[uint16]uint32) (out []schema.Bin) {
	for k, n := range histogram {
		out = append(out, schema.Bin{Key: k, N: n})
	}
	slices.SortFunc(out, func(a, b schema.Bin) int { return int(a.Key) - int(b.Key) })
	return out
}

// factCursor reads visits and parts, each in the order of their start.
type factCursor struct {
	visits, parts driver.Rows
	visit         *schema.Visit // the next one, nil at the end
	part          *schema.Part
	direct        map[uint64]struct{} // hashed interaction and agent: a part of theirs was direct already
	err           error
}

// openFacts reads the facts that may count in [from, until).
func (c *center) openFacts(ctx context.Context, from, until int64) (*factCursor, error) {
	args := []any{ch.Named("open", schema.Open), ch.Named("none", schema.NoTime), ch.Named("cc", c.id),
		ch.Named("after", max(0, from-factsBefore)), ch.Named("until", until), ch.Named("from", from)}
	visits, err := c.Conn.Query(ctx, `SELECT interaction, toUnixTimestamp64Milli(start), queue, campaign, channel, direction, kind,
			ifNull(toUnixTimestamp64Milli(end), {open:Int64}) AS ended, outcome
		FROM queue_visits FINAL WHERE contact_center = {cc:String} AND NOT deleted AND start >= fromUnixTimestamp64Milli({after:Int64}, 'UTC')
			AND start < fromUnixTimestamp64Milli({until:Int64}, 'UTC') AND ended >= {from:Int64}
		ORDER BY contact_center, queue_visits.start`+finalSettings, args...)
	if err != nil {
		return nil, err
	}
	moments := ""
	for _, column := range []string{"offered", "connected", "declined_at", "wrap_started", "first_message"} {
		moments += ", ifNull(toUnixTimestamp64Milli(" + column + "), {none:Int64})"
	}
	parts, err := c.Conn.Query(ctx, `SELECT interaction, agent, toUnixTimestamp64Milli(start), queue, campaign, channel, direction, kind, role, declined,
			ifNull(toUnixTimestamp64Milli(ended), {open:Int64}), ifNull(toUnixTimestamp64Milli(finished), {open:Int64}) AS over`+moments+`,
			ring_ms, talk_ms, hold_ms, parked_ms, wrap_ms, segments_state, arrayMap(t -> toUnixTimestamp64Milli(t), segments_until), segments_role, segments_reason
		FROM interaction_parts FINAL WHERE contact_center = {cc:String} AND NOT deleted AND start >= fromUnixTimestamp64Milli({after:Int64}, 'UTC')
			AND start < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
		ORDER BY contact_center, interaction_parts.start, interaction, interaction_parts.agent, n`+finalSettings, args...)
	if err != nil {
		return nil, errors.Join(err, visits.Close())
	}
	f := &factCursor{visits: visits, parts: parts, direct: map[uint64]struct{}{}}
	f.nextVisit()
	f.nextPart()
	return f, f.err
}

func (f *factCursor) close() { _, _ = f.visits.Close(), f.parts.Close() }

// start is when the next fact begins.
func (f *factCursor) start() (int64, bool) {
	switch {
	case f.visit == nil && f.part == nil:
		return 0, false
	case f.visit == nil:
		return f.part.Start, true
	case f.part == nil:
		return f.visit.Start, true
	}
	return min(f.visit.Start, f.part.Start), true
}

// until puts all facts that begin before a moment into the books.
func (f *factCursor) until(moment int64, b *books) error {
	for f.err == nil && f.visit != nil && f.visit.Start < moment {
		b.visit(f.visit)
		f.nextVisit()
	}
	for f.err == nil && f.part != nil && f.part.Start < moment {
		b.part(f.part, f.direct)
		f.nextPart()
	}
	return f.err
}

func (f *factCursor) nextVisit() {
	f.visit = nil
	if !f.visits.Next() {
		f.err = errors.Join(f.err, f.visits.Err())
		return
	}
	v := &schema.Visit{}
	var channel, direction, kind, outcome string
	if err := f.visits.Scan(&v.Interaction, &v.Start, &v.Queue, &v.Campaign, &channel, &direction, &kind, &v.End, &outcome); err != nil {
		f.err = err
		return
	}
	v.Channel, _ = schema.ParseChannel(channel)
	v.Direction, _ = schema.ParseDirection(direction)
	v.Kind, _ = schema.ParseVisitKind(kind)
	v.Outcome, _ = schema.ParseVisitOutcome(outcome)
	f.visit = v
}

func (f *factCursor) nextPart() {
	f.part = nil
	if !f.parts.Next() {
		f.err = errors.Join(f.err, f.parts.Err())
		return
	}
	p := &schema.Part{}
	var channel, direction, kind, role, declined string
	var states, roles, reasons []string
	var untils []int64
	err := f.parts.Scan(&p.Interaction, &p.Agent, &p.Start, &p.Queue, &p.Campaign, &channel, &direction, &kind, &role, &declined, &p.Ended, &p.Finished,
		&p.Offered, &p.Connected, &p.DeclinedAt, &p.WrapStarted, &p.FirstMessage, &p.RingMs, &p.TalkMs, &p.HoldMs, &p.ParkedMs, &p.WrapMs,
		&states, &untils, &roles, &reasons)
	if err != nil {
		f.err = err
		return
	}
	p.Channel, _ = schema.ParseChannel(channel)
	p.Direction, _ = schema.ParseDirection(direction)
	p.Kind, _ = schema.ParseKind(kind)
	p.Role, _ = schema.ParseRole(role)
	p.Declined, _ = schema.ParseDeclineReason(declined)
	for k := range states {
		s := schema.Segment{Until: untils[k], Reason: reasons[k]}
		s.State, _ = schema.ParsePartState(states[k])
		s.Role, _ = schema.ParseRole(roles[k])
		p.Segments = append(p.Segments, s)
	}
	f.part = p
}
