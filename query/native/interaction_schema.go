package native

import "floorwalker/query/route"

// What the interaction's nested values look like; their writers are writeParts, writeSegments, writeVisits and the annotations'.

func partSchema(segments bool) *route.Schema {
	fields := []route.Field{route.F("agent_id", route.String()), route.F("role", nullText()), route.F("initiating_agent_id", nullText()),
		route.F("primary", route.Boolean()), route.F("primary_since", nullTime()), route.F("state", nullText()), route.F("state_since", nullTime()),
		route.F("offered", nullTime()), route.F("connected", nullTime()), route.F("wrap_started", nullTime()), route.F("ended", nullTime()),
		route.F("ring_ms", nullInt()), route.F("talk_ms", nullInt()), route.F("hold_ms", nullInt()), route.F("parked_ms", nullInt()),
		route.F("wrap_ms", nullInt())}
	if segments {
		fields = append(fields, route.F("segments", segmentsSchema()))
	}
	return route.Object(fields...)
}

func segmentsSchema() *route.Schema {
	return route.Array(route.Object(route.F("state", nullText()), route.F("since", nullTime()), route.F("until", nullTime()), route.F("role", nullText()),
		route.F("reason", nullText())))
}

func noteSchema() *route.Schema {
	return route.Object(route.F("time", nullTime()), route.F("agent_id", nullText()), route.F("note", route.String()))
}

func extraItemSchema() *route.Schema {
	return route.Object(route.F("id", nullText()), route.F("name", nullText()), route.F("value", route.String()), route.F("searchable", route.Boolean()),
		route.F("time", nullTime()))
}

// wholeInteractionSchema is the row with segments in its parts, and what writeWholeInteraction adds.
func wholeInteractionSchema(row *route.Schema) *route.Schema {
	timed := func(fields ...route.Field) *route.Schema {
		return route.Array(route.Object(append([]route.Field{route.F("time", nullTime())}, fields...)...))
	}
	fields := make([]route.Field, 0, len(row.Fields)+6)
	for _, f := range row.Fields {
		if f.Name == "agents" {
			f = route.F("agents", route.Array(partSchema(true)))
		}
		fields = append(fields, f)
	}
	return route.Object(append(fields,
		route.F("visits", route.Array(route.Object(route.F("queue_id", nullText()), route.F("kind", nullText()), route.F("entered", nullTime()),
			route.F("left", nullTime()), route.F("outcome", nullText()), route.F("wait_ms", nullInt())))),
		route.F("ivr", timed(route.F("node", nullText()), route.F("call_flow_id", nullText()), route.F("result", nullText()),
			route.F("note", nullText()), route.F("duration_ms", nullInt()))),
		route.F("prompts", timed(route.F("name", nullText()), route.F("value", route.String()))),
		route.F("messages", timed(route.F("from", nullText()), route.F("to", nullText()), route.F("text", route.String()),
			route.F("from_agent", route.Boolean()), route.F("agent_id", nullText()))),
		route.F("dispositions", timed(route.F("disposition_id", nullText()), route.F("sub_disposition_id", nullText()))),
		route.F("events", timed(route.F("type", route.String()), route.F("source", nullText()), route.F("data", route.Anything()))))...)
}
