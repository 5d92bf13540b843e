package list

import (
	"container/heap"
	"slices"
	"strings"
)

// order compares rows by a page's sort keys, nulls last, ties by id.
type order[T any] struct {
	id   func(T) string
	keys []func(T) Key
	desc []bool
}

// keyed is a row with the keys that were worked out so far: most rows are told apart by the first.
type keyed[T any] struct {
	row  T
	keys []Key
}

func (t *Table[T]) order(p Page) *order[T] {
	o := &order[T]{id: t.ID}
	for _, k := range p.Sort {
		o.keys, o.desc = append(o.keys, t.sorter(k.Field)), append(o.desc, k.Desc)
	}
	return o
}

func (o *order[T]) key(k *keyed[T], j int) *Key {
	for len(k.keys) <= j {
		k.keys = append(k.keys, o.keys[len(k.keys)](k.row))
	}
	return &k.keys[j]
}

func (o *order[T]) compare(a, b *keyed[T]) int {
	for j := range o.keys {
		x, y := o.key(a, j), o.key(b, j)
		switch {
		case x.null && y.null:
			continue
		case x.null:
			return 1
		case y.null:
			return -1
		}
		c := x.compare(*y)
		if o.desc[j] {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return strings.Compare(o.id(a.row), o.id(b.row))
}

// Arrange orders rows by the page's sort keys, nulls last, ties by id. rows is changed and must come in order of id where the
// page names no sort.
func (t *Table[T]) Arrange(rows []T, p Page) {
	if len(p.Sort) == 0 {
		return
	}
	o, n := t.order(p), len(p.Sort)
	all := make([]keyed[T], len(rows))
	store := make([]Key, len(rows)*n)
	for i, row := range rows {
		all[i] = keyed[T]{row, store[i*n : i*n : (i+1)*n]}
		o.key(&all[i], n-1) // all of them: sorting compares copies
	}
	slices.SortFunc(all, func(a, b keyed[T]) int { return o.compare(&a, &b) })
	for i := range all {
		rows[i] = all[i].row
	}
}

// Page is the page's share of rows, in its order. Where it is a small one, only as much is put in order. rows is changed.
func (t *Table[T]) Page(rows []T, p Page) []T {
	most := p.Offset + p.Limit
	if len(p.Sort) == 0 || most > len(rows)/4 {
		t.Arrange(rows, p)
		return Cut(rows, p)
	}
	first := &firsts[T]{order: t.order(p)}
	var next keyed[T]
	for _, row := range rows {
		next.row, next.keys = row, next.keys[:0]
		if len(first.rows) < most {
			heap.Push(first, keyed[T]{row, make([]Key, 0, len(p.Sort))})
			continue
		}
		if first.order.compare(&next, &first.rows[0]) < 0 {
			next, first.rows[0] = first.rows[0], next
			heap.Fix(first, 0)
		}
	}
	out := make([]T, len(first.rows))
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = heap.Pop(first).(keyed[T]).row
	}
	return Cut(out, p)
}

// firsts is a heap of the rows that come first, the last of them on top.
type firsts[T any] struct {
	order *order[T]
	rows  []keyed[T]
}

func (f *firsts[T]) Len() int           { return len(f.rows) }
func (f *firsts[T]) Less(i, j int) bool { return f.order.compare(&f.rows[i], &f.rows[j]) > 0 }
func (f *firsts[T]) Swap(i, j int)      { f.rows[i], f.rows[j] = f.rows[j], f.rows[i] }
func (f *firsts[T]) Push(x any)         { f.rows = append(f.rows, x.(keyed[T])) }
func (f *firsts[T]) Pop() any {
	last := f.rows[len(f.rows)-1]
	f.rows = f.rows[:len(f.rows)-1]
	return last
}
