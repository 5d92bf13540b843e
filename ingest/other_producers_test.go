package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"floorwalker/schema"
)

// What other clients have compressed is read as they wrote it: each has codecs of its own, whose frames differ (Java's snappy and lz4
// come in blocks).
func TestRead_CompressedByOtherClients_RecordsAsWritten(t *testing.T) {
	const each = 500
	c := newClient(t, testConfig(startBroker(t)))
	ev := c.makeTopic(t, 1)
	var want []string
	for name, codec := range map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(), "none": kgo.NoCompression()} {
		k := franz(t, c, kgo.DefaultProduceTopic(ev), kgo.ProducerBatchCompression(codec))
		var records []*kgo.Record
		for i := range each {
			records = append(records, &kgo.Record{Key: []byte(name), Value: fmt.Appendf(nil, "%s-%d", name, i)})
			want = append(want, fmt.Sprintf("%s %s-%d", name, name, i))
		}
		require.NoError(t, k.ProduceSync(testContext(t), records...).FirstErr())
	}
	if b := shared.Load(); b != nil {
		codecs := []string{"none", "gzip", "snappy", "lz4", "zstd"}
		b.For(t).JavaProduce(ev, 0, each, codecs...)
		for _, name := range codecs {
			for i := range each {
				want = append(want, fmt.Sprintf("%s %s-%d", name, name, i))
			}
		}
	}
	got, end := readUntilEnd(t, c.Partition(ev, 0), 0)
	require.EqualValues(t, len(want), end)
	var all []string
	for _, rec := range got {
		all = append(all, fmt.Sprintf("%s %s", rec.Key, rec.Value))
	}
	require.Equal(t, want, all)
}

// Apache Kafka's own compaction leaves gaps, which are stepped over; a reader that begins in one goes on behind it.
func testCompactedByApacheKafka(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	dir := c.makeTopic(t, 1, "cleanup.policy", "compact", "segment.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01",
		"max.compaction.lag.ms", "1")
	const records = 200
	padding := bytes.Repeat([]byte("x"), 20_000) // so that segments roll
	for i := range records {
		c.produceRecords(t, dir, 0, 0, kafka.Record{Key: kafka.NewBytes(fmt.Appendf(nil, "k%d", i%7)), Value: kafka.NewBytes(append(fmt.Appendf(nil, "%d ", i), padding...))})
	}
	var got []schema.Record
	require.Eventually(t, func() bool {
		got, _ = readUntilEnd(t, c.Partition(dir, 0), 0)
		return len(got) < records*2/3
	}, 40*time.Second, 100*time.Millisecond, "nothing is compacted")
	require.Positive(t, got[0].Offset, "the first record is gone")
	last := map[string]string{}
	for i, rec := range got {
		if i > 0 {
			require.Greater(t, rec.Offset, got[i-1].Offset)
		}
		value, _, _ := bytes.Cut(rec.Value, []byte(" "))
		require.Equal(t, fmt.Sprint(rec.Offset), string(value))
		last[string(rec.Key)] = string(value)
	}
	require.Equal(t, map[string]string{"k0": "196", "k1": "197", "k2": "198", "k3": "199", "k4": "193", "k5": "194", "k6": "195"}, last)
	again, _ := readUntilEnd(t, c.Partition(dir, 0), 1)
	require.Subset(t, offsets(got), offsets(again), "compaction goes on meanwhile")
	require.Subset(t, offsets(again), []int64{193, 194, 195, 196, 197, 198, 199})
}

// A group that is there before its topic owns the topic's partitions once there is one.
func TestGroup_TopicCreatedLate_IsOwned(t *testing.T) {
	c := newClient(t, testConfig(startBroker(t)))
	cfg := testGroup(fmt.Sprintf("late-%d", topics.Add(1)))
	group, err := c.Group(cfg)
	require.NoError(t, err)
	enough := errors.New("enough")
	joined, done := make(chan struct{}), make(chan error, 1)
	go func() {
		first := true
		done <- group.Run(testContext(t), func(ctx context.Context, gen *Generation) error {
			if first {
				first = false
				close(joined)
			}
			if len(gen.Partitions) == 3 {
				return enough
			}
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	select {
	case <-joined: // an empty generation
	case <-time.After(500 * time.Millisecond): // or it is still refused, which is as good
	}
	require.NoError(t, c.ensureTopic(testContext(t), kafka.TopicConfig{Topic: cfg.Topic, NumPartitions: 3, ReplicationFactor: 1}))
	select {
	case err := <-done:
		require.ErrorIs(t, err, enough)
	case <-time.After(40 * time.Second):
		require.Fail(t, "the topic is not owned")
	}
}
