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
	"floorwalker/schema/directory"
)

// Bounds of pinned states. A centre's first burst of lists pins each its own state; after that a new one is pinned every
// pinEvery at most, and lists in between share the newest, so that the number of pins is bounded by KeepFor/pinEvery + pinBurst.
const (
	KeepFor  = 90 * time.Second
	pinEvery = 100 * time.Millisecond
	pinBurst = 300
)

// Source makes views out of the live view and the directory. Its methods may be called from any goroutine.
type Source struct {
	live       Live
	directory  Directories
	configured []string
	now        func() time.Time
	refreshes  atomic.Bool // Run is running

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
	figures map[string]*kept // by window
	recent  recent
	nothing *directory.Directory // see directory
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

// ContactCenters are the ids of those that the configuration or the directory name, sorted. One that only events name is known, but not
// among them.
func (s *Source) ContactCenters() []string {
	ids := append(slices.Clone(s.configured), s.directory.ContactCenters()...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// center must only be called with contact centres that exist, or callers could fill the memory.
func (s *Source) center(contactCenter string) *center {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.centers[contactCenter]
	if c == nil {
		c = &center{tokens: pinBurst, refill: s.now(), figures: map[string]*kept{}}
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
	c := s.center(contactCenter)
	v := NewView(contactCenter, f, c.directory(contactCenter, s.directory.Snapshot(contactCenter)), s.now().UnixMilli())
	v.recent = &c.recent
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest != nil && c.newest.Same(v) {
		v.shared = c.newest.shared
	} else {
		c.newest = v
	}
	return v
}

// directory is d, or where the directory says nothing of a contact centre always the same empty one, by which things are kept.
func (c *center) directory(contactCenter string, d *directory.Directory) *directory.Directory {
	if d != nil && d.Version > 0 {
		return d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.nothing != nil:
	case d != nil:
		c.nothing = d
	default:
		c.nothing = nothingSaid(contactCenter)
	}
	return c.nothing
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

func mod(a, b int64) int64 { return ((a % b) + b) % b }
