// Package documented reads tables of the user documentation, for tests that hold them against the code.
package documented

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

var codeWords = regexp.MustCompile("`([a-z_]+)`")

// Statuses are the rows of a page's tables whose first column names statuses of ours: by status the rest of its rows, in the page's
// order.
func Statuses(t testing.TB, page string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	rows := map[string][]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		first, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range codeWords.FindAllStringSubmatch(first, -1) {
			if _, ok := schema.ParseStatus(m[1]); ok {
				rows[m[1]] = append(rows[m[1]], rest)
			}
		}
	}
	return rows
}
