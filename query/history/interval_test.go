package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func at(t testing.TB, zone, wall string) int64 {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	require.NoError(t, err)
	tm, err := time.ParseInLocation("2006-01-02 15:04", wall, loc)
	require.NoError(t, err)
	return tm.UnixMilli()
}

func utc(t testing.TB, wall string) int64 { return at(t, "UTC", wall) }

// Intervals begin at round local times, whatever the clocks do; the ends are cut to the range.
func TestEdges(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		interval   Interval
		edges      []string // UTC
	}{
		{"total is the range", "Europe/Berlin", Total, []string{"2026-03-28 10:07", "2026-03-30 11:13"}},
		{"a day of 23 hours", "Europe/Berlin", Day, []string{"2026-03-28 23:00", "2026-03-29 22:00", "2026-03-30 22:00"}},
		{"a day of 25 hours", "Europe/Berlin", Day, []string{"2026-10-24 22:00", "2026-10-25 23:00", "2026-10-26 23:00"}},
		{"a day of 23 hours in Jerusalem", "Asia/Jerusalem", Day, []string{"2026-03-26 22:00", "2026-03-27 21:00", "2026-03-28 21:00"}},
		{"a day of 25 hours in Jerusalem", "Asia/Jerusalem", Day, []string{"2026-10-24 21:00", "2026-10-25 22:00", "2026-10-26 22:00"}},
		{"no midnight: the day begins at one", "Africa/Cairo", Day, []string{"2026-04-22 22:00", "2026-04-23 22:00", "2026-04-24 21:00"}},
		{"midnight twice: the day begins at the first", "America/Havana", Day, []string{"2026-10-31 04:00", "2026-11-01 04:00", "2026-11-02 05:00"}},
		{"23 hours, because the clocks skip midnight", "America/Sao_Paulo", Day, []string{"2018-11-03 03:00", "2018-11-04 03:00", "2018-11-05 02:00"}},
		{"25 hours, because the clocks go back at midnight", "America/Sao_Paulo", Day, []string{"2019-02-16 02:00", "2019-02-17 03:00", "2019-02-18 03:00"}},
		{"23 hours and a half", "Australia/Lord_Howe", Day, []string{"2026-10-02 13:30", "2026-10-03 13:30", "2026-10-04 13:00", "2026-10-05 13:00"}},
		{"24 hours and a half", "Australia/Lord_Howe", Day, []string{"2026-04-03 13:00", "2026-04-04 13:00", "2026-04-05 13:30"}},
		{"a date that the zone skipped", "Pacific/Apia", Day, []string{"2011-12-29 10:00", "2011-12-30 10:00", "2011-12-31 10:00"}},
		{"ragged ends", "UTC", Hour, []string{"2026-03-28 10:07", "2026-03-28 11:00", "2026-03-28 12:00", "2026-03-28 12:05"}},
		{"half-hour zone", "Asia/Kolkata", Hour, []string{"2026-03-28 10:00", "2026-03-28 10:30", "2026-03-28 11:30", "2026-03-28 11:31"}},
		{"quarters of a zone at 45 minutes", "Asia/Kathmandu", HalfHour, []string{"2026-03-28 10:00", "2026-03-28 10:15", "2026-03-28 10:45", "2026-03-28 11:00"}},
		{"the hour that is left out", "Europe/Berlin", Hour, []string{"2026-03-29 00:00", "2026-03-29 01:00", "2026-03-29 02:00"}},
		{"the hour that comes twice", "Europe/Berlin", Hour, []string{"2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00", "2026-10-25 03:00"}},
		{"clocks moved by half an hour", "Australia/Lord_Howe", Hour, []string{"2026-10-03 14:30", "2026-10-03 16:00", "2026-10-03 17:00"}},
		{"weeks begin on Monday", "Europe/Berlin", Week, []string{"2026-03-21 00:00", "2026-03-22 23:00", "2026-03-29 22:00", "2026-03-31 00:00"}},
		{"months", "Asia/Jerusalem", Month, []string{"2026-02-27 22:00", "2026-02-28 22:00", "2026-03-31 21:00", "2026-04-01 00:00"}},
		{"the end is an edge", "UTC", Quarter, []string{"2026-03-28 10:00", "2026-03-28 10:15", "2026-03-28 10:30"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			loc, err := time.LoadLocation(c.zone)
			require.NoError(t, err)
			var want []int64
			for _, e := range c.edges {
				want = append(want, utc(t, e))
			}
			got, err := Edges(want[0], want[len(want)-1], c.interval, loc, 100)
			require.NoError(t, err)
			var walls []string
			for _, e := range got {
				walls = append(walls, time.UnixMilli(e).UTC().Format("2006-01-02 15:04"))
			}
			require.Equal(t, c.edges, walls)
		})
	}
}

// Whatever the zone: edges ascend, are whole minutes, cover the range, and all but the ends are round local times.
func TestEdges_AnyZone(t *testing.T) {
	zones := []string{"Europe/Berlin", "Asia/Jerusalem", "America/Sao_Paulo", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu",
		"Asia/Beirut", "Africa/Cairo", "America/Havana", "Pacific/Apia", "Africa/Casablanca", "America/Nuuk", "Antarctica/Troll"}
	rapid.Check(t, func(rt *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(rt, "zone"))
		require.NoError(rt, err)
		interval := Interval(rapid.IntRange(1, int(numIntervals)-1).Draw(rt, "interval"))
		from := rapid.Int64Range(0, 30_000_000).Draw(rt, "from") * minuteMs
		to := from + rapid.Int64Range(1, 5000).Draw(rt, "minutes")*minuteMs
		if interval >= Day {
			to += 100 * dayMs
		}
		edges, err := Edges(from, to, interval, loc, 10_000)
		require.NoError(rt, err)
		require.Equal(rt, from, edges[0])
		require.Equal(rt, to, edges[len(edges)-1])
		for i, e := range edges[1:] {
			require.Less(rt, edges[i], e)
			require.Zero(rt, e%minuteMs)
			if i+2 == len(edges) {
				break
			}
			local := time.UnixMilli(e).In(loc)
			if minutes := intervalMinutes[interval]; minutes != 0 {
				require.Zero(rt, localMinute(local)%minutes, local)
				continue
			}
			require.NotEqual(rt, local.Day(), time.UnixMilli(e-minuteMs).In(loc).Day(), local)
		}
	})
}

func TestEdges_TooMany(t *testing.T) {
	_, err := Edges(0, 101*minuteMs, Minute, time.UTC, 100)
	var wrong *QueryError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "interval", wrong.Parameter)
	_, err = Edges(0, 100*minuteMs, Minute, time.UTC, 100)
	require.NoError(t, err)
}

// Windows of 15 minutes are read only where none straddles an edge.
func TestStretches(t *testing.T) {
	m := minuteMs
	require.Equal(t, []stretch{{"windows_15m", 15 * m, 60 * m}, {"windows_1m", 7 * m, 15 * m}, {"windows_1m", 60 * m, 61 * m}}, stretches([]int64{7 * m, 30 * m, 61 * m}))
	require.Equal(t, []stretch{{"windows_15m", 0, 30 * m}}, stretches([]int64{0, 30 * m}))
	require.Equal(t, []stretch{{"windows_1m", 0, 30 * m}}, stretches([]int64{0, 10 * m, 30 * m}))
	require.Equal(t, []stretch{{"windows_1m", 7 * m, 22 * m}}, stretches([]int64{7 * m, 22 * m}))
}
