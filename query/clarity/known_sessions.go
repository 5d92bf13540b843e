package clarity

import (
	"sync"

	"floorwalker/query/floor"
	encode "floorwalker/query/list"
	"floorwalker/schema"
)

// knownSessions are sessions as they were last written. Between two answers most interactions are the very same rows, and writing one
// costs ten times as much as finding it here. Rows are immutable, so what is known of one is true of every state that has it.
type knownSessions struct {
	mu  sync.RWMutex
	all map[*schema.LiveInteraction]session
}

// spareSessions are rows that are kept beyond twice those of the floor before all are forgotten, with the old ones among them.
const spareSessions = 1 << 10

// knownSessionsOf are those of the view's directory, whose numbers are in them.
func knownSessionsOf(v *floor.View) *knownSessions {
	type key struct{}
	return v.OfDirectory(key{}, func() any { return &knownSessions{all: map[*schema.LiveInteraction]session{}} }).(*knownSessions)
}

func (k *knownSessions) session(v *floor.View, live *schema.LiveInteraction) session {
	k.mu.RLock()
	s, known := k.all[live]
	k.mu.RUnlock()
	if !known {
		s = sessionOf(v, floor.NewInteraction(live))
		var e encode.Encoder
		s.writeLasting(&e, nil, nil)
		s.text = e.B
		k.keep(s, v.Floor.Interactions.Len())
	}
	s.v = v
	return s
}

func (k *knownSessions) keep(s session, live int) {
	s.v = nil // else every state that was ever seen would stay in memory
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) > 2*live+spareSessions {
		clear(k.all)
	}
	k.all[s.LiveInteraction] = s
}
