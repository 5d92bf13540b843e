package native

import (
	"strings"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// queueRow is a queue or a campaign in the state that it is shown in.
type queueRow struct {
	id       string
	queue    *directory.Queue    // of queues; nil where the directory does not know it
	campaign *directory.Campaign // of campaigns; likewise
	s        *queueState
}

// queueState is what the rows of one answer share.
type queueState struct {
	v          *floor.View
	campaigns  bool
	window     string
	figures    *floor.Figures // nil where the window is not known
	totals     map[string]*metric.Totals
	handles    map[string]*metric.Totals // of the last 60 minutes
	fields     []metric.Field
	thresholds metric.Thresholds
	formula    metric.Formula
}

// figuresOf gives a view's live windows, nil where they are not known.
func (a *API) figuresOf(v *floor.View) func(window string) *floor.Figures {
	return func(window string) *floor.Figures { return a.Source.Figures(v, window) }
}

func (a *API) queueState(v *floor.View, campaigns bool, window string, figures func(window string) *floor.Figures) *queueState {
	s := &queueState{v: v, campaigns: campaigns, window: window, fields: a.queueWindow, thresholds: v.Thresholds(0), formula: v.Formula()}
	if s.figures = figures(window); s.figures != nil {
		s.totals = s.figures.Once(totalsKey{campaigns, v.Directory}, func() any {
			if campaigns {
				return s.figures.ByCampaign(s.thresholds)
			}
			return s.figures.ByQueue(s.thresholds)
		}).(map[string]*metric.Totals)
	}
	if campaigns {
		s.fields = a.campWindow
		return s
	}
	if hour := figures("1h"); hour != nil {
		s.handles = hour.Handles()
	}
	return s
}

// totalsKey tells apart what was added up of the same figures; thresholds are the directory's.
type totalsKey struct {
	campaigns bool
	directory *directory.Directory
}

func (s *queueState) row(id string) queueRow {
	r := queueRow{id: id, s: s}
	if s.campaigns {
		r.campaign = s.v.Directory.Campaigns[id]
	} else {
		r.queue = s.v.Directory.Queues[id]
	}
	return r
}

func (s *queueState) kind() string {
	if s.campaigns {
		return directory.KindCampaign
	}
	return directory.KindQueue
}

// ids are all queues or campaigns, those that only windows name included.
func (s *queueState) ids() []string {
	ids := s.v.QueueIDs()
	if s.campaigns {
		ids = s.v.CampaignIDs()
	}
	return floor.Merge(ids, s.totals)
}

func windowOfMetrics() route.Parameter {
	return route.InQuery("window", "of the metrics", route.OneOf(floor.WindowNames()...).Default("today"))
}

func queueFilters() []route.Parameter {
	return []route.Parameter{ids("id", "only these queues"), texts("name", "only queues whose name holds one of these, in any case"),
		ids("team", "only queues that serve these teams"), ids("business_unit", "only queues of these business units"), windowOfMetrics()}
}

func campaignFilters() []route.Parameter {
	return []route.Parameter{ids("id", "only these campaigns"), texts("name", "only campaigns whose name holds one of these, in any case"),
		ids("queue", "only campaigns of these queues"), windowOfMetrics()}
}

func (a *API) queueOperations() []route.Operation {
	metadata := []route.Field{route.F("window", route.String()), route.May("from", route.DateTime()), route.May("to", route.DateTime())}
	q, c := a.queueTable, a.campTable
	return []route.Operation{
		a.get("/queues", "listQueues", "Queues as they are now", q.Response("Queue", "queues in order of id, or as sort says", metadata...), a.listQueues,
			q.Parameters(queueFilters()...)...),
		a.one("/queues/{id}", "getQueue", "One queue as it is now", q.Schema().Named("Queue"), a.oneQueue, windowOfMetrics()),
		a.get("/campaigns", "listCampaigns", "Campaigns as they are now", c.Response("Campaign", "campaigns in order of id, or as sort says", metadata...),
			a.listCampaigns, c.Parameters(campaignFilters()...)...),
		a.one("/campaigns/{id}", "getCampaign", "One campaign as it is now", c.Schema().Named("Campaign"), a.oneCampaign, windowOfMetrics()),
	}
}

func (a *API) listQueues(r *request) error    { return a.listStates(r, a.queueTable, false) }
func (a *API) listCampaigns(r *request) error { return a.listStates(r, a.campTable, true) }
func (a *API) oneQueue(r *request) error      { return a.oneState(r, a.queueTable, false) }
func (a *API) oneCampaign(r *request) error   { return a.oneState(r, a.campTable, true) }

func (a *API) listStates(r *request, t *list.Table[queueRow], campaigns bool) error {
	window := r.q.Choice("window", "today", floor.WindowNames())
	wanted := readQueueFilter(r.q)
	p, v, m, err := page(a, r, t)
	if err != nil {
		return err
	}
	s := a.queueState(v, campaigns, window, a.figuresOf(v))
	filter := wanted.resolve(s)
	var rows []queueRow
	for _, id := range s.ids() {
		if row := s.row(id); filter.match(row) {
			rows = append(rows, row)
		}
	}
	m.Write = s.writeMetadata
	return list.Answer(r.Ctx, t, rows, p, m)
}

// queueFilter is what /queues and /campaigns select by; nil sets select everything.
type queueFilter struct {
	id, team, businessUnit, queue map[string]bool
	names                         []string
}

func readQueueFilter(q *list.Query) *queueFilter {
	f := &queueFilter{id: q.Set("id"), team: q.Set("team"), businessUnit: q.Set("business_unit"), queue: q.Set("queue")}
	names, _ := q.Strings("name")
	for _, name := range names {
		f.names = append(f.names, strings.ToLower(name))
	}
	return f
}

// resolve turns numbers into ids.
func (f *queueFilter) resolve(s *queueState) *queueFilter {
	return &queueFilter{id: s.v.IDs(s.kind(), f.id), team: s.v.IDs(directory.KindTeam, f.team),
		businessUnit: s.v.IDs(directory.KindBusinessUnit, f.businessUnit), queue: s.v.IDs(directory.KindQueue, f.queue), names: f.names}
}

func (f *queueFilter) match(r queueRow) bool {
	d := r.s.v.Directory
	switch {
	case f.id != nil && !f.id[r.id],
		f.names != nil && !containsAny(d.Name(r.s.kind(), r.id), f.names),
		f.team != nil && !list.Any(f.team, d.TeamsOfQueue(r.id)),
		f.businessUnit != nil && (r.queue == nil || !f.businessUnit[r.queue.BusinessUnitID]),
		f.queue != nil && (r.campaign == nil || !list.Any(f.queue, r.campaign.QueueIDs)):
		return false
	}
	return true
}

func (s *queueState) writeMetadata(e *list.Encoder) {
	e.Name("window")
	e.String(s.window)
	if s.figures == nil {
		return
	}
	e.Name("from")
	e.Time(s.figures.From)
	e.Name("to")
	e.Time(s.figures.To)
}

func (a *API) oneState(r *request, t *list.Table[queueRow], campaigns bool) error {
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	window := r.q.Choice("window", "today", floor.WindowNames())
	v := a.Source.View(r.contactCenter)
	s := a.queueState(v, campaigns, window, a.figuresOf(v))
	for _, known := range s.ids() {
		if known == id {
			return list.One(r.Ctx, func(e *list.Encoder) { t.Row(e, s.row(id)) })
		}
	}
	for other := range v.IDs(s.kind(), map[string]bool{id: true}) {
		if other != id {
			return list.One(r.Ctx, func(e *list.Encoder) { t.Row(e, s.row(other)) })
		}
	}
	return problem.NotFound(s.kind(), id)
}

// queueTable is the queue, or the campaign, of the native API, field by field.
func queueTable(queues bool) *list.Table[queueRow] {
	columns := []list.Column[queueRow]{
		{Name: "id", Type: route.String(), Write: func(e *list.Encoder, r queueRow) { e.String(r.id) }, Sort: func(r queueRow) list.Key { return list.Text(r.id) }},
		{Name: "number", Type: nullInt(), Write: func(e *list.Encoder, r queueRow) {
			if n, ok := r.s.v.NumberOf(r.s.kind(), r.id); ok {
				e.Int(int64(n))
			} else {
				e.Null()
			}
		}, Sort: func(r queueRow) list.Key {
			if n, ok := r.s.v.NumberOf(r.s.kind(), r.id); ok {
				return list.Number(float64(n))
			}
			return list.Null()
		}},
		{Name: "name", Type: nullText(), Write: func(e *list.Encoder, r queueRow) { e.Text(r.s.v.Directory.Name(r.s.kind(), r.id)) },
			Sort: func(r queueRow) list.Key { return list.Text(r.s.v.Directory.Name(r.s.kind(), r.id)) }},
	}
	if queues {
		columns = append(columns,
			list.Column[queueRow]{Name: "business_unit_id", Type: nullText(), Write: func(e *list.Encoder, r queueRow) { e.Text(r.businessUnit()) },
				Sort: func(r queueRow) list.Key { return list.Text(r.businessUnit()) }},
			list.Column[queueRow]{Name: "team_ids", Type: textList(), Write: func(e *list.Encoder, r queueRow) { e.Texts(r.s.v.Directory.TeamsOfQueue(r.id)) }},
			list.Column[queueRow]{Name: "open", Type: route.Boolean(), Write: func(e *list.Encoder, r queueRow) { e.Bool(r.queue == nil || r.queue.Open) },
				Sort: func(r queueRow) list.Key { return list.Bool(r.queue == nil || r.queue.Open) }})
	} else {
		columns = append(columns,
			list.Column[queueRow]{Name: "active", Type: route.Boolean(), Write: func(e *list.Encoder, r queueRow) { e.Bool(r.campaign == nil || r.campaign.Active) },
				Sort: func(r queueRow) list.Key { return list.Bool(r.campaign == nil || r.campaign.Active) }},
			list.Column[queueRow]{Name: "queue_ids", Type: textList(), Write: func(e *list.Encoder, r queueRow) {
				if r.campaign == nil {
					e.Texts(nil)
				} else {
					e.Texts(r.campaign.QueueIDs)
				}
			}})
	}
	columns = append(columns,
		list.Column[queueRow]{Name: "waiting", Type: route.Int(), Write: func(e *list.Encoder, r queueRow) { e.Int(int64(r.waiting().Count)) },
			Sort: func(r queueRow) list.Key { return list.Number(float64(r.waiting().Count)) }},
		list.Column[queueRow]{Name: "longest_wait_ms", Type: nullInt(), Write: func(e *list.Encoder, r queueRow) {
			if w := r.waiting(); w.Count > 0 {
				e.Age(0, w.Oldest, r.s.v.AsOf)
			} else {
				e.Null()
			}
		}, Sort: func(r queueRow) list.Key {
			if w := r.waiting(); w.Count > 0 {
				return list.Number(float64(r.s.v.AsOf - w.Oldest))
			}
			return list.Null()
		}},
		list.Column[queueRow]{Name: "estimated_wait_ms", Type: nullInt(), Write: func(e *list.Encoder, r queueRow) {
			if ms, ok := r.estimatedWait(); ok {
				e.Int(ms)
			} else {
				e.Null()
			}
		}, Sort: func(r queueRow) list.Key {
			if ms, ok := r.estimatedWait(); ok {
				return list.Number(float64(ms))
			}
			return list.Null()
		}},
		list.Column[queueRow]{Name: "agents", Type: headsSchema(false), Write: func(e *list.Encoder, r queueRow) { writeHeads(e, r.staff().Heads, r.staff().LoggedIn, false) },
			Sort: func(r queueRow) list.Key { return list.Number(float64(r.staff().LoggedIn)) }},
		list.Column[queueRow]{Name: "metrics", Type: route.AnyOf(valuesSchema(), route.Null()), Write: writeQueueMetrics})
	return &list.Table[queueRow]{ID: func(r queueRow) string { return r.id }, Columns: columns}
}

func (r queueRow) businessUnit() string {
	if r.queue == nil {
		return ""
	}
	return r.queue.BusinessUnitID
}

func (r queueRow) waiting() floor.Waiting {
	if r.s.campaigns {
		return r.s.v.CampaignWaiting(r.id)
	}
	return r.s.v.QueueWaiting(r.id)
}

func (r queueRow) staff() floor.Staff {
	if r.s.campaigns {
		return r.s.v.CampaignStaff(r.id)
	}
	return r.s.v.QueueStaff(r.id)
}

// estimatedWait is defined of queues; of campaigns it is not known.
func (r queueRow) estimatedWait() (ms int64, ok bool) {
	if r.s.campaigns {
		return 0, false
	}
	var handles metric.Distribution
	if t := r.s.handles[r.id]; t != nil {
		handles = t.Measures[schema.MeasureHandle]
	}
	f, ok := r.s.v.EstimatedWait(r.id, handles)
	return int64(f), ok
}

func writeQueueMetrics(e *list.Encoder, r queueRow) {
	if r.s.figures == nil {
		e.Null()
		return
	}
	t := r.s.totals[r.id]
	if t == nil {
		t = &metric.Totals{Family: metric.FamilyQueue}
	}
	threshold := r.s.thresholds.Fallback()
	if !r.s.campaigns {
		threshold = r.s.thresholds.Of(r.id)
	}
	writeValues(e, r.s.fields, t, metric.Options{Formula: r.s.formula, Threshold: threshold})
}

// writeHeads appends head-counts by effective status; with loggedOut also those of whom no session is known.
func writeHeads(e *list.Encoder, h floor.Heads, staffed int, loggedOut bool) {
	e.Object()
	e.Name("logged_in")
	e.Int(int64(h.LoggedIn))
	e.Name("staffed")
	e.Int(int64(staffed))
	for s := schema.LoggedOut + 1; int(s) < schema.NumStatuses; s++ {
		e.Name(s.String())
		e.Int(int64(h.ByStatus[s]))
	}
	e.Name("suspended")
	e.Int(int64(h.Suspended))
	if loggedOut {
		e.Name("logged_out")
		e.Int(int64(h.LoggedOut))
	}
	e.End()
}
