package clickhouse

import (
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// An INSERT of many rows goes out in pieces, each of which has its own dictionaries and counts its arrays' values from its own
// beginning; ClickHouse makes one part of them.
func TestInsert_ManyPieces(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	const rows = 2*PieceRows + 5
	first, second := NewInteractionParts(), NewInteractionParts()
	for i := range rows {
		part := schema.Part{ContactCenter: "6", Interaction: fmt.Sprint(i), Agent: fmt.Sprint("a", i%300), Start: noon, Offered: schema.NoTime}
		if i%2 == 1 {
			part.Offered = noon + int64(i)
		}
		for s := range i % 3 {
			part.Segments = append(part.Segments, schema.Segment{State: schema.StateConnected, Since: noon + int64(i+s), Until: schema.Open, Reason: fmt.Sprint("r", i%500)})
		}
		to := first
		if i > rows/2 {
			to = second
		}
		to.Append(stamp, []schema.Part{part})
	}
	require.NoError(t, Insert(ctx, conn, noon, func(yield func(*InteractionParts) bool) {
		_ = yield(first) && yield(NewInteractionParts()) && yield(second)
	}))
	var parts, count, wrong uint64
	require.NoError(t, conn.QueryRow(ctx, "SELECT count() FROM system.parts WHERE active AND table = 'interaction_parts' AND database = currentDatabase()").Scan(&parts))
	require.EqualValues(t, 1, parts)
	require.NoError(t, conn.QueryRow(ctx, `WITH toUInt32(interaction) AS i, toUnixTimestamp64Milli(start) AS noon SELECT count(), countIf(NOT (
			agent = concat('a', toString(i % 300)) AND (i % 2 = 1 ? toUnixTimestamp64Milli(assumeNotNull(offered)) = noon + i : isNull(offered))
			AND arrayMap(x -> toUnixTimestamp64Milli(x), segments_since) = arrayMap(s -> toInt64(noon + i + s), range(i % 3))
			AND segments_reason = arrayMap(s -> concat('r', toString(i % 500)), range(i % 3)))) FROM interaction_parts`).Scan(&count, &wrong))
	require.EqualValues(t, rows, count)
	require.Zero(t, wrong)
}

// Copies are what is sent: an appended row's memory is the caller's again.
func TestAppend_Copies(t *testing.T) {
	data, cc := []byte(`{"a":1}`), []byte("6")
	e := NewEvents()
	e.Append(stamp, []schema.RawEvent{{ContactCenter: view(cc), Data: data, Offset: 9, HasSequence: true, Sequence: -1, Type: schema.AgentLogin}})
	copy(data, "xxxxxxx")
	copy(cc, "x")
	e.Append(stamp, []schema.RawEvent{{ContactCenter: "6"}})
	require.Equal(t, schema.RawEvent{ContactCenter: "6", Data: []byte(`{"a":1}`), Partition: stamp.Partition, Offset: 9, HasSequence: true, Sequence: -1,
		Type: schema.AgentLogin}, e.At(0))
	require.Equal(t, "6", e.At(1).ContactCenter)
}

// A server that takes nothing any more does not hold a write for ever, and a deadline that comes earlier is kept.
func TestWrite_ServerStandsStill(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	raw, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer raw.Close()
	patient := &patientConn{Conn: raw, patience: 50 * time.Millisecond}
	_, err = patient.Write(make([]byte, 64<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	patient.patience = time.Hour
	require.NoError(t, patient.SetDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = patient.Write(make([]byte, 64<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestCompression_Default(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want ch.CompressionMethod
	}{
		{Config{Addresses: []string{"127.0.0.1:9000", "localhost:9000", "[::1]:9000"}}, ch.CompressionNone},
		{Config{Addresses: []string{"127.0.0.1:9000", "history:9000"}}, ch.CompressionLZ4},
		{Config{Addresses: []string{"127.0.0.1:9000"}, Compression: "lz4"}, ch.CompressionLZ4},
		{Config{Addresses: []string{"history:9000"}, Compression: "none"}, ch.CompressionNone},
	} {
		require.Equal(t, c.want, c.cfg.compression(), "%+v", c.cfg)
	}
}
