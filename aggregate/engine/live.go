package engine

import (
	"math"
	"slices"

	"floorwalker/schema"
)

// Changes is what became of a contact centre's live state since the last look.
type Changes struct {
	ContactCenter              string
	NewestEvent, CompleteUntil int64
	Agents                     []*schema.LiveAgent
	Interactions               []*schema.LiveInteraction
	Gone                       []*schema.LiveInteraction // those that left, as they were last
	Intervals                  []schema.Interval         // of effective status: those that changed, deleted ones as tombstones
}

// Look gives the changed live rows of every contact centre that events have touched, and forgets the rows that a Drain would make:
// a live view writes none.
func (e *Engine) Look(visit func(*Changes)) {
	for _, c := range e.dirty {
		ch := c.look()
		c.isDirty = false
		visit(&ch)
	}
	e.dirty = e.dirty[:0]
}

// All marks everything as changed, for a view that begins with a restored engine.
func (e *Engine) All() {
	for _, c := range e.centers {
		if !c.isDirty {
			c.isDirty = true
			e.dirty = append(e.dirty, c)
		}
		for _, a := range c.agents[1:] {
			a.dirty = true
			c.dirtyAgents = append(c.dirtyAgents, a)
			c.changed(a)
		}
		c.changedAll()
	}
}

// changedAll notes that all interactions' rows are to be made again.
func (c *center) changedAll() {
	for h := range c.slab {
		if i := c.hot(uint32(h)); i != nil {
			c.changedInteraction(i)
		}
	}
}

func (c *center) look() Changes {
	ch := Changes{ContactCenter: c.id, NewestEvent: c.newest, CompleteUntil: c.completeUntil}
	for _, i := range c.changedInteractions {
		i.seen = false
		if i.left {
			ch.Gone = append(ch.Gone, c.liveInteraction(i))
			c.changedMarks(i)
			continue
		}
		if !i.line.head.Born {
			continue
		}
		ch.Interactions = append(ch.Interactions, c.liveInteraction(i))
		for p := range i.line.head.Parts {
			if pt := &i.line.head.Parts[p]; pt.active() || pt.State == schema.StateWrap {
				c.changed(c.agents[pt.Agent])
			}
		}
	}
	for _, a := range c.changedAgents {
		a.seen = false
		ch.Agents = append(ch.Agents, c.liveAgent(a))
	}
	c.changedAgents = c.changedAgents[:0]
	ch.Intervals = c.statusRows()
	c.discard()
	c.coolAll(c.changedInteractions)
	c.coolThawed()
	c.sweep()
	clear(c.changedInteractions)
	c.changedInteractions = c.changedInteractions[:0]
	return ch
}

// changedMarks notes that the rows of agents who show a mark of an interaction are to be made again: a mark is shown as long as its
// interaction is live, on every node, also on one that begins with a checkpoint which no longer holds the interaction.
func (c *center) changedMarks(i *interaction) {
	for p := range i.line.head.Parts {
		if a := c.agents[i.line.head.Parts[p].Agent]; len(a.line.head.Marks) > 0 {
			c.changed(a)
		}
	}
}

// statusRows makes the changed rows of effective status.
func (c *center) statusRows() []schema.Interval {
	for _, a := range c.dirtyAgents {
		c.openRows(&a.line.head, func(kind int, piece stretch, end int64) {
			if kind == ofStatus {
				c.facts.put(intervalRow{a: a, kind: ofStatus, piece: piece, end: end})
			}
		})
	}
	return c.takeIntervals(nil, func(kind int) bool { return kind == ofStatus })
}

// discard forgets what a Drain would write.
func (c *center) discard() {
	for _, a := range c.dirtyAgents {
		a.dirty = false
	}
	for _, i := range c.dirtyInteractions {
		i.dirty = false
	}
	for _, s := range c.touched {
		first := int64(math.MaxInt64)
		for p := &s.now; p != nil; p = p.next {
			if p.touched != 0 {
				first = min(first, p.start())
			}
			p.touched = 0
		}
		for _, sums := range c.sums {
			sums.changed(s.key, first)
		}
	}
	clear(c.touched)
	c.dirtyAgents, c.dirtyInteractions, c.touched = c.dirtyAgents[:0], c.dirtyInteractions[:0], c.touched[:0]
	c.facts.parts, c.facts.visits, c.facts.interactions = nil, nil, nil
}

func (c *center) liveAgent(a *agent) *schema.LiveAgent {
	s := &a.line.head
	row := &schema.LiveAgent{ID: a.id.text, Status: s.Status, StatusSince: s.StatusSince, Suspended: s.Suspended, Live: s.Load[0],
		SemiLive: s.Load[1], NonLive: s.Load[2], WorkloadSince: s.LoadSince, LastEvent: s.Now}
	if s.Presence == 0 { // only mentioned so far
		row.Status, row.StatusSince, row.WorkloadSince, row.LastEvent = schema.LoggedOut, schema.NoTime, schema.NoTime, schema.NoTime
		row.Presence = schema.LivePresence{Status: schema.LoggedOut, Since: schema.NoTime}
		return row
	}
	row.Presence = schema.LivePresence{Status: s.Presence, Since: s.PresenceSince}
	if t := s.Tag; t != nil {
		row.Presence.ReasonID, row.Presence.ReasonName, row.Presence.Description = t.ID, t.Name, t.Description
	}
	if _, t := s.effective(); t != nil {
		row.StatusReason = [2]string{t.ID, t.Name}
	}
	if l := s.Session; l != nil {
		row.Session = &schema.LiveSession{ID: l.ID, Extension: l.Extension, UserType: l.UserType, DeviceType: l.DeviceType,
			DeviceURI: l.DeviceURI, Since: l.Since, Capacity: l.Capacity}
	}
	row.Assignment = liveAssignment(s.Assign)
	for k := range s.Parts {
		p := &s.Parts[k]
		if i := c.hot(p.Handle); i != nil && int(p.Ord) < len(i.line.head.Parts) {
			row.Parts = append(row.Parts, c.livePart(i, int(p.Ord)))
		}
	}
	for _, m := range s.Marks {
		if i := c.hot(m.Handle); i != nil && int(m.Ord) < len(i.line.head.Parts) && i.line.head.Parts[m.Ord].Ended == m.At {
			row.Parts = append(row.Parts, c.livePart(i, int(m.Ord)))
		}
	}
	slices.SortStableFunc(row.Parts, func(x, y schema.LivePart) int {
		switch {
		case x.Since < y.Since:
			return -1
		case x.Since > y.Since:
			return 1
		}
		return 0
	})
	return row
}

// liveAssignment keeps empty lists that were named apart from lists that were not.
func liveAssignment(a *assignment) *schema.LiveAssignment {
	if a == nil {
		return nil
	}
	named := func(f schema.Field, list []string) []string {
		if a.Has&f == 0 {
			return nil
		}
		return append([]string{}, list...)
	}
	return &schema.LiveAssignment{QueueIDs: named(schema.HasQueueIDs, a.Queues), CampaignIDs: named(schema.HasCampaignIDs, a.Campaigns),
		Skills: named(schema.HasSkills, a.Skills), QueueID: a.Queue, CampaignID: a.Campaign}
}

func (c *center) livePart(i *interaction, ord int) schema.LivePart {
	s := &i.line.head
	p := &s.Parts[ord]
	row := schema.LivePart{Interaction: i.id.text, Channel: i.channel(), Direction: i.direction(), State: p.State, Since: p.Start,
		StateSince: p.Since, Connected: p.Connected, Role: p.Role, Primary: s.Primary == int32(ord+1),
		InitiatingAgent: c.agentID(p.Initiating)}
	if seg := p.Segments.last(); seg != nil {
		row.Reason = seg.reason()
	}
	return row
}

func (c *center) liveInteraction(i *interaction) *schema.LiveInteraction {
	s := &i.line.head
	row := &schema.LiveInteraction{Interaction: c.interactionRow(i), Waiting: s.Waiting != 0, HoldSince: schema.NoTime,
		RecordingSince: schema.NoTime, LastEvent: i.own.T}
	for p := range s.Parts {
		row.Parts = append(row.Parts, c.partRow(i, p))
		if pt := &s.Parts[p]; pt.State == schema.StateHeld && (row.HoldSince == schema.NoTime || s.Primary == int32(p+1)) {
			row.HoldSince = pt.Since
		}
	}
	for v := range s.Visits {
		row.Visits = append(row.Visits, c.visitRow(i, v))
	}
	return row
}
