package native

import (
	"floorwalker/query/list"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

func agentText(name string, of func(agentRow) string) list.Column[agentRow] {
	return list.Column[agentRow]{Name: name, Type: nullText(), Write: func(e *list.Encoder, r agentRow) { e.Text(of(r)) },
		Sort: func(r agentRow) list.Key { return list.Text(of(r)) }}
}

func agentTexts(name string, of func(agentRow) []string) list.Column[agentRow] {
	return list.Column[agentRow]{Name: name, Type: textList(), Write: func(e *list.Encoder, r agentRow) { e.Texts(of(r)) }}
}

func timeKey(ms int64) list.Key {
	if ms == schema.NoTime || ms == schema.Open {
		return list.Null()
	}
	return list.Number(float64(ms))
}

// agentTable is the agent of the native API, field by field.
func agentTable() *list.Table[agentRow] {
	return &list.Table[agentRow]{
		ID: func(r agentRow) string { return r.ID },
		Columns: []list.Column[agentRow]{
			agentText("id", func(r agentRow) string { return r.ID }),
			{Name: "number", Type: nullInt(), Write: writeAgentNumber, Sort: func(r agentRow) list.Key {
				if n, ok := r.s.v.NumberOf(directory.KindAgent, r.ID); ok {
					return list.Number(float64(n))
				}
				return list.Null()
			}},
			agentText("name", func(r agentRow) string { return r.Entry.Name }),
			agentText("first_name", func(r agentRow) string { return r.Entry.FirstName }),
			agentText("last_name", func(r agentRow) string { return r.Entry.LastName }),
			agentText("login", func(r agentRow) string { return r.Entry.Login }),
			agentText("email", func(r agentRow) string { return r.Entry.Email }),
			agentText("sip", func(r agentRow) string { return r.Entry.SIP }),
			agentText("phone", func(r agentRow) string { return r.Entry.Phone }),
			agentText("user_type", userType),
			agentText("role", func(r agentRow) string { return r.Entry.Role }),
			{Name: "team", Type: named().OrNull(), Write: writeTeam, Sort: func(r agentRow) list.Key {
				if r.Place.Team == nil {
					return list.Null()
				}
				return list.Text(r.Place.Team.Name)
			}},
			agentTexts("group_ids", func(r agentRow) []string { return r.Place.GroupIDs }),
			agentText("business_unit_id", func(r agentRow) string { return r.Place.BusinessUnitID }),
			agentTexts("skills", func(r agentRow) []string { return r.Place.Skills }),
			agentTexts("queue_ids", func(r agentRow) []string { return r.Place.QueueIDs }),
			agentTexts("campaign_ids", func(r agentRow) []string { return r.Place.CampaignIDs }),
			agentText("queue_id", func(r agentRow) string { return inUse(r).QueueID }),
			agentText("campaign_id", func(r agentRow) string { return inUse(r).CampaignID }),
			{Name: "session", Type: sessionSchema(), Write: writeSession, Sort: func(r agentRow) list.Key {
				if r.Live.Session == nil {
					return list.Null()
				}
				return timeKey(r.Live.Session.Since)
			}},
			{Name: "presence", Type: presenceSchema(), Write: writePresence, Sort: func(r agentRow) list.Key { return list.Text(r.Live.Presence.Status.String()) }},
			{Name: "status", Type: statusName(), Write: func(e *list.Encoder, r agentRow) { e.Text(r.Status.String()) },
				Sort: func(r agentRow) list.Key { return list.Text(r.Status.String()) }},
			{Name: "status_since", Type: nullTime(), Write: func(e *list.Encoder, r agentRow) { e.Time(r.Since) },
				Sort: func(r agentRow) list.Key { return timeKey(r.Since) }},
			{Name: "status_age_ms", Type: nullInt(), Write: writeStatusAge, Sort: func(r agentRow) list.Key {
				if r.Since == schema.NoTime {
					return list.Null()
				}
				return list.Number(float64(max(0, r.s.v.AsOf-r.Since)))
			}},
			{Name: "suspended", Type: route.Boolean(), Write: func(e *list.Encoder, r agentRow) { e.Bool(r.Live.Suspended) },
				Sort: func(r agentRow) list.Key { return list.Bool(r.Live.Suspended) }},
			{Name: "workload", Type: workloadSchema(), Write: writeWorkload, Sort: func(r agentRow) list.Key {
				return list.Number(float64(int(r.Live.Live) + int(r.Live.SemiLive) + int(r.Live.NonLive)))
			}},
			{Name: "interactions", Type: route.Array(agentPartSchema()), Write: writeAgentParts, Sort: func(r agentRow) list.Key { return list.Number(float64(len(r.Live.Parts))) }},
			{Name: "today", Type: route.AnyOf(valuesSchema(), route.Null()), Write: writeToday},
		},
	}
}

func userType(r agentRow) string {
	if r.Live.Session != nil && r.Live.Session.UserType != "" {
		return r.Live.Session.UserType
	}
	return r.Entry.UserType
}

func inUse(r agentRow) schema.LiveAssignment {
	if r.Live.Assignment == nil {
		return schema.LiveAssignment{}
	}
	return *r.Live.Assignment
}

func writeAgentNumber(e *list.Encoder, r agentRow) {
	n, ok := r.s.v.NumberOf(directory.KindAgent, r.ID)
	if !ok {
		e.Null()
		return
	}
	e.Int(int64(n))
}

func writeTeam(e *list.Encoder, r agentRow) {
	if r.Place.Team == nil {
		e.Null()
		return
	}
	writeNamed(e, r.Place.Team.ID, r.Place.Team.Name)
}

// writeNamed appends {"id","name"}.
func writeNamed(e *list.Encoder, id, name string) {
	e.Object()
	e.Name("id")
	e.Text(id)
	e.Name("name")
	e.Text(name)
	e.End()
}

func sessionSchema() *route.Schema {
	device := route.Object(route.F("type", nullText()), route.F("contact_uri", nullText())).OrNull()
	return route.Object(route.F("id", nullText()), route.F("since", nullTime()), route.F("extension", nullText()), route.F("device", device)).OrNull()
}

func writeSession(e *list.Encoder, r agentRow) {
	s := r.Live.Session
	if s == nil {
		e.Null()
		return
	}
	e.Object()
	e.Name("id")
	e.Text(s.ID)
	e.Name("since")
	e.Time(s.Since)
	e.Name("extension")
	e.Text(s.Extension)
	e.Name("device")
	if s.DeviceType == "" && s.DeviceURI == "" {
		e.Null()
	} else {
		e.Object()
		e.Name("type")
		e.Text(s.DeviceType)
		e.Name("contact_uri")
		e.Text(s.DeviceURI)
		e.End()
	}
	e.End()
}

func presenceSchema() *route.Schema {
	return route.Object(route.F("status", route.OneOf(presenceNames()...)), route.F("since", nullTime()), route.F("reason", named().OrNull()),
		route.F("description", nullText()))
}

func writePresence(e *list.Encoder, r agentRow) {
	p := &r.Live.Presence
	e.Object()
	e.Name("status")
	e.Text(p.Status.String())
	e.Name("since")
	e.Time(p.Since)
	e.Name("reason")
	switch {
	case p.ReasonID == "" && p.ReasonName == "":
		e.Null()
	case p.ReasonName == "":
		writeNamed(e, p.ReasonID, r.s.v.Directory.Name(directory.KindReasonCode, p.ReasonID))
	default:
		writeNamed(e, p.ReasonID, p.ReasonName)
	}
	e.Name("description")
	e.Text(p.Description)
	e.End()
}

func writeStatusAge(e *list.Encoder, r agentRow) {
	if r.Since == schema.NoTime {
		e.Null()
		return
	}
	e.Age(0, r.Since, r.s.v.AsOf)
}

func workloadSchema() *route.Schema {
	return route.Object(route.F("live", route.Int()), route.F("semi_live", route.Int()), route.F("non_live", route.Int()), route.F("since", nullTime()))
}

func writeWorkload(e *list.Encoder, r agentRow) {
	e.Object()
	e.Name("live")
	e.Int(int64(r.Live.Live))
	e.Name("semi_live")
	e.Int(int64(r.Live.SemiLive))
	e.Name("non_live")
	e.Int(int64(r.Live.NonLive))
	e.Name("since")
	e.Time(r.Live.WorkloadSince)
	e.End()
}

func writeAgentParts(e *list.Encoder, r agentRow) {
	e.Array()
	for i := range r.Live.Parts {
		writeAgentPart(e, r, &r.Live.Parts[i])
	}
	e.EndArray()
}

func agentPartSchema() *route.Schema {
	return route.Object(route.F("id", route.String()), route.F("channel", nullText()), route.F("direction", nullText()), route.F("state", nullText()),
		route.F("since", nullTime()), route.F("state_since", nullTime()), route.F("connected", nullTime()), route.F("reason", nullText()),
		route.F("role", nullText()), route.F("primary", route.Boolean()), route.F("initiating_agent_id", nullText()),
		route.F("queue_id", nullText()), route.F("campaign_id", nullText()), route.F("call_id", nullText()), route.F("chat_id", nullText()),
		route.F("customer", customerSchema()))
}

// customerSchema is the customer as the events say it.
func customerSchema() *route.Schema { return route.Map(route.Anything()).OrNull() }

func writeAgentPart(e *list.Encoder, r agentRow, p *schema.LivePart) {
	of, ok := r.s.v.Floor.Interactions.Get(p.Interaction)
	if !ok {
		of = &schema.LiveInteraction{}
	}
	e.Object()
	e.Name("id")
	e.String(p.Interaction)
	e.Name("channel")
	e.Text(p.Channel.String())
	e.Name("direction")
	e.Text(p.Direction.String())
	e.Name("state")
	e.Text(p.State.String())
	e.Name("since")
	e.Time(p.Since)
	e.Name("state_since")
	e.Time(p.StateSince)
	e.Name("connected")
	e.Time(p.Connected)
	e.Name("reason")
	e.Text(p.Reason)
	e.Name("role")
	e.Text(p.Role.String())
	e.Name("primary")
	e.Bool(p.Primary)
	e.Name("initiating_agent_id")
	e.Text(p.InitiatingAgent)
	e.Name("queue_id")
	e.Text(of.Queue)
	e.Name("campaign_id")
	e.Text(of.Campaign)
	e.Name("call_id")
	e.Text(of.CallID)
	e.Name("chat_id")
	e.Text(of.ChatID)
	e.Name("customer")
	e.Raw(r.s.mask.Customer(of.Customer))
	e.End()
}

func writeToday(e *list.Encoder, r agentRow) {
	if r.s.today == nil {
		e.Null()
		return
	}
	t := r.s.today.Once(todayKey{r.ID, r.s.v.Directory}, func() any { return makeToday(r) }).(*today)
	e.Aging(t.now, t.steady)
}

// today is an agent's figures as JSON, which many lists show before they change.
type today struct {
	now    []byte
	steady uint64
}

// todayKey tells apart what was worked out of the same figures; thresholds are the directory's.
type todayKey struct {
	agent     string
	directory *directory.Directory
}

func makeToday(r agentRow) *today {
	var now, steady list.Encoder
	writeValues(&now, r.s.fields, r.s.today.AgentTotals(r.ID, r.s.thresholds, false), r.s.options)
	writeValues(&steady, r.s.fields, r.s.today.AgentTotals(r.ID, r.s.thresholds, true), r.s.options)
	return &today{now.B, steady.Tag()}
}
