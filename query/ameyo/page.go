package ameyo

import "math"

// gathering selects rows, counts them and keeps those that are to be shown.
type gathering struct {
	*filter
	from, to int // places of the rows that are kept, among all that were selected
	total    int // of all that were selected
	rows     []row
}

// add takes a row where the filter selects it; r is good for the call.
func (g *gathering) add(r *row) {
	if !g.match(r) {
		return
	}
	if g.total >= g.from && g.total < g.to {
		g.rows = append(g.rows, *r)
	}
	g.total++
}

// leaps counts the next n rows that are selected, if none of them is to be kept: what such rows show need not be found out.
func (g *gathering) leaps(n int) bool {
	if g.total < g.to && g.total+n > g.from {
		return false
	}
	g.total += n
	return true
}

// page selects and orders the rows and cuts out a page; total counts all that were selected.
func (t *table) page(s *state, f *filter, order []sortKey, offset, limit int) (total int, rows []row) {
	if order == nil {
		g := &gathering{filter: f, from: offset, to: offset + limit}
		t.rows(s, g)
		return g.total, g.rows
	}
	g := &gathering{filter: f, to: math.MaxInt}
	t.rows(s, g)
	arrange(s, g.rows, order)
	from := min(offset, g.total)
	return g.total, g.rows[from:min(from+limit, g.total)]
}
