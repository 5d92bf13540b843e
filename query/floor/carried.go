package floor

import "sync/atomic"

// carriedFor is how many figures are made with what nobody asked for any more.
const carriedFor = int(askedWithin / MetricsTTL)

// wish tells whether what was made of figures is to be made of the next ones too.
type wish struct {
	asked atomic.Bool // of these figures
	idle  int         // figures since somebody last did
}

// next is the idle of the figures that replace these; false where nobody has asked for too long.
func (w *wish) next() (idle int, wanted bool) {
	if w.asked.Load() {
		return 0, true
	}
	return w.idle + 1, w.idle+1 < carriedFor
}

// carried is what was made of figures, and how to make it of the next ones.
type carried struct {
	value any
	make  func(*Figures) any
	wish
}

// Carried is Once for what is costly: the figures that replace these have it before they are shown, as long as somebody asks for it.
// make must not keep a view, or figures, in memory.
func (f *Figures) Carried(key any, make func(*Figures) any) any {
	v, ok := f.carried.Load(key)
	if !ok {
		v, _ = f.carried.LoadOrStore(key, &carried{value: make(f), make: make})
	}
	c := v.(*carried)
	c.asked.Store(true)
	return c.value
}

// carry makes what was wanted of the figures before.
func (f *Figures) carry(before *Figures) {
	before.carried.Range(func(key, v any) bool {
		c := v.(*carried)
		idle, wanted := c.next()
		if _, made := f.carried.Load(key); !made && wanted {
			f.carried.Store(key, &carried{value: c.make(f), make: c.make, wish: wish{idle: idle}})
		}
		return true
	})
}
