package schema

import "time"

// Event times lie in [1970-01-01, 2200-01-01).
const (
	minTime int64 = 0
	maxTime int64 = 7258118400000
)

const timeAllowed = ", an RFC 3339 date-time from 1970-01-01T00:00:00Z on and before 2200-01-01T00:00:00Z is needed"

// ParseTime reads an RFC 3339 date-time of any offset and cuts it to whole milliseconds since the epoch. A leap second,
// 23:59:60 UTC, is the first second of the next day, as POSIX clocks count it. Errors are *Violation of "time":
// malformed_time, or time_out_of_range outside [1970-01-01, 2200-01-01).
func ParseTime(s string) (int64, error) {
	ms, code := parseTime(s)
	if code != "" {
		return 0, &Violation{code, "time", quote(s) + timeAllowed}
	}
	return ms, nil
}

func parseTime(s string) (ms int64, code string) {
	const layout = "2006-01-02T15:04:05"
	if len(s) <= len(layout) || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return 0, CodeMalformedTime
	}
	century, ok1 := twoDigits(s, 0)
	year, ok2 := twoDigits(s, 2)
	month, ok3 := twoDigits(s, 5)
	day, ok4 := twoDigits(s, 8)
	hour, ok5 := twoDigits(s, 11)
	minute, ok6 := twoDigits(s, 14)
	second, ok7 := twoDigits(s, 17)
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) {
		return 0, CodeMalformedTime
	}
	year += 100 * century
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60 {
		return 0, CodeMalformedTime
	}
	millis, rest, ok := fraction(s[len(layout):])
	if !ok {
		return 0, CodeMalformedTime
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, CodeMalformedTime
	}
	minutes := (daysFromCivil(year, month, day)*24+int64(hour))*60 + int64(minute) - offset
	if second == 60 && floorMod(minutes, 24*60) != 24*60-1 {
		return 0, CodeMalformedTime
	}
	ms = (minutes*60+int64(second))*1000 + millis
	if ms < minTime || ms >= maxTime {
		return 0, CodeTimeOutOfRange
	}
	return ms, ""
}

func twoDigits(s string, i int) (int, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// fraction reads ".123456", if it is there, as whole milliseconds.
func fraction(s string) (millis int64, rest string, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	n := 1
	for weight := int64(100); n < len(s) && s[n]-'0' <= 9; n++ {
		millis += int64(s[n]-'0') * weight
		weight /= 10
	}
	return millis, s[n:], n > 1 && n < len(s)
}

// parseOffset reads Z or ±hh:mm as minutes east of UTC.
func parseOffset(s string) (int64, bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	if len(s) != 6 || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, ok1 := twoDigits(s, 1)
	m, ok2 := twoDigits(s, 4)
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	offset := int64(h*60 + m)
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysFromCivil counts days since 1970-01-01 in the Gregorian calendar. Years begin in March, so that a leap day is the last.
func daysFromCivil(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	if year < 0 {
		era = -1
	}
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return int64(era)*146097 + int64(yearOfEra*365+yearOfEra/4-yearOfEra/100+dayOfYear) - 719468
}

func floorMod(a, b int64) int64 {
	if r := a % b; r >= 0 {
		return r
	}
	return a%b + b
}

// AppendTime appends ms since the epoch as RFC 3339 in UTC with milliseconds, e.g. 2026-03-01T09:15:27.123Z. Outside of the
// years 0000 to 9999 it appends the nearest moment inside.
func AppendTime(dst []byte, ms int64) []byte {
	const first, last = -62167219200000, 253402300799999
	ms = min(max(ms, first), last)
	days := (ms - floorMod(ms, 86400000)) / 86400000
	rest := int(ms - days*86400000)
	year, month, day := civilFromDays(days)
	dst = appendDigits(dst, year/100, 2)
	dst = appendDigits(dst, year%100, 2)
	dst = append(dst, '-')
	dst = appendDigits(dst, month, 2)
	dst = append(dst, '-')
	dst = appendDigits(dst, day, 2)
	dst = append(dst, 'T')
	dst = appendDigits(dst, rest/3600000, 2)
	dst = append(dst, ':')
	dst = appendDigits(dst, rest/60000%60, 2)
	dst = append(dst, ':')
	dst = appendDigits(dst, rest/1000%60, 2)
	dst = append(dst, '.')
	dst = appendDigits(dst, rest%1000, 3)
	return append(dst, 'Z')
}

// FormatTime is AppendTime as a string.
func FormatTime(ms int64) string { return string(AppendTime(nil, ms)) }

func appendDigits(dst []byte, n, width int) []byte {
	if width == 3 {
		dst = append(dst, byte('0'+n/100))
	}
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}

// civilFromDays is the inverse of daysFromCivil.
func civilFromDays(days int64) (year, month, day int) {
	z := days + 719468
	era := (z - floorMod(z, 146097)) / 146097
	doe := int(z - era*146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	year = yoe + int(era)*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// Midnight is the first moment of the local day that holds ms. Clocks may skip midnight, then the day begins where they land,
// or pass it twice, then it begins at the first; time.Date promises neither.
func Midnight(ms int64, zone *time.Location) int64 {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := time.UnixMilli(ms).In(zone).Date()
	begin := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if begin.Day() != d {
		if _, change := begin.ZoneBounds(); !change.IsZero() {
			begin = change
		}
	}
	if since, _ := begin.ZoneBounds(); !since.IsZero() {
		_, before := since.Add(-time.Nanosecond).Zone()
		_, after := begin.Zone()
		if first := begin.Add(time.Duration(after-before) * time.Second); first.Before(since) && first.In(zone).Day() == d {
			begin = first
		}
	}
	return begin.UnixMilli()
}
