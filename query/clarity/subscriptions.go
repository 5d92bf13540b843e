package clarity

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	encode "floorwalker/query/list"
	"floorwalker/query/problem"
)

// subscriptionKind is one of the specification's methods of subscribing.
type subscriptionKind int

const (
	agentsEach subscriptionKind = iota
	agentsTogether
	agentsByUnit
	queuesEach
	queuesTogether
	queuesByUnit
	alertsOpen
)

func (k subscriptionKind) ofQueues() bool {
	return k == queuesEach || k == queuesTogether || k == queuesByUnit
}

// callback is the client's method that gets the messages of a kind.
func (k subscriptionKind) callback() string {
	switch {
	case k == alertsOpen:
		return "alertUpdate"
	case k.ofQueues():
		return "queueUpdate"
	}
	return "agentUpdate"
}

// asked is a subscription as its requests put it: parameters and the body's lists of properties, by name in lower case.
type asked struct {
	args   args
	fields map[string]json.RawMessage
}

// with lays a later request over: what it names counts instead. Ids count as one thing, whatever they are ids of.
func (q asked) with(later asked) asked {
	out := asked{maps.Clone(q.args), maps.Clone(q.fields)}
	if slices.ContainsFunc(idNames, func(name string) bool { return later.args.text(name) != "" }) {
		maps.DeleteFunc(out.args, func(name, _ string) bool {
			return slices.ContainsFunc(idNames, func(id string) bool { return strings.EqualFold(id, name) })
		})
	}
	maps.Copy(out.args, later.args)
	for _, names := range propertyNames {
		if slices.ContainsFunc(names, func(name string) bool { return later.fields[strings.ToLower(name)] != nil }) {
			maps.DeleteFunc(out.fields, func(field string, _ json.RawMessage) bool {
				return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, field) })
			})
		}
	}
	maps.Copy(out.fields, later.fields)
	return out
}

var (
	// idNames are all parameters that name entities.
	idNames = slices.Concat(agentIDs, queueIDs, unitIDs[0].names, unitIDs[1].names, unitIDs[2].names)
	// propertyNames are the names that each list of properties may come under.
	propertyNames = [][]string{{"metricProperties", "metricPropertyType"}, {"sessionProperties", "sessionPropertyType"}, {"statusProperties", "statusPropertyType"}}
)

// subject is what a subscription is about: ids of ours, which stay good whatever numbers entities have later.
type subject struct {
	ids   []string // of agents or queues
	units []unitID
	all   bool // queues that are visible at the time
}

type unitID struct{ kind, groupType, id string }

// watch is what one feed follows.
type watch struct {
	api     *API
	center  string // contact centre
	kind    subscriptionKind
	eyes    string // whose rights decide; everybody's, or an agent's id
	subject subject
	p       properties
	chosen  string // p as a text: equal where p means the same
	times   *statusTimes
	past    *pastStatuses // nil where no status history is shown
}

// everything are the eyes of those who see all: what they watch they share. It is nobody's id.
const everything = "\x00"

// eyesOf says whose rights decide what a caller is shown.
func eyesOf(s *sight) string {
	if s.may.all {
		return everything
	}
	return s.me.ID
}

// seeing is what eyes see of a view; false where they are no longer in the directory.
func (a *API) seeing(v *floor.View, eyes string) (*sight, bool) {
	if eyes == everything {
		return &sight{api: a, v: v, may: &rights{v: v, all: true}, mask: a.Masks[auth.Admin]}, true
	}
	me, ok := agentByID(v, eyes)
	if !ok || v.Directory.Agents[eyes] == nil {
		return nil, false
	}
	return a.sightOf(v, me), true
}

// watch reads what is to be followed. Errors are those of the readings of the same name.
func (s *sight) watch(kind subscriptionKind, q asked) (*watch, error) {
	w := &watch{api: s.api, center: s.v.ContactCenter, kind: kind, eyes: eyesOf(s), times: newStatusTimes()}
	if kind == alertsOpen {
		return w, nil
	}
	p, err := readProperties("", q.args, q.fields)
	if err != nil {
		return nil, err
	}
	p.moments = true
	if kind != agentsEach {
		p.status, p.history = false, false
	}
	if kind.ofQueues() {
		p.breakdowns = false
	}
	w.p, w.chosen = p, p.text()
	w.subject, err = s.subject(kind, q.args)
	return w, err
}

// text is equal for properties that mean the same.
func (p *properties) text() string {
	var b strings.Builder
	fmt.Fprint(&b, p.metrics, p.sessions, p.status, p.breakdowns, p.history, p.modalities)
	for _, set := range []map[string]bool{p.metricSet, p.sessionSet, p.statSet} {
		fmt.Fprintf(&b, "%t%q", set != nil, slices.Sorted(maps.Keys(set)))
	}
	return b.String()
}

// subject reads which entities are meant; each must be visible.
func (s *sight) subject(kind subscriptionKind, a args) (out subject, err error) {
	names := agentIDs
	if kind.ofQueues() {
		names = queueIDs
	}
	items, given := a.items(names...)
	for _, item := range items {
		id, err := s.member(kind, item)
		if err != nil {
			return out, err
		}
		out.ids = append(out.ids, id)
	}
	units, err := s.units(a)
	if err != nil {
		return out, err
	}
	if kind == agentsByUnit || kind == queuesByUnit {
		out.ids = nil
		if units, err = s.firstUnits(a); err != nil {
			return out, err
		}
	}
	for i := range units {
		out.units = append(out.units, unitID{units[i].kind, units[i].groupType, units[i].id})
	}
	out.all = kind == queuesTogether && !given && len(units) == 0
	if !given && len(units) == 0 && !out.all {
		return out, noIDs()
	}
	slices.Sort(out.ids)
	out.ids = slices.Compact(out.ids)
	slices.SortFunc(out.units, func(x, y unitID) int { return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(x.id, y.id)) })
	return out, nil
}

// member is the id of a visible agent or queue.
func (s *sight) member(kind subscriptionKind, text string) (string, error) {
	if kind.ofQueues() {
		return s.queue(text)
	}
	agent, err := s.agent(text)
	if err != nil {
		return "", err
	}
	return agent.ID, nil
}

// visibleUnits are the units of a subject that can be seen now.
func (s *sight) visibleUnits(of *subject) (out []grouped) {
	for _, u := range of.units {
		if s.seesUnit(u.kind, u.id) {
			out = append(out, grouped{kind: u.kind, groupType: u.groupType, id: u.id})
		}
	}
	return out
}

// feed is what the hub builds for all who follow the same.
func (w *watch) feed() hub.Feed {
	f := hub.Feed{Key: fmt.Sprintf("clarity\x00%d\x00%s\x00%q%q%t\x00%s", w.kind, w.eyes, w.subject.ids, w.subject.units, w.subject.all, w.chosen)}
	switch {
	case w.kind == alertsOpen:
		w.alertFeed(&f)
	case w.kind.ofQueues():
		w.queueFeed(&f)
	default:
		w.agentFeed(&f)
	}
	return f
}

// row is what the hub keeps of an entity: the answer of the reading of the same name, with a key that tells entities apart even where
// they have no number.
func row(key string, answer []byte) []byte {
	e := encode.Encoder{B: make([]byte, 0, len(answer)+len(key)+16)}
	e.Object()
	e.Name("key")
	e.String(key)
	return append(append(e.B, ','), answer[1:]...)
}

func unitKey(u *grouped) string { return u.groupType + "/" + u.id }

// togetherKey is the key of the only row of an aggregation.
const togetherKey = "all"

// seen are what eyes see of a look's view, made once for all feeds that share them.
type seen struct{ eyes string }

func (w *watch) sight(c *hub.Change) *sight {
	s, _ := c.Once(seen{w.eyes}, func() any {
		if s, ok := w.api.seeing(c.View, w.eyes); ok {
			return s
		}
		return (*sight)(nil)
	}).(*sight)
	return s
}

func notKnownToday() error {
	return problem.Unavailable("history_unavailable", "what happened earlier today is not known at this moment", 1)
}
