package simulate

import (
	"fmt"

	"floorwalker/schema"
)

// interaction is one that has not ended, or whose wraps go on.
type interaction struct {
	clock
	n         int
	channel   schema.Channel
	direction schema.Direction
	customer  customer
	queue     *queue
	skill     string
	room      int // what it takes of an agent's digitalRoom
	entered   int64
	wait      uint64 // number of the present wait; what was planned for another is void
	waiting   bool
	ringing   *agent
	parts     []member
	ended     bool
}

// member is an agent on the interaction.
type member struct {
	agent *agent
	role  schema.Role
}

func (ia *interaction) join(a *agent, role schema.Role) {
	ia.parts = append(ia.parts, member{a, role})
}

func (ia *interaction) drop(a *agent) {
	for i, m := range ia.parts {
		if m.agent == a {
			ia.parts = append(ia.parts[:i:i], ia.parts[i+1:]...)
			return
		}
	}
}

// engage marks an agent as taken by a conversation that leaves room for nothing else.
func (s *Simulator) engage(a *agent) {
	a.busy = true
	a.stamp++
}

// occupy takes an agent for an interaction.
func (s *Simulator) occupy(a *agent, ia *interaction) {
	if ia.channel.Spoken() {
		s.engage(a)
		return
	}
	a.load += ia.room
	a.stamp++
	s.settle(a)
}

// release gives back what occupy took.
func (s *Simulator) release(a *agent, ia *interaction) {
	if ia.channel.Spoken() {
		a.busy = false
	} else {
		a.load -= ia.room
	}
	s.settle(a)
}

// enqueue puts an interaction into a queue; the customer's patience begins anew.
func (s *Simulator) enqueue(ia *interaction, q *queue) {
	ia.queue, ia.waiting, ia.entered = q, true, s.now
	ia.wait++
	s.emitQueued(ia, q)
	q.waiting = append(q.waiting, ia)
	s.planPatience(ia, q)
	s.dispatch(q)
}

func (s *Simulator) emitQueued(ia *interaction, q *queue) {
	d := s.payload().String("queue_id", q.id).Int("priority", q.priority)
	if ia.skill != "" {
		d.Strings("skills", []string{ia.skill})
	}
	s.emit(schema.InteractionQueued, &ia.clock, d)
}

// planPatience says when the customer hangs up, asks for a call back, or is sent on.
func (s *Simulator) planPatience(ia *interaction, q *queue) {
	wait := ia.wait
	still := func() bool { return ia.wait == wait && ia.waiting && !ia.ended }
	patience := s.exponential(q.patience)
	if s.chance(.01) {
		patience = s.uniform(.8, 4.8) // hangs up on hearing the announcement
	} else {
		patience += 6 * second
	}
	s.after(patience, func() {
		if still() {
			s.finish(ia, schema.EndAbandoned, schema.ByCustomer)
		}
	})
	if ia.channel != schema.ChannelVoice {
		return
	}
	s.after(s.uniform(45, 90), func() {
		if still() && ia.ringing == nil && s.chance(.06) {
			s.finish(ia, schema.EndBreakout, schema.ByCustomer)
		}
	})
	s.after(s.uniform(60, 75), func() {
		if still() && ia.ringing == nil && q.over != nil && s.chance(.5) {
			ia.queue = q.over
			ia.skill = ""
			s.emitQueued(ia, q.over)
			q.over.waiting = append(q.over.waiting, ia)
			s.dispatch(q.over)
		}
	})
	s.after(40*second, func() {
		if still() && ia.skill != "" {
			ia.skill = "" // better an agent in English than none
			s.dispatch(ia.queue)
		}
	})
}

// dispatch offers what waits to who is free, the longest waiting first.
func (s *Simulator) dispatch(q *queue) {
	const depth = 20 // how far a caller without a fitting agent is stepped over
	for i := 0; i < len(q.waiting) && i < depth; {
		ia := q.waiting[i]
		if ia.ended || !ia.waiting || ia.queue != q || ia.ringing != nil {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			continue
		}
		a := q.take(ia.room, ia.skill)
		if a == nil {
			i++
			continue
		}
		q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
		s.ring(ia, a)
		i = 0
	}
}

func (s *Simulator) offer(ia *interaction, a *agent, role schema.Role, by *agent) {
	d := s.payload().String("agent_id", a.id).String("role", role.String())
	if by != nil {
		d.String("initiating_agent_id", by.id)
	}
	s.emit(schema.InteractionOffered, &ia.clock, d)
}

// ring offers a waiting interaction to an agent, who takes it, refuses it or is not there.
func (s *Simulator) ring(ia *interaction, a *agent) {
	ia.ringing = a
	s.occupy(a, ia)
	ia.join(a, schema.RoleAgent)
	s.offer(ia, a, schema.RoleAgent, nil)
	wait := ia.wait
	still := func() bool { return ia.wait == wait && ia.ringing == a && !ia.ended }
	switch p := s.rng.Float64(); {
	case p < .02:
		s.after(20*second, func() {
			if still() {
				s.unanswered(ia, a)
			}
		})
	case p < .026:
		s.after(s.uniform(2, 8), func() {
			if still() {
				s.decline(ia, a, "rejected")
				s.plan(a, func() { s.pause(a, reasonFor("paperwork"), s.uniform(60, 240)) })
				s.back(ia)
			}
		})
	default:
		took := s.logNormal(3.5, .5)
		if !ia.channel.Spoken() {
			took = s.logNormal(5, .6)
		}
		s.after(took, func() {
			if !still() {
				return
			}
			ia.ringing, ia.waiting = nil, false
			s.connect(ia, a, schema.RoleAgent, nil)
			s.converse(ia, a)
		})
	}
}

// decline takes an offer back and frees the agent, without letting it go on yet.
func (s *Simulator) decline(ia *interaction, a *agent, why string) {
	s.emit(schema.InteractionDeclined, &ia.clock, s.payload().String("agent_id", a.id).String("reason", why))
	ia.ringing = nil
	ia.drop(a)
	if ia.channel.Spoken() {
		a.busy = false
	} else {
		a.load -= ia.room
	}
	a.stamp++
}

// unanswered is an agent who has left the desk without saying so (RONA) and comes back later.
func (s *Simulator) unanswered(ia *interaction, a *agent) {
	a.rona = true
	s.decline(ia, a, "no_answer")
	session := a.sessions
	s.after(s.uniform(20, 240), func() {
		if a.on && a.sessions == session && a.rona {
			s.present(a, schema.Available, "")
		}
	})
	s.back(ia)
}

// back puts an interaction to the head of the queue in which it still waits.
func (s *Simulator) back(ia *interaction) {
	q := ia.queue
	q.waiting = append([]*interaction{ia}, q.waiting...)
	s.dispatch(q)
}

func (s *Simulator) connect(ia *interaction, a *agent, role schema.Role, by *agent) {
	d := s.payload().String("agent_id", a.id).String("role", role.String())
	if by != nil {
		d.String("initiating_agent_id", by.id)
	}
	s.emit(schema.InteractionConnected, &ia.clock, d)
}

func (s *Simulator) of(t schema.EventType, ia *interaction, a *agent) {
	s.emit(t, &ia.clock, s.payload().String("agent_id", a.id))
}

// finish ends an interaction for everybody on it.
func (s *Simulator) finish(ia *interaction, why schema.EndReason, by schema.EndedBy) {
	if !ia.ended {
		s.end(ia, s.payload().String("reason", why.String()).String("by", by.String()))
	}
}

func (s *Simulator) end(ia *interaction, d *schema.Data) {
	ringing := ia.ringing
	s.emit(schema.InteractionEnded, &ia.clock, d)
	ia.ended, ia.waiting, ia.ringing = true, false, nil
	delete(s.open, ia.subject)
	parts := ia.parts
	ia.parts = nil
	for _, m := range parts {
		switch {
		case m.role.Monitors():
			m.agent.busy = false
		case m.agent == ringing:
			s.release(m.agent, ia)
		default:
			s.wrapUp(ia, m.agent, m.role, .92)
		}
	}
}

// leave takes one agent out; the interaction goes on.
func (s *Simulator) leave(ia *interaction, a *agent, role schema.Role) {
	s.of(schema.InteractionLeft, ia, a)
	ia.drop(a)
	if role.Monitors() {
		a.busy = false
		return
	}
	s.wrapUp(ia, a, role, .3)
}

// wrapUp lets an agent write down what was said. The wrap begins a moment after its part has ended, as telephony reports it.
func (s *Simulator) wrapUp(ia *interaction, a *agent, role schema.Role, p float64) {
	if !role.Serves() || !s.chance(p) {
		s.release(a, ia)
		return
	}
	s.after(s.uniform(.05, .4), func() {
		s.of(schema.InteractionWrapStarted, ia, a)
		took := s.logNormal(ia.queue.wrap, .6)
		s.after(took*6/10, func() { s.document(ia, a) })
		s.after(took, func() {
			s.of(schema.InteractionWrapEnded, ia, a)
			s.release(a, ia)
		})
	})
}

// document sets a disposition, and now and then a note or an order number.
func (s *Simulator) document(ia *interaction, a *agent) {
	id := ia.queue.disposition
	if s.chance(.35) {
		id = dispositions[s.rng.IntN(len(dispositions)-1)].id
	}
	d := s.payload().String("disposition_id", id)
	for _, p := range dispositions {
		if p.id == id && len(p.subs) > 0 && s.chance(.7) {
			d.String("sub_disposition_id", p.subs[s.rng.IntN(len(p.subs))][0])
		}
	}
	s.emit(schema.InteractionDisposition, &ia.clock, d)
	if s.chance(.2) {
		note := []string{"Asked about the delivery date.", "Will send the contract by post.", "Wants a call back on Monday.", "Router replaced.", "Instalments agreed."}
		s.emit(schema.InteractionNote, &ia.clock, s.payload().String("note", note[s.rng.IntN(len(note))]).String("agent_id", a.id))
	}
	if s.chance(.15) {
		s.emit(schema.InteractionExtraItem, &ia.clock, s.payload().String("id", "order-number").String("name", "Order number").
			String("value", fmt.Sprintf("O-%06d", s.rng.IntN(1_000_000))).Bool("searchable", true))
	}
}
