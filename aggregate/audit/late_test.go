package audit_test

import (
	"context"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/audit"
	"floorwalker/aggregate/backfill"
	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/refold"
)

// linkDown splits events: those of one agent and of every fifth interaction between an hour and an hour and a half come hours later.
// Interactions whose end never comes are not among them.
func linkDown(events []happening) (first, late []happening) {
	ended := map[string]bool{}
	for _, h := range events {
		ended[h.subject] = ended[h.subject] || h.kind == "interaction.ended"
	}
	for _, h := range events {
		down := h.t >= morning+hour && h.t < morning+hour+30*minute
		if down && (h.subject == "a2" || ended[h.subject] && h.subject[len(h.subject)-1]%5 == 0) {
			late = append(late, h)
		} else {
			first = append(first, h)
		}
	}
	return first, late
}

// requireSame compares what had ended, and windows that were complete, in two databases.
func requireSame(t *testing.T, got, want *system, cc string, until int64) {
	t.Helper()
	for _, table := range refold.Tables() {
		n, err := refold.Compare(context.Background(), got.conn, want.conn, table, refold.Range{ContactCenter: cc, Until: until}, func(d refold.Difference) error {
			if d.Row().Ended > until || d.Stored != nil && d.Wanted != nil && d.Wanted.Ended > until {
				return nil
			}
			stored, _ := refold.Says(context.Background(), got.conn, &d)
			wanted, _ := refold.Says(context.Background(), want.conn, &d)
			t.Errorf("%s %s: missing %v, extra %v, %v", table.Name, table.Entity(d.Row()), d.Missing(), d.Extra(), table.Columns(stored, wanted))
			return nil
		})
		require.NoError(t, err)
		require.Positive(t, n, table.Name)
	}
}

// What comes beyond the horizon is told apart and explained; after the backfill that the audit names, nothing differs, and history
// is that of one undisturbed pass.
func TestLateEvents_ExplainedThenBackfilled(t *testing.T) {
	slow(t)
	events := newFloor("6", 5, 4)
	end := happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 6*hour, id: "end"}
	reference := newLog(0)
	reference.add(append(events, end)...)
	want := newSystem(t, reference)
	want.once()

	first, late := linkDown(events)
	require.NotEmpty(t, late)
	l := newLog(0)
	l.add(first...)
	s := newSystem(t, l)
	s.once()
	l.add(late...)
	l.add(end)
	s.once()

	r := s.audit()
	require.Empty(t, r.Differences)
	require.NotEmpty(t, r.Explained, "windows do not hold what the late events would have counted")
	require.Len(t, r.Repairs, 1)
	repair := r.Repairs[0]
	require.Equal(t, "6", repair.ContactCenter)
	require.EqualValues(t, len(late), repair.Late)
	require.LessOrEqual(t, repair.From, late[0].t)

	done := s.backfill(func(c *backfill.Config) { c.ContactCenter, c.From = repair.ContactCenter, repair.From })
	require.Len(t, done.Partitions, 1)
	require.Positive(t, done.Partitions[0].Facts)
	require.Positive(t, done.Partitions[0].Windows)
	r = s.audit()
	clean(t, r)
	require.Empty(t, r.Repairs)
	until := r.ContactCenters[0].Until
	requireSame(t, s, want, "6", until)

	again := s.backfill(func(c *backfill.Config) { c.From = repair.From })
	require.Zero(t, again.Partitions[0].Facts+again.Partitions[0].Windows, "nothing is left to correct")
	clean(t, s.audit())
	clean(t, s.audit(func(c *audit.Config) { c.From, c.Until = morning+hour, morning+3*hour }))
	clean(t, s.audit(func(c *audit.Config) { c.From = morning + 5*hour }))
}

// A backfill that was broken off explains what it left; the audit names a command that does it again.
func TestBackfill_BrokenOffIsExplained(t *testing.T) {
	slow(t)
	first, late := linkDown(newFloor("6", 6, 3))
	l := newLog(0)
	l.add(first...)
	l.add(late...)
	l.add(happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 5*hour, id: "end"})
	s := newSystem(t, l)
	s.once()
	s.backfill(func(c *backfill.Config) { c.From = morning })
	clean(t, s.audit())
	s.mutate("backfills", "UPDATE finished_at = NULL WHERE 1") // as if it had been killed at its end
	r := s.audit()
	require.Empty(t, r.Differences)
	require.NotEmpty(t, r.Explained)
	require.NotEmpty(t, r.Repairs)
}

// A worker writes on while a backfill runs; both leave what one undisturbed pass would have made.
func TestBackfill_BesideAWorker(t *testing.T) {
	events := newFloor("6", 7, 5)
	first, late := linkDown(events)
	cut := before(first, morning+3*hour)
	l := newLog(0)
	l.add(first[:cut]...)
	l.add(late...)
	s := newSystem(t, l)
	stop := s.work()
	s.settle()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		for k := cut; k < len(first); k += 10 {
			l.add(first[k:min(k+10, len(first))]...)
			time.Sleep(5 * time.Millisecond) // the worker is to have something to do all the while
		}
	}()
	report := s.backfill(func(c *backfill.Config) { c.From = morning })
	<-fed
	l.add(happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 7*hour, id: "end"})
	s.settle()
	stop()
	require.Positive(t, report.Partitions[0].Windows)
	var n uint64
	require.NoError(t, s.conn.QueryRow(context.Background(), "SELECT count() FROM backfills FINAL WHERE isNotNull(finished_at) AND offset = {o:UInt64}",
		ch.Named("o", report.Partitions[0].Offset+1)).Scan(&n))
	require.EqualValues(t, 1, n)
	r := s.audit()
	clean(t, r)
	require.Empty(t, r.Repairs)

	reference := newLog(0)
	reference.add(append(events, happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 7*hour, id: "end"})...)
	want := newSystem(t, reference)
	want.once()
	// What went on when the backfill began stays as the worker has it.
	logs, err := refold.Logs(context.Background(), s.conn, s.store, topic, 0, time.Now())
	require.NoError(t, err)
	complete, err := refold.CompleteUntil(context.Background(), s.conn, engine.Config{}, logs[0], refold.Begin{}, "6", report.Partitions[0].Offset)
	require.NoError(t, err)
	require.Greater(t, complete["6"], morning+90*minute)
	requireSame(t, s, want, "6", complete["6"])
}

// An interaction that goes on is not corrected yet: that its windows are is explained.
func TestBackfill_WhatGoesOnIsExplained(t *testing.T) {
	l := newLog(0)
	call := func(id string, from int64, kind, data string) happening {
		return happening{cc: "6", kind: "interaction." + kind, subject: "i", data: data, t: morning + from*minute, id: id}
	}
	l.add(happening{cc: "6", kind: "agent.login", subject: "a", data: `{}`, t: morning, id: "in"},
		call("o", 2, "offered", `{"agent_id":"a"}`), call("c", 3, "connected", `{"agent_id":"a"}`),
		happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 4*hour, id: "end"},
		call("q", 1, "queued", `{"queue_id":"q"}`))
	s := newSystem(t, l)
	s.once()
	r := s.audit()
	clean(t, r)
	require.Len(t, r.Repairs, 1)
	s.backfill(func(c *backfill.Config) { c.From = r.Repairs[0].From })
	r = s.audit()
	require.Empty(t, r.Differences)
	require.NotEmpty(t, r.Explained)
	require.Contains(t, r.Explained[0].Explained, "interaction i goes on")
}
