package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/ingest/simulate"
	"floorwalker/schema"
)

// load is what is written to Kafka: the events of several contact centres that have the same ids.
type load struct {
	centers  []string
	distinct []kafka.Message // each event once, in the order of their times
	mixed    []kafka.Message // the same as networks deliver them: late, twice, and with rubbish in between
	events   int
	twice    int
	late     int
	rubbish  int
	until    int64 // time of the newest event
}

const (
	shareTwice   = 0.05
	shareLate    = 0.15
	shareRubbish = 0.004
	// mostLate keeps clear of the horizon of one hour.
	mostLate = 50 * time.Minute
)

// newLoad plays that many events of that many contact centres, from some hours ago on. The seed decides everything but the day.
func newLoad(t testing.TB, seed uint64, centers, events int) *load {
	t.Helper()
	lasts := 14 * time.Hour
	start := time.Now().Add(-lasts - 10*time.Minute).Truncate(time.Minute)
	l := &load{events: events}
	var all []schema.Event
	for n := range centers {
		cc := fmt.Sprint("c", n+1)
		l.centers = append(l.centers, cc)
		want := events / centers
		if n == 0 {
			want += events % centers
		}
		// The same start gives the same ids everywhere.
		sim, err := simulate.New(simulate.Config{ContactCenter: cc, Agents: max(8, want/150), Seed: seed + uint64(n), Start: start, Zone: time.UTC})
		require.NoError(t, err)
		var own []schema.Event
		for len(own) < want {
			batch := sim.Next()
			require.Less(t, batch[0].Time, start.Add(lasts).UnixMilli(), "%d of %d events of %s", len(own), want, cc)
			own = append(own, batch...)
		}
		all = append(all, own[:want]...)
	}
	slices.SortStableFunc(all, func(a, b schema.Event) int { return int(a.Time - b.Time) })
	l.until = all[len(all)-1].Time
	l.mix(rand.New(rand.NewPCG(seed, 1)), all)
	return l
}

// mix decides when each event arrives.
func (l *load) mix(random *rand.Rand, all []schema.Event) {
	type arrival struct {
		at  int64
		msg kafka.Message
	}
	var list []arrival
	delay := func() int64 { return random.Int64N(mostLate.Milliseconds()) }
	for i := range all {
		ev := &all[i]
		msg := kafka.Message{Key: []byte(ev.ContactCenter), Value: schema.AppendStructured(nil, ev)}
		l.distinct = append(l.distinct, msg)
		at := ev.Time
		if random.Float64() < shareLate {
			at += delay() / (1 + random.Int64N(20))
			l.late++
		}
		list = append(list, arrival{at, msg})
		if random.Float64() < shareTwice {
			list = append(list, arrival{ev.Time + delay(), msg})
			l.twice++
		}
		if random.Float64() < shareRubbish {
			list = append(list, arrival{ev.Time, kafka.Message{Key: msg.Key, Value: fmt.Appendf(nil, "rubbish %d", i)}})
			l.rubbish++
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	for _, a := range list {
		l.mixed = append(l.mixed, a.msg)
	}
}

// writer writes to a topic as Java's producer would: by murmur2 of the key, acknowledged by all.
func writer(t testing.TB, addr, topic string) *kafka.Writer {
	t.Helper()
	transport := &kafka.Transport{MetadataTTL: time.Second}
	w := &kafka.Writer{Addr: kafka.TCP(addr), Topic: topic, Balancer: kafka.Murmur2Balancer{}, RequiredAcks: kafka.RequireAll,
		BatchSize: 2000, BatchTimeout: time.Millisecond, MaxAttempts: 200, WriteBackoffMax: 200 * time.Millisecond, Transport: transport}
	t.Cleanup(func() {
		_ = w.Close()
		transport.CloseIdleConnections()
	})
	return w
}

// write writes in order. A piece that a broker refuses, because it is away or a busy machine has made it lose its place, is written
// again: what of it was stored before is then there twice, as with any producer.
func write(ctx context.Context, w *kafka.Writer, messages []kafka.Message) error {
	for piece := range slices.Chunk(messages, 2000) {
		deadline := time.Now().Add(time.Minute)
		for {
			err := w.WriteMessages(ctx, slices.Clone(piece)...)
			if err == nil {
				break
			}
			if time.Now().After(deadline) || ctx.Err() != nil {
				return fmt.Errorf("write %d events: %w", len(piece), err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}
