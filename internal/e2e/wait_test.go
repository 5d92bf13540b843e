package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// writeEvents writes a file of events, one per line.
func writeEvents(t *testing.T, events ...event) string {
	t.Helper()
	var text []byte
	for _, e := range events {
		text = append(append(text, e.json()...), '\n')
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	return file
}

// replay --wait returns when everything has been taken in, whatever became of it: the last record of a partition may be a dead
// letter, a duplicate or the only one.
func TestReplayWait_ReturnsWhenLiveViewAndHistoryHoldIt(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	f := startDemo(t, dir, "--no-simulator")
	now := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	var many []event
	for i := range 40 { // contact centres, over all partitions
		many = append(many, goodEvent(fmt.Sprintf("cc%d", i), "cc.agent.status", "a", now, map[string]any{"status": "break"}))
	}
	last := goodEvent(f.ContactCenter, "cc.agent.status", "a1", now.Add(time.Second), map[string]any{"status": "lunch"})
	ahead := goodEvent(f.ContactCenter, "cc.agent.status", "a1", now.Add(48*time.Hour), map[string]any{"status": "meeting"})
	for _, c := range []struct {
		name    string
		events  []event
		outcome string // of the last event
	}{
		{"many partitions", many, "applied"},
		{"one event", []event{last}, "applied"},
		{"a duplicate at the end", []event{last}, "duplicate"},
		{"a dead letter at the end", []event{last.with("id", "other").with("time", now.Add(2*time.Second).UTC().Format(time.RFC3339Nano)), ahead}, "time_ahead"},
		{"only a dead letter", []event{ahead}, "time_ahead"},
	} {
		before := f.counted()[c.outcome]
		out := must(t, "replay", "--data", dir, "--wait", writeEvents(t, c.events...))
		require.Contains(t, out, fmt.Sprintf(": %d events written", len(c.events)), c.name)
		require.Empty(t, behind(f.readinessNow(), f.ends()), c.name)
		require.Greater(t, f.counted()[c.outcome], before, c.name)
	}
	var agent struct {
		Status string `json:"status"`
	}
	f.read("agents/a1", nil, &agent)
	require.Equal(t, "lunch", agent.Status)

	// Nothing written, nothing to wait for.
	must(t, "replay", "--data", dir, "--wait", "--format=ndjson", writeEvents(t))
}

func TestReplayWait_NobodyToWaitFor_Said(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	f := startDemo(t, dir, "--no-simulator")
	file := writeEvents(t, goodEvent("x", "cc.agent.status", "a", time.Now(), map[string]any{"status": "break"}))
	end := func() (n int64) {
		for _, e := range f.ends() {
			n += e
		}
		return n
	}
	_, errs, err := run(t, "replay", "--kafka", f.Kafka, "--wait", file)
	require.Error(t, err)
	require.Contains(t, errs, "--url")
	require.Zero(t, end(), "nothing may be written then")

	_, errs, err = run(t, "replay", "--kafka", f.Kafka, "--wait", "--url", "http://"+freeAddress(t), "--wait-timeout", "1s", file)
	require.Error(t, err)
	require.Contains(t, errs, "waiting for http://")
	require.Equal(t, int64(1), end())

	must(t, "replay", "--kafka", f.Kafka, "--wait", "--url", f.URL, file)
	require.Empty(t, behind(f.readinessNow(), f.ends()))
}
