package engine

// stretchOf is a number of inputs that lie before those that a timeline has at hand: packed, a third of the size and, but for the
// extras of a few, nothing for the collector to look at.
type stretchOf[S any] struct {
	packed string
	more   *pastMore[S] // nil where there is neither
	last   uint32       // dt of the last input
	ref1   uint32       // of the last input
	n      uint16
	told   bool // some are transitions
}

type pastMore[S any] struct {
	state  *S // before the first input; nil for the zero state
	extras []*extra
}

// stretchInputs is from how many inputs on a stretch is full: so many lie between two known states, hence no refold goes back further
// before the change itself.
const stretchInputs = 64

// pack packs the inputs up to a snapshot, as long as enough are left. It returns a state that is not needed any more, or nil.
func (l *timeline[S]) pack(f fold[S]) (unused *S) {
	for len(l.snaps) > 0 {
		n := l.snaps[0].at
		if n == 0 || n > 1<<15 || len(l.in)-n < max(l.reach, f.every()) {
			break
		}
		if k := len(l.past); k > 0 && l.past[k-1].n < stretchInputs {
			unused = l.first
		} else {
			l.beginStretch()
		}
		l.packInputs(&l.past[len(l.past)-1], l.in[:n])
		l.first = l.snaps[0].state
		l.cutInputs(n, 1)
	}
	return unused
}

// beginStretch begins one before which the first state is that of the inputs at hand.
func (l *timeline[S]) beginStretch() {
	n := len(l.past)
	if n == cap(l.past) { // there are many timelines, of one or two stretches: not doubled
		l.past = append(make([]stretchOf[S], 0, n+1+n/4), l.past...)
	}
	l.past = append(l.past, stretchOf[S]{})
	if l.first != nil {
		l.past[n].more = &pastMore[S]{state: l.first}
	}
}

// packInputs appends inputs to a stretch.
func (l *timeline[S]) packInputs(p *stretchOf[S], list []input) {
	var buf [(stretchInputs + 16) * 10]byte // mostly enough
	text, before := append(buf[:0], p.packed...), &input{dt: p.last, ref1: p.ref1}
	for k := range list {
		in := &list[k]
		text = packInput(text, in, before)
		if in.x != 0 {
			if p.more == nil {
				p.more = &pastMore[S]{}
			}
			p.more.extras = append(p.more.extras, l.extras[in.x-1])
		}
		p.told = p.told || in.kind == kindTransition
		before = in
	}
	p.packed, p.last, p.ref1, p.n = string(text), before.dt, before.ref1, p.n+uint16(len(list))
}

// unpackTo makes sure that inputs of that moment are at hand, and that one can be put before them.
func (l *timeline[S]) unpackTo(dt uint32) {
	for len(l.past) > 0 && (len(l.in) == 0 || dt <= l.in[0].dt) {
		l.unpackLast()
	}
}

func (l *timeline[S]) unpackAll() {
	for len(l.past) > 0 {
		l.unpackLast()
	}
}

// keepSome makes sure that there is an input at hand unless there is none at all.
func (l *timeline[S]) keepSome() {
	if len(l.in) == 0 && len(l.past) > 0 {
		l.unpackLast()
	}
}

// unpackLast unpacks the last stretch.
func (l *timeline[S]) unpackLast() {
	k := len(l.past) - 1
	n := int(l.past[k].n)
	l.in = append(l.unpack(make([]input, 0, n+len(l.in)+16), &l.past[k]), l.in...)
	for s := range l.snaps {
		l.snaps[s].at += n
	}
	l.snaps = append([]snapshot[S]{{at: n, state: l.first}}, l.snaps...)
	l.first = nil
	if more := l.past[k].more; more != nil {
		l.first = more.state
	}
	l.past[k] = stretchOf[S]{}
	l.past = l.past[:k]
	l.reach = max(l.reach, len(l.in))
}

func (l *timeline[S]) unpack(in []input, p *stretchOf[S]) []input {
	extras, before := []*extra(nil), input{}
	if p.more != nil {
		extras = p.more.extras
	}
	for r := (unpacker{p.packed}); r.rest != ""; {
		x, hasExtra := r.input(&before)
		if hasExtra {
			x.x, extras = l.addExtra(extras[0]), extras[1:]
		}
		in, before = append(in, x), x
	}
	return in
}

// transitions visits those among the inputs, without their places.
func (l *timeline[S]) transitions(visit func(in *input)) {
	for k := range l.past {
		if !l.past[k].told {
			continue
		}
		before := input{}
		for r := (unpacker{l.past[k].packed}); r.rest != ""; {
			if before, _ = r.input(&before); before.kind == kindTransition {
				visit(&before)
			}
		}
	}
	for k := range l.in {
		if l.in[k].kind == kindTransition {
			visit(&l.in[k])
		}
	}
}

// trimPast forgets stretches that nothing can come before the end of any more, because it lies at or before until.
func (l *timeline[S]) trimPast(until int64) {
	cut := 0
	for cut < len(l.past) && l.base+int64(l.past[cut].last) <= until {
		cut++
	}
	if cut > 0 {
		n := copy(l.past, l.past[cut:])
		clear(l.past[n:])
		l.past, l.reach = l.past[:n], 0
	}
}

// unpacked is a copy with all inputs at hand. States are shared.
func (l *timeline[S]) unpacked() *timeline[S] {
	c := &timeline[S]{base: l.base, in: l.in, first: l.first}
	c.past = append(c.past, l.past...)
	c.extras = append(c.extras, l.extras...)
	c.snaps = append(c.snaps, l.snaps...)
	c.unpackAll()
	return c
}
