package exotel

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema/directory"
)

func principal(c *fiber.Ctx) auth.Principal { return c.Locals(admittedKey).(auth.Principal) }

func contactCenter(c *fiber.Ctx) string { return principal(c).ContactCenter }

func (a *API) state(c *fiber.Ctx, v *floor.View) *state {
	return &state{source: a.Source, v: v, mask: a.Masks[principal(c).Role]}
}

// summary counts agents by word.
type summary struct {
	total, available, onCall, busy, afterCallWork, offline int64
}

func (s *summary) add(word string) {
	s.total++
	switch word {
	case available:
		s.available++
	case onCall:
		s.onCall++
	case busy:
		s.busy++
	case afterCallWork:
		s.afterCallWork++
	case offline:
		s.offline++
	}
}

func (s *summary) write(e *list.Encoder) {
	e.Object()
	for _, field := range []struct {
		name  string
		count int64
	}{{"total_agents", s.total}, {"available", s.available}, {"on_call", s.onCall}, {"busy", s.busy},
		{"after_call_work", s.afterCallWork}, {"offline", s.offline}} {
		e.Name(field.name)
		e.Int(field.count)
	}
	e.End()
}

// list answers a page of agents. The summary is of the team, whatever status is asked for, because the specification's sample adds
// up that way.
func (a *API) list(c *fiber.Ctx) error {
	q := route.CallOf(c).Query
	status, _ := q.Text("status")
	limit, offset := number(q, "limit", 20), number(q, "offset", 0)
	v := a.Source.View(contactCenter(c))
	team := teamFilter(v, q)
	var counts summary
	var page []*floor.Agent
	total := 0
	for _, agent := range v.Agents() {
		if team != nil && (agent.Place.Team == nil || !team[agent.Place.Team.ID]) {
			continue
		}
		word := wordOf(agent.Live.Status, agent.Live.Suspended)
		counts.add(word)
		if status != "" && status != word {
			continue
		}
		if total >= offset && len(page) < limit {
			page = append(page, agent)
		}
		total++
	}
	s := a.state(c, v)
	if len(page) > 0 {
		s.today = a.Source.Figures(v, "today")
	}
	e := begin(c, fiber.StatusOK)
	e.Name("data")
	e.Object()
	e.Name("agents")
	e.Array()
	for _, agent := range page {
		s.row(e, agent)
	}
	e.EndArray()
	e.Name("summary")
	counts.write(e)
	e.End()
	writeMetadata(e, total, limit, offset)
	e.End()
	e.End()
	return send(c, fiber.StatusOK, e)
}

func writeMetadata(e *list.Encoder, total, limit, offset int) {
	e.Name("metadata")
	e.Object()
	e.Name("total")
	e.Int(int64(total))
	e.Name("limit")
	e.Int(int64(limit))
	e.Name("offset")
	e.Int(int64(offset))
	e.End()
}

// number is a parameter that the frame has checked; an empty one counts as not given.
func number(q *route.Query, name string, standard int) int {
	if text, _ := q.Text(name); text == "" {
		return standard
	}
	return q.Int(name, standard, 0, 1<<31-1)
}

func teamFilter(v *floor.View, q *route.Query) map[string]bool {
	team, _ := q.Text("team_id")
	if team == "" {
		return nil
	}
	return v.IDs(directory.KindTeam, map[string]bool{team: true})
}

func (a *API) agent(c *fiber.Ctx) (*floor.View, *floor.Agent, error) {
	id, _ := route.PathValue(c, "user_id") // the frame has checked it
	v := a.Source.View(contactCenter(c))
	agent, ok := v.Agent(id)
	if !ok {
		return nil, nil, problem.NotFound("agent", id)
	}
	return v, agent, nil
}

func (a *API) one(c *fiber.Ctx) error {
	v, agent, err := a.agent(c)
	if err != nil {
		return err
	}
	s := a.state(c, v)
	e := begin(c, fiber.StatusOK)
	e.Name("data")
	s.single(e, agent)
	e.End()
	e.End()
	return send(c, fiber.StatusOK, e)
}

// set writes a presence where the specification has that transition, and answers as one does.
func (a *API) set(c *fiber.Ctx) error {
	_, agent, err := a.agent(c)
	if err != nil {
		return err
	}
	var body map[string]any // a struct would take Status, which is nothing to us, for status
	if err := json.Unmarshal(c.Body(), &body); err != nil {
		return problem.New(fiber.StatusBadRequest, "bad_body", "The body is not valid JSON")
	}
	to, _ := body["status"].(string) // which has been checked
	from := wordOf(agent.Live.Status, agent.Live.Suspended)
	presence, ok := presenceOf(to)
	if !ok || !mayChange(from, to) {
		return problem.New(fiber.StatusBadRequest, "invalid_status_transition",
			fmt.Sprintf("Invalid status transition from %s to %s", from, problem.Shown(to)))
	}
	if a.Presences == nil {
		return problem.Unavailable("presence_unavailable", "Presences cannot be set on this server", 0)
	}
	if err := a.Presences.SetPresence(c.UserContext(), contactCenter(c), agent.ID, command.Presence{Status: presence}); err != nil {
		return err
	}
	return a.one(c)
}
