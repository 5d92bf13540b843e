package clickhouse

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
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
// keeps its memory. Appended rows are copied. Not safe for concurrent use.
type block struct {
	table   string
	query   string
	columns []columnBuffer
	at      *u64s // the column that is the moment of sending, not of appending
}

// newBlock lists the table's columns; the last one is the moment of writing, which Send fills in.
func newBlock(table, written string, columns ...named) block {
	b := block{table: table, at: newU64s()}
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

// PieceRows is how many rows go to the driver at once. It copies them into columns of its own and from there into its buffer, which
// is the cheaper the less memory that takes; ClickHouse makes one part of all pieces of an INSERT.
const PieceRows = 8192

// Send writes all rows as one INSERT, as of now (ms), and returns when ClickHouse has stored them. Without rows it does nothing.
// After an error nothing is known about what was stored: sending again is safe by key and version.
func (b *block) Send(ctx context.Context, conn Inserter, now int64) error {
	return Insert(ctx, conn, now, func(yield func(*block) bool) { yield(b) })
}

func (b *block) itself() *block { return b }

// Writer is any of this package's writers.
type Writer interface {
	Rows() int
	itself() *block
}

// Insert is Send for what several writers of one table hold, or one writer that is filled again and again: its rows are on their
// way, or copied, when the sequence goes on.
func Insert[W Writer](ctx context.Context, conn Inserter, now int64, writers iter.Seq[W]) (err error) {
	in := insertion{conn: conn, now: now}
	defer func() {
		if err != nil && in.batch != nil {
			_ = in.batch.Abort() // the connection may be in the middle of a block
		}
	}()
	for w := range writers {
		b := w.itself()
		if b.Rows() == 0 {
			continue
		}
		if err := in.add(ctx, b); err != nil {
			return fmt.Errorf("insert into %s: %w", b.table, err)
		}
		in.table, in.rows = b.table, in.rows+b.Rows()
	}
	if in.batch == nil {
		return nil
	}
	if err := in.batch.Send(); err != nil {
		return fmt.Errorf("insert %d rows into %s: %w", in.rows, in.table, err)
	}
	return nil
}

// insertion is an INSERT under way.
type insertion struct {
	conn    Inserter
	now     int64
	batch   driver.Batch // nil before the first row
	columns []column.Interface
	source  *source
	table   string
	rows    int
}

// add hands a block over piece by piece; the last piece waits in the driver for what follows.
func (in *insertion) add(ctx context.Context, b *block) (err error) {
	b.at.fill(in.now, b.Rows())
	for from := 0; from < b.Rows(); from += PieceRows {
		if in.batch == nil {
			if in.batch, err = in.conn.PrepareBatch(ctx, b.query); err != nil {
				return err
			}
			in.columns, in.source = in.batch.Columns(), newSource()
		} else if err := flush(ctx, in.batch); err != nil {
			return err
		}
		if err := in.handOver(b, from, min(from+PieceRows, b.Rows())); err != nil {
			return err
		}
	}
	return nil
}

// flush sends a piece; ctx is asked because, unlike Send, the driver's Flush does not.
func flush(ctx context.Context, batch driver.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return batch.Flush()
}

// handOver gives the driver's empty columns the rows in [from, to).
func (in *insertion) handOver(b *block, from, to int) error {
	for i, c := range in.columns {
		if err := handOver(c, b.columns[i], from, to, in.source); err != nil {
			return err
		}
	}
	return nil
}
