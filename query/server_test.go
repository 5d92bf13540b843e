package query_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// serve runs the fixture's server on a port of the kernel's choice.
func (f *fixture) serve() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	done := make(chan error, 1)
	go func() { done <- f.app.Serve(listener) }()
	f.t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(f.t, f.app.Shutdown(ctx))
		require.NoError(f.t, <-done)
	})
	return "http://" + listener.Addr().String()
}

func fetch(t *testing.T, method, url string, body io.Reader, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token("admin"))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(raw)
}

func TestServer_RefusesWhatIsTooLargeWithProblems(t *testing.T) {
	f := newFixture(t)
	base := f.serve()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	// The server answers on the announced length alone.
	fmt.Fprintf(conn, "POST /api/v1/contact-centers/6/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 9<<20)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 413, resp.StatusCode)
	require.Contains(t, string(raw), `"code":"body_too_large"`)
	require.NotEmpty(t, resp.Header.Get("X-Request-Id"))

	status, header, body := fetch(t, "GET", base+"/healthz", nil, "X-Long", strings.Repeat("x", 40<<10))
	require.Equal(t, 431, status)
	require.Equal(t, "application/problem+json", header.Get("Content-Type"))
	require.Contains(t, body, "headers_too_large")
	status, _, _ = fetch(t, "GET", base+"/healthz", nil, "X-Long", strings.Repeat("x", 28<<10))
	require.Equal(t, 200, status)
}

func TestServer_StreamsAndHeads(t *testing.T) {
	f := newFixture(t)
	f.live.change("6", func(fl *schema.Floor) {
		for i := range 5000 {
			id := fmt.Sprintf("x%05d", i)
			fl.Agents.Set(id, loggedIn(id, schema.Away, noon))
		}
	})
	base := f.serve() + "/api/v1/contact-centers/6/agents"
	status, header, body := fetch(t, "GET", base+"?format=ndjson", nil)
	require.Equal(t, 200, status)
	require.Equal(t, 5006, strings.Count(body, "\n"))
	status, _, _ = fetch(t, "GET", base+"?format=ndjson", nil, "If-None-Match", header.Get("ETag"))
	require.Equal(t, 304, status)
	for _, query := range []string{"", "?format=csv"} {
		status, _, body = fetch(t, "HEAD", base+query, nil)
		require.Equal(t, 200, status)
		require.Empty(t, body)
	}
	status, header, body = fetch(t, "OPTIONS", base, nil)
	require.Equal(t, 405, status, body)
	require.Contains(t, header.Get("Allow"), "GET")
}

func TestServer_SixtyFourClientsOnKeptConnections(t *testing.T) {
	f := newFixture(t)
	base := f.serve()
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			id := fmt.Sprintf("nobody-%02d-%s", i, strings.Repeat("z", i))
			for range 10 {
				_, header, body := fetch(t, "GET", base+"/api/v1/contact-centers/6/agents/"+id, nil, "X-Request-Id", id)
				if len(id) <= 64 && header.Get("X-Request-Id") != id || !strings.Contains(body, `\"`+id+`\"`) {
					t.Errorf("%s: %v %s", id, header, body)
				}
			}
		})
	}
	wait.Wait()
	require.Equal(t, 640, strings.Count(f.logged(), "msg=request "))
	for i := range 64 {
		require.Equal(t, 10, strings.Count(f.logged(), fmt.Sprintf("/agents/nobody-%02d-%s status", i, strings.Repeat("z", i))))
	}
}

// A client that sends all of its body before it reads the answer gets the answer, not a reset: on a connection of its own, whatever
// the size up to the bound, with and without a length.
func TestServer_BodyTooLarge_ClientThatSendsItAllGetsTheProblem(t *testing.T) {
	f := newFixture(t)
	base := f.serve()
	for _, size := range []int{8<<20 + 1, 20 << 20} {
		for _, chunked := range []bool{false, true} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			head, tail := fmt.Sprintf("Content-Length: %d\r\n\r\n", size), ""
			if chunked {
				head, tail = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", size), "\r\n0\r\n\r\n"
			}
			_, err = io.WriteString(conn, "POST /api/v1/contact-centers/6/events HTTP/1.1\r\nHost: x\r\n"+head+strings.Repeat("x", size)+tail)
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err, "size %d, chunked %t", size, chunked)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, 413, resp.StatusCode)
			require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
			require.Contains(t, string(body), `"code":"body_too_large"`)
		}
	}
}
