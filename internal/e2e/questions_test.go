package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// script writes a contact centre's events by the clock on the wall.
type script struct {
	t             *testing.T
	contactCenter string
	zone          *time.Location
	day           time.Time // local midnight
	events        []schema.Event
}

func (s *script) put(kind, id string, data string) {
	s.events = append(s.events, schema.Event{Type: schema.EventDirectory, DirectoryKind: kind, ContactCenter: s.contactCenter, Subject: id, Data: []byte(data)})
}

// at reads a time of the script's day, such as 14:05:30.
func (s *script) at(clock string) time.Time {
	layout := "15:04:05"
	wall, err := time.Parse(layout[:len(clock)], clock)
	require.NoError(s.t, err)
	y, m, d := s.day.Date()
	return time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, s.zone)
}

func (s *script) say(at time.Time, of schema.EventType, subject, data string) {
	s.events = append(s.events, schema.Event{ID: fmt.Sprintf("e%d", len(s.events)), Source: "/acd", Type: of, Subject: subject, ContactCenter: s.contactCenter,
		Time: at.UnixMilli(), Data: []byte(data)})
}

func (s *script) agent(clock, agent, status, reason string) {
	data := fmt.Sprintf(`{"status":%q}`, status)
	if reason != "" {
		data = fmt.Sprintf(`{"status":%q,"reason":{"id":%q}}`, status, reason)
	}
	s.say(s.at(clock), schema.AgentStatus, agent, data)
}

// phone is a call that came in at a time; seconds it waited, talked and wrapped. Without an agent it was abandoned; a call or wrap
// of no seconds still goes on.
type phone struct {
	id, clock, queue, agent string
	wait, talk, wrap        int
	caller, disposition     string
}

func (s *script) call(c phone) {
	at := s.at(c.clock)
	s.say(at, schema.InteractionCreated, c.id, fmt.Sprintf(`{"channel":"voice","direction":"inbound","call_id":"pbx-%s","campaign_id":"hotline","customer":{"id":"k-%s","name":%q,"phone":"+4930%s"}}`,
		c.id, c.id, c.caller, strings.Trim(c.id, "c")))
	s.say(at, schema.InteractionIVR, c.id, `{"node":"language","result":"de","duration_ms":1000}`)
	entered := at.Add(time.Second)
	s.say(entered, schema.InteractionQueued, c.id, fmt.Sprintf(`{"queue_id":%q}`, c.queue))
	if c.wait == 0 {
		return // still waits
	}
	answered := entered.Add(time.Duration(c.wait) * time.Second)
	if c.agent == "" {
		s.say(answered, schema.InteractionEnded, c.id, `{"reason":"abandoned","by":"customer"}`)
		return
	}
	of := fmt.Sprintf(`{"agent_id":%q}`, c.agent)
	s.say(answered.Add(-3*time.Second), schema.InteractionOffered, c.id, of)
	s.say(answered, schema.InteractionConnected, c.id, of)
	if c.talk == 0 {
		return
	}
	ended := answered.Add(time.Duration(c.talk) * time.Second)
	s.say(ended, schema.InteractionWrapStarted, c.id, of)
	s.say(ended, schema.InteractionEnded, c.id, `{"reason":"completed","by":"customer"}`)
	if c.disposition != "" {
		s.say(ended.Add(time.Second), schema.InteractionNote, c.id, fmt.Sprintf(`{"note":"promised a call back","agent_id":%q}`, c.agent))
		s.say(ended.Add(2*time.Second), schema.InteractionDisposition, c.id, fmt.Sprintf(`{"disposition_id":%q}`, c.disposition))
	}
	if c.wrap > 0 {
		s.say(ended.Add(time.Duration(c.wrap)*time.Second), schema.InteractionWrapEnded, c.id, of)
	}
}

// acme is the floor of docs/api.md: the day before, and the day itself up to half past two in Berlin.
func acme(t *testing.T) (events []schema.Event, now time.Time) {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	s := &script{t: t, contactCenter: "acme", zone: zone, day: time.Date(2026, 3, 9, 0, 0, 0, 0, zone)}
	s.put("contact_center", "acme", `{"name":"Acme","time_zone":"Europe/Berlin"}`)
	s.put("business_unit", "shop", `{"name":"Shop"}`)
	s.put("team", "service", `{"name":"Service","business_unit_id":"shop","queue_ids":["sales","support"]}`)
	s.put("team", "expert", `{"name":"Experts","business_unit_id":"shop","queue_ids":["support"]}`)
	s.put("queue", "sales", `{"name":"Sales","number":1,"team_ids":[]}`)
	s.put("queue", "support", `{"name":"Support","number":2,"team_ids":[]}`)
	s.put("campaign", "hotline", `{"name":"Hotline","queue_ids":["sales","support"]}`)
	s.put("reason_code", "7", `{"name":"Coffee","status":"break"}`)
	s.put("disposition", "solved", `{"name":"Solved","sub_dispositions":[]}`)
	for _, a := range [][3]string{{"anna", "Anna", "service"}, {"ben", "Ben", "service"}, {"carla", "Carla", "service"}, {"dora", "Dora", "expert"}, {"emil", "Emil", "expert"}} {
		s.put("agent", a[0], fmt.Sprintf(`{"name":%q,"login":%q,"email":"%s@acme.example","team_id":%q,"role":"agent","skills":[],"queue_ids":[],"campaign_ids":[]}`, a[1], a[0], a[0], a[2]))
	}

	for _, agent := range []string{"anna", "ben", "dora"} {
		s.agent("08:00", agent, "available", "")
	}
	s.agent("09:40", "anna", "break", "7")
	s.agent("09:55", "anna", "available", "")
	for _, c := range []phone{
		{id: "c101", clock: "08:10", queue: "sales", agent: "anna", wait: 12, talk: 240, wrap: 30, caller: "Kim"},
		{id: "c102", clock: "08:20", queue: "sales", agent: "ben", wait: 25, talk: 600, wrap: 60, caller: "Lou"},
		{id: "c103", clock: "08:31", queue: "support", agent: "dora", wait: 8, talk: 900, wrap: 120, caller: "Max", disposition: "solved"},
		{id: "c104", clock: "08:40", queue: "support", wait: 95, caller: "Noa"},
		{id: "c105", clock: "09:05", queue: "sales", agent: "anna", wait: 41, talk: 330, wrap: 15, caller: "Oda"},
		{id: "c106", clock: "09:12", queue: "sales", wait: 4, caller: "Pit"},
		{id: "c107", clock: "09:30", queue: "support", agent: "ben", wait: 130, talk: 420, wrap: 45, caller: "Quin"},
	} {
		s.call(c)
	}
	for _, agent := range []string{"anna", "ben", "dora"} {
		s.agent("12:00", agent, "logged_out", "")
	}

	s.day = s.day.AddDate(0, 0, 1)
	for _, agent := range []string{"anna", "ben", "carla", "dora", "emil"} {
		s.agent("08:00", agent, "available", "")
	}
	for _, c := range []phone{
		{id: "c201", clock: "09:00", queue: "sales", agent: "anna", wait: 10, talk: 200, wrap: 20, caller: "Kim"},
		{id: "c202", clock: "10:00", queue: "sales", agent: "ben", wait: 35, talk: 300, wrap: 40, caller: "Rita"},
		{id: "c203", clock: "11:00", queue: "sales", agent: "carla", wait: 28, talk: 180, wrap: 20, caller: "Sam"},
		{id: "c204", clock: "13:50", queue: "support", agent: "emil", wait: 50, talk: 400, wrap: 30, caller: "Tom"},
		{id: "c205", clock: "14:17", queue: "sales", agent: "anna", wait: 19, caller: "Uma"},
		{id: "c206", clock: "14:20", queue: "support", agent: "dora", wait: 15, talk: 510, caller: "Vic"},
		{id: "c207", clock: "14:21", queue: "support", wait: 60, caller: "Wim"},
		{id: "c208", clock: "14:28:15", queue: "support", caller: "Xena"},
		{id: "c209", clock: "14:29:20", queue: "support", caller: "Yann"},
	} {
		s.call(c)
	}
	s.agent("14:05", "ben", "break", "7")
	s.agent("14:20", "emil", "lunch", "")
	now = s.at("14:30")
	slices.SortStableFunc(s.events, func(a, b schema.Event) int { return int(a.Time - b.Time) })
	return s.events, now
}

// question is one of docs/api.md: a request and its answer.
type question struct {
	title, method, path, body, kind, answer string
	from, to                                int // where the answer stands in the page
}

var questionForm = regexp.MustCompile("(?s)\n### ([^\n]+)\n.*?```http\n(GET|PUT|POST) ([^\n]+)\n(?:\n(.*?)\n)?```\n\n```(json|csv|ndjson)\n(.*?)```\n")

func readQuestions(t *testing.T) (page string, out []question) {
	raw, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	require.NoError(t, err)
	page = string(raw)
	for at := strings.Index(page, "\n## How do I …"); at >= 0 && at < len(page); {
		m := questionForm.FindStringSubmatchIndex(page[at:])
		if m == nil {
			break
		}
		text := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return page[at+m[2*n] : at+m[2*n+1]]
		}
		out = append(out, question{text(1), text(2), text(3), text(4), text(5), text(6), at + m[12], at + m[13]})
		at += m[1] - 1
	}
	return page, out
}

var snapshots = regexp.MustCompile(`"snapshot":"[^"]+"`)

// shown is an answer as the page prints it: a row of a list per line, no token.
func shown(kind, body string) string {
	body = snapshots.ReplaceAllString(body, `"snapshot":"…"`)
	if kind != "json" {
		return strings.ReplaceAll(body, "\r\n", "\n")
	}
	var list struct {
		Data     []json.RawMessage `json:"data"`
		Metadata json.RawMessage   `json:"metadata"`
	}
	if json.Unmarshal([]byte(body), &list) != nil || list.Metadata == nil {
		return oneFieldPerLine(body)
	}
	rows := make([]string, len(list.Data))
	for i, row := range list.Data {
		rows[i] = "  " + string(row)
	}
	return "{\"data\": [\n" + strings.Join(rows, ",\n") + "\n ],\n \"metadata\": " + string(list.Metadata) + "}\n"
}

// oneFieldPerLine keeps the order of an object's fields.
func oneFieldPerLine(body string) string {
	d := json.NewDecoder(strings.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return body + "\n"
	}
	var lines []string
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return body + "\n"
		}
		lines = append(lines, fmt.Sprintf(" %q:%s", name, value))
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n}\n"
}

// Every question of docs/api.md is asked of the floor that the page describes, and answered as the page says. UPDATE_GOLDEN=1 writes
// the answers into the page.
func TestQuestions_AnsweredAsDocumented(t *testing.T) {
	page, questions := readQuestions(t)
	require.GreaterOrEqual(t, len(questions), 20)
	events, now := acme(t)
	s := newStage(t, "acme", now.Add(-time.Second))
	s.say(events...)
	s.settle(now)
	for i := len(questions) - 1; i >= 0; i-- { // backwards, so that places in the page stay; the ones that change something come first in it
		q := questions[i]
		status, _, body := s.ask(q.method, q.path, q.body)
		require.Equal(t, http.StatusOK, status, "%s\n%s %s: %s", q.title, q.method, q.path, body)
		got := shown(q.kind, body)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			page = page[:q.from] + got + page[q.to:]
			continue
		}
		require.Equal(t, q.answer, got, "%s\n%s %s", q.title, q.method, q.path)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(filepath.Join(root, "docs", "api.md"), []byte(page), 0o644))
	}
}
