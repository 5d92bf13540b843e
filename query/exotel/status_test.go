package exotel

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/documented"
	"floorwalker/schema"
)

func TestStatuses_EachHasAWordAndIsDocumented(t *testing.T) {
	rows := documented.Statuses(t, "../../docs/surfaces/exotel.md")
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		require.Len(t, rows[name], 1, "%s is documented once", name)
		for _, suspended := range []bool{false, true} {
			word := wordOf(s, suspended)
			require.Contains(t, words(), word, "%s has no place in this vendor's table", name)
			require.Contains(t, rows[name][0], "`"+word+"`", "the documentation of %s", name)
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
