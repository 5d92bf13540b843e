package plot

import (
	"encoding/xml"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err, "%s", svg)
	}
}

func TestSVG_WellFormedWithNamesAndGoal(t *testing.T) {
	c := Chart{Title: "Cost & growth", X: "agents", Y: "µs < 3", LogX: true, Goal: 2, GoalName: "goal 2 µs",
		Series: []Series{{"worker", []Point{{1000, 1.5, 1.2, 1.9}, {1_000_000, 1.8, 0, 0}}}, {"<engine>", []Point{{1000, 1, 0, 0}}}}}
	svg := c.SVG()
	wellFormed(t, svg)
	for _, want := range []string{"Cost &amp; growth", "&lt;engine&gt;", "goal 2 µs", ">1 k<", ">1 M<"} {
		require.Contains(t, string(svg), want)
	}
}

func TestSVG_NothingToShow_StillAChart(t *testing.T) {
	for _, c := range []Chart{{}, {LogX: true, LogY: true}, {Series: []Series{{"zeros", []Point{{0, 0, 0, 0}}}}}, {LogY: true, Series: []Series{{"zeros", []Point{{0, 0, 0, 0}}}}}} {
		svg := c.SVG()
		wellFormed(t, svg)
		require.NotContains(t, string(svg), "NaN")
		require.NotContains(t, string(svg), "Inf")
	}
}

func TestAxes_CoverTheValuesWithRoundTicks(t *testing.T) {
	a := newAxis([]float64{3, 47}, 0, 100, false)
	require.Equal(t, []float64{0, 10, 20, 30, 40, 50}, a.ticks)
	require.InDelta(t, 94, a.at(47), 1e-9)
	a = newAxis([]float64{1000, 1_000_000}, 0, 300, true)
	require.Equal(t, []float64{1000, 10_000, 100_000, 1_000_000}, a.ticks)
	require.InDelta(t, 100, a.at(10_000), 1e-9)
	a = newAxis([]float64{2, 80}, 0, 100, true)
	require.Equal(t, []float64{1, 2, 5, 10, 20, 50, 100}, a.ticks)
}

// Text is read on white and on the darkest pages alike.
func TestStyle_TextStandsOutFromLightAndDark(t *testing.T) {
	m := regexp.MustCompile(`fill:#([0-9a-f]{6})`).FindStringSubmatch(style)
	require.NotNil(t, m)
	for _, page := range []string{"ffffff", "0d1117"} {
		a, b := luminance(t, m[1]), luminance(t, page)
		require.Greater(t, (max(a, b)+0.05)/(min(a, b)+0.05), 4.0, page)
	}
}

// luminance is that of WCAG.
func luminance(t *testing.T, hex string) (sum float64) {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	require.NoError(t, err)
	for shift, weight := range map[int]float64{16: 0.2126, 8: 0.7152, 0: 0.0722} {
		c := float64(n>>shift&255) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
