package native

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

// directoryFields are the fields of each kind (events.md, section Directory), without id and number, which come first.
var directoryFields = map[string][]string{
	directory.KindContactCenter: {"name", "time_zone", "exotel_account_sid", "service_level", "clarity"},
	directory.KindBusinessUnit:  {"name"},
	directory.KindGroup:         {"name", "team_ids"},
	directory.KindTeam:          {"name", "business_unit_id", "queue_ids"},
	directory.KindAgent: {"name", "first_name", "last_name", "login", "email", "sip", "phone", "user_type", "team_id", "skills", "queue_ids",
		"campaign_ids", "role", "permissions", "locale", "device", "gruu", "proxy_direct_calls", "hide_recording", "hidden_queue_ids"},
	directory.KindQueue: {"name", "business_unit_id", "team_ids", "service_level_seconds", "short_abandon_seconds", "open", "channels",
		"after_call", "hold_timer_seconds"},
	directory.KindCampaign:    {"name", "queue_ids", "active"},
	directory.KindSkill:       {"name"},
	directory.KindReasonCode:  {"name", "status"},
	directory.KindDisposition: {"name", "business_unit_id", "sub_dispositions"},
	directory.KindCallFlow:    {"name"},
	directory.KindDashboard: {"template_id", "template_revision", "definition", "console_template_id", "console_template_revision",
		"console_definition"},
	directory.KindExtraItem: {"name", "searchable"},
	directory.KindAlertRule: {"metric", "scope", "window", "comparison", "threshold", "for_seconds", "severity", "clear_threshold", "webhook"},
	directory.KindLocale:    {"strings"},
}

// entityRow is one entity as the directory topic said it.
type entityRow struct {
	id   string
	kind string
	raw  []byte
	v    *floor.View
	read *fastjson.Value
}

// field is a value of the payload, nil where it says none.
func (r *entityRow) field(name string) *fastjson.Value {
	if r.read == nil {
		v, err := fastjson.ParseBytes(r.raw)
		if err != nil {
			v = fastjson.MustParse("{}")
		}
		r.read = v
	}
	return r.read.Get(name)
}

func (a *API) directoryOperations() []route.Operation {
	kind := route.InPath("kind", "the kind of entity", route.OneOf(floor.Merge(nil, directoryFields)...)).Unchecked()
	entity := route.Map(route.Anything()).Says("id, number, and the fields of the kind as its newest event says them").Named("Entity")
	return append(a.directoryWrites(kind, entity),
		a.get("/directory/{kind}", "listDirectory", "Entities of a kind", list.Of(entity, "entities in order of id, or as sort says"), a.listDirectory,
			append(list.PageParameters(kind, ids("id", "only these"), texts("name", "only those whose name holds one of these, in any case")),
				texts("sort", "a field of the kind, with :asc or :desc; several are separated by commas"), texts("fields", "only these fields of each row"),
				list.SnapshotParameter())...),
		a.one("/directory/{kind}/{id}", "getDirectoryEntity", "One entity", entity, a.oneDirectory, kind))
}

func (r *request) kind() (string, error) {
	kind, err := segment(r.Ctx, "kind")
	if err != nil {
		return "", err
	}
	if directoryFields[kind] == nil {
		p := problem.New(404, "kind_not_found", "there is no such kind; there are: "+strings.Join(floor.Merge(nil, directoryFields), ", "))
		return "", p
	}
	return kind, nil
}

func (a *API) listDirectory(r *request) error {
	kind, err := r.kind()
	if err != nil {
		return err
	}
	ids, names := r.q.Set("id"), []string(nil)
	if given, ok := r.q.Strings("name"); ok {
		for _, s := range given {
			names = append(names, strings.ToLower(s))
		}
	}
	t := directoryTable(kind)
	p, v, m, err := page(a, r, t)
	if err != nil {
		return err
	}
	ids = v.IDs(kind, ids)
	all := slices.Clone(v.Directory.IDs(kind))
	slices.Sort(all)
	var rows []*entityRow
	for _, id := range all {
		if ids != nil && !ids[id] || names != nil && !containsAny(v.Directory.Name(kind, id), names) {
			continue
		}
		if raw, ok := v.Directory.Raw(kind, id); ok {
			rows = append(rows, &entityRow{id: id, kind: kind, raw: raw, v: v})
		}
	}
	return list.Answer(r.Ctx, t, rows, p, m)
}

func (a *API) oneDirectory(r *request) error {
	kind, err := r.kind()
	if err != nil {
		return err
	}
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	v := a.Source.View(r.contactCenter)
	for _, candidate := range append([]string{id}, floor.Merge(nil, v.IDs(kind, map[string]bool{id: true}))...) {
		if raw, ok := v.Directory.Raw(kind, candidate); ok {
			row := &entityRow{id: candidate, kind: kind, raw: raw, v: v}
			return list.One(r.Ctx, func(e *list.Encoder) { directoryTable(kind).Row(e, row) })
		}
	}
	return problem.NotFound(kind, id)
}

func directoryTable(kind string) *list.Table[*entityRow] {
	t := &list.Table[*entityRow]{ID: func(r *entityRow) string { return r.id }, Columns: []list.Column[*entityRow]{
		{Name: "id", Write: func(e *list.Encoder, r *entityRow) { e.String(r.id) }, Sort: func(r *entityRow) list.Key { return list.Text(r.id) }},
		{Name: "number", Write: func(e *list.Encoder, r *entityRow) {
			if n, ok := r.v.NumberOf(r.kind, r.id); ok {
				e.Int(int64(n))
			} else {
				e.Null()
			}
		}, Sort: func(r *entityRow) list.Key {
			if n, ok := r.v.NumberOf(r.kind, r.id); ok {
				return list.Number(float64(n))
			}
			return list.Null()
		}},
	}}
	for _, name := range directoryFields[kind] {
		t.Columns = append(t.Columns, list.Column[*entityRow]{Name: name,
			Write: func(e *list.Encoder, r *entityRow) {
				if v := r.field(name); v != nil {
					e.Raw(v.MarshalTo(nil))
				} else {
					e.Null()
				}
			},
			Sort: func(r *entityRow) list.Key { return jsonKey(r.field(name)) }})
	}
	return t
}

// jsonKey sorts by texts, numbers and booleans; other values count as null.
func jsonKey(v *fastjson.Value) list.Key {
	if v == nil {
		return list.Null()
	}
	switch v.Type() {
	case fastjson.TypeString:
		return list.Text(string(v.GetStringBytes()))
	case fastjson.TypeNumber:
		return list.Number(v.GetFloat64())
	case fastjson.TypeTrue, fastjson.TypeFalse:
		return list.Bool(v.GetBool())
	}
	return list.Null()
}
