package exotel

import (
	"encoding/json"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// state is what the rows of one answer share.
type state struct {
	source *floor.Source
	v      *floor.View
	mask   *mask.Mask     // what the caller is not to see of customers
	today  *floor.Figures // nil where today is not known
}

func (s *state) since(a *floor.Agent) int64 {
	word := wordOf(a.Live.Status, a.Live.Suspended)
	return s.source.HeldSince(s.v, a, func(status schema.Status, suspended bool) bool { return wordOf(status, suspended) == word })
}

// row is an agent of the list.
func (s *state) row(e *list.Encoder, a *floor.Agent) {
	e.Object()
	e.Name("user_id")
	e.String(a.ID)
	e.Name("name")
	e.String(a.Entry.Name)
	e.Name("email")
	e.Text(a.Entry.Email)
	e.Name("status")
	e.String(wordOf(a.Live.Status, a.Live.Suspended))
	e.Name("status_since")
	e.Time(s.since(a))
	e.Name("device")
	writeDevice(e, a)
	e.Name("team")
	writeTeam(e, a)
	e.Name("stats")
	s.stats(e, a)
	e.End()
}

// writeDevice writes the session's device, else the directory's.
func writeDevice(e *list.Encoder, a *floor.Agent) {
	kind, uri := a.Entry.Device.Type, a.Entry.Device.ContactURI
	if l := a.Live.Session; l != nil && (l.DeviceType != "" || l.DeviceURI != "") {
		kind, uri = l.DeviceType, l.DeviceURI
	}
	if kind == "" && uri == "" {
		e.Null()
		return
	}
	e.Object()
	e.Name("type")
	e.Text(kind)
	e.Name("contact_uri")
	e.Text(uri)
	e.End()
}

func writeTeam(e *list.Encoder, a *floor.Agent) {
	if a.Place.Team == nil {
		e.Null()
		return
	}
	e.Object()
	e.Name("team_id")
	e.String(a.Place.Team.ID)
	e.Name("name")
	e.String(a.Place.Team.Name)
	e.End()
}

// stats are today's voice parts; null while today is not known, which is not the same as a day without calls.
func (s *state) stats(e *list.Encoder, a *floor.Agent) {
	if s.today == nil {
		e.Null()
		return
	}
	t := s.today.AgentChannelTotals(a.ID, schema.ChannelVoice)
	handle, talk := t.Measures[schema.MeasureHandle], t.Measures[schema.MeasureTalk]
	e.Object()
	e.Name("calls_handled_today")
	e.Int(int64(handle.Count))
	e.Name("avg_handle_time")
	e.Int(average(handle))
	e.Name("total_talk_time")
	e.Int((talk.Sum + 500) / 1000)
	e.End()
}

// average in whole seconds, half up; 0 without traffic.
func average(d metric.Distribution) int64 {
	if d.Count == 0 {
		return 0
	}
	return int64(float64(d.Sum)/float64(d.Count)/1000 + 0.5)
}

// single is an agent by itself.
func (s *state) single(e *list.Encoder, a *floor.Agent) {
	e.Object()
	e.Name("user_id")
	e.String(a.ID)
	e.Name("name")
	e.String(a.Entry.Name)
	e.Name("status")
	e.String(wordOf(a.Live.Status, a.Live.Suspended))
	e.Name("status_since")
	e.Time(s.since(a))
	e.Name("current_call")
	s.call(e, a)
	e.End()
}

// call writes the agent's call: of several the connected one, then the newest. Parked calls and wrap are none.
func (s *state) call(e *list.Encoder, a *floor.Agent) {
	p := currentCall(a.Live.Parts)
	if p == nil {
		e.Null()
		return
	}
	of, ok := s.v.Floor.Interactions.Get(p.Interaction)
	if !ok {
		of = &schema.LiveInteraction{}
	}
	sid := of.CallID
	if sid == "" {
		sid = p.Interaction
	}
	begin := p.Connected
	if begin == schema.NoTime {
		begin = p.Since
	}
	var customer map[string]any                // a struct would take Phone, which is nothing to us, for phone
	_ = json.Unmarshal(of.Customer, &customer) // what is no customer has no number
	phone, _ := customer["phone"].(string)
	e.Object()
	e.Name("call_sid")
	e.String(sid)
	e.Name("direction")
	e.Text(p.Direction.String())
	e.Name("customer_number")
	e.Text(s.mask.Text(mask.Phone, phone))
	e.Name("duration")
	e.Int(max(0, s.v.AsOf-begin) / 1000)
	e.End()
}

func currentCall(parts []schema.LivePart) *schema.LivePart {
	var best *schema.LivePart
	for i := range parts {
		p := &parts[i]
		if p.Channel != schema.ChannelVoice || !current(p.State) {
			continue
		}
		connected, bestConnected := p.State == schema.StateConnected, best != nil && best.State == schema.StateConnected
		if best == nil || connected && !bestConnected || connected == bestConnected && p.Since >= best.Since {
			best = p
		}
	}
	return best
}

func current(s schema.PartState) bool {
	switch s {
	case schema.StateDialing, schema.StateRinging, schema.StateConnected, schema.StateHeld:
		return true
	}
	return false
}

func envelopeSchema(response *route.Schema) *route.Schema {
	return route.Object(route.F("request_id", route.String()), route.F("method", route.String()), route.F("http_code", route.Int()), route.F("response", response))
}

func wordSchema() *route.Schema { return route.OneOf(words()...) }

func listSchema() *route.Schema {
	count := func() *route.Schema { return route.Integer(0, 1<<31-1) }
	agent := route.Object(route.F("user_id", route.String()), route.F("name", route.String()), route.F("email", route.String().OrNull()),
		route.F("status", wordSchema()), route.F("status_since", route.DateTime().OrNull()),
		route.F("device", route.Object(route.F("type", route.String().OrNull()), route.F("contact_uri", route.String().OrNull())).OrNull()),
		route.F("team", route.Object(route.F("team_id", route.String()), route.F("name", route.String())).OrNull()),
		route.F("stats", route.Object(route.F("calls_handled_today", count()), route.F("avg_handle_time", route.Int()),
			route.F("total_talk_time", route.Int())).OrNull().Says("null while today is not known"))).Named("ExotelAgent")
	summary := route.Object(route.F("total_agents", count()), route.F("available", count()), route.F("on_call", count()), route.F("busy", count()),
		route.F("after_call_work", count()), route.F("offline", count()))
	return envelopeSchema(route.Object(route.F("code", route.Int()), route.F("status", route.String()),
		route.F("data", route.Object(route.F("agents", route.Array(agent)), route.F("summary", summary))),
		route.F("metadata", route.Object(route.F("total", count()), route.F("limit", count()), route.F("offset", count())))))
}

func oneSchema() *route.Schema {
	call := route.Object(route.F("call_sid", route.String()), route.F("direction", route.String().OrNull()),
		route.F("customer_number", route.String().OrNull()), route.F("duration", route.Int()))
	agent := route.Object(route.F("user_id", route.String()), route.F("name", route.String()), route.F("status", wordSchema()),
		route.F("status_since", route.DateTime().OrNull()), route.F("current_call", call.OrNull())).Named("ExotelPresence")
	return envelopeSchema(route.Object(route.F("code", route.Int()), route.F("status", route.String()), route.F("data", agent)))
}

func failureSchema() *route.Schema {
	why := route.Object(route.F("code", route.Int()), route.F("message", route.String()), route.F("description", route.String()))
	return envelopeSchema(route.Object(route.F("code", route.Int()), route.F("status", route.String()), route.F("error_data", why),
		route.F("data", route.Anything()))).Named("ExotelFailure")
}

// updateSchema leaves other fields be: clients send what they like beside.
func updateSchema() *route.Schema {
	s := route.Object(route.F("status", wordSchema()))
	s.Closed = false
	return s
}
