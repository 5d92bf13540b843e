package ingest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"floorwalker/schema"
)

// A message lies where Write says, and its partition is the one that Kafka's default partitioner chooses.
func TestProducer_PartitionsAndOffsets_AreWhereTheRecordsLie(t *testing.T) {
	cfg := testConfig(startBroker(t))
	cfg.MaxBatchBytes = 2000
	c := newClient(t, cfg)
	const partitions = 5
	ev := c.makeTopic(t, partitions)
	p := c.Producer()
	defer p.Close()

	var mu sync.Mutex
	where := map[Position]string{}
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 1))
			for call := range 10 {
				var msgs []Message
				for i := range 1 + rnd.IntN(20) {
					msgs = append(msgs, Message{Topic: ev, Key: fmt.Appendf(nil, "cc%d", rnd.IntN(50)), Time: 1_700_000_000_000,
						Value: fmt.Appendf(nil, "%d-%d-%d", w, call, i), Headers: []schema.Header{{Key: "h", Value: []byte("v")}}})
				}
				at, err := p.Write(testContext(t), msgs)
				mu.Lock()
				for i := range msgs {
					where[at[i]] = string(msgs[i].Value)
				}
				mu.Unlock()
				if err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	writers.Wait()

	all, found := []int{0, 1, 2, 3, 4}, 0
	for id := range partitions {
		records, _ := readUntilEnd(t, c.Partition(ev, id), 0)
		for _, rec := range records {
			require.Equal(t, where[Position{ev, id, rec.Offset}], string(rec.Value))
			require.Equal(t, id, kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: rec.Key}, all...))
			require.EqualValues(t, 1_700_000_000_000, rec.Timestamp)
			require.Equal(t, []schema.Header{{Key: "h", Value: []byte("v")}}, rec.Headers)
			found++
		}
	}
	require.Equal(t, len(where), found)
}

// Records of one key stay in the order in which they were written, across requests.
func TestProducer_OneKey_OrderIsKept(t *testing.T) {
	cfg := testConfig(startBroker(t))
	cfg.MaxBatchBytes = 300
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 3)
	p := c.Producer()
	defer p.Close()
	n := 0
	for range 5 {
		var msgs []Message
		for range 40 {
			msgs = append(msgs, Message{Topic: ev, Key: []byte("6"), Value: strconv.AppendInt(nil, int64(n), 10)})
			n++
		}
		_, err := p.Write(testContext(t), msgs)
		require.NoError(t, err)
	}
	records, _ := readUntilEnd(t, c.Partition(ev, schema.Murmur2Partition([]byte("6"), 3)), 0)
	require.Len(t, records, n)
	for i, rec := range records {
		require.Equal(t, strconv.Itoa(i), string(rec.Value))
	}
}

// A record that its topic does not take fails alone, and says why.
func TestProducer_RecordTooLarge_OnlyItFails(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1, "max.message.bytes", "2000")
	p := c.Producer()
	defer p.Close()
	msgs := make([]Message, 5)
	for i := range msgs {
		msgs[i] = Message{Topic: ev, Key: []byte("6"), Value: bytes.Repeat([]byte("x"), 800)}
	}
	msgs[2].Value = bytes.Repeat([]byte("x"), 3000)
	at, err := p.Write(testContext(t), msgs)
	var failed *WriteError
	require.ErrorAs(t, err, &failed)
	require.ErrorIs(t, err, ErrTooLarge)
	require.NotErrorIs(t, err, ErrUnavailable)
	for i := range msgs {
		require.Equal(t, i == 2, failed.Errs[i] != nil, "message %d", i)
		require.Equal(t, i == 2, at[i].Offset < 0)
	}
	records, _ := readUntilEnd(t, c.Partition(ev, 0), 0)
	require.Len(t, records, 4)
}

// Errors that pass are tried again until the acknowledgement comes; what cannot be written in time is ErrUnavailable.
func TestProducer_BrokerAway_RetriedThenUnavailable(t *testing.T) {
	px := proxiedBroker(t)
	cfg := testConfig(px.addr())
	cfg.WriteTimeout = 3 * time.Second
	cfg.RequestTimeout = time.Second
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	p := c.Producer()
	defer p.Close()
	one := []Message{{Topic: ev, Key: []byte("6"), Value: []byte("a")}}
	_, err := p.Write(testContext(t), one)
	require.NoError(t, err)

	px.setDown(true)
	done := make(chan error, 1)
	go func() {
		_, err := p.Write(testContext(t), one)
		done <- err
	}()
	require.Eventually(t, func() bool { return c.counters.writeRetries.Get() > 0 }, 10*time.Second, time.Millisecond)
	px.setDown(false)
	require.NoError(t, <-done)

	px.setDown(true)
	began := time.Now()
	at, err := p.Write(testContext(t), one)
	require.ErrorIs(t, err, ErrUnavailable)
	require.EqualValues(t, -1, at[0].Offset)
	require.Less(t, time.Since(began), 8*time.Second)
	px.setDown(false)
	records, _ := readUntilEnd(t, c.Partition(ev, 0), 0)
	require.GreaterOrEqual(t, len(records), 2)
}

// Once Kafka is known to be away, callers are told at once. What was refused
// is not stored later on, and the first write that comes through after its return is stored once.
func TestProducer_KafkaKnownToBeAway_RefusesAtOnce(t *testing.T) {
	px := proxiedBroker(t)
	cfg := testConfig(px.addr())
	cfg.WriteTimeout, cfg.RequestTimeout = 2*time.Second, 20*time.Second
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	p := c.Producer()
	defer p.Close()
	write := func(topic, value string) (time.Duration, error) {
		began := time.Now()
		_, err := p.Write(testContext(t), []Message{{Topic: topic, Key: []byte("6"), Value: []byte(value)}})
		return time.Since(began), err
	}
	_, err := write(ev, "before")
	require.NoError(t, err)
	px.setDown(true)
	const never = "cc.no-position-known"
	for _, topic := range []string{ev, never} {
		took, err := write(topic, "refused")
		require.ErrorIs(t, err, ErrUnavailable)
		require.GreaterOrEqual(t, took, cfg.WriteTimeout, "a broker that restarts is waited for")
		for range 5 {
			took, err = write(topic, "refused")
			require.ErrorIs(t, err, ErrUnavailable)
			require.Less(t, took, awayTimeout+awayTimeout/2)
		}
	}
	px.setDown(false)
	require.Eventually(t, func() bool { _, err := write(ev, "after"); return err == nil }, 10*time.Second, time.Millisecond)
	records, _ := readUntilEnd(t, c.Partition(ev, 0), 0)
	var got []string
	for _, rec := range records {
		got = append(got, string(rec.Value))
	}
	require.Equal(t, []string{"before", "after"}, got)
	require.False(t, p.queues[topicPartition{ev, 0}].away)
}

// A broker that takes requests and does not answer them holds nobody up for longer than once.
func TestProducer_BrokerSilent_NextCallersWaitASecond(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	cfg := testConfig(cluster.ListenAddrs()[0])
	cfg.WriteTimeout, cfg.RequestTimeout = 2*time.Second, 20*time.Second
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	silent := make(chan struct{})
	t.Cleanup(func() { close(silent) })
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() { <-silent })
		return nil, nil, false
	})
	p := c.Producer()
	defer p.Close()
	for i, most := range []time.Duration{cfg.WriteTimeout + awayTimeout, 2 * awayTimeout, 2 * awayTimeout} {
		began := time.Now()
		_, err = p.Write(testContext(t), []Message{{Topic: ev, Key: []byte("6"), Value: []byte("x")}})
		require.ErrorIs(t, err, ErrUnavailable)
		require.Less(t, time.Since(began), most, "call %d", i)
	}
}

// A broker that cannot store anything, as on a full disk, is as good as away: nothing is wrong with the message.
func TestProducer_BrokerCannotStore_Unavailable(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	cfg := testConfig(cluster.ListenAddrs()[0])
	cfg.WriteTimeout = 500 * time.Millisecond
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		res := req.(*kmsg.ProduceRequest).ResponseKind().(*kmsg.ProduceResponse)
		partition := kmsg.NewProduceResponseTopicPartition()
		partition.ErrorCode, partition.BaseOffset = kerr.UnknownServerError.Code, -1
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.Partitions = ev, append(topic.Partitions, partition)
		res.Topics = append(res.Topics, topic)
		return res, nil, true
	})
	p := c.Producer()
	defer p.Close()
	_, err = p.Write(testContext(t), []Message{{Topic: ev, Key: []byte("6"), Value: []byte("x")}})
	require.ErrorIs(t, err, ErrUnavailable)
}

// A caller that gives up leaves nothing behind that would still be written, and the memory of the others is theirs alone.
func TestProducer_CallerGivesUpWaiting_NotWritten(t *testing.T) {
	px := proxiedBroker(t)
	cfg := testConfig(px.addr())
	cfg.RequestTimeout = time.Second
	cfg.WriteTimeout = 20 * time.Second
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	p := c.Producer()
	defer p.Close()
	_, err := p.Write(testContext(t), []Message{{Topic: ev, Key: []byte("6"), Value: []byte("a")}})
	require.NoError(t, err)
	px.setDown(true)
	blocked := make(chan error, 1)
	go func() {
		_, err := p.Write(testContext(t), []Message{{Topic: ev, Key: []byte("6"), Value: []byte("b")}})
		blocked <- err
	}()
	require.Eventually(t, func() bool { return c.counters.writeRetries.Get() > 0 }, 10*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = p.Write(ctx, []Message{{Topic: ev, Key: []byte("6"), Value: []byte("never")}})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	px.setDown(false)
	require.NoError(t, <-blocked)
	records, _ := readUntilEnd(t, c.Partition(ev, 0), 0)
	for _, rec := range records {
		require.NotEqual(t, "never", string(rec.Value))
	}
}

// After Close nothing is taken any more.
func TestProducer_Closed_Refuses(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	p := c.Producer()
	p.Close()
	_, err := p.Write(testContext(t), []Message{{Topic: ev, Value: []byte("a")}})
	require.ErrorIs(t, err, ErrUnavailable)
}

func deadLetterClient(t *testing.T, config ...string) (*Client, *Producer) {
	cfg := testConfig(startBroker(t))
	cfg.Topics.DeadLetters = newClient(t, cfg).makeTopic(t, 1, config...)
	c := newClient(t, cfg)
	p := c.Producer()
	t.Cleanup(p.Close)
	return c, p
}

// A dead letter is the record as it came, and says what was wrong with it and where it lies.
func TestDeadLetters_KeepTheRecordAndSayWhy(t *testing.T) {
	c, p := deadLetterClient(t)
	rec := schema.Record{Topic: "cc.events", Partition: 3, Offset: 77, Key: []byte("6"), Value: []byte("{"),
		Headers: []schema.Header{{Key: "ce_id", Value: []byte("x")}, {Key: HeaderError, Value: []byte("of an earlier time")}}}
	require.NoError(t, p.DeadLetters().Write(testContext(t), []DeadLetter{{rec, "malformed_json: at 1"}, {schema.Record{Topic: "cc.directory", Key: nil}, "missing_attribute"}}))
	got, _ := readUntilEnd(t, c.Partition(c.cfg.Topics.DeadLetters, 0), 0)
	require.Len(t, got, 2)
	require.Equal(t, "6", string(got[0].Key))
	require.Equal(t, "{", string(got[0].Value))
	require.Equal(t, []schema.Header{{Key: "ce_id", Value: []byte("x")}, {Key: "fw_error", Value: []byte("malformed_json: at 1")},
		{Key: "fw_topic", Value: []byte("cc.events")}, {Key: "fw_partition", Value: []byte("3")}, {Key: "fw_offset", Value: []byte("77")}}, got[0].Headers)
	require.Equal(t, "cc.directory", string(got[1].Headers[1].Value))
}

// A record that the topic does not take is cut, marked, and does not keep the others out.
func TestDeadLetters_TooLarge_IsCut(t *testing.T) {
	c, p := deadLetterClient(t, "max.message.bytes", "300000")
	large := schema.Record{Topic: "cc.events", Offset: 1, Key: []byte("6"), Value: bytes.Repeat([]byte("x"), 3_000_000)}
	hopeless := schema.Record{Topic: "cc.events", Offset: 2, Key: []byte("6"), Value: []byte("v"), Headers: []schema.Header{{Key: "ce_id", Value: make([]byte, 2_000_000)}}}
	small := schema.Record{Topic: "cc.events", Offset: 3, Key: []byte("6"), Value: []byte("whole")}
	require.NoError(t, p.DeadLetters().Write(testContext(t), []DeadLetter{{large, "too_large"}, {hopeless, "too_large"}, {small, "wrong_kind"}}))
	got, _ := readUntilEnd(t, c.Partition(c.cfg.Topics.DeadLetters, 0), 0)
	require.Len(t, got, 3)
	byOffset := map[string]schema.Record{}
	header := func(rec schema.Record, key string) string {
		for _, h := range rec.Headers {
			if h.Key == key {
				return string(h.Value)
			}
		}
		return ""
	}
	for _, rec := range got {
		byOffset[header(rec, HeaderOffset)] = rec
	}
	require.Equal(t, "3000000", header(byOffset["1"], HeaderTruncated))
	require.Greater(t, len(byOffset["1"].Value), 100_000)
	require.Equal(t, "1", header(byOffset["2"], HeaderTruncated))
	require.Equal(t, "too_large", header(byOffset["2"], HeaderError))
	require.Equal(t, "whole", string(byOffset["3"].Value))
	require.Empty(t, header(byOffset["3"], HeaderTruncated))
}
