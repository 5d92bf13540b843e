package alert

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"

	"floorwalker/query/floor"
	"floorwalker/schema"
)

// large is a big floor that stands still.
type large struct {
	floor   *schema.Floor
	metrics schema.LiveMetrics
}

func (l *large) Pin(string) (*schema.Floor, bool) { return l.floor, true }
func (l *large) Metrics(string, int64, int64) (schema.LiveMetrics, bool) {
	return l.metrics, true
}

// newLarge has 10,000 agents, 3,000 interactions of which half wait, and 30,000 windows.
func newLarge(now time.Time) *large {
	at := now.UnixMilli()
	l := &large{floor: &schema.Floor{ContactCenter: center, Version: 1, AsOf: at, NewestEvent: at, Agents: &btree.Map[string, *schema.LiveAgent]{},
		Interactions: &btree.Map[string, *schema.LiveInteraction]{}}, metrics: schema.LiveMetrics{From: at - 3_600_000, To: at, AsOf: at}}
	for i := range 10_000 {
		id := fmt.Sprint("a", i)
		l.floor.Agents.Set(id, &schema.LiveAgent{ID: id, Status: schema.Available, StatusSince: at})
		for q := range 3 {
			w := &schema.Window{}
			w.ContactCenter, w.Queue, w.Agent = center, fmt.Sprint("q", (i+q)%100), id
			if q == 0 {
				w.Agent = ""
			}
			l.metrics.Windows = append(l.metrics.Windows, w)
		}
	}
	for i := range 3_000 {
		id := fmt.Sprint("i", i)
		row := &schema.LiveInteraction{}
		row.ID = id
		if i%2 == 0 {
			row.Visits = []schema.Visit{{Queue: fmt.Sprint("q", i%100), Start: at - 1000, End: schema.Open}}
		}
		l.floor.Interactions.Set(id, row)
	}
	return l
}

// One evaluation of 100 rules of queues, of each kind in turn, over a floor of 10,000 agents.
func BenchmarkPropose(b *testing.B) {
	for _, key := range []string{"waiting", "longest_wait_ms", "service_level", "agents_available"} {
		b.Run(key, func(b *testing.B) {
			w := newWorld()
			n := newNode(b, w, newMemory(), nil, WebhookConfig{})
			n.Alerts.deps.Source = floor.NewSource(newLarge(w.now), w.directory, []string{center}, w.clock)
			for i := range 100 {
				n.Alerts.cfg.Rules = map[string][]schema.AlertRule{center: append(n.Alerts.cfg.Rules[center], schema.AlertRule{ID: fmt.Sprint(i), Metric: key,
					Scope: map[string][]string{"queue": {fmt.Sprint("q", i)}}, Window: "5m", Comparison: ">", Threshold: 1e12, Severity: "info"})}
			}
			e := newEvaluation(n.Alerts, newBook(), func(string) bool { return true })
			b.ReportAllocs()
			for b.Loop() {
				_, err := e.propose(w.clock())
				require.NoError(b, err)
			}
			require.Len(b, e.rules[center].good, 100)
		})
	}
}
