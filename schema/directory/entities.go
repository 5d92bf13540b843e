// Package directory keeps what the directory topic says: who and what there is in each contact centre (events.md, section
// Directory), with names, numbers, settings and relations. It is laid over live and historical data when reading.
package directory

import "encoding/json"

// Kinds of entities (events.md, section Directory).
const (
	KindContactCenter = "contact_center"
	KindBusinessUnit  = "business_unit"
	KindGroup         = "group"
	KindTeam          = "team"
	KindAgent         = "agent"
	KindQueue         = "queue"
	KindCampaign      = "campaign"
	KindSkill         = "skill"
	KindReasonCode    = "reason_code"
	KindDisposition   = "disposition"
	KindCallFlow      = "call_flow"
	KindDashboard     = "dashboard"
	KindExtraItem     = "extra_item"
	KindAlertRule     = "alert_rule"
	KindLocale        = "locale"
)

// NotAQueueNumber is the one number that no queue may have.
const NotAQueueNumber = 9999

// Entity is what all kinds share.
type Entity struct {
	ID     string
	Number int32           // as said by the directory; 0 where it says none. Directory.Number resolves it
	Name   string          // empty for kinds without a name
	Raw    json.RawMessage // the payload as it came
}

func (e *Entity) base() *Entity { return e }

// ContactCenter is a tenant.
type ContactCenter struct {
	Entity
	TimeZone         string
	ExotelAccountSID string
	ServiceLevel     string // the default formula; empty where not said
	Clarity          Clarity
}

// Clarity holds the settings of the Clarity Connect surface of a contact centre, defaults filled in.
type Clarity struct {
	Version            string
	Modalities         []string
	Federated          bool
	HideRecordButton   bool
	AttendantURIs      []string
	Domain             string
	DiscoveryUserURL   string
	DiscoveryXFrameURL string
	AfterCall          AfterCall
	HoldTimerSeconds   int
}

// AfterCall says how wrap-up ends: by the agent, or by itself after some seconds.
type AfterCall struct {
	Manual  bool
	Seconds int
}

// BusinessUnit groups teams.
type BusinessUnit struct{ Entity }

// Group is a set of teams across business units.
type Group struct {
	Entity
	TeamIDs []string
}

// Team of agents. QueueIDs are only those that the team itself names; Directory.QueuesOfTeam joins the relation.
type Team struct {
	Entity
	BusinessUnitID string
	QueueIDs       []string
}

// Agent is a person who serves customers, a supervisor or an administrator.
type Agent struct {
	Entity
	FirstName, LastName             string
	Login, Email                    string
	SIP, Phone, UserType            string
	TeamID                          string
	Skills, QueueIDs, CampaignIDs   []string
	Role                            string // agent, supervisor, admin
	Permissions                     Permissions
	Locale                          string
	Device                          Device
	Gruu                            string
	ProxyDirectCalls, HideRecording bool
	HiddenQueueIDs                  []string
}

// Permissions of an agent on the vendors' surfaces; nothing is permitted unless said.
type Permissions struct {
	SilentJoin, WhisperJoin, Record, SuspendSelf bool
	GroupIDs, BusinessUnitIDs, TeamIDs           []string
}

// Device that an agent is reached at.
type Device struct{ Type, ContactURI string }

// Queue of interactions.
type Queue struct {
	Entity
	BusinessUnitID      string
	TeamIDs             []string // only those that the queue itself names; see Directory.TeamsOfQueue
	ServiceLevelSeconds int      // 20
	ShortAbandonSeconds int      // 5
	Open                bool     // true
	Channels            []string // empty where not said
	AfterCall           *AfterCall
	HoldTimerSeconds    *int
}

// Campaign that interactions belong to.
type Campaign struct {
	Entity
	QueueIDs []string
	Active   bool // true
}

// Skill of agents.
type Skill struct{ Entity }

// ReasonCode qualifies a presence.
type ReasonCode struct {
	Entity
	Status string
}

// Disposition of an interaction.
type Disposition struct {
	Entity
	BusinessUnitID  string
	SubDispositions []SubDisposition
}

// SubDisposition refines a disposition.
type SubDisposition struct {
	ID     string
	Number int32 // 0 where not said
	Name   string
}

// CallFlow is an IVR script.
type CallFlow struct{ Entity }

// Dashboard of an agent (ID is the agent's), or the default one (ID is "default").
type Dashboard struct {
	Entity
	TemplateID              string
	TemplateRevision        string
	Definition              json.RawMessage
	ConsoleTemplateID       string
	ConsoleTemplateRevision string
	ConsoleDefinition       json.RawMessage // nil where not said
}

// ExtraItem says what an extra item's id means.
type ExtraItem struct {
	Entity
	Searchable bool
}

// AlertRule watches one metric.
type AlertRule struct {
	Entity
	Metric         string
	Scope          map[string][]string // by filter of metrics: any of these ids or values
	Window         string
	Comparison     string // >, >=, <, <=
	Threshold      float64
	ForSeconds     int
	Severity       string
	ClearThreshold *float64
	Webhook        string
}

// Locale holds the texts of one locale; its ID is the locale key, such as en-us.
type Locale struct {
	Entity
	Strings map[string]string
}
