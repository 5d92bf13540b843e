package clarity

import (
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// The tables of the specification, and no status without a place.
func TestStatusID_EveryStatusHasItsPlace(t *testing.T) {
	plain := map[string]int{"available": 1, "on_call": 2, "conference": 19, "in_chat": 14, "ringing": 20, "dialing": 16, "wrap": 5, "rona": 8, "logged_out": 6,
		"busy": 9, "lunch": 17, "be_right_back": 10, "off_phone": 7, "off_work": 18, "away": 3, "break": 3, "meeting": 3, "training": 3}
	for _, name := range schema.StatusNames() {
		s, _ := schema.ParseStatus(name)
		require.Equal(t, plain[name], statusID(s, false, false, false), name)
		reasoned := plain[name]
		if s.IsPresence() && s != schema.Available && s != schema.LoggedOut {
			reasoned = 3
		}
		require.Equal(t, reasoned, statusID(s, true, false, false), name)
		require.NotEmpty(t, statusWords[plain[name]], name)
	}
	require.Equal(t, 11, statusID(schema.OnCall, false, true, true))
	require.Equal(t, 11, statusID(schema.OnCall, false, true, false))
	require.Equal(t, 15, statusID(schema.Ringing, false, true, true))
	require.Equal(t, 20, statusID(schema.Ringing, false, true, false))
	require.NotContains(t, statusWords, 12)
	require.NotContains(t, statusWords, 13)
	for _, s := range settable {
		require.Equal(t, s.id, statusID(s.presence, false, false, false), "what is set is what is shown")
	}
}
