package clarity

import (
	"context"
	"sync"

	"floorwalker/query/floor"
	"floorwalker/query/hub"
	encode "floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/schema"
)

// agentFeed follows agents. Without figures of today its rows follow single changes; with them they are as new as the figures.
func (w *watch) agentFeed(f *hub.Feed) {
	if w.p.metrics || w.p.breakdowns {
		f.Windows = []string{"today"}
	}
	switch w.kind {
	case agentsEach:
		members := map[string]bool{} // of the last build of the whole
		f.Build = func(c *hub.Change, rows *hub.Rows) error { return w.buildAgents(c, rows, &members) }
	case agentsTogether:
		f.Whole = true
		f.Build = w.buildAgentsTogether
	default:
		f.Whole = true
		f.Build = w.buildAgentUnits
	}
}

// agentsOf are the agents of a subject that can be seen now.
func (s *sight) agentsOf(of *subject) []*floor.Agent {
	var out []*floor.Agent
	known := map[string]bool{}
	add := func(a *floor.Agent) {
		if !known[a.ID] {
			known[a.ID] = true
			out = append(out, a)
		}
	}
	for _, id := range of.ids {
		if a, ok := agentByID(s.v, id); ok && s.may.agent(a) {
			add(a)
		}
	}
	units := s.visibleUnits(of)
	s.fillAgents(units)
	for i := range units {
		for _, a := range units[i].agents {
			add(a)
		}
	}
	return out
}

func (w *watch) buildAgents(c *hub.Change, rows *hub.Rows, members *map[string]bool) error {
	s := w.sight(c)
	if s == nil {
		return nil // nothing is put: all are gone
	}
	b, err := w.board(s, c)
	if err != nil {
		return err
	}
	put := func(a *floor.Agent) { rows.Put(a.ID, w.agentRow(c, b, a)) }
	if !c.Whole {
		for _, id := range c.Agents {
			if !(*members)[id] {
				continue
			}
			if a, ok := c.View.Row(id); ok {
				put(a)
			} else {
				rows.Remove(id)
			}
		}
		return nil
	}
	if !c.Anew { // who belongs to it depends on the directory alone
		for id := range *members {
			if !c.Figures && !c.AgentChanged(id) && rows.Keep(id) {
				continue
			}
			if a, ok := c.View.Row(id); ok {
				put(a)
			}
		}
		return nil
	}
	clear(*members)
	for _, a := range s.agentsOf(&w.subject) {
		(*members)[a.ID] = true
		put(a)
	}
	rows.Only(*members)
	return nil
}

// agentRow is an agent's row. It is the same for all who may see the agent, but for breakdowns, which show the queues that they see, and
// what is masked of customers.
func (w *watch) agentRow(c *hub.Change, b *board, a *floor.Agent) []byte {
	type key struct {
		chosen, eyes, agent string
		mask                *mask.Mask
	}
	k := key{w.chosen, "", a.ID, b.mask}
	if w.p.breakdowns {
		k.eyes = w.eyes
	}
	write := func() []byte {
		if w.p.metrics || w.p.breakdowns {
			b.know(a.ID, w.times)
		}
		if w.past != nil {
			b.past[a.ID] = w.past.of(b.sight, a)
		}
		var e encode.Encoder
		b.writeAgent(&e, a)
		return row(a.ID, e.B)
	}
	if w.past != nil {
		return write() // each feed has its own memory of the past
	}
	return c.Row(k, write)
}

// board is what rows are made of; figures of agents come when they are known.
func (w *watch) board(s *sight, c *hub.Change) (*board, error) {
	b := &board{sight: s, p: w.p, tallies: map[string]*tally{}, breakdowns: map[string]map[string]*tally{}, past: map[string][]schema.Interval{}}
	if w.p.metrics || w.p.breakdowns {
		if b.figures = c.LiveWindow("today"); b.figures == nil {
			return nil, notKnownToday()
		}
	}
	return b, nil
}

// know adds one agent's figures: those of all would be made for the sake of a few.
func (b *board) know(agent string, times *statusTimes) {
	if b.tallies[agent] != nil {
		return
	}
	windows, day := b.figures.Agent(agent)
	sum := &tally{}
	b.tallies[agent] = sum
	if day != nil {
		sum.addStatuses(day.Intervals, times, b.figures.From, b.figures.To, b.figures.AsOf)
	}
	for _, win := range windows {
		sum.addWindow(win)
		if !b.p.breakdowns || win.Queue == "" {
			continue
		}
		if b.breakdowns[agent] == nil {
			b.breakdowns[agent] = map[string]*tally{}
		}
		if b.breakdowns[agent][win.Queue] == nil {
			b.breakdowns[agent][win.Queue] = &tally{}
		}
		b.breakdowns[agent][win.Queue].addWindow(win)
	}
}

// unchanged reports whether what several agents come to is as it was.
func unchanged(c *hub.Change, all []*floor.Agent) bool {
	if c.Anew || c.Figures {
		return false
	}
	for _, a := range all {
		if c.AgentChanged(a.ID) {
			return false
		}
	}
	return true
}

func (w *watch) buildAgentsTogether(c *hub.Change, rows *hub.Rows) error {
	s := w.sight(c)
	if s == nil {
		return nil
	}
	all := s.agentsOf(&w.subject)
	if len(all) == 0 || unchanged(c, all) && rows.Keep(togetherKey) {
		return nil
	}
	b, err := w.board(s, c)
	if err != nil {
		return err
	}
	w.knowAll(b, all)
	var e encode.Encoder
	b.writeAggregate(&e, all)
	rows.Put(togetherKey, row(togetherKey, e.B))
	return nil
}

func (w *watch) knowAll(b *board, all []*floor.Agent) {
	if b.figures == nil {
		return
	}
	for _, a := range all {
		b.know(a.ID, w.times)
	}
}

func (w *watch) buildAgentUnits(c *hub.Change, rows *hub.Rows) error {
	s := w.sight(c)
	if s == nil {
		return nil
	}
	units := s.visibleUnits(&w.subject)
	s.fillAgents(units)
	b, err := w.board(s, c)
	if err != nil {
		return err
	}
	for i := range units {
		u := &units[i]
		key := unitKey(u)
		if unchanged(c, u.agents) && rows.Keep(key) {
			continue
		}
		if w.p.breakdowns {
			w.knowAll(b, u.agents)
		}
		var e encode.Encoder
		b.writeUnit(&e, u)
		rows.Put(key, row(key, e.B))
	}
	return nil
}

// pastStatuses are statuses of the last 24 hours of a feed's agents: what history knew when the feed was made, and from then on what the
// live view says, with the reasons that were seen. History itself is not asked again: a feed must not wait for it.
type pastStatuses struct {
	base map[string][]schema.Interval // nil: there is no history, and reasons are not shown

	mu      sync.Mutex
	reasons map[string]map[int64][2]string // by agent, then when the status began
}

// remember reads what history knows of the agents that are followed.
func (w *watch) remember(ctx context.Context, s *sight) error {
	if !w.p.status || !w.p.history {
		return nil
	}
	w.past = &pastStatuses{reasons: map[string]map[int64][2]string{}}
	if w.api.History == nil {
		return nil
	}
	b := &board{sight: s, p: w.p}
	if err := b.readStatuses(ctx, s.agentsOf(&w.subject)); err != nil {
		return err
	}
	w.past.base = b.past
	return nil
}

// of are an agent's statuses, oldest first, as board.past has them.
func (p *pastStatuses) of(s *sight, a *floor.Agent) []schema.Interval {
	live := s.api.Source.StatusIntervals(s.v, a.ID)
	if p.base == nil {
		return live
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.reasons[a.ID]
	if seen == nil {
		seen = map[int64][2]string{}
		p.reasons[a.ID] = seen
	}
	for since := range seen {
		if since < s.v.AsOf-2*dayMs {
			delete(seen, since)
		}
	}
	since := a.Live.StatusSince
	if a.Live.Status.IsPresence() {
		since = max(since, a.Live.Presence.Since) // a new reason begins an interval, not a status
	}
	if _, known := seen[since]; !known {
		seen[since] = a.Live.StatusReason
	}
	out := append([]schema.Interval(nil), p.base[a.ID]...)
	for _, iv := range live {
		n := len(out)
		if n > 0 && iv.Start <= out[n-1].Start {
			if iv.Start == out[n-1].Start {
				out[n-1].End = iv.End
			}
			continue
		}
		if n > 0 && out[n-1].End > iv.Start {
			out[n-1].End = iv.Start
		}
		reason := seen[iv.Start]
		iv.ReasonID, iv.ReasonName = reason[0], reason[1]
		out = append(out, iv)
	}
	return out
}
