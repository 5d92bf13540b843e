package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Every id comes back as it was, whatever the chunk's first one looks like.
func TestPackedIDComesBack(t *testing.T) {
	ids := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9a-f]{0,70}`), rapid.StringMatching(`call-[0-9]{1,9}`),
		rapid.StringMatching(`[0-9a-f-]{30,40}`), rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}`))
	rapid.Check(t, func(t *rapid.T) {
		id, first, other := ids.Draw(t, "id"), ids.Draw(t, "first"), ids.Draw(t, "other")
		r := unpacker{string(packID(nil, id, first)) + "rest"}
		p := r.id(first)
		require.Equal(t, "rest", r.rest)
		require.Equal(t, id, p.text())
		require.True(t, p.is(id))
		require.Equal(t, id == other, p.is(other))
	})
}

// Ids of one system take less than they are long.
func TestPackedIDIsShort(t *testing.T) {
	for _, x := range []struct {
		id, first string
		most      int
	}{
		{"call-20260301-100004711", "call-20260301-100002342", 2 + 2},
		{"9f1c7d52-3f0e-4c36-9b0a-6a1f4f0c2d11", "0192f3c4-7a1b-7c3d-9e5f-100000000001", 2 + 16},
		{"0192f3c5-7a1b-7c3d-9e5f-100000000001", "0192f3c4-7a1b-7c3d-9e5f-100000000001", 2 + 13},
		{"Ü", "call-1", 2 + 2},
	} {
		require.LessOrEqual(t, len(packID(nil, x.id, x.first)), x.most, x.id)
	}
}
