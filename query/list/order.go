package list

import (
	"cmp"
	"slices"
	"strings"
)

// ranking puts rows in the order of a page's sort keys, nulls last, ties by id. Rows are told by their numbers, which sorting moves about
// with far less effort than rows and keys.
type ranking[T any] struct {
	id   func(T) string
	by   []func(T) Key
	desc []bool

	rows  []T
	keys  []Key   // of each row as many as there are in by
	known []int32 // how many of a row's have been worked out: most rows are told apart by the first
}

func (t *Table[T]) ranking(p Page) *ranking[T] {
	r := &ranking[T]{id: t.ID}
	for _, k := range p.Sort {
		r.by, r.desc = append(r.by, t.sorter(k.Field)), append(r.desc, k.Desc)
	}
	return r
}

// expect makes room for rows.
func (r *ranking[T]) expect(n int) {
	r.rows, r.known, r.keys = make([]T, 0, n), make([]int32, 0, n), make([]Key, 0, n*len(r.by))
}

// add gives a row the next number.
func (r *ranking[T]) add(row T) {
	r.rows, r.known = append(r.rows, row), append(r.known, 0)
	for range r.by {
		r.keys = append(r.keys, Key{})
	}
}

// key is a row's jth; those before it are known.
func (r *ranking[T]) key(n int32, j int) *Key {
	k := &r.keys[int(n)*len(r.by)+j]
	if int(r.known[n]) == j {
		*k, r.known[n] = r.by[j](r.rows[n]), int32(j+1)
	}
	return k
}

func (r *ranking[T]) compare(a, b int32) int {
	for j := range r.by {
		if c := r.compareKeys(j, r.key(a, j), r.key(b, j)); c != 0 {
			return c
		}
	}
	return cmp.Or(strings.Compare(r.id(r.rows[a]), r.id(r.rows[b])), cmp.Compare(a, b))
}

// compareKeys compares the values of one sort key.
func (r *ranking[T]) compareKeys(j int, x, y *Key) int {
	switch {
	case x.null && y.null:
		return 0
	case x.null:
		return 1
	case y.null:
		return -1
	case r.desc[j]:
		return y.compare(x)
	}
	return x.compare(y)
}

// replace gives a row the number of another where it comes before that, and reports whether it does.
func (r *ranking[T]) replace(n int32, row T) bool {
	for j, by := range r.by {
		key, other := by(row), r.key(n, j)
		switch c := r.compareKeys(j, &key, other); {
		case c > 0:
			return false
		case c < 0:
			*other = key
			r.rows[n], r.known[n] = row, int32(j+1)
			return true
		}
	}
	if strings.Compare(r.id(row), r.id(r.rows[n])) >= 0 {
		return false
	}
	r.rows[n] = row
	return true
}

// Arrange orders rows by the page's sort keys, nulls last, ties by id. rows is changed and must come in order of id where the
// page names no sort.
func (t *Table[T]) Arrange(rows []T, p Page) {
	if len(p.Sort) == 0 {
		return
	}
	r := t.ranking(p)
	r.expect(len(rows))
	order := make([]int32, len(rows))
	for n, row := range rows {
		r.add(row)
		order[n] = int32(n)
	}
	slices.SortFunc(order, r.compare)
	for i, n := range order {
		rows[i] = r.rows[n]
	}
}

// Collector takes the rows of an answer in one by one, in order of id where its page names no sort. Of a page in JSON it keeps only those
// that may be on it: most rows of a large floor are not. One goroutine uses it.
type Collector[T any] struct {
	table *Table[T]
	page  Page
	total int
	all   []T // of a stream, or of a page that is not sorted

	ranking *ranking[T]
	first   []int32 // of a sorted page: a binary heap once it is full, with the row that comes last on top
}

// Collect begins to take rows in.
func (t *Table[T]) Collect(p Page) *Collector[T] {
	c := &Collector[T]{table: t, page: p, ranking: t.ranking(p)}
	if p.Format == JSON && len(p.Sort) > 0 {
		c.ranking.expect(min(p.Offset+p.Limit, MaxLimit))
	}
	return c
}

// Add takes a row in.
func (c *Collector[T]) Add(row T) {
	c.total++
	most := c.page.Offset + c.page.Limit
	switch {
	case c.page.Format != JSON:
		c.all = append(c.all, row)
	case len(c.page.Sort) == 0:
		if c.total > c.page.Offset && c.total <= most {
			c.all = append(c.all, row)
		}
	case len(c.first) < most:
		c.first = append(c.first, int32(len(c.first)))
		c.ranking.add(row)
		if len(c.first) == most {
			for i := most/2 - 1; i >= 0; i-- {
				c.down(i)
			}
		}
	case c.ranking.replace(c.first[0], row):
		c.down(0)
	}
}

// Page is a JSON page's rows, in its order, and how many there are in all.
func (c *Collector[T]) Page() (rows []T, total int) {
	if len(c.page.Sort) == 0 {
		return c.all, c.total
	}
	slices.SortFunc(c.first, c.ranking.compare)
	rows = make([]T, 0, min(c.page.Limit, len(c.first)))
	for _, n := range c.first[min(c.page.Offset, len(c.first)):] {
		rows = append(rows, c.ranking.rows[n])
	}
	return rows, c.total
}

// All are the rows of a stream, in its order.
func (c *Collector[T]) All() []T {
	c.table.Arrange(c.all, c.page)
	return c.all
}

// down lets a row sink until none below comes after it.
func (c *Collector[T]) down(i int) {
	for {
		below := 2*i + 1
		if below >= len(c.first) {
			return
		}
		if right := below + 1; right < len(c.first) && c.ranking.compare(c.first[right], c.first[below]) > 0 {
			below = right
		}
		if c.ranking.compare(c.first[below], c.first[i]) <= 0 {
			return
		}
		c.first[i], c.first[below] = c.first[below], c.first[i]
		i = below
	}
}
