package floor

import (
	"math/bits"
	"slices"
	"sort"
	"strings"
	"sync"

	"floorwalker/schema"
)

// blockSize agents share a block: small enough to be copied for one change, large enough that a list of them is short.
const (
	blockSize = 64
	words     = blockSize / 64
)

// roster is all agents of one state, in order of id, indexed by status and place. It never changes: the next state copies the
// blocks in which something changed, so that its cost depends on the changes and not on the number of agents.
type roster struct {
	blocks []*block
	count  int
	change *schema.Change // the newest one that is in it
	places *placer        // whose directory it was joined with; only under the lock of rosters
	shared []*Place       // those of places, by their n
}

// block holds what most filters and orders ask for apart from the agents, which are read only where they are shown. Reading it is mostly
// waiting for memory, so that what is asked for together stands together.
type block struct {
	status [schema.NumStatuses][words]uint64
	paused [words]uint64 // suspended
	filled [words]uint64 // all there are
	n      int
	place  [blockSize]int16 // Place.n
	rows   [blockSize]entry // without an agent from n on
}

// entry is what is asked for of an agent that passed the filters on status and place.
type entry struct {
	agent  *Agent
	since  int64     // status_since
	load   [3]uint16 // live, semi-live and non-live workload
	status schema.Status
}

func (b *block) set(i int, a *Agent) {
	word, bit := i/64, uint64(1)<<(i%64)
	if b.rows[i].agent != nil {
		b.status[b.rows[i].status][word] &^= bit
	}
	b.place[i] = int16(a.Place.n)
	b.rows[i] = entry{a, a.Live.StatusSince, [3]uint16{a.Live.Live, a.Live.SemiLive, a.Live.NonLive}, a.Live.Status}
	b.status[a.Live.Status][word] |= bit
	b.filled[word] |= bit
	b.paused[word] &^= bit
	if a.Live.Suspended {
		b.paused[word] |= bit
	}
}

// mask are the agents in one of the statuses.
func (b *block) mask(statuses []schema.Status) (out [words]uint64) {
	for _, s := range statuses {
		for w := range out {
			out[w] |= b.status[s][w]
		}
	}
	return out
}

// all are the agents in one slice.
func (r *roster) all() []*Agent {
	out := make([]*Agent, 0, r.count)
	for _, b := range r.blocks {
		for i := range b.n {
			out = append(out, b.rows[i].agent)
		}
	}
	return out
}

// Recent are the newest few of what is made of each state of a contact centre, from which the next is made: that costs as much as what
// has changed. What it holds must never be changed.
type Recent[T any] struct {
	mu   sync.Mutex
	kept [4]*T // newest first; requests that overlap may ask for an older state
}

// Of is the one of a state: advanced from one that was kept, which may be it, or where advance can't (nil), made anew.
func (r *Recent[T]) Of(advance func(*T) *T, anew func() *T) *T {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, base := range r.kept {
		if base == nil {
			continue
		}
		switch next := advance(base); next {
		case nil:
		case base:
			return base
		default:
			return r.keep(next)
		}
	}
	return r.keep(anew())
}

func (r *Recent[T]) keep(newest *T) *T {
	copy(r.kept[1:], r.kept[:])
	r.kept[0] = newest
	return newest
}

// recent is what the next view of a contact centre is made from.
type recent struct {
	rosters   Recent[roster]
	staffings Recent[staffing]
}

func (v *View) makeRoster() *roster {
	anew := func() *roster { return v.joinAll(newPlacer(v.Directory)) }
	if v.recent == nil {
		return anew()
	}
	return v.recent.rosters.Of(func(base *roster) *roster {
		if base.places.directory != v.Directory {
			return nil
		}
		return base.advance(v.Floor.Changes)
	}, anew)
}

func (v *View) joinAll(places *placer) *roster {
	ids := make([]string, 0, max(len(v.Directory.Agents), v.Floor.Agents.Len()))
	for id := range v.Directory.Agents {
		ids = append(ids, id)
	}
	v.Floor.Agents.Scan(func(id string, _ *schema.LiveAgent) bool {
		if v.Directory.Agents[id] == nil {
			ids = append(ids, id)
		}
		return true
	})
	slices.Sort(ids)
	rows := make([]Agent, len(ids))
	r := &roster{count: len(ids), change: v.Floor.Changes, places: places, blocks: make([]*block, 0, len(ids)/blockSize+1)}
	for i, id := range ids {
		live, _ := v.Floor.Agents.Get(id)
		rows[i] = places.join(id, live)
		if i%blockSize == 0 {
			r.blocks = append(r.blocks, &block{})
		}
		b := r.blocks[i/blockSize]
		b.set(b.n, &rows[i])
		b.n++
	}
	r.shared = places.shared
	return r
}

// advance is the roster after the changes up to and with target, nil where these are not known or an agent is new.
func (r *roster) advance(target *schema.Change) *roster {
	if target == nil || r.change == nil {
		return nil
	}
	changed := map[string]*schema.LiveAgent{}
	for c := r.change; c != target; {
		if c = c.Next(); c == nil {
			return nil
		}
		if c.Agent != nil {
			changed[c.Agent.ID] = c.Agent
		}
	}
	out := &roster{blocks: slices.Clone(r.blocks), count: r.count, change: target, places: r.places}
	for id, live := range changed {
		n, i := out.find(id)
		if i < 0 {
			return nil
		}
		if out.blocks[n] == r.blocks[n] {
			b := *r.blocks[n]
			out.blocks[n] = &b
		}
		row := r.places.rejoin(r.blocks[n].rows[i].agent, live)
		out.blocks[n].set(i, &row)
	}
	out.shared = out.places.shared
	return out
}

// find returns an agent's block and its place there, -1 where it is not in the roster.
func (r *roster) find(id string) (n, i int) {
	n = sort.Search(len(r.blocks), func(n int) bool { return r.blocks[n].rows[0].agent.ID > id }) - 1
	if n < 0 {
		return 0, -1
	}
	b := r.blocks[n]
	i, ok := slices.BinarySearchFunc(b.rows[:b.n], id, func(e entry, id string) int { return strings.Compare(e.agent.ID, id) })
	if !ok {
		return n, -1
	}
	return n, i
}

// Row is one agent by id; unlike Agent it takes no number, and costs little where many are asked for.
func (v *View) Row(id string) (*Agent, bool) {
	r := v.shared.roster()
	n, i := r.find(id)
	if i < 0 {
		return nil, false
	}
	return r.blocks[n].rows[i].agent, true
}

// Selection says which agents are wanted; nil fields want all.
type Selection struct {
	Status *[schema.NumStatuses]bool
	Place  func(*Place) bool // depends on nothing but the place
	Agent  func(*Agent) bool

	// AnyOrder lets agents come in an order that has little to do with their ids, for who keeps the first few of another order: where that
	// runs against the ids, as names often do, every agent would come before all that were kept.
	AnyOrder bool
}

// Tester is a selection for single agents of any view of one directory. One goroutine uses it at a time.
type Tester struct {
	Selection
	judged []judgement // of shared places, by their n
}

type judgement struct {
	place *Place
	fits  bool
}

// Test reports whether an agent is wanted. It costs some nanoseconds where the status or a place that came before decides.
func (t *Tester) Test(a *Agent) bool {
	return (t.Status == nil || t.Status[a.Live.Status]) && (t.Place == nil || t.fits(a.Place)) && (t.Agent == nil || t.Agent(a))
}

func (t *Tester) fits(p *Place) bool {
	if p.n < 0 {
		return t.Place(p)
	}
	if p.n < len(t.judged) && t.judged[p.n].place == p {
		return t.judged[p.n].fits
	}
	if p.n >= len(t.judged) {
		t.judged = append(t.judged, make([]judgement, p.n+1-len(t.judged))...)
	}
	t.judged[p.n] = judgement{p, t.Place(p)}
	return t.judged[p.n].fits
}

// Picked is an agent with what lists are mostly sorted by: far fewer agents are shown than are put in order, and reading only this
// leaves all the others' memory alone.
type Picked struct {
	*Agent
	Status schema.Status
	Since  int64 // status_since
}

// Pick is an agent picked alone.
func Pick(a *Agent) Picked { return Picked{a, a.Live.Status, a.Live.StatusSince} }

// Select calls f with each agent that is wanted, in order of id if not said otherwise.
func (v *View) Select(s Selection, f func(Picked)) {
	v.shared.roster().each(&s, func(b *block, i int) { f(Picked{b.rows[i].agent, b.rows[i].status, b.rows[i].since}) })
}

// each calls f with the place of every agent that is wanted.
func (r *roster) each(s *Selection, f func(b *block, i int)) {
	fits, statuses, step := s.fits(r.shared), s.statuses(), 1
	if s.AnyOrder {
		step = scattering(len(r.blocks))
	}
	for n, at := 0, 0; n < len(r.blocks); n, at = n+1, (at+step)%len(r.blocks) {
		b, mask := r.blocks[at], r.blocks[at].filled
		if s.Status != nil {
			mask = b.mask(statuses)
		}
		b.each(mask, func(i int) {
			if (fits == nil || b.fits(i, fits, s.Place)) && (s.Agent == nil || s.Agent(b.rows[i].agent)) {
				f(b, i)
			}
		})
	}
}

// scattering is a step by which n places are each come to once, far from the one before.
func scattering(n int) int {
	step := max(1, n*5/13)
	for divisor(step, n) > 1 {
		step++
	}
	return step
}

// divisor is the greatest that both have.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (s *Selection) statuses() (list []schema.Status) {
	if s.Status == nil {
		return nil
	}
	for status, wanted := range s.Status {
		if wanted {
			list = append(list, schema.Status(status))
		}
	}
	return list
}

// each calls f with every place in the block that is in the mask.
func (b *block) each(mask [words]uint64, f func(i int)) {
	for w, word := range mask {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// fits judges each shared place once.
func (s *Selection) fits(shared []*Place) []bool {
	if s.Place == nil {
		return nil
	}
	out := make([]bool, len(shared))
	for n, p := range shared {
		out[n] = s.Place(p)
	}
	return out
}

func (b *block) fits(i int, shared []bool, place func(*Place) bool) bool {
	if n := b.place[i]; n >= 0 {
		return shared[n]
	}
	return place(b.rows[i].agent.Place)
}
