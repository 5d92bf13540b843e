package engine

import (
	"maps"
	"math"
	"slices"

	"floorwalker/schema"
)

// Sums are a contact centre's windows added up over a range of minutes that moves on and is asked for again and again: only series
// in which something was counted since, or whose minutes enter or leave the range, are added up anew. Look keeps them up to date.
type Sums struct {
	of       *center
	from, to int64
	base     map[schema.Dims]*schema.Window // what was counted before the engine's time
	alone    map[schema.Dims]*schema.Window // those of base that no series has met
	at       map[seriesKey]int              // place in the list
	list     []sum
	stale    map[seriesKey]int64 // with the first moment from which on something changed
	busy     int                 // from so many entries on it pays to keep a series' past added up
}

// sum is one series added up. A window that was given out is never changed.
type sum struct {
	key    seriesKey
	window *schema.Window // nil where nothing was counted
	oldest int64          // first minute that is in it
	later  bool           // the series has minutes after the range

	// Of a busy series what lies before the present quarter is kept added up.
	settled *schema.Window
	until   int64 // what comes before is in settled
}

// settleAfter is how late an event may come without the past being added up anew.
const settleAfter = minuteMs

// NewSums begins to add up; base is part of every answer. It returns nil where no event has named the contact centre.
func (e *Engine) NewSums(contactCenter string, base []schema.Window) *Sums {
	c := e.centers[contactCenter]
	if c == nil {
		return nil
	}
	s := &Sums{of: c, busy: 256, base: make(map[schema.Dims]*schema.Window, len(base))}
	for k := range base {
		s.base[base[k].Dims] = &base[k]
	}
	s.reset()
	c.sums = append(c.sums, s)
	return s
}

// Close ends keeping them up to date.
func (s *Sums) Close() {
	s.of.sums = slices.DeleteFunc(s.of.sums, func(o *Sums) bool { return o == s })
}

// reset has everything added up anew.
func (s *Sums) reset() {
	n := s.of.series.n
	s.at, s.list, s.stale = make(map[seriesKey]int, n), make([]sum, 0, n), make(map[seriesKey]int64, n)
	s.alone = maps.Clone(s.base)
	for series := range s.of.series.all() {
		s.stale[series.key] = math.MinInt64
	}
}

// Over returns the sums over the minutes of [from, to), one for each Dims that counted something. They are not to be changed.
func (s *Sums) Over(from, to int64) []*schema.Window {
	if from < s.from || to < s.to {
		s.reset()
	}
	if from != s.from || to != s.to {
		for k := range s.list {
			switch at := &s.list[k]; {
			case at.oldest < from:
				s.stale[at.key] = math.MinInt64
			case at.later:
				s.changed(at.key, s.to)
			}
		}
	}
	s.from, s.to = from, to
	for key, first := range s.stale {
		s.add(key, first)
	}
	clear(s.stale)
	out := make([]*schema.Window, 0, len(s.list)+len(s.alone))
	for k := range s.list {
		if w := s.list[k].window; w != nil {
			out = append(out, w)
		}
	}
	for _, w := range s.alone {
		out = append(out, w)
	}
	return out
}

// changed notes that something of a series changed at a moment or later.
func (s *Sums) changed(key seriesKey, first int64) {
	if before, ok := s.stale[key]; !ok || first < before {
		s.stale[key] = first
	}
}

// add adds one series up, in which nothing changed before first.
func (s *Sums) add(key seriesKey, first int64) {
	c := s.of
	k, known := s.at[key]
	now := sum{key: key, oldest: math.MaxInt64, until: floorTo(min(c.newest-settleAfter, s.to), quarterMs)}
	if known && s.list[k].settled != nil && s.list[k].until == now.until && first >= now.until {
		now = s.list[k]
		now.later = false
	}
	past, recent := s.read(&now)
	if len(past) < s.busy {
		recent = append(recent, past...)
	} else {
		now.settled = &schema.Window{}
		slices.Sort(past)
		c.addUp(now.settled, past)
		ownBins(now.settled)
	}
	dims := c.dims(&key)
	base := s.base[dims]
	delete(s.alone, dims)
	switch {
	case len(recent) > 0 || now.settled != nil:
		now.window = &schema.Window{Dims: dims, Start: s.from}
		slices.Sort(recent)
		c.addUp(now.window, recent)
		ownBins(now.window)
		if now.settled != nil {
			now.window.Add(now.settled)
		}
		if base != nil {
			now.window.Add(base)
		}
	default:
		now.window = base
	}
	if known {
		s.list[k] = now
		return
	}
	s.at[key] = len(s.list)
	s.list = append(s.list, now)
}

// read gives a series' entries of the range, but for those that are settled: the ones to settle, and those that came since.
func (s *Sums) read(now *sum) (past, recent []uint64) {
	past, recent = s.of.minutes[:0], s.of.minute[:0]
	series, from := s.of.series.find(&now.key), s.from
	if now.settled != nil {
		from = now.until
	}
	if series == nil {
		return nil, nil
	}
	series.each(func(start int64) bool { return start+quarterMs > from }, func(start int64, e uint64) {
		at := start + int64(e&minuteMask)*minuteMs
		switch {
		case at < from:
		case at >= s.to:
			now.later = true
		case at < now.until:
			now.oldest = min(now.oldest, at)
			past = append(past, e)
		default:
			now.oldest = min(now.oldest, at)
			recent = append(recent, e)
		}
	})
	s.of.minutes, s.of.minute = past, recent
	return past, recent
}

// ownBins gives a window that is kept histograms of its own: those that fill makes share room with many others.
func ownBins(w *schema.Window) {
	n := 0
	for m := range w.Measures {
		n += len(w.Measures[m].Log) + len(w.Measures[m].Seconds)
	}
	bins := make([]schema.Bin, 0, n)
	own := func(list []schema.Bin) []schema.Bin {
		from := len(bins)
		bins = append(bins, list...)
		return bins[from:len(bins):len(bins)]
	}
	for m := range w.Measures {
		w.Measures[m].Log, w.Measures[m].Seconds = own(w.Measures[m].Log), own(w.Measures[m].Seconds)
	}
}
