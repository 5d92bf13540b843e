// Package list is what all lists of the native API share: reading their parameters, filtering's value syntax, sorting, cutting
// pages, pinned snapshots, entity tags, and writing JSON, NDJSON and CSV (native API, section Common to every list).
package list

import (
	"mime"
	"slices"
	"strconv"
	"strings"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// Query is a request's parameters.
type Query = route.Query

// Limits of a page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Format of an answer.
type Format string

const (
	JSON   Format = "json"
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// SortKey is one field that a list is ordered by.
type SortKey struct {
	Field string
	Desc  bool
}

// Page says which part of a list is wanted, in which order and form.
type Page struct {
	Offset, Limit int
	Sort          []SortKey
	Fields        []string // nil means all
	Format        Format
	Snapshot      string // empty means the newest state
}

// ReadPage reads what every list shares; errors stay in q. accept is the Accept header, which format= overrules.
func ReadPage(q *Query, accept string) Page {
	p := Page{
		Offset:   q.Int("offset", 0, 0, 1<<31-1),
		Limit:    q.Int("limit", DefaultLimit, 1, MaxLimit),
		Snapshot: q.One("snapshot"),
		Format:   ReadFormat(q, accept),
	}
	if fields, ok := q.Strings("fields"); ok {
		p.Fields = fields
	}
	p.Sort = readSort(q)
	return p
}

func readSort(q *Query) []SortKey {
	items, _ := q.Strings("sort")
	keys := make([]SortKey, 0, len(items))
	for _, item := range items {
		field, order, _ := strings.Cut(item, ":")
		if order != "" && order != "asc" && order != "desc" || strings.HasSuffix(item, ":") {
			q.Fail(problem.BadValue("sort", item, "field, field:asc or field:desc, several separated by commas"))
			return nil
		}
		keys = append(keys, SortKey{field, order == "desc"})
	}
	return keys
}

// ReadFormat reads format=, else the Accept header; what is not understood there means JSON.
func ReadFormat(q *Query, accept string) Format {
	switch s := q.One("format"); Format(s) {
	case JSON, NDJSON, CSV:
		return Format(s)
	case "":
	default:
		q.Fail(problem.BadValue("format", s, "json, ndjson, csv"))
	}
	best, most := JSON, 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, given := parameters["q"]; given {
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		if weight <= most {
			continue
		}
		switch media {
		case "application/json", "*/*", "application/*":
			best, most = JSON, weight
		case "application/x-ndjson", "application/ndjson", "application/jsonl":
			best, most = NDJSON, weight
		case "text/csv":
			best, most = CSV, weight
		}
	}
	return best
}

// Column is one top-level field of a list's rows.
type Column[T any] struct {
	Name string
	// Write appends exactly one JSON value.
	Write func(e *Encoder, row T)
	// Type is the value's schema; nil allows any.
	Type *route.Schema
	// Sort gives the value to order by; nil where the field cannot be sorted by.
	Sort func(row T) Key
}

// Table describes a list's rows. Order holds keys that may be sorted by but are no fields of their own.
type Table[T any] struct {
	Columns []Column[T]
	Order   map[string]func(row T) Key
	ID      func(row T) string
}

// Key is a value to sort by. Texts come after numbers, which do not mix in one column; nulls are last in either direction.
type Key struct {
	null   bool
	number float64
	text   string
}

// Null sorts last.
func Null() Key { return Key{null: true} }

// Text sorts bytewise; an empty one is null.
func Text(s string) Key { return Key{text: s, null: s == ""} }

// Number sorts numerically.
func Number(f float64) Key { return Key{number: f} }

// Bool sorts false before true.
func Bool(b bool) Key {
	if b {
		return Key{number: 1}
	}
	return Key{}
}

func (k *Key) compare(o *Key) int {
	switch {
	case k.number < o.number:
		return -1
	case k.number > o.number:
		return 1
	}
	return strings.Compare(k.text, o.text)
}

func (t *Table[T]) sorter(field string) func(T) Key {
	if f := t.Order[field]; f != nil {
		return f
	}
	for i := range t.Columns {
		if t.Columns[i].Name == field {
			return t.Columns[i].Sort
		}
	}
	return nil
}

// Sortable lists what may be sorted by.
func (t *Table[T]) Sortable() []string {
	var names []string
	for i := range t.Columns {
		if t.Columns[i].Sort != nil {
			names = append(names, t.Columns[i].Name)
		}
	}
	extra := make([]string, 0, len(t.Order))
	for name := range t.Order {
		extra = append(extra, name)
	}
	slices.Sort(extra)
	return append(names, extra...)
}

// Names lists the fields.
func (t *Table[T]) Names() []string {
	names := make([]string, len(t.Columns))
	for i := range t.Columns {
		names[i] = t.Columns[i].Name
	}
	return names
}

// Check refuses sort fields and fields that the table does not have.
func (t *Table[T]) Check(p Page) error {
	for _, k := range p.Sort {
		if t.sorter(k.Field) == nil {
			return problem.BadValue("sort", k.Field, strings.Join(t.Sortable(), ", "))
		}
	}
	_, err := t.pick(p.Fields)
	return err
}

// pick returns the wanted columns in the table's order.
func (t *Table[T]) pick(fields []string) ([]Column[T], error) {
	if fields == nil {
		return t.Columns, nil
	}
	names := t.Names()
	for _, f := range fields {
		if !slices.Contains(names, f) {
			return nil, problem.BadValue("fields", f, strings.Join(names, ", "))
		}
	}
	var picked []Column[T]
	for _, c := range t.Columns {
		if slices.Contains(fields, c.Name) {
			picked = append(picked, c)
		}
	}
	return picked, nil
}

// Wants reports whether an answer with these fields holds the named one.
func (p Page) Wants(field string) bool { return p.Fields == nil || slices.Contains(p.Fields, field) }

// SortsBy reports whether the page is ordered by the field.
func (p Page) SortsBy(field string) bool {
	return slices.ContainsFunc(p.Sort, func(k SortKey) bool { return k.Field == field })
}

// Cut returns the page's share of rows.
func Cut[T any](rows []T, p Page) []T {
	from := min(p.Offset, len(rows))
	return rows[from:min(from+p.Limit, len(rows))]
}

// Any reports whether a comma list of filter values holds one of an entity's values.
func Any(wanted map[string]bool, values []string) bool {
	for _, v := range values {
		if wanted[v] {
			return true
		}
	}
	return false
}
