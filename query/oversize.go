package query

import (
	"context"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"floorwalker/query/auth"
)

// strangersBody bounds the bodies of whoever is not known: the server takes memory for what is announced before anything of it has come.
const strangersBody = 256 << 10

// bodyLimit is asked before a body is read. Large ones are for those alone whose credential is good on the native API.
func (a *App) bodyLimit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	small := fasthttp.RequestConfig{MaxRequestBodySize: min(a.config.BodyLimit, strangersBody)}
	if n := h.ContentLength(); n >= 0 && (n <= small.MaxRequestBodySize || n > a.config.BodyLimit) {
		return small // enough, or too much for everybody
	}
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	ctx = auth.From(ctx, func() string { return "announced" }) // the address is not known here
	if _, err := a.deps.Authenticator.Authenticate(ctx, string(h.Peek(fiber.HeaderAuthorization))); err != nil {
		return small
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: a.config.BodyLimit}
}

// Bounds of reading a body that is refused.
const (
	drainBytes = 64 << 20
	drainTime  = 2 * time.Second
	drainIdle  = 200 * time.Millisecond
)

// drain reads what a client goes on sending of a body that was refused unread. The server closes the connection after its answer, and
// the kernel answers bytes that nobody has read with a reset, which takes the answer with it on the client's side. What is beyond the
// bounds is reset all the same.
func drain(conn net.Conn) {
	if conn == nil {
		return
	}
	buf := make([]byte, 64<<10)
	end := time.Now().Add(drainTime)
	for left := drainBytes; left > 0; {
		now := time.Now()
		if !now.Before(end) || conn.SetReadDeadline(now.Add(drainIdle)) != nil {
			return
		}
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		left -= n
	}
}
