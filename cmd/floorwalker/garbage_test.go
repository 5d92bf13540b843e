package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThreads_CollectorHasOneForItselfUnlessAGrantIsSmall(t *testing.T) {
	for _, c := range []struct{ processors, granted, want int }{
		{1, 1, 4}, {2, 2, 4}, {3, 3, 4}, {4, 4, 4}, {64, 64, 64}, // the whole machine
		{8, 2, 2}, {3, 2, 2}, {64, 16, 16}, // part of it
	} {
		require.Equal(t, c.want, threads(c.processors, c.granted), c)
	}
}
