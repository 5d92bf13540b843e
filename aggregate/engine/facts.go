package engine

import (
	"slices"

	"floorwalker/schema"
)

const dayMs = 24 * 60 * minuteMs

// changes collects the facts to be written at the next Drain; a later word on a key replaces an earlier one.
type changes struct {
	intervals    []intervalRow
	corrected    []*agent           // those of which a key may come twice
	newest       map[intervalID]int // where their keys came last
	parts        []schema.Part      // tombstones
	visits       []schema.Visit
	interactions []schema.Interaction
}

type intervalID struct {
	agent uint32
	kind  schema.IntervalKind
	start int64
}

// intervalRow is an interval before it is made a row: half the size.
type intervalRow struct {
	a       *agent
	end     int64
	piece   stretch
	kind    uint8
	deleted bool
}

func (r *intervalRow) id() intervalID { return intervalID{r.a.n, intervalKinds[r.kind], r.piece.Start} }

// put notes an interval. Agents that go on in order put each key once; only for the others is it looked up.
func (f *changes) put(row intervalRow) {
	if row.a.corrected {
		id := row.id()
		if k, ok := f.newest[id]; ok {
			f.intervals[k] = row
			return
		}
		f.newest[id] = len(f.intervals)
	}
	f.intervals = append(f.intervals, row)
}

// correct makes sure that the last word on each interval of an agent holds.
func (f *changes) correct(a *agent) {
	if a.corrected {
		return
	}
	a.corrected = true
	f.corrected = append(f.corrected, a)
	if f.newest == nil {
		f.newest = map[intervalID]int{}
	}
}

// removeInterval notes that no interval of this kind begins there any more.
func (f *changes) removeInterval(a *agent, kind int, start int64) {
	f.correct(a)
	f.put(intervalRow{a: a, kind: uint8(kind), piece: stretch{Start: start}, deleted: true})
}

// takeIntervals gives the last word on each interval of the kinds that are wanted, and forgets all.
func (c *center) takeIntervals(rows []schema.Interval, wanted func(kind int) bool) []schema.Interval {
	f := &c.facts
	for k := range f.intervals {
		r := &f.intervals[k]
		if r.a.corrected {
			if last, ok := f.newest[r.id()]; ok && last != k {
				continue
			}
		}
		if !wanted(int(r.kind)) {
			continue
		}
		row := schema.Interval{Kind: intervalKinds[r.kind], Start: r.piece.Start, Deleted: true}
		if !r.deleted {
			row = interval(int(r.kind), &r.piece, r.end)
		}
		row.ContactCenter, row.Agent = c.id, r.a.id.text
		rows = append(rows, row)
	}
	for _, a := range f.corrected {
		a.corrected = false
	}
	clear(f.intervals)
	clear(f.newest)
	f.intervals, f.corrected = f.intervals[:0], f.corrected[:0]
	return rows
}

// closeInterval writes an interval that ended, cut at each UTC midnight. Logged-out presence is one uncut row.
func (c *center) closeInterval(a *agent, iv *closedInterval) {
	c.pieces(iv, func(piece stretch, end int64) {
		c.facts.put(intervalRow{a: a, kind: uint8(iv.kind), piece: piece, end: end})
	})
}

// pieces cuts an interval at midnights.
func (c *center) pieces(iv *closedInterval, add func(piece stretch, end int64)) {
	piece := iv.piece
	if iv.kind == ofPresence && piece.Status == schema.LoggedOut {
		add(piece, iv.end)
		return
	}
	for piece.Start < iv.end {
		end := min(iv.end, floorTo(piece.Start, dayMs)+dayMs)
		add(piece, end)
		piece.Continued, piece.Start = true, end
	}
}

// interval makes a row without contact centre and agent.
func interval(kind int, s *stretch, end int64) schema.Interval {
	row := schema.Interval{Kind: intervalKinds[kind], Start: s.Start, End: end, Status: s.Status, Live: s.Load[0],
		SemiLive: s.Load[1], NonLive: s.Load[2], Suspended: s.Suspended, Continued: s.Continued}
	if t := s.Tag; t != nil {
		row.ReasonID, row.ReasonName, row.Description = t.ID, t.Name, t.Description
	}
	return row
}

// openRows makes the rows of a state's intervals that go on: the one that goes on, and its predecessor where it ended just now.
func (c *center) openRows(s *agentState, add func(kind int, piece stretch, end int64)) {
	if s.Presence == 0 {
		return
	}
	for k := range s.Current {
		st, fresh := s.open(k)
		if cur := &s.Current[k]; fresh && !cur.Off && cur.Start < s.Now {
			c.pieces(&closedInterval{kind: k, end: s.Now, piece: *cur}, func(piece stretch, end int64) { add(k, piece, end) })
		}
		if !st.Off {
			add(k, st, schema.Open)
		}
	}
}

// correctIntervals replaces what an agent's old course had put out by what the new one does.
func (c *center) correctIntervals(a *agent, old *agentState, headChanged bool, was, is *outputs) {
	gone := map[intervalID]bool{}
	c.facts.correct(a)
	idOf := func(kind int, piece *stretch) intervalID { return intervalID{a.n, intervalKinds[kind], piece.Start} }
	note := func(kind int, piece stretch, _ int64) { gone[idOf(kind, &piece)] = true }
	for k := range was.closed {
		c.pieces(&was.closed[k], func(piece stretch, end int64) { note(was.closed[k].kind, piece, end) })
	}
	if headChanged {
		c.openRows(old, note)
	}
	for k := range is.closed {
		iv := &is.closed[k]
		c.pieces(iv, func(piece stretch, _ int64) { delete(gone, idOf(iv.kind, &piece)) })
		c.closeInterval(a, iv)
	}
	if headChanged {
		c.openRows(&a.line.head, func(kind int, piece stretch, _ int64) { delete(gone, idOf(kind, &piece)) })
	}
	for id := range gone {
		c.facts.removeInterval(a, slices.Index(intervalKinds[:], id.kind), id.start)
	}
}

// keys are the facts of an interaction that a refold may undo.
type keys struct {
	born   bool
	start  int64
	visits []visitKey
	parts  []partKey
}

type visitKey struct {
	start int64
	n     uint16
}

func (k visitKey) at() int64 { return k.start }

type partKey struct {
	agent uint32
	start int64
	n     uint16
}

func (k partKey) at() int64 { return k.start }

// note takes down those of an interaction.
func (k *keys) note(i *interaction) {
	s := &i.line.head
	k.born, k.start, k.visits, k.parts = s.Born, s.Start, k.visits[:0], k.parts[:0]
	for v := range s.Visits {
		k.visits = append(k.visits, visitKey{s.Visits[v].Start, s.visitN(v)})
	}
	for p := range s.Parts {
		k.parts = append(k.parts, partKey{s.Parts[p].Agent, s.Parts[p].Start, s.partN(p)})
	}
}

// partN numbers the parts of one agent with equal start. Starts ascend, here and with visits.
func (s *course) partN(p int) (n uint16) {
	for q := p - 1; q >= 0 && s.Parts[q].Start == s.Parts[p].Start; q-- {
		if s.Parts[q].Agent == s.Parts[p].Agent {
			n++
		}
	}
	return n
}

// visitN numbers the visits with equal start.
func (s *course) visitN(v int) (n uint16) {
	for u := v - 1; u >= 0 && s.Visits[u].Start == s.Visits[v].Start; u-- {
		n++
	}
	return n
}

// tombstone notes the facts that the interaction had before and has no more.
func (c *center) tombstone(i *interaction, old *keys) {
	now := &c.keysNow
	now.note(i)
	if old.born && (!now.born || now.start != old.start) {
		c.facts.interactions = append(c.facts.interactions, schema.Interaction{ContactCenter: c.id, ID: i.id.text, Start: old.start,
			StateSince: old.start, Deleted: true})
	}
	lost(old.parts, now.parts, partKey.at, func(k partKey) {
		c.facts.parts = append(c.facts.parts, schema.Part{ContactCenter: c.id, Interaction: i.id.text, Agent: c.agentID(k.agent),
			Start: k.start, N: k.n, Deleted: true})
	})
	lost(old.visits, now.visits, visitKey.at, func(k visitKey) {
		c.facts.visits = append(c.facts.visits, schema.Visit{ContactCenter: c.id, Interaction: i.id.text, Start: k.start,
			N: k.n, Deleted: true})
	})
}

// lost visits those of old that are not among now. Both ascend by at.
func lost[K comparable](old, now []K, at func(K) int64, visit func(K)) {
	for _, k := range old {
		for len(now) > 0 && at(now[0]) < at(k) {
			now = now[1:]
		}
		there := false
		for n := 0; !there && n < len(now) && at(now[n]) == at(k); n++ {
			there = now[n] == k
		}
		if !there {
			visit(k)
		}
	}
}

// drain makes the rows of what changed.
func (c *center) drain(rows *Rows) {
	for _, a := range c.dirtyAgents {
		c.openRows(&a.line.head, func(kind int, piece stretch, end int64) {
			c.facts.put(intervalRow{a: a, kind: uint8(kind), piece: piece, end: end})
		})
		a.dirty = false
	}
	c.dirtyAgents = c.dirtyAgents[:0]
	rows.Intervals = c.takeIntervals(rows.Intervals, func(int) bool { return true })

	undone, written := c.undone(), map[rowKey]bool{}
	for _, i := range c.dirtyInteractions {
		some := undone[i.id.text]
		c.interactionRows(i, rows, func(k rowKey) {
			if some {
				written[k] = true
			}
		})
		i.dirty = false
		c.cool(i)
	}
	c.coolThawed()
	clear(c.dirtyInteractions) // they may have left
	c.dirtyInteractions = c.dirtyInteractions[:0]
	c.tombstones(rows, written)
	c.windowRows(rows)
	c.sweep()
	rows.Centers = append(rows.Centers, Center{ContactCenter: c.id, NewestEvent: c.newest, CompleteUntil: c.completeUntil})
}

// rowKey names a fact of an interaction; agent is empty for visits, n is -1 for the interaction itself.
type rowKey struct {
	interaction, agent string
	visit              bool
	start              int64
	n                  int
}

// undone are the interactions of which facts were undone.
func (c *center) undone() map[string]bool {
	ids := map[string]bool{}
	for k := range c.facts.parts {
		ids[c.facts.parts[k].Interaction] = true
	}
	for k := range c.facts.visits {
		ids[c.facts.visits[k].Interaction] = true
	}
	for k := range c.facts.interactions {
		ids[c.facts.interactions[k].ID] = true
	}
	return ids
}

// tombstones writes each fact that was undone and did not come back.
func (c *center) tombstones(rows *Rows, written map[rowKey]bool) {
	for _, p := range c.facts.parts {
		if k := (rowKey{p.Interaction, p.Agent, false, p.Start, int(p.N)}); !written[k] {
			written[k] = true
			rows.Parts = append(rows.Parts, p)
		}
	}
	for _, v := range c.facts.visits {
		if k := (rowKey{v.Interaction, "", true, v.Start, int(v.N)}); !written[k] {
			written[k] = true
			rows.Visits = append(rows.Visits, v)
		}
	}
	for _, i := range c.facts.interactions {
		if k := (rowKey{i.ID, "", false, i.Start, -1}); !written[k] {
			written[k] = true
			rows.Interactions = append(rows.Interactions, i)
		}
	}
	c.facts.parts, c.facts.visits, c.facts.interactions = c.facts.parts[:0], c.facts.visits[:0], c.facts.interactions[:0]
}

func (c *center) interactionRows(i *interaction, rows *Rows, note func(rowKey)) {
	s := &i.line.head
	if !s.Born {
		return
	}
	rows.Interactions = append(rows.Interactions, c.interactionRow(i))
	note(rowKey{i.id.text, "", false, s.Start, -1})
	for v := range s.Visits {
		rows.Visits = append(rows.Visits, c.visitRow(i, v))
		note(rowKey{i.id.text, "", true, s.Visits[v].Start, int(s.visitN(v))})
	}
	for p := range s.Parts {
		row := c.partRow(i, p)
		rows.Parts = append(rows.Parts, row)
		note(rowKey{i.id.text, row.Agent, false, row.Start, int(row.N)})
	}
}

func (c *center) interactionRow(i *interaction) schema.Interaction {
	s := &i.line.head
	row := schema.Interaction{ContactCenter: c.id, ID: i.id.text, Start: s.Start, Channel: i.channel(), Direction: i.direction(),
		Kind: s.Kind, Campaign: c.names[s.Campaign], Priority: s.Priority, Skills: s.Skills, State: s.State,
		StateSince: s.StateSince, Queued: s.Queued, Connected: s.Connected, Ended: s.Ended, EndReason: s.EndReason,
		EndedBy: s.EndedBy, EndCause: s.EndCause, FirstAgent: c.agentID(s.FirstAgent), CanRecord: true}
	if a := i.attrs; a != nil {
		row.Number, row.CallID, row.ChatID, row.CallFlow, row.Customer = a.Number, a.CallID, a.ChatID, a.CallFlow, a.Customer
		row.ScreenPopURL, row.Gruu, row.CanRecord = a.ScreenPopURL, a.Gruu, a.CanRecord
	}
	if row.Kind == 0 {
		row.Kind = (&walk{i: i, s: s, t: schema.Open}).kind()
	}
	if n := len(s.Visits); n > 0 {
		row.FirstQueue, row.Queue = c.names[s.Visits[0].Queue], c.names[s.Visits[n-1].Queue]
	}
	if s.Primary != 0 {
		row.PrimaryAgent = c.agentID(s.Parts[s.Primary-1].Agent)
	}
	return row
}

func (c *center) visitRow(i *interaction, v int) schema.Visit {
	s := &i.line.head
	x := &s.Visits[v]
	return schema.Visit{ContactCenter: c.id, Interaction: i.id.text, Start: x.Start, N: s.visitN(v), Queue: c.names[x.Queue],
		Campaign: c.names[x.Campaign], Channel: i.channel(), Direction: i.direction(), Kind: x.Kind, End: x.End,
		Outcome: x.Outcome, Agent: c.agentID(x.Agent), Priority: x.Priority}
}

func (c *center) partRow(i *interaction, p int) schema.Part {
	s := &i.line.head
	x := &s.Parts[p]
	row := schema.Part{ContactCenter: c.id, Interaction: i.id.text, Agent: c.agentID(x.Agent), Start: x.Start, N: s.partN(p),
		Queue: c.names[x.Queue], Campaign: c.names[x.Campaign], Channel: i.channel(), Direction: i.direction(), Kind: s.Kind,
		Role: x.Role, InitiatingAgent: c.agentID(x.Initiating), Offered: x.Offered, Connected: x.Connected, Ended: x.Ended,
		WrapStarted: x.WrapStarted, Finished: x.Finished, RingMs: x.Ring, TalkMs: x.Talk, HoldMs: x.Hold, ParkedMs: x.Parked,
		WrapMs: x.Wrap, Declined: x.Declined, DeclinedAt: x.DeclinedAt, Failed: x.Failed, MessagesSent: int64(x.Messages),
		FirstMessage: x.FirstMessage, Primary: s.Primary == int32(p+1), PrimarySince: schema.NoTime}
	if row.Primary {
		row.PrimarySince = s.PrimarySince
	}
	row.Segments = c.segmentRows(&x.Segments)
	return row
}

// segmentRows makes a part's segments. Those of many rows share an allocation.
func (c *center) segmentRows(s *segments) []schema.Segment {
	if s.older != nil {
		return s.appendTo(nil)
	}
	if cap(c.slackSegments)-len(c.slackSegments) < len(s.tail) {
		c.slackSegments = make([]schema.Segment, 0, 256)
	}
	from := len(c.slackSegments)
	c.slackSegments = s.appendTo(c.slackSegments)
	return c.slackSegments[from:len(c.slackSegments):len(c.slackSegments)]
}
