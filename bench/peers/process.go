package peers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// point is a moment of a run: what had been used by then since the process began.
type point struct {
	Wall  time.Duration
	CPU   time.Duration // the process and its descendants
	Store time.Duration // ClickHouse, from the run's beginning on
}

// course is a whole run of one process. First: it has read its first record; Half and Last: half and all of them; Done: all its results
// are stored; End: it has ended.
type course struct {
	First, Half, Last, Done, End point
	Memory                       int64 // bytes resident at most
}

// follow runs a command to its end, and reads the CPU times of it and of the store at each of its marks.
func follow(ctx context.Context, cmd *exec.Cmd, dir string, store func() (time.Duration, error)) (c course, err error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return c, err
	}
	defer log.Close()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return c, err
	}
	// The kernel kills the child when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = diesWithUs()
	storeBefore, err := store()
	if err != nil {
		return c, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return c, err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	now := func(cpu time.Duration) (point, error) {
		used, err := store()
		return point{Wall: time.Since(began), CPU: cpu, Store: used - storeBefore}, err
	}
	marksErr := c.readMarks(out, func() (point, error) {
		cpu, err := treeCPU(cmd.Process.Pid)
		if err != nil {
			return point{}, err
		}
		c.Memory = max(c.Memory, peakMemory(cmd.Process.Pid))
		return now(cpu)
	})
	_, _ = io.Copy(io.Discard, out) // a full pipe would hold it
	waitErr := cmd.Wait()
	err = errors.Join(marksErr, waitErr)
	if err == nil && c.Done == (point{}) {
		err = errors.New("it did not say that it was done")
	}
	if err != nil {
		return c, fmt.Errorf("%w; end of its log: %s", errors.Join(ctx.Err(), err), tail(log.Name()))
	}
	c.End, err = now(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	return c, err
}

func (c *course) readMarks(out io.Reader, now func() (point, error)) error {
	into := map[string]*point{"mark first": &c.First, "mark half": &c.Half, "mark last": &c.Last, "mark done": &c.Done}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p := into[lines.Text()]
		if p == nil {
			continue // not ours: a library's
		}
		at, err := now()
		if err != nil {
			return err
		}
		*p = at
	}
	return lines.Err()
}

func tail(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	return strings.ToValidUTF8(string(bytes.TrimSpace(text[max(0, len(text)-3000):])), "")
}
