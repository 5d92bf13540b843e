package native

import (
	"context"

	"github.com/valyala/fastjson"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// interactionRow is an interaction in the state that it is shown in.
type interactionRow struct {
	*floor.Interaction
	v *floor.View
}

// liveInteractionFilters are those of live ones; of the past there are from and to.
func liveInteractionFilters() []route.Parameter {
	return []route.Parameter{
		ids("id", "only these interactions"),
		texts("call_id", "only these calls"),
		texts("chat_id", "only these chats"),
		words("channel", "only these channels", schema.ChannelNames()),
		words("direction", "only these directions", schema.DirectionNames()),
		words("state", "only interactions in these states", interactionStates()),
		ids("agent", "only interactions that these agents have or had a part in"),
		ids("queue", "only interactions of these queues"),
		ids("campaign", "only interactions of these campaigns"),
		texts("customer", "only these customers' ids"),
		texts("customer_phone", "only these customers' numbers"),
		seconds("waiting_longer_than", "only interactions that have waited in a queue for longer than so many seconds, and still do"),
	}
}

func (a *API) interactionOperations() []route.Operation {
	t := a.interactions
	return []route.Operation{
		a.get("/interactions", "listInteractions", "Live interactions, or with from and to those of the past",
			t.Response("Interaction", "live ones in order of id, past ones in order of creation, or as sort says", route.May("from", route.DateTime()), route.May("to", route.DateTime())), a.listInteractions, t.Parameters(append(liveInteractionFilters(),
				moment("from", "interactions created from here on, from history"), moment("to", "interactions created before, from history"))...)...),
		a.one("/interactions/{id}", "getInteraction", "All that is known of one interaction", wholeInteractionSchema(t.Schema()).Named("Interaction"),
			a.oneInteraction),
	}
}

func (a *API) listInteractions(r *request) error {
	if r.q.Has("from") || r.q.Has("to") {
		return a.listPastInteractions(r)
	}
	f := readInteractionFilter(r.q)
	p, v, m, err := page(a, r, a.interactions)
	if err != nil {
		return err
	}
	hidden := r.mask(a)
	if err := unhidden(hidden, r.q, p.Sort); err != nil {
		return err
	}
	auditExport(r, "interactions.export", p, hidden)
	f.resolve(v)
	if f.hasLonger {
		m.TagMoment()
	}
	rows := a.interactions.Collect(p)
	for _, i := range v.Interactions() {
		if f.match(i) {
			rows.Add(interactionRow{i, v})
		}
	}
	return a.answer(r, rows, p, m, hidden)
}

func (a *API) oneInteraction(r *request) error {
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	row, err := a.wholeInteraction(r, id)
	if err != nil {
		return err
	}
	row = shownWhole(r.mask(a), row)
	return list.One(r.Ctx, func(e *list.Encoder) { writeWholeInteraction(e, a.interactions, row) })
}

// wholeInteraction is the live one of an id or number, else the newest one of the past.
func (a *API) wholeInteraction(r *request, id string) (interactionRow, error) {
	v := a.Source.View(r.contactCenter)
	ctx, cancel := context.WithTimeout(r.UserContext(), a.Limits.Timeout)
	defer cancel()
	if i, ok := v.Interaction(id); ok {
		if !i.Forgotten || a.History == nil {
			return interactionRow{i, v}, nil
		}
		older, err := a.History.Annotations(ctx, r.contactCenter, history.InteractionKey{ID: i.ID, Start: i.Start, Ended: i.Ended})
		if err != nil {
			return interactionRow{}, historyProblem(err)
		}
		return interactionRow{floor.NewInteraction(floor.WithOlder(i.LiveInteraction, older)), v}, nil
	}
	if a.History == nil {
		return interactionRow{}, problem.NotFound("interaction", id)
	}
	at, err := a.History.Progress(ctx, r.contactCenter)
	if err != nil {
		return interactionRow{}, historyProblem(err)
	}
	i, found, err := a.History.Interaction(ctx, r.contactCenter, id)
	if err != nil {
		return interactionRow{}, historyProblem(err)
	}
	if !found {
		return interactionRow{}, problem.NotFound("interaction", id)
	}
	return interactionRow{floor.NewInteraction(i), v.Past(a.asOf(at.AsOf))}, nil
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
		channel: q.Set("channel"), direction: q.Set("direction"),
		state: q.Set("state"), agent: q.Set("agent"), queue: q.Set("queue"), campaign: q.Set("campaign"),
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

func (f *interactionFilter) resolveEntities() {
	v := f.v
	f.agent = v.IDs(directory.KindAgent, f.agent)
	f.queue = v.IDs(directory.KindQueue, f.queue)
	f.campaign = v.IDs(directory.KindCampaign, f.campaign)
}

func (f *interactionFilter) resolve(v *floor.View) {
	f.v = v
	f.resolveEntities()
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

// idOf is a customer's id as text; integers are accepted for it (events.md, section Envelope).
func idOf(customer *fastjson.Value) string {
	if id := customer.Get("id"); id != nil && id.Type() == fastjson.TypeNumber {
		return id.String()
	}
	return string(customer.GetStringBytes("id"))
}

func (f *interactionFilter) matchCustomer(customer []byte) bool {
	if f.customer == nil && f.customerPhone == nil {
		return true
	}
	v, err := f.parser.ParseBytes(customer)
	if err != nil {
		return false
	}
	if f.customer != nil && !f.customer[idOf(v)] {
		return false
	}
	return f.customerPhone == nil || f.customerPhone[string(v.GetStringBytes("phone"))] ||
		f.customerPhone[string(v.GetStringBytes("display_phone"))]
}
