package list

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"floorwalker/schema"
)

// Encoder appends JSON to B and sets commas by itself. encoding/json is an order of magnitude slower, which a list of
// 100,000 agents would feel.
type Encoder struct {
	B []byte

	aging   []aging // in order
	instead bool    // of ages, the moments that they count from
}

// aging is a part of B that changes by the mere passing of time; entity tags see steady in its place.
type aging struct {
	from, to int
	steady   uint64
}

func (e *Encoder) reset() { e.B, e.aging = e.B[:0], e.aging[:0] }

// Tag is a hash of B without ages.
func (e *Encoder) Tag() uint64 {
	var d xxhash.Digest
	d.Reset()
	from := 0
	for _, a := range e.aging {
		_, _ = d.Write(e.B[from:a.from]) // never fails
		var steady [8]byte
		binary.LittleEndian.PutUint64(steady[:], a.steady)
		_, _ = d.Write(steady[:])
		from = a.to
	}
	_, _ = d.Write(e.B[from:])
	return d.Sum64()
}

// Aging appends a JSON value that changes by the mere passing of time; steady changes when anything else in it does.
func (e *Encoder) Aging(value []byte, steady uint64) {
	e.comma()
	from := len(e.B)
	e.B = append(e.B, value...)
	e.aging = append(e.aging, aging{from, len(e.B), steady})
}

func (e *Encoder) comma() {
	if n := len(e.B); n > 0 {
		switch e.B[n-1] {
		case '{', '[', ':', '\n':
		default:
			e.B = append(e.B, ',')
		}
	}
}

// Object begins an object; its fields follow, then End.
func (e *Encoder) Object() { e.comma(); e.B = append(e.B, '{') }

// End ends an object.
func (e *Encoder) End() { e.B = append(e.B, '}') }

// Array begins an array.
func (e *Encoder) Array() { e.comma(); e.B = append(e.B, '[') }

// EndArray ends an array.
func (e *Encoder) EndArray() { e.B = append(e.B, ']') }

// Name begins a field of an object; exactly one value follows.
func (e *Encoder) Name(name string) {
	e.comma()
	e.B = append(appendString(e.B, name), ':')
}

// Quoted is a field's name as JSON has it.
type Quoted string

// Quote prepares a name that many objects have.
func Quote(name string) Quoted { return Quoted(append(appendString(nil, name), ':')) }

// Quoted is Name of a name that was prepared.
func (e *Encoder) Quoted(name Quoted) {
	e.comma()
	e.B = append(e.B, name...)
}

// Null appends null.
func (e *Encoder) Null() { e.comma(); e.B = append(e.B, "null"...) }

// Bool appends a boolean.
func (e *Encoder) Bool(b bool) { e.comma(); e.B = strconv.AppendBool(e.B, b) }

// Int appends a whole number.
func (e *Encoder) Int(n int64) { e.comma(); e.B = strconv.AppendInt(e.B, n, 10) }

// Float appends a number; what JSON cannot say is null.
func (e *Encoder) Float(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		e.Null()
		return
	}
	e.comma()
	form := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		form = 'e'
	}
	e.B = strconv.AppendFloat(e.B, f, form, -1, 64)
}

// String appends a text, empty or not.
func (e *Encoder) String(s string) { e.comma(); e.B = appendString(e.B, s) }

// Text appends a text, null where it is empty: what is not known.
func (e *Encoder) Text(s string) {
	if s == "" {
		e.Null()
		return
	}
	e.String(s)
}

// Texts appends an array of texts, never null.
func (e *Encoder) Texts(items []string) {
	e.Array()
	for _, s := range items {
		e.String(s)
	}
	e.EndArray()
}

// Time appends a moment as RFC 3339 in UTC with milliseconds, null for NoTime and Open.
func (e *Encoder) Time(ms int64) {
	if ms == schema.NoTime || ms == schema.Open {
		e.Null()
		return
	}
	e.comma()
	e.B = append(e.B, '"')
	e.B = append(schema.AppendTime(e.B, ms), '"')
}

// Age appends milliseconds that grow by the mere passing of time: base, and what has passed since a moment up to asOf; a moment still
// to come, from clocks that disagree, adds nothing. A pushed row, which is not sent again for that, has the moment to count from in its
// place, base included: wait_since for wait_ms.
func (e *Encoder) Age(base, since, asOf int64) {
	if e.instead {
		e.sinceInstead(since - base)
		return
	}
	e.comma()
	from := len(e.B)
	e.B = strconv.AppendInt(e.B, base+max(asOf-since, 0), 10)
	e.aging = append(e.aging, aging{from, len(e.B), uint64(since - base)})
}

// sinceInstead gives the field that was just begun another name.
func (e *Encoder) sinceInstead(ms int64) {
	if name, ok := bytes.CutSuffix(e.B, []byte(`_ms":`)); ok {
		e.B = append(name, `_since":`...)
	}
	e.Time(ms)
}

// Raw appends JSON as it is, null where there is none or where it is not valid.
func (e *Encoder) Raw(raw []byte) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || !json.Valid(raw) {
		e.Null()
		return
	}
	e.comma()
	buffer := bytes.NewBuffer(e.B)
	if err := json.Compact(buffer, raw); err == nil {
		e.B = buffer.Bytes()
	}
}

// JSON appends JSON that is known to be valid.
func (e *Encoder) JSON(raw []byte) { e.comma(); e.B = append(e.B, raw...) }

// Value appends anything by encoding/json.
func (e *Encoder) Value(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		e.Null()
		return
	}
	e.comma()
	e.B = append(e.B, raw...)
}

const hexDigits = "0123456789abcdef"

// plain reports whether nothing in a text needs another form in JSON.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if b := s[i]; b < 0x20 || b == '"' || b == '\\' || b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	if plain(s) {
		return append(append(dst, s...), '"')
	}
	start := 0
	for i := 0; i < len(s); {
		b := s[i]
		if b >= 0x20 && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			i++
			start = i
			continue
		}
		dst = append(dst, s[start:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
