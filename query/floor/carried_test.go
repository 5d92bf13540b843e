package floor

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema/directory"
)

func TestCarried_MadeBeforeTheFiguresAreShown_NoRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSource(&asked{}, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		var times atomic.Int64
		type inner struct{}
		type outer struct{}
		of := func(f *Figures) int64 {
			return f.Carried(outer{}, func(f *Figures) any {
				return f.Carried(inner{}, func(f *Figures) any {
					times.Add(1)
					time.Sleep(50 * time.Millisecond)
					return f.AsOf
				})
			}).(int64)
		}
		of(s.Figures(s.View("6"), "1h"))
		before, figures := times.Load(), map[*Figures]bool{}
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			f := s.Figures(s.View("6"), "1h")
			figures[f] = true
			began := time.Now()
			require.Equal(t, f.AsOf, of(f), "of these figures")
			require.Zero(t, time.Since(began), "the request waited")
		}
		require.Greater(t, len(figures), 10)
		require.LessOrEqual(t, times.Load()-before, int64(len(figures)+1), "made once of each")
		for range 3000 { // figures are still wanted, this of them is not
			time.Sleep(10 * time.Millisecond)
			s.Figures(s.View("6"), "1h")
		}
		after := times.Load()
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			s.Figures(s.View("6"), "1h")
		}
		require.Equal(t, after, times.Load(), "given up")
	})
}
