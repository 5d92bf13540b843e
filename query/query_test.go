package query_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/schema"
)

func TestAgents_EachFilterSelects(t *testing.T) {
	f := newFixture(t)
	all := []string{"ann", "bob", "cat", "dan", "eve", "zoe"}
	filters := map[string][]string{
		"":                       all,
		"id=ann,zoe":             {"ann", "zoe"},
		"id=41":                  {"ann"},
		"number=42,44":           {"bob", "dan"},
		"name=%C3%84PF,bo":       {"ann", "bob"},
		"login=eve":              {"eve"},
		"status=on_call,break":   {"ann", "bob"},
		"status=logged_out":      {"dan", "eve"},
		"presence=available":     {"ann", "cat", "zoe"},
		"team=T1":                {"ann", "bob"},
		"group=G1":               {"ann", "bob"},
		"business_unit=BU":       {"ann", "bob", "cat", "dan"},
		"queue=IN":               {"ann", "bob"},
		"queue=9":                {"ann", "bob"},
		"queue=OUT":              {"ann", "cat"},
		"campaign=C1":            {"ann", "bob"},
		"campaign=C2":            {"cat"},
		"skill=fr":               {"bob"},
		"channel=chat":           {"zoe"},
		"role=supervisor":        {"eve"},
		"logged_in=true":         {"ann", "bob", "cat", "zoe"},
		"logged_in=false":        {"dan", "eve"},
		"suspended=true":         {"cat"},
		"status_longer_than=299": {"bob", "cat"},
	}
	for query, want := range filters {
		require.Equal(t, want, f.get("/agents?"+query).ids(t), query)
	}
	for a, first := range filters {
		for b, second := range filters {
			if name(a) == name(b) || a == "" || b == "" {
				continue
			}
			want := []string{}
			for _, id := range first {
				if slices.Contains(second, id) {
					want = append(want, id)
				}
			}
			require.Equal(t, want, f.get("/agents?"+a+"&"+b).ids(t), a+"&"+b)
		}
	}
}

func name(query string) string { n, _, _ := strings.Cut(query, "="); return n }

func TestInteractions_EachFilterSelects(t *testing.T) {
	f := newFixture(t)
	both, call, chat := []string{"call/1", "chat-2"}, []string{"call/1"}, []string{"chat-2"}
	for query, want := range map[string][]string{
		"": both, "id=call%2F1": call, "id=1001": call, "call_id=c-1": call, "chat_id=ch-2": chat, "channel=voice": call, "channel=voice,chat": both,
		"direction=inbound": both, "direction=outbound": {}, "state=ringing": chat, "agent=zoe": chat, "agent=41": call, "queue=IN": both, "queue=9": both,
		"campaign=C1": call, "customer=cust-1": call, "customer_phone=%2B15550100": call, "waiting_longer_than=19": chat, "waiting_longer_than=20": {},
		"agent=ann&channel=chat": {},
	} {
		require.Equal(t, want, f.get("/interactions?"+query).ids(t), query)
	}
}

func TestAgents_SortNullsLastAndTiesById(t *testing.T) {
	f := newFixture(t)
	for sort, want := range map[string]string{
		"number":                   "ann bob cat dan eve zoe",
		"number:desc":              "dan cat bob ann eve zoe",
		"status_age_ms:desc":       "bob cat ann zoe dan eve",
		"team:desc,name:desc":      "dan cat bob ann zoe eve",
		"suspended:desc":           "cat ann bob dan eve zoe",
		"status_since:asc,id":      "bob cat ann zoe dan eve",
		"business_unit_id,id:desc": "dan cat bob ann zoe eve",
	} {
		require.Equal(t, want, strings.Join(f.get("/agents?sort="+sort).ids(t), " "), sort)
	}
}

func TestSnapshot_PagesShowTheSameStateWhileTheFloorChanges(t *testing.T) {
	f := newFixture(t)
	first := f.get("/agents?limit=2&sort=status_age_ms:desc")
	require.Equal(t, []string{"bob", "cat"}, first.ids(t))
	meta := first.json(t)["metadata"].(map[string]any)
	require.Equal(t, "2026-11-21T12:00:00.000Z", meta["as_of"])
	require.EqualValues(t, 6, meta["total"])
	snapshot := meta["snapshot"].(string)

	f.live.change("6", func(fl *schema.Floor) {
		fl.Agents.Delete("zoe")
		fl.Agents.Set("ann", loggedIn("ann", schema.Lunch, ago(time.Hour)))
		fl.AsOf += 1000
	})
	f.advance(time.Second)
	require.Equal(t, []string{"ann", "bob"}, f.get("/agents?limit=2&sort=status_age_ms:desc").ids(t))
	second := f.get("/agents?offset=2&limit=10&sort=status_age_ms:desc&snapshot=" + snapshot)
	require.Equal(t, []string{"ann", "zoe", "dan", "eve"}, second.ids(t))
	require.Equal(t, snapshot, second.json(t)["metadata"].(map[string]any)["snapshot"])
	require.Contains(t, second.body, `"status_age_ms":60000,`)

	f.advance(60 * time.Second)
	require.Equal(t, 200, f.get("/agents?snapshot="+snapshot).StatusCode, "kept at least 60 s")
	f.advance(10 * time.Minute)
	gone := f.get("/agents?snapshot=" + snapshot)
	require.Equal(t, 410, gone.StatusCode)
	require.Equal(t, "snapshot_expired", gone.json(t)["code"])
}

func TestSnapshots_AreBoundedInNumberAndStillKept(t *testing.T) {
	f := newFixture(t)
	token := f.get("/agents").json(t)["metadata"].(map[string]any)["snapshot"].(string)
	seen := map[string]bool{}
	for range 1000 {
		f.live.change("6", func(*schema.Floor) {})
		seen[f.get("/agents?limit=1&fields=id").json(t)["metadata"].(map[string]any)["snapshot"].(string)] = true
	}
	require.LessOrEqual(t, len(seen), 301)
	require.Equal(t, 200, f.get("/agents?snapshot="+token).StatusCode)
}

func TestETag_LeavesAgesOutAndSeesChanges(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/agents", "/agents/ann", "/interactions", "/interactions/call%2F1", "/queues", "/queues/IN", "/directory/agent", "/agents/summary"} {
		f := newFixture(t)
		tag := f.get(path).Header.Get("ETag")
		require.NotEmpty(t, tag, path)
		f.live.change("6", func(fl *schema.Floor) { fl.AsOf += 5000 })
		f.advance(5 * time.Second)
		same := f.do("GET", "/api/v1/contact-centers/6"+path, "reader", "If-None-Match", tag)
		require.Equal(t, 304, same.StatusCode, path)
		require.Empty(t, same.body)
	}
	tag := f.get("/agents").Header.Get("ETag")
	f.live.change("6", func(fl *schema.Floor) { fl.Agents.Set("ann", loggedIn("ann", schema.Lunch, noon)) })
	require.Equal(t, 200, f.do("GET", "/api/v1/contact-centers/6/agents", "reader", "If-None-Match", tag).StatusCode)
}

// A gauge that runs is the same while nothing but time passes; other ones, and none, are not.
func TestETag_SeesGaugesChange(t *testing.T) {
	f := newFixture(t)
	const path = "/metrics?group_by=queue&metrics=longest_wait_ms,waiting"
	first := f.get(path)
	require.Contains(t, first.body, `"longest_wait_ms":20000`)
	oldest := func(since int64) answer {
		chat := waitingChat()
		chat.Visits[0].Start = since
		f.live.change("6", func(fl *schema.Floor) { fl.Interactions.Set(chat.ID, chat) })
		return f.do("GET", "/api/v1/contact-centers/6"+path, "reader", "If-None-Match", first.Header.Get("ETag"))
	}
	require.Equal(t, 304, oldest(ago(20*time.Second)).StatusCode)
	require.Equal(t, 200, oldest(ago(21*time.Second)).StatusCode)
	other := f.get("/metrics?group_by=queue&queue=OUT&metrics=longest_wait_ms&fill=true")
	require.Contains(t, other.body, `"longest_wait_ms":null`)
	require.Equal(t, 200, f.do("GET", "/api/v1/contact-centers/6/metrics?group_by=queue&queue=IN&metrics=longest_wait_ms&fill=true", "reader", "If-None-Match", other.Header.Get("ETag")).StatusCode)
}

// Time alone lets more rows pass a filter of ages: a stream's tag knows the moment.
func TestETag_OfStreamsByAge(t *testing.T) {
	for _, path := range []string{"/agents?fields=id&format=ndjson&status_longer_than=30", "/interactions?fields=id&format=csv&waiting_longer_than=30",
		"/agents/summary?format=ndjson&status_longer_than=30"} {
		f := newFixture(t)
		first := f.get(path)
		f.live.change("6", func(fl *schema.Floor) { fl.AsOf += 40_000 })
		f.advance(40 * time.Second)
		again := f.do("GET", "/api/v1/contact-centers/6"+path, "reader", "If-None-Match", first.Header.Get("ETag"))
		require.Equal(t, 200, again.StatusCode, path)
		require.NotEqual(t, first.body, again.body, path)
	}
}

// What an Accept header likes best is sent, and what it refuses is not (RFC 9110, section 12.5.1).
func TestFormats_ByWeight(t *testing.T) {
	f := newFixture(t)
	for accept, want := range map[string]string{"text/csv;q=0.5, application/json": "application/json", "application/json;q=0, text/csv": "text/csv; charset=utf-8",
		"application/x-ndjson;q=0.9, text/csv;q=0.8": "application/x-ndjson", "image/png": "application/json", "text/csv;q=x": "application/json"} {
		require.Equal(t, want, f.do("GET", "/api/v1/contact-centers/6/agents?fields=id", "reader", "Accept", accept).Header.Get("Content-Type"), accept)
	}
}

func TestFormats_StreamTheWholeList(t *testing.T) {
	f := newFixture(t)
	lines := f.get("/agents?format=ndjson&fields=id,status&limit=1")
	require.Equal(t, "application/x-ndjson", lines.Header.Get("Content-Type"))
	require.Equal(t, 6, strings.Count(lines.body, "\n"))
	require.True(t, strings.HasPrefix(lines.body, `{"id":"ann","status":"on_call"}`+"\n"), lines.body)

	csv := f.do("GET", "/api/v1/contact-centers/6/agents?fields=id,name,team,number&id=ann,eve", "reader", "Accept", "text/csv")
	require.Equal(t, "id,number,name,team\r\nann,41,Ann Äpfel,\"{\"\"id\"\":\"\"T1\"\",\"\"name\"\":\"\"Team one\"\"}\"\r\neve,,Eve,\r\n", csv.body)
}

func TestErrors_AreProblemsThatNameWhatIsWrong(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		method, path, as string
		status           int
		code, parameter  string
	}{
		{"GET", "/api/v1/contact-centers/6/agents?statu=break", "reader", 400, "unknown_parameter", "statu"},
		{"GET", "/api/v1/contact-centers/6/agents?status=brake", "reader", 400, "bad_parameter", "status"},
		{"GET", "/api/v1/contact-centers/6/agents?status=", "reader", 400, "bad_parameter", "status"},
		{"GET", "/api/v1/contact-centers/6/agents?status=break&status=lunch", "reader", 400, "bad_parameter", "status"},
		{"GET", "/api/v1/contact-centers/6/agents?presence=on_call", "reader", 400, "bad_parameter", "presence"},
		{"GET", "/api/v1/contact-centers/6/agents?number=x", "reader", 400, "bad_parameter", "number"},
		{"GET", "/api/v1/contact-centers/6/agents?logged_in=yes", "reader", 400, "bad_parameter", "logged_in"},
		{"GET", "/api/v1/contact-centers/6/agents?status_longer_than=-1", "reader", 400, "bad_parameter", "status_longer_than"},
		{"GET", "/api/v1/contact-centers/6/agents?limit=0", "reader", 400, "bad_parameter", "limit"},
		{"GET", "/api/v1/contact-centers/6/agents?limit=1001", "reader", 400, "bad_parameter", "limit"},
		{"GET", "/api/v1/contact-centers/6/agents?offset=-1", "reader", 400, "bad_parameter", "offset"},
		{"GET", "/api/v1/contact-centers/6/agents?sort=nothing", "reader", 400, "bad_parameter", "sort"},
		{"GET", "/api/v1/contact-centers/6/agents?sort=name:up", "reader", 400, "bad_parameter", "sort"},
		{"GET", "/api/v1/contact-centers/6/agents?fields=id,nope", "reader", 400, "bad_parameter", "fields"},
		{"GET", "/api/v1/contact-centers/6/agents?format=xml", "reader", 400, "bad_parameter", "format"},
		{"GET", "/api/v1/contact-centers/6/agents?snapshot=zzz", "reader", 400, "bad_parameter", "snapshot"},
		{"GET", "/api/v1/contact-centers/6/agents?name=%zz", "reader", 400, "bad_parameter", "name"},
		{"GET", "/api/v1/contact-centers/6/agents?name=%ff", "reader", 400, "bad_parameter", "name"},
		{"GET", "/api/v1/contact-centers/6/agents/ann?x=1", "reader", 400, "unknown_parameter", "x"},
		{"GET", "/api/v1/contact-centers/6/agents/summary?group_by=shift", "reader", 400, "bad_parameter", "group_by"},
		{"GET", "/api/v1/contact-centers/6/queues?window=2h", "reader", 400, "bad_parameter", "window"},
		{"GET", "/api/v1/contact-centers/6/metrics?metrics=nope", "reader", 400, "bad_parameter", "metrics"},
		{"GET", "/api/v1/contact-centers/6/metrics?group_by=shoe", "reader", 400, "bad_parameter", "group_by"},
		{"GET", "/api/v1/contact-centers/6/metrics?window=5m&from=now-1h&to=now", "reader", 400, "bad_parameter", "window"},
		{"GET", "/api/v1/contact-centers/6/metrics?from=now-1h", "reader", 400, "bad_parameter", "to"},
		{"GET", "/api/v1/contact-centers/6/metrics?service_level_seconds=3601", "reader", 400, "bad_parameter", "service_level_seconds"},
		{"GET", "/api/v1/contact-centers/6/metrics?service_level_formula=best", "reader", 400, "bad_parameter", "service_level_formula"},
		{"GET", "/api/v1/contact-centers/6/metrics?from=now-1h&to=now&time_zone=Mars", "reader", 400, "bad_parameter", "time_zone"},
		{"GET", "/api/v1/contact-centers/6/metrics?from=now-1h&to=now", "reader", 503, "history_unavailable", ""},
		{"GET", "/api/v1/contact-centers/6/interactions?from=now-1h", "reader", 503, "history_unavailable", ""},
		{"GET", "/api/v1/contact-centers/6/agents/nobody", "reader", 404, "agent_not_found", ""},
		{"GET", "/api/v1/contact-centers/6/interactions/none", "reader", 404, "interaction_not_found", ""},
		{"GET", "/api/v1/contact-centers/6/queues/none", "reader", 404, "queue_not_found", ""},
		{"GET", "/api/v1/contact-centers/6/campaigns/none", "reader", 404, "campaign_not_found", ""},
		{"GET", "/api/v1/contact-centers/6/directory/shoe", "reader", 404, "kind_not_found", ""},
		{"GET", "/api/v1/contact-centers/6/directory/agent/none", "reader", 404, "agent_not_found", ""},
		{"GET", "/api/v1/contact-centers/6/nothing", "reader", 404, "route_not_found", ""},
		{"GET", "/nothing", "", 404, "route_not_found", ""},
		{"DELETE", "/api/v1/contact-centers/6/agents", "reader", 405, "method_not_allowed", ""},
		{"POST", "/api/v1/contact-centers/6/metrics", "reader", 415, "unsupported_media_type", ""},
		{"GET", "/api/v1/contact-centers/6/agents", "", 401, "unauthenticated", ""},
		{"GET", "/api/v1/contact-centers/6/agents", "stranger", 401, "unauthenticated", ""},
		{"GET", "/api/v1/metrics/catalogue", "", 401, "unauthenticated", ""},
		{"GET", "/api/v1/contact-centers/6/agents", "producer", 403, "forbidden", ""},
		{"POST", "/api/v1/contact-centers/6/events", "reader", 403, "forbidden", ""},
	} {
		a := f.do(c.method, c.path, c.as)
		what := c.method + " " + c.path + ": " + a.body
		require.Equal(t, c.status, a.StatusCode, what)
		require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), what)
		p := a.json(t)
		require.Equal(t, c.code, p["code"], what)
		require.EqualValues(t, c.status, p["status"], what)
		require.NotEmpty(t, p["title"], what)
		require.Equal(t, "urn:floorwalker:problem:"+c.code, p["type"], what)
		require.Equal(t, a.Header.Get("X-Request-Id"), p["request_id"], what)
		if c.parameter != "" {
			require.Equal(t, c.parameter, p["parameter"], what)
		}
		switch c.status {
		case 401:
			require.Contains(t, a.Header.Get("WWW-Authenticate"), "Bearer")
		case 405:
			require.Contains(t, a.Header.Get("Allow"), "GET")
		}
	}
	unknown := f.get("/agents?statu=break").json(t)["detail"].(string)
	require.Contains(t, unknown, "status_longer_than")
	require.Contains(t, unknown, "snapshot")
}

func TestTenancy_AnotherContactCentreIsLikeNone(t *testing.T) {
	f := newFixture(t)
	paths := []string{"/agents", "/agents/ann", "/agents?x=1", "/agents/summary", "/interactions", "/interactions/call%2F1", "/queues", "/queues/IN", "/campaigns",
		"/metrics?group_by=agent", "/directory/agent", "/directory/agent/ann"}
	for _, path := range paths {
		for _, as := range []string{"reader", "producer", "supervisor"} {
			other := f.do("GET", "/api/v1/contact-centers/7"+path, as, "X-Request-Id", "r")
			none := f.do("GET", "/api/v1/contact-centers/8"+path, as, "X-Request-Id", "r")
			require.Equal(t, 404, other.StatusCode, path)
			require.Equal(t, none.body, strings.ReplaceAll(other.body, `\"7\"`, `\"8\"`), path)
			none.Header.Del("Date")
			other.Header.Del("Date")
			require.Equal(t, none.Header, other.Header, path)
		}
		require.NotContains(t, f.get(path).body, "MARKED7", path)
	}
	snapshot := f.do("GET", "/api/v1/contact-centers/7/agents", "other").json(t)["metadata"].(map[string]any)["snapshot"].(string)
	require.Equal(t, 410, f.get("/agents?snapshot="+snapshot).StatusCode)
	require.Contains(t, f.do("GET", "/api/v1/contact-centers/7/agents", "root").body, "MARKED7")
	require.Equal(t, 200, f.do("GET", "/api/v1/contact-centers/configured/agents", "root").StatusCode)
	require.Equal(t, 404, f.do("GET", "/api/v1/contact-centers/8/agents", "root").StatusCode)
}

func TestRoles_ReadAndWriteAsTheMatrixSays(t *testing.T) {
	f := newFixture(t)
	for role, want := range map[string][2]int{"reader": {200, 403}, "supervisor": {200, 403}, "producer": {403, 202}, "admin": {200, 202}, "root": {200, 202}} {
		require.Equal(t, want[0], f.do("GET", "/api/v1/contact-centers/6/agents", role).StatusCode, role)
		require.Equal(t, want[1], f.send("POST", "/api/v1/contact-centers/6/events", "{}", role, "Content-Type", "application/x-ndjson").StatusCode, role)
	}
}

func TestEvents_AreHandedOverAndAnsweredOneByOne(t *testing.T) {
	f := newFixture(t)
	a := f.send("POST", "/api/v1/contact-centers/6/events", `{"id":"e1"}`, "producer", "Content-Type", "application/cloudevents+json; charset=utf-8")
	require.Equal(t, 202, a.StatusCode, a.body)
	require.JSONEq(t, `{"accepted":1,"rejected":[{"index":1,"id":"e2","code":"unknown_type","detail":"type"}]}`, a.body)
	require.Equal(t, []string{`6 application/cloudevents+json; charset=utf-8 {"id":"e1"}`}, f.collector.got)
	require.Equal(t, 415, f.send("POST", "/api/v1/contact-centers/6/events", `{}`, "producer", "Content-Type", "text/plain").StatusCode)
	f.collector.fail = fmt.Errorf("broker secret-host is away")
	a = f.send("POST", "/api/v1/contact-centers/6/events", `{}`, "producer", "Content-Type", "application/x-ndjson")
	require.Equal(t, 503, a.StatusCode)
	require.NotContains(t, a.body, "secret-host")
	require.Contains(t, f.logged(), "secret-host")
}

func TestPaths_TakeAnyIdPercentEncoded(t *testing.T) {
	f := newFixture(t)
	f.live.change("6", func(fl *schema.Floor) {
		for _, id := range []string{"a/b c+d", "ü%", "x?y#z", "summary2"} {
			fl.Agents.Set(id, loggedIn(id, schema.Away, noon))
		}
	})
	for path, id := range map[string]string{"a%2Fb%20c+d": "a/b c+d", "%C3%BC%25": "ü%", "x%3Fy%23z": "x?y#z", "41": "ann"} {
		a := f.get("/agents/" + path)
		require.Equal(t, 200, a.StatusCode, path+a.body)
		require.Equal(t, id, a.json(t)["id"], path)
	}
	require.Equal(t, []string{"a/b c+d"}, f.get("/agents?id=a%2Fb+c%2Bd").ids(t))
}

func TestHead_AnswersAsGetWithoutBody(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/agents", "/agents/ann", "/agents?format=csv"} {
		get, head := f.get(path), f.do("HEAD", "/api/v1/contact-centers/6"+path, "reader")
		require.Equal(t, 200, head.StatusCode, path)
		require.Empty(t, head.body, path)
		require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
		if path != "/agents?format=csv" {
			require.Equal(t, get.Header.Get("ETag"), head.Header.Get("ETag"), path)
		}
	}
}

func TestRequestID_IsTheCallersWhereItIsHarmless(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, "abc-1", f.do("GET", "/healthz", "", "X-Request-Id", "abc-1").Header.Get("X-Request-Id"))
	a := f.do("GET", "/healthz", "", "X-Request-Id", "a b\"c")
	require.Regexp(t, "^[0-9a-f]{32}$", a.Header.Get("X-Request-Id"))
	require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
}

func TestAccessLog_HoldsNoQueryAndNoSecret(t *testing.T) {
	f := newFixture(t)
	f.get("/agents?login=secret-query")
	require.Contains(t, f.logged(), "principal=reader")
	require.Contains(t, f.logged(), "path=/api/v1/contact-centers/6/agents")
	require.NotContains(t, f.logged(), "secret-query")
	require.NotContains(t, f.logged(), token("reader"))
}

func TestPanic_IsAProblemAndLogged(t *testing.T) {
	f := newFixture(t)
	f.live.change("6", func(fl *schema.Floor) {
		fl.Agents.Set("nil", nil)
		fl.Agents.Set("bad", &schema.LiveAgent{ID: "bad", Status: 99})
	})
	f.live.mu.Lock()
	f.live.floors["6"].Interactions.Set("broken", nil)
	f.live.mu.Unlock()
	a := f.get("/interactions")
	require.Equal(t, 500, a.StatusCode, a.body)
	require.Equal(t, "internal", a.json(t)["code"])
	require.NotContains(t, a.body, "goroutine")
	require.Contains(t, f.logged(), a.Header.Get("X-Request-Id"))
	require.Contains(t, f.logged(), "panic while answering")
}

func TestReadyz_TellsEveryPart(t *testing.T) {
	f := newFixture(t)
	flushed := int64(90)
	f.readiness = query.Readiness{Parts: []query.Part{{Name: "live", Ready: true, Detail: "caught up"}, {Name: "kafka", Ready: true}},
		Partitions: []query.Partition{{Partition: 0, Applied: 100, End: 100, CaughtUp: true, History: &flushed}}}
	a := f.do("GET", "/readyz", "")
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, "live: ready, caught up\nkafka: ready\n", a.body)
	a = f.do("GET", "/readyz", "", "Accept", "application/json")
	require.JSONEq(t, `{"ready":true,"parts":[{"name":"live","ready":true,"detail":"caught up"},{"name":"kafka","ready":true}],
		"partitions":[{"partition":0,"applied":100,"end":100,"caught_up":true,"history":90}]}`, a.body)
	f.readiness.Parts[1] = query.Part{Name: "kafka", Detail: "connection refused"}
	a = f.do("GET", "/readyz", "")
	require.Equal(t, 503, a.StatusCode)
	require.Contains(t, a.body, "kafka: not ready, connection refused\n")
	require.Equal(t, 503, f.do("GET", "/readyz", "", "Accept", "application/json").StatusCode)
	require.Equal(t, 503, f.do("GET", "/readyz?for=", "").StatusCode, "as without")
	a = f.do("GET", "/readyz?for=request", "")
	require.Equal(t, 400, a.StatusCode)
	require.Contains(t, a.body, "requests")
}

func TestPrometheus_ShowsRequestsAndProcess(t *testing.T) {
	f := newFixture(t)
	f.get("/agents")
	require.Equal(t, 401, f.do("GET", "/api/v1/contact-centers/6/agents", "", "Authorization", "Bearer nobody's").StatusCode)
	require.Equal(t, 404, f.do("GET", "/nothing", "").StatusCode)
	a := f.do("GET", "/metrics", "")
	const agents = `route="GET /api/v1/contact-centers/{cc}/agents"`
	for _, line := range []string{
		`floorwalker_query_requests_total{` + agents + `,status="2xx"} 1`, `floorwalker_query_requests_total{` + agents + `,status="4xx"} 1`,
		`floorwalker_query_requests_total{route="none",status="4xx"} 1`, `floorwalker_query_refused_total{status="401"} 1`,
		`floorwalker_query_request_seconds_count{` + agents + `} 2`, `floorwalker_query_request_seconds_bucket{` + agents + `,le="30"} 2`,
	} {
		require.Contains(t, a.body, line+"\n")
	}
	require.NotContains(t, a.body, "vmrange=", "Prometheus takes no quantiles of such buckets")
	require.Contains(t, a.body, "go_goroutines")
}

func TestMetrics_LiveRows(t *testing.T) {
	f := newFixture(t)
	a := f.get("/metrics?group_by=queue&metrics=offered,abandon_rate,service_level,wait.p95,waiting,estimated_wait_ms,agents_logged_in&window=1h")
	require.Equal(t, 200, a.StatusCode, a.body)
	m := a.json(t)
	rows := m["data"].([]any)
	require.Len(t, rows, 2, a.body)
	in := rows[0].(map[string]any)
	require.Equal(t, map[string]any{"queue": "IN"}, in["group"])
	values := in["values"].(map[string]any)
	require.EqualValues(t, 4, values["offered"])
	require.EqualValues(t, 0.25, values["abandon_rate"])
	require.EqualValues(t, 1, values["abandoned"], "inputs come along")
	level := values["service_level"].(map[string]any)
	require.EqualValues(t, 0.5, level["value"])
	require.EqualValues(t, 30, level["threshold_seconds"])
	require.EqualValues(t, 1, values["waiting"])
	require.EqualValues(t, 2, values["agents_logged_in"])
	// ann serves two queues, bob one; nobody is available: 60 s × 2 ÷ 1.5.
	require.EqualValues(t, 80_000, values["estimated_wait_ms"])
	meta := m["metadata"].(map[string]any)
	require.Equal(t, "2026-11-21T11:01:00.000Z", meta["from"])
	require.Equal(t, "2026-11-21T12:01:00.000Z", meta["to"])
	require.Equal(t, "Asia/Jerusalem", meta["time_zone"])
	require.Equal(t, "total", meta["interval"])

	pinned := f.get("/metrics?metrics=service_level&service_level_seconds=40&service_level_formula=answered_only").json(t)
	require.EqualValues(t, 1, pinned["data"].([]any)[0].(map[string]any)["values"].(map[string]any)["service_level"].(map[string]any)["value"])

	status := f.get("/metrics?group_by=agent&metrics=status_ms,occupancy&sort=status_ms:desc").json(t)["data"].([]any)
	require.Len(t, status, 2)
	require.Equal(t, "bob", status[0].(map[string]any)["group"].(map[string]any)["agent"])
	ann := status[1].(map[string]any)["values"].(map[string]any)
	require.EqualValues(t, 60_000, ann["status_ms"].(map[string]any)["on_call"])
	require.EqualValues(t, 0.5, ann["occupancy"])

	filled := f.get("/metrics?group_by=agent&metrics=answered&fill=true").json(t)["data"].([]any)
	require.Len(t, filled, 6)
	team := f.get("/metrics?group_by=team&metrics=answered").json(t)["data"].([]any)
	require.Equal(t, "T1", team[0].(map[string]any)["group"].(map[string]any)["team"])
	require.EqualValues(t, 2, team[0].(map[string]any)["values"].(map[string]any)["answered"], "of the team's agents")
	ofQueues := f.get("/metrics?group_by=team&metrics=abandoned").json(t)["data"].([]any)
	require.EqualValues(t, 1, ofQueues[0].(map[string]any)["values"].(map[string]any)["abandoned"], "of the team's queues")
	earlier := f.get("/metrics?group_by=agent&agent=bob&metrics=status_ms.break&as_of=now-9m").json(t)["data"].([]any)
	require.EqualValues(t, 60_000, earlier[0].(map[string]any)["values"].(map[string]any)["status_ms.break"])
	waited := f.get("/metrics?metrics=longest_wait_ms&as_of=now-15s").json(t)["data"].([]any)
	require.EqualValues(t, 5_000, waited[0].(map[string]any)["values"].(map[string]any)["longest_wait_ms"], "up to the answer's as_of")
}

// Only rows with nothing are left out: durations of 0 ms are something.
func TestMetrics_AnsweredAtOnceIsSomething(t *testing.T) {
	f := newFixture(t)
	m := f.live.metrics["6"]
	out := schema.Window{Dims: schema.Dims{ContactCenter: "6", Queue: "OUT", Channel: schema.ChannelVoice, Direction: schema.Inbound}}
	out.Measures[schema.MeasureWait] = distribution(0, 0)
	m.Windows = append(m.Windows, &out)
	f.live.metrics["6"] = m
	for _, keys := range []string{"wait", "wait.max_ms,wait.p95", "wait.count"} {
		require.Contains(t, f.get("/metrics?group_by=queue&metrics="+keys).body, `"queue":"OUT"`, keys)
	}
	require.NotContains(t, f.get("/metrics?group_by=queue&metrics=talk").body, `"queue":"OUT"`)
}

func TestMetrics_PostIsTheSameQuery(t *testing.T) {
	f := newFixture(t)
	post := func(body string) answer {
		return f.send("POST", "/api/v1/contact-centers/6/metrics", body, "reader", "Content-Type", "application/json")
	}
	get := f.get("/metrics?group_by=agent,queue&metrics=answered,talk&window=15m&agent=ann")
	a := post(`{"group_by":["agent","queue"],"metrics":["answered","talk"],"window":"15m","agent":["ann"]}`)
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, get.body, a.body)
	require.Contains(t, a.body, `"group":{"agent":"ann","queue":"IN"}`)
	for body, parameter := range map[string]string{`{"metric":"x"}`: "metric", `{"metrics":["offered"],"metrics":["answered"]}`: "metrics", `{"metrics":{}}`: "metrics", `[]`: "", `{`: "", `{} {}`: ""} {
		a := post(body)
		require.Equal(t, 400, a.StatusCode, body)
		if parameter != "" {
			require.Equal(t, parameter, a.json(t)["parameter"], body)
		}
	}
}

func TestToday_IsNullWhereItIsNotKnown(t *testing.T) {
	f := newFixture(t)
	delete(f.live.metrics, "6")
	require.Nil(t, f.get("/agents/ann").json(t)["today"])
	require.Nil(t, f.get("/queues/IN").json(t)["metrics"])
	a := f.get("/metrics?window=today")
	require.Equal(t, 503, a.StatusCode)
	require.Equal(t, "window_not_available", a.json(t)["code"])
}

func TestSummary_CountsHeads(t *testing.T) {
	f := newFixture(t)
	row := f.get("/agents/summary").json(t)["data"].([]any)[0].(map[string]any)
	require.EqualValues(t, 6, row["total"])
	heads := row["agents"].(map[string]any)
	sum := 0.0
	for status, n := range heads {
		if status != "logged_in" && status != "staffed" && status != "logged_out" {
			sum += n.(float64)
		}
	}
	require.EqualValues(t, 4, heads["logged_in"])
	require.EqualValues(t, 4, sum, "the statuses sum to logged_in")
	require.EqualValues(t, 1, heads["suspended"])
	require.EqualValues(t, 0, heads["available"])
	byTeam := f.get("/agents/summary?group_by=team&logged_in=true").json(t)["data"].([]any)
	require.Len(t, byTeam, 3)
	require.Nil(t, byTeam[0].(map[string]any)["group"].(map[string]any)["team"])
	require.Equal(t, "Team one", byTeam[1].(map[string]any)["name"])
}

func TestDirectory_ShowsEntitiesAsTheyWereWritten(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, []string{"OUT", "IN"}, f.get("/directory/queue?sort=name:desc").ids(t))
	q := f.get("/directory/queue/9").json(t)
	require.Equal(t, "IN", q["id"])
	require.EqualValues(t, 30, q["service_level_seconds"])
	require.Nil(t, q["open"])
}

func TestCatalogue_ListsEveryMetric(t *testing.T) {
	f := newFixture(t)
	a := f.do("GET", "/api/v1/metrics/catalogue", "producer")
	require.Equal(t, 200, a.StatusCode)
	for _, key := range []string{"offered", "service_level", "status_ms", "concurrency", "waiting"} {
		require.Contains(t, a.body, `"key":"`+key+`"`)
	}
}

// golden compares with testdata; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got+"\n"), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.JSONEq(t, string(want), got)
	require.Equal(t, strings.TrimSpace(string(want)), got, "the order of fields too")
}

func TestShapes_AreTheSpecifiedOnes(t *testing.T) {
	f := newFixture(t)
	golden(t, "agent.json", f.get("/agents/ann").body)
	golden(t, "agent_break.json", f.get("/agents/bob").body)
	golden(t, "interaction.json", f.get("/interactions/call%2F1").body)
	golden(t, "queue.json", f.get("/queues/IN?window=1h").body)
}

func TestParallelClients_NeverSeeOneAnothersStrings(t *testing.T) {
	f := newFixture(t)
	f.live.change("6", func(fl *schema.Floor) {
		for i := range 64 {
			id := fmt.Sprintf("agent-%02d", i)
			fl.Agents.Set(id, loggedIn(id, schema.Away, noon))
		}
	})
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			id := fmt.Sprintf("agent-%02d", i)
			for n := range 8 {
				if n%2 == 1 {
					f.live.change("6", func(fl *schema.Floor) { fl.AsOf++ })
				}
				one := f.do("GET", "/api/v1/contact-centers/6/agents/"+id, "reader", "X-Request-Id", id)
				list := f.do("GET", "/api/v1/contact-centers/6/agents?id="+id, "reader")
				none := f.do("GET", "/api/v1/contact-centers/6/agents/no-"+id, "reader", "X-Request-Id", id)
				if one.StatusCode != 200 || !strings.HasPrefix(one.body, `{"id":"`+id+`"`) || one.Header.Get("X-Request-Id") != id ||
					!strings.HasPrefix(list.body, `{"data":[{"id":"`+id+`"`) || !strings.Contains(none.body, `no-`+id) {
					t.Errorf("%s: %s %s %s", id, one.body, list.body, none.body)
				}
			}
		})
	}
	wait.Wait()
}

func TestBasic_WorksOnTheServerToo(t *testing.T) {
	f := newFixture(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("reader:wrong"))
	r, _ := http.NewRequest("GET", "/api/v1/contact-centers/6/agents", nil)
	r.Header.Set("Authorization", basic)
	resp, err := f.app.Fiber().Test(r, -1)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 401, resp.StatusCode)
}
