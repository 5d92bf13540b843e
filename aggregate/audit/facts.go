package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"floorwalker/aggregate/refold"
	"floorwalker/schema/clickhouse"
)

// factsBefore is how long before what a fold has seen from its beginning facts are compared all the same, where it changed them.
const factsBefore = 31 * dayMs

// facts compares every row of facts and windows with its refold.
func (c *center) facts(ctx context.Context) error {
	for _, t := range refold.Tables() {
		if err := c.table(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

func (c *center) table(ctx context.Context, t *refold.Table) error {
	r := refold.Range{ContactCenter: c.id, From: c.from, Until: c.until}
	if t.Windows == 0 && c.from == c.born && c.born > 0 && !c.begin.Lost() {
		r.From = max(0, c.from-factsBefore)
	}
	var found []refold.Difference
	rows, err := refold.Compare(ctx, c.Conn, c.scratch.Conn, t, r, func(d refold.Difference) error {
		if !c.counts(&d) {
			return nil
		}
		if c.explained(&d) == "" && len(found) >= c.MaxDifferences-len(c.report.Differences) {
			c.report.Total++ // those that were found fill the list
			return nil
		}
		found = append(found, d)
		return nil
	})
	if err != nil {
		return err
	}
	c.report.Checked[CheckFacts] += rows
	for k := range found {
		what, err := c.describe(ctx, &found[k])
		if err != nil {
			return err
		}
		c.differs(CheckFacts, t.Name, t.Entity(found[k].Row()), what, c.explained(&found[k]))
	}
	return nil
}

// counts reports whether a difference is one: rows that were written after the flushed position are not judged, nor is what may
// still change.
func (c *center) counts(d *refold.Difference) bool {
	if d.Stored != nil && c.since(d.Stored.Version) {
		c.report.Since++
		return false
	}
	row := d.Row()
	if d.Table.Windows > 0 && (row.Start < c.from || row.Ended > c.until) {
		return false
	}
	switch {
	case d.Missing():
		return true
	case d.Extra():
		return row.Start >= c.from
	}
	return min(d.Stored.Ended, d.Wanted.Ended) <= c.until
}

// since reports whether a row was written after the position that is judged.
func (c *center) since(version uint64) bool {
	log := c.fold.log
	if version <= clickhouse.Version(log.Epoch, log.Flushed) {
		return false
	}
	_, backfilled := c.fold.versions[version]
	return !backfilled
}

// explained says what explains a difference: a backfill that was broken off.
func (c *center) explained(d *refold.Difference) string {
	if d.Stored != nil {
		if finished, ok := c.fold.versions[d.Stored.Version]; ok && !finished {
			return "a backfill of it was broken off"
		}
	}
	return ""
}

// describe says how a row differs, column by column.
func (c *center) describe(ctx context.Context, d *refold.Difference) (string, error) {
	if d.Missing() {
		if d.Stored != nil {
			return "deleted, but raw events make it", nil
		}
		return "missing, but raw events make it", nil
	}
	if d.Extra() {
		return "there, but raw events do not make it", nil
	}
	stored, err := refold.Says(ctx, c.Conn, d)
	if err != nil {
		return "", err
	}
	wanted, err := refold.Says(ctx, c.scratch.Conn, d)
	if err != nil {
		return "", err
	}
	var out []string
	for _, column := range d.Table.Columns(stored, wanted) {
		out = append(out, fmt.Sprintf("%s is %q, by raw events %q", column.Name, column.Stored, column.Wanted))
	}
	slices.Sort(out)
	return strings.Join(out, "; "), nil
}
