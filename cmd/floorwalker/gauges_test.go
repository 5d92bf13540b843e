package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
)

// An outage is one line when it begins and one when it is over, whatever is asked in between; a start is no outage.
func TestReadiness_ToldWhenItChanges(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	line := teller{now: func() time.Time { return now }, parts: map[string]*told{}, log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))}
	tell := func(want string, parts ...query.Part) {
		t.Helper()
		out.Reset()
		line.tell(parts)
		now = now.Add(5 * time.Second)
		require.Equal(t, want, strings.TrimSpace(out.String()))
	}
	kafka, view := query.Part{Name: "kafka", Ready: true}, query.Part{Name: "live view", Ready: true}
	behind, away := query.Part{Name: "live view", Detail: "1 of 2 partitions are catching up"}, query.Part{Name: "kafka", Detail: "refused"}
	warning := query.Part{Name: "live view", Ready: true, Detail: "contact centre 6 is split"}
	tell(`level=INFO msg=ready part=kafka after=0s`, kafka, behind)
	tell(``, kafka, behind)
	tell(`level=INFO msg=ready part="live view" after=10s`, kafka, view)
	tell(`level=WARN msg="not ready" part=kafka error=refused`, away, view)
	tell(``, away, view, warning)
	tell(`level=WARN msg="not ready" part="live view" error="1 of 2 partitions are catching up"`, away, behind, warning)
	tell("level=INFO msg=ready part=kafka after=15s\nlevel=INFO msg=ready part=\"live view\" after=5s", kafka, view, warning)
}
