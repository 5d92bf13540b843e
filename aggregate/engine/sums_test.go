package engine

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// What is kept up to date equals what is added up from scratch, whatever is counted or taken back and however the range moves.
func TestSums_KeptUpToDate_EqualThoseFromScratch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newTraffic(rapid.IntRange(1, 4).Draw(t, "agents"), 1.5)
		if rapid.Bool().Draw(t, "late") {
			tr = tr.late()
		}
		e := New(Config{HorizonMs: 3_600_000, KeepMs: 4 * 3_600_000, Live: true})
		var base []schema.Window
		if rapid.Bool().Draw(t, "base") {
			base = earlier(rapid.IntRange(0, 12).Draw(t, "agents of the base"))
		}
		held := map[string]*Sums{}
		var ev schema.Event
		to := int64(0)
		for n := range tr.beats {
			tr.event(&tr.beats[n], &ev)
			e.Apply(&ev, int64(n))
			if n%31 != 0 && n != len(tr.beats)-1 {
				continue
			}
			e.Look(func(*Changes) {})
			c := e.centers[ev.ContactCenter]
			to = max(to, floorTo(c.newest, minuteMs)+minuteMs*rapid.Int64Range(-3, 2).Draw(t, "to"))
			for _, from := range []int64{benchStart, to - 5*minuteMs, to - 60*minuteMs} {
				key := fmt.Sprint(ev.ContactCenter, min(to-from, 61*minuteMs))
				if from == benchStart {
					key = ev.ContactCenter
				}
				if held[key] == nil {
					held[key] = e.NewSums(ev.ContactCenter, base)
					held[key].busy = 8
				}
				fresh := e.NewSums(ev.ContactCenter, base)
				require.Equal(t, inOrder(fresh.Over(from, to)), inOrder(held[key].Over(from, to)))
				fresh.Close()
			}
		}
	})
}

// earlier is what the first agents counted before the engine's time.
func earlier(agents int) []schema.Window {
	var out []schema.Window
	for n := range agents {
		w := schema.Window{Dims: schema.Dims{ContactCenter: "cc-0", Agent: fmt.Sprintf("agent-%06d", n), Queue: "queue-00", Channel: schema.ChannelVoice, Direction: schema.Inbound}}
		w.Counts[schema.CountAnswered] = 2
		w.Measures[schema.MeasureTalk].Add(schema.Distribution{Count: 1, Sum: 9, Max: 9, Log: []schema.Bin{{Key: 3, N: 1}}})
		out = append(out, w)
	}
	return out
}

func inOrder(list []*schema.Window) []schema.Window {
	out := make([]schema.Window, len(list))
	for n, w := range list {
		out[n] = *w
		out[n].Start = 0 // that of the range when the series was added up
	}
	slices.SortFunc(out, func(a, b schema.Window) int { return cmp.Compare(fmt.Sprint(a.Dims), fmt.Sprint(b.Dims)) })
	return out
}

// BenchmarkSums asks for today and the last hour again and again while 5,000 agents work. Metric: CPU of one question in ms, of the first
// one and of those that follow half a second later.
func BenchmarkSums(b *testing.B) {
	tr := newTraffic(5000, 1)
	half := len(tr.beats) * 9 / 10
	rest := tr.beats[half:]
	tr.beats = tr.beats[:half]
	for _, name := range []string{"today", "last hour"} {
		b.Run(name, func(b *testing.B) {
			e := New(Config{HorizonMs: 3_600_000, KeepMs: 27 * 3_600_000, Live: true})
			var rows Rows
			tr.play(e, &rows)
			e.Look(func(*Changes) {})
			id := ""
			for id = range e.centers {
				break
			}
			c := e.centers[id]
			span := func() (int64, int64) {
				to := floorTo(c.newest, minuteMs) + minuteMs
				if name == "today" {
					return benchStart, to
				}
				return to - 60*minuteMs, to
			}
			before := cpu(b)
			s := e.NewSums(id, nil)
			s.Over(span())
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000, "first-ms")
			asked, questions := c.newest, 0
			var ev schema.Event
			var used, worst int64
			for b.Loop() {
				for n := range rest {
					tr.event(&rest[n], &ev)
					e.Apply(&ev, int64(half+n))
					if c.newest-asked < 500 {
						continue
					}
					asked = c.newest
					e.Look(func(*Changes) {})
					before := cpu(b)
					s.Over(span())
					took := (cpu(b) - before).Microseconds()
					used, worst = used+took, max(worst, took)
					questions++
				}
			}
			b.ReportMetric(float64(used)/1000/float64(questions), "next-ms")
			b.ReportMetric(float64(worst)/1000, "worst-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
