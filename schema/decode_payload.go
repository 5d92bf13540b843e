package schema

import (
	"github.com/valyala/fastjson"
)

// payloadField is one field that a type's data may have.
type payloadField struct {
	name     string
	field    field
	required bool
}

// field says where a payload field goes, hence of which kind it is and which values it may have.
type field uint8

const (
	fieldActive field = iota
	fieldAgentID
	fieldAllowed
	fieldBy
	fieldCallFlowID
	fieldCallID
	fieldCampaignID
	fieldCampaignIDs
	fieldCanRecord
	fieldCapacity
	fieldCause
	fieldChannel
	fieldChatID
	fieldCustomer
	fieldDeclineReason
	fieldDescription
	fieldDevice
	fieldDirection
	fieldDispositionID
	fieldDuration
	fieldEndReason
	fieldExtension
	fieldFrom
	fieldFromAgent
	fieldGruu
	fieldInitiatingAgentID
	fieldItemID
	fieldKind
	fieldLogoutReason
	fieldMode
	fieldName
	fieldNode
	fieldNote
	fieldNumber
	fieldPriority
	fieldQueueID
	fieldQueueIDs
	fieldReason
	fieldResult
	fieldRole
	fieldScreenPopURL
	fieldSearchable
	fieldSessionID
	fieldSkills
	fieldStatus
	fieldSubDispositionID
	fieldSuspended
	fieldText
	fieldTo
	fieldToAgentID
	fieldToQueueID
	fieldUserType
	fieldValue
)

const (
	optional = false
	required = true
)

var (
	agentOnly = []payloadField{{"agent_id", fieldAgentID, required}}
	offer     = []payloadField{{"agent_id", fieldAgentID, required}, {"role", fieldRole, optional},
		{"initiating_agent_id", fieldInitiatingAgentID, optional}}
)

// payloads holds the tables of events.md, sections Agent events and Interaction events. Directory payloads are judged by
// package directory.
var payloads = [EventDirectory + 1][]payloadField{
	AgentLogin: {{"session_id", fieldSessionID, optional}, {"device", fieldDevice, optional}, {"extension", fieldExtension, optional},
		{"user_type", fieldUserType, optional}, {"capacity", fieldCapacity, optional}},
	AgentLogout: {{"reason", fieldLogoutReason, optional}},
	AgentStatus: {{"status", fieldStatus, required}, {"reason", fieldReason, optional},
		{"description", fieldDescription, optional}},
	AgentSuspended: {{"suspended", fieldSuspended, required}},
	AgentAssignment: {{"queue_ids", fieldQueueIDs, optional}, {"campaign_ids", fieldCampaignIDs, optional},
		{"skills", fieldSkills, optional}, {"campaign_id", fieldCampaignID, optional}, {"queue_id", fieldQueueID, optional}},

	InteractionCreated: {{"channel", fieldChannel, required}, {"direction", fieldDirection, required}, {"kind", fieldKind, optional},
		{"number", fieldNumber, optional}, {"call_id", fieldCallID, optional}, {"chat_id", fieldChatID, optional},
		{"campaign_id", fieldCampaignID, optional}, {"call_flow_id", fieldCallFlowID, optional},
		{"agent_id", fieldAgentID, optional}, {"customer", fieldCustomer, optional},
		{"screen_pop_url", fieldScreenPopURL, optional}, {"gruu", fieldGruu, optional}, {"can_record", fieldCanRecord, optional}},
	InteractionUpdated: {{"customer", fieldCustomer, optional}, {"campaign_id", fieldCampaignID, optional},
		{"call_flow_id", fieldCallFlowID, optional}, {"screen_pop_url", fieldScreenPopURL, optional}, {"gruu", fieldGruu, optional},
		{"call_id", fieldCallID, optional}, {"chat_id", fieldChatID, optional}, {"can_record", fieldCanRecord, optional}},
	InteractionIVR: {{"node", fieldNode, required}, {"call_flow_id", fieldCallFlowID, optional}, {"result", fieldResult, optional},
		{"note", fieldNote, optional}, {"duration_ms", fieldDuration, optional}},
	InteractionPrompt: {{"name", fieldName, required}, {"value", fieldValue, required}},
	InteractionQueued: {{"queue_id", fieldQueueID, required}, {"priority", fieldPriority, optional},
		{"skills", fieldSkills, optional}},
	InteractionOffered:   offer,
	InteractionDeclined:  {{"agent_id", fieldAgentID, required}, {"reason", fieldDeclineReason, required}},
	InteractionConnected: offer,
	InteractionHeld:      agentOnly,
	InteractionResumed:   agentOnly,
	InteractionParked:    agentOnly,
	InteractionUnparked:  agentOnly,
	InteractionTransferred: {{"from_agent_id", fieldAgentID, required}, {"to_agent_id", fieldToAgentID, optional},
		{"to_queue_id", fieldToQueueID, optional}, {"mode", fieldMode, required}},
	InteractionLeft:        agentOnly,
	InteractionWrapStarted: agentOnly,
	InteractionWrapEnded:   agentOnly,
	InteractionMessage: {{"from", fieldFrom, required}, {"to", fieldTo, required}, {"text", fieldText, required},
		{"from_agent", fieldFromAgent, required}, {"agent_id", fieldAgentID, optional}},
	InteractionRecording: {{"active", fieldActive, required}, {"allowed", fieldAllowed, optional},
		{"agent_id", fieldAgentID, optional}},
	InteractionNote: {{"note", fieldNote, required}, {"agent_id", fieldAgentID, optional}},
	InteractionDisposition: {{"disposition_id", fieldDispositionID, required},
		{"sub_disposition_id", fieldSubDispositionID, optional}},
	InteractionExtraItem: {{"id", fieldItemID, optional}, {"name", fieldName, required}, {"value", fieldValue, required},
		{"searchable", fieldSearchable, optional}},
	InteractionEnded: {{"reason", fieldEndReason, required}, {"by", fieldBy, optional}, {"cause", fieldCause, optional}},
}

// decodePayload reads data as the event's type says.
func (d *Decoder) decodePayload() {
	d.payloadDefaults()
	d.fields = payloads[d.ev.Type]
	d.seen, d.said = 0, 0
	if len(d.data) == 0 || d.data[0] == 'n' {
		d.payloadAbsent()
		return
	}
	if d.data[0] != '{' {
		d.fail(CodeWrongKind, "data", kindOf(d.data[0])+", an object is needed")
		return
	}
	d.ev.Data = d.data
	d.inData = true
	if d.ev.Type == EventDirectory {
		return
	}
	if !d.plainPayload() {
		d.parsePayload()
	}
	for i := range d.fields {
		if d.fields[i].required && d.said&(1<<i) == 0 {
			d.fail(CodeMissingAttribute, d.fields[i].name, "is required in "+d.ev.Type.String())
			return
		}
	}
}

// parsePayload reads any payload, after plainPayload too: what that has laid in is laid in again.
func (d *Decoder) parsePayload() {
	d.seen, d.said = 0, 0
	root, err := d.parser.ParseBytes(d.data)
	if err != nil {
		d.err = &Violation{CodeMalformedJSON, "data", shorten(err.Error(), 2*maxDetailValue)}
		return
	}
	root.GetObject().Visit(d.visitors.payload)
}

// fieldOf finds a member's field and notes that it was seen; negative: there is no such field, or it is there for the second time.
func (d *Decoder) fieldOf(key []byte) int {
	for i := range d.fields {
		f := &d.fields[i]
		if f.name != string(key) {
			continue
		}
		if d.seen&(1<<i) != 0 {
			d.fail(CodeDuplicateAttribute, f.name, "stands twice")
			return -1
		}
		d.seen |= 1 << i
		return i
	}
	return -1
}

func (d *Decoder) payloadAbsent() {
	if d.ev.Type == EventDirectory {
		d.fail(CodeMissingAttribute, "data", "is required, it is the whole entity")
		return
	}
	for i := range d.fields {
		if d.fields[i].required {
			d.fail(CodeMissingAttribute, "data", "is required, with "+d.fields[i].name)
			return
		}
	}
}

// payloadDefaults lays in what holds unless said.
func (d *Decoder) payloadDefaults() {
	switch d.ev.Type {
	case InteractionCreated:
		d.ev.CanRecord = true
	case InteractionOffered, InteractionConnected:
		d.ev.Role = RoleAgent
	case InteractionRecording:
		d.ev.Allowed = true
	}
}

// payloadField takes one member of data.
func (d *Decoder) payloadField(key []byte, v *fastjson.Value) {
	if d.err != nil {
		return
	}
	i := d.fieldOf(key)
	if i < 0 || v.Type() == fastjson.TypeNull {
		return
	}
	d.said |= 1 << i
	d.lay(&d.fields[i], v)
}

// lay puts one field into the event.
func (d *Decoder) lay(f *payloadField, v *fastjson.Value) {
	ev := d.ev
	if at, has := ev.idField(f.field); at != nil {
		*at, ev.Has = d.id(v, f.name), ev.Has|has
		return
	}
	if at, has := ev.textField(f.field); at != nil {
		*at, ev.Has = d.string(v, f.name), ev.Has|has
		return
	}
	if at, has := ev.boolField(f.field); at != nil {
		*at, ev.Has = d.bool(v, f.name), ev.Has|has
		return
	}
	switch f.field {
	case fieldNumber:
		ev.Number, ev.Has = d.number(v, f.name), ev.Has|HasNumber
	case fieldPriority:
		ev.Priority, _ = d.integer(v, f.name)
		ev.Has |= HasPriority
	case fieldDuration:
		ev.DurationMs, ev.Has = d.between(v, f.name, 0, maxDuration), ev.Has|HasDuration
	case fieldDevice:
		d.object(v, f.name, d.visitors.device)
	case fieldReason:
		d.object(v, f.name, d.visitors.reason)
	case fieldLogoutReason:
		d.logoutReason(v, f.name)
	case fieldCapacity:
		d.object(v, f.name, d.visitors.capacity)
		ev.Has |= HasCapacity
	case fieldCustomer:
		d.customer(v, f.name)
	case fieldQueueIDs:
		ev.QueueIDs, ev.Has = d.ids(v, f.name), ev.Has|HasQueueIDs
	case fieldCampaignIDs:
		ev.CampaignIDs, ev.Has = d.ids(v, f.name), ev.Has|HasCampaignIDs
	case fieldSkills:
		ev.Skills, ev.Has = d.ids(v, f.name), ev.Has|HasSkills
	default:
		if s := d.string(v, f.name); d.err == nil {
			d.word(f, s)
		}
	}
}

// word puts a field of a closed list into the event, and reports whether the field is one.
func (d *Decoder) word(f *payloadField, s string) bool {
	ev := d.ev
	switch f.field {
	case fieldStatus:
		ev.Status = allowed(d, s, f.name, ParseStatus, StatusNames)
	case fieldChannel:
		ev.Channel = allowed(d, s, f.name, ParseChannel, ChannelNames)
	case fieldDirection:
		ev.Direction = allowed(d, s, f.name, ParseDirection, DirectionNames)
	case fieldKind:
		ev.Kind = allowed(d, s, f.name, ParseKind, KindNames)
	case fieldRole:
		ev.Role = allowed(d, s, f.name, ParseRole, RoleNames)
	case fieldDeclineReason:
		ev.Decline = allowed(d, s, f.name, ParseDeclineReason, DeclineReasonNames)
	case fieldMode:
		ev.Mode = allowed(d, s, f.name, ParseTransferMode, TransferModeNames)
	case fieldEndReason:
		ev.End = allowed(d, s, f.name, parseProducerEndReason, ProducerEndReasonNames)
	case fieldBy:
		ev.By = allowed(d, s, f.name, ParseEndedBy, EndedByNames)
	case fieldCause:
		ev.Cause = allowed(d, s, f.name, parseEndCause, EndCauseNames)
	default:
		return false
	}
	return true
}

// idField is where an id goes, nil where the field is none, and what says that it was there.
func (e *Event) idField(f field) (*string, Field) {
	switch f {
	case fieldAgentID:
		return &e.AgentID, 0
	case fieldInitiatingAgentID:
		return &e.InitiatingAgentID, 0
	case fieldToAgentID:
		return &e.ToAgentID, 0
	case fieldToQueueID:
		return &e.ToQueueID, 0
	case fieldQueueID:
		return &e.QueueID, HasQueueID
	case fieldCampaignID:
		return &e.CampaignID, HasCampaignID
	case fieldCallFlowID:
		return &e.CallFlowID, HasCallFlowID
	case fieldCallID:
		return &e.CallID, HasCallID
	case fieldChatID:
		return &e.ChatID, HasChatID
	case fieldSessionID:
		return &e.SessionID, 0
	case fieldItemID:
		return &e.ItemID, 0
	case fieldDispositionID:
		return &e.DispositionID, 0
	case fieldSubDispositionID:
		return &e.SubDispositionID, 0
	}
	return nil, 0
}

// boolField is as idField.
func (e *Event) boolField(f field) (*bool, Field) {
	switch f {
	case fieldActive:
		return &e.Active, 0
	case fieldAllowed:
		return &e.Allowed, 0
	case fieldCanRecord:
		return &e.CanRecord, HasCanRecord
	case fieldFromAgent:
		return &e.FromAgent, 0
	case fieldSearchable:
		return &e.Searchable, HasSearchable
	case fieldSuspended:
		return &e.Suspended, 0
	}
	return nil, 0
}

// textField is as idField.
func (e *Event) textField(f field) (*string, Field) {
	switch f {
	case fieldDescription:
		return &e.Description, 0
	case fieldExtension:
		return &e.Extension, 0
	case fieldFrom:
		return &e.From, 0
	case fieldTo:
		return &e.To, 0
	case fieldText:
		return &e.Text, 0
	case fieldGruu:
		return &e.Gruu, HasGruu
	case fieldScreenPopURL:
		return &e.ScreenPopURL, HasScreenPopURL
	case fieldName:
		return &e.Name, 0
	case fieldValue:
		return &e.Value, 0
	case fieldNode:
		return &e.Node, 0
	case fieldResult:
		return &e.Result, 0
	case fieldNote:
		return &e.Note, 0
	case fieldUserType:
		return &e.UserType, 0
	}
	return nil, 0
}

func parseProducerEndReason(s string) (EndReason, bool) {
	r, ok := ParseEndReason(s)
	return r, ok && r != EndExpired
}

func parseEndCause(s string) (EndCause, bool) {
	c, ok := ParseDeclineReason(s)
	return c, ok && c != DeclineCustomerAbandoned
}
