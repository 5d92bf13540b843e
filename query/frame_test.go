package query_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/history"
	"floorwalker/query/native"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// surfaces lets tests add operations of a surface of their own.
type surfaces []route.Operation

func (s surfaces) Operations() []route.Operation { return s }

func with(change func(*query.Config, *query.Deps)) option { return change }

func TestRateLimit_OnePrincipalsFloodIsItsOwn(t *testing.T) {
	f := newFixture(t, with(func(c *query.Config, _ *query.Deps) { c.RequestsPerSecond, c.Burst = 2, 5 }))
	for i := range 5 {
		a := f.get("/agents/ann")
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, `"requests";q=5;w=3`, a.Header.Get("RateLimit-Policy"))
		require.Equal(t, fmt.Sprintf(`"requests";r=%d;t=%d`, 4-i, (i+2)/2), a.Header.Get("RateLimit"))
	}
	a := f.get("/agents/ann")
	require.Equal(t, 429, a.StatusCode)
	require.Equal(t, "rate_limited", a.json(t)["code"])
	require.Equal(t, "1", a.Header.Get("Retry-After"))
	require.Equal(t, `"requests";r=0;t=1`, a.Header.Get("RateLimit"))
	require.Equal(t, 200, f.do("GET", "/api/v1/contact-centers/6/agents", "admin").StatusCode, "another principal")
	require.Equal(t, 200, f.do("GET", "/healthz", "").StatusCode)
	f.advance(500 * time.Millisecond)
	require.Equal(t, 200, f.get("/agents/ann").StatusCode, "Retry-After was not too early")
	require.Equal(t, 429, f.get("/agents/ann").StatusCode)
}

func TestRateLimit_StrangersShareTheirAddress(t *testing.T) {
	f := newFixture(t, with(func(c *query.Config, _ *query.Deps) { c.RequestsPerSecond, c.Burst = 1, 3 }))
	for i, want := range []int{401, 401, 401, 429, 429} {
		require.Equal(t, want, f.do("GET", "/api/v1/contact-centers/6/agents", fmt.Sprint("guess", i)).StatusCode)
	}
	require.Equal(t, 200, f.get("/agents").StatusCode, "a valid credential from the same address")
}

func TestForwardedFor_IsBelievedFromTrustedProxiesOnly(t *testing.T) {
	// The test transport's peer is 0.0.0.0.
	for _, c := range []struct{ proxies, header, want string }{
		{"", "1.2.3.4", "0.0.0.0"},
		{"10.0.0.0/8", "1.2.3.4", "0.0.0.0"},
		{"0.0.0.0", "1.2.3.4", "1.2.3.4"},
		{"0.0.0.0", "6.6.6.6, 1.2.3.4", "1.2.3.4"},
		{"0.0.0.0,10.0.0.0/8", "6.6.6.6, 1.2.3.4, 10.1.1.1", "1.2.3.4"},
		{"0.0.0.0", "junk", "0.0.0.0"},
		{"0.0.0.0", "2001:db8::1", "2001:db8::1"},
	} {
		f := newFixture(t, with(func(q *query.Config, _ *query.Deps) {
			if c.proxies != "" {
				q.TrustedProxies = strings.Split(c.proxies, ",")
			}
		}))
		f.do("GET", "/docs", "", "X-Forwarded-For", c.header)
		require.Contains(t, f.logged(), "ip="+c.want+"\n", c)
	}
}

func TestCORS_ListedOriginsOnly(t *testing.T) {
	f := newFixture(t, with(func(c *query.Config, _ *query.Deps) { c.Origins = []string{"https://wall.example"} }))
	const path = "/api/v1/contact-centers/6/agents"
	a := f.do("GET", path, "reader", "Origin", "https://wall.example")
	require.Equal(t, "https://wall.example", a.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.Header.Get("Access-Control-Expose-Headers"), "RateLimit")
	require.Contains(t, a.Header.Get("Vary"), "Origin")
	pre := f.do("OPTIONS", path, "", "Origin", "https://wall.example", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization")
	require.Equal(t, 204, pre.StatusCode)
	require.Contains(t, pre.Header.Get("Access-Control-Allow-Methods"), "PUT")
	require.Equal(t, "authorization", pre.Header.Get("Access-Control-Allow-Headers"))
	for _, origin := range []string{"https://evil.example", "https://wall.example.evil", "null", "http://wall.example"} {
		require.Empty(t, f.do("GET", path, "reader", "Origin", origin).Header.Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, 405, f.do("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "GET").StatusCode)
	}
	none := newFixture(t)
	require.Empty(t, none.do("GET", path, "reader", "Origin", "https://wall.example").Header.Get("Access-Control-Allow-Origin"))
}

func decoded(t *testing.T, coding, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	}
	require.NoError(t, err)
	raw, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(raw)
}

func TestCompression_AsTheCallerAccepts(t *testing.T) {
	f := newFixture(t)
	plain := f.get("/agents")
	require.Empty(t, plain.Header.Get("Content-Encoding"))
	require.Contains(t, plain.Header.Get("Vary"), "Accept-Encoding")
	for accept, want := range map[string]string{"gzip": "gzip", "br": "br", "zstd": "zstd", "gzip, br, zstd": "zstd", "gzip;q=1, br;q=0.5": "gzip", "*": "zstd",
		"zstd;q=0, *": "br", "identity": "", "deflate": "", "gzip;q=0": ""} {
		for _, path := range []string{"/agents", "/agents?format=ndjson", "/agents?format=csv"} {
			a := f.do("GET", "/api/v1/contact-centers/6"+path, "reader", "Accept-Encoding", accept)
			require.Equal(t, 200, a.StatusCode)
			require.Equal(t, want, a.Header.Get("Content-Encoding"), accept+path)
			got := decoded(t, want, a.body)
			require.Contains(t, got, "Team one", accept+path)
			if path == "/agents" {
				require.Equal(t, plain.Header.Get("ETag"), a.Header.Get("ETag"))
				require.Equal(t, len(plain.body), len(got))
			}
		}
		small := f.do("GET", "/healthz", "", "Accept-Encoding", accept)
		require.Empty(t, small.Header.Get("Content-Encoding"))
	}
}

// slowly gives a line when it is asked for one, as a stream of push does.
type slowly struct{ lines chan string }

func (s slowly) Read(p []byte) (int, error) {
	line, ok := <-s.lines
	if !ok {
		return 0, io.EOF
	}
	return copy(p, line), nil
}

func (s slowly) Close() error { return nil }

// What a packed body unpacks to has no bound: a few hundred bytes could fill the memory, before anybody is known.
func TestPackedBodies_AreRefused(t *testing.T) {
	f := newFixture(t)
	for _, encodings := range [][]string{{"gzip"}, {"gzip, gzip"}, {"br"}, {"identity", "gzip"}, {"GZIP"}, {"x"}} {
		for _, path := range []string{"/api/v1/session", "/api/v1/contact-centers/6/metrics", "/nothing"} {
			r := httptest.NewRequest("POST", path, strings.NewReader("{}"))
			for _, e := range encodings {
				r.Header.Add("Content-Encoding", e)
			}
			r.Header.Set("Content-Type", "application/json")
			resp, err := f.app.Fiber().Test(r, -1)
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, 415, resp.StatusCode, "%s %s", path, encodings)
			require.Equal(t, "identity", resp.Header.Get("Accept-Encoding"))
		}
	}
	a := f.send("POST", "/api/v1/contact-centers/6/metrics", `{"metrics":["offered"]}`, "reader", "Content-Type", "application/json", "Content-Encoding", "identity")
	require.Equal(t, 200, a.StatusCode, a.body)
}

func TestLiveAnswers_ArriveWhileTheyAreBeingMade(t *testing.T) {
	lines := make(chan string, 1)
	surface := &route.Surface{Tag: "push", Description: "d"}
	f := newFixture(t, with(func(_ *query.Config, d *query.Deps) {
		d.Surfaces = append(d.Surfaces, surfaces{{Surface: surface, Method: "GET", Path: "/push", ID: "push", Summary: "s",
			Responses: []route.Response{route.Text(200, "d", "text/event-stream")}, Handler: func(c *fiber.Ctx) error {
				c.Set("Content-Type", "text/event-stream")
				c.Context().SetBodyStream(slowly{lines}, -1)
				return nil
			}}})
	}))
	base := f.serve()
	r, err := http.NewRequest("GET", base+"/push", nil)
	require.NoError(t, err)
	r.Header.Set("Accept-Encoding", "gzip")
	lines <- "data: 1\n\n"
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Empty(t, resp.Header.Get("Content-Encoding"))
	buf := make([]byte, 64)
	n, err := resp.Body.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "data: 1\n\n", string(buf[:n]), "before the second line was made")
	close(lines)
	_, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
}

func TestBareSurface_HasItsOwnHeadersErrorsAndPaths(t *testing.T) {
	surface := &route.Surface{Tag: "vendor", Description: "d", Bare: true, Prefixes: []string{"/vendor/"},
		Schemes: map[string]route.Scheme{"key": route.KeyScheme("query", "auth_token", "d")},
		Fail: func(c *fiber.Ctx, p *problem.Problem) error {
			return c.Status(200).JSON(map[string]any{"success": false, "why": p.Code, "parameter": p.Parameter})
		}}
	f := newFixture(t, with(func(c *query.Config, d *query.Deps) {
		c.RequestsPerSecond, c.Burst = 1, 4
		d.Surfaces = append(d.Surfaces, surfaces{{Surface: surface, Method: "POST", Path: "/vendor/{id}/search", ID: "vendorSearch", Summary: "s", Security: []string{"key"},
			Parameters: []route.Parameter{route.InPath("id", "d", route.Integer(1, 99)), route.InQuery("auth_token", "d", route.String()),
				route.InQuery("limit", "d", route.Integer(1, 9)), route.InQuery("ids", "d", route.String()).Comma().Repeated()},
			Bodies: []route.Body{route.FormParameters(route.InQuery("limit", "d", route.Integer(1, 9)))}, NoBodyToo: true,
			Responses: []route.Response{route.JSON(200, "d", route.Anything())},
			Admit:     func(*fiber.Ctx) (string, error) { return "vendor", nil },
			Handler: func(c *fiber.Ctx) error {
				q := route.CallOf(c).Query
				ids, _ := q.Strings("ids")
				return c.JSON(map[string]any{"limit": q.One("limit"), "ids": ids})
			}}})
	}))
	a := f.do("POST", "/vendor/5/search?auth_token=hush-hush&limit=3&unknown=1&ids=a,b&ids=c", "")
	require.JSONEq(t, `{"limit":"3","ids":["a","b","c"]}`, a.body)
	for name := range a.Header {
		require.Contains(t, []string{"Content-Type", "Content-Length", "Date"}, name)
	}
	require.Contains(t, f.logged(), "path=/vendor/5/search ")
	require.NotContains(t, f.logged(), "hush-hush")
	form := f.send("POST", "/vendor/5/search", "limit=4&x=y", "", "Content-Type", "application/x-www-form-urlencoded")
	require.JSONEq(t, `{"limit":"4","ids":null}`, form.body)
	for path, want := range map[string]string{"/vendor/5/search?limit=x": `{"success":false,"why":"bad_parameter","parameter":"limit"}`,
		"/vendor/five/search": `{"success":false,"why":"bad_parameter","parameter":"id"}`, "/vendor/nothing": `{"success":false,"why":"route_not_found","parameter":""}`} {
		a := f.do("POST", path, "")
		require.Equal(t, 200, a.StatusCode)
		require.JSONEq(t, want, a.body, path)
	}
	require.JSONEq(t, `{"success":false,"why":"rate_limited","parameter":""}`, f.do("POST", "/vendor/5/search", "").body)
}

func TestETag_OnEveryGet(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/openapi.json", "/docs"} {
		tag := f.do("GET", path, "").Header.Get("ETag")
		require.NotEmpty(t, tag, path)
		again := f.do("GET", path, "", "If-None-Match", tag)
		require.Equal(t, 304, again.StatusCode, path)
		require.Empty(t, again.body)
	}
}

// A route that is not declared could not be documented, and a declared one is always served.
func TestRouterAndDocument_Agree(t *testing.T) {
	f := newFixture(t)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string         `json:"operationId"`
			Responses   map[string]any `json:"responses"`
		} `json:"paths"`
	}
	require.NoError(t, json.Unmarshal([]byte(f.do("GET", "/openapi.json", "").body), &doc))
	documented := map[string]bool{}
	for path, item := range doc.Paths {
		for method, op := range item {
			documented[strings.ToUpper(method)+" "+path] = true
			require.NotEmpty(t, op.OperationID)
			require.NotEmpty(t, op.Responses)
		}
	}
	served := map[string]bool{}
	for _, r := range f.app.Fiber().GetRoutes(true) {
		if r.Method == "HEAD" {
			continue // GET answers it
		}
		path := "/" + strings.Join(eachSegment(r.Path), "/")
		served[r.Method+" "+path] = true
	}
	require.Equal(t, sorted(served), sorted(documented))
	require.Contains(t, documented, "GET /api/v1/contact-centers/{cc}/agents/{id}")
	require.Contains(t, documented, "GET /openapi.json")
}

func eachSegment(path string) []string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range parts {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return parts
}

func sorted(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func TestLimits_OfMetricsQueriesAreClear(t *testing.T) {
	past := &neverAsked{}
	f := newFixture(t, with(func(c *query.Config, d *query.Deps) {
		c.Limits.Range, c.Limits.Groups, c.Limits.Rows = 48*time.Hour, 2, 100
		d.History = past
	}))
	for path, code := range map[string]string{
		"from=now-3d&to=now":                                "range_too_long",
		"from=now-3h&to=now&interval=1m":                    "too_many_rows",
		"group_by=agent&fill=true":                          "too_many_groups",
		"from=0001-01-01T00:00:00Z&to=9999-01-01T00:00:00Z": "range_too_long",
	} {
		a := f.get("/metrics?" + path)
		require.Equal(t, 400, a.StatusCode, path)
		require.Equal(t, code, a.json(t)["code"], path)
	}
	require.False(t, past.asked, "ClickHouse was spared")
}

// neverAsked is a history that notes whether it was asked.
type neverAsked struct {
	native.History
	asked bool
}

func (h *neverAsked) Metrics(context.Context, history.Query) (history.Result, error) {
	h.asked = true
	return history.Result{}, nil
}

func TestUnknownMethods_AreProblemsToo(t *testing.T) {
	f := newFixture(t)
	for _, method := range []string{"QUERY", "PROPFIND", "TRACE", "OPTIONS", "X"} {
		a := f.do(method, "/api/v1/contact-centers/6/agents", "reader")
		require.Equal(t, 405, a.StatusCode, method)
		require.Equal(t, "method_not_allowed", a.json(t)["code"])
		require.Contains(t, a.Header.Get("Allow"), "GET")
		require.NotEmpty(t, a.Header.Get("X-Request-Id"))
	}
}
