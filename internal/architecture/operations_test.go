package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	tableRow   = regexp.MustCompile(`(?m)^\| .*$`)
	metricName = regexp.MustCompile(`\bfloorwalker_[a-z0-9]+(?:_[a-z0-9]+)*`)
	codeSpan   = regexp.MustCompile("`([^`]+)`")
)

// Whoever meets a metric finds what it means, and what is explained is there.
func TestOperationsPage_ExplainsEveryMetric(t *testing.T) {
	inCode := map[string]string{}
	program(t, func(name string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := literal(n); ok {
				for _, m := range metricName.FindAllString(text, -1) {
					inCode[m] = name
				}
			}
			return true
		})
	})
	documented := map[string]bool{}
	for _, row := range tableRow.FindAllString(section(t, "operations.md", "### Metrics"), -1) {
		first := strings.Split(row, " | ")[0]
		for _, m := range metricName.FindAllString(first, -1) {
			require.False(t, documented[m], "%s twice", m)
			documented[m] = true
		}
	}
	require.Greater(t, len(inCode), 70)
	for _, m := range slices.Sorted(maps.Keys(inCode)) {
		require.True(t, documented[m], "docs/operations.md does not explain %s of %s", m, inCode[m])
		delete(documented, m)
	}
	require.Empty(t, documented, "explained, but not there")
}

// Whoever reads a warning or an error in the log finds what it means, and with its level.
func TestOperationsPage_ExplainsEveryWarning(t *testing.T) {
	inCode := map[string]string{}
	program(t, func(name string, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if level, line, ok := logged(n); ok {
				inCode[level+" "+line] = name
			}
			return true
		})
	})
	documented := map[string]bool{}
	for _, row := range tableRow.FindAllString(section(t, "operations.md", "### Log lines"), -1) {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		for _, m := range codeSpan.FindAllStringSubmatch(cells[1], -1) {
			documented[cells[0]+" "+m[1]] = true
		}
	}
	require.Greater(t, len(inCode), 50)
	for _, line := range slices.Sorted(maps.Keys(inCode)) {
		if line == "error broker" { // one row, under the milder of its two levels
			continue
		}
		require.True(t, documented[line], "docs/operations.md does not explain %q of %s", line, inCode[line])
		delete(documented, line)
	}
	require.Empty(t, documented, "explained, but not there")
}

// logged is the level and the text of a call of a logger's Warn or Error.
func logged(n ast.Node) (level, line string, ok bool) {
	call, is := n.(*ast.CallExpr)
	if !is || len(call.Args) == 0 {
		return "", "", false
	}
	method, is := call.Fun.(*ast.SelectorExpr)
	if !is {
		return "", "", false
	}
	level = strings.ToLower(method.Sel.Name)
	of := ""
	switch x := method.X.(type) {
	case *ast.Ident:
		of = x.Name
	case *ast.SelectorExpr:
		of = x.Sel.Name
	}
	logger := slices.Contains([]string{"log", "logger", "slog"}, strings.ToLower(of))
	line, text := literal(call.Args[0])
	return level, line, text && logger && (level == "warn" || level == "error")
}

func literal(n ast.Node) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// program walks the sources of what runs in production and in the demo: no tests, nor what only tests use.
func program(t *testing.T, visit func(name string, file *ast.File)) {
	t.Helper()
	for _, top := range []string{"cmd", "schema", "ingest", "aggregate", "query", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (strings.HasSuffix(d.Name(), "test") || slices.Contains([]string{"testdata", "node_modules", "dashboards"}, d.Name())):
				return filepath.SkipDir
			case d.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err == nil {
				visit(name, file)
			}
			return err
		})
		require.NoError(t, err)
	}
}

// section is a part of a page, from its heading to the next one of its level or above.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", page))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "docs/%s has no %s", page, heading)
	level := strings.Index(heading, " ")
	end := regexp.MustCompile(`(?m)^#{1,` + strconv.Itoa(level) + `} `).FindStringIndex(after)
	if end == nil {
		return after
	}
	return after[:end[0]]
}
