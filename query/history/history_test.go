package history

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
	"floorwalker/schema/metric"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const center = "CC"

// floor is a database with the schema, and a Reader of it.
type floor struct {
	t      testing.TB
	conn   ch.Conn
	reader *Reader
}

func newFloor(t testing.TB) *floor {
	t.Helper()
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(context.Background(), conn, clickhouse.Options{})
	require.NoError(t, err)
	return &floor{t, conn, New(conn, metric.NewCatalogue(), Config{})}
}

// in is the same floor for a subtest.
func (f *floor) in(t testing.TB) *floor { return &floor{t, f.conn, f.reader} }

func stamp(position int64) clickhouse.Stamp {
	return clickhouse.Stamp{Topic: "cc.events", Epoch: 1, Position: position}
}

func (f *floor) windows(position int64, rows ...schema.Window) {
	f.t.Helper()
	minute, quarter := clickhouse.NewWindows(schema.WindowMinute), clickhouse.NewWindows(schema.WindowQuarter)
	for i := range rows {
		if rows[i].Minutes == schema.WindowQuarter {
			quarter.Append(stamp(position), &rows[i])
		} else {
			minute.Append(stamp(position), &rows[i])
		}
	}
	require.NoError(f.t, minute.Send(context.Background(), f.conn, 1))
	require.NoError(f.t, quarter.Send(context.Background(), f.conn, 1))
}

func (f *floor) intervals(position int64, rows ...schema.Interval) {
	f.t.Helper()
	b := clickhouse.NewAgentIntervals()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, 1))
}

func (f *floor) parts(position int64, rows ...schema.Part) {
	f.t.Helper()
	b := clickhouse.NewInteractionParts()
	b.Append(stamp(position), rows)
	require.NoError(f.t, b.Send(context.Background(), f.conn, 1))
}

// progress says that the centre's newest event is of that moment, and the worker behind.
func (f *floor) progress(position, newest int64) {
	f.t.Helper()
	b := clickhouse.NewProgress()
	b.Append(stamp(position), clickhouse.ProgressRow{ContactCenter: center, NewestEvent: newest, CompleteUntil: newest - 1000})
	require.NoError(f.t, b.Send(context.Background(), f.conn, newest))
}

func (f *floor) ask(q Query) Result {
	f.t.Helper()
	q.ContactCenter = cmp.Or(q.ContactCenter, center)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := f.reader.Metrics(ctx, q)
	require.NoError(f.t, err)
	return res
}

func (r Result) value(t testing.TB, row int, key string) any {
	t.Helper()
	for _, f := range r.Fields {
		if f.Key == key {
			return r.Rows[row].Value(f)
		}
	}
	t.Fatalf("no field %s", key)
	return nil
}

// observation is one count or one duration, as an event would bring it.
type observation struct {
	schema.Dims
	at      int64
	counts  []schema.Count
	measure schema.Measure
	ms      int64 // < 0: no duration
}

// windowsOf sums observations into windows of so many minutes.
func windowsOf(obs []observation, minutes int) []schema.Window {
	type where struct {
		schema.Dims
		start int64
	}
	rows := map[where]*schema.Window{}
	width := int64(minutes) * minuteMs
	for _, o := range obs {
		k := where{o.Dims, o.at - o.at%width}
		w := rows[k]
		if w == nil {
			w = &schema.Window{Dims: o.Dims, Start: k.start, Minutes: minutes}
			rows[k] = w
		}
		for _, c := range o.counts {
			w.Counts[c]++
		}
		if o.ms < 0 {
			continue
		}
		d := schema.Distribution{Count: 1, Sum: o.ms, Max: o.ms, Log: []schema.Bin{{Key: schema.Bucket(o.ms), N: 1}}}
		if o.measure.CountsSeconds() {
			d.Seconds = []schema.Bin{{Key: schema.SecondsKey(o.ms), N: 1}}
		}
		w.Measures[o.measure].Add(d)
	}
	var out []schema.Window
	for _, w := range rows {
		out = append(out, *w)
	}
	return out
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

var (
	someQueues = []string{"IN", "VIP", "", "it's \\ \"q\"\t\n; DROP TABLE x --"}
	someAgents = []string{"a1", "a2", "a'3\\", "агент"}
)

func randomWait(r *rand.Rand) int64 {
	switch r.IntN(4) {
	case 0:
		return int64(r.IntN(40)) * 1000 // whole seconds: the bounds of thresholds
	case 1:
		return int64(r.IntN(8000))
	}
	return int64(math.Exp(r.NormFloat64()*1.2 + 10))
}

func randomObservations(r *rand.Rand, n int, from, to int64) []observation {
	out := make([]observation, n)
	for i := range out {
		o := observation{at: from + r.Int64N(to-from), ms: -1, Dims: schema.Dims{ContactCenter: center, Queue: pick(r, someQueues),
			Campaign: pick(r, []string{"", "c1"}), Channel: pick(r, []schema.Channel{schema.ChannelVoice, schema.ChannelChat}), Direction: schema.Inbound}}
		switch r.IntN(6) {
		case 0:
			o.counts = []schema.Count{schema.CountOffered}
		case 1:
			o.counts, o.measure, o.ms = []schema.Count{schema.CountAnswered}, schema.MeasureWait, randomWait(r)
		case 2:
			o.counts, o.measure, o.ms = []schema.Count{schema.CountAbandoned}, schema.MeasureAbandonWait, randomWait(r)
		case 3:
			o.measure, o.ms = schema.MeasureHandle, randomWait(r)
		case 4:
			o.Agent, o.counts = pick(r, someAgents), []schema.Count{schema.CountOffered, schema.CountRona}
		case 5:
			o.Agent, o.measure, o.ms = pick(r, someAgents), schema.MeasureTalk, randomWait(r)
		}
		out[i] = o
	}
	return out
}

// stale are older versions of windows with other numbers, and windows that were emptied later.
func (f *floor) stale(r *rand.Rand, rows []schema.Window, range_ [2]int64, minutes int) {
	var old, born, emptied []schema.Window
	for _, w := range rows {
		if r.IntN(2) == 0 {
			w.Counts[schema.CountOffered] += 7
			w.Measures[schema.MeasureWait].Add(schema.Distribution{Count: 3, Sum: 9e8, Max: 9e8, Log: []schema.Bin{{Key: 900, N: 3}}, Seconds: []schema.Bin{{Key: 1, N: 3}}})
			old = append(old, w)
		}
	}
	width := int64(minutes) * minuteMs
	for range 50 {
		start := range_[0] + r.Int64N(range_[1]-range_[0])
		w := schema.Window{Dims: schema.Dims{ContactCenter: center, Queue: "gone", Channel: schema.ChannelVoice, Direction: schema.Outbound}, Start: start - start%width, Minutes: minutes}
		emptied = append(emptied, w)
		w.Counts[schema.CountOffered], w.Counts[schema.CountAnswered] = 5, 2
		born = append(born, w)
	}
	f.windows(20, emptied...)
	f.windows(10, old...)
	f.windows(10, born...)
}

// expected is what a query must answer for one row, computed from the observations without windows.
type expected struct {
	offered, answered, abandoned, answeredIn, abandonedIn, short uint64
	waits                                                        []int64
	sum, longest                                                 int64
}

func (e *expected) add(o observation, th metric.Thresholds) {
	limit := th.Of(o.Queue)
	for _, c := range o.counts {
		switch c {
		case schema.CountOffered:
			e.offered++
		case schema.CountAnswered:
			e.answered++
			e.waits = append(e.waits, o.ms)
			e.sum += o.ms
			e.longest = max(e.longest, o.ms)
			if o.ms <= int64(limit.Seconds)*1000 {
				e.answeredIn++
			}
		case schema.CountAbandoned:
			e.abandoned++
			if o.ms <= int64(limit.Seconds)*1000 {
				e.abandonedIn++
			}
			if o.ms < int64(limit.ShortSeconds)*1000 {
				e.short++
			}
		}
	}
}

// Counts, durations, service levels and percentiles of any range, interval and zone are those of the single observations:
// older versions, emptied windows and the choice between the tables of windows change nothing.
func TestMetrics_QueueWindowsAgainstObservations(t *testing.T) {
	f := newFloor(t)
	r := rand.New(rand.NewPCG(1, 2))
	begin, end := at(t, "Europe/Berlin", "2026-10-24 00:00"), at(t, "Europe/Berlin", "2026-10-27 00:00")
	obs := randomObservations(r, 6000, begin, end)
	for _, minutes := range []int{1, 15} {
		rows := windowsOf(obs, minutes)
		f.windows(20, rows...)
		f.stale(r, rows, [2]int64{begin, end}, minutes)
		foreign := rows[0]
		foreign.ContactCenter = "other"
		f.windows(30, foreign)
	}
	f.progress(30, end)

	thresholds := metric.Thresholds{Queues: map[string]metric.Threshold{"IN": {Seconds: 30, ShortSeconds: 3}, someQueues[3]: {Seconds: 10, ShortSeconds: 5}}}
	pinned := thresholds
	pinned.Pinned = 7
	for _, c := range []struct {
		name       string
		zone       string
		interval   Interval
		from, to   string
		thresholds metric.Thresholds
	}{
		{"total, ragged", "UTC", Total, "2026-10-24 03:07", "2026-10-26 11:13", thresholds},
		{"days with a change of clocks", "Europe/Berlin", Day, "2026-10-24 00:00", "2026-10-27 00:00", pinned},
		{"days in Jerusalem", "Asia/Jerusalem", Day, "2026-10-24 05:00", "2026-10-26 23:31", thresholds},
		{"hours at the half", "Asia/Kolkata", Hour, "2026-10-25 00:10", "2026-10-25 09:20", thresholds},
		{"quarters", "Europe/Berlin", Quarter, "2026-10-25 01:00", "2026-10-25 04:00", pinned},
		{"five minutes", "UTC", FiveMinutes, "2026-10-25 01:00", "2026-10-25 02:00", thresholds},
		{"inside a quarter", "UTC", Total, "2026-10-25 01:01", "2026-10-25 01:12", thresholds},
	} {
		t.Run(c.name, func(t *testing.T) {
			loc, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			q := Query{From: at(t, c.zone, c.from), To: at(t, c.zone, c.to), Interval: c.interval, Location: loc, Thresholds: c.thresholds,
				GroupBy: []metric.Dimension{metric.DimQueue, metric.DimChannel},
				Filters: map[metric.Dimension][]string{metric.DimQueue: {someQueues[0], someQueues[2], someQueues[3], "gone"}},
				Metrics: []string{"offered", "answered", "abandoned", "wait", "service_level", "abandon_rate"}, Formula: metric.ShortCredited}
			edges, err := Edges(q.From, q.To, q.Interval, loc, 1000)
			require.NoError(t, err)
			want := map[string]*expected{}
			for _, o := range obs {
				if o.Agent != "" || o.at < q.From || o.at >= q.To || o.Queue == "VIP" || len(o.counts) == 0 {
					continue
				}
				i, _ := slices.BinarySearchFunc(edges, o.at, func(e, at int64) int {
					if e <= at {
						return -1
					}
					return 1
				})
				key := fmt.Sprint(o.Queue, "|", o.Channel, "|", edges[i-1])
				if want[key] == nil {
					want[key] = &expected{}
				}
				want[key].add(o, c.thresholds)
			}
			require.NotEmpty(t, want)

			f.reader.packed = pick(r, []int64{0, packedAtMost})
			res := f.in(t).ask(q)
			require.Len(t, res.Rows, len(want))
			for i, row := range res.Rows {
				w := want[fmt.Sprint(row.Group[0], "|", row.Group[1], "|", row.From)]
				require.NotNil(t, w, row.Group)
				require.Equal(t, w.offered, res.value(t, i, "offered"))
				require.Equal(t, w.answered, res.value(t, i, "answered"))
				level := res.value(t, i, "service_level").(metric.ServiceLevel)
				require.Equal(t, []uint64{w.answered, w.abandoned, w.answeredIn, w.abandonedIn, w.short},
					[]uint64{level.Answered, level.Abandoned, level.AnsweredIn, level.AbandonedIn, level.AbandonedShort})
				require.Equal(t, c.thresholds.Of(row.Group[0]).Seconds, *level.ThresholdSeconds)
				if w.answered+w.abandoned > 0 {
					require.InDelta(t, float64(w.answeredIn+w.short)/float64(w.answered+w.abandoned), *level.Value, 1e-12)
				} else {
					require.Nil(t, level.Value)
				}
				requireWait(t, w, res.value(t, i, "wait").(metric.Duration))
			}
		})
	}
}

func requireWait(t *testing.T, w *expected, got metric.Duration) {
	t.Helper()
	require.Equal(t, w.answered, got.Count)
	require.Equal(t, w.sum, got.SumMs)
	if w.answered == 0 {
		require.Equal(t, metric.Duration{}, got)
		return
	}
	require.Equal(t, w.longest, *got.MaxMs)
	require.InDelta(t, float64(w.sum)/float64(w.answered), *got.AvgMs, 1e-6)
	slices.Sort(w.waits)
	for q, v := range map[float64]*float64{.5: got.P50Ms, .9: got.P90Ms, .95: got.P95Ms, .99: got.P99Ms} {
		exact := float64(w.waits[int(math.Ceil(q*float64(len(w.waits))-1e-9))-1])
		require.InDelta(t, exact, *v, exact*0.0101, "quantile %v", q)
	}
}

// An agent in two groups counts in both, once in the total; one in none counts in the total only.
func TestMetrics_Units(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-11-21 08:00")
	var obs []observation
	for i, agent := range []string{"a1", "a2", "a2", "a3"} {
		obs = append(obs, observation{Dims: schema.Dims{ContactCenter: center, Agent: agent, Queue: "IN", Channel: schema.ChannelVoice, Direction: schema.Inbound},
			at: begin + int64(i)*minuteMs, counts: []schema.Count{schema.CountOffered}, measure: schema.MeasureTalk, ms: int64(1000 * (i + 1))})
	}
	f.windows(1, windowsOf(obs, 1)...)
	f.windows(1, windowsOf(obs, 15)...)
	f.progress(1, begin+dayMs)
	groups := Membership{Members: map[string][]string{"g1": {"a1", "a2"}, "g2": {"a2", "a2"}, "g3": {"nobody"}}}
	base := Query{From: begin, To: begin + 60*minuteMs, Metrics: []string{"offered", "talk.sum_ms", "talk.max_ms"},
		Units: map[metric.Dimension]Membership{metric.DimGroup: groups}}
	figures := func(q Query) (out [][]any) {
		res := f.ask(q)
		for i, row := range res.Rows {
			out = append(out, []any{fmt.Sprint(row.Group), res.value(t, i, "offered"), res.value(t, i, "talk.sum_ms"), res.value(t, i, "talk.max_ms")})
		}
		return out
	}

	q := base
	q.GroupBy = []metric.Dimension{metric.DimGroup}
	require.Equal(t, [][]any{{"[g1]", uint64(3), int64(6000), int64(3000)}, {"[g2]", uint64(2), int64(5000), int64(3000)}}, figures(q))
	q.Fill = true
	require.Len(t, figures(q), 3)
	q.Fill, q.Filters = false, map[metric.Dimension][]string{metric.DimGroup: {"g2"}}
	require.Equal(t, [][]any{{"[g2]", uint64(2), int64(5000), int64(3000)}}, figures(q))

	q = base
	q.Filters = map[metric.Dimension][]string{metric.DimGroup: {"g1", "g2"}}
	require.Equal(t, [][]any{{"[]", uint64(3), int64(6000), int64(3000)}}, figures(q), "the total counts a2 once")
	q.Filters[metric.DimAgent] = []string{"a1", "a3"}
	require.Equal(t, [][]any{{"[]", uint64(1), int64(1000), int64(1000)}}, figures(q), "all filters hold")
	q.Filters = map[metric.Dimension][]string{metric.DimGroup: {"no such group"}}
	require.Equal(t, [][]any{{"[]", uint64(0), int64(0), nil}}, figures(q), "a group of nobody is not everybody")
	q.Filters = map[metric.Dimension][]string{metric.DimGroup: {"g3"}}
	require.Equal(t, [][]any{{"[]", uint64(0), int64(0), nil}}, figures(q))

	q = base
	q.GroupBy = []metric.Dimension{metric.DimGroup, metric.DimAgent, metric.DimQueue}
	require.Equal(t, "[[g1 a1 IN] [g1 a2 IN] [g2 a2 IN]]", fmt.Sprint(groupsOf(f.ask(q))))

	q = base
	q.Units = map[metric.Dimension]Membership{metric.DimBusinessUnit: {OfQueues: true, Members: map[string][]string{"b": {"IN"}}}}
	q.GroupBy = []metric.Dimension{metric.DimBusinessUnit}
	require.Empty(t, figures(q), "windows of agents are not those of queues")
}

func groupsOf(r Result) (out [][]string) {
	for _, row := range r.Rows {
		out = append(out, row.Group)
	}
	return out
}

// timeline is an agent's random course of statuses, without gaps while logged in, cut at UTC midnights as the engine does.
func timeline(r *rand.Rand, agent string, from, to int64) (pieces []schema.Interval) {
	statuses := []schema.Status{schema.Available, schema.OnCall, schema.Wrap, schema.Break, schema.Ringing, schema.Lunch}
	for at := from + r.Int64N(3_600_000); at < to; {
		if r.IntN(10) == 0 {
			at += r.Int64N(5 * 3_600_000)
			continue
		}
		until := at + 1 + r.Int64N(3*3_600_000)
		piece := schema.Interval{ContactCenter: center, Agent: agent, Kind: schema.IntervalStatus, Start: at, End: until,
			Status: pick(r, statuses), Suspended: r.IntN(4) == 0, Continued: r.IntN(4) == 0}
		at = until
		for midnight := piece.Start - piece.Start%dayMs + dayMs; midnight < piece.End; midnight += dayMs {
			head := piece
			head.End = midnight
			pieces = append(pieces, head)
			piece.Start, piece.Continued = midnight, true
		}
		pieces = append(pieces, piece)
	}
	return pieces
}

// Status times are clipped to the millisecond, over midnights and changes of clocks; open intervals count up to as_of, however
// long ago they began; older versions, tombstones and other kinds count nothing.
func TestMetrics_StatusTimeAgainstIntervals(t *testing.T) {
	f := newFloor(t)
	r := rand.New(rand.NewPCG(3, 4))
	begin, end := at(t, "Asia/Jerusalem", "2026-10-23 00:00"), at(t, "Asia/Jerusalem", "2026-10-27 00:00")
	var final []schema.Interval
	for _, agent := range someAgents {
		final = append(final, timeline(r, agent, begin, end)...)
	}
	final = append(final,
		schema.Interval{Agent: "open for months", Start: utc(t, "2026-06-01 10:00") + 1, End: schema.Open, Status: schema.Away},
		schema.Interval{Agent: "open since today", Start: end - 2*dayMs + 123, End: schema.Open, Status: schema.Available},
		schema.Interval{Agent: "begins with the range", Start: begin, End: schema.Open, Status: schema.Away},
		schema.Interval{Agent: "after as_of", Start: end - 3, End: schema.Open, Status: schema.Available})
	var open, dead, other []schema.Interval
	for i := range final {
		iv := &final[i]
		iv.ContactCenter, iv.Kind, iv.N = center, schema.IntervalStatus, uint16(i%3)
		before := *iv
		before.End, before.Status = schema.Open, schema.Training
		if iv.End != schema.Open {
			open = append(open, before)
		}
		before.N, before.Deleted = iv.N+10, false
		open = append(open, before)
		before.Deleted = true
		dead = append(dead, before)
		iv2 := *iv
		iv2.Kind = schema.IntervalPresence
		other = append(other, iv2)
	}
	f.intervals(20, final...)
	f.intervals(10, open...)
	f.intervals(15, dead...)
	f.intervals(20, other...)
	newest := end - dayMs - 7
	f.progress(20, newest)

	for _, c := range []struct {
		name, zone string
		interval   Interval
		from, to   int64
		asOf       int64
		by         []metric.Dimension
	}{
		{"total by agent", "UTC", Total, begin + 7*minuteMs, end, 0, []metric.Dimension{metric.DimAgent}},
		{"days by agent", "Asia/Jerusalem", Day, begin, end, 0, []metric.Dimension{metric.DimAgent}},
		{"days of all", "Europe/Berlin", Day, begin, end, 0, nil},
		{"hours", "Asia/Kolkata", Hour, begin + dayMs, begin + 3*dayMs, 0, []metric.Dimension{metric.DimAgent}},
		{"minutes", "UTC", Minute, begin + dayMs, begin + dayMs + 300*minuteMs, 0, []metric.Dimension{metric.DimAgent}},
		{"as of an earlier moment", "UTC", Total, begin, end, begin + dayMs + 12345, []metric.Dimension{metric.DimAgent}},
		{"as of the very start", "UTC", Total, begin, end, begin, []metric.Dimension{metric.DimAgent}},
		{"as of later than known", "UTC", Total, begin, end, end + dayMs, []metric.Dimension{metric.DimAgent}},
		{"over before as_of", "UTC", Total, begin + 11*minuteMs, begin + 3*60*minuteMs, 0, []metric.Dimension{metric.DimAgent}},
		{"after as_of", "UTC", Day, end, end + dayMs, 0, []metric.Dimension{metric.DimAgent}},
	} {
		t.Run(c.name, func(t *testing.T) {
			loc, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			asOf := newest
			if c.asOf != 0 {
				asOf = min(newest, c.asOf)
			}
			edges, err := Edges(c.from, c.to, c.interval, loc, 1000)
			require.NoError(t, err)
			type figures struct {
				status, count     map[string]any
				loggedIn, availMs int64
			}
			want := map[string]*figures{}
			for _, iv := range final {
				until := min(iv.End, c.to)
				if iv.End == schema.Open {
					until = min(asOf, c.to)
					if iv.Start > asOf {
						continue
					}
				}
				for i, from := range edges[:len(edges)-1] {
					ms := max(0, min(until, edges[i+1])-max(iv.Start, from))
					entered := iv.Start >= from && iv.Start < edges[i+1] && !iv.Continued
					if ms == 0 && !entered {
						continue
					}
					key := fmt.Sprint(from)
					if len(c.by) > 0 {
						key = iv.Agent + "|" + key
					}
					w := want[key]
					if w == nil {
						w = &figures{status: map[string]any{}, count: map[string]any{}}
						for _, s := range schema.StatusNames()[1:] {
							w.status[s], w.count[s] = int64(0), uint64(0)
						}
						want[key] = w
					}
					w.status[iv.Status.String()] = w.status[iv.Status.String()].(int64) + ms
					w.loggedIn += ms
					if entered {
						w.count[iv.Status.String()] = w.count[iv.Status.String()].(uint64) + 1
					}
					if iv.Status == schema.Available && !iv.Suspended {
						w.availMs += ms
					}
				}
			}
			res := f.in(t).ask(Query{From: c.from, To: c.to, Interval: c.interval, Location: loc, GroupBy: c.by, AsOf: c.asOf,
				Metrics: []string{"status_ms", "status_count", "logged_in_ms", "available_ms", "status_ms.on_call"}})
			require.Equal(t, asOf, res.AsOf)
			require.Len(t, res.Rows, len(want))
			for i, row := range res.Rows {
				key := fmt.Sprint(row.From)
				if len(c.by) > 0 {
					key = row.Group[0] + "|" + key
				}
				w := want[key]
				require.NotNil(t, w, key)
				require.Equal(t, w.status, res.value(t, i, "status_ms"), key)
				require.Equal(t, w.count, res.value(t, i, "status_count"), key)
				require.Equal(t, w.loggedIn, res.value(t, i, "logged_in_ms"))
				require.Equal(t, w.availMs, res.value(t, i, "available_ms"))
				require.Equal(t, w.status["on_call"], res.value(t, i, "status_ms.on_call"))
			}
		})
	}
}

// Concurrency is the connected time of all parts over the time with at least one, agent by agent; monitoring parts, held
// segments, older versions and tombstones count nothing, parts that began days before count where they reach in.
func TestMetrics_ConcurrencyAgainstSegments(t *testing.T) {
	f := newFloor(t)
	r := rand.New(rand.NewPCG(5, 6))
	begin, end := utc(t, "2026-10-24 00:00"), utc(t, "2026-10-26 00:00")
	newest := end - 3*3_600_000 - 17
	var final, stale, dead []schema.Part
	for i := range 300 {
		start := begin - 4*dayMs + r.Int64N(end-begin+4*dayMs)
		p := schema.Part{ContactCenter: center, Interaction: fmt.Sprint("i", i), Agent: pick(r, someAgents), Start: start, Queue: pick(r, someQueues),
			Channel: schema.ChannelChat, Direction: schema.Inbound, Role: schema.RoleAgent, Offered: start, Connected: schema.NoTime, WrapStarted: schema.NoTime,
			Finished: schema.Open, DeclinedAt: schema.NoTime, FirstMessage: schema.NoTime, Ended: schema.Open}
		at := start
		for range 1 + r.IntN(5) {
			s := schema.Segment{State: pick(r, []schema.PartState{schema.StateConnected, schema.StateConnected, schema.StateHeld}), Since: at,
				Until: at + 1 + r.Int64N(20*3_600_000), Role: pick(r, []schema.Role{schema.RoleAgent, schema.RoleTransfer, schema.RoleSilentJoin})}
			at = s.Until
			p.Segments = append(p.Segments, s)
		}
		if r.IntN(8) == 0 {
			p.Segments[len(p.Segments)-1].Until = schema.Open
		} else {
			p.Ended, p.Finished = at, at
		}
		final = append(final, p)
		old := p
		old.Segments = slices.Clone(p.Segments)
		old.Segments[0].State = schema.StateConnected
		old.Ended, old.Segments[len(old.Segments)-1].Until = schema.Open, schema.Open
		stale = append(stale, old)
		old.N = 1
		stale = append(stale, old)
		old.Deleted = true
		dead = append(dead, old)
	}
	f.parts(20, final...)
	f.parts(10, stale...)
	f.parts(15, dead...)
	f.progress(20, newest)

	for _, c := range []struct {
		name     string
		interval Interval
		by       []metric.Dimension
		queue    string
	}{
		{"total by agent", Total, []metric.Dimension{metric.DimAgent}, "*"},
		{"hours by agent and queue", Hour, []metric.Dimension{metric.DimAgent, metric.DimQueue}, "*"},
		{"days of all in one queue", Day, nil, "IN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, to := begin+minuteMs, end
			edges, err := Edges(from, to, c.interval, time.UTC, 1000)
			require.NoError(t, err)
			type span struct{ since, until int64 }
			spans := map[string]map[string][]span{} // by row, by agent
			for _, p := range final {
				if c.queue != "*" && p.Queue != c.queue {
					continue
				}
				for _, s := range p.Segments {
					until := s.Until
					if until == schema.Open {
						until = newest
					}
					for i, e := range edges[:len(edges)-1] {
						clipped := span{max(s.Since, e), min(until, edges[i+1])}
						if s.State != schema.StateConnected || s.Role == schema.RoleSilentJoin || clipped.since >= clipped.until {
							continue
						}
						key := fmt.Sprint([]string{p.Agent, p.Queue}[:len(c.by)], e)
						if spans[key] == nil {
							spans[key] = map[string][]span{}
						}
						spans[key][p.Agent] = append(spans[key][p.Agent], clipped)
					}
				}
			}
			q := Query{From: from, To: to, Interval: c.interval, GroupBy: c.by, Metrics: []string{"concurrency"}}
			if c.queue != "*" {
				q.Filters = map[metric.Dimension][]string{metric.DimQueue: {c.queue}}
			}
			res := f.in(t).ask(q)
			require.Len(t, res.Rows, len(spans))
			for i, row := range res.Rows {
				var connected, covered int64
				for _, list := range spans[fmt.Sprint(row.Group, row.From)] {
					var marks []int64
					for _, s := range list {
						connected += s.until - s.since
						marks = append(marks, s.since, s.until)
					}
					slices.Sort(marks)
					for j := 1; j < len(marks); j++ {
						if slices.ContainsFunc(list, func(s span) bool { return s.since <= marks[j-1] && s.until >= marks[j] }) {
							covered += marks[j] - marks[j-1]
						}
					}
				}
				got := res.value(t, i, "concurrency").(metric.Concurrency)
				require.Equal(t, [2]int64{connected, covered}, [2]int64{got.ConnectedMs, got.AnyMs}, row.Group)
				require.InDelta(t, float64(connected)/float64(covered), *got.Value, 1e-12)
			}
		})
	}
}

// as_of is when the partition last was caught up, or the newest event where that came later; the highest epoch and offset hold, not the latest row.
func TestProgress(t *testing.T) {
	type row struct {
		center                   string
		epoch                    uint16
		partition                int
		offset, newest, complete int64
		caughtUp                 bool
		written                  int64
	}
	for _, c := range []struct {
		name                           string
		rows                           []row
		asOf, completeUntil, writtenAt int64
	}{
		{"nothing flushed", []row{{"", 1, 0, 5, 0, 0, true, 900}}, schema.NoTime, schema.NoTime, schema.NoTime},
		{"caught up", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 9, 0, 0, true, 900}}, 900, 400, 900},
		{"behind", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 9, 0, 0, false, 900}}, 500, 400, 600},
		{"behind again with others' events", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 7, 0, 0, true, 800}, {"", 1, 0, 9, 0, 0, false, 900}}, 800, 400, 800},
		{"behind again with its own", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 7, 0, 0, true, 800}, {center, 1, 0, 9, 850, 700, false, 900}, {"", 1, 0, 9, 0, 0, false, 900}}, 850, 700, 900},
		{"begun again", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 5, 0, 0, true, 800}, {"", 1, 0, 5, 0, 0, false, 900}}, 800, 400, 800},
		{"the newest of one position", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 9, 0, 0, false, 800}, {"", 1, 0, 9, 0, 0, true, 900}}, 900, 400, 900},
		{"a worker that lags behind writes later", []row{{center, 1, 0, 7, 500, 400, true, 600}, {"", 1, 0, 9, 0, 0, true, 900}, {center, 1, 0, 3, 100, 50, true, 950}, {"", 1, 0, 3, 0, 0, true, 950}}, 900, 400, 900},
		{"the partition's row is older than the centre's", []row{{center, 1, 0, 7, 500, 400, true, 600}, {"", 1, 0, 6, 0, 0, true, 550}}, 500, 400, 600},
		{"a new epoch", []row{{center, 1, 0, 70, 500, 400, true, 600}, {"", 1, 0, 90, 0, 0, true, 900}, {center, 2, 3, 1, 700, 650, true, 1000}, {"", 2, 3, 2, 0, 0, true, 1100}}, 1100, 650, 1100},
		{"another partition", []row{{center, 1, 0, 5, 500, 400, true, 600}, {"", 1, 0, 9, 0, 0, false, 900}, {"", 1, 1, 99, 0, 0, true, 950}}, 500, 400, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFloor(t)
			for _, r := range c.rows {
				b := clickhouse.NewProgress()
				b.Append(clickhouse.Stamp{Topic: "cc.events", Partition: r.partition, Epoch: r.epoch, Position: r.offset},
					clickhouse.ProgressRow{ContactCenter: r.center, NewestEvent: r.newest, CompleteUntil: r.complete, CaughtUp: r.caughtUp})
				require.NoError(t, b.Send(context.Background(), f.conn, r.written))
			}
			got, err := f.reader.Progress(context.Background(), center)
			require.NoError(t, err)
			require.Equal(t, Progress{c.asOf, c.completeUntil, c.writtenAt}, got)
		})
	}
}

// A reader that has answered before sees that a contact centre has moved to another partition, at the very next question.
func TestProgress_CenterMoves(t *testing.T) {
	f := newFloor(t)
	ctx := context.Background()
	flush := func(epoch uint16, partition int, offset, newest int64) {
		b := clickhouse.NewProgress()
		for _, cc := range []string{center, ""} {
			b.Append(clickhouse.Stamp{Topic: "cc.events", Partition: partition, Epoch: epoch, Position: offset},
				clickhouse.ProgressRow{ContactCenter: cc, NewestEvent: newest, CompleteUntil: newest - 100, CaughtUp: true})
		}
		require.NoError(t, b.Send(ctx, f.conn, newest+100))
	}
	for _, step := range []struct {
		epoch     uint16
		partition int
		offset    int64
		newest    int64
	}{{1, 5, 70, 500}, {1, 5, 80, 600}, {2, 3, 1, 700}, {2, 3, 2, 800}, {3, 5, 3, 900}} {
		flush(step.epoch, step.partition, step.offset, step.newest)
		got, err := f.reader.Progress(ctx, center)
		require.NoError(t, err)
		require.Equal(t, Progress{step.newest + 100, step.newest - 100, step.newest + 100}, got)
	}
}

// Rows with nothing are left out; fill has every interval of every group that is named, known or met.
func TestMetrics_Fill(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-11-21 08:00")
	obs := []observation{{Dims: schema.Dims{ContactCenter: center, Queue: "IN", Channel: schema.ChannelVoice, Direction: schema.Inbound},
		at: begin + 20*minuteMs, counts: []schema.Count{schema.CountAnswered}, measure: schema.MeasureWait, ms: 5000}}
	f.windows(1, windowsOf(obs, 1)...)
	f.windows(1, windowsOf(obs, 15)...)
	q := Query{From: begin, To: begin + 45*minuteMs, Interval: Quarter, GroupBy: []metric.Dimension{metric.DimQueue}, Metrics: []string{"answered", "wait", "service_level", "asa"},
		Thresholds: metric.Thresholds{Queues: map[string]metric.Threshold{"OTHER": {Seconds: 60}}}}
	require.Len(t, f.ask(q).Rows, 1)
	require.Equal(t, schema.NoTime, f.ask(q).AsOf, "nothing was flushed")

	q.Fill = true
	require.Len(t, f.ask(q).Rows, 3)
	q.Known = map[metric.Dimension][]string{metric.DimQueue: {"OTHER", "IN"}}
	res := f.ask(q)
	require.Equal(t, "[[IN] [IN] [IN] [OTHER] [OTHER] [OTHER]]", fmt.Sprint(groupsOf(res)))
	require.Equal(t, uint64(1), res.value(t, 1, "answered"))
	require.Equal(t, 5000.0, res.value(t, 1, "asa"))
	require.Equal(t, uint64(0), res.value(t, 0, "answered"))
	require.Nil(t, res.value(t, 0, "asa"))
	require.Equal(t, metric.Duration{}, res.value(t, 0, "wait"))
	require.Equal(t, 60, *res.value(t, 5, "service_level").(metric.ServiceLevel).ThresholdSeconds)

	q.GroupBy, q.Known, q.ContactCenter = nil, nil, "nothing there"
	require.Len(t, f.ask(q).Rows, 3)
	q.Fill = false
	require.Empty(t, f.ask(q).Rows)
	q.Interval = Total
	require.Len(t, f.ask(q).Rows, 1, "no group_by and no interval is one row")
}

// Where the queues of a row have different thresholds each counts against its own, and the row names none.
func TestMetrics_MixedThresholds(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-11-21 08:00")
	var obs []observation
	for _, queue := range []string{"IN", "VIP"} {
		obs = append(obs, observation{Dims: schema.Dims{ContactCenter: center, Queue: queue, Channel: schema.ChannelVoice, Direction: schema.Inbound},
			at: begin, counts: []schema.Count{schema.CountAnswered}, measure: schema.MeasureWait, ms: 15_000})
	}
	f.windows(1, windowsOf(obs, 15)...)
	q := Query{From: begin, To: begin + 15*minuteMs, Metrics: []string{"service_level", "answered_in_sl"},
		Thresholds: metric.Thresholds{Queues: map[string]metric.Threshold{"VIP": {Seconds: 10, ShortSeconds: 5}}}}
	level := func() metric.ServiceLevel { return f.ask(q).value(t, 0, "service_level").(metric.ServiceLevel) }
	require.Nil(t, level().ThresholdSeconds)
	require.Equal(t, 5, *level().ShortAbandonSeconds)
	require.Equal(t, uint64(1), level().AnsweredIn)
	q.Thresholds.Pinned = 15
	require.Equal(t, 15, *level().ThresholdSeconds)
	require.Equal(t, uint64(2), level().AnsweredIn, "15 s is within 15 s")
	q.Thresholds.Pinned = 14
	require.Equal(t, uint64(0), level().AnsweredIn)
}

// A query names what is wrong with it.
func TestMetrics_Refused(t *testing.T) {
	r := New(nil, metric.NewCatalogue(), Config{})
	ok := Query{ContactCenter: center, From: 0, To: 60_000}
	for _, c := range []struct {
		name, says string
		change     func(*Query)
	}{
		{"from", "from: 1970-01-01T00:00:00.001Z", func(q *Query) { q.From = 1 }},
		{"to", "to: 1970-01-01T00:01:00.001Z", func(q *Query) { q.To = 60_001 }},
		{"empty range", "to: must be after from", func(q *Query) { q.From = 60_000 }},
		{"threshold", "service_level_seconds: 3601", func(q *Query) { q.Thresholds.Pinned = 3601 }},
		{"twice", "group_by: names queue twice", func(q *Query) { q.GroupBy = []metric.Dimension{metric.DimQueue, metric.DimQueue} }},
		{"unknown metric", `metric "nonsense"`, func(q *Query) { q.Metrics = []string{"nonsense"} }},
		{"live metric", `metric "waiting"`, func(q *Query) { q.Metrics = []string{"waiting"} }},
		{"of agents, by queue", `metric "rona"`, func(q *Query) {
			q.Metrics, q.GroupBy = []string{"offered", "rona"}, []metric.Dimension{metric.DimQueue}
		}},
		{"of queues, by agent", `metric "service_level"`, func(q *Query) {
			q.Metrics, q.GroupBy = []string{"service_level"}, []metric.Dimension{metric.DimAgent}
		}},
		{"status by channel", `metric "status_ms.break"`, func(q *Query) {
			q.Metrics, q.GroupBy = []string{"status_ms.break"}, []metric.Dimension{metric.DimAgent, metric.DimChannel}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := ok
			c.change(&q)
			_, err := r.Metrics(context.Background(), q)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// Without keys a query answers with every metric that fits, in every family.
func TestMetrics_AllThatFit(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-11-21 08:00")
	obs := randomObservations(rand.New(rand.NewPCG(7, 8)), 200, begin, begin+60*minuteMs)
	f.windows(1, windowsOf(obs, 1)...)
	f.windows(1, windowsOf(obs, 15)...)
	f.intervals(1, schema.Interval{ContactCenter: center, Agent: "a1", Kind: schema.IntervalStatus, Start: begin, End: schema.Open, Status: schema.OnCall})
	f.progress(1, begin+60*minuteMs)
	res := f.ask(Query{From: begin, To: begin + 60*minuteMs})
	require.Len(t, res.Rows, 1)
	require.Equal(t, int64(3_600_000), res.value(t, 0, "occupied_ms"))
	require.Equal(t, 1.0, res.value(t, 0, "occupancy"))
	var offered uint64
	for _, o := range obs {
		if o.Agent == "" && slices.Contains(o.counts, schema.CountOffered) {
			offered++
		}
	}
	require.Equal(t, offered, res.value(t, 0, "offered"), "of the centre: first visits, not offers to agents")
	require.NotZero(t, res.value(t, 0, "rona"))
	month := f.ask(Query{From: begin, To: begin + 31*dayMs, Interval: Minute})
	require.Equal(t, 60, len(month.Rows), "as many intervals as a month has minutes can be asked for")
	for _, by := range [][]metric.Dimension{{metric.DimAgent}, {metric.DimQueue}, {metric.DimAgent, metric.DimQueue}, {metric.DimChannel, metric.DimDirection, metric.DimCampaign}} {
		require.NotEmpty(t, f.ask(Query{From: begin, To: begin + 60*minuteMs, GroupBy: by, Interval: FiveMinutes, Fill: true}).Rows)
	}
}
