// Package ameyo is Ameyo's User Monitoring API over the live view: four tables of one row model, with its filters, sorting and paging
// (specification ameyo-user-monitoring; surfaces.md, section Ameyo).
package ameyo

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

// Limits of a page. The vendor has published no maximum; this one is ours.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// Authenticator knows the surface's users by their names.
type Authenticator interface {
	Password(ctx context.Context, user, password string) (auth.Principal, error)
}

// API answers the surface's requests.
type API struct {
	source        *floor.Source
	authenticator Authenticator
	masks         map[auth.Role]*mask.Mask
	tables        map[string]*table
}

// New makes the surface. Masks are what roles are not to see of customers; a role without one sees all.
func New(source *floor.Source, authenticator Authenticator, masks map[auth.Role]*mask.Mask) (*API, error) {
	if source == nil || authenticator == nil {
		return nil, errors.New("ameyo: source and authenticator must be given")
	}
	a := &API{source: source, authenticator: authenticator, masks: masks, tables: map[string]*table{}}
	for _, t := range tables() {
		a.tables[t.name] = t
	}
	return a, nil
}

const admittedKey = "floorwalker.ameyo"

// admit finds out who calls, then whether the table exists, then whether the contact centre is the caller's. All others are
// refused alike, so that nobody learns which exist.
func (a *API) admit(c *fiber.Ctx) (string, error) {
	principal, err := a.authenticate(c)
	if err != nil {
		return "", err
	}
	id := "ameyo/" + principal.ID
	if name, _ := route.PathValue(c, "table"); a.tables[name] == nil {
		return id, problem.New(fiber.StatusNotFound, "table_not_found", "there is no such table")
	}
	center, ok := route.PathValue(c, "ccId")
	if !ok || !a.isCenter(principal.ContactCenter, center) {
		return id, problem.Forbidden("not the caller's contact centre")
	}
	c.Locals(admittedKey, principal)
	return id, nil
}

func (a *API) authenticate(c *fiber.Ctx) (auth.Principal, error) {
	refused := problem.New(fiber.StatusUnauthorized, "unauthenticated", "")
	scheme, rest, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return auth.Principal{}, refused
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	user, password, ok := strings.Cut(string(raw), ":")
	if err != nil || !ok {
		return auth.Principal{}, refused
	}
	principal, err := a.authenticator.Password(c.UserContext(), user, password)
	switch {
	case err == nil:
		return principal, nil
	case errors.Is(err, auth.ErrTries):
		return principal, problem.TooMany("too many passwords from this address were wrong", auth.TriesSeconds)
	case errors.Is(err, auth.ErrBusy):
		return principal, problem.Unavailable("busy", "too many passwords are being checked", 1)
	case errors.Is(err, auth.ErrInvalid), errors.Is(err, auth.ErrMissing):
		return principal, refused
	}
	return principal, problem.Internal(err)
}

// isCenter reports whether a path's ccId, number or id, is that of the contact centre.
func (a *API) isCenter(contactCenter, ccID string) bool {
	return ccID == contactCenter || ccID == centerNumber(a.source.View(contactCenter))
}

// Operations are the surface's endpoints.
func (a *API) Operations() []route.Operation {
	surface := &route.Surface{Tag: "ameyo", Description: "Ameyo's User Monitoring", Prefixes: []string{"/v4/cc-list/"}, Fail: fail,
		Schemes:  map[string]route.Scheme{"ameyoBasic": route.BasicScheme("a user of the surface")},
		Failures: failures()}
	ids := func(name, description string) route.Parameter {
		return route.InQuery(name, description, route.String()).Comma().Repeated().Unchecked()
	}
	return []route.Operation{{
		Surface: surface, Method: "GET", Path: "/v4/cc-list/{ccId}/monitoring/{table}", ID: "ameyoMonitoring",
		Summary: "Users, their sessions, chats and customers", Security: []string{"ameyoBasic"},
		Parameters: []route.Parameter{
			route.InPath("ccId", "the contact centre's number or id", route.String()),
			route.InPath("table", "the table", route.OneOf(tableNames()...)),
			route.InQuery("offset", "how many rows come before the page", route.Integer(0, 1<<31-1).Default(0)),
			route.InQuery("limit", "the most rows of the page", route.Integer(1, maxLimit).Default(defaultLimit)),
			ids("sort_by", "property:asc or property:desc, several; a property of the row, nested ones with dots"),
			ids("campaign-ids", "only rows of these campaigns"), ids("user-ids", "only rows of these users"),
			route.InQuery("user-name", "only users with this in their name, in any case", route.String()),
			ids("status", "Inactive, ringing, connected, hungup, or a value of user_status, in any case"),
			ids("queue-ids", "only rows of these queues"), ids("user-types", "only users of these types"),
			ids("session-ids", "only rows of these user sessions"), ids("call-ids", "only rows of these calls"), ids("chat-ids", "only rows of these chats"),
		},
		Responses: []route.Response{route.JSON(200, "a page of the table", answerSchema())},
		Admit:     a.admit, Handler: a.monitoring,
	}}
}

func (a *API) monitoring(c *fiber.Ctx) error {
	name, _ := route.PathValue(c, "table")
	q := route.CallOf(c).Query
	t := a.tables[name]
	order, err := t.order(items(q, "sort_by"))
	if err != nil {
		return err
	}
	f, err := readFilter(q)
	if err != nil {
		return err
	}
	principal := c.Locals(admittedKey).(auth.Principal)
	v := a.source.View(principal.ContactCenter)
	f.resolve(v)
	s := newState(a.source, v, a.masks[principal.Role])
	offset, limit := number(q, "offset", 0), number(q, "limit", defaultLimit)
	total, page := t.page(s, f, order, offset, limit)

	e := begin(c)
	for i := range page {
		e.Object()
		e.Name("data")
		t.write(e, s, &page[i])
		e.End()
	}
	finish(e, total, len(page), offset, limit)
	return send(c, fiber.StatusOK, e)
}

// number is a parameter that the frame has checked; an empty one counts as not given.
func number(q *route.Query, name string, standard int) int {
	if text, _ := q.Text(name); text == "" {
		return standard
	}
	return q.Int(name, standard, 0, 1<<31-1)
}

// items are a list's parts; empty ones, which clients send for filters that nobody filled in, count as not given.
func items(q *route.Query, name string) []string {
	given, _ := q.Strings(name)
	out := make([]string, 0, len(given))
	for _, item := range given {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func set(q *route.Query, name string) map[string]bool {
	var out map[string]bool
	for _, item := range items(q, name) {
		if out == nil {
			out = map[string]bool{}
		}
		out[item] = true
	}
	for _, text := range q.Texts(name) { // of who encodes the commas of a value: an id or a type may have some
		if text = strings.TrimSpace(text); out != nil && text != "" {
			out[text] = true
		}
	}
	return out
}

func begin(c *fiber.Ctx) *list.Encoder {
	e := &list.Encoder{B: make([]byte, 0, 64<<10)}
	e.Object()
	e.Name("http_code")
	e.Int(fiber.StatusOK)
	e.Name("method")
	e.String(c.Method())
	e.Name("request_id")
	e.String(route.CallOf(c).RequestID)
	e.Name("response")
	e.Array()
	return e
}

func finish(e *list.Encoder, total, count, offset, limit int) {
	e.EndArray()
	e.Name("metadata")
	e.Object()
	e.Name("total")
	e.Int(int64(total))
	e.Name("count")
	e.Int(int64(count))
	e.Name("offset")
	e.Int(int64(offset))
	e.Name("limit")
	e.Int(int64(limit))
	e.End()
	e.End()
}

func send(c *fiber.Ctx, status int, e *list.Encoder) error {
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(e.B)
}

// failure is one row of the specification's table of errors.
type failure struct {
	status              int
	title, code, detail string
}

func failureRows() []failure {
	return []failure{
		{400, "Bad Request", "CONF-1001", "Invalid input or malformed request."},
		{401, "Unauthorized", "CONF-1002", "Authentication token is missing or invalid."},
		{403, "Forbidden", "CONF-1003", "Access denied."},
		{404, "Not Found", "CONF-1004", "Object doesn't exist."},
		{500, "Internal Server Error", "CONF-1005", "An unexpected error occurred on the server."},
	}
}

// fail answers with the row of the table that stands for the problem's status.
func fail(c *fiber.Ctx, p *problem.Problem) error {
	rows := failureRows()
	row := rows[0]
	if p.Status >= 500 {
		row = rows[len(rows)-1]
	}
	for _, r := range rows {
		if r.status == p.Status {
			row = r
		}
	}
	status := row.status
	switch p.Status {
	case fiber.StatusMethodNotAllowed, fiber.StatusTooManyRequests, fiber.StatusServiceUnavailable:
		status = p.Status // the table has no row of their own, but intermediaries must know them
	case fiber.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="ameyo", charset="UTF-8"`)
	}
	var e list.Encoder
	e.Object()
	e.Name("statusCode")
	e.Int(int64(status))
	e.Name("status")
	e.String(problem.New(status, "", "").Title)
	e.Name("errorCode")
	e.String(row.code)
	e.Name("errorMessage")
	e.String(row.detail)
	e.End()
	return send(c, status, &e)
}

func failures() []route.Response {
	var out []route.Response
	schema := route.Object(route.F("statusCode", route.Int()), route.F("status", route.String()), route.F("errorCode", route.String()),
		route.F("errorMessage", route.String())).Named("AmeyoFailure")
	for _, r := range failureRows() {
		out = append(out, route.JSON(r.status, r.code+": "+r.detail, schema))
	}
	return out
}

func answerSchema() *route.Schema {
	count := func() *route.Schema { return route.Integer(0, 1<<31-1) }
	return route.Object(route.F("http_code", route.Int()), route.F("method", route.String()), route.F("request_id", route.String()),
		route.F("response", route.Array(route.Object(route.F("data", rowSchema())))),
		route.F("metadata", route.Object(route.F("total", count()), route.F("count", count()), route.F("offset", count()), route.F("limit", count()))))
}

func kindNumber(v *floor.View, kind, id string) (int32, bool) {
	if id == "" {
		return 0, false
	}
	return v.NumberOf(kind, id)
}

func centerNumber(v *floor.View) string {
	if n, ok := kindNumber(v, directory.KindContactCenter, v.ContactCenter); ok {
		return itoa(n)
	}
	return ""
}
