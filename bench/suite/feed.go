package suite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"floorwalker/bench/load"
	"floorwalker/schema"
)

// linger is how long events wait for others of their partition, as with Kafka's own clients since 4.0.
const linger = 5 * time.Millisecond

// forgetEvery is how many events lie between two looks at what need not be known any more.
const forgetEvery = 50_000

// lane is a partition's part of a feed: centres whose key leads there.
type lane struct {
	stream *load.Stream
	probes []*probe
	last   map[string]int64 // time of each subject's newest event: two of one subject share no millisecond
	sent   int
	id     string // begins the ids of events
	turn   int    // of the probes
}

// probe is an agent of whom it is known when each change was due.
type probe struct {
	center, agent string

	mu      sync.Mutex
	open    []change
	seen    []time.Duration
	counted time.Time // changes due before do not count
	n       int
}

type change struct {
	at  int64 // event time, ms
	due time.Time
}

func (p *probe) expect(at int64, due time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, change{at, due})
}

// saw notes that the agent was seen with a status since then: whatever was due before is visible.
func (p *probe) saw(since int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.open) > 0 && p.open[0].at <= since {
		if !p.open[0].due.Before(p.counted) {
			p.seen = append(p.seen, now.Sub(p.open[0].due))
		}
		p.open = p.open[1:]
	}
}

// next is the oldest change that has not been seen.
func (p *probe) next() (change, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		return change{}, false
	}
	return p.open[0], true
}

// begin forgets what was seen, and counts what is due from then on.
func (p *probe) begin(from time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counted, p.seen, p.open = from, nil, nil
}

// take returns how long each change took, and how many of them were never seen: these took until now at least.
func (p *probe) take(now time.Time) (took []time.Duration, missing int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	took = p.seen
	for _, c := range p.open {
		if !c.due.Before(p.counted) {
			took = append(took, now.Sub(c.due))
			missing++
		}
	}
	return took, missing
}

// spread finds names of contact centres, so many in each partition.
func spread(each int) (names [][]string) {
	names = make([][]string, partitions)
	for n, left := 1, each*partitions; left > 0; n++ {
		name := fmt.Sprint("c", n)
		if p := schema.Murmur2Partition([]byte(name), partitions); len(names[p]) < each {
			names[p] = append(names[p], name)
			left--
		}
	}
	return names
}

// feed produces events at a steady rate, each when it is due, whatever becomes of those before.
type feed struct {
	lanes  []*lane
	broker string
	topic  string
}

// produced is what a feed did: how late it was itself.
type produced struct {
	events  int
	slowest time.Duration // between when an event was due and when its request began
	rate    float64       // events a second that were stored
}

// run produces for so long. Probes change so many times a second each, within the rate.
func (f *feed) run(ctx context.Context, rate int, probesPerSecond float64, lasts time.Duration) (produced, error) {
	began := time.Now().Add(50 * time.Millisecond)
	results := make([]produced, len(f.lanes))
	errs := make([]error, len(f.lanes))
	var wait sync.WaitGroup
	for i, l := range f.lanes {
		wait.Go(func() {
			results[i], errs[i] = f.produce(ctx, l, began, float64(rate)/float64(len(f.lanes)), probesPerSecond, lasts)
		})
	}
	wait.Wait()
	var sum produced
	for _, r := range results {
		sum.events += r.events
		sum.slowest = max(sum.slowest, r.slowest)
	}
	sum.rate = float64(sum.events) / time.Since(began).Seconds()
	return sum, errors.Join(errs...)
}

func (f *feed) produce(ctx context.Context, l *lane, began time.Time, rate, probesPerSecond float64, lasts time.Duration) (out produced, err error) {
	producer := load.NewProducer(f.broker)
	defer producer.Close()
	var batch []load.Record
	perProbe := 0.0 // events between two of probes
	if n := float64(len(l.probes)) * probesPerSecond; n > 0 {
		perProbe = max(1, rate/n)
	}
	total := int(rate * lasts.Seconds())
	due := func(n int) time.Time { return began.Add(time.Duration(float64(n) / rate * float64(time.Second))) }
	nextProbe := perProbe
	for n := 0; n < total; {
		if err := sleepUntil(ctx, due(n)); err != nil {
			return out, err
		}
		now := time.Now()
		out.slowest = max(out.slowest, now.Sub(due(n)))
		batch = batch[:0]
		for ; n < total && !due(n).After(now) && len(batch) < 5000; n++ {
			if perProbe > 0 && float64(n) >= nextProbe {
				nextProbe += perProbe
				batch = append(batch, l.probeEvent(due(n)))
				continue
			}
			batch = append(batch, l.event(due(n)))
		}
		if _, err := producer.Produce(ctx, f.topic, partitions, batch); err != nil {
			return out, err
		}
		out.events += len(batch)
		if err := sleepUntil(ctx, now.Add(linger)); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (l *lane) event(due time.Time) load.Record {
	ev, _ := l.stream.Next()
	return l.record(&ev, due)
}

// record gives an event the time at which it is due.
func (l *lane) record(ev *schema.Event, due time.Time) load.Record {
	l.sent++
	ev.ID = fmt.Sprint(l.id, "-", l.sent)
	key := ev.ContactCenter + "/" + ev.Subject
	ev.Time = max(due.UnixMilli(), l.last[key]+1)
	l.last[key] = ev.Time
	if l.sent%forgetEvery == 0 { // what lies behind keeps nothing apart any more
		maps.DeleteFunc(l.last, func(_ string, at int64) bool { return at < due.UnixMilli() })
	}
	return load.Record{Arrival: ev.Time, Center: ev.ContactCenter, Value: schema.AppendStructured(nil, ev)}
}

var probeStatus = []string{`{"status":"available"}`, `{"status":"break"}`}

func (l *lane) probeEvent(due time.Time) load.Record {
	p := l.probes[l.turn%len(l.probes)]
	l.turn++
	p.n++
	r := l.record(&schema.Event{Source: "/bench", Subject: p.agent, ContactCenter: p.center, Type: schema.AgentStatus, Data: []byte(probeStatus[p.n%2])}, due)
	p.expect(r.Arrival, due)
	return r
}

// logIn brings the probes in.
func (f *feed) logIn(ctx context.Context) error {
	var batch []load.Record
	now := time.Now()
	for _, l := range f.lanes {
		for _, p := range l.probes {
			batch = append(batch, l.record(&schema.Event{Source: "/bench", Subject: p.agent, ContactCenter: p.center, Type: schema.AgentLogin,
				Data: []byte(`{"session_id":"s-` + p.agent + `"}`)}, now))
		}
	}
	_, err := load.Produce(ctx, f.broker, f.topic, partitions, batch)
	return err
}

func sleepUntil(ctx context.Context, at time.Time) error {
	left := time.Until(at)
	if left <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
