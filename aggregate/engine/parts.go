package engine

import (
	"slices"

	"floorwalker/schema"
)

// Steps that begin agents' parts and move them from state to state.

// activePart finds the agent's part that rings, dials, talks, is held or parked.
func (w *walk) activePart(agent uint32) int {
	for p := len(w.s.Parts) - 1; p >= 0; p-- {
		if w.s.Parts[p].Agent == agent && w.s.Parts[p].active() {
			return p
		}
	}
	return -1
}

// begin adds a part.
func (w *walk) begin(agent uint32, role schema.Role, initiating uint32, state schema.PartState) int {
	s := w.s
	s.Parts = append(s.Parts, part{Agent: agent, Role: role, Initiating: initiating, State: state, Since: w.t, Start: w.t,
		Queue: w.lastQueue(), Campaign: s.Campaign, Offered: schema.NoTime, Connected: schema.NoTime, Ended: schema.Open,
		WrapStarted: schema.NoTime, Finished: schema.Open, DeclinedAt: schema.NoTime, FirstMessage: schema.NoTime})
	p := len(s.Parts) - 1
	if &s.Parts[p] == &w.i.room.parts[0] { // of the state that lies in the room, not of a copy
		s.Parts[p].Segments.tail = w.i.room.segments[:0]
	}
	s.Parts[p].Segments.add(segment{state: state, since: w.t, until: schema.Open, role: role})
	w.tell(p)
	return p
}

func (w *walk) offered(agent uint32, role schema.Role, initiating uint32) bool {
	if w.activePart(agent) >= 0 {
		return false
	}
	if role == 0 {
		role = schema.RoleAgent
	}
	p := w.begin(agent, role, initiating, schema.StateRinging)
	w.s.Parts[p].Offered = w.t
	if role == schema.RoleAgent {
		w.countAgent(&w.s.Parts[p], schema.CountOffered, w.t, false)
	}
	return true
}

func (w *walk) declined(agent uint32, reason schema.DeclineReason) bool {
	p := w.activePart(agent)
	if p < 0 || !w.s.Parts[p].offering() {
		return false
	}
	w.decline(p, reason)
	return true
}

func (w *walk) decline(p int, reason schema.DeclineReason) {
	pt := &w.s.Parts[p]
	pt.Declined, pt.DeclinedAt = reason, w.t
	if pt.Role == schema.RoleAgent {
		if reason == schema.DeclineNoAnswer {
			w.countAgent(pt, schema.CountRona, w.t, false)
		} else {
			w.countAgent(pt, schema.CountDeclined, w.t, false)
		}
	}
	w.close(p, schema.StateDeclined)
}

func (w *walk) agentLoggedOut(agent uint32) {
	if p := w.activePart(agent); p >= 0 && w.s.Parts[p].offering() {
		w.decline(p, schema.DeclineUnreachable)
	}
}

func (w *walk) connected(agent uint32, role schema.Role, initiating uint32) bool {
	s := w.s
	p := w.activePart(agent)
	if p >= 0 && s.Parts[p].conversing() {
		if role == 0 || role == s.Parts[p].Role {
			return false
		}
		// Who listened barges in, who was consulted takes over: what counts by role ends and begins.
		w.close(p, schema.StateEnded)
		p = -1
	}
	if p < 0 {
		if role == 0 {
			role = schema.RoleAgent
		}
		p = w.begin(agent, role, initiating, schema.StateConnected)
	} else {
		w.redim(p, role)
		pt := &s.Parts[p]
		if initiating != 0 {
			pt.Initiating = initiating
		}
		w.segment(p, schema.StateConnected, 0)
	}
	pt := &s.Parts[p]
	pt.Connected = w.t
	if s.Connected == schema.NoTime {
		s.Connected = w.t
		s.Kind = w.kind()
	}
	w.countConnected(p)
	if pt.Role.Serves() {
		w.serve(p)
	}
	w.tell(p)
	return true
}

// redim gives a part that connects the queue, campaign and role it then has. Its offer moves along while no window of it can be
// complete yet, however late the connect is heard of.
func (w *walk) redim(p int, role schema.Role) {
	s := w.s
	pt := &s.Parts[p]
	was := *pt
	pt.Queue, pt.Campaign = w.lastQueue(), s.Campaign
	if role != 0 {
		pt.Role = role
	}
	if was.Role != schema.RoleAgent || pt.Offered == schema.NoTime || w.t-pt.Offered > wrapAfterMs || pt.Queue == was.Queue && pt.Campaign == was.Campaign {
		return
	}
	w.countAgent(&was, schema.CountOffered, pt.Offered, true)
	w.countAgent(pt, schema.CountOffered, pt.Offered, false)
}

// kind is how the interaction came to its first agent.
func (w *walk) kind() schema.Kind {
	if w.i.knownAt(w.t) && w.i.attrs.Kind != 0 {
		return w.i.attrs.Kind
	}
	switch {
	case w.s.Queued != schema.NoTime:
		return schema.KindQueued
	case w.i.directionAt(w.t) == schema.Inbound:
		return schema.KindDirectInbound
	}
	return schema.KindDirectOutbound
}

func (w *walk) countConnected(p int) {
	s := w.s
	pt := &s.Parts[p]
	switch pt.Role {
	case schema.RoleAgent:
		if !pt.Dialed {
			w.countAgent(pt, schema.CountAnswered, w.t, false)
		}
	case schema.RoleTransfer:
		w.countAgent(pt, schema.CountTransferredIn, w.t, false)
	case schema.RoleConsult:
		w.countAgent(pt, schema.CountConsulted, w.t, false)
	case schema.RoleInvite, schema.RoleBargeIn:
		w.countAgent(pt, schema.CountConferenced, w.t, false)
	}
	w.direct(p)
}

// direct notes that a part's handle is direct time, and counts the interaction where it is its agent's first such part.
func (w *walk) direct(p int) {
	s := w.s
	pt := &s.Parts[p]
	if s.Kind == schema.KindQueued || pt.Role.Monitors() {
		return
	}
	pt.Direct = true
	if slices.ContainsFunc(s.Parts[:p], func(o part) bool { return o.Agent == pt.Agent && o.Direct }) {
		return
	}
	if s.Kind == schema.KindDirectInbound {
		w.countAgent(pt, schema.CountDirectInbound, w.t, false)
	} else {
		w.countAgent(pt, schema.CountDirectOutbound, w.t, false)
	}
}

// serve makes the part's agent the primary one: the open visit is answered, other offers end as neither answered nor declined.
func (w *walk) serve(p int) {
	s := w.s
	w.leaveQueue(schema.OutcomeAnswered, s.Parts[p].Agent)
	w.primary(p)
	for o := range s.Parts {
		if o != p && s.Parts[o].offering() && s.Parts[o].Role.Serves() {
			w.close(o, schema.StateEnded)
		}
	}
}

func (w *walk) primary(p int) {
	s := w.s
	s.Primary, s.PrimarySince = int32(p+1), w.t
	if s.FirstAgent == 0 {
		s.FirstAgent = s.Parts[p].Agent
	}
}

// move takes an agent's part from one of the given states to another.
func (w *walk) move(agent uint32, to schema.PartState, why uint8, from ...schema.PartState) bool {
	p := w.activePart(agent)
	if p < 0 || !slices.Contains(from, w.s.Parts[p].State) {
		return false
	}
	w.segment(p, to, why)
	w.tell(p)
	return true
}

func (w *walk) unparked(agent uint32) bool {
	s := w.s
	if p := w.activePart(agent); p >= 0 {
		if s.Parts[p].State != schema.StateParked {
			return false
		}
		w.segment(p, schema.StateConnected, whyUnparked)
		w.tell(p)
		return true
	}
	for p := len(s.Parts) - 1; p >= 0; p-- {
		if s.Parts[p].State != schema.StateParked {
			continue
		}
		role := s.Parts[p].Role
		w.close(p, schema.StateEnded)
		n := w.begin(agent, role, s.Parts[p].Agent, schema.StateConnected)
		s.Parts[n].Connected = w.t
		s.Parts[n].Segments.last().why = whyUnparked
		w.direct(n)
		if role.Serves() {
			w.primary(n)
		}
		return true
	}
	return false
}

func (w *walk) transferred(from, to uint32, toQueue bool) bool {
	s := w.s
	p := w.activePart(from)
	if p < 0 {
		return false
	}
	w.countAgent(&s.Parts[p], schema.CountTransferredOut, w.t, false)
	if s.AnsweredVisit != 0 {
		w.countVisit(&s.Visits[s.AnsweredVisit-1], schema.CountTransferredOut)
	}
	w.close(p, schema.StateEnded)
	elsewhere := s.Waiting != 0 && (!toQueue || s.Visits[s.Waiting-1].Queue != to)
	if elsewhere {
		w.leaveQueue(schema.OutcomeOverflowed, 0)
	}
	if toQueue {
		s.TransferTo = to
	}
	return true
}

func (w *walk) message(agent uint32, fromAgent bool) {
	s := w.s
	ch := w.i.channelAt(w.t)
	if !fromAgent || ch != schema.ChannelChat && ch != schema.ChannelMessage {
		return
	}
	p := -1
	for k := range s.Parts {
		if !s.Parts[k].writes(agent) {
			continue
		}
		if p >= 0 {
			return // several connected and none named
		}
		p = k
	}
	if p < 0 {
		return
	}
	pt := &s.Parts[p]
	pt.Messages++
	w.countAgent(pt, schema.CountMessagesSent, w.t, false)
	if pt.FirstMessage == schema.NoTime {
		pt.FirstMessage = w.t
		w.measureAgent(pt, schema.MeasureFirstResponse, w.t, w.t-pt.Connected, false)
	}
}

// writes reports whether a message of that agent is of this part; of no named agent it is of the only connected one. Monitors' own
// messages count nowhere.
func (p *part) writes(agent uint32) bool {
	if p.Role.Monitors() {
		return false
	}
	if agent == 0 {
		return p.State == schema.StateConnected
	}
	return p.Agent == agent && p.conversing()
}
