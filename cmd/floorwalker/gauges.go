package main

import (
	"context"
	"fmt"
	"time"

	"floorwalker/query"
)

// gaugesEvery is how often what /metrics shows of readiness is looked at.
const gaugesEvery = 5 * time.Second

// startGauges shows on /metrics what /readyz says, so that somebody is told of it, and what the process has left.
func (s *server) startGauges(context.Context) error {
	if s.cfg.DataDir != "" {
		s.set.NewGauge("floorwalker_data_dir_free_bytes", func() float64 { return freeBytes(s.cfg.DataDir) })
	}
	s.components.start("gauges", func(ctx context.Context) error {
		tick := time.NewTicker(gaugesEvery)
		defer tick.Stop()
		for {
			s.showReadiness(s.readiness(ctx))
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	return nil
}

// showReadiness sets one gauge for each part, and counts the warnings: parts that are ready and yet have something to say.
func (s *server) showReadiness(r query.Readiness) {
	ready, warnings := map[string]float64{}, 0.0
	for _, p := range r.Parts {
		is, known := ready[p.Name]
		switch {
		case !p.Ready:
			is = 0
		case !known:
			is = 1
		}
		if p.Ready && p.Detail != "" {
			warnings++
		}
		ready[p.Name] = is
	}
	for part, is := range ready {
		s.set.GetOrCreateGauge(fmt.Sprintf("floorwalker_ready{part=%q}", part), nil).Set(is)
	}
	s.set.GetOrCreateGauge("floorwalker_warnings", nil).Set(warnings)
}
