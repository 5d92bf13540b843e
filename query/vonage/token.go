package vonage

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"
	"github.com/golang-jwt/jwt/v5"

	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
)

// scopeStats is the only scope there is.
const scopeStats = "stats"

// Who signs tokens, and for whom.
const (
	issuer   = "floorwalker"
	audience = "floorwalker/vonage"
)

// DefaultTokenLifetime holds for clients whose contact centre names none.
const DefaultTokenLifetime = time.Hour

// Client may get tokens.
type Client struct {
	ID            string
	ContactCenter string
	SecretSHA256  [sha256.Size]byte
	Key           []byte        // that its tokens are signed with; 32 bytes or more
	TokenLifetime time.Duration // 0: DefaultTokenLifetime
}

func (c *Client) validate() error {
	switch {
	case c.ID == "" || c.ContactCenter == "":
		return fmt.Errorf("vonage: client %q of contact centre %q; both are needed", c.ID, c.ContactCenter)
	case len(c.Key) < 32:
		return fmt.Errorf("vonage: client %q: a signing key of %d bytes; at least 32 are needed", c.ID, len(c.Key))
	case c.TokenLifetime < 0:
		return fmt.Errorf("vonage: client %q: a token lifetime of %s", c.ID, c.TokenLifetime)
	}
	return nil
}

type claims struct {
	jwt.RegisteredClaims
	Scope string `json:"scope"`
}

func (a *API) sign(client *Client, scope string) (string, time.Duration, error) {
	lifetime := client.TokenLifetime
	if lifetime == 0 {
		lifetime = DefaultTokenLifetime
	}
	now := a.Now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{jwt.RegisteredClaims{Issuer: issuer, Audience: jwt.ClaimStrings{audience},
		Subject: client.ID, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime))}, scope}).SignedString(client.Key)
	if err != nil {
		return "", 0, fmt.Errorf("signing a token of client %q: %w", client.ID, err)
	}
	return token, lifetime, nil
}

// verify finds the client of a token and its scopes. The client named in the token is only used to look its key up.
func (a *API) verify(token string) (*Client, []string, error) {
	var client *Client
	var c claims
	_, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) {
		if client = a.clients[c.Subject]; client == nil {
			return nil, errors.New("there is no such client")
		}
		return client.Key, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return client, strings.Fields(c.Scope), nil
}

// authenticate checks a client's id and secret; an unknown client costs as much as a wrong secret.
func (a *API) authenticate(id, secret string) (*Client, bool) {
	known := &Client{}
	client := a.clients[id]
	if client != nil {
		known = client
	}
	sum := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(sum[:], known.SecretSHA256[:]) == 1
	return client, same && client != nil
}

// token trades a client's credentials for a token (RFC 6749, section 4.4).
func (a *API) token(c *fiber.Ctx) error {
	q := route.CallOf(c).Query
	grant, _ := q.Text("grant_type")
	switch grant {
	case "client_credentials":
	case "":
		return problem.New(fiber.StatusBadRequest, "invalid_request", "grant_type is missing")
	default:
		return problem.New(fiber.StatusBadRequest, "unsupported_grant_type", "the only grant is client_credentials")
	}
	id, secret := credentials(c, q)
	client, ok := a.authenticate(id, secret)
	call := route.CallOf(c)
	if client != nil {
		call.Tried, call.ContactCenter = principalID(client), client.ContactCenter
	}
	if !ok {
		return problem.New(fiber.StatusUnauthorized, "invalid_client", "the client is not known, or its secret is wrong")
	}
	call.Principal = principalID(client)
	scope, _ := q.Text("scope")
	for _, name := range strings.Fields(scope) {
		if name != scopeStats {
			return problem.New(fiber.StatusBadRequest, "invalid_scope", "the only scope is "+scopeStats)
		}
	}
	token, lifetime, err := a.sign(client, scopeStats)
	if err != nil {
		return problem.Internal(err)
	}
	var e list.Encoder
	e.Object()
	e.Name("access_token")
	e.String(token)
	e.Name("expires_in")
	e.Int(int64(lifetime / time.Second))
	e.Name("token_type")
	e.String("Bearer")
	e.Name("scope")
	e.String(scopeStats)
	e.End()
	return sendToken(c, fiber.StatusOK, &e)
}

// credentials are in the form, or in a Basic header, where both are encoded as in a form.
func credentials(c *fiber.Ctx, q *route.Query) (id, secret string) {
	id, _ = q.Text("client_id")
	secret, _ = q.Text("client_secret")
	scheme, rest, _ := strings.Cut(utils.CopyString(c.Get(fiber.HeaderAuthorization)), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return id, secret
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", ""
	}
	user, password, _ := strings.Cut(string(raw), ":")
	return unescaped(user), unescaped(password)
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// failToken answers as RFC 6749, section 5.2.
func failToken(c *fiber.Ctx, p *problem.Problem) error {
	code := p.Code
	switch code {
	case "invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type":
	default:
		if code = "invalid_request"; p.Status >= 500 {
			code = "server_error"
		}
	}
	status := p.Status
	switch {
	case status == fiber.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="vonage", charset="UTF-8"`)
	case code == "invalid_request" && status != fiber.StatusNotFound && status != fiber.StatusMethodNotAllowed && status != fiber.StatusTooManyRequests:
		status = fiber.StatusBadRequest
	}
	var e list.Encoder
	e.Object()
	e.Name("error")
	e.String(code)
	e.Name("error_description")
	e.String(p.Detail)
	e.End()
	return sendToken(c, status, &e)
}

func sendToken(c *fiber.Ctx, status int, e *list.Encoder) error {
	c.Response().ResetBody()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderPragma, "no-cache")
	return c.Status(status).Send(e.B)
}
