package session

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query/auth"
)

type nobody struct{}

func (nobody) Password(context.Context, string, string) (auth.Principal, error) {
	return auth.Principal{}, auth.ErrInvalid
}

func (nobody) Token(string) (auth.Principal, error) { return auth.Principal{}, auth.ErrInvalid }

func (nobody) Account(string) (auth.Principal, auth.Mark, bool) {
	return auth.Principal{}, auth.Mark{}, false
}

func deps(now func() time.Time) Deps {
	return Deps{Accounts: nobody{}, Address: func(*fiber.Ctx) string { return "" }, Set: metrics.NewSet(), Logger: slog.New(slog.DiscardHandler), Now: now}
}

func TestNew_RefusesWhatCannotBeMeant(t *testing.T) {
	for want, c := range map[string]Config{
		"31 bytes":          {Key: make([]byte, 31)},
		"idle 1m0s":         {Idle: time.Minute},
		"lifetime 10m0s":    {Lifetime: 10 * time.Minute},
		"idle -1s":          {Idle: -time.Second},
		"lifetime -1h0m0s:": {Lifetime: -time.Hour},
	} {
		_, err := New(c, deps(time.Now))
		require.ErrorContains(t, err, want)
	}
	_, err := New(Config{}, Deps{})
	require.ErrorContains(t, err, "must be given")
	_, err = New(Config{}, deps(time.Now))
	require.NoError(t, err)
}

func newTestSeal(t testing.TB, key string) *seal {
	s, err := newSeal([]byte(strings.Repeat(key, MinKey)))
	require.NoError(t, err)
	return s
}

// What was closed is opened as it was, by the same key alone; and no bytes are taken for what was not closed.
func TestSeal_OpensWhatItClosed(t *testing.T) {
	one, other := newTestSeal(t, "a"), newTestSeal(t, "b")
	rapid.Check(t, func(t *rapid.T) {
		in := ticket{issued: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "issued"), 0), seen: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "seen"), 0),
			account: rapid.String().Draw(t, "account")}
		copy(in.id[:], rapid.SliceOfN(rapid.Byte(), len(in.id), len(in.id)).Draw(t, "id"))
		copy(in.mark[:], rapid.SliceOfN(rapid.Byte(), len(in.mark), len(in.mark)).Draw(t, "mark"))
		text := one.close(in)
		if out, ok := one.open(text); !ok || out != in {
			t.Fatalf("%v became %v, %t", in, out, ok)
		}
		if text == one.close(in) {
			t.Fatal("the same cookie twice")
		}
		if _, ok := other.open(text); ok {
			t.Fatal("another key opens it")
		}
		changed := []byte(text)
		changed[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		if _, ok := one.open(string(changed)); ok && string(changed) != text {
			t.Fatalf("%q is taken for %q", changed, text)
		}
	})
}

func FuzzSeal(f *testing.F) {
	s := newTestSeal(f, "a")
	f.Add("")
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := s.open(text); ok {
			t.Fatalf("%q was never closed", text)
		}
	})
}

// What is remembered of sessions goes when they would have ended anyway.
func TestLives_SweptWhenTheyAreOver(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s, err := New(Config{}, deps(func() time.Time { return now }))
	require.NoError(t, err)
	for n := range 1000 {
		t := ticket{issued: now}
		t.id[0], t.id[1] = byte(n), byte(n>>8)
		s.end(t)
	}
	require.Len(t, s.lives, 1000)
	require.True(t, s.wasEnded(id{7}))
	now = now.Add(DefaultLifetime)
	s.end(ticket{issued: now, id: id{1, 2, 3}})
	require.Len(t, s.lives, 1)
}
