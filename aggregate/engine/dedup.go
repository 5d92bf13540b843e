package engine

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// dedup remembers which events were seen: one set of hashes per event-time minute, consulted only in the event's own minute and
// dropped whole, so that forgetting costs nothing per event.
type dedup struct {
	minutes map[int64]*hashSet
	last    *hashSet // that of lastAt
	lastAt  int64
}

// seen reports whether an event was seen before, and notes it.
func (d *dedup) seen(ev *schema.Event) bool {
	if m := floorTo(ev.Time, minuteMs); d.last == nil || m != d.lastAt {
		d.last, d.lastAt = d.minute(m), m
	}
	return !d.last.add(identity(ev))
}

func (d *dedup) minute(m int64) *hashSet {
	if d.minutes == nil {
		d.minutes = map[int64]*hashSet{}
	}
	s := d.minutes[m]
	if s == nil {
		s = &hashSet{slots: make([]uint64, 8)}
		if before := d.minutes[m-minuteMs]; before != nil {
			s.slots = make([]uint64, 8+before.n*4/3) // as busy as the one before
		}
		if passed := d.minutes[m-2*minuteMs]; passed != nil {
			passed.shrink()
		}
		d.minutes[m] = s
	}
	return s
}

// drop forgets the minutes that end before t.
func (d *dedup) drop(t int64) {
	for m := range d.minutes {
		if m+minuteMs < t {
			delete(d.minutes, m)
		}
	}
	d.last = nil
}

// identity hashes (source, id, time). With a million events in one minute of a contact centre, the odds of taking a new event for a
// known one are below 1 in 10¹³.
func identity(ev *schema.Event) uint64 {
	h := xxhash.Sum64String(ev.ID)*0x9e3779b97f4a7c15 ^ xxhash.Sum64String(ev.Source)
	h = (h^uint64(ev.Time))*0xff51afd7ed558ccd ^ h>>31
	return h ^ h>>33
}

// hashSet is a set of hashes with open addressing: 8 bytes a slot, at most seven eighths full.
type hashSet struct {
	slots []uint64
	n     int
	zero  bool
}

// add reports whether h was new.
func (s *hashSet) add(h uint64) bool {
	if h == 0 {
		was := s.zero
		s.zero = true
		return !was
	}
	if s.n*8 >= len(s.slots)*7 {
		s.resize(len(s.slots) * 3 / 2)
	}
	return s.put(h)
}

func (s *hashSet) put(h uint64) bool {
	i, _ := bits.Mul64(h, uint64(len(s.slots))) // any size will do
	for {
		switch s.slots[i] {
		case 0:
			s.slots[i] = h
			s.n++
			return true
		case h:
			return false
		}
		if i++; i == uint64(len(s.slots)) {
			i = 0
		}
	}
}

// shrink gives back what a minute that has passed did not need.
func (s *hashSet) shrink() {
	if size := 8 + s.n*5/4; size < len(s.slots)*15/16 {
		s.resize(size)
	}
}

func (s *hashSet) resize(size int) {
	old := s.slots
	s.slots, s.n = make([]uint64, size), 0
	for _, h := range old {
		if h != 0 {
			s.put(h)
		}
	}
}
