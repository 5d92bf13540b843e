package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
)

// ErrBeyond says that Kafka's end lies before every checkpoint that there is, or that the topic has another number of partitions than
// they do: it is not the topic that they have seen.
var ErrBeyond = errors.New("the topic is not the one that the checkpoint has seen; the live view waits for `floorwalker new-epoch`")

// Checkpoint is a stored engine, of a worker or of the view's own.
type Checkpoint struct {
	Epoch      uint16
	Partitions int
	Offset     int64 // the next one to apply
	Engine     []byte
}

// What a partition can begin with.
const (
	fromDisk   = "disk"
	fromWorker = "worker"
	fromKafka  = "kafka"
)

// source is something that a partition could begin with.
type source struct {
	name   string
	offset int64
	// take makes the engine, and brings what else it knows into the centres once the engine's state is published.
	take func() (eng *engine.Engine, before, after func(), err error)
}

// boot begins with the newest checkpoint that Kafka's offsets allow, the worker's or the one on disk. Without any the view begins
// with what Kafka still has, which is then all that there is. While ClickHouse does not answer, nobody waits for it.
func (p *partition) boot(ctx context.Context, first, next int64) error {
	sources, err := p.sources(ctx)
	if err != nil {
		return err
	}
	beyond := int64(-1)
	for _, s := range sources {
		if s.offset > next {
			if beyond = s.offset; s.name == fromWorker {
				break // an older file is of the same topic
			}
			continue
		}
		eng, before, after, err := s.take()
		if err != nil {
			p.r.v.cfg.Log.Error("checkpoint cannot be used by the live view, another one is taken", "partition", p.id, "from", s.name,
				"offset", s.offset, "error", err)
			continue
		}
		p.begin(eng, before, after)
		if s.name == fromDisk {
			p.saved = s.offset
		}
		p.r.v.boots(s.name).Inc()
		p.r.v.cfg.Log.Info("live view begins", "partition", p.id, "from", s.name, "offset", s.offset, "first_offset", first, "next_offset", next)
		if s.offset < first {
			p.r.early.Store(true) // the worker's next one knows of the hole
			p.r.v.cfg.Log.Warn("live view begins later than its checkpoint", "partition", p.id, "checkpoint", s.offset, "first_offset", first)
		}
		return nil
	}
	if beyond >= 0 {
		return fmt.Errorf("the checkpoint's offset is %d, Kafka's next is %d: %w", beyond, next, ErrBeyond)
	}
	p.vouched = p.r.asked && !p.r.lacks.Load()
	p.r.v.boots(fromKafka).Inc()
	p.r.v.cfg.Log.Info("live view begins", "partition", p.id, "from", fromKafka, "offset", first, "next_offset", next)
	return nil
}

// begin publishes the state of a restored engine. What lies over the rows must be there before.
func (p *partition) begin(eng *engine.Engine, before, after func()) {
	p.mu.Lock()
	p.eng = eng
	before()
	eng.All()
	p.publish()
	p.mu.Unlock()
	p.vouched = true
	after()
}

// sources lists what the partition could begin with, the newest first.
func (p *partition) sources(ctx context.Context) ([]source, error) {
	out := p.files()
	w, err := p.workers(ctx)
	if err != nil {
		return nil, err
	}
	if w != nil {
		out = append(out, *w)
	}
	slices.SortStableFunc(out, func(a, b source) int { return cmp.Compare(b.offset, a.offset) })
	return out, nil
}

// workers is the newest checkpoint in ClickHouse, nil where there is none or ClickHouse does not answer.
func (p *partition) workers(ctx context.Context) (*source, error) {
	v := p.r.v
	if v.cfg.History == nil || !p.r.asked {
		return nil, nil
	}
	limit, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	c, err := v.cfg.History.Snapshot(limit, p.id)
	if err != nil {
		p.r.lacks.Store(true)
		v.cfg.Log.Warn("the worker's checkpoint cannot be read by the live view", "partition", p.id, "error", err)
		return nil, nil
	}
	if c.Engine == nil {
		return nil, nil
	}
	if c.Partitions != p.gate.Partitions {
		return nil, fmt.Errorf("the topic has %d partitions, had %d at the last checkpoint: %w", p.gate.Partitions, c.Partitions, ErrBeyond)
	}
	return &source{fromWorker, c.Offset, func() (*engine.Engine, func(), func(), error) {
		eng, err := engine.Restore(v.cfg.Engine, c.Engine)
		return eng, func() {}, func() {
			for _, center := range p.r.of(p) {
				p.remember(ctx, center, c.Epoch, c.Offset)
			}
		}, err
	}}, nil
}

// correctedFor is how long after a backfill files may still be written that hold what was counted before it: until the view has begun
// anew, and the clocks of two machines agree.
const correctedFor = time.Minute

// files lists the checkpoints on disk that are of the present epoch and of what history says now. Where ClickHouse answers and knows nothing of the topic they are
// of an earlier installation.
func (p *partition) files() []source {
	disk := p.r.v.cfg.Disk
	if disk == nil || p.r.v.cfg.History != nil && p.r.asked && !p.r.knows {
		return nil
	}
	var out []source
	for _, m := range disk.marks(p.id) {
		if m.epoch == p.r.epoch && (p.r.backfilled == 0 || m.writtenAfter(time.UnixMilli(p.r.backfilled).Add(correctedFor))) {
			out = append(out, source{fromDisk, m.offset, func() (*engine.Engine, func(), func(), error) { return p.fromFile(m) }})
		}
	}
	return out
}

var errHalf = errors.New("it does not hold all of today, which ClickHouse can tell")

func (p *partition) fromFile(m mark) (*engine.Engine, func(), func(), error) {
	s, err := p.r.v.cfg.Disk.load(m, p.gate.Partitions)
	if err != nil {
		return nil, nil, nil, err
	}
	eng, err := engine.Restore(p.r.v.cfg.Engine, s.Engine)
	if err != nil {
		return nil, nil, nil, err
	}
	var centers []*center
	for k := range s.Centers {
		c := newCenter(s.Centers[k].ID, p)
		c.load(&s.Centers[k])
		if !c.knowsDay(p.r.v.midnight(c.id)) {
			if p.r.asked {
				return nil, nil, nil, fmt.Errorf("%s: contact centre %q: %w", m.path, c.id, errHalf)
			}
			p.r.lacks.Store(true)
		}
		centers = append(centers, c)
	}
	return eng, func() { p.r.adopt(centers) }, func() {}, nil
}

// remember reads what a contact centre's live view needs from before the checkpoint: today's windows, intervals and talks, and the
// annotations of live interactions. Until it has them, live metrics of today are null, never partial.
func (p *partition) remember(ctx context.Context, c *center, epoch uint16, offset int64) {
	v := p.r.v
	midnight := v.midnight(c.id)
	c.mu.Lock()
	complete := c.complete
	to := complete - complete%minuteMs
	// Not the whole day, even where the engine has its windows: a checkpoint holds the intervals that go on, not those that ended.
	c.knownFrom = max(to, midnight+minuteMs)
	var live []string
	c.interactions.Scan(func(id string, _ *schema.LiveInteraction) bool { live = append(live, id); return true })
	c.mu.Unlock()
	if p.r.lacks.Load() {
		return // it will be made anew once ClickHouse answers; until then nobody waits for it centre by centre
	}
	ctx, cancel := context.WithTimeout(ctx, dayTimeout)
	defer cancel()
	if notes, err := v.cfg.History.Annotations(ctx, c.id, live, epoch, offset); err != nil {
		p.r.lacks.Store(true)
		v.cfg.Log.Warn("annotations of live interactions are not known to the live view", "contact_center", c.id, "error", err)
	} else {
		c.recall(notes)
	}
	if err := p.recallDay(ctx, c, midnight, to, complete, live); err != nil {
		p.r.lacks.Store(true)
		v.cfg.Log.Warn("today is not known to the live view", "contact_center", c.id, "error", err)
	}
}

func (p *partition) recallDay(ctx context.Context, c *center, midnight, to, complete int64, live []string) error {
	h := p.r.v.cfg.History
	var windows []schema.Window // those after complete_until are the engine's
	var err error
	if to > midnight {
		if windows, err = h.Windows(ctx, c.id, midnight, to); err != nil {
			return err
		}
	}
	from := min(to, midnight)
	// Those after complete_until too. What the tail changes comes again.
	intervals, err := h.Intervals(ctx, c.id, from, p.r.v.cfg.Now().Add(keepLive).UnixMilli())
	if err != nil {
		return err
	}
	talks, err := h.Talks(ctx, c.id, from, complete, live)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knownFrom, c.past, c.pastTo = from, windows, to
	for k := range intervals {
		if iv := &intervals[k]; !begins(c.day(iv.Agent), iv.Start) {
			c.keepInterval(iv)
		}
	}
	for k := range talks {
		c.keepTalks(&schema.LiveInteraction{Parts: talks[k : k+1]})
	}
	return nil
}

// midnight is when the contact centre's local day began.
func (v *View) midnight(contactCenter string) int64 {
	return schema.Midnight(v.cfg.Now().UnixMilli(), v.cfg.Zone(contactCenter))
}

// begins reports whether an interval of the day begins at start.
func begins(d *schema.AgentDay, start int64) bool {
	return slices.ContainsFunc(d.Intervals, func(s schema.Stretch) bool { return s.Start == start })
}

// recall takes stored annotations up.
func (c *center) recall(list []schema.Annotation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var dec schema.Decoder
	for k := range list {
		a := &list[k]
		value := schema.AppendStructured(nil, &schema.Event{ID: a.ID, Source: a.Source, Subject: a.Interaction, ContactCenter: c.id, Type: a.Type,
			Time: a.Time, Sequence: a.Sequence, HasSequence: a.HasSequence, Data: a.Data})
		var ev schema.Event
		if dec.DecodeStructured(value, &ev) != nil {
			continue
		}
		c.notesOf(ev.Subject).add(&ev, a.Offset)
	}
	c.version++
	c.pinned = nil
	for id, n := range c.noted {
		if i, ok := c.interactions.Get(id); ok {
			row := *i
			row.Annotations, row.Notes, row.ExtraItems = nil, nil, nil
			n.lay(&row)
			c.interactions.Set(id, &row)
		}
	}
}
