package worker

import (
	"fmt"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/internal/histogram"
)

// counters are the worker's metrics, looked up once.
type counters struct {
	set               *metrics.Set
	partitions        *metrics.Gauge     // owned now
	outcomes          []*metrics.Counter // by engine.Outcome
	expired           *metrics.Counter   // interactions whose end never came
	replayed          *metrics.Counter   // events that were stored before this start and are applied again
	gaps              *metrics.Counter   // ranges of lost records
	lost              *metrics.Counter   // offsets in them
	absent            *metrics.Counter   // offsets that never held a record for readers
	broken            *metrics.Counter
	split             *metrics.Counter // contact centres in two partitions
	commits           *metrics.Counter
	waits             *metrics.Counter
	checkpoints       *metrics.Counter
	unsaved           *metrics.Counter
	checkpointSeconds *histogram.Seconds
}

func newCounters(set *metrics.Set) counters {
	c := counters{
		set:               set,
		partitions:        set.GetOrCreateGauge("floorwalker_worker_partitions", nil),
		replayed:          set.GetOrCreateCounter("floorwalker_worker_replayed_events_total"),
		gaps:              set.GetOrCreateCounter("floorwalker_worker_gaps_total"),
		lost:              set.GetOrCreateCounter("floorwalker_worker_lost_offsets_total"),
		absent:            set.GetOrCreateCounter("floorwalker_worker_absent_offsets_total"),
		split:             set.GetOrCreateCounter("floorwalker_worker_split_contact_centers_total"),
		broken:            set.GetOrCreateCounter("floorwalker_worker_broken_checkpoints_total"),
		commits:           set.GetOrCreateCounter("floorwalker_worker_failed_commits_total"),
		waits:             set.GetOrCreateCounter("floorwalker_worker_backpressure_waits_total"),
		checkpoints:       set.GetOrCreateCounter("floorwalker_worker_checkpoints_total"),
		unsaved:           set.GetOrCreateCounter("floorwalker_worker_failed_checkpoints_total"),
		checkpointSeconds: histogram.New(set, "floorwalker_worker_checkpoint_seconds"),
	}
	for _, o := range engine.Outcomes() {
		c.outcomes = append(c.outcomes, c.outcome(o.String()))
	}
	c.expired = c.outcome("expired")
	return c
}

// outcome is the counter of what became of an event. Dead letters are counted under their code.
func (c counters) outcome(name string) *metrics.Counter {
	return c.set.GetOrCreateCounter(fmt.Sprintf("floorwalker_worker_events_total{outcome=%q}", name))
}
