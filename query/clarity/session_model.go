package clarity

import (
	"slices"

	"github.com/valyala/fastjson"

	"floorwalker/query/floor"
	encode "floorwalker/query/list"
	"floorwalker/query/mask"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// session is an interaction as this API shows it.
type session struct {
	*floor.Interaction
	v              *floor.View
	modality       modality
	queued, active clock
	silent, whisp  bool                    // joined so
	text           []byte                  // what writeLasting writes with all properties, unmasked; nil where it is not known
	whole          *schema.LiveInteraction // as it is, where what is embedded is masked (sight.shown)
}

// clock is a time in ms that runs since a moment or stands still.
type clock struct{ since, stands int64 } // since is NoTime where it stands

func running(since int64) clock { return clock{since: since} }

func standing(ms int64) clock { return clock{schema.NoTime, max(0, ms)} }

func (c clock) runs() bool { return c.since != schema.NoTime }

// at is the time at a moment.
func (c clock) at(asOf int64) int64 {
	if c.runs() {
		return max(0, asOf-c.since)
	}
	return c.stands
}

func sessionOf(v *floor.View, i *floor.Interaction) session {
	s := session{Interaction: i, v: v, modality: modalityOf(i.Channel), queued: queuedClock(i), active: activeClock(i)}
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

// queuedClock is how long the session has lasted while it waits (dictionary, Model Session), else 0.
func queuedClock(i *floor.Interaction) clock {
	if i.State == schema.StateWaiting {
		return running(i.Start)
	}
	return standing(0)
}

// activeClock is the time since the first connect while the session is with agents; up to its end once it is over.
func activeClock(i *floor.Interaction) clock {
	if i.Connected == schema.NoTime {
		return standing(0)
	}
	switch i.State {
	case schema.StateConnected, schema.StateHeld, schema.StateParked:
		return running(i.Connected)
	case schema.StateWrap, schema.StateEnded:
		if i.Ended != schema.Open {
			return standing(i.Ended - i.Connected)
		}
		return standing(i.StateSince - i.Connected)
	}
	return standing(0)
}

func (s session) queuedMs() int64 { return s.queued.at(s.v.AsOf) }

func (s session) activeMs() int64 { return s.active.at(s.v.AsOf) }

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
	v, err := fastjson.ParseBytes(s.Customer)
	if err != nil {
		return ""
	}
	for _, name := range fields {
		switch of := v.Get(name); {
		case of == nil:
		case of.Type() == fastjson.TypeNumber: // integers are accepted for ids (events.md, section Envelope)
			return of.String()
		default:
			if text := string(of.GetStringBytes()); text != "" {
				return text
			}
		}
	}
	return ""
}

// asItIs is the session with what may be hidden from the caller.
func (s session) asItIs() session {
	if s.whole == nil {
		return s
	}
	row := *s.Interaction
	row.LiveInteraction = s.whole
	s.whole, s.Interaction = nil, &row
	return s
}

// writeModel appends the realtime Session Model of a session that is not masked yet.
func (s session) writeModel(e *encode.Encoder, p *properties, m *mask.Mask) {
	set := p.sessionSet
	e.Object()
	if set == nil && s.text != nil && !m.Hides(mask.Name) {
		e.B = append(e.B, s.text...)
	} else {
		s.writeLasting(e, set, m)
	}
	for _, of := range []struct {
		name string
		time clock
	}{{"queuedMs", s.queued}, {"activeMs", s.active}} {
		if has(set, of.name) {
			e.Name(of.name)
			writeClock(e, of.time, s.v.AsOf, p.moments)
		}
	}
	e.End()
}

// writeClock appends a time in ms; with moments, in place of one that runs, the moment that it began, as whoever pushes it reads it.
func writeClock(e *encode.Encoder, c clock, asOf int64, moments bool) {
	if !c.runs() || !moments {
		e.Int(c.at(asOf))
		return
	}
	e.Object()
	e.Name(sinceField)
	e.Int(c.since)
	e.End()
}

// sinceField stands for a time that runs in rows of which properties.moments was asked.
const sinceField = "since"

// writeLasting appends the fields that stay as they are while neither the interaction nor the directory changes.
func (s session) writeLasting(e *encode.Encoder, set map[string]bool, m *mask.Mask) {
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
	text("customerName", m.Text(mask.Name, s.customer("name")))
	flag("isRecording", s.Recording)
	flag("canBeRecorded", s.recordable())
	flag("isSilentJoined", s.silent)
	flag("isWhisperJoined", s.whisp)
	text("sessionStatus", s.status())
	flag("canBeSilentJoined", s.joinable())
	flag("canBeWhisperJoined", s.joinable())
}

// sessionsOf are the interactions that the agent is the primary agent of now.
func sessionsOf(v *floor.View, a *floor.Agent) []session { return appendSessions(nil, v, a.Live) }

func appendSessions(out []session, v *floor.View, a *schema.LiveAgent) []session {
	first, known := len(out), knownSessionsOf(v)
	for i := range a.Parts {
		live, ok := v.Floor.Interactions.Get(a.Parts[i].Interaction)
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
func writeSessions(e *encode.Encoder, all []session, p *properties, m *mask.Mask) {
	bag := &lazily{e: e, name: "sessions"}
	for modality := range numModalities {
		if !p.modalities[modality] {
			continue
		}
		of := &lazily{e: e, name: modalityNames[modality], over: bag}
		for _, s := range all {
			if s.modality != modality {
				continue
			}
			if !of.open {
				of.begin()
				e.Name("sessions")
				e.Array()
			}
			s.writeModel(e, p, m)
		}
		if of.open {
			e.EndArray()
			of.end()
		}
	}
	bag.end()
}
