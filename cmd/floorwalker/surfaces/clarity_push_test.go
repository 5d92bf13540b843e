package surfaces_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"floorwalker/query/history"
	"floorwalker/schema"
)

// pushedFloor is a small floor with a server that pushes.
func pushedFloor(t *testing.T, changes ...change) (*world, string) {
	w := supervised(t, "2016-10-28T10:00:00Z", append([]change{pushing}, changes...)...)
	w.agent("rob", "Rob T.", `{"number":41,"login":"rob","sip":"sip:rob@x","team_id":"one"}`)
	w.event("-1h", "agent.login", "rob", `{}`)
	w.event("-50m", "agent.status", "rob", `{"status":"available"}`)
	w.settle()
	return w, w.listen(t)
}

func TestClarityPush_StateThenWhatChanged(t *testing.T) {
	w, address := pushedFloor(t)
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41&includeStatusHistory=true", map[string]any{"metricProperties": []string{"AnsweredCount"},
		"sessionPropertyType": []string{"queueId", "customerName", "sessionStatus"}, "statusProperties": []string{"agentStatus", "reasonCodeName"}})
	first := d.wait(1, id)[0]
	require.Equal(t, "agentUpdate", first.method)
	requireSample(t, `{"subscriptionId": "`+id+`", "asOf": "2016-10-28T10:00:00Z", "reset": true, "more": false, "items": [{"key": "rob", "type": "agent",
		"metrics": {"audio": {"answeredCount": 0}, "instantMessage": {"answeredCount": 0}}, "name": "Rob T.", "id": 41, "currentStatus": {"agentStatus": "available"},
		"statusHistory": ["…"]}], "removed": []}`, first.raw)

	w.event("-0s", "interaction.created", "i1", `{"channel":"voice","direction":"inbound","customer":{"name":"John Smith"}}`)
	w.event("-0s", "interaction.queued", "i1", `{"queue_id":"robs"}`)
	w.event("-0s", "interaction.offered", "i1", `{"agent_id":"rob"}`)
	w.settle()
	second := d.wait(2, id)[1]
	requireSample(t, `{"subscriptionId": "`+id+`", "asOf": "…", "reset": false, "more": false, "items": [{"key": "rob", "type": "agent", "id": 41,
		"currentStatus": {"agentStatus": "ringing"}, "statusHistoryRemoved": 0, "statusHistoryKept": 2, "statusHistory": [{"agentStatus": "ringing"}]}], "removed": []}`, second.raw)

	w.advance(time.Second)
	w.event("-0s", "interaction.connected", "i1", `{"agent_id":"rob"}`)
	w.settle()
	w.advance(time.Second)
	require.Eventually(t, func() bool {
		rows := d.rows(id, w.now())
		return fmt.Sprint(at(t, rows["rob"], "metrics", "audio", "answeredCount")) == "1"
	}, 10*time.Second, 5*time.Millisecond)
	latest := func(part string) string {
		t.Helper()
		var raw string
		require.Eventually(t, func() bool {
			all := d.all(id)
			raw = all[len(all)-1].raw
			return strings.Contains(raw, part)
		}, 10*time.Second, 5*time.Millisecond, part)
		return raw
	}
	third := d.all(id)[2].raw
	session := sessionID(third)
	require.Contains(t, third, `"sessions":{"audio":{"addedSessions":[{"sessionId":`+session+`,"queueId":5,"customerName":"John Smith","sessionStatus":"Active"}]}}`)
	require.NotContains(t, third, `"name"`, "only what changed")

	w.event("-0s", "interaction.wrap_started", "i1", `{"agent_id":"rob"}`)
	w.settle()
	latest(`"sessions":{"audio":{"sessions":[{"sessionId":` + session + `,"sessionStatus":"AfterCall"}]}}`)
	w.event("-0s", "interaction.wrap_ended", "i1", `{"agent_id":"rob"}`)
	w.event("-0s", "interaction.ended", "i1", `{"reason":"completed"}`)
	w.settle()
	latest(`"removedSessions":[{"sessionId":` + session + `}]`)
	require.Empty(t, d.problems)
}

func sessionID(raw string) string {
	_, after, _ := strings.Cut(raw, `"sessionId":`)
	id, _, _ := strings.Cut(after, ",")
	return id
}

// Statuses of each method, as the specification has them.
func TestClaritySubscriptions_Statuses(t *testing.T) {
	w, address := pushedFloor(t)
	d, others := w.dashboard(t, address, "lead"), w.dashboard(t, address, "clerk")
	body := func(connection string) string { return fmt.Sprintf(`{"connectionId":%q}`, connection) }
	// As the samples: paths, queries and bodies.
	sample := func(properties string) string { return fmt.Sprintf(`{"connectionId":%q,%s}`, d.id, properties) }
	const agentProperties = `"sessionPropertyType": ["queueId", "customerName"], "statusProperties": ["agentStatus","reasonCodeName"], "metricProperties": ["AnsweredCount"]`
	w.say("group", "five", `{"name":"Five","number":5,"team_ids":["one"]}`)
	w.say("group", "seven", `{"name":"Seven","number":7,"team_ids":["one"]}`)
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"agents?agentIds=5,41&modalities=2&includeStatusHistory=true", sample(agentProperties), 200},
		{"agents/?modalities=2&agentIds=5", body(d.id), 200}, // the batch's sample
		{"agents?teamIds=1&includeBreakdowns=true", body(strings.ToUpper(d.id)), 200},
		{"agents?agentIds=5,102", body(d.id), 401}, // one that lead may not see
		{"agents?agentIds=5,999", body(d.id), 401},
		{"agents", body(d.id), 401},
		{"agents?agentIds=5&modalities=fax", body(d.id), 400},
		{"agents?agentIds=5&includeBreakdowns=perhaps", body(d.id), 400},
		{"agents?agentIds=5", sample(`"metricProperties": 7`), 400},
		{"agents?agentIds=5", `{`, 400},
		{"agents?agentIds=5", `{}`, 400},
		{"agents?agentIds=5", body("88cfebc8-e9f5-47a5-bfea-01b949ff9247"), 401},
		{"agents?agentIds=5", body(others.id), 401},
		{"agents/aggregateBy?agentIds=5,41&modalities=audio", sample(agentProperties), 200},
		{"agents/aggregateby?teamIds=1", body(d.id), 200},
		{"agents/aggregateBy", body(d.id), 401},
		{"agents/aggregateBy?teamIds=2", body(d.id), 401},
		{"agents/aggregateBy?agentIds=5", body(others.id), 401},
		{"agents/groupBy?groupIds=5,7&modalities=audio&teamIds=1", sample(agentProperties), 200},
		{"agents/groupBy?agentIds=5", body(d.id), 401},
		{"agents/groupBy?teamIds=2", body(d.id), 401},
		{"queues?queueIds=5&modalities=audio", sample(`"sessionProperties": ["queueId", "customerName"], "metricProperties": ["QueuedCount"]`), 200},
		{"queues?queueIds=5,6", body(d.id), 401},
		{"queues", body(d.id), 401},
		{"queues/aggregateBy?modalities=audio", sample(`"metricProperties":["QueuedCount"]`), 200},
		{"queues/aggregateBy?queueIds=6", body(d.id), 401},
		{"queues/groupBy?queueIds=5&groupIds=5", sample(`"metricProperties":["queuedCount"]`), 200},
		{"queues/groupBy?queueIds=5", body(d.id), 401},
		{"alerts", body(d.id), 500}, // this server keeps none
		{"nothing", body(d.id), 404},
	} {
		a := w.clarity("lead", "POST", "/v2/subscriptions/"+c.path, c.body)
		require.Equal(t, c.status, a.StatusCode, "%s %s: %s", c.path, c.body, a.body)
		if c.status != 200 {
			requireClarityFailure(t, a, c.status)
		}
	}
	require.Equal(t, 401, w.do("POST", "/webapi/api/v2/subscriptions/agents?agentIds=5", body(d.id), "Content-Type", "application/json").StatusCode)
	require.Equal(t, 400, w.clarity("lead", "POST", "/v2/subscriptions/agents?agentIds=5", sample(`"metricProperties": ["`+strings.Repeat("x", 70_000)+`"]`)).StatusCode)
}

func TestClaritySubscriptions_BoundedOnAConnection(t *testing.T) {
	w, address := pushedFloor(t)
	d, next := w.dashboard(t, address, "lead"), w.dashboard(t, address, "lead")
	for range 31 {
		w.subscribe(t, "lead", d, "agents?agentIds=41", nil)
	}
	require.Equal(t, 429, w.clarity("lead", "POST", "/v2/subscriptions/agents?agentIds=41", fmt.Sprintf(`{"connectionId":%q}`, d.id)).StatusCode)
	w.subscribe(t, "lead", next, "agents?agentIds=41", nil)
}

// Those who see everything share a feed; what a supervisor sees is the supervisor's own.
func TestClaritySubscriptions_ShareFeeds(t *testing.T) {
	w, address := pushedFloor(t)
	w.agent("chief", "Chief", `{"number":103,"login":"ghost","role":"admin","sip":"sip:chief@x"}`)
	for _, login := range []string{"admin", "ghost", "lead", "lead"} {
		d := w.dashboard(t, address, login)
		for _, form := range []string{"agents?agentIds=41,5&modalities=2,audio", "agents?modalities=audio&agentIds=5,rob,5"} {
			d.wait(1, w.subscribe(t, login, d, form, map[string]any{"metricProperties": []string{"answeredCount"}}))
		}
	}
	var counted strings.Builder
	w.pushed.WritePrometheus(&counted)
	require.Contains(t, counted.String(), "floorwalker_push_feeds 3\n", "the admins', the supervisor's, and that of rights")
}

// Both protocols take the API's token, in the header or in the query.
func TestClarityPush_Paths(t *testing.T) {
	w, _ := pushedFloor(t)
	token := w.clarityToken("lead")
	for _, c := range []struct{ method, path, contains string }{
		{"GET", "/webapi/signalr/negotiate?clientProtocol=2.1&connectionData=" + url.QueryEscape(connectionData), `"ProtocolVersion":"2.0"`},
		{"POST", "/webapi/connecthub/negotiate?negotiateVersion=1", `"availableTransports"`},
	} {
		require.Contains(t, w.do(c.method, c.path, "", "Authorization", "Bearer "+token).body, c.contains)
		require.Contains(t, w.do(c.method, c.path+"&access_token="+token, "").body, c.contains)
		require.Equal(t, 401, w.do(c.method, c.path, "").StatusCode)
		require.Equal(t, 401, w.do(c.method, c.path+"&access_token="+token+"x", "").StatusCode)
		require.Equal(t, 401, w.do(c.method, c.path, "", "Authorization", "Bearer "+nativeToken).StatusCode)
	}
}

func TestClaritySubscriptions_UpdateAndDelete(t *testing.T) {
	w, address := pushedFloor(t)
	d, others, second := w.dashboard(t, address, "lead"), w.dashboard(t, address, "clerk"), w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41", nil)
	d.wait(1, id)
	update := func(login, path, body string) int {
		return w.clarity(login, "POST", "/v2/subscriptions/"+path, body).StatusCode
	}
	require.Equal(t, 404, update("lead", "abc123/agentId=5,41", `{}`))
	require.Equal(t, 401, update("clerk", id, `{}`), "another agent's")
	require.Equal(t, 401, update("lead", id, fmt.Sprintf(`{"connectionId":%q}`, second.id)), "of another connection")
	require.Equal(t, 401, update("lead", id, fmt.Sprintf(`{"connectionId":%q}`, others.id)))
	require.Equal(t, 401, update("lead", id+"?agentIds=102", `{}`))
	require.Equal(t, 400, update("lead", id+"?modalities=fax", `{}`))
	require.Equal(t, 404, update("lead", id+"/nothing", `{}`))
	// The specification's sample.
	require.Equal(t, 204, update("lead", id+"/agentId=5,41", fmt.Sprintf(`{"connectionId":%q,"metricProperties": ["AnsweredCount"]}`, d.id)))
	var last told
	require.Eventually(t, func() bool {
		all := d.all(id)
		last = all[len(all)-1]
		return len(all) > 1 && last.Reset && len(last.Items) == 2
	}, 10*time.Second, 5*time.Millisecond)
	for _, item := range last.Items {
		require.Equal(t, map[string]any{"audio": map[string]any{"answeredCount": 0.0}, "instantMessage": map[string]any{"answeredCount": 0.0}}, item["metrics"])
		require.NotContains(t, item, "currentStatus")
	}
	require.Equal(t, 204, update("lead", id+"?modalities=audio", fmt.Sprintf(`{"connectionId":%q}`, d.id)), "the rest stays")
	require.Eventually(t, func() bool {
		rows := d.rows(id, w.now())
		raw, _ := json.Marshal(rows["ann"])
		return len(rows) == 2 && !strings.Contains(string(raw), "instantMessage") && strings.Contains(string(raw), "answeredCount")
	}, 10*time.Second, 5*time.Millisecond)

	remove := func(login, id, body string) int {
		return w.clarity(login, "DELETE", "/v2/subscriptions/"+id, body).StatusCode
	}
	require.Equal(t, 404, remove("lead", "abc123", `{"connectionId":"bc494070-b64c-43a6-8b92-c7dbeac263d1"}`))
	require.Equal(t, 401, remove("clerk", id, ``))
	require.Equal(t, 401, remove("lead", id, fmt.Sprintf(`{"connectionId":%q}`, second.id)))
	require.Equal(t, 204, remove("lead", id, fmt.Sprintf(`{"connectionId":%q}`, d.id)))
	require.Equal(t, 404, remove("lead", id, ``))
	require.Equal(t, 404, update("lead", id, `{}`))
}

func TestClaritySubscriptions_EndWithTheirConnection(t *testing.T) {
	w, address := pushedFloor(t)
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41", nil)
	d.wait(1, id)
	d.cancel()
	<-d.done
	require.Eventually(t, func() bool {
		return w.clarity("lead", "POST", "/v2/subscriptions/"+id, `{}`).StatusCode == 404
	}, 20*time.Second, 20*time.Millisecond)
}

func TestClarityPush_UnregisterClosesTheAgentsConnections(t *testing.T) {
	w, address := pushedFloor(t)
	d, others := w.dashboard(t, address, "lead"), w.dashboard(t, address, "admin")
	require.Equal(t, 200, w.clarity("lead", "POST", "/v2/profile/unregister?sids=77", "").StatusCode, "no endpoint")
	require.Equal(t, 200, w.clarity("lead", "POST", "/v2/profile/unregister?sip=lead@x", "").StatusCode)
	<-d.done
	require.Equal(t, "closed by the server", d.endedWith)
	others.wait(1, w.subscribe(t, "admin", others, "agents?agentIds=41", nil))
}

func TestClarityPush_ReconnectedClientHasWhatItMissed(t *testing.T) {
	w, address := pushedFloor(t)
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41", map[string]any{"statusProperties": []int{1}})
	d.wait(1, id)
	d.cancel()
	<-d.done
	w.event("-0s", "agent.status", "rob", `{"status":"lunch"}`)
	w.settle()
	d.stream("reconnect")
	require.Eventually(t, func() bool {
		return strings.Contains(fmt.Sprint(d.rows(id, w.now())), "atLunch")
	}, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, 1, d.states[id].resets, "nothing was lost")

	d.cancel()
	<-d.done
	d.mu.Lock()
	d.cursor = "" // whoever does not know where it was has lost messages
	d.mu.Unlock()
	d.stream("reconnect")
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.states[id].resets == 2
	}, 10*time.Second, 5*time.Millisecond, "the state comes again")
}

func TestClarityPush_RightsAreThoseOfNow(t *testing.T) {
	w, address := pushedFloor(t)
	d, chief := w.dashboard(t, address, "lead"), w.dashboard(t, address, "admin")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41,5", nil)
	all := w.subscribe(t, "admin", chief, "agents?agentIds=41,102", nil)
	d.wait(1, id)
	chief.wait(1, all)
	keys := func(d *dashboard, id string, want ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return fmt.Sprint(sortedKeys(d.rows(id, w.now()))) == fmt.Sprint(want) }, 10*time.Second, 5*time.Millisecond)
	}
	keys(d, id, "ann", "rob")
	keys(chief, all, "clerk", "rob")
	// An agent leaves the supervisor's team, and comes back.
	w.agent("rob", "Rob T.", `{"number":41,"login":"rob","sip":"sip:rob@x","team_id":"two"}`)
	keys(d, id, "ann")
	w.agent("rob", "Rob T.", `{"number":41,"login":"rob","sip":"sip:rob@x","team_id":"one"}`)
	keys(d, id, "ann", "rob")
	// An admin becomes a supervisor.
	w.agent("admin", "Admin", `{"number":100,"login":"admin","role":"supervisor","sip":"sip:admin@x","permissions":{"team_ids":["one"]}}`)
	keys(chief, all, "rob")
	// The caller is gone.
	require.NoError(t, w.directory.Apply(tombstone("agent", "lead")))
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the connection stayed open")
	}
	require.Equal(t, "closed by the server", d.endedWith)
}

// What is another contact centre's does not exist.
func TestClaritySubscriptions_Tenancy(t *testing.T) {
	w, address := pushedFloor(t)
	w.occupy("other", "plain", "available")
	w.settle()
	d := w.dashboard(t, address, "admin")
	id := w.subscribe(t, "admin", d, "agents?agentIds=41", nil)
	a := w.clarityLogin(other+clarityClient, "Authorization", basic(other+"admin", ameyoPassword))
	require.Equal(t, 200, a.StatusCode, a.body)
	headers := []string{"Authorization", "Bearer " + a.json(t)["access_token"].(string), "Content-Type", "application/json"}
	require.Equal(t, 401, w.do("POST", "/webapi/api/v2/subscriptions/agents?agentIds=41", fmt.Sprintf(`{"connectionId":%q}`, d.id), headers...).StatusCode)
	require.Equal(t, 404, w.do("POST", "/webapi/api/v2/subscriptions/"+id, `{}`, headers...).StatusCode)
	require.Equal(t, 404, w.do("DELETE", "/webapi/api/v2/subscriptions/"+id, ``, headers...).StatusCode)
}

// Of one agent or queue each sees the queues and sessions that they may see, also where others look at the same at the same time.
func TestClarityPush_RowsAreTheCallersOwn(t *testing.T) {
	w, address := pushedFloor(t)
	lead, chief := w.dashboard(t, address, "lead"), w.dashboard(t, address, "admin")
	ids := map[*dashboard][2]string{}
	for d, login := range map[*dashboard]string{lead: "lead", chief: "admin"} {
		ids[d] = [2]string{w.subscribe(t, login, d, "queues?queueIds=5", nil), w.subscribe(t, login, d, "agents?agentIds=41&includeBreakdowns=true", nil)}
		d.wait(1, ids[d][0])
		d.wait(1, ids[d][1])
	}
	call := func(id, queue, agent string) {
		w.event("-0s", "interaction.created", id, `{"channel":"voice","direction":"inbound"}`)
		w.event("-0s", "interaction.queued", id, `{"queue_id":"`+queue+`"}`)
		w.event("-0s", "interaction.offered", id, `{"agent_id":"`+agent+`"}`)
		w.event("-0s", "interaction.connected", id, `{"agent_id":"`+agent+`"}`)
	}
	call("i1", "robs", "clerk") // the agent is not the supervisor's
	call("i2", "own", "rob")    // the queue is not the supervisor's
	call("i3", "robs", "rob")
	w.settle()
	w.advance(time.Second)
	for d, want := range map[*dashboard][2]int{lead: {1, 1}, chief: {2, 2}} {
		var queue, agent string
		require.Eventually(t, func() bool {
			q, _ := json.Marshal(d.rows(ids[d][0], w.now()))
			a, _ := json.Marshal(d.rows(ids[d][1], w.now()))
			queue, agent = string(q), string(a)
			return strings.Count(queue, `"sessionId"`) == want[0] && strings.Count(agent, `"type":"queue"`) == want[1]
		}, 10*time.Second, 5*time.Millisecond)
		require.Equal(t, d == chief, strings.Contains(agent, `"Own"`), agent)
		require.Contains(t, queue, `"answeredCount":2`, "what the queue did is all shown")
	}
}

// annsPast is a floor with a history; say has both hear what Ann does.
func annsPast(t *testing.T) (w *world, address string, stored *past, say func(at, typ, data string)) {
	stored = newPast(t)
	w, address = pushedFloor(t, func(s *setup) { s.clarity.History = &pastSessions{past: stored} })
	return w, address, stored, func(at, typ, data string) {
		w.event(at, "agent."+typ, "ann", data)
		of, _ := schema.ParseEventType("cc.agent." + typ)
		stored.event(w.moment(at), of, "ann", data)
	}
}

// The past is history's, with its reasons; what comes after it has the reasons that the live view shows.
func TestClarityPush_StatusHistory(t *testing.T) {
	w, address, stored, say := annsPast(t)
	say("-5h", "status", `{"status":"away"}`)
	say("-30m", "status", `{"status":"break","reason":{"id":"brk"}}`)
	say("-15m", "status", `{"status":"available"}`)
	stored.flush(w.now().UnixMilli())
	w.settle()
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=5&includeStatusHistory=true", map[string]any{"statusProperties": []int{1, 2, 3, 4, 5}})
	agree := func(pieces int) {
		t.Helper()
		stored.flush(w.now().UnixMilli())
		read := at(t, w.clarity("lead", "GET", "/v2/metrics/agents/5/status?includeStatusHistory=true", "").json(t), "statusHistory").([]any)
		require.Len(t, read, pieces)
		require.Eventually(t, func() bool {
			row, _ := d.rows(id, w.now())["ann"].(map[string]any)
			return fmt.Sprint(row["statusHistory"]) == fmt.Sprint(asRead(read))
		}, 10*time.Second, 5*time.Millisecond, "%v", read)
	}
	agree(3)
	for n, status := range []string{`{"status":"break","reason":{"id":"lun"}}`, `{"status":"available"}`, `{"status":"busy"}`} {
		w.advance(time.Minute)
		say("-0s", "status", status)
		w.settle()
		agree(4 + n)
	}
	require.Equal(t, 1, d.states[id].resets)
	require.Len(t, d.all(id), 4)
}

// slowPast calls asked in the middle of what the subscription's request reads.
type slowPast struct {
	*pastSessions
	asked func()
}

func (p *slowPast) EachInterval(ctx context.Context, a history.Agents, kinds []schema.IntervalKind, each func(*schema.Interval) error) error {
	if p.asked != nil {
		p.asked()
	}
	return p.pastSessions.EachInterval(ctx, a, kinds, each)
}

// Rights that are taken away while a request to follow is being answered are gone for what comes of it too.
func TestClarityPush_RightsTakenWhileSubscribing_NoMoreIsShown(t *testing.T) {
	for name, subscribe := range map[string]func(*testing.T, *world, *dashboard) string{
		"a new subscription": func(t *testing.T, w *world, d *dashboard) string {
			return w.subscribe(t, "admin", d, "agents?agentIds=41,102&includeStatusHistory=true", nil)
		},
		"a changed one": func(t *testing.T, w *world, d *dashboard) string {
			id := w.subscribe(t, "admin", d, "agents?agentIds=41", nil)
			a := w.clarity("admin", "POST", "/v2/subscriptions/"+id+"?agentIds=41,102&includeStatusHistory=true", fmt.Sprintf(`{"connectionId":%q}`, d.id))
			require.Equal(t, 204, a.StatusCode, a.body)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			stored := &slowPast{pastSessions: &pastSessions{past: newPast(t)}}
			w, address := pushedFloor(t, func(s *setup) { s.clarity.History = stored })
			d := w.dashboard(t, address, "admin")
			other := w.subscribe(t, "admin", d, "agents?agentIds=41", nil)
			d.wait(1, other)
			stored.asked = func() {
				w.agent("admin", "Admin", `{"number":100,"login":"admin","role":"supervisor","sip":"sip:admin@x","permissions":{"team_ids":["one"]}}`)
				d.wait(2, other) // the connection goes by the new rights
			}
			id := subscribe(t, w, d)
			require.Eventually(t, func() bool { return fmt.Sprint(sortedKeys(d.rows(id, w.now()))) == "[rob]" }, 10*time.Second, 5*time.Millisecond)
		})
	}
}

func TestClarityPush_UpdatesAtOneTimeAreNotLost(t *testing.T) {
	stored := &slowPast{pastSessions: &pastSessions{past: newPast(t)}}
	w, address := pushedFloor(t, func(s *setup) { s.clarity.History = stored })
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41", nil)
	d.wait(1, id)
	var once sync.Once
	stored.asked = func() {
		once.Do(func() { // while this update reads the history, another one names other agents
			done := make(chan int, 1)
			go func() {
				done <- w.clarity("lead", "POST", "/v2/subscriptions/"+id+"?agentIds=5", "").StatusCode
			}()
			select {
			case code := <-done:
				require.Equal(t, 204, code)
			case <-time.After(time.Second): // it waits for its turn
			}
		})
	}
	require.Equal(t, 204, w.clarity("lead", "POST", "/v2/subscriptions/"+id+"?includeStatusHistory=true", "").StatusCode)
	require.Eventually(t, func() bool {
		row, _ := d.rows(id, w.now())["ann"].(map[string]any)
		return len(d.rows(id, w.now())) == 1 && row["statusHistory"] != nil
	}, 10*time.Second, 5*time.Millisecond, "one of two updates is lost: %v", sortedKeys(d.rows(id, w.now())))
}

func TestClarityPush_StatusHistoryIsWhatWasKnownWhenSubscribing(t *testing.T) {
	w, address, stored, say := annsPast(t)
	say("-30m", "status", `{"status":"available"}`)
	stored.flush(w.now().UnixMilli())
	w.settle()
	d := w.dashboard(t, address, "lead")
	subscribe := func() string {
		return w.subscribe(t, "lead", d, "agents?agentIds=5&includeStatusHistory=true", map[string]any{"statusProperties": []int{1, 2, 3, 4, 5}})
	}
	id := subscribe()
	d.wait(1, id)
	require.Equal(t, 204, w.clarity("lead", "DELETE", "/v2/subscriptions/"+id, "").StatusCode)
	for _, status := range []string{`{"status":"lunch","reason":{"id":"lun"}}`, `{"status":"available"}`} {
		w.advance(time.Minute)
		say("-0s", "status", status)
	}
	w.settle()
	stored.flush(w.now().UnixMilli())
	id = subscribe()
	d.wait(1, id)
	read := asRead(at(t, w.clarity("lead", "GET", "/v2/metrics/agents/5/status?includeStatusHistory=true", "").json(t), "statusHistory"))
	row, _ := d.rows(id, w.now())["ann"].(map[string]any)
	require.Equal(t, fmt.Sprint(read), fmt.Sprint(row["statusHistory"]))
}

func TestClarityPush_StatusHistoryEndsWithThePresentStatus(t *testing.T) {
	stored := newPast(t)
	w, address := pushedFloor(t, func(s *setup) { s.clarity.History = &pastSessions{past: stored} })
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=41&includeStatusHistory=true", map[string]any{"statusProperties": []int{1}})
	d.wait(1, id)
	w.event("-0s", "interaction.created", "i", `{"channel":"voice","direction":"inbound","kind":"direct_inbound","agent_id":"rob"}`)
	w.event("-0s", "interaction.connected", "i", `{"agent_id":"rob"}`)
	w.settle()
	raw := d.wait(2, id)[1].raw
	require.Contains(t, raw, `"currentStatus":{"agentStatus":"directCall"}`)
	require.Contains(t, raw, `"statusHistory":[{"agentStatus":"directCall"}]`)
}

// A new reason begins a piece, and a status that comes again does not swallow what was between.
func TestClarityPush_StatusHistoryIsThatOfTheReading(t *testing.T) {
	w, address, stored, say := annsPast(t)
	w.say("reason_code", "brk2", `{"name":"Smoking","number":3,"status":"break"}`)
	say("-30m", "status", `{"status":"available"}`)
	stored.flush(w.now().UnixMilli())
	w.settle()
	d := w.dashboard(t, address, "lead")
	id := w.subscribe(t, "lead", d, "agents?agentIds=5&includeStatusHistory=true", map[string]any{"statusProperties": []int{1, 2, 3, 4, 5}})
	for _, e := range [][2]string{{"logout", `{}`}, {"status", `{"status":"available"}`}, {"status", `{"status":"break","reason":{"id":"brk"}}`},
		{"status", `{"status":"break","reason":{"id":"brk2"}}`}, {"status", `{"status":"available"}`}} {
		w.advance(time.Minute)
		say("-0s", e[0], e[1])
		w.settle()
		stored.flush(w.now().UnixMilli())
		read := asRead(at(t, w.clarity("lead", "GET", "/v2/metrics/agents/5/status?includeStatusHistory=true", "").json(t), "statusHistory"))
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			row, _ := d.rows(id, w.now())["ann"].(map[string]any)
			require.Equal(t, fmt.Sprint(read), fmt.Sprint(row["statusHistory"]))
		}, 10*time.Second, 5*time.Millisecond, "after %s", e)
	}
}
