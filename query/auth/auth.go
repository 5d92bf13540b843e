// Package auth finds out who calls and what they may do (native API, section Access): Bearer tokens and Basic passwords of
// configured accounts, and the rights of the four roles.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"floorwalker/query/rate"
)

// AllContactCenters as a principal's contact centre means every one.
const AllContactCenters = "*"

// Role of a principal.
type Role string

// The roles of the native API.
const (
	Reader     Role = "reader"
	Supervisor Role = "supervisor"
	Producer   Role = "producer"
	Admin      Role = "admin"
)

// Right is one thing that a role may include.
type Right string

const (
	Read           Right = "read"
	ChangePresence Right = "change presence"
	WriteEvents    Right = "write events"
	WriteDirectory Right = "write the directory"
)

// May reports whether the role includes the right.
func (r Role) May(right Right) bool {
	switch r {
	case Reader:
		return right == Read
	case Supervisor:
		return right == Read || right == ChangePresence
	case Producer:
		return right == WriteEvents
	case Admin:
		return true
	}
	return false
}

// Roles lists all roles.
func Roles() []Role { return []Role{Reader, Supervisor, Producer, Admin} }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, bool) {
	switch r := Role(s); r {
	case Reader, Supervisor, Producer, Admin:
		return r, true
	}
	return "", false
}

// Principal is who calls.
type Principal struct {
	ID            string
	ContactCenter string // or AllContactCenters
	Role          Role
	Until         time.Time // when the credential ends; zero: never
}

// Sees reports whether the principal belongs to the contact centre.
func (p Principal) Sees(contactCenter string) bool {
	return p.ContactCenter == AllContactCenters || p.ContactCenter == contactCenter
}

// Account is one configured principal with its credentials; any of them may be missing.
type Account struct {
	ID            string // the user name of Basic
	ContactCenter string
	Role          Role
	Tokens        []string // Bearer tokens as they are
	TokenSHA256   []string // Bearer tokens as the hexadecimal SHA-256 of them
	PasswordHash  string   // Argon2id in PHC form, see HashPassword
}

// Errors of Authenticate. ErrBusy means that too many passwords are being checked at this moment, ErrUnavailable that an identity
// provider is needed that cannot be asked.
var (
	ErrMissing     = errors.New("no credential")
	ErrInvalid     = errors.New("wrong credential")
	ErrBusy        = errors.New("too many passwords are being checked")
	ErrUnavailable = errors.New("an identity provider cannot be asked")
)

// WrongPassword is ErrInvalid of a configured user. It reads like ErrInvalid: who the user is tells whoever keeps an audit log, not the caller.
type WrongPassword struct{ ID string }

func (e *WrongPassword) Error() string { return ErrInvalid.Error() }

// Is makes it an ErrInvalid.
func (e *WrongPassword) Is(target error) bool { return target == ErrInvalid }

// Options bound what checking passwords may cost; zero values mean the defaults.
type Options struct {
	CacheTTL    time.Duration    // how long a right password is remembered (1 min)
	CacheSize   int              // how many are remembered (4096)
	Parallel    int              // Argon2 checks at a time (half the CPUs, at least 1)
	MaxWait     time.Duration    // how long a check may wait for its turn (3 s)
	Now         func() time.Time // the clock (time.Now)
	passwordKDF func(password string, h hash) []byte
}

func (o Options) withDefaults() Options {
	if o.CacheTTL == 0 {
		o.CacheTTL = time.Minute
	}
	if o.CacheSize == 0 {
		o.CacheSize = 4096
	}
	if o.Parallel == 0 {
		o.Parallel = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.MaxWait == 0 {
		o.MaxWait = 3 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.passwordKDF == nil {
		o.passwordKDF = derive
	}
	return o
}

type passwordAccount struct {
	principal Principal
	hash      hash
}

// Authenticator checks credentials. Its methods may be called from any goroutine.
type Authenticator struct {
	options   Options
	tokens    map[[sha256.Size]byte]Principal
	passwords map[string]passwordAccount
	accounts  map[string]known
	nobody    hash // checked for unknown users, so that they cost as much as known ones
	slots     chan struct{}
	key       []byte // of the cache's HMAC, made anew at every start

	wrong *rate.Limiter // passwords that were wrong, by the network that they came from

	mu    sync.Mutex
	right map[[sha256.Size]byte]time.Time // HMAC of user and password → until when it is known to be right
}

// New validates the accounts. Ids and tokens are unique among all contact centres, because a credential names none.
func New(accounts []Account, options Options) (*Authenticator, error) {
	a := &Authenticator{options: options.withDefaults(), tokens: map[[sha256.Size]byte]Principal{}, passwords: map[string]passwordAccount{}, accounts: map[string]known{},
		key: make([]byte, 32), right: map[[sha256.Size]byte]time.Time{}}
	a.slots = make(chan struct{}, a.options.Parallel)
	a.wrong = rate.New(1./TriesSeconds, wrongAtOnce, a.options.Now)
	if _, err := rand.Read(a.key); err != nil {
		return nil, fmt.Errorf("making the key of the password cache: %w", err)
	}
	a.nobody = hash{memory: 19 << 10, time: 2, threads: 1, salt: make([]byte, 16), sum: make([]byte, 32)}
	seen := map[string]bool{}
	for i, account := range accounts {
		if account.ID == "" {
			return nil, fmt.Errorf("account %d: id is empty", i)
		}
		if seen[account.ID] {
			return nil, fmt.Errorf("account %q: the id is used twice", account.ID)
		}
		seen[account.ID] = true
		if err := a.add(account); err != nil {
			return nil, fmt.Errorf("account %q: %w", account.ID, err)
		}
		a.accounts[account.ID] = known{Principal{ID: account.ID, ContactCenter: account.ContactCenter, Role: account.Role}, markOf(account)}
	}
	return a, nil
}

func (a *Authenticator) add(account Account) error {
	if account.ContactCenter == "" {
		return errors.New("contact_center is empty; allowed: an id, or * for all")
	}
	if _, ok := ParseRole(string(account.Role)); !ok {
		return fmt.Errorf("role %q; allowed: reader, supervisor, producer, admin", account.Role)
	}
	principal := Principal{ID: account.ID, ContactCenter: account.ContactCenter, Role: account.Role}
	for _, token := range account.Tokens {
		if len(token) < 16 {
			return errors.New("a token is shorter than 16 characters")
		}
		if err := a.addToken(sha256.Sum256([]byte(token)), principal); err != nil {
			return err
		}
	}
	for _, text := range account.TokenSHA256 {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			return errors.New("token_sha256 is not 64 hexadecimal digits")
		}
		if err := a.addToken([sha256.Size]byte(sum), principal); err != nil {
			return err
		}
	}
	if account.PasswordHash == "" {
		return nil
	}
	h, err := parseHash(account.PasswordHash)
	if err != nil {
		return fmt.Errorf("password_hash: %w", err)
	}
	a.passwords[account.ID] = passwordAccount{principal, h}
	if h.cost() > a.nobody.cost() || len(a.passwords) == 1 {
		a.nobody = hash{memory: h.memory, time: h.time, threads: h.threads, salt: make([]byte, len(h.salt)), sum: make([]byte, len(h.sum))}
	}
	return nil
}

func (a *Authenticator) addToken(sum [sha256.Size]byte, principal Principal) error {
	if other, ok := a.tokens[sum]; ok {
		return fmt.Errorf("its token is also that of %q", other.ID)
	}
	a.tokens[sum] = principal
	return nil
}

// Authenticate reads the value of an Authorization header. Errors are ErrMissing, ErrInvalid, ErrBusy and those of ctx.
func (a *Authenticator) Authenticate(ctx context.Context, authorization string) (Principal, error) {
	if authorization == "" {
		return Principal{}, ErrMissing
	}
	scheme, rest, _ := strings.Cut(authorization, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return a.Token(rest)
	case strings.EqualFold(scheme, "Basic"):
		user, password, ok := decodeBasic(rest)
		if !ok {
			return Principal{}, ErrInvalid
		}
		return a.Password(ctx, user, password)
	}
	return Principal{}, ErrInvalid
}

// Token checks a Bearer token. Looking up its SHA-256 tells a caller nothing about tokens that exist, however long it takes.
func (a *Authenticator) Token(token string) (Principal, error) {
	principal, ok := a.tokens[sha256.Sum256([]byte(token))]
	if !ok {
		return Principal{}, ErrInvalid
	}
	return principal, nil
}

// Password checks a user's password; an unknown user costs as much as a wrong password.
func (a *Authenticator) Password(ctx context.Context, user, password string) (Principal, error) {
	account, known := a.passwords[user]
	sum := a.cacheKey(user, password)
	if known && a.remembered(sum) {
		return account.principal, nil
	}
	// Before the check, which costs, and which would tell a guess that is right. Who was right before need not wait for neighbours that guess.
	network := ""
	if from, _ := ctx.Value(fromKey{}).(func() string); from != nil && !(known && a.wasRight(sum)) {
		network = rate.Network(from())
		if _, wait := a.wrong.Take(network); wait > 0 {
			return Principal{}, ErrTries
		}
	}
	ctx, cancel := context.WithTimeout(ctx, a.options.MaxWait)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return Principal{}, ErrBusy // a turn is spent all the same: else whoever waits in vain fills the queue for ever
	}
	defer func() { <-a.slots }()
	// Whoever waited behind the same user's first check need not pay again.
	if known && a.remembered(sum) {
		a.wrong.Return(network)
		return account.principal, nil
	}
	h := a.nobody
	if known {
		h = account.hash
	}
	same := subtle.ConstantTimeCompare(a.options.passwordKDF(password, h), h.sum) == 1
	switch {
	case !known:
		return Principal{}, ErrInvalid
	case !same:
		return Principal{}, &WrongPassword{user}
	}
	a.wrong.Return(network)
	a.remember(sum)
	return account.principal, nil
}

// Wrong passwords of one network: so many at once, and then one in so many seconds.
const (
	wrongAtOnce  = 50
	TriesSeconds = 10
)

// ErrTries means that too many passwords from this address were wrong. It is an ErrBusy.
var ErrTries = fmt.Errorf("%w: too many from this address were wrong", ErrBusy)

type fromKey struct{}

// From notes in a context where a request comes from: passwords that are wrong are counted by it.
func From(ctx context.Context, address func() string) context.Context {
	return context.WithValue(ctx, fromKey{}, address)
}

// wasRight reports whether a password has been right, however long ago.
func (a *Authenticator) wasRight(sum [sha256.Size]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.right[sum]
	return ok
}

func (a *Authenticator) cacheKey(user, password string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, a.key)
	fmt.Fprintf(mac, "%d:%s%s", len(user), user, password)
	return [sha256.Size]byte(mac.Sum(nil))
}

func (a *Authenticator) remembered(sum [sha256.Size]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	until, ok := a.right[sum]
	return ok && a.options.Now().Before(until)
}

func (a *Authenticator) remember(sum [sha256.Size]byte) {
	now := a.options.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.right) >= a.options.CacheSize {
		for k, until := range a.right {
			if !now.Before(until) {
				delete(a.right, k)
			}
		}
	}
	if len(a.right) < a.options.CacheSize {
		a.right[sum] = now.Add(a.options.CacheTTL)
	}
}

func decodeBasic(s string) (user, password string, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(raw), ":")
}
