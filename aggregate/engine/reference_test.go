package engine

import (
	"cmp"
	"slices"

	"floorwalker/schema"
)

// The reference reads the event contract (events.md) and the metric definitions (metrics.md) plainly: one pass over all events in
// the order of their times, in which nothing is ever corrected. It has nothing of the engine's.

// Limits that the event contract names.
const (
	horizon     = 60 * 60_000   // Order: how far behind the newest event another may come
	grace       = 60_000        // Interaction events, Rules: how long after its part a wrap may begin
	quiet       = 24 * 3600_000 // the same: a voice, video or chat interaction without an event, and a wrap that nothing ends
	quietSlowly = 30 * quiet    // the same: message, email, task
)

const never = int64(-1)

type reference struct {
	events  []schema.Event // as they are applied
	now     int64
	lives   []*plainInteraction // in the order of their beginnings; an id may have several, one after the other
	newest  map[string]*plainInteraction
	agents  map[string]*plainAgent
	tallies []tally
	unclear bool // a created comes long after the beginning: what counts under its channel is not the specifications' to say
}

type plainInteraction struct {
	id                         string
	channel                    schema.Channel
	direction                  schema.Direction
	said, kind                 schema.Kind // by created, and as it holds from the first connect
	start, last, ended         int64
	reason                     schema.EndReason
	campaign                   string
	created, connected, queued bool
	visits                     []*plainVisit
	waiting, answered          *plainVisit
	transferredTo              string
	primary, first             string
	parts                      []*plainPart
}

type plainVisit struct {
	queue, campaign, agent string
	start, end             int64
	kind                   schema.VisitKind
	outcome                schema.VisitOutcome
}

type plainPart struct {
	of                               *plainInteraction
	agent                            string
	role                             schema.Role
	state                            schema.PartState
	segments                         []plainSegment
	queue, campaign                  string
	offerQueue, offerCampaign        string
	start, offered, connected, ended int64
	wrapStarted, finished            int64
	dialed, direct, wrapEndAsked     bool
	declined                         schema.DeclineReason
	messages                         int
	firstMessage                     int64
}

type plainSegment struct {
	state        schema.PartState
	since, until int64
}

// tally is one count, or one duration of a measure.
type tally struct {
	metric                 string
	at                     int64
	agent, queue, campaign string
	channel                schema.Channel
	direction              schema.Direction
	measured               bool
	value                  int64
	offer                  *plainPart // of an offer, whose queue and campaign may still move
}

// readPlainly folds a floor's events, whatever order they are in.
func readPlainly(events []schema.Event) *reference {
	r := &reference{events: slices.Clone(events), newest: map[string]*plainInteraction{}, agents: map[string]*plainAgent{}}
	slices.SortStableFunc(r.events, asApplied)
	for k := range r.events {
		ev := &r.events[k]
		r.expire(ev.Time)
		if r.now = ev.Time; ev.Type.OfAgent() {
			r.agentEvent(ev)
		} else {
			r.interactionEvent(ev)
		}
		if k+1 == len(r.events) || r.events[k+1].Time > r.now {
			r.noteStatuses()
		}
	}
	r.expire(r.now - horizon - grace)
	r.countHandles()
	return r
}

// asApplied: events.md, Order. At equal time what interactions do comes before what agents do.
func asApplied(a, b schema.Event) int {
	if d := cmp.Compare(a.Time, b.Time); d != 0 {
		return d
	}
	if a.Type.OfAgent() != b.Type.OfAgent() {
		return first(b.Type.OfAgent())
	}
	if d := cmp.Compare(a.Subject, b.Subject); d != 0 {
		return d
	}
	if a.HasSequence != b.HasSequence {
		return first(a.HasSequence)
	}
	if !a.HasSequence {
		return 0
	}
	return cmp.Compare(a.Sequence, b.Sequence)
}

func first(a bool) int {
	if a {
		return -1
	}
	return 1
}

// expire ends the interactions and wraps that nothing has ended up to a moment (events.md, Interaction events, Rules).
func (r *reference) expire(until int64) {
	for {
		due, end := until+1, func() {}
		for _, x := range r.lives {
			if at := x.last + x.quiet(); x.ended == never && at < due {
				due, end = at, func() { r.end(x, schema.EndExpired) }
			}
			for _, p := range x.parts {
				if at := p.wrapStarted + quiet; p.state == schema.StateWrap && at < due {
					due, end = at, func() { r.endWrap(p) }
				}
			}
		}
		if due > until {
			return
		}
		r.now = due
		end()
		r.noteStatuses()
	}
}

func (x *plainInteraction) quiet() int64 {
	switch x.channel {
	case schema.ChannelMessage, schema.ChannelEmail, schema.ChannelTask:
		return quietSlowly
	}
	return quiet
}

// finished is when the interaction and all its parts were, false before.
func (x *plainInteraction) finished() (int64, bool) {
	at := x.ended
	for _, p := range x.parts {
		if p.state == schema.StateWrap {
			return 0, false
		}
		at = max(at, p.finished)
	}
	return at, x.ended != never
}

// active finds the agent's part that rings, dials, talks, is held or parked.
func (x *plainInteraction) active(agent string) *plainPart {
	for _, p := range slices.Backward(x.parts) {
		if p.agent == agent && p.active() {
			return p
		}
	}
	return nil
}

// queue is the one that the interaction was in last.
func (x *plainInteraction) queue() string {
	if n := len(x.visits); n > 0 {
		return x.visits[n-1].queue
	}
	return ""
}

func (p *plainPart) talking() bool {
	return p.state == schema.StateConnected || p.state == schema.StateHeld || p.state == schema.StateParked
}

func (p *plainPart) active() bool {
	return p.talking() || p.state == schema.StateRinging || p.state == schema.StateDialing
}

// total sums the ended segments in a state, and says whether there is one.
func (p *plainPart) total(state schema.PartState) (sum int64, any bool) {
	for _, s := range p.segments {
		if s.state == state && s.until != never {
			sum, any = sum+s.until-s.since, true
		}
	}
	return sum, any
}

// held and parked: events.md, Interaction events, Rules. On channels without speech held means interrupted, which counts as parked.
func (p *plainPart) held() (int64, bool) {
	if !p.of.channel.Spoken() {
		return 0, false
	}
	return p.total(schema.StateHeld)
}

func (p *plainPart) parked() (int64, bool) {
	sum, any := p.total(schema.StateParked)
	if !p.of.channel.Spoken() {
		interrupted, was := p.total(schema.StateHeld)
		sum, any = sum+interrupted, any || was
	}
	return sum, any
}

func (p *plainPart) talked() int64 {
	sum, _ := p.total(schema.StateConnected)
	return sum
}

func (p *plainPart) wrapped() int64 {
	sum, _ := p.total(schema.StateWrap)
	return sum
}

// count of an agent, or of a queue where no agent is named (metrics.md, rule 1: in the window of the event that decides it).
func (r *reference) count(metric string, x *plainInteraction, agent, queue, campaign string) {
	r.tallies = append(r.tallies, tally{metric: metric, at: r.now, agent: agent, queue: queue, campaign: campaign,
		channel: x.channel, direction: x.direction})
}

func (r *reference) countAgent(metric string, p *plainPart) {
	r.count(metric, p.of, p.agent, p.queue, p.campaign)
}

func (r *reference) countVisit(metric string, x *plainInteraction, v *plainVisit) {
	r.count(metric, x, "", v.queue, v.campaign)
}

// asDuration makes a measure's duration of the last count. A negative one is shown as 0 (events.md, Order).
func (r *reference) asDuration(ms int64) {
	last := &r.tallies[len(r.tallies)-1]
	last.measured, last.value = true, max(0, ms)
}

func (r *reference) measureAgent(metric string, p *plainPart, ms int64) {
	r.countAgent(metric, p)
	r.asDuration(ms)
}

func (r *reference) measureVisit(metric string, x *plainInteraction, v *plainVisit) {
	r.countVisit(metric, x, v)
	r.asDuration(v.end - v.start)
}

// measurePart counts a duration of a part for its agent and for its queue.
func (r *reference) measurePart(metric string, p *plainPart, ms int64) {
	r.measureAgent(metric, p, ms)
	r.count(metric, p.of, "", p.queue, p.campaign)
	r.asDuration(ms)
}

// countHandles: metrics.md, rule 1 and section Agent. handle is of every part that connected, when it is finished.
func (r *reference) countHandles() {
	for _, x := range r.lives {
		for _, p := range x.parts {
			if p.finished == never || p.connected == never || p.role.Monitors() {
				continue
			}
			r.now = p.finished
			held, _ := p.held()
			handle := p.talked() + held + p.wrapped()
			r.measurePart("handle", p, handle)
			if p.direct {
				r.measureAgent(x.kind.String()+"_time", p, handle)
			}
		}
	}
}

// interactionEvent: events.md, Interaction events, Rules.
func (r *reference) interactionEvent(ev *schema.Event) {
	x := r.newest[ev.Subject]
	if x != nil {
		if at, done := x.finished(); done && ev.Time > at+horizon {
			x = nil // may begin the same id anew
		}
	}
	if x == nil {
		if x = r.born(ev); x == nil {
			return
		}
	}
	if x.ended == never {
		x.last = ev.Time
	}
	if !r.anyTime(x, ev) && x.ended == never {
		r.beforeEnd(x, ev)
	}
}

// born begins an interaction where the event can. created gives its attributes from the beginning.
func (r *reference) born(ev *schema.Event) *plainInteraction {
	switch ev.Type {
	case schema.InteractionCreated, schema.InteractionQueued, schema.InteractionOffered, schema.InteractionConnected:
	default:
		return nil
	}
	x := &plainInteraction{id: ev.Subject, channel: schema.ChannelVoice, direction: schema.Inbound, start: ev.Time, ended: never}
	for _, c := range r.events {
		if c.Type == schema.InteractionCreated && c.Subject == x.id && c.Time >= ev.Time && c.Time <= ev.Time+grace {
			x.channel, x.direction, x.said, x.campaign = c.Channel, c.Direction, c.Kind, c.CampaignID
			break
		}
	}
	r.newest[x.id] = x
	r.lives = append(r.lives, x)
	return x
}

// anyTime carries out what may come after the interaction's end, and says whether the event is of such a type.
func (r *reference) anyTime(x *plainInteraction, ev *schema.Event) bool {
	switch ev.Type {
	case schema.InteractionCreated:
		r.created(x, ev)
	case schema.InteractionWrapStarted:
		r.wrapStarted(x, ev.AgentID)
	case schema.InteractionWrapEnded:
		r.wrapEnded(x, ev.AgentID)
	case schema.InteractionUpdated:
		if x.ended == never && ev.Has&schema.HasCampaignID != 0 {
			x.campaign = ev.CampaignID
		}
	case schema.InteractionMessage:
		if x.ended == never && ev.FromAgent {
			r.message(x, ev.AgentID)
		}
	default:
		return ev.Type.Annotation()
	}
	return true
}

func (r *reference) beforeEnd(x *plainInteraction, ev *schema.Event) {
	p := x.active(ev.AgentID)
	switch ev.Type {
	case schema.InteractionQueued:
		r.queued(x, ev.QueueID)
	case schema.InteractionOffered:
		if p == nil {
			r.offered(x, ev)
		}
	case schema.InteractionDeclined:
		if p != nil && p.state == schema.StateRinging {
			r.decline(p, ev.Decline)
		}
	case schema.InteractionConnected:
		r.connected(x, p, ev)
	case schema.InteractionHeld:
		r.move(p, schema.StateHeld, schema.StateConnected)
	case schema.InteractionResumed:
		r.move(p, schema.StateConnected, schema.StateHeld)
	case schema.InteractionParked:
		r.move(p, schema.StateParked, schema.StateConnected, schema.StateHeld)
	case schema.InteractionUnparked:
		r.unparked(x, p, ev.AgentID)
	case schema.InteractionTransferred:
		if p != nil {
			r.transferred(x, p, ev.ToQueueID)
		}
	case schema.InteractionLeft:
		if p != nil {
			r.endPart(p, schema.StateEnded)
		}
	case schema.InteractionEnded:
		r.end(x, ev.End)
	}
}

// created: one of outbound or internal direction with an agent puts that agent in dialing.
func (r *reference) created(x *plainInteraction, ev *schema.Event) {
	if x.created || x.ended != never && r.now-x.ended > grace {
		return
	}
	x.created = true
	r.unclear = r.unclear || r.now-x.start > grace
	if x.ended == never && ev.AgentID != "" && ev.Direction != schema.Inbound && x.active(ev.AgentID) == nil {
		r.begin(x, ev.AgentID, schema.RoleAgent, schema.StateDialing).dialed = true
	}
}

// queued: metrics.md, rule 8.
func (r *reference) queued(x *plainInteraction, queue string) {
	kind, metric := schema.VisitFirst, "offered"
	switch {
	case x.transferredTo == queue:
		kind, metric = schema.VisitTransfer, "transferred_in"
	case slices.ContainsFunc(x.visits, func(v *plainVisit) bool { return v.queue == queue }):
		kind, metric = schema.VisitRequeue, "requeued"
	}
	x.transferredTo, x.queued = "", true
	if x.waiting != nil && x.waiting.queue == queue {
		return
	}
	r.leaveQueue(x, schema.OutcomeOverflowed)
	v := &plainVisit{queue: queue, campaign: x.campaign, start: r.now, end: schema.Open, kind: kind}
	x.visits, x.waiting = append(x.visits, v), v
	r.countVisit(metric, x, v)
}

// leaveQueue: metrics.md, rule 8 and section Queue, campaign, contact centre.
func (r *reference) leaveQueue(x *plainInteraction, outcome schema.VisitOutcome) {
	v := x.waiting
	if v == nil {
		return
	}
	x.waiting, v.end, v.outcome = nil, r.now, outcome
	if outcome == schema.OutcomeAnswered {
		x.answered = v
	}
	if v.kind != schema.VisitFirst {
		if outcome == schema.OutcomeAnswered || outcome == schema.OutcomeAbandoned {
			r.countVisit("again_"+outcome.String(), x, v)
		}
		return
	}
	r.countVisit(outcome.String(), x, v)
	switch outcome {
	case schema.OutcomeAnswered:
		r.measureVisit("wait", x, v)
	case schema.OutcomeAbandoned:
		r.measureVisit("abandon_wait", x, v)
	}
}

// end closes every part still open except wrap.
func (r *reference) end(x *plainInteraction, reason schema.EndReason) {
	outcome, state := schema.OutcomeEndedOther, schema.StateEnded
	switch reason {
	case schema.EndAbandoned:
		outcome = schema.OutcomeAbandoned
	case schema.EndBreakout:
		outcome = schema.OutcomeBreakout
	case schema.EndExpired:
		outcome = schema.OutcomeExpired
	case schema.EndFailed:
		state = schema.StateFailed
	}
	r.leaveQueue(x, outcome)
	for _, p := range x.parts {
		if p.active() {
			r.endPart(p, state)
		}
	}
	x.ended, x.reason = r.now, reason
}
