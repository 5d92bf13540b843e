package floor

import (
	"fmt"
	"slices"

	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// Thresholds are the queues' own, as the directory has them; pinned, where not 0, stands for all. They must not be changed.
func (v *View) Thresholds(pinned int) metric.Thresholds {
	type key struct{}
	own := v.OfDirectory(key{}, func() any {
		out := make(map[string]metric.Threshold, len(v.Directory.Queues))
		for id, q := range v.Directory.Queues {
			out[id] = metric.Threshold{Seconds: q.ServiceLevelSeconds, ShortSeconds: q.ShortAbandonSeconds}
		}
		return out
	})
	return metric.Thresholds{Queues: own.(map[string]metric.Threshold), Pinned: pinned}
}

// Formula is the contact centre's own service-level formula, else the standard one.
func (v *View) Formula() metric.Formula {
	f, _ := metric.ParseFormula(v.Directory.ContactCenter.ServiceLevel)
	return f
}

// AgentTotals adds up one agent's figures. ageless leaves out what grows by the mere passing of time.
func (f *Figures) AgentTotals(agent string, t metric.Thresholds, ageless bool) *metric.Totals {
	out := &metric.Totals{Family: metric.FamilyAgent}
	a := f.agents().of(agent)
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
	By      []metric.Dimension
	Filters map[metric.Dimension]map[string]bool // ids
	Fields  []metric.Field
	Formula metric.Formula // of service levels
	Seconds int            // their threshold; 0: each queue's own
	AsOf    int64          // what is open counts up to this moment
	Fill    bool           // also rows with nothing
}

// Row is one line of an answer: what the figures hold of the group, and its gauges.
type Row struct {
	Group   []string // the group's ids in the order of Query.By
	counted *counted
	options metric.Options
	gauges  *gauges // nil where none were asked for
}

// gauges are those of a row, as queues and as agents have them.
type gauges struct {
	queue, agent  metric.Gauges
	workloadAgent int // how many agents' workload it is
}

// Value is a field's value, see metric.Field.
func (r *Row) Value(f metric.Field) any { return f.Value(r.counted.totals(f), r.optionsOf(f)) }

// Number is a field's figure to sort by, false for null.
func (r *Row) Number(f metric.Field) (float64, bool) {
	return f.Number(r.counted.totals(f), r.optionsOf(f))
}

// Texts are the query's fields as write, which must always be the same one, writes them: each once as long as the figures are shown. Nil
// stands for one that is as new as the floor, and a nil slice for all of them. Fields that stand together are in the first one's text,
// with commas; that of the others is empty. The figures that replace these have them before they are shown.
func (r *Row) Texts(write func(metric.Field, any) []byte) [][]byte {
	c := r.counted
	if c.of == nil {
		return nil
	}
	if c.of.writer.Load() == nil {
		with := writer(write)
		c.of.writer.Store(&with)
	}
	return c.write(write)
}

func (r *Row) optionsOf(f metric.Field) metric.Options {
	o := r.options
	switch {
	case r.gauges == nil:
	case f.Family == metric.FamilyAgent:
		o.Live = &r.gauges.agent
	default:
		o.Live = &r.gauges.queue
	}
	return o
}

// MaxRows bounds an answer's groups.
const MaxRows = 200_000

// Rows adds figures up into one row per group, in order of the groups. hour, which may be nil, holds the last 60 minutes for
// estimated waits. The error says that the answer would be too large.
func (v *View) Rows(q Query, f, hour *Figures) ([]*Row, error) {
	queue, agent := metric.NeedsOf(q.Fields, metric.FamilyQueue), metric.NeedsOf(q.Fields, metric.FamilyAgent)
	b := &builder{grouping: grouping{v: v, by: q.By, filters: q.Filters}, q: q, thresholds: v.Thresholds(q.Seconds), nothing: newCounted(nil), live: queue.Live || agent.Live}
	counted := f.counted(v, q)
	b.rows = make(map[string]*Row, len(counted))
	b.expect(len(counted))
	for _, c := range counted {
		b.add(c.group, c)
	}
	if b.live {
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
	return b.finish(hour), nil
}

// builder adds the gauges of a moment to what figures hold.
type builder struct {
	grouping
	q          Query
	thresholds metric.Thresholds
	rows       map[string]*Row // by groupKey
	list       []*Row          // the same, those of the figures in order
	nothing    *counted        // of groups that the figures do not have
	live       bool            // whether gauges were asked for

	// Room for rows to come.
	spare  []Row
	gauges []gauges
}

func (b *builder) row(group []string) *Row {
	r := b.rows[groupKey(group)]
	if r == nil {
		r = b.add(slices.Clone(group), b.nothing)
	}
	return r
}

// expect makes room for rows.
func (b *builder) expect(n int) {
	b.spare = make([]Row, n)
	if b.live {
		b.gauges = make([]gauges, n)
	}
}

func (b *builder) add(group []string, c *counted) *Row {
	if len(b.spare) == 0 {
		b.expect(16)
	}
	r := &b.spare[0]
	b.spare = b.spare[1:]
	*r = Row{Group: group, counted: c, options: c.options}
	if c == b.nothing {
		r.options = b.q.options(group, b.thresholds)
	}
	if b.live {
		r.gauges, b.gauges = &b.gauges[0], b.gauges[1:]
		for _, g := range []*metric.Gauges{&r.gauges.queue, &r.gauges.agent} {
			g.OldestWaiting, g.WorkloadSince = schema.NoTime, schema.NoTime
		}
	}
	b.rows[groupKey(group)] = r
	b.list = append(b.list, r)
	return r
}

// each calls add for every row that the thing belongs to.
func (b *builder) each(d *dims, add func(*Row)) {
	b.eachGroup(d, func(group []string) { add(b.row(group)) })
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
	switch {
	case b.mentions(metric.DimAgent):
		b.v.Select(Selection{}, func(a Picked) {
			var s Staff
			s.Heads.Add(a.Agent)
			if a.LoggedIn() {
				s.Load = [3]uint64{uint64(a.Live.Live), uint64(a.Live.SemiLive), uint64(a.Live.NonLive)}
			}
			if a.Place.assigned() {
				s.Staffed = s.LoggedIn
			}
			b.addStaff(a.ID, a.Place, &s, a.Live.WorkloadSince)
		})
	case len(b.by) == 1 && len(b.filters) == 0:
		for _, g := range b.v.Groups(b.by[0].String(), Selection{}) {
			if g.ID != "" && g.LoggedIn > 0 {
				b.row([]string{g.ID}).addStaff(g.Staff, schema.NoTime)
			}
		}
	default:
		for _, s := range b.v.Count(Selection{}) {
			if s != nil {
				b.addStaff("", s.Place, &s.Staff, schema.NoTime)
			}
		}
	}
}

// addStaff counts the agents of one place, or one agent, whose workload changed at since.
func (b *builder) addStaff(agent string, p *Place, s *Staff, since int64) {
	if s.LoggedIn == 0 {
		return
	}
	var d dims
	d[metric.DimAgent] = one(agent)
	d[metric.DimQueue], d[metric.DimCampaign] = p.QueueIDs, p.CampaignIDs
	d.setUnits(p)
	b.each(&d, func(r *Row) { r.addStaff(s, since) })
}

func (r *Row) addStaff(s *Staff, since int64) {
	for _, g := range []*metric.Gauges{&r.gauges.queue, &r.gauges.agent} {
		g.CountAgents(&s.ByStatus, s.Suspended, s.Staffed)
	}
	r.gauges.agent.WorkloadLive += s.Load[0]
	r.gauges.agent.WorkloadSemiLive += s.Load[1]
	r.gauges.agent.WorkloadNonLive += s.Load[2]
	r.gauges.agent.WorkloadSince = since
	r.gauges.workloadAgent += s.LoggedIn
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
		g := &r.gauges.queue
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
	b.each(&d, func(r *Row) { r.gauges.agent.ActiveNow[p.Channel]++ })
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
	b.each(&d, func(r *Row) { r.gauges.agent.CurrentTalkMs += talk })
	if b.mentions(metric.DimAgent) {
		return
	}
	d[metric.DimAgent] = nil
	b.queueUnits(&d, p.Queue)
	b.each(&d, func(r *Row) { r.gauges.queue.CurrentTalkMs += talk })
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
			if wanted := b.filters[dim]; wanted == nil || wanted[s] {
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
	g := &grouping{v: v, by: []metric.Dimension{dim}}
	out := map[string][]string{}
	add := func(id string, d *dims) {
		for _, unit := range d[dim] {
			out[unit] = append(out[unit], id)
		}
	}
	if ofQueues {
		for _, id := range v.QueueIDs() {
			var d dims
			g.queueUnits(&d, id)
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

func (b *builder) finish(hour *Figures) []*Row {
	var handles map[string]*metric.Totals
	byQueue := b.live && hour != nil && len(b.by) == 1 && b.by[0] == metric.DimQueue
	if byQueue {
		handles = hour.Handles()
	}
	out := b.list[:0]
	for _, r := range b.list {
		if r.empty() && !b.q.Fill && len(b.by) > 0 {
			continue
		}
		if b.live {
			r.setGauges(b.q.AsOf)
		}
		if byQueue {
			var d metric.Distribution
			if t := handles[r.Group[0]]; t != nil {
				d = t.Measures[schema.MeasureHandle]
			}
			if ms, ok := b.v.EstimatedWait(r.Group[0], d); ok {
				r.gauges.queue.EstimatedWaitMs = &ms
			}
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b *Row) int { return slices.Compare(a.Group, b.Group) })
	return out
}

func (r *Row) empty() bool { return r.counted.empty() && (r.gauges == nil || r.gauges.empty()) }

func (g *gauges) empty() bool {
	q, a := &g.queue, &g.agent
	return q.Waiting == 0 && q.LoggedIn == 0 && q.CurrentTalkMs == 0 && a.CurrentTalkMs == 0 &&
		a.ActiveNow == [schema.NumChannels]uint64{} && a.WorkloadLive+a.WorkloadSemiLive+a.WorkloadNonLive == 0
}

func (r *Row) setGauges(asOf int64) {
	r.gauges.queue.AsOf, r.gauges.agent.AsOf = asOf, asOf
	if r.gauges.workloadAgent != 1 {
		r.gauges.agent.WorkloadSince = schema.NoTime
	}
}
