package signalr

import (
	"net"
	"sync"
	"time"
)

// line is a transport that stays: a WebSocket or a stream of events. Its reader owns it; writers come and go.
type line struct {
	conn    net.Conn // below the transport; the reader and the writers end when it is closed
	write   func(frame []byte) error
	finish  func() // after the last frame: lets the reader end soon
	ping    func() // asks for a sign of life; nil if the transport has none
	heard   func() // the sign came; set by attach
	writers sync.WaitGroup

	// Guarded by the connection's mu.
	writing bool
	pingDue bool
}

// abort ends the reader and the writers. A deadline would not do: the next write sets another.
func (l *line) abort() { _ = l.conn.Close() }

// farewell is how long a client has to take its leave.
const farewell = time.Second

// hurry lets no write in progress hold up the end.
func (l *line) hurry() { _ = l.conn.SetWriteDeadline(time.Now().Add(farewell)) }

// attach gives the connection a line; the one before it ends. false where the connection has ended. With resumed, the outbox goes back
// to the cursor first.
func (c *Conn) attach(l *line, first []byte, resumed func() bool) (missed, ok bool) {
	now := c.server.config.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == closed {
		return false, false
	}
	if c.line != nil {
		c.line.abort()
	}
	if c.poll != nil {
		c.poll.supersede()
		c.poll = nil
	}
	if resumed != nil {
		missed = resumed()
	}
	if first != nil {
		c.out.push(message{body: first})
	}
	l.heard = c.hear
	c.line, c.heard, c.told = l, now, now
	if !c.out.empty() {
		c.wake()
	}
	return missed, true
}

// detach takes a line away, if it is still the connection's, and waits for its writers: nothing touches the transport afterwards.
func (c *Conn) detach(l *line) (was bool) {
	l.abort()
	now := c.server.config.Clock()
	c.mu.Lock()
	if was = c.line == l; was {
		c.line = nil
		c.since = now
	}
	c.mu.Unlock()
	l.writers.Wait()
	return was
}

// poll is a request that waits for something to send.
type poll struct {
	wake chan struct{}
	gone bool // another request has come in its place; guarded by the connection's mu
}

func newPoll() *poll { return &poll{wake: make(chan struct{}, 1)} }

func (p *poll) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *poll) supersede() {
	p.gone = true
	p.signal()
}

// polled is what became of a poll.
type polled int

const (
	nothing polled = iota // yet
	data                  // sending.frame holds it
	ended                 // by another poll or the connection's end
)

// beginPoll puts a poll in the place of whatever served the client before. With resumed, the outbox goes back to the cursor first.
func (c *Conn) beginPoll(resumed func() bool) (p *poll, missed bool) {
	now := c.server.config.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.line != nil {
		c.line.abort()
		c.line = nil
	}
	if c.poll != nil {
		c.poll.supersede()
	}
	if resumed != nil {
		missed = resumed()
	}
	p = newPoll()
	c.poll, c.heard = p, now
	return p, missed
}

func (c *Conn) collect(p *poll, s *sending) polled {
	now := c.server.config.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case p.gone:
		return ended
	case c.fill(s, now):
		c.server.counts.sent.Add(len(s.batch))
		return data
	case c.state == closed:
		return ended
	}
	return nothing
}

// endPoll is called once for each beginPoll.
func (c *Conn) endPoll(p *poll) {
	now := c.server.config.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.poll == p {
		c.poll, c.since, c.heard = nil, now, now
	}
}
