package floor

import (
	"maps"
	"slices"

	"floorwalker/schema"
)

// byAgent finds what figures hold of each agent. It never changes once it is made. The next one shares with it what is the same, because
// finding all agents anew at every refresh would be most of its work.
type byAgent struct {
	slots   map[string]int32
	windows *column[schema.Window]
	days    *column[schema.AgentDay]
	parts   *column[schema.Part]
}

// agentFigures are what is known of one agent.
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
	a := &agentFigures{windows: b.windows.of(slot), parts: b.parts.of(slot)}
	if days := b.days.of(slot); len(days) > 0 {
		a.day = days[len(days)-1]
	}
	return a
}

// newByAgent indexes figures; before, which may be nil, is the index of those before them.
func newByAgent(m *schema.LiveMetrics, before *byAgent) *byAgent {
	if before == nil || len(before.slots) > 2*len(m.Days)+1024 { // most of them are of agents who are gone
		before = &byAgent{}
	}
	s := &slotter{slots: before.slots, shared: true}
	b := &byAgent{
		windows: newColumn(m.Windows, func(w *schema.Window) int32 { return s.slot(w.Agent) }, before.windows),
		days:    newColumn(m.Days, func(d *schema.AgentDay) int32 { return s.slot(d.Agent) }, before.days),
		parts:   newColumn(m.Parts, func(p *schema.Part) int32 { return s.slot(p.Agent) }, before.parts),
	}
	b.slots = s.slots
	return b
}

// slotter gives out slots; it copies the map that it shares before it adds to it.
type slotter struct {
	slots  map[string]int32
	shared bool
}

// slot of an agent, -1 of none.
func (s *slotter) slot(agent string) int32 {
	if agent == "" {
		return -1
	}
	if slot, ok := s.slots[agent]; ok {
		return slot
	}
	if s.shared {
		if s.slots, s.shared = maps.Clone(s.slots), false; s.slots == nil {
			s.slots = map[string]int32{}
		}
	}
	slot := int32(len(s.slots))
	s.slots[agent] = slot
	return slot
}

// column finds the items of a slot by their places in a list.
type column[T any] struct {
	items  []*T
	slots  []int32 // of each item, -1 of none
	begins []int32 // of each slot's share of places, and the end of the last
	places []int32
}

func (b *column[T]) of(slot int32) []*T {
	if int(slot)+1 >= len(b.begins) {
		return nil // it came with another list
	}
	share := b.places[b.begins[slot]:b.begins[slot+1]]
	out := make([]*T, len(share))
	for i, at := range share {
		out[i] = b.items[at]
	}
	return out
}

// newColumn asks slot only for items that are not near the same place in the list before, which may be nil: lists come in about the same
// order again, and most of what is in them has not changed.
func newColumn[T any](items []*T, slot func(*T) int32, before *column[T]) *column[T] {
	if before == nil {
		before = &column[T]{}
	}
	b := &column[T]{items: items, slots: make([]int32, len(items))}
	next := 0 // in the list before
	for i, item := range items {
		if at := before.near(next, item); at >= 0 {
			b.slots[i], next = before.slots[at], at+1
			continue
		}
		b.slots[i] = slot(item)
		if next < len(before.slots) && before.slots[next] == b.slots[i] {
			next++ // it is in the place of another
		}
	}
	if slices.Equal(b.slots, before.slots) {
		b.slots, b.begins, b.places = before.slots, before.begins, before.places
		return b
	}
	b.arrange()
	return b
}

// near finds an item at a place or shortly after it, -1 where it is not there.
func (b *column[T]) near(from int, item *T) int {
	for at := from; at < min(from+8, len(b.items)); at++ {
		if b.items[at] == item {
			return at
		}
	}
	return -1
}

// arrange gives each slot its share of the places.
func (b *column[T]) arrange() {
	most := int32(-1)
	for _, slot := range b.slots {
		most = max(most, slot)
	}
	b.begins = make([]int32, most+2)
	next := make([]int32, most+1)
	for _, slot := range b.slots {
		if slot >= 0 {
			b.begins[slot+1]++
		}
	}
	for slot := range next {
		next[slot] = b.begins[slot]
		b.begins[slot+1] += b.begins[slot]
	}
	b.places = make([]int32, b.begins[most+1])
	for at, slot := range b.slots {
		if slot >= 0 {
			b.places[next[slot]] = int32(at)
			next[slot]++
		}
	}
}
