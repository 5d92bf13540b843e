package floor

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// asked is a live view that takes a while to add figures up, and counts how often it is asked.
type asked struct {
	times atomic.Int64
	takes time.Duration

	windows []*schema.Window // in every answer
}

func (a *asked) Pin(string) (*schema.Floor, bool) {
	return &schema.Floor{AsOf: time.Now().UnixMilli(), Agents: &btree.Map[string, *schema.LiveAgent]{},
		Interactions: &btree.Map[string, *schema.LiveInteraction]{}}, true
}

func (a *asked) Metrics(_ string, from, to int64) (schema.LiveMetrics, bool) {
	a.times.Add(1)
	time.Sleep(a.takes)
	return schema.LiveMetrics{From: from, To: to, AsOf: time.Now().UnixMilli(), Windows: a.windows}, true
}

func TestFiguresThatAreWatched_NoRequestWaits_NeverOlderThanTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := &asked{takes: 200 * time.Millisecond}
		s := NewSource(live, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		s.Figures(s.View("6"), "1h")
		for range 3 * 60 * 100 { // three minutes
			time.Sleep(10 * time.Millisecond)
			began := time.Now()
			f := s.Figures(s.View("6"), "1h")
			require.Zero(t, time.Since(began), "the request waited")
			require.Less(t, time.Since(time.UnixMilli(f.AsOf)), 2*time.Second)
		}
	})
}

func TestFiguresThatNobodyWatches_AreNotAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := &asked{}
		s := NewSource(live, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		s.Figures(s.View("6"), "1h")
		time.Sleep(2 * askedWithin)
		before := live.times.Load()
		time.Sleep(time.Hour)
		require.Equal(t, before, live.times.Load())
	})
}

// Alerts ask every second and can wait: that is what they cost, while nobody else asks.
func TestFiguresInTime_AskedForWhenTheyAreWantedAndNeverAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := &asked{}
		s := NewSource(live, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		for n := range 60 {
			f := s.FiguresInTime(s.View("6"), "1h")
			require.Same(t, f, s.FiguresInTime(s.View("6"), "1h"), "once for all that ask at a time")
			require.Equal(t, time.Now().UnixMilli(), f.AsOf)
			require.EqualValues(t, n+1, live.times.Load())
			time.Sleep(time.Second)
		}
		s.Figures(s.View("6"), "1h")
		before := live.times.Load()
		time.Sleep(5 * time.Second)
		require.Greater(t, live.times.Load(), before+5, "somebody else wants them, too")
	})
}

// At midnight another day begins, also for figures of a moment ago.
func TestTodayAtMidnight_BeginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC
		live := &asked{}
		s := NewSource(live, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		midnight := time.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
		time.Sleep(time.Until(midnight) - 5*time.Second)
		for time.Now().Before(midnight.Add(5 * time.Second)) {
			day := time.Now().Truncate(24 * time.Hour)
			require.Equal(t, day.UnixMilli(), s.Figures(s.View("6"), "today").From)
			time.Sleep(7 * time.Millisecond)
		}
	})
}

func TestFigures_IndexedBeforeTheyAreShown_AsLongAsSomebodyAsksByAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSource(&asked{}, directory.NewStore(), []string{"6"}, time.Now)
		go s.Run(t.Context())
		s.Figures(s.View("6"), "1h").Agent("a")
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			f := s.Figures(s.View("6"), "1h")
			require.NotNil(t, f.byAgent.Load(), "the request makes it")
			f.Agent("a")
		}
		for range 3000 {
			time.Sleep(10 * time.Millisecond)
			s.Figures(s.View("6"), "1h")
		}
		require.Nil(t, s.Figures(s.View("6"), "1h").byAgent.Load(), "given up")
	})
}
