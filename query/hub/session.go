package hub

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"floorwalker/query/problem"
)

// Session is one client's subscriptions. One goroutine calls Next; the other methods may be called from any.
type Session struct {
	hub    *Hub
	by     Subscriber
	opened time.Time
	wake   chan struct{} // something may be to be sent
	done   chan struct{} // closed by End

	mu     sync.Mutex
	subs   []*subscription // in order of subscription
	byID   map[string]*subscription
	turn   int // whose turn it is to be looked at first
	reason Reason
	closed bool

	messages, rows uint64
}

// Reason why a session ended.
type Reason string

// Reasons that the hub and its transports know.
const (
	ClientGone        Reason = "client_gone"
	SlowReader        Reason = "slow_reader"
	ShuttingDown      Reason = "shutting_down"
	CredentialExpired Reason = "credential_expired"
	ProtocolError     Reason = "protocol_error"
)

// EndedError is what Next returns once the session has ended.
type EndedError struct{ Reason Reason }

func (e *EndedError) Error() string { return "the stream has ended: " + string(e.Reason) }

// Subscription asks for one feed.
type Subscription struct {
	ID       string // the client's own name for it; unique in the session
	Topic    string
	Feed     Feed
	Interval time.Duration // DefaultInterval where it is 0
	Cursor   string        // of the last message that was received; empty, unknown or too old: the state comes first
}

// subscription is a place in a feed.
type subscription struct {
	session   *Session
	id, topic string
	feed      *feed
	interval  time.Duration
	pending   atomic.Bool // the feed has told, and the session has not looked yet

	// Of the session's, under its lock.
	position uint64
	skip     uint64 // of the state that is being sent: what was removed before it began was never told
	reset    bool   // the state is to come
	failing  bool   // the client knows that the feed cannot be built
	next     time.Time
	asOf     int64 // of the last message
}

// Message is what a subscriber gets: rows as they now are and ids of those that are gone.
type Message struct {
	Topic        string
	Subscription string
	Cursor       string // where to go on after this message
	AsOf         int64  // ms
	Reset        bool   // what the client has of this subscription is to be forgotten first
	More         bool   // the state goes on in the next message
	Rows         []byte // a JSON array of objects; shared, not to be changed
	Removed      []byte // a JSON array of ids; likewise
	Entries      int    // of both
	// Problem says that the rows cannot be had at the moment; nothing else is set but topic, subscription and cursor. The next message
	// says that they can.
	Problem *problem.Problem
}

// Subscribe adds a subscription. Errors are problems.
func (s *Session) Subscribe(to Subscription) error {
	if to.Interval == 0 {
		to.Interval = DefaultInterval
	}
	if to.Interval < ShortestInterval || to.Interval > LongestInterval {
		return problem.BadValue("interval_ms", fmt.Sprint(to.Interval.Milliseconds()), fmt.Sprintf("%d to %d", ShortestInterval.Milliseconds(), LongestInterval.Milliseconds()))
	}
	sub := &subscription{session: s, id: to.ID, topic: to.Topic, interval: to.Interval}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch most := s.hub.cfg.Limits.Subscriptions; {
	case s.reason != "" || s.closed:
		return problem.Unavailable("stream_ended", "the stream has ended", 0)
	case s.byID[to.ID] != nil:
		p := problem.New(409, "subscription_exists", "there is a subscription \""+problem.Shown(to.ID)+"\" already")
		p.Parameter = "id"
		return p
	case len(s.subs) >= most:
		return problem.New(429, "too_many_subscriptions", fmt.Sprintf("a stream may have %d subscriptions", most))
	}
	if err := s.hub.attach(s.by.ContactCenter, sub, to.Feed); err != nil {
		return err
	}
	sub.resume(to.Cursor)
	s.subs = append(s.subs, sub)
	s.byID[to.ID] = sub
	s.hub.counts.subscriptions.Add(1)
	sub.tell()
	return nil
}

// resume takes the place up that a cursor names.
func (sub *subscription) resume(cursor string) {
	incarnation, position, ok := parseCursor(cursor)
	f := sub.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if !ok || incarnation != f.incarnation || position > f.seq || position < f.forgiven {
		sub.reset = true
		return
	}
	sub.position = position
}

// tell says that the feed may have something. It wakes the session once until that has looked.
func (sub *subscription) tell() {
	if sub.pending.Swap(true) {
		return
	}
	select {
	case sub.session.wake <- struct{}{}:
	default:
	}
}

// Unsubscribe ends a subscription and reports whether there was one.
func (s *Session) Unsubscribe(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.byID[id]
	if sub == nil {
		return false
	}
	delete(s.byID, id)
	for n := range s.subs {
		if s.subs[n] == sub {
			s.subs = append(s.subs[:n:n], s.subs[n+1:]...)
			break
		}
	}
	s.leave(sub)
	return true
}

func (s *Session) leave(sub *subscription) {
	sub.feed.mu.Lock()
	sub.feed.drop(sub, s.hub.cfg.Now())
	sub.feed.mu.Unlock()
	s.hub.counts.subscriptions.Add(-1)
}

// Next waits for the next message: at once where something changed after a quiet interval, else when the interval is over. Errors are
// *EndedError and those of ctx.
func (s *Session) Next(ctx context.Context) (*Message, error) {
	for {
		m, due, err := s.take()
		if m != nil || err != nil {
			return m, err
		}
		if err := s.rest(ctx, due); err != nil {
			return nil, err
		}
	}
}

// rest waits until there may be a message.
func (s *Session) rest(ctx context.Context, due time.Time) error {
	if !s.by.Until.IsZero() && (due.IsZero() || s.by.Until.Before(due)) {
		due = s.by.Until
	}
	var timer <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(due.Sub(s.hub.cfg.Now()))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
	case <-s.by.Ended:
	case <-s.wake:
	case <-timer:
	}
	return nil
}

// take returns a message that is due, else when the next one may be; zero where nothing is to be sent.
func (s *Session) take() (m *Message, due time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.hub.cfg.Now()
	if s.reason == "" && s.by.lapsed(now) {
		s.end(CredentialExpired)
	}
	if s.reason != "" {
		return nil, due, &EndedError{s.reason}
	}
	for n := range s.subs {
		at := (s.turn + n) % len(s.subs)
		sub := s.subs[at]
		if !sub.pending.Load() {
			continue
		}
		if now.Before(sub.next) {
			if due.IsZero() || sub.next.Before(due) {
				due = sub.next
			}
			continue
		}
		sub.pending.Store(false) // before the feed is asked: what it tells from now on is another message
		if m := sub.message(now); m != nil {
			s.turn = at + 1
			s.messages++
			s.rows += uint64(m.Entries)
			return m, due, nil
		}
	}
	return nil, due, nil
}

// message is what the feed has beyond the subscription's place, nil where it has nothing.
func (sub *subscription) message(now time.Time) *Message {
	f := sub.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &Message{Topic: sub.topic, Subscription: sub.id, AsOf: f.asOf.Load()}
	if f.err != nil {
		if sub.failing {
			return nil
		}
		sub.failing, m.Problem = true, f.err
		m.Cursor = sub.cursor()
		return m
	}
	if !f.ready {
		return nil // it will tell
	}
	if sub.position < f.forgiven && sub.skip < f.forgiven {
		sub.reset = true
	}
	if !sub.reset && !sub.failing && sub.position == f.seq {
		return nil
	}
	if sub.reset {
		sub.position, sub.skip = 0, f.seq
	}
	from := sub.position
	b := f.body(bodyKey{from, sub.skip})
	if b.entries == 0 && !sub.reset && !sub.failing {
		sub.position = b.to
		return nil // what came is gone again
	}
	m.Reset, m.More, m.Rows, m.Removed, m.Entries = sub.reset, b.more, b.rows, b.removed, b.entries
	sub.session.hub.counts.sent(m, b, from, now)
	sub.position, sub.reset, sub.failing, sub.asOf = b.to, false, false, m.AsOf
	if b.more {
		sub.tell()
	} else {
		sub.skip = 0
		sub.next = sub.after(now)
	}
	m.Cursor = sub.cursor()
	return m
}

// after is when the message after one of now may come: when the next interval begins. Intervals follow one another from the first message
// on, so that a message that was late, or that came in the middle of an interval, does not put off what comes after it.
func (sub *subscription) after(now time.Time) time.Time {
	if sub.next.IsZero() {
		return now.Add(sub.interval)
	}
	return sub.next.Add((now.Sub(sub.next)/sub.interval + 1) * sub.interval)
}

// Cursors are where each subscription stands, in order of subscription: after the message that Next returned last.
func (s *Session) Cursors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, len(s.subs))
	for n, sub := range s.subs {
		out[n] = sub.cursor()
	}
	return out
}

// AsOf is the moment up to which the client has everything that every subscription had to say, in ms; 0 where that is not known yet.
func (s *Session) AsOf() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest int64
	for n, sub := range s.subs {
		if at := sub.current(); n == 0 || at < oldest {
			oldest = at
		}
	}
	return oldest
}

// current is the feed's moment, or that of the last message while the feed has more to say.
func (sub *subscription) current() int64 {
	sub.feed.mu.Lock()
	defer sub.feed.mu.Unlock()
	if sub.reset || sub.position != sub.feed.seq {
		return sub.asOf
	}
	return sub.feed.asOf.Load()
}

// End makes Next return. The first reason stays.
func (s *Session) End(reason Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(reason)
}

func (s *Session) end(reason Reason) {
	if s.reason == "" {
		s.reason = reason
		close(s.done)
	}
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Close frees all that the session holds, and returns why it ended. The transport calls it once, when it has nothing open any more.
func (s *Session) Close() Reason {
	s.End(ClientGone)
	s.mu.Lock()
	if s.closed {
		defer s.mu.Unlock()
		return s.reason
	}
	s.closed = true
	for _, sub := range s.subs {
		s.leave(sub)
	}
	s.subs, s.byID = nil, nil
	reason := s.reason
	s.mu.Unlock()
	s.hub.closed(s)
	s.hub.counts.ended(s.by.Transport, reason)
	s.hub.cfg.Log.Info("stream ended", "reason", reason, "transport", s.by.Transport, "contact_center", s.by.ContactCenter,
		"principal", s.by.Principal, "lasted", s.hub.cfg.Now().Sub(s.opened).Round(time.Millisecond), "messages", s.messages, "rows", s.rows)
	return reason
}
