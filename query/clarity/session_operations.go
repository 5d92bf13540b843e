package clarity

import (
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/route"
)

func sessionEndpoints() []endpoint {
	id := pathID("sessionId", "the session")
	includes := []route.Parameter{id, query("customerHistoryLimit", "most records of the customer's history, up to 50", route.Int())}
	for _, name := range sessionIncludes {
		includes = append(includes, query(name, "false by default", route.Boolean()))
	}
	moment := func(name, description string) route.Parameter { return query(name, description, route.String()) }
	out := []endpoint{{
		method: "GET", path: "/v2/sessions", id: "claritySessions", summary: "Active sessions of a primary agent",
		parameters: []route.Parameter{query("agentId", "the primary agent", route.String()), query("activeOnly", "always true", route.Boolean())}, aliases: []string{"/v2/sessions/"},
		responses: []route.Response{route.JSON(200, "the sessions", listSchema(route.Of[modelSession]()))}, handler: sessionsByAgent,
	}, {
		method: "GET", path: "/v2/sessions/{sessionId}", id: "claritySession", summary: "One session, live or past", parameters: includes,
		responses: []route.Response{route.JSON(200, "the session", route.Of[sessionDetail]())}, handler: sessionByID,
	}, {
		method: "GET", path: "/v2/sessions/{sessionId}/transcript", id: "clarityTranscript", summary: "Messages of a session",
		parameters: []route.Parameter{id, moment("startTimestamp", "from here on"), moment("endTimestamp", "up to here"),
			query("size", "the most messages: the first ones after startTimestamp, or the last ones before endTimestamp", route.Int())},
		responses: []route.Response{route.JSON(200, "the messages", listSchema(route.Of[imMessage]()))}, handler: transcript,
	}, {
		method: "GET", path: "/v2/sessions/{sessionId}/gruu", id: "clarityGruu", summary: "GRUU of a session", parameters: []route.Parameter{id},
		responses: []route.Response{route.JSON(200, "empty where none is known", route.Of[gruuAnswer]())}, handler: gruu,
	}, {
		method: "GET", path: "/v2/sessions/customerHistory/{sessionId}", id: "clarityCustomerHistory", summary: "Other sessions of a session's customer",
		parameters: []route.Parameter{id, moment("start", "begun from here on"), moment("end", "begun up to here"), query("limit", "most records, up to 50; goes with start (oldest first) or end", route.Int())},
		responses:  []route.Response{route.JSON(200, "newest first, but with start and limit", listSchema(route.Of[sessionBase]()))}, handler: customerHistoryOf,
	}}
	agent := route.InPath("agentId", "the agent who takes part; a parameter where the path does not name one", route.String())
	for _, r := range []struct {
		name, id, summary string
		active            bool
	}{{"startRecordingSessions", "clarityStartRecording", "Start recording an agent's sessions", true}, {"stopRecordingSessions", "clarityStopRecording", "Stop recording an agent's sessions", false}} {
		out = append(out, endpoint{method: "POST", path: "/v2/sessions/callcontrol/" + r.name + "/{agentId}", id: r.id, summary: r.summary, parameters: []route.Parameter{agent},
			aliases:   []string{"/v2/sessions/callcontrol/" + r.name},
			responses: []route.Response{route.JSON(200, "the sessions as they were; the platform has been asked", listSchema(route.Of[recordingStatus]()))}, handler: recordSessions(r.active), audit: "interaction.record"})
	}
	text := func() *route.Schema { return route.AnyOf(route.String(), route.Int(), route.Null()) }
	for _, s := range []struct {
		name, id, summary string
		audit             string
		aliases           []string
		fields            []string
		handler           func(*call) error
	}{
		{"setextraitems", "claritySetExtraItems", "Attach a named value to a session", "interaction.extra_item", []string{"/v2/sessions/{sessionId}/setextraitem"}, []string{"extraItemId", "extraItemName", "extraItemValue"}, setExtraItem},
		{"setcallnotes", "claritySetCallNotes", "Save a note of a session", "interaction.note", nil, []string{"note"}, setCallNotes},
		{"setdispositions", "claritySetDispositions", "Save the disposition of a session", "interaction.disposition", nil, []string{"dispositionId", "subDispositionId"}, setDispositions},
	} {
		parameters, fields := []route.Parameter{id}, []route.Field(nil)
		for _, name := range s.fields {
			parameters = append(parameters, query(name, "as in the body", route.String()))
			fields = append(fields, route.May(name, text()))
		}
		for _, method := range []string{fiber.MethodGet, fiber.MethodPost} {
			e := endpoint{method: method, path: "/v2/sessions/{sessionId}/" + s.name, id: s.id, summary: s.summary, parameters: parameters, aliases: s.aliases,
				responses: []route.Response{noContent}, handler: withBody(s.handler, s.fields...), audit: s.audit}
			if method == fiber.MethodPost {
				e.id, e.bodies = e.id+"Post", jsonBody(fields...)
			} else {
				e.description = "The specification's own form: a GET with a JSON body."
			}
			out = append(out, e)
		}
	}
	return out
}
