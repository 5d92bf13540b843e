package signalr

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"
)

// counts is what the server counts.
type counts struct {
	opened, invocations, sent, coalesced, dropped *metrics.Counter

	byReason  map[Reason]*metrics.Counter
	byRefusal map[string]*metrics.Counter
	missed    [2]*metrics.Counter
}

func newCounts(set *metrics.Set, connections func() int) *counts {
	set.NewGauge("floorwalker_signalr_connections", func() float64 { return float64(connections()) })
	c := &counts{
		opened:      set.NewCounter("floorwalker_signalr_opened_total"),
		invocations: set.NewCounter("floorwalker_signalr_invocations_total"),
		sent:        set.NewCounter("floorwalker_signalr_messages_sent_total"),
		coalesced:   set.NewCounter("floorwalker_signalr_messages_coalesced_total"),
		dropped:     set.NewCounter("floorwalker_signalr_messages_dropped_total"),
		byReason:    map[Reason]*metrics.Counter{},
		byRefusal:   map[string]*metrics.Counter{},
	}
	for _, r := range reasons {
		c.byReason[r] = set.NewCounter(fmt.Sprintf("floorwalker_signalr_closed_total{reason=%q}", string(r)))
	}
	for _, why := range []string{"rate", "principal", "all"} {
		c.byRefusal[why] = set.NewCounter(fmt.Sprintf("floorwalker_signalr_refused_total{limit=%q}", why))
	}
	for i, missed := range []bool{false, true} {
		c.missed[i] = set.NewCounter(fmt.Sprintf(`floorwalker_signalr_resumed_total{missed="%t"}`, missed))
	}
	return c
}

// closed counts by reason; the handler's own reasons count as the server's.
func (c *counts) closed(r Reason) {
	counter := c.byReason[r]
	if counter == nil {
		counter = c.byReason[Refused]
	}
	counter.Inc()
}

func (c *counts) refused(limit string) { c.byRefusal[limit].Inc() }

func (c *counts) resumed(missed bool) {
	if missed {
		c.missed[1].Inc()
		return
	}
	c.missed[0].Inc()
}
