package schema

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"
)

// maxDuration of an event, in ms.
const maxDuration = 1 << 53

// MaxNumber is the highest number of an entity (events.md, section Envelope).
const MaxNumber = 1<<31 - 1

// id reads an id: a text, or an integer, which becomes its decimal text.
func (d *Decoder) id(v *fastjson.Value, name string) string {
	var s string
	if v.Type() == fastjson.TypeString {
		b, _ := v.StringBytes()
		s = text(b)
	} else {
		s = d.integerID(d.raw(v), name)
	}
	d.checkText(s, name, MaxIDBytes)
	return s
}

// raw is the JSON of a value that is no string; an object or a list is only named by its first byte.
func (d *Decoder) raw(v *fastjson.Value) []byte {
	switch v.Type() {
	case fastjson.TypeObject:
		return []byte{'{'}
	case fastjson.TypeArray:
		return []byte{'['}
	}
	from := len(d.arena)
	d.arena = v.MarshalTo(d.arena)
	return d.arena[from:len(d.arena):len(d.arena)]
}

// integerID is an integer of any size as it was written; −0 is 0.
func (d *Decoder) integerID(value []byte, name string) string {
	s := text(value)
	switch {
	case !isNumber(value):
		d.fail(CodeWrongKind, name, kindOf(value[0])+", an id is a string or an integer")
	case !allDigits(strings.TrimPrefix(s, "-")):
		d.fail(CodeWrongKind, name, shorten(s, maxDetailValue)+", an integer is needed")
	case s == "-0":
		return "0"
	default:
		return s
	}
	return "?"
}

func valueKind(v *fastjson.Value) string {
	switch v.Type() {
	case fastjson.TypeObject:
		return kindOf('{')
	case fastjson.TypeArray:
		return kindOf('[')
	case fastjson.TypeString:
		return kindOf('"')
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return kindOf('t')
	case fastjson.TypeNull:
		return kindOf('n')
	}
	return kindOf('0')
}

// checkText judges ids and the source: not empty, at most limit bytes, no control characters (C0, DEL, C1). UTF-8 has been
// judged before.
func (d *Decoder) checkText(s, name string, limit int) {
	if code, detail := idFault(s, limit); code != "" {
		d.fail(code, name, detail)
	}
}

// CheckID reports, as a *Violation of the attribute, what keeps s from being an id (events.md, section Envelope).
func CheckID(s, attribute string) error {
	if !utf8.ValidString(s) {
		return &Violation{CodeInvalidUTF8, attribute, quote(s)}
	}
	if code, detail := idFault(s, MaxIDBytes); code != "" {
		return &Violation{code, attribute, detail}
	}
	return nil
}

func idFault(s string, limit int) (code, detail string) {
	if s == "" {
		return CodeEmptyValue, "must not be empty"
	}
	if len(s) > limit {
		return CodeTooLong, quote(s) + " has " + decimal(int64(len(s))) + " bytes, at most " + decimal(int64(limit)) + " are allowed"
	}
	for i := skipPrintable(s); i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c < 0x7F {
			continue
		}
		if c < 0x80 || c == 0xC2 && i+1 < len(s) && s[i+1] < 0xA0 {
			return CodeControlCharacter, quote(s) + " has a control character at byte " + decimal(int64(i))
		}
	}
	return "", ""
}

// skipPrintable returns how much of s is surely printable ASCII, looked at eight bytes at a time.
func skipPrintable(s string) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		// Without a high bit, adding 1 sets that of 0x7F alone, and subtracting 0x20 that of bytes below it or behind one.
		if (x|(x+ones)|(x-ones*0x20))&high != 0 {
			break
		}
	}
	return i
}

// ids reads a list of ids, never nil.
func (d *Decoder) ids(v *fastjson.Value, name string) []string {
	if v.Type() != fastjson.TypeArray {
		d.fail(CodeWrongKind, name, valueKind(v)+", a list of ids is needed")
		return nil
	}
	from := len(d.list)
	for i, e := range v.GetArray() {
		s := d.id(e, name)
		if d.err != nil {
			d.err.Attribute += "[" + strconv.Itoa(i) + "]"
			return nil
		}
		d.list = append(d.list, s)
	}
	return d.list[from:len(d.list):len(d.list)]
}

func (d *Decoder) string(v *fastjson.Value, name string) string {
	if v.Type() != fastjson.TypeString {
		d.fail(CodeWrongKind, name, valueKind(v)+", a string is needed")
		return ""
	}
	s, _ := v.StringBytes()
	return text(s)
}

func (d *Decoder) bool(v *fastjson.Value, name string) bool {
	b, err := v.Bool()
	if err != nil {
		d.fail(CodeWrongKind, name, valueKind(v)+", a bool is needed")
	}
	return b
}

// integer reads a JSON integer of 64 bits.
func (d *Decoder) integer(v *fastjson.Value, name string) (int64, bool) {
	if v.Type() != fastjson.TypeNumber {
		d.fail(CodeWrongKind, name, valueKind(v)+", an integer is needed")
		return 0, false
	}
	n, err := v.Int64()
	if err == nil {
		return n, true
	}
	if s := d.integerID(d.raw(v), name); d.err == nil {
		d.fail(CodeNumberOutOfRange, name, shorten(s, maxDetailValue)+", −2⁶³ to 2⁶³−1 is allowed")
	}
	return 0, false
}

func (d *Decoder) between(v *fastjson.Value, name string, low, high int64) int64 {
	n, ok := d.integer(v, name)
	if ok && (n < low || n > high) {
		d.fail(CodeNumberOutOfRange, name, decimal(n)+", "+decimal(low)+" to "+decimal(high)+" is allowed")
	}
	return n
}

// number is an entity's integer id, which a string may hold as well.
func (d *Decoder) number(v *fastjson.Value, name string) int64 {
	if v.Type() != fastjson.TypeString {
		return d.between(v, name, 1, MaxNumber)
	}
	s, _ := v.StringBytes()
	if !allDigits(text(s)) {
		d.fail(CodeMalformedNumber, name, quote(text(s))+", a decimal integer is needed")
		return 0
	}
	n, err := strconv.ParseInt(text(s), 10, 64)
	if err != nil || n < 1 || n > MaxNumber {
		d.fail(CodeNumberOutOfRange, name, quote(text(s))+", 1 to "+decimal(MaxNumber)+" is allowed")
	}
	return n
}

// allowed reads a value of a closed list.
func allowed[E enum](d *Decoder, s, name string, parse func(string) (E, bool), names func() []string) E {
	e, ok := parse(s)
	if !ok {
		d.fail(CodeValueNotAllowed, name, quote(s)+", allowed: "+strings.Join(names(), ", "))
	}
	return e
}

// object reads an object inside the payload.
func (d *Decoder) object(v *fastjson.Value, name string, visit func([]byte, *fastjson.Value)) {
	if v.Type() != fastjson.TypeObject {
		d.fail(CodeWrongKind, name, valueKind(v)+", an object is needed")
		return
	}
	d.seenIn = 0
	v.GetObject().Visit(visit)
}

// member notes that a known member of an object inside the payload stands there, and says whether it is to be read.
func (d *Decoder) member(bit int, name string, v *fastjson.Value) bool {
	if d.err != nil {
		return false
	}
	if !d.once(bit) {
		d.fail(CodeDuplicateAttribute, name, "stands twice")
		return false
	}
	return v.Type() != fastjson.TypeNull
}

func (d *Decoder) reasonField(key []byte, v *fastjson.Value) {
	switch string(key) {
	case "id":
		if d.member(0, "reason.id", v) {
			d.ev.ReasonID = d.id(v, "reason.id")
		}
	case "name":
		if d.member(1, "reason.name", v) {
			d.ev.ReasonName = d.string(v, "reason.name")
		}
	}
}

// logoutReason may be a text or, as a status', an object.
func (d *Decoder) logoutReason(v *fastjson.Value, name string) {
	switch v.Type() {
	case fastjson.TypeString:
		d.ev.ReasonName = d.string(v, name)
	case fastjson.TypeObject:
		d.object(v, name, d.visitors.reason)
	default:
		d.fail(CodeWrongKind, name, valueKind(v)+", a string is needed")
	}
}

func (d *Decoder) deviceField(key []byte, v *fastjson.Value) {
	switch string(key) {
	case "type":
		if d.member(0, "device.type", v) {
			d.ev.DeviceType = d.string(v, "device.type")
		}
	case "contact_uri":
		if d.member(1, "device.contact_uri", v) {
			d.ev.DeviceURI = d.string(v, "device.contact_uri")
		}
	}
}

// capacityFields are the channels that a login may name; video is none of them (events.md, cc.agent.login).
var capacityFields = [...]struct {
	name, path string
	channel    Channel
}{
	{"voice", "capacity.voice", ChannelVoice},
	{"chat", "capacity.chat", ChannelChat},
	{"message", "capacity.message", ChannelMessage},
	{"email", "capacity.email", ChannelEmail},
	{"task", "capacity.task", ChannelTask},
}

func (d *Decoder) capacityField(key []byte, v *fastjson.Value) {
	for i := range capacityFields {
		f := &capacityFields[i]
		if f.name == string(key) && d.member(i, f.path, v) {
			d.ev.Capacity[f.channel] = uint16(d.between(v, f.path, 0, 1<<16-1))
		}
	}
}

// customerFields are the members of customer; idField ones may be integers too.
var customerFields = [...]struct {
	name, path string
	idField    bool
}{
	{"id", "customer.id", true},
	{"name", "customer.name", false},
	{"phone", "customer.phone", false},
	{"display_phone", "customer.display_phone", false},
	{"unique_identifier", "customer.unique_identifier", true},
	{"email", "customer.email", false},
	{"address", "customer.address", false},
	{"crt_object_id", "customer.crt_object_id", true},
	{"details", "customer.details", false},
}

// customer keeps the object as JSON without white space, and judges its members.
func (d *Decoder) customer(v *fastjson.Value, name string) {
	if v.Type() != fastjson.TypeObject {
		d.fail(CodeWrongKind, name, valueKind(v)+", an object is needed")
		return
	}
	from := len(d.arena)
	d.arena = v.MarshalTo(d.arena) // before Visit, which unescapes in place
	d.ev.Customer = d.arena[from:len(d.arena):len(d.arena)]
	d.ev.Has |= HasCustomer
	d.object(v, name, d.visitors.customer)
}

func (d *Decoder) customerField(key []byte, v *fastjson.Value) {
	for i := range customerFields {
		f := &customerFields[i]
		if f.name != string(key) || !d.member(i, f.path, v) {
			continue
		}
		switch {
		case f.name == "details":
			if v.Type() != fastjson.TypeObject {
				d.fail(CodeWrongKind, f.path, valueKind(v)+", an object is needed")
			}
		case f.idField:
			d.id(v, f.path)
		default:
			d.string(v, f.path)
		}
	}
}
