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

// series is the windows of one key, one pane for each quarter of an hour. Quarters that have passed are packed, until something is
// counted in them again.
type series struct {
	key    seriesKey
	open   *pane // the one counted in last comes first
	closed packedPanes
}

// pane holds a quarter of an hour: entries of minute, metric and value.
type pane struct {
	of      *series
	next    *pane
	entries []uint64
	quarter int32  // since 1970
	touched uint16 // minutes that changed since the last Drain
}

func (p *pane) start() int64 { return int64(p.quarter) * quarterMs }

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
	p := s.pane(int32(start / quarterMs))
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

// seriesOf finds or makes a series. What an agent's parts count mostly goes to the same one as before.
func (c *center) seriesOf(k *seriesKey) *series {
	recent := &c.recent
	if k.agent != 0 {
		recent = &c.agents[k.agent].recent
	}
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

// pane finds or makes the one of a quarter.
func (s *series) pane(quarter int32) *pane {
	if p := s.open; p != nil && p.quarter == quarter {
		return p
	}
	for at := &s.open; *at != nil; at = &(*at).next {
		if p := *at; p.quarter == quarter {
			*at, p.next, s.open = p.next, s.open, p
			return p
		}
	}
	p := &pane{of: s, next: s.open, quarter: quarter}
	if p.entries, s.closed = s.closed.take(quarter); p.entries == nil {
		p.entries = make([]uint64, 0, 8)
	}
	s.open = p
	return p
}

// rows makes the rows of the windows that changed.
func (c *center) windowRows(dst []schema.Window) []schema.Window {
	for _, p := range c.touched {
		dims := c.dims(&p.of.key)
		dst = append(dst, schema.Window{})
		w := &dst[len(dst)-1]
		w.Dims, w.Start, w.Minutes = dims, p.start(), schema.WindowQuarter
		c.fill(w, p.entries, -1)
		for m := 0; m < 15; m++ {
			if p.touched&(1<<m) != 0 {
				dst = append(dst, schema.Window{})
				w := &dst[len(dst)-1]
				w.Dims, w.Start, w.Minutes = dims, p.start()+int64(m)*minuteMs, schema.WindowMinute
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

// sweep packs panes once in a quarter, when their rows are out.
func (c *center) sweep() {
	if c.packed != c.swept {
		c.packed = c.swept
		c.packPanes()
		clear(c.pool) // what a burst needed is given back
		c.pool = c.pool[:0]
	}
}

// packPanes packs the panes of quarters that have passed, and forgets those that no rolling window and no correction can reach any
// more. Those that are still to be written stay.
func (c *center) packPanes() {
	until := int32(floorTo(min(c.newest-c.keep, c.completeUntil-quarterMs), quarterMs) / quarterMs) // dropped up to there
	now := int32(floorTo(c.newest, quarterMs) / quarterMs)
	for k, s := range c.series {
		c.text = s.closed.since(c.text[:0], until)
		for at := &s.open; *at != nil; {
			p := *at
			if p.quarter >= now || p.touched != 0 {
				at = &p.next
				continue
			}
			*at = p.next
			if p.quarter >= until && len(p.entries) > 0 {
				c.text = packPane(c.text, p)
			}
		}
		if string(s.closed) != string(c.text) {
			s.closed = packedPanes(c.text)
		}
		if s.open == nil && s.closed == "" {
			delete(c.series, k)
			c.recent = nil
			if k.agent != 0 {
				c.agents[k.agent].recent = nil
			}
		}
	}
}
