package native

import (
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/list"
	"floorwalker/query/route"
	"floorwalker/schema/metric"
)

// catalogue lists every metric.
func (a *API) listCatalogue(r *request) error {
	t := catalogueTable()
	p := list.ReadPage(r.q, r.Get(fiber.HeaderAccept))
	if err := r.q.Err(); err != nil {
		return err
	}
	if err := t.Check(p); err != nil {
		return err
	}
	rows := append([]metric.Metric(nil), a.Catalogue.All()...)
	if !r.q.Has("limit") {
		p.Limit = max(p.Limit, len(rows))
	}
	return list.Answer(r.Ctx, t, rows, p, list.Metadata{AsOf: a.Now().UnixMilli(), Tag: "catalogue"})
}

func catalogueTable() *list.Table[metric.Metric] {
	return &list.Table[metric.Metric]{ID: func(m metric.Metric) string { return m.Key }, Columns: []list.Column[metric.Metric]{
		{Name: "key", Type: route.String(), Write: func(e *list.Encoder, m metric.Metric) { e.String(m.Key) }, Sort: func(m metric.Metric) list.Key { return list.Text(m.Key) }},
		{Name: "unit", Type: route.String(), Write: func(e *list.Encoder, m metric.Metric) { e.String(string(m.Unit)) }, Sort: func(m metric.Metric) list.Key { return list.Text(string(m.Unit)) }},
		{Name: "kind", Type: route.String(), Write: func(e *list.Encoder, m metric.Metric) { e.String(string(m.Kind)) }, Sort: func(m metric.Metric) list.Key { return list.Text(string(m.Kind)) }},
		{Name: "live", Type: route.Boolean(), Write: func(e *list.Encoder, m metric.Metric) { e.Bool(m.Live) }, Sort: func(m metric.Metric) list.Key { return list.Bool(m.Live) }},
		{Name: "dimensions", Type: textList(), Write: func(e *list.Encoder, m metric.Metric) { e.Texts(m.Dimensions().Names()) }},
		{Name: "definition", Type: route.String(), Write: func(e *list.Encoder, m metric.Metric) { e.String(m.Definition) }},
		{Name: "formula", Type: nullText(), Write: func(e *list.Encoder, m metric.Metric) { e.Text(m.Formula) }},
		{Name: "inputs", Type: textList(), Write: func(e *list.Encoder, m metric.Metric) { e.Texts(m.Inputs) }},
	}}
}
