package surfaces_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// exotelFloor: a in T1 available, b in T1 on a break, c in T2 ringing, d without a team and logged out.
func exotelFloor(t *testing.T, changes ...change) *world {
	w := newWorld(t, "2026-11-21T12:00:00Z", changes...)
	w.say("team", "T1", `{"name":"One","number":7,"business_unit_id":"b","queue_ids":[]}`)
	w.say("team", "T2", `{"name":"Two","business_unit_id":"b","queue_ids":[]}`)
	w.agent("a", "Ann", `{"team_id":"T1","number":1,"device":{"type":"phone","contact_uri":"+1"}}`)
	w.agent("b", "Bob", `{"team_id":"T1"}`)
	w.agent("c", "Cat", `{"team_id":"T2"}`)
	w.agent("d", "Dan", "")
	w.event("-10m", "agent.status", "a", `{"status":"available"}`)
	w.event("-10m", "agent.status", "b", `{"status":"break"}`)
	w.event("-10m", "agent.status", "c", `{"status":"available"}`)
	w.event("-30s", "interaction.created", "i1", `{"channel":"voice","direction":"inbound","customer":{"phone":"+15550100"}}`)
	w.event("-20s", "interaction.offered", "i1", `{"agent_id":"c"}`)
	w.settle()
	return w
}

func exotelIDs(t *testing.T, a answer) []string {
	t.Helper()
	require.Equal(t, 200, a.StatusCode, a.body)
	ids := []string{}
	for _, row := range at(t, a.json(t), "response", "data", "agents").([]any) {
		ids = append(ids, row.(map[string]any)["user_id"].(string))
	}
	return ids
}

func TestExotel_Parameters(t *testing.T) {
	w := exotelFloor(t)
	for _, c := range []struct{ query, ids, metadata, total string }{
		{"", "a b c d", "4 20 0", "4"},
		{"?status=", "a b c d", "4 20 0", "4"},
		{"?status=available", "a", "1 20 0", "4"},
		{"?status=busy", "b", "1 20 0", "4"},
		{"?status=on-call", "c", "1 20 0", "4"},
		{"?status=offline", "d", "1 20 0", "4"},
		{"?status=after-call-work", "", "0 20 0", "4"},
		{"?team_id=T1", "a b", "2 20 0", "2"},
		{"?team_id=7", "a b", "2 20 0", "2"},
		{"?team_id=nobody", "", "0 20 0", "0"},
		{"?team_id=", "a b c d", "4 20 0", "4"},
		{"?team_id=T1&status=busy", "b", "1 20 0", "2"},
		{"?limit=1", "a", "4 1 0", "4"},
		{"?limit=100", "a b c d", "4 100 0", "4"},
		{"?limit=2&offset=1", "b c", "4 2 1", "4"},
		{"?limit=", "a b c d", "4 20 0", "4"},
		{"?offset=4", "", "4 20 4", "4"},
		{"?offset=2147483647", "", "4 20 2147483647", "4"},
		{"?status=available&offset=1", "", "1 20 1", "4"},
		{"?limit=1&limit=2", "a", "4 1 0", "4"},
		{"?client=dashboard&_=17", "a b c d", "4 20 0", "4"},
	} {
		a := w.exotel("/presence" + c.query)
		require.Equal(t, c.ids, strings.Join(exotelIDs(t, a), " "), c.query)
		m := at(t, a.json(t), "response", "metadata").(map[string]any)
		require.Equal(t, c.metadata, fmt.Sprint(m["total"], " ", m["limit"], " ", json.Number(fmt.Sprintf("%.0f", m["offset"]))), c.query)
		require.Equal(t, c.total, fmt.Sprint(at(t, a.json(t), "response", "data", "summary", "total_agents")), c.query)
	}
	for _, query := range []string{"?status=asleep", "?status=available,busy", "?status=Available", "?limit=0", "?limit=101", "?limit=-1", "?limit=x", "?limit=1.5",
		"?offset=-1", "?offset=x", "?offset=2147483648", "?status=%ff"} {
		a := w.exotel("/presence" + query)
		require.Equal(t, 400, a.StatusCode, query)
		requireExotelFailure(t, a, 400, 400)
	}
}

func requireExotelFailure(t *testing.T, a answer, status, code int) {
	t.Helper()
	require.Equal(t, status, a.StatusCode, a.body)
	m := a.json(t)
	require.Equal(t, a.Header.Get("X-Request-Id"), m["request_id"])
	require.EqualValues(t, status, m["http_code"])
	require.Equal(t, "failure", at(t, m, "response", "status"))
	require.EqualValues(t, code, at(t, m, "response", "error_data", "code"))
	require.Nil(t, at(t, m, "response", "data"))
}

func TestExotel_Errors(t *testing.T) {
	w := exotelFloor(t)
	path := "/v2/accounts/" + exotelSID + "/agents/presence"
	for _, headers := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Authorization", "Bearer " + other + exotelToken}, {"Authorization", exotelToken},
		{"Authorization", basic("key", "wrong")}, {"Authorization", basic("reader", exotelToken)}, {"Authorization", basic("", exotelToken)},
		{"Authorization", "Basic !"}, {"Authorization", "Bearer " + convosoToken}, {"Authorization", "Bearer " + nativeToken}} {
		a := w.do("GET", path, "", headers...)
		requireExotelFailure(t, a, 401, 1010)
		require.NotEmpty(t, a.Header.Get("WWW-Authenticate"))
	}
	for _, as := range []string{"Bearer " + exotelToken, basic("key", exotelToken), "bearer " + exotelReader} {
		require.Equal(t, 200, w.do("GET", path, "", "Authorization", as).StatusCode)
	}
	for _, sid := range []string{"6", "other", "nobody"} {
		requireExotelFailure(t, w.do("GET", "/v2/accounts/"+sid+"/agents/presence", "", "Authorization", "Bearer "+exotelToken), 401, 1010)
	}
	require.Equal(t, 200, w.do("GET", "/v2/accounts/other/agents/presence", "", "Authorization", "Bearer "+other+exotelToken).StatusCode)
	requireExotelFailure(t, w.exotel("/nobody/presence"), 404, 10731)
	requireExotelFailure(t, w.exotel("/nothing"), 404, 404)
	requireExotelFailure(t, w.do("PUT", "/v2/accounts/"+exotelSID+"/agents/a/presence", `{"status":"busy"}`, "Authorization", "Bearer "+exotelReader, "Content-Type", "application/json"), 401, 1010)
	require.Equal(t, "Ann", at(t, w.exotel("/1/presence").json(t), "response", "data", "name"), "by number")
}

// Of an account that the directory names, and of one that nobody names.
func TestExotel_AccountSID(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z", func(s *setup) { s.centers[0].Surfaces.Exotel.AccountSID = "" })
	list := func(sid string) int {
		return w.do("GET", "/v2/accounts/"+sid+"/agents/presence", "", "Authorization", "Bearer "+exotelToken).StatusCode
	}
	w.settle()
	require.Equal(t, 200, list("6"))
	w.say("contact_center", "6", `{"name":"Six","time_zone":"UTC","exotel_account_sid":"of-the-directory"}`)
	require.Equal(t, 401, list("6"))
	require.Equal(t, 200, list("of-the-directory"))
}

func TestExotel_RateLimit(t *testing.T) {
	w := exotelFloor(t, func(s *setup) { s.centers[0].Surfaces.Exotel.RequestsPerMinute = 3 })
	for _, left := range []string{"2", "1", "0"} {
		a := w.exotel("/presence")
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, []string{"3", left, fmt.Sprint(w.now().Unix() + 60)},
			[]string{a.Header.Get("X-RateLimit-Limit"), a.Header.Get("X-RateLimit-Remaining"), a.Header.Get("X-RateLimit-Reset")})
	}
	w.advance(20 * time.Second)
	a := w.exotel("/presence")
	require.Equal(t, 429, a.StatusCode)
	require.Equal(t, []string{"3", "0", "40"}, []string{a.Header.Get("X-RateLimit-Limit"), a.Header.Get("X-RateLimit-Remaining"), a.Header.Get("Retry-After")})
	require.Equal(t, "RATE_LIMIT_EXCEEDED", at(t, a.json(t), "RestException", "Code"))
	require.EqualValues(t, 429, at(t, a.json(t), "RestException", "Status"))
	require.Equal(t, 200, w.do("GET", "/v2/accounts/other/agents/presence", "", "Authorization", "Bearer "+other+exotelToken).StatusCode, "another account")
	w.advance(40 * time.Second)
	require.Equal(t, 200, w.exotel("/presence").StatusCode)
}

// All transitions of the specification and no other.
func TestExotel_Transitions(t *testing.T) {
	words := []string{"available", "busy", "on-call", "after-call-work", "offline"}
	allowed := map[string]string{"offline": "available", "available": "busy offline", "after-call-work": "available offline", "busy": "available offline", "on-call": ""}
	w := newWorld(t, "2026-11-21T12:00:00Z")
	for from, targets := range allowed {
		for _, to := range append(words, "asleep", "") {
			id := from + "-to-" + to
			w.agent(id, id, "")
			begin := map[string]string{"available": "available", "busy": "lunch", "on-call": "on_call", "after-call-work": "wrap"}[from]
			if begin != "" {
				w.event("-5m", "agent.login", id, `{}`)
				w.event("-4m", "agent.status", id, `{"status":"`+begin+`"}`)
			}
			w.settle()
			require.Equal(t, from, at(t, w.exotel("/"+id+"/presence").json(t), "response", "data", "status"))
			a := w.do("PUT", "/v2/accounts/"+exotelSID+"/agents/"+id+"/presence", `{"status":"`+to+`"}`, "Authorization", "Bearer "+exotelToken, "Content-Type", "application/json")
			ok := to != "" && strings.Contains(" "+targets+" ", " "+to+" ")
			if !ok {
				requireExotelFailure(t, a, 400, 400)
				require.Equal(t, from, at(t, w.exotel("/"+id+"/presence").json(t), "response", "data", "status"), id)
				continue
			}
			require.Equal(t, 200, a.StatusCode, a.body)
			shown := w.exotel("/" + id + "/presence")
			require.Equal(t, at(t, shown.json(t), "response", "data"), at(t, a.json(t), "response", "data"), "it answers as the single GET")
			require.Equal(t, to, at(t, a.json(t), "response", "data", "status"), id)
			require.Equal(t, "PUT", at(t, a.json(t), "method"))
		}
	}
	for _, body := range []string{"", "{", "[]", `{"status":7}`, `{"state":"busy"}`, `null`} {
		a := w.do("PUT", "/v2/accounts/"+exotelSID+"/agents/available-to-asleep/presence", body, "Authorization", "Bearer "+exotelToken, "Content-Type", "application/json")
		requireExotelFailure(t, a, 400, 400)
	}
	a := w.do("PUT", "/v2/accounts/"+exotelSID+"/agents/available-to-asleep/presence", `{"status":"busy","note":"clients send more"}`, "Authorization", "Bearer "+exotelToken, "Content-Type", "application/json")
	require.Equal(t, 200, a.StatusCode, a.body)
	requireExotelFailure(t, w.do("PUT", "/v2/accounts/"+exotelSID+"/agents/nobody/presence", `{"status":"busy"}`, "Authorization", "Bearer "+exotelToken, "Content-Type", "application/json"), 404, 10731)
}

// status_since is the moment this word began to hold, over changes that the word does not show.
func TestExotel_StatusSince(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	since := func(id string) any {
		return at(t, w.exotel("/"+id+"/presence").json(t), "response", "data", "status_since")
	}
	w.agent("a", "A", "")
	w.settle()
	require.Nil(t, since("a"), "nothing is known of it")
	w.event("-40m", "agent.status", "a", `{"status":"available"}`)
	w.event("-30m", "agent.status", "a", `{"status":"lunch"}`)
	w.event("-20m", "agent.status", "a", `{"status":"meeting"}`)
	w.event("-19m", "agent.status", "a", `{"status":"available"}`)
	w.event("-18m", "agent.suspended", "a", `{"suspended":true}`)
	w.settle()
	require.Equal(t, "2026-11-21T11:42:00.000Z", since("a"), "available while suspended is busy; before it was available")
	w.event("-17m", "agent.status", "a", `{"status":"break"}`)
	w.event("-16m", "agent.suspended", "a", `{"suspended":false}`)
	w.event("-15m", "agent.status", "a", `{"status":"away"}`)
	w.settle()
	require.Equal(t, "2026-11-21T11:42:00.000Z", since("a"))
	w.event("-14m", "agent.status", "a", `{"status":"available"}`)
	w.settle()
	require.Equal(t, "2026-11-21T11:46:00.000Z", since("a"))
	w.event("-13m", "interaction.created", "i", `{"channel":"voice","direction":"inbound"}`)
	w.event("-13m", "interaction.offered", "i", `{"agent_id":"a"}`)
	w.event("-12m", "interaction.connected", "i", `{"agent_id":"a"}`)
	w.settle()
	require.Equal(t, "2026-11-21T11:47:00.000Z", since("a"), "ringing and talking are both on-call")
	w.event("-5m", "interaction.left", "i", `{"agent_id":"a"}`)
	w.event("-5m", "agent.logout", "a", `{}`)
	w.event("-4m", "agent.status", "a", `{"status":"busy"}`)
	w.settle()
	require.Equal(t, "2026-11-21T11:56:00.000Z", since("a"), "logged out between two words")
}

func TestExotel_CurrentCall(t *testing.T) {
	w := exotelFloor(t)
	call := func(id string) any {
		return at(t, w.exotel("/"+id+"/presence").json(t), "response", "data", "current_call")
	}
	require.Nil(t, call("a"))
	require.Equal(t, map[string]any{"call_sid": "i1", "direction": "inbound", "customer_number": "+15550100", "duration": 20.0}, call("c"), "while it rings: since its offer")
	w.event("-10s", "interaction.connected", "i1", `{"agent_id":"c"}`)
	w.settle()
	require.Equal(t, 10.0, at(t, call("c"), "duration"))
	w.event("-9s", "interaction.created", "i2", `{"channel":"voice","direction":"internal","call_id":"second"}`)
	w.event("-9s", "interaction.offered", "i2", `{"agent_id":"c","role":"consult"}`)
	w.settle()
	require.Equal(t, "i1", at(t, call("c"), "call_sid"), "the one that is connected")
	w.event("-8s", "interaction.held", "i1", `{"agent_id":"c"}`)
	w.event("-7s", "interaction.connected", "i2", `{"agent_id":"c","role":"consult"}`)
	w.settle()
	require.Equal(t, map[string]any{"call_sid": "second", "direction": "internal", "customer_number": nil, "duration": 7.0}, call("c"))
	w.event("-6s", "interaction.ended", "i2", `{"reason":"completed"}`)
	w.event("-5s", "interaction.wrap_started", "i1", `{"agent_id":"c"}`)
	w.event("-5s", "interaction.ended", "i1", `{"reason":"completed"}`)
	w.event("-4s", "interaction.created", "chat", `{"channel":"chat","direction":"inbound"}`)
	w.event("-4s", "interaction.connected", "chat", `{"agent_id":"b"}`)
	w.settle()
	require.Nil(t, call("c"), "wrap is no call")
	require.Nil(t, call("b"), "nor is a chat")
	require.Equal(t, map[string]any{"calls_handled_today": 1.0, "avg_handle_time": 1.0, "total_talk_time": 3.0},
		stats(t, w, "c"), "of i2 one second; of i1 the talk, two seconds, but no handle before its wrap is over")
}

// Chats are no calls, and neither are those of yesterday in the centre's time zone.
func TestExotel_StatsAreOfTodaysCalls(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.say("contact_center", "6", `{"name":"Six","time_zone":"Asia/Jerusalem"}`)
	w.event("-24h", "agent.status", "a", `{"status":"available"}`)
	for i, c := range []struct{ channel, begin, end string }{
		{"voice", "2026-11-20T21:40:00Z", "2026-11-20T21:59:59.999Z"}, // the day began at 22:00 UTC
		{"voice", "2026-11-20T22:10:00Z", "2026-11-20T22:11:30.500Z"},
		{"chat", "-60m", "-50m"}, {"video", "-49m", "-40m"},
		{"voice", "-30m", "-29m"},
	} {
		id := fmt.Sprint("i", i)
		w.event(c.begin, "interaction.created", id, `{"channel":"`+c.channel+`","direction":"inbound"}`)
		w.event(c.begin, "interaction.connected", id, `{"agent_id":"a"}`)
		w.event(c.end, "interaction.ended", id, `{"reason":"completed"}`)
	}
	w.settle()
	require.Equal(t, map[string]any{"calls_handled_today": 2.0, "avg_handle_time": 75.0, "total_talk_time": 151.0}, stats(t, w, "a"), "90.5 s and 60 s, rounded half up")
}

func stats(t *testing.T, w *world, id string) any {
	for _, row := range at(t, w.exotel("/presence").json(t), "response", "data", "agents").([]any) {
		if row.(map[string]any)["user_id"] == id {
			return row.(map[string]any)["stats"]
		}
	}
	return nil
}

// Clients may send fields that are nothing to us, also such as differ from ours by their case.
func TestExotel_OtherFieldsOfTheBodyAreIgnored(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.event("-10m", "agent.status", "a", `{"status":"busy"}`)
	w.settle()
	a := w.do("PUT", "/v2/accounts/"+exotelSID+"/agents/a/presence", `{"status":"available","Status":"offline"}`, "Authorization", "Bearer "+exotelToken, "Content-Type", "application/json")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "available", at(t, a.json(t), "response", "data", "status"))
}

func TestExotel_CustomerNumberIsThePhone(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.event("-70s", "interaction.created", "i", `{"channel":"voice","direction":"inbound","customer":{"phone":"+1","Phone":"work"}}`)
	w.event("-70s", "interaction.connected", "i", `{"agent_id":"a"}`)
	w.settle()
	require.Equal(t, "+1", at(t, w.exotel("/a/presence").json(t), "response", "data", "current_call", "customer_number"))
}
