package suite

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc, the same on all of Linux's platforms.
const tick = 10 * time.Millisecond

// cpuOf is what another process has used so far, user and system, in steps of 10 ms; 0 where the system does not tell.
func cpuOf(pid int) time.Duration {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The command may hold anything, but ends with the last parenthesis; utime and stime are the 12th and 13th field after it.
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	var sum time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(n) * tick
	}
	return sum
}

// residentOf is a process's resident memory in bytes; 0 where the system does not tell.
func residentOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("VmRSS:"))
	var kib int64
	if _, err := fmt.Fscan(bytes.NewReader(rest), &kib); err != nil {
		return 0
	}
	return kib << 10
}

// usage is what was used up to a moment.
type usage struct {
	cpu    time.Duration // of this process
	store  time.Duration // of ClickHouse
	wall   time.Time
	allocs uint64 // objects
	rows   uint64 // written to ClickHouse, where a worker says so
}

func (u usage) since(from usage) usage {
	return usage{cpu: u.cpu - from.cpu, store: u.store - from.store, allocs: u.allocs - from.allocs, rows: u.rows - from.rows}
}

// used reads the usage; store is ClickHouse's process, 0 for none.
func used(store int) (usage, error) {
	cpu, err := ownCPU()
	if err != nil {
		return usage{}, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{cpu: cpu, wall: time.Now(), allocs: m.Mallocs}
	if store > 0 {
		u.store = cpuOf(store)
	}
	return u, nil
}

// heap is what is reachable, in bytes.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
