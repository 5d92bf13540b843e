package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// counting makes an authenticator that counts how often and how costly passwords were checked.
func counting(t *testing.T, options Options) (*Authenticator, *atomic.Int64) {
	t.Helper()
	hashed, err := HashPassword("right:with colon ü")
	require.NoError(t, err)
	var cost atomic.Int64
	options.passwordKDF = func(password string, h hash) []byte {
		cost.Add(int64(h.cost()))
		return derive(password, h)
	}
	sum := sha256.Sum256([]byte("hashed-token-0123456789"))
	a, err := New([]Account{
		{ID: "ann", ContactCenter: "6", Role: Supervisor, PasswordHash: hashed, Tokens: []string{"plain-token-0123456789"}},
		{ID: "bob", ContactCenter: "*", Role: Admin, TokenSHA256: []string{hex.EncodeToString(sum[:])}},
	}, options)
	require.NoError(t, err)
	return a, &cost
}

func TestCredentials(t *testing.T) {
	a, _ := counting(t, Options{})
	for header, want := range map[string]error{
		"":                                 ErrMissing,
		"Bearer plain-token-0123456789":    nil,
		"bearer hashed-token-0123456789":   nil,
		"Bearer plain-token-012345678":     ErrInvalid,
		"Bearer ":                          ErrInvalid,
		"Bearer":                           ErrInvalid,
		"Negotiate abc":                    ErrInvalid,
		"Basic !!!":                        ErrInvalid,
		"Basic bm9jb2xvbg==":               ErrInvalid,
		basic("ann", "right:with colon ü"): nil,
		basic("ann", "wrong"):              ErrInvalid,
		basic("ann", ""):                   ErrInvalid,
		basic("bob", ""):                   ErrInvalid, // has no password
		basic("nobody", "right"):           ErrInvalid,
	} {
		_, err := a.Authenticate(context.Background(), header)
		require.ErrorIs(t, err, want, header)
	}
	p, err := a.Authenticate(context.Background(), basic("ann", "right:with colon ü"))
	require.NoError(t, err)
	require.Equal(t, Principal{ID: "ann", ContactCenter: "6", Role: Supervisor}, p)
	require.True(t, p.Sees("6"))
	require.False(t, p.Sees("7"))
}

func TestPassword_RightOnesAreRememberedForAWhile(t *testing.T) {
	now := time.Unix(0, 0)
	a, cost := counting(t, Options{Now: func() time.Time { return now }})
	check := func(password string) error {
		_, err := a.Password(context.Background(), "ann", password)
		return err
	}
	require.NoError(t, check("right:with colon ü"))
	once := cost.Load()
	require.Positive(t, once)
	require.NoError(t, check("right:with colon ü"))
	require.Equal(t, once, cost.Load())
	require.ErrorIs(t, check("wrong"), ErrInvalid)
	require.ErrorIs(t, check("wrong"), ErrInvalid)
	require.Equal(t, 3*once, cost.Load(), "wrong ones cost each time")
	now = now.Add(2 * time.Minute)
	require.NoError(t, check("right:with colon ü"))
	require.Equal(t, 4*once, cost.Load())
}

func TestPassword_UnknownUsersCostAsMuch(t *testing.T) {
	a, cost := counting(t, Options{})
	_, err := a.Password(context.Background(), "ann", "wrong")
	require.ErrorIs(t, err, ErrInvalid)
	known := cost.Swap(0)
	_, err = a.Password(context.Background(), "nobody", "wrong")
	require.ErrorIs(t, err, ErrInvalid)
	require.Equal(t, known, cost.Load())
}

func TestPassword_ParallelChecksAreBounded(t *testing.T) {
	a, _ := counting(t, Options{Parallel: 2, MaxWait: 50 * time.Millisecond})
	release := make(chan struct{})
	var running, most atomic.Int64
	a.options.passwordKDF = func(string, hash) []byte {
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
		running.Add(-1)
		return nil
	}
	var busy, wrong atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			switch _, err := a.Password(context.Background(), "ann", "x"); {
			case errors.Is(err, ErrBusy):
				busy.Add(1)
			case errors.Is(err, ErrInvalid):
				wrong.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return busy.Load() == 6 }, 5*time.Second, time.Millisecond)
	close(release)
	wait.Wait()
	require.EqualValues(t, 2, most.Load())
	require.EqualValues(t, 2, wrong.Load())
}

// Whoever guesses is not told which names there are; whoever keeps the audit log is.
func TestWrongPassword_NamesConfiguredUsersOnly(t *testing.T) {
	a, _ := counting(t, Options{})
	_, known := a.Password(context.Background(), "ann", "x")
	_, unknown := a.Password(context.Background(), "nobody", "x")
	var wrong *WrongPassword
	require.ErrorAs(t, known, &wrong)
	require.Equal(t, "ann", wrong.ID)
	require.False(t, errors.As(unknown, &wrong))
	require.Equal(t, unknown.Error(), known.Error())
}

func TestRoles(t *testing.T) {
	for role, rights := range map[Role][]Right{
		Reader: {Read}, Supervisor: {Read, ChangePresence}, Producer: {WriteEvents},
		Admin: {Read, ChangePresence, WriteEvents, WriteDirectory}, "": nil, "king": nil,
	} {
		var got []Right
		for _, right := range []Right{Read, ChangePresence, WriteEvents, WriteDirectory} {
			if role.May(right) {
				got = append(got, right)
			}
		}
		require.Equal(t, rights, got, role)
	}
}

func TestNew_RefusesWhatCannotBeMeant(t *testing.T) {
	good := Account{ID: "a", ContactCenter: "6", Role: Reader, Tokens: []string{strings.Repeat("x", 16)}}
	with := func(change func(*Account)) []Account {
		b := good
		change(&b)
		return []Account{b}
	}
	for problem, accounts := range map[string][]Account{
		"id is empty":             with(func(a *Account) { a.ID = "" }),
		"used twice":              {good, good},
		"contact_center is empty": with(func(a *Account) { a.ContactCenter = "" }),
		"allowed: reader":         with(func(a *Account) { a.Role = "king" }),
		"shorter than 16":         with(func(a *Account) { a.Tokens = []string{"short"} }),
		"also that of":            {good, with(func(a *Account) { a.ID = "b" })[0]},
		"64 hexadecimal":          with(func(a *Account) { a.TokenSHA256 = []string{"zz"} }),
		"not of the form":         with(func(a *Account) { a.PasswordHash = "secret" }),
		"too weak":                with(func(a *Account) { a.PasswordHash = "$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3Vtcw" }),
		"allowed are at most 1 GiB": with(func(a *Account) {
			a.PasswordHash = "$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3Vtcw"
		}),
	} {
		_, err := New(accounts, Options{})
		require.ErrorContains(t, err, problem)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := New([]Account{good}, Options{})
	require.NoError(t, err)
}
