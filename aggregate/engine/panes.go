package engine

import (
	"encoding/binary"
)

// packedPanes are panes one after the other: quarter, length in bytes, entries. An entry is minute and metric in two bytes and, for a
// measure, its value: a third of what it takes in a pane that is counted in, and nothing for the collector to look at.
type packedPanes string

// packPane appends a pane.
func packPane(b []byte, p *pane) []byte {
	b = binary.AppendVarint(b, int64(p.quarter))
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, e := range p.entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e>>metricShift))
		if uint8(e>>metricShift&63) >= measureBit {
			b = binary.AppendUvarint(b, e&valueMask)
		}
	}
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// next splits the first pane off.
func (p packedPanes) next() (quarter int32, entries, rest packedPanes) {
	r := unpacker{cold(p)}
	quarter = int32(r.int())
	n := binary.LittleEndian.Uint32([]byte(r.rest[:4]))
	return quarter, packedPanes(r.rest[4 : 4+n]), packedPanes(r.rest[4+n:])
}

// entries reads those of one pane.
func (p packedPanes) entries(add func(uint64)) {
	for r := (unpacker{cold(p)}); r.rest != ""; {
		e := uint64(r.byte())
		e = (e | uint64(r.byte())<<8) << metricShift
		if uint8(e>>metricShift&63) >= measureBit {
			e |= r.uint()
		}
		add(e)
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
	for p := s.open; p != nil; p = p.next {
		if want(p.start()) {
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
