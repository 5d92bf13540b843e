// Package convoso is Convoso's User Activity API over the live view: how many agents are logged in and how many of them are
// available (specification convoso-user-activity; surfaces.md, section Convoso).
package convoso

import (
	"errors"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

// Authenticator knows the surface's tokens.
type Authenticator interface {
	Token(token string) (auth.Principal, error)
}

// API answers the surface's requests.
type API struct {
	source        *floor.Source
	authenticator Authenticator
}

// New makes the surface.
func New(source *floor.Source, authenticator Authenticator) (*API, error) {
	if source == nil || authenticator == nil {
		return nil, errors.New("convoso: source and authenticator must be given")
	}
	return &API{source, authenticator}, nil
}

const admittedKey = "floorwalker.convoso"

// admit takes auth_token from wherever the client put it. It must read the body for that, before anything of it is checked.
func (a *API) admit(c *fiber.Ctx) (string, error) {
	principal, err := a.authenticator.Token(token(c))
	if err != nil {
		return "", problem.New(fiber.StatusUnauthorized, "unauthenticated", "Invalid authentication token")
	}
	c.Locals(admittedKey, principal.ContactCenter)
	return principal.ID, nil
}

func token(c *fiber.Ctx) string {
	media, _, _ := strings.Cut(c.Get(fiber.HeaderContentType), ";")
	if c.Method() == fiber.MethodPost {
		var body *route.Query
		switch strings.ToLower(strings.TrimSpace(media)) {
		case fiber.MIMEApplicationForm:
			body = route.ParseQuery(string(c.Body()))
		case fiber.MIMEApplicationJSON:
			body = route.ParseBody(c.Body())
		default:
			body = route.ParseQuery("")
		}
		if text, _ := body.Text(parameterToken); text != "" {
			return text
		}
	}
	text, _ := route.ParseQuery(string(c.Request().URI().QueryString())).Text(parameterToken)
	return text
}

const (
	parameterToken    = "auth_token"
	parameterCampaign = "campaign_id"
	parameterQueue    = "queue_id"
	parameterUser     = "user_id"
	parameterSkills   = "filter_by_skill_options"
)

// Operations are the surface's endpoints: POST as the specification says, and GET as the vendor's own help has it.
func (a *API) Operations() []route.Operation {
	surface := &route.Surface{Tag: "convoso", Description: "Convoso's User Activity", Prefixes: []string{"/v1/user-activity/"}, Fail: fail,
		Schemes: map[string]route.Scheme{"convosoToken": route.KeyScheme("query", parameterToken, "also in a form or JSON body")},
		Failures: []route.Response{route.JSON(500, "internal error", route.Object(route.F("success", route.Boolean()),
			route.May("code", route.Int()), route.F("error", route.String())).Named("ConvosoFailure"))},
	}
	id := func(name, description string) route.Parameter {
		return route.InQuery(name, description, route.String()).Unchecked()
	}
	parameters := []route.Parameter{id(parameterToken, "the credential"), id(parameterCampaign, "only agents of this campaign"),
		id(parameterQueue, "only agents of this queue"), id(parameterUser, "only this agent"),
		route.InQuery(parameterSkills, "only agents with one of these skills, ids or names in any case", route.String()).Comma().Repeated().Unchecked()}
	operation := route.Operation{Surface: surface, Path: "/v1/user-activity/search", Summary: "How many agents are logged in and available",
		Security:  []string{"convosoToken"},
		Responses: []route.Response{route.JSON(200, "the counts, or what is wrong with the request", answerSchema())},
		Admit:     a.admit, Handler: a.search, Parameters: parameters}
	get, post := operation, operation
	get.Method, get.ID = "GET", "convosoGetUserActivity"
	post.Method, post.ID, post.NoBodyToo = "POST", "convosoSearchUserActivity", true
	post.Bodies = []route.Body{route.FormParameters(parameters...), route.JSONParameters(parameters...)}
	return []route.Operation{get, post}
}

func answerSchema() *route.Schema {
	counts := route.Object(route.F("available_agents", route.Integer(0, 1<<31-1)), route.F("logged_in_agents", route.Integer(0, 1<<31-1)))
	return route.AnyOf(
		route.Object(route.F("success", route.Boolean()), route.F("data", counts)).Named("ConvosoCounts"),
		route.Object(route.F("success", route.Boolean()), route.May("code", route.Int()), route.F("error", route.String())).Named("ConvosoFailure"))
}

// filter is what agents are counted by: all of its parts, any of the skills. Nil selects everything.
type filter struct {
	campaigns, queues, users map[string]bool // ids
	skills                   map[string]bool // in lower case
	names                    func(skill string) string
}

// search counts the agents that fit.
func (a *API) search(c *fiber.Ctx) error {
	v := a.source.View(c.Locals(admittedKey).(string))
	f, err := readFilter(v, route.CallOf(c).Query)
	if err != nil {
		return err
	}
	var loggedIn, available int64
	for _, agent := range v.Agents() {
		in, ready, _ := counted(agent.Live.Status, agent.Live.Suspended)
		if !in || !f.match(agent) {
			continue
		}
		loggedIn++
		if ready && (len(agent.Place.QueueIDs) > 0 || len(agent.Place.CampaignIDs) > 0) {
			available++
		}
	}
	var e list.Encoder
	e.Object()
	e.Name("success")
	e.Bool(true)
	e.Name("data")
	e.Object()
	e.Name("available_agents")
	e.Int(available)
	e.Name("logged_in_agents")
	e.Int(loggedIn)
	e.End()
	e.End()
	return send(c, fiber.StatusOK, &e)
}

func readFilter(v *floor.View, q *route.Query) (*filter, error) {
	f := &filter{skills: skills(q), names: func(skill string) string { return v.Directory.Name(directory.KindSkill, skill) }}
	for _, p := range []struct {
		name, kind string
		into       *map[string]bool
	}{
		{parameterCampaign, directory.KindCampaign, &f.campaigns},
		{parameterQueue, directory.KindQueue, &f.queues},
		{parameterUser, directory.KindAgent, &f.users},
	} {
		id, _ := q.Text(p.name)
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		if !decimal(id) && !exists(v, p.kind, id) {
			return nil, problem.Parameter(p.name, "")
		}
		*p.into = v.IDs(p.kind, map[string]bool{id: true})
	}
	return f, nil
}

// skills are the wanted ones; nil where none is named.
func skills(q *route.Query) map[string]bool {
	given, _ := q.Strings(parameterSkills)
	var out map[string]bool
	for _, item := range given {
		if item = strings.ToLower(strings.TrimSpace(item)); item == "" {
			continue
		}
		if out == nil {
			out = map[string]bool{}
		}
		out[item] = true
	}
	return out
}

// invalidID is how the specification calls a malformed id, also where it is no text at all; 0 for other parameters.
func invalidID(parameter string) (code int64, said string) {
	switch parameter {
	case parameterCampaign:
		return 6026, "Invalid campaign ID"
	case parameterQueue:
		return 6041, "Invalid queue ID"
	case parameterUser:
		return 6006, "Invalid user ID"
	}
	return 0, ""
}

func decimal(s string) bool { return strings.Trim(s, "0123456789") == "" }

// exists reports whether an id is that of an entity, be it that only events have named it.
func exists(v *floor.View, kind, id string) bool {
	if _, ok := v.Directory.Raw(kind, id); ok {
		return true
	}
	var ids []string
	switch kind {
	case directory.KindAgent:
		_, ok := v.Agent(id)
		return ok
	case directory.KindQueue:
		ids = v.QueueIDs()
	case directory.KindCampaign:
		ids = v.CampaignIDs()
	}
	_, ok := slices.BinarySearch(ids, id)
	return ok
}

func (f *filter) match(a *floor.Agent) bool {
	switch {
	case f.users != nil && !f.users[a.ID],
		f.queues != nil && !list.Any(f.queues, a.Place.QueueIDs),
		f.campaigns != nil && !list.Any(f.campaigns, a.Place.CampaignIDs):
		return false
	}
	return f.skills == nil || slices.ContainsFunc(a.Place.Skills, func(skill string) bool {
		return f.skills[strings.ToLower(skill)] || f.skills[strings.ToLower(f.names(skill))]
	})
}

// fail answers as this vendor's clients expect: what is wrong with a request travels as 200.
func fail(c *fiber.Ctx, p *problem.Problem) error {
	status := fiber.StatusOK
	switch {
	case p.Status >= 500, p.Status == fiber.StatusTooManyRequests, p.Code == "route_not_found", p.Status == fiber.StatusMethodNotAllowed:
		status = p.Status
	}
	code, said := invalidID(p.Parameter)
	if code == 0 {
		said = p.Detail
	}
	var e list.Encoder
	e.Object()
	e.Name("success")
	e.Bool(false)
	if code != 0 {
		e.Name("code")
		e.Int(code)
	}
	e.Name("error")
	e.String(said)
	e.End()
	return send(c, status, &e)
}

func send(c *fiber.Ctx, status int, e *list.Encoder) error {
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(e.B)
}
