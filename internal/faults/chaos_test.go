package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
	"floorwalker/internal/proxy"
)

// chaos keeps workers and a replica of a site running and breaks something now and then: processes, the broker, ClickHouse and the
// ways to them.
type chaos struct {
	*site
	random  *rand.Rand
	workers []*node
	replica *node
	most    int // workers
	done    map[string]int
}

func (s *site) chaos(seed uint64, workers int) *chaos {
	c := &chaos{site: s, random: rand.New(rand.NewPCG(seed, 9)), most: workers, done: map[string]int{}}
	c.workers = append(c.workers, s.start(options{roles: "worker"}))
	c.replica = s.start(options{roles: "query"})
	return c
}

// strike does one thing at random. What it breaks is whole again when it returns, or comes back by itself.
func (c *chaos) strike() {
	c.t.Helper()
	c.tend()
	acts := []struct {
		name string
		do   func()
	}{
		{"worker killed", c.killWorker},
		{"worker stopped", func() { c.workers[0].address(); c.workers[0].Stop(time.Minute); c.workers = c.workers[1:] }},
		{"worker added", func() {
			if len(c.workers) < c.most {
				c.workers = append(c.workers, c.start(options{roles: "worker"}))
			}
		}},
		{"all thrown out of the group", c.expel},
		{"replica killed", func() { c.replica.Kill(); c.replica = c.start(options{roles: "query", dir: c.replica.dir}) }},
		{"kafka killed", func() { c.kafka.Kill(); c.pause(); c.kafka.Restart() }},
		{"clickhouse killed", func() { c.clickHouse.Kill(); c.pause(); require.NoError(c.t, c.clickHouse.Restart(c.t.Context())) }},
		{"clickhouse frozen", func() { c.toHouse.Set(proxy.Freeze); c.pause(); c.toHouse.Set(proxy.Pass) }},
		{"connections to clickhouse cut", c.toHouse.Cut},
		{"kafka frozen", func() { c.toKafka.Set(proxy.Freeze); c.pause(); c.toKafka.Set(proxy.Pass) }},
		{"connections to kafka cut", c.toKafka.Cut},
	}
	act := acts[c.random.IntN(len(acts))]
	c.done[act.name]++
	act.do()
	c.tend()
}

func (c *chaos) killWorker() {
	n := c.random.IntN(len(c.workers))
	c.workers[n].Kill()
	c.workers = slices.Delete(c.workers, n, n+1)
	c.expel()
}

func (c *chaos) pause() { time.Sleep(time.Duration(c.random.IntN(1500)) * time.Millisecond) }

// tend demands that nothing has ended by itself, and starts a worker where there is none.
func (c *chaos) tend() {
	c.t.Helper()
	for _, n := range append([]*node{c.replica}, c.workers...) {
		require.True(c.t, n.Running(), "a process has ended by itself after %v:\n%s", c.done, n.Tail())
	}
	if len(c.workers) == 0 {
		c.workers = append(c.workers, c.start(options{roles: "worker"}))
	}
}

func (c *chaos) String() string {
	var out []string
	total := 0
	for _, name := range slices.Sorted(maps.Keys(c.done)) {
		total += c.done[name]
		out = append(out, fmt.Sprintf("%s %d", name, c.done[name]))
	}
	return fmt.Sprintf("%d faults: %s", total, strings.Join(out, ", "))
}

// Workers, replica, broker and ClickHouse are killed, frozen and cut off at random under load, and are back at once.
func TestAnythingKilledAtRandom_NothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	strikes, events := 8, 10_000
	if long() {
		strikes, events = 150, 300_000
	}
	w := newWorld(t)
	l := newLoad(t, 60, 5, events)
	s := w.site("chaos", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	s.awaitTruth(truth)
	c := s.chaos(61, 3)
	out := writer(t, w.kafka.Addr(), s.topic())
	for i := range strikes {
		written := make(chan error, 1)
		go func() { written <- write(t.Context(), out, l.mixed[len(l.mixed)*i/strikes:len(l.mixed)*(i+1)/strikes]) }()
		c.strike()
		select {
		case err := <-written:
			require.NoError(t, err)
		case <-time.After(2 * time.Minute):
			require.FailNow(t, "the test's own producer does not get on")
		}
	}
	t.Log(c)
	s.awaitHistory(conn, 2*time.Minute)
	for _, n := range c.workers {
		n.address()
		n.Stop(time.Minute)
	}
	program.Eventually(t, time.Minute, "an empty group", func() string { return strings.Join(s.membersNow(), ",") })
	s.finish(conn, truth, l, c.replica)
}

// awaitTruth lets the undisturbed pass come to its end before anything is broken that it needs too, and ends it: it is started again
// for the comparison.
func (s *site) awaitTruth(truth *oracle) {
	s.t.Helper()
	truth.awaitHistory(truth.site.conn(), 2*time.Minute)
	truth.Stop(time.Minute)
	truth.node = nil
}
