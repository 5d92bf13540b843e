// Package hub is what every push transport reads from (design, section Live view). It looks at the live view, works out what changed for
// whoever subscribed, and hands each subscriber the newest state of that, at most one message per subscription and interval.
//
// A Feed is what one subscription is about: a topic with its filters and fields. All subscribers that ask for the same share one. It holds
// the present rows, encoded, each with the number of its last change; a subscriber is nothing but a number, and its next message is
// what has a higher one. So a slow subscriber costs no memory, and is never in the way of others.
//
// Anything that can say its rows as a function of a view and of what changed in it can be a feed:
//
//	feed := hub.Feed{Key: "available heads", Whole: true, Build: func(c *hub.Change, rows *hub.Rows) error {
//		n := 0
//		c.View.Select(floor.Selection{}, func(a floor.Picked) {
//			if a.Available() {
//				n++
//			}
//		})
//		rows.Put("all", fmt.Appendf(nil, `{"available":%d}`, n))
//		return nil
//	}}
//	err := session.Subscribe(hub.Subscription{ID: "1", Topic: "heads", Feed: feed})
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/query/floor"
	"floorwalker/query/problem"
)

// KeepFor is how long a feed remembers what was removed, and is kept without subscribers: for so long a cursor is good.
const KeepFor = 60 * time.Second

// Intervals between two messages of one subscription.
const (
	ShortestInterval = 50 * time.Millisecond
	DefaultInterval  = 250 * time.Millisecond
	LongestInterval  = 60 * time.Second
)

// Source is what the hub needs of the views; *floor.Source is one.
type Source interface {
	View(contactCenter string) *floor.View
	Figures(v *floor.View, window string) *floor.Figures
}

// Limits of what subscribers may hold. Zero fields take the default.
type Limits struct {
	Streams             int // connections in all; 2000
	StreamsPerPrincipal int // 100
	Subscriptions       int // of one connection; 32
	Feeds               int // of one contact centre: different filters that are watched at a time; 2000
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		of       *int
		standard int
	}{{&l.Streams, 2000}, {&l.StreamsPerPrincipal, 100}, {&l.Subscriptions, 32}, {&l.Feeds, 2000}} {
		if *d.of == 0 {
			*d.of = d.standard
		}
	}
	return l
}

// Config of a Hub.
type Config struct {
	Source  Source
	Limits  Limits
	Look    time.Duration // between two looks at the live view for rows; for sums four times as long; 5 ms
	Metrics *metrics.Set  // nil: what it does is not counted
	Log     *slog.Logger
	Now     func() time.Time // the clock of intervals; time.Now
}

// Hub holds the feeds and sessions. Its methods may be called from any goroutine.
type Hub struct {
	cfg    Config
	counts *counts

	mu         sync.Mutex
	ctx        context.Context // of Run; nil before
	ended      bool
	centers    map[string]*center
	sessions   map[*Session]struct{}
	principals map[string]int // open sessions

	lanes, open sync.WaitGroup // goroutines of lanes; sessions that have not been closed
}

// New makes a hub. Nothing is looked at before Run.
func New(c Config) (*Hub, error) {
	if c.Source == nil {
		return nil, errors.New("hub: the source of views is missing")
	}
	if c.Look < 0 {
		return nil, fmt.Errorf("hub: looking every %s; a duration that is not negative is allowed", c.Look)
	}
	if c.Look == 0 {
		c.Look = 5 * time.Millisecond
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewSet()
	}
	c.Limits = c.Limits.withDefaults()
	h := &Hub{cfg: c, centers: map[string]*center{}, sessions: map[*Session]struct{}{}, principals: map[string]int{}}
	h.counts = newCounts(c.Metrics, h)
	return h, nil
}

// Run looks at the contact centres that have subscribers until ctx ends. It then ends every session, waits until their transports have
// closed them, and refuses new ones.
func (h *Hub) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	h.ctx = ctx
	for _, c := range h.centers {
		for _, l := range c.lanes {
			l.start(h)
		}
	}
	h.mu.Unlock()
	<-ctx.Done()
	for _, s := range h.end() {
		s.End(ShuttingDown)
	}
	h.open.Wait()
	h.lanes.Wait()
	return nil
}

// end refuses new sessions and returns those that are open.
func (h *Hub) end() []*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	return slices.Collect(maps.Keys(h.sessions))
}

// Look takes over what changed in a contact centre since the last look, as Run does all the time by itself: for tests whose clock
// stands still.
func (h *Hub) Look(contactCenter string) {
	h.mu.Lock()
	c := h.centers[contactCenter]
	h.mu.Unlock()
	if c == nil {
		return
	}
	for _, l := range c.lanes {
		l.look()
	}
}

// Subscriber is who opens a session.
type Subscriber struct {
	ContactCenter string
	Principal     string          // whose sessions are counted together
	Until         time.Time       // when the credential ends; zero: never
	Ended         <-chan struct{} // closed when the credential ends before that; may be nil
	Transport     string          // for log and metrics: sse, websocket …
}

// lapsed reports whether the credential has ended.
func (by *Subscriber) lapsed(now time.Time) bool {
	select {
	case <-by.Ended:
		return true
	default:
		return !by.Until.IsZero() && !now.Before(by.Until)
	}
}

// Open makes a session without subscriptions; the caller closes it. Errors are problems: 429 where the principal has too many, 503 where
// the server has, or is going down.
func (h *Hub) Open(by Subscriber) (*Session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch l := h.cfg.Limits; {
	case h.ended:
		return nil, problem.Unavailable("shutting_down", "this server is going down; connect again", 1)
	case len(h.sessions) >= l.Streams:
		h.counts.refused.Inc()
		return nil, problem.Unavailable("too_many_streams", fmt.Sprintf("this server has %d streams open, which is all that it may", l.Streams), 5)
	case h.principals[by.Principal] >= l.StreamsPerPrincipal:
		h.counts.refused.Inc()
		p := problem.TooMany(fmt.Sprintf("%d streams are open with this credential, which is all that it may; close one", l.StreamsPerPrincipal), 5)
		p.Code, p.Type = "too_many_streams", problem.TypePrefix+"too_many_streams"
		return nil, p
	}
	s := &Session{hub: h, by: by, opened: h.cfg.Now(), byID: map[string]*subscription{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	h.sessions[s] = struct{}{}
	h.principals[by.Principal]++
	h.open.Add(1)
	return s, nil
}

func (h *Hub) closed(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s)
	if h.principals[s.by.Principal]--; h.principals[s.by.Principal] == 0 {
		delete(h.principals, s.by.Principal)
	}
	h.open.Done()
}

// center is one contact centre that somebody watches. Its lanes look independently, so that sums over the whole floor, which take
// time, are not in the way of rows that follow single changes.
type center struct {
	lanes [2]*lane
}

const (
	rowsLane = iota
	sumsLane
)

// room reports whether there may be one more feed; those that nobody is subscribed to give way.
func (c *center) room(most int) bool {
	for c.lanes[rowsLane].size()+c.lanes[sumsLane].size() >= most {
		if !c.lanes[rowsLane].giveWay() && !c.lanes[sumsLane].giveWay() {
			return false
		}
	}
	return true
}

// attach adds a subscription to its feed, which is made where nobody has asked for it yet.
func (h *Hub) attach(contactCenter string, sub *subscription, of Feed) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.centers[contactCenter]
	if c == nil {
		c = &center{lanes: [2]*lane{rowsLane: newLane(h, contactCenter, h.cfg.Look), sumsLane: newLane(h, contactCenter, 4*h.cfg.Look)}}
		h.centers[contactCenter] = c
	}
	l := c.lanes[rowsLane]
	if of.sums() {
		l = c.lanes[sumsLane]
	}
	if _, known := l.find(of.Key); !known && !c.room(h.cfg.Limits.Feeds) {
		h.counts.refused.Inc()
		return problem.Unavailable("too_many_feeds", fmt.Sprintf("%d different subscriptions of this contact centre are open, which is all that there may be",
			h.cfg.Limits.Feeds), 10)
	}
	if err := l.attach(sub, of); err != nil {
		return err
	}
	l.start(h)
	return nil
}
