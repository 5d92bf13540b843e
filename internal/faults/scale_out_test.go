package faults

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// sharedWithin is how long a group may take to share its partitions out anew: a session's end and a rebalance, on a busy machine.
const sharedWithin = 3 * time.Minute

// balancer sends requests to the nodes in turn, as a proxy before several query nodes does. It asks each all the time whether it may, and
// knows nothing else of them.
type balancer struct {
	proxy *httputil.ReverseProxy

	mu   sync.Mutex
	all  []*node
	in   []*node // those that said so when they were last asked
	next int
}

func newBalancer(t testing.TB, nodes ...*node) *balancer {
	b := &balancer{all: nodes, in: slices.Clone(nodes)}
	b.proxy = &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		to, _ := url.Parse(r.In.Context().Value(chosen{}).(*node).url)
		r.SetURL(to)
		r.SetXForwarded()
	}}
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { b.watch(ctx) })
	t.Cleanup(func() {
		stop()
		watching.Wait()
	})
	return b
}

// chosen is the key of the node that a request goes to.
type chosen struct{}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	if len(b.in) == 0 {
		b.mu.Unlock()
		http.Error(w, "no node may be asked", http.StatusServiceUnavailable)
		return
	}
	n := b.in[b.next%len(b.in)]
	b.next++
	b.mu.Unlock()
	b.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chosen{}, n)))
}

func (b *balancer) watch(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		b.mu.Lock()
		all := slices.Clone(b.all)
		b.mu.Unlock()
		var in []*node
		for _, n := range all {
			limit, cancel := context.WithTimeout(ctx, time.Second)
			if ask(limit, n.url+"/readyz?for=requests") == nil {
				in = append(in, n)
			}
			cancel()
		}
		b.mu.Lock()
		b.in = in
		b.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *balancer) asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.in)
}

// replace has the balancer ask another node in the place of one that has ended.
func (b *balancer) replace(old, by *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all[slices.Index(b.all, old)] = by
}

// askers are clients that ask all the time; their first fault is kept.
type askers struct {
	stop    context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	fault   error
	answers map[string]int // by path
}

func askThrough(t testing.TB, base string, paths ...string) *askers {
	ctx, stop := context.WithCancel(t.Context())
	a := &askers{stop: stop, answers: map[string]int{}}
	for _, path := range paths {
		a.running.Go(func() {
			for ctx.Err() == nil {
				a.note(ctx, path, ask(ctx, base+path))
				select {
				case <-ctx.Done():
				case <-time.After(100 * time.Millisecond): // all of them together stay below a principal's rate limit
				}
			}
		})
	}
	return a
}

func (a *askers) note(ctx context.Context, path string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.answers[path]++
	case a.fault == nil && ctx.Err() == nil:
		a.fault = fmt.Errorf("%s: %w", path, err)
	}
}

func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body[:min(len(body), 300)])
	}
	return err
}

// end stops asking; no request may have failed, and every path must have been answered.
func (a *askers) end(t testing.TB, paths int) (all int) {
	t.Helper()
	a.stop()
	a.running.Wait()
	require.NoError(t, a.fault)
	require.Len(t, a.answers, paths)
	for _, n := range a.answers {
		all += n
	}
	return all
}

// An installation of two workers and two query nodes behind a proxy, under load: a worker is killed and another one started, the query
// nodes are restarted one after the other, and nobody who asks notices. In the end both nodes, and history, say what one undisturbed
// pass says.
func TestScaledOut_WorkerKilledAndQueryNodesRestarted_NoRequestFails(t *testing.T) {
	t.Parallel()
	events := 4_000
	if long() {
		events = 200_000
	}
	w := newWorld(t)
	l := newLoad(t, 31, 5, events)
	s := w.site("scaled", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	direct := func(roles string, dir string) *node {
		return s.start(options{roles: roles, dir: dir, kafka: w.kafka.Addr(), house: w.clickHouse.Addr(), drain: "3s"})
	}
	out := writer(t, w.kafka.Addr(), s.topic())
	part := func(n int) {
		require.NoError(t, write(t.Context(), out, l.mixed[len(l.mixed)*n/4:len(l.mixed)*(n+1)/4]))
	}
	workers := []*node{direct("worker", ""), direct("worker", "")}
	nodes := []*node{direct("query", ""), direct("query", "")}
	part(0)
	for _, n := range nodes {
		n.awaitLive(time.Minute)
		n.awaitReady()
	}
	s.awaitOwners(workers)
	shares := func() string {
		var owned []string
		for _, n := range workers {
			owned = append(owned, fmt.Sprint(n.metric("floorwalker_worker_partitions")))
		}
		return strings.Join(owned, " ")
	}
	program.Eventually(t, sharedWithin, "two partitions for each worker", func() string { return unless(shares() == "2 2", shares()) })

	b := newBalancer(t, slices.Clone(nodes)...)
	front := httptest.NewServer(b)
	t.Cleanup(front.Close)
	var paths []string
	for _, cc := range s.centers {
		base := "/api/v1/contact-centers/" + cc
		paths = append(paths, base+"/agents?limit=50", base+"/metrics?window=today&group_by=queue")
	}
	clients := askThrough(t, front.URL, paths...)

	// A worker dies; the other one takes its partitions, and a new one its share of them.
	workers[0].Kill()
	part(1)
	s.expel() // what the session's end does, some 20 s later
	workers = workers[1:]
	program.Eventually(t, sharedWithin, "all partitions with the worker that is left", func() string { return unless(shares() == "4", shares()) })
	s.awaitHistory(conn, sharedWithin)
	workers = append(workers, direct("worker", ""))
	program.Eventually(t, sharedWithin, "two partitions for each worker again", func() string { return unless(shares() == "2 2", shares()) })

	// The query nodes are restarted; whoever balances hears of it from themselves alone.
	for i, old := range nodes {
		old.Stop(time.Minute)
		part(2 + i)
		nodes[i] = direct("query", old.dir)
		nodes[i].awaitLive(time.Minute)
		nodes[i].awaitReady()
		b.replace(old, nodes[i])
		program.Eventually(t, time.Minute, "both nodes asked", func() string { return unless(b.asked() == 2, fmt.Sprint(b.asked())) })
	}
	for _, n := range nodes {
		n.awaitLive(time.Minute)
	}
	t.Logf("%d requests answered", clients.end(t, len(paths)))
	requireSameAnswers(t, nodes[0].answers(l.until), nodes[1].answers(l.until), "one node")
	for _, n := range append(workers, nodes...) {
		n.Stop(time.Minute)
	}
	s.finish(conn, truth, l)
}

func unless(well bool, otherwise string) string {
	if well {
		return ""
	}
	return otherwise
}

func (n *node) awaitReady() {
	n.site.t.Helper()
	program.Eventually(n.site.t, time.Minute, "a node that is ready", func() string {
		r, err := n.readiness()
		if err != nil {
			return err.Error()
		}
		return unless(r.Ready, fmt.Sprintf("%+v", r))
	})
}
