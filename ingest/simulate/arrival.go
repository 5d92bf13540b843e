package simulate

import (
	"fmt"
	"strings"

	"floorwalker/schema"
)

// curve is the share of the busiest hour's arrivals at each local hour.
var curve = [25]float64{.30, .27, .25, .25, .26, .30, .40, .55, .80, .95, 1, 1, .95, .90, .95, .95, .90, .85, .75, .65, .55, .45, .38, .33, .30}

func (s *Simulator) intensity(ms int64) float64 {
	h, part := split(float64(s.local(ms)) / float64(hour))
	return curve[int(h)] + (curve[int(h)+1]-curve[int(h)])*part
}

// nextArrival thins a steady stream down to the curve.
func (s *Simulator) nextArrival() {
	wait := int64(0)
	for {
		wait += int64(s.rng.ExpFloat64() / s.cfg.Rate * float64(hour))
		if s.chance(s.intensity(s.now + wait)) {
			break
		}
	}
	s.after(wait, func() {
		s.arrive()
		s.nextArrival()
	})
}

func (s *Simulator) arrive() {
	switch p := s.rng.Float64(); {
	case p < .58:
		s.call()
	case p < .72:
		s.written(schema.ChannelChat, 1)
	case p < .78:
		s.written(schema.ChannelMessage, 1)
	case p < .86:
		s.written(schema.ChannelEmail, digitalRoom)
	case p < .89:
		s.written(schema.ChannelTask, digitalRoom)
	case p < .97:
		s.dial()
	case p < .99:
		s.direct()
	default:
		s.internal()
	}
}

// create begins an interaction.
func (s *Simulator) create(ch schema.Channel, dir schema.Direction, more func(*schema.Data)) *interaction {
	s.created++
	ia := &interaction{n: s.created, channel: ch, direction: dir, room: digitalRoom}
	ia.subject = InteractionID(s.prefix, s.created)
	s.open[ia.subject] = ia
	d := s.payload().String("channel", ch.String()).String("direction", dir.String())
	if ch.Spoken() {
		d.String("call_id", "call-"+ia.subject)
	} else {
		d.String("chat_id", "chat-"+ia.subject)
	}
	if dir != schema.Internal {
		ia.customer = s.customer()
		d.Raw("customer", ia.customer.json)
	}
	if more != nil {
		more(d)
	}
	s.emit(schema.InteractionCreated, &ia.clock, d)
	return ia
}

type customer struct {
	name, first string
	json        []byte
}

// customer invents a person; the telephone numbers are of a range that is reserved for fiction.
func (s *Simulator) customer() customer {
	n := s.rng.IntN(20000)
	first, last := firstNames[n%len(firstNames)], lastNames[n/7%len(lastNames)]
	phone := fmt.Sprintf("+1%03d55501%02d", 201+n/100%700, n%100)
	d := schema.NewData().String("id", fmt.Sprintf("c%05d", n)).String("name", first+" "+last).String("phone", phone).
		String("display_phone", phone).String("email", fmt.Sprintf("%s.%s%d@example.org", strings.ToLower(first), strings.ToLower(last), n))
	if n%3 == 0 {
		d.Raw("details", schema.NewData().String("tier", []string{"silver", "gold"}[n%2]).String("since", fmt.Sprint(2005+n%20)).Bytes())
	}
	return customer{name: first + " " + last, first: first, json: clone(d)}
}

// draw picks a queue of a channel by weight.
func (s *Simulator) draw(ch schema.Channel) *queue {
	total := 0.0
	for _, q := range s.queueList {
		if q.channel == ch {
			total += q.weight
		}
	}
	p := s.rng.Float64() * total
	for _, q := range s.queueList {
		if q.channel != ch || q.weight == 0 {
			continue
		}
		if p -= q.weight; p < 0 {
			return q
		}
	}
	return s.queueList[0]
}

func campaignOf(q *queue) string {
	switch q.id {
	case "service", "billing", "vip":
		return "hotline"
	case "sales":
		return "spring-offer"
	}
	return ""
}

// call is a customer who dials in: menu, queue, agent.
func (s *Simulator) call() {
	q := s.draw(schema.ChannelVoice)
	flow := "main-line"
	if q.unit == "business" {
		flow = "business-line"
	}
	ia := s.create(schema.ChannelVoice, schema.Inbound, func(d *schema.Data) {
		d.String("kind", "queued").String("call_flow_id", flow)
		if c := campaignOf(q); c != "" {
			d.String("campaign_id", c)
		}
	})
	ia.skill = s.skill()
	s.menu(ia, flow, []string{"welcome", "language", "topic"}, func() {
		s.emit(schema.InteractionPrompt, &ia.clock, s.payload().String("name", "topic").String("value", q.name))
		s.enqueue(ia, q)
	})
}

// skill is the language that a call needs besides English.
func (s *Simulator) skill() string {
	if s.chance(.88) {
		return ""
	}
	return languages[1+s.rng.IntN(len(languages)-1)]
}

// menu plays the nodes of a call flow; some customers hang up in it.
func (s *Simulator) menu(ia *interaction, flow string, nodes []string, then func()) {
	if len(nodes) == 0 {
		then()
		return
	}
	took := s.logNormal(6, .5)
	s.after(took, func() {
		if s.chance(.015) {
			s.finish(ia, schema.EndAbandoned, schema.ByCustomer)
			return
		}
		s.emit(schema.InteractionIVR, &ia.clock, s.payload().String("node", nodes[0]).String("call_flow_id", flow).
			String("result", fmt.Sprint(1+s.rng.IntN(4))).Int("duration_ms", took))
		s.menu(ia, flow, nodes[1:], then)
	})
}

// written is a chat, message, e-mail or task.
func (s *Simulator) written(ch schema.Channel, room int) {
	q := s.draw(ch)
	ia := s.create(ch, schema.Inbound, func(d *schema.Data) { d.String("kind", "queued") })
	ia.room = room
	s.after(s.uniform(.2, 2), func() {
		if ch == schema.ChannelMessage || ch == schema.ChannelEmail {
			s.say(ia, nil, "Please help me with my order.")
		}
		s.enqueue(ia, q)
	})
}

// dial is an agent of a campaign who calls a customer.
func (s *Simulator) dial() {
	from := s.queues["sales"]
	if s.chance(.3) {
		from = s.queues["service"]
	}
	a := from.take(digitalRoom, "")
	if a == nil {
		s.dropped++
		return
	}
	s.engage(a)
	ia := s.create(schema.ChannelVoice, schema.Outbound, func(d *schema.Data) {
		d.String("kind", "direct_outbound").String("agent_id", a.id)
		if c := a.campaigns(); c != nil {
			d.String("campaign_id", c[0])
		}
	})
	ia.queue = from
	ia.join(a, schema.RoleAgent)
	s.after(s.logNormal(12, .5), func() {
		if s.chance(.66) {
			s.connect(ia, a, schema.RoleAgent, nil)
			s.talk(ia, a)
			return
		}
		cause := []string{"no_answer", "no_answer", "busy", "unreachable", "rejected", "failed"}[s.rng.IntN(6)]
		s.emit(schema.InteractionDisposition, &ia.clock, s.payload().String("disposition_id", "not-reached"))
		ia.drop(a)
		s.end(ia, s.payload().String("reason", "failed").String("by", "system").String("cause", cause))
		s.release(a, ia)
	})
}

// direct is a customer who calls an agent's own number.
func (s *Simulator) direct() {
	a := s.queues["service"].take(digitalRoom, "")
	if a == nil {
		s.dropped++
		return
	}
	s.engage(a)
	ia := s.create(schema.ChannelVoice, schema.Inbound, func(d *schema.Data) { d.String("kind", "direct_inbound").String("agent_id", a.id) })
	ia.queue = s.queues["service"]
	ia.join(a, schema.RoleAgent)
	s.after(500, func() {
		s.offer(ia, a, schema.RoleAgent, nil)
		s.after(s.logNormal(5, .4), func() {
			if ia.ended {
				return
			}
			s.connect(ia, a, schema.RoleAgent, nil)
			s.talk(ia, a)
		})
	})
}

// internal is an agent who calls a colleague.
func (s *Simulator) internal() {
	q := s.queues["service"]
	a := q.take(digitalRoom, "")
	if a == nil {
		s.dropped++
		return
	}
	s.engage(a)
	b := q.take(digitalRoom, "")
	if b == nil {
		a.busy = false
		s.settle(a)
		s.dropped++
		return
	}
	s.engage(b)
	ia := s.create(schema.ChannelVoice, schema.Internal, func(d *schema.Data) { d.String("kind", "direct_outbound").String("agent_id", a.id) })
	ia.queue = q
	ia.join(a, schema.RoleAgent)
	ia.join(b, schema.RoleContact)
	s.after(300, func() {
		s.offer(ia, b, schema.RoleContact, a)
		s.after(s.logNormal(4, .4), func() {
			s.connect(ia, b, schema.RoleContact, a)
			s.connect(ia, a, schema.RoleAgent, nil)
			s.after(s.logNormal(70, .7), func() { s.finish(ia, schema.EndCompleted, schema.ByAgent) })
		})
	})
}
