package engine

import "encoding/binary"

// packedID is the id of a cold interaction, relative to the first one's of its chunk: how much of that it begins with, and the tail. A
// tail of hexadecimal digits, which may have dashes where the first id has them, takes half a byte a digit. Ids of one system are alike:
// those with a counter or a time in front share it, and those that are UUIDs take 18 bytes.
type packedID struct {
	first  string
	same   int
	packed string // what is not the same
	n      int    // length of the tail
	hex    bool
}

const hexDigits = "0123456789abcdef"

// packID appends an id's packed form.
func packID(b []byte, id, first string) []byte {
	same := 0
	for same < min(len(id), len(first)) && id[same] == first[same] {
		same++
	}
	tail := id[same:]
	n := len(b)
	if packed, ok := packHex(packIDHead(b, same, idHex, id, first), tail, first[same:]); ok {
		return packed
	}
	return append(packIDHead(b[:n], same, 0, id, first), tail...)
}

// What a packed id's first number says beside the length of what is the same.
const (
	idHex      = 1 << iota
	idOfLength // of the first one, so that the length of the tail follows from it
	idFlags    = iota
)

func packIDHead(b []byte, same int, form uint64, id, first string) []byte {
	if len(id) == len(first) {
		return binary.AppendUvarint(b, uint64(same)<<idFlags|form|idOfLength)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(same)<<idFlags|form), uint64(len(id)-same))
}

// packHex appends a text's hexadecimal digits; false where it is not of the shape of like.
func packHex(b []byte, text, like string) ([]byte, bool) {
	half := false
	for k := range len(text) {
		if dashAt(like, k) {
			if text[k] != '-' {
				return nil, false
			}
			continue
		}
		digit := text[k] - '0'
		if text[k] >= 'a' && text[k] <= 'f' {
			digit = text[k] - 'a' + 10
		} else if text[k] < '0' || text[k] > '9' {
			return nil, false
		}
		if half {
			b[len(b)-1] |= digit
		} else {
			b = append(b, digit<<4)
		}
		half = !half
	}
	return b, true
}

func dashAt(like string, k int) bool { return k < len(like) && like[k] == '-' }

// id splits off what packID wrote.
func (r *unpacker) id(first string) packedID {
	head := r.uint()
	same := int(head >> idFlags)
	p := packedID{first: first, same: same, n: len(first) - same, hex: head&idHex != 0}
	if head&idOfLength == 0 {
		p.n = int(r.uint())
	}
	size := p.n
	if p.hex {
		for k := range p.n {
			if dashAt(first[same:], k) {
				size--
			}
		}
		size = (size + 1) / 2
	}
	p.packed, r.rest = r.rest[:size], r.rest[size:]
	return p
}

func (p *packedID) appendTo(b []byte) []byte {
	b = append(b, p.first[:p.same]...)
	if !p.hex {
		return append(b, p.packed...)
	}
	digit := 0
	for k := range p.n {
		if dashAt(p.first[p.same:], k) {
			b = append(b, '-')
			continue
		}
		b = append(b, hexDigits[p.packed[digit/2]>>(4*(1-digit%2))&15])
		digit++
	}
	return b
}

func (p *packedID) text() string {
	var buf [64]byte
	return string(p.appendTo(buf[:0]))
}

func (p *packedID) is(id string) bool {
	if len(id) != p.same+p.n {
		return false
	}
	var buf [64]byte
	return string(p.appendTo(buf[:0])) == id
}
