package metric

import (
	"cmp"
	"slices"

	"floorwalker/schema"
)

// Connected collects one agent's connected time, of which concurrency is worked out.
type Connected struct {
	from, to, asOf int64
	spans          []span
}

type span struct{ since, until int64 }

// NewConnected collects what lies in [from, to); what is open counts up to asOf.
func NewConnected(from, to, asOf int64) *Connected { return &Connected{from: from, to: to, asOf: asOf} }

// AddPart takes the connected segments of a part.
func (c *Connected) AddPart(p *schema.Part) {
	if p.Deleted {
		return
	}
	for _, s := range p.Segments {
		if s.State == schema.StateConnected && !s.Role.Monitors() {
			c.Add(s.Since, s.Until)
		}
	}
}

// Add takes one connected segment.
func (c *Connected) Add(since, until int64) {
	if ms := clip(since, until, c.from, c.to, c.asOf); ms > 0 {
		since = max(since, c.from)
		c.spans = append(c.spans, span{since, since + ms})
	}
}

// AddConnected sums one agent's connected time in.
func (t *Totals) AddConnected(c *Connected) {
	slices.SortFunc(c.spans, func(a, b span) int { return cmp.Compare(a.since, b.since) })
	reached := c.from
	for _, s := range c.spans {
		t.ConnectedMs += s.until - s.since
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

func (s concurrencyShape) value(t *Totals, sub subkey, o Options) any {
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

func (s concurrencyShape) number(t *Totals, sub subkey, o Options) (float64, bool) {
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
