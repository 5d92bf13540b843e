package clarity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"floorwalker/query/problem"
)

// maxParts bounds a batch.
const maxParts = 50

// A part of a batch is a request of its own that goes through the whole server: it is authorised, limited and logged as if it had come
// alone. These values travel with it.
const (
	partKey = "floorwalker.clarity.part" // marks a part: batches do not nest
	baseKey = "floorwalker.clarity.base" // how the batch's request named the server
)

type batchPart struct {
	Method      string          `json:"method"`
	RelativeURL string          `json:"relativeUrl"`
	Body        json.RawMessage `json:"body"`
}

type batchResult struct {
	Code int             `json:"code"`
	Body json.RawMessage `json:"body,omitempty"`
}

func batch(c *call) error {
	if c.Context().UserValue(partKey) != nil {
		return problem.New(400, "bad_body", "a batch cannot be a part of a batch")
	}
	var parts []batchPart
	if err := json.Unmarshal(c.Body(), &parts); err != nil || parts == nil {
		return problem.New(400, "bad_body", "the body must be an array of requests: method, relativeUrl, body")
	}
	if len(parts) > maxParts {
		return problem.New(400, "bad_body", fmt.Sprintf("a batch has at most %d requests, not %d", maxParts, len(parts)))
	}
	handler, base := c.App().Handler(), c.api.base(c.Ctx)
	out := make([]batchResult, len(parts))
	for n := range parts {
		out[n] = runPart(c.Ctx, handler, base, &parts[n])
	}
	return c.answer(out)
}

func refused(code int, message string) batchResult {
	body, _ := json.Marshal(failure{message}) // a string always becomes JSON
	return batchResult{code, body}
}

func runPart(c *fiber.Ctx, handler fasthttp.RequestHandler, base string, p *batchPart) batchResult {
	target, ok := partURL(p.RelativeURL)
	if !ok {
		return refused(http.StatusBadRequest, "relativeUrl must lie below the API's root, such as ../v2/profile")
	}
	method := strings.ToUpper(strings.TrimSpace(p.Method))
	switch method {
	case "":
		method = fiber.MethodGet
	case fiber.MethodGet, fiber.MethodPost, fiber.MethodPut, fiber.MethodDelete:
	default:
		return refused(http.StatusMethodNotAllowed, "method must be GET, POST, PUT or DELETE")
	}
	var request fasthttp.Request
	request.Header.SetMethod(method)
	request.SetRequestURI(target)
	request.Header.SetHostBytes(c.Request().Host())
	for _, name := range []string{fiber.HeaderAuthorization, fiber.HeaderXForwardedFor, fiber.HeaderXForwardedProto, fiber.HeaderXForwardedHost, fiber.HeaderUserAgent} {
		if v := c.Request().Header.Peek(name); len(v) > 0 {
			request.Header.SetBytesV(name, v)
		}
	}
	request.Header.Set(fiber.HeaderAccept, fiber.MIMEApplicationJSON)
	if body := partBody(p.Body); len(body) > 0 {
		request.Header.SetContentType(fiber.MIMEApplicationJSON)
		request.SetBody(body)
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&request, c.Context().RemoteAddr(), nil)
	ctx.SetUserValue(partKey, true)
	ctx.SetUserValue(baseKey, base)
	handler(&ctx)
	result := batchResult{Code: ctx.Response.StatusCode()}
	if body := ctx.Response.Body(); json.Valid(body) {
		result.Body = append(json.RawMessage(nil), body...)
	}
	return result
}

// partBody is what a part carries: JSON as it is, or JSON in a text.
func partBody(raw json.RawMessage) []byte {
	var text string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil
	case json.Unmarshal(raw, &text) == nil:
		return []byte(text)
	}
	return raw
}

// partURL is a relativeUrl as this server's own path: relative to /v2/ (../v2/profile, profile), or what follows the API's root
// (/v2/profile, v2/profile), or the path as a whole. ok is false where it leaves the API.
func partURL(relative string) (target string, ok bool) {
	where, query, asks := strings.Cut(strings.TrimSpace(relative), "?")
	where, _, _ = strings.Cut(where, "#")
	if where == "" || strings.ContainsAny(where, "\\\r\n \x00") || strings.Contains(where, "://") || strings.Contains(where, "%2e") || strings.Contains(where, "%2E") {
		return "", false
	}
	slash := strings.HasSuffix(where, "/")
	switch first, _, _ := strings.Cut(strings.TrimPrefix(where, "/"), "/"); {
	case strings.HasPrefix(where, root+"/"):
	case first == "v2", first == "v1.0", first == "info":
		where = root + "/" + strings.TrimPrefix(where, "/")
	default:
		where = root + "/v2/" + strings.TrimPrefix(where, "/")
	}
	where = path.Clean(where)
	if !strings.HasPrefix(where, root+"/") {
		return "", false
	}
	if slash {
		where += "/"
	}
	if asks {
		where += "?" + strings.ReplaceAll(query, " ", "%20")
	}
	return where, true
}
