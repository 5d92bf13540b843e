package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a running floorwalker.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string // file with what it printed
	done chan struct{}
	err  error // once done
}

// start runs the program in the background. It is killed when the test ends.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(program(t), args...), done: make(chan struct{})}
	out, err := os.CreateTemp(t.TempDir(), "log-*.txt")
	require.NoError(t, err)
	p.log = out.Name()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	require.NoError(t, p.cmd.Start())
	require.NoError(t, out.Close())
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%v printed at last:\n%s", args[:1], p.tail())
		}
	})
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop asks the process to end as an operator would, and it must end well.
func (p *process) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
		require.NoError(p.t, p.err, "it was asked to end; it printed\n%s", p.tail())
	case <-time.After(30 * time.Second):
		require.FailNow(p.t, "still running 30 s after SIGTERM", p.tail())
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) tail() string {
	const most = 8 << 10
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

// run runs the program to its end and returns its standard output and error.
func run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program(t), args...)
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

// eventually waits until a condition holds; what it still lacks is told if it never does.
func eventually(t *testing.T, within time.Duration, what string, missing func() string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		lack := missing()
		if lack == "" {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(t, what+" within "+within.String(), lack)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

const readyWithin = 60 * time.Second

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
	p := start(t, append([]string{"demo", "--data", dir, "--listen", "127.0.0.1:0"}, args...)...)
	f := &floor{t: t, process: p}
	eventually(t, readyWithin, "demo.json", func() string {
		require.True(t, p.running(), "the demo ended:\n%s", p.tail())
		data, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		require.NoError(t, json.Unmarshal(data, &f.demo))
		return ""
	})
	return f
}
