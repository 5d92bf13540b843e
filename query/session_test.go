package query_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/hub"
	"floorwalker/query/session"
)

const (
	annasPassword = "annas secret word"
	here          = "http://example.com" // the origin of the tests' requests
)

var annasHash = sync.OnceValues(func() (string, error) { return auth.HashPassword(annasPassword) })

// staff are anna, a supervisor with a password, the tokens of the fixture, and whoever a test adds.
func staff(t testing.TB, more ...auth.Account) []auth.Account {
	hash, err := annasHash()
	require.NoError(t, err)
	return append([]auth.Account{
		{ID: "anna", ContactCenter: "6", Role: auth.Supervisor, PasswordHash: hash},
		{ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{token("reader")}},
		{ID: "root", ContactCenter: "*", Role: auth.Admin, Tokens: []string{token("root")}},
	}, more...)
}

// signing lets browsers sign in.
func signing(t testing.TB, key string, accounts ...auth.Account) option {
	return func(c *query.Config, d *query.Deps) {
		who, err := auth.New(accounts, auth.Options{})
		require.NoError(t, err)
		c.Sessions.Key, d.Authenticator, d.Accounts = []byte(key), who, who
	}
}

const (
	keyOne = "the first key, which is long enough"
	keyTwo = "another key, which is long enough too"
)

// visitor keeps a cookie as browsers do.
type visitor struct {
	*fixture
	cookie string
	set    *http.Cookie // by the last answer
}

func (b *visitor) request(method, path, body string, headers ...string) answer {
	b.t.Helper()
	if b.cookie != "" {
		headers = append(headers, "Cookie", b.cookie)
	}
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	a := b.send(method, path, body, "", headers...)
	b.set = nil
	for _, c := range a.Cookies() {
		b.set = c
		b.cookie = c.Name + "=" + c.Value
		if c.Value == "" {
			b.cookie = ""
		}
	}
	return a
}

func (b *visitor) signIn(body string, headers ...string) answer {
	b.t.Helper()
	return b.request("POST", "/api/v1/session", body, headers...)
}

func asAnna() string { return `{"user":"anna","password":"` + annasPassword + `"}` }

func newVisitor(t testing.TB, options ...option) *visitor {
	b := &visitor{fixture: newFixture(t, append([]option{signing(t, keyOne, staff(t)...)}, options...)...)}
	return b
}

func signedIn(t testing.TB, options ...option) *visitor {
	b := newVisitor(t, options...)
	require.Equal(t, 200, b.signIn(asAnna()).StatusCode)
	return b
}

func problemOf(t *testing.T, a answer) string {
	t.Helper()
	var p struct{ Code string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &p), a.body)
	return p.Code
}

const agents = "/api/v1/contact-centers/6/agents"

func TestSession_PasswordGivesACookieThatStandsForTheHeader(t *testing.T) {
	b := newVisitor(t)
	a := b.signIn(asAnna())
	require.Equal(t, 200, a.StatusCode, a.body)
	want := `{"user":"anna","role":"supervisor","contact_center":"6","contact_centers":[{"id":"6","name":"Six","time_zone":"Asia/Jerusalem"}],"expires":"2026-11-21T12:30:00Z"}`
	require.JSONEq(t, want, a.body)
	require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.JSONEq(t, want, b.request("GET", "/api/v1/session", "").body)
	require.Equal(t, 200, b.request("GET", agents, "").StatusCode)
	for _, path := range []string{"", "/ann", "/summary"} {
		require.Contains(t, b.request("GET", agents+path, "").Header.Get("Cache-Control"), "private", "caches take cookies for nothing: %s", path)
	}
	require.Equal(t, 404, b.request("GET", "/api/v1/contact-centers/7/agents", "").StatusCode, "the contact centre is the account's")
	require.Contains(t, b.logged(), "principal=anna")
}

func TestSession_TokenGivesTheAccountsSession(t *testing.T) {
	b := newVisitor(t)
	a := b.signIn(`{"token":"` + token("root") + `"}`)
	require.Equal(t, 200, a.StatusCode, a.body)
	var s struct {
		User, Role     string
		ContactCenter  string                `json:"contact_center"`
		ContactCenters []struct{ ID string } `json:"contact_centers"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &s))
	require.Equal(t, []string{"root", "admin", "*"}, []string{s.User, s.Role, s.ContactCenter})
	var ids []string
	for _, c := range s.ContactCenters {
		ids = append(ids, c.ID)
	}
	require.Equal(t, []string{"6", "7", "configured"}, ids)
	require.Equal(t, 200, b.request("GET", "/api/v1/contact-centers/7/agents", "").StatusCode)
}

func TestSession_WithAHeaderInstead_SaysWhoAsks(t *testing.T) {
	b := signedIn(t)
	a := b.request("GET", "/api/v1/session", "", "Authorization", "Bearer "+token("reader"))
	require.Equal(t, 200, a.StatusCode)
	require.Contains(t, a.body, `"user":"reader"`, "a header wins over the cookie")
	require.Contains(t, a.body, `"expires":null`)
	require.Equal(t, 401, b.request("GET", agents, "", "Authorization", "Bearer nothing-that-was-given-out").StatusCode, "a wrong header, too")
}

func TestSession_CookieFlags(t *testing.T) {
	b := newVisitor(t, func(c *query.Config, _ *query.Deps) { c.TrustedProxies = []string{"0.0.0.0"} }) // the test transport's peer
	for _, c := range []struct {
		proto, name string
		secure      bool
	}{{"", "floorwalker", false}, {"http", "floorwalker", false}, {"https", "__Host-floorwalker", true}} {
		b.cookie = ""
		require.Equal(t, 200, b.signIn(asAnna(), "X-Forwarded-Proto", c.proto).StatusCode)
		require.Equal(t, c.name, b.set.Name, c.proto)
		require.Equal(t, c.secure, b.set.Secure)
		require.True(t, b.set.HttpOnly)
		require.Equal(t, http.SameSiteStrictMode, b.set.SameSite)
		require.Equal(t, "/", b.set.Path)
		require.Empty(t, b.set.Domain)
		require.True(t, b.set.Expires.IsZero() && b.set.MaxAge == 0, "it ends with the browser")
		require.Equal(t, 200, b.request("GET", agents, "", "X-Forwarded-Proto", c.proto).StatusCode)
		other := map[string]string{"https": "http"}[c.proto]
		if c.secure {
			require.Equal(t, 401, b.request("GET", agents, "", "X-Forwarded-Proto", other).StatusCode, "what is for TLS is not taken without")
		}
		require.Equal(t, 204, b.request("DELETE", "/api/v1/session", "", "X-Forwarded-Proto", c.proto, "Sec-Fetch-Site", "same-origin").StatusCode)
		require.Equal(t, []any{c.name, "", c.secure, "/"}, []any{b.set.Name, b.set.Value, b.set.Secure, b.set.Path})
		require.True(t, b.set.Expires.Before(time.Now()))
	}
}

func TestSession_WrongCredentials_Refused(t *testing.T) {
	b := newVisitor(t)
	for body, want := range map[string]string{
		`{"user":"anna","password":"wrong"}`:                     "401 invalid_credentials",
		`{"user":"nobody","password":"` + annasPassword + `"}`:   "401 invalid_credentials",
		`{"user":"reader","password":"` + token("reader") + `"}`: "401 invalid_credentials",
		`{"token":"nothing-that-was-given-out"}`:                 "401 invalid_credentials",
		`{}`:                                                     "400 bad_body", `[]`: "400 bad_body", `null`: "400 bad_body", `{"user":"anna"}`: "400 bad_body", `{"token":7}`: "400 bad_body", `{`: "400 bad_body",
		`{"user":"anna","password":"` + annasPassword + `","token":"x"}`: "400 bad_body", `{"user":"","password":"x"}`: "400 bad_body",
		`{"token":"` + strings.Repeat("x", 5000) + `"}`: "400 bad_body",
	} {
		a := b.signIn(body)
		require.Equal(t, want, strings.Fields(a.Status)[0]+" "+problemOf(t, a), body)
		require.Nil(t, b.set)
		require.Empty(t, a.Header.Get("WWW-Authenticate"), "browsers would ask for a password in a dialog of their own")
		require.NotContains(t, a.body, annasPassword)
	}
	require.Equal(t, 415, b.send("POST", "/api/v1/session", asAnna(), "", "Content-Type", "text/plain").StatusCode, "what a form of any page can send")
	for _, secret := range []string{annasPassword, token("reader"), "nothing-that-was-given-out", "wrong"} {
		require.NotContains(t, b.logged(), secret)
	}
}

func TestSession_NoSecretInTheLog(t *testing.T) {
	b := signedIn(t)
	b.request("GET", agents, "")
	b.advance(2 * time.Minute)
	first := b.cookie
	b.request("GET", agents, "")
	require.NotEqual(t, first, b.cookie)
	b.signIn(`{"token":"` + token("reader") + `"}`)
	b.request("DELETE", "/api/v1/session", "", "Sec-Fetch-Site", "same-origin")
	for _, secret := range []string{annasPassword, token("reader"), strings.TrimPrefix(first, "floorwalker="), keyOne} {
		require.NotContains(t, b.logged(), secret)
	}
	require.Contains(t, b.logged(), `msg="signed in"`)
	require.Contains(t, b.logged(), `msg="signed out"`)
}

func TestSession_TamperedCookie_Refused(t *testing.T) {
	b := signedIn(t)
	name, value, _ := strings.Cut(b.cookie, "=")
	for n := range len(value) {
		if n%7 != 0 && n != len(value)-1 {
			continue
		}
		changed := []byte(value)
		changed[n] ^= 1 // of base64url: another letter, or none of it
		a := b.do("GET", agents, "", "Cookie", name+"="+string(changed))
		require.Equal(t, 401, a.StatusCode, "byte %d", n)
		require.Equal(t, `Bearer realm="floorwalker"`, a.Header.Get("WWW-Authenticate"))
	}
	for _, text := range []string{value[:len(value)/2], value + "AAAA", value + "=", "x", strings.Repeat("A", 100), "%"} {
		require.Equal(t, 401, b.do("GET", agents, "", "Cookie", name+"="+text).StatusCode, text)
	}
	require.Equal(t, 200, b.do("GET", agents, "", "Cookie", b.cookie).StatusCode)
}

func TestSession_OtherKey_Refused(t *testing.T) {
	b := signedIn(t)
	same := newFixture(t, signing(t, keyOne, staff(t)...))
	require.Equal(t, 200, same.do("GET", agents, "", "Cookie", b.cookie).StatusCode, "nodes with one key share sessions")
	for _, key := range []string{keyTwo, ""} {
		other := newFixture(t, signing(t, key, staff(t)...))
		require.Equal(t, 401, other.do("GET", agents, "", "Cookie", b.cookie).StatusCode)
	}
}

func TestSession_EndsWhenIdle(t *testing.T) {
	b := signedIn(t)
	b.advance(30*time.Minute - time.Second)
	require.Equal(t, 200, b.do("GET", agents, "", "Cookie", b.cookie).StatusCode) // without keeping the renewed cookie
	b.advance(time.Second)
	a := b.request("GET", agents, "")
	require.Equal(t, 401, a.StatusCode)
	require.Equal(t, "unauthenticated", problemOf(t, a))
	require.Equal(t, `Bearer realm="floorwalker"`, a.Header.Get("WWW-Authenticate"))
}

func TestSession_RenewedAtMostOnceAMinute(t *testing.T) {
	b := signedIn(t)
	b.advance(59 * time.Second)
	b.request("GET", agents, "")
	require.Nil(t, b.set)
	b.advance(time.Second)
	b.request("GET", agents, "")
	require.NotNil(t, b.set)
	require.True(t, b.set.HttpOnly)
	b.request("GET", agents, "")
	require.Nil(t, b.set)
}

func TestSession_EndsAfterItsLifetime(t *testing.T) {
	b := signedIn(t)
	for range 12*3 - 1 {
		b.advance(20 * time.Minute)
		require.Equal(t, 200, b.request("GET", agents, "").StatusCode)
	}
	b.advance(20*time.Minute - time.Second)
	a := b.request("GET", "/api/v1/session", "")
	require.Contains(t, a.body, `"expires":"2026-11-22T00:00:00Z"`)
	b.advance(time.Second)
	require.Equal(t, 401, b.request("GET", agents, "").StatusCode)
}

func TestSession_SignedOut_UnusableAndTheCookieGone(t *testing.T) {
	b := signedIn(t)
	old := b.cookie
	b.advance(2 * time.Minute)
	b.request("GET", agents, "")
	renewed := b.cookie
	require.NotEqual(t, old, renewed)
	require.Equal(t, 204, b.request("DELETE", "/api/v1/session", "", "Sec-Fetch-Site", "same-origin").StatusCode)
	require.Empty(t, b.cookie)
	for _, cookie := range []string{old, renewed} {
		require.Equal(t, 401, b.do("GET", agents, "", "Cookie", cookie).StatusCode)
	}
	require.Equal(t, 204, b.request("DELETE", "/api/v1/session", "").StatusCode, "who is not signed in is signed out")
	require.Equal(t, 200, b.signIn(asAnna()).StatusCode)
	require.Equal(t, 200, b.request("GET", agents, "").StatusCode)
}

func TestSession_AccountGoneOrChanged(t *testing.T) {
	b := signedIn(t)
	anna := staff(t)[0]
	with := func(change func(*auth.Account)) *fixture {
		changed := anna
		change(&changed)
		return newFixture(t, signing(t, keyOne, changed))
	}
	gone := newFixture(t, signing(t, keyOne, staff(t)[1:]...))
	require.Equal(t, 401, gone.do("GET", agents, "", "Cookie", b.cookie).StatusCode, "an account that is gone is signed out")
	otherWord, err := auth.HashPassword("another word")
	require.NoError(t, err)
	changed := with(func(a *auth.Account) { a.PasswordHash = otherWord })
	require.Equal(t, 401, changed.do("GET", agents, "", "Cookie", b.cookie).StatusCode, "so is one with another password")
	less := with(func(a *auth.Account) { a.Role = auth.Producer })
	require.Equal(t, 403, less.do("GET", agents, "", "Cookie", b.cookie).StatusCode, "another role counts at once")
	require.Contains(t, less.do("GET", "/api/v1/session", "", "Cookie", b.cookie).body, `"role":"producer"`)
	moved := with(func(a *auth.Account) { a.ContactCenter = "7" })
	require.Equal(t, 404, moved.do("GET", agents, "", "Cookie", b.cookie).StatusCode, "and another contact centre")
}

// Each is refused with the cookie, and let through with an Authorization header, which no other site's page can send.
func TestSession_OtherSitesPages_Refused(t *testing.T) {
	foreign := [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site", "Origin", here},
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "https://example.com"}, {"Origin", here + ":81"}, {"Origin", here + ".evil.example"},
	}
	own := [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", here}, {"Sec-Fetch-Site", "same-origin", "Origin", here}}
	b := signedIn(t, func(c *query.Config, _ *query.Deps) { c.Origins = []string{"https://evil.example"} })
	put := func(headers ...string) answer {
		return b.request("PUT", agents+"/nobody/suspended", `{"suspended":true}`, headers...)
	}
	for _, headers := range append(foreign, nil) {
		a := put(headers...)
		require.Equal(t, "403 cross_site", strings.Fields(a.Status)[0]+" "+problemOf(t, a), headers)
		require.Equal(t, 403, b.request("DELETE", "/api/v1/session", "", headers...).StatusCode, headers)
		require.Equal(t, 403, b.request("GET", "/api/v1/contact-centers/6/stream", "", append([]string{"Upgrade", "websocket", "Connection", "Upgrade"}, headers...)...).StatusCode, headers)
	}
	for _, headers := range foreign {
		a := b.request("GET", "/api/v1/contact-centers/6/stream?topics=agents", "", headers...)
		require.Equal(t, "403 cross_site", strings.Fields(a.Status)[0]+" "+problemOf(t, a), headers)
		require.Equal(t, 403, b.signIn(asAnna(), headers...).StatusCode, "nobody is signed in by another site's page: %v", headers)
		require.Equal(t, 200, b.request("GET", agents, "", headers...).StatusCode, "what only reads is kept from other pages by the browser: %v", headers)
	}
	for _, headers := range own {
		require.Equal(t, 404, put(headers...).StatusCode, headers)
		require.Equal(t, 200, b.signIn(asAnna(), headers...).StatusCode, headers)
	}
	b.cookie = ""
	require.Equal(t, 403, put("Sec-Fetch-Site", "cross-site", "Authorization", "Bearer "+token("reader")).StatusCode)
	a := put("Sec-Fetch-Site", "cross-site", "Authorization", "Bearer "+token("root"))
	require.Equal(t, 404, a.StatusCode, a.body)
}

// The origin is what the browser sees, which trusted proxies tell.
func TestSession_OriginBehindAProxy(t *testing.T) {
	for proxies, want := range map[string]int{"0.0.0.0": 404, "10.0.0.0/8": 403} {
		b := newVisitor(t, func(c *query.Config, _ *query.Deps) { c.TrustedProxies = []string{proxies} })
		forwarded := []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "wall.example"}
		require.Equal(t, 200, b.signIn(asAnna(), forwarded...).StatusCode)
		a := b.request("PUT", agents+"/nobody/suspended", `{"suspended":true}`, append(forwarded, "Origin", "https://wall.example")...)
		require.Equal(t, want, a.StatusCode, "%s: %s", proxies, a.body)
	}
}

func TestSession_CORSLetsNoOtherOriginUseIt(t *testing.T) {
	b := signedIn(t, func(c *query.Config, _ *query.Deps) { c.Origins = []string{"https://wall.example"} })
	for _, method := range []string{"GET", "OPTIONS"} {
		a := b.request(method, agents, "", "Origin", "https://wall.example", "Access-Control-Request-Method", "GET")
		require.Equal(t, "https://wall.example", a.Header.Get("Access-Control-Allow-Origin"))
		require.Empty(t, a.Header.Get("Access-Control-Allow-Credentials"), method)
	}
}

func TestSession_TriesAreLimitedByUserAndByAddress(t *testing.T) {
	b := newVisitor(t, func(c *query.Config, _ *query.Deps) { c.TrustedProxies = []string{"0.0.0.0"} })
	try := func(user, password, address string) answer {
		return b.signIn(`{"user":"`+user+`","password":"`+password+`"}`, "X-Forwarded-For", address)
	}
	for range 100 {
		require.Equal(t, 200, try("anna", annasPassword, "1.1.1.1").StatusCode, "what is right does not count")
	}
	for range 10 {
		require.Equal(t, 401, try("anna", "wrong", "1.1.1.1").StatusCode)
	}
	a := try("anna", annasPassword, "2.2.2.2")
	require.Equal(t, "429 rate_limited", strings.Fields(a.Status)[0]+" "+problemOf(t, a), "whoever guesses at anna, from wherever")
	require.Equal(t, "10", a.Header.Get("Retry-After"))
	b.advance(10 * time.Second)
	require.Equal(t, 200, try("anna", annasPassword, "2.2.2.2").StatusCode)

	left := 50 - 10 + 1 // ten went wrong above, and one came back since
	for range left {
		require.Equal(t, 401, b.signIn(`{"token":"nothing-that-was-given-out"}`, "X-Forwarded-For", "1.1.1.1").StatusCode)
	}
	require.Equal(t, 429, b.signIn(`{"token":"`+token("reader")+`"}`, "X-Forwarded-For", "1.1.1.1").StatusCode, "whoever guesses from an address, at whomever")
	require.Equal(t, 200, b.signIn(`{"token":"`+token("reader")+`"}`, "X-Forwarded-For", "3.3.3.3").StatusCode)
}

func TestSession_WithoutAccounts_NoSuchPath(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, 404, f.send("POST", "/api/v1/session", asAnna(), "", "Content-Type", "application/json").StatusCode)
}

// Scripts of pages get no challenge that the browser would answer itself.
func TestChallenge_NotOfBasicForScripts(t *testing.T) {
	f := newFixture(t)
	require.Contains(t, f.do("GET", agents, "").Header.Get("WWW-Authenticate"), "Basic")
	require.Contains(t, f.do("GET", agents, "", "Sec-Fetch-Mode", "navigate").Header.Get("WWW-Authenticate"), "Basic")
	require.Equal(t, `Bearer realm="floorwalker"`, f.do("GET", agents, "", "Sec-Fetch-Mode", "cors").Header.Get("WWW-Authenticate"))
	b := newVisitor(t)
	require.Equal(t, `Bearer realm="floorwalker"`, b.do("GET", "/api/v1/session", "").Header.Get("WWW-Authenticate"))
}

func TestSession_Streams(t *testing.T) {
	p := newPushed(t, hub.Limits{}, signing(t, keyOne, staff(t)...))
	p.advance(time.Since(time.UnixMilli(noon))) // streams end by the machine's clock
	b := &visitor{fixture: p.fixture}
	require.Equal(t, 200, b.signIn(asAnna()).StatusCode)
	stranger := p.open("topics=agents", "Authorization", "", "Cookie", "floorwalker=x")
	require.Equal(t, 401, stranger.StatusCode)
	e := p.listen("topics=agents", "Authorization", "", "Cookie", b.cookie, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, "agents", e.next().name)
	require.Equal(t, 204, b.request("DELETE", "/api/v1/session", "", "Sec-Fetch-Site", "same-origin").StatusCode)
	end := e.next()
	require.Equal(t, "end", end.name)
	require.Equal(t, "credential_expired", end.data["reason"], "the sign-out ends what is open")
	require.Equal(t, 401, p.open("topics=agents", "Authorization", "", "Cookie", b.cookie+"floorwalker=x").StatusCode)
}

func TestSession_Documented(t *testing.T) {
	b := newVisitor(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Security []map[string]any
		}
		Components struct{ SecuritySchemes map[string]map[string]any }
	}
	require.NoError(t, json.Unmarshal([]byte(b.do("GET", "/openapi.json", "").body), &doc))
	require.Len(t, doc.Paths["/api/v1/session"], 3)
	require.Equal(t, "cookie", doc.Components.SecuritySchemes["session"]["in"])
	takes := func(security []map[string]any) bool {
		return slices.ContainsFunc(security, func(s map[string]any) bool { _, ok := s["session"]; return ok })
	}
	require.True(t, takes(doc.Paths["/api/v1/contact-centers/{cc}/agents"]["get"].Security))
	require.False(t, takes(doc.Paths["/healthz"]["get"].Security))
}

// Over TLS of this server's own, without a proxy that says so.
func TestSession_TLS(t *testing.T) {
	f := newFixture(t, signing(t, keyOne, staff(t)...))
	lender := httptest.NewTLSServer(http.NotFoundHandler()) // of a certificate
	defer lender.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		done <- f.app.Serve(tls.NewListener(plain, &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	}()
	client := lender.Client()
	defer func() {
		client.CloseIdleConnections()
		require.NoError(t, f.app.Shutdown(context.Background()))
		require.NoError(t, <-done)
	}()
	url := "https://" + plain.Addr().String()
	in, err := client.Post(url+"/api/v1/session", "application/json", strings.NewReader(asAnna()))
	require.NoError(t, err)
	defer in.Body.Close()
	require.Equal(t, 200, in.StatusCode)
	require.Len(t, in.Cookies(), 1)
	cookie := in.Cookies()[0]
	require.Equal(t, []any{session.SecureName, true, true, "/", ""}, []any{cookie.Name, cookie.Secure, cookie.HttpOnly, cookie.Path, cookie.Domain})
	for _, from := range []struct {
		origin string
		want   int
	}{{strings.Replace(url, "https", "http", 1), 403}, {url, 204}} {
		r, err := http.NewRequest("DELETE", url+"/api/v1/session", nil)
		require.NoError(t, err)
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		r.Header.Set("Origin", from.origin)
		out, err := client.Do(r)
		require.NoError(t, err)
		out.Body.Close()
		require.Equal(t, from.want, out.StatusCode, from.origin)
	}
}
