package view

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/btree"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
)

const (
	minuteMs       = 60_000
	longestRolling = 60 * minuteMs
)

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
	changes      *schema.Change
	pinned       *schema.Floor // of the present version, nil where none was asked for
	noted        map[string]*notes
	days         map[string]*day
	daysInOrder  []*day // in which they came: whoever reads all of them again finds each near where it was

	// What was before the engine's checkpoint.
	knownFrom int64           // live metrics are complete from here on
	past      []schema.Window // of [knownFrom, pastTo)
	pastTo    int64

	sums map[int64]*tracked // windows that are asked for, by the length of their range, or one of the following
}

// tracked are sums with when they were last asked for.
type tracked struct {
	*engine.Sums
	asked time.Time
}

// Ranges that grow.
const (
	sumsOfToday = -1 // with what was before the engine's checkpoint
	sumsOfDay   = -2 // all of it the engine's
)

// sumsIdle is how long sums are kept up to date that nobody asks for.
const sumsIdle = time.Minute

// day is an agent's time since the beginning of its local day: what live metrics clip. What was given out is never changed.
type day struct {
	*schema.AgentDay
	shared bool
}

// own makes the day one that may be changed.
func (d *day) own() *schema.AgentDay {
	if d.shared {
		d.AgentDay = &schema.AgentDay{Agent: d.Agent, Intervals: slices.Clone(d.Intervals), Talks: slices.Clone(d.Talks)}
		d.shared = false
	}
	return d.AgentDay
}

// share gives the day out.
func (d *day) share() *schema.AgentDay {
	d.shared = true
	return d.AgentDay
}

// treeDegree is of maps that are published: the nodes on the way to each change are copied then, and large ones cost more than they save.
const treeDegree = 8

func newCenter(id string, of *partition) *center {
	return &center{id: strings.Clone(id), of: of, newest: schema.NoTime, complete: schema.NoTime, knownFrom: schema.NoTime,
		agents: btree.NewMap[string, *schema.LiveAgent](treeDegree), interactions: btree.NewMap[string, *schema.LiveInteraction](treeDegree),
		noted: map[string]*notes{}, days: map[string]*day{}, sums: map[int64]*tracked{}}
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
		c.changes = c.changes.Then(&schema.Change{Agent: a})
	}
	for _, i := range ch.Gone {
		c.keepTalks(i)
		c.interactions.Delete(i.ID)
		delete(c.noted, i.ID)
		c.changes = c.changes.Then(&schema.Change{Interaction: i, Gone: true})
	}
	for _, i := range ch.Interactions {
		c.noted[i.ID].lay(i)
		c.interactions.Set(i.ID, i)
		c.changes = c.changes.Then(&schema.Change{Interaction: i})
	}
	for k := range ch.Intervals {
		c.keepInterval(&ch.Intervals[k])
	}
}

func (c *center) day(agent string) *schema.AgentDay {
	d := c.days[agent]
	if d == nil {
		d = c.addDay(&schema.AgentDay{Agent: agent})
	}
	return d.own()
}

func (c *center) addDay(of *schema.AgentDay) *day {
	d := &day{AgentDay: of}
	c.days[of.Agent] = d
	c.daysInOrder = append(c.daysInOrder, d)
	return d
}

// keepInterval replaces, adds or removes one of an agent's intervals, and forgets those of days before.
func (c *center) keepInterval(iv *schema.Interval) {
	d := c.day(iv.Agent)
	i, found := slices.BinarySearchFunc(d.Intervals, iv.Start, func(s schema.Stretch, t int64) int { return cmp.Compare(s.Start, t) })
	s := schema.Stretch{Start: iv.Start, End: iv.End, Status: iv.Status, Suspended: iv.Suspended, Continued: iv.Continued}
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
				d.Talks = append(d.Talks, schema.Talk{Since: s.Since, Until: s.Until, Queue: part.Queue, Campaign: part.Campaign,
					Channel: part.Channel, Direction: part.Direction})
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

// metrics adds up what is known of [from, to).
func (c *center) metrics(from, to int64) (schema.LiveMetrics, bool) {
	// In the order of publish: first the partition, then the centre.
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.of.owing.Load() {
		c.of.publish()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.knownFrom != schema.NoTime && from < c.knownFrom {
		return schema.LiveMetrics{}, false
	}
	if from < c.pastTo && from != c.knownFrom && from < c.heldFrom() {
		return schema.LiveMetrics{}, false // sums of the past are of the whole day only
	}
	m := schema.LiveMetrics{From: from, To: to, CompleteUntil: c.complete, AsOf: c.of.asOf(c.newest), Windows: c.windows(from, to),
		Days: make([]*schema.AgentDay, 0, len(c.days))}
	for _, d := range c.daysInOrder {
		m.Days = append(m.Days, d.share())
	}
	c.interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		for p := range i.Parts {
			if i.Parts[p].Start < to && i.Parts[p].Ended > from {
				m.Parts = append(m.Parts, &i.Parts[p])
			}
		}
		return true
	})
	return m, true
}

// heldFrom is from when on the checkpoint that the view began with has all windows itself: the longest rolling one of its time, which
// reaches further back than complete_until where the horizon is short.
func (c *center) heldFrom() int64 {
	return c.pastTo - c.of.r.v.cfg.Engine.CompleteUntil(0) - longestRolling
}

// windows are the sums over [from, to). Both locks are held.
func (c *center) windows(from, to int64) []*schema.Window {
	now := c.of.r.v.cfg.Now()
	for key, t := range c.sums {
		if now.Sub(t.asked) > sumsIdle {
			t.Close()
			delete(c.sums, key)
		}
	}
	var past []schema.Window
	key := to - from
	switch {
	case from < c.pastTo && from == c.knownFrom:
		key, past, from = sumsOfToday, c.past, c.pastTo
	case key > longestRolling:
		key = sumsOfDay
	}
	t := c.sums[key]
	if t == nil {
		sums := c.of.eng.NewSums(c.id, past)
		if sums == nil {
			return pointers(past)
		}
		t = &tracked{Sums: sums}
		c.sums[key] = t
	}
	t.asked = now
	return t.Over(from, to)
}

func pointers(list []schema.Window) []*schema.Window {
	out := make([]*schema.Window, len(list))
	for k := range list {
		out[k] = &list[k]
	}
	return out
}
