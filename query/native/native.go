// Package native is the native API, version 1: live views, metrics, the directory and the writing of events (native API).
package native

import (
	"context"
	"errors"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema/metric"
)

// Authenticator finds out who calls; *auth.Authenticator is one.
type Authenticator interface {
	Authenticate(ctx context.Context, authorization string) (auth.Principal, error)
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
	Collector     Collector
	History       History
	Now           func() time.Time
}

// API answers the native endpoints.
type API struct {
	Deps
	agentToday   []metric.Field
	queueWindow  []metric.Field
	campWindow   []metric.Field
	agentTable   *list.Table[agentRow]
	interactions *list.Table[interactionRow]
	queueTable   *list.Table[queueRow]
	campTable    *list.Table[queueRow]
}

// New makes the API.
func New(d Deps) (*API, error) {
	if d.Source == nil || d.Catalogue == nil || d.Authenticator == nil || d.Now == nil {
		return nil, errors.New("native API: source, catalogue, authenticator and clock must be given")
	}
	a := &API{Deps: d}
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
	return a, nil
}

// Mount adds the API's routes to the root of an app.
func (a *API) Mount(app fiber.Router) {
	v1 := app.Group("/api/v1")
	v1.Get("/metrics/catalogue", a.anyone(a.catalogue))

	cc := v1.Group("/contact-centers/:cc")
	cc.Get("/agents", a.in(auth.Read, a.listAgents))
	cc.Get("/agents/summary", a.in(auth.Read, a.summary))
	cc.Get("/agents/:id", a.in(auth.Read, a.oneAgent))
	cc.Get("/interactions", a.in(auth.Read, a.listInteractions))
	cc.Get("/interactions/:id", a.in(auth.Read, a.oneInteraction))
	cc.Get("/queues", a.in(auth.Read, a.listQueues))
	cc.Get("/queues/:id", a.in(auth.Read, a.oneQueue))
	cc.Get("/campaigns", a.in(auth.Read, a.listCampaigns))
	cc.Get("/campaigns/:id", a.in(auth.Read, a.oneCampaign))
	cc.Get("/metrics", a.in(auth.Read, a.metrics))
	cc.Post("/metrics", a.in(auth.Read, a.metrics))
	cc.Get("/directory/:kind", a.in(auth.Read, a.listDirectory))
	cc.Get("/directory/:kind/:id", a.in(auth.Read, a.oneDirectory))
	cc.Post("/events", a.in(auth.WriteEvents, a.postEvents))
}

// request is one call that has been let in.
type request struct {
	*fiber.Ctx
	contactCenter string
	principal     auth.Principal
	q             *list.Query
}

// principalKey is where the access log finds who called.
const principalKey = "floorwalker.principal"

// PrincipalOf is the id of who made the request, empty where nobody was recognised.
func PrincipalOf(c *fiber.Ctx) string {
	id, _ := c.Locals(principalKey).(string)
	return id
}

func (a *API) authenticate(c *fiber.Ctx) (auth.Principal, error) {
	principal, err := a.Authenticator.Authenticate(c.UserContext(), utils.CopyString(c.Get(fiber.HeaderAuthorization)))
	switch {
	case err == nil:
		c.Locals(principalKey, principal.ID)
		return principal, nil
	case errors.Is(err, auth.ErrMissing):
		return principal, problem.Unauthenticated("this needs a credential: Bearer or Basic")
	case errors.Is(err, auth.ErrInvalid):
		return principal, problem.Unauthenticated("the credential is not known")
	case errors.Is(err, auth.ErrBusy):
		return principal, problem.Unavailable("busy", "too many passwords are being checked; try again", 1)
	}
	return principal, problem.Internal(err)
}

// anyone lets every principal in, whatever its contact centre.
func (a *API) anyone(h func(*request) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		principal, err := a.authenticate(c)
		if err != nil {
			return err
		}
		return h(&request{Ctx: c, principal: principal, q: queryOf(c)})
	}
}

// in lets principals with the right in to their own contact centre. Another contact centre is told of exactly like one that
// does not exist, before rights and parameters could tell them apart.
func (a *API) in(right auth.Right, h func(*request) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		principal, err := a.authenticate(c)
		if err != nil {
			return err
		}
		contactCenter, err := segment(c, "cc")
		if err != nil {
			return err
		}
		if !principal.Sees(contactCenter) || !a.Source.Knows(contactCenter) {
			return problem.NoContactCenter(contactCenter)
		}
		if !principal.Role.May(right) {
			return problem.Forbidden("the role " + string(principal.Role) + " does not include the right to " + string(right))
		}
		return h(&request{Ctx: c, contactCenter: contactCenter, principal: principal, q: queryOf(c)})
	}
}

func queryOf(c *fiber.Ctx) *list.Query {
	return list.ParseQuery(string(c.Request().URI().QueryString()))
}

// segment is a part of the path, decoded and copied: what fiber returns is used again after the request.
func segment(c *fiber.Ctx, name string) (string, error) {
	s, err := url.PathUnescape(utils.CopyString(c.Params(name)))
	if err != nil || !utf8.ValidString(s) {
		return "", problem.New(fiber.StatusNotFound, "route_not_found", "the path is not valid percent-encoded UTF-8")
	}
	return s, nil
}

// page reads what every list shares, refuses what the list does not know and pins the state to be shown.
func page[T any](a *API, r *request, t *list.Table[T], filters ...string) (list.Page, *floor.View, list.Metadata, error) {
	p := list.ReadPage(r.q, r.Get(fiber.HeaderAccept))
	r.q.Only(list.With(filters...)...)
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
	return p, v, list.Metadata{AsOf: v.AsOf, Snapshot: token, Tag: floor.StateOf(token)}, nil
}

// catalogue lists every metric.
func (a *API) catalogue(r *request) error {
	t := &list.Table[metric.Metric]{ID: func(m metric.Metric) string { return m.Key }, Columns: []list.Column[metric.Metric]{
		{Name: "key", Write: func(e *list.Encoder, m metric.Metric) { e.String(m.Key) }, Sort: func(m metric.Metric) list.Key { return list.Text(m.Key) }},
		{Name: "unit", Write: func(e *list.Encoder, m metric.Metric) { e.String(string(m.Unit)) }, Sort: func(m metric.Metric) list.Key { return list.Text(string(m.Unit)) }},
		{Name: "kind", Write: func(e *list.Encoder, m metric.Metric) { e.String(string(m.Kind)) }, Sort: func(m metric.Metric) list.Key { return list.Text(string(m.Kind)) }},
		{Name: "live", Write: func(e *list.Encoder, m metric.Metric) { e.Bool(m.Live) }, Sort: func(m metric.Metric) list.Key { return list.Bool(m.Live) }},
		{Name: "dimensions", Write: func(e *list.Encoder, m metric.Metric) { e.Texts(m.Dimensions().Names()) }},
		{Name: "definition", Write: func(e *list.Encoder, m metric.Metric) { e.String(m.Definition) }},
		{Name: "formula", Write: func(e *list.Encoder, m metric.Metric) { e.Text(m.Formula) }},
		{Name: "inputs", Write: func(e *list.Encoder, m metric.Metric) { e.Texts(m.Inputs) }},
	}}
	p := list.ReadPage(r.q, r.Get(fiber.HeaderAccept))
	r.q.Only("format", "offset", "limit", "sort", "fields")
	if err := r.q.Err(); err != nil {
		return err
	}
	if err := t.Check(p); err != nil {
		return err
	}
	rows := append([]metric.Metric(nil), a.Catalogue.All()...)
	if !r.q.Has("limit") {
		p.Limit = max(p.Limit, len(rows))
	}
	return list.Answer(r.Ctx, t, rows, p, list.Metadata{AsOf: a.Now().UnixMilli(), Tag: "catalogue"})
}
