package floor

import (
	"slices"
	"strings"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// grouping tells to which groups of a query a counted thing belongs.
type grouping struct {
	v       *View
	by      []metric.Dimension
	filters map[metric.Dimension]map[string]bool
	heads   bool // what is being counted are heads: those in no queue or campaign are in no row of one

	ofQueue map[string][3][]string // units
	agent   struct {               // the one whose place was asked for last
		id    string
		place *Place
	}
}

// groupKey is equal for equal groups only: ids have no control characters.
func groupKey(group []string) string { return strings.Join(group, "\x00") }

// dims is what one counted thing says of each dimension; several values where it belongs to several.
type dims [metric.DimBusinessUnit + 1][]string

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func (g *grouping) mentions(dim metric.Dimension) bool {
	return slices.Contains(g.by, dim) || g.filters[dim] != nil
}

func (g *grouping) mentionsUnits() bool {
	return g.mentions(metric.DimTeam) || g.mentions(metric.DimGroup) || g.mentions(metric.DimBusinessUnit)
}

// eachGroup calls add for every group that the thing belongs to. add must not keep the group.
func (g *grouping) eachGroup(d *dims, add func(group []string)) {
	for dim, wanted := range g.filters {
		if !slices.ContainsFunc(d[dim], func(s string) bool { return wanted[s] }) {
			return
		}
	}
	g.combine(d, make([]string, len(g.by)), 0, add)
}

func (g *grouping) combine(d *dims, group []string, n int, add func([]string)) {
	if n == len(g.by) {
		add(group)
		return
	}
	dim := g.by[n]
	wanted := g.filters[dim]
	values := d[dim]
	if len(values) == 0 {
		if g.heads || dim.Unit() {
			return
		}
		values = []string{""}
	}
	for _, value := range values {
		if wanted != nil && !wanted[value] {
			continue
		}
		group[n] = value
		g.combine(d, group, n+1, add)
	}
}

// agentUnits sets the units that an agent belongs to, where the query has to do with any.
func (g *grouping) agentUnits(d *dims, id string) {
	if !g.mentionsUnits() {
		return
	}
	if g.agent.id != id {
		g.agent.id, g.agent.place = id, nil
		if a, ok := g.v.Row(id); ok {
			g.agent.place = a.Place
		}
	}
	if g.agent.place != nil {
		d.setUnits(g.agent.place)
	}
}

func (d *dims) setUnits(p *Place) {
	if p.Team != nil {
		d[metric.DimTeam] = one(p.Team.ID)
	}
	d[metric.DimGroup] = p.GroupIDs
	d[metric.DimBusinessUnit] = one(p.BusinessUnitID)
}

// queueUnits sets the teams that serve the queue, their groups and business units, and the queue's own business unit.
func (g *grouping) queueUnits(d *dims, id string) {
	if !g.mentionsUnits() {
		return
	}
	units, ok := g.ofQueue[id]
	if !ok && id != "" {
		dir := g.v.Directory
		units[0] = dir.TeamsOfQueue(id)
		if q := dir.Queues[id]; q != nil {
			units[2] = one(q.BusinessUnitID)
		}
		for _, team := range units[0] {
			units[1] = union(units[1], dir.GroupsOfTeam(team))
			units[2] = union(units[2], one(dir.BusinessUnitOfTeam(team)))
		}
		if g.ofQueue == nil {
			g.ofQueue = map[string][3][]string{}
		}
		g.ofQueue[id] = units
	}
	d[metric.DimTeam], d[metric.DimGroup], d[metric.DimBusinessUnit] = units[0], units[1], units[2]
}

func partDims(p *schema.Part) dims {
	var d dims
	d[metric.DimAgent], d[metric.DimQueue], d[metric.DimCampaign] = one(p.Agent), one(p.Queue), one(p.Campaign)
	d[metric.DimChannel], d[metric.DimDirection] = one(p.Channel.String()), one(p.Direction.String())
	return d
}
