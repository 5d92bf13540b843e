package native

import (
	"context"
	"maps"
	"slices"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// Alerts are the open alerts; *alert.Alerts has them.
type Alerts interface {
	Active(contactCenter string) (rows []schema.Alert, version uint64)
}

const (
	// maxAlerts is how many alerts of the past one answer looks at.
	maxAlerts = 100_000
	// alertsBack is how far history reaches where from is not given.
	alertsBack = int64(7 * 24 * 3_600_000)
)

func alertFilters() []route.Parameter {
	return []route.Parameter{
		route.InQuery("state", "active: triggered and not cleared, from memory; history: all that were triggered from from to to, from history",
			route.OneOf("active", "history").Default("active")),
		texts("id", "only these alerts"), texts("rule", "only alerts of these rules"), texts("severity", "only these severities"),
		texts("metric", "only alerts on these metrics"),
		ids("queue", "only alerts whose scope names one of these queues"), ids("agent", "likewise agents"), ids("campaign", "likewise campaigns"),
		words("channel", "likewise channels", schema.ChannelNames()), words("direction", "likewise directions", schema.DirectionNames()),
		ids("team", "likewise teams"), ids("group", "likewise groups"), ids("business_unit", "likewise business units"),
		moment("from", "alerts that were triggered from here on; of history 7 days back without it"),
		moment("to", "alerts that were triggered before"),
	}
}

func (a *API) alertOperations() []route.Operation {
	t := a.alertTable
	return []route.Operation{a.get("/alerts", "listAlerts", "Alerts, open ones or those of the past",
		t.Response("Alert", "in order of their triggering, or as sort says", route.May("from", route.DateTime()), route.May("to", route.DateTime())),
		a.listAlerts, t.Unpinned(alertFilters()...)...)}
}

// alertFilter is what /alerts selects by; nil sets select everything.
type alertFilter struct {
	id, rule, severity, metric map[string]bool
	scope                      map[string]map[string]bool
	hasFrom, hasTo             bool
	from, to                   int64 // of the triggering
}

func readAlertFilter(q *list.Query, v *floor.View) *alertFilter {
	f := &alertFilter{id: q.Set("id"), rule: q.Set("rule"), severity: q.Set("severity"), metric: q.Set("metric"), scope: map[string]map[string]bool{}}
	for d := metric.DimAgent; d <= metric.DimBusinessUnit; d++ {
		wanted := q.Set(d.String())
		if d != metric.DimChannel && d != metric.DimDirection {
			wanted = v.IDs(d.String(), wanted)
		}
		if wanted != nil {
			f.scope[d.String()] = wanted
		}
	}
	return f
}

func (f *alertFilter) match(a *schema.Alert) bool {
	switch {
	case f.id != nil && !f.id[a.ID],
		f.rule != nil && !f.rule[a.Rule.ID],
		f.severity != nil && !f.severity[a.Rule.Severity],
		f.metric != nil && !f.metric[a.Rule.Metric],
		f.hasFrom && a.Triggered < f.from,
		f.hasTo && a.Triggered >= f.to:
		return false
	}
	for name, wanted := range f.scope {
		if !list.Any(wanted, a.Rule.Scope[name]) {
			return false
		}
	}
	return true
}

func (a *API) listAlerts(r *request) error {
	p := list.ReadPage(r.q, r.Get(fiber.HeaderAccept))
	f := readAlertFilter(r.q, a.Source.View(r.contactCenter))
	past := r.q.Choice("state", "active", []string{"active", "history"}) == "history"
	now := a.Now().UnixMilli()
	f.from, f.hasFrom = r.q.Time("from", now)
	f.to, f.hasTo = r.q.Time("to", now)
	if err := r.q.Err(); err != nil {
		return err
	}
	if err := a.alertTable.Check(p); err != nil {
		return err
	}
	if !past {
		return a.listActiveAlerts(r, f, p, now)
	}
	if !f.hasTo {
		f.to = max(now, f.from) + 1
	}
	if !f.hasFrom {
		f.from = f.to - alertsBack
	}
	return a.listPastAlerts(r, f, p)
}

func (a *API) listActiveAlerts(r *request, f *alertFilter, p list.Page, now int64) error {
	if a.Alerts == nil {
		return problem.Unavailable("alerts_unavailable", "this server keeps no alerts", 0)
	}
	all, _ := a.Alerts.Active(r.contactCenter)
	rows := slices.DeleteFunc(all, func(t schema.Alert) bool { return !f.match(&t) })
	return list.Answer(r.Ctx, a.alertTable, rows, p, list.Metadata{AsOf: now, Tag: a.Now().String()})
}

func (a *API) listPastAlerts(r *request, f *alertFilter, p list.Page) error {
	if a.History == nil {
		return noHistory()
	}
	if err := a.Limits.checkRange(f.from, f.to); err != nil {
		return err
	}
	set := func(s map[string]bool) []string { return slices.Sorted(maps.Keys(s)) }
	q := history.AlertFilter{ContactCenter: r.contactCenter, From: f.from, To: f.to, IDs: set(f.id), Rules: set(f.rule), Metrics: set(f.metric),
		Severities: set(f.severity), Scope: map[string][]string{}}
	for name, wanted := range f.scope {
		q.Scope[name] = set(wanted)
	}
	ctx, cancel := context.WithTimeout(r.UserContext(), a.Limits.Timeout)
	defer cancel()
	rows, err := a.History.Alerts(ctx, q, maxAlerts)
	if err != nil {
		return historyProblem(err)
	}
	return list.Answer(r.Ctx, a.alertTable, rows, p, list.Metadata{AsOf: a.Now().UnixMilli(), Tag: a.Now().String(), Write: func(e *list.Encoder) {
		e.Name("from")
		e.Time(f.from)
		e.Name("to")
		e.Time(f.to)
	}})
}
