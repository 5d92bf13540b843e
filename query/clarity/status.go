package clarity

import (
	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Ids of agent statuses (specification, Connect Agent Status).
const (
	statusAvailable          = 1
	statusInCall             = 2
	statusUnavailable        = 3
	statusUnknown            = 4
	statusAfterCall          = 5
	statusLoggedOut          = 6
	statusOffPhone           = 7
	statusRona               = 8
	statusBusy               = 9
	statusBeRightBack        = 10
	statusDirectCall         = 11
	statusInImCall           = 14
	statusDirectInboundDial  = 15
	statusDirectOutboundDial = 16
	statusAtLunch            = 17
	statusOffWork            = 18
	statusConference         = 19
	statusRinging            = 20
)

var statusWords = map[int]string{statusAvailable: "available", statusInCall: "inCall", statusUnavailable: "unavailable", statusUnknown: "unknown",
	statusAfterCall: "afterCall", statusLoggedOut: "loggedOut", statusOffPhone: "offPhoneActivity", statusRona: "ringOnNoAnswer", statusBusy: "busy",
	statusBeRightBack: "beRightBack", statusDirectCall: "directCall", statusInImCall: "inImCall", statusDirectInboundDial: "directInboundDial",
	statusDirectOutboundDial: "directOutboundDial", statusAtLunch: "atLunch", statusOffWork: "offWork", statusConference: "conferenceCall", statusRinging: "ringing"}

// settable are the statuses that an update may set, in the order of the list of statuses, with the presence that each writes.
var settable = []struct {
	id       int
	presence schema.Status
}{{statusAvailable, schema.Available}, {statusUnavailable, schema.Away}, {statusLoggedOut, schema.LoggedOut}, {statusOffPhone, schema.OffPhone},
	{statusBusy, schema.Busy}, {statusBeRightBack, schema.BeRightBack}, {statusAtLunch, schema.Lunch}, {statusOffWork, schema.OffWork}}

// statusID is how an effective status is shown (surfaces.md, section Clarity, Statuses). direct says that the agent's call is direct,
// inbound that it is a direct inbound one.
func statusID(s schema.Status, reason, direct, inbound bool) int {
	if reason && s.IsPresence() && s != schema.Available && s != schema.LoggedOut {
		return statusUnavailable
	}
	switch s {
	case schema.Available:
		return statusAvailable
	case schema.OnCall:
		if direct {
			return statusDirectCall
		}
		return statusInCall
	case schema.Conference:
		return statusConference
	case schema.InChat:
		return statusInImCall
	case schema.Ringing:
		if inbound {
			return statusDirectInboundDial
		}
		return statusRinging
	case schema.Dialing:
		return statusDirectOutboundDial
	case schema.Wrap:
		return statusAfterCall
	case schema.Rona:
		return statusRona
	case schema.LoggedOut:
		return statusLoggedOut
	case schema.Busy:
		return statusBusy
	case schema.Lunch:
		return statusAtLunch
	case schema.BeRightBack:
		return statusBeRightBack
	case schema.OffPhone:
		return statusOffPhone
	case schema.OffWork:
		return statusOffWork
	case schema.Away, schema.Break, schema.Meeting, schema.Training:
		return statusUnavailable
	}
	return statusUnknown
}

// agentStatus is what an agent is shown as.
type agentStatus struct {
	id                   int
	reasonID, reasonName string
	since                int64 // NoTime where nothing is known
	suspended            bool
}

func statusOf(v *floor.View, a *floor.Agent) agentStatus {
	live := a.Live
	if a.Entry.SIP == "" || live.StatusSince == schema.NoTime {
		return agentStatus{id: statusUnknown, since: schema.NoTime}
	}
	out := agentStatus{since: live.StatusSince, suspended: live.Suspended}
	kind := schema.Kind(0)
	if live.Status == schema.OnCall || live.Status == schema.Ringing {
		kind = kindOfCall(v, live)
	}
	reason := live.StatusReason[0] != "" || live.StatusReason[1] != ""
	out.id = statusID(live.Status, reason, kind == schema.KindDirectInbound || kind == schema.KindDirectOutbound, kind == schema.KindDirectInbound)
	if out.id == statusUnavailable && reason {
		out.reasonID, out.reasonName = live.StatusReason[0], reasonName(v, live.StatusReason[0], live.StatusReason[1])
		out.since = max(out.since, live.Presence.Since) // a new reason is a new status here
	}
	return out
}

func reasonName(v *floor.View, id, said string) string {
	if v.Directory.ReasonCodes[id] == nil && said != "" {
		return said
	}
	return v.Directory.Name(directory.KindReasonCode, id)
}

// kindOfCall is the kind of the call that makes the agent on_call or ringing.
func kindOfCall(v *floor.View, live *schema.LiveAgent) schema.Kind {
	for i := range live.Parts {
		p := &live.Parts[i]
		speaks := p.Channel.Spoken() && (p.State == schema.StateConnected || p.State == schema.StateHeld)
		if live.Status == schema.OnCall && !speaks || live.Status == schema.Ringing && p.State != schema.StateRinging {
			continue
		}
		if call, ok := v.Floor.Interactions.Get(p.Interaction); ok {
			return call.Kind
		}
	}
	return 0
}
