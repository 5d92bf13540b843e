package schema

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"
)

// Limits that hold where a Decoder names none.
const (
	DefaultMaxBytes = 1 << 20
	DefaultMaxDepth = 64
)

// MaxIDBytes is the length of the longest id (events.md, section Envelope).
const MaxIDBytes = 128

// MaxSourceBytes bounds `source`, which is a URI reference and not an id.
const MaxSourceBytes = 1024

// keepBytes is how large a record may be for its buffers to serve the next one too; a parse tree is some 50 times its text.
const keepBytes = 64 << 10

// Decoder reads events of the contract (events.md) in both content modes of CloudEvents. The zero value is ready; it must not be
// copied after its first use. It serves one goroutine, allocates nothing for ordinary events, and what it decoded is valid
// until its next call.
//
// Where the contract is silent: null is absent; a known name that stands twice in one object is refused, because two readers
// would not agree about its value; unknown fields are ignored whatever they hold, yet the whole record must be strict JSON in
// valid UTF-8, escaped lone surrogates included.
type Decoder struct {
	MaxBytes int // of a record's value, binary mode: and its ce_ headers; 0 means DefaultMaxBytes
	MaxDepth int // of nested objects and arrays, at most 256; 0 means DefaultMaxDepth

	parser fastjson.Parser
	large  bool            // the buffers are not worth keeping
	text   []byte          // the record's value
	spare  fastjson.Parser // of single texts with escapes
	arena  []byte          // header values, unescaped attributes, integer ids, customer
	list   []string        // elements of lists
	err    *Violation

	ev       *Event
	attrs    [numAttributes]string
	data     []byte         // the payload's JSON, empty where absent or null
	fields   []payloadField // of the event's type
	seen     uint32         // names that stood in the object being read
	said     uint32         // of these, the ones that are not null
	seenIn   uint32         // as seen, of an object inside the payload
	inData   bool
	visitors visitors
}

// visitors are method values, bound once because binding allocates.
type visitors struct {
	envelope                                    visitor
	payload, reason, device, capacity, customer func(key []byte, v *fastjson.Value)
}

func (d *Decoder) begin(ev *Event) {
	if d.visitors.envelope == nil {
		d.visitors = visitors{d.envelopeField, d.payloadField, d.reasonField, d.deviceField, d.capacityField, d.customerField}
		d.list = make([]string, 0, 16)
	}
	if d.large {
		d.parser, d.spare, d.text, d.arena, d.list, d.large = fastjson.Parser{}, fastjson.Parser{}, nil, nil, make([]string, 0, 16), false
	}
	*ev = Event{}
	d.ev = ev
	d.text, d.arena, d.list = d.text[:0], d.arena[:0], d.list[:0]
	d.attrs = [numAttributes]string{}
	d.seen, d.said, d.data, d.inData, d.err = 0, 0, nil, false, nil
}

func (d *Decoder) maxBytes() int {
	if d.MaxBytes <= 0 {
		return DefaultMaxBytes
	}
	return d.MaxBytes
}

func (d *Decoder) maxDepth() int {
	if d.MaxDepth <= 0 {
		return DefaultMaxDepth
	}
	return min(d.MaxDepth, 256) // fastjson ends at 300
}

// Decode reads a record of any type but tombstones, which DecodeDirectoryRecord knows. The content mode is binary where a
// header ce_specversion or ce_type exists, or any ce_ header and no content-type application/cloudevents+json. Errors are
// *Violation; ev then holds what had been read and must not be used.
func (d *Decoder) Decode(rec *Record, ev *Event) error {
	if BinaryMode(rec.Headers) {
		return d.decodeBinary(rec, ev)
	}
	return d.DecodeStructured(rec.Value, ev)
}

// DecodeStructured reads one CloudEvent in its JSON format, as the HTTP collector gets it and a line of NDJSON holds it.
// Errors are as those of Decode.
func (d *Decoder) DecodeStructured(value []byte, ev *Event) error {
	d.begin(ev)
	if !d.take(value) {
		return d.err
	}
	s := scanner{b: d.text, maxDepth: d.maxDepth()}
	if v := s.check(d.visitors.envelope); v != nil {
		return v
	}
	if first := d.text[skipSpace(d.text, 0)]; first != '{' {
		return &Violation{CodeWrongKind, "", "the record is " + kindOf(first) + ", an event is an object"}
	}
	return d.finish()
}

func (d *Decoder) decodeBinary(rec *Record, ev *Event) error {
	d.begin(ev)
	size := len(rec.Value)
	for i := range rec.Headers {
		size += d.header(&rec.Headers[i])
	}
	if size > d.maxBytes() {
		return tooLarge(size, d.maxBytes())
	}
	d.large = size > keepBytes
	if d.err == nil && skipSpace(rec.Value, 0) < len(rec.Value) && d.take(rec.Value) {
		s := scanner{b: d.text, maxDepth: d.maxDepth(), prefix: "data"}
		d.err, d.data = s.check(nil), bytes.TrimSpace(d.text)
	}
	return d.finish()
}

// DecodeDirectoryRecord reads a record of the directory topic: an event of a cc.directory type, or a tombstone, which is a null
// (or empty) value whose key `contactcenter/kind/id` says what is deleted; its time is the record's.
func (d *Decoder) DecodeDirectoryRecord(rec *Record, ev *Event) error {
	if len(rec.Value) > 0 {
		if err := d.Decode(rec, ev); err != nil {
			return err
		}
		if ev.Type != EventDirectory {
			return &Violation{CodeUnknownType, "type", quote(ev.Type.String()) + ", the directory topic holds cc.directory types only"}
		}
		return nil
	}
	d.begin(ev)
	cc, kind, id, err := ParseDirectoryKey(text(rec.Key))
	if err != nil {
		return err
	}
	ev.Type, ev.DirectoryKind, ev.Deleted = EventDirectory, kind, true
	ev.ContactCenter, ev.Subject, ev.Time = strings.Clone(cc), strings.Clone(id), rec.Timestamp
	return nil
}

// take copies the record's value, so that what is decoded does not depend on the reader's memory.
func (d *Decoder) take(value []byte) bool {
	if len(value) > d.maxBytes() {
		d.err = tooLarge(len(value), d.maxBytes())
		return false
	}
	d.large = d.large || len(value) > keepBytes
	d.text = append(d.text, value...)
	return true
}

func tooLarge(size, limit int) *Violation {
	return &Violation{CodeTooLarge, "", decimal(int64(size)) + " bytes, at most " + decimal(int64(limit)) + " are allowed"}
}

// finish turns attributes and payload into the event.
func (d *Decoder) finish() error {
	if d.err == nil {
		d.envelope()
	}
	if d.err == nil {
		d.decodePayload()
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

// fail keeps the first violation. name is that of the attribute, or inside the payload that of the field.
func (d *Decoder) fail(code, name, detail string) {
	if d.err != nil {
		return
	}
	if d.inData {
		name = "data." + name
	}
	d.err = &Violation{code, name, detail}
}

// CheckTime reports a time_ahead violation where the event's time is later than limitMs, the latest moment allowed (ms since
// the epoch): the record's timestamp, or a clock, plus the allowance, five minutes by default (events.md, section Envelope).
func CheckTime(ev *Event, limitMs int64) error {
	if ev.Time <= limitMs {
		return nil
	}
	return &Violation{CodeTimeAhead, "time", FormatTime(ev.Time) + " is later than " + FormatTime(limitMs) +
		", the latest that is allowed for this record"}
}

// text looks at bytes as a string without copying them.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// keep copies bytes into the arena. What was kept before stays valid when the arena moves.
func (d *Decoder) keep(b []byte) string {
	from := len(d.arena)
	d.arena = append(d.arena, b...)
	return text(d.arena[from:len(d.arena):len(d.arena)])
}

// kindOf names the kind of a JSON value by its first byte.
func kindOf(first byte) string {
	switch first {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a bool"
	case 'n':
		return "null"
	}
	return "a number"
}

// shorten cuts s to at most n bytes, at a character's edge, and marks the cut.
func shorten(s string, n int) string {
	if len(s) <= n {
		return strings.ToValidUTF8(s, "�")
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.ToValidUTF8(s[:n], "�") + "…"
}
