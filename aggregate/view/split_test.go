package view

import (
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// A contact centre in two partitions is told of and counted once, however often it goes to and fro; the later partition wins.
func TestCenterInTwoPartitions(t *testing.T) {
	set := metrics.NewSet()
	v, err := New(Config{Decoder: func() gate.Decoder { return &schema.Decoder{} }, Zone: func(string) *time.Location { return time.UTC }, Metrics: set})
	require.NoError(t, err)
	r := &replica{v: v, centers: map[string]*center{}}
	v.current.Store(r)
	one, other := &partition{r: r, id: 5}, &partition{r: r, id: 2}
	r.centerOf("7", one)
	require.Empty(t, v.Split())
	for range 3 {
		require.Same(t, one, r.centerOf("6", one).of)
		require.Same(t, other, r.centerOf("6", other).of)
	}
	require.Equal(t, []string{`contact centre "6" is in partitions 2 and 5, its live figures are wrong`}, v.Split())
	require.EqualValues(t, 1, set.GetOrCreateCounter("floorwalker_view_split_contact_centers_total").Get())
}
