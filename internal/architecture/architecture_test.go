// Package architecture holds the tests of what no compiler checks: who may import whom (docs/design.md, section "The map"), and that
// the documentation stands on its own.
package architecture_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
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
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func TestImports_FollowTheLayers(t *testing.T) {
	module, list := packages(t)
	require.Contains(t, importPaths(list), module+"/schema", "go list did not see the module's packages")
	for _, p := range list {
		for _, to := range p.Imports {
			require.NoError(t, judge(module, p.ImportPath, to))
		}
	}
}

// Tests of every layer may use internal's helpers (a real broker, a real ClickHouse), but not the layers beside their own.
func TestImportsOfTests_NeverReachTheLayerBeside(t *testing.T) {
	module, list := packages(t)
	for _, p := range list {
		for _, to := range slices.Concat(p.TestImports, p.XTestImports) {
			if top, _ := folder(module, to); top != "internal" {
				require.NoError(t, judge(module, p.ImportPath, to), "in a test")
			}
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
	allowed, known := layers[here]
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

func packages(t *testing.T) (module string, list []pkg) {
	t.Helper()
	module = strings.TrimSpace(string(run(t, "list", "-m")))
	dec := json.NewDecoder(strings.NewReader(string(run(t, "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./..."))))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return module, list
		}
		require.NoError(t, err)
		list = append(list, p)
	}
}

func run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s", strings.Join(args, " "))
	return out
}

func importPaths(list []pkg) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.ImportPath)
	}
	return out
}
