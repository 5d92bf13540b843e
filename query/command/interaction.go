package command

import (
	"context"

	"github.com/google/uuid"

	"floorwalker/query/problem"
	"floorwalker/schema"
)

// Interaction is what something is said of, live or past.
type Interaction struct {
	ID        string
	LastEvent int64 // the newest event time that is known of it
}

// AddNote attaches a note; agent, the id of who wrote it, may be empty.
func (c *Commands) AddNote(ctx context.Context, contactCenter string, of Interaction, note, agent string) error {
	data := schema.NewData().String("note", note).OptionalString("agent_id", agent)
	return c.sayOfInteraction(ctx, contactCenter, of, schema.InteractionNote, data)
}

// SetDisposition sets the disposition; sub, the id of one of its sub-dispositions, may be empty.
func (c *Commands) SetDisposition(ctx context.Context, contactCenter string, of Interaction, disposition, sub string) error {
	data := schema.NewData().String("disposition_id", disposition).OptionalString("sub_disposition_id", sub)
	return c.sayOfInteraction(ctx, contactCenter, of, schema.InteractionDisposition, data)
}

// SetExtraItem attaches a named value, or replaces the one of the same id, or of the same name where there is no id.
func (c *Commands) SetExtraItem(ctx context.Context, contactCenter string, of Interaction, item schema.ExtraItem) error {
	data := schema.NewData().OptionalString("id", item.ID).String("name", item.Name).String("value", item.Value).Bool("searchable", item.Searchable)
	return c.sayOfInteraction(ctx, contactCenter, of, schema.InteractionExtraItem, data)
}

// sayOfInteraction writes an event that is newer than all that is known of the interaction, so that it holds.
func (c *Commands) sayOfInteraction(ctx context.Context, contactCenter string, of Interaction, typ schema.EventType, data *schema.Data) error {
	if c.log == nil {
		return problem.Unavailable("commands_unavailable", "this server writes no events", 0)
	}
	at := max(c.now().UnixMilli(), of.LastEvent+1)
	return outcome(c.log.Say(ctx, &schema.Event{ID: uuid.NewString(), Source: Source, Subject: of.ID, ContactCenter: contactCenter, Type: typ,
		Time: at, Data: data.Bytes()}))
}

// Record asks the platform to start or stop recording an interaction on behalf of an agent; its recording event is the answer.
func (c *Commands) Record(ctx context.Context, contactCenter, interaction string, active bool, agent, requestedBy string) error {
	data := schema.NewData().Bool("active", active).String("agent_id", agent).String("requested_by", requestedBy)
	return c.tell(ctx, contactCenter, interaction, "cc.command.recording", data)
}

// End asks the platform to end an interaction; its ended event is the answer.
func (c *Commands) End(ctx context.Context, contactCenter, interaction, requestedBy string) error {
	return c.tell(ctx, contactCenter, interaction, "cc.command.end", schema.NewData().String("requested_by", requestedBy))
}

// Unregister asks the platform to forget an agent's endpoint; sip and gruu may be empty.
func (c *Commands) Unregister(ctx context.Context, contactCenter, agent, sip, gruu string) error {
	data := schema.NewData().OptionalString("sip", sip).OptionalString("gruu", gruu)
	return c.tell(ctx, contactCenter, agent, "cc.command.agent_unregister", data)
}

// tell writes what only the platform can do, and no event.
func (c *Commands) tell(ctx context.Context, contactCenter, subject, command string, data *schema.Data) error {
	if c.log == nil {
		return problem.Unavailable("commands_unavailable", "this server writes no events", 0)
	}
	return outcome(c.log.Say(ctx, nil, &schema.Command{ID: uuid.NewString(), Source: Source, Type: command, Subject: subject,
		ContactCenter: contactCenter, Time: c.now().UnixMilli(), Data: data.Bytes()}))
}
