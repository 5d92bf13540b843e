package clarity

import (
	"context"

	"floorwalker/query/floor"
	"floorwalker/query/history"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// sessionBase is the dictionary's Session Base. What is not known is left out, as the samples do.
type sessionBase struct {
	AgentID        *int64       `json:"agentId,omitempty"`
	AgentName      string       `json:"agentName"`
	CallFlowID     *int64       `json:"callFlowId,omitempty"`
	CallFlowName   string       `json:"callFlowName,omitempty"`
	CustomerID     string       `json:"customerId,omitempty"`
	CustomerName   string       `json:"customerName,omitempty"`
	CustomerPhone  string       `json:"customerPhone,omitempty"`
	Modality       string       `json:"modality"`
	ModalityID     int          `json:"modalityId"`
	SessionID      int64        `json:"sessionId"`
	SessionType    string       `json:"sessionType"`
	QueueID        *int64       `json:"queueId"`
	QueueName      string       `json:"queueName"`
	StartTimeStamp string       `json:"startTimeStamp"`
	CallNote       string       `json:"callNote,omitempty"`
	Disposition    *selected    `json:"selectedCallDisposition,omitempty"`
	SubDisposition *selectedSub `json:"selectedCallSubDisposition,omitempty"`
}

type selected struct {
	ID   *int64 `json:"callDispositionId"`
	Name string `json:"name"`
}

type selectedSub struct {
	ID   *int64 `json:"callSubDispositionId"`
	Name string `json:"name"`
}

// modelSession is the dictionary's Model Session.
type modelSession struct {
	sessionBase
	IsRecording        bool                 `json:"isRecording"`
	CanBeRecorded      bool                 `json:"canBeRecorded"`
	IsSilentJoined     bool                 `json:"isSilentJoined"`
	IsWhisperJoined    bool                 `json:"isWhisperJoined"`
	SessionStatus      string               `json:"sessionStatus"`
	QueuedMs           int64                `json:"queuedMs"`
	ActiveMs           int64                `json:"activeMs"`
	CanBeSilentJoined  bool                 `json:"canBeSilentJoined"`
	CanBeWhisperJoined bool                 `json:"canBeWhisperJoined"`
	IsOnHold           bool                 `json:"isOnHold"`
	HoldStartTime      string               `json:"holdStartTime,omitempty"`
	RecordingStartTime string               `json:"recordingStartTime,omitempty"`
	AnsweredTimeStamp  string               `json:"answeredTimeStamp,omitempty"`
	SessionHasEnded    bool                 `json:"sessionHasEnded"`
	Agents             *list[participation] `json:"agents,omitempty"`
	Offers             *list[offer]         `json:"offers,omitempty"`
	ScreenPopURL       string               `json:"screenPopUrl,omitempty"`
	ActiveTimeStamp    string               `json:"activeTimeStamp,omitempty"`
	EndTimeStamp       string               `json:"endTimeStamp,omitempty"`
	SessionDurationMs  int64                `json:"sessionDurationMs"`
}

// share is what an offer and a participation have in common.
type share struct {
	AgentID             *int64 `json:"agentId"`
	AgentName           string `json:"agentName"`
	TypeID              int    `json:"agentParticipationTypeId"`
	Type                string `json:"agentParticipationType"`
	StatusID            int    `json:"agentParticipationStatusId"`
	Status              string `json:"agentParticipationStatus"`
	AllocatedTimeStamp  string `json:"allocatedTimeStamp,omitempty"`
	OfferedTimeStamp    string `json:"offeredTimeStamp,omitempty"`
	InitiatingAgentID   *int64 `json:"initiatingAgentId,omitempty"`
	InitiatingAgentName string `json:"initiatingAgentName"`
}

type offer struct{ share }

type participation struct {
	share
	AcceptedTimeStamp          string `json:"acceptedTimeStamp,omitempty"`
	AfterCallStartTimeStamp    string `json:"afterCallStartTimeStamp,omitempty"`
	IsPrimaryAgent             bool   `json:"isPrimaryAgent"`
	PrimaryAgentStartTimeStamp string `json:"primaryAgentStartTimeStamp,omitempty"`
	ActiveMs                   int64  `json:"activeMs"`
}

// Names that stand where there is no agent: that of the sample in sessions, that of the dictionary for who initiated a share.
const (
	unknownName = "Unknown"
	noName      = "None"
)

func (c *call) base(s session) sessionBase {
	d := c.v.Directory
	m := modalityOf(s.Channel)
	out := sessionBase{AgentID: c.number(directory.KindAgent, s.FirstAgent), AgentName: unknownName, CallFlowID: c.number(directory.KindCallFlow, s.CallFlow),
		CustomerID: s.customer("id", "unique_identifier"), CustomerName: s.customer("name"), CustomerPhone: s.customer("phone", "display_phone"),
		Modality: modalityWords[m], ModalityID: modalityIDs[m], SessionID: int64(s.Number), SessionType: "Queued", QueueName: unknownName,
		StartTimeStamp: stamp(s.Start)}
	if s.FirstAgent != "" {
		out.AgentName = d.AgentName(s.FirstAgent)
	}
	if s.CallFlow != "" {
		out.CallFlowName = d.Name(directory.KindCallFlow, s.CallFlow)
	}
	if n, ok := s.queueNumber(); ok {
		out.QueueID = &n
	}
	switch {
	case s.Kind == schema.KindDirectInbound, s.Kind == schema.KindDirectOutbound:
		out.SessionType = queuesWithMeaning[*out.QueueID]
		out.QueueName = out.SessionType
	case s.FirstQueue != "":
		out.QueueName = d.QueueName(s.FirstQueue)
	}
	if notes := readAnnotations(s.Notes, schema.InteractionNote); len(notes) > 0 {
		out.CallNote = notes[len(notes)-1].text("note")
	}
	c.addDisposition(&out, s)
	return out
}

func (c *call) addDisposition(out *sessionBase, s session) {
	if s.Disposition == "" {
		return
	}
	out.Disposition = &selected{c.number(directory.KindDisposition, s.Disposition), c.v.Directory.Name(directory.KindDisposition, s.Disposition)}
	if s.SubDisposition == "" {
		return
	}
	out.SubDisposition = &selectedSub{nil, s.SubDisposition}
	if d := c.v.Directory.Dispositions[s.Disposition]; d != nil {
		for i := range d.SubDispositions {
			if sub := &d.SubDispositions[i]; sub.ID == s.SubDisposition {
				out.SubDisposition = &selectedSub{subNumber(sub), sub.Name}
			}
		}
	}
}

// model is a session without its agents.
func (c *call) model(s session) modelSession {
	out := modelSession{sessionBase: c.base(s), IsRecording: s.Recording, CanBeRecorded: s.recordable(), IsSilentJoined: s.silent, IsWhisperJoined: s.whisp,
		SessionStatus: s.status(), QueuedMs: s.queuedMs(), ActiveMs: s.activeMs(), CanBeSilentJoined: s.joinable(), CanBeWhisperJoined: s.joinable(),
		IsOnHold: s.HoldSince != schema.NoTime && s.HoldSince != 0, SessionHasEnded: s.ended(), ScreenPopURL: s.ScreenPopURL, ActiveTimeStamp: stamp(s.Connected)}
	if out.IsOnHold {
		out.HoldStartTime = stamp(s.HoldSince)
	}
	if s.Recording {
		out.RecordingStartTime = stamp(s.RecordingSince)
	}
	for i := range s.Parts {
		if p := &s.Parts[i]; !p.Deleted && p.Agent == s.PrimaryAgent && p.Connected != schema.NoTime {
			out.AnsweredTimeStamp = stamp(p.Connected)
			if m := modalityOf(s.Channel); m == message { // Session.AgentSession.StartTime for Emails
				out.AnsweredTimeStamp = stamp(allocated(p))
			}
		}
	}
	out.SessionDurationMs = max(0, s.v.AsOf-s.Start)
	if s.ended() && s.Interaction.Ended != schema.Open {
		out.EndTimeStamp, out.SessionDurationMs = stamp(s.Interaction.Ended), max(0, s.Interaction.Ended-s.Start)
	}
	return out
}

var participationTypes = map[schema.Role]struct {
	id   int
	name string
}{schema.RoleAgent: {1, "Agent"}, schema.RoleConsult: {4, "Consult"}, schema.RoleTransfer: {5, "TransferAgent"}, schema.RoleContact: {6, "Contact"},
	schema.RoleWhisperJoin: {7, "WhisperJoin"}, schema.RoleSilentJoin: {8, "SilentJoin"}, schema.RoleInvite: {9, "Invite"}, schema.RoleBargeIn: {10, "BargeIn"}}

// Statuses of a share.
const (
	statusOffering = 2
	statusAccepted = 3
	statusInWrap   = 4
	wordOffering   = "Offering"
	wordAccepted   = "Accepted"
	wordAfterCall  = "AfterCall"
)

// allocated is when an agent's share began.
func allocated(p *schema.Part) int64 {
	if p.Offered == schema.NoTime {
		return p.Start
	}
	return p.Offered
}

func (c *call) share(p *schema.Part, statusID int, status string) share {
	typ := participationTypes[p.Role]
	out := share{AgentID: c.number(directory.KindAgent, p.Agent), AgentName: c.v.Directory.AgentName(p.Agent), TypeID: typ.id, Type: typ.name, StatusID: statusID, Status: status,
		AllocatedTimeStamp: stamp(allocated(p)), OfferedTimeStamp: stamp(p.Offered), InitiatingAgentID: c.number(directory.KindAgent, p.InitiatingAgent), InitiatingAgentName: noName}
	if p.InitiatingAgent != "" {
		out.InitiatingAgentName = c.v.Directory.AgentName(p.InitiatingAgent)
	}
	return out
}

// shares are who takes part now, and who is being offered the session.
func (c *call) shares(s session) (*list[participation], *list[offer]) {
	var agents []participation
	var offers []offer
	for i := range s.Parts {
		p := &s.Parts[i]
		open := floor.OpenSegment(p)
		if p.Deleted || open == nil {
			continue
		}
		switch {
		case open.State == schema.StateRinging:
			offers = append(offers, offer{c.share(p, statusOffering, wordOffering)})
		case p.Connected == schema.NoTime:
		case open.State == schema.StateWrap:
			agents = append(agents, c.participation(s, p, statusInWrap, wordAfterCall))
		default:
			agents = append(agents, c.participation(s, p, statusAccepted, wordAccepted))
		}
	}
	return listOf(agents), listOf(offers)
}

func (c *call) participation(s session, p *schema.Part, statusID int, status string) participation {
	out := participation{share: c.share(p, statusID, status), AcceptedTimeStamp: stamp(p.Connected), AfterCallStartTimeStamp: stamp(p.WrapStarted),
		IsPrimaryAgent: p.Agent == s.PrimaryAgent && p.Primary, ActiveMs: max(0, s.v.AsOf-p.Connected)}
	if out.IsPrimaryAgent {
		out.PrimaryAgentStartTimeStamp = stamp(p.PrimarySince)
	}
	return out
}

// sessionsByAgent lists the active sessions of a primary agent.
func sessionsByAgent(c *call) error {
	only, err := c.args.flag("activeOnly", true)
	if err != nil || !only {
		return problem.Parameter("activeOnly", "must have query string parameter activeOnly=true")
	}
	id := c.args.text("agentId", "agentIds")
	if id == "" {
		return noIDs()
	}
	a, err := c.agent(id)
	if err != nil {
		return err
	}
	var out []modelSession
	for _, s := range sessionsOf(c.v, a) {
		out = append(out, c.model(c.shown(s)))
	}
	return c.answer(listOf(out))
}

// session is a visible session by id, live or past, as the caller may see it; one that does not exist is 500, as the specification says.
func (c *call) session(id string) (session, error) {
	ctx, cancel := context.WithTimeout(c.UserContext(), historyTimeout)
	defer cancel()
	s, found, err := c.findSession(ctx, id)
	switch {
	case err != nil:
		return session{}, historyProblem(err)
	case !found:
		return session{}, problem.New(500, "session_not_found", "there is no session "+problem.Shown(id))
	case !c.may.session(s.Interaction):
		return session{}, invisible()
	}
	return c.shown(s), nil
}

func (c *call) findSession(ctx context.Context, id string) (session, bool, error) {
	past, cc := c.api.History, c.v.ContactCenter
	if i, ok := c.interaction(id); ok {
		if !i.Forgotten || past == nil {
			return sessionOf(c.v, i), true, nil
		}
		older, err := past.Annotations(ctx, cc, history.InteractionKey{ID: i.ID, Start: i.Start, Ended: i.Ended})
		if err != nil {
			return session{}, false, err
		}
		return sessionOf(c.v, floor.NewInteraction(floor.WithOlder(i.LiveInteraction, older))), true, nil
	}
	if past == nil {
		return session{}, false, nil
	}
	at, err := past.Progress(ctx, cc)
	if err != nil {
		return session{}, false, err
	}
	row, found, err := past.Interaction(ctx, cc, id)
	if err != nil || !found {
		return session{}, false, err
	}
	return sessionOf(c.v.Past(at.AsOf), floor.NewInteraction(row)), true, nil
}

type gruuAnswer struct {
	Gruu string `json:"gruu"`
}

func gruu(c *call) error {
	s, err := c.session(c.segment("sessionId"))
	if err != nil {
		return err
	}
	return c.answer(gruuAnswer{s.Gruu})
}
