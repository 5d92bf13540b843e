package histogram_test

import (
	"bytes"
	"testing"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/histogram"
)

func exposition(set *metrics.Set) string {
	var b bytes.Buffer
	set.WritePrometheus(&b)
	return b.String()
}

// A bucket holds every duration up to and with its bound, so that Prometheus' histogram_quantile reads it.
func TestSeconds_BucketsAreCumulativeAndInclusive(t *testing.T) {
	set := metrics.NewSet()
	h := histogram.New(set, `x_seconds{route="GET /a"}`)
	for _, s := range []float64{0.0005, 0.25, 0.26, 31} {
		h.Update(s)
	}
	text := exposition(set)
	for _, line := range []string{
		`x_seconds_bucket{route="GET /a",le="0.001"} 1`, `x_seconds_bucket{route="GET /a",le="0.1"} 1`,
		`x_seconds_bucket{route="GET /a",le="0.25"} 2`, `x_seconds_bucket{route="GET /a",le="0.5"} 3`,
		`x_seconds_bucket{route="GET /a",le="30"} 3`, `x_seconds_bucket{route="GET /a",le="+Inf"} 4`,
		`x_seconds_count{route="GET /a"} 4`, `x_seconds_sum{route="GET /a"} 31.5105`,
	} {
		require.Contains(t, text, line+"\n")
	}
	require.NotContains(t, text, "vmrange")
}

// Who asks for the same name again counts on, as with the library's own.
func TestNew_SameName_CountsOn(t *testing.T) {
	set := metrics.NewSet()
	histogram.New(set, "y_seconds").Update(1)
	histogram.New(set, "y_seconds").Update(1)
	require.Contains(t, exposition(set), "y_seconds_count 2\n")
	require.Contains(t, exposition(set), `y_seconds_bucket{le="1"} 2`)
}
