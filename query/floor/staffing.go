package floor

import (
	"maps"
	"slices"

	"floorwalker/schema"
)

// Staffing is what the agents of one place come to.
type Staffing struct {
	Place *Place
	Staff
}

// count adds one agent, or with -1 takes it away.
func (s *Staffing) count(b *block, i, n int) {
	status, suspended := b.rows[i].status, b.paused[i/64]>>(i%64)&1 == 1
	s.Total += n
	s.Heads.add(status, suspended, n)
	if status == schema.LoggedOut {
		return
	}
	if s.Place.assigned() {
		s.Staffed += n
	}
	for k, load := range b.rows[i].load {
		s.Load[k] += uint64(load) * uint64(n) // modulo 2⁶⁴, which takes away too
	}
	if suspended {
		return
	}
	s.Ready += n
	if status == schema.Available {
		s.Available += n
	}
}

// staffing is what all agents of a roster come to, by place: those that agents share in the order of their n, then those of agents' own.
// It never changes: the next state's shares with it the places in which nothing changed.
type staffing struct {
	roster *roster
	places []*Staffing // nil where nobody was counted
}

// place is where to count a block's agent.
func (s *staffing) place(b *block, i int) *Staffing {
	n := int(b.place[i])
	if n < 0 {
		own := &Staffing{Place: b.rows[i].agent.Place}
		s.places = append(s.places, own)
		return own
	}
	if s.places[n] == nil {
		s.places[n] = &Staffing{Place: b.rows[i].agent.Place}
	}
	return s.places[n]
}

// countStaff counts the agents that are wanted.
func (r *roster) countStaff(wanted *Selection) *staffing {
	out := &staffing{r, make([]*Staffing, len(r.shared))}
	r.each(wanted, func(b *block, i int) { out.place(b, i).count(b, i, 1) })
	return out
}

// advance is the staffing of another state with the same places, nil where it must be counted anew. It costs as much as has changed.
func (s *staffing) advance(r *roster) *staffing {
	switch {
	case s.roster == r:
		return s
	case s.roster.places != r.places, len(s.places) > len(s.roster.shared), len(r.shared) >= maxShared:
		return nil
	}
	out := &staffing{r, make([]*Staffing, max(len(s.places), len(r.shared)))}
	copy(out.places, s.places)
	own := func(b *block, i int) *Staffing {
		n := b.place[i]
		if int(n) < len(s.places) && s.places[n] != nil && out.places[n] == s.places[n] {
			mine := *s.places[n]
			out.places[n] = &mine
		}
		return out.place(b, i)
	}
	for n, b := range r.blocks {
		before := s.roster.blocks[n]
		if b == before {
			continue
		}
		for i := range b.n {
			if b.rows[i].agent != before.rows[i].agent {
				own(before, i).count(before, i, -1)
				own(b, i).count(b, i, 1)
			}
		}
	}
	out.places = out.places[:len(r.shared)] // nobody is in those beyond, which only a newer state knew
	return out
}

func (v *View) makeStaffing() *staffing {
	r := v.shared.roster()
	anew := func() *staffing { return r.countStaff(&Selection{}) }
	if v.recent == nil {
		return anew()
	}
	return v.recent.staffings.Of(func(base *staffing) *staffing { return base.advance(r) }, anew)
}

// Count counts the agents that are wanted, by their place: nil stands for a place of which none is. Agents with a place of their own are
// counted each alone. What it gives must not be changed.
func (v *View) Count(s Selection) []*Staffing {
	if s.Status != nil || s.Agent != nil {
		return v.shared.roster().countStaff(&s).places
	}
	all := v.shared.staffing().places
	if s.Place == nil {
		return all
	}
	out := make([]*Staffing, len(all))
	for k, of := range all {
		if of != nil && s.Place(of.Place) {
			out[k] = of
		}
	}
	return out
}

// Group is what the agents of one group come to.
type Group struct {
	ID string // empty: agents who belong to none
	*Staff
}

// Groups counts the agents that are wanted by what they belong to, which is one of GroupDimensions; "" counts them in total. Groups of
// which nobody is wanted are left out; the others come in order of id. What it gives must not be changed.
func (v *View) Groups(by string, s Selection) []Group {
	var g *grouped
	if s.Status == nil && s.Place == nil && s.Agent == nil {
		g = v.shared.heads()[by]()
	} else {
		g = v.group(by, v.Count(s))
	}
	out := make([]Group, 0, len(g.staffs))
	for i := range g.staffs {
		if g.staffs[i].Total > 0 {
			out = append(out, Group{g.members.ids[i], &g.staffs[i]})
		}
	}
	return out
}

// grouped is what the agents of each group come to.
type grouped struct {
	members *members
	staffs  []Staff // in the order of its ids
}

func (g *grouped) staff(id string) Staff {
	if i, ok := g.members.at[id]; ok && id != "" {
		return g.staffs[i]
	}
	return Staff{}
}

func (v *View) group(by string, counted []*Staffing) *grouped {
	m := v.members(by, counted)
	g := &grouped{m, make([]Staff, len(m.ids))}
	for k, of := range counted {
		if of == nil {
			continue
		}
		for _, i := range m.of[k] {
			g.staffs[i].sum(&of.Staff, len(m.of[k]))
		}
	}
	return g
}

// groupsOf tells by what agents can be counted, and to which of these those of a place belong.
var groupsOf = map[string]func(*Place) []string{
	"": func(*Place) []string { return nil },
	"team": func(p *Place) []string {
		if p.Team == nil {
			return nil
		}
		return one(p.Team.ID)
	},
	"group":         func(p *Place) []string { return p.GroupIDs },
	"business_unit": func(p *Place) []string { return one(p.BusinessUnitID) },
	"queue":         func(p *Place) []string { return p.QueueIDs },
	"campaign":      func(p *Place) []string { return p.CampaignIDs },
	"skill":         func(p *Place) []string { return p.Skills },
}

// GroupDimensions are what agents can be counted by, in order.
func GroupDimensions() []string { return slices.Sorted(maps.Keys(groupsOf))[1:] }

// members are the groups of one dimension to which the agents of each place belong.
type members struct {
	ids []string
	at  map[string]int32 // places in ids
	of  [][]int32        // by place, as Count has them; of a nil one nothing is known
}

// members are worked out once for the places that agents share: those of one directory only become more.
func (v *View) members(by string, counted []*Staffing) *members {
	type key struct{ by string }
	r := v.shared.roster()
	known, ok := r.places.kept.Load(key{by})
	if ok && len(counted) <= len(r.shared) && len(counted) <= len(known.(*members).of) {
		return known.(*members)
	}
	places := slices.Clone(r.shared)
	for _, own := range counted[min(len(r.shared), len(counted)):] {
		places = append(places, own.Place)
	}
	m := newMembers(by, places)
	if len(places) == len(r.shared) {
		r.places.kept.Store(key{by}, m)
	}
	return m
}

func newMembers(by string, places []*Place) *members {
	m := &members{at: map[string]int32{}, of: make([][]int32, len(places))}
	ids := make([][]string, len(places))
	for k, p := range places {
		if ids[k] = groupsOf[by](p); len(ids[k]) == 0 {
			ids[k] = []string{""}
		}
		for _, id := range ids[k] {
			m.at[id] = 0
		}
	}
	m.ids = slices.Sorted(maps.Keys(m.at))
	for i, id := range m.ids {
		m.at[id] = int32(i)
	}
	for k := range places {
		for _, id := range ids[k] {
			m.of[k] = append(m.of[k], m.at[id])
		}
	}
	return m
}
