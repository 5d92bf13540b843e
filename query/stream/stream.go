// Package stream is push for the native API (native API, GET /stream): Server-Sent Events, and the same over WebSocket. Both are readers
// of the hub; docs/push.md has their messages.
package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// Topic is something to subscribe to: its filters, and how they become a feed.
type Topic struct {
	Name       string
	Parameters []route.Parameter
	// Feed reads a query that has been held to the parameters. Errors are problems.
	Feed func(q *route.Query, v *floor.View) (hub.Feed, error)
}

// Config of an Endpoint. Zero fields take the default.
type Config struct {
	Hub    *hub.Hub // nil: there is no push, and requests are answered so
	Topics []Topic
	// WriteTimeout is how long a client may take nothing in before it is cut off; 30 s.
	WriteTimeout time.Duration
	// Heartbeat is sent after so long a silence; 15 s.
	Heartbeat time.Duration
	// Origins are whose pages may connect from a browser over WebSocket, beside the server's own: scheme://host[:port], or *.
	Origins []string
}

// Endpoint serves streams.
type Endpoint struct {
	Config
	topics map[string]*Topic
}

// New checks the topics: names are unique.
func New(c Config) (*Endpoint, error) {
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 30 * time.Second
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.WriteTimeout < 0 || c.Heartbeat < 0 {
		return nil, fmt.Errorf("stream: write timeout %s and heartbeat %s must not be negative", c.WriteTimeout, c.Heartbeat)
	}
	e := &Endpoint{Config: c, topics: map[string]*Topic{}}
	for n := range c.Topics {
		t := &c.Topics[n]
		if t.Name == "" || strings.ContainsAny(t.Name, ".,") || t.Feed == nil || e.topics[t.Name] != nil {
			return nil, fmt.Errorf("stream: topic %q has no feed, is there twice, or has a name with a dot or comma", t.Name)
		}
		e.topics[t.Name] = t
	}
	return e, nil
}

func (e *Endpoint) names() []string {
	names := make([]string, len(e.Topics))
	for n := range e.Topics {
		names[n] = e.Topics[n].Name
	}
	return names
}

// Parameters of the request that opens a stream: each topic's own carry its name before a dot.
func (e *Endpoint) Parameters() []route.Parameter {
	out := []route.Parameter{
		route.InQuery("topics", "what to subscribe to; over WebSocket subscriptions may also come later", route.OneOf(e.names()...)).Comma().Unique(),
		route.InQuery("interval_ms", "at most one message per topic in so long", interval().Default(hub.DefaultInterval.Milliseconds())),
		route.InQuery("last_event_id", "the id of the last event that was received, as the header Last-Event-ID: go on after it", route.String()),
		route.InQuery("access_token", "the token, where no Authorization header can be set, as in browsers", route.String()),
	}
	for n := range e.Topics {
		for _, p := range e.Topics[n].Parameters {
			p.Name = e.Topics[n].Name + "." + p.Name
			out = append(out, p)
		}
	}
	return out
}

func interval() *route.Schema {
	return route.Integer(hub.ShortestInterval.Milliseconds(), hub.LongestInterval.Milliseconds())
}

// Subscriber is who asks, and what the view is.
type Subscriber struct {
	hub.Subscriber
	View func() *floor.View
}

// Serve answers a request whose parameters have been checked.
func (e *Endpoint) Serve(c *fiber.Ctx, by Subscriber, q *route.Query) error {
	if e.Hub == nil {
		return problem.Unavailable("no_push", "this server does not push", 0)
	}
	ws := websocket.FastHTTPIsWebSocketUpgrade(c.Context())
	subs, err := e.read(q, by.View())
	switch {
	case err != nil:
		return err
	case ws && !e.allows(c):
		return problem.New(fiber.StatusForbidden, "origin_not_allowed", "pages of this origin may not connect to this server")
	case !ws && len(subs) == 0:
		return problem.Parameter("topics", "topics is missing; allowed: "+strings.Join(e.names(), ", "))
	case c.Method() == fiber.MethodHead:
		begin(c)
		return nil
	}
	resume(subs, lastEventID(c, q))
	by.Transport = "sse"
	if ws {
		by.Transport = "websocket"
	}
	session, err := e.Hub.Open(by.Subscriber)
	if err != nil {
		return err
	}
	for n := range subs {
		if err := session.Subscribe(subs[n]); err != nil {
			session.Close()
			return err
		}
	}
	if ws {
		return e.upgrade(c, session, by)
	}
	return e.events(c, session)
}

// read makes a subscription of each topic, called by its name.
func (e *Endpoint) read(q *route.Query, v *floor.View) ([]hub.Subscription, error) {
	names, _ := q.Strings("topics")
	every := q.Int("interval_ms", int(hub.DefaultInterval.Milliseconds()), int(hub.ShortestInterval.Milliseconds()), int(hub.LongestInterval.Milliseconds()))
	for name := range e.topics {
		if stray := q.Under(name + ".").Names(); len(stray) > 0 && !slices.Contains(names, name) {
			return nil, problem.Parameter(name+"."+stray[0], "topics does not name "+name+", whose parameter this is")
		}
	}
	out := make([]hub.Subscription, 0, len(names))
	for _, name := range names {
		feed, err := e.feed(e.topics[name], q.Under(name+"."), v)
		if err != nil {
			return nil, inTopic(name, err)
		}
		out = append(out, hub.Subscription{ID: name, Topic: name, Feed: feed, Interval: time.Duration(every) * time.Millisecond})
	}
	return out, q.Err()
}

// feed reads a topic's query.
func (e *Endpoint) feed(t *Topic, q *route.Query, v *floor.View) (hub.Feed, error) {
	if err := q.Check(t.Parameters); err != nil {
		return hub.Feed{}, err
	}
	feed, err := t.Feed(q, v)
	return feed, errors.Join(err, q.Err())
}

// inTopic names the parameter as the request does.
func inTopic(topic string, err error) error {
	var p *problem.Problem
	if !errors.As(err, &p) || p.Parameter == "" {
		return err
	}
	named := *p
	named.Parameter = topic + "." + p.Parameter
	return &named
}

// lastEventID is where a client wants to go on: browsers send the header by themselves when they connect again.
func lastEventID(c *fiber.Ctx, q *route.Query) string {
	if id := utils.CopyString(c.Get("Last-Event-ID")); id != "" {
		return id
	}
	id, _ := q.Text("last_event_id")
	return id
}

// eventID is where all of a session's subscriptions stand.
func eventID(cursors []string) string { return strings.Join(cursors, "~") }

// resume gives each subscription its part of an event's id. One of other topics leads to nothing, and the states come again.
func resume(subs []hub.Subscription, id string) {
	cursors := strings.Split(id, "~")
	if len(cursors) != len(subs) {
		return
	}
	for n := range subs {
		subs[n].Cursor = cursors[n]
	}
}

// allows reports whether a page of the request's origin may connect; what is no browser names none. Browsers ask nobody before they open
// a WebSocket to another origin, and add credentials that they remember.
func (e *Endpoint) allows(c *fiber.Ctx) bool {
	origin := utils.CopyString(c.Get(fiber.HeaderOrigin))
	if origin == "" || slices.Contains(e.Origins, "*") || slices.Contains(e.Origins, origin) {
		return true
	}
	_, host, _ := strings.Cut(origin, "://")
	return strings.EqualFold(host, string(c.Request().Host()))
}

// adopt returns what runs once the server has handed the connection over, or closes the session where it never does: a client may be
// gone by then.
func adopt(session *hub.Session, run func()) func() {
	var taken atomic.Bool
	orphan := time.AfterFunc(handOver, func() {
		if !taken.Swap(true) {
			session.Close()
		}
	})
	return func() {
		if taken.Swap(true) {
			return
		}
		orphan.Stop()
		defer session.Close()
		run()
	}
}

// handOver is how long it may take from the answer to the first message.
const handOver = 30 * time.Second

// deadlines is the part of a connection that both transports need.
type deadlines interface {
	SetWriteDeadline(time.Time) error
}

// piece is how much is written before it counts as progress.
const piece = 16 << 10

// write writes in pieces, each of which may take timeout.
func write(to deadlines, timeout time.Duration, raw []byte, put func([]byte) (int, error)) error {
	for len(raw) > 0 {
		n := min(len(raw), piece)
		if err := to.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		if _, err := put(raw[:n]); err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}

// why is what a failure to write says of the client.
func why(err error) hub.Reason {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return hub.SlowReader
	}
	return hub.ClientGone
}
