// Package kafkatest gives tests a broker: a real Apache Kafka (Start) or the embedded one (Embedded), behind the same type,
// so that one test body runs on both (Each).
//
// Start needs Java 17 or later, and Maven once, to fetch Kafka's jars into the user's cache. Where they are missing the test
// is skipped, with a message that says so; in CI (environment CI=true) it fails.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/broker"
)

// Broker is a single node on loopback that ends with its test. Auto-creation of topics is off; sessions of one second are
// allowed; the first rebalance is not delayed.
type Broker struct {
	t       testing.TB
	backend backend
}

// backend is what the two kinds do differently. start returns once the broker answers; kill returns once it is gone.
type backend interface {
	start() error
	kill()
	stop()
	address() (main, behind string)
}

// Addr is the host:port to bootstrap from; it stays the same across Kill and Restart.
func (b *Broker) Addr() string {
	main, _ := b.backend.address()
	return main
}

// Behind is the second way in, of StartBehind.
func (b *Broker) Behind() string {
	_, behind := b.backend.address()
	return behind
}

// Kill ends the broker at once. Apache Kafka gets SIGKILL; the embedded broker, which lives in this process, cuts its
// connections and closes (internal/broker's own tests kill it for real).
func (b *Broker) Kill() { b.backend.kill() }

// Restart brings the broker back after Kill, on the same data and address, and returns once it answers.
func (b *Broker) Restart() {
	b.t.Helper()
	require.NoError(b.t, b.backend.start())
}

// CreateTopic creates a topic and returns once every partition has a leader that answers.
func (b *Broker) CreateTopic(topic string, partitions int, config ...kafka.ConfigEntry) {
	b.t.Helper()
	client, idle := newClient(b.Addr())
	defer idle()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := false // what an attempt without an answer has made is ours
	require.NoError(b.t, poll(ctx, func() error {
		r, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
			{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: config},
		}})
		if err == nil {
			err = r.Errors[topic]
		}
		if again && errors.Is(err, kafka.TopicAlreadyExists) {
			return nil
		}
		again = true
		return err
	}), "create topic %s", topic)
	require.NoError(b.t, poll(ctx, func() error { return ready(ctx, client, topic, partitions) }), "topic %s", topic)
}

// ready asks the partitions' leaders: right after its creation a partition answers NotLeaderForPartition for a while.
func ready(ctx context.Context, client *kafka.Client, topic string, partitions int) error {
	var ask []kafka.OffsetRequest
	for p := range partitions {
		ask = append(ask, kafka.LastOffsetOf(p))
	}
	r, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
	if err != nil {
		return err
	}
	for _, p := range r.Topics[topic] {
		err = errors.Join(err, p.Error)
	}
	if err == nil && len(r.Topics[topic]) != partitions {
		err = fmt.Errorf("%d of %d partitions answered", len(r.Topics[topic]), partitions)
	}
	return err
}

// Each runs the test on the embedded broker and on Apache Kafka.
func Each(t *testing.T, test func(t *testing.T, b *Broker)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { test(t, Embedded(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, Start(t)) })
}

// Embedded starts internal/broker in a temporary directory.
func Embedded(t testing.TB) *Broker {
	t.Helper()
	e := &embedded{cfg: broker.Config{
		Dir: t.TempDir(),
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}}
	require.NoError(t, e.start())
	t.Cleanup(e.stop)
	return &Broker{t: t, backend: e}
}

type embedded struct {
	cfg    broker.Config
	broker *broker.Broker
}

func (e *embedded) start() error {
	b, err := broker.Start(e.cfg)
	if err != nil {
		return err
	}
	e.broker, e.cfg.Addr = b, b.Addr()
	return nil
}

func (e *embedded) address() (main, behind string) { return e.cfg.Addr, "" }

func (e *embedded) kill() { e.stop() }
func (e *embedded) stop() { _ = e.broker.Close() }

// newClient has connections of its own: the shared default transport would remember brokers of other tests.
func newClient(addr string) (client *kafka.Client, closeIdle func()) {
	tr := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	return &kafka.Client{Addr: kafka.TCP(addr), Timeout: 5 * time.Second, Transport: tr}, tr.CloseIdleConnections
}

// poll calls ask until it succeeds or ctx ends, and then returns its last error.
func poll(ctx context.Context, ask func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// unavailable ends the test: a skip on a developer's machine that lacks the tool, a failure in CI.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" || !errors.Is(err, errMissing) {
		t.Fatal(err)
	}
	t.Skip(err)
}
