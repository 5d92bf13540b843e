package query_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
)

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// Who is no longer let sign in cannot guess on by Basic, and is not told of a guess that is right; others are not in the way.
func TestGuessesByBasic_AreLimitedAsSignInsAre(t *testing.T) {
	b := newVisitor(t, func(c *query.Config, _ *query.Deps) { c.TrustedProxies = []string{"0.0.0.0"} })
	ask := func(from, password string) int {
		return b.send("GET", agents, "", "", "Authorization", basic("anna", password), "X-Forwarded-For", from).StatusCode
	}
	var last int
	for n := range 52 {
		last = ask("1.1.1.1", fmt.Sprint("guess", n))
	}
	require.Equal(t, 429, last)
	require.Equal(t, 429, ask("1.1.1.1", annasPassword), "nobody there has had it right before")
	require.Equal(t, 200, ask("2.2.2.2", annasPassword))
	require.Equal(t, 200, ask("1.1.1.1", annasPassword), "it has been right")
}

// A single host has all addresses of a /64.
func TestWrongTries_AreCountedByNetwork(t *testing.T) {
	b := newVisitor(t, func(c *query.Config, _ *query.Deps) { c.TrustedProxies = []string{"0.0.0.0"} })
	last := 0
	for n := range 100 {
		last = b.signIn(`{"token":"nothing-that-was-given-out"}`, "X-Forwarded-For", fmt.Sprintf("2001:db8::%x", n+1)).StatusCode
	}
	require.Equal(t, 429, last)
	require.Equal(t, 401, b.signIn(`{"token":"nothing-that-was-given-out"}`, "X-Forwarded-For", "2001:db8:0:1::1").StatusCode)
}

// silent sends a request and reads nothing of the answers.
func silent(t *testing.T, base, request string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	t.Cleanup(func() { conn.Close() })
	_, err = conn.Write([]byte(request))
	require.NoError(t, err)
}

func TestExportsThatNobodyReads_GiveTheirPlacesBack(t *testing.T) {
	f := newFixture(t, withHistory(&longPast{n: 1_000_000}), func(c *query.Config, _ *query.Deps) { c.StreamWriteTimeout = time.Second })
	base := f.serve()
	for range 3 {
		silent(t, base, "GET /api/v1/contact-centers/6/interactions?from=now-1d&format=ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token("reader")+"\r\n\r\n")
	}
	require.Eventually(t, func() bool {
		r, _ := http.NewRequest("GET", base+"/api/v1/contact-centers/7/interactions?from=now-1d&format=ndjson", nil)
		r.Header.Set("Authorization", "Bearer "+token("other"))
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode == 200
	}, 60*time.Second, 100*time.Millisecond)
}

func TestStrangersThatReadNothing_AreCutOff(t *testing.T) {
	f := newFixture(t, func(c *query.Config, _ *query.Deps) { c.StreamWriteTimeout = time.Second })
	base := f.serve()
	for range 20 {
		silent(t, base, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 100))
	}
	open := f.app.Fiber().Server().GetOpenConnectionsCount
	require.Eventually(t, func() bool { return open() > 0 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return open() == 0 }, 60*time.Second, 10*time.Millisecond)
}

// The server takes memory for a body as soon as it is announced: of strangers for small ones only.
func TestAnnouncedBodiesOfStrangers_TakeNoMemory(t *testing.T) {
	f := newFixture(t)
	base := f.serve()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 100 {
		silent(t, base, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8388608\r\n\r\n{")
	}
	require.Eventually(t, func() bool { return f.app.Fiber().Server().GetOpenConnectionsCount() < 100 }, 30*time.Second, time.Millisecond, "they are refused")
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(100<<20))
	body := `{"metrics":["offered"],"queue":["` + strings.Repeat("x", 400<<10) + `"]}`
	for as, want := range map[string]int{"reader": 200, "stranger": 413} {
		r, err := http.NewRequest("POST", base+"/api/v1/contact-centers/6/metrics", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token(as))
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, want, resp.StatusCode, as)
	}
}
