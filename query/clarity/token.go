package clarity

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/golang-jwt/jwt/v5"

	"floorwalker/query/auditlog"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

// The token service.
const (
	tokenPath    = "/webauth/token"
	grantWindows = "urn:connect.auth:windows"
)

// DefaultTokenLifetime is that of the specification's sample.
const DefaultTokenLifetime = 10 * time.Hour

const minKeyBytes = 32

// Center is what is configured of a contact centre.
type Center struct {
	ContactCenter string
	ClientIDs     []string // of the programs that may get tokens; a client belongs to one contact centre
	// Keys sign tokens: the first those that are made, all those that are still believed. 32 bytes or more each.
	Keys          [][]byte
	TokenLifetime time.Duration // 0: DefaultTokenLifetime

	byKid map[string][]byte
}

func (c *Center) prepare() error {
	if c.ContactCenter == "" {
		return errors.New("the id is empty")
	}
	if len(c.ClientIDs) > 0 && len(c.Keys) == 0 {
		return errors.New("there is no signing key")
	}
	if c.TokenLifetime == 0 {
		c.TokenLifetime = DefaultTokenLifetime
	}
	if c.TokenLifetime < 0 {
		return fmt.Errorf("a token lifetime of %s", c.TokenLifetime)
	}
	c.byKid = map[string][]byte{}
	for i, key := range c.Keys {
		if len(key) < minKeyBytes {
			return fmt.Errorf("signing key %d has %d bytes; at least %d are needed", i, len(key), minKeyBytes)
		}
		c.byKid[kid(key)] = key
	}
	return nil
}

// kid names a key without telling it.
func kid(key []byte) string {
	sum := sha256.Sum256(append([]byte("floorwalker clarity kid:"), key...))
	return hex.EncodeToString(sum[:8])
}

// base is how callers reach this server: scheme://host.
func (a *API) base(c *fiber.Ctx) string {
	if a.URL != "" {
		return a.URL
	}
	if base, ok := c.Context().UserValue(baseKey).(string); ok {
		return base
	}
	return utils.CopyString(c.BaseURL())
}

// tokenURL is where this server's token service answers: the issuer of its tokens.
func (a *API) tokenURL(c *fiber.Ctx) string { return a.base(c) + tokenPath }

// sign makes a token of an agent. The agent's id stands in sub beside the number, which another agent may have one day.
func (a *API) sign(center *Center, client, issuer string, v *floor.View, agent string) (string, error) {
	now := a.Now()
	shown := agent
	if n, ok := v.Directory.Number(directory.KindAgent, agent); ok {
		shown = strconv.Itoa(int(n))
	}
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"connect_agent_id": shown, "iss": issuer, "aud": client, "sub": agent,
		"exp": now.Add(center.TokenLifetime).Unix(), "nbf": now.Unix()})
	token.Header["kid"] = kid(center.Keys[0])
	return token.SignedString(center.Keys[0])
}

// verify finds out whose a token is. The client named in it is only used to look the keys up.
func (a *API) verify(token string) (caller, error) {
	who, _, err := a.verifyUntil(token)
	return who, err
}

// verifyUntil also tells when the token expires.
func (a *API) verifyUntil(token string) (who caller, until time.Time, err error) {
	// The algorithm is ours, never the token's.
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(a.Now))
	claims := jwt.MapClaims{}
	var center *Center
	_, err = parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		client, _ := claims["aud"].(string)
		if center = a.centers[client]; center == nil {
			return nil, errors.New("there is no such client")
		}
		name, _ := t.Header["kid"].(string)
		if key := center.byKid[name]; key != nil {
			return key, nil
		}
		return nil, errors.New("there is no such key")
	})
	if err != nil {
		return caller{}, until, err
	}
	issuer, _ := claims["iss"].(string)
	agent, _ := claims["sub"].(string)
	if _, has := claims["nbf"]; !has || agent == "" || !strings.HasSuffix(issuer, tokenPath) {
		return caller{}, until, errors.New("a claim is missing")
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return caller{}, until, errors.New("a claim is missing")
	}
	return caller{center.ContactCenter, agent}, exp.Time, nil
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"` // s
}

type tokenFailure struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// token trades an identity for a token (specification, Creating a Token Request). Who somebody is comes before what they ask for.
func (a *API) token(c *fiber.Ctx) error {
	q := route.CallOf(c).Query
	grant, _ := q.Text("grant_type")
	client, _ := q.Text("client_id")
	if grant != grantWindows {
		return problem.New(fiber.StatusBadRequest, "unsupported_grant_type", "grant_type must be "+grantWindows)
	}
	center := a.centers[client]
	contactCenter := ""
	if center != nil {
		contactCenter = center.ContactCenter
	}
	names, err := a.identify(c, contactCenter)
	if err != nil {
		return err
	}
	if center == nil {
		return problem.New(fiber.StatusBadRequest, "invalid_clientId", "client_id is not valid")
	}
	v := a.Source.View(contactCenter)
	agent, ok := agentOfAny(v, names)
	if !ok {
		return unauthorized("the user is no agent")
	}
	call := route.CallOf(c)
	call.Principal, call.ContactCenter = principalID(caller{contactCenter, agent}), contactCenter
	token, err := a.sign(center, client, a.tokenURL(c), v, agent)
	if err != nil {
		return problem.Internal(err)
	}
	c.Set(fiber.HeaderPragma, "no-cache")
	// The vendor's service counts from the second after; clients of its samples expect that.
	return send(c, fiber.StatusOK, tokenAnswer{token, "bearer", int64(center.TokenLifetime/time.Second) - 1})
}

// identify asks the provider that reads the request's credential.
func (a *API) identify(c *fiber.Ctx, contactCenter string) ([]string, error) {
	scheme, credential, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	for _, p := range a.Providers {
		if !strings.EqualFold(p.Scheme(), scheme) {
			continue
		}
		names, reply, err := p.Identify(c.UserContext(), contactCenter, strings.TrimSpace(credential))
		if reply != "" {
			c.Set(fiber.HeaderWWWAuthenticate, p.Scheme()+" "+reply)
		}
		switch {
		case errors.Is(err, auth.ErrTries):
			return nil, problem.TooMany("too many credentials from this address were wrong", auth.TriesSeconds)
		case errors.Is(err, auth.ErrBusy):
			return nil, problem.Unavailable("temporarily_unavailable", "too many are signing in at this moment", 1)
		case err == auth.ErrInvalid:
			return nil, unauthorized("the credentials are not valid")
		case errors.Is(err, auth.ErrInvalid):
			return nil, unauthorized(err.Error())
		case err != nil:
			return nil, problem.Internal(err)
		}
		return names, nil
	}
	return nil, unauthorized("credentials are needed")
}

// agentOfAny is the agent of the first of one user's names that is a login.
func agentOfAny(v *floor.View, names []string) (string, bool) {
	for _, name := range names {
		if agent, ok := agentOf(v, name); ok {
			return agent, true
		}
	}
	return "", false
}

// agentOf is the agent of the directory whose login a Windows user name means.
func agentOf(v *floor.View, user string) (string, bool) {
	login, ok := findLogin(func(yield func(string) bool) {
		for _, agent := range v.Directory.Agents {
			if !yield(agent.Login) {
				return
			}
		}
	}, user)
	if !ok {
		return "", false
	}
	found := ""
	for id, agent := range v.Directory.Agents {
		if agent.Login != login {
			continue
		}
		if found != "" {
			return "", false // two agents of one login
		}
		found = id
	}
	return found, true
}

// failToken answers in the form of OAuth 2.0, as the specification's sample does.
func (a *API) failToken(c *fiber.Ctx, p *problem.Problem) error {
	code := p.Code
	switch {
	case p.Status == fiber.StatusUnauthorized:
		code = "invalid_grant"
		if len(c.Response().Header.Peek(fiber.HeaderWWWAuthenticate)) == 0 {
			for _, provider := range a.Providers {
				// Each in a header of its own: not every client takes a list apart.
				c.Response().Header.Add(fiber.HeaderWWWAuthenticate, provider.Challenge())
			}
		}
	case p.Status >= fiber.StatusInternalServerError && code != "temporarily_unavailable":
		code = "server_error"
	case p.Status == fiber.StatusUnsupportedMediaType, code == "bad_parameter", code == "bad_body":
		p = problem.New(fiber.StatusBadRequest, "invalid_request", p.Detail)
		code = p.Code
	}
	return send(c, p.Status, tokenFailure{code, p.Detail})
}

func (a *API) tokenOperation() route.Operation {
	failure := route.Of[tokenFailure]().Named("ClarityTokenFailure")
	surface := &route.Surface{Tag: "clarity tokens", Description: "Clarity Connect's authentication service", Prefixes: []string{"/webauth/"}, Fail: a.failToken,
		Schemes: map[string]route.Scheme{"clarityLogin": route.BasicScheme("an agent's login")},
		Failures: []route.Response{route.JSON(400, "an unknown client_id, or another grant", failure), route.JSON(401, "not a valid identity, or no agent's", failure),
			route.JSON(500, "internal error", failure), route.JSON(503, "too many sign in at this moment", failure)}}
	text := func(name, description string) route.Parameter {
		return route.InQuery(name, description, route.String()).Unchecked()
	}
	return route.Operation{Surface: surface, Method: "POST", Path: tokenPath, ID: "clarityToken", Summary: "Get an access token", Security: []string{"clarityLogin"},
		Bodies: []route.Body{route.FormParameters(route.InQuery("grant_type", "how the agent is known", route.OneOf(grantWindows)).Must().Unchecked(),
			text("client_id", "a client of the configuration").Must())},
		Responses: []route.Response{route.JSON(200, "the token", route.Of[tokenAnswer]())},
		Handler:   a.token, Audit: auditlog.SignIn}
}
