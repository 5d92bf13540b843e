package query_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query"
	"floorwalker/query/auditlog"
	"floorwalker/query/auth"
	"floorwalker/query/command"
	"floorwalker/query/route"
)

// audited is a server that keeps an audit log.
func audited(t *testing.T, options ...option) (*fixture, func() []auditlog.Entry) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	hash, err := auth.HashPassword("right-password")
	require.NoError(t, err)
	l := &fakeLog{}
	l.f = newFixture(t, append([]option{func(_ *query.Config, d *query.Deps) {
		log, err := auditlog.New(path, auditlog.Options{Now: d.Now, Log: d.Logger, Metrics: d.Set})
		require.NoError(t, err)
		d.Audit, d.Commands = log, command.New(d.Source, l, d.Now)
		d.Authenticator, err = auth.New([]auth.Account{{ID: "supervisor", ContactCenter: "6", Role: auth.Supervisor, Tokens: []string{token("supervisor")}, PasswordHash: hash},
			{ID: "admin", ContactCenter: "6", Role: auth.Admin, Tokens: []string{token("admin")}}, {ID: "reader", ContactCenter: "6", Role: auth.Reader, Tokens: []string{token("reader")}}}, auth.Options{})
		require.NoError(t, err)
	}}, options...)...)
	return l.f, func() (out []auditlog.Entry) {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "token-0123456789", "never a secret")
		require.NotContains(t, string(raw), "password", "never a secret")
		for line := range strings.Lines(string(raw)) {
			var e auditlog.Entry
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			out = append(out, e)
		}
		return out
	}
}

func TestAudit_SignInsRightAndWrong(t *testing.T) {
	f, entries := audited(t)
	for range 5 {
		f.do("GET", "/api/v1/contact-centers/6/agents", "reader", "X-Request-Id", "r-1")
		f.do("GET", "/api/v1/contact-centers/6/agents", "wrong")
		f.do("GET", "/api/v1/contact-centers/6/agents", "")
	}
	f.do("GET", "/api/v1/contact-centers/6/agents", "", "Authorization", "Basic c3VwZXJ2aXNvcjp3cm9uZy1wYXNzd29yZA==") // supervisor:wrong-password
	f.do("GET", "/api/v1/contact-centers/6/agents", "", "Authorization", "Basic bm9ib2R5Ondyb25nLXBhc3N3b3Jk")         // nobody:wrong-password
	f.do("GET", "/healthz", "")
	got := entries()
	require.Len(t, got, 3, "one line for each credential that is in use, and for each kind of wrong ones; no credential is no try")
	ok, wrong, known := got[0], got[1], got[2]
	require.Equal(t, auditlog.Entry{Time: ok.Time, Action: "sign_in", Outcome: "ok", ContactCenter: "6", Principal: "reader", Target: "GET /api/v1/contact-centers/6/agents",
		Address: ok.Address, RequestID: "r-1"}, ok)
	require.NotEmpty(t, ok.Address)
	require.Equal(t, "refused", wrong.Outcome)
	require.Empty(t, wrong.Principal)
	require.Equal(t, "supervisor", known.Principal, "whose password is guessed is told, of configured users only")
}

func TestAudit_WhatIsSetAndByWhom(t *testing.T) {
	f, entries := audited(t)
	f.put("/agents/bob/presence", `{"status":"break","description":"my password"}`, "supervisor")
	f.put("/agents/bob/suspended", `{"suspended":true}`, "supervisor")
	f.put("/agents/nobody/suspended", `{"suspended":true}`, "supervisor")
	f.put("/agents/bob/presence", `{"status":"break"}`, "reader")
	f.put("/directory/queue/NEW", `{"name":"New","team_ids":[]}`, "admin")
	f.do("DELETE", "/api/v1/contact-centers/6/directory/queue/NEW", "admin")
	f.do("GET", "/api/v1/contact-centers/6/interactions", "reader")
	f.do("GET", "/api/v1/contact-centers/6/interactions?format=csv", "reader")
	f.do("GET", "/api/v1/contact-centers/6/agents?format=ndjson", "reader")
	f.do("GET", "/api/v1/contact-centers/6/agents?format=ndjson&fields=id,status", "reader")
	var got []string
	for _, e := range entries() {
		if e.Action != auditlog.SignIn {
			got = append(got, strings.Join([]string{e.Action, e.Outcome, e.Principal, e.ContactCenter, e.Target, e.Detail}, " | "))
		}
	}
	const at = "/api/v1/contact-centers/6"
	require.Equal(t, []string{
		"presence.set | ok | supervisor | 6 | PUT " + at + "/agents/bob/presence | ",
		"agent.suspend | ok | supervisor | 6 | PUT " + at + "/agents/bob/suspended | ",
		"agent.suspend | refused | supervisor | 6 | PUT " + at + "/agents/nobody/suspended | ",
		"presence.set | refused | reader | 6 | PUT " + at + "/agents/bob/presence | ",
		"directory.put | ok | admin | 6 | PUT " + at + "/directory/queue/NEW | ",
		"directory.delete | ok | admin | 6 | DELETE " + at + "/directory/queue/NEW | ",
		"interactions.export | ok | reader | 6 | GET " + at + "/interactions | csv",
		"agents.export | ok | reader | 6 | GET " + at + "/agents | ndjson",
	}, got)
}

// Each operation that may set something is kept, or is known to set nothing that people answer for.
func TestAudit_NoOperationThatSetsSomethingIsForgotten(t *testing.T) {
	f := newFixture(t, func(_ *query.Config, d *query.Deps) { d.Accounts = d.Authenticator.(*auth.Authenticator) })
	require.NotNil(t, f.operation("signIn"))
	none := []string{"postEvents", "postMetrics"} // a platform's own stream; a question in a body
	for _, op := range f.app.Registry().Operations() {
		if op.Method == "GET" || op.Audit != "" {
			continue
		}
		require.True(t, slices.Contains(none, op.ID), "%s is not kept in the audit log", op.ID)
	}
}

func TestAudit_FullDisk_RequestsGoOn(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	f, _ := audited(t, func(_ *query.Config, d *query.Deps) {
		log, err := auditlog.New("/dev/full", auditlog.Options{Log: d.Logger, Metrics: d.Set})
		require.NoError(t, err)
		d.Audit = log
	})
	require.Equal(t, 200, f.put("/agents/bob/suspended", `{"suspended":true}`, "supervisor").StatusCode)
	require.Contains(t, f.logged(), "action=agent.suspend")
	require.Contains(t, f.do("GET", "/metrics", "").body, "floorwalker_audit_entries_lost_total 2")
}

func (f *fixture) operation(id string) *route.Operation {
	for _, op := range f.app.Registry().Operations() {
		if op.ID == id {
			return op
		}
	}
	return nil
}
