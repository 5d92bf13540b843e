package clarity

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"floorwalker/query/command"
	"floorwalker/query/floor"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// field is what a body or, where it has none, the query string says under a name; given is false for nothing and null.
func (c *call) field(name string) (value string, given bool) {
	v, ok := c.args[strings.ToLower(name)]
	return v, ok
}

// setter is a session that something is to be set of.
func (c *call) setter() (command.Interaction, session, error) {
	if c.Method() == fiber.MethodHead {
		return command.Interaction{}, session{}, problem.New(fiber.StatusMethodNotAllowed, "method_not_allowed", "HEAD sets nothing")
	}
	s, err := c.session(c.segment("sessionId"))
	if err != nil {
		return command.Interaction{}, s, err
	}
	if c.api.Commands == nil {
		return command.Interaction{}, s, noCommands()
	}
	return command.Interaction{ID: s.ID, LastEvent: lastEvent(s)}, s, nil
}

// lastEvent is the newest event time that is known of a session; one from history does not say.
func lastEvent(s session) int64 {
	last := max(s.LastEvent, s.Start)
	for i := range s.Annotations {
		last = max(last, s.Annotations[i].Time)
	}
	return last
}

func setExtraItem(c *call) error {
	id, hasID := c.field("extraItemId")
	name, hasName := c.field("extraItemName")
	value, hasValue := c.field("extraItemValue")
	switch {
	case !hasValue:
		return problem.Parameter("extraItemValue", "extraItemValue is missing")
	case !hasID && !hasName:
		return problem.Parameter("extraItemId", "extraItemId or extraItemName is needed")
	}
	item := schema.ExtraItem{Name: name, Value: value}
	if entity := c.entity(directory.KindExtraItem, id); hasID && c.v.Directory.ExtraItems[entity] != nil {
		known := c.v.Directory.ExtraItems[entity]
		item.ID, item.Searchable = entity, known.Searchable
		if name == "" {
			item.Name = known.Name
		}
	}
	if item.Name == "" {
		return problem.BadValue("extraItemId", id, "an extra item of the directory, or with extraItemName any")
	}
	of, _, err := c.setter()
	if err != nil {
		return err
	}
	if err := c.api.Commands.SetExtraItem(c.UserContext(), c.v.ContactCenter, of, item); err != nil {
		return err
	}
	return c.done()
}

func setCallNotes(c *call) error {
	note, given := c.field("note")
	if !given {
		return problem.Parameter("note", "note is missing")
	}
	of, _, err := c.setter()
	if err != nil {
		return err
	}
	if err := c.api.Commands.AddNote(c.UserContext(), c.v.ContactCenter, of, note, c.me.ID); err != nil {
		return err
	}
	return c.done()
}

func setDispositions(c *call) error {
	id, given := c.field("dispositionId")
	if !given {
		return problem.Parameter("dispositionId", "dispositionId is missing")
	}
	entity := c.entity(directory.KindDisposition, id)
	known := c.v.Directory.Dispositions[entity]
	if known == nil {
		return problem.BadValue("dispositionId", id, "a disposition of the directory")
	}
	sub := ""
	if text, given := c.field("subDispositionId"); given {
		i := slices.IndexFunc(known.SubDispositions, func(d directory.SubDisposition) bool {
			n := subNumber(&d)
			return n != nil && strconv.FormatInt(*n, 10) == text
		})
		if i < 0 {
			i = slices.IndexFunc(known.SubDispositions, func(d directory.SubDisposition) bool { return d.ID == text })
		}
		if i < 0 {
			return problem.BadValue("subDispositionId", text, "a sub-disposition of that disposition")
		}
		sub = known.SubDispositions[i].ID
	}
	of, _, err := c.setter()
	if err != nil {
		return err
	}
	if err := c.api.Commands.SetDisposition(c.UserContext(), c.v.ContactCenter, of, entity, sub); err != nil {
		return err
	}
	return c.done()
}

type recordingStatus struct {
	SessionID     int64 `json:"sessionId"`
	IsRecording   bool  `json:"isRecording"`
	CanBeRecorded bool  `json:"canBeRecorded"`
	RequestDenied bool  `json:"requestDenied"`
	RequestFailed bool  `json:"requestFailed"`
}

// recordSessions asks the platform to start or stop recording the sessions in which an agent takes part. Where every one of them is
// refused the answer is 401; where some are, it says which.
func recordSessions(active bool) func(*call) error {
	return func(c *call) error {
		id := cmp.Or(c.segment("agentId"), c.args.text("agentId"))
		if id == "" {
			return noIDs()
		}
		a, err := c.agent(id)
		if err != nil {
			return err
		}
		all := participating(c.v, a)
		denied := 0
		out := make([]recordingStatus, len(all))
		for n, s := range all {
			may := c.me.Entry.Permissions.Record && c.may.session(s.Interaction) && s.recordable()
			if !may {
				denied++
			}
			out[n] = recordingStatus{int64(s.Number), s.Recording, s.recordable(), !may, false}
		}
		if denied > 0 && denied == len(all) {
			return invisible()
		}
		if len(all) > 0 && c.api.Commands == nil {
			return noCommands()
		}
		for n, s := range all {
			if !out[n].RequestDenied {
				out[n].RequestFailed = c.api.Commands.Record(c.UserContext(), c.v.ContactCenter, s.ID, active, a.ID, c.me.ID) != nil
			}
		}
		return c.answer(listOf(out))
	}
}

// participating are the sessions in which the agent takes part: connected, held or parked.
func participating(v *floor.View, a *floor.Agent) (out []session) {
	for i := range a.Live.Parts {
		p := &a.Live.Parts[i]
		if p.State != schema.StateConnected && p.State != schema.StateHeld && p.State != schema.StateParked {
			continue
		}
		live, ok := v.Floor.Interactions.Get(p.Interaction)
		if ok && !slices.ContainsFunc(out, func(s session) bool { return s.ID == live.ID }) {
			out = append(out, sessionOf(v, floor.NewInteraction(live)))
		}
	}
	return out
}
