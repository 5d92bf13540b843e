package broker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/broker"
)

const dirEnv = "FLOORWALKER_TEST_BROKER" // this process is a broker to be killed; the value is its data directory

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirEnv); dir != "" {
		beBroker(dir)
	}
	os.Exit(m.Run())
}

func beBroker(dir string) {
	b, err := broker.Start(broker.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("address", b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // ends with the test
	os.Exit(0)
}

// startChild runs a broker in a process of its own; kill is SIGKILL and waits.
func startChild(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), dirEnv+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "address ")
	require.True(t, ok, line)
	return addr, kill
}

func startBroker(t *testing.T, cfg broker.Config) *broker.Broker {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := broker.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// client opens its own connections: the shared default transport would remember a broker that was killed.
func client(t *testing.T, addr string) *kafka.Client {
	tr := &kafka.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &kafka.Client{Addr: kafka.TCP(addr), Timeout: 10 * time.Second, Transport: tr}
}

func createTopic(t *testing.T, addr, topic string, partitions int, config ...kafka.ConfigEntry) error {
	t.Helper()
	r, err := client(t, addr).CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{
		{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: config},
	}})
	require.NoError(t, err)
	return r.Errors[topic]
}

// produce writes values from..to-1 to partition i mod partitions, acknowledged by all.
func produce(t *testing.T, addr, topic string, from, to int, compression kafka.Compression) {
	t.Helper()
	tr := &kafka.Transport{}
	defer tr.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(addr), Topic: topic, RequiredAcks: kafka.RequireAll, Compression: compression, Transport: tr,
		BatchTimeout: time.Millisecond, BatchSize: 100,
		Balancer: kafka.BalancerFunc(func(m kafka.Message, partitions ...int) int { return int(m.Key[0]) % len(partitions) }),
	}
	defer w.Close()
	var messages []kafka.Message
	for i := from; i < to; i++ {
		messages = append(messages, kafka.Message{
			Key: []byte{byte(i)}, Value: fmt.Appendf(nil, "value %d", i), Headers: []kafka.Header{{Key: "h", Value: []byte("1")}},
		})
	}
	require.NoError(t, w.WriteMessages(t.Context(), messages...))
}

// readPartition reads from offset to the end of the partition with ReadBatchWith, as the workers do.
func readPartition(t *testing.T, addr, topic string, partition int, offset int64) []string {
	t.Helper()
	conn, err := kafka.DialLeader(t.Context(), "tcp", addr, topic, partition)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, last, err := conn.ReadOffsets()
	require.NoError(t, err)
	_, err = conn.Seek(offset, kafka.SeekAbsolute|kafka.SeekDontCheck)
	require.NoError(t, err)
	var values []string
	for offset < last {
		batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond})
		for {
			m, err := batch.ReadMessage()
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) || errors.Is(err, kafka.RequestTimedOut), "%v", err)
				break
			}
			require.Equal(t, offset, m.Offset, "gap")
			offset++
			values = append(values, string(m.Value))
		}
		_ = batch.Close()
	}
	return values
}

func requireValues(t *testing.T, addr, topic string, partitions, n int) {
	t.Helper()
	seen := map[string]int{}
	for p := range partitions {
		for _, v := range readPartition(t, addr, topic, p, 0) {
			seen[v]++
		}
	}
	require.Len(t, seen, n)
	for i := range n {
		require.Equal(t, 1, seen[fmt.Sprintf("value %d", i)], "value %d", i)
	}
}

// commit joins a consumer group the way the workers do and commits the offsets for topic.
func commit(t *testing.T, addr, group, topic string, offsets map[int]int64) {
	t.Helper()
	g, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: []string{addr}, Topics: []string{topic},
		SessionTimeout: 6 * time.Second, HeartbeatInterval: 300 * time.Millisecond, JoinGroupBackoff: 50 * time.Millisecond,
	})
	require.NoError(t, err)
	defer g.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	generation, err := g.Next(ctx)
	require.NoError(t, err)
	require.Len(t, generation.Assignments[topic], len(offsets))
	require.NoError(t, generation.CommitOffsets(map[string]map[int]int64{topic: offsets}))
}

func committed(t *testing.T, addr, group, topic string, partition int) int64 {
	t.Helper()
	r, err := client(t, addr).OffsetFetch(t.Context(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: {partition}}})
	require.NoError(t, err)
	require.NoError(t, r.Error)
	return r.Topics[topic][0].CommittedOffset
}

// Whatever was acknowledged before SIGKILL is there afterwards, and numbering goes on: after a first life, after a life that
// began from a crash, and after one that began from a clean close (whose snapshot the crash makes stale).
func TestKilled_RecordsTopicsAndOffsetsSurvive(t *testing.T) {
	dir := t.TempDir()
	const n = 600
	for round := range 3 {
		addr, kill := startChild(t, dir)
		if round == 0 {
			require.NoError(t, createTopic(t, addr, "events", 3, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "3600000"}))
		}
		requireValues(t, addr, "events", 3, round*n)
		produce(t, addr, "events", round*n, (round+1)*n, kafka.Lz4)
		offset := int64(round+1) * 10
		commit(t, addr, "workers", "events", map[int]int64{0: offset, 1: offset + 1, 2: offset + 2})
		kill()

		addr, kill = startChild(t, dir)
		requireValues(t, addr, "events", 3, (round+1)*n)
		require.Equal(t, "3600000", topicSetting(t, addr, "events", "retention.ms"))
		for p := range 3 {
			require.Equal(t, offset+int64(p), committed(t, addr, "workers", "events", p))
		}
		kill()

		b, err := broker.Start(broker.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.NoError(t, b.Close())
	}
}

// The kill hits while batches are being written: none that was acknowledged may be missing, and none may be torn.
func TestKilledWhileProducing_AcknowledgedRecordsSurvive(t *testing.T) {
	dir := t.TempDir()
	addr, kill := startChild(t, dir)
	require.NoError(t, createTopic(t, addr, "events", 1))
	acknowledged := make(chan int, 1<<20)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		writeUntilError(addr, acknowledged)
	}()
	for range 500 {
		<-acknowledged
	}
	kill()
	<-ended
	last := 499
	for len(acknowledged) > 0 {
		last = <-acknowledged
	}

	addr, _ = startChild(t, dir)
	values := readPartition(t, addr, "events", 0, 0)
	require.GreaterOrEqual(t, len(values), last+1)
	for i, v := range values {
		require.Equal(t, fmt.Sprintf("value %d", i), v)
	}
}

// writeUntilError produces one record at a time and reports each that was acknowledged.
func writeUntilError(addr string, acknowledged chan<- int) {
	tr := &kafka.Transport{}
	defer tr.CloseIdleConnections()
	c := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 5 * time.Second, Transport: tr}
	for i := 0; i < cap(acknowledged); i++ {
		r, err := c.Produce(context.Background(), &kafka.ProduceRequest{
			Topic: "events", RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(fmt.Appendf(nil, "value %d", i))}),
		})
		if err != nil || r.Error != nil {
			return
		}
		acknowledged <- i
	}
}

func TestClosed_EverythingSurvives(t *testing.T) {
	dir := t.TempDir()
	b := startBroker(t, broker.Config{Dir: dir, Sync: true})
	require.NoError(t, createTopic(t, b.Addr(), "events", 2))
	produce(t, b.Addr(), "events", 0, 100, 0)
	commit(t, b.Addr(), "workers", "events", map[int]int64{0: 7, 1: 8})
	require.NoError(t, b.Close())
	require.NoError(t, b.Close(), "twice is fine")

	b = startBroker(t, broker.Config{Dir: dir})
	requireValues(t, b.Addr(), "events", 2, 100)
	require.EqualValues(t, 8, committed(t, b.Addr(), "workers", "events", 1))
	produce(t, b.Addr(), "events", 100, 200, 0)
	requireValues(t, b.Addr(), "events", 2, 200)
}

func TestEveryCompression_ReadBack(t *testing.T) {
	b := startBroker(t, broker.Config{Dir: t.TempDir()})
	for i, c := range []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		if i == 0 {
			require.NoError(t, createTopic(t, b.Addr(), "events", 2))
		}
		produce(t, b.Addr(), "events", i*50, (i+1)*50, c)
	}
	requireValues(t, b.Addr(), "events", 2, 250)
}

func topicSetting(t *testing.T, addr, topic, name string) string {
	t.Helper()
	r, err := client(t, addr).DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
		{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic},
	}})
	require.NoError(t, err)
	require.NoError(t, r.Resources[0].Error)
	for _, e := range r.Resources[0].ConfigEntries {
		if e.ConfigName == name {
			return e.ConfigValue
		}
	}
	return ""
}

func TestListOffsets_FirstLastAndByTime(t *testing.T) {
	b := startBroker(t, broker.Config{Dir: t.TempDir()})
	require.NoError(t, createTopic(t, b.Addr(), "events", 1))
	start := time.Now()
	produce(t, b.Addr(), "events", 0, 30, 0)
	r, err := client(t, b.Addr()).ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		"events": {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0), kafka.TimeOffsetOf(0, start.Add(-time.Hour))},
	}})
	require.NoError(t, err)
	p := r.Topics["events"][0]
	require.NoError(t, p.Error)
	require.EqualValues(t, 0, p.FirstOffset)
	require.EqualValues(t, 30, p.LastOffset)
	require.Contains(t, p.Offsets, int64(0))
}

func TestOffsetOutOfRange_Reported(t *testing.T) {
	b := startBroker(t, broker.Config{Dir: t.TempDir()})
	require.NoError(t, createTopic(t, b.Addr(), "events", 1))
	conn, err := kafka.DialLeader(t.Context(), "tcp", b.Addr(), "events", 0)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Seek(1<<40, kafka.SeekAbsolute|kafka.SeekDontCheck)
	require.NoError(t, err)
	batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 50 * time.Millisecond})
	_, err = batch.ReadMessage()
	require.ErrorIs(t, err, kafka.OffsetOutOfRange)
}

// The limit that the package's documentation admits. When kfake learns to enforce it, the documentation must change.
func TestRecordFromTheFuture_AcceptedWhateverTheTopicSays(t *testing.T) {
	b := startBroker(t, broker.Config{Dir: t.TempDir()})
	limit := kafka.ConfigEntry{ConfigName: "message.timestamp.after.max.ms", ConfigValue: "3600000"}
	require.NoError(t, createTopic(t, b.Addr(), "limited", 1, limit))
	future := time.Now().Add(48 * time.Hour)
	r, err := client(t, b.Addr()).Produce(t.Context(), &kafka.ProduceRequest{
		Topic: "limited", RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Time: future, Value: kafka.NewBytes([]byte("tomorrow"))}),
	})
	require.NoError(t, err)
	require.NoError(t, r.Error)
	require.Empty(t, r.RecordErrors)
	require.Equal(t, []string{"tomorrow"}, readPartition(t, b.Addr(), "limited", 0, 0))
}

func TestTopicWithoutPartitions_GetsTheDefault(t *testing.T) {
	b := startBroker(t, broker.Config{Dir: t.TempDir(), Partitions: 5})
	require.NoError(t, createTopic(t, b.Addr(), "events", -1))
	r, err := client(t, b.Addr()).Metadata(t.Context(), &kafka.MetadataRequest{Topics: []string{"events"}})
	require.NoError(t, err)
	require.Len(t, r.Topics[0].Partitions, 5)
	host := fmt.Sprintf("%s:%d", r.Brokers[0].Host, r.Brokers[0].Port)
	require.Equal(t, b.Addr(), host, "advertised where it listens")
}

func TestSecondBrokerOnOneDirectory_Refused(t *testing.T) {
	dir := t.TempDir()
	startBroker(t, broker.Config{Dir: dir})
	_, err := broker.Start(broker.Config{Dir: dir})
	require.ErrorContains(t, err, "another broker uses this directory")
}

func TestImpossibleConfig_Refused(t *testing.T) {
	for want, cfg := range map[string]broker.Config{
		"Dir is empty":           {},
		"not a loopback address": {Dir: t.TempDir(), Addr: "0.0.0.0:0"},
		"Addr":                   {Dir: t.TempDir(), Addr: "127.0.0.1:http or so"},
		"Partitions -1":          {Dir: t.TempDir(), Partitions: -1},
	} {
		_, err := broker.Start(cfg)
		require.ErrorContains(t, err, want)
	}
}
