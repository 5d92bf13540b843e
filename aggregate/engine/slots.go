package engine

import (
	"encoding/binary"
	"strings"
	"unsafe"
)

// slot is what an interaction's handle stands for: none, one of those that are hot (by its seat), or one that is cold (by chunk and
// offset). Slots hold no pointers, for there are as many as interactions inside the horizon.
type slot uint64

const hotSlot slot = 1 << 63

func seatSlot(seat uint32) slot { return hotSlot | slot(seat) }

func coldSlot(chunk, offset int) slot { return slot(chunk+1)<<32 | slot(offset) }

func (s slot) isHot() bool { return s&hotSlot != 0 }

func (s slot) isCold() bool { return s != 0 && !s.isHot() }

// coldChunk is memory of cold interactions, one after the other, each behind its length: its id and when it was finished, both relative
// to the first one's, and its text. It is dropped whole when the last of them has left or is folded again, at the latest a horizon after it
// was written.
type coldChunk struct {
	text  []byte
	live  int
	first string // id
	from  int64  // when the first was finished
}

const (
	minChunk = 1 << 10
	maxChunk = 64 << 10
)

// coldChunks are a contact centre's. The last one written is filling.
type coldChunks struct {
	list    []coldChunk
	free    []int // unused ones of the list
	filling int   // 1 + index, 0 for none
	bytes   int
	head    []byte // scratch
}

// add copies a cold interaction.
func (l *coldChunks) add(id string, finished int64, text []byte) slot {
	need := len(text) + len(id) + 4*binary.MaxVarintLen64
	if l.filling == 0 || cap(l.list[l.filling-1].text)-len(l.list[l.filling-1].text) < need {
		l.begin(need)
		ch := &l.list[l.filling-1]
		ch.first, ch.from = strings.Clone(id), finished
	}
	ch := &l.list[l.filling-1]
	s := coldSlot(l.filling-1, len(ch.text))
	l.head = binary.AppendVarint(packID(l.head[:0], id, ch.first), finished-ch.from)
	ch.text = binary.AppendUvarint(ch.text, uint64(len(l.head)+len(text)))
	ch.text = append(append(ch.text, l.head...), text...)
	ch.live++
	return s
}

// begin takes a new chunk, a small one where there is little.
func (l *coldChunks) begin(need int) {
	if k := l.filling - 1; k >= 0 && l.list[k].live == 0 {
		l.drop(k)
	}
	size := max(need, min(max(l.bytes/8, minChunk), maxChunk))
	l.bytes += size
	ch := coldChunk{text: make([]byte, 0, size)}
	if n := len(l.free); n > 0 {
		l.filling, l.free = 1+l.free[n-1], l.free[:n-1]
		l.list[l.filling-1] = ch
		return
	}
	l.list = append(l.list, ch)
	l.filling = len(l.list)
}

func (l *coldChunks) drop(k int) {
	l.bytes -= cap(l.list[k].text)
	l.list[k] = coldChunk{}
	l.free = append(l.free, k)
}

// at is a cold interaction. Chunks are only ever appended to, so that it may be kept, but then it keeps its chunk's memory.
func (l *coldChunks) at(s slot) cold {
	ch := &l.list[s>>32-1]
	text := ch.text[uint32(s):]
	n, k := binary.Uvarint(text)
	r := unpacker{unsafe.String(&text[k], int(n))}
	id := r.id(ch.first)
	return cold{id, ch.from + r.int(), r.rest}
}

// remove forgets a cold interaction.
func (l *coldChunks) remove(s slot) {
	k := int(s>>32 - 1)
	if l.list[k].live--; l.list[k].live == 0 && k != l.filling-1 {
		l.drop(k)
	}
}

// hot is the interaction of a handle, folded again if it was cold; nil where it has left.
func (c *center) hot(h uint32) *interaction {
	switch s := c.slab[h]; {
	case s.isHot():
		return c.seats[uint32(s)]
	case s == 0:
		return nil
	}
	return c.thaw(h)
}

// seat gives a hot interaction its slot, and lets it be found.
func (c *center) seat(i *interaction) slot {
	if n := len(c.freeSeats); n > 0 {
		i.seat, c.freeSeats = c.freeSeats[n-1], c.freeSeats[:n-1]
		c.seats[i.seat] = i
	} else {
		i.seat = uint32(len(c.seats))
		c.seats = append(c.seats, i)
	}
	c.hotIDs.add(i.hash, i.seat)
	return seatSlot(i.seat)
}

// vacate empties the slot of an id with that hash.
func (c *center) vacate(hash uint64, h uint32) {
	if s := c.slab[h]; s.isHot() {
		c.hotIDs.remove(hash, uint32(s))
		c.seats[uint32(s)] = nil
		c.freeSeats = append(c.freeSeats, uint32(s))
	} else if s != 0 {
		c.coldIDs.remove(hash, h)
		c.chunks.remove(s)
	}
	c.slab[h] = 0
}

// idOf is the id of a handle's interaction, "" where it has left.
func (c *center) idOf(h uint32) string {
	switch s := c.slab[h]; {
	case s.isHot():
		return c.seats[uint32(s)].id.text
	case s.isCold():
		p := c.chunks.at(s)
		return p.id.text()
	}
	return ""
}

// find is the interaction of an id, folded again if it was cold; nil where there is none.
func (c *center) find(id string, hash uint64) *interaction {
	if i := c.findHot(id, hash); i != nil {
		return i
	}
	if h, ok := c.findCold(id, hash); ok {
		return c.thaw(h)
	}
	return nil
}

func (c *center) findHot(id string, hash uint64) *interaction {
	seat, ok := c.hotIDs.find(hash, func(seat uint32) bool { return c.seats[seat].id.is(id) })
	if !ok {
		return nil
	}
	return c.seats[seat]
}

func (c *center) findCold(id string, hash uint64) (handle uint32, ok bool) {
	return c.coldIDs.find(hash, func(h uint32) bool {
		p := c.chunks.at(c.slab[h])
		return p.id.is(id)
	})
}

// remove frees a handle and forgets its hashed id.
func (c *center) remove(hash uint64, h uint32) {
	c.vacate(hash, h)
	c.free = append(c.free, h)
}

// ident is an id. Ordinary ones lie beside what they name too, so that comparing one looks at no other memory.
type ident struct {
	text string
	near [40]byte
}

func identOf(text string) ident {
	d := ident{text: text}
	copy(d.near[:], text)
	return d
}

func (d *ident) is(text string) bool {
	if len(d.text) != len(text) {
		return false
	}
	if len(text) > len(d.near) {
		return d.text == text
	}
	return string(d.near[:len(text)]) == text
}
