package floor

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Bounds of pinned states. A centre's first burst of lists pins each its own state; after that a new one is pinned every
// pinEvery at most, and lists in between share the newest, so that the number of pins is bounded by KeepFor/pinEvery + pinBurst.
const (
	KeepFor  = 90 * time.Second
	pinEvery = 100 * time.Millisecond
	pinBurst = 300
)

// MetricsTTL is how long live windows are used again; asking for them costs far more than reading a floor.
const MetricsTTL = 500 * time.Millisecond

// Source makes views out of the live view and the directory. Its methods may be called from any goroutine.
type Source struct {
	live       Live
	directory  Directories
	configured []string
	now        func() time.Time

	mu      sync.Mutex
	centers map[string]*center
}

// center is what is kept of one contact centre.
type center struct {
	mu      sync.Mutex
	newest  *View
	pins    []*pin // oldest first
	tokens  float64
	refill  time.Time
	metrics map[metricsKey]*kept
	rosters rosters
}

// pin is one state that pages may come back to.
type pin struct {
	id          [12]byte
	view        *View
	first, last int64 // the AsOf that answers carried
	until       time.Time
}

// NewSource makes a source. configured are contact centres that exist even where neither directory nor events name them.
func NewSource(live Live, d Directories, configured []string, now func() time.Time) *Source {
	return &Source{live: live, directory: d, configured: slices.Clone(configured), now: now, centers: map[string]*center{}}
}

// Knows reports whether a contact centre exists: in the configuration, the directory or the live view.
func (s *Source) Knows(contactCenter string) bool {
	if contactCenter == "" {
		return false
	}
	if slices.Contains(s.configured, contactCenter) {
		return true
	}
	if _, ok := s.live.Pin(contactCenter); ok {
		return true
	}
	return slices.Contains(s.directory.ContactCenters(), contactCenter)
}

// center must only be called with contact centres that exist, or callers could fill the memory.
func (s *Source) center(contactCenter string) *center {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.centers[contactCenter]
	if c == nil {
		c = &center{tokens: pinBurst, refill: s.now(), metrics: map[metricsKey]*kept{}}
		s.centers[contactCenter] = c
	}
	return c
}

// View is the newest state. Views of the same floor and directory share what has been worked out.
func (s *Source) View(contactCenter string) *View {
	f, ok := s.live.Pin(contactCenter)
	if !ok {
		f = nil
	}
	d := s.directory.Snapshot(contactCenter)
	if d == nil {
		d = nothingSaid(contactCenter)
	}
	v := NewView(contactCenter, f, d, s.now().UnixMilli())
	c := s.center(contactCenter)
	v.rosters = &c.rosters
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil && c.newest.Same(v) {
		v.shared = c.newest.shared
	} else {
		c.newest = v
	}
	return v
}

func nothingSaid(contactCenter string) *directory.Directory {
	return &directory.Directory{ID: contactCenter, Location: time.UTC,
		ContactCenter: &directory.ContactCenter{Entity: directory.Entity{ID: contactCenter, Name: contactCenter}}}
}

// Snapshot is the state that a list shows and the token under which later pages find it again: a new one where token is
// empty. Errors are problems: 400 for what is no token, 410 snapshot_expired.
func (s *Source) Snapshot(contactCenter, token string) (*View, string, error) {
	if token != "" {
		v, err := s.pinned(contactCenter, token)
		return v, token, err
	}
	v := s.View(contactCenter)
	c := s.center(contactCenter)
	now := s.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	p := c.share(v, now)
	if p == nil {
		p = &pin{view: v, first: v.AsOf, last: v.AsOf}
		if _, err := rand.Read(p.id[:]); err != nil {
			return nil, "", problem.Internal(err)
		}
		c.pins = append(c.pins, p)
	}
	p.until = now.Add(KeepFor)
	if p.view.Same(v) {
		p.first, p.last = min(p.first, v.AsOf), max(p.last, v.AsOf)
		return v, p.token(v.AsOf), nil
	}
	return p.view.At(p.last), p.token(p.last), nil
}

func (c *center) expire(now time.Time) {
	c.pins = slices.DeleteFunc(c.pins, func(p *pin) bool { return now.After(p.until) })
	c.tokens = min(pinBurst, c.tokens+float64(now.Sub(c.refill))/float64(pinEvery))
	c.refill = now
}

// share returns the pin that the view can use: one of the same state, else the newest one where pins come too fast; nil where
// the view is to be pinned itself.
func (c *center) share(v *View, now time.Time) *pin {
	if len(c.pins) > 0 && c.pins[len(c.pins)-1].view.Same(v) {
		return c.pins[len(c.pins)-1]
	}
	if c.tokens >= 1 || len(c.pins) == 0 {
		c.tokens--
		return nil
	}
	return c.pins[len(c.pins)-1]
}

// StateOf is the part of a snapshot's token that names the state, without its moment.
func StateOf(token string) string { return token[:min(len(token), 16)] }

func (p *pin) token(asOf int64) string {
	raw := append(p.id[:len(p.id):len(p.id)], make([]byte, 8)...)
	binary.BigEndian.PutUint64(raw[len(p.id):], uint64(asOf))
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (s *Source) pinned(contactCenter, token string) (*View, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 20 {
		return nil, expired()
	}
	asOf := int64(binary.BigEndian.Uint64(raw[12:]))
	c := s.center(contactCenter)
	now := s.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	for _, p := range c.pins {
		if p.id == [12]byte(raw[:12]) && asOf >= p.first && asOf <= p.last {
			p.until = now.Add(KeepFor)
			return p.view.At(asOf), nil
		}
	}
	return nil, expired()
}

func expired() error {
	p := problem.New(410, "snapshot_expired", "this snapshot is no longer kept; begin again without snapshot")
	p.Parameter = "snapshot"
	return p
}

type metricsKey struct {
	window string
	from   int64
}

// kept is what live windows held a moment ago.
type kept struct {
	mu      sync.Mutex
	at      time.Time
	figures *Figures
	shown   atomic.Pointer[shown] // the newest that are known
}

// shown are figures with when they were asked for.
type shown struct {
	at      time.Time
	figures *Figures
}

// Windows that live metrics know.
var windowMinutes = map[string]int64{"5m": 5, "15m": 15, "30m": 30, "1h": 60}

// WindowNames lists the live windows.
func WindowNames() []string { return []string{"5m", "15m", "30m", "1h", "today"} }

const minute = int64(60_000)

// Figures are the live windows of a named window at the view's moment: the minute of as_of and the n−1 before it, or since
// local midnight (metrics, rule 2). It is nil where they are not known, as today while history cannot be reached.
func (s *Source) Figures(v *View, window string) *Figures {
	to := v.AsOf - mod(v.AsOf, minute) + minute
	from := to - windowMinutes[window]*minute
	if window == "today" {
		from = midnight(v.AsOf, v.Directory.Location)
	}
	c := s.center(v.ContactCenter)
	key := metricsKey{window, from}
	c.mu.Lock()
	k := c.metrics[key]
	if k == nil {
		c.forget(window)
		k = &kept{}
		c.metrics[key] = k
	}
	c.mu.Unlock()

	now := s.now()
	if !k.mu.TryLock() {
		// Somebody is asking for newer ones, which takes a while: those of a moment ago will do, as if we had come before.
		if old := k.shown.Load(); old != nil && now.Sub(old.at) < 4*MetricsTTL && !now.Before(old.at) {
			return old.figures
		}
		k.mu.Lock()
	}
	defer k.mu.Unlock()
	if k.at.IsZero() || now.Sub(k.at) >= MetricsTTL || now.Before(k.at) {
		k.figures, k.at = nil, now
		if m, ok := s.live.Metrics(v.ContactCenter, from, to); ok {
			k.figures = newFigures(m)
			k.figures.agents()
			k.shown.Store(&shown{now, k.figures})
		}
	}
	return k.figures
}

// forget drops what was kept of a window's earlier positions.
func (c *center) forget(window string) {
	for key := range c.metrics {
		if key.window == window {
			delete(c.metrics, key)
		}
	}
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// midnight is the first moment of the local day that holds ms. Clocks may skip midnight, then the day begins where they land,
// or pass it twice, then it begins at the first; time.Date promises neither.
func midnight(ms int64, zone *time.Location) int64 {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := time.UnixMilli(ms).In(zone).Date()
	begin := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if begin.Day() != d {
		if _, change := begin.ZoneBounds(); !change.IsZero() {
			begin = change
		}
	}
	if since, _ := begin.ZoneBounds(); !since.IsZero() {
		_, before := since.Add(-time.Nanosecond).Zone()
		_, after := begin.Zone()
		if first := begin.Add(time.Duration(after-before) * time.Second); first.Before(since) && first.In(zone).Day() == d {
			begin = first
		}
	}
	return begin.UnixMilli()
}

// Figures are live windows, found by agent.
type Figures struct {
	schema.LiveMetrics
	once    sync.Once
	kept    sync.Map
	byAgent map[string]*agentFigures
}

type agentFigures struct {
	windows   []*schema.Window
	intervals []*schema.Interval
	parts     []schema.Part
}

// Once returns what make made of these figures when it was first asked for under the key.
func (f *Figures) Once(key any, make func() any) any {
	if v, ok := f.kept.Load(key); ok {
		return v
	}
	v, _ := f.kept.LoadOrStore(key, make())
	return v
}

func newFigures(m schema.LiveMetrics) *Figures { return &Figures{LiveMetrics: m} }

func (f *Figures) agents() map[string]*agentFigures {
	f.once.Do(func() {
		f.byAgent = map[string]*agentFigures{}
		of := func(id string) *agentFigures {
			a := f.byAgent[id]
			if a == nil {
				a = &agentFigures{}
				f.byAgent[id] = a
			}
			return a
		}
		for i := range f.Windows {
			if id := f.Windows[i].Agent; id != "" {
				a := of(id)
				a.windows = append(a.windows, &f.Windows[i])
			}
		}
		for i := range f.Intervals {
			a := of(f.Intervals[i].Agent)
			a.intervals = append(a.intervals, &f.Intervals[i])
		}
		for i := range f.Parts {
			a := of(f.Parts[i].Agent)
			a.parts = append(a.parts, f.Parts[i])
		}
	})
	return f.byAgent
}
