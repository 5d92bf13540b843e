package query_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/history"
	"floorwalker/schema"
)

// openAlerts are what memory has.
type openAlerts []schema.Alert

func (o openAlerts) Active(contactCenter string) (out []schema.Alert, version uint64) {
	for _, a := range o {
		if a.ContactCenter == contactCenter {
			out = append(out, a)
		}
	}
	return out, 1
}

// pastAlerts is what history has; it keeps what it was asked for.
type pastAlerts struct {
	fakeHistory
	rows  []schema.Alert
	asked history.AlertFilter
}

func (p *pastAlerts) Alerts(_ context.Context, f history.AlertFilter, _ int) ([]schema.Alert, error) {
	p.asked = f
	return append([]schema.Alert(nil), p.rows...), nil
}

func anAlert(cc, id, rule, metric, severity string, scope map[string][]string) schema.Alert {
	return schema.Alert{ContactCenter: cc, ID: id, Seq: 1, Origin: id, State: schema.AlertActive, Value: 12, Since: noon - 5000, Triggered: noon - 2000, Active: noon - 1000,
		Cleared: schema.NoTime, Rule: schema.AlertRule{ID: rule, Metric: metric, Scope: scope, Window: "5m", Comparison: ">", Threshold: 10, ForSeconds: 3, Severity: severity}}
}

func withAlerts() (option, *pastAlerts) {
	open := openAlerts{
		anAlert("6", "a1", "x", "waiting", "warning", map[string][]string{"queue": {"IN"}}),
		anAlert("6", "a2", "y", "service_level", "critical", map[string][]string{"channel": {"voice"}}),
		anAlert("7", "b1", "x", "waiting", "warning", map[string][]string{}),
	}
	past := &pastAlerts{}
	past.rows = []schema.Alert{open[0].ClearedBy(schema.AlertRuleDeleted, 12, noon), open[1]}
	return func(_ *query.Config, d *query.Deps) { d.Alerts, d.History = open, past }, past
}

func TestAlerts_OpenOnesOfTheContactCentre_ByFilter(t *testing.T) {
	with, _ := withAlerts()
	f := newFixture(t, with)
	for query, want := range map[string][]string{
		"": {"a1", "a2"}, "?state=active": {"a1", "a2"}, "?id=a2": {"a2"}, "?rule=x": {"a1"}, "?severity=critical,fatal": {"a2"}, "?metric=waiting": {"a1"},
		"?queue=IN": {"a1"}, "?queue=IN&channel=voice": {}, "?channel=voice,chat": {"a2"}, "?sort=severity": {"a2", "a1"}, "?sort=rule.id:desc": {"a2", "a1"},
		"?limit=1&offset=1": {"a2"}, "?from=now-3s": {"a1", "a2"}, "?from=now-1s": {}, "?to=now-2s": {}, "?from=now-2s&to=now-1s": {"a1", "a2"},
	} {
		a := f.get("/alerts" + query)
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, want, append([]string{}, a.ids(t)...), query)
	}
	require.JSONEq(t, `{"id":"a1","rule":{"id":"x","name":"x"},"metric":"waiting","scope":{"queue":["IN"]},"window":"5m","comparison":">","threshold":10,
		"clear_threshold":null,"for_seconds":3,"value":12,"severity":"warning","state":"active","since":"2026-11-21T11:59:55.000Z","triggered":"2026-11-21T11:59:58.000Z",
		"active_since":"2026-11-21T11:59:59.000Z","cleared":null,"reason":null,"message":"waiting of queue IN over 5m is 12, threshold > 10"}`,
		strings.TrimSpace(f.get("/alerts?id=a1&format=ndjson").body))
	require.Equal(t, "id,state\r\na1,active\r\na2,active\r\n", f.get("/alerts?format=csv&fields=id,state").body)
}

func TestAlerts_OfThePastAreAskedOfHistory(t *testing.T) {
	with, past := withAlerts()
	f := newFixture(t, with)
	a := f.get("/alerts?state=history&queue=IN,2&rule=x&severity=warning&metric=waiting&id=a1&channel=voice&from=now-1h&to=now")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, history.AlertFilter{ContactCenter: "6", From: noon - 3_600_000, To: noon, IDs: []string{"a1"}, Rules: []string{"x"}, Metrics: []string{"waiting"},
		Severities: []string{"warning"}, Scope: map[string][]string{"queue": past.asked.Scope["queue"], "channel": {"voice"}}}, past.asked)
	require.Contains(t, past.asked.Scope["queue"], "IN")
	require.Equal(t, []string{"a1", "a2"}, a.ids(t))
	require.Contains(t, a.body, `"reason":"rule_deleted"`)
	require.Contains(t, a.body, `"message":"waiting of queue IN: the rule was deleted"`)

	f.get("/alerts?state=history")
	require.EqualValues(t, 7*24*3_600_000, past.asked.To-past.asked.From, "a week where no range is named")
	require.Nil(t, past.asked.IDs)
	require.Equal(t, []string{"a2", "a1"}, f.get("/alerts?state=history&sort=severity").ids(t))
}

func TestAlerts_Refused(t *testing.T) {
	with, _ := withAlerts()
	f := newFixture(t, with)
	for query, want := range map[string]string{
		"?state=cleared": "state", "?channel=fax": "channel", "?sort=message": "sort", "?fields=nothing": "fields",
		"?state=history&from=now-1000d": "from", "?color=red": "color",
	} {
		a := f.get("/alerts" + query)
		require.Equal(t, 400, a.StatusCode, query)
		require.Contains(t, a.body, fmt.Sprintf("%q:%q", "parameter", want), query)
	}
	require.Equal(t, 404, f.do("GET", "/api/v1/contact-centers/7/alerts", "reader").StatusCode, "another contact centre's")
	bare := newFixture(t)
	require.Equal(t, 503, bare.get("/alerts").StatusCode)
	require.Equal(t, 503, bare.get("/alerts?state=history").StatusCode)
}
