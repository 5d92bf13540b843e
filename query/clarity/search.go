package clarity

import (
	"fmt"
	"strings"

	"floorwalker/query/floor"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

type searchAnswer struct {
	AgentsFound []foundAgent `json:"agentsFound"`
	QueuesFound []foundQueue `json:"queuesFound"`
	Message     string       `json:"message"`
}

type foundAgent struct {
	AgentID       *int64 `json:"agentId"`
	FirstName     string `json:"firstName"`
	LastName      string `json:"lastName"`
	PublicName    string `json:"publicName"`
	LoginName     string `json:"loginName"`
	SipAddress    string `json:"sipAddress"`
	EmailAddress  string `json:"emailAddress"`
	PhoneNumber   string `json:"phoneNumber"`
	Status        int    `json:"status"`
	CallsAnswered uint64 `json:"callsAnswered"`
	Ronas         uint64 `json:"ronas"`
	Type          string `json:"type"`
	ID            *int64 `json:"id"`
}

type foundQueue struct {
	QueueID           *int64 `json:"queueId"`
	QueueName         string `json:"queueName"`
	IsOpen            bool   `json:"isOpen"`
	AgentsOnline      int    `json:"agentsOnline"`
	AgentsAvailable   int    `json:"agentsAvailable"`
	EstimatedWaitTime *int64 `json:"estimatedWaitTime,omitempty"` // s
	CallsToday        uint64 `json:"callsToday"`
	Type              string `json:"type"`
	ID                *int64 `json:"id"`
}

// phoneNotSet stands for an agent's phone that the directory does not have.
const phoneNotSet = "NOTSET"

// search finds the visible agents and queues that have a text in one of their names and addresses, in any case.
func search(c *call) error {
	asked := c.segment("query")
	text := strings.ToLower(strings.TrimSpace(asked))
	if text == "" {
		return problem.Parameter("query", "the query is empty")
	}
	today, hour := c.api.Source.Figures(c.v, "today"), c.api.Source.Figures(c.v, "1h")
	if today == nil || hour == nil {
		return problem.Unavailable("history_unavailable", "what happened earlier today is not known at this moment", 1)
	}
	out := searchAnswer{AgentsFound: []foundAgent{}, QueuesFound: []foundQueue{}}
	tallies := talliesOf(today)
	for _, a := range c.v.Agents() {
		if c.may.agent(a) && mentions(a.Entry, text) {
			out.AgentsFound = append(out.AgentsFound, c.foundAgent(a, tallies[a.ID]))
		}
	}
	totals, handles := queueTotalsOf(c.v, today), hour.Handles()
	for _, id := range c.v.QueueIDs() {
		if strings.Contains(strings.ToLower(c.v.Directory.QueueName(id)), text) && c.may.queue(id) {
			out.QueuesFound = append(out.QueuesFound, c.foundQueue(id, totals[id], handles[id]))
		}
	}
	out.Message = fmt.Sprintf("Query '%s' found %d agent(s) and %d queue(s).", asked, len(out.AgentsFound), len(out.QueuesFound))
	return c.answer(out)
}

func mentions(e *directory.Agent, text string) bool {
	for _, s := range []string{e.FirstName, e.LastName, e.Email, e.Login, e.Name, e.Phone, e.SIP} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

func (c *call) foundAgent(a *floor.Agent, t *tally) foundAgent {
	if t == nil {
		t = &tally{}
	}
	phone := a.Entry.Phone
	if phone == "" {
		phone = phoneNotSet
	}
	id := c.number(directory.KindAgent, a.ID)
	return foundAgent{AgentID: id, FirstName: a.Entry.FirstName, LastName: a.Entry.LastName, PublicName: a.Entry.Name, LoginName: a.Entry.Login, SipAddress: a.Entry.SIP,
		EmailAddress: a.Entry.Email, PhoneNumber: phone, Status: statusOf(c.v, a).id, CallsAnswered: t.answered[audio], Ronas: t.rona[audio], Type: "agentSearch", ID: id}
}

func (c *call) foundQueue(queue string, today *[numModalities]metric.Totals, hour *metric.Totals) foundQueue {
	staff := c.v.QueueStaff(queue)
	id := c.number(directory.KindQueue, queue)
	out := foundQueue{QueueID: id, QueueName: c.v.Directory.QueueName(queue), IsOpen: true, AgentsOnline: staff.LoggedIn, AgentsAvailable: staff.Available, Type: "queueSearch", ID: id}
	if q := c.v.Directory.Queues[queue]; q != nil {
		out.IsOpen = q.Open
	}
	if seconds, ok := estimatedWait(c.v, queue, hour); ok {
		out.EstimatedWaitTime = &seconds
	}
	if today != nil {
		for m := range numModalities {
			out.CallsToday += today[m].Counts[schema.CountOffered]
		}
	}
	return out
}
