package floor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// counted is what figures hold of one group. It never changes once it is counted: answers share it.
type counted struct {
	group        []string
	queue, agent *metric.Totals
	connected    map[string]*metric.Connected // by agent; only while counting
	options      metric.Options               // but for gauges

	of      *tally // nil: the figures have nothing of the group
	written sync.Once
	texts   [][]byte // see Row.Texts
}

func newCounted(group []string) *counted {
	return &counted{group: group, queue: &metric.Totals{Family: metric.FamilyQueue}, agent: &metric.Totals{Family: metric.FamilyAgent}}
}

// write is Row.Texts of what the figures hold.
func (c *counted) write(with writer) [][]byte {
	c.written.Do(func() {
		fields := c.of.query.Fields
		c.texts = make([][]byte, len(fields))
		first := 0 // of those that stand together
		for i, f := range fields {
			if f.Metric.Live {
				first = i + 1
				continue
			}
			if i > first {
				c.texts[i], c.texts[first] = []byte{}, append(c.texts[first], ',')
			}
			c.texts[first] = append(c.texts[first], with(f, f.Value(c.totals(f), c.options))...)
		}
	})
	return c.texts
}

// totals are those that a field takes its value from.
func (c *counted) totals(f metric.Field) *metric.Totals {
	if f.Family == metric.FamilyAgent {
		return c.agent
	}
	return c.queue
}

func (c *counted) empty() bool { return c.queue.Empty() && c.agent.Empty() }

// question is what the rows that figures come to depend on, beside the figures: queries with the same one share them, so that many
// wallboards that show the same cost one count each time that the figures are refreshed.
type question struct {
	directory   *directory.Directory
	by, filters string
	fields      string // with the families that they are taken from
	formula     metric.Formula
	seconds     int
	asOf        int64
}

func (q *Query) question(d *directory.Directory) question {
	var filters, fields strings.Builder
	for dim := metric.DimAgent; dim <= metric.DimBusinessUnit; dim++ {
		if wanted := q.Filters[dim]; wanted != nil {
			fmt.Fprintf(&filters, "%s%q", dim, Merge(nil, wanted))
		}
	}
	for _, f := range q.Fields {
		fields.WriteString(f.Key)
		fields.WriteByte(byte(f.Family)) // no key has a byte so low
	}
	return question{d, fmt.Sprint(q.By), filters.String(), fields.String(), q.Formula, q.Seconds, q.AsOf}
}

// counts are what has been counted of the same figures, by question.
type counts struct {
	mu   sync.Mutex
	rows int // in all
	of   map[question]*tally
}

// tally is the answer to one question.
type tally struct {
	query  Query
	rows   func() []*counted      // in order of the groups
	writer atomic.Pointer[writer] // of rows' texts, once somebody has asked for these
	wish
}

// writer writes a field's value.
type writer func(metric.Field, any) []byte

// Bounds of what counts keep: figures live about a second, and a row takes some kilobytes.
const (
	maxKeptRows      = 1 << 12
	maxKeptQuestions = 1 << 10
)

// counted are the rows that the figures come to, in order of the groups. They must not be changed.
func (f *Figures) counted(v *View, q Query) []*counted {
	c := f.tally(v, q, 0)
	c.asked.Store(true)
	return c.rows()
}

// tally finds or begins the answer to a question, which is kept as long as there is room.
func (f *Figures) tally(v *View, q Query, idle int) *tally {
	t := &tally{query: q, wish: wish{idle: idle}}
	rows := func() []*counted {
		c := &counter{grouping: grouping{v: v, by: q.By, filters: q.Filters}, q: q, f: f, of: t, thresholds: v.Thresholds(q.Seconds), rows: map[string]*counted{}}
		c.count(metric.NeedsOf(q.Fields, metric.FamilyQueue), metric.NeedsOf(q.Fields, metric.FamilyAgent))
		return slices.SortedFunc(maps.Values(c.rows), func(a, b *counted) int { return slices.Compare(a.group, b.group) })
	}
	k, key := &f.counts, q.question(v.Directory)
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.of[key]; known != nil {
		return known
	}
	if k.rows >= maxKeptRows || len(k.of) >= maxKeptQuestions {
		t.rows = rows
		return t
	}
	t.rows = sync.OnceValue(func() []*counted {
		found := rows()
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.rows += len(found); k.rows > maxKeptRows {
			k.rows -= len(found)
			delete(k.of, key)
		}
		return found
	})
	if k.of == nil {
		k.of = map[question]*tally{}
	}
	k.of[key] = t
	return t
}

// recount answers what was asked of the figures before, so that no request waits for that.
func (f *Figures) recount(v *View, before *Figures) {
	before.counts.mu.Lock()
	questions := slices.Collect(maps.Values(before.counts.of))
	before.counts.mu.Unlock()
	for _, c := range questions {
		idle, wanted := c.next()
		if q := c.query; wanted && q.AsOf == before.AsOf {
			q.AsOf = f.AsOf
			f.tally(v, q, idle).prepare(c.writer.Load())
		}
	}
}

// prepare counts, and writes what is counted where there is somebody to write it for.
func (t *tally) prepare(with *writer) {
	rows := t.rows()
	if with == nil {
		return
	}
	t.writer.Store(with)
	for _, row := range rows {
		row.write(*with)
	}
}

// options are how a group's values are worked out, but for gauges.
func (q *Query) options(group []string, t metric.Thresholds) metric.Options {
	o := metric.Options{Formula: q.Formula, Threshold: t.Fallback()}
	if n := slices.Index(q.By, metric.DimQueue); n >= 0 {
		o.Threshold = t.Of(group[n])
	}
	return o
}

// counter adds figures up.
type counter struct {
	grouping
	q          Query
	of         *tally
	f          *Figures
	thresholds metric.Thresholds
	rows       map[string]*counted
}

func (c *counter) count(queue, agent metric.Needs) {
	c.addWindows(queue.Windows(), agent.Windows())
	if agent.Intervals {
		c.f.EachInterval(c.addInterval)
	}
	if agent.Parts {
		c.addParts()
	}
}

func (c *counter) row(group []string) *counted {
	key := groupKey(group)
	r := c.rows[key]
	if r == nil {
		r = newCounted(slices.Clone(group))
		r.of, r.options = c.of, c.q.options(group, c.thresholds)
		c.rows[key] = r
	}
	return r
}

func (c *counter) addWindows(queues, agents bool) {
	for _, w := range c.f.Windows {
		if w.Agent == "" && !queues || w.Agent != "" && !agents {
			continue
		}
		var d dims
		d[metric.DimQueue], d[metric.DimCampaign] = one(w.Queue), one(w.Campaign)
		d[metric.DimChannel], d[metric.DimDirection] = one(w.Channel.String()), one(w.Direction.String())
		if w.Agent == "" {
			c.queueUnits(&d, w.Queue)
			c.eachGroup(&d, func(group []string) { c.row(group).queue.AddWindow(w, c.thresholds.Of(w.Queue)) })
			continue
		}
		d[metric.DimAgent] = one(w.Agent)
		c.agentUnits(&d, w.Agent)
		c.eachGroup(&d, func(group []string) { c.row(group).agent.AddWindow(w, c.thresholds.Of(w.Queue)) })
	}
}

func (c *counter) addInterval(iv *schema.Interval) {
	var d dims
	d[metric.DimAgent] = one(iv.Agent)
	c.agentUnits(&d, iv.Agent)
	c.eachGroup(&d, func(group []string) { c.row(group).agent.AddInterval(iv, c.f.From, c.f.To, c.q.AsOf) })
}

// addParts collects the connected time of each row agent by agent, of which concurrency is worked out.
func (c *counter) addParts() {
	add := func(p *schema.Part) {
		d := partDims(p)
		c.agentUnits(&d, p.Agent)
		c.eachGroup(&d, func(group []string) {
			r := c.row(group)
			if r.connected == nil {
				r.connected = map[string]*metric.Connected{}
			}
			of := r.connected[p.Agent]
			if of == nil {
				of = metric.NewConnected(c.f.From, c.f.To, c.q.AsOf)
				r.connected[p.Agent] = of
			}
			of.AddPart(p)
		})
	}
	for _, p := range c.f.Parts {
		add(p)
	}
	c.f.eachTalk(add)
	for _, r := range c.rows {
		for _, of := range r.connected {
			r.agent.AddConnected(of)
		}
		r.connected = nil
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
