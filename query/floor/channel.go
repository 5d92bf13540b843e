package floor

import (
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// AgentChannelTotals adds up what was counted of one agent in one channel; status times, which have no channel, are left out.
func (f *Figures) AgentChannelTotals(agent string, channel schema.Channel) *metric.Totals {
	out := &metric.Totals{Family: metric.FamilyAgent}
	a := f.agents().of(agent)
	if a == nil {
		return out
	}
	for _, w := range a.windows {
		if w.Channel == channel {
			out.AddWindow(w, metric.Threshold{})
		}
	}
	return out
}
