package history

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// An alert is read as it was written, by its newest transition alone; every filter is one that the list of open ones has.
func TestAlerts_NewestTransitionOnly_ByEveryFilter(t *testing.T) {
	f := newFloor(t)
	ctx := context.Background()
	alert := func(n int, rule, metric, severity string, scope map[string][]string) schema.Alert {
		return schema.Alert{ContactCenter: "6", ID: fmt.Sprint("a", n), Seq: uint64(3*n + 1), State: schema.AlertTriggered, Value: 1.5,
			Rule: schema.AlertRule{ID: rule, Name: "Rule " + rule, Metric: metric, Scope: scope, Window: "5m", Comparison: ">", Threshold: 0.25,
				ClearThreshold: new(0.125), ForSeconds: 30, Severity: severity, Webhook: "pager"},
			Since: int64(n) * 1000, Triggered: int64(n)*1000 + 500, Active: schema.NoTime, Cleared: schema.NoTime}
	}
	a1 := alert(1, "x", "waiting", "warning", map[string][]string{"queue": {"q", "r"}})
	a2 := alert(2, "y", "service_level", "critical", map[string][]string{"channel": {"voice"}, "team": {"t"}})
	a2.Rule.ClearThreshold = nil
	a2.Since = schema.NoTime
	a3 := alert(3, "x", "waiting", "warning", map[string][]string{})
	over := a1.ClearedBy(schema.AlertConditionOver, 0.5, 9000)
	other := alert(4, "x", "waiting", "warning", map[string][]string{})
	other.ContactCenter = "7"
	require.NoError(t, clickhouse.InsertAlerts(ctx, f.conn, []schema.Alert{over, a2}, 1))
	require.NoError(t, clickhouse.InsertAlerts(ctx, f.conn, []schema.Alert{a1, a2, a3, other}, 2)) // again, and what was overtaken
	all := AlertFilter{ContactCenter: "6", From: 0, To: 1 << 40}
	for name, c := range map[string]struct {
		filter func(*AlertFilter)
		want   []schema.Alert
	}{
		"all":        {func(*AlertFilter) {}, []schema.Alert{over, a2, a3}},
		"range":      {func(f *AlertFilter) { f.From, f.To = 1501, 3500 }, []schema.Alert{a2}},
		"id":         {func(f *AlertFilter) { f.IDs = []string{"a3", "a1"} }, []schema.Alert{over, a3}},
		"rule":       {func(f *AlertFilter) { f.Rules = []string{"x"} }, []schema.Alert{over, a3}},
		"metric":     {func(f *AlertFilter) { f.Metrics = []string{"service_level"} }, []schema.Alert{a2}},
		"severity":   {func(f *AlertFilter) { f.Severities = []string{"critical", "fatal"} }, []schema.Alert{a2}},
		"state":      {func(f *AlertFilter) { f.States = []string{"cleared"} }, []schema.Alert{over}},
		"queue":      {func(f *AlertFilter) { f.Scope = map[string][]string{"queue": {"z", "r"}} }, []schema.Alert{over}},
		"two scopes": {func(f *AlertFilter) { f.Scope = map[string][]string{"queue": {"q"}, "team": {"t"}} }, nil},
	} {
		filter := all
		c.filter(&filter)
		got, err := f.reader.Alerts(ctx, filter, 100)
		require.NoError(t, err, name)
		for i := range got {
			got[i].Origin = ""
		}
		require.Equal(t, c.want, got, name)
	}
	_, err := f.reader.Alerts(ctx, all, 2)
	var refused *QueryError
	require.True(t, errors.As(err, &refused))
	require.Equal(t, "from", refused.Parameter)
}
