package engine

import (
	"iter"
	"math/bits"
)

// seriesTable finds a contact centre's series by their keys: a table with open addressing, 8 bytes a slot, at most four fifths full.
type seriesTable struct {
	slots []*series
	n     int
}

// slot is where the series of a key is or belongs.
func (t *seriesTable) slot(k *seriesKey) **series {
	x := (uint64(k.agent)<<32 | uint64(k.queue)) * 0x9e3779b97f4a7c15
	x = (x ^ x>>29 ^ uint64(k.campaign)<<16 ^ uint64(k.channel)<<8 ^ uint64(k.direction)) * 0xff51afd7ed558ccd
	at, _ := bits.Mul64(x, uint64(len(t.slots)))
	for {
		if s := t.slots[at]; s == nil || s.key == *k {
			return &t.slots[at]
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
	return *t.slot(k)
}

// add puts a series in whose key is not there.
func (t *seriesTable) add(s *series) {
	if t.n*5 >= len(t.slots)*4 {
		t.resize(8 + len(t.slots)*5/4)
	}
	*t.slot(&s.key) = s
	t.n++
}

func (t *seriesTable) resize(size int) {
	old := t.slots
	t.slots = make([]*series, size)
	for _, s := range old {
		if s != nil {
			*t.slot(&s.key) = s
		}
	}
}

func (t *seriesTable) all() iter.Seq[*series] {
	return func(yield func(*series) bool) {
		for _, s := range t.slots {
			if s != nil && !yield(s) {
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
		case s == nil:
		case goes(s):
			t.slots[k] = nil
		default:
			n++
		}
	}
	if n < t.n {
		t.n = n
		t.resize(8 + n*4/3)
	}
}
