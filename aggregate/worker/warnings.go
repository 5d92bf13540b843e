package worker

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"floorwalker/schema/clickhouse"
)

// Gap is a range of offsets whose records are lost, the newest of a partition.
type Gap struct {
	Partition   int
	From, Until int64
}

func (g Gap) String() string {
	return fmt.Sprintf("partition %d: the records of offsets %d to %d are lost", g.Partition, g.From, g.Until-1)
}

// Gaps are the lost ranges that this worker has come over since it was made, or found noted within the last week, by partition.
func (w *Worker) Gaps() []Gap {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.SortedFunc(maps.Values(w.gaps), func(a, b Gap) int { return a.Partition - b.Partition })
}

// Warnings are what operators should know although the worker goes on: lost records, and contact centres in two partitions.
func (w *Worker) Warnings() []string {
	var out []string
	for _, g := range w.Gaps() {
		out = append(out, g.String())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(out, slices.Sorted(maps.Values(w.split))...)
}

// recentGap is how long a noted gap is told of again after a start.
const recentGap = 7 * 24 * time.Hour

func (w *Worker) tellGap(partition int, g clickhouse.OffsetGap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gaps == nil {
		w.gaps = map[int]Gap{}
	}
	w.gaps[partition] = Gap{Partition: partition, From: g.From, Until: g.Until}
}

// tellSplit reports whether that is news.
func (w *Worker) tellSplit(contactCenter string, one, other int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.split[contactCenter]; ok {
		return false
	}
	if w.split == nil {
		w.split = map[string]string{}
	}
	w.split[contactCenter] = fmt.Sprintf("contact centre %q is in partitions %d and %d, its figures are wrong", contactCenter, min(one, other), max(one, other))
	return true
}
