package engine

// stretchOf is a number of inputs that lie before those that a timeline has at hand: packed, a third of the size and, but for the
// extras of a few, nothing for the collector to look at.
type stretchOf[S any] struct {
	packed cold
	more   *pastMore[S] // nil where there is neither
	last   uint32       // dt of the last input
	n      uint16
	known  bool // the state before the first input is known
	told   bool // some are transitions
}

type pastMore[S any] struct {
	state  *S // before the first input, if it is known; nil for the zero state
	extras []*extra
}

// stateEvery is how many inputs lie between two known states, hence the most that a refold goes back before the change itself, but for a
// stretch.
const stateEvery = 64

// pack packs the inputs up to the first snapshot, unless too few would be left. It returns a state that is not needed any more, or nil.
func (l *timeline[S]) pack(f fold[S]) (unused *S) {
	if len(l.snaps) == 0 {
		return nil
	}
	n := l.snaps[0].at
	if n == 0 || n > 1<<16-1 || len(l.in)-n < max(l.reach, f.every()) {
		return nil
	}
	p := stretchOf[S]{last: l.in[n-1].dt, n: uint16(n), known: l.inputsSinceState() >= stateEvery}
	var extras []*extra
	var buf [16 * 24]byte
	text, before := buf[:0], &input{}
	for k := range l.in[:n] {
		in := &l.in[k]
		text = packInput(text, in, before)
		if in.x != 0 {
			extras = append(extras, l.extras[in.x-1])
		}
		p.told = p.told || in.kind == kindTransition
		before = in
	}
	p.packed = cold(text)
	if p.known && l.first != nil || extras != nil {
		p.more = &pastMore[S]{extras: extras}
	}
	if !p.known {
		unused = l.first
	} else if l.first != nil {
		p.more.state = l.first
	}
	l.past = append(l.past, p)
	l.first = l.snaps[0].state
	l.cutInputs(n, 1)
	return unused
}

// inputsSinceState counts the packed inputs behind the last known state; where nothing is packed, it is as if there were many.
func (l *timeline[S]) inputsSinceState() int {
	n := 0
	for k := len(l.past) - 1; k >= 0; k-- {
		n += int(l.past[k].n)
		if l.past[k].known {
			return n
		}
	}
	return stateEvery
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

// unpackLast unpacks inputs from the last known state on.
func (l *timeline[S]) unpackLast() {
	k, n := len(l.past)-1, int(l.past[len(l.past)-1].n)
	for !l.past[k].known {
		k--
		n += int(l.past[k].n)
	}
	in := make([]input, 0, n+len(l.in)+16)
	for p := range l.past[k:] {
		in = l.unpack(in, &l.past[k+p])
	}
	l.in = append(in, l.in...)
	for s := range l.snaps {
		l.snaps[s].at += n
	}
	l.snaps = append([]snapshot[S]{{at: n, state: l.first}}, l.snaps...)
	l.first = nil
	if more := l.past[k].more; more != nil {
		l.first = more.state
	}
	clear(l.past[k:])
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

// trimPast forgets packed inputs that nothing can come before any more: those before a known state whose predecessors all lie at or before
// until.
func (l *timeline[S]) trimPast(until int64) {
	cut := 0
	for k := range l.past {
		if l.base+int64(l.past[k].last) > until {
			break
		}
		if k+1 == len(l.past) || l.past[k+1].known {
			cut = k + 1
		}
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
