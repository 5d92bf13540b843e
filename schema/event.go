package schema

import "strings"

// EventType is one of the types of the event contract; directory events are all EventDirectory with their kind in
// Event.DirectoryKind.
type EventType uint8

const (
	AgentLogin EventType = iota + 1
	AgentLogout
	AgentStatus
	AgentSuspended
	AgentAssignment
	InteractionCreated
	InteractionUpdated
	InteractionIVR
	InteractionPrompt
	InteractionQueued
	InteractionOffered
	InteractionDeclined
	InteractionConnected
	InteractionHeld
	InteractionResumed
	InteractionParked
	InteractionUnparked
	InteractionTransferred
	InteractionLeft
	InteractionWrapStarted
	InteractionWrapEnded
	InteractionMessage
	InteractionRecording
	InteractionNote
	InteractionDisposition
	InteractionExtraItem
	InteractionEnded
	EventDirectory
)

var eventTypeNames = []string{"", "cc.agent.login", "cc.agent.logout", "cc.agent.status", "cc.agent.suspended", "cc.agent.assignment",
	"cc.interaction.created", "cc.interaction.updated", "cc.interaction.ivr", "cc.interaction.prompt", "cc.interaction.queued",
	"cc.interaction.offered", "cc.interaction.declined", "cc.interaction.connected", "cc.interaction.held", "cc.interaction.resumed",
	"cc.interaction.parked", "cc.interaction.unparked", "cc.interaction.transferred", "cc.interaction.left",
	"cc.interaction.wrap_started", "cc.interaction.wrap_ended", "cc.interaction.message", "cc.interaction.recording",
	"cc.interaction.note", "cc.interaction.disposition", "cc.interaction.extra_item", "cc.interaction.ended", "cc.directory"}

func (t EventType) String() string { return nameOf(eventTypeNames, t) }

var eventTypesByName = func() map[string]EventType {
	m := map[string]EventType{}
	for i := 1; i < int(EventDirectory); i++ {
		m[eventTypeNames[i]] = EventType(i)
	}
	return m
}()

// ParseEventType reads an agent or interaction event's type name; directory types are parsed by their kind.
func ParseEventType(s string) (EventType, bool) {
	t, ok := eventTypesByName[s]
	return t, ok
}

// OfAgent reports whether the event's subject is an agent.
func (t EventType) OfAgent() bool { return t >= AgentLogin && t <= AgentAssignment }

// OfInteraction reports whether the event's subject is an interaction.
func (t EventType) OfInteraction() bool { return t >= InteractionCreated && t <= InteractionEnded }

// Annotation reports whether the event changes no status and no duration and is kept as a row of its own.
func (t EventType) Annotation() bool {
	switch t {
	case InteractionUpdated, InteractionIVR, InteractionPrompt, InteractionMessage, InteractionRecording, InteractionNote,
		InteractionDisposition, InteractionExtraItem:
		return true
	}
	return false
}

// Begins reports whether the event may begin an interaction.
func (t EventType) Begins() bool {
	switch t {
	case InteractionCreated, InteractionQueued, InteractionOffered, InteractionConnected:
		return true
	}
	return false
}

// Field marks an optional payload attribute as said by the event, for those whose zero value means something.
type Field uint32

const (
	HasQueueIDs Field = 1 << iota
	HasCampaignIDs
	HasSkills
	HasQueueID
	HasCampaignID
	HasPriority
	HasCustomer
	HasCallFlowID
	HasScreenPopURL
	HasGruu
	HasCallID
	HasChatID
	HasCanRecord
	HasCapacity
	HasNumber
	HasSearchable
	HasDuration
)

// Event is one decoded event of the contract, whatever content mode it came in. One struct serves all types, so that a
// decoder can reuse it: which payload fields mean something follows from Type, for optional ones from Has.
//
// Strings and byte slices of a decoded event are valid until the decoder's next call; whoever keeps one clones it.
type Event struct {
	ID, Source, Subject, ContactCenter string
	Type                               EventType
	Time                               int64 // event time, ms
	Sequence                           int64
	HasSequence                        bool
	Data                               []byte // the payload as it came: a JSON object, or empty
	Has                                Field

	// Agents
	SessionID, Extension, UserType string
	DeviceType, DeviceURI          string
	Capacity                       [NumChannels]uint16 // by Channel, as said; 0 where not said (then 1 holds). HasCapacity
	Status                         Status
	ReasonID, ReasonName           string
	Description                    string
	Suspended                      bool
	QueueIDs, CampaignIDs          []string
	Skills                         []string // also of queued

	// Interactions
	Channel           Channel
	Direction         Direction
	Kind              Kind
	Number            int64
	CallID, ChatID    string
	CampaignID        string // also of assignment
	QueueID           string // also of assignment
	CallFlowID        string
	Customer          []byte // JSON object
	ScreenPopURL      string
	Gruu              string
	CanRecord         bool
	AgentID           string // the agent concerned; from_agent_id of transferred
	InitiatingAgentID string
	Role              Role
	Decline           DeclineReason
	Priority          int64
	ToAgentID         string
	ToQueueID         string
	Mode              TransferMode
	End               EndReason
	By                EndedBy
	Cause             EndCause
	FromAgent         bool   // message
	From, To, Text    string // message
	Active, Allowed   bool   // recording
	Name, Value       string // prompt, extra_item
	ItemID            string // extra_item's id
	Searchable        bool   // extra_item
	Node, Result      string // ivr
	Note              string // note, ivr
	DurationMs        int64  // ivr
	DispositionID     string
	SubDispositionID  string

	// Directory
	DirectoryKind string // of EventDirectory
	Deleted       bool   // of EventDirectory: a tombstone
}

// Clone returns a copy that shares no memory with the decoder.
func (e *Event) Clone() *Event {
	c := *e
	for _, s := range []*string{&c.ID, &c.Source, &c.Subject, &c.ContactCenter, &c.SessionID, &c.Extension, &c.UserType, &c.DeviceType,
		&c.DeviceURI, &c.ReasonID, &c.ReasonName, &c.Description, &c.CallID, &c.ChatID, &c.CampaignID, &c.QueueID, &c.CallFlowID,
		&c.ScreenPopURL, &c.Gruu, &c.AgentID, &c.InitiatingAgentID, &c.ToAgentID, &c.ToQueueID, &c.From, &c.To, &c.Text, &c.Name,
		&c.Value, &c.ItemID, &c.Node, &c.Result, &c.Note, &c.DispositionID, &c.SubDispositionID, &c.DirectoryKind} {
		*s = strings.Clone(*s)
	}
	c.Data = append([]byte(nil), e.Data...)
	c.Customer = append([]byte(nil), e.Customer...)
	c.QueueIDs, c.CampaignIDs, c.Skills = cloneStrings(e.QueueIDs), cloneStrings(e.CampaignIDs), cloneStrings(e.Skills)
	return &c
}

func cloneStrings(in []string) []string {
	if in == nil {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.Clone(s)
	}
	return out
}

// Header is one header of a Kafka record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one Kafka record as it was read. Key, Value and Headers are valid until the reader's next batch.
type Record struct {
	Topic     string
	Partition int
	Offset    int64
	Timestamp int64 // ms, the record's own (CreateTime)
	Key       []byte
	Value     []byte
	Headers   []Header
}
