// Package jwks believes the tokens of identity providers (OpenID Connect): JWTs (RFC 7519) whose signature is checked with the keys
// that the provider publishes as a JWK Set (RFC 7517). Contact centre and role come from the token's claims alone.
package jwks

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metrics"
	"github.com/golang-jwt/jwt/v5"

	"floorwalker/query/auth"
)

// Issuer is one identity provider.
type Issuer struct {
	Issuer   string // as iss has it, letter for letter
	Audience string // which aud must name
	URL      string // of the JWK Set: https, or http of this machine; File takes its place
	File     string
	Claims   Claims
	Roles    map[string]auth.Role // by value of the role claim
}

// Claims name where a token says whose it is: a claim's name, or with dots the way to one inside of another (realm_access.roles).
type Claims struct {
	ContactCenter string // one text or integer: the contact centre's id
	Role          string // one text, or a list of which the strongest counts
}

// Options of a Verifier. Zero fields take the default.
type Options struct {
	Refresh time.Duration // after so long the keys are asked for again; 15 min
	Pause   time.Duration // between two tries to get them; 30 s
	Timeout time.Duration // of one try; 3 s
	Leeway  time.Duration // by which clocks may differ; 30 s
	Client  *http.Client  // redirects are not followed, whichever it is
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *metrics.Set
}

func (o Options) withDefaults() Options {
	o.Refresh = cmp.Or(o.Refresh, 15*time.Minute)
	o.Pause = cmp.Or(o.Pause, 30*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	o.Leeway = cmp.Or(o.Leeway, 30*time.Second)
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &client
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Metrics == nil {
		o.Metrics = metrics.NewSet()
	}
	return o
}

const (
	// maxToken bounds a token, in bytes.
	maxToken = 16 << 10
	// maxSubject bounds sub, which goes to logs.
	maxSubject = 256
)

// algorithms are those that are believed, all of them asymmetric: whoever can check a signature of another kind can also make one.
var algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// Verifier checks tokens. Its methods may be called from any goroutine.
type Verifier struct {
	options Options
	issuers map[string]*issuer
}

type issuer struct {
	Issuer
	keys   *keys
	parser *jwt.Parser
}

// New makes a verifier. Nothing is fetched before the first token comes, so that a provider which is away stops no start.
func New(list []Issuer, o Options) (*Verifier, error) {
	v := &Verifier{options: o.withDefaults(), issuers: map[string]*issuer{}}
	for _, of := range list {
		switch {
		case of.Issuer == "" || of.Audience == "" || of.Claims.ContactCenter == "" || of.Claims.Role == "" || len(of.Roles) == 0:
			return nil, fmt.Errorf("identity provider %q: issuer, audience, claims and roles are needed", of.Issuer)
		case v.issuers[of.Issuer] != nil:
			return nil, fmt.Errorf("identity provider %q: it is there twice", of.Issuer)
		}
		for value, role := range of.Roles {
			if _, ok := auth.ParseRole(string(role)); !ok {
				return nil, fmt.Errorf("identity provider %q: the role %q of %q is none of reader, supervisor, producer, admin", of.Issuer, role, value)
			}
		}
		k, err := newKeys(of, v.options)
		if err != nil {
			return nil, fmt.Errorf("identity provider %q: %w", of.Issuer, err)
		}
		v.issuers[of.Issuer] = &issuer{Issuer: of, keys: k, parser: jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithIssuer(of.Issuer),
			jwt.WithAudience(of.Audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(v.options.Leeway), jwt.WithStrictDecoding(),
			jwt.WithJSONNumber(), jwt.WithTimeFunc(v.options.Now))}
	}
	return v, nil
}

// LooksLike reports whether a Bearer token has the form of a JWT.
func LooksLike(token string) bool {
	return strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2
}

// Verify says whose a token is, and until when. Errors wrap auth.ErrInvalid and say why, without the token; auth.ErrUnavailable where
// the provider's keys were never to be had.
func (v *Verifier) Verify(ctx context.Context, token string) (auth.Principal, error) {
	if len(token) > maxToken {
		return auth.Principal{}, refused("it is longer than %d bytes", maxToken)
	}
	var unread jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &unread); err != nil {
		return auth.Principal{}, refused("it cannot be read")
	}
	iss, _ := unread["iss"].(string)
	from := v.issuers[iss]
	if from == nil {
		return auth.Principal{}, refused("its issuer is none of the configured ones")
	}
	claims := jwt.MapClaims{}
	_, err := from.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return from.keyOf(ctx, t) })
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		return auth.Principal{}, err
	case err != nil:
		return auth.Principal{}, refused("%s", why(err))
	}
	return from.principal(claims, v.options.Leeway)
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: the token is refused: %s", auth.ErrInvalid, fmt.Sprintf(format, args...))
}

// why is what a token's sender got wrong, in words of ours: the library's errors may quote what the token says.
func why(err error) string {
	var of *keyError
	for _, known := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenExpired, "it has expired"}, {jwt.ErrTokenNotValidYet, "it is not valid yet"}, {jwt.ErrTokenUsedBeforeIssued, "it is of the future"},
		{jwt.ErrTokenInvalidAudience, "it is for another audience"}, {jwt.ErrTokenInvalidIssuer, "it is of another issuer"},
		{jwt.ErrTokenRequiredClaimMissing, "a claim is missing: exp, iss and aud are needed"},
		{jwt.ErrTokenSignatureInvalid, "the signature or its algorithm is wrong"},
	} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	if errors.As(err, &of) {
		return of.text
	}
	return "it cannot be read"
}

// keyError says why there is no key for a token.
type keyError struct{ text string }

func (e *keyError) Error() string { return e.text }

func (i *issuer) keyOf(ctx context.Context, t *jwt.Token) (any, error) {
	if t.Header["crit"] != nil {
		return nil, &keyError{"it demands extensions that are not known here"} // RFC 7515, section 4.1.11
	}
	kid, _ := t.Header["kid"].(string)
	return i.keys.find(ctx, kid, t.Method.Alg())
}

func (i *issuer) principal(claims jwt.MapClaims, leeway time.Duration) (auth.Principal, error) {
	subject, _ := claims["sub"].(string)
	if !fit(subject, maxSubject) {
		return auth.Principal{}, refused("sub is missing, too long or holds control characters")
	}
	contactCenter := text(claim(claims, i.Claims.ContactCenter))
	if !fit(contactCenter, 128) || contactCenter == auth.AllContactCenters {
		return auth.Principal{}, refused("the claim %s names no contact centre", i.Claims.ContactCenter)
	}
	role, ok := i.role(claim(claims, i.Claims.Role))
	if !ok {
		return auth.Principal{}, refused("the claim %s names no role", i.Claims.Role)
	}
	until, err := claims.GetExpirationTime()
	if err != nil || until == nil {
		return auth.Principal{}, refused("exp is missing")
	}
	return auth.Principal{ID: i.Issuer.Issuer + "#" + subject, ContactCenter: contactCenter, Role: role, Until: until.Add(leeway)}, nil
}

// strength orders roles, the strongest first.
var strength = []auth.Role{auth.Admin, auth.Supervisor, auth.Reader, auth.Producer}

func (i *issuer) role(claim any) (auth.Role, bool) {
	values, ok := claim.([]any)
	if !ok {
		values = []any{claim}
	}
	has := map[auth.Role]bool{}
	for _, v := range values {
		if s, ok := v.(string); ok && i.Roles[s] != "" {
			has[i.Roles[s]] = true
		}
	}
	for _, role := range strength {
		if has[role] {
			return role, true
		}
	}
	return "", false
}

// claim finds a claim by its name, dots included, else by the way that the dots say.
func claim(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	first, rest, more := strings.Cut(name, ".")
	if inner, ok := claims[first].(map[string]any); ok && more {
		return claim(inner, rest)
	}
	return nil
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v.String()
		}
	}
	return ""
}

func fit(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Accounts are the configured principals; *auth.Authenticator has them.
type Accounts interface {
	Authenticate(ctx context.Context, authorization string) (auth.Principal, error)
}

// Authenticator asks the accounts first, so that a configured token may look like anything, and then the identity providers.
type Authenticator struct {
	Accounts Accounts
	Verifier *Verifier
}

// Authenticate reads the value of an Authorization header. Errors are those of auth and ErrUnavailable.
func (a *Authenticator) Authenticate(ctx context.Context, authorization string) (auth.Principal, error) {
	principal, err := a.Accounts.Authenticate(ctx, authorization)
	if !errors.Is(err, auth.ErrInvalid) {
		return principal, err
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || !LooksLike(token) {
		return principal, err
	}
	return a.Verifier.Verify(ctx, token)
}
