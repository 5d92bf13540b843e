package simulate

import (
	"slices"

	"floorwalker/schema"
)

// converse plays what a connected agent and a customer do with each other.
func (s *Simulator) converse(ia *interaction, a *agent) {
	switch ia.channel {
	case schema.ChannelVoice, schema.ChannelVideo:
		s.talk(ia, a)
	case schema.ChannelChat, schema.ChannelMessage:
		s.chat(ia, a)
	default:
		s.desk(ia, a)
	}
}

// later does something if the interaction still goes on then.
func (s *Simulator) later(ms int64, ia *interaction, do func()) {
	s.after(ms, func() {
		if !ia.ended {
			do()
		}
	})
}

func (s *Simulator) hangUp(ia *interaction) {
	by := schema.ByCustomer
	if s.chance(.25) {
		by = schema.ByAgent
	}
	s.finish(ia, schema.EndCompleted, by)
}

// talk is a conversation by voice: mostly just that, sometimes with a hold, a colleague or a transfer in it.
func (s *Simulator) talk(ia *interaction, a *agent) {
	total := max(s.logNormal(ia.queue.handle, .65), 8*second)
	s.record(ia, a, total)
	s.monitor(ia, a, total)
	first := total * int64(20+s.rng.IntN(50)) / 100
	rest := total - first
	part := func() { s.later(rest, ia, func() { s.hangUp(ia) }) }
	switch p := s.rng.Float64(); {
	case p < .16:
		s.later(first, ia, func() { s.hold(ia, a, s.logNormal(32, .7), part) })
	case p < .175:
		s.later(first, ia, func() { s.park(ia, a, part) })
	case p < .21 && ia.direction == schema.Inbound:
		s.later(first, ia, func() { s.consult(ia, a, part) })
	case p < .225:
		s.later(first, ia, func() { s.conference(ia, a, part) })
	case p < .255 && ia.direction == schema.Inbound:
		s.later(first, ia, func() { s.transferToQueue(ia, a) })
	case p < .28 && ia.direction == schema.Inbound:
		s.later(first, ia, func() { s.transferToAgent(ia, a, part) })
	default:
		s.later(total, ia, func() { s.hangUp(ia) })
	}
}

func (s *Simulator) record(ia *interaction, a *agent, total int64) {
	if !s.chance(.6) {
		return
	}
	s.later(s.uniform(.2, 1.5), ia, func() {
		s.emit(schema.InteractionRecording, &ia.clock, s.payload().Bool("active", true).String("agent_id", a.id))
	})
	if s.chance(.15) { // not while card numbers are read out
		s.later(total/2, ia, func() {
			s.emit(schema.InteractionRecording, &ia.clock, s.payload().Bool("active", false).String("agent_id", a.id))
		})
	}
}

// monitor lets the team's supervisor listen in.
func (s *Simulator) monitor(ia *interaction, a *agent, total int64) {
	boss := a.team.boss
	if boss == nil || boss == a || !s.chance(.04) {
		return
	}
	role := schema.RoleSilentJoin
	switch p := s.rng.Float64(); {
	case p < .2:
		role = schema.RoleWhisperJoin
	case p < .25:
		role = schema.RoleBargeIn
	}
	s.later(total/5, ia, func() {
		if !boss.on || boss.busy || boss.presence != schema.Available {
			return
		}
		boss.busy = true
		ia.join(boss, role)
		s.connect(ia, boss, role, nil)
		s.later(total/2, ia, func() { s.unmonitor(ia) })
	})
}

// unmonitor lets a supervisor who listens leave, at the latest when the call waits in a queue again.
func (s *Simulator) unmonitor(ia *interaction) {
	for _, m := range slices.Clone(ia.parts) {
		if m.agent.boss {
			s.leave(ia, m.agent, m.role)
		}
	}
}

func (s *Simulator) hold(ia *interaction, a *agent, lasts int64, then func()) {
	s.of(schema.InteractionHeld, ia, a)
	s.later(lasts, ia, func() {
		s.of(schema.InteractionResumed, ia, a)
		then()
	})
}

func (s *Simulator) park(ia *interaction, a *agent, then func()) {
	s.of(schema.InteractionParked, ia, a)
	s.later(s.logNormal(40, .5), ia, func() {
		s.of(schema.InteractionUnparked, ia, a)
		then()
	})
}

// colleague finds somebody of the second level, else of the same queue.
func (s *Simulator) colleague(ia *interaction) *agent {
	b := s.queues["experts"].take(digitalRoom, "")
	if b == nil {
		b = ia.queue.take(digitalRoom, "")
	}
	if b != nil {
		s.engage(b)
	}
	return b
}

// invite rings a colleague while the customer is on hold, and goes on when both have spoken.
func (s *Simulator) invite(ia *interaction, a *agent, role schema.Role, then func(b *agent), else_ func()) {
	b := s.colleague(ia)
	if b == nil {
		else_()
		return
	}
	s.of(schema.InteractionHeld, ia, a)
	s.later(800, ia, func() {
		ia.join(b, role)
		s.offer(ia, b, role, a)
		s.later(s.logNormal(4, .4), ia, func() {
			s.connect(ia, b, role, a)
			s.later(s.logNormal(35, .5), ia, func() { then(b) })
		})
	})
}

func (s *Simulator) consult(ia *interaction, a *agent, then func()) {
	s.invite(ia, a, schema.RoleConsult, func(b *agent) {
		s.leave(ia, b, schema.RoleConsult)
		s.of(schema.InteractionResumed, ia, a)
		then()
	}, then)
}

func (s *Simulator) conference(ia *interaction, a *agent, then func()) {
	s.invite(ia, a, schema.RoleInvite, func(b *agent) {
		s.of(schema.InteractionResumed, ia, a)
		s.later(s.logNormal(90, .5), ia, func() {
			s.leave(ia, b, schema.RoleInvite)
			then()
		})
	}, then)
}

// transferToQueue hands the customer on blindly; the call waits again.
func (s *Simulator) transferToQueue(ia *interaction, a *agent) {
	to := s.queues["experts"]
	if ia.queue == to || s.chance(.4) {
		to = s.queues["billing"]
	}
	s.unmonitor(ia)
	s.emit(schema.InteractionTransferred, &ia.clock, s.payload().String("from_agent_id", a.id).String("to_queue_id", to.id).String("mode", "blind"))
	ia.drop(a)
	was := ia.queue
	s.after(30, func() {
		if !ia.ended {
			ia.skill = ""
			s.enqueue(ia, to)
		}
	})
	s.wrapUpIn(ia, a, was)
}

// wrapUpIn wraps up in the queue in which the agent served, while the interaction goes on elsewhere.
func (s *Simulator) wrapUpIn(ia *interaction, a *agent, q *queue) {
	if !s.chance(.5) {
		s.release(a, ia)
		return
	}
	s.after(s.uniform(.1, .8), func() {
		s.of(schema.InteractionWrapStarted, ia, a)
		s.after(s.logNormal(q.wrap/2, .5), func() {
			s.of(schema.InteractionWrapEnded, ia, a)
			s.release(a, ia)
		})
	})
}

// transferToAgent speaks with the colleague first; the customer stays with the colleague.
func (s *Simulator) transferToAgent(ia *interaction, a *agent, then func()) {
	s.invite(ia, a, schema.RoleTransfer, func(b *agent) {
		s.emit(schema.InteractionTransferred, &ia.clock, s.payload().String("from_agent_id", a.id).String("to_agent_id", b.id).String("mode", "warm"))
		ia.drop(a)
		s.wrapUpIn(ia, a, ia.queue)
		then()
	}, then)
}

var (
	customerLines = []string{"Hello, I have a question about my invoice.", "My order has not arrived yet.", "Can I change the delivery address?", "It still does not work.",
		"Thank you!", "How long will that take?", "I have sent you a photo.", "Yes, that is right."}
	agentLines = []string{"Hello, how can I help you?", "One moment please, I am looking it up.", "I have changed that for you.", "Could you tell me your order number?",
		"You will get a confirmation by e-mail.", "Is there anything else?", "I am sorry about that."}
)

// say is one message of the customer, or of an agent.
func (s *Simulator) say(ia *interaction, a *agent, text string) {
	d := s.payload()
	if a == nil {
		d.String("from", ia.customer.name).String("to", ia.queueName()).String("text", text).Bool("from_agent", false)
	} else {
		d.String("from", a.first).String("to", ia.customer.name).String("text", text).Bool("from_agent", true).String("agent_id", a.id)
	}
	s.emit(schema.InteractionMessage, &ia.clock, d)
}

func (ia *interaction) queueName() string {
	if ia.queue == nil {
		return "Customer Service"
	}
	return ia.queue.name
}

// chat goes back and forth until its time is over.
func (s *Simulator) chat(ia *interaction, a *agent) {
	until := s.now + max(s.logNormal(ia.queue.handle, .6), 30*second)
	if ia.channel == schema.ChannelChat {
		s.later(s.uniform(.5, 4), ia, func() { s.say(ia, nil, customerLines[s.rng.IntN(3)]) })
	}
	s.later(s.logNormal(14, .6)+4*second, ia, func() {
		s.say(ia, a, agentLines[0])
		s.exchange(ia, a, until, false)
	})
	if s.chance(.05) {
		s.later(s.uniform(40, 120), ia, func() { s.hold(ia, a, s.logNormal(60, .5), func() {}) })
	}
}

func (s *Simulator) exchange(ia *interaction, a *agent, until int64, agentsTurn bool) {
	pause := s.logNormal(22, .6)
	if s.now+pause >= until {
		s.later(max(until-s.now, second), ia, func() { s.hangUp(ia) })
		return
	}
	s.later(pause, ia, func() {
		if agentsTurn {
			s.say(ia, a, agentLines[1+s.rng.IntN(len(agentLines)-1)])
		} else {
			s.say(ia, nil, customerLines[s.rng.IntN(len(customerLines))])
		}
		s.exchange(ia, a, until, !agentsTurn)
	})
}

// desk is work without a customer on the line: an e-mail or a task, sometimes put aside and taken up again.
func (s *Simulator) desk(ia *interaction, a *agent) {
	total := max(s.logNormal(ia.queue.handle, .6), 20*second)
	done := func() {
		if ia.channel == schema.ChannelEmail {
			s.say(ia, a, "We have taken care of your request.")
		}
		s.finish(ia, schema.EndCompleted, schema.ByAgent)
	}
	if s.chance(.1) {
		s.later(total/2, ia, func() {
			s.hold(ia, a, s.logNormal(90, .6), func() { s.later(total/2, ia, done) })
		})
		return
	}
	s.later(total, ia, done)
}
