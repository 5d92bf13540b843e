package suite

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"floorwalker/bench/peers"
)

// figure is a median over rounds with its range. The zero figure is one that was not measured.
type figure struct {
	median, low, high float64
	n                 int
}

func figureOf(values []float64) figure {
	if len(values) == 0 {
		return figure{}
	}
	slices.Sort(values)
	n := len(values)
	return figure{median: (values[(n-1)/2] + values[n/2]) / 2, low: values[0], high: values[n-1], n: n}
}

const missing = "–"

// text writes the median and, of several, the range.
func (f figure) text(number func(float64) string) string {
	switch {
	case f.n == 0:
		return missing
	case f.n == 1:
		return number(f.median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(f.median), number(f.low), number(f.high))
}

// short writes the median alone.
func (f figure) short(number func(float64) string) string {
	if f.n == 0 {
		return missing
	}
	return number(f.median)
}

// rounded writes a number with three digits that count, and commas.
func rounded(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	v = math.Round(v/unit) * unit
	if math.Abs(v) < 100 {
		return strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(math.Abs(v))+1e-9))), 64)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes a whole number.
func count(v float64) string {
	if v < 1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return rounded(v)
}

// size writes bytes; a dash where less was found after than before, and nothing can be said.
func size(v float64) string {
	if v < 0 {
		return "–"
	}
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if v < 1000 {
			return rounded(v) + " " + unit
		}
		v /= 1024
	}
	return rounded(v) + " TiB"
}

// report is a run's lines, as tables and plots.
type report struct {
	lines   []Line
	machine Machine
	peers   *peers.Report
	images  map[string][]byte
}

func newReport(lines []Line) *report {
	r := &report{lines: lines, images: map[string][]byte{}}
	for _, l := range lines {
		switch {
		case l.Part == machineName:
			_ = json.Unmarshal(l.Detail, &r.machine) // of an older form: what fits
		case l.Part == Peers:
			var p peers.Report
			if json.Unmarshal(l.Detail, &p) == nil {
				r.peers = &p
			}
		}
	}
	return r
}

// where picks the lines of a measurement with all of these labels (name, value, name, value ...).
func (r *report) where(part, name string, labels ...string) (out []Line) {
	for _, l := range r.lines {
		if l.Part != part || name != "" && l.Name != name {
			continue
		}
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && l.Labels[labels[i]] == labels[i+1]
		}
		if fits {
			out = append(out, l)
		}
	}
	return out
}

// over is a figure of lines; of counts nothing but finite numbers.
func over(lines []Line, of func(v map[string]float64) float64) figure {
	var values []float64
	for _, l := range lines {
		if v := of(l.Values); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	return figureOf(values)
}

func value(name string) func(map[string]float64) float64 {
	return func(v map[string]float64) float64 {
		if x, there := v[name]; there {
			return x
		}
		return math.NaN()
	}
}

// perCPU is events per CPU-second; cost is its inverse in µs.
func perCPU(v map[string]float64) float64 { return v["events"] / v["cpu_s"] }
func cost(v map[string]float64) float64   { return v["cpu_s"] / v["events"] * 1e6 }

func perEvent(name string) func(map[string]float64) float64 {
	return func(v map[string]float64) float64 { return value(name)(v) / v["events"] }
}

// stored is what an event takes in ClickHouse, without checkpoints, which replace each other.
func stored(v map[string]float64) float64 {
	sum := 0.0
	for name, n := range v {
		if strings.HasPrefix(name, "bytes_") && name != "bytes_checkpoints" && name != "bytes_migrations" {
			sum += n
		}
	}
	return sum / v["events"]
}

// labels lists the values of a label in the order of their first line.
func labels(lines []Line, name string) (out []string) {
	for _, l := range lines {
		if v := l.Labels[name]; v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func amount(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// table writes Markdown.
type table struct{ strings.Builder }

func newTable(head ...string) *table {
	t := &table{}
	t.row(head...)
	t.WriteString("|" + strings.Repeat("---|", len(head)) + "\n")
	return t
}

func (t *table) row(cells ...string) {
	t.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}
