package floor

import "floorwalker/schema"

// Timelines is what a live view may offer beside Live: the recent past of single agents.
type Timelines interface {
	// StatusIntervals returns an agent's intervals of effective status of about the last day, oldest first, the one that goes on
	// with an open end; none of times in which the agent was logged out.
	StatusIntervals(contactCenter, agent string) []schema.Interval
}

// HeldSince is the moment since when an agent has been, without a break, in what same accepts: several statuses that a vendor shows
// as one word. Without a live view that knows the past, and beyond what it knows, that is the begin of the effective status;
// NoTime where no event has named the agent.
func (s *Source) HeldSince(v *View, a *Agent, same func(status schema.Status, suspended bool) bool) int64 {
	since := a.Live.StatusSince
	past, ok := s.live.(Timelines)
	if !ok || since == schema.NoTime || !a.LoggedIn() {
		return since
	}
	pieces := past.StatusIntervals(v.ContactCenter, a.ID)
	// The live view may have gone on since this state was pinned: the newest piece that is as the state says is the present one.
	k := len(pieces) - 1
	for k >= 0 && (pieces[k].Status != a.Live.Status || pieces[k].Suspended != a.Live.Suspended || pieces[k].Start > v.AsOf) {
		k--
	}
	if k < 0 {
		return since
	}
	known := pieces[k].Start
	for ; k > 0 && pieces[k-1].End == known && same(pieces[k-1].Status, pieces[k-1].Suspended); k-- {
		known = pieces[k-1].Start
	}
	if k == 0 && !a.Live.Suspended {
		return min(known, since) // the status began before what is known
	}
	return known
}

// StatusIntervals are what is known of an agent's effective status of about the last day, as Timelines has it; none where the live
// view does not know the past.
func (s *Source) StatusIntervals(v *View, agent string) []schema.Interval {
	past, ok := s.live.(Timelines)
	if !ok {
		return nil
	}
	return past.StatusIntervals(v.ContactCenter, agent)
}
