package floor

import (
	"fmt"
	"slices"
	"strings"

	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// Thresholds are the queues' own, as the directory has them; pinned, where not 0, stands for all.
func (v *View) Thresholds(pinned int) metric.Thresholds {
	t := metric.Thresholds{Queues: make(map[string]metric.Threshold, len(v.Directory.Queues)), Pinned: pinned}
	for id, q := range v.Directory.Queues {
		t.Queues[id] = metric.Threshold{Seconds: q.ServiceLevelSeconds, ShortSeconds: q.ShortAbandonSeconds}
	}
	return t
}

// Formula is the contact centre's own service-level formula, else the standard one.
func (v *View) Formula() metric.Formula {
	f, _ := metric.ParseFormula(v.Directory.ContactCenter.ServiceLevel)
	return f
}

// AgentTotals adds up one agent's figures. ageless leaves out what grows by the mere passing of time.
func (f *Figures) AgentTotals(agent string, t metric.Thresholds, ageless bool) *metric.Totals {
	out := &metric.Totals{Family: metric.FamilyAgent}
	a := f.agents(nil).of(agent)
	if a == nil {
		return out
	}
	asOf := f.AsOf
	if ageless {
		asOf = f.From
	}
	for _, w := range a.windows {
		out.AddWindow(w, t.Of(w.Queue))
	}
	connected := metric.NewConnected(f.From, f.To, asOf)
	if a.day != nil {
		a.day.EachInterval(f.From, min(f.To, f.AsOf), func(iv *schema.Interval) { out.AddInterval(iv, f.From, f.To, asOf) })
		for _, t := range a.day.Talks {
			connected.Add(t.Since, t.Until)
		}
	}
	for _, p := range a.parts {
		connected.AddPart(p)
	}
	out.AddConnected(connected)
	return out
}

// totalsBy adds up queue windows by what key says of them.
func (f *Figures) totalsBy(key func(*schema.Window) string, t metric.Thresholds) map[string]*metric.Totals {
	out := map[string]*metric.Totals{}
	for _, w := range f.Windows {
		id := key(w)
		if w.Agent != "" || id == "" {
			continue
		}
		row := out[id]
		if row == nil {
			row = &metric.Totals{Family: metric.FamilyQueue}
			out[id] = row
		}
		row.AddWindow(w, t.Of(w.Queue))
	}
	return out
}

// ByQueue adds up the queue windows of each queue.
func (f *Figures) ByQueue(t metric.Thresholds) map[string]*metric.Totals {
	return f.totalsBy(func(w *schema.Window) string { return w.Queue }, t)
}

type handlesKey struct{}

// Handles are ByQueue for whom thresholds don't matter, such as estimated waits: worked out once, and not to be changed.
func (f *Figures) Handles() map[string]*metric.Totals {
	return f.Once(handlesKey{}, func() any { return f.ByQueue(metric.Thresholds{}) }).(map[string]*metric.Totals)
}

// ByCampaign adds up the queue windows of each campaign.
func (f *Figures) ByCampaign(t metric.Thresholds) map[string]*metric.Totals {
	return f.totalsBy(func(w *schema.Window) string { return w.Campaign }, t)
}

// Query asks for live metrics.
type Query struct {
	By         []metric.Dimension
	Filters    map[metric.Dimension]map[string]bool // ids
	Fields     []metric.Field
	Thresholds metric.Thresholds
	AsOf       int64 // what is open counts up to this moment
	Fill       bool  // also rows with nothing
}

// Row is one line of an answer: the group's ids in the order of Query.By, and totals by family.
type Row struct {
	Group         []string
	Queue, Agent  *metric.Totals
	connected     map[string]*metric.Connected // by agent
	queueGauges   metric.Gauges
	agentGauges   metric.Gauges
	workloadAgent int // how many agents' workload it is
}

// Totals are those that a field of the row takes its value from.
func (r *Row) Totals(f metric.Field) *metric.Totals {
	if f.Family == metric.FamilyAgent {
		return r.Agent
	}
	return r.Queue
}

// MaxRows bounds an answer's groups.
const MaxRows = 200_000

// Rows adds figures up into one row per group, in order of the groups. hour, which may be nil, holds the last 60 minutes for
// estimated waits. The error says that the answer would be too large.
func (v *View) Rows(q Query, f, hour *Figures) ([]*Row, error) {
	b := &builder{v: v, q: q, f: f, rows: map[string]*Row{}, ofQueue: map[string][3][]string{}}
	queue, agent := metric.NeedsOf(q.Fields, metric.FamilyQueue), metric.NeedsOf(q.Fields, metric.FamilyAgent)
	b.addWindows(queue.Windows(), agent.Windows())
	if agent.Intervals {
		b.addIntervals()
	}
	if agent.Parts {
		b.addParts()
	}
	if queue.Live || agent.Live {
		b.addGauges()
	}
	if len(q.By) == 0 {
		b.row(nil)
	}
	if q.Fill {
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
	return b.finish(queue.Live || agent.Live, hour), nil
}

type builder struct {
	v       *View
	q       Query
	f       *Figures
	rows    map[string]*Row
	places  map[string]*Agent
	ofQueue map[string][3][]string
	heads   bool // what is being counted are heads: those in no queue or campaign are in no row of one
}

func (b *builder) row(group []string) *Row {
	key := strings.Join(group, "\x00")
	r := b.rows[key]
	if r == nil {
		r = &Row{Group: slices.Clone(group), Queue: &metric.Totals{Family: metric.FamilyQueue}, Agent: &metric.Totals{Family: metric.FamilyAgent},
			queueGauges: metric.Gauges{OldestWaiting: schema.NoTime, WorkloadSince: schema.NoTime},
			agentGauges: metric.Gauges{OldestWaiting: schema.NoTime, WorkloadSince: schema.NoTime}}
		b.rows[key] = r
	}
	return r
}

// dims is what one counted thing says of each dimension; several values where it belongs to several.
type dims [metric.DimBusinessUnit + 1][]string

// each calls add for every row that the thing belongs to.
func (b *builder) each(d *dims, add func(*Row)) {
	for dim, wanted := range b.q.Filters {
		if !slices.ContainsFunc(d[dim], func(s string) bool { return wanted[s] }) {
			return
		}
	}
	group := make([]string, len(b.q.By))
	b.combine(d, group, 0, add)
}

func (b *builder) combine(d *dims, group []string, n int, add func(*Row)) {
	if n == len(b.q.By) {
		add(b.row(group))
		return
	}
	dim := b.q.By[n]
	wanted := b.q.Filters[dim]
	values := d[dim]
	if len(values) == 0 {
		if b.heads || dim.Unit() {
			return
		}
		values = []string{""}
	}
	for _, value := range values {
		if wanted != nil && !wanted[value] {
			continue
		}
		group[n] = value
		b.combine(d, group, n+1, add)
	}
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (b *builder) agentUnits(d *dims, id string) {
	if b.places == nil {
		b.places = make(map[string]*Agent, len(b.v.Agents()))
		for _, a := range b.v.Agents() {
			b.places[a.ID] = a
		}
	}
	if a := b.places[id]; a != nil {
		d.setUnits(a.Place)
	}
}

func (d *dims) setUnits(p *Place) {
	if p.Team != nil {
		d[metric.DimTeam] = one(p.Team.ID)
	}
	d[metric.DimGroup] = p.GroupIDs
	d[metric.DimBusinessUnit] = one(p.BusinessUnitID)
}

// queueUnits are the teams that serve the queue, their groups and business units, and the queue's own business unit.
func (b *builder) queueUnits(d *dims, id string) {
	units, ok := b.ofQueue[id]
	if !ok && id != "" {
		dir := b.v.Directory
		units[0] = dir.TeamsOfQueue(id)
		if q := dir.Queues[id]; q != nil {
			units[2] = one(q.BusinessUnitID)
		}
		for _, team := range units[0] {
			units[1] = union(units[1], dir.GroupsOfTeam(team))
			units[2] = union(units[2], one(dir.BusinessUnitOfTeam(team)))
		}
		b.ofQueue[id] = units
	}
	d[metric.DimTeam], d[metric.DimGroup], d[metric.DimBusinessUnit] = units[0], units[1], units[2]
}

func (b *builder) addWindows(queues, agents bool) {
	for _, w := range b.f.Windows {
		if w.Agent == "" && !queues || w.Agent != "" && !agents {
			continue
		}
		var d dims
		d[metric.DimQueue], d[metric.DimCampaign] = one(w.Queue), one(w.Campaign)
		d[metric.DimChannel], d[metric.DimDirection] = one(w.Channel.String()), one(w.Direction.String())
		if w.Agent == "" {
			b.queueUnits(&d, w.Queue)
			b.each(&d, func(r *Row) { r.Queue.AddWindow(w, b.q.Thresholds.Of(w.Queue)) })
			continue
		}
		d[metric.DimAgent] = one(w.Agent)
		b.agentUnits(&d, w.Agent)
		b.each(&d, func(r *Row) { r.Agent.AddWindow(w, b.q.Thresholds.Of(w.Queue)) })
	}
}

func (b *builder) addIntervals() {
	b.f.EachInterval(func(iv *schema.Interval) {
		var d dims
		d[metric.DimAgent] = one(iv.Agent)
		b.agentUnits(&d, iv.Agent)
		b.each(&d, func(r *Row) { r.Agent.AddInterval(iv, b.f.From, b.f.To, b.q.AsOf) })
	})
}

// addParts collects the connected time of each row agent by agent, of which concurrency is worked out.
func (b *builder) addParts() {
	add := func(p *schema.Part) {
		d := partDims(p)
		b.agentUnits(&d, p.Agent)
		b.each(&d, func(r *Row) {
			if r.connected == nil {
				r.connected = map[string]*metric.Connected{}
			}
			c := r.connected[p.Agent]
			if c == nil {
				c = metric.NewConnected(b.f.From, b.f.To, b.q.AsOf)
				r.connected[p.Agent] = c
			}
			c.AddPart(p)
		})
	}
	for _, p := range b.f.Parts {
		add(p)
	}
	b.f.eachTalk(add)
	for _, r := range b.rows {
		for _, c := range r.connected {
			r.Agent.AddConnected(c)
		}
	}
}

// eachTalk visits the talks that touch the range as the parts that they were of. visit must not keep the part.
func (f *Figures) eachTalk(visit func(*schema.Part)) {
	segments := []schema.Segment{{State: schema.StateConnected}}
	for _, d := range f.Days {
		for n := range d.Talks {
			t := &d.Talks[n]
			if t.Since >= f.To || t.Until <= f.From {
				continue
			}
			segments[0].Since, segments[0].Until = t.Since, t.Until
			visit(&schema.Part{Agent: d.Agent, Queue: t.Queue, Campaign: t.Campaign, Channel: t.Channel, Direction: t.Direction,
				Start: t.Since, Ended: t.Until, Segments: segments})
		}
	}
}

func partDims(p *schema.Part) dims {
	var d dims
	d[metric.DimAgent], d[metric.DimQueue], d[metric.DimCampaign] = one(p.Agent), one(p.Queue), one(p.Campaign)
	d[metric.DimChannel], d[metric.DimDirection] = one(p.Channel.String()), one(p.Direction.String())
	return d
}

func (b *builder) addGauges() {
	if !b.mentions(metric.DimChannel) && !b.mentions(metric.DimDirection) {
		b.heads = true
		b.addHeads()
		b.heads = false
	}
	b.v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		row := Interaction{LiveInteraction: i}
		if visit := row.Visit(); visit != nil {
			b.addWaiting(visit)
		}
		for n := range i.Parts {
			b.addActive(&i.Parts[n])
			b.addCurrentTalk(&i.Parts[n])
		}
		return true
	})
}

// addHeads counts agents in each row of their queues, campaigns and units. Grouped by an interaction's dimensions there are no
// head-counts, and workload has no queue.
func (b *builder) addHeads() {
	if !b.mentions(metric.DimAgent) {
		for _, s := range b.v.Count(Selection{}) {
			b.addStaff("", &s, schema.NoTime)
		}
		return
	}
	b.v.Select(Selection{}, func(a Picked) {
		s := Staffing{Place: a.Place}
		s.add(a.Live.Status, a.Live.Suspended, &[3]uint16{a.Live.Live, a.Live.SemiLive, a.Live.NonLive})
		b.addStaff(a.ID, &s, a.Live.WorkloadSince)
	})
}

// addStaff counts the agents of one place, or one agent, whose workload changed at since.
func (b *builder) addStaff(agent string, s *Staffing, since int64) {
	if s.LoggedIn == 0 {
		return
	}
	var d dims
	d[metric.DimAgent] = one(agent)
	d[metric.DimQueue], d[metric.DimCampaign] = s.Place.QueueIDs, s.Place.CampaignIDs
	d.setUnits(s.Place)
	assigned := len(s.Place.QueueIDs) > 0 || len(s.Place.CampaignIDs) > 0
	b.each(&d, func(r *Row) {
		for _, g := range []*metric.Gauges{&r.queueGauges, &r.agentGauges} {
			g.CountAgents(&s.ByStatus, s.Suspended, assigned)
		}
		r.agentGauges.WorkloadLive += s.Load[0]
		r.agentGauges.WorkloadSemiLive += s.Load[1]
		r.agentGauges.WorkloadNonLive += s.Load[2]
		r.workloadAgent += s.LoggedIn
		r.agentGauges.WorkloadSince = since
	})
}

func (b *builder) mentions(dim metric.Dimension) bool {
	return slices.Contains(b.q.By, dim) || b.q.Filters[dim] != nil
}

func (b *builder) addWaiting(visit *schema.Visit) {
	if b.mentions(metric.DimAgent) {
		return
	}
	var d dims
	d[metric.DimQueue], d[metric.DimCampaign] = one(visit.Queue), one(visit.Campaign)
	d[metric.DimChannel], d[metric.DimDirection] = one(visit.Channel.String()), one(visit.Direction.String())
	b.queueUnits(&d, visit.Queue)
	b.each(&d, func(r *Row) {
		g := &r.queueGauges
		g.Waiting++
		if g.OldestWaiting == schema.NoTime || visit.Start < g.OldestWaiting {
			g.OldestWaiting = visit.Start
		}
	})
}

func (b *builder) addActive(p *schema.Part) {
	open := OpenSegment(p)
	if open == nil || open.State != schema.StateConnected && !(open.State == schema.StateHeld && p.Channel.Spoken()) || open.Role.Monitors() {
		return
	}
	d := partDims(p)
	b.agentUnits(&d, p.Agent)
	b.each(&d, func(r *Row) { r.agentGauges.ActiveNow[p.Channel]++ })
}

// addCurrentTalk counts what has been talked so far where the conversation goes on, also while it is held or parked.
func (b *builder) addCurrentTalk(p *schema.Part) {
	if p.Connected == schema.NoTime || p.Ended != schema.Open || p.Role.Monitors() || p.Deleted {
		return
	}
	talk := p.TalkMs
	if open := OpenSegment(p); open != nil && open.State == schema.StateConnected {
		talk += max(0, b.q.AsOf-open.Since)
	}
	if talk == 0 {
		return
	}
	d := partDims(p)
	b.agentUnits(&d, p.Agent)
	b.each(&d, func(r *Row) { r.agentGauges.CurrentTalkMs += talk })
	if b.mentions(metric.DimAgent) {
		return
	}
	d[metric.DimAgent] = nil
	b.queueUnits(&d, p.Queue)
	b.each(&d, func(r *Row) { r.queueGauges.CurrentTalkMs += talk })
}

// OpenSegment is the stretch of a part that is going on, nil where none is.
func OpenSegment(p *schema.Part) *schema.Segment {
	for n := len(p.Segments) - 1; n >= 0; n-- {
		if p.Segments[n].Until == schema.Open {
			return &p.Segments[n]
		}
	}
	return nil
}

// fill adds a row for every group that could be, up to MaxRows.
func (b *builder) fill() error {
	values := make([][]string, len(b.q.By))
	size := 1
	for i, dim := range b.q.By {
		for _, s := range b.v.Values(dim) {
			if wanted := b.q.Filters[dim]; wanted == nil || wanted[s] {
				values[i] = append(values[i], s)
			}
		}
		if size *= len(values[i]); size > MaxRows {
			return fmt.Errorf("the answer would have more than %d rows; name fewer groups", MaxRows)
		}
	}
	group := make([]string, len(b.q.By))
	var add func(n int)
	add = func(n int) {
		if n == len(group) {
			b.row(group)
			return
		}
		for _, s := range values[n] {
			group[n] = s
			add(n + 1)
		}
	}
	add(0)
	return nil
}

// Members are the agents, or the queues, of each unit of a dimension: team, group or business unit.
func (v *View) Members(dim metric.Dimension, ofQueues bool) map[string][]string {
	b := &builder{v: v, ofQueue: map[string][3][]string{}}
	out := map[string][]string{}
	add := func(id string, d *dims) {
		for _, unit := range d[dim] {
			out[unit] = append(out[unit], id)
		}
	}
	if ofQueues {
		for _, id := range v.QueueIDs() {
			var d dims
			b.queueUnits(&d, id)
			add(id, &d)
		}
		return out
	}
	for _, a := range v.Agents() {
		var d dims
		d.setUnits(a.Place)
		add(a.ID, &d)
	}
	return out
}

// Values are all ids or words that a dimension can have.
func (v *View) Values(dim metric.Dimension) []string {
	switch dim {
	case metric.DimAgent:
		ids := make([]string, len(v.Agents()))
		for i, a := range v.Agents() {
			ids[i] = a.ID
		}
		return ids
	case metric.DimQueue:
		return v.QueueIDs()
	case metric.DimCampaign:
		return v.CampaignIDs()
	case metric.DimChannel:
		return schema.ChannelNames()
	case metric.DimDirection:
		return schema.DirectionNames()
	case metric.DimTeam:
		return v.Directory.IDs(directory.KindTeam)
	case metric.DimGroup:
		return v.Directory.IDs(directory.KindGroup)
	case metric.DimBusinessUnit:
		return v.Directory.IDs(directory.KindBusinessUnit)
	}
	return nil
}

func (b *builder) finish(live bool, hour *Figures) []*Row {
	var handles map[string]*metric.Totals
	byQueue := live && hour != nil && len(b.q.By) == 1 && b.q.By[0] == metric.DimQueue
	if byQueue {
		handles = hour.Handles()
	}
	out := make([]*Row, 0, len(b.rows))
	for _, r := range b.rows {
		if r.empty() && !b.q.Fill && len(b.q.By) > 0 {
			continue
		}
		if live {
			r.setGauges(b.v.AsOf)
		}
		if byQueue {
			var d metric.Distribution
			if t := handles[r.Group[0]]; t != nil {
				d = t.Measures[schema.MeasureHandle]
			}
			if ms, ok := b.v.EstimatedWait(r.Group[0], d); ok {
				r.queueGauges.EstimatedWaitMs = &ms
			}
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *Row) int { return slices.Compare(a.Group, b.Group) })
	return out
}

func (r *Row) empty() bool {
	g, a := &r.queueGauges, &r.agentGauges
	return r.Queue.Empty() && r.Agent.Empty() && g.Waiting == 0 && g.LoggedIn == 0 && g.CurrentTalkMs == 0 && a.CurrentTalkMs == 0 &&
		a.ActiveNow == [schema.NumChannels]uint64{} && a.WorkloadLive+a.WorkloadSemiLive+a.WorkloadNonLive == 0
}

func (r *Row) setGauges(asOf int64) {
	r.queueGauges.AsOf, r.agentGauges.AsOf = asOf, asOf
	if r.workloadAgent != 1 {
		r.agentGauges.WorkloadSince = schema.NoTime
	}
	r.Queue.Live, r.Agent.Live = &r.queueGauges, &r.agentGauges
}
