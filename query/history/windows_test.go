package history

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// A histogram comes out the same however it is read, whatever its counts: those of 2²⁰ and more are handed over in two pieces.
func TestMetrics_CountsBeyondWhatIsHandedOverAsOneNumber(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-11-21 08:00")
	for i, bins := range [][]schema.Bin{
		{{Key: 3, N: 7}, {Key: 400, N: 1<<20 - 1}},
		{{Key: 3, N: 1 << 20}, {Key: 401, N: 3<<20 + 17}},
		{{Key: 402, N: 1 << 20}},
		{{Key: 0, N: 1}, {Key: schema.Bucket(math.MaxInt64), N: math.MaxUint32 - 1<<21}},
	} {
		w := schema.Window{Dims: schema.Dims{ContactCenter: center, Queue: "IN", Channel: schema.ChannelVoice, Direction: schema.Inbound},
			Start: begin + int64(i)*quarterMs, Minutes: schema.WindowQuarter}
		for _, b := range bins {
			w.Measures[schema.MeasureWait].Count += b.N
		}
		w.Measures[schema.MeasureWait].Sum, w.Measures[schema.MeasureWait].Max, w.Measures[schema.MeasureWait].Log = 1, 1, bins
		f.windows(20, w)
	}
	f.progress(20, begin+dayMs)
	for name, longest := range map[string]int64{"handed over": packedAtMost, "added up by ClickHouse": 0} {
		t.Run(name, func(t *testing.T) {
			f := f.in(t)
			f.reader.packed = longest
			res := f.ask(Query{From: begin, To: begin + 60*minuteMs, Metrics: []string{"wait"}})
			require.Equal(t, []metric.Bin{{Key: 0, N: 1}, {Key: 3, N: 7 + 1<<20}, {Key: 400, N: 1<<20 - 1}, {Key: 401, N: 3<<20 + 17}, {Key: 402, N: 1 << 20},
				{Key: schema.Bucket(math.MaxInt64), N: math.MaxUint32 - 1<<21}}, res.Rows[0].Totals(metric.FamilyQueue).Measures[schema.MeasureWait].Log)
		})
	}
}

// Every key of a histogram has room beside its count.
func TestPackedKeys(t *testing.T) {
	require.Less(t, int(schema.Bucket(math.MaxInt64)), maxKeys)
}

// A begin is reckoned only where that gives every interval's own, at its first second and at its last one.
func TestEvenly(t *testing.T) {
	for _, c := range []struct {
		name  string
		hours []int64 // of the edges
		ok    bool
	}{
		{"days", []int64{100, 124, 148, 172}, true},
		{"cut at both ends", []int64{100, 101, 125, 149, 150}, true},
		{"two, cut at both ends", []int64{100, 101, 110}, true},
		{"the first is longer", []int64{100, 125, 149, 173}, false},
		{"the last is longer", []int64{100, 124, 148, 173}, false},
		{"one between is longer", []int64{100, 124, 149, 173, 197}, false},
		{"the first would begin before 1970", []int64{0, 1, 25, 49}, false},
	} {
		for i := range c.hours {
			c.hours[i] *= 60 * minuteMs
		}
		_, _, ok := evenly(c.hours)
		require.Equal(t, c.ok, ok, c.name)
	}
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"}).Draw(t, "zone"))
		require.NoError(t, err)
		// The days before clocks change somewhere, and the oldest one.
		day := rapid.SampledFrom([]string{"1970-01-01", "2018-11-02", "2026-03-27", "2026-04-03", "2026-10-02", "2026-10-23"}).Draw(t, "day")
		midnight, err := time.Parse(time.DateOnly, day)
		require.NoError(t, err)
		from := midnight.UnixMilli() + rapid.Int64Range(0, 24*60).Draw(t, "minute")*minuteMs
		length := rapid.SampledFrom([]int64{1, 60, 24 * 60, 3 * 24 * 60, 100 * 24 * 60}).Draw(t, "about")*minuteMs + rapid.Int64Range(0, 24*60).Draw(t, "and")*minuteMs
		edges, err := Edges(from, from+length, Interval(rapid.IntRange(int(Minute), int(Month)).Draw(t, "interval")), loc, 5000)
		if err != nil || len(edges) < 3 {
			return
		}
		each, first, ok := evenly(edges)
		if !ok {
			return
		}
		for i, begin := range edges[:len(edges)-1] {
			for _, at := range []int64{begin, edges[i+1] - 1000} {
				require.Equal(t, begin, max(edges[0], first+(at-first)/each*each), "interval %d of %v", i, edges)
			}
		}
	})
}

// A state of groupArray holds no more than 2²⁴ - 1 elements, which the bins of a busy quarter of a year are more than.
func TestPercentiles_OfMoreBinsThanOneStateHolds(t *testing.T) {
	f := newFloor(t)
	begin := utc(t, "2026-03-01 00:00")
	const queues, waits = 10, 200              // of each quarter of an hour
	for day := int64(0); day < 90; day += 10 { // little memory at a time
		require.NoError(t, f.conn.Exec(context.Background(), fmt.Sprintf(`INSERT INTO windows_15m (contact_center, start, queue, channel, direction, answered, wait_count, wait_sum, wait_max, wait_log, version)
SELECT '%[1]s', toDateTime(%[2]d + intDiv(number, %[4]d) * 900, 'UTC'), concat('q', toString(number %% %[4]d)), 'voice', 'inbound', %[5]d, %[5]d, 18000, 2000,
 mapFromArrays(arrayMap(k -> toUInt16(300 + k), range(%[5]d)), arrayMap(k -> toUInt32(1), range(%[5]d))), 1 FROM numbers(%[3]d) SETTINGS max_block_size = 1024, min_insert_block_size_rows = 1024`,
			center, (begin+day*dayMs)/1000, 10*96*queues, queues, waits)))
	}
	f.progress(1, begin+100*dayMs)
	res, err := f.reader.Metrics(context.Background(), Query{ContactCenter: center, From: begin, To: begin + 90*dayMs, Metrics: []string{"wait.p95"}})
	require.NoError(t, err)
	require.Equal(t, uint64(90*96*queues*waits), res.Rows[0].Totals(1).Measures[schema.MeasureWait].Count)
}
