package clarity

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

type subscriptionAnswer struct {
	SubscriptionID string `json:"subscriptionId"`
}

// subscriptionEndpoints are the specification's section Subscription.
func subscriptionEndpoints() []endpoint {
	created := []route.Response{route.JSON(200, "the subscription; its state and changes come by the connection", route.Of[subscriptionAnswer]())}
	var out []endpoint
	for _, s := range []struct {
		path, id, summary string
		kind              subscriptionKind
	}{
		{"agents", "Agents", "Follow agents", agentsEach},
		{"agents/aggregateBy", "AgentsAggregateBy", "Follow agents together", agentsTogether},
		{"agents/groupBy", "AgentsGroupBy", "Follow units of agents: teams, else groups, else business units", agentsByUnit},
		{"queues", "Queues", "Follow queues", queuesEach},
		{"queues/aggregateBy", "QueuesAggregateBy", "Follow queues together; all visible ones without ids", queuesTogether},
		{"queues/groupBy", "QueuesGroupBy", "Follow units of queues: teams, else groups, else business units", queuesByUnit},
		{"alerts", "Alerts", "Follow alerts", alertsOpen},
	} {
		path := "/v2/subscriptions/" + s.path
		e := endpoint{method: fiber.MethodPost, path: path, id: "claritySubscribe" + s.id, summary: s.summary, aliases: []string{path + "/"},
			bodies: subscriptionBody(s.kind, true), responses: created, handler: subscribe(s.kind)}
		if s.kind != alertsOpen {
			e.parameters = subscriptionParameters(s.kind)
		}
		out = append(out, e)
	}
	id := pathID("subscriptionId", "the subscription")
	form := route.InPath("ids", "ids in the form of a query string, as the sample has them", route.String())
	every := append(append(idParameters("agents", "Agent"), idParameters("queues", "Queue")[0]), commonParameters("Agent")...)
	changed := []route.Response{route.Text(fiber.StatusNoContent, "it has been changed; the state comes anew by the connection", "")}
	return append(out,
		endpoint{method: fiber.MethodPost, path: "/v2/subscriptions/{subscriptionId}", id: "clarityUpdateSubscription", summary: "Change what a subscription shows",
			parameters: append([]route.Parameter{id}, every...), bodies: subscriptionBody(agentsEach, false), responses: changed, handler: updateSubscription},
		endpoint{method: fiber.MethodPost, path: "/v2/subscriptions/{subscriptionId}/{ids}", id: "clarityUpdateSubscriptionIds", summary: "Change whom a subscription is about",
			parameters: append([]route.Parameter{id, form}, every...), bodies: subscriptionBody(agentsEach, false), responses: changed, handler: updateSubscription},
		endpoint{method: fiber.MethodDelete, path: "/v2/subscriptions/{subscriptionId}", id: "clarityDeleteSubscription", summary: "End a subscription",
			parameters: []route.Parameter{id}, bodies: jsonBody(route.May("connectionId", route.String())),
			responses: []route.Response{route.Text(fiber.StatusNoContent, "it has ended", "")}, handler: deleteSubscription})
}

func subscriptionParameters(k subscriptionKind) []route.Parameter {
	plural, one := "agents", "Agent"
	if k.ofQueues() {
		plural, one = "queues", "Queue"
	}
	out := append(idParameters(plural, one), commonParameters("Agent")[:2]...)
	if k == agentsEach {
		out = append(out, commonParameters("Agent")[2])
	}
	return out
}

func subscriptionBody(k subscriptionKind, create bool) []route.Body {
	connection := route.May("connectionId", route.String())
	if create {
		connection = route.F("connectionId", route.String())
	}
	if k == alertsOpen {
		return jsonBody(connection)
	}
	names := route.Array(route.AnyOf(route.String(), route.Int()))
	return jsonBody(connection, route.May("metricProperties", names), route.May("sessionProperties", names), route.May("sessionPropertyType", names),
		route.May("statusProperties", names))
}

// maxAsked bounds in bytes what is kept of a request while its subscription lasts.
const maxAsked = 64 << 10

// connectionID reads the body: the connection that it names, empty for none, and the rest.
func (c *call) connectionID() (connection string, q asked, err error) {
	if len(c.Body()) > maxAsked {
		return "", asked{}, problem.New(fiber.StatusBadRequest, "bad_body", fmt.Sprintf("the body has %d bytes; at most %d are allowed", len(c.Body()), maxAsked))
	}
	fields, _, err := c.object()
	if err != nil {
		return "", asked{}, err
	}
	raw, ok := fields["connectionid"]
	if ok {
		if connection, ok = scalar(raw); !ok {
			return "", asked{}, problem.Parameter("connectionId", "connectionId must be a text")
		}
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	delete(fields, "connectionid")
	return strings.TrimSpace(connection), asked{c.args, fields}, nil
}

func noPush() error { return problem.Unavailable("no_push", "this server does not push", 0) }

// caller is who asks, as connections know it.
func (c *call) caller() caller { return caller{c.v.ContactCenter, c.me.ID} }

// subscribe begins a subscription on the caller's own connection. Another's, and one that is not open, are the same 401.
func subscribe(kind subscriptionKind) func(*call) error {
	return func(c *call) error {
		connection, q, err := c.connectionID()
		switch {
		case err != nil:
			return err
		case c.api.push.server == nil:
			return noPush()
		case connection == "":
			return problem.Parameter("connectionId", "connectionId is missing")
		case kind == alertsOpen && c.api.Push.Alerts == nil:
			return noAlerts()
		}
		l := c.api.push.listenerOf(connection, c.caller())
		if l == nil {
			return invisible()
		}
		w, err := c.watch(kind, q)
		if err != nil {
			return err
		}
		if err := w.remember(c.UserContext(), c.sight); err != nil {
			return err
		}
		id, err := l.subscribe(c.sight, kind, q, w)
		if err != nil {
			return err
		}
		return c.answer(subscriptionAnswer{id})
	}
}

// subscription is the connection of the subscription that the path names: 404 where there is none in the contact centre, 401 where it is
// another agent's, or not of the connection that the body names.
func (c *call) subscription() (l *listener, id string, q asked, err error) {
	connection, q, err := c.connectionID()
	if err != nil {
		return nil, "", q, err
	}
	id = strings.ToLower(c.segment("subscriptionId"))
	l = c.api.push.having(id)
	switch {
	case l == nil || l.who.contactCenter != c.v.ContactCenter:
		return nil, "", q, noSubscription(id)
	case l.who != c.caller(), connection != "" && !strings.EqualFold(connection, l.conn.ID()):
		return nil, "", q, invisible()
	}
	return l, id, q, nil
}

func updateSubscription(c *call) error {
	if form, err := c.takeForm(c.segment("ids")); err != nil {
		return err
	} else if !form && c.segment("ids") != "" {
		return problem.New(fiber.StatusNotFound, "route_not_found", "there is nothing of that name")
	}
	l, id, q, err := c.subscription()
	if err != nil {
		return err
	}
	if err := l.update(c.UserContext(), c.sight, id, q); err != nil {
		return err
	}
	return c.done()
}

func deleteSubscription(c *call) error {
	l, id, _, err := c.subscription()
	if err != nil {
		return err
	}
	if err := l.drop(id); err != nil {
		return err
	}
	return c.done()
}
