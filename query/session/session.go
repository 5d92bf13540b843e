// Package session lets browsers sign in (docs/security.md, section Browsers): a user's password, or a token, is traded for a cookie that
// stands for the Authorization header on the native API.
//
// The cookie holds the session itself, sealed with AES-256-GCM: whose account it is, and since when. Nothing is kept of sessions that are
// open, so that all query nodes with the same key share them. What the account may do is looked up at every request: one that is gone, or
// has other credentials, has no sessions. A session ends after some time without a request, at the latest a fixed time after the sign-in, and
// at the sign-out, which this process remembers until then.
package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auth"
	"floorwalker/query/problem"
	"floorwalker/query/rate"
	"floorwalker/query/route"
)

// Config of Sessions. Zero fields take the default.
type Config struct {
	Key      []byte        // what cookies are sealed with, MinKey bytes or more; none: made by New, so that sessions end with the process
	Idle     time.Duration // how long a session lasts without a request; 30 min
	Lifetime time.Duration // how long it lasts in all; 12 h
}

// Bounds of a Config.
const (
	MinKey          = 32 // bytes
	DefaultIdle     = 30 * time.Minute
	DefaultLifetime = 12 * time.Hour
	Shortest        = 2 * renewEvery
)

// renewEvery is how often a session that is in use gets a new cookie, at most.
const renewEvery = time.Minute

// Accounts are who may sign in; *auth.Authenticator is one.
type Accounts interface {
	Password(ctx context.Context, user, password string) (auth.Principal, error)
	Token(token string) (auth.Principal, error)
	Account(id string) (principal auth.Principal, credentials auth.Mark, ok bool)
}

// Deps are what Sessions are made of.
type Deps struct {
	Accounts Accounts
	Address  func(c *fiber.Ctx) string // where a request comes from; tries are counted by it
	Set      *metrics.Set
	Logger   *slog.Logger
	Now      func() time.Time
}

// Sessions signs in and out, and finds out whose session a request is of. Its methods may be called from any goroutine.
type Sessions struct {
	config Config
	deps   Deps
	seal   *seal
	tries  tries
	counts counts

	mu    sync.Mutex
	lives map[id]*life
	swept time.Time
}

// life is what is known of a session beside its cookie: who waits for its end, and whether it was signed out.
type life struct {
	until time.Time // nobody needs to know it any more
	over  bool
	ended chan struct{} // closed at the sign-out
}

type counts struct{ in, out, wrong, limited, busy *metrics.Counter }

// New checks the configuration.
func New(c Config, d Deps) (*Sessions, error) {
	if d.Accounts == nil || d.Address == nil || d.Set == nil || d.Logger == nil || d.Now == nil {
		return nil, errors.New("sessions: accounts, address, metrics, logger and clock must be given")
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Lifetime == 0 {
		c.Lifetime = DefaultLifetime
	}
	if c.Idle < Shortest || c.Lifetime < c.Idle {
		return nil, fmt.Errorf("sessions: idle %s, lifetime %s: idle must be %s or more, and lifetime not shorter than idle", c.Idle, c.Lifetime, Shortest)
	}
	if len(c.Key) == 0 {
		c.Key = make([]byte, MinKey)
		_, _ = rand.Read(c.Key) // never fails, says crypto/rand
	}
	sealed, err := newSeal(c.Key)
	if err != nil {
		return nil, err
	}
	count := func(result string) *metrics.Counter {
		return d.Set.GetOrCreateCounter(`floorwalker_sessions_sign_ins_total{result="` + result + `"}`)
	}
	return &Sessions{config: c, deps: d, seal: sealed, lives: map[id]*life{}, tries: tries{
		users:     rate.New(triesPerSecond, triesOfUser, d.Now),
		addresses: rate.New(triesPerSecond, triesOfAddress, d.Now),
	}, counts: counts{in: count("ok"), wrong: count("wrong"), limited: count("limited"), busy: count("busy"),
		out: d.Set.GetOrCreateCounter("floorwalker_sessions_sign_outs_total")}}, nil
}

// Credentials are a user's name and password, or a token.
type Credentials struct{ User, Password, Token string }

// SignIn checks credentials and gives the browser its cookie. Errors are problems: 401 invalid_credentials, 403 cross_site, 429, 503 busy.
func (s *Sessions) SignIn(c *fiber.Ctx, by Credentials) (auth.Principal, error) {
	if !ours(c, false) {
		return auth.Principal{}, crossSite()
	}
	address := s.deps.Address(c)
	if err := s.tries.take(by.User, address); err != nil {
		s.counts.limited.Inc()
		return auth.Principal{}, err
	}
	principal, err := s.check(c.UserContext(), by)
	if wrong := (*auth.WrongPassword)(nil); errors.As(err, &wrong) {
		route.CallOf(c).Tried = wrong.ID
	}
	switch {
	case errors.Is(err, auth.ErrInvalid):
		s.counts.wrong.Inc()
		return auth.Principal{}, problem.New(fiber.StatusUnauthorized, "invalid_credentials", "the "+by.kind()+" known here")
	case errors.Is(err, auth.ErrTries):
		s.counts.limited.Inc()
		return auth.Principal{}, problem.TooMany("too many passwords from this address were wrong; try again", auth.TriesSeconds)
	case errors.Is(err, auth.ErrBusy):
		s.tries.giveBack(by.User, address)
		s.counts.busy.Inc()
		return auth.Principal{}, problem.Unavailable("busy", "too many passwords are being checked; try again", 1)
	case err != nil:
		return auth.Principal{}, problem.Internal(err)
	}
	s.tries.giveBack(by.User, address)
	_, mark, ok := s.deps.Accounts.Account(principal.ID)
	if !ok {
		return auth.Principal{}, problem.New(fiber.StatusUnauthorized, "invalid_credentials", "this token belongs to no configured account, and cannot be signed in with")
	}
	now := s.deps.Now().Truncate(time.Second)
	t := ticket{issued: now, seen: now, mark: mark, account: principal.ID}
	_, _ = rand.Read(t.id[:]) // never fails, says crypto/rand
	s.give(c, t)
	c.Locals(ticketKey, t)
	s.counts.in.Inc()
	s.deps.Logger.Info("signed in", "principal", principal.ID, "role", string(principal.Role), "contact_center", principal.ContactCenter, "ip", address)
	return principal, nil
}

func (by Credentials) kind() string {
	if by.Token != "" {
		return "token is not"
	}
	return "user and the password are not"
}

func (s *Sessions) check(ctx context.Context, by Credentials) (auth.Principal, error) {
	if by.Token != "" {
		return s.deps.Accounts.Token(by.Token)
	}
	return s.deps.Accounts.Password(ctx, by.User, by.Password)
}

// SignOut ends the session of the request, its open streams too, and takes the cookie away; without one nothing is to be done. The error is
// a problem: 403 cross_site.
func (s *Sessions) SignOut(c *fiber.Ctx) error {
	t, principal, err := s.read(c)
	if err == nil {
		if !ours(c, true) {
			return crossSite()
		}
		route.CallOf(c).Principal = principal.ID
		s.end(t)
		s.counts.out.Inc()
		s.deps.Logger.Info("signed out", "principal", principal.ID, "ip", s.deps.Address(c))
	}
	take(c)
	return nil
}

// Principal is whose session the request's cookie is of, and renews the cookie where that is due. opens says that the answer is a stream or a
// WebSocket, which a page of another site must not open either. Without a cookie the error is auth.ErrMissing, else a problem: 401 or 403
// cross_site.
func (s *Sessions) Principal(c *fiber.Ctx, opens bool) (auth.Principal, error) {
	t, principal, err := s.read(c)
	switch {
	case errors.Is(err, auth.ErrMissing):
		return principal, err
	case err != nil:
		return principal, problem.SignedOut("the session has ended; sign in again")
	}
	upgrades := len(c.Request().Header.Peek(fiber.HeaderUpgrade)) > 0
	if (opens || upgrades || !safe(c.Method())) && !ours(c, upgrades || !safe(c.Method())) {
		return auth.Principal{}, crossSite()
	}
	if now := s.deps.Now().Truncate(time.Second); now.Sub(t.seen) >= renewEvery {
		t.seen = now
		s.give(c, t)
	}
	c.Locals(ticketKey, t)
	return principal, nil
}

const ticketKey = "floorwalker.session"

// Expires is when the session of the request, which Principal or SignIn have found, ends if no other one comes; zero where there is none.
func (s *Sessions) Expires(c *fiber.Ctx) time.Time {
	t, ok := c.Locals(ticketKey).(ticket)
	if !ok {
		return time.Time{}
	}
	return s.endOf(t)
}

// Life is until when a stream of the request's session may last at the most, and a channel that the sign-out closes; zero values where the
// request has no session. An open stream is use: it does not end because no other request comes.
func (s *Sessions) Life(c *fiber.Ctx) (until time.Time, ended <-chan struct{}) {
	t, ok := c.Locals(ticketKey).(ticket)
	if !ok {
		return time.Time{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.issued.Add(s.config.Lifetime), s.lifeOf(t).ended
}

// errEnded is what read says of cookies that are no good, whyever.
var errEnded = errors.New("no session")

// read finds out whose session the request is of: auth.ErrMissing without a cookie, errEnded where it is over or never was one.
func (s *Sessions) read(c *fiber.Ctx) (ticket, auth.Principal, error) {
	text := c.Cookies(nameOf(c))
	if text == "" {
		return ticket{}, auth.Principal{}, auth.ErrMissing
	}
	t, ok := s.seal.open(text)
	if !ok || !s.deps.Now().Before(s.endOf(t)) || s.wasEnded(t.id) {
		return ticket{}, auth.Principal{}, errEnded
	}
	principal, mark, ok := s.deps.Accounts.Account(t.account)
	if !ok || mark != t.mark {
		return ticket{}, auth.Principal{}, errEnded
	}
	return t, principal, nil
}

// endOf is when the session ends if no request comes.
func (s *Sessions) endOf(t ticket) time.Time {
	idle, all := t.seen.Add(s.config.Idle), t.issued.Add(s.config.Lifetime)
	if all.Before(idle) {
		return all
	}
	return idle
}

func (s *Sessions) wasEnded(session id) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lives[session]
	return l != nil && l.over
}

func (s *Sessions) end(t ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lifeOf(t); !l.over {
		l.over = true
		close(l.ended)
	}
}

// lifeOf must be called with the lock held.
func (s *Sessions) lifeOf(t ticket) *life {
	now := s.deps.Now()
	if now.Sub(s.swept) >= renewEvery {
		s.swept = now
		for session, l := range s.lives {
			if !now.Before(l.until) {
				delete(s.lives, session)
			}
		}
	}
	l := s.lives[t.id]
	if l == nil {
		l = &life{until: t.issued.Add(s.config.Lifetime), ended: make(chan struct{})}
		s.lives[t.id] = l
	}
	return l
}
