package clarity

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	encode "floorwalker/query/list"
)

// Any list of pieces becomes any other one by what a client is told.
func TestDiffer_StatusHistory(t *testing.T) {
	piece := rapid.Custom(func(t *rapid.T) int { return rapid.IntRange(0, 3).Draw(t, "piece") })
	row := func(pieces []int) []byte {
		list, _ := json.Marshal(pieces)
		return fmt.Appendf(nil, `{"key":"a","statusHistory":%s}`, list)
	}
	rapid.Check(t, func(t *rapid.T) {
		old, new := rapid.SliceOf(piece).Draw(t, "old"), rapid.SliceOf(piece).Draw(t, "new")
		var e encode.Encoder
		var d differ
		told := d.item(&e, row(old), row(new))
		if !told {
			require.Equal(t, string(row(old)), string(row(new)))
			return
		}
		var m struct {
			StatusHistory                           []int
			StatusHistoryRemoved, StatusHistoryKept int
		}
		require.NoError(t, json.Unmarshal(e.B, &m))
		got := append(append([]int{}, old[m.StatusHistoryRemoved:m.StatusHistoryRemoved+m.StatusHistoryKept]...), m.StatusHistory...)
		require.Equal(t, append([]int{}, new...), got)
	})
}

func TestDiffer_SaysNothingButWhatChanged(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`{"key":"a","id":1,"name":"A"}`, `{"key":"a","id":1,"name":"A"}`, ``},
		{`{"key":"a","id":1,"name":"A"}`, `{"key":"a","id":1,"name":"B"}`, `{"key":"a","id":1,"name":"B"}`},
		{`{"key":"a","name":"A","metrics":{"audio":{"x":1}}}`, `{"key":"a","name":"A"}`, `{"key":"a","metrics":null}`},
		{`{"key":"a","metrics":{"audio":{"x":1,"y":{"total":1,"count":1}},"agnostic":{"z":1}}}`, `{"key":"a","metrics":{"audio":{"x":1,"y":{"total":2,"count":1}}}}`,
			`{"key":"a","metrics":{"audio":{"y":{"total":2,"count":1}},"agnostic":null}}`},
		{`{"key":"a","currentStatus":{"agentStatus":"unavailable","reasonCodeName":"x"}}`, `{"key":"a","currentStatus":{"agentStatus":"available"}}`,
			`{"key":"a","currentStatus":{"agentStatus":"available","reasonCodeName":null}}`},
		{`{"key":"a","sessions":{"audio":{"sessions":[{"sessionId":1,"queuedMs":{"since":5}},{"sessionId":2}]}}}`,
			`{"key":"a","sessions":{"audio":{"sessions":[{"sessionId":1,"queuedMs":0}]},"message":{"sessions":[{"sessionId":3,"queuedMs":{"since":90}}]}}}`,
			`{"key":"a","sessions":{"audio":{"sessions":[{"sessionId":1,"queuedMs":0}],"removedSessions":[{"sessionId":2}]},"message":{"addedSessions":[{"sessionId":3,"queuedMs":10}]}}}`},
		{`{"key":"a","breakdowns":[{"type":"queue","id":1,"name":"q","metrics":{"audio":{"x":1,"y":1}}},{"type":"queue","id":null,"name":"r"}]}`,
			`{"key":"a","breakdowns":[{"type":"queue","id":1,"name":"q","metrics":{"audio":{"x":1,"y":2}}},{"type":"queue","id":3,"name":"s"}]}`,
			`{"key":"a","addedBreakdowns":[{"type":"queue","id":3,"name":"s"}],"breakdowns":[{"type":"queue","id":1,"name":"q","metrics":{"audio":{"y":2}}}],"removedBreakdowns":[{"type":"queue","id":null,"name":"r"}]}`},
		{`{"key":"a","entityIds":[1,2]}`, `{"key":"a","entityIds":[2]}`, `{"key":"a","entityIds":[2]}`},
	} {
		var e encode.Encoder
		d := differ{asOf: 100}
		require.Equal(t, c.want != "", d.item(&e, []byte(c.old), []byte(c.new)))
		require.Equal(t, c.want, string(e.B))
	}
}
