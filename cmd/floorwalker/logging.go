package main

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"
)

// newLogger writes to standard error: standard output belongs to what a command answers.
func newLogger(level, format string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // the configuration has been checked; info otherwise
	options := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(thin(slog.NewJSONHandler(os.Stderr, options)))
	}
	return slog.New(thin(slog.NewTextHandler(os.Stderr, options)))
}

const (
	repeatsPerMinute = 20
	repeatsKept      = 1000 // different warnings that are counted at a time
)

// thinned leaves warnings out that say the same error again and again: while Kafka is away, every reader of every partition tries it
// again each second. Lines without an error, such as those of the access log, and errors are all written.
type thinned struct {
	slog.Handler
	repeats *repeats
}

func thin(h slog.Handler) slog.Handler {
	return thinned{h, &repeats{of: map[repeated]*repeat{}}}
}

// Handle writes a warning of which some were left out in the minute before with their number, left_out.
func (t thinned) Handle(ctx context.Context, r slog.Record) error {
	key := repeated{message: r.Message}
	if r.Level == slog.LevelWarn {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "error" {
				key.err = a.Value.String()
			}
			return key.err == ""
		})
	}
	if key.err == "" {
		return t.Handler.Handle(ctx, r)
	}
	leftOut, write := t.repeats.count(key, r.Time)
	if !write {
		return nil
	}
	if leftOut > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs counts together with t.
func (t thinned) WithAttrs(attrs []slog.Attr) slog.Handler {
	return thinned{t.Handler.WithAttrs(attrs), t.repeats}
}

// WithGroup counts together with t.
func (t thinned) WithGroup(name string) slog.Handler {
	return thinned{t.Handler.WithGroup(name), t.repeats}
}

// repeats counts warnings within minutes that begin with the first of each.
type repeats struct {
	mu sync.Mutex
	of map[repeated]*repeat
}

type repeated struct{ message, err string }

type repeat struct {
	began time.Time
	n     int
}

func (r *repeats) count(key repeated, now time.Time) (leftOut int, write bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.of[key]
	if one == nil {
		if len(r.of) >= repeatsKept {
			clear(r.of)
		}
		one = &repeat{began: now}
		r.of[key] = one
	}
	if now.Sub(one.began) >= time.Minute {
		leftOut = max(0, one.n-repeatsPerMinute)
		*one = repeat{began: now}
	}
	one.n++
	return leftOut, one.n <= repeatsPerMinute
}
