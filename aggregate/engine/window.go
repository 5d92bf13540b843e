package engine

import (
	"math"
	"slices"

	"floorwalker/schema"
)

const (
	minuteMs  = 60_000
	quarterMs = 15 * minuteMs
	keepMs    = 60 * minuteMs // the longest rolling window
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
	now    pane // the one counted in last; the others that are not packed follow it
	closed packedPanes
}

// touched reports whether a pane has rows to be made.
func (s *series) touched() bool {
	for p := &s.now; p != nil; p = p.next {
		if p.touched != 0 {
			return true
		}
	}
	return false
}

// pane holds a quarter of an hour.
type pane struct {
	entries []uint64
	next    *pane
	quarter int32  // since 1970; noQuarter where there is no pane
	sorted  uint32 // so many entries ascend, the others came later
	touched uint16 // minutes that changed since the last Drain
	busy    uint16 // so many entries the quarter before had
}

const noQuarter = math.MinInt32

func (p *pane) start() int64 { return int64(p.quarter) * quarterMs }

// An entry of a pane is a word: metric (5 bits), of a measure bucket (11) and value (44), and the minute (4). Sorted entries of a measure
// ascend by value and bucket, those of the whole quarter as those of one minute.
const (
	metricShift = 59
	bucketShift = 48
	valueShift  = 4
	metricMask  = 1<<(64-metricShift) - 1
	bucketMask  = 1<<(metricShift-bucketShift) - 1
	valueMask   = 1<<(bucketShift-valueShift) - 1
	minuteMask  = 1<<valueShift - 1
)

// Metrics are numbered: schema.Count first, then schema.Measure.
const firstMeasure = uint8(schema.NumCounts)

var _ [metricMask + 1 - int(schema.NumCounts) - int(schema.NumMeasures)]struct{} // there is room for all

func metricOf(e uint64) uint8 { return uint8(e >> metricShift) }

func valueOf(e uint64) int64 { return int64(e >> valueShift & valueMask) }

func entry(minute int, metric uint8, value int64) uint64 {
	e := uint64(metric)<<metricShift | uint64(minute)
	if metric >= firstMeasure {
		value = min(value, valueMask)
		e |= uint64(schema.Bucket(value))<<bucketShift | uint64(value)<<valueShift
	}
	return e
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
		if n := len(p.entries); n == cap(p.entries) { // there are many panes: not doubled
			p.entries = append(make([]uint64, 0, n+max(8, n/4)), p.entries...)
		}
		p.entries = append(p.entries, e)
	} else {
		for i := len(p.entries) - 1; i >= 0; i-- {
			if p.entries[i] == e {
				p.entries = slices.Delete(p.entries, i, i+1)
				if i < int(p.sorted) {
					p.sorted--
				}
				break
			}
		}
	}
	if p.touched == 0 && !s.touched() {
		c.touched = append(c.touched, s)
	}
	p.touched |= 1 << minute
}

// seriesOf finds or makes a series. What an agent's parts or a queue count mostly goes to the same one as before.
func (c *center) seriesOf(k *seriesKey) *series {
	recent := &c.recent[k.queue]
	if k.agent != 0 {
		recent = &c.agents[k.agent].recent
	}
	if s := *recent; s != nil && s.key == *k {
		return s
	}
	s := c.series.find(k)
	if s == nil {
		s = &series{key: *k, now: pane{quarter: noQuarter}}
		c.series.add(s)
	}
	*recent = s
	return s
}

// pane finds or makes the one of a quarter.
func (s *series) pane(quarter int32) *pane {
	now := &s.now
	if now.quarter == quarter {
		return now
	}
	for at := &now.next; *at != nil; at = &(*at).next {
		if p := *at; p.quarter == quarter {
			*now, *p = *p, *now
			now.next, p.next = p.next, now.next
			if p.quarter == noQuarter {
				*at = p.next
			}
			return now
		}
	}
	if now.quarter != noQuarter {
		was := *now
		now.next, now.entries = &was, nil
	}
	now.quarter, now.sorted, now.touched = quarter, 0, 0
	if s.closed != "" {
		var entries []uint64
		if entries, s.closed = s.closed.take(quarter); entries != nil {
			now.entries = entries
		}
	}
	if now.entries == nil {
		now.entries = make([]uint64, 0, max(8, now.busy))
	}
	return now
}

// windowRows makes the rows of the windows that changed.
func (c *center) windowRows(rows *Rows) {
	for _, s := range c.touched {
		dims := c.dims(&s.key)
		for p := &s.now; p != nil; p = p.next {
			if p.touched != 0 {
				c.paneRows(rows, &dims, p)
				p.touched = 0
			}
		}
	}
	clear(c.touched)
	c.touched = c.touched[:0]
}

// paneRows makes the row of a quarter and those of its minutes that changed.
func (c *center) paneRows(rows *Rows, dims *schema.Dims, p *pane) {
	c.minutes = p.sort(c.minutes)
	c.row(rows, dims, p.start(), schema.WindowQuarter, p.entries)
	c.minutes = c.minutes[:0]
	for _, e := range p.entries {
		if p.touched>>(e&minuteMask)&1 != 0 {
			c.minutes = append(c.minutes, e)
		}
	}
	for m := range uint64(15) {
		if p.touched>>m&1 == 0 {
			continue
		}
		c.minute = c.minute[:0]
		for _, e := range c.minutes {
			if e&minuteMask == m {
				c.minute = append(c.minute, e)
			}
		}
		c.row(rows, dims, p.start()+int64(m)*minuteMs, schema.WindowMinute, c.minute)
	}
}

// sort brings in order what came since the last time, and lays it between what was in order already: a pane may hold a busy queue's
// quarter, and a few of its entries be new. scratch is memory to work in, and is given back.
func (p *pane) sort(scratch []uint64) []uint64 {
	at, list := int(p.sorted), p.entries
	slices.Sort(list[at:])
	p.sorted = uint32(len(list))
	late := append(scratch[:0], list[at:]...)
	n := len(late)
	for at > 0 && n > 0 {
		if list[at-1] > late[n-1] {
			at--
			list[at+n] = list[at]
		} else {
			n--
			list[at+n] = late[n]
		}
	}
	copy(list[at:], late[:n])
	return late
}

// row makes what entries, which ascend, add up to.
func (c *center) row(rows *Rows, dims *schema.Dims, start int64, minutes int, entries []uint64) {
	w := &c.window
	if rows.Window == nil {
		n := len(rows.Windows)
		rows.Windows = slices.Grow(rows.Windows, 1)[:n+1]
		w = &rows.Windows[n]
	}
	*w = schema.Window{}
	w.Dims, w.Start, w.Minutes = *dims, start, minutes
	c.slacken(entries)
	from := len(c.slack)
	c.addUp(w, entries)
	if rows.Window != nil {
		rows.Window(w)
		c.slack = c.slack[:from]
	}
}

// slacken makes room for the histograms of so many entries.
func (c *center) slacken(entries []uint64) {
	if cap(c.slack)-len(c.slack) < 2*len(entries) {
		c.slack = make([]schema.Bin, 0, max(512, 2*len(entries))) // many histograms share it
	}
}

func (c *center) dims(k *seriesKey) schema.Dims {
	d := schema.Dims{ContactCenter: c.id, Queue: c.names[k.queue], Campaign: c.names[k.campaign], Channel: k.channel, Direction: k.direction}
	if k.agent != 0 {
		d.Agent = c.agents[k.agent].id.text
	}
	return d
}

// addUp adds up entries, which ascend, whatever their minutes.
func (c *center) addUp(w *schema.Window, entries []uint64) {
	c.slacken(entries)
	for len(entries) > 0 {
		metric, n := metricOf(entries[0]), 1
		for n < len(entries) && metricOf(entries[n]) == metric {
			n++
		}
		if metric < firstMeasure {
			w.Counts[metric] = uint32(n)
		} else {
			c.distribute(&w.Measures[metric-firstMeasure], schema.Measure(metric-firstMeasure), entries[:n])
		}
		entries = entries[n:]
	}
}

// distribute makes the distribution of one measure's entries, which ascend.
func (c *center) distribute(d *schema.Distribution, m schema.Measure, entries []uint64) {
	d.Count, d.Max = uint32(len(entries)), valueOf(entries[len(entries)-1])
	from := len(c.slack)
	for _, e := range entries {
		d.Sum += valueOf(e)
		c.addBin(from, uint16(e>>bucketShift&bucketMask))
	}
	d.Log = c.slack[from:len(c.slack):len(c.slack)]
	if !m.CountsSeconds() {
		return
	}
	from = len(c.slack)
	for _, e := range entries {
		c.addBin(from, schema.SecondsKey(valueOf(e)))
	}
	d.Seconds = c.slack[from:len(c.slack):len(c.slack)]
}

// addBin counts a key in the histogram that begins at from. Keys ascend.
func (c *center) addBin(from int, key uint16) {
	if n := len(c.slack); n > from && c.slack[n-1].Key == key {
		c.slack[n-1].N++
		return
	}
	c.slack = append(c.slack, schema.Bin{Key: key, N: 1})
}

// sweep packs panes once in a quarter, when their rows are out.
func (c *center) sweep() {
	if c.packed != c.swept {
		c.packed = c.swept
		c.packPanes()
		c.shrinkPool()
	}
}

// packPanes packs the panes of quarters that have passed, and forgets those that no rolling window and no correction can reach any
// more. Those that are still to be written stay.
func (c *center) packPanes() {
	until := int32(floorTo(min(c.newest-c.keep, c.completeUntil), quarterMs) / quarterMs) // those before it have ended by then
	now := int32(floorTo(c.newest, quarterMs) / quarterMs)
	c.series.drop(func(s *series) bool {
		c.text = s.closed.since(c.text[:0], until)
		passed := func(p *pane) bool {
			if p.quarter >= now || p.touched != 0 {
				return false
			}
			if p.quarter >= until && len(p.entries) > 0 {
				c.text = c.packPane(c.text, p)
			}
			return true
		}
		for at := &s.now.next; *at != nil; {
			if p := *at; passed(p) {
				*at = p.next
			} else {
				at = &p.next
			}
		}
		if s.now.quarter != noQuarter && passed(&s.now) {
			s.now.forget()
		}
		if string(s.closed) != string(c.text) {
			s.closed = packedPanes(c.text)
		}
		if s.now.quarter != noQuarter || s.now.next != nil || s.closed != "" {
			return false
		}
		c.forgetRecent(&s.key)
		return true
	})
}

// forget leaves no pane but what follows it, and notes how much memory the next quarter may need.
func (p *pane) forget() {
	p.busy = uint16(min(len(p.entries), math.MaxUint16))
	p.entries, p.sorted, p.quarter = nil, 0, noQuarter
}

func (c *center) forgetRecent(k *seriesKey) {
	if k.agent != 0 {
		c.agents[k.agent].recent = nil
	} else {
		c.recent[k.queue] = nil
	}
}
