package engine

import (
	"slices"

	"floorwalker/schema"
)

const (
	minuteMs  = 60_000
	quarterMs = 15 * minuteMs
	keepMs    = 2 * 60 * minuteMs // windows are kept that long for rolling ones
)

// A window is the multiset of what was counted in it. Counts, sums, maxima and histograms are taken from it when a row is made, so
// that taking a value back needs no more than finding it, and a maximum is always that of what is left.

// seriesKey says what a series of windows counts. Agent 0 is the windows of queues.
type seriesKey struct {
	agent, queue, campaign uint32
	channel                schema.Channel
	direction              schema.Direction
}

// series is the windows of one key, one pane for each quarter of an hour, ascending.
type series struct {
	key   seriesKey
	panes []*pane
	last  *pane // the one counted in last
}

// pane holds a quarter of an hour: entries of minute, metric and value.
type pane struct {
	start   int64
	of      *series
	entries []uint64
	touched uint16 // minutes that changed since the last Drain
}

const (
	metricShift = 54
	minuteShift = 60
	valueMask   = 1<<metricShift - 1
)

func entry(minute int, metric uint8, value int64) uint64 {
	return uint64(minute)<<minuteShift | uint64(metric)<<metricShift | uint64(min(value, valueMask))
}

func floorTo(t, unit int64) int64 {
	q := t / unit
	if t%unit < 0 {
		q--
	}
	return q * unit
}

// count applies a contribution to its window.
func (c *center) count(k *contribution) {
	if c.frozen != schema.NoTime && floorTo(k.t, minuteMs)+minuteMs <= c.frozen {
		return
	}
	s := c.seriesOf(&k.seriesKey)
	start := floorTo(k.t, quarterMs)
	p := s.pane(start)
	minute := int((k.t - start) / minuteMs)
	e := entry(minute, k.metric, k.value)
	if !k.back {
		p.entries = append(p.entries, e)
	} else {
		for i := len(p.entries) - 1; i >= 0; i-- {
			if p.entries[i] == e {
				p.entries = slices.Delete(p.entries, i, i+1)
				break
			}
		}
	}
	if p.touched == 0 {
		c.touched = append(c.touched, p)
	}
	p.touched |= 1 << minute
}

// seriesOf finds or makes a series. One part's durations go to its agent's and its queue's in turn, hence the two recent ones.
func (c *center) seriesOf(k *seriesKey) *series {
	recent := &c.recent[min(k.agent, 1)]
	if s := *recent; s != nil && s.key == *k {
		return s
	}
	s := c.series[*k]
	if s == nil {
		s = &series{key: *k}
		c.series[*k] = s
	}
	*recent = s
	return s
}

func (s *series) pane(start int64) *pane {
	if s.last != nil && s.last.start == start {
		return s.last
	}
	i, found := slices.BinarySearchFunc(s.panes, start, func(p *pane, t int64) int {
		switch {
		case p.start < t:
			return -1
		case p.start > t:
			return 1
		}
		return 0
	})
	if !found {
		s.panes = slices.Insert(s.panes, i, &pane{start: start, of: s, entries: make([]uint64, 0, 8)})
	}
	s.last = s.panes[i]
	return s.last
}

// rows makes the rows of the windows that changed.
func (c *center) windowRows(dst []schema.Window) []schema.Window {
	for _, p := range c.touched {
		dims := c.dims(&p.of.key)
		dst = append(dst, schema.Window{})
		w := &dst[len(dst)-1]
		w.Dims, w.Start, w.Minutes = dims, p.start, schema.WindowQuarter
		c.fill(w, p.entries, -1)
		for m := 0; m < 15; m++ {
			if p.touched&(1<<m) != 0 {
				dst = append(dst, schema.Window{})
				w := &dst[len(dst)-1]
				w.Dims, w.Start, w.Minutes = dims, p.start+int64(m)*minuteMs, schema.WindowMinute
				c.fill(w, p.entries, m)
			}
		}
		p.touched = 0
	}
	c.touched = c.touched[:0]
	return dst
}

func (c *center) dims(k *seriesKey) schema.Dims {
	d := schema.Dims{ContactCenter: c.id, Queue: c.names[k.queue], Campaign: c.names[k.campaign], Channel: k.channel, Direction: k.direction}
	if k.agent != 0 {
		d.Agent = c.agents[k.agent].id
	}
	return d
}

// fill adds up the entries of one minute, or of all with minute -1.
func (c *center) fill(w *schema.Window, entries []uint64, minute int) {
	c.logKeys, c.secKeys = c.logKeys[:0], c.secKeys[:0]
	for _, e := range entries {
		if minute >= 0 && int(e>>minuteShift) != minute {
			continue
		}
		metric := uint8(e >> metricShift & 63)
		if metric < measureBit {
			w.Counts[metric]++
			continue
		}
		m, v := schema.Measure(metric-measureBit), int64(e&valueMask)
		d := &w.Measures[m]
		d.Count++
		d.Sum += v
		d.Max = max(d.Max, v)
		c.logKeys = append(c.logKeys, uint32(m)<<16|uint32(schema.Bucket(v)))
		if m.CountsSeconds() {
			c.secKeys = append(c.secKeys, uint32(m)<<16|uint32(schema.SecondsKey(v)))
		}
	}
	c.bins(c.logKeys, func(m schema.Measure, b []schema.Bin) { w.Measures[m].Log = b })
	c.bins(c.secKeys, func(m schema.Measure, b []schema.Bin) { w.Measures[m].Seconds = b })
}

// bins counts equal keys of each measure, ascending. Many histograms share an allocation.
func (c *center) bins(keys []uint32, set func(schema.Measure, []schema.Bin)) {
	slices.Sort(keys)
	if cap(c.slack)-len(c.slack) < len(keys) {
		c.slack = make([]schema.Bin, 0, max(512, len(keys)))
	}
	for i := 0; i < len(keys); {
		m, from := keys[i]>>16, len(c.slack)
		for i < len(keys) && keys[i]>>16 == m {
			j := i + 1
			for j < len(keys) && keys[j] == keys[i] {
				j++
			}
			c.slack = append(c.slack, schema.Bin{Key: uint16(keys[i]), N: uint32(j - i)})
			i = j
		}
		set(schema.Measure(m), c.slack[from:len(c.slack):len(c.slack)])
	}
}

// dropPanes forgets panes that no rolling window and no correction can reach any more.
func (c *center) dropPanes() {
	until := min(c.newest-c.keep, c.completeUntil-quarterMs)
	for k, s := range c.series {
		n := 0
		for n < len(s.panes) && s.panes[n].start+quarterMs <= until && s.panes[n].touched == 0 {
			n++
		}
		if n > 0 {
			s.panes, s.last = slices.Delete(s.panes, 0, n), nil
		}
		if len(s.panes) == 0 {
			delete(c.series, k)
			c.recent = [2]*series{}
		}
	}
}
