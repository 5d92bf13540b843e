package history

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"floorwalker/schema"
)

// AlertFilter selects alerts of the past. Nil lists select everything.
type AlertFilter struct {
	ContactCenter       string
	From, To            int64 // of the moment when it was triggered: [From, To), ms
	IDs, Rules, Metrics []string
	Severities, States  []string
	Scope               map[string][]string // by filter of metrics: whose scope names one of these
}

// Alerts are a contact centre's alerts as history has them, in order of their triggering. Errors are *QueryError where there are more than
// most.
func (r *Reader) Alerts(ctx context.Context, f AlertFilter, most int) ([]schema.Alert, error) {
	s := &statement{}
	// The name of a column that is renamed would stand for the new one in the conditions.
	s.add("SELECT id, rule, rule_name, metric, scope, window, comparison, threshold, clear_threshold, for_seconds, severity, webhook, state, value, reason, ",
		"version, since, start, active_at, end FROM alerts FINAL WHERE contact_center = ", s.bind("String", f.ContactCenter),
		" AND start >= ", moment(s, kept(f.From)),
		" AND start < ", moment(s, kept(f.To)), " AND NOT deleted")
	for _, c := range []struct {
		column string
		values []string
	}{{"id", f.IDs}, {"rule", f.Rules}, {"metric", f.Metrics}, {"severity", f.Severities}, {"state", f.States}} {
		if c.values != nil {
			s.add(" AND ", c.column, " IN ", s.bind("Array(String)", c.values))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Scope)) {
		s.add(" AND hasAny(JSONExtract(scope, ", s.bind("String", name), ", 'Array(String)'), ", s.bind("Array(String)", f.Scope[name]), ")")
	}
	s.add(fmt.Sprintf(" ORDER BY id LIMIT %d", most+1), settings)
	var a schema.Alert
	var scope, state string
	var since, active, end *time.Time
	var start time.Time
	var seconds uint32
	var out []schema.Alert
	err := r.each(ctx, s, []any{&a.ID, &a.Rule.ID, &a.Rule.Name, &a.Rule.Metric, &scope, &a.Rule.Window, &a.Rule.Comparison, &a.Rule.Threshold,
		&a.Rule.ClearThreshold, &seconds, &a.Rule.Severity, &a.Rule.Webhook, &state, &a.Value, &a.Reason, &a.Seq, &since, &start, &active, &end}, func() error {
		row := a
		row.ContactCenter, row.State, row.Rule.ForSeconds = f.ContactCenter, schema.AlertState(state), int(seconds)
		row.Since, row.Triggered, row.Active, row.Cleared = noTime(since), start.UnixMilli(), noTime(active), noTime(end)
		row.Rule.Scope = map[string][]string{}
		if err := json.Unmarshal([]byte(scope), &row.Rule.Scope); err != nil {
			return fmt.Errorf("scope of rule %q: %w", row.Rule.ID, err)
		}
		if t := a.Rule.ClearThreshold; t != nil {
			row.Rule.ClearThreshold = new(*t)
		}
		out = append(out, row)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("alerts of %q: %w", f.ContactCenter, err)
	}
	if len(out) > most {
		return nil, faulty("from", "more than %d alerts were triggered between from and to; ask for a shorter range", most)
	}
	return out, nil
}
