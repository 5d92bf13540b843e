package native

import (
	"github.com/valyala/fastjson"

	"floorwalker/query/list"
	"floorwalker/schema"
)

// writeWholeInteraction appends all that is known of an interaction: the row, segments, visits and annotations.
func writeWholeInteraction(e *list.Encoder, t *list.Table[interactionRow], r interactionRow) {
	e.Object()
	for i := range t.Columns {
		e.Name(t.Columns[i].Name)
		if t.Columns[i].Name == "agents" {
			writeParts(e, r, true)
			continue
		}
		t.Columns[i].Write(e, r)
	}
	writeVisits(e, r)
	writeAnnotations(e, r, "ivr", schema.InteractionIVR, writeIVR)
	writeAnnotations(e, r, "prompts", schema.InteractionPrompt, writePrompt)
	writeAnnotations(e, r, "messages", schema.InteractionMessage, writeMessage)
	writeAnnotations(e, r, "dispositions", schema.InteractionDisposition, writeDisposition)
	writeEvents(e, r)
	e.End()
}

func writeVisits(e *list.Encoder, r interactionRow) {
	e.Name("visits")
	e.Array()
	for i := range r.Visits {
		v := &r.Visits[i]
		if v.Deleted {
			continue
		}
		e.Object()
		e.Name("queue_id")
		e.Text(v.Queue)
		e.Name("kind")
		e.Text(v.Kind.String())
		e.Name("entered")
		e.Time(v.Start)
		e.Name("left")
		e.Time(v.End)
		e.Name("outcome")
		e.Text(v.Outcome.String())
		e.Name("wait_ms")
		if v.End == schema.Open {
			e.Age(0, v.Start, r.v.AsOf)
		} else {
			e.Int(v.WaitMs())
		}
		e.End()
	}
	e.EndArray()
}

// annotation is one parsed payload.
type annotation struct {
	*schema.Annotation
	data *fastjson.Value
	row  interactionRow
}

func (a annotation) text(e *list.Encoder, name string) {
	e.Name(name)
	e.Text(string(a.data.GetStringBytes(name)))
}

// writeAnnotations appends those of one type, oldest first. Payloads were judged when the events were decoded; what cannot be
// read all the same is left out.
func writeAnnotations(e *list.Encoder, r interactionRow, name string, of schema.EventType, write func(*list.Encoder, annotation)) {
	e.Name(name)
	e.Array()
	writeEach(e, r, r.Annotations, of, write)
	e.EndArray()
}

func writeEach(e *list.Encoder, r interactionRow, all []schema.Annotation, of schema.EventType, write func(*list.Encoder, annotation)) {
	var parser fastjson.Parser
	for i := range all {
		if all[i].Type != of {
			continue
		}
		data, err := parser.ParseBytes(all[i].Data)
		if err != nil {
			continue
		}
		e.Object()
		e.Name("time")
		e.Time(all[i].Time)
		write(e, annotation{&all[i], data, r})
		e.End()
	}
}

func writeIVR(e *list.Encoder, a annotation) {
	a.text(e, "node")
	a.text(e, "call_flow_id")
	a.text(e, "result")
	a.text(e, "note")
	e.Name("duration_ms")
	if d := a.data.Get("duration_ms"); d != nil && d.Type() == fastjson.TypeNumber {
		e.Int(d.GetInt64())
	} else {
		e.Null()
	}
}

func writePrompt(e *list.Encoder, a annotation) {
	a.text(e, "name")
	e.Name("value")
	e.String(string(a.data.GetStringBytes("value")))
}

func writeMessage(e *list.Encoder, a annotation) {
	a.text(e, "from")
	a.text(e, "to")
	e.Name("text")
	e.String(string(a.data.GetStringBytes("text")))
	fromAgent := a.data.GetBool("from_agent")
	e.Name("from_agent")
	e.Bool(fromAgent)
	e.Name("agent_id")
	agent := string(a.data.GetStringBytes("agent_id"))
	if agent == "" && fromAgent {
		agent = onlyConnected(a.row, a.Time)
	}
	e.Text(agent)
}

// onlyConnected is the agent that was connected at a moment, where it was one alone (events.md, cc.interaction.message).
func onlyConnected(r interactionRow, at int64) string {
	agent := ""
	for i := range r.Parts {
		for _, s := range r.Parts[i].Segments {
			if s.State != schema.StateConnected || s.Since > at || s.Until <= at || r.Parts[i].Agent == agent {
				continue
			}
			if agent != "" {
				return ""
			}
			agent = r.Parts[i].Agent
		}
	}
	return agent
}

func writeDisposition(e *list.Encoder, a annotation) {
	a.text(e, "disposition_id")
	a.text(e, "sub_disposition_id")
}

func writeNotes(e *list.Encoder, r interactionRow) {
	e.Array()
	writeEach(e, r, r.Notes, schema.InteractionNote, func(e *list.Encoder, a annotation) {
		a.text(e, "agent_id")
		e.Name("note")
		e.String(string(a.data.GetStringBytes("note")))
	})
	e.EndArray()
}

func writeEvents(e *list.Encoder, r interactionRow) {
	e.Name("events")
	e.Array()
	for i := range r.Annotations {
		a := &r.Annotations[i]
		e.Object()
		e.Name("time")
		e.Time(a.Time)
		e.Name("type")
		e.String(a.Type.String())
		e.Name("source")
		e.Text(a.Source)
		e.Name("data")
		e.Raw(a.Data)
		e.End()
	}
	e.EndArray()
}
