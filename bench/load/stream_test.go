package load

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

func stream(t *testing.T, late float64) *Stream {
	t.Helper()
	s, err := NewStream(Config{Centers: 3, Agents: 30, Seed: 5, Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), LateShare: late, Latest: 10 * time.Second})
	require.NoError(t, err)
	return s
}

func TestStream_ArrivalsAscend_LateOnesWithinTheirLimit(t *testing.T) {
	for _, share := range []float64{0, 0.2} {
		s := stream(t, share)
		var last int64
		late := 0
		seen := map[string]bool{}
		for range 5000 {
			ev, at := s.Next()
			require.GreaterOrEqual(t, at, last)
			last = at
			require.LessOrEqual(t, ev.Time, at)
			require.LessOrEqual(t, at-ev.Time, int64(10_000))
			if at > ev.Time {
				late++
			}
			id := ev.ContactCenter + ev.ID
			require.False(t, seen[id], id)
			seen[id] = true
		}
		require.InDelta(t, share*5000, late, 150)
		require.Len(t, s.Agents("2"), 30)
		require.NotEmpty(t, s.Directory())
	}
}

func TestCorpus_GivesBackWhatWasWritten(t *testing.T) {
	c, err := FromStream(filepath.Join(t.TempDir(), "corpus"), stream(t, 0.2), 1000)
	require.NoError(t, err)
	require.Equal(t, 1000, c.Events)
	require.Positive(t, c.Logins)
	again := stream(t, 0.2)
	var bytes int64
	require.NoError(t, c.Each(func(center int, arrival int64, value []byte) error {
		ev, at := again.Next()
		require.Equal(t, at, arrival)
		require.Equal(t, ev.ContactCenter, c.Centers[center])
		require.Equal(t, string(schema.AppendStructured(nil, &ev)), string(value))
		bytes += int64(len(value))
		return nil
	}))
	require.Equal(t, c.Bytes, bytes)
	c.Remove()
	require.Error(t, c.Each(nil))
}
