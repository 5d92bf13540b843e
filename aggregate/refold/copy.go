package refold

import (
	"context"
	"fmt"
	"math"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/history"
)

// Patch is rows of one contact centre's table that are to be written: as the scratch database has them, or as gone.
type Patch struct {
	table         *Table
	contactCenter string
	version       uint64
	take, remove  rowSet
	Written       int64
}

type rowSet struct {
	hashes      []uint64
	first, last int64
}

func (s *rowSet) add(r *Row) {
	if len(s.hashes) == 0 {
		s.first, s.last = math.MaxInt64, math.MinInt64
	}
	s.hashes = append(s.hashes, r.Hash)
	s.first, s.last = min(s.first, r.Start), max(s.last, r.Start)
}

// patchRows is how many rows one INSERT takes over.
const patchRows = 5000

// NewPatch collects rows that will be written with a version.
func NewPatch(t *Table, contactCenter string, version uint64) *Patch {
	return &Patch{table: t, contactCenter: contactCenter, version: version}
}

// Add notes that the wanted row of a difference is to be written, or a tombstone, or zeros, where none is wanted.
func (p *Patch) Add(ctx context.Context, dest history.Conn, scratch *Scratch, d *Difference) error {
	set := &p.take
	if d.Extra() {
		set = &p.remove
	}
	set.add(d.Row())
	if len(set.hashes) < patchRows {
		return nil
	}
	return p.Write(ctx, dest, scratch)
}

// Write writes what was added.
func (p *Patch) Write(ctx context.Context, dest history.Conn, scratch *Scratch) error {
	t := p.table
	key := "contact_center, " + strings.Join(t.key, ", ")
	says := ", `" + strings.Join(t.says, "`, `") + "`"
	if err := p.insert(ctx, dest, &p.take, key+says, key+says, scratch.Name); err != nil {
		return err
	}
	gone, goneValues := key, key
	if t.Windows == 0 {
		gone, goneValues = gone+", deleted", goneValues+", true"
	}
	return p.insert(ctx, dest, &p.remove, gone, goneValues, "")
}

// insert copies rows by their keys, of a database or, with none named, of the table itself.
func (p *Patch) insert(ctx context.Context, dest history.Conn, set *rowSet, columns, values, database string) error {
	if len(set.hashes) == 0 {
		return nil
	}
	t, from := p.table, p.table.Name
	if database != "" {
		from = "{database:Identifier}." + from
	}
	err := dest.Exec(ctx, "INSERT INTO "+t.Name+" ("+columns+", version, processed_at) SELECT "+values+
		", {version:UInt64}, now64(3, 'UTC') FROM "+from+" FINAL WHERE contact_center = {cc:String} AND start >= "+t.moment("first")+
		" AND start <= "+t.moment("last")+" AND cityHash64("+t.keyText()+") IN {keys:Array(UInt64)} AND "+t.alive,
		ch.Named("version", p.version), ch.Named("database", database), ch.Named("cc", p.contactCenter), ch.Named("first", set.first),
		ch.Named("last", set.last), ch.Named("keys", set.hashes))
	if err != nil {
		return fmt.Errorf("write %d rows of %s: %w", len(set.hashes), t.Name, err)
	}
	p.Written += int64(len(set.hashes))
	set.hashes = set.hashes[:0]
	return nil
}
