package faults

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
)

// oracle is an undisturbed pass over the distinct events.
type oracle struct {
	*site
	*node
}

// undisturbed lets a Floorwalker of its own read the load's events, each once and in order.
func (w *world) undisturbed(l *load) *oracle {
	w.t.Helper()
	s := w.site("oracle", l.centers)
	require.NoError(w.t, write(w.t.Context(), writer(w.t, w.kafka.Addr(), s.topic()), l.distinct))
	return &oracle{s, s.start(options{roles: "worker,query", kafka: w.kafka.Addr(), house: w.clickHouse.Addr()})}
}

// plan lists the points of that many kills: every step in every phase before any comes again.
func plan(random *rand.Rand, kills int) []point {
	var out []point
	for round := 0; len(out) < kills; round++ {
		var steps []point
		for _, table := range tables {
			steps = append(steps, point{step: table, phase: phase((round + random.IntN(2)) % 3)})
		}
		steps = append(steps, point{step: "commit", phase: []phase{before, after}[round%2]}, point{step: "apply", after: time.Duration(random.IntN(15)) * time.Millisecond},
			point{step: "anywhere", after: time.Duration(random.IntN(2000)) * time.Millisecond})
		random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		out = append(out, steps...)
	}
	return out[:kills]
}

// The worker is killed at every step of its round, again and again. What is left is what one undisturbed pass leaves: facts, windows,
// annotations, raw events, dead letters, and the live views of a node that saw it all and of one that boots from the last checkpoint.
func TestWorkerKilledAtEveryStep_NothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	kills, events := 14, 20_000
	if long() {
		kills, events = 210, 300_000
	}
	w := newWorld(t)
	l := newLoad(t, 1, 5, events)
	s := w.site("crashed", l.centers)
	conn := s.conn()
	replica := s.start(options{roles: "query", kafka: w.kafka.Addr()})
	replica.address()
	truth := w.undisturbed(l)

	k := newKiller(w)
	out := writer(t, w.kafka.Addr(), s.topic())
	random := rand.New(rand.NewPCG(2, 3))
	done := map[string]int{}
	began := time.Now()
	for i, at := range plan(random, kills) {
		chunk := l.mixed[len(l.mixed)*i/kills : len(l.mixed)*(i+1)/kills]
		s.killAt(k, at, func(ctx context.Context) error { return write(ctx, out, chunk) })
		done[at.step]++
	}
	t.Logf("%d kills in %s: %v", kills, time.Since(began).Round(time.Second), done)

	s.finish(conn, truth, l, replica)
}

// killAt starts a worker, feeds it, and returns when it has been killed at the point.
func (s *site) killAt(k *killer, at point, feed func(context.Context) error) {
	s.t.Helper()
	worker := s.start(options{roles: "worker"})
	k.arm(worker.Process, at)
	require.NoError(s.t, feed(s.t.Context()))
	select {
	case <-k.struck:
	case <-worker.Done:
		select {
		case <-k.struck:
		case <-time.After(time.Second):
			require.FailNow(s.t, "the worker has ended by itself before "+at.String(), worker.Tail())
		}
	case <-time.After(3 * time.Minute): // a busy machine may be very slow
		require.FailNow(s.t, "the worker never came to "+at.String(), worker.Tail())
	}
	s.expel()
}

// finish lets a last worker read on to the end and compares everything with the undisturbed pass.
func (s *site) finish(conn driver.Conn, truth *oracle, l *load, replicas ...*node) {
	t := s.t
	t.Helper()
	last := s.start(options{roles: "worker"})
	last.address()
	s.awaitHistory(conn, 2*time.Minute)
	if truth.node == nil {
		truth.node = truth.start(options{roles: "worker,query", kafka: s.kafka.Addr(), house: s.clickHouse.Addr()})
	}
	truth.awaitHistory(truth.site.conn(), 2*time.Minute)
	last.Stop(time.Minute)

	records := requireRaw(t, conn, s)
	require.GreaterOrEqual(t, records, len(l.mixed))
	requireSameHistory(t, conn, s, truth.site)
	requireOneVersion(t, conn, s)

	truth.awaitLive(time.Minute)
	want := truth.answers(l.until)
	booted := s.start(options{roles: "query", kafka: s.kafka.Addr()})
	for _, n := range append(replicas, booted) {
		what := "a replica that has seen it all"
		if n == booted {
			what = "a replica that has just booted"
		}
		n.awaitLive(time.Minute)
		requireSameAnswers(t, n.answers(l.until), want, what)
	}
	t.Logf("%d records of %d events (%d twice, %d late, %d rubbish): no difference", records, l.events, l.twice, l.late, l.rubbish)
}
