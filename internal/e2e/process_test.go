package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// run runs the program to its end and returns its standard output and error.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program.Path(t), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// must runs the program to its end, which must be good, and returns its standard output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, err := run(t, args...)
	require.NoError(t, err, "floorwalker %v\n%s%s", args, out, errs)
	return out
}

const (
	readyWithin = 60 * time.Second
	stopWithin  = 30 * time.Second
)

// startDemo runs a demo on the directory and returns once it is ready.
func startDemo(t *testing.T, dir string, args ...string) *floor {
	t.Helper()
	f := launchDemo(t, dir, args...)
	f.awaitReady()
	return f
}

// launchDemo runs a demo and returns as soon as it says where it serves.
func launchDemo(t *testing.T, dir string, args ...string) *floor {
	t.Helper()
	file := filepath.Join(dir, "demo.json")
	_ = os.Remove(file) // of a demo that was killed
	p := program.Start(t, append([]string{"demo", "--data", dir, "--listen", "127.0.0.1:0"}, args...)...)
	f := &floor{t: t, process: p}
	program.Eventually(t, readyWithin, "demo.json", func() string {
		require.True(t, p.Running(), "the demo ended:\n%s", p.Tail())
		data, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		require.NoError(t, json.Unmarshal(data, &f.demo))
		return ""
	})
	return f
}
