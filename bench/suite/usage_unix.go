//go:build unix

package suite

import (
	"syscall"
	"time"
)

// ownCPU is what this process has used, user and system, its collector's included.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
