package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	single  = "application/cloudevents+json"
	batched = "application/cloudevents-batch+json"
	lines   = "application/x-ndjson"
)

// problem is RFC 9457's, as the native API says it.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Parameter string `json:"parameter"`
	RequestID string `json:"request_id"`
}

func (f *floor) requireProblem(a answer, status int, code, parameter, what string) {
	f.t.Helper()
	require.Equal(f.t, status, a.status, "%s: %s", what, a.body)
	require.Equal(f.t, "application/problem+json", a.header.Get("Content-Type"), what)
	var p problem
	require.NoError(f.t, json.Unmarshal(a.body, &p), what)
	require.Equal(f.t, code, p.Code, "%s: %s", what, p.Detail)
	require.Equal(f.t, status, p.Status, what)
	require.Equal(f.t, parameter, p.Parameter, what)
	require.NotEmpty(f.t, p.Type, what)
	require.NotEmpty(f.t, p.Title, what)
	require.NotEmpty(f.t, p.RequestID, what)
	require.Equal(f.t, p.RequestID, a.header.Get("X-Request-Id"), what)
	for role, token := range f.Tokens {
		require.NotContains(f.t, string(a.body), token, "the %s's token", role)
	}
}

// What a caller gets wrong is said in the same way everywhere, and changes nothing.
func TestAPI_BadRequests_ProblemsAndNothingElse(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	f.beginDay()
	facts, shown, ends := f.fingerprint("floorwalker"), f.shown(), f.ends()
	f.Tokens["stranger"] = "not-a-token-of-this-floorwalker"
	here := func(resource string) string { return of(f.ContactCenter, resource) }
	good := goodEvent(f.ContactCenter, "cc.agent.status", "a1", time.Now(), map[string]any{"status": "break"}).json()
	for _, c := range []struct {
		what, method, role, path string
		body                     []byte
		contentType              string
		status                   int
		code, parameter          string
	}{
		{"no token", "GET", "", here("agents"), nil, "", 401, "unauthenticated", ""},
		{"unknown token", "GET", "stranger", here("agents"), nil, "", 401, "unauthenticated", ""},
		{"no token, no such contact centre", "GET", "", of("nowhere", "agents"), nil, "", 401, "unauthenticated", ""},
		{"reader writes", "POST", "reader", here("events"), good, single, 403, "forbidden", ""},
		{"supervisor writes", "POST", "supervisor", here("events"), good, single, 403, "forbidden", ""},
		{"producer reads", "GET", "producer", here("agents"), nil, "", 403, "forbidden", ""},
		{"producer reads metrics", "GET", "producer", here("metrics"), nil, "", 403, "forbidden", ""},
		{"no such contact centre", "GET", "admin", of("nowhere", "agents"), nil, "", 404, "contact_center_not_found", ""},
		{"events of no contact centre", "POST", "producer", of("nowhere", "events"), good, single, 404, "contact_center_not_found", ""},
		{"no such path", "GET", "admin", here("nothing"), nil, "", 404, "route_not_found", ""},
		{"no such agent", "GET", "admin", here("agents/nobody"), nil, "", 404, "agent_not_found", ""},
		{"no such queue", "GET", "admin", here("queues/nothing"), nil, "", 404, "queue_not_found", ""},
		{"method", "DELETE", "admin", here("agents"), nil, "", 405, "method_not_allowed", ""},
		{"typing error", "GET", "reader", here("agents") + "?stauts=break", nil, "", 400, "unknown_parameter", "stauts"},
		{"status", "GET", "reader", here("agents") + "?status=asleep", nil, "", 400, "bad_parameter", "status"},
		{"limit", "GET", "reader", here("agents") + "?limit=0", nil, "", 400, "bad_parameter", "limit"},
		{"huge limit", "GET", "reader", here("agents") + "?limit=9223372036854775808", nil, "", 400, "bad_parameter", "limit"},
		{"offset", "GET", "reader", here("agents") + "?offset=-1", nil, "", 400, "bad_parameter", "offset"},
		{"sort", "GET", "reader", here("agents") + "?sort=mood", nil, "", 400, "bad_parameter", "sort"},
		{"twice", "GET", "reader", here("agents") + "?limit=1&limit=2", nil, "", 400, "bad_parameter", "limit"},
		{"bytes", "GET", "reader", here("agents") + "?name=%ff", nil, "", 400, "bad_parameter", "name"},
		{"metric", "GET", "reader", here("metrics") + "?metrics=happiness", nil, "", 400, "bad_parameter", "metrics"},
		{"group", "GET", "reader", here("metrics") + "?group_by=mood", nil, "", 400, "bad_parameter", "group_by"},
		{"window", "GET", "reader", here("metrics") + "?window=7m", nil, "", 400, "bad_parameter", "window"},
		{"half a minute", "GET", "reader", here("metrics") + "?from=1999-08-01T00:00:30Z&to=1999-08-02T00:00:00Z", nil, "", 400, "bad_parameter", "from"},
		{"only from", "GET", "reader", here("metrics") + "?from=1999-08-01T00:00:00Z", nil, "", 400, "bad_parameter", "to"},
		{"backwards", "GET", "reader", here("metrics") + "?from=1999-08-02T00:00:00Z&to=1999-08-01T00:00:00Z", nil, "", 400, "bad_parameter", "to"},
		{"zone", "GET", "reader", here("metrics") + "?from=1999-08-01T00:00:00Z&to=1999-08-02T00:00:00Z&time_zone=Mars", nil, "", 400, "bad_parameter", "time_zone"},
		{"level", "GET", "reader", here("metrics") + "?service_level_seconds=3601", nil, "", 400, "bad_parameter", "service_level_seconds"},
		{"media type", "POST", "producer", here("events"), good, "application/json", 415, "unsupported_media_type", ""},
		{"no media type", "POST", "producer", here("events"), good, "", 415, "unsupported_media_type", ""},
		{"batch that is none", "POST", "producer", here("events"), good, batched, 400, "malformed_body", ""},
		{"half a batch", "POST", "producer", here("events"), []byte(`[{"id":"1"`), batched, 400, "malformed_body", ""},
		{"metrics by a body that is no object", "POST", "reader", here("metrics"), []byte(`[]`), "application/json", 400, "bad_body", ""},
	} {
		f.requireProblem(f.do(c.method, c.role, c.path, c.body, c.contentType), c.status, c.code, c.parameter, c.what)
	}
	// The server answers a body that is too large without reading it; the client may be cut off while it still sends.
	if a, err := f.try(http.MethodPost, "producer", here("events"), bytes.Repeat([]byte("x"), 10<<20), single); err == nil {
		f.requireProblem(a, 413, "body_too_large", "", "10 MB")
	}
	f.settle()
	require.Equal(t, ends, f.ends(), "nothing reached Kafka")
	require.Equal(t, facts, f.fingerprint("floorwalker"))
	require.Equal(t, shown, f.shown())
}

// The collector refuses each bad event by itself, with the same codes as dead letters have, and takes the good ones beside it.
func TestAPI_BadEvents_RejectedOneByOne(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	f.beginDay()
	facts, shown, ends := f.fingerprint("floorwalker"), f.shown(), f.ends()
	for _, b := range badRecords(f.ContactCenter, time.Now()) {
		switch b.name {
		case "10 MB", "binary mode without an id", "wrong partition", "directory's event among the events":
			continue // bodies are bounded, have no headers and no partition; directory events are welcome
		}
		a := f.do(http.MethodPost, "producer", of(f.ContactCenter, "events"), b.value, single)
		f.requireRejected(a, 0, map[int]string{0: b.code}, b.name)
	}
	other := goodEvent("somebody-else", "cc.agent.status", "a1", time.Now(), map[string]any{"status": "break"})
	f.requireRejected(f.do(http.MethodPost, "admin", of(f.ContactCenter, "events"), other.json(), single), 0, map[int]string{0: "wrong_contact_center"}, "other contact centre")
	large := goodEvent(f.ContactCenter, "cc.agent.status", "a1", time.Now(), map[string]any{"status": "break", "description": strings.Repeat("x", 2<<20)})
	f.requireRejected(f.do(http.MethodPost, "admin", of(f.ContactCenter, "events"), large.json(), single), 0, map[int]string{0: "too_large"}, "2 MB")
	f.settle()
	require.Equal(t, ends, f.ends(), "nothing reached Kafka")
	require.Equal(t, facts, f.fingerprint("floorwalker"))
	require.Equal(t, shown, f.shown())

	good := goodEvent(f.ContactCenter, "cc.agent.status", "a1", time.Now(), map[string]any{"status": "lunch"})
	body := fmt.Sprintf("%s\n\n{not json\n%s\n", good.with("type", "cc.agent.nap").json(), good.json())
	f.requireRejected(f.do(http.MethodPost, "producer", of(f.ContactCenter, "events"), []byte(body), lines), 1, map[int]string{0: "unknown_type", 1: "malformed_json"}, "lines")
	body = fmt.Sprintf("[%s, 5, %s]", good.with("id", "second").json(), other.json())
	f.requireRejected(f.do(http.MethodPost, "producer", of(f.ContactCenter, "events"), []byte(body), batched), 1, map[int]string{1: "wrong_kind", 2: "wrong_contact_center"}, "batch")
	f.settle()
	var agent struct {
		Status string `json:"status"`
	}
	f.read("agents/a1", nil, &agent)
	require.Equal(t, "lunch", agent.Status)
}

func (f *floor) requireRejected(a answer, accepted int, want map[int]string, what string) {
	f.t.Helper()
	require.Equal(f.t, http.StatusAccepted, a.status, "%s: %s", what, a.body)
	var got struct {
		Accepted int `json:"accepted"`
		Rejected []struct {
			Index  int    `json:"index"`
			ID     string `json:"id"`
			Code   string `json:"code"`
			Detail string `json:"detail"`
		} `json:"rejected"`
	}
	require.NoError(f.t, json.Unmarshal(a.body, &got), what)
	require.Equal(f.t, accepted, got.Accepted, what)
	codes := map[int]string{}
	for _, r := range got.Rejected {
		codes[r.Index] = r.Code
		require.NotEmpty(f.t, r.Detail, what)
		require.Less(f.t, len(r.Detail), 1000, what)
	}
	require.Equal(f.t, want, codes, "%s: %s", what, a.body)
}
