package directory

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"floorwalker/schema"
)

// maxDepth of a payload, as the decoder's default.
const maxDepth = schema.DefaultMaxDepth

// payload reads the members of one JSON object and keeps the first violation. Null is absent, a known name must not stand
// twice, unknown members are ignored: the same rules as for all events.
type payload struct {
	path    string // "data", "data.clarity"
	members map[string]*fastjson.Value
	twice   map[string]bool
	err     *error
}

// parsePayload judges text as a whole and opens its object.
func parsePayload(text []byte) (*payload, error) {
	if err := schema.CheckJSON(text, maxDepth); err != nil {
		return nil, err
	}
	var parser fastjson.Parser
	root, err := parser.ParseBytes(text)
	if err != nil {
		return nil, &schema.Violation{Code: schema.CodeMalformedJSON, Attribute: "data", Detail: cut(err.Error())}
	}
	var first error
	p := newPayload("data", root, &first)
	return p, first
}

func newPayload(path string, v *fastjson.Value, err *error) *payload {
	p := &payload{path: path, members: map[string]*fastjson.Value{}, twice: map[string]bool{}, err: err}
	if v == nil {
		return p
	}
	object := v.GetObject()
	if object == nil {
		if *err == nil {
			*err = &schema.Violation{Code: schema.CodeWrongKind, Attribute: path, Detail: v.Type().String() + ", an object is needed"}
		}
		return p
	}
	object.Visit(func(key []byte, v *fastjson.Value) {
		name := string(key)
		if _, known := p.members[name]; known {
			p.twice[name] = true
		}
		p.members[name] = v
	})
	return p
}

func (p *payload) fail(code, name, detail string) {
	if *p.err == nil {
		*p.err = &schema.Violation{Code: code, Attribute: p.path + "." + name, Detail: detail}
	}
}

// get returns a member that is there and not null.
func (p *payload) get(name string) *fastjson.Value {
	if p.twice[name] {
		p.fail(schema.CodeDuplicateAttribute, name, "stands twice")
	}
	v := p.members[name]
	if v == nil || v.Type() == fastjson.TypeNull {
		return nil
	}
	return v
}

// need is get for required members.
func (p *payload) need(name string) *fastjson.Value {
	v := p.get(name)
	if v == nil {
		p.fail(schema.CodeMissingAttribute, name, "is required")
	}
	return v
}

func (p *payload) wrongKind(name string, v *fastjson.Value, needed string) {
	p.fail(schema.CodeWrongKind, name, v.Type().String()+", "+needed+" is needed")
}

func (p *payload) text(name string, v *fastjson.Value, absent string) string {
	if v == nil {
		return absent
	}
	if v.Type() != fastjson.TypeString {
		p.wrongKind(name, v, "a string")
		return absent
	}
	return string(v.GetStringBytes())
}

func (p *payload) string(name string) string           { return p.text(name, p.need(name), "") }
func (p *payload) optional(name, absent string) string { return p.text(name, p.get(name), absent) }

func (p *payload) idOf(name string, v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	var s string
	switch v.Type() {
	case fastjson.TypeString:
		s = string(v.GetStringBytes())
	case fastjson.TypeNumber:
		if s = v.String(); strings.ContainsAny(s, ".eE") {
			p.wrongKind(name, v, "a string or an integer")
			return ""
		}
		if s == "-0" {
			s = "0"
		}
	default:
		p.wrongKind(name, v, "a string or an integer")
		return ""
	}
	if err := schema.CheckID(s, p.path+"."+name); err != nil && *p.err == nil {
		*p.err = err
	}
	return s
}

func (p *payload) id(name string) string         { return p.idOf(name, p.need(name)) }
func (p *payload) optionalID(name string) string { return p.idOf(name, p.get(name)) }

// list calls f for each element of a list.
func (p *payload) list(name string, v *fastjson.Value, f func(name string, v *fastjson.Value)) {
	if v == nil {
		return
	}
	if v.Type() != fastjson.TypeArray {
		p.wrongKind(name, v, "a list")
		return
	}
	for i, e := range v.GetArray() {
		f(name+"["+strconv.Itoa(i)+"]", e)
	}
}

func (p *payload) idList(name string, v *fastjson.Value) []string {
	out := []string{}
	p.list(name, v, func(name string, v *fastjson.Value) { out = append(out, p.idOf(name, v)) })
	return out
}

// ids and optionalIDs keep the order and drop what stands twice.
func (p *payload) ids(name string) []string         { return unique(p.idList(name, p.need(name))) }
func (p *payload) optionalIDs(name string) []string { return unique(p.idList(name, p.get(name))) }

// texts is an optional list of strings, one of allowed where that is given.
func (p *payload) texts(name string, absent, allowed []string) []string {
	v := p.get(name)
	if v == nil {
		return absent
	}
	out := []string{}
	p.list(name, v, func(name string, v *fastjson.Value) {
		s := p.text(name, v, "")
		if allowed != nil {
			p.among(name, s, allowed)
		}
		out = append(out, s)
	})
	return out
}

func (p *payload) among(name, value string, allowed []string) {
	for _, a := range allowed {
		if a == value {
			return
		}
	}
	p.fail(schema.CodeValueNotAllowed, name, strconv.Quote(cut(value))+", allowed: "+strings.Join(allowed, ", "))
}

func (p *payload) oneOf(name string, allowed []string) string {
	s := p.string(name)
	p.among(name, s, allowed)
	return s
}

func (p *payload) bool(name string, absent bool) bool {
	v := p.get(name)
	if v == nil {
		return absent
	}
	b, err := v.Bool()
	if err != nil {
		p.wrongKind(name, v, "a bool")
	}
	return b
}

func (p *payload) integer(name string, v *fastjson.Value, low, high int64) int64 {
	if v.Type() != fastjson.TypeNumber || strings.ContainsAny(v.String(), ".eE") {
		p.wrongKind(name, v, "an integer")
		return 0
	}
	n, err := v.Int64()
	if err != nil || n < low || n > high {
		p.outOfRange(name, v.String(), low, high)
	}
	return n
}

func (p *payload) outOfRange(name, value string, low, high int64) {
	p.fail(schema.CodeNumberOutOfRange, name, cut(value)+", "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10)+" is allowed")
}

// maxSeconds bounds durations of the directory, a year.
const maxSeconds = 366 * 24 * 3600

func (p *payload) seconds(name string, absent int) int {
	v := p.get(name)
	if v == nil {
		return absent
	}
	return int(p.integer(name, v, 0, maxSeconds))
}

// number is an entity's integer id; a decimal string is taken as well.
func (p *payload) number(name string) int32 {
	v := p.get(name)
	if v == nil {
		return 0
	}
	if v.Type() != fastjson.TypeString {
		return int32(p.integer(name, v, 1, schema.MaxNumber))
	}
	s := string(v.GetStringBytes())
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil && (s == "" || strings.Trim(s, "0123456789") != "") {
		p.fail(schema.CodeMalformedNumber, name, strconv.Quote(cut(s))+", a decimal integer is needed")
		return 0
	}
	if err != nil || n < 1 || n > schema.MaxNumber {
		p.outOfRange(name, s, 1, schema.MaxNumber)
		return 0
	}
	return int32(n)
}

func (p *payload) float(name string, v *fastjson.Value) float64 {
	if v == nil {
		return 0
	}
	if v.Type() != fastjson.TypeNumber {
		p.wrongKind(name, v, "a number")
		return 0
	}
	f, err := strconv.ParseFloat(v.String(), 64)
	if err != nil || math.IsInf(f, 0) {
		p.fail(schema.CodeNumberOutOfRange, name, cut(v.String())+", a number of 64 bits is needed")
	}
	return f
}

// object opens a member that is an object; absent it is an object without members.
func (p *payload) object(name string, v *fastjson.Value) *payload {
	return newPayload(p.path+"."+name, v, p.err)
}

// raw is an object's JSON as it came, but for white space.
func (p *payload) raw(name string, v *fastjson.Value) json.RawMessage {
	if v == nil {
		return nil
	}
	if v.Type() != fastjson.TypeObject {
		p.wrongKind(name, v, "an object")
		return nil
	}
	return v.MarshalTo(nil)
}

// strings are the members of an object of strings, by name.
func (p *payload) strings(name string, v *fastjson.Value) map[string]string {
	out := map[string]string{}
	inner := p.object(name, v)
	for key := range inner.members {
		if s := inner.get(key); s != nil {
			out[key] = inner.text(key, s, "")
		}
	}
	return out
}

func unique(in []string) []string {
	seen := make(map[string]bool, len(in))
	out := in[:0]
	for _, s := range in {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func cut(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
