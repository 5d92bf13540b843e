package directory

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"

	"floorwalker/schema"
)

// Store keeps the directories of all contact centres as the directory topic has them. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	version uint64
	centers map[string]*center
}

// center is one contact centre's state. Its maps may be shared with the newest snapshot; a kind that is then changed is copied
// first, so that a burst of changes copies it once.
type center struct {
	version  uint64
	kinds    map[string]map[string]entity
	shared   map[string]bool
	snapshot *Directory // nil when outdated
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{centers: map[string]*center{}} }

// Apply takes one directory event: the last one of an entity wins, a tombstone deletes it. An event that changes nothing makes
// no new version. Errors are *schema.Violation; the entity then stays as it was. The event's memory is not kept.
func (s *Store) Apply(ev *schema.Event) error {
	if ev.Deleted {
		s.delete(ev.ContactCenter, ev.DirectoryKind, ev.Subject)
		return nil
	}
	e, err := parseEntity(ev)
	if err != nil {
		return err
	}
	s.put(ev.ContactCenter, ev.DirectoryKind, e)
	return nil
}

func (s *Store) put(cc, kind string, e entity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.centers[cc]
	if c == nil {
		c = &center{kinds: map[string]map[string]entity{}, shared: map[string]bool{}}
		s.centers[strings.Clone(cc)] = c
	}
	id := e.base().ID
	if old := c.kinds[kind][id]; old != nil && bytes.Equal(old.base().Raw, e.base().Raw) {
		return
	}
	c.own(kind)[id] = e
	s.changed(c)
}

func (s *Store) delete(cc, kind, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.centers[cc]
	if c == nil || c.kinds[kind][id] == nil {
		return
	}
	delete(c.own(kind), id)
	s.changed(c)
}

func (s *Store) changed(c *center) {
	s.version++
	c.version, c.snapshot = s.version, nil
}

// own returns the map of a kind to write to.
func (c *center) own(kind string) map[string]entity {
	kind = strings.Clone(kind)
	switch {
	case c.kinds[kind] == nil:
		c.kinds[kind] = map[string]entity{}
	case c.shared[kind]:
		c.kinds[kind] = maps.Clone(c.kinds[kind])
	}
	c.shared[kind] = false
	return c.kinds[kind]
}

// Snapshot returns the present state of one contact centre: the same *Directory until something changes. One that the directory
// does not know has a directory with the id as its name and nothing in it, of version 0.
func (s *Store) Snapshot(cc string) *Directory {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.centers[cc]
	if c == nil {
		return build(strings.Clone(cc), 0, nil)
	}
	if c.snapshot == nil {
		c.snapshot = build(strings.Clone(cc), c.version, c.kinds)
		for kind := range c.kinds {
			c.shared[kind] = true
		}
	}
	return c.snapshot
}

// ContactCenters lists the ids of all contact centres that the directory has named, sorted.
func (s *Store) ContactCenters() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.centers))
}

// Version grows with every change of any contact centre.
func (s *Store) Version() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}
