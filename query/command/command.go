// Package command writes what clients of the APIs set: presence and suspension of agents, and the directory. They are events like
// all others (events.md, sections Commands and Directory; design, section Live view): a call returns when Kafka has
// acknowledged them from all in-sync replicas and this node shows them, so that a client reads what it wrote.
package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"floorwalker/query/floor"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Source is the CloudEvents source of what the APIs write.
const Source = "/floorwalker/api"

// ErrNotApplied says that something has been written, and that this node had not taken it in when the wait for that was over.
var ErrNotApplied = errors.New("written, but not applied yet")

// Log is Kafka and what this node makes of it. Its methods return nil when all in-sync replicas have acknowledged what they write
// and this node shows it, and ErrNotApplied where only the first is so. Other errors mean that it may not have been written.
type Log interface {
	// Say writes an event of an agent or interaction and what the platform is told at the same time; a nil event writes the latter
	// alone, for which there is nothing to wait.
	Say(ctx context.Context, event *schema.Event, commands ...*schema.Command) error
	// PutDirectory writes an entity, whole; *schema.Violation says what is wrong with it. DeleteDirectory writes its tombstone.
	PutDirectory(ctx context.Context, contactCenter, kind, id string, data []byte) error
	DeleteDirectory(ctx context.Context, contactCenter, kind, id string) error
}

// Commands checks and writes. Errors are problems.
type Commands struct {
	source *floor.Source
	log    Log
	now    func() time.Time
}

// New makes Commands. A nil log refuses everything.
func New(source *floor.Source, log Log, now func() time.Time) *Commands {
	return &Commands{source: source, log: log, now: now}
}

// Presence is what an agent shall be present as.
type Presence struct {
	Status      schema.Status // one that people choose
	ReasonID    string        // id or number of a reason code that qualifies this status; empty for none
	Description string
}

// SetPresence sets the presence of an agent, which is known by its id.
func (c *Commands) SetPresence(ctx context.Context, contactCenter, agent string, p Presence) error {
	if !p.Status.IsPresence() {
		return problem.BadValue("status", p.Status.String(), "a presence")
	}
	v := c.source.View(contactCenter)
	reason, err := reasonOf(v, p)
	if err != nil {
		return err
	}
	data := schema.NewData().String("status", p.Status.String())
	told := schema.NewData().String("status", p.Status.String())
	if reason != nil {
		data.Raw("reason", nameReason(reason))
		told.Raw("reason", nameReason(reason))
	}
	data.OptionalString("description", p.Description)
	return c.sayOfAgent(ctx, v, agent, schema.AgentStatus, data, "cc.command.agent_status", told)
}

func nameReason(r *directory.ReasonCode) []byte {
	return schema.NewData().String("id", r.ID).OptionalString("name", r.Name).Bytes()
}

func reasonOf(v *floor.View, p Presence) (*directory.ReasonCode, error) {
	if p.ReasonID == "" {
		return nil, nil
	}
	for id := range v.IDs(directory.KindReasonCode, map[string]bool{p.ReasonID: true}) {
		r := v.Directory.ReasonCodes[id]
		if r == nil {
			continue
		}
		if r.Status != p.Status.String() {
			return nil, problem.Parameter("reason_id", fmt.Sprintf("the reason %s qualifies %s, not %s", problem.Shown(r.ID), r.Status, p.Status))
		}
		return r, nil
	}
	return nil, problem.Parameter("reason_id", "there is no reason code "+problem.Shown(p.ReasonID))
}

// SetSuspended suspends an agent or takes that back.
func (c *Commands) SetSuspended(ctx context.Context, contactCenter, agent string, suspended bool) error {
	data := schema.NewData().Bool("suspended", suspended)
	return c.sayOfAgent(ctx, c.source.View(contactCenter), agent, schema.AgentSuspended, data, "cc.command.agent_suspended", data)
}

// sayOfAgent writes an event of an agent that is newer than all that is known of it, so that it holds, and tells the platform.
func (c *Commands) sayOfAgent(ctx context.Context, v *floor.View, agent string, of schema.EventType, data *schema.Data, command string, told *schema.Data) error {
	if c.log == nil {
		return problem.Unavailable("commands_unavailable", "this server writes no events", 0)
	}
	row, ok := v.Agent(agent)
	if !ok || row.ID != agent {
		return problem.NotFound("agent", agent)
	}
	at := max(c.now().UnixMilli(), row.Live.LastEvent+1)
	event := &schema.Event{ID: uuid.NewString(), Source: Source, Subject: agent, ContactCenter: v.ContactCenter, Type: of, Time: at, Data: data.Bytes()}
	return outcome(c.log.Say(ctx, event, &schema.Command{ID: uuid.NewString(), Source: Source, Type: command, Subject: agent,
		ContactCenter: v.ContactCenter, Time: at, Data: told.Bytes()}))
}

// PutEntity writes a directory entity, whole.
func (c *Commands) PutEntity(ctx context.Context, contactCenter, kind, id string, data []byte) error {
	if c.log == nil {
		return problem.Unavailable("commands_unavailable", "this server writes no events", 0)
	}
	err := directory.Validate(&schema.Event{Type: schema.EventDirectory, ContactCenter: contactCenter, DirectoryKind: kind, Subject: id, Data: data})
	if err != nil {
		return outcome(err)
	}
	return outcome(c.log.PutDirectory(ctx, contactCenter, kind, id, data))
}

// DeleteEntity takes a directory entity away.
func (c *Commands) DeleteEntity(ctx context.Context, contactCenter, kind, id string) error {
	if c.log == nil {
		return problem.Unavailable("commands_unavailable", "this server writes no events", 0)
	}
	return outcome(c.log.DeleteDirectory(ctx, contactCenter, kind, id))
}

// outcome tells the caller's mistakes from failures.
func outcome(err error) error {
	var violation *schema.Violation
	var known *problem.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.As(err, &violation):
		p := problem.New(400, violation.Code, problem.Shown(violation.Error()))
		p.Parameter = problem.Shown(trimData(violation.Attribute))
		return p
	case errors.Is(err, ErrNotApplied):
		return problem.Unavailable("not_applied_yet", "it has been written, but this server does not show it yet", 1).Because(err)
	}
	return problem.Unavailable("kafka_unavailable", "Kafka did not acknowledge it; asking again does no harm", 1).Because(err)
}

// trimData names a field of a payload as the body has it.
func trimData(attribute string) string {
	const prefix = "data."
	if len(attribute) > len(prefix) && attribute[:len(prefix)] == prefix {
		return attribute[len(prefix):]
	}
	return attribute
}
