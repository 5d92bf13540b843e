package metric

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// The six formulas give the check values of the metric definitions.
func TestServiceLevel_CheckValues(t *testing.T) {
	in := ServiceLevelInputs{AnsweredIn: 860, AbandonedIn: 20, AbandonedShort: 10}
	for name, percent := range map[string]float64{"abandoned_credited": 83.02, "answered_only": 86.00, "answered_over_all": 81.13,
		"abandoned_in_neutral": 82.69, "short_credited": 82.08, "short_excluded": 81.90} {
		f, ok := ParseFormula(name)
		require.True(t, ok, name)
		require.Equal(t, name, f.String())
		level, ok := in.Level(f, 1000, 60)
		require.True(t, ok)
		require.Equal(t, percent, math.Round(level*10_000)/100, name)
	}
	require.Len(t, FormulaNames(), 6)
	require.Equal(t, AnsweredOverAll, Formula(0), "the default")
}

// Without traffic, or where every abandon is left out of a denominator that has nothing else, a service level is null.
func TestServiceLevel_NoTrafficIsNull(t *testing.T) {
	for f := range numFormulas {
		_, ok := (&ServiceLevelInputs{}).Level(f, 0, 0)
		require.False(t, ok, f)
	}
	_, ok := (&ServiceLevelInputs{AbandonedIn: 3, AbandonedShort: 3}).Level(ShortExcluded, 0, 3)
	require.False(t, ok)
	level, ok := (&ServiceLevelInputs{}).Level(AnsweredOnly, 5, 0)
	require.True(t, ok)
	require.Zero(t, level)
}

// Every key of the definitions is there once, with all that the catalogue's answer shows.
func TestCatalogue_NamesEveryMetricOnce(t *testing.T) {
	want := strings.Fields(`offered answered abandoned abandoned_short answered_in_sl abandoned_in_sl breakout overflowed ended_other expired
 transferred_in requeued again_answered again_abandoned transferred_out wait abandon_wait ring talk hold parked wrap handle
 waiting longest_wait_ms estimated_wait_ms agents_logged_in agents_staffed agents_suspended agents_available agents_on_call agents_ringing agents_wrap agents_away
 asa abandon_rate answer_rate aht service_level rona declined direct_inbound direct_outbound direct_inbound_time direct_outbound_time
 consulted conferenced monitored messages_sent first_response status_ms status_count logged_in_ms available_ms occupied_ms occupancy utilization
 workload active_now concurrency`)
	c := NewCatalogue()
	seen := map[string]bool{}
	for _, m := range c.All() {
		require.False(t, seen[m.Key], m.Key)
		seen[m.Key] = true
		require.NotEmpty(t, m.Definition, m.Key)
		require.NotEmpty(t, m.Unit, m.Key)
		require.NotEmpty(t, m.Kind, m.Key)
		require.NotEmpty(t, m.Dimensions().Names(), m.Key)
		require.True(t, m.OfQueues == (m.Queue != 0) && m.OfAgents == (m.Agent != 0), m.Key)
		f, ok := c.Lookup(m.Key)
		require.True(t, ok, m.Key)
		require.False(t, f.Needs().Empty(), m.Key)
		require.Equal(t, m.Live, f.Needs().Live, m.Key)
		for _, in := range m.Inputs {
			_, ok := c.Lookup(in)
			require.True(t, ok, in)
		}
	}
	for _, key := range want {
		require.True(t, seen[key], key)
	}
}

func TestLookup(t *testing.T) {
	c := NewCatalogue()
	for key, ok := range map[string]bool{
		"wait.p95": true, "wait.p95_ms": true, "wait.avg": true, "wait.count": true, "wait.sum_ms": true, "wait.max": true, "wait.p1": true, "wait.p99": true,
		"wait.p0": false, "wait.p100": false, "wait.p05": false, "wait.p+5": false, "wait.": false, "wait.median": false, "wait.count_ms": false, "wait.p95.x": false,
		"monitored.max": true, "monitored.p95": false, "status_ms.break": true, "status_ms.logged_out": false, "status_ms.nonsense": false,
		"status_count.lunch": true, "service_level.value": true, "service_level.answered_in": true, "offered.x": false, "": false, ".": false,
		"active_now.voice": true, "workload.semi_live": true, "concurrency.any_ms": true, "Offered": false,
	} {
		_, found := c.Lookup(key)
		require.Equal(t, ok, found, key)
	}
}

// A figure of a metric reads no more than it needs.
func TestNeeds(t *testing.T) {
	c := NewCatalogue()
	needs := func(key string) Needs {
		f, ok := c.Lookup(key)
		require.True(t, ok, key)
		return f.Needs()
	}
	require.Equal(t, Needs{Durations: 1 << schema.MeasureWait}, needs("wait.avg"))
	require.Equal(t, Needs{Durations: 1 << schema.MeasureWait, Maxima: 1 << schema.MeasureWait}, needs("wait.max_ms"))
	require.Equal(t, Needs{Durations: 1 << schema.MeasureWait, Maxima: 1 << schema.MeasureWait, Logs: 1 << schema.MeasureWait}, needs("wait.p95"))
	require.Equal(t, Needs{Durations: 1 << schema.MeasureWait, Maxima: 1 << schema.MeasureWait, Logs: 1 << schema.MeasureWait}, needs("wait"))
	require.Equal(t, Needs{Durations: 1 << schema.MeasureMonitored, Maxima: 1 << schema.MeasureMonitored}, needs("monitored"))
	require.Equal(t, Needs{Seconds: 1 << schema.MeasureWait}, needs("answered_in_sl"))
	require.Equal(t, Needs{Intervals: true}, needs("occupancy"))
	require.Equal(t, Needs{Parts: true}, needs("concurrency"))
	require.True(t, needs("service_level").Windows())
	require.False(t, needs("status_ms").Windows())
}

func TestFits(t *testing.T) {
	c := NewCatalogue()
	for _, x := range []struct {
		key    string
		g      Grouping
		family Family // 0: does not fit
	}{
		{"offered", Grouping{}, FamilyQueue},
		{"rona", Grouping{}, FamilyAgent},
		{"occupancy", Grouping{}, FamilyAgent},
		{"rona", Grouping{By: Set(DimChannel), Filters: Set(DimQueue)}, FamilyAgent},
		{"offered", Grouping{By: Set(DimAgent)}, FamilyAgent},
		{"offered", Grouping{By: Set(DimQueue), Filters: Set(DimAgent)}, FamilyAgent},
		{"offered", Grouping{By: Set(DimAgent, DimQueue, DimChannel)}, FamilyAgent},
		{"rona", Grouping{By: Set(DimQueue)}, 0},
		{"rona", Grouping{By: Set(DimCampaign)}, 0},
		{"abandoned", Grouping{By: Set(DimTeam)}, 0},
		{"abandoned", Grouping{By: Set(DimTeam), OfQueues: Set(DimTeam)}, FamilyQueue},
		{"abandoned", Grouping{Filters: Set(DimBusinessUnit), OfQueues: Set(DimBusinessUnit)}, FamilyQueue},
		{"abandoned", Grouping{Filters: Set(DimAgent)}, 0},
		{"occupancy", Grouping{By: Set(DimGroup)}, FamilyAgent},
		{"occupancy", Grouping{By: Set(DimAgent, DimQueue)}, 0},
		{"status_ms", Grouping{By: Set(DimAgent), Filters: Set(DimChannel)}, 0},
		{"concurrency", Grouping{By: Set(DimAgent, DimQueue)}, FamilyAgent},
		{"estimated_wait_ms", Grouping{By: Set(DimQueue)}, FamilyQueue},
		{"estimated_wait_ms", Grouping{}, 0},
		{"waiting", Grouping{By: Set(DimChannel)}, FamilyQueue},
		{"agents_available", Grouping{By: Set(DimTeam)}, FamilyAgent},
		{"agents_available", Grouping{By: Set(DimQueue)}, FamilyQueue},
		{"agents_available", Grouping{By: Set(DimChannel)}, 0},
	} {
		f, ok := c.Lookup(x.key)
		require.True(t, ok, x.key)
		family, fits := f.Metric.Fits(x.g)
		require.Equal(t, x.family, family, "%s %v %v", x.key, x.g.By.Names(), x.g.Filters.Names())
		require.Equal(t, x.family != 0, fits)
	}
}

func keysOf(fields []Field) (out []string) {
	for _, f := range fields {
		out = append(out, f.Key)
	}
	return out
}

// Ratios come with their inputs, each once; nothing asked for means all that fits; what cannot be had is named.
func TestResolve(t *testing.T) {
	c := NewCatalogue()
	fields, err := c.Resolve([]string{"abandon_rate", "offered", "asa", "abandon_rate"}, Grouping{}, false)
	require.NoError(t, err)
	require.Equal(t, []string{"abandon_rate", "abandoned", "offered", "asa", "wait.sum_ms", "answered"}, keysOf(fields))
	fields, err = c.Resolve([]string{"wait", "asa", "answered"}, Grouping{}, false)
	require.NoError(t, err)
	require.Equal(t, []string{"wait", "asa", "answered"}, keysOf(fields))

	all, err := c.Resolve(nil, Grouping{By: Set(DimQueue)}, false)
	require.NoError(t, err)
	require.Contains(t, keysOf(all), "service_level")
	require.NotContains(t, keysOf(all), "rona")
	require.NotContains(t, keysOf(all), "waiting")
	live, err := c.Resolve(nil, Grouping{By: Set(DimQueue)}, true)
	require.NoError(t, err)
	require.Contains(t, keysOf(live), "waiting")
	require.Greater(t, len(live), len(all))

	var wrong *KeyError
	for _, key := range []string{"nonsense", "rona", "waiting", "status_ms.break"} {
		_, err = c.Resolve([]string{"offered", key}, Grouping{By: Set(DimQueue)}, false)
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, key, wrong.Key)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// Values have the shapes of the native API; over nothing a count is 0, a quotient and a maximum null.
func TestValue_Shapes(t *testing.T) {
	c := NewCatalogue()
	var d schema.Distribution
	for _, ms := range []int64{1000, 2000, 4001} {
		d.Add(schema.Distribution{Count: 1, Sum: ms, Max: ms, Log: []schema.Bin{{Key: schema.Bucket(ms), N: 1}}, Seconds: []schema.Bin{{Key: schema.SecondsKey(ms), N: 1}}})
	}
	w := schema.Window{Minutes: 1}
	w.Counts[schema.CountAnswered], w.Counts[schema.CountOffered] = 3, 4
	w.Measures[schema.MeasureWait], w.Measures[schema.MeasureMonitored] = d, d
	full, empty := &Totals{Family: FamilyQueue}, &Totals{}
	require.True(t, full.Empty())
	full.AddWindow(&w, Threshold{4, 5})
	full.AddWindow(&schema.Window{}, Threshold{9, 9})
	require.False(t, full.Empty())
	for _, x := range []struct {
		key, full, empty string
	}{
		{"offered", `4`, `0`},
		{"answer_rate", `0.75`, `null`},
		{"wait.avg", `2333.6666666666665`, `null`},
		{"wait.max", `4001`, `null`},
		{"wait.count", `3`, `0`},
		{"wait.sum", `7001`, `0`},
		{"monitored", `{"count":3,"sum_ms":7001,"max_ms":4001,"avg_ms":2333.6666666666665}`, `{"count":0,"sum_ms":0,"max_ms":null,"avg_ms":null}`},
		{"abandon_wait", `{"count":0,"sum_ms":0,"max_ms":null,"avg_ms":null,"p50_ms":null,"p90_ms":null,"p95_ms":null,"p99_ms":null}`, ``},
		{"service_level", `{"value":0.6666666666666666,"formula":"answered_over_all","threshold_seconds":4,"short_abandon_seconds":5,"answered":3,"abandoned":0,"answered_in":2,"abandoned_in":0,"abandoned_short":0}`,
			`{"value":null,"formula":"answered_over_all","threshold_seconds":20,"short_abandon_seconds":5,"answered":0,"abandoned":0,"answered_in":0,"abandoned_in":0,"abandoned_short":0}`},
		{"service_level.value", `0.6666666666666666`, `null`},
		{"concurrency", `{"value":null,"connected_ms":0,"any_ms":0}`, `{"value":null,"connected_ms":0,"any_ms":0}`},
		{"status_ms.break", `0`, `0`},
		{"occupancy", `null`, `null`},
		{"waiting", `null`, `null`},
	} {
		v, ok := c.Value(x.key, full, Options{Threshold: DefaultThreshold()})
		require.True(t, ok)
		require.Equal(t, x.full, asJSON(t, v), x.key)
		if x.empty != "" {
			v, _ = c.Value(x.key, empty, Options{Threshold: DefaultThreshold()})
			require.Equal(t, x.empty, asJSON(t, v), x.key)
		}
	}
	p50, _ := c.Value("wait.p50", full, Options{})
	require.InDelta(t, 2000, p50, 20)
	status, _ := c.Value("status_ms", empty, Options{})
	require.Len(t, status, schema.NumStatuses-2)
}

// Sorting by a whole metric takes its main figure.
func TestNumber(t *testing.T) {
	c := NewCatalogue()
	full := &Totals{ConnectedMs: 30, AnyMs: 20}
	full.Counts[schema.CountAnswered] = 4
	full.ServiceLevel.AnsweredIn = 1
	full.Measures[schema.MeasureWait] = Distribution{Count: 4, Sum: 10, Max: 5, Log: []Bin{{schema.Bucket(5), 4}}}
	full.StatusMs[schema.Break], full.StatusMs[schema.OnCall] = 7, 8
	for key, want := range map[string]float64{"answered": 4, "wait": 2.5, "wait.max": 5, "service_level": .25, "service_level.answered_in": 1,
		"concurrency": 1.5, "status_ms": 15, "status_ms.break": 7, "asa": 2.5, "occupied_ms": 8} {
		f, _ := c.Lookup(key)
		got, ok := f.Number(full, Options{})
		require.True(t, ok, key)
		require.Equal(t, want, got, key)
	}
	for _, key := range []string{"wait", "wait.p95", "service_level", "concurrency", "asa", "waiting", "workload"} {
		f, _ := c.Lookup(key)
		_, ok := f.Number(&Totals{}, Options{})
		require.False(t, ok, key)
	}
}

// Summing rows gives what counting everything at once gives: maxima, histograms and thresholds too.
func TestTotals_AddIsCountingAtOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var once, summed Totals
	var values []int64
	for range 20 {
		var part Totals
		for range 30 {
			ms := r.Int64N(100_000)
			values = append(values, ms)
			var w schema.Window
			w.Counts[schema.CountAnswered] = 1
			w.Measures[schema.MeasureWait] = schema.Distribution{Count: 1, Sum: ms, Max: ms, Log: []schema.Bin{{Key: schema.Bucket(ms), N: 1}}, Seconds: []schema.Bin{{Key: schema.SecondsKey(ms), N: 1}}}
			part.AddWindow(&w, Threshold{20, 5})
			once.AddWindow(&w, Threshold{20, 5})
		}
		summed.Add(&part)
	}
	require.Equal(t, once, summed)
	slices.Sort(values)
	for _, q := range []float64{.01, .5, .9, .99, 1} {
		got, ok := summed.Measures[schema.MeasureWait].Quantile(q)
		require.True(t, ok)
		exact := float64(values[int(math.Ceil(q*float64(len(values))-1e-9))-1])
		require.InDelta(t, exact, got, exact*.0101+1e-9)
	}
	within := uint64(0)
	for _, ms := range values {
		if ms <= 20_000 {
			within++
		}
	}
	require.Equal(t, within, summed.ServiceLevel.AnsweredIn)
	summed.Add(&Totals{ServiceLevel: ServiceLevelInputs{Seconds: Agree(30), ShortSeconds: Agree(5)}})
	v, _ := NewCatalogue().Value("service_level", &summed, Options{})
	require.Nil(t, v.(ServiceLevel).ThresholdSeconds, "queues differ")
	require.Equal(t, 5, *v.(ServiceLevel).ShortAbandonSeconds)
}

// Intervals are clipped to the range to the millisecond; an open one counts up to as_of and only if it began by then.
func TestAddInterval(t *testing.T) {
	for _, x := range []struct {
		name           string
		start, end     int64
		suspended      bool
		continued      bool
		ms, avail, cnt int64
	}{
		{"inside", 1100, 1200, false, false, 100, 100, 1},
		{"over the start", 900, 1200, false, false, 200, 200, 0},
		{"over the end", 1900, 2200, false, false, 100, 100, 1},
		{"over both", 0, 9000, false, false, 1000, 1000, 0},
		{"ends at the start", 900, 1000, false, false, 0, 0, 0},
		{"begins at the end", 2000, 2100, false, false, 0, 0, 0},
		{"begins at the start", 1000, 1001, false, false, 1, 1, 1},
		{"suspended", 1100, 1200, true, false, 100, 0, 1},
		{"continued", 1100, 1200, false, true, 100, 100, 0},
		{"open", 1100, schema.Open, false, false, 400, 400, 1},
		{"open from as_of on", 1500, schema.Open, false, false, 0, 0, 1},
		{"open after as_of", 1501, schema.Open, false, false, 0, 0, 0},
	} {
		var got Totals
		got.AddInterval(&schema.Interval{Kind: schema.IntervalStatus, Status: schema.Available, Start: x.start, End: x.end, Suspended: x.suspended, Continued: x.continued}, 1000, 2000, 1500)
		require.Equal(t, x.ms, got.StatusMs[schema.Available], x.name)
		require.Equal(t, x.avail, got.AvailableMs, x.name)
		require.Equal(t, uint64(x.cnt), got.StatusCount[schema.Available], x.name)
	}
	var none Totals
	none.AddInterval(&schema.Interval{Kind: schema.IntervalPresence, Status: schema.Available, Start: 1000, End: 2000}, 0, 5000, 5000)
	none.AddInterval(&schema.Interval{Kind: schema.IntervalStatus, Status: schema.Available, Start: 1000, End: 2000, Deleted: true}, 0, 5000, 5000)
	require.True(t, none.Empty())
}

// Time with several parts connected counts once below the line of concurrency and for each above it.
func TestAddParts(t *testing.T) {
	part := func(state schema.PartState, role schema.Role, since, until int64) schema.Part {
		return schema.Part{Segments: []schema.Segment{{State: state, Role: role, Since: since, Until: until}}}
	}
	var got Totals
	connected := NewConnected(1000, 2000, 1950)
	for _, p := range []schema.Part{
		part(schema.StateConnected, schema.RoleAgent, 500, 1100),
		part(schema.StateConnected, schema.RoleAgent, 1300, 1400),
		part(schema.StateConnected, schema.RoleTransfer, 1050, 1200),
		part(schema.StateConnected, schema.RoleAgent, 1350, 1360),
		part(schema.StateConnected, schema.RoleAgent, 1900, schema.Open),
		part(schema.StateConnected, schema.RoleSilentJoin, 1000, 2000),
		part(schema.StateHeld, schema.RoleAgent, 1000, 2000),
	} {
		connected.AddPart(&p)
	}
	got.AddConnected(connected)
	require.Equal(t, int64(100+100+150+10+50), got.ConnectedMs)
	require.Equal(t, int64(200+100+50), got.AnyMs)
}

func TestEstimatedWait(t *testing.T) {
	for _, x := range []struct {
		name string
		crew Crew
		ms   float64
		ok   bool
	}{
		{"an agent is free and nobody waits", Crew{Available: 1, LoggedIn: 2, Effective: 1.5}, 0, true},
		{"nobody could take it", Crew{Waiting: 3}, 0, false},
		{"fewer than five handles", Crew{LoggedIn: 2, Effective: 2, HandleCount: 4, HandleSumMs: 1}, 90_000, true},
		{"five handles", Crew{LoggedIn: 2, Effective: .5, Waiting: 3, HandleCount: 5, HandleSumMs: 500_000}, 800_000, true},
		{"free, but others wait", Crew{Available: 1, LoggedIn: 1, Effective: 1, Waiting: 1}, 360_000, true},
	} {
		ms, ok := EstimatedWait(x.crew)
		require.Equal(t, x.ok, ok, x.name)
		require.Equal(t, x.ms, ms, x.name)
	}
}

// The head-counts by status and the suspended sum to those logged in.
func TestGauges_CountAgents(t *testing.T) {
	var g Gauges
	g.CountAgents(&[schema.NumStatuses]int{schema.Available: 1}, 1, 2)
	g.CountAgents(&[schema.NumStatuses]int{schema.OnCall: 1}, 0, 0)
	require.Equal(t, []uint64{3, 2, 1, 1, 1}, []uint64{g.LoggedIn, g.Staffed, g.Suspended, g.Agents[schema.Available], g.Agents[schema.OnCall]})
	v, ok := NewCatalogue().Value("agents_available", &Totals{}, Options{Live: &g})
	require.True(t, ok)
	require.Equal(t, int64(1), v)
}
