package history

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"strings"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// key is the columns of a row as they were read, indexed by dimension.
type key struct {
	ids [metric.DimDirection + 1]string
}

func (k *key) scan(columns []metric.Dimension) []any {
	dest := make([]any, 0, len(columns)+16)
	for _, c := range columns {
		dest = append(dest, &k.ids[c])
	}
	return dest
}

// grouping turns columns into groups: a member of several units counts in each of them.
type grouping struct {
	by      []metric.Dimension
	column  []metric.Dimension    // what by[i] is read by
	unitsOf []map[string][]string // by member, where by[i] is a unit
}

func newGrouping(q Query, columns []metric.Dimension) grouping {
	g := grouping{by: q.GroupBy}
	for _, d := range q.GroupBy {
		g.column = append(g.column, q.column(d))
		if !d.Unit() {
			g.unitsOf = append(g.unitsOf, nil)
			continue
		}
		g.unitsOf = append(g.unitsOf, unitsByMember(q.Units[d], q.Filters[d]))
	}
	return g
}

// unitsByMember turns a membership around; only the units in only, where there are any.
func unitsByMember(m Membership, only []string) map[string][]string {
	out := map[string][]string{}
	for unit, members := range m.Members {
		if len(only) > 0 && !slices.Contains(only, unit) {
			continue
		}
		for _, member := range members {
			if !slices.Contains(out[member], unit) {
				out[member] = append(out[member], unit)
			}
		}
	}
	return out
}

// single reports whether each row belongs to one group.
func (g *grouping) single() bool {
	return !slices.ContainsFunc(g.unitsOf, func(units map[string][]string) bool { return units != nil })
}

// each calls fn with every group that the row belongs to.
func (g *grouping) each(k *key, fn func(group []string) error) error {
	return g.expand(k, make([]string, 0, len(g.by)), fn)
}

func (g *grouping) expand(k *key, group []string, fn func([]string) error) error {
	i := len(group)
	if i == len(g.by) {
		return fn(group)
	}
	id := k.ids[g.column[i]]
	if g.unitsOf[i] == nil {
		return g.expand(k, append(group, id), fn)
	}
	for _, unit := range g.unitsOf[i][id] {
		if err := g.expand(k, append(group, unit), fn); err != nil {
			return err
		}
	}
	return nil
}

// table gathers the answer's rows.
type table struct {
	p     *plan
	most  int
	byKey map[string]*Row
}

func newTable(p *plan, most int) *table { return &table{p: p, most: most, byKey: map[string]*Row{}} }

// add takes totals over, or sums them, into the rows of the groups that k belongs to, in the interval that begins at begin.
func (t *table) add(family metric.Family, k *key, begin int64, totals *metric.Totals) error {
	if totals.Empty() {
		return nil
	}
	i := sort.Search(len(t.p.edges), func(i int) bool { return t.p.edges[i] >= begin })
	return t.p.groups.each(k, func(group []string) error {
		row, err := t.row(group, i)
		if err != nil {
			return err
		}
		switch {
		case row.totals[family] != nil:
			row.totals[family].Add(totals)
		case t.p.groups.single():
			totals.Family, row.totals[family] = family, totals
		default: // other groups get the same
			row.totals[family] = &metric.Totals{Family: family}
			row.totals[family].Add(totals)
		}
		return nil
	})
}

func (t *table) row(group []string, i int) (*Row, error) {
	name := rowName(group, t.p.edges[i])
	if row, ok := t.byKey[name]; ok {
		return row, nil
	}
	if len(t.byKey) >= t.most {
		return nil, faulty("group_by", "the answer would have more than %d rows; ask for fewer groups, a shorter range or longer intervals", t.most)
	}
	row := &Row{Group: slices.Clone(group), From: t.p.edges[i], To: t.p.edges[i+1]}
	row.options = metric.Options{Formula: t.p.Formula, Threshold: t.p.fallback}
	if at := slices.Index(t.p.GroupBy, metric.DimQueue); at >= 0 {
		row.options.Threshold = t.p.Thresholds.Of(group[at])
	}
	t.byKey[name] = row
	return row, nil
}

// rowName keeps apart ids that hold any character: each is followed by its length.
func rowName(group []string, begin int64) string {
	var b strings.Builder
	for _, id := range group {
		b.WriteString(id)
		writeNumber(&b, int64(len(id)))
	}
	writeNumber(&b, begin)
	return b.String()
}

func writeNumber(b *strings.Builder, n int64) {
	for shift := 0; shift < 64; shift += 8 {
		b.WriteByte(byte(n >> shift))
	}
}

// rows lists the answer in order.
func (t *table) rows() ([]Row, error) {
	if len(t.p.GroupBy) == 0 && t.p.Interval == Total {
		// No grouping is one row, even of nothing.
		if _, err := t.row(nil, 0); err != nil {
			return nil, err
		}
	}
	if t.p.Fill {
		if err := t.fill(); err != nil {
			return nil, err
		}
	}
	all := slices.Collect(maps.Values(t.byKey))
	slices.SortFunc(all, func(a, b *Row) int {
		return cmp.Or(slices.Compare(a.Group, b.Group), cmp.Compare(a.From, b.From))
	})
	out := make([]Row, len(all))
	for i, row := range all {
		out[i] = *row
	}
	return out, nil
}

// fill makes the rows in which nothing was counted.
func (t *table) fill() error {
	groups := map[string][]string{}
	for _, row := range t.byKey {
		groups[rowName(row.Group, 0)] = row.Group
	}
	err := t.listed(nil, func(group []string) error {
		groups[rowName(group, 0)] = slices.Clone(group)
		if len(groups) > t.most {
			return faulty("fill", "the answer would have more than %d rows", t.most)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range groups {
		for i := range t.p.edges[1:] {
			if _, err := t.row(group, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed calls fn with every group that can be told without having met it.
func (t *table) listed(group []string, fn func([]string) error) error {
	i := len(group)
	if i == len(t.p.GroupBy) {
		return fn(group)
	}
	for _, id := range t.idsOf(t.p.GroupBy[i]) {
		if err := t.listed(append(slices.Clone(group), id), fn); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) idsOf(d metric.Dimension) []string {
	if ids := t.p.Filters[d]; len(ids) > 0 {
		return ids
	}
	switch d {
	case metric.DimChannel:
		return schema.ChannelNames()
	case metric.DimDirection:
		return schema.DirectionNames()
	case metric.DimTeam, metric.DimGroup, metric.DimBusinessUnit:
		ids := []string{}
		for id := range t.p.Units[d].Members {
			ids = append(ids, id)
		}
		return ids
	}
	return t.p.Known[d]
}
