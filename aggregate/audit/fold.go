package audit

import (
	"context"
	"fmt"
	"strings"

	"floorwalker/aggregate/backfill"
	"floorwalker/aggregate/refold"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// folded is what the refold of a partition has seen.
type folded struct {
	log       refold.Log
	applied   int64
	late      map[string]map[int64]*lateMinute // by contact centre and minute of event time
	subjects  map[[2]string]bool               // contact centre and interaction of late events that a backfill has taken in
	backfills []backfill.Done
	versions  map[uint64]bool // of backfills; true: finished
}

// lateMinute is the events of one minute that came beyond the horizon.
type lateMinute struct {
	events int64
	last   int64 // offset of the newest of them
}

// fold runs the engine over the partition's raw events, and each recorded backfill where it stood: so rows win over each other in
// the scratch database as they did in the real one.
func (a *auditor) fold(ctx context.Context, log refold.Log, begin refold.Begin, scratch *refold.Scratch) (*folded, error) {
	f := &folded{log: log, late: map[string]map[int64]*lateMinute{}, subjects: map[[2]string]bool{}, versions: map[uint64]bool{}}
	var err error
	if f.backfills, err = backfill.Of(ctx, a.Conn, log); err != nil {
		return nil, err
	}
	e, err := refold.NewEngine(a.Engine, a.Conn, log, begin, scratch)
	if err != nil {
		return nil, err
	}
	phase := fmt.Sprintf("refold of partition %d", log.Partition)
	e.Only, e.Late = a.ContactCenter, f.came
	e.Progress = func(applied int64) { a.Progress(phase, applied, log.Flushed-begin.Offset) }
	at := begin.Offset
	for _, b := range f.backfills {
		f.versions[clickhouse.Version(b.Epoch, b.Offset)] = b.Finished
		if !b.Finished || b.Offset-1 < at || b.Offset-1 > log.Flushed || a.ContactCenter != "" && b.ContactCenter != "" && b.ContactCenter != a.ContactCenter {
			continue
		}
		if err := e.ByOffset(ctx, at, b.Offset-1); err != nil {
			return nil, err
		}
		at = b.Offset - 1
		if err := a.again(ctx, log, b, scratch); err != nil {
			return nil, fmt.Errorf("backfill of offset %d again: %w", b.Offset, err)
		}
	}
	if err := e.ByOffset(ctx, at, log.Flushed); err != nil {
		return nil, err
	}
	f.applied = e.Applied
	return f, nil
}

// again does a recorded backfill once more, to the scratch database.
func (a *auditor) again(ctx context.Context, log refold.Log, b backfill.Done, scratch *refold.Scratch) error {
	only := b.ContactCenter
	if only == "" {
		only = a.ContactCenter
	}
	begin, err := refold.Beginning(ctx, a.Conn, a.Store, a.Engine, log, only, b.From)
	if err != nil {
		return err
	}
	log.Epoch = b.Epoch
	j := backfill.Job{Source: a.Conn, Dest: scratch.Conn, Database: a.Database, Open: a.Open, Engine: a.Engine, Log: log, Begin: begin,
		ContactCenter: only, From: b.From, Until: b.Until, Offset: b.Offset - 1, Now: a.Now}
	_, err = j.Run(ctx)
	return err
}

// came notes a late event.
func (f *folded) came(ev *schema.Event, offset int64) {
	minutes := f.late[ev.ContactCenter]
	if minutes == nil {
		minutes = map[int64]*lateMinute{}
		f.late[strings.Clone(ev.ContactCenter)] = minutes // the event's memory is used again
	}
	at := down(ev.Time, minuteMs)
	m := minutes[at]
	if m == nil {
		m = &lateMinute{}
		minutes[at] = m
	}
	m.events++
	m.last = max(m.last, offset)
	if ev.Type.OfInteraction() && f.repaired(ev.ContactCenter, at, &lateMinute{last: offset}) {
		f.subjects[[2]string{strings.Clone(ev.ContactCenter), strings.Clone(ev.Subject)}] = true
	}
}

// repaired reports whether a backfill has taken a late minute in.
func (f *folded) repaired(cc string, at int64, m *lateMinute) bool {
	for _, b := range f.backfills {
		if b.Finished && (b.ContactCenter == "" || b.ContactCenter == cc) && b.From <= at && at < b.Until && m.last < b.Offset-1 {
			return true
		}
	}
	return false
}

// lateness is how far before its own time an event beyond the horizon changes what windows would hold: an offer moves along with a
// connect, and a handle with a wrap, for a minute.
const lateness = minuteMs

// explains says which late events make windows of [from, until) differ from facts; empty where none does.
func (f *folded) explains(cc string, from, until int64) string {
	for at, m := range f.late[cc] {
		if at < until && at+minuteMs+lateness > from-lateness && at-lateness < until && !f.repaired(cc, at, m) {
			return "events of " + moment(at) + " came beyond the horizon"
		}
	}
	return ""
}

// afterLoss is how long after lost records facts that were not written, because they began before, may still count in windows.
const afterLoss = dayMs

// explains is the fold's word, or that the records that began what is counted here are lost.
func (c *center) explains(from, until int64) string {
	if c.begin.Lost() && from < c.born+afterLoss {
		return "records before it are lost"
	}
	return c.fold.explains(c.id, from, until)
}

// repairs lists what a backfill of the contact centre would take in.
func (a *auditor) repairs(c *center) {
	r := Repair{ContactCenter: c.id}
	for at, m := range c.fold.late[c.id] {
		if c.fold.repaired(c.id, at, m) || at < a.From || a.Until > 0 && at >= a.Until {
			continue
		}
		if r.Late == 0 || at < r.First {
			r.First = at
		}
		r.Last = max(r.Last, at)
		r.Late += m.events
	}
	if r.Late > 0 {
		r.From = down(r.First-lateness, quarterMs)
		a.report.Repairs = append(a.report.Repairs, r)
	}
}
