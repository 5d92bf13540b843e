//go:build linux || darwin

package main

import (
	"math"
	"syscall"
)

// freeBytes is what the disk of a directory has left for this user; NaN where that is not known.
func freeBytes(dir string) float64 {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return math.NaN()
	}
	return float64(st.Bavail) * float64(st.Bsize)
}
