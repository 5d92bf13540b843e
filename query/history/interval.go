package history

import (
	"time"
)

// Interval is how a range is divided.
type Interval uint8

const (
	Total Interval = iota // one interval: the range
	Minute
	FiveMinutes
	Quarter
	HalfHour
	Hour
	Day
	Week // from Monday
	Month
	numIntervals
)

var (
	intervalNames   = [numIntervals]string{"total", "1m", "5m", "15m", "30m", "1h", "1d", "1w", "1mo"}
	intervalMinutes = [numIntervals]int64{Minute: 1, FiveMinutes: 5, Quarter: 15, HalfHour: 30, Hour: 60}
)

func (i Interval) String() string {
	if i < numIntervals {
		return intervalNames[i]
	}
	return ""
}

// ParseInterval reads an interval's name; empty means total.
func ParseInterval(s string) (Interval, bool) {
	if s == "" {
		return Total, true
	}
	for i, name := range intervalNames {
		if name == s {
			return Interval(i), true
		}
	}
	return 0, false
}

// IntervalNames lists the names.
func IntervalNames() []string { return intervalNames[:] }

// Edges divides [from, to) at the round local times of loc: interval i is [edges[i], edges[i+1]), the first and the last cut to
// the range. A day is local midnight to local midnight, however many hours that is; where a change of clocks leaves out a round
// time, the interval before it reaches to the next one.
func Edges(from, to int64, interval Interval, loc *time.Location, most int) ([]int64, error) {
	edges := []int64{from}
	if interval != Total {
		for at := following(from, interval, loc); at < to; at = following(at, interval, loc) {
			if len(edges) >= most {
				return nil, faulty("interval", "%s divides the range into more than %d intervals", interval, most)
			}
			edges = append(edges, at)
		}
	}
	return append(edges, to), nil
}

// following is the first begin of an interval after t, a whole minute.
func following(t int64, interval Interval, loc *time.Location) int64 {
	at := time.UnixMilli(t).In(loc)
	if minutes := intervalMinutes[interval]; minutes != 0 {
		return followingMinutes(at, minutes)
	}
	y, m, d := at.Date()
	switch interval {
	case Day:
		d++
	case Week:
		d += 7 - (int(at.Weekday())+6)%7
	case Month:
		m, d = m+1, 1
	}
	for {
		// A date that the zone has skipped (a move of the date line) begins where the one after it does, perhaps not after t.
		if begin := startOfDay(y, m, d, loc); begin > t {
			return begin
		}
		d++
	}
}

func followingMinutes(at time.Time, minutes int64) int64 {
	for {
		begin := at.UnixMilli() + (minutes-localMinute(at)%minutes)*minuteMs
		_, change := at.ZoneBounds()
		if change.IsZero() || begin < change.UnixMilli() {
			return begin
		}
		if localMinute(change)%minutes == 0 && change.Unix()%60 == 0 {
			return change.UnixMilli()
		}
		at = change
	}
}

// localMinute is the minute of the local day.
func localMinute(t time.Time) int64 { return int64(t.Hour()*60 + t.Minute()) }

// startOfDay is the first moment of a local date, to the minute. Go's time.Date does not say which side of a change of clocks
// it takes, and midnight is left out by some (Cairo, Beirut) and comes twice in others (Havana).
func startOfDay(y int, m time.Month, d int, loc *time.Location) int64 {
	wall := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	before := wall.Add(-36 * time.Hour).In(loc)
	at := before
	for {
		_, offset := at.Zone()
		midnight := wall.Add(-time.Duration(offset) * time.Second)
		begin, change := at.ZoneBounds()
		if !begin.IsZero() && midnight.Before(begin) {
			// The clocks went from before midnight to after it.
			return wholeMinute(begin)
		}
		if change.IsZero() || midnight.Before(change) {
			return wholeMinute(midnight)
		}
		at = change
	}
}

// wholeMinute rounds up: zones of the nineteenth century were seconds off.
func wholeMinute(t time.Time) int64 {
	ms := t.UnixMilli()
	return ms + (minuteMs-ms%minuteMs)%minuteMs
}
