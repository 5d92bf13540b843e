package query_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
)

// audience are streams of a crowd's server.
type audience struct {
	*crowd
	b       *testing.B
	address string
	mu      sync.Mutex
	delays  map[string][]time.Duration // by kind of subscriber
	conns   []net.Conn
	reading sync.WaitGroup
}

func newAudience(b *testing.B, agents int) *audience {
	a := &audience{crowd: newCrowd(b, agents), b: b, delays: map[string][]time.Duration{}}
	source := floor.NewSource(a.live, a.directory, nil, time.Now)
	authenticator, err := auth.New([]auth.Account{{ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{token("reader")}}}, auth.Options{})
	require.NoError(b, err)
	push, err := hub.New(hub.Config{Source: source, Limits: hub.Limits{Streams: 1 << 20, StreamsPerPrincipal: 1 << 20, Feeds: 1 << 20}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	a.app, err = query.New(query.Config{}, query.Deps{Source: source, Authenticator: authenticator, Push: push,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(b, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	a.address = listener.Addr().String()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = push.Run(ctx) })
	running.Go(func() { _ = a.app.Serve(listener) })
	b.Cleanup(func() {
		for _, c := range a.conns {
			c.Close()
		}
		a.reading.Wait()
		stop()
		_ = a.app.Shutdown(context.Background())
		running.Wait()
	})
	return a
}

// connect opens a stream and waits for its state.
func (a *audience) connect(query string) (net.Conn, *bufio.Reader) {
	conn, err := net.Dial("tcp", a.address)
	require.NoError(a.b, err)
	a.conns = append(a.conns, conn)
	_, err = io.WriteString(conn, "GET /api/v1/contact-centers/6/stream?"+query+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token("reader")+"\r\n\r\n")
	require.NoError(a.b, err)
	in := bufio.NewReaderSize(conn, 4<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			require.NoError(a.b, err)
		}
		if bytes.HasPrefix(line, []byte("data: ")) {
			return conn, in
		}
	}
}

// measure notes how long each row of a stream was on its way: its agent's status_since is when the change was made.
func (a *audience) measure(in *bufio.Reader, from time.Time, kind string) {
	const mark = `"status_since":"`
	in = bufio.NewReaderSize(in, 256<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		now := time.Now()
		if !bytes.HasPrefix(line, []byte("data: ")) {
			continue
		}
		if now.Before(from) {
			continue
		}
		a.mu.Lock()
		for {
			_, rest, found := bytes.Cut(line, []byte(mark))
			if !found || len(rest) < 24 {
				break
			}
			if at, err := time.Parse(time.RFC3339, string(rest[:24])); err == nil && at.After(from) {
				a.delays[kind] = append(a.delays[kind], now.Sub(at))
			}
			line = rest
		}
		a.mu.Unlock()
	}
}

// move changes agents at a rate until stop is closed; what changed says when.
func (a *audience) move(perSecond int, stop chan struct{}) {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	began, done := time.Now(), 0
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := time.Now().UnixMilli()
		for due := int(time.Since(began).Seconds() * float64(perSecond)); done < due; done++ {
			id := a.ids[(done*7919)%len(a.ids)]
			row := crowdAgent(id, done)
			row.StatusSince = now
			a.change(row)
		}
	}
}

func (a *audience) report() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for kind, delays := range a.delays {
		slices.Sort(delays)
		for name, q := range map[string]float64{"p50": 0.5, "p99": 0.99} {
			a.b.ReportMetric(float64(delays[int(float64(len(delays)-1)*q)].Microseconds())/1000, name+"-"+kind+"-ms")
		}
		a.b.ReportMetric(float64(len(delays)), "rows-"+kind)
	}
}

// BenchmarkPush measures the way from a change of the live view to the client's side of a TCP connection: 10,000 agents, 5,000 changes a
// second, and subscribers (FLOORWALKER_STREAMS, 1,000) with filters of their own at the interval of 50 ms. 950 watch ten agents each, who change
// five times a second together; 50 a team of 200, which changes 100 times a second, so that every change waits for what is left of the interval.
// Clients are in the same process. An operation is a run of 10 s. stopped has one more subscriber, of everything, that takes nothing in.
func BenchmarkPush(b *testing.B) {
	for _, stopped := range []bool{false, true} {
		b.Run(fmt.Sprintf("stopped=%t", stopped), func(b *testing.B) {
			for b.Loop() {
				benchmarkPush(b, stopped)
			}
		})
	}
}

func benchmarkPush(b *testing.B, stopped bool) {
	a := newAudience(b, 10_000)
	streams := setting("FLOORWALKER_STREAMS", 1000)
	const warm, long = 3 * time.Second, 10 * time.Second
	if stopped {
		a.connect("topics=agents&interval_ms=50")
	}
	from := time.Now().Add(time.Hour)
	readers := make([]*bufio.Reader, streams)
	for n := range readers {
		query := fmt.Sprintf("topics=agents&interval_ms=50&agents.team=t%d", n%50)
		if n >= 50 {
			own := make([]string, 10)
			for k := range own {
				own[k] = a.ids[(10*n+k)%len(a.ids)]
			}
			query = "topics=agents&interval_ms=50&agents.id=" + strings.Join(own, ",")
		}
		_, readers[n] = a.connect(query)
	}
	from = time.Now().Add(warm)
	for n, in := range readers {
		a.reading.Go(func() {
			switch {
			case n < 50 && n%10 == 0:
				a.measure(in, from, "team")
				return
			case n%20 == 0:
				a.measure(in, from, "ten-agents")
				return
			}
			_, _ = io.Copy(io.Discard, in)
		})
	}
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() { a.move(5000, stop) })
	time.Sleep(warm)
	used := cpu()
	time.Sleep(long)
	used = cpu() - used
	close(stop)
	moving.Wait()
	a.report()
	b.ReportMetric(used.Seconds()/long.Seconds(), "cpus")
}

// BenchmarkIdleStreams measures the resident memory of connections (FLOORWALKER_STREAMS, 9,500: each needs two files) on which nothing
// comes, the clients' side with 4 KiB each included.
func BenchmarkIdleStreams(b *testing.B) {
	for b.Loop() {
		a := newAudience(b, 1000)
		streams := setting("FLOORWALKER_STREAMS", 9500)
		before := resident(b)
		for range streams {
			a.connect("topics=agents&agents.team=t1")
		}
		time.Sleep(time.Second)
		b.ReportMetric(float64(resident(b)-before)/float64(streams)/1024, "KiB/stream")
		b.ReportMetric(float64(resident(b))/(1<<20), "MiB")
	}
}

func setting(name string, standard int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return standard
}

// resident is the process's resident memory in bytes.
func resident(b *testing.B) int64 {
	raw, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			require.NoError(b, err)
			return kib << 10
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
