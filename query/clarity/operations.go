package clarity

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// Operations are the surface's endpoints.
func (a *API) Operations() []route.Operation {
	s := a.newSurface()
	out := []route.Operation{a.tokenOperation()}
	for _, group := range [][]endpoint{profileEndpoints(), statusEndpoints(), metricEndpoints(), sessionEndpoints(), subscriptionEndpoints(), otherEndpoints()} {
		for _, e := range group {
			out = append(out, a.operation(s, e))
		}
	}
	if a.push.server != nil {
		out = append(out, a.push.server.Operations()...)
	}
	return out
}

func (a *API) newSurface() *route.Surface {
	failed := func(status int, description string) route.Response {
		return route.JSON(status, description, route.Of[failure]().Named("ClarityFailure"))
	}
	return &route.Surface{Tag: "clarity", Description: "Clarity Connect Web API version 2", Prefixes: []string{root}, Fail: a.fail,
		Schemes: map[string]route.Scheme{"clarityToken": route.BearerScheme("a token of " + tokenPath)},
		Failures: []route.Response{failed(400, "bad request"), failed(401, "no valid token, or something that the caller may not see, or no id"),
			failed(404, "there is nothing of that kind"), failed(415, "another content type"), failed(500, "internal error")}}
}

// endpoint is one operation of the surface in short.
type endpoint struct {
	method, path string // the path below root
	id, summary  string
	description  string
	parameters   []route.Parameter
	bodies       []route.Body
	responses    []route.Response
	aliases      []string // more paths below root, as they are
	absent       error    // of a caller whom the directory does not have; nil: 401
	handler      func(*call) error
	audit        string // the action, see route.Operation
}

func (a *API) operation(s *route.Surface, e endpoint) route.Operation {
	absent := e.absent
	if absent == nil {
		absent = invisible()
	}
	path := root + e.path
	op := route.Operation{Surface: s, Method: e.method, Path: path, ID: e.id, Summary: e.summary, Description: e.description, Security: []string{"clarityToken"},
		Parameters: e.parameters, Bodies: e.bodies, NoBodyToo: true, Responses: e.responses, Admit: a.admit, Handler: a.handle(absent, e.handler), Audit: e.audit}
	for _, alias := range e.aliases {
		op.Aliases = append(op.Aliases, root+alias)
	}
	op.Aliases = anyCase(path, op.Aliases)
	return op
}

// anyCase adds each path once more with its literal segments in lower case, as the specification's own samples write some.
func anyCase(path string, aliases []string) []string {
	out, seen := []string(nil), map[string]bool{path: true}
	for _, p := range append([]string{path}, aliases...) {
		segments := strings.Split(p, "/")
		for i, s := range segments {
			if !strings.HasPrefix(s, "{") {
				segments[i] = strings.ToLower(s)
			}
		}
		for _, form := range []string{p, strings.Join(segments, "/")} {
			if !seen[form] {
				seen[form] = true
				out = append(out, form)
			}
		}
	}
	return out
}

// query declares a parameter whose handler judges it: names count in any case.
func query(name, description string, s *route.Schema) route.Parameter {
	return route.InQuery(name, description, s).Unchecked()
}

func pathID(name, description string) route.Parameter {
	return route.InPath(name, description, route.ID())
}

// jsonBody declares a body that the handler judges.
func jsonBody(fields ...route.Field) []route.Body {
	return []route.Body{{ContentType: fiber.MIMEApplicationJSON, Raw: true, Schema: route.Object(fields...)}}
}

var noContent = route.Text(fiber.StatusNoContent, "it has been set", "")

func profileEndpoints() []endpoint {
	nobody := func() error {
		return problem.New(fiber.StatusNotFound, "agent_not_found", "the agent of the token does not exist")
	}
	return []endpoint{{
		method: "GET", path: "/info", id: "clarityInfo", summary: "Versions that are running", aliases: []string{"/v2/info", "/v1.0/info"},
		responses: []route.Response{route.JSON(200, "versions and transports", route.Of[infoAnswer]())}, handler: info,
	}, {
		method: "GET", path: "/v2/profile", id: "clarityProfile", summary: "The caller's profile and settings", absent: nobody(),
		responses: []route.Response{route.JSON(200, "the profile", route.Of[profileAnswer]())}, handler: profile,
	}, {
		method: "GET", path: "/v2/profile/mbu", id: "clarityMbu", summary: "What the caller may see, and what contains it", absent: nobody(),
		responses: []route.Response{route.JSON(200, "the structure", route.Of[mbuAnswer]())}, handler: mbu,
	}, {
		method: "GET", path: "/v2/profile/dashboardsettings", id: "clarityDashboardSettings", summary: "The caller's dashboard", absent: nobody(),
		responses: []route.Response{route.JSON(200, "its own, else the default one", route.Of[dashboardAnswer]())}, handler: dashboardSettings,
	}, {
		method: "POST", path: "/v2/profile/unregister", id: "clarityUnregister", summary: "Clean up an endpoint and end sessions",
		parameters: []route.Parameter{query("sip", "SIP address of the agent", route.String()), query("gruu", "GRUU of the agent", route.String()),
			query("sids", "sessions to end", route.String()).Comma()},
		responses: []route.Response{route.Text(200, "the platform has been told", "")}, handler: unregister, audit: "agent.unregister",
	}}
}

func statusEndpoints() []endpoint {
	agent := pathID("agentId", "the agent")
	fields := []route.Field{route.May("agentStatusId", route.Int().OrNull()), route.May("reasonCodeId", route.Int().OrNull()), route.May("isSuspended", route.Boolean().OrNull())}
	return []endpoint{{
		method: "GET", path: "/v2/agentStatus/{agentId}", id: "clarityAgentStatus", summary: "An agent's status",
		parameters: []route.Parameter{agent, query("currentOnly", "always true", route.Boolean())},
		responses:  []route.Response{route.JSON(200, "the status", route.Of[statusAnswer]())}, handler: getStatus,
	}, {
		method: "GET", path: "/v2/agentStatus/list/{agentId}", id: "clarityAgentStatuses", summary: "Statuses that an agent can be given", parameters: []route.Parameter{agent},
		responses: []route.Response{route.JSON(200, "the statuses", listSchema(route.Of[statusBody]()))}, handler: listStatuses,
	}, {
		method: "POST", path: "/v2/agentStatus/update/{agentId}", id: "clarityUpdateAgentStatus", summary: "Set an agent's status, or suspend it",
		parameters: []route.Parameter{agent, query("agentStatusId", "as in the body", route.Int()), query("reasonCodeId", "as in the body", route.Int()),
			query("isSuspended", "as in the body", route.Boolean())},
		bodies: jsonBody(fields...), responses: []route.Response{noContent}, handler: withBody(updateStatus, "agentStatusId", "reasonCodeId", "isSuspended"), audit: "presence.set",
	}}
}

// withBody lays the body's fields over the parameters first.
func withBody(f func(*call) error, fields ...string) func(*call) error {
	return func(c *call) error {
		if err := c.takeBody(fields); err != nil {
			return err
		}
		return f(c)
	}
}

func otherEndpoints() []endpoint {
	text := func() *route.Schema { return route.AnyOf(route.String(), route.Int(), route.Null()) }
	part := route.Object(route.May("method", route.String()), route.F("relativeUrl", route.String()), route.May("body", route.Anything()))
	result := route.Object(route.F("code", route.Int()), route.May("body", route.Anything()))
	return []endpoint{{
		method: "GET", path: "/v2/resources/dashboard/localization/{locale}", id: "clarityLocalization", summary: "Texts of a locale", parameters: []route.Parameter{pathID("locale", "such as en-us")},
		aliases:   []string{"/v1.0/resources/dashboard/localization/{locale}"},
		responses: []route.Response{route.JSON(200, "texts by key: a name, its Description and its Short form", route.Map(route.String()))}, handler: localization,
	}, {
		method: "GET", path: "/v2/metrics/specificserver", id: "claritySpecificServer", summary: "This server's address",
		responses: []route.Response{route.JSON(200, "the address", route.String())}, handler: specificServer,
	}, {
		method: "POST", path: "/v2/clientlogs", id: "clarityClientLog", summary: "Write a line into the server's log", aliases: []string{"/v2/clientlogs/"},
		bodies:    jsonBody(route.May("message", route.String()), route.May("logLevel", route.String()), route.May("sessionId", text()), route.May("component", text())),
		responses: []route.Response{route.Text(200, "it has been written", "")}, handler: withBody(clientLog, "message", "logLevel", "sessionId", "component"),
	}, {
		method: "GET", path: "/v2/search/{query}", id: "claritySearch", summary: "Agents and queues by name or address", parameters: []route.Parameter{route.InPath("query", "a part of a name or address", route.String())},
		aliases: []string{"/v2/search/", "/v2/search"}, responses: []route.Response{route.JSON(200, "what was found", route.Of[searchAnswer]())}, handler: search,
	}, {
		method: "POST", path: "/v2/", id: "clarityBatch", summary: "Up to 50 requests in one", aliases: []string{"/v2"},
		description: "Each part is authorised, limited and logged as if it had come alone; answers come in the order of the parts.",
		bodies:      []route.Body{{ContentType: fiber.MIMEApplicationJSON, Raw: true, Schema: route.Array(part)}},
		responses:   []route.Response{route.JSON(200, "one answer for each", route.Array(result))}, handler: batch,
	}}
}
