package vonage

import (
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// mediumManager is the application that all of our interactions come from.
const mediumManager = "CC"

func (a *API) agentStatus(c *fiber.Ctx) error {
	p := readPage(route.CallOf(c).Query)
	v := a.Source.View(c.Locals(admittedKey).(string))
	agents := v.Agents()
	e := p.begin(len(agents))
	from, to := p.of(len(agents))
	for _, agent := range agents[from:to] {
		writeAgent(e, v, agent)
	}
	return finish(c, e, v.AsOf)
}

func writeAgent(e *list.Encoder, v *floor.View, a *floor.Agent) {
	presence := &a.Live.Presence
	e.Object()
	e.Name("agentId")
	e.String(a.ID)
	e.Name("presence")
	e.Object()
	e.Name("since")
	e.Time(presence.Since)
	e.Name("name")
	e.String(presenceName(presence.Status))
	e.Name("description")
	e.String(description(v, presence.Status, presence.Description, presence.ReasonID, presence.ReasonName))
	e.Name("eligibleForRouting")
	e.Bool(a.Available())
	e.End()
	e.Name("workload")
	e.Object()
	e.Name("since")
	e.Time(a.Live.WorkloadSince)
	writeLoad(e, [3]uint16{a.Live.Live, a.Live.SemiLive, a.Live.NonLive})
	e.End()
	e.Name("interaction")
	e.Array()
	for i := range a.Live.Parts {
		writePart(e, &a.Live.Parts[i])
	}
	e.EndArray()
	e.End()
}

// writeLoad writes the three counts into an open object.
func writeLoad(e *list.Encoder, load [3]uint16) {
	e.Name("calls")
	e.Int(int64(load[0]))
	e.Name("semiLive")
	e.Int(int64(load[1]))
	e.Name("nonLive")
	e.Int(int64(load[2]))
}

func writePart(e *list.Encoder, p *schema.LivePart) {
	state, why := interactionState(p.Channel, p.State, p.Role, p.Reason)
	if state == "" {
		return
	}
	e.Object()
	e.Name("guid")
	e.String(p.Interaction)
	e.Name("channelGuid")
	e.Null()
	e.Name("since")
	e.Time(p.Since)
	e.Name("medium")
	e.Text(mediumOf(p.Channel))
	e.Name("mediumManager")
	e.String(mediumManager)
	e.Name("direction")
	e.Text(directionOf(p.Direction))
	e.Name("state")
	e.String(state)
	e.Name("reason")
	e.Text(why)
	e.End()
}

func agentSchema() *route.Schema {
	text := func() *route.Schema { return route.String().OrNull() }
	return route.Object(route.F("agentId", route.String()),
		route.F("presence", route.Object(route.F("since", route.DateTime().OrNull()), route.F("name", route.OneOf(ready, away, extendedAway, loggedOut)),
			route.F("description", route.String()), route.F("eligibleForRouting", route.Boolean()))),
		route.F("workload", route.Object(append([]route.Field{route.F("since", route.DateTime().OrNull())}, loadFields()...)...)),
		route.F("interaction", route.Array(route.Object(route.F("guid", route.String()), route.F("channelGuid", text()),
			route.F("since", route.DateTime()), route.F("medium", text()), route.F("mediumManager", route.String()), route.F("direction", text()),
			route.F("state", route.OneOf(stateRinging, stateConnected, stateWrap, stateUnexpected, stateFailed)), route.F("reason", text())))),
	).Named("VonageAgentStatus")
}

func loadFields() []route.Field {
	return []route.Field{route.F("calls", route.Int()), route.F("semiLive", route.Int()), route.F("nonLive", route.Int())}
}
