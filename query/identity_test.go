package query_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/hub"
	"floorwalker/query/jwks"
)

const issuerURL = "https://login.example.com/realms/centre"

// provided is an identity provider on this machine, whose tokens the server takes beside its own accounts'.
func provided(t testing.TB, now func() time.Time) (option, func(claims map[string]any) string) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k1", Algorithm: "EdDSA", Use: "sig"}}})
	}))
	t.Cleanup(issuer.Close)
	sign := func(other map[string]any) string {
		claims := jwt.MapClaims{"iss": issuerURL, "aud": "floorwalker", "sub": "u-7", "exp": now().Add(5 * time.Minute).Unix(), "contact_center": "6", "role": "lead"}
		for name, v := range other {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
		token.Header["kid"] = "k1"
		s, err := token.SignedString(private)
		require.NoError(t, err)
		return s
	}
	return func(_ *query.Config, d *query.Deps) {
		verifier, err := jwks.New([]jwks.Issuer{{Issuer: issuerURL, Audience: "floorwalker", URL: issuer.URL,
			Claims: jwks.Claims{ContactCenter: "contact_center", Role: "role"}, Roles: map[string]auth.Role{"lead": auth.Supervisor, "view": auth.Reader}}},
			jwks.Options{Now: now, Log: slog.New(slog.DiscardHandler), Leeway: time.Millisecond})
		require.NoError(t, err)
		d.Authenticator = &jwks.Authenticator{Accounts: d.Authenticator, Verifier: verifier}
	}, sign
}

func TestIdentity_TokensOfAProviderAreTaken_EachAsItSays(t *testing.T) {
	with, sign := provided(t, func() time.Time { return time.UnixMilli(noon) })
	f := newFixture(t, with)
	ask := func(method, path string, claims map[string]any) answer {
		return f.do(method, path, "", "Authorization", "Bearer "+sign(claims))
	}
	const agents = "/api/v1/contact-centers/6/agents"
	require.Equal(t, 200, ask("GET", agents, nil).StatusCode)
	require.Equal(t, 404, ask("GET", "/api/v1/contact-centers/7/agents", nil).StatusCode, "another contact centre is like none")
	require.Equal(t, 404, ask("GET", agents, map[string]any{"contact_center": "7"}).StatusCode)
	for name, claims := range map[string]map[string]any{"expired": {"exp": noon/1000 - 1}, "audience": {"aud": "x"}, "issuer": {"iss": "x"}, "no role": {"role": nil},
		"role of ours": {"role": "admin"}, "no contact centre": {"contact_center": nil}, "all contact centres": {"contact_center": "*"}} {
		a := ask("GET", agents, claims)
		require.Equal(t, 401, a.StatusCode, name)
		require.NotContains(t, a.body, "audience", "why is for operators")
	}
	require.Equal(t, 403, f.send("PUT", agents+"/bob/suspended", `{"suspended":true}`, "", "Content-Type", "application/json", "Authorization",
		"Bearer "+sign(map[string]any{"role": "view"})).StatusCode, "the role is the claim's")
	require.Equal(t, 200, f.do("GET", agents, "reader").StatusCode, "configured tokens go on")
	require.Contains(t, f.logged(), issuerURL+"#u-7")
}

// Push ends with the token, over each transport and with the token in the URL too.
func TestIdentity_StreamEndsWithTheToken(t *testing.T) {
	with, sign := provided(t, time.Now)
	p := newPushed(t, hub.Limits{}, with)
	token := sign(map[string]any{"exp": time.Now().Add(2 * time.Second).Unix()})
	e := p.listen("topics=queues", "Authorization", "Bearer "+token)
	last := e.next()
	for last.data["type"] != "end" {
		last = e.next()
	}
	require.Equal(t, "credential_expired", last.data["reason"])
	r, err := http.Get(p.url + "/stream?topics=queues&access_token=" + sign(nil))
	require.NoError(t, err)
	require.Equal(t, 200, r.StatusCode)
	require.NoError(t, r.Body.Close())
	r, err = http.Get(p.url + "/stream?topics=queues&access_token=" + sign(map[string]any{"aud": "x"}))
	require.NoError(t, err)
	require.Equal(t, 401, r.StatusCode)
	require.NoError(t, r.Body.Close())
}
