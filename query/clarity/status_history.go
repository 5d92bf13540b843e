package clarity

import (
	"context"
	"time"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	encode "floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema"
)

const (
	dayMs = 24 * 60 * 60 * 1000
	// historyTimeout bounds one question to the history.
	historyTimeout = 10 * time.Second
)

// readStatuses reads the statuses of the last 24 hours where they are asked for: from history, which knows the reasons; without one
// from the live view, which does not.
func (b *board) readStatuses(ctx context.Context, all []*floor.Agent) error {
	if !b.p.status || !b.p.history || len(all) == 0 {
		return nil
	}
	b.past = map[string][]schema.Interval{}
	if b.api.History == nil {
		for _, a := range all {
			b.past[a.ID] = b.api.Source.StatusIntervals(b.v, a.ID)
		}
		return nil
	}
	of := history.Agents{ContactCenter: b.v.ContactCenter, From: b.v.AsOf - dayMs, To: b.v.AsOf + 1}
	for _, a := range all {
		of.IDs = append(of.IDs, a.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	err := b.api.History.EachInterval(ctx, of, []schema.IntervalKind{schema.IntervalStatus}, func(iv *schema.Interval) error {
		b.past[iv.Agent] = append(b.past[iv.Agent], *iv)
		return nil
	})
	return historyProblem(err)
}

func historyProblem(err error) error {
	if err == nil {
		return nil
	}
	return problem.Unavailable("history_unavailable", "the history cannot be read at this moment", 1).Because(err)
}

// statuses are pieces of an agent's time, adjoining ones of the same look joined.
type statuses []statusModel

func (s statuses) same(o statusModel) bool {
	last := s[len(s)-1]
	return last.word == o.word && last.reason == o.reason && last.suspended == o.suspended
}

func (s *statuses) add(o statusModel) {
	if n := len(*s); n > 0 && (*s)[n-1].end == o.start && s.same(o) {
		(*s)[n-1].end = o.end
		return
	}
	*s = append(*s, o)
}

// gap fills the time up to a moment in which nothing is known: the agent was logged out.
func (s *statuses) gap(until int64) {
	if n := len(*s); n > 0 && (*s)[n-1].end < until {
		s.add(statusModel{word: statusWords[statusLoggedOut], start: (*s)[n-1].end, end: until})
	}
}

// statusesOf are an agent's statuses, oldest first, the present one last: it is the live view's, whatever the history knows yet.
func (b *board) statusesOf(a *floor.Agent) statuses {
	var all statuses
	for _, iv := range b.past[a.ID] {
		all.gap(iv.Start)
		reason := iv.ReasonID != "" || iv.ReasonName != ""
		s := statusModel{word: statusWords[statusID(iv.Status, reason, false, false)], start: iv.Start, end: iv.End, suspended: iv.Suspended}
		if reason && s.word == statusWords[statusUnavailable] {
			s.reason = reasonName(b.v, iv.ReasonID, iv.ReasonName)
		}
		all.add(s)
	}
	now := statusOf(b.v, a)
	if now.id == statusUnknown {
		return all
	}
	present := statusModel{statusWords[now.id], now.reasonName, now.since, schema.Open, now.suspended}
	n := len(all)
	switch {
	case n == 0 || all[n-1].end != schema.Open:
		if n > 0 {
			all.gap(present.start)
			present.start = max(present.start, all[len(all)-1].end)
		}
		all.add(present)
	case all[n-1].start < present.start:
		if !all.same(present) {
			all[n-1].end = present.start
			all.add(present)
		}
	default: // intervals do not tell direct calls, and those of the live view no reasons
		all[n-1].word, all[n-1].reason = present.word, present.reason
	}
	return all
}

func (b *board) writeStatusHistory(e *encode.Encoder, a *floor.Agent) {
	e.Name("statusHistory")
	e.Array()
	for _, s := range b.statusesOf(a) {
		if s.end > b.v.AsOf-dayMs {
			writeStatus(e, s, b.p.statSet)
		}
	}
	e.EndArray()
}
