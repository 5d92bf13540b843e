package history

import (
	"encoding/binary"
	"slices"

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
	p      *plan
	most   int
	groups map[string]uint32 // a group's place in ids, by groupName
	ids    [][]string
	rows   map[cell]*Row
	name   []byte // used again for each look-up

	spareRows   []Row
	spareTotals []metric.Totals
}

// cell is where a row stands: answers have many rows, and numbers are found and sorted sooner than names.
type cell struct{ group, interval uint32 }

func newTable(p *plan, most int) *table {
	return &table{p: p, most: most, groups: map[string]uint32{}, rows: map[cell]*Row{}}
}

// totals makes an empty one, many at a time.
func (t *table) totals(family metric.Family) *metric.Totals {
	if len(t.spareTotals) == 0 {
		t.spareTotals = make([]metric.Totals, 16)
	}
	out := &t.spareTotals[0]
	t.spareTotals = t.spareTotals[1:]
	out.Family = family
	return out
}

// add sums totals into the rows of the groups that k belongs to, in the interval that begins at begin. Totals that the table made are
// taken over where they belong to one group alone.
func (t *table) add(family metric.Family, k *key, begin int64, totals *metric.Totals) error {
	if totals.Empty() {
		return nil
	}
	i, _ := slices.BinarySearch(t.p.edges, begin)
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
			row.totals[family] = t.totals(family)
			row.totals[family].Add(totals)
		}
		return nil
	})
}

func (t *table) row(group []string, i int) (*Row, error) {
	at := cell{t.group(group), uint32(i)}
	if row, ok := t.rows[at]; ok {
		return row, nil
	}
	if len(t.rows) >= t.most {
		return nil, faulty("group_by", "the answer would have more than %d rows; ask for fewer groups, a shorter range or longer intervals", t.most)
	}
	if len(t.spareRows) == 0 {
		t.spareRows = make([]Row, 64)
	}
	row := &t.spareRows[0]
	t.spareRows = t.spareRows[1:]
	*row = Row{Group: t.ids[at.group], From: t.p.edges[i], To: t.p.edges[i+1]}
	row.options = metric.Options{Formula: t.p.Formula, Threshold: t.p.fallback}
	if queue := slices.Index(t.p.GroupBy, metric.DimQueue); queue >= 0 {
		row.options.Threshold = t.p.Thresholds.Of(group[queue])
	}
	t.rows[at] = row
	return row, nil
}

// group is the place of a group's ids, which are copied.
func (t *table) group(group []string) uint32 {
	t.name = appendGroupName(t.name[:0], group)
	if n, ok := t.groups[string(t.name)]; ok {
		return n
	}
	n := uint32(len(t.ids))
	t.groups[string(t.name)] = n
	t.ids = append(t.ids, slices.Clone(group))
	return n
}

// appendGroupName keeps apart ids that hold any character: each is followed by its length.
func appendGroupName(b []byte, group []string) []byte {
	for _, id := range group {
		b = append(b, id...)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(id)))
	}
	return b
}

// list is the answer in order.
func (t *table) list() ([]Row, error) {
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
	// Groups are told apart by their places in order: each name is compared with others once, not once for each row.
	order := make([]uint32, len(t.ids))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return slices.Compare(t.ids[a], t.ids[b]) })
	rank := make([]uint32, len(order))
	for i, group := range order {
		rank[group] = uint32(i)
	}
	places := make([]uint64, 0, len(t.rows))
	for at := range t.rows {
		places = append(places, uint64(rank[at.group])<<32|uint64(at.interval))
	}
	slices.Sort(places)
	out := make([]Row, len(places))
	for i, at := range places {
		out[i] = *t.rows[cell{order[at>>32], uint32(at)}]
	}
	return out, nil
}

// fill makes the rows in which nothing was counted.
func (t *table) fill() error {
	err := t.listed(nil, func(group []string) error {
		t.group(group)
		if len(t.ids) > t.most {
			return faulty("fill", "the answer would have more than %d rows", t.most)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range t.ids {
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
		if t.p.Known[d] == nil {
			return ids
		}
		known := map[string]bool{}
		for _, id := range t.p.Known[d] {
			known[id] = true
		}
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !known[id] }) // a number is no id
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
