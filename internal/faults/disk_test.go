//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/program"
	"floorwalker/schema"
)

// small mounts a file system of that many MB, which only root may; else the test is skipped.
func small(t *testing.T, mb int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mb)); err != nil {
		t.Skipf("mount a small tmpfs: %v; not tested is what happens when the disk is full", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// demo is a running `floorwalker demo`.
type demo struct {
	*program.Process
	URL           string            `json:"url"`
	Tokens        map[string]string `json:"tokens"`
	ContactCenter string            `json:"contact_center"`
	ClickHouse    string            `json:"clickhouse"`
}

// startDemo returns once the demo serves, or has ended.
func startDemo(t *testing.T, dir string) *demo {
	t.Helper()
	file := filepath.Join(dir, "demo.json")
	_ = os.Remove(file) // of one that was killed
	d := &demo{Process: program.Start(t, "demo", "--data", dir, "--listen", "127.0.0.1:0", "--no-simulator")}
	program.Eventually(t, time.Minute, "a demo that serves", func() string {
		data, err := os.ReadFile(file)
		if d.Running() && (err != nil || json.Unmarshal(data, d) != nil) {
			return "no demo.json yet"
		}
		return ""
	})
	return d
}

// post writes an event and returns the status, 0 where nobody answers.
func (d *demo) post(t *testing.T, n int) int {
	t.Helper()
	ev := schema.Event{ID: fmt.Sprint("e", n), Source: "/disk", ContactCenter: d.ContactCenter, Type: schema.InteractionNote, Subject: fmt.Sprint("i", n%50),
		Time: time.Now().UnixMilli(), Data: fmt.Appendf(nil, `{"note":%q}`, strings.Repeat("full ", 200))}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+"/api/v1/contact-centers/"+d.ContactCenter+"/events",
		strings.NewReader(string(schema.AppendStructured(nil, &ev))))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("Authorization", "Bearer "+d.Tokens["admin"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if resp.StatusCode == http.StatusAccepted {
		require.Contains(t, string(body), `"accepted":1`)
	}
	return resp.StatusCode
}

// The disk under the demo's data fills up: events are refused, the log says why, and once there is space, in the running process as
// after kills, everything goes on; every event that was ever acknowledged is in the history.
func TestDiskFull_ClearErrorAndNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	program.Path(t)
	clickhousetest.RequireEngine(t)
	dir := small(t, 128)
	d := startDemo(t, dir)
	accepted := map[string]bool{}
	n := 0
	write := func() int {
		n++
		status := d.post(t, n)
		if status == http.StatusAccepted {
			accepted[fmt.Sprint("e", n)] = true
		}
		return status
	}
	take := func(many int) {
		for range many {
			require.Equal(t, http.StatusAccepted, write())
		}
	}
	take(50)

	// ClickHouse's merges give space back, so it is filled again and again.
	ballast := filepath.Join(dir, "ballast")
	refuses := func() {
		stop, filled := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(filled)
			keepFull(t, ballast, stop)
		}()
		defer func() { close(stop); <-filled }()
		program.Eventually(t, time.Minute, "an event that is refused", func() string {
			if status := write(); status != http.StatusServiceUnavailable {
				return fmt.Sprint(status)
			}
			return ""
		})
	}
	refuses()
	require.Contains(t, d.Tail(), "no space left on device")
	require.True(t, d.Running(), d.Tail())
	require.NoError(t, os.Remove(ballast))
	program.Eventually(t, time.Minute, "events taken again", func() string {
		if status := write(); status != http.StatusAccepted {
			return fmt.Sprint(status)
		}
		return ""
	})
	take(20)
	d.Kill()
	d = startDemo(t, dir)
	require.True(t, d.Running(), d.Tail())
	d.requireStored(t, accepted)

	refuses()
	d.Kill()
	crammed := program.Start(t, "demo", "--data", dir, "--listen", "127.0.0.1:0", "--no-simulator")
	program.Eventually(t, time.Minute, "a demo that says what it lacks", func() string {
		if tail := crammed.Tail(); !strings.Contains(tail, "space") {
			return tail
		}
		return ""
	})
	crammed.Kill()
	require.NoError(t, os.Remove(ballast))
	d = startDemo(t, dir)
	require.True(t, d.Running(), d.Tail())
	take(20)
	d.requireStored(t, accepted)
	t.Logf("%d of %d events were acknowledged, all are stored", len(accepted), n)
	d.Stop(time.Minute)
}

// keepFull writes to the file whatever the disk takes, until it is told to stop.
func keepFull(t *testing.T, file string, stop <-chan struct{}) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer out.Close()
	for {
		_, _ = io.Copy(out, zeros{}) // until there is no space
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// requireStored demands every acknowledged event; those that were refused may be there too.
func (d *demo) requireStored(t *testing.T, accepted map[string]bool) {
	t.Helper()
	conn, err := clickhousetest.Open(d.ClickHouse, "floorwalker")
	require.NoError(t, err)
	defer conn.Close()
	program.Eventually(t, time.Minute, "every acknowledged event in the history", func() string {
		rows, err := conn.Query(t.Context(), "SELECT id, count() FROM events FINAL WHERE source = '/disk' GROUP BY id")
		if err != nil {
			return err.Error()
		}
		defer rows.Close()
		found := 0
		for rows.Next() {
			var id string
			var times uint64
			require.NoError(t, rows.Scan(&id, &times))
			if accepted[id] {
				found++
			}
		}
		if found < len(accepted) {
			return fmt.Sprintf("%d of %d\n%s", found, len(accepted), d.Tail())
		}
		return ""
	})
}
