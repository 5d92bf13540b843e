package simulate

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// memory is a Writer that keeps what it is given.
type memory struct {
	mu     sync.Mutex
	events []schema.Event
	fail   error
}

func (m *memory) Write(ctx context.Context, events []schema.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.fail != nil {
		err := m.fail
		m.fail = nil
		return err
	}
	m.events = append(m.events, events...)
	return nil
}

func (m *memory) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// fakeClock goes only when told to.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func runConfig(c *fakeClock, state string) RunConfig {
	return RunConfig{Config: Config{ContactCenter: "demo", Agents: 40, Seed: 3}, Backfill: 3 * time.Hour, State: state, Now: c.Now}
}

var quiet = slog.New(slog.DiscardHandler)

// after runs a runner until the check holds, then stops it (kill: without letting it end anything).
func after(t *testing.T, r *Runner, check func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	require.Eventually(t, check, 20*time.Second, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}

// Event time never runs ahead of the clock, and a fresh centre has its past at once.
func TestRunner_PastAtOnceThenByTheClock(t *testing.T) {
	clock := &fakeClock{now: morning.Add(8 * time.Hour)}
	w := &memory{fail: errors.New("broker away")}
	r, err := NewRunner(runConfig(clock, ""), w, quiet)
	require.NoError(t, err)
	var caughtUp, later int
	after(t, r, func() bool {
		if w.len() > 3000 && caughtUp == 0 {
			caughtUp = w.len()
			clock.advance(10 * time.Minute)
		}
		later = w.len()
		return caughtUp > 0 && later > caughtUp+50
	})
	for _, e := range w.events {
		require.LessOrEqual(t, e.Time, clock.now.Add(time.Second).UnixMilli())
	}
	require.Equal(t, schema.EventDirectory, w.events[0].Type)
}

// A stop leaves nobody logged in and nothing open.
func TestRunner_Stopped_NothingStaysOpen(t *testing.T) {
	clock := &fakeClock{now: morning.Add(8 * time.Hour)}
	w := &memory{}
	file := filepath.Join(t.TempDir(), "simulator.json")
	r, err := NewRunner(runConfig(clock, file), w, quiet)
	require.NoError(t, err)
	after(t, r, func() bool { return w.len() > 3000 })
	requireClosed(t, w.events)
	require.Empty(t, r.state.open)
}

func requireClosed(t *testing.T, events []schema.Event) {
	t.Helper()
	open, on := map[string]bool{}, map[string]bool{}
	began := 0
	for _, e := range events {
		switch {
		case e.Type == schema.InteractionCreated:
			began++
			open[e.Subject] = true
		case e.Type == schema.InteractionEnded:
			delete(open, e.Subject)
		case e.Type == schema.AgentLogin:
			on[e.Subject] = true
		case e.Type == schema.AgentLogout:
			delete(on, e.Subject)
		}
	}
	require.NotZero(t, began)
	require.Empty(t, open)
	require.Empty(t, on)
}

// killer lets so many writes through and then is dead: what it was given last it stored, but nobody heard of it.
type killer struct {
	memory
	writes int
	cancel context.CancelFunc
}

func (k *killer) Write(ctx context.Context, events []schema.Event) error {
	if k.writes <= 0 {
		return errors.New("dead")
	}
	k.writes--
	if err := k.memory.Write(ctx, events); err != nil {
		return err
	}
	if k.writes == 0 {
		k.cancel()
		return errors.New("dead")
	}
	return nil
}

// A run that was killed at any write leaves no ghosts: the next run ends what was open, under ids of its own.
func TestRunner_Killed_NextRunEndsWhatWasOpen(t *testing.T) {
	for _, writes := range []int{2, 3, 5} {
		clock := &fakeClock{now: morning.Add(8 * time.Hour)}
		file := filepath.Join(t.TempDir(), "simulator.json")
		ctx, cancel := context.WithCancel(context.Background())
		k := &killer{writes: writes, cancel: cancel}
		first, err := NewRunner(runConfig(clock, file), k, quiet)
		require.NoError(t, err)
		first.grace = time.Millisecond
		require.Error(t, first.Run(ctx), "it could not end its day")
		before := len(k.events)
		require.NotZero(t, before)

		clock.advance(time.Minute)
		w := &memory{}
		second, err := NewRunner(runConfig(clock, file), w, quiet)
		require.NoError(t, err)
		after(t, second, func() bool { return w.len() > 200 })
		requireClosed(t, append(k.events, w.events...))
		ids := map[string]bool{}
		for _, e := range append(k.events, w.events...) {
			require.False(t, ids[e.ID], e.ID)
			ids[e.ID] = true
		}
	}
}

// Disorder changes the order of arrival and nothing else, and stays within its bounds.
func TestDelay_OnlyOrderChanges(t *testing.T) {
	_, events := play(t, config(40), 2*time.Hour)
	d := newDelay(Disorder{Fraction: .1, Max: 30 * time.Second}, 1)
	var out []schema.Event
	for _, e := range events {
		out = d.pass(out, []schema.Event{e})
	}
	out = d.release(out, 1<<62)
	require.ElementsMatch(t, ids(events), ids(out))
	require.NotEqual(t, ids(events), ids(out))
	newest, late := int64(0), 0
	for _, e := range out {
		if e.Time < newest {
			late++
			require.LessOrEqual(t, newest-e.Time, int64(31_000))
		}
		newest = max(newest, e.Time)
	}
	require.InDelta(t, .1, float64(late)/float64(len(out)), .03)
}

func ids(events []schema.Event) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.ID
	}
	return out
}

func TestNewRunner_BadConfig_EveryFault(t *testing.T) {
	_, err := NewRunner(RunConfig{Backfill: -1, Speed: .5, Disorder: Disorder{Fraction: 2, Max: 2 * time.Hour}}, &memory{}, quiet)
	require.Error(t, err)
	for _, word := range []string{"contact centre", "backfill", "speed", "fraction", "late"} {
		require.Contains(t, err.Error(), word)
	}
}
