package list

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"floorwalker/query/problem"
)

// value is one parameter: the text as a whole, and its parts between commas.
type value struct {
	text  string
	items []string
}

// Query is what a request asks for, from a query string or from a JSON body. The first thing that is wrong stays in it, so
// that a handler reads all that it needs and looks at Err once.
type Query struct {
	values map[string]value
	err    error
}

// ParseQuery reads a raw query string, which it does not keep. Commas separate the parts of a list; \, is a comma in a part
// and \\ a backslash.
func ParseQuery(raw string) *Query {
	q := &Query{values: map[string]value{}}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !utf8.ValidString(name) {
			q.Fail(problem.Parameter(rawName, "the parameter's name is not valid percent-encoded UTF-8"))
			return q
		}
		text, err := url.QueryUnescape(rawValue)
		if err != nil || !utf8.ValidString(text) {
			q.Fail(problem.Parameter(name, "the value is not valid percent-encoded UTF-8"))
			return q
		}
		if _, ok := q.values[name]; ok {
			q.Fail(problem.Parameter(name, problem.Shown(name)+" is given twice; several values are separated by commas"))
			return q
		}
		q.values[strings.Clone(name)] = value{strings.Clone(text), splitList(text)}
	}
	return q
}

func splitList(s string) []string {
	var items []string
	var item strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == ',' || s[i+1] == '\\'):
			i++
			item.WriteByte(s[i])
		case s[i] == ',':
			items = append(items, item.String())
			item.Reset()
		default:
			item.WriteByte(s[i])
		}
	}
	return append(items, item.String())
}

// ParseBody reads a JSON object of parameters: strings as in a query string, arrays of strings, numbers and booleans; null
// fields count as absent.
func ParseBody(body []byte) *Query {
	q := &Query{values: map[string]value{}}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil || fields == nil {
		q.Fail(problem.New(400, "bad_body", "the body is not a JSON object"))
		return q
	}
	if _, err := d.Token(); err != io.EOF {
		q.Fail(problem.New(400, "bad_body", "the body holds more than one JSON object"))
		return q
	}
	for _, name := range sortedKeys(fields) {
		v, ok := bodyValue(fields[name])
		if !ok {
			q.Fail(problem.Parameter(name, problem.Shown(name)+" is neither a string, number or boolean nor an array of these"))
			return q
		}
		if v != nil {
			q.values[name] = *v
		}
	}
	return q
}

func bodyValue(v any) (*value, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		out := &value{}
		for _, item := range v {
			s, ok := scalar(item)
			if !ok {
				return nil, false
			}
			out.items = append(out.items, s)
		}
		out.text = strings.Join(out.items, ",")
		if len(out.items) == 0 {
			return nil, true
		}
		return out, true
	}
	s, ok := scalar(v)
	return &value{s, splitList(s)}, ok
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// Err is the first thing that was wrong.
func (q *Query) Err() error { return q.err }

// Fail notes that something is wrong, unless something was before.
func (q *Query) Fail(err error) {
	if q.err == nil {
		q.err = err
	}
}

// Only refuses every parameter that is not among the allowed ones.
func (q *Query) Only(allowed ...string) {
	for _, name := range sortedKeys(q.values) {
		if !slices.Contains(allowed, name) {
			q.Fail(problem.UnknownParameter(name, allowed))
		}
	}
}

// Has reports whether the parameter was given.
func (q *Query) Has(name string) bool {
	_, ok := q.values[name]
	return ok
}

// One is the parameter as a single text, empty where it was not given.
func (q *Query) One(name string) string {
	v, ok := q.values[name]
	if ok && v.text == "" {
		q.Fail(problem.BadValue(name, "", "a value that is not empty"))
	}
	return v.text
}

// Strings is the parameter as a comma list; ok says whether it was given. Empty parts are refused.
func (q *Query) Strings(name string) (items []string, ok bool) {
	v, ok := q.values[name]
	if ok && slices.Contains(v.items, "") {
		q.Fail(problem.BadValue(name, v.text, "values that are not empty, separated by commas"))
	}
	return v.items, ok
}

// Set is Strings as a set, nil where the parameter was not given.
func (q *Query) Set(name string) map[string]bool {
	items, ok := q.Strings(name)
	if !ok {
		return nil
	}
	set := make(map[string]bool, len(items))
	for _, item := range items {
		set[item] = true
	}
	return set
}

// Enum is a comma list of values out of a closed vocabulary, as a set; nil where the parameter was not given.
func (q *Query) Enum(name string, allowed []string) map[string]bool {
	set := q.Set(name)
	for _, item := range sortedKeys(set) {
		if !slices.Contains(allowed, item) {
			q.Fail(problem.BadValue(name, item, strings.Join(allowed, ", ")))
		}
	}
	return set
}

// Choice is one value out of a closed vocabulary, standard where the parameter was not given.
func (q *Query) Choice(name, standard string, allowed []string) string {
	s := q.One(name)
	if s == "" {
		return standard
	}
	if !slices.Contains(allowed, s) {
		q.Fail(problem.BadValue(name, s, strings.Join(allowed, ", ")))
	}
	return s
}

// Bool is true or false; ok says whether the parameter was given.
func (q *Query) Bool(name string) (v, ok bool) {
	switch s := q.One(name); s {
	case "":
		return false, false
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		q.Fail(problem.BadValue(name, s, "true, false"))
		return false, false
	}
}

// Int is a whole number between low and high, standard where the parameter was not given.
func (q *Query) Int(name string, standard, low, high int) int {
	s := q.One(name)
	if s == "" {
		return standard
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		q.Fail(badRange(name, s, low, high))
		return standard
	}
	return n
}

// Seconds is a number of seconds, not negative, in milliseconds; ok says whether the parameter was given.
func (q *Query) Seconds(name string) (ms int64, ok bool) {
	s := q.One(name)
	if s == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0 && f <= 1e9) {
		q.Fail(problem.BadValue(name, s, "a number of seconds, not negative"))
		return 0, false
	}
	return int64(f * 1000), true
}

// Time is a moment: RFC 3339, or now, now-30m and the like (units s, m, h, d, w) before now; ok says whether the
// parameter was given.
func (q *Query) Time(name string, now int64) (ms int64, ok bool) {
	s := q.One(name)
	if s == "" {
		return 0, false
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UnixMilli(), true
	}
	if ago, ok := relative(s); ok {
		return now - ago, true
	}
	q.Fail(problem.BadValue(name, s, "RFC 3339 such as 2026-11-21T09:00:00Z, now, now-30m (units s, m, h, d, w)"))
	return 0, false
}

func relative(s string) (ago int64, ok bool) {
	rest, ok := strings.CutPrefix(s, "now")
	if !ok || rest == "" {
		return 0, ok
	}
	if len(rest) < 3 || rest[0] != '-' {
		return 0, false
	}
	unit := map[byte]int64{'s': 1e3, 'm': 60e3, 'h': 3600e3, 'd': 86400e3, 'w': 7 * 86400e3}[rest[len(rest)-1]]
	n, err := strconv.ParseUint(rest[1:len(rest)-1], 10, 31)
	if unit == 0 || err != nil {
		return 0, false
	}
	return int64(n) * unit, true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
