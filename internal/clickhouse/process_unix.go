//go:build unix

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ownGroup keeps the terminal's Ctrl-C away from the child: its parent decides when it stops, after the last write.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// lockDir takes the directory's lock, waiting while a predecessor still shuts down. The lock belongs to the open file and
// so to every process that inherits it.
func lockDir(ctx context.Context, name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: another server uses this directory: %w", name, ctx.Err()), f.Close())
		case <-tick.C:
		}
	}
}
