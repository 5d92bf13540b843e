package engine

import (
	"slices"

	"floorwalker/schema"
)

const (
	wrapAfterMs = 60_000              // a wrap may begin that long after the end of its part
	wrapLimitMs = 24 * 60 * 60 * 1000 // a wrap that nothing ends
	liveLimitMs = 24 * 60 * 60 * 1000 // an interaction of voice, video or chat without an event
	slowLimitMs = 30 * 24 * 60 * 60 * 1000
)

// interaction is one interaction's timeline: its own events, and what its agents' timelines decide about its parts.
type interaction struct {
	id      string
	handle  uint32
	c       *center
	line    timeline[course]
	attrs   *attributes // of the first created in order, which holds from the beginning; nil before it came
	created created     // where that created stands in the order
	own     newest
	dirty   bool
	seen    bool
	left    bool
	look    int64 // when it is to be looked at, Open for never
	// notBefore is until when the id belonged to the interaction that had it before: no event up to then is of this one.
	notBefore int64
	// room is where inputs, visits and parts of an ordinary interaction lie, for one allocation and neighbouring memory.
	room struct {
		inputs [10]input
		visits [1]visit
		parts  [1]part
	}
}

// created is the place of a created event in its interaction's order.
type created struct {
	t int64
	x *extra
}

// newest is the newest of an entity's own events: only what is newer is believed when it comes from beyond the horizon.
type newest struct {
	T      int64 // NoTime before the first
	Seq    int64
	HasSeq bool
}

// before reports whether an event at t with that sequence is newer.
func (n *newest) before(ev *schema.Event) bool {
	if ev.Time != n.T {
		return ev.Time > n.T
	}
	return n.HasSeq && (!ev.HasSequence || ev.Sequence > n.Seq)
}

func (n *newest) note(ev *schema.Event) {
	if n.before(ev) {
		n.T, n.Seq, n.HasSeq = ev.Time, ev.Sequence, ev.HasSequence
	}
}

// attributes are what `created` says. Immutable.
type attributes struct {
	Channel        schema.Channel
	Direction      schema.Direction
	Kind           schema.Kind
	Number         int64
	CallID, ChatID string
	Campaign       uint32
	CallFlow       string
	Agent          uint32 // 0 for none
	Customer       []byte
	ScreenPopURL   string
	Gruu           string
	CanRecord      bool
}

// channel is what rows say of the whole interaction.
func (i *interaction) channel() schema.Channel { return i.channelAt(schema.Open) }

func (i *interaction) direction() schema.Direction { return i.directionAt(schema.Open) }

// channelAt is the channel under which what happens at t counts. A created gives it from the beginning; one that lies more than a
// minute after other events does so for rows, but what those events counted may be complete already and stays.
func (i *interaction) channelAt(t int64) schema.Channel {
	if !i.knownAt(t) {
		return schema.ChannelVoice
	}
	return i.attrs.Channel
}

func (i *interaction) directionAt(t int64) schema.Direction {
	if !i.knownAt(t) {
		return schema.Inbound
	}
	return i.attrs.Direction
}

func (i *interaction) knownAt(t int64) bool { return i.attrs != nil && t >= i.created.t-wrapAfterMs }

// limitAt is how long an interaction lives without an event after one at t.
func (i *interaction) limitAt(t int64) int64 {
	switch i.channelAt(t) {
	case schema.ChannelMessage, schema.ChannelEmail, schema.ChannelTask:
		return slowLimitMs
	}
	return liveLimitMs
}

// visit is one stay in a queue.
type visit struct {
	Start, End      int64
	Queue, Campaign uint32
	Kind            schema.VisitKind
	Outcome         schema.VisitOutcome
	Agent           uint32
	Priority        int64
}

// part is one agent's share.
type part struct {
	Agent            uint32
	Role             schema.Role
	State            schema.PartState // StateEnded once its conversation or offer is over and no wrap has begun or it has ended
	Conf             bool
	Dialed           bool // its agent's own dial
	Direct           bool // its handle is direct_inbound_time or direct_outbound_time
	Initiating       uint32
	Queue, Campaign  uint32
	Start            int64
	Offered          int64
	Connected        int64
	Ended            int64 // of conversation or offer
	WrapStarted      int64
	WrapAsked        bool // a wrap_ended came
	AskedAt          int64
	AskedLate        int64 // when the agent knew of it, where it came from beyond the horizon; else 0
	Finished         int64
	Since            int64 // of State
	Ring, Talk, Hold int64
	Parked, Wrap     int64
	HadHold, HadPark bool
	Declined         schema.DeclineReason
	DeclinedAt       int64
	Failed           schema.EndCause
	Messages         uint32
	FirstMessage     int64
	Segments         segments
}

func (p *part) active() bool {
	switch p.State {
	case schema.StateEnded, schema.StateWrap, schema.StateDeclined, schema.StateFailed:
		return false
	}
	return true
}

func (p *part) offering() bool { return p.State == schema.StateRinging }

func (p *part) conversing() bool {
	return p.State == schema.StateConnected || p.State == schema.StateHeld || p.State == schema.StateParked
}

// course is the state of an interaction's fold.
type course struct {
	Born          bool
	Created       bool // a created was folded in
	Start         int64
	Last          int64 // newest own input
	Campaign      uint32
	Visits        []visit
	Waiting       int32 // 1 + index of the open visit, 0 for none
	Parts         []part
	TransferTo    uint32 // queue that a transferred event named, until queued
	AnsweredVisit int32  // 1 + index of the visit last answered
	Queued        int64
	Connected     int64
	Kind          schema.Kind // decided at the first connect
	Primary       int32       // 1 + index of the part last connected as agent or transfer
	PrimarySince  int64
	FirstAgent    uint32
	Ended         int64
	EndReason     schema.EndReason
	EndedBy       schema.EndedBy
	EndCause      schema.EndCause
	State         schema.PartState
	StateSince    int64
	Skills        []string
	Priority      int64
}

func (i *interaction) clone(s *course) *course {
	n := *s
	n.Visits = slices.Clone(s.Visits)
	n.Parts = slices.Clone(s.Parts)
	for k := range n.Parts {
		n.Parts[k].Segments = s.Parts[k].Segments.clone()
	}
	return &n
}

func (i *interaction) equal(x, y *course) bool {
	a, b := *x, *y
	a.Visits, b.Visits, a.Parts, b.Parts, a.Skills, b.Skills = nil, nil, nil, nil, nil, nil
	if !sameCourse(&a, &b) || len(x.Parts) != len(y.Parts) || !slices.Equal(x.Visits, y.Visits) || !slices.Equal(x.Skills, y.Skills) {
		return false
	}
	for k := range x.Parts {
		if !samePart(&x.Parts[k], &y.Parts[k]) {
			return false
		}
	}
	return true
}

func sameCourse(a, b *course) bool {
	return a.Born == b.Born && a.Created == b.Created && a.Start == b.Start && a.Last == b.Last && a.Campaign == b.Campaign &&
		a.Waiting == b.Waiting && a.TransferTo == b.TransferTo && a.AnsweredVisit == b.AnsweredVisit && a.Queued == b.Queued &&
		a.Connected == b.Connected && a.Kind == b.Kind && a.Primary == b.Primary && a.PrimarySince == b.PrimarySince &&
		a.FirstAgent == b.FirstAgent && a.Ended == b.Ended && a.EndReason == b.EndReason && a.EndedBy == b.EndedBy &&
		a.EndCause == b.EndCause && a.State == b.State && a.StateSince == b.StateSince && a.Priority == b.Priority
}

func samePart(x, y *part) bool {
	return x.Agent == y.Agent && x.Role == y.Role && x.State == y.State && x.Conf == y.Conf && x.Dialed == y.Dialed &&
		x.Direct == y.Direct && x.Initiating == y.Initiating && x.Queue == y.Queue && x.Campaign == y.Campaign &&
		x.Start == y.Start && x.Offered == y.Offered && x.Connected == y.Connected && x.Ended == y.Ended &&
		x.WrapStarted == y.WrapStarted && x.WrapAsked == y.WrapAsked && x.AskedAt == y.AskedAt && x.AskedLate == y.AskedLate && x.Finished == y.Finished && x.Since == y.Since &&
		x.Ring == y.Ring && x.Talk == y.Talk && x.Hold == y.Hold && x.Parked == y.Parked && x.Wrap == y.Wrap &&
		x.HadHold == y.HadHold && x.HadPark == y.HadPark && x.Declined == y.Declined && x.DeclinedAt == y.DeclinedAt &&
		x.Failed == y.Failed && x.Messages == y.Messages && x.FirstMessage == y.FirstMessage &&
		x.Segments.equal(&y.Segments)
}

// less orders a timeline's inputs: time; own events by sequence; then agents' logouts, then ends of wraps.
func (i *interaction) less(x, y *input) bool {
	if x.dt != y.dt {
		return x.dt < y.dt
	}
	if xr, yr := rank(x), rank(y); xr != yr {
		return xr < yr
	}
	if x.kind >= kindTransition {
		return x.ref1 < y.ref1 || x.ref1 == y.ref1 && x.b < y.b
	}
	return lessSequence(i.line.extra(x), i.line.extra(y))
}

func rank(in *input) int {
	switch in.kind {
	case kindLogout:
		return 1
	case kindWrapEnd:
		return 2
	case kindTick:
		return 3
	}
	return 0
}

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

func (w *walk) queued(queue uint32, x *extra) {
	s := w.s
	transfer := s.TransferTo == queue && s.TransferTo != 0
	s.TransferTo = 0
	if s.Queued == schema.NoTime {
		s.Queued = w.t
	}
	if x != nil {
		s.Priority, s.Skills = x.num, x.text
	}
	if v := s.Waiting; v != 0 {
		if s.Visits[v-1].Queue == queue {
			return
		}
		w.leaveQueue(schema.OutcomeOverflowed, 0)
	}
	kind := schema.VisitFirst
	if transfer {
		kind = schema.VisitTransfer
	} else if slices.ContainsFunc(s.Visits, func(v visit) bool { return v.Queue == queue }) {
		kind = schema.VisitRequeue
	}
	v := visit{Start: w.t, End: schema.Open, Queue: queue, Campaign: s.Campaign, Kind: kind}
	if x != nil {
		v.Priority = x.num
	}
	s.Visits = append(s.Visits, v)
	s.Waiting = int32(len(s.Visits))
	w.countVisit(&v, [...]schema.Count{0, schema.CountOffered, schema.CountTransferredIn, schema.CountRequeued}[kind])
}

// leaveQueue ends the open visit.
func (w *walk) leaveQueue(outcome schema.VisitOutcome, agent uint32) {
	s := w.s
	if s.Waiting == 0 {
		return
	}
	v := &s.Visits[s.Waiting-1]
	v.End, v.Outcome, v.Agent = max(w.t, v.Start), outcome, agent
	if outcome == schema.OutcomeAnswered {
		s.AnsweredVisit = s.Waiting
	}
	s.Waiting = 0
	first := v.Kind == schema.VisitFirst
	wait := max(0, w.t-v.Start)
	switch {
	case outcome == schema.OutcomeAnswered && first:
		w.countVisit(v, schema.CountAnswered)
		w.measureVisit(v, schema.MeasureWait, wait)
	case outcome == schema.OutcomeAnswered:
		w.countVisit(v, schema.CountAgainAnswered)
	case outcome == schema.OutcomeAbandoned && first:
		w.countVisit(v, schema.CountAbandoned)
		w.measureVisit(v, schema.MeasureAbandonWait, wait)
	case outcome == schema.OutcomeAbandoned:
		w.countVisit(v, schema.CountAgainAbandoned)
	case !first:
	case outcome == schema.OutcomeBreakout:
		w.countVisit(v, schema.CountBreakout)
	case outcome == schema.OutcomeOverflowed:
		w.countVisit(v, schema.CountOverflowed)
	case outcome == schema.OutcomeEndedOther:
		w.countVisit(v, schema.CountEndedOther)
	case outcome == schema.OutcomeExpired:
		w.countVisit(v, schema.CountExpired)
	}
}

func (w *walk) lastQueue() uint32 {
	if n := len(w.s.Visits); n > 0 {
		return w.s.Visits[n-1].Queue
	}
	return 0
}

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

// wrapStarted ends the agent's conversation if it still goes on, and begins its wrap.
func (w *walk) wrapStarted(agent uint32) bool {
	s := w.s
	p := w.activePart(agent)
	if p >= 0 {
		if s.Parts[p].offering() {
			return false
		}
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

// state is the first that applies of connected, held, parked, ringing, dialing, waiting, wrap, ended, ivr (native API,
// Interaction).
func (s *course) state() schema.PartState {
	var has [schema.StateIVR + 1]bool
	for p := range s.Parts {
		if pt := &s.Parts[p]; !(pt.Role.Monitors() && pt.conversing()) {
			has[pt.State] = true
		}
	}
	for _, st := range [...]schema.PartState{schema.StateConnected, schema.StateHeld, schema.StateParked, schema.StateRinging, schema.StateDialing} {
		if has[st] {
			return st
		}
	}
	switch {
	case s.Waiting != 0:
		return schema.StateWaiting
	case has[schema.StateWrap]:
		return schema.StateWrap
	case s.Ended != schema.Open:
		return schema.StateEnded
	}
	return schema.StateIVR
}

// finishedAt is the moment from which nothing of the interaction is open: its end and that of all its parts; Open before.
func (s *course) finishedAt() int64 {
	at := s.Ended
	if at == schema.Open {
		return at
	}
	for p := range s.Parts {
		at = max(at, s.Parts[p].Finished)
	}
	return at
}
