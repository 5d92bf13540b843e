package alert

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"floorwalker/query/list"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// Table describes an alert as the lists, pushes and posts show it. Its rows come in order of id, which is that of their triggering.
func Table() *list.Table[schema.Alert] {
	text := func(of func(*schema.Alert) string) func(schema.Alert) list.Key {
		return func(a schema.Alert) list.Key { return list.Text(of(&a)) }
	}
	column := func(name string, s *route.Schema, of func(*schema.Alert) string) list.Column[schema.Alert] {
		return list.Column[schema.Alert]{Name: name, Type: s, Write: func(e *list.Encoder, a schema.Alert) { e.Text(of(&a)) }, Sort: text(of)}
	}
	figure := func(name string, of func(*schema.Alert) float64) list.Column[schema.Alert] {
		return list.Column[schema.Alert]{Name: name, Type: route.Number(), Write: func(e *list.Encoder, a schema.Alert) { e.Float(of(&a)) },
			Sort: func(a schema.Alert) list.Key { return list.Number(of(&a)) }}
	}
	moment := func(name string, s *route.Schema, of func(*schema.Alert) int64) list.Column[schema.Alert] {
		return list.Column[schema.Alert]{Name: name, Type: s, Write: func(e *list.Encoder, a schema.Alert) { e.Time(of(&a)) },
			Sort: func(a schema.Alert) list.Key {
				if of(&a) == schema.NoTime {
					return list.Null()
				}
				return list.Number(float64(of(&a)))
			}}
	}
	return &list.Table[schema.Alert]{ID: func(a schema.Alert) string { return a.ID },
		Order: map[string]func(schema.Alert) list.Key{"rule.id": text(func(a *schema.Alert) string { return a.Rule.ID })},
		Columns: []list.Column[schema.Alert]{
			column("id", route.String(), func(a *schema.Alert) string { return a.ID }),
			{Name: "rule", Type: route.Object(route.F("id", route.String()), route.F("name", route.String())),
				Write: writeRule, Sort: text(ruleName)},
			column("metric", route.String(), func(a *schema.Alert) string { return a.Rule.Metric }),
			{Name: "scope", Type: route.Map(route.Array(route.String())), Write: func(e *list.Encoder, a schema.Alert) { e.Value(a.Rule.Scope) }},
			column("window", route.String(), func(a *schema.Alert) string { return a.Rule.Window }),
			column("comparison", route.OneOf(schema.AlertComparisons()...), func(a *schema.Alert) string { return a.Rule.Comparison }),
			figure("threshold", func(a *schema.Alert) float64 { return a.Rule.Threshold }),
			{Name: "clear_threshold", Type: route.Number().OrNull(), Write: writeClearThreshold},
			{Name: "for_seconds", Type: route.Int(), Write: func(e *list.Encoder, a schema.Alert) { e.Int(int64(a.Rule.ForSeconds)) }},
			figure("value", func(a *schema.Alert) float64 { return a.Value }),
			column("severity", route.String(), func(a *schema.Alert) string { return a.Rule.Severity }),
			column("state", route.OneOf(schema.AlertStateNames()...), func(a *schema.Alert) string { return string(a.State) }),
			moment("since", route.DateTime().OrNull(), func(a *schema.Alert) int64 { return a.Since }),
			moment("triggered", route.DateTime(), func(a *schema.Alert) int64 { return a.Triggered }),
			moment("active_since", route.DateTime().OrNull(), func(a *schema.Alert) int64 { return a.Active }),
			moment("cleared", route.DateTime().OrNull(), func(a *schema.Alert) int64 { return a.Cleared }),
			column("reason", route.OneOf(schema.AlertConditionOver, schema.AlertRuleChanged, schema.AlertRuleDeleted).OrNull(),
				func(a *schema.Alert) string { return a.Reason }),
			{Name: "message", Type: route.String(), Write: func(e *list.Encoder, a schema.Alert) { e.String(Text(&a)) }},
		}}
}

func ruleName(a *schema.Alert) string {
	if a.Rule.Name != "" {
		return a.Rule.Name
	}
	return a.Rule.ID
}

func writeRule(e *list.Encoder, a schema.Alert) {
	e.Object()
	e.Name("id")
	e.String(a.Rule.ID)
	e.Name("name")
	e.String(ruleName(&a))
	e.End()
}

func writeClearThreshold(e *list.Encoder, a schema.Alert) {
	if a.Rule.ClearThreshold == nil {
		e.Null()
		return
	}
	e.Float(*a.Rule.ClearThreshold)
}

// Text says in words what an alert is about, such as "waiting of queue service over 5m is 12, threshold > 10".
func Text(a *schema.Alert) string {
	var b strings.Builder
	b.WriteString(a.Rule.Metric)
	if len(a.Rule.Scope) > 0 {
		b.WriteString(" of ")
		for i, name := range slices.Sorted(maps.Keys(a.Rule.Scope)) {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(name + " " + strings.Join(a.Rule.Scope[name], " or "))
		}
	}
	switch a.Reason {
	case schema.AlertRuleChanged:
		return b.String() + ": the rule was changed"
	case schema.AlertRuleDeleted:
		return b.String() + ": the rule was deleted"
	}
	fmt.Fprintf(&b, " over %s is %s, threshold %s %s", a.Rule.Window, short(a.Value), a.Rule.Comparison, short(a.Rule.Threshold))
	return b.String()
}

// short is a figure with at most four digits after the point.
func short(f float64) string {
	return strconv.FormatFloat(math.Round(f*1e4)/1e4, 'f', -1, 64)
}
