package engine

import "slices"

// deadline is a moment at which an interaction or a wrap is to be looked at again once complete_until has passed it.
type deadline struct {
	at     int64
	handle uint32
	agent  uint32 // set: the wraps of this agent
}

// deadlines are those of a contact centre by their minute. Only the minute that is passing is put in order.
type deadlines struct {
	minutes map[int64]*dueMinute
	order   []int64 // the minutes, a heap
	last    *dueMinute
	n       int
}

// dueMinute holds words: ms inside the minute (16 bits), whether it is an agent's (1), and handle or agent.
type dueMinute struct {
	start  int64
	words  []uint64
	sorted bool // the next one last
}

const (
	dueShift = 33
	dueAgent = 1 << 32
)

func (m *dueMinute) deadline(w uint64) deadline {
	d := deadline{at: m.start + int64(w>>dueShift)}
	if w&dueAgent != 0 {
		d.agent = uint32(w)
	} else {
		d.handle = uint32(w)
	}
	return d
}

func (d *deadlines) push(x deadline) {
	m := d.minute(floorTo(x.at, minuteMs))
	w := uint64(x.at-m.start)<<dueShift | uint64(x.handle)
	if x.agent != 0 {
		w = uint64(x.at-m.start)<<dueShift | dueAgent | uint64(x.agent)
	}
	d.n++
	if !m.sorted {
		m.words = append(m.words, w)
		return
	}
	k, _ := slices.BinarySearchFunc(m.words, w, backwards)
	m.words = slices.Insert(m.words, k, w)
}

func backwards(a, b uint64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

func (d *deadlines) minute(start int64) *dueMinute {
	if d.last != nil && d.last.start == start {
		return d.last
	}
	m := d.minutes[start]
	if m == nil {
		m = &dueMinute{start: start}
		if d.minutes == nil {
			d.minutes = map[int64]*dueMinute{}
		}
		d.minutes[start] = m
		d.note(start)
	}
	d.last = m
	return m
}

// pop takes the next deadline out if it lies at or before until.
func (d *deadlines) pop(until int64) (deadline, bool) {
	if len(d.order) == 0 || d.order[0] > until {
		return deadline{}, false
	}
	m := d.minutes[d.order[0]]
	if !m.sorted {
		slices.SortFunc(m.words, backwards)
		m.sorted = true
	}
	n := len(m.words) - 1
	next := m.deadline(m.words[n])
	if next.at > until {
		return deadline{}, false
	}
	d.n--
	if m.words = m.words[:n]; n == 0 {
		d.forget()
	}
	return next, true
}

// note adds a minute to the heap, which is not container/heap because that allocates for every one.
func (d *deadlines) note(start int64) {
	h := append(d.order, start)
	d.order = h
	for k := len(h) - 1; k > 0; {
		up := (k - 1) / 2
		if h[up] <= start {
			break
		}
		h[k], h[up] = h[up], h[k]
		k = up
	}
}

// forget drops the first minute.
func (d *deadlines) forget() {
	h := d.order
	delete(d.minutes, h[0])
	d.last = nil
	n := len(h) - 1
	h[0] = h[n]
	h = h[:n]
	d.order = h
	for k := 0; ; {
		down := 2*k + 1
		if down >= n {
			return
		}
		if down+1 < n && h[down+1] < h[down] {
			down++
		}
		if h[k] <= h[down] {
			return
		}
		h[k], h[down] = h[down], h[k]
		k = down
	}
}

func (c *center) at(t int64, handle, agent uint32) {
	c.deadlines.push(deadline{at: t, handle: handle, agent: agent})
}

// expire looks at every deadline that complete_until has passed.
func (c *center) expire() {
	for {
		d, ok := c.deadlines.pop(c.completeUntil)
		switch {
		case !ok:
			return
		case d.agent != 0:
			c.lookAtWraps(c.agents[d.agent])
		default:
			c.lookAtSlot(d.handle, d.at)
		}
	}
}
