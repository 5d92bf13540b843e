// Package engine is the pure state machine that turns the events of one partition into facts, windows and live state. It has no
// clock, no timer, no goroutine and does no I/O: its state after offset N is a function of the partition's first N records.
//
// One event's way through it: Apply (this file) → the interaction's fold (steps.go) → what it puts out for windows and agents
// (outputs.go, cascade.go) → the agents' folds (agent.go, status.go) → rows (facts.go, window.go).
package engine

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// Number identifies how this engine folds. It is raised whenever folding changes, and a checkpoint of another number is not
// restored but rebuilt from raw events.
const Number = 2

// DefaultHorizonMs is how far behind its contact centre's newest event an event may come unless the configuration says otherwise.
const DefaultHorizonMs = 60 * 60 * 1000

// Config of an engine; the same for all engines of a topic.
type Config struct {
	HorizonMs int64 // how far behind its contact centre's newest event an event may come; 0 = one hour
	Live      bool  // note what changed for a live view (Look)
	KeepMs    int64 // how long windows are kept in memory; 0 = one hour, what rolling windows need; longer where an event may still correct them
}

// CompleteUntil is up to when history is complete where the newest event is at the given time (events.md, Order).
func (c Config) CompleteUntil(newest int64) int64 {
	if c.HorizonMs <= 0 {
		return newest - DefaultHorizonMs - wrapAfterMs
	}
	return newest - c.HorizonMs - wrapAfterMs
}

// Outcome says what became of an event. Everything but Applied is counted under its name.
type Outcome uint8

const (
	Applied    Outcome = iota
	Duplicate          // (source, id, time) was seen inside the horizon
	Late               // beyond the horizon: raw history only, or folded in as the newest of its entity
	Orphan             // of an interaction that nothing has begun
	OutOfState         // does not fit the state
)

var outcomeNames = [...]string{"applied", "duplicate", "late", "orphan", "out_of_state"}

func (o Outcome) String() string { return outcomeNames[o] }

// Outcomes lists all of them, for counters.
func Outcomes() []Outcome { return []Outcome{Applied, Duplicate, Late, Orphan, OutOfState} }

// Rows is what changed since the last Drain: every key that Apply touched, deleted facts as tombstones, emptied windows as zeros.
type Rows struct {
	Intervals    []schema.Interval
	Visits       []schema.Visit
	Parts        []schema.Part
	Interactions []schema.Interaction
	Windows      []schema.Window
	Window       func(w *schema.Window) // where it is set, it gets each window instead of Windows, valid until it returns: they are large
	Centers      []Center               // contact centres that were touched
}

// Center is how far a contact centre has come.
type Center struct {
	ContactCenter              string
	NewestEvent, CompleteUntil int64
}

// Engine holds the state of one partition. It is not safe for concurrent use.
type Engine struct {
	cfg     Config
	next    int64
	centers map[string]*center
	last    *center // that of the newest event
	dirty   []*center
	expired int64
}

// New returns an empty engine that expects the partition's first record.
func New(cfg Config) *Engine {
	if cfg.HorizonMs <= 0 {
		cfg.HorizonMs = DefaultHorizonMs
	}
	if cfg.KeepMs <= 0 {
		cfg.KeepMs = keepMs
	}
	return &Engine{cfg: cfg, centers: map[string]*center{}}
}

// Position is the next offset to apply.
func (e *Engine) Position() int64 { return e.next }

// Skip notes an offset that holds no event (a dead letter), so that the position moves on.
func (e *Engine) Skip(offset int64) { e.next = max(e.next, offset+1) }

// ExpiredTotal counts the interactions that ended because their end never came.
func (e *Engine) ExpiredTotal() int64 { return e.expired }

// Apply folds one event in. The event's memory is not kept. Offsets must ascend; gaps are fine.
func (e *Engine) Apply(ev *schema.Event, offset int64) Outcome {
	e.next = offset + 1
	c := e.last
	if c == nil || c.id != ev.ContactCenter {
		c = e.center(ev.ContactCenter)
	}
	if !c.isDirty {
		c.isDirty = true
		e.dirty = append(e.dirty, c)
	}
	c.frozen = schema.NoTime
	if c.newest == schema.NoTime || ev.Time > c.newest {
		c.advance(ev.Time)
	}
	late := ev.Time < c.newest-c.horizon
	if late {
		c.frozen = c.completeUntil
	}
	if !late && c.seen.seen(ev) {
		return Duplicate
	}
	switch {
	case ev.Type.OfAgent():
		return c.applyAgent(ev, late)
	case ev.Type.OfInteraction():
		return c.applyInteraction(ev, late)
	}
	return Applied
}

func (e *Engine) center(id string) *center {
	c := e.centers[id]
	if c == nil {
		c = newCenter(id, &e.cfg)
		c.expired = &e.expired
		e.centers[c.id] = c
	}
	e.last = c
	return c
}

func (c *center) applyAgent(ev *schema.Event, late bool) Outcome {
	if late {
		n, ok := c.findAgent(ev.Subject, xxhash.Sum64String(ev.Subject))
		if !ok || !c.agents[n].own.before(ev) {
			return Late
		}
	}
	a := c.agents[c.agent(ev.Subject)]
	in, x := c.agentInput(ev)
	x = withSequence(x, ev)
	if late {
		x = lateAt(x, c.completeUntil)
	}
	a.own.note(ev)
	t := ev.Time
	if late {
		t = max(t, c.completeUntil)
	}
	out := c.take()
	c.addToAgent(a, stamped{t, in, x}, out)
	o := outcome(late, out)
	c.give(out)
	return o
}

func outcome(late bool, out *outputs) Outcome {
	switch {
	case late:
		return Late
	case out.orphans > 0:
		return Orphan
	case out.outOfState > 0:
		return OutOfState
	}
	return Applied
}

func (c *center) applyInteraction(ev *schema.Event, late bool) Outcome {
	if late {
		i := c.find(ev.Subject, xxhash.Sum64String(ev.Subject))
		if i == nil || !i.own.before(ev) || !i.line.head.Born {
			return Late
		}
	}
	i := c.interaction(ev.Subject, ev.Time)
	if i == nil {
		if ev.Type.Annotation() {
			return Applied
		}
		return OutOfState
	}
	in, x := c.interactionInput(i, ev)
	x = withSequence(x, ev)
	if late {
		x = lateAt(x, c.completeUntil)
	}
	i.own.note(ev)
	out := c.take()
	if ev.Type == schema.InteractionCreated && !late && i.firstCreated(ev.Time, x) {
		c.create(i, stamped{ev.Time, in, x}, out)
	} else {
		c.addToInteraction(i, stamped{ev.Time, in, x}, out)
	}
	o := outcome(late, out)
	c.give(out)
	return o
}

func withSequence(x *extra, ev *schema.Event) *extra {
	if !ev.HasSequence {
		return x
	}
	if x == nil {
		x = &extra{}
	}
	x.seq, x.hasSeq = ev.Sequence, true
	return x
}

func lateAt(x *extra, t int64) *extra {
	if x == nil {
		x = &extra{}
	}
	x.late = t
	return x
}

// agentInput packs an agent's own event.
func (c *center) agentInput(ev *schema.Event) (input, *extra) {
	in := input{kind: uint8(ev.Type)}
	switch ev.Type {
	case schema.AgentLogin:
		login := &struct { // one allocation, here and below
			extra
			session
		}{session: session{ID: ev.SessionID, Extension: ev.Extension, UserType: c.share(ev.UserType), DeviceType: c.share(ev.DeviceType),
			DeviceURI: ev.DeviceURI, Since: ev.Time, Capacity: ev.Capacity}}
		together(&login.ID, &login.Extension, &login.DeviceURI)
		login.login = &login.session
		return in, &login.extra
	case schema.AgentStatus:
		in.a = uint8(ev.Status)
		if ev.ReasonID != "" || ev.ReasonName != "" || ev.Description != "" {
			status := &struct {
				extra
				of tag
			}{of: tag{ID: c.share(ev.ReasonID), Name: c.share(ev.ReasonName), Description: strings.Clone(ev.Description)}}
			status.tag = &status.of
			return in, &status.extra
		}
	case schema.AgentSuspended:
		if ev.Suspended {
			in.a = 1
		}
	case schema.AgentAssignment:
		const named = schema.HasQueueIDs | schema.HasCampaignIDs | schema.HasSkills | schema.HasQueueID | schema.HasCampaignID
		assigned := &struct {
			extra
			of assignment
		}{of: assignment{Has: ev.Has & named, Queues: c.shareAll(ev.QueueIDs), Campaigns: c.shareAll(ev.CampaignIDs),
			Skills: c.shareAll(ev.Skills), Queue: c.share(ev.QueueID), Campaign: c.share(ev.CampaignID)}}
		assigned.assign = &assigned.of
		return in, &assigned.extra
	}
	return in, nil
}

// together moves texts into one piece of memory.
func together(texts ...*string) {
	n := 0
	for _, s := range texts {
		n += len(*s)
	}
	var all strings.Builder
	all.Grow(n)
	for _, s := range texts {
		all.WriteString(*s)
	}
	rest := all.String()
	for _, s := range texts {
		*s, rest = rest[:len(*s)], rest[len(*s):]
	}
}

// interactionInput packs an interaction's own event.
func (c *center) interactionInput(i *interaction, ev *schema.Event) (input, *extra) {
	in := input{kind: uint8(ev.Type)}
	switch ev.Type {
	case schema.InteractionCreated:
		created := &struct {
			extra
			attributes
		}{attributes: attributes{Channel: ev.Channel, Direction: ev.Direction, Kind: ev.Kind, Number: ev.Number,
			CallID: ev.CallID, ChatID: ev.ChatID, Campaign: c.name(ev.CampaignID), CallFlow: c.share(ev.CallFlowID),
			Agent: c.agentOf(i, ev.AgentID), Customer: append([]byte(nil), ev.Customer...), ScreenPopURL: ev.ScreenPopURL, Gruu: ev.Gruu,
			CanRecord: ev.CanRecord}}
		together(&created.CallID, &created.ChatID, &created.ScreenPopURL, &created.Gruu)
		created.attrs = &created.attributes
		return in, &created.extra
	case schema.InteractionUpdated:
		if ev.Has&schema.HasCampaignID != 0 {
			in.a, in.ref1 = 1, c.name(ev.CampaignID)
		}
	case schema.InteractionQueued:
		in.ref1 = c.name(ev.QueueID)
		if ev.Has&(schema.HasPriority|schema.HasSkills) != 0 {
			return in, &extra{num: ev.Priority, text: c.shareAll(ev.Skills)}
		}
	case schema.InteractionOffered, schema.InteractionConnected:
		in.ref1, in.ref2, in.a = c.agentOf(i, ev.AgentID), c.agentOf(i, ev.InitiatingAgentID), uint8(ev.Role)
	case schema.InteractionDeclined:
		in.ref1, in.a = c.agentOf(i, ev.AgentID), uint8(ev.Decline)
	case schema.InteractionHeld, schema.InteractionResumed, schema.InteractionParked, schema.InteractionUnparked,
		schema.InteractionLeft, schema.InteractionWrapStarted, schema.InteractionWrapEnded:
		in.ref1 = c.agentOf(i, ev.AgentID)
	case schema.InteractionTransferred:
		in.ref1 = c.agentOf(i, ev.AgentID)
		if ev.ToQueueID != "" {
			in.ref2, in.b = c.name(ev.ToQueueID), 1
		} else {
			in.ref2 = c.agentOf(i, ev.ToAgentID)
		}
	case schema.InteractionMessage:
		in.ref1 = c.agentOf(i, ev.AgentID)
		if ev.FromAgent {
			in.a = 1
		}
	case schema.InteractionEnded:
		in.a, in.b, in.ref2 = uint8(ev.End), uint16(ev.By), uint32(ev.Cause)
	}
	return in, nil
}

// Drain appends to rows what changed since the last Drain.
func (e *Engine) Drain(rows *Rows) {
	for _, c := range e.dirty {
		c.drain(rows)
		c.isDirty = false
	}
	e.dirty = e.dirty[:0]
}
