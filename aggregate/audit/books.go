package audit

import (
	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// What a fact counts, and when (metrics.md, rule 1 and the tables below it). This is written from the specification's side, not the
// engine's: that both come to the same is the point.

// visit counts a queue visit.
func (b *books) visit(v *schema.Visit) {
	at := func(t int64) schema.Dims {
		d := schema.Dims{Queue: v.Queue, Campaign: v.Campaign}
		d.Channel, d.Direction = b.named.at(v.Interaction, v.Start, t, v.Channel, v.Direction)
		return d
	}
	d := at(v.Start)
	first := v.Kind == schema.VisitFirst
	switch v.Kind {
	case schema.VisitFirst:
		b.count(d, v.Start, schema.CountOffered)
	case schema.VisitTransfer:
		b.count(d, v.Start, schema.CountTransferredIn)
	case schema.VisitRequeue:
		b.count(d, v.Start, schema.CountRequeued)
	}
	if v.End == schema.Open {
		return
	}
	d = at(v.End)
	switch {
	case v.Outcome == schema.OutcomeAnswered && first:
		b.count(d, v.End, schema.CountAnswered)
		b.measure(d, v.End, schema.MeasureWait, v.WaitMs())
	case v.Outcome == schema.OutcomeAnswered:
		b.count(d, v.End, schema.CountAgainAnswered)
	case v.Outcome == schema.OutcomeAbandoned && first:
		b.count(d, v.End, schema.CountAbandoned)
		b.measure(d, v.End, schema.MeasureAbandonWait, v.WaitMs())
	case v.Outcome == schema.OutcomeAbandoned:
		b.count(d, v.End, schema.CountAgainAbandoned)
	case !first:
	case v.Outcome == schema.OutcomeBreakout:
		b.count(d, v.End, schema.CountBreakout)
	case v.Outcome == schema.OutcomeOverflowed:
		b.count(d, v.End, schema.CountOverflowed)
	case v.Outcome == schema.OutcomeEndedOther:
		b.count(d, v.End, schema.CountEndedOther)
	case v.Outcome == schema.OutcomeExpired:
		b.count(d, v.End, schema.CountExpired)
	}
}

// part counts an agent's part. direct remembers which agents have had a direct part of which interactions, parts coming in the order
// in which they began.
func (b *books) part(p *schema.Part, direct map[uint64]struct{}) {
	agent := func(t int64) schema.Dims {
		d := schema.Dims{Agent: p.Agent, Queue: p.Queue, Campaign: p.Campaign}
		d.Channel, d.Direction = b.named.at(p.Interaction, p.Start, t, p.Channel, p.Direction)
		return d
	}
	both := func(t int64, m schema.Measure, ms int64) {
		d := agent(t)
		b.measure(d, t, m, ms)
		d.Agent = ""
		b.measure(d, t, m, ms)
	}
	monitors := p.Role.Monitors()
	b.offer(p, agent)
	if p.Finished == schema.Open && b.late(p.Interaction) {
		for _, t := range [...]int64{p.Start, p.Offered, p.Connected, p.Ended, p.FirstMessage} {
			b.goesOn[down(t, b.length)] = p.Interaction
		}
	}
	if p.Offered != schema.NoTime && !monitors {
		if p.Connected != schema.NoTime {
			both(p.Connected, schema.MeasureRing, p.RingMs)
		} else if p.Ended != schema.Open {
			both(p.Ended, schema.MeasureRing, p.RingMs)
		}
	}
	if p.WrapStarted != schema.NoTime && p.Finished != schema.Open && !monitors {
		both(p.Finished, schema.MeasureWrap, p.WrapMs)
	}
	if p.Connected == schema.NoTime {
		return
	}
	b.connect(p, agent)
	isDirect := p.Kind != schema.KindQueued && !monitors
	counter, length := schema.CountDirectInbound, schema.MeasureDirectInboundTime
	if p.Kind == schema.KindDirectOutbound {
		counter, length = schema.CountDirectOutbound, schema.MeasureDirectOutboundTime
	}
	if isDirect {
		key := xxhash.Sum64String(p.Interaction + "\x00" + p.Agent)
		if _, again := direct[key]; !again {
			direct[key] = struct{}{}
			b.count(agent(p.Connected), p.Connected, counter)
		}
	}
	if p.FirstMessage != schema.NoTime {
		b.measure(agent(p.FirstMessage), p.FirstMessage, schema.MeasureFirstResponse, p.FirstMessage-p.Connected)
	}
	if p.Ended != schema.Open {
		b.conversation(p, agent, both)
	}
	if p.Finished != schema.Open && !monitors {
		handle := p.TalkMs + p.HoldMs + p.WrapMs
		both(p.Finished, schema.MeasureHandle, handle)
		if isDirect {
			b.measure(agent(p.Finished), p.Finished, length, handle)
		}
	}
}

// offer counts an offer in the role agent, which the connect may have changed since, and how it was declined.
func (b *books) offer(p *schema.Part, agent func(int64) schema.Dims) {
	if p.Offered == schema.NoTime || len(p.Segments) == 0 || p.Segments[0].Role != schema.RoleAgent {
		return
	}
	b.count(agent(p.Offered), p.Offered, schema.CountOffered)
	if p.Connected != schema.NoTime && p.Connected-p.Offered > minuteMs {
		start := down(p.Offered, b.length)
		if b.moved[start] == nil {
			b.moved[start] = map[string]bool{}
		}
		b.moved[start][p.Agent] = true
	}
	if p.Declined == schema.DeclineNoAnswer {
		b.count(agent(p.DeclinedAt), p.DeclinedAt, schema.CountRona)
	} else if p.Declined != 0 {
		b.count(agent(p.DeclinedAt), p.DeclinedAt, schema.CountDeclined)
	}
}

// connect counts a connect by its role. Who dialed, or took a parked interaction up, has answered nothing.
func (b *books) connect(p *schema.Part, agent func(int64) schema.Dims) {
	first := schema.Segment{}
	if len(p.Segments) > 0 {
		first = p.Segments[0]
	}
	if first.State == schema.StateConnected && first.Reason == "unparked" {
		return
	}
	switch p.Role {
	case schema.RoleAgent:
		if first.State != schema.StateDialing {
			b.count(agent(p.Connected), p.Connected, schema.CountAnswered)
		}
	case schema.RoleTransfer:
		b.count(agent(p.Connected), p.Connected, schema.CountTransferredIn)
	case schema.RoleConsult:
		b.count(agent(p.Connected), p.Connected, schema.CountConsulted)
	case schema.RoleInvite, schema.RoleBargeIn:
		b.count(agent(p.Connected), p.Connected, schema.CountConferenced)
	}
}

// conversation counts a conversation's totals when it has ended.
func (b *books) conversation(p *schema.Part, agent func(int64) schema.Dims, both func(int64, schema.Measure, int64)) {
	if p.Role.Monitors() {
		b.measure(agent(p.Ended), p.Ended, schema.MeasureMonitored, p.TalkMs+p.HoldMs+p.ParkedMs)
		return
	}
	both(p.Ended, schema.MeasureTalk, p.TalkMs)
	var held, parked bool
	for k := range p.Segments {
		s := &p.Segments[k]
		spoken := s.State == schema.StateHeld && agent(s.Until).Channel.Spoken()
		held = held || spoken
		parked = parked || s.State == schema.StateParked || s.State == schema.StateHeld && !spoken // interrupted counts as parked
	}
	if held {
		both(p.Ended, schema.MeasureHold, p.HoldMs)
	}
	if parked {
		both(p.Ended, schema.MeasureParked, p.ParkedMs)
	}
}
