package engine

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// written is what ClickHouse would hold: of every key the row of the highest version, and every row ever written, by key and version.
type written struct {
	t    require.TestingT
	rows map[string]string // by key and version
	last map[string]int64  // version by key
	gone map[string]bool   // keys whose last row is a tombstone or an emptied window
}

func newWritten(t require.TestingT) *written {
	return &written{t, map[string]string{}, map[string]int64{}, map[string]bool{}}
}

func (w *written) put(version int64, row any, gone bool, key ...any) {
	k := fmt.Sprint(key...)
	kv := fmt.Sprint(k, "@", version)
	text := fmt.Sprintf("%+v", row)
	if before, there := w.rows[kv]; there {
		require.Equal(w.t, before, text, "two different rows of one key and version: %s", kv)
	}
	w.rows[kv] = text
	if version >= w.last[k] {
		w.last[k], w.gone[k] = version, gone
	}
}

// flush takes what an engine has to write at its position.
func (w *written) flush(e *Engine) {
	var rows Rows
	e.Drain(&rows)
	v := e.Position()
	for _, r := range rows.Intervals {
		w.put(v, r, r.Deleted, "i/", r.ContactCenter, "/", r.Kind, "/", r.Agent, "/", r.Start)
	}
	for _, r := range rows.Visits {
		w.put(v, r, r.Deleted, "v/", r.ContactCenter, "/", r.Interaction, "/", r.Start, "/", r.N)
	}
	for _, r := range rows.Parts {
		w.put(v, r, r.Deleted, "p/", r.ContactCenter, "/", r.Interaction, "/", r.Agent, "/", r.Start, "/", r.N)
	}
	for _, r := range rows.Interactions {
		w.put(v, r, r.Deleted, "x/", r.ContactCenter, "/", r.ID, "/", r.Start)
	}
	for _, r := range rows.Windows {
		empty := r.Counts == [schema.NumCounts]uint32{}
		for m := range r.Measures {
			empty = empty && r.Measures[m].Count == 0
		}
		w.put(v, r, empty, fmt.Sprintf("w/%v/%d/%d", r.Dims, r.Start, r.Minutes))
	}
}

// text is what a reader sees, versions left out.
func (w *written) text() string {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(w.last)) {
		if !w.gone[k] {
			lines = append(lines, k+" "+w.rows[fmt.Sprint(k, "@", w.last[k])])
		}
	}
	return strings.Join(lines, "\n")
}

// life reads a log to its end. Where deaths is not 0 it dies about that often in a hundred events: it then goes on from its last
// checkpoint, and what was written after that stays written.
func (w *written) life(t *rapid.T, log []schema.Event, deaths int) *floor {
	cfg := Config{Live: true}
	f := newFloor(w.t)
	saved, at := []byte(nil), 0
	for f.off = 0; f.off < int64(len(log)); {
		f.do(log[f.off])
		switch n := rapid.IntRange(0, 99).Draw(t, "then"); {
		case n < 20:
			w.flush(f.e)
		case n < 26 && deaths > 0: // a life that nothing interrupts needs none
			w.flush(f.e)
			b, err := f.e.Snapshot()
			require.NoError(w.t, err)
			saved, at = b, int(f.off)
		case n >= 26 && n < 26+deaths:
			deaths-- // it shall come to an end
			if rapid.Bool().Draw(t, "flushed") {
				w.flush(f.e)
			}
			f.e, f.off = New(cfg), int64(at)
			if saved != nil {
				var err error
				f.e, err = Restore(cfg, saved)
				require.NoError(w.t, err)
			}
		}
	}
	w.flush(f.e)
	return f
}

// A log of several contact centres with the same ids, shuffled inside the horizon, with duplicates, is read in lives of any length,
// cut into flushes at random. All lives ever write the same row of one key and version, and in the end there is what one life leaves
// that saw everything in order.
func TestManyLives_OneHistory(t *testing.T) {
	for _, span := range []struct {
		name       string
		span, step int64
	}{{"seconds", 60_000, 5_000}, {"hours", 5 * 60 * minuteMs, 60_000}, {"days", 5 * dayMs, 30 * minuteMs}} {
		t.Run(span.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var events []schema.Event
				for k := range rapid.IntRange(1, 40).Draw(t, "events") {
					events = append(events, anyEvent(t, k, span.span, span.step))
				}
				manyLives(t, events)
			})
		})
	}
	t.Run("sensible", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) { manyLives(t, sensible(t, 40, 3*minuteMs)) })
	})
}

func manyLives(t *rapid.T, events []schema.Event) {
	sort.SliceStable(events, func(i, j int) bool { return events[i].Time < events[j].Time })
	log := withDuplicates(t, shuffled(t, events, DefaultHorizonMs-1))
	all := newWritten(t)
	first, second := all.life(t, log, 0), all.life(t, log, 20)

	// In the order in which equal times came.
	inOrder := slices.Clone(log)
	sort.SliceStable(inOrder, func(i, j int) bool { return inOrder[i].Time < inOrder[j].Time })
	one := newWritten(t)
	calm := one.life(t, inOrder, 0)
	a, b := uncommon(one.text()+calm.live(), all.text()+second.live())
	require.Equal(t, a, b)
	a, b = uncommon(first.live(), second.live())
	require.Equal(t, a, b)
}

// withDuplicates repeats events anywhere later inside the horizon.
func withDuplicates(t *rapid.T, log []schema.Event) []schema.Event {
	var out, again []schema.Event
	newest := map[string]int64{}
	for _, ev := range log {
		out = append(out, ev)
		newest[ev.ContactCenter] = max(newest[ev.ContactCenter], ev.Time)
		if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
			again = append(again, ev)
		}
		if len(again) > 0 && rapid.IntRange(0, 4).Draw(t, "now") == 0 {
			if dup := again[0]; dup.Time >= newest[dup.ContactCenter]-DefaultHorizonMs {
				out = append(out, dup)
			}
			again = again[1:]
		}
	}
	return out
}

// Nothing of a contact centre depends on another one, busy, silent, or with clocks that are days ahead: each is what it is alone.
func TestContactCenters_EachAsIfAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log []schema.Event
		for k := range rapid.IntRange(1, 100).Draw(t, "events") {
			ev := anyEvent(t, k, 3*60*minuteMs, 60_000)
			ev.ContactCenter = rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "cc")
			if ev.ContactCenter == "3" {
				ev.Time += 4 * dayMs
			}
			log = append(log, ev)
		}
		together := play(t, log, 3)
		for _, cc := range []string{"1", "2", "3"} {
			var own []schema.Event
			for _, ev := range log {
				if ev.ContactCenter == cc {
					own = append(own, ev)
				}
			}
			alone := play(t, own, 5)
			require.Equal(t, of(cc, alone), of(cc, together))
		}
	})
}

// of leaves the lines of a contact centre.
func of(cc string, f *floor) string {
	var out []string
	for _, line := range strings.Split(f.s.text()+f.live(), "\n") {
		for _, head := range []string{"i/", "v/", "p/", "x/", "live ", "w/{"} {
			if rest, ok := strings.CutPrefix(line, head); ok && (strings.HasPrefix(rest, cc+"/") || strings.HasPrefix(rest, cc+" ")) {
				out = append(out, line)
				break
			}
		}
	}
	return strings.Join(out, "\n")
}

// A single event from far ahead moves the horizon of its contact centre and nothing else: no status, no call and no wait ends by it,
// and what comes after it at the right time still shows live.
func TestEventFromFarAhead_NothingInvented(t *testing.T) {
	f := played(t, login(0, "a"), status(1, "a", schema.Available), arrived(5, "c", schema.ChannelVoice), queued(10, "c", "q"),
		offered(15, "c", "a"), connected(20, "c", "a"), queued(25, "waits", "q"))
	statuses, visits := f.statuses("a"), f.visits("waits")
	f.pass(20 * 3600)
	require.Equal(t, statuses, f.statuses("a"))
	require.Equal(t, visits, f.visits("waits"))
	require.Equal(t, "on_call since 20", f.is("a"))
	f.do(ended(60, "c", schema.EndCompleted))
	require.Contains(t, f.is("a"), "available since")
	f.do(status(70, "a", schema.Break))
	require.Contains(t, f.is("a"), "break since")
	require.Equal(t, visits, f.visits("waits"), "nothing has ended this wait")
}
