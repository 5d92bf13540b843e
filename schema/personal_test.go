package schema

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A field that joins the contract is hidden and erased until somebody has decided that it tells of no customer.
func TestPersonalFields_EachFieldOfInteractionsIsDecided(t *testing.T) {
	plain, texts, customers := PlainFields(), TextFields(), []string{"customer", "gruu", "screen_pop_url"}
	all := map[string]bool{}
	for e := InteractionCreated; e < EventDirectory; e++ {
		for _, f := range payloads[e] {
			all[f.name] = true
			lists := 0
			for _, list := range [][]string{plain, texts, customers} {
				if slices.Contains(list, f.name) {
					lists++
				}
			}
			require.Equal(t, 1, lists, "%s of %s", f.name, e)
		}
	}
	for _, name := range slices.Concat(plain, texts, customers) {
		require.True(t, all[name], "%s is a field of no event", name)
	}
}
