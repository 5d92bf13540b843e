package surfaces_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// groupedFloor has 10,000 agents in 300 teams; each has been logged in since the morning and answered ten calls, a third of them are on
// one now.
func groupedFloor(t testing.TB) *world {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	for i := range 50 {
		w.say("queue", fmt.Sprint("q", i), fmt.Sprintf(`{"name":"Q","number":%d,"team_ids":[]}`, i+1))
	}
	for i := range 300 {
		w.say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","number":%d,"business_unit_id":"b","queue_ids":["q%d","q%d"]}`, i+1, i%50, (i+1)%50))
	}
	w.agent("admin", "Admin", `{"number":100000,"login":"admin","role":"admin"}`)
	const agents, calls = 10_000, 10
	for i := range agents {
		id := fmt.Sprintf("a%05d", i)
		w.agent(id, "Agent "+id, fmt.Sprintf(`{"number":%d,"team_id":"t%d"}`, i+1, i%300))
		w.event("-4h", "agent.login", id, fmt.Sprintf(`{"session_id":"s%d"}`, i))
		w.event("-4h", "agent.status", id, `{"status":"available"}`)
		for n := range calls {
			begin := -4*time.Hour + time.Duration(n+1)*20*time.Minute
			w.callOf(fmt.Sprintf("i%s-%d", id, n), id, fmt.Sprint("q", i%50), begin, n < calls-1 || i%3 != 0)
		}
	}
	w.settle()
	return w
}

func (w *world) callOf(id, agent, queue string, begin time.Duration, over bool) {
	at := func(after time.Duration) string { return (begin + after).String() }
	w.event(at(0), "interaction.created", id, `{"channel":"voice","direction":"inbound","customer":{"name":"N","phone":"+1555"}}`)
	w.event(at(time.Second), "interaction.queued", id, fmt.Sprintf(`{"queue_id":%q}`, queue))
	w.event(at(5*time.Second), "interaction.offered", id, fmt.Sprintf(`{"agent_id":%q}`, agent))
	w.event(at(9*time.Second), "interaction.connected", id, fmt.Sprintf(`{"agent_id":%q}`, agent))
	if !over {
		return
	}
	w.event(at(5*time.Minute), "interaction.wrap_started", id, fmt.Sprintf(`{"agent_id":%q}`, agent))
	w.event(at(6*time.Minute), "interaction.wrap_ended", id, fmt.Sprintf(`{"agent_id":%q}`, agent))
	w.event(at(6*time.Minute), "interaction.ended", id, `{"reason":"completed"}`)
}

// The state changes and the clock moves on between any two requests; figures are refreshed beside them, as in the program.
func BenchmarkClarityGroupBy(b *testing.B) {
	w := groupedFloor(b)
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.source.Run(ctx) }()
	defer func() { stop(); <-done }()
	token := w.clarityToken("admin")
	teams := make([]string, 300)
	for i := range teams {
		teams[i] = fmt.Sprint(i + 1)
	}
	ids := strings.Join(teams, ",")
	changes := 0
	for _, part := range []string{"", "/metrics", "/sessions", "/status"} {
		b.Run("all"+strings.ReplaceAll(part, "/", "-"), func(b *testing.B) {
			request := func(r *fasthttp.Request) {
				r.SetRequestURI("/webapi/api/v2/metrics/agents/groupBy" + part + "?teamIds=" + ids)
				r.Header.Set("Authorization", "Bearer "+token)
			}
			w.answerOnce(b, request)
			took := make([]time.Duration, 0, b.N)
			for range b.N {
				changes++
				w.event((time.Duration(changes)*time.Millisecond - 10*time.Minute).String(), "agent.status", "a00001", []string{`{"status":"break"}`, `{"status":"lunch"}`}[changes%2])
				w.advance(10 * time.Millisecond)
				took = append(took, w.answerOnce(b, request))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
		})
	}
}
