package ingest

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// How far a reader is behind in time is seen from its offset and from where the records of a moment begin.
func TestSince_FirstRecordOfAMoment(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	topic := c.makeTopic(t, 2)
	p := c.Partition(topic, 1)
	now := time.Now()
	since, first, err := p.Since(testContext(t), now)
	require.NoError(t, err)
	require.Equal(t, []int64{0, 0}, []int64{since, first})
	for _, age := range []time.Duration{5 * time.Hour, 3 * time.Hour, time.Hour} {
		c.produceRecords(t, topic, 1, 0, kafka.Record{Value: kafka.NewBytes([]byte("x")), Time: now.Add(-age)})
	}
	for _, c := range []struct {
		age  time.Duration
		want int64
	}{{9 * time.Hour, 0}, {4 * time.Hour, 1}, {2 * time.Hour, 2}, {time.Minute, 3}} {
		since, first, err := p.Since(testContext(t), now.Add(-c.age))
		require.NoError(t, err)
		require.Equal(t, []int64{c.want, 0}, []int64{since, first}, c.age)
	}
}

// What a group has stored can be asked without being its member.
func TestCommitted_ByPartition(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	topic := c.makeTopic(t, 2)
	c.produce(t, topic, 1, 0, 10, 0)
	group, err := c.Group(testGroup(topic))
	require.NoError(t, err)
	got, err := c.Committed(testContext(t), group.cfg.ID, topic, 2)
	require.NoError(t, err)
	require.Empty(t, got)
	ctx, stop := context.WithCancel(testContext(t))
	require.NoError(t, group.Run(ctx, func(_ context.Context, gen *Generation) error {
		defer stop()
		return gen.Commit(map[int]int64{1: 7})
	}))
	got, err = c.Committed(testContext(t), group.cfg.ID, topic, 2)
	require.NoError(t, err)
	require.Equal(t, map[int]int64{1: 7}, got)
}
