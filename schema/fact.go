package schema

// Facts are what the engine computes of single agents and interactions. A fact is known by its contact centre, kind, entity,
// Start and N, where N numbers those of equal start in fold order; a fact that a later event undid comes once more with
// Deleted set. What is still going on has its end at Open. Strings of facts are the engine's own and may be kept.

// Interval is one stretch of an agent's time in which status (or presence, or workload), reason, description and suspended
// stayed the same: the fact behind status times (metrics, rule 1).
type Interval struct {
	ContactCenter, Agent    string
	Kind                    IntervalKind
	Start                   int64
	N                       uint16
	End                     int64  // Open while it goes on
	Status                  Status // effective status, or presence; zero for workload
	Live, SemiLive, NonLive uint16 // of workload
	ReasonID, ReasonName    string
	Description             string
	Suspended               bool
	Continued               bool // the piece before it had the same status: together they count once
	Deleted                 bool
}

// Visit is one stay of an interaction in one queue (metrics, rule 8).
type Visit struct {
	ContactCenter, Interaction string
	Start                      int64 // entered
	N                          uint16
	Queue, Campaign            string
	Channel                    Channel
	Direction                  Direction
	Kind                       VisitKind
	End                        int64 // left; Open while it waits
	Outcome                    VisitOutcome
	Agent                      string // who answered
	Priority                   int64
	Deleted                    bool
}

// WaitMs is the visit's length once it has ended, never negative.
func (v *Visit) WaitMs() int64 { return span(v.Start, v.End) }

// Segment is one stretch of a part in one state; a mark (StateDeclined, StateFailed) has Since = Until. Reason is the
// decline reason or failure cause of a mark, and "unparked" or "resumed" of a connected segment that began so.
type Segment struct {
	State  PartState
	Since  int64
	Until  int64 // Open while it goes on
	Role   Role
	Reason string
}

// Part is one agent's share of one interaction, from offer, dialing or connect to its end, wrap included.
type Part struct {
	ContactCenter, Interaction, Agent string
	Start                             int64
	N                                 uint16
	Queue, Campaign                   string
	Channel                           Channel
	Direction                         Direction
	Kind                              Kind // of the interaction
	Role                              Role
	InitiatingAgent                   string
	Offered, Connected                int64 // NoTime where it never was
	Ended                             int64 // the conversation's (or offer's) end; Open while it goes on
	WrapStarted                       int64 // NoTime where there is none
	Finished                          int64 // Ended, or the end of wrap; Open before
	RingMs, TalkMs, HoldMs            int64 // totals of ended segments; those of an open part up to its last change
	ParkedMs, WrapMs                  int64
	Declined                          DeclineReason // zero where it was not
	DeclinedAt                        int64
	Failed                            EndCause // zero where no failed end closed it
	MessagesSent                      int64
	FirstMessage                      int64 // the agent's first one; NoTime
	Primary                           bool  // the interaction's primary agent at its last change
	PrimarySince                      int64
	Segments                          []Segment
	Deleted                           bool
}

// Interaction is one interaction as a whole. What `updated` events and other annotations say is kept in rows of their own
// and laid over it when reading.
type Interaction struct {
	ContactCenter, ID        string
	Start                    int64 // its first event that could begin it
	N                        uint16
	Number                   int64 // 0 where none was given
	Channel                  Channel
	Direction                Direction
	Kind                     Kind
	CallID, ChatID           string
	Campaign                 string
	Queue, FirstQueue        string // the one it was in last, and first
	CallFlow                 string
	Priority                 int64
	Skills                   []string
	State                    PartState
	StateSince               int64
	Queued, Connected        int64 // first of each; NoTime
	Ended                    int64 // Open while it goes on
	EndReason                EndReason
	EndedBy                  EndedBy
	EndCause                 EndCause
	PrimaryAgent, FirstAgent string
	Customer                 []byte // JSON object or empty
	ScreenPopURL, Gruu       string
	CanRecord                bool
	Deleted                  bool
}

func span(from, to int64) int64 {
	if to == Open || from == NoTime || to < from {
		return 0
	}
	return to - from
}

// Annotation is an event that changes no status and no duration, kept as it came.
type Annotation struct {
	ContactCenter, Interaction string
	Time                       int64
	Source, ID                 string
	Type                       EventType
	Sequence                   int64
	HasSequence                bool
	Offset                     int64
	Data                       []byte
}

// RawEvent is one valid record of the events topic, enough to make the event again.
type RawEvent struct {
	ContactCenter, Source, ID, Subject string
	Type                               EventType
	Time                               int64
	Sequence                           int64
	HasSequence                        bool
	Data                               []byte
	Partition                          int
	Offset                             int64
	RecordTime                         int64
}

// DeadLetter is one record that could not be read.
type DeadLetter struct {
	Topic      string
	Partition  int
	Offset     int64
	RecordTime int64
	Code       string // stable, snake_case
	Error      string
	Key, Value []byte
	Headers    []Header
}
