package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// liveWithin is how soon after its start a demo must show a floor at work.
const liveWithin = 15 * time.Second

func TestDemo_NewUser_SeesFloorAtWorkWithin15s(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	began := time.Now()
	f := launchDemo(t, dir)
	requireDemoFile(t, dir)
	program.Eventually(t, liveWithin-time.Since(began), "a floor at work", f.missingAtWork)
	t.Logf("a floor at work after %s", time.Since(began).Round(100*time.Millisecond))
	f.process.Stop(stopWithin)
	require.NoFileExists(t, filepath.Join(dir, "demo.json"))
}

// missingAtWork says what a new user would miss.
func (f *floor) missingAtWork() string {
	var summary struct {
		Data []struct {
			Agents map[string]int64 `json:"agents"`
		} `json:"data"`
	}
	f.read("agents/summary", nil, &summary)
	if len(summary.Data) != 1 || summary.Data[0].Agents["logged_in"] == 0 {
		return "no agent is logged in"
	}
	var queues struct {
		Data []struct {
			Metrics map[string]any `json:"metrics"`
		} `json:"data"`
	}
	f.read("queues", nil, &queues)
	for _, q := range queues.Data {
		if n, ok := q.Metrics["offered"].(float64); ok && n > 0 {
			return f.missingCalls("15m")
		}
	}
	return fmt.Sprintf("none of %d queues was offered a call today", len(queues.Data))
}

// missingCalls says what a live window lacks: offered and answered calls. A floor without any event has no live figures yet.
func (f *floor) missingCalls(window string) string {
	a := f.do(http.MethodGet, "reader", of(f.ContactCenter, "metrics")+"?metrics=offered,answered&window="+window, nil, "")
	var page struct{ Data []row }
	if a.status != http.StatusOK {
		return string(a.body)
	}
	require.NoError(f.t, json.Unmarshal(a.body, &page))
	if len(page.Data) == 1 && page.Data[0].Values["offered"].(float64) > 0 && page.Data[0].Values["answered"].(float64) > 0 {
		return ""
	}
	return fmt.Sprintf("the last %s: %s", window, a.body)
}

// requireDemoFile demands the exact form of demo.json, which scripts read.
func requireDemoFile(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "demo.json")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, json.Unmarshal(data, &all))
	require.ElementsMatch(t, []string{"url", "tokens", "users", "contact_center", "surfaces", "kafka", "clickhouse"}, slices.Collect(maps.Keys(all)))
	surfaces := map[string][]string{
		"ameyo":   {"user", "password"},
		"convoso": {"auth_token"},
		"exotel":  {"account_sid", "api_key", "api_token", "access_token"},
		"vonage":  {"client_id", "client_secret"},
		"clarity": {"client_id", "user", "password"},
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(surfaces)), slices.Collect(maps.Keys(all["surfaces"].(map[string]any))))
	for name, keys := range surfaces {
		require.ElementsMatch(t, keys, slices.Collect(maps.Keys(all["surfaces"].(map[string]any)[name].(map[string]any))), name)
	}
	tokens := all["tokens"].(map[string]any)
	require.ElementsMatch(t, []string{"admin", "supervisor", "reader", "producer"}, slices.Collect(maps.Keys(tokens)))
	for role, token := range tokens {
		require.Greater(t, len(token.(string)), 30, role)
	}
	users := all["users"].(map[string]any)
	require.ElementsMatch(t, []string{"supervisor", "reader", "admin"}, slices.Collect(maps.Keys(users)))
	for user, password := range users {
		require.GreaterOrEqual(t, len(password.(string)), 12, user)
	}
	require.True(t, strings.HasPrefix(all["url"].(string), "http://127.0.0.1:"))
}

// Live figures of today are those of the history, once both are as of the same moment: in a live view that has seen the day, in one
// that began in its midst, and after a kill.
func TestToday_LiveEqualsHistory(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	f := startDemo(t, dir, "--no-simulator")
	simulator := program.Start(t, "simulate", "--kafka", f.Kafka, "--contact-center", f.ContactCenter, "--agents", "40", "--backfill", "5h", "--disorder", "0.05")
	program.Eventually(t, time.Minute, "the simulated day up to now", func() string {
		require.True(t, simulator.Running(), simulator.Tail())
		return f.missingCalls("1h")
	})
	simulator.Kill() // calls and statuses stay open
	f.settle()
	f.requireTodayEqual()

	f.process.Stop(stopWithin)
	f = startDemo(t, dir, "--no-simulator")
	f.settle()
	f.requireTodayEqual()

	f.process.Kill()
	f = startDemo(t, dir, "--no-simulator")
	f.settle()
	f.requireTodayEqual()
}

func (f *floor) requireTodayEqual() {
	f.t.Helper()
	var now metadata
	settled := time.Now()
	program.Eventually(f.t, 5*time.Second, "live figures of after everything had settled", func() string {
		if _, now = f.metrics(url.Values{"window": {"today"}, "metrics": {"offered"}}); now.AsOf.After(settled) {
			return ""
		}
		return "as of " + now.AsOf.String()
	})
	asOf := now.AsOf.Format("2006-01-02T15:04:05.000Z")
	midnight := now.AsOf.Truncate(24 * time.Hour)
	past := func(groupBy, metrics string) (out []row) {
		query := url.Values{"from": {midnight.Format(time.RFC3339)}, "to": {midnight.AddDate(0, 0, 1).Format(time.RFC3339)}, "as_of": {asOf}, "group_by": {groupBy}}
		if metrics != "" {
			query.Set("metrics", metrics)
		}
		program.Eventually(f.t, 20*time.Second, "the history as of the same moment", func() string {
			rows, m := f.metrics(query)
			if m.AsOf.Before(now.AsOf) {
				return "history is as of " + m.AsOf.String()
			}
			out = rows
			return ""
		})
		return out
	}
	const counted = "offered,answered,ring,talk,hold,wrap,handle,transferred_out"
	for groupBy, metrics := range map[string]string{"queue": "", "agent": "", "campaign": counted, "channel": counted + ",concurrency", "agent,queue": counted} {
		query := url.Values{"window": {"today"}, "as_of": {asOf}, "group_by": {groupBy}}
		if metrics != "" {
			query.Set("metrics", metrics)
		}
		live, m := f.metrics(query)
		require.Equal(f.t, now.AsOf, m.AsOf)
		want := byGroup(f.t, past(groupBy, metrics), groupBy, nil)
		got := byGroup(f.t, live, groupBy, want)
		require.Greater(f.t, len(want), 1, groupBy)
		maps.DeleteFunc(got, func(id string, values map[string]any) bool { return want[id] == nil && countsNothing(values) })
		require.ElementsMatch(f.t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)), "%ss with figures", groupBy)
		for id := range want {
			require.Equal(f.t, want[id], got[id], "%s %s: expected is the history, actual the live view", groupBy, id)
		}
		if groupBy == "queue" {
			f.requireQueues(want)
		}
	}
}

// countsNothing tells a row that is only there for what goes on now: at night a queue is staffed for hours before the day's first call.
func countsNothing(values map[string]any) bool {
	for _, key := range []string{"offered", "answered", "abandoned", "handled", "waiting"} {
		if n, ok := values[key].(float64); ok && n != 0 {
			return false
		}
	}
	return true
}

// requireQueues demands the same figures of the list of queues, whose window is today unless another is named.
func (f *floor) requireQueues(want map[string]map[string]any) {
	f.t.Helper()
	var queues struct {
		Data []struct {
			ID      string         `json:"id"`
			Metrics map[string]any `json:"metrics"`
		} `json:"data"`
	}
	f.read("queues", url.Values{"limit": {"1000"}}, &queues)
	found := 0
	for _, q := range queues.Data {
		if want[q.ID] == nil {
			continue
		}
		found++
		for key, value := range want[q.ID] {
			require.Equal(f.t, value, q.Metrics[key], "%s of queue %s", key, q.ID)
		}
	}
	delete(want, "")
	require.Equal(f.t, len(want), found)
}

// byGroup indexes rows; of other rows' keys only those are kept that these have, since some figures exist only live.
func byGroup(t *testing.T, rows []row, groupBy string, others map[string]map[string]any) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, r := range rows {
		var ids []string
		for _, d := range strings.Split(groupBy, ",") {
			ids = append(ids, r.Group[d])
		}
		id := strings.Join(ids, ", ")
		require.NotContains(t, out, id)
		out[id] = r.Values
		if other, ok := others[id]; ok {
			maps.DeleteFunc(out[id], func(key string, _ any) bool { _, known := other[key]; return !known })
		}
	}
	return out
}
