package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// event is a structured event with parts replaced; an attribute replaced by "" is left out.
func event(t EventType, data string, replaced ...string) string {
	attributes := [][2]string{{"specversion", `"1.0"`}, {"id", `"e1"`}, {"source", `"/acd"`}, {"type", `"` + t.String() + `"`},
		{"subject", `"s1"`}, {"time", `"2026-03-01T09:15:27.123Z"`}, {"contactcenter", `"6"`}, {"data", data}}
	for i := 0; i < len(replaced); i += 2 {
		known := false
		for j := range attributes {
			if attributes[j][0] == replaced[i] {
				attributes[j][1], known = replaced[i+1], true
			}
		}
		if !known {
			attributes = append(attributes, [2]string{replaced[i], replaced[i+1]})
		}
	}
	var b strings.Builder
	for _, a := range attributes {
		if a[1] != "" {
			b.WriteString(`,"` + a[0] + `":` + a[1])
		}
	}
	return "{" + b.String()[1:] + "}"
}

func TestViolations_NameCodeAndAttribute(t *testing.T) {
	status := `{"status":"busy"}`
	of := func(replaced ...string) string { return event(AgentStatus, status, replaced...) }
	long := `"` + strings.Repeat("ü", 64) + `x"`
	cases := []struct{ name, value, code, attribute string }{
		{"empty", ``, CodeMalformedJSON, ""},
		{"space", `  `, CodeMalformedJSON, ""},
		{"cut off", `{"id":"1"`, CodeMalformedJSON, ""},
		{"two values", `{} {}`, CodeMalformedJSON, ""},
		{"trailing comma", `{"id":"1",}`, CodeMalformedJSON, ""},
		{"list", `[]`, CodeWrongKind, ""},
		{"string", `"x"`, CodeWrongKind, ""},
		{"null", `null`, CodeWrongKind, ""},
		{"not a number", of("extra", `NaN`), CodeMalformedJSON, "extra"},
		{"nan", of("extra", `nan`), CodeMalformedJSON, "extra"},
		{"infinity", of("extra", `-inf`), CodeMalformedJSON, "extra"},
		{"two minus", of("extra", `1-2`), CodeMalformedJSON, "extra"},
		{"leading zero", of("extra", `01`), CodeMalformedJSON, "extra"},
		{"no digits behind the point", of("extra", `1.`), CodeMalformedJSON, "extra"},
		{"no exponent", of("extra", `1e`), CodeMalformedJSON, "extra"},
		{"plus", of("extra", `+1`), CodeMalformedJSON, "extra"},
		{"raw control character", of("extra", "\"a\nb\""), CodeMalformedJSON, "extra"},
		{"unknown escape", of("extra", `"\x"`), CodeMalformedJSON, "extra"},
		{"short escape", of("extra", `"\u12"`), CodeMalformedJSON, "extra"},
		{"invalid UTF-8", of("extra", "\"a\xffb\""), CodeInvalidUTF8, "extra"},
		{"overlong UTF-8", of("extra", "\"\xc0\xaf\""), CodeInvalidUTF8, "extra"},
		{"nested invalid UTF-8", event(AgentStatus, `{"status":"busy","reason":{"name":"`+"\xed\xa0\x80"+`"}}`), CodeInvalidUTF8, "data.reason.name"},
		{"nested invalid UTF-8 in a list", event(AgentStatus, `{"status":"busy","x":[1,["`+"\xff"+`"]]}`), CodeInvalidUTF8, "data.x[1][0]"},
		{"lone high surrogate", of("extra", `"\ud800"`), CodeInvalidUTF8, "extra"},
		{"high surrogate and no low one", of("extra", `"\ud800\u0041"`), CodeInvalidUTF8, "extra"},
		{"lone low surrogate", event(AgentStatus, `{"status":"busy","description":"\udc00"}`), CodeInvalidUTF8, "data.description"},
		{"too deep", of("extra", strings.Repeat("[", 64)+strings.Repeat("]", 64)), CodeTooDeep, "extra[0][0][0][0][0][0][0]…"},
		{"too large", of("extra", `"`+strings.Repeat("x", 1<<20)+`"`), CodeTooLarge, ""},

		{"no specversion", of("specversion", ""), CodeMissingAttribute, "specversion"},
		{"no id", of("id", ""), CodeMissingAttribute, "id"},
		{"null id", of("id", "null"), CodeMissingAttribute, "id"},
		{"no source", of("source", ""), CodeMissingAttribute, "source"},
		{"no type", of("type", ""), CodeMissingAttribute, "type"},
		{"no subject", of("subject", ""), CodeMissingAttribute, "subject"},
		{"no time", of("time", ""), CodeMissingAttribute, "time"},
		{"no contactcenter", of("contactcenter", ""), CodeMissingAttribute, "contactcenter"},
		{"other specversion", of("specversion", `"0.3"`), CodeValueNotAllowed, "specversion"},
		{"number specversion", of("specversion", `1.0`), CodeWrongKind, "specversion"},
		{"id twice", `{"id":"1",` + of()[1:], CodeDuplicateAttribute, "id"},
		{"id twice, once null", `{"id":null,` + of()[1:], CodeDuplicateAttribute, "id"},
		{"data twice", `{"data":{},` + of()[1:], CodeDuplicateAttribute, "data"},
		{"bool id", of("id", "true"), CodeWrongKind, "id"},
		{"fraction id", of("id", "1.5"), CodeWrongKind, "id"},
		{"exponent id", of("id", "1e3"), CodeWrongKind, "id"},
		{"empty id", of("id", `""`), CodeEmptyValue, "id"},
		{"long id", of("id", long), CodeTooLong, "id"},
		{"long integer id", of("id", strings.Repeat("9", 129)), CodeTooLong, "id"},
		{"control character in id", of("id", `"a\u0000"`), CodeControlCharacter, "id"},
		{"delete in id", of("id", `"a\u007f"`), CodeControlCharacter, "id"},
		{"C1 control character in id", of("id", `"a\u0085"`), CodeControlCharacter, "id"},
		{"empty source", of("source", `""`), CodeEmptyValue, "source"},
		{"number source", of("source", `5`), CodeWrongKind, "source"},
		{"long source", of("source", `"`+strings.Repeat("x", 1025)+`"`), CodeTooLong, "source"},
		{"empty subject", of("subject", `""`), CodeEmptyValue, "subject"},
		{"object subject", of("subject", `{}`), CodeWrongKind, "subject"},
		{"long subject", of("subject", long), CodeTooLong, "subject"},
		{"empty contactcenter", of("contactcenter", `""`), CodeEmptyValue, "contactcenter"},
		{"long contactcenter", of("contactcenter", long), CodeTooLong, "contactcenter"},
		{"unknown type", of("type", `"cc.agent.nap"`), CodeUnknownType, "type"},
		{"capital type", of("type", `"CC.agent.status"`), CodeUnknownType, "type"},
		{"directory without kind", of("type", `"cc.directory"`), CodeUnknownType, "type"},
		{"directory of unknown kind", of("type", `"cc.directory.chair"`), CodeUnknownType, "type"},
		{"command", of("type", `"cc.command.end"`), CodeUnknownType, "type"},
		{"number type", of("type", `1`), CodeWrongKind, "type"},
		{"number time", of("time", `1772356527123`), CodeWrongKind, "time"},
		{"time without offset", of("time", `"2026-03-01T09:15:27"`), CodeMalformedTime, "time"},
		{"time in 2200", of("time", `"2200-01-01T00:00:00Z"`), CodeTimeOutOfRange, "time"},
		{"time in 1969", of("time", `"1969-12-31T23:59:59.999Z"`), CodeTimeOutOfRange, "time"},
		{"bool sequence", of("sequence", `true`), CodeWrongKind, "sequence"},
		{"fraction sequence", of("sequence", `1.5`), CodeWrongKind, "sequence"},
		{"word sequence", of("sequence", `"x"`), CodeMalformedNumber, "sequence"},
		{"empty sequence", of("sequence", `""`), CodeMalformedNumber, "sequence"},
		{"plus sequence", of("sequence", `"+1"`), CodeMalformedNumber, "sequence"},
		{"large sequence", of("sequence", `9223372036854775808`), CodeNumberOutOfRange, "sequence"},
		{"small sequence", of("sequence", `"-9223372036854775809"`), CodeNumberOutOfRange, "sequence"},

		{"no data", event(AgentStatus, ``), CodeMissingAttribute, "data"},
		{"null data", event(AgentStatus, `null`), CodeMissingAttribute, "data"},
		{"string data", event(AgentStatus, `"{}"`), CodeWrongKind, "data"},
		{"list data", event(AgentLogin, `[]`), CodeWrongKind, "data"},
		{"no directory data", event(EventDirectory, ``, "type", `"cc.directory.queue"`), CodeMissingAttribute, "data"},
		{"no status", event(AgentStatus, `{}`), CodeMissingAttribute, "data.status"},
		{"null status", event(AgentStatus, `{"status":null}`), CodeMissingAttribute, "data.status"},
		{"unknown status", event(AgentStatus, `{"status":"asleep"}`), CodeValueNotAllowed, "data.status"},
		{"number status", event(AgentStatus, `{"status":1}`), CodeWrongKind, "data.status"},
		{"status twice", event(AgentStatus, `{"status":"busy","status":"busy"}`), CodeDuplicateAttribute, "data.status"},
		{"status twice, escaped", event(AgentStatus, `{"status":"busy","\u0073tatus":"busy"}`), CodeDuplicateAttribute, "data.status"},
		{"text reason", event(AgentStatus, `{"status":"busy","reason":"x"}`), CodeWrongKind, "data.reason"},
		{"empty reason id", event(AgentStatus, `{"status":"busy","reason":{"id":""}}`), CodeEmptyValue, "data.reason.id"},
		{"number reason name", event(AgentStatus, `{"status":"busy","reason":{"name":1}}`), CodeWrongKind, "data.reason.name"},
		{"reason id twice", event(AgentStatus, `{"status":"busy","reason":{"id":1,"id":2}}`), CodeDuplicateAttribute, "data.reason.id"},
		{"number description", event(AgentStatus, `{"status":"busy","description":1}`), CodeWrongKind, "data.description"},
		{"bool session", event(AgentLogin, `{"session_id":true}`), CodeWrongKind, "data.session_id"},
		{"text device", event(AgentLogin, `{"device":"x"}`), CodeWrongKind, "data.device"},
		{"number device type", event(AgentLogin, `{"device":{"type":1}}`), CodeWrongKind, "data.device.type"},
		{"number contact uri", event(AgentLogin, `{"device":{"contact_uri":1}}`), CodeWrongKind, "data.device.contact_uri"},
		{"number extension", event(AgentLogin, `{"extension":1}`), CodeWrongKind, "data.extension"},
		{"number user type", event(AgentLogin, `{"user_type":1}`), CodeWrongKind, "data.user_type"},
		{"number capacity", event(AgentLogin, `{"capacity":1}`), CodeWrongKind, "data.capacity"},
		{"text capacity of chat", event(AgentLogin, `{"capacity":{"chat":"1"}}`), CodeWrongKind, "data.capacity.chat"},
		{"negative capacity", event(AgentLogin, `{"capacity":{"voice":-1}}`), CodeNumberOutOfRange, "data.capacity.voice"},
		{"huge capacity", event(AgentLogin, `{"capacity":{"task":65536}}`), CodeNumberOutOfRange, "data.capacity.task"},
		{"number logout reason", event(AgentLogout, `{"reason":1}`), CodeWrongKind, "data.reason"},
		{"no suspended", event(AgentSuspended, `{}`), CodeMissingAttribute, "data.suspended"},
		{"text suspended", event(AgentSuspended, `{"suspended":"true"}`), CodeWrongKind, "data.suspended"},
		{"text queue_ids", event(AgentAssignment, `{"queue_ids":"1"}`), CodeWrongKind, "data.queue_ids"},
		{"bool in queue_ids", event(AgentAssignment, `{"queue_ids":["1",2,true]}`), CodeWrongKind, "data.queue_ids[2]"},
		{"null in skills", event(AgentAssignment, `{"skills":[null]}`), CodeWrongKind, "data.skills[0]"},
		{"empty campaign id", event(AgentAssignment, `{"campaign_ids":["x",""]}`), CodeEmptyValue, "data.campaign_ids[1]"},
		{"empty queue in use", event(AgentAssignment, `{"queue_id":""}`), CodeEmptyValue, "data.queue_id"},

		{"no channel", event(InteractionCreated, `{"direction":"inbound"}`), CodeMissingAttribute, "data.channel"},
		{"no direction", event(InteractionCreated, `{"channel":"voice"}`), CodeMissingAttribute, "data.direction"},
		{"unknown channel", event(InteractionCreated, `{"channel":"fax","direction":"inbound"}`), CodeValueNotAllowed, "data.channel"},
		{"unknown direction", event(InteractionCreated, `{"channel":"voice","direction":"up"}`), CodeValueNotAllowed, "data.direction"},
		{"unknown kind", event(InteractionCreated, `{"channel":"voice","direction":"inbound","kind":"x"}`), CodeValueNotAllowed, "data.kind"},
		{"number 0", event(InteractionCreated, `{"channel":"voice","direction":"inbound","number":0}`), CodeNumberOutOfRange, "data.number"},
		{"number 2³¹", event(InteractionCreated, `{"channel":"voice","direction":"inbound","number":2147483648}`), CodeNumberOutOfRange, "data.number"},
		{"word number", event(InteractionCreated, `{"channel":"voice","direction":"inbound","number":"x"}`), CodeMalformedNumber, "data.number"},
		{"fraction number", event(InteractionCreated, `{"channel":"voice","direction":"inbound","number":1.5}`), CodeWrongKind, "data.number"},
		{"text customer", event(InteractionCreated, `{"channel":"voice","direction":"inbound","customer":"x"}`), CodeWrongKind, "data.customer"},
		{"number phone", event(InteractionUpdated, `{"customer":{"phone":1}}`), CodeWrongKind, "data.customer.phone"},
		{"long customer id", event(InteractionUpdated, `{"customer":{"id":`+long+`}}`), CodeTooLong, "data.customer.id"},
		{"list details", event(InteractionUpdated, `{"customer":{"details":[]}}`), CodeWrongKind, "data.customer.details"},
		{"text can_record", event(InteractionUpdated, `{"can_record":"no"}`), CodeWrongKind, "data.can_record"},
		{"no node", event(InteractionIVR, `{}`), CodeMissingAttribute, "data.node"},
		{"negative duration", event(InteractionIVR, `{"node":"x","duration_ms":-1}`), CodeNumberOutOfRange, "data.duration_ms"},
		{"fraction duration", event(InteractionIVR, `{"node":"x","duration_ms":1.5}`), CodeWrongKind, "data.duration_ms"},
		{"no prompt name", event(InteractionPrompt, `{"value":"x"}`), CodeMissingAttribute, "data.name"},
		{"no prompt value", event(InteractionPrompt, `{"name":"x"}`), CodeMissingAttribute, "data.value"},
		{"no queue", event(InteractionQueued, `{}`), CodeMissingAttribute, "data.queue_id"},
		{"text priority", event(InteractionQueued, `{"queue_id":"1","priority":"high"}`), CodeWrongKind, "data.priority"},
		{"huge priority", event(InteractionQueued, `{"queue_id":"1","priority":9223372036854775808}`), CodeNumberOutOfRange, "data.priority"},
		{"unknown role", event(InteractionOffered, `{"agent_id":"1","role":"boss"}`), CodeValueNotAllowed, "data.role"},
		{"no decline reason", event(InteractionDeclined, `{"agent_id":"1"}`), CodeMissingAttribute, "data.reason"},
		{"unknown decline reason", event(InteractionDeclined, `{"agent_id":"1","reason":"tired"}`), CodeValueNotAllowed, "data.reason"},
		{"no from_agent_id", event(InteractionTransferred, `{"mode":"warm"}`), CodeMissingAttribute, "data.from_agent_id"},
		{"no mode", event(InteractionTransferred, `{"from_agent_id":"1"}`), CodeMissingAttribute, "data.mode"},
		{"unknown mode", event(InteractionTransferred, `{"from_agent_id":"1","mode":"hot"}`), CodeValueNotAllowed, "data.mode"},
		{"no from", event(InteractionMessage, `{"to":"b","text":"c","from_agent":true}`), CodeMissingAttribute, "data.from"},
		{"no to", event(InteractionMessage, `{"from":"a","text":"c","from_agent":true}`), CodeMissingAttribute, "data.to"},
		{"no text", event(InteractionMessage, `{"from":"a","to":"b","from_agent":true}`), CodeMissingAttribute, "data.text"},
		{"no from_agent", event(InteractionMessage, `{"from":"a","to":"b","text":"c"}`), CodeMissingAttribute, "data.from_agent"},
		{"no active", event(InteractionRecording, `{}`), CodeMissingAttribute, "data.active"},
		{"number allowed", event(InteractionRecording, `{"active":true,"allowed":1}`), CodeWrongKind, "data.allowed"},
		{"no note", event(InteractionNote, `{}`), CodeMissingAttribute, "data.note"},
		{"no disposition", event(InteractionDisposition, `{}`), CodeMissingAttribute, "data.disposition_id"},
		{"no item name", event(InteractionExtraItem, `{"value":"x"}`), CodeMissingAttribute, "data.name"},
		{"no item value", event(InteractionExtraItem, `{"name":"x"}`), CodeMissingAttribute, "data.value"},
		{"text searchable", event(InteractionExtraItem, `{"name":"x","value":"y","searchable":"yes"}`), CodeWrongKind, "data.searchable"},
		{"no end reason", event(InteractionEnded, `{}`), CodeMissingAttribute, "data.reason"},
		{"expired", event(InteractionEnded, `{"reason":"expired"}`), CodeValueNotAllowed, "data.reason"},
		{"unknown by", event(InteractionEnded, `{"reason":"completed","by":"cat"}`), CodeValueNotAllowed, "data.by"},
		{"cause of customers", event(InteractionEnded, `{"reason":"failed","cause":"customer_abandoned"}`), CodeValueNotAllowed, "data.cause"},
	}
	for _, agents := range []EventType{InteractionOffered, InteractionConnected, InteractionHeld, InteractionResumed, InteractionParked,
		InteractionUnparked, InteractionLeft, InteractionWrapStarted, InteractionWrapEnded} {
		cases = append(cases, struct{ name, value, code, attribute string }{"no agent in " + agents.String(), event(agents, `{}`),
			CodeMissingAttribute, "data.agent_id"})
	}
	var d Decoder
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var ev Event
			err := d.DecodeStructured([]byte(c.value), &ev)
			var v *Violation
			require.ErrorAs(t, err, &v)
			require.Equal(t, c.code, v.Code, v)
			require.Equal(t, c.attribute, v.Attribute, v)
			require.NotEmpty(t, v.Detail)
			require.Less(t, len(v.Detail), 400)
			require.True(t, json.Valid(AppendString(nil, v.Error())))

			require.NoError(t, d.DecodeStructured([]byte(typical), &ev), "the decoder serves on after a violation")
		})
	}
}

func TestDecode_EveryPayload(t *testing.T) {
	cases := []struct {
		t    EventType
		data string
		want Event
	}{
		{AgentLogin, ``, Event{}},
		{AgentLogin, `{"session_id":77,"device":{"type":"sip","contact_uri":"sip:a@b"},"extension":"12","user_type":"agent",` +
			`"capacity":{"voice":1,"chat":4,"video":9,"other":"x","task":65535}}`,
			Event{SessionID: "77", DeviceType: "sip", DeviceURI: "sip:a@b", Extension: "12", UserType: "agent", Has: HasCapacity,
				Capacity: [NumChannels]uint16{ChannelVoice: 1, ChannelChat: 4, ChannelTask: 65535}}},
		{AgentLogout, ``, Event{}},
		{AgentLogout, `{"reason":"shift end"}`, Event{ReasonName: "shift end"}},
		{AgentLogout, `{"reason":{"id":3,"name":"shift end"}}`, Event{ReasonID: "3", ReasonName: "shift end"}},
		{AgentStatus, `{"status":"break","reason":{"id":"r1","name":"Tee"},"description":"bis\u0020\"gleich\" \ud83d\ude00"}`,
			Event{Status: Break, ReasonID: "r1", ReasonName: "Tee", Description: "bis \"gleich\" 😀"}},
		{AgentStatus, `{"status":"rona","reason":null,"queue_ids":true,"suspended":[{}]}`, Event{Status: Rona}},
		{AgentSuspended, `{"suspended":true}`, Event{Suspended: true}},
		{AgentAssignment, ``, Event{}},
		{AgentAssignment, `{"queue_ids":[],"campaign_ids":["c",-0],"skills":[1,"ä"],"campaign_id":"c","queue_id":-7}`,
			Event{QueueIDs: []string{}, CampaignIDs: []string{"c", "0"}, Skills: []string{"1", "ä"}, CampaignID: "c", QueueID: "-7",
				Has: HasQueueIDs | HasCampaignIDs | HasSkills | HasCampaignID | HasQueueID}},
		{InteractionCreated, `{"channel":"email","direction":"internal"}`,
			Event{Channel: ChannelEmail, Direction: Internal, CanRecord: true}},
		{InteractionCreated, `{"channel":"voice","direction":"outbound","kind":"direct_outbound","number":2147483647,"call_id":1,"chat_id":"x",` +
			`"campaign_id":2,"call_flow_id":3,"agent_id":4,"customer": {"id" : 5, "details":{"a":[1, null]}, "x":"\u00e4"},"screen_pop_url":"","gruu":"g","can_record":false}`,
			Event{Channel: ChannelVoice, Direction: Outbound, Kind: KindDirectOutbound, Number: MaxNumber, CallID: "1", ChatID: "x",
				CampaignID: "2", CallFlowID: "3", AgentID: "4", Customer: []byte(`{"id":5,"details":{"a":[1,null]},"x":"\u00e4"}`), Gruu: "g",
				Has: HasNumber | HasCallID | HasChatID | HasCampaignID | HasCallFlowID | HasCustomer | HasScreenPopURL | HasGruu | HasCanRecord}},
		{InteractionCreated, `{"channel":"voice","direction":"inbound","number":"12"}`,
			Event{Channel: ChannelVoice, Direction: Inbound, Number: 12, CanRecord: true, Has: HasNumber}},
		{InteractionUpdated, ``, Event{}},
		{InteractionUpdated, `{"can_record":true,"channel":7}`, Event{CanRecord: true, Has: HasCanRecord}},
		{InteractionIVR, `{"node":"menu","result":"2","note":"","duration_ms":0}`, Event{Node: "menu", Result: "2", Has: HasDuration}},
		{InteractionPrompt, `{"name":"pin","value":""}`, Event{Name: "pin"}},
		{InteractionQueued, `{"queue_id":3,"priority":-9223372036854775808,"skills":["s"]}`,
			Event{QueueID: "3", Priority: -1 << 63, Skills: []string{"s"}, Has: HasQueueID | HasPriority | HasSkills}},
		{InteractionOffered, `{"agent_id":3}`, Event{AgentID: "3", Role: RoleAgent}},
		{InteractionConnected, `{"agent_id":3,"role":"consult","initiating_agent_id":4}`,
			Event{AgentID: "3", Role: RoleConsult, InitiatingAgentID: "4"}},
		{InteractionDeclined, `{"agent_id":3,"reason":"customer_abandoned"}`, Event{AgentID: "3", Decline: DeclineCustomerAbandoned}},
		{InteractionParked, `{"agent_id":"a"}`, Event{AgentID: "a"}},
		{InteractionTransferred, `{"from_agent_id":"a","to_agent_id":"b","to_queue_id":9,"mode":"blind"}`,
			Event{AgentID: "a", ToAgentID: "b", ToQueueID: "9", Mode: TransferBlind}},
		{InteractionMessage, `{"from":"a","to":"b","text":"x\ny","from_agent":true,"agent_id":"3"}`,
			Event{From: "a", To: "b", Text: "x\ny", FromAgent: true, AgentID: "3"}},
		{InteractionRecording, `{"active":true}`, Event{Active: true, Allowed: true}},
		{InteractionRecording, `{"active":false,"allowed":false,"agent_id":1}`, Event{AgentID: "1"}},
		{InteractionNote, `{"note":"n","agent_id":1}`, Event{Note: "n", AgentID: "1"}},
		{InteractionDisposition, `{"disposition_id":1,"sub_disposition_id":"b"}`, Event{DispositionID: "1", SubDispositionID: "b"}},
		{InteractionExtraItem, `{"id":1,"name":"n","value":"v","searchable":false}`,
			Event{ItemID: "1", Name: "n", Value: "v", Has: HasSearchable}},
		{InteractionEnded, `{"reason":"failed","by":"system","cause":"busy"}`, Event{End: EndFailed, By: BySystem, Cause: DeclineBusy}},
	}
	var d Decoder
	for _, c := range cases {
		t.Run(c.t.String()+c.data, func(t *testing.T) {
			want := c.want
			want.ID, want.Source, want.Subject, want.ContactCenter = "e1", "/acd", "s1", "6"
			want.Type, want.Time = c.t, 1772356527123
			if c.data != "" {
				want.Data = []byte(c.data)
			}
			var got Event
			require.NoError(t, d.DecodeStructured([]byte(event(c.t, c.data)), &got))
			require.Equal(t, want, got)

			headers := []Header{{"ce_specversion", []byte("1.0")}, {"ce_id", []byte("e1")}, {"ce_source", []byte("/acd")},
				{"ce_type", []byte(c.t.String())}, {"ce_subject", []byte("s1")}, {"ce_time", []byte("2026-03-01T09:15:27.123Z")},
				{"ce_contactcenter", []byte("6")}, {"ce_other", []byte("\xff")}, {"traceparent", nil}}
			require.NoError(t, d.Decode(&Record{Headers: headers, Value: []byte(c.data)}, &got))
			require.Equal(t, want, got, "both content modes are one event")
		})
	}
}

func TestDecode_IntegerIDsAreTheirText(t *testing.T) {
	var d Decoder
	var ev Event
	value := event(AgentLogin, ``, "id", "12", "subject", "9007199254740993", "contactcenter", "6", "sequence", "-9223372036854775808")
	require.NoError(t, d.DecodeStructured([]byte(value), &ev))
	require.Equal(t, []string{"12", "9007199254740993", "6"}, []string{ev.ID, ev.Subject, ev.ContactCenter})
	require.Equal(t, int64(-1<<63), ev.Sequence)
	require.True(t, ev.HasSequence)

	require.NoError(t, d.DecodeStructured([]byte(event(AgentLogin, ``, "sequence", `"009223372036854775807"`)), &ev))
	require.Equal(t, int64(1<<63-1), ev.Sequence)
}

func TestDecode_EdgesOfIDs(t *testing.T) {
	var d Decoder
	var ev Event
	for _, id := range []string{strings.Repeat("x", 128), strings.Repeat("ü", 64), " ", "a/b c%", "\u00a0", "日本"} {
		require.NoError(t, d.DecodeStructured([]byte(event(AgentLogin, ``, "id", string(AppendString(nil, id)))), &ev))
		require.Equal(t, id, ev.ID)
	}
}

func TestDecode_DataIsFoundWhereverItStands(t *testing.T) {
	var d Decoder
	for _, value := range []string{
		`{"data": {"status" : "busy","data":[{"data":1}]} ,` + event(AgentStatus, ``)[1:],
		strings.TrimSuffix(event(AgentStatus, ``), "}") + `, "x":{"data":5}, "\u0064at\u0061" :` + "\n" + `{"status" : "busy","data":[{"data":1}]}}`,
	} {
		var ev Event
		require.NoError(t, d.DecodeStructured([]byte(value), &ev))
		require.Equal(t, `{"status" : "busy","data":[{"data":1}]}`, string(ev.Data))
		require.Equal(t, Busy, ev.Status)
	}
}

func TestDecodeBinary_HeadersAreJudged(t *testing.T) {
	replace := func(key string, value []byte) *Record {
		rec := typicalBinary()
		for i := range rec.Headers {
			if rec.Headers[i].Key == key {
				rec.Headers[i].Value = value
				return rec
			}
		}
		rec.Headers = append(rec.Headers, Header{key, value})
		return rec
	}
	twice := typicalBinary()
	twice.Headers = append(twice.Headers, Header{"ce_id", []byte("x")})
	list := typicalBinary()
	list.Value = []byte(`[]`)
	broken := typicalBinary()
	broken.Value = []byte(`{"agent_id":"\q"}`)
	null := typicalBinary()
	null.Value = nil
	cases := []struct {
		name            string
		rec             *Record
		code, attribute string
	}{
		{"no id", replace("ce_id", nil), CodeMissingAttribute, "id"},
		{"empty id", replace("ce_id", []byte{}), CodeEmptyValue, "id"},
		{"id of no text", replace("ce_id", []byte{0xff}), CodeInvalidUTF8, "id"},
		{"control character", replace("ce_subject", []byte("a\x01")), CodeControlCharacter, "subject"},
		{"long id", replace("ce_id", []byte(strings.Repeat("x", 129))), CodeTooLong, "id"},
		{"no specversion", replace("ce_specversion", nil), CodeMissingAttribute, "specversion"},
		{"no type", replace("ce_type", nil), CodeMissingAttribute, "type"},
		{"time", replace("ce_time", []byte("today")), CodeMalformedTime, "time"},
		{"sequence", replace("ce_sequence", []byte("")), CodeMalformedNumber, "sequence"},
		{"header twice", twice, CodeDuplicateAttribute, "id"},
		{"huge header", replace("ce_other", make([]byte, 1<<20)), CodeTooLarge, ""},
		{"data no object", list, CodeWrongKind, "data"},
		{"broken data", broken, CodeMalformedJSON, "data.agent_id"},
		{"null value", null, CodeMissingAttribute, "data"},
	}
	var d Decoder
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var ev Event
			var v *Violation
			require.ErrorAs(t, d.Decode(c.rec, &ev), &v)
			require.Equal(t, c.code, v.Code, v)
			require.Equal(t, c.attribute, v.Attribute, v)
		})
	}
}

func TestContentMode(t *testing.T) {
	cases := []struct {
		name    string
		headers []Header
		binary  bool
	}{
		{"no headers", nil, false},
		{"specversion", []Header{{"ce_specversion", nil}}, true},
		{"type beside structured content-type", []Header{{"content-type", []byte("application/cloudevents+json")}, {"ce_type", nil}}, true},
		{"other attribute beside structured content-type", []Header{{"ce_id", nil}, {"Content-Type", []byte("Application/CloudEvents+JSON; charset=utf-8")}}, false},
		{"other attribute and JSON", []Header{{"ce_id", nil}, {"content-type", []byte("application/json")}}, true},
		{"other attribute alone", []Header{{"ce_id", nil}}, true},
		{"foreign headers", []Header{{"x", nil}, {"content-type", []byte("application/json")}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.binary, BinaryMode(c.headers)) })
	}
}

func TestDecode_LimitsAreConfigurable(t *testing.T) {
	var ev Event
	var v *Violation
	small := Decoder{MaxBytes: len(typical) - 1}
	require.ErrorAs(t, small.DecodeStructured([]byte(typical), &ev), &v)
	require.Equal(t, CodeTooLarge, v.Code)
	small.MaxBytes++
	require.NoError(t, small.DecodeStructured([]byte(typical), &ev))

	flat := Decoder{MaxDepth: 1}
	require.ErrorAs(t, flat.DecodeStructured([]byte(typical), &ev), &v)
	require.Equal(t, CodeTooDeep, v.Code)
	flat.MaxDepth++
	require.NoError(t, flat.DecodeStructured([]byte(typical), &ev))
}

func TestDecode_DoesNotReferToTheRecord(t *testing.T) {
	for _, rec := range []*Record{{Value: []byte(typical)}, typicalBinary()} {
		var d Decoder
		var ev Event
		require.NoError(t, d.Decode(rec, &ev))
		before := ev.Clone()
		clear(rec.Value)
		for i := range rec.Headers {
			clear(rec.Headers[i].Value)
		}
		require.Equal(t, before, ev.Clone())
	}
}

func TestDecode_LargeRecordsAreNotKept(t *testing.T) {
	var d Decoder
	var ev Event
	require.NoError(t, d.DecodeStructured([]byte(event(AgentLogin, `{"x":["`+strings.Repeat("x", keepBytes)+`"]}`)), &ev))
	require.NoError(t, d.DecodeStructured([]byte(typical), &ev))
	require.Less(t, cap(d.data), keepBytes)
}

func TestDecode_OrdinaryEventsAllocateNothing(t *testing.T) {
	assignment := event(AgentAssignment, `{"queue_ids":["1",2,3],"skills":["a\u0041"]}`, "sequence", "5")
	for name, rec := range map[string]*Record{"structured": {Value: []byte(typical)}, "binary": typicalBinary(),
		"lists": {Value: []byte(assignment)}} {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var ev Event
			require.Zero(t, testing.AllocsPerRun(100, func() {
				if err := d.Decode(rec, &ev); err != nil {
					t.Fatal(err)
				}
				EventHash(&ev)
			}))
		})
	}
}

func TestDecodeDirectoryRecord(t *testing.T) {
	var d Decoder
	var ev Event
	queue := event(EventDirectory, `{"name":"Q"}`, "type", `"cc.directory.queue"`)
	require.NoError(t, d.DecodeDirectoryRecord(&Record{Key: []byte("6/queue/s1"), Value: []byte(queue)}, &ev))
	require.Equal(t, EventDirectory, ev.Type)
	require.Equal(t, "queue", ev.DirectoryKind)
	require.Equal(t, `{"name":"Q"}`, string(ev.Data))
	require.False(t, ev.Deleted)

	key := DirectoryKey("6/x", "call_flow", "ä b%")
	require.Equal(t, "6%2Fx/call_flow/%C3%A4%20b%25", key)
	require.NoError(t, d.DecodeDirectoryRecord(&Record{Key: []byte(key), Timestamp: 99}, &ev))
	require.Equal(t, Event{Type: EventDirectory, DirectoryKind: "call_flow", ContactCenter: "6/x", Subject: "ä b%", Deleted: true, Time: 99}, ev)

	cases := []struct{ name, key, code string }{
		{"no key", "", CodeMalformedKey},
		{"two parts", "6/queue", CodeMalformedKey},
		{"four parts", "6/queue/1/2", CodeMalformedKey},
		{"half an escape", "6/queue/%2", CodeMalformedKey},
		{"wrong escape", "6/queue/%zz", CodeMalformedKey},
		{"very long", "6/queue/" + strings.Repeat("x", 2000), CodeMalformedKey},
		{"unknown kind", "6/chair/1", CodeUnknownType},
		{"empty id", "6/queue/", CodeEmptyValue},
		{"empty contact centre", "/queue/1", CodeEmptyValue},
		{"no text", "6/queue/%FF", CodeInvalidUTF8},
		{"control character", "6/queue/%00", CodeControlCharacter},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var v *Violation
			require.ErrorAs(t, d.DecodeDirectoryRecord(&Record{Key: []byte(c.key)}, &ev), &v)
			require.Equal(t, c.code, v.Code)
		})
	}
	var v *Violation
	require.ErrorAs(t, d.DecodeDirectoryRecord(&Record{Value: []byte(typical)}, &ev), &v)
	require.Equal(t, CodeUnknownType, v.Code, "agent and interaction events do not belong into the directory's topic")
}

func TestCheckTime(t *testing.T) {
	ev := &Event{Time: 300_001}
	var v *Violation
	require.ErrorAs(t, CheckTime(ev, 300_000), &v)
	require.Equal(t, CodeTimeAhead, v.Code)
	ev.Time--
	require.NoError(t, CheckTime(ev, 300_000))
}
