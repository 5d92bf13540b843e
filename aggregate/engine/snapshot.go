package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/zstd"

	"floorwalker/schema"
)

// A snapshot is the engine's whole state: what Restore makes of it goes on exactly as the engine that wrote it. Its form is a
// magic word, the engine's number, the length and the checksum of the body, and the body: gob, compressed with zstd.

const snapshotMagic = 0x46574534 // "FWE4"

// ErrSnapshot is what all snapshots that cannot be read have in common.
var ErrSnapshot = errors.New("snapshot cannot be read")

// ErrUndrained says that a snapshot was asked for while rows of the same state are not written yet.
var ErrUndrained = errors.New("snapshot of an engine that has undrained changes")

type dumpHeader struct {
	Horizon, Next, Expired int64
	Centers                int
}

type dumpCenter struct {
	ID                              string
	Newest, CompleteUntil, Swept    int64
	Names                           []string
	Agents, Slab, Series, Deadlines int
	Free                            []uint32
	GoneHashes                      []uint64
	GoneAt                          []int64
	Minutes                         []dumpMinute
}

type dumpMinute struct {
	Minute int64
	N      int
	Zero   bool
	Slots  []byte
	Packed int // hashes that are packed
	Bits   int
	Ends   []uint32
	Rests  []byte
}

type dumpAgent struct {
	ID      string
	Own     newest
	Logouts []int64
	Line    dumpTimeline[agentState]
}

type dumpInteraction struct {
	Present  bool // false: a free handle
	Cold     string
	Finished int64 // if it is cold
	ID       string
	Attrs    *attributes
	CreatedT int64
	CreatedX *dumpExtra
	Own      newest
	Line     dumpTimeline[course]
}

type dumpTimeline[S any] struct {
	Base   int64
	In     []byte
	Extras []dumpExtra
	First  *S
	At     []int // of the snapshots, which are folded again, as the head is
}

type dumpExtra struct {
	Seq    int64
	HasSeq bool
	Late   int64
	Login  *session
	Assign *assignment
	Tag    *tag
	Attrs  *attributes
	Text   []string
	Num    int64
}

type dumpSeries struct {
	Agent, Queue, Campaign uint32
	Channel, Direction     uint8
	Panes                  string // packed
}

type dumpDeadline struct {
	At            int64
	Handle, Agent uint32
}

// Compressor packs what a checkpoint holds, as Snapshot does. The usual window would be 10 MB of garbage each time.
func Compressor(w io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
}

// Snapshot packs the whole state, directly after a Drain: rows of a state that a snapshot holds are never written again.
func (e *Engine) Snapshot() ([]byte, error) {
	if len(e.dirty) > 0 {
		return nil, ErrUndrained
	}
	var body bytes.Buffer
	z, err := Compressor(&body)
	if err != nil {
		return nil, err
	}
	g := gob.NewEncoder(z)
	if err := e.dump(g); err != nil {
		return nil, fmt.Errorf("snapshot at offset %d: %w", e.next, err)
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	head := make([]byte, 24, 24+body.Len())
	binary.LittleEndian.PutUint32(head[0:], snapshotMagic)
	binary.LittleEndian.PutUint32(head[4:], Number)
	binary.LittleEndian.PutUint64(head[8:], uint64(body.Len()))
	binary.LittleEndian.PutUint64(head[16:], xxhash.Sum64(body.Bytes()))
	return append(head, body.Bytes()...), nil
}

// Restore makes the engine that a snapshot was taken of. cfg.Live may differ. Errors wrap ErrSnapshot.
func Restore(cfg Config, snapshot []byte) (*Engine, error) {
	if len(snapshot) < 24 || binary.LittleEndian.Uint32(snapshot) != snapshotMagic {
		return nil, fmt.Errorf("%w: no snapshot, %d bytes", ErrSnapshot, len(snapshot))
	}
	if n := binary.LittleEndian.Uint32(snapshot[4:]); n != Number {
		return nil, fmt.Errorf("%w: written by engine %d, this is engine %d", ErrSnapshot, n, Number)
	}
	body := snapshot[24:]
	if n := binary.LittleEndian.Uint64(snapshot[8:]); n != uint64(len(body)) {
		return nil, fmt.Errorf("%w: body of %d bytes, %d expected", ErrSnapshot, len(body), n)
	}
	if xxhash.Sum64(body) != binary.LittleEndian.Uint64(snapshot[16:]) {
		return nil, fmt.Errorf("%w: checksum does not match", ErrSnapshot)
	}
	z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	defer z.Close()
	e := New(cfg)
	if err := e.load(gob.NewDecoder(io.Reader(z))); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return e, nil
}

func (e *Engine) dump(g *gob.Encoder) error {
	if err := g.Encode(dumpHeader{e.cfg.HorizonMs, e.next, e.expired, len(e.centers)}); err != nil {
		return err
	}
	for _, c := range e.centers {
		if err := c.dump(g); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) load(g *gob.Decoder) error {
	var h dumpHeader
	if err := g.Decode(&h); err != nil {
		return err
	}
	if h.Horizon != e.cfg.HorizonMs {
		return fmt.Errorf("horizon of %d ms, %d ms configured", h.Horizon, e.cfg.HorizonMs)
	}
	e.next, e.expired = h.Next, h.Expired
	for range h.Centers {
		c, err := loadCenter(g, &e.cfg)
		if err != nil {
			return err
		}
		c.expired = &e.expired
		e.centers[c.id] = c
	}
	return nil
}

func (c *center) dump(g *gob.Encoder) error {
	d := dumpCenter{ID: c.id, Newest: c.newest, CompleteUntil: c.completeUntil, Swept: c.swept,
		Names: c.names, Agents: len(c.agents) - 1, Slab: len(c.slab), Series: c.series.n, Deadlines: c.deadlines.n,
		Free: c.free}
	c.gone.each(func(hash uint64, at int64) { d.GoneHashes, d.GoneAt = append(d.GoneHashes, hash), append(d.GoneAt, at) })
	for m, s := range c.seen.minutes {
		d.Minutes = append(d.Minutes, dumpMinute{Minute: m, N: s.open.n, Zero: s.open.zero, Slots: bytesOf(s.open.slots),
			Packed: s.packed.n, Bits: s.packed.bits, Ends: s.packed.ends, Rests: s.packed.rests})
	}
	if err := g.Encode(d); err != nil {
		return err
	}
	for _, a := range c.agents[1:] {
		if err := g.Encode(dumpAgent{ID: a.id.text, Own: a.own, Logouts: a.logouts, Line: dumpLine(c, &a.line)}); err != nil {
			return err
		}
	}
	for k := range c.slab {
		if err := g.Encode(c.dumpOne(c.slab[k])); err != nil {
			return err
		}
	}
	for s := range c.series.all() {
		k := &s.key
		ds := dumpSeries{Agent: k.agent, Queue: k.queue, Campaign: k.campaign, Channel: uint8(k.channel), Direction: uint8(k.direction)}
		c.text = append(c.text[:0], s.closed...)
		for p := &s.now; p != nil; p = p.next {
			if p.quarter != noQuarter {
				c.text = c.packPane(c.text, p)
			}
		}
		ds.Panes = string(c.text)
		if err := g.Encode(ds); err != nil {
			return err
		}
	}
	for _, m := range c.deadlines.minutes {
		for _, w := range m.words {
			dl := m.deadline(w)
			if err := g.Encode(dumpDeadline{dl.at, dl.handle, dl.agent}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *center) dumpOne(s slot) dumpInteraction {
	switch {
	case s == 0:
		return dumpInteraction{}
	case s.isCold():
		p := c.chunks.at(s)
		return dumpInteraction{Present: true, Cold: p.text, Finished: p.finished, ID: p.id.text()}
	}
	i := c.seats[uint32(s)]
	d := dumpInteraction{Present: true, ID: i.id.text, Attrs: i.attrs, CreatedT: i.created.t, Own: i.own, Line: dumpLine(c, &i.line)}
	if i.created.x != nil {
		x := dumpOf(i.created.x)
		d.CreatedX = &x
	}
	return d
}

func loadCenter(g *gob.Decoder, cfg *Config) (*center, error) {
	var d dumpCenter
	if err := g.Decode(&d); err != nil {
		return nil, err
	}
	c := newCenter(d.ID, cfg)
	c.newest, c.completeUntil, c.swept = d.Newest, d.CompleteUntil, d.Swept
	c.names, c.recent = d.Names, make([]*series, len(d.Names))
	for n, s := range c.names {
		c.byName[s] = uint32(n)
	}
	c.free = d.Free
	for k, hash := range d.GoneHashes {
		c.gone.put(hash, d.GoneAt[k])
	}
	c.seen.minutes = map[int64]*seenMinute{}
	for _, m := range d.Minutes {
		c.seen.minutes[m.Minute] = &seenMinute{open: hashSet{slots: wordsOf(m.Slots), n: m.N, zero: m.Zero},
			packed: packedHashes{n: m.Packed, bits: m.Bits, ends: m.Ends, rests: m.Rests}}
	}
	scratch := c.take()
	defer c.give(scratch)
	for range d.Agents {
		var da dumpAgent
		if err := g.Decode(&da); err != nil {
			return nil, err
		}
		a := c.agents[c.agent(da.ID)]
		a.own, a.logouts = da.Own, da.Logouts
		loadLine(&a.line, a, &da.Line, scratch)
		c.changed(a)
	}
	for h := range d.Slab {
		var di dumpInteraction
		if err := g.Decode(&di); err != nil {
			return nil, err
		}
		c.loadInteraction(uint32(h), &di, scratch)
	}
	if err := c.loadSeries(g, d.Series); err != nil {
		return nil, err
	}
	for range d.Deadlines {
		var dl dumpDeadline
		if err := g.Decode(&dl); err != nil {
			return nil, err
		}
		c.deadlines.push(deadline{dl.At, dl.Handle, dl.Agent})
		if s := c.slab[dl.Handle]; dl.Agent == 0 && s.isHot() {
			i := c.seats[uint32(s)]
			i.look = min(i.look, dl.At)
		}
		if a := c.agents[dl.Agent]; a != nil && (a.wrapDue == 0 || dl.At < a.wrapDue) {
			a.wrapDue = dl.At
		}
	}
	if c.live {
		c.changedAll()
	}
	return c, nil
}

func (c *center) loadInteraction(h uint32, d *dumpInteraction, scratch *outputs) {
	if !d.Present {
		c.slab = append(c.slab, 0)
		return
	}
	hash := xxhash.Sum64String(d.ID)
	if d.Cold != "" {
		c.slab = append(c.slab, c.chunks.add(d.ID, d.Finished, []byte(d.Cold)))
		c.coldIDs.add(hash, h)
		return
	}
	i := &interaction{id: identOf(d.ID), hash: hash, handle: h, c: c, own: d.Own, look: schema.Open, notBefore: c.notBefore(hash)}
	from := created{t: d.CreatedT}
	if d.CreatedX != nil {
		from.x = extraOf(d.CreatedX)
	}
	i.attribute(d.Attrs, from)
	loadLine(&i.line, i, &d.Line, scratch)
	c.slab = append(c.slab, c.seat(i))
}

func (c *center) loadSeries(g *gob.Decoder, n int) error {
	for range n {
		var d dumpSeries
		if err := g.Decode(&d); err != nil {
			return err
		}
		s := &series{key: seriesKey{d.Agent, d.Queue, d.Campaign, schema.Channel(d.Channel), schema.Direction(d.Direction)},
			now: pane{quarter: noQuarter}}
		s.closed = packedPanes(d.Panes)
		c.series.add(s)
	}
	return nil
}

func dumpLine[S any](c *center, l *timeline[S]) dumpTimeline[S] {
	if len(l.past) > 0 {
		l = l.unpacked(c)
	}
	d := dumpTimeline[S]{Base: l.base, First: l.first}
	if len(l.in) > 0 {
		d.In = unsafe.Slice((*byte)(unsafe.Pointer(&l.in[0])), len(l.in)*int(unsafe.Sizeof(input{})))
	}
	for _, x := range l.extras {
		d.Extras = append(d.Extras, dumpOf(x))
	}
	for _, s := range l.snaps {
		d.At = append(d.At, s.at)
	}
	return d
}

func loadLine[S any](l *timeline[S], f fold[S], d *dumpTimeline[S], scratch *outputs) {
	l.base, l.first = d.Base, d.First
	if n := len(d.In) / int(unsafe.Sizeof(input{})); n > 0 {
		l.in = make([]input, n)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&l.in[0])), len(d.In)), d.In)
	}
	for k := range d.Extras {
		l.extras = append(l.extras, extraOf(&d.Extras[k]))
	}
	s := l.before(f, 0, scratch)
	for k := range l.in {
		if n := len(l.snaps); n < len(d.At) && d.At[n] == k {
			l.snaps = append(l.snaps, snapshot[S]{at: k, state: f.clone(nil, s)})
		}
		f.apply(s, &l.in[k], scratch)
		scratch.reset()
	}
	l.head = *s
	l.pack(f)
}

func dumpOf(x *extra) dumpExtra {
	return dumpExtra{x.seq, x.hasSeq, x.late, x.login, x.assign, x.tag, x.attrs, x.text, x.num}
}

func extraOf(d *dumpExtra) *extra {
	return &extra{d.Seq, d.HasSeq, d.Late, d.Login, d.Assign, d.Tag, d.Attrs, d.Text, d.Num}
}

func bytesOf(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
}

func wordsOf(b []byte) []uint64 {
	w := make([]uint64, len(b)/8)
	for k := range w {
		w[k] = binary.NativeEndian.Uint64(b[8*k:])
	}
	return w
}
