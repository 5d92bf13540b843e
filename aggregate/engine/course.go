package engine

import (
	"slices"

	"floorwalker/schema"
)

// A course is the state of an interaction's fold: its visits of queues, its agents' parts, and what it is as a whole.

// visit is one stay in a queue.
type visit struct {
	Start, End      int64
	Queue, Campaign uint32
	Kind            schema.VisitKind
	Outcome         schema.VisitOutcome
	Agent           uint32
	Priority        int64
}

// part is one agent's share.
type part struct {
	Agent            uint32
	Role             schema.Role
	State            schema.PartState // StateEnded once its conversation or offer is over and no wrap has begun or it has ended
	Conf             bool
	Dialed           bool // its agent's own dial
	Direct           bool // its handle is direct_inbound_time or direct_outbound_time
	Initiating       uint32
	Queue, Campaign  uint32
	Start            int64
	Offered          int64
	Connected        int64
	Ended            int64 // of conversation or offer
	WrapStarted      int64
	WrapAsked        bool // a wrap_ended came
	AskedAt          int64
	AskedLate        int64 // when the agent knew of it, where it came from beyond the horizon; else 0
	Finished         int64
	Since            int64 // of State
	Ring, Talk, Hold int64
	Parked, Wrap     int64
	HadHold, HadPark bool
	Declined         schema.DeclineReason
	DeclinedAt       int64
	Failed           schema.EndCause
	Messages         uint32
	FirstMessage     int64
	Segments         segments
}

func (p *part) active() bool {
	switch p.State {
	case schema.StateEnded, schema.StateWrap, schema.StateDeclined, schema.StateFailed:
		return false
	}
	return true
}

func (p *part) offering() bool { return p.State == schema.StateRinging }

func (p *part) conversing() bool {
	return p.State == schema.StateConnected || p.State == schema.StateHeld || p.State == schema.StateParked
}

// course is the state of an interaction's fold.
type course struct {
	Start         int64
	Last          int64 // newest own input
	Visits        []visit
	Parts         []part
	Queued        int64
	Connected     int64
	PrimarySince  int64
	Ended         int64
	StateSince    int64
	Skills        []string
	Priority      int64
	Waiting       int32  // 1 + index of the open visit, 0 for none
	AnsweredVisit int32  // 1 + index of the visit last answered
	TransferTo    uint32 // queue that a transferred event named, until queued
	Campaign      uint32
	Primary       int32 // 1 + index of the part last connected as agent or transfer
	FirstAgent    uint32
	Kind          schema.Kind // decided at the first connect
	State         schema.PartState
	EndReason     schema.EndReason
	EndedBy       schema.EndedBy
	EndCause      schema.EndCause
	Born          bool
	Created       bool // a created was folded in
}

func (i *interaction) every() int { return 64 }

func (i *interaction) center() *center { return i.c }

func (i *interaction) clone(_, s *course) *course {
	n := *s
	n.Visits = slices.Clone(s.Visits)
	n.Parts = slices.Clone(s.Parts)
	for k := range n.Parts {
		n.Parts[k].Segments = s.Parts[k].Segments.clone()
	}
	return &n
}

func (i *interaction) equal(x, y *course) bool {
	a, b := *x, *y
	a.Visits, b.Visits, a.Parts, b.Parts, a.Skills, b.Skills = nil, nil, nil, nil, nil, nil
	if !sameCourse(&a, &b) || len(x.Parts) != len(y.Parts) || !slices.Equal(x.Visits, y.Visits) || !slices.Equal(x.Skills, y.Skills) {
		return false
	}
	for k := range x.Parts {
		if !samePart(&x.Parts[k], &y.Parts[k]) {
			return false
		}
	}
	return true
}

func sameCourse(a, b *course) bool {
	return a.Born == b.Born && a.Created == b.Created && a.Start == b.Start && a.Last == b.Last && a.Campaign == b.Campaign &&
		a.Waiting == b.Waiting && a.TransferTo == b.TransferTo && a.AnsweredVisit == b.AnsweredVisit && a.Queued == b.Queued &&
		a.Connected == b.Connected && a.Kind == b.Kind && a.Primary == b.Primary && a.PrimarySince == b.PrimarySince &&
		a.FirstAgent == b.FirstAgent && a.Ended == b.Ended && a.EndReason == b.EndReason && a.EndedBy == b.EndedBy &&
		a.EndCause == b.EndCause && a.State == b.State && a.StateSince == b.StateSince && a.Priority == b.Priority
}

func samePart(x, y *part) bool {
	return x.Agent == y.Agent && x.Role == y.Role && x.State == y.State && x.Conf == y.Conf && x.Dialed == y.Dialed &&
		x.Direct == y.Direct && x.Initiating == y.Initiating && x.Queue == y.Queue && x.Campaign == y.Campaign &&
		x.Start == y.Start && x.Offered == y.Offered && x.Connected == y.Connected && x.Ended == y.Ended &&
		x.WrapStarted == y.WrapStarted && x.WrapAsked == y.WrapAsked && x.AskedAt == y.AskedAt && x.AskedLate == y.AskedLate && x.Finished == y.Finished && x.Since == y.Since &&
		x.Ring == y.Ring && x.Talk == y.Talk && x.Hold == y.Hold && x.Parked == y.Parked && x.Wrap == y.Wrap &&
		x.HadHold == y.HadHold && x.HadPark == y.HadPark && x.Declined == y.Declined && x.DeclinedAt == y.DeclinedAt &&
		x.Failed == y.Failed && x.Messages == y.Messages && x.FirstMessage == y.FirstMessage &&
		x.Segments.equal(&y.Segments)
}

// state is the first that applies of connected, held, parked, ringing, dialing, waiting, wrap, ended, ivr (native API,
// Interaction).
func (s *course) state() schema.PartState {
	var has [schema.StateIVR + 1]bool
	for p := range s.Parts {
		if pt := &s.Parts[p]; !(pt.Role.Monitors() && pt.conversing()) {
			has[pt.State] = true
		}
	}
	for _, st := range [...]schema.PartState{schema.StateConnected, schema.StateHeld, schema.StateParked, schema.StateRinging, schema.StateDialing} {
		if has[st] {
			return st
		}
	}
	switch {
	case s.Waiting != 0:
		return schema.StateWaiting
	case has[schema.StateWrap]:
		return schema.StateWrap
	case s.Ended != schema.Open:
		return schema.StateEnded
	}
	return schema.StateIVR
}

// finishedAt is the moment from which nothing of the interaction is open: its end and that of all its parts; Open before.
func (s *course) finishedAt() int64 {
	at := s.Ended
	if at == schema.Open {
		return at
	}
	for p := range s.Parts {
		at = max(at, s.Parts[p].Finished)
	}
	return at
}
