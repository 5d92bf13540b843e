package wallboard_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/wallboard"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// nothing is a live view of no contact centre.
type nothing struct{}

func (nothing) Pin(string) (*schema.Floor, bool) { return nil, false }

func (nothing) Metrics(string, int64, int64) (schema.LiveMetrics, bool) {
	return schema.LiveMetrics{}, false
}

func serve(t *testing.T) func(method, path string, headers ...string) *http.Response {
	t.Helper()
	board, err := wallboard.New()
	require.NoError(t, err)
	who, err := auth.New(nil, auth.Options{})
	require.NoError(t, err)
	app, err := query.New(query.Config{}, query.Deps{Source: floor.NewSource(nothing{}, directory.NewStore(), nil, time.Now), Authenticator: who, Accounts: who,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }, Surfaces: []query.Surface{board}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return func(method, path string, headers ...string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := app.Fiber().Test(r, -1)
		require.NoError(t, err)
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(raw)
}

func TestPage_HeadersLetNothingElseIn(t *testing.T) {
	get := serve(t)
	for _, method := range []string{"GET", "HEAD"} {
		r := get(method, "/")
		require.Equal(t, 200, r.StatusCode)
		require.Equal(t, "text/html; charset=utf-8", r.Header.Get("Content-Type"))
		require.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", r.Header.Get("Content-Security-Policy"))
		require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", r.Header.Get("Referrer-Policy"))
		require.Equal(t, "same-origin", r.Header.Get("Cross-Origin-Opener-Policy"))
		require.Contains(t, r.Header.Get("Permissions-Policy"), "camera=()")
	}
	tag := get("GET", "/").Header.Get("ETag")
	require.NotEmpty(t, tag)
	require.Equal(t, 304, get("GET", "/", "If-None-Match", tag).StatusCode)
	require.Equal(t, 405, get("POST", "/").StatusCode)
	require.Equal(t, 200, get("GET", "/docs").StatusCode, "the document's page is still there")
}

var asset = regexp.MustCompile(`(?:src|href)="/(assets/[^"]+)"`)

func TestAssets_KeptForeverUnderTheirNames(t *testing.T) {
	get := serve(t)
	found := asset.FindAllStringSubmatch(body(t, get("GET", "/")), -1)
	require.NotEmpty(t, found, "the page has no assets: npm run build in web makes it")
	for _, m := range found {
		r := get("GET", "/"+m[1])
		require.Equal(t, 200, r.StatusCode, m[1])
		require.Equal(t, "public, max-age=31536000, immutable", r.Header.Get("Cache-Control"))
		require.Equal(t, map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(m[1])], r.Header.Get("Content-Type"))
		require.NotEmpty(t, body(t, r))
	}
	for _, none := range []string{"/assets/nothing.js", "/assets/..%2findex.html", "/assets/", "/assets", "/index.html", "/assets/" + strings.Repeat("x", 200)} {
		r := get("GET", none)
		require.Contains(t, []int{400, 404}, r.StatusCode, none)
		require.Equal(t, "application/problem+json", r.Header.Get("Content-Type"), none)
	}
}

func TestAssets_Compressed(t *testing.T) {
	get := serve(t)
	found := regexp.MustCompile(`src="/(assets/[^"]+)"`).FindStringSubmatch(body(t, get("GET", "/")))
	require.NotEmpty(t, found)
	script := found[1]
	whole := len(body(t, get("GET", "/"+script)))
	for _, coding := range []string{"gzip", "br", "zstd"} {
		r := get("GET", "/"+script, "Accept-Encoding", coding)
		require.Equal(t, coding, r.Header.Get("Content-Encoding"))
		require.Less(t, len(body(t, r)), whole/2)
	}
}

// What the policy forbids would be missing in the browser alone: inline scripts and styles, and files of other hosts.
func TestPage_NeedsNothingThatThePolicyForbids(t *testing.T) {
	text := body(t, serve(t)("GET", "/"))
	require.NotRegexp(t, `<script(?:\s[^>]*)?>[^<]`, text)
	require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=`, text)
	require.NotRegexp(t, `(?:src|href)="(?:https?:)?//`, text)
}

func TestNew_RefusesWhatWasNotBuilt(t *testing.T) {
	_, err := wallboard.From(fstest.MapFS{"dist/assets/x.js": {Data: []byte("1")}})
	require.ErrorContains(t, err, "index.html is missing")
	_, err = wallboard.From(fstest.MapFS{"dist/index.html": {}, "dist/assets/x.exe": {}})
	require.ErrorContains(t, err, "dist/assets/x.exe")
}
