package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/view"
	"floorwalker/aggregate/worker"
	"floorwalker/bench/load"
	"floorwalker/ingest"
	"floorwalker/schema"
)

const runTimeout = 5 * time.Minute

// reader is something that reads a topic to its end, while it is measured.
type reader interface {
	// reached returns once so many events are through, with what had been used by then.
	reached(ctx context.Context, events int) (usage, error)
}

// drive lets a reader go through the load, and returns what the counted events have used. Start begins reading the topic; what it
// returns ends that and says why it had ended before.
func (r *run) drive(ctx context.Context, m *measured, start func(ctx context.Context, topic string) (reader, func() error, error)) (from, to usage, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	topic := m.topic
	if m.warm != nil {
		topic = r.servers.name("load")
		defer r.servers.deleteTopic(context.WithoutCancel(ctx), topic)
		if err := r.servers.createTopic(ctx, topic, partitions); err != nil {
			return from, to, err
		}
		if err := m.warm.Produce(ctx, r.servers.kafka.Addr(), topic, partitions); err != nil {
			return from, to, err
		}
		clean()
	}
	if from, err = used(r.servers.store.PID()); err != nil {
		return from, to, err
	}
	reads, end, err := start(ctx, topic)
	if err != nil {
		return from, to, err
	}
	defer func() { err = errors.Join(end(), err) }()
	before := 0
	if m.warm != nil {
		before = m.warm.Events
		if from, err = r.warmed(ctx, m, reads, topic); err != nil {
			return from, to, err
		}
	}
	to, err = reads.reached(ctx, before+m.counted.Events)
	return from, to, err
}

func (r *run) warmed(ctx context.Context, m *measured, reads reader, topic string) (usage, error) {
	before, err := reads.reached(ctx, m.warm.Events)
	if err != nil {
		return usage{}, err
	}
	clean()
	from, err := used(r.servers.store.PID())
	if err != nil {
		return from, err
	}
	from.rows = before.rows
	return from, produceElsewhere(ctx, produceTask{Corpus: m.counted, Broker: r.servers.kafka.Addr(), Topic: topic})
}

// work runs a worker, wired as by `floorwalker serve --roles=worker`, until all of the topic is acknowledged.
func (r *run) work(ctx context.Context, m *measured) (values map[string]float64, err error) {
	name := r.servers.name("worker")
	defer func() { err = errors.Join(err, r.servers.drop(context.WithoutCancel(ctx), name)) }()
	before := heap()
	w, err := r.newWorker(ctx, name)
	if err != nil {
		return nil, err
	}
	defer w.close()
	from, to, err := r.drive(ctx, m, w.start)
	if err != nil {
		return nil, err
	}
	d := to.since(from)
	values = map[string]float64{"cpu_s": d.cpu.Seconds(), "allocs": float64(d.allocs), "s": to.wall.Sub(from.wall).Seconds(), "state_bytes": w.sink.heap - before,
		"rows": float64(d.rows), "flushes": float64(w.sink.flushes)}
	if err := r.servers.settle(ctx); err != nil {
		return nil, err
	}
	values["store_cpu_s"] = (cpuOf(r.servers.store.PID()) - from.store).Seconds()
	stored, err := r.servers.stored(ctx, name)
	if err != nil {
		return nil, err
	}
	for table, n := range stored {
		values["bytes_"+table] = n
	}
	return values, r.complete(ctx, name, m)
}

// complete looks whether all is there: a fast worker that loses events is no worker.
func (r *run) complete(ctx context.Context, database string, m *measured) error {
	want := uint64(m.counted.Events)
	if m.warm != nil {
		want += uint64(m.warm.Events)
	}
	var got uint64
	if err := r.servers.admin.QueryRow(ctx, "SELECT count() FROM "+database+".events").Scan(&got); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%d of %d events are in the history", got, want)
	}
	return nil
}

// workerRun is a worker on an empty database.
type workerRun struct {
	servers *servers
	name    string
	set     *metrics.Set
	sink    *watchedSink
	store   *history.Store
	closing []func() error
}

func (r *run) newWorker(ctx context.Context, name string) (*workerRun, error) {
	conn, err := r.servers.database(ctx, name)
	if err != nil {
		return nil, err
	}
	w := &workerRun{servers: r.servers, name: name, set: metrics.NewSet(), closing: []func() error{conn.Close}}
	cfg := history.Config{Worker: "bench", Log: silent}
	sink, err := history.NewSink(conn, w.set, cfg)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	if w.store, err = history.NewStore(conn, w.set, cfg); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.sink = &watchedSink{Sink: sink, process: r.servers.store.PID(), rows: w.set.GetOrCreateCounter("floorwalker_sink_rows_total"), at: map[int]int64{}, progress: make(chan reach, 1)}
	return w, nil
}

func (w *workerRun) close() (err error) {
	for _, c := range w.closing {
		err = errors.Join(err, c())
	}
	w.closing = nil
	return err
}

func (w *workerRun) start(ctx context.Context, topic string) (reader, func() error, error) {
	client, err := w.servers.client(topic, w.set)
	if err != nil {
		return nil, nil, err
	}
	options := ingest.DefaultGroupConfig()
	options.ID = w.name
	group, err := client.Group(options)
	if err != nil {
		return nil, nil, err
	}
	works, err := worker.New(worker.Config{Topic: topic, Gate: gate.Gate{MaxAhead: 5 * time.Minute, Clock: time.Now}, Log: silent},
		worker.Parts{Engines: worker.Real(engine.Config{}), Decoder: newDecoder, Sink: w.sink, Checkpoints: w.store, Metrics: w.set,
			DeadLetters: func(context.Context, []schema.DeadLetter) error { return errors.New("the load has dead letters") }})
	if err != nil {
		return nil, nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	w.sink.ended = make(chan struct{})
	go func() {
		defer close(w.sink.ended)
		w.sink.err = group.Run(ctx, func(ctx context.Context, gen *ingest.Generation) error { return works.Own(ctx, owned(gen)) })
	}()
	return w.sink, func() error {
		w.sink.heap = heap()
		stop()
		<-w.sink.ended
		client.Close()
		return w.sink.err
	}, nil
}

func newDecoder() gate.Decoder { return &schema.Decoder{} }

func owned(gen *ingest.Generation) worker.Generation {
	out := worker.Generation{Total: gen.Count, Commit: func(_ context.Context, next map[int]int64) error { return gen.Commit(next) }}
	for _, p := range gen.Partitions {
		out.Partitions = append(out.Partitions, p)
	}
	return out
}

// watchedSink tells how far the acknowledged rows reach.
type watchedSink struct {
	*history.Sink
	process  int // ClickHouse's
	at       map[int]int64
	acked    int64
	flushes  int
	heap     float64
	rows     *metrics.Counter
	progress chan reach // the newest one
	ended    chan struct{}
	err      error // once ended
}

// reach is how many events were through when so much had been used.
type reach struct {
	events int64
	used   usage
}

func (s *watchedSink) Flush(ctx context.Context, flushed []history.Flushed) error {
	if err := s.Sink.Flush(ctx, flushed); err != nil {
		return err
	}
	s.flushes++
	for i := range flushed {
		stamp := &flushed[i].Stamp
		s.acked += stamp.Position - s.at[stamp.Partition]
		s.at[stamp.Partition] = stamp.Position
	}
	now, err := used(s.process)
	if err != nil {
		return err
	}
	now.rows = s.rows.Get()
	select {
	case <-s.progress: // nobody has looked yet
	default:
	}
	s.progress <- reach{s.acked, now}
	return nil
}

func (s *watchedSink) reached(ctx context.Context, events int) (usage, error) {
	for {
		select {
		case at := <-s.progress:
			if at.events >= int64(events) {
				return at.used, nil
			}
		case <-s.ended:
			return usage{}, errors.Join(errEnded, s.err)
		case <-ctx.Done():
			return usage{}, ctx.Err()
		}
	}
}

// view runs a live view until it has applied all of the topic.
func (r *run) view(ctx context.Context, m *measured) (map[string]float64, error) {
	before := heap()
	v := &viewRun{servers: r.servers}
	from, to, err := r.drive(ctx, m, v.start)
	if err != nil {
		return nil, err
	}
	d := to.since(from)
	return map[string]float64{"cpu_s": d.cpu.Seconds(), "allocs": float64(d.allocs), "s": to.wall.Sub(from.wall).Seconds(), "state_bytes": v.heap - before}, nil
}

type viewRun struct {
	servers *servers
	view    *view.View
	ended   chan error
	heap    float64
}

func (v *viewRun) start(ctx context.Context, topic string) (reader, func() error, error) {
	client, err := v.servers.client(topic, metrics.NewSet())
	if err != nil {
		return nil, nil, err
	}
	v.view, err = view.New(view.Config{Gate: gate.Gate{MaxAhead: 5 * time.Minute, Clock: time.Now}, Decoder: newDecoder,
		Zone: func(string) *time.Location { return time.UTC }, Log: silent})
	if err != nil {
		return nil, nil, err
	}
	list, err := client.Partitions(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	var all []view.Partition
	for _, p := range list {
		all = append(all, p)
	}
	ctx, stop := context.WithCancel(ctx)
	v.ended = make(chan error, 1)
	go func() {
		v.ended <- v.view.Run(ctx, func(context.Context) ([]view.Partition, error) { return all, nil })
	}()
	return v, func() error {
		v.heap = heap()
		stop()
		<-v.ended // with the context's error
		client.Close()
		return nil
	}, nil
}

func (v *viewRun) reached(ctx context.Context, events int) (usage, error) {
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for {
		applied := 0
		for _, s := range v.view.Status() {
			if s.Err != nil {
				return usage{}, s.Err
			}
			applied += int(s.Applied)
		}
		if applied >= events {
			return used(0)
		}
		select {
		case <-pause.C:
		case err := <-v.ended:
			v.ended <- err
			return usage{}, errors.Join(errEnded, err)
		case <-ctx.Done():
			return usage{}, ctx.Err()
		}
	}
}

// grown makes a load of so many agents in all, who have all come before anything is counted.
func (r *run) grown(ctx context.Context, agents, centers int) (*measured, error) {
	s, err := load.NewStream(load.Config{Centers: centers, Agents: agents / centers, Seed: 7, Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)})
	if err != nil {
		return nil, err
	}
	warm, err := load.FromStream(r.file(r.servers.name("corpus")), s, agents*2)
	if err != nil {
		return nil, err
	}
	counted, err := load.FromStream(r.file(r.servers.name("corpus")), s, r.GrowEvents)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{"agents": fmt.Sprint(agents), "centers": fmt.Sprint(centers), "at_work": fmt.Sprint(warm.Logins + counted.Logins)}
	return r.prepare(ctx, &measured{part: Growth, labels: labels, warm: warm, counted: counted})
}
