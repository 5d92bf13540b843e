package vonage

import (
	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// The four names of a presence.
const (
	ready        = "Ready"
	away         = "Away"
	extendedAway = "ExtendedAway"
	loggedOut    = "LoggedOut"
)

// presenceName is how a presence is called; empty for one that has no place in the table yet and for what is no presence
// (surfaces.md, section Vonage).
func presenceName(s schema.Status) string {
	switch s {
	case schema.Available:
		return ready
	case schema.Away, schema.Break, schema.Busy, schema.OffPhone, schema.BeRightBack:
		return away
	case schema.Lunch, schema.Meeting, schema.Training, schema.OffWork:
		return extendedAway
	case schema.LoggedOut:
		return loggedOut
	}
	return ""
}

// description is the status's own, else the reason's name, else the presence's name.
func description(v *floor.View, s schema.Status, said, reasonID, reasonName string) string {
	switch {
	case said != "":
		return said
	case reasonName != "":
		return reasonName
	case reasonID != "":
		return v.Directory.Name(directory.KindReasonCode, reasonID)
	}
	return presenceName(s)
}

// mode is what an effective status says of a workforce management state; mapped is false for a status that has no place yet.
type mode uint8

const (
	idle       mode = iota // what workload and presence say
	wrap                   // Wrap
	unexpected             // Unexpected
)

func modeOf(s schema.Status) (m mode, mapped bool) {
	switch s {
	case schema.Rona:
		return unexpected, true
	case schema.Wrap:
		return wrap, true
	case schema.LoggedOut, schema.Available, schema.Busy, schema.Away, schema.Break, schema.Lunch, schema.Meeting, schema.Training,
		schema.OffPhone, schema.BeRightBack, schema.OffWork, schema.Ringing, schema.Dialing, schema.OnCall, schema.InChat, schema.Conference:
		return idle, true
	}
	return idle, false
}

func mediumOf(c schema.Channel) string {
	switch c {
	case schema.ChannelVoice:
		return "Phone"
	case schema.ChannelVideo:
		return "Video"
	case schema.ChannelChat:
		return "Chat"
	case schema.ChannelMessage:
		return "Message"
	case schema.ChannelEmail:
		return "Email"
	case schema.ChannelTask:
		return "Task"
	}
	return ""
}

func directionOf(d schema.Direction) string {
	switch d {
	case schema.Inbound:
		return "Inbound"
	case schema.Outbound:
		return "Outbound"
	case schema.Internal:
		return "Internal"
	}
	return ""
}

// The states of an interaction.
const (
	stateRinging    = "Ringing"
	stateConnected  = "Connected"
	stateWrap       = "Wrap"
	stateUnexpected = "Unexpected"
	stateFailed     = "Failed"
)

// interactionState is how a part's state is shown and why; empty where it is not listed: parked and interrupted parts, and offers
// that their customer withdrew.
func interactionState(channel schema.Channel, s schema.PartState, role schema.Role, reason string) (state, why string) {
	switch s {
	case schema.StateRinging, schema.StateDialing:
		return stateRinging, monitoring(role)
	case schema.StateConnected:
		return stateConnected, connectedReason(channel, role, reason)
	case schema.StateHeld:
		if !channel.Spoken() {
			return "", ""
		}
		return stateConnected, monitoring(role)
	case schema.StateWrap:
		return stateWrap, monitoring(role)
	case schema.StateDeclined:
		if why = declineReason(reason); why == "" {
			return "", ""
		}
		return stateUnexpected, why
	case schema.StateFailed:
		return stateFailed, failureReason(reason)
	}
	return "", ""
}

func monitoring(role schema.Role) string {
	if role.Monitors() {
		return "Monitor"
	}
	return ""
}

// connectedReason leaves out what is resumed from hold: on voice and video that is no interruption.
func connectedReason(channel schema.Channel, role schema.Role, reason string) string {
	switch {
	case role.Monitors():
		return monitoring(role)
	case reason == "unparked":
		return "Unparked"
	case reason == "resumed" && !channel.Spoken():
		return "Resumed"
	}
	return ""
}

// declineReason is empty for a customer who gave up, which is not listed.
func declineReason(reason string) string {
	switch r, _ := schema.ParseDeclineReason(reason); r {
	case schema.DeclineNoAnswer:
		return "NoAnswer"
	case schema.DeclineBusy:
		return "NumberBusy"
	case schema.DeclineUnreachable:
		return "NumberUnobtainable"
	case schema.DeclineRejected:
		return "CallRejected"
	case schema.DeclineConnectionUnavailable:
		return "ConnectionUnavailable"
	case schema.DeclineCustomerAbandoned:
		return ""
	}
	return "CallFailed"
}

func failureReason(cause string) string {
	switch r, _ := schema.ParseDeclineReason(cause); r {
	case schema.DeclineUnreachable:
		return "NumberUnobtainable"
	case schema.DeclineRejected:
		return "CallRejected"
	}
	return "CallFailed"
}
