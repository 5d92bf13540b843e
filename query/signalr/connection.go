package signalr

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"
)

// state of a connection; it only moves forward.
type state int

const (
	negotiated state = iota // its id is known
	connected               // it has or had a transport
	open                    // the handler knows it
	closed
)

// protocol is what differs between the two on the way to the client.
type protocol interface {
	name() string
	// frame appends one wire message of a batch: calls, of which cursor is the last, or one frame as it is.
	frame(to []byte, hub string, batch []message, cursor uint64) []byte
	// ping is what keeps an idle connection alive.
	ping() []byte
	// end tells the client why nothing more comes.
	end(reason Reason) []byte
}

// Conn is one client's connection. Its methods may be called from any goroutine.
type Conn struct {
	server    *Server
	id        string
	principal Principal
	protocol  protocol
	hub       bool // classic: the client asked for the hub; calls of others make it throw

	calls sync.Mutex // held while the handler is called

	mu     sync.Mutex
	ends   time.Time // when the credential does; zero for never
	state  state
	out    outbox
	missed bool // messages were lost while nobody was there to take them
	line   *line
	poll   *poll
	since  time.Time // of the present state, or of being without a transport
	heard  time.Time // when the client last said something
	told   time.Time // when it was last told something

	reading sync.Mutex // Core: requests that send come in turn
	inbox   inbox      // guarded by reading
}

func (s *Server) newConn(id uuid.UUID, who Principal, p protocol) *Conn {
	now := s.config.Clock()
	return &Conn{server: s, id: id.String(), principal: who, ends: who.Expires, protocol: p, hub: true, since: now, heard: now, told: now,
		out: outbox{limits: &s.config.Limits, resume: p.name() == classicName}}
}

// ID is the connection's id, a GUID.
func (c *Conn) ID() string { return c.id }

// Principal is whose connection it is, as it came when it negotiated.
func (c *Conn) Principal() Principal { return c.principal }

// Invoke sends a call of a method of the client's hub. It never blocks. arguments is a JSON array, not changed afterwards. Where key
// is not empty, an unsent call of the same key is dropped in favour of this one, which takes its place in the order of calls: last.
// A client that does not read is cut off as Slow when its queue is full; one that is away gets told of missed messages when it is back.
func (c *Conn) Invoke(key, method string, arguments []byte) {
	counts := c.server.counts
	c.mu.Lock()
	if c.state != open || !c.hub || c.missed {
		c.mu.Unlock()
		counts.dropped.Inc()
		return
	}
	replaced, ok := c.out.put(message{key: key, method: method, body: arguments})
	if replaced {
		counts.coalesced.Inc()
	}
	if ok {
		c.wake()
		c.mu.Unlock()
		return
	}
	away := c.line == nil && c.poll == nil
	if away {
		c.out.clear()
		c.missed = true
	}
	c.mu.Unlock()
	counts.dropped.Inc()
	if !away {
		c.close(Slow, "")
	}
}

// Close ends the connection; the client is told the reason. It does not wait.
func (c *Conn) Close(reason Reason) { c.close(reason, "") }

func (c *Conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == open
}

// push sends a frame as it is: an answer. A client that calls and takes no answers in is cut off as Slow.
func (c *Conn) push(frame []byte) {
	m := message{body: frame}
	c.mu.Lock()
	if c.state == closed {
		c.mu.Unlock()
		return
	}
	full := c.out.full(&m)
	if !full {
		c.out.push(m)
		c.wake()
	}
	c.mu.Unlock()
	if full {
		c.close(Slow, "")
	}
}

// hear notes that the client said something.
func (c *Conn) hear() {
	now := c.server.config.Clock()
	c.mu.Lock()
	c.heard = now
	c.mu.Unlock()
}

// close is Close; detail is for the log.
func (c *Conn) close(reason Reason, detail string) {
	var last []byte
	if reason != Aborted {
		last = c.protocol.end(reason)
	}
	c.endWith(reason, detail, last)
}

// endWith closes after a last frame; nil for none.
func (c *Conn) endWith(reason Reason, detail string, last []byte) {
	c.mu.Lock()
	if c.state == closed {
		c.mu.Unlock()
		return
	}
	was := c.state
	c.state = closed
	c.out.clear()
	if last != nil {
		c.out.push(message{body: last})
	}
	if c.line != nil {
		c.line.hurry()
	}
	c.wake()
	// From here on new requests do not find it; the handler's last call is made by a goroutine of its own, because this one may be in
	// a call of the handler's.
	c.server.group.Add(1)
	c.mu.Unlock()
	c.server.remove(c)
	c.server.counts.closed(reason)
	c.server.config.Logger.Info("SignalR connection closed", "connection_id", c.id, "principal", c.principal.ID, "protocol", c.protocol.name(),
		"reason", string(reason), "detail", detail)
	go func() {
		defer c.server.group.Done()
		if was == open {
			c.called(func() { c.server.handler.Closed(c, reason) })
		}
	}()
}

// called runs a call of the handler's, one at a time.
func (c *Conn) called(f func()) {
	c.calls.Lock()
	defer c.calls.Unlock()
	defer func() {
		if r := recover(); r != nil {
			c.server.config.Logger.Error("panic in a SignalR handler", "connection_id", c.id, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	f()
}

// opened moves a connection that has a transport to open and tells the handler; it may be called again.
func (c *Conn) opened() bool {
	c.called(func() {
		c.mu.Lock()
		fresh := c.state == connected
		if fresh {
			c.state = open
			c.since = c.server.config.Clock()
		}
		c.mu.Unlock()
		if fresh {
			c.server.counts.opened.Inc()
			c.server.handler.Connected(c)
		}
	})
	return c.isOpen()
}

// invoked calls the handler with a client's call.
func (c *Conn) invoked(method string, arguments []byte) (result []byte, err error) {
	c.server.counts.invocations.Inc()
	err = fmt.Errorf("the handler of %s did not return", method)
	c.called(func() {
		if c.isOpen() {
			result, err = c.server.handler.Invoked(c, method, arguments)
		}
	})
	if result == nil {
		result = []byte("null")
	}
	return result, err
}

// back tells the handler of a client that came back at a cursor, after the outbox was rewound.
func (c *Conn) back(missed bool) {
	c.server.counts.resumed(missed)
	c.called(func() {
		if c.isOpen() {
			c.server.handler.Reconnected(c, missed)
		}
	})
}

// rewind prepares the outbox for a client that comes back. known is whether it names a cursor at all. c.mu is held.
func (c *Conn) rewind(cursor uint64, known bool) (missed bool) {
	if !known || c.missed || !c.out.rewind(cursor) {
		c.out.clear()
		c.missed = false
		return true
	}
	return false
}

// tick looks at the clock.
func (c *Conn) tick(now time.Time) {
	t := &c.server.config.Timing
	c.mu.Lock()
	reason := c.overdue(now)
	if reason == "" {
		c.out.trim(func(m *message) bool { return now.Sub(m.at) > 2*t.Disconnect+2*t.KeepAlive })
		if c.line != nil && now.Sub(c.told) >= t.KeepAlive {
			c.line.pingDue = true
			c.wake()
		}
	}
	c.mu.Unlock()
	if reason != "" {
		c.close(reason, "")
	}
}

// overdue says why the connection must end. c.mu is held.
func (c *Conn) overdue(now time.Time) Reason {
	t := &c.server.config.Timing
	away := c.line == nil && c.poll == nil
	switch {
	case c.state == closed:
		return ""
	case !c.ends.IsZero() && !now.Before(c.ends):
		return Expired
	case c.state < open && now.Sub(c.since) >= t.Open:
		return Unopened
	case c.state == open && away && now.Sub(c.since) >= t.Disconnect:
		return Lost
	case c.state == open && c.poll == nil && c.listens() && now.Sub(c.heard) >= t.Silence:
		return Silent
	}
	return ""
}

// listens reports whether the client is expected to say something now and then. c.mu is held.
func (c *Conn) listens() bool {
	return c.protocol.name() == coreName || c.line != nil && c.line.ping != nil
}

// renew notes that the principal has come with another credential, which may end later.
func (c *Conn) renew(who Principal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if who.Expires.IsZero() || who.Expires.After(c.ends) && !c.ends.IsZero() {
		c.ends = who.Expires
	}
}

// wake lets whoever serves the client know that there is something to send. c.mu is held.
func (c *Conn) wake() {
	switch {
	case c.poll != nil:
		c.poll.signal()
	case c.line != nil && !c.line.writing:
		l := c.line
		l.writing = true
		l.writers.Add(1)
		c.server.group.Add(1)
		go func() {
			defer c.server.group.Done()
			defer l.writers.Done()
			c.drain(l)
		}()
	}
}

var frames = sync.Pool{New: func() any { return &sending{} }}

// sending is what writing one batch needs.
type sending struct {
	batch []message
	frame []byte
}

func (s *sending) release() {
	clear(s.batch)
	if cap(s.frame) <= batchBytes && cap(s.batch) <= batchMessages {
		frames.Put(s)
	}
}

// drain writes until nothing is left. There is one for a line at a time.
func (c *Conn) drain(l *line) {
	s := frames.Get().(*sending)
	defer s.release()
	for {
		switch c.next(l, s) {
		case idle:
			return
		case finish:
			l.finish()
			return
		case ping:
			if l.ping != nil {
				l.ping()
			}
		}
		if err := l.write(s.frame); err != nil {
			l.abort() // its reader sees that and takes the line away
			return
		}
		c.server.counts.sent.Add(len(s.batch))
	}
}

// step is what a writer does next.
type step int

const (
	idle   step = iota // end; another writer comes with the next message
	write              // sending.frame
	ping               // the same, which holds a keep-alive
	finish             // the last frame has been written
)

// next makes the next frame for a line. A line whose write failed stays marked as writing, so that no other writer tries.
func (c *Conn) next(l *line, s *sending) step {
	now := c.server.config.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	pingDue := l.pingDue
	l.pingDue = false
	switch {
	case c.line != l:
		return idle
	case c.fill(s, now):
		return write
	case c.state == closed:
		return finish
	case pingDue:
		c.told = now
		s.batch, s.frame = s.batch[:0], append(s.frame[:0], c.protocol.ping()...)
		return ping
	}
	l.writing = false
	return idle
}

// fill takes the next batch. c.mu is held.
func (c *Conn) fill(s *sending, now time.Time) bool {
	clear(s.batch)
	s.batch = c.out.take(s.batch[:0], now)
	if len(s.batch) == 0 {
		return false
	}
	c.told = now
	cursor := c.out.last
	if last := s.batch[len(s.batch)-1]; last.seq != 0 {
		cursor = last.seq
	}
	s.frame = c.protocol.frame(s.frame[:0], c.server.config.HubName, s.batch, cursor)
	return true
}

// hangUp ends the transport without a word.
func (c *Conn) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil {
		c.line.abort()
	}
}
