package native

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/route"
	"floorwalker/query/stream"
)

// Streams say how the API pushes. Zero fields take the default.
type Streams struct {
	WriteTimeout time.Duration // how long a client may take nothing in before it is cut off; 30 s
	Heartbeat    time.Duration // after so long a silence there is a sign of life; 15 s
	Origins      []string      // whose pages may open a WebSocket from a browser, beside the server's own
}

func (a *API) streamOperations() []route.Operation {
	op := a.operation(auth.Read, route.Operation{Method: fiber.MethodGet, Path: "/stream", ID: "stream",
		Summary: "What changes, as Server-Sent Events or over WebSocket",
		Description: "First the state of each topic, then what changed in it, at most one message per topic and interval. Filters are those of the list of " +
			"that name, behind the topic's name and a dot: `topics=agents,queues&agents.team=T1`. With `Upgrade: websocket` the same over WebSocket.",
		Parameters: a.streams[auth.Reader].Parameters(), // all roles' are the same
		Responses: []route.Response{route.Text(200, "events without an end", "text/event-stream"),
			route.Text(101, "the WebSocket is open", "")}}, a.serveStream)
	op.Security = append(op.Security, "query")
	op.Admit = a.orToken(a.in(auth.Read, true))
	op.Responses = op.Responses[:2] // never 304
	return []route.Operation{op}
}

// orToken takes the token of the query string where there is no Authorization header: browsers cannot set one on streams.
func (a *API) orToken(admit func(c *fiber.Ctx) (string, error)) func(c *fiber.Ctx) (string, error) {
	return func(c *fiber.Ctx) (string, error) {
		if token := c.Query("access_token"); token != "" && c.Get(fiber.HeaderAuthorization) == "" {
			c.Request().Header.Set(fiber.HeaderAuthorization, "Bearer "+token)
		}
		return admit(c)
	}
}

func (a *API) serveStream(r *request) error {
	cc := r.contactCenter
	by := stream.Subscriber{Subscriber: hub.Subscriber{ContactCenter: cc, Principal: r.principal.ID, Until: r.principal.Until},
		View: func() *floor.View { return a.Source.View(cc) }}
	if a.Sessions != nil {
		until, ended := a.Sessions.Life(r.Ctx)
		if by.Ended = ended; !until.IsZero() {
			by.Until = until
		}
	}
	return a.streams[r.principal.Role].Serve(r.Ctx, by, r.q)
}
