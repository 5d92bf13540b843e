package surfaces_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query/route"
)

// mark is in every text that the other contact centre says, and in no request.
const mark = "MARKED"

// fill gives both contact centres the same ids. What 6 says is the same in every world; other says marked texts, or nothing.
func (w *world) fill(neighbour bool) {
	w.occupy("6", "plain", "available")
	if neighbour {
		w.occupy("other", mark, "lunch")
	}
	w.settle()
}

func (w *world) occupy(cc, text, status string) {
	name := func(s string) string { return fmt.Sprintf("%s %s", text, s) }
	w.sayOf(cc, "contact_center", cc, fmt.Sprintf(`{"name":%q,"time_zone":"UTC"}`, name("centre")))
	w.sayOf(cc, "business_unit", "u", fmt.Sprintf(`{"name":%q}`, name("unit")))
	w.sayOf(cc, "team", "t", fmt.Sprintf(`{"name":%q,"business_unit_id":"u","queue_ids":["q"]}`, name("team")))
	w.sayOf(cc, "group", "g", fmt.Sprintf(`{"name":%q,"team_ids":["t"]}`, name("group")))
	w.sayOf(cc, "queue", "q", fmt.Sprintf(`{"name":%q,"number":9,"team_ids":["t"]}`, name("queue")))
	w.sayOf(cc, "campaign", "c", fmt.Sprintf(`{"name":%q,"number":8,"queue_ids":["q"]}`, name("campaign")))
	w.sayOf(cc, "reason_code", "7", fmt.Sprintf(`{"name":%q,"status":"break"}`, name("reason")))
	for i, id := range []string{"a", "b"} {
		w.sayOf(cc, "agent", id, fmt.Sprintf(`{"name":%q,"first_name":%q,"login":%q,"email":%q,"number":%d,"role":"agent","team_id":"t","skills":[%q],"queue_ids":[],"campaign_ids":[]}`,
			name("agent"), text, text+id, text+"@x", 41+i, text))
		w.eventOf(cc, "-2h", "agent.login", id, fmt.Sprintf(`{"session_id":"s-%s","extension":%q}`, id, text))
		w.eventOf(cc, "-1h", "agent.status", id, fmt.Sprintf(`{"status":%q,"description":%q}`, status, text))
	}
	login := map[string]string{"6": "admin", "other": other + "admin"}[cc]
	w.sayOf(cc, "agent", "boss", fmt.Sprintf(`{"name":%q,"login":%q,"email":"","number":40,"role":"admin","sip":"sip:boss","skills":[],"queue_ids":[],"campaign_ids":[]}`, name("boss"), login))
	for i, id := range []string{"i1", "i2"} {
		w.eventOf(cc, "-10m", "interaction.created", id, fmt.Sprintf(`{"channel":"voice","direction":"inbound","call_id":%q,"customer":{"id":%q,"name":%q,"phone":%q}}`,
			text+"-call", text+"-customer", name("customer"), fmt.Sprint("+1555", i, text)))
		w.eventOf(cc, "-9m", "interaction.queued", id, `{"queue_id":"q"}`)
	}
	w.eventOf(cc, "-8m", "interaction.offered", "i1", `{"agent_id":"a","queue_id":"q"}`)
	w.eventOf(cc, "-8m", "interaction.connected", "i1", `{"agent_id":"a"}`)
	w.eventOf(cc, "-7m", "interaction.note", "i1", fmt.Sprintf(`{"note":%q,"agent_id":"a"}`, name("note")))
}

// ids that exist in both contact centres, and such that exist in neither.
var someIDs = []string{"a", "b", "q", "c", "t", "g", "u", "7", "9", "41", "boss", "i1", "i2", "6", "other", "nowhere", exotelSID, "0"}

func drawText(t *rapid.T, s *route.Schema, label string) string {
	switch {
	case s.Any != nil:
		return rapid.SampledFrom([]string{"now", "now-1h", "now-2d", "2026-11-21T11:00:00Z"}).Draw(t, label)
	case s.Enum != nil:
		return rapid.SampledFrom(s.Enum).Draw(t, label)
	case slices.Contains(s.Types, "boolean"):
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, label)
	case slices.Contains(s.Types, "integer"), slices.Contains(s.Types, "number"):
		return fmt.Sprint(rapid.IntRange(0, 50).Draw(t, label))
	case s.Format == "date-time":
		return "2026-11-21T11:00:00Z"
	}
	return rapid.SampledFrom(someIDs).Draw(t, label)
}

// drawn is a request of any operation.
type drawn struct {
	method, path, body string
	headers            []string
}

func drawRequest(t *rapid.T, op *route.Operation, credentials map[string]func(*drawn)) drawn {
	r := drawn{method: op.Method, path: op.Path}
	query := url.Values{}
	draw := func(into url.Values, parameters []route.Parameter) {
		for _, p := range parameters {
			switch {
			case p.In == "path":
				id := drawText(t, p.Schema, p.Name)
				if p.Name == "cc" || p.Name == "ccId" || p.Name == "account_sid" {
					id = rapid.SampledFrom([]string{"6", "6", "6", exotelSID, exotelSID, "other", "nowhere"}).Draw(t, p.Name)
				}
				r.path = strings.ReplaceAll(r.path, "{"+p.Name+"}", url.PathEscape(id))
			case p.In == "query" && (p.Required || rapid.IntRange(0, 4).Draw(t, "with "+p.Name) == 0):
				into.Set(p.Name, drawText(t, p.Schema, p.Name))
			}
		}
	}
	draw(query, op.Parameters)
	if len(op.Bodies) > 0 {
		body := rapid.SampledFrom(op.Bodies).Draw(t, "body")
		r.headers = append(r.headers, "Content-Type", body.ContentType)
		r.body = drawBody(t, body, draw)
	}
	r.path += "?" + query.Encode()
	if len(op.Security) > 0 {
		name := rapid.SampledFrom(op.Security).Draw(t, "scheme")
		require.NotNil(t, credentials[name], "no credential for the scheme %q of %s", name, op.ID)
		credentials[name](&r)
	}
	if rapid.Bool().Draw(t, "compressed") {
		r.headers = append(r.headers, "Accept", rapid.SampledFrom([]string{"text/csv", "application/x-ndjson", "application/json"}).Draw(t, "accept"))
	}
	return r
}

func drawBody(t *rapid.T, body route.Body, draw func(url.Values, []route.Parameter)) string {
	if body.Parameters == nil {
		if body.Schema == nil || len(body.Schema.Fields) == 0 {
			return "{}"
		}
		fields := map[string]any{}
		for _, f := range body.Schema.Fields {
			if text := drawText(t, f.Schema, f.Name); slices.Contains(f.Schema.Types, "boolean") {
				fields[f.Name] = text == "true"
			} else {
				fields[f.Name] = text
			}
		}
		raw, err := json.Marshal(fields)
		require.NoError(t, err)
		return string(raw)
	}
	values := url.Values{}
	draw(values, body.Parameters)
	if strings.HasSuffix(body.ContentType, "form-urlencoded") {
		return values.Encode()
	}
	fields := map[string]any{}
	for name := range values {
		fields[name] = values.Get(name)
	}
	raw, err := json.Marshal(fields)
	require.NoError(t, err)
	return string(raw)
}

// chance is what is new in every answer.
var chance = regexp.MustCompile(`"(snapshot|request_id|access_token)": ?"[^"]*"`)

var chanceHeaders = []string{"Date", "X-Request-Id", "Content-Length", "Ratelimit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"}

// withoutChance is an answer without what chance put there.
func withoutChance(a answer) string {
	var out strings.Builder
	fmt.Fprintln(&out, a.StatusCode)
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		// Of streams the tag names the pinned state, which has a random name.
		if !slices.Contains(chanceHeaders, name) && (name != "Etag" || a.Header.Get("Content-Type") == "application/json") {
			fmt.Fprintln(&out, name, a.Header[name])
		}
	}
	out.WriteString(chance.ReplaceAllString(a.body, `"$1":"…"`))
	return out.String()
}

// Whatever a principal of one contact centre asks, of whichever operation there is, the answer is the same whether another contact centre
// with the very same ids is full of agents and calls or empty, and holds nothing that the other one said.
func TestTenancy_NoAnswerDependsOnAnotherContactCentre(t *testing.T) {
	crowded, alone := newWorld(t, "2026-11-21T12:00:00Z"), newWorld(t, "2026-11-21T12:00:00Z")
	crowded.fill(true)
	alone.fill(false)
	vonage := map[*world]string{crowded: crowded.vonageToken(), alone: alone.vonageToken()}
	clarity := map[*world]string{crowded: crowded.clarityToken("admin"), alone: alone.clarityToken("admin")}
	cookies := map[*world]string{crowded: crowded.sessionCookie(), alone: alone.sessionCookie()}
	as := func(w *world) map[string]func(*drawn) {
		header := func(value string) func(*drawn) {
			return func(r *drawn) { r.headers = append(r.headers, "Authorization", value) }
		}
		return map[string]func(*drawn){
			"token": header("Bearer " + nativeToken), "user": header("Bearer " + nativeToken), "ameyoBasic": header(basic(ameyoUser, ameyoPassword)),
			"exotelToken": header("Bearer " + exotelToken), "exotelKey": header("Bearer " + exotelToken), "vonageToken": header("Bearer " + vonage[w]),
			"clarityToken": header("Bearer " + clarity[w]), "clarityLogin": header(basic("admin", ameyoPassword)),
			"convosoToken": func(r *drawn) { r.path += "&auth_token=" + convosoToken },
			"session":      func(r *drawn) { r.headers = append(r.headers, "Cookie", cookies[w], "Sec-Fetch-Site", "same-origin") },
		}
	}
	// A stream does not end; it has a test of its own, TestStream_HoldsNothingOfAnotherContactCentre.
	operations := slices.DeleteFunc(slices.Clone(crowded.app.Registry().Operations()), func(op *route.Operation) bool { return op.ID == "stream" })
	answered := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		for _, op := range operations {
			r := drawRequest(t, op, as(crowded))
			a := crowded.do(r.method, r.path, r.body, r.headers...)
			if a.StatusCode < 300 {
				answered[op.ID]++
			}
			require.NotContains(t, fmt.Sprint(a.Header, a.body), mark, "%s %s", r.method, r.path)
			if op.ID == "getServerMetrics" {
				continue // the process's own figures
			}
			for i, h := range r.headers {
				h = strings.ReplaceAll(h, cookies[crowded], cookies[alone])
				h = strings.ReplaceAll(h, vonage[crowded], vonage[alone])
				r.headers[i] = strings.ReplaceAll(h, clarity[crowded], clarity[alone])
			}
			b := alone.do(r.method, r.path, r.body, r.headers...)
			require.Equal(t, withoutChance(b), withoutChance(a), "%s %s %s", r.method, r.path, r.body)
		}
	})
	require.NotContains(t, crowded.log.String(), mark)
	require.Contains(t, crowded.do("GET", "/v4/cc-list/other/monitoring/user-runtime-information", "", "Authorization", basic(other+ameyoUser, ameyoPassword)).body, mark,
		"the other one sees its own")
	require.Greater(t, len(answered), len(operations)*2/5, "too little was answered to say anything: %v", answered)
}
