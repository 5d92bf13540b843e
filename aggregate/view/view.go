// Package view is the live view of a query node: one engine for each partition, and the immutable floors that readers pin.
package view

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

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
	// Snapshot is the newest checkpoint of a partition and its epoch, nil where there is none.
	Snapshot(ctx context.Context, partition int) (data []byte, epoch uint16, err error)
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
	History History // nil: the view begins with what Kafka still has
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
	cfg Config

	mu         sync.RWMutex
	partitions []*partition
	centers    map[string]*center
}

// New makes an empty view.
func New(cfg Config) (*View, error) {
	switch {
	case cfg.Decoder == nil:
		return nil, errors.New("view: a decoder is required")
	case cfg.Zone == nil:
		return nil, errors.New("view: time zones are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Engine.Live = true
	cfg.Engine.KeepMs = keepLive.Milliseconds()
	return &View{cfg: cfg, centers: map[string]*center{}}, nil
}

// Run feeds the view until ctx ends or a partition cannot go on.
func (v *View) Run(ctx context.Context, partitions []Partition) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var list []*partition
	for _, p := range partitions {
		list = append(list, newPartition(v, p, len(partitions)))
	}
	v.mu.Lock()
	v.partitions = list
	v.mu.Unlock()
	var group sync.WaitGroup
	for _, p := range list {
		group.Go(func() {
			if err := p.run(ctx); err != nil && ctx.Err() == nil {
				p.fail(err)
				stop(fmt.Errorf("live view of partition %d: %w", p.id, err))
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// Status tells how far each partition has come.
func (v *View) Status() []Status {
	v.mu.RLock()
	partitions := v.partitions
	v.mu.RUnlock() // a partition that publishes holds its own lock when it asks for this one
	out := make([]Status, len(partitions))
	for k, p := range partitions {
		out[k] = p.status()
	}
	return out
}

func (v *View) find(contactCenter string) *center {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.centers[contactCenter]
}

// centerOf finds or makes a contact centre, which belongs to one partition. Where producers partition as they like and one is seen
// in two, the later one wins and the log says so.
func (v *View) centerOf(contactCenter string, p *partition) *center {
	c := v.find(contactCenter)
	if c != nil && c.of == p {
		return c
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if c != nil {
		v.cfg.Log.Error("contact centre seen in two partitions", "contact_center", contactCenter, "partitions", []int{c.of.id, p.id})
	}
	c = newCenter(contactCenter, p)
	v.centers[c.id] = c
	return c
}

// Pin returns the newest state of a contact centre, false where no event has named it.
func (v *View) Pin(contactCenter string) (*schema.Floor, bool) {
	c := v.find(contactCenter)
	if c == nil {
		return nil, false
	}
	f := c.pin()
	f.AsOf = c.of.asOf(f.NewestEvent)
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
