package clarity

import (
	"slices"

	"github.com/valyala/fastjson"

	"floorwalker/query/floor"
	encode "floorwalker/query/list"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// session is an interaction as this API shows it.
type session struct {
	*floor.Interaction
	v             *floor.View
	silent, whisp bool   // joined so
	text          []byte // what writeLasting writes with all properties; nil where it is not known
}

func sessionOf(v *floor.View, i *floor.Interaction) session {
	s := session{Interaction: i, v: v}
	for n := range i.Parts {
		p := &i.Parts[n]
		if p.Deleted || p.Connected == schema.NoTime || p.Ended != schema.Open {
			continue
		}
		s.silent = s.silent || p.Role == schema.RoleSilentJoin
		s.whisp = s.whisp || p.Role == schema.RoleWhisperJoin
	}
	return s
}

// ended reports whether the session has a completed status.
func (s session) ended() bool { return s.State == schema.StateEnded }

// status is the dictionary's word (surfaces.md, section Clarity, Sessions).
func (s session) status() string {
	switch s.State {
	case schema.StateWaiting:
		if visit := s.Visit(); visit != nil && visit.Kind == schema.VisitRequeue {
			return "ReEnqueued"
		}
		return "Queued"
	case schema.StateRinging:
		if s.Kind == schema.KindDirectInbound {
			return "DirectInboundDial"
		}
		return "NotifyingAgent"
	case schema.StateDialing:
		if s.Kind == schema.KindDirectOutbound {
			return "DirectOutboundDial"
		}
		return "CallingCustomer"
	case schema.StateConnected, schema.StateHeld, schema.StateParked:
		if s.Channel == schema.ChannelChat {
			return "ActiveImOnly"
		}
		return "Active"
	case schema.StateWrap:
		return "AfterCall"
	case schema.StateEnded:
		switch s.EndReason {
		case schema.EndAbandoned:
			return "Abandoned"
		case schema.EndAfterHours:
			return "CompletedAfterHours"
		}
		return "Completed"
	}
	return "New"
}

// queuedMs is how long the session has lasted while it waits (dictionary, Model Session), else 0.
func (s session) queuedMs() int64 {
	since, runs := s.queuedSince()
	if !runs {
		return 0
	}
	return max(0, s.v.AsOf-since)
}

// queuedSince is when queuedMs began to run; false where it does not.
func (s session) queuedSince() (since int64, runs bool) {
	return s.Start, s.State == schema.StateWaiting
}

// activeSince is when activeMs began to run; false where it does not.
func (s session) activeSince() (since int64, runs bool) {
	switch s.State {
	case schema.StateConnected, schema.StateHeld, schema.StateParked:
		return s.Connected, s.Connected != schema.NoTime
	}
	return 0, false
}

// activeMs is the time since the first connect while the session is with agents; up to its end once it is over.
func (s session) activeMs() int64 {
	if s.Connected == schema.NoTime {
		return 0
	}
	if since, runs := s.activeSince(); runs {
		return max(0, s.v.AsOf-since)
	}
	switch s.State {
	case schema.StateWrap, schema.StateEnded:
		if s.Ended != schema.Open {
			return max(0, s.Ended-s.Connected)
		}
		return max(0, s.StateSince-s.Connected)
	}
	return 0
}

func (s session) recordable() bool { return s.CanRecord && s.RecordAllowed }

// joinable reports whether a supervisor could still join unheard.
func (s session) joinable() bool { return !s.silent && !s.whisp }

// queueNumber is the first queue's number, or what stands for direct calls; ok is false where there is none.
func (s session) queueNumber() (n int64, ok bool) {
	switch s.Kind {
	case schema.KindDirectInbound:
		return directInboundQueue, true
	case schema.KindDirectOutbound:
		return directOutboundQueue, true
	}
	if s.FirstQueue == "" {
		return 0, false
	}
	number, ok := s.v.Directory.Number(directory.KindQueue, s.FirstQueue)
	return int64(number), ok
}

// customer reads a text of the customer: the first of the fields that says something.
func (s session) customer(fields ...string) string {
	if len(s.Customer) == 0 {
		return ""
	}
	for _, name := range fields {
		if text := fastjson.GetString(s.Customer, name); text != "" {
			return text
		}
	}
	return ""
}

// writeModel appends the realtime Session Model.
func (s session) writeModel(e *encode.Encoder, p *properties) {
	set := p.sessionSet
	e.Object()
	if set == nil && s.text != nil {
		e.B = append(e.B, s.text...)
	} else {
		s.writeLasting(e, set)
	}
	if has(set, "queuedMs") {
		e.Name("queuedMs")
		since, runs := s.queuedSince()
		writeTime(e, s.queuedMs(), since, runs && p.moments)
	}
	if has(set, "activeMs") {
		e.Name("activeMs")
		since, runs := s.activeSince()
		writeTime(e, s.activeMs(), since, runs && p.moments)
	}
	e.End()
}

// writeTime appends a time in ms; in place of one that runs the moment that it began, as whoever pushes it reads it.
func writeTime(e *encode.Encoder, ms, since int64, runs bool) {
	if !runs {
		e.Int(ms)
		return
	}
	e.Object()
	e.Name(sinceField)
	e.Int(since)
	e.End()
}

// sinceField stands for a time that runs in rows of which properties.moments was asked.
const sinceField = "since"

// writeLasting appends the fields that stay as they are while neither the interaction nor the directory changes.
func (s session) writeLasting(e *encode.Encoder, set map[string]bool) {
	e.Name("sessionId")
	e.Int(int64(s.Number))
	text := func(name, value string) {
		if value != "" && has(set, name) {
			e.Name(name)
			e.String(value)
		}
	}
	flag := func(name string, value bool) {
		if has(set, name) {
			e.Name(name)
			e.Bool(value)
		}
	}
	number := func(name string, value int64, ok bool) {
		if ok && has(set, name) {
			e.Name(name)
			e.Int(value)
		}
	}
	switch s.Kind {
	case schema.KindDirectInbound:
		text("sessionType", "DID")
	case schema.KindDirectOutbound:
		text("sessionType", "DOD")
	default:
		text("sessionType", "Queued")
	}
	queue, ok := s.queueNumber()
	number("queueId", queue, ok)
	agent, ok := s.v.Directory.Number(directory.KindAgent, s.PrimaryAgent)
	number("agentId", int64(agent), ok && s.PrimaryAgent != "")
	text("customerName", s.customer("name"))
	flag("isRecording", s.Recording)
	flag("canBeRecorded", s.recordable())
	flag("isSilentJoined", s.silent)
	flag("isWhisperJoined", s.whisp)
	text("sessionStatus", s.status())
	flag("canBeSilentJoined", s.joinable())
	flag("canBeWhisperJoined", s.joinable())
}

// sessionsOf are the interactions that the agent is the primary agent of now.
func sessionsOf(v *floor.View, a *floor.Agent) []session { return appendSessions(nil, v, a) }

func appendSessions(out []session, v *floor.View, a *floor.Agent) []session {
	first, known := len(out), knownSessionsOf(v)
	for i := range a.Live.Parts {
		live, ok := v.Floor.Interactions.Get(a.Live.Parts[i].Interaction)
		if !ok || live.PrimaryAgent != a.ID || live.State == schema.StateEnded {
			continue
		}
		if !slices.ContainsFunc(out[first:], func(s session) bool { return s.ID == live.ID }) {
			out = append(out, known.session(v, live))
		}
	}
	return out
}

// writeSessions appends the field sessions: those of each modality that has some.
func writeSessions(e *encode.Encoder, all []session, p *properties) {
	bag := &lazily{e: e, name: "sessions"}
	for m := range numModalities {
		if !p.modalities[m] {
			continue
		}
		of := &lazily{e: e, name: modalityNames[m], over: bag}
		for _, s := range all {
			if modalityOf(s.Channel) != m {
				continue
			}
			if !of.open {
				of.begin()
				e.Name("sessions")
				e.Array()
			}
			s.writeModel(e, p)
		}
		if of.open {
			e.EndArray()
			of.end()
		}
	}
	bag.end()
}
