package peers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"floorwalker/internal/kafkatest"
)

// Trial is what one run of a peer has used. CPU times are of user and system, in seconds, from the operating system.
type Trial struct {
	Peer   string `json:"peer"`
	Round  int    `json:"round"`
	Events int    `json:"events"`
	Cells  int    `json:"cells"`
	Wrong  string `json:"wrong,omitempty"` // how the result differs from the oracle's

	StartSeconds float64 `json:"start_seconds"` // from the process's start to its first record
	Seconds      float64 `json:"seconds"`       // from there until all results are stored
	StartCPU     float64 `json:"start_cpu"`
	CPU          float64 `json:"cpu"`       // from the first record until all results are stored
	WarmCPU      float64 `json:"warm_cpu"`  // from half of the records read until all results are stored: compilers have done most of their work
	WholeCPU     float64 `json:"whole_cpu"` // of the process, start and end included
	StoreCPU     float64 `json:"store_cpu"` // ClickHouse's, merges included; 0 where the peer does not write there. Of ClickHouse alone it is in the others, too
	AnswerCPU    float64 `json:"answer_cpu"`
	MemoryBytes  int64   `json:"memory_bytes"` // resident at most

	AnswerSeconds float64 `json:"answer_seconds"` // for reading the whole result from ClickHouse once

	// Events per second of the above.
	PerSecond    float64 `json:"per_second"`
	PerCPU       float64 `json:"per_cpu_second"`
	PerCPUWarm   float64 `json:"per_cpu_second_warm"`
	PerCPUWhole  float64 `json:"per_cpu_second_whole"`
	PerCPUStored float64 `json:"per_cpu_second_with_store"` // CPU and StoreCPU together
}

func newTrial(p peer, round, events int, c course) Trial {
	n := float64(events)
	r := Trial{Peer: p.name, Round: round, Events: events, MemoryBytes: c.Memory,
		StartSeconds: c.First.Wall.Seconds(), StartCPU: c.First.CPU.Seconds(), WholeCPU: c.End.CPU.Seconds(),
		Seconds: (c.Done.Wall - c.First.Wall).Seconds(), CPU: (c.Done.CPU - c.First.CPU).Seconds(), WarmCPU: (c.Done.CPU - c.Half.CPU).Seconds()}
	r.PerSecond, r.PerCPU, r.PerCPUWhole = n/r.Seconds, n/r.CPU, n/r.WholeCPU
	if r.WarmCPU > 0 {
		r.PerCPUWarm = n / 2 / r.WarmCPU
	}
	r.PerCPUStored = r.PerCPU
	return r
}

// setStore adds what ClickHouse has used. Of ClickHouse alone that is the peer itself: its second half is not told apart, because it
// works by INSERTs of a hundred thousand rows.
func (r *Trial) setStore(p peer, cpu time.Duration) {
	n := float64(r.Events)
	r.StoreCPU = cpu.Seconds()
	r.PerCPUStored = n / (r.CPU + r.StoreCPU)
	if p.name == clickhouseAlone {
		r.CPU, r.WholeCPU, r.WarmCPU, r.PerCPUWarm = r.CPU+r.StoreCPU, r.WholeCPU+r.StoreCPU, 0, 0
		r.PerCPU, r.PerCPUWhole = n/r.CPU, n/r.WholeCPU
	}
}

// Report is a whole comparison.
type Report struct {
	Date     time.Time         `json:"date"`
	Machine  string            `json:"machine"`
	CPUs     int               `json:"cpus"`
	Versions map[string]string `json:"versions"`
	Events   int               `json:"events"`
	Bytes    int64             `json:"bytes"` // of the records' keys and values
	Cells    int               `json:"cells"` // of the job's result
	Rounds   int               `json:"rounds"`
	Runs     []Trial           `json:"runs"`

	Latencies []Latency `json:"latencies,omitempty"`
}

// Figure is a median and its range.
type Figure struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Row sums up one peer's runs, those with a wrong result left out.
type Row struct {
	Peer, Title                                                           string
	Runs, Wrong                                                           int
	PerCPU, PerCPUWarm, PerCPUWhole, PerCPUStored, PerSecond              Figure
	StartSeconds, StartCPU, StoreCPU, AnswerCPU, AnswerSeconds, MemoryMiB Figure
}

// Rows are the peers that ran, in the order of Names.
func (r Report) Rows() []Row {
	var rows []Row
	for _, p := range all() {
		row := Row{Peer: p.name, Title: p.title}
		var right []Trial
		for _, run := range r.Runs {
			if run.Peer != p.name {
				continue
			}
			if row.Runs++; run.Wrong != "" {
				row.Wrong++
				continue
			}
			right = append(right, run)
		}
		if row.Runs == 0 {
			continue
		}
		for into, of := range map[*Figure]func(Trial) float64{
			&row.PerCPU:        func(r Trial) float64 { return r.PerCPU },
			&row.PerCPUWarm:    func(r Trial) float64 { return r.PerCPUWarm },
			&row.PerCPUWhole:   func(r Trial) float64 { return r.PerCPUWhole },
			&row.PerCPUStored:  func(r Trial) float64 { return r.PerCPUStored },
			&row.PerSecond:     func(r Trial) float64 { return r.PerSecond },
			&row.StartSeconds:  func(r Trial) float64 { return r.StartSeconds },
			&row.StartCPU:      func(r Trial) float64 { return r.StartCPU },
			&row.StoreCPU:      func(r Trial) float64 { return r.StoreCPU },
			&row.AnswerCPU:     func(r Trial) float64 { return r.AnswerCPU },
			&row.AnswerSeconds: func(r Trial) float64 { return r.AnswerSeconds },
			&row.MemoryMiB:     func(r Trial) float64 { return float64(r.MemoryBytes) / (1 << 20) },
		} {
			*into = figure(right, of)
		}
		rows = append(rows, row)
	}
	return rows
}

func figure(runs []Trial, of func(Trial) float64) Figure {
	if len(runs) == 0 {
		return Figure{}
	}
	var values []float64
	for _, r := range runs {
		values = append(values, of(r))
	}
	slices.Sort(values)
	n := len(values)
	return Figure{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1]}
}

// Markdown is the report as a table, with the machine and the versions above it.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d CPUs, %s. %s events (%d MiB) in one topic of 8 partitions, %d rounds; the result has %s cells.\n", r.Machine, r.CPUs,
		r.Date.Format("2006-01-02"), thousands(float64(r.Events)), r.Bytes>>20, r.Rounds, thousands(float64(r.Cells)))
	var versions []string
	for name, v := range r.Versions {
		versions = append(versions, name+" "+v)
	}
	slices.Sort(versions)
	fmt.Fprintf(&b, "%s.\n\n", strings.Join(versions, ", "))
	b.WriteString("| | events per CPU-second | of the floor's second half | whole process | ClickHouse's CPU added | events/s | start, s (CPU s) | memory, MiB | runs, all right |\n" +
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.Rows() {
		stored := "–"
		if row.StoreCPU.Max > 0 {
			stored = row.PerCPUStored.text()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %.1f (%.1f) | %.0f | %d of %d |\n", row.Title, row.PerCPU.text(), row.PerCPUWarm.text(), row.PerCPUWhole.text(), stored,
			row.PerSecond.text(), row.StartSeconds.Median, row.StartCPU.Median, row.MemoryMiB.Median, row.Runs-row.Wrong, row.Runs)
	}
	b.WriteString("\n| reading the whole result from ClickHouse once | s | ClickHouse's CPU s |\n|---|---|---|\n")
	for _, row := range r.Rows() {
		if row.AnswerSeconds.Max > 0 {
			fmt.Fprintf(&b, "| %s | %.2f | %.2f |\n", row.Title, row.AnswerSeconds.Median, row.AnswerCPU.Median)
		}
	}
	if len(r.Latencies) > 0 {
		b.WriteString("\n| from an event's due time to a result that counts it, 1,000 events/s | p50 ms | p99 ms | longest, ms | updates, missing |\n|---|---|---|---|---|\n")
	}
	for _, l := range r.Latencies {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f | %d, %d |\n", l.Setting, l.P50, l.P99, l.Max, l.Updates, l.Missing)
	}
	return b.String()
}

func (f Figure) text() string {
	if f.Max == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s to %s)", thousands(f.Median), thousands(f.Min), thousands(f.Max))
}

// thousands writes a number with its last three digits rounded away where it has many.
func thousands(v float64) string {
	n := int64(v + .5)
	if n >= 10_000 {
		n = (n + 500) / 1000 * 1000
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (s *stage) versions(ctx context.Context) map[string]string {
	v := map[string]string{"Apache Kafka": kafkatest.Version, "Apache Flink": javaVersion("flink.version"), "its Kafka connector": javaVersion("flink.kafka.version"),
		"Kafka Streams": javaVersion("kafka.version"), "Jackson": javaVersion("jackson.version"), "Go": strings.TrimPrefix(runtime.Version(), "go")}
	var store string
	if err := s.admin.QueryRow(ctx, "SELECT version()").Scan(&store); err == nil {
		v["ClickHouse"] = store
	}
	return v
}

// machine is the processor's name, where the system tells it.
func machine() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
