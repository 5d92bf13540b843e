package history

import (
	"context"
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
	packed [schema.NumMeasures][]uint64 // of the single windows: key·2³² + count

	histogram histogram

	answeredIn, abandonedIn, abandonedShort     uint64
	seconds, secondsMost, shortLeast, shortMost uint16
	met                                         uint64
}

// readWindows adds the windows of one family up, by interval and columns. ClickHouse hands each row over as one text of its binary
// format: reading tens of thousands of rows value by value through the driver takes longer than adding the windows up.
func (r *Reader) readWindows(ctx context.Context, p *plan, family metric.Family, needs metric.Needs, t *table) error {
	s, row := &statement{}, &windowRow{}
	var in binary
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
			s.add(", sum(", m.String(), "_count), sum(", m.String(), "_sum), max(", m.String(), "_max)")
			in.u64(&row.number[m])
			in.i64(&row.sum[m])
			in.i64(&row.max[m])
		}
		if needs.Log(m) {
			selectLog(s, &in, p, m, row)
		}
	}
	if thresholds {
		selectThresholds(s, &in, p.Thresholds, row)
	}
	s.add(")\nFROM (")
	for i, part := range stretches(p.edges) {
		if i > 0 {
			s.add("\nUNION ALL")
		}
		selectWindows(s, p, family, needs, part)
	}
	s.add("\n) GROUP BY ", columnList(p.columns), "begin", settings)

	var line string
	return r.each(ctx, s, []any{&line}, func() error {
		if err := in.read(line); err != nil {
			return err
		}
		return t.add(family, &row.key, int64(row.begin)*1000, row.totals(needs, thresholds))
	})
}

// selectLog reads a measure's histogram. ClickHouse's sumMap costs several times as much as handing the windows' histograms over as
// they are and adding them up here, but long ranges would be too much to hand over.
func selectLog(s *statement, in *binary, p *plan, m schema.Measure, row *windowRow) {
	if p.To-p.From > p.packed {
		s.add(", sumMap(", m.String(), "_log)")
		in.bins(&row.log[m])
		return
	}
	s.add(", groupArrayArray(arrayMap((k, n) -> toUInt64(k) * 4294967296 + n, mapKeys(", m.String(), "_log), mapValues(", m.String(), "_log)))")
	in.u64s(&row.packed[m])
}

// histogram adds up what selectLog hands over. Keys are few and lie close together, so counting in place beats sorting by far.
type histogram struct {
	counts [1 << 16]uint64
	met    [1 << 10]uint64 // one bit for each key
}

// sum returns the bins of packed in order and is empty again afterwards.
func (h *histogram) sum(packed []uint64) []metric.Bin {
	low, high, distinct := len(h.met), -1, 0
	for _, x := range packed {
		key, n := uint16(x>>32), x&(1<<32-1)
		if n == 0 {
			continue
		}
		if h.counts[key] == 0 {
			word := int(key >> 6)
			h.met[word] |= 1 << (key & 63)
			low, high, distinct = min(low, word), max(high, word), distinct+1
		}
		h.counts[key] += n
	}
	if distinct == 0 {
		return nil
	}
	out := make([]metric.Bin, 0, distinct)
	for word := low; word <= high; word++ {
		for ; h.met[word] != 0; h.met[word] &= h.met[word] - 1 {
			key := uint16(word<<6 + bits.TrailingZeros64(h.met[word]))
			out = append(out, metric.Bin{Key: key, N: h.counts[key]})
			h.counts[key] = 0
		}
	}
	return out
}

// intervalOf is the expression for the begin of the interval that a window lies in.
func intervalOf(s *statement, edges []int64) string {
	if len(edges) == 2 {
		return s.bind("UInt32", uint32(edges[0]/1000)) + " AS begin"
	}
	seconds := make([]uint32, len(edges)-1)
	for i := range seconds {
		seconds[i] = uint32(edges[i] / 1000)
	}
	return "toUInt32(roundDown(toUInt32(start), " + s.bind("Array(UInt32)", seconds) + ")) AS begin"
}

// selectThresholds compares every queue's waits with its own threshold before they are summed, because a sum of histograms no
// longer tells the queues apart.
func selectThresholds(s *statement, in *binary, th metric.Thresholds, row *windowRow) {
	seconds := perQueue(s, th, func(t metric.Threshold) int { return t.Seconds })
	short := perQueue(s, th, func(t metric.Threshold) int { return t.ShortSeconds })
	s.add(", sum(arraySum((k, n) -> if(k <= 2 * (", seconds, "), n, 0), mapKeys(wait_seconds), mapValues(wait_seconds)))")
	s.add(", sum(arraySum((k, n) -> if(k <= 2 * (", seconds, "), n, 0), mapKeys(abandon_wait_seconds), mapValues(abandon_wait_seconds)))")
	s.add(", sum(arraySum((k, n) -> if(k < 2 * (", short, "), n, 0), mapKeys(abandon_wait_seconds), mapValues(abandon_wait_seconds)))")
	for _, aggregate := range []string{"minIf(", "maxIf("} {
		s.add(", ", aggregate, "toUInt16(", seconds, "), answered + abandoned > 0)")
	}
	for _, aggregate := range []string{"minIf(", "maxIf("} {
		s.add(", ", aggregate, "toUInt16(", short, "), answered + abandoned > 0)")
	}
	s.add(", countIf(answered + abandoned > 0)")
	in.u64(&row.answeredIn)
	in.u64(&row.abandonedIn)
	in.u64(&row.abandonedShort)
	in.u16(&row.seconds)
	in.u16(&row.secondsMost)
	in.u16(&row.shortLeast)
	in.u16(&row.shortMost)
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
			s.add(", ", m.String(), "_count, ", m.String(), "_sum, ", m.String(), "_max")
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

func (w *windowRow) totals(needs metric.Needs, thresholds bool) *metric.Totals {
	t := &metric.Totals{Counts: w.counts}
	for m := range schema.NumMeasures {
		if needs.Duration(m) {
			t.Measures[m] = metric.Distribution{Count: w.number[m], Sum: w.sum[m], Max: w.max[m], Log: slices.Clone(w.log[m])}
			if len(w.packed[m]) > 0 {
				t.Measures[m].Log = w.histogram.sum(w.packed[m])
			}
		}
	}
	if thresholds {
		t.ServiceLevel = metric.ServiceLevelInputs{AnsweredIn: w.answeredIn, AbandonedIn: w.abandonedIn, AbandonedShort: w.abandonedShort}
		if w.met > 0 {
			t.ServiceLevel.Seconds = metric.Agree(int(w.seconds), int(w.secondsMost))
			t.ServiceLevel.ShortSeconds = metric.Agree(int(w.shortLeast), int(w.shortMost))
		}
	}
	return t
}
