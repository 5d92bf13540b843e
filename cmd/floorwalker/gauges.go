package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"floorwalker/internal/build"
	"floorwalker/query"
)

// gaugesEvery is how often what /metrics shows of readiness is looked at.
const gaugesEvery = 5 * time.Second

// startGauges shows on /metrics what /readyz says, so that somebody is told of it, and what the process has left.
func (s *server) startGauges(context.Context) error {
	s.set.GetOrCreateGauge(fmt.Sprintf("floorwalker_build_info{version=%q,revision=%q}", build.Version(), build.Revision()), nil).Set(1)
	if !s.certified.IsZero() {
		s.set.NewGauge("floorwalker_certificate_expires_seconds", func() float64 { return time.Until(s.certified).Seconds() })
	}
	if s.cfg.DataDir != "" {
		s.set.NewGauge("floorwalker_data_dir_free_bytes", func() float64 { return freeBytes(s.cfg.DataDir) })
	}
	line := teller{log: s.log, now: time.Now, parts: map[string]*told{}}
	s.components.start("gauges", func(ctx context.Context) error {
		tick := time.NewTicker(gaugesEvery)
		defer tick.Stop()
		for {
			r := s.readiness(ctx)
			if ctx.Err() != nil {
				return nil // what it was told is that nobody waits
			}
			s.showReadiness(r)
			line.tell(r.Parts)
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
	return nil
}

// teller writes a line when a part becomes ready, at first or again, and when it no longer is.
type teller struct {
	log   *slog.Logger
	now   func() time.Time
	parts map[string]*told
}

type told struct {
	ready bool
	since time.Time
}

func (t *teller) tell(parts []query.Part) {
	lacking := map[string]query.Part{}
	for _, p := range parts {
		if _, known := lacking[p.Name]; !p.Ready && !known {
			lacking[p.Name] = p
		}
	}
	for _, p := range parts {
		is, now := t.parts[p.Name], t.now()
		if is == nil {
			is = &told{since: now} // a start is no fault
			t.parts[p.Name] = is
		}
		lack, lacks := lacking[p.Name]
		if lacks != is.ready {
			continue
		}
		if lacks {
			t.log.Warn("not ready", "part", p.Name, "error", lack.Detail)
		} else {
			t.log.Info("ready", "part", p.Name, "after", now.Sub(is.since).Round(time.Second))
		}
		is.ready, is.since = !lacks, now
	}
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
