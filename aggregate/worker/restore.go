package worker

import (
	"context"
	"errors"
	"fmt"
	"math"

	"floorwalker/aggregate/history"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// restore makes the partition's engine: from the newest checkpoint that can be read, else an empty one that is fed with the raw
// events that ClickHouse has. first and next are Kafka's bounds.
func (p *partition) restore(ctx context.Context, first, next int64) error {
	marks, err := p.w.parts.Checkpoints.Marks(ctx, p.w.cfg.Topic, p.id)
	if err != nil {
		return err
	}
	// A partition without a checkpoint may be a new one of a topic that the others' checkpoints know.
	if known, err := p.w.parts.Checkpoints.Partitions(ctx, p.w.cfg.Topic); err != nil {
		return err
	} else if known != 0 && known != p.total {
		return fmt.Errorf("the topic has %d partitions, had %d at the last checkpoint: %w", p.total, known, ErrNewEpoch)
	}
	if err := p.begin(marks, next); err != nil {
		return err
	}
	eng, from, err := p.fromMarks(ctx, marks)
	if err != nil {
		return err
	}
	stored, of, err := p.w.parts.Sink.Stored(ctx, p.w.cfg.Topic, p.id, p.log, from)
	if err != nil {
		return err
	}
	if stored >= next {
		return fmt.Errorf("raw events are stored up to offset %d, Kafka's next is %d: %w", stored, next, ErrNewEpoch)
	}
	if p.ahead, err = p.w.parts.Sink.Ahead(ctx, p.w.cfg.Topic, p.id, p.log, from); err != nil {
		return err
	}
	newest, complete, err := p.w.parts.Sink.Progress(ctx, p.w.cfg.Topic, p.id, p.log)
	if err != nil {
		return err
	}
	if p.stops, err = p.w.parts.Sink.Corrected(ctx, p.w.cfg.Topic, p.id, p.epoch, from); err != nil {
		return err
	}
	noted, lost, err := p.w.parts.Sink.Noted(ctx, p.w.cfg.Topic, p.id, p.log, from)
	if err != nil {
		return err
	}
	before, err := p.w.parts.Sink.Resumed(ctx, p.w.cfg.Topic, p.log)
	if err != nil {
		return err
	}
	unread := len(marks) > 0 && p.saved < 0 // there were checkpoints, but this epoch has none to go on from
	p.mu.Lock()
	p.eng, p.stored, p.storedOf, p.newest, p.complete, p.expired = eng, stored, of, newest, complete, eng.ExpiredTotal()
	p.noted, p.resume = noted, resumed(lost)
	if p.resume == nil && len(before) > 0 {
		p.resume = &resume{before: map[string]int64{}, from: before, rest: math.MinInt64} // others are whole
	}
	p.mu.Unlock()
	if len(lost) > 0 && p.w.cfg.Now().UnixMilli()-lost[0].NotedAt < recentGap.Milliseconds() {
		p.w.tellGap(p.id, lost[0])
	}
	switch {
	case len(marks) == 0 && stored < 0 && newest == schema.NoTime:
		p.begins(first)
		return nil
	case from < first || unread:
		complete := from
		if len(marks) > 0 {
			complete = max(complete, marks[0].Offset)
		}
		return p.recover(ctx, from, first, stored, complete)
	}
	return nil
}

// begins notes what was gone before the topic was read for the first time.
func (p *partition) begins(first int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noted < first {
		p.note(clickhouse.OffsetGap{From: p.noted, Until: first, Reason: clickhouse.GapBeforeStart, Ended: schema.NoTime, Resumed: schema.NoTime})
		p.eng.Skip(first - 1)
	}
}

// recover brings the state from an offset to where Kafka goes on: by stored raw events, and over what is lost. Before complete all
// that belongs to raw events is written; after it annotations and letters may be missing, so that Kafka's records are read where there are.
func (p *partition) recover(ctx context.Context, from, first, stored, complete int64) error {
	missing, err := p.w.parts.Sink.Missing(ctx, p.w.cfg.Topic, p.id, p.log, from, max(first, stored+1))
	if err != nil {
		return err
	}
	lost, until := holes(missing, first, stored)
	until = min(until, max(first, complete))
	if len(lost) > 0 {
		if err := p.bridge(ctx, lost); err != nil {
			return err
		}
	}
	if err := p.rebuild(ctx, p.position(), until); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eng.Skip(max(until, first) - 1) // what comes last may be no events
	return nil
}

// begin finds the epoch, and refuses a topic that does not continue what the newest checkpoint has seen.
func (p *partition) begin(marks []history.Mark, next int64) error {
	if len(marks) == 0 {
		return nil
	}
	m := marks[0]
	p.epoch, p.log = m.Epoch, m.Log
	if m.Partitions != p.total {
		return fmt.Errorf("the topic has %d partitions, had %d at the last checkpoint: %w", p.total, m.Partitions, ErrNewEpoch)
	}
	if m.Offset > next {
		return fmt.Errorf("the checkpoint's offset is %d, Kafka's next is %d: %w", m.Offset, next, ErrNewEpoch)
	}
	if m.Engine != p.w.parts.Engines.Number {
		p.epoch++ // rows of the new engine win over those of the old one
	}
	return nil
}

// fromMarks restores the first checkpoint that can be: of this engine and log. Without one it returns an empty engine and 0.
func (p *partition) fromMarks(ctx context.Context, marks []history.Mark) (Engine, int64, error) {
	for _, m := range marks {
		if m.Engine != p.w.parts.Engines.Number || m.Log != p.log {
			continue
		}
		snapshot, err := p.w.parts.Checkpoints.Load(ctx, m)
		if err != nil && !errors.Is(err, history.ErrBroken) {
			return nil, 0, err
		}
		var eng Engine
		if err == nil {
			eng, err = p.w.parts.Engines.Restore(snapshot)
		}
		if err != nil {
			p.w.count.broken.Inc()
			p.w.cfg.Log.Error("checkpoint cannot be restored, the one before is taken", "topic", p.w.cfg.Topic, "partition", p.id,
				"epoch", m.Epoch, "offset", m.Offset, "error", err)
			continue
		}
		if m.Epoch == p.epoch {
			p.saved = m.Offset
		}
		return eng, eng.Position(), nil
	}
	return p.w.parts.Engines.New(), 0, nil
}

// rebuild applies stored raw events in [from, until): their rows and annotations are stored, what they change is flushed.
func (p *partition) rebuild(ctx context.Context, from, until int64) error {
	if from >= until {
		return nil
	}
	p.w.cfg.Log.Warn("rebuilding from stored raw events", "topic", p.w.cfg.Topic, "partition", p.id, "from_offset", from, "until_offset", until)
	return p.w.parts.Sink.Raw(ctx, p.w.cfg.Topic, p.id, p.log, from, until, func(raw *schema.RawEvent) error {
		if err := p.waitForRoom(ctx); err != nil {
			return err
		}
		if err := p.stopBefore(ctx, raw.Offset); err != nil {
			return err
		}
		rec := schema.RecordOf(p.w.cfg.Topic, raw)
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := p.dec.Decode(&rec, &p.ev); err != nil {
			return fmt.Errorf("stored raw event at offset %d: %w", raw.Offset, err)
		}
		p.pending.events++
		p.apply(&p.ev, raw.Offset)
		p.w.count.replayed.Inc()
		return nil
	})
}
