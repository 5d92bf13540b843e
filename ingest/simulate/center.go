package simulate

import (
	"fmt"
	"strings"

	"floorwalker/schema"
)

// teamKind decides what a team's agents serve.
type teamKind struct {
	name     string
	digital  bool
	queues   []string
	campaign string
}

// teamKinds are dealt to the teams in this order, so that four teams already serve everything.
var teamKinds = []teamKind{
	{name: "Service", queues: []string{"service", "vip", "billing"}},
	{name: "Digital", digital: true, queues: []string{"chat", "social", "email", "backoffice"}},
	{name: "Sales", queues: []string{"sales", "service"}, campaign: "retention"},
	{name: "Support", queues: []string{"support", "experts", "service"}},
	{name: "Billing", queues: []string{"billing", "service", "vip"}},
	{name: "Care", queues: []string{"service", "sales", "vip"}, campaign: "survey"},
	{name: "Social", digital: true, queues: []string{"chat", "social", "email", "backoffice"}},
	{name: "Experts", queues: []string{"support", "experts"}},
}

// queueKind is one queue of the model with its traffic.
type queueKind struct {
	id, name    string
	channel     schema.Channel
	unit        string
	weight      float64 // share of its channel's arrivals; 0: reached by transfer only
	handle      float64 // median of a conversation, s
	wrap        float64 // median, s
	patience    float64 // mean, s
	threshold   int64   // service level, s
	overflow    string
	priority    int64
	disposition string
}

var queueKinds = []queueKind{
	{id: "service", name: "Customer Service", channel: schema.ChannelVoice, unit: "retail", weight: 40, handle: 190, wrap: 24, patience: 190, threshold: 20, disposition: "solved"},
	{id: "sales", name: "Sales", channel: schema.ChannelVoice, unit: "retail", weight: 20, handle: 260, wrap: 40, patience: 110, threshold: 15, overflow: "service", priority: 2, disposition: "sale"},
	{id: "support", name: "Technical Support", channel: schema.ChannelVoice, unit: "business", weight: 20, handle: 320, wrap: 45, patience: 280, threshold: 30, disposition: "solved"},
	{id: "billing", name: "Billing", channel: schema.ChannelVoice, unit: "retail", weight: 15, handle: 210, wrap: 30, patience: 170, threshold: 20, overflow: "service", disposition: "payment"},
	{id: "vip", name: "Business Customers", channel: schema.ChannelVoice, unit: "business", weight: 5, handle: 240, wrap: 35, patience: 90, threshold: 10, overflow: "service", priority: 5, disposition: "solved"},
	{id: "experts", name: "Support, second level", channel: schema.ChannelVoice, unit: "business", handle: 420, wrap: 60, patience: 300, threshold: 60, priority: 1, disposition: "solved"},
	{id: "chat", name: "Web chat", channel: schema.ChannelChat, unit: "retail", weight: 1, handle: 420, wrap: 20, patience: 140, threshold: 45, disposition: "solved"},
	{id: "social", name: "Social media", channel: schema.ChannelMessage, unit: "retail", weight: 1, handle: 420, wrap: 15, patience: 3600, threshold: 600, disposition: "solved"},
	{id: "email", name: "E-mail", channel: schema.ChannelEmail, unit: "business", weight: 1, handle: 270, wrap: 15, patience: 100000, threshold: 3600, disposition: "solved"},
	{id: "backoffice", name: "Back office", channel: schema.ChannelTask, unit: "business", weight: 1, handle: 400, wrap: 10, patience: 100000, threshold: 3600, disposition: "order"},
}

var (
	firstNames = strings.Fields("Ada Amir Ana Anna Arjun Aya Ben Carla Chen Chloe Dana David Diego Elena Emma Erik Fatima Felix Grace Hana Hugo Ines Ivan Jana Jonas Julia Kai Kofi Lara Lea Leo Lina Luca Maria Marta Max Maya Mei Mia Milan Nadia Nina Noah Nora Olga Omar Paul Petra Priya Rafael Rosa Sam Sara Sofia Tariq Theo Tom Vera Yuki Zoe")
	lastNames  = strings.Fields("Adeyemi Ahmed Andersen Baker Bauer Becker Bianchi Brown Castro Chen Costa Cruz Dias Dubois Evans Fischer Fernandez Garcia Gomez Green Haddad Hansen Hill Ito Ivanova Jansen Jones Kaya Khan Kim Kowalski Kumar Lang Lee Lopez Martin Mendes Meyer Moreau Nguyen Novak Okafor Olsen Patel Petrov Reed Rossi Santos Sato Schmidt Silva Singh Smith Souza Tanaka Taylor Tran Vogel Weber Wong Young Zhang")
	languages  = []string{"english", "spanish", "german", "french"}
)

type queue struct {
	queueKind
	teams   []string
	waiting []*interaction
	idle    []idleEntry
	sweep   int // length of idle at which void entries are swept out
	over    *queue
}

type team struct {
	id, name string
	kind     teamKind
	unit     string
	boss     *agent
}

// reason is a reason code with the presence that it qualifies.
type reason struct {
	id, name string
	status   schema.Status
}

var reasons = []reason{
	{"coffee", "Coffee break", schema.Break},
	{"restroom", "Personal break", schema.Break},
	{"lunch", "Lunch", schema.Lunch},
	{"team-meeting", "Team meeting", schema.Meeting},
	{"coaching", "Coaching", schema.Training},
	{"paperwork", "Paperwork", schema.Busy},
	{"it-problem", "Workplace problem", schema.OffPhone},
	{"away", "Away from desk", schema.Away},
}

func reasonFor(id string) reason {
	for _, r := range reasons {
		if r.id == id {
			return r
		}
	}
	return reason{}
}

// subDispositions by disposition; ids are unique in the contact centre.
var dispositions = []struct {
	id, name string
	subs     [][2]string
}{
	{"solved", "Solved", [][2]string{{"solved-first", "At first contact"}, {"solved-advice", "Advice given"}}},
	{"callback", "Call back agreed", [][2]string{{"callback-today", "Today"}, {"callback-later", "Later"}}},
	{"sale", "Sale", [][2]string{{"sale-new", "New contract"}, {"sale-upgrade", "Upgrade"}}},
	{"no-sale", "No sale", nil},
	{"payment", "Payment", [][2]string{{"payment-plan", "Instalments"}, {"payment-made", "Paid"}}},
	{"order", "Order", nil},
	{"escalated", "Escalated", nil},
	{"not-reached", "Not reached", nil},
}

// build lays out the contact centre: who works there and what they serve. It draws from the generator in a fixed order.
func (s *Simulator) build() {
	s.queues = map[string]*queue{}
	for _, k := range queueKinds {
		s.queues[k.id] = &queue{queueKind: k}
		s.queueList = append(s.queueList, s.queues[k.id])
	}
	for _, q := range s.queueList {
		q.over = s.queues[q.overflow]
	}
	for i := range max(4, s.cfg.Agents/15) {
		k := teamKinds[i%len(teamKinds)]
		t := &team{id: fmt.Sprintf("team-%d", i+1), name: k.name, kind: k, unit: "retail"}
		if round := i / len(teamKinds); round > 0 {
			t.name = fmt.Sprintf("%s %d", k.name, round+1)
		}
		if k.name == "Support" || k.name == "Experts" {
			t.unit = "business"
		}
		for _, id := range k.queues {
			s.queues[id].teams = append(s.queues[id].teams, t.id)
		}
		s.teams = append(s.teams, t)
	}
	for i := range s.cfg.Agents {
		s.hire(i)
	}
}

func (s *Simulator) hire(i int) {
	t := s.teams[i%len(s.teams)]
	first, last := firstNames[s.rng.IntN(len(firstNames))], lastNames[s.rng.IntN(len(lastNames))]
	a := &agent{id: fmt.Sprintf("a%d", 1001+i), number: int64(1001 + i), first: first, last: last, team: t}
	a.clock.subject = a.id
	a.login = fmt.Sprintf("%s.%s%d", strings.ToLower(first), strings.ToLower(last), 1001+i)
	a.skills = []string{"english"}
	if lang := languages[s.rng.IntN(len(languages))]; lang != "english" {
		a.skills = append(a.skills, lang)
	}
	// A member of a team at its place in a spread over the shifts, so that small centres are staffed around the clock too.
	_, place := split(float64(i/len(s.teams)+1)*0.618033988749 + float64(i%len(s.teams))*0.137)
	a.shift = shiftStart(place) + int64(s.rng.IntN(41)-20)*minute
	for _, id := range t.kind.queues {
		a.queues = append(a.queues, s.queues[id])
	}
	if t.boss == nil && len(s.teams)*3 <= s.cfg.Agents {
		t.boss, a.boss = a, true
		a.shift = 8*hour + int64(i%len(s.teams)%8)*hour
		a.queues = nil // supervisors join conversations; nobody who waits is to count on them
	}
	s.agents = append(s.agents, a)
}

// shiftShares say how many begin their eight and a half hours at which hour, so that staffing follows the arrivals.
var shiftShares = []struct{ hour, share float64 }{{5, .06}, {6, .08}, {7, .10}, {8, .14}, {9, .10}, {10, .04}, {13, .08}, {14, .10},
	{15, .08}, {16, .06}, {22, .16}}

func shiftStart(place float64) int64 {
	for _, s := range shiftShares {
		if place -= s.share; place < 0 {
			return int64(s.hour * float64(hour))
		}
	}
	return 22 * hour
}

// AdminLogin is the login of the directory's administrator, who never takes a call.
const AdminLogin = "floor.admin"

// Directory returns the centre's directory as events of its start; repeating them changes nothing.
func (s *Simulator) Directory() []schema.Event {
	var out []schema.Event
	put := func(kind, id string, d *schema.Data) {
		out = append(out, schema.Event{ID: fmt.Sprintf("%s-d%d", s.prefix, len(out)+1), Source: s.cfg.Source, Subject: id,
			ContactCenter: s.cfg.ContactCenter, Type: schema.EventDirectory, DirectoryKind: kind, Time: s.start, Data: clone(d)})
	}
	d := schema.NewData
	put("contact_center", s.cfg.ContactCenter, d().String("name", "Harbour Contact Centre").Int("number", 1).
		String("time_zone", s.cfg.Zone.String()).Raw("clarity", []byte(`{"version":"4.1.2","modalities":["audio","instantMessage","message"]}`)))
	put("business_unit", "retail", d().String("name", "Retail").Int("number", 1))
	put("business_unit", "business", d().String("name", "Business").Int("number", 2))
	s.teamEntities(put)
	for i, q := range s.queueList {
		put("queue", q.id, d().Int("number", int64(i+1)).String("name", q.name).String("business_unit_id", q.unit).Strings("team_ids", q.teams).
			Int("service_level_seconds", q.threshold).Int("short_abandon_seconds", 5).Bool("open", true).Strings("channels", []string{q.channel.String()}))
	}
	// The number that the examples of a vendor's specification name, so that they find something in a demo.
	put("campaign", "hotline", d().Int("number", 111).String("name", "Hotline").Strings("queue_ids", []string{"service", "billing", "vip"}).Bool("active", true))
	put("campaign", "spring-offer", d().Int("number", 2).String("name", "Spring offer").Strings("queue_ids", []string{"sales"}).Bool("active", true))
	put("campaign", "retention", d().Int("number", 3).String("name", "Retention calls").Strings("queue_ids", nil).Bool("active", true))
	put("campaign", "survey", d().Int("number", 4).String("name", "Satisfaction survey").Strings("queue_ids", nil).Bool("active", true))
	for _, l := range languages {
		put("skill", l, d().String("name", strings.ToUpper(l[:1])+l[1:]))
	}
	for i, r := range reasons {
		put("reason_code", r.id, d().Int("number", int64(i+1)).String("name", r.name).String("status", r.status.String()))
	}
	s.dispositionEntities(put)
	put("call_flow", "main-line", d().Int("number", 1).String("name", "Main line"))
	put("call_flow", "business-line", d().Int("number", 2).String("name", "Business line"))
	put("extra_item", "order-number", d().Int("number", 1).String("name", "Order number").Bool("searchable", true))
	put("extra_item", "contract", d().Int("number", 2).String("name", "Contract").Bool("searchable", true))
	put("dashboard", "default", d().String("template_id", "1").String("template_revision", "1").Raw("definition", []byte(`{"widgets":[]}`)))
	put("alert_rule", "long-wait", d().String("metric", "longest_wait_ms").Raw("scope", []byte(`{"channel":"voice"}`)).String("window", "5m").
		String("comparison", ">").Int("threshold", 60_000).Int("clear_threshold", 30_000).Int("for_seconds", 5).String("severity", "warning"))
	put("alert_rule", "service-level", d().String("metric", "service_level").Raw("scope", []byte(`{"channel":"voice"}`)).String("window", "15m").
		String("comparison", "<").Raw("threshold", []byte("0.8")).Raw("clear_threshold", []byte("0.85")).Int("for_seconds", 30).String("severity", "critical"))
	for _, a := range s.agents {
		put("agent", a.id, s.agentEntity(a))
	}
	put("agent", "a1000", d().Int("number", 1000).String("name", "Floor Admin").String("login", AdminLogin).String("email", AdminLogin+"@example.com").
		Strings("skills", nil).Strings("queue_ids", nil).Strings("campaign_ids", nil).String("role", "admin").
		Raw("permissions", []byte(`{"record":true,"silent_join":true,"whisper_join":true,"suspend_self":true}`)))
	return out
}

func (s *Simulator) teamEntities(put func(kind, id string, d *schema.Data)) {
	var spoken, digital []string
	for i, t := range s.teams {
		put("team", t.id, schema.NewData().Int("number", int64(i+1)).String("name", t.name).String("business_unit_id", t.unit).
			Strings("queue_ids", t.kind.queues))
		if t.kind.digital {
			digital = append(digital, t.id)
		} else {
			spoken = append(spoken, t.id)
		}
	}
	put("group", "telephone", schema.NewData().Int("number", 1).String("name", "Telephone").Strings("team_ids", spoken))
	put("group", "digital", schema.NewData().Int("number", 2).String("name", "Digital").Strings("team_ids", digital))
}

func (s *Simulator) dispositionEntities(put func(kind, id string, d *schema.Data)) {
	number := 0
	for _, p := range dispositions {
		number++
		own := number
		subs := []byte{'['}
		for i, sub := range p.subs {
			number++
			if i > 0 {
				subs = append(subs, ',')
			}
			subs = append(subs, schema.NewData().String("id", sub[0]).Int("number", int64(number)).String("name", sub[1]).Bytes()...)
		}
		put("disposition", p.id, schema.NewData().Int("number", int64(own)).String("name", p.name).Raw("sub_dispositions", append(subs, ']')))
	}
}

func (s *Simulator) agentEntity(a *agent) *schema.Data {
	d := schema.NewData().Int("number", a.number).String("name", a.first+" "+a.last).String("first_name", a.first).String("last_name", a.last).
		String("login", a.login).String("email", a.login+"@example.com").String("sip", "sip:"+a.login+"@example.com").
		String("phone", fmt.Sprintf("+1202555%04d", a.number%10000)).String("team_id", a.team.id).Strings("skills", a.skills).
		Strings("queue_ids", nil).Strings("campaign_ids", a.campaigns()).Raw("device", a.device())
	if !a.boss {
		return d.String("role", "agent").String("user_type", "Executive")
	}
	permissions := schema.NewData().Bool("silent_join", true).Bool("whisper_join", true).Bool("record", true).Bool("suspend_self", true).
		Strings("group_ids", nil).Strings("business_unit_ids", []string{a.team.unit}).Strings("team_ids", []string{a.team.id})
	return d.String("role", "supervisor").String("user_type", "Supervisor").Raw("permissions", permissions.Bytes())
}
