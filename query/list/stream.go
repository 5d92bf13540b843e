package list

import (
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/compress"
)

// Source gives the rows of a stream, one after the other.
type Source[T any] interface {
	// Next returns io.EOF after the last row. Any other error cuts the answer off, so that a client sees that it is not whole.
	Next() (T, error)
	// Close is called once, whether the stream came to its end or not.
	Close() error
}

// Rows is a source of rows that are in memory.
func Rows[T any](rows []T) Source[T] { return &inMemory[T]{rows} }

type inMemory[T any] struct{ rows []T }

func (s *inMemory[T]) Next() (row T, err error) {
	if len(s.rows) == 0 {
		return row, io.EOF
	}
	row, s.rows = s.rows[0], s.rows[1:]
	return row, nil
}

func (s *inMemory[T]) Close() error { return nil }

// Stream sends all rows of a source line by line in the page's form, NDJSON or CSV, so that memory does not grow with them. What
// fails before the first row is returned; what fails later cuts the connection. The source is closed in any case.
func Stream[T any](c *fiber.Ctx, t *Table[T], rows Source[T], p Page, m Metadata) error {
	columns, err := t.pick(p.Fields)
	if err != nil {
		return errors.Join(err, rows.Close())
	}
	if Unchanged(c, xxhash.Sum64String(string(p.Format)+"\x00"+string(c.Request().URI().QueryString())+"\x00"+m.Tag)) {
		return rows.Close()
	}
	lines := &lineReader[T]{columns: columns, rows: rows, csv: p.Format == CSV}
	if err := lines.begin(); err != nil {
		return errors.Join(err, lines.Close())
	}
	if p.Format == CSV {
		c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	} else {
		c.Set(fiber.HeaderContentType, "application/x-ndjson")
	}
	if c.Method() == fiber.MethodHead {
		return lines.Close()
	}
	// The server reads the answer from here, closes it, and closes the connection without the end of the body where reading
	// fails: that is how a client of chunked transfer sees that lines are missing.
	compress.Stream(c, lines)
	return nil
}

// flushAt is how much is encoded before it is handed on.
const flushAt = 16 << 10

// lineReader encodes rows when they are read.
type lineReader[T any] struct {
	columns []Column[T]
	rows    Source[T]
	csv     bool
	out     []byte // encoded
	at      int    // of out: read so far
	cell    Encoder
	err     error
}

// begin encodes the head and the first row, while an error can still be told.
func (r *lineReader[T]) begin() error {
	if r.csv {
		for i := range r.columns {
			r.out = appendCell(r.out, i, r.columns[i].Name)
		}
		r.out = append(r.out, "\r\n"...)
	}
	if r.err = r.next(); r.err == io.EOF {
		return nil
	}
	return r.err
}

func (r *lineReader[T]) next() error {
	row, err := r.rows.Next()
	if err != nil {
		return err
	}
	if r.csv {
		for i := range r.columns {
			r.cell.reset()
			r.columns[i].Write(&r.cell, row)
			r.out = appendCell(r.out, i, cellText(r.cell.B))
		}
		r.out = append(r.out, "\r\n"...)
		return nil
	}
	r.cell.reset()
	writeRow(&r.cell, r.columns, row)
	r.out = append(append(r.out, r.cell.B...), '\n')
	return nil
}

func (r *lineReader[T]) Read(p []byte) (int, error) {
	if r.at == len(r.out) {
		r.out, r.at = r.out[:0], 0
		for r.err == nil && len(r.out) < flushAt {
			r.err = r.next()
		}
		if len(r.out) == 0 {
			return 0, r.err
		}
	}
	n := copy(p, r.out[r.at:])
	r.at += n
	return n, nil
}

func (r *lineReader[T]) Close() error { return r.rows.Close() }
