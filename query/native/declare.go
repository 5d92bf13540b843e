package native

import (
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auth"
	"floorwalker/query/route"
	"floorwalker/query/session"
	"floorwalker/schema"
)

// surface is what all operations of the native API have in common.
func newSurface() *route.Surface {
	return &route.Surface{
		Tag: "native",
		Description: "Floorwalker's own API. JSON in snake_case; times RFC 3339 in UTC with milliseconds; durations integer milliseconds; " +
			"unknown parameters and body fields are refused; errors are problems (RFC 9457).",
		Schemes: map[string]route.Scheme{
			"token":   route.BearerScheme("a token of the configuration, or of a configured identity provider"),
			"user":    route.BasicScheme("a user of the configuration"),
			"session": route.KeyScheme("cookie", session.SecureName, "what signing in with a browser gives; without TLS it is called "+session.PlainName),
			"query":   route.KeyScheme("query", "access_token", "a token of the configuration, where no header can be set; of streams only"),
		},
		Strict:   true,
		Prefixes: []string{"/"},
		Failures: route.Problems(400, 401, 403, 404, 410, 413, 415, 429, 431, 500, 503),
	}
}

const (
	v1      = "/api/v1"
	ofOneCC = v1 + "/contact-centers/{cc}"
)

// operation completes a declaration whose path begins below the contact centre: callers need the right there.
func (a *API) operation(right auth.Right, op route.Operation, h func(*request) error) route.Operation {
	op.Path = ofOneCC + op.Path
	op.Parameters = append([]route.Parameter{route.InPath("cc", "the contact centre's id", route.ID())}, op.Parameters...)
	op.Admit = a.in(right, false)
	return a.complete(op, h)
}

// complete adds what all declarations share.
func (a *API) complete(op route.Operation, h func(*request) error) route.Operation {
	op.Surface, op.Security, op.Handler = a.surface, []string{"token", "user"}, handle(h)
	if a.Sessions != nil {
		op.Security = append(op.Security, "session")
	}
	if op.Method == fiber.MethodGet {
		op.Responses = append(op.Responses, route.Response{Status: 304, Description: "what If-None-Match names is still so"})
	}
	return op
}

// get declares a read.
func (a *API) get(path, id, summary string, answer route.Response, h func(*request) error, parameters ...route.Parameter) route.Operation {
	return a.operation(auth.Read, route.Operation{Method: fiber.MethodGet, Path: path, ID: id, Summary: summary,
		Parameters: parameters, Responses: []route.Response{answer}}, h)
}

// one declares the read of a single entity, whose schema is given.
func (a *API) one(path, id, summary string, row *route.Schema, h func(*request) error, parameters ...route.Parameter) route.Operation {
	parameters = append([]route.Parameter{idInPath()}, parameters...)
	return a.get(path, id, summary, route.JSON(200, "as it is now", row), h, parameters...)
}

func idInPath() route.Parameter {
	return route.InPath("id", "the id; where no id fits, the number", route.ID()).Unchecked()
}

// Filters. ids take numbers too.
func ids(name, what string) route.Parameter {
	return route.InQuery(name, what+" (ids or numbers)", route.String()).Comma()
}

func texts(name, what string) route.Parameter {
	return route.InQuery(name, what, route.String()).Comma()
}

func words(name, what string, allowed []string) route.Parameter {
	return route.InQuery(name, what, route.OneOf(allowed...)).Comma()
}

func flag(name, what string) route.Parameter { return route.InQuery(name, what, route.Boolean()) }

func seconds(name, what string) route.Parameter {
	return route.InQuery(name, what, route.NumberIn(0, 1e9).Or("a number of seconds, not negative"))
}

func moment(name, what string) route.Parameter { return route.InQuery(name, what, route.Moment()) }

// Schemas of values that come again and again.
func nullText() *route.Schema { return route.String().OrNull() }
func nullTime() *route.Schema { return route.DateTime().OrNull() }
func nullInt() *route.Schema  { return route.Int().OrNull() }
func textList() *route.Schema { return route.Array(route.String()) }

func named() *route.Schema {
	return route.Object(route.F("id", nullText()), route.F("name", nullText()))
}

func statusName() *route.Schema { return route.OneOf(schema.StatusNames()...) }

// heads is what writeHeads writes.
func headsSchema(loggedOut bool) *route.Schema {
	fields := []route.Field{route.F("logged_in", route.Int()), route.F("staffed", route.Int())}
	for s := schema.LoggedOut + 1; int(s) < schema.NumStatuses; s++ {
		fields = append(fields, route.F(s.String(), route.Int()))
	}
	fields = append(fields, route.F("suspended", route.Int()))
	if loggedOut {
		fields = append(fields, route.F("logged_out", route.Int()))
	}
	return route.Object(fields...)
}

// valuesSchema is an object of metrics by key.
func valuesSchema() *route.Schema {
	return route.Map(route.Anything()).Says("each metric by its key, as the catalogue describes it").Named("MetricValues")
}
