package hub

import (
	"maps"
	"slices"

	"floorwalker/query/floor"
	"floorwalker/schema"
)

// Change is what a Build is called with: a view, and what is different in it.
type Change struct {
	View *floor.View
	// Whole asks for all rows: those that are neither put nor kept are removed. Else only rows of Agents and Interactions may be different.
	Whole bool
	// Anew says that nothing may be taken over from the build before: it is the first one, or the directory is another one.
	Anew bool
	// Figures says that live windows of the feed are other ones.
	Figures bool
	// Agents and Interactions are the ids of those that changed, or whose rows show something of what changed, in order; not of Whole.
	Agents, Interactions []string

	before    *floor.View // of the look before
	source    Source
	since     uint64
	changedAt [2]map[string]uint64
	once      map[any]any
}

// Kinds of what changes, as indices of changedAt.
const (
	agents = iota
	interactions
)

// AgentChanged reports whether an agent's row may be another one than at the feed's last build.
func (c *Change) AgentChanged(id string) bool { return c.Anew || c.changedAt[agents][id] > c.since }

// InteractionChanged is AgentChanged of an interaction.
func (c *Change) InteractionChanged(id string) bool {
	return c.Anew || c.changedAt[interactions][id] > c.since
}

// LiveWindow is a live window of the view, as floor.Source has it. It is the same for all feeds of a look: one that shared a row made of
// older figures than it was told of would keep that.
func (c *Change) LiveWindow(window string) *floor.Figures {
	return c.Once(liveWindow{window}, func() any { return c.source.Figures(c.View, window) }).(*floor.Figures)
}

type liveWindow struct{ name string }

// ChangedAgent is one of Agents, and what it was at the look before: nil where it was not there, as it is now where only what its row
// shows of others changed.
type ChangedAgent struct{ Before, Now *floor.Agent }

// ChangedAgents are the rows of Agents.
func (c *Change) ChangedAgents() []ChangedAgent {
	return c.Once(changedAgents{}, func() any {
		out := make([]ChangedAgent, 0, len(c.Agents))
		for _, id := range c.Agents {
			now, ok := c.View.Row(id)
			if !ok {
				continue // an interaction's agent that nobody knows
			}
			before, _ := c.before.Row(id)
			out = append(out, ChangedAgent{before, now})
		}
		return out
	}).([]ChangedAgent)
}

type changedAgents struct{}

// Once returns what make made when it was first asked for under the key in this look: feeds share what they have in common, such as
// encoded rows.
func (c *Change) Once(key any, make func() any) any {
	v, ok := c.once[key]
	if !ok {
		v = make()
		c.once[key] = v
	}
	return v
}

// Row is Once for an encoded row.
func (c *Change) Row(key any, make func() []byte) []byte {
	return c.Once(key, func() any { return make() }).([]byte)
}

// differences are what is other in one view than in one before.
type differences struct {
	anew bool
	ids  [2]map[string]struct{}

	followed map[string]struct{} // agents with a change of their own
}

// compare follows the chain of changes from the older view to the newer.
func compare(old, new *floor.View) differences {
	switch {
	case old == nil || old.Directory.Version != new.Directory.Version:
		return differences{anew: true}
	case old.Same(new):
		return differences{}
	case old.Floor.Changes == nil || new.Floor.Changes == nil:
		return differences{anew: true}
	}
	d := differences{ids: [2]map[string]struct{}{{}, {}}, followed: map[string]struct{}{}}
	for link := old.Floor.Changes; link != new.Floor.Changes; {
		if link = link.Next(); link == nil {
			return differences{anew: true}
		}
		if !d.add(link, old, new) {
			return differences{anew: true}
		}
	}
	return d
}

// add notes what changed and whose rows show it. It reports false where that may be anybody's: filters name agents by number as long as
// no agent has that as its id.
func (d *differences) add(link *schema.Change, old, new *floor.View) bool {
	if i := link.Interaction; i != nil {
		d.ids[interactions][i.ID] = struct{}{}
		// An agent's row shows its interactions' queues and customers.
		for n := range i.Parts {
			d.ids[agents][i.Parts[n].Agent] = struct{}{}
		}
		return true
	}
	id := link.Agent.ID
	if _, seen := d.followed[id]; seen {
		return true
	}
	d.followed[id], d.ids[agents][id] = struct{}{}, struct{}{}
	before, known := old.Floor.Agents.Get(id)
	now, _ := new.Floor.Agents.Get(id)
	// An interaction's row shows what of a declined or failed part its agent still shows.
	d.addMarked(before)
	d.addMarked(now)
	return known || new.Directory.Agents[id] != nil
}

func (d *differences) addMarked(a *schema.LiveAgent) {
	if a == nil {
		return
	}
	for n := range a.Parts {
		switch a.Parts[n].State {
		case schema.StateDeclined, schema.StateFailed:
			d.ids[interactions][a.Parts[n].Interaction] = struct{}{}
		}
	}
}

func ordered(ids map[string]struct{}) []string { return slices.Sorted(maps.Keys(ids)) }
