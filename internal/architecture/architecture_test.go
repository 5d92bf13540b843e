// Package architecture holds the tests of what no compiler checks: who may import whom (docs/design.md, section "The map"), and that
// the documentation stands on its own.
package architecture_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the checkout, seen from this directory.
const root = "../.."

// layers are the top folders and the other top folders whose packages its own may import.
var layers = map[string][]string{
	"schema":    {},
	"internal":  {"schema"},
	"ingest":    {"schema", "internal"},
	"aggregate": {"schema", "internal"},
	"query":     {"schema", "internal"},
	"bench":     {"schema", "internal", "ingest", "aggregate", "query", "cmd"},
	"cmd":       {"schema", "internal", "ingest", "aggregate", "query"},
	// Tests of the whole program, which nobody imports.
	"internal/faults": {"schema", "internal", "ingest"},
}

// source is one Go file of ours, whatever system it is built for.
type source struct {
	file, in string // in is the import path of its package
	test     bool
	imports  []string
}

func TestImports_FollowTheLayers(t *testing.T) {
	module, list := sources(t)
	require.True(t, slices.ContainsFunc(list, func(s source) bool { return s.in == module+"/cmd/floorwalker" }), "the walk found no sources")
	for _, s := range list {
		if s.test && s.in == module+"/internal/e2e" {
			continue // tests of the whole put all layers together
		}
		for _, to := range s.imports {
			// Tests of every layer may use internal's helpers (a real broker, a real ClickHouse), but not the layers beside their own.
			if top, _ := folder(module, to); s.test && top == "internal" {
				continue
			}
			require.NoError(t, judge(module, s.in, to), s.file)
		}
	}
}

func TestJudge_NamesTheRuleThatIsBroken(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"m/query/floor", "m/schema/metric", ""},
		{"m/query/floor", "m/query/list", ""},
		{"m/query/floor", "fmt", ""},
		{"m/cmd/floorwalker", "m/aggregate/view", ""},
		{"m/ingest", "m/internal/kafkatest", ""},
		{"m/internal/broker", "m/schema", ""},
		{"m/internal/faults", "m/ingest/simulate", ""},
		{"m/query/floor", "m/aggregate/view", "m/query/floor imports m/aggregate/view: query may import schema, internal only"},
		{"m/ingest", "m/query", "m/ingest imports m/query: ingest may import schema, internal only"},
		{"m/schema", "m/internal/broker", "m/schema imports m/internal/broker: schema may import nothing of ours but itself"},
		{"m/internal/broker", "m/ingest", "m/internal/broker imports m/ingest: internal may import schema only"},
		{"m/aggregate/view", "m/cmd/floorwalker/config", "m/aggregate/view imports m/cmd/floorwalker/config: aggregate may import schema, internal only"},
		{"m/cmd/floorwalker", "m/bench", "m/cmd/floorwalker imports m/bench: cmd may import schema, internal, ingest, aggregate, query only"},
		{"m/util", "m/schema", "m/util lies in no known folder: its place and what it may import belong into layers"},
	} {
		err := judge("m", c.from, c.to)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.want)
	}
}

// judge says whether one package may import another.
func judge(module, from, to string) error {
	target, ours := folder(module, to)
	if !ours {
		return nil
	}
	here, _ := folder(module, from)
	allowed, known := layers[strings.TrimPrefix(from, module+"/")]
	if !known {
		allowed, known = layers[here]
	}
	switch {
	case !known:
		return fmt.Errorf("%s lies in no known folder: its place and what it may import belong into layers", from)
	case target == here || slices.Contains(allowed, target):
		return nil
	case len(allowed) == 0:
		return fmt.Errorf("%s imports %s: %s may import nothing of ours but itself", from, to, here)
	}
	return fmt.Errorf("%s imports %s: %s may import %s only", from, to, here, strings.Join(allowed, ", "))
}

// folder is the top folder of one of our packages; false for everybody else's.
func folder(module, importPath string) (string, bool) {
	rest, ours := strings.CutPrefix(importPath, module+"/")
	top, _, _ := strings.Cut(rest, "/")
	return top, ours
}

var moduleLine = regexp.MustCompile(`(?m)^module (\S+)`)

// sources reads the imports of all Go files. It reads them itself instead of asking go list, because only what a test opens itself
// makes go test run it again.
func sources(t *testing.T) (module string, list []source) {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	module = moduleLine.FindStringSubmatch(string(mod))[1]
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "data", "testdata", "node_modules"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		s, err := read(module, name)
		list = append(list, s)
		return err
	})
	require.NoError(t, err)
	return module, list
}

func read(module, name string) (source, error) {
	dir, err := filepath.Rel(root, filepath.Dir(name))
	if err != nil {
		return source{}, err
	}
	s := source{file: filepath.Join(dir, filepath.Base(name)), in: path.Join(module, filepath.ToSlash(dir)), test: strings.HasSuffix(name, "_test.go")}
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return s, err
	}
	for _, i := range file.Imports {
		to, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return s, err
		}
		s.imports = append(s.imports, to)
	}
	return s, nil
}
