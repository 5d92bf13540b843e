package clarity

import (
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/route"
)

// metricEndpoints are those of agents and, ours, of queues.
func metricEndpoints() []endpoint {
	out := entityEndpoints("agents", "Agent", entityHandlers{agentMetrics, listAgents, aggregateAgents, groupAgents})
	return append(out, entityEndpoints("queues", "Queue", entityHandlers{queueMetrics, listQueues, aggregateQueues, groupQueues})...)
}

// entityHandlers answer the forms of a question; part is the structure that is asked for, empty for all of them.
type entityHandlers struct {
	single, several, aggregate, group func(c *call, part string) error
}

func entityEndpoints(plural, one string, handle entityHandlers) (out []endpoint) {
	base, short := "/v2/metrics/"+plural, "/v2/"+plural
	row, together, grouping := metricSchemas(one)
	ids := idParameters(plural, one)
	part := route.InPath("part", "metrics, sessions or status; or ids in the form of a query string, as the samples have them", route.String())
	forms := func(name string) []string { return []string{short + name} }
	for _, method := range []string{fiber.MethodGet, fiber.MethodPost} {
		add := func(e endpoint, answers *route.Schema) {
			e.method, e.id = method, "clarity"+e.id
			if method == fiber.MethodPost {
				e.id += "Post"
				e.bodies = propertiesBody()
			}
			e.parameters = append(e.parameters, commonParameters(one)...)
			e.responses = []route.Response{route.JSON(200, "as of now", answers)}
			out = append(out, e)
		}
		id := pathID("id", "the "+strings.ToLower(one)+"; or ids in the form of a query string, as the samples have them")
		either := route.AnyOf(row, route.Array(route.AnyOf(row, grouping)))
		add(endpoint{path: base + "/{id}", id: one + "Metrics", summary: "One of " + plural, parameters: []route.Parameter{id}, aliases: forms("/{id}"), handler: inPart(handle.single)}, either)
		add(endpoint{path: base + "/{id}/{part}", id: one + "MetricsPart", summary: "Metrics, sessions or status of one of " + plural, parameters: []route.Parameter{id, part},
			aliases: forms("/{id}/{part}"), handler: inPart(handle.single)}, either)
		add(endpoint{path: base, id: plural + "Metrics", summary: "Several " + plural, parameters: ids, aliases: []string{base + "/", short, short + "/"}, handler: ofPart("", handle.several)},
			route.Array(row))
		for _, name := range []string{partMetrics, partSessions, partStatus} {
			add(endpoint{path: base + "/" + name, id: plural + "Metrics" + strings.ToUpper(name[:1]) + name[1:], summary: "The " + name + " of several " + plural, parameters: ids,
				aliases: forms("/" + name), handler: ofPart(name, handle.several)}, route.Array(row))
		}
		for _, e := range []struct {
			name, summary string
			handler       func(*call, string) error
			answers       *route.Schema
		}{{"aggregateBy", "Several " + plural + " together", handle.aggregate, together}, {"groupBy", "Units of " + plural + ": teams, else groups, else business units", handle.group, route.Array(grouping)}} {
			path := "/" + e.name
			add(endpoint{path: base + path, id: plural + strings.ToUpper(e.name[:1]) + e.name[1:], summary: e.summary, parameters: ids, aliases: append(forms(path), base+path+"/", short+path+"/"),
				handler: inPart(e.handler)}, e.answers)
			add(endpoint{path: base + path + "/{part}", id: plural + strings.ToUpper(e.name[:1]) + e.name[1:] + "Part", summary: e.summary + ": metrics, sessions or status",
				parameters: append([]route.Parameter{part}, ids...), aliases: forms(path + "/{part}"), handler: inPart(e.handler)}, e.answers)
		}
	}
	return out
}

func idParameters(plural, one string) []route.Parameter {
	list := func(name, of string) route.Parameter { return query(name, "only of these "+of, route.String()).Comma() }
	return []route.Parameter{list(strings.ToLower(one)+"Ids", plural), list("teamIds", "teams"), list("groupIds", "groups"), list("businessUnitIds", "business units")}
}

func commonParameters(one string) []route.Parameter {
	out := []route.Parameter{query("modalities", "audio (2), instantMessage (1), message (3); all by default", route.String()).Comma()}
	if one == "Agent" {
		out = append(out, query("includeBreakdowns", "whether to show the metrics by queue too", route.Boolean()),
			query("includeStatusHistory", "whether to show the statuses of the last 24 hours too", route.Boolean()))
	}
	return out
}

func propertiesBody() []route.Body {
	names := route.Array(route.AnyOf(route.String(), route.Int()))
	return jsonBody(route.May("metricProperties", names), route.May("sessionProperties", names), route.May("sessionPropertyType", names), route.May("statusProperties", names))
}

// metricSchemas are those of one entity, of several together and of a unit.
func metricSchemas(one string) (row, together, grouping *route.Schema) {
	metrics := route.Object(route.May("audio", bagSchema(one)), route.May("instantMessage", bagSchema(one)), route.May("message", bagSchema(one)), route.May("agnostic", bagSchema(one)))
	sessions := route.Object(route.May("audio", sessionsSchema()), route.May("instantMessage", sessionsSchema()), route.May("message", sessionsSchema()))
	kind := route.OneOf(strings.ToLower(one))
	row = route.Object(route.F("type", kind), route.May("metrics", metrics), route.May("sessions", sessions), route.F("name", route.String()), route.F("id", route.Int().OrNull()),
		route.May("currentStatus", statusModelSchema()), route.May("statusHistory", route.Array(statusModelSchema())),
		route.May("breakdowns", route.Array(route.Object(route.F("type", route.OneOf("queue")), route.F("id", route.Int().OrNull()), route.F("name", route.String()), route.May("metrics", metrics))))).Named("Clarity" + one)
	shared := []route.Field{route.F("entityIds", route.Array(route.Int())), route.F("type", kind), route.May("metrics", metrics), route.May("sessions", sessions),
		route.May("breakdowns", route.Array(route.Anything()))}
	together = route.Object(shared...).Named("ClarityAggregate" + one)
	grouping = route.Object(append([]route.Field{route.F("groupType", route.OneOf("team", "group", "businessUnit")), route.F("groupId", route.Int().OrNull())}, shared...)...).Named("ClarityGroup" + one)
	return row, together, grouping
}

// bagSchema is a bag in which some of the names are.
func bagSchema(one string) *route.Schema {
	var fields []route.Field
	if one == "Queue" {
		for _, name := range queueMetricNames() {
			fields = append(fields, route.May(name, route.Number().OrNull()))
		}
		return route.Object(fields...).Named("ClarityQueueBag")
	}
	times := map[string]bool{}
	for _, name := range timeNames {
		times[name] = true
	}
	stretch := route.Object(route.F("total", route.Int()), route.F("average", route.Number()), route.F("count", route.Int()))
	for _, name := range agentMetricNames() {
		s := route.Int()
		if times[name] {
			s = stretch
		}
		fields = append(fields, route.May(name, s))
	}
	return route.Object(fields...).Named("ClarityAgentBag")
}

func sessionsSchema() *route.Schema {
	model := route.Object(route.F("sessionId", route.Int()), route.May("sessionType", route.OneOf("Queued", "DID", "DOD")), route.May("queueId", route.Int()), route.May("agentId", route.Int()),
		route.May("customerName", route.String()), route.May("isRecording", route.Boolean()), route.May("canBeRecorded", route.Boolean()), route.May("isSilentJoined", route.Boolean()),
		route.May("isWhisperJoined", route.Boolean()), route.May("sessionStatus", route.String()), route.May("queuedMs", route.Int()), route.May("activeMs", route.Int()),
		route.May("canBeSilentJoined", route.Boolean()), route.May("canBeWhisperJoined", route.Boolean())).Named("ClaritySessionModel")
	return route.Object(route.F("sessions", route.Array(model)))
}

func statusModelSchema() *route.Schema {
	return route.Object(route.May("agentStatus", route.String()), route.May("reasonCodeName", route.String()), route.May("startTime", route.DateTime()), route.May("endTime", route.DateTime()),
		route.May("isSuspended", route.Boolean())).Named("ClarityStatus")
}
