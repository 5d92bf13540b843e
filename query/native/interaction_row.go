package native

import (
	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

func interactionText(name string, of func(interactionRow) string) list.Column[interactionRow] {
	return list.Column[interactionRow]{Name: name, Type: nullText(), Write: func(e *list.Encoder, r interactionRow) { e.Text(of(r)) },
		Sort: func(r interactionRow) list.Key { return list.Text(of(r)) }}
}

func interactionTime(name string, of func(interactionRow) int64) list.Column[interactionRow] {
	return list.Column[interactionRow]{Name: name, Type: nullTime(), Write: func(e *list.Encoder, r interactionRow) { e.Time(of(r)) },
		Sort: func(r interactionRow) list.Key { return timeKey(of(r)) }}
}

func interactionInt(name string, of func(interactionRow) int64) list.Column[interactionRow] {
	return list.Column[interactionRow]{Name: name, Type: route.Int(), Write: func(e *list.Encoder, r interactionRow) { e.Int(of(r)) },
		Sort: func(r interactionRow) list.Key { return list.Number(float64(of(r))) }}
}

func interactionBool(name string, of func(interactionRow) bool) list.Column[interactionRow] {
	return list.Column[interactionRow]{Name: name, Type: route.Boolean(), Write: func(e *list.Encoder, r interactionRow) { e.Bool(of(r)) },
		Sort: func(r interactionRow) list.Key { return list.Bool(of(r)) }}
}

// interactionTable is the interaction of the native API, field by field.
func interactionTable() *list.Table[interactionRow] {
	columns := []list.Column[interactionRow]{
		interactionText("id", func(r interactionRow) string { return r.ID }),
		interactionInt("number", func(r interactionRow) int64 { return int64(r.Interaction.Number) }),
		interactionText("channel", func(r interactionRow) string { return r.Channel.String() }),
		interactionText("direction", func(r interactionRow) string { return r.Direction.String() }),
		interactionText("kind", func(r interactionRow) string { return r.Kind.String() }),
		interactionText("call_id", func(r interactionRow) string { return r.CallID }),
		interactionText("chat_id", func(r interactionRow) string { return r.ChatID }),
		interactionText("campaign_id", func(r interactionRow) string { return r.Campaign }),
		interactionText("queue_id", func(r interactionRow) string { return r.Queue }),
		interactionText("first_queue_id", func(r interactionRow) string { return r.FirstQueue }),
		{Name: "call_flow", Type: named().OrNull(), Write: writeCallFlow, Sort: func(r interactionRow) list.Key { return list.Text(r.CallFlow) }},
		interactionInt("priority", func(r interactionRow) int64 { return r.Priority }),
		{Name: "skills", Type: textList(), Write: func(e *list.Encoder, r interactionRow) { e.Texts(r.Skills) }},
		interactionText("state", func(r interactionRow) string { return r.State.String() }),
		interactionTime("state_since", func(r interactionRow) int64 { return r.StateSince }),
		interactionTime("created", func(r interactionRow) int64 { return r.Start }),
		interactionTime("queued", func(r interactionRow) int64 { return r.Queued }),
		interactionTime("connected", func(r interactionRow) int64 { return r.Connected }),
		interactionTime("ended", func(r interactionRow) int64 { return r.Ended }),
		interactionText("end_reason", func(r interactionRow) string { return r.EndReason.String() }),
		interactionText("end_cause", func(r interactionRow) string { return r.EndCause.String() }),
		interactionText("ended_by", func(r interactionRow) string { return r.EndedBy.String() }),
		{Name: "customer", Type: customerSchema(), Write: func(e *list.Encoder, r interactionRow) { e.Raw(r.Customer) }},
		interactionText("primary_agent_id", func(r interactionRow) string { return r.PrimaryAgent }),
		interactionText("first_agent_id", func(r interactionRow) string { return r.FirstAgent }),
		{Name: "agents", Type: route.Array(partSchema(false)), Write: func(e *list.Encoder, r interactionRow) { writeParts(e, r, false) }},
		interactionBool("waiting", func(r interactionRow) bool { return r.Visit() != nil }),
		{Name: "wait_ms", Type: nullInt(), Write: writeWait, Sort: waitKey},
		interactionTime("hold_since", func(r interactionRow) int64 { return r.HoldSince }),
		interactionBool("recording", func(r interactionRow) bool { return r.Recording }),
		interactionTime("recording_since", recordingSince),
		interactionBool("can_record", func(r interactionRow) bool { return r.CanRecord }),
		interactionText("screen_pop_url", func(r interactionRow) string { return r.ScreenPopURL }),
		interactionText("gruu", func(r interactionRow) string { return r.Gruu }),
		{Name: "notes", Type: route.Array(noteSchema()), Write: writeNotes},
		interactionText("disposition_id", func(r interactionRow) string { return r.Disposition }),
		interactionText("sub_disposition_id", func(r interactionRow) string { return r.SubDisposition }),
		{Name: "extra_items", Type: route.Array(extraItemSchema()), Write: writeExtraItems},
	}
	return &list.Table[interactionRow]{ID: func(r interactionRow) string { return r.ID }, Columns: columns}
}

func recordingSince(r interactionRow) int64 {
	if !r.Recording {
		return schema.NoTime
	}
	return r.RecordingSince
}

func writeCallFlow(e *list.Encoder, r interactionRow) {
	if r.CallFlow == "" {
		e.Null()
		return
	}
	writeNamed(e, r.CallFlow, r.v.Directory.Name(directory.KindCallFlow, r.CallFlow))
}

// wait is the visit that goes on up to now, else the newest one that has ended; false where it never was in a queue.
func wait(r interactionRow) (ms int64, ok bool) {
	if visit := r.Visit(); visit != nil {
		return max(0, r.v.AsOf-visit.Start), true
	}
	for n := len(r.Visits) - 1; n >= 0; n-- {
		if !r.Visits[n].Deleted {
			return r.Visits[n].WaitMs(), true
		}
	}
	return 0, false
}

func writeWait(e *list.Encoder, r interactionRow) {
	if visit := r.Visit(); visit != nil {
		e.Age(0, visit.Start, r.v.AsOf)
		return
	}
	ms, ok := wait(r)
	if !ok {
		e.Null()
		return
	}
	e.Int(ms)
}

func waitKey(r interactionRow) list.Key {
	ms, ok := wait(r)
	if !ok {
		return list.Null()
	}
	return list.Number(float64(ms))
}

func writeParts(e *list.Encoder, r interactionRow, segments bool) {
	e.Array()
	for n := range r.Parts {
		if !r.Parts[n].Deleted {
			writePart(e, r, &r.Parts[n], segments)
		}
	}
	e.EndArray()
}

func writePart(e *list.Encoder, r interactionRow, p *schema.Part, segments bool) {
	state, since := partState(r, p)
	e.Object()
	e.Name("agent_id")
	e.String(p.Agent)
	e.Name("role")
	e.Text(p.Role.String())
	e.Name("initiating_agent_id")
	e.Text(p.InitiatingAgent)
	e.Name("primary")
	e.Bool(p.Primary)
	e.Name("primary_since")
	if p.Primary {
		e.Time(p.PrimarySince)
	} else {
		e.Null()
	}
	e.Name("state")
	e.Text(state.String())
	e.Name("state_since")
	e.Time(since)
	e.Name("offered")
	e.Time(p.Offered)
	e.Name("connected")
	e.Time(p.Connected)
	e.Name("wrap_started")
	e.Time(p.WrapStarted)
	e.Name("ended")
	e.Time(p.Ended)
	open := floor.OpenSegment(p)
	writeTotal(e, r, "ring_ms", p.RingMs, open, schema.StateRinging)
	writeTotal(e, r, "talk_ms", p.TalkMs, open, schema.StateConnected)
	writeTotal(e, r, "hold_ms", p.HoldMs, open, heldState(p.Channel))
	writeTotal(e, r, "parked_ms", p.ParkedMs, open, parkedStates(p.Channel)...)
	writeTotal(e, r, "wrap_ms", p.WrapMs, open, schema.StateWrap)
	if segments {
		e.Name("segments")
		writeSegments(e, p)
	}
	e.End()
}

// heldState is the state that counts as hold: on other channels than voice and video, held means interrupted and counts as
// parked (events.md, section Interaction events).
func heldState(c schema.Channel) schema.PartState {
	if c.Spoken() {
		return schema.StateHeld
	}
	return 0
}

func parkedStates(c schema.Channel) []schema.PartState {
	if c.Spoken() {
		return []schema.PartState{schema.StateParked}
	}
	return []schema.PartState{schema.StateParked, schema.StateHeld}
}

// writeTotal appends what the part's ended segments hold and, where one of these states goes on, its time up to now.
func writeTotal(e *list.Encoder, r interactionRow, name string, ms int64, open *schema.Segment, states ...schema.PartState) {
	e.Name(name)
	if open != nil {
		for _, s := range states {
			if s != 0 && open.State == s {
				e.Age(ms, open.Since, r.v.AsOf)
				return
			}
		}
	}
	e.Int(ms)
}

// partState is what goes on in the part, else the mark that its agent is still shown with, else ended.
func partState(r interactionRow, p *schema.Part) (schema.PartState, int64) {
	if open := floor.OpenSegment(p); open != nil {
		return open.State, open.Since
	}
	if n := len(p.Segments); n > 0 && isMark(p.Segments[n-1].State) {
		if agent, ok := r.v.Floor.Agents.Get(p.Agent); ok {
			for i := range agent.Parts {
				if shown := &agent.Parts[i]; shown.Interaction == r.ID && isMark(shown.State) {
					return shown.State, p.Segments[n-1].Since
				}
			}
		}
	}
	if p.Finished == schema.Open {
		return schema.StateEnded, p.Ended
	}
	return schema.StateEnded, p.Finished
}

func writeSegments(e *list.Encoder, p *schema.Part) {
	e.Array()
	for i := range p.Segments {
		s := &p.Segments[i]
		e.Object()
		e.Name("state")
		e.Text(s.State.String())
		e.Name("since")
		e.Time(s.Since)
		e.Name("until")
		e.Time(s.Until)
		e.Name("role")
		e.Text(s.Role.String())
		e.Name("reason")
		e.Text(s.Reason)
		e.End()
	}
	e.EndArray()
}

func writeExtraItems(e *list.Encoder, r interactionRow) {
	e.Array()
	for i := range r.ExtraItems {
		item := &r.ExtraItems[i]
		e.Object()
		e.Name("id")
		e.Text(item.ID)
		e.Name("name")
		if item.Name == "" && item.ID != "" {
			e.Text(r.v.Directory.Name(directory.KindExtraItem, item.ID))
		} else {
			e.Text(item.Name)
		}
		e.Name("value")
		e.String(item.Value)
		e.Name("searchable")
		e.Bool(item.Searchable)
		e.Name("time")
		e.Time(item.Time)
		e.End()
	}
	e.EndArray()
}
