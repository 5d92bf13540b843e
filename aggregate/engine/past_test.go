package engine

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// An agent with hundreds of inputs inside the horizon has most of them packed. Events that come late among them, also across a snapshot,
// make the same rows as those that come in order.
func TestLateAmongPackedInputs(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	type arriving struct {
		ev schema.Event
		at int64
	}
	list := []arriving{{ev: login(0, "a")}}
	for n := range 400 {
		s := 5 + float64(n)*7
		ev := status(s, "a", schema.Status(1+rng.IntN(schema.NumStatuses-1)))
		switch n % 5 {
		case 0:
			ev.ReasonID, ev.Description = fmt.Sprint(n%3), fmt.Sprint("about ", n%7) // an extra
		case 1:
			ev = connected(s, fmt.Sprint("c", n/10), "a")
		case 3:
			ev = ended(s, fmt.Sprint("c", n/10), schema.EndCompleted)
		case 4:
			switch chat := fmt.Sprint("d", n/20); n % 20 {
			case 4:
				ev = ix(s, schema.InteractionCreated, chat)
				ev.Channel = schema.ChannelChat
			case 9:
				ev = connected(s, chat, "a")
			case 14:
				ev = ended(s, chat, schema.EndCompleted)
			}
		}
		ev.HasSequence, ev.Sequence = n%2 == 0, int64(2*n)
		list = append(list, arriving{ev: ev})
		if n%10 == 2 { // its sequence alone says which is first
			twin := status(s, "a", schema.Status(1+rng.IntN(schema.NumStatuses-1)))
			twin.HasSequence, twin.Sequence = true, ev.Sequence+1
			list = append(list, arriving{ev: twin})
		}
	}
	for n := range list {
		list[n].at = list[n].ev.Time
		if n%9 == 5 {
			list[n].at += rng.Int64N(45 * minuteMs)
		}
	}
	run := func(restore bool) string {
		f := newFloor(t)
		packed := false
		for n := range list {
			f.do(list[n].ev)
			c := f.e.centers["1"]
			packed = packed || len(c.agents[c.agent("a")].line.past) > 0
			if restore && n%50 == 49 {
				f.settle()
				s, err := f.e.Snapshot()
				require.NoError(t, err)
				f.e, err = Restore(Config{}, s)
				require.NoError(t, err)
			}
		}
		require.True(t, packed)
		f.settle()
		return f.s.text()
	}
	want := run(false)
	slices.SortStableFunc(list, func(x, y arriving) int { return cmp.Compare(x.at, y.at) })
	require.Equal(t, want, run(false))
	require.Equal(t, want, run(true), "a snapshot holds what is packed")
}

// The table of ids that left answers as a map does, and forgets what is too old.
func TestGoneIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var g gone
	want := map[uint64]int64{}
	for n := range int64(5000) {
		hash := rng.Uint64()
		if n%3 == 0 {
			hash &= 7 << 61 // ids that share a home
		}
		g.put(hash, day+n)
		want[hash] = day + n
		if n%700 == 699 {
			until := day + n - 1000
			g.dropUntil(until)
			for h, at := range want {
				if at <= until {
					delete(want, h)
				}
			}
		}
	}
	require.Equal(t, len(want), g.n)
	for h, at := range want {
		got, ok := g.find(h)
		require.True(t, ok)
		require.Equal(t, at, got)
	}
	_, ok := g.find(12345)
	require.False(t, ok)
}

// A minute that has been packed knows what it has seen, and what it sees later.
func TestPackedMinuteKnowsWhatItSaw(t *testing.T) {
	for _, n := range []int{0, 1, 20, 5000} {
		rng := rand.New(rand.NewPCG(11, uint64(n)))
		var m seenMinute
		hashes := []uint64{0}
		for range n {
			hashes = append(hashes, rng.Uint64())
		}
		for _, h := range hashes {
			require.True(t, m.add(h))
		}
		m.pack()
		require.Len(t, m.packed.rests, n*restBytes)
		for _, h := range hashes {
			require.False(t, m.add(h), "%x", h)
		}
		for range 1000 {
			h := rng.Uint64()
			require.True(t, m.add(h))
			require.False(t, m.add(h))
		}
	}
}

// Deadlines come in order, also those that are set for a minute that is passing.
func TestDeadlinesComeInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	var d deadlines
	var want, got []int64
	now := day
	for range 3000 {
		for range rng.IntN(3) {
			at := now + rng.Int64N(5*minuteMs)
			d.push(deadline{at: at, handle: rng.Uint32(), agent: rng.Uint32N(2)})
			want = append(want, at)
		}
		now += rng.Int64N(2000)
		for {
			x, ok := d.pop(now)
			if !ok {
				break
			}
			require.LessOrEqual(t, x.at, now)
			got = append(got, x.at)
		}
	}
	require.NotEmpty(t, got)
	require.True(t, slices.IsSorted(got))
	slices.Sort(want)
	require.Equal(t, want[:len(got)], got)
	require.Equal(t, len(want)-len(got), d.n)
}
