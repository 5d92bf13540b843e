package floor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"floorwalker/schema"
)

// MetricsTTL is how long live windows are used again; asking for them costs far more than reading a floor.
const MetricsTTL = 500 * time.Millisecond

// askedWithin is how long Run keeps figures fresh that nobody asks for.
const askedWithin = 10 * time.Second

// kept are a contact centre's figures of one window.
type kept struct {
	mu    sync.Mutex // held by who asks for newer ones
	shown atomic.Pointer[shown]
	asked atomic.Int64 // when somebody last wanted them, in ms
	eager atomic.Int64 // when somebody did who does not want to wait
}

// shown are figures with when they were asked for; nil figures are not known.
type shown struct {
	at      time.Time
	from    int64
	figures *Figures
}

// serves reports whether figures can be shown for a window that begins at from.
func (o *shown) serves(now time.Time, within time.Duration, from int64, rolling bool) bool {
	return o != nil && !now.Before(o.at) && now.Sub(o.at) < within && (o.from == from || rolling)
}

// Windows that live metrics know.
var windowMinutes = map[string]int64{"5m": 5, "15m": 15, "30m": 30, "1h": 60}

// WindowNames lists the live windows.
func WindowNames() []string { return []string{"5m", "15m", "30m", "1h", "today"} }

const minute = int64(60_000)

// span is the range of a named window: the minute of as_of and the n−1 before it, or since local midnight (metrics, rule 2).
func (v *View) span(window string) (from, to int64) {
	to = v.AsOf - mod(v.AsOf, minute) + minute
	if window == "today" {
		return schema.Midnight(v.AsOf, v.Directory.Location), to
	}
	return to - windowMinutes[window]*minute, to
}

// Figures are the live windows of a named window at about the view's moment. It is nil where they are not known, as today while
// history cannot be reached.
func (s *Source) Figures(v *View, window string) *Figures { return s.get(v, window, true) }

// FiguresInTime are Figures for who can wait while they are asked for: Run does not refresh them for their sake.
func (s *Source) FiguresInTime(v *View, window string) *Figures { return s.get(v, window, false) }

func (s *Source) get(v *View, window string, eager bool) *Figures {
	c := s.center(v.ContactCenter)
	c.mu.Lock()
	k := c.figures[window]
	if k == nil {
		k = &kept{}
		c.figures[window] = k
	}
	c.mu.Unlock()

	now := s.now()
	k.asked.Store(now.UnixMilli())
	if eager {
		k.eager.Store(now.UnixMilli())
	}
	from, to := v.span(window)
	// While Run refreshes them nobody waits when a minute ends; a day's end is sharp.
	within, rolling := MetricsTTL, false
	if eager && s.refreshes.Load() {
		within, rolling = 3*MetricsTTL, window != "today"
	}
	if old := k.shown.Load(); old.serves(now, within, from, rolling) {
		return old.figures
	}
	if !k.mu.TryLock() {
		// Somebody is asking for newer ones, which takes a while: those of a moment ago will do, as if we had come before.
		if old := k.shown.Load(); old.serves(now, 4*MetricsTTL, from, rolling) {
			return old.figures
		}
		k.mu.Lock()
	}
	defer k.mu.Unlock()
	if old := k.shown.Load(); old.serves(now, within, from, rolling) {
		return old.figures
	}
	return s.ask(k, v, now, from, to)
}

// ask asks the live view. The lock is held.
func (s *Source) ask(k *kept, v *View, now time.Time, from, to int64) *Figures {
	fresh := &shown{at: now, from: from}
	if m, ok := s.live.Metrics(v.ContactCenter, from, to); ok {
		fresh.figures = &Figures{LiveMetrics: m}
		var before *Figures
		if old := k.shown.Load(); old != nil {
			before = old.figures
		}
		if before != nil {
			fresh.figures.index(before)
			fresh.figures.carry(before)
			fresh.figures.recount(v, before)
		}
	}
	k.shown.Store(fresh)
	return fresh.figures
}

// Run asks for newer figures ahead of those who want them, so that no request waits for that. It returns when ctx ends.
func (s *Source) Run(ctx context.Context) {
	s.refreshes.Store(true)
	defer s.refreshes.Store(false)
	tick := time.NewTicker(MetricsTTL / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.refresh()
		}
	}
}

// refresh asks for newer figures where old ones are wanted.
func (s *Source) refresh() {
	s.mu.Lock()
	centers := make(map[string]*center, len(s.centers))
	for id, c := range s.centers {
		centers[id] = c
	}
	s.mu.Unlock()
	for id, c := range centers {
		for window, k := range c.wanted(s.now()) {
			k.mu.Lock()
			v := s.View(id)
			from, to := v.span(window)
			s.ask(k, v, s.now(), from, to)
			k.mu.Unlock()
		}
	}
}

// wanted are the figures that somebody asked for lately and that have become old, and forgets those that nobody asks for.
func (c *center) wanted(now time.Time) map[string]*kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out map[string]*kept
	for window, k := range c.figures {
		old := k.shown.Load()
		switch {
		case old == nil: // being asked for
		case now.UnixMilli()-k.asked.Load() > askedWithin.Milliseconds():
			delete(c.figures, window)
		case now.Sub(old.at) >= MetricsTTL && now.UnixMilli()-k.eager.Load() <= askedWithin.Milliseconds():
			if out == nil {
				out = map[string]*kept{}
			}
			out[window] = k
		}
	}
	return out
}

// Figures are live windows, found by agent.
type Figures struct {
	schema.LiveMetrics
	kept    sync.Map
	carried sync.Map // *carried by key
	counts  counts

	once    sync.Once
	byAgent atomic.Pointer[byAgent]
	indexed wish
}

// Once returns what make made of these figures when it was first asked for under the key.
func (f *Figures) Once(key any, make func() any) any {
	if v, ok := f.kept.Load(key); ok {
		return v
	}
	v, _ := f.kept.LoadOrStore(key, make())
	return v
}

// agents is the index of the figures.
func (f *Figures) agents() *byAgent {
	f.indexed.asked.Store(true)
	f.once.Do(func() { f.byAgent.Store(newByAgent(&f.LiveMetrics, nil)) })
	return f.byAgent.Load()
}

// index makes the index where that of the figures before is wanted.
func (f *Figures) index(before *Figures) {
	old := before.byAgent.Load()
	idle, wanted := before.indexed.next()
	if old == nil || !wanted {
		return
	}
	f.indexed.idle = idle
	f.once.Do(func() { f.byAgent.Store(newByAgent(&f.LiveMetrics, old)) })
}

// EachInterval visits what of the agents' effective status touches the range. visit must not keep the interval.
func (f *Figures) EachInterval(visit func(*schema.Interval)) {
	for _, d := range f.Days {
		d.EachInterval(f.From, min(f.To, f.AsOf), visit)
	}
}

// Agent is what the figures hold of one agent: windows by Dims, and the day, nil where nothing is known of it.
func (f *Figures) Agent(id string) (windows []*schema.Window, day *schema.AgentDay) {
	a := f.agents().of(id)
	if a == nil {
		return nil, nil
	}
	return a.windows, a.day
}
