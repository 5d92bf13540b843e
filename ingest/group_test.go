package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"floorwalker/schema"
)

func testGroup(topic string) GroupConfig {
	cfg := DefaultGroupConfig()
	cfg.ID, cfg.Topic = "group-of-"+topic, topic
	cfg.HeartbeatInterval = 100 * time.Millisecond
	cfg.SessionTimeout = 3 * time.Second
	cfg.RebalanceTimeout = 5 * time.Second
	cfg.StopTimeout = 2 * time.Second
	cfg.JoinBackoff = 100 * time.Millisecond
	cfg.WatchInterval = 200 * time.Millisecond
	return cfg
}

// ledger is what all members of a test have read and committed.
type ledger struct {
	mu        sync.Mutex
	read      map[int][]int64 // by partition, offsets in the order they were read
	committed map[int]int64   // highest accepted by the broker
	owners    map[int]string
	faults    []error
}

func newLedger() *ledger {
	return &ledger{read: map[int][]int64{}, committed: map[int]int64{}, owners: map[int]string{}}
}

// own reads what a generation owns and commits at its end, as a worker does.
func (l *ledger) own(name string) func(ctx context.Context, gen *Generation) error {
	return func(ctx context.Context, gen *Generation) error {
		l.mu.Lock()
		for _, p := range gen.Partitions {
			if other := l.owners[p.ID()]; other != "" {
				l.faults = append(l.faults, fmt.Errorf("partition %d of %s is still owned by %s", p.ID(), name, other))
			}
			l.owners[p.ID()] = name
		}
		l.mu.Unlock()
		var readers sync.WaitGroup
		for _, p := range gen.Partitions {
			readers.Go(func() { l.follow(ctx, gen, p) })
		}
		readers.Wait()
		<-ctx.Done()
		l.mu.Lock()
		defer l.mu.Unlock()
		next := map[int]int64{}
		for _, p := range gen.Partitions {
			if n := len(l.read[p.ID()]); n > 0 {
				next[p.ID()] = l.read[p.ID()][n-1] + 1
			}
			l.owners[p.ID()] = ""
		}
		if err := gen.Commit(next); err != nil {
			l.faults = append(l.faults, fmt.Errorf("%s: %w", name, err))
		}
		return ctx.Err()
	}
}

func (l *ledger) follow(ctx context.Context, gen *Generation, p *Partition) {
	err := p.Read(ctx, gen.Committed[p.ID()], func(batch []schema.Record, _ int64) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, rec := range batch {
			l.read[p.ID()] = append(l.read[p.ID()], rec.Offset)
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		l.mu.Lock()
		l.faults = append(l.faults, err)
		l.mu.Unlock()
	}
}

func (l *ledger) ownersOf() (map[string]int, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out, n := map[string]int{}, 0
	for _, name := range l.owners {
		if name != "" {
			out[name]++
			n++
		}
	}
	return out, n
}

// A member that joins and one that leaves cost no record, and none is read twice: the last commit of a generation is made while
// it is still valid, and the next owner begins there. Partitions that need not move stay.
func TestGroup_SecondMemberJoinsAndLeaves_NothingMissing(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	const partitions = 6
	ev := c.makeTopic(t, partitions)
	group, err := c.Group(testGroup(ev))
	require.NoError(t, err)
	l := newLedger()

	// A producer that goes on all the time.
	stop, sent := make(chan struct{}), make(map[int]int)
	var producing errgroup.Group
	producing.Go(func() error {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return nil
			default:
			}
			c.produce(t, ev, i%partitions, i, 5, 0)
			sent[i%partitions] += 5
		}
	})
	run := func(name string) (stop func()) {
		ctx, cancel := context.WithCancel(testContext(t))
		done := make(chan error, 1)
		go func() { done <- group.Run(ctx, l.own(name)) }()
		return func() {
			t.Helper()
			cancel()
			require.NoError(t, <-done)
		}
	}
	shares := func(want map[string]int) {
		t.Helper()
		require.Eventually(t, func() bool {
			got, _ := l.ownersOf()
			return fmt.Sprint(got) == fmt.Sprint(want)
		}, 30*time.Second, 10*time.Millisecond)
	}
	stopA := run("A")
	shares(map[string]int{"A": partitions})
	stopB := run("B")
	shares(map[string]int{"A": partitions / 2, "B": partitions / 2})
	stopB()
	shares(map[string]int{"A": partitions})
	close(stop)
	require.NoError(t, producing.Wait())
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for id, n := range sent {
			if len(l.read[id]) < n {
				return false
			}
		}
		return true
	}, 30*time.Second, 10*time.Millisecond)
	stopA()

	require.Empty(t, l.faults)
	for id, n := range sent {
		require.Len(t, l.read[id], n)
		for i, offset := range l.read[id] {
			require.EqualValues(t, i, offset, "partition %d", id)
		}
		require.EqualValues(t, n, c.committed(t, group.cfg.ID, ev, id))
	}
}

func (c *Client) committed(t testing.TB, group, topic string, id int) int64 {
	t.Helper()
	var res *kafka.OffsetFetchResponse
	require.Eventually(t, func() (ok bool) { // a coordinator may just be loading
		var err error
		res, err = c.kafka.OffsetFetch(testContext(t), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {id}}})
		return err == nil && res.Error == nil && len(res.Topics[topic]) == 1 && res.Topics[topic][0].Error == nil
	}, 20*time.Second, 10*time.Millisecond)
	return res.Topics[topic][0].CommittedOffset
}

// Commits only move forward, and only of partitions that the generation owns.
func TestGroup_Commit_OnlyForwardAndOnlyOwned(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 2)
	c.produce(t, ev, 0, 0, 10, 0)
	group, err := c.Group(testGroup(ev))
	require.NoError(t, err)
	enough := errors.New("enough")
	for _, step := range []struct{ commit, want int64 }{{7, 7}, {3, 7}, {7, 7}, {9, 9}} {
		err = group.Run(testContext(t), func(_ context.Context, gen *Generation) error {
			require.Equal(t, 2, gen.Count)
			require.Error(t, gen.Commit(map[int]int64{2: 1}))
			require.NoError(t, gen.Commit(map[int]int64{0: step.commit}))
			require.NoError(t, gen.Commit(map[int]int64{0: step.commit - 1}))
			return enough
		})
		require.ErrorIs(t, err, enough)
		require.EqualValues(t, step.want, c.committed(t, group.cfg.ID, ev, 0))
	}
}

// Whoever commits after its generation has ended is told so, and the offset stays.
func TestGroup_CommitOfAnEndedGeneration_IsFenced(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	group, err := c.Group(testGroup(ev))
	require.NoError(t, err)
	var late *Generation
	enough := errors.New("enough")
	require.ErrorIs(t, group.Run(testContext(t), func(_ context.Context, gen *Generation) error {
		late = gen
		return enough
	}), enough)
	require.ErrorIs(t, late.Commit(map[int]int64{0: 5}), ErrFenced)
	require.EqualValues(t, -1, c.committed(t, group.cfg.ID, ev, 0))

	// The broker fences too: this member has left behind the generation's back.
	require.ErrorIs(t, group.Run(testContext(t), func(ctx context.Context, gen *Generation) error {
		leave := kmsg.NewPtrLeaveGroupRequest()
		leave.Version, leave.Group, leave.MemberID = 2, group.cfg.ID, gen.MemberID
		leave.Members = []kmsg.LeaveGroupRequestMember{{MemberID: gen.MemberID}}
		if _, err := leave.RequestWith(ctx, franz(t, c)); err != nil {
			return err
		}
		if err := gen.Commit(map[int]int64{0: 5}); !errors.Is(err, ErrFenced) {
			return fmt.Errorf("commit of a member that has left: %v", err)
		}
		return enough
	}), enough)
	require.EqualValues(t, -1, c.committed(t, group.cfg.ID, ev, 0))
}

// Partitions that are added while the group runs are shared out.
func TestGroup_PartitionsAdded_AreOwned(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	group, err := c.Group(testGroup(ev))
	require.NoError(t, err)
	enough := errors.New("enough")
	err = group.Run(testContext(t), func(ctx context.Context, gen *Generation) error {
		if gen.Count == 3 && len(gen.Partitions) == 3 {
			return enough
		}
		if gen.Count == 1 {
			res, err := c.kafka.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: ev, Count: 3}}})
			if err == nil {
				err = res.Errors[ev]
			}
			if err != nil {
				return err
			}
		}
		<-ctx.Done()
		return ctx.Err()
	})
	require.ErrorIs(t, err, enough)
}

// An owner that gives up, because something that it needs is away, ends neither the membership nor the process: the member joins anew,
// whether its generation was still going on or over.
func TestGroup_OwnerGivesUp_JoinsAnew(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	group, err := c.Group(testGroup(ev))
	require.NoError(t, err)
	enough := errors.New("enough")
	last := 0
	err = group.Run(testContext(t), func(ctx context.Context, gen *Generation) error {
		again := gen.ID > last
		last = gen.ID
		switch {
		case !again:
			return fmt.Errorf("generation %d twice", gen.ID)
		case gen.Count == 2:
			return enough
		case gen.ID == 1:
			return fmt.Errorf("not now: %w", ErrGivenUp)
		}
		if _, err := c.kafka.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: ev, Count: 2}}}); err != nil {
			return err
		}
		<-ctx.Done()
		return fmt.Errorf("the last flush failed: %w", ErrGivenUp)
	})
	require.ErrorIs(t, err, enough)
}

// An owner that does not return makes Run give up with an error instead of hanging.
func TestGroup_OwnerDoesNotReturn_RunGivesUp(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	cfg := testGroup(ev)
	cfg.StopTimeout = 100 * time.Millisecond
	group, err := c.Group(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(testContext(t))
	stuck := make(chan struct{})
	defer close(stuck)
	err = group.Run(ctx, func(context.Context, *Generation) error {
		cancel()
		<-stuck
		return nil
	})
	require.ErrorIs(t, err, ErrOwnerStuck)
}

// A broker that is away ends generations, and the group comes back when it does. Leaving while it is away does not hang.
func TestGroup_BrokerAway_ComesBackAndLeavesInTime(t *testing.T) {
	px := proxiedBroker(t)
	cfg := testConfig(px.addr())
	cfg.RequestTimeout = 500 * time.Millisecond
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	group, err := c.Group(testGroup(ev))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(testContext(t))
	generations, done := make(chan int, 100), make(chan error, 1)
	go func() {
		done <- group.Run(ctx, func(ctx context.Context, gen *Generation) error {
			generations <- gen.ID
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	first := <-generations
	px.setDown(true)
	px.setDown(false)
	require.Greater(t, <-generations, first)
	px.setDown(true)
	cancel()
	began := time.Now()
	require.NoError(t, <-done)
	require.Less(t, time.Since(began), 10*time.Second)
}

// The balancer gives everybody an equal share, and everybody keeps what of it they had.
func TestStickyBalancer_EqualSharesAndNothingMovesNeedlessly(t *testing.T) {
	partitions := make([]kafka.Partition, 7)
	for i := range partitions {
		partitions[i] = kafka.Partition{Topic: "ev", ID: i}
	}
	member := func(id, owned string) kafka.GroupMember {
		return kafka.GroupMember{ID: id, Topics: []string{"ev"}, UserData: []byte(owned)}
	}
	for name, tc := range map[string]struct {
		members []kafka.GroupMember
		want    map[string][]int
	}{
		"alone":                  {[]kafka.GroupMember{member("a", "")}, map[string][]int{"a": {0, 1, 2, 3, 4, 5, 6}}},
		"one joins":              {[]kafka.GroupMember{member("a", "0,1,2,3,4,5,6"), member("b", "")}, map[string][]int{"a": {0, 1, 2, 3}, "b": {4, 5, 6}}},
		"the later id has more":  {[]kafka.GroupMember{member("a", "4,5,6"), member("b", "0,1,2,3")}, map[string][]int{"a": {4, 5, 6}, "b": {0, 1, 2, 3}}},
		"one has left":           {[]kafka.GroupMember{member("a", "0,1"), member("c", "5,6")}, map[string][]int{"a": {0, 1, 2, 4}, "c": {3, 5, 6}}},
		"two say they own one":   {[]kafka.GroupMember{member("a", "0,1,2"), member("b", "2,3,4")}, map[string][]int{"a": {0, 1, 2, 6}, "b": {3, 4, 5}}},
		"nonsense":               {[]kafka.GroupMember{member("a", "x,99,-1,0,0"), member("b", "{}")}, map[string][]int{"a": {0, 2, 4, 6}, "b": {1, 3, 5}}},
		"another topic's member": {[]kafka.GroupMember{member("a", ""), {ID: "b", Topics: []string{"other"}}}, map[string][]int{"a": {0, 1, 2, 3, 4, 5, 6}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &stickyBalancer{}
			got := map[string][]int{}
			for id, byTopic := range b.AssignGroups(tc.members, partitions) {
				if ids := byTopic["ev"]; len(ids) > 0 {
					got[id] = ids
				}
			}
			require.Equal(t, tc.want, got)
			all := []int{}
			for _, ids := range got {
				all = append(all, ids...)
			}
			slices.Sort(all)
			require.Equal(t, []int{0, 1, 2, 3, 4, 5, 6}, all)
		})
	}
	b := &stickyBalancer{assigned: -1}
	require.Equal(t, -1, b.own([]int{3, 11}))
	data, err := b.UserData()
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(3)+",11", string(data))
}
