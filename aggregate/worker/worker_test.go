package worker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// numbered makes n distinct values.
func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return out
}

// Every record becomes what it is: a raw row, an annotation, a dead letter in table and topic; each is counted once.
func TestRecords_SortedAndCounted(t *testing.T) {
	m := newMemory()
	w := m.worker(t, nil)
	o := m.own(w, 1, newLog(0, 0, "a", "bad", "note1", "orphan1", "ahead", "a"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 2 })
	o.end(t)
	require.Equal(t, []int64{0, 2, 3, 5}, m.raw[0])
	require.Equal(t, 1, m.annotations)
	require.Equal(t, []string{schema.CodeMalformedJSON, schema.CodeTimeAhead}, m.dead)
	require.Equal(t, m.dead, m.letters)
	require.Equal(t, map[int]int64{0: 6}, m.committed)
	for name, n := range map[string]uint64{"applied": 3, "orphan": 1, schema.CodeMalformedJSON: 1, schema.CodeTimeAhead: 1} {
		require.Equal(t, n, outcome(w, name), name)
	}
}

// Where producers partition as they like, a contact centre in two partitions is told of, once.
func TestRecords_CenterInTwoPartitions(t *testing.T) {
	m := newMemory()
	w := m.worker(t, nil)
	one, two := newLog(3, 0, "a"), newLog(1, 0, "b")
	o := m.own(w, 4, one, two)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 && m.numbers["b"] == 1 })
	one.add("a")
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 2 })
	o.end(t)
	require.EqualValues(t, 1, w.count.split.Get())
	require.Equal(t, []string{`contact centre "6" is in partitions 1 and 3, its figures are wrong`}, w.Warnings())
}

// A record in another partition than its contact centre's is a dead letter.
func TestRecords_WrongPartition(t *testing.T) {
	const total = 7
	home := schema.Murmur2Partition([]byte("6"), total)
	m := newMemory()
	w := m.worker(t, func(c *Config) { c.Gate.AnyPartitioner = false })
	o := m.own(w, total, newLog(home, 0, "a"), newLog((home+1)%total, 0, "b"))
	m.until(t, "flushed", func() bool { return len(m.dead) == 1 && m.numbers["a"] == 1 })
	o.end(t)
	require.Equal(t, []string{schema.CodeWrongPartition}, m.dead)
	require.NotContains(t, m.numbers, "b")
}

// Where the broker does not bound timestamps, an event ahead of the clock is a dead letter although its record agrees.
func TestRecords_AheadOfTheClock(t *testing.T) {
	m := newMemory()
	m.now = time.UnixMilli(noon).Add(-6 * time.Minute)
	w := m.worker(t, func(c *Config) { c.Gate.Clock = m.clock })
	o := m.own(w, 1, newLog(0, 0, "a"))
	m.until(t, "flushed", func() bool { return len(m.dead) == 1 })
	o.end(t)
	require.Equal(t, []string{schema.CodeTimeAhead}, m.dead)
}

// Rows first, then the topic of dead letters, then the checkpoint, and only then the commit.
func TestOrder_CommitLast(t *testing.T) {
	m := newMemory()
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a", "bad"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 && len(m.letters) == 1 })
	m.with(func() {
		require.NotContains(t, m.steps, "commit")
		require.NotContains(t, m.steps, "save")
		m.steps = nil
	})
	m.with(func() { m.now = m.now.Add(31 * time.Second) })
	m.until(t, "committed", func() bool { return slices.Contains(m.steps, "commit") })
	m.with(func() {
		at := slices.Index(m.steps, "save")
		require.Equal(t, []string{"flush", "save", "commit"}, m.steps[at-1:at+2])
		require.EqualValues(t, 2, m.committed[0])
		require.EqualValues(t, 2, m.saved[0].Offset)
	})
	o.end(t)
}

// While the flush fails, partitions stop at their bound and nothing is committed; afterwards nothing is missing or doubled.
func TestFlushFails_BoundedAndNothingLost(t *testing.T) {
	m := newMemory()
	m.failFlush = errors.New("down")
	const bound = 2 * applyStep
	w := m.worker(t, func(c *Config) { c.MaxEvents = bound })
	l := newLog(0, 0, numbered("s", 5000)...)
	o := m.own(w, 1, l)
	require.Eventually(t, func() bool { return w.count.waits.Get() > 0 }, 20*time.Second, time.Millisecond)
	m.with(func() {
		require.Empty(t, m.raw[0])
		require.Empty(t, m.steps)
	})
	m.with(func() { m.failFlush = nil })
	m.until(t, "all flushed", func() bool { return len(m.raw[0]) == 5000 })
	o.end(t)
	require.True(t, slices.IsSorted(m.raw[0]))
	require.Len(t, slices.Compact(slices.Clone(m.raw[0])), 5000)
	require.Len(t, m.numbers, 5000)
	require.LessOrEqual(t, m.maxPending, bound+applyStep)
	require.EqualValues(t, 5000, outcome(w, "applied"))
}

// A checkpoint that fails is saved again as it was, and commit waits for it.
func TestSaveFails_CommitWaits(t *testing.T) {
	m := newMemory()
	m.failSave = errors.New("down")
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 })
	m.with(func() { m.now = m.now.Add(31 * time.Second) })
	o.stop()
	m.with(func() { require.Empty(t, m.committed); m.failSave = nil })
	require.NoError(t, o.wait(t))
	require.NotEmpty(t, m.saved)
	require.EqualValues(t, 1, m.committed[0])
}

// A failed commit stops nothing: a start uses the checkpoint.
func TestCommitFails_GoesOn(t *testing.T) {
	m := newMemory()
	m.failCommit = errors.New("generation is over")
	w := m.worker(t, nil)
	o := m.own(w, 1, newLog(0, 0, "a"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 })
	o.end(t)
	require.NotEmpty(t, m.saved)
	require.EqualValues(t, 1, w.count.commits.Get())
}

// The end is bounded: with ClickHouse away Own returns within Config.Final, says why, and has committed nothing.
func TestEnd_Bounded(t *testing.T) {
	before := goleak.IgnoreCurrent()
	m := newMemory()
	m.failFlush = errors.New("down")
	w := m.worker(t, func(c *Config) { c.Final = 20 * time.Millisecond })
	o := m.own(w, 1, newLog(0, 0, "a"))
	require.Eventually(t, func() bool { return outcome(w, "applied") == 1 }, 20*time.Second, time.Millisecond)
	o.stop()
	require.ErrorIs(t, o.wait(t), m.failFlush)
	require.Empty(t, m.committed)
	goleak.VerifyNone(t, before)
}

// A start goes on at the checkpoint's offset with the checkpoint's state: what was seen before is not counted again.
func TestRestart_ResumesAtCheckpoint(t *testing.T) {
	m := newMemory()
	l := newLog(0, 0, "a", "a", "b")
	o := m.own(m.worker(t, nil), 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["b"] == 1 })
	o.end(t)
	l.add("a", "c")
	o = m.own(m.worker(t, nil), 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["c"] == 1 })
	o.end(t)
	require.EqualValues(t, 3, l.from)
	require.EqualValues(t, 3, m.numbers["a"])
	require.Equal(t, []int64{0, 1, 2, 3, 4}, m.raw[0])
}

// Raw events that were stored after the last checkpoint are applied again but not written again.
func TestRestart_StoredRawNotWrittenAgain(t *testing.T) {
	m := newMemory()
	m.stored = 2
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a", "a", "b", "a"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 3 })
	o.end(t)
	require.Equal(t, []int64{3}, m.raw[0])
}

// A newest checkpoint that is broken costs time, not data: the one before it is taken and the rest read again.
func TestRestart_BrokenNewest_OlderOne(t *testing.T) {
	m := newMemory()
	l := newLog(0, 0, "a")
	run := func(until int64) {
		o := m.own(m.worker(t, nil), 1, l)
		m.until(t, "flushed", func() bool { return m.numbers["a"] == until })
		o.end(t)
	}
	run(1)
	l.add("a", "a")
	run(3)
	m.with(func() { m.broken[3] = true; m.stored = 2 })
	l.add("a")
	run(4)
	require.EqualValues(t, 1, l.from)
	require.Equal(t, []int64{0, 1, 2, 3}, m.raw[0])
}

// Without any readable checkpoint the state is made again from stored raw events, then from Kafka.
func TestRestart_NoCheckpointReadable_RebuiltFromRaw(t *testing.T) {
	m := newMemory()
	l := newLog(0, 0, "a", "a")
	o := m.own(m.worker(t, nil), 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 2 })
	o.end(t)
	m.with(func() { m.broken[2] = true; m.stored = 1 })
	l2 := newLog(0, 2, "a") // Kafka has forgotten the first two
	w := m.worker(t, nil)
	o = m.own(w, 1, l2)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 3 })
	o.end(t)
	require.EqualValues(t, 1, w.count.broken.Get())
	require.Zero(t, w.count.gaps.Get())
	require.Equal(t, []int64{0, 1, 2}, m.raw[0])
}

// Records that neither Kafka nor ClickHouse has are a gap, counted and noted; the worker ends what was open and goes on after it with
// an empty state.
func TestRestart_Gap(t *testing.T) {
	m := newMemory()
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a", "a"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 2 })
	o.end(t)
	w := m.worker(t, nil)
	l := newLog(0, 10, "a", "b")
	o = m.own(w, 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["b"] == 1 })
	o.end(t)
	require.EqualValues(t, 1, m.numbers["a"], "what lies before the gap is not known any more")
	require.EqualValues(t, 1, w.count.gaps.Get())
	require.EqualValues(t, 8, w.count.lost.Get())
	require.EqualValues(t, 10, l.from)
	require.Equal(t, []string{"6 at 10"}, m.ended)
	require.Equal(t, []Gap{{0, 2, 10}}, w.Gaps())
	require.Equal(t, "partition 0: the records of offsets 2 to 9 are lost", w.Gaps()[0].String())
	gap := clickhouse.OffsetGap{From: 2, Until: 10, Reason: clickhouse.GapLost, Ended: schema.NoTime, Resumed: schema.NoTime}
	of := gap
	of.ContactCenter, of.Ended = "6", noon
	known, ofKnown := gap, of
	known.Resumed, ofKnown.Resumed = noon, noon
	require.Equal(t, []clickhouse.OffsetGap{gap, of, known, ofKnown}, m.gaps)
	require.Zero(t, w.count.absent.Get())
}

// A topic whose beginning was gone when it was read for the first time has lost nothing of ours: that is noted, no more.
func TestStart_BeginningGone(t *testing.T) {
	m := newMemory()
	w := m.worker(t, nil)
	o := m.own(w, 1, newLog(0, 10, "a"))
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 })
	o.end(t)
	require.Zero(t, w.count.gaps.Get())
	require.Empty(t, m.ended)
	require.Equal(t, []clickhouse.OffsetGap{{Until: 10, Reason: clickhouse.GapBeforeStart, Ended: schema.NoTime, Resumed: schema.NoTime}}, m.gaps)
}

// Offsets that never held a record for readers are stepped over and noted, those at the end too, each once.
func TestOffsets_WithoutRecords(t *testing.T) {
	m := newMemory()
	w := m.worker(t, nil)
	l := newLog(0, 0, "a", "x", "x", "a", "a", "x", "x")
	l.hidden = map[int64]bool{1: true, 2: true, 5: true, 6: true}
	o := m.own(w, 1, l)
	m.until(t, "read to the end", func() bool { return m.progress[0].Stamp.Position == 7 && m.progress[0].CaughtUp })
	l.hide(7)
	l.add("x", "a")
	m.until(t, "read on", func() bool { return m.numbers["a"] == 4 })
	o.end(t)
	require.Equal(t, []int64{0, 3, 4, 8}, m.raw[0])
	var ranges [][2]int64
	for _, g := range m.gaps {
		require.Equal(t, clickhouse.GapAbsent, g.Reason)
		ranges = append(ranges, [2]int64{g.From, g.Until})
	}
	require.Equal(t, [][2]int64{{1, 3}, {5, 7}, {7, 8}}, ranges)
	require.EqualValues(t, 5, w.count.absent.Get())
	require.Zero(t, w.count.gaps.Get())

	// Who reads all of it again sees 5 to 8 as one range.
	m.with(func() { m.saved, m.stored, m.numbers = nil, 8, map[string]int64{} })
	o = m.own(m.worker(t, nil), 1, l)
	m.until(t, "read again", func() bool { return m.numbers["a"] == 4 })
	o.end(t)
	require.Len(t, m.gaps, 3)
}

// What ClickHouse lacks is lost only where Kafka does not have it either.
func TestHoles(t *testing.T) {
	g := func(from, until int64) clickhouse.OffsetGap { return clickhouse.OffsetGap{From: from, Until: until} }
	for name, c := range map[string]struct {
		missing       []clickhouse.OffsetGap
		first, stored int64
		lost          []clickhouse.OffsetGap
		rebuild       int64
	}{
		"all there":                    {nil, 10, 20, nil, 21},
		"Kafka has gone on":            {[]clickhouse.OffsetGap{g(21, 30)}, 30, 20, []clickhouse.OffsetGap{g(21, 30)}, 21},
		"in the middle":                {[]clickhouse.OffsetGap{g(3, 5), g(7, 8)}, 10, 20, []clickhouse.OffsetGap{g(3, 5), g(7, 8)}, 21},
		"Kafka has some of it":         {[]clickhouse.OffsetGap{g(3, 15)}, 10, 20, []clickhouse.OffsetGap{g(3, 10)}, 10},
		"Kafka has all of it":          {[]clickhouse.OffsetGap{g(12, 15)}, 10, 20, nil, 12},
		"lost, and later Kafka has it": {[]clickhouse.OffsetGap{g(3, 5), g(12, 15)}, 10, 20, []clickhouse.OffsetGap{g(3, 5)}, 12},
	} {
		lost, rebuild := holes(c.missing, c.first, c.stored)
		require.Equal(t, c.lost, lost, name)
		require.Equal(t, c.rebuild, rebuild, name)
	}
}

// A topic that is not the checkpoint's any more is refused, by name of the command that decides.
func TestStart_OtherTopicRefused(t *testing.T) {
	m := newMemory()
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a", "b"))
	m.until(t, "flushed", func() bool { return m.numbers["b"] == 1 })
	o.end(t)
	for name, start := range map[string]func() *owning{
		"end below the checkpoint":   func() *owning { return m.own(m.worker(t, nil), 1, newLog(0, 0, "a")) },
		"other number of partitions": func() *owning { return m.own(m.worker(t, nil), 2, newLog(0, 0, "a", "b")) },
	} {
		err := start().wait(t)
		require.ErrorIs(t, err, ErrNewEpoch, name)
		require.ErrorContains(t, err, "floorwalker new-epoch", name)
	}
	m.with(func() { m.saved = nil; m.stored = 5 })
	require.ErrorIs(t, m.own(m.worker(t, nil), 1, newLog(0, 0, "a", "b")).wait(t), ErrNewEpoch, "stored raw events beyond the end")
}

// An engine that folds otherwise begins an epoch of its own, so that its rows win.
func TestStart_OtherEngine_NewEpoch(t *testing.T) {
	m := newMemory()
	l := newLog(0, 0, "a", "a")
	o := m.own(m.worker(t, nil), 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 2 })
	o.end(t)
	m.with(func() { m.stored = 1; m.numbers = map[string]int64{} })
	w := m.worker(t, nil)
	w.parts.Engines.Number = 2
	o = m.own(w, 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 2 })
	o.end(t)
	last := m.saved[len(m.saved)-1]
	require.Equal(t, []uint16{1, 0}, []uint16{last.Epoch, last.Log})
	require.EqualValues(t, 2, last.Offset)
	require.EqualValues(t, 1, m.progress[0].Stamp.Epoch)
}

// Progress goes on while nothing comes, and says that the partition is caught up.
func TestIdle_ProgressGoesOn(t *testing.T) {
	m := newMemory()
	o := m.own(m.worker(t, nil), 1, newLog(0, 0, "a"))
	m.until(t, "caught up", func() bool { return m.progress[0].CaughtUp && m.progress[0].Newest == noon+1 })
	var before int
	m.with(func() { before = len(m.steps) })
	m.until(t, "flushed again", func() bool { return len(m.steps) > before+3 })
	o.end(t)
}

// A partition whose reader fails ends the generation; what the others had is flushed first.
func TestReaderFails_OthersFlushed(t *testing.T) {
	m := newMemory()
	broken := newLog(1, 0, "b")
	o := m.own(m.worker(t, nil), 2, newLog(0, 0, "a"), broken)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 && m.numbers["b"] == 1 })
	down := errors.New("broker is gone")
	broken.fail(down)
	require.ErrorIs(t, o.wait(t), down)
	require.Equal(t, map[int]int64{0: 1, 1: 1}, m.committed)
}

// Each checkpoint holds the state at its own offset, whatever is applied meanwhile; where nothing is new none is written.
func TestCheckpoints_StateAndOffsetTogether(t *testing.T) {
	m := newMemory()
	l := newLog(0, 0)
	o := m.own(m.worker(t, nil), 1, l)
	for i := range 5 {
		l.add(numbered("s", 1000)...)
		m.until(t, "flushed", func() bool { return m.numbers["s0999"] == int64(i+1) })
		m.with(func() { m.now = m.now.Add(31 * time.Second) })
		m.until(t, "saved", func() bool { return m.committed[0] == int64(1000*(i+1)) })
	}
	var before, steps int
	m.with(func() { before, steps = len(m.saved), len(m.steps); m.now = m.now.Add(31 * time.Second) })
	m.until(t, "flushed on", func() bool { return len(m.steps) > steps+5 })
	o.end(t)
	require.Len(t, m.saved, before, "nothing new")
	for _, c := range m.saved {
		e, err := engines().Restore(c.Snapshot)
		require.NoError(t, err)
		require.Equal(t, c.Offset, e.Position())
		var seen int64
		for _, n := range e.(*counting).Seen {
			seen += n
		}
		require.Equal(t, c.Offset, seen)
	}
}

// The next checkpoint waits 20 times as long as the last one took, packing and saving.
func TestCheckpoints_IntervalGrowsWithCost(t *testing.T) {
	m := newMemory()
	l := newLog(0, 0, "a")
	w := m.worker(t, nil)
	const each = 3 * time.Second // to pack, and again to save
	m.saveTakes = each
	make1 := w.parts.Engines.New
	w.parts.Engines.New = func() Engine { return slow{make1().(*counting), func() { m.with(func() { m.now = m.now.Add(each) }) }} }
	o := m.own(w, 1, l)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 })
	var first time.Time
	m.with(func() { m.now = m.now.Add(31 * time.Second); first = m.now })
	m.until(t, "saved", func() bool { return m.committed[0] == 1 })
	l.add("a")
	move := func(at time.Time) {
		var steps int
		m.with(func() { steps = len(m.steps); m.now = at })
		m.until(t, "flushed", func() bool { return len(m.steps) > steps+3 })
	}
	move(first.Add(40*each - time.Millisecond))
	m.with(func() { require.Len(t, m.saved, 1) })
	move(first.Add(40 * each))
	m.with(func() { require.Len(t, m.saved, 2) })
	o.end(t)
}

// Checkpoints of many partitions are no burst: each has its turn, and all of them come within the interval.
func TestCheckpoints_EachPartitionInItsTurn(t *testing.T) {
	m := newMemory()
	a, b := newLog(0, 0, "a"), newLog(1, 0, "b")
	o := m.own(m.worker(t, nil), 2, a, b)
	m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 && m.numbers["b"] == 1 })
	move := func(by time.Duration) (saved []int) {
		var steps int
		m.with(func() { steps = len(m.steps); m.now = m.now.Add(by) })
		m.until(t, "flushed", func() bool { return len(m.steps) > steps+3 })
		m.with(func() {
			for _, c := range m.saved {
				saved = append(saved, c.Partition)
			}
		})
		return saved
	}
	require.Empty(t, move(14*time.Second))
	require.Equal(t, []int{0}, move(2*time.Second))
	require.Equal(t, []int{0, 1}, move(15*time.Second))
	m.with(func() { require.Equal(t, map[int]int64{0: 1, 1: 1}, m.committed) })
	o.end(t)
}

// slow takes its time for packing.
type slow struct {
	*counting
	pack func()
}

func (s slow) Snapshot() ([]byte, error) {
	s.pack()
	return s.counting.Snapshot()
}

// A state that cannot be packed, or a checkpoint that cannot be saved, stops no rows; commits wait, and the end says it.
func TestCheckpointFails_RowsGoOn(t *testing.T) {
	down := errors.New("down")
	for name, fail := range map[string]func(*memory, *Worker){
		"pack": func(_ *memory, w *Worker) {
			w.parts.Engines.New = func() Engine { return unpackable{newCounting(), down} }
		},
		"save": func(m *memory, _ *Worker) { m.failSave = down },
	} {
		m := newMemory()
		l := newLog(0, 0, "a")
		w := m.worker(t, func(c *Config) { c.Final = 50 * time.Millisecond })
		fail(m, w)
		o := m.own(w, 1, l)
		m.until(t, "flushed", func() bool { return m.numbers["a"] == 1 })
		m.with(func() { m.now = m.now.Add(31 * time.Second) })
		require.Eventually(t, func() bool { return w.count.unsaved.Get() == 1 }, 20*time.Second, time.Millisecond, name)
		l.add("a")
		m.until(t, "flushed on", func() bool { return m.numbers["a"] == 2 })
		o.stop()
		require.ErrorIs(t, o.wait(t), down, name)
		require.Empty(t, m.committed, name)
		require.EqualValues(t, 2, w.count.unsaved.Get(), name)
	}
}

type unpackable struct {
	*counting
	err error
}

func (u unpackable) Snapshot() ([]byte, error) { return nil, u.err }

func TestNew_Faults(t *testing.T) {
	_, err := New(Config{}, Parts{})
	require.ErrorContains(t, err, "topic")
	_, err = New(Config{Topic: "t", Flush: -1}, Parts{})
	require.ErrorContains(t, err, "flush is -1ns")
	_, err = New(Config{Topic: "t"}, Parts{})
	require.ErrorContains(t, err, "required")
}
