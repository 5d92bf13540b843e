package rate

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However turns are asked for, a key gets no more than its burst and what has come back since; and who waits as long as told gets one.
func TestTake_NeverMoreThanMay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		began := time.Unix(1_000_000, 0)
		now := began
		perSecond, burst := rapid.Float64Range(0.1, 100).Draw(t, "per second"), rapid.IntRange(1, 50).Draw(t, "burst")
		l := New(perSecond, burst, func() time.Time { return now })
		taken := 0
		for range rapid.IntRange(1, 200).Draw(t, "asked") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 3e9).Draw(t, "pause")))
			_, wait := l.Take("a")
			if wait == 0 {
				taken++
				continue
			}
			if rapid.Bool().Draw(t, "patient") {
				now = now.Add(wait + time.Microsecond)
				if _, again := l.Take("a"); again != 0 {
					t.Fatalf("told to wait %s, and then %s more", wait, again)
				}
				taken++
			}
		}
		if most := float64(burst) + now.Sub(began).Seconds()*perSecond; float64(taken) > most+1e-6 {
			t.Fatalf("%d turns where %f may be", taken, most)
		}
	})
}

func TestReturn_GivesATurnBackAndNoMore(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := New(1, 2, func() time.Time { return now })
	l.Return("a") // of a key that has none to give back
	for range 100 {
		_, wait := l.Take("a")
		require.Zero(t, wait)
		l.Return("a")
		l.Return("a")
	}
	for range 2 {
		_, wait := l.Take("a")
		require.Zero(t, wait)
	}
	_, wait := l.Take("a")
	require.Equal(t, time.Second, wait)
}

func TestBuckets_Bounded(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := New(1, 2, func() time.Time { return now })
	for n := range maxBuckets + 1000 {
		l.Take(strconv.Itoa(n))
	}
	require.LessOrEqual(t, len(l.buckets), maxBuckets)
}

func TestTake_AfterAnyPauseNoMoreThanTheBurst(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := New(10, 3, func() time.Time { return now })
	l.Take("a")
	now = now.Add(time.Hour)
	for range 3 {
		_, wait := l.Take("a")
		require.Zero(t, wait)
	}
	_, wait := l.Take("a")
	require.NotZero(t, wait)
}
