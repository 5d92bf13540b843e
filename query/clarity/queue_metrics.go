package clarity

import (
	"math"
	"slices"

	"floorwalker/query/floor"
	encode "floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// The reading of queue metrics is ours: the specification has them by subscription only. Their names are those that it prints
// (queuedCount, abandoned…), the others ours in its style.

// queueTotals are today's figures of queues by modality, made once of the same figures.
type queueTotals struct{}

func queueTotalsOf(v *floor.View, f *floor.Figures) map[string]*[numModalities]metric.Totals {
	return f.Once(queueTotals{}, func() any {
		out, thresholds := map[string]*[numModalities]metric.Totals{}, v.Thresholds(0)
		for _, w := range f.Windows {
			if w.Agent != "" || w.Queue == "" {
				continue
			}
			if out[w.Queue] == nil {
				out[w.Queue] = &[numModalities]metric.Totals{}
			}
			out[w.Queue][modalityOf(w.Channel)].AddWindow(w, thresholds.Of(w.Queue))
		}
		return out
	}).(map[string]*[numModalities]metric.Totals)
}

// waiting is what waits in queues by modality.
type waiting struct {
	count  [numModalities]int64
	oldest [numModalities]int64 // NoTime where nothing waits
}

func nothingWaits() *waiting {
	w := &waiting{}
	for m := range w.oldest {
		w.oldest[m] = schema.NoTime
	}
	return w
}

func (w *waiting) add(m modality, count, oldest int64) {
	w.count[m] += count
	if oldest != schema.NoTime && (w.oldest[m] == schema.NoTime || oldest < w.oldest[m]) {
		w.oldest[m] = oldest
	}
}

// queueBoard is what an answer about queues is made of; like board it knows no request.
type queueBoard struct {
	*sight
	p        properties
	totals   map[string]*[numModalities]metric.Totals
	hour     map[string]*metric.Totals // for estimated waits
	waiting  map[string]*waiting
	sessions map[string][]session // by the queue that they are in
}

func (c *call) queueBoard(part string) (*queueBoard, error) {
	p, err := c.properties(part)
	if err != nil {
		return nil, err
	}
	return c.sight.queueBoard(p)
}

func (s *sight) queueBoard(p properties) (*queueBoard, error) {
	p.status = false
	b := &queueBoard{sight: s, p: p, waiting: map[string]*waiting{}, sessions: map[string][]session{}}
	if p.metrics {
		today, hour := s.api.Source.Figures(s.v, "today"), s.api.Source.Figures(s.v, "1h")
		if today == nil || hour == nil {
			return nil, problem.Unavailable("history_unavailable", "what happened earlier today is not known at this moment", 1)
		}
		b.totals, b.hour = queueTotalsOf(s.v, today), hour.Handles()
	}
	s.v.Floor.Interactions.Scan(func(_ string, i *schema.LiveInteraction) bool {
		b.see(i)
		return true
	})
	return b, nil
}

func (b *queueBoard) see(i *schema.LiveInteraction) {
	if i.State == schema.StateEnded {
		return
	}
	if visit := (&floor.Interaction{LiveInteraction: i}).Visit(); visit != nil {
		w := b.waiting[visit.Queue]
		if w == nil {
			w = nothingWaits()
			b.waiting[visit.Queue] = w
		}
		w.add(modalityOf(visit.Channel), 1, visit.Start)
	}
	if b.p.sessions && i.Queue != "" {
		if row := floor.NewInteraction(i); b.may.session(row) {
			b.sessions[i.Queue] = append(b.sessions[i.Queue], sessionOf(b.v, row))
		}
	}
}

// queues are those that are named: by id in the order given, then those of units by number. all stands for no ids.
func (s *sight) queues(named args, all bool) ([]string, error) {
	items, given := named.items(queueIDs...)
	units, err := s.units(named)
	if err != nil {
		return nil, err
	}
	var out []string
	add := func(id string) {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	if !given && len(units) == 0 {
		if !all {
			return nil, noIDs()
		}
		for _, id := range s.v.QueueIDs() {
			if s.may.queue(id) {
				add(id)
			}
		}
		return s.byNumber(directory.KindQueue, out), nil
	}
	for _, item := range items {
		id, err := s.queue(item)
		if err != nil {
			return nil, err
		}
		add(id)
	}
	s.fillQueues(units)
	for _, u := range units {
		for _, id := range s.byNumber(directory.KindQueue, u.queues) {
			add(id)
		}
	}
	return out, nil
}

// fillQueues adds the visible queues of each unit: those that its teams serve or that belong to it.
func (s *sight) fillQueues(units []grouped) {
	dims := map[string]metric.Dimension{directory.KindTeam: metric.DimTeam, directory.KindGroup: metric.DimGroup, directory.KindBusinessUnit: metric.DimBusinessUnit}
	members := map[string]map[string][]string{}
	for i := range units {
		u := &units[i]
		if members[u.kind] == nil {
			members[u.kind] = s.v.Members(dims[u.kind], true)
		}
		for _, id := range members[u.kind][u.id] {
			if s.may.queue(id) {
				u.queues = append(u.queues, id)
			}
		}
	}
}

func queueMetrics(c *call, part string) error {
	id := c.segment("id")
	if form, err := c.takeForm(id); form {
		if err != nil {
			return err
		}
		if _, named := c.args.items(queueIDs...); named {
			return listQueues(c, part)
		}
		return groupQueues(c, part)
	}
	queue, err := c.queue(id)
	if err != nil {
		return err
	}
	b, err := c.queueBoard(part)
	if err != nil {
		return err
	}
	var e encode.Encoder
	b.writeQueue(&e, queue)
	return sendEncoded(c.Ctx, &e)
}

func listQueues(c *call, part string) error {
	ids, err := c.queues(c.args, false)
	if err != nil {
		return err
	}
	b, err := c.queueBoard(part)
	if err != nil {
		return err
	}
	var e encode.Encoder
	e.Array()
	for _, id := range ids {
		b.writeQueue(&e, id)
	}
	e.EndArray()
	return sendEncoded(c.Ctx, &e)
}

func aggregateQueues(c *call, part string) error {
	ids, err := c.queues(c.args, true)
	if err != nil {
		return err
	}
	b, err := c.queueBoard(part)
	if err != nil {
		return err
	}
	var e encode.Encoder
	b.writeAggregate(&e, ids)
	return sendEncoded(c.Ctx, &e)
}

func groupQueues(c *call, part string) error {
	items, _ := c.args.items(queueIDs...)
	for _, item := range items {
		if _, err := c.queue(item); err != nil {
			return err
		}
	}
	units, err := c.firstUnits(c.args)
	if err != nil {
		return err
	}
	c.fillQueues(units)
	b, err := c.queueBoard(part)
	if err != nil {
		return err
	}
	var e encode.Encoder
	e.Array()
	for i := range units {
		b.writeUnit(&e, &units[i])
	}
	e.EndArray()
	return sendEncoded(c.Ctx, &e)
}

// writeQueue appends one queue as an object.
func (b *queueBoard) writeQueue(e *encode.Encoder, id string) {
	e.Object()
	e.Name("type")
	e.String("queue")
	if b.p.metrics {
		b.writeBags(e, []string{id})
	}
	writeSessions(e, b.sessions[id], &b.p, b.mask)
	e.Name("name")
	e.String(b.v.Directory.QueueName(id))
	e.Name("id")
	b.writeNumber(e, directory.KindQueue, id)
	e.End()
}

// writeAggregate appends several queues together as an object.
func (b *queueBoard) writeAggregate(e *encode.Encoder, ids []string) {
	e.Object()
	b.writeTogether(e, ids)
	e.End()
}

// writeUnit appends a unit of queues as an object.
func (b *queueBoard) writeUnit(e *encode.Encoder, u *grouped) {
	b.writeGroup(e, u, func() { b.writeTogether(e, u.queues) })
}

func (b *queueBoard) writeTogether(e *encode.Encoder, ids []string) {
	e.Name("entityIds")
	e.Array()
	for _, n := range b.numbers(directory.KindQueue, ids) {
		e.Int(n)
	}
	e.EndArray()
	e.Name("type")
	e.String("queue")
	if b.p.metrics && len(ids) > 0 {
		b.writeBags(e, ids)
	}
	var sessions []session
	for _, id := range ids {
		sessions = append(sessions, b.sessions[id]...)
	}
	writeSessions(e, sessions, &b.p, b.mask)
}

// queueMetric is one number of a queue's bag; ok is false for null.
type queueMetric struct {
	name string
	of   func(b *queueBoard, t *metric.Totals, w *waiting, m modality) (v float64, ok bool)
}

func countOf(c schema.Count) func(*queueBoard, *metric.Totals, *waiting, modality) (float64, bool) {
	return func(_ *queueBoard, t *metric.Totals, _ *waiting, _ modality) (float64, bool) {
		return float64(t.Counts[c]), true
	}
}

const longestQueuedTime = "longestQueuedTime"

var queueBag = []queueMetric{
	{"queuedCount", func(_ *queueBoard, _ *metric.Totals, w *waiting, m modality) (float64, bool) {
		return float64(w.count[m]), true
	}},
	{"offeredCount", countOf(schema.CountOffered)},
	{"answeredCount", countOf(schema.CountAnswered)},
	{"abandonedCount", countOf(schema.CountAbandoned)},
	{"abandonedBeforeSLACount", func(_ *queueBoard, t *metric.Totals, _ *waiting, _ modality) (float64, bool) {
		return float64(t.ServiceLevel.AbandonedIn), true
	}},
	{"abandonedAfterSLACount", func(_ *queueBoard, t *metric.Totals, _ *waiting, _ modality) (float64, bool) {
		return float64(t.Counts[schema.CountAbandoned] - t.ServiceLevel.AbandonedIn), true
	}},
	{longestQueuedTime, func(b *queueBoard, _ *metric.Totals, w *waiting, m modality) (float64, bool) {
		return float64(b.v.AsOf - w.oldest[m]), w.oldest[m] != schema.NoTime
	}},
	{"averageSpeedOfAnswer", func(_ *queueBoard, t *metric.Totals, _ *waiting, _ modality) (float64, bool) {
		return t.Measures[schema.MeasureWait].Mean()
	}},
	{"serviceLevel", func(b *queueBoard, t *metric.Totals, _ *waiting, _ modality) (float64, bool) {
		return t.ServiceLevel.Level(b.v.Formula(), t.Counts[schema.CountAnswered], t.Counts[schema.CountAbandoned])
	}},
}

const estimatedWaitTime = "estimatedWaitTime"

func queueMetricNames() (names []string) {
	for _, m := range queueBag {
		names = append(names, m.name)
	}
	return append(names, estimatedWaitTime)
}

// writeBags appends what the queues come to. The estimated wait, in the bag agnostic, is one queue's: it cannot be added up.
func (b *queueBoard) writeBags(e *encode.Encoder, ids []string) {
	var sums [numModalities]metric.Totals
	wait := nothingWaits()
	for _, id := range ids {
		for m := range numModalities {
			if t := b.totals[id]; t != nil {
				sums[m].Add(&t[m])
			}
			if w := b.waiting[id]; w != nil {
				wait.add(m, w.count[m], w.oldest[m])
			}
		}
	}
	all := &lazily{e: e, name: "metrics"}
	for m := range numModalities {
		if !b.p.modalities[m] {
			continue
		}
		bag := &lazily{e: e, name: modalityNames[m], over: all}
		for i := range queueBag {
			if !has(b.p.metricSet, queueBag[i].name) {
				continue
			}
			bag.begin()
			e.Name(queueBag[i].name)
			queueBag[i].write(e, b, &sums[m], wait, m)
		}
		bag.end()
	}
	if seconds, ok := b.estimatedWait(ids); ok && has(b.p.metricSet, estimatedWaitTime) {
		bag := &lazily{e: e, name: "agnostic", over: all}
		bag.begin()
		e.Name(estimatedWaitTime)
		e.Int(seconds)
		bag.end()
	}
	all.end()
}

func (q *queueMetric) write(e *encode.Encoder, b *queueBoard, t *metric.Totals, w *waiting, m modality) {
	v, ok := q.of(b, t, w, m)
	switch {
	case !ok:
		e.Null()
	case q.name == longestQueuedTime:
		writeClock(e, running(w.oldest[m]), b.v.AsOf, b.p.moments)
	case v == math.Trunc(v):
		e.Int(int64(v))
	default:
		e.Float(v)
	}
}

// estimatedWait of one queue in seconds, rounded half up; false where nobody could answer.
func (b *queueBoard) estimatedWait(ids []string) (seconds int64, ok bool) {
	if len(ids) != 1 {
		return 0, false
	}
	return estimatedWait(b.v, ids[0], b.hour[ids[0]])
}

func estimatedWait(v *floor.View, queue string, hour *metric.Totals) (seconds int64, ok bool) {
	var handles metric.Distribution
	if hour != nil {
		handles = hour.Measures[schema.MeasureHandle]
	}
	ms, ok := v.EstimatedWait(queue, handles)
	return int64(math.Floor(ms/1000 + 0.5)), ok
}
