// Package floor joins the live view's rows with the directory when they are read: names, teams, groups, queues, campaigns,
// skills, head-counts and estimated waits (events.md, section Directory; metrics.md, section Queue).
package floor

import (
	"sync"

	"github.com/tidwall/btree"

	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Live is what this package needs of the live view.
type Live interface {
	// Pin returns the newest state of a contact centre, false where no event has named it.
	Pin(contactCenter string) (*schema.Floor, bool)
	// Metrics returns what live windows hold over [from, to), whole minutes in ms; false while they are not known.
	Metrics(contactCenter string, from, to int64) (schema.LiveMetrics, bool)
}

// Directories is what this package needs of the directory. Snapshot may return nil where the directory says nothing.
type Directories interface {
	Snapshot(contactCenter string) *directory.Directory
	ContactCenters() []string
}

// Agent is one agent's full row. Neither Live nor Entry is nil: what one side does not know is a stand-in.
type Agent struct {
	ID    string
	Live  *schema.LiveAgent
	Entry *directory.Agent
	Place *Place
}

// Available reports whether the agent can be given an interaction.
func (a *Agent) Available() bool { return a.Live.Status == schema.Available && !a.Live.Suspended }

// LoggedIn reports whether the agent has a session.
func (a *Agent) LoggedIn() bool { return a.Live.Status != schema.LoggedOut }

// Place is where an agent belongs: what the session's assignment names, else what the directory says.
type Place struct {
	Team           *directory.Team // nil without one
	GroupIDs       []string
	BusinessUnitID string
	QueueIDs       []string
	CampaignIDs    []string
	Skills         []string

	n int // among the places that agents share; -1 for one of an agent's own
}

func (p *Place) assigned() bool { return len(p.QueueIDs)+len(p.CampaignIDs) > 0 }

// Interaction is one interaction's full row.
type Interaction struct {
	*schema.LiveInteraction
	Number int32
}

// Visit is the queue visit that is going on, nil where the interaction does not wait.
func (i *Interaction) Visit() *schema.Visit {
	for n := len(i.Visits) - 1; n >= 0; n-- {
		if i.Visits[n].End == schema.Open && !i.Visits[n].Deleted {
			return &i.Visits[n]
		}
	}
	return nil
}

// View is one consistent state of a contact centre: a floor and the directory over it. It never changes; what is costly is
// worked out once, when first asked for.
type View struct {
	ContactCenter string
	Floor         *schema.Floor
	Directory     *directory.Directory
	AsOf          int64

	shared *shared
	recent *recent // of the contact centre; may be nil
}

// shared is what views of the same floor and directory have in common, whatever their AsOf. Each part is worked out once; a
// panic comes again to whoever asks again, so that half a state is never shown.
type shared struct {
	roster   func() *roster
	agents   func() []*Agent
	staffing func() *staffing
	heads    func() heads
	waits    func() *waits
}

// NewView joins a floor and a directory. asOf is the floor's own where floor is not nil.
func NewView(contactCenter string, f *schema.Floor, d *directory.Directory, asOf int64) *View {
	if f == nil {
		f = &schema.Floor{ContactCenter: contactCenter, AsOf: asOf, NewestEvent: schema.NoTime, CompleteUntil: schema.NoTime}
	}
	if f.Agents == nil || f.Interactions == nil {
		g := *f
		if g.Agents == nil {
			g.Agents = &btree.Map[string, *schema.LiveAgent]{}
		}
		if g.Interactions == nil {
			g.Interactions = &btree.Map[string, *schema.LiveInteraction]{}
		}
		f = &g
	}
	v := &View{ContactCenter: contactCenter, Floor: f, Directory: d, AsOf: f.AsOf}
	v.shared = &shared{roster: sync.OnceValue(v.makeRoster), agents: sync.OnceValue(func() []*Agent { return v.shared.roster().all() }), staffing: sync.OnceValue(v.makeStaffing), heads: sync.OnceValue(v.countHeads), waits: sync.OnceValue(v.countWaiting)}
	return v
}

// At is the same state seen at another moment up to which no event came.
func (v *View) At(asOf int64) *View {
	w := *v
	w.AsOf = asOf
	return &w
}

// Same reports whether two views hold the same floor and directory.
func (v *View) Same(o *View) bool {
	return v.Floor.Version == o.Floor.Version && v.Floor.NewestEvent == o.Floor.NewestEvent && v.Directory.Version == o.Directory.Version
}

// OfDirectory returns what make made of the view's directory alone when it was first asked for under the key.
func (v *View) OfDirectory(key any, make func() any) any {
	kept := &v.shared.roster().places.kept
	if known, ok := kept.Load(key); ok {
		return known
	}
	known, _ := kept.LoadOrStore(key, make())
	return known
}

// Agents are all agents that the directory or an event names, in order of id. The slice must not be changed.
func (v *View) Agents() []*Agent { return v.shared.agents() }

// Agent is one agent by id, or by number where no id fits.
func (v *View) Agent(id string) (*Agent, bool) {
	id, ok := v.resolve(directory.KindAgent, id, v.knowsAgent)
	if !ok {
		return nil, false
	}
	live, _ := v.Floor.Agents.Get(id)
	row := newPlacer(v.Directory).join(id, live)
	return &row, true
}

func (v *View) knowsAgent(id string) bool {
	if v.Directory.Agents[id] != nil {
		return true
	}
	_, ok := v.Floor.Agents.Get(id)
	return ok
}

// resolve finds the id that a caller's id or number means.
func (v *View) resolve(kind, id string, known func(string) bool) (string, bool) {
	if known(id) {
		return id, true
	}
	n, ok := decimal(id)
	if !ok {
		return "", false
	}
	return v.Directory.ByNumber(kind, n)
}

// IDs turns a filter's ids and numbers into a set of ids; what nobody has stays as it is and matches nothing.
func (v *View) IDs(kind string, wanted map[string]bool) map[string]bool {
	if wanted == nil {
		return nil
	}
	out := make(map[string]bool, len(wanted))
	for id := range wanted {
		out[id] = true
		if n, ok := decimal(id); ok && !v.knows(kind, id) {
			if other, ok := v.Directory.ByNumber(kind, n); ok {
				out[other] = true
			}
		}
	}
	return out
}

func (v *View) knows(kind, id string) bool {
	if kind == directory.KindAgent {
		return v.knowsAgent(id)
	}
	_, ok := v.Directory.Raw(kind, id)
	return ok
}

// decimal reads an integer id: 1 to 2³¹−1, no sign, no leading zeros.
func decimal(s string) (int32, bool) {
	if s == "" || len(s) > 10 || s[0] == '0' {
		return 0, false
	}
	var n int64
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return int32(n), n >= 1 && n <= 1<<31-1
}

// NumberOf is the integer that an entity shows, false where it shows none.
func (v *View) NumberOf(kind, id string) (int32, bool) { return v.Directory.Number(kind, id) }
