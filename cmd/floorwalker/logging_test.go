package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An outage that lasts is told some times a minute and not some times a second, with how often it would have been; everything else is
// written as it comes.
func TestLog_SameWarningOverAndOver_ThinnedAndCounted(t *testing.T) {
	var out bytes.Buffer
	h := thin(slog.NewTextHandler(&out, nil))
	at := time.Unix(0, 0)
	say := func(h slog.Handler, level slog.Level, message string, args ...any) {
		r := slog.NewRecord(at, level, message, 0)
		r.Add(args...)
		require.NoError(t, h.Handle(context.Background(), r))
	}
	for second := range 120 {
		at = time.Unix(int64(second), 0)
		for partition := range 12 {
			say(h.WithAttrs([]slog.Attr{slog.Int("partition", partition)}), slog.LevelWarn, "reading again", "error", "connection refused")
		}
		say(h, slog.LevelWarn, "reading again", "error", fmt.Sprint("another one ", second))
		say(h, slog.LevelWarn, "request", "status", 503)
		say(h, slog.LevelError, "request failed", "error", "connection refused")
	}
	require.Equal(t, 2*repeatsPerMinute, strings.Count(out.String(), `msg="reading again" partition`))
	require.Equal(t, 120, strings.Count(out.String(), "another one"))
	require.Equal(t, 120, strings.Count(out.String(), "msg=request status=503"))
	require.Equal(t, 120, strings.Count(out.String(), "request failed"))
	require.Equal(t, 1, strings.Count(out.String(), fmt.Sprintf(`error="connection refused" left_out=%d`, 60*12-repeatsPerMinute)))
}
