package history

import (
	"errors"
	"slices"
	"strings"

	"floorwalker/schema/metric"
)

// rowBinary decodes rows of ClickHouse's format RowBinary into the places that were named, in their order.
type rowBinary struct {
	fields []func(b string) (rest string, ok bool)
}

var errRow = errors.New("a row of ClickHouse's binary format is not as asked for")

func (d *rowBinary) read(row string) error {
	for _, f := range d.fields {
		var ok bool
		if row, ok = f(row); !ok {
			return errRow
		}
	}
	if row != "" {
		return errRow
	}
	return nil
}

func (d *rowBinary) add(f func(b string) (string, bool)) { d.fields = append(d.fields, f) }

// fixed adds a field of so many bytes.
func (d *rowBinary) fixed(size int, set func(b string)) {
	d.add(func(b string) (string, bool) {
		if len(b) < size {
			return b, false
		}
		set(b)
		return b[size:], true
	})
}

func (d *rowBinary) u32(to *uint32) { d.fixed(4, func(b string) { *to = uint32(little(b[:4])) }) }
func (d *rowBinary) u64(to *uint64) { d.fixed(8, func(b string) { *to = little(b[:8]) }) }
func (d *rowBinary) i64(to *int64)  { d.fixed(8, func(b string) { *to = int64(little(b[:8])) }) }

func little(b string) (n uint64) {
	if len(b) == 8 {
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
	}
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

// text adds a String; it is copied.
func (d *rowBinary) text(to *string) {
	d.add(func(b string) (string, bool) {
		n, b, ok := length(b)
		if !ok || n > uint64(len(b)) {
			return b, false
		}
		if *to != b[:n] { // rows of one group come one after the other
			*to = strings.Clone(b[:n])
		}
		return b[n:], true
	})
}

func length(b string) (n uint64, rest string, ok bool) {
	for shift := 0; shift < 64 && b != ""; shift += 7 {
		c := b[0]
		b = b[1:]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n, b, true
		}
	}
	return 0, b, false
}

// u32s takes the state of groupArray of UInt32 apart: what it returns is four bytes of each number.
func u32s(state string) (numbers string, err error) {
	n, b, ok := length(state)
	if !ok || n > 1<<60 || uint64(len(b)) != 4*n {
		return "", errRow
	}
	return b, nil
}

// bins adds a Map(UInt16, UInt64), in order of the keys and without zeros; the slice is used again for the next row.
func (d *rowBinary) bins(to *[]metric.Bin) {
	d.add(func(b string) (string, bool) {
		n, b, ok := length(b)
		if !ok || n > uint64(len(b)/10) {
			return b, false
		}
		out := (*to)[:0]
		for ; n > 0; n-- {
			if count := little(b[2:10]); count > 0 {
				out = append(out, metric.Bin{Key: uint16(little(b[:2])), N: count})
			}
			b = b[10:]
		}
		slices.SortFunc(out, func(x, y metric.Bin) int { return int(x.Key) - int(y.Key) })
		*to = out
		return b, true
	})
}
