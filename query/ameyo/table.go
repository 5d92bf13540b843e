package ameyo

import (
	"floorwalker/query/floor"
	"floorwalker/schema"
)

// table is one of the four.
type table struct {
	name   string
	fields []field
	// rows hands every row that the gathering does not leap over to it, in the table's own order.
	rows func(s *state, g *gathering)
}

const (
	runtimeTable  = "user-runtime-information"
	sessionTable  = "user-session-information"
	chatTable     = "chat-information"
	customerTable = "customer-information"
)

func tableNames() []string { return []string{runtimeTable, sessionTable, chatTable, customerTable} }

// tables are the specification's row model, and in the tables of which it prints no sample what identifies their rows.
func tables() []*table {
	return []*table{
		{runtimeTable, append(model(), userTypeField(), sessionField()), userRows},
		{sessionTable, model(), sessionRows},
		{chatTable, append(model(), chatField()), func(s *state, g *gathering) {
			interactionRows(s, g, func(i *schema.LiveInteraction) bool { return i.Channel == schema.ChannelChat })
		}},
		{customerTable, append(model(), callField(), chatField()), func(s *state, g *gathering) {
			interactionRows(s, g, func(*schema.LiveInteraction) bool { return true })
		}},
	}
}

// userRows are all users, those who are logged out too.
func userRows(s *state, g *gathering) {
	for _, a := range s.v.Agents() {
		if g.byUser && !g.matchUser(a) || g.byNothingElse() && g.leaps(1) {
			continue
		}
		r := row{agent: a, part: shownPart(a.Live.Parts)}
		if r.part != nil {
			r.of, _ = s.v.Floor.Interactions.Get(r.part.Interaction)
		}
		switch {
		case r.of != nil:
			r.campaign, r.queue = r.of.Campaign, r.of.Queue
		case a.Live.Assignment != nil:
			r.campaign, r.queue = a.Live.Assignment.CampaignID, a.Live.Assignment.QueueID
		}
		g.add(&r)
	}
}

// sessionRows are user sessions × the agent's campaigns × its queues in each; a session without a campaign is one row.
func sessionRows(s *state, g *gathering) {
	var rows []row
	known := slotsOf(s.v)
	for _, a := range s.v.Agents() {
		if a.Live.Session == nil || g.byUser && !g.matchUser(a) {
			continue
		}
		slots := known.of(a.Place)
		if !g.byInteraction && !g.byStatus && g.leaps(g.countSlots(slots)) {
			continue
		}
		rows = rows[:0]
		for _, slot := range slots {
			rows = append(rows, row{agent: a, campaign: slot.campaign, queue: slot.queue})
		}
		s.placeParts(rows, a)
		for i := range rows {
			g.add(&rows[i])
		}
	}
}

// placeParts shows each open part in one row, so that contacts can be counted: that of its campaign and queue, else of its
// campaign, else of its queue, else the first. Of several in one row the one that stands for all is shown.
func (s *state) placeParts(rows []row, a *floor.Agent) {
	for i := range a.Live.Parts {
		p := &a.Live.Parts[i]
		if rank(p) == 0 {
			continue
		}
		of, _ := s.v.Floor.Interactions.Get(p.Interaction)
		r := &rows[placeOf(rows, of)]
		if r.part == nil || before(p, r.part) {
			r.part, r.of = p, of
		}
	}
}

func placeOf(rows []row, of *schema.LiveInteraction) int {
	best, points := 0, 0
	for i := range rows {
		n := 0
		if of != nil && of.Campaign != "" && rows[i].campaign == of.Campaign {
			n += 2
		}
		if of != nil && of.Queue != "" && rows[i].queue == of.Queue {
			n++
		}
		if n > points {
			best, points = i, n
		}
	}
	return best
}

// interactionRows are the interactions that go on, each with the agent who has it.
func interactionRows(s *state, g *gathering, wanted func(*schema.LiveInteraction) bool) {
	s.v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		if i.State == schema.StateEnded || !wanted(i) {
			return true
		}
		r := row{of: i, campaign: i.Campaign, queue: i.Queue}
		if !g.byUser && !g.byStatus && (!g.match(&r) || g.leaps(1)) {
			return true
		}
		for n := range i.Parts {
			if !i.Parts[n].Deleted && i.Parts[n].Finished == schema.Open {
				s.offer(&r, i.Parts[n].Agent)
			}
		}
		g.add(&r)
		return true
	})
}

// offer takes an agent's part of the row's interaction where it stands before the one that is shown: that of one who listens only where
// nobody else has any, and no wrap while the customer waits again.
func (s *state) offer(r *row, agent string) {
	a, known := s.v.Row(agent)
	if !known {
		return
	}
	for i := range a.Live.Parts {
		p := &a.Live.Parts[i]
		if p.Interaction != r.of.ID || rank(p) == 0 || p.State == schema.StateWrap && visitOf(r.of) != nil {
			continue
		}
		if r.part == nil || has(p, r.part) {
			r.part, r.agent = p, a
		}
	}
}

// has reports whether p's agent rather than q's has the interaction of both.
func has(p, q *schema.LivePart) bool {
	if p.Role.Monitors() != q.Role.Monitors() {
		return q.Role.Monitors()
	}
	return before(p, q)
}
