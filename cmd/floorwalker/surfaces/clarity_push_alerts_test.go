package surfaces_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/query/alert"
	"floorwalker/schema"
	"floorwalker/schema/metric"
)

// alertTopic is the topic of alerts in memory; tests say what its evaluator would.
type alertTopic struct {
	mu      sync.Mutex
	records []alert.Message
	more    chan struct{}
}

func newAlertTopic() *alertTopic { return &alertTopic{more: make(chan struct{})} }

func (a *alertTopic) Follow(ctx context.Context, _ []int, reached func(), apply func(*schema.Record) error) error {
	reached()
	for at := 0; ; {
		a.mu.Lock()
		todo, more := a.records[at:], a.more
		a.mu.Unlock()
		for _, m := range todo {
			if err := apply(&schema.Record{Offset: int64(at), Key: []byte(m.Key), Value: m.Value}); err != nil {
				return err
			}
			at++
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

func (a *alertTopic) Write(context.Context, []alert.Message) ([]alert.Position, error) {
	return nil, errors.New("tests write by themselves")
}

func (a *alertTopic) say(t *testing.T, of schema.Alert) {
	t.Helper()
	value, err := of.Encode()
	require.NoError(t, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = append(a.records, alert.Message{Key: schema.AlertKey(of.ContactCenter, of.Rule.ID), Value: value})
	close(a.more)
	a.more = make(chan struct{})
}

func (a *alertTopic) alerts(t testing.TB, w *world, log *slog.Logger) *alert.Alerts {
	hooks, err := alert.NewWebhooks(alert.WebhookConfig{})
	require.NoError(t, err)
	out, err := alert.New(alert.Config{Now: w.now}, alert.Deps{Topic: a, Source: w.source, Directory: w.directory, Catalogue: metric.NewCatalogue(), Webhooks: hooks,
		Metrics: metrics.NewSet(), Log: log})
	require.NoError(t, err)
	return out
}

// raised is an alert of a rule of contact centre 6 that was triggered a moment ago.
func (w *world) raised(rule string, scope map[string][]string) schema.Alert {
	now := w.now().UnixMilli()
	return schema.Alert{ContactCenter: "6", ID: "alert-" + rule, Origin: "alert-" + rule, Seq: 1, State: schema.AlertTriggered, Value: 12, Since: now - 5000, Triggered: now,
		Active: schema.NoTime, Cleared: schema.NoTime,
		Rule: schema.AlertRule{ID: rule, Name: "Too many wait", Metric: "waiting", Scope: scope, Window: "5m", Comparison: ">", Threshold: 10, ForSeconds: 5, Severity: "warning"}}
}

func TestClarityPush_Alerts(t *testing.T) {
	topic := newAlertTopic()
	w, address := pushedFloor(t, func(s *setup) { s.alerts = topic })
	lead, chief, clerk := w.dashboard(t, address, "lead"), w.dashboard(t, address, "admin"), w.dashboard(t, address, "clerk")
	seen, all := w.subscribe(t, "lead", lead, "alerts", nil), w.subscribe(t, "admin", chief, "alerts", nil)
	none := w.subscribe(t, "clerk", clerk, "alerts", nil)
	first := lead.wait(1, seen)[0]
	require.Equal(t, "alertUpdate", first.method)
	requireSample(t, `{"subscriptionId":"`+seen+`","asOf":"2016-10-28T10:00:00Z","reset":true,"more":false,"items":[],"removed":[]}`, first.raw)

	a := w.raised("long", map[string][]string{"queue": {"robs"}})
	topic.say(t, a)
	sample := func(state, more string) string {
		return `{"key":"alert-long","alertId":"alert-long","state":"` + state + `","severity":"warning","ruleId":"long","name":"Too many wait","metric":"waiting","scope":{"queue":["robs"]},
			"window":"5m","comparison":">","threshold":10,"value":12,"triggeredTime":"2016-10-28T10:00:00Z",` + more + `"message":"…"}`
	}
	message := func(item, removed string) string {
		return `{"subscriptionId":"` + seen + `","asOf":"…","reset":false,"more":false,"items":[` + item + `],"removed":[` + removed + `]}`
	}
	requireSample(t, message(sample("triggered", ""), ""), lead.wait(2, seen)[1].raw)
	a.State, a.Seq, a.Active = schema.AlertActive, 2, a.Triggered+1000
	topic.say(t, a)
	requireSample(t, message(sample("active", `"activeTime":"2016-10-28T10:00:01Z",`), ""), lead.wait(3, seen)[2].raw)
	topic.say(t, a.ClearedBy(schema.AlertConditionOver, 12, a.Triggered+2000))
	requireSample(t, message(sample("cleared", `"activeTime":"2016-10-28T10:00:01Z","clearedTime":"2016-10-28T10:00:02Z",`), `"alert-long"`), lead.wait(4, seen)[3].raw)

	// Of the whole contact centre, and of a queue that only the admin sees.
	topic.say(t, w.raised("whole", nil))
	topic.say(t, w.raised("own", map[string][]string{"queue": {"own"}}))
	require.Eventually(t, func() bool {
		return fmt.Sprint(sortedKeys(chief.rows(all, w.now()))) == "[alert-own alert-whole]" && fmt.Sprint(sortedKeys(clerk.rows(none, w.now()))) == "[alert-own]"
	}, 10*time.Second, 5*time.Millisecond)
	require.Empty(t, lead.rows(seen, w.now()))
	for _, m := range lead.all(seen) {
		require.False(t, strings.Contains(m.raw, "alert-whole") || strings.Contains(m.raw, "alert-own"), m.raw)
	}
	// A subscription to alerts has nothing that could be changed but is one like the others.
	require.Equal(t, 204, w.clarity("lead", "POST", "/v2/subscriptions/"+seen, fmt.Sprintf(`{"connectionId":%q}`, lead.id)).StatusCode)
	require.Equal(t, 204, w.clarity("lead", "DELETE", "/v2/subscriptions/"+seen, "").StatusCode)
}

func TestClarityPush_AlertsFollowTheCallersQueues(t *testing.T) {
	topic := newAlertTopic()
	w, address := pushedFloor(t, func(s *setup) { s.alerts = topic })
	clerk := w.dashboard(t, address, "clerk")
	id := w.subscribe(t, "clerk", clerk, "alerts", nil)
	topic.say(t, w.raised("own", map[string][]string{"queue": {"own"}}))
	topic.say(t, w.raised("robs", map[string][]string{"queue": {"robs"}}))
	keys := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return fmt.Sprint(sortedKeys(clerk.rows(id, w.now()))) == want }, 10*time.Second, 5*time.Millisecond)
	}
	keys("[alert-own]")
	w.event("-2s", "agent.login", "clerk", `{}`)
	w.event("-1s", "agent.assignment", "clerk", `{"queue_ids":["robs"]}`)
	w.settle()
	require.Equal(t, 401, w.clarity("clerk", "GET", "/v2/metrics/queues/6", "").StatusCode, "the API goes by the new queues")
	require.Equal(t, 200, w.clarity("clerk", "GET", "/v2/metrics/queues/5", "").StatusCode)
	keys("[alert-robs]")
}

func TestClarityPush_AlertScopesAreIDsFirst(t *testing.T) {
	topic := newAlertTopic()
	w, address := pushedFloor(t, func(s *setup) { s.alerts = topic })
	w.say("queue", "6", `{"number":60,"name":"Secret","team_ids":[]}`)
	clerk := w.dashboard(t, address, "clerk")
	id := w.subscribe(t, "clerk", clerk, "alerts", nil)
	require.Equal(t, 401, w.clarity("clerk", "GET", "/v2/metrics/queues/60", "").StatusCode)
	topic.say(t, w.raised("secret", map[string][]string{"queue": {"6"}}))
	topic.say(t, w.raised("own", map[string][]string{"queue": {"own"}}))
	require.Eventually(t, func() bool { return len(clerk.rows(id, w.now())) > 0 }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, "[alert-own]", fmt.Sprint(sortedKeys(clerk.rows(id, w.now()))), "which was raised after the other one")
}

func TestClarityPush_ClearedAlertOfLostRightsIsOnlyRemoved(t *testing.T) {
	topic := newAlertTopic()
	w, address := pushedFloor(t, func(s *setup) { s.alerts = topic })
	clerk := w.dashboard(t, address, "clerk")
	id := w.subscribe(t, "clerk", clerk, "alerts", nil)
	clerk.wait(1, id)
	a := w.raised("own", map[string][]string{"queue": {"own"}})
	topic.say(t, a)
	clerk.wait(2, id)
	w.agent("clerk", "Clerk", `{"number":102,"login":"clerk","role":"agent","sip":"sip:clerk@x","team_id":"two"}`)
	a.Value = 4711
	topic.say(t, a.ClearedBy(schema.AlertConditionOver, 4711, a.Triggered+2000))
	m := clerk.wait(3, id)[2]
	require.Equal(t, []string{"alert-own"}, m.Removed)
	require.Empty(t, m.Items, m.raw)
}
