package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// A plain call: every count and duration once, in the window of the moment that decides it.
func TestPlainCall(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	f.do(status(1, "a", schema.Available))
	f.do(ix(10, schema.InteractionCreated, "c"))
	f.do(queued(12, "c", "q"))
	f.do(by(ix(15, schema.InteractionOffered, "c"), "a"))
	f.do(by(ix(20.5, schema.InteractionConnected, "c"), "a"))
	f.do(by(ix(30, schema.InteractionHeld, "c"), "a"))
	f.do(by(ix(35, schema.InteractionResumed, "c"), "a"))
	f.do(by(ix(65, schema.InteractionWrapStarted, "c"), "a"))
	f.do(ended(65, "c", schema.EndCompleted))
	f.do(by(ix(80, schema.InteractionWrapEnded, "c"), "a"))
	s := f.flush()
	q := s.total("")
	require.EqualValues(t, 1, q.Counts[schema.CountOffered])
	require.EqualValues(t, 1, q.Counts[schema.CountAnswered])
	require.EqualValues(t, 8500, q.Measures[schema.MeasureWait].Sum)
	a := s.total("a")
	require.EqualValues(t, 1, a.Counts[schema.CountOffered])
	require.EqualValues(t, 1, a.Counts[schema.CountAnswered])
	require.EqualValues(t, 5500, a.Measures[schema.MeasureRing].Sum)
	require.EqualValues(t, 9500+30000, a.Measures[schema.MeasureTalk].Sum)
	require.EqualValues(t, 5000, a.Measures[schema.MeasureHold].Sum)
	require.EqualValues(t, 15000, a.Measures[schema.MeasureWrap].Sum)
	require.EqualValues(t, 59500, a.Measures[schema.MeasureHandle].Sum)
	require.Equal(t, q.Measures[schema.MeasureHandle], a.Measures[schema.MeasureHandle])
	require.Equal(t, map[schema.Status]int64{schema.Away: 1000, schema.Available: 14000 + 20000, schema.Ringing: 5500,
		schema.OnCall: 44500, schema.Wrap: 15000}, s.statusTimes("a", at(0), at(100)))
}
