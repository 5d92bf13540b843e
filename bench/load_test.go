package bench

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/ingest/simulate"
	"floorwalker/internal/kafkatest"
	"floorwalker/schema"
)

// The load: so many contact centres of so many agents, from ten in the morning on. All of it is a function of the seed.
const (
	loadCenters    = 8
	loadAgents     = 1250 // of each centre
	loadPartitions = 8
	loadSeed       = 7
	loadEvents     = 500_000
	lateShare      = 0.2
	latest         = 10 * time.Second
	batchRecords   = 2000 // of a produce request, some 100 kB compressed
	eventsVariable = "FLOORWALKER_BENCH_EVENTS"
)

var loadStart = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// record is an event on its way to Kafka.
type record struct {
	arrival int64
	center  string
	value   []byte
}

// load is what the benchmark's topic holds.
type load struct {
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

// center is a simulator and the events it made last.
type center struct {
	id   string
	sim  *simulate.Simulator
	next []schema.Event
}

// records plays the centres side by side, each event at its own time but for the share that comes up to `latest` late.
func records(tb testing.TB, n int, late bool) []record {
	tb.Helper()
	var centers []*center
	for i := range loadCenters {
		c := &center{id: strconv.Itoa(i + 1)}
		sim, err := simulate.New(simulate.Config{ContactCenter: c.id, Agents: loadAgents, Seed: loadSeed + uint64(i), Start: loadStart})
		require.NoError(tb, err)
		c.sim, c.next = sim, slices.Clone(sim.Next())
		centers = append(centers, c)
	}
	rng := rand.New(rand.NewPCG(loadSeed, 1))
	out := make([]record, 0, n)
	for len(out) < n {
		c := slices.MinFunc(centers, func(a, b *center) int { return cmp.Compare(a.next[0].Time, b.next[0].Time) })
		for i := range c.next {
			ev := &c.next[i]
			r := record{arrival: ev.Time, center: c.id, value: schema.AppendStructured(nil, ev)}
			if late && rng.Float64() < lateShare {
				r.arrival += rng.Int64N(latest.Milliseconds() + 1)
			}
			out = append(out, r)
		}
		c.next = append(c.next[:0], c.sim.Next()...)
	}
	out = out[:n]
	slices.SortStableFunc(out, func(a, b record) int { return cmp.Compare(a.arrival, b.arrival) })
	return out
}

// produce writes the load into a topic of its own, in large compressed batches, with Kafka's default partitioning.
func produce(tb testing.TB, broker *kafkatest.Broker, n int, late bool) load {
	tb.Helper()
	l := load{topic: fmt.Sprintf("cc.events.late-%t", late), events: n}
	broker.CreateTopic(l.topic, loadPartitions, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "-1"},
		kafka.ConfigEntry{ConfigName: "max.message.bytes", ConfigValue: "10000000"})
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(broker.Addr()), Timeout: 30 * time.Second, Transport: transport}
	batches := make([][]kafka.Record, loadPartitions)
	send := func(p int) {
		if len(batches[p]) == 0 {
			return
		}
		answer, err := client.Produce(context.Background(), &kafka.ProduceRequest{Topic: l.topic, Partition: p, RequiredAcks: kafka.RequireAll,
			Compression: kafka.Lz4, Records: kafka.NewRecordReader(batches[p]...)})
		// Not tried again: a request that failed may have been stored, and the runs count on every event being there once.
		require.NoError(tb, err, "produce to %s/%d", l.topic, p)
		require.NoError(tb, answer.Error, "produce to %s/%d", l.topic, p)
		batches[p] = batches[p][:0]
	}
	for _, r := range records(tb, n, late) {
		p := schema.Murmur2Partition([]byte(r.center), loadPartitions)
		batches[p] = append(batches[p], kafka.Record{Key: kafka.NewBytes([]byte(r.center)), Value: kafka.NewBytes(r.value), Time: time.UnixMilli(r.arrival)})
		l.bytes += int64(len(r.center) + len(r.value))
		if len(batches[p]) == batchRecords {
			send(p)
		}
	}
	for p := range batches {
		send(p)
	}
	return l
}
