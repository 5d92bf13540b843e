package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/btree"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/native"
	"floorwalker/schema"
	"floorwalker/schema/directory"
)

// noon is the moment that all fixtures are of: 2026-11-21T12:00:00Z, in Jerusalem 14:00.
const noon = int64(1795262400000)

func ago(d time.Duration) int64 { return noon - d.Milliseconds() }

// fakeLive holds hand-made floors.
type fakeLive struct {
	mu      sync.Mutex
	floors  map[string]*schema.Floor
	metrics map[string]schema.LiveMetrics
}

func (l *fakeLive) Pin(cc string) (*schema.Floor, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.floors[cc]
	return f, ok
}

func (l *fakeLive) Metrics(cc string, from, to int64) (schema.LiveMetrics, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.metrics[cc]
	m.From, m.To = from, to
	return m, ok
}

// change makes a new version of a floor, as the writer does: readers of the old one see nothing of it.
func (l *fakeLive) change(cc string, with func(*schema.Floor)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := *l.floors[cc]
	f.Agents, f.Interactions = f.Agents.Copy(), f.Interactions.Copy()
	f.Version++
	with(&f)
	l.floors[cc] = &f
}

func newFloor(cc string) *schema.Floor {
	return &schema.Floor{ContactCenter: cc, Version: 1, AsOf: noon, NewestEvent: noon - 5, CompleteUntil: noon - 3_660_000,
		Agents: &btree.Map[string, *schema.LiveAgent]{}, Interactions: &btree.Map[string, *schema.LiveInteraction]{}}
}

func loggedIn(id string, s schema.Status, since int64) *schema.LiveAgent {
	presence := s
	if !s.IsPresence() {
		presence = schema.Available
	}
	return &schema.LiveAgent{ID: id, Session: &schema.LiveSession{ID: "s-" + id, Since: since - 60_000}, Status: s, StatusSince: since,
		Presence: schema.LivePresence{Status: presence, Since: since}, WorkloadSince: since, LastEvent: since}
}

type recordedEvents struct {
	mu   sync.Mutex
	got  []string
	fail error
}

func (c *recordedEvents) Accept(_ context.Context, cc, contentType string, body []byte) (int, []native.Rejected, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, cc+" "+contentType+" "+string(body))
	return 1, []native.Rejected{{Index: 1, ID: "e2", Code: "unknown_type", Detail: "type"}}, c.fail
}

type fixture struct {
	t         testing.TB
	live      *fakeLive
	directory *directory.Store
	collector *recordedEvents
	readiness query.Readiness
	log       *strings.Builder
	logMu     sync.Mutex
	app       *query.App
	mu        sync.Mutex
	clock     time.Time
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

func (f *fixture) Write(p []byte) (int, error) {
	f.logMu.Lock()
	defer f.logMu.Unlock()
	return f.log.Write(p)
}

func (f *fixture) logged() string {
	f.logMu.Lock()
	defer f.logMu.Unlock()
	return f.log.String()
}

func (f *fixture) say(cc, kind, id, data string) {
	f.t.Helper()
	require.NoError(f.t, f.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: cc, Subject: id, Data: []byte(data)}))
}

func token(name string) string { return name + "-token-0123456789" }

// option changes what the server is made of.
type option func(*query.Config, *query.Deps)

func newFixture(t testing.TB, options ...option) *fixture {
	f := &fixture{t: t, directory: directory.NewStore(), collector: &recordedEvents{}, log: &strings.Builder{}, clock: time.UnixMilli(noon),
		live: &fakeLive{floors: map[string]*schema.Floor{"6": newFloor("6"), "7": newFloor("7")}, metrics: map[string]schema.LiveMetrics{}}}
	f.sayDirectory()
	f.fillFloor()
	f.fillOther()
	var accounts []auth.Account
	for _, role := range []auth.Role{auth.Reader, auth.Supervisor, auth.Producer, auth.Admin} {
		accounts = append(accounts, auth.Account{ID: string(role), ContactCenter: "6", Role: role, Tokens: []string{token(string(role))}})
	}
	accounts = append(accounts, auth.Account{ID: "root", ContactCenter: "*", Role: auth.Admin, Tokens: []string{token("root")}},
		auth.Account{ID: "other", ContactCenter: "7", Role: auth.Admin, Tokens: []string{token("other")}})
	authenticator, err := auth.New(accounts, auth.Options{})
	require.NoError(t, err)
	set := metrics.NewSet()
	c := query.Config{}
	d := query.Deps{Source: floor.NewSource(f.live, f.directory, []string{"configured"}, f.now),
		Authenticator: authenticator, Collector: f.collector, Readiness: func(context.Context) query.Readiness { return f.readiness },
		Set: set, Sets: []*metrics.Set{set}, Logger: slog.New(slog.NewTextHandler(f, nil)), Now: f.now}
	for _, change := range options {
		change(&c, &d)
	}
	f.app, err = query.New(c, d)
	require.NoError(t, err)
	return f
}

func (f *fixture) sayDirectory() {
	f.say("6", "contact_center", "6", `{"name":"Six","time_zone":"Asia/Jerusalem"}`)
	f.say("6", "business_unit", "BU", `{"name":"Unit"}`)
	f.say("6", "team", "T1", `{"name":"Team one","business_unit_id":"BU","queue_ids":["IN"]}`)
	f.say("6", "team", "T2", `{"name":"Team two","business_unit_id":"BU","queue_ids":[]}`)
	f.say("6", "group", "G1", `{"name":"Group","team_ids":["T1"]}`)
	f.say("6", "queue", "IN", `{"name":"Inbound","number":9,"team_ids":[],"business_unit_id":"BU","service_level_seconds":30}`)
	f.say("6", "queue", "OUT", `{"name":"Outbound","team_ids":[]}`)
	f.say("6", "campaign", "C1", `{"name":"Campaign","queue_ids":["IN"]}`)
	f.say("6", "reason_code", "7", `{"name":"Coffee","status":"break"}`)
	f.say("6", "call_flow", "F1", `{"name":"Main menu"}`)
	agent := func(id string, number int, name, team, more string) {
		f.say("6", "agent", id, fmt.Sprintf(`{"number":%d,"name":%q,"first_name":"F","login":"l-%s","email":"%s@x","team_id":%q,"role":"agent"%s}`, number, name, id, id, team, more))
	}
	agent("ann", 41, "Ann Äpfel", "T1", `,"skills":["en"],"queue_ids":["OUT"],"campaign_ids":[]`)
	agent("bob", 42, "Bob", "T1", `,"skills":["en","fr"],"queue_ids":[],"campaign_ids":[]`)
	agent("cat", 43, "Cat", "T2", `,"skills":[],"queue_ids":[],"campaign_ids":["C2"]`)
	agent("dan", 44, "Dan", "T2", `,"skills":[],"queue_ids":[],"campaign_ids":[]`)
	f.say("6", "agent", "eve", `{"name":"Eve","login":"eve","email":"e@x","role":"supervisor","skills":[],"queue_ids":[],"campaign_ids":[]}`)
}

// fillFloor: ann talks with a customer, bob is on a break, cat is available and suspended, dan never logged in, zoe is not in
// the directory and is offered a chat.
func (f *fixture) fillFloor() {
	fl := f.live.floors["6"]
	ann := loggedIn("ann", schema.OnCall, ago(time.Minute))
	ann.Live = 1
	ann.Parts = []schema.LivePart{{Interaction: "call/1", Channel: schema.ChannelVoice, Direction: schema.Inbound, State: schema.StateConnected,
		Since: ago(70 * time.Second), StateSince: ago(time.Minute), Connected: ago(time.Minute), Role: schema.RoleAgent, Primary: true}}
	bob := loggedIn("bob", schema.Break, ago(10*time.Minute))
	bob.Presence.ReasonID = "7"
	bob.Presence.Description = "back soon"
	cat := loggedIn("cat", schema.Available, ago(5*time.Minute))
	cat.Suspended = true
	cat.Assignment = &schema.LiveAssignment{QueueIDs: []string{"OUT"}, QueueID: "OUT"}
	zoe := loggedIn("zoe", schema.Ringing, ago(5*time.Second))
	zoe.Parts = []schema.LivePart{{Interaction: "chat-2", Channel: schema.ChannelChat, Direction: schema.Inbound, State: schema.StateRinging,
		Since: ago(5 * time.Second), StateSince: ago(5 * time.Second), Connected: schema.NoTime, Role: schema.RoleAgent}}
	for _, a := range []*schema.LiveAgent{ann, bob, cat, zoe} {
		fl.Agents.Set(a.ID, a)
	}
	fl.Interactions.Set("call/1", connectedCall())
	fl.Interactions.Set("chat-2", waitingChat())
	f.live.metrics["6"] = schema.LiveMetrics{AsOf: noon, CompleteUntil: noon - 3_660_000, Windows: liveWindows(),
		Days: []*schema.AgentDay{
			{Agent: "ann", Intervals: []schema.Stretch{{Start: ago(2 * time.Minute), End: ago(time.Minute), Status: schema.Available},
				{Start: ago(time.Minute), End: schema.Open, Status: schema.OnCall}}},
			{Agent: "bob", Intervals: []schema.Stretch{{Start: ago(10 * time.Minute), End: schema.Open, Status: schema.Break}}},
		}, Parts: pointers(connectedCall().Parts)}
}

func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for n := range list {
		out[n] = &list[n]
	}
	return out
}

func connectedCall() *schema.LiveInteraction {
	note := func(of schema.EventType, at int64, data string) schema.Annotation {
		return schema.Annotation{Type: of, Time: at, Source: "/acd", Data: []byte(data)}
	}
	notes := []schema.Annotation{note(schema.InteractionNote, ago(30*time.Second), `{"note":"calls \"again\"","agent_id":"ann"}`)}
	return &schema.LiveInteraction{
		Interaction: schema.Interaction{ID: "call/1", Number: 1001, Start: ago(90 * time.Second), Channel: schema.ChannelVoice, Direction: schema.Inbound,
			Kind: schema.KindQueued, CallID: "c-1", Campaign: "C1", Queue: "IN", FirstQueue: "IN", CallFlow: "F1", Priority: 3, Skills: []string{"en"},
			State: schema.StateConnected, StateSince: ago(time.Minute), Queued: ago(80 * time.Second), Connected: ago(time.Minute), Ended: schema.Open,
			PrimaryAgent: "ann", FirstAgent: "ann", Customer: []byte(`{"id":"cust-1","name":"Zoë","phone":"+15550100"}`), CanRecord: true},
		Parts: []schema.Part{{Interaction: "call/1", Agent: "ann", Start: ago(70 * time.Second), Queue: "IN", Campaign: "C1", Channel: schema.ChannelVoice,
			Direction: schema.Inbound, Role: schema.RoleAgent, Offered: ago(70 * time.Second), Connected: ago(time.Minute), Ended: schema.Open,
			WrapStarted: schema.NoTime, Finished: schema.Open, RingMs: 10_000, Primary: true, PrimarySince: ago(time.Minute),
			Segments: []schema.Segment{{State: schema.StateRinging, Since: ago(70 * time.Second), Until: ago(time.Minute), Role: schema.RoleAgent},
				{State: schema.StateConnected, Since: ago(time.Minute), Until: schema.Open, Role: schema.RoleAgent}}}},
		Visits: []schema.Visit{{Interaction: "call/1", Queue: "IN", Campaign: "C1", Channel: schema.ChannelVoice, Direction: schema.Inbound,
			Kind: schema.VisitFirst, Start: ago(80 * time.Second), End: ago(time.Minute), Outcome: schema.OutcomeAnswered, Agent: "ann"}},
		HoldSince: schema.NoTime, Notes: notes, Disposition: "D1", ExtraItems: []schema.ExtraItem{{Name: "order", Value: "77", Time: ago(40 * time.Second)}},
		Annotations: append([]schema.Annotation{
			note(schema.InteractionIVR, ago(88*time.Second), `{"node":"lang","result":"1","duration_ms":2000}`),
			note(schema.InteractionPrompt, ago(86*time.Second), `{"name":"account","value":"12345"}`),
			note(schema.InteractionMessage, ago(50*time.Second), `{"from":"ann","to":"c","text":"hello","from_agent":true}`),
			note(schema.InteractionDisposition, ago(20*time.Second), `{"disposition_id":"D1"}`)}, notes...),
	}
}

func waitingChat() *schema.LiveInteraction {
	return &schema.LiveInteraction{
		Interaction: schema.Interaction{ID: "chat-2", Start: ago(25 * time.Second), Channel: schema.ChannelChat, Direction: schema.Inbound,
			ChatID: "ch-2", Queue: "IN", FirstQueue: "IN", State: schema.StateRinging, StateSince: ago(5 * time.Second), Queued: ago(20 * time.Second),
			Connected: schema.NoTime, Ended: schema.Open},
		Parts: []schema.Part{{Interaction: "chat-2", Agent: "zoe", Start: ago(5 * time.Second), Queue: "IN", Channel: schema.ChannelChat, Direction: schema.Inbound,
			Role: schema.RoleAgent, Offered: ago(5 * time.Second), Connected: schema.NoTime, Ended: schema.Open, WrapStarted: schema.NoTime, Finished: schema.Open,
			Segments: []schema.Segment{{State: schema.StateRinging, Since: ago(5 * time.Second), Until: schema.Open, Role: schema.RoleAgent}}}},
		Visits: []schema.Visit{{Interaction: "chat-2", Queue: "IN", Channel: schema.ChannelChat, Direction: schema.Inbound, Kind: schema.VisitFirst,
			Start: ago(20 * time.Second), End: schema.Open}},
		HoldSince: schema.NoTime,
	}
}

func distribution(ms ...int64) schema.Distribution {
	var d schema.Distribution
	for _, v := range ms {
		d.Add(schema.Distribution{Count: 1, Sum: v, Max: v, Log: []schema.Bin{{Key: schema.Bucket(v), N: 1}}, Seconds: []schema.Bin{{Key: schema.SecondsKey(v), N: 1}}})
	}
	return d
}

func liveWindows() []*schema.Window {
	queue := schema.Window{Dims: schema.Dims{ContactCenter: "6", Queue: "IN", Campaign: "C1", Channel: schema.ChannelVoice, Direction: schema.Inbound}}
	queue.Counts[schema.CountOffered], queue.Counts[schema.CountAnswered], queue.Counts[schema.CountAbandoned] = 4, 3, 1
	queue.Measures[schema.MeasureWait] = distribution(10_000, 20_000, 40_000)
	queue.Measures[schema.MeasureAbandonWait] = distribution(4_000)
	queue.Measures[schema.MeasureHandle] = distribution(60_000, 60_000, 60_000, 60_000, 60_000)
	agent := schema.Window{Dims: schema.Dims{ContactCenter: "6", Agent: "ann", Queue: "IN", Campaign: "C1", Channel: schema.ChannelVoice, Direction: schema.Inbound}}
	agent.Counts[schema.CountOffered], agent.Counts[schema.CountAnswered] = 3, 2
	agent.Measures[schema.MeasureTalk] = distribution(50_000, 70_000)
	return []*schema.Window{&queue, &agent}
}

// fillOther gives contact centre 7 entities of the same ids, all marked.
func (f *fixture) fillOther() {
	const mark = "MARKED7"
	f.say("7", "contact_center", "7", `{"name":"`+mark+`","time_zone":"UTC"}`)
	f.say("7", "queue", "IN", `{"name":"`+mark+`","team_ids":[]}`)
	f.say("7", "agent", "ann", `{"name":"`+mark+`","login":"`+mark+`","email":"`+mark+`","role":"agent","skills":["`+mark+`"],"queue_ids":[],"campaign_ids":[]}`)
	fl := f.live.floors["7"]
	ann := loggedIn("ann", schema.Lunch, noon)
	ann.Presence.Description = mark
	fl.Agents.Set("ann", ann)
	call := connectedCall()
	call.CallID, call.Customer = mark, []byte(`{"id":"`+mark+`"}`)
	fl.Interactions.Set("call/1", call)
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &m), a.body)
	return m
}

func (a answer) ids(t *testing.T) []string {
	t.Helper()
	require.Equal(t, 200, a.StatusCode, a.body)
	ids := []string{}
	for _, row := range a.json(t)["data"].([]any) {
		ids = append(ids, row.(map[string]any)["id"].(string))
	}
	return ids
}

func (f *fixture) do(method, path, as string, headers ...string) answer {
	f.t.Helper()
	return f.send(method, path, "", as, headers...)
}

func (f *fixture) send(method, path, body, as string, headers ...string) answer {
	f.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+token(as))
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := f.app.Fiber().Test(r, -1)
	require.NoError(f.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return answer{resp, string(raw)}
}

func (f *fixture) get(path string) answer {
	f.t.Helper()
	return f.do("GET", "/api/v1/contact-centers/6"+path, "reader")
}
