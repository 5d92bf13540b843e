package native

import (
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// mask is what the caller is not to see of customers, nil where that is nothing.
func (r *request) mask(a *API) *mask.Mask { return a.Masks[r.principal.Role] }

// unhidden refuses to filter and to sort by what is hidden: whoever may ask which interactions are a number's, or which number comes first,
// need not see it.
func unhidden(m *mask.Mask, q *list.Query, sort []list.SortKey) error {
	for _, of := range [][2]string{{"customer", mask.ID}, {"customer_phone", mask.Phone}} {
		if q.Has(of[0]) && m.Hides(of[1]) {
			return hiddenParameter(of[0], "nothing can be filtered by customers' "+of[1]+"s, which are hidden from this role")
		}
	}
	for _, k := range sort {
		if (k.Field == "screen_pop_url" || k.Field == "gruu") && m.Hides(mask.Links) {
			return hiddenParameter("sort", "nothing can be sorted by "+k.Field+", which is hidden from this role")
		}
	}
	return nil
}

func hiddenParameter(name, why string) error {
	p := problem.Forbidden(why)
	p.Parameter = name
	return p
}

// shown is an interaction as a list shows it.
func shown(m *mask.Mask, i *floor.Interaction) *floor.Interaction {
	if m == nil {
		return i
	}
	out := *i
	out.LiveInteraction = m.Row(i.LiveInteraction)
	return &out
}

// shownWhole is an interaction as it is shown whole.
func shownWhole(m *mask.Mask, row interactionRow) interactionRow {
	if m == nil {
		return row
	}
	out := *row.Interaction
	out.LiveInteraction = m.Interaction(row.LiveInteraction)
	return interactionRow{&out, row.v}
}

// answer sends a live list. Only what is sent is masked: most rows are not.
func (a *API) answer(r *request, rows *list.Collector[interactionRow], p list.Page, md list.Metadata, m *mask.Mask) error {
	switch {
	case m == nil:
		return rows.Answer(r.Ctx, md)
	case p.Format != list.JSON:
		return list.Stream(r.Ctx, a.interactions, &maskedRows{list.Rows(rows.All()), m}, p, md)
	}
	page, total := rows.Page()
	for n := range page {
		page[n].Interaction = shown(m, page[n].Interaction)
	}
	return list.AnswerPage(r.Ctx, a.interactions, page, total, p, md)
}

// maskedRows are masked as they are sent.
type maskedRows struct {
	list.Source[interactionRow]
	mask *mask.Mask
}

func (s *maskedRows) Next() (interactionRow, error) {
	row, err := s.Source.Next()
	if err == nil {
		row.Interaction = shown(s.mask, row.Interaction)
	}
	return row, err
}

// auditExport notes who takes customers out by a list.
func auditExport(r *request, action string, p list.Page, m *mask.Mask) {
	if p.Format == list.JSON {
		return
	}
	call := route.CallOf(r.Ctx)
	call.Audit, call.AuditDetail = action, string(p.Format)
	if m != nil {
		call.AuditDetail += ", " + m.Key()
	}
}
