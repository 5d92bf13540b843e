package hub

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/btree"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
)

// Feed says what a subscription is about.
type Feed struct {
	// Key is equal for feeds of one contact centre that hold the same rows: topic, filters and fields in one order, and all that the role
	// of the subscriber decides.
	Key string
	// Build puts in what changed. One goroutine calls it at a time; neither c nor rows is to be used after it has returned. An error leaves
	// the rows as they are and is told to subscribers once.
	Build func(c *Change, rows *Rows) error
	// Whole feeds are built anew from the view after any change, at most as often as their fastest subscriber's interval; others at each
	// look, with what changed.
	Whole bool
	// Windows are the live windows that the rows are made of; newer figures of them build the feed, which makes it Whole.
	Windows []string
	// Timed says that rows come and go by the mere passing of time: the feed is built at its fastest subscriber's interval, which makes it
	// Whole.
	Timed bool
	// Version is of rows that come from elsewhere than the view, or from a part of it: they are built when it is another one, and by
	// nothing else.
	Version func(*floor.View) uint64
	// Objects says that ids are JSON as they stand, such as {"queue":"IN"}; else they are texts.
	Objects bool
}

func (f *Feed) sums() bool { return f.Whole || f.Timed || len(f.Windows) > 0 }

// feed holds the rows that subscribers of one Feed see.
type feed struct {
	Feed
	incarnation string
	asOf        atomic.Int64

	// Of the lane's goroutine.
	look    uint64    // the lane's, when it was last built
	at      time.Time // of the newest build
	version uint64
	figures []*floor.Figures
	builds  uint64
	taken   Rows            // by the newest build; its slices are used again
	follows bool            // it has been built, and looked at each time since
	failed  bool            // the newest build did
	only    map[string]bool // agents that the rows are of; nil: of anybody
	touched uint64          // the look at which one of them changed last
	grouped uint64          // the look at which it was known last that somebody is subscribed
	pace    time.Duration   // fastest, as of then

	regroup *atomic.Bool // of the lane: subs are other ones

	mu       sync.Mutex
	subs     map[*subscription]struct{}
	fastest  time.Duration // of subs
	idle     time.Time     // without subscribers since then; zero while it has some
	ready    bool          // as built, for readers
	renewed  *Feed         // as who came first after all had gone asks for it
	err      *problem.Problem
	rows     map[string]*row // written by the lane's goroutine alone, which may read without the lock
	bySeq    btree.Map[uint64, *row]
	seq      uint64 // of the newest change
	graves   []grave
	forgiven uint64 // whoever stands before this may have missed what was removed
	bodies   map[bodyKey]*body
}

// row is one entity's newest state; without JSON it was removed.
type row struct {
	id    string
	seq   uint64
	born  uint64 // the change with which it was first there, as far as is remembered
	json  []byte
	at    time.Time // of the look that saw it
	build uint64    // the newest one that had it
}

type grave struct {
	row *row
	seq uint64
}

func newFeed(of Feed, regroup *atomic.Bool) (*feed, error) {
	var raw [9]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, problem.Internal(err)
	}
	return &feed{Feed: of, regroup: regroup, incarnation: base64.RawURLEncoding.EncodeToString(raw[:]), subs: map[*subscription]struct{}{}, rows: map[string]*row{},
		figures: make([]*floor.Figures, len(of.Windows)), bodies: map[bodyKey]*body{}}, nil
}

// Rows takes in what a Build makes.
type Rows struct {
	f     *feed
	build uint64
	puts  []put
	goes  []string
	only  map[string]bool
}

type put struct {
	id   string
	json []byte
}

// Put says how a row is now: one JSON object, which is kept. One that is as it was is no change. A build names each row once.
func (r *Rows) Put(id string, json []byte) {
	old := r.f.rows[id]
	if old == nil || old.json == nil || !bytes.Equal(old.json, json) {
		r.puts = append(r.puts, put{id, json})
		return
	}
	old.build = r.build
}

// Keep says that a row is as it was, and reports whether it is there.
func (r *Rows) Keep(id string) bool {
	old := r.f.rows[id]
	if old == nil || old.json == nil {
		return false
	}
	old.build = r.build
	return true
}

// Only says that until the next build Anew the rows are of these agents alone: what happens to others calls no Build. The map is kept,
// and not to be changed until then. Feeds that are Whole are built as ever.
func (r *Rows) Only(agents map[string]bool) { r.only = agents }

// Remove says that a row is gone, or was never there. In a Build of the whole, what is neither put nor kept is gone anyway.
func (r *Rows) Remove(id string) {
	if old := r.f.rows[id]; old != nil && old.json != nil {
		r.goes = append(r.goes, id)
	}
}

// run builds and takes over what came of it. c.Whole says what becomes of rows that the build does not name.
func (f *feed) run(c *Change, now time.Time) {
	f.builds++
	f.at = now
	rows := &f.taken
	*rows = Rows{f: f, build: f.builds, puts: rows.puts[:0], goes: rows.goes[:0]}
	err := f.Build(c, rows)
	defer func() { clear(rows.puts) }()          // what is no row any more is to be forgotten
	f.follows, f.failed = err == nil, err != nil // the build after one that failed is Anew
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bury(now)
	if err != nil {
		was := f.err
		f.err, f.ready = problem.Of(err), false
		if was == nil {
			f.tell()
		}
		return
	}
	f.asOf.Store(c.View.AsOf) // before anybody is told
	told := f.seq
	for _, p := range rows.puts {
		f.set(p.id, p.json, now).build = f.builds
	}
	for _, id := range rows.goes {
		f.remove(f.rows[id], now)
	}
	if c.Whole {
		for _, r := range f.rows {
			if r.json != nil && r.build != f.builds {
				f.remove(r, now)
			}
		}
	}
	if f.seq == told && f.ready && f.err == nil {
		return
	}
	f.ready, f.err = len(f.subs) > 0, nil // who comes when all have gone must wait for a build
	clear(f.bodies)
	f.tell()
}

func (f *feed) set(id string, json []byte, now time.Time) *row {
	r := f.rows[id]
	if r == nil {
		r = &row{id: id, born: f.seq + 1}
		f.rows[id] = r
	} else {
		f.bySeq.Delete(r.seq)
	}
	f.seq++
	r.seq, r.json, r.at = f.seq, json, now
	f.bySeq.Set(r.seq, r)
	return r
}

// remove leaves a mark for those who come back.
func (f *feed) remove(r *row, now time.Time) {
	f.set(r.id, nil, now)
	f.graves = append(f.graves, grave{r, r.seq})
}

// bury forgets marks that are older than cursors are good for, which may be as old as an interval when they are sent.
func (f *feed) bury(now time.Time) {
	n := 0
	for ; n < len(f.graves); n++ {
		g := f.graves[n]
		if g.row.seq != g.seq {
			continue // it came back
		}
		if now.Sub(g.row.at) <= KeepFor+LongestInterval {
			break
		}
		delete(f.rows, g.row.id)
		f.bySeq.Delete(g.seq)
		f.forgiven = max(f.forgiven, g.seq)
		clear(f.bodies)
	}
	if n > 0 {
		f.graves = append(f.graves[:0], f.graves[n:]...)
	}
}

// stands notes that the rows are as of the view; those of a build that failed are older.
func (f *feed) stands(c *Change) {
	if !f.failed {
		f.asOf.Store(c.View.AsOf)
	}
}

// tell wakes those that wait.
func (f *feed) tell() {
	for sub := range f.subs {
		sub.tell()
	}
}

// chunk bounds the rows of one message.
const chunk = 1000

// body is the part of a message that subscribers who stand at the same place share.
type body struct {
	rows, removed []byte // JSON arrays
	entries       int
	to            uint64
	more          bool
	oldest        time.Time // of the looks that saw what is in it
}

// bodyKey is where a subscriber stands; what was removed up to skip is not told.
type bodyKey struct{ from, skip uint64 }

// maxBodies bounds what is kept of messages to subscribers who stand at many different places.
const maxBodies = 256

func (f *feed) body(key bodyKey) *body {
	if b := f.bodies[key]; b != nil {
		return b
	}
	var rows, removed list.Encoder
	rows.Array()
	removed.Array()
	b := &body{to: key.from}
	f.bySeq.Ascend(key.from+1, func(seq uint64, r *row) bool {
		if r.json == nil && (seq <= key.skip || r.born > key.from) {
			b.to = seq // whoever stands here never had it
			return true
		}
		if b.entries == chunk {
			b.more = true
			return false
		}
		if b.entries == 0 {
			b.oldest = r.at
		}
		b.entries++
		b.to = seq
		switch {
		case r.json != nil:
			rows.JSON(r.json)
		case f.Objects:
			removed.JSON([]byte(r.id))
		default:
			removed.String(r.id)
		}
		return true
	})
	if !b.more {
		b.to = f.seq
	}
	rows.EndArray()
	removed.EndArray()
	b.rows, b.removed = rows.B, removed.B
	if len(f.bodies) >= maxBodies {
		clear(f.bodies)
	}
	f.bodies[key] = b
	return b
}

// add and drop change who is subscribed; both under mu.
func (f *feed) add(sub *subscription) {
	if len(f.subs) == 0 {
		f.err = nil // of a build before anybody was there; the next one says how it is now
	}
	f.subs[sub] = struct{}{}
	f.idle = time.Time{}
	f.measure()
}

func (f *feed) drop(sub *subscription, now time.Time) {
	delete(f.subs, sub)
	f.measure()
	if len(f.subs) == 0 {
		f.idle, f.ready = now, false
	}
}

// forgotten reports whether nobody has come back in time.
func (f *feed) forgotten(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.idle.IsZero() && now.Sub(f.idle) > KeepFor
}

func (f *feed) measure() {
	f.regroup.Store(true)
	f.fastest = LongestInterval
	for sub := range f.subs {
		f.fastest = min(f.fastest, sub.interval)
	}
}
