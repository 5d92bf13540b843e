// Package view is the live view of a query node: one engine for each partition, and the immutable floors that readers pin.
package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// Partition is what the view needs of one partition of the events topic.
type Partition interface {
	ID() int
	// Bounds returns the first offset that is still kept and the next one to be written.
	Bounds(ctx context.Context) (first, next int64, err error)
	// Read calls handle with batches of records from the offset on, in order, until ctx ends (then it returns ctx's error) or
	// handle fails. next is the partition's end as the broker last told it; an empty batch says that everything before next has
	// been handed over.
	Read(ctx context.Context, from int64, handle func(batch []schema.Record, next int64) error) error
}

// History is what the view reads of the history at its start, to know what happened before its engines' checkpoint.
type History interface {
	// Epoch is the newest one of the topic that anything was flushed in, false where nothing ever was.
	Epoch(ctx context.Context) (epoch uint16, ok bool, err error)
	// Backfilled is when history was last corrected afterwards, in ms; 0 where it never was.
	Backfilled(ctx context.Context) (int64, error)
	// Snapshot is the newest checkpoint of a partition, one without an engine where there is none.
	Snapshot(ctx context.Context, partition int) (Checkpoint, error)
	// Windows returns what was counted in the whole minutes of [from, to), summed for each Dims.
	Windows(ctx context.Context, contactCenter string, from, to int64) ([]schema.Window, error)
	// Intervals returns the ended intervals of effective status that touch [from, to).
	Intervals(ctx context.Context, contactCenter string, from, to int64) ([]schema.Interval, error)
	// Talks returns the parts that talked after from and were finished by to, but for those of some interactions.
	Talks(ctx context.Context, contactCenter string, from, to int64, but []string) ([]schema.Part, error)
	// Annotations returns those of the given interactions that came before an offset of an epoch.
	Annotations(ctx context.Context, contactCenter string, interactions []string, epoch uint16, offset int64) ([]schema.Annotation, error)
}

// Config of a View.
type Config struct {
	Engine  engine.Config
	Gate    gate.Gate           // Partition is filled in
	Decoder func() gate.Decoder // one for each partition
	Zone    func(contactCenter string) *time.Location
	History History       // nil: the view begins with what Kafka still has
	Disk    *Disk         // nil: the view keeps no checkpoints of its own
	Save    time.Duration // between two checkpoints of its own (30 s); longer where saving takes long
	Poll    time.Duration // between two questions to the history whether there is something new to begin with (5 s)
	Metrics *metrics.Set  // nil: what it does is not counted
	Now     func() time.Time
	Log     *slog.Logger
}

// keepLive is how long a live engine keeps its windows: a local day, 25 hours at the most, and the horizon.
const keepLive = 27 * time.Hour

// heardWithin is how long a partition counts as caught up after Kafka last said that there is nothing more.
const heardWithin = 5 * time.Second

// Status of one partition of the view.
type Status struct {
	Partition    int
	Applied, End int64 // next offset to apply, and Kafka's end
	CaughtUp     bool
	Err          error // why it stands still
}

// View holds the live state of all contact centres. Its methods may be called from any goroutine.
type View struct {
	cfg   Config
	saves saveCounts

	current atomic.Pointer[replica]
}

// New makes an empty view.
func New(cfg Config) (*View, error) {
	switch {
	case cfg.Decoder == nil:
		return nil, errors.New("view: a decoder is required")
	case cfg.Zone == nil:
		return nil, errors.New("view: time zones are required")
	case cfg.Save < 0 || cfg.Poll < 0:
		return nil, fmt.Errorf("view: save %s and poll %s must not be negative", cfg.Save, cfg.Poll)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Metrics == nil {
		cfg.Metrics = metrics.NewSet()
	}
	cfg.Save, cfg.Poll = cmp.Or(cfg.Save, 30*time.Second), cmp.Or(cfg.Poll, 5*time.Second)
	cfg.Engine.Live = true
	cfg.Engine.KeepMs = keepLive.Milliseconds()
	v := &View{cfg: cfg, saves: newSaveCounts(cfg.Metrics)}
	v.current.Store(&replica{v: v})
	return v, nil
}

// Status tells how far each partition has come.
func (v *View) Status() []Status {
	partitions := v.current.Load().partitions
	out := make([]Status, len(partitions))
	for k, p := range partitions {
		out[k] = p.status()
	}
	return out
}

// find is what is known of a contact centre by now, nil where no event has named it.
func (v *View) find(contactCenter string) *center {
	r := v.current.Load()
	c := r.find(contactCenter)
	if c != nil {
		c.of.settle()
		return c
	}
	for _, p := range r.partitions {
		p.settle()
	}
	return r.find(contactCenter)
}

// Pin returns the newest state of a contact centre, false where no event has named it.
func (v *View) Pin(contactCenter string) (*schema.Floor, bool) {
	c := v.find(contactCenter)
	if c == nil {
		return nil, false
	}
	now, caughtUp := c.of.now() // before the state is taken: it is at least as new
	f := c.pin()
	f.AsOf = now
	if !caughtUp && f.NewestEvent != schema.NoTime {
		f.AsOf = f.NewestEvent
	}
	return f, true
}

// Metrics returns what live windows hold over the whole minutes of [from, to), counting what is open up to the answer's AsOf: nothing
// where no event has named the contact centre. It reports false where the view does not know all of that time.
func (v *View) Metrics(contactCenter string, from, to int64) (schema.LiveMetrics, bool) {
	if c := v.find(contactCenter); c != nil {
		return c.metrics(from, to)
	}
	for _, s := range v.Status() {
		if !s.CaughtUp {
			return schema.LiveMetrics{}, false
		}
	}
	return schema.LiveMetrics{From: from, To: to, AsOf: v.cfg.Now().UnixMilli(), CompleteUntil: schema.NoTime}, true
}
