package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// Offsets are missing where there is no raw event, no dead letter and no note that there never was a record; what is lost is missing.
func TestMissing(t *testing.T) {
	conn := connect(t)
	s := sink(t, conn)
	ctx := context.Background()
	missing := func(from, until int64) (out [][2]int64) {
		list, err := s.Missing(ctx, topic, 1, 2, from, until)
		require.NoError(t, err)
		for _, g := range list {
			require.Equal(t, clickhouse.GapLost, g.Reason)
			out = append(out, [2]int64{g.From, g.Until})
		}
		return out
	}
	require.Equal(t, [][2]int64{{3, 3 + 2*missingStep}}, missing(3, 3+2*missingStep), "nothing is there")
	write := func(epoch uint16, partition int, gaps []clickhouse.OffsetGap, dead []int64, raw ...int64) {
		f := Flushed{Stamp: clickhouse.Stamp{Topic: topic, Partition: partition, Epoch: epoch}, Gaps: gaps}
		for _, o := range raw {
			f.Raw = append(f.Raw, rawOf(f.Stamp, schema.RawEvent{ContactCenter: fmt.Sprint(o % 2), Offset: o, Time: noon, Type: schema.AgentLogin})...)
		}
		for _, o := range dead {
			f.DeadLetters = append(f.DeadLetters, schema.DeadLetter{Offset: o})
		}
		require.NoError(t, s.Flush(ctx, []Flushed{f}))
	}
	gap := func(from, until int64, reason, cc string, resumed int64) clickhouse.OffsetGap {
		return clickhouse.OffsetGap{From: from, Until: until, Reason: reason, ContactCenter: cc, Ended: schema.NoTime, Resumed: resumed}
	}
	write(1, 1, nil, nil, 8) // another log's
	write(2, 1, []clickhouse.OffsetGap{gap(3, 5, clickhouse.GapAbsent, "", schema.NoTime), gap(20, 23, clickhouse.GapLost, "", schema.NoTime)}, []int64{6}, 2, 5, 7, 9)
	write(3, 1, nil, nil, 12, 12, 14)
	write(3, 2, nil, nil, 10)
	require.Equal(t, [][2]int64{{8, 9}, {10, 12}, {13, 14}, {15, 25}}, missing(2, 25))
	require.Equal(t, [][2]int64{{13, 14}}, missing(12, 15))
	require.Empty(t, missing(4, 8))

	write(3, 1, []clickhouse.OffsetGap{gap(30, 33, clickhouse.GapLost, "", noon), gap(30, 33, clickhouse.GapLost, "6", noon+1),
		gap(40, 41, clickhouse.GapAbsent, "", schema.NoTime)}, nil)
	until, newest, err := s.Noted(ctx, topic, 1, 2, 33)
	require.NoError(t, err)
	require.EqualValues(t, 41, until)
	require.Len(t, newest, 2)
	require.WithinDuration(t, time.Now(), time.UnixMilli(newest[0].NotedAt), time.Minute)
	newest[0].NotedAt, newest[1].NotedAt = 0, 0
	require.Equal(t, []clickhouse.OffsetGap{gap(30, 33, clickhouse.GapLost, "", noon), gap(30, 33, clickhouse.GapLost, "6", noon+1)}, newest)
	until, newest, err = s.Noted(ctx, topic, 1, 2, 32)
	require.NoError(t, err)
	require.EqualValues(t, 41, until)
	require.EqualValues(t, 20, newest[0].From, "the newest before the offset")
	until, newest, err = s.Noted(ctx, topic, 7, 0, 99)
	require.NoError(t, err)
	require.Zero(t, until)
	require.Empty(t, newest)
}

// What is open ends as if it had ended by itself: cut at midnights but for the presence of who is logged out, without intervals of
// length zero, and only rows that are older than the stamp.
func TestEndOpen(t *testing.T) {
	conn := connect(t)
	s := sink(t, conn)
	ctx := context.Background()
	day := func(d int, clock time.Duration) int64 {
		return time.Date(2026, 9, d, 0, 0, 0, 0, time.UTC).Add(clock).UnixMilli()
	}
	at := day(23, time.Hour)
	open := func(agent string, kind schema.IntervalKind, status schema.Status, start int64) schema.Interval {
		return schema.Interval{ContactCenter: "6", Agent: agent, Kind: kind, Status: status, Start: start, End: schema.Open, ReasonID: "r"}
	}
	elsewhere := open("other", schema.IntervalStatus, schema.Available, day(21, 0))
	elsewhere.ContactCenter = "7"
	held := schema.Part{ContactCenter: "6", Interaction: "i", Agent: "a", Channel: schema.ChannelVoice, Start: at - 5000, Offered: schema.NoTime, Connected: at - 5000,
		Ended: schema.Open, WrapStarted: schema.NoTime, Finished: schema.Open, TalkMs: 3000, DeclinedAt: schema.NoTime, FirstMessage: schema.NoTime, PrimarySince: schema.NoTime,
		Segments: []schema.Segment{{State: schema.StateConnected, Since: at - 5000, Until: at - 2000}, {State: schema.StateHeld, Since: at - 2000, Until: schema.Open}}}
	wrapping := held
	wrapping.Agent, wrapping.Ended, wrapping.WrapStarted = "w", at-2000, at-2000
	wrapping.Segments = []schema.Segment{held.Segments[0], {State: schema.StateWrap, Since: at - 2000, Until: schema.Open}}
	require.NoError(t, s.Flush(ctx, []Flushed{{Stamp: stampAt(1, 10), Rows: engine.Rows{
		Intervals: []schema.Interval{open("long", schema.IntervalStatus, schema.Available, day(21, 8*time.Hour)), open("out", schema.IntervalPresence, schema.LoggedOut, day(21, 8*time.Hour)),
			open("new", schema.IntervalStatus, schema.Available, at), elsewhere},
		Visits:       []schema.Visit{{ContactCenter: "6", Interaction: "i", Start: at - 1000, End: schema.Open}},
		Parts:        []schema.Part{held, wrapping},
		Interactions: []schema.Interaction{{ContactCenter: "6", ID: "i", Start: at - 5000, State: schema.StateHeld, Queued: schema.NoTime, Connected: at - 5000, Ended: schema.Open}},
	}}, {Stamp: stampAt(1, 30), Rows: engine.Rows{Intervals: []schema.Interval{open("later", schema.IntervalStatus, schema.Available, at-1)}}}}))
	for range 2 {
		require.NoError(t, s.EndOpen(ctx, stampAt(1, 20), "6", at))
	}
	intervals := func(agent string) (out [][3]int64) {
		rows, err := conn.Query(ctx, `SELECT toUnixTimestamp64Milli(start), ifNull(toUnixTimestamp64Milli(end), 0), toInt64(continued) FROM agent_intervals FINAL
			WHERE agent = '`+agent+`' AND NOT deleted AND (reason_id = 'r') ORDER BY start`)
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var r [3]int64
			require.NoError(t, rows.Scan(&r[0], &r[1], &r[2]))
			out = append(out, r)
		}
		return out
	}
	require.Equal(t, [][3]int64{{day(21, 8*time.Hour), day(22, 0), 0}, {day(22, 0), day(23, 0), 1}, {day(23, 0), at, 1}}, intervals("long"))
	require.Equal(t, [][3]int64{{day(21, 8*time.Hour), at, 0}}, intervals("out"))
	require.Empty(t, intervals("new"))
	require.Equal(t, [][3]int64{{at - 1, 0, 0}}, intervals("later"))
	require.Equal(t, [][3]int64{{day(21, 0), 0, 0}}, intervals("other"))
	for query, want := range map[string]uint64{
		"SELECT count() FROM queue_visits FINAL WHERE end = now AND outcome = 'expired'":                                                                          1,
		"SELECT count() FROM interaction_parts FINAL WHERE agent = 'a' AND ended = now AND finished = now AND talk_ms = 3000 AND hold_ms = 2000":                  1,
		"SELECT count() FROM interaction_parts FINAL WHERE agent = 'w' AND ended = now - INTERVAL 2 SECOND AND finished = now AND wrap_ms = 2000 AND hold_ms = 0": 1,
		"SELECT countIf(segments_until[2] = now AND segments_until[1] = now - INTERVAL 2 SECOND) FROM interaction_parts FINAL":                                    2,
		"SELECT count() FROM interactions FINAL WHERE ended = now AND state = 'ended' AND state_since = now AND end_reason = 'expired'":                           1,
	} {
		require.Equal(t, want, count(t, conn, fmt.Sprintf("(WITH fromUnixTimestamp64Milli(%d, 'UTC') AS now %s)", at, query)), query)
	}
}
