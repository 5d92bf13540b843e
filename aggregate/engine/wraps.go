package engine

import "floorwalker/schema"

// Steps of wraps, which agents' timelines end.

// wrapStarted ends the agent's conversation if it still goes on, and begins its wrap.
func (w *walk) wrapStarted(agent uint32) bool {
	s := w.s
	p := w.activePart(agent)
	if p >= 0 && !s.Parts[p].offering() {
		w.close(p, schema.StateWrap)
		return true
	}
	for p = len(s.Parts) - 1; p >= 0; p-- {
		pt := &s.Parts[p]
		if pt.Agent != agent || pt.Connected == schema.NoTime && !pt.Dialed {
			continue // another's, or an offer that came to nothing
		}
		// Whether a wrap has ended by now must not matter: that is the agent's timeline's word, which depends on what is told here.
		if pt.WrapStarted != schema.NoTime || w.t-pt.Ended > wrapAfterMs {
			return false
		}
		w.finish(pt, pt.Ended, true)
		pt.Finished, pt.WrapStarted = schema.Open, w.t
		w.segment(p, schema.StateWrap, 0)
		w.tell(p)
		return true
	}
	return false
}

// wrapEnded passes an explicit end on to the agent's timeline, which decides when a wrap ends.
func (w *walk) wrapEnded(agent uint32) bool {
	s := w.s
	for p := len(s.Parts) - 1; p >= 0; p-- {
		pt := &s.Parts[p]
		if pt.Agent != agent || pt.WrapStarted == schema.NoTime || pt.WrapAsked {
			continue
		}
		done := pt.Finished != schema.Open && pt.Finished < w.t
		pt.WrapAsked, pt.AskedAt, pt.AskedLate = true, w.t, w.out.closedUntil
		w.out.transitions = append(w.out.transitions, transition{agent: agent, t: max(w.t, w.out.closedUntil), handle: w.i.handle, ord: uint16(p),
			state: schema.StateEnded, channel: w.i.channelAt(w.t), role: pt.Role})
		return !done
	}
	return false
}

// wrapHasEnded is the agent's timeline's word on a part's wrap.
func (w *walk) wrapHasEnded(p int) {
	if p >= len(w.s.Parts) {
		return // of the course before; the agent's timeline takes it back
	}
	pt := &w.s.Parts[p]
	if pt.State != schema.StateWrap {
		return
	}
	if pt.AskedLate != 0 && pt.AskedLate == w.t { // the status changes only now, but facts keep their event's own time
		w.t, w.out.closedUntil = pt.AskedAt, pt.AskedLate
	}
	w.closeSegment(pt)
	pt.State, pt.Since, pt.Finished = schema.StateEnded, w.t, max(w.t, pt.WrapStarted)
	if !pt.Role.Monitors() {
		w.measurePart(pt, schema.MeasureWrap, pt.Finished, pt.Wrap, false)
	}
	w.finish(pt, pt.Finished, false)
}
