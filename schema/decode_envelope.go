package schema

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// attribute of the envelope.
type attribute uint8

const (
	attrSpecVersion attribute = iota
	attrID
	attrSource
	attrType
	attrSubject
	attrTime
	attrContactCenter
	numAttributes // those above are required, and text
	attrSequence  = numAttributes
	attrData      = numAttributes + 1
)

var attributeNames = [...]string{"specversion", "id", "source", "type", "subject", "time", "contactcenter", "sequence", "data"}

func parseAttribute(name string) (attribute, bool) {
	switch name {
	case "specversion":
		return attrSpecVersion, true
	case "id":
		return attrID, true
	case "source":
		return attrSource, true
	case "type":
		return attrType, true
	case "subject":
		return attrSubject, true
	case "time":
		return attrTime, true
	case "contactcenter":
		return attrContactCenter, true
	case "sequence":
		return attrSequence, true
	case "data":
		return attrData, true
	}
	return 0, false
}

const headerPrefix = "ce_"

// BinaryMode reports whether headers say CloudEvents' binary content mode.
func BinaryMode(headers []Header) bool {
	some, structured := false, false
	for i := range headers {
		key := headers[i].Key
		switch {
		case key == "ce_specversion", key == "ce_type":
			return true
		case strings.HasPrefix(key, headerPrefix):
			some = true
		case strings.EqualFold(key, "content-type"):
			structured = len(headers[i].Value) >= len(structuredType) &&
				strings.EqualFold(text(headers[i].Value[:len(structuredType)]), structuredType)
		}
	}
	return some && !structured
}

const structuredType = "application/cloudevents+json"

// header takes an attribute from a header and returns how many bytes it has; other headers are not ours.
func (d *Decoder) header(h *Header) int {
	if !strings.HasPrefix(h.Key, headerPrefix) {
		return 0
	}
	size := len(h.Key) + len(h.Value)
	a, known := parseAttribute(h.Key[len(headerPrefix):])
	if !known || a == attrData || h.Value == nil || size > d.maxBytes() {
		return size
	}
	if d.again(a) {
		return size
	}
	if !utf8.Valid(h.Value) {
		d.fail(CodeInvalidUTF8, attributeNames[a], quote(string(h.Value)))
		return size
	}
	if a == attrSequence {
		d.sequenceText(text(h.Value))
		return size
	}
	d.said |= 1 << a
	d.attrs[a] = d.keep(h.Value)
	return size
}

// again notes that an attribute was said, and refuses it the second time.
func (d *Decoder) again(a attribute) bool {
	if d.seen&(1<<a) != 0 {
		d.fail(CodeDuplicateAttribute, attributeNames[a], "stands twice")
		return true
	}
	d.seen |= 1 << a
	return false
}

// envelopeField takes one member of a structured event.
func (d *Decoder) envelopeField(key, value []byte, escaped bool) {
	name := text(key[1 : len(key)-1])
	if escaped {
		name = d.unescape(key)
	}
	a, known := parseAttribute(name)
	if !known || d.again(a) || value[0] == 'n' {
		return
	}
	d.said |= 1 << a
	switch {
	case a == attrData:
		d.data = value
	case value[0] == '"':
		s := text(value[1 : len(value)-1])
		if escaped {
			s = d.unescape(value)
		}
		if a == attrSequence {
			d.sequenceText(s)
			return
		}
		d.attrs[a] = s
	case a == attrSequence && isNumber(value):
		d.sequenceText(d.integerID(value, "sequence"))
	case a == attrSequence:
		d.fail(CodeWrongKind, "sequence", kindOf(value[0])+", a decimal integer is needed, as a string or a number")
	case a == attrID || a == attrSubject || a == attrContactCenter:
		d.attrs[a] = d.integerID(value, attributeNames[a])
	default:
		d.fail(CodeWrongKind, attributeNames[a], kindOf(value[0])+", a string is needed")
	}
}

func isNumber(value []byte) bool { return value[0] == '-' || value[0]-'0' <= 9 }

// unescape reads a JSON string that holds escapes.
func (d *Decoder) unescape(quoted []byte) string {
	v, err := d.spare.ParseBytes(quoted)
	if err != nil {
		d.fail(CodeMalformedJSON, "", shorten(err.Error(), 2*maxDetailValue))
		return ""
	}
	return d.keep(v.GetStringBytes())
}

// envelope judges the required attributes and lays them into the event.
func (d *Decoder) envelope() {
	const required = 1<<numAttributes - 1
	if missing := required &^ d.said; missing != 0 {
		d.missingAttribute(missing)
		return
	}
	if d.attrs[attrSpecVersion] != "1.0" {
		d.fail(CodeValueNotAllowed, "specversion", quote(d.attrs[attrSpecVersion])+`, "1.0" is allowed`)
		return
	}
	ev := d.ev
	ev.ID, ev.Subject, ev.ContactCenter = d.attrs[attrID], d.attrs[attrSubject], d.attrs[attrContactCenter]
	d.checkText(ev.ID, "id", MaxIDBytes)
	d.checkText(ev.Subject, "subject", MaxIDBytes)
	d.checkText(ev.ContactCenter, "contactcenter", MaxIDBytes)
	ev.Source = d.attrs[attrSource]
	d.checkText(ev.Source, "source", MaxSourceBytes)
	d.eventType(d.attrs[attrType])
	ms, code := parseTime(d.attrs[attrTime])
	if code != "" {
		d.fail(code, "time", quote(d.attrs[attrTime])+timeAllowed)
	}
	ev.Time = ms
}

func (d *Decoder) missingAttribute(missing uint32) {
	for a := attribute(0); a < numAttributes; a++ {
		if missing&(1<<a) != 0 {
			d.fail(CodeMissingAttribute, attributeNames[a], "is required")
			return
		}
	}
}

const directoryPrefix = "cc.directory."

func (d *Decoder) eventType(name string) {
	if t, ok := ParseEventType(name); ok {
		d.ev.Type = t
		return
	}
	if strings.HasPrefix(name, directoryPrefix) {
		if kind, ok := parseDirectoryKind(name[len(directoryPrefix):]); ok {
			d.ev.Type, d.ev.DirectoryKind = EventDirectory, kind
			return
		}
	}
	d.fail(CodeUnknownType, "type", quote(name)+" is none of the contract's types")
}

// sequenceText reads a decimal integer of 64 bits.
func (d *Decoder) sequenceText(s string) {
	digits := strings.TrimPrefix(s, "-")
	if !allDigits(digits) {
		d.fail(CodeMalformedNumber, "sequence", quote(s)+", a decimal integer is needed")
		return
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		d.fail(CodeNumberOutOfRange, "sequence", quote(s)+", −2⁶³ to 2⁶³−1 is allowed")
		return
	}
	d.ev.Sequence, d.ev.HasSequence = n, true
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
