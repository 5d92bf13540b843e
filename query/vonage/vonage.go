// Package vonage is Vonage's Insights Stats API, as far as it is about agents: their present status from the live view, their past
// activities and workforce management states from history, and the token endpoint that comes with it (specification
// vonage-insights-agent-status; surfaces.md, section Vonage).
package vonage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/golang-jwt/jwt/v5"

	"floorwalker/query/auditlog"
	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// History is what the surface needs of the past.
type History interface {
	Progress(ctx context.Context, contactCenter string) (history.Progress, error)
	EachInterval(ctx context.Context, a history.Agents, kinds []schema.IntervalKind, each func(*schema.Interval) error) error
	EachPart(ctx context.Context, a history.Agents, each func(*schema.Part) error) error
	Changed(ctx context.Context, a history.Agents, kinds []schema.IntervalKind, parts bool) (map[string]int64, error)
}

// Deps are what the surface is made of.
type Deps struct {
	Source  *floor.Source
	History History // nil: the past is not served
	Clients []Client
	Now     func() time.Time
}

// API answers the surface's requests.
type API struct {
	Deps
	clients map[string]*Client
	parser  *jwt.Parser
}

// New makes the surface.
func New(d Deps) (*API, error) {
	if d.Source == nil || d.Now == nil {
		return nil, errors.New("vonage: source and clock must be given")
	}
	a := &API{Deps: d, clients: map[string]*Client{}}
	for i := range d.Clients {
		c := d.Clients[i]
		if err := c.validate(); err != nil {
			return nil, err
		}
		if a.clients[c.ID] != nil {
			return nil, fmt.Errorf("vonage: client %q is there twice", c.ID)
		}
		a.clients[c.ID] = &c
	}
	// The algorithm is ours, never the token's.
	a.parser = jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(d.Now))
	return a, nil
}

// mediaType names the version, which clients must ask for.
const mediaType = "application/vnd.newvoicemedia.v3+json"

const admittedKey = "floorwalker.vonage"

func (a *API) admit(c *fiber.Ctx) (string, error) {
	scheme, token, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", problem.New(fiber.StatusUnauthorized, "unauthenticated", "Authorization has been denied for this request")
	}
	client, scopes, err := a.verify(strings.TrimSpace(token))
	if err != nil {
		return "", problem.New(fiber.StatusUnauthorized, "unauthenticated", "The access token is not valid, or has expired")
	}
	id := principalID(client)
	if !contains(scopes, scopeStats) {
		return id, problem.Forbidden("The access token does not have the scope " + scopeStats)
	}
	if !slices.ContainsFunc(c.Request().Header.PeekAll(fiber.HeaderAccept), func(line []byte) bool { return accepted(string(line)) }) {
		return id, problem.Parameter("Accept", "The Accept header must name the version: "+mediaType)
	}
	c.Locals(admittedKey, client.ContactCenter)
	return id, nil
}

func principalID(of *Client) string { return "vonage/" + of.ID }

func contains(scopes []string, name string) bool {
	for _, s := range scopes {
		if s == name {
			return true
		}
	}
	return false
}

func accepted(header string) bool {
	for item := range strings.SplitSeq(header, ",") {
		media, _, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(media), mediaType) {
			return true
		}
	}
	return false
}

// Limits of a page. The default is that of the vendor's sample, the maximum what its own programs ask for.
const (
	defaultLimit = 25
	maxLimit     = 5000
)

// Operations are the surface's endpoints.
func (a *API) Operations() []route.Operation {
	stats := newSurface()
	read := func(path, id, summary string, item *route.Schema, handler fiber.Handler, own ...route.Parameter) route.Operation {
		return route.Operation{Surface: stats, Method: "GET", Path: "/stats" + path, ID: id, Summary: summary, Security: []string{"vonageToken"},
			Parameters: append(own,
				route.InQuery("page", "which page", route.Integer(1, 1<<31-1).Default(1)),
				route.InQuery("limit", "the most items of the page", route.Integer(1, maxLimit).Default(defaultLimit))),
			Responses: []route.Response{answer(item)}, Admit: a.admit, Handler: handler}
	}
	operations := []route.Operation{a.tokenOperation(), read("/agent-status", "vonageAgentStatus", "What all agents are doing", agentSchema(), a.agentStatus)}
	if a.History == nil {
		return operations
	}
	typed := route.InQuery("type", "only activities of this type", route.OneOf(typePresence, typeInteraction, typeWorkload))
	return append(operations,
		read("/agent-activities", "vonageAgentActivities", "What agents did", activitySchema(),
			a.activities(presences, workloads, interactions), append(window(), typed)...),
		read("/agent-activities/presence", "vonageAgentPresences", "Presences of agents", activitySchema(), a.activities(presences), window()...),
		read("/agent-activities/interactions", "vonageAgentInteractions", "Interactions of agents", activitySchema(), a.activities(interactions), window()...),
		read("/wfm/agent-states", "vonageAgentStates", "States of agents for workforce management", stateSchema(), a.activities(states), window()...))
}

func window() []route.Parameter {
	return []route.Parameter{
		route.InQuery("start", "begin of the search window, ISO 8601", route.String()).Must().Unchecked(),
		route.InQuery("end", "its end, now by default; the window is at most 31 days", route.String()).Unchecked(),
		route.InQuery("include", "whether to find what started in the window, what started or ended, or what was processed too",
			route.OneOf(includeStarted, includeStartedOrEnded, includeProcessed).Default(includeStarted)),
		route.InQuery("agentId", "only this agent", route.String()),
	}
}

func newSurface() *route.Surface {
	message := func(status int, description string) route.Response {
		return route.JSON(status, description, route.Object(route.F("message", route.String())).Named("VonageFailure"))
	}
	return &route.Surface{Tag: "vonage", Description: "Vonage Contact Center's Insights Stats", Prefixes: []string{"/stats/"}, Fail: fail,
		Schemes: map[string]route.Scheme{"vonageToken": route.BearerScheme("a token of /Auth/connect/token with the scope stats")},
		Failures: []route.Response{message(400, "a malformed request, or no version in Accept"), message(401, "no valid token"),
			message(403, "the token does not have the scope"), message(500, "internal error")}}
}

func (a *API) tokenOperation() route.Operation {
	failure := route.Object(route.F("error", route.String()), route.F("error_description", route.String())).Named("VonageTokenFailure")
	surface := &route.Surface{Tag: "vonage tokens", Description: "OAuth 2.0 client credentials for Vonage's API", Prefixes: []string{"/Auth/"}, Fail: failToken,
		Failures: []route.Response{route.JSON(400, "a bad grant, scope or request", failure), route.JSON(401, "unknown client or wrong secret", failure)}}
	text := func(name, description string) route.Parameter {
		return route.InQuery(name, description, route.String()).Unchecked()
	}
	return route.Operation{Surface: surface, Method: "POST", Path: "/Auth/connect/token", ID: "vonageToken", Summary: "Get an access token",
		Bodies: []route.Body{route.FormParameters(text("grant_type", "client_credentials"), text("client_id", "the client; or in a Basic header"),
			text("client_secret", "its secret; or in a Basic header"), text("scope", "stats"))},
		Responses: []route.Response{route.JSON(200, "the token", route.Object(route.F("access_token", route.String()), route.F("expires_in", route.Int()),
			route.F("token_type", route.String()), route.F("scope", route.String())))},
		Handler: a.token, Audit: auditlog.SignIn}
}

// number is a parameter that the frame has checked; an empty one counts as not given.
func number(q *route.Query, name string, standard int) int {
	if text, _ := q.Text(name); text == "" {
		return standard
	}
	return q.Int(name, standard, 1, 1<<31-1)
}

// page is a share of items that are counted from 1.
type page struct{ number, limit int }

func readPage(q *route.Query) page {
	return page{number(q, "page", 1), number(q, "limit", defaultLimit)}
}

// of is the part of total items that the page has.
func (p page) of(total int) (from, to int) {
	from = min((p.number-1)*p.limit, total)
	return from, min(from+p.limit, total)
}

// begin writes meta and opens items.
func (p page) begin(total int) *list.Encoder {
	from, to := p.of(total)
	e := &list.Encoder{B: make([]byte, 0, 512+512*(to-from))}
	e.Object()
	e.Name("meta")
	e.Object()
	e.Name("page")
	e.Int(int64(p.number))
	e.Name("count")
	e.Int(int64(to - from))
	e.Name("pageCount")
	e.Int(int64((total + p.limit - 1) / p.limit))
	e.Name("totalCount")
	e.Int(int64(total))
	e.End()
	e.Name("items")
	e.Array()
	return e
}

func finish(c *fiber.Ctx, e *list.Encoder, upTo int64) error {
	e.EndArray()
	e.Name("upTo")
	e.Time(upTo)
	e.End()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "max-age=5, must-revalidate, private")
	c.Vary(fiber.HeaderAccept, fiber.HeaderAuthorization)
	return c.Send(e.B)
}

func answer(item *route.Schema) route.Response {
	count := func() *route.Schema { return route.Integer(0, 1<<31-1) }
	r := route.JSON(200, "a page", route.Object(
		route.F("meta", route.Object(route.F("page", count()), route.F("count", count()), route.F("pageCount", count()), route.F("totalCount", count()))),
		route.F("items", route.Array(item)), route.F("upTo", route.DateTime().OrNull())))
	r.Headers = []string{fiber.HeaderCacheControl}
	return r
}

// fail answers with a message.
func fail(c *fiber.Ctx, p *problem.Problem) error {
	if p.Status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="vonage"`)
	}
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	var e list.Encoder
	e.Object()
	e.Name("message")
	e.String(message)
	e.End()
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(p.Status).Send(e.B)
}
