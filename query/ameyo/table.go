package ameyo

import (
	"slices"

	"floorwalker/query/floor"
	"floorwalker/schema"
)

// table is one of the four.
type table struct {
	name   string
	fields []field
	// rows calls yield with every row in the table's own order; r is good for the call.
	rows func(s *state, yield func(r *row))
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
		{chatTable, append(model(), chatField()), func(s *state, yield func(*row)) {
			interactionRows(s, func(i *schema.LiveInteraction) bool { return i.Channel == schema.ChannelChat }, yield)
		}},
		{customerTable, append(model(), callField(), chatField()), func(s *state, yield func(*row)) {
			interactionRows(s, func(*schema.LiveInteraction) bool { return true }, yield)
		}},
	}
}

// userRows are all users, those who are logged out too.
func userRows(s *state, yield func(*row)) {
	for _, a := range s.v.Agents() {
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
		yield(&r)
	}
}

// sessionRows are user sessions × the agent's campaigns × its queues in each; a session without a campaign is one row.
func sessionRows(s *state, yield func(*row)) {
	var rows []row
	for _, a := range s.v.Agents() {
		if a.Live.Session == nil {
			continue
		}
		rows = rows[:0]
		for _, campaign := range a.Place.CampaignIDs {
			rows = s.appendCampaign(rows, a, campaign)
		}
		if len(rows) == 0 {
			rows = append(rows, row{agent: a})
		}
		s.placeParts(rows, a)
		for i := range rows {
			yield(&rows[i])
		}
	}
}

func (s *state) appendCampaign(rows []row, a *floor.Agent, campaign string) []row {
	n := len(rows)
	if c := s.v.Directory.Campaigns[campaign]; c != nil {
		for _, queue := range a.Place.QueueIDs {
			if slices.Contains(c.QueueIDs, queue) {
				rows = append(rows, row{agent: a, campaign: campaign, queue: queue})
			}
		}
	}
	if len(rows) == n {
		rows = append(rows, row{agent: a, campaign: campaign})
	}
	return rows
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
func interactionRows(s *state, wanted func(*schema.LiveInteraction) bool, yield func(*row)) {
	s.v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		if i.State == schema.StateEnded || !wanted(i) {
			return true
		}
		r := row{of: i, campaign: i.Campaign, queue: i.Queue}
		for n := range i.Parts {
			if !i.Parts[n].Deleted && i.Parts[n].Finished == schema.Open {
				s.offer(&r, i.Parts[n].Agent)
			}
		}
		yield(&r)
		return true
	})
}

// offer takes an agent's part of the row's interaction where it stands before the one that is shown.
func (s *state) offer(r *row, agent string) {
	a := s.agent(agent)
	if a == nil {
		return
	}
	for i := range a.Live.Parts {
		p := &a.Live.Parts[i]
		if p.Interaction == r.of.ID && rank(p) > 0 && (r.part == nil || before(p, r.part)) {
			r.part, r.agent = p, a
		}
	}
}

// page selects and orders the rows and cuts out a page; total counts all that were selected.
func (t *table) page(s *state, f *filter, order []sortKey, offset, limit int) (total int, rows []row) {
	if order == nil {
		t.rows(s, func(r *row) {
			if !f.match(r) {
				return
			}
			if total >= offset && len(rows) < limit {
				rows = append(rows, *r)
			}
			total++
		})
		return total, rows
	}
	t.rows(s, func(r *row) {
		if f.match(r) {
			rows = append(rows, *r)
		}
	})
	arrange(s, rows, order)
	total = len(rows)
	from := min(offset, total)
	return total, rows[from:min(from+limit, total)]
}
