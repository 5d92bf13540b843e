package history

import (
	"floorwalker/aggregate/engine"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// pieces are the rows of one table for the next flush, in columns: a fraction of what rows take, and without pointers that the
// garbage collector would follow. Each writer but the last is full, and all are used again.
type pieces[W piece] struct {
	fresh  func() W
	filled []W
	spare  []W
}

type piece interface {
	clickhouse.Writer
	Table() string
	Reset()
}

// sparePieces bounds what is kept of one table: some 60 MB of the widest.
const sparePieces = 16

// writer has room for one row at least.
func (p *pieces[W]) writer() W {
	if n := len(p.filled); n > 0 && p.filled[n-1].Rows() < clickhouse.PieceRows {
		return p.filled[n-1]
	}
	var w W
	if n := len(p.spare); n > 0 {
		w, p.spare = p.spare[n-1], p.spare[:n-1]
	} else {
		w = p.fresh()
	}
	p.filled = append(p.filled, w)
	return w
}

func (p *pieces[W]) reset() {
	for _, w := range p.filled {
		if w.Reset(); len(p.spare) < sparePieces {
			p.spare = append(p.spare, w)
		}
	}
	clear(p.filled)
	p.filled = p.filled[:0]
}

// gather copies rows into a table's columns.
func gather[R any, W piece](p *pieces[W], rows []R, add func(w W, rows []R)) {
	for len(rows) > 0 {
		w := p.writer()
		n := min(len(rows), clickhouse.PieceRows-w.Rows())
		add(w, rows[:n])
		rows = rows[n:]
	}
}

// Gather takes facts and windows of a partition for the next Flush, which belongs to the same stamp. They are copied: the caller
// may use the memory of rows again. Contact centres are not taken, they are Flushed's.
func (s *Sink) Gather(stamp clickhouse.Stamp, rows *engine.Rows) {
	gather(&s.intervals, rows.Intervals, func(w *clickhouse.AgentIntervals, r []schema.Interval) { w.Append(stamp, r) })
	gather(&s.visits, rows.Visits, func(w *clickhouse.QueueVisits, r []schema.Visit) { w.Append(stamp, r) })
	gather(&s.parts, rows.Parts, func(w *clickhouse.InteractionParts, r []schema.Part) { w.Append(stamp, r) })
	gather(&s.interactions, rows.Interactions, func(w *clickhouse.Interactions, r []schema.Interaction) { w.Append(stamp, r) })
	for i := range rows.Windows {
		s.GatherWindow(stamp, &rows.Windows[i])
	}
}

// GatherWindow is Gather for one window.
func (s *Sink) GatherWindow(stamp clickhouse.Stamp, w *schema.Window) {
	if w.Minutes == schema.WindowMinute {
		s.minutes.writer().Append(stamp, w)
	} else {
		s.quarters.writer().Append(stamp, w)
	}
}

// forget drops what was gathered.
func (s *Sink) forget() {
	s.gaps.reset()
	s.deadLetters.reset()
	s.intervals.reset()
	s.visits.reset()
	s.parts.reset()
	s.interactions.reset()
	s.minutes.reset()
	s.quarters.reset()
	s.progress.reset()
}
