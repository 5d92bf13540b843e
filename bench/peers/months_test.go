package peers

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/bench/load"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/internal/program"
	"floorwalker/schema"
	sink "floorwalker/schema/clickhouse"
)

// A replay of months lets contact centres drift apart in event time, in one partition and between partitions, by as much as they like:
// here each centre's 60 days come when those of the one before are stored. (Kafka Streams loses what its grace does not cover then.)
// Nothing is lost: all events, all interactions with their ends, all visits, and all that was counted.
func TestReplayOfMonths_NothingLost(t *testing.T) {
	const centers, parts = 3, 2
	start := time.Date(2026, 1, 5, 6, 0, 0, 0, time.UTC)
	records, err := load.Records(load.Config{Centers: centers, Agents: 8, Rate: 1, Seed: 3, Start: start, End: start.AddDate(0, 0, 60)})
	require.NoError(t, err)
	phases := map[string][]load.Record{}
	for _, r := range records {
		phases[r.Center] = append(phases[r.Center], r)
	}
	place := func(center string) int { return schema.Murmur2Partition([]byte(center), parts) }
	require.Equal(t, place("1"), place("3"), "two of them share a partition")
	require.NotEqual(t, place("1"), place("2"), "and one is in another")

	broker := kafkatest.Embedded(t)
	broker.CreateTopic(topic, parts, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "-1"})
	conn, name := clickhousetest.Database(t)
	server := clickhousetest.Start(t)
	migrated, err := sink.Connect(sink.Config{Addresses: []string{server.Addr()}, Database: name})
	require.NoError(t, err)
	t.Cleanup(func() { _ = migrated.Close() })
	_, err = sink.Migrate(t.Context(), migrated, sink.Options{})
	require.NoError(t, err)

	ended := make(chan error, 1)
	work := task{Peer: floorwalkerWorker, Broker: broker.Addr(), Topic: topic, Records: len(records), Native: server.Addr(), Database: name}
	go func() { ended <- work.do(t.Context(), &marks{out: &bytes.Buffer{}, total: int64(len(records))}) }()
	stored := 0
	for _, center := range []string{"1", "2", "3"} {
		_, err := load.Produce(t.Context(), broker.Addr(), topic, parts, phases[center])
		require.NoError(t, err)
		stored += len(phases[center])
		program.Eventually(t, time.Minute, "all of centre "+center+" is stored", func() string {
			if n := count(t, conn, "SELECT count() FROM events"); n < stored {
				return fmt.Sprintf("%d of %d", n, stored)
			}
			return ""
		})
	}
	require.NoError(t, <-ended)

	want := oracle(t, records)
	got, err := readCells(t.Context(), conn, workerAnswer)
	require.NoError(t, err)
	require.NoError(t, got.Equal(want))
	interactions, ends := map[string]bool{}, 0
	for _, r := range records {
		switch {
		case r.Type == schema.InteractionEnded:
			ends++
		case r.Type.OfInteraction():
			interactions[r.Center+"/"+r.Subject] = true
		}
	}
	require.Equal(t, len(interactions), count(t, conn, "SELECT count() FROM interactions FINAL WHERE NOT deleted"))
	require.Equal(t, ends, count(t, conn, "SELECT count() FROM interactions FINAL WHERE NOT deleted AND ended IS NOT NULL AND end_reason != 'expired'"))
	require.Equal(t, total(want, func(c Cell) int64 { return c.Offered }), count(t, conn, "SELECT count() FROM queue_visits FINAL WHERE NOT deleted AND kind = 'first'"))
	require.Equal(t, total(want, func(c Cell) int64 { return c.Abandoned }),
		count(t, conn, "SELECT count() FROM queue_visits FINAL WHERE NOT deleted AND kind = 'first' AND outcome = 'abandoned'"))
	t.Logf("%d events, %d interactions, %d cells", len(records), len(interactions), len(want))
}

func total(cells Cells, of func(Cell) int64) (sum int) {
	for _, c := range cells {
		sum += int(of(c))
	}
	return sum
}

func count(t *testing.T, conn driver.Conn, query string) int {
	t.Helper()
	var n uint64
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n))
	return int(n)
}
