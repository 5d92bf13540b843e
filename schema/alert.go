package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// AlertState is how far an alert has come. Each is reached at most once, in this order; active may be left out where an alert is over at the
// evaluation after the one that triggered it.
type AlertState string

const (
	AlertTriggered AlertState = "triggered" // the condition has held for as long as the rule says
	AlertActive    AlertState = "active"    // and went on holding at the evaluation after that
	AlertCleared   AlertState = "cleared"
)

// AlertStateNames lists the states in order.
func AlertStateNames() []string {
	return []string{string(AlertTriggered), string(AlertActive), string(AlertCleared)}
}

// Why an alert was cleared.
const (
	AlertConditionOver = "condition_over"
	AlertRuleChanged   = "rule_changed"
	AlertRuleDeleted   = "rule_deleted"
)

// AlertComparisons lists what a figure may be compared by.
func AlertComparisons() []string { return []string{">", ">=", "<", "<="} }

// AlertRule watches one figure of a contact centre (events.md, directory kind alert_rule).
type AlertRule struct {
	ID             string              `json:"id"`
	Name           string              `json:"name,omitempty"`
	Metric         string              `json:"metric"` // a key of the catalogue
	Scope          map[string][]string `json:"scope"`  // by filter of metrics: any of these ids or words
	Window         string              `json:"window"`
	Comparison     string              `json:"comparison"`
	Threshold      float64             `json:"threshold"`
	ForSeconds     int                 `json:"for_seconds"`
	Severity       string              `json:"severity"`
	ClearThreshold *float64            `json:"clear_threshold,omitempty"`
	Webhook        string              `json:"webhook,omitempty"`
}

// Equal reports whether two rules say the same.
func (r *AlertRule) Equal(o *AlertRule) bool {
	a, errA := json.Marshal(r) // maps are written in order of their keys
	b, errB := json.Marshal(o)
	return errA == nil && errB == nil && string(a) == string(b)
}

// Alert is an alert of one rule as one record of the alerts' topic says it: the whole of it, so that compaction may keep the newest record of
// a rule only. Times are ms, NoTime where not (yet) so.
type Alert struct {
	ContactCenter string
	ID            string // unique
	// Seq grows by one with each transition of a rule, through all of its alerts: of two records of one number the first stands.
	Seq uint64
	// Origin is the id of the rule's first alert: numbers of another origin are of a time before the rule was forgotten.
	Origin string
	// Confirmed says that the record repeats the present state, because a later record that does not count came after it.
	Confirmed bool
	State     AlertState
	Rule      AlertRule // as it was when the alert was triggered
	Value     float64   // the figure at this transition
	Reason    string    // of a cleared one
	Since     int64     // when the condition began to hold
	Triggered int64
	Active    int64
	Cleared   int64
}

// At is the moment of the alert's newest transition.
func (a *Alert) At() int64 {
	switch a.State {
	case AlertCleared:
		return a.Cleared
	case AlertActive:
		return a.Active
	}
	return a.Triggered
}

// Open reports whether the alert goes on.
func (a *Alert) Open() bool { return a.State != AlertCleared }

// Same reports whether two records say the same, confirmed or not.
func (a *Alert) Same(o *Alert) bool {
	return a.ContactCenter == o.ContactCenter && a.ID == o.ID && a.Seq == o.Seq && a.Origin == o.Origin && a.State == o.State && a.Value == o.Value && a.Reason == o.Reason &&
		a.Since == o.Since && a.Triggered == o.Triggered && a.Active == o.Active && a.Cleared == o.Cleared && a.Rule.Equal(&o.Rule)
}

// AlertKey is the key of a rule's records in the alerts' topic: `contactcenter/rule`, each part percent-encoded.
func AlertKey(contactCenter, rule string) string {
	b := append(appendPercent(nil, contactCenter), '/')
	return string(appendPercent(b, rule))
}

// alertRecord is an alert as JSON.
type alertRecord struct {
	ContactCenter string     `json:"contact_center"`
	ID            string     `json:"id"`
	Seq           uint64     `json:"seq"`
	Origin        string     `json:"origin"`
	Confirmed     bool       `json:"confirmed,omitempty"`
	State         AlertState `json:"state"`
	Rule          AlertRule  `json:"rule"`
	Value         float64    `json:"value"`
	Reason        string     `json:"reason,omitempty"`
	Since         *int64     `json:"since_ms,omitempty"`
	Triggered     *int64     `json:"triggered_ms,omitempty"`
	Active        *int64     `json:"active_ms,omitempty"`
	Cleared       *int64     `json:"cleared_ms,omitempty"`
}

// Encode is the alert as a record's value.
func (a *Alert) Encode() ([]byte, error) {
	known := func(ms int64) *int64 {
		if ms == NoTime {
			return nil
		}
		return &ms
	}
	b, err := json.Marshal(alertRecord{a.ContactCenter, a.ID, a.Seq, a.Origin, a.Confirmed, a.State, a.Rule, a.Value, a.Reason,
		known(a.Since), known(a.Triggered), known(a.Active), known(a.Cleared)})
	if err != nil {
		return nil, fmt.Errorf("alert %q of rule %q: %w", a.ID, a.Rule.ID, err)
	}
	return b, nil
}

// DecodeAlert reads a record's value and refuses what no alert can be.
func DecodeAlert(value []byte) (Alert, error) {
	var r alertRecord
	if err := json.Unmarshal(value, &r); err != nil {
		return Alert{}, fmt.Errorf("alert: %w", err)
	}
	ms := func(p *int64) int64 {
		if p == nil {
			return NoTime
		}
		return *p
	}
	a := Alert{r.ContactCenter, r.ID, r.Seq, r.Origin, r.Confirmed, r.State, r.Rule, r.Value, r.Reason, ms(r.Since), ms(r.Triggered), ms(r.Active), ms(r.Cleared)}
	switch {
	case a.ContactCenter == "" || a.ID == "" || a.Rule.ID == "" || a.Seq == 0 || a.Origin == "":
		return Alert{}, errors.New("alert: contact_center, id, rule.id, seq and origin are needed")
	case !slices.Contains(AlertStateNames(), string(a.State)):
		return Alert{}, fmt.Errorf("alert %q: state %q is none of triggered, active, cleared", a.ID, a.State)
	case a.Triggered == NoTime || a.At() == NoTime:
		return Alert{}, fmt.Errorf("alert %q: the moment of its state %q is missing", a.ID, a.State)
	}
	return a, nil
}

// ClearedBy is the alert after the transition that ends it.
func (a *Alert) ClearedBy(reason string, value float64, now int64) Alert {
	out := *a
	out.State, out.Reason, out.Value, out.Cleared = AlertCleared, reason, value, max(now, a.At())
	out.Seq, out.Confirmed = a.Seq+1, false
	return out
}
