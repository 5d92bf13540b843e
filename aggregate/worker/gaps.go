package worker

import (
	"context"
	"slices"
	"strings"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// absent notes that Kafka has no records for readers between the last one and this offset: compacted ones, transaction markers,
// aborted transactions. What is noted, or stored as a raw event, by whoever read here before, is not noted again. The lock is held.
func (p *partition) absent(until int64) {
	from := max(p.eng.Position(), p.noted, p.stored+1)
	if from < until {
		p.note(clickhouse.OffsetGap{From: from, Until: until, Reason: clickhouse.GapAbsent, Ended: schema.NoTime, Resumed: schema.NoTime})
	}
}

func (p *partition) note(g clickhouse.OffsetGap) {
	p.pending.gaps = append(p.pending.gaps, g)
	p.noted = max(p.noted, g.Until)
}

// holes sorts what ClickHouse lacks of the offsets before the next one to read: lost is what Kafka does not have either, and rebuild
// is up to where stored raw events are to be applied; from there on Kafka has everything.
func holes(missing []clickhouse.OffsetGap, first, stored int64) (lost []clickhouse.OffsetGap, rebuild int64) {
	rebuild = stored + 1
	for _, m := range missing {
		if m.From < first {
			g := m
			g.Until = min(m.Until, first)
			lost = append(lost, g)
		}
		if m.Until > first {
			return lost, max(m.From, first)
		}
	}
	return lost, rebuild
}

// bridge goes on after records that are lost: what lies before them is written as far as it is known, what ClickHouse then still has
// open is ended, and the state begins empty after them.
func (p *partition) bridge(ctx context.Context, lost []clickhouse.OffsetGap) error {
	gap := lost[len(lost)-1]
	for _, g := range lost {
		p.w.count.gaps.Inc()
		p.w.count.lost.Add(int(g.Until - g.From))
		p.w.cfg.Log.Error("GAP: records are lost, Kafka no longer has them and they were never stored", "topic", p.w.cfg.Topic,
			"partition", p.id, "from_offset", g.From, "until_offset", g.Until)
	}
	if err := p.rebuild(ctx, p.position(), lost[0].From); err != nil {
		return err
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	newest, err := p.w.parts.Sink.Newest(ctx, p.w.cfg.Topic, p.id, p.log, gap.From)
	if err != nil {
		return err
	}
	stamp := clickhouse.Stamp{Topic: p.w.cfg.Topic, Partition: p.id, Epoch: p.epoch, Position: gap.Until}
	for cc, at := range newest {
		if err := p.w.parts.Sink.EndOpen(ctx, stamp, cc, at); err != nil {
			return err
		}
	}
	eng := p.w.parts.Engines.New()
	eng.Skip(gap.Until - 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eng, p.expired, p.resume = eng, eng.ExpiredTotal(), newResume(gap, newest)
	for _, g := range lost {
		p.note(g)
	}
	for _, g := range p.resume.rows() {
		p.note(g)
	}
	p.w.tellGap(p.id, gap)
	return nil
}

// settle waits until everything that has been applied is flushed.
func (p *partition) settle(ctx context.Context) error {
	p.mu.Lock()
	settled := make(chan struct{})
	p.settled = settled
	p.mu.Unlock()
	select {
	case p.kick <- struct{}{}:
	default:
	}
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// resume is from when on facts and windows are written after lost records: those that began earlier would be made of a part of their
// events, and take the place of what had been made of another part. It is nil where no records are lost.
type resume struct {
	gap    clickhouse.OffsetGap
	before map[string]int64 // newest event before the gap, of the contact centres without an event after it
	from   map[string]int64 // of the others
	rest   int64            // of those that were not known before: the partition's first event after it; NoTime without one
}

func newResume(gap clickhouse.OffsetGap, newest map[string]int64) *resume {
	return &resume{gap: gap, before: newest, from: map[string]int64{}, rest: schema.NoTime}
}

// resumed makes it again from its rows, of which the first is the range's; nil without any.
func resumed(rows []clickhouse.OffsetGap) *resume {
	if len(rows) == 0 || rows[0].ContactCenter != "" {
		return nil
	}
	r := newResume(rows[0], map[string]int64{})
	r.rest = rows[0].Resumed
	for _, g := range rows[1:] {
		if g.Resumed == schema.NoTime {
			r.before[g.ContactCenter] = g.Ended
		} else {
			r.from[g.ContactCenter] = g.Resumed
		}
	}
	return r
}

// rows say what is known before the first event.
func (r *resume) rows() []clickhouse.OffsetGap {
	var out []clickhouse.OffsetGap
	for cc, at := range r.before {
		g := r.gap
		g.ContactCenter, g.Ended = cc, at
		out = append(out, g)
	}
	return out
}

// see takes an event in before it is applied, and returns rows of what is known now.
func (r *resume) see(contactCenter string, t int64) (known []clickhouse.OffsetGap) {
	if _, ok := r.from[contactCenter]; ok {
		return nil
	}
	if r.rest == schema.NoTime {
		r.rest, r.gap.Resumed = t, t
		known = append(known, r.gap)
	}
	cc := strings.Clone(contactCenter)
	at, ok := r.before[cc]
	if !ok {
		r.from[cc] = r.rest
		return known
	}
	delete(r.before, cc)
	r.from[cc] = max(t, at)
	g := r.gap
	g.ContactCenter, g.Ended, g.Resumed = cc, at, r.from[cc]
	return append(known, g)
}

// spares reports whether a fact or window is left as it was.
func (r *resume) spares(contactCenter string, start int64) bool {
	from, ok := r.from[contactCenter]
	return ok && start < from
}

// keep takes facts out of rows that are left as they were.
func (r *resume) keep(rows *engine.Rows) {
	rows.Intervals = slices.DeleteFunc(rows.Intervals, func(x schema.Interval) bool { return r.spares(x.ContactCenter, x.Start) })
	rows.Visits = slices.DeleteFunc(rows.Visits, func(x schema.Visit) bool { return r.spares(x.ContactCenter, x.Start) })
	rows.Parts = slices.DeleteFunc(rows.Parts, func(x schema.Part) bool { return r.spares(x.ContactCenter, x.Start) })
	rows.Interactions = slices.DeleteFunc(rows.Interactions, func(x schema.Interaction) bool { return r.spares(x.ContactCenter, x.Start) })
}

// gapSink is the part of a Sink that knows of offsets without a record; see history.Sink.
type gapSink interface {
	// Noted is the first offset after the last noted gap, and the rows of the newest lost range before an offset.
	Noted(ctx context.Context, topic string, partition int, log uint16, before int64) (int64, []clickhouse.OffsetGap, error)
	// Resumed is, by contact centre, from when on facts and windows are written after records that were lost in earlier logs.
	Resumed(ctx context.Context, topic string, log uint16) (map[string]int64, error)
	// Missing is what of [from, until) ClickHouse knows nothing about.
	Missing(ctx context.Context, topic string, partition int, log uint16, from, until int64) ([]clickhouse.OffsetGap, error)
	// Newest is the newest event time of each contact centre, as flushed up to an offset.
	Newest(ctx context.Context, topic string, partition int, log uint16, upTo int64) (map[string]int64, error)
	// EndOpen ends what ClickHouse has open of a contact centre.
	EndOpen(ctx context.Context, stamp clickhouse.Stamp, contactCenter string, at int64) error
}

var _ gapSink = (*history.Sink)(nil)
