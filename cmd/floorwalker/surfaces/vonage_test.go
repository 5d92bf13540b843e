package surfaces_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const form = "application/x-www-form-urlencoded"

func (w *world) getToken(values string, headers ...string) answer {
	return w.do("POST", "/Auth/connect/token", values, append([]string{"Content-Type", form}, headers...)...)
}

func TestVonage_Token(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.settle()
	good := "grant_type=client_credentials&client_id=" + vonageID + "&client_secret=" + vonageSecret
	for _, a := range []answer{w.getToken(good), w.getToken(good + "&scope=stats"), w.getToken(good + "&scope=stats&unknown=1"),
		w.getToken("grant_type=client_credentials", "Authorization", basic(vonageID, url.QueryEscape(vonageSecret)))} {
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, []string{"no-store", "no-cache"}, []string{a.Header.Get("Cache-Control"), a.Header.Get("Pragma")})
		m := a.json(t)
		require.Equal(t, []any{3600.0, "Bearer", "stats"}, []any{m["expires_in"], m["token_type"], m["scope"]})
		require.Equal(t, 200, w.status("Bearer "+m["access_token"].(string)))
	}
	for _, c := range []struct {
		values, code string
		status       int
	}{
		{"", "invalid_request", 400},
		{"grant_type=password&client_id=" + vonageID + "&client_secret=" + vonageSecret, "unsupported_grant_type", 400},
		{"grant_type=client_credentials", "invalid_client", 401},
		{"grant_type=client_credentials&client_id=" + vonageID + "&client_secret=wrong", "invalid_client", 401},
		{"grant_type=client_credentials&client_id=nobody&client_secret=" + vonageSecret, "invalid_client", 401},
		{"grant_type=client_credentials&client_id=" + other + vonageID + "&client_secret=" + vonageSecret, "invalid_client", 401},
		{good + "&scope=admin", "invalid_scope", 400},
		{good + "&scope=stats+admin", "invalid_scope", 400},
	} {
		a := w.getToken(c.values)
		require.Equal(t, c.status, a.StatusCode, c.values)
		require.Equal(t, c.code, a.json(t)["error"], c.values)
		require.Equal(t, c.status == 401, a.Header.Get("WWW-Authenticate") != "")
	}
	for _, a := range []answer{w.do("POST", "/Auth/connect/token", "{}", "Content-Type", "application/json"), w.do("POST", "/Auth/connect/token", "")} {
		require.Equal(t, 400, a.StatusCode)
		require.Equal(t, "invalid_request", a.json(t)["error"])
	}
	require.NotContains(t, w.log.String(), vonageSecret)

	token := w.vonageToken()
	w.advance(59 * time.Minute)
	require.Equal(t, 200, w.status("Bearer "+token))
	w.advance(2 * time.Minute)
	require.Equal(t, 401, w.status("Bearer "+token), "it has expired")
}

func (w *world) status(authorization string) int {
	return w.do("GET", "/stats/agent-status", "", "Authorization", authorization, "Accept", "application/vnd.newvoicemedia.v3+json").StatusCode
}

// Tokens that others have signed, or that are not ours, let nobody in.
func TestVonage_ForgedTokens(t *testing.T) {
	key := strings.Repeat("k", 32)
	w := newWorld(t, "2026-11-21T12:00:00Z", func(s *setup) {
		t.Setenv("FW_TEST_VONAGE_KEY", key)
		s.centers[0].Surfaces.Vonage.SigningKeyEnv = "FW_TEST_VONAGE_KEY"
	})
	w.settle()
	claims := func(with jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "floorwalker", "aud": "floorwalker/vonage", "sub": vonageID, "scope": "stats", "exp": w.now().Unix() + 60}
		for name, v := range with {
			c[name] = v
			if v == nil {
				delete(c, name)
			}
		}
		return c
	}
	sign := func(method jwt.SigningMethod, key any, with jwt.MapClaims) string {
		s, err := jwt.NewWithClaims(method, claims(with)).SignedString(key)
		require.NoError(t, err)
		return "Bearer " + s
	}
	hs, ours := jwt.SigningMethodHS256, []byte(key)
	require.Equal(t, 200, w.status(sign(hs, ours, nil)))
	require.Equal(t, 403, w.status(sign(hs, ours, jwt.MapClaims{"scope": "other"})), "without the scope")
	require.Equal(t, 403, w.status(sign(hs, ours, jwt.MapClaims{"scope": nil})))
	for _, forged := range []string{"", "Bearer", "Bearer x", "Bearer a.b.c", "Basic " + vonageID, basic(vonageID, vonageSecret), "Bearer " + nativeToken,
		sign(hs, []byte(strings.Repeat("x", 32)), nil), sign(jwt.SigningMethodHS512, ours, nil), sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		sign(hs, ours, jwt.MapClaims{"sub": other + vonageID}), sign(hs, ours, jwt.MapClaims{"sub": "nobody"}), sign(hs, ours, jwt.MapClaims{"sub": nil}),
		sign(hs, ours, jwt.MapClaims{"iss": "somebody"}), sign(hs, ours, jwt.MapClaims{"aud": "floorwalker/clarity"}), sign(hs, ours, jwt.MapClaims{"exp": nil}),
		sign(hs, ours, jwt.MapClaims{"exp": w.now().Unix() - 1})} {
		require.Equal(t, 401, w.status(forged), forged)
	}
	require.NotContains(t, w.log.String(), "eyJ", "tokens stay out of the log")
}

func TestVonage_RequestsAndPages(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	for i := range 30 {
		w.agent(fmt.Sprintf("a%02d", i), "A", "")
	}
	w.sayOf("other", "agent", "theirs", `{"name":"A","login":"a","email":"e","role":"agent","skills":[],"queue_ids":[],"campaign_ids":[]}`)
	w.settle()
	bearer := "Bearer " + w.vonageToken()
	for _, accept := range []string{"", "*/*", "application/json", "application/vnd.newvoicemedia.v2+json"} {
		a := w.do("GET", "/stats/agent-status", "", "Authorization", bearer, "Accept", accept)
		require.Equal(t, 400, a.StatusCode, accept)
		require.NotEmpty(t, a.json(t)["message"])
	}
	for _, accept := range []string{"application/vnd.newvoicemedia.v3+json", "application/json, application/vnd.newvoicemedia.v3+json;q=0.9", "Application/Vnd.NewVoiceMedia.V3+JSON"} {
		require.Equal(t, 200, w.do("GET", "/stats/agent-status", "", "Authorization", bearer, "Accept", accept, "x-external-id", "mine").StatusCode, accept)
	}
	for _, c := range []struct {
		query                          string
		page, count, pageCount, limits int
		first                          string
	}{
		{"", 1, 25, 2, 25, "a00"}, {"?page=2", 2, 5, 2, 25, "a25"}, {"?page=3", 3, 0, 2, 25, ""}, {"?limit=5000", 1, 30, 1, 5000, "a00"}, {"?limit=7&page=5", 5, 2, 5, 7, "a28"},
		{"?limit=1", 1, 1, 30, 1, "a00"}, {"?page=&limit=", 1, 25, 2, 25, "a00"}, {"?page=2147483647&limit=5000", 2147483647, 0, 1, 5000, ""}, {"?page=1&page=2", 1, 25, 2, 25, "a00"}, {"?x=1", 1, 25, 2, 25, "a00"},
	} {
		a := w.vonage("agent-status" + c.query)
		require.Equal(t, 200, a.StatusCode, a.body)
		m := a.json(t)
		require.Equal(t, map[string]any{"page": float64(c.page), "count": float64(c.count), "pageCount": float64(c.pageCount), "totalCount": 30.0}, m["meta"], c.query)
		require.Len(t, m["items"], c.count)
		if c.first != "" {
			require.Equal(t, c.first, at(t, m, "items", 0, "agentId"))
		}
	}
	for _, query := range []string{"?page=0", "?page=-1", "?page=x", "?limit=0", "?limit=5001", "?limit=x"} {
		a := w.vonage("agent-status" + query)
		require.Equal(t, 400, a.StatusCode, query)
		require.NotEmpty(t, a.json(t)["message"], query)
	}
	require.Equal(t, 404, w.vonage("nothing").StatusCode)
	require.NotEmpty(t, w.vonage("nothing").json(t)["message"])
	require.NotContains(t, w.vonage("agent-status?limit=5000").body, "theirs")
}

// interactions of one agent as name/reason.
func (w *world) interactionsOf(id string) []string {
	w.t.Helper()
	out := []string{}
	for _, item := range w.vonage("agent-status?limit=5000").json(w.t)["items"].([]any) {
		if at(w.t, item, "agentId") != id {
			continue
		}
		for _, i := range at(w.t, item, "interaction").([]any) {
			reason := at(w.t, i, "reason")
			if reason == nil {
				reason = "-"
			}
			out = append(out, fmt.Sprint(at(w.t, i, "medium"), " ", at(w.t, i, "direction"), " ", at(w.t, i, "state"), " ", reason))
		}
	}
	return out
}

// Every state and reason, made by events.
func TestVonage_Interactions(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.event("-1h", "agent.status", "a", `{"status":"available"}`)
	w.event("-1h", "agent.status", "spy", `{"status":"available"}`)
	n := 0
	step := func(typ, id, data string, want ...string) {
		t.Helper()
		n++
		w.event(fmt.Sprintf("-%ds", 3000-n), "interaction."+typ, id, data)
		w.settle()
		require.Equal(t, append([]string{}, want...), w.interactionsOf("a"), "after %s %s", typ, id)
	}
	step("created", "v", `{"channel":"voice","direction":"inbound"}`)
	step("offered", "v", `{"agent_id":"a"}`, "Phone Inbound Ringing -")
	step("declined", "v", `{"agent_id":"a","reason":"no_answer"}`, "Phone Inbound Unexpected NoAnswer")
	for reason, want := range map[string]string{"busy": "NumberBusy", "rejected": "CallRejected", "unreachable": "NumberUnobtainable", "failed": "CallFailed", "connection_unavailable": "ConnectionUnavailable"} {
		step("offered", "v", `{"agent_id":"a"}`, "Phone Inbound Ringing -")
		step("declined", "v", `{"agent_id":"a","reason":"`+reason+`"}`, "Phone Inbound Unexpected "+want)
	}
	step("offered", "v", `{"agent_id":"a"}`, "Phone Inbound Ringing -")
	step("declined", "v", `{"agent_id":"a","reason":"customer_abandoned"}`)
	step("offered", "v", `{"agent_id":"a"}`, "Phone Inbound Ringing -")
	step("connected", "v", `{"agent_id":"a"}`, "Phone Inbound Connected -")
	step("held", "v", `{"agent_id":"a"}`, "Phone Inbound Connected -")
	step("resumed", "v", `{"agent_id":"a"}`, "Phone Inbound Connected -")
	step("parked", "v", `{"agent_id":"a"}`)
	step("unparked", "v", `{"agent_id":"a"}`, "Phone Inbound Connected Unparked")
	step("held", "v", `{"agent_id":"a"}`, "Phone Inbound Connected -")
	step("connected", "v", `{"agent_id":"spy","role":"silent_join"}`, "Phone Inbound Connected -")
	require.Equal(t, []string{"Phone Inbound Connected Monitor"}, w.interactionsOf("spy"))
	step("wrap_started", "v", `{"agent_id":"a"}`, "Phone Inbound Wrap -")
	step("ended", "v", `{"reason":"completed"}`, "Phone Inbound Wrap -")
	step("wrap_ended", "v", `{"agent_id":"a"}`)
	step("created", "c", `{"channel":"chat","direction":"inbound"}`)
	step("connected", "c", `{"agent_id":"a"}`, "Chat Inbound Connected -")
	step("held", "c", `{"agent_id":"a"}`)
	step("resumed", "c", `{"agent_id":"a"}`, "Chat Inbound Connected Resumed")
	step("ended", "c", `{"reason":"completed"}`)
	step("created", "o", `{"channel":"video","direction":"outbound","agent_id":"a"}`, "Video Outbound Ringing -")
	step("ended", "o", `{"reason":"failed","cause":"unreachable"}`, "Video Outbound Failed NumberUnobtainable")
	step("created", "p", `{"channel":"voice","direction":"internal","agent_id":"a"}`, "Phone Internal Ringing -")
	step("ended", "p", `{"reason":"failed","cause":"rejected"}`, "Phone Internal Failed CallRejected")
	step("created", "q", `{"channel":"voice","direction":"internal","agent_id":"a"}`, "Phone Internal Ringing -")
	step("ended", "q", `{"reason":"failed"}`, "Phone Internal Failed CallFailed")
	for _, c := range [][2]string{{"message", "Message"}, {"email", "Email"}, {"task", "Task"}} {
		step("created", c[0], `{"channel":"`+c[0]+`","direction":"inbound"}`, "Phone Internal Failed CallFailed")
		step("connected", c[0], `{"agent_id":"a"}`, c[1]+" Inbound Connected -")
		step("ended", c[0], `{"reason":"completed"}`)
		w.event(fmt.Sprintf("-%ds", 3000-n), "agent.status", "a", `{"status":"break"}`)
		step("created", c[0]+"2", `{"channel":"voice","direction":"internal","agent_id":"a"}`, "Phone Internal Ringing -")
		step("ended", c[0]+"2", `{"reason":"failed"}`, "Phone Internal Failed CallFailed")
	}
}

func TestVonage_Presences(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.say("reason_code", "7", `{"name":"Coffee","status":"break"}`)
	names := map[string]string{"available": "Ready", "away": "Away", "break": "Away", "busy": "Away", "off_phone": "Away", "be_right_back": "Away",
		"lunch": "ExtendedAway", "meeting": "ExtendedAway", "training": "ExtendedAway", "off_work": "ExtendedAway", "logged_out": "LoggedOut"}
	for status := range names {
		before := "meeting"
		if status == before {
			before = "lunch"
		}
		w.event("-1h", "agent.status", status, `{"status":"`+before+`"}`)
		w.event("-10m", "agent.status", status, `{"status":"`+status+`"}`)
	}
	w.event("-1h", "agent.status", "said", `{"status":"break","reason":{"id":"7"},"description":"back at noon"}`)
	w.event("-1h", "agent.status", "reason", `{"status":"break","reason":{"id":"7"}}`)
	w.event("-1h", "agent.status", "named", `{"status":"break","reason":{"id":"8","name":"Tea"}}`)
	w.event("-1h", "agent.status", "ringing", `{"status":"available"}`)
	w.event("-1h", "agent.status", "ringing", `{"status":"on_call"}`)
	w.event("-1h", "agent.status", "suspended", `{"status":"available"}`)
	w.event("-30m", "agent.suspended", "suspended", `{"suspended":true}`)
	w.settle()
	presences := map[string]map[string]any{}
	for _, item := range w.vonage("agent-status?limit=5000").json(t)["items"].([]any) {
		presences[at(t, item, "agentId").(string)] = at(t, item, "presence").(map[string]any)
	}
	for status, name := range names {
		require.Equal(t, []any{name, name, "2026-11-21T11:50:00.000Z", status == "available"}, []any{presences[status]["name"], presences[status]["description"],
			presences[status]["since"], presences[status]["eligibleForRouting"]}, status)
	}
	require.Equal(t, "back at noon", presences["said"]["description"])
	require.Equal(t, "Coffee", presences["reason"]["description"])
	require.Equal(t, "Tea", presences["named"]["description"])
	require.Equal(t, []any{"Ready", false}, []any{presences["ringing"]["name"], presences["ringing"]["eligibleForRouting"]}, "the presence, not the effective status")
	require.Equal(t, []any{"Ready", false}, []any{presences["suspended"]["name"], presences["suspended"]["eligibleForRouting"]})
}

// Several lines of a header are one list (RFC 9110, section 5.3).
func TestVonage_AcceptInSeveralLines(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.settle()
	r := httptest.NewRequest("GET", "/stats/agent-status", nil)
	r.Header.Add("Accept", "application/json")
	r.Header.Add("Accept", "application/vnd.newvoicemedia.v3+json")
	r.Header.Set("Authorization", "bearer "+w.vonageToken())
	resp, err := w.app.Fiber().Test(r, -1)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	require.Equal(t, 200, resp.StatusCode, string(body))
}
