package hub

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/internal/histogram"
)

// counts are the hub's own metrics.
type counts struct {
	set                        *metrics.Set
	subscriptions              atomic.Int64
	messages, bytes, rows      *metrics.Counter
	resets, coalesced, refused *metrics.Counter
	delay                      *histogram.Seconds
}

func newCounts(set *metrics.Set, h *Hub) *counts {
	c := &counts{set: set,
		messages:  set.GetOrCreateCounter("floorwalker_push_messages_total"),
		bytes:     set.GetOrCreateCounter("floorwalker_push_bytes_total"),
		rows:      set.GetOrCreateCounter("floorwalker_push_rows_total"),
		resets:    set.GetOrCreateCounter("floorwalker_push_states_total"),
		coalesced: set.GetOrCreateCounter("floorwalker_push_coalesced_total"),
		refused:   set.GetOrCreateCounter("floorwalker_push_refused_total"),
		delay:     histogram.New(set, "floorwalker_push_delay_seconds"),
	}
	set.GetOrCreateGauge("floorwalker_push_streams", func() float64 {
		h.mu.Lock()
		defer h.mu.Unlock()
		return float64(len(h.sessions))
	})
	set.GetOrCreateGauge("floorwalker_push_subscriptions", func() float64 { return float64(c.subscriptions.Load()) })
	set.GetOrCreateGauge("floorwalker_push_feeds", func() float64 { return float64(h.feeds()) })
	return c
}

func (h *Hub) feeds() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.centers {
		for _, l := range c.lanes {
			n += l.size()
		}
	}
	return n
}

// sent counts a message. The delay is that of the oldest change in it, since the look that saw it.
func (c *counts) sent(m *Message, b *body, from uint64, now time.Time) {
	c.messages.Inc()
	c.bytes.Add(len(b.rows) + len(b.removed))
	c.rows.Add(b.entries)
	if m.Reset {
		c.resets.Inc()
		return
	}
	if b.entries == 0 || m.More {
		return
	}
	if superseded := int(b.to-from) - b.entries; superseded > 0 {
		c.coalesced.Add(superseded)
	}
	c.delay.Update(max(0, now.Sub(b.oldest).Seconds()))
}

func (c *counts) ended(transport string, reason Reason) {
	c.set.GetOrCreateCounter(fmt.Sprintf("floorwalker_push_ended_total{transport=%q,reason=%q}", transport, reason)).Inc()
}
