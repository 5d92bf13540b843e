package peers

import (
	"slices"
	"strings"

	"floorwalker/schema"
)

// fold is the job of one partition, on decoded events, and nothing but the job: what Floorwalker's reader and decoder cost with as
// little behind them as its peers have.
type fold struct {
	centers map[string]*foldCenter
	touched []*foldCell // since the last drain
}

type foldCenter struct {
	id           string
	interactions map[string]*foldInteraction
	entities     [2]map[string]*foldEntity // queues, agents
}

// foldEntity is a queue or an agent. Its cells are few at a time: events come in order of time, and cells are forgotten once drained
// and passed.
type foldEntity struct {
	center *foldCenter
	agent  bool
	name   string
	cells  []*foldCell
}

type foldCell struct {
	of      *foldEntity
	minute  int64
	touched bool
	Cell
}

type foldInteraction struct {
	waiting, last, transferTo *foldEntity // queues
	since                     int64
	first                     bool
	dialer                    *foldEntity
	visited                   []*foldEntity
	parts                     []foldPart
}

type foldPart struct {
	agent, queue *foldEntity
	role         schema.Role
	parked       bool
	talk, since  int64 // since: of the talking that goes on, or -1
}

func newFold() *fold { return &fold{centers: map[string]*foldCenter{}} }

func (f *fold) center(id string) *foldCenter {
	c := f.centers[id]
	if c == nil {
		id = strings.Clone(id)
		c = &foldCenter{id: id, interactions: map[string]*foldInteraction{}, entities: [2]map[string]*foldEntity{{}, {}}}
		f.centers[id] = c
	}
	return c
}

func (c *foldCenter) entity(agent bool, name string) *foldEntity {
	if name == "" {
		return nil
	}
	kind := 0
	if agent {
		kind = 1
	}
	e := c.entities[kind][name]
	if e == nil {
		name = strings.Clone(name)
		e = &foldEntity{center: c, agent: agent, name: name}
		c.entities[kind][name] = e
	}
	return e
}

// apply folds one event in.
func (f *fold) apply(ev *schema.Event) {
	switch ev.Type {
	case schema.InteractionCreated, schema.InteractionQueued, schema.InteractionConnected, schema.InteractionHeld, schema.InteractionResumed,
		schema.InteractionParked, schema.InteractionUnparked, schema.InteractionTransferred, schema.InteractionLeft,
		schema.InteractionWrapStarted, schema.InteractionEnded:
	default:
		return
	}
	c := f.center(ev.ContactCenter)
	i := c.interactions[ev.Subject]
	if i == nil {
		if !ev.Type.Begins() {
			return
		}
		i = &foldInteraction{}
		c.interactions[strings.Clone(ev.Subject)] = i
	}
	f.step(c, i, ev)
	if ev.Type == schema.InteractionEnded {
		delete(c.interactions, ev.Subject)
	}
}

func (f *fold) step(c *foldCenter, i *foldInteraction, ev *schema.Event) {
	t, agent := ev.Time, c.entity(true, ev.AgentID)
	p := i.part(agent)
	switch ev.Type {
	case schema.InteractionCreated:
		if ev.Direction != schema.Inbound {
			i.dialer = agent
		}
	case schema.InteractionQueued:
		f.queued(i, c.entity(false, ev.QueueID), t)
	case schema.InteractionConnected:
		f.connected(i, p, agent, ev.Role, t)
	case schema.InteractionHeld, schema.InteractionParked:
		if p >= 0 {
			i.parts[p].stop(t)
			i.parts[p].parked = ev.Type == schema.InteractionParked
		}
	case schema.InteractionResumed:
		if p >= 0 {
			i.parts[p].resume(t)
		}
	case schema.InteractionUnparked:
		f.unparked(i, p, agent, t)
	case schema.InteractionTransferred:
		if p < 0 {
			return
		}
		f.close(i, p, t)
		to := c.entity(false, ev.ToQueueID)
		if i.waiting != to {
			i.waiting = nil
		}
		if to != nil {
			i.transferTo = to
		}
	case schema.InteractionLeft, schema.InteractionWrapStarted:
		if p >= 0 {
			f.close(i, p, t)
		}
	case schema.InteractionEnded:
		if i.waiting != nil && i.first && ev.End == schema.EndAbandoned {
			f.cell(i.waiting, t).Abandoned++
		}
		for len(i.parts) > 0 {
			f.close(i, len(i.parts)-1, t)
		}
	}
}

func (f *fold) queued(i *foldInteraction, queue *foldEntity, t int64) {
	transfer := i.transferTo == queue
	i.transferTo = nil
	if i.waiting == queue {
		return
	}
	again := slices.Contains(i.visited, queue)
	if !again {
		i.visited = append(i.visited, queue)
	}
	i.waiting, i.last, i.since, i.first = queue, queue, t, !transfer && !again
	if i.first {
		f.cell(queue, t).Offered++
	}
}

func (f *fold) connected(i *foldInteraction, p int, agent *foldEntity, role schema.Role, t int64) {
	if role == 0 {
		role = schema.RoleAgent
	}
	if p >= 0 {
		if i.parts[p].role == role {
			return
		}
		f.close(i, p, t)
	}
	i.parts = append(i.parts, foldPart{agent: agent, queue: i.last, role: role, since: t})
	if i.dialer == agent {
		i.dialer = nil
	} else if role == schema.RoleAgent {
		f.cell(agent, t).Answered++
	}
	if i.waiting == nil || !role.Serves() {
		return
	}
	if i.first {
		f.cell(i.waiting, t).Add(Cell{Answered: 1, WaitSum: t - i.since, WaitMax: t - i.since})
	}
	i.waiting = nil
}

func (f *fold) unparked(i *foldInteraction, p int, agent *foldEntity, t int64) {
	if p >= 0 {
		i.parts[p].resume(t)
		return
	}
	for o := len(i.parts) - 1; o >= 0; o-- {
		if i.parts[o].parked {
			role := i.parts[o].role
			f.close(i, o, t)
			i.parts = append(i.parts, foldPart{agent: agent, queue: i.last, role: role, since: t})
			return
		}
	}
}

func (f *fold) close(i *foldInteraction, n int, t int64) {
	p := &i.parts[n]
	p.stop(t)
	if !p.role.Monitors() {
		talk := Cell{TalkSum: p.talk, TalkMax: p.talk}
		f.cell(p.agent, t).Add(talk)
		if p.queue != nil {
			f.cell(p.queue, t).Add(talk)
		}
	}
	i.parts = slices.Delete(i.parts, n, n+1)
}

func (p *foldPart) stop(t int64) {
	if p.since >= 0 {
		p.talk += t - p.since
	}
	p.since = -1
}

func (p *foldPart) resume(t int64) {
	if p.since < 0 {
		p.since, p.parked = t, false
	}
}

func (i *foldInteraction) part(agent *foldEntity) int {
	return slices.IndexFunc(i.parts, func(p foldPart) bool { return p.agent == agent })
}

func (f *fold) cell(of *foldEntity, t int64) *foldCell {
	minute := t - t%minuteMs
	n := len(of.cells) - 1
	for n >= 0 && of.cells[n].minute != minute {
		n--
	}
	if n < 0 {
		of.cells = append(of.cells, &foldCell{of: of, minute: minute})
		n = len(of.cells) - 1
	}
	c := of.cells[n]
	if !c.touched {
		c.touched = true
		f.touched = append(f.touched, c)
	}
	return c
}

// drain gives every cell that changed since the last call, with all that was counted in it, and forgets the ones that an entity's
// newer cells have passed: in the order that the job is defined on they do not change any more.
func (f *fold) drain(give func(k Key, c Cell)) {
	for _, c := range f.touched {
		give(Key{Center: c.of.center.id, Agent: c.of.agent, Name: c.of.name, Minute: c.minute}, c.Cell)
		c.touched = false
		if n := len(c.of.cells); n > 1 {
			c.of.cells = append(c.of.cells[:0], c.of.cells[n-1])
		}
	}
	f.touched = f.touched[:0]
}
