//go:build !linux

package peers

import (
	"errors"
	"syscall"
	"time"
)

func treeCPU(int) (time.Duration, error) {
	return 0, errors.New("cpu time of other processes: only read on Linux")
}

func peakMemory(int) int64 { return 0 }

func diesWithUs() *syscall.SysProcAttr { return nil }
