package clarity

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// sessionDetail is the dictionary's Session By Id Response; lists that were not asked for are left out.
type sessionDetail struct {
	CustomerHistory  *list[sessionBase]     `json:"customerHistory,omitempty"`
	AftercallOptions *aftercallOptions      `json:"aftercallOptions,omitempty"`
	HoldTimer        *int                   `json:"holdTimerThreshold,omitempty"`
	ImPrompts        *list[imPrompt]        `json:"imPrompts,omitempty"`
	IvrData          *list[ivrData]         `json:"ivrData,omitempty"`
	CallDispositions *list[callDisposition] `json:"callDispositions,omitempty"`
	Transcript       *list[imMessage]       `json:"transcript,omitempty"`
	ExtraItems       *list[extraItem]       `json:"extraItems,omitempty"`
	EventHistory     *list[sessionEvent]    `json:"sessionEventHistory,omitempty"`
	SessionMessages  *list[sessionMessage]  `json:"sessionMessages"`
	modelSession
}

type aftercallOptions struct {
	IsManual bool `json:"isManualAfterCallEnabled"`
	Seconds  int  `json:"afterCalltimeSeconds"`
	ID       int  `json:"id"`
}

type callDisposition struct {
	DispositionID   *int64                    `json:"dispositionId"`
	Disposition     string                    `json:"disposition"`
	BusinessUnitID  *int64                    `json:"businessUnitId"`
	SubDispositions *list[callSubDisposition] `json:"subDispositions"`
	Type            string                    `json:"type"`
	ID              *int64                    `json:"id"`
}

type callSubDisposition struct {
	SubDispositionID *int64 `json:"subDispositionId"`
	SubDisposition   string `json:"subDisposition"`
	ID               *int64 `json:"id"`
}

type sessionEvent struct {
	EventText   string `json:"eventText"`
	LastUpdated string `json:"lastUpdated"`
	UpdatedBy   string `json:"updatedBy"`
	ID          int    `json:"id"`
}

// Parameters of a session by id, which all are false by default.
const (
	includeCustomerHistory     = "includeCustomerHistory"
	includeImPrompts           = "includeImPrompts"
	includeIvrData             = "includeIvrData"
	includeDispositions        = "includeDispositions"
	includeCurrentTranscript   = "includeCurrentTranscript"
	includeExtraItems          = "includeExtraItems"
	includeSessionEventHistory = "includeSessionEventHistory"
	includeAftercallOptions    = "includeAftercallOptions"
	includeHoldTimerThreshold  = "includeHoldTimerThreshold"
)

var sessionIncludes = []string{includeCustomerHistory, includeImPrompts, includeIvrData, includeDispositions, includeCurrentTranscript, includeExtraItems,
	includeSessionEventHistory, includeAftercallOptions, includeHoldTimerThreshold}

// Customer history records of a session by id that names no limit.
const defaultCustomerHistory = 3

func sessionByID(c *call) error {
	with := map[string]bool{}
	for _, name := range sessionIncludes {
		wanted, err := c.args.flag(name, false)
		if err != nil {
			return err
		}
		with[name] = wanted
	}
	limit, given, err := c.integer("customerHistoryLimit")
	if err != nil && with[includeCustomerHistory] {
		return err
	}
	if !given {
		limit = defaultCustomerHistory
	}
	s, err := c.session(c.segment("sessionId"))
	if err != nil {
		return err
	}
	out := sessionDetail{modelSession: c.model(s), SessionMessages: listOf(c.sessionMessages(s))}
	out.Agents, out.Offers = c.shares(s)
	c.include(&out, s, with)
	if with[includeSessionEventHistory] {
		out.EventHistory = listOf(c.events(s))
	}
	if with[includeCustomerHistory] {
		past, err := c.customerHistory(s, span{newestFirst: true, limit: clampLimit(limit)})
		if err != nil {
			return err
		}
		out.CustomerHistory = listOf(past)
	}
	return c.answer(out)
}

func (c *call) include(out *sessionDetail, s session, with map[string]bool) {
	if with[includeImPrompts] {
		out.ImPrompts = listOf(s.prompts())
	}
	if with[includeIvrData] {
		out.IvrData = listOf(s.ivr())
	}
	if with[includeDispositions] {
		out.CallDispositions = listOf(c.dispositions(s))
	}
	if with[includeCurrentTranscript] {
		var all []imMessage
		if !written(s.Channel) {
			all = s.messages()
		}
		out.Transcript = listOf(all)
	}
	if with[includeExtraItems] {
		out.ExtraItems = listOf(c.extraItems(s))
	}
	after, hold := c.settings(s)
	if with[includeAftercallOptions] {
		out.AftercallOptions = &aftercallOptions{IsManual: after.Manual, Seconds: after.Seconds}
	}
	if with[includeHoldTimerThreshold] {
		out.HoldTimer = &hold
	}
}

// written reports whether messages of the channel are session messages, else they are instant ones.
func written(ch schema.Channel) bool { return ch == schema.ChannelMessage || ch == schema.ChannelEmail }

// settings are the queue's, else the contact centre's.
func (c *call) settings(s session) (after directory.AfterCall, hold int) {
	cc := &c.v.Directory.ContactCenter.Clarity
	after, hold = cc.AfterCall, cc.HoldTimerSeconds
	if q := c.v.Directory.Queues[s.FirstQueue]; q != nil {
		if q.AfterCall != nil {
			after = *q.AfterCall
		}
		if q.HoldTimerSeconds != nil {
			hold = *q.HoldTimerSeconds
		}
	}
	return after, hold
}

// dispositions are those that the session can be given: of its queue's business unit, and of none.
func (c *call) dispositions(s session) (out []callDisposition) {
	unit := ""
	if q := c.v.Directory.Queues[s.FirstQueue]; q != nil {
		unit = q.BusinessUnitID
	}
	for _, id := range c.byNumber(directory.KindDisposition, c.v.Directory.IDs(directory.KindDisposition)) {
		d := c.v.Directory.Dispositions[id]
		if d.BusinessUnitID != "" && d.BusinessUnitID != unit {
			continue
		}
		var subs []callSubDisposition
		for i := range d.SubDispositions {
			n := subNumber(&d.SubDispositions[i])
			subs = append(subs, callSubDisposition{n, d.SubDispositions[i].Name, n})
		}
		n := c.number(directory.KindDisposition, id)
		out = append(out, callDisposition{n, d.Name, c.number(directory.KindBusinessUnit, d.BusinessUnitID), listOf(subs), "callDisposition", n})
	}
	return out
}

// subNumber is the integer of a sub-disposition: its number, else its id where that is one.
func subNumber(d *directory.SubDisposition) *int64 {
	n := int64(d.Number)
	if n == 0 {
		parsed, err := strconv.ParseInt(d.ID, 10, 32)
		if err != nil || parsed <= 0 || strconv.FormatInt(parsed, 10) != d.ID {
			return nil
		}
		n = parsed
	}
	return &n
}

func (c *call) sessionMessages(s session) (out []sessionMessage) {
	if !written(s.Channel) {
		return nil
	}
	for i, a := range readAnnotations(s.Annotations, schema.InteractionMessage) {
		row := sessionMessage{Type: "sessionMessage", ID: i + 1, SessionID: strconv.Itoa(int(s.Number)), TypeID: "1", Published: stamp(a.Time)}
		if a.data.GetBool("from_agent") {
			row.TypeID = "2"
			agent := a.text("agent_id")
			if agent == "" {
				agent = s.PrimaryAgent
			}
			if n := c.number(directory.KindAgent, agent); n != nil {
				row.AgentID = strconv.FormatInt(*n, 10)
			}
		}
		out = append(out, row)
	}
	return out
}

// happening is one line of the event history before it has its number.
type happening struct {
	at     int64
	text   string
	source string
	by     []schema.EventType // of which event it comes, where the source is not known yet
}

// events are what happened to the session, oldest first, one sentence each.
func (c *call) events(s session) (out []sessionEvent) {
	all, sources := c.stateEvents(s), c.sources(s)
	for i := range all {
		all[i].source = sources.of(&all[i])
	}
	for i := range s.Annotations {
		a := &s.Annotations[i]
		if text := annotationTexts[a.Type]; text != "" {
			all = append(all, happening{at: a.Time, text: text, source: a.Source})
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	for i, h := range all {
		out = append(out, sessionEvent{h.text, stamp(h.at), h.source, i + 1})
	}
	return out
}

// sources are who produced the events that changed a session's state: facts do not tell, raw events do.
type sources map[moment]string

type moment struct {
	at  int64
	typ schema.EventType
}

// sources are empty where the history cannot be read, on which a live session must not depend; events of the last second may not be
// stored yet.
func (c *call) sources(s session) sources {
	if c.api.History == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), historyTimeout)
	defer cancel()
	all, err := c.api.History.Said(ctx, c.v.ContactCenter, s.ID, s.Start, min(s.Interaction.Ended, s.v.AsOf))
	if err != nil {
		c.api.Log.Warn("who produced a session's events is not known", "session", s.ID, "error", err)
		return nil
	}
	out := sources{}
	for _, e := range all {
		out[moment{e.Time, e.Type}] = e.Source
	}
	return out
}

func (s sources) of(h *happening) string {
	for _, typ := range h.by {
		if source, known := s[moment{h.at, typ}]; known {
			return source
		}
	}
	return ""
}

var annotationTexts = map[schema.EventType]string{
	schema.InteractionUpdated: "Session details updated.", schema.InteractionIVR: "Session went through the attendant (IVR).",
	schema.InteractionPrompt: "Customer answered a prompt.", schema.InteractionMessage: "Message sent.", schema.InteractionRecording: "Recording changed.",
	schema.InteractionNote: "Call notes saved.", schema.InteractionDisposition: "Disposition saved.", schema.InteractionExtraItem: "Extra item saved."}

func (c *call) stateEvents(s session) []happening {
	d := c.v.Directory
	// A session begins with whatever event names it first.
	all := []happening{{at: s.Start, text: "Session created.", by: []schema.EventType{schema.InteractionCreated, schema.InteractionQueued,
		schema.InteractionOffered, schema.InteractionConnected}}}
	add := func(at int64, by []schema.EventType, format string, args ...any) {
		if at != schema.NoTime && at != schema.Open {
			all = append(all, happening{at: at, text: fmt.Sprintf(format, args...), by: by})
		}
	}
	for i := range s.Visits {
		if v := &s.Visits[i]; !v.Deleted {
			add(v.Start, []schema.EventType{schema.InteractionQueued, schema.InteractionCreated}, "Session has been assigned to queue: %s", d.QueueName(v.Queue))
		}
	}
	for i := range s.Parts {
		p := &s.Parts[i]
		if p.Deleted {
			continue
		}
		name := d.AgentName(p.Agent)
		add(p.Offered, []schema.EventType{schema.InteractionOffered, schema.InteractionCreated}, "Session offered to agent: %s", name)
		add(p.Connected, []schema.EventType{schema.InteractionConnected}, "Agent connected: %s", name)
		for _, g := range p.Segments {
			switch g.State {
			case schema.StateHeld:
				add(g.Since, []schema.EventType{schema.InteractionHeld}, "Session put on hold by agent: %s", name)
			case schema.StateParked:
				add(g.Since, []schema.EventType{schema.InteractionParked}, "Session parked by agent: %s", name)
			case schema.StateDeclined:
				add(g.Since, []schema.EventType{schema.InteractionDeclined}, "Agent did not take the session: %s", name)
			}
		}
		add(p.WrapStarted, []schema.EventType{schema.InteractionWrapStarted, schema.InteractionLeft, schema.InteractionTransferred, schema.InteractionEnded},
			"After call began for agent: %s", name)
	}
	if s.Interaction.Ended != schema.Open {
		by := []schema.EventType{schema.InteractionEnded}
		if s.EndedBy == schema.ByCustomer || s.EndReason == schema.EndAbandoned {
			add(s.Interaction.Ended, by, "Customer hung up.")
		}
		add(s.Interaction.Ended, by, "Session status changed to %s.", session{Interaction: s.Interaction, v: s.v}.endWord())
	}
	return all
}

// endWord is the status of the session once all is over.
func (s session) endWord() string {
	row := *s.Interaction
	live := *row.LiveInteraction
	live.State = schema.StateEnded
	row.LiveInteraction = &live
	return session{Interaction: &row, v: s.v}.status()
}

// transcript answers the messages of a session within a range.
func transcript(c *call) error {
	start, hasStart, err := c.moment("startTimestamp", "startTimsetamp", "start")
	if err != nil {
		return err
	}
	end, hasEnd, err := c.moment("endTimestamp", "end")
	if err != nil {
		return err
	}
	size, hasSize, err := c.integer("size")
	switch {
	case err != nil:
		return err
	case hasSize && size < 0:
		return problem.BadValue("size", strconv.Itoa(size), "0 or more")
	case hasStart && hasEnd && hasSize:
		return problem.Parameter("size", "startTimestamp, endTimestamp and size cannot be given together")
	case hasSize && !hasStart && !hasEnd:
		return problem.Parameter("size", "size goes with startTimestamp or endTimestamp")
	}
	s, err := c.session(c.segment("sessionId"))
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(s.messages(), func(m imMessage) bool { return hasStart && m.at < start || hasEnd && m.at > end })
	if hasSize && len(all) > size {
		if hasStart {
			all = all[:size]
		} else {
			all = all[len(all)-size:]
		}
	}
	return c.answer(listOf(all))
}
