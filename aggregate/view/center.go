package view

import (
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/btree"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
)

const minuteMs = 60_000

// center is the published state of one contact centre.
type center struct {
	id string
	of *partition

	mu           sync.Mutex
	version      uint64
	newest       int64
	complete     int64
	agents       *btree.Map[string, *schema.LiveAgent]
	interactions *btree.Map[string, *schema.LiveInteraction]
	changes      *schema.AgentChange
	pinned       *schema.Floor // of the present version, nil where none was asked for
	noted        map[string]*notes
	days         map[string]*agentDay

	// What was before the engine's checkpoint.
	knownFrom int64           // live metrics are complete from here on
	past      []schema.Window // of [knownFrom, pastTo)
	pastTo    int64
}

// agentDay is an agent's time since the beginning of its local day: what live metrics clip.
type agentDay struct {
	Intervals []stretch // of effective status, ascending
	Talks     []talk    // connected segments of parts whose interaction has left the engine
}

// stretch is an interval of effective status in little memory. Its fields, like those of talk, are stored in files.
type stretch struct {
	Start, End int64
	Status     schema.Status
	Suspended  bool
	Continued  bool
}

type talk struct {
	Since, Until    int64
	Queue, Campaign string
	Channel         schema.Channel
	Direction       schema.Direction
}

func newCenter(id string, of *partition) *center {
	return &center{id: strings.Clone(id), of: of, newest: schema.NoTime, complete: schema.NoTime, knownFrom: schema.NoTime,
		agents: &btree.Map[string, *schema.LiveAgent]{}, interactions: &btree.Map[string, *schema.LiveInteraction]{},
		noted: map[string]*notes{}, days: map[string]*agentDay{}}
}

// pin returns the present version. The caller sets AsOf.
func (c *center) pin() *schema.Floor {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pinned == nil {
		c.pinned = &schema.Floor{ContactCenter: c.id, Version: c.version, NewestEvent: c.newest, CompleteUntil: c.complete,
			Agents: c.agents.Copy(), Interactions: c.interactions.Copy(), Changes: c.changes}
	}
	f := *c.pinned
	return &f
}

// publish takes over what an engine changed.
func (c *center) publish(ch *engine.Changes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.pinned = nil
	c.newest, c.complete = ch.NewestEvent, ch.CompleteUntil
	for _, a := range ch.Agents {
		c.agents.Set(a.ID, a)
		c.changes = c.changes.Then(a)
	}
	for _, i := range ch.Gone {
		c.keepTalks(i)
		c.interactions.Delete(i.ID)
		delete(c.noted, i.ID)
	}
	for _, i := range ch.Interactions {
		c.noted[i.ID].lay(i)
		c.interactions.Set(i.ID, i)
	}
	for k := range ch.Intervals {
		c.keepInterval(&ch.Intervals[k])
	}
}

func (c *center) day(agent string) *agentDay {
	d := c.days[agent]
	if d == nil {
		d = &agentDay{}
		c.days[agent] = d
	}
	return d
}

// keepInterval replaces, adds or removes one of an agent's intervals, and forgets those of days before.
func (c *center) keepInterval(iv *schema.Interval) {
	d := c.day(iv.Agent)
	i, found := slices.BinarySearchFunc(d.Intervals, iv.Start, func(s stretch, t int64) int { return compare(s.Start, t) })
	s := stretch{iv.Start, iv.End, iv.Status, iv.Suspended, iv.Continued}
	switch {
	case iv.Deleted && found:
		d.Intervals = slices.Delete(d.Intervals, i, i+1)
	case iv.Deleted:
	case found:
		d.Intervals[i] = s
	default:
		d.Intervals = slices.Insert(d.Intervals, i, s)
	}
	old := 0
	for old < len(d.Intervals) && d.Intervals[old].End < c.newest-keepLive.Milliseconds() {
		old++
	}
	if old > 32 {
		d.Intervals = slices.Delete(d.Intervals, 0, old)
	}
}

// keepTalks keeps of an interaction that leaves what concurrency needs.
func (c *center) keepTalks(i *schema.LiveInteraction) {
	for p := range i.Parts {
		part := &i.Parts[p]
		if part.Role.Monitors() {
			continue
		}
		d := c.day(part.Agent)
		for _, s := range part.Segments {
			if s.State == schema.StateConnected && s.Until > s.Since {
				d.Talks = append(d.Talks, talk{s.Since, s.Until, part.Queue, part.Campaign, part.Channel, part.Direction})
			}
		}
		old := 0
		for old < len(d.Talks) && d.Talks[old].Until < c.newest-keepLive.Milliseconds() {
			old++
		}
		if old > 32 {
			d.Talks = slices.Delete(d.Talks, 0, old)
		}
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// metrics adds up what is known of [from, to).
func (c *center) metrics(from, to int64) (schema.LiveMetrics, bool) {
	// In the order of publish: first the partition, then the centre.
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.knownFrom != schema.NoTime && from < c.knownFrom {
		return schema.LiveMetrics{}, false
	}
	m := schema.LiveMetrics{From: from, To: to, CompleteUntil: c.complete, AsOf: c.of.asOf(c.newest)}
	if from < c.pastTo {
		if from != c.knownFrom {
			return schema.LiveMetrics{}, false // sums of the past are of the whole day only
		}
		m.Windows = addWindows(c.of.eng.Windows(c.id, c.pastTo, to), c.past)
	} else {
		m.Windows = c.of.eng.Windows(c.id, from, to)
	}
	for agent, d := range c.days {
		d.touching(agent, from, min(to, m.AsOf), &m)
	}
	c.interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		for p := range i.Parts {
			if i.Parts[p].Start < to && i.Parts[p].Ended > from {
				m.Parts = append(m.Parts, i.Parts[p])
			}
		}
		return true
	})
	return m, true
}

// touching adds the agent's intervals and talks that touch [from, to).
func (d *agentDay) touching(agent string, from, to int64, m *schema.LiveMetrics) {
	for _, s := range d.Intervals {
		if s.Start < to && s.End > from {
			m.Intervals = append(m.Intervals, schema.Interval{Agent: agent, Kind: schema.IntervalStatus, Start: s.Start, End: s.End,
				Status: s.Status, Suspended: s.Suspended, Continued: s.Continued})
		}
	}
	for _, t := range d.Talks {
		if t.Since < to && t.Until > from {
			m.Parts = append(m.Parts, schema.Part{Agent: agent, Queue: t.Queue, Campaign: t.Campaign, Channel: t.Channel, Direction: t.Direction,
				Start: t.Since, Ended: t.Until, Segments: []schema.Segment{{State: schema.StateConnected, Since: t.Since, Until: t.Until}}})
		}
	}
}

// addWindows sums windows of equal Dims.
func addWindows(a, b []schema.Window) []schema.Window {
	at := make(map[schema.Dims]int, len(a))
	for k := range a {
		at[a[k].Dims] = k
	}
	for k := range b {
		n, ok := at[b[k].Dims]
		if !ok {
			a = append(a, b[k])
			continue
		}
		for x := range a[n].Counts {
			a[n].Counts[x] += b[k].Counts[x]
		}
		for x := range a[n].Measures {
			a[n].Measures[x].Add(b[k].Measures[x])
		}
	}
	return a
}
