package native

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// metricParameters of the query string, and of the body of POST.
func metricParameters() []route.Parameter {
	return append(list.PageParameters(
		texts("metrics", "keys of the catalogue; all that fit the grouping without it"),
		words("group_by", "one row for each combination of these", metric.DimensionNames()).Unique(),
		ids("queue", "only these queues"), ids("agent", "only these agents"), ids("campaign", "only these campaigns"),
		words("channel", "only these channels", schema.ChannelNames()), words("direction", "only these directions", schema.DirectionNames()),
		ids("team", "only these teams"), ids("group", "only these groups"), ids("business_unit", "only these business units"),
		route.InQuery("window", "a live window; today where neither window nor from and to are given", route.OneOf(floor.WindowNames()...)),
		moment("from", "the beginning of a range of history, a whole minute"), moment("to", "its end, a whole minute; not in the range"),
		route.InQuery("interval", "one row for each of these, beginning at round local times", route.OneOf(history.IntervalNames()...).Default("total")),
		route.InQuery("time_zone", "an IANA name; the contact centre's without it", route.String()),
		moment("as_of", "count what is open up to this moment"),
		route.InQuery("service_level_seconds", "the threshold; each queue's own without it", route.Integer(1, schema.MaxThresholdSeconds)),
		route.InQuery("service_level_formula", "the contact centre's without it", route.OneOf(metric.FormulaNames()...)),
		flag("fill", "rows with nothing too"),
	), texts("sort", "metric, dimension or from, each with :asc or :desc"), texts("fields", "only these fields of each row"))
}

func (a *API) metricOperations() []route.Operation {
	row := route.Object(route.May("group", route.Map(nullText())), route.May("interval", route.Object(route.F("from", route.DateTime()), route.F("to", route.DateTime()))),
		route.May("values", valuesSchema()))
	answer := list.Of(row.Named("MetricRow"), "one row per group and interval", route.F("from", route.DateTime()), route.F("to", route.DateTime()),
		route.F("interval", route.String()), route.F("time_zone", route.String()), route.F("complete_until", nullTime()), route.May("window", route.String()))
	catalogue := catalogueTable()
	return []route.Operation{
		a.get("/metrics", "getMetrics", "Metrics, live or of history", answer, a.metrics, metricParameters()...),
		a.operation(auth.Read, route.Operation{Method: fiber.MethodPost, Path: "/metrics", ID: "postMetrics", Summary: "Metrics, asked for in a body",
			Bodies: []route.Body{route.JSONParameters(metricParameters()...)}, Responses: []route.Response{answer}}, a.metrics),
		a.complete(route.Operation{Method: fiber.MethodGet, Path: v1 + "/metrics/catalogue", ID: "listMetricCatalogue", Summary: "Every metric that there is",
			Admit: a.anyone, Parameters: catalogue.Unpinned(), Responses: []route.Response{catalogue.Response("Metric", "metrics in the catalogue's order")}}, a.listCatalogue),
	}
}

// metricsQuery is one metrics query as it was asked, ids resolved.
type metricsQuery struct {
	keys       []string
	by         []metric.Dimension
	filters    map[metric.Dimension]map[string]bool
	window     string // empty for history
	from, to   int64
	interval   history.Interval
	zone       *time.Location
	asOf       int64
	hasAsOf    bool
	seconds    int // 0: the queue's own
	formula    metric.Formula
	fill       bool
	ofQueues   metric.Dimensions
	thresholds metric.Thresholds
}

// metricsRow is a line of the answer, live or of the past.
type metricsRow struct {
	group    []string
	from, to int64
	values
}

// values are a row's; a *floor.Row's or a row's of history.
type values interface {
	Value(metric.Field) any
	Number(metric.Field) (float64, bool)
}

// metricsAnswer is what both sources give.
type metricsAnswer struct {
	fields              []metric.Field
	rows                []metricsRow
	from, to            int64
	asOf, completeUntil int64
}

func (a *API) metrics(r *request) error {
	p := list.ReadPage(r.q, r.Get(fiber.HeaderAccept))
	v := a.Source.View(r.contactCenter)
	q := a.readMetrics(r.q, v)
	if err := r.q.Err(); err != nil {
		return err
	}
	if q.window == "" {
		if err := errors.Join(a.Limits.checkRange(q.from, q.to), a.Limits.checkIntervals(q)); err != nil {
			return err
		}
	}
	answer, err := a.answerMetrics(r.UserContext(), v, q)
	if err != nil {
		return historyProblem(err)
	}
	if err := a.Limits.checkRows(answer.rows); err != nil {
		return err
	}
	t := metricsTable(q, answer.fields, answer.asOf, p.Format == list.CSV)
	if err := t.Check(p); err != nil {
		return err
	}
	return list.Answer(r.Ctx, t, answer.rows, p, list.Metadata{AsOf: answer.asOf, Tag: a.Now().String(), Write: func(e *list.Encoder) {
		e.Name("from")
		e.Time(answer.from)
		e.Name("to")
		e.Time(answer.to)
		e.Name("interval")
		e.String(q.interval.String())
		e.Name("time_zone")
		e.String(q.zone.String())
		e.Name("complete_until")
		e.Time(answer.completeUntil)
		if q.window != "" {
			e.Name("window")
			e.String(q.window)
		}
	}})
}

func (a *API) readMetrics(q *list.Query, v *floor.View) *metricsQuery {
	now := a.Now().UnixMilli()
	m := &metricsQuery{filters: map[metric.Dimension]map[string]bool{}, zone: v.Directory.Location}
	m.keys, _ = q.Strings("metrics")
	m.readGroups(q, v)
	m.readRange(q, now)
	m.asOf, m.hasAsOf = q.Time("as_of", now)
	m.seconds = q.Int("service_level_seconds", 0, 1, schema.MaxThresholdSeconds)
	m.formula = v.Formula()
	if s := q.Choice("service_level_formula", "", metric.FormulaNames()); s != "" {
		m.formula, _ = metric.ParseFormula(s)
	}
	m.fill, _ = q.Bool("fill")
	m.thresholds = v.Thresholds(m.seconds)
	return m
}

func (m *metricsQuery) readGroups(q *list.Query, v *floor.View) {
	groups, _ := q.Strings("group_by")
	for _, s := range groups {
		if d, ok := metric.ParseDimension(s); ok {
			m.by = append(m.by, d)
		}
	}
	for d := metric.DimAgent; d <= metric.DimBusinessUnit; d++ {
		var wanted map[string]bool
		switch d {
		case metric.DimChannel, metric.DimDirection:
			wanted = q.Set(d.String())
		default:
			wanted = v.IDs(d.String(), q.Set(d.String()))
		}
		if wanted != nil {
			m.filters[d] = wanted
		}
	}
}

func (m *metricsQuery) readRange(q *list.Query, now int64) {
	past := q.Has("from") || q.Has("to")
	if !past {
		m.window = q.Choice("window", "today", floor.WindowNames())
		for _, name := range []string{"interval", "time_zone"} {
			if q.Has(name) && q.One(name) != "total" {
				q.Fail(problem.Parameter(name, name+" goes with from and to"))
			}
		}
		return
	}
	if q.Has("window") {
		q.Fail(problem.Parameter("window", "window is live, from and to are of the past: only one of the two"))
	}
	var hasFrom, hasTo bool
	m.from, hasFrom = q.Time("from", now)
	m.to, hasTo = q.Time("to", now)
	if !hasFrom || !hasTo {
		missing := "from"
		if hasFrom {
			missing = "to"
		}
		q.Fail(problem.Parameter(missing, "from and to go together"))
		return
	}
	// A moment counted from now is a whole minute only by chance.
	m.from, m.to = wholeIfRelative(q, "from", m.from), wholeIfRelative(q, "to", m.to)
	interval, _ := history.ParseInterval(q.Choice("interval", "total", history.IntervalNames()))
	m.interval = interval
	if name := q.One("time_zone"); name != "" {
		zone, err := time.LoadLocation(name)
		if err != nil || strings.EqualFold(name, "local") {
			q.Fail(problem.BadValue("time_zone", name, "a name of the IANA time zone database, such as Asia/Jerusalem"))
			return
		}
		m.zone = zone
	}
}

func wholeIfRelative(q *list.Query, name string, ms int64) int64 {
	if strings.HasPrefix(q.One(name), "now") {
		return ms - ms%60_000
	}
	return ms
}

func (a *API) answerMetrics(ctx context.Context, v *floor.View, q *metricsQuery) (metricsAnswer, error) {
	answer := a.liveMetrics
	if q.window == "" {
		answer = a.pastMetrics
	}
	out, err := answer(ctx, v, q)
	var key *metric.KeyError
	if !errors.As(err, &key) || !q.hasUnits() {
		return out, err
	}
	// Teams, groups and business units stand for their agents; where the metrics are figures of queues, for their queues.
	q.ofQueues = unitsOfQueues()
	again, errOfQueues := answer(ctx, v, q)
	if errOfQueues != nil {
		return out, err
	}
	return again, nil
}

func unitsOfQueues() metric.Dimensions {
	return metric.Set(metric.DimTeam, metric.DimGroup, metric.DimBusinessUnit)
}

// checkLive finds out what answerMetrics would refuse, without counting anything.
func (a *API) checkLive(q *metricsQuery) error {
	_, err := a.liveFields(q)
	var key *metric.KeyError
	if errors.As(err, &key) && q.hasUnits() {
		of := *q
		of.ofQueues = unitsOfQueues()
		if _, errOfQueues := a.liveFields(&of); errOfQueues == nil {
			return nil
		}
	}
	return err
}

func (a *API) liveFields(q *metricsQuery) ([]metric.Field, error) {
	g := metric.Grouping{By: metric.Set(q.by...), OfQueues: q.ofQueues}
	for d := range q.filters {
		g.Filters |= metric.Set(d)
	}
	return a.Catalogue.Resolve(q.keys, g, true)
}

func (q *metricsQuery) hasUnits() bool {
	for d := range q.filters {
		if d.Unit() {
			return true
		}
	}
	for _, d := range q.by {
		if d.Unit() {
			return true
		}
	}
	return false
}

func (a *API) liveMetrics(_ context.Context, v *floor.View, q *metricsQuery) (metricsAnswer, error) {
	fields, err := a.liveFields(q)
	if err != nil {
		return metricsAnswer{}, err
	}
	figures := a.Source.Figures(v, q.window)
	if figures == nil {
		return metricsAnswer{}, problem.Unavailable("window_not_available",
			"the live figures of "+q.window+" are not known yet: the live view is still being built or history cannot be reached", 5)
	}
	asOf := figures.AsOf
	if q.hasAsOf && q.asOf < asOf {
		asOf = q.asOf
	}
	rows, err := v.Rows(floor.Query{By: q.by, Filters: q.filters, Fields: fields, Formula: q.formula, Seconds: q.seconds, AsOf: asOf, Fill: q.fill},
		figures, a.Source.Figures(v, "1h"))
	if err != nil {
		return metricsAnswer{}, problem.Parameter("fill", err.Error())
	}
	out := metricsAnswer{fields: fields, from: figures.From, to: figures.To, asOf: asOf, completeUntil: figures.CompleteUntil}
	out.rows = make([]metricsRow, len(rows))
	for i, row := range rows {
		out.rows[i] = metricsRow{row.Group, figures.From, figures.To, row}
	}
	out.rows = q.withSomething(fields, out.rows)
	return out, nil
}

func (a *API) pastMetrics(ctx context.Context, v *floor.View, q *metricsQuery) (metricsAnswer, error) {
	if a.History == nil {
		return metricsAnswer{}, noHistory()
	}
	h := history.Query{ContactCenter: v.ContactCenter, From: q.from, To: q.to, Interval: q.interval, Location: q.zone, GroupBy: q.by,
		Filters: map[metric.Dimension][]string{}, Units: map[metric.Dimension]history.Membership{}, Metrics: q.keys, AsOf: q.asOf,
		Thresholds: q.thresholds, Formula: q.formula, Fill: q.fill || len(q.by) == 0 && q.interval == history.Total, Known: map[metric.Dimension][]string{}}
	for d, wanted := range q.filters {
		h.Filters[d] = floor.Merge(nil, wanted)
	}
	for d := metric.DimTeam; d <= metric.DimBusinessUnit; d++ {
		if q.mentions(d) {
			h.Units[d] = history.Membership{OfQueues: q.ofQueues.Has(d), Members: v.Members(d, q.ofQueues.Has(d))}
		}
	}
	if q.fill {
		for _, d := range q.by {
			h.Known[d] = v.Values(d)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, a.Limits.Timeout)
	defer cancel()
	result, err := a.History.Metrics(ctx, h)
	if err != nil {
		return metricsAnswer{}, err
	}
	out := metricsAnswer{fields: result.Fields, from: q.from, to: q.to, asOf: a.asOf(result.AsOf), completeUntil: result.CompleteUntil}
	for i := range result.Rows {
		row := &result.Rows[i]
		out.rows = append(out.rows, metricsRow{row.Group, row.From, row.To, row})
	}
	out.rows = q.withSomething(result.Fields, out.rows)
	return out, nil
}

// withSomething leaves out rows in which all that was asked for is 0 or null, unless the caller wants them. The single row of a
// query without groups and intervals always stands.
func (q *metricsQuery) withSomething(fields []metric.Field, rows []metricsRow) []metricsRow {
	if q.fill || len(q.by) == 0 && (q.window != "" || q.interval == history.Total) {
		return rows
	}
	return slices.DeleteFunc(rows, func(r metricsRow) bool {
		return !slices.ContainsFunc(fields, func(f metric.Field) bool {
			n, ok := r.Number(f)
			quotient := f.Metric.Kind == metric.KindRatio || f.Metric.Kind == metric.KindServiceLevel || // null over nothing
				f.Metric.Kind == metric.KindDuration && f.NullOverNothing()
			return ok && (n != 0 || quotient)
		})
	})
}

func (q *metricsQuery) mentions(d metric.Dimension) bool {
	if q.filters[d] != nil {
		return true
	}
	for _, by := range q.by {
		if by == d {
			return true
		}
	}
	return false
}

// metricsTable shows a row as group, interval and values; in CSV with one column for each of their parts.
func metricsTable(q *metricsQuery, fields []metric.Field, asOf int64, flat bool) *list.Table[metricsRow] {
	t := &list.Table[metricsRow]{Order: map[string]func(metricsRow) list.Key{},
		ID: func(r metricsRow) string { return strings.Join(r.group, "\x00") }}
	for i, d := range q.by {
		t.Order[d.String()] = func(r metricsRow) list.Key { return list.Text(r.group[i]) }
	}
	for i := range fields {
		f := fields[i]
		if _, taken := t.Order[f.Key]; taken {
			continue
		}
		t.Order[f.Key] = func(r metricsRow) list.Key {
			n, ok := r.Number(f)
			if !ok {
				return list.Null()
			}
			return list.Number(n)
		}
	}
	t.Order["from"] = func(r metricsRow) list.Key { return list.Number(float64(r.from)) }
	if flat {
		t.Columns = flatColumns(q, fields)
		return t
	}
	names := make([]list.Quoted, len(fields))
	for i := range fields {
		names[i] = list.Quote(fields[i].Key)
	}
	t.Columns = []list.Column[metricsRow]{
		{Name: "group", Write: func(e *list.Encoder, r metricsRow) {
			e.Object()
			for i, d := range q.by {
				e.Name(d.String())
				e.Text(r.group[i])
			}
			e.End()
		}},
		{Name: "interval", Write: func(e *list.Encoder, r metricsRow) {
			e.Object()
			e.Name("from")
			e.Time(r.from)
			e.Name("to")
			e.Time(r.to)
			e.End()
		}},
		{Name: "values", Write: func(e *list.Encoder, r metricsRow) {
			var texts [][]byte
			if live, ok := r.values.(*floor.Row); ok {
				texts = live.Texts(fieldText)
			}
			e.Object()
			for i := range fields {
				if texts != nil && texts[i] != nil {
					if len(texts[i]) > 0 { // else it is in the one before
						e.JSON(texts[i])
					}
					continue
				}
				e.Quoted(names[i])
				value := r.Value(fields[i])
				if ms, ok := r.Number(fields[i]); ok && fields[i].Key == "longest_wait_ms" {
					var age list.Encoder
					writeValue(&age, value)
					e.Aging(age.B, uint64(asOf-int64(ms)))
					continue
				}
				writeValue(e, value)
			}
			e.End()
		}},
	}
	return t
}

// fieldText is a field of an object, with its name.
func fieldText(f metric.Field, value any) []byte {
	var e list.Encoder
	e.Name(f.Key)
	writeValue(&e, value)
	return e.B
}

func flatColumns(q *metricsQuery, fields []metric.Field) []list.Column[metricsRow] {
	var columns []list.Column[metricsRow]
	for i, d := range q.by {
		columns = append(columns, list.Column[metricsRow]{Name: d.String(), Write: func(e *list.Encoder, r metricsRow) { e.Text(r.group[i]) }})
	}
	columns = append(columns,
		list.Column[metricsRow]{Name: "from", Write: func(e *list.Encoder, r metricsRow) { e.Time(r.from) }},
		list.Column[metricsRow]{Name: "to", Write: func(e *list.Encoder, r metricsRow) { e.Time(r.to) }})
	for i := range fields {
		f := fields[i]
		columns = append(columns, list.Column[metricsRow]{Name: f.Key, Write: func(e *list.Encoder, r metricsRow) { writeValue(e, r.Value(f)) }})
	}
	return columns
}
