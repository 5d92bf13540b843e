package peers

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of CPU times in /proc, the same on all of Linux's platforms.
const tick = 10 * time.Millisecond

// treeCPU is what a process and all its descendants have used so far, user and system, those that have ended and been waited for
// included.
func treeCPU(pid int) (time.Duration, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("cpu time: %w", err)
	}
	parent, used := map[int]int{}, map[int]time.Duration{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		up, cpu, err := stat(id)
		if err != nil {
			continue // it has ended meanwhile
		}
		parent[id], used[id] = up, cpu
	}
	if _, there := used[pid]; !there {
		return 0, fmt.Errorf("cpu time: process %d is not there", pid)
	}
	var sum time.Duration
	for id, cpu := range used {
		for up := id; up > 0; up = parent[up] {
			if up == pid {
				sum += cpu
				break
			}
		}
	}
	return sum, nil
}

// stat reads the fields after the command, which may hold anything but ends with the last parenthesis: the second is the parent's id,
// the 12th to 15th are utime, stime, cutime and cstime.
func stat(pid int) (parent int, cpu time.Duration, err error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(fields) < 15 {
		return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	if parent, err = strconv.Atoi(string(fields[1])); err != nil {
		return 0, 0, err
	}
	for _, f := range fields[11:15] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		cpu += time.Duration(n) * tick
	}
	return parent, cpu, nil
}

// peakMemory is the most that a process has had resident, in bytes; 0 once it has ended. (What wait4 says begins with its parent's.)
func peakMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	var kib int64
	if _, err := fmt.Fscan(bytes.NewReader(rest), &kib); err != nil {
		return 0
	}
	return kib * 1024
}

func diesWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
