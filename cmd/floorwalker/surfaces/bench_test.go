package surfaces_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

// bigFloor has 10,000 agents with queues and campaigns, half of them logged in, a third of those on a call.
func bigFloor(t testing.TB) *world {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	for i := range 50 {
		w.say("queue", fmt.Sprint("q", i), fmt.Sprintf(`{"name":"Q","number":%d,"team_ids":[]}`, i+1))
		w.say("campaign", fmt.Sprint("c", i), fmt.Sprintf(`{"name":"C","number":%d,"queue_ids":["q%d","q%d"]}`, i+1, i, (i+1)%50))
		w.say("team", fmt.Sprint("t", i), fmt.Sprintf(`{"name":"T","business_unit_id":"b","queue_ids":["q%d","q%d"]}`, i, (i+1)%50))
	}
	for i := range 10_000 {
		id := fmt.Sprintf("a%05d", i)
		w.agent(id, "Agent "+id, fmt.Sprintf(`{"team_id":"t%d","skills":["en"],"device":{"type":"phone","contact_uri":"+1555"}}`, i%50))
		if i%2 == 0 {
			continue
		}
		w.event("-3h", "agent.login", id, fmt.Sprintf(`{"session_id":"s%d"}`, i))
		w.event("-2h", "agent.status", id, `{"status":"available"}`)
		if i%3 == 0 {
			call := "i" + id
			w.event("-90m", "interaction.created", call, fmt.Sprintf(`{"channel":"voice","direction":"inbound","campaign_id":"c%d","customer":{"id":"c","name":"N","phone":"+1555","details":{"tier":"gold"}}}`, i%50))
			w.event("-89m", "interaction.queued", call, fmt.Sprintf(`{"queue_id":"q%d"}`, i%50))
			w.event("-88m", "interaction.connected", call, `{"agent_id":"`+id+`"}`)
		}
	}
	w.settle()
	return w
}

// mainRequests are each surface's main request at its default page.
func (w *world) mainRequests() map[string]func(r *fasthttp.Request) {
	token := w.vonageToken()
	return map[string]func(r *fasthttp.Request){
		"ameyo": func(r *fasthttp.Request) {
			r.SetRequestURI("/v4/cc-list/6/monitoring/user-session-information")
			r.Header.Set("Authorization", basic(ameyoUser, ameyoPassword))
		},
		"convoso": func(r *fasthttp.Request) {
			r.SetRequestURI("/v1/user-activity/search")
			r.Header.SetMethod("POST")
			r.Header.SetContentType("application/x-www-form-urlencoded")
			r.SetBodyString("auth_token=" + convosoToken)
		},
		"exotel": func(r *fasthttp.Request) {
			r.SetRequestURI("/v2/accounts/" + exotelSID + "/agents/presence")
			r.Header.Set("Authorization", "Bearer "+exotelToken)
		},
		"vonage": func(r *fasthttp.Request) {
			r.SetRequestURI("/stats/agent-status")
			r.Header.Set("Authorization", "bearer "+token)
			r.Header.Set("Accept", "application/vnd.newvoicemedia.v3+json")
		},
	}
}

func (w *world) answerOnce(t testing.TB, request func(r *fasthttp.Request)) time.Duration {
	var ctx fasthttp.RequestCtx
	request(&ctx.Request)
	began := time.Now()
	w.app.Fiber().Handler()(&ctx)
	took := time.Since(began)
	if ctx.Response.StatusCode() != 200 {
		require.Equal(t, 200, ctx.Response.StatusCode(), string(ctx.Response.Body()))
	}
	ctx.Response.Reset() // gives the body's memory back, as a server does once it has been sent
	return took
}

// The state changes between any two requests, so that nothing worked out for one serves the next.
func BenchmarkSurfaces(b *testing.B) {
	w := bigFloor(b)
	changes := 0
	for name, request := range w.mainRequests() {
		b.Run(name, func(b *testing.B) {
			w.answerOnce(b, request)
			took := make([]time.Duration, 0, b.N)
			for range b.N {
				changes++
				w.event((time.Duration(changes)*time.Millisecond - time.Hour).String(), "agent.status", "a00001", []string{`{"status":"break"}`, `{"status":"lunch"}`}[changes%2])
				w.settle()
				took = append(took, w.answerOnce(b, request))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
