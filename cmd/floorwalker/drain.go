package main

import (
	"context"

	"floorwalker/cmd/floorwalker/config"
)

// drain goes before the end that was asked for: /readyz says so, and requests are answered on, until whoever sends them here has had the
// time to see it. It returns with the error of a component that ends meanwhile.
func (s *server) drain() error {
	delay := s.cfg.Shutdown.DrainDelay
	if !s.cfg.Has(config.RoleQuery) {
		delay = 0
	}
	s.log.Info("going down", "drain_delay", delay)
	s.draining.Store(true)
	if delay == 0 {
		return nil
	}
	s.app.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), delay)
	defer cancel()
	return s.components.wait(ctx)
}
