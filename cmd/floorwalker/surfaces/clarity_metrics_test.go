package surfaces_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"floorwalker/schema"
)

// riker has the two agents of the specification's samples.
func riker(t *testing.T) *world {
	w := supervised(t, "2016-10-28T10:00:00Z")
	w.agent("rob", "Rob T.", `{"number":41,"login":"rob","sip":"sip:rob@x","team_id":"one"}`)
	w.agent("will", "Commander William T. Riker", `{"number":37,"login":"will","sip":"sip:will@x","team_id":"one"}`)
	w.event("2016-10-27T19:00:00Z", "agent.login", "rob", `{}`)
	w.event("2016-10-27T19:56:00Z", "interaction.created", "r1", `{"channel":"voice","direction":"inbound"}`)
	w.event("2016-10-27T19:56:00Z", "interaction.queued", "r1", `{"queue_id":"robs"}`)
	w.event("2016-10-27T19:56:01Z", "interaction.offered", "r1", `{"agent_id":"rob"}`)
	w.event("2016-10-27T19:56:02.980Z", "interaction.declined", "r1", `{"agent_id":"rob","reason":"no_answer"}`)
	w.event("2016-10-27T19:57:00Z", "interaction.ended", "r1", `{"reason":"abandoned"}`)
	w.event("2016-10-28T04:50:32.503Z", "agent.status", "will", `{"status":"away"}`)
	w.settle()
	return w
}

func TestClarity_AgentMetricsSamples(t *testing.T) {
	w := riker(t)
	const rob = `{"type": "agent", "metrics": {
		"audio": {"ronaCount": 0, "answeredCount": 0, "directInboundCallCount": 0, "directOutboundCallCount": 0, "longestAfterCallTime": 0, "longestHandleTime": 0, "…": 0},
		"instantMessage": {"ronaCount": 0, "answeredCount": 0, "…": 0}, "message": {"ronaCount": 0, "currentlyActiveCount": 0, "…": 0}, "agnostic": {"availableTime": {"total": 0, "…": 0}, "…": 0}},
		"name": "Rob T.", "id": 41, "currentStatus": {"agentStatus": "ringOnNoAnswer", "startTime": "2016-10-27T19:56:02.98Z", "isSuspended": false}}`
	const will = `{"type": "agent", "metrics": {"audio": {"ronaCount": 0, "answeredCount": 0, "…": 0}, "instantMessage": {"ronaCount": 0, "answeredCount": 0, "…": 0},
		"message": {"ronaCount": 0, "currentlyActiveCount": 0, "…": 0}, "agnostic": {"availableTime": {"total": 0, "…": 0}, "…": 0}},
		"name": "Commander William T. Riker", "id": 37, "currentStatus": {"agentStatus": "unavailable", "startTime": "2016-10-28T04:50:32.503Z", "isSuspended": false}}`
	for _, path := range []string{"/v2/metrics/agents/41", "/v2/agents/41", "/v2/metrics/AGENTS/41", "/v2/agents/rob"} {
		if a := w.clarity("lead", "GET", path, ""); path != "/v2/metrics/AGENTS/41" {
			requireSample(t, rob, a.body)
		}
	}
	for _, path := range []string{"/v2/agents/agentIds=41,37", "/v2/agents?agentIds=41,37", "/v2/agents/?agentIds=41,37", "/v2/metrics/agents?agentIds=41,37",
		"/v2/metrics/agents/?AGENTIDS=41,37", "/v2/metrics/agents/agentIds=41,37"} {
		requireSample(t, "["+rob+","+will+"]", w.clarity("lead", "GET", path, "").body)
	}
	requireSample(t, `{"type": "agent", "metrics": {"instantMessage": {"takenCount": 0}}, "name": "Rob T.", "id": 41, "currentStatus": {"agentStatus": "ringOnNoAnswer"}}`,
		w.clarity("lead", "POST", "/v2/agents/41", `{"metricProperties": ["takenCount"], "statusProperties": ["agentStatus"]}`).body)
	for _, body := range []string{`{"metricProperties": ["takenCount"], "statusProperties": ["agentStatus","reasonCodeName"]}`,
		`{"MetricProperties": ["TakenCount", "noSuchMetric"], "StatusProperties": [1, 2]}`} {
		requireSample(t, `[{"type": "agent", "metrics": {"instantMessage": {"takenCount": 0}}, "name": "Rob T.", "id": 41, "currentStatus": {"agentStatus": "ringOnNoAnswer"}},
			{"type": "agent", "metrics": {"instantMessage": {"takenCount": 0}}, "name": "Commander William T. Riker", "id": 37, "currentStatus": {"agentStatus": "unavailable"}}]`,
			w.clarity("lead", "POST", "/v2/metrics/agents?agentIds=41,37", body).body)
	}
}

// aggregated has two agents with two unanswered and five answered calls together.
func aggregated(t *testing.T) *world {
	w := riker(t)
	n := 0
	call := func(agent string, answered bool) {
		n++
		id, begin := fmt.Sprint("c", n), w.now().Add(-5*time.Hour+time.Duration(n)*10*time.Minute).Format(time.RFC3339)
		later := func(s int) string {
			return w.now().Add(-5*time.Hour + time.Duration(n)*10*time.Minute + time.Duration(s)*time.Second).Format(time.RFC3339)
		}
		w.event(begin, "interaction.created", id, `{"channel":"voice","direction":"inbound"}`)
		w.event(later(1), "interaction.queued", id, `{"queue_id":"robs"}`)
		w.event(later(11), "interaction.offered", id, `{"agent_id":"`+agent+`"}`)
		if !answered {
			w.event(later(20), "interaction.declined", id, `{"agent_id":"`+agent+`","reason":"no_answer"}`)
			w.event(later(40), "interaction.ended", id, `{"reason":"abandoned"}`)
			return
		}
		w.event(later(15), "interaction.connected", id, `{"agent_id":"`+agent+`"}`)
		w.event(later(115), "interaction.wrap_started", id, `{"agent_id":"`+agent+`"}`)
		w.event(later(115), "interaction.ended", id, `{"reason":"completed"}`)
		w.event(later(125), "interaction.wrap_ended", id, `{"agent_id":"`+agent+`"}`)
	}
	for _, agent := range []string{"rob", "will", "rob", "rob", "will"} {
		call(agent, true)
	}
	call("rob", false)
	call("will", false)
	w.settle()
	return w
}

func TestClarity_AggregateSamples(t *testing.T) {
	w := aggregated(t)
	for _, path := range []string{"/v2/agents/aggregateBy/agentIds=41,37", "/v2/metrics/agents/aggregateBy?agentIds=41,37", "/v2/metrics/agents/aggregateby/metrics?agentIds=41,37"} {
		requireSample(t, `{"entityIds": [37, 41], "type": "agent", "metrics": {"audio": {"ronaCount": 2, "answeredCount": 5, "longestAfterCallTime": 10000, "longestHandleTime": 110000, "…": 0}, "…": 0}}`,
			w.clarity("lead", "GET", path, "").body)
	}
	requireSample(t, `{"entityIds": [37, 41], "type": "agent", "metrics": {"audio": {"ronaCount": 2}, "instantMessage": {"ronaCount": 0}, "message": {"ronaCount": 0}}}`,
		w.clarity("lead", "POST", "/v2/agents/aggregateBy?agentIds=41,37", `{"metricProperties": ["ronaCount"]}`).body)
	// One bag, by name and by id, in any case.
	for _, m := range []string{"audio", "AUDIO", "2", "AudioVideo"} {
		requireSample(t, `{"entityIds": [37, 41], "type": "agent", "metrics": {"audio": {"answeredCount": 5}}}`,
			w.clarity("lead", "POST", "/v2/metrics/agents/aggregateBy?agentIds=41,37&modalities="+m, `{"metricProperties": ["AnsweredCount"]}`).body)
	}
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/metrics/agents/41?modalities=fax", ""), 400)
	requireSample(t, `[{"type": "queue", "id": 5, "name": "robsQ", "metrics": {"audio": {"answeredCount": 5, "ronaCount": 2, "…": 0}, "instantMessage": {"…": 0}, "message": {"…": 0},
		"agnostic": {"talkTime": {"total": 500000, "average": 100000, "count": 5}, "afterCallTime": {"total": 50000, "average": 10000, "count": 5}, "…": 0}}}]`,
		remarshal(t, at(t, w.clarity("lead", "GET", "/v2/metrics/agents/aggregateBy?teamIds=1&includeBreakdowns=true", "").json(t), "breakdowns")))
}

// The numbers are those of the native API for the same range.
func TestClarity_MetricsEqualTheNativeOnes(t *testing.T) {
	w := aggregated(t)
	native := at(t, w.native("/metrics?group_by=agent&agent=rob&window=today&metrics=rona,answered,offered,talk,hold,wrap,handle,logged_in_ms,available_ms,occupied_ms").json(t), "data", 0, "values").(map[string]any)
	metrics := at(t, w.clarity("lead", "GET", "/v2/metrics/agents/41/metrics", "").json(t), "metrics")
	for clarity, key := range map[string]string{"ronaCount": "rona", "answeredCount": "answered", "offeredCount": "offered"} {
		require.Equal(t, native[key], at(t, metrics, "audio", clarity), key)
	}
	for clarity, key := range map[string]string{"talkTime": "talk", "holdTime": "hold", "afterCallTime": "wrap", "handleTime": "handle"} {
		require.Equal(t, at(t, native, key, "sum_ms"), at(t, metrics, "agnostic", clarity, "total"), key)
		require.Equal(t, at(t, native, key, "count"), at(t, metrics, "agnostic", clarity, "count"), key)
	}
	require.Equal(t, native["logged_in_ms"], at(t, metrics, "agnostic", "loggedInTime", "total"))
	require.Equal(t, native["available_ms"], at(t, metrics, "agnostic", "availableTime", "total"))
	require.Equal(t, native["logged_in_ms"].(float64)-native["available_ms"].(float64)-native["occupied_ms"].(float64), at(t, metrics, "agnostic", "unavailableTime", "total"))
}

func TestClarity_GroupSamples(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z")
	w.say("team", "five", `{"name":"Five","number":5,"business_unit_id":"unit","queue_ids":[]}`)
	for n, teams := range map[int]string{2: ``, 3: ``, 5: `"five"`} {
		w.say("group", fmt.Sprint("g", n), fmt.Sprintf(`{"name":"G","number":%d,"team_ids":[%s]}`, n, teams))
	}
	w.agent("a49", "A 49", `{"number":49,"sip":"sip:a49","team_id":"five"}`)
	w.agent("a52", "A 52", `{"number":52,"sip":"sip:a52","team_id":"five"}`)
	w.event("2016-10-28T06:00:00Z", "agent.login", "a49", `{}`)
	w.event("2016-10-28T06:00:00Z", "agent.status", "a52", `{"status":"available"}`)
	for _, id := range []string{"c1", "c2"} {
		w.event("2016-10-28T06:00:10Z", "interaction.created", id, `{"channel":"voice","direction":"inbound","kind":"queued"}`)
	}
	w.event("2016-10-28T06:00:11Z", "interaction.offered", "c1", `{"agent_id":"a49"}`)
	w.event("2016-10-28T06:00:20Z", "interaction.declined", "c1", `{"agent_id":"a49","reason":"no_answer"}`)
	w.event("2016-10-28T06:00:30Z", "interaction.offered", "c2", `{"agent_id":"a49"}`)
	w.event("2016-10-28T06:00:31Z", "interaction.connected", "c2", `{"agent_id":"a49"}`)
	w.event("2016-10-28T06:01:00Z", "interaction.ended", "c2", `{"reason":"completed"}`)
	w.event("2016-10-28T06:02:00Z", "agent.status", "a49", `{"status":"available"}`)
	w.event("2016-10-28T07:52:02.551Z", "agent.status", "a49", `{"status":"break"}`)
	w.event("2016-10-28T07:00:00Z", "interaction.created", "m", `{"channel":"message","direction":"inbound","number":72331,"customer":{"name":"Zed"}}`)
	w.event("2016-10-28T07:00:00Z", "interaction.queued", "m", `{"queue_id":"robs"}`)
	w.event("2016-10-28T07:50:02.552Z", "interaction.connected", "m", `{"agent_id":"a52"}`)
	w.settle()
	const sample = `[{"groupType": "group", "groupId": 2, "entityIds": [], "type": "agent"}, {"groupType": "group", "groupId": 3, "entityIds": [], "type": "agent"},
		{"groupType": "group", "groupId": 5, "entityIds": [49, 52], "type": "agent",
			"metrics": {"audio": {"ronaCount": 1, "answeredCount": 1, "…": 0}, "message": {"ronaCount": 0, "currentlyActiveCount": 1, "…": 0}, "instantMessage": {"…": 0},
				"agnostic": {"availableTime": {"total": 13205103, "average": 6602551.5, "count": 2}, "directInboundTime": {"total": 0, "average": 0, "count": 0}, "…": 0}},
			"sessions": {"message": {"sessions": [{"sessionId": 72331, "sessionType": "Queued", "queueId": 5, "agentId": 52, "customerName": "Zed", "isRecording": false, "canBeRecorded": true,
				"isSilentJoined": false, "isWhisperJoined": false, "sessionStatus": "Active", "queuedMs": 0, "activeMs": 7797448, "canBeSilentJoined": true, "canBeWhisperJoined": true}]}}}]`
	for _, path := range []string{"/v2/agents/groupBy/groupIds=2,3,5", "/v2/metrics/agents/groupBy?groupIds=2,3,5", "/v2/metrics/agents/groupBy/?groupids=2,3,5", "/v2/agents/groupIds=2,3,5"} {
		requireSample(t, sample, w.clarity("admin", "GET", path, "").body)
	}
	// Team 2's clerk has not logged in today.
	w.event("-1h", "interaction.created", "c9", `{"channel":"chat","direction":"inbound"}`)
	for range 3 {
		w.event("-1h", "interaction.offered", "c9", `{"agent_id":"a49"}`)
		w.event("-1h", "interaction.declined", "c9", `{"agent_id":"a49","reason":"no_answer"}`)
	}
	w.advance(time.Second)
	requireSample(t, `[{"groupType": "team", "groupId": 2, "entityIds": [102], "type": "agent"},
		{"groupType": "team", "groupId": 5, "entityIds": [49, 52], "type": "agent", "metrics": {"instantMessage": {"ronaCount": 3}}}]`,
		w.clarity("admin", "POST", "/v2/agents/teamIds=2,5?modalities=instantMessage", `{"metricProperties": ["ronaCount"]}`).body)
	// Of several kinds the team comes first, then the group; all must be visible.
	kinds := func(query string) (out []string) {
		a := w.clarity("admin", "GET", "/v2/metrics/agents/groupBy/status?"+query, "")
		require.Equal(t, 200, a.StatusCode, a.body)
		for i := range list(t, a.body) {
			out = append(out, fmt.Sprint(at(t, list(t, a.body), i, "groupType"), at(t, list(t, a.body), i, "groupId")))
		}
		return out
	}
	require.Equal(t, []string{"team5"}, kinds("businessUnitIds=1&groupIds=5&teamIds=5"))
	require.Equal(t, []string{"group5", "group2"}, kinds("businessUnitIds=1&groupIds=5,2"))
	require.Equal(t, []string{"businessUnit1"}, kinds("businessUnitIds=1"))
	for _, query := range []string{"", "?teamIds=", "?agentIds=49", "?teamIds=77", "?teamIds=5,77", "?teamIds=5&groupIds=77"} {
		requireClarityFailure(t, w.clarity("admin", "GET", "/v2/metrics/agents/groupBy"+query, ""), 401)
	}
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/metrics/agents/groupBy?teamIds=1,5", ""), 401)
	require.Equal(t, 200, w.clarity("lead", "GET", "/v2/metrics/agents/groupBy?teamIds=1", "").StatusCode)
}

func list(t *testing.T, body string) []any {
	t.Helper()
	return at(t, answer{body: `{"list":` + body + `}`}.json(t), "list").([]any)
}

func TestClarity_MetricsParts(t *testing.T) {
	w := aggregated(t)
	keys := func(path string) map[string]bool {
		a := w.clarity("lead", "GET", path, "")
		require.Equal(t, 200, a.StatusCode, a.body)
		out := map[string]bool{}
		for name := range a.json(t) {
			out[name] = true
		}
		return out
	}
	base := func(more ...string) map[string]bool {
		out := map[string]bool{"type": true, "name": true, "id": true}
		for _, name := range more {
			out[name] = true
		}
		return out
	}
	w.event("-1m", "interaction.created", "55", `{"channel":"voice","direction":"inbound","kind":"queued"}`)
	w.event("-1m", "interaction.connected", "55", `{"agent_id":"rob"}`)
	w.advance(time.Second)
	require.Equal(t, base("metrics", "sessions", "currentStatus"), keys("/v2/metrics/agents/41"))
	require.Equal(t, base("metrics"), keys("/v2/metrics/agents/41/metrics"))
	require.Equal(t, base("sessions"), keys("/v2/agents/41/sessions"))
	require.Equal(t, base("currentStatus"), keys("/v2/metrics/agents/41/Status"))
	require.Equal(t, base("currentStatus", "statusHistory"), keys("/v2/metrics/agents/41/status?includeStatusHistory=true"))
	require.Equal(t, base("sessions", "breakdowns"), keys("/v2/metrics/agents/41/sessions?includeBreakdowns=true"))
	require.Equal(t, base(), keys("/v2/metrics/agents/37/sessions"), "no sessions, no key")
	requireClarityFailure(t, w.clarity("lead", "GET", "/v2/metrics/agents/41/nothing", ""), 404)
	for _, path := range []string{"/v2/metrics/agents", "/v2/metrics/agents/", "/v2/metrics/agents/metrics", "/v2/agents/aggregateBy", "/v2/metrics/agents/102", "/v2/metrics/agents/999",
		"/v2/metrics/agents?agentIds=41,102", "/v2/metrics/agents?teamIds=1,2", "/v2/metrics/agents?groupIds=9", "/v2/metrics/agents?businessUnitIds=1"} {
		requireClarityFailure(t, w.clarity("lead", "GET", path, ""), 401)
		requireClarityFailure(t, w.clarity("lead", "POST", path, "{}"), 401)
	}
	require.Len(t, list(t, w.clarity("lead", "GET", "/v2/metrics/agents/status?teamIds=1", "").body), 4)
	require.Len(t, list(t, w.clarity("clerk", "GET", "/v2/metrics/agents?agentIds=clerk", "").body), 1)
	for _, body := range []string{`{`, `[]`, `{"metricProperties":"x"}`, `{"statusProperties":[{}]}`} {
		requireClarityFailure(t, w.clarity("lead", "POST", "/v2/metrics/agents/41", body), 400)
	}
	requireSample(t, `{"type": "agent", "name": "Rob T.", "id": 41, "sessions": {"audio": {"sessions": [{"sessionId": 55, "sessionStatus": "Active"}]}}}`,
		w.clarity("lead", "POST", "/v2/metrics/agents/41", `{"sessionPropertyType": ["SessionStatus"]}`).body)
	requireSample(t, `{"type": "agent", "name": "Rob T.", "id": 41, "sessions": {"audio": {"sessions": [{"sessionId": 55, "sessionType": "Queued", "agentId": 41}]}}}`,
		w.clarity("lead", "POST", "/v2/metrics/agents/41", `{"sessionProperties": [1, 3, 4]}`).body)
}

// The reasons are in the history alone, the present status in the live view.
func TestClarity_StatusHistory(t *testing.T) {
	stored := newPast(t)
	for _, history := range []bool{false, true} {
		w := supervised(t, "2016-10-28T10:00:00Z", func(s *setup) {
			if history {
				s.clarity.History = &pastSessions{past: stored}
			}
		})
		say := func(at, typ, data string) {
			w.event(at, "agent."+typ, "ann", data)
			if of, ok := schema.ParseEventType("cc.agent." + typ); ok && history {
				stored.event(w.moment(at), of, "ann", data)
			}
		}
		say("2016-10-28T04:50:32.503Z", "status", `{"status":"away"}`)
		say("-30m", "status", `{"status":"break","reason":{"id":"brk"}}`)
		say("-20m", "suspended", `{"suspended":true}`)
		say("-15m", "logout", `{}`)
		stored.flush(w.now().UnixMilli())
		w.event("-10m", "agent.status", "ann", `{"status":"available"}`)
		w.settle()
		reason, away := "", `{"agentStatus": "unavailable", "startTime": "2016-10-28T04:50:32.503Z", "endTime": "2016-10-28T09:40:00Z", "isSuspended": false}`
		if history {
			reason = `"reasonCodeName": "On Break",`
			away = `{"agentStatus": "unavailable", "startTime": "2016-10-28T04:50:32.503Z", "endTime": "2016-10-28T09:30:00Z", "isSuspended": false},
				{"agentStatus": "unavailable", "reasonCodeName": "On Break", "startTime": "2016-10-28T09:30:00Z", "endTime": "2016-10-28T09:40:00Z", "isSuspended": false}`
		}
		for _, path := range []string{"/v2/metrics/agents/5?includeStatusHistory=true", "/v2/metrics/agents/5/status?includestatushistory=True"} {
			requireSample(t, `[`+away+`, {"agentStatus": "unavailable", `+reason+` "startTime": "2016-10-28T09:40:00Z", "endTime": "2016-10-28T09:45:00Z", "isSuspended": true},
				{"agentStatus": "loggedOut", "startTime": "2016-10-28T09:45:00Z", "endTime": "2016-10-28T09:50:00Z", "isSuspended": false},
				{"agentStatus": "available", "startTime": "2016-10-28T09:50:00Z", "isSuspended": true}]`,
				remarshal(t, at(t, w.clarity("lead", "GET", path, "").json(t), "statusHistory")))
		}
	}
}

func remarshal(t *testing.T, v any) string {
	t.Helper()
	return compact(t, marshal(t, v))
}

func TestClarity_QueueMetrics(t *testing.T) {
	w := aggregated(t)
	w.event("-2m", "interaction.created", "60", `{"channel":"voice","direction":"inbound","customer":{"name":"Zed"}}`)
	w.event("-90s", "interaction.queued", "60", `{"queue_id":"robs"}`)
	w.settle()
	const bag = `{"queuedCount": 1, "offeredCount": 8, "answeredCount": 5, "abandonedCount": 2, "abandonedBeforeSLACount": 0, "abandonedAfterSLACount": 2,
		"longestQueuedTime": 90000, "averageSpeedOfAnswer": 14000, "serviceLevel": "…"}`
	requireSample(t, `{"type": "queue", "name": "robsQ", "id": 5, "metrics": {"audio": `+bag+`, "instantMessage": {"queuedCount": 0, "longestQueuedTime": null, "averageSpeedOfAnswer": null, "…": 0},
		"message": {"queuedCount": 0, "…": 0}, "agnostic": {"estimatedWaitTime": "…"}}, "sessions": {"audio": {"sessions": [{"sessionId": 60, "sessionStatus": "Queued", "queuedMs": 120000, "…": 0}]}}}`,
		w.clarity("lead", "GET", "/v2/metrics/queues/5", "").body)
	native := at(t, w.native("/queues/robs").json(t)).(map[string]any)
	require.Equal(t, native["waiting"], at(t, w.clarity("lead", "GET", "/v2/metrics/queues/robs/metrics", "").json(t), "metrics", "audio", "queuedCount"))
	for path, rows := range map[string]int{"/v2/metrics/queues?queueIds=5": 1, "/v2/queues/queueIds=5": 1, "/v2/metrics/queues?teamIds=1": 1, "/v2/metrics/queues/groupBy?teamIds=1": 1,
		"/v2/queues/groupBy/teamIds=1": 1, "/v2/metrics/queues/metrics?queueIds=5": 1} {
		a := w.clarity("lead", "GET", path, "")
		require.Equal(t, 200, a.StatusCode, "%s: %s", path, a.body)
		require.Len(t, list(t, a.body), rows, path)
	}
	requireSample(t, `[{"groupType": "team", "groupId": 1, "entityIds": [5], "type": "queue", "metrics": {"audio": {"queuedCount": 1}}}]`,
		w.clarity("lead", "POST", "/v2/metrics/queues/groupBy?teamIds=1&modalities=2", `{"metricProperties":["QueuedCount"]}`).body)
	requireSample(t, `{"entityIds": [5], "type": "queue", "metrics": {"audio": {"queuedCount": 1}}}`,
		w.clarity("lead", "POST", "/v2/metrics/queues/aggregateBy?modalities=audio", `{"metricProperties":["QueuedCount"]}`).body)
	requireSample(t, `{"entityIds": [5, 6], "type": "queue", "metrics": {"…": 0}, "sessions": {"…": 0}}`, w.clarity("admin", "GET", "/v2/metrics/queues/aggregateBy", "").body)
	for _, path := range []string{"/v2/metrics/queues", "/v2/metrics/queues/6", "/v2/metrics/queues/99", "/v2/metrics/queues?queueIds=5,6", "/v2/metrics/queues/groupBy?queueIds=5"} {
		requireClarityFailure(t, w.clarity("lead", "GET", path, ""), 401)
	}
	require.Equal(t, 200, w.clarity("clerk", "GET", "/v2/metrics/queues/6", "").StatusCode, "the agent serves it")
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

// 10,000 agents in 300 teams: one row for each team, while the state changes between any two requests.
func BenchmarkClarity_GroupBy(b *testing.B) {
	w := newWorld(b, "2026-11-21T12:00:00Z")
	w.say("business_unit", "unit", `{"name":"Unit","number":1}`)
	w.say("queue", "robs", `{"name":"Q","number":5,"team_ids":[]}`)
	w.agent("admin", "Admin", `{"number":100,"login":"admin","role":"admin"}`)
	var teams []string
	for i := range 300 {
		w.say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","number":%d,"business_unit_id":"unit","queue_ids":["robs"]}`, 1000+i))
		teams = append(teams, fmt.Sprint(1000+i))
	}
	for i := range 10_000 {
		id := fmt.Sprintf("a%05d", i)
		w.agent(id, "Agent "+id, fmt.Sprintf(`{"number":%d,"sip":"sip:x","team_id":"t%d"}`, 10_000+i, i%300))
		w.event("-3h", "agent.login", id, `{}`)
		w.event("-2h", "agent.status", id, `{"status":"available"}`)
		call := "i" + id
		w.event("-90m", "interaction.created", call, `{"channel":"voice","direction":"inbound","customer":{"name":"N"}}`)
		w.event("-89m", "interaction.queued", call, `{"queue_id":"robs"}`)
		w.event("-88m", "interaction.connected", call, `{"agent_id":"`+id+`"}`)
		if i%3 > 0 {
			w.event("-80m", "interaction.ended", call, `{"reason":"completed"}`)
		}
	}
	w.settle()
	token := w.clarityToken("admin")
	for _, part := range []string{"/metrics", ""} {
		b.Run("part="+part, func(b *testing.B) {
			request := func(r *fasthttp.Request) {
				r.SetRequestURI("/webapi/api/v2/metrics/agents/groupBy" + part + "?teamIds=" + strings.Join(teams, ","))
				r.Header.Set("Authorization", "Bearer "+token)
			}
			w.answerOnce(b, request)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				w.event("-60s", "agent.status", "a00001", []string{`{"status":"break"}`, `{"status":"lunch"}`}[i%2])
				w.advance(10 * time.Millisecond)
				b.StartTimer()
				took = append(took, w.answerOnce(b, request))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// What is known of a session from an earlier answer is never shown of a later state.
func TestClarity_SessionsFollowTheirChanges(t *testing.T) {
	w := supervised(t, "2016-10-14T14:00:00Z")
	w.event("-1h", "agent.login", "ann", `{}`)
	w.event("-9m", "interaction.created", "100", `{"channel":"voice","direction":"inbound","customer":{"name":"Before"}}`)
	w.event("-9m", "interaction.queued", "100", `{"queue_id":"robs"}`)
	w.event("-8m", "interaction.connected", "100", `{"agent_id":"ann"}`)
	shown := func() string {
		w.settle()
		s := at(t, w.clarity("lead", "GET", "/v2/metrics/agents/5/sessions", "").json(t), "sessions", "audio", "sessions", 0)
		return fmt.Sprint(at(t, s, "queueId"), at(t, s, "agentId"), " ", at(t, s, "customerName"), " ", at(t, s, "isRecording"), " ", at(t, s, "sessionStatus"), " ", at(t, s, "activeMs"))
	}
	require.Equal(t, "5 5 Before false Active 480000", shown())
	require.Equal(t, "5 5 Before false Active 480000", shown())
	w.advance(time.Second)
	require.Equal(t, "5 5 Before false Active 481000", shown())
	w.event("-2s", "interaction.updated", "100", `{"customer":{"name":"After"}}`)
	require.Equal(t, "5 5 After false Active 481000", shown())
	w.event("-1s", "interaction.recording", "100", `{"active":true}`)
	require.Equal(t, "5 5 After true Active 481000", shown())
	w.say("queue", "robs", `{"name":"robsQ","number":8,"team_ids":[],"business_unit_id":"unit"}`)
	require.Equal(t, "8 5 After true Active 481000", shown())
	w.event("-0s", "interaction.wrap_started", "100", `{"agent_id":"ann"}`)
	require.Equal(t, "8 5 After true AfterCall 481000", shown())
}

func TestClarity_StatusHistoryEndsWithThePresentStatus(t *testing.T) {
	for _, hist := range []bool{false, true} {
		t.Run(fmt.Sprint(hist), func(t *testing.T) {
			stored := newPast(t)
			w := supervised(t, "2016-10-14T14:00:00Z", func(s *setup) {
				if hist {
					s.clarity.History = &pastSessions{past: stored}
				}
			})
			w.event("-1h", "agent.login", "ann", `{}`)
			w.event("-30m", "agent.status", "ann", `{"status":"available"}`)
			w.event("-9m", "interaction.created", "i", `{"channel":"voice","direction":"inbound","kind":"direct_inbound","agent_id":"ann"}`)
			w.event("-9m", "interaction.connected", "i", `{"agent_id":"ann"}`)
			w.settle()
			row := w.clarity("lead", "GET", "/v2/metrics/agents/5/status?includeStatusHistory=true", "").json(t)
			require.Equal(t, "directCall", at(t, row, "currentStatus", "agentStatus"))
			h := at(t, row, "statusHistory").([]any)
			require.Equal(t, "directCall", at(t, h[len(h)-1], "agentStatus"), "%v", h)
		})
	}
}
