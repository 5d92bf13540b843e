package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/history"
	"floorwalker/query/hub"
	"floorwalker/query/mask"
	"floorwalker/query/route"
	"floorwalker/schema"
)

// personal is in every text of the customer, and in no request.
const personal = "P3RSONAL"

// personalCall says something of its customer wherever that can be said.
func personalCall(id string) *schema.LiveInteraction {
	i := connectedCall()
	said := func(of schema.EventType, data string) schema.Annotation {
		return schema.Annotation{Interaction: id, Type: of, Time: ago(10 * time.Second), Source: "/acd", Data: []byte(strings.ReplaceAll(data, "X", personal))}
	}
	i.ID = id
	i.Customer = []byte(strings.ReplaceAll(`{"id":"X-id","name":"X name","phone":"X-phone","display_phone":"X-display","email":"X@example.com","address":"X",`+
		`"unique_identifier":"X","crt_object_id":"X","details":{"X":"X"},"hobby":"X"}`, "X", personal))
	i.ScreenPopURL, i.Gruu = "https://crm/"+personal, personal
	i.Notes = []schema.Annotation{said(schema.InteractionNote, `{"note":"X","agent_id":"ann"}`)}
	i.ExtraItems = []schema.ExtraItem{{Name: "order", Value: personal, Time: ago(time.Minute)}}
	i.Annotations = append(slices.Clone(i.Notes), said(schema.InteractionMessage, `{"from":"X","to":"X","text":"X","from_agent":false}`),
		said(schema.InteractionPrompt, `{"name":"account","value":"X"}`), said(schema.InteractionIVR, `{"node":"menu","result":"X","note":"X"}`),
		said(schema.InteractionUpdated, `{"customer":{"name":"X"},"screen_pop_url":"X","gruu":"X","X":"X"}`), said(schema.InteractionExtraItem, `{"name":"order","value":"X"}`))
	return i
}

// personalPast is a history of one such interaction.
type personalPast struct{ longPast }

func (h *personalPast) Interactions(context.Context, string, []history.InteractionKey) ([]*schema.LiveInteraction, error) {
	i := personalCall("past")
	i.Ended, i.State = noon, schema.StateEnded
	return []*schema.LiveInteraction{i}, nil
}

func (h *personalPast) Interaction(ctx context.Context, _, _ string) (*schema.LiveInteraction, bool, error) {
	all, err := h.Interactions(ctx, "", nil)
	return all[0], true, err
}

// masking hides customers from readers and shows supervisors all.
func masking(t testing.TB, show ...string) option {
	return func(c *query.Config, d *query.Deps) {
		m, err := mask.New(show)
		require.NoError(t, err)
		c.Masks = map[auth.Role]*mask.Mask{auth.Reader: m}
		d.History = &personalPast{longPast{n: 1}}
	}
}

func (f *fixture) fillPersonal() {
	f.live.change("6", func(fl *schema.Floor) {
		fl.Interactions.Set("call/1", personalCall("call/1"))
	})
}

// reads are the native API's operations that anybody who may read can ask.
func reads(f *fixture) (out []*route.Operation) {
	for _, op := range f.app.Registry().Operations() {
		if op.Surface.Tag == "native" && op.Method == "GET" && op.ID != "stream" {
			out = append(out, op)
		}
	}
	return out
}

var maskedIDs = []string{"ann", "call%2F1", "past", "IN", "C1", "41", "queue", "agent", "1001", "6"}

// drawRead is a request of one of the operations: right ones and wrong ones.
func drawRead(t *rapid.T, ops []*route.Operation) string {
	op := rapid.SampledFrom(ops).Draw(t, "operation")
	path, query := op.Path, []string(nil)
	for _, p := range op.Parameters {
		if p.In == "path" {
			id := rapid.SampledFrom(maskedIDs).Draw(t, p.Name)
			switch {
			case p.Name == "cc":
				id = "6"
			case strings.Contains(op.Path, "/interactions/"):
				id = rapid.SampledFrom([]string{"call%2F1", "past", "1001"}).Draw(t, p.Name)
			}
			path = strings.Replace(path, "{"+p.Name+"}", id, 1)
			continue
		}
		if !p.Required && !rapid.Bool().Draw(t, p.Name+" given") || rapid.IntRange(0, 9).Draw(t, p.Name+" seldom") > 3 && !p.Required {
			continue
		}
		var v string
		switch {
		case p.Name == "from":
			v = "now-1d"
		case p.Name == "to":
			v = "now"
		case p.Name == "format":
			v = rapid.SampledFrom([]string{"json", "ndjson", "csv"}).Draw(t, p.Name)
		case p.Name == "sort":
			v = rapid.SampledFrom([]string{"id", "screen_pop_url", "gruu:desc", "created", "state", "name"}).Draw(t, p.Name)
		case p.Name == "fields":
			v = rapid.SampledFrom([]string{"customer", "id,notes,extra_items", "interactions", "screen_pop_url,gruu"}).Draw(t, p.Name)
		case p.Schema.Enum != nil:
			v = rapid.SampledFrom(p.Schema.Enum).Draw(t, p.Name)
		default:
			v = rapid.SampledFrom([]string{"ann", "IN", "true", "5", "call/1"}).Draw(t, p.Name)
		}
		query = append(query, p.Name+"="+url.QueryEscape(v))
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return path
}

// Whatever a role asks for that customers are hidden from, and in whatever form, no byte of a customer comes.
func TestMasking_NoAnswerHoldsAnythingOfACustomer(t *testing.T) {
	f := newFixture(t, masking(t))
	f.fillPersonal()
	ops := reads(f)
	require.Greater(t, len(ops), 12)
	shown := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		path := drawRead(t, ops)
		a := f.do("GET", path, "reader")
		require.NotContains(t, a.body, personal, path)
		require.NotContains(t, fmt.Sprint(a.Header), personal, path)
		if all := f.do("GET", path, "supervisor"); strings.Contains(all.body, personal) {
			name, _, _ := strings.Cut(path, "?")
			shown[name] = true
			require.NotEqual(t, all.Header.Get("ETag"), a.Header.Get("ETag"), "what is hidden is no part of the tag either")
		}
	})
	const cc = "/api/v1/contact-centers/6"
	for _, path := range []string{"/interactions", "/interactions/call%2F1", "/interactions/past", "/agents", "/agents/ann", "/interactions?from=now-1d",
		"/interactions?format=csv", "/agents?format=ndjson", "/interactions?from=now-1d&format=ndjson", "/interactions?from=now-1d&format=csv"} {
		all, a := f.do("GET", cc+path, "supervisor"), f.do("GET", cc+path, "reader")
		require.Contains(t, all.body, personal, "a supervisor sees what a reader does not: %s", path)
		require.Equal(t, 200, a.StatusCode, a.body)
		require.NotEqual(t, all.Header.Get("ETag"), a.Header.Get("ETag"), path)
		require.NotContains(t, a.body, personal, path)
		require.Contains(t, a.body, "***", path)
	}
	require.NotEmpty(t, shown, "requests that show customers must be among those that are drawn")
}

// Who may ask whose a call is need not see it.
func TestMasking_NothingIsFilteredOrSortedByWhatIsHidden(t *testing.T) {
	f := newFixture(t, masking(t))
	f.fillPersonal()
	for _, path := range []string{"?customer=" + personal + "-id", "?customer_phone=" + personal + "-phone", "?customer_phone=x", "?sort=screen_pop_url", "?sort=gruu:desc"} {
		for _, past := range []string{"", "&from=now-1d"} {
			a := f.do("GET", "/api/v1/contact-centers/6/interactions"+path+past, "reader")
			require.Equal(t, 403, a.StatusCode, path+past)
			require.NotContains(t, a.body, personal)
			require.Equal(t, 200, f.do("GET", "/api/v1/contact-centers/6/interactions"+path+past, "supervisor").StatusCode, path+past)
		}
	}
	f = newFixture(t, masking(t, "id", "phone", "links"))
	f.fillPersonal()
	for _, path := range []string{"?customer=" + personal + "-id", "?customer_phone=" + personal + "-phone", "?sort=screen_pop_url"} {
		a := f.do("GET", "/api/v1/contact-centers/6/interactions"+path, "reader")
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Contains(t, a.ids(t), "call/1")
		require.Contains(t, a.body, personal+"-id")
		require.NotContains(t, a.body, personal+" name")
	}
}

// Rows are encoded once for all who look alike: whom something is hidden from looks otherwise.
func TestMasking_PushedRowsToo_ForEachAsTheRoleMay(t *testing.T) {
	p := newPushed(t, hub.Limits{}, masking(t))
	p.fillPersonal()
	const topics = "topics=interactions,agents"
	for _, as := range []string{"supervisor", "reader", "supervisor"} {
		e := p.listen(topics, "Authorization", "Bearer "+token(as))
		for range 2 {
			raw, err := json.Marshal(e.next().data)
			require.NoError(t, err)
			if as == "reader" {
				require.NotContains(t, string(raw), personal)
				require.Contains(t, string(raw), "***")
				continue
			}
			require.Contains(t, string(raw), personal)
		}
	}
	resp := p.open("topics=interactions&interactions.customer_phone=x")
	require.Equal(t, 403, resp.StatusCode)
	connection, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/stream?"+topics, map[string][]string{"Authorization": {"Bearer " + token("reader")}})
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
	for range 2 {
		_, raw, err := connection.ReadMessage()
		require.NoError(t, err)
		require.NotContains(t, string(raw), personal)
	}
	require.NoError(t, connection.WriteJSON(map[string]any{"type": "subscribe", "id": "x", "topic": "interactions", "query": map[string]any{"customer_phone": []string{"x"}}}))
	var refused struct {
		Problem struct {
			Status    int
			Parameter string
		}
	}
	for refused.Problem.Status == 0 { // rows may come before
		require.NoError(t, connection.ReadJSON(&refused))
	}
	require.Equal(t, 403, refused.Problem.Status)
	require.Equal(t, "customer_phone", refused.Problem.Parameter)
}
