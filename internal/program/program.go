// Package program builds floorwalker once per test binary and runs it as a process of its own, to be stopped, killed or frozen.
//
// The program is removed by Clean, which belongs at the end of the package's TestMain.
package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// built is the program under test. A test binary has no main of its own to carry it.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// Path builds floorwalker at the first call and returns where it lies. FLOORWALKER_RACE=1 builds it with the race detector.
func Path(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	built.once.Do(func() { built.dir, built.err = build() })
	require.NoError(t, built.err)
	return filepath.Join(built.dir, "floorwalker")
}

// Clean removes what Path has built.
func Clean() {
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
}

func build() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "floorwalker-program-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-o", filepath.Join(dir, "floorwalker")}
	cgo := "CGO_ENABLED=0"
	if os.Getenv("FLOORWALKER_RACE") == "1" {
		args, cgo = append(args, "-race"), "CGO_ENABLED=1"
	}
	cmd := exec.Command("go", append(args, "./cmd/floorwalker")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

// Root is the directory of the module that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory: this runs in a checkout only")
		}
		dir = up
	}
}

// Process is a running floorwalker.
type Process struct {
	Log  string        // file with what it printed
	Done chan struct{} // closed when it has ended
	t    testing.TB
	cmd  *exec.Cmd
	err  error // once Done
}

// Start runs the program in the background. It is killed when the test ends, and if the test failed the end of what it printed is
// shown.
func Start(t testing.TB, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, cmd: exec.Command(Path(t), args...), Done: make(chan struct{})}
	out, err := os.CreateTemp(t.TempDir(), "log-*.txt")
	require.NoError(t, err)
	p.Log = out.Name()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = diesWithTest()
	require.NoError(t, p.cmd.Start())
	require.NoError(t, out.Close())
	go func() {
		p.err = p.cmd.Wait()
		close(p.Done)
	}()
	t.Cleanup(func() {
		ended := !p.Running()
		p.Kill()
		if t.Failed() && !ended {
			t.Logf("%v printed at last:\n%s", args[:1], p.Tail())
		}
	})
	return p
}

// Kill is kill -9; it returns when the process is gone, which it may have been before.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.Done
}

// Signal sends a signal, such as SIGSTOP.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(s))
}

// Stop asks the process to end as an operator would; it must end well within the limit. It returns how long that took.
func (p *Process) Stop(within time.Duration) time.Duration {
	p.t.Helper()
	began := time.Now()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Done:
		require.NoError(p.t, p.err, "it was asked to end; it printed\n%s", p.Tail())
	case <-time.After(within):
		p.Signal(syscall.SIGQUIT) // says where it stands
		<-p.Done
		require.FailNow(p.t, "still running after SIGTERM and "+within.String(), p.Tail())
	}
	return time.Since(began)
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Tail is the end of what the process printed.
func (p *Process) Tail() string {
	const most = 16 << 10
	data, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}

// Eventually waits until a condition holds, that is until missing returns nothing; what it still lacks is told if it never does.
func Eventually(t testing.TB, within time.Duration, what string, missing func() string) {
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
		time.Sleep(20 * time.Millisecond)
	}
}
