package floor

import (
	"maps"

	"floorwalker/schema"
)

// byAgent finds what figures hold of each agent. It never changes once it is made: the next one shares its slots as long as no
// new agent comes, because making a map of all agents at every refresh would be most of a refresh's garbage.
type byAgent struct {
	slots map[string]int32 // places in rows
	rows  []agentFigures
}

type agentFigures struct {
	windows []*schema.Window
	day     *schema.AgentDay // nil where nothing is known
	parts   []*schema.Part
}

// of is nil where nothing is known of the agent.
func (b *byAgent) of(agent string) *agentFigures {
	slot, ok := b.slots[agent]
	if !ok {
		return nil
	}
	return &b.rows[slot]
}

// newByAgent indexes figures; before, which may be nil, is the index of those before them.
func newByAgent(m *schema.LiveMetrics, before *byAgent) *byAgent {
	s := slotter{}
	if before != nil && len(before.slots) <= 2*len(m.Days)+1024 { // else most of them are of agents who are gone
		s = slotter{slots: before.slots, shared: true}
	} else {
		s.slots = make(map[string]int32, len(m.Days))
	}
	ofWindow, windows := make([]int32, len(m.Windows)), 0
	for i, w := range m.Windows {
		ofWindow[i] = -1
		if w.Agent != "" {
			ofWindow[i] = s.slot(w.Agent)
			windows++
		}
	}
	ofDay := make([]int32, len(m.Days))
	for i, d := range m.Days {
		ofDay[i] = s.slot(d.Agent)
	}
	for _, p := range m.Parts {
		s.slot(p.Agent)
	}
	b := &byAgent{slots: s.slots, rows: make([]agentFigures, len(s.slots))}
	b.addWindows(m.Windows, ofWindow, windows)
	for i, d := range m.Days {
		b.rows[ofDay[i]].day = d
	}
	for _, p := range m.Parts {
		row := &b.rows[b.slots[p.Agent]]
		row.parts = append(row.parts, p)
	}
	return b
}

// addWindows gives each agent its share of one slice.
func (b *byAgent) addWindows(all []*schema.Window, slots []int32, total int) {
	begins := make([]int32, len(b.rows)+1)
	for _, slot := range slots {
		if slot >= 0 {
			begins[slot+1]++
		}
	}
	for i := range b.rows {
		begins[i+1] += begins[i]
	}
	store := make([]*schema.Window, total)
	for i := range b.rows {
		b.rows[i].windows = store[begins[i]:begins[i]:begins[i+1]]
	}
	for i, slot := range slots {
		if slot >= 0 {
			b.rows[slot].windows = append(b.rows[slot].windows, all[i])
		}
	}
}

// slotter gives out slots; it copies the map that it shares before it adds to it.
type slotter struct {
	slots  map[string]int32
	shared bool
}

func (s *slotter) slot(agent string) int32 {
	if slot, ok := s.slots[agent]; ok {
		return slot
	}
	if s.shared {
		s.slots, s.shared = maps.Clone(s.slots), false
	}
	slot := int32(len(s.slots))
	s.slots[agent] = slot
	return slot
}
