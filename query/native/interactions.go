package native

import (
	"github.com/valyala/fastjson"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// interactionRow is an interaction in the state that it is shown in.
type interactionRow struct {
	*floor.Interaction
	v *floor.View
}

var interactionFilters = []string{"id", "call_id", "chat_id", "channel", "direction", "state", "agent", "queue", "campaign", "customer",
	"customer_phone", "waiting_longer_than"}

func (a *API) listInteractions(r *request) error {
	if r.q.Has("from") || r.q.Has("to") {
		r.q.Only(list.With(append([]string{"from", "to"}, interactionFilters...)...)...)
		if err := r.q.Err(); err != nil {
			return err
		}
		return problem.New(501, "not_available_yet", "interactions of the past are not served yet; without from and to this lists the live ones")
	}
	f := readInteractionFilter(r.q)
	p, v, m, err := page(a, r, a.interactions, append([]string{"from", "to"}, interactionFilters...)...)
	if err != nil {
		return err
	}
	f.resolve(v)
	var rows []interactionRow
	for _, i := range v.Interactions() {
		if f.match(i) {
			rows = append(rows, interactionRow{i, v})
		}
	}
	return list.Answer(r.Ctx, a.interactions, rows, p, m)
}

func (a *API) oneInteraction(r *request) error {
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	r.q.Only()
	if err := r.q.Err(); err != nil {
		return err
	}
	v := a.Source.View(r.contactCenter)
	i, ok := v.Interaction(id)
	if !ok {
		return problem.NotFound("interaction", id)
	}
	row := interactionRow{i, v}
	return list.One(r.Ctx, func(e *list.Encoder) { writeWholeInteraction(e, a.interactions, row) })
}

// interactionFilter is what /interactions selects by; nil sets select everything.
type interactionFilter struct {
	v                         *floor.View
	id, callID, chatID        map[string]bool
	channel, direction, state map[string]bool
	agent, queue, campaign    map[string]bool
	customer, customerPhone   map[string]bool
	longerMs                  int64
	hasLonger                 bool
	parser                    fastjson.Parser
}

func readInteractionFilter(q *list.Query) *interactionFilter {
	f := &interactionFilter{id: q.Set("id"), callID: q.Set("call_id"), chatID: q.Set("chat_id"),
		channel: q.Enum("channel", schema.ChannelNames()), direction: q.Enum("direction", schema.DirectionNames()),
		state: q.Enum("state", interactionStates()), agent: q.Set("agent"), queue: q.Set("queue"), campaign: q.Set("campaign"),
		customer: q.Set("customer"), customerPhone: q.Set("customer_phone")}
	f.longerMs, f.hasLonger = q.Seconds("waiting_longer_than")
	return f
}

// interactionStates are the states of whole interactions, which know no declined and failed.
func interactionStates() []string {
	var names []string
	for s := schema.StateDialing; s <= schema.StateIVR; s++ {
		if !isMark(s) {
			names = append(names, s.String())
		}
	}
	return names
}

func (f *interactionFilter) resolve(v *floor.View) {
	f.v = v
	f.agent = v.IDs(directory.KindAgent, f.agent)
	f.queue = v.IDs(directory.KindQueue, f.queue)
	f.campaign = v.IDs(directory.KindCampaign, f.campaign)
	ids := make(map[string]bool, len(f.id))
	for id := range f.id {
		ids[id] = true
		if i, ok := v.Interaction(id); ok {
			ids[i.ID] = true
		}
	}
	if f.id != nil {
		f.id = ids
	}
}

func (f *interactionFilter) match(i *floor.Interaction) bool {
	switch {
	case f.id != nil && !f.id[i.ID],
		f.callID != nil && !f.callID[i.CallID],
		f.chatID != nil && !f.chatID[i.ChatID],
		f.channel != nil && !f.channel[i.Channel.String()],
		f.direction != nil && !f.direction[i.Direction.String()],
		f.state != nil && !f.state[i.State.String()],
		f.queue != nil && !f.queue[i.Queue],
		f.campaign != nil && !f.campaign[i.Campaign],
		f.agent != nil && !f.hasAgent(i):
		return false
	}
	if f.hasLonger {
		visit := i.Visit()
		if visit == nil || f.v.AsOf-visit.Start <= f.longerMs {
			return false
		}
	}
	return f.matchCustomer(i.Customer)
}

func (f *interactionFilter) hasAgent(i *floor.Interaction) bool {
	for n := range i.Parts {
		if f.agent[i.Parts[n].Agent] {
			return true
		}
	}
	return false
}

func (f *interactionFilter) matchCustomer(customer []byte) bool {
	if f.customer == nil && f.customerPhone == nil {
		return true
	}
	v, err := f.parser.ParseBytes(customer)
	if err != nil {
		return false
	}
	if f.customer != nil && !f.customer[string(v.GetStringBytes("id"))] {
		return false
	}
	return f.customerPhone == nil || f.customerPhone[string(v.GetStringBytes("phone"))] ||
		f.customerPhone[string(v.GetStringBytes("display_phone"))]
}
