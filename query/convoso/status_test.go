package convoso

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// documented is the table of statuses in the user documentation: by status of ours, the rest of its row.
func documented(t *testing.T) map[string]string {
	text, err := os.ReadFile("../../docs/surfaces/convoso.md")
	require.NoError(t, err)
	rows := map[string]string{}
	for line := range strings.SplitSeq(string(text), "\n") {
		first, rest, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(first, -1) {
			if _, ok := schema.ParseStatus(m[1]); ok {
				rows[m[1]] = rest
			}
		}
	}
	return rows
}

func TestStatuses_EachIsCountedAndDocumented(t *testing.T) {
	rows := documented(t)
	word := map[bool]string{true: "yes", false: "no"}
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		loggedIn, ready, mapped := counted(s, false)
		require.True(t, mapped, "%s has no place in this vendor's table", name)
		in, free, ok := strings.Cut(rows[name], " | ")
		require.True(t, ok, "%s is not documented", name)
		require.Equal(t, word[loggedIn], in, name)
		require.True(t, strings.HasPrefix(free, word[ready]), name)
		_, ready, _ = counted(s, true)
		require.False(t, ready, "%s while suspended", name)
	}
	_, _, mapped := counted(schema.Status(schema.NumStatuses), false)
	require.False(t, mapped, "a status that is new is not counted until it is mapped")
}
