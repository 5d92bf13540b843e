package erase

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the erasure does to a history is tested beside the audit, which judges the same history (aggregate/audit).

func TestSpans_OnlyTheInteractionsThatNameTheCustomer(t *testing.T) {
	const h = int64(3_600_000)
	for name, c := range map[string]struct {
		starts, named []int64
		want          []span
	}{
		"one":                   {[]int64{10 * h}, []int64{10 * h}, []span{{"i", math.MinInt64, math.MaxInt64}}},
		"none is known":         {nil, []int64{10 * h}, []span{{"i", math.MinInt64, math.MaxInt64}}},
		"the first of two":      {[]int64{10 * h, 20 * h}, []int64{11 * h}, []span{{"i", math.MinInt64, 19 * h}}},
		"the second of two":     {[]int64{10 * h, 20 * h}, []int64{20 * h}, []span{{"i", 19 * h, math.MaxInt64}}},
		"said before it began":  {[]int64{10 * h, 20 * h}, []int64{19*h + 1}, []span{{"i", 19 * h, math.MaxInt64}}},
		"the second of three":   {[]int64{10 * h, 20 * h, 30 * h}, []int64{20 * h, 21 * h}, []span{{"i", 19 * h, 29 * h}}},
		"all three":             {[]int64{10 * h, 20 * h, 30 * h}, []int64{10 * h, 20 * h, 30 * h}, []span{{"i", math.MinInt64, 19 * h}, {"i", 19 * h, 29 * h}, {"i", 29 * h, math.MaxInt64}}},
		"two versions of a row": {[]int64{10 * h, 10*h + 1}, []int64{10 * h}, []span{{"i", math.MinInt64, math.MaxInt64}}},
	} {
		require.Equal(t, c.want, spansOf("i", c.starts, c.named, h), name)
	}
	r := run{spans: slices.Concat([]span{{"a", 0, 10}}, []span{{"i", math.MinInt64, 19 * h}, {"i", 29 * h, math.MaxInt64}})}
	for _, c := range []struct {
		id    string
		start int64
		want  bool
	}{{"i", 10 * h, true}, {"i", 20 * h, false}, {"i", 30 * h, true}, {"a", 5, true}, {"a", 10, false}, {"b", 5, false}} {
		require.Equal(t, c.want, r.owns(c.id, c.start), "%s at %d", c.id, c.start)
	}
}

func TestForms_ShortTextsOnlyAsAWhole(t *testing.T) {
	require.Equal(t, []string{`"C7"`}, forms("C7"))
	require.Equal(t, []string{`"+4930123"`, `+4930123`}, forms("+4930123"))
	require.Contains(t, forms(`a "b" <c>`), `"a \"b\" \u003cc\u003e"`)
}

func TestFingerprint_OfOneContactCentreAndOneKind(t *testing.T) {
	seen := map[string]bool{}
	for _, cc := range []string{"6", "7"} {
		for _, w := range []Whom{{ByID, "1"}, {ByPhone, "1"}, {ByID, "2"}} {
			seen[w.Fingerprint(cc)] = true
		}
	}
	require.Len(t, seen, 6)
}
