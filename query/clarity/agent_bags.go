package clarity

import (
	encode "floorwalker/query/list"
)

// agentMetric is one number of a bag.
type agentMetric struct {
	name string
	of   func(t *tally, m modality) int64
}

// Names that the specification prints, in their bags; offeredCount and the times but availableTime and directInboundTime are ours.
var (
	ronaCount     = agentMetric{"ronaCount", func(t *tally, m modality) int64 { return int64(t.rona[m]) }}
	offeredCount  = agentMetric{"offeredCount", func(t *tally, m modality) int64 { return int64(t.offered[m]) }}
	answeredCount = agentMetric{"answeredCount", func(t *tally, m modality) int64 { return int64(t.answered[m]) }}
	takenCount    = agentMetric{"takenCount", func(t *tally, m modality) int64 { return int64(t.answered[m] + t.transferredIn[m]) }}
	activeCount   = agentMetric{"currentlyActiveCount", func(t *tally, m modality) int64 { return int64(t.active[m]) }}
	closedCount   = agentMetric{"closedTodayMessageCount", func(t *tally, m modality) int64 { return int64(t.handles[m]) }}
	directIn      = agentMetric{"directInboundCallCount", func(t *tally, m modality) int64 { return int64(t.directInbound[m]) }}
	directOut     = agentMetric{"directOutboundCallCount", func(t *tally, m modality) int64 { return int64(t.directOutbound[m]) }}
	longestWrap   = agentMetric{"longestAfterCallTime", func(t *tally, m modality) int64 { return t.longestWrap[m] }}
	longestHandle = agentMetric{"longestHandleTime", func(t *tally, m modality) int64 { return t.longestHandle[m] }}

	agentBags = [numModalities][]agentMetric{
		audio:          {ronaCount, answeredCount, offeredCount, directIn, directOut, longestWrap, longestHandle, activeCount},
		instantMessage: {ronaCount, answeredCount, offeredCount, takenCount, activeCount},
		message:        {ronaCount, offeredCount, activeCount, closedCount},
	}
)

// agentMetricNames are all names of the agents' bags.
func agentMetricNames() (names []string) {
	seen := map[string]bool{}
	for _, bag := range agentBags {
		for _, metric := range bag {
			if !seen[metric.name] {
				seen[metric.name] = true
				names = append(names, metric.name)
			}
		}
	}
	return append(names, timeNames[:]...)
}

// lazily opens an object when its first field is written.
type lazily struct {
	e    *encode.Encoder
	name string
	open bool
	over *lazily // which must be open before
}

func (l *lazily) begin() {
	if l.open {
		return
	}
	if l.over != nil {
		l.over.begin()
	}
	l.e.Name(l.name)
	l.e.Object()
	l.open = true
}

func (l *lazily) end() {
	if l.open {
		l.e.End()
	}
}

// writeAgentBags appends the field metrics; bags of which nothing is shown are left out. ofQueue leaves out what no queue has.
func writeAgentBags(e *encode.Encoder, t *tally, p *properties, ofQueue bool) {
	all := &lazily{e: e, name: "metrics"}
	for m := range numModalities {
		if !p.modalities[m] {
			continue
		}
		bag := &lazily{e: e, name: modalityNames[m], over: all}
		for i := range agentBags[m] {
			if metric := &agentBags[m][i]; has(p.metricSet, metric.name) {
				bag.begin()
				e.Name(metric.name)
				e.Int(metric.of(t, m))
			}
		}
		bag.end()
	}
	bag := &lazily{e: e, name: "agnostic", over: all}
	for n, name := range timeNames {
		if !has(p.metricSet, name) || ofQueue && !isMeasured(n) {
			continue
		}
		bag.begin()
		writeStretch(e, name, t.times[n])
	}
	bag.end()
	all.end()
}

func isMeasured(n int) bool {
	for i := range measured {
		if measured[i].time == n {
			return true
		}
	}
	return false
}

func writeStretch(e *encode.Encoder, name string, s stretch) {
	e.Name(name)
	e.Object()
	e.Name("total")
	e.Int(s.ms)
	e.Name("average")
	if s.count == 0 {
		e.Int(0)
	} else {
		e.Float(float64(s.ms) / float64(s.count))
	}
	e.Name("count")
	e.Int(int64(s.count))
	e.End()
}
