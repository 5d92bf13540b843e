package engine

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// A finished interaction goes cold once its rows are out: one text without pointers holds its id and its inputs, from which its
// course is folded again should anything ask for it. Most never are.

// cold is a packed interaction: when it was finished (8 bytes), how long before that it is to be looked at (4), flags, id, then what
// only thaw reads.
type cold string

// Flags of a cold interaction.
const (
	coldExpired = 1 << iota // it ended because its end never came
	coldSequence
	coldNotBefore
)

const (
	coldFlags  = 12
	coldHeader = 13
)

func (p cold) finished() int64 { return int64(binary.LittleEndian.Uint64([]byte(p[:8]))) }

// look is the deadline that it had when it went cold. From then on it is looked at when it was finished.
func (p cold) look() int64 { return p.finished() - int64(binary.LittleEndian.Uint32([]byte(p[8:12]))) }

func (p cold) expired() bool { return p[coldFlags]&coldExpired != 0 }

func (p cold) id() string {
	r := unpacker{p[coldHeader:]}
	return r.text()
}

// coolAll lets those of the interactions go cold that may.
func (c *center) coolAll(list []*interaction) {
	for _, i := range list {
		c.cool(i)
	}
}

// coolThawed lets those go cold again that were asked for and did not change.
func (c *center) coolThawed() {
	c.coolAll(c.thawed)
	clear(c.thawed)
	c.thawed = c.thawed[:0]
}

// cool lets an interaction go cold if it is finished and its rows are out. Long ones stay: to fold them again takes long.
func (c *center) cool(i *interaction) {
	l := &i.line
	if s := c.slab[i.handle]; !s.isHot() || c.seats[uint32(s)] != i || i.dirty || i.seen || !l.head.Born || l.first != nil || len(l.snaps) > 0 {
		return
	}
	end := l.head.finishedAt()
	if end == schema.Open {
		return
	}
	if d := end - i.look; d < 0 || d > math.MaxUint32 {
		i.look = end
		c.at(end, i.handle, 0)
	}
	packed, ok := i.pack(c.text[:0], end)
	c.text = packed
	if !ok {
		return
	}
	c.vacate(i.handle)
	c.slab[i.handle] = c.chunks.add(packed)
	c.recycle(i)
}

// recycle keeps the memory of an interaction that nothing refers to any more.
func (c *center) recycle(i *interaction) {
	*i = interaction{}
	c.pool = append(c.pool, i)
}

// shrinkPool gives back what a burst needed.
func (c *center) shrinkPool() {
	n := len(c.pool) - c.idle
	clear(c.pool[n:])
	c.pool = c.pool[:n]
	c.idle = n
}

// newInteraction is an empty one.
func (c *center) newInteraction() *interaction {
	var i *interaction
	if n := len(c.pool); n > 0 {
		i, c.pool = c.pool[n-1], c.pool[:n-1]
		c.idle = min(c.idle, n-1)
	} else {
		i = &interaction{}
	}
	i.c, i.look = c, schema.Open
	i.line.in, i.line.head.Visits, i.line.head.Parts = i.room.inputs[:0], i.room.visits[:0], i.room.parts[:0]
	return i
}

// thaw folds a cold interaction again.
func (c *center) thaw(h uint32) *interaction {
	packed := c.chunks.at(c.slab[h])
	i := c.newInteraction()
	i.handle = h
	i.unpack(packed)
	out := c.take()
	for k := range i.line.in {
		i.apply(&i.line.head, &i.line.in[k], out)
		out.reset()
	}
	c.give(out)
	c.vacate(h)
	c.slab[h] = c.seat(i)
	c.lookBy(i, packed.finished())
	c.thawed = append(c.thawed, i)
	return i
}

// leaveCold is leave for a cold interaction.
func (c *center) leaveCold(h uint32, p cold) {
	if c.live { // it is shown once more
		c.leave(c.hot(h), p.finished())
		return
	}
	if p.expired() {
		*c.expired++
	}
	c.gone.put(xxhash.Sum64String(p.id()), p.finished())
	c.remove(p.id(), h)
}

// pack appends the interaction's packed form; false where it has none.
func (i *interaction) pack(b []byte, end int64) ([]byte, bool) {
	var flags byte
	if i.line.head.EndReason == schema.EndExpired {
		flags |= coldExpired
	}
	if i.own.HasSeq {
		flags |= coldSequence
	}
	if i.notBefore != schema.NoTime {
		flags |= coldNotBefore
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(end))
	b = append(binary.LittleEndian.AppendUint32(b, uint32(end-i.look)), flags)
	b = packText(b, i.id.text)
	b = binary.AppendVarint(b, end-i.own.T)
	if i.own.HasSeq {
		b = binary.AppendVarint(b, i.own.Seq)
	}
	if i.notBefore != schema.NoTime {
		b = binary.AppendVarint(b, end-i.notBefore)
	}
	b = binary.AppendVarint(b, end-i.line.base)
	b = binary.AppendUvarint(b, uint64(len(i.line.in)))
	from, first := 0, uint32(0)
	for k := range i.line.in {
		in := &i.line.in[k]
		x := i.line.extra(in)
		if x != nil && x == i.created.x {
			from = k + 1
		}
		b = packInput(b, in, in.dt-first, x)
		first = in.dt
	}
	b = binary.AppendUvarint(b, uint64(from))
	if from == 0 {
		return b, i.attrs == nil && i.created.x == nil
	}
	return b, i.attrs == i.created.x.attrs && i.created.t == i.line.time(&i.line.in[from-1])
}

func (i *interaction) unpack(p cold) {
	end, flags := p.finished(), p[coldFlags]
	r := unpacker{p[coldHeader:]}
	i.id = identOf(strings.Clone(r.text()))
	i.own.T = end - r.int()
	if flags&coldSequence != 0 {
		i.own.Seq, i.own.HasSeq = r.int(), true
	}
	i.notBefore = schema.NoTime
	if flags&coldNotBefore != 0 {
		i.notBefore = end - r.int()
	}
	l := &i.line
	l.base = end - r.int()
	dt := uint32(0)
	for range r.uint() {
		in, x := r.input()
		dt += in.dt
		in.dt = dt
		if x != nil {
			in.x = l.addExtra(x)
		}
		l.in = append(l.in, in)
	}
	if from := r.uint(); from != 0 {
		in := &l.in[from-1]
		x := l.extra(in)
		i.attribute(x.attrs, created{l.time(in), x})
	}
}

// What of an input is not zero.
const (
	packedRef1 = 1 << iota
	packedRef2
	packedA
	packedB
	packedExtra
)

func packInput(b []byte, in *input, dt uint32, x *extra) []byte {
	var has byte
	for k, there := range [...]bool{in.ref1 != 0, in.ref2 != 0, in.a != 0, in.b != 0, x != nil} {
		if there {
			has |= 1 << k
		}
	}
	b = append(b, in.kind, has)
	b = binary.AppendUvarint(b, uint64(dt))
	if has&packedRef1 != 0 {
		b = binary.AppendUvarint(b, uint64(in.ref1))
	}
	if has&packedRef2 != 0 {
		b = binary.AppendUvarint(b, uint64(in.ref2))
	}
	if has&packedA != 0 {
		b = append(b, in.a)
	}
	if has&packedB != 0 {
		b = binary.AppendUvarint(b, uint64(in.b))
	}
	if x != nil {
		b = packExtra(b, x)
	}
	return b
}

// What an extra of an interaction's input has.
const (
	packedSeq = 1 << iota
	packedLate
	packedAttrs
	packedText
	packedNum
)

func packExtra(b []byte, x *extra) []byte {
	var has byte
	for k, there := range [...]bool{x.hasSeq, x.late != 0, x.attrs != nil, len(x.text) > 0, x.num != 0} {
		if there {
			has |= 1 << k
		}
	}
	b = append(b, has)
	if x.hasSeq {
		b = binary.AppendVarint(b, x.seq)
	}
	if x.late != 0 {
		b = binary.AppendVarint(b, x.late)
	}
	if x.attrs != nil {
		b = packAttributes(b, x.attrs)
	}
	if len(x.text) > 0 {
		b = binary.AppendUvarint(b, uint64(len(x.text)))
		for _, s := range x.text {
			b = packText(b, s)
		}
	}
	if x.num != 0 {
		b = binary.AppendVarint(b, x.num)
	}
	return b
}

// packAttributes writes strings only where one of them is not empty.
func packAttributes(b []byte, a *attributes) []byte {
	var flags byte
	if a.CanRecord {
		flags |= 1
	}
	texts := [...]string{a.CallID, a.ChatID, a.CallFlow, string(a.Customer), a.ScreenPopURL, a.Gruu}
	if texts != [len(texts)]string{} {
		flags |= 2
	}
	b = append(b, flags, uint8(a.Channel), uint8(a.Direction), uint8(a.Kind))
	b = binary.AppendVarint(b, a.Number)
	b = binary.AppendUvarint(b, uint64(a.Campaign))
	b = binary.AppendUvarint(b, uint64(a.Agent))
	if flags&2 != 0 {
		for _, s := range texts {
			b = packText(b, s)
		}
	}
	return b
}

func packText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpacker reads what the pack functions wrote. Its strings share the packed form's memory.
type unpacker struct{ rest cold }

func (r *unpacker) byte() uint8 {
	v := r.rest[0]
	r.rest = r.rest[1:]
	return v
}

func (r *unpacker) uint() uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		v |= uint64(b&127) << shift
		if b < 128 {
			return v
		}
	}
}

func (r *unpacker) int() int64 {
	v := r.uint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *unpacker) text() string {
	n := r.uint()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *unpacker) input() (input, *extra) {
	in := input{kind: r.byte()}
	has := r.byte()
	in.dt = uint32(r.uint())
	if has&packedRef1 != 0 {
		in.ref1 = uint32(r.uint())
	}
	if has&packedRef2 != 0 {
		in.ref2 = uint32(r.uint())
	}
	if has&packedA != 0 {
		in.a = r.byte()
	}
	if has&packedB != 0 {
		in.b = uint16(r.uint())
	}
	if has&packedExtra != 0 {
		return in, r.extra()
	}
	return in, nil
}

func (r *unpacker) extra() *extra {
	x, has := &extra{}, r.byte()
	if has&packedSeq != 0 {
		x.seq, x.hasSeq = r.int(), true
	}
	if has&packedLate != 0 {
		x.late = r.int()
	}
	if has&packedAttrs != 0 {
		x.attrs = r.attributes()
	}
	if has&packedText != 0 {
		x.text = make([]string, r.uint())
		for k := range x.text {
			x.text[k] = strings.Clone(r.text())
		}
	}
	if has&packedNum != 0 {
		x.num = r.int()
	}
	return x
}

func (r *unpacker) attributes() *attributes {
	a, flags := &attributes{}, r.byte()
	a.CanRecord = flags&1 != 0
	a.Channel, a.Direction, a.Kind = schema.Channel(r.byte()), schema.Direction(r.byte()), schema.Kind(r.byte())
	a.Number, a.Campaign, a.Agent = r.int(), uint32(r.uint()), uint32(r.uint())
	if flags&2 != 0 {
		a.CallID, a.ChatID, a.CallFlow = strings.Clone(r.text()), strings.Clone(r.text()), strings.Clone(r.text())
		a.Customer = []byte(r.text())
		a.ScreenPopURL, a.Gruu = strings.Clone(r.text()), strings.Clone(r.text())
	}
	return a
}
