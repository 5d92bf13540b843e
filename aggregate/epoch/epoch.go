// Package epoch takes history over to a topic that does not continue what the checkpoints have seen: one with another number of
// partitions, or one that was made anew (design: promise 2). No contact centre moves by itself.
package epoch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/history"
	"floorwalker/aggregate/worker"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Config of a new epoch.
type Config struct {
	Topic      string
	Partitions []worker.Partition // all that the topic has now, by number
	Worker     *worker.Worker     // drains the old epoch
	Conn       history.Conn
	Store      *history.Store
	Engine     engine.Config
	// Land says in which partition the events of a contact centre lie from now on.
	Land func(contactCenter string, partitions int) (int, error)
	// Recreated says that the topic was made anew though it already holds more than the checkpoints have seen.
	Recreated bool
	Now       func() time.Time
}

// Report says what was done.
type Report struct {
	Epoch      uint16
	Was, Is    int         // numbers of partitions
	Recreated  bool        // the old offsets mean nothing any more
	Left       []Partition // of a topic that was made anew: up to which offset the old partitions are in the history
	Partitions []Partition
}

// Partition is where one partition of the new epoch begins, or of the old one ends.
type Partition struct {
	ID             int
	Offset         int64
	ContactCenters []string
}

// ErrNotNeeded says that the topic continues what the checkpoints have seen.
var ErrNotNeeded = errors.New("no new epoch is needed: the topic continues what the checkpoints have seen")

// Run drains the old epoch, and begins a new one with a checkpoint of each partition that holds the contact centres which land
// there. Nobody else may write history meanwhile: the workers refuse to, which is why this is run.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	old, err := cfg.seen(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{Was: old.partitions, Is: len(cfg.Partitions), Recreated: cfg.Recreated || len(cfg.Partitions) < old.partitions}
	begins, err := cfg.compare(ctx, old, r)
	if err != nil {
		return nil, err
	}
	if err := cfg.drain(ctx, old, r.Recreated); err != nil {
		return nil, fmt.Errorf("drain the old epoch: %w", err)
	}
	engines, epoch, err := cfg.move(ctx, old, begins)
	if err != nil {
		return nil, err
	}
	r.Epoch = epoch + 1
	return r, cfg.begin(ctx, r, engines, begins)
}

// seen is what the checkpoints know of the topic.
type seen struct {
	partitions int
	marks      []history.Mark // the newest of each partition; zero where there is none
}

func (c *Config) seen(ctx context.Context) (seen, error) {
	var s seen
	var newest, nothing history.Mark
	for id := 0; id < max(len(c.Partitions), s.partitions); id++ {
		marks, err := c.Store.Marks(ctx, c.Topic, id)
		if err != nil {
			return s, err
		}
		var m history.Mark
		if len(marks) > 0 {
			m = marks[0]
		}
		s.marks = append(s.marks, m)
		switch {
		case m.Epoch == 0 && m.Offset == 0:
			// Of a partition that was begun and never read, perhaps one of the topic as it is now: it counts where nothing else does.
			if nothing.Partitions == 0 {
				nothing = m
			}
		case newest.Partitions == 0 || m.Epoch > newest.Epoch:
			newest = m
		}
		s.partitions = newest.Partitions
	}
	if s.partitions > 0 {
		return s, nil
	}
	// Something may have been flushed, though no checkpoint of it is left.
	var flushed uint64
	err := c.Conn.QueryRow(ctx, "SELECT toUInt64(if(count() = 0, 0, max(partition) + 1)) FROM progress WHERE contact_center = '' AND topic = {topic:String} AND offset > 0",
		ch.Named("topic", c.Topic)).Scan(&flushed)
	if err != nil {
		return s, fmt.Errorf("read the progress of %s: %w", c.Topic, err)
	}
	if flushed == 0 {
		flushed = uint64(nothing.Partitions)
	}
	if flushed == 0 {
		return s, fmt.Errorf("%w: nothing of it is in the history yet", ErrNotNeeded)
	}
	s.partitions = int(flushed)
	s.marks = append(s.marks, make([]history.Mark, max(0, s.partitions-len(s.marks)))...)
	return s, nil
}

// compare finds out whether a new epoch is needed, and at which offset each partition begins it: where the old epoch ends, or with
// the first record of partitions that are new to it.
func (c *Config) compare(ctx context.Context, old seen, r *Report) ([]int64, error) {
	firsts, ends := make([]int64, r.Is), make([]int64, r.Is)
	flushed := make([]int64, old.partitions)
	for id := range flushed {
		var err error
		if flushed[id], err = c.flushed(ctx, id, old.marks[id]); err != nil {
			return nil, err
		}
	}
	for id, p := range c.Partitions {
		var err error
		if firsts[id], ends[id], err = p.Bounds(ctx); err != nil {
			return nil, fmt.Errorf("bounds of partition %d: %w", id, err)
		}
		r.Recreated = r.Recreated || id < old.partitions && ends[id] < flushed[id]
	}
	switch {
	case r.Recreated:
		for id, at := range flushed {
			r.Left = append(r.Left, Partition{ID: id, Offset: at})
		}
		return firsts, nil
	case r.Was == r.Is:
		return nil, ErrNotNeeded
	}
	for id := range ends {
		if id >= old.partitions {
			ends[id] = firsts[id]
		}
	}
	return ends, nil
}

// flushed is the offset before which ClickHouse has all of a partition's log.
func (c *Config) flushed(ctx context.Context, id int, m history.Mark) (int64, error) {
	const where = " WHERE topic = {topic:String} AND partition = {partition:UInt32} AND epoch >= {log:UInt16}"
	var at int64
	err := c.Conn.QueryRow(ctx, "SELECT toInt64(max(next)) FROM (SELECT offset AS next FROM progress"+where+" UNION ALL SELECT offset + 1 FROM events"+where+
		" UNION ALL SELECT offset + 1 FROM dead_letters"+where+")",
		ch.Named("topic", c.Topic), ch.Named("partition", id), ch.Named("log", m.Log)).Scan(&at)
	if err != nil {
		return 0, fmt.Errorf("flushed offset of partition %d: %w", id, err)
	}
	return max(at, m.Offset), nil
}

// move restores the old epoch's engines and hands each contact centre to the partition where it lands. It returns the old epoch too.
func (c *Config) move(ctx context.Context, old seen, begins []int64) ([]*engine.Engine, uint16, error) {
	engines := make([]*engine.Engine, len(c.Partitions))
	for id, at := range begins {
		engines[id] = engine.New(c.Engine)
		engines[id].Skip(at - 1)
	}
	var newest uint16
	for id := range old.partitions {
		marks, err := c.Store.Marks(ctx, c.Topic, id)
		if err != nil {
			return nil, 0, err
		}
		if len(marks) == 0 {
			return nil, 0, fmt.Errorf("partition %d has no checkpoint after it was drained", id)
		}
		newest = max(newest, marks[0].Epoch)
		snapshot, err := c.Store.Load(ctx, marks[0])
		if err != nil {
			return nil, 0, err
		}
		from, err := engine.Restore(c.Engine, snapshot)
		if err != nil {
			return nil, 0, fmt.Errorf("checkpoint of partition %d: %w", id, err)
		}
		for _, center := range from.Centers() {
			to, err := c.land(center.ContactCenter, id, old.partitions)
			if err != nil {
				return nil, 0, err
			}
			if err := engines[to].Move(from, center.ContactCenter); err != nil {
				return nil, 0, err
			}
		}
	}
	return engines, newest, nil
}

func (c *Config) land(contactCenter string, was, partitions int) (int, error) {
	if partitions == len(c.Partitions) {
		return was, nil // producers choose as they did
	}
	to, err := c.Land(contactCenter, len(c.Partitions))
	if err == nil && (to < 0 || to >= len(c.Partitions)) {
		err = fmt.Errorf("partition %d is not one of %d", to, len(c.Partitions))
	}
	if err != nil {
		return 0, fmt.Errorf("where contact centre %q lands: %w", contactCenter, err)
	}
	return to, nil
}

// begin writes the new epoch's checkpoints, all or none, and only then says in the progress that it has begun: replicas that see it
// boot from them.
func (c *Config) begin(ctx context.Context, r *Report, engines []*engine.Engine, begins []int64) error {
	var checkpoints []history.Checkpoint
	progress := clickhouse.NewProgress()
	for id, eng := range engines {
		snapshot, err := eng.Snapshot()
		if err != nil {
			return fmt.Errorf("pack partition %d: %w", id, err)
		}
		checkpoints = append(checkpoints, history.Checkpoint{Topic: c.Topic, Partition: id, Epoch: r.Epoch, Log: r.Epoch, Engine: engine.Number,
			Partitions: r.Is, Offset: begins[id], Snapshot: snapshot})
		p := Partition{ID: id, Offset: begins[id]}
		stamp := clickhouse.Stamp{Topic: c.Topic, Partition: id, Epoch: r.Epoch, Position: begins[id]}
		newest, complete := int64(schema.NoTime), int64(math.MinInt64)
		for _, center := range eng.Centers() {
			p.ContactCenters = append(p.ContactCenters, center.ContactCenter)
			newest, complete = max(newest, center.NewestEvent), max(complete, center.CompleteUntil)
			progress.Append(stamp, clickhouse.ProgressRow{ContactCenter: center.ContactCenter, NewestEvent: center.NewestEvent,
				CompleteUntil: center.CompleteUntil, Worker: "new-epoch"})
		}
		progress.Append(stamp, clickhouse.ProgressRow{NewestEvent: newest, CompleteUntil: complete, Worker: "new-epoch"})
		slices.Sort(p.ContactCenters)
		r.Partitions = append(r.Partitions, p)
	}
	if err := c.Store.Save(ctx, checkpoints); err != nil {
		return err
	}
	return progress.Send(ctx, c.Conn, c.Now().UnixMilli())
}
