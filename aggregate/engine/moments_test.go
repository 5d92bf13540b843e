package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

const dayS = 24 * 3600

func TestSilentMonth_WrapLasts24Hours(t *testing.T) {
	f := played(t, login(0, "a"), arrived(1, "m", schema.ChannelEmail), connected(10, "m", "a"), wrapStarted(20, "m", "a"))
	f.pass(40 * dayS) // nothing comes for 40 days
	require.Equal(t, "answered=1 direct_inbound=1 talk=10000 wrap=86400000 handle=86410000 direct_inbound_time=86410000", f.agent("a"))
}

func TestSilentMonth_CallExpiresAfter24Hours(t *testing.T) {
	f := played(t, login(0, "a"), arrived(1, "m", schema.ChannelEmail), connected(2, "m", "a"), arrived(3, "v", schema.ChannelVoice), connected(10, "v", "a"))
	f.pass(40 * dayS)
	require.Contains(t, f.statuses("a"), "on_call 10-50400 +on_call 50400-86410 in_chat 86410-")
}

// An id is free a horizon after its interaction expired, whether that was seen yet or not.
func TestIdReuse_ExpiryThatWasNotSeenYet(t *testing.T) {
	for name, seen := range map[string]bool{"seen": true, "not seen yet": false} {
		t.Run(name, func(t *testing.T) {
			f := played(t, queued(10, "c", "q"))
			if seen {
				f.pass(10 + dayS + 3600 + 61)
			}
			require.Equal(t, Applied, f.do(queued(10+dayS+3600+30, "c", "q")))
			f.pass(10 + dayS + 3600 + 61)
			require.Equal(t, "first q 10-86410 expired, first q 90040-", f.visits("c"))
		})
	}
}

func TestIdReuse_EndOfWrapThatWasNotSeenYet(t *testing.T) {
	for name, seen := range map[string]bool{"seen": true, "not seen yet": false} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), connected(10, "c", "a"), wrapStarted(20, "c", "a"), ended(20, "c", schema.EndCompleted))
			if seen {
				f.pass(20 + dayS + 3600 + 61)
			}
			require.Equal(t, Applied, f.do(queued(20+dayS+3600+30, "c", "q")))
		})
	}
}

func TestEqualTimes_LowestSequenceCameLast(t *testing.T) {
	for name, last := range map[string]bool{"in order": false, "came last": true} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"), connected(5, "c", "a"))
			first := sequence(1, left(6, "c", "a"))
			if !last {
				f.play(first)
			}
			f.play(sequence(2, wrapStarted(6, "c", "a")), sequence(3, wrapEnded(6, "c", "a")))
			if last {
				f.play(first)
			}
			f.pass(10)
			require.Equal(t, "away 0-5 on_call 5-6 away 6-", f.statuses("a"))
			require.Equal(t, "answered=1 direct_inbound=1 talk=1000 wrap=0 handle=1000 direct_inbound_time=1000", f.agent("a"))
		})
	}
}

func TestTwoLogoutsAtOneMoment_LateOneBefore(t *testing.T) {
	for name, late := range map[string]bool{"in order": false, "late": true} {
		t.Run(name, func(t *testing.T) {
			f := played(t, login(0, "a"))
			if !late {
				f.play(logout(5, "a"))
			}
			f.play(offered(5.5, "c", "a"))
			f.do(logout(6, "a"))
			f.do(login(6, "a"))
			f.do(logout(6, "a"))
			if late {
				f.do(logout(5, "a"))
			}
			require.Equal(t, schema.DeclineUnreachable, f.part("c", "a").Declined)
		})
	}
}

func TestWrap_WhileTheNextOfferOfTheSameInteractionRings(t *testing.T) {
	f := played(t, login(0, "a"), connected(10, "c", "a"), toQueue(20, "c", "a", "q"), queued(20, "c", "q"), offered(25, "c", "a"))
	require.Equal(t, Applied, f.do(wrapStarted(30, "c", "a")))
	f.play(wrapEnded(40, "c", "a"))
	require.Contains(t, f.agent("a"), "wrap=10000 handle=20000")
}
