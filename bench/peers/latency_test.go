package peers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A result that skips a cell's earlier states counts for each of them; what was due while it warmed up counts for nothing; what no
// result has is missing.
func TestWatch_CoalescedResultsCountForEachUpdate(t *testing.T) {
	records := floor(t, 8000)
	half := len(records) / 2
	warm, due := time.Time{}, time.Now()
	w := &watch{cells: map[Key]*updates{}, fold: newFold()}
	require.NoError(t, w.expect(records[:half], warm))
	require.Zero(t, w.open(), "nothing of the warm-up is waited for")
	require.NoError(t, w.expect(records[half:], due))
	waited := w.open()
	require.Greater(t, waited, 50)

	want := oracle(t, records)
	missing := 0
	left := false
	for k, c := range want {
		if n := len(w.cells[k].to); !left && n > 0 && !w.cells[k].due[n-1].IsZero() {
			left = true // one cell's results never come
			for _, d := range w.cells[k].due {
				if !d.IsZero() {
					missing++
				}
			}
			continue
		}
		w.saw(k, c, due.Add(250*time.Millisecond))
	}
	require.Equal(t, missing, w.open())
	l := w.result(peer{title: "somebody"})
	require.Equal(t, Latency{Setting: "somebody", Rate: liveRate, Updates: waited, Missing: missing, P50: 250, P99: 250, Max: 250}, l)
}
