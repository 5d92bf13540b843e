package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// What ended a process is said once.
func TestComponents_FailureToldOnce(t *testing.T) {
	c := newComponents(slog.New(slog.DiscardHandler))
	broken, stuck := errors.New("broken"), errors.New("cannot end")
	c.start("other", func(ctx context.Context) error { <-ctx.Done(); return stuck })
	c.start("worker", func(context.Context) error { return broken })
	require.EqualError(t, c.wait(t.Context()), "worker: broken")
	require.EqualError(t, c.stop(), "stopping other: cannot end")
}
