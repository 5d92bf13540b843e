package ingest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"floorwalker/internal/kafkatest"
	"floorwalker/schema"
)

// shared is the Apache Kafka that TestApacheKafka lends to the tests that it runs again.
var shared atomic.Pointer[kafkatest.Broker]

// topics numbers the tests' topics: on a shared broker each test has its own.
var topics atomic.Int64

// startBroker runs a broker that speaks the Kafka protocol and returns its address.
func startBroker(t testing.TB, opts ...kfake.Opt) string {
	t.Helper()
	if b := shared.Load(); b != nil {
		return b.Addr()
	}
	return startEmbedded(t, opts...)
}

func startEmbedded(t testing.TB, opts ...kfake.Opt) string {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// Apache Kafka itself keeps the promises that the other tests check with the embedded broker.
func TestApacheKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	shared.Store(kafkatest.Start(t))
	defer shared.Store(nil)
	for name, test := range map[string]func(*testing.T){
		"compressions":       TestRead_EveryCompression_RecordsAsWritten,
		"resume":             TestRead_FromTheMiddleOfABatch_NothingBefore,
		"null":               TestRead_NullAndEmpty_StayApart,
		"end":                TestRead_AtTheEnd_SaysSoWithoutSpinningAndGoesOn,
		"out of range":       TestRead_OffsetOutOfRange_ErrorHasTheBounds,
		"transactions":       TestRead_Transactions_OnlyCommittedRecords,
		"large record":       TestRead_TenMegabyteRecord_IsRead,
		"other clients":      TestRead_CompressedByOtherClients_RecordsAsWritten,
		"compacted":          testCompactedByApacheKafka,
		"topic created late": TestGroup_TopicCreatedLate_IsOwned,
		"group":              TestGroup_SecondMemberJoinsAndLeaves_NothingMissing,
		"fenced":             TestGroup_CommitOfAnEndedGeneration_IsFenced,
		"more partitions":    TestGroup_PartitionsAdded_AreOwned,
		"producer":           TestProducer_PartitionsAndOffsets_AreWhereTheRecordsLie,
		"producer too large": TestProducer_RecordTooLarge_OnlyItFails,
		"dead letters":       TestDeadLetters_KeepTheRecordAndSayWhy,
		"dead letter cut":    TestDeadLetters_TooLarge_IsCut,
		"directory":          TestDirectoryReader_ReadsAllAndFollows,
	} {
		t.Run(name, test)
	}
}

func testConfig(addr string) Config {
	cfg := DefaultConfig()
	cfg.Brokers = []string{addr}
	cfg.FetchWait = 50 * time.Millisecond
	cfg.RequestTimeout = 3 * time.Second
	cfg.DialTimeout = 2 * time.Second
	cfg.WriteTimeout = 5 * time.Second
	return cfg
}

func newClient(t testing.TB, cfg Config) *Client {
	t.Helper()
	c, err := NewClient(cfg, metrics.NewSet(), slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// makeTopic creates a topic and returns its name.
func (c *Client) makeTopic(t testing.TB, partitions int, config ...string) string {
	t.Helper()
	cfg := kafka.TopicConfig{Topic: fmt.Sprintf("topic-%d", topics.Add(1)), NumPartitions: partitions, ReplicationFactor: 1}
	for i := 0; i < len(config); i += 2 {
		cfg.ConfigEntries = append(cfg.ConfigEntries, kafka.ConfigEntry{ConfigName: config[i], ConfigValue: config[i+1]})
	}
	require.NoError(t, c.ensureTopic(testContext(t), cfg))
	return cfg.Topic
}

// produce writes values "0", "1", … to one partition in one request.
func (c *Client) produce(t testing.TB, topic string, partition, from, n int, codec kafka.Compression) {
	t.Helper()
	records := make([]kafka.Record, n)
	for i := range records {
		records[i] = kafka.Record{
			Key: kafka.NewBytes(fmt.Appendf(nil, "k%d", from+i)), Value: kafka.NewBytes(fmt.Appendf(nil, "%d", from+i)),
			Time:    time.UnixMilli(1_700_000_000_000 + int64(from+i)),
			Headers: []kafka.Header{{Key: "ce_id", Value: fmt.Appendf(nil, "id%d", from+i)}, {Key: "empty", Value: nil}},
		}
	}
	c.produceRecords(t, topic, partition, codec, records...)
}

func (c *Client) produceRecords(t testing.TB, topic string, partition int, codec kafka.Compression, records ...kafka.Record) int64 {
	t.Helper()
	res, err := c.kafka.Produce(testContext(t), &kafka.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(records...), Compression: codec})
	require.NoError(t, err)
	require.NoError(t, res.Error)
	return res.BaseOffset
}

var errEnough = fmt.Errorf("enough")

// readUntilEnd reads from an offset until an empty batch comes, and returns copies.
func readUntilEnd(t testing.TB, p *Partition, from int64) (records []schema.Record, end int64) {
	t.Helper()
	return readUntilTheEnd(t, p, from, 0)
}

// readUntilTheEnd does not believe in an end below atLeast.
func readUntilTheEnd(t testing.TB, p *Partition, from, atLeast int64) (records []schema.Record, end int64) {
	t.Helper()
	err := p.Read(testContext(t), from, func(batch []schema.Record, next int64) error {
		if len(batch) == 0 {
			if next < atLeast {
				return nil
			}
			end = next
			return errEnough
		}
		for _, rec := range batch {
			records = append(records, cloneRecord(rec))
		}
		return nil
	})
	require.ErrorIs(t, err, errEnough)
	return records, end
}

func cloneRecord(rec schema.Record) schema.Record {
	rec.Key, rec.Value = append([]byte(nil), rec.Key...), append([]byte(nil), rec.Value...)
	headers := rec.Headers
	rec.Headers = nil
	for _, h := range headers {
		rec.Headers = append(rec.Headers, schema.Header{Key: h.Key, Value: append([]byte(nil), h.Value...)})
	}
	return rec
}

func offsets(records []schema.Record) []int64 {
	out := make([]int64, len(records))
	for i := range records {
		out[i] = records[i].Offset
	}
	return out
}

// proxy stands between a client and a broker whose address it takes on, so that connections can be cut and the broker be away.
type proxy struct {
	ln     net.Listener
	target string
	mu     sync.Mutex
	down   bool
	frozen bool
	conns  map[net.Conn]bool
	wg     sync.WaitGroup
}

// proxiedBroker starts a broker that tells clients to come through the proxy.
func proxiedBroker(t testing.TB, opts ...kfake.Opt) *proxy {
	t.Helper()
	p := &proxy{conns: map[net.Conn]bool{}}
	var err error
	p.ln, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := p.ln.Addr().(*net.TCPAddr).Port
	// The broker names the port it was given, and listens on another one.
	opts = append(opts, kfake.Ports(port), kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		inner, err := net.Listen(network, "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		p.target = inner.Addr().String()
		return namedListener{inner, p.ln.Addr()}, nil
	}))
	startEmbedded(t, opts...)
	p.wg.Add(1)
	go p.serve()
	t.Cleanup(func() {
		p.ln.Close()
		p.cut()
		p.wg.Wait()
	})
	return p
}

type namedListener struct {
	net.Listener
	name net.Addr
}

func (l namedListener) Addr() net.Addr { return l.name }

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) serve() {
	defer p.wg.Done()
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		out, err := net.Dial("tcp", p.target)
		if down || err != nil {
			in.Close()
			if err == nil {
				out.Close()
			}
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		p.mu.Unlock()
		p.wg.Add(2)
		go p.pipe(in, out, false)
		go p.pipe(out, in, true)
	}
}

func (p *proxy) pipe(from, to net.Conn, answers bool) {
	defer p.wg.Done()
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		frozen := p.frozen && answers
		p.mu.Unlock()
		if frozen {
			continue
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.cut()
	}
}

func (p *proxy) setFrozen(frozen bool) {
	p.mu.Lock()
	p.frozen = frozen
	p.mu.Unlock()
}
