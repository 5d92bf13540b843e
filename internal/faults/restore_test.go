package faults

import (
	"fmt"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/program"
)

// A backup is made while workers write, and restored when more has come since. They go on from its checkpoints and read the rest from
// Kafka: nothing is missing, nothing is there twice.
func TestBackupRestored_WorkersMakeUpForTheRest(t *testing.T) {
	t.Parallel()
	events := 4_000
	if long() {
		events = 100_000
	}
	w := newWorld(t)
	l := newLoad(t, 32, 3, events)
	s := w.site("restored", l.centers)
	truth := w.undisturbed(l)
	out := writer(t, w.kafka.Addr(), s.topic())
	part := func(n int) {
		require.NoError(t, write(t.Context(), out, l.mixed[len(l.mixed)*n/4:len(l.mixed)*(n+1)/4]))
	}
	worker := s.start(options{roles: "worker", kafka: w.kafka.Addr(), house: w.clickHouse.Addr()})
	part(0)
	conn := s.conn()
	s.awaitHistory(conn, sharedWithin)
	program.Eventually(t, sharedWithin, "a checkpoint of what has come", func() string {
		var records int64
		err := conn.QueryRow(t.Context(), "SELECT toInt64(sum(at)) FROM (SELECT max(offset) AS at FROM checkpoints GROUP BY partition)").Scan(&records)
		return unless(err == nil && records > 0, fmt.Sprint(records, err))
	})

	// A backup into memory belongs to its session, hence to one connection.
	admin, err := ch.Open(&ch.Options{Addr: []string{w.clickHouse.Addr()}, MaxOpenConns: 1, MaxIdleConns: 1, ConnMaxLifetime: time.Hour})
	require.NoError(t, err)
	defer admin.Close()
	written := make(chan error, 1)
	go func() { written <- write(t.Context(), out, l.mixed[len(l.mixed)/4:len(l.mixed)/2]) }()
	// The checkpoints first: none may be newer than the rows beside it.
	require.NoError(t, admin.Exec(t.Context(), "BACKUP TABLE restored.checkpoints TO Memory('checkpoints')"))
	require.NoError(t, admin.Exec(t.Context(), "BACKUP DATABASE restored EXCEPT TABLES restored.checkpoints TO Memory('rest')"))
	require.NoError(t, <-written)
	part(2)
	s.awaitHistory(conn, sharedWithin)
	worker.Stop(time.Minute)

	require.NoError(t, admin.Exec(t.Context(), "DROP DATABASE restored SYNC"))
	require.NoError(t, admin.Exec(t.Context(), "RESTORE DATABASE restored FROM Memory('rest')"))
	require.NoError(t, admin.Exec(t.Context(), "RESTORE TABLE restored.checkpoints FROM Memory('checkpoints')"))
	restored, err := s.flushed(conn)
	require.NoError(t, err)
	require.Positive(t, sum(restored), "the backup holds nothing")
	require.Less(t, sum(restored), sum(s.ends()), "the backup is not older")
	worker = s.start(options{roles: "worker", kafka: w.kafka.Addr(), house: w.clickHouse.Addr()})
	part(3)
	s.awaitHistory(conn, sharedWithin)
	require.Less(t, worker.metric("floorwalker_ingest_records_total"), float64(sum(s.ends())), "it began with Kafka's first record, not with the backup's checkpoint")
	require.Zero(t, worker.metric("floorwalker_worker_lost_offsets_total"))
	worker.Stop(time.Minute)
	s.finish(conn, truth, l)
}

func sum(offsets map[int]int64) (n int64) {
	for _, at := range offsets {
		n += at
	}
	return n
}
