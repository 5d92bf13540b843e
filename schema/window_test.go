package schema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A histogram of seconds knows nothing beyond an hour: larger thresholds count all of it.
func TestWithin_ThresholdsOfAnyLength(t *testing.T) {
	bins := []Bin{{Key: SecondsKey(3500_000), N: 1}}
	for _, seconds := range []int{3500, 3600, 16_384, 32_768, 36_000, 86_400, 366 * 86_400} {
		require.EqualValues(t, 1, Within(bins, seconds), seconds)
		require.EqualValues(t, min(1, max(0, seconds-3500)), Under(bins, seconds), seconds)
	}
}
