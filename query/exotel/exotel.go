// Package exotel is Exotel's Agent Presence Monitoring API over the live view: the list of presences with its summary, one agent's
// presence, and setting it (specification exotel-agent-presence; surfaces.md, section Exotel).
package exotel

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// DefaultRequestsPerMinute is what an account may ask for, as the vendor limits its GET requests.
const DefaultRequestsPerMinute = 300

// Authenticator knows the surface's tokens. A principal's id is AccountID of the token's name.
type Authenticator interface {
	Token(token string) (auth.Principal, error)
}

// AccountID is the id of the principal whose token has a name: names are unique within a contact centre.
func AccountID(contactCenter, name string) string { return "exotel/" + contactCenter + "/" + name }

// Presences sets what agents are doing.
type Presences interface {
	// SetPresence returns when the live view shows it. Errors are problems.
	SetPresence(ctx context.Context, contactCenter, agent string, p command.Presence) error
}

// Account is what is configured of a contact centre beside its tokens.
type Account struct {
	SID               string // empty: the directory's exotel_account_sid, else the contact centre's id
	RequestsPerMinute int    // 0: DefaultRequestsPerMinute
}

// Deps are what the surface is made of.
type Deps struct {
	Source        *floor.Source
	Authenticator Authenticator
	Accounts      map[string]Account       // by contact centre
	Presences     Presences                // nil: nothing can be set
	Masks         map[auth.Role]*mask.Mask // what roles are not to see of customers; a role without one sees all
	Now           func() time.Time
}

// API answers the surface's requests.
type API struct {
	Deps
	limiter *limiter
}

// New makes the surface.
func New(d Deps) (*API, error) {
	if d.Source == nil || d.Authenticator == nil || d.Now == nil {
		return nil, errors.New("exotel: source, authenticator and clock must be given")
	}
	for contactCenter, a := range d.Accounts {
		if a.RequestsPerMinute < 0 {
			return nil, fmt.Errorf("exotel: contact centre %q: %d requests per minute; at least 1 is allowed", contactCenter, a.RequestsPerMinute)
		}
	}
	d.Accounts = maps.Clone(d.Accounts)
	return &API{Deps: d, limiter: &limiter{now: d.Now, accounts: map[string]*spent{}}}, nil
}

const admittedKey = "floorwalker.exotel"

// admit finds out whose account it is. The path must name that account; whoever names another learns nothing of it.
func (a *API) admit(right auth.Right) func(c *fiber.Ctx) (string, error) {
	return func(c *fiber.Ctx) (string, error) {
		principal, err := a.authenticate(utils.CopyString(c.Get(fiber.HeaderAuthorization)))
		if err != nil {
			return "", problem.New(fiber.StatusUnauthorized, "unauthenticated", "Authentication is missing or not valid")
		}
		sid, ok := route.PathValue(c, "account_sid")
		if !ok || sid != a.sid(principal.ContactCenter) {
			return principal.ID, problem.New(fiber.StatusUnauthorized, "unauthenticated", "The credentials are not those of this account")
		}
		if err := a.limit(c, principal.ContactCenter); err != nil {
			return principal.ID, err
		}
		if !principal.Role.May(right) {
			return principal.ID, problem.New(fiber.StatusUnauthorized, "unauthenticated", "The credentials do not allow this")
		}
		c.Locals(admittedKey, principal)
		return principal.ID, nil
	}
}

// authenticate reads Bearer <token>, and Basic with a token's name and the token, the vendor's api_key and api_token.
func (a *API) authenticate(authorization string) (auth.Principal, error) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return a.Authenticator.Token(rest)
	case !strings.EqualFold(scheme, "Basic"):
		return auth.Principal{}, auth.ErrMissing
	}
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return auth.Principal{}, auth.ErrInvalid
	}
	name, token, _ := strings.Cut(string(raw), ":")
	principal, err := a.Authenticator.Token(token)
	if err != nil {
		return principal, err
	}
	if subtle.ConstantTimeCompare([]byte(AccountID(principal.ContactCenter, name)), []byte(principal.ID)) != 1 {
		return auth.Principal{}, auth.ErrInvalid
	}
	return principal, nil
}

// sid is the account that stands for a contact centre in paths.
func (a *API) sid(contactCenter string) string {
	if sid := a.Accounts[contactCenter].SID; sid != "" {
		return sid
	}
	if sid := a.Source.View(contactCenter).Directory.ContactCenter.ExotelAccountSID; sid != "" {
		return sid
	}
	return contactCenter
}

func (a *API) limit(c *fiber.Ctx, contactCenter string) error {
	limit := a.Accounts[contactCenter].RequestsPerMinute
	if limit == 0 {
		limit = DefaultRequestsPerMinute
	}
	q := a.limiter.take(contactCenter, limit)
	asWritten(c, "X-RateLimit-Limit", strconv.Itoa(q.limit))
	asWritten(c, "X-RateLimit-Remaining", strconv.Itoa(q.remaining))
	// Rounded up: who waits until then is let in.
	asWritten(c, "X-RateLimit-Reset", strconv.FormatInt(q.resets.Add(time.Second-1).Unix(), 10))
	if !q.exceeded {
		return nil
	}
	wait := (q.resets.Sub(a.Now()) + time.Second - 1) / time.Second
	c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(max(wait, 1))))
	return problem.New(fiber.StatusTooManyRequests, "rate_limited", fmt.Sprintf("More than %d requests in a minute", q.limit))
}

// asWritten sets a header in the letters of the specification: fasthttp's own spelling of names has one capital for each word.
func asWritten(c *fiber.Ctx, name, value string) {
	c.Response().Header.SetCanonical([]byte(name), []byte(value))
}

// Operations are the surface's endpoints.
func (a *API) Operations() []route.Operation {
	surface := newSurface()
	security := []string{"exotelToken", "exotelKey"}
	sid := route.InPath("account_sid", "the account that the credentials belong to", route.ID())
	user := route.InPath("user_id", "the agent's id or number", route.ID())
	return []route.Operation{{
		Surface: surface, Method: "GET", Path: "/v2/accounts/{account_sid}/agents/presence", ID: "exotelListPresence",
		Summary: "Presence of the agents, with head-counts", Security: security,
		Parameters: []route.Parameter{sid,
			route.InQuery("status", "only agents in this status; the summary counts all", route.OneOf(words()...)),
			route.InQuery("team_id", "only agents of this team, in the summary too", route.String()),
			route.InQuery("limit", "results per page", route.Integer(1, 100).Default(20)),
			route.InQuery("offset", "how many come before the page", route.Integer(0, 1<<31-1).Default(0)),
		},
		Responses: []route.Response{limited(route.JSON(200, "the agents in order of user_id", listSchema()))},
		Admit:     a.admit(auth.Read), Handler: a.list,
	}, {
		Surface: surface, Method: "GET", Path: "/v2/accounts/{account_sid}/agents/{user_id}/presence", ID: "exotelGetPresence",
		Summary: "Presence of one agent, with its current call", Security: security, Parameters: []route.Parameter{sid, user},
		Responses: []route.Response{limited(route.JSON(200, "the agent", oneSchema()))},
		Admit:     a.admit(auth.Read), Handler: a.one,
	}, {
		Surface: surface, Method: "PUT", Path: "/v2/accounts/{account_sid}/agents/{user_id}/presence", ID: "exotelSetPresence",
		Summary: "Set the presence of one agent", Security: security, Parameters: []route.Parameter{sid, user},
		Description: "offline → available; available → busy, offline; after-call-work and busy → available, offline. Everything else is 400.",
		Bodies:      []route.Body{route.JSONBody(updateSchema())},
		Responses:   []route.Response{limited(route.JSON(200, "the agent as it then is", oneSchema()))},
		Admit:       a.admit(auth.ChangePresence), Handler: a.set, Audit: "presence.set",
	}}
}

func newSurface() *route.Surface {
	failure := func(status int, description string) route.Response {
		return route.JSON(status, description, failureSchema())
	}
	return &route.Surface{Tag: "exotel", Description: "Exotel's Agent Presence Monitoring", Prefixes: []string{"/v2/accounts/"},
		Schemes: map[string]route.Scheme{
			"exotelToken": route.BearerScheme("an access token of the surface"),
			"exotelKey":   route.BasicScheme("api_key and api_token: a token's name and the token"),
		},
		Fail: fail,
		Failures: []route.Response{failure(400, "bad request, or a status that cannot follow the present one"),
			failure(401, "unauthorized"), failure(404, "there is no such agent"),
			limited(route.JSON(429, "rate limited", route.Object(route.F("RestException", route.Anything())))), failure(500, "internal error")},
	}
}

func limited(r route.Response) route.Response {
	r.Headers = append(r.Headers, "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
	return r
}
