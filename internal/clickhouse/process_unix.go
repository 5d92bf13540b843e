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

// niceness is how far the child stands back where processors are short. It writes and merges in bursts on several threads, and whoever
// waits for a live answer on the same machine would wait for them.
const niceness = 10

// standBack lowers the priority of all threads of the child, which its later ones inherit.
func standBack(pid int) error {
	if err := syscall.Setpriority(syscall.PRIO_PGRP, pid, niceness); err != nil {
		return fmt.Errorf("priority %d of process %d: %w", niceness, pid, err)
	}
	return nil
}

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
