package surfaces_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// words is how the surfaces call an effective status: Exotel, Ameyo, whether Convoso counts it as logged in.
var words = map[string][3]string{
	"logged_out": {"offline", "Logged Out", "out"}, "available": {"available", "Ready", "in"}, "busy": {"busy", "Busy", "in"}, "away": {"busy", "Away", "in"},
	"break": {"busy", "On Break", "in"}, "lunch": {"busy", "Lunch", "in"}, "meeting": {"busy", "Meeting", "in"}, "training": {"busy", "Training", "in"},
	"off_phone": {"busy", "Off Phone", "in"}, "be_right_back": {"busy", "Be Right Back", "in"}, "off_work": {"busy", "Off Work", "in"},
	"ringing": {"on-call", "Ringing", "in"}, "dialing": {"on-call", "Dialing", "in"}, "on_call": {"on-call", "On Call", "in"}, "in_chat": {"busy", "On Chat", "in"},
	"conference": {"on-call", "Conference", "in"}, "wrap": {"after-call-work", "Wrap-up", "in"}, "rona": {"busy", "No Answer", "in"},
}

// randomFloor puts 60 agents into whatever states events bring them.
func (w *world) randomFloor(r *rand.Rand) {
	w.say("queue", "Q1", `{"name":"Q","number":11,"team_ids":[]}`)
	w.say("campaign", "C1", `{"name":"C","number":101,"queue_ids":["Q1"]}`)
	w.say("team", "T", `{"name":"T","business_unit_id":"b","queue_ids":[]}`)
	names := schema.StatusNames()
	for i := range 60 {
		id := fmt.Sprintf("a%02d", i)
		if r.IntN(5) > 0 {
			w.agent(id, "Agent "+id, []string{"", `{"queue_ids":["Q1"]}`, `{"campaign_ids":["C1"],"team_id":"T"}`}[r.IntN(3)])
		}
		if r.IntN(6) == 0 {
			continue
		}
		w.event("-2h", "agent.login", id, fmt.Sprintf(`{"session_id":"s%d"}`, i))
		w.event(fmt.Sprintf("-%ds", 3600+r.IntN(1000)), "agent.status", id, `{"status":"`+names[r.IntN(len(names))]+`"}`)
		if r.IntN(4) == 0 {
			w.event("-50m", "agent.suspended", id, `{"suspended":true}`)
		}
		switch r.IntN(3) {
		case 0:
			w.event(fmt.Sprintf("-%ds", 600+r.IntN(1000)), "agent.status", id, `{"status":"`+names[r.IntN(len(names))]+`"}`)
		case 1:
			w.randomInteraction(r, id)
		}
	}
	w.settle()
}

func (w *world) randomInteraction(r *rand.Rand, agent string) {
	id := "i-" + agent
	second := 500 + r.IntN(100)
	say := func(typ, data string) {
		w.event(fmt.Sprintf("-%ds", second), "interaction."+typ, id, data)
		second -= 1 + r.IntN(50)
	}
	channel := []string{"voice", "video", "chat", "email"}[r.IntN(4)]
	say("created", `{"channel":"`+channel+`","direction":"inbound","customer":{"phone":"+1555"}}`)
	say("queued", `{"queue_id":"Q1"}`)
	steps := r.IntN(6)
	for i, step := range []string{"offered", "connected", "held", "wrap_started", "ended"} {
		switch {
		case i >= steps:
		case step == "offered" && r.IntN(4) == 0:
			say("offered", `{"agent_id":"`+agent+`"}`)
			say("declined", `{"agent_id":"`+agent+`","reason":"`+schema.DeclineReasonNames()[r.IntN(7)]+`"}`)
			return
		case step == "ended":
			say(step, `{"reason":"completed"}`)
		default:
			say(step, `{"agent_id":"`+agent+`"}`)
		}
	}
}

func rowsOf(t *testing.T, a answer, key string, path ...any) map[string]map[string]any {
	t.Helper()
	require.Equal(t, 200, a.StatusCode, a.body)
	out := map[string]map[string]any{}
	for _, row := range at(t, a.json(t), path...).([]any) {
		if key == "user_id" && row.(map[string]any)["data"] != nil {
			row = at(t, row, "data")
		}
		out[at(t, row, key).(string)] = row.(map[string]any)
	}
	return out
}

// The four surfaces and the native API say the same of the same floor at the same moment.
func TestSurfaces_AgreeWithTheNativeAPI(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(t, "2026-11-21T12:00:00Z")
		w.randomFloor(rand.New(rand.NewPCG(seed, 1)))
		list := w.native("/agents?limit=1000")
		native := rowsOf(t, list, "id", "data")
		asOf := at(t, list.json(t), "metadata", "as_of")
		exotel := rowsOf(t, w.exotel("/presence?limit=100"), "user_id", "response", "data", "agents")
		ameyo := rowsOf(t, w.ameyo(runtime, ""), "user_id", "response")
		status := w.vonage("agent-status?limit=5000")
		vonage := rowsOf(t, status, "agentId", "items")
		require.Equal(t, asOf, at(t, status.json(t), "upTo"))
		require.Equal(t, []int{len(native), len(native), len(native)}, []int{len(exotel), len(ameyo), len(vonage)})
		counts := map[string]int{}
		var loggedIn, available int
		for id, n := range native {
			what := fmt.Sprintf("seed %d, %s: %v", seed, id, n["status"])
			word := words[n["status"].(string)]
			suspended := n["status"] == "available" && n["suspended"] == true
			if suspended {
				word = [3]string{"busy", "Suspended", "in"}
			}
			require.Equal(t, word[0], exotel[id]["status"], what)
			require.Equal(t, word[1], ameyo[id]["user_status"], what)
			counts[word[0]]++
			if word[2] == "in" {
				loggedIn++
				if word[0] == "available" && len(n["queue_ids"].([]any))+len(n["campaign_ids"].([]any)) > 0 {
					available++
				}
			}
			require.Equal(t, n["presence"].(map[string]any)["since"], vonage[id]["presence"].(map[string]any)["since"], what)
			require.Equal(t, word[0] == "available", vonage[id]["presence"].(map[string]any)["eligibleForRouting"], what)
			load := n["workload"].(map[string]any)
			require.Equal(t, map[string]any{"since": load["since"], "calls": load["live"], "semiLive": load["semi_live"], "nonLive": load["non_live"]}, vonage[id]["workload"], what)
			requireSince(t, n, exotel[id]["status_since"], ameyo[id]["user_status_duration"], asOf.(string), suspended, what)
			requireToday(t, n["today"], exotel[id]["stats"], what)
			requireParts(t, n["interactions"].([]any), vonage[id]["interaction"].([]any), ameyo[id], what)
		}
		summary := at(t, w.exotel("/presence").json(t), "response", "data", "summary").(map[string]any)
		require.Equal(t, map[string]any{"total_agents": float64(len(native)), "available": float64(counts["available"]), "on_call": float64(counts["on-call"]),
			"busy": float64(counts["busy"]), "after_call_work": float64(counts["after-call-work"]), "offline": float64(counts["offline"])}, summary)
		require.JSONEq(t, fmt.Sprintf(`{"success":true,"data":{"available_agents":%d,"logged_in_agents":%d}}`, available, loggedIn), w.convoso("").body)
		require.EqualValues(t, loggedIn, at(t, w.native("/agents?logged_in=true&limit=1").json(t), "metadata", "total"))
		contacts := map[string]bool{}
		for _, row := range at(t, w.native("/interactions?limit=1000").json(t), "data").([]any) {
			if at(t, row, "state") != "ended" {
				contacts[at(t, row, "id").(string)] = true
			}
		}
		shown := map[string]bool{}
		for _, row := range at(t, w.ameyo("customer-information", "limit=1000").json(t), "response").([]any) {
			shown[at(t, row, "data", "interaction_id").(string)] = true
		}
		require.Equal(t, contacts, shown)
	}
}

// requireSince: a word holds at least as long as the effective status, and where each status has a word of its own, exactly so long.
func requireSince(t *testing.T, n map[string]any, since, duration any, asOf string, suspended bool, what string) {
	t.Helper()
	if n["status_since"] == nil {
		require.Nil(t, since, what)
		require.Nil(t, duration, what)
		return
	}
	if !suspended {
		require.LessOrEqual(t, since.(string), n["status_since"].(string), what)
	}
	begin, err := time.Parse(time.RFC3339, n["status_since"].(string))
	require.NoError(t, err)
	now, err := time.Parse(time.RFC3339, asOf)
	require.NoError(t, err)
	if n["status"] != "available" {
		require.EqualValues(t, int64(now.Sub(begin)/time.Second), duration, what)
	}
}

// requireToday: of agents who handled nothing but calls today, the figures are the same.
func requireToday(t *testing.T, today, stats any, what string) {
	t.Helper()
	handle, talk := today.(map[string]any)["handle"].(map[string]any), today.(map[string]any)["talk"].(map[string]any)
	of := stats.(map[string]any)
	require.LessOrEqual(t, of["calls_handled_today"], handle["count"], what)
	if of["calls_handled_today"] == handle["count"] && handle["count"] != 0.0 {
		require.EqualValues(t, int64(handle["avg_ms"].(float64)/1000+0.5), of["avg_handle_time"], what)
		require.EqualValues(t, int64(talk["sum_ms"].(float64)/1000+0.5), of["total_talk_time"], what)
	}
}

func requireParts(t *testing.T, native, vonage []any, ameyo map[string]any, what string) {
	t.Helper()
	var want []string
	contact := map[string]string{}
	for _, p := range native {
		state, spoken := at(t, p, "state").(string), strings.Contains("voice video", at(t, p, "channel").(string))
		name := map[string]string{"ringing": "Ringing", "dialing": "Ringing", "connected": "Connected", "wrap": "Wrap", "declined": "Unexpected", "failed": "Failed"}[state]
		if state == "held" && spoken {
			name = "Connected"
		}
		if name != "" && at(t, p, "reason") != "customer_abandoned" {
			want = append(want, fmt.Sprint(at(t, p, "id"), " ", name, " ", at(t, p, "since")))
		}
		contact[at(t, p, "id").(string)] = map[string]string{"ringing": "ringing", "dialing": "ringing", "connected": "connected", "held": "connected", "parked": "connected", "wrap": "hungup"}[state]
	}
	var got []string
	for _, p := range vonage {
		got = append(got, fmt.Sprint(at(t, p, "guid"), " ", at(t, p, "state"), " ", at(t, p, "since")))
	}
	require.Equal(t, want, got, what)
	if ameyo["customer_status"] != nil {
		require.Equal(t, contact[ameyo["interaction_id"].(string)], ameyo["customer_status"], what)
		return
	}
	for id, status := range contact {
		require.Empty(t, status, "%s shows nothing of %s", what, id)
	}
}
