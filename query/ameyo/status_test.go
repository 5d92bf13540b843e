package ameyo

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
	text, err := os.ReadFile("../../docs/surfaces/ameyo.md")
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

func TestStatuses_EachHasAWordOfItsOwnAndIsDocumented(t *testing.T) {
	rows, seen := documented(t), map[string]string{}
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		for _, suspended := range []bool{false, s == schema.Available} {
			word := userStatus(s, suspended)
			require.NotEmpty(t, word, "%s has no place in this vendor's table", name)
			require.Contains(t, rows[name], "`"+word+"`", "the documentation of %s", name)
			require.Contains(t, []string{"", name}, seen[word], "%s means two statuses", word)
			seen[word] = name
			back, ok := filterWord(strings.ToUpper(word))
			require.True(t, ok)
			require.Equal(t, strings.ToLower(word), back, "the filter takes every value that rows show, in any case")
		}
	}
	require.Len(t, userStatuses(), len(schema.StatusNames())+1)
	require.Empty(t, userStatus(schema.Status(schema.NumStatuses), false), "a status that is new has no word until it is mapped")
}

func TestPartStates_OpenOnesHaveAContactStatus(t *testing.T) {
	for _, name := range schema.PartStateNames() {
		s, _ := schema.ParsePartState(name)
		open := slices.Contains([]string{"dialing", "ringing", "connected", "held", "parked", "wrap"}, name)
		require.Equal(t, open, contactStatus(s) != "", name)
	}
}
