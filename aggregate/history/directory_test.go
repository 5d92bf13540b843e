package history

import (
	"context"
	"errors"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// Every version of an entity stays and can be asked for by time; reading the topic again adds nothing, and a failed write loses nothing.
func TestDirectory_KeepsVersions(t *testing.T) {
	conn := connect(t)
	down := 3
	conn.fail = func(string, int) error {
		if down--; down >= 0 {
			return errors.New("down")
		}
		return nil
	}
	d, err := NewDirectory(conn, config(nil))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan struct{})
	go func() { defer close(ended); d.Run(ctx) }()
	keep := func(offset int64, hour int64, data string) {
		t.Helper()
		require.NoError(t, d.Keep(ctx, &schema.Record{Topic: "cc.directory", Partition: 2, Offset: offset}, &schema.Event{Type: schema.EventDirectory,
			DirectoryKind: "agent", ContactCenter: "6", Subject: "a1", Time: noon + hour*3_600_000, Data: []byte(data), Deleted: data == ""}))
	}
	for range 2 {
		keep(4, 0, `{"team_id":"t1"}`)
		keep(9, 1, `{"team_id":"t2"}`)
		keep(11, 2, "")
		require.NoError(t, d.Flush(ctx))
	}
	require.EqualValues(t, 3, count(t, conn, "(SELECT count() FROM directory FINAL)"))
	team := func(at int64) (team string, deleted bool) {
		require.NoError(t, conn.QueryRow(ctx, `SELECT argMax(JSONExtractString(data, 'team_id'), time), argMax(deleted, time) FROM directory FINAL
			WHERE contact_center = '6' AND kind = 'agent' AND id = 'a1' AND time <= fromUnixTimestamp64Milli({at:Int64}, 'UTC')`,
			ch.Named("at", at)).Scan(&team, &deleted))
		return team, deleted
	}
	for at, want := range map[int64]string{noon: "t1", noon + 3_600_000 - 1: "t1", noon + 3_600_000: "t2", noon + 9_000_000: ""} {
		got, deleted := team(at)
		require.Equal(t, want, got)
		require.Equal(t, want == "", deleted)
	}
	keep(12, 3, `{"team_id":"t3"}`)
	require.Eventually(t, func() bool { return count(t, conn, "(SELECT count() FROM directory FINAL)") == 4 }, 20*time.Second, 20*time.Millisecond, "written by itself")
	require.EqualValues(t, 4, count(t, conn, "(SELECT countIf(processed_at > now() - INTERVAL 1 HOUR AND topic = 'cc.directory' AND partition = 2) FROM directory FINAL)"))
	stop()
	<-ended
}
