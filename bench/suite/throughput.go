package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/bench/load"
	"floorwalker/ingest/replay"
	"floorwalker/schema"
)

// The loads of throughput, in the label "load".
const (
	inOrder = "in order"
	late    = "20 % late"
	realDay = "real day"
)

// What throughput and growth measure: names of lines. Values: cpu_s of this process, events, span_s (of event time), allocs (objects),
// kafka_bytes (on its disk, where known), and further ones as said.
const (
	decoding = "decode"         // from memory
	folding  = "decode, engine" // likewise, with the rows taken every flushEvents; also state_bytes
	working  = "worker"         // Kafka to rows that ClickHouse has acknowledged; also s, store_cpu_s, rows, flushes, state_bytes, bytes_<table> on disk
	viewing  = "replica"        // Kafka to the live view; also s and state_bytes
)

// flushEvents is how many events a partition's engine folds between two flushes here.
const flushEvents = 50_000

// measured is a load ready to be measured on.
type measured struct {
	part       string
	labels     map[string]string
	warm       *load.Corpus // events that come before and are not counted; nil: none
	counted    *load.Corpus
	kafkaBytes float64       // that the topic takes
	topic      string        // with all counted events, where there are no warm ones
	reading    time.Duration // of CPU, for going through what is counted without doing anything
}

// prepare makes the load's topic and sees what reading costs.
func (r *run) prepare(ctx context.Context, m *measured) (*measured, error) {
	if m.warm == nil {
		m.topic = r.servers.name("load")
		if err := r.servers.createTopic(ctx, m.topic, partitions); err != nil {
			return nil, err
		}
		if err := m.counted.Produce(ctx, r.servers.kafka.Addr(), m.topic, partitions); err != nil {
			return nil, err
		}
		m.kafkaBytes = float64(r.servers.logBytes(m.topic))
	}
	clean()
	from, err := ownCPU()
	if err != nil {
		return nil, err
	}
	if err := m.counted.Each(func(int, int64, []byte) error { return nil }); err != nil {
		return nil, err
	}
	to, err := ownCPU()
	m.reading = to - from
	return m, err
}

func (r *run) forget(ctx context.Context, m *measured) {
	m.counted.Remove()
	if m.warm != nil {
		m.warm.Remove()
	}
	if m.topic != "" {
		r.servers.deleteTopic(ctx, m.topic)
	}
}

// loads makes those of throughput.
func (r *run) loads(ctx context.Context) ([]*measured, error) {
	var out []*measured
	cfg := load.Floor(r.Events)
	for _, name := range []string{inOrder, late} {
		if name == late {
			cfg.LateShare, cfg.Latest = 0.2, 10*time.Second
		}
		s, err := load.NewStream(cfg)
		if err != nil {
			return nil, err
		}
		c, err := load.FromStream(r.file(r.servers.name("corpus")), s, r.Events)
		if err != nil {
			return nil, err
		}
		m, err := r.prepare(ctx, &measured{part: Throughput, labels: map[string]string{"load": name}, counted: c})
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	if _, err := os.Stat(r.RealDay); err != nil {
		r.say("no call log of a real day at %q: left out", r.RealDay)
		return out, nil
	}
	c, err := r.repeatDay()
	if err != nil {
		return nil, err
	}
	m, err := r.prepare(ctx, &measured{part: Throughput, labels: map[string]string{"load": realDay}, counted: c})
	return append(out, m), err
}

// repeatDay makes as many events of the real day as of the floor: each of eight centres has the day again and again, every time a day
// later and with new ids.
func (r *run) repeatDay() (*load.Corpus, error) {
	f, err := os.Open(r.RealDay)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, err := replay.Open(f, r.RealDay, replay.OpenConfig{Format: replay.FormatAnonymousBank, Fallback: "day"})
	if err != nil {
		return nil, err
	}
	var day []schema.Event
	for {
		ev, err := in.Read()
		if err != nil {
			var bad *replay.LineError
			if errors.As(err, &bad) {
				continue
			}
			break // the end; a file that ends too early gives fewer events
		}
		day = append(day, ev)
	}
	if len(day) == 0 {
		return nil, fmt.Errorf("%s holds no events", r.RealDay)
	}
	const centers = 8
	begin := time.UnixMilli(day[0].Time).UTC().Truncate(24 * time.Hour)
	shift := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC).Sub(begin).Milliseconds()
	n := 0
	return load.WriteCorpus(r.file(r.servers.name("corpus")), func() (schema.Event, int64, bool, error) {
		if n == r.Events {
			return schema.Event{}, 0, false, nil
		}
		turn := n / centers
		again := turn / len(day)
		ev := day[turn%len(day)]
		ev.ContactCenter = fmt.Sprint("day-", n%centers+1)
		ev.Time += shift + int64(again)*24*time.Hour.Milliseconds()
		ev.ID = fmt.Sprint(ev.ID, "-", again)
		if ev.Type.OfInteraction() {
			ev.Subject = fmt.Sprint(ev.Subject, "-", again)
		}
		n++
		return ev, ev.Time, true, nil
	})
}

// measure takes the named measurements on one load.
func (r *run) measure(ctx context.Context, m *measured, round int, names ...string) error {
	for _, name := range names {
		clean()
		values, err := r.measureOne(ctx, m, name)
		if err != nil {
			return fmt.Errorf("%s, %v: %w", name, m.labels, err)
		}
		values["events"], values["span_s"] = float64(m.counted.Events), float64(m.counted.Last-m.counted.First)/1000
		if m.kafkaBytes > 0 {
			values["kafka_bytes"] = m.kafkaBytes
		}
		if err := r.add(Line{Part: m.part, Name: name, Round: round, Labels: m.labels, Values: values}); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) measureOne(ctx context.Context, m *measured, name string) (map[string]float64, error) {
	switch name {
	case decoding:
		return m.decode()
	case folding:
		return m.fold()
	case working:
		return r.work(ctx, m)
	case viewing:
		return r.view(ctx, m)
	}
	return nil, fmt.Errorf("%q is unknown", name)
}

// each goes through the warm events and then through the counted ones, and returns what these have used, reading left out.
func (m *measured) each(do func(center string, value []byte) error) (map[string]float64, error) {
	through := func(c *load.Corpus) error {
		return c.Each(func(center int, _ int64, value []byte) error { return do(c.Centers[center], value) })
	}
	if m.warm != nil {
		if err := through(m.warm); err != nil {
			return nil, err
		}
	}
	from, err := used(0)
	if err != nil {
		return nil, err
	}
	if err := through(m.counted); err != nil {
		return nil, err
	}
	to, err := used(0)
	d := to.since(from)
	return map[string]float64{"cpu_s": (d.cpu - m.reading).Seconds(), "allocs": float64(d.allocs)}, err
}

func (m *measured) decode() (map[string]float64, error) {
	var dec schema.Decoder
	var ev schema.Event
	return m.each(func(_ string, value []byte) error { return dec.Decode(&schema.Record{Value: value}, &ev) })
}

func (m *measured) fold() (map[string]float64, error) {
	before := heap()
	f := newFolded()
	values, err := m.each(f.add)
	if err != nil {
		return nil, err
	}
	f.rows = nil
	values["state_bytes"] = heap() - before
	f.drain() // alive up to here
	return values, nil
}

// folded are engines as a worker with all partitions has them.
type folded struct {
	engines [partitions]*engine.Engine
	of      map[string]*engine.Engine // by contact centre
	rows    *engine.Rows
	dec     schema.Decoder
	ev      schema.Event
	n       int
}

func newFolded() *folded {
	f := &folded{of: map[string]*engine.Engine{}, rows: &engine.Rows{}}
	for i := range f.engines {
		f.engines[i] = engine.New(engine.Config{})
	}
	return f
}

func (f *folded) add(center string, value []byte) error {
	if err := f.dec.Decode(&schema.Record{Value: value}, &f.ev); err != nil {
		return err
	}
	e := f.of[center]
	if e == nil {
		e = f.engines[schema.Murmur2Partition([]byte(center), partitions)]
		f.of[center] = e
	}
	e.Apply(&f.ev, int64(f.n))
	if f.n++; f.n%flushEvents == 0 {
		f.drain()
	}
	return nil
}

func (f *folded) drain() {
	if f.rows == nil {
		f.rows = &engine.Rows{}
	}
	for _, e := range f.engines {
		*f.rows = engine.Rows{Intervals: f.rows.Intervals[:0], Visits: f.rows.Visits[:0], Parts: f.rows.Parts[:0], Interactions: f.rows.Interactions[:0],
			Windows: f.rows.Windows[:0], Centers: f.rows.Centers[:0]}
		e.Drain(f.rows)
	}
}
