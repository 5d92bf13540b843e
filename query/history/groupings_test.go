package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// Of which family each counter and duration is (metrics.md).
var (
	queueCounts = []schema.Count{schema.CountOffered, schema.CountAnswered, schema.CountTransferredOut, schema.CountTransferredIn, schema.CountAbandoned, schema.CountBreakout,
		schema.CountOverflowed, schema.CountEndedOther, schema.CountExpired, schema.CountRequeued, schema.CountAgainAnswered, schema.CountAgainAbandoned}
	agentCounts = []schema.Count{schema.CountOffered, schema.CountAnswered, schema.CountTransferredOut, schema.CountTransferredIn, schema.CountRona, schema.CountDeclined,
		schema.CountDirectInbound, schema.CountDirectOutbound, schema.CountConsulted, schema.CountConferenced, schema.CountMessagesSent}
	queueMeasures = []schema.Measure{schema.MeasureWait, schema.MeasureAbandonWait, schema.MeasureRing, schema.MeasureTalk, schema.MeasureHold, schema.MeasureParked,
		schema.MeasureWrap, schema.MeasureHandle}
	agentMeasures = []schema.Measure{schema.MeasureRing, schema.MeasureTalk, schema.MeasureHold, schema.MeasureParked, schema.MeasureWrap, schema.MeasureHandle,
		schema.MeasureMonitored, schema.MeasureFirstResponse, schema.MeasureDirectInboundTime, schema.MeasureDirectOutboundTime}
)

func anyObservations(r *rand.Rand, n int, from, to int64) []observation {
	out := make([]observation, n)
	for i := range out {
		o := observation{at: from + r.Int64N(to-from), ms: -1, Dims: schema.Dims{ContactCenter: center, Queue: pick(r, someQueues), Campaign: pick(r, []string{"", "c1", "c2"}),
			Channel: pick(r, []schema.Channel{schema.ChannelVoice, schema.ChannelChat, schema.ChannelEmail}), Direction: pick(r, []schema.Direction{schema.Inbound, schema.Outbound})}}
		counts, measures := queueCounts, queueMeasures
		if r.IntN(2) == 0 {
			o.Agent, counts, measures = pick(r, someAgents), agentCounts, agentMeasures
		}
		if r.IntN(2) == 0 {
			o.counts = []schema.Count{pick(r, counts)}
		} else {
			o.measure, o.ms = pick(r, measures), randomWait(r)
		}
		out[i] = o
		if i > 0 && r.IntN(4) == 0 {
			out[i] = out[i-1] // the same once more, in one window and one bucket
		}
	}
	return out
}

// summed is one row as a plain walk over the observations computes it, by family.
type summed struct {
	counts [3][schema.NumCounts]uint64
	values [3][schema.NumMeasures][]int64
}

// units that agents and queues belong to; one of each belongs to two.
var (
	agentGroups = Membership{Members: map[string][]string{"g1": {someAgents[0], someAgents[2]}, "g2": {someAgents[2], someAgents[3]}, "empty": nil}}
	queueTeams  = Membership{OfQueues: true, Members: map[string][]string{"t1": {"IN", someQueues[3]}, "t2": {"IN", "VIP"}}}
)

// idsOf are the values that an observation has in a dimension; none where it does not count in it.
func idsOf(o *observation, d metric.Dimension, units map[metric.Dimension]Membership) []string {
	member := o.Queue
	switch d {
	case metric.DimAgent:
		return []string{o.Agent}
	case metric.DimQueue:
		return []string{o.Queue}
	case metric.DimCampaign:
		return []string{o.Campaign}
	case metric.DimChannel:
		return []string{o.Channel.String()}
	case metric.DimDirection:
		return []string{o.Direction.String()}
	}
	if !units[d].OfQueues {
		member = o.Agent
	}
	var out []string
	for unit, members := range units[d].Members {
		if slices.Contains(members, member) {
			out = append(out, unit)
		}
	}
	return out
}

func walk(q *Query, edges []int64, obs []observation) map[string]*summed {
	out := map[string]*summed{}
	for n := range obs {
		o := &obs[n]
		i := slices.IndexFunc(edges[1:], func(e int64) bool { return o.at < e })
		if o.at < q.From || i < 0 {
			continue
		}
		passes := true
		for d, wanted := range q.Filters {
			passes = passes && slices.ContainsFunc(idsOf(o, d, q.Units), func(id string) bool { return slices.Contains(wanted, id) })
		}
		groups := [][]string{nil}
		for _, d := range q.GroupBy {
			var next [][]string
			for _, g := range groups {
				for _, id := range idsOf(o, d, q.Units) {
					if wanted := q.Filters[d]; len(wanted) == 0 || slices.Contains(wanted, id) {
						next = append(next, append(slices.Clone(g), id))
					}
				}
			}
			groups = next
		}
		if !passes {
			continue
		}
		family := metric.FamilyQueue
		if o.Agent != "" {
			family = metric.FamilyAgent
		}
		for _, g := range groups {
			key := fmt.Sprintf("%q %d", g, edges[i])
			if out[key] == nil {
				out[key] = &summed{}
			}
			for _, c := range o.counts {
				out[key].counts[family][c]++
			}
			if o.ms >= 0 {
				out[key].values[family][o.measure] = append(out[key].values[family][o.measure], o.ms)
			}
		}
	}
	return out
}

// Whatever is grouped, filtered and divided: every counter and every duration of the history is what a plain walk over the single
// observations gives, on days of 23, 23½, 24½ and 25 hours too.
func TestMetrics_AnyGroupingAgainstPlainWalk(t *testing.T) {
	f := newFloor(t)
	r := rand.New(rand.NewPCG(8, 9))
	zones := []struct{ zone, from, to string }{
		{"Europe/Berlin", "2026-03-28 00:00", "2026-03-31 00:00"}, {"America/Sao_Paulo", "2018-11-03 00:00", "2018-11-06 01:00"},
		{"America/Sao_Paulo", "2019-02-15 00:00", "2019-02-18 00:00"}, {"Australia/Lord_Howe", "2026-10-03 00:00", "2026-10-06 00:00"},
		{"Australia/Lord_Howe", "2026-04-04 00:00", "2026-04-06 00:00"},
	}
	observed := make([][]observation, len(zones))
	for i, z := range zones {
		observed[i] = anyObservations(r, 2500, at(t, z.zone, z.from), at(t, z.zone, z.to))
		f.windows(20, append(windowsOf(observed[i], 1), windowsOf(observed[i], 15)...)...)
	}
	f.progress(30, at(t, "UTC", "2026-12-01 00:00"))
	dimensions := []metric.Dimension{metric.DimAgent, metric.DimQueue, metric.DimCampaign, metric.DimChannel, metric.DimDirection, metric.DimGroup, metric.DimTeam}
	for n := range 30 {
		z := zones[n%len(zones)]
		loc, err := time.LoadLocation(z.zone)
		require.NoError(t, err)
		q := Query{Interval: pick(r, []Interval{Total, Quarter, HalfHour, Hour, Day, Day, Week, Month}), Location: loc, Units: map[metric.Dimension]Membership{},
			Filters: map[metric.Dimension][]string{}, From: at(t, z.zone, z.from), To: at(t, z.zone, z.to)}
		if r.IntN(2) == 0 {
			q.From, q.To = q.From+r.Int64N(600)*minuteMs, q.To-r.Int64N(600)*minuteMs
		}
		for _, d := range dimensions {
			if r.IntN(4) == 0 {
				q.GroupBy = append(q.GroupBy, d)
			}
		}
		if r.IntN(3) == 0 {
			q.Filters[metric.DimQueue] = []string{"IN", someQueues[3]}
		}
		if r.IntN(4) == 0 {
			q.Filters[metric.DimChannel] = []string{"chat"}
		}
		if r.IntN(5) == 0 {
			q.Filters[metric.DimGroup] = []string{"g2"}
		}
		for d, m := range map[metric.Dimension]Membership{metric.DimGroup: agentGroups, metric.DimTeam: queueTeams} {
			if slices.Contains(q.GroupBy, d) || len(q.Filters[d]) > 0 {
				q.Units[d] = m
			}
		}
		edges, err := Edges(q.From, q.To, q.Interval, loc, 10_000)
		require.NoError(t, err)
		f.reader.packed = pick(r, []int64{0, packedAtMost})
		f.requireWalk(q, walk(&q, edges, observed[n%len(zones)]))
	}
}

// requireWalk asks for everything that fits and compares what is counted in windows.
func (f *floor) requireWalk(q Query, want map[string]*summed) {
	f.t.Helper()
	res := f.ask(q)
	about := fmt.Sprintf("by %v every %s from %d to %d, filters %v", q.GroupBy, q.Interval, q.From, q.To, q.Filters)
	seen := map[string]bool{}
	compared := 0
	for i := range res.Rows {
		row := &res.Rows[i]
		key := fmt.Sprintf("%q %d", row.Group, row.From)
		seen[key] = true
		w := want[key]
		if w == nil {
			w = &summed{}
		}
		for _, field := range res.Fields {
			for c := range schema.NumCounts {
				if field.Key == c.String() {
					require.Equal(f.t, w.counts[field.Family][c], row.Value(field), "%s: %s of %s", about, field.Key, key)
					compared++
				}
			}
			for m := range schema.NumMeasures {
				if field.Key == m.String() {
					_, percentiles := row.Value(field).(metric.Duration) // the others are defined without
					requireDistribution(f.t, w.values[field.Family][m], row.Totals(field.Family).Measures[m], percentiles, about+": "+field.Key+" of "+key)
					compared++
				}
			}
		}
	}
	for key, w := range want {
		if !seen[key] {
			for _, field := range res.Fields {
				for c := range schema.NumCounts {
					require.False(f.t, field.Key == c.String() && w.counts[field.Family][c] > 0, "%s: %s has no row", about, key)
				}
			}
		}
	}
	if len(res.Rows) > 0 && len(q.GroupBy) < 3 {
		require.Positive(f.t, compared, about)
	}
}

func requireDistribution(t testing.TB, values []int64, got metric.Distribution, percentiles bool, about string) {
	t.Helper()
	require.EqualValues(t, len(values), got.Count, about)
	if len(values) == 0 {
		return
	}
	slices.Sort(values)
	var sum int64
	for _, v := range values {
		sum += v
	}
	require.Equal(t, sum, got.Sum, about)
	require.Equal(t, values[len(values)-1], got.Max, about)
	if !percentiles {
		return
	}
	for _, p := range []float64{0.5, 0.9, 0.95, 0.99} {
		exact := float64(values[max(0, int(p*float64(len(values))+0.999999)-1)])
		near, ok := got.Quantile(p)
		require.True(t, ok, about)
		require.InDelta(t, exact, near, exact*0.01+1, "%s: p%v", about, p)
	}
}
