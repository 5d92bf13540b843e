//go:build unix

package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

const (
	benchRecords   = 50_000
	benchValueSize = 416 // an event of the contract
)

// cpuTime is what the process has used: on a busy machine the only figure that means something.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportRecords(b *testing.B, n int, cpu time.Duration) {
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(n), "cpu-ns/record")
	b.ReportMetric(float64(n)/cpu.Seconds(), "records/cpu-s")
}

// benchTopic fills one partition with batches of 500 records, as a busy producer does.
func benchTopic(b *testing.B, codec kafka.Compression) (*Client, string) {
	c := newClient(b, testConfig(startEmbedded(b)))
	ev := c.makeTopic(b, 1)
	value := bytes.Repeat([]byte(`{"specversion":"1.0","id":"01HF`), benchValueSize/31+1)[:benchValueSize]
	for i := 0; i < benchRecords; i += 500 {
		records := make([]kafka.Record, 500)
		for j := range records {
			v := bytes.Clone(value)
			copy(v[40:], fmt.Sprintf("%09d", i+j))
			records[j] = kafka.Record{Key: kafka.NewBytes([]byte("6")), Value: kafka.NewBytes(v), Time: time.UnixMilli(1_700_000_000_000)}
		}
		c.produceRecords(b, ev, 0, codec, records...)
	}
	return c, ev
}

// The whole way from a broker in this process, whose work is in the figures too.
func BenchmarkPartitionRead(b *testing.B) {
	for _, name := range []string{"none", "lz4", "zstd"} {
		b.Run(name, func(b *testing.B) {
			c, ev := benchTopic(b, compressions[name])
			p := c.Partition(ev, 0)
			b.ReportAllocs()
			n, cpu := 0, cpuTime()
			for b.Loop() {
				got := 0
				err := p.Read(context.Background(), 0, func(batch []schema.Record, _ int64) error {
					if got += len(batch); got == benchRecords {
						return errEnough
					}
					return nil
				})
				require.ErrorIs(b, err, errEnough)
				n += got
			}
			reportRecords(b, n, cpuTime()-cpu)
		})
	}
}

// kafka-go's own batches, for comparison: the same records, key and headers included.
func BenchmarkKafkaGoReadMessage(b *testing.B) {
	c, ev := benchTopic(b, 0)
	b.ReportAllocs()
	n, cpu := 0, cpuTime()
	for b.Loop() {
		conn, err := c.dialer().DialLeader(context.Background(), "tcp", c.cfg.Brokers[0], ev, 0)
		require.NoError(b, err)
		for got := 0; got < benchRecords; {
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			batch := conn.ReadBatchWith(kafka.ReadBatchConfig{MinBytes: 1, MaxBytes: 10 << 20, MaxWait: 250 * time.Millisecond})
			for {
				if _, err := batch.ReadMessage(); err != nil {
					break
				}
				got++
				n++
			}
			if err := batch.Close(); err != nil && !errors.Is(err, kafka.RequestTimedOut) {
				b.Fatal(err)
			}
		}
		conn.Close()
	}
	reportRecords(b, n, cpuTime()-cpu)
}

// Taking a fetched answer apart, without network and broker.
func BenchmarkDecodeFetched(b *testing.B) {
	var records []byte
	for i := range 500 {
		records = append(records, makeRecord(int64(i), string(bytes.Repeat([]byte("x"), benchValueSize)))...)
	}
	var set []byte
	for i := range 20 {
		set = append(set, makeBatch(int64(500*i), 499, 500, 0, records)...)
	}
	r := &reader{Partition: newClient(b, testConfig("127.0.0.1:1")).Partition("ev", 0), limit: 10 << 20}
	r.handle = func([]schema.Record, int64) error { return nil }
	b.ReportAllocs()
	cpu := cpuTime()
	for b.Loop() {
		r.at, r.got.set = 0, set
		next, err := r.survey()
		require.NoError(b, err)
		require.NoError(b, r.deliver(context.Background(), next))
	}
	reportRecords(b, b.N*10_000, cpuTime()-cpu)
}
