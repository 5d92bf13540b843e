package alert

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// Bounds of what counts as watched without a break.
const (
	// freshWithin is how old the state of the live view may be: it is as of now while the view is caught up.
	freshWithin = 2 * time.Second
	// gapAfter is how many intervals may lie between two evaluations: what lies in a longer pause was not seen.
	gapAfter = 5
)

// evaluation is one owner's work: it holds what no record says, how long conditions have held.
type evaluation struct {
	a       *Alerts
	owns    func(key string) bool
	book    *book // read back from the topic; the caller keeps it still while propose runs
	rules   map[string]*ruleSet
	pending map[string]*held
}

// ruleSet are a contact centre's rules as a state of its directory says them.
type ruleSet struct {
	of     *directory.Directory
	good   map[string]*rule
	faulty map[string]error
}

// faults are what is wrong with the rules, by id.
func (s *ruleSet) faults() map[string]error {
	out := map[string]error{}
	for id, err := range s.faulty {
		out[id] = fmt.Errorf("not evaluated: %w", err)
	}
	for id, r := range s.good {
		if r.unsent != nil {
			out[id] = fmt.Errorf("not posted: %w", r.unsent)
		}
	}
	return out
}

// held is a condition that holds and has not triggered yet.
type held struct {
	rule  schema.AlertRule
	since int64 // ms: when it was first seen
	seen  int64 // ms: when it was last seen; what lies before has been counted
	held  int64 // ms
}

func newEvaluation(a *Alerts, b *book, owns func(key string) bool) *evaluation {
	return &evaluation{a: a, owns: owns, book: b, rules: map[string]*ruleSet{}, pending: map[string]*held{}}
}

// propose evaluates all rules that this node owns and returns the records to write: at most one for each rule.
func (e *evaluation) propose(now time.Time) ([]Message, error) {
	var out []Message
	e.a.counts.evaluations.Inc()
	byCenter := e.entries()
	for _, cc := range e.a.contactCenters(e.book) {
		v := e.a.deps.Source.View(cc)
		set := e.rulesOf(cc, v.Directory)
		found := e.figures(v, set, now)
		for _, id := range slices.Sorted(maps.Keys(set.good)) {
			key := schema.AlertKey(cc, id)
			if !e.owns(key) {
				continue
			}
			if m, err := e.proposeFor(key, cc, set.good[id], found[set.good[id]], now.UnixMilli()); err != nil {
				return out, err
			} else if m != nil {
				out = append(out, *m)
			}
		}
		for _, key := range byCenter[cc] {
			if m, err := e.proposeGone(key, set, now); err != nil {
				return out, err
			} else if m != nil {
				out = append(out, *m)
			}
		}
	}
	e.tell()
	return out, nil
}

// figures finds the figures of the rules that this node owns, none while the live view is catching up.
func (e *evaluation) figures(v *floor.View, set *ruleSet, now time.Time) map[*rule]figure {
	if v.Floor.NewestEvent == schema.NoTime || now.UnixMilli()-v.AsOf > freshWithin.Milliseconds() {
		return nil
	}
	var own []*rule
	for id, r := range set.good {
		if e.owns(schema.AlertKey(v.ContactCenter, id)) {
			own = append(own, r)
		}
	}
	return figures(e.a.deps.Catalogue, e.a.deps.Source, v, own)
}

// entries are the keys that the book knows, by contact centre.
func (e *evaluation) entries() map[string][]string {
	out := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(e.book.rules)) {
		cc := e.book.rules[key].alert.ContactCenter
		out[cc] = append(out[cc], key)
	}
	return out
}

// rulesOf compiles a contact centre's rules, once for each state of its directory.
func (e *evaluation) rulesOf(cc string, d *directory.Directory) *ruleSet {
	old := e.rules[cc]
	if old != nil && (old.of == d || old.of.Version == 0 && d.Version == 0) {
		return old
	}
	set := &ruleSet{of: d, good: map[string]*rule{}, faulty: map[string]error{}}
	add := func(r schema.AlertRule) {
		delete(set.good, r.ID)
		delete(set.faulty, r.ID)
		compiled, err := compile(e.a.deps.Catalogue, e.a.deps.Webhooks, r)
		if err != nil {
			set.faulty[r.ID] = err
			return
		}
		set.good[r.ID] = compiled
	}
	for _, r := range e.a.cfg.Rules[cc] {
		add(r)
	}
	for _, r := range d.AlertRules {
		add(ofDirectory(r))
	}
	for id, err := range set.faults() {
		if told := old != nil && old.faults()[id] != nil && old.faults()[id].Error() == err.Error(); !told && e.owns(schema.AlertKey(cc, id)) {
			e.a.deps.Log.Warn("faulty alert rule", "contact_center", cc, "rule", id, "error", err)
		}
	}
	if old != nil {
		for id := range old.good {
			if set.good[id] == nil {
				delete(e.pending, schema.AlertKey(cc, id))
			}
		}
	}
	e.rules[cc] = set
	return set
}

// tell publishes which rules there are and which are faulty.
func (e *evaluation) tell() {
	var rules int
	var faults []string
	for cc, set := range e.rules {
		for id := range set.good {
			if e.owns(schema.AlertKey(cc, id)) {
				rules++
			}
		}
		for id, err := range set.faults() {
			if e.owns(schema.AlertKey(cc, id)) {
				faults = append(faults, fmt.Sprintf("alert rule %q of contact centre %q: %v", id, cc, err))
			}
		}
	}
	slices.Sort(faults)
	e.a.counts.rules.Set(float64(rules))
	e.a.counts.faults.Set(float64(len(faults)))
	e.a.mu.Lock()
	e.a.faults = faults
	e.a.mu.Unlock()
}

// proposeFor takes one rule further.
func (e *evaluation) proposeFor(key, cc string, r *rule, f figure, now int64) (*Message, error) {
	if !f.known {
		e.a.counts.unknown.Inc()
	}
	entry := e.book.rules[key]
	next, changed := e.step(key, entry, r, f, now)
	if !changed {
		return e.confirm(key, entry)
	}
	if next.ContactCenter == "" {
		next.ContactCenter = cc
	}
	return e.message(key, next)
}

// step is the state machine of one rule: what its next transition is, if there is one.
func (e *evaluation) step(key string, entry *entry, r *rule, f figure, now int64) (schema.Alert, bool) {
	if entry == nil || !entry.alert.Open() {
		return e.trigger(key, entry, r, f, now)
	}
	delete(e.pending, key)
	at := entry.alert
	switch {
	case !at.Rule.Equal(&r.AlertRule):
		return at.ClearedBy(schema.AlertRuleChanged, at.Value, now), true
	case !f.known || !f.ok:
		return at, false
	case r.over(f.value):
		return at.ClearedBy(schema.AlertConditionOver, f.value, now), true
	case at.State == schema.AlertTriggered:
		at.State, at.Active, at.Value, at.Seq, at.Confirmed = schema.AlertActive, max(now, at.Triggered), f.value, at.Seq+1, false
		return at, true
	}
	return at, false
}

// trigger waits until the condition has held for long enough.
func (e *evaluation) trigger(key string, entry *entry, r *rule, f figure, now int64) (next schema.Alert, changed bool) {
	h := e.pending[key]
	if h != nil && !h.rule.Equal(&r.AlertRule) {
		h = nil
		delete(e.pending, key)
	}
	if !f.known {
		if h != nil {
			h.seen = schema.NoTime // this time is not counted
		}
		return next, false
	}
	if !f.ok || !r.fires(f.value) {
		delete(e.pending, key)
		return next, false
	}
	if h == nil {
		h = &held{rule: r.AlertRule, since: now, seen: now}
		e.pending[key] = h
	}
	if past := now - h.seen; h.seen != schema.NoTime && past > 0 && past <= gapAfter*e.a.cfg.Interval.Milliseconds() {
		h.held += past
	}
	h.seen = now
	if h.held < int64(r.ForSeconds)*1000 {
		return next, false
	}
	next = schema.Alert{ID: uuid.Must(uuid.NewV7()).String(), Seq: 1, State: schema.AlertTriggered, Rule: r.AlertRule, Value: f.value, Since: h.since,
		Triggered: now, Active: schema.NoTime, Cleared: schema.NoTime}
	next.Origin = next.ID
	if entry != nil {
		next.Seq, next.Origin = entry.alert.Seq+1, entry.alert.Origin
	}
	return next, true
}

// proposeGone ends the alert of a rule that is no more, and after a while forgets it.
func (e *evaluation) proposeGone(key string, set *ruleSet, now time.Time) (*Message, error) {
	entry := e.book.rules[key]
	id := entry.alert.Rule.ID
	if !e.owns(key) || set.good[id] != nil {
		return nil, nil
	}
	delete(e.pending, key)
	if entry.alert.Open() {
		reason := schema.AlertRuleDeleted
		if set.faulty[id] != nil {
			reason = schema.AlertRuleChanged
		}
		return e.message(key, entry.alert.ClearedBy(reason, entry.alert.Value, now.UnixMilli()))
	}
	if set.faulty[id] == nil && now.UnixMilli()-entry.alert.Cleared > e.a.cfg.Forget.Milliseconds() {
		return &Message{Key: key}, nil
	}
	return e.confirm(key, entry)
}

// confirm writes the present alert again where a record that does not count has come after it.
func (e *evaluation) confirm(key string, entry *entry) (*Message, error) {
	if entry == nil || !entry.doubtful {
		return nil, nil
	}
	again := entry.alert
	again.Confirmed = true
	return e.message(key, again)
}

func (e *evaluation) message(key string, a schema.Alert) (*Message, error) {
	value, err := a.Encode()
	if err != nil {
		return nil, err
	}
	return &Message{Key: key, Value: value}, nil
}
