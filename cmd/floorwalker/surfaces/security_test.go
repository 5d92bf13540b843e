package surfaces_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// public are the operations that anybody may ask: the server's own health and description, the wallboard's files, and where credentials are
// traded for tokens and sessions.
func public() []string {
	return []string{"getHealth", "getReadiness", "getServerMetrics", "getOpenAPI", "getDocs", "vonageToken", "signIn", "signOut", "getWallboard", "getWallboardAsset"}
}

// Whoever says nothing, or something that is no credential, is let into nothing but what is meant for everybody. Every answer forbids
// browsers to guess what it is.
func TestOperations_WithoutCredential_Refused(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	var open []string
	for _, op := range w.app.Registry().Operations() {
		if len(op.Security) == 0 {
			open = append(open, op.ID)
			continue
		}
		path := pathParameter.ReplaceAllString(strings.NewReplacer("{cc}", "6", "{ccId}", "6", "{account_sid}", exotelSID).Replace(op.Path), "x")
		var body string
		var headers []string
		if len(op.Bodies) > 0 {
			body, headers = "{}", []string{"Content-Type", op.Bodies[0].ContentType}
		}
		if op.ID == "clarityToken" {
			body = url.Values{"grant_type": {"urn:connect.auth:windows"}, "client_id": {clarityClient}}.Encode()
		}
		for _, no := range []string{"", "Bearer ", "Bearer nothing-that-was-given-out", basic("nobody", "nothing"), "Negotiate AAAA", "Digest x"} {
			a := w.do(op.Method, path, body, append(slices.Clone(headers), "Authorization", no)...)
			if strings.HasPrefix(op.ID, "convoso") { // its errors are 200, as that vendor says
				require.JSONEq(t, `{"success":false,"error":"Invalid authentication token"}`, a.body)
				continue
			}
			require.Equal(t, 401, a.StatusCode, "%s %s %s %q: %s", op.ID, op.Method, path, no, a.body)
			require.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"), "%s %s", op.Method, path)
		}
	}
	require.ElementsMatch(t, public(), open)
}

// sessionCookie is that of a browser that has signed in with the native token.
func (w *world) sessionCookie() string {
	in := w.do("POST", "/api/v1/session", `{"token":"`+nativeToken+`"}`, "Content-Type", "application/json")
	require.Equal(w.t, 200, in.StatusCode, in.body)
	cookie, _, _ := strings.Cut(in.Header.Get("Set-Cookie"), ";")
	return cookie
}

// A browser's session is for the native API: no vendor's surface takes its cookie.
func TestSession_NoVendorsSurfaceTakesIt(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	own := []string{"Cookie", w.sessionCookie(), "Sec-Fetch-Site", "same-origin"}
	require.Equal(t, 200, w.do("GET", "/api/v1/session", "", own...).StatusCode)
	vendors := 0
	for _, op := range w.app.Registry().Operations() {
		if len(op.Security) == 0 || op.Surface.Tag == "native" {
			continue
		}
		require.NotContains(t, op.Security, "session", op.ID)
		path := pathParameter.ReplaceAllString(strings.NewReplacer("{ccId}", "6", "{account_sid}", exotelSID).Replace(op.Path), "x")
		var body string
		headers := slices.Clone(own)
		if len(op.Bodies) > 0 {
			body, headers = "{}", append(headers, "Content-Type", op.Bodies[0].ContentType)
		}
		if op.ID == "clarityToken" {
			body = url.Values{"grant_type": {"urn:connect.auth:windows"}, "client_id": {clarityClient}}.Encode()
		}
		vendors++
		a := w.do(op.Method, path, body, headers...)
		if strings.HasPrefix(op.ID, "convoso") {
			require.JSONEq(t, `{"success":false,"error":"Invalid authentication token"}`, a.body)
			continue
		}
		require.Equal(t, 401, a.StatusCode, "%s: %s", op.ID, a.body)
	}
	require.Greater(t, vendors, 20)
}

var pathParameter = regexp.MustCompile(`\{[^}]+\}`)

// A public key is known to everybody: a verifier that took it for a secret would believe everybody.
func TestTokens_AsymmetricAlgorithmsAndPublicKeysAsSecrets_Refused(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	t.Setenv("FW_TEST_KEY", strings.Repeat("k", 32))
	w := supervised(t, "2016-09-02T20:00:00Z", func(s *setup) {
		s.centers[0].Surfaces.Clarity.SigningKeyEnv, s.centers[0].Surfaces.Vonage.SigningKeyEnv = "FW_TEST_KEY", "FW_TEST_KEY"
	})
	for path, token := range map[string]string{"/webapi/api/v2/profile": w.clarityToken("admin"), "/stats/agent-status": w.vonageToken()} {
		status := func(text string) int {
			return w.do("GET", path, "", "Authorization", "Bearer "+text, "Accept", "application/vnd.newvoicemedia.v3+json").StatusCode
		}
		require.Equal(t, 200, status(token), path)
		real, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
		require.NoError(t, err)
		for name, by := range map[string]struct {
			method jwt.SigningMethod
			key    any
		}{"RS256": {jwt.SigningMethodRS256, private}, "PS256": {jwt.SigningMethodPS256, private}, "HS256 with the public key": {jwt.SigningMethodHS256, public}} {
			forged := jwt.NewWithClaims(by.method, real.Claims)
			if kid, ok := real.Header["kid"]; ok {
				forged.Header["kid"] = kid
			}
			text, err := forged.SignedString(by.key)
			require.NoError(t, err)
			require.Equal(t, 401, status(text), "%s %s", path, name)
		}
	}
}
