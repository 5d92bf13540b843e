package surfaces_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query/history"
	"floorwalker/schema"
)

// pastSessions is a history of interactions in memory, as ClickHouse would answer.
type pastSessions struct {
	*past
	rows []*schema.LiveInteraction
	said []history.Said // of every interaction
	lost error          // what asking for these comes to
}

func (p *pastSessions) Said(_ context.Context, _, _ string, from, to int64) (out []history.Said, _ error) {
	for _, e := range p.said {
		if e.Time >= from && e.Time <= to {
			out = append(out, e)
		}
	}
	return out, p.lost
}

func (p *pastSessions) Interaction(_ context.Context, _, id string) (*schema.LiveInteraction, bool, error) {
	for _, row := range p.rows {
		if row.ID == id {
			return row, true, nil
		}
	}
	return nil, false, nil
}

func (p *pastSessions) Annotations(context.Context, string, history.InteractionKey) ([]schema.Annotation, error) {
	return nil, nil
}

func (p *pastSessions) InteractionKeys(_ context.Context, f history.InteractionFilter, sort []history.InteractionOrder, offset, limit int) (out []history.InteractionKey, _ error) {
	rows := slices.Clone(p.rows)
	slices.SortStableFunc(rows, func(a, b *schema.LiveInteraction) int {
		if len(sort) > 0 && sort[0].Desc {
			return cmp.Compare(b.Start, a.Start)
		}
		return cmp.Compare(a.Start, b.Start)
	})
	for _, row := range rows {
		if row.Start >= f.From && row.Start < f.To && len(out) < limit && offset == 0 {
			out = append(out, history.InteractionKey{ID: row.ID, Start: row.Start, Ended: row.Ended})
		}
	}
	return out, nil
}

func (p *pastSessions) Interactions(_ context.Context, _ string, keys []history.InteractionKey) (out []*schema.LiveInteraction, _ error) {
	for _, key := range keys {
		for _, row := range p.rows {
			if row.ID == key.ID {
				out = append(out, row)
			}
		}
	}
	return out, nil
}

// jonah has the sessions of the specification's samples: an instant message in conversation, and another after it.
func jonah(t *testing.T, changes ...change) *world {
	w := supervised(t, "2016-08-31T17:50:00Z", changes...)
	w.say("queue", "jq", `{"number":3,"name":"Jonah Queue","team_ids":["one"],"business_unit_id":"unit"}`)
	w.say("queue", "dq", `{"number":2,"name":"Dan Queue","team_ids":["one"]}`)
	w.say("call_flow", "intro", `{"number":1,"name":"Intro Call Flow"}`)
	w.agent("jonah", "Jonah", `{"number":16,"login":"jonah","sip":"sip:jonah@x","team_id":"one"}`)
	w.event("2016-08-31T17:00:00Z", "agent.login", "jonah", `{"capacity":{"chat":3}}`)
	for _, s := range []struct{ id, queue, customer, phone string }{{"66033", "jq", "DG", "sip:dg@claritycon.com"}, {"66045", "dq", "Jonah Ruffer", "sip:dq@claritycon.com"}} {
		w.event("2016-08-31T17:40:38.510Z", "interaction.created", s.id, `{"channel":"chat","direction":"inbound","call_flow_id":"intro","customer":{"name":"`+s.customer+`","phone":"`+s.phone+`"}}`)
		w.event("2016-08-31T17:40:40Z", "interaction.queued", s.id, `{"queue_id":"`+s.queue+`"}`)
		w.event("2016-08-31T17:40:44Z", "interaction.offered", s.id, `{"agent_id":"jonah"}`)
		w.event("2016-08-31T17:40:45.900Z", "interaction.connected", s.id, `{"agent_id":"jonah"}`)
		w.event("2016-08-31T17:41:16.967Z", "interaction.recording", s.id, `{"active":true}`)
	}
	w.event("2016-08-31T17:45:00Z", "interaction.wrap_started", "66045", `{"agent_id":"jonah"}`)
	w.settle()
	return w
}

func TestClarity_SessionsByAgentSample(t *testing.T) {
	w := jonah(t)
	item := func(id, queueID, queue, customer, phone, status string) string {
		return `{"queueName": "` + queue + `", "agentName": "Jonah", "customerPhone": "` + phone + `", "modality": "InstantMessage", "sessionId": ` + id + `, "sessionType": "Queued", "queueId": ` + queueID + `,
			"customerName": "` + customer + `", "agentId": 16, "isRecording": true, "canBeRecorded": true, "isSilentJoined": false, "isWhisperJoined": false, "sessionStatus": "` + status + `",
			"queuedMs": 0, "activeMs": "…", "canBeSilentJoined": true, "canBeWhisperJoined": true, "modalityId": 1, "isOnHold": false, "recordingStartTime": "2016-08-31T17:41:16.967Z",
			"answeredTimeStamp": "2016-08-31T17:40:45.9Z", "sessionHasEnded": false, "startTimeStamp": "2016-08-31T17:40:38.51Z", "callFlowName": "Intro Call Flow",
			"callFlowId": 1, "activeTimeStamp": "2016-08-31T17:40:45.9Z", "sessionDurationMs": 561490}`
	}
	for _, path := range []string{"/v2/sessions?agentId=16&activeOnly=true", "/v2/sessions?agentid=jonah", "/v2/Sessions?agentId=16"} {
		a := w.clarity("lead", "GET", path, "")
		if path == "/v2/Sessions?agentId=16" {
			require.Equal(t, 404, a.StatusCode, "paths answer as they are written and in lower case")
			continue
		}
		requireSample(t, `{"items": [`+item("66033", "3", "Jonah Queue", "DG", "sip:dg@claritycon.com", "ActiveImOnly")+`,`+
			item("66045", "2", "Dan Queue", "Jonah Ruffer", "sip:dq@claritycon.com", "AfterCall")+`], "count": 2}`, a.body)
	}
	requireSample(t, `{"items": [], "count": 0}`, w.clarity("lead", "GET", "/v2/sessions?agentId=5", "").body)
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions?agentId=16&activeOnly=false", ""), 400)
	for _, query := range []string{"", "?agentId=102", "?agentId=999", "?activeOnly=true"} {
		requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions"+query, ""), 401)
	}
}

// abandoned has the session of the sample of Session by ID and one past session of the same customer.
func abandoned(t *testing.T) *world {
	w, _ := abandonedWithPast(t)
	return w
}

func abandonedWithPast(t *testing.T) (*world, *pastSessions) {
	stored := &pastSessions{past: newPast(t)}
	w := supervised(t, "2016-12-21T10:00:00Z", func(s *setup) { s.clarity.History = stored })
	w.say("queue", "jq", `{"number":3,"name":"Jonah Queue","team_ids":["one"],"business_unit_id":"unit"}`)
	w.say("call_flow", "starter", `{"number":1,"name":"Starter Quick Ivr"}`)
	w.say("disposition", "acc", `{"number":4,"name":"Accounts","business_unit_id":"unit","sub_dispositions":[{"id":"pw","number":8,"name":"Pasword Change"}]}`)
	w.say("extra_item", "sub", `{"number":12,"name":"Subject","searchable":true}`)
	w.agent("jonah", "Jonah", `{"number":16,"login":"jonah","sip":"sip:jonah@x","team_id":"one"}`)
	customer := `"customer":{"id":"Jonah Ruffer","name":"Jonah Ruffer","phone":"sip:jruffer@claritycon.com"}`
	at := func(s string) int64 { return w.moment(s) }
	for n, begun := range []string{"2016-12-20T21:59:26.107Z", "2016-10-01T10:00:00Z", "2016-09-01T10:00:00Z", "2016-08-01T10:00:00Z"} {
		var c struct{ Customer json.RawMessage }
		require.NoError(t, json.Unmarshal([]byte("{"+customer+"}"), &c))
		stored.rows = append(stored.rows, &schema.LiveInteraction{Interaction: schema.Interaction{ID: fmt.Sprint(78580 - n), Start: at(begun), Ended: at(begun) + 60_000, State: schema.StateEnded,
			Channel: schema.ChannelChat, Kind: schema.KindQueued, FirstQueue: "jq", Queue: "jq", FirstAgent: "jonah", PrimaryAgent: "jonah", CallFlow: "starter", CanRecord: true,
			Queued: schema.NoTime, Connected: schema.NoTime, Customer: c.Customer}, HoldSince: schema.NoTime, RecordAllowed: true})
	}
	w.event("2016-12-21T09:06:03.803Z", "interaction.created", "78520", `{"channel":"voice","direction":"inbound","call_flow_id":"starter",`+customer+`}`)
	w.event("2016-12-21T09:06:04Z", "interaction.prompt", "78520", `{"name":"CustomerName","value":"Welcome Jonah Ruffer to the Call Center!"}`)
	w.event("2016-12-21T09:06:05Z", "interaction.ivr", "78520", `{"node":"Jonah Empty Queue","note":"Set Queue to Jonah Queue.","duration_ms":0}`)
	w.event("2016-12-21T09:06:06Z", "interaction.extra_item", "78520", `{"name":"CallerPhoneNumber","value":"13128633465;EXT=3465"}`)
	w.event("2016-12-21T09:06:06Z", "interaction.extra_item", "78520", `{"name":"IsCallAfterHours","value":"False"}`)
	w.event("2016-12-21T09:06:15.013Z", "interaction.queued", "78520", `{"queue_id":"jq"}`)
	w.event("2016-12-21T09:06:24.883Z", "interaction.ended", "78520", `{"reason":"abandoned","by":"customer"}`)
	w.settle()
	return w, stored
}

// Facts do not tell who produced the events that changed a state; the raw events do.
func TestClarity_SessionEvents_UpdatedByTheirSource(t *testing.T) {
	w, stored := abandonedWithPast(t)
	said := func(when string, typ schema.EventType, source string) {
		stored.said = append(stored.said, history.Said{Time: w.moment(when), Type: typ, Source: source})
	}
	said("2016-12-21T09:06:03.803Z", schema.InteractionCreated, "APP-01")
	said("2016-12-21T09:06:15.013Z", schema.InteractionUpdated, "APP-03")
	said("2016-12-21T09:06:15.013Z", schema.InteractionQueued, "APP-02")
	said("2016-12-21T09:06:24.883Z", schema.InteractionEnded, "APP-01")
	shown := func() (out []string) {
		a := w.clarity("lead", "GET", "/v2/sessions/78520?includeSessionEventHistory=true", "")
		require.Equal(t, 200, a.StatusCode, a.body)
		for _, e := range at(t, a.json(t), "sessionEventHistory", "items").([]any) {
			out = append(out, fmt.Sprint(at(t, e, "eventText"), " ", at(t, e, "updatedBy")))
		}
		return out
	}
	require.Equal(t, []string{"Session created. APP-01", "Customer answered a prompt. /test", "Session went through the attendant (IVR). /test", "Extra item saved. /test",
		"Extra item saved. /test", "Session has been assigned to queue: Jonah Queue APP-02", "Customer hung up. APP-01", "Session status changed to Abandoned. APP-01"}, shown())
	stored.lost = errors.New("no history")
	require.Contains(t, shown(), "Session created. ", "a live session does without the history")
}

func TestClarity_SessionByIDSample(t *testing.T) {
	w := abandoned(t)
	const base = `"customerId": "Jonah Ruffer", "customerName": "Jonah Ruffer", "customerPhone": "sip:jruffer@claritycon.com", "sessionType": "Queued", "queueId": 3, "queueName": "Jonah Queue",
		"callFlowId": 1, "callFlowName": "Starter Quick Ivr"`
	flags := "?includeCustomerHistory=true&customerHistoryLimit=1"
	for _, name := range []string{"ImPrompts", "IvrData", "Dispositions", "CurrentTranscript", "ExtraItems", "SessionEventHistory", "AftercallOptions", "HoldTimerThreshold"} {
		flags += "&include" + name + "=true"
	}
	const model = `"activeMs": 0, "canBeRecorded": true, "canBeSilentJoined": true, "canBeWhisperJoined": true, "isOnHold": false, "isRecording": false, "isSilentJoined": false, "isWhisperJoined": false,
		"queuedMs": 0, "sessionHasEnded": true, "sessionStatus": "Abandoned", "agents": {"items": [], "count": 0}, "offers": {"items": [], "count": 0}, "agentName": "Unknown", "modality": "AudioVideo",
		"modalityId": 2, "sessionId": 78520, "startTimeStamp": "2016-12-21T09:06:03.803Z", "endTimeStamp": "2016-12-21T09:06:24.883Z", "sessionDurationMs": 21080, "sessionMessages": {"items": [], "count": 0}`
	a := w.clarity("lead", "GET", "/v2/sessions/78520"+flags, "")
	requireSample(t, `{"customerHistory": {"items": [{"agentId": 16, "agentName": "Jonah", "modality": "InstantMessage", "modalityId": 1, "sessionId": 78580, "startTimeStamp": "2016-12-20T21:59:26.107Z", `+base+`}], "count": 1},
		"aftercallOptions": {"isManualAfterCallEnabled": true, "afterCalltimeSeconds": 10, "id": 0}, "holdTimerThreshold": 10,
		"imPrompts": {"items": [{"promptName": "CustomerName", "promptValue": "Welcome Jonah Ruffer to the Call Center!", "type": "imPrompt", "id": 1}], "count": 1},
		"ivrData": {"items": [{"callFlowName": "Starter Quick Ivr", "ivrNodes": {"items": [{"nodeName": "Jonah Empty Queue", "nodeNote": "Set Queue to Jonah Queue.", "duration": 0, "type": "ivrNode", "id": 1}], "count": 1},
			"type": "ivrData", "id": 1}], "count": 1},
		"callDispositions": {"items": [{"dispositionId": 4, "disposition": "Accounts", "businessUnitId": 1, "subDispositions": {"items": [{"subDispositionId": 8, "subDisposition": "Pasword Change", "id": 8}], "count": 1},
			"type": "callDisposition", "id": 4}], "count": 1},
		"transcript": {"items": [], "count": 0},
		"extraItems": {"items": [{"extraItemId": -1, "key": "CallerPhoneNumber", "value": "13128633465;EXT=3465", "type": "extraItem", "id": 1, "isSearchable": false},
			{"extraItemId": -1, "key": "IsCallAfterHours", "value": "False", "type": "extraItem", "id": 2, "isSearchable": false}], "count": 2},
		"sessionEventHistory": {"items": [{"eventText": "Session created.", "lastUpdated": "2016-12-21T09:06:03.803Z", "updatedBy": "…", "id": 1}, "…"], "count": "…"}, `+model+`, `+base+`}`, a.body)
	var texts []string
	for _, e := range at(t, a.json(t), "sessionEventHistory", "items").([]any) {
		texts = append(texts, fmt.Sprint(at(t, e, "id"), " ", at(t, e, "eventText")))
	}
	require.Equal(t, []string{"1 Session created.", "2 Customer answered a prompt.", "3 Session went through the attendant (IVR).", "4 Extra item saved.", "5 Extra item saved.",
		"6 Session has been assigned to queue: Jonah Queue", "7 Customer hung up.", "8 Session status changed to Abandoned."}, texts)
	requireSample(t, `{`+model+`, `+base+`}`, w.clarity("lead", "GET", "/v2/sessions/78520", "").body)
	require.EqualValues(t, 3, at(t, w.clarity("lead", "GET", "/v2/sessions/78520?includeCustomerHistory=true", "").json(t), "customerHistory", "count"), "three unless a limit says otherwise")
	past := w.clarity("lead", "GET", "/v2/sessions/78580", "")
	require.Equal(t, "Completed", past.json(t)["sessionStatus"], past.body)
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions/1", ""), 500)
	requireClarityFailure(t, w.clarity("clerk", "GET", "/v2/sessions/78520", ""), 401)
	requireClarityFailure(t, w.clarity("clerk", "GET", "/v2/sessions/78580", ""), 401)
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions/78520?includeIvrData=perhaps", ""), 400)
}

func TestClarity_CustomerHistory(t *testing.T) {
	w := abandoned(t)
	ids := func(query string) (out []any) {
		a := w.clarity("lead", "GET", "/v2/sessions/customerHistory/78520"+query, "")
		require.Equal(t, 200, a.StatusCode, a.body)
		for _, i := range at(t, a.json(t), "items").([]any) {
			out = append(out, at(t, i, "sessionId"))
		}
		return out
	}
	requireSample(t, `{"items": [{"agentId": 16, "agentName": "Jonah", "customerId": "Jonah Ruffer", "customerName": "Jonah Ruffer", "customerPhone": "sip:jruffer@claritycon.com", "modality": "InstantMessage",
		"modalityId": 1, "sessionId": 78579, "sessionType": "Queued", "queueId": 3, "queueName": "Jonah Queue", "startTimeStamp": "2016-10-01T10:00:00Z", "callFlowId": 1, "callFlowName": "Starter Quick Ivr"}, "…"], "count": 2}`,
		w.clarity("lead", "GET", "/v2/sessions/customerHistory/78520?start=2016-8-15%205:30:00.13&end=2016-11-15", "").body)
	for query, want := range map[string][]any{
		"": {78580.0, 78579.0, 78578.0, 78577.0}, "?start=2016-08-15": {78580.0, 78579.0, 78578.0}, "?end=2016-09-15T00:00:00Z": {78578.0, 78577.0},
		"?start=2016-08-15&limit=1": {78578.0}, "?end=2016-10-15&limit=2": {78579.0, 78578.0}, "?end=2016-12-31&limit=-1": {78580.0, 78579.0, 78578.0, 78577.0},
		"?end=2016-12-31&limit=51": {78580.0, 78579.0, 78578.0, 78577.0}, "?end=2016-12-31&limit=0": nil, "?end=2016-1-1": nil,
	} {
		require.Equal(t, want, ids(query), query)
	}
	for _, query := range []string{"?limit=10", "?start=2016-6-15&end=2016-10-15&limit=10", "?start=yesterday", "?start=2016-10-15&end=2016-6-15", "?start=2016-6-15&limit=x"} {
		requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions/customerHistory/78520"+query, ""), 400)
	}
	requireClarityFailure(t, w.clarity("clerk", "GET", "/v2/sessions/customerHistory/78520", ""), 401)
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions/customerHistory/1", ""), 500)
}

func TestClarity_TranscriptAndGruu(t *testing.T) {
	w := jonah(t)
	for i := range 5 {
		w.event(fmt.Sprintf("2016-08-31T17:42:0%d.893Z", i), "interaction.message", "66033", fmt.Sprintf(`{"from":"Commander William T. Riker","to":"Jonah","text":"%d","from_agent":%t}`, i+1, i%2 == 1))
	}
	w.event("2016-08-31T17:43:00Z", "interaction.updated", "66033", `{"gruu":"sip:app-01@x;gruu;opaque=1"}`)
	w.settle()
	requireSample(t, `{"items": [{"timeStamp": "2016-08-31T17:42:00.893Z", "to": "Jonah", "from": "Commander William T. Riker", "message": "1", "fromAgent": false, "type": "imMessage", "id": 1}, "…"], "count": 5}`,
		w.clarity("lead", "GET", "/v2/sessions/66033/transcript", "").body)
	for query, want := range map[string]string{"": "12345", "?startTimestamp=2016-08-31T17:42:02Z": "345", "?startTimsetamp=2016-08-31T17:42:02Z": "345", "?endTimestamp=2016-8-31%2017:42:02.893": "123",
		"?startTimestamp=2016-08-31T17:42:01Z&endTimestamp=2016-08-31T17:42:03Z": "23", "?startTimestamp=2016-08-31T17:42:01Z&size=2": "23", "?endTimestamp=2016-08-31T17:43:00Z&size=2": "45",
		"?endTimestamp=2016-08-31T17:43:00Z&size=0": ""} {
		texts := ""
		a := w.clarity("lead", "GET", "/v2/sessions/66033/transcript"+query, "")
		require.Equal(t, 200, a.StatusCode, a.body)
		for _, m := range at(t, a.json(t), "items").([]any) {
			texts += at(t, m, "message").(string)
		}
		require.Equal(t, want, texts, query)
	}
	for _, query := range []string{"?size=1", "?startTimestamp=2016-08-31&endTimestamp=2016-09-01&size=1", "?startTimestamp=2016-08-31&size=x", "?startTimestamp=2016-08-31&size=-1", "?endTimestamp=soon"} {
		requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions/66033/transcript"+query, ""), 400)
	}
	requireText(t, `{"gruu":"sip:app-01@x;gruu;opaque=1"}`, w.clarity("lead", "GET", "/v2/sessions/66033/gruu", "").body)
	for _, path := range []string{"/transcript", "/gruu"} {
		requireClarityFailure(t, w.clarity("clerk", "GET", "/v2/sessions/66033"+path, ""), 401)
		requireClarityFailure(t, w.clarity("lead", "GET", "/v2/sessions/1"+path, ""), 500)
	}
	require.EqualValues(t, 5, at(t, w.clarity("lead", "GET", "/v2/sessions/66033?includeCurrentTranscript=true", "").json(t), "transcript", "count"))
}

// What was set is shown, whichever of the two verbs and forms it came in.
func TestClarity_WhatIsSetIsShown(t *testing.T) {
	w := jonah(t)
	w.say("disposition", "acc", `{"number":4,"name":"Accounts","sub_dispositions":[{"id":"pw","number":8,"name":"Password Change"}]}`)
	w.say("extra_item", "sub", `{"number":12,"name":"Subject","searchable":true}`)
	session := func() map[string]any {
		return w.clarity("lead", "GET", "/v2/sessions/66033?includeExtraItems=true", "").json(t)
	}
	for _, method := range []string{"GET", "POST"} {
		for _, c := range []struct {
			path, body string
			shown      func() any
			want       any
		}{
			{"/setextraitem", `{"extraItemId": 12, "extraItemName": "Subject", "extraItemValue": "` + method + `"}`, func() any { return at(t, session(), "extraItems", "items", 0, "value") }, method},
			{"/setextraitems", `{"extraItemId": 12, "extraItemValue": ""}`, func() any { return at(t, session(), "extraItems", "items", 0, "value") }, ""},
			{"/setextraitems", `{"extraItemId": 12, "extraItemValue": "x"}`, func() any { return at(t, session(), "extraItems", "items", 0) },
				map[string]any{"extraItemId": 12.0, "key": "Subject", "value": "x", "type": "extraItem", "id": 1.0, "isSearchable": true}},
			{"/setextraitems", `{"extraItemName": "Other", "extraItemValue": "y"}`, func() any { return at(t, session(), "extraItems", "items", 1, "extraItemId") }, -1.0},
			{"/setextraitems", `{"extraItemId": 99, "extraItemName": "Other", "extraItemValue": "z"}`, func() any { return at(t, session(), "extraItems", "items", 1, "value") }, "z"},
			{"/setcallnotes", `{"note": "test ` + method + `"}`, func() any { return session()["callNote"] }, "test " + method},
			{"/setdispositions", `{"dispositionId": 4}`, func() any { return session()["selectedCallDisposition"] }, map[string]any{"callDispositionId": 4.0, "name": "Accounts"}},
			{"/setdispositions", `{"dispositionId": 4, "subDispositionId": 8}`, func() any { return session()["selectedCallSubDisposition"] }, map[string]any{"callSubDispositionId": 8.0, "name": "Password Change"}},
			{"/setcallnotes?note=query", ``, func() any { return session()["callNote"] }, "query"},
		} {
			a := w.clarity("lead", method, "/v2/sessions/66033"+c.path, c.body)
			require.Equal(t, 204, a.StatusCode, "%s %s: %s", method, c.path, a.body)
			require.Empty(t, a.body)
			require.Equal(t, c.want, c.shown(), "%s %s %s", method, c.path, c.body)
		}
		for path, bodies := range map[string][]string{
			"/setextraitems":   {``, `null`, `{}`, `{"extraItemId":12}`, `{"extraItemValue":"x"}`, `{"extraItemId":null,"extraItemName":null,"extraItemValue":"x"}`, `{"extraItemId":99,"extraItemValue":"x"}`, `{"extraItemId":12,"extraItemValue":null}`},
			"/setcallnotes":    {``, `null`, `{}`, `[]`, `{"note":null}`},
			"/setdispositions": {``, `null`, `{}`, `{"dispositionId":99}`, `{"dispositionId":4,"subDispositionId":9}`},
		} {
			for _, body := range bodies {
				requireClarityFailure(t, w.clarity("lead", method, "/v2/sessions/66033"+path, body), 400)
			}
		}
	}
	// What is set holds, also where a producer's clock goes ahead of ours.
	w.event("2m", "interaction.note", "66033", `{"note":"from the future"}`)
	w.settle()
	require.Equal(t, 204, w.clarity("lead", "POST", "/v2/sessions/66033/setcallnotes", `{"note":"the last"}`).StatusCode)
	require.Equal(t, "the last", session()["callNote"])
	require.Equal(t, 405, w.clarity("lead", "HEAD", "/v2/sessions/66033/setcallnotes?note=unasked", "").StatusCode, "HEAD is safe")
	require.Equal(t, "the last", session()["callNote"])
	good := map[string]string{"setextraitems": `{"extraItemId":12,"extraItemValue":"x"}`, "setcallnotes": `{"note":"x"}`, "setdispositions": `{"dispositionId":4}`}
	for path, body := range good {
		requireClarityFailure(t, w.clarity("clerk", "POST", "/v2/sessions/66033/"+path, body), 401)
		requireClarityFailure(t, w.clarity("lead", "POST", "/v2/sessions/1/"+path, body), 500)
	}
}

func TestClarity_Recording(t *testing.T) {
	w := jonah(t)
	w.event("-1m", "interaction.created", "100", `{"channel":"voice","direction":"inbound"}`)
	w.event("-1m", "interaction.connected", "100", `{"agent_id":"ann"}`)
	w.settle()
	for _, action := range []string{"start", "stop"} {
		path := "/v2/sessions/callcontrol/" + action + "RecordingSessions/"
		requireSample(t, `{"items": [{"sessionId": 100, "isRecording": false, "canBeRecorded": true, "requestDenied": false, "requestFailed": false}], "count": 1}`, w.clarity("lead", "POST", path+"5", "").body)
		require.Equal(t, 200, w.clarity("lead", "POST", "/v2/sessions/callcontrol/"+action+"recordingsessions/5", "").StatusCode)
		requireSample(t, `{"items": [], "count": 0}`, w.clarity("lead", "POST", path+"15", "").body)
		requireClarityFailure(t, w.clarity("lead", "POST", path+"102", ""), 401)
		requireClarityFailure(t, w.clarity("admin", "POST", path+"5", ""), 401)
	}
	w.mu.Lock()
	require.Equal(t, "cc.command.recording", w.commands[0].Type)
	require.JSONEq(t, `{"active":true,"agent_id":"ann","requested_by":"lead"}`, string(w.commands[0].Data))
	require.JSONEq(t, `{"active":false,"agent_id":"ann","requested_by":"lead"}`, string(w.commands[len(w.commands)-1].Data))
	w.mu.Unlock()
	w.event("-30s", "interaction.recording", "100", `{"active":false,"allowed":false}`)
	w.settle()
	requireClarityFailure(t, w.clarity("lead", "POST", "/v2/sessions/callcontrol/startRecordingSessions/5", ""), 401)
	// Of several, those that are refused are named.
	w.event("-20s", "interaction.created", "101", `{"channel":"chat","direction":"inbound"}`)
	w.event("-20s", "interaction.connected", "101", `{"agent_id":"ann"}`)
	w.settle()
	var denied []any
	// In the form of the list of parameters, which has the agent in the query string.
	for _, i := range at(t, w.clarity("lead", "POST", "/v2/sessions/callcontrol/startRecordingSessions?agentId=5", "").json(t), "items").([]any) {
		denied = append(denied, at(t, i, "sessionId"), at(t, i, "requestDenied"))
	}
	require.Equal(t, []any{100.0, true, 101.0, false}, denied)
}

// A session says who takes part and who is being asked.
func TestClarity_AgentsAndOffers(t *testing.T) {
	w := jonah(t)
	w.event("-9m", "interaction.offered", "66033", `{"agent_id":"ann","role":"consult","initiating_agent_id":"jonah"}`)
	w.event("-8m", "interaction.offered", "66033", `{"agent_id":"lead","role":"silent_join"}`)
	w.event("-7m", "interaction.connected", "66033", `{"agent_id":"lead","role":"silent_join"}`)
	w.settle()
	s := w.clarity("lead", "GET", "/v2/sessions/66033", "").json(t)
	requireSample(t, `{"items": [
		{"agentId": 16, "agentName": "Jonah", "agentParticipationTypeId": 1, "agentParticipationType": "Agent", "agentParticipationStatusId": 3, "agentParticipationStatus": "Accepted",
			"allocatedTimeStamp": "2016-08-31T17:40:44Z", "offeredTimeStamp": "2016-08-31T17:40:44Z", "acceptedTimeStamp": "2016-08-31T17:40:45.9Z", "isPrimaryAgent": true,
			"primaryAgentStartTimeStamp": "2016-08-31T17:40:45.9Z", "initiatingAgentName": "None", "activeMs": 554100},
		{"agentId": 101, "agentName": "Lead", "agentParticipationTypeId": 8, "agentParticipationType": "SilentJoin", "agentParticipationStatusId": 3, "…": 0}], "count": 2}`, remarshal(t, s["agents"]))
	requireSample(t, `{"items": [{"agentId": 5, "agentName": "Ann", "agentParticipationTypeId": 4, "agentParticipationType": "Consult", "agentParticipationStatusId": 2, "agentParticipationStatus": "Offering",
		"allocatedTimeStamp": "2016-08-31T17:41:00Z", "offeredTimeStamp": "2016-08-31T17:41:00Z", "initiatingAgentId": 16, "initiatingAgentName": "Jonah"}], "count": 1}`, remarshal(t, s["offers"]))
	require.Equal(t, []any{true, false, false, false}, []any{s["isSilentJoined"], s["isWhisperJoined"], s["canBeSilentJoined"], s["canBeWhisperJoined"]})
}

// Session.AgentSession.StartTime for Emails (specification, Session Base).
func TestClarity_MessagesAreAnsweredWhenTheyAreAllocated(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.event("-1h", "agent.login", "ann", `{}`)
	w.event("-10m", "interaction.created", "100", `{"channel":"email","direction":"inbound"}`)
	w.event("-9m", "interaction.queued", "100", `{"queue_id":"robs"}`)
	w.event("-8m", "interaction.offered", "100", `{"agent_id":"ann"}`)
	w.event("-7m", "interaction.connected", "100", `{"agent_id":"ann"}`)
	w.settle()
	s := w.clarity("lead", "GET", "/v2/sessions/100", "").json(t)
	require.Equal(t, "2016-10-14T13:52:00Z", at(t, s, "agents", "items", 0, "allocatedTimeStamp"))
	require.Equal(t, "2016-10-14T13:52:00Z", s["answeredTimeStamp"])
}

func TestClarity_SessionIDIsANumberFirst(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.event("-1h", "agent.login", "ann", `{"capacity":{"chat":3}}`)
	w.event("-10m", "interaction.created", "12", `{"channel":"chat","direction":"inbound","number":900,"customer":{"name":"Wrong"}}`)
	w.event("-9m", "interaction.connected", "12", `{"agent_id":"ann"}`)
	w.event("-10m", "interaction.created", "abc", `{"channel":"chat","direction":"inbound","number":12,"customer":{"name":"Right"}}`)
	w.event("-9m", "interaction.connected", "abc", `{"agent_id":"ann"}`)
	w.settle()
	s := w.clarity("lead", "GET", "/v2/sessions/12", "").json(t)
	require.Equal(t, []any{12.0, "Right"}, []any{s["sessionId"], s["customerName"]})
}

func TestClarity_SubDispositionIDIsANumberFirst(t *testing.T) {
	w := jonah(t)
	w.say("disposition", "acc", `{"number":4,"name":"Accounts","sub_dispositions":[{"id":"8","number":3,"name":"Wrong"},{"id":"b","number":8,"name":"Right"}]}`)
	require.Equal(t, 204, w.clarity("lead", "POST", "/v2/sessions/66033/setdispositions", `{"dispositionId":4,"subDispositionId":8}`).StatusCode)
	require.Equal(t, map[string]any{"callSubDispositionId": 8.0, "name": "Right"}, w.clarity("lead", "GET", "/v2/sessions/66033", "").json(t)["selectedCallSubDisposition"])
}

func TestClarity_DispositionsOfOtherUnitsAreNotShown(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.say("disposition", "acc", `{"number":4,"name":"Accounts","business_unit_id":"unit","sub_dispositions":[]}`)
	w.say("disposition", "any", `{"number":5,"name":"Any","sub_dispositions":[]}`)
	w.event("-1h", "agent.login", "clerk", `{}`)
	w.event("-10m", "interaction.created", "100", `{"channel":"voice","direction":"inbound"}`)
	w.event("-10m", "interaction.queued", "100", `{"queue_id":"own"}`)
	w.event("-9m", "interaction.connected", "100", `{"agent_id":"clerk"}`)
	w.settle()
	items := at(t, w.clarity("clerk", "GET", "/v2/sessions/100?includeDispositions=true", "").json(t), "callDispositions", "items").([]any)
	require.Len(t, items, 1, "%v", items)
}
