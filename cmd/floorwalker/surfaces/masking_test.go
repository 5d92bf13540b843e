package surfaces_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query/auth"
	"floorwalker/query/mask"
	"floorwalker/query/route"
)

// personal is in every text of a customer, and in no request.
const personal = "P3RSONAL"

// hiding hides customers from roles.
func hiding(t testing.TB, roles ...auth.Role) change {
	m, err := mask.New(nil)
	require.NoError(t, err)
	return func(s *setup) {
		s.masks = map[auth.Role]*mask.Mask{}
		for _, role := range roles {
			s.masks[role] = m
		}
	}
}

// personalWorld has a call and a chat of a customer who is named wherever that can be. The agents are a, who has both, and b.
func personalWorld(t testing.TB, changes ...change) *world {
	w := newWorld(t, "2026-11-21T12:00:00Z", changes...)
	w.occupy("6", "plain", "available")
	w.say("agent", "lead", `{"name":"Lead","login":"lead","email":"","number":51,"role":"supervisor","team_id":"t","sip":"sip:lead","skills":[],"queue_ids":[],"campaign_ids":[]}`)
	w.say("agent", "clerk", `{"name":"Clerk","login":"clerk","email":"","number":52,"role":"agent","team_id":"t","sip":"sip:clerk","skills":[],"queue_ids":["q"],"campaign_ids":[]}`)
	customer := strings.ReplaceAll(`{"id":"X","name":"X","phone":"+15551234567 X","display_phone":"X","email":"X","address":"X","unique_identifier":"X","crt_object_id":"X",`+
		`"details":{"X":"X"},"hobby":"X"}`, "X", personal)
	for _, i := range []struct{ id, channel, agent string }{{"call", "voice", "a"}, {"chat", "chat", "a"}, {"mail", "email", ""}} {
		w.event("-10m", "interaction.created", i.id, fmt.Sprintf(`{"channel":%q,"direction":"inbound","customer":%s}`, i.channel, customer))
		w.event("-9m", "interaction.queued", i.id, `{"queue_id":"q"}`)
		if i.agent != "" {
			w.event("-6m", "interaction.offered", i.id, `{"agent_id":"a"}`)
			w.event("-6m", "interaction.connected", i.id, `{"agent_id":"a"}`)
		}
		for kind, data := range map[string]string{"updated": `{"screen_pop_url":"https://crm/X","gruu":"X"}`, "message": `{"from":"X","to":"X","text":"X","from_agent":false}`,
			"prompt": `{"name":"account","value":"X"}`, "ivr": `{"node":"menu","result":"X","note":"X"}`, "note": `{"note":"X"}`, "extra_item": `{"name":"order","value":"X"}`} {
			w.event("-7m", "interaction."+kind, i.id, strings.ReplaceAll(data, "X", personal))
		}
	}
	w.settle()
	return w
}

// vendorReads are requests whose answers tell of customers, by what they are asked with.
func vendorReads(w *world) map[string]func() answer {
	out := map[string]func() answer{
		"exotel, one": func() answer {
			return w.do("GET", "/v2/accounts/"+exotelSID+"/agents/a/presence", "", "Authorization", "Bearer "+exotelReader, "Content-Type", "application/json")
		},
	}
	for _, table := range []string{"user-runtime-information", "user-session-information", "chat-information", "customer-information"} {
		out["ameyo, "+table] = func() answer { return w.ameyo(table, "sort_by=interaction_id:asc,user_id:asc") }
	}
	every := "includeCustomerHistory=true&includeImPrompts=true&includeIvrData=true&includeCurrentTranscript=true&includeExtraItems=true&includeSessionEventHistory=true"
	for name, path := range map[string]string{"sessions": "/v2/sessions?agentId=a&activeOnly=true", "call": "/v2/sessions/call?" + every, "chat": "/v2/sessions/chat?" + every,
		"transcript": "/v2/sessions/chat/transcript", "gruu": "/v2/sessions/call/gruu", "history": "/v2/sessions/customerHistory/call",
		"agent": "/v2/metrics/agents/a", "agents": "/v2/metrics/agents/aggregateBy?agentIds=a", "team": "/v2/metrics/agents/groupBy?teamIds=t",
		"queue": "/v2/metrics/queues/q", "queues": "/v2/metrics/queues/aggregateBy?queueIds=q"} {
		out["clarity, "+name] = func() answer { return w.clarity("lead", "GET", path, "") }
	}
	return out
}

// kinds is a JSON value with the kinds of its values in place of them.
func kinds(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			if name != personal { // fields of a customer's own details
				out[name] = kinds(value)
			}
		}
		return out
	case []any:
		out := []any{}
		for _, value := range v {
			out = append(out, kinds(value))
		}
		return out
	case nil:
		return nil
	}
	return fmt.Sprintf("%T", v)
}

// What is hidden is hidden on every vendor's surface, in the fields where it stood and as values of their kinds.
func TestMasking_VendorsAnswersHideCustomersInTheirOwnShape(t *testing.T) {
	open, masked := vendorReads(personalWorld(t)), vendorReads(personalWorld(t, hiding(t, auth.Reader, auth.Supervisor)))
	for name := range open { // each tells of customers, or it would prove nothing
		t.Run(name, func(t *testing.T) {
			a, b := open[name](), masked[name]()
			require.Equal(t, 200, a.StatusCode, a.body)
			require.Equal(t, 200, b.StatusCode, b.body)
			require.Contains(t, a.body, personal, "nothing of a customer is in it")
			require.NotContains(t, b.body, personal)
			require.Contains(t, b.body, "***")
			var x, y any
			require.NoError(t, json.Unmarshal([]byte(a.body), &x))
			require.NoError(t, json.Unmarshal([]byte(b.body), &y))
			require.Equal(t, kinds(x), kinds(y))
		})
	}
}

// A number keeps its last digits, as on the native API.
func TestMasking_VendorsNumbers(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z", hiding(t, auth.Reader))
	w.occupy("6", "plain", "available")
	w.event("-5m", "interaction.created", "n", `{"channel":"voice","direction":"inbound","customer":{"name":"Ann","phone":"+4930123456"}}`)
	w.event("-4m", "interaction.connected", "n", `{"agent_id":"b"}`)
	w.settle()
	number := func(token, agent string) any {
		a := w.do("GET", "/v2/accounts/"+exotelSID+"/agents/"+agent+"/presence", "", "Authorization", "Bearer "+token, "Content-Type", "application/json")
		return at(t, a.json(t), "response", "data", "current_call", "customer_number")
	}
	require.Equal(t, "***3456", number(exotelReader, "b"))
	require.Equal(t, "+4930123456", number(exotelToken, "b"), "a supervisor's token sees all")
	rows := w.ameyo("user-runtime-information", "user-ids=b").json(t)
	require.Equal(t, "***3456", at(t, rows, "response", 0, "data", "customer_details", "phone_info", "phone"))
}

// On the surface clarity the role is the agent's: a clerk is a reader.
func TestMasking_ClarityByTheAgentsRole(t *testing.T) {
	w := personalWorld(t, hiding(t, auth.Reader))
	for login, sees := range map[string]bool{"admin": true, "lead": true, "clerk": false} {
		a := w.clarity(login, "GET", "/v2/metrics/queues/q", "")
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Contains(t, a.body, "customerName", login)
		require.Equal(t, sees, strings.Contains(a.body, personal), login)
	}
}

// Two who follow the same are each shown what their role may see, and go on being so.
func TestMasking_ClarityPush_ForEachAsTheRoleMay(t *testing.T) {
	w := personalWorld(t, pushing, hiding(t, auth.Supervisor))
	address := w.listen(t)
	for _, form := range []string{"agents?agentIds=a", "queues?queueIds=q"} {
		lead, admin := w.dashboard(t, address, "lead"), w.dashboard(t, address, "admin")
		body := map[string]any{"sessionPropertyType": []string{"customerName"}}
		hidden, open := w.subscribe(t, "lead", lead, form, body), w.subscribe(t, "admin", admin, form, body)
		for n, more := range []string{"", "later-" + form[:1]} {
			if more != "" {
				w.event("-0s", "interaction.created", more, fmt.Sprintf(`{"channel":"chat","direction":"inbound","customer":{"name":"%s %s"}}`, personal, form))
				w.event("-0s", "interaction.queued", more, `{"queue_id":"q"}`)
				w.event("-0s", "interaction.connected", more, `{"agent_id":"a"}`)
				w.settle()
			}
			require.Contains(t, admin.wait(n+1, open)[n].raw, personal, form)
			got := lead.wait(n+1, hidden)[n].raw
			require.NotContains(t, got, personal, form)
			require.Contains(t, got, `"customerName":"***"`, form)
		}
	}
}

// Whatever is asked of whichever vendor's operation, nothing of a customer is in the answer.
func TestMasking_NoVendorsAnswerHoldsAnythingOfACustomer(t *testing.T) {
	w := personalWorld(t, hiding(t, auth.Reader, auth.Supervisor, auth.Admin))
	vonage, clarity := w.vonageToken(), w.clarityToken("admin")
	header := func(value string) func(*drawn) {
		return func(r *drawn) { r.headers = append(r.headers, "Authorization", value) }
	}
	credentials := map[string]func(*drawn){"ameyoBasic": header(basic(ameyoUser, ameyoPassword)), "exotelToken": header("Bearer " + exotelToken),
		"exotelKey": header("Bearer " + exotelReader), "vonageToken": header("Bearer " + vonage), "clarityToken": header("Bearer " + clarity),
		"clarityLogin": header(basic("admin", ameyoPassword)), "convosoToken": func(r *drawn) { r.path += "&auth_token=" + convosoToken }}
	var operations []*route.Operation
	for _, op := range w.app.Registry().Operations() {
		if _, known := map[string]bool{"ameyo": true, "convoso": true, "exotel": true, "vonage": true, "clarity": true}[op.Surface.Tag]; known {
			operations = append(operations, op)
		}
	}
	hidden, answered := 0, map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for _, op := range operations {
			r := drawRequest(t, op, credentials)
			r.path = strings.NewReplacer("/i1", "/call", "/i2", "/chat").Replace(r.path)
			a := w.do(r.method, r.path, r.body, r.headers...)
			require.NotContains(t, fmt.Sprint(a.Header, a.body), personal, "%s %s %s", r.method, r.path, r.body)
			if strings.Contains(a.body, "***") {
				hidden++
			}
			if a.StatusCode < 300 {
				answered[op.Surface.Tag] = true
			}
		}
	})
	require.Positive(t, hidden, "no answer had anything to hide")
	a := w.vonage("agent-status") // whose parameters are seldom drawn right
	require.NotContains(t, a.body, personal)
	answered["vonage"] = a.StatusCode == 200
	require.Equal(t, map[string]bool{"ameyo": true, "convoso": true, "exotel": true, "vonage": true, "clarity": true}, answered)
}
