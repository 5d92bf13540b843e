package clarity

import (
	"hash/fnv"
	"io"
	"slices"

	"floorwalker/query/alert"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	encode "floorwalker/query/list"
	"floorwalker/query/problem"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Alerts are what the alerts subscription follows.
type Alerts interface {
	// Active are the open alerts of a contact centre in order of id, and a number that grows with each change.
	Active(contactCenter string) ([]schema.Alert, uint64)
	// Last is the newest alert of a rule, open or cleared.
	Last(contactCenter, rule string) (schema.Alert, bool)
}

func noAlerts() error {
	return problem.Unavailable("no_alerts", "this server keeps no alerts", 0)
}

// alertFeed follows open alerts.
func (w *watch) alertFeed(f *hub.Feed) {
	f.Version = func(v *floor.View) uint64 {
		_, version := w.api.Push.Alerts.Active(w.center)
		return version + w.servedVersion(v)
	}
	f.Build = func(c *hub.Change, rows *hub.Rows) error {
		s := w.sight(c)
		if s == nil {
			return nil
		}
		open, _ := w.api.Push.Alerts.Active(w.center)
		for i := range open {
			if s.seesAlert(&open[i]) {
				rows.Put(open[i].ID, alertRow(&open[i]))
			}
		}
		return nil
	}
}

// servedVersion changes with the queues that an agent serves: a session's assignment changes them without the directory.
func (w *watch) servedVersion(v *floor.View) uint64 {
	if w.eyes == everything {
		return 0
	}
	me, ok := agentByID(v, w.eyes)
	if !ok {
		return 0
	}
	h := fnv.New64a()
	for _, id := range me.Place.QueueIDs {
		_, _ = io.WriteString(h, id+"\x00")
	}
	return h.Sum64()
}

// scopeKinds are the names in a rule's scope that rights are about.
var scopeKinds = []struct{ name, kind string }{{"agent", directory.KindAgent}, {"queue", directory.KindQueue}, {"team", directory.KindTeam},
	{"group", directory.KindGroup}, {"business_unit", directory.KindBusinessUnit}}

// seesAlert reports whether an alert is visible: all agents, queues and units that its rule names are, and it names some. What is about
// the whole contact centre only an admin sees.
func (s *sight) seesAlert(a *schema.Alert) bool {
	if s.may.all {
		return true
	}
	named := false
	for _, k := range scopeKinds {
		for _, id := range a.Rule.Scope[k.name] {
			named = true
			if !s.sees(k.kind, id) {
				return false
			}
		}
	}
	return named
}

// sees reports whether an entity that a rule's scope names is visible: there an id comes before a number (floor.View.IDs).
func (s *sight) sees(kind, text string) bool {
	id := text
	if _, known := s.v.Directory.Raw(kind, text); !known {
		id = s.entity(kind, text)
	}
	switch kind {
	case directory.KindAgent:
		a, ok := agentByID(s.v, id)
		return ok && s.may.agent(a)
	case directory.KindQueue:
		return s.seesQueue(id)
	}
	return s.seesUnit(kind, id)
}

// alertRow is an alert as a client gets it; names are ours.
func alertRow(a *schema.Alert) []byte {
	var e encode.Encoder
	text := func(name, v string) { e.Name(name); e.String(v) }
	e.Object()
	text("key", a.ID)
	text("alertId", a.ID)
	text("state", string(a.State))
	text("severity", a.Rule.Severity)
	text("ruleId", a.Rule.ID)
	name := a.Rule.Name
	if name == "" {
		name = a.Rule.ID
	}
	text("name", name)
	text("metric", a.Rule.Metric)
	e.Name("scope")
	e.Value(a.Rule.Scope)
	text("window", a.Rule.Window)
	text("comparison", a.Rule.Comparison)
	e.Name("threshold")
	e.Float(a.Rule.Threshold)
	e.Name("value")
	e.Float(a.Value)
	for _, m := range []struct {
		name string
		at   int64
	}{{"triggeredTime", a.Triggered}, {"activeTime", a.Active}, {"clearedTime", a.Cleared}} {
		if m.at != schema.NoTime && slices.Contains(momentsOf(a.State), m.name) {
			text(m.name, stamp(m.at))
		}
	}
	text("message", alert.Text(a))
	e.End()
	return e.B
}

func momentsOf(s schema.AlertState) []string {
	switch s {
	case schema.AlertCleared:
		return []string{"triggeredTime", "activeTime", "clearedTime"}
	case schema.AlertActive:
		return []string{"triggeredTime", "activeTime"}
	}
	return []string{"triggeredTime"}
}

// clearedRow is what has become of an alert that is no longer open; nil where that is not known, or it only is not visible any more.
func (w *watch) clearedRow(id, rule string) []byte {
	last, ok := w.api.Push.Alerts.Last(w.center, rule)
	if !ok || last.ID != id || last.Open() {
		return nil
	}
	if s, ok := w.api.seeing(w.api.Source.View(w.center), w.eyes); !ok || !s.seesAlert(&last) {
		return nil
	}
	return alertRow(&last)
}
