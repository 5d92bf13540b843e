package schema

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CheckJSON reports, as a *Violation, what keeps b from being one strict JSON value (RFC 8259) in valid UTF-8, escaped lone
// surrogates included, nested at most maxDepth deep. Attributes are named as those of a payload.
func CheckJSON(b []byte, maxDepth int) error {
	s := scanner{b: b, maxDepth: maxDepth, prefix: "data"}
	if v := s.check(nil); v != nil {
		return v
	}
	return nil
}

// scanner judges JSON. It is stricter than fastjson, which lets control characters in strings, unknown escapes, lone
// surrogates, NaN, numbers such as 1-2 or 01 and invalid UTF-8 pass, and it tells where a member's text stands.
type scanner struct {
	b        []byte
	maxDepth int
	prefix   string // of the attributes in violations
	escapes  int    // seen so far
	fault    *Violation
}

// visitor gets the members of the outermost object, key and value as they are written, quotes included; escaped says that
// one of the two holds an escape.
type visitor func(key, value []byte, escaped bool)

// check judges all of b; visit may be nil.
func (s *scanner) check(visit visitor) *Violation {
	if !utf8.Valid(s.b) {
		s.fail(CodeInvalidUTF8, firstInvalid(s.b), "bytes that are not UTF-8")
		return s.fault
	}
	i := skipSpace(s.b, 0)
	if i < len(s.b) && s.b[i] == '{' {
		i = s.object(i, 1, visit)
	} else {
		i = s.value(i, 0)
	}
	if i = skipSpace(s.b, i); s.fault == nil && i < len(s.b) {
		s.fail(CodeMalformedJSON, i, "more than one value")
	}
	return s.fault
}

// value returns the index behind the value that begins at i. After a fault, indices mean nothing.
func (s *scanner) value(i, depth int) int {
	if i >= len(s.b) {
		return s.fail(CodeMalformedJSON, i, "an unexpected end")
	}
	switch s.b[i] {
	case '"':
		return s.string(i)
	case '{':
		return s.object(i, depth+1, nil)
	case '[':
		return s.list(i, depth+1)
	case 't', 'f', 'n':
		if n := literal(s.b[i:]); n > 0 {
			return i + n
		}
	default:
		if end := skipNumber(s.b, i); end > 0 {
			return end
		}
	}
	return s.fail(CodeMalformedJSON, i, "no JSON value")
}

func (s *scanner) object(i, depth int, visit visitor) int {
	if depth > s.maxDepth {
		return s.tooDeep(i)
	}
	if i = skipSpace(s.b, i+1); i < len(s.b) && s.b[i] == '}' {
		return i + 1
	}
	for s.fault == nil {
		if i >= len(s.b) || s.b[i] != '"' {
			return s.fail(CodeMalformedJSON, i, "no name of a member")
		}
		before, from := s.escapes, i
		to := s.string(i)
		if i = skipSpace(s.b, to); i >= len(s.b) || s.b[i] != ':' {
			return s.fail(CodeMalformedJSON, i, "no colon behind a name")
		}
		start := skipSpace(s.b, i+1)
		end := s.value(start, depth)
		if s.fault == nil && visit != nil {
			visit(s.b[from:to], s.b[start:end], s.escapes != before)
		}
		if i = skipSpace(s.b, end); i < len(s.b) && s.b[i] == '}' {
			return i + 1
		}
		if i >= len(s.b) || s.b[i] != ',' {
			return s.fail(CodeMalformedJSON, i, "no comma or end behind a member")
		}
		i = skipSpace(s.b, i+1)
	}
	return i
}

func (s *scanner) list(i, depth int) int {
	if depth > s.maxDepth {
		return s.tooDeep(i)
	}
	if i = skipSpace(s.b, i+1); i < len(s.b) && s.b[i] == ']' {
		return i + 1
	}
	for s.fault == nil {
		if i = skipSpace(s.b, s.value(i, depth)); i < len(s.b) && s.b[i] == ']' {
			return i + 1
		}
		if i >= len(s.b) || s.b[i] != ',' {
			return s.fail(CodeMalformedJSON, i, "no comma or end behind an element")
		}
		i = skipSpace(s.b, i+1)
	}
	return i
}

// string returns the index behind the string whose opening quote is at i.
func (s *scanner) string(i int) int {
	for i++; ; {
		if i = skipPlain(s.b, i); i >= len(s.b) {
			return s.fail(CodeMalformedJSON, i, "a string without end")
		}
		switch s.b[i] {
		case '"':
			return i + 1
		case '\\':
			n, code := skipEscape(s.b[i:])
			if code == CodeInvalidUTF8 {
				return s.fail(code, i, "an escaped half of a surrogate pair")
			}
			if code != "" {
				return s.fail(code, i, "an unknown escape")
			}
			s.escapes++
			i += n
		default:
			return s.fail(CodeMalformedJSON, i, "a raw control character in a string")
		}
	}
}

func (s *scanner) tooDeep(i int) int {
	return s.fail(CodeTooDeep, i, "nested deeper than "+decimal(int64(s.maxDepth)))
}

// fail keeps the first fault and returns the end of the text.
func (s *scanner) fail(code string, at int, detail string) int {
	if s.fault == nil {
		s.fault = &Violation{code, pathAt(s.b, at, s.prefix), detail + " at byte " + decimal(int64(at))}
	}
	return len(s.b)
}

// plain are the bytes that stand for themselves inside strings; bytes of multi-byte characters are judged apart.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// skipPlain returns the index of the next byte that does not stand for itself, eight bytes at a time.
func skipPlain(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^ones*'"', x^ones*'\\'
		// A byte's high bit is set where it is zero (quote, slash) or below 0x20; borrows blur only what lies behind the first.
		special := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x) & high
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
	}
	for i < len(b) && plain[b[i]] {
		i++
	}
	return i
}

// skipEscape returns the length of the escape that b begins with; a surrogate pair is one escape.
func skipEscape(b []byte) (int, string) {
	if len(b) < 2 {
		return 0, CodeMalformedJSON
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, CodeMalformedJSON
	}
	r, ok := hex4(b[2:])
	if !ok {
		return 0, CodeMalformedJSON
	}
	switch {
	case r >= 0xDC00 && r <= 0xDFFF:
		return 0, CodeInvalidUTF8
	case r < 0xD800 || r > 0xDBFF:
		return 6, ""
	}
	if len(b) < 8 || b[6] != '\\' || b[7] != 'u' {
		return 0, CodeInvalidUTF8
	}
	if low, ok := hex4(b[8:]); !ok || low < 0xDC00 || low > 0xDFFF {
		return 0, CodeInvalidUTF8
	}
	return 12, ""
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// literal returns the length of true, false or null at the beginning of b, 0 for anything else.
func literal(b []byte) int {
	for _, s := range [...]string{"true", "false", "null"} {
		if len(b) >= len(s) && string(b[:len(s)]) == s {
			return len(s)
		}
	}
	return 0
}

// skipNumber returns the index behind a JSON number, −1 where there is none.
func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	i = skipDigits(b, i)
	if i == from || b[from] == '0' && i > from+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		from = i + 1
		if i = skipDigits(b, from); i == from {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from = i
		if i = skipDigits(b, from); i == from {
			return -1
		}
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// pathAt names the member whose text holds byte `at`, as violations name attributes. It reads leniently: b is faulty there.
func pathAt(b []byte, at int, prefix string) string {
	if at >= len(b) {
		return prefix
	}
	type level struct {
		array bool
		key   string
		n     int
	}
	var stack []level
	for i := 0; i < at && i < len(b); {
		top := len(stack) - 1
		switch b[i] {
		case '"':
			end := i + 1
			for end < len(b) && b[end] != '"' {
				if b[end] == '\\' {
					end++
				}
				end++
			}
			if j := skipSpace(b, end+1); top >= 0 && !stack[top].array && end < at && j < len(b) && b[j] == ':' {
				stack[top].key = shorten(string(b[i+1:end]), maxDetailValue)
			}
			i = end
		case '{', '[':
			stack = append(stack, level{array: b[i] == '['})
		case '}', ']':
			if top >= 0 {
				stack = stack[:top]
			}
		case ',':
			if top >= 0 {
				stack[top].n++
				stack[top].key = ""
			}
		}
		i++
	}
	var path strings.Builder
	path.WriteString(prefix)
	for i, l := range stack {
		switch {
		case i == maxPathLevels:
			path.WriteString("…")
			return path.String()
		case l.array:
			path.WriteString("[" + strconv.Itoa(l.n) + "]")
		case l.key == "":
		case path.Len() > 0:
			path.WriteString("." + l.key)
		default:
			path.WriteString(l.key)
		}
	}
	return path.String()
}

// maxPathLevels bounds the paths of violations.
const maxPathLevels = 8
