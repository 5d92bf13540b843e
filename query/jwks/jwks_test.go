package jwks_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"floorwalker/query/auth"
	"floorwalker/query/jwks"
)

// provider is an identity provider with a key of each kind.
type provider struct {
	*httptest.Server
	asked atomic.Int64

	mu     sync.Mutex
	keys   []jose.JSONWebKey // public
	status int
	body   string // instead of the keys
	hold   chan struct{}
}

func (p *provider) publish(keys ...jose.JSONWebKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *provider) answers(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		p.mu.Lock()
		status, body, keys, hold := p.status, p.body, p.keys, p.hold
		p.mu.Unlock()
		if hold != nil {
			<-hold
		}
		if status != 0 {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}
		if body != "" {
			_, _ = w.Write([]byte(body))
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	}))
	t.Cleanup(p.Close)
	return p
}

func public(kid, alg string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Algorithm: alg, Use: "sig"}
}

// keys are expensive to make, so that all tests share them; nobody writes to them.
var testKeys = sync.OnceValue(func() (k struct {
	rsa, other, weak *rsa.PrivateKey
	ec, wide         *ecdsa.PrivateKey
	ed               ed25519.PrivateKey
}) {
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.other, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.weak, _ = rsa.GenerateKey(rand.Reader, 1024)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	k.wide, _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

const (
	issuerName = "https://login.example.com/realms/centre"
	audience   = "floorwalker"
)

// clock is moved by hand.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(1_800_000_000_000)
	return c
}
func (c *clock) now() time.Time          { return time.UnixMilli(c.ms.Load()) }
func (c *clock) advance(d time.Duration) { c.ms.Add(d.Milliseconds()) }

func roles() map[string]auth.Role {
	return map[string]auth.Role{"cc-view": auth.Reader, "cc-lead": auth.Supervisor, "cc-admin": auth.Admin, "cc-feed": auth.Producer}
}

func verifier(t *testing.T, at *clock, of jwks.Issuer) *jwks.Verifier {
	t.Helper()
	if of.Issuer == "" {
		of.Issuer = issuerName
	}
	of.Audience, of.Roles = audience, roles()
	if of.Claims.Role == "" {
		of.Claims = jwks.Claims{ContactCenter: "contact_center", Role: "role"}
	}
	v, err := jwks.New([]jwks.Issuer{of}, jwks.Options{Now: at.now, Timeout: 30 * time.Second, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return v
}

// said are the claims of a good token, with some replaced; nil takes one away.
func said(at *clock, other map[string]any) jwt.MapClaims {
	claims := jwt.MapClaims{"iss": issuerName, "aud": audience, "sub": "u-7", "exp": at.now().Add(5 * time.Minute).Unix(), "contact_center": "6", "role": "cc-lead"}
	for name, v := range other {
		if claims[name] = v; v == nil {
			delete(claims, name)
		}
	}
	return claims
}

func signed(t *testing.T, method jwt.SigningMethod, kid string, key any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	require.NoError(t, err)
	return s
}

func TestVerify_EachAlgorithmThatIsAllowed(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("r", "", k.rsa), public("e", "ES256", k.ec), public("d", "EdDSA", k.ed))
	v := verifier(t, at, jwks.Issuer{URL: p.URL})
	for _, c := range []struct {
		method jwt.SigningMethod
		kid    string
		key    any
	}{{jwt.SigningMethodRS256, "r", k.rsa}, {jwt.SigningMethodPS256, "r", k.rsa}, {jwt.SigningMethodES256, "e", k.ec}, {jwt.SigningMethodEdDSA, "d", k.ed}} {
		who, err := v.Verify(context.Background(), signed(t, c.method, c.kid, c.key, said(at, nil)))
		require.NoError(t, err, c.method.Alg())
		require.Equal(t, auth.Principal{ID: issuerName + "#u-7", ContactCenter: "6", Role: auth.Supervisor, Until: at.now().Add(5*time.Minute + 30*time.Second)}, who)
	}
	require.EqualValues(t, 1, p.asked.Load(), "one fetch is enough for all")
}

func TestVerify_WhatIsRefused(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("r", "", k.rsa), public("only-rs", "RS256", k.rsa), public("e", "", k.ec), public("weak", "", k.weak), public("wide", "", k.wide),
		jose.JSONWebKey{Key: k.other.Public(), KeyID: "enc", Use: "enc"}, jose.JSONWebKey{Key: []byte(strings.Repeat("s", 32)), KeyID: "oct"})
	v := verifier(t, at, jwks.Issuer{URL: p.URL})
	rs := func(other map[string]any) string {
		return signed(t, jwt.SigningMethodRS256, "r", k.rsa, said(at, other))
	}
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	require.NoError(t, err)
	asSecret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	critical := jwt.NewWithClaims(jwt.SigningMethodRS256, said(at, nil))
	critical.Header["kid"], critical.Header["crit"] = "r", []string{"b64"}
	demanding, err := critical.SignedString(k.rsa)
	require.NoError(t, err)
	foreign := jwt.NewWithClaims(jwt.SigningMethodRS256, said(at, nil))
	foreign.Header["jwk"] = public("own", "", k.other)
	foreign.Header["kid"] = "own"
	ownKey, err := foreign.SignedString(k.other)
	require.NoError(t, err)
	good := rs(nil)
	parts := strings.Split(good, ".")
	ago := func(d time.Duration) int64 { return at.now().Add(-d).Unix() }
	for name, token := range map[string]string{
		"expired":                         rs(map[string]any{"exp": ago(31 * time.Second)}),
		"without exp":                     rs(map[string]any{"exp": nil}),
		"not yet":                         rs(map[string]any{"nbf": ago(-31 * time.Second)}),
		"of the future":                   rs(map[string]any{"iat": ago(-time.Hour)}),
		"other audience":                  rs(map[string]any{"aud": "billing"}),
		"without audience":                rs(map[string]any{"aud": nil}),
		"other issuer":                    rs(map[string]any{"iss": "https://evil.example.com"}),
		"without issuer":                  rs(map[string]any{"iss": nil}),
		"without subject":                 rs(map[string]any{"sub": nil}),
		"subject with control characters": rs(map[string]any{"sub": "a\nb"}),
		"without contact centre":          rs(map[string]any{"contact_center": nil}),
		"of every contact centre":         rs(map[string]any{"contact_center": "*"}),
		"of two contact centres":          rs(map[string]any{"contact_center": []string{"6", "7"}}),
		"without role":                    rs(map[string]any{"role": nil}),
		"with a role that is not mapped":  rs(map[string]any{"role": "admin"}),
		"no signature (none)":             signed(t, jwt.SigningMethodNone, "r", jwt.UnsafeAllowNoneSignatureType, said(at, nil)),
		"the public key as a secret":      signed(t, jwt.SigningMethodHS256, "r", asSecret, said(at, nil)),
		"a published secret":              signed(t, jwt.SigningMethodHS256, "oct", []byte(strings.Repeat("s", 32)), said(at, nil)),
		"RS512":                           signed(t, jwt.SigningMethodRS512, "r", k.rsa, said(at, nil)),
		"another's key":                   signed(t, jwt.SigningMethodRS256, "r", k.other, said(at, nil)),
		"a key for encryption":            signed(t, jwt.SigningMethodRS256, "enc", k.other, said(at, nil)),
		"a weak key":                      signed(t, jwt.SigningMethodRS256, "weak", k.weak, said(at, nil)),
		"a key of another curve":          signed(t, jwt.SigningMethodES384, "wide", k.wide, said(at, nil)),
		"a key that says another alg":     signed(t, jwt.SigningMethodPS256, "only-rs", k.rsa, said(at, nil)),
		"a key of another kind":           signed(t, jwt.SigningMethodRS256, "e", k.rsa, said(at, nil)),
		"without kid, of many keys":       signed(t, jwt.SigningMethodRS256, "", k.rsa, said(at, nil)),
		"the key in the token":            ownKey,
		"extensions":                      demanding,
		"changed claims":                  parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"`+issuerName+`","role":"cc-admin"}`)) + "." + parts[2],
		"cut off":                         good[:len(good)-3],
		"too long":                        rs(map[string]any{"x": strings.Repeat("x", 17<<10)}),
		"no token":                        "eyJ..",
	} {
		who, err := v.Verify(context.Background(), token)
		require.ErrorIs(t, err, auth.ErrInvalid, name)
		require.Zero(t, who, name)
		require.NotContains(t, err.Error(), "evil", name)
	}
	_, err = v.Verify(context.Background(), good)
	require.NoError(t, err, "the good one must stay good, or the others prove nothing")
	for name, other := range map[string]map[string]any{"exp": {"exp": ago(29 * time.Second)}, "nbf": {"nbf": ago(-29 * time.Second)},
		"audiences": {"aud": []string{"billing", audience}}} {
		_, err = v.Verify(context.Background(), rs(other))
		require.NoError(t, err, name)
	}
}

func TestVerify_ClaimsAsTheConfigurationNamesThem(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("", "", k.ec))
	v := verifier(t, at, jwks.Issuer{URL: p.URL, Claims: jwks.Claims{ContactCenter: "https://example.com/cc", Role: "realm_access.roles"}})
	for _, c := range []struct {
		center any
		roles  []string
		want   auth.Role
	}{{"6", []string{"x", "cc-view"}, auth.Reader}, {6, []string{"cc-view", "cc-admin", "cc-lead"}, auth.Admin}, {"6", []string{"cc-feed", "cc-view"}, auth.Reader}} {
		token := signed(t, jwt.SigningMethodES256, "", k.ec, said(at, map[string]any{"https://example.com/cc": c.center, "realm_access": map[string]any{"roles": c.roles}}))
		who, err := v.Verify(context.Background(), token)
		require.NoError(t, err)
		require.Equal(t, "6", who.ContactCenter)
		require.Equal(t, c.want, who.Role)
	}
}

func TestKeys_UnknownID_OneFetchAndThenNoneForAWhile(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("r", "", k.rsa))
	v := verifier(t, at, jwks.Issuer{URL: p.URL})
	_, err := v.Verify(context.Background(), signed(t, jwt.SigningMethodRS256, "r", k.rsa, said(at, nil)))
	require.NoError(t, err)
	require.EqualValues(t, 1, p.asked.Load())
	at.advance(31 * time.Second)
	guess := signed(t, jwt.SigningMethodRS256, "guess", k.other, said(at, nil))
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := v.Verify(context.Background(), guess)
			require.ErrorIs(t, err, auth.ErrInvalid)
		})
	}
	all.Wait()
	require.EqualValues(t, 2, p.asked.Load(), "fifty guesses make one fetch")
	at.advance(29 * time.Second)
	_, err = v.Verify(context.Background(), guess)
	require.ErrorIs(t, err, auth.ErrInvalid)
	require.EqualValues(t, 2, p.asked.Load())
}

func TestKeys_Rotation(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("old", "", k.rsa))
	v := verifier(t, at, jwks.Issuer{URL: p.URL})
	old := signed(t, jwt.SigningMethodRS256, "old", k.rsa, said(at, map[string]any{"exp": at.now().Add(time.Hour).Unix()}))
	_, err := v.Verify(context.Background(), old)
	require.NoError(t, err)
	at.advance(time.Minute)
	p.publish(public("new", "", k.other), public("old", "", k.rsa))
	renewed := signed(t, jwt.SigningMethodRS256, "new", k.other, said(at, map[string]any{"exp": at.now().Add(time.Hour).Unix()}))
	_, err = v.Verify(context.Background(), renewed)
	require.NoError(t, err, "a key that is new is fetched when a token names it")
	p.publish(public("new", "", k.other))
	_, err = v.Verify(context.Background(), old)
	require.NoError(t, err, "what was withdrawn is believed until the keys are old")
	at.advance(15 * time.Minute)
	_, err = v.Verify(context.Background(), old)
	require.ErrorIs(t, err, auth.ErrInvalid, "and then no longer")
	_, err = v.Verify(context.Background(), renewed)
	require.NoError(t, err)
}

// tooLarge is a set that would take the key away, if it were read.
func tooLarge(t *testing.T) string {
	t.Helper()
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("other", "", testKeys().other)}})
	require.NoError(t, err)
	return strings.Replace(string(raw), "{", `{"padding":"`+strings.Repeat("x", 300<<10)+`",`, 1)
}

func TestKeys_ProviderIsDown_CachedOnesGoOn(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.answers(http.StatusBadGateway, "")
	v := verifier(t, at, jwks.Issuer{URL: p.URL})
	token := func() string { return signed(t, jwt.SigningMethodES256, "e", k.ec, said(at, nil)) }
	_, err := v.Verify(context.Background(), token())
	require.ErrorIs(t, err, auth.ErrUnavailable, "nobody can tell whether it is good")
	require.NotErrorIs(t, err, auth.ErrInvalid)
	p.answers(0, "")
	p.publish(public("e", "", k.ec))
	at.advance(time.Minute)
	_, err = v.Verify(context.Background(), token())
	require.NoError(t, err)
	for _, broken := range []struct {
		status int
		body   string
	}{{http.StatusInternalServerError, ""}, {0, "no JSON"}, {0, `{"keys":[]}`}, {http.StatusFound, ""}, {0, tooLarge(t)}} {
		p.answers(broken.status, broken.body)
		at.advance(20 * time.Minute)
		before := p.asked.Load()
		_, err = v.Verify(context.Background(), token())
		require.NoError(t, err, broken.status)
		require.EqualValues(t, 1, p.asked.Load()-before, "asked once, redirects not followed")
		_, err = v.Verify(context.Background(), token())
		require.NoError(t, err)
		require.EqualValues(t, 1, p.asked.Load()-before, "and not again at once")
	}
	p.CloseClientConnections()
	p.Close()
	at.advance(20 * time.Minute)
	_, err = v.Verify(context.Background(), token())
	require.NoError(t, err)
}

// One slow answer keeps nobody waiting whose key is there.
func TestKeys_SlowFetch_OthersGoOn(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("e", "", k.ec))
	v := verifier(t, at, jwks.Issuer{URL: p.URL})
	token := signed(t, jwt.SigningMethodES256, "e", k.ec, said(at, map[string]any{"exp": at.now().Add(time.Hour).Unix()}))
	_, err := v.Verify(context.Background(), token)
	require.NoError(t, err)
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	p.mu.Lock()
	p.hold = hold
	p.mu.Unlock()
	at.advance(20 * time.Minute)
	first := make(chan error, 1)
	go func() {
		_, err := v.Verify(context.Background(), token)
		first <- err
	}()
	require.Eventually(t, func() bool { return p.asked.Load() == 2 }, 5*time.Second, time.Millisecond)
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = v.Verify(limit, token)
	require.NoError(t, err)
	require.Empty(t, first, "the first one still waits for the provider")
	release()
	require.NoError(t, <-first)
}

func TestKeys_OfAFile(t *testing.T) {
	k, at := testKeys(), newClock()
	file := filepath.Join(t.TempDir(), "jwks.json")
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{public("e", "", k.ec)}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	v := verifier(t, at, jwks.Issuer{File: file})
	_, err = v.Verify(context.Background(), signed(t, jwt.SigningMethodES256, "e", k.ec, said(at, nil)))
	require.NoError(t, err)
}

func TestNew_RefusesWhatCannotBeMeant(t *testing.T) {
	whole := jwks.Issuer{Issuer: issuerName, Audience: audience, URL: "https://login.example.com/certs", Claims: jwks.Claims{ContactCenter: "cc", Role: "role"}, Roles: roles()}
	_, err := jwks.New([]jwks.Issuer{whole}, jwks.Options{})
	require.NoError(t, err)
	for name, change := range map[string]func(*jwks.Issuer){
		"no issuer": func(i *jwks.Issuer) { i.Issuer = "" }, "no audience": func(i *jwks.Issuer) { i.Audience = "" },
		"no roles": func(i *jwks.Issuer) { i.Roles = nil }, "role": func(i *jwks.Issuer) { i.Roles = map[string]auth.Role{"x": "king"} },
		"no claim": func(i *jwks.Issuer) { i.Claims.ContactCenter = "" }, "no keys": func(i *jwks.Issuer) { i.URL = "" },
		"both": func(i *jwks.Issuer) { i.File = "/x" }, "http": func(i *jwks.Issuer) { i.URL = "http://login.example.com/certs" },
		"credentials in the URL": func(i *jwks.Issuer) { i.URL = "https://u:p@login.example.com/certs" },
	} {
		other := whole
		change(&other)
		_, err := jwks.New([]jwks.Issuer{other}, jwks.Options{})
		require.Error(t, err, name)
	}
	_, err = jwks.New([]jwks.Issuer{whole, whole}, jwks.Options{})
	require.ErrorContains(t, err, "twice")
	for _, local := range []string{"http://127.0.0.1:9/x", "http://[::1]:9/x", "http://localhost/x"} {
		require.NoError(t, jwks.CheckURL(local))
	}
}

// accounts know one token, which looks like a JWT.
type accounts struct{}

func (accounts) Authenticate(_ context.Context, authorization string) (auth.Principal, error) {
	switch authorization {
	case "":
		return auth.Principal{}, auth.ErrMissing
	case "Bearer eyJ.configured.token":
		return auth.Principal{ID: "configured"}, nil
	}
	return auth.Principal{}, auth.ErrInvalid
}

func TestAuthenticator_AccountsFirstThenProviders(t *testing.T) {
	k, at, p := testKeys(), newClock(), newProvider(t)
	p.publish(public("e", "", k.ec))
	a := &jwks.Authenticator{Accounts: accounts{}, Verifier: verifier(t, at, jwks.Issuer{URL: p.URL})}
	token := signed(t, jwt.SigningMethodES256, "e", k.ec, said(at, nil))
	for header, want := range map[string]error{"": auth.ErrMissing, "Bearer eyJ.configured.token": nil, "Bearer " + token: nil, "bearer " + token: nil,
		"Bearer plain": auth.ErrInvalid, "Basic " + token: auth.ErrInvalid, token: auth.ErrInvalid, "Bearer " + token + "x": auth.ErrInvalid} {
		_, err := a.Authenticate(context.Background(), header)
		require.ErrorIs(t, err, want, header)
	}
}
