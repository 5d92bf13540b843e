package ameyo

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"floorwalker/query/floor"
	"floorwalker/query/mask"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// row is one line of any table. What a row does not have is nil or empty.
type row struct {
	agent           *floor.Agent
	part            *schema.LivePart // the open part that is shown
	of              *schema.LiveInteraction
	campaign, queue string
}

// contact is the customer_status, empty for null.
func (r *row) contact() string {
	switch {
	case r.part != nil:
		return contactStatus(r.part.State)
	case r.of != nil && visitOf(r.of) != nil:
		return contactRinging
	}
	return ""
}

func visitOf(i *schema.LiveInteraction) *schema.Visit {
	return (&floor.Interaction{LiveInteraction: i}).Visit()
}

// contactSince is the moment since when the contact has been in its status; NoTime where it is in none.
func (r *row) contactSince() int64 {
	if r.part == nil {
		if r.of == nil {
			return schema.NoTime
		}
		if visit := visitOf(r.of); visit != nil {
			return visit.Start
		}
		return schema.NoTime
	}
	switch contactStatus(r.part.State) {
	case contactConnected:
		if r.part.Connected != schema.NoTime {
			return r.part.Connected
		}
	case contactHungUp:
		return r.part.StateSince
	}
	return r.part.Since
}

// state is what the rows of one answer share.
type state struct {
	source *floor.Source
	v      *floor.View
	mask   *mask.Mask // what the caller is not to see of customers

	parser   fastjson.Parser
	parsed   *schema.LiveInteraction // whose customer it is
	customer *fastjson.Value
}

func newState(source *floor.Source, v *floor.View, m *mask.Mask) *state {
	return &state{source: source, v: v, mask: m}
}

// customerOf is what the caller may see of the interaction's customer, an empty object where nothing is known of it; rows are written and
// sorted by it. It is valid until the next call.
func (s *state) customerOf(i *schema.LiveInteraction) *fastjson.Value {
	if i == nil {
		return nil
	}
	if s.parsed != i {
		s.parsed, s.customer = i, nil
		if v, err := s.parser.ParseBytes(s.mask.Customer(i.Customer)); err == nil && v.Type() == fastjson.TypeObject {
			s.customer = v
		}
	}
	return s.customer
}

func (s *state) userSince(a *floor.Agent) int64 {
	if a.Live.Status != schema.Available {
		return a.Live.StatusSince // every other status has a word of its own
	}
	word := userStatus(a.Live.Status, a.Live.Suspended)
	return s.source.HeldSince(s.v, a, func(status schema.Status, suspended bool) bool { return userStatus(status, suspended) == word })
}

func userType(a *floor.Agent) string {
	if a.Live.Session != nil && a.Live.Session.UserType != "" {
		return a.Live.Session.UserType
	}
	return a.Entry.UserType
}

// interactionID is the interaction's id, else one made of user and campaign, as the specification's sample does.
func (s *state) interactionID(r *row) string {
	switch {
	case r.of != nil:
		return r.of.ID
	case r.part != nil:
		return r.part.Interaction
	case r.campaign == "":
		return r.agent.ID
	}
	if n, ok := kindNumber(s.v, directory.KindCampaign, r.campaign); ok {
		return r.agent.ID + "_" + itoa(n)
	}
	return r.agent.ID + "_" + r.campaign
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }

func channelType(r *row) string {
	switch {
	case r.of != nil:
		return strings.ToUpper(r.of.Channel.String())
	case r.part != nil:
		return strings.ToUpper(r.part.Channel.String())
	}
	return "VOICE"
}

// shownPart is the open part that stands for all: one that is connected before one that rings before one in wrap, of these the
// primary agent's, then the newest; nil where none is open.
func shownPart(parts []schema.LivePart) *schema.LivePart {
	var best *schema.LivePart
	for i := range parts {
		if p := &parts[i]; rank(p) > 0 && (best == nil || before(p, best)) {
			best = p
		}
	}
	return best
}

func rank(p *schema.LivePart) int {
	switch contactStatus(p.State) {
	case contactHungUp:
		return 1
	case contactRinging:
		return 2
	case contactConnected:
		if p.State != schema.StateConnected {
			return 3
		}
		return 4
	}
	return 0
}

func before(p, q *schema.LivePart) bool {
	switch {
	case rank(p) != rank(q):
		return rank(p) > rank(q)
	case p.Primary != q.Primary:
		return p.Primary
	}
	return p.Since >= q.Since
}
