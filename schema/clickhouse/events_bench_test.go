package clickhouse

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
)

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEvents_Insert measures this process's CPU time per raw event of about 300 bytes (the server is another process).
func BenchmarkEvents_Insert(b *testing.B) {
	for _, compression := range []string{"lz4", "none"} {
		for _, size := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", compression, size), func(b *testing.B) { benchmarkInsert(b, compression, size) })
		}
	}
}

func benchmarkInsert(b *testing.B, compression string, size int) {
	ctx := context.Background()
	migratedTo, name := clickhousetest.Database(b)
	_, err := Migrate(ctx, migratedTo, Options{})
	require.NoError(b, err)
	conn, err := Open(ctx, Config{Addresses: []string{clickhousetest.Start(b).Addr()}, Database: name, Compression: compression})
	require.NoError(b, err)
	defer conn.Close()
	rows := make([]schema.RawEvent, size)
	for i := range rows {
		data := fmt.Sprintf(`{"agent_id":"agent-%05d","queue_id":"queue-%02d","role":"agent","reason":{"id":"%d","name":"Coffee"},"note":"%x","priority":%d,"description":"a text that somebody typed into a field"}`,
			i*7919%100_000, i%40, i%9, uint64(i)*0x9E3779B97F4A7C15, i%10)
		rows[i] = schema.RawEvent{ContactCenter: "6", Source: "/acd/emea-1", ID: fmt.Sprintf("01J8Z%021d", i*31), Subject: fmt.Sprintf("interaction-%08d", i/8),
			Type: schema.EventType(1 + i%27), Time: noon + int64(i), RecordTime: noon + int64(i) + 40, Data: []byte(data), Offset: int64(i)}
	}
	e := NewEvents()
	start, events := cpu(b), 0
	b.ResetTimer()
	for range b.N {
		e.Append(stamp, rows)
		require.NoError(b, e.Send(ctx, conn, noon))
		e.Reset()
		events += size
	}
	b.StopTimer()
	b.ReportMetric(float64(cpu(b)-start)/float64(events), "cpu-ns/event")
}
