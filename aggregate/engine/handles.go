package engine

// handles finds interactions' handles or seats, or agents' numbers, by their hashed ids: a table with open addressing, 8 bytes a slot, at most three quarters full.
// Half of the hash is kept; the caller compares ids where it is the same.
type handles struct {
	slots []tableSlot
	n     int
}

type tableSlot struct {
	hash uint32
	ref  uint32 // 1 + handle, 0 for an empty slot
}

func (t *handles) home(hash uint32) int { return int(uint64(hash) * uint64(len(t.slots)) >> 32) }

func (t *handles) after(k int) int {
	if k++; k < len(t.slots) {
		return k
	}
	return 0
}

// find is the handle with that hash for which is holds.
func (t *handles) find(hash uint64, is func(handle uint32) bool) (uint32, bool) {
	if t.n == 0 {
		return 0, false
	}
	h := uint32(hash >> 32)
	for k := t.home(h); t.slots[k].ref != 0; k = t.after(k) {
		if s := t.slots[k]; s.hash == h && is(s.ref-1) {
			return s.ref - 1, true
		}
	}
	return 0, false
}

func (t *handles) add(hash uint64, handle uint32) {
	if t.n*4 >= len(t.slots)*3 {
		old := t.slots
		t.slots = make([]tableSlot, 8+len(old)*6/5)
		for _, s := range old {
			if s.ref != 0 {
				t.put(s)
			}
		}
	}
	t.put(tableSlot{uint32(hash >> 32), handle + 1})
	t.n++
}

func (t *handles) put(s tableSlot) {
	k := t.home(s.hash)
	for t.slots[k].ref != 0 {
		k = t.after(k)
	}
	t.slots[k] = s
}

// remove takes a handle out, and closes the gap that it leaves to those behind it.
func (t *handles) remove(hash uint64, handle uint32) {
	if t.n == 0 {
		return
	}
	k := t.home(uint32(hash >> 32))
	for ; t.slots[k].ref != handle+1; k = t.after(k) {
		if t.slots[k].ref == 0 {
			return
		}
	}
	t.n--
	gap := k
	for k = t.after(k); t.slots[k].ref != 0; k = t.after(k) {
		home := t.home(t.slots[k].hash)
		if stays := gap < k && gap < home && home <= k || gap > k && (gap < home || home <= k); !stays {
			t.slots[gap], gap = t.slots[k], k
		}
	}
	t.slots[gap] = tableSlot{}
}
