package audit_test

import (
	"context"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/backfill"
	"floorwalker/aggregate/epoch"
	"floorwalker/aggregate/worker"
)

// Partitions are added; the member that gets only new ones meets records in them before new-epoch is run.
func TestNewEpoch_NewPartitionsAreNotReadBefore(t *testing.T) {
	slow(t)
	events := day()
	want := undisturbed(t, events)
	s := newSystem(t, newLog(0), newLog(1))
	s.murmur2 = true
	third := len(events) / 3
	s.spread(events[:third])
	s.once()
	s.logs = append(s.logs, newLog(2), newLog(3))
	s.spread(events[third : 2*third])
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- s.worker().Own(ctx, worker.Generation{Total: 4, Partitions: []worker.Partition{s.logs[2], s.logs[3]},
			Commit: func(context.Context, map[int]int64) error { return nil }})
	}()
	select {
	case err := <-done:
		require.ErrorIs(t, err, worker.ErrNewEpoch)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "the owner of new partitions does not refuse")
	}
	cancel()
	require.ErrorIs(t, s.own(context.Background()), worker.ErrNewEpoch)
	_, err := s.newEpoch()
	require.NoError(t, err)
	s.spread(events[2*third:])
	s.once()
	s.requireRight(t, want)
}

// A worker that is killed after a backfill reads again what it had flushed before it; what was corrected stays so.
func TestBackfill_ThenKilled_StaysCorrected(t *testing.T) {
	slow(t)
	events := newFloor("6", 7, 5)
	first, late := linkDown(events)
	cut := before(first, morning+50*minute)
	l := newLog(0)
	l.add(first[:cut]...)
	s := newSystem(t, l)
	s.once()
	checkpoint := l.end()
	l.add(first[cut:]...)
	l.add(late...)
	l.add(happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 7*hour, id: "end"})
	s.once()
	s.backfill(func(c *backfill.Config) { c.From = morning })
	clean(t, s.audit())
	// Killed before the next checkpoint.
	require.NoError(t, s.conn.Exec(context.Background(), "ALTER TABLE checkpoints DELETE WHERE offset > {o:UInt64} SETTINGS mutations_sync = 1", ch.Named("o", checkpoint)))
	l.add(happening{cc: "6", kind: "agent.login", subject: "y", data: `{}`, t: morning + 7*hour, id: "end2"},
		happening{cc: "6", kind: "agent.login", subject: "x", data: `{}`, t: morning + 7*hour, id: "end3"})
	stop := s.work(func(c *worker.Config) { c.Flush, c.Checkpoint, c.MinPause = time.Second, 0, 0 }) // all of it in few flushes
	s.settle()
	stop()
	clean(t, s.audit())
}

// A new epoch after lost records: what began before the first event after them is still left as it was.
func TestNewEpoch_AfterLostRecords_WhatTheyHidIsLeftAlone(t *testing.T) {
	l := newLog(0)
	call := func(id string, at int64) []happening {
		i := func(n, kind, data string, at int64) happening {
			return happening{cc: "6", kind: "interaction." + kind, subject: id, data: data, t: at, id: id + n}
		}
		return []happening{i("q", "queued", `{"queue_id":"q"}`, at), i("e", "ended", `{"reason":"abandoned"}`, at+10_000)}
	}
	l.add(call("i1", morning+15*minute)...)
	l.add(call("i2", morning+15*minute+1000)...)
	l.add(call("i3", morning+15*minute+2000)...)
	s := newSystem(t, l)
	s.once()
	waits := func() (n int64) {
		require.NoError(t, s.conn.QueryRow(context.Background(), "SELECT toInt64(sum(abandoned)) FROM windows_1m FINAL WHERE agent = '' AND start = fromUnixTimestamp64Milli({s:Int64})",
			ch.Named("s", morning+15*minute)).Scan(&n))
		return n
	}
	require.EqualValues(t, 3, waits())
	l.add(call("i4", morning+16*minute)...)
	lost := l.end()
	l.add(call("i5", morning+20*minute)...)
	l.lose(lost)
	s.once()
	require.EqualValues(t, 3, waits())
	s.logs = append(s.logs, newLog(1))
	_, err := s.newEpoch(func(c *epoch.Config) { c.Land = func(string, int) (int, error) { return 0, nil } })
	require.NoError(t, err)
	l.add(call("i6", morning+15*minute+20_000)...) // late, within the horizon
	s.once()
	require.EqualValues(t, 3, waits(), "the minute was made of more than what came after the hole")
}
