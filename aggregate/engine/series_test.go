package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// The table of series answers as a map does.
func TestSeriesTableIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	var table seriesTable
	want := map[seriesKey]*series{}
	for n := range 20_000 {
		k := seriesKey{rng.Uint32N(50), rng.Uint32N(5), rng.Uint32N(3), schema.Channel(rng.IntN(4)), schema.Direction(rng.IntN(2))}
		require.Same(t, want[k], table.find(&k))
		if want[k] == nil {
			want[k] = &series{key: k}
			table.add(want[k])
		}
		if n%1000 == 999 {
			goes := rng.Uint32N(60) // sometimes none
			table.drop(func(s *series) bool { return s.key.agent == goes })
			for k := range want {
				if k.agent == goes {
					delete(want, k)
				}
			}
			require.Equal(t, len(want), table.n)
		}
	}
	for s := range table.all() {
		require.Same(t, s, want[s.key])
		delete(want, s.key)
	}
	require.Empty(t, want)
}
