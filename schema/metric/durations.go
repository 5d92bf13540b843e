package metric

import (
	"strconv"
	"strings"

	"floorwalker/schema"
)

// Duration is the value of a duration metric: milliseconds, null over nothing (metrics, rule 3).
type Duration struct {
	Count uint64   `json:"count"`
	SumMs int64    `json:"sum_ms"`
	MaxMs *int64   `json:"max_ms"`
	AvgMs *float64 `json:"avg_ms"`
	P50Ms *float64 `json:"p50_ms"`
	P90Ms *float64 `json:"p90_ms"`
	P95Ms *float64 `json:"p95_ms"`
	P99Ms *float64 `json:"p99_ms"`
}

// PlainDuration is the value of a duration metric that is defined without percentiles.
type PlainDuration struct {
	Count uint64   `json:"count"`
	SumMs int64    `json:"sum_ms"`
	MaxMs *int64   `json:"max_ms"`
	AvgMs *float64 `json:"avg_ms"`
}

type durationShape struct {
	measure     schema.Measure
	percentiles bool
}

const (
	durationCount uint8 = iota + 1
	durationSum
	durationMax
	durationAvg
	durationPercentile
)

// sub reads count, sum, max, avg and p1 to p99, each but count also with the suffix _ms.
func (s durationShape) sub(name string) (subkey, bool) {
	if k, ok := oneOf(name, "count"); ok {
		return k, true
	}
	name = strings.TrimSuffix(name, "_ms")
	switch name {
	case "sum":
		return subkey{part: durationSum}, true
	case "max":
		return subkey{part: durationMax}, true
	case "avg":
		return subkey{part: durationAvg}, true
	}
	digits, isPercentile := strings.CutPrefix(name, "p")
	p, err := strconv.Atoi(digits)
	if !isPercentile || !s.percentiles || err != nil || p < 1 || p > 99 || digits != strconv.Itoa(p) {
		return subkey{}, false
	}
	return subkey{durationPercentile, p}, true
}

func (s durationShape) needs(sub subkey) Needs {
	n := durations(s.measure)
	if sub.part == 0 || sub.part == durationMax || sub.part == durationPercentile { // the longest bounds the percentiles
		n.Maxima = n.Durations
	}
	if s.percentiles && (sub.part == 0 || sub.part == durationPercentile) {
		n.Logs = n.Durations
	}
	return n
}

func (s durationShape) value(t *Totals, sub subkey, o Options) any {
	d := &t.Measures[s.measure]
	switch sub.part {
	case durationCount:
		return d.Count
	case durationSum:
		return d.Sum
	case durationMax:
		if d.Count == 0 {
			return nil
		}
		return d.Max
	case durationAvg:
		return orNull(d.Mean())
	case durationPercentile:
		return orNull(d.Quantile(float64(sub.index) / 100))
	}
	return s.whole(d)
}

// Durations of nothing, boxed once: most rows have many of them.
var (
	noDuration      any = Duration{}
	noPlainDuration any = PlainDuration{}
)

func (s durationShape) whole(d *Distribution) any {
	switch {
	case d.Count == 0 && s.percentiles:
		return noDuration
	case d.Count == 0:
		return noPlainDuration
	}
	at := &struct { // one piece of memory for all
		longest   int64
		mean      float64
		quantiles [4]float64
	}{longest: d.Max}
	at.mean, _ = d.Mean()
	if !s.percentiles {
		return PlainDuration{Count: d.Count, SumMs: d.Sum, MaxMs: &at.longest, AvgMs: &at.mean}
	}
	for i, q := range [...]float64{.5, .9, .95, .99} {
		at.quantiles[i], _ = d.Quantile(q)
	}
	p := &at.quantiles
	return Duration{d.Count, d.Sum, &at.longest, &at.mean, &p[0], &p[1], &p[2], &p[3]}
}

// number of the whole is its average: what `sort=wait` means.
func (s durationShape) number(t *Totals, sub subkey, o Options) (float64, bool) {
	if sub.part == 0 {
		sub.part = durationAvg
	}
	return number(s.value(t, sub, o))
}

func durationMetric(m schema.Measure, ofQueues, ofAgents, percentiles bool, definition string) Metric {
	out := Metric{Key: m.String(), Unit: UnitMilliseconds, Kind: KindDuration, OfQueues: ofQueues, OfAgents: ofAgents,
		Definition: definition, shape: durationShape{m, percentiles}}
	if ofQueues {
		out.Queue = queueDims
	}
	if ofAgents {
		out.Agent = agentDims
	}
	return out
}

func durationMetrics() []Metric {
	const parts = " of agents' parts; counted when the conversation ends"
	return []Metric{
		durationMetric(schema.MeasureWait, true, false, true, "time from queued to connect of answered first visits"),
		durationMetric(schema.MeasureAbandonWait, true, false, true, "time from queued to the end of abandoned first visits"),
		durationMetric(schema.MeasureRing, true, true, true, "ringing time of agents' parts; counted when ringing ends"),
		durationMetric(schema.MeasureTalk, true, true, true, "connected time"+parts),
		durationMetric(schema.MeasureHold, true, true, true, "held time"+parts),
		durationMetric(schema.MeasureParked, true, true, true, "parked and interrupted time"+parts),
		durationMetric(schema.MeasureWrap, true, true, true, "after-call work of agents' parts; counted when wrap ends"),
		durationMetric(schema.MeasureHandle, true, true, true, "talk + hold + wrap of every part that connected; counted when the part is finished"),
		durationMetric(schema.MeasureMonitored, false, true, false, "parts in the roles silent_join and whisper_join"),
		durationMetric(schema.MeasureFirstResponse, false, true, true, "chat and message channels: connect to the agent's first message"),
		durationMetric(schema.MeasureDirectInboundTime, false, true, false, "handle time of the parts of direct_inbound interactions"),
		durationMetric(schema.MeasureDirectOutboundTime, false, true, false, "handle time of the parts of direct_outbound interactions"),
	}
}
