package history

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
	"floorwalker/schema/metric"
)

// What the benchmarks read: so many queues and agents for so many days, with calls in the half of each day, as windows and, of the last
// days, as raw events too.
const (
	benchDays   = 90
	benchQueues = 200
	benchAgents = 200
)

// benchFloor is a floor of the benchmarks, the larger one about as busy as a few thousand agents.
type benchFloor struct {
	*floor
	calls      int // of one queue on one day
	begin, end time.Time
	rawBegin   time.Time
}

// BenchmarkQuery measures metrics of 90 days by 200 queues, and the same numbers from raw events. Medians are reported as p50-ms.
func BenchmarkQuery(b *testing.B) {
	before := debug.SetGCPercent(300) // what the program runs with
	b.Cleanup(func() { debug.SetGCPercent(before) })
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(b, err)
	end := time.Date(2026, 3, 20, 0, 0, 0, 0, zone)
	for _, size := range []struct{ calls, rawDays int }{{100, 30}, {1000, 7}} {
		b.Run(fmt.Sprintf("%d calls a queue and day", size.calls), func(b *testing.B) {
			spent := &meter{event: "OSCPUVirtualTimeMicroseconds"} // on a busy machine the only figure that can be compared
			f := &benchFloor{newBenchFloor(b, spent), size.calls, end.AddDate(0, 0, -benchDays), end, end.AddDate(0, 0, -size.rawDays)}
			began := time.Now()
			f.fillWindows()
			f.fillRaw()
			f.progress(20, end.UnixMilli())
			b.Logf("filled in %s", time.Since(began).Round(time.Second))
			f.bench(b, spent)
		})
	}
}

// newBenchFloor connects as the program does: without compression on this machine.
func newBenchFloor(b *testing.B, spent *meter) *floor {
	_, database := clickhousetest.Database(b)
	conn, err := clickhouse.Connect(clickhouse.Config{Addresses: []string{clickhousetest.Start(b).Addr()}, Database: database})
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	_, err = clickhouse.Migrate(context.Background(), conn, clickhouse.Options{})
	require.NoError(b, err)
	spent.Conn = conn
	return &floor{b, conn, New(spent, metric.NewCatalogue(), Config{})}
}

func (f *benchFloor) bench(b *testing.B, spent *meter) {
	byQueue := Query{ContactCenter: center, From: f.begin.UnixMilli(), To: f.end.UnixMilli(), Interval: Day, Location: f.end.Location(), GroupBy: []metric.Dimension{metric.DimQueue}}
	with := func(q Query, keys ...string) Query { q.Metrics = keys; return q }
	pinned := with(byQueue, "service_level")
	pinned.Thresholds = metric.Thresholds{Pinned: benchThreshold}
	all := with(pinned, "offered", "answered", "abandoned", "wait", "service_level")
	oneQueue := with(byQueue, "offered", "answered", "abandoned", "abandon_rate", "asa")
	oneQueue.From, oneQueue.Interval, oneQueue.Filters = f.end.AddDate(0, 0, -30).UnixMilli(), Quarter, map[metric.Dimension][]string{metric.DimQueue: {"q17"}}
	byAgent := with(byQueue, "answered", "talk.sum_ms")
	byAgent.GroupBy = []metric.Dimension{metric.DimAgent}
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"90d/200 queues by 1d/sums", with(byQueue, "offered", "answered", "abandoned", "abandon_rate", "asa", "talk.sum_ms")},
		{"90d/200 queues by 1d/percentiles", with(byQueue, "offered", "wait.p50", "wait.p95")},
		{"90d/200 queues by 1d/threshold of the caller", pinned},
		{"90d/200 queues by 1d/all three", all},
		{"30d/one queue by 15m/sums", oneQueue},
		{"90d/200 agents by 1d/sums", byAgent},
	} {
		b.Run(c.name, func(b *testing.B) {
			rows := 0
			report(b, spent, func() { rows = len(f.ask(c.q).Rows) })
			b.ReportMetric(float64(rows), "rows")
		})
	}

	all.From = f.rawBegin.UnixMilli()
	var result Result
	var raw []rawRow
	var fast, slow time.Duration
	b.Run("days with raw events/200 queues by 1d/all three", func(b *testing.B) {
		fast = report(b, spent, func() { result = f.ask(all) })
	})
	b.Run("days with raw events/200 queues by 1d/all three/raw events", func(b *testing.B) {
		slow = report(b, spent, func() { raw = f.askRaw() })
		if fast > 0 {
			b.ReportMetric(float64(slow)/float64(fast), "times-as-long")
		}
	})
	if result.Rows != nil && raw != nil {
		f.requireSame(result, raw)
	}
}

// report runs and tells the median, and the CPU time of one run.
func report(b *testing.B, spent *meter, run func()) (median time.Duration) {
	var took []time.Duration
	var here, before syscall.Rusage
	spent.sum.Store(0)
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	for b.Loop() {
		began := time.Now()
		run()
		took = append(took, time.Since(began))
	}
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &here))
	slices.Sort(took)
	own := here.Utime.Nano() + here.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent.sum.Load())/float64(len(took))/1000, "clickhouse-cpu-ms")
	b.ReportMetric(float64(own)/float64(len(took))/1e6, "own-cpu-ms")
	median = took[len(took)/2]
	b.ReportMetric(float64(median.Microseconds())/1000, "p50-ms")
	return median
}

// benchCall is one call of a day: which queue it came to, when, and how long it waited.
func (f *benchFloor) benchCall(day time.Time, call int) (queue int, queued, wait int64) {
	began := day.Add(8*time.Hour).UnixMilli() + int64(call)*benchHours/int64(f.calls*benchQueues)
	return call % benchQueues, began + 1000, 1000 + int64(call)*2654435761%60000
}

const (
	benchHours     = 12 * 60 * minuteMs
	benchSlots     = int(benchHours/quarterMs) + 1 // calls that come last are answered after the last hour
	benchTalk      = 240_000
	benchThreshold = 33
)

// fillWindows writes windows of 15 minutes as a worker does in the end: months merged, and the last day still in pieces, some of them
// overwritten.
func (f *benchFloor) fillWindows() {
	ctx := context.Background()
	for day, n := f.begin, 0; day.Before(f.end); day, n = day.AddDate(0, 0, 1), n+1 {
		w := clickhouse.NewWindows(schema.WindowQuarter)
		for _, row := range f.windowsOf(day) {
			w.Append(stamp(20), &row)
		}
		require.NoError(f.t, w.Send(ctx, f.conn, 1))
		if n%15 == 14 && n < benchDays-1 {
			require.NoError(f.t, f.conn.Exec(ctx, "OPTIMIZE TABLE windows_15m FINAL"))
		}
	}
	require.NoError(f.t, f.conn.Exec(ctx, "SYSTEM STOP MERGES windows_15m"))
	last := f.windowsOf(f.end.AddDate(0, 0, -1))
	for piece := range int64(8) {
		w := clickhouse.NewWindows(schema.WindowQuarter)
		for _, row := range last[piece*benchQueues : (piece+1)*benchQueues] {
			w.Append(stamp(30+piece), &row)
		}
		require.NoError(f.t, w.Send(ctx, f.conn, 1))
	}
}

// windowsOf counts a day's calls: first each quarter's windows of queues, then those of agents.
func (f *benchFloor) windowsOf(day time.Time) []schema.Window {
	rows := make([]schema.Window, 2*benchSlots*benchQueues)
	first := day.Add(8 * time.Hour).UnixMilli()
	at := func(ms int64, queue, agents int) *schema.Window {
		slot := int((ms - first) / quarterMs)
		w := &rows[agents+slot*benchQueues+queue]
		w.Dims = schema.Dims{ContactCenter: center, Queue: "q" + strconv.Itoa(queue), Channel: schema.ChannelVoice, Direction: schema.Inbound}
		w.Start, w.Minutes = first+int64(slot)*quarterMs, schema.WindowQuarter
		if agents > 0 {
			w.Agent = "agent" + strconv.Itoa(queue%benchAgents)
		}
		return w
	}
	for call := range f.calls * benchQueues {
		queue, queued, wait := f.benchCall(day, call)
		at(queued, queue, 0).Counts[schema.CountOffered]++
		w := at(queued+wait, queue, 0)
		w.Counts[schema.CountAnswered]++
		w.Measures[schema.MeasureWait].Add(schema.Distribution{Count: 1, Sum: wait, Max: wait,
			Log: []schema.Bin{{Key: schema.Bucket(wait), N: 1}}, Seconds: []schema.Bin{{Key: schema.SecondsKey(wait), N: 1}}})
		agents := at(queued+wait, queue, len(rows)/2)
		agents.Counts[schema.CountAnswered]++
		for _, w := range []*schema.Window{w, agents} {
			w.Measures[schema.MeasureTalk].Add(schema.Distribution{Count: 1, Sum: benchTalk, Max: benchTalk, Log: []schema.Bin{{Key: schema.Bucket(benchTalk), N: 1}}})
		}
	}
	return slices.DeleteFunc(rows, func(w schema.Window) bool { return w.Minutes == 0 })
}

// fillRaw writes seven events for each call.
func (f *benchFloor) fillRaw() {
	calls := benchQueues * f.calls
	for day, n := f.rawBegin, 0; day.Before(f.end); day, n = day.AddDate(0, 0, 1), n+1 {
		require.NoError(f.t, f.conn.Exec(context.Background(), fmt.Sprintf(`INSERT INTO events (contact_center, epoch, topic, partition, offset, record_time, time, type, subject, source, id, data, version, processed_at)
SELECT '%s', 1, 'cc.events', 0, %d + number, at, at, type, subject, '/acd', toString(number), data, %d + number, at FROM (
 SELECT number, intDiv(number, 7) AS call, number %% 7 AS step, concat('c%d-', toString(call)) AS subject,
  ['cc.interaction.created', 'cc.interaction.ivr', 'cc.interaction.queued', 'cc.interaction.offered', 'cc.interaction.connected', 'cc.interaction.ended', 'cc.interaction.wrap_ended'][step + 1] AS type,
  fromUnixTimestamp64Milli(toInt64(%d + intDiv(call * %d, %d) + [0, 500, 1000, 1000 + wait - 900, 1000 + wait, 1000 + wait + 240000, 1000 + wait + 300000][step + 1]), 'UTC') AS at,
  toInt64(1000 + call * 2654435761 %% 60000) AS wait,
  multiIf(step = 0, concat('{"channel":"voice","direction":"inbound","call_id":"c', toString(call), '","customer":{"id":"k', toString(call), '","name":"Somebody","phone":"+4930123456"}}'),
   step = 2, concat('{"queue_id":"q', toString(call %% %d), '"}'), step IN (3, 4, 6), concat('{"agent_id":"agent', toString(call %% %d), '"}'), '{"reason":"completed"}') AS data
 FROM numbers(%d))`, center, n*calls*7, n*calls*7, n, day.Add(8*time.Hour).UnixMilli(), benchHours, calls, benchQueues, benchAgents, calls*7)))
	}
}

// rawRow is what raw events say of one queue and local day.
type rawRow struct {
	day                     time.Time
	queue                   string
	offered, answered, left uint64
	sum                     *int64
	longest                 *int64
	quantiles               []int64 // p50, p90, p95, p99
	in                      uint64
}

// askRaw computes offered, answered, abandoned, waits with percentiles and a service level by queue and local day from raw events.
func (f *benchFloor) askRaw() (rows []rawRow) {
	s := &statement{}
	s.add(`SELECT toStartOfDay(queued, `, s.bind("String", f.end.Location().String()), `) AS day, queue, count(), countIf(isNotNull(answered)), countIf(isNull(answered) AND reason = 'abandoned'),
 sum(wait), max(wait), quantilesExact(0.5, 0.9, 0.95, 0.99)(wait), countIf(wait <= `, s.bind("Int64", benchThreshold*1000), `)
FROM (SELECT subject, minIf(time, type = 'cc.interaction.queued') AS queued, anyIf(JSONExtractString(data, 'queue_id'), type = 'cc.interaction.queued') AS queue,
 minOrNullIf(time, type = 'cc.interaction.connected') AS answered, anyIf(JSONExtractString(data, 'reason'), type = 'cc.interaction.ended') AS reason,
 toUnixTimestamp64Milli(answered) - toUnixTimestamp64Milli(queued) AS wait
FROM events FINAL WHERE contact_center = `, s.bind("String", center), " AND time >= ", moment(s, f.rawBegin.UnixMilli()), " AND time < ", moment(s, f.end.UnixMilli()),
		` AND type IN ('cc.interaction.queued', 'cc.interaction.connected', 'cc.interaction.ended') GROUP BY subject) GROUP BY day, queue`, settings)
	var row rawRow
	require.NoError(f.t, f.reader.each(context.Background(), s, []any{&row.day, &row.queue, &row.offered, &row.answered, &row.left, &row.sum, &row.longest, &row.quantiles, &row.in}, func() error {
		rows = append(rows, row)
		return nil
	}))
	return rows
}

// requireSame makes sure that both ways give the same numbers, and percentiles within 1 % of an observation of about that rank.
func (f *benchFloor) requireSame(fast Result, slow []rawRow) {
	slices.SortFunc(slow, func(a, b rawRow) int { return cmp.Or(cmp.Compare(a.queue, b.queue), a.day.Compare(b.day)) })
	require.Len(f.t, fast.Rows, len(slow))
	for i, want := range slow {
		row := &fast.Rows[i]
		got := row.Totals(metric.FamilyQueue)
		wait := got.Measures[schema.MeasureWait]
		require.Equal(f.t, []any{want.queue, want.day.UnixMilli(), want.offered, want.answered, want.left, *want.sum, *want.longest, want.in},
			[]any{row.Group[0], row.From, got.Counts[schema.CountOffered], got.Counts[schema.CountAnswered], got.Counts[schema.CountAbandoned], wait.Sum, wait.Max, got.ServiceLevel.AnsweredIn})
		p50, _ := wait.Quantile(0.5)
		require.InEpsilon(f.t, want.quantiles[0], p50, 0.06, "p50 of %s on %s", want.queue, want.day)
		p95, _ := wait.Quantile(0.95)
		require.InEpsilon(f.t, want.quantiles[2], p95, 0.06, "p95 of %s on %s", want.queue, want.day)
	}
}
