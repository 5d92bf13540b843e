package clarity

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"

	"floorwalker/query/floor"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

type infoAnswer struct {
	ConnectVersion    string       `json:"connectVersion"`
	APIVersions       []apiVersion `json:"apiVersions"`
	SignalRTransports []string     `json:"signalRTransports"`
}

type apiVersion struct {
	Version     string `json:"version"`
	RelativeURL string `json:"relativeUrl"`
}

func info(c *call) error {
	return c.answer(infoAnswer{c.v.Directory.ContactCenter.Clarity.Version, []apiVersion{{"1.0", "/v1.0"}, {"2", "/v2"}},
		[]string{"webSockets", "serverSentEvents", "longPolling"}})
}

type profileAnswer struct {
	Type                       string             `json:"type"`
	ID                         *int64             `json:"id"`
	TeamID                     *int64             `json:"teamId"`
	Name                       string             `json:"name"`
	EmailAddress               string             `json:"emailAddress"`
	LocaleKey                  string             `json:"localeKey"`
	EnabledModalities          []string           `json:"enabledModalities"`
	IsDirectProxyEnabled       bool               `json:"isDirectProxyEnabled"`
	IsFederatedDeployment      bool               `json:"isFederatedDeployment"`
	CanMarkSelfAsSuspended     bool               `json:"canMarkSelfAsSuspended"`
	UseSilverlightAgentConsole bool               `json:"useSilverlightAgentConsole"`
	HideRecordButton           bool               `json:"hideRecordButton"`
	AttendantSipURI            string             `json:"attendantSipUri"`
	Domain                     string             `json:"domain"`
	HideRecordingButton        bool               `json:"hideRecordingButton"`
	DiscoveryXFrameURLOverride string             `json:"discoveryXFrameUrlOverride"`
	DiscoveryUserURLOverride   string             `json:"discoveryUserUrlOverride"`
	AgentGRUU                  string             `json:"agentGRUU"`
	ProxyDirectCalls           bool               `json:"proxyDirectCalls"`
	HiddenQueues               *list[hiddenQueue] `json:"hiddenQueues"`
}

type hiddenQueue struct {
	QueueID   int64  `json:"queueId"`
	QueueName string `json:"queueName"`
}

// noTeam is the teamId of an agent without a team.
const noTeam = int64(-1)

// defaultLocale is that of agents of whom the directory says none.
const defaultLocale = "en-us"

func profile(c *call) error {
	e, settings := c.me.Entry, &c.v.Directory.ContactCenter.Clarity
	team := c.number(directory.KindTeam, e.TeamID)
	if e.TeamID == "" {
		none := noTeam
		team = &none
	}
	locale := e.Locale
	if locale == "" {
		locale = defaultLocale
	}
	modalities := settings.Modalities
	if modalities == nil {
		modalities = []string{}
	}
	return c.answer(profileAnswer{Type: "agent", ID: c.number(directory.KindAgent, c.me.ID), TeamID: team, Name: e.Name, EmailAddress: e.Email,
		LocaleKey: locale, EnabledModalities: modalities, IsDirectProxyEnabled: e.ProxyDirectCalls, IsFederatedDeployment: settings.Federated,
		CanMarkSelfAsSuspended: e.Permissions.SuspendSelf, HideRecordButton: settings.HideRecordButton, AttendantSipURI: anyOf(settings.AttendantURIs),
		Domain: settings.Domain, HideRecordingButton: e.HideRecording, DiscoveryXFrameURLOverride: settings.DiscoveryXFrameURL,
		DiscoveryUserURLOverride: settings.DiscoveryUserURL, AgentGRUU: e.Gruu, ProxyDirectCalls: e.ProxyDirectCalls, HiddenQueues: c.hiddenQueues()})
}

// anyOf is one of several attendants, which so share the load.
func anyOf(uris []string) string {
	if len(uris) == 0 {
		return ""
	}
	return uris[rand.IntN(len(uris))]
}

// Numbers of what is no queue of the directory.
const (
	directOutboundQueue = int64(-2)
	directInboundQueue  = int64(-1)
	rollupQueue         = int64(0)
	directCallsQueue    = int64(9999)
)

var queuesWithMeaning = map[int64]string{directOutboundQueue: "Direct Outbound", directInboundQueue: "Direct Inbound",
	rollupQueue: "Rollup Queue", directCallsQueue: "Direct Calls"}

func (c *call) hiddenQueues() *list[hiddenQueue] {
	var out []hiddenQueue
	for _, id := range c.me.Entry.HiddenQueueIDs {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && queuesWithMeaning[n] != "" {
			out = append(out, hiddenQueue{n, queuesWithMeaning[n]})
			continue
		}
		if c.v.Directory.Queues[id] == nil { // the directory refers by id
			id = c.entity(directory.KindQueue, id)
		}
		if n := c.number(directory.KindQueue, id); n != nil {
			out = append(out, hiddenQueue{*n, c.v.Directory.QueueName(id)})
		}
	}
	return listOf(out)
}

type mbuAnswer struct {
	Agents        []mbuAgent `json:"agents,omitempty"`
	Queues        []mbuQueue `json:"queues,omitempty"`
	Teams         []mbuTeam  `json:"teams,omitempty"`
	Groups        []mbuGroup `json:"groups,omitempty"`
	BusinessUnits []mbuUnit  `json:"businessUnits,omitempty"`
}

type mbuEntity struct {
	Type string `json:"type"`
	ID   *int64 `json:"id"`
	Name string `json:"name"`
}

type mbuAgent struct {
	mbuEntity
	TeamID         *int64 `json:"teamId"`
	CanSilentJoin  bool   `json:"canSilentJoin"`
	CanWhisperJoin bool   `json:"canWhisperJoin"`
	CanRecord      bool   `json:"canRecord"`
}

type mbuQueue struct {
	mbuEntity
	BusinessUnitID *int64  `json:"businessUnitId"`
	TeamIDs        []int64 `json:"teamIds,omitempty"`
}

type mbuTeam struct {
	mbuEntity
	BusinessUnitID *int64  `json:"businessUnitId"`
	GroupIDs       []int64 `json:"groupIds,omitempty"`
	AgentIDs       []int64 `json:"agentIds,omitempty"`
	QueueIDs       []int64 `json:"queueIds,omitempty"`
}

type mbuGroup struct {
	mbuEntity
	TeamIDs []int64 `json:"teamIds,omitempty"`
}

type mbuUnit struct {
	mbuEntity
	TeamIDs  []int64 `json:"teamIds,omitempty"`
	QueueIDs []int64 `json:"queueIds,omitempty"`
}

func (c *call) mbuEntity(typ, kind, id string) mbuEntity {
	return mbuEntity{typ, c.number(kind, id), c.v.Directory.Name(kind, id)}
}

// listed are the integers of those ids that the answer lists too: an id that is not there would tell of something invisible.
func (c *call) listed(kind string, ids []string, in map[string]bool) []int64 {
	var out []string
	for _, id := range ids {
		if in[id] {
			out = append(out, id)
		}
	}
	return c.numbers(kind, out)
}

func mbu(c *call) error {
	s, d := c.may.structure(), c.v.Directory
	var out mbuAnswer
	ofUnit := map[string][]string{}
	for _, a := range s.agents {
		p := &a.Entry.Permissions
		out.Agents = append(out.Agents, mbuAgent{c.mbuEntity("Agent", directory.KindAgent, a.ID), c.number(directory.KindTeam, a.Entry.TeamID),
			p.SilentJoin, p.WhisperJoin, p.Record})
	}
	for _, id := range s.queues {
		unit := ""
		if q := d.Queues[id]; q != nil {
			unit = q.BusinessUnitID
		}
		ofUnit[unit] = append(ofUnit[unit], id)
		out.Queues = append(out.Queues, mbuQueue{c.mbuEntity("Queue", directory.KindQueue, id), c.number(directory.KindBusinessUnit, unit),
			c.listed(directory.KindTeam, d.TeamsOfQueue(id), s.inTeams)})
	}
	for _, id := range s.teams {
		out.Teams = append(out.Teams, mbuTeam{c.mbuEntity("Team", directory.KindTeam, id), c.number(directory.KindBusinessUnit, d.BusinessUnitOfTeam(id)),
			c.listed(directory.KindGroup, d.GroupsOfTeam(id), s.inGroups), c.listed(directory.KindAgent, d.AgentsOfTeam(id), s.agentsSeen),
			c.listed(directory.KindQueue, d.QueuesOfTeam(id), s.inQueues)})
	}
	for _, id := range s.groups {
		out.Groups = append(out.Groups, mbuGroup{c.mbuEntity("Group", directory.KindGroup, id), c.listed(directory.KindTeam, d.TeamsOfGroup(id), s.inTeams)})
	}
	for _, id := range s.units {
		out.BusinessUnits = append(out.BusinessUnits, mbuUnit{c.mbuEntity("Business Unit", directory.KindBusinessUnit, id),
			c.listed(directory.KindTeam, d.TeamsOfBusinessUnit(id), s.inTeams), c.numbers(directory.KindQueue, ofUnit[id])})
	}
	return c.answer(out)
}

type dashboardAnswer struct {
	TemplateID              int64           `json:"templateId"`
	TemplateRevision        int64           `json:"templateRevision"`
	Definition              json.RawMessage `json:"definition"`
	ConsoleTemplateID       int64           `json:"agentConsoleTemplateId"`
	ConsoleTemplateRevision int64           `json:"agentConsoleTemplateRevision"`
	ConsoleDefinition       json.RawMessage `json:"agentConsoleDefinition"`
	AttendantEndpoint       string          `json:"attendantEndpoint"`
}

// defaultDashboard is the id of the one for agents without their own.
const defaultDashboard = "default"

func dashboardSettings(c *call) error {
	d := c.v.Directory
	board := d.Dashboards[c.me.ID]
	if board == nil {
		board = d.Dashboards[defaultDashboard]
	}
	if board == nil {
		return problem.NotFound("dashboard settings", c.me.ID)
	}
	integer := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	object := func(raw json.RawMessage) json.RawMessage {
		if len(raw) == 0 {
			return json.RawMessage("{}")
		}
		return raw
	}
	return c.answer(dashboardAnswer{integer(board.TemplateID), integer(board.TemplateRevision), object(board.Definition), integer(board.ConsoleTemplateID),
		integer(board.ConsoleTemplateRevision), object(board.ConsoleDefinition), anyOf(d.ContactCenter.Clarity.AttendantURIs)})
}

// unregister asks the platform to forget endpoints of agents and to end sessions; the agent whose endpoint is forgotten is sent nothing more. sip and gruu that name no agent mean the caller.
func unregister(c *call) error {
	sip, gruu := c.args.text("sip"), c.args.text("gruu")
	agent, err := c.endpoint(sip, gruu)
	if err != nil {
		return err
	}
	ids, _ := c.args.items("sids")
	var sessions []*floor.Interaction
	for _, id := range ids {
		i, ok := c.interaction(id)
		if !ok || i.Ended != schema.Open {
			continue // what has ended needs no cleaning
		}
		if !c.may.session(i) {
			return invisible()
		}
		sessions = append(sessions, i)
	}
	if c.api.Commands == nil {
		return noCommands()
	}
	ctx, cc := c.UserContext(), c.v.ContactCenter
	if sip != "" || gruu != "" {
		if err := c.api.Commands.Unregister(ctx, cc, agent, sip, gruu); err != nil {
			return err
		}
		c.api.push.hangUp(caller{cc, agent})
	}
	for _, i := range sessions {
		if err := c.api.Commands.End(ctx, cc, i.ID, c.me.ID); err != nil {
			return err
		}
	}
	return c.answer(nil)
}

func noCommands() error {
	return problem.Unavailable("commands_unavailable", "this server writes no events", 0)
}

// endpoint is the agent that a SIP address or GRUU belongs to; all to whom they belong must be visible. Of two it is the address's.
func (c *call) endpoint(sip, gruu string) (string, error) {
	bare := func(s string) string { return strings.TrimPrefix(strings.ToLower(s), "sip:") }
	bySIP, byGruu := "", ""
	for _, a := range c.v.Agents() {
		isSIP, isGruu := sip != "" && a.Entry.SIP != "" && bare(a.Entry.SIP) == bare(sip), gruu != "" && a.Entry.Gruu == gruu
		if (isSIP || isGruu) && !c.may.agent(a) {
			return "", invisible()
		}
		if isSIP && bySIP == "" {
			bySIP = a.ID
		}
		if isGruu && byGruu == "" {
			byGruu = a.ID
		}
	}
	return cmp.Or(bySIP, byGruu, c.me.ID), nil
}
