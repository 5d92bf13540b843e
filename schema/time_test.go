package schema

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParseTime(t *testing.T) {
	cases := []struct{ in, want string }{
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
		{"2199-12-31T23:59:59.999999999Z", "2199-12-31T23:59:59.999Z"},
		{"2026-03-01t09:15:27z", "2026-03-01T09:15:27.000Z"},
		{"2026-03-01T09:15:27.1Z", "2026-03-01T09:15:27.100Z"},
		{"2026-03-01T09:15:27.12399999999999999999999999999999Z", "2026-03-01T09:15:27.123Z"},
		{"2026-03-01T09:15:27.0009+02:00", "2026-03-01T07:15:27.000Z"},
		{"2026-03-01T00:15:27-09:30", "2026-03-01T09:45:27.000Z"},
		{"2026-03-01T00:15:27-00:00", "2026-03-01T00:15:27.000Z"},
		{"2024-02-29T23:59:59+23:59", "2024-02-29T00:00:59.000Z"},
		{"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"},
		{"1970-01-01T01:00:00+01:00", "1970-01-01T00:00:00.000Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},
		{"2017-01-01T00:59:60.5+01:00", "2017-01-01T00:00:00.500Z"},
	}
	for _, c := range cases {
		t.Run(c.in, func(t *testing.T) {
			ms, err := ParseTime(c.in)
			require.NoError(t, err)
			require.Equal(t, c.want, FormatTime(ms))
		})
	}
}

func TestParseTime_Refuses(t *testing.T) {
	cases := map[string][]string{
		CodeMalformedTime: {"", "2026", "2026-03-01", "2026-03-01T09:15:27", "2026-03-01 09:15:27Z", "2026-03-01T09:15Z",
			"2026-03-01T09:15:27.Z", "2026-03-01T09:15:27.5", "2026-03-01T09:15:27,5Z", "2026-03-01T24:00:00Z", "2026-03-01T09:60:00Z",
			"2026-03-01T09:15:61Z", "2026-03-01T09:15:60Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
			"2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-03-01T09:15:27+0200", "2026-03-01T09:15:27+02",
			"2026-03-01T09:15:27+24:00", "2026-03-01T09:15:27+02:60", "2026-03-01T09:15:27ZZ", "+2026-03-01T09:15:27Z",
			"2O26-03-01T09:15:27Z", "2026-03-01T09:15:2:Z", "2026-03-01T09:15:27 Z", "２026-03-01T09:15:27Z"},
		CodeTimeOutOfRange: {"1969-12-31T23:59:59.999Z", "2200-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
			"1970-01-01T00:00:00+00:01", "2199-12-31T23:59:59-00:01", "2199-12-31T23:59:60Z"},
	}
	for code, inputs := range cases {
		for _, in := range inputs {
			t.Run(in, func(t *testing.T) {
				_, err := ParseTime(in)
				var v *Violation
				require.ErrorAs(t, err, &v)
				require.Equal(t, code, v.Code)
			})
		}
	}
}

func TestTime_AgreesWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(minTime, maxTime-1).Draw(t, "ms")
		offset := rapid.IntRange(-23*60-59, 23*60+59).Draw(t, "offset")
		nanos := rapid.Int64Range(0, 999_999).Draw(t, "nanos")
		moment := time.UnixMilli(ms).Add(time.Duration(nanos)).In(time.FixedZone("", offset*60))
		if y := moment.Year(); y < 0 || y > 9999 {
			t.Skip()
		}
		got, err := ParseTime(moment.Format(time.RFC3339Nano))
		if err != nil || got != ms {
			t.Fatalf("%s is %d, not %d (%v)", moment.Format(time.RFC3339Nano), ms, got, err)
		}
		if want := time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00"); FormatTime(ms) != want {
			t.Fatalf("%s, not %s", want, FormatTime(ms))
		}
	})
}

func TestFormatTime_BeforeTheEpoch(t *testing.T) {
	for _, ms := range []int64{-1, -62167219200000, 253402300799999, NoTime, Open} {
		want := time.UnixMilli(min(max(ms, -62167219200000), 253402300799999)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
		require.Equal(t, want, FormatTime(ms))
	}
}
