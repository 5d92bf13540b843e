package native

import (
	"slices"

	"floorwalker/query/list"
	"floorwalker/schema/metric"
)

// writeValues appends an object with each field's value.
func writeValues(e *list.Encoder, fields []metric.Field, t *metric.Totals, o metric.Options) {
	e.Object()
	for i := range fields {
		e.Name(fields[i].Key)
		writeValue(e, fields[i].Value(t, o))
	}
	e.End()
}

// writeValue appends a metric's value without reflection where the shape is a common one.
func writeValue(e *list.Encoder, v any) {
	switch v := v.(type) {
	case nil:
		e.Null()
	case uint64:
		e.Int(int64(v))
	case int64:
		e.Int(v)
	case float64:
		e.Float(v)
	case metric.Duration:
		writeDuration(e, v.Count, v.SumMs, v.MaxMs, v.AvgMs)
		e.B = e.B[:len(e.B)-1]
		writeQuantile(e, "p50_ms", v.P50Ms)
		writeQuantile(e, "p90_ms", v.P90Ms)
		writeQuantile(e, "p95_ms", v.P95Ms)
		writeQuantile(e, "p99_ms", v.P99Ms)
		e.End()
	case metric.PlainDuration:
		writeDuration(e, v.Count, v.SumMs, v.MaxMs, v.AvgMs)
	case metric.ServiceLevel:
		writeServiceLevel(e, &v)
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		e.Object()
		for _, name := range names {
			e.Name(name)
			writeValue(e, v[name])
		}
		e.End()
	default:
		e.Value(v)
	}
}

func writeDuration(e *list.Encoder, count uint64, sum int64, maximum *int64, avg *float64) {
	e.Object()
	e.Name("count")
	e.Int(int64(count))
	e.Name("sum_ms")
	e.Int(sum)
	e.Name("max_ms")
	if maximum == nil {
		e.Null()
	} else {
		e.Int(*maximum)
	}
	writeQuantile(e, "avg_ms", avg)
	e.End()
}

func writeServiceLevel(e *list.Encoder, s *metric.ServiceLevel) {
	e.Object()
	writeQuantile(e, "value", s.Value)
	e.Name("formula")
	e.String(s.Formula)
	for _, bound := range []struct {
		name    string
		seconds *int
	}{{"threshold_seconds", s.ThresholdSeconds}, {"short_abandon_seconds", s.ShortAbandonSeconds}} {
		e.Name(bound.name)
		if bound.seconds == nil {
			e.Null()
		} else {
			e.Int(int64(*bound.seconds))
		}
	}
	for _, count := range []struct {
		name string
		n    uint64
	}{{"answered", s.Answered}, {"abandoned", s.Abandoned}, {"answered_in", s.AnsweredIn}, {"abandoned_in", s.AbandonedIn},
		{"abandoned_short", s.AbandonedShort}} {
		e.Name(count.name)
		e.Int(int64(count.n))
	}
	e.End()
}

func writeQuantile(e *list.Encoder, name string, f *float64) {
	e.Name(name)
	if f == nil {
		e.Null()
		return
	}
	e.Float(*f)
}
