package surfaces_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"floorwalker/query/route"
)

// requireSample compares with a sample of the specification, where "…" as a value is any value, as an item any more items, and as a
// name any more fields.
func requireSample(t *testing.T, sample, got string) {
	t.Helper()
	var want, have any
	require.NoError(t, json.Unmarshal([]byte(sample), &want), sample)
	require.NoError(t, json.Unmarshal([]byte(got), &have), got)
	if at := differs("", want, have); at != "" {
		require.Fail(t, "differs from the sample at "+at, "want %s\n got %s", compact(t, sample), compact(t, got))
	}
}

func differs(at string, want, have any) string {
	switch want := want.(type) {
	case string:
		if want == "…" {
			return ""
		}
	case map[string]any:
		m, ok := have.(map[string]any)
		if !ok {
			return at
		}
		for name, v := range want {
			if name == "…" {
				continue
			}
			if _, ok := m[name]; !ok {
				return at + "." + name + " (missing)"
			}
			if d := differs(at+"."+name, v, m[name]); d != "" {
				return d
			}
		}
		for name := range m {
			if _, ok := want[name]; !ok && want["…"] == nil {
				return at + "." + name + " (not in the sample)"
			}
		}
		return ""
	case []any:
		list, ok := have.([]any)
		if !ok {
			return at
		}
		for i, v := range want {
			if v == "…" {
				return ""
			}
			if i >= len(list) {
				return fmt.Sprintf("%s[%d] (missing)", at, i)
			}
			if d := differs(fmt.Sprintf("%s[%d]", at, i), v, list[i]); d != "" {
				return d
			}
		}
		if len(list) > len(want) {
			return fmt.Sprintf("%s[%d] (not in the sample)", at, len(want))
		}
		return ""
	}
	if fmt.Sprint(want) != fmt.Sprint(have) || fmt.Sprintf("%T", want) != fmt.Sprintf("%T", have) {
		return fmt.Sprintf("%s: want %v (%T), have %v (%T)", at, want, want, have, have)
	}
	return ""
}

func (w *world) clarityLogin(client string, headers ...string) answer {
	form := url.Values{"grant_type": {"urn:connect.auth:windows"}, "client_id": {client}}
	return w.do("POST", "/webauth/token", form.Encode(), append([]string{"Host", "41.ccdev2015.internal", "Accept", "application/json",
		"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

func (w *world) clarityToken(login string) string {
	w.t.Helper()
	a := w.clarityLogin(clarityClient, "Authorization", basic(login, ameyoPassword))
	require.Equal(w.t, 200, a.StatusCode, a.body)
	return a.json(w.t)["access_token"].(string)
}

// clarity asks as the agent of a login.
func (w *world) clarity(login, method, path, body string) answer {
	w.t.Helper()
	if w.tokens == nil {
		w.tokens = map[string]string{}
	}
	if w.tokens[login] == "" {
		w.tokens[login] = w.clarityToken(login)
	}
	headers := []string{"Authorization", "Bearer " + w.tokens[login], "Accept", "*/*"}
	if method != "GET" {
		headers = append(headers, "Content-Type", "application/json")
	}
	a := w.do(method, "/webapi/api"+path, body, headers...)
	w.requireDeclared(method, "/webapi/api"+path, a)
	return a
}

// requireDeclared holds an answer to the operation's declaration, from which the OpenAPI document is made.
func (w *world) requireDeclared(method, path string, a answer) {
	w.t.Helper()
	path, _, _ = strings.Cut(path, "?")
	op := operationOf(w.app.Registry(), method, path)
	if op == nil {
		return
	}
	for _, r := range append(op.Responses, op.Surface.Failures...) {
		if r.Status != a.StatusCode {
			continue
		}
		if len(r.Contents) == 0 || r.Contents[0].Type != "application/json" {
			require.Empty(w.t, a.body, "%s %s", method, path)
			return
		}
		require.Equal(w.t, "application/json", a.Header.Get("Content-Type"), "%s %s", method, path)
		decoder := json.NewDecoder(strings.NewReader(a.body))
		decoder.UseNumber()
		var v any
		require.NoError(w.t, decoder.Decode(&v))
		require.Nil(w.t, r.Contents[0].Schema.Check(v), "%s %s: %s", method, path, a.body)
		return
	}
	require.Contains(w.t, []int{404, 405, 429}, a.StatusCode, "%s %s: a status that is not declared: %s", method, path, a.body)
}

// operationOf is the operation that a path belongs to: the one with most literal segments that fits.
func operationOf(r *route.Registry, method, path string) (found *route.Operation) {
	best := -1
	for _, op := range r.Operations() {
		if op.Method != method {
			continue
		}
		for _, form := range append([]string{op.Path}, op.Aliases...) {
			if n, ok := fits(form, path); ok && n > best {
				found, best = op, n
			}
		}
	}
	return found
}

func fits(form, path string) (literal int, ok bool) {
	want, have := strings.Split(form, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return 0, false
	}
	for i := range want {
		switch {
		case want[i] == have[i]:
			literal++
		case !strings.HasPrefix(want[i], "{"):
			return 0, false
		}
	}
	return literal, true
}

func requireClarityFailure(t *testing.T, a answer, status int) {
	t.Helper()
	require.Equal(t, status, a.StatusCode, a.body)
	require.NotEmpty(t, a.json(t)["message"])
	if status == 401 {
		require.Regexp(t, `^https?://[^/]+/webauth/token,grant_type="urn:connect.auth:windows"$`, a.Header.Get("WWW-Authenticate"))
	}
}

// supervised has an admin, a lead who sees team 1 with Peter and Ann, and a clerk of team 2.
func supervised(t *testing.T, clock string, changes ...change) *world {
	w := newWorld(t, clock, changes...)
	w.say("contact_center", "6", `{"name":"Six","time_zone":"UTC","clarity":{"version":"4.0.1.0","attendant_uris":["sip:Connect.41.Attendant@ccdev2015.internal"],"domain":"ccdev2015.internal","discovery_user_url":"false"}}`)
	w.say("business_unit", "unit", `{"name":"Sales","number":1}`)
	w.say("team", "one", `{"name":"One","number":1,"business_unit_id":"unit","queue_ids":["robs"]}`)
	w.say("team", "two", `{"name":"Two","number":2,"business_unit_id":"unit","queue_ids":[]}`)
	w.say("group", "all", `{"name":"All","number":9,"team_ids":["one","two"]}`)
	w.say("queue", "robs", `{"name":"robsQ","number":5,"team_ids":[],"business_unit_id":"unit"}`)
	w.say("queue", "own", `{"name":"Own","number":6,"team_ids":[]}`)
	w.say("reason_code", "brk", `{"name":"On Break","number":1,"status":"break"}`)
	w.say("reason_code", "lun", `{"name":"At Lunch","number":2,"status":"lunch"}`)
	w.agent("admin", "Admin", `{"number":100,"login":"admin","role":"admin","sip":"sip:admin@x"}`)
	w.agent("lead", "Lead", `{"number":101,"login":"corp\\lead","role":"supervisor","sip":"sip:lead@x","permissions":{"team_ids":["one"],"record":true}}`)
	w.agent("clerk", "Clerk", `{"number":102,"login":"clerk","role":"agent","sip":"sip:clerk@x","team_id":"two","queue_ids":["own"]}`)
	w.agent("peter", "Peter Miller", `{"number":15,"login":"pmiller","email":"pmiller@ccdev2015.com","sip":"sip:pmiller@ccdev2015.internal","team_id":"one","locale":"en-us","gruu":"1234-ABCD-5678-EFGH",
		"permissions":{"suspend_self":true,"silent_join":true,"record":true},"hidden_queue_ids":["-1","robs"]}`)
	w.agent("ann", "Ann", `{"number":5,"login":"ann","sip":"sip:ann@x","team_id":"one"}`)
	w.settle()
	return w
}

func TestClarity_TokenSample(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z")
	a := w.clarityLogin(clarityClient, "Authorization", basic("admin", ameyoPassword))
	require.Equal(t, 200, a.StatusCode, a.body)
	requireSample(t, `{"access_token": "…", "token_type": "bearer", "expires_in": 35999}`, a.body)
	parts := strings.Split(a.json(t)["access_token"].(string), ".")
	decoded := func(s string) string {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
		return string(raw)
	}
	requireSample(t, `{"typ": "JWT", "alg": "HS256", "kid": "…"}`, decoded(parts[0]))
	requireSample(t, fmt.Sprintf(`{"connect_agent_id": "100", "iss": "http://41.ccdev2015.internal/webauth/token", "aud": %q, "exp": %d, "nbf": %d, "sub": "admin"}`,
		clarityClient, w.now().Add(10*time.Hour).Unix(), w.now().Unix()), decoded(parts[1]))
	bad := w.clarityLogin("no-such-client", "Authorization", basic("admin", ameyoPassword))
	require.Equal(t, 400, bad.StatusCode)
	requireText(t, `{"error":"invalid_clientId","error_description":"client_id is not valid"}`, bad.body)
}

func TestClarity_WhoGetsATokenAndWhoDoesNot(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z")
	// Whoever is a user in one contact centre is nobody in another, even where an agent has the same login there.
	w.sayOf("other", "agent", "admin", `{"name":"Admin","number":1,"login":"admin","email":"","role":"admin","skills":[],"queue_ids":[],"campaign_ids":[]}`)
	for name, c := range map[string]struct {
		client  string
		headers []string
		status  int
	}{
		"nobody":                     {clarityClient, nil, 401},
		"wrong password":             {clarityClient, []string{"Authorization", basic("admin", "wrong")}, 401},
		"unknown user":               {clarityClient, []string{"Authorization", basic("stranger", ameyoPassword)}, 401},
		"user who is no agent":       {clarityClient, []string{"Authorization", basic("ghost", ameyoPassword)}, 401},
		"agent who is no user":       {clarityClient, []string{"Authorization", basic("pmiller", ameyoPassword)}, 401},
		"malformed":                  {clarityClient, []string{"Authorization", "Basic !"}, 401},
		"another scheme":             {clarityClient, []string{"Authorization", "Negotiate AAAA"}, 401},
		"login with domain":          {clarityClient, []string{"Authorization", basic("lead", ameyoPassword)}, 200},
		"user with domain":           {clarityClient, []string{"Authorization", basic(`corp\clerk`, ameyoPassword)}, 200},
		"in another case":            {clarityClient, []string{"Authorization", basic("ADMIN", ameyoPassword)}, 200},
		"another centre's user":      {clarityClient, []string{"Authorization", basic(other+"admin", ameyoPassword)}, 401},
		"another centre's client":    {other + clarityClient, []string{"Authorization", basic("admin", ameyoPassword)}, 401},
		"unknown client, known user": {"x", []string{"Authorization", basic("admin", ameyoPassword)}, 400},
		"unknown client, nobody":     {"x", []string{"Authorization", basic("admin", "wrong")}, 401},
		"no client":                  {"", []string{"Authorization", basic("clerk", ameyoPassword)}, 400},
	} {
		a := w.clarityLogin(c.client, c.headers...)
		require.Equal(t, c.status, a.StatusCode, "%s: %s", name, a.body)
		if c.status == 401 {
			require.Equal(t, `Basic realm="connect", charset="UTF-8"`, a.Header.Get("WWW-Authenticate"), name)
		}
	}
	for _, grant := range []string{"", "password", "urn:connect.auth:WINDOWS"} {
		a := w.do("POST", "/webauth/token", "grant_type="+grant+"&client_id="+clarityClient, "Content-Type", "application/x-www-form-urlencoded",
			"Authorization", basic("admin", ameyoPassword))
		require.Equal(t, 400, a.StatusCode)
		require.Equal(t, "unsupported_grant_type", a.json(t)["error"])
	}
	require.Equal(t, 400, w.do("POST", "/webauth/token", "{}", "Content-Type", "application/json").StatusCode)
}

func TestClarity_WithoutValidTokenComesTheChallenge(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z")
	for _, path := range []string{"/webapi/api/v2/profile", "/webapi/api/info", "/webapi/api/v2/agentStatus/5", "/webapi/api/v2/nothing", "/webapi/api", "/webapi/api/"} {
		a := w.do("GET", path, "", "Host", "41.ccdev2015.internal")
		requireClarityFailure(t, a, 401)
		require.Equal(t, `http://41.ccdev2015.internal/webauth/token,grant_type="urn:connect.auth:windows"`, a.Header.Get("WWW-Authenticate"))
	}
	for _, path := range []string{"/webapi/api/v2/profile", "/webapi/api/info", "/webapi/api"} {
		a := w.do("POST", path, "")
		requireClarityFailure(t, a, 401)
		require.Empty(t, a.Header.Get("Allow"))
	}
	require.Equal(t, 404, w.clarity("admin", "GET", "/v2/nothing", "").StatusCode)
	require.Equal(t, 405, w.clarity("admin", "DELETE", "/v2/profile", "").StatusCode)
	token := w.clarityToken("admin")
	status := func(authorization string) int {
		return w.do("GET", "/webapi/api/v2/profile", "", "Authorization", authorization).StatusCode
	}
	require.Equal(t, 200, status("Bearer "+token))
	require.Equal(t, 200, status("bearer "+token))
	require.Equal(t, 401, status(token))
	require.Equal(t, 401, status(basic("admin", ameyoPassword)), "a password is for the token service only")
	w.advance(10*time.Hour - time.Second)
	require.Equal(t, 200, status("Bearer "+token))
	w.advance(time.Second)
	require.Equal(t, 401, status("Bearer "+token), "expired")
}

func TestClarity_ForgedTokens(t *testing.T) {
	key := strings.Repeat("k", 32)
	t.Setenv("CLARITY_KEY", key)
	w := supervised(t, "2016-09-02T20:00:00Z", func(s *setup) { s.centers[0].Surfaces.Clarity.SigningKeyEnv = "CLARITY_KEY" })
	real, _, err := jwt.NewParser().ParseUnverified(w.clarityToken("admin"), jwt.MapClaims{})
	require.NoError(t, err)
	make := func(method jwt.SigningMethod, key any, headers map[string]any, change jwt.MapClaims) string {
		claims := jwt.MapClaims{}
		for name, v := range real.Claims.(jwt.MapClaims) {
			claims[name] = v
		}
		for name, v := range change {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"] = real.Header["kid"]
		for name, v := range headers {
			token.Header[name] = v
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	hs, ours := jwt.SigningMethodHS256, []byte(key)
	status := func(token string) int {
		return w.do("GET", "/webapi/api/v2/profile", "", "Authorization", "Bearer "+token).StatusCode
	}
	require.Equal(t, 200, status(make(hs, ours, nil, nil)))
	for name, token := range map[string]string{
		"another key":              make(hs, []byte(strings.Repeat("x", 32)), nil, nil),
		"no algorithm":             make(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		"another algorithm":        make(jwt.SigningMethodHS512, ours, nil, nil),
		"unknown kid":              make(hs, ours, map[string]any{"kid": "x"}, nil),
		"no kid":                   make(hs, ours, map[string]any{"kid": nil}, nil),
		"unknown client":           make(hs, ours, nil, jwt.MapClaims{"aud": "x"}),
		"another centre's client":  make(hs, ours, nil, jwt.MapClaims{"aud": other + clarityClient}),
		"no client":                make(hs, ours, nil, jwt.MapClaims{"aud": nil}),
		"another issuer":           make(hs, ours, nil, jwt.MapClaims{"iss": "floorwalker"}),
		"no expiry":                make(hs, ours, nil, jwt.MapClaims{"exp": nil}),
		"expired":                  make(hs, ours, nil, jwt.MapClaims{"exp": w.now().Unix() - 1}),
		"not yet":                  make(hs, ours, nil, jwt.MapClaims{"nbf": w.now().Unix() + 1}),
		"no begin":                 make(hs, ours, nil, jwt.MapClaims{"nbf": nil}),
		"no agent":                 make(hs, ours, nil, jwt.MapClaims{"sub": nil}),
		"another surface's":        w.vonageToken(),
		"cut":                      make(hs, ours, nil, nil)[:60],
		"not base64, nothing else": "a.b.c",
	} {
		require.Equal(t, 401, status(token), name)
	}
	require.Equal(t, 404, status(make(hs, ours, nil, jwt.MapClaims{"sub": "nobody"})), "the agent is no longer there")
	require.Equal(t, 401, w.do("GET", "/webapi/api/info", "", "Authorization", "Bearer "+make(hs, ours, nil, jwt.MapClaims{"sub": "nobody"})).StatusCode)
}

// Whoever changes the key and keeps the old one signs nobody out; without the old one, everybody.
func TestClarity_KeyRotation(t *testing.T) {
	t.Setenv("CLARITY_OLD", strings.Repeat("o", 32))
	t.Setenv("CLARITY_NEW", strings.Repeat("n", 32))
	key := func(now, before string) change {
		return func(s *setup) {
			s.centers[0].Surfaces.Clarity.SigningKeyEnv, s.centers[0].Surfaces.Clarity.PreviousSigningKeyEnv = now, before
		}
	}
	old := supervised(t, "2016-09-02T20:00:00Z", key("CLARITY_OLD", "")).clarityToken("admin")
	rotated := supervised(t, "2016-09-02T20:00:00Z", key("CLARITY_NEW", "CLARITY_OLD"))
	without := supervised(t, "2016-09-02T20:00:00Z", key("CLARITY_NEW", ""))
	fresh := rotated.clarityToken("admin")
	status := func(w *world, token string) int {
		return w.do("GET", "/webapi/api/v2/profile", "", "Authorization", "Bearer "+token).StatusCode
	}
	require.Equal(t, []int{200, 200, 401, 200}, []int{status(rotated, old), status(rotated, fresh), status(without, old), status(without, fresh)})
}

func TestClarity_InfoAndProfileSamples(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z", func(s *setup) { s.centers[0].Surfaces.Clarity.Users[3].Name = "pmiller" })
	requireSample(t, `{"connectVersion": "4.0.1.0", "apiVersions": [{"version": "1.0", "relativeUrl": "/v1.0"}, {"version": "2", "relativeUrl": "/v2"}],
		"signalRTransports": ["webSockets", "serverSentEvents", "longPolling"]}`, w.clarity("pmiller", "GET", "/info", "").body)
	// hiddenQueues' numbers, proxyDirectCalls and hideRecordingButton have the dictionary's types.
	requireSample(t, `{"type": "agent", "id": 15, "teamId": 1, "name": "Peter Miller", "emailAddress": "pmiller@ccdev2015.com", "localeKey": "en-us",
		"enabledModalities": ["audio", "instantMessage", "message"], "isDirectProxyEnabled": false, "isFederatedDeployment": false, "canMarkSelfAsSuspended": true,
		"useSilverlightAgentConsole": false, "hideRecordButton": false, "attendantSipUri": "sip:Connect.41.Attendant@ccdev2015.internal", "domain": "ccdev2015.internal",
		"hideRecordingButton": false, "discoveryXFrameUrlOverride": "", "discoveryUserUrlOverride": "false", "agentGRUU": "1234-ABCD-5678-EFGH", "proxyDirectCalls": false,
		"hiddenQueues": {"items": [{"queueId": -1, "queueName": "Direct Inbound"}, {"queueId": 5, "queueName": "robsQ"}], "count": 2}}`, w.clarity("pmiller", "GET", "/v2/profile", "").body)
	require.EqualValues(t, -1, w.clarity("admin", "GET", "/v2/profile", "").json(t)["teamId"], "no team")
}

func TestClarity_MbuAndDashboardSamples(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z")
	requireSample(t, `{"agents": [
		{"type": "Agent", "id": 5, "name": "Ann", "teamId": 1, "canSilentJoin": false, "canWhisperJoin": false, "canRecord": false},
		{"type": "Agent", "id": 101, "name": "Lead", "teamId": null, "canSilentJoin": false, "canWhisperJoin": false, "canRecord": true},
		{"type": "Agent", "id": 15, "name": "Peter Miller", "teamId": 1, "canSilentJoin": true, "canWhisperJoin": false, "canRecord": true}],
		"queues": [{"type": "Queue", "id": 5, "name": "robsQ", "businessUnitId": 1, "teamIds": [1]}],
		"teams": [{"type": "Team", "id": 1, "name": "One", "businessUnitId": 1, "groupIds": [9], "agentIds": [5, 15], "queueIds": [5]}],
		"groups": [{"type": "Group", "id": 9, "name": "All", "teamIds": [1]}],
		"businessUnits": [{"type": "Business Unit", "id": 1, "name": "Sales", "teamIds": [1], "queueIds": [5]}]}`, w.clarity("lead", "GET", "/v2/profile/mbu", "").body)
	require.Equal(t, 404, w.clarity("lead", "GET", "/v2/profile/dashboardsettings", "").StatusCode)
	w.say("dashboard", "default", `{"template_id":"1","template_revision":"1","definition":{"tiles":[1]}}`)
	requireSample(t, `{"templateId": 1, "templateRevision": 1, "definition": {"tiles": [1]}, "agentConsoleTemplateId": 0, "agentConsoleTemplateRevision": 0,
		"agentConsoleDefinition": {}, "attendantEndpoint": "sip:Connect.41.Attendant@ccdev2015.internal"}`, w.clarity("lead", "GET", "/v2/profile/dashboardsettings", "").body)
	w.say("dashboard", "lead", `{"template_id":"7","template_revision":"2","definition":{}}`)
	require.EqualValues(t, 7, w.clarity("lead", "GET", "/v2/profile/dashboardsettings", "").json(t)["templateId"], "its own")
}

func TestClarity_Unregister(t *testing.T) {
	w := supervised(t, "2016-09-02T20:00:00Z")
	w.event("-5m", "interaction.created", "77", `{"channel":"voice","direction":"inbound"}`)
	w.event("-5m", "interaction.connected", "77", `{"agent_id":"peter"}`)
	w.event("-5m", "interaction.created", "78", `{"channel":"voice","direction":"inbound"}`)
	w.event("-5m", "interaction.connected", "78", `{"agent_id":"clerk"}`)
	w.settle()
	told := func() (out []string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.commands {
			out = append(out, c.Type+" "+c.Subject+" "+string(c.Data))
		}
		w.commands = nil
		return out
	}
	a := w.clarity("lead", "POST", "/v2/profile/unregister?sip=pmiller@ccdev2015.internal&gruu=1234&sids=77,99", "")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Empty(t, a.body)
	require.Equal(t, []string{`cc.command.agent_unregister peter {"sip":"pmiller@ccdev2015.internal","gruu":"1234"}`, `cc.command.end 77 {"requested_by":"lead"}`}, told())
	requireClarityFailure(t, w.clarity("lead", "POST", "/v2/profile/unregister?sids=77,78", ""), 401)
	requireClarityFailure(t, w.clarity("lead", "POST", "/v2/profile/unregister?sip=clerk@x", ""), 401)
	require.Empty(t, told(), "a refused request does nothing")
}

func TestClarity_AgentStatusSamples(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.say("reason_code", "brk", `{"name":"In A Meeting","number":1,"status":"meeting"}`)
	w.agent("nosip", "No Sip", `{"number":16,"login":"nosip","team_id":"one"}`)
	w.event("2016-10-14T13:00:00Z", "agent.login", "peter", `{}`)
	w.event("2016-10-14T13:59:54.993Z", "agent.status", "peter", `{"status":"meeting","reason":{"id":"brk","name":"In A Meeting"}}`)
	w.event("2016-10-14T13:59:54.993Z", "agent.status", "nosip", `{"status":"available"}`)
	w.settle()
	const sample = `{"type": "agent", "id": 15, "name": "Peter Miller", "currentStatus": {"agentStatus": "unavailable", "agentStatusId": 3, "reasonCodeName": "In A Meeting",
		"reasonCodeId": 1, "startTime": "2016-10-14T13:59:54.993Z", "isSuspended": false}}`
	for _, path := range []string{"/v2/agentStatus/15?currentOnly=true", "/v2/agentStatus/15", "/v2/agentstatus/15?currentonly=True", "/v2/agentStatus/peter"} {
		requireSample(t, sample, w.clarity("lead", "GET", path, "").body)
	}
	requireSample(t, `{"type": "agent", "id": 16, "currentStatus": {"agentStatus": "unknown", "agentStatusId": 4}}`, w.clarity("lead", "GET", "/v2/agentStatus/16?currentOnly=true", "").body)
	requireSample(t, `{"type": "agent", "id": 5, "currentStatus": {"agentStatus": "unknown", "agentStatusId": 4}}`, w.clarity("lead", "GET", "/v2/agentStatus/5", "").body)
	for _, value := range []string{"false", "maybe"} {
		a := w.clarity("lead", "GET", "/v2/agentStatus/15?currentOnly="+value, "")
		requireClarityFailure(t, a, 400)
		require.Contains(t, a.body, "must have query string parameter currentOnly=true")
	}
	for _, id := range []string{"102", "clerk", "999", "nobody"} {
		requireClarityFailure(t, w.clarity("lead", "GET", "/v2/agentStatus/"+id, ""), 401)
		requireClarityFailure(t, w.clarity("lead", "GET", "/v2/agentStatus/list/"+id, ""), 401)
		requireClarityFailure(t, w.clarity("lead", "POST", "/v2/agentStatus/update/"+id, `{"agentStatusId":1}`), 401)
	}
	require.Equal(t, 200, w.clarity("clerk", "GET", "/v2/agentStatus/102", "").StatusCode, "oneself")
}

func TestClarity_ListOfStatusesSample(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	requireSample(t, `{"items": [{"agentStatus": "available", "agentStatusId": 1}, {"agentStatus": "unavailable", "agentStatusId": 3},
		{"agentStatus": "unavailable", "agentStatusId": 3, "reasonCodeName": "On Break", "reasonCodeId": 1},
		{"agentStatus": "unavailable", "agentStatusId": 3, "reasonCodeName": "At Lunch", "reasonCodeId": 2}, "…"], "count": 10}`,
		w.clarity("lead", "GET", "/v2/agentStatus/list/5", "").body)
	var ids []any
	for _, s := range at(t, w.clarity("lead", "GET", "/v2/agentStatus/list/5", "").json(t), "items").([]any) {
		ids = append(ids, at(t, s, "agentStatusId"))
	}
	require.Equal(t, []any{1.0, 3.0, 3.0, 3.0, 6.0, 7.0, 9.0, 10.0, 17.0, 18.0}, ids)
}

func TestClarity_UpdateStatus(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	for _, id := range []string{"peter", "ann", "lead", "clerk"} {
		w.event("-1h", "agent.login", id, `{}`)
	}
	w.settle()
	shown := func(id string) string {
		s := at(t, w.clarity("admin", "GET", "/v2/agentStatus/"+id, "").json(t), "currentStatus").(map[string]any)
		return fmt.Sprintf("%v %v %v %v", s["agentStatusId"], s["agentStatus"], s["reasonCodeId"], s["isSuspended"])
	}
	for _, c := range []struct{ path, body, want string }{
		{"/v2/agentstatus/update/5", `{ "agentStatusId": 3, "reasonCodeId": 1 }`, "3 unavailable 1 false"},
		{"/v2/agentStatus/update/5", `{"isSuspended": true}`, "3 unavailable 1 true"},
		{"/v2/agentStatus/update/5", `{"isSuspended": false, "agentStatusId": null}`, "3 unavailable 1 false"},
		{"/v2/agentStatus/update/5", `{"agentStatusId": 1}`, "1 available <nil> false"},
		{"/v2/agentStatus/update/5", `{"reasonCodeId": 2}`, "3 unavailable 2 false"},
		{"/v2/agentStatus/update/5", `{"agentStatusId": 3}`, "3 unavailable <nil> false"},
		{"/v2/agentStatus/update/5", `{"AGENTSTATUSID": "7"}`, "7 offPhoneActivity <nil> false"},
		{"/v2/agentStatus/update/5", `{"agentStatusId": 9}`, "9 busy <nil> false"},
		{"/v2/agentStatus/update/5", `{"agentStatusId": 10}`, "10 beRightBack <nil> false"},
		{"/v2/agentStatus/update/5", `{"agentStatusId": 17}`, "17 atLunch <nil> false"},
		{"/v2/agentStatus/update/5?agentStatusId=18", ``, "18 offWork <nil> false"},
		{"/v2/agentStatus/update/5?agentstatusid=3&reasonCodeId=2", ``, "3 unavailable 2 false"},
		{"/v2/agentStatus/update/5?isSuspended=true", ``, "3 unavailable 2 true"},
		{"/v2/agentStatus/update/5", `{"agentStatusId": 6}`, "6 loggedOut <nil> true"},
	} {
		a := w.clarity("lead", "POST", c.path, c.body)
		require.Equal(t, 204, a.StatusCode, "%s %s: %s", c.path, c.body, a.body)
		require.Empty(t, a.body)
		require.Equal(t, c.want, shown("5"), c.body)
	}
	for _, body := range []string{``, `{}`, `null`, `[]`, `{`, `{"agentStatusId":1,"isSuspended":false}`, `{"reasonCodeId":1,"isSuspended":false}`, `{"agentStatusId":1,"reasonCodeId":1}`,
		`{"agentStatusId":3,"reasonCodeId":99}`, `{"agentStatusId":2}`, `{"agentStatusId":4}`, `{"agentStatusId":12}`, `{"agentStatusId":20}`, `{"agentStatusId":"x"}`,
		`{"agentStatusId":[1]}`, `{"isSuspended":"maybe"}`} {
		requireClarityFailure(t, w.clarity("lead", "POST", "/v2/agentStatus/update/15", body), 400)
	}
	requireClarityFailure(t, w.clarity("lead", "POST", "/v2/agentStatus/update/lead", `{"isSuspended":true}`), 401)
	require.Equal(t, 204, w.clarity("clerk", "POST", "/v2/agentStatus/update/102", `{"agentStatusId":9}`).StatusCode, "oneself")
}

// Of a call, the kind of the interaction counts.
func TestClarity_StatusOfDirectCalls(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.event("-1h", "agent.login", "ann", `{}`)
	shown := func() any {
		w.settle()
		return at(t, w.clarity("lead", "GET", "/v2/agentStatus/5", "").json(t), "currentStatus", "agentStatus")
	}
	w.event("-9m", "interaction.created", "i", `{"channel":"voice","direction":"inbound","kind":"direct_inbound","agent_id":"ann"}`)
	w.event("-9m", "interaction.offered", "i", `{"agent_id":"ann"}`)
	require.Equal(t, "directInboundDial", shown())
	w.event("-8m", "interaction.connected", "i", `{"agent_id":"ann"}`)
	require.Equal(t, "directCall", shown())
	w.event("-7m", "interaction.ended", "i", `{"reason":"completed"}`)
	w.event("-6m", "interaction.created", "j", `{"channel":"voice","direction":"inbound"}`)
	w.event("-6m", "interaction.queued", "j", `{"queue_id":"robs"}`)
	w.event("-5m", "interaction.offered", "j", `{"agent_id":"ann"}`)
	require.Equal(t, "ringing", shown())
	w.event("-4m", "interaction.connected", "j", `{"agent_id":"ann"}`)
	require.Equal(t, "inCall", shown())
	w.event("-3m", "interaction.wrap_started", "j", `{"agent_id":"ann"}`)
	require.Equal(t, "afterCall", shown())
	w.event("-2m", "interaction.created", "k", `{"channel":"voice","direction":"outbound","agent_id":"ann"}`)
	require.Equal(t, "directOutboundDial", shown())
}
