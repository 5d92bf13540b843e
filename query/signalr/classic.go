package signalr

import (
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"floorwalker/query/problem"
)

// Transports, as classic clients name them.
const (
	webSockets       = "webSockets"
	serverSentEvents = "serverSentEvents"
	longPolling      = "longPolling"
)

// classicNegotiate answers GET /negotiate. Numbers are seconds.
func (s *Server) classicNegotiate(c *fiber.Ctx) error {
	if _, err := s.hubs(c); err != nil {
		return err
	}
	who, id := principalOf(c), uuid.New()
	if err := s.add(s.newConn(id, who, classic{})); err != nil {
		return err
	}
	t := s.config.Timing
	version, _ := protocolVersion(c.Query("clientProtocol"))
	return reply(c, fmt.Appendf(nil, `{"Url":%q,"ConnectionToken":%q,"ConnectionId":%q,"KeepAliveTimeout":%s,"DisconnectTimeout":%s,`+
		`"ConnectionTimeout":%s,"TryWebSockets":true,"ProtocolVersion":%q,"TransportConnectTimeout":5.0,"LongPollDelay":0.0}`,
		s.config.Paths.Classic, protect(s.config.Key, id, who.ID), id, seconds(2*t.KeepAlive), seconds(t.Disconnect), seconds(t.Poll), version))
}

func seconds(d time.Duration) string {
	text := fmt.Sprint(d.Seconds())
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// protocolVersion is the version to speak, between 1.2 and 2.0; starts is whether its clients say /start (from 1.4 on).
func protocolVersion(asked string) (version string, starts bool) {
	switch asked {
	case "1.3":
		return "1.3", false
	case "1.4", "1.5", "2.0":
		return asked, true
	}
	if asked > "2.0" {
		return "2.0", true
	}
	return "1.2", false
}

// hubs reads connectionData. named is false where it names no hub: such a client is connected, but nothing may be sent to it.
func (s *Server) hubs(c *fiber.Ctx) (named bool, err error) {
	hubs, err := parseConnectionData(text(c, "connectionData"))
	if err != nil {
		return false, problem.Parameter("connectionData", err.Error())
	}
	for _, hub := range hubs {
		if !strings.EqualFold(hub, s.config.HubName) {
			return false, problem.BadValue("connectionData", hub, strings.ToLower(s.config.HubName))
		}
	}
	return len(hubs) > 0, nil
}

// located is what every request but the first says.
type located struct {
	conn      *Conn // nil: of an earlier life of this server, or closed
	transport string
	hub       bool
}

func (s *Server) locate(c *fiber.Ctx) (at located, err error) {
	at.transport = text(c, "transport")
	switch at.transport {
	case webSockets, serverSentEvents, longPolling:
	default:
		return at, problem.BadValue("transport", at.transport, "webSockets, serverSentEvents, longPolling")
	}
	if at.hub, err = s.hubs(c); err != nil {
		return at, err
	}
	who := principalOf(c)
	id, ours, ok := unprotect(s.config.Key, text(c, "connectionToken"), who.ID)
	switch {
	case !ok:
		return at, problem.Parameter("connectionToken", "the connection token is missing or none of this server's")
	case !ours:
		return at, problem.Forbidden("the connection token is another principal's")
	}
	if conn := s.find(id.String()); conn != nil && conn.protocol.name() == classicName {
		at.conn = conn
		conn.renew(who)
	}
	return at, nil
}

var errNoConnection = problem.New(fiber.StatusNotFound, "connection_not_found", "there is no such connection; it was never negotiated here, or it has ended")

// classicConnect answers /connect, for each transport that a client tries.
func (s *Server) classicConnect(c *fiber.Ctx) error {
	at, err := s.locate(c)
	switch {
	case err != nil:
		return err
	case at.conn == nil:
		return errNoConnection
	}
	if !at.conn.claim(at.hub) {
		return problem.New(fiber.StatusBadRequest, "already_connected", "this connection is open; a transport that was lost comes back by /reconnect")
	}
	_, starts := protocolVersion(c.Query("clientProtocol"))
	if at.transport == longPolling {
		if !starts {
			at.conn.opened()
		}
		return reply(c, initialized(0))
	}
	return s.stay(c, at.transport, func(l *line, read func() ([]byte, error)) {
		if _, ok := at.conn.attach(l, initialized(0), nil); !ok {
			return
		}
		if !starts {
			at.conn.opened()
		}
		at.conn.listen(l, read)
	})
}

// claim lets a transport connect, as long as the connection is not open.
func (c *Conn) claim(hub bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state >= open {
		return false
	}
	c.state, c.hub = connected, hub
	return true
}

// stay serves a transport that stays.
func (s *Server) stay(c *fiber.Ctx, transport string, run func(l *line, read func() ([]byte, error))) error {
	if transport == webSockets {
		return s.webSocket(c, run)
	}
	return s.events(c, eventsBegin, run)
}

// eventsBegin is how classic server-sent events begin.
var eventsBegin = []byte("data: initialized\n\n")

// listen reads calls until the transport ends; the client may come back on another.
func (c *Conn) listen(l *line, read func() ([]byte, error)) {
	defer c.detach(l)
	for {
		frame, err := read()
		if err != nil {
			return
		}
		c.hear()
		if frame == nil {
			continue
		}
		answer, err := c.classicCall(frame)
		if err != nil {
			c.close(Mistaken, err.Error())
			continue // until the client has gone or its time is over
		}
		c.push(answer)
	}
}

func (c *Conn) classicCall(frame []byte) (answer []byte, err error) {
	call, err := parseClassicCall(frame)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(call.hub, c.server.config.HubName) {
		return classicReply(call, nil, Error(fmt.Sprintf("'%s' Hub could not be resolved.", call.hub))), nil
	}
	result, err := c.invoked(call.method, call.arguments)
	if err != nil {
		c.failed(call.method, err)
	}
	return classicReply(call, result, err), nil
}

// failed logs what the client is not told.
func (c *Conn) failed(method string, err error) {
	if _, told := err.(Error); !told {
		c.server.config.Logger.Warn("SignalR invocation failed", "connection_id", c.id, "method", problem.Shown(method), "error", err)
	}
}

func (s *Server) classicStart(c *fiber.Ctx) error {
	at, err := s.locate(c)
	switch {
	case err != nil:
		return err
	case at.conn == nil:
		return errNoConnection
	case !at.conn.opened():
		return problem.New(fiber.StatusBadRequest, "not_connected", "no transport of this connection is connected")
	}
	return reply(c, []byte(`{"Response":"started"}`))
}

// gone is told to a client that comes back to a connection that has ended: it stops, and may start anew.
var gone = append(appendString([]byte(`{"C":"d-0","E":`), "The connection has ended; start a new one."), `,"M":[]}`...)

// classicReconnect answers /reconnect: what the client missed comes first.
func (s *Server) classicReconnect(c *fiber.Ctx) error {
	at, err := s.locate(c)
	if err != nil {
		return err
	}
	if at.transport == longPolling {
		return s.classicWait(c, at, true)
	}
	if at.conn == nil || !at.conn.isOpen() {
		return s.tell(c, at.transport, eventsBegin, gone)
	}
	cursor, known := parseCursor(text(c, "messageId"))
	return s.stay(c, at.transport, func(l *line, read func() ([]byte, error)) {
		missed, ok := at.conn.attach(l, nil, func() bool { return at.conn.rewind(cursor, known) })
		if !ok {
			return
		}
		at.conn.back(missed)
		at.conn.listen(l, read)
	})
}

func (s *Server) classicPoll(c *fiber.Ctx) error {
	at, err := s.locate(c)
	if err != nil {
		return err
	}
	return s.classicWait(c, at, false)
}

// classicWait answers a poll: at once where there is something to say, else with a body that waits.
func (s *Server) classicWait(c *fiber.Ctx, at located, again bool) error {
	if at.conn == nil {
		return reply(c, gone)
	}
	conn := at.conn
	cursor, known := parseCursor(text(c, "messageId"))
	p, missed := conn.beginPoll(func() bool { return conn.rewind(cursor, known) })
	if missed || again {
		conn.back(missed)
	}
	answer := frames.Get().(*sending)
	none := nothingNew(cursor)
	if got := conn.collect(p, answer); got != nothing {
		conn.endPoll(p)
		if got == data {
			none = append(none[:0], answer.frame...)
		}
		answer.release()
		return reply(c, none)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSONCharsetUTF8)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Context().SetBodyStream(&pollBody{server: s, conn: conn, poll: p, net: c.Context().Conn(), answer: answer, none: none,
		until: time.Now().Add(s.config.Timing.Poll)}, -1)
	return nil
}

// classicSend answers POST /send with the result of the call.
func (s *Server) classicSend(c *fiber.Ctx) error {
	at, err := s.locate(c)
	switch {
	case err != nil:
		return err
	case at.conn == nil:
		return errNoConnection
	}
	frame := c.Request().PostArgs().Peek("data")
	if len(frame) == 0 || len(frame) > s.config.Limits.Message {
		return problem.Parameter("data", fmt.Sprintf("data of %d bytes; allowed: a call of 1 to %d", len(frame), s.config.Limits.Message))
	}
	answer, err := at.conn.classicCall(frame)
	if err != nil {
		return problem.Parameter("data", err.Error())
	}
	return reply(c, answer)
}

// classicAbort answers POST /abort, also where there is nothing left to end.
func (s *Server) classicAbort(c *fiber.Ctx) error {
	at, err := s.locate(c)
	if err != nil {
		return err
	}
	if at.conn != nil {
		at.conn.close(Aborted, "")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	return nil
}

func (s *Server) classicPing(c *fiber.Ctx) error { return reply(c, []byte(`{"Response":"pong"}`)) }
