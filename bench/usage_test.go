package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// usage is what this process has used: CPU of user and system, its collector's included, and allocations. The broker and
// ClickHouse are other processes.
type usage struct {
	cpu, system     time.Duration
	wall            time.Time
	mallocs, memory uint64
	faults          int64 // pages touched for the first time
}

func used(tb testing.TB) usage {
	var u syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{cpu: time.Duration(u.Utime.Nano() + u.Stime.Nano()), system: time.Duration(u.Stime.Nano()), wall: time.Now(), mallocs: m.Mallocs, memory: m.TotalAlloc, faults: u.Minflt}
}

// total sums what several stretches have used.
type total struct {
	cpu, system     time.Duration
	wall            time.Duration
	mallocs, memory uint64
	faults          int64
	events          int
}

func (t *total) add(from, to usage, events int) {
	t.cpu, t.system, t.wall = t.cpu+to.cpu-from.cpu, t.system+to.system-from.system, t.wall+to.wall.Sub(from.wall)
	t.faults += to.faults - from.faults
	t.mallocs, t.memory, t.events = t.mallocs+to.mallocs-from.mallocs, t.memory+to.memory-from.memory, t.events+events
}

func (t *total) report(b *testing.B) {
	n := float64(t.events)
	b.ReportMetric(0, "ns/op") // says nothing: an operation is a whole run
	b.ReportMetric(n/t.cpu.Seconds(), "events/cpu-s")
	b.ReportMetric(n/t.wall.Seconds(), "events/s")
	b.ReportMetric(float64(t.cpu.Nanoseconds())/n, "cpu-ns/event")
	b.ReportMetric(float64(t.system.Nanoseconds())/n, "system-ns/event")
	b.ReportMetric(float64(t.mallocs)/n, "allocs/event")
	b.ReportMetric(float64(t.memory)/n, "B/event")
	b.ReportMetric(float64(t.faults)/n, "faults/event")
}

// profileVariable names a directory that gets a CPU profile of what is measured, and of nothing else, for each benchmark.
const profileVariable = "FLOORWALKER_BENCH_PROFILE"

// profile begins one and returns how to end it.
func profile(b *testing.B) (end func()) {
	dir := os.Getenv(profileVariable)
	if dir == "" {
		return func() {}
	}
	name := filepath.Join(dir, strings.ReplaceAll(b.Name(), "/", "_"))
	f, err := os.Create(name + ".cpu")
	require.NoError(b, err)
	require.NoError(b, pprof.StartCPUProfile(f))
	return func() {
		pprof.StopCPUProfile()
		require.NoError(b, f.Close())
		runtime.GC() // allocations of the last cycle are not in the profile yet
		heap, err := os.Create(fmt.Sprintf("%s.allocs", name))
		require.NoError(b, err)
		require.NoError(b, pprof.Lookup("allocs").WriteTo(heap, 0))
		require.NoError(b, heap.Close())
	}
}
