package route

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ordered is a JSON object whose fields keep their order.
type ordered []entry

type entry struct {
	name  string
	value any
}

func (o *ordered) add(name string, value any) { *o = append(*o, entry{name, value}) }

// MarshalJSON implements json.Marshaler.
func (o ordered) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, e := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(e.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(e.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Info is the head of the document.
type Info struct {
	Title, Description, Version string
}

// document collects the schemas with names while it is being written.
type document struct {
	schemas map[string]*Schema
}

// Document is the OpenAPI 3.1 document of all operations.
func (r *Registry) Document(info Info) ([]byte, error) {
	d := &document{schemas: map[string]*Schema{}}
	paths := ordered{}
	at := map[string]int{}
	for _, op := range r.operations {
		i, ok := at[op.Path]
		if !ok {
			i = len(paths)
			at[op.Path] = i
			paths.add(op.Path, &ordered{})
		}
		item := paths[i].value.(*ordered)
		item.add(strings.ToLower(op.Method), d.operation(op))
	}
	var tags []any
	schemes := map[string]Scheme{}
	for _, s := range r.surfaces {
		tags = append(tags, ordered{{"name", s.Tag}, {"description", s.Description}})
		for name, scheme := range s.Schemes {
			if other := schemes[name]; other != nil && !reflect.DeepEqual(other, scheme) {
				return nil, fmt.Errorf("two security schemes are called %q", name)
			}
			schemes[name] = scheme
		}
	}
	components, err := d.components()
	if err != nil {
		return nil, err
	}
	return json.Marshal(ordered{
		{"openapi", "3.1.0"},
		{"info", ordered{{"title", info.Title}, {"description", info.Description}, {"version", info.Version}}},
		{"tags", tags},
		{"paths", paths},
		{"components", ordered{{"securitySchemes", schemes}, {"schemas", components}}},
	})
}

// components writes the schemas with names, and those that they name in turn.
func (d *document) components() (map[string]any, error) {
	out := map[string]any{}
	for len(out) < len(d.schemas) {
		for _, name := range sortedKeys(d.schemas) {
			if out[name] == nil {
				out[name] = d.plain(d.schemas[name])
			}
		}
	}
	for name := range out {
		if strings.ContainsAny(name, " /#~") {
			return nil, fmt.Errorf("the schema name %q does not fit into a reference", name)
		}
	}
	return out, nil
}

func (d *document) operation(op *Operation) ordered {
	o := ordered{{"operationId", op.ID}, {"tags", []string{op.Surface.Tag}}, {"summary", op.Summary}}
	if op.Description != "" {
		o.add("description", op.Description)
	}
	security := []any{}
	for _, name := range op.Security {
		security = append(security, map[string][]string{name: {}})
	}
	o.add("security", security)
	if len(op.Parameters) > 0 {
		var parameters []any
		for _, p := range op.Parameters {
			parameters = append(parameters, d.parameter(p, op.Surface.Strict))
		}
		o.add("parameters", parameters)
	}
	if len(op.Bodies) > 0 {
		content := ordered{}
		for i := range op.Bodies {
			content.add(op.Bodies[i].ContentType, ordered{{"schema", d.schema(op.Bodies[i].schema(op.Surface.Strict))}})
		}
		o.add("requestBody", ordered{{"required", !op.NoBodyToo}, {"content", content}})
	}
	o.add("responses", d.responses(op))
	return o
}

func (d *document) parameter(p Parameter, strict bool) ordered {
	o := ordered{{"name", p.Name}, {"in", p.In}, {"required", p.Required}}
	if p.Description != "" {
		o.add("description", p.Description)
	}
	if p.list {
		o.add("style", "form")
		o.add("explode", p.repeated)
		item := listItem(p)
		if p.comma && slices.Equal(item.Types, []string{"string"}) && item.Enum == nil && item.Pattern == nil {
			item = item.Matching("^[^,]+$") // on the wire; a text with a comma is written with a backslash before it
			item.MinLen = nil
		}
		items := Array(item).Length(1, 0)
		schema := d.plain(items)
		if p.unique {
			schema.add("uniqueItems", true)
		}
		o.add("schema", schema)
		return o
	}
	if p.emptyIsMissing(strict) {
		o.add("allowEmptyValue", true)
	}
	s := p.Schema
	// An empty value is refused by strict surfaces, and clients that send none mean that the parameter is missing.
	if slices.Equal(s.Types, []string{"string"}) && s.MinLen == nil && s.Enum == nil && s.Pattern == nil && s.Format == "" {
		s = s.Length(1, 0)
	}
	o.add("schema", d.schema(s))
	return o
}

// listItem is what an item of a comma list looks like on the wire.
func listItem(p Parameter) *Schema {
	if slices.Equal(p.Schema.Types, []string{"string"}) && p.Schema.MinLen == nil && p.Schema.Enum == nil {
		return p.Schema.Length(1, 0)
	}
	return p.Schema
}

// schema of a body: of parameters, an object of them.
func (b *Body) schema(strict bool) *Schema {
	if b.Parameters == nil {
		if b.Schema == nil {
			return Anything()
		}
		return b.Schema
	}
	object := &Schema{Types: []string{"object"}, Closed: strict}
	for _, p := range b.Parameters {
		s := p.Schema
		if p.list {
			s = Array(listItem(p)).Length(1, 0)
		}
		if p.Description != "" {
			s = s.Says(p.Description)
		}
		object.Fields = append(object.Fields, Field{Name: p.Name, Schema: s, Optional: !p.Required})
	}
	return object
}

func (d *document) responses(op *Operation) ordered {
	merged := map[int]Response{}
	var statuses []int
	all := append(slices.Clone(op.Responses), op.Surface.Failures...)
	if op.Admit != nil {
		// The rate limit is the frame's, not the surface's.
		all = append(all, Response{Status: http.StatusTooManyRequests, Headers: []string{"Retry-After"}})
	}
	for _, r := range all {
		if _, ok := merged[r.Status]; ok {
			continue
		}
		merged[r.Status] = r
		statuses = append(statuses, r.Status)
	}
	slices.Sort(statuses)
	out := ordered{}
	for _, status := range statuses {
		out.add(strconv.Itoa(status), d.response(merged[status]))
	}
	return out
}

func (d *document) response(r Response) ordered {
	description := r.Description
	if description == "" {
		description = http.StatusText(r.Status)
	}
	o := ordered{{"description", description}}
	if len(r.Headers) > 0 {
		headers := ordered{}
		for _, name := range r.Headers {
			headers.add(name, ordered{{"schema", ordered{{"type", "string"}}}})
		}
		o.add("headers", headers)
	}
	if len(r.Contents) > 0 {
		content := ordered{}
		for _, c := range r.Contents {
			media := ordered{}
			if c.Schema != nil {
				media.add("schema", d.schema(c.Schema))
			}
			content.add(c.Type, media)
		}
		o.add("content", content)
	}
	return o
}

// schema is a reference where the schema has a name.
func (d *document) schema(s *Schema) any {
	if s.name == "" {
		return d.plain(s)
	}
	d.schemas[s.name] = s
	return ordered{{"$ref", "#/components/schemas/" + s.name}}
}

func (d *document) plain(s *Schema) ordered {
	o := ordered{}
	switch len(s.Types) {
	case 0:
	case 1:
		o.add("type", s.Types[0])
	default:
		o.add("type", s.Types)
	}
	set := func(name string, there bool, value any) {
		if there {
			o.add(name, value)
		}
	}
	set("description", s.Description != "", s.Description)
	set("format", s.Format != "", s.Format)
	set("enum", s.Enum != nil, s.enum())
	if s.Pattern != nil {
		o.add("pattern", s.Pattern.String())
	}
	set("minimum", s.Min != nil, s.Min)
	set("maximum", s.Max != nil, s.Max)
	least, most := "minLength", "maxLength"
	if slices.Contains(s.Types, "array") {
		least, most = "minItems", "maxItems"
	}
	set(least, s.MinLen != nil, s.MinLen)
	set(most, s.MaxLen != nil, s.MaxLen)
	set("default", s.Standard != nil, s.Standard)
	if s.Example != nil {
		o.add("examples", []any{s.Example})
	}
	if s.Items != nil {
		o.add("items", d.schema(s.Items))
	}
	if s.Any != nil {
		any := make([]any, len(s.Any))
		for i, a := range s.Any {
			any[i] = d.schema(a)
		}
		o.add("anyOf", any)
	}
	d.fields(&o, s)
	return o
}

// enum allows null where the type does: JSON Schema wants it named.
func (s *Schema) enum() []any {
	out := make([]any, 0, len(s.Enum)+1)
	for _, v := range s.Enum {
		out = append(out, v)
	}
	if len(s.Types) > 0 && slices.Contains(s.Types, "null") {
		out = append(out, nil)
	}
	return out
}

func (d *document) fields(o *ordered, s *Schema) {
	if len(s.Fields) > 0 {
		properties := ordered{}
		required := []string{}
		for _, f := range s.Fields {
			properties.add(f.Name, d.schema(f.Schema))
			if !f.Optional {
				required = append(required, f.Name)
			}
		}
		o.add("properties", properties)
		if len(required) > 0 {
			o.add("required", required)
		}
	}
	switch {
	case s.Values != nil:
		o.add("additionalProperties", d.schema(s.Values))
	case s.Closed:
		o.add("additionalProperties", false)
	}
}
