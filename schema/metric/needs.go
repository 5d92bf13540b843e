package metric

import "floorwalker/schema"

// Needs is what must be read to tell a metric, so that a query reads nothing else.
type Needs struct {
	Counts    uint32 // bit c: schema.Count c of windows
	Durations uint16 // bit m: count and sum of schema.Measure m
	Maxima    uint16 // bit m: its maximum
	Logs      uint16 // bit m: its logarithmic histogram
	Seconds   uint16 // bit m: its histogram by whole seconds, against thresholds
	Intervals bool   // status intervals
	Parts     bool   // segments of parts
	Live      bool   // gauges of the live view
}

// Windows reports whether windows must be read.
func (n Needs) Windows() bool { return n.Counts != 0 || n.Durations|n.Logs|n.Seconds != 0 }

// Empty reports whether nothing must be read.
func (n Needs) Empty() bool { return n == Needs{} }

// Or joins two needs.
func (n Needs) Or(o Needs) Needs {
	n.Counts |= o.Counts
	n.Durations |= o.Durations
	n.Maxima |= o.Maxima
	n.Logs |= o.Logs
	n.Seconds |= o.Seconds
	n.Intervals = n.Intervals || o.Intervals
	n.Parts = n.Parts || o.Parts
	n.Live = n.Live || o.Live
	return n
}

// Count reports whether counter c is needed.
func (n Needs) Count(c schema.Count) bool { return n.Counts&(1<<c) != 0 }

// Duration reports whether count and sum of m are needed, as they are where anything of it is.
func (n Needs) Duration(m schema.Measure) bool { return (n.Durations|n.Logs)&(1<<m) != 0 }

// Maximum reports whether the maximum of m is needed.
func (n Needs) Maximum(m schema.Measure) bool { return n.Maxima&(1<<m) != 0 }

// Log reports whether the percentiles of m are needed.
func (n Needs) Log(m schema.Measure) bool { return n.Logs&(1<<m) != 0 }

// BySecond reports whether m is needed against thresholds.
func (n Needs) BySecond(m schema.Measure) bool { return n.Seconds&(1<<m) != 0 }

func counts(cs ...schema.Count) Needs {
	var n Needs
	for _, c := range cs {
		n.Counts |= 1 << c
	}
	return n
}

func durations(m schema.Measure) Needs { return Needs{Durations: 1 << m} }
func bySecond(m schema.Measure) Needs  { return Needs{Seconds: 1 << m} }
