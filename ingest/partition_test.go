package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"floorwalker/schema"
)

// Every codec gives back the records as they were written: key, value, headers, timestamp, offset.
func TestRead_EveryCompression_RecordsAsWritten(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	for name, codec := range compressions {
		t.Run(name, func(t *testing.T) {
			ev := c.makeTopic(t, 2)
			c.produce(t, ev, 1, 0, 300, codec)
			c.produce(t, ev, 1, 300, 5, 0)

			got, end := readUntilEnd(t, c.Partition(ev, 1), 0)
			require.EqualValues(t, 305, end)
			require.Len(t, got, 305)
			for i, rec := range got {
				require.Equal(t, schema.Record{
					Topic: ev, Partition: 1, Offset: int64(i), Timestamp: 1_700_000_000_000 + int64(i),
					Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "%d", i),
					Headers: []schema.Header{{Key: "ce_id", Value: fmt.Appendf(nil, "id%d", i)}, {Key: "empty"}},
				}, rec)
			}
		})
	}
}

// Reading resumes at any offset, also in the middle of a compressed batch.
func TestRead_FromTheMiddleOfABatch_NothingBefore(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	c.produce(t, ev, 0, 0, 50, kafka.Zstd)
	c.produce(t, ev, 0, 50, 50, kafka.Lz4)
	for _, from := range []int64{0, 1, 49, 50, 77, 99, 100} {
		got, end := readUntilEnd(t, c.Partition(ev, 0), from)
		require.EqualValues(t, 100, end)
		require.Len(t, got, int(100-from))
		for i, rec := range got {
			require.Equal(t, from+int64(i), rec.Offset)
			require.Equal(t, strconv.FormatInt(rec.Offset, 10), string(rec.Value))
		}
	}
}

// A null key and a null value stay apart from empty ones: a null value is a tombstone.
func TestRead_NullAndEmpty_StayApart(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	c.produceRecords(t, ev, 0, 0, kafka.Record{}, kafka.Record{Key: kafka.NewBytes([]byte{}), Value: kafka.NewBytes([]byte{})})
	var nulls []bool
	err := c.Partition(ev, 0).Read(testContext(t), 0, func(batch []schema.Record, _ int64) error {
		for _, rec := range batch {
			nulls = append(nulls, rec.Key == nil, rec.Value == nil)
		}
		return errEnough
	})
	require.ErrorIs(t, err, errEnough)
	require.Equal(t, []bool{true, true, false, false}, nulls)
}

// At the end of the partition the caller hears so at once and then about once per FetchWait; what comes later is delivered.
func TestRead_AtTheEnd_SaysSoWithoutSpinningAndGoesOn(t *testing.T) {
	cfg := testConfig(startBroker(t))
	cfg.FetchWait = 100 * time.Millisecond
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var empty, read atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- c.Partition(ev, 0).Read(ctx, 0, func(batch []schema.Record, next int64) error {
			read.Add(int64(len(batch)))
			if len(batch) == 0 && next == read.Load() {
				empty.Add(1)
			}
			return nil
		})
	}()
	began := time.Now()
	require.Eventually(t, func() bool { return empty.Load() >= 4 }, 10*time.Second, time.Millisecond)
	require.GreaterOrEqual(t, time.Since(began), 250*time.Millisecond)
	c.produce(t, ev, 0, 0, 3, 0)
	require.Eventually(t, func() bool { return read.Load() == 3 }, 10*time.Second, time.Millisecond)

	stopped := time.Now()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Less(t, time.Since(stopped), time.Second)
}

// What handle returns ends Read, and nothing is handed over after it.
func TestRead_HandleFails_EndsWithItsError(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	c.produce(t, ev, 0, 0, 10, 0)
	calls, mine := 0, errors.New("mine")
	err := c.Partition(ev, 0).Read(testContext(t), 0, func([]schema.Record, int64) error {
		calls++
		return mine
	})
	require.Equal(t, mine, err)
	require.Equal(t, 1, calls)
}

// An offset outside the partition is a typed error that says what there is.
func TestRead_OffsetOutOfRange_ErrorHasTheBounds(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	c.produce(t, ev, 0, 0, 10, 0)
	err := c.Partition(ev, 0).Read(testContext(t), 11, func([]schema.Record, int64) error { return errEnough })
	require.ErrorIs(t, err, ErrOffsetOutOfRange)
	var out *OffsetOutOfRangeError
	require.ErrorAs(t, err, &out)
	require.Equal(t, OffsetOutOfRangeError{Topic: ev, Offset: 11, Next: 10}, *out)

	admin := franz(t, c)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 3000
	req.Topics = []kmsg.DeleteRecordsRequestTopic{{Topic: ev, Partitions: []kmsg.DeleteRecordsRequestTopicPartition{{Partition: 0, Offset: 6}}}}
	res, err := req.RequestWith(testContext(t), admin)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode))

	first, next, err := c.Partition(ev, 0).Bounds(testContext(t))
	require.NoError(t, err)
	require.Equal(t, []int64{6, 10}, []int64{first, next})
	err = c.Partition(ev, 0).Read(testContext(t), 3, func([]schema.Record, int64) error { return errEnough })
	require.ErrorAs(t, err, &out)
	require.Equal(t, OffsetOutOfRangeError{Topic: ev, Offset: 3, First: 6, Next: 10}, *out)
}

func franz(t testing.TB, c *Client, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	k, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.cfg.Brokers...)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

// Markers of transactions and records of aborted ones are stepped over, wherever they lie; the end is reached although a marker
// is last.
func TestRead_Transactions_OnlyCommittedRecords(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	ctx := testContext(t)
	k := franz(t, c, kgo.TransactionalID(ev), kgo.DefaultProduceTopic(ev))
	transaction := func(commit kgo.TransactionEndTry, values ...string) {
		require.NoError(t, k.BeginTransaction())
		for _, v := range values {
			require.NoError(t, k.ProduceSync(ctx, kgo.StringRecord(v)).FirstErr())
		}
		require.NoError(t, k.EndTransaction(ctx, commit))
	}
	transaction(kgo.TryCommit, "a", "b")
	transaction(kgo.TryAbort, "not", "these")
	c.produceRecords(t, ev, 0, 0, kafka.Record{Value: kafka.NewBytes([]byte("c"))})
	transaction(kgo.TryAbort, "nor this")
	transaction(kgo.TryCommit, "d")

	for _, from := range []int64{0, 4} {
		got, end := readUntilTheEnd(t, c.Partition(ev, 0), from, 11) // the last marker is written some time after the commit
		var values []string
		for _, rec := range got {
			values = append(values, string(rec.Value))
		}
		want := []string{"a", "b", "c", "d"}
		if from > 0 {
			want = want[2:]
		}
		require.Equal(t, want, values)
		require.EqualValues(t, 11, end)
	}
}

// A compacted topic has gaps, and records before an offset that no longer exists are not missed.
func TestRead_CompactedTopic_GapsAreSteppedOver(t *testing.T) {
	addr := startBroker(t, kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "50"}))
	c := newClient(t, testConfig(addr))
	dir := c.makeTopic(t, 1, "cleanup.policy", "compact", "segment.bytes", "500")
	for i := range 60 {
		key := fmt.Appendf(nil, "k%d", i%3)
		if i == 0 {
			key = []byte("first")
		}
		c.produceRecords(t, dir, 0, 0, kafka.Record{Key: kafka.NewBytes(key), Value: kafka.NewBytes(fmt.Appendf(nil, "%d", i))})
	}
	var got []schema.Record
	require.Eventually(t, func() bool {
		got, _ = readUntilEnd(t, c.Partition(dir, 0), 0)
		return len(got) < 40
	}, 20*time.Second, 20*time.Millisecond)
	last := map[string]string{}
	for i, rec := range got {
		if i > 0 {
			require.Greater(t, rec.Offset, got[i-1].Offset)
		}
		require.Equal(t, strconv.FormatInt(rec.Offset, 10), string(rec.Value))
		last[string(rec.Key)] = string(rec.Value)
	}
	require.Equal(t, map[string]string{"first": "0", "k0": "57", "k1": "58", "k2": "59"}, last)
	again, _ := readUntilEnd(t, c.Partition(dir, 0), got[0].Offset+1)
	require.Equal(t, offsets(got[1:]), offsets(again))
}

// A record larger than a fetch is read whole, and so is what follows it.
func TestRead_TenMegabyteRecord_IsRead(t *testing.T) {
	cfg := testConfig(startBroker(t))
	cfg.FetchBytes = 1 << 20
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1, "max.message.bytes", "20000000")
	large := bytes.Repeat([]byte("0123456789abcdef"), 10<<20/16)
	c.produce(t, ev, 0, 0, 1, 0)
	c.produceRecords(t, ev, 0, 0, kafka.Record{Value: kafka.NewBytes(large)})
	c.produceRecords(t, ev, 0, kafka.Gzip, kafka.Record{Value: kafka.NewBytes(large)})
	c.produce(t, ev, 0, 3, 1, 0)
	got, end := readUntilEnd(t, c.Partition(ev, 0), 0)
	require.EqualValues(t, 4, end)
	require.Equal(t, []int64{0, 1, 2, 3}, offsets(got))
	require.True(t, bytes.Equal(large, got[1].Value) && bytes.Equal(large, got[2].Value))
}

// Connections that break, a broker that is away and one that is frozen cost time but no record and no order.
func TestRead_BrokerAwayAndFrozen_NothingMissing(t *testing.T) {
	px := proxiedBroker(t)
	cfg := testConfig(px.addr())
	cfg.RequestTimeout = 500 * time.Millisecond
	c := newClient(t, cfg)
	ev := c.makeTopic(t, 1)
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var read atomic.Int64
	done := make(chan error, 1)
	go func() {
		at := int64(0)
		done <- c.Partition(ev, 0).Read(ctx, 0, func(batch []schema.Record, _ int64) error {
			for _, rec := range batch {
				if rec.Offset != at || string(rec.Value) != strconv.FormatInt(at, 10) {
					return fmt.Errorf("offset %d, value %s where %d was expected", rec.Offset, rec.Value, at)
				}
				at++
			}
			read.Store(at)
			return nil
		})
	}()
	upTo := func(n int64) {
		t.Helper()
		require.Eventually(t, func() bool { return read.Load() == n || len(done) > 0 }, 20*time.Second, 5*time.Millisecond)
		require.Empty(t, done)
	}
	c.produce(t, ev, 0, 0, 100, 0)
	upTo(100)
	px.cut()
	c2 := newClient(t, testConfig(px.addr()))
	c2.produce(t, ev, 0, 100, 100, 0)
	upTo(200)
	px.setDown(true)
	reconnects := c.counters.reconnects.Get()
	require.Eventually(t, func() bool { return c.counters.reconnects.Get() > reconnects+1 }, 10*time.Second, 5*time.Millisecond)
	px.setDown(false)
	newClient(t, testConfig(px.addr())).produce(t, ev, 0, 200, 100, 0)
	upTo(300)
	px.setFrozen(true)
	reconnects = c.counters.reconnects.Get()
	require.Eventually(t, func() bool { return c.counters.reconnects.Get() > reconnects }, 10*time.Second, 5*time.Millisecond)
	px.setFrozen(false)
	newClient(t, testConfig(px.addr())).produce(t, ev, 0, 300, 100, 0)
	upTo(400)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

// A broker that gives nothing although there is more, one that no longer knows that there is more, and one that has lost the
// partition are left: the connection is made anew, and the reading goes on where it was.
func TestRead_BrokerStopsDelivering_ConnectionIsRebuilt(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(*kmsg.FetchResponseTopicPartition)
		stalls bool
	}{
		"nothing although there is more": {func(p *kmsg.FetchResponseTopicPartition) { p.HighWatermark, p.LastStableOffset = 10, 10 }, true},
		"says that there is no more":     {func(p *kmsg.FetchResponseTopicPartition) { p.HighWatermark, p.LastStableOffset = 4, 4 }, true},
		"not the leader":                 {func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = kerr.NotLeaderForPartition.Code }, false},
		"out of range, but it is not":    {func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = kerr.OffsetOutOfRange.Code }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
			require.NoError(t, err)
			t.Cleanup(cluster.Close)
			cfg := testConfig(cluster.ListenAddrs()[0])
			cfg.StallTimeout = 100 * time.Millisecond
			c := newClient(t, cfg)
			ev := c.makeTopic(t, 1)
			c.produce(t, ev, 0, 0, 10, 0)
			cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
				if c.counters.reconnects.Get() >= 2 {
					return nil, nil, false
				}
				cluster.KeepControl()
				res := req.(*kmsg.FetchRequest).ResponseKind().(*kmsg.FetchResponse)
				partition := kmsg.NewFetchResponseTopicPartition()
				tc.answer(&partition)
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.Partitions = ev, append(topic.Partitions, partition)
				res.Topics = append(res.Topics, topic)
				return res, nil, true
			})
			got, end := readUntilTheEnd(t, c.Partition(ev, 0), 4, 10)
			require.EqualValues(t, 10, end)
			require.Equal(t, []int64{4, 5, 6, 7, 8, 9}, offsets(got))
			require.Equal(t, tc.stalls, c.counters.stalls.Get() > 0)
		})
	}
}

// makeBatch encodes a record batch of version 2.
func makeBatch(first int64, lastDelta, count int, attributes int16, records []byte) []byte {
	b := make([]byte, batchHeader, batchHeader+len(records))
	binary.BigEndian.PutUint64(b, uint64(first))
	binary.BigEndian.PutUint32(b[8:], uint32(batchHeader-batchPrefix+len(records)))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], uint16(attributes))
	binary.BigEndian.PutUint32(b[23:], uint32(lastDelta))
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[crcFrom:], castagnoli))
	return b
}

func makeRecord(offsetDelta int64, value string) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, 0)
	body = binary.AppendVarint(body, offsetDelta)
	body = binary.AppendVarint(body, -1)
	body = append(binary.AppendVarint(body, int64(len(value))), value...)
	body = binary.AppendVarint(body, 0)
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

// testReader reads from bytes instead of a broker.
func testReader(t *testing.T, set []byte, got *[]string) *reader {
	c := newClient(t, testConfig("127.0.0.1:1"))
	r := &reader{Partition: c.Partition("ev", 0), limit: c.cfg.FetchBytes}
	r.handle = func(batch []schema.Record, next int64) error {
		for _, rec := range batch {
			*got = append(*got, fmt.Sprintf("%d=%s", rec.Offset, rec.Value))
		}
		if len(batch) == 0 {
			*got = append(*got, fmt.Sprintf("end %d", next))
		}
		return nil
	}
	r.got.set = set
	return r
}

// Compaction leaves batches without records, and batches whose last records are gone: both count up to their last offset.
func TestRead_BatchesEmptiedByCompaction_AreSteppedOver(t *testing.T) {
	var set []byte
	set = append(set, makeBatch(0, 4, 1, 0, makeRecord(2, "a"))...)
	set = append(set, makeBatch(5, 9, 0, 0, nil)...)
	set = append(set, makeBatch(20, 0, 1, 0, makeRecord(0, "b"))...)
	set = append(set, makeBatch(21, 3, 0, 0, nil)...)
	cut := makeBatch(25, 0, 1, 0, makeRecord(0, "not whole"))
	set = append(set, cut[:len(cut)-1]...)
	var got []string
	r := testReader(t, set, &got)
	r.got.end = 25
	next, err := r.survey()
	require.NoError(t, err)
	require.EqualValues(t, 25, next)
	require.NoError(t, r.deliver(context.Background(), next))
	require.Equal(t, []string{"2=a", "20=b", "end 25"}, got)
	require.EqualValues(t, 25, r.at)
}

// A damaged batch is an error that names the offsets that cannot be read; what lies before the damage has been handed over,
// nothing after it, and only after several attempts does Read give up.
func TestRead_DamagedBatch_IsNamedAndNothingBeforeItIsLost(t *testing.T) {
	good := makeBatch(0, 0, 1, 0, makeRecord(0, "a"))
	flipped := makeBatch(1, 2, 1, 0, makeRecord(0, "b"))
	flipped[len(flipped)-2] ^= 1
	short := makeBatch(1, 2, 2, 0, makeRecord(0, "b"))
	garbage := makeBatch(1, 2, 1, 2, []byte("this is not snappy"))
	old := makeBatch(1, 2, 1, 0, makeRecord(0, "b"))
	old[16] = 1
	later := makeBatch(4, 0, 1, 0, makeRecord(0, "later"))
	for name, tc := range map[string]struct {
		bad         []byte
		got         []string
		first, last int64
	}{
		"checksum":                {flipped, []string{"0=a"}, 1, 3},
		"fewer records than said": {short, []string{"0=a", "1=b"}, 2, 3},
		"compression":             {garbage, []string{"0=a"}, 1, 3},
		"format":                  {old, []string{"0=a"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			r := testReader(t, slices.Concat(good, tc.bad, later), &got)
			r.got.end = 5
			next, err := r.survey()
			require.NoError(t, err)
			if err = r.deliver(context.Background(), next); err == nil { // then what comes next begins with it
				r.got.set = slices.Concat(tc.bad, later)
				_, err = r.survey()
			}
			var damage *CorruptError
			require.ErrorAs(t, err, &damage)
			require.ErrorIs(t, err, ErrCorrupt)
			require.Equal(t, []int64{tc.first, tc.last}, []int64{damage.First, damage.Last})
			require.Equal(t, tc.got, got)
			for range corruptAttempts - 1 {
				require.NoError(t, r.judge(context.Background(), err))
			}
			require.Error(t, r.judge(context.Background(), err))
		})
	}
}

// Whatever bytes a fetch holds, decoding them neither panics nor hands over anything that does not lie in the batch.
func FuzzDeliver(f *testing.F) {
	f.Add(makeBatch(0, 1, 2, 0, append(makeRecord(0, "a"), makeRecord(1, "b")...)), false)
	f.Add(makeBatch(5, 9, 0, attrControl, nil), true)
	f.Fuzz(func(t *testing.T, set []byte, fix bool) {
		set = bytes.Clone(set)
		if fix && len(set) >= batchHeader {
			binary.BigEndian.PutUint32(set[8:], uint32(len(set)-batchPrefix))
			set[16] = 2
			set[22] &^= attrCodec
			binary.BigEndian.PutUint32(set[17:], crc32.Checksum(set[crcFrom:], castagnoli))
		}
		var got []string
		r := testReader(t, set, &got)
		if next, err := r.survey(); err == nil {
			_ = r.deliver(context.Background(), next)
		}
	})
}

// Who is in no hurry gets many small writes in few fetches, and still what there is once it has waited.
func TestRead_Gathering_FewFetchesAndNothingHeldBack(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	p := c.Partition(ev, 0)
	p.gather, p.gatherWait = 1<<20, 200*time.Millisecond
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	var batches, read atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- p.Read(ctx, 0, func(batch []schema.Record, _ int64) error {
			if len(batch) > 0 {
				batches.Add(1)
			}
			read.Add(int64(len(batch)))
			return nil
		})
	}()
	const writes = 40
	for i := range writes {
		c.produce(t, ev, 0, i, 1, 0)
	}
	require.Eventually(t, func() bool { return read.Load() == writes }, 10*time.Second, time.Millisecond)
	require.Less(t, batches.Load(), int64(writes/2))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}
