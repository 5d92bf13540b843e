package engine

import (
	"iter"
	"math/bits"
)

// seriesTable finds a contact centre's series by their keys: a table with open addressing, at most four fifths full.
type seriesTable struct {
	slots []seriesSlot
	n     int
}

// seriesSlot has part of the key's hash, so that looking for one series touches no other.
type seriesSlot struct {
	*series
	hash uint32
}

// slot is where the series of a key is or belongs, and its hash.
func (t *seriesTable) slot(k *seriesKey) (*seriesSlot, uint32) {
	x := (uint64(k.agent)<<32 | uint64(k.queue)) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29 ^ uint64(k.campaign)<<16 ^ uint64(k.channel)<<8 ^ uint64(k.direction)) * 0xff51afd7ed558ccd
	at, _ := bits.Mul64(x, uint64(len(t.slots)))
	hash := uint32(x)
	for {
		if s := &t.slots[at]; s.series == nil || s.hash == hash && s.key == *k {
			return s, hash
		}
		if at++; at == uint64(len(t.slots)) {
			at = 0
		}
	}
}

func (t *seriesTable) find(k *seriesKey) *series {
	if t.n == 0 {
		return nil
	}
	s, _ := t.slot(k)
	return s.series
}

// add puts a series in whose key is not there.
func (t *seriesTable) add(s *series) {
	if t.n*5 >= len(t.slots)*4 {
		t.resize(8 + len(t.slots)*5/4)
	}
	t.put(s)
	t.n++
}

func (t *seriesTable) put(s *series) {
	at, hash := t.slot(&s.key)
	*at = seriesSlot{s, hash}
}

func (t *seriesTable) resize(size int) {
	old := t.slots
	t.slots = make([]seriesSlot, size)
	for _, s := range old {
		if s.series != nil {
			t.put(s.series)
		}
	}
}

func (t *seriesTable) all() iter.Seq[*series] {
	return func(yield func(*series) bool) {
		for _, s := range t.slots {
			if s.series != nil && !yield(s.series) {
				return
			}
		}
	}
}

// drop takes those out that are to go.
func (t *seriesTable) drop(goes func(*series) bool) {
	n := 0
	for k, s := range t.slots {
		switch {
		case s.series == nil:
		case goes(s.series):
			t.slots[k] = seriesSlot{}
		default:
			n++
		}
	}
	if n < t.n {
		t.n = n
		t.resize(8 + n*4/3)
	}
}
