package engine

import (
	"fmt"

	"floorwalker/schema"
)

// What the reference knows of agents (events.md, Agent events; metrics.md, section Agent).

type plainAgent struct {
	id             string
	known, in      bool // there was a session, there is one
	presence       schema.Status
	reason         string
	activity       schema.Status // reported, while it is in force
	activityReason string
	partSeen       bool // a part was open during the activity
	rona           bool
	suspended      bool
	capacity       [schema.NumChannels]uint16
	course         [numKinds][]showing // status, presence, workload
}

// showing is what an agent showed from a moment on: a presence also after a
// session, but no suspension and nothing else there.
type showing struct {
	since int64
	text  string
}

func (r *reference) agent(id string) *plainAgent {
	a := r.agents[id]
	if a == nil {
		a = &plainAgent{id: id, presence: schema.LoggedOut}
		r.agents[id] = a
	}
	return a
}

func (r *reference) agentEvent(ev *schema.Event) {
	a := r.agent(ev.Subject)
	switch {
	case ev.Type == schema.AgentLogin:
		a.login(ev.Capacity)
	case ev.Type == schema.AgentLogout, ev.Type == schema.AgentStatus && ev.Status == schema.LoggedOut:
		r.logout(a)
	case ev.Type == schema.AgentSuspended:
		a.suspended = ev.Suspended
	case ev.Type == schema.AgentStatus:
		r.status(a, ev.Status, ev.ReasonID)
	}
}

// login: presence is away until a status says otherwise.
func (a *plainAgent) login(capacity [schema.NumChannels]uint16) {
	a.known, a.in, a.presence, a.reason, a.capacity = true, true, schema.Away, "", capacity
	a.rona, a.activity, a.activityReason = false, 0, ""
}

// logout ends wrap and declines open offers (unreachable), connected parts go on.
func (r *reference) logout(a *plainAgent) {
	if !a.in {
		return
	}
	for _, p := range r.open(a.id) {
		if p.state == schema.StateRinging {
			r.decline(p, schema.DeclineUnreachable)
		}
	}
	r.endWraps(a.id)
	a.login([schema.NumChannels]uint16{})
	a.in, a.presence = false, schema.LoggedOut
}

// status of an agent who is logged out is also a login. A presence is chosen, an activity reported.
func (r *reference) status(a *plainAgent, status schema.Status, reason string) {
	if !a.in {
		a.login([schema.NumChannels]uint16{})
	}
	a.rona, a.activity, a.activityReason = false, 0, ""
	if status.IsActivity() {
		a.activity, a.activityReason, a.partSeen = status, reason, len(r.open(a.id)) > 0
		return
	}
	a.presence, a.reason = status, reason
	if status == schema.Available {
		r.endWraps(a.id)
	}
}

// partIsOver: a reported activity is in force until the end of the last part that was open during it.
func (r *reference) partIsOver(p *plainPart) {
	if a := r.agent(p.agent); a.partSeen && len(r.open(p.agent)) == 0 {
		a.activity, a.activityReason = 0, ""
	}
}

// effective is the first of Effective status that applies, and its reason.
func (r *reference) effective(a *plainAgent) (schema.Status, string) {
	open := r.open(a.id)
	any := func(of func(*plainPart) bool) bool {
		for _, p := range open {
			if of(p) {
				return true
			}
		}
		return false
	}
	in := func(state schema.PartState) bool { return any(func(p *plainPart) bool { return p.state == state }) }
	switch {
	case any((*plainPart).inConference):
		return schema.Conference, ""
	case any((*plainPart).onCall):
		return schema.OnCall, ""
	case in(schema.StateRinging):
		return schema.Ringing, ""
	case in(schema.StateDialing):
		return schema.Dialing, ""
	case in(schema.StateWrap):
		return schema.Wrap, ""
	case a.activity != 0:
		return a.activity, a.activityReason
	case a.rona:
		return schema.Rona, ""
	case a.full(open):
		return schema.InChat, ""
	}
	return a.presence, a.reason
}

// onCall: on voice and video, held stays on_call.
func (p *plainPart) onCall() bool {
	return p.of.channel.Spoken() && (p.state == schema.StateConnected || p.state == schema.StateHeld)
}

func (p *plainPart) speaks() bool { return p.state == schema.StateConnected && !p.role.Monitors() }

func (p *plainPart) inConference() bool {
	speakers := 0
	for _, o := range p.of.parts {
		if o.speaks() {
			speakers++
		}
	}
	return p.of.channel.Spoken() && p.speaks() && speakers >= 2
}

// full: as many connected in some channel as the login's capacity for it, 1 unless said.
func (a *plainAgent) full(open []*plainPart) bool {
	connected := [schema.NumChannels]uint16{}
	for _, p := range open {
		if p.state == schema.StateConnected && !p.of.channel.Spoken() {
			connected[p.of.channel]++
		}
	}
	for channel, n := range connected {
		if n > 0 && n >= max(1, a.capacity[channel]) {
			return true
		}
	}
	return false
}

// workload: metrics.md, section Agent.
func (r *reference) workload(a *plainAgent) (load [3]uint16) {
	open := r.open(a.id)
	for _, p := range open {
		if p.state == schema.StateParked || p.state == schema.StateHeld && !p.of.channel.Spoken() {
			continue
		}
		switch p.of.channel {
		case schema.ChannelVoice, schema.ChannelVideo:
			load[0]++
		case schema.ChannelChat:
			load[1]++
		default:
			load[2]++
		}
	}
	if len(open) > 0 {
		return load
	}
	switch a.activity {
	case schema.Ringing, schema.Dialing, schema.OnCall, schema.Conference, schema.Wrap:
		load[0] = 1
	case schema.InChat:
		load[1] = 1
	}
	return load
}

// noteStatuses notes what every agent shows after all of this millisecond.
func (r *reference) noteStatuses() {
	for _, a := range r.agents {
		var shown [numKinds]string
		if a.known {
			shown[1] = fmt.Sprint(a.presence, " ", a.reason, " ", a.in && a.suspended)
		}
		if a.in {
			status, reason := r.effective(a)
			shown[0] = fmt.Sprint(status, " ", reason, " ", a.suspended)
			shown[2] = fmt.Sprint(r.workload(a), " ", a.reason, " ", a.suspended)
		}
		for k, text := range shown {
			a.course[k] = append(a.course[k], showing{r.now, text})
		}
	}
}
