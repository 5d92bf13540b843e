package engine

import "floorwalker/schema"

// outputs is what folding puts out besides the new state: contributions to windows, messages to other entities, and intervals
// that ended.
type outputs struct {
	contributions []contribution
	transitions   []transition
	closed        []closedInterval
	wrapEnds      []wrapEnd
	logouts       []int64
	closedUntil   int64 // windows that end at or before this are not touched: the input came from beyond the horizon
	orphans       int
	outOfState    int
}

func (o *outputs) reset() {
	o.contributions, o.transitions, o.closed = o.contributions[:0], o.transitions[:0], o.closed[:0]
	o.wrapEnds, o.logouts = o.wrapEnds[:0], o.logouts[:0]
	o.closedUntil, o.orphans, o.outOfState = 0, 0, 0
}

func (o *outputs) ok(fits bool) {
	if !fits {
		o.outOfState++
	}
}

// contribution is one count or duration for a window. Agent 0 is the windows of queues.
type contribution struct {
	seriesKey
	metric uint8 // a schema.Count, or firstMeasure + schema.Measure
	back   bool  // taken back
	t      int64
	value  int64
}

func (w *walk) contribute(agent, queue, campaign uint32, metric uint8, t, value int64, back bool) {
	if until := w.out.closedUntil; until != 0 && floorTo(t, minuteMs)+minuteMs <= until {
		return
	}
	w.out.contributions = append(w.out.contributions, contribution{
		seriesKey: seriesKey{agent: agent, queue: queue, campaign: campaign, channel: w.i.channelAt(t), direction: w.i.directionAt(t)},
		metric:    metric, back: back, t: t, value: max(0, value)})
}

func (w *walk) countVisit(v *visit, c schema.Count) {
	w.contribute(0, v.Queue, v.Campaign, uint8(c), w.t, 0, false)
}

func (w *walk) measureVisit(v *visit, m schema.Measure, value int64) {
	w.contribute(0, v.Queue, v.Campaign, firstMeasure+uint8(m), w.t, value, false)
}

func (w *walk) countAgent(p *part, c schema.Count, t int64, back bool) {
	w.contribute(p.Agent, p.Queue, p.Campaign, uint8(c), t, 0, back)
}

func (w *walk) measureAgent(p *part, m schema.Measure, t, value int64, back bool) {
	w.contribute(p.Agent, p.Queue, p.Campaign, firstMeasure+uint8(m), t, value, back)
}

// measurePart counts a duration of a part for its agent and for its queue.
func (w *walk) measurePart(p *part, m schema.Measure, t, value int64, back bool) {
	w.measureAgent(p, m, t, value, back)
	w.contribute(0, p.Queue, p.Campaign, firstMeasure+uint8(m), t, value, back)
}

// transition tells an agent's timeline that one of its parts changed.
type transition struct {
	agent   uint32
	t       int64
	handle  uint32
	ord     uint16
	state   schema.PartState
	channel schema.Channel
	role    schema.Role
	conf    bool
	rona    bool // a voice offer went unanswered
}

// tell puts the part's state out to its agent.
func (w *walk) tell(p int) {
	pt := &w.s.Parts[p]
	ch := w.i.channelAt(w.t)
	w.out.transitions = append(w.out.transitions, transition{agent: pt.Agent, t: max(w.t, w.out.closedUntil), handle: w.i.handle, ord: uint16(p),
		state: pt.State, channel: ch, role: pt.Role, conf: pt.Conf,
		rona: pt.State == schema.StateDeclined && pt.Declined == schema.DeclineNoAnswer && ch == schema.ChannelVoice})
}

func (tr *transition) pack() input {
	in := input{kind: kindTransition, ref1: tr.handle, a: uint8(tr.state),
		ref2: uint32(tr.channel) | uint32(tr.role)<<4 | uint32(tr.ord)<<10}
	if tr.conf {
		in.ref2 |= 1 << 8
	}
	if tr.rona {
		in.ref2 |= 1 << 9
	}
	return in
}

func unpackTransition(in *input) transition {
	return transition{handle: in.ref1, ord: uint16(in.ref2 >> 10), state: schema.PartState(in.a), channel: schema.Channel(in.ref2 & 15),
		role: schema.Role(in.ref2 >> 4 & 15), conf: in.ref2&(1<<8) != 0, rona: in.ref2&(1<<9) != 0}
}
