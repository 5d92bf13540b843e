package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// How much memory the garbage collector may leave unused, in per cent of what is in use, and from which share of the machine's (or
// the control group's) memory on it works as often as it takes.
const (
	unusedPercent = 300
	shareOfMemory = 0.7
)

// collectSeldom spends memory that the machine has on fewer garbage collections: what is kept of a floor is large and lives long, and
// going through it at every doubling costs a worker a tenth of its time. GOGC and GOMEMLIMIT, where they are set, are followed instead.
func collectSeldom(log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithRatio(shareOfMemory), memlimit.WithProvider(memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)))
	if err != nil {
		log.Warn("the machine's memory is not known, garbage is collected as ever", "error", err)
		return
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(unusedPercent)
	}
	log.Info("memory bounded", "soft_limit_bytes", limit)
}
