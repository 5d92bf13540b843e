package engine

import "sort"

// An entity (an agent, an interaction) is its inputs in event-time order and the fold over them. A timeline keeps the inputs
// that are still inside the horizon, the state before the first of them, snapshots in between and the state after the last. All but the
// newest inputs are packed (past.go), until something is to be done among them.

// input is one thing that happened to an entity: an event of its own, or what another entity's fold derived for it. It is
// packed, because the engine holds every input of the last hour. What ref1, ref2, a and b mean depends on kind.
type input struct {
	dt   uint32 // ms since the timeline's base
	x    uint32 // 1 + index of what does not fit here, 0 for none
	ref1 uint32
	ref2 uint32
	kind uint8 // an own event's schema.EventType, or one of the derived kinds
	a    uint8
	b    uint16
}

// Derived kinds of input.
const (
	kindTransition uint8 = 28 + iota // to an agent: a part of an interaction changed. ref1 handle, ref2 and a: see transition
	kindTick                         // a deadline that complete_until has passed; the fold itself knows what it means
	kindLogout                       // to an interaction: an agent (ref1) logged out
	kindWrapEnd                      // to an interaction: the wrap of a part (b) has ended
)

// extra is what an input carries beyond its packed fields.
type extra struct {
	seq    int64
	hasSeq bool
	late   int64 // complete_until when the event came from beyond the horizon, else 0
	login  *session
	assign *assignment // of assignment: what it names; nil slices were not named
	tag    *tag
	attrs  *attributes
	text   []string // skills of queued
	num    int64    // priority of queued
}

type snapshot[S any] struct {
	at    int // the state before in[at]
	state *S
}

// timeline is the log of one entity with its states. S is the fold's state.
type timeline[S any] struct {
	base   int64          // event time of dt 0; 0 before there was one
	past   []stretchOf[S] // inputs before in[0]
	in     []input
	extras []*extra
	first  *S // the state before in[0]; nil for the zero state
	snaps  []snapshot[S]
	reach  int // so many inputs at least are not packed
	head   S   // the state after the last input
}

// fold is what a timeline needs to know of its entity.
type fold[S any] interface {
	apply(s *S, in *input, out *outputs)
	clone(into, s *S) *S // into is memory for it, or nil
	every() int          // how many inputs lie between two snapshots
	equal(a, b *S) bool
	less(a, b *input) bool // strict order of inputs; equal ones keep the order of arrival
	center() *center
}

func (l *timeline[S]) time(in *input) int64 { return l.base + int64(in.dt) }

func (l *timeline[S]) extra(in *input) *extra {
	if in.x == 0 {
		return nil
	}
	return l.extras[in.x-1]
}

func (l *timeline[S]) addExtra(x *extra) uint32 {
	if l.extras == nil {
		l.extras = make([]*extra, 0, 2)
	}
	l.extras = append(l.extras, x)
	return uint32(len(l.extras))
}

// stamp sets the input's time, clamped to what the timeline can still express.
func (l *timeline[S]) stamp(in *input, t int64) {
	if l.base == 0 {
		l.base = t - 1<<30 // room before the first one: events come late
	}
	d := t - l.base
	if d < 0 {
		d = 0
	}
	if d > 1<<32-1 {
		d = 1<<32 - 1
	}
	in.dt = uint32(d)
}

// position is where an input belongs: after all that are not greater.
func (l *timeline[S]) position(f fold[S], in *input) int {
	n := len(l.in)
	if n == 0 || !f.less(in, &l.in[n-1]) {
		return n
	}
	return sort.Search(n, func(i int) bool { return f.less(in, &l.in[i]) })
}

// add appends an input that is the newest and folds it in; false where it belongs further back.
func (l *timeline[S]) add(f fold[S], in input, out *outputs) bool {
	n := len(l.in)
	if n == cap(l.in) { // there are many timelines: not doubled. 17 are what agents' mostly hold
		l.in = append(make([]input, 0, n|1+max(8, min(n/8, 4096))), l.in...)
	}
	l.in = append(l.in, in)
	if n > 0 && f.less(&l.in[n], &l.in[n-1]) { // compared in its place: an argument whose address is taken would be allocated
		l.in = l.in[:n]
		return false
	}
	if n > 0 && n-l.lastSnapshot() >= f.every() {
		unused := l.pack(f)
		n = len(l.in) - 1
		l.snaps = append(l.snaps, snapshot[S]{at: n, state: f.clone(unused, &l.head)})
	}
	f.apply(&l.head, &l.in[n], out)
	return true
}

func (l *timeline[S]) lastSnapshot() int {
	if n := len(l.snaps); n > 0 {
		return l.snaps[n-1].at
	}
	return 0
}

// before returns a copy of the state before in[p].
func (l *timeline[S]) before(f fold[S], p int, scratch *outputs) *S {
	i := sort.Search(len(l.snaps), func(i int) bool { return l.snaps[i].at > p }) - 1
	at, s := 0, l.first
	if i >= 0 {
		at, s = l.snaps[i].at, l.snaps[i].state
	}
	if s == nil {
		s = new(S)
	} else {
		s = f.clone(nil, s)
	}
	for ; at < p; at++ {
		scratch.reset()
		f.apply(s, &l.in[at], scratch)
	}
	scratch.reset()
	return s
}

// edit removes and inserts inputs and folds again from the first change until the state equals the old one. What the old course
// put out from there goes to was, what the new one puts out to is. It reports whether the head changed.
func (l *timeline[S]) edit(f fold[S], remove, insert []input, was, is *outputs) bool {
	sort.SliceStable(insert, func(i, j int) bool { return f.less(&insert[i], &insert[j]) })
	for i := range remove {
		l.unpackTo(f, remove[i].dt)
	}
	if len(insert) > 0 {
		l.unpackTo(f, insert[0].dt)
	}
	defer l.keepSome(f)
	from, to := len(l.in), 0
	gone := make([]int, 0, len(remove))
	for i := range remove {
		p := l.find(f, &remove[i], gone)
		if p < 0 {
			continue
		}
		gone = append(gone, p)
		from, to = min(from, p), max(to, p+1)
	}
	for i := range insert {
		p := l.position(f, &insert[i])
		from, to = min(from, p), max(to, p)
	}
	if to < from {
		return false
	}
	old := append([]input(nil), l.in[from:to]...)
	kept := make([]input, 0, len(old)+len(insert))
	for i := from; i < to; i++ {
		if !contains(gone, i) {
			kept = append(kept, l.in[i])
		}
	}
	region := merge(f, kept, insert)

	sOld := l.before(f, from, was)
	sNew := f.clone(nil, sOld)
	for i := range old {
		f.apply(sOld, &old[i], was)
	}
	l.replace(from, to, region)
	for i := range region {
		f.apply(sNew, &l.in[from+i], is)
	}
	at := from + len(region)
	snap := sort.Search(len(l.snaps), func(i int) bool { return l.snaps[i].at >= at })
	for ; at < len(l.in); at++ {
		if same := at > 0 && l.in[at].dt == l.in[at-1].dt; !same && f.equal(sOld, sNew) { // a moment is not split
			return false
		}
		if snap < len(l.snaps) && l.snaps[snap].at == at {
			l.snaps[snap].state = f.clone(nil, sNew)
			snap++
		}
		f.apply(sOld, &l.in[at], was)
		f.apply(sNew, &l.in[at], is)
	}
	if snap < len(l.snaps) { // its input was taken back, and another may follow
		l.snaps[snap].state = f.clone(nil, sNew)
	}
	l.head = *sNew
	return true
}

// find returns the index of the last input equal to in that is not in taken, or -1.
func (l *timeline[S]) find(f fold[S], in *input, taken []int) int {
	l.unpackTo(f, in.dt)
	for p := l.position(f, in) - 1; p >= 0 && l.in[p].dt == in.dt; p-- {
		if l.in[p] == *in && !contains(taken, p) {
			return p
		}
	}
	return -1
}

// replace swaps in[from:to] for region; snapshots inside the region are dropped, later ones move along.
func (l *timeline[S]) replace(from, to int, region []input) {
	d := len(region) - (to - from)
	n := len(l.in)
	if d > 0 {
		l.in = append(l.in, region[:d]...)
	}
	copy(l.in[to+d:], l.in[to:n])
	l.in = l.in[:n+d]
	copy(l.in[from:], region)
	k := 0
	for _, s := range l.snaps {
		if s.at > from && s.at < to || s.at == to && to > from {
			continue
		}
		if s.at >= to && s.at > from {
			s.at += d
		}
		l.snaps[k] = s
		k++
	}
	clear(l.snaps[k:])
	l.snaps = l.snaps[:k]
}

// trim forgets inputs that nothing can come before any more: those up to a snapshot whose predecessors all lie at or before until.
func (l *timeline[S]) trim(until int64) {
	if l.trimPast(until); len(l.past) > 0 {
		return
	}
	cut := -1
	for i, s := range l.snaps {
		if l.time(&l.in[s.at-1]) > until {
			break
		}
		cut = i
	}
	if cut < 0 {
		return
	}
	l.first = l.snaps[cut].state
	l.cutInputs(l.snaps[cut].at, cut+1)
}

// cutInputs removes the first inputs and the first snapshots.
func (l *timeline[S]) cutInputs(n, snaps int) {
	l.in = l.in[:copy(l.in, l.in[n:])]
	k := copy(l.snaps, l.snaps[snaps:])
	clear(l.snaps[k:])
	l.snaps = l.snaps[:k]
	for i := range l.snaps {
		l.snaps[i].at -= n
	}
	l.renumber()
}

// collapse forgets all inputs: the head is all that is left. Only for an entity whose inputs all lie at or before complete_until.
func (l *timeline[S]) collapse(f fold[S]) {
	l.first = f.clone(nil, &l.head)
	l.base, l.past, l.in, l.extras, l.snaps, l.reach = 0, nil, nil, nil, nil, 0
}

// makeRoom keeps t expressible: dt counts from a base at most 49 days back, and what the horizon holds spans hours.
func (l *timeline[S]) makeRoom(f fold[S], t, completeUntil int64) {
	if t-l.base < 1<<31 {
		return
	}
	if len(l.in) == 0 {
		l.base = 0
		return
	}
	if l.time(&l.in[len(l.in)-1]) <= completeUntil {
		l.collapse(f)
		return
	}
	l.unpackAll(f.center())
	shift := l.in[0].dt - min(l.in[0].dt, 1<<30)
	l.base += int64(shift)
	for i := range l.in {
		l.in[i].dt -= shift
	}
}

// renumber drops extras that no input names any more.
func (l *timeline[S]) renumber() {
	if len(l.extras) == 0 {
		return
	}
	var kept []*extra
	for i := range l.in {
		if x := l.in[i].x; x != 0 {
			kept = append(kept, l.extras[x-1])
			l.in[i].x = uint32(len(kept))
		}
	}
	l.extras = kept
}

func merge[S any](f fold[S], a, b []input) []input {
	out := make([]input, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if f.less(&b[0], &a[0]) {
			out, b = append(out, b[0]), b[1:]
		} else {
			out, a = append(out, a[0]), a[1:]
		}
	}
	return append(append(out, a...), b...)
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
