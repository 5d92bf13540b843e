// Package histogram counts durations in cumulative buckets named by `le`, the form that every Prometheus can take quantiles of. The
// histograms of the metrics library have buckets of a kind that only VictoriaMetrics reads.
package histogram

import (
	"fmt"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// bounds are the buckets' upper ends in seconds: from a live answer to the longest flush.
var bounds = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// Seconds is a histogram of durations. Its methods may be called from any goroutine.
type Seconds struct {
	buckets [len(bounds) + 1]*metrics.Counter // the last is +Inf
	sum     *metrics.FloatCounter
}

// New makes the histogram in the set, or finds the one that is there. The name may carry labels: `x_seconds{route="/healthz"}`.
func New(set *metrics.Set, name string) *Seconds {
	base, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	h := &Seconds{sum: set.GetOrCreateFloatCounter(base + "_sum" + braced(labels))}
	comma := ""
	if labels != "" {
		comma = ","
	}
	for i := range h.buckets {
		le := "+Inf"
		if i < len(bounds) {
			le = fmt.Sprint(bounds[i])
		}
		h.buckets[i] = set.GetOrCreateCounter(fmt.Sprintf("%s_bucket{%s%sle=%q}", base, labels, comma, le))
	}
	// The count is the last bucket, under the name that Prometheus looks for it by.
	set.GetOrCreateGauge(base+"_count"+braced(labels), func() float64 { return float64(h.buckets[len(bounds)].Get()) })
	return h
}

func braced(labels string) string {
	if labels == "" {
		return ""
	}
	return "{" + labels + "}"
}

// Update counts one duration, in seconds.
func (h *Seconds) Update(seconds float64) {
	for i := len(bounds) - 1; i >= 0 && seconds <= bounds[i]; i-- {
		h.buckets[i].Inc()
	}
	h.buckets[len(bounds)].Inc()
	h.sum.Add(seconds)
}
