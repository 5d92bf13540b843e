package query

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/native"
	"floorwalker/query/problem"
)

const requestIDKey = "floorwalker.request_id"

// outermost gives every request its id and headers, turns errors and panics into problems, and writes the access log.
func (a *App) outermost(c *fiber.Ctx) error {
	began := time.Now()
	a.begin(c)
	err := a.guarded(c)
	if err != nil {
		if sendErr := a.fail(c, err); sendErr != nil {
			return sendErr
		}
	}
	took := time.Since(began)
	status := c.Response().StatusCode()
	a.counts.add(status, took)
	a.log(c, status, took)
	return nil
}

// begin may be called twice: requests that the server refuses before routing come to fail alone.
func (a *App) begin(c *fiber.Ctx) string {
	if id, ok := c.Locals(requestIDKey).(string); ok {
		return id
	}
	id := utils.CopyString(c.Get(fiber.HeaderXRequestID))
	if !goodRequestID(id) {
		id = newRequestID()
	}
	c.Locals(requestIDKey, id)
	c.Set(fiber.HeaderXRequestID, id)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'")
	return id
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

// guarded runs the rest of the chain; a panic becomes an internal problem.
func (a *App) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			a.deps.Logger.Error("panic while answering a request", "request_id", a.begin(c), "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = problem.Internal(fmt.Errorf("panic: %v", r))
		}
	}()
	return c.Next()
}

// fail answers with a problem. Causes of failures go to the log alone.
func (a *App) fail(c *fiber.Ctx, err error) error {
	id := a.begin(c)
	p := problem.Of(err)
	if cause := p.Unwrap(); cause != nil {
		a.deps.Logger.Error("request failed", "request_id", id, "code", p.Code, "error", cause)
	}
	return p.Send(c, id)
}

const maxLoggedPath = 512

// log writes one line per request, without query string and headers, which may hold secrets.
func (a *App) log(c *fiber.Ctx, status int, took time.Duration) {
	level := slog.LevelInfo
	if status >= 500 {
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
		"principal", native.PrincipalOf(c), "ip", utils.CopyString(c.IP()))
}
