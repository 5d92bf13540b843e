package alert

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/schema"
)

// logged is a topic of one partition, and what somebody who read all of it at once takes for accepted.
type logged struct{ records []Message }

// reader is one that reads it at its own pace.
type reader struct {
	book     *book
	at       int
	accepted []schema.Alert
}

func newReader() *reader { return &reader{book: newBook()} }

func (r *reader) read(t require.TestingT, l *logged, until int) {
	for ; r.at < until; r.at++ {
		accepted, err := r.book.apply(l.records[r.at].Key, l.records[r.at].Value)
		require.NoError(t, err)
		if accepted != nil {
			r.accepted = append(r.accepted, *accepted)
		}
	}
}

// state is what a book says, without what only its writing matters to.
func (r *reader) state() map[string]schema.Alert {
	out := map[string]schema.Alert{}
	for key, e := range r.book.rules {
		a := e.alert
		a.Confirmed = false
		out[key] = a
	}
	return out
}

// writer is an evaluator, caught up or a zombie: what it writes follows from what it has read.
type writer struct {
	*reader
	n    int
	week func() // lets a week pass
}

func (w *writer) write(t *rapid.T, l *logged, key string, now int64) {
	e := w.book.rules[key]
	var next schema.Alert
	switch {
	case e == nil || !e.alert.Open():
		if e != nil && rapid.IntRange(0, 5).Draw(t, "forget") == 0 {
			w.week()
			if e := w.book.rules[key]; e == nil || e.alert.Open() {
				return
			}
			l.records = append(l.records, Message{Key: key})
			return
		}
		if e != nil && e.doubtful {
			next = e.alert
			next.Confirmed = true
			break
		}
		w.n++
		next = schema.Alert{ContactCenter: "6", ID: fmt.Sprintf("%p-%d", w, w.n), Seq: 1, State: schema.AlertTriggered, Rule: schema.AlertRule{ID: key[2:]},
			Since: now, Triggered: now, Active: schema.NoTime, Cleared: schema.NoTime}
		next.Origin = next.ID
		if e != nil {
			next.Seq, next.Origin = e.alert.Seq+1, e.alert.Origin
		}
	case e.doubtful && rapid.Bool().Draw(t, "confirm"):
		next = e.alert
		next.Confirmed = true
	case e.alert.State == schema.AlertTriggered && rapid.Bool().Draw(t, "goes on"):
		next = e.alert
		next.State, next.Active, next.Seq, next.Confirmed = schema.AlertActive, now, next.Seq+1, false
	default:
		next = e.alert.ClearedBy(schema.AlertConditionOver, 0, now)
	}
	value, err := next.Encode()
	require.NoError(t, err)
	m := Message{key, value}
	l.records = append(l.records, m)
	if rapid.IntRange(0, 4).Draw(t, "again") == 0 { // an acknowledgement was lost
		l.records = append(l.records, m)
	}
}

// newWriters makes evaluators of which none is a week behind: what is forgotten has been forgotten for so long.
func newWriters(t *rapid.T, l *logged, n int) []*writer {
	writers := make([]*writer, n)
	for i := range writers {
		writers[i] = &writer{reader: newReader(), week: func() {
			for _, w := range writers {
				w.read(t, l, len(l.records))
			}
		}}
	}
	return writers
}

// settle lets one evaluator that has read everything make every doubtful alert certain.
func settle(t *rapid.T, l *logged) {
	w := newReader()
	w.read(t, l, len(l.records))
	for _, key := range slices.Sorted(maps.Keys(w.book.rules)) {
		if e := w.book.rules[key]; e.doubtful {
			again := e.alert
			again.Confirmed = true
			value, err := again.Encode()
			require.NoError(t, err)
			l.records = append(l.records, Message{key, value})
		}
	}
}

// Whatever several evaluators write, late, twice or against each other: everybody who reads the topic accepts the same transitions, each
// alert's triggered, active and cleared at most once and in this order, one alert of a rule after the other. A reader that begins anew at
// any point repeats the very same.
func TestBook_SeveralEvaluators_EachTransitionOnceAndTheSameForAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &logged{}
		writers := newWriters(t, l, 3)
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			w := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "who")]
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				w.reader = newReader() // a restart: nothing is written before all has been read that was there
				w.read(t, l, len(l.records))
			case 1, 2, 3, 4:
				w.read(t, l, rapid.IntRange(w.at, len(l.records)).Draw(t, "until"))
			case 5, 6:
				w.read(t, l, len(l.records))
			default:
				w.write(t, l, "6/"+rapid.SampledFrom([]string{"a", "b"}).Draw(t, "rule"), int64(i+1))
			}
		}
		whole := newReader()
		whole.read(t, l, len(l.records))
		requireOrderly(t, whole.accepted)
		for _, w := range writers {
			w.read(t, l, len(l.records))
			require.Equal(t, whole.state(), w.state())
			require.Equal(t, whole.accepted, w.accepted)
		}
	})
}

// requireOrderly holds a sequence of accepted transitions to what is promised of them.
func requireOrderly(t require.TestingT, accepted []schema.Alert) {
	order := schema.AlertStateNames()
	last := map[string]schema.Alert{}
	begun := map[string]bool{}
	for _, a := range accepted {
		before, known := last[a.Rule.ID]
		if a.State == schema.AlertTriggered {
			require.False(t, known && before.Open(), "a second alert of rule %s while one goes on", a.Rule.ID)
			require.False(t, begun[a.ID], "alert %s was triggered twice", a.ID)
			begun[a.ID] = true
		} else if known && before.ID == a.ID {
			require.Greater(t, slices.Index(order, string(a.State)), slices.Index(order, string(before.State)), "alert %s", a.ID)
		}
		last[a.Rule.ID] = a
	}
}

// Compaction keeps the newest record of a rule only. Once an evaluator has made certain what a losing record had left in doubt, that record
// says the same as all of them did.
func TestBook_Compacted_SaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &logged{}
		writers := newWriters(t, l, 2)
		act := func(i int) {
			w := writers[rapid.IntRange(0, len(writers)-1).Draw(t, "who")]
			if rapid.Bool().Draw(t, "reads") {
				w.read(t, l, rapid.IntRange(w.at, len(l.records)).Draw(t, "until"))
			}
			w.write(t, l, "6/"+rapid.SampledFrom([]string{"a", "b"}).Draw(t, "rule"), int64(i+1))
		}
		for i := range rapid.IntRange(1, 30).Draw(t, "before") {
			act(i)
		}
		settle(t, l)
		prefix := len(l.records)
		newest := map[string]int{}
		for i, m := range l.records[:prefix] {
			newest[m.Key] = i
		}
		for i := range rapid.IntRange(0, 30).Draw(t, "after") {
			act(100 + i)
		}
		compacted := &logged{}
		for i, m := range l.records {
			if i >= prefix || newest[m.Key] == i {
				compacted.records = append(compacted.records, m)
			}
		}
		whole, short := newReader(), newReader()
		whole.read(t, l, len(l.records))
		short.read(t, compacted, len(compacted.records))
		require.Equal(t, whole.state(), short.state())
	})
}

// A record that is no alert changes nothing, and the alert that it would hide from compaction is written again.
func TestBook_MalformedRecord_ChangesNothingAndIsDoubted(t *testing.T) {
	b := newBook()
	a := schema.Alert{ContactCenter: "6", ID: "x", Seq: 1, Origin: "x", State: schema.AlertTriggered, Rule: schema.AlertRule{ID: "r"}, Triggered: 1,
		Since: schema.NoTime, Active: schema.NoTime, Cleared: schema.NoTime}
	value, err := a.Encode()
	require.NoError(t, err)
	key := schema.AlertKey("6", "r")
	accepted, err := b.apply(key, value)
	require.NoError(t, err)
	require.Equal(t, &a, accepted)
	for name, bad := range map[string][2]string{
		"no JSON":    {key, "{"},
		"no alert":   {key, "{}"},
		"state":      {key, `{"contact_center":"6","id":"y","seq":2,"origin":"x","state":"gone","rule":{"id":"r"},"triggered_ms":1}`},
		"no moment":  {key, `{"contact_center":"6","id":"x","seq":2,"origin":"x","state":"cleared","rule":{"id":"r"},"triggered_ms":1}`},
		"other rule": {key, `{"contact_center":"6","id":"x","seq":2,"origin":"x","state":"cleared","rule":{"id":"s"},"triggered_ms":1,"cleared_ms":2}`},
	} {
		b.rules[key].doubtful = false
		_, err := b.apply(bad[0], []byte(bad[1]))
		require.Error(t, err, name)
		require.True(t, b.rules[key].doubtful, name)
		require.Equal(t, a, b.rules[key].alert, name)
	}
}

// A writer that still goes by what was before a rule was forgotten is not believed, however high its numbers are.
func TestBook_RecordFromBeforeTheRuleWasForgotten_DoesNotCount(t *testing.T) {
	b := newBook()
	key := schema.AlertKey(center, "r")
	write := func(a schema.Alert) *schema.Alert {
		value, err := a.Encode()
		require.NoError(t, err)
		accepted, err := b.apply(key, value)
		require.NoError(t, err)
		return accepted
	}
	alert := func(id, origin string, seq uint64) schema.Alert {
		return schema.Alert{ContactCenter: center, ID: id, Origin: origin, Seq: seq, State: schema.AlertTriggered, Rule: schema.AlertRule{ID: "r"}, Triggered: 1,
			Since: schema.NoTime, Active: schema.NoTime, Cleared: schema.NoTime}
	}
	first := alert("a", "a", 1)
	require.NotNil(t, write(first))
	require.NotNil(t, write(first.ClearedBy(schema.AlertRuleDeleted, 0, 2)))
	_, err := b.apply(key, nil)
	require.NoError(t, err)
	require.Empty(t, b.rules)
	require.NotNil(t, write(alert("b", "b", 1)))
	require.Nil(t, write(alert("c", "a", 3)))
	require.Equal(t, "b", b.rules[key].alert.ID)
}
