package clickhouse

import "floorwalker/schema"

// Windows writes windows of one length.
type Windows struct {
	block
	contactCenter, queue, campaign *low
	start                          *u32s
	agent                          *texts
	channel, direction             *names
	counts                         [schema.NumCounts]*u32s
	measures                       [schema.NumMeasures]distribution
	version                        *u64s
}

// distribution are the columns of one measure; seconds is nil where the measure does not count them.
type distribution struct {
	count    *u32s
	sum, max *u64s
	log      *bins
	seconds  *bins
}

// bins is a Map(UInt16, UInt32).
type bins struct {
	*array
	key *u16s
	n   *u32s
}

func newBins() *bins {
	key, n := newU16s(), newU32s()
	return &bins{array: newArray(key, n), key: key, n: n}
}

func (b *bins) add(histogram []schema.Bin) {
	for _, bin := range histogram {
		b.key.add(bin.Key)
		b.n.add(bin.N)
	}
	b.end()
}

// NewWindows makes an empty writer of table windows_1m (minutes = 1) or windows_15m (15).
func NewWindows(minutes int) *Windows {
	w := &Windows{contactCenter: newLow(), queue: newLow(), campaign: newLow(), start: newU32s(), agent: newTexts(),
		channel: vocabulary[schema.Channel](), direction: vocabulary[schema.Direction](), version: newU64s()}
	columns := []named{{"contact_center", w.contactCenter}, {"start", w.start}, {"agent", w.agent}, {"queue", w.queue},
		{"campaign", w.campaign}, {"channel", w.channel}, {"direction", w.direction}}
	for c := range w.counts {
		w.counts[c] = newU32s()
		columns = append(columns, named{schema.Count(c).String(), w.counts[c]})
	}
	for m := range w.measures {
		d, name := &w.measures[m], schema.Measure(m).String()
		*d = distribution{count: newU32s(), sum: newU64s(), max: newU64s(), log: newBins()}
		columns = append(columns, named{name + "_count", d.count}, named{name + "_sum", d.sum}, named{name + "_max", d.max}, named{name + "_log", d.log})
		if schema.Measure(m).CountsSeconds() {
			d.seconds = newBins()
			columns = append(columns, named{name + "_seconds", d.seconds})
		}
	}
	table := "windows_1m"
	if minutes == schema.WindowQuarter {
		table = "windows_15m"
	}
	w.block = newBlock(table, "processed_at", append(columns, named{"version", w.version})...)
	return w
}

// Append adds one window of a partition as it was at the stamp's position. An emptied window is zeros.
func (w *Windows) Append(s Stamp, r *schema.Window) {
	w.contactCenter.add(r.ContactCenter)
	w.start.seconds(r.Start)
	w.agent.add(r.Agent)
	w.queue.add(r.Queue)
	w.campaign.add(r.Campaign)
	w.channel.add(uint8(r.Channel))
	w.direction.add(uint8(r.Direction))
	for c, n := range r.Counts {
		w.counts[c].add(n)
	}
	for m := range r.Measures {
		v, d := &r.Measures[m], &w.measures[m]
		d.count.add(v.Count)
		d.sum.signed(v.Sum)
		d.max.signed(v.Max)
		d.log.add(v.Log)
		if d.seconds != nil {
			d.seconds.add(v.Seconds)
		}
	}
	w.version.add(s.version())
}
