package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/audit"
)

// twoPartitions is a system with three contact centres of the same ids, whose events came within the horizon, some twice, some of
// them unreadable.
func twoPartitions(t *testing.T) *system {
	a, b := newLog(0), newLog(1)
	a.add(arrive(append(newFloor("6", 1, 5), newFloor("7", 2, 5)...), 1, 40*minute)...)
	a.add(happening{cc: "6", kind: "agent.status", subject: "a1", data: `{"status":"nonsense"}`, t: morning + 5*hour, id: "bad"})
	a.add(happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 6*hour, id: "end"})
	b.add(arrive(newFloor("8", 3, 3), 2, 10*minute)...)
	return newSystem(t, a, b)
}

func TestAudit_CleanRunIsClean(t *testing.T) {
	s := twoPartitions(t)
	s.once()
	r := s.audit()
	clean(t, r)
	require.Len(t, r.Partitions, 2)
	require.Len(t, r.ContactCenters, 3)
	require.EqualValues(t, s.logs[0].end()+s.logs[1].end(), r.Checked[audit.CheckOffsets])
	for _, check := range []string{audit.CheckFacts, audit.CheckTiling, audit.CheckVisits, audit.CheckWindows} {
		require.Positive(t, r.Checked[check], check)
	}
	require.Empty(t, r.Repairs)
	require.Zero(t, r.Since)
}

// one is a small system whose last event lets the hours before be complete.
func one(t *testing.T) *system {
	l := newLog(0)
	l.add(arrive(newFloor("6", 4, 2), 3, 10*minute)...)
	l.add(happening{cc: "6", kind: "agent.status", subject: "a1", data: `{"status":"nonsense"}`, t: morning + 2*hour, id: "bad"})
	l.add(happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 4*hour, id: "end"})
	return newSystem(t, l)
}

// Each way of falsifying history by hand is found, and named with what it is about.
func TestAudit_NamesEachCorruption(t *testing.T) {
	slow(t)
	type want struct{ check, table, entity, what string }
	cases := map[string]struct {
		corrupt func(s *system)
		wants   []want
	}{
		"a raw event is deleted": {func(s *system) {
			s.mutate("events", "DELETE WHERE subject = 'i9' AND type = 'cc.interaction.connected'")
		}, []want{{audit.CheckOffsets, "", "cc.events/0 offset", "neither a raw event"}, {audit.CheckFacts, "interaction_parts", "interaction i9", "connected is"}}},
		"two dead letters are one": {func(s *system) { s.mutate("dead_letters", "DELETE WHERE 1") }, []want{
			{audit.CheckOffsets, "", "cc.events/0 offset", "neither a raw event nor a dead letter"}}},
		"an offset holds two events": {func(s *system) {
			s.exec("INSERT INTO events SELECT * REPLACE ('9' AS contact_center) FROM events WHERE offset = 50")
		}, []want{{audit.CheckOffsets, "", "cc.events/0 offset 50", "stored 2 times"}}},
		"a talk lasts longer": {func(s *system) {
			s.mutate("interaction_parts", "UPDATE talk_ms = talk_ms + 1 WHERE interaction = 'i5' AND talk_ms > 0")
		}, []want{{audit.CheckFacts, "interaction_parts", "interaction i5", "talk_ms is "}, {audit.CheckWindows, "windows_1m", "agent a", "talk is 1 of "}}},
		"a window is dropped": {func(s *system) {
			s.mutate("windows_1m", "DELETE WHERE (start, agent, queue) = (SELECT min(start), 'a2', any(queue) FROM windows_1m WHERE agent = 'a2' AND talk_count > 0 GROUP BY start ORDER BY start LIMIT 1)")
		}, []want{{audit.CheckFacts, "windows_1m", "agent a2", "missing"}, {audit.CheckWindows, "windows_1m", "agent a2", "talk is 0 of 0 ms"}}},
		"an interval is there twice": {func(s *system) {
			s.exec("INSERT INTO agent_intervals SELECT * REPLACE (start + INTERVAL 1 SECOND AS start) FROM agent_intervals FINAL WHERE kind = 'status' AND agent = 'a3' AND NOT deleted AND end > start + INTERVAL 2 SECOND ORDER BY start LIMIT 1")
		}, []want{{audit.CheckTiling, "agent_intervals", "agent a3", "status overlaps"}, {audit.CheckFacts, "agent_intervals", "agent a3", "raw events do not make it"}}},
		"an interval is lost": {func(s *system) {
			s.mutate("agent_intervals", "UPDATE deleted = true WHERE kind = 'status' AND agent = 'a3' AND start = (SELECT min(start) FROM agent_intervals WHERE kind = 'status' AND agent = 'a3' AND isNotNull(end))")
		}, []want{{audit.CheckTiling, "agent_intervals", "agent a3", "without an interval of status"}, {audit.CheckFacts, "agent_intervals", "agent a3", "deleted"}}},
		"logged in without status": {func(s *system) {
			s.mutate("agent_intervals", "UPDATE end = end - INTERVAL 1 MILLISECOND WHERE kind = 'workload' AND agent = 'a1' AND end > start + INTERVAL 2 SECOND AND start < toDateTime64('2026-09-22 00:50:00', 3, 'UTC')")
		}, []want{{audit.CheckTiling, "agent_intervals", "agent a1", "without an interval of workload"}}},
		"an offer too many": {func(s *system) {
			s.mutate("windows_15m", "UPDATE offered = offered + 1 WHERE agent = '' AND queue = 'q1' AND start = toDateTime('2026-09-22 00:30:00', 'UTC')")
		}, []want{{audit.CheckVisits, "windows_15m", "queue q1", "waiting +"}, {audit.CheckWindows, "windows_15m", "queue q1", "offered is"}}},
		"a maximum is another": {func(s *system) {
			s.mutate("windows_15m", "UPDATE wait_max = wait_max + 1 WHERE wait_count > 0 AND start = toDateTime('2026-09-22 00:30:00', 'UTC')")
		}, []want{{audit.CheckWindows, "windows_15m", "queue q", "at most"}, {audit.CheckFacts, "windows_15m", "queue q", "wait_max is"}}},
		"a histogram is another": {func(s *system) {
			s.mutate("windows_1m", "UPDATE ring_log = mapAdd(ring_log, map(3::UInt16, 1::UInt32)) WHERE ring_count > 0 AND agent = 'a1'")
		}, []want{{audit.CheckWindows, "windows_1m", "agent a1", "the histogram of ring"}, {audit.CheckFacts, "windows_1m", "agent a1", "ring_log is"}}},
		"an invented interaction": {func(s *system) {
			s.exec("INSERT INTO interactions SELECT * REPLACE ('ghost' AS id) FROM interactions FINAL WHERE number = 0 LIMIT 1")
		}, []want{{audit.CheckFacts, "interactions", "ghost", "raw events do not make it"}}},
		"a contact centre that nobody named": {func(s *system) {
			s.exec("INSERT INTO queue_visits SELECT * REPLACE ('66' AS contact_center) FROM queue_visits FINAL LIMIT 1")
		}, []want{{audit.CheckFacts, "queue_visits", "contact centre 66", "no raw event names it"}}},
	}
	s := one(t)
	s.once()
	clean(t, s.audit())
	for _, c := range cases {
		c.corrupt(s)
	}
	r := s.audit(func(c *audit.Config) { c.MaxDifferences = 10_000 })
	require.EqualValues(t, len(r.Differences), r.Total)
	require.Empty(t, r.Explained)
	for name, c := range cases {
		for _, w := range c.wants {
			require.True(t, slices.ContainsFunc(r.Differences, func(d audit.Difference) bool {
				return d.Check == w.check && d.Table == w.table && strings.Contains(d.Entity, w.entity) && strings.Contains(d.What, w.what)
			}), "%s: %+v among %+v", name, w, r.Differences)
		}
	}
	again := s.audit(func(c *audit.Config) { c.MaxDifferences = 10_000 })
	require.Equal(t, r.Differences, again.Differences, "an audit of the same data says the same")
	few := s.audit(func(c *audit.Config) { c.MaxDifferences = 50 })
	require.Equal(t, r.Differences[:50], few.Differences, "with what is wrong")
	require.Equal(t, r.Total, few.Total, "those that are not listed are counted")
}

// What ClickHouse may have dropped, because it keeps rows for so many days of event time, is not judged.
func TestAudit_ExpiredIsNotJudged(t *testing.T) {
	s := one(t)
	s.once()
	s.logs[0].add(happening{cc: "6", kind: "agent.logout", subject: "z", data: `{}`, t: morning + 5*hour, id: "more"})
	s.once() // another checkpoint, after all that expires
	s.mutate("events", "DELETE WHERE time < toDateTime('2026-09-22 00:40:00', 'UTC')")
	s.mutate("windows_1m", "DELETE WHERE start < toDateTime('2026-09-22 00:30:00', 'UTC')")
	expire := func(c *audit.Config) {
		c.RawDays, c.RowDays = 10, 10
		c.Now = func() time.Time { return time.UnixMilli(morning).AddDate(0, 0, 9).Add(100 * time.Minute) }
	}
	require.NotZero(t, s.audit().Total)
	r := s.audit(expire)
	require.Empty(t, r.Differences)
	require.NotEmpty(t, r.Explained)
	require.Positive(t, r.Partitions[0].From, "it begins with a checkpoint")
}
