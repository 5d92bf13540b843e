package engine

import (
	"slices"
	"sort"

	"floorwalker/schema"
)

// An interaction's changes are inputs of its agents' timelines; when an agent logs out and when a wrap ends is decided there and
// goes back to the interaction. Neither changes what the interaction told its agents before, so this comes to rest.

// maxDepth bounds a cascade. None comes near it: it is there so that a fault in folding cannot stop a partition for ever.
const maxDepth = 200

// stamped is an input with its event time, before it has a place in a timeline.
type stamped struct {
	t  int64
	in input
	x  *extra
}

func (c *center) take() *outputs {
	if n := len(c.spare); n > 0 {
		o := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return o
	}
	return &outputs{}
}

func (c *center) give(o *outputs) {
	o.reset()
	c.spare = append(c.spare, o)
}

// place gives inputs their timeline's own form.
func place[S any](l *timeline[S], f fold[S], completeUntil int64, list []stamped) []input {
	out := make([]input, len(list))
	for i := range list {
		out[i] = placeOne(l, f, completeUntil, &list[i])
	}
	return out
}

func placeOne[S any](l *timeline[S], f fold[S], completeUntil int64, s *stamped) input {
	l.makeRoom(f, s.t, completeUntil)
	in := s.in
	l.stamp(&in, s.t)
	if s.x != nil {
		in.x = l.addExtra(s.x)
	}
	return in
}

// editInteraction changes an interaction's inputs, folds, and passes on what comes out. out keeps the outputs of the new course.
func (c *center) editInteraction(i *interaction, remove, insert []stamped, out *outputs) {
	if len(remove) == 0 && len(insert) == 1 {
		c.addToInteraction(i, insert[0], out)
		return
	}
	i.line.trim(c.completeUntil)
	c.touchInteraction(i)
	gone := place(&i.line, fold[course](i), c.completeUntil, remove)
	c.refoldInteraction(i, gone, place(&i.line, fold[course](i), c.completeUntil, insert), out)
}

// addToInteraction is editInteraction for one more input, which is the newest most of the time.
func (c *center) addToInteraction(i *interaction, s stamped, out *outputs) {
	i.line.trim(c.completeUntil)
	c.touchInteraction(i)
	in := placeOne(&i.line, fold[course](i), c.completeUntil, &s)
	if i.line.add(i, in, out) {
		c.awaitEnd(i)
		c.pass(i, nil, out)
		return
	}
	c.refoldInteraction(i, nil, []input{in}, out)
}

func (c *center) refoldInteraction(i *interaction, remove, insert []input, out *outputs) {
	was := c.take()
	defer c.give(was)
	c.keys.note(i)
	i.line.edit(i, remove, insert, was, out)
	c.awaitEnd(i)
	c.tombstone(i, &c.keys)
	c.settleCounts(was, out)
	c.pass(i, was, out)
	c.disown(i)
}

// settleCounts leaves in out's orphans and outOfState what the new course has more of than the old one.
func (c *center) settleCounts(was, out *outputs) {
	out.orphans = max(0, out.orphans-was.orphans)
	out.outOfState = max(0, out.outOfState-was.outOfState)
}

// firstCreated reports whether a created event at t is the first of its interaction, which then holds from the beginning.
func (i *interaction) firstCreated(t int64, x *extra) bool {
	return i.attrs == nil || t < i.created.t || t == i.created.t && lessSequence(x, i.created.x)
}

// create gives an interaction its attributes. What came before it is folded again, because they hold from the beginning.
func (c *center) create(i *interaction, s stamped, out *outputs) {
	first := created{s.t, s.x}
	if len(i.line.in) == 0 && i.line.first == nil {
		i.attribute(s.x.attrs, first)
		c.addToInteraction(i, s, out)
		return
	}
	c.reattribute(i, s.x.attrs, first, &s, out)
	c.disown(i)
}

// disown takes attributes back whose created turned out to lie after the end.
func (c *center) disown(i *interaction) {
	if i.attrs == nil || i.line.head.Created {
		return
	}
	out := c.take()
	c.reattribute(i, nil, created{}, nil, out)
	c.give(out)
}

// reattribute folds an interaction again with other attributes, and one more input if insert is given.
func (c *center) reattribute(i *interaction, attrs *attributes, from created, insert *stamped, out *outputs) {
	i.line.trim(c.completeUntil)
	c.touchInteraction(i)
	was := c.take()
	defer c.give(was)
	c.keys.note(i)
	l := &i.line
	l.unpackAll(c)
	c.refoldAll(i, was)
	i.attribute(attrs, from)
	if insert != nil {
		in := placeOne(l, fold[course](i), c.completeUntil, insert)
		l.in = slices.Insert(l.in, l.position(i, &in), in)
	}
	l.snaps = nil
	l.head = *c.refoldAll(i, out)
	c.awaitEnd(i)
	c.tombstone(i, &c.keys)
	c.settleCounts(was, out)
	c.pass(i, was, out)
}

// refoldAll folds what is left of an interaction's timeline.
func (c *center) refoldAll(i *interaction, out *outputs) *course {
	s := i.line.before(i, 0, out)
	for k := range i.line.in {
		i.apply(s, &i.line.in[k], out)
	}
	return s
}

// pass hands an interaction's outputs on: contributions to windows, transitions to agents. was is nil where nothing was folded again.
func (c *center) pass(i *interaction, was, is *outputs) {
	c.contribute(was, is)
	if c.depth == maxDepth {
		return
	}
	c.depth++
	defer func() { c.depth-- }()
	transitions := is.transitions
	var gone []transition
	if was != nil {
		gone, transitions = difference(was.transitions, is.transitions)
	}
	if len(gone) == 0 && len(transitions) == 0 {
		return
	}
	if len(gone) == 0 && was == nil {
		for k := range transitions {
			tr := transitions[k]
			c.editAgentOnce(c.agents[tr.agent], stamped{t: tr.t, in: tr.pack()})
			if tr.state == schema.StateRinging {
				c.pullLogout(i, tr.agent, tr.t, schema.Open)
			}
		}
		return
	}
	c.passByAgent(gone, slices.Clone(transitions))
	for p := 0; p < len(i.line.head.Parts); p++ {
		if pt := &i.line.head.Parts[p]; pt.Offered != schema.NoTime {
			c.pullLogout(i, pt.Agent, pt.Offered, pt.ringEnd())
		}
	}
}

// ringEnd is when the offer was taken or ended; Open while it rings.
func (p *part) ringEnd() int64 {
	if p.Connected != schema.NoTime {
		return p.Connected
	}
	return p.Ended
}

// passByAgent edits each agent's timeline once.
func (c *center) passByAgent(gone, now []transition) {
	type change struct{ remove, insert []stamped }
	changes := map[uint32]*change{}
	var order []uint32
	of := func(agent uint32) *change {
		ch := changes[agent]
		if ch == nil {
			ch = &change{}
			changes[agent] = ch
			order = append(order, agent)
		}
		return ch
	}
	for k := range gone {
		ch := of(gone[k].agent)
		ch.remove = append(ch.remove, stamped{t: gone[k].t, in: gone[k].pack()})
	}
	for k := range now {
		ch := of(now[k].agent)
		ch.insert = append(ch.insert, stamped{t: now[k].t, in: now[k].pack()})
	}
	for _, n := range order {
		out := c.take()
		c.editAgent(c.agents[n], changes[n].remove, changes[n].insert, out)
		c.give(out)
	}
}

// difference strips what both courses told agents in the same order. Equal moments are not split, so that the order at one moment
// stays that of the fold.
func difference(was, is []transition) (gone, now []transition) {
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	a, b := len(was), len(is)
	for a > 0 && b > 0 && was[a-1] == is[b-1] {
		a, b = a-1, b-1
	}
	last := int64(schema.NoTime)
	if a > 0 {
		last = was[a-1].t
	}
	if b > 0 {
		last = max(last, is[b-1].t)
	}
	for a < len(was) && b < len(is) && was[a].t <= last {
		a, b = a+1, b+1
	}
	return was[:a], is[:b]
}

// pullLogout makes an offer end where its agent is already known to have logged out while it rang.
func (c *center) pullLogout(i *interaction, agent uint32, from, to int64) {
	a := c.agents[agent]
	from = max(from, c.completeUntil+1) // what is complete stays
	k := sort.Search(len(a.logouts), func(k int) bool { return a.logouts[k] >= from })
	if k < len(a.logouts) && a.logouts[k] <= to {
		c.setLogout(i, a, a.logouts[k], true)
	}
}

// setLogout puts a logout of an agent among an interaction's inputs, or takes it away, if that changes them.
func (c *center) setLogout(i *interaction, a *agent, t int64, there bool) {
	s := stamped{t: t, in: input{kind: kindLogout, ref1: a.n}}
	in := placeOne(&i.line, fold[course](i), c.completeUntil, &s)
	if (i.line.find(i, &in, nil) >= 0) == there {
		return
	}
	out := c.take()
	defer c.give(out)
	if there {
		c.addToInteraction(i, s, out)
	} else {
		c.editInteraction(i, []stamped{s}, nil, out)
	}
}

// contribute applies what changed between two courses to the windows.
func (c *center) contribute(was, is *outputs) {
	if was == nil {
		for k := range is.contributions {
			c.count(&is.contributions[k])
		}
		return
	}
	a, b := was.contributions, is.contributions
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	for _, back := range [...]bool{false, true} { // what is taken back must be there first
		for k := range b {
			if b[k].back == back {
				c.count(&b[k])
			}
		}
		for k := range a {
			if undo := a[k]; undo.back != back {
				undo.back = back
				c.count(&undo)
			}
		}
	}
}

func (c *center) editAgentOnce(a *agent, s stamped) {
	out := c.take()
	c.addToAgent(a, s, out)
	c.give(out)
}

func (c *center) tickAgent(a *agent, t int64) {
	c.editAgentOnce(a, stamped{t: t, in: input{kind: kindTick}})
}

// editAgent changes an agent's inputs, folds, and passes on what comes out.
func (c *center) editAgent(a *agent, remove, insert []stamped, out *outputs) {
	if len(remove) == 0 && len(insert) == 1 {
		c.addToAgent(a, insert[0], out)
		return
	}
	a.line.trim(c.completeUntil)
	c.touchAgent(a)
	for k := range insert {
		c.awaitWrap(a, &insert[k])
	}
	gone := place(&a.line, fold[agentState](a), c.completeUntil, remove)
	c.refoldAgent(a, gone, place(&a.line, fold[agentState](a), c.completeUntil, insert), out)
}

// addToAgent is editAgent for one more input, which is the newest most of the time.
func (c *center) addToAgent(a *agent, s stamped, out *outputs) {
	if l := &a.line; len(l.in)-l.lastSnapshot() >= a.every() { // often enough
		l.trim(c.completeUntil)
	}
	c.touchAgent(a)
	c.awaitWrap(a, &s)
	in := placeOne(&a.line, fold[agentState](a), c.completeUntil, &s)
	head := &a.line.head
	now := head.Now
	var began [numKinds]bool
	if a.line.time(&in) <= now {
		for k := range began {
			_, began[k] = head.open(k)
		}
	}
	if !a.line.add(a, in, out) {
		c.refoldAgent(a, nil, []input{in}, out)
		return
	}
	if head.Now == now {
		c.undoBegun(a, &began)
	}
	for k := range out.closed {
		c.closeInterval(a, &out.closed[k])
	}
	for _, we := range out.wrapEnds {
		c.endWrap(we, true)
	}
	for _, t := range out.logouts {
		c.logoutNewest(a, t)
	}
}

// undoBegun takes back intervals that began at the head's very moment and that another input of that moment undid; with them goes
// the cutting at midnights of the interval before, which then goes on.
func (c *center) undoBegun(a *agent, began *[numKinds]bool) {
	s := &a.line.head
	for k := range began {
		st, fresh := s.open(k)
		if !began[k] || fresh && !st.Off {
			continue
		}
		c.facts.removeInterval(a, k, s.Now)
		if cur := &s.Current[k]; !fresh && !cur.Off && cur.Start < s.Now {
			c.pieces(&closedInterval{kind: k, end: s.Now, piece: *cur}, func(piece stretch, _ int64) {
				c.facts.removeInterval(a, k, piece.Start) // the first is written again as the one that goes on
			})
		}
	}
}

// logoutNewest declines the offers that are open when an agent logs out.
func (c *center) logoutNewest(a *agent, t int64) {
	n := 0
	for n < len(a.logouts) && a.logouts[n] <= c.completeUntil {
		n++
	}
	a.logouts = append(slices.Delete(a.logouts, 0, n), t)
	var ringing []uint32
	for k := range a.line.head.Parts {
		if a.line.head.Parts[k].State == schema.StateRinging {
			ringing = append(ringing, a.line.head.Parts[k].Handle)
		}
	}
	for _, h := range ringing {
		if i := c.hot(h); i != nil {
			c.setLogout(i, a, t, true)
		}
	}
}

func (c *center) endWrap(we wrapEnd, there bool) {
	i := c.hot(we.handle)
	if i == nil {
		return
	}
	s := stamped{t: we.t, in: input{kind: kindWrapEnd, b: we.ord}}
	out := c.take()
	if there {
		c.addToInteraction(i, s, out)
	} else {
		c.editInteraction(i, []stamped{s}, nil, out)
	}
	c.give(out)
}

// refoldAgent edits an agent's timeline in the middle and corrects what it had put out.
func (c *center) refoldAgent(a *agent, remove, insert []input, out *outputs) {
	was := c.take()
	defer c.give(was)
	old := a.clone(nil, &a.line.head)
	changed := a.line.edit(a, remove, insert, was, out)
	c.settleCounts(was, out)
	c.correctIntervals(a, old, changed, was, out)

	goneEnds, ends := symmetric(was.wrapEnds, out.wrapEnds)
	goneLogouts, logouts := symmetric(was.logouts, out.logouts)
	for _, we := range goneEnds {
		c.endWrap(we, false)
	}
	for _, we := range ends {
		c.endWrap(we, true)
	}
	if len(goneLogouts)+len(logouts) > 0 {
		c.moveLogouts(a, goneLogouts, logouts)
	}
}

// moveLogouts corrects an agent's logouts in every interaction that it may concern.
func (c *center) moveLogouts(a *agent, gone, now []int64) {
	for _, t := range gone {
		if k := slices.Index(a.logouts, t); k >= 0 {
			a.logouts = slices.Delete(a.logouts, k, k+1)
		}
	}
	a.logouts = append(a.logouts, now...)
	slices.Sort(a.logouts)
	gone = slices.DeleteFunc(gone, func(t int64) bool { return slices.Contains(a.logouts, t) }) // there was another at that moment
	var handles []uint32
	a.line.transitions(c, func(in *input) { handles = append(handles, in.ref1) })
	for k := range a.line.head.Parts {
		handles = append(handles, a.line.head.Parts[k].Handle)
	}
	slices.Sort(handles)
	for _, h := range slices.Compact(handles) {
		i := c.hot(h)
		if i == nil {
			continue
		}
		for _, t := range gone {
			c.setLogout(i, a, t, false)
		}
		for _, t := range now {
			if t >= i.line.head.Start && (i.line.head.Ended == schema.Open || t <= i.line.head.Ended) {
				c.setLogout(i, a, t, true)
			}
		}
	}
}

// symmetric returns what only was and what only is holds.
func symmetric[T comparable](was, is []T) (gone, now []T) {
	rest := slices.Clone(is)
	for _, w := range was {
		if k := slices.Index(rest, w); k >= 0 {
			rest = slices.Delete(rest, k, k+1)
		} else {
			gone = append(gone, w)
		}
	}
	return gone, rest
}

func (c *center) touchAgent(a *agent) {
	if !a.dirty {
		a.dirty = true
		c.dirtyAgents = append(c.dirtyAgents, a)
	}
	c.changed(a)
}

func (c *center) touchInteraction(i *interaction) {
	if !i.dirty {
		i.dirty = true
		c.dirtyInteractions = append(c.dirtyInteractions, i)
	}
	c.changedInteraction(i)
}

// changed notes for a live view that an agent's row is to be made again.
func (c *center) changed(a *agent) {
	if c.live && !a.seen {
		a.seen = true
		c.changedAgents = append(c.changedAgents, a)
	}
}

func (c *center) changedInteraction(i *interaction) {
	if c.live && !i.seen {
		i.seen = true
		c.changedInteractions = append(c.changedInteractions, i)
	}
}
