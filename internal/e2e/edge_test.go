package e2e

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Values at the edge of what the contract allows are taken, kept and shown as they are.
func TestEvents_EdgeValues_TakenAndShown(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	at := time.Now().Add(-5 * time.Minute).Truncate(time.Millisecond)
	longest := strings.Repeat("é", 64) // 128 bytes
	odd := `a/b?c=d#e&f "g" \ % ☎ 'h'; DROP TABLE events --`
	event := func(after time.Duration, kind, subject string, data map[string]any) event {
		return goodEvent(f.ContactCenter, kind, subject, at.Add(after), data)
	}
	f.post(
		event(0, "cc.interaction.created", longest, map[string]any{"channel": "voice", "direction": "inbound", "number": math.MaxInt32}).with("sequence", strconv.FormatInt(math.MinInt64, 10)),
		event(0, "cc.interaction.queued", longest, map[string]any{"queue_id": odd, "priority": int64(math.MaxInt64)}).with("sequence", strconv.FormatInt(math.MaxInt64, 10)),
		event(time.Second, "cc.interaction.created", odd, map[string]any{"channel": "voice", "direction": "inbound"}),
		event(2*time.Second, "cc.interaction.queued", odd, map[string]any{"queue_id": odd, "priority": int64(math.MinInt64)}),
		event(2*time.Second, "cc.interaction.ivr", odd, map[string]any{"node": "menu", "duration_ms": int64(1) << 53}),
		// The same moment, written elsewhere on earth and finer than a millisecond.
		event(0, "cc.interaction.connected", odd, map[string]any{"agent_id": odd}).with("time", at.Add(5*time.Second+999*time.Microsecond).In(time.FixedZone("", 14*3600)).Format(time.RFC3339Nano)),
		event(65*time.Second, "cc.interaction.ended", odd, map[string]any{"reason": "completed"}),
		// Long before everything: too late for the fold, and nothing else suffers.
		goodEvent(f.ContactCenter, "cc.interaction.queued", "ancient", time.UnixMilli(0), map[string]any{"queue_id": odd}),
	)
	f.settle()
	require.Equal(t, 1, f.counted()["late"])

	var i struct {
		ID       string      `json:"id"`
		Number   int64       `json:"number"`
		Priority json.Number `json:"priority"`
	}
	f.read("interactions/"+url.PathEscape(longest), nil, &i)
	require.Equal(t, longest, i.ID)
	require.EqualValues(t, math.MaxInt32, i.Number)
	require.Equal(t, strconv.Itoa(math.MaxInt64), i.Priority.String())
	a := f.do(http.MethodGet, "reader", of(f.ContactCenter, "agents/"+url.PathEscape(odd)), nil, "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)

	from := at.Truncate(time.Hour).UTC()
	for _, source := range []url.Values{{"window": {"15m"}}, {"from": {from.Format(time.RFC3339)}, "to": {from.Add(2 * time.Hour).Format(time.RFC3339)}}} {
		source.Set("group_by", "queue")
		source.Set("queue", odd)
		source.Set("metrics", "offered,answered,wait,talk")
		rows, _ := f.metrics(source)
		require.Len(t, rows, 1, "%v", source)
		require.Equal(t, odd, rows[0].Group["queue"])
		v := values{t, rows[0].Values}
		require.EqualValues(t, 2, v.count("offered"))
		require.EqualValues(t, 1, v.count("answered"))
		require.Equal(t, tally{1, 3000, 3000}, v.tally("wait"))
		require.Equal(t, tally{1, 60000, 60000}, v.tally("talk"))
	}
}
