// Package clarity is the Clarity Connect Web API version 2 over the live view and the history: tokens, the caller's profile and
// rights, agent statuses, metrics of agents and queues, sessions, and batches of these (specification clarity-connect-web-api-v2;
// surfaces.md, section Clarity). Everything that a caller sees goes through the rule of rights (MBU), see rights.
//
// Ids in paths, parameters and bodies are the integers that this API shows, or ours; an integer is a number first.
package clarity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// root is where the API answers.
const root = "/webapi/api"

// History is what the surface needs of the past.
type History interface {
	Progress(ctx context.Context, contactCenter string) (history.Progress, error)
	EachInterval(ctx context.Context, a history.Agents, kinds []schema.IntervalKind, each func(*schema.Interval) error) error
	Interaction(ctx context.Context, contactCenter, id string) (*schema.LiveInteraction, bool, error)
	Annotations(ctx context.Context, contactCenter string, of history.InteractionKey) ([]schema.Annotation, error)
	Said(ctx context.Context, contactCenter, interaction string, from, to int64) ([]history.Said, error)
	InteractionKeys(ctx context.Context, f history.InteractionFilter, sort []history.InteractionOrder, offset, limit int) ([]history.InteractionKey, error)
	Interactions(ctx context.Context, contactCenter string, keys []history.InteractionKey) ([]*schema.LiveInteraction, error)
}

// Commands is what callers set. Errors are problems; a call returns when the live view shows what it set.
type Commands interface {
	SetPresence(ctx context.Context, contactCenter, agent string, p command.Presence) error
	SetSuspended(ctx context.Context, contactCenter, agent string, suspended bool) error
	AddNote(ctx context.Context, contactCenter string, of command.Interaction, note, agent string) error
	SetDisposition(ctx context.Context, contactCenter string, of command.Interaction, disposition, sub string) error
	SetExtraItem(ctx context.Context, contactCenter string, of command.Interaction, item schema.ExtraItem) error
	Record(ctx context.Context, contactCenter, interaction string, active bool, agent, requestedBy string) error
	End(ctx context.Context, contactCenter, interaction, requestedBy string) error
	Unregister(ctx context.Context, contactCenter, agent, sip, gruu string) error
}

// Deps are what the surface is made of.
type Deps struct {
	Source    *floor.Source
	History   History  // nil: only the live view is served
	Commands  Commands // nil: nothing can be set
	Centers   []Center
	Providers []Provider // of identities; the first that reads a request's Authorization is asked
	URL       string     // scheme://host of this server; empty: as the request names it
	Push      Push
	Masks     map[auth.Role]*mask.Mask // what roles are not to see of customers (roleOf); a role without one sees all
	Log       *slog.Logger             // takes what clients log
	Now       func() time.Time
}

// API answers the surface's requests.
type API struct {
	Deps
	centers  map[string]*Center // by client id
	push     *pusher
	perAgent sync.Map // by part: how many bytes an agent took in the newest answer by groupBy
}

// New makes the surface.
func New(d Deps) (*API, error) {
	if d.Source == nil || d.Now == nil || d.Log == nil {
		return nil, errors.New("clarity: source, log and clock must be given")
	}
	a := &API{Deps: d, centers: map[string]*Center{}}
	a.URL = strings.TrimSuffix(d.URL, "/")
	for i := range d.Centers {
		c := d.Centers[i]
		if err := c.prepare(); err != nil {
			return nil, fmt.Errorf("clarity: contact centre %q: %w", c.ContactCenter, err)
		}
		for _, id := range c.ClientIDs {
			if a.centers[id] != nil {
				return nil, fmt.Errorf("clarity: client %q is there twice", id)
			}
			a.centers[id] = &c
		}
	}
	var err error
	if a.push, err = newPusher(a); err != nil {
		return nil, fmt.Errorf("clarity: %w", err)
	}
	return a, nil
}

// caller is who a token was made for.
type caller struct{ contactCenter, agent string }

const admittedKey = "floorwalker.clarity"

func unauthorized(detail string) error {
	return problem.New(fiber.StatusUnauthorized, "unauthenticated", detail)
}

const denied = "Authorization has been denied for this request."

// invisible refuses what the caller may not see, and what does not exist: the answer does not tell one from the other.
func invisible() error { return unauthorized(denied) }

func (a *API) admit(c *fiber.Ctx) (string, error) {
	who, err := a.authenticate(c)
	if err != nil {
		return "", invisible()
	}
	c.Locals(admittedKey, who)
	return principalID(who), nil
}

func (a *API) authenticate(c *fiber.Ctx) (caller, error) {
	scheme, token, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return caller{}, errors.New("no bearer token")
	}
	return a.verify(strings.TrimSpace(token))
}

// call is one request of a caller who is an agent of the directory.
type call struct {
	*fiber.Ctx
	*sight
	args args
}

// handle makes a handler of a request whose caller must still be in the directory, which is 401 unless absent says otherwise.
func (a *API) handle(absent error, f func(*call) error) fiber.Handler {
	return func(ctx *fiber.Ctx) error {
		seen, ok := a.look(ctx.Locals(admittedKey).(caller))
		if !ok {
			return absent
		}
		c := &call{Ctx: ctx, sight: seen}
		var err error
		if c.args, err = readArgs(string(ctx.Request().URI().QueryString())); err != nil {
			return err
		}
		return f(c)
	}
}

// fail answers with a message, as the specification's batch sample does. Nobody gets a 403 here, and failures are all 500.
func (a *API) fail(c *fiber.Ctx, p *problem.Problem) error {
	status, message := p.Status, p.Detail
	if route.CallOf(c).Operation == nil && (status == fiber.StatusNotFound || status == fiber.StatusMethodNotAllowed) {
		if _, err := a.authenticate(c); err != nil {
			// How a client finds the token service, by a GET or a POST of whatever path.
			status, message = fiber.StatusUnauthorized, denied
			c.Response().Header.Del(fiber.HeaderAllow)
		}
	}
	switch {
	case status == fiber.StatusForbidden, status == fiber.StatusUnauthorized:
		status = fiber.StatusUnauthorized
		c.Set(fiber.HeaderWWWAuthenticate, a.tokenURL(c)+`,grant_type="`+grantWindows+`"`)
	case status >= fiber.StatusInternalServerError:
		status = fiber.StatusInternalServerError
	case status == fiber.StatusUnprocessableEntity:
		status = fiber.StatusBadRequest
	}
	if message == "" {
		message = p.Title
	}
	return send(c, status, failure{message})
}

type failure struct {
	Message string `json:"message"`
}

// send answers with JSON; nil is an empty body.
func send(c *fiber.Ctx, status int, v any) error {
	c.Response().ResetBody()
	c.Set(fiber.HeaderCacheControl, "no-store")
	if v == nil {
		return c.Status(status).Send(nil)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return problem.Internal(err)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(status).Send(bytes.TrimRight(out.Bytes(), "\n"))
}

// answer is 200 with JSON.
func (c *call) answer(v any) error { return send(c.Ctx, fiber.StatusOK, v) }

// done is 204.
func (c *call) done() error { return send(c.Ctx, fiber.StatusNoContent, nil) }

// list is the specification's List Response.
type list[T any] struct {
	Items []T `json:"items"`
	Count int `json:"count"`
}

func listOf[T any](items []T) *list[T] {
	if items == nil {
		items = []T{}
	}
	return &list[T]{items, len(items)}
}

// listSchema is the schema of a list, without the nulls that Go's slices could have.
func listSchema(item *route.Schema) *route.Schema {
	return route.Object(route.F("items", route.Array(item)), route.F("count", route.Integer(0, 1<<31-1)))
}

// stamp is a moment as this API prints it: UTC, without trailing zeros; empty for none.
func stamp(ms int64) string {
	if ms == schema.NoTime || ms == schema.Open {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
}
