package native

import (
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/route"
)

// summaryRow counts the heads of one group.
type summaryRow struct {
	floor.Group
	v *floor.View
}

func summaryGrouping() route.Parameter {
	return route.InQuery("group_by", "what to count by; in total without it", route.OneOf(floor.GroupDimensions()...))
}

func (a *API) summary(r *request) error {
	groupBy := r.q.One("group_by")
	f := readAgentFilter(r.q)
	t := summaryTable(groupBy)
	p, v, m, err := page(a, r, t)
	if err != nil {
		return err
	}
	f.resolve(v)
	if f.hasLongerMs {
		m.TagMoment()
	}
	return list.Answer(r.Ctx, t, summaryRows(v, f, groupBy), p, m)
}

func summaryRows(v *floor.View, f *agentFilter, groupBy string) []summaryRow {
	groups := v.Groups(groupBy, f.selection())
	if groupBy == "" && len(groups) == 0 {
		groups = []floor.Group{{Staff: &floor.Staff{}}}
	}
	rows := make([]summaryRow, len(groups))
	for i, g := range groups {
		rows[i] = summaryRow{g, v}
	}
	return rows
}

// name is empty of agents who belong to none, and of the total.
func (r summaryRow) name(groupBy string) string {
	if r.ID == "" {
		return ""
	}
	return r.v.Directory.Name(groupBy, r.ID)
}

func summaryTable(groupBy string) *list.Table[summaryRow] {
	return &list.Table[summaryRow]{
		ID: func(r summaryRow) string { return r.ID },
		Columns: []list.Column[summaryRow]{
			{Name: "group", Type: route.Map(nullText()), Write: func(e *list.Encoder, r summaryRow) {
				e.Object()
				if groupBy != "" {
					e.Name(groupBy)
					e.Text(r.ID)
				}
				e.End()
			}, Sort: func(r summaryRow) list.Key { return list.Text(r.ID) }},
			{Name: "name", Type: nullText(), Write: func(e *list.Encoder, r summaryRow) { e.Text(r.name(groupBy)) },
				Sort: func(r summaryRow) list.Key { return list.Text(r.name(groupBy)) }},
			{Name: "total", Type: route.Int(), Write: func(e *list.Encoder, r summaryRow) { e.Int(int64(r.Total)) },
				Sort: func(r summaryRow) list.Key { return list.Number(float64(r.Total)) }},
			{Name: "agents", Type: headsSchema(true), Write: func(e *list.Encoder, r summaryRow) { writeHeads(e, r.Heads, r.Staffed, true) },
				Sort: func(r summaryRow) list.Key { return list.Number(float64(r.LoggedIn)) }},
		},
	}
}
