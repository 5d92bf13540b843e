package directory

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	_ "time/tzdata" // zones must be known where the system has no database of them

	"floorwalker/schema"
)

// Directory is one immutable state of one contact centre's directory. Nothing in it may be changed. Lists of ids that its
// methods return are sorted, without repetition, shared and never to be changed either.
type Directory struct {
	ID       string         // the contact centre's
	Version  uint64         // grows with every change of this contact centre
	Location *time.Location // never nil; UTC where the zone is not said or unknown

	ContactCenter *ContactCenter // never nil; the id as the name where the directory says nothing
	BusinessUnits map[string]*BusinessUnit
	Groups        map[string]*Group
	Teams         map[string]*Team
	Agents        map[string]*Agent
	Queues        map[string]*Queue
	Campaigns     map[string]*Campaign
	Skills        map[string]*Skill
	ReasonCodes   map[string]*ReasonCode
	Dispositions  map[string]*Disposition
	CallFlows     map[string]*CallFlow
	Dashboards    map[string]*Dashboard
	ExtraItems    map[string]*ExtraItem
	AlertRules    map[string]*AlertRule
	Locales       map[string]*Locale

	kinds     map[string]map[string]entity
	numbers   map[string]numbers
	relations relations
	zoneFault string
	problems  func() []Problem
}

// Problem is something that the directory says and that cannot hold.
type Problem struct {
	Kind, ID string
	Field    string // of the payload; "id" where the id itself is the problem
	Detail   string
}

// numbers resolves the numbers of one kind.
type numbers struct {
	of   map[string]int32
	ids  map[int32]string
	lost []lostNumber
}

type lostNumber struct {
	id, to string
	number int32
}

// build makes a directory of a contact centre's entities.
func build(cc string, version uint64, kinds map[string]map[string]entity) *Directory {
	d := &Directory{
		ID: cc, Version: version, Location: time.UTC,
		ContactCenter: &ContactCenter{Entity: Entity{ID: cc, Name: cc}, TimeZone: "UTC", Clarity: defaultClarity()},
		BusinessUnits: ofKind[*BusinessUnit](kinds[KindBusinessUnit]),
		Groups:        ofKind[*Group](kinds[KindGroup]),
		Teams:         ofKind[*Team](kinds[KindTeam]),
		Agents:        ofKind[*Agent](kinds[KindAgent]),
		Queues:        ofKind[*Queue](kinds[KindQueue]),
		Campaigns:     ofKind[*Campaign](kinds[KindCampaign]),
		Skills:        ofKind[*Skill](kinds[KindSkill]),
		ReasonCodes:   ofKind[*ReasonCode](kinds[KindReasonCode]),
		Dispositions:  ofKind[*Disposition](kinds[KindDisposition]),
		CallFlows:     ofKind[*CallFlow](kinds[KindCallFlow]),
		Dashboards:    ofKind[*Dashboard](kinds[KindDashboard]),
		ExtraItems:    ofKind[*ExtraItem](kinds[KindExtraItem]),
		AlertRules:    ofKind[*AlertRule](kinds[KindAlertRule]),
		Locales:       ofKind[*Locale](kinds[KindLocale]),
		kinds:         make(map[string]map[string]entity, len(kinds)),
		numbers:       make(map[string]numbers, len(kinds)),
	}
	for kind, entities := range kinds {
		d.kinds[kind] = entities
		d.numbers[kind] = resolveNumbers(kind, entities)
	}
	if center, ok := kinds[KindContactCenter][cc].(*ContactCenter); ok {
		d.ContactCenter = center
		d.locate(center.TimeZone)
	}
	d.relations = relate(d)
	d.problems = sync.OnceValue(d.findProblems)
	return d
}

func ofKind[E entity](entities map[string]entity) map[string]E {
	out := make(map[string]E, len(entities))
	for id, e := range entities {
		out[id] = e.(E)
	}
	return out
}

// locate sets the zone. "Local" is the machine's zone and "" is UTC to Go, neither is a name of the IANA database.
func (d *Directory) locate(zone string) {
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		d.zoneFault = strconv.Quote(cut(zone)) + " is no zone of the IANA database, UTC is used"
		return
	}
	d.Location = location
}

// resolveNumbers gives each number to one entity, of two to the lesser id (events.md, section Envelope): the number that the
// entity says, or where it says none its id, if that is a number.
func resolveNumbers(kind string, entities map[string]entity) numbers {
	n := numbers{of: make(map[string]int32, len(entities)), ids: make(map[int32]string, len(entities))}
	ids := make([]string, 0, len(entities))
	for id := range entities {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		number := entities[id].base().Number
		if number == 0 {
			number = numberOfID(kind, id)
		}
		if number == 0 {
			continue
		}
		if to, taken := n.ids[number]; taken {
			n.lost = append(n.lost, lostNumber{id, to, number})
			continue
		}
		n.of[id], n.ids[number] = number, id
	}
	return n
}

// numberOfID is the number that an id itself is: decimal, without leading zeros, 1 to 2³¹−1, no queue's 9999; else 0.
func numberOfID(kind, id string) int32 {
	if id == "" || id[0] < '1' || id[0] > '9' {
		return 0
	}
	n, err := strconv.ParseInt(id, 10, 32)
	if err != nil || kind == KindQueue && n == NotAQueueNumber {
		return 0
	}
	return int32(n)
}

// Number is the integer id of an entity, false where it has none: what the directory says (of two entities with one number the
// lesser id has it), else the id itself where it is one. Entities that the directory does not know have their id's, unless
// a known one has it.
func (d *Directory) Number(kind, id string) (int32, bool) {
	n, known := d.numbers[kind].of[id]
	if known {
		return n, true
	}
	if d.kinds[kind][id] != nil {
		return 0, false
	}
	n = numberOfID(kind, id)
	if _, taken := d.numbers[kind].ids[n]; taken {
		return 0, false
	}
	return n, n != 0
}

// ByNumber is the id of the entity that has a number; false where the directory knows none. One that only events have named
// has its number as its id.
func (d *Directory) ByNumber(kind string, n int32) (string, bool) {
	id, ok := d.numbers[kind].ids[n]
	return id, ok
}

// Raw is an entity's payload as it came.
func (d *Directory) Raw(kind, id string) (json.RawMessage, bool) {
	e, ok := d.kinds[kind][id]
	if !ok {
		return nil, false
	}
	return e.base().Raw, true
}

// IDs lists the entities of a kind, sorted.
func (d *Directory) IDs(kind string) []string {
	ids := make([]string, 0, len(d.kinds[kind]))
	for id := range d.kinds[kind] {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Name is an entity's name, the id where the directory does not know it or it has none.
func (d *Directory) Name(kind, id string) string {
	if e, ok := d.kinds[kind][id]; ok && e.base().Name != "" {
		return e.base().Name
	}
	return id
}

// AgentName is Name of an agent.
func (d *Directory) AgentName(id string) string { return d.Name(KindAgent, id) }

// QueueName is Name of a queue.
func (d *Directory) QueueName(id string) string { return d.Name(KindQueue, id) }

// CampaignName is Name of a campaign.
func (d *Directory) CampaignName(id string) string { return d.Name(KindCampaign, id) }

// Problems lists double numbers, an unknown zone, references to nothing and thresholds that are not counted, sorted by kind,
// id and field. It is found once, when first asked for.
func (d *Directory) Problems() []Problem {
	if d.problems == nil {
		return nil
	}
	return d.problems()
}

// Kinds lists the kinds of entities (events.md, section Directory).
func Kinds() []string { return schema.DirectoryKinds() }
