package route

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"floorwalker/query/problem"
)

// value is one parameter: its texts as they were given, one each time.
type value struct {
	texts []string
	array []any // of a JSON body's array; texts are its items then
	json  any   // of a JSON body; nil where the value is of a query string or form
	bad   string
}

// items are the texts' parts between commas; a JSON array's items as they are.
func (v value) items() []string {
	if v.array != nil {
		return v.texts
	}
	var items []string
	for _, text := range v.texts {
		items = append(items, splitList(text)...)
	}
	return items
}

// Query is what a request asks for, from a query string, a form or a JSON body. The first thing that is wrong stays in it, so
// that a handler reads all that it needs and looks at Err once.
type Query struct {
	values map[string]value
	err    error
}

// ParseQuery reads a raw query string or form, which it does not keep. Commas separate the parts of a list; \, is a comma in a
// part and \\ a backslash.
func ParseQuery(raw string) *Query {
	q := &Query{values: map[string]value{}}
	q.add(raw)
	return q
}

func (q *Query) add(raw string) {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !utf8.ValidString(name) {
			name = strings.ToValidUTF8(rawName, "\uFFFD")
			q.values[strings.Clone(name)] = value{bad: "the parameter's name is not valid percent-encoded UTF-8"}
			continue
		}
		v := q.values[name]
		text, err := url.QueryUnescape(rawValue)
		if err != nil || !utf8.ValidString(text) {
			v.bad = "the value is not valid percent-encoded UTF-8"
		}
		v.texts = append(v.texts, strings.Clone(text))
		q.values[strings.Clone(name)] = v
	}
}

func splitList(s string) []string {
	if !strings.ContainsAny(s, `,\`) {
		return []string{s}
	}
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

// ParseBody reads a JSON object of parameters: strings, numbers and booleans, arrays of these for lists; null fields count as
// absent.
func ParseBody(body []byte) *Query {
	q := &Query{values: map[string]value{}}
	v, err := decodeJSON(body)
	fields, ok := v.(map[string]any)
	twice := givenTwice(body)
	if err != nil || !ok {
		q.Fail(problem.New(400, "bad_body", "the body is not one JSON object"))
		return q
	}
	for _, name := range sortedKeys(fields) {
		switch v, ok := bodyValue(fields[name]); {
		case ok && twice[name]:
			q.values[name] = value{bad: problem.Shown(name) + " is given twice"}
		case !ok: // where the name is unknown, that may not matter
			q.values[name] = value{bad: problem.Shown(name) + " is neither a string, number or boolean nor an array of these"}
		case v != nil:
			q.values[name] = *v
		}
	}
	return q
}

// givenTwice are the fields that an object has more than once, of which a map keeps the last.
func givenTwice(body []byte) map[string]bool {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	seen, twice := map[string]bool{}, map[string]bool{}
	for d.More() {
		name, err := d.Token()
		var skipped json.RawMessage
		if err != nil || d.Decode(&skipped) != nil {
			break
		}
		text, _ := name.(string)
		if seen[text] {
			twice[text] = true
		}
		seen[text] = true
	}
	return twice
}

// decodeJSON reads exactly one JSON value.
func decodeJSON(body []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return v, nil
}

func bodyValue(v any) (*value, bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		out := &value{json: v, array: v}
		for _, item := range v {
			s, ok := scalar(item)
			if !ok {
				return nil, false
			}
			out.texts = append(out.texts, s)
		}
		return out, true
	}
	s, ok := scalar(v)
	return &value{texts: []string{s}, json: v}, ok
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

// Under are the parameters whose names begin with the prefix, without it.
func (q *Query) Under(prefix string) *Query {
	out := &Query{values: map[string]value{}}
	for name, v := range q.values {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			out.values[rest] = v
		}
	}
	return out
}

// Names are those of all parameters that were given, in order.
func (q *Query) Names() []string { return sortedKeys(q.values) }

// Check holds the parameters to their declarations, and refuses others.
func (q *Query) Check(declared []Parameter) error {
	if q.err != nil {
		return q.err
	}
	return q.hold(declared, true)
}

// Canonical is equal for queries that ask for the same: neither the order of parameters nor that of a list's items matters.
func (q *Query) Canonical() string {
	var out []string
	for name, v := range q.values {
		items := slices.Clone(v.items())
		slices.Sort(items)
		raw, _ := json.Marshal(slices.Compact(items)) // of texts: never fails
		out = append(out, strconv.Quote(name)+":"+string(raw))
	}
	slices.Sort(out)
	return strings.Join(out, ",")
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

// Text is the parameter as it was given, the first time where it was given several times; ok says whether it was.
func (q *Query) Text(name string) (text string, ok bool) {
	v, ok := q.values[name]
	if !ok || len(v.texts) == 0 {
		return "", ok
	}
	return v.texts[0], true
}

// One is the parameter as a single text, empty where it was not given.
func (q *Query) One(name string) string {
	text, ok := q.Text(name)
	if ok && text == "" {
		q.Fail(problem.BadValue(name, "", "a value that is not empty"))
	}
	return text
}

// Texts are the parameter as it was given, each time.
func (q *Query) Texts(name string) []string { return q.values[name].texts }

// Strings is the parameter as a list; ok says whether it was given. Empty parts are refused.
func (q *Query) Strings(name string) (items []string, ok bool) {
	v, ok := q.values[name]
	if !ok {
		return nil, false
	}
	items = v.items()
	if slices.Contains(items, "") {
		q.Fail(problem.BadValue(name, strings.Join(v.texts, ","), "values that are not empty, separated by commas"))
	}
	return items, len(items) > 0
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
		q.Fail(problem.BadValue(name, s, Integer(int64(low), int64(high)).Allowed()))
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
	q.Fail(problem.BadValue(name, s, Moment().Allowed()))
	return 0, false
}

func relative(s string) (ago int64, ok bool) {
	if !relativeMoment.MatchString(s) {
		return 0, false
	}
	if s == "now" {
		return 0, true
	}
	unit := map[byte]int64{'s': 1e3, 'm': 60e3, 'h': 3600e3, 'd': 86400e3, 'w': 7 * 86400e3}[s[len(s)-1]]
	n, err := strconv.ParseInt(s[len("now-"):len(s)-1], 10, 64)
	return n * unit, err == nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
