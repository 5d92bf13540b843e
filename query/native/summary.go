package native

import (
	"slices"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

// summaryRow counts the heads of one group.
type summaryRow struct {
	group   string // the id; empty for agents who belong to none, and for the total
	name    string
	heads   floor.Heads
	staffed int // logged in and assigned to a queue or campaign
	total   int
}

// summaryGroups says how an agent's groups are found and named.
var summaryGroups = map[string]struct {
	kind string
	of   func(*floor.Place) []string
}{
	"team": {directory.KindTeam, func(p *floor.Place) []string {
		if p.Team == nil {
			return nil
		}
		return []string{p.Team.ID}
	}},
	"group": {directory.KindGroup, func(p *floor.Place) []string { return p.GroupIDs }},
	"business_unit": {directory.KindBusinessUnit, func(p *floor.Place) []string {
		if p.BusinessUnitID == "" {
			return nil
		}
		return []string{p.BusinessUnitID}
	}},
	"queue":    {directory.KindQueue, func(p *floor.Place) []string { return p.QueueIDs }},
	"campaign": {directory.KindCampaign, func(p *floor.Place) []string { return p.CampaignIDs }},
	"skill":    {directory.KindSkill, func(p *floor.Place) []string { return p.Skills }},
}

func summaryGroupNames() []string { return floor.Merge(nil, summaryGroups) }

func summaryGrouping() route.Parameter {
	return route.InQuery("group_by", "what to count by; in total without it", route.OneOf(summaryGroupNames()...))
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
	return list.Answer(r.Ctx, t, summaryRows(v, f, groupBy), p, m)
}

func summaryRows(v *floor.View, f *agentFilter, groupBy string) []summaryRow {
	group := summaryGroups[groupBy]
	rows := map[string]*summaryRow{}
	if groupBy == "" {
		rows[""] = &summaryRow{}
	}
	for _, counted := range v.Count(f.selection()) {
		ids := []string{""}
		if group.of != nil {
			if own := group.of(counted.Place); len(own) > 0 {
				ids = own
			}
		}
		for _, id := range ids {
			row := rows[id]
			if row == nil {
				row = &summaryRow{group: id}
				if id != "" {
					row.name = v.Directory.Name(group.kind, id)
				}
				rows[id] = row
			}
			row.add(&counted)
		}
	}
	out := make([]summaryRow, 0, len(rows))
	for _, id := range floor.Merge(nil, rows) {
		out = append(out, *rows[id])
	}
	return slices.Clip(out)
}

func (s *summaryRow) add(counted *floor.Staffing) {
	s.total += counted.Total
	s.heads.Sum(&counted.Heads)
	if len(counted.Place.QueueIDs)+len(counted.Place.CampaignIDs) > 0 {
		s.staffed += counted.LoggedIn
	}
}

func summaryTable(groupBy string) *list.Table[summaryRow] {
	return &list.Table[summaryRow]{
		ID: func(r summaryRow) string { return r.group },
		Columns: []list.Column[summaryRow]{
			{Name: "group", Type: route.Map(nullText()), Write: func(e *list.Encoder, r summaryRow) {
				e.Object()
				if groupBy != "" {
					e.Name(groupBy)
					e.Text(r.group)
				}
				e.End()
			}, Sort: func(r summaryRow) list.Key { return list.Text(r.group) }},
			{Name: "name", Type: nullText(), Write: func(e *list.Encoder, r summaryRow) { e.Text(r.name) },
				Sort: func(r summaryRow) list.Key { return list.Text(r.name) }},
			{Name: "total", Type: route.Int(), Write: func(e *list.Encoder, r summaryRow) { e.Int(int64(r.total)) },
				Sort: func(r summaryRow) list.Key { return list.Number(float64(r.total)) }},
			{Name: "agents", Type: headsSchema(true), Write: func(e *list.Encoder, r summaryRow) { writeHeads(e, r.heads, r.staffed, true) },
				Sort: func(r summaryRow) list.Key { return list.Number(float64(r.heads.LoggedIn)) }},
		},
	}
}
