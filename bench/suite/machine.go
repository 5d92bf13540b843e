package suite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"floorwalker/internal/build"
	"floorwalker/internal/kafkatest"
)

// Machine is what a run was made on: the detail of the first line.
type Machine struct {
	Date        time.Time         `json:"date"`
	CPU         string            `json:"cpu"`
	CPUs        int               `json:"cpus"`
	MemoryBytes int64             `json:"memory_bytes"`
	System      string            `json:"system"`
	Load        string            `json:"load"` // of the machine, in the minute before
	Commit      string            `json:"commit"`
	Versions    map[string]string `json:"versions"`
	Command     string            `json:"command"`
	Size        Size              `json:"size"`
}

const machineName = "machine"

func (r *run) noteMachine(ctx context.Context) error {
	m := Machine{Date: time.Now().UTC().Truncate(time.Second), CPU: fieldOf("/proc/cpuinfo", "model name"), CPUs: runtime.NumCPU(), System: systemName(), Load: r.load,
		Commit: commit(ctx), Size: r.Size, Command: r.Command, Versions: map[string]string{"Go": strings.TrimPrefix(runtime.Version(), "go")}}
	if m.CPU == "" {
		m.CPU = runtime.GOARCH
	}
	m.MemoryBytes = memoryOf(fieldOf("/proc/meminfo", "MemTotal"))
	if r.Embedded {
		m.Versions["the embedded broker"] = "kfake"
	} else {
		m.Versions["Apache Kafka"] = kafkatest.Version
	}
	if r.servers != nil {
		var version string
		if err := r.servers.admin.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
			return err
		}
		m.Versions["ClickHouse"] = version
	}
	detail, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return r.add(Line{Part: machineName, Name: machineName, Detail: detail})
}

// fieldOf is the first value of a name in a file of "name: value" lines; empty where there is none.
func fieldOf(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memoryOf(text string) int64 {
	var kib int64
	for _, c := range text {
		if c < '0' || c > '9' {
			break
		}
		kib = kib*10 + int64(c-'0')
	}
	return kib << 10
}

func systemName() string {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return runtime.GOOS
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return runtime.GOOS
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// commit is what git says of the working directory; else what the executable was built from.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err == nil {
		return strings.TrimSpace(string(out))
	}
	return build.Revision()
}
