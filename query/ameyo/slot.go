package ameyo

import (
	"slices"
	"sync"
	"sync/atomic"

	"floorwalker/query/floor"
	"floorwalker/schema/directory"
)

// slot is a campaign that somebody serves, and one of its queues; the queue is empty where none of them is served, and both are where
// no campaign is.
type slot struct{ campaign, queue string }

// slots are those of each place: what a session's rows are depends on nothing else but the directory.
type slots struct {
	directory *directory.Directory
	known     sync.Map // *floor.Place → []slot
	count     atomic.Int64
}

// maxSlots bounds the places that are remembered. Agents share theirs as far as they can; what is beyond is worked out again.
const maxSlots = 1 << 14

func slotsOf(v *floor.View) *slots {
	type key struct{}
	return v.OfDirectory(key{}, func() any { return &slots{directory: v.Directory} }).(*slots)
}

// of are a place's slots, one at least.
func (s *slots) of(p *floor.Place) []slot {
	if known, ok := s.known.Load(p); ok {
		return known.([]slot)
	}
	out := s.make(p)
	if s.count.Add(1) <= maxSlots {
		s.known.Store(p, out)
	}
	return out
}

func (s *slots) make(p *floor.Place) []slot {
	var out []slot
	for _, campaign := range p.CampaignIDs {
		n := len(out)
		if c := s.directory.Campaigns[campaign]; c != nil {
			for _, queue := range p.QueueIDs {
				if slices.Contains(c.QueueIDs, queue) {
					out = append(out, slot{campaign, queue})
				}
			}
		}
		if len(out) == n {
			out = append(out, slot{campaign, ""})
		}
	}
	if len(out) == 0 {
		out = append(out, slot{})
	}
	return out
}
