package metric

import (
	"slices"

	"floorwalker/schema"
)

// AddParts clips the connected segments of one agent's parts to [from, to) and sums them in; open ones count up to asOf.
// All parts of the agent that the row counts must come at once, or time with several of them would count twice.
func (t *Totals) AddParts(parts []schema.Part, from, to, asOf int64) {
	type span struct{ since, until int64 }
	var spans []span
	for i := range parts {
		if parts[i].Deleted {
			continue
		}
		for _, s := range parts[i].Segments {
			if s.State != schema.StateConnected || s.Role.Monitors() {
				continue
			}
			if ms := clip(s.Since, s.Until, from, to, asOf); ms > 0 {
				since := max(s.Since, from)
				spans = append(spans, span{since, since + ms})
				t.ConnectedMs += ms
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int {
		if a.since < b.since {
			return -1
		}
		if a.since > b.since {
			return 1
		}
		return 0
	})
	reached := from
	for _, s := range spans {
		t.AnyMs += max(0, s.until-max(s.since, reached))
		reached = max(reached, s.until)
	}
}

// Concurrency is the value of `concurrency` with its inputs.
type Concurrency struct {
	Value       *float64 `json:"value"`
	ConnectedMs int64    `json:"connected_ms"` // of all parts
	AnyMs       int64    `json:"any_ms"`       // with at least one connected
}

type concurrencyShape struct{}

const (
	concurrencyValue uint8 = iota + 1
	concurrencyConnected
	concurrencyAny
)

func (concurrencyShape) sub(name string) (subkey, bool) {
	return oneOf(name, "value", "connected_ms", "any_ms")
}
func (concurrencyShape) needs(subkey) Needs { return Needs{Parts: true} }

func (s concurrencyShape) value(t *Totals, sub subkey, o *Options) any {
	ratio, ok := quotient(float64(t.ConnectedMs), float64(t.AnyMs))
	switch sub.part {
	case concurrencyValue:
		return orNull(ratio, ok)
	case concurrencyConnected:
		return t.ConnectedMs
	case concurrencyAny:
		return t.AnyMs
	}
	return Concurrency{pointer(ratio, ok), t.ConnectedMs, t.AnyMs}
}

func (s concurrencyShape) number(t *Totals, sub subkey, o *Options) (float64, bool) {
	if sub.part == 0 {
		sub.part = concurrencyValue
	}
	return number(s.value(t, sub, o))
}

func concurrencyMetrics() []Metric {
	return []Metric{{
		Key: "concurrency", Unit: UnitRatio, Kind: KindConcurrency, OfAgents: true, Agent: agentDims, shape: concurrencyShape{},
		Definition: "how many interactions an agent was connected with at once, on average over the time with at least one",
		Formula:    "Σ connected time of all parts / time with at least one connected",
	}}
}
