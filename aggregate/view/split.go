package view

import (
	"fmt"
	"maps"
	"slices"
)

// Split are words on contact centres that were seen in two partitions, each of which has a part of their events only.
func (v *View) Split() []string {
	r := v.current.Load()
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Values(r.split))
}

// tellSplit counts a contact centre that comes from another partition than before, once. The lock is held.
func (r *replica) tellSplit(c *center, p *partition) {
	if _, told := r.split[c.id]; told {
		return
	}
	if r.split == nil {
		r.split = map[string]string{}
	}
	r.split[c.id] = fmt.Sprintf("contact centre %q is in partitions %d and %d, its live figures are wrong", c.id, min(c.of.id, p.id), max(c.of.id, p.id))
	r.v.cfg.Metrics.GetOrCreateCounter("floorwalker_view_split_contact_centers_total").Inc()
	r.v.cfg.Log.Error("contact centre seen in two partitions", "contact_center", c.id, "partitions", []int{c.of.id, p.id})
}
