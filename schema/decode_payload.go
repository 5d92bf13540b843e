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
	root, err := d.parser.ParseBytes(d.data)
	if err != nil {
		d.err = &Violation{CodeMalformedJSON, "data", shorten(err.Error(), 2*maxDetailValue)}
		return
	}
	root.GetObject().Visit(d.visitors.payload)
	for i := range d.fields {
		if d.fields[i].required && d.said&(1<<i) == 0 {
			d.fail(CodeMissingAttribute, d.fields[i].name, "is required in "+d.ev.Type.String())
			return
		}
	}
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
	for i := range d.fields {
		f := &d.fields[i]
		if f.name != string(key) {
			continue
		}
		if d.seen&(1<<i) != 0 {
			d.fail(CodeDuplicateAttribute, f.name, "stands twice")
			return
		}
		d.seen |= 1 << i
		if v.Type() == fastjson.TypeNull {
			return
		}
		d.said |= 1 << i
		d.lay(f, v)
		return
	}
}

// lay puts one field into the event.
func (d *Decoder) lay(f *payloadField, v *fastjson.Value) {
	ev := d.ev
	switch f.field {
	case fieldStatus:
		ev.Status = allowed(d, v, f.name, ParseStatus, StatusNames)
	case fieldChannel:
		ev.Channel = allowed(d, v, f.name, ParseChannel, ChannelNames)
	case fieldDirection:
		ev.Direction = allowed(d, v, f.name, ParseDirection, DirectionNames)
	case fieldKind:
		ev.Kind = allowed(d, v, f.name, ParseKind, KindNames)
	case fieldRole:
		ev.Role = allowed(d, v, f.name, ParseRole, RoleNames)
	case fieldDeclineReason:
		ev.Decline = allowed(d, v, f.name, ParseDeclineReason, DeclineReasonNames)
	case fieldMode:
		ev.Mode = allowed(d, v, f.name, ParseTransferMode, TransferModeNames)
	case fieldEndReason:
		ev.End = allowed(d, v, f.name, parseProducerEndReason, ProducerEndReasonNames)
	case fieldBy:
		ev.By = allowed(d, v, f.name, ParseEndedBy, EndedByNames)
	case fieldCause:
		ev.Cause = allowed(d, v, f.name, parseEndCause, EndCauseNames)
	case fieldNumber:
		ev.Number, ev.Has = d.number(v, f.name), ev.Has|HasNumber
	case fieldPriority:
		ev.Priority, _ = d.integer(v, f.name)
		ev.Has |= HasPriority
	case fieldDuration:
		ev.DurationMs, ev.Has = d.between(v, f.name, 0, 1<<53), ev.Has|HasDuration
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
		d.layPlain(f, v)
	}
}

// layPlain puts ids, texts and bools into the event.
func (d *Decoder) layPlain(f *payloadField, v *fastjson.Value) {
	ev := d.ev
	switch f.field {
	case fieldAgentID:
		ev.AgentID = d.id(v, f.name)
	case fieldInitiatingAgentID:
		ev.InitiatingAgentID = d.id(v, f.name)
	case fieldToAgentID:
		ev.ToAgentID = d.id(v, f.name)
	case fieldToQueueID:
		ev.ToQueueID = d.id(v, f.name)
	case fieldQueueID:
		ev.QueueID, ev.Has = d.id(v, f.name), ev.Has|HasQueueID
	case fieldCampaignID:
		ev.CampaignID, ev.Has = d.id(v, f.name), ev.Has|HasCampaignID
	case fieldCallFlowID:
		ev.CallFlowID, ev.Has = d.id(v, f.name), ev.Has|HasCallFlowID
	case fieldCallID:
		ev.CallID, ev.Has = d.id(v, f.name), ev.Has|HasCallID
	case fieldChatID:
		ev.ChatID, ev.Has = d.id(v, f.name), ev.Has|HasChatID
	case fieldSessionID:
		ev.SessionID = d.id(v, f.name)
	case fieldItemID:
		ev.ItemID = d.id(v, f.name)
	case fieldDispositionID:
		ev.DispositionID = d.id(v, f.name)
	case fieldSubDispositionID:
		ev.SubDispositionID = d.id(v, f.name)
	case fieldActive:
		ev.Active = d.bool(v, f.name)
	case fieldAllowed:
		ev.Allowed = d.bool(v, f.name)
	case fieldCanRecord:
		ev.CanRecord, ev.Has = d.bool(v, f.name), ev.Has|HasCanRecord
	case fieldFromAgent:
		ev.FromAgent = d.bool(v, f.name)
	case fieldSearchable:
		ev.Searchable, ev.Has = d.bool(v, f.name), ev.Has|HasSearchable
	case fieldSuspended:
		ev.Suspended = d.bool(v, f.name)
	default:
		d.layText(f, v)
	}
}

func (d *Decoder) layText(f *payloadField, v *fastjson.Value) {
	ev, s := d.ev, d.string(v, f.name)
	switch f.field {
	case fieldDescription:
		ev.Description = s
	case fieldExtension:
		ev.Extension = s
	case fieldFrom:
		ev.From = s
	case fieldTo:
		ev.To = s
	case fieldText:
		ev.Text = s
	case fieldGruu:
		ev.Gruu, ev.Has = s, ev.Has|HasGruu
	case fieldScreenPopURL:
		ev.ScreenPopURL, ev.Has = s, ev.Has|HasScreenPopURL
	case fieldName:
		ev.Name = s
	case fieldValue:
		ev.Value = s
	case fieldNode:
		ev.Node = s
	case fieldResult:
		ev.Result = s
	case fieldNote:
		ev.Note = s
	case fieldUserType:
		ev.UserType = s
	}
}

func parseProducerEndReason(s string) (EndReason, bool) {
	r, ok := ParseEndReason(s)
	return r, ok && r != EndExpired
}

func parseEndCause(s string) (EndCause, bool) {
	c, ok := ParseDeclineReason(s)
	return c, ok && c != DeclineCustomerAbandoned
}
