package route

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Schema is the part of JSON Schema (2020-12) that declarations need. Its methods return changed copies.
type Schema struct {
	Types       []string // string, integer, number, boolean, object, array, null; none: anything
	Format      string
	Description string
	Enum        []string
	Pattern     *regexp.Regexp
	Min, Max    *float64
	MinLen      *int // of texts in characters, of arrays in items
	MaxLen      *int
	Standard    any // the default
	Example     any
	Fields      []Field // of objects, in the order they are written
	Closed      bool    // an object has no other fields than these
	Values      *Schema // of the other fields of an object
	Items       *Schema
	Any         []*Schema // one of these at least
	Hint        string    // what problems say is allowed; made of the rest where empty
	name        string
}

// Field is one field of an object.
type Field struct {
	Name     string
	Schema   *Schema
	Optional bool
}

func of(types ...string) *Schema { return &Schema{Types: types} }

// Null is null alone.
func Null() *Schema { return of("null") }

// Anything is any JSON value.
func Anything() *Schema { return of() }

// String is a text, empty or not.
func String() *Schema { return of("string") }

// ID is a text that names an entity: 1 to 128 bytes.
func ID() *Schema { return String().Length(1, 128) }

// OneOf is a text out of a closed vocabulary.
func OneOf(values ...string) *Schema { s := String(); s.Enum = values; return s }

// Integer is a whole number of a range.
func Integer(low, high int64) *Schema {
	s := of("integer")
	a, b := float64(low), float64(high)
	s.Min, s.Max = &a, &b
	return s
}

// Int is any whole number.
func Int() *Schema { return of("integer") }

// Number is any number.
func Number() *Schema { return of("number") }

// NumberIn is a number of a range.
func NumberIn(low, high float64) *Schema { s := Number(); s.Min, s.Max = &low, &high; return s }

// Boolean is true or false.
func Boolean() *Schema { return of("boolean") }

// DateTime is RFC 3339.
func DateTime() *Schema {
	s := String()
	s.Format, s.Hint = "date-time", "RFC 3339 such as 2026-11-21T09:00:00Z"
	return s
}

var relativeMoment = regexp.MustCompile(`^now(-[0-9]{1,9}[smhdw])?$`)

// Moment is RFC 3339, or now, now-30m and the like (units s, m, h, d, w).
func Moment() *Schema {
	relative := String()
	relative.Pattern = relativeMoment
	return &Schema{Any: []*Schema{DateTime(), relative}, Hint: "RFC 3339 such as 2026-11-21T09:00:00Z, now, now-30m (units s, m, h, d, w)"}
}

// Object has these fields and no others.
func Object(fields ...Field) *Schema {
	return &Schema{Types: []string{"object"}, Fields: fields, Closed: true}
}

// F is a field that is always there.
func F(name string, s *Schema) Field { return Field{Name: name, Schema: s} }

// May is a field that may be missing.
func May(name string, s *Schema) Field { return Field{Name: name, Schema: s, Optional: true} }

// Map is an object with any names and values of one kind.
func Map(values *Schema) *Schema { return &Schema{Types: []string{"object"}, Values: values} }

// Array of items.
func Array(items *Schema) *Schema { return &Schema{Types: []string{"array"}, Items: items} }

// AnyOf is one of several schemas.
func AnyOf(schemas ...*Schema) *Schema { return &Schema{Any: schemas} }

func (s *Schema) with(change func(*Schema)) *Schema {
	c := *s
	change(&c)
	return &c
}

// Named puts the schema under components/schemas of the document; equal names must mean equal schemas.
func (s *Schema) Named(name string) *Schema { return s.with(func(c *Schema) { c.name = name }) }

// OrNull allows null too.
func (s *Schema) OrNull() *Schema {
	if s.name != "" || len(s.Types) == 0 {
		return AnyOf(s, Null())
	}
	return s.with(func(c *Schema) { c.Types = append(slices.Clone(c.Types), "null") })
}

// Default says what holds where the value is missing.
func (s *Schema) Default(v any) *Schema { return s.with(func(c *Schema) { c.Standard = v }) }

// Length bounds a text's characters or an array's items; a high of 0 is no bound.
func (s *Schema) Length(low, high int) *Schema {
	return s.with(func(c *Schema) {
		c.MinLen = &low
		if high > 0 {
			c.MaxLen = &high
		}
	})
}

// Says describes the value.
func (s *Schema) Says(description string) *Schema {
	return s.with(func(c *Schema) { c.Description = description })
}

// Like gives an example.
func (s *Schema) Like(example any) *Schema { return s.with(func(c *Schema) { c.Example = example }) }

// Matching bounds a text by a regular expression, which must be one of ECMAScript too.
func (s *Schema) Matching(pattern string) *Schema {
	return s.with(func(c *Schema) { c.Pattern = regexp.MustCompile(pattern) })
}

// Or says in problems what is allowed.
func (s *Schema) Or(hint string) *Schema { return s.with(func(c *Schema) { c.Hint = hint }) }

// is reports whether the schema allows the JSON type; no type named allows all.
func (s *Schema) is(kind string) bool { return len(s.Types) == 0 || slices.Contains(s.Types, kind) }

// Allowed says in words what a value may be.
func (s *Schema) Allowed() string {
	switch {
	case s.Hint != "":
		return s.Hint
	case s.Enum != nil:
		return strings.Join(s.Enum, ", ")
	case len(s.Types) == 0:
		return "another value"
	}
	switch s.Types[0] {
	case "boolean":
		return "true, false"
	case "integer", "number":
		return s.allowedNumber()
	case "array":
		return "an array"
	case "object":
		return "an object"
	}
	switch {
	case s.Pattern != nil:
		return "a text like " + s.Pattern.String()
	case s.MaxLen != nil:
		return fmt.Sprintf("a text of %d to %d characters", deref(s.MinLen), *s.MaxLen)
	case s.MinLen != nil && *s.MinLen > 0:
		return "a value that is not empty"
	}
	return "a text"
}

func (s *Schema) allowedNumber() string {
	what := "a number"
	if s.Types[0] == "integer" {
		what = "a whole number"
	}
	switch {
	case s.Min != nil && s.Max != nil:
		return fmt.Sprintf("%s from %s to %s", what, plain(*s.Min), plain(*s.Max))
	case s.Min != nil:
		return fmt.Sprintf("%s, at least %s", what, plain(*s.Min))
	}
	return what
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func deref(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// FitsText reports whether a parameter's text is a value of the schema.
func (s *Schema) FitsText(text string) bool {
	if s.Any != nil {
		return slices.ContainsFunc(s.Any, func(a *Schema) bool { return a.FitsText(text) })
	}
	if len(s.Types) == 0 {
		return true
	}
	switch s.Types[0] {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		return err == nil && plainNumber(text) && s.inRange(float64(n))
	case "number":
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && plainNumber(text) && s.inRange(f)
	case "boolean":
		return text == "true" || text == "false"
	}
	return s.fitsString(text)
}

// plainNumber leaves out what Go reads and JSON does not: signs of plus, underscores, hexadecimal, Inf, NaN.
func plainNumber(s string) bool {
	return strings.Trim(s, "0123456789.eE+-") == "" && !strings.HasPrefix(s, "+")
}

func (s *Schema) inRange(f float64) bool {
	return !math.IsNaN(f) && !math.IsInf(f, 0) && (s.Min == nil || f >= *s.Min) && (s.Max == nil || f <= *s.Max)
}

func (s *Schema) fitsString(text string) bool {
	if s.Enum != nil && !slices.Contains(s.Enum, text) {
		return false
	}
	if s.MinLen != nil || s.MaxLen != nil {
		n := utf8.RuneCountInString(text)
		if n < deref(s.MinLen) || s.MaxLen != nil && n > *s.MaxLen {
			return false
		}
	}
	if s.Pattern != nil && !s.Pattern.MatchString(text) {
		return false
	}
	if s.Format == "date-time" {
		_, err := time.Parse(time.RFC3339Nano, text)
		return err == nil
	}
	if s.Format == "date" {
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	}
	return true
}

// Misfit is where a JSON value does not fit a schema.
type Misfit struct {
	Path    string // field names joined by dots, [n] for items; empty for the value itself
	Value   string // the value, or the unknown field's name
	Allowed string
	Unknown bool // the field does not exist
	Missing bool // the field is not there
}

// Check finds the first misfit of a value that encoding/json decoded with UseNumber; nil where it fits.
func (s *Schema) Check(v any) *Misfit { return s.check("", v) }

func (s *Schema) check(path string, v any) *Misfit {
	if s.Any != nil {
		for _, a := range s.Any {
			if a.check(path, v) == nil {
				return nil
			}
		}
		return &Misfit{Path: path, Value: shown(v), Allowed: s.Allowed()}
	}
	ok := false
	switch v := v.(type) {
	case nil:
		ok = s.is("null")
	case bool:
		ok = s.is("boolean")
	case string:
		ok = s.is("string") && s.fitsString(v)
	case json.Number:
		ok = s.fitsNumber(v)
	case []any:
		if s.is("array") {
			return s.checkItems(path, v)
		}
	case map[string]any:
		if s.is("object") {
			return s.checkFields(path, v)
		}
	}
	if ok {
		return nil
	}
	return &Misfit{Path: path, Value: shown(v), Allowed: s.Allowed()}
}

func (s *Schema) fitsNumber(v json.Number) bool {
	f, err := v.Float64()
	if err != nil || !s.inRange(f) {
		return false
	}
	return s.is("number") || s.is("integer") && f == math.Trunc(f)
}

func (s *Schema) checkItems(path string, items []any) *Misfit {
	if n := len(items); n < deref(s.MinLen) || s.MaxLen != nil && n > *s.MaxLen {
		return &Misfit{Path: path, Value: fmt.Sprint(n, " items"), Allowed: fmt.Sprintf("%d items or more", deref(s.MinLen))}
	}
	for i, item := range items {
		if s.Items == nil {
			break
		}
		if m := s.Items.check(fmt.Sprintf("%s[%d]", path, i), item); m != nil {
			return m
		}
	}
	return nil
}

func (s *Schema) checkFields(path string, fields map[string]any) *Misfit {
	at := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	known := make(map[string]bool, len(s.Fields))
	for _, f := range s.Fields {
		known[f.Name] = true
		v, ok := fields[f.Name]
		if !ok {
			if f.Optional {
				continue
			}
			return &Misfit{Path: at(f.Name), Allowed: f.Schema.Allowed(), Missing: true}
		}
		if m := f.Schema.check(at(f.Name), v); m != nil {
			return m
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case known[name]:
		case s.Closed:
			return &Misfit{Path: at(name), Value: name, Allowed: strings.Join(s.names(), ", "), Unknown: true}
		case s.Values != nil:
			if m := s.Values.check(at(name), fields[name]); m != nil {
				return m
			}
		}
	}
	return nil
}

func (s *Schema) names() []string {
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	return names
}

func shown(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// Of derives the schema of a Go type as encoding/json writes it: pointers may be null, omitempty fields may be missing.
func Of[T any]() *Schema { return ofType(reflect.TypeFor[T]()) }

func ofType(t reflect.Type) *Schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return DateTime()
	case reflect.TypeFor[json.RawMessage]():
		return Anything()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return ofType(t.Elem()).OrNull()
	case reflect.String:
		return String()
	case reflect.Bool:
		return Boolean()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Int()
	case reflect.Float32, reflect.Float64:
		return Number()
	case reflect.Slice:
		return Array(ofType(t.Elem())).OrNull()
	case reflect.Array:
		return Array(ofType(t.Elem()))
	case reflect.Map:
		return Map(ofType(t.Elem())).OrNull()
	case reflect.Struct:
		return Object(ofFields(t)...)
	}
	return Anything()
}

func ofFields(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct {
			fields = append(fields, ofFields(f.Type)...)
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		fields = append(fields, Field{Name: name, Schema: ofType(f.Type), Optional: strings.Contains(options, "omit")})
	}
	return fields
}
