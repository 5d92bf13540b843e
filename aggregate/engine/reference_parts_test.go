package engine

import (
	"slices"

	"floorwalker/schema"
)

// What the reference does to agents' parts (events.md, Interaction events, Rules).

// begin adds a part. It belongs to the queue and campaign that the interaction is in (metrics.md, handle).
func (r *reference) begin(x *plainInteraction, agent string, role schema.Role, state schema.PartState) *plainPart {
	if role == 0 {
		role = schema.RoleAgent
	}
	p := &plainPart{of: x, agent: agent, role: role, queue: x.queue(), campaign: x.campaign, start: r.now, offered: never, connected: never,
		ended: never, wrapStarted: never, finished: never, firstMessage: never}
	x.parts = append(x.parts, p)
	r.segment(p, state)
	a := r.agent(agent)
	a.rona = false // events.md, Effective status, 6: until the next offer or interaction
	a.partSeen = true
	return p
}

func (r *reference) segment(p *plainPart, state schema.PartState) {
	r.closeSegment(p)
	p.state = state
	p.segments = append(p.segments, plainSegment{state, r.now, never})
}

// closeSegment counts ring when ringing ends (metrics.md, rule 1; monitored counts nowhere else).
func (r *reference) closeSegment(p *plainPart) {
	if len(p.segments) == 0 {
		return
	}
	s := &p.segments[len(p.segments)-1]
	if s.until != never {
		return
	}
	s.until = r.now
	if s.state == schema.StateRinging && !p.role.Monitors() {
		r.measurePart("ring", p, s.until-s.since)
	}
}

// endConversation counts talk, hold and parked (metrics.md, rule 1), of monitors monitored (section Agent).
func (r *reference) endConversation(p *plainPart) {
	r.closeSegment(p)
	p.ended = r.now
	if p.connected == never {
		return
	}
	talk := p.talked()
	hold, wasHeld := p.held()
	parked, wasParked := p.parked()
	if p.role.Monitors() {
		r.measureAgent("monitored", p, talk+hold+parked)
		return
	}
	r.measurePart("talk", p, talk)
	if wasHeld {
		r.measurePart("hold", p, hold)
	}
	if wasParked {
		r.measurePart("parked", p, parked)
	}
}

func (r *reference) endPart(p *plainPart, state schema.PartState) {
	r.endConversation(p)
	p.state, p.finished = state, r.now
	r.partIsOver(p)
}

// wrapStarted comes before the end of the agent's part, then it ends the conversation, or up to 60 s after it.
func (r *reference) wrapStarted(x *plainInteraction, agent string) {
	if p := x.active(agent); p != nil && p.state != schema.StateRinging {
		r.endConversation(p)
		r.wrap(p)
		return
	}
	for _, p := range slices.Backward(x.parts) {
		if p.agent != agent || p.active() || p.connected == never && !p.dialed {
			continue // an offer that came to nothing has no wrap
		}
		if p.wrapStarted == never && r.now-p.ended <= grace {
			r.wrap(p)
			r.agent(agent).partSeen = true
		}
		return
	}
}

func (r *reference) wrap(p *plainPart) {
	p.wrapStarted, p.finished = r.now, never
	r.segment(p, schema.StateWrap)
}

// wrapEnded may come any time later; of a wrap that something else ended it changes nothing.
func (r *reference) wrapEnded(x *plainInteraction, agent string) {
	for _, p := range slices.Backward(x.parts) {
		if p.agent != agent || p.wrapStarted == never || p.wrapEndAsked {
			continue
		}
		p.wrapEndAsked = true
		if p.state == schema.StateWrap {
			r.endWrap(p)
		}
		return
	}
}

func (r *reference) endWrap(p *plainPart) {
	r.closeSegment(p)
	if !p.role.Monitors() {
		r.measurePart("wrap", p, p.wrapped())
	}
	p.state, p.finished = schema.StateEnded, r.now
	r.partIsOver(p)
}

// endWraps ends all wraps of an agent (events.md, Effective status, 4).
func (r *reference) endWraps(agent string) {
	for _, p := range r.open(agent) {
		if p.state == schema.StateWrap {
			r.endWrap(p)
		}
	}
}

// open are the agent's parts that are not finished.
func (r *reference) open(agent string) []*plainPart {
	var out []*plainPart
	for _, x := range r.lives {
		for _, p := range x.parts {
			if p.agent == agent && (p.active() || p.state == schema.StateWrap) {
				out = append(out, p)
			}
		}
	}
	return out
}

func (r *reference) offered(x *plainInteraction, ev *schema.Event) {
	p := r.begin(x, ev.AgentID, ev.Role, schema.StateRinging)
	p.offered, p.offerQueue, p.offerCampaign = r.now, p.queue, p.campaign
	if p.role == schema.RoleAgent { // metrics.md, section Agent: offers in the role agent
		r.countAgent("offered", p)
		r.tallies[len(r.tallies)-1].offer = p
	}
}

// decline: metrics.md, section Agent, rona and declined; events.md, Effective status, 6.
func (r *reference) decline(p *plainPart, why schema.DeclineReason) {
	p.declined = why
	metric := "declined"
	if why == schema.DeclineNoAnswer {
		metric = "rona"
	}
	if p.role == schema.RoleAgent {
		r.countAgent(metric, p)
	}
	r.endPart(p, schema.StateDeclined)
	if why == schema.DeclineNoAnswer && p.of.channel == schema.ChannelVoice {
		r.agent(p.agent).rona = true
	}
}

// connected takes up the agent's offer or own dial, or begins a part. Another role than the one in which the agent talks already is
// another part, for what counts by role.
func (r *reference) connected(x *plainInteraction, p *plainPart, ev *schema.Event) {
	if p != nil && p.talking() {
		if ev.Role == 0 || ev.Role == p.role {
			return
		}
		r.endPart(p, schema.StateEnded)
		p = nil
	}
	if p == nil {
		p = r.begin(x, ev.AgentID, ev.Role, schema.StateConnected)
	} else {
		r.takeUp(p, ev.Role)
	}
	p.connected = r.now
	r.agent(p.agent).rona = false
	if !x.connected {
		x.connected, x.kind = true, x.came()
	}
	r.countConnected(p)
	if p.role.Serves() {
		r.serve(p)
	}
	r.speechConnects(p)
}

// takeUp: metrics.md, handle. A part that connects belongs to what its interaction was in last; its offer follows while
// complete_until (events.md, Order) cannot have passed it.
func (r *reference) takeUp(p *plainPart, role schema.Role) {
	p.queue, p.campaign = p.of.queue(), p.of.campaign
	if r.now-p.offered <= grace {
		p.offerQueue, p.offerCampaign = p.queue, p.campaign
	}
	if role != 0 {
		p.role = role
	}
	r.segment(p, schema.StateConnected)
}

// came: kind as said, else queued if it was before its first connect, else direct by direction.
func (x *plainInteraction) came() schema.Kind {
	switch {
	case x.said != 0:
		return x.said
	case x.queued:
		return schema.KindQueued
	case x.direction == schema.Inbound:
		return schema.KindDirectInbound
	}
	return schema.KindDirectOutbound
}

// countConnected: metrics.md, section Agent.
func (r *reference) countConnected(p *plainPart) {
	switch p.role {
	case schema.RoleAgent:
		if !p.dialed {
			r.countAgent("answered", p)
		}
	case schema.RoleTransfer:
		r.countAgent("transferred_in", p)
	case schema.RoleConsult:
		r.countAgent("consulted", p)
	case schema.RoleInvite, schema.RoleBargeIn:
		r.countAgent("conferenced", p)
	}
	r.countDirect(p)
}

// countDirect: metrics.md, section Agent. A direct interaction counts once for each of its agents.
func (r *reference) countDirect(p *plainPart) {
	x := p.of
	if x.kind == schema.KindQueued || p.role.Monitors() {
		return
	}
	if !slices.ContainsFunc(x.parts, func(o *plainPart) bool { return o.agent == p.agent && o.direct }) {
		r.countAgent(x.kind.String(), p)
	}
	p.direct = true
}

// serve: who connects in the role agent or transfer answers the interaction, and ends all other open offers in these roles.
func (r *reference) serve(p *plainPart) {
	x := p.of
	if v := x.waiting; v != nil {
		r.leaveQueue(x, schema.OutcomeAnswered)
		v.agent = p.agent
	}
	x.madePrimary(p)
	for _, o := range x.parts {
		if o != p && o.state == schema.StateRinging && o.role.Serves() {
			r.endPart(o, schema.StateEnded)
		}
	}
}

func (x *plainInteraction) madePrimary(p *plainPart) {
	x.primary = p.agent
	if x.first == "" {
		x.first = p.agent
	}
}

// speechConnects: events.md, Effective status, 4. The agent's next connected voice or video part ends its wraps.
func (r *reference) speechConnects(p *plainPart) {
	if p.of.channel.Spoken() {
		r.endWraps(p.agent)
	}
}

// move takes a part from one of some states to another.
func (r *reference) move(p *plainPart, to schema.PartState, from ...schema.PartState) {
	if p == nil || !slices.Contains(from, p.state) {
		return
	}
	r.segment(p, to)
	if to == schema.StateConnected {
		r.agent(p.agent).rona = false
	}
}

// unparked by another agent ends the first one's part, and the other's begins in the same role.
func (r *reference) unparked(x *plainInteraction, p *plainPart, agent string) {
	if p != nil {
		if p.state == schema.StateParked {
			r.move(p, schema.StateConnected, schema.StateParked)
			r.speechConnects(p)
		}
		return
	}
	for _, o := range slices.Backward(x.parts) {
		if o.state != schema.StateParked {
			continue
		}
		r.endPart(o, schema.StateEnded)
		n := r.begin(x, agent, o.role, schema.StateConnected)
		n.connected = r.now
		r.countDirect(n)
		if n.role.Serves() {
			x.madePrimary(n)
		}
		r.speechConnects(n)
		return
	}
}

// transferred: metrics.md, rule 8 and transferred_out in both sections.
func (r *reference) transferred(x *plainInteraction, p *plainPart, queue string) {
	r.countAgent("transferred_out", p)
	if x.answered != nil {
		r.countVisit("transferred_out", x, x.answered)
	}
	r.endPart(p, schema.StateEnded)
	if x.waiting != nil && x.waiting.queue != queue {
		r.leaveQueue(x, schema.OutcomeOverflowed)
	}
	if queue != "" {
		x.transferredTo = queue
	}
}

// message: metrics.md, section Agent, messages_sent and first_response. Without an agent it is the only connected one's.
func (r *reference) message(x *plainInteraction, agent string) {
	if x.channel != schema.ChannelChat && x.channel != schema.ChannelMessage {
		return
	}
	var writers []*plainPart
	for _, p := range x.parts {
		named := agent != "" && p.agent == agent && p.talking()
		if !p.role.Monitors() && (named || agent == "" && p.state == schema.StateConnected) {
			writers = append(writers, p)
		}
	}
	if len(writers) != 1 {
		return
	}
	p := writers[0]
	p.messages++
	r.countAgent("messages_sent", p)
	if p.firstMessage == never {
		p.firstMessage = r.now
		r.measureAgent("first_response", p, r.now-p.connected)
	}
}
