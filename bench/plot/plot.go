// Package plot draws line charts as SVG, for documentation: they stand alone, without scripts, and can be read on light and on dark pages.
package plot

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// Point of a series. Low and High, where High is not 0, are the range around Y.
type Point struct{ X, Y, Low, High float64 }

// Series is a line with its name.
type Series struct {
	Name   string
	Points []Point
}

// Chart is a diagram. Axes are linear from 0 where they are not logarithmic.
type Chart struct {
	Title, X, Y string
	LogX, LogY  bool
	Goal        float64 // a horizontal line; 0: none
	GoalName    string
	Series      []Series
}

const (
	width, height            = 760, 400
	left, right, top, bottom = 72, 24, 70, 52
)

// colours are told apart by those who see fewer colours too, and stand out from white and from black.
var colours = [...]string{"#0b84c6", "#d9730d", "#189c78", "#c2559b", "#9b8b0c", "#8a6bd1"}

// style has a grey that stands out from white and from black: a picture does not know its page.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#757d86}
.title{font-size:15px;font-weight:600}
.grid{stroke:#8884;stroke-width:1}
.goal{stroke:#888;stroke-width:1.5;stroke-dasharray:6 4}
</style>
`

// SVG draws the chart.
func (c Chart) SVG() []byte {
	x, y := c.axes()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n", width, height, width, height, html.EscapeString(c.Title))
	b.WriteString(style)
	text(&b, left, 22, "title", "start", c.Title)
	for _, v := range x.ticks {
		at := x.at(v)
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", at, top, at, height-bottom)
		text(&b, at, height-bottom+18, "", "middle", number(v))
	}
	for _, v := range y.ticks {
		at := y.at(v)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", left, at, width-right, at)
		text(&b, left-8, at+4, "", "end", number(v))
	}
	text(&b, (left+width-right)/2, height-12, "", "middle", c.X)
	text(&b, 8, top-12, "", "start", c.Y)
	if c.Goal > 0 {
		at := y.at(c.Goal)
		fmt.Fprintf(&b, `<line class="goal" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`+"\n", left, at, width-right, at)
		text(&b, width-right, at-5, "", "end", c.GoalName)
	}
	c.legend(&b)
	for n, s := range c.Series {
		s.draw(&b, x, y, n)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func text(b *strings.Builder, x, y float64, class, anchor, s string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(b, `<text%s x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, html.EscapeString(s))
}

// legend stands above the diagram, each entry in its line's colour and with its line's marker.
func (c Chart) legend(b *strings.Builder) {
	at := float64(left)
	for n, s := range c.Series {
		marker(b, at+5, 38, n)
		text(b, at+15, 42, "", "start", s.Name)
		at += 30 + 6.6*float64(len([]rune(s.Name)))
	}
}

func (s Series) draw(b *strings.Builder, x, y axis, n int) {
	colour := colours[n%len(colours)]
	var path []string
	for _, p := range s.Points {
		px, py := x.at(p.X), y.at(p.Y)
		path = append(path, fmt.Sprintf("%.1f,%.1f", px, py))
		if p.High > 0 {
			fmt.Fprintf(b, `<line stroke="%s" stroke-width="1.5" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", colour, px, y.at(p.Low), px, y.at(p.High))
		}
	}
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", colour, strings.Join(path, " "))
	for _, p := range s.Points {
		marker(b, x.at(p.X), y.at(p.Y), n)
	}
}

// marker is a circle, a square or a diamond: lines differ by more than their colour.
func marker(b *strings.Builder, x, y float64, n int) {
	colour := colours[n%len(colours)]
	switch n % 3 {
	case 0:
		fmt.Fprintf(b, `<circle fill="%s" cx="%.1f" cy="%.1f" r="4"/>`+"\n", colour, x, y)
	case 1:
		fmt.Fprintf(b, `<rect fill="%s" x="%.1f" y="%.1f" width="8" height="8"/>`+"\n", colour, x-4, y-4)
	default:
		fmt.Fprintf(b, `<path fill="%s" d="M%.1f,%.1f l5,5 l-5,5 l-5,-5 z"/>`+"\n", colour, x, y-5)
	}
}

// axis maps values to places.
type axis struct {
	low, high float64 // of values; of their logarithms where log
	from, to  float64 // places
	log       bool
	ticks     []float64
}

func (a axis) at(v float64) float64 {
	if a.log {
		v = math.Log10(max(v, 1e-9))
	}
	return a.from + (a.to-a.from)*(v-a.low)/(a.high-a.low)
}

func (c Chart) axes() (x, y axis) {
	var xs, ys []float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
			if p.High > 0 {
				ys = append(ys, p.Low, p.High)
			}
		}
	}
	if c.Goal > 0 {
		ys = append(ys, c.Goal)
	}
	return newAxis(xs, left, width-right, c.LogX), newAxis(ys, height-bottom, top, c.LogY)
}

func newAxis(values []float64, from, to float64, log bool) axis {
	a := axis{from: from, to: to, log: log}
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || log && v <= 0 })
	if len(values) == 0 {
		values = []float64{1, 10}
	}
	low, high := slices.Min(values), slices.Max(values)
	if log {
		a.logTicks(low, high)
		return a
	}
	a.high = high
	if high <= 0 {
		a.high = 1
	}
	step := niceStep(a.high / 5)
	a.high = step * math.Ceil(a.high/step-1e-9)
	for n := 0.0; n <= math.Round(a.high/step); n++ {
		a.ticks = append(a.ticks, n*step)
	}
	return a
}

// logTicks begins and ends at a power of ten; a short axis has a tick at 2 and 5 times as much, too.
func (a *axis) logTicks(low, high float64) {
	a.low, a.high = math.Floor(math.Log10(low)+1e-9), math.Ceil(math.Log10(high)-1e-9)
	if a.high == a.low {
		a.high++
	}
	steps := []float64{1}
	if a.high-a.low <= 2 {
		steps = []float64{1, 2, 5}
	}
	for e := a.low; e < a.high; e++ {
		for _, s := range steps {
			a.ticks = append(a.ticks, s*math.Pow(10, e))
		}
	}
	a.ticks = append(a.ticks, math.Pow(10, a.high))
}

// niceStep is 1, 2 or 5 times a power of ten, not below v.
func niceStep(v float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*base >= v*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// number writes a tick: thousands as k, millions as M.
func number(v float64) string {
	switch {
	case v >= 1e6:
		return trim(v/1e6) + " M"
	case v >= 1e3:
		return trim(v/1e3) + " k"
	}
	return trim(v)
}

func trim(v float64) string { return fmt.Sprintf("%.4g", v) }

// Bar is a value with its range and name.
type Bar struct {
	Name             string
	Value, Low, High float64
}

// Bars draws horizontal bars, each with its value, one below the other.
func Bars(title, unit string, bars []Bar) []byte {
	const names, row, head, tail = 310, 30, 56, 16
	tall := head + row*len(bars) + tail
	var values []float64
	for _, bar := range bars {
		values = append(values, bar.Value, bar.High)
	}
	x := newAxis(values, names, width-70, false)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n", width, tall, width, tall, html.EscapeString(title))
	b.WriteString(style)
	text(&b, 8, 22, "title", "start", title)
	text(&b, 8, 42, "", "start", unit)
	for n, bar := range bars {
		y := float64(head + row*n)
		text(&b, names-8, y+17, "", "end", bar.Name)
		fmt.Fprintf(&b, `<rect fill="%s" x="%d" y="%.1f" width="%.1f" height="18"/>`+"\n", colours[min(n, 1)], names, y+4, max(0, x.at(bar.Value)-names))
		if bar.High > 0 {
			fmt.Fprintf(&b, `<line stroke="#888" stroke-width="2" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", x.at(bar.Low), y+13, x.at(bar.High), y+13)
		}
		text(&b, max(x.at(bar.Value), x.at(bar.High))+6, y+17, "", "start", number(bar.Value))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
