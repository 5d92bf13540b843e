package surfaces_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ameyoFloor: ann talks in campaign C1 on queue Q1, bob is ready in C1 (Q1, Q2) and C2, cat wraps up a chat without a campaign,
// dan is logged out, eve has no campaign; a call waits in Q1, another is in the IVR.
func ameyoFloor(t *testing.T) *world {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.say("queue", "Q1", `{"name":"First","number":11,"team_ids":[]}`)
	w.say("queue", "Q2", `{"name":"Second","number":12,"team_ids":[]}`)
	w.say("campaign", "C1", `{"name":"One","number":101,"queue_ids":["Q1","Q2"]}`)
	w.say("campaign", "C2", `{"name":"Two","number":102,"queue_ids":[]}`)
	w.agent("ann", "Ann Archer", `{"number":1,"queue_ids":["Q1"],"user_type":"Executive"}`)
	w.agent("bob", "Bob", `{"number":2,"queue_ids":["Q1","Q2"],"campaign_ids":["C2"],"user_type":"Executive"}`)
	w.agent("cat", "Cat", `{"number":3,"queue_ids":["Q2"]}`)
	w.agent("dan", "Dan", `{"number":4}`)
	w.agent("eve", "Eve", `{"number":5}`)
	w.event("-30m", "agent.login", "ann", `{"session_id":"sa"}`)
	w.event("-30m", "agent.login", "bob", `{"session_id":"sb","user_type":"Supervisor"}`)
	w.event("-30m", "agent.login", "cat", `{"session_id":"sc"}`)
	w.event("-30m", "agent.login", "eve", `{"session_id":"se"}`)
	w.event("-20m", "agent.status", "ann", `{"status":"available"}`)
	w.event("-20m", "agent.status", "bob", `{"status":"available"}`)
	w.event("-20m", "agent.status", "cat", `{"status":"available"}`)
	w.event("-10m", "agent.suspended", "eve", `{"suspended":true}`)
	w.event("-9m", "agent.status", "eve", `{"status":"available"}`)
	w.event("-200s", "interaction.created", "talk", `{"channel":"voice","direction":"inbound","campaign_id":"C1","call_id":"call-1",
		"customer":{"id":"c1","name":"Zoe","phone":"+15550100","display_phone":"555-0100","unique_identifier":"u","crt_object_id":"x","details":{"tier":"gold","since":2007}}}`)
	w.event("-190s", "interaction.queued", "talk", `{"queue_id":"Q1"}`)
	w.event("-180s", "interaction.offered", "talk", `{"agent_id":"ann"}`)
	w.event("-170s", "interaction.connected", "talk", `{"agent_id":"ann"}`)
	w.event("-100s", "interaction.held", "talk", `{"agent_id":"ann"}`)
	w.event("-90s", "interaction.created", "chat", `{"channel":"chat","direction":"inbound","chat_id":"chat-1","customer":{"name":"Adam","details":{"since":1999}}}`)
	w.event("-80s", "interaction.connected", "chat", `{"agent_id":"cat"}`)
	w.event("-70s", "interaction.wrap_started", "chat", `{"agent_id":"cat"}`)
	w.event("-60s", "interaction.created", "wait", `{"channel":"voice","direction":"inbound","call_id":"call-2"}`)
	w.event("-50s", "interaction.queued", "wait", `{"queue_id":"Q1"}`)
	w.event("-40s", "interaction.created", "menu", `{"channel":"voice","direction":"inbound"}`)
	w.event("-300s", "interaction.created", "over", `{"channel":"chat","direction":"inbound"}`)
	w.event("-299s", "interaction.connected", "over", `{"agent_id":"bob"}`)
	w.event("-298s", "interaction.ended", "over", `{"reason":"completed"}`)
	w.settle()
	return w
}

// shown is user/campaign/queue/interaction of each row.
func shown(t *testing.T, a answer) string {
	t.Helper()
	require.Equal(t, 200, a.StatusCode, a.body)
	var rows []string
	for _, r := range a.json(t)["response"].([]any) {
		d := at(t, r, "data")
		rows = append(rows, strings.ReplaceAll(fmt.Sprint(at(t, d, "user_id"), "/", at(t, d, "campaign_id"), "/", at(t, d, "queue_id"), "/", at(t, d, "customer_status")), "<nil>", "-"))
	}
	return strings.Join(rows, " ")
}

const (
	runtime  = "user-runtime-information"
	session  = "user-session-information"
	chats    = "chat-information"
	contacts = "customer-information"

	annRow, bobQ1, bobQ2, bobC2, catRow, eveRow = "ann/101/11/connected", "bob/101/11/-", "bob/101/12/-", "bob/102/-/-", "cat/101/12/hungup", "eve/-/-/-"
)

func TestAmeyo_TablesAndFilters(t *testing.T) {
	w := ameyoFloor(t)
	all := strings.Join([]string{annRow, bobQ1, bobQ2, bobC2, catRow, eveRow}, " ")
	const users = "ann/101/11/connected bob/-/-/- cat/-/-/hungup dan/-/-/- eve/-/-/-"
	for _, c := range []struct{ table, query, want string }{
		{session, "", all},
		{runtime, "", users},
		{chats, "", "cat/-/-/hungup"},
		{contacts, "", "cat/-/-/hungup -/-/-/- ann/101/11/connected -/-/11/ringing"},
		{session, "campaign-ids=101", strings.Join([]string{annRow, bobQ1, bobQ2, catRow}, " ")},
		{session, "campaign-ids=C2", bobC2},
		{session, "campaign-ids=101,102", strings.Join([]string{annRow, bobQ1, bobQ2, bobC2, catRow}, " ")},
		{session, "campaign-ids=101&campaign-ids=102", strings.Join([]string{annRow, bobQ1, bobQ2, bobC2, catRow}, " ")},
		{session, "campaign-ids=&queue-ids=", all},
		{session, "campaign-ids=999", ""},
		{session, "queue-ids=12", bobQ2 + " " + catRow},
		{session, "queue-ids=Q1, Q2&campaign-ids=101&user-ids=bob", bobQ1 + " " + bobQ2},
		{contacts, "queue-ids=11", "ann/101/11/connected -/-/11/ringing"},
		{session, "user-ids=bob,5", strings.Join([]string{bobQ1, bobQ2, bobC2, eveRow}, " ")},
		{session, "user-ids=nobody", ""},
		{contacts, "user-ids=ann", "ann/101/11/connected"},
		{session, "user-name=ARCH", annRow},
		{session, "user-name=", all},
		{session, "user-name=zz", ""},
		{session, "status=connected", annRow},
		{session, "status=hungup,connected", annRow + " " + catRow},
		{session, "status=Inactive", strings.Join([]string{bobQ1, bobQ2, bobC2, eveRow}, " ")},
		{session, "status=inactive&status=HUNGUP", strings.Join([]string{bobQ1, bobQ2, bobC2, catRow, eveRow}, " ")},
		{session, "status=suspended", eveRow},
		{session, "status=on+call", annRow},
		{runtime, "status=Logged%20Out", "dan/-/-/-"},
		{contacts, "status=ringing", "-/-/11/ringing"},
		{contacts, "status=Inactive", "-/-/-/- -/-/11/ringing"},
		{session, "user-types=Executive", annRow},
		{session, "user-types=Supervisor,Executive", strings.Join([]string{annRow, bobQ1, bobQ2, bobC2}, " ")},
		{session, "session-ids=sb,se", strings.Join([]string{bobQ1, bobQ2, bobC2, eveRow}, " ")},
		{runtime, "session-ids=sb", "bob/-/-/-"},
		{session, "call-ids=call-1", annRow},
		{contacts, "call-ids=call-1,call-2", "ann/101/11/connected -/-/11/ringing"},
		{contacts, "call-ids=wait", "-/-/11/ringing"},
		{contacts, "call-ids=chat-1", ""},
		{chats, "chat-ids=chat-1", "cat/-/-/hungup"},
		{contacts, "chat-ids=chat", "cat/-/-/hungup"},
		{contacts, "chat-ids=chat-1&call-ids=call-1", ""},
		{session, "chat-ids=chat-1&status=hungup", catRow},
		{session, "limit=2", annRow + " " + bobQ1},
		{session, "limit=2&offset=4", catRow + " " + eveRow},
		{session, "offset=6", ""},
		{session, "offset=&limit=", all},
		{session, "unknown=1&campaign_ids=999", all},
		{session, "sort_by=user_id:desc", strings.Join([]string{eveRow, catRow, bobQ1, bobQ2, bobC2, annRow}, " ")},
		{session, "sort_by=user_id:desc,campaign_id:desc", strings.Join([]string{eveRow, catRow, bobC2, bobQ1, bobQ2, annRow}, " ")},
		{session, "sort_by=campaign_id:desc&sort_by=queue_id:desc", strings.Join([]string{bobC2, bobQ2, catRow, annRow, bobQ1, eveRow}, " ")},
		{session, "sort_by=customer_details.name:asc&limit=2", catRow + " " + annRow},
		{session, "sort_by=customer_details.phone_info.phone:desc&limit=1", annRow},
		{session, "sort_by=customer_details.addition_details.since:asc&limit=2", catRow + " " + annRow},
		{session, "sort_by=customer_details.addition_details.since:desc&limit=2", annRow + " " + catRow},
		{session, "sort_by=user_status_duration:asc&limit=1", catRow},
		{session, "sort_by=channel_details.channel_type:asc&limit=1", catRow},
		{session, "sort_by=service_info.instance_id:asc&limit=1", annRow},
		{session, "sort_by=waiting:ASC&limit=1", annRow},
		{contacts, "sort_by=waiting:desc&limit=1", "-/-/11/ringing"},
		{runtime, "sort_by=user_type:desc,user_name:desc&limit=2", "bob/-/-/- ann/101/11/connected"},
		{session, "sort_by=user_name&limit=1", annRow},
		{session, "sort_by=", all},
	} {
		require.Equal(t, c.want, shown(t, w.ameyo(c.table, strings.ReplaceAll(c.query, " ", "%20"))), c.table+"?"+c.query)
	}
	m := at(t, w.ameyo(session, "limit=2&offset=3").json(t), "metadata")
	require.Equal(t, map[string]any{"total": 6.0, "count": 2.0, "offset": 3.0, "limit": 2.0}, m)
}

func TestAmeyo_PairsOfFiltersAreBoth(t *testing.T) {
	w := ameyoFloor(t)
	filters := []string{"campaign-ids=101", "queue-ids=11", "user-ids=ann,bob", "user-name=a", "status=connected,Ready", "user-types=Executive", "session-ids=sa,sc",
		"call-ids=call-1", "chat-ids=chat-1"}
	for _, table := range []string{runtime, session, chats, contacts} {
		rows := func(query string) []string {
			text := shown(t, w.ameyo(table, query))
			return strings.Fields(text)
		}
		for i, a := range filters {
			for _, b := range filters[i+1:] {
				var want []string
				inB := rows(b)
				for _, row := range rows(a) {
					if slices.Contains(inB, row) {
						want = append(want, row)
					}
				}
				require.ElementsMatch(t, want, rows(a+"&"+b), "%s?%s&%s", table, a, b)
			}
		}
	}
}

// Each open contact of a session is shown in one row: that of its campaign and queue, else of its campaign, else of its queue, else the
// first; of several in one row the one that counts most.
func TestAmeyo_SessionRowsShowEachContactOnce(t *testing.T) {
	for _, c := range []struct{ contacts, want string }{
		{"", "- - -"},
		{"C1/Q2", "- C1/Q2 -"},
		{"C2/Q1", "- - C2/Q1"},
		{"C2/", "- - C2/"},
		{"/Q2", "- /Q2 -"},
		{"/", "/ - -"},
		{"C9/Q9", "C9/Q9 - -"},
		{"C1/Q1 C1/Q2 C2/", "C1/Q1 C1/Q2 C2/"},
		{"C1/Q2 C2/ C1/Q2/held", "- C1/Q2 C2/"},
		{"C1/Q2/held C1/Q2", "- C1/Q2 -"},
	} {
		w := newWorld(t, "2026-11-21T12:00:00Z")
		w.say("campaign", "C1", `{"name":"One","number":1,"queue_ids":["Q1","Q2"]}`)
		w.say("campaign", "C2", `{"name":"Two","number":2,"queue_ids":[]}`)
		w.agent("a", "A", `{"queue_ids":["Q1","Q2"],"campaign_ids":["C2"]}`)
		w.event("-1h", "agent.login", "a", `{"capacity":{"voice":9}}`)
		for i, of := range strings.Fields(c.contacts) {
			part := strings.Split(of, "/")
			when := fmt.Sprintf("-%ds", 1000-i)
			w.event(when, "interaction.created", of, `{"channel":"voice","direction":"inbound"`+map[bool]string{true: `,"campaign_id":"` + part[0] + `"`}[part[0] != ""]+`}`)
			if part[1] != "" {
				w.event(when, "interaction.queued", of, `{"queue_id":"`+part[1]+`"}`)
			}
			w.event(when, "interaction.connected", of, `{"agent_id":"a"}`)
			if len(part) == 3 {
				w.event(when, "interaction.held", of, `{"agent_id":"a"}`)
			}
		}
		w.settle()
		var got []string
		for _, r := range w.ameyo(session, "").json(t)["response"].([]any) {
			if at(t, r, "data", "customer_status") == nil {
				got = append(got, "-")
				continue
			}
			got = append(got, at(t, r, "data", "interaction_id").(string))
		}
		require.Equal(t, c.want, strings.Join(got, " "), c.contacts)
	}
}

func TestAmeyo_Row(t *testing.T) {
	w := ameyoFloor(t)
	row := at(t, w.ameyo(contacts, "call-ids=call-1").json(t), "response", 0, "data")
	require.Equal(t, map[string]any{"contact_center_id": 6.0, "user_id": "ann", "user_name": "Ann Archer", "user_status": "On Call", "user_status_duration": 170.0,
		"service_info": map[string]any{"instance_id": nil, "sip_trunk_id": nil, "grpc_callback_url": nil},
		"campaign_id":  101.0, "campaign_name": "One", "queue_id": 11.0, "queue_name": "First", "interaction_id": "talk",
		"channel_details": map[string]any{"channel_type": "VOICE", "addition_details": map[string]any{}},
		"customer_status": "connected", "customer_status_duration": 170.0,
		"customer_details": map[string]any{"id": "c1", "name": "Zoe", "phone_info": map[string]any{"phone": "+15550100", "display_phone": "555-0100", "unique_identifier": "u"},
			"crt_object_id": "x", "addition_details": map[string]any{"tier": "gold", "since": 2007.0}},
		"waiting": false, "call_id": "call-1", "chat_id": nil}, row)
	row = at(t, w.ameyo(contacts, "call-ids=call-2").json(t), "response", 0, "data")
	require.Equal(t, []any{nil, nil, nil, "ringing", 50.0, true}, []any{at(t, row, "user_id"), at(t, row, "user_status"), at(t, row, "user_status_duration"),
		at(t, row, "customer_status"), at(t, row, "customer_status_duration"), at(t, row, "waiting")})
	row = at(t, w.ameyo(runtime, "user-ids=eve").json(t), "response", 0, "data")
	require.Equal(t, []any{"Suspended", 540.0, "eve", nil, "se"}, []any{at(t, row, "user_status"), at(t, row, "user_status_duration"), at(t, row, "interaction_id"),
		at(t, row, "user_type"), at(t, row, "session_id")})
	row = at(t, w.ameyo(runtime, "user-ids=dan").json(t), "response", 0, "data")
	require.Equal(t, []any{"Logged Out", nil}, []any{at(t, row, "user_status"), at(t, row, "user_status_duration")}, "nothing is known of him")
}

func TestAmeyo_Errors(t *testing.T) {
	w := ameyoFloor(t)
	path := "/v4/cc-list/6/monitoring/" + session
	refused := func(a answer, text string) {
		t.Helper()
		requireText(t, text, a.body)
		require.Equal(t, fmt.Sprint(a.StatusCode), fmt.Sprint(a.json(t)["statusCode"]))
	}
	for _, headers := range [][]string{nil, {"Authorization", basic(ameyoUser, "wrong")}, {"Authorization", basic("nobody", ameyoPassword)},
		{"Authorization", "Basic !"}, {"Authorization", "Bearer " + nativeToken}, {"Authorization", "Basic " + convosoToken}} {
		a := w.do("GET", path, "", headers...)
		refused(a, `{"statusCode":401,"status":"Unauthorized","errorCode":"CONF-1002","errorMessage":"Authentication token is missing or invalid."}`)
		require.Contains(t, a.Header.Get("WWW-Authenticate"), "Basic")
	}
	as := []string{"Authorization", basic(ameyoUser, ameyoPassword)}
	for _, cc := range []string{"other", "7", "999", "x"} {
		refused(w.do("GET", "/v4/cc-list/"+cc+"/monitoring/"+session, "", as...), `{"statusCode":403,"status":"Forbidden","errorCode":"CONF-1003","errorMessage":"Access denied."}`)
	}
	const missing = `{"statusCode":404,"status":"Not Found","errorCode":"CONF-1004","errorMessage":"Object doesn't exist."}`
	refused(w.do("GET", "/v4/cc-list/6/monitoring/agents", "", as...), missing)
	refused(w.do("GET", "/v4/cc-list/6/nothing", "", as...), missing)
	for _, query := range []string{"limit=0", "limit=1001", "limit=x", "offset=-1", "offset=x", "status=asleep", "status=connected,asleep", "sort_by=nothing:asc",
		"sort_by=user_id:up", "sort_by=user_id:", "sort_by=customer_details:asc", "sort_by=customer_details.nothing:asc", "sort_by=channel_details.addition_details:asc",
		"sort_by=user_id.x:asc", "sort_by=:asc", "sort_by=user_id:asc,nothing:desc"} {
		a := w.ameyo(session, query)
		require.Equal(t, 400, a.StatusCode, query)
		refused(a, `{"statusCode":400,"status":"Bad Request","errorCode":"CONF-1001","errorMessage":"Invalid input or malformed request."}`)
	}
	require.Equal(t, 200, w.ameyo(session, "limit=1000").StatusCode)
	require.Equal(t, 200, w.do("GET", "/v4/cc-list/other/monitoring/"+session, "", "Authorization", basic(other+ameyoUser, ameyoPassword)).StatusCode)
	w.say("contact_center", "6", `{"name":"Six","time_zone":"UTC","number":77}`)
	require.Equal(t, 200, w.do("GET", "/v4/cc-list/77/monitoring/"+session, "", as...).StatusCode, "by number")
	require.NotContains(t, w.log.String(), url.QueryEscape(ameyoPassword))
}

func TestAmeyo_CustomerWhoWaitsAgainIsNotHungUp(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.say("queue", "Q2", `{"name":"Second","number":12,"team_ids":[]}`)
	w.agent("a", "A", "")
	w.event("-1h", "agent.status", "a", `{"status":"available"}`)
	for _, channel := range []string{"voice", "chat"} {
		w.event("-70s", "interaction.created", channel, `{"channel":"`+channel+`","direction":"inbound"}`)
		w.event("-70s", "interaction.connected", channel, `{"agent_id":"a"}`)
		w.event("-50s", "interaction.transferred", channel, `{"from_agent_id":"a","to_queue_id":"Q2","mode":"blind"}`)
		w.event("-50s", "interaction.wrap_started", channel, `{"agent_id":"a"}`)
		w.event("-50s", "interaction.queued", channel, `{"queue_id":"Q2"}`)
	}
	w.settle()
	require.Equal(t, "a/-/12/hungup", shown(t, w.ameyo(runtime, "")), "of the agent the contact is over")
	require.Equal(t, "-/-/12/ringing", shown(t, w.ameyo(chats, "")))
	require.Equal(t, "-/-/12/ringing -/-/12/ringing", shown(t, w.ameyo(contacts, "status=ringing")))
	require.Empty(t, shown(t, w.ameyo(contacts, "status=hungup")))
}

func TestAmeyo_WhoListensDoesNotHaveTheContact(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	for _, id := range []string{"a", "sup"} {
		w.agent(id, id, "")
		w.event("-1h", "agent.status", id, `{"status":"available"}`)
	}
	w.event("-70s", "interaction.created", "i", `{"channel":"voice","direction":"inbound"}`)
	w.event("-70s", "interaction.connected", "i", `{"agent_id":"a"}`)
	w.event("-60s", "interaction.connected", "i", `{"agent_id":"sup","role":"silent_join"}`)
	w.settle()
	require.Equal(t, "a/-/-/connected", shown(t, w.ameyo(contacts, "")))
	w.event("-50s", "interaction.held", "i", `{"agent_id":"a"}`)
	w.settle()
	require.Equal(t, "a/-/-/connected", shown(t, w.ameyo(contacts, "")))
	require.Equal(t, "a/-/-/connected", shown(t, w.ameyo(contacts, "user-ids=a")))
}

// The specification names no separator: clients repeat the parameter, and values may have commas.
func TestAmeyo_ValuesWithCommas(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z")
	w.agent("Doe, John", "John", `{"user_type":"Supervisor, Senior"}`)
	w.agent("b", "B", `{"user_type":"Executive"}`)
	w.settle()
	for query, want := range map[string]string{"user-types=Supervisor%2C%20Senior": "Doe, John/-/-/-", "user-ids=Doe%2C%20John": "Doe, John/-/-/-",
		"user-types=Supervisor%2C%20Senior&user-types=Executive": "Doe, John/-/-/- b/-/-/-", "user-types=Executive%2CNone": "b/-/-/-", "user-types=%20": "Doe, John/-/-/- b/-/-/-"} {
		require.Equal(t, want, shown(t, w.ameyo(runtime, query)), query)
	}
}
