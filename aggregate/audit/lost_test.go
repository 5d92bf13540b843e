package audit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/audit"
)

// lose drops all records before an offset, as Kafka does with those that are older than its retention.
func (l *log) lose(until int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = l.records[until-l.first:]
	l.first = until
}

// A worker that was away for longer than Kafka keeps records leaves a hole: audit knows it as a gap, holds what was written on both
// sides of it against the raw events, and excuses nothing that the hole does not.
func TestAudit_LostRecordsAreAKnownGap(t *testing.T) {
	slow(t)
	events := arrive(newFloor("6", 4, 4), 3, 5*minute)
	events = append(events, happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 7*hour, id: "end"})
	l := newLog(0)
	third := len(events) / 3
	l.add(events[:third]...)
	s := newSystem(t, l)
	s.once()
	const unread = 40
	l.add(events[third:]...)
	l.lose(int64(third + unread))
	s.once()

	r := s.audit()
	require.Empty(t, r.Differences)
	require.Zero(t, r.Total)
	require.Equal(t, l.end(), r.Checked[audit.CheckOffsets])
	for _, check := range []string{audit.CheckFacts, audit.CheckTiling, audit.CheckWindows} {
		require.Positive(t, r.Checked[check], check)
	}
	for _, d := range r.Explained {
		require.Contains(t, d.Explained, "records before it are lost", "%+v", d)
	}

	// After the hole, where only the raw events behind it count:
	s.mutate("interactions", "UPDATE end_reason = 'failed' WHERE end_reason = 'completed' AND start > toDateTime64('2026-09-22 03:00:00', 3, 'UTC')")
	r = s.audit()
	require.NotEmpty(t, r.Differences)
	for _, d := range r.Differences {
		require.True(t, d.Table == "interactions" && strings.Contains(d.What, "end_reason"), "%+v", d)
	}
	// And a gap that nobody noted is none:
	s.mutate("offset_gaps", "DELETE WHERE reason = 'lost'")
	require.Positive(t, s.audit().Total-r.Total)
}
