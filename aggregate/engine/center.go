package engine

import (
	"container/heap"
	"strings"

	"floorwalker/schema"
)

// center is one contact centre's part of the engine. Nothing in it depends on another.
type center struct {
	id            string
	horizon       int64
	keep          int64 // how long windows are kept
	newest        int64 // newest event time
	completeUntil int64

	byAgent map[string]uint32
	agents  []*agent // by number; agents[0] is nil
	byID    map[string]*interaction
	slab    []*interaction // by handle
	free    []uint32
	gone    map[string]int64 // interactions that left: the moment they were finished
	byName  map[string]uint32
	names   []string // of queues and campaigns; names[0] is ""

	series      map[seriesKey]*series
	touched     []*pane
	expirations int64
	live        bool
	swept       int64 // quarter in which panes were last dropped
	seen        dedup
	deadlines   deadlines

	dirtyAgents       []*agent
	dirtyInteractions []*interaction
	facts             changes
	isDirty           bool

	changedAgents       []*agent // for the live view
	changedInteractions []*interaction
	removed             []string

	spare            []*outputs // scratch
	logKeys, secKeys []uint32
}

func newCenter(id string, cfg *Config) *center {
	return &center{id: strings.Clone(id), horizon: cfg.HorizonMs, keep: cfg.KeepMs, live: cfg.Live, newest: schema.NoTime, completeUntil: schema.NoTime,
		byAgent: map[string]uint32{}, agents: []*agent{nil}, byID: map[string]*interaction{}, gone: map[string]int64{},
		byName: map[string]uint32{"": 0}, names: []string{""}, series: map[seriesKey]*series{}, swept: schema.NoTime}
}

// name gives a queue's or campaign's number.
func (c *center) name(s string) uint32 {
	n, ok := c.byName[s]
	if !ok {
		n = uint32(len(c.names))
		s = strings.Clone(s)
		c.names = append(c.names, s)
		c.byName[s] = n
	}
	return n
}

// agent gives an agent's number, 0 for no id.
func (c *center) agent(id string) uint32 {
	if id == "" {
		return 0
	}
	n, ok := c.byAgent[id]
	if !ok {
		n = uint32(len(c.agents))
		a := &agent{id: strings.Clone(id), n: n, c: c, own: newest{T: schema.NoTime}}
		c.agents = append(c.agents, a)
		c.byAgent[a.id] = n
	}
	return n
}

func (c *center) agentID(n uint32) string {
	if n == 0 {
		return ""
	}
	return c.agents[n].id
}

// interaction finds or makes the interaction of an event; nil where the event comes too late for its id.
func (c *center) interaction(id string, t int64) *interaction {
	if at, ok := c.gone[id]; ok && t <= at+c.horizon {
		return nil
	}
	if i := c.byID[id]; i != nil {
		at := i.line.head.finishedAtOrOpen()
		if at == schema.Open || t <= at+c.horizon {
			return i
		}
		c.leave(i, at) // its id begins anew
	}
	i := &interaction{id: strings.Clone(id), c: c, own: newest{T: schema.NoTime}}
	if n := len(c.free); n > 0 {
		i.handle, c.free = c.free[n-1], c.free[:n-1]
		c.slab[i.handle] = i
	} else {
		i.handle = uint32(len(c.slab))
		c.slab = append(c.slab, i)
	}
	c.byID[i.id] = i
	c.at(t+liveLimitMs, i.handle, 0)
	return i
}

func (s *course) finishedAtOrOpen() int64 {
	if !s.Born {
		return schema.Open
	}
	return s.finishedAt()
}

// leave forgets an interaction but for its id and the moment it was finished.
func (c *center) leave(i *interaction, at int64) {
	delete(c.byID, i.id)
	c.gone[i.id] = at
	c.at(at+c.horizon, 0, 0, i.id)
	c.slab[i.handle] = nil
	c.free = append(c.free, i.handle)
	i.left = true
	c.removed = append(c.removed, i.id)
}

// advance moves the newest event time on, and lets happen what complete_until has then passed.
func (c *center) advance(t int64) {
	c.newest = t
	c.completeUntil = t - c.horizon - wrapAfterMs
	c.expire()
	if q := floorTo(t, quarterMs); q != c.swept {
		c.swept = q
		c.dropPanes()
		c.seen.drop(t - c.horizon)
	}
}

// deadline is a moment at which an interaction, a wrap or an id is to be looked at again once complete_until has passed it.
type deadline struct {
	at     int64
	handle uint32
	agent  uint32 // set: the wraps of this agent
	id     string // set: an id to be forgotten
}

type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at < d[j].at }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	n := len(*d)
	x := (*d)[n-1]
	*d = (*d)[:n-1]
	return x
}

func (c *center) at(t int64, handle, agent uint32, id ...string) {
	d := deadline{at: t, handle: handle, agent: agent}
	if len(id) > 0 {
		d.id = id[0]
	}
	heap.Push(&c.deadlines, d)
}

// expire looks at every deadline that complete_until has passed.
func (c *center) expire() {
	for len(c.deadlines) > 0 && c.deadlines[0].at <= c.completeUntil {
		d := heap.Pop(&c.deadlines).(deadline)
		switch {
		case d.id != "":
			if at, ok := c.gone[d.id]; ok && at+c.horizon <= c.completeUntil {
				delete(c.gone, d.id)
			}
		case d.agent != 0:
			c.tickAgent(c.agents[d.agent], d.at)
		default:
			c.lookAt(c.slab[d.handle], d.at)
		}
	}
}

// lookAt lets an interaction expire or leave whose time has come, and sets the next deadline.
func (c *center) lookAt(i *interaction, at int64) {
	if i == nil {
		return // it left before
	}
	s := &i.line.head
	if !s.Born {
		if i.own.T <= c.completeUntil {
			c.drop(i)
		} else {
			c.at(i.own.T, i.handle, 0)
		}
		return
	}
	if s.Ended == schema.Open {
		if due := s.Last + i.limitAt(s.Last); due > c.completeUntil {
			c.at(due, i.handle, 0)
			return
		} else {
			out := c.take()
			c.editInteraction(i, nil, []stamped{{t: due, in: input{kind: kindTick}}}, out)
			c.give(out)
			c.expirations++
		}
	}
	switch end := s.finishedAt(); {
	case end == schema.Open:
		c.at(c.completeUntil+c.horizon, i.handle, 0) // a wrap is still open
	case end <= c.completeUntil:
		c.leave(i, end)
	default:
		c.at(end, i.handle, 0)
	}
}

// drop forgets an interaction that nothing has begun.
func (c *center) drop(i *interaction) {
	delete(c.byID, i.id)
	c.slab[i.handle] = nil
	c.free = append(c.free, i.handle)
	i.left = true
	c.removed = append(c.removed, i.id)
}
