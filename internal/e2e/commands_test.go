package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// What a client sets is shown by the next read, however fast it comes, holds against what the platform said before, and is told to
// the platform.
func TestCommands_SetAndReadAtOnce(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	put := func(role, path, body string) answer {
		return f.do(http.MethodPut, role, of(f.ContactCenter, path), []byte(body), "application/json")
	}
	a := put("admin", "directory/agent/zed", `{"name":"Zed","login":"zed","email":"zed@x","role":"agent","skills":[],"queue_ids":[],"campaign_ids":[]}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var agent struct {
		Name     string `json:"name"`
		Status   string `json:"status"`
		Presence struct {
			Status string    `json:"status"`
			Since  time.Time `json:"since"`
		} `json:"presence"`
		Suspended bool `json:"suspended"`
	}
	f.read("agents/zed", nil, &agent)
	require.Equal(t, "Zed", agent.Name)
	require.Equal(t, "logged_out", agent.Status)

	// Up to four minutes ahead of the clock is what the contract allows a producer.
	ahead := time.Now().Add(4 * time.Minute).Truncate(time.Millisecond)
	f.post(goodEvent(f.ContactCenter, "cc.agent.status", "zed", ahead, map[string]any{"status": "meeting"}))
	program.Eventually(t, 10*time.Second, "the platform's status", func() string {
		f.read("agents/zed", nil, &agent)
		if agent.Status != "meeting" {
			return agent.Status
		}
		return ""
	})
	for i, status := range []string{"break", "available", "lunch", "available", "training"} {
		a := put("supervisor", "agents/zed/presence", fmt.Sprintf(`{"status":%q}`, status))
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.NoError(t, json.Unmarshal(a.body, &agent))
		require.Equal(t, status, agent.Presence.Status)
		f.read("agents/zed", nil, &agent)
		require.Equal(t, status, agent.Presence.Status)
		require.Equal(t, ahead.Add(time.Duration(i+1)*time.Millisecond).UTC(), agent.Presence.Since.UTC())
	}
	require.Equal(t, http.StatusOK, put("supervisor", "agents/zed/suspended", `{"suspended":true}`).status)
	f.read("agents/zed", nil, &agent)
	require.True(t, agent.Suspended)

	var told []string
	for _, partition := range f.partitionsOf("cc.commands") {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{f.Kafka}, Topic: "cc.commands", Partition: partition, MaxWait: 100 * time.Millisecond})
		end, err := kafka.DialLeader(t.Context(), "tcp", f.Kafka, "cc.commands", partition)
		require.NoError(t, err)
		last, err := end.ReadLastOffset()
		require.NoError(t, err)
		require.NoError(t, end.Close())
		for range last {
			m, err := r.ReadMessage(t.Context())
			require.NoError(t, err)
			require.Equal(t, f.ContactCenter, string(m.Key))
			var c struct {
				Type    string         `json:"type"`
				Subject string         `json:"subject"`
				Data    map[string]any `json:"data"`
			}
			require.NoError(t, json.Unmarshal(m.Value, &c))
			told = append(told, fmt.Sprintf("%s %s %v", c.Type, c.Subject, cmp.Or(c.Data["status"], c.Data["suspended"])))
		}
		require.NoError(t, r.Close())
	}
	require.Equal(t, []string{"cc.command.agent_status zed break", "cc.command.agent_status zed available", "cc.command.agent_status zed lunch",
		"cc.command.agent_status zed available", "cc.command.agent_status zed training", "cc.command.agent_suspended zed true"}, told)

	require.Equal(t, http.StatusNoContent, f.do(http.MethodDelete, "admin", of(f.ContactCenter, "directory/agent/zed"), nil, "").status)
	f.read("agents/zed", nil, &agent)
	require.Equal(t, "zed", agent.Name, "events have named it")
}
