package engine

import (
	"slices"
	"unsafe"

	"floorwalker/schema"
)

// agent is one agent's timeline: its own events and what its interactions' parts did to it.
type agent struct {
	id        ident
	n         uint32  // its number in the centre, from 1
	corrected bool    // one of its intervals may be among the changes twice
	dirty     bool    // open intervals are to be written at the next Drain
	seen      bool    // live row is to be made again
	recent    *series // counted in last
	wrapDue   int64   // when its wraps are to be looked at, 0 for never
	c         *center
	line      timeline[agentState]
	room      [1]openPart // of the line's head
	own       newest
	logouts   []int64 // moments of logouts that ended a session, ascending; those inside the horizon
}

// Go rounds what is larger up by an eighth, and puts a word of the collector's before it.
var _ [512 - unsafe.Sizeof(agent{})]struct{}

// tag is what a status event says beside the status. Immutable.
type tag struct{ ID, Name, Description string }

func sameTag(a, b *tag) bool { return a == b || a != nil && b != nil && *a == *b }

// reason compares without the description.
func sameReason(a, b *tag) bool {
	var x, y tag
	if a != nil {
		x = *a
	}
	if b != nil {
		y = *b
	}
	return x.ID == y.ID && x.Name == y.Name
}

// session is one login. Immutable.
type session struct {
	ID, Extension, UserType, DeviceType, DeviceURI string
	Since                                          int64
	Capacity                                       [schema.NumChannels]uint16
}

func (s *session) capacity(c schema.Channel) int {
	if n := s.Capacity[c]; n > 0 {
		return int(n)
	}
	return 1
}

// assignment is what the session's assignment events named so far. Immutable.
type assignment struct {
	Has                       schema.Field // what was named
	Queues, Campaigns, Skills []string
	Queue, Campaign           string
}

// openPart is an agent's part as its timeline sees it.
type openPart struct {
	Handle    uint32
	Ord       uint16
	State     schema.PartState
	Channel   schema.Channel
	Role      schema.Role
	Conf      bool // two or more agents speak
	WrapSince int64
}

func (p *openPart) talking() bool {
	return p.State == schema.StateConnected || p.State == schema.StateHeld && p.Channel.Spoken()
}

// mark is a declined or failed part that is shown until the agent's next change.
type mark struct {
	Handle uint32
	Ord    uint16
	At     int64
}

// stretch is an interval that goes on. All but Start and Continued must stay the same inside it.
type stretch struct {
	Start     int64
	Tag       *tag
	Load      [3]uint16
	Status    schema.Status
	Suspended bool
	Off       bool // no rows: logged out
	Continued bool
}

func (x *stretch) same(y *stretch) bool {
	return x.Status == y.Status && x.Load == y.Load && x.Suspended == y.Suspended && x.Off == y.Off && sameTag(x.Tag, y.Tag)
}

// The three kinds of intervals, as indices.
const (
	ofStatus = iota
	ofPresence
	ofWorkload
	numKinds
)

var intervalKinds = [numKinds]schema.IntervalKind{schema.IntervalStatus, schema.IntervalPresence, schema.IntervalWorkload}

// agentState is the state of an agent's fold after its inputs up to Now.
type agentState struct {
	Now           int64 // NoTime before the first input
	Session       *session
	Assign        *assignment
	PresenceSince int64
	Tag           *tag // of the presence
	ActivityTag   *tag
	Parts         []openPart // open ones, in order of their beginning
	Marks         []mark
	StatusSince   int64
	LoadSince     int64
	Load          [3]uint16
	Status        schema.Status // effective
	Presence      schema.Status // zero: no event has named the agent
	Activity      schema.Status
	HadPart       bool // a part was open during the activity
	Suspended     bool
	Rona          bool
	Current       [numKinds]stretch // in force before Now
}

// closedInterval is an interval that ended, not yet cut at midnights.
type closedInterval struct {
	kind  int
	end   int64
	piece stretch
}

// wrapEnd tells an interaction that the wrap of one of its parts has ended.
type wrapEnd struct {
	handle uint32
	ord    uint16
	t      int64
}

func (a *agent) clone(into, s *agentState) *agentState {
	if into == nil {
		into = &agentState{}
	}
	parts, marks := into.Parts[:0], into.Marks[:0]
	*into = *s
	into.Parts, into.Marks = append(parts, s.Parts...), append(marks, s.Marks...)
	return into
}

func (a *agent) every() int { return 8 }

func (a *agent) center() *center { return a.c }

func (a *agent) equal(x, y *agentState) bool {
	if x.Now != y.Now || !sameSession(x.Session, y.Session) || x.Presence != y.Presence || x.PresenceSince != y.PresenceSince ||
		x.Activity != y.Activity || x.HadPart != y.HadPart || x.Suspended != y.Suspended || x.Rona != y.Rona ||
		!sameAssignment(x.Assign, y.Assign) || x.Status != y.Status || x.StatusSince != y.StatusSince || x.Load != y.Load ||
		x.LoadSince != y.LoadSince || !sameTag(x.Tag, y.Tag) || !sameTag(x.ActivityTag, y.ActivityTag) {
		return false
	}
	for k := range x.Current {
		if x, y := &x.Current[k], &y.Current[k]; x.Start != y.Start || x.Continued != y.Continued || !x.same(y) {
			return false
		}
	}
	return slices.Equal(x.Parts, y.Parts) && slices.Equal(x.Marks, y.Marks)
}

func sameSession(a, b *session) bool { return a == b || a != nil && b != nil && *a == *b }

func sameAssignment(a, b *assignment) bool {
	return a == b || a != nil && b != nil && a.Queue == b.Queue && a.Campaign == b.Campaign && a.Has == b.Has &&
		slices.Equal(a.Queues, b.Queues) && slices.Equal(a.Campaigns, b.Campaigns) && slices.Equal(a.Skills, b.Skills)
}

// less orders a timeline's inputs: time; changes by interactions first, in order of interaction id; own events by sequence.
func (a *agent) less(x, y *input) bool {
	if x.dt != y.dt {
		return x.dt < y.dt
	}
	xd, yd := x.kind >= kindTransition, y.kind >= kindTransition
	if xd != yd {
		return xd
	}
	if xd {
		if x.kind != y.kind {
			return x.kind == kindTick
		}
		if x.kind == kindTick || x.ref1 == y.ref1 {
			return false
		}
		return a.c.idOf(x.ref1) < a.c.idOf(y.ref1)
	}
	return lessSequence(a.line.extra(x), a.line.extra(y))
}

// lessSequence orders events of one entity and time: those with a sequence come first, by it. An event from beyond the horizon was the
// newest of its entity when it came, whatever its sequence, though others may share the moment from which it has an effect.
func lessSequence(x, y *extra) bool {
	xs, ys := x != nil && x.hasSeq && x.late == 0, y != nil && y.hasSeq && y.late == 0
	if xs != ys {
		return xs
	}
	return xs && x.seq < y.seq
}

// apply folds one input in.
func (a *agent) apply(s *agentState, in *input, out *outputs) {
	t := a.line.time(in)
	x := a.line.extra(in)
	if x != nil && x.late > t {
		t = x.late // an agent status that it causes begins at complete_until
	}
	s.begin(t)
	a.expireWraps(s, t, out)
	s.advance(t, out)
	t = s.Now
	switch in.kind {
	case uint8(schema.AgentLogin):
		s.login(t, x.login)
	case uint8(schema.AgentLogout):
		out.ok(s.logout(t, out))
	case uint8(schema.AgentStatus):
		out.ok(s.choose(t, schema.Status(in.a), x, out))
	case uint8(schema.AgentSuspended):
		s.Suspended = in.a == 1
	case uint8(schema.AgentAssignment):
		if s.Session == nil {
			out.ok(false)
		} else {
			s.Assign = s.Assign.with(x.assign)
		}
	case kindTransition:
		s.transition(t, in, out)
	}
	s.derive(t)
}

// begin makes the state of an agent that nothing has named before.
func (s *agentState) begin(t int64) {
	if s.Presence != 0 {
		return
	}
	s.Now, s.Presence, s.Status = t, schema.LoggedOut, schema.LoggedOut
	s.PresenceSince, s.StatusSince, s.LoadSince = schema.NoTime, schema.NoTime, schema.NoTime
	for k := range s.Current {
		s.Current[k] = s.next(k)
	}
}

// expireWraps ends wraps that nothing has ended 24 h after they began, at that moment.
func (a *agent) expireWraps(s *agentState, t int64, out *outputs) {
	for {
		at, which := int64(schema.Open), -1
		for i := range s.Parts {
			if p := &s.Parts[i]; p.State == schema.StateWrap && p.WrapSince+wrapLimitMs <= t && p.WrapSince+wrapLimitMs < at {
				at, which = p.WrapSince+wrapLimitMs, i
			}
		}
		if which < 0 {
			return
		}
		s.advance(at, out)
		s.endWrap(which, at, out)
		s.derive(at)
	}
}

// advance closes the intervals that the inputs up to Now ended, and moves on to t.
func (s *agentState) advance(t int64, out *outputs) {
	if t <= s.Now {
		return
	}
	for k := range s.Current {
		if s.goesOn(k) {
			continue
		}
		cur := &s.Current[k]
		next := s.next(k)
		if cur.Start < s.Now && !cur.Off {
			out.closed = append(out.closed, closedInterval{kind: k, end: s.Now, piece: *cur})
		}
		*cur = next
	}
	s.Now = t
}

// open returns the stretch of kind k that goes on now, and whether it begins at Now, its predecessor ending there.
func (s *agentState) open(k int) (stretch, bool) {
	if s.goesOn(k) {
		return s.Current[k], false
	}
	return s.next(k), true
}

// next is the stretch of kind k that begins at Now.
func (s *agentState) next(k int) stretch {
	was, now := &s.Current[k], s.present(k)
	now.Continued = !was.Off && !now.Off && was.Status == now.Status && was.Load == now.Load
	if k == ofPresence && now.Continued {
		now.Continued = sameReason(was.Tag, now.Tag) // a new reason is a new presence
	}
	return now
}

func (s *agentState) login(t int64, l *session) {
	if l.Since != t {
		n := *l
		n.Since, l = t, &n
	}
	s.Session = l
	s.LoadSince = t
	s.Presence, s.PresenceSince, s.Tag = schema.Away, t, nil
	s.Activity, s.ActivityTag, s.Rona, s.Assign = 0, nil, false, nil
}

func (s *agentState) logout(t int64, out *outputs) bool {
	if s.Session == nil {
		return false
	}
	out.logouts = append(out.logouts, t)
	s.endWraps(t, out)
	s.Session, s.Assign = nil, nil
	s.Presence, s.PresenceSince, s.Tag = schema.LoggedOut, t, nil
	s.Activity, s.ActivityTag, s.Rona = 0, nil, false
	return true
}

// choose folds a status event in.
func (s *agentState) choose(t int64, st schema.Status, x *extra, out *outputs) bool {
	if st == schema.LoggedOut {
		return s.logout(t, out)
	}
	if s.Session == nil {
		s.login(t, &session{Since: t})
	}
	var tg *tag
	if x != nil {
		tg = x.tag
	}
	s.Activity, s.ActivityTag, s.Rona = 0, nil, false
	if st.IsActivity() {
		s.Activity, s.ActivityTag, s.HadPart = st, tg, len(s.Parts) > 0
		return true
	}
	if s.Presence != st || !sameReason(s.Tag, tg) {
		s.PresenceSince = t
	}
	s.Presence, s.Tag = st, tg
	if st == schema.Available {
		s.endWraps(t, out)
	}
	return true
}

func (s *agentState) endWraps(t int64, out *outputs) {
	for i := 0; i < len(s.Parts); {
		if s.Parts[i].State == schema.StateWrap {
			s.endWrap(i, t, out)
		} else {
			i++
		}
	}
}

// endWrap finishes the part at i and tells its interaction.
func (s *agentState) endWrap(i int, t int64, out *outputs) {
	out.wrapEnds = append(out.wrapEnds, wrapEnd{handle: s.Parts[i].Handle, ord: s.Parts[i].Ord, t: t})
	s.remove(i)
}

func (s *agentState) remove(i int) {
	s.Parts = slices.Delete(s.Parts, i, i+1)
	if s.Activity != 0 && s.HadPart && len(s.Parts) == 0 {
		s.Activity, s.ActivityTag = 0, nil
	}
}

// transition folds a change of one of the agent's parts in.
func (s *agentState) transition(t int64, in *input, out *outputs) {
	tr := unpackTransition(in)
	s.Marks = slices.DeleteFunc(s.Marks, func(m mark) bool { return m.At < t })
	i := slices.IndexFunc(s.Parts, func(p openPart) bool { return p.Handle == tr.handle && p.Ord == tr.ord })
	switch tr.state {
	case schema.StateEnded, schema.StateDeclined, schema.StateFailed:
		if i >= 0 {
			if s.Parts[i].State == schema.StateWrap {
				s.endWrap(i, t, out)
			} else {
				s.remove(i)
			}
		}
		if tr.state != schema.StateEnded {
			s.Marks = append(s.Marks, mark{Handle: tr.handle, Ord: tr.ord, At: t})
		}
		if tr.rona {
			s.Rona = true
		}
		return
	}
	if i < 0 {
		if tr.state != schema.StateWrap {
			s.Rona = false // an offer or an interaction
		}
		s.Parts = append(s.Parts, openPart{Handle: tr.handle, Ord: tr.ord})
		i = len(s.Parts) - 1
		s.HadPart = true
	}
	p := &s.Parts[i]
	was := p.State
	p.Channel, p.Role, p.Conf = tr.channel, tr.role, tr.conf
	if was == tr.state {
		return
	}
	p.State = tr.state
	switch {
	case tr.state == schema.StateWrap:
		p.WrapSince = t
	case tr.state == schema.StateConnected && tr.channel.Spoken() && was != schema.StateHeld:
		s.Rona = false
		s.endWraps(t, out) // the next connected voice or video part ends a wrap
	case tr.state == schema.StateConnected:
		s.Rona = false
	}
}

// with lays what an assignment event names over what was named before.
func (a *assignment) with(n *assignment) *assignment {
	if a == nil || a.Has&^n.Has == 0 {
		return n
	}
	out := *a
	if n.Has&schema.HasQueueIDs != 0 {
		out.Queues = n.Queues
	}
	if n.Has&schema.HasCampaignIDs != 0 {
		out.Campaigns = n.Campaigns
	}
	if n.Has&schema.HasSkills != 0 {
		out.Skills = n.Skills
	}
	if n.Has&schema.HasQueueID != 0 {
		out.Queue = n.Queue
	}
	if n.Has&schema.HasCampaignID != 0 {
		out.Campaign = n.Campaign
	}
	out.Has |= n.Has
	return &out
}
