package signalr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"floorwalker/query/problem"
)

// coreNegotiate answers POST /negotiate. Version 0 has no token: the id stands for it, which is safe because every request says whose
// it is.
func (s *Server) coreNegotiate(c *fiber.Ctx) error {
	who, id := principalOf(c), uuid.New()
	if err := s.add(s.newConn(id, who, core{})); err != nil {
		return err
	}
	const transports = `"availableTransports":[{"transport":"WebSockets","transferFormats":["Text"]},` +
		`{"transport":"ServerSentEvents","transferFormats":["Text"]},{"transport":"LongPolling","transferFormats":["Text"]}]}`
	if version := c.Query("negotiateVersion"); version == "" || version == "0" {
		return reply(c, fmt.Appendf(nil, `{"negotiateVersion":0,"connectionId":%q,`+transports, id))
	}
	return reply(c, fmt.Appendf(nil, `{"negotiateVersion":1,"connectionId":%q,"connectionToken":%q,`+transports, id, protect(s.config.Key, id, who.ID)))
}

// coreConn finds the connection that a request names.
func (s *Server) coreConn(c *fiber.Ctx) (*Conn, error) {
	token, who := c.Query("id"), principalOf(c)
	if token == "" {
		return nil, problem.Parameter("id", "the connection's token is missing")
	}
	id, err := uuid.Parse(token)
	if err != nil {
		var ours, ok bool
		if id, ours, ok = unprotect(s.config.Key, token, who.ID); ok && !ours {
			return nil, problem.Forbidden("the connection token is another principal's")
		} else if !ok {
			return nil, errNoConnection
		}
	}
	conn := s.find(id.String())
	if conn == nil || conn.principal.ID != who.ID || conn.protocol.name() != coreName {
		return nil, errNoConnection
	}
	conn.renew(who)
	return conn, nil
}

// coreConnect answers GET: a WebSocket, server-sent events or a poll.
func (s *Server) coreConnect(c *fiber.Ctx) error {
	if websocket.FastHTTPIsWebSocketUpgrade(c.Context()) {
		return s.coreWebSocket(c)
	}
	conn, err := s.coreConn(c)
	if err != nil {
		return err
	}
	if strings.Contains(c.Get(fiber.HeaderAccept), "text/event-stream") {
		if !conn.claimOnce() {
			return errSecond
		}
		return s.events(c, []byte(":\n\n"), conn.serveCore)
	}
	return s.corePoll(c, conn)
}

var errSecond = problem.New(fiber.StatusConflict, "already_connected", "this connection has a transport")

func (s *Server) coreWebSocket(c *fiber.Ctx) error {
	var conn *Conn
	if c.Query("id") == "" { // a client that skips negotiating
		conn = s.newConn(uuid.New(), principalOf(c), core{})
		if err := s.add(conn); err != nil {
			return err
		}
	} else {
		var err error
		if conn, err = s.coreConn(c); err != nil {
			return err
		}
	}
	if !conn.claimOnce() {
		return errSecond
	}
	err := s.webSocket(c, conn.serveCore)
	if err != nil {
		conn.close(Mistaken, err.Error())
	}
	return err
}

// claimOnce lets the first transport connect.
func (c *Conn) claimOnce() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != negotiated {
		return false
	}
	c.state = connected
	return true
}

// serveCore serves a transport that stays; the connection ends with it.
func (c *Conn) serveCore(l *line, read func() ([]byte, error)) {
	if _, ok := c.attach(l, nil, nil); !ok {
		return
	}
	for {
		frame, err := read()
		if err != nil {
			break
		}
		if len(frame) > 0 {
			c.receive(frame)
		}
	}
	c.detach(l)
	c.close(Aborted, "")
}

// corePoll answers a poll: the first at once, the others when there is something to say, or with 204 when nothing more will come.
func (s *Server) corePoll(c *fiber.Ctx, conn *Conn) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if c.Method() != fiber.MethodGet {
		return problem.New(fiber.StatusBadRequest, "bad_request", "polls are GET")
	}
	if conn.claimOnce() {
		return nil
	}
	p, _ := conn.beginPoll(nil)
	answer := frames.Get().(*sending)
	defer answer.release()
	defer conn.endPoll(p)
	switch conn.waitPoll(p, answer, s.config.Timing.Poll) {
	case ended:
		return c.SendStatus(fiber.StatusNoContent)
	case data:
		c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
		return c.Send(slices.Clone(answer.frame)) // it is written after this, and the buffer is used again
	}
	return nil
}

// coreSend answers POST, by which clients of events and polls send.
func (s *Server) coreSend(c *fiber.Ctx) error {
	conn, err := s.coreConn(c)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	conn.receive(c.Body())
	return nil
}

func (s *Server) coreDelete(c *fiber.Ctx) error {
	conn, err := s.coreConn(c)
	if err != nil {
		return err
	}
	conn.close(Aborted, "")
	return c.SendStatus(fiber.StatusAccepted)
}

// receive takes what a client sends: messages, whole or in parts, the first of which is the handshake.
func (c *Conn) receive(data []byte) {
	c.hear()
	c.reading.Lock()
	defer c.reading.Unlock()
	err := c.inbox.feed(data, c.server.config.Limits.Message, c.coreMessage)
	if err != nil && !errors.Is(err, errHandled) {
		c.close(Mistaken, err.Error())
	}
}

// errHandled ends reading without a reason of its own.
var errHandled = errors.New("the connection ends")

func (c *Conn) coreMessage(message []byte) error {
	c.mu.Lock()
	at := c.state
	c.mu.Unlock()
	switch at {
	case open:
		return c.coreCall(message)
	case connected:
		return c.handshake(message)
	}
	return errHandled
}

func (c *Conn) handshake(text []byte) error {
	if err := parseHandshake(text); err != nil {
		c.endWith(Mistaken, err.Error(), handshaken(err.Error()))
		return errHandled
	}
	// Who has the answer may use the connection's id at once: it is sent when the handler knows the connection.
	c.mu.Lock()
	c.out.push(message{body: handshaken("")})
	c.mu.Unlock()
	if c.opened() {
		c.mu.Lock()
		c.wake()
		c.mu.Unlock()
	}
	return nil
}

func (c *Conn) coreCall(message []byte) error {
	call, err := parseCoreCall(message)
	if err != nil {
		return err
	}
	switch call.kind {
	case typeInvocation:
		result, err := c.invoked(call.target, call.arguments)
		if err != nil {
			c.failed(call.target, err)
		}
		if call.answer {
			c.push(completion(call, result, err))
		}
	case typeStreamInvocation:
		c.push(completion(call, nil, Error("this hub has no streams")))
	case typeClose:
		c.close(Aborted, "")
		return errHandled
	}
	return nil // pings were heard; of streams there are none
}
