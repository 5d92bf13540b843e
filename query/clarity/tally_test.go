package clarity

import (
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// Continued pieces count once, whatever cut them: a reason, a suspension that does not matter, midnight.
func TestTally_StretchesThatTouchTheRange(t *testing.T) {
	at := func(start, end int64, s schema.Status, suspended bool) schema.Stretch {
		return schema.Stretch{Start: start, End: end, Status: s, Suspended: suspended}
	}
	var sum tally
	sum.addStatuses([]schema.Stretch{
		at(0, 50, schema.Away, false),                 // over before the range
		at(60, 150, schema.Available, false),          // 50 within
		at(150, 180, schema.Available, true),          // suspended: unavailable
		at(180, 200, schema.Break, false),             // with the piece before, one stretch
		at(200, 230, schema.Break, true),              // and with this
		at(230, 260, schema.OnCall, false),            // in a call
		at(260, 270, schema.Conference, false),        // the same stretch
		at(300, 320, schema.OnCall, false),            // logged in again, another one
		at(320, 340, schema.Available, false),         // the second
		at(340, schema.Open, schema.Available, false), // goes on up to 400
	}, newStatusTimes(), 100, 1000, 400)
	require.Equal(t, stretch{50 + 80, 2}, sum.times[timeAvailable])
	require.Equal(t, stretch{80, 1}, sum.times[timeUnavailable])
	require.Equal(t, stretch{60, 2}, sum.times[timeInCall])
	require.Equal(t, stretch{270 - 100 + 100, 2}, sum.times[timeLoggedIn])
	require.True(t, sum.loggedIn)
	var none tally
	none.addStatuses([]schema.Stretch{at(0, 100, schema.Available, false)}, newStatusTimes(), 100, 1000, 400)
	require.Equal(t, tally{}, none)
}
