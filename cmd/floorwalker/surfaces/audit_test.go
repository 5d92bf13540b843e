package surfaces_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/query/auditlog"
)

// asks are operations that set nothing although they are no GET: questions in bodies, what carries subscriptions, and the batch, whose parts
// are kept one by one. Events are the platform's own words.
var asks = regexp.MustCompile(`^(postEvents|postMetrics|convosoSearchUserActivity|clarityBatch|clarityClientLog|clarity(agents|queues|Agent|Queue)\w*Post|` +
	`claritySubscribe\w+|clarityUpdateSubscription(Ids)?|clarityDeleteSubscription|claritySignalR\w+)$`)

func TestAudit_NoSurfacesOperationThatSetsSomethingIsForgotten(t *testing.T) {
	w := newWorld(t, "2026-11-21T12:00:00Z", func(s *setup) { s.push = true })
	kept := 0
	for _, op := range w.app.Registry().Operations() {
		if op.Audit != "" {
			kept++
		} else if op.Method != "GET" {
			require.Regexp(t, asks, op.ID, "this operation sets something and is not kept in the audit log")
		}
	}
	require.Greater(t, kept, 15)
}

// What clients of vendors' APIs set and who they are, parts of batches too.
func TestAudit_WhatVendorsClientsDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	w := supervised(t, "2016-10-28T10:00:00Z", func(s *setup) {
		var err error
		s.audit, err = auditlog.New(path, auditlog.Options{})
		require.NoError(t, err)
	})
	require.Equal(t, 204, w.clarity("admin", "POST", "/v2/agentStatus/update/5", `{"isSuspended":true}`).StatusCode)
	w.clarity("admin", "POST", "/v2/", `[{"method":"POST","relativeUrl":"agentStatus/update/5","body":{"isSuspended":false}}]`)
	w.do("POST", "/Auth/connect/token", "grant_type=client_credentials&client_id="+vonageID+"&client_secret=wrong", "Content-Type", "application/x-www-form-urlencoded")
	w.do("POST", "/Auth/connect/token", "grant_type=client_credentials&client_id="+vonageID+"&client_secret="+vonageSecret, "Content-Type", "application/x-www-form-urlencoded")
	w.do("GET", "/v1/user-activity/search?auth_token=wrong", "")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), vonageSecret)
	var got []string
	for line := range strings.Lines(string(raw)) {
		var e auditlog.Entry
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		got = append(got, strings.TrimSpace(e.Action+" "+e.Outcome+" "+e.Principal+" "+e.Target))
	}
	const set = " POST /webapi/api/v2/agentStatus/update/5"
	for _, want := range []string{"sign_in refused vonage/" + vonageID + " POST /Auth/connect/token", "sign_in ok vonage/" + vonageID + " POST /Auth/connect/token"} {
		require.Contains(t, got, want)
	}
	n := 0
	for _, e := range got {
		if strings.HasPrefix(e, "presence.set ok clarity/6/") && strings.HasSuffix(e, set) {
			n++
		}
	}
	require.Equal(t, 2, n, "%v", got)
	require.True(t, slices.ContainsFunc(got, func(e string) bool { return strings.HasPrefix(e, "sign_in ok clarity/6/") }), "%v", got)
	require.True(t, slices.ContainsFunc(got, func(e string) bool {
		return strings.HasPrefix(e, "sign_in refused") && strings.Contains(e, "user-activity")
	}), "%v", got)
}
