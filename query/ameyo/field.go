package ameyo

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// field is a property of a row: a value, or an object with fields of its own.
type field struct {
	name   string
	schema *route.Schema
	value  func(s *state, r *row) value
	fields []field
}

// value of a property, to be written and to be sorted by.
type value struct {
	kind kind
	text string
	n    int64
	f    float64
	raw  *fastjson.Value
}

type kind uint8

const (
	null kind = iota
	text
	number64
	fraction // only to sort by
	boolean
	object
)

func (v value) write(e *list.Encoder) {
	switch v.kind {
	case text:
		e.String(v.text)
	case number64:
		e.Int(v.n)
	case boolean:
		e.Bool(v.n == 1)
	case object:
		if v.raw == nil {
			e.Object()
			e.End()
			return
		}
		e.Raw(v.raw.MarshalTo(nil))
	default:
		e.Null()
	}
}

func (v value) key() list.Key {
	switch v.kind {
	case text:
		return list.Text(v.text)
	case number64, boolean:
		return list.Number(float64(v.n))
	case fraction:
		return list.Number(v.f)
	}
	return list.Null()
}

// textOf is null where it is empty.
func textOf(s string) value {
	if s == "" {
		return value{}
	}
	return value{kind: text, text: s}
}

// model is the row of the specification's sample, in its order.
func model() []field {
	return []field{
		integer("contact_center_id", func(s *state, _ *row) value { return s.number(directory.KindContactCenter, s.v.ContactCenter) }),
		words("user_id", func(_ *state, r *row) value { return r.user(func() string { return r.agent.ID }) }),
		words("user_name", func(_ *state, r *row) value { return r.user(func() string { return r.agent.Entry.Name }) }),
		words("user_status", func(_ *state, r *row) value {
			return r.user(func() string { return userStatus(r.agent.Live.Status, r.agent.Live.Suspended) })
		}),
		integer("user_status_duration", func(s *state, r *row) value {
			if r.agent == nil {
				return value{}
			}
			return s.seconds(s.userSince(r.agent))
		}),
		{name: "service_info", fields: []field{nothing("instance_id"), nothing("sip_trunk_id"), nothing("grpc_callback_url")}},
		integer("campaign_id", func(s *state, r *row) value { return s.number(directory.KindCampaign, r.campaign) }),
		words("campaign_name", func(s *state, r *row) value { return s.nameOf(directory.KindCampaign, r.campaign) }),
		integer("queue_id", func(s *state, r *row) value { return s.number(directory.KindQueue, r.queue) }),
		words("queue_name", func(s *state, r *row) value { return s.nameOf(directory.KindQueue, r.queue) }),
		words("interaction_id", func(s *state, r *row) value { return textOf(s.interactionID(r)) }),
		{name: "channel_details", fields: []field{
			words("channel_type", func(_ *state, r *row) value { return textOf(channelType(r)) }),
			{name: "addition_details", schema: route.Map(route.Anything()), value: func(*state, *row) value { return value{kind: object} }},
		}},
		words("customer_status", func(_ *state, r *row) value { return textOf(r.contact()) }),
		integer("customer_status_duration", func(s *state, r *row) value { return s.seconds(r.contactSince()) }),
		{name: "customer_details", fields: []field{
			ofCustomer("id"), ofCustomer("name"),
			{name: "phone_info", fields: []field{ofCustomer("phone"), ofCustomer("display_phone"), ofCustomer("unique_identifier")}},
			ofCustomer("crt_object_id"),
			{name: additionDetails, schema: route.Map(route.Anything()), value: details},
		}},
		{name: "waiting", schema: route.Boolean(), value: func(_ *state, r *row) value {
			if r.of != nil && visitOf(r.of) != nil {
				return value{kind: boolean, n: 1}
			}
			return value{kind: boolean}
		}},
	}
}

func userTypeField() field {
	return words("user_type", func(_ *state, r *row) value { return r.user(func() string { return userType(r.agent) }) })
}

func sessionField() field {
	return words("session_id", func(_ *state, r *row) value {
		if r.agent == nil || r.agent.Live.Session == nil {
			return value{}
		}
		return textOf(r.agent.Live.Session.ID)
	})
}

func callField() field {
	return words("call_id", func(_ *state, r *row) value { return textOf(r.of.CallID) })
}

func chatField() field {
	return words("chat_id", func(_ *state, r *row) value { return textOf(r.of.ChatID) })
}

func words(name string, of func(*state, *row) value) field {
	return field{name: name, schema: route.String().OrNull(), value: of}
}

func integer(name string, of func(*state, *row) value) field {
	return field{name: name, schema: route.Int().OrNull(), value: of}
}

func nothing(name string) field {
	return field{name: name, schema: route.String().OrNull(), value: func(*state, *row) value { return value{} }}
}

// user is a text of the row's user, null where it has none.
func (r *row) user(of func() string) value {
	if r.agent == nil {
		return value{}
	}
	return textOf(of())
}

func (s *state) number(kind, id string) value {
	n, ok := kindNumber(s.v, kind, id)
	if !ok {
		return value{}
	}
	return value{kind: number64, n: int64(n)}
}

func (s *state) nameOf(kind, id string) value {
	if id == "" {
		return value{}
	}
	return textOf(s.v.Directory.Name(kind, id))
}

// seconds since a moment, whole ones; null where it is not known.
func (s *state) seconds(since int64) value {
	if since == schema.NoTime {
		return value{}
	}
	return value{kind: number64, n: max(0, s.v.AsOf-since) / 1000}
}

// ofCustomer is one of the texts that an event says of a customer.
func ofCustomer(name string) field {
	return words(name, func(s *state, r *row) value {
		v := s.customerOf(r.of).Get(name)
		switch {
		case v == nil || v.Type() == fastjson.TypeNull:
			return value{}
		case v.Type() == fastjson.TypeString:
			return textOf(string(v.GetStringBytes()))
		}
		return textOf(v.String())
	})
}

const additionDetails = "addition_details"

func details(s *state, r *row) value {
	if v := s.customerOf(r.of).Get("details"); v != nil && v.Type() == fastjson.TypeObject {
		return value{kind: object, raw: v}
	}
	return value{kind: object}
}

func (t *table) write(e *list.Encoder, s *state, r *row) { writeFields(e, t.fields, s, r) }

func writeFields(e *list.Encoder, fields []field, s *state, r *row) {
	e.Object()
	for i := range fields {
		f := &fields[i]
		e.Name(f.name)
		if f.fields != nil {
			writeFields(e, f.fields, s, r)
			continue
		}
		f.value(s, r).write(e)
	}
	e.End()
}

// rowSchema is that of all tables: the model, and what only some of them have.
func rowSchema() *route.Schema {
	o := objectSchema(model())
	for _, f := range []field{userTypeField(), sessionField(), callField(), chatField()} {
		o.Fields = append(o.Fields, route.May(f.name, f.schema))
	}
	return o.Named("AmeyoRow")
}

func objectSchema(fields []field) *route.Schema {
	var out []route.Field
	for _, f := range fields {
		if f.fields != nil {
			out = append(out, route.F(f.name, objectSchema(f.fields)))
			continue
		}
		out = append(out, route.F(f.name, f.schema))
	}
	return route.Object(out...)
}

// sortKey is one criterion.
type sortKey struct {
	of   func(s *state, r *row) value
	desc bool
}

// order reads sort_by; nil where nothing is to be sorted.
func (t *table) order(criteria []string) ([]sortKey, error) {
	var keys []sortKey
	for _, criterion := range criteria {
		property, direction, directed := strings.Cut(criterion, ":")
		desc := strings.EqualFold(strings.TrimSpace(direction), "desc")
		of := find(t.fields, strings.Split(strings.TrimSpace(property), "."))
		if of == nil || directed && !desc && !strings.EqualFold(strings.TrimSpace(direction), "asc") {
			return nil, problem.BadValue("sort_by", criterion, "property:asc or property:desc, where property is one of the row's, nested ones with dots")
		}
		keys = append(keys, sortKey{of, desc})
	}
	return keys, nil
}

// find finds what a dotted path means. The customer's details have whatever names their producers give them.
func find(fields []field, path []string) func(*state, *row) value {
	for i := range fields {
		f := &fields[i]
		switch {
		case f.name != path[0]:
		case f.fields != nil && len(path) > 1:
			return find(f.fields, path[1:])
		case f.name == additionDetails && len(path) > 1:
			return func(s *state, r *row) value { return detail(f.value(s, r), path[1:]) }
		case f.fields == nil && f.name != additionDetails && len(path) == 1:
			return f.value
		}
	}
	return nil
}

func detail(of value, path []string) value {
	if of.raw == nil {
		return value{}
	}
	v := of.raw.Get(path...)
	if v == nil {
		return value{}
	}
	switch v.Type() {
	case fastjson.TypeString:
		return textOf(string(v.GetStringBytes()))
	case fastjson.TypeNumber:
		return value{kind: fraction, f: v.GetFloat64()}
	case fastjson.TypeTrue:
		return value{kind: boolean, n: 1}
	case fastjson.TypeFalse:
		return value{kind: boolean}
	}
	return value{}
}

// arrange orders rows by the criteria, nulls last in either direction, else as they came.
func arrange(s *state, rows []row, order []sortKey) {
	columns := make([]list.SortKey, len(order))
	table := list.Table[int]{Order: map[string]func(int) list.Key{}, ID: func(int) string { return "" }}
	for i, k := range order {
		name := string(rune('a' + i))
		columns[i] = list.SortKey{Field: name, Desc: k.desc}
		table.Order[name] = func(n int) list.Key { return k.of(s, &rows[n]).key() }
	}
	at := make([]int, len(rows))
	for i := range at {
		at[i] = i
	}
	table.Arrange(at, list.Page{Sort: columns})
	sorted := slices.Clone(rows)
	for i, n := range at {
		sorted[i] = rows[n]
	}
	copy(rows, sorted)
}
