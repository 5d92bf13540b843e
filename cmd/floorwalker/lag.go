package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/view"
	"floorwalker/ingest"
	reader "floorwalker/query/history"
	"floorwalker/schema/metric"
)

const (
	lagEvery = 15 * time.Second
	// lagShare of the retention is how far a reader may be behind before somebody has to look: what it has not read by the end of the
	// retention is lost.
	lagShare = 3
)

// lag watches how far the readers of the events topic are behind: the workers, by what their group has committed, and this process's
// live view. It also says how old their newest answers are.
type lag struct {
	kafka     *ingest.Client
	group     string
	topic     string
	retention time.Duration // of the topic; 0: nothing is ever lost
	live      func() []view.Status
	history   func(ctx context.Context, partitions []int) (asOf time.Time, err error)
	set       *metrics.Set
	now       func() time.Time

	caughtUp map[int]time.Time // by partition, when the live view was last seen to know all of it; of measure alone
	asOf     time.Time         // the history's, as last told; likewise

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
	l.set.GetOrCreateGauge("floorwalker_topic_partitions", nil).Set(float64(len(partitions)))
	status := l.live()
	live := positions(status)
	l.freshness(ctx, status, len(partitions))
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

// freshness says how long ago the oldest partition of the live view was last known to be whole, and up to when history is.
func (l *lag) freshness(ctx context.Context, live []view.Status, partitions int) {
	now := l.now()
	if l.caughtUp == nil {
		l.caughtUp, l.asOf = map[int]time.Time{}, now
	}
	oldest := now
	for _, p := range live {
		if _, known := l.caughtUp[p.Partition]; p.CaughtUp || !known {
			l.caughtUp[p.Partition] = now
		}
		if at := l.caughtUp[p.Partition]; at.Before(oldest) {
			oldest = at
		}
	}
	if len(live) > 0 {
		l.age("live", now.Sub(oldest))
	}
	all := make([]int, partitions)
	for p := range all {
		all[p] = p
	}
	asOf, err := l.history(ctx, all)
	switch {
	case err == nil && asOf.IsZero():
		return // nothing has been flushed yet
	case err == nil:
		l.asOf = asOf
	}
	l.age("history", l.now().Sub(l.asOf))
}

func (l *lag) age(reader string, age time.Duration) {
	l.set.GetOrCreateGauge(fmt.Sprintf("floorwalker_freshness_seconds{reader=%q}", reader), nil).Set(max(age.Seconds(), 0))
}

// startLag watches over the readers.
func (s *server) startLag(context.Context) error {
	past, topic := reader.New(s.history, metric.NewCatalogue(), reader.Config{}), s.cfg.Kafka.Topics.Events
	s.lag = &lag{kafka: s.kafka, group: s.cfg.Kafka.Group, topic: topic, retention: s.topics.Retention, set: s.set, now: time.Now,
		live: func() []view.Status {
			if s.view == nil {
				return nil
			}
			return s.view.Status()
		},
		history: func(ctx context.Context, partitions []int) (time.Time, error) {
			return past.WholeUntil(ctx, topic, partitions)
		}}
	s.components.start("lag", s.lag.run)
	return nil
}

// positions are those of a live view by partition, none where it has not begun.
func positions(status []view.Status) map[int]int64 {
	out := map[int]int64{}
	for _, p := range status {
		if p.End > 0 {
			out[p.Partition] = p.Applied
		}
	}
	return out
}
