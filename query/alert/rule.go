package alert

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"floorwalker/query/floor"
	"floorwalker/schema"
	"floorwalker/schema/directory"
	"floorwalker/schema/metric"
)

// maxForSeconds is a day.
const maxForSeconds = 86_400

// rule is one that can be evaluated: one figure over its scope.
type rule struct {
	schema.AlertRule
	field   metric.Field
	by      []metric.Dimension // of metrics that only exist by it; the scope then names one value
	scope   map[metric.Dimension]map[string]bool
	nothing float64 // the figure where there is none to speak of; NaN where that says nothing
	unsent  error   // why its alerts cannot be posted: they are watched all the same
}

// Check names everything that keeps a rule from being evaluated or its alerts from being posted: the field, its value and what is allowed.
func Check(c *metric.Catalogue, w *Webhooks, r schema.AlertRule) error {
	compiled, err := compile(c, w, r)
	return errors.Join(err, compiled.unsent)
}

// Faults takes apart what Check and NewWebhooks return: each is about one field.
func Faults(err error) []error {
	var joined interface{ Unwrap() []error }
	if err == nil {
		return nil
	}
	if !errors.As(err, &joined) {
		return []error{err}
	}
	var out []error
	for _, one := range joined.Unwrap() {
		out = append(out, Faults(one)...)
	}
	return out
}

func compile(c *metric.Catalogue, w *Webhooks, r schema.AlertRule) (*rule, error) {
	if r.Scope == nil {
		r.Scope = map[string][]string{}
	}
	out := &rule{AlertRule: r, nothing: math.NaN()}
	var faults []error
	fault := func(field, value, allowed string) {
		faults = append(faults, fmt.Errorf("%s: %s, %s", field, strconv.Quote(value), allowed))
	}
	faults = append(faults, out.readScope(), out.readMetric(c))
	if !slices.Contains(floor.WindowNames(), r.Window) {
		fault("window", r.Window, "allowed: "+strings.Join(floor.WindowNames(), ", "))
	}
	if !slices.Contains(schema.AlertComparisons(), r.Comparison) {
		fault("comparison", r.Comparison, "allowed: "+strings.Join(schema.AlertComparisons(), ", "))
	}
	if !finite(r.Threshold) {
		fault("threshold", number(r.Threshold), "a finite number is needed")
	}
	if r.ForSeconds < 0 || r.ForSeconds > maxForSeconds {
		fault("for_seconds", strconv.Itoa(r.ForSeconds), fmt.Sprintf("0 to %d are allowed", maxForSeconds))
	}
	if r.Severity == "" {
		fault("severity", r.Severity, "a word such as warning is needed")
	}
	if t := r.ClearThreshold; t != nil && (!finite(*t) || *t != r.Threshold && out.beyond(*t, r.Threshold)) {
		fault("clear_threshold", number(*t), fmt.Sprintf("with %s %s it cannot be on the side that triggers", r.Comparison, number(r.Threshold)))
	}
	if r.Webhook != "" {
		if _, err := w.target(r.Webhook); err != nil {
			out.unsent = fmt.Errorf("webhook: %q, %w", shown(r.Webhook), err)
		}
	}
	return out, errors.Join(faults...)
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (r *rule) readScope() error {
	r.scope = map[metric.Dimension]map[string]bool{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(r.Scope)) {
		d, ok := metric.ParseDimension(name)
		if !ok {
			faults = append(faults, fmt.Errorf("scope: %q is no filter of metrics, allowed: %s", name, strings.Join(metric.DimensionNames(), ", ")))
			continue
		}
		values := map[string]bool{}
		for _, v := range r.Scope[name] {
			values[v] = true
			if words := wordsOf(d); words != nil && !slices.Contains(words, v) {
				faults = append(faults, fmt.Errorf("scope.%s: %q, allowed: %s", name, v, strings.Join(words, ", ")))
			}
		}
		if len(values) == 0 || values[""] {
			faults = append(faults, fmt.Errorf("scope.%s: %q, at least one value and no empty one is needed", name, r.Scope[name]))
		}
		r.scope[d] = values
	}
	return errors.Join(faults...)
}

// wordsOf are the values of a dimension that is a vocabulary.
func wordsOf(d metric.Dimension) []string {
	switch d {
	case metric.DimChannel:
		return schema.ChannelNames()
	case metric.DimDirection:
		return schema.DirectionNames()
	}
	return nil
}

// readMetric finds the figure as the metrics query does: units stand for their agents, else for their queues.
func (r *rule) readMetric(c *metric.Catalogue) error {
	whole, ok := c.Lookup(r.Metric)
	if !ok {
		return fmt.Errorf("metric: %q is not in the catalogue", r.Metric)
	}
	g := metric.Grouping{}
	for d := range r.scope {
		g.Filters |= metric.Set(d)
	}
	if only := whole.Metric.Only; only != 0 {
		if len(r.scope[only]) != 1 {
			return fmt.Errorf("metric: %q is of one %s, scope.%s has to name exactly one", r.Metric, only, only)
		}
		r.by, g.By = []metric.Dimension{only}, metric.Set(only)
	}
	fields, err := c.Resolve([]string{r.Metric}, g, true)
	if err != nil {
		g.OfQueues = metric.Set(metric.DimTeam, metric.DimGroup, metric.DimBusinessUnit)
		again, errOfQueues := c.Resolve([]string{r.Metric}, g, true)
		if errOfQueues != nil {
			return fmt.Errorf("metric: %w", err)
		}
		fields = again
	}
	r.field = fields[0]
	if r.Metric == "longest_wait_ms" {
		r.nothing = 0 // nobody waits: for this figure that is news
	}
	return nil
}

// figure is what a rule found: one that is not known changes nothing, null (not ok) neither triggers nor clears.
type figure struct {
	value     float64
	ok, known bool // not known: the live view is catching up or the window is not known
}

// figure is the rule's figure of now.
func (r *rule) figure(s *floor.Source, v *floor.View) figure {
	figures := s.FiguresInTime(v, r.Window)
	if figures == nil {
		return figure{}
	}
	q := floor.Query{By: r.by, Filters: map[metric.Dimension]map[string]bool{}, Fields: []metric.Field{r.field}, Formula: v.Formula(),
		AsOf: figures.AsOf, Fill: len(r.by) > 0}
	for d, values := range r.scope {
		q.Filters[d] = values
		if wordsOf(d) == nil {
			q.Filters[d] = v.IDs(kindOf(d), values)
		}
	}
	var hour *floor.Figures
	if len(r.by) > 0 {
		hour = s.FiguresInTime(v, "1h")
	}
	rows, err := v.Rows(q, figures, hour)
	if err != nil || len(rows) == 0 {
		return figure{known: true}
	}
	return r.of(rows[0])
}

// of reads the figure of a row.
func (r *rule) of(row *floor.Row) figure {
	value, ok := row.Number(r.field)
	if !ok && finite(r.nothing) {
		return figure{r.nothing, true, true}
	}
	return figure{value, ok && finite(value), true}
}

// together are rules of one window whose scope is one queue or campaign each: one pass over the floor finds the figures of all.
type together struct {
	window string
	by     metric.Dimension
}

// group tells with which rules a rule goes together, and which id is its own; false where it goes alone.
func (r *rule) group(c *metric.Catalogue, v *floor.View) (g together, id string, ok bool) {
	if len(r.by) > 0 || len(r.scope) != 1 {
		return g, "", false
	}
	for d, values := range r.scope {
		if d != metric.DimQueue && d != metric.DimCampaign {
			return g, "", false
		}
		// Grouped, the same figure has to be taken from the same side.
		fields, err := c.Resolve([]string{r.Metric}, metric.Grouping{By: metric.Set(d), Filters: metric.Set(d)}, true)
		resolved := v.IDs(kindOf(d), values)
		if err != nil || fields[0].Family != r.field.Family || len(resolved) != 1 {
			return g, "", false
		}
		for id := range resolved {
			return together{r.Window, d}, id, true
		}
	}
	return g, "", false
}

// figures are the figures of all the rules, by rule.
func figures(c *metric.Catalogue, s *floor.Source, v *floor.View, rules []*rule) map[*rule]figure {
	out := make(map[*rule]figure, len(rules))
	groups := map[together]map[string][]*rule{}
	for _, r := range rules {
		g, id, ok := r.group(c, v)
		if !ok {
			out[r] = r.figure(s, v)
			continue
		}
		if groups[g] == nil {
			groups[g] = map[string][]*rule{}
		}
		groups[g][id] = append(groups[g][id], r)
	}
	for g, members := range groups {
		if len(members) == 1 { // one row, as of a rule alone
			for _, rules := range members {
				for _, r := range rules {
					out[r] = r.figure(s, v)
				}
			}
			continue
		}
		g.figures(s, v, members, out)
	}
	return out
}

func (g together) figures(s *floor.Source, v *floor.View, members map[string][]*rule, out map[*rule]figure) {
	figures := s.FiguresInTime(v, g.window)
	if figures == nil {
		return // not known
	}
	wanted := make(map[string]bool, len(members))
	q := floor.Query{By: []metric.Dimension{g.by}, Filters: map[metric.Dimension]map[string]bool{g.by: wanted}, Formula: v.Formula(), AsOf: figures.AsOf}
	for id, rules := range members {
		wanted[id] = true
		for _, r := range rules {
			q.Fields = append(q.Fields, r.field)
		}
	}
	rows, err := v.Rows(q, figures, nil)
	if err != nil {
		return // too many rows, which these are not
	}
	for _, row := range rows {
		for _, r := range members[row.Group[0]] {
			out[r] = r.of(row)
		}
		delete(members, row.Group[0])
	}
	empty := map[string]figure{} // where there is nothing there is no row: it is the same nothing for all
	for _, rules := range members {
		for _, r := range rules {
			f, seen := empty[r.Metric]
			if !seen {
				f = r.figure(s, v)
				empty[r.Metric] = f
			}
			out[r] = f
		}
	}
}

// kindOf is the directory's kind of a dimension's ids.
func kindOf(d metric.Dimension) string { return d.String() }

// beyond compares as the rule does.
func (r *rule) beyond(value, threshold float64) bool {
	switch r.Comparison {
	case ">":
		return value > threshold
	case ">=":
		return value >= threshold
	case "<":
		return value < threshold
	case "<=":
		return value <= threshold
	}
	return false
}

// fires reports whether the condition holds.
func (r *rule) fires(value float64) bool { return r.beyond(value, r.Threshold) }

// over reports whether an alert ends: with hysteresis only when the value is no longer beyond the threshold of clearing either.
func (r *rule) over(value float64) bool {
	if r.ClearThreshold != nil {
		return !r.beyond(value, *r.ClearThreshold)
	}
	return !r.fires(value)
}

// ofDirectory is a rule as the directory says it.
func ofDirectory(r *directory.AlertRule) schema.AlertRule {
	return schema.AlertRule{ID: r.ID, Name: r.Name, Metric: r.Metric, Scope: r.Scope, Window: r.Window, Comparison: r.Comparison, Threshold: r.Threshold,
		ForSeconds: r.ForSeconds, Severity: r.Severity, ClearThreshold: r.ClearThreshold, Webhook: r.Webhook}
}
