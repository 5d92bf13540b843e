package engine

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// dedup remembers which events were seen: one set of hashes per event-time minute, consulted only in the event's own minute and
// dropped whole, so that forgetting costs nothing per event.
type dedup struct {
	minutes map[int64]*seenMinute
	last    *seenMinute // that of lastAt
	lastAt  int64
}

// seenMinute is packed once events no longer come for it in order; those that come later are apart.
type seenMinute struct {
	packed packedHashes
	open   hashSet
}

func (m *seenMinute) add(h uint64) bool { return !m.packed.has(h) && m.open.add(h) }

func (m *seenMinute) pack() {
	if m.packed.n == 0 {
		m.packed, m.open = packHashes(&m.open), hashSet{zero: m.open.zero}
	}
}

// seen reports whether an event was seen before, and notes it.
func (d *dedup) seen(ev *schema.Event) bool {
	if m := floorTo(ev.Time, minuteMs); d.last == nil || m != d.lastAt {
		d.last, d.lastAt = d.minute(m), m
	}
	return !d.last.add(identity(ev))
}

func (d *dedup) minute(at int64) *seenMinute {
	if d.minutes == nil {
		d.minutes = map[int64]*seenMinute{}
	}
	m := d.minutes[at]
	if m == nil {
		m = &seenMinute{}
		if before := d.minutes[at-minuteMs]; before != nil {
			m.open.slots = make([]uint64, 8+(before.packed.n+before.open.n)*4/3) // as busy as the one before
		}
		if passed := d.minutes[at-2*minuteMs]; passed != nil {
			passed.pack()
		}
		d.minutes[at] = m
	}
	return m
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
		s.resize(8 + len(s.slots)*3/2)
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

// each visits the hashes that have a slot.
func (s *hashSet) each(visit func(uint64)) {
	for _, h := range s.slots {
		if h != 0 {
			visit(h)
		}
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

// packedHashes are hashes in groups by their first bits, of each the last 48: 6¼ bytes a hash. The odds of taking another one for one of
// them are those of some twenty hashes out of 2⁴⁸.
type packedHashes struct {
	n     int
	bits  int      // of the number of groups
	ends  []uint32 // of the groups, counted in hashes
	rests []byte
}

const restBytes = 6

func packHashes(s *hashSet) packedHashes {
	p := packedHashes{n: s.n, bits: max(0, bits.Len(uint(s.n))-5)}
	p.ends, p.rests = make([]uint32, 1<<p.bits), make([]byte, s.n*restBytes)
	s.each(func(h uint64) { p.ends[p.group(h)]++ })
	for g, sum := 0, uint32(0); g < len(p.ends); g++ {
		n := p.ends[g]
		p.ends[g] = sum // where it begins, until its hashes are laid in
		sum += n
	}
	s.each(func(h uint64) {
		at := &p.ends[p.group(h)]
		for k := range restBytes {
			p.rests[int(*at)*restBytes+k] = byte(h >> (8 * k))
		}
		*at++
	})
	return p
}

func (p *packedHashes) group(h uint64) int { return int(h >> 1 >> (63 - p.bits)) }

func (p *packedHashes) has(h uint64) bool {
	if p.n == 0 {
		return false
	}
	g, from := p.group(h), uint32(0)
	if g > 0 {
		from = p.ends[g-1]
	}
	for rests := p.rests[from*restBytes : p.ends[g]*restBytes]; len(rests) > 0; rests = rests[restBytes:] {
		if uint32(h) == binary.LittleEndian.Uint32(rests) && uint16(h>>32) == binary.LittleEndian.Uint16(rests[4:]) {
			return true
		}
	}
	return false
}
