package clickhouse

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"floorwalker/schema"
)

// Columns collect values in ClickHouse's native form, so that handing them to the driver is a copy: its own Append would box
// every value of a LowCardinality column and go through time.Time for every timestamp. The driver takes native bytes through
// Decode, the method by which it reads answers. Buffers are kept between blocks, and hold no pointer but those of dictionaries:
// there is nothing for the garbage collector to follow.
type columnBuffer interface {
	// native returns the values in [from, to) in native form, without the prefix that the driver writes itself. It is valid
	// until the next call.
	native(from, to int) net.Buffers
	// values counts all that was added: of a column of a table its rows.
	values() int
	// bytes is roughly how much memory the values take.
	bytes() int
	// suits reports whether native is the form of the type: another one would be misread in silence.
	suits(t column.Type) bool
	reset()
}

// handOver makes dst, an empty column of a block, hold the values in [from, to).
func handOver(dst column.Interface, values columnBuffer, from, to int, in *source) error {
	if !values.suits(dst.Type()) {
		return fmt.Errorf("column %s is %s, which %T does not write", dst.Name(), dst.Type(), values)
	}
	if s, ok := values.(*texts); ok { // the driver reads texts one by one, which takes longer than to append them
		if from == 0 {
			if err := in.reserve(dst, s.start(to)); err != nil {
				return err
			}
		}
		in.texts = s.views(in.texts[:0], from, to)
		if _, err := dst.Append(in.texts); err != nil {
			return fmt.Errorf("column %s: %w", dst.Name(), err)
		}
		return nil
	}
	in.pending = values.native(from, to)
	if err := dst.Decode(in.reader, to-from); err != nil {
		return fmt.Errorf("column %s %s: %w", dst.Name(), dst.Type(), err)
	}
	return nil
}

// source lets the driver's columns read native bytes. Each INSERT has its own, since its reader buffers.
type source struct {
	pending net.Buffers
	reader  *chproto.Reader
	texts   []string // those of a slice on their way
}

func newSource() *source {
	s := &source{}
	s.reader = chproto.NewReader(s)
	return s
}

// Read keeps the end of one column's bytes from the buffering reader, which would report it to the next column.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.pending.Read(p)
	if n > 0 {
		return n, nil
	}
	return n, err
}

// zeros is what reserve reads; nobody writes to it.
var zeros [64 << 10]byte

// reserve gives a new string column room for n bytes at once: one text of that length, forgotten again. Growing step by step
// costs more than all the rest of handing over, since the memory of every step is touched for the first time.
func (s *source) reserve(dst column.Interface, n int) error {
	if n < len(zeros) {
		return nil
	}
	s.pending = append(s.pending[:0], binary.AppendUvarint(nil, uint64(n)))
	for ; n > 0; n -= len(zeros) {
		s.pending = append(s.pending, zeros[:min(n, len(zeros))])
	}
	if err := dst.Decode(s.reader, 1); err != nil {
		return fmt.Errorf("column %s: reserve: %w", dst.Name(), err)
	}
	dst.Reset()
	return nil
}

// fixed holds values of a fixed width: integers, booleans, times.
type fixed struct {
	buf   []byte
	width int
}

func (c *fixed) native(from, to int) net.Buffers {
	return net.Buffers{c.buf[from*c.width : to*c.width]}
}
func (c *fixed) values() int { return len(c.buf) / c.width }
func (c *fixed) bytes() int  { return len(c.buf) }
func (c *fixed) reset()      { c.buf = c.buf[:0] }
func (c *fixed) suits(t column.Type) bool {
	name, _, _ := strings.Cut(string(t), "(")
	return widths[name] == c.width
}

var widths = map[string]int{"Bool": 1, "UInt8": 1, "UInt16": 2, "UInt32": 4, "DateTime": 4, "UInt64": 8, "Int64": 8, "DateTime64": 8}

type u8s struct{ fixed }
type u16s struct{ fixed }
type u32s struct{ fixed }
type u64s struct{ fixed }

func newU8s() *u8s   { return &u8s{fixed{width: 1}} }
func newU16s() *u16s { return &u16s{fixed{width: 2}} }
func newU32s() *u32s { return &u32s{fixed{width: 4}} }
func newU64s() *u64s { return &u64s{fixed{width: 8}} }

// room makes sure that n values more go into a slice that would have so many for a whole piece.
func room[E any](s []E, n, whole int) []E {
	if cap(s)-len(s) >= n {
		return s
	}
	return grown(s, n, whole)
}

// grown gives a column that has come some way what it will need for a whole piece, and doubles it before and after: append grows a
// long slice by a quarter only, so that most of what a column's first rows cost is copying them again and again.
func grown[E any](s []E, n, whole int) []E {
	more := max(n, len(s), 64)
	if len(s) >= whole/16 && len(s) < whole {
		more = max(n, whole-len(s))
	}
	return slices.Grow(s, more)
}

func (c *u8s) bool(v bool) {
	var b byte
	if v {
		b = 1
	}
	c.buf = append(room(c.buf, 1, PieceRows), b)
}
func (c *u16s) add(v uint16) {
	c.buf = binary.LittleEndian.AppendUint16(room(c.buf, 2, 2*PieceRows), v)
}
func (c *u32s) add(v uint32) {
	c.buf = binary.LittleEndian.AppendUint32(room(c.buf, 4, 4*PieceRows), v)
}
func (c *u64s) add(v uint64) {
	c.buf = binary.LittleEndian.AppendUint64(room(c.buf, 8, 8*PieceRows), v)
}
func (c *u64s) signed(v int64) { c.add(uint64(v)) }

func (c *u32s) at(i int) uint32 { return binary.LittleEndian.Uint32(c.buf[4*i:]) }
func (c *u64s) at(i int) uint64 { return binary.LittleEndian.Uint64(c.buf[8*i:]) }

const (
	// latest is the last moment of DateTime64(3) that is written, 2299-12-31; it stands for schema.Open where a column cannot
	// be null. earliest is its counterpart for schema.NoTime, 1900-01-01.
	latest   int64 = 10413705599999
	earliest int64 = -2208988800000
)

// Until turns a time of a column that cannot be null back: the year 2299 is Open.
func Until(ms int64) int64 {
	if ms >= latest {
		return schema.Open
	}
	return ms
}

// time clips to what DateTime64 can hold, so that a strange event time cannot wrap around.
func (c *u64s) time(ms int64) { c.signed(min(max(ms, earliest), latest)) }

// seconds is for DateTime: seconds since 1970 in 32 bits.
func (c *u32s) seconds(ms int64) { c.add(uint32(min(max(ms/1000, 0), math.MaxUint32))) }

// fill repeats a value: what is one for all rows of an INSERT.
func (c *u64s) fill(v int64, n int) {
	c.reset()
	for range n {
		c.signed(v)
	}
}

// nullable holds 64-bit values of which some are not there.
type nullable struct {
	nulls []byte
	v     u64s
}

func newNullable() *nullable { return &nullable{v: u64s{fixed{width: 8}}} }

func (c *nullable) native(from, to int) net.Buffers {
	return append(net.Buffers{c.nulls[from:to]}, c.v.native(from, to)...)
}
func (c *nullable) values() int { return len(c.nulls) }
func (c *nullable) bytes() int  { return len(c.nulls) + len(c.v.buf) }
func (c *nullable) reset()      { c.nulls = c.nulls[:0]; c.v.reset() }
func (c *nullable) suits(t column.Type) bool {
	of, ok := strings.CutPrefix(string(t), "Nullable(")
	return ok && c.v.suits(column.Type(strings.TrimSuffix(of, ")")))
}

func (c *nullable) null() {
	c.nulls = append(room(c.nulls, 1, PieceRows), 1)
	c.v.add(0)
}

func (c *nullable) signed(v int64, has bool) {
	if !has {
		c.null()
		return
	}
	c.nulls = append(room(c.nulls, 1, PieceRows), 0)
	c.v.signed(v)
}

// time writes NoTime and Open as NULL.
func (c *nullable) time(ms int64) {
	if ms == schema.NoTime || ms == schema.Open {
		c.null()
		return
	}
	c.nulls = append(room(c.nulls, 1, PieceRows), 0)
	c.v.time(ms)
}

// texts holds strings, copied, in native form: each behind its length.
type texts struct {
	buf  []byte
	ends []int
}

func newTexts() *texts { return &texts{} }

func (c *texts) native(from, to int) net.Buffers {
	return net.Buffers{c.buf[c.start(from):c.start(to)]}
}
func (c *texts) suits(t column.Type) bool { return t == "String" }
func (c *texts) values() int              { return len(c.ends) }
func (c *texts) bytes() int               { return len(c.buf) + 8*len(c.ends) }
func (c *texts) reset()                   { c.buf, c.ends = c.buf[:0], c.ends[:0] }
func (c *texts) add(s string) {
	if n := len(s) + binary.MaxVarintLen32; cap(c.buf)-len(c.buf) < n {
		c.buf = grown(c.buf, n, c.whole())
	}
	c.buf = append(binary.AppendUvarint(c.buf, uint64(len(s))), s...)
	c.ends = append(room(c.ends, 1, PieceRows), len(c.buf))
}

// whole is how many bytes a whole piece will have if it goes on like this.
func (c *texts) whole() int {
	if len(c.ends) < PieceRows/16 {
		return 0
	}
	return len(c.buf) / len(c.ends) * (PieceRows + PieceRows/16)
}

// at is the i-th string, valid until reset.
func (c *texts) at(i int) string {
	b := c.buf[c.start(i):c.ends[i]]
	_, head := binary.Uvarint(b)
	return view(b[head:])
}

// start is where the i-th string begins, hence the one before it ends.
func (c *texts) start(i int) int {
	if i == 0 {
		return 0
	}
	return c.ends[i-1]
}

// views appends the strings in [from, to), which are valid until reset.
func (c *texts) views(dst []string, from, to int) []string {
	at := c.start(from)
	for _, end := range c.ends[from:to] {
		n := int(c.buf[at])
		at++
		if n >= 0x80 {
			length, head := binary.Uvarint(c.buf[at-1:])
			n, at = int(length), at-1+head
		}
		dst = append(dst, view(c.buf[at:at+n]))
		at = end
	}
	return dst
}

// low holds strings of which few differ. The dictionary starts anew with every block.
type low struct {
	index   map[string]uint32
	words   []string // by key
	entries texts
	keys    []uint32
	wire    []byte
	last    string
	lastKey uint32
}

func newLow() *low { return &low{index: map[string]uint32{}} }

func (c *low) suits(t column.Type) bool { return t == "LowCardinality(String)" }
func (c *low) values() int              { return len(c.keys) }
func (c *low) bytes() int               { return 4*len(c.keys) + c.entries.bytes() }
func (c *low) reset() {
	clear(c.index)
	clear(c.words)
	c.entries.reset()
	c.words, c.keys, c.last, c.lastKey = c.words[:0], c.keys[:0], "", 0
}

func (c *low) at(i int) string { return c.words[c.keys[i]] }

func (c *low) add(s string) {
	if len(c.keys) > 0 && s == c.last {
		c.keys = append(room(c.keys, 1, PieceRows), c.lastKey)
		return
	}
	k, ok := c.index[s]
	if !ok {
		k = uint32(len(c.words))
		s = strings.Clone(s)
		c.index[s] = k
		c.words = append(c.words, s)
		c.entries.add(s)
	}
	c.keys, c.last, c.lastKey = append(room(c.keys, 1, PieceRows), k), c.words[k], k
}

// The head of a LowCardinality block: additional keys follow, the dictionary is new; the width of the keys is in the low byte.
const lowHead = 1<<9 | 1<<10

func (c *low) native(from, to int) net.Buffers {
	if from == to {
		return nil
	}
	var width uint64
	switch n := len(c.words); {
	case n > math.MaxUint16:
		width = 2
	case n > math.MaxUint8:
		width = 1
	}
	b := binary.LittleEndian.AppendUint64(c.wire[:0], lowHead|width)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(c.words)))
	b = append(b, c.entries.buf...)
	b = binary.LittleEndian.AppendUint64(b, uint64(to-from))
	for _, k := range c.keys[from:to] {
		switch width {
		case 0:
			b = append(b, byte(k))
		case 1:
			b = binary.LittleEndian.AppendUint16(b, uint16(k))
		default:
			b = binary.LittleEndian.AppendUint32(b, k)
		}
	}
	c.wire = b
	return net.Buffers{b}
}

// names holds values of a closed vocabulary by their number; its dictionary is the vocabulary.
type names struct {
	head []byte // dictionary in native form
	keys []byte
}

// newNames makes a column for the vocabulary that name spells, from 0 (not said) to the first number without a name.
func newNames(name func(v uint8) string) *names {
	var entries texts
	entries.add("")
	for v := uint8(1); name(v) != ""; v++ {
		entries.add(name(v))
	}
	head := binary.LittleEndian.AppendUint64(nil, lowHead)
	head = binary.LittleEndian.AppendUint64(head, uint64(entries.values()))
	return &names{head: append(head, entries.buf...)}
}

func vocabulary[E interface {
	~uint8
	String() string
}]() *names {
	return newNames(func(v uint8) string { return E(v).String() })
}

func (c *names) add(v uint8)              { c.keys = append(room(c.keys, 1, PieceRows), v) }
func (c *names) suits(t column.Type) bool { return t == "LowCardinality(String)" }
func (c *names) values() int              { return len(c.keys) }
func (c *names) bytes() int               { return len(c.keys) }
func (c *names) reset()                   { c.keys = c.keys[:0] }
func (c *names) native(from, to int) net.Buffers {
	if from == to {
		return nil
	}
	return net.Buffers{c.head, binary.LittleEndian.AppendUint64(nil, uint64(to-from)), c.keys[from:to]}
}

// array holds rows of several values each; its parts are the columns of the values: one for Array(T), two for a Map or an
// Array(Tuple). A row's values are added to the parts, then end is called.
type array struct {
	offsets u64s
	parts   []columnBuffer
	shifted u64s // offsets of a slice, counted from its beginning
}

func newArray(parts ...columnBuffer) *array {
	return &array{offsets: u64s{fixed{width: 8}}, parts: parts, shifted: u64s{fixed{width: 8}}}
}

func (c *array) end()        { c.offsets.add(uint64(c.parts[0].values())) }
func (c *array) values() int { return c.offsets.values() }
func (c *array) suits(t column.Type) bool {
	of, list := strings.CutPrefix(strings.TrimSuffix(string(t), ")"), "Array(")
	if len(c.parts) == 1 {
		return list && c.parts[0].suits(column.Type(of))
	}
	return t == "Map(UInt16, UInt32)" || t == "Array(Tuple(String, String))"
}
func (c *array) native(from, to int) net.Buffers {
	first, last := c.offset(from), c.offset(to)
	b := c.offsets.native(from, to)
	if first > 0 {
		c.shifted.reset()
		for i := from; i < to; i++ {
			c.shifted.add(c.offset(i+1) - first)
		}
		b = c.shifted.native(0, to-from)
	}
	for _, p := range c.parts {
		b = append(b, p.native(int(first), int(last))...)
	}
	return b
}

// offset is how many values the first n rows have.
func (c *array) offset(n int) uint64 {
	if n == 0 {
		return 0
	}
	return c.offsets.at(n - 1)
}

func (c *array) bytes() int {
	n := c.offsets.bytes()
	for _, p := range c.parts {
		n += p.bytes()
	}
	return n
}
func (c *array) reset() {
	c.offsets.reset()
	for _, p := range c.parts {
		p.reset()
	}
}
