package directory

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"floorwalker/schema"
)

var (
	agentRoles  = []string{"agent", "supervisor", "admin"}
	comparisons = []string{">", ">=", "<", "<="}
	// allModalities are those of the Clarity Connect surface.
	allModalities = []string{"audio", "instantMessage", "message"}
	// serviceLevels are the keys of metrics.md, section Service level.
	serviceLevels = []string{"abandoned_credited", "answered_only", "answered_over_all", "abandoned_in_neutral", "short_credited",
		"short_excluded"}
)

// Validate judges a directory event's payload without keeping it. Errors are *schema.Violation.
func Validate(ev *schema.Event) error {
	if ev.Deleted {
		return nil
	}
	_, err := parseEntity(ev)
	return err
}

// entity is a pointer to one of the kinds.
type entity interface{ base() *Entity }

// parseEntity reads a payload by the table of events.md, section Directory. What it returns shares no memory with the event.
func parseEntity(ev *schema.Event) (entity, error) {
	parse, ok := parsers[ev.DirectoryKind]
	if ev.Type != schema.EventDirectory || !ok {
		return nil, &schema.Violation{Code: schema.CodeUnknownType, Attribute: "type",
			Detail: strconv.Quote(cut(ev.TypeName())) + ", allowed: cc.directory. and one of " + strings.Join(schema.DirectoryKinds(), ", ")}
	}
	if ev.DirectoryKind == KindContactCenter && ev.Subject != ev.ContactCenter {
		return nil, &schema.Violation{Code: schema.CodeValueNotAllowed, Attribute: "subject",
			Detail: strconv.Quote(cut(ev.Subject)) + ", a contact_center's is its contactcenter, " + strconv.Quote(cut(ev.ContactCenter))}
	}
	if len(ev.Data) == 0 {
		return nil, &schema.Violation{Code: schema.CodeMissingAttribute, Attribute: "data", Detail: "is required, it is the whole entity"}
	}
	p, err := parsePayload(ev.Data)
	if err != nil {
		return nil, err
	}
	e := parse(p)
	if *p.err != nil {
		return nil, *p.err
	}
	base := e.base()
	base.ID, base.Raw = strings.Clone(ev.Subject), bytes.Clone(ev.Data)
	return e, nil
}

var parsers = map[string]func(*payload) entity{
	KindContactCenter: func(p *payload) entity { return parseContactCenter(p) },
	KindBusinessUnit:  func(p *payload) entity { return &BusinessUnit{numbered(p)} },
	KindGroup:         func(p *payload) entity { return &Group{numbered(p), p.ids("team_ids")} },
	KindTeam: func(p *payload) entity {
		return &Team{numbered(p), p.id("business_unit_id"), p.ids("queue_ids")}
	},
	KindAgent:       func(p *payload) entity { return parseAgent(p) },
	KindQueue:       func(p *payload) entity { return parseQueue(p) },
	KindCampaign:    func(p *payload) entity { return &Campaign{numbered(p), p.ids("queue_ids"), p.bool("active", true)} },
	KindSkill:       func(p *payload) entity { return &Skill{Entity{Name: p.string("name")}} },
	KindReasonCode:  func(p *payload) entity { return &ReasonCode{numbered(p), p.oneOf("status", presences())} },
	KindDisposition: func(p *payload) entity { return parseDisposition(p) },
	KindCallFlow:    func(p *payload) entity { return &CallFlow{numbered(p)} },
	KindDashboard:   func(p *payload) entity { return parseDashboard(p) },
	KindExtraItem:   func(p *payload) entity { return &ExtraItem{numbered(p), p.bool("searchable", false)} },
	KindAlertRule:   func(p *payload) entity { return parseAlertRule(p) },
	KindLocale:      func(p *payload) entity { return &Locale{Strings: p.strings("strings", p.need("strings"))} },
}

func numbered(p *payload) Entity { return Entity{Name: p.string("name"), Number: p.number("number")} }

// presences are the statuses that people choose.
func presences() []string {
	var out []string
	for _, name := range schema.StatusNames() {
		if s, _ := schema.ParseStatus(name); s.IsPresence() {
			out = append(out, name)
		}
	}
	return out
}

func parseContactCenter(p *payload) *ContactCenter {
	if p.get("service_level") != nil {
		p.oneOf("service_level", serviceLevels)
	}
	return &ContactCenter{
		Entity:           numbered(p),
		TimeZone:         p.string("time_zone"),
		ExotelAccountSID: p.optional("exotel_account_sid", ""),
		ServiceLevel:     p.optional("service_level", ""),
		Clarity:          parseClarity(p.object("clarity", p.get("clarity"))),
	}
}

// parseClarity fills in the defaults; a payload without members gives them all.
func parseClarity(p *payload) Clarity {
	after := p.object("after_call", p.get("after_call"))
	return Clarity{
		Version:            p.optional("version", "4.1.2"),
		Modalities:         p.texts("modalities", slices.Clone(allModalities), allModalities),
		Federated:          p.bool("federated", false),
		HideRecordButton:   p.bool("hide_record_button", false),
		AttendantURIs:      p.texts("attendant_uris", nil, nil),
		Domain:             p.optional("domain", ""),
		DiscoveryUserURL:   p.optional("discovery_user_url", ""),
		DiscoveryXFrameURL: p.optional("discovery_xframe_url", ""),
		AfterCall:          AfterCall{Manual: after.bool("manual", true), Seconds: after.seconds("seconds", 10)},
		HoldTimerSeconds:   p.seconds("hold_timer_seconds", 10),
	}
}

// defaultClarity is what holds for a contact centre that the directory does not know.
func defaultClarity() Clarity {
	var ignored error
	return parseClarity(newPayload("data.clarity", nil, &ignored))
}

func parseAgent(p *payload) *Agent {
	return &Agent{
		Entity:           numbered(p),
		FirstName:        p.optional("first_name", ""),
		LastName:         p.optional("last_name", ""),
		Login:            p.string("login"),
		Email:            p.string("email"),
		SIP:              p.optional("sip", ""),
		Phone:            p.optional("phone", ""),
		UserType:         p.optional("user_type", ""),
		TeamID:           p.optionalID("team_id"),
		Skills:           p.ids("skills"),
		QueueIDs:         p.ids("queue_ids"),
		CampaignIDs:      p.ids("campaign_ids"),
		Role:             p.oneOf("role", agentRoles),
		Permissions:      parsePermissions(p.object("permissions", p.get("permissions"))),
		Locale:           p.optional("locale", ""),
		Device:           parseDevice(p.object("device", p.get("device"))),
		Gruu:             p.optional("gruu", ""),
		ProxyDirectCalls: p.bool("proxy_direct_calls", false),
		HideRecording:    p.bool("hide_recording", false),
		HiddenQueueIDs:   p.optionalIDs("hidden_queue_ids"),
	}
}

func parsePermissions(p *payload) Permissions {
	return Permissions{
		SilentJoin:      p.bool("silent_join", false),
		WhisperJoin:     p.bool("whisper_join", false),
		Record:          p.bool("record", false),
		SuspendSelf:     p.bool("suspend_self", false),
		GroupIDs:        p.optionalIDs("group_ids"),
		BusinessUnitIDs: p.optionalIDs("business_unit_ids"),
		TeamIDs:         p.optionalIDs("team_ids"),
	}
}

func parseDevice(p *payload) Device {
	return Device{Type: p.optional("type", ""), ContactURI: p.optional("contact_uri", "")}
}

func parseQueue(p *payload) *Queue {
	q := &Queue{
		Entity:              numbered(p),
		BusinessUnitID:      p.optionalID("business_unit_id"),
		TeamIDs:             p.ids("team_ids"),
		ServiceLevelSeconds: p.seconds("service_level_seconds", 20),
		ShortAbandonSeconds: p.seconds("short_abandon_seconds", 5),
		Open:                p.bool("open", true),
		Channels:            p.texts("channels", nil, schema.ChannelNames()),
	}
	if q.Number == NotAQueueNumber {
		p.fail(schema.CodeValueNotAllowed, "number", "9999 is no queue's number")
	}
	if v := p.get("after_call"); v != nil {
		after := p.object("after_call", v)
		q.AfterCall = &AfterCall{Manual: after.bool("manual", true), Seconds: after.seconds("seconds", 10)}
	}
	if p.get("hold_timer_seconds") != nil {
		seconds := p.seconds("hold_timer_seconds", 0)
		q.HoldTimerSeconds = &seconds
	}
	return q
}

func parseDisposition(p *payload) *Disposition {
	d := &Disposition{Entity: numbered(p), BusinessUnitID: p.optionalID("business_unit_id"), SubDispositions: []SubDisposition{}}
	p.list("sub_dispositions", p.need("sub_dispositions"), func(name string, v *fastjson.Value) {
		sub := p.object(name, v)
		d.SubDispositions = append(d.SubDispositions, SubDisposition{sub.id("id"), sub.number("number"), sub.string("name")})
	})
	return d
}

func parseDashboard(p *payload) *Dashboard {
	return &Dashboard{
		TemplateID:              p.id("template_id"),
		TemplateRevision:        p.id("template_revision"),
		Definition:              p.raw("definition", p.need("definition")),
		ConsoleTemplateID:       p.optionalID("console_template_id"),
		ConsoleTemplateRevision: p.optionalID("console_template_revision"),
		ConsoleDefinition:       p.raw("console_definition", p.get("console_definition")),
	}
}

func parseAlertRule(p *payload) *AlertRule {
	r := &AlertRule{
		Metric:     p.string("metric"),
		Scope:      parseScope(p),
		Window:     p.string("window"),
		Comparison: p.oneOf("comparison", comparisons),
		Threshold:  p.float("threshold", p.need("threshold")),
		Severity:   p.string("severity"),
		Webhook:    p.optional("webhook", ""),
	}
	if v := p.need("for_seconds"); v != nil {
		r.ForSeconds = int(p.integer("for_seconds", v, 0, maxSeconds))
	}
	if v := p.get("clear_threshold"); v != nil {
		clear := p.float("clear_threshold", v)
		r.ClearThreshold = &clear
	}
	return r
}

// parseScope reads filters of metrics. A string is a comma list, as in a request; a list, an integer and a bool are taken too.
func parseScope(p *payload) map[string][]string {
	scope := map[string][]string{}
	inner := p.object("scope", p.need("scope"))
	for name := range inner.members {
		v := inner.get(name)
		if v == nil {
			continue
		}
		switch v.Type() {
		case fastjson.TypeString:
			scope[name] = strings.Split(string(v.GetStringBytes()), ",")
		case fastjson.TypeTrue, fastjson.TypeFalse:
			scope[name] = []string{v.String()}
		case fastjson.TypeArray:
			scope[name] = inner.idList(name, v)
		default:
			scope[name] = []string{inner.idOf(name, v)}
		}
	}
	return scope
}
