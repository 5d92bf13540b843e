package query_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/browser"
	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/wallboard"
	"floorwalker/schema"
)

// A page that shows 10,000 agents, of which 2,000 change each second, stays at 30 frames a second or better and under 300 MB. The short form
// has a tenth of that on one page, and asks only that the page is not stuck: what else runs on the machine is in its figures.
func TestWallboard_FramesAndMemoryUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser; it runs without -short")
	}
	b, err := browser.Fetch(t.Context(), "../internal/browser")
	if errors.Is(err, browser.ErrMissing) && os.Getenv("CI") == "" {
		t.Skip("needs Chromium and Node.js:", err)
	}
	require.NoError(t, err)
	argument := map[string]any{"token": token("reader"), "agents": 1000, "seconds": 3, "only": []string{"table"}}
	agents, rate, frames := 1000, 200, 5.0
	if os.Getenv("FLOORWALKER_LONG") == "1" {
		agents, rate, frames = 10_000, 2000, 30.0
		argument = map[string]any{"token": token("reader"), "agents": agents, "seconds": 20}
	}
	url, c := serveCrowd(t, agents)
	argument["url"] = url
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() { c.move(rate, stop) })
	defer moving.Wait()
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	results, err := b.Run(ctx, "testdata/wallboard/load.cjs", argument)
	require.NoError(t, err)
	require.NotEmpty(t, results)
	for _, r := range results {
		t.Logf("%s: %v", r.Name, r.Notes)
		require.Empty(t, r.Error, r.Name)
		require.GreaterOrEqual(t, r.Notes["frames_per_second"], frames, r.Name)
		require.Less(t, r.Notes["memory_mb"], 300.0, r.Name)
		require.Greater(t, r.Notes["changes_seen"], 0.0, "%s: nothing changed", r.Name)
	}
}

// serveCrowd serves a crowd's floor with its wallboard.
func serveCrowd(t *testing.T, agents int) (url string, c *crowd) {
	c = newCrowd(t, agents)
	who, err := auth.New([]auth.Account{{ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{token("reader")}}}, auth.Options{})
	require.NoError(t, err)
	source := floor.NewSource(c.live, c.directory, nil, time.Now)
	push, err := hub.New(hub.Config{Source: source, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	board, err := wallboard.New()
	require.NoError(t, err)
	app, err := query.New(query.Config{}, query.Deps{Source: source, Authenticator: who, Accounts: who, Push: push, Alerts: openAlerts{}, Surfaces: []query.Surface{board},
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = push.Run(ctx) })
	running.Go(func() { _ = app.Serve(listener) })
	t.Cleanup(func() {
		stop()
		limit, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = app.Shutdown(limit)
		running.Wait()
	})
	return "http://" + listener.Addr().String(), c
}

// move changes agents at a rate, now, until stop is closed.
func (c *crowd) move(perSecond int, stop chan struct{}) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	began, done := time.Now(), 0
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := time.Now().UnixMilli()
		c.live.change("6", func(f *schema.Floor) {
			f.AsOf, f.NewestEvent = now, now
			for due := int(time.Since(began).Seconds() * float64(perSecond)); done < due; done++ {
				id := c.ids[(done*7919)%len(c.ids)]
				row := crowdAgent(id, done)
				row.StatusSince, row.Presence.Since = now, now
				f.Agents.Set(id, row)
				f.Changes = f.Changes.Then(&schema.Change{Agent: row})
			}
		})
	}
}
