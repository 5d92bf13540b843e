package engine

import (
	"strings"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// center is one contact centre's part of the engine. Nothing in it depends on another.
type center struct {
	id            string
	horizon       int64
	keep          int64 // how long windows are kept
	newest        int64 // newest event time
	completeUntil int64

	agentIDs  handles        // agents' numbers by hashed ids
	agents    []*agent       // by number; agents[0] is nil
	hotIDs    handles        // seats by hashed ids: few, hence near
	coldIDs   handles        // handles by hashed ids
	slab      []slot         // of interactions by handle
	chunks    coldChunks     // of cold interactions
	seats     []*interaction // hot ones
	freeSeats []uint32
	free      []uint32
	gone      gone // of interactions that left
	byName    map[string]uint32
	names     []string // of queues and campaigns; names[0] is ""

	series    seriesTable
	touched   []*series
	sums      []*Sums // to be kept up to date
	expired   *int64  // the engine's count of interactions that expired
	frozen    int64   // while an event from beyond the horizon is applied: windows that end by then stay as they are
	depth     int     // of the cascade that is going on
	live      bool
	swept     int64 // quarter in which what is too old was last forgotten
	packed    int64 // quarter in which panes were last packed
	seen      dedup
	deadlines deadlines

	dirtyAgents       []*agent
	dirtyInteractions []*interaction
	thawed            []*interaction // may go cold again
	pool              []*interaction // unused
	idle              int            // so many of the pool were not needed since the last sweep
	text              []byte         // room for packing
	facts             changes
	keys, keysNow     keys // scratch
	isDirty           bool

	changedAgents       []*agent // for the live view
	changedInteractions []*interaction

	spare           []*outputs // scratch
	minutes, minute []uint64   // entries of windows, scratch
	window          schema.Window
	slack           []schema.Bin // room for histograms of rows
	slackSegments   []schema.Segment
	recent          []*series // by queue: its windows counted in last
}

func newCenter(id string, cfg *Config) *center {
	return &center{id: strings.Clone(id), horizon: cfg.HorizonMs, keep: cfg.KeepMs, live: cfg.Live, newest: schema.NoTime, completeUntil: schema.NoTime,
		agents: []*agent{nil}, byName: map[string]uint32{"": 0}, names: []string{""}, recent: []*series{nil}, swept: schema.NoTime, packed: schema.NoTime}
}

// name gives a queue's or campaign's number.
func (c *center) name(s string) uint32 {
	n, ok := c.byName[s]
	if !ok {
		n = uint32(len(c.names))
		s = strings.Clone(s)
		c.names, c.recent = append(c.names, s), append(c.recent, nil)
		c.byName[s] = n
	}
	return n
}

// maxWords is how many names may come from texts that many entities share.
const maxWords = 1 << 12

// word is the number among the names of a text that many entities have in common, 0 for none and where there are too many such texts.
func (c *center) word(s string) uint32 {
	n := c.byName[s]
	if n == 0 && s != "" && len(c.names) < maxWords {
		n = c.name(s)
	}
	return n
}

// share gives a text that many entities have in common the same memory.
func (c *center) share(s string) string {
	if n := c.word(s); n != 0 {
		return c.names[n]
	}
	return strings.Clone(s)
}

func (c *center) shareAll(in []string) []string {
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = c.share(s)
	}
	return out
}

// agent gives an agent's number, 0 for no id.
func (c *center) agent(id string) uint32 {
	if id == "" {
		return 0
	}
	hash := xxhash.Sum64String(id)
	n, ok := c.findAgent(id, hash)
	if !ok {
		n = uint32(len(c.agents))
		a := &agent{id: identOf(strings.Clone(id)), n: n, c: c, own: newest{T: schema.NoTime}}
		a.line.head.Parts = a.room[:0]
		c.agents = append(c.agents, a)
		c.agentIDs.add(hash, n)
	}
	return n
}

// findAgent gives the number of an agent that is known.
func (c *center) findAgent(id string, hash uint64) (uint32, bool) {
	return c.agentIDs.find(hash, func(n uint32) bool { return c.agents[n].id.is(id) })
}

// agentOf is agent for an event of an interaction, which mostly names the agent that the one before named.
func (c *center) agentOf(i *interaction, id string) uint32 {
	if n := i.agent; n != 0 && c.agents[n].id.is(id) {
		return n
	}
	n := c.agent(id)
	if n != 0 {
		i.agent = n
	}
	return n
}

func (c *center) agentID(n uint32) string {
	if n == 0 {
		return ""
	}
	return c.agents[n].id.text
}

// interaction finds or makes the interaction of an event; nil where the event comes too late for its id.
func (c *center) interaction(id string, t int64) *interaction {
	hash := xxhash.Sum64String(id)
	if i := c.find(id, hash); i != nil {
		if t <= i.notBefore {
			return nil
		}
		at := c.overBy(i, t)
		if at == schema.Open || t <= at+c.horizon {
			return i
		}
		c.leave(i, at) // its id begins anew
	}
	notBefore := c.notBefore(hash)
	if t <= notBefore {
		return nil
	}
	i := c.newInteraction()
	i.id, i.hash, i.own.T, i.notBefore = identOf(strings.Clone(id)), hash, schema.NoTime, notBefore
	if n := len(c.free); n > 0 {
		i.handle, c.free = c.free[n-1], c.free[:n-1]
	} else {
		i.handle = uint32(len(c.slab))
		c.slab = append(c.slab, 0)
	}
	c.slab[i.handle] = c.seat(i)
	c.lookBy(i, t)
	return i
}

// notBefore is until when an id still belongs to the interaction that had it before.
func (c *center) notBefore(hash uint64) int64 {
	if at, ok := c.gone.find(hash); ok {
		return at + c.horizon
	}
	return schema.NoTime
}

// overBy is when an interaction was finished, as an event at t finds it; Open where it goes on. What expired a horizon before t did so
// whatever else may come, though complete_until passes the moment only 60 s later.
func (c *center) overBy(i *interaction, t int64) int64 {
	s := &i.line.head
	if !s.Born {
		return schema.Open
	}
	if s.Ended == schema.Open {
		due := s.Last + i.limitAt(s.Last)
		if t <= due+c.horizon {
			return schema.Open
		}
		c.expireAt(i, due)
	}
	for p := 0; p < len(s.Parts); p++ {
		if pt := &s.Parts[p]; pt.State == schema.StateWrap && t > pt.WrapStarted+wrapLimitMs+c.horizon {
			c.tickAgent(c.agents[pt.Agent], pt.WrapStarted+wrapLimitMs)
		}
	}
	return s.finishedAt()
}

func (c *center) expireAt(i *interaction, due int64) {
	out := c.take()
	c.addToInteraction(i, stamped{t: due, in: input{kind: kindTick}}, out)
	c.give(out)
}

// leave forgets an interaction but for its id and the moment it was finished.
func (c *center) leave(i *interaction, at int64) {
	if i.line.head.EndReason == schema.EndExpired { // also where a later event saw it before complete_until did
		*c.expired++
	}
	c.gone.put(i.hash, at)
	c.drop(i)
}

// advance moves the newest event time on, and lets happen what complete_until has then passed.
func (c *center) advance(t int64) {
	if floorTo(t, minuteMs) != floorTo(c.newest, minuteMs) {
		c.seen.drop(t - c.horizon)
	}
	c.newest = t
	c.completeUntil = t - c.horizon - wrapAfterMs
	c.expire()
	if q := floorTo(t, quarterMs); q != c.swept {
		c.swept = q
		c.gone.dropUntil(c.completeUntil - c.horizon) // their last possible event would come too late
	}
}

// awaitWrap makes sure that an agent is looked at when a wrap that an input begins has lasted too long.
func (c *center) awaitWrap(a *agent, s *stamped) {
	if s.in.kind == kindTransition && s.in.a == uint8(schema.StateWrap) {
		c.lookAtWrapsAt(a, s.t+wrapLimitMs)
	}
}

func (c *center) lookAtWrapsAt(a *agent, t int64) {
	if a.wrapDue == 0 || t < a.wrapDue {
		a.wrapDue = t
		c.at(t, 0, a.n)
	}
}

// lookAtWraps ends the wraps of an agent that have lasted too long, and sets the next deadline if one goes on.
func (c *center) lookAtWraps(a *agent) {
	a.wrapDue = 0
	for {
		due := int64(schema.Open)
		for k := range a.line.head.Parts {
			if p := &a.line.head.Parts[k]; p.State == schema.StateWrap {
				due = min(due, p.WrapSince+wrapLimitMs)
			}
		}
		if due == schema.Open {
			return
		}
		if due > c.completeUntil {
			c.lookAtWrapsAt(a, due)
			return
		}
		c.tickAgent(a, due)
	}
}

// lookAtSlot looks at an interaction.
func (c *center) lookAtSlot(h uint32, at int64) {
	s := c.slab[h]
	if s.isHot() {
		c.lookAt(c.seats[uint32(s)], at)
	}
	if !s.isCold() {
		return
	}
	switch p := c.chunks.at(s); {
	case p.finished <= c.completeUntil:
		c.leaveCold(h, &p)
	case p.look() == at:
		c.at(p.finished, h, 0)
	}
}

// lookAt lets an interaction expire or leave whose time has come, and sets the next deadline.
func (c *center) lookAt(i *interaction, at int64) {
	if i.look != at {
		return // it left before, or is looked at earlier
	}
	i.look = schema.Open
	s := &i.line.head
	if !s.Born {
		if i.own.T <= c.completeUntil {
			c.drop(i)
		} else {
			c.lookBy(i, i.own.T)
		}
		return
	}
	if s.Ended == schema.Open {
		due := s.Last + i.limitAt(s.Last)
		if due > c.completeUntil {
			c.lookBy(i, min(due, c.completeUntil+liveLimitMs)) // its channel may turn out to be another
			return
		}
		if due > at { // what has its moment before comes first
			c.lookBy(i, due)
			return
		}
		c.expireAt(i, due)
	}
	switch end := s.finishedAt(); {
	case end == schema.Open:
		c.lookBy(i, c.completeUntil+c.horizon) // a wrap is still open
	case end <= c.completeUntil:
		c.leave(i, end)
	default:
		c.lookBy(i, end)
	}
}

// awaitEnd makes sure that an interaction leaves once complete_until has passed the moment at which it was finished.
func (c *center) awaitEnd(i *interaction) {
	if i.line.head.Ended == schema.Open || !i.line.head.Born {
		return
	}
	if end := i.line.head.finishedAt(); end != schema.Open {
		c.lookBy(i, end)
	}
}

// lookBy makes sure that an interaction is looked at once complete_until has passed t.
func (c *center) lookBy(i *interaction, t int64) {
	if t < i.look {
		i.look = t
		c.at(t, i.handle, 0)
	}
}

// drop forgets an interaction that nothing has begun.
func (c *center) drop(i *interaction) {
	c.remove(i.hash, i.handle)
	i.left = true
	c.changedInteraction(i)
}
