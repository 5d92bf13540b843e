package clarity

import (
	"slices"

	"floorwalker/query/hub"
	encode "floorwalker/query/list"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// queueFeed follows queues. What waits in all of them is counted once for all feeds of a look.
func (w *watch) queueFeed(f *hub.Feed) {
	f.Whole = true
	if w.p.metrics {
		f.Windows = []string{"today", "1h"}
	}
	f.Build = func(c *hub.Change, rows *hub.Rows) error {
		s := w.sight(c)
		if s == nil {
			return nil
		}
		b, err := w.queueBoard(s, c)
		if err != nil {
			return err
		}
		w.buildQueues(b, rows)
		return nil
	}
}

func (w *watch) buildQueues(b *queueBoard, rows *hub.Rows) {
	put := func(key string, write func(e *encode.Encoder)) {
		var e encode.Encoder
		write(&e)
		rows.Put(key, row(key, e.B))
	}
	switch w.kind {
	case queuesEach:
		for _, id := range b.queuesOf(&w.subject) {
			put(id, func(e *encode.Encoder) { b.writeQueue(e, id) })
		}
	case queuesTogether:
		if ids := b.queuesOf(&w.subject); len(ids) > 0 {
			put(togetherKey, func(e *encode.Encoder) { b.writeAggregate(e, ids) })
		}
	default:
		units := b.visibleUnits(&w.subject)
		b.fillQueues(units)
		for i := range units {
			put(unitKey(&units[i]), func(e *encode.Encoder) { b.writeUnit(e, &units[i]) })
		}
	}
}

// queuesOf are the queues of a subject that can be seen now.
func (s *sight) queuesOf(of *subject) (out []string) {
	if of.all {
		for _, id := range s.v.QueueIDs() {
			if s.may.queue(id) {
				out = append(out, id)
			}
		}
		return s.byNumber(directory.KindQueue, out)
	}
	for _, id := range of.ids {
		if s.seesQueue(id) {
			out = append(out, id)
		}
	}
	units := s.visibleUnits(of)
	s.fillQueues(units)
	for _, u := range units {
		out = append(out, u.queues...)
	}
	slices.Sort(out)
	return s.byNumber(directory.KindQueue, slices.Compact(out))
}

// inQueues is what a look finds in the queues.
type inQueues struct {
	eyes     string // of sessions
	sessions bool
}

func (w *watch) queueBoard(s *sight, c *hub.Change) (*queueBoard, error) {
	k := inQueues{sessions: w.p.sessions}
	if k.sessions {
		k.eyes = w.eyes
	}
	found := c.Once(k, func() any {
		b := &queueBoard{sight: s, p: properties{sessions: k.sessions}, waiting: map[string]*waiting{}, sessions: map[string][]session{}}
		s.v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
			b.see(i)
			return true
		})
		return b
	}).(*queueBoard)
	b := *found
	b.sight, b.p = s, w.p
	if !w.p.metrics {
		return &b, nil
	}
	today, hour := c.LiveWindow("today"), c.LiveWindow("1h")
	if today == nil || hour == nil {
		return nil, notKnownToday()
	}
	b.totals, b.hour = queueTotalsOf(s.v, today), hour.Handles()
	return &b, nil
}
