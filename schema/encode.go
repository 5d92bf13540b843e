package schema

import (
	"encoding/binary"
	"strconv"

	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// AppendStructured appends an event as CloudEvents JSON (structured mode), with data from ev.Data. Decoding it gives the same
// event, if ev keeps the contract. A tombstone has no such form.
func AppendStructured(dst []byte, ev *Event) []byte {
	dst = appendEnvelope(dst, ev.ContactCenter, ev.Source, ev.ID, typeName{ev.Type, ev.DirectoryKind}, ev.Subject, ev.Time)
	if ev.HasSequence {
		dst = append(dst, `,"sequence":"`...)
		dst = strconv.AppendInt(dst, ev.Sequence, 10)
		dst = append(dst, '"')
	}
	return appendPayload(dst, ev.Data)
}

// AppendEvent appends an event as CloudEvents JSON. data is its payload, a JSON object, or empty.
func AppendEvent(dst []byte, cc, source, id string, t EventType, subject string, timeMs int64, data []byte) []byte {
	return appendPayload(appendEnvelope(dst, cc, source, id, typeName{t, ""}, subject, timeMs), data)
}

// AppendDirectoryEvent appends an event of type cc.directory.<kind> as CloudEvents JSON. data is the whole entity.
func AppendDirectoryEvent(dst []byte, cc, source, id, kind, subject string, timeMs int64, data []byte) []byte {
	return appendPayload(appendEnvelope(dst, cc, source, id, typeName{EventDirectory, kind}, subject, timeMs), data)
}

type typeName struct {
	t    EventType
	kind string
}

// TypeName is the event's type as it is written, that of directory events with their kind.
func (e *Event) TypeName() string {
	if e.Type == EventDirectory {
		return directoryPrefix + e.DirectoryKind
	}
	return e.Type.String()
}

func appendEnvelope(dst []byte, cc, source, id string, t typeName, subject string, timeMs int64) []byte {
	dst = append(dst, `{"specversion":"1.0","id":`...)
	dst = AppendString(dst, id)
	dst = append(dst, `,"source":`...)
	dst = AppendString(dst, source)
	dst = append(dst, `,"type":"`...)
	dst = append(dst, t.t.String()...)
	if t.t == EventDirectory {
		dst = append(dst, '.')
		dst = appendEscaped(dst, t.kind)
	}
	dst = append(dst, `","subject":`...)
	dst = AppendString(dst, subject)
	dst = append(dst, `,"time":"`...)
	dst = AppendTime(dst, timeMs)
	dst = append(dst, `","contactcenter":`...)
	return AppendString(dst, cc)
}

func appendPayload(dst, data []byte) []byte {
	if len(data) > 0 {
		dst = append(dst, `,"datacontenttype":"application/json","data":`...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}

// Data builds a payload, one JSON object. Reset makes it reusable without allocating.
type Data struct{ b []byte }

// NewData returns an empty payload.
func NewData() *Data { return &Data{b: make([]byte, 0, 256)} }

// Reset empties the payload; what Bytes returned is then no longer valid.
func (d *Data) Reset() *Data {
	d.b = d.b[:0]
	return d
}

func (d *Data) name(name string) {
	if len(d.b) == 0 {
		d.b = append(d.b, '{')
	} else {
		d.b = append(d.b, ',')
	}
	d.b = append(AppendString(d.b, name), ':')
}

// String adds a text or an id.
func (d *Data) String(name, value string) *Data {
	d.name(name)
	d.b = AppendString(d.b, value)
	return d
}

// OptionalString adds a text or an id unless it is empty.
func (d *Data) OptionalString(name, value string) *Data {
	if value == "" {
		return d
	}
	return d.String(name, value)
}

// Int adds an integer.
func (d *Data) Int(name string, value int64) *Data {
	d.name(name)
	d.b = strconv.AppendInt(d.b, value, 10)
	return d
}

// Bool adds a bool.
func (d *Data) Bool(name string, value bool) *Data {
	d.name(name)
	d.b = strconv.AppendBool(d.b, value)
	return d
}

// Strings adds a list of texts or ids.
func (d *Data) Strings(name string, values []string) *Data {
	d.name(name)
	d.b = append(d.b, '[')
	for i, s := range values {
		if i > 0 {
			d.b = append(d.b, ',')
		}
		d.b = AppendString(d.b, s)
	}
	d.b = append(d.b, ']')
	return d
}

// Raw adds a value that is JSON already, such as another payload's Bytes.
func (d *Data) Raw(name string, json []byte) *Data {
	d.name(name)
	d.b = append(d.b, json...)
	return d
}

// Bytes is the payload, valid until Reset. The next field may be added after it.
func (d *Data) Bytes() []byte {
	if len(d.b) == 0 {
		return []byte("{}")
	}
	closed := append(d.b, '}')
	d.b = closed[:len(closed)-1]
	return closed
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

func appendEscaped(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain[c] {
				i++
				continue
			}
			dst = appendEscape(append(dst, s[from:i]...), c)
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(append(dst, s[from:i]...), "�"...)
			from = i + 1
		}
		i += n
	}
	return append(dst, s[from:]...)
}

func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// EventHash is the hash of what makes an event itself: source, id and time (events.md: a second event with the same three is
// a duplicate). The source's length stands between them, so that no two triples are written alike.
func EventHash(ev *Event) uint64 {
	var buf [256]byte
	b := binary.LittleEndian.AppendUint64(buf[:0], uint64(ev.Time))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ev.Source)))
	b = append(b, ev.Source...)
	b = append(b, ev.ID...)
	return xxh3.Hash(b)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// quote shows a value in a violation's detail.
func quote(s string) string {
	return string(AppendString(nil, shorten(s, maxDetailValue)))
}
