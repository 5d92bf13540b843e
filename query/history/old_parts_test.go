package history

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// meter adds up what ClickHouse says of its queries under a profile event.
type meter struct {
	Conn
	event string
	sum   atomic.Int64
}

func (c *meter) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	return c.Conn.Query(ch.Context(ctx, ch.WithProfileEvents(func(events []ch.ProfileEvent) {
		for _, e := range events {
			if e.Name == c.event {
				c.sum.Add(e.Value)
			}
		}
	})), query, args...)
}

// Of parts that began before the range those are read that lie about one which reaches into it, not all there ever were.
func TestParts_OfYearsFewAreRead(t *testing.T) {
	f := newFloor(t)
	const old, from, to = 100_000, 399 * dayMs, 400 * dayMs
	part := func(i int, start, finished int64) schema.Part {
		return schema.Part{ContactCenter: center, Agent: "a", Interaction: "i" + strconv.Itoa(i), Start: start, Finished: finished, Ended: finished,
			Segments: []schema.Segment{{State: schema.StateConnected, Since: start, Until: finished, Role: schema.RoleAgent}}}
	}
	var rows []schema.Part
	for i := range old {
		start := from - dayMs + int64(i)*(dayMs-minuteMs)/old
		rows = append(rows, part(i, start, start+1000))
	}
	rows[5] = part(5, rows[5].Start, schema.Open)
	rows[old-5] = part(old-5, rows[old-5].Start, from+minuteMs)
	f.parts(1, rows...)
	f.progress(1, to)
	read := &meter{Conn: f.conn, event: "SelectedRows"}
	reader := New(read, metric.NewCatalogue(), Config{})

	line, err := reader.Timeline(context.Background(), center, "a", from, to)
	require.NoError(t, err)
	require.Len(t, line.Parts, 2)
	require.Less(t, read.sum.Swap(0), int64(old/2))

	n := 0
	require.NoError(t, reader.EachPart(context.Background(), Agents{ContactCenter: center, IDs: []string{"a"}, From: from, To: to}, func(*schema.Part) error {
		n++
		return nil
	}))
	require.Equal(t, 2, n)
	require.Less(t, read.sum.Swap(0), int64(old/2))

	result, err := reader.Metrics(context.Background(), Query{ContactCenter: center, From: from, To: to, Metrics: []string{"concurrency"}})
	require.NoError(t, err)
	require.EqualValues(t, dayMs+minuteMs, result.Rows[0].Totals(metric.FamilyAgent).ConnectedMs)
	require.Less(t, read.sum.Load(), int64(old/2))
}
