package surfaces_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConvoso_Parameters(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.say("queue", "Q1", `{"name":"First","number":222,"team_ids":[]}`)
	w.say("campaign", "C1", `{"name":"One","number":111,"queue_ids":["Q1"]}`)
	w.say("skill", "s-en", `{"name":"English"}`)
	w.agent("ann", "Ann", `{"number":12345,"queue_ids":["Q1"],"skills":["s-en"]}`)
	w.agent("bob", "Bob", `{"queue_ids":["Q1"],"skills":["Sales","s-en"]}`)
	w.agent("cat", "Cat", `{"campaign_ids":["C2"]}`)
	w.agent("dan", "Dan", `{"skills":["sales"]}`)
	w.agent("eve", "Eve", `{"queue_ids":["Q1"]}`)
	w.agent("fay", "Fay", `{"queue_ids":["Q1"]}`)
	for _, id := range []string{"ann", "cat", "dan", "eve"} {
		w.event("-1h", "agent.status", id, `{"status":"available"}`)
	}
	w.event("-1h", "agent.status", "bob", `{"status":"lunch"}`)
	w.event("-50m", "agent.suspended", "eve", `{"suspended":true}`)
	w.event("-1m", "interaction.created", "i", `{"channel":"voice","direction":"inbound","campaign_id":"named-by-events"}`)
	w.event("-1m", "interaction.queued", "i", `{"queue_id":"queue-of-events"}`)
	w.settle()
	for _, c := range []struct {
		query               string
		available, loggedIn int
	}{
		{"", 2, 5}, // dan is assigned to nothing, eve is suspended, bob at lunch, fay logged out
		{"campaign_id=111", 1, 3},
		{"campaign_id=C1", 1, 3},
		{"campaign_id=112", 0, 0},
		{"campaign_id=named-by-events", 0, 0},
		{"queue_id=222", 1, 3},
		{"queue_id=Q1", 1, 3},
		{"queue_id=queue-of-events", 0, 0},
		{"queue_id=0", 0, 0},
		{"user_id=12345", 1, 1},
		{"user_id=bob", 0, 1},
		{"user_id=fay", 0, 0},
		{"user_id=99", 0, 0},
		{"filter_by_skill_options=english", 1, 2},
		{"filter_by_skill_options=S-EN", 1, 2},
		{"filter_by_skill_options=english,sales", 1, 3},
		{"filter_by_skill_options=spanish,%20Sales", 0, 2},
		{"filter_by_skill_options=english&filter_by_skill_options=sales", 1, 3},
		{"filter_by_skill_options=spanish", 0, 0},
		{"filter_by_skill_options=,", 2, 5},
		{"campaign_id=111&queue_id=222", 1, 3},
		{"campaign_id=111&user_id=cat", 0, 0},
		{"queue_id=222&filter_by_skill_options=english,sales", 1, 2},
		{"user_id=bob&filter_by_skill_options=sales", 0, 1},
		{"user_id=ann&filter_by_skill_options=sales", 0, 0},
		{"campaign_id=&queue_id=&user_id=&filter_by_skill_options=", 2, 5},
		{"campaign_id=%20111%20", 1, 3},
		{"unknown=1&limit=x", 2, 5},
		{"user_id=bob&user_id=ann", 0, 1},
	} {
		a := w.convoso(c.query)
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, fmt.Sprintf(`{"success":true,"data":{"available_agents":%d,"logged_in_agents":%d}}`, c.available, c.loggedIn), a.body, c.query)
		require.Equal(t, a.body, w.do("GET", "/v1/user-activity/search?auth_token="+convosoToken+"&"+c.query, "").body, c.query)
		require.Equal(t, a.body, w.do("POST", "/v1/user-activity/search?auth_token="+convosoToken+"&"+c.query, "").body, c.query)
	}
	json := func(body string) string {
		return w.do("POST", "/v1/user-activity/search?campaign_id=999", body, "Content-Type", "application/json; charset=utf-8").body
	}
	require.Equal(t, `{"success":true,"data":{"available_agents":1,"logged_in_agents":3}}`, json(`{"auth_token":"`+convosoToken+`","campaign_id":111,"filter_by_skill_options":null}`))
	require.Equal(t, `{"success":true,"data":{"available_agents":1,"logged_in_agents":2}}`, json(`{"auth_token":"`+convosoToken+`","campaign_id":"111","filter_by_skill_options":["english","sales"]}`))
}

func TestConvoso_Errors(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.settle()
	const path = "/v1/user-activity/search"
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, a := range []answer{w.do("POST", path, ""), w.do("GET", path, ""), w.do("GET", path+"?auth_token=", ""), w.do("POST", path, "auth_token=wrong", form...),
		w.do("POST", path, "auth_token="+exotelToken, form...), w.do("POST", path, "auth_token="+nativeToken, form...), w.do("POST", path, "{", "Content-Type", "application/json"),
		w.do("GET", path, "", "Authorization", "Bearer "+convosoToken), w.do("POST", path, `{"auth_token":["`+convosoToken+`x"]}`, "Content-Type", "application/json")} {
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, `{"success":false,"error":"Invalid authentication token"}`, a.body)
	}
	for _, c := range []struct{ query, want string }{
		{"campaign_id=x", `{"success":false,"code":6026,"error":"Invalid campaign ID"}`},
		{"campaign_id=-1", `{"success":false,"code":6026,"error":"Invalid campaign ID"}`},
		{"campaign_id=1.5", `{"success":false,"code":6026,"error":"Invalid campaign ID"}`},
		{"queue_id=x", `{"success":false,"code":6041,"error":"Invalid queue ID"}`},
		{"user_id=x", `{"success":false,"code":6006,"error":"Invalid user ID"}`},
		{"user_id=x&campaign_id=y", `{"success":false,"code":6026,"error":"Invalid campaign ID"}`},
	} {
		a := w.convoso(c.query)
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, c.want, a.body)
	}
	a := w.do("POST", path+"?auth_token="+convosoToken, "hello", "Content-Type", "text/plain")
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, false, a.json(t)["success"])
	a = w.do("POST", path+"?auth_token="+convosoToken, "{", "Content-Type", "application/json")
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, false, a.json(t)["success"])
	require.Equal(t, 404, w.do("GET", "/v1/user-activity/nothing", "").StatusCode)
	require.Equal(t, 405, w.do("DELETE", path, "").StatusCode)
	require.NotContains(t, w.log.String(), convosoToken, "tokens stay out of the log")
	require.Contains(t, w.log.String(), path, "what is logged is the path")
}

func TestConvoso_NoBody(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.settle()
	for _, media := range []string{"", "application/x-www-form-urlencoded", "text/plain", "application/json", "application/json; charset=utf-8"} {
		require.Equal(t, `{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`,
			w.do("POST", "/v1/user-activity/search?auth_token="+convosoToken+"&campaign_id=111", "", "Content-Type", media).body, media)
	}
}

func TestConvoso_MalformedIDsHaveTheirCodes(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.settle()
	for name, want := range map[string]string{"campaign_id": `{"success":false,"code":6026,"error":"Invalid campaign ID"}`,
		"queue_id": `{"success":false,"code":6041,"error":"Invalid queue ID"}`, "user_id": `{"success":false,"code":6006,"error":"Invalid user ID"}`} {
		for _, value := range []string{"%ff", "10%", "x"} {
			require.Equal(t, want, w.convoso(name+"="+value).body, value)
		}
		require.Equal(t, want, w.do("POST", "/v1/user-activity/search", `{"auth_token":"`+convosoToken+`","`+name+`":{}}`, "Content-Type", "application/json").body)
	}
}

func TestConvoso_UnknownFieldsAreIgnoredWhateverTheyHold(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.settle()
	for _, body := range []string{`{"auth_token":"` + convosoToken + `","meta":{"client":1}}`, `{"app":{"client":1},"auth_token":"` + convosoToken + `"}`} {
		require.Equal(t, `{"success":true,"data":{"available_agents":0,"logged_in_agents":0}}`, w.do("POST", "/v1/user-activity/search", body, "Content-Type", "application/json").body)
	}
}
