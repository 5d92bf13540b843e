package metric

import (
	"math"

	"floorwalker/schema"
)

// Totals is everything that any source adds up for one output row of one family. Only what the query's Needs name is filled.
type Totals struct {
	Family       Family
	Counts       [schema.NumCounts]uint64
	Measures     [schema.NumMeasures]Distribution
	ServiceLevel ServiceLevelInputs
	StatusMs     [schema.NumStatuses]int64  // time in each effective status
	StatusCount  [schema.NumStatuses]uint64 // times entered
	AvailableMs  int64                      // in status available and not suspended
	ConnectedMs  int64                      // connected time of all parts, monitoring ones left out
	AnyMs        int64                      // time with at least one part connected, agent by agent
}

// Empty reports whether nothing was counted.
func (t *Totals) Empty() bool {
	if t.ConnectedMs != 0 || t.StatusMs != [schema.NumStatuses]int64{} ||
		t.StatusCount != [schema.NumStatuses]uint64{} || t.Counts != [schema.NumCounts]uint64{} {
		return false
	}
	for i := range t.Measures {
		if t.Measures[i].Count != 0 {
			return false
		}
	}
	return t.ServiceLevel.AnsweredIn|t.ServiceLevel.AbandonedIn|t.ServiceLevel.AbandonedShort == 0
}

// Add sums another row of the same family into t. AnyMs adds up too, so the rows must be of different agents.
func (t *Totals) Add(o *Totals) {
	for i, n := range o.Counts {
		t.Counts[i] += n
	}
	for i := range o.Measures {
		t.Measures[i].Add(&o.Measures[i])
	}
	t.ServiceLevel.add(&o.ServiceLevel)
	for i := range o.StatusMs {
		t.StatusMs[i] += o.StatusMs[i]
		t.StatusCount[i] += o.StatusCount[i]
	}
	t.AvailableMs += o.AvailableMs
	t.ConnectedMs += o.ConnectedMs
	t.AnyMs += o.AnyMs
}

// AddWindow sums a window in; th says which waits its queue counts as in time.
func (t *Totals) AddWindow(w *schema.Window, th Threshold) {
	for i, n := range w.Counts {
		t.Counts[i] += uint64(n)
	}
	for i := range w.Measures {
		t.Measures[i].AddWindow(&w.Measures[i])
	}
	wait, abandon := w.Measures[schema.MeasureWait].Seconds, w.Measures[schema.MeasureAbandonWait].Seconds
	if w.Counts[schema.CountAnswered]|w.Counts[schema.CountAbandoned] == 0 {
		return
	}
	t.ServiceLevel.add(&ServiceLevelInputs{
		AnsweredIn:     schema.Within(wait, th.Seconds),
		AbandonedIn:    schema.Within(abandon, th.Seconds),
		AbandonedShort: schema.Under(abandon, th.ShortSeconds),
		Seconds:        Agree(th.Seconds),
		ShortSeconds:   Agree(th.ShortSeconds),
	})
}

// AddInterval clips a status interval to [from, to) and sums it in; an open one counts up to asOf. Intervals of other kinds and
// deleted ones count nothing.
func (t *Totals) AddInterval(iv *schema.Interval, from, to, asOf int64) {
	if iv.Kind != schema.IntervalStatus || iv.Deleted || int(iv.Status) >= schema.NumStatuses {
		return
	}
	if iv.Start >= from && iv.Start < to && !iv.Continued && (iv.End != schema.Open || iv.Start <= asOf) {
		t.StatusCount[iv.Status]++
	}
	ms := clip(iv.Start, iv.End, from, to, asOf)
	t.StatusMs[iv.Status] += ms
	if iv.Status == schema.Available && !iv.Suspended {
		t.AvailableMs += ms
	}
}

// clip is the length of [start, end) inside [from, to), where an open end stands for asOf.
func clip(start, end, from, to, asOf int64) int64 {
	if end == schema.Open {
		end = asOf
	}
	return max(0, min(end, to)-max(start, from))
}

// Distribution is a duration added up over windows: count, sum and maximum in ms, and the sparse histogram by schema.Bucket,
// ascending by key, of which percentiles are taken.
type Distribution struct {
	Count uint64
	Sum   int64
	Max   int64 // 0 where Count is 0
	Log   []Bin
}

// Bin is one entry of a histogram.
type Bin struct {
	Key uint16
	N   uint64
}

// Add sums another distribution into d.
func (d *Distribution) Add(o *Distribution) {
	if o.Count == 0 && len(o.Log) == 0 {
		return
	}
	d.Count += o.Count
	d.Sum += o.Sum
	d.Max = max(d.Max, o.Max)
	d.Log = mergeBins(d.Log, o.Log)
}

// AddWindow sums a window's distribution into d.
func (d *Distribution) AddWindow(o *schema.Distribution) {
	if o.Count == 0 {
		return
	}
	bins := make([]Bin, len(o.Log))
	for i, b := range o.Log {
		bins[i] = Bin{b.Key, uint64(b.N)}
	}
	if len(d.Log) == 0 {
		d.Log, bins = bins, nil
	}
	d.Add(&Distribution{Count: uint64(o.Count), Sum: o.Sum, Max: o.Max, Log: bins})
}

func mergeBins(a, b []Bin) []Bin {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return append([]Bin(nil), b...)
	}
	out := make([]Bin, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Key < b[0].Key:
			out, a = append(out, a[0]), a[1:]
		case a[0].Key > b[0].Key:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Bin{a[0].Key, a[0].N + b[0].N})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// Quantile is the value at q (0 to 1) within 1 %, false where nothing was counted. The maximum bounds it.
func (d *Distribution) Quantile(q float64) (float64, bool) {
	if d.Count == 0 {
		return 0, false
	}
	rank := max(1, uint64(math.Ceil(q*float64(d.Count)-1e-9)))
	var seen uint64
	for _, b := range d.Log {
		if seen += b.N; seen >= rank {
			return math.Min(schema.BucketValue(b.Key), float64(d.Max)), true
		}
	}
	return float64(d.Max), true
}

// Mean is the average, a fraction; false where nothing was counted.
func (d *Distribution) Mean() (float64, bool) { return quotient(float64(d.Sum), float64(d.Count)) }

func quotient(a, b float64) (float64, bool) {
	if b == 0 {
		return 0, false
	}
	return a / b, true
}

// orNull is a figure as JSON shows it.
func orNull(v float64, ok bool) any {
	if !ok {
		return nil
	}
	return v
}

func pointer(v float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return &v
}
