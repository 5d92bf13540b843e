package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// isCold reports whether the engine holds an interaction only packed.
func (f *floor) isCold(id string) bool {
	c, hash := f.e.centers["1"], xxhash.Sum64String(id)
	_, cold := c.findCold(id, hash)
	require.NotEqual(f.t, cold, c.findHot(id, hash) != nil)
	return cold
}

// An interaction of which nothing is open goes cold once its rows are out, and a late event finds all that was known of it.
func TestFinishedInteractionGoesColdAndComesBack(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	created := ix(10, schema.InteractionCreated, "c")
	created.Channel, created.Direction, created.Kind, created.Number = schema.ChannelChat, schema.Outbound, 2, -7
	created.CallID, created.ChatID, created.CampaignID, created.CallFlowID = "call", "chat", "spring", "flow"
	created.Customer, created.ScreenPopURL, created.Gruu = []byte(`{"name":"Zoë"}`), "https://crm/1", "gruu"
	created.HasSequence, created.Sequence = true, 3
	f.do(created)
	q := queued(12, "c", "q")
	q.Priority, q.Skills, q.Has = 5, []string{"german", "billing"}, schema.HasPriority|schema.HasSkills
	f.do(q)
	f.do(by(ix(15, schema.InteractionConnected, "c"), "a"))
	f.settle()
	require.False(t, f.isCold("c"), "it goes on")
	f.do(ended(60, "c", schema.EndCompleted))
	f.flush()
	require.False(t, f.isCold("c"), "nothing has looked at it yet")
	before := f.s.text()
	f.settle()
	require.True(t, f.isCold("c"))

	f.e.All() // folds it again
	f.e.Look(func(*Changes) {})
	require.True(t, f.isCold("c"), "and cools it again")

	f.do(ix(40, schema.InteractionNote, "c")) // changes nothing but is folded in
	f.settle()
	require.Equal(t, before, f.s.text())
	require.True(t, f.isCold("c"))

	f.do(by(ix(30, schema.InteractionLeft, "c"), "a"))
	f.settle()
	var talk int64
	for _, p := range f.s.parts {
		talk += p.TalkMs
	}
	require.EqualValues(t, 15_000, talk, "the part ends when its agent left")
}

// A wrap that goes on keeps its interaction from going cold.
func TestInteractionInWrapStaysHot(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	f.do(connected(1, "c", "a"))
	f.do(wrapStarted(10, "c", "a"))
	f.do(ended(10, "c", schema.EndCompleted))
	f.settle()
	require.False(t, f.isCold("c"))
	f.do(wrapEnded(20, "c", "a"))
	f.settle()
	require.True(t, f.isCold("c"))
}

// The table of handles answers as a map does, also for ids of which the kept halves of the hashes are equal.
func TestHandlesAreAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var table handles
	want := map[uint32]uint64{} // handle: hash
	for range 20_000 {
		h := uint32(rng.IntN(500))
		if hash, ok := want[h]; ok {
			table.remove(hash, h)
			delete(want, h)
		} else {
			hash := uint64(rng.IntN(100))<<58 | uint64(rng.IntN(3))<<32
			table.add(hash, h)
			want[h] = hash
		}
		h = uint32(rng.IntN(500))
		hash, ok := want[h]
		got, found := table.find(hash, func(handle uint32) bool { return handle == h })
		require.Equal(t, ok, found)
		if ok {
			require.Equal(t, h, got)
		}
	}
	require.Equal(t, len(want), table.n)
}

// What is counted in a quarter that has been packed is added to it, and a correction takes back what it holds.
func TestPackedPaneIsCorrected(t *testing.T) {
	f := newFloor(t)
	f.do(login(0, "a"))
	f.do(connected(1, "c", "a"))
	f.do(ended(61, "c", schema.EndCompleted))
	f.settle()
	f.do(login(20*60, "b")) // the next quarter
	f.settle()
	c := f.e.centers["1"]
	require.NotZero(t, c.series.n)
	for s := range c.series.all() {
		require.Equal(t, int32(noQuarter), s.now.quarter)
		require.Nil(t, s.now.next)
		require.NotEmpty(t, s.closed)
	}
	f.do(by(ix(31, schema.InteractionLeft, "c"), "a"))
	f.do(connected(5, "d", "b"))
	f.do(ended(9, "d", schema.EndCompleted))
	f.settle()
	require.EqualValues(t, 30_000, f.s.total("a").Measures[schema.MeasureTalk].Sum)
	require.EqualValues(t, 30_000, f.s.total("a").Measures[schema.MeasureTalk].Max)
	require.EqualValues(t, 34_000, f.s.total("").Measures[schema.MeasureTalk].Sum)
}
