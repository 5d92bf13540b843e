package surfaces_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/floor"
	"floorwalker/query/hub"
	"floorwalker/query/native"
	"floorwalker/query/route"
	"floorwalker/query/stream"
	"floorwalker/schema/metric"
)

// pushWorld is a server and a hub over the real engine and live view; its clock stands still.
type pushWorld struct {
	*world
	hub    *hub.Hub
	app    *query.App
	topics map[string]stream.Topic
	cc     string // each check has one of its own
	calls  int
	open   []string // interactions of call
}

func newPushWorld(t *testing.T) *pushWorld {
	w := &pushWorld{world: newWorld(t, "2026-11-21T12:00:00Z"), topics: map[string]stream.Topic{}}
	authenticator, err := auth.New([]auth.Account{{ID: "root", ContactCenter: "*", Role: auth.Admin, Tokens: []string{nativeToken}}}, auth.Options{})
	require.NoError(t, err)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	w.hub, err = hub.New(hub.Config{Source: w.source, Now: w.now, Log: quiet})
	require.NoError(t, err)
	api, err := native.New(native.Deps{Source: w.source, Catalogue: metric.NewCatalogue(), Authenticator: authenticator, Now: w.now})
	require.NoError(t, err)
	for _, topic := range api.Topics(auth.Reader) {
		w.topics[topic.Name] = topic
	}
	w.app, err = query.New(query.Config{}, query.Deps{Source: w.source, Authenticator: authenticator, Set: metrics.NewSet(), Logger: quiet, Now: w.now,
		Readiness: func(context.Context) query.Readiness { return query.Readiness{} }})
	require.NoError(t, err)
	return w
}

// watched is what a subscription is about, and the list that says the same.
type watched struct{ topic, query, list string }

var watchable = []watched{
	{"agents", "", "/agents"},
	{"agents", "team=t0", "/agents"},
	{"agents", "queue=q0&status=available,on_call,ringing", "/agents"},
	{"agents", "channel=voice", "/agents"},
	{"agents", "status_longer_than=20", "/agents"},
	{"agents", "number=2,3&fields=name,status,interactions", "/agents"},
	{"agents", "id=a1,3&fields=today,status", "/agents"},
	{"agents", "logged_in=true&name=agent", "/agents"},
	{"interactions", "", "/interactions"},
	{"interactions", "state=waiting,ringing,connected", "/interactions"},
	{"interactions", "agent=a0,2", "/interactions"},
	{"interactions", "waiting_longer_than=15", "/interactions"},
	{"interactions", "queue=q1&fields=state,agents,wait_ms", "/interactions"},
	{"interactions", "customer=c1", "/interactions"},
	{"interactions", "id=i1,i2,1234", "/interactions"},
	{"queues", "", "/queues"},
	{"queues", "window=5m&team=t0", "/queues"},
	{"queues", "fields=waiting,longest_wait_ms,agents", "/queues"},
	{"campaigns", "", "/campaigns"},
	{"summary", "", "/agents/summary"},
	{"summary", "group_by=team&status=available,break", "/agents/summary"},
	{"summary", "group_by=queue", "/agents/summary"},
	{"metrics", "window=5m", "/metrics"},
	{"metrics", "group_by=queue&metrics=offered,answered,waiting,longest_wait_ms&window=today", "/metrics"},
	{"metrics", "group_by=agent&window=15m&metrics=status_ms.available,answered", "/metrics"},
}

// watcher rebuilds what it watches from messages alone.
type watcher struct {
	watched
	session *hub.Session
	every   time.Duration
	cursor  string
	rows    map[string]map[string]any
	resets  int
	heard   time.Time // when it last asked
}

func (w *pushWorld) come(t require.TestingT, c *watcher) {
	q := route.ParseQuery(c.query)
	require.NoError(t, q.Check(w.topics[c.topic].Parameters))
	feed, err := w.topics[c.topic].Feed(q, w.source.View(w.cc))
	require.NoError(t, err)
	c.session, err = w.hub.Open(hub.Subscriber{ContactCenter: w.cc})
	require.NoError(t, err)
	require.NoError(t, c.session.Subscribe(hub.Subscription{ID: "s", Topic: c.topic, Feed: feed, Interval: c.every, Cursor: c.cursor}))
}

func (c *watcher) leave() {
	c.session.Close()
	c.session = nil
}

// read takes one message in, if there is one.
func (c *watcher) read(t require.TestingT, now time.Time) bool {
	c.heard = now
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m, err := c.session.Next(ctx)
	if err != nil {
		require.ErrorIs(t, err, context.Canceled)
		return false
	}
	require.Nil(t, m.Problem)
	if m.Reset {
		c.rows = map[string]map[string]any{}
		c.resets++
	}
	var rows []map[string]any
	var removed []any
	require.NoError(t, json.Unmarshal(m.Rows, &rows), string(m.Rows))
	require.NoError(t, json.Unmarshal(m.Removed, &removed))
	for _, row := range rows {
		c.rows[identity(row)] = row
	}
	for _, id := range removed {
		raw, _ := json.Marshal(id)
		delete(c.rows, string(raw))
	}
	c.cursor = m.Cursor
	return true
}

// identity is what tells rows apart: the id, else the group.
func identity(row map[string]any) string {
	id, ok := row["id"]
	if !ok {
		id = row["group"]
	}
	raw, _ := json.Marshal(id)
	return string(raw)
}

// list is what the endpoint says, by identity.
func (w *pushWorld) list(t require.TestingT, c *watcher) (map[string]map[string]any, time.Time) {
	q, err := url.ParseQuery(c.query)
	require.NoError(t, err)
	if fields := q.Get("fields"); fields != "" {
		q.Set("fields", "id,"+fields)
	}
	q.Set("limit", "1000")
	r := httptest.NewRequest("GET", "/api/v1/contact-centers/"+w.cc+c.watched.list+"?"+q.Encode(), nil)
	r.Header.Set("Authorization", "Bearer "+nativeToken)
	resp, err := w.app.Fiber().Test(r, -1)
	require.NoError(t, err)
	defer resp.Body.Close()
	var body struct {
		Data     []map[string]any
		Metadata struct {
			AsOf time.Time `json:"as_of"`
		}
		Detail string
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
	require.Equal(t, 200, resp.StatusCode, body.Detail)
	out := map[string]map[string]any{}
	for _, row := range body.Data {
		delete(row, "status_age_ms")
		if !strings.Contains(c.query, "today") {
			delete(row, "today")
		}
		out[identity(row)] = row
	}
	return out, body.Metadata.AsOf
}

// aged turns the moments that pushed rows count from into the ages that lists show.
func aged(v any, asOf time.Time) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for n := range v {
			out[n] = aged(v[n], asOf)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			stem, isSince := strings.CutSuffix(name, "_since")
			if isSince && slices.Contains([]string{"wait", "longest_wait", "ring", "talk", "hold", "parked", "wrap"}, stem) && value != nil && (stem != "hold" || v["agent_id"] != nil) {
				at, err := time.Parse(time.RFC3339, value.(string))
				if err != nil {
					return err
				}
				out[stem+"_ms"] = float64(asOf.Sub(at).Milliseconds())
				continue
			}
			out[name] = aged(value, asOf)
		}
		return out
	}
	return v
}

func (w *pushWorld) compare(t *rapid.T, c *watcher) {
	want, asOf := w.list(t, c)
	got := map[string]map[string]any{}
	for id, row := range c.rows {
		got[id] = aged(row, asOf).(map[string]any)
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(want)))))) {
		pushed, _ := json.Marshal(got[id])
		listed, _ := json.Marshal(want[id])
		if !bytes.Equal(pushed, listed) {
			t.Fatalf("%s?%s\npushed: %s\nlisted: %s", c.topic, c.query, pushed, listed)
		}
	}
}

// random is a step of a random floor.
func (w *pushWorld) random(t *rapid.T) {
	agent := fmt.Sprint("a", rapid.IntRange(0, 4).Draw(t, "agent"))
	interaction := fmt.Sprint("i", rapid.IntRange(0, 5).Draw(t, "interaction"))
	queue := fmt.Sprint("q", rapid.IntRange(0, 2).Draw(t, "queue"))
	kinds := []struct{ typ, subject, data string }{
		{"agent.login", agent, `{"session_id":"s"}`},
		{"agent.logout", agent, `{"session_id":"s"}`},
		{"agent.status", agent, `{"status":"available"}`},
		{"agent.status", agent, `{"status":"break","reason_id":"7"}`},
		{"agent.suspended", agent, `{"suspended":true}`},
		{"agent.assignment", agent, `{"queue_ids":["` + queue + `"]}`},
		{"interaction.created", interaction, `{"channel":"voice","direction":"inbound","campaign_id":"c0","customer":{"id":"c1"}}`},
		{"interaction.created", interaction, `{"channel":"chat","direction":"inbound"}`},
		{"interaction.queued", interaction, `{"queue_id":"` + queue + `"}`},
		{"interaction.offered", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.declined", interaction, `{"agent_id":"` + agent + `","reason":"no_answer"}`},
		{"interaction.connected", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.held", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.resumed", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.updated", interaction, `{"priority":5,"customer":{"id":"c2"}}`},
		{"interaction.note", interaction, `{"note":"n","agent_id":"` + agent + `"}`},
		{"interaction.wrap_started", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.wrap_ended", interaction, `{"agent_id":"` + agent + `"}`},
		{"interaction.ended", interaction, `{"reason":"completed"}`},
	}
	k := rapid.SampledFrom(kinds).Draw(t, "event")
	w.eventOf(w.cc, "-"+fmt.Sprint(rapid.SampledFrom([]int{0, 0, 0, 1, 5, 30}).Draw(t, "late"))+"s", k.typ, k.subject, k.data)
}

// call has an agent log in and an interaction come to it, which goes on in one way or another.
func (w *pushWorld) call(t *rapid.T) {
	agent := fmt.Sprint("a", rapid.IntRange(0, 2).Draw(t, "agent"))
	w.calls++
	id := fmt.Sprint("call", w.calls)
	say := func(typ, subject, data string) { w.eventOf(w.cc, "-0s", typ, subject, data) }
	say("agent.login", agent, `{"session_id":"s"}`)
	say("agent.status", agent, `{"status":"available"}`)
	say("interaction.created", id, `{"channel":"voice","direction":"inbound","customer":{"id":"c1"}}`)
	say("interaction.queued", id, `{"queue_id":"q1"}`)
	say("interaction.offered", id, `{"agent_id":"`+agent+`"}`)
	for range rapid.IntRange(0, 3).Draw(t, "further") {
		say("interaction."+rapid.SampledFrom([]string{"declined", "connected", "held", "ended"}).Draw(t, "way"), id, `{"agent_id":"`+agent+`","reason":"no_answer"}`)
	}
	w.open = append(w.open, id)
}

// touch changes a call that came once.
func (w *pushWorld) touch(t *rapid.T) {
	if len(w.open) == 0 {
		return
	}
	id := rapid.SampledFrom(w.open).Draw(t, "call")
	kinds := []struct{ typ, data string }{
		{"interaction.updated", `{"customer":{"id":"c2","name":"Other"}}`},
		{"interaction.queued", `{"queue_id":"q0"}`},
		{"interaction.declined", `{"agent_id":"a0","reason":"no_answer"}`},
		{"interaction.connected", `{"agent_id":"a1"}`},
		{"interaction.ended", `{"reason":"completed"}`},
	}
	k := rapid.SampledFrom(kinds).Draw(t, "how")
	w.eventOf(w.cc, "-0s", k.typ, id, k.data)
}

func (w *pushWorld) sayRandom(t *rapid.T) {
	agent, team := rapid.IntRange(0, 5).Draw(t, "agent"), rapid.IntRange(0, 1).Draw(t, "team")
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		w.sayOf(w.cc, "team", fmt.Sprint("t", team), fmt.Sprintf(`{"name":"Team %d","business_unit_id":"BU","queue_ids":["q%d"]}`, team, rapid.IntRange(0, 2).Draw(t, "of")))
	case 1:
		w.sayOf(w.cc, "queue", "q0", fmt.Sprintf(`{"name":"Queue","business_unit_id":"BU","team_ids":["t%d"],"service_level_seconds":%d}`, team, 10+team))
	default:
		w.sayOf(w.cc, "agent", fmt.Sprint("a", agent), fmt.Sprintf(
			`{"number":%d,"name":"Agent %d","login":"l%d","email":"e","role":"agent","team_id":"t%d","skills":[],"queue_ids":[],"campaign_ids":[]}`, agent+1, agent, agent, team))
	}
}

// The promise of push: random floors, subscriptions, disconnects, resumptions in time and late, and readers who are slow, always leave a
// client that has read on with what the list says.
func TestPush_ClientHasWhatTheListSays(t *testing.T) {
	w := newPushWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		w.calls++
		w.cc = fmt.Sprint("cc", w.calls)
		w.open = nil
		w.sayOf(w.cc, "contact_center", w.cc, `{"name":"X","time_zone":"UTC"}`)
		w.sayRandom(t)
		clients := make([]*watcher, rapid.IntRange(1, 4).Draw(t, "clients"))
		for n := range clients {
			clients[n] = &watcher{watched: rapid.SampledFrom(watchable).Draw(t, "watched"),
				every: time.Duration(rapid.SampledFrom([]int{50, 250, 1000}).Draw(t, "interval")) * time.Millisecond}
			w.come(t, clients[n])
		}
		t.Repeat(map[string]func(*rapid.T){
			"events": func(t *rapid.T) {
				for range rapid.IntRange(1, 8).Draw(t, "events") {
					rapid.SampledFrom([]func(*rapid.T){w.random, w.call, w.touch, w.touch}).Draw(t, "what")(t)
				}
				w.settle()
			},
			"directory": w.sayRandom,
			"look":      func(*rapid.T) { w.hub.Look(w.cc) },
			"time": func(t *rapid.T) {
				w.advance(time.Duration(rapid.SampledFrom([]int{10, 300, 7_000, 70_000}).Draw(t, "ms")) * time.Millisecond)
			},
			"read": func(t *rapid.T) {
				if c := rapid.SampledFrom(clients).Draw(t, "client"); c.session != nil {
					c.read(t, w.now())
				}
			},
			"leave": func(t *rapid.T) {
				if c := rapid.SampledFrom(clients).Draw(t, "client"); c.session != nil {
					c.leave()
				}
			},
			"come": func(t *rapid.T) {
				c := rapid.SampledFrom(clients).Draw(t, "client")
				if c.session != nil {
					return
				}
				inTime, had := w.now().Sub(c.heard) <= hub.KeepFor && c.cursor != "" && !strings.HasSuffix(c.cursor, ".-"), c.resets
				w.come(t, c)
				w.hub.Look(w.cc)
				c.read(t, w.now())
				if inTime && c.resets != had {
					t.Fatalf("%s?%s: came back after %s and got the state again", c.topic, c.query, w.now().Sub(c.heard))
				}
			},
			"compare": func(t *rapid.T) {
				w.advance(time.Second)
				w.hub.Look(w.cc)
				for _, c := range clients {
					if c.session == nil {
						continue
					}
					for c.read(t, w.now()) {
					}
					w.compare(t, c)
				}
			},
		})
		for _, c := range clients {
			if c.session != nil {
				c.leave()
			}
		}
	})
}

// A window decides which queues there are, also for those who do not want its figures.
func TestQueueThatOnlyWindowsName_LeavesEveryFeed(t *testing.T) {
	for _, fields := range []string{"waiting,metrics", "waiting"} {
		t.Run(fields, func(t *testing.T) {
			w := newPushWorld(t)
			w.cc = "cc1"
			w.sayOf(w.cc, "contact_center", w.cc, `{"name":"X","time_zone":"UTC"}`)
			w.eventOf(w.cc, "-0s", "interaction.created", "i1", `{"channel":"voice","direction":"inbound"}`)
			w.eventOf(w.cc, "-0s", "interaction.queued", "i1", `{"queue_id":"q1"}`)
			w.advance(time.Second)
			w.eventOf(w.cc, "-0s", "interaction.ended", "i1", `{"reason":"completed"}`)
			w.settle()
			for w.source.View(w.cc).Floor.Interactions.Len() > 0 { // it leaves the floor a while after its end
				w.advance(time.Minute)
				w.eventOf(w.cc, "-0s", "agent.login", "a1", `{"session_id":"s"}`)
				w.settle()
			}
			c := &watcher{watched: watched{"queues", "fields=" + fields, "/queues"}, every: 250 * time.Millisecond}
			w.come(t, c)
			defer c.leave()
			for day, want := range [][]string{{`"q1"`}, {}} { // nothing happens in between
				w.advance(time.Duration(day) * 12 * time.Hour)
				for range 5 {
					w.advance(time.Second)
					w.hub.Look(w.cc)
					for c.read(t, w.now()) {
					}
				}
				listed, _ := w.list(t, c)
				require.ElementsMatch(t, want, slices.Collect(maps.Keys(listed)))
				require.ElementsMatch(t, want, slices.Collect(maps.Keys(c.rows)))
			}
		})
	}
}

// between calls before, once, as figures are asked for.
type between struct {
	*floor.Source
	before func()
}

func (b *between) Figures(v *floor.View, window string) *floor.Figures {
	if before := b.before; before != nil {
		b.before = nil
		before()
	}
	return b.Source.Figures(v, window)
}

func TestFiguresThatComeDuringALook_AreShownByQueues(t *testing.T) {
	for try := range 12 { // feeds of a look come in any order
		w := newPushWorld(t)
		b := &between{Source: w.source}
		var err error
		w.hub, err = hub.New(hub.Config{Source: b, Now: w.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
		require.NoError(t, err)
		w.cc = fmt.Sprint("cc", try)
		w.sayOf(w.cc, "contact_center", w.cc, `{"name":"X","time_zone":"UTC"}`)
		call := func(id string) {
			w.eventOf(w.cc, "-0s", "interaction.created", id, `{"channel":"voice","direction":"inbound"}`)
			w.eventOf(w.cc, "-0s", "interaction.queued", id, `{"queue_id":"q1"}`)
			w.eventOf(w.cc, "-0s", "interaction.offered", id, `{"agent_id":"a1"}`)
			w.eventOf(w.cc, "-0s", "interaction.connected", id, `{"agent_id":"a1"}`)
			w.settle()
		}
		call("i1")
		plain := &watcher{watched: watched{"queues", "fields=waiting", "/queues"}, every: 50 * time.Millisecond}
		full := &watcher{watched: watched{"queues", "fields=metrics", "/queues"}, every: 50 * time.Millisecond}
		w.come(t, plain)
		w.come(t, full)
		w.hub.Look(w.cc)
		for full.read(t, w.now()) {
		}
		w.advance(100 * time.Millisecond) // the figures are not old yet
		call("i2")
		b.before = func() { w.advance(floor.MetricsTTL) } // newer ones come while we look
		w.hub.Look(w.cc)
		for range 3 {
			w.advance(100 * time.Millisecond)
			w.hub.Look(w.cc)
			for full.read(t, w.now()) {
			}
		}
		want, _ := w.list(t, full)
		require.Equal(t, 2.0, at(t, want[`"q1"`], "metrics", "answered"))
		require.Equal(t, 2.0, at(t, full.rows[`"q1"`], "metrics", "answered"), "try %d", try)
		plain.leave()
		full.leave()
	}
}
