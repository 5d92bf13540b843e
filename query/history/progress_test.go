package history

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema/clickhouse"
)

// History is whole up to what its oldest partition is: the last flush of one that has caught up, the newest event of one that has not.
func TestWholeUntil_OldestOfThePartitions(t *testing.T) {
	f := newFloor(t)
	ctx := context.Background()
	flush := func(partition int, offset, newest, written int64, caughtUp bool) {
		b := clickhouse.NewProgress()
		b.Append(clickhouse.Stamp{Topic: "cc.events", Epoch: 1, Partition: partition, Position: offset}, clickhouse.ProgressRow{NewestEvent: newest, CaughtUp: caughtUp})
		require.NoError(t, b.Send(ctx, f.conn, written))
	}
	whole := func(partitions ...int) int64 {
		at, err := f.reader.WholeUntil(ctx, "cc.events", partitions)
		require.NoError(t, err)
		if at.IsZero() {
			return 0
		}
		return at.UnixMilli()
	}
	require.Zero(t, whole(0, 1), "nothing was flushed")
	flush(0, 1, 500, 900, true)
	require.EqualValues(t, 900, whole(0, 1), "partition 1 was never flushed")
	flush(1, 1, 0, 950, false)
	require.EqualValues(t, 900, whole(0, 1), "partition 1 holds no event")
	flush(1, 2, 700, 960, false)
	require.EqualValues(t, 700, whole(0, 1), "partition 1 is behind")
	flush(1, 3, 800, 1100, true)
	require.EqualValues(t, 900, whole(0, 1))
	require.EqualValues(t, 1100, whole(1))
}
