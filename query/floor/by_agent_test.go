package floor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// redrawn is a list as the next figures may have it: items in the place of others, more and fewer of them, now and then in another order.
func redrawn[T any](t *rapid.T, list []*T, draw func(agent string) *T) []*T {
	list = slices.Clone(list)
	agent := func() string { return rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e"}).Draw(t, "agent") }
	for range rapid.IntRange(0, 5).Draw(t, "changes") {
		at := rapid.IntRange(0, len(list)).Draw(t, "at")
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			list = slices.Insert(list, at, draw(agent()))
		case 1:
			list = slices.Delete(list, at, min(at+rapid.IntRange(1, 12).Draw(t, "deleted"), len(list)))
		case 2:
			if at < len(list) {
				list[at] = draw(agent())
			}
		case 3:
			if rapid.IntRange(0, 5).Draw(t, "turned") == 0 {
				slices.Reverse(list)
			}
		}
	}
	return list
}

func TestByAgent_MadeFromTheOneBefore_IsAsMadeAnew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, before := schema.LiveMetrics{}, (*byAgent)(nil)
		for range 30 {
			m.Windows = append(m.Windows, &schema.Window{Dims: schema.Dims{Agent: fmt.Sprint("w", len(m.Windows)%7)}})
		}
		for range rapid.IntRange(1, 6).Draw(t, "refreshes") {
			m.Windows = redrawn(t, m.Windows, func(agent string) *schema.Window { return &schema.Window{Dims: schema.Dims{Agent: agent}} })
			m.Parts = redrawn(t, m.Parts, func(agent string) *schema.Part { return &schema.Part{Agent: agent} })
			m.Days = nil
			for _, agent := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "w1", "x"}), rapid.ID).Draw(t, "days") {
				m.Days = append(m.Days, &schema.AgentDay{Agent: agent})
			}
			index := newByAgent(&m, before)
			for _, agent := range []string{"a", "b", "c", "d", "e", "w0", "w1", "w6", "x", "nobody"} {
				want := agentFigures{}
				for _, w := range m.Windows {
					if w.Agent == agent {
						want.windows = append(want.windows, w)
					}
				}
				for _, p := range m.Parts {
					if p.Agent == agent {
						want.parts = append(want.parts, p)
					}
				}
				for _, d := range m.Days {
					if d.Agent == agent {
						want.day = d
					}
				}
				is := agentFigures{}
				if of := index.of(agent); of != nil {
					is = *of
				}
				requireEach(t, want.windows, is.windows)
				requireEach(t, want.parts, is.parts)
				require.True(t, want.day == is.day, agent)
			}
			before = index
		}
	})
}

func requireEach[T any](t *rapid.T, want, is []*T) {
	require.Len(t, is, len(want))
	for i := range want {
		require.Same(t, want[i], is[i])
	}
}
