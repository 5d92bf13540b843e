package clarity

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

func TestKnownSessions_Bounded_NoViewKept(t *testing.T) {
	d := &directory.Directory{ID: "6"}
	v := floor.NewView("6", nil, d, 1000)
	known := knownSessionsOf(v)
	for i := range 5 * spareSessions {
		live := &schema.LiveInteraction{Interaction: schema.Interaction{ID: fmt.Sprint(i), Ended: schema.Open, Connected: schema.NoTime}}
		s := known.session(v, live)
		require.Same(t, v, s.v)
		require.LessOrEqual(t, len(known.all), spareSessions+1)
		require.Equal(t, s, known.session(v, live))
	}
	for _, s := range known.all {
		require.Nil(t, s.v)
	}
	require.Same(t, known, knownSessionsOf(v.At(2000)))
}
