package engine

import (
	"slices"

	"floorwalker/schema"
)

// derive brings effective status and workload up to date after an input at t.
func (s *agentState) derive(t int64) {
	if status, _ := s.effective(); status != s.Status {
		s.Status, s.StatusSince = status, t
		s.dropMarks(t)
	}
	if load := s.workload(); load != s.Load {
		s.Load, s.LoadSince = load, t
		s.dropMarks(t)
	}
	if s.PresenceSince == t {
		s.dropMarks(t)
	}
}

// goesOn reports whether the stretch of kind k is what the state at Now calls for. It says what present does, sooner.
func (s *agentState) goesOn(k int) bool {
	x, off := &s.Current[k], s.Session == nil
	switch {
	case k == ofPresence && off:
		return x.Status == s.Presence && !x.Suspended && x.Off == (s.PresenceSince == schema.NoTime) && sameTag(x.Tag, s.Tag)
	case x.Suspended != s.Suspended || x.Off != off:
		return false
	case k == ofPresence:
		return x.Status == s.Presence && sameTag(x.Tag, s.Tag)
	case k == ofWorkload:
		return x.Load == s.Load && sameTag(x.Tag, s.Tag)
	case x.Status != s.Status:
		return false
	}
	_, t := s.effective()
	return sameTag(x.Tag, t)
}

// present is the stretch of kind k that the state at Now calls for, as one that begins there.
func (s *agentState) present(k int) stretch {
	x := stretch{Start: s.Now, Suspended: s.Suspended, Off: s.Session == nil, Tag: s.Tag}
	switch k {
	case ofStatus:
		x.Status, x.Tag = s.effective()
	case ofPresence:
		x.Status = s.Presence
		if x.Off { // as a presence, logged-out time is one uncut row
			x.Suspended, x.Off = false, s.PresenceSince == schema.NoTime
		}
	case ofWorkload:
		x.Load = s.Load
	}
	return x
}

func (s *agentState) dropMarks(t int64) {
	if len(s.Marks) > 0 {
		s.Marks = slices.DeleteFunc(s.Marks, func(m mark) bool { return m.At < t })
	}
}

// effective is the status that the APIs show, by the event contract's order of precedence, with the reason that goes with it.
func (s *agentState) effective() (schema.Status, *tag) {
	if s.Session == nil {
		return schema.LoggedOut, nil
	}
	if len(s.Parts) == 0 && s.Activity == 0 && !s.Rona { // most agents at most moments
		return s.Presence, s.Tag
	}
	var speaking, conf, ringing, dialing, wrap bool
	var busy [schema.NumChannels]int
	for i := range s.Parts {
		p := &s.Parts[i]
		switch {
		case p.talking() && p.Channel.Spoken():
			speaking = true
			conf = conf || p.Conf
		case p.State == schema.StateConnected:
			busy[p.Channel]++
		case p.State == schema.StateRinging:
			ringing = true
		case p.State == schema.StateDialing:
			dialing = true
		case p.State == schema.StateWrap:
			wrap = true
		}
	}
	switch {
	case conf:
		return schema.Conference, nil
	case speaking:
		return schema.OnCall, nil
	case ringing:
		return schema.Ringing, nil
	case dialing:
		return schema.Dialing, nil
	case wrap:
		return schema.Wrap, nil
	case s.Activity != 0:
		return s.Activity, s.ActivityTag
	case s.Rona:
		return schema.Rona, nil
	}
	for ch := schema.ChannelChat; int(ch) < schema.NumChannels; ch++ {
		if busy[ch] > 0 && busy[ch] >= s.Session.capacity(ch) {
			return schema.InChat, nil
		}
	}
	return s.Presence, s.Tag
}

// workload counts the agent's parts that are live (voice, video), semi-live (chat) and non-live (message, e-mail, task).
func (s *agentState) workload() [3]uint16 {
	var w [3]uint16
	for i := range s.Parts {
		p := &s.Parts[i]
		if p.State == schema.StateParked || p.State == schema.StateHeld && !p.Channel.Spoken() {
			continue
		}
		w[loadOf(p.Channel)]++
	}
	if len(s.Parts) > 0 {
		return w
	}
	switch s.Activity {
	case schema.Ringing, schema.Dialing, schema.OnCall, schema.Conference, schema.Wrap:
		w[0] = 1
	case schema.InChat:
		w[1] = 1
	}
	return w
}

func loadOf(c schema.Channel) int {
	switch c {
	case schema.ChannelVoice, schema.ChannelVideo:
		return 0
	case schema.ChannelChat:
		return 1
	}
	return 2
}
