package suite

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReadLines reads what a run wrote as JSON.
func ReadLines(in io.Reader) ([]Line, error) {
	var out []Line
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(out)+1, err)
		}
		out = append(out, l)
	}
	return out, lines.Err()
}

// Merge puts what parts of a run gave in place of what earlier runs gave for them. The machine is that of the first.
func Merge(runs ...[]Line) (out []Line) {
	for n, lines := range runs {
		again := map[string]bool{}
		for _, l := range lines {
			again[l.Part] = l.Part != machineName && l.Part != failures
		}
		out = slices.DeleteFunc(out, func(l Line) bool {
			part, _, _ := strings.Cut(l.Name, ":")
			return again[l.Part] || l.Part == failures && again[part]
		})
		for _, l := range lines {
			if n == 0 || l.Part != machineName {
				out = append(out, l)
			}
		}
	}
	return out
}

// Between these lines a page holds what runs write; the rest of it is written by people.
const (
	begin = "<!-- measured: written by make bench -->\n"
	end   = "<!-- end of what is measured -->\n"
)

// Write makes benchmarks.md, capacity.md and images/bench-*.svg in a directory. Of pages that are there it replaces what lies between begin
// and end only.
func Write(dir string, lines []Line) error {
	if err := os.MkdirAll(filepath.Join(dir, "images"), 0o755); err != nil {
		return err
	}
	r := newReport(lines)
	for name, page := range map[string]struct{ title, text string }{
		"benchmarks.md": {"Benchmarks", r.benchmarks()},
		"capacity.md":   {"Capacity", r.capacity()},
	} {
		if err := replace(filepath.Join(dir, name), page.title, page.text); err != nil {
			return err
		}
	}
	for name, svg := range r.images {
		if err := os.WriteFile(filepath.Join(dir, "images", name), svg, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func replace(file, title, text string) error {
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = []byte("# "+title+"\n\n"+begin+end), nil
	}
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s: the lines %q and %q are not there, in this order", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}
