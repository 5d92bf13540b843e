package convoso

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/documented"
	"floorwalker/schema"
)

func TestStatuses_EachIsCountedAndDocumented(t *testing.T) {
	rows := documented.Statuses(t, "../../docs/surfaces/convoso.md")
	word := map[bool]string{true: "yes", false: "no"}
	for _, name := range schema.StatusNames() {
		s, ok := schema.ParseStatus(name)
		require.True(t, ok)
		require.Len(t, rows[name], 1, "%s is documented once", name)
		loggedIn, ready, mapped := counted(s, false)
		require.True(t, mapped, "%s has no place in this vendor's table", name)
		in, free, ok := strings.Cut(rows[name][0], " | ")
		require.True(t, ok, "%s is not documented", name)
		require.Equal(t, word[loggedIn], in, name)
		require.True(t, strings.HasPrefix(free, word[ready]), name)
		_, ready, _ = counted(s, true)
		require.False(t, ready, "%s while suspended", name)
	}
	_, _, mapped := counted(schema.Status(schema.NumStatuses), false)
	require.False(t, mapped, "a status that is new is not counted until it is mapped")
}
