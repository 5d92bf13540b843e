package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// namedTest finds `TestSomething`, `TestSomething…` (any that begin so) and `TestSomething/part`.
var namedTest = regexp.MustCompile("`((?:Test|Fuzz)\\w+)(…)?(?:/[^`]*)?`")

// Whoever wants to see a promise of the documentation kept finds the test that it names.
func TestTestsNamedByTheDocumentation_Exist(t *testing.T) {
	tests := testNames(t)
	require.Contains(t, tests, "TestTestsNamedByTheDocumentation_Exist", "the walk found no tests")
	named := map[string]int{}
	for _, file := range documents(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range namedTest.FindAllStringSubmatch(string(text), -1) {
			named[filepath.Base(file)]++
			begins := func(name string) bool { return name == m[1] || m[2] != "" && strings.HasPrefix(name, m[1]) }
			require.True(t, slices.ContainsFunc(tests, begins), "%s names %s: there is no such test", file, m[0])
		}
	}
	require.Greater(t, named["security.md"], 30)
	require.Greater(t, named["reliability.md"], 20)
}

// A row of the security page says what is done and which test shows it, or says plainly that it is not built.
func TestSecurityPage_EveryRowHasATestOrSaysThatItIsNotBuilt(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	require.NoError(t, err)
	rows := 0
	for line := range strings.SplitSeq(fence.ReplaceAllString(string(text), ""), "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 3 || cells[2] == "test" {
			continue
		}
		rows++
		shown := namedTest.MatchString(cells[2]) || strings.Contains(cells[2], "**not built**") || strings.Contains(cells[2], "**no test**")
		require.True(t, shown, "this row names no test: %s", line)
	}
	require.Greater(t, rows, 30)
}

func testNames(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "data", "testdata", "node_modules"}, d.Name())):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				names = append(names, f.Name.Name)
			}
		}
		return nil
	})
	require.NoError(t, err)
	return names
}
