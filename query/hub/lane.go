package hub

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"floorwalker/query/floor"
)

// lane builds feeds of one contact centre, one after the other.
type lane struct {
	hub           *Hub
	contactCenter string
	pace          time.Duration // between two looks, where somebody has asked for the shortest interval
	kick          chan struct{} // there is a new subscriber

	mu      sync.Mutex
	feeds   map[string]*feed
	running bool

	regroup atomic.Bool // subscribers came or went

	// A look at a busy floor must not go through all that a thousand screens show: what it needs to know of them is kept from look to look.
	looking sync.Mutex // of all below
	watched []*feed    // those with subscribers
	fastest time.Duration
	byAgent map[string][]*feed // those of watched that are of some agents only
	last    *floor.View
	looks   uint64
	// changedAt is the look that last saw a change of an agent or interaction; those before remembered are forgotten.
	changedAt  [2]map[string]uint64
	remembered uint64
	anewAt     uint64
	changed    uint64 // the newest look that saw anything
}

func newLane(h *Hub, contactCenter string, pace time.Duration) *lane {
	return &lane{hub: h, contactCenter: contactCenter, pace: pace, kick: make(chan struct{}, 1), feeds: map[string]*feed{},
		byAgent: map[string][]*feed{}, changedAt: [2]map[string]uint64{{}, {}}}
}

func (l *lane) find(key string) (*feed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.feeds[key]
	return f, ok
}

func (l *lane) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.feeds)
}

// giveWay drops a feed without subscribers, and reports whether there was one.
func (l *lane) giveWay() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, f := range l.feeds {
		f.mu.Lock()
		idle := len(f.subs) == 0
		f.mu.Unlock()
		if idle {
			delete(l.feeds, key)
			return true
		}
	}
	return false
}

// attach finds or makes the feed of a subscription and adds it there.
func (l *lane) attach(sub *subscription, of Feed) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.feeds[of.Key]
	if f == nil || f.forgotten(l.hub.cfg.Now()) {
		var err error
		if f, err = newFeed(of, &l.regroup); err != nil {
			return err
		}
		l.feeds[of.Key] = f
	}
	sub.feed = f
	f.mu.Lock()
	if len(f.subs) == 0 {
		f.renewed = &of // what the former one holds may be old
	}
	f.add(sub)
	f.mu.Unlock()
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return nil
}

// start has the lane looked at by a goroutine of Run's, which ends when there is nothing to be looked at any more. The caller holds the
// hub's lock.
func (l *lane) start(h *Hub) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.ctx == nil || h.ended || l.running || len(l.feeds) == 0 {
		return
	}
	l.running = true
	ctx := h.ctx
	h.lanes.Go(func() { l.run(ctx) })
}

func (l *lane) run(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	var swept time.Time
	for {
		next.Reset(l.look())
		if now := l.hub.cfg.Now(); now.Sub(swept) >= idlePace {
			swept = now
			if l.forget(now) {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-l.kick:
		}
	}
}

// forget drops feeds that nobody came back to, and reports whether none is left.
func (l *lane) forget(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, f := range l.feeds {
		if f.forgotten(now) {
			delete(l.feeds, key)
		}
	}
	if len(l.feeds) > 0 {
		return false
	}
	l.running = false
	return true
}

// group finds the feeds that somebody waits for, and the shortest interval at which anybody does.
func (l *lane) group() {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.watched
	l.watched, l.fastest = make([]*feed, 0, len(before)), LongestInterval
	for _, f := range l.feeds {
		f.mu.Lock()
		some, ready, pace := len(f.subs) > 0, f.ready, f.fastest
		if f.renewed != nil {
			f.Feed, f.renewed, f.follows = *f.renewed, nil, false
		}
		f.mu.Unlock()
		if !some {
			continue
		}
		f.follows, f.pace, f.grouped = f.follows && ready, pace, l.looks // not ready: everybody was gone in between
		l.watched = append(l.watched, f)
		l.fastest = min(l.fastest, pace)
	}
	for _, f := range before {
		if f.grouped != l.looks { // nobody is left
			l.limit(f, nil)
		}
	}
}

// limit has a feed built for these agents alone; nil: for all.
func (l *lane) limit(f *feed, only map[string]bool) {
	for id := range f.only {
		rest := slices.DeleteFunc(l.byAgent[id], func(other *feed) bool { return other == f })
		if l.byAgent[id] = rest; len(rest) == 0 {
			delete(l.byAgent, id)
		}
	}
	for id := range only {
		l.byAgent[id] = append(l.byAgent[id], f)
	}
	f.only = only
}

const (
	slowestPace = 25 * time.Millisecond // between two looks where nobody is in a hurry
	idlePace    = KeepFor / 60          // where nobody is there
)

// look takes over what changed since the last look; it returns when the next one is due. A look costs as much whether much or little has
// changed: nobody who gets a message every quarter of a second gains by one every 5 ms.
func (l *lane) look() (next time.Duration) {
	l.looking.Lock()
	defer l.looking.Unlock()
	l.looks++
	if l.regroup.Swap(false) {
		l.group()
	}
	if len(l.watched) == 0 {
		l.last = nil // it would hold old states in memory
		return idlePace
	}
	now := l.hub.cfg.Now()
	view := l.hub.cfg.Source.View(l.contactCenter)
	d := compare(l.last, view)
	l.note(&d)
	c := Change{View: view, before: l.last, source: l.hub.cfg.Source, changedAt: l.changedAt, once: map[any]any{}}
	l.last = view
	if !d.anew {
		c.Agents, c.Interactions = ordered(d.ids[agents]), ordered(d.ids[interactions])
	}
	for _, id := range c.Agents {
		for _, f := range l.byAgent[id] {
			f.touched = l.looks
		}
	}
	for _, f := range l.watched {
		if f.failed && now.Sub(f.at) < f.pace {
			continue // it costs as much as one that works
		}
		c.since, c.Anew, c.Figures = f.look, !f.follows || f.look < l.anewAt || f.look < l.remembered, false
		switch {
		case f.Version != nil:
			l.buildVersion(f, &c, now)
		case f.sums():
			l.buildSums(f, &c, now)
		default:
			l.buildRows(f, &c, now)
		}
	}
	return max(l.pace, min(l.fastest/10, slowestPace))
}

// memory is how many looks it is remembered at which of them something changed.
const memory = 1 << 13

func (l *lane) note(d *differences) {
	switch {
	case d.anew:
		l.anewAt, l.changed = l.looks, l.looks
		clear(l.changedAt[agents])
		clear(l.changedAt[interactions])
	case d.ids[agents] != nil:
		l.changed = l.looks
		for kind := range d.ids {
			for id := range d.ids[kind] {
				l.changedAt[kind][id] = l.looks
			}
		}
	}
	if l.looks-l.remembered < 2*memory {
		return
	}
	l.remembered = l.looks - memory
	for kind := range l.changedAt {
		maps.DeleteFunc(l.changedAt[kind], func(_ string, at uint64) bool { return at <= l.remembered })
	}
}

// buildVersion builds rows that come from elsewhere, where they are other ones.
func (l *lane) buildVersion(f *feed, c *Change, now time.Time) {
	if v := f.Version(c.View); c.Anew || v != f.version {
		f.version, f.look, c.Whole = v, l.looks, true
		f.run(c, now)
	}
	f.stands(c)
}

// buildRows follows single changes.
func (l *lane) buildRows(f *feed, c *Change, now time.Time) {
	c.Whole = c.Anew
	f.look = l.looks
	if c.Anew || l.changed == l.looks && (f.only == nil || f.touched == l.looks) {
		if c.Anew {
			l.limit(f, nil) // the map is the build's again
		}
		f.run(c, now)
		if c.Anew {
			l.limit(f, f.taken.only)
		}
	}
	f.stands(c)
}

// buildSums builds the whole where anything changed and the interval is over; until then the rows are as of the last time.
func (l *lane) buildSums(f *feed, c *Change, now time.Time) {
	if !c.Anew && now.Sub(f.at) < f.pace {
		return
	}
	c.Whole, c.Figures = true, f.refreshed(c)
	due := c.Anew || c.Figures || f.Timed || l.changed > f.look
	f.look = l.looks
	if due {
		f.run(c, now)
	}
	f.stands(c)
}

// refreshed looks for newer figures.
func (f *feed) refreshed(c *Change) bool {
	found := slices.Clone(f.figures)
	for n, window := range f.Windows {
		found[n] = c.LiveWindow(window)
	}
	if slices.Equal(found, f.figures) {
		return false
	}
	f.figures = found
	return true
}
