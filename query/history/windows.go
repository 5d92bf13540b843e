package history

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"sort"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

const quarterMs = 15 * minuteMs

// stretch is a part of the range that is read from one windows table.
type stretch struct {
	table    string
	from, to int64
}

// stretches divides the range: windows of 15 minutes wherever none of them would straddle an interval's edge, windows of one
// minute for the ragged ends, and for everything where intervals are finer or begin between quarters.
func stretches(edges []int64) []stretch {
	from, to := edges[0], edges[len(edges)-1]
	for _, e := range edges[1 : len(edges)-1] {
		if e%quarterMs != 0 {
			return []stretch{{"windows_1m", from, to}}
		}
	}
	first, last := (from+quarterMs-1)/quarterMs*quarterMs, to/quarterMs*quarterMs
	if first >= last {
		return []stretch{{"windows_1m", from, to}}
	}
	out := []stretch{{"windows_15m", first, last}}
	if from < first {
		out = append(out, stretch{"windows_1m", from, first})
	}
	if last < to {
		out = append(out, stretch{"windows_1m", last, to})
	}
	return out
}

// windowRow is where a row of windows is scanned into.
type windowRow struct {
	key    key
	begin  uint32 // of the interval, in seconds
	counts [schema.NumCounts]uint64
	number [schema.NumMeasures]uint64
	sum    [schema.NumMeasures]int64
	max    [schema.NumMeasures]int64
	log    [schema.NumMeasures][]metric.Bin
	// Histograms of the single windows, one after the other, as states of groupArray: each bin is key·2²⁰ + the lower 20 bits of its
	// count. packedHigh has the other bits, of windows that count so many.
	packed, packedHigh [schema.NumMeasures]string

	histogram histogram

	answeredIn, abandonedIn, abandonedShort     uint64
	seconds, secondsMost, shortLeast, shortMost uint32
	met                                         uint64
}

// readWindows adds the windows of one family up, by interval and columns. ClickHouse hands each row over as one text of its binary
// format: reading tens of thousands of rows value by value through the driver takes longer than adding the windows up.
func (r *Reader) readWindows(ctx context.Context, p *plan, family metric.Family, needs metric.Needs, t *table) error {
	s, row := &statement{}, &windowRow{}
	var in rowBinary
	thresholds := needs.Seconds != 0
	for _, c := range p.columns {
		in.text(&row.key.ids[c])
	}
	in.u32(&row.begin)
	s.add("SELECT formatRowNoNewline('RowBinary', ", columnList(p.columns), intervalOf(s, p.edges))
	for c := range schema.NumCounts {
		if needs.Count(c) {
			s.add(", sum(", c.String(), ")")
			in.u64(&row.counts[c])
		}
	}
	for m := range schema.NumMeasures {
		if needs.Duration(m) {
			s.add(", sum(", m.String(), "_count), sum(", m.String(), "_sum)")
			in.u64(&row.number[m])
			in.i64(&row.sum[m])
		}
		if needs.Maximum(m) {
			s.add(", max(", m.String(), "_max)")
			in.i64(&row.max[m])
		}
		if needs.Log(m) && p.summed() {
			s.add(", sumMap(", m.String(), "_log)")
			in.bins(&row.log[m])
		}
	}
	if thresholds {
		selectThresholds(s, &in, p.Thresholds, row)
	}
	s.add(")")
	var line string
	dest := []any{&line}
	for m := range schema.NumMeasures {
		if needs.Log(m) && !p.summed() {
			selectPacked(s, m)
			dest = append(dest, &row.packed[m], &row.packedHigh[m])
		}
	}
	s.add("\nFROM (")
	for i, part := range stretches(p.edges) {
		if i > 0 {
			s.add("\nUNION ALL")
		}
		selectWindows(s, p, family, needs, part)
	}
	s.add("\n) GROUP BY ", columnList(p.columns), "begin", settingsOf(p.From, p.To))
	if len(dest) > 1 {
		s.add(smallBlocks)
	}

	return r.each(ctx, s, dest, func() error {
		if err := in.read(line); err != nil {
			return err
		}
		totals := t.totals(family)
		if err := row.fill(totals, needs, thresholds); err != nil {
			return err
		}
		return t.add(family, &row.key, int64(row.begin)*1000, totals)
	})
}

// smallBlocks keeps a block of rows with histograms at some megabytes: a larger one is copied over and over while it grows, here and
// in ClickHouse, and has to be there whole before its first row is read.
const smallBlocks = ", max_block_size = 4096"

// A bin handed over as one number has so many bits for its count, the rest for its key.
const (
	countBits = 20
	countMask = 1<<countBits - 1
	maxKeys   = 1 << (32 - countBits)
)

// summed reports whether ClickHouse is to add histograms up. Its sumMap costs several times as much as handing the windows' histograms
// over as they are and adding them up here, but long ranges would be too much to hand over.
func (p *plan) summed() bool { return p.To-p.From > p.packed }

// selectPacked reads a measure's histograms as they are. They come beside the row and as a state, which is the array's memory: arrays are
// written number by number.
func selectPacked(s *statement, m schema.Measure) {
	bins := ", mapKeys(" + m.String() + "_log), mapValues(" + m.String() + "_log))"
	s.add(", CAST(groupArrayArrayState(arrayMap((k, n) -> bitOr(bitShiftLeft(toUInt32(k), 20), bitAnd(n, 1048575))", bins, "), 'String')")
	s.add(", CAST(groupArrayArrayStateIf(arrayMap((k, n) -> bitOr(bitShiftLeft(toUInt32(k), 20), bitShiftRight(n, 20))", bins, ", ", m.String(), "_count > 1048575), 'String')")
}

// histogram adds up what selectPacked hands over. Keys are few and lie close together, so counting in place beats sorting by far.
type histogram struct {
	counts [maxKeys]uint64
	met    [maxKeys / 64]uint64 // one bit for each key
}

// add sums packed bins in, whose counts lack so many lower bits.
func (h *histogram) add(state string, shift uint) error {
	packed, err := u32s(state)
	if err != nil {
		return err
	}
	for ; len(packed) >= 4; packed = packed[4:] {
		bin := uint32(packed[0]) | uint32(packed[1])<<8 | uint32(packed[2])<<16 | uint32(packed[3])<<24
		key := bin >> countBits
		h.met[key>>6] |= 1 << (key & 63)
		h.counts[key] += uint64(bin&countMask) << shift
	}
	return nil
}

// bins returns what was added, in order and without zeros, and empties the histogram.
func (h *histogram) bins() []metric.Bin {
	distinct := 0
	for _, word := range h.met {
		distinct += bits.OnesCount64(word)
	}
	if distinct == 0 {
		return nil
	}
	out := make([]metric.Bin, 0, distinct)
	for i := range h.met {
		for ; h.met[i] != 0; h.met[i] &= h.met[i] - 1 {
			key := i<<6 + bits.TrailingZeros64(h.met[i])
			if n := h.counts[key]; n > 0 {
				out = append(out, metric.Bin{Key: uint16(key), N: n})
			}
			h.counts[key] = 0
		}
	}
	return out
}

// intervalOf is the expression for the begin of the interval that a window lies in: reckoned where intervals are of one length, as
// days without a change of clocks are, else searched for.
func intervalOf(s *statement, edges []int64) string {
	begin := s.bind("UInt32", uint32(edges[0]/1000))
	if len(edges) == 2 {
		return begin + " AS begin"
	}
	if length, first, ok := evenly(edges); ok {
		from, length := s.bind("UInt32", uint32(first/1000)), s.bind("UInt32", uint32(length/1000))
		return "greatest(" + begin + ", toUInt32(" + from + " + intDiv(toUInt32(start) - " + from + ", " + length + ") * " + length + ")) AS begin"
	}
	seconds := make([]uint32, len(edges)-1)
	for i := range seconds {
		seconds[i] = uint32(edges[i] / 1000)
	}
	return "toUInt32(roundDown(toUInt32(start), " + s.bind("Array(UInt32)", seconds) + ")) AS begin"
}

// evenly reports whether all intervals are of one length but for the first and the last, which may be cut, and where the first one
// would begin if it were whole.
func evenly(edges []int64) (length, first int64, ok bool) {
	last := len(edges) - 1
	length = edges[2] - edges[1]
	if last > 2 {
		for i := 2; i < last; i++ {
			if edges[i]-edges[i-1] != length {
				return 0, 0, false
			}
		}
	} else { // both may be cut
		length = max(edges[1]-edges[0], edges[2]-edges[1])
	}
	first = edges[1] - length
	return length, first, first >= 0 && first <= edges[0] && edges[last]-edges[last-1] <= length
}

// selectThresholds compares every queue's waits with its own threshold before they are summed, because a sum of histograms no
// longer tells the queues apart.
func selectThresholds(s *statement, in *rowBinary, th metric.Thresholds, row *windowRow) {
	seconds := perQueue(s, th, func(t metric.Threshold) int { return t.Seconds })
	short := perQueue(s, th, func(t metric.Threshold) int { return t.ShortSeconds })
	s.add(", sum(arraySum((k, n) -> if(k <= 2 * (", seconds, "), n, 0), mapKeys(wait_seconds), mapValues(wait_seconds)))")
	s.add(", sum(arraySum((k, n) -> if(k <= 2 * (", seconds, "), n, 0), mapKeys(abandon_wait_seconds), mapValues(abandon_wait_seconds)))")
	s.add(", sum(arraySum((k, n) -> if(k < 2 * (", short, "), n, 0), mapKeys(abandon_wait_seconds), mapValues(abandon_wait_seconds)))")
	for _, aggregate := range []string{"minIf(", "maxIf("} {
		s.add(", ", aggregate, "toUInt32(", seconds, "), answered + abandoned > 0)")
	}
	for _, aggregate := range []string{"minIf(", "maxIf("} {
		s.add(", ", aggregate, "toUInt32(", short, "), answered + abandoned > 0)")
	}
	s.add(", countIf(answered + abandoned > 0)")
	in.u64(&row.answeredIn)
	in.u64(&row.abandonedIn)
	in.u64(&row.abandonedShort)
	in.u32(&row.seconds)
	in.u32(&row.secondsMost)
	in.u32(&row.shortLeast)
	in.u32(&row.shortMost)
	in.u64(&row.met)
}

// perQueue is the expression for a number that depends on the row's queue.
func perQueue(s *statement, th metric.Thresholds, of func(metric.Threshold) int) string {
	usual := of(th.Fallback())
	var queues []string
	for queue := range th.Queues {
		if of(th.Of(queue)) != usual {
			queues = append(queues, queue)
		}
	}
	if len(queues) == 0 {
		return s.bind("UInt32", usual)
	}
	sort.Strings(queues)
	numbers := make([]uint32, len(queues))
	for i, queue := range queues {
		numbers[i] = uint32(of(th.Of(queue)))
	}
	return "transform(toString(queue), " + s.bind("Array(String)", queues) + ", " + s.bind("Array(UInt32)", numbers) + ", " + s.bind("UInt32", usual) + ")"
}

// selectWindows reads the newest versions of one table's windows, and of these only the columns that are needed.
func selectWindows(s *statement, p *plan, family metric.Family, needs metric.Needs, part stretch) {
	s.add("\nSELECT start, agent, queue, campaign, channel, direction")
	for c := range schema.NumCounts {
		threshold := needs.Seconds != 0 && (c == schema.CountAnswered || c == schema.CountAbandoned)
		if needs.Count(c) || threshold {
			s.add(", ", c.String())
		}
	}
	for m := range schema.NumMeasures {
		if needs.Duration(m) {
			s.add(", ", m.String(), "_count, ", m.String(), "_sum")
		}
		if needs.Maximum(m) {
			s.add(", ", m.String(), "_max")
		}
		if needs.Log(m) {
			s.add(", ", m.String(), "_log")
		}
	}
	if needs.Seconds != 0 {
		s.add(", wait_seconds, abandon_wait_seconds")
	}
	s.add("\nFROM ", part.table, " FINAL WHERE contact_center = ", s.bind("String", p.ContactCenter),
		" AND start >= toDateTime(", s.bind("UInt32", uint32(part.from/1000)), ", 'UTC')",
		" AND start < toDateTime(", s.bind("UInt32", uint32(part.to/1000)), ", 'UTC')")
	if family == metric.FamilyQueue {
		s.add(" AND NOT of_agent")
	} else {
		s.add(" AND of_agent")
	}
	s.where(p.allowed)
}

func (w *windowRow) fill(t *metric.Totals, needs metric.Needs, thresholds bool) error {
	t.Counts = w.counts
	for m := range schema.NumMeasures {
		if needs.Duration(m) {
			t.Measures[m] = metric.Distribution{Count: w.number[m], Sum: w.sum[m], Max: w.max[m], Log: slices.Clone(w.log[m])}
		}
		if w.packed[m] != "" {
			if err := errors.Join(w.histogram.add(w.packed[m], 0), w.histogram.add(w.packedHigh[m], countBits)); err != nil {
				return err
			}
			t.Measures[m].Log = w.histogram.bins()
		}
	}
	if thresholds {
		t.ServiceLevel = metric.ServiceLevelInputs{AnsweredIn: w.answeredIn, AbandonedIn: w.abandonedIn, AbandonedShort: w.abandonedShort}
		if w.met > 0 {
			t.ServiceLevel.Seconds = metric.Agree(int(w.seconds), int(w.secondsMost))
			t.ServiceLevel.ShortSeconds = metric.Agree(int(w.shortLeast), int(w.shortMost))
		}
	}
	return nil
}
