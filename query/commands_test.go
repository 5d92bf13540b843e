package query_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/command"
	"floorwalker/schema"
)

// fakeLog is Kafka and a live view that takes in at once what is written.
type fakeLog struct {
	f    *fixture
	fail error

	mu       sync.Mutex
	events   []schema.Event
	commands []schema.Command
}

func (l *fakeLog) Say(_ context.Context, ev *schema.Event, commands ...*schema.Command) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	l.events = append(l.events, *ev)
	for _, c := range commands {
		l.commands = append(l.commands, *c)
	}
	var said schema.Event
	var d schema.Decoder
	if err := d.DecodeStructured(schema.AppendStructured(nil, ev), &said); err != nil {
		return err
	}
	l.f.live.change(ev.ContactCenter, func(fl *schema.Floor) {
		row := schema.LiveAgent{ID: ev.Subject}
		if old, ok := fl.Agents.Get(ev.Subject); ok {
			row = *old
		}
		row.LastEvent = ev.Time
		if ev.Type == schema.AgentSuspended {
			row.Suspended = said.Suspended
		} else {
			row.Status, row.StatusSince = said.Status, ev.Time
			row.Presence = schema.LivePresence{Status: said.Status, Since: ev.Time, ReasonID: said.ReasonID, ReasonName: said.ReasonName, Description: said.Description}
		}
		fl.Agents.Set(ev.Subject, &row)
	})
	return nil
}

func (l *fakeLog) PutDirectory(_ context.Context, cc, kind, id string, data []byte) error {
	if l.fail != nil {
		return l.fail
	}
	return l.f.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: cc, Subject: id, Data: data})
}

func (l *fakeLog) DeleteDirectory(_ context.Context, cc, kind, id string) error {
	if l.fail != nil {
		return l.fail
	}
	return l.f.directory.Apply(&schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: cc, Subject: id, Deleted: true})
}

func newCommands(t *testing.T) (*fixture, *fakeLog) {
	l := &fakeLog{}
	l.f = newFixture(t, func(_ *query.Config, d *query.Deps) { d.Commands = command.New(d.Source, l, d.Now) })
	return l.f, l
}

func (f *fixture) put(path, body, as string) answer {
	f.t.Helper()
	return f.send("PUT", "/api/v1/contact-centers/6"+path, body, as, "Content-Type", "application/json")
}

func TestPutPresence_IsWrittenAndRead(t *testing.T) {
	f, l := newCommands(t)
	a := f.put("/agents/bob/presence", `{"status":"break","reason_id":"7","description":"tea \"now\""}`, "supervisor")
	require.Equal(t, 200, a.StatusCode, a.body)
	m := a.json(t)
	require.Equal(t, "bob", m["id"])
	require.Equal(t, map[string]any{"status": "break", "since": "2026-11-21T12:00:00.000Z", "reason": map[string]any{"id": "7", "name": "Coffee"}, "description": "tea \"now\""}, m["presence"])
	require.Len(t, l.events, 1)
	ev := l.events[0]
	require.Equal(t, "bob", ev.Subject)
	require.Equal(t, "6", ev.ContactCenter)
	require.Equal(t, "/floorwalker/api", ev.Source)
	require.JSONEq(t, `{"status":"break","reason":{"id":"7","name":"Coffee"},"description":"tea \"now\""}`, string(ev.Data))
	require.Len(t, l.commands, 1)
	require.Equal(t, "cc.command.agent_status", l.commands[0].Type)
	require.JSONEq(t, `{"status":"break","reason":{"id":"7","name":"Coffee"}}`, string(l.commands[0].Data))
	require.NotEqual(t, ev.ID, l.commands[0].ID)

	// By number; and what is set after something that lies ahead of the clock holds.
	f.live.change("6", func(fl *schema.Floor) {
		row, _ := fl.Agents.Get("cat")
		ahead := *row
		ahead.LastEvent = noon + 60_000
		fl.Agents.Set("cat", &ahead)
	})
	a = f.put("/agents/43/presence", `{"status":"logged_out"}`, "admin")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "cat", l.events[1].Subject)
	require.Equal(t, noon+60_001, l.events[1].Time)
	require.Equal(t, "logged_out", a.json(t)["status"])
}

func TestPutSuspended_IsWrittenAndRead(t *testing.T) {
	f, l := newCommands(t)
	for _, suspended := range []string{"true", "false"} {
		a := f.put("/agents/dan/suspended", `{"suspended":`+suspended+`}`, "supervisor")
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, suspended == "true", a.json(t)["suspended"])
	}
	require.Equal(t, schema.AgentSuspended, l.events[1].Type)
	require.Equal(t, l.events[0].Time+1, l.events[1].Time, "in the same millisecond")
	require.Equal(t, "cc.command.agent_suspended", l.commands[0].Type)
	require.JSONEq(t, `{"suspended":true}`, string(l.commands[0].Data))
}

func TestPutDirectory_IsWrittenAndRead(t *testing.T) {
	f, l := newCommands(t)
	a := f.put("/directory/queue/NEW%2F1", `{"name":"New","number":12,"team_ids":["T1"],"service_level_seconds":45}`, "admin")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, "NEW/1", a.json(t)["id"])
	require.EqualValues(t, 45, a.json(t)["service_level_seconds"])

	// What is shown can be written back, whole.
	shown := f.get("/directory/queue/12")
	a = f.put("/directory/queue/NEW%2F1", strings.Replace(shown.body, `"New"`, `"Newer"`, 1), "admin")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, strings.Replace(shown.body, `"New"`, `"Newer"`, 1), a.body)

	a = f.send("DELETE", "/api/v1/contact-centers/6/directory/queue/NEW%2F1", "", "admin")
	require.Equal(t, 204, a.StatusCode, a.body)
	require.Empty(t, a.body)
	require.Equal(t, 404, f.get("/directory/queue/12").StatusCode)
	require.Equal(t, 404, f.send("DELETE", "/api/v1/contact-centers/6/directory/queue/NEW%2F1", "", "admin").StatusCode)
	require.Empty(t, l.events, "the directory has a topic of its own")
}

func TestCommands_Refused(t *testing.T) {
	f, l := newCommands(t)
	for _, c := range []struct {
		path, body, as string
		status         int
		code           string
		parameter      string
	}{
		{"/agents/bob/presence", `{"status":"break"}`, "reader", 403, "forbidden", ""},
		{"/agents/bob/presence", `{"status":"break"}`, "producer", 403, "forbidden", ""},
		{"/agents/bob/suspended", `{"suspended":true}`, "reader", 403, "forbidden", ""},
		{"/directory/queue/IN", `{"name":"x","team_ids":[]}`, "supervisor", 403, "forbidden", ""},
		{"/agents/bob/presence", `{"status":"break"}`, "other", 404, "contact_center_not_found", ""},
		{"/agents/nobody/presence", `{"status":"break"}`, "supervisor", 404, "agent_not_found", ""},
		{"/agents/bob/presence", `{"status":"on_call"}`, "supervisor", 400, "bad_parameter", "status"},
		{"/agents/bob/presence", `{}`, "supervisor", 400, "bad_parameter", "status"},
		{"/agents/bob/presence", `{"status":"break","reason":"7"}`, "supervisor", 400, "unknown_parameter", "reason"},
		{"/agents/bob/presence", `{"status":"lunch","reason_id":"7"}`, "supervisor", 400, "bad_parameter", "reason_id"},
		{"/agents/bob/presence", `{"status":"break","reason_id":"8"}`, "supervisor", 400, "bad_parameter", "reason_id"},
		{"/agents/bob/presence", `{"status":"break","description":"` + strings.Repeat("x", 1025) + `"}`, "supervisor", 400, "bad_parameter", "description"},
		{"/agents/bob/suspended", `{"suspended":1}`, "supervisor", 400, "bad_parameter", "suspended"},
		{"/agents/bob/suspended", `{"suspended":true`, "supervisor", 400, "bad_body", ""},
		{"/directory/planet/x", `{"name":"x"}`, "admin", 404, "kind_not_found", ""},
		{"/directory/queue/IN", `{"name":"x","team_ids":[],"nmae":1}`, "admin", 400, "unknown_parameter", "nmae"},
		{"/directory/queue/IN", `{"name":7,"team_ids":[]}`, "admin", 400, "wrong_kind", "name"},
		{"/directory/queue/IN", `{"name":"x","name":"y","team_ids":[]}`, "admin", 400, "bad_parameter", "name"},
		{"/directory/queue/IN", `{"id":"OUT","name":"x","team_ids":[]}`, "admin", 400, "bad_parameter", "id"},
		{"/directory/queue/IN", `[]`, "admin", 400, "bad_body", ""},
		{"/directory/contact_center/7", `{"name":"x","time_zone":"UTC"}`, "admin", 400, "value_not_allowed", "subject"},
	} {
		a := f.put(c.path, c.body, c.as)
		require.Equal(t, c.status, a.StatusCode, "%s %s: %s", c.path, c.body, a.body)
		require.Equal(t, c.code, a.json(t)["code"], "%s %s: %s", c.path, c.body, a.body)
		if c.parameter != "" {
			require.Equal(t, c.parameter, a.json(t)["parameter"], "%s %s", c.path, c.body)
		}
	}
	require.Empty(t, l.events)

	for fail, code := range map[error]string{errors.New("no broker at kafka-secret:9092"): "kafka_unavailable", command.ErrNotApplied: "not_applied_yet"} {
		l.fail = fail
		for _, a := range []answer{f.put("/agents/bob/presence", `{"status":"break"}`, "supervisor"), f.put("/directory/queue/IN", `{"name":"x","team_ids":[]}`, "admin"),
			f.send("DELETE", "/api/v1/contact-centers/6/directory/queue/IN", "", "admin")} {
			require.Equal(t, 503, a.StatusCode, a.body)
			require.Equal(t, code, a.json(t)["code"])
			require.NotContains(t, a.body, "kafka-secret")
			require.NotEmpty(t, a.Header.Get("Retry-After"))
		}
	}
	none := newFixture(t)
	require.Equal(t, "commands_unavailable", none.put("/agents/bob/presence", `{"status":"break"}`, "supervisor").json(t)["code"])
}
