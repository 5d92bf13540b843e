package main

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// How much memory the garbage collector may leave unused, in per cent of what is in use, and from which share of the machine's (or
// the control group's) memory on it works as often as it takes.
const (
	unusedPercent = 300
	shareOfMemory = 0.7
)

// spreadThreads sets how many threads run Go code at a time in a process that answers requests. GOMAXPROCS, where it is set, is followed
// instead.
func spreadThreads() {
	granted := runtime.GOMAXPROCS(0)
	if wanted := threads(runtime.NumCPU(), granted); os.Getenv("GOMAXPROCS") == "" && wanted != granted {
		runtime.GOMAXPROCS(wanted)
	}
}

// threads is how many threads run Go code at a time, given the processors there are and how many of them Go would use. The collector is to
// take a quarter of them: of four that is one, which it gets for itself. Of fewer it takes turns with everybody else on each of them, and
// the longer a collection lasts the longer its turns are: after a second 70 ms in which nobody is answered. With four, the kernel shares
// the processors among collector and others, by the millisecond. Where a control group grants less than the machine has, more threads
// would spend the grant at once and then all stand still.
func threads(processors, granted int) int {
	if granted < processors {
		return granted
	}
	return max(granted, 4)
}

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
