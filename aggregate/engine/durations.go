package engine

import "floorwalker/schema"

// What a part's segments add up to, and what is counted once they end.

// segment ends the part's present segment and begins one in another state.
func (w *walk) segment(p int, to schema.PartState, why uint8) {
	pt := &w.s.Parts[p]
	w.closeSegment(pt)
	if pt.Offered != schema.NoTime && pt.Connected == schema.NoTime && pt.State == schema.StateRinging {
		w.rang(pt)
	}
	pt.State, pt.Since = to, w.t
	pt.Segments.add(segment{state: to, since: w.t, until: schema.Open, role: pt.Role, why: why})
}

// closeSegment adds the present segment's length to its total.
func (w *walk) closeSegment(pt *part) {
	seg := pt.Segments.last()
	if seg == nil || seg.until != schema.Open {
		return
	}
	seg.until = max(w.t, seg.since)
	d := seg.until - seg.since
	switch {
	case seg.state == schema.StateRinging:
		pt.Ring += d
	case seg.state == schema.StateConnected:
		pt.Talk += d
	case seg.state == schema.StateHeld && w.i.channelAt(w.t).Spoken():
		pt.Hold, pt.HadHold = pt.Hold+d, true
	case seg.state == schema.StateHeld, seg.state == schema.StateParked: // interrupted counts as parked
		pt.Parked, pt.HadPark = pt.Parked+d, true
	case seg.state == schema.StateWrap:
		pt.Wrap += d
	}
}

func (w *walk) rang(pt *part) {
	if !pt.Role.Monitors() {
		w.measurePart(pt, schema.MeasureRing, w.t, pt.Ring, false)
	}
}

// close ends the part's conversation or offer at t; to is StateEnded, StateDeclined, StateFailed or StateWrap.
func (w *walk) close(p int, to schema.PartState) {
	pt := &w.s.Parts[p]
	was := pt.State
	w.closeSegment(pt)
	if was == schema.StateRinging {
		w.rang(pt)
	}
	pt.Ended, pt.State, pt.Since = max(w.t, pt.Start), to, w.t
	if pt.Connected != schema.NoTime {
		w.conversed(pt)
	}
	switch to {
	case schema.StateWrap:
		pt.WrapStarted = w.t
		pt.Segments.add(segment{state: to, since: w.t, until: schema.Open, role: pt.Role})
	case schema.StateDeclined:
		pt.Segments.add(segment{state: to, since: w.t, until: w.t, role: pt.Role, why: uint8(pt.Declined)})
	case schema.StateFailed:
		pt.Segments.add(segment{state: to, since: w.t, until: w.t, role: pt.Role, why: uint8(pt.Failed)})
	}
	if to != schema.StateWrap {
		pt.Finished = pt.Ended
		w.finish(pt, pt.Ended, false)
	}
	w.tell(p)
}

// conversed counts the conversation's totals once it has ended.
func (w *walk) conversed(pt *part) {
	if pt.Role.Monitors() {
		w.measureAgent(pt, schema.MeasureMonitored, w.t, pt.Talk+pt.Hold+pt.Parked, false)
		return
	}
	w.measurePart(pt, schema.MeasureTalk, w.t, pt.Talk, false)
	if pt.HadHold {
		w.measurePart(pt, schema.MeasureHold, w.t, pt.Hold, false)
	}
	if pt.HadPark {
		w.measurePart(pt, schema.MeasureParked, w.t, pt.Parked, false)
	}
}

// finish counts (or takes back) the handle time of a part that connected.
func (w *walk) finish(pt *part, t int64, back bool) {
	if pt.Connected == schema.NoTime || pt.Role.Monitors() {
		return
	}
	handle := pt.Talk + pt.Hold + pt.Wrap
	w.measurePart(pt, schema.MeasureHandle, t, handle, back)
	if pt.Direct {
		m := schema.MeasureDirectInboundTime
		if w.s.Kind == schema.KindDirectOutbound {
			m = schema.MeasureDirectOutboundTime
		}
		w.measureAgent(pt, m, t, handle, back)
	}
}
