package audit_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/epoch"
	"floorwalker/aggregate/worker"
	"floorwalker/schema"
)

// ownAlone has a worker own one partition until it has begun to read it.
func (s *system) ownAlone(partition int) {
	s.Helper()
	l := s.logs[partition]
	before := l.readers.Load()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- s.worker().Own(ctx, worker.Generation{Total: len(s.logs), Partitions: []worker.Partition{l},
			Commit: func(context.Context, map[int]int64) error { return nil }})
	}()
	require.Eventually(s, func() bool { return l.readers.Load() > before }, time.Minute, time.Millisecond)
	cancel()
	require.NoError(s, <-done)
}

// spread puts events where producers that partition by murmur2 put them.
func (s *system) spread(events []happening) {
	for _, h := range events {
		s.logs[schema.Murmur2Partition([]byte(h.cc), len(s.logs))].add(h)
	}
}

func (s *system) newEpoch(change ...func(*epoch.Config)) (*epoch.Report, error) {
	s.Helper()
	cfg := epoch.Config{Topic: topic, Worker: s.worker(), Conn: s.conn, Store: s.store,
		Land: func(cc string, n int) (int, error) { return schema.Murmur2Partition([]byte(cc), n), nil }}
	for _, l := range s.logs {
		cfg.Partitions = append(cfg.Partitions, l)
	}
	for _, c := range change {
		c(&cfg)
	}
	return epoch.Run(context.Background(), cfg)
}

var centers = []string{"6", "7", "8", "9", "10"}

// day is the events of all contact centres as they arrive, and a last one of each that lets them be complete.
func day() (list []happening) {
	for k, cc := range centers {
		list = append(list, newFloor(cc, uint64(20+k), 3)...)
	}
	list = arrive(list, 11, 20*minute)
	for _, cc := range centers {
		list = append(list, happening{cc: cc, kind: "agent.login", subject: "z", data: `{}`, t: morning + 5*hour, id: "end" + cc})
	}
	return list
}

// undisturbed is the history of a topic that never changed.
func undisturbed(t *testing.T, events []happening) *system {
	s := newSystem(t, newLog(0), newLog(1))
	s.murmur2 = true
	s.spread(events)
	s.once()
	return s
}

// requireRight compares with an undisturbed history, and audits.
func (s *system) requireRight(t *testing.T, want *system) {
	r := s.audit()
	clean(t, r)
	require.NotEmpty(t, r.ContactCenters)
	for _, cc := range centers {
		requireSame(t, s, want, cc, morning+4*hour-minute)
	}
}

// Partitions are added: the worker refuses, and after new-epoch every contact centre goes on where its events come from now on.
func TestNewEpoch_MorePartitions(t *testing.T) {
	slow(t)
	events := day()
	want := undisturbed(t, events)
	s := newSystem(t, newLog(0), newLog(1))
	s.murmur2 = true
	third := len(events) / 3
	s.spread(events[:third])
	s.once()
	_, err := s.newEpoch()
	require.ErrorIs(t, err, epoch.ErrNotNeeded)

	s.spread(events[third : 2*third]) // nobody has read these when the partitions are added
	s.logs = append(s.logs, newLog(2), newLog(3))
	require.ErrorIs(t, s.own(context.Background()), worker.ErrNewEpoch)
	r, err := s.newEpoch()
	require.NoError(t, err)
	require.Equal(t, []int{2, 4}, []int{r.Was, r.Is})
	require.False(t, r.Recreated)
	require.EqualValues(t, 1, r.Epoch)
	var landed []string
	for _, p := range r.Partitions {
		require.Equal(t, s.logs[p.ID].end(), p.Offset)
		for _, cc := range p.ContactCenters {
			require.Equal(t, schema.Murmur2Partition([]byte(cc), 4), p.ID)
		}
		landed = append(landed, p.ContactCenters...)
	}
	require.ElementsMatch(t, centers, landed)
	require.Positive(t, slices.IndexFunc(r.Partitions, func(p epoch.Partition) bool { return p.ID > 1 && len(p.ContactCenters) > 0 }), "one moved")

	s.spread(events[2*third:])
	s.once()
	s.requireRight(t, want)
	_, err = s.newEpoch()
	require.ErrorIs(t, err, epoch.ErrNotNeeded)
}

// Partitions are added to a topic that is still empty: what a worker has checkpointed of nothing stands in nobody's way.
func TestNewEpoch_MorePartitionsOfAnEmptyTopic(t *testing.T) {
	slow(t)
	events := day()
	want := undisturbed(t, events)
	s := newSystem(t, newLog(0), newLog(1))
	s.murmur2 = true
	s.ownAlone(0)
	s.ownAlone(1)
	s.logs = append(s.logs, newLog(2))
	require.ErrorIs(t, s.own(context.Background()), worker.ErrNewEpoch)
	r, err := s.newEpoch()
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, []int{r.Was, r.Is})
	s.spread(events)
	s.once()
	s.requireRight(t, want)
}

// The topic is made anew: its offsets begin again, and history goes on from what had been flushed, a checkpoint or not.
func TestNewEpoch_TopicMadeAnew(t *testing.T) {
	slow(t)
	events := day()
	want := undisturbed(t, events)
	s := newSystem(t, newLog(0), newLog(1))
	s.murmur2 = true
	half := len(events) / 2
	s.spread(events[:half])
	s.once()
	s.mutate("checkpoints", "DELETE WHERE (partition, offset) IN (SELECT partition, max(offset) FROM checkpoints GROUP BY partition)")
	before := []int64{s.logs[0].end(), s.logs[1].end()}

	s.logs = []*log{newLog(0), newLog(1), newLog(2)}
	require.ErrorIs(t, s.own(context.Background()), worker.ErrNewEpoch)
	s.ownAlone(2) // one member of the group has nothing to refuse
	r, err := s.newEpoch()
	require.NoError(t, err)
	require.True(t, r.Recreated)
	require.Equal(t, []int{2, 3}, []int{r.Was, r.Is})
	require.Equal(t, before, []int64{r.Left[0].Offset, r.Left[1].Offset})
	s.spread(events[half:])
	s.once()
	s.requireRight(t, want)

	_, err = s.newEpoch(func(c *epoch.Config) { c.Recreated = true })
	require.NoError(t, err, "the operator's word")
}
