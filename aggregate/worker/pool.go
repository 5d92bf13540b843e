package worker

import (
	"sync"

	"floorwalker/schema/clickhouse"
)

// pool keeps empty writers, each of which has the memory of clickhouse.PieceRows rows, for all partitions: a partition that catches
// up needs many, the others one. So memory follows what is pending, and none of it is made or copied anew when that grows.
type pool struct {
	mu          sync.Mutex
	events      []*clickhouse.Events
	annotations []*clickhouse.Annotations
}

// poolWriters bounds what is kept: some 100 MB, for about 250,000 events.
const poolWriters = 32

func (p *pool) takeEvents() *clickhouse.Events {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.events)
	if n == 0 {
		return clickhouse.NewEvents()
	}
	e := p.events[n-1]
	p.events = p.events[:n-1]
	return e
}

func (p *pool) takeAnnotations() *clickhouse.Annotations {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.annotations)
	if n == 0 {
		return clickhouse.NewAnnotations()
	}
	a := p.annotations[n-1]
	p.annotations = p.annotations[:n-1]
	return a
}

func (p *pool) give(events []*clickhouse.Events, annotations []*clickhouse.Annotations) {
	for _, e := range events {
		e.Reset()
	}
	for _, a := range annotations {
		a.Reset()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, events[:min(len(events), poolWriters-len(p.events))]...)
	p.annotations = append(p.annotations, annotations[:min(len(annotations), poolWriters-len(p.annotations))]...)
}
