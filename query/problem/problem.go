// Package problem is how the native API says that something went wrong: RFC 9457 problem details with a stable code, the
// parameter at fault and the request's id (native API, section Access).
package problem

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// MediaType of every problem.
const MediaType = "application/problem+json"

// TypePrefix begins the type of every problem; the code follows.
const TypePrefix = "urn:floorwalker:problem:"

// Problem is one refusal or failure. It is an error, so that handlers return it.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	Code      string `json:"code"`
	Parameter string `json:"parameter,omitempty"`
	RequestID string `json:"request_id,omitempty"`

	challenge  string // of WWW-Authenticate; empty sends none
	retryAfter int    // seconds; 0 sends none
	cause      error
}

// New makes a problem. code is stable and snake_case; detail is for people and must not hold a secret.
func New(status int, code, detail string) *Problem {
	title := http.StatusText(status)
	if title == "" {
		title = "Error"
	}
	return &Problem{Type: TypePrefix + code, Title: title, Status: status, Code: code, Detail: detail}
}

// Parameter refuses one query parameter, body field or path segment: status 400, code bad_parameter.
func Parameter(name, detail string) *Problem {
	p := New(http.StatusBadRequest, "bad_parameter", detail)
	p.Parameter = Shown(name)
	return p
}

// UnknownParameter refuses a parameter or field that does not exist and names those that do.
func UnknownParameter(name string, allowed []string) *Problem {
	if len(allowed) == 0 {
		allowed = []string{"none"}
	}
	p := New(http.StatusBadRequest, "unknown_parameter",
		"unknown parameter "+quote(name)+"; allowed: "+strings.Join(allowed, ", "))
	p.Parameter = Shown(name)
	return p
}

// BadValue refuses a parameter's value and says what is allowed.
func BadValue(name, value, allowed string) *Problem {
	return Parameter(name, "bad value "+quote(value)+" of "+Shown(name)+"; allowed: "+allowed)
}

// NotFound is a missing entity of a contact centre that the caller may see, such as an agent.
func NotFound(what, id string) *Problem {
	return New(http.StatusNotFound, what+"_not_found", "there is no "+strings.ReplaceAll(what, "_", " ")+" "+quote(id))
}

// NoContactCenter says that a path's contact centre does not exist. A caller of another contact centre gets the very same.
func NoContactCenter(id string) *Problem {
	return New(http.StatusNotFound, "contact_center_not_found", "there is no contact center "+quote(id))
}

// Unauthenticated is a missing or wrong credential; its response carries WWW-Authenticate.
func Unauthenticated(detail string) *Problem {
	p := New(http.StatusUnauthorized, "unauthenticated", detail)
	p.challenge = bearerChallenge + ", " + basicChallenge
	return p
}

// SignedOut is Unauthenticated for a page's session: browsers answer the challenge of Basic with a dialog of their own, over the page.
func SignedOut(detail string) *Problem {
	p := New(http.StatusUnauthorized, "unauthenticated", detail)
	p.challenge = bearerChallenge
	return p
}

const (
	bearerChallenge = `Bearer realm="floorwalker"`
	basicChallenge  = `Basic realm="floorwalker", charset="UTF-8"`
)

// Forbidden is a right that the principal's role does not include.
func Forbidden(detail string) *Problem { return New(http.StatusForbidden, "forbidden", detail) }

// Unavailable is a passing state; the response carries Retry-After where seconds is not 0.
func Unavailable(code, detail string, seconds int) *Problem {
	p := New(http.StatusServiceUnavailable, code, detail)
	p.retryAfter = seconds
	return p
}

// TooMany refuses a request beyond the caller's rate; seconds is when the next one may come.
func TooMany(detail string, seconds int) *Problem {
	p := New(http.StatusTooManyRequests, "rate_limited", detail)
	p.retryAfter = seconds
	return p
}

// RetryAfter is in how many seconds to try again, 0 where nothing says so.
func (p *Problem) RetryAfter() int { return p.retryAfter }

// Internal hides the cause from the caller and keeps it for the log.
func Internal(cause error) *Problem {
	p := New(http.StatusInternalServerError, "internal", "the request could not be answered; the log names the cause under this request_id")
	p.cause = cause
	return p
}

// Because keeps the cause for the log; callers do not see it.
func (p *Problem) Because(cause error) *Problem {
	p.cause = cause
	return p
}

func (p *Problem) Error() string {
	if p.cause != nil {
		return p.Code + ": " + p.cause.Error()
	}
	return p.Code + ": " + p.Detail
}

// Unwrap returns what an Internal problem hides.
func (p *Problem) Unwrap() error { return p.cause }

// Of turns any error that a handler returned into a problem: problems as they are, those of the router by status.
func Of(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var f *fiber.Error
	if !errors.As(err, &f) {
		return Internal(err)
	}
	switch f.Code {
	case http.StatusNotFound:
		return New(f.Code, "route_not_found", "there is no such path")
	case http.StatusMethodNotAllowed:
		return New(f.Code, "method_not_allowed", "this path does not answer this method; Allow lists those that it does")
	case http.StatusRequestEntityTooLarge:
		return New(f.Code, "body_too_large", "the body is larger than this server accepts")
	case http.StatusRequestHeaderFieldsTooLarge:
		return New(f.Code, "headers_too_large", "the headers are larger than this server accepts")
	case http.StatusRequestTimeout:
		return New(f.Code, "request_timeout", "the request did not arrive in time")
	}
	if f.Code >= 500 {
		return Internal(err)
	}
	return New(f.Code, "bad_request", Shown(f.Message))
}

// Send answers the request with the problem.
func (p *Problem) Send(c *fiber.Ctx, requestID string) error {
	out := *p
	out.RequestID = requestID
	body, err := json.Marshal(&out)
	if err != nil {
		return err
	}
	switch {
	case p.challenge != "" && byScript(c):
		c.Set(fiber.HeaderWWWAuthenticate, bearerChallenge)
	case p.challenge != "":
		c.Set(fiber.HeaderWWWAuthenticate, p.challenge)
	}
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, MediaType)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(p.Status).Send(body)
}

// byScript reports whether a page's script made the request, as far as browsers say so.
func byScript(c *fiber.Ctx) bool {
	mode := c.Get("Sec-Fetch-Mode")
	return mode != "" && mode != "navigate"
}

// maxShown bounds what of a caller's own text comes back in a problem.
const maxShown = 128

// Shown is a caller's text made fit to come back: valid UTF-8, bounded, no memory of the request.
func Shown(s string) string {
	if len(s) > maxShown {
		s = s[:maxShown] + "…"
	}
	if !utf8.ValidString(s) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.Clone(s)
}

func quote(s string) string { return "\"" + Shown(s) + "\"" }
