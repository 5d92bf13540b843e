package clarity

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"floorwalker/query/command"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

type statusAnswer struct {
	Type          string     `json:"type"`
	ID            *int64     `json:"id"`
	Name          string     `json:"name,omitempty"`
	CurrentStatus statusBody `json:"currentStatus"`
}

type statusBody struct {
	AgentStatus    string `json:"agentStatus"`
	AgentStatusID  int    `json:"agentStatusId"`
	ReasonCodeName string `json:"reasonCodeName,omitempty"`
	ReasonCodeID   *int64 `json:"reasonCodeId,omitempty"`
	StartTime      string `json:"startTime,omitempty"`
	IsSuspended    *bool  `json:"isSuspended,omitempty"`
}

func getStatus(c *call) error {
	only, err := c.args.flag("currentOnly", true)
	if err != nil || !only {
		return problem.Parameter("currentOnly", "must have query string parameter currentOnly=true")
	}
	a, err := c.agent(c.segment("agentId"))
	if err != nil {
		return err
	}
	s := statusOf(c.v, a)
	out := statusAnswer{Type: "agent", ID: c.number(directory.KindAgent, a.ID), CurrentStatus: statusBody{AgentStatus: statusWords[s.id], AgentStatusID: s.id}}
	if s.id != statusUnknown {
		out.Name = a.Entry.Name
		out.CurrentStatus.ReasonCodeName, out.CurrentStatus.ReasonCodeID = s.reasonName, c.number(directory.KindReasonCode, s.reasonID)
		out.CurrentStatus.StartTime, out.CurrentStatus.IsSuspended = stamp(s.since), &s.suspended
	}
	return c.answer(out)
}

func listStatuses(c *call) error {
	if _, err := c.agent(c.segment("agentId")); err != nil {
		return err
	}
	var out []statusBody
	for _, s := range settable {
		out = append(out, statusBody{AgentStatus: statusWords[s.id], AgentStatusID: s.id})
		if s.id != statusUnavailable {
			continue
		}
		for _, id := range c.byNumber(directory.KindReasonCode, c.v.Directory.IDs(directory.KindReasonCode)) {
			out = append(out, statusBody{AgentStatus: statusWords[s.id], AgentStatusID: s.id,
				ReasonCodeName: c.v.Directory.Name(directory.KindReasonCode, id), ReasonCodeID: c.number(directory.KindReasonCode, id)})
		}
	}
	return c.answer(listOf(out))
}

// updateStatus sets a presence or the suspension, from the body or, where there is none, the query string.
func updateStatus(c *call) error {
	a, err := c.agent(c.segment("agentId"))
	if err != nil {
		return err
	}
	id, hasID, err := c.integer("agentStatusId")
	if err != nil {
		return err
	}
	reason, suspended := c.given("reasonCodeId"), c.given("isSuspended")
	switch {
	case !hasID && reason == "" && suspended == "":
		return problem.New(400, "bad_body", "the body must have agentStatusId, reasonCodeId or isSuspended")
	case suspended != "" && (hasID || reason != ""):
		return problem.New(400, "bad_body", "a request sets either agentStatusId or isSuspended")
	case reason != "" && hasID && id != statusUnavailable:
		return problem.Parameter("reasonCodeId", "a reason code goes with agentStatusId 3")
	case c.api.Commands == nil:
		return noCommands()
	case suspended != "":
		return c.suspend(a.ID, suspended)
	case reason != "":
		return c.setReason(a.ID, reason)
	}
	for _, s := range settable {
		if s.id == id {
			return c.setPresence(a.ID, command.Presence{Status: s.presence})
		}
	}
	return problem.BadValue("agentStatusId", strconv.Itoa(id), "1, 3, 6, 7, 9, 10, 17, 18")
}

func (c *call) setReason(agent, text string) error {
	id := c.entity(directory.KindReasonCode, text)
	code := c.v.Directory.ReasonCodes[id]
	if code == nil {
		return problem.BadValue("reasonCodeId", text, "a reason code of the list of agent statuses")
	}
	presence, _ := schema.ParseStatus(code.Status)
	return c.setPresence(agent, command.Presence{Status: presence, ReasonID: id})
}

func (c *call) setPresence(agent string, p command.Presence) error {
	if err := c.api.Commands.SetPresence(c.UserContext(), c.v.ContactCenter, agent, p); err != nil {
		return err
	}
	return c.done()
}

// suspend suspends an agent or takes that back. Nobody may for itself without the permission that the profile shows.
func (c *call) suspend(agent, text string) error {
	suspended, err := strconv.ParseBool(strings.ToLower(text))
	if err != nil {
		return problem.BadValue("isSuspended", text, "true, false")
	}
	if agent == c.me.ID && !c.me.Entry.Permissions.SuspendSelf {
		return invisible()
	}
	if err := c.api.Commands.SetSuspended(c.UserContext(), c.v.ContactCenter, agent, suspended); err != nil {
		return err
	}
	return c.done()
}

// object reads the body, a JSON object, into fields by name in lower case; ok is false where there is none. Nulls count as absent.
func (c *call) object() (fields map[string]json.RawMessage, ok bool, err error) {
	body := c.Body()
	if len(strings.TrimSpace(string(body))) == 0 {
		return nil, false, nil
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, false, problem.New(400, "bad_body", "the body is not a JSON object")
	}
	if raw == nil {
		return nil, false, nil
	}
	fields = make(map[string]json.RawMessage, len(raw))
	for name, v := range raw {
		if string(v) != "null" {
			fields[strings.ToLower(name)] = v
		}
	}
	return fields, true, nil
}

// takeBody lays fields of the body over the parameters of the query string. Clients may have more of them, of whatever type.
func (c *call) takeBody(names []string) error {
	fields, _, err := c.object()
	if err != nil {
		return err
	}
	for _, name := range names {
		name = strings.ToLower(name)
		v, given := fields[name]
		if !given {
			continue
		}
		text, ok := scalar(v)
		if !ok {
			return problem.Parameter(name, fmt.Sprintf("%s must be a text, a number or a boolean", problem.Shown(name)))
		}
		c.args[name] = text
	}
	return nil
}

// scalar is the text of a JSON string, number or boolean.
func scalar(v json.RawMessage) (string, bool) {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s, true
	}
	text := strings.TrimSpace(string(v))
	return text, text != "" && text[0] != '{' && text[0] != '['
}

func (c *call) given(name string) string { return c.args.text(name) }

// integer is a parameter that must be a whole number where it is given.
func (c *call) integer(name string) (n int, given bool, err error) {
	v := c.args.text(name)
	if v == "" {
		return 0, false, nil
	}
	n, err = strconv.Atoi(v)
	if err != nil {
		return 0, false, problem.BadValue(name, v, "a whole number")
	}
	return n, true, nil
}
