package list

import (
	"slices"
	"strings"

	"floorwalker/query/route"
)

// Parameters are the parameters of a list: its own, with those that every list of the table has.
func (t *Table[T]) Parameters(own ...route.Parameter) []route.Parameter {
	return append(t.Unpinned(own...), SnapshotParameter())
}

// SnapshotParameter names the state that an earlier answer showed.
func SnapshotParameter() route.Parameter {
	return route.InQuery("snapshot", "the snapshot of an earlier answer's metadata: pages through the very same state", route.String().Matching("^[A-Za-z0-9_-]{20,27}$").Or("the snapshot of an earlier answer's metadata"))
}

// Unpinned is Parameters of a list without snapshots.
func (t *Table[T]) Unpinned(own ...route.Parameter) []route.Parameter {
	return append(PageParameters(own...), SortParameter(t.Sortable()...),
		route.InQuery("fields", "only these fields of each row", route.OneOf(t.Names()...)).Comma())
}

// PageParameters are those of every list that is a page or a stream.
func PageParameters(own ...route.Parameter) []route.Parameter {
	return append(slices.Clone(own),
		route.InQuery("format", "json is a page; ndjson and csv stream the whole list (as Accept does)", route.OneOf(string(JSON), string(NDJSON), string(CSV))),
		route.InQuery("offset", "how many matches come before the page", route.Integer(0, 1<<31-1).Default(0)),
		route.InQuery("limit", "the most rows of the page", route.Integer(1, MaxLimit).Default(DefaultLimit)))
}

// SortParameter takes one or several of the fields, each with its direction.
func SortParameter(fields ...string) route.Parameter {
	return route.InQuery("sort", "field, field:asc or field:desc; several are separated by commas, nulls come last, id breaks ties",
		route.OneOf(directed(fields)...).Or("field, field:asc or field:desc, several separated by commas; fields: "+strings.Join(fields, ", "))).Comma()
}

func directed(fields []string) []string {
	out := make([]string, 0, 3*len(fields))
	for _, f := range fields {
		out = append(out, f, f+":asc", f+":desc")
	}
	return out
}

// Schema of one whole row.
func (t *Table[T]) Schema() *route.Schema { return t.schema(false) }

func (t *Table[T]) schema(optional bool) *route.Schema {
	fields := make([]route.Field, len(t.Columns))
	for i, c := range t.Columns {
		of := c.Type
		if of == nil {
			of = route.Anything()
		}
		fields[i] = route.Field{Name: c.Name, Schema: of, Optional: optional}
	}
	return route.Object(fields...)
}

// Response is what a list of the table answers: a page, or the whole list as lines or cells. name is that of a row's schema; more are
// the metadata's own fields.
func (t *Table[T]) Response(name, description string, more ...route.Field) route.Response {
	row := t.schema(true).Named(name + "InList")
	return Of(row, description, more...)
}

// Of is the response of any list of rows.
func Of(row *route.Schema, description string, more ...route.Field) route.Response {
	metadata := []route.Field{
		route.F("total", route.Integer(0, 1<<53)), route.F("count", route.Integer(0, MaxLimit)), route.F("offset", route.Integer(0, 1<<31-1)),
		route.F("limit", route.Integer(1, 1<<31-1)), route.F("as_of", route.DateTime()), route.May("snapshot", route.String()),
	}
	page := route.Object(route.F("data", route.Array(row)), route.F("metadata", route.Object(append(metadata, more...)...)))
	return route.JSON(200, description, page).Also("application/x-ndjson", route.String()).Also("text/csv", route.String())
}
