package metric

import (
	"floorwalker/schema"
)

// Gauges are what a row shows at the moment of as_of: no history has them.
type Gauges struct {
	Waiting         uint64
	OldestWaiting   int64 // when the oldest entered; schema.NoTime where nobody waits
	AsOf            int64
	EstimatedWaitMs *float64 // see EstimatedWait

	// Head-counts by effective status; a suspended agent in status available is counted in Suspended instead, so that Agents
	// and Suspended sum to LoggedIn.
	Agents    [schema.NumStatuses]uint64
	Suspended uint64
	LoggedIn  uint64
	Staffed   uint64 // logged in and assigned

	WorkloadLive, WorkloadSemiLive, WorkloadNonLive uint64
	WorkloadSince                                   int64 // schema.NoTime where the row is not of one agent
	ActiveNow                                       [schema.NumChannels]uint64

	CurrentTalkMs int64 // of the conversations that go on
}

// CountAgents adds heads to the gauges: those by effective status without the suspended ones, and how many of both are assigned.
func (g *Gauges) CountAgents(byStatus *[schema.NumStatuses]int, suspended, staffed int) {
	n := uint64(suspended)
	g.Suspended += n
	for status, heads := range byStatus {
		g.Agents[status] += uint64(heads)
		n += uint64(heads)
	}
	g.LoggedIn += n
	g.Staffed += uint64(staffed)
}

// Workload is the value of `workload`.
type Workload struct {
	Live     uint64  `json:"live"`
	SemiLive uint64  `json:"semi_live"`
	NonLive  uint64  `json:"non_live"`
	Since    *string `json:"since"` // RFC 3339, of the last change; null where the row is not of one agent
}

// gaugeShape is one integer of the live view, null where of says so.
type gaugeShape struct {
	of func(*Gauges) (float64, bool)
}

func (s gaugeShape) sub(name string) (subkey, bool) { return subkey{}, name == "" }
func (s gaugeShape) needs(subkey) Needs             { return Needs{Live: true} }
func (s gaugeShape) value(t *Totals, sub subkey, o Options) any {
	v, ok := s.number(t, sub, o)
	if !ok {
		return nil
	}
	return int64(v)
}
func (s gaugeShape) number(_ *Totals, _ subkey, o Options) (float64, bool) {
	if o.Live == nil {
		return 0, false
	}
	return s.of(o.Live)
}

type workloadShape struct{}

func (workloadShape) sub(name string) (subkey, bool) {
	return oneOf(name, "live", "semi_live", "non_live")
}
func (workloadShape) needs(subkey) Needs { return Needs{Live: true} }
func (workloadShape) value(_ *Totals, sub subkey, o Options) any {
	g := o.Live
	if g == nil {
		return nil
	}
	switch sub.part {
	case 1:
		return g.WorkloadLive
	case 2:
		return g.WorkloadSemiLive
	case 3:
		return g.WorkloadNonLive
	}
	out := Workload{Live: g.WorkloadLive, SemiLive: g.WorkloadSemiLive, NonLive: g.WorkloadNonLive}
	if g.WorkloadSince != schema.NoTime {
		since := string(schema.AppendTime(nil, g.WorkloadSince))
		out.Since = &since
	}
	return out
}
func (s workloadShape) number(t *Totals, sub subkey, o Options) (float64, bool) {
	if sub.part != 0 {
		return number(s.value(t, sub, o))
	}
	if o.Live == nil {
		return 0, false
	}
	return float64(o.Live.WorkloadLive + o.Live.WorkloadSemiLive + o.Live.WorkloadNonLive), true
}

type activeShape struct{}

func (activeShape) sub(name string) (subkey, bool) {
	if name == "" {
		return subkey{}, true
	}
	c, ok := schema.ParseChannel(name)
	return subkey{1, int(c)}, ok
}
func (activeShape) needs(subkey) Needs { return Needs{Live: true} }
func (activeShape) value(_ *Totals, sub subkey, o Options) any {
	if o.Live == nil {
		return nil
	}
	if sub.part != 0 {
		return o.Live.ActiveNow[sub.index]
	}
	all := make(map[string]uint64, schema.NumChannels)
	for c := schema.ChannelVoice; int(c) < schema.NumChannels; c++ {
		all[c.String()] = o.Live.ActiveNow[c]
	}
	return all
}
func (s activeShape) number(_ *Totals, sub subkey, o Options) (float64, bool) {
	if o.Live == nil {
		return 0, false
	}
	if sub.part != 0 {
		return float64(o.Live.ActiveNow[sub.index]), true
	}
	var n uint64
	for _, v := range o.Live.ActiveNow {
		n += v
	}
	return float64(n), true
}

func liveMetrics() []Metric {
	headDims := Set(DimQueue, DimCampaign) | units
	heads := func(key, definition string, of func(*Gauges) uint64) Metric {
		return Metric{Key: "agents_" + key, Unit: UnitCount, Kind: KindGauge, Live: true, OfQueues: true, OfAgents: true,
			Queue: headDims, Agent: headDims, Definition: definition,
			shape: gaugeShape{func(g *Gauges) (float64, bool) { return float64(of(g)), true }}}
	}
	out := []Metric{
		{Key: "waiting", Unit: UnitCount, Kind: KindGauge, Live: true, OfQueues: true, Queue: queueDims,
			Definition: "interactions in the queue now, also while they ring at an agent",
			shape:      gaugeShape{func(g *Gauges) (float64, bool) { return float64(g.Waiting), true }}},
		{Key: "longest_wait_ms", Unit: UnitMilliseconds, Kind: KindGauge, Live: true, OfQueues: true, Queue: queueDims,
			Definition: "time since the oldest that waits entered; null where nobody waits", Formula: "as_of − entry of the oldest",
			shape: gaugeShape{func(g *Gauges) (float64, bool) {
				return float64(max(0, g.AsOf-g.OldestWaiting)), g.Waiting > 0 && g.OldestWaiting != schema.NoTime
			}}},
		{Key: "estimated_wait_ms", Unit: UnitMilliseconds, Kind: KindGauge, Live: true, OfQueues: true, Queue: queueDims, Only: DimQueue,
			Definition: "how long an interaction that came now would wait; null where nobody could take it",
			Formula: "0 when an available agent is assigned and nobody waits; else AHT of the handles that finished in the last 60 minutes " +
				"(180 s with fewer than 5) × (waiting + 1) ÷ effective agents",
			shape: gaugeShape{func(g *Gauges) (float64, bool) {
				if g.EstimatedWaitMs == nil {
					return 0, false
				}
				return *g.EstimatedWaitMs, true
			}}},
		heads("logged_in", "agents logged in", func(g *Gauges) uint64 { return g.LoggedIn }),
		heads("staffed", "agents logged in and assigned", func(g *Gauges) uint64 { return g.Staffed }),
		heads("suspended", "suspended agents whose status is available", func(g *Gauges) uint64 { return g.Suspended }),
	}
	for st := schema.LoggedOut + 1; int(st) < schema.NumStatuses; st++ {
		definition := "agents whose effective status is " + st.String()
		if st == schema.Available {
			definition += " and who are not suspended"
		}
		out = append(out, heads(st.String(), definition, func(g *Gauges) uint64 { return g.Agents[st] }))
	}
	return append(out,
		Metric{Key: "current_talk_ms", Unit: UnitMilliseconds, Kind: KindGauge, Live: true, OfQueues: true, OfAgents: true, Queue: queueDims, Agent: agentDims,
			Definition: "time talked so far in the conversations that go on; talk counts those that have ended",
			shape:      gaugeShape{func(g *Gauges) (float64, bool) { return float64(g.CurrentTalkMs), true }}},
		Metric{Key: "workload", Unit: UnitCount, Kind: KindGauge, Live: true, OfAgents: true, Agent: statusDims, shape: workloadShape{},
			Definition: "agents' parts ringing, dialing, connected, held or in wrap: live (voice and video), semi_live (chat), non_live (message, email, task)"},
		Metric{Key: "active_now", Unit: UnitCount, Kind: KindGauge, Live: true, OfAgents: true, Agent: agentDims, shape: activeShape{},
			Definition: "connected interactions by channel"},
	)
}
