package metric

import "floorwalker/schema"

// ratioShape is a quotient of sums, taken last (metrics, rule 4).
type ratioShape struct {
	of   func(*Totals) (numerator, denominator float64)
	need Needs
}

func (s ratioShape) sub(name string) (subkey, bool) { return subkey{}, name == "" }
func (s ratioShape) needs(subkey) Needs             { return s.need }
func (s ratioShape) value(t *Totals, sub subkey, o Options) any {
	return orNull(s.number(t, sub, o))
}
func (s ratioShape) number(t *Totals, _ subkey, _ Options) (float64, bool) {
	return quotient(s.of(t))
}

func derivedMetrics() []Metric {
	count := func(t *Totals, c schema.Count) float64 { return float64(t.Counts[c]) }
	return []Metric{
		{Key: "asa", Unit: UnitMilliseconds, Kind: KindRatio, OfQueues: true, Queue: queueDims,
			Definition: "average speed of answer", Formula: "wait.sum / answered", Inputs: []string{"wait.sum_ms", "answered"},
			shape: ratioShape{func(t *Totals) (float64, float64) {
				return float64(t.Measures[schema.MeasureWait].Sum), count(t, schema.CountAnswered)
			}, counts(schema.CountAnswered).Or(durations(schema.MeasureWait))}},
		{Key: "abandon_rate", Unit: UnitRatio, Kind: KindRatio, OfQueues: true, Queue: queueDims,
			Definition: "share of the offered that abandoned; can exceed 1, since what was offered before may abandon in the range",
			Formula:    "abandoned / offered", Inputs: []string{"abandoned", "offered"},
			shape: ratioShape{func(t *Totals) (float64, float64) {
				return count(t, schema.CountAbandoned), count(t, schema.CountOffered)
			}, counts(schema.CountAbandoned, schema.CountOffered)}},
		{Key: "answer_rate", Unit: UnitRatio, Kind: KindRatio, OfQueues: true, Queue: queueDims,
			Definition: "share of the offered that was answered; can exceed 1, since what was offered before may be answered in the range",
			Formula:    "answered / offered", Inputs: []string{"answered", "offered"},
			shape: ratioShape{func(t *Totals) (float64, float64) {
				return count(t, schema.CountAnswered), count(t, schema.CountOffered)
			}, counts(schema.CountAnswered, schema.CountOffered)}},
		{Key: "aht", Unit: UnitMilliseconds, Kind: KindRatio, OfQueues: true, OfAgents: true, Queue: queueDims, Agent: agentDims,
			Definition: "average handle time", Formula: "handle.sum / handle.count", Inputs: []string{"handle.sum_ms", "handle.count"},
			shape: ratioShape{func(t *Totals) (float64, float64) {
				h := &t.Measures[schema.MeasureHandle]
				return float64(h.Sum), float64(h.Count)
			}, durations(schema.MeasureHandle)}},
		{Key: "occupancy", Unit: UnitRatio, Kind: KindRatio, OfAgents: true, Agent: statusDims,
			Definition: "share of the working time that was occupied", Formula: "occupied / (occupied + available)",
			Inputs: []string{"occupied_ms", "available_ms"},
			shape: ratioShape{func(t *Totals) (float64, float64) {
				return float64(t.OccupiedMs()), float64(t.OccupiedMs() + t.AvailableMs)
			}, Needs{Intervals: true}}},
		{Key: "utilization", Unit: UnitRatio, Kind: KindRatio, OfAgents: true, Agent: statusDims,
			Definition: "share of the logged-in time that was occupied", Formula: "occupied / logged_in",
			Inputs: []string{"occupied_ms", "logged_in_ms"},
			shape: ratioShape{func(t *Totals) (float64, float64) {
				return float64(t.OccupiedMs()), float64(t.LoggedInMs())
			}, Needs{Intervals: true}}},
	}
}
