package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// adder is a fold whose state is all that it was given, in order.
type adder struct{}

func (adder) apply(s *[]uint32, in *input, _ *outputs) { *s = append(*s, in.ref1) }
func (adder) clone(_, s *[]uint32) *[]uint32           { c := append([]uint32(nil), *s...); return &c }
func (adder) less(a, b *input) bool                    { return a.dt < b.dt }
func (adder) every() int                               { return 16 }
func (adder) center() *center                          { return nil }
func (adder) equal(a, b *[]uint32) bool                { return false }

// An input that a snapshot preceded is taken back: what then comes late is in that snapshot too, once something follows it again.
func TestTimeline_SnapshotAtTheEndFollowsEdits(t *testing.T) {
	var l timeline[[]uint32]
	var f adder
	var was, is outputs
	for k := range uint32(adder{}.every() + 1) {
		require.True(t, l.add(f, input{dt: 10 * k, ref1: k}, &is))
	}
	last := l.in[f.every()]
	require.Len(t, l.snaps, 1)
	l.edit(f, []input{last}, nil, &was, &is)
	l.edit(f, nil, []input{{dt: 105, ref1: 1000}}, &was, &is)
	require.True(t, l.add(f, last, &is))
	require.Contains(t, l.head, uint32(1000))
	l.edit(f, []input{last}, []input{{dt: last.dt + 1, ref1: 2000}}, &was, &is)

	var whole []uint32
	for k := range l.in {
		f.apply(&whole, &l.in[k], &is)
	}
	require.Equal(t, whole, l.head)
}

// What is asked first, whether a stretch goes on, is whether the one that the state calls for is the same.
func TestStretchGoesOnWhereItIsTheSame(t *testing.T) {
	answers := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		f := newFloor(t)
		for k := range rapid.IntRange(1, 100).Draw(t, "events") {
			f.do(anyEvent(t, k, 10*minuteMs, 5_000))
			for _, c := range f.e.centers {
				for _, a := range c.agents[1:] {
					s := &a.line.head
					for kind := range s.Current {
						now := s.present(kind)
						require.Equal(t, s.Current[kind].same(&now), s.goesOn(kind), "%+v", s)
						answers[s.goesOn(kind)]++
					}
				}
			}
		}
	})
	require.Positive(t, answers[true])
	require.Positive(t, answers[false])
}
