package engine

import (
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// An engine restored at any point goes on exactly as the one that wrote the snapshot.
func TestRestoredEngineGoesOnTheSame(t *testing.T) {
	for _, span := range []struct {
		name       string
		span, step int64
	}{{"minutes", 10 * minuteMs, 5_000}, {"hours", 5 * 60 * minuteMs, 60_000}, {"days", 5 * dayMs, 30 * minuteMs}} {
		t.Run(span.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var events []schema.Event
				for k := range rapid.IntRange(1, 100).Draw(t, "events") {
					events = append(events, anyEvent(t, k, span.span, span.step))
				}
				sort.SliceStable(events, func(i, j int) bool { return events[i].Time < events[j].Time })
				events = shuffled(t, events, rapid.SampledFrom([]int64{0, DefaultHorizonMs - 1, 3 * DefaultHorizonMs}).Draw(t, "lag"))
				stay, move := newFloor(t), newFloor(t)
				for _, ev := range events {
					require.Equal(t, stay.do(ev), move.do(ev))
					if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
						stay.settle()
						move.settle()
						b, err := move.e.Snapshot()
						require.NoError(t, err)
						move.e, err = Restore(Config{Live: true}, b)
						require.NoError(t, err)
					}
				}
				stay.flush()
				move.flush()
				a, b := uncommon(stay.s.text()+stay.live(), move.s.text()+move.live())
				require.Equal(t, a, b)
			})
		})
	}
}

// A broken snapshot is refused, never half restored.
func TestBrokenSnapshotIsRefused(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	_, err := f.e.Snapshot()
	require.ErrorIs(t, err, ErrUndrained)
	f.flush()
	good, err := f.e.Snapshot()
	require.NoError(t, err)
	for name, mend := range map[string]func([]byte) []byte{
		"empty":          func(b []byte) []byte { return nil },
		"truncated":      func(b []byte) []byte { return b[:len(b)-3] },
		"header only":    func(b []byte) []byte { return b[:24] },
		"bit flipped":    func(b []byte) []byte { b[40] ^= 4; return b },
		"another engine": func(b []byte) []byte { b[4]++; return b },
		"not a snapshot": func(b []byte) []byte { b[0]++; return b },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Restore(Config{}, mend(append([]byte(nil), good...)))
			require.ErrorIs(t, err, ErrSnapshot)
		})
	}
}
