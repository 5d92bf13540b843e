package engine

// stretchOf is a number of inputs that lie before those that a timeline has at hand: packed, a third of the size and, but for the
// extras of a few, nothing for the collector to look at.
type stretchOf[S any] struct {
	packed string
	state  *S        // before the first input; nil for the zero state
	apart  *[]*extra // that are not packed; few stretches have any
	last   uint32    // dt of the last input
	ref1   uint32    // of the last input
	ref2   uint32    // of the last input
	n      uint16
	told   bool // some are transitions
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
		l.packInputs(f.center(), &l.past[len(l.past)-1], l.in[:n])
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
	l.past = append(l.past, stretchOf[S]{state: l.first})
}

// packInputs appends inputs to a stretch.
func (l *timeline[S]) packInputs(c *center, p *stretchOf[S], list []input) {
	var buf [(stretchInputs + 16) * 10]byte // mostly enough
	text, before := append(buf[:0], p.packed...), &input{dt: p.last, ref1: p.ref1, ref2: p.ref2}
	for k := range list {
		in := &list[k]
		text = packInput(text, in, before)
		if x := l.extra(in); x != nil && x.shared() {
			text = append(text, packedApart)
			p.keep(x)
		} else if x != nil {
			text = c.packExtra(text, x)
		}
		p.told = p.told || in.kind == kindTransition
		before = in
	}
	p.packed, p.n = string(text), p.n+uint16(len(list))
	p.last, p.ref1, p.ref2 = before.dt, before.ref1, before.ref2
}

// shared reports whether states and other extras refer to what an extra has.
func (x *extra) shared() bool { return x.login != nil || x.assign != nil || x.attrs != nil }

func (p *stretchOf[S]) keep(x *extra) {
	if p.apart == nil {
		p.apart = &[]*extra{}
	}
	*p.apart = append(*p.apart, x)
}

// unpackTo makes sure that inputs of that moment are at hand, and that one can be put before them.
func (l *timeline[S]) unpackTo(f fold[S], dt uint32) {
	for len(l.past) > 0 && (len(l.in) == 0 || dt <= l.in[0].dt) {
		l.unpackLast(f.center())
	}
}

func (l *timeline[S]) unpackAll(c *center) {
	for len(l.past) > 0 {
		l.unpackLast(c)
	}
}

// keepSome makes sure that there is an input at hand unless there is none at all.
func (l *timeline[S]) keepSome(f fold[S]) {
	if len(l.in) == 0 && len(l.past) > 0 {
		l.unpackLast(f.center())
	}
}

// unpackLast unpacks the last stretch.
func (l *timeline[S]) unpackLast(c *center) {
	k := len(l.past) - 1
	n := int(l.past[k].n)
	l.in = append(l.unpack(c, make([]input, 0, n+len(l.in)+16), &l.past[k]), l.in...)
	for s := range l.snaps {
		l.snaps[s].at += n
	}
	l.snaps = append([]snapshot[S]{{at: n, state: l.first}}, l.snaps...)
	l.first = l.past[k].state
	l.past[k] = stretchOf[S]{}
	l.past = l.past[:k]
	l.reach = max(l.reach, len(l.in))
}

func (l *timeline[S]) unpack(c *center, in []input, p *stretchOf[S]) []input {
	apart, before := 0, input{}
	for r := (unpacker{p.packed}); r.rest != ""; {
		next, hasExtra := r.input(&before)
		if hasExtra {
			x := r.extra(c)
			if x == nil {
				x = (*p.apart)[apart]
				apart++
			}
			next.x = l.addExtra(x)
		}
		in, before = append(in, next), next
	}
	return in
}

// transitions visits those among the inputs, without their places.
func (l *timeline[S]) transitions(c *center, visit func(in *input)) {
	for k := range l.past {
		if !l.past[k].told {
			continue
		}
		before := input{}
		for r := (unpacker{l.past[k].packed}); r.rest != ""; {
			next, hasExtra := r.input(&before)
			if before = next; hasExtra {
				r.extra(c)
			}
			if next.kind == kindTransition {
				visit(&next)
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
func (l *timeline[S]) unpacked(c *center) *timeline[S] {
	u := &timeline[S]{base: l.base, in: l.in, first: l.first}
	u.past = append(u.past, l.past...)
	u.extras = append(u.extras, l.extras...)
	u.snaps = append(u.snaps, l.snaps...)
	u.unpackAll(c)
	return u
}
