package schema

import "slices"

// enum is what all closed vocabularies share: a small integer with a wire name. Zero is "not said".
type enum interface{ ~uint8 }

func nameOf[E enum](names []string, e E) string {
	if int(e) < len(names) {
		return names[e]
	}
	return ""
}

func parseEnum[E enum](names []string, s string) (E, bool) {
	for i := 1; i < len(names); i++ {
		if names[i] == s {
			return E(i), true
		}
	}
	return 0, false
}

// Channel of an interaction (event contract, cc.interaction.created).
type Channel uint8

const (
	ChannelVoice Channel = iota + 1
	ChannelVideo
	ChannelChat
	ChannelMessage
	ChannelEmail
	ChannelTask
	numChannels
)

// NumChannels is one more than the highest Channel, for arrays indexed by channel.
const NumChannels = int(numChannels)

var channelNames = []string{"", "voice", "video", "chat", "message", "email", "task"}

func (c Channel) String() string { return nameOf(channelNames, c) }

// ParseChannel reads a channel's wire name.
func ParseChannel(s string) (Channel, bool) { return parseEnum[Channel](channelNames, s) }

// ChannelNames lists the wire names in order.
func ChannelNames() []string { return slices.Clone(channelNames[1:]) }

// Spoken reports whether agents talk on this channel: voice and video.
func (c Channel) Spoken() bool { return c == ChannelVoice || c == ChannelVideo }

// Direction of an interaction.
type Direction uint8

const (
	Inbound Direction = iota + 1
	Outbound
	Internal
)

var directionNames = []string{"", "inbound", "outbound", "internal"}

func (d Direction) String() string              { return nameOf(directionNames, d) }
func ParseDirection(s string) (Direction, bool) { return parseEnum[Direction](directionNames, s) }
func DirectionNames() []string                  { return slices.Clone(directionNames[1:]) }

// Kind of an interaction: how it came to its agent.
type Kind uint8

const (
	KindQueued Kind = iota + 1
	KindDirectInbound
	KindDirectOutbound
)

var kindNames = []string{"", "queued", "direct_inbound", "direct_outbound"}

func (k Kind) String() string         { return nameOf(kindNames, k) }
func ParseKind(s string) (Kind, bool) { return parseEnum[Kind](kindNames, s) }
func KindNames() []string             { return slices.Clone(kindNames[1:]) }

// Status of an agent. The first group is what people choose (presence), the second what the telephony platform reports
// (activity); an effective status is one of either.
type Status uint8

const (
	LoggedOut Status = iota + 1
	Available
	Busy
	Away
	Break
	Lunch
	Meeting
	Training
	OffPhone
	BeRightBack
	OffWork
	Ringing
	Dialing
	OnCall
	InChat
	Conference
	Wrap
	Rona
	numStatuses
)

// NumStatuses is one more than the highest Status, for arrays indexed by status.
const NumStatuses = int(numStatuses)

var statusNames = []string{"", "logged_out", "available", "busy", "away", "break", "lunch", "meeting", "training", "off_phone",
	"be_right_back", "off_work", "ringing", "dialing", "on_call", "in_chat", "conference", "wrap", "rona"}

func (s Status) String() string           { return nameOf(statusNames, s) }
func ParseStatus(s string) (Status, bool) { return parseEnum[Status](statusNames, s) }
func StatusNames() []string               { return slices.Clone(statusNames[1:]) }

// IsPresence reports whether people choose this status (logged_out included).
func (s Status) IsPresence() bool { return s >= LoggedOut && s <= OffWork }

// IsActivity reports whether the telephony platform reports this status.
func (s Status) IsActivity() bool { return s >= Ringing && s <= Rona }

// Occupied reports whether time in this effective status counts as occupied (metrics, section Agent).
func (s Status) Occupied() bool {
	switch s {
	case OnCall, InChat, Conference, Ringing, Dialing, Wrap:
		return true
	}
	return false
}

// Role in which an agent takes part in an interaction.
type Role uint8

const (
	RoleAgent Role = iota + 1
	RoleConsult
	RoleTransfer
	RoleInvite
	RoleContact
	RoleSilentJoin
	RoleWhisperJoin
	RoleBargeIn
)

var roleNames = []string{"", "agent", "consult", "transfer", "invite", "contact", "silent_join", "whisper_join", "barge_in"}

func (r Role) String() string         { return nameOf(roleNames, r) }
func ParseRole(s string) (Role, bool) { return parseEnum[Role](roleNames, s) }
func RoleNames() []string             { return slices.Clone(roleNames[1:]) }

// Monitors reports whether the role listens without speaking with the customer.
func (r Role) Monitors() bool { return r == RoleSilentJoin || r == RoleWhisperJoin }

// Serves reports whether an agent who connects in this role answers the interaction.
func (r Role) Serves() bool { return r == RoleAgent || r == RoleTransfer }

// DeclineReason says why an offer was not taken.
type DeclineReason uint8

const (
	DeclineNoAnswer DeclineReason = iota + 1
	DeclineBusy
	DeclineRejected
	DeclineUnreachable
	DeclineFailed
	DeclineConnectionUnavailable
	DeclineCustomerAbandoned
)

var declineNames = []string{"", "no_answer", "busy", "rejected", "unreachable", "failed", "connection_unavailable", "customer_abandoned"}

func (d DeclineReason) String() string { return nameOf(declineNames, d) }
func ParseDeclineReason(s string) (DeclineReason, bool) {
	return parseEnum[DeclineReason](declineNames, s)
}
func DeclineReasonNames() []string { return slices.Clone(declineNames[1:]) }

// EndReason says how an interaction ended. EndExpired is Floorwalker's own and refused from producers.
type EndReason uint8

const (
	EndCompleted EndReason = iota + 1
	EndAbandoned
	EndFailed
	EndAfterHours
	EndBreakout
	EndExpired
)

var endReasonNames = []string{"", "completed", "abandoned", "failed", "after_hours", "breakout", "expired"}

func (e EndReason) String() string              { return nameOf(endReasonNames, e) }
func ParseEndReason(s string) (EndReason, bool) { return parseEnum[EndReason](endReasonNames, s) }

// ProducerEndReasonNames lists the reasons that an event may carry.
func ProducerEndReasonNames() []string { return slices.Clone(endReasonNames[1:EndExpired]) }

// EndedBy says who ended an interaction.
type EndedBy uint8

const (
	ByCustomer EndedBy = iota + 1
	ByAgent
	BySystem
)

var endedByNames = []string{"", "customer", "agent", "system"}

func (e EndedBy) String() string            { return nameOf(endedByNames, e) }
func ParseEndedBy(s string) (EndedBy, bool) { return parseEnum[EndedBy](endedByNames, s) }
func EndedByNames() []string                { return slices.Clone(endedByNames[1:]) }

// EndCause refines EndFailed. Its names are those of DeclineReason without customer_abandoned.
type EndCause = DeclineReason

// EndCauseNames lists the causes that an event may carry.
func EndCauseNames() []string { return slices.Clone(declineNames[1:DeclineCustomerAbandoned]) }

// TransferMode of a transfer.
type TransferMode uint8

const (
	TransferBlind TransferMode = iota + 1
	TransferWarm
)

var transferModeNames = []string{"", "blind", "warm"}

func (t TransferMode) String() string { return nameOf(transferModeNames, t) }
func ParseTransferMode(s string) (TransferMode, bool) {
	return parseEnum[TransferMode](transferModeNames, s)
}
func TransferModeNames() []string { return slices.Clone(transferModeNames[1:]) }

// PartState is the state of an agent's part of an interaction, of one of its segments, or of a whole interaction.
// StateDeclined and StateFailed are marks, StateWaiting and StateIVR belong to interactions only.
type PartState uint8

const (
	StateDialing PartState = iota + 1
	StateRinging
	StateConnected
	StateHeld
	StateParked
	StateWrap
	StateDeclined
	StateFailed
	StateEnded
	StateWaiting
	StateIVR
)

var partStateNames = []string{"", "dialing", "ringing", "connected", "held", "parked", "wrap", "declined", "failed", "ended", "waiting", "ivr"}

func (p PartState) String() string              { return nameOf(partStateNames, p) }
func ParsePartState(s string) (PartState, bool) { return parseEnum[PartState](partStateNames, s) }
func PartStateNames() []string                  { return slices.Clone(partStateNames[1:]) }

// VisitKind of a queue visit (metrics, rule 8).
type VisitKind uint8

const (
	VisitFirst VisitKind = iota + 1
	VisitTransfer
	VisitRequeue
)

var visitKindNames = []string{"", "first", "transfer", "requeue"}

func (v VisitKind) String() string              { return nameOf(visitKindNames, v) }
func ParseVisitKind(s string) (VisitKind, bool) { return parseEnum[VisitKind](visitKindNames, s) }

// VisitOutcome says how a queue visit ended; zero while it goes on.
type VisitOutcome uint8

const (
	OutcomeAnswered VisitOutcome = iota + 1
	OutcomeAbandoned
	OutcomeBreakout
	OutcomeOverflowed
	OutcomeEndedOther
	OutcomeExpired
)

var visitOutcomeNames = []string{"", "answered", "abandoned", "breakout", "overflowed", "ended_other", "expired"}

func (v VisitOutcome) String() string { return nameOf(visitOutcomeNames, v) }
func ParseVisitOutcome(s string) (VisitOutcome, bool) {
	return parseEnum[VisitOutcome](visitOutcomeNames, s)
}

// IntervalKind tells the three kinds of agent intervals apart.
type IntervalKind uint8

const (
	IntervalStatus IntervalKind = iota + 1
	IntervalPresence
	IntervalWorkload
)

var intervalKindNames = []string{"", "status", "presence", "workload"}

func (i IntervalKind) String() string { return nameOf(intervalKindNames, i) }
func ParseIntervalKind(s string) (IntervalKind, bool) {
	return parseEnum[IntervalKind](intervalKindNames, s)
}
