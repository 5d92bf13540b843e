package clickhouse

import "floorwalker/schema"

// AgentIntervals writes the three kinds of agent intervals.
type AgentIntervals struct {
	block
	contactCenter, reasonID, reasonName *low
	kind, status                        *names
	agent, description                  *texts
	start                               *u64s
	n, live, semiLive, nonLive          *u16s
	end                                 *nullable
	suspended, continued, deleted       *u8s
	version                             *u64s
}

// NewAgentIntervals makes an empty writer of table agent_intervals.
func NewAgentIntervals() *AgentIntervals {
	t := &AgentIntervals{contactCenter: newLow(), reasonID: newLow(), reasonName: newLow(), kind: vocabulary[schema.IntervalKind](),
		status: vocabulary[schema.Status](), agent: newTexts(), description: newTexts(), start: newU64s(), n: newU16s(), live: newU16s(),
		semiLive: newU16s(), nonLive: newU16s(), end: newNullable(), suspended: newU8s(), continued: newU8s(), deleted: newU8s(),
		version: newU64s()}
	t.block = newBlock("agent_intervals", "processed_at", named{"contact_center", t.contactCenter}, named{"kind", t.kind},
		named{"agent", t.agent}, named{"start", t.start}, named{"n", t.n}, named{"end", t.end}, named{"status", t.status},
		named{"live", t.live}, named{"semi_live", t.semiLive}, named{"non_live", t.nonLive}, named{"reason_id", t.reasonID},
		named{"reason_name", t.reasonName}, named{"description", t.description}, named{"suspended", t.suspended},
		named{"continued", t.continued}, named{"deleted", t.deleted}, named{"version", t.version})
	return t
}

// Append adds intervals of one partition as they were at the stamp's position.
func (t *AgentIntervals) Append(s Stamp, rows []schema.Interval) {
	version := s.version()
	for i := range rows {
		r := &rows[i]
		t.contactCenter.add(r.ContactCenter)
		t.kind.add(uint8(r.Kind))
		t.agent.add(r.Agent)
		t.start.time(r.Start)
		t.n.add(r.N)
		t.end.time(r.End)
		t.status.add(uint8(r.Status))
		t.live.add(r.Live)
		t.semiLive.add(r.SemiLive)
		t.nonLive.add(r.NonLive)
		t.reasonID.add(r.ReasonID)
		t.reasonName.add(r.ReasonName)
		t.description.add(r.Description)
		t.suspended.bool(r.Suspended)
		t.continued.bool(r.Continued)
		t.deleted.bool(r.Deleted)
		t.version.add(version)
	}
}

// QueueVisits writes queue visits.
type QueueVisits struct {
	block
	contactCenter, queue, campaign    *low
	interaction, agent                *texts
	start, priority                   *u64s
	n                                 *u16s
	channel, direction, kind, outcome *names
	end                               *nullable
	deleted                           *u8s
	version                           *u64s
}

// NewQueueVisits makes an empty writer of table queue_visits.
func NewQueueVisits() *QueueVisits {
	t := &QueueVisits{contactCenter: newLow(), queue: newLow(), campaign: newLow(), interaction: newTexts(), agent: newTexts(),
		start: newU64s(), priority: newU64s(), n: newU16s(), channel: vocabulary[schema.Channel](),
		direction: vocabulary[schema.Direction](), kind: vocabulary[schema.VisitKind](), outcome: vocabulary[schema.VisitOutcome](),
		end: newNullable(), deleted: newU8s(), version: newU64s()}
	t.block = newBlock("queue_visits", "processed_at", named{"contact_center", t.contactCenter}, named{"interaction", t.interaction},
		named{"start", t.start}, named{"n", t.n}, named{"queue", t.queue}, named{"campaign", t.campaign}, named{"channel", t.channel},
		named{"direction", t.direction}, named{"kind", t.kind}, named{"end", t.end}, named{"outcome", t.outcome}, named{"agent", t.agent},
		named{"priority", t.priority}, named{"deleted", t.deleted}, named{"version", t.version})
	return t
}

// Append adds visits of one partition as they were at the stamp's position.
func (t *QueueVisits) Append(s Stamp, rows []schema.Visit) {
	version := s.version()
	for i := range rows {
		r := &rows[i]
		t.contactCenter.add(r.ContactCenter)
		t.interaction.add(r.Interaction)
		t.start.time(r.Start)
		t.n.add(r.N)
		t.queue.add(r.Queue)
		t.campaign.add(r.Campaign)
		t.channel.add(uint8(r.Channel))
		t.direction.add(uint8(r.Direction))
		t.kind.add(uint8(r.Kind))
		t.end.time(r.End)
		t.outcome.add(uint8(r.Outcome))
		t.agent.add(r.Agent)
		t.priority.signed(r.Priority)
		t.deleted.bool(r.Deleted)
		t.version.add(version)
	}
}

// InteractionParts writes agents' parts with their segments.
type InteractionParts struct {
	block
	contactCenter, queue, campaign                               *low
	interaction, agent, initiating                               *texts
	start                                                        *u64s
	n                                                            *u16s
	channel, direction, kind, role, declined, failed             *names
	offered, connected, ended, wrapStarted, finished, declinedAt *nullable
	ringMs, talkMs, holdMs, parkedMs, wrapMs                     *u64s
	messagesSent                                                 *u32s
	firstMessage, primarySince                                   *nullable
	primary                                                      *u8s
	segState, segRole                                            *names
	segSince, segUntil                                           *u64s
	segReason                                                    *low
	states, sinces, untils, roles, reasons                       *array
	deleted                                                      *u8s
	version                                                      *u64s
}

// NewInteractionParts makes an empty writer of table interaction_parts.
func NewInteractionParts() *InteractionParts {
	t := &InteractionParts{contactCenter: newLow(), queue: newLow(), campaign: newLow(), interaction: newTexts(), agent: newTexts(),
		initiating: newTexts(), start: newU64s(), n: newU16s(), channel: vocabulary[schema.Channel](),
		direction: vocabulary[schema.Direction](), kind: vocabulary[schema.Kind](), role: vocabulary[schema.Role](),
		declined: vocabulary[schema.DeclineReason](), failed: vocabulary[schema.EndCause](), offered: newNullable(),
		connected: newNullable(), ended: newNullable(), wrapStarted: newNullable(), finished: newNullable(), declinedAt: newNullable(),
		ringMs: newU64s(), talkMs: newU64s(), holdMs: newU64s(), parkedMs: newU64s(), wrapMs: newU64s(), messagesSent: newU32s(),
		firstMessage: newNullable(), primarySince: newNullable(), primary: newU8s(), segState: vocabulary[schema.PartState](),
		segRole: vocabulary[schema.Role](), segSince: newU64s(), segUntil: newU64s(), segReason: newLow(), deleted: newU8s(),
		version: newU64s()}
	t.states, t.sinces, t.untils, t.roles, t.reasons = newArray(t.segState), newArray(t.segSince), newArray(t.segUntil), newArray(t.segRole), newArray(t.segReason)
	t.block = newBlock("interaction_parts", "processed_at", named{"contact_center", t.contactCenter}, named{"interaction", t.interaction},
		named{"agent", t.agent}, named{"start", t.start}, named{"n", t.n}, named{"queue", t.queue}, named{"campaign", t.campaign},
		named{"channel", t.channel}, named{"direction", t.direction}, named{"kind", t.kind}, named{"role", t.role},
		named{"initiating_agent", t.initiating}, named{"offered", t.offered}, named{"connected", t.connected}, named{"ended", t.ended},
		named{"wrap_started", t.wrapStarted}, named{"finished", t.finished}, named{"ring_ms", t.ringMs}, named{"talk_ms", t.talkMs},
		named{"hold_ms", t.holdMs}, named{"parked_ms", t.parkedMs}, named{"wrap_ms", t.wrapMs}, named{"declined", t.declined},
		named{"declined_at", t.declinedAt}, named{"failed", t.failed}, named{"messages_sent", t.messagesSent},
		named{"first_message", t.firstMessage}, named{"primary", t.primary}, named{"primary_since", t.primarySince},
		named{"segments_state", t.states}, named{"segments_since", t.sinces}, named{"segments_until", t.untils},
		named{"segments_role", t.roles}, named{"segments_reason", t.reasons}, named{"deleted", t.deleted}, named{"version", t.version})
	return t
}

// Append adds parts of one partition as they were at the stamp's position.
func (t *InteractionParts) Append(s Stamp, rows []schema.Part) {
	version := s.version()
	for i := range rows {
		r := &rows[i]
		t.contactCenter.add(r.ContactCenter)
		t.interaction.add(r.Interaction)
		t.agent.add(r.Agent)
		t.start.time(r.Start)
		t.n.add(r.N)
		t.queue.add(r.Queue)
		t.campaign.add(r.Campaign)
		t.channel.add(uint8(r.Channel))
		t.direction.add(uint8(r.Direction))
		t.kind.add(uint8(r.Kind))
		t.role.add(uint8(r.Role))
		t.initiating.add(r.InitiatingAgent)
		t.offered.time(r.Offered)
		t.connected.time(r.Connected)
		t.ended.time(r.Ended)
		t.wrapStarted.time(r.WrapStarted)
		t.finished.time(r.Finished)
		t.ringMs.signed(r.RingMs)
		t.talkMs.signed(r.TalkMs)
		t.holdMs.signed(r.HoldMs)
		t.parkedMs.signed(r.ParkedMs)
		t.wrapMs.signed(r.WrapMs)
		t.declined.add(uint8(r.Declined))
		t.appendMarks(r)
		t.appendSegments(r.Segments)
		t.deleted.bool(r.Deleted)
		t.version.add(version)
	}
}

// appendMarks writes DeclinedAt only beside a decline and PrimarySince only of a primary: elsewhere their zero means nothing.
func (t *InteractionParts) appendMarks(r *schema.Part) {
	t.declinedAt.time(orNoTime(r.DeclinedAt, r.Declined != 0))
	t.failed.add(uint8(r.Failed))
	t.messagesSent.add(uint32(r.MessagesSent))
	t.firstMessage.time(r.FirstMessage)
	t.primary.bool(r.Primary)
	t.primarySince.time(orNoTime(r.PrimarySince, r.Primary))
}

func orNoTime(ms int64, has bool) int64 {
	if has {
		return ms
	}
	return schema.NoTime
}

func (t *InteractionParts) appendSegments(segments []schema.Segment) {
	for i := range segments {
		g := &segments[i]
		t.segState.add(uint8(g.State))
		t.segSince.time(g.Since)
		t.segUntil.time(g.Until)
		t.segRole.add(uint8(g.Role))
		t.segReason.add(g.Reason)
	}
	for _, a := range [...]*array{t.states, t.sinces, t.untils, t.roles, t.reasons} {
		a.end()
	}
}

// Interactions writes whole interactions.
type Interactions struct {
	block
	contactCenter, campaign, queue, firstQueue, callFlow   *low
	id, callID, chatID, primaryAgent, firstAgent, customer *texts
	screenPop, gruu                                        *texts
	start, number, priority, stateSince                    *u64s
	n                                                      *u16s
	channel, direction, kind, state, endReason, endedBy    *names
	endCause                                               *names
	skill                                                  *low
	skills                                                 *array
	queued, connected, ended                               *nullable
	canRecord, deleted                                     *u8s
	version                                                *u64s
}

// NewInteractions makes an empty writer of table interactions.
func NewInteractions() *Interactions {
	t := &Interactions{contactCenter: newLow(), campaign: newLow(), queue: newLow(), firstQueue: newLow(), callFlow: newLow(),
		id: newTexts(), callID: newTexts(), chatID: newTexts(), primaryAgent: newTexts(), firstAgent: newTexts(), customer: newTexts(),
		screenPop: newTexts(), gruu: newTexts(), start: newU64s(), number: newU64s(), priority: newU64s(), stateSince: newU64s(),
		n: newU16s(), channel: vocabulary[schema.Channel](), direction: vocabulary[schema.Direction](), kind: vocabulary[schema.Kind](),
		state: vocabulary[schema.PartState](), endReason: vocabulary[schema.EndReason](), endedBy: vocabulary[schema.EndedBy](),
		endCause: vocabulary[schema.EndCause](), skill: newLow(), queued: newNullable(), connected: newNullable(), ended: newNullable(),
		canRecord: newU8s(), deleted: newU8s(), version: newU64s()}
	t.skills = newArray(t.skill)
	t.block = newBlock("interactions", "processed_at", named{"contact_center", t.contactCenter}, named{"id", t.id}, named{"start", t.start},
		named{"n", t.n}, named{"number", t.number}, named{"channel", t.channel}, named{"direction", t.direction}, named{"kind", t.kind},
		named{"call_id", t.callID}, named{"chat_id", t.chatID}, named{"campaign", t.campaign}, named{"queue", t.queue},
		named{"first_queue", t.firstQueue}, named{"call_flow", t.callFlow}, named{"priority", t.priority}, named{"skills", t.skills},
		named{"state", t.state}, named{"state_since", t.stateSince}, named{"queued", t.queued}, named{"connected", t.connected},
		named{"ended", t.ended}, named{"end_reason", t.endReason}, named{"ended_by", t.endedBy}, named{"end_cause", t.endCause},
		named{"primary_agent", t.primaryAgent}, named{"first_agent", t.firstAgent}, named{"customer", t.customer},
		named{"screen_pop_url", t.screenPop}, named{"gruu", t.gruu}, named{"can_record", t.canRecord}, named{"deleted", t.deleted},
		named{"version", t.version})
	return t
}

// Append adds interactions of one partition as they were at the stamp's position.
func (t *Interactions) Append(s Stamp, rows []schema.Interaction) {
	version := s.version()
	for i := range rows {
		r := &rows[i]
		t.contactCenter.add(r.ContactCenter)
		t.id.add(r.ID)
		t.start.time(r.Start)
		t.n.add(r.N)
		t.number.signed(r.Number)
		t.channel.add(uint8(r.Channel))
		t.direction.add(uint8(r.Direction))
		t.kind.add(uint8(r.Kind))
		t.callID.add(r.CallID)
		t.chatID.add(r.ChatID)
		t.campaign.add(r.Campaign)
		t.queue.add(r.Queue)
		t.firstQueue.add(r.FirstQueue)
		t.callFlow.add(r.CallFlow)
		t.priority.signed(r.Priority)
		for _, skill := range r.Skills {
			t.skill.add(skill)
		}
		t.skills.end()
		t.state.add(uint8(r.State))
		t.stateSince.time(r.StateSince)
		t.queued.time(r.Queued)
		t.connected.time(r.Connected)
		t.ended.time(r.Ended)
		t.endReason.add(uint8(r.EndReason))
		t.endedBy.add(uint8(r.EndedBy))
		t.endCause.add(uint8(r.EndCause))
		t.primaryAgent.add(r.PrimaryAgent)
		t.firstAgent.add(r.FirstAgent)
		t.customer.add(view(r.Customer))
		t.screenPop.add(r.ScreenPopURL)
		t.gruu.add(r.Gruu)
		t.canRecord.bool(r.CanRecord)
		t.deleted.bool(r.Deleted)
		t.version.add(version)
	}
}
