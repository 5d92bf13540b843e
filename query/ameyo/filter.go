package ameyo

import (
	"strings"

	"floorwalker/query/floor"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

// filter is what rows are selected by: all of the filters, any of the values of one. Nil sets and an empty name select everything;
// a row that does not have what a filter is about is not selected by it.
type filter struct {
	campaigns, users, queues        map[string]bool // ids
	types, sessions, calls, chats   map[string]bool
	status                          map[string]bool // in lower case
	name                            string          // in lower case
	byUser, byInteraction, byStatus bool            // what a row must have
}

func readFilter(q *route.Query) (*filter, error) {
	name, _ := q.Text("user-name")
	f := &filter{campaigns: set(q, "campaign-ids"), users: set(q, "user-ids"), queues: set(q, "queue-ids"), types: set(q, "user-types"),
		sessions: set(q, "session-ids"), calls: set(q, "call-ids"), chats: set(q, "chat-ids"), name: strings.ToLower(name)}
	for _, text := range items(q, "status") {
		word, ok := filterWord(text)
		if !ok {
			return nil, problem.BadValue("status", text, "Inactive, ringing, connected, hungup, "+strings.Join(userStatuses(), ", "))
		}
		if f.status == nil {
			f.status = map[string]bool{}
		}
		f.status[word] = true
	}
	f.byUser = f.users != nil || f.name != "" || f.types != nil || f.sessions != nil
	f.byInteraction = f.calls != nil || f.chats != nil
	f.byStatus = f.status != nil
	return f, nil
}

// resolve turns numbers into ids.
func (f *filter) resolve(v *floor.View) {
	f.campaigns = v.IDs(directory.KindCampaign, f.campaigns)
	f.users = v.IDs(directory.KindAgent, f.users)
	f.queues = v.IDs(directory.KindQueue, f.queues)
}

func (f *filter) match(r *row) bool {
	switch {
	case f.campaigns != nil && !f.campaigns[r.campaign],
		f.queues != nil && !f.queues[r.queue],
		f.byUser && !f.matchUser(r.agent),
		f.byInteraction && !f.matchInteraction(r),
		f.byStatus && !f.matchStatus(r):
		return false
	}
	return true
}

// byNothingElse reports whether it is by their users alone that rows are selected, if at all.
func (f *filter) byNothingElse() bool {
	return f.campaigns == nil && f.queues == nil && !f.byInteraction && !f.byStatus
}

// countSlots tells how many have the campaign and queue that are wanted.
func (f *filter) countSlots(of []slot) (n int) {
	if f.campaigns == nil && f.queues == nil {
		return len(of)
	}
	for _, s := range of {
		if (f.campaigns == nil || f.campaigns[s.campaign]) && (f.queues == nil || f.queues[s.queue]) {
			n++
		}
	}
	return n
}

func (f *filter) matchUser(a *floor.Agent) bool {
	switch {
	case a == nil,
		f.users != nil && !f.users[a.ID],
		f.name != "" && !strings.Contains(strings.ToLower(a.Entry.Name), f.name),
		f.types != nil && !f.types[userType(a)],
		f.sessions != nil && (a.Live.Session == nil || !f.sessions[a.Live.Session.ID]):
		return false
	}
	return true
}

// matchInteraction finds calls and chats by their own ids and by the interaction's, which is what rows show.
func (f *filter) matchInteraction(r *row) bool {
	if r.of == nil {
		return false
	}
	spoken := r.of.Channel.Spoken()
	if f.calls != nil && !(r.of.CallID != "" && f.calls[r.of.CallID]) && !(spoken && f.calls[r.of.ID]) {
		return false
	}
	return f.chats == nil || r.of.ChatID != "" && f.chats[r.of.ChatID] || !spoken && f.chats[r.of.ID]
}

func (f *filter) matchStatus(r *row) bool {
	if r.part == nil && f.status[strings.ToLower(inactive)] {
		return true
	}
	if word := r.contact(); word != "" && f.status[word] {
		return true
	}
	return r.agent != nil && f.status[strings.ToLower(userStatus(r.agent.Live.Status, r.agent.Live.Suspended))]
}
