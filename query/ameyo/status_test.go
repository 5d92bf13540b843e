package ameyo

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/documented"
	"floorwalker/schema"
)

func TestStatuses_EachHasAWordOfItsOwnAndIsDocumented(t *testing.T) {
	rows, seen := documented.Statuses(t, "../../docs/surfaces/ameyo.md"), map[string]string{}
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		require.Len(t, rows[name], 1, "%s is documented once", name)
		for _, suspended := range []bool{false, s == schema.Available} {
			word := userStatus(s, suspended)
			require.NotEmpty(t, word, "%s has no place in this vendor's table", name)
			require.Contains(t, rows[name][0], "`"+word+"`", "the documentation of %s", name)
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
