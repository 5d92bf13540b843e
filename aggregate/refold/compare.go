package refold

import (
	"context"
	"fmt"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/aggregate/history"
)

// Range is what is compared: rows of a contact centre that begin in [From, Until), in ms.
type Range struct {
	ContactCenter string
	From, Until   int64
}

// Difference is a row that two databases do not have alike. One that is deleted or emptied counts as not there; Stored then still
// tells its version.
type Difference struct {
	Table          *Table
	ContactCenter  string
	Stored, Wanted *Row
}

// Row is the one that is there.
func (d *Difference) Row() *Row {
	if d.Wanted != nil {
		return d.Wanted
	}
	return d.Stored
}

// Missing and Extra say which side lacks the row.
func (d *Difference) Missing() bool { return d.Stored == nil || !d.Stored.alive }
func (d *Difference) Extra() bool   { return d.Wanted == nil || !d.Wanted.alive }

// Compare reads a table from both databases, both in the order of its key, and calls differs with what is not alike. It returns how
// many rows were wanted.
func Compare(ctx context.Context, stored, wanted history.Conn, t *Table, r Range, differs func(Difference) error) (rows int64, err error) {
	a, err := open(ctx, stored, t, r)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	b, err := open(ctx, wanted, t, r)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	left, right := a.next(), b.next()
	for left != nil || right != nil {
		d := Difference{Table: t, ContactCenter: r.ContactCenter}
		switch {
		case right == nil || left != nil && left.Key < right.Key:
			d.Stored, left = left, a.next()
		case left == nil || right.Key < left.Key:
			d.Wanted, right = right, b.next()
		default:
			d.Stored, d.Wanted = left, right
			left, right = a.next(), b.next()
		}
		if d.Wanted != nil {
			rows++
		}
		if alike(d.Stored, d.Wanted) {
			continue
		}
		if err := differs(d); err != nil {
			return rows, err
		}
	}
	if a.err != nil {
		return rows, a.err
	}
	return rows, b.err
}

func alike(a, b *Row) bool {
	there := func(r *Row) bool { return r != nil && r.alive }
	if there(a) != there(b) {
		return false
	}
	return !there(a) || a.says == b.says
}

// cursor reads the rows of a table one by one.
type cursor struct {
	driver.Rows
	table *Table
	err   error
}

func open(ctx context.Context, conn history.Conn, t *Table, r Range) (*cursor, error) {
	order := "contact_center"
	for _, column := range t.key {
		order += ", " + column
	}
	rows, err := conn.Query(ctx, "SELECT "+t.keyText()+" AS key, cityHash64(key), "+t.start()+", "+t.ended+", version, cityHash64("+t.values()+
		"), toUInt8("+t.alive+") FROM "+t.Name+" FINAL WHERE contact_center = {cc:String} AND start >= "+t.moment("from")+" AND start < "+
		t.moment("until")+" ORDER BY "+order+spill+", do_not_merge_across_partitions_select_final = 1",
		ch.Named("cc", r.ContactCenter), ch.Named("from", r.From), ch.Named("until", r.Until))
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", t.Name, r.ContactCenter, err)
	}
	return &cursor{Rows: rows, table: t}, nil
}

// next is nil at the end, and after an error.
func (c *cursor) next() *Row {
	if c.err != nil || !c.Next() {
		if c.err == nil {
			c.err = c.Err()
		}
		return nil
	}
	r := &Row{}
	var alive uint8
	if c.err = c.Scan(&r.Key, &r.Hash, &r.Start, &r.Ended, &r.Version, &r.says, &alive); c.err != nil {
		return nil
	}
	r.alive = alive != 0
	return r
}

// Says is what a row says, column by column, as texts; nil where it is not there.
func Says(ctx context.Context, conn history.Conn, d *Difference) ([]string, error) {
	t := d.Table
	rows, err := conn.Query(ctx, "SELECT "+t.values()+" FROM "+t.Name+" FINAL WHERE contact_center = {cc:String} AND start = "+t.moment("start")+
		" AND cityHash64("+t.keyText()+") = {key:UInt64} AND "+t.alive,
		ch.Named("cc", d.ContactCenter), ch.Named("start", d.Row().Start), ch.Named("key", d.Row().Hash))
	if err != nil {
		return nil, fmt.Errorf("read a row of %s: %w", t.Name, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		if err := rows.Scan(&out); err != nil {
			return nil, err
		}
	}
	return out, rows.Err()
}

// Column is one column in which two rows differ.
type Column struct {
	Name           string
	Stored, Wanted string
}

// Columns are those in which two rows differ.
func (t *Table) Columns(stored, wanted []string) []Column {
	var out []Column
	for k, name := range t.says {
		if k < len(stored) && k < len(wanted) && stored[k] != wanted[k] {
			out = append(out, Column{name, stored[k], wanted[k]})
		}
	}
	return out
}
