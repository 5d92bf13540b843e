package config

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	Path   string // such as kafka.brokers[0]
	Line   int    // 0 where the file does not name it
	Reason string // the value and what is allowed
}

func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Reason
	}
	return fmt.Sprintf("line %d: %s: %s", f.Line, f.Path, f.Reason)
}

// faults gathers; nothing stops at the first.
type faults struct {
	list  []*Fault
	lines map[string]int // where the file names a path
}

func (f *faults) add(path, format string, args ...any) {
	f.list = append(f.list, &Fault{Path: path, Reason: fmt.Sprintf(format, args...)})
}

func (f *faults) at(line int, path, format string, args ...any) {
	f.list = append(f.list, &Fault{Path: path, Line: line, Reason: fmt.Sprintf(format, args...)})
}

// lineOf finds a path in the file, or what contains it: a key that is missing is missing there.
func (f *faults) lineOf(path string) int {
	for path != "" {
		if n, ok := f.lines[path]; ok {
			return n
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 0
}

// err joins all faults in the order of the file.
func (f *faults) err() error {
	for _, one := range f.list {
		if one.Line == 0 {
			one.Line = f.lineOf(one.Path)
		}
	}
	sort.SliceStable(f.list, func(i, j int) bool { return f.list[i].Line < f.list[j].Line })
	errs := make([]error, len(f.list))
	for i, one := range f.list {
		errs[i] = one
	}
	return errors.Join(errs...)
}
