package list

import (
	"bytes"
	"slices"
)

// Pushed writes a table's rows as push sends them: those of the list, with the moments that ages count from instead of ages. One
// goroutine uses it at a time.
type Pushed[T any] struct {
	columns []Column[T]
	e       Encoder
}

// Pushed picks the fields of pushed rows in the table's order. key is the field that tells rows apart, which is always among them.
func (t *Table[T]) Pushed(key string, fields []string) *Pushed[T] {
	p := &Pushed[T]{e: Encoder{instead: true}}
	for _, c := range t.Columns {
		if c.Name == key || slices.Contains(fields, c.Name) {
			p.columns = append(p.columns, c)
		}
	}
	return p
}

// Row is one row as an object, the caller's own.
func (p *Pushed[T]) Row(row T) []byte {
	p.e.reset()
	writeRow(&p.e, p.columns, row)
	return bytes.Clone(p.e.B)
}
