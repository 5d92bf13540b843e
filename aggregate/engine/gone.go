package engine

// gone knows hashed ids of interactions that left, and the moment they were finished. It is a table with open addressing, 12 bytes a
// slot without pointers; what is too old is left out when it is made again.
type gone struct {
	slots []goneSlot
	n     int
	base  int64 // of the slots' moments, which lie up to 49 days after it
}

type goneSlot struct {
	low, high uint32 // of the hash
	after     uint32 // 1 + ms after base, 0 for an empty slot
}

func (g *gone) home(high uint32) int { return int(uint64(high) * uint64(len(g.slots)) >> 32) }

// slot is where a hash is or belongs.
func (g *gone) slot(hash uint64) *goneSlot {
	low, high := uint32(hash), uint32(hash>>32)
	for k := g.home(high); ; k++ {
		if k == len(g.slots) {
			k = 0
		}
		if s := &g.slots[k]; s.after == 0 || s.low == low && s.high == high {
			return s
		}
	}
}

func (g *gone) find(hash uint64) (at int64, ok bool) {
	if g.n == 0 {
		return 0, false
	}
	s := g.slot(hash)
	return g.base + int64(s.after) - 1, s.after != 0
}

func (g *gone) put(hash uint64, at int64) {
	if g.n == 0 {
		g.base = at - 1<<30
	}
	if g.n*8 >= len(g.slots)*7 {
		g.remake(g.base, 8+g.n*3/2)
	}
	s := g.slot(hash)
	if s.after == 0 {
		g.n++
	}
	*s = goneSlot{uint32(hash), uint32(hash >> 32), uint32(max(1, min(at-g.base+1, 1<<32-1)))}
}

// dropUntil forgets moments up to t.
func (g *gone) dropUntil(t int64) {
	n := 0
	g.each(func(_ uint64, at int64) {
		if at > t {
			n++
		}
	})
	g.n = n
	g.remake(t+1, 8+n*5/4)
}

func (g *gone) each(visit func(hash uint64, at int64)) {
	for _, s := range g.slots {
		if s.after != 0 {
			visit(uint64(s.high)<<32|uint64(s.low), g.base+int64(s.after)-1)
		}
	}
}

// remake lays what is after base into a table of that many slots.
func (g *gone) remake(base int64, size int) {
	old := *g
	g.slots, g.base = make([]goneSlot, size), base
	old.each(func(hash uint64, at int64) {
		if at >= base {
			*g.slot(hash) = goneSlot{uint32(hash), uint32(hash >> 32), uint32(min(at-base+1, 1<<32-1))}
		}
	})
}
