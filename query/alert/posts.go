package alert

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"floorwalker/query/list"
	"floorwalker/schema"
)

// postsAtMost is how many posts wait for one target: a target that answers nobody must not fill the memory.
const postsAtMost = 1000

// posts are an owner's posts: those of one target one after the other, in order, those of different targets side by side. Its position is
// that of the first one that is not settled, so that the next owner posts it: at least once, hence the idempotency key.
type posts struct {
	a   *Alerts
	gen Generation

	mu      sync.Mutex
	queues  map[string][]post // by webhook; a goroutine works on each that is there
	open    map[int]map[int64]bool
	next    map[int]int64
	stored  map[int]int64
	from    map[int]int64 // what lies before has been settled by an owner before
	running sync.WaitGroup
}

// post is one transition on its way.
type post struct {
	partition int
	offset    int64
	alert     *schema.Alert
}

func newPosts(a *Alerts, gen Generation) *posts {
	return &posts{a: a, gen: gen, queues: map[string][]post{}, open: map[int]map[int64]bool{}, next: map[int]int64{}, stored: map[int]int64{}, from: maps.Clone(gen.Committed)}
}

// begin takes back what an owner before is said to have settled.
func (p *posts) begin(partition int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.from, partition)
}

// due reports whether no owner before has settled a record.
func (p *posts) due(partition int, offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return offset >= p.from[partition]
}

// take notes a record that was read; accepted is nil where it is no transition. It does not wait.
func (p *posts) take(ctx context.Context, partition int, offset int64, accepted *schema.Alert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[partition] = offset + 1
	if accepted == nil || accepted.Rule.Webhook == "" || offset < p.from[partition] {
		return
	}
	hook := accepted.Rule.Webhook
	queue, working := p.queues[hook]
	if len(queue) >= postsAtMost {
		p.a.counts.full.Inc()
		p.a.deps.Log.Error("alert not posted: too many wait for its target", "contact_center", accepted.ContactCenter, "rule", accepted.Rule.ID,
			"alert", accepted.ID, "state", accepted.State)
		return
	}
	if p.open[partition] == nil {
		p.open[partition] = map[int64]bool{}
	}
	p.open[partition][offset] = true
	p.queues[hook] = append(queue, post{partition, offset, accepted})
	if !working {
		p.running.Go(func() { p.work(ctx, hook) })
	}
}

// work posts what waits for a target until nothing does.
func (p *posts) work(ctx context.Context, hook string) {
	for {
		p.mu.Lock()
		queue := p.queues[hook]
		if len(queue) == 0 || ctx.Err() != nil {
			delete(p.queues, hook)
			p.mu.Unlock()
			return
		}
		job := queue[0]
		p.queues[hook] = queue[1:]
		p.mu.Unlock()
		if !p.deliver(ctx, job.alert) {
			continue // the generation is over: the next owner does it
		}
		p.mu.Lock()
		delete(p.open[job.partition], job.offset)
		p.mu.Unlock()
	}
}

// deliver tries until the post is settled, one way or another; false where ctx ended first.
func (p *posts) deliver(ctx context.Context, t *schema.Alert) (settled bool) {
	log := p.a.deps.Log.With("contact_center", t.ContactCenter, "rule", t.Rule.ID, "alert", t.ID, "state", t.State)
	w := p.a.deps.Webhooks
	to, unknown := w.target(t.Rule.Webhook) // a target that only another node's configuration knows is left to who comes next
	err := unknown
	body, key := Body(t), t.ID+"."+string(t.State)
	for pause := w.cfg.FirstPause; ; pause = min(2*pause, w.cfg.LongestPause) {
		now := p.a.cfg.Now()
		if now.UnixMilli()-t.At() > w.cfg.GiveUp.Milliseconds() {
			p.a.counts.gaveUp.Inc()
			log.Error("alert not posted: given up", "target", to.name, "after", w.cfg.GiveUp, "error", err)
			return true
		}
		if err = unknown; err == nil {
			err = w.post(ctx, to, key, body, now)
		}
		switch {
		case err == nil:
			p.a.counts.delivered.Inc()
			return true
		case ctx.Err() != nil:
			return false
		case errors.Is(err, errNotAllowed):
			p.a.counts.blocked.Inc()
			log.Error("alert not posted", "target", to.name, "error", err)
			return true
		}
		p.a.counts.retried.Inc()
		log.Warn("alert not posted, tried again", "target", to.name, "error", err)
		if sleep(ctx, pause/2+rand.N(pause/2+1)) != nil {
			return false
		}
	}
}

// Body is what is posted: the alert's row, and whose it is.
func Body(t *schema.Alert) []byte {
	var e list.Encoder
	e.Object()
	e.Name("contact_center")
	e.String(t.ContactCenter)
	for _, c := range Table().Columns {
		e.Name(c.Name)
		c.Write(&e, *t)
	}
	e.End()
	return e.B
}

// commit stores up to where everything is settled, where that has moved.
func (p *posts) commit() error {
	p.mu.Lock()
	moved := map[int]int64{}
	for partition, next := range p.next {
		if open := p.open[partition]; len(open) > 0 {
			next = slices.Min(slices.Collect(maps.Keys(open)))
		}
		if next > p.stored[partition] {
			moved[partition] = next
		}
	}
	p.mu.Unlock()
	if len(moved) == 0 {
		return nil
	}
	if err := p.gen.Commit(moved); err != nil {
		return err
	}
	p.mu.Lock()
	maps.Copy(p.stored, moved)
	p.mu.Unlock()
	return nil
}

// wait returns when nobody posts any more. The owner's context has ended.
func (p *posts) wait() { p.running.Wait() }
