package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables of docs/configuration.md anew")

const page = "../../../docs/configuration.md"

// tables are the parts of the page that are written from the declarations. Each names the keys that it tells of, with all below them;
// =key is one alone.
var tables = regexp.MustCompile(`(?s)<!-- keys: ([^\n]*?) -->\n.*?<!-- end of keys -->`)

// The page's tables say what the declarations say, and tell of every key once.
func TestReference_IsWhatTheDeclarationsSay(t *testing.T) {
	all := reference(t)
	data, err := os.ReadFile(page)
	require.NoError(t, err)
	told := map[string]int{}
	want := tables.ReplaceAllStringFunc(string(data), func(of string) string {
		names := tables.FindStringSubmatch(of)[1]
		rows := []string{"<!-- keys: " + names + " -->", "| key | default | meaning |", "|---|---|---|"}
		for _, root := range strings.Split(names, ", ") {
			found := false
			for _, k := range all {
				if "="+k.path == root || k.path == root || strings.HasPrefix(k.path, root+".") || strings.HasPrefix(k.path, root+"[]") {
					rows, found = append(rows, k.row()), true
					told[k.path]++
				}
			}
			require.True(t, found, "the page names %s, which is no key", root)
		}
		return strings.Join(append(rows, "<!-- end of keys -->"), "\n")
	})
	for _, k := range all {
		require.Equal(t, 1, told[k.path], "how often docs/configuration.md tells of %s", k.path)
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(data), "run go test ./cmd/floorwalker/config -update")
}

// key is one line of the reference.
type key struct {
	path, value, meaning string
}

func (k key) row() string {
	if k.value != "" {
		k.value = "`" + k.value + "`"
	}
	return strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s |", k.path, k.value, k.meaning), "|  |", "| |")
}

// reference lists every key in the order of its declaration.
func reference(t *testing.T) []key {
	comments := fieldComments(t)
	var out []key
	var walk func(v reflect.Value, path string, listed bool)
	walk = func(v reflect.Value, path string, listed bool) {
		for i := range v.NumField() {
			f, field := v.Type().Field(i), v.Field(i)
			at := join(path, f.Tag.Get("yaml"))
			meaning := comments[v.Type().Name()+"."+f.Name]
			if f.Type.Kind() == reflect.Struct {
				walk(field, at, listed)
				continue
			}
			require.NotEmpty(t, meaning, "%s.%s has no comment", v.Type().Name(), f.Name)
			k := key{path: at, meaning: meaning}
			if !listed {
				k.value = asWritten(t, field)
			}
			out = append(out, k)
			if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
				walk(reflect.New(f.Type.Elem()).Elem(), at+"[]", true)
			}
		}
	}
	c := Default()
	walk(reflect.ValueOf(&c).Elem(), "", false)
	return out
}

// asWritten is a default as a file would have it, "" for what is empty.
func asWritten(t *testing.T, v reflect.Value) string {
	switch of := v.Interface().(type) {
	case string:
		return of
	case int:
		return strconv.Itoa(of)
	case bool:
		return strconv.FormatBool(of)
	case time.Duration:
		return shortDuration(of)
	case []string:
		return list(of)
	}
	require.Equal(t, reflect.Slice, v.Kind())
	return "[]"
}

func list(of []string) string {
	out := make([]string, len(of))
	for i, s := range of {
		if out[i] = s; strings.Contains(s, ":") {
			out[i] = strconv.Quote(s)
		}
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func shortDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return regexp.MustCompile(`([hm])0[ms].*$`).ReplaceAllString(d.String(), "$1")
}

// fieldComments are what stands above or beside the fields of the package's structs, by type and field.
func fieldComments(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	out := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			of, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range of.Fields.List {
				text := f.Doc.Text()
				if text == "" {
					text = f.Comment.Text()
				}
				for _, id := range f.Names {
					out[spec.Name.Name+"."+id.Name] = strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(text, "\n", " ")), "|", `\|`)
				}
			}
			return true
		})
	}
	return out
}
