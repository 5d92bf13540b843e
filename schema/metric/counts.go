package metric

import "floorwalker/schema"

// countShape is a counter of windows.
type countShape struct{ count schema.Count }

func (s countShape) sub(name string) (subkey, bool) { return subkey{}, name == "" }
func (s countShape) needs(subkey) Needs             { return counts(s.count) }
func (s countShape) value(t *Totals, _ subkey, _ Options) any {
	return t.Counts[s.count]
}
func (s countShape) number(t *Totals, _ subkey, _ Options) (float64, bool) {
	return float64(t.Counts[s.count]), true
}

func countMetric(c schema.Count, ofQueues, ofAgents bool, definition string) Metric {
	m := Metric{Key: c.String(), Unit: UnitCount, Kind: KindCount, OfQueues: ofQueues, OfAgents: ofAgents, Definition: definition, shape: countShape{c}}
	if ofQueues {
		m.Queue = queueDims
	}
	if ofAgents {
		m.Agent = agentDims
	}
	return m
}
