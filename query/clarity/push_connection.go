package clarity

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"floorwalker/query/hub"
	encode "floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/signalr"
)

// listener is one connection with its subscriptions.
type listener struct {
	pusher *pusher
	conn   *signalr.Conn
	who    caller
	ended  chan struct{} // closed when run has returned

	mu      sync.Mutex
	closed  bool
	session *hub.Session // nil before the first subscription
	subs    map[string]*subscription
	fed     map[string]*subscription // by what the hub calls them
	judged  uint64                   // the directory that rights were last judged by
	differ  differ
}

// subscription is one of a client's.
type subscription struct {
	id    string
	kind  subscriptionKind
	asked asked
	watch *watch
	feeds int               // that it has had: each has a name of its own
	name  string            // of the present feed
	rows  map[string][]byte // what the client has, by key
	fails bool              // as the client was told last

	updating sync.Mutex // held while a request changes what is asked, before the listener's
}

// watchRights is the hub's subscription that tells of new directories.
const watchRights = "rights"

// subscribe begins a subscription; the state follows by the connection.
func (l *listener) subscribe(s *sight, kind subscriptionKind, q asked, w *watch) (id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return "", invisible()
	}
	if len(l.subs) >= maxSubscriptions {
		return "", problem.New(fiber.StatusTooManyRequests, "too_many_subscriptions", fmt.Sprintf("a connection may have %d subscriptions", maxSubscriptions))
	}
	if err := l.open(s); err != nil {
		return "", err
	}
	sub := &subscription{id: uuid.NewString(), kind: kind, asked: q, watch: w}
	if err := l.follow(sub); err != nil {
		return "", err
	}
	l.judgeAgain(s)
	l.subs[sub.id] = sub
	l.pusher.mu.Lock()
	l.pusher.subscriptions[sub.id] = l
	l.pusher.mu.Unlock()
	return sub.id, nil
}

// open makes the session with the hub, once. l.mu is held.
func (l *listener) open(s *sight) error {
	if l.session != nil {
		return nil
	}
	session, err := l.pusher.api.Push.Hub.Open(hub.Subscriber{ContactCenter: l.who.contactCenter, Principal: l.conn.Principal().ID, Transport: "signalr"})
	if err != nil {
		return err
	}
	l.judged = s.v.Directory.Version
	err = session.Subscribe(hub.Subscription{ID: watchRights, Feed: rightsFeed(), Interval: hub.ShortestInterval})
	if err != nil {
		session.Close()
		return err
	}
	l.session = session
	go l.run(session) // close waits for it
	return nil
}

// rightsFeed has one row, the number of the directory.
func rightsFeed() hub.Feed {
	return hub.Feed{Key: "clarity\x00rights", Build: func(c *hub.Change, rows *hub.Rows) error {
		if c.Anew {
			rows.Put(watchRights, strconv.AppendUint([]byte(`{"directory":`), c.View.Directory.Version, 10))
		}
		return nil
	}}
}

// follow subscribes to the feed of a subscription's watch, from its state on. l.mu is held.
func (l *listener) follow(sub *subscription) error {
	if sub.name != "" {
		l.session.Unsubscribe(sub.name)
		delete(l.fed, sub.name)
	}
	sub.feeds++
	sub.name = sub.id + "#" + strconv.Itoa(sub.feeds)
	every := l.pusher.api.Push.Interval
	if sub.kind == alertsOpen {
		every = hub.ShortestInterval
	}
	if err := l.session.Subscribe(hub.Subscription{ID: sub.name, Feed: sub.watch.feed(), Interval: every}); err != nil {
		return err
	}
	l.fed[sub.name] = sub
	return nil
}

// update replaces what a subscription asks for.
func (l *listener) update(ctx context.Context, s *sight, id string, later asked) error {
	l.mu.Lock()
	sub := l.subs[id]
	l.mu.Unlock()
	if sub == nil {
		return noSubscription(id)
	}
	sub.updating.Lock() // what one request names must not be lost to another that began before
	defer sub.updating.Unlock()
	q := sub.asked.with(later)
	w, err := s.watch(sub.kind, q)
	if err != nil {
		return err
	}
	if err := w.remember(ctx, s); err != nil { // not under the lock: history takes its time
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs[id] == nil || l.closed {
		return noSubscription(id)
	}
	sub.asked, sub.watch = q, w
	l.judgeAgain(s)
	return l.follow(sub)
}

// judgeAgain has rights looked at before the next message where a request was answered by older ones than were judged by since. l.mu is
// held.
func (l *listener) judgeAgain(s *sight) { l.judged = min(l.judged, s.v.Directory.Version) }

// drop ends a subscription.
func (l *listener) drop(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := l.subs[id]
	if sub == nil || l.closed {
		return noSubscription(id)
	}
	l.session.Unsubscribe(sub.name)
	delete(l.fed, sub.name)
	delete(l.subs, id)
	l.pusher.mu.Lock()
	delete(l.pusher.subscriptions, id)
	l.pusher.mu.Unlock()
	return nil
}

func noSubscription(id string) error { return problem.NotFound("subscription", id) }

// repeat has every subscription's state sent again.
func (l *listener) repeat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sub := range l.subs {
		if err := l.follow(sub); err != nil {
			l.fail(sub, problem.Of(err))
		}
	}
}

// close ends everything and waits for run.
func (l *listener) close() {
	l.mu.Lock()
	l.closed = true
	session := l.session
	l.pusher.mu.Lock()
	for id := range l.subs {
		delete(l.pusher.subscriptions, id)
	}
	l.pusher.mu.Unlock()
	l.mu.Unlock()
	if session != nil {
		session.End(hub.ClientGone)
		<-l.ended
	}
}

// run hands on what the hub says until the session ends.
func (l *listener) run(session *hub.Session) {
	defer close(l.ended)
	defer session.Close()
	for {
		m, err := session.Next(context.Background())
		if err != nil {
			var end *hub.EndedError
			if errors.As(err, &end) && end.Reason == hub.ShuttingDown {
				l.conn.Close(signalr.Shutdown)
			} else {
				l.conn.Close(signalr.Refused)
			}
			return
		}
		l.hand(m)
	}
}

// hand sends a message on, after a look at the rights that the newest directory gives.
func (l *listener) hand(m *hub.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.judge() {
		return
	}
	sub := l.fed[m.Subscription]
	switch {
	case sub == nil: // of a feed that it no longer has, or of the directory
	case m.Problem != nil:
		l.fail(sub, m.Problem)
	default:
		l.send(sub, m)
	}
}

// judge moves subscriptions of a caller who sees something else than before to other feeds; false where the caller is gone. l.mu is held.
func (l *listener) judge() bool {
	v := l.pusher.api.Source.View(l.who.contactCenter)
	if v.Directory.Version == l.judged {
		return true
	}
	s, ok := l.pusher.api.look(l.who)
	if !ok {
		l.conn.Close(signalr.Refused)
		return false
	}
	l.judged = s.v.Directory.Version
	for _, sub := range l.subs {
		if eyes := eyesOf(s); eyes != sub.watch.eyes {
			moved := *sub.watch
			moved.eyes = eyes
			sub.watch = &moved
			if err := l.follow(sub); err != nil {
				l.fail(sub, problem.Of(err))
			}
		}
	}
	return true
}

// fail tells that there is nothing to be had at the moment. l.mu is held.
func (l *listener) fail(sub *subscription, p *problem.Problem) {
	sub.fails = true
	var e encode.Encoder
	e.Array()
	e.Object()
	e.Name("subscriptionId")
	e.String(sub.id)
	e.Name("message")
	e.String(p.Detail)
	e.End()
	e.EndArray()
	l.conn.Invoke("", "subscriptionProblem", e.B)
}

// send works out what of a hub's message the client does not have. l.mu is held.
func (l *listener) send(sub *subscription, m *hub.Message) {
	if m.Reset {
		sub.rows = map[string][]byte{}
	}
	var parser fastjson.Parser
	list, err := parser.ParseBytes(m.Rows)
	if err != nil {
		return // they are our own
	}
	l.differ.asOf = m.AsOf
	e := encode.Encoder{B: make([]byte, 0, len(m.Rows)+256)}
	e.Array()
	e.Object()
	e.Name("subscriptionId")
	e.String(sub.id)
	e.Name("asOf")
	e.String(stamp(m.AsOf))
	e.Name("reset")
	e.Bool(m.Reset)
	e.Name("more")
	e.Bool(m.More)
	e.Name("items")
	e.Array()
	told := m.Reset || m.More || sub.fails
	sub.fails = false
	for _, v := range list.GetArray() {
		key, now := string(v.GetStringBytes("key")), v.MarshalTo(nil)
		old := sub.rows[key]
		if sub.kind == alertsOpen {
			old = nil // alerts come as a whole
		}
		told = l.differ.item(&e, old, now) || told
		sub.rows[key] = now
	}
	gone := l.gone(&e, sub, m)
	e.EndArray()
	e.Name("removed")
	e.Array()
	for _, key := range gone {
		e.String(key)
	}
	e.EndArray()
	e.End()
	e.EndArray()
	if told || len(gone) > 0 {
		l.conn.Invoke("", sub.kind.callback(), e.B)
	}
}

// gone are the keys of what the client no longer has. Of an alert that was cleared the last that is to be said is among the items.
func (l *listener) gone(e *encode.Encoder, sub *subscription, m *hub.Message) (keys []string) {
	var parser fastjson.Parser
	list, err := parser.ParseBytes(m.Removed)
	if err != nil {
		return nil
	}
	for _, v := range list.GetArray() {
		key := string(v.GetStringBytes())
		row := sub.rows[key]
		if row == nil {
			continue
		}
		delete(sub.rows, key)
		keys = append(keys, key)
		if sub.kind != alertsOpen {
			continue
		}
		if last := sub.watch.clearedRow(key, fastjson.GetString(row, "ruleId")); last != nil {
			e.JSON(last)
		}
	}
	return keys
}
