package engine

import (
	"encoding/binary"
	"strings"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// A finished interaction goes cold once its rows are out: one text without pointers holds its id and its inputs, from which its
// course is folded again should anything ask for it. Most never are.

// cold is a packed interaction.
type cold struct {
	id       packedID
	finished int64
	text     string // flags (a byte), how long before it was finished it is to be looked at, then what only thaw reads
}

// Flags of a cold interaction.
const (
	coldExpired = 1 << iota // it ended because its end never came
	coldSequence
	coldNotBefore
)

// coldFirst is the dt of a cold interaction's first input.
const coldFirst = 1 << 30

// look is the deadline that it had when it went cold. From then on it is looked at when it was finished.
func (p *cold) look() int64 {
	r := unpacker{p.text[1:]}
	return p.finished - int64(r.uint())
}

func (p *cold) expired() bool { return p.text[0]&coldExpired != 0 }

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
	if i.look > end {
		i.look = end
		c.at(end, i.handle, 0)
	}
	packed, ok := i.pack(c.text[:0], end)
	c.text = packed
	if !ok {
		return
	}
	c.vacate(i.hash, i.handle)
	c.slab[i.handle] = c.chunks.add(i.id.text, end, packed)
	c.coldIDs.add(i.hash, i.handle)
	c.recycle(i)
}

// recycle keeps the memory of an interaction that nothing refers to any more.
func (c *center) recycle(i *interaction) {
	*i = interaction{}
	if len(c.pool) < maxPool {
		c.pool = append(c.pool, i)
	}
}

const maxPool = 1024

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
	i.line.in, i.line.extras = i.room.inputs[:0], i.room.extras[:0]
	i.line.head.Visits, i.line.head.Parts = i.room.visits[:0], i.room.parts[:0]
	return i
}

// thaw folds a cold interaction again.
func (c *center) thaw(h uint32) *interaction {
	packed := c.chunks.at(c.slab[h])
	i := c.newInteraction()
	i.handle = h
	i.unpack(&packed)
	out := c.take()
	for k := range i.line.in {
		i.apply(&i.line.head, &i.line.in[k], out)
		out.reset()
	}
	c.give(out)
	c.vacate(i.hash, h)
	c.slab[h] = c.seat(i)
	c.lookBy(i, packed.finished)
	c.thawed = append(c.thawed, i)
	return i
}

// leaveCold is leave for a cold interaction.
func (c *center) leaveCold(h uint32, p *cold) {
	if c.live { // it is shown once more
		c.leave(c.hot(h), p.finished)
		return
	}
	if p.expired() {
		*c.expired++
	}
	var buf [64]byte
	hash := xxhash.Sum64(p.id.appendTo(buf[:0]))
	c.gone.put(hash, p.finished)
	c.remove(hash, h)
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
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(end-i.look))
	b = binary.AppendVarint(b, end-i.own.T)
	if i.own.HasSeq {
		b = binary.AppendVarint(b, i.own.Seq)
	}
	if i.notBefore != schema.NoTime {
		b = binary.AppendVarint(b, end-i.notBefore)
	}
	b = binary.AppendVarint(b, end-i.line.time(&i.line.in[0]))
	b = binary.AppendUvarint(b, uint64(len(i.line.in)))
	from, before := 0, &input{dt: i.line.in[0].dt}
	for k := range i.line.in {
		in := &i.line.in[k]
		b, before = packInput(b, in, before), in
		if x := i.line.extra(in); x != nil {
			b = i.c.packExtra(b, x)
			if x == i.created.x {
				from = k + 1
			}
		}
	}
	b = binary.AppendUvarint(b, uint64(from))
	if from == 0 {
		return b, i.attrs == nil && i.created.x == nil
	}
	return b, i.attrs == i.created.x.attrs && i.created.t == i.line.time(&i.line.in[from-1])
}

func (i *interaction) unpack(p *cold) {
	end := p.finished
	r := unpacker{p.text}
	flags := r.byte()
	r.uint()
	i.id = identOf(p.id.text())
	i.hash = xxhash.Sum64String(i.id.text)
	i.own.T = end - r.int()
	if flags&coldSequence != 0 {
		i.own.Seq, i.own.HasSeq = r.int(), true
	}
	i.notBefore = schema.NoTime
	if flags&coldNotBefore != 0 {
		i.notBefore = end - r.int()
	}
	l := &i.line
	l.base = end - r.int() - coldFirst
	before := input{dt: coldFirst}
	for range r.uint() {
		in, hasExtra := r.input(&before)
		if hasExtra {
			in.x = l.addExtra(r.extra(i.c))
		}
		l.in, before = append(l.in, in), in
	}
	if from := r.uint(); from != 0 {
		in := &l.in[from-1]
		x := l.extra(in)
		i.attribute(x.attrs, created{l.time(in), x})
	}
}

// The first byte of a packed input: kind, whether ref1 is that of the input before, and what else is not as usual.
const (
	packedKind  = 31
	packedSame  = 1 << 5
	packedForm  = 6
	formAny     = 0 // says a second byte
	formRef1    = 1
	formRef1A   = 2
	formRef1AR2 = 3
)

var _ [packedKind - kindWrapEnd]struct{} // there is room for all kinds

// What of an input is not as usual, which is mostly zero.
const (
	packedRef1 = 1 << iota
	packedRef2
	packedA
	packedB
	packedExtra
)

var packedForms = [...]uint8{formRef1: packedRef1, formRef1A: packedRef1 | packedA, formRef1AR2: packedRef1 | packedA | packedRef2}

// usualRef2 is what an input's ref2 mostly is: a transition's that of the one before, as agents mostly have one channel, others' 0.
func usualRef2(kind uint8, before *input) uint32 {
	if kind == kindTransition {
		return before.ref2
	}
	return 0
}

// packInput appends an input but for its extra, relative to the one before.
func packInput(b []byte, in, before *input) []byte {
	var has byte
	first, same := in.kind, in.ref1 == before.ref1
	for k, there := range [...]bool{in.ref1 != 0, in.ref2 != usualRef2(in.kind, before), in.a != 0, in.b != 0, in.x != 0} {
		if there {
			has |= 1 << k
		}
	}
	if same {
		first |= packedSame
	}
	switch has {
	case packedForms[formRef1]:
		b = append(b, first|formRef1<<packedForm)
	case packedForms[formRef1A]:
		b = append(b, first|formRef1A<<packedForm)
	case packedForms[formRef1AR2]:
		b = append(b, first|formRef1AR2<<packedForm)
	default:
		b = append(b, first, has)
	}
	b = binary.AppendUvarint(b, uint64(in.dt-before.dt))
	if has&packedRef1 != 0 && !same {
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
	return b
}

// What an extra has.
const (
	packedSeq = 1 << iota
	packedLate
	packedAttrs
	packedText
	packedNum
	packedTag
	packedApart // it is kept as it is, beside the packed ones
)

func (c *center) packExtra(b []byte, x *extra) []byte {
	var has byte
	for k, there := range [...]bool{x.hasSeq, x.late != 0, x.attrs != nil, len(x.text) > 0, x.num != 0, x.tag != nil} {
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
			b = c.packWord(b, s)
		}
	}
	if x.num != 0 {
		b = binary.AppendVarint(b, x.num)
	}
	if t := x.tag; t != nil {
		b = packText(c.packWord(c.packWord(b, t.ID), t.Name), t.Description)
	}
	return b
}

// packAttributes writes strings only where one of them is not empty.
func packAttributes(b []byte, a *attributes) []byte {
	var flags byte
	if a.CanRecord {
		flags |= 1
	}
	if len(a.CallID)+len(a.ChatID)+len(a.CallFlow)+len(a.Customer)+len(a.ScreenPopURL)+len(a.Gruu) > 0 {
		flags |= 2
	}
	b = append(b, flags, uint8(a.Channel), uint8(a.Direction), uint8(a.Kind))
	b = binary.AppendVarint(b, a.Number)
	b = binary.AppendUvarint(b, uint64(a.Campaign))
	b = binary.AppendUvarint(b, uint64(a.Agent))
	if flags&2 == 0 {
		return b
	}
	b = packText(packText(packText(b, a.CallID), a.ChatID), a.CallFlow)
	b = packText(b, a.Customer)
	return packText(packText(b, a.ScreenPopURL), a.Gruu)
}

// packWord writes a text that many interactions share: its number among the centre's names or, where there are many, 0 and itself.
func (c *center) packWord(b []byte, s string) []byte {
	n := c.word(s)
	b = binary.AppendUvarint(b, uint64(n))
	if n == 0 {
		b = packText(b, s)
	}
	return b
}

func (r *unpacker) word(c *center) string {
	if n := r.uint(); n != 0 {
		return c.names[n]
	}
	return strings.Clone(r.text())
}

func packText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// unpacker reads what the pack functions wrote. Its strings share the packed form's memory.
type unpacker struct{ rest string }

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
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// input reads an input but for its extra.
func (r *unpacker) input(before *input) (in input, hasExtra bool) {
	first := r.byte()
	in.kind = first & packedKind
	has := packedForms[first>>packedForm]
	if has == formAny {
		has = r.byte()
	}
	in.dt = before.dt + uint32(r.uint())
	switch {
	case first&packedSame != 0:
		in.ref1 = before.ref1
	case has&packedRef1 != 0:
		in.ref1 = uint32(r.uint())
	}
	if in.ref2 = usualRef2(in.kind, before); has&packedRef2 != 0 {
		in.ref2 = uint32(r.uint())
	}
	if has&packedA != 0 {
		in.a = r.byte()
	}
	if has&packedB != 0 {
		in.b = uint16(r.uint())
	}
	return in, has&packedExtra != 0
}

func (r *unpacker) extra(c *center) *extra {
	x, has := &extra{}, r.byte()
	if has&packedApart != 0 {
		return nil
	}
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
			x.text[k] = r.word(c)
		}
	}
	if has&packedNum != 0 {
		x.num = r.int()
	}
	if has&packedTag != 0 {
		x.tag = &tag{ID: r.word(c), Name: r.word(c), Description: strings.Clone(r.text())}
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
