package native

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auditlog"
	"floorwalker/query/auth"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/query/session"
)

// Bounds of what signs in, in characters.
const (
	maxUser   = 128
	maxSecret = 4096
)

// sessionAnswer is who is signed in, or asks.
type sessionAnswer struct {
	User           string          `json:"user"`
	Role           auth.Role       `json:"role"`
	ContactCenter  string          `json:"contact_center"` // or auth.AllContactCenters
	ContactCenters []sessionCenter `json:"contact_centers"`
	Expires        *time.Time      `json:"expires"` // if nothing more is asked; null of an Authorization header
}

type sessionCenter struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	TimeZone string `json:"time_zone"`
}

// sessionOperations sign browsers in and out.
func (a *API) sessionOperations() []route.Operation {
	if a.Sessions == nil {
		return nil
	}
	secret := route.String().Length(1, maxSecret)
	credentials := route.AnyOf(route.Object(route.F("user", route.String().Length(1, maxUser)), route.F("password", secret)), route.Object(route.F("token", secret)))
	center := route.Object(route.F("id", route.String()), route.F("name", route.String()), route.F("time_zone", route.String()))
	answer := route.JSON(200, "who is signed in, and what contact centres there are for them", route.Object(route.F("user", route.String()),
		route.F("role", route.OneOf(string(auth.Reader), string(auth.Supervisor), string(auth.Producer), string(auth.Admin))),
		route.F("contact_center", route.String().Says("* where it is all of them")), route.F("contact_centers", route.Array(center)),
		route.F("expires", route.DateTime().OrNull().Says("when the session ends if nothing more is asked; null without a session"))).Named("Session"))
	given := answer
	given.Headers = []string{fiber.HeaderSetCookie}
	show := a.complete(route.Operation{Method: fiber.MethodGet, Path: v1 + "/session", ID: "getSession", Summary: "Who asks, and what they may see", Admit: a.signedIn,
		Responses: []route.Response{answer}}, a.showSession)
	show.Responses = show.Responses[:1] // never 304
	limited := route.Problems(fiber.StatusTooManyRequests)[0]
	limited.Headers = []string{fiber.HeaderRetryAfter}
	return []route.Operation{
		{Surface: a.surface, Method: fiber.MethodPost, Path: v1 + "/session", ID: "signIn", Summary: "Sign a browser in",
			Description: "With a user's password, or with a token. The cookie that comes back stands for the Authorization header on all of this API, for pages of this server alone.",
			Bodies:      []route.Body{{ContentType: fiber.MIMEApplicationJSON, Raw: true, Schema: credentials}},
			Responses:   []route.Response{given, limited}, Audit: auditlog.SignIn,
			Handler: func(c *fiber.Ctx) error { return a.signIn(c, credentials) }},
		show,
		{Surface: a.surface, Method: fiber.MethodDelete, Path: v1 + "/session", ID: "signOut", Summary: "Sign a browser out; its streams end",
			Responses: []route.Response{{Status: fiber.StatusNoContent, Description: "there is no session any more", Headers: []string{fiber.HeaderSetCookie}}},
			Handler:   a.signOut, Audit: "sign_out"},
	}
}

func (a *API) signIn(c *fiber.Ctx, schema *route.Schema) error {
	by, err := readCredentials(c.Body(), schema)
	if err != nil {
		return err
	}
	principal, err := a.Sessions.SignIn(c, by)
	if err != nil {
		return err
	}
	route.CallOf(c).Principal = principal.ID
	return a.sendSession(c, principal)
}

// readCredentials says nothing of the body's content where it is wrong, for it may hold a password.
func readCredentials(body []byte, schema *route.Schema) (session.Credentials, error) {
	var given any
	if err := json.Unmarshal(body, &given); err != nil || schema.Check(given) != nil {
		return session.Credentials{}, problem.New(fiber.StatusBadRequest, "bad_body",
			`the body is neither {"user": "…", "password": "…"} nor {"token": "…"}, with texts that are neither empty nor too long`)
	}
	fields := given.(map[string]any) // the schema says so
	text := func(name string) string { s, _ := fields[name].(string); return s }
	return session.Credentials{User: text("user"), Password: text("password"), Token: text("token")}, nil
}

// signedIn is anyone, without the challenge that makes browsers ask for a password in a dialog of their own.
func (a *API) signedIn(c *fiber.Ctx) (string, error) {
	id, err := a.anyone(c)
	if p := (*problem.Problem)(nil); errors.As(err, &p) && p.Status == fiber.StatusUnauthorized {
		return id, problem.SignedOut(p.Detail)
	}
	return id, err
}

func (a *API) showSession(r *request) error { return a.sendSession(r.Ctx, r.principal) }

func (a *API) signOut(c *fiber.Ctx) error {
	if err := a.Sessions.SignOut(c); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.SendStatus(fiber.StatusNoContent)
}

func (a *API) sendSession(c *fiber.Ctx, principal auth.Principal) error {
	answer := sessionAnswer{User: principal.ID, Role: principal.Role, ContactCenter: principal.ContactCenter, ContactCenters: []sessionCenter{}}
	if expires := a.Sessions.Expires(c); !expires.IsZero() {
		expires = expires.UTC()
		answer.Expires = &expires
	}
	for _, id := range a.centersOf(principal) {
		d := a.Source.View(id).Directory
		answer.ContactCenters = append(answer.ContactCenters, sessionCenter{ID: id, Name: d.ContactCenter.Name, TimeZone: d.Location.String()})
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(answer)
}

// centersOf are the contact centres that the principal may ask for and that exist.
func (a *API) centersOf(principal auth.Principal) []string {
	switch {
	case principal.ContactCenter == auth.AllContactCenters:
		return a.Source.ContactCenters()
	case a.Source.Knows(principal.ContactCenter):
		return []string{principal.ContactCenter}
	}
	return nil
}
