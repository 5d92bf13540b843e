package exotel

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// documented is the table of statuses in the user documentation: by status of ours, the rest of its row.
func documented(t *testing.T) map[string]string {
	text, err := os.ReadFile("../../docs/surfaces/exotel.md")
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

func TestStatuses_EachHasAWordAndIsDocumented(t *testing.T) {
	rows := documented(t)
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		for _, suspended := range []bool{false, true} {
			word := wordOf(s, suspended)
			require.Contains(t, words(), word, "%s has no place in this vendor's table", name)
			require.Contains(t, rows[name], "`"+word+"`", "the documentation of %s", name)
		}
	}
	require.Empty(t, wordOf(schema.Status(schema.NumStatuses), false), "a status that is new has no word until it is mapped")
}

// Whatever may be set comes back as the word that was set.
func TestWords_WrittenAsAPresenceThatShowsThem(t *testing.T) {
	for _, word := range words() {
		presence, ok := presenceOf(word)
		require.Equal(t, slices.Contains([]string{available, busy, offline}, word), ok, word)
		if ok {
			require.True(t, presence.IsPresence())
			require.Equal(t, word, wordOf(presence, false))
		}
		for _, from := range words() {
			require.True(t, ok || !mayChange(from, word), "%s to %s", from, word)
		}
	}
}
