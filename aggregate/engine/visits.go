package engine

import (
	"slices"

	"floorwalker/schema"
)

// Steps that begin and end visits of queues.

func (w *walk) queued(queue uint32, x *extra) {
	s := w.s
	transfer := s.TransferTo == queue && s.TransferTo != 0
	s.TransferTo = 0
	if s.Queued == schema.NoTime {
		s.Queued = w.t
	}
	if x != nil {
		s.Priority, s.Skills = x.num, x.text
	}
	if v := s.Waiting; v != 0 {
		if s.Visits[v-1].Queue == queue {
			return
		}
		w.leaveQueue(schema.OutcomeOverflowed, 0)
	}
	kind := schema.VisitFirst
	if transfer {
		kind = schema.VisitTransfer
	} else if slices.ContainsFunc(s.Visits, func(v visit) bool { return v.Queue == queue }) {
		kind = schema.VisitRequeue
	}
	v := visit{Start: w.t, End: schema.Open, Queue: queue, Campaign: s.Campaign, Kind: kind}
	if x != nil {
		v.Priority = x.num
	}
	s.Visits = append(s.Visits, v)
	s.Waiting = int32(len(s.Visits))
	w.countVisit(&v, [...]schema.Count{0, schema.CountOffered, schema.CountTransferredIn, schema.CountRequeued}[kind])
}

// leaveQueue ends the open visit.
func (w *walk) leaveQueue(outcome schema.VisitOutcome, agent uint32) {
	s := w.s
	if s.Waiting == 0 {
		return
	}
	v := &s.Visits[s.Waiting-1]
	v.End, v.Outcome, v.Agent = max(w.t, v.Start), outcome, agent
	if outcome == schema.OutcomeAnswered {
		s.AnsweredVisit = s.Waiting
	}
	s.Waiting = 0
	first := v.Kind == schema.VisitFirst
	wait := max(0, w.t-v.Start)
	switch {
	case outcome == schema.OutcomeAnswered && first:
		w.countVisit(v, schema.CountAnswered)
		w.measureVisit(v, schema.MeasureWait, wait)
	case outcome == schema.OutcomeAnswered:
		w.countVisit(v, schema.CountAgainAnswered)
	case outcome == schema.OutcomeAbandoned && first:
		w.countVisit(v, schema.CountAbandoned)
		w.measureVisit(v, schema.MeasureAbandonWait, wait)
	case outcome == schema.OutcomeAbandoned:
		w.countVisit(v, schema.CountAgainAbandoned)
	case !first:
	case outcome == schema.OutcomeBreakout:
		w.countVisit(v, schema.CountBreakout)
	case outcome == schema.OutcomeOverflowed:
		w.countVisit(v, schema.CountOverflowed)
	case outcome == schema.OutcomeEndedOther:
		w.countVisit(v, schema.CountEndedOther)
	case outcome == schema.OutcomeExpired:
		w.countVisit(v, schema.CountExpired)
	}
}

func (w *walk) lastQueue() uint32 {
	if n := len(w.s.Visits); n > 0 {
		return w.s.Visits[n-1].Queue
	}
	return 0
}
