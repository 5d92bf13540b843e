// Package native is the native API, version 1: live views, metrics, the directory and the writing of events (native API).
package native

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"golang.org/x/sync/semaphore"

	"floorwalker/query/alert"
	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/query/session"
	"floorwalker/query/stream"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// Authenticator finds out who calls; *auth.Authenticator is one.
type Authenticator interface {
	Authenticate(ctx context.Context, authorization string) (auth.Principal, error)
}

// Sessions stand for the Authorization header where a browser sends its session's cookie instead; *session.Sessions are one.
type Sessions interface {
	// SignIn checks credentials and gives the browser its cookie. Errors are problems.
	SignIn(c *fiber.Ctx, by session.Credentials) (auth.Principal, error)
	// SignOut ends the session that the request has. The error is a problem.
	SignOut(c *fiber.Ctx) error
	// Principal is whose session the request has: auth.ErrMissing where it has none, else errors are problems. opens: for a stream.
	Principal(c *fiber.Ctx, opens bool) (auth.Principal, error)
	// Expires is when the session that Principal or SignIn has found ends if nothing more is asked; zero where there is none.
	Expires(c *fiber.Ctx) time.Time
	// Life is how long a stream of that session may last, and a channel that is closed when it ends before; zero where there is none.
	Life(c *fiber.Ctx) (until time.Time, ended <-chan struct{})
}

// Rejected is one event that was not accepted, by its place in the request.
type Rejected struct {
	Index  int    `json:"index"`
	ID     string `json:"id"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Collector takes events in. Accept returns after Kafka has acknowledged what was accepted from all in-sync replicas. body is
// valid during the call only. An error means that nothing is known to be written; one that is a *problem.Problem is answered as it
// is, any other as 503.
type Collector interface {
	Accept(ctx context.Context, contactCenter, contentType string, body []byte) (accepted int, rejected []Rejected, err error)
}

// Deps are what the API is made of. Collector and History may be nil; what needs them then answers 503.
type Deps struct {
	Source        *floor.Source
	Catalogue     *metric.Catalogue
	Authenticator Authenticator
	Sessions      Sessions // nil: browsers cannot sign in
	Collector     Collector
	History       History
	Commands      *command.Commands        // nil refuses them
	Alerts        Alerts                   // nil: there are none
	Push          *hub.Hub                 // nil: nothing is pushed
	Masks         map[auth.Role]*mask.Mask // what each role is not to see of customers; a role without one sees all
	Streams       Streams
	Limits        Limits
	Now           func() time.Time
}

// API answers the native endpoints.
type API struct {
	Deps
	surface      *route.Surface
	agentToday   []metric.Field
	queueWindow  []metric.Field
	campWindow   []metric.Field
	agentTable   *list.Table[agentRow]
	interactions *list.Table[interactionRow]
	queueTable   *list.Table[queueRow]
	campTable    *list.Table[queueRow]
	timelines    *list.Table[timelineRow]
	alertTable   *list.Table[schema.Alert]
	streams      map[auth.Role]*stream.Endpoint
	pins         pins
	exports      *semaphore.Weighted
}

// New makes the API.
func New(d Deps) (*API, error) {
	if d.Source == nil || d.Catalogue == nil || d.Authenticator == nil || d.Now == nil {
		return nil, errors.New("native API: source, catalogue, authenticator and clock must be given")
	}
	d.Limits = d.Limits.withDefaults()
	if d.Commands == nil {
		d.Commands = command.New(d.Source, nil, d.Now)
	}
	a := &API{Deps: d, surface: newSurface()}
	for _, group := range []struct {
		by     metric.Dimension
		fields *[]metric.Field
	}{{metric.DimAgent, &a.agentToday}, {metric.DimQueue, &a.queueWindow}, {metric.DimCampaign, &a.campWindow}} {
		fields, err := d.Catalogue.Resolve(nil, metric.Grouping{By: metric.Set(group.by)}, false)
		if err != nil {
			return nil, err
		}
		*group.fields = fields
	}
	a.agentTable, a.interactions = agentTable(), interactionTable()
	a.queueTable, a.campTable = queueTable(true), queueTable(false)
	a.timelines, a.exports = timelineTable(), semaphore.NewWeighted(maxExports)
	a.alertTable = alert.Table()
	a.streams = map[auth.Role]*stream.Endpoint{}
	for _, role := range auth.Roles() {
		endpoint, err := stream.New(stream.Config{Hub: d.Push, Topics: a.Topics(role), WriteTimeout: d.Streams.WriteTimeout, Heartbeat: d.Streams.Heartbeat,
			Origins: d.Streams.Origins})
		if err != nil {
			return nil, err
		}
		a.streams[role] = endpoint
	}
	return a, nil
}

// Operations are all endpoints of the API.
func (a *API) Operations() []route.Operation {
	return slices.Concat(a.agentOperations(), a.interactionOperations(), a.queueOperations(), a.metricOperations(), a.directoryOperations(),
		a.eventOperations(), a.commandOperations(), a.alertOperations(), a.streamOperations(), a.sessionOperations())
}

// request is one call that has been let in.
type request struct {
	*fiber.Ctx
	contactCenter string
	principal     auth.Principal
	q             *list.Query // checked against the operation's declaration
}

// authenticate finds out who calls: by the Authorization header, where there is none by the session's cookie. opens: for a stream.
func (a *API) authenticate(c *fiber.Ctx, opens bool) (auth.Principal, error) {
	authorization := utils.CopyString(c.Get(fiber.HeaderAuthorization))
	if a.Sessions != nil && authorization == "" {
		if principal, err := a.Sessions.Principal(c, opens); !errors.Is(err, auth.ErrMissing) {
			return principal, err
		}
	}
	principal, err := a.Authenticator.Authenticate(c.UserContext(), authorization)
	switch {
	case err == nil:
		return principal, nil
	case errors.Is(err, auth.ErrUnavailable):
		return principal, problem.Unavailable("identity_unavailable", "the identity provider of this token cannot be asked; try again", 5).Because(err)
	case errors.Is(err, auth.ErrMissing):
		return principal, problem.Unauthenticated("this needs a credential: Bearer or Basic")
	case errors.Is(err, auth.ErrInvalid):
		noteRefusal(c, err)
		return principal, problem.Unauthenticated("the credential is not known")
	case errors.Is(err, auth.ErrTries):
		return principal, tooManyTries()
	case errors.Is(err, auth.ErrBusy):
		return principal, problem.Unavailable("busy", "too many passwords are being checked; try again", 1)
	}
	return principal, problem.Internal(err)
}

func tooManyTries() error {
	return problem.TooMany("too many passwords from this address were wrong; try again", auth.TriesSeconds)
}

// noteRefusal tells the audit log what the caller is not told.
func noteRefusal(c *fiber.Ctx, err error) {
	call := route.CallOf(c)
	call.Refused = err.Error()
	if wrong := (*auth.WrongPassword)(nil); errors.As(err, &wrong) {
		call.Tried = wrong.ID
	}
}

const admittedKey = "floorwalker.native"

// anyone lets every principal in, whatever its contact centre.
func (a *API) anyone(c *fiber.Ctx) (string, error) {
	principal, err := a.authenticate(c, false)
	c.Locals(admittedKey, &request{Ctx: c, principal: principal})
	return principal.ID, err
}

// in lets principals with the right in to their own contact centre. Another contact centre is told of exactly like one that
// does not exist, before rights and parameters could tell them apart.
func (a *API) in(right auth.Right, opens bool) func(c *fiber.Ctx) (string, error) {
	return func(c *fiber.Ctx) (string, error) {
		principal, err := a.authenticate(c, opens)
		if err != nil {
			return "", err
		}
		contactCenter, err := segment(c, "cc")
		if err != nil {
			return principal.ID, err
		}
		route.CallOf(c).ContactCenter = contactCenter
		if !principal.Sees(contactCenter) || !a.Source.Knows(contactCenter) {
			return principal.ID, problem.NoContactCenter(contactCenter)
		}
		if !principal.Role.May(right) {
			return principal.ID, problem.Forbidden("the role " + string(principal.Role) + " does not include the right to " + string(right))
		}
		c.Locals(admittedKey, &request{Ctx: c, contactCenter: contactCenter, principal: principal})
		return principal.ID, nil
	}
}

// handle calls h with the request that was let in and its checked parameters.
func handle(h func(*request) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := c.Locals(admittedKey).(*request)
		r.q = route.CallOf(c).Query
		return h(r)
	}
}

// segment is a part of the path, decoded and copied.
func segment(c *fiber.Ctx, name string) (string, error) {
	s, ok := route.PathValue(c, name)
	if !ok {
		return "", problem.New(fiber.StatusNotFound, "route_not_found", "the path is not valid percent-encoded UTF-8")
	}
	return s, nil
}

// page reads what every list shares, refuses what the list does not know and pins the state to be shown.
func page[T any](a *API, r *request, t *list.Table[T]) (list.Page, *floor.View, list.Metadata, error) {
	p := list.ReadPage(r.q, r.Get(fiber.HeaderAccept))
	if err := r.q.Err(); err != nil {
		return p, nil, list.Metadata{}, err
	}
	if err := t.Check(p); err != nil {
		return p, nil, list.Metadata{}, err
	}
	v, token, err := a.Source.Snapshot(r.contactCenter, p.Snapshot)
	if err != nil {
		return p, nil, list.Metadata{}, err
	}
	return p, v, list.Metadata{AsOf: v.AsOf, Snapshot: token, Tag: r.tag(floor.StateOf(token))}, nil
}

// tag stands for a state in the entity tags of streams: what of a state is shown depends on the role.
func (r *request) tag(state string) string { return state + "\x00" + string(r.principal.Role) }
