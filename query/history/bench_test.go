package history

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
	"floorwalker/schema/metric"
)

// What the benchmarks read: so many queues and agents for so many days, with calls in the half of each day, as windows and as raw events.
const (
	benchDays   = 90
	benchQueues = 200
	benchAgents = 200
	benchCalls  = 100 // of one queue on one day
	benchRaw    = 30  // days of which there are raw events too
)

// BenchmarkQuery measures metrics of 90 days by 200 queues, and the same numbers from raw events. Medians are reported as p50-ms.
func BenchmarkQuery(b *testing.B) {
	f := newFloor(b)
	spent := &meter{Conn: f.conn}
	f.reader = New(spent, metric.NewCatalogue(), Config{})
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(b, err)
	end := time.Date(2026, 3, 20, 0, 0, 0, 0, zone)
	begin := end.AddDate(0, 0, -benchDays)
	began := time.Now()
	f.fillWindows(begin, end)
	rawBegin := end.AddDate(0, 0, -benchRaw)
	f.fillRaw(rawBegin, end)
	f.progress(20, end.UnixMilli())
	b.Logf("filled in %s", time.Since(began).Round(time.Second))
	byQueue := Query{ContactCenter: center, From: begin.UnixMilli(), To: end.UnixMilli(), Interval: Day, Location: zone, GroupBy: []metric.Dimension{metric.DimQueue}}
	with := func(q Query, keys ...string) Query { q.Metrics = keys; return q }
	pinned := with(byQueue, "service_level")
	pinned.Thresholds = metric.Thresholds{Pinned: 33}
	oneQueue := with(byQueue, "offered", "answered", "abandoned", "abandon_rate", "asa")
	oneQueue.From, oneQueue.Interval, oneQueue.Filters = end.AddDate(0, 0, -30).UnixMilli(), Quarter, map[metric.Dimension][]string{metric.DimQueue: {"q17"}}
	byAgent := with(byQueue, "answered", "talk.sum_ms")
	byAgent.GroupBy = []metric.Dimension{metric.DimAgent}
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"90d/200 queues by 1d/sums", with(byQueue, "offered", "answered", "abandoned", "abandon_rate", "asa", "talk.sum_ms")},
		{"90d/200 queues by 1d/percentiles", with(byQueue, "offered", "wait.p50", "wait.p95")},
		{"90d/200 queues by 1d/threshold of the caller", pinned},
		{"90d/200 queues by 1d/all three", with(byQueue, "offered", "answered", "abandoned", "wait", "service_level")},
		{"30d/one queue by 15m/sums", oneQueue},
		{"90d/200 agents by 1d/sums", byAgent},
	} {
		b.Run(c.name, func(b *testing.B) {
			rows := 0
			report(b, spent, func() { rows = len(f.ask(c.q).Rows) })
			b.ReportMetric(float64(rows), "rows")
		})
	}
	same := with(byQueue, "offered", "answered", "abandoned", "wait", "service_level")
	same.From = rawBegin.UnixMilli()
	sums := with(same, "offered", "answered", "abandoned", "abandon_rate", "asa")
	for name, ask := range map[string]func() int{
		"30d/200 queues by 1d/sums":                 func() int { return len(f.ask(sums).Rows) },
		"30d/200 queues by 1d/all three":            func() int { return len(f.ask(same).Rows) },
		"30d/200 queues by 1d/all three/raw events": func() int { return f.askRaw(rawBegin, end, zone) },
	} {
		b.Run(name, func(b *testing.B) {
			rows := 0
			report(b, spent, func() { rows = ask() })
			b.ReportMetric(float64(rows), "rows")
		})
	}
}

// meter adds up the CPU time that ClickHouse says its queries took: on a busy machine the only figure that can be compared.
type meter struct {
	Conn
	micros atomic.Int64
}

func (m *meter) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	return m.Conn.Query(ch.Context(ctx, ch.WithProfileEvents(func(events []ch.ProfileEvent) {
		for _, e := range events {
			if e.Name == "OSCPUVirtualTimeMicroseconds" {
				m.micros.Add(e.Value)
			}
		}
	})), query, args...)
}

// report runs and tells the median, and the CPU time of one run.
func report(b *testing.B, spent *meter, run func()) {
	var took []time.Duration
	var here, before syscall.Rusage
	spent.micros.Store(0)
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	for b.Loop() {
		began := time.Now()
		run()
		took = append(took, time.Since(began))
	}
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &here))
	slices.Sort(took)
	own := here.Utime.Nano() + here.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent.micros.Load())/float64(len(took))/1000, "clickhouse-cpu-ms")
	b.ReportMetric(float64(own)/float64(len(took))/1e6, "own-cpu-ms")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
}

// fillWindows writes windows of 15 minutes as a worker does in the end: months merged, and the last day still in pieces, some of them
// overwritten.
func (f *floor) fillWindows(begin, end time.Time) {
	r := rand.New(rand.NewPCG(5, 6))
	ctx := context.Background()
	for at, n := begin, 0; at.Before(end); at, n = at.AddDate(0, 0, 1), n+1 {
		w := clickhouse.NewWindows(schema.WindowQuarter)
		for slot := range 48 {
			start := at.Add(8*time.Hour + time.Duration(slot)*15*time.Minute).UnixMilli()
			for q := range benchQueues {
				w.Append(stamp(20), f.benchWindow(r, schema.Dims{Queue: "q" + strconv.Itoa(q)}, start))
			}
			for a := range benchAgents {
				w.Append(stamp(20), f.benchWindow(r, schema.Dims{Agent: "agent" + strconv.Itoa(a), Queue: "q" + strconv.Itoa(a%benchQueues)}, start))
			}
		}
		require.NoError(f.t, w.Send(ctx, f.conn, 1))
		if n%15 == 14 && n < benchDays-1 {
			require.NoError(f.t, f.conn.Exec(ctx, "OPTIMIZE TABLE windows_15m FINAL"))
		}
	}
	require.NoError(f.t, f.conn.Exec(ctx, "SYSTEM STOP MERGES windows_15m"))
	last := end.AddDate(0, 0, -1)
	for piece := range 8 {
		w := clickhouse.NewWindows(schema.WindowQuarter)
		for q := range benchQueues {
			w.Append(stamp(30+int64(piece)), f.benchWindow(r, schema.Dims{Queue: "q" + strconv.Itoa(q)}, last.Add(8*time.Hour+time.Duration(piece)*15*time.Minute).UnixMilli()))
		}
		require.NoError(f.t, w.Send(ctx, f.conn, 1))
	}
}

func (f *floor) benchWindow(r *rand.Rand, d schema.Dims, start int64) *schema.Window {
	d.ContactCenter, d.Channel, d.Direction = center, schema.ChannelVoice, schema.Inbound
	w := &schema.Window{Dims: d, Start: start, Minutes: schema.WindowQuarter}
	calls := benchCalls / 48
	for range calls + r.IntN(2) {
		w.Counts[schema.CountOffered]++
		w.Counts[schema.CountAnswered]++
		for _, m := range []schema.Measure{schema.MeasureWait, schema.MeasureRing, schema.MeasureTalk, schema.MeasureWrap, schema.MeasureHandle} {
			if d.Agent != "" && m == schema.MeasureWait {
				continue
			}
			ms := randomWait(r)
			one := schema.Distribution{Count: 1, Sum: ms, Max: ms, Log: []schema.Bin{{Key: schema.Bucket(ms), N: 1}}}
			if m.CountsSeconds() {
				one.Seconds = []schema.Bin{{Key: schema.SecondsKey(ms), N: 1}}
			}
			w.Measures[m].Add(one)
		}
	}
	return w
}

// fillRaw writes seven events for each call.
func (f *floor) fillRaw(begin, end time.Time) {
	ctx := context.Background()
	calls := benchQueues * benchCalls
	for day, n := begin, 0; day.Before(end); day, n = day.AddDate(0, 0, 1), n+1 {
		require.NoError(f.t, f.conn.Exec(ctx, fmt.Sprintf(`INSERT INTO events (contact_center, epoch, topic, partition, offset, record_time, time, type, subject, source, id, data, version, processed_at)
SELECT '%s', 1, 'cc.events', 0, %d + number, at, at, type, subject, '/acd', toString(number), data, %d + number, at FROM (
 SELECT number, intDiv(number, 7) AS call, number %% 7 AS step, concat('c%d-', toString(call)) AS subject,
  ['cc.interaction.created', 'cc.interaction.ivr', 'cc.interaction.queued', 'cc.interaction.offered', 'cc.interaction.connected', 'cc.interaction.ended', 'cc.interaction.wrap_ended'][step + 1] AS type,
  fromUnixTimestamp64Milli(toInt64(%d + intDiv(call * 43200000, %d) + [0, 500, 1000, 1000 + wait - 900, 1000 + wait, 1000 + wait + 240000, 1000 + wait + 300000][step + 1]), 'UTC') AS at,
  toInt64(1000 + cityHash64(call) %% 60000) AS wait,
  multiIf(step = 0, concat('{"channel":"voice","direction":"inbound","call_id":"c', toString(call), '","customer":{"id":"k', toString(call), '","name":"Somebody","phone":"+4930123456"}}'),
   step = 2, concat('{"queue_id":"q', toString(call %% %d), '"}'), step IN (3, 4, 6), concat('{"agent_id":"agent', toString(call %% %d), '"}'), '{"reason":"completed"}') AS data
 FROM numbers(%d))`, center, n*calls*7, n*calls*7, n, day.Add(8*time.Hour).UnixMilli(), calls, benchQueues, benchAgents, calls*7)))
	}
}

// askRaw computes offered, answered, abandoned, waits with percentiles and a service level by queue and local day from raw events.
func (f *floor) askRaw(begin, end time.Time, zone *time.Location) (rows int) {
	s := &statement{}
	s.add(`SELECT toStartOfDay(queued, `, s.bind("String", zone.String()), `) AS day, queue, count(), countIf(isNotNull(answered)), countIf(isNull(answered) AND reason = 'abandoned'),
 sum(wait), max(wait), quantilesExact(0.5, 0.9, 0.95, 0.99)(wait), countIf(wait <= 33000)
FROM (SELECT subject, minIf(time, type = 'cc.interaction.queued') AS queued, anyIf(JSONExtractString(data, 'queue_id'), type = 'cc.interaction.queued') AS queue,
 minOrNullIf(time, type = 'cc.interaction.connected') AS answered, anyIf(JSONExtractString(data, 'reason'), type = 'cc.interaction.ended') AS reason,
 toUnixTimestamp64Milli(answered) - toUnixTimestamp64Milli(queued) AS wait
FROM events FINAL WHERE contact_center = `, s.bind("String", center), " AND time >= ", moment(s, begin.UnixMilli()), " AND time < ", moment(s, end.UnixMilli()),
		` AND type IN ('cc.interaction.queued', 'cc.interaction.connected', 'cc.interaction.ended') GROUP BY subject) GROUP BY day, queue`, settings)
	var (
		day                     time.Time
		queue                   string
		offered, answered, left uint64
		sum                     *int64
		longest                 *int64
		quantiles               []int64
		in                      uint64
	)
	require.NoError(f.t, f.reader.each(context.Background(), s, []any{&day, &queue, &offered, &answered, &left, &sum, &longest, &quantiles, &in}, func() error {
		rows++
		return nil
	}))
	return rows
}
