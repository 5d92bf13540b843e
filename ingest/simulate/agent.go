package simulate

import (
	"fmt"
	"slices"

	"floorwalker/schema"
)

const (
	shiftLength = 8*hour + 30*minute
	digitalRoom = 3 // chats at a time; e-mails and tasks take all of it
)

// agent is a person with a shift.
type agent struct {
	clock
	id          string
	number      int64
	first, last string
	login       string
	team        *team
	skills      []string
	queues      []*queue
	shift       int64 // ms after local midnight
	boss        bool

	on        bool
	sessions  int
	presence  schema.Status
	suspended bool
	rona      bool   // did not answer and has not come back yet
	busy      bool   // ringing, dialing, talking or in wrap
	load      int    // of digitalRoom
	stamp     uint64 // of its newest entry in the idle lists
	plans     []func()
}

// idleEntry is an agent who was free when it was entered; a newer stamp makes it void.
type idleEntry struct {
	agent *agent
	stamp uint64
}

func (a *agent) campaigns() []string {
	if a.team.kind.campaign == "" || a.boss {
		return nil
	}
	return []string{a.team.kind.campaign}
}

func (a *agent) device() []byte {
	return schema.NewData().String("type", "softphone").String("contact_uri", "sip:"+a.login+"@phones.example.com").Bytes()
}

// ready reports whether the agent can take something that needs so much room; a conversation by voice needs all.
func (a *agent) ready(room int) bool {
	return a.on && !a.boss && !a.suspended && !a.rona && !a.busy && a.presence == schema.Available && a.load+room <= digitalRoom
}

func (a *agent) has(skill string) bool {
	for _, s := range a.skills {
		if s == skill {
			return true
		}
	}
	return skill == ""
}

// planShift schedules the agent's next shift. Whose shift is under way at the start comes in at once.
func (s *Simulator) planShift(a *agent) {
	since := (s.local(s.now) - a.shift + 2*day) % day
	if s.now == s.start && since < shiftLength-30*minute {
		s.after(s.uniform(0.1, 60), func() { s.clockIn(a, shiftLength-since) })
		return
	}
	s.after(day-since+s.uniform(0, 240), func() { s.clockIn(a, shiftLength) })
}

func (s *Simulator) clockIn(a *agent, length int64) {
	a.on, a.presence, a.suspended, a.rona, a.plans = true, schema.Away, false, false, nil
	a.sessions++
	capacity := []byte(`{"voice":1,"chat":3,"message":3,"email":1,"task":1}`)
	userType := "Executive"
	if a.boss {
		userType = "Supervisor"
	}
	s.emit(schema.AgentLogin, &a.clock, s.payload().String("session_id", fmt.Sprintf("%s-%s-%d", s.prefix, a.id, a.sessions)).
		Raw("device", a.device()).String("extension", fmt.Sprint(a.number)).String("user_type", userType).Raw("capacity", capacity))
	s.emit(schema.AgentAssignment, &a.clock, s.assignment(a))
	s.after(s.uniform(5, 90), func() { s.present(a, schema.Available, "") })
	s.after(max(length, minute), func() { s.plan(a, func() { s.clockOut(a) }) })
	s.planDay(a, length)
}

func (s *Simulator) assignment(a *agent) *schema.Data {
	ids := make([]string, len(a.queues))
	for i, q := range a.queues {
		ids[i] = q.id
	}
	d := s.payload().Strings("queue_ids", ids).Strings("skills", a.skills)
	if c := a.campaigns(); c != nil {
		d.Strings("campaign_ids", c).String("campaign_id", c[0])
	}
	return d
}

// planDay lays breaks, lunch, a meeting now and then, and small interruptions over a shift.
func (s *Simulator) planDay(a *agent, length int64) {
	at := func(when int64, reason string, lasts int64) {
		if when > 0 && when < length-20*minute {
			s.after(when, func() { s.plan(a, func() { s.pause(a, reasonFor(reason), lasts) }) })
		}
	}
	passed := shiftLength - length // of a shift that is under way
	at(s.uniform(5400, 9000)-passed, "coffee", s.uniform(540, 1000))
	at(s.uniform(13000, 16500)-passed, "lunch", s.uniform(1700, 2900))
	at(s.uniform(21600, 25000)-passed, "coffee", s.uniform(540, 1000))
	if s.chance(0.15) {
		at(s.uniform(3600, 20000)-passed, "team-meeting", s.uniform(1200, 2700))
	}
	if s.chance(0.06) {
		at(s.uniform(3600, 20000)-passed, "coaching", s.uniform(1500, 3000))
	}
	for when := s.exponential(5400); when < length; when += s.exponential(5400) {
		reason := []string{"restroom", "restroom", "paperwork", "away", "it-problem"}[s.rng.IntN(5)]
		at(when, reason, s.logNormal(200, 0.5))
	}
	if s.chance(0.02) {
		s.after(s.uniform(1800, 20000), func() { s.suspend(a) })
	}
}

// plan does something as soon as the agent is free of customers.
func (s *Simulator) plan(a *agent, do func()) {
	if !a.on {
		return
	}
	a.plans = append(a.plans, do)
	a.stamp++ // takes nothing more before that
	s.settle(a)
}

// settle lets an agent go on after anything that changed: first what was planned, then the next customer.
func (s *Simulator) settle(a *agent) {
	if !a.on || a.busy || a.load > 0 && len(a.plans) > 0 {
		return
	}
	if len(a.plans) > 0 && !a.rona && a.presence == schema.Available {
		next := a.plans[0]
		a.plans = a.plans[1:]
		next()
		return
	}
	if !a.ready(1) {
		return
	}
	a.stamp++
	for _, q := range a.queues {
		q.enter(a)
	}
	for _, q := range a.queues {
		s.dispatch(q)
	}
}

func (s *Simulator) present(a *agent, status schema.Status, reasonID string) {
	if !a.on {
		return
	}
	d := s.payload().String("status", status.String())
	if r := reasonFor(reasonID); r.id != "" {
		d.Raw("reason", schema.NewData().String("id", r.id).String("name", r.name).Bytes())
	}
	s.emit(schema.AgentStatus, &a.clock, d)
	a.presence, a.rona = status, false
	s.settle(a)
}

// pause takes the agent off for a while.
func (s *Simulator) pause(a *agent, r reason, lasts int64) {
	s.present(a, r.status, r.id)
	session := a.sessions
	s.after(lasts, func() {
		if a.on && a.sessions == session {
			s.present(a, schema.Available, "")
		}
	})
}

func (s *Simulator) suspend(a *agent) {
	if !a.on || a.suspended {
		return
	}
	session := a.sessions
	a.suspended = true
	s.emit(schema.AgentSuspended, &a.clock, s.payload().Bool("suspended", true))
	s.after(s.uniform(90, 400), func() {
		if !a.on || a.sessions != session {
			return
		}
		a.suspended = false
		s.emit(schema.AgentSuspended, &a.clock, s.payload().Bool("suspended", false))
		s.settle(a)
	})
}

func (s *Simulator) clockOut(a *agent) {
	a.on = false
	a.stamp++
	s.emit(schema.AgentLogout, &a.clock, s.payload().String("reason", "end of shift"))
	s.planShift(a)
}

// take finds the agent who has been free longest and fits.
func (q *queue) take(room int, skill string) *agent {
	keep := q.idle[:0]
	for i, e := range q.idle {
		if !e.valid() {
			continue
		}
		if e.agent.ready(room) && e.agent.has(skill) {
			q.idle = append(keep, q.idle[i+1:]...)
			return e.agent
		}
		keep = append(keep, e)
	}
	q.idle = keep
	return nil
}

func (e idleEntry) valid() bool { return e.stamp == e.agent.stamp && e.agent.ready(1) }

// enter notes a free agent. A queue that seldom takes anybody would gather void entries, so they are swept now and then.
func (q *queue) enter(a *agent) {
	if len(q.idle) >= q.sweep {
		q.idle = slices.DeleteFunc(q.idle, func(e idleEntry) bool { return !e.valid() })
		q.sweep = 2*len(q.idle) + 64
	}
	q.idle = append(q.idle, idleEntry{a, a.stamp})
}
