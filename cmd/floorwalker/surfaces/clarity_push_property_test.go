package surfaces_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// following is what a subscription is about, and how the reading of the same name asks for it.
type following struct {
	form  string // agents, agents/aggregateBy …
	ids   string // a query string of ids
	flags string
	body  map[string]any
	id    string
	login string
}

var someBodies = []map[string]any{
	nil, nil,
	{"metricProperties": []string{"answeredCount", "currentlyActiveCount", "availableTime", "queuedCount", "longestQueuedTime", "estimatedWaitTime"}},
	{"sessionProperties": []int{1, 2, 3, 4, 9, 10, 11}},
	{"statusProperties": []string{"agentStatus", "reasonCodeName", "isSuspended"}, "sessionPropertyType": []string{"sessionStatus", "queuedMs", "activeMs"}},
	{"statusProperties": []int{1, 2, 3, 4, 5}, "metricProperties": []string{"ronaCount"}},
}

func drawFollowing(t *rapid.T) *following {
	f := &following{form: rapid.SampledFrom([]string{"agents", "agents", "agents/aggregateBy", "agents/groupBy", "queues", "queues/aggregateBy", "queues/groupBy"}).Draw(t, "form"),
		body: rapid.SampledFrom(someBodies).Draw(t, "body")}
	units := []string{"teamIds=1", "teamIds=1,2", "groupIds=9", "businessUnitIds=1"}
	kinds := map[string][]string{"agents": {"agentIds=1", "agentIds=1,2,3", "agentIds=2&teamIds=2"}, "queues": {"queueIds=5", "queueIds=5,6", "queueIds=6&teamIds=1"}}
	of, _, grouped := strings.Cut(f.form, "/")
	f.ids = rapid.SampledFrom(append(units, kinds[of]...)).Draw(t, "ids")
	if strings.HasSuffix(f.form, "groupBy") {
		f.ids = rapid.SampledFrom(units).Draw(t, "units")
	}
	flags := []string{"", "", "&modalities=audio", "&modalities=1,3"}
	if of == "agents" {
		flags = append(flags, "&includeBreakdowns=true")
	}
	if !grouped {
		flags = append(flags, "&includeStatusHistory=true")
	}
	f.flags = rapid.SampledFrom(flags).Draw(t, "flags")
	return f
}

// readings are what the answers of the same name say, by what identifies a row. What cannot be seen is not there.
func (w *world) readings(t *rapid.T, f *following) (rows map[string]any, ok bool) {
	rows = map[string]any{}
	body, _ := json.Marshal(f.body)
	if f.body == nil {
		body = []byte("{}")
	}
	ask := func(ids string) (a answer) {
		return w.clarity(f.login, "POST", "/v2/metrics/"+f.form+"?"+ids+f.flags, string(body))
	}
	if strings.HasSuffix(f.form, "aggregateBy") {
		a := ask(f.ids)
		if a.StatusCode != 200 {
			return nil, false // one of several cannot be seen, which a subscription goes on without
		}
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(a.body), &row))
		rows[identityOf(row)] = row
		return rows, true
	}
	for part := range strings.SplitSeq(f.ids, "&") {
		name, items, _ := strings.Cut(part, "=")
		for item := range strings.SplitSeq(items, ",") {
			a := ask(name + "=" + item)
			require.Contains(t, []int{200, 401}, a.StatusCode, a.body)
			if a.StatusCode == 401 {
				continue
			}
			var some []map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.body), &some), a.body)
			for _, row := range some {
				rows[identityOf(row)] = row
			}
		}
	}
	return rows, true
}

func identityOf(row map[string]any) string {
	if row["entityIds"] != nil {
		return fmt.Sprint(row["groupType"], row["groupId"])
	}
	return fmt.Sprint(row["id"])
}

// asRead brings an answer to the form in which a client shows what it was told.
func asRead(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			of := asRead(value)
			switch list, isList := of.([]any); {
			case of == nil, isMap(of) && len(of.(map[string]any)) == 0:
			case isList && name == "sessions":
				out[name] = ordered(list, "sessionId")
			case isList && name == "breakdowns":
				out[name] = ordered(list, "id", "name")
			default:
				out[name] = of
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = asRead(v[i])
		}
		return out
	}
	return v
}

func isMap(v any) bool { _, ok := v.(map[string]any); return ok }

func ordered(list []any, by ...string) []any {
	m := map[string]any{}
	for _, v := range list {
		var id []any
		for _, name := range by {
			id = append(id, v.(map[string]any)[name])
		}
		m[fmt.Sprint(id...)] = v
	}
	return sortedValues(m)
}

// agree waits until a client shows what the readings say.
func (w *world) agree(t *rapid.T, d *dashboard, f *following) {
	var want, got map[string]any
	same := func() bool {
		raw, _ := json.Marshal(want)
		have, _ := json.Marshal(got)
		return string(raw) == string(have)
	}
	// By tries as well: a machine may stand still for longer.
	for n, until := 0, time.Now().Add(5*time.Second); n < 100 || time.Now().Before(until); n++ {
		read, ok := w.readings(t, f)
		if !ok {
			return
		}
		want, got = map[string]any{}, map[string]any{}
		for id, row := range read {
			want[id] = asRead(row)
		}
		for _, row := range d.rows(f.id, w.now()) {
			got[identityOf(row.(map[string]any))] = row
		}
		if same() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	var other []string // in the message itself: a repetition that passes shows nothing else
	for id := range want {
		a, _ := json.Marshal(want[id])
		b, _ := json.Marshal(got[id])
		if string(a) != string(b) {
			other = append(other, fmt.Sprintf("read   %s\npushed %s", a, b))
		}
	}
	for _, m := range d.all(f.id) {
		other = append(other, m.raw)
	}
	t.Fatalf("%s?%s%s %v at %s: read %v, pushed %v\n%s", f.form, f.ids, f.flags, f.body, w.now(), slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)), strings.Join(other, "\n"))
}

// somethingHappens on the floor.
func (w *world) somethingHappens(t *rapid.T) {
	agent := fmt.Sprint("a", rapid.IntRange(1, 3).Draw(t, "agent"))
	interaction := fmt.Sprint("i", rapid.IntRange(0, 5).Draw(t, "interaction"))
	queue := rapid.SampledFrom([]string{"robs", "own"}).Draw(t, "queue")
	kinds := []struct{ typ, subject, data string }{
		{"agent.login", agent, `{"session_id":"s"}`},
		{"agent.logout", agent, `{"session_id":"s"}`},
		{"agent.status", agent, `{"status":"available"}`},
		{"agent.status", agent, `{"status":"break","reason_id":"brk"}`},
		{"agent.suspended", agent, `{"suspended":true}`},
		{"agent.assignment", "lead", `{"queue_ids":["` + queue + `"]}`},
		{"interaction.created", interaction, `{"channel":"voice","direction":"inbound","customer":{"id":"c1","name":"Carl"}}`},
		{"interaction.created", interaction, `{"channel":"chat","direction":"inbound"}`},
		{"interaction.queued", interaction, `{"queue_id":"` + queue + `"}`},
		{"interaction.offered", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.declined", interaction, `{"agent_id":"` + agent + `","reason":"no_answer"}`},
		{"interaction.connected", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.connected", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.held", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.updated", interaction, `{"customer":{"id":"c2","name":"Dora"}}`},
		{"interaction.wrap_started", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.wrap_ended", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.ended", interaction, `{"reason":"completed"}`},
	}
	k := rapid.SampledFrom(kinds).Draw(t, "event")
	w.event("-"+fmt.Sprint(rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "late"))+"s", k.typ, k.subject, k.data)
}

func (w *world) somethingIsSaid(t *rapid.T) {
	switch n := rapid.IntRange(1, 2).Draw(t, "of"); rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		id := rapid.IntRange(1, 3).Draw(t, "agent")
		w.agent(fmt.Sprint("a", id), fmt.Sprint("Agent ", n), fmt.Sprintf(`{"number":%d,"login":"a%d","sip":"sip:a%d@x","team_id":%q}`, id, id, id, []string{"one", "two"}[n-1]))
	case 1:
		w.say("queue", "robs", fmt.Sprintf(`{"name":"Robs %d","number":5,"team_ids":[],"business_unit_id":"unit"}`, n))
	case 2:
		w.say("team", "one", fmt.Sprintf(`{"name":"One","number":1,"business_unit_id":"unit","queue_ids":[%q]}`, []string{"robs", "own"}[n-1]))
	default:
		teams := rapid.SampledFrom([]string{`"team_ids":["one"]`, `"team_ids":["one","two"],"business_unit_ids":["unit"]`}).Draw(t, "rights")
		w.agent("lead", "Lead", fmt.Sprintf(`{"number":101,"login":"corp\\lead","role":%q,"sip":"sip:lead@x","permissions":{%s},"queue_ids":["own","robs"]}`,
			[]string{"supervisor", "admin"}[n-1], teams))
	}
}

// The promise of subscriptions: whatever happens, a client that goes by the messages alone shows what the readings say.
func TestClarityPush_ClientHasWhatTheReadingsSay(t *testing.T) {
	w := supervised(t, "2016-10-28T10:00:00Z", pushing)
	for id := 1; id <= 3; id++ {
		w.agent(fmt.Sprint("a", id), fmt.Sprint("Agent ", id), fmt.Sprintf(`{"number":%d,"login":"a%d","sip":"sip:a%d@x","team_id":"one"}`, id, id, id))
	}
	w.say("agent", "ann", `{"name":"Ann","number":50,"login":"ann","email":"","role":"agent","skills":[],"queue_ids":[],"campaign_ids":[]}`)
	lead := func(role string) {
		w.agent("lead", "Lead", `{"number":101,"login":"corp\\lead","role":"`+role+`","sip":"sip:lead@x","permissions":{"team_ids":["one","two"],"group_ids":["all"],"business_unit_ids":["unit"]},"queue_ids":["own","robs"]}`)
	}
	lead("supervisor")
	address := w.listen(t)
	dashboards := map[string]*dashboard{"lead": w.dashboard(t, address, "lead"), "admin": w.dashboard(t, address, "admin")}
	rapid.Check(t, func(t *rapid.T) {
		lead("supervisor")
		for n := 1; n <= 3; n++ { // all begin where everything can be seen
			w.agent(fmt.Sprint("a", n), fmt.Sprint("Agent ", n), fmt.Sprintf(`{"number":%d,"login":"a%d","sip":"sip:a%d@x","team_id":%q}`, n, n, n, []string{"one", "two"}[n%2]))
		}
		var all []*following
		for range rapid.IntRange(1, 3).Draw(t, "subscriptions") {
			f := drawFollowing(t)
			f.login = rapid.SampledFrom([]string{"lead", "lead", "admin"}).Draw(t, "login")
			f.id = w.subscribe(t, f.login, dashboards[f.login], f.form+"?"+f.ids+f.flags, f.body)
			all = append(all, f)
		}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			for range rapid.IntRange(1, 10).Draw(t, "events") {
				w.somethingHappens(t)
			}
			if rapid.IntRange(0, 2).Draw(t, "said") == 0 {
				w.somethingIsSaid(t)
			}
			w.settle()
			w.advance(time.Duration(rapid.SampledFrom([]int{1000, 1700, 60_000}).Draw(t, "ms")) * time.Millisecond)
			for _, f := range all {
				w.agree(t, dashboards[f.login], f)
			}
		}
		for _, f := range all {
			require.Equal(t, 204, w.clarity(f.login, "DELETE", "/v2/subscriptions/"+f.id, "").StatusCode)
		}
	})
	for login, d := range dashboards {
		require.Empty(t, d.problems, login)
	}
}
