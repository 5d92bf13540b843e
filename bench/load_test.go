package bench

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/bench/load"
	"floorwalker/internal/kafkatest"
)

const (
	loadPartitions = 8
	loadEvents     = 500_000
	lateShare      = 0.2
	latest         = 10 * time.Second
	eventsVariable = "FLOORWALKER_BENCH_EVENTS"
)

// topicLoad is what the benchmark's topic holds.
type topicLoad struct {
	topic  string
	events int
	bytes  int64 // of keys and values, uncompressed
}

func eventCount(tb testing.TB) int {
	text := os.Getenv(eventsVariable)
	if text == "" {
		return loadEvents
	}
	n, err := strconv.Atoi(text)
	require.NoError(tb, err, eventsVariable)
	require.Positive(tb, n, eventsVariable)
	return n
}

// produce writes the floor into a topic of its own; late: a share of the events comes up to `latest` late.
func produce(tb testing.TB, broker *kafkatest.Broker, n int, late bool) topicLoad {
	tb.Helper()
	l := topicLoad{topic: fmt.Sprintf("cc.events.late-%t", late), events: n}
	broker.CreateTopic(l.topic, loadPartitions, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "-1"},
		kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "10000000"})
	cfg := load.Floor(n)
	if late {
		cfg.LateShare, cfg.Latest = lateShare, latest
	}
	records, err := load.Records(cfg)
	require.NoError(tb, err)
	l.bytes, err = load.Produce(tb.Context(), broker.Addr(), l.topic, loadPartitions, records)
	require.NoError(tb, err)
	return l
}
