package surfaces_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClarity_LocalizationSample(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z")
	for _, path := range []string{"/v1.0/resources/dashboard/localization/en-us", "/v2/resources/dashboard/localization/EN-US"} {
		a := w.clarity("clerk", "GET", path, "")
		requireSample(t, `{"abandonedAfterSLACount": "Abandoned After SLA Count", "abandonedAfterSLACountDescription": "Abandoned After SLA Count", "abandonedAfterSLACountShort": "Abandoned After SLA Count Short",
			"abandonedBeforeSLACount": "Abandoned Before SLA Count", "abandonedBeforeSLACountDescription": "Abandoned Before SLA Count", "abandonedBeforeSLACountShort": "Abandoned Before SLA Count Short",
			"abandonedCount": "Abandoned Count", "…": 0}`, a.body)
	}
	texts := w.clarity("clerk", "GET", "/v2/resources/dashboard/localization/en-us", "").json(t)
	bags := at(t, w.clarity("admin", "GET", "/v2/metrics/agents/15/metrics", "").json(t), "metrics").(map[string]any)
	for _, bag := range bags {
		for name := range bag.(map[string]any) {
			require.Contains(t, texts, name)
			require.Contains(t, texts, name+"Description")
			require.Contains(t, texts, name+"Short")
		}
	}
	requireClarityFailure(t, w.clarity("clerk", "GET", "/v2/resources/dashboard/localization/fr-fr", ""), 404)
	w.say("locale", "fr-fr", `{"strings":{"ronaCount":"Appels perdus"}}`)
	requireText(t, `{"ronaCount":"Appels perdus"}`, w.clarity("clerk", "GET", "/v2/resources/dashboard/localization/fr-fr", "").body)
	w.say("locale", "en-us", `{"strings":{"ronaCount":"Missed"}}`)
	require.Equal(t, "Missed", w.clarity("clerk", "GET", "/v2/resources/dashboard/localization/en-us", "").json(t)["ronaCount"])
}

func TestClarity_SpecificServerSample(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z", func(s *setup) { s.clarity.URL = "https://connect.customer.com" })
	require.Equal(t, `"https://connect.customer.com/webapi"`, w.clarity("clerk", "GET", "/v2/metrics/specificserver", "").body)
	require.Equal(t, `https://connect.customer.com/webauth/token,grant_type="urn:connect.auth:windows"`, w.do("GET", "/webapi/api/info", "").Header.Get("WWW-Authenticate"))
}

func TestClarity_ClientLogs(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z")
	for _, body := range []string{`{"message":"first","logLevel":"warn"}`, `{"message":"second","logLevel":"info","sessionId":2,"component":"auth"}`} {
		for _, path := range []string{"/v2/clientlogs", "/v2/clientlogs/"} {
			a := w.clarity("clerk", "POST", path, body)
			require.Equal(t, 200, a.StatusCode, a.body)
			require.Empty(t, a.body)
		}
	}
	require.Contains(t, w.log.String(), `level=WARN msg="client log" contact_center=6 agent=clerk component=other session="" message=first`)
	require.Contains(t, w.log.String(), `level=INFO msg="client log" contact_center=6 agent=clerk component=auth session=2 message=second`)
	w.clarity("clerk", "POST", "/v2/clientlogs", `{"logLevel":"info","message":"a\nlevel=ERROR forged"}`)
	require.NotContains(t, w.log.String(), "\nlevel=ERROR forged")
	for _, body := range []string{``, `null`, `{}`, `{"message":""}`, `{"message":null}`, `[]`} {
		requireClarityFailure(t, w.clarity("clerk", "POST", "/v2/clientlogs", body), 400)
	}
}

func TestClarity_SearchSample(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z")
	w.say("queue", "tq", `{"number":7,"name":"Test’s Queue","team_ids":["one"]}`)
	w.agent("test", "Test", `{"number":53,"first_name":"Test","last_name":"User","login":"test.user@domain.com","email":"test.user@domain.com","sip":"sip:test.user@domain.com","team_id":"one"}`)
	w.agent("far", "Far Test", `{"number":54,"login":"far","team_id":"two"}`)
	w.settle()
	const agent = `{"agentId": 53, "firstName": "Test", "lastName": "User", "publicName": "Test", "loginName": "test.user@domain.com", "sipAddress": "sip:test.user@domain.com",
		"emailAddress": "test.user@domain.com", "phoneNumber": "NOTSET", "status": 4, "callsAnswered": 0, "ronas": 0, "type": "agentSearch", "id": 53}`
	requireSample(t, `{"agentsFound": [`+agent+`], "queuesFound": [{"queueId": 7, "queueName": "Test’s Queue", "isOpen": true, "agentsOnline": 0, "agentsAvailable": 0, "callsToday": 0, "type": "queueSearch", "id": 7}],
		"message": "Query 'test' found 1 agent(s) and 1 queue(s)."}`, w.clarity("lead", "GET", "/v2/search/test", "").body)
	require.Contains(t, w.clarity("admin", "GET", "/v2/search/TEST", "").body, "Query 'TEST' found 2 agent(s) and 1 queue(s).")
	requireSample(t, `{"agentsFound": [], "queuesFound": [], "message": "Query 'nobody' found 0 agent(s) and 0 queue(s)."}`, w.clarity("lead", "GET", "/v2/search/nobody", "").body)
	w.event("-5m", "agent.status", "test", `{"status":"available"}`)
	w.settle()
	found := w.clarity("lead", "GET", "/v2/search/user%40domain", "").json(t)
	require.EqualValues(t, 1, at(t, found, "agentsFound", 0, "status"))
	queue := at(t, w.clarity("lead", "GET", "/v2/search/s%20queue", "").json(t), "queuesFound", 0)
	require.Equal(t, []any{1.0, 1.0, 0.0}, []any{at(t, queue, "agentsOnline"), at(t, queue, "agentsAvailable"), at(t, queue, "estimatedWaitTime")})
	for _, path := range []string{"/v2/search", "/v2/search/", "/v2/search/%20"} {
		requireClarityFailure(t, w.clarity("lead", "GET", path, ""), 400)
	}
}

func TestClarity_BatchSample(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z")
	a := w.clarity("lead", "POST", "/v2/", `[{"method":"POST","relativeUrl":"../v2/nothing/agents/?modalities=2&agentIds=5"},{"method":"GET","relativeUrl":"../v2/profile"}]`)
	requireSample(t, `[{"code": 404, "body": {"message": "…"}}, {"code": 200, "body": {"type": "agent", "id": 101, "…": 0}}]`, a.body)
	// The forms of a relativeUrl, bodies as objects and texts, both verbs; each is judged alone and comes in its place.
	parts := []struct{ part, want string }{
		{`{"relativeUrl":"profile"}`, `{"code": 200, "body": {"id": 101, "…": 0}}`},
		{`{"method":"get","relativeUrl":"/v2/profile"}`, `{"code": 200, "body": {"id": 101, "…": 0}}`},
		{`{"method":"GET","relativeUrl":"v2/profile"}`, `{"code": 200, "body": {"id": 101, "…": 0}}`},
		{`{"method":"GET","relativeUrl":"/webapi/api/v2/profile"}`, `{"code": 200, "body": {"id": 101, "…": 0}}`},
		{`{"method":"GET","relativeUrl":"../info"}`, `{"code": 200, "body": {"connectVersion": "4.0.1.0", "…": 0}}`},
		{`{"method":"GET","relativeUrl":"../v1.0/resources/dashboard/localization/xx"}`, `{"code": 404, "body": {"message": "…"}}`},
		{`{"method":"GET","relativeUrl":"../v2/agentStatus/102"}`, `{"code": 401, "body": {"message": "…"}}`},
		{`{"method":"GET","relativeUrl":"../v2/agentStatus/5?currentOnly=true"}`, `{"code": 200, "body": {"id": 5, "…": 0}}`},
		{`{"method":"POST","relativeUrl":"../v2/agentStatus/update/5","body":{"agentStatusId":2}}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"POST","relativeUrl":"../v2/agentStatus/update/5","body":{"agentStatusId":9}}`, `{"code": 204}`},
		{`{"method":"GET","relativeUrl":"../v2/agentStatus/5"}`, `{"code": 200, "body": {"currentStatus": {"agentStatusId": 9, "…": 0}, "…": 0}}`},
		{`{"method":"POST","relativeUrl":"../v2/agentStatus/update/5","body":"{\"agentStatusId\":17}"}`, `{"code": 204}`},
		{`{"method":"POST","relativeUrl":"agents/5","body":{"statusProperties":[1]}}`, `{"code": 200, "body": {"type": "agent", "id": 5, "name": "Ann", "currentStatus": {"agentStatus": "atLunch"}}}`},
		{`{"method":"GET","relativeUrl":"../v2/metrics/specificserver"}`, `{"code": 200, "body": "http://example.com/webapi"}`},
		{`{"method":"POST","relativeUrl":"../v2/","body":[]}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"POST","relativeUrl":"../v2","body":[]}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"GET","relativeUrl":"../../../api/v1/contact-centers"}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"GET","relativeUrl":"%2e%2e/%2e%2e/%2e%2e/healthz"}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"GET","relativeUrl":"http://elsewhere/webapi/api/v2/profile"}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"GET","relativeUrl":""}`, `{"code": 400, "body": {"message": "…"}}`},
		{`{"method":"TRACE","relativeUrl":"../v2/profile"}`, `{"code": 405, "body": {"message": "…"}}`},
		{`{"method":"DELETE","relativeUrl":"../v2/profile"}`, `{"code": 405, "body": {"message": "…"}}`},
	}
	var bodies []string
	for _, p := range parts {
		bodies = append(bodies, p.part)
	}
	got := list(t, w.clarity("lead", "POST", "/v2", "["+strings.Join(bodies, ",")+"]").body)
	require.Len(t, got, len(parts))
	for i, p := range parts {
		t.Log(p.part)
		requireSample(t, p.want, remarshal(t, got[i]))
	}
	batch := func(n int) int {
		one := `{"method":"GET","relativeUrl":"../info"}`
		return w.clarity("lead", "POST", "/v2/", "["+strings.TrimSuffix(strings.Repeat(one+",", n), ",")+"]").StatusCode
	}
	require.Equal(t, []int{200, 200, 400}, []int{batch(0), batch(50), batch(51)})
	for _, body := range []string{``, `null`, `{}`, `{`, `[1]`, `["x"]`} {
		requireClarityFailure(t, w.clarity("lead", "POST", "/v2/", body), 400)
	}
	requireClarityFailure(t, w.do("POST", "/webapi/api/v2/", "[]", "Content-Type", "application/json"), 401)
}

// Every part spends from the caller's own allowance, the batch itself once.
func TestClarity_BatchPartsAreLimitedAlone(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z", func(s *setup) { s.burst = 5 })
	var codes []string
	for _, r := range list(t, w.clarity("lead", "POST", "/v2/", "["+strings.TrimSuffix(strings.Repeat(`{"relativeUrl":"../info"},`, 6), ",")+"]").body) {
		codes = append(codes, fmt.Sprint(at(t, r, "code")))
	}
	require.Equal(t, "200 200 200 200 429 429", strings.Join(codes, " "))
}

// The document lists what answers, and nothing of what it lists is unknown to the router, in either writing of a path.
func TestClarity_DocumentListsWhatAnswers(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z")
	for _, op := range w.app.Registry().Operations() {
		if op.Surface.Tag != "clarity" {
			continue
		}
		for _, path := range append([]string{op.Path}, op.Aliases...) {
			path = strings.NewReplacer("{part}", "metrics", "{id}", "5", "{agentId}", "5", "{sessionId}", "5", "{locale}", "xx", "{query}", "x").Replace(path)
			a := w.do(op.Method, path, "", "Content-Type", "application/json")
			require.Equal(t, 401, a.StatusCode, "%s %s", op.Method, path)
			require.NotEqual(t, 405, w.clarity("lead", op.Method, strings.TrimPrefix(path, "/webapi/api"), "").StatusCode, "%s %s", op.Method, path)
		}
	}
}

func TestClarity_HiddenQueuesAreIDs(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.say("queue", "7", `{"number":70,"name":"Hidden","team_ids":[]}`)
	w.say("queue", "other", `{"number":7,"name":"Shown","team_ids":[]}`)
	w.agent("clerk", "Clerk", `{"number":102,"login":"clerk","role":"agent","team_id":"two","hidden_queue_ids":["7"]}`)
	requireSample(t, `{"items":[{"queueId":70,"queueName":"Hidden"}],"count":1}`, remarshal(t, w.clarity("clerk", "GET", "/v2/profile", "").json(t)["hiddenQueues"]))
}

func TestClarity_UnknownFieldsOfBodiesAreIgnored(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.event("-1h", "agent.login", "ann", `{}`)
	w.settle()
	a := w.clarity("lead", "POST", "/v2/agentStatus/update/5", `{"agentStatusId":1,"context":{"app":"x"},"tags":[]}`)
	require.Equal(t, 204, a.StatusCode, a.body)
	a = w.clarity("lead", "POST", "/v2/clientlogs", `{"message":"x","context":{"app":"x"}}`)
	require.Equal(t, 200, a.StatusCode, a.body)
}

func TestClarity_UnregisterReachesNoInvisibleEndpoint(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z")
	w.agent("aaa", "Aaa", `{"number":200,"login":"aaa","sip":"sip:aaa@x","team_id":"one","gruu":"gruu-aaa"}`)
	w.settle()
	a := w.clarity("lead", "POST", "/v2/profile/unregister?sip=clerk@x&gruu=gruu-aaa", "")
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Equal(t, 401, a.StatusCode, "%v", w.commands)
	require.Empty(t, w.commands)
}
