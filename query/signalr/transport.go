package signalr

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"floorwalker/query/problem"
)

// Sizes of a WebSocket's buffers: what clients send is small, and what goes to them is written from a pool.
const (
	readBuffer  = 512
	writeBuffer = 4 << 10
)

func newUpgrader(origins []string) websocket.FastHTTPUpgrader {
	return websocket.FastHTTPUpgrader{ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(ctx *fasthttp.RequestCtx) bool { return goodOrigin(ctx, origins) },
		Error:       func(ctx *fasthttp.RequestCtx, status int, _ error) { ctx.SetStatusCode(status) }}
}

// goodOrigin lets in pages of the server itself and of the listed origins, and whoever is no page.
func goodOrigin(ctx *fasthttp.RequestCtx, origins []string) bool {
	origin := string(ctx.Request.Header.Peek(fiber.HeaderOrigin))
	if origin == "" || slices.Contains(origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, string(ctx.Host()))
}

// webSocket answers the request with a WebSocket and serves it with run, which gets the line and what reads from it: read returns
// one message at a time, valid until the next. When run returns, nothing may use the line any more.
func (s *Server) webSocket(c *fiber.Ctx, run func(l *line, read func() ([]byte, error))) error {
	err := s.upgrader.Upgrade(c.Context(), func(ws *websocket.Conn) {
		if !s.enter() {
			return
		}
		defer s.group.Done()
		defer s.recovered()
		l := s.webSocketLine(ws)
		ws.SetReadLimit(int64(s.config.Limits.Message))
		ws.SetPongHandler(func(string) error {
			if l.heard != nil {
				l.heard()
			}
			return nil
		})
		run(l, func() ([]byte, error) {
			_, message, err := ws.ReadMessage()
			return message, err
		})
	})
	if err == nil {
		return nil
	}
	status := c.Response().StatusCode()
	if status == fiber.StatusForbidden {
		return problem.Forbidden("pages of this origin may not open a WebSocket here")
	}
	return problem.New(fiber.StatusBadRequest, "bad_request", "a WebSocket handshake was expected: "+err.Error())
}

func (s *Server) webSocketLine(ws *websocket.Conn) *line {
	l := &line{conn: below(ws.NetConn())}
	l.write = func(frame []byte) error {
		_ = ws.SetWriteDeadline(time.Now().Add(s.config.Timing.Write)) // only notes it
		return ws.WriteMessage(websocket.TextMessage, frame)
	}
	l.ping = func() { _ = ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(farewell)) }
	l.finish = func() {
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(farewell))
		_ = l.conn.SetReadDeadline(time.Now().Add(farewell))
	}
	return l
}

// below is the connection that closing ends at once; what fasthttp hands out closes only when its handler returns.
func below(conn net.Conn) net.Conn {
	if h, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
		return h.UnsafeConn()
	}
	return conn
}

// events answers the request with server-sent events. The connection is taken from fasthttp like a WebSocket's: a body stream would
// keep its buffers, and would learn only by writing that the client is gone.
func (s *Server) events(c *fiber.Ctx, first []byte, run func(l *line, read func() ([]byte, error))) error {
	if c.Method() != fiber.MethodGet {
		return problem.New(fiber.StatusBadRequest, "bad_request", "server-sent events answer GET only")
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	h := &c.Response().Header
	h.SetContentLength(-2) // until the connection ends
	h.Del(fiber.HeaderTransferEncoding)
	head := append(slices.Clone(h.Header()), first...)
	ctx := c.Context()
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		if !s.enter() {
			return
		}
		defer s.group.Done()
		defer s.recovered()
		l := s.eventLine(conn)
		_ = l.conn.SetWriteDeadline(time.Now().Add(s.config.Timing.Write))
		if _, err := conn.Write(head); err != nil {
			return
		}
		head = nil
		run(l, func() ([]byte, error) {
			var nothing [16]byte // clients say nothing here, but that they are gone
			_, err := conn.Read(nothing[:])
			return nil, err
		})
	})
	return nil
}

func (s *Server) eventLine(conn net.Conn) *line {
	l := &line{conn: below(conn)}
	l.write = func(frame []byte) error {
		out := append(event(make([]byte, 0, len(frame)+8), frame), '\n', '\n')
		_ = l.conn.SetWriteDeadline(time.Now().Add(s.config.Timing.Write))
		_, err := conn.Write(out)
		return err
	}
	l.finish = l.abort
	return l
}

// event writes a frame as the data of an event. The only line breaks of JSON are spaces between its tokens.
func event(to, frame []byte) []byte {
	to = append(to, "data: "...)
	at := len(to)
	to = append(to, frame...)
	for i, b := range to[at:] {
		if b == '\n' || b == '\r' {
			to[at+i] = ' '
		}
	}
	return to
}

func (s *Server) recovered() {
	if r := recover(); r != nil {
		s.config.Logger.Error("panic while serving a SignalR connection", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

// tell answers with one frame and the end, on a transport that stays.
func (s *Server) tell(c *fiber.Ctx, transport string, first, frame []byte) error {
	last := func(l *line, read func() ([]byte, error)) {
		if l.write(frame) != nil {
			return
		}
		l.finish()
		for {
			if _, err := read(); err != nil {
				return
			}
		}
	}
	if transport == webSockets {
		return s.webSocket(c, last)
	}
	return s.events(c, first, last)
}

// pollBody is the answer to a classic poll that waits: spaces keep it alive until there is something to say. Reading it takes place in
// the goroutine of the request, which notices a client that is gone when a space cannot be written.
type pollBody struct {
	server *Server
	conn   *Conn
	poll   *poll
	net    net.Conn
	until  time.Time
	none   []byte // the answer when nothing came

	answer *sending
	rest   []byte
	over   bool
}

func (b *pollBody) Read(p []byte) (int, error) {
	_ = b.net.SetWriteDeadline(time.Now().Add(b.server.config.Timing.Write))
	if !b.over {
		switch b.conn.waitPoll(b.poll, b.answer, min(time.Until(b.until), b.server.config.Timing.KeepAlive)) {
		case nothing:
			if time.Now().Before(b.until) {
				p[0] = ' '
				_ = b.net.SetWriteDeadline(time.Now().Add(b.server.config.Timing.Write))
				return 1, nil
			}
			b.rest = b.none
		case ended:
			b.rest = b.none
		case data:
			b.rest = b.answer.frame
		}
		b.over = true
		_ = b.net.SetWriteDeadline(time.Now().Add(b.server.config.Timing.Write))
	}
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close gives the connection back to fasthttp as it was.
func (b *pollBody) Close() error {
	b.conn.endPoll(b.poll)
	b.answer.release()
	return b.net.SetWriteDeadline(time.Time{})
}

// waitPoll waits for something to send.
func (c *Conn) waitPoll(p *poll, s *sending, patience time.Duration) polled {
	if got := c.collect(p, s); got != nothing || patience <= 0 {
		return got
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-p.wake:
			if got := c.collect(p, s); got != nothing {
				return got
			}
		case <-timer.C:
			return c.collect(p, s)
		}
	}
}

// text is a parameter of the query string, or else of a form.
func text(c *fiber.Ctx, name string) string {
	if v := c.Query(name); v != "" {
		return utils.CopyString(v)
	}
	return string(c.Request().PostArgs().Peek(name))
}
