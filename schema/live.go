package schema

import (
	"sync/atomic"
	"weak"

	"github.com/tidwall/btree"
)

// The rows of the live view, as events alone make them; names, teams and other things that the directory says are laid over
// them when reading. Rows are immutable once published: readers may keep them, writers make new ones.

// LiveAgent is one agent now.
type LiveAgent struct {
	ID                      string
	Session                 *LiveSession // nil while logged out
	Presence                LivePresence
	Status                  Status    // effective
	StatusSince             int64     // NoTime where no event has named the agent
	StatusReason            [2]string // id, name of the reason that goes with Status
	Suspended               bool
	Live, SemiLive, NonLive uint16 // workload
	WorkloadSince           int64
	Assignment              *LiveAssignment // nil where the session has none
	Parts                   []LivePart      // open ones and those whose mark is shown, in order of Since
	LastEvent               int64           // newest event time of the agent or its interactions
}

// LiveSession is the login that is in force.
type LiveSession struct {
	ID, Extension, UserType string
	DeviceType, DeviceURI   string
	Since                   int64
	Capacity                [NumChannels]uint16
}

// LivePresence is the status that people chose.
type LivePresence struct {
	Status               Status
	Since                int64
	ReasonID, ReasonName string
	Description          string
}

// LiveAssignment is what the session's assignment events named; a nil slice was not named and comes from the directory.
type LiveAssignment struct {
	QueueIDs, CampaignIDs, Skills []string
	QueueID, CampaignID           string // in use
}

// LivePart is an agent's part of a live interaction, as its agent sees it.
type LivePart struct {
	Interaction     string
	Channel         Channel
	Direction       Direction
	State           PartState
	Since           int64 // offer or connect of the part
	StateSince      int64
	Connected       int64  // NoTime before
	Reason          string // "unparked", "resumed", or a mark's reason
	Role            Role
	Primary         bool
	InitiatingAgent string
}

// LiveInteraction is one interaction that the live view still holds, ended ones included until they leave it.
type LiveInteraction struct {
	Interaction           // with what `updated` events replaced already laid over it
	Parts          []Part // all of them, in order of Start
	Visits         []Visit
	Waiting        bool
	HoldSince      int64 // NoTime
	Recording      bool
	RecordingSince int64
	RecordAllowed  bool
	Notes          []Annotation
	Disposition    string
	SubDisposition string
	ExtraItems     []ExtraItem
	Annotations    []Annotation // all that are kept, oldest first, bounded
	Forgotten      bool         // there are older ones, which only the history has
	LastEvent      int64
}

// ExtraItem is a named value that somebody attached to an interaction.
type ExtraItem struct {
	ID, Name, Value string
	Searchable      bool
	Time            int64
	Source          string
}

// Floor is one consistent, immutable state of a contact centre's live view. Its maps are copy-on-write copies: readers walk
// them freely and keep them as long as they like.
type Floor struct {
	ContactCenter string
	Version       uint64 // grows with every change
	AsOf          int64  // up to this moment the view holds every event that Kafka had
	NewestEvent   int64
	CompleteUntil int64
	Agents        *btree.Map[string, *LiveAgent]       // by id
	Interactions  *btree.Map[string, *LiveInteraction] // by id
	Changes       *Change                              // the newest change; nil where the writer keeps no chain
}

// Change is a link in the chain of one contact centre's changes: of one agent or of one interaction. A reader that has kept the link
// of an older Floor follows Next to the newer one's, and so learns what changed without comparing everything.
type Change struct {
	Agent       *LiveAgent       // as it then is; nil where an interaction changed
	Interaction *LiveInteraction // likewise; where Gone, as it last was
	Gone        bool

	n      int
	next   atomic.Pointer[Change]
	beyond atomic.Pointer[weak.Pointer[Change]] // the first link of the chain that began after this one
	first  *Change                              // of a chain that began not long ago
}

// Bounds of what a reader that never comes back keeps in memory: a new chain begins after maxChain changes, and whoever has not crossed to it
// by the time that it has youngChain links of its own cannot follow any more.
const (
	maxChain   = 1 << 16
	youngChain = 1 << 13
)

// Then adds a change after c, the newest one, which may be nil, and returns it. One goroutine writes at a time.
func (c *Change) Then(added *Change) *Change {
	switch {
	case c == nil:
	case c.n >= maxChain:
		added.first = added
		to := weak.Make(added)
		c.beyond.Store(&to)
	default:
		added.n = c.n + 1
		if added.n < youngChain {
			added.first = c.first
		}
		c.next.Store(added)
	}
	return added
}

// Next is the change after c, nil where there is none yet or where c is too old.
func (c *Change) Next() *Change {
	if next := c.next.Load(); next != nil {
		return next
	}
	if to := c.beyond.Load(); to != nil {
		return to.Value()
	}
	return nil
}

// LiveMetrics is what live windows hold of one contact centre over [From, To), where To is after AsOf. What it points to is
// immutable and shared with other answers.
type LiveMetrics struct {
	From, To, AsOf, CompleteUntil int64
	Windows                       []*Window   // one per Dims, summed over the range
	Days                          []*AgentDay // of every agent that did something lately; they reach beyond the range
	Parts                         []*Part     // of live interactions that touch the range
}

// AgentDay is an agent's time of the last day or so.
type AgentDay struct {
	Agent     string
	Intervals []Stretch // of effective status, ascending
	Talks     []Talk    // connected segments of parts whose interaction is no longer live
}

// Stretch is an interval of effective status in little memory.
type Stretch struct {
	Start, End int64 // Open while it goes on
	Status     Status
	Suspended  bool
	Continued  bool
}

// Talk is a connected segment of a part.
type Talk struct {
	Since, Until    int64
	Queue, Campaign string
	Channel         Channel
	Direction       Direction
}

// Interval is the stretch as the interval that it stands for.
func (d *AgentDay) Interval(n int) Interval {
	s := &d.Intervals[n]
	return Interval{Agent: d.Agent, Kind: IntervalStatus, Start: s.Start, End: s.End, Status: s.Status, Suspended: s.Suspended, Continued: s.Continued}
}

// EachInterval visits what of the agent's effective status touches [from, to). visit must not keep the interval.
func (d *AgentDay) EachInterval(from, to int64, visit func(*Interval)) {
	for n := range d.Intervals {
		if s := &d.Intervals[n]; s.Start < to && s.End > from {
			iv := d.Interval(n)
			visit(&iv)
		}
	}
}
