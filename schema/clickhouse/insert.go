package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Inserter is what writers need of a connection.
type Inserter interface {
	PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error)
}

// Stamp says which partition rows come from, and up to where it had been applied.
type Stamp struct {
	Topic     string
	Partition int
	Epoch     uint16
	Position  int64 // the next offset to apply
}

func (s Stamp) version() uint64 { return Version(s.Epoch, s.Position) }

// block collects the rows of one table, column by column. Send may be repeated and sends the same rows; Reset empties the block and
// keeps its memory. Strings and byte slices of appended rows must stay valid until Reset. Not safe for concurrent use.
type block struct {
	table   string
	query   string
	columns []columnBuffer
	at      *u64s // the column that is the moment of sending, not of appending
	in      *source
}

// newBlock lists the table's columns; the last one is the moment of writing, which Send fills in.
func newBlock(table, written string, columns ...named) block {
	b := block{table: table, at: newU64s(), in: newSource()}
	list := make([]string, 0, len(columns)+1)
	for _, c := range append(columns, named{written, b.at}) {
		list = append(list, "`"+c.name+"`")
		b.columns = append(b.columns, c.column)
	}
	b.query = "INSERT INTO " + table + " (" + strings.Join(list, ", ") + ")"
	return b
}

type named struct {
	name   string
	column columnBuffer
}

// Table is where the rows go.
func (b *block) Table() string { return b.table }

// Rows counts what has been appended since the last Reset.
func (b *block) Rows() int { return b.columns[0].values() }

// Bytes is roughly what the block holds.
func (b *block) Bytes() int {
	n := 0
	for _, c := range b.columns {
		n += c.bytes()
	}
	return n
}

// Reset forgets the rows.
func (b *block) Reset() {
	for _, c := range b.columns {
		c.reset()
	}
}

// Send writes all rows as one INSERT of one block, as of now (ms), and returns when ClickHouse has stored them. Without rows it
// does nothing. After an error nothing is known about what was stored: sending again is safe by key and version.
func (b *block) Send(ctx context.Context, conn Inserter, now int64) error {
	if b.Rows() == 0 {
		return nil
	}
	b.at.fill(now, b.Rows())
	batch, err := conn.PrepareBatch(ctx, b.query)
	if err != nil {
		return fmt.Errorf("insert into %s: %w", b.table, err)
	}
	defer batch.Close()
	for i, c := range batch.Columns() {
		if err := handOver(c, b.columns[i], b.in); err != nil {
			b.in = newSource()
			return fmt.Errorf("insert into %s: %w", b.table, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", b.Rows(), b.table, err)
	}
	return nil
}
