package query

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/valyala/fasthttp"

	"floorwalker/query/auth"
	"floorwalker/query/compress"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// outermost gives every request its id and headers, turns errors and panics into problems, and writes the access log.
func (a *App) outermost(c *fiber.Ctx) error {
	began := time.Now()
	a.begin(c)
	if !a.cors(c) {
		if err := a.guarded(c); err != nil {
			if err := a.fail(c, err); err != nil {
				return err
			}
		}
		a.finish(c)
	}
	took := time.Since(began)
	status := c.Response().StatusCode()
	a.auditCall(c, status)
	a.counts.add(route.CallOf(c).Operation, status, took)
	a.log(c, status, took)
	return nil
}

// begin may be called twice: requests that the server refuses before routing come to fail alone.
func (a *App) begin(c *fiber.Ctx) string {
	call := route.CallOf(c)
	if call.RequestID != "" {
		return call.RequestID
	}
	id := utils.CopyString(c.Get(fiber.HeaderXRequestID))
	if !goodRequestID(id) {
		id = newRequestID()
	}
	call.RequestID = id
	if a.draining.Load() {
		c.Context().SetConnectionClose()
	}
	c.Set(fiber.HeaderXRequestID, id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	if c.Secure() {
		c.Set(fiber.HeaderStrictTransportSecurity, "max-age=31536000")
	}
	return id
}

// ours are the headers that begin sets, which answers of bare surfaces do not have.
var ours = []string{fiber.HeaderXRequestID, fiber.HeaderXContentTypeOptions, fiber.HeaderReferrerPolicy, fiber.HeaderContentSecurityPolicy}

// finish tags and compresses what the handler answered.
func (a *App) finish(c *fiber.Ctx) {
	op := route.CallOf(c).Operation
	if surface := a.surfaceOf(c); surface != nil && surface.Bare {
		for _, name := range ours {
			c.Response().Header.Del(name)
		}
	}
	if op == nil {
		return
	}
	if !op.Surface.Bare && taggable(c) && list.Unchanged(c, xxhash.Sum64(c.Response().Body())) {
		c.Response().ResetBody()
		return
	}
	compress.Body(c)
}

// taggable reports whether the answer is a whole one that a caller may keep, without a tag yet.
func taggable(c *fiber.Ctx) bool {
	r := c.Response()
	return c.Method() == fiber.MethodGet && r.StatusCode() == fiber.StatusOK && !r.IsBodyStream() &&
		len(r.Header.Peek(fiber.HeaderETag)) == 0 && string(r.Header.Peek(fiber.HeaderCacheControl)) != "no-store"
}

// goodRequestID keeps callers from writing lines of their own into the log.
func goodRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := 0; i < len(id); i++ {
		b := id[i]
		if !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_' || b == '.') {
			return false
		}
	}
	return true
}

func newRequestID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails, says crypto/rand
	return hex.EncodeToString(raw[:])
}

// knownMethods lets methods that fiber does not know come to the router as one that no operation has: fiber itself would answer
// them with a line of text, without a request id and without telling which methods there are.
func knownMethods(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if !slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			ctx.Request.Header.SetMethod(fiber.MethodTrace)
		}
		next(ctx)
	}
}

// guarded runs the rest of the chain; a panic becomes an internal problem.
func (a *App) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			a.deps.Logger.Error("panic while answering a request", "request_id", a.begin(c), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = problem.Internal(fmt.Errorf("panic: %v", r))
		}
	}()
	c.SetUserContext(auth.From(c.UserContext(), func() string { return a.addressOf(c) }))
	if err := plainBody(c); err != nil {
		return err
	}
	return c.Next()
}

// plainBody refuses packed bodies: reading one would unpack it, and what it unpacks to no limit bounds.
func plainBody(c *fiber.Ctx) error {
	for _, encoding := range c.Request().Header.PeekAll(fiber.HeaderContentEncoding) {
		if e := strings.TrimSpace(string(encoding)); e != "" && !strings.EqualFold(e, "identity") {
			c.Set(fiber.HeaderAcceptEncoding, "identity")
			return problem.New(fiber.StatusUnsupportedMediaType, "unsupported_media_type",
				"content encoding \""+problem.Shown(e)+"\"; allowed: identity, a body that is not compressed")
		}
	}
	return nil
}

// fail answers with a problem. Causes of failures go to the log alone.
func (a *App) fail(c *fiber.Ctx, err error) error {
	id := a.begin(c)
	if errors.Is(err, fiber.ErrRequestEntityTooLarge) {
		drain(c.Context().Conn())
	}
	p := a.stranger(c, problem.Of(err))
	if cause := p.Unwrap(); cause != nil {
		a.deps.Logger.Error("request failed", "request_id", id, "code", p.Code, "error", cause)
	}
	if seconds := p.RetryAfter(); seconds > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(seconds))
	}
	surface := a.surfaceOf(c)
	if surface == nil || surface.Fail == nil {
		return p.Send(c, id)
	}
	c.Response().ResetBody()
	return surface.Fail(c, p)
}

// surfaceOf is the API whose form of errors the caller expects.
func (a *App) surfaceOf(c *fiber.Ctx) *route.Surface {
	if op := route.CallOf(c).Operation; op != nil {
		return op.Surface
	}
	if a.registry == nil {
		return nil
	}
	return a.registry.SurfaceOf(c.Path())
}

const maxLoggedPath = 512

// isProbe tells of what machines ask every few seconds for ever.
func isProbe(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

// log writes one line per request, without query string and headers, which may hold secrets.
func (a *App) log(c *fiber.Ctx, status int, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case isProbe(c.Path()):
		level = slog.LevelDebug
	case status >= 500:
		level = slog.LevelWarn
	}
	ctx := c.UserContext()
	if !a.deps.Logger.Enabled(ctx, level) {
		return
	}
	path := utils.CopyString(c.Path())
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath]
	}
	a.deps.Logger.Log(ctx, level, "request", "request_id", a.begin(c), "method", utils.CopyString(c.Method()),
		"path", strings.ToValidUTF8(path, "\uFFFD"), "status", status, "took_ms", float64(took.Microseconds())/1000,
		"principal", route.CallOf(c).Principal, "ip", a.addressOf(c))
}
