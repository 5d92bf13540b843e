package surfaces_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireText compares JSON texts as they stand, with the order of their fields.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	require.JSONEq(t, want, got)
	require.Equal(t, compact(t, want), got, "order of fields")
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var raw json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &raw))
	out, err := json.Marshal(raw)
	require.NoError(t, err)
	return string(out)
}

func TestAmeyo_Sample(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.say("campaign", "web", `{"name":"monika_webchat","number":389,"queue_ids":[]}`)
	w.agent("sachin_exe2", "sachin_exe2", `{"campaign_ids":["web"]}`)
	w.event("-1h", "agent.login", "sachin_exe2", `{"session_id":"s1"}`)
	w.event("-95s", "agent.status", "sachin_exe2", `{"status":"available"}`)
	w.settle()
	a := w.ameyo("user-session-information", "")
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	// The sample's own user_status_duration is null; ours is always known of somebody who is logged in.
	requireText(t, `{"http_code":200,"method":"GET","request_id":"`+a.Header.Get("X-Request-Id")+`","response":[{"data":{
		"contact_center_id":6,"user_id":"sachin_exe2","user_name":"sachin_exe2","user_status":"Ready","user_status_duration":95,
		"service_info":{"instance_id":null,"sip_trunk_id":null,"grpc_callback_url":null},
		"campaign_id":389,"campaign_name":"monika_webchat","queue_id":null,"queue_name":null,"interaction_id":"sachin_exe2_389",
		"channel_details":{"channel_type":"VOICE","addition_details":{}},"customer_status":null,"customer_status_duration":null,
		"customer_details":{"id":null,"name":null,"phone_info":{"phone":null,"display_phone":null,"unique_identifier":null},
		"crt_object_id":null,"addition_details":{}},"waiting":false}}],
		"metadata":{"total":1,"count":1,"offset":0,"limit":100}}`, a.body)
}

func TestConvoso_Sample(t *testing.T) {
	w := newWorld(t, "2026-11-21T14:45:00Z")
	w.say("queue", "q", `{"name":"Q","team_ids":[]}`)
	for i := range 125 {
		id := fmt.Sprint("a", i)
		w.agent(id, id, `{"queue_ids":["q"]}`)
		w.event("-1h", "agent.login", id, `{}`)
		if i < 36 {
			w.event("-30m", "agent.status", id, `{"status":"available"}`)
		}
	}
	w.agent("gone", "gone", `{"queue_ids":["q"]}`)
	w.settle()
	const want = `{"success":true,"data":{"available_agents":36,"logged_in_agents":125}}`
	requireText(t, want, w.do("POST", "/v1/user-activity/search", "auth_token="+convosoToken, "Content-Type", "application/x-www-form-urlencoded").body)
	requireText(t, want, w.do("POST", "/v1/user-activity/search?auth_token="+convosoToken, "").body)
	requireText(t, want, w.do("GET", "/v1/user-activity/search?auth_token="+convosoToken, "").body)
	requireText(t, want, w.do("POST", "/v1/user-activity/search", `{"auth_token":"`+convosoToken+`"}`, "Content-Type", "application/json").body)
	for _, c := range []struct {
		want string
		got  answer
	}{
		{`{"success": false, "code": 6026, "error": "Invalid campaign ID"}`, w.convoso("campaign_id=no-such")},
		{`{"success": false, "code": 6041, "error": "Invalid queue ID"}`, w.convoso("queue_id=no-such")},
		{`{"success": false, "code": 6006, "error": "Invalid user ID"}`, w.convoso("user_id=no-such")},
		{`{"success": false, "error": "Invalid authentication token"}`, w.do("POST", "/v1/user-activity/search?auth_token=wrong", "")},
		{`{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`, w.convoso("campaign_id=111")},
		{`{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`, w.convoso("queue_id=222")},
		{`{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`, w.convoso("user_id=12345")},
		{`{"success":true,"data":{"available_agents":36,"logged_in_agents":125}}`, w.convoso("queue_id=q")},
		{`{"success":true,"data":{"available_agents":1,"logged_in_agents":1}}`, w.convoso("user_id=a7")},
		{`{"success":true,"data":{"available_agents":0,"logged_in_agents":1}}`, w.convoso("user_id=a77&queue_id=q")},
		{`{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`, w.convoso("user_id=a77&queue_id=222")},
		{`{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`, w.convoso("filter_by_skill_options=english,sales")},
		{`{"success":true,"data":{"available_agents":36,"logged_in_agents":125}}`, w.convoso("filter_by_skill_options=&campaign_id=&unknown=1")},
		{`{"success":  false, "code": 6026, "error": "Invalid campaign ID" }`, w.convoso("campaign_id=no-such&queue_id=no-such")},
		{`{"success":true,"data":{"available_agents":36,"logged_in_agents":125}}`, w.convoso("queue_id=q&queue_id=222")},
	} {
		require.Equal(t, 200, c.got.StatusCode)
		requireText(t, c.want, c.got.body)
	}
}

// The sample shows two of twelve available agents; the floor has all that its summary counts.
func TestExotel_Samples(t *testing.T) {
	w := newWorld(t, "2024-06-15T10:32:00Z")
	w.say("team", "sales_team", `{"name":"Sales","business_unit_id":"b","queue_ids":[]}`)
	w.say("team", "support_team", `{"name":"Support","business_unit_id":"b","queue_ids":[]}`)
	w.agent("agent_001", "John Agent", `{"email":"john@company.com","team_id":"sales_team"}`)
	w.agent("agent_002", "Jane Support", `{"email":"jane@company.com","team_id":"support_team"}`)
	w.event("2024-06-15T06:00:00Z", "agent.login", "agent_001", `{"device":{"type":"softphone","contact_uri":"sip:john@company.com"}}`)
	w.event("2024-06-15T06:00:00Z", "agent.login", "agent_002", `{"device":{"type":"phone","contact_uri":"+919876543210"}}`)
	call := 0
	calls := func(agent, day string, n, seconds int) {
		for range n {
			call++
			id, begin := fmt.Sprint("call-", call), w.moment(day)+int64(call)*600_000/10
			when := func(ms int64) string { return fmt.Sprintf("%dms", ms-w.now().UnixMilli()) }
			w.event(when(begin), "interaction.created", id, `{"channel":"voice","direction":"inbound"}`)
			w.event(when(begin+1), "interaction.connected", id, `{"agent_id":"`+agent+`"}`)
			w.event(when(begin+1+int64(seconds)*1000), "interaction.ended", id, `{"reason":"completed"}`)
		}
	}
	calls("agent_001", "2024-06-15T06:10:00Z", 15, 240)
	calls("agent_002", "2024-06-15T06:10:00Z", 22, 180)
	w.event("2024-06-15T09:00:00.000Z", "agent.status", "agent_001", `{"status":"available"}`)
	w.event("2024-06-15T09:30:00.000Z", "agent.status", "agent_002", `{"status":"available"}`)
	for i := 3; i <= 25; i++ {
		id := fmt.Sprintf("agent_%03d", i)
		w.agent(id, id, "")
		switch {
		case i <= 12:
			w.event("-50m", "agent.status", id, `{"status":"available"}`)
		case i <= 20:
			w.event("-50m", "agent.status", id, `{"status":"on_call"}`)
		case i == 21:
			w.event("-50m", "agent.status", id, `{"status":"lunch"}`)
		case i == 22:
			w.event("-50m", "agent.status", id, `{"status":"busy"}`)
		case i == 23:
			w.event("-50m", "agent.status", id, `{"status":"wrap"}`)
		}
	}
	w.settle()
	a := w.exotel("/presence?status=available")
	require.Equal(t, 200, a.StatusCode, a.body)
	m := a.json(t)
	require.Len(t, at(t, m, "response", "data", "agents"), 12)
	two := w.exotel("/presence?status=available&limit=2")
	requireText(t, `{"request_id":"`+two.Header.Get("X-Request-Id")+`","method":"GET","http_code":200,"response":{"code":200,"status":"success","data":{"agents":[
		{"user_id":"agent_001","name":"John Agent","email":"john@company.com","status":"available","status_since":"2024-06-15T09:00:00.000Z",
		"device":{"type":"softphone","contact_uri":"sip:john@company.com"},"team":{"team_id":"sales_team","name":"Sales"},
		"stats":{"calls_handled_today":15,"avg_handle_time":240,"total_talk_time":3600}},
		{"user_id":"agent_002","name":"Jane Support","email":"jane@company.com","status":"available","status_since":"2024-06-15T09:30:00.000Z",
		"device":{"type":"phone","contact_uri":"+919876543210"},"team":{"team_id":"support_team","name":"Support"},
		"stats":{"calls_handled_today":22,"avg_handle_time":180,"total_talk_time":3960}}],
		"summary":{"total_agents":25,"available":12,"on_call":8,"busy":2,"after_call_work":1,"offline":2}},
		"metadata":{"total":12,"limit":2,"offset":0}}}`, two.body)
	require.EqualValues(t, 20, at(t, m, "response", "metadata", "limit"))

	w.event("2024-06-15T10:29:55Z", "interaction.created", "i1", `{"channel":"voice","direction":"outbound","agent_id":"agent_001","call_id":"call_active_123","customer":{"phone":"+919876543210"}}`)
	w.event("2024-06-15T10:30:00Z", "interaction.connected", "i1", `{"agent_id":"agent_001"}`)
	w.settle()
	a = w.exotel("/agent_001/presence")
	one, err := json.Marshal(map[string]any{"response": map[string]any{"data": at(t, a.json(t), "response", "data")}})
	require.NoError(t, err)
	// The agent has been on-call since it dialled; the conversation since it was answered.
	require.JSONEq(t, `{"response":{"data":{"user_id":"agent_001","name":"John Agent","status":"on-call","status_since":"2024-06-15T10:29:55.000Z",
		"current_call":{"call_sid":"call_active_123","direction":"outbound","customer_number":"+919876543210","duration":120}}}}`, string(one))
}

func TestVonage_Sample(t *testing.T) {
	w := newWorld(t, "2019-12-23T09:39:07.012Z")
	w.event("2019-12-19T15:00:00Z", "agent.login", "002", `{}`)
	w.event("2019-12-19T16:00:23.249Z", "agent.status", "002", `{"status":"available"}`)
	w.event("2019-12-19T16:05:30.212Z", "interaction.created", "b6c01065-a5fa-432f-981b-649f98518878", `{"channel":"voice","direction":"outbound","agent_id":"002"}`)
	w.event("2019-12-19T16:05:30.212Z", "interaction.connected", "b6c01065-a5fa-432f-981b-649f98518878", `{"agent_id":"002"}`)
	w.event("2019-12-19T15:49:00.512Z", "agent.login", "003", `{}`)
	w.event("2019-12-19T16:00:30.145Z", "agent.status", "003", `{"status":"available"}`)
	w.settle()
	a := w.vonage("agent-status")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "max-age=5, must-revalidate, private", a.Header.Get("Cache-Control"))
	requireText(t, `{"meta":{"page":1,"count":2,"pageCount":1,"totalCount":2},"items":[
		{"agentId":"002","presence":{"since":"2019-12-19T16:00:23.249Z","name":"Ready","description":"Ready","eligibleForRouting":false},
		"workload":{"since":"2019-12-19T16:05:30.212Z","calls":1,"semiLive":0,"nonLive":0},
		"interaction":[{"guid":"b6c01065-a5fa-432f-981b-649f98518878","channelGuid":null,"since":"2019-12-19T16:05:30.212Z","medium":"Phone",
		"mediumManager":"CC","direction":"Outbound","state":"Connected","reason":null}]},
		{"agentId":"003","presence":{"since":"2019-12-19T16:00:30.145Z","name":"Ready","description":"Ready","eligibleForRouting":true},
		"workload":{"since":"2019-12-19T15:49:00.512Z","calls":0,"semiLive":0,"nonLive":0},"interaction":[]}],
		"upTo":"2019-12-23T09:39:07.012Z"}`, a.body)
	a = w.vonage("agent-status?page=2")
	requireText(t, `{"meta":{"page":2,"count":0,"pageCount":1,"totalCount":2},"items":[],"upTo":"2019-12-23T09:39:07.012Z"}`, a.body)
}
