package list

import (
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
	first := &firsts[T]{order: t.order(p), rows: make([]keyed[T], 0, most)}
	store := make([]Key, (most+1)*len(p.Sort))
	next := keyed[T]{keys: store[:0:len(p.Sort)]}
	for _, row := range rows {
		next.row, next.keys = row, next.keys[:0]
		if n := len(first.rows); n < most {
			first.rows = append(first.rows, next)
			next.keys = store[(n+1)*len(p.Sort):][:0:len(p.Sort)]
			if n+1 == most {
				for i := most/2 - 1; i >= 0; i-- {
					first.down(i)
				}
			}
			continue
		}
		if first.order.compare(&next, &first.rows[0]) < 0 {
			next, first.rows[0] = first.rows[0], next
			first.down(0)
		}
	}
	slices.SortFunc(first.rows, func(a, b keyed[T]) int { return first.order.compare(&a, &b) })
	out := make([]T, len(first.rows))
	for i := range out {
		out[i] = first.rows[i].row
	}
	return Cut(out, p)
}

// firsts is a binary heap of the rows that come first, the last of them on top.
type firsts[T any] struct {
	order *order[T]
	rows  []keyed[T]
}

// down lets a row sink until none below comes after it.
func (f *firsts[T]) down(i int) {
	for {
		below := 2*i + 1
		if below >= len(f.rows) {
			return
		}
		if right := below + 1; right < len(f.rows) && f.order.compare(&f.rows[right], &f.rows[below]) > 0 {
			below = right
		}
		if f.order.compare(&f.rows[below], &f.rows[i]) <= 0 {
			return
		}
		f.rows[i], f.rows[below] = f.rows[below], f.rows[i]
		i = below
	}
}
