package native

import (
	"context"
	"slices"

	"floorwalker/query/floor"
	"floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/query/route"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// timelineRow is one stretch of an agent's time: in a status, or with an interaction.
type timelineRow struct {
	since, until int64 // clipped to the range; until is schema.Open while it goes on
	interval     *schema.Interval
	part         *schema.Part
	s            *timelineState
}

// timelineState is what the rows of one answer share.
type timelineState struct {
	v        *floor.View // of the past
	from, to int64
}

func (a *API) timelineOperation() route.Operation {
	t := a.timelines
	return a.get("/agents/{id}/timeline", "getAgentTimeline", "What an agent did: statuses and interactions, oldest first",
		t.Response("TimelineEntry", "stretches that touch the range, clipped to it", route.F("from", route.DateTime()), route.F("to", route.DateTime())),
		a.timeline, append([]route.Parameter{idInPath()}, t.Unpinned(moment("from", "the begin of the range").Must(), moment("to", "the end of the range; now without it"))...)...)
}

// timeline answers from history, where what is open is stored too.
func (a *API) timeline(r *request) error {
	if a.History == nil {
		return noHistory()
	}
	id, err := segment(r.Ctx, "id")
	if err != nil {
		return err
	}
	p := list.ReadPage(r.q, r.Get("Accept"))
	now := a.Now().UnixMilli()
	from, _ := r.q.Time("from", now)
	to, hasTo := r.q.Time("to", now)
	if !hasTo {
		to = now + 1
	}
	if err := r.q.Err(); err != nil {
		return err
	}
	if err := a.timelines.Check(p); err != nil {
		return err
	}
	if err := a.Limits.checkRange(from, to); err != nil {
		return err
	}
	v := a.Source.View(r.contactCenter)
	agent, known := v.Agent(id)
	if known {
		id = agent.ID
	}
	ctx, cancel := context.WithTimeout(r.UserContext(), a.Limits.Timeout)
	defer cancel()
	line, err := a.History.Timeline(ctx, r.contactCenter, id, from, to)
	if err != nil {
		return historyProblem(err)
	}
	if !known && len(line.Intervals)+len(line.Parts) == 0 {
		return problem.NotFound("agent", id)
	}
	s := &timelineState{v: v.Past(a.asOf(line.AsOf)), from: from, to: to}
	m := list.Metadata{AsOf: s.v.AsOf, Tag: a.Now().String(), Write: s.writeRange}
	return list.Answer(r.Ctx, a.timelines, s.rows(line.Intervals, line.Parts), p, m)
}

func (s *timelineState) writeRange(e *list.Encoder) {
	e.Name("from")
	e.Time(s.from)
	e.Name("to")
	e.Time(s.to)
}

func (s *timelineState) rows(intervals []schema.Interval, parts []schema.Part) []timelineRow {
	rows := make([]timelineRow, 0, len(intervals)+len(parts))
	for i := range intervals {
		if intervals[i].End == schema.Open && s.from > s.v.AsOf {
			continue // nobody knows how long it goes on
		}
		rows = append(rows, timelineRow{since: max(intervals[i].Start, s.from), until: s.clip(intervals[i].End), interval: &intervals[i], s: s})
	}
	for i := range parts {
		if parts[i].Finished == schema.Open && s.from > s.v.AsOf {
			continue
		}
		rows = append(rows, timelineRow{since: max(parts[i].Start, s.from), until: s.clip(parts[i].Finished), part: &parts[i], s: s})
	}
	slices.SortStableFunc(rows, func(a, b timelineRow) int {
		switch {
		case a.since != b.since:
			return int(min(max(a.since-b.since, -1), 1))
		case (a.part == nil) != (b.part == nil):
			if a.part == nil {
				return -1
			}
			return 1
		}
		return 0
	})
	return rows
}

// clip cuts an end to the range. What is open goes on, unless the range ends before the moment up to which history knows it.
func (s *timelineState) clip(end int64) int64 {
	if end == schema.Open && s.to > s.v.AsOf {
		return end
	}
	return min(end, s.to)
}

// of is a value of statuses, the part's of interactions.
func ofStatus(name string, t *route.Schema, write func(e *list.Encoder, r timelineRow, iv *schema.Interval)) list.Column[timelineRow] {
	return list.Column[timelineRow]{Name: name, Type: t.OrNull(), Write: func(e *list.Encoder, r timelineRow) {
		if r.interval == nil {
			e.Null()
			return
		}
		write(e, r, r.interval)
	}}
}

func ofPart(name string, t *route.Schema, write func(e *list.Encoder, r timelineRow, p *schema.Part)) list.Column[timelineRow] {
	return list.Column[timelineRow]{Name: name, Type: t.OrNull(), Write: func(e *list.Encoder, r timelineRow) {
		if r.part == nil {
			e.Null()
			return
		}
		write(e, r, r.part)
	}}
}

func partText(name string, of func(*schema.Part) string) list.Column[timelineRow] {
	return ofPart(name, route.String(), func(e *list.Encoder, _ timelineRow, p *schema.Part) { e.Text(of(p)) })
}

func partTime(name string, of func(*schema.Part) int64) list.Column[timelineRow] {
	return ofPart(name, route.DateTime(), func(e *list.Encoder, _ timelineRow, p *schema.Part) { e.Time(of(p)) })
}

func partMs(name string, of func(*schema.Part) int64) list.Column[timelineRow] {
	return ofPart(name, route.Int(), func(e *list.Encoder, _ timelineRow, p *schema.Part) { e.Int(of(p)) })
}

// timelineTable is the timeline, field by field. Times of an interaction are the part's own, whole; since and until are clipped.
func timelineTable() *list.Table[timelineRow] {
	return &list.Table[timelineRow]{
		ID: func(r timelineRow) string {
			if r.part != nil {
				return r.part.Interaction
			}
			return ""
		},
		Columns: []list.Column[timelineRow]{
			{Name: "kind", Type: route.OneOf("status", "interaction"), Write: func(e *list.Encoder, r timelineRow) { e.String(r.kind()) },
				Sort: func(r timelineRow) list.Key { return list.Text(r.kind()) }},
			{Name: "since", Type: route.DateTime(), Write: func(e *list.Encoder, r timelineRow) { e.Time(r.since) },
				Sort: func(r timelineRow) list.Key { return timeKey(r.since) }},
			{Name: "until", Type: nullTime(), Write: func(e *list.Encoder, r timelineRow) { e.Time(r.until) },
				Sort: func(r timelineRow) list.Key { return timeKey(r.until) }},
			{Name: "duration_ms", Type: nullInt(), Write: writeTimelineDuration,
				Sort: func(r timelineRow) list.Key { return list.Number(float64(r.durationMs())) }},
			ofStatus("status", statusName(), func(e *list.Encoder, _ timelineRow, iv *schema.Interval) { e.Text(iv.Status.String()) }),
			ofStatus("reason", named(), writeTimelineReason),
			ofStatus("description", route.String(), func(e *list.Encoder, _ timelineRow, iv *schema.Interval) { e.Text(iv.Description) }),
			ofStatus("suspended", route.Boolean(), func(e *list.Encoder, _ timelineRow, iv *schema.Interval) { e.Bool(iv.Suspended) }),
			partText("interaction_id", func(p *schema.Part) string { return p.Interaction }),
			partText("channel", func(p *schema.Part) string { return p.Channel.String() }),
			partText("direction", func(p *schema.Part) string { return p.Direction.String() }),
			partText("role", func(p *schema.Part) string { return p.Role.String() }),
			partText("initiating_agent_id", func(p *schema.Part) string { return p.InitiatingAgent }),
			partText("queue_id", func(p *schema.Part) string { return p.Queue }),
			partText("campaign_id", func(p *schema.Part) string { return p.Campaign }),
			ofPart("primary", route.Boolean(), func(e *list.Encoder, _ timelineRow, p *schema.Part) { e.Bool(p.Primary) }),
			partTime("offered", func(p *schema.Part) int64 { return p.Offered }),
			partTime("connected", func(p *schema.Part) int64 { return p.Connected }),
			partTime("wrap_started", func(p *schema.Part) int64 { return p.WrapStarted }),
			partTime("ended", func(p *schema.Part) int64 { return p.Ended }),
			partMs("ring_ms", func(p *schema.Part) int64 { return p.RingMs }),
			partMs("talk_ms", func(p *schema.Part) int64 { return p.TalkMs }),
			partMs("hold_ms", func(p *schema.Part) int64 { return p.HoldMs }),
			partMs("parked_ms", func(p *schema.Part) int64 { return p.ParkedMs }),
			partMs("wrap_ms", func(p *schema.Part) int64 { return p.WrapMs }),
			ofPart("segments", segmentsSchema(), func(e *list.Encoder, _ timelineRow, p *schema.Part) { writeSegments(e, p) }),
		},
	}
}

func (r timelineRow) kind() string {
	if r.part != nil {
		return "interaction"
	}
	return "status"
}

func (r timelineRow) durationMs() int64 {
	if r.until == schema.Open {
		return max(0, r.s.v.AsOf-r.since)
	}
	return r.until - r.since
}

func writeTimelineDuration(e *list.Encoder, r timelineRow) {
	if r.until == schema.Open {
		e.Age(0, r.since, r.s.v.AsOf)
		return
	}
	e.Int(r.durationMs())
}

func writeTimelineReason(e *list.Encoder, r timelineRow, iv *schema.Interval) {
	switch {
	case iv.ReasonID == "" && iv.ReasonName == "":
		e.Null()
	case iv.ReasonName == "":
		writeNamed(e, iv.ReasonID, r.s.v.Directory.Name(directory.KindReasonCode, iv.ReasonID))
	default:
		writeNamed(e, iv.ReasonID, iv.ReasonName)
	}
}
