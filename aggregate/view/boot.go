package view

import (
	"context"
	"time"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
)

// boot restores the engine from the newest checkpoint, and what lies before it from the history. Without a checkpoint the view begins
// with what Kafka still has, which is then all that there is.
func (p *partition) boot(ctx context.Context) error {
	if p.v.cfg.History == nil {
		return nil
	}
	data, epoch, err := p.v.cfg.History.Snapshot(ctx, p.id)
	if err != nil {
		p.v.cfg.Log.Warn("no checkpoint for the live view, it begins with what Kafka has", "partition", p.id, "error", err)
		return nil
	}
	if data == nil {
		return nil
	}
	eng, err := engine.Restore(p.v.cfg.Engine, data)
	if err != nil {
		p.v.cfg.Log.Warn("checkpoint cannot be used by the live view, it begins with what Kafka has", "partition", p.id, "error", err)
		return nil
	}
	p.mu.Lock()
	p.eng = eng
	eng.All()
	p.publish()
	p.mu.Unlock()
	for _, c := range p.mine() {
		p.remember(ctx, c, epoch, eng.Position())
	}
	return nil
}

func (p *partition) mine() []*center {
	p.v.mu.RLock()
	defer p.v.mu.RUnlock()
	var out []*center
	for _, c := range p.v.centers {
		if c.of == p {
			out = append(out, c)
		}
	}
	return out
}

// remember reads what a contact centre's live view needs from before the checkpoint: today's windows, intervals and talks, and the
// annotations of live interactions. Until it has them, live metrics of today are null, never partial.
func (p *partition) remember(ctx context.Context, c *center, epoch uint16, offset int64) {
	now := p.v.cfg.Now().In(p.v.cfg.Zone(c.id))
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location()).UnixMilli()
	c.mu.Lock()
	complete := c.complete
	to := complete - complete%minuteMs
	c.knownFrom = max(to, midnight)
	var live []string
	c.interactions.Scan(func(id string, _ *schema.LiveInteraction) bool { live = append(live, id); return true })
	c.mu.Unlock()
	if notes, err := p.v.cfg.History.Annotations(ctx, c.id, live, epoch, offset); err != nil {
		p.v.cfg.Log.Warn("annotations of live interactions are not known to the live view", "contact_center", c.id, "error", err)
	} else {
		c.recall(notes)
	}
	if to <= midnight {
		return // the engine has the whole day
	}
	if err := p.recallDay(ctx, c, midnight, to, complete, live); err != nil {
		p.v.cfg.Log.Warn("today is not known to the live view", "contact_center", c.id, "error", err)
	}
}

func (p *partition) recallDay(ctx context.Context, c *center, midnight, to, complete int64, live []string) error {
	h := p.v.cfg.History
	windows, err := h.Windows(ctx, c.id, midnight, to)
	if err != nil {
		return err
	}
	// Those after complete_until too: a checkpoint holds what goes on, not what ended before it. What the tail changes comes again.
	intervals, err := h.Intervals(ctx, c.id, midnight, p.v.cfg.Now().Add(keepLive).UnixMilli())
	if err != nil {
		return err
	}
	talks, err := h.Talks(ctx, c.id, midnight, complete, live)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knownFrom, c.past, c.pastTo = midnight, windows, to
	for k := range intervals {
		if iv := &intervals[k]; !c.day(iv.Agent).has(iv.Start) {
			c.keepInterval(iv)
		}
	}
	for k := range talks {
		c.keepTalks(&schema.LiveInteraction{Parts: talks[k : k+1]})
	}
	return nil
}

func (d *agentDay) has(start int64) bool {
	for _, s := range d.intervals {
		if s.start == start {
			return true
		}
	}
	return false
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
		n := c.noted[ev.Subject]
		if n == nil {
			n = &notes{}
			c.noted[a.Interaction] = n
		}
		n.add(&ev, a.Offset)
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
