package engine

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// packedPanes are panes one after the other: quarter, length in bytes, entries. Entries are sorted; one is the minutes since the one before
// and the metric in a byte and, for a measure, its value: a third of what it takes in a pane that is counted in, and nothing for the
// collector to look at.
type packedPanes string

const (
	stepShift = 64 - metricShift
	farStep   = 7 // that many minutes or more are in a byte of their own
)

// packPane appends a pane. Entries ascend by their minutes here.
func (c *center) packPane(b []byte, p *pane) []byte {
	c.minutes = c.minutes[:0]
	for _, e := range p.entries {
		c.minutes = append(c.minutes, bits.RotateLeft64(e, -valueShift))
	}
	slices.Sort(c.minutes)
	b = binary.AppendUvarint(b, uint64(uint32(p.quarter)))
	from := len(b)
	minute := uint64(0)
	for _, byMinute := range c.minutes {
		e := bits.RotateLeft64(byMinute, valueShift)
		step := e&minuteMask - minute
		minute += step
		metric := metricOf(e)
		b = append(b, metric|uint8(min(step, farStep))<<stepShift)
		if step >= farStep {
			b = append(b, uint8(step))
		}
		if metric >= firstMeasure {
			b = binary.AppendUvarint(b, uint64(valueOf(e)))
		}
	}
	var size [binary.MaxVarintLen64]byte
	return slices.Insert(b, from, size[:binary.PutUvarint(size[:], uint64(len(b)-from))]...)
}

// next splits the first pane off.
func (p packedPanes) next() (quarter int32, entries, rest packedPanes) {
	r := unpacker{string(p)}
	quarter = int32(uint32(r.uint()))
	n := r.uint()
	return quarter, packedPanes(r.rest[:n]), packedPanes(r.rest[n:])
}

// entries reads those of one pane.
func (p packedPanes) entries(add func(uint64)) {
	minute := 0
	for r := (unpacker{string(p)}); r.rest != ""; {
		b := r.byte()
		metric, step, value := b&metricMask, b>>stepShift, int64(0)
		if step == farStep {
			step = r.byte()
		}
		minute += int(step)
		if metric >= firstMeasure {
			value = int64(r.uint())
		}
		add(entry(minute, metric, value))
	}
}

// take removes the pane of a quarter, if there is one.
func (p packedPanes) take(quarter int32) ([]uint64, packedPanes) {
	for rest := p; rest != ""; {
		from := len(p) - len(rest)
		var q int32
		var packed packedPanes
		if q, packed, rest = rest.next(); q != quarter {
			continue
		}
		var entries []uint64
		packed.entries(func(e uint64) { entries = append(entries, e) })
		return entries, p[:from] + rest
	}
	return nil, p
}

// since appends the panes from a quarter on.
func (p packedPanes) since(b []byte, quarter int32) []byte {
	for rest := p; rest != ""; {
		this := rest
		var q int32
		if q, _, rest = rest.next(); q >= quarter {
			b = append(b, this[:len(this)-len(rest)]...)
		}
	}
	return b
}

// each visits the entries of the panes that are wanted.
func (s *series) each(want func(start int64) bool, visit func(start int64, e uint64)) {
	for p := &s.now; p != nil; p = p.next {
		if p.quarter != noQuarter && want(p.start()) {
			for _, e := range p.entries {
				visit(p.start(), e)
			}
		}
	}
	for rest := s.closed; rest != ""; {
		var q int32
		var packed packedPanes
		q, packed, rest = rest.next()
		if start := int64(q) * quarterMs; want(start) {
			packed.entries(func(e uint64) { visit(start, e) })
		}
	}
}
