package epoch

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// behind is a partition whose new leader does not know its end yet: it says first that there is nothing more.
type behind struct{}

func (behind) ID() int                                               { return 0 }
func (behind) Bounds(context.Context) (first, next int64, err error) { return 0, 3, nil }
func (behind) Read(ctx context.Context, from int64, handle func([]schema.Record, int64) error) error {
	if err := handle(nil, 1); err != nil {
		return err
	}
	if err := handle([]schema.Record{{Offset: 1}, {Offset: 2}}, 3); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestDrained_EmptyBatchBeforeTheEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	d := &drained{Partition: behind{}, end: 3, done: cancel}
	var got []int64
	_ = d.Read(ctx, 1, func(batch []schema.Record, next int64) error {
		for _, r := range batch {
			got = append(got, r.Offset)
		}
		return nil
	})
	require.Equal(t, []int64{1, 2}, got)
}
