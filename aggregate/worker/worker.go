// Package worker turns the partitions that a member of the consumer group owns into history: it applies their events, flushes the
// rows, saves checkpoints and only then commits.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Partition is what the worker needs of one partition of the events topic.
type Partition interface {
	ID() int
	// Bounds returns the first offset that is still kept and the next one to be written.
	Bounds(ctx context.Context) (first, next int64, err error)
	// Read calls handle with batches of records from the offset on, in order, until ctx ends (then it returns ctx's error) or
	// handle fails. next is the partition's end as the broker last told it; an empty batch says that nothing new has come.
	Read(ctx context.Context, from int64, handle func(batch []schema.Record, next int64) error) error
}

// Generation is the time between two rebalances: what this member owns, and how to commit while it does.
type Generation struct {
	Partitions []Partition
	Total      int // partitions of the topic
	// Commit notes the next offset of each partition with the group. It is for monitoring: a start uses the checkpoint.
	Commit func(ctx context.Context, next map[int]int64) error
}

// Engine is the state machine of one partition, see package engine.
type Engine interface {
	Apply(ev *schema.Event, offset int64) engine.Outcome
	Skip(offset int64)
	Position() int64
	Drain(rows *engine.Rows)
	// Snapshot packs the whole state. It is called directly after Drain.
	Snapshot() ([]byte, error)
	// ExpiredTotal counts the interactions that ended because their end never came.
	ExpiredTotal() int64
}

// Engines makes engines. Number is stored with checkpoints; those of another number are not restored.
type Engines struct {
	Number  uint32
	New     func() Engine
	Restore func(snapshot []byte) (Engine, error)
}

// Real are the engines of package engine.
func Real(cfg engine.Config) Engines {
	return Engines{
		Number:  engine.Number,
		New:     func() Engine { return engine.New(cfg) },
		Restore: func(snapshot []byte) (Engine, error) { return restored(engine.Restore(cfg, snapshot)) },
	}
}

func restored(e *engine.Engine, err error) (Engine, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Sink takes the rows and knows which raw events are stored.
type Sink interface {
	gapSink
	// Gather takes facts for the next Flush; it copies them.
	Gather(stamp clickhouse.Stamp, rows *engine.Rows)
	// GatherWindow takes a window for the next Flush; it copies it.
	GatherWindow(stamp clickhouse.Stamp, w *schema.Window)
	// Flush returns when all is stored, trying until ctx ends.
	Flush(ctx context.Context, partitions []history.Flushed) error
	// Stored is the highest offset from `from` on whose raw event is stored in the log, or -1, and that of each contact centre.
	Stored(ctx context.Context, topic string, partition int, log uint16, from int64) (int64, map[string]int64, error)
	// Ahead are the offsets from `from` on whose records are stored as dead letters of the log because of the clock.
	Ahead(ctx context.Context, topic string, partition int, log uint16, from int64) (map[int64]bool, error)
	// Progress is the newest event time that was flushed of the partition's log, and up to which event time it is complete;
	// NoTime where nothing was.
	Progress(ctx context.Context, topic string, partition int, log uint16) (newest, complete int64, err error)
	// Corrected are the offsets after from, ascending, at which a flush has to end when what was flushed before is read again in the epoch.
	Corrected(ctx context.Context, topic string, partition int, epoch uint16, from int64) ([]int64, error)
	// Raw gives the stored raw events of the log in [from, until) in offset order.
	Raw(ctx context.Context, topic string, partition int, log uint16, from, until int64, handle func(*schema.RawEvent) error) error
}

// Checkpoints keeps checkpoints; see history.Store.
type Checkpoints interface {
	Marks(ctx context.Context, topic string, partition int) ([]history.Mark, error)
	// Partitions is the topic's number of partitions as its newest checkpoint of any partition has it, 0 without one.
	Partitions(ctx context.Context, topic string) (int, error)
	Load(ctx context.Context, m history.Mark) ([]byte, error)
	Save(ctx context.Context, checkpoints []history.Checkpoint) error
	Prune(ctx context.Context, topic string, partition int) error
}

// Config of a Worker. Zero values mean the default in brackets.
type Config struct {
	Topic      string
	Gate       gate.Gate     // judges records; Partition and Partitions are filled in
	Flush      time.Duration // between flushes (1 s)
	Checkpoint time.Duration // least time between checkpoints (30 s); see shareOfTime
	MaxEvents  int           // pending in one partition before it waits for the flush (100,000)
	MaxBytes   int           // likewise (64 MiB)
	Final      time.Duration // for the last flush, checkpoint and commit (20 s)
	MinPause   time.Duration // between attempts of checkpoints and dead letters (200 ms), doubled up to MaxPause
	MaxPause   time.Duration // (10 s)
	Now        func() time.Time
	Log        *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Topic == "" {
		return c, errors.New("worker: topic is required")
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{{"flush", &c.Flush, time.Second}, {"checkpoint", &c.Checkpoint, 30 * time.Second},
		{"final", &c.Final, 20 * time.Second}, {"min pause", &c.MinPause, 200 * time.Millisecond}, {"max pause", &c.MaxPause, 10 * time.Second}} {
		if *d.value < 0 {
			return c, fmt.Errorf("worker: %s is %s, which must not be negative", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	for _, n := range []struct {
		name  string
		value *int
		def   int
	}{{"max events", &c.MaxEvents, 100_000}, {"max bytes", &c.MaxBytes, 64 << 20}} {
		if *n.value < 0 {
			return c, fmt.Errorf("worker: %s is %d, which must not be negative", n.name, *n.value)
		}
		if *n.value == 0 {
			*n.value = n.def
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// Parts are what a worker is put together from.
type Parts struct {
	Engines     Engines
	Decoder     func() gate.Decoder // one for each partition
	Sink        Sink
	Checkpoints Checkpoints
	DeadLetters func(ctx context.Context, letters []schema.DeadLetter) error // writes them to their topic
	Metrics     *metrics.Set
}

// Worker writes history. It owns one generation at a time.
type Worker struct {
	cfg   Config
	parts Parts
	count counters
	pool  pool

	mu    sync.Mutex
	gaps  map[int]Gap       // by partition
	split map[string]string // contact centres in two partitions, with a word on each
}

// New makes a worker; it starts nothing.
func New(cfg Config, parts Parts) (*Worker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if parts.Engines.New == nil || parts.Engines.Restore == nil || parts.Decoder == nil || parts.Sink == nil || parts.Checkpoints == nil ||
		parts.DeadLetters == nil || parts.Metrics == nil {
		return nil, errors.New("worker: engines, decoder, sink, checkpoints, dead letters and metrics are required")
	}
	return &Worker{cfg: cfg, parts: parts, count: newCounters(parts.Metrics)}, nil
}

// ErrNewEpoch is why a worker refuses a partition: what Kafka holds does not continue what the checkpoint has seen.
var ErrNewEpoch = errors.New("the topic is not the one that the checkpoint has seen; if that is meant, run `floorwalker new-epoch`")

// Own works on the generation's partitions until ctx ends, or one of them cannot go on. Then it stops reading, flushes, saves
// checkpoints and commits, within Config.Final, and returns: nil if ctx has ended and all was written. What was not written is
// read again by the next owner. Nothing else may call Own meanwhile.
func (w *Worker) Own(ctx context.Context, g Generation) error {
	w.count.partitions.Set(float64(len(g.Partitions)))
	defer w.count.partitions.Set(0)
	reading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	writing, release := w.outlast(reading)
	defer release()
	f := newFlusher(w, g)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.read(reading, stop)
	}()
	err := f.run(reading, writing)
	if err != nil {
		stop(err)
	}
	<-done
	if err == nil {
		err = f.flush(writing, true)
	}
	if cause := context.Cause(reading); ctx.Err() == nil && cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	return err
}

// outlast returns a context that ends Config.Final after ctx has ended.
func (w *Worker) outlast(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(w.cfg.Final, func() { cancel(fmt.Errorf("the last flush took longer than %s", w.cfg.Final)) })
		context.AfterFunc(out, func() { t.Stop() })
	})
	return out, func() { stop(); cancel(context.Canceled) }
}
