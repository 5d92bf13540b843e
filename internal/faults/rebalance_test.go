package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
	"floorwalker/internal/proxy"
)

// Up to three workers join, leave, die and are thrown out of the group while events flow: each rebalance hands partitions over by
// their checkpoints, and what is left is what one undisturbed pass leaves.
func TestWorkersComeAndGo_NothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	rounds, events := 6, 10_000
	if long() {
		rounds, events = 120, 200_000
	}
	w := newWorld(t)
	l := newLoad(t, 10, 5, events)
	s := w.site("moved", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)

	out := writer(t, w.kafka.Addr(), s.topic())
	random := rand.New(rand.NewPCG(4, 5))
	var workers []*node
	done := map[string]int{}
	do := func(what string, f func()) {
		done[what]++
		f()
	}
	for round := range rounds {
		victim := 0
		if len(workers) > 0 {
			victim = random.IntN(len(workers))
		}
		remove := func() *node {
			n := workers[victim]
			workers = append(workers[:victim:victim], workers[victim+1:]...)
			return n
		}
		switch action := random.IntN(5); {
		case len(workers) < 2 || len(workers) < 3 && action == 0:
			do("join", func() { workers = append(workers, s.start(options{roles: "worker"})) })
		case action < 2:
			do("leave", func() { remove().Stop(time.Minute) })
		case action == 2:
			do("die", func() { remove().Kill(); s.expel() })
		default:
			do("thrown out", s.expel)
		}
		require.NoError(t, write(t.Context(), out, l.mixed[len(l.mixed)*round/rounds:len(l.mixed)*(round+1)/rounds]))
		s.awaitOwners(workers)
	}
	t.Logf("%d rounds: %v", rounds, done)
	for _, n := range workers {
		n.Stop(time.Minute)
	}
	s.finish(conn, truth, l)
}

// awaitOwners waits until the group is stable again and every worker is a member.
func (s *site) awaitOwners(workers []*node) {
	s.t.Helper()
	client, idle := s.client()
	defer idle()
	program.Eventually(s.t, time.Minute, "a stable group", func() string {
		for _, n := range workers {
			require.True(s.t, n.Running(), "a worker has ended:\n%s", n.Tail())
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		res, err := client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{s.name}})
		if err != nil {
			return err.Error()
		}
		for _, g := range res.Groups {
			if g.GroupState != "Stable" || len(g.Members) != len(workers) {
				return fmt.Sprintf("%s with %d members of %d", g.GroupState, len(g.Members), len(workers))
			}
		}
		return ""
	})
}

// A worker is frozen with rows that it has not written yet, loses its partitions to another one, and wakes: its rows were true at
// their offset, and the new owner, which is behind, writes what holds in the end.
func TestZombieAheadOfTheNewOwner_ChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := newLoad(t, 20, 3, 9_000)
	s := w.site("zombie", l.centers)
	conn := s.conn()
	truth := w.undisturbed(l)
	out := writer(t, w.kafka.Addr(), s.topic())
	part := func(n int) {
		require.NoError(t, write(t.Context(), out, l.mixed[len(l.mixed)*n/3:len(l.mixed)*(n+1)/3]))
	}
	part(0)
	zombiesWay, ownersWay := newProxy(t), newProxy(t)
	zombiesWay.To(w.clickHouse.Addr())
	ownersWay.To(w.clickHouse.Addr())
	zombie := s.start(options{roles: "worker", house: zombiesWay.Addr()})
	s.awaitHistory(conn, time.Minute)

	zombiesWay.Set(proxy.Freeze)
	part(1)
	read := "floorwalker_ingest_records_total"
	program.Eventually(t, time.Minute, "events applied that are not flushed", func() string {
		if got := zombie.metric(read); got < float64(len(l.mixed)*2/3) {
			return fmt.Sprint(got, " records read")
		}
		return ""
	})
	zombie.Signal(syscall.SIGSTOP)
	s.expel()
	before, err := s.flushed(conn)
	require.NoError(t, err)

	// The new owner has read the same records and is held before its first row.
	held := make(chan struct{})
	var hold sync.Once
	owner := s.start(options{roles: "worker", house: ownersWay.Addr()})
	ownersWay.Watch(func(c *proxy.Conn, d proxy.Direction, chunk []byte) (int, bool) {
		if insertInto(chunk) != "" {
			hold.Do(func() {
				owner.Signal(syscall.SIGSTOP)
				close(held)
			})
		}
		return len(chunk), false
	})
	select {
	case <-held:
	case <-time.After(time.Minute):
		require.FailNow(t, "the new owner writes nothing", owner.Tail())
	}
	zombie.Signal(syscall.SIGCONT)
	zombiesWay.Set(proxy.Pass)
	program.Eventually(t, time.Minute, "rows of the zombie", func() string {
		now, err := s.flushed(conn)
		require.NoError(t, err)
		ahead := 0
		for p := range now {
			if now[p] > before[p] {
				ahead++
			}
		}
		if ahead == 0 {
			return fmt.Sprint(before, now)
		}
		return ""
	})
	owner.Signal(syscall.SIGCONT)
	part(2)
	s.awaitHistory(conn, time.Minute)
	require.True(t, zombie.Running(), zombie.Tail())
	owner.Stop(time.Minute)
	zombie.Stop(time.Minute)
	s.finish(conn, truth, l)
}
