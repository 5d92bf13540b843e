package engine

import "floorwalker/schema"

// What one input does to a course: apply looks at the input, walk carries out its step, settle brings the whole up to date.

// apply folds one input in.
func (i *interaction) apply(s *course, in *input, out *outputs) {
	t := i.line.time(in)
	x := i.line.extra(in)
	out.closedUntil = 0
	if x != nil {
		out.closedUntil = x.late
	}
	w := &walk{i: i, s: s, t: t, out: out}
	w.expire()
	switch in.kind {
	case kindTick:
		w.settle()
		return
	case kindLogout:
		w.agentLoggedOut(in.ref1)
		w.settle()
		return
	case kindWrapEnd:
		w.wrapHasEnded(int(in.b))
		w.settle()
		return
	}
	typ := schema.EventType(in.kind)
	if !s.Born && !typ.Begins() {
		if !typ.Annotation() {
			out.orphans++
		}
		return
	}
	if !s.Born {
		s.Born, s.Start, s.Last = true, t, t
		s.Queued, s.Connected, s.Ended, s.PrimarySince, s.StateSince = schema.NoTime, schema.NoTime, schema.Open, schema.NoTime, t
		s.State = schema.StateIVR
		if i.knownAt(t) {
			s.Campaign = i.attrs.Campaign
		}
	}
	over := s.Ended != schema.Open
	if !over {
		s.Last = max(s.Last, t)
	}
	out.ok(w.step(typ, in, x, over))
	w.settle()
}

// walk is one step of an interaction's fold.
type walk struct {
	i   *interaction
	s   *course
	t   int64
	out *outputs
}

func (w *walk) step(typ schema.EventType, in *input, x *extra, over bool) bool {
	s := w.s
	switch typ { // these may come after the end
	case schema.InteractionWrapStarted:
		return w.wrapStarted(in.ref1)
	case schema.InteractionWrapEnded:
		return w.wrapEnded(in.ref1)
	case schema.InteractionUpdated:
		if in.a == 1 && !over {
			s.Campaign = in.ref1
		}
		return true
	case schema.InteractionMessage:
		if !over {
			w.message(in.ref1, in.a == 1)
		}
		return true
	case schema.InteractionIVR, schema.InteractionPrompt, schema.InteractionRecording, schema.InteractionNote,
		schema.InteractionDisposition, schema.InteractionExtraItem:
		return true
	}
	if typ == schema.InteractionCreated && (!over || w.t-s.Ended <= wrapAfterMs) {
		return w.created(over)
	}
	if over {
		return false
	}
	switch typ {
	case schema.InteractionQueued:
		w.queued(in.ref1, x)
		return true
	case schema.InteractionOffered:
		return w.offered(in.ref1, schema.Role(in.a), in.ref2)
	case schema.InteractionDeclined:
		return w.declined(in.ref1, schema.DeclineReason(in.a))
	case schema.InteractionConnected:
		return w.connected(in.ref1, schema.Role(in.a), in.ref2)
	case schema.InteractionHeld:
		return w.move(in.ref1, schema.StateHeld, 0, schema.StateConnected)
	case schema.InteractionResumed:
		return w.move(in.ref1, schema.StateConnected, whyResumed, schema.StateHeld)
	case schema.InteractionParked:
		return w.move(in.ref1, schema.StateParked, 0, schema.StateConnected, schema.StateHeld)
	case schema.InteractionUnparked:
		return w.unparked(in.ref1)
	case schema.InteractionTransferred:
		return w.transferred(in.ref1, in.ref2, in.b == 1)
	case schema.InteractionLeft:
		p := w.activePart(in.ref1)
		if p < 0 {
			return false
		}
		w.close(p, schema.StateEnded)
		return true
	case schema.InteractionEnded:
		w.end(schema.EndReason(in.a), schema.EndedBy(in.b), schema.EndCause(in.ref2))
		return true
	}
	return false
}

// expire ends an interaction that has had no event for too long, at the moment that follows from its last one.
func (w *walk) expire() {
	s := w.s
	if !s.Born || s.Ended != schema.Open || w.t < s.Last+liveLimitMs || w.t < s.Last+w.i.limitAt(s.Last) {
		return // mostly without looking at the channel
	}
	now := w.t
	w.t = s.Last + w.i.limitAt(s.Last)
	w.end(schema.EndExpired, 0, 0)
	w.settle()
	w.t = now
}

func (w *walk) created(over bool) bool {
	s := w.s
	if s.Created {
		return false
	}
	s.Created = true
	a := w.i.attrs
	if a != nil && s.Campaign == 0 {
		s.Campaign = a.Campaign
	}
	if a != nil && !w.i.knownAt(s.Start) { // what lies long before stays as it was told, from now on agents see the channel
		for p := range s.Parts {
			if s.Parts[p].active() || s.Parts[p].State == schema.StateWrap {
				w.tell(p)
			}
		}
	}
	if a != nil && !over && a.Agent != 0 && a.Direction != schema.Inbound {
		if w.activePart(a.Agent) < 0 {
			p := w.begin(a.Agent, schema.RoleAgent, 0, schema.StateDialing)
			s.Parts[p].Dialed = true
		}
	}
	return true
}

func (w *walk) end(reason schema.EndReason, by schema.EndedBy, cause schema.EndCause) {
	s := w.s
	outcome := schema.OutcomeEndedOther
	switch reason {
	case schema.EndAbandoned:
		outcome = schema.OutcomeAbandoned
	case schema.EndBreakout:
		outcome = schema.OutcomeBreakout
	case schema.EndExpired:
		outcome = schema.OutcomeExpired
	}
	w.leaveQueue(outcome, 0)
	for p := range s.Parts {
		if !s.Parts[p].active() {
			continue
		}
		if reason == schema.EndFailed {
			if cause == 0 {
				cause = schema.DeclineFailed
			}
			s.Parts[p].Failed = cause
			w.close(p, schema.StateFailed)
		} else {
			w.close(p, schema.StateEnded)
		}
	}
	s.Ended, s.EndReason, s.EndedBy, s.EndCause = w.t, reason, by, cause
}

// settle tells agents whether they are in a conference, and brings the interaction's own state up to date.
func (w *walk) settle() {
	s := w.s
	if !s.Born {
		return
	}
	if w.i.channelAt(w.t).Spoken() {
		speakers := 0
		for p := range s.Parts {
			if s.Parts[p].speaks() {
				speakers++
			}
		}
		for p := range s.Parts {
			if conf := speakers > 1 && s.Parts[p].speaks(); conf != s.Parts[p].Conf {
				s.Parts[p].Conf = conf
				if s.Parts[p].active() {
					w.tell(p)
				}
			}
		}
	}
	if st := s.state(); st != s.State {
		s.State, s.StateSince = st, w.t
	}
}

func (p *part) speaks() bool {
	return !p.Role.Monitors() && p.State == schema.StateConnected // who holds stays on_call
}
