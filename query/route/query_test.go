package route

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuery_ListsTakeCommasAndBackslashes(t *testing.T) {
	for raw, want := range map[string][]string{
		"a=x,y":        {"x", "y"},
		"a=x%2Cy":      {"x", "y"},
		`a=x\,y,z\\`:   {"x,y", `z\`},
		"a=%C3%BC+%2B": {"ü +"},
		"b=1&a=x&&":    {"x"},
	} {
		q := ParseQuery(raw)
		got, ok := q.Strings("a")
		require.True(t, ok, raw)
		require.NoError(t, q.Err(), raw)
		require.Equal(t, want, got, raw)
	}
	body := ParseBody([]byte(`{"a":["x,y","z"],"n":5,"t":true,"nothing":null}`))
	got, _ := body.Strings("a")
	require.Equal(t, []string{"x,y", "z"}, got)
	require.Equal(t, 5, body.Int("n", 0, 1, 9))
	require.False(t, body.Has("nothing"))
	require.NoError(t, body.Err())
}

func TestQuery_Times(t *testing.T) {
	const now = int64(1_000_000_000_000)
	for text, want := range map[string]int64{"now": now, "now-30m": now - 1_800_000, "now-2d": now - 172_800_000, "2001-09-09T01:46:40Z": now,
		"2001-09-09T03:46:40.5%2B02:00": now + 500} {
		q := ParseQuery("t=" + text)
		got, ok := q.Time("t", now)
		require.NoError(t, q.Err(), text)
		require.True(t, ok)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "yesterday", "now-", "now-5", "now-5y", "now+5m", "now--5m", "2001-09-09", "1000000000"} {
		q := ParseQuery("t=" + text)
		q.Time("t", now)
		require.Error(t, q.Err(), text)
	}
}
