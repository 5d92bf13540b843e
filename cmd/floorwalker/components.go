package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// component is something that runs until its context ends.
type component struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error
	told   bool // wait has returned err
}

// components are started one after the other and stopped in reverse, each waited for before the next.
type components struct {
	log    *slog.Logger
	list   []*component
	failed chan *component
	closes []func() error
}

// maxComponents bounds what can fail before anybody listens.
const maxComponents = 16

func newComponents(log *slog.Logger) *components {
	return &components{log: log, failed: make(chan *component, maxComponents)}
}

// start runs a component. It outlives the caller's context: only stop ends it.
func (c *components) start(name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	part := &component{name: name, cancel: cancel, done: make(chan struct{})}
	c.list = append(c.list, part)
	go func() {
		defer close(part.done)
		part.err = run(ctx)
		if ctx.Err() == nil {
			c.failed <- part
		}
	}()
}

// closeLast has something closed after every component has ended; what is given last is closed first.
func (c *components) closeLast(close func() error) { c.closes = append(c.closes, close) }

// wait returns when ctx ends, or with the error of the first component that ended by itself.
func (c *components) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case part := <-c.failed:
		<-part.done
		part.told = true
		if part.err == nil {
			return fmt.Errorf("%s ended", part.name)
		}
		return fmt.Errorf("%s: %w", part.name, part.err)
	}
}

// stop ends all, newest first. Its error leaves out what wait has returned.
func (c *components) stop() error {
	var errs []error
	for i := len(c.list) - 1; i >= 0; i-- {
		part := c.list[i]
		began := time.Now()
		part.cancel()
		<-part.done
		c.log.Info("stopped", "component", part.name, "took", time.Since(began).Round(time.Millisecond))
		if part.err != nil && !part.told && !errors.Is(part.err, context.Canceled) {
			errs = append(errs, fmt.Errorf("stopping %s: %w", part.name, part.err))
		}
	}
	for i := len(c.closes) - 1; i >= 0; i-- {
		if err := c.closes[i](); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
