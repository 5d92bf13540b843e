package signalr_test

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/query/signalr"
)

// raw is a client without buffers of its own: what is measured is the server's part.
type raw struct{ net.Conn }

// request writes a request and reads until the answer holds text.
func (s *site) raw(request, text string) (raw, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return raw{}, err
	}
	if err := (raw{conn}).ask(request, text); err != nil {
		return raw{}, fmt.Errorf("%w for %s", err, request)
	}
	return raw{conn}, nil
}

func (r raw) ask(request, text string) error {
	_ = r.SetDeadline(time.Now().Add(patience))
	if _, err := r.Write([]byte(request)); err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	var got strings.Builder
	chunk := make([]byte, 1024)
	for !strings.Contains(got.String(), text) {
		n, err := r.Read(chunk)
		got.Write(chunk[:n])
		if err != nil {
			return fmt.Errorf("%w after %q", err, got.String())
		}
	}
	return nil
}

func get(path, more string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n" + more + "\r\n"
}

func post(path, form string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
		fmt.Sprint(len(form)) + "\r\n\r\n" + form
}

const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// idle opens one connection and leaves it idle.
func (s *site) idle(t testing.TB, transport string) (raw, error) {
	c := s.negotiate(t, "ann")
	var conn raw
	var err error
	switch transport {
	case "webSockets":
		conn, err = s.raw(get(c.path("connect", transport), upgrade), `"S":1`)
	case "serverSentEvents":
		conn, err = s.raw(get(c.path("connect", transport), ""), `"S":1`)
	case "longPolling":
		conn, err = s.raw(post(c.path("connect", transport), ""), `"S":1`)
	}
	if err != nil {
		return conn, err
	}
	if status, body := c.ask(t, "GET", "start", transport); status != 200 {
		return conn, fmt.Errorf("start: %d %s", status, body)
	}
	if transport == "longPolling" {
		err = conn.ask(post(c.path("poll", transport), "messageId="+url.QueryEscape("d-0")), "")
	}
	return conn, err
}

func heap() (bytes, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse), runtime.NumGoroutine()
}

func resident() int {
	b, _ := os.ReadFile("/proc/self/statm")
	var size, pages int
	_, _ = fmt.Sscan(string(b), &size, &pages)
	return pages * os.Getpagesize()
}

// each runs f n times, some at a time, and reports the first error.
func each(n int, f func() error) error {
	var group sync.WaitGroup
	work, errs := make(chan struct{}), make(chan error, n)
	for range 8 {
		group.Go(func() {
			for range work {
				errs <- f()
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// most is how many connections a test may hold: both ends of each are files of this process.
func most(t *testing.T, n int) int {
	t.Helper()
	var files syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files))
	return min(n, (int(files.Cur)-500)/2)
}

// Idle connections are cheap: 10,000 fit 1 GB whatever their transport. A server that gives back its buffers while it waits (fiber's
// ReduceMemoryUsage) takes half of that and less; else each holds a read buffer, which is large for the sake of long tokens.
func TestIdleConnections_AreCheap(t *testing.T) {
	n, settings := 100, []bool{false}
	if long() {
		n, settings = most(t, 10_000), []bool{false, true}
	}
	for _, reduced := range settings {
		for _, transport := range []string{"webSockets", "serverSentEvents", "longPolling"} {
			t.Run(fmt.Sprintf("%s reduced=%t", transport, reduced), func(t *testing.T) { idleConnections(t, n, transport, reduced) })
		}
	}
}

func idleConnections(t *testing.T, n int, transport string, reduced bool) {
	s := start(t, limits(signalr.Limits{PerPrincipal: n + 50, Negotiates: n + 50}), timing(signalr.Timing{KeepAlive: time.Hour, Silence: 2 * time.Hour}),
		func(_ *signalr.Config, f *fiber.Config) { f.ReduceMemoryUsage = reduced })
	require.NoError(t, each(50, func() error { return s.idleAndClose(t, transport) })) // pools fill
	before, _ := heap()
	var mu sync.Mutex
	var conns []raw
	require.NoError(t, each(n, func() error {
		conn, err := s.idle(t, transport)
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, conn)
		return err
	}))
	require.Eventually(t, func() bool { return s.Lines()+s.Waiting() >= n }, patience, 10*time.Millisecond)
	http.DefaultClient.CloseIdleConnections()
	after, goroutines := heap()
	t.Logf("%d connections, %d bytes each, %d goroutines, %d MiB resident", n, (after-before)/n, goroutines, resident()>>20)
	allowed := 90 << 10
	if reduced {
		allowed = 45 << 10
	}
	require.Less(t, (after-before)/n, allowed)
	for _, c := range conns {
		_ = c.Close()
	}
}

func (s *site) idleAndClose(t testing.TB, transport string) error {
	conn, err := s.idle(t, transport)
	if err == nil {
		err = conn.Close()
	}
	return err
}

// Connections that come and go leave nothing behind.
func TestManyConnectionsComeAndGo_NothingStays(t *testing.T) {
	n := 150
	if long() {
		n = 10_000
	}
	s := start(t, limits(signalr.Limits{PerPrincipal: n, Negotiates: 10 * n}), timing(signalr.Timing{KeepAlive: 40 * time.Millisecond, Silence: 10 * time.Second, Disconnect: 100 * time.Millisecond, Poll: 50 * time.Millisecond, Open: 2 * time.Second}))
	round := func(n int) {
		for _, transport := range []string{"webSockets", "serverSentEvents", "longPolling"} {
			require.NoError(t, each(n/3, func() error { return s.idleAndClose(t, transport) }))
		}
		require.Eventually(t, func() bool { return s.Connections() == 0 }, patience, 5*time.Millisecond)
	}
	round(n) // pools fill
	before, goroutines := heap()
	round(n)
	require.EventuallyWithT(t, func(c *assertT) {
		after, now := heap()
		require.Less(c, now, goroutines+20)
		require.Less(c, after, before+n*1024+(1<<20))
	}, patience, 100*time.Millisecond)
	connected, closed := 0, 0
	for _, e := range s.hub.seen() {
		if e == "connected" {
			connected++
			continue
		}
		require.Equal(t, "closed: the client did not come back", e)
		closed++
	}
	require.Equal(t, connected, closed)
	require.GreaterOrEqual(t, connected, 2*(n/3)*3)
}
