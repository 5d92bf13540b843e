package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/ingest"
)

const (
	lagEvery = 15 * time.Second
	// lagShare of the retention is how far a reader may be behind before somebody has to look: what it has not read by the end of the
	// retention is lost.
	lagShare = 3
)

// lag watches how far the readers of the events topic are behind: the workers, by what their group has committed, and this process's
// live view.
type lag struct {
	kafka     *ingest.Client
	group     string
	topic     string
	retention time.Duration // of the topic; 0: nothing is ever lost
	live      func() map[int]int64
	set       *metrics.Set
	now       func() time.Time

	mu    sync.Mutex
	fault error
}

// run measures until ctx ends.
func (l *lag) run(ctx context.Context) error {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		l.measure(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ready is the readiness line: an error names the partitions that are more than a third of the retention behind.
func (l *lag) ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fault
}

// measure keeps what it knew where Kafka does not answer: that it does not has a line of its own.
func (l *lag) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lagEvery)
	defer cancel()
	partitions, err := l.kafka.Partitions(ctx, l.topic)
	if err != nil {
		return
	}
	committed, err := l.kafka.Committed(ctx, l.group, l.topic, len(partitions))
	if err != nil {
		return
	}
	var faults []error
	live := l.live()
	for _, p := range partitions {
		_, end, err := p.Bounds(ctx)
		if err != nil {
			return
		}
		limit, first, err := int64(0), int64(0), error(nil)
		if l.retention > 0 {
			limit, first, err = p.Since(ctx, l.now().Add(-l.retention/lagShare))
		}
		if err != nil {
			return
		}
		judge := func(reader string, at int64) {
			if over := l.gauge(reader, p.ID(), at, end, limit); over {
				faults = append(faults, fmt.Errorf("%s: partition %d at offset %d is more than a third of the retention of %s behind", reader, p.ID(), at, l.retention))
			}
		}
		at, stored := committed[p.ID()]
		if !stored {
			at = first // a group that has not begun reads from there
		}
		judge("history", at)
		if at, ok := live[p.ID()]; ok {
			judge("live", at)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = errors.Join(faults...)
}

// gauge reports whether a reader is too far behind. One record is none: the last offset of a partition may be a transaction's marker,
// which no reader ever counts as read.
func (l *lag) gauge(reader string, partition int, at, end, limit int64) (over bool) {
	over = at+1 < limit
	labels := fmt.Sprintf("{reader=%q,partition=\"%d\"}", reader, partition)
	l.set.GetOrCreateGauge("floorwalker_lag_records"+labels, nil).Set(float64(max(end-at, 0)))
	alarm := 0.0
	if over {
		alarm = 1
	}
	l.set.GetOrCreateGauge("floorwalker_lag_over_third_of_retention"+labels, nil).Set(alarm)
	return over
}

// startLag watches over the readers.
func (s *server) startLag(context.Context) error {
	s.lag = &lag{kafka: s.kafka, group: s.cfg.Kafka.Group, topic: s.cfg.Kafka.Topics.Events, retention: s.topics.Retention,
		live: s.livePositions, set: s.set, now: time.Now}
	s.components.start("lag", s.lag.run)
	return nil
}

// livePositions are those of this process's live view, none where it has none or has not begun.
func (s *server) livePositions() map[int]int64 {
	if s.view == nil {
		return nil
	}
	out := map[int]int64{}
	for _, p := range s.view.Status() {
		if p.End > 0 {
			out[p.Partition] = p.Applied
		}
	}
	return out
}
