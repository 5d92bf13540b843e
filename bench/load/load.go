// Package load makes the events that measurements run on, and writes them to Kafka.
package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"floorwalker/ingest/simulate"
	"floorwalker/schema"
)

const batchRecords = 2000 // of a produce request, some 100 kB compressed

// Config of a load: so many contact centres of so many agents, named 1, 2 and so on, from Start on. All of it is a function of the
// configuration.
type Config struct {
	Centers, Agents int     // Agents of each centre, 8 or more
	Rate            float64 // interactions per hour of each centre at the busiest time of day; 0: what keeps the agents busy
	Seed            uint64
	Start           time.Time
	Events          int           // how many are made in all; 0: those before End
	End             time.Time     // of event time, where Events is 0
	LateShare       float64       // of the events come late, 0 to 1
	Latest          time.Duration // how late at most
}

// Floor is the load of most measurements: 8 centres of 1,250 agents from ten in the morning on.
func Floor(events int) Config {
	return Config{Centers: 8, Agents: 1250, Seed: 7, Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Events: events}
}

// Record is an event on its way to Kafka.
type Record struct {
	Arrival         int64 // ms; the record's timestamp
	Center, Subject string
	Type            schema.EventType
	Time            int64  // of the event, ms
	Data            []byte // its payload
	Value           []byte // the event as structured CloudEvents JSON
}

// center is a simulator and the events it made last.
type center struct {
	sim  *simulate.Simulator
	next []schema.Event
}

// Records plays the centres side by side, each event at its own time but for the share that comes late.
func Records(cfg Config) ([]Record, error) {
	if cfg.Events == 0 && !cfg.End.After(cfg.Start) {
		return nil, errors.New("load: neither a number of events nor an end after the start")
	}
	var centers []*center
	for i := range cfg.Centers {
		sim, err := simulate.New(simulate.Config{ContactCenter: strconv.Itoa(i + 1), Agents: cfg.Agents, Rate: cfg.Rate, Seed: cfg.Seed + uint64(i), Start: cfg.Start})
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		centers = append(centers, &center{sim: sim, next: slices.Clone(sim.Next())})
	}
	if len(centers) == 0 {
		return nil, errors.New("load: no contact centres")
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 1))
	end := cfg.End.UnixMilli()
	out := make([]Record, 0, cfg.Events)
	for {
		c := slices.MinFunc(centers, func(a, b *center) int { return cmp.Compare(a.next[0].Time, b.next[0].Time) })
		if cfg.Events > 0 && len(out) >= cfg.Events || cfg.Events == 0 && c.next[0].Time >= end {
			break
		}
		for i := range c.next {
			ev := &c.next[i]
			r := Record{Arrival: ev.Time, Center: ev.ContactCenter, Subject: ev.Subject, Type: ev.Type, Time: ev.Time, Data: ev.Data,
				Value: schema.AppendStructured(nil, ev)}
			if cfg.LateShare > 0 && rng.Float64() < cfg.LateShare {
				r.Arrival += rng.Int64N(cfg.Latest.Milliseconds() + 1)
			}
			out = append(out, r)
		}
		c.next = append(c.next[:0], c.sim.Next()...)
	}
	if cfg.Events > 0 {
		out = out[:cfg.Events]
	}
	slices.SortStableFunc(out, func(a, b Record) int { return cmp.Compare(a.Arrival, b.Arrival) })
	return out, nil
}

// Producer appends records to topics with Kafka's default partitioning. Nothing is tried again: a request that failed may have been
// stored, and measurements count on every event being there once.
type Producer struct {
	transport *kafka.Transport
	client    *kafka.Client
}

// NewProducer connects to nothing yet. The caller closes it.
func NewProducer(broker string) *Producer {
	transport := &kafka.Transport{}
	return &Producer{transport: transport, client: &kafka.Client{Addr: kafka.TCP(broker), Timeout: 30 * time.Second, Transport: transport}}
}

// Close drops the connections.
func (p *Producer) Close() { p.transport.CloseIdleConnections() }

// Produce appends the records in large compressed batches, and returns the bytes of keys and values, uncompressed.
func (p *Producer) Produce(ctx context.Context, topic string, partitions int, records []Record) (bytes int64, err error) {
	batches := make([][]kafka.Record, partitions)
	for i := range records {
		r := &records[i]
		key := []byte(r.Center)
		n := schema.Murmur2Partition(key, partitions)
		batches[n] = append(batches[n], kafka.Record{Key: kafka.NewBytes(key), Value: kafka.NewBytes(r.Value), Time: time.UnixMilli(r.Arrival)})
		bytes += int64(len(key) + len(r.Value))
		if len(batches[n]) < batchRecords {
			continue
		}
		if err := p.send(ctx, topic, n, batches[n]); err != nil {
			return bytes, err
		}
		batches[n] = batches[n][:0]
	}
	for n, batch := range batches {
		if err := p.send(ctx, topic, n, batch); err != nil {
			return bytes, err
		}
	}
	return bytes, nil
}

func (p *Producer) send(ctx context.Context, topic string, partition int, batch []kafka.Record) error {
	if len(batch) == 0 {
		return nil
	}
	answer, err := p.client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Compression: kafka.Lz4, Records: kafka.NewRecordReader(batch...)})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return fmt.Errorf("load: produce to %s/%d: %w", topic, partition, err)
	}
	return nil
}

// Produce is Producer.Produce for those who produce once.
func Produce(ctx context.Context, broker, topic string, partitions int, records []Record) (bytes int64, err error) {
	p := NewProducer(broker)
	defer p.Close()
	return p.Produce(ctx, topic, partitions, records)
}
