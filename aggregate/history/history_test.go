package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const (
	topic = "cc.events"
	noon  = int64(1_790_000_000_000)
)

// faulty records the order of INSERTs and fails those that fail says.
type faulty struct {
	Conn
	mu   sync.Mutex
	sent []string
	fail func(table string, attempt int) error
}

func (f *faulty) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var table string
	if _, err := fmt.Sscanf(query, "INSERT INTO %s", &table); err != nil {
		return nil, err
	}
	f.sent = append(f.sent, table)
	if f.fail != nil {
		if err := f.fail(table, len(f.sent)); err != nil {
			return nil, err
		}
	}
	return f.Conn.PrepareBatch(ctx, query, opts...)
}

func connect(t *testing.T) *faulty {
	t.Helper()
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(context.Background(), conn, clickhouse.Options{})
	require.NoError(t, err)
	return &faulty{Conn: conn}
}

func config(now func() time.Time) Config {
	return Config{Worker: "w", MinPause: time.Millisecond, MaxPause: 4 * time.Millisecond, Now: now, Log: slog.New(slog.DiscardHandler)}
}

func sink(t *testing.T, conn Conn) *Sink {
	t.Helper()
	s, err := NewSink(conn, metrics.NewSet(), config(nil))
	require.NoError(t, err)
	return s
}

func count(t *testing.T, conn Conn, query string) (n uint64) {
	t.Helper()
	require.NoError(t, conn.QueryRow(context.Background(), "SELECT toUInt64("+query+")").Scan(&n))
	return n
}

func stampAt(partition int, position int64) clickhouse.Stamp {
	return clickhouse.Stamp{Topic: topic, Partition: partition, Position: position}
}

// full is a flush of one partition that has rows for every table.
func full(partition int, position int64) Flushed {
	cc := fmt.Sprintf("cc%d", partition)
	return Flushed{
		Stamp:       stampAt(partition, position),
		Raw:         []schema.RawEvent{{ContactCenter: cc, Offset: position - 2, Type: schema.AgentLogin, Time: noon}, {ContactCenter: cc, Offset: position - 1, Type: schema.AgentLogout, Time: noon}},
		DeadLetters: []schema.DeadLetter{{Offset: position - 3, Code: "malformed_json"}},
		Annotations: []schema.Annotation{{ContactCenter: cc, Interaction: "i", Time: noon}},
		Rows: engine.Rows{
			Intervals: []schema.Interval{{ContactCenter: cc, Agent: "a", Start: noon, End: schema.Open}}, Visits: []schema.Visit{{ContactCenter: cc, Start: noon, End: schema.Open}},
			Parts: []schema.Part{{ContactCenter: cc, Start: noon}}, Interactions: []schema.Interaction{{ContactCenter: cc, Start: noon}},
			Windows: []schema.Window{{Dims: schema.Dims{ContactCenter: cc}, Start: noon, Minutes: 1}, {Dims: schema.Dims{ContactCenter: cc}, Start: noon, Minutes: 15}},
			Centers: []engine.Center{{ContactCenter: cc, NewestEvent: noon, CompleteUntil: noon - 1}},
		},
		Newest: noon, Complete: noon - 1,
	}
}

var order = []string{"events", "dead_letters", "annotations", "agent_intervals", "queue_visits", "interaction_parts", "interactions",
	"windows_1m", "windows_15m", "progress"}

// One INSERT per table for all partitions, raw events first and progress last; an idle flush writes progress alone.
func TestFlush_Order(t *testing.T) {
	conn := connect(t)
	s := sink(t, conn)
	require.NoError(t, s.Flush(context.Background(), []Flushed{full(1, 10), full(2, 20)}))
	require.Equal(t, order, conn.sent)
	for _, table := range order[:9] {
		require.Positive(t, count(t, conn, "(SELECT count() FROM "+table+")"), table)
	}
	require.EqualValues(t, 4, count(t, conn, "(SELECT count() FROM progress)"))
	conn.sent = nil
	require.NoError(t, s.Flush(context.Background(), []Flushed{{Stamp: stampAt(1, 10), Newest: schema.NoTime, Complete: schema.NoTime, CaughtUp: true}}))
	require.Equal(t, []string{"progress"}, conn.sent)
}

// A table that fails is written again with the same rows; nothing after it is written before.
func TestFlush_Fails_SameRowsAgain(t *testing.T) {
	conn := connect(t)
	conn.fail = func(table string, attempt int) error {
		if table == "queue_visits" && attempt < 8 {
			return errors.New("down")
		}
		return nil
	}
	require.NoError(t, sink(t, conn).Flush(context.Background(), []Flushed{full(1, 10)}))
	want := append([]string{}, order[:5]...)
	want = append(want, "queue_visits", "queue_visits", "queue_visits")
	require.Equal(t, append(want, order[5:]...), conn.sent)
	require.EqualValues(t, 1, count(t, conn, "(SELECT count() FROM queue_visits)"))
}

// When the context ends during a failure, Flush says why and no progress is claimed.
func TestFlush_GivenUp(t *testing.T) {
	conn := connect(t)
	ctx, cancel := context.WithCancel(context.Background())
	down := errors.New("down")
	conn.fail = func(table string, attempt int) error {
		if attempt > 3 {
			cancel()
		}
		if table == "dead_letters" {
			return down
		}
		return nil
	}
	s := sink(t, conn)
	require.ErrorIs(t, s.Flush(ctx, []Flushed{full(1, 10)}), down)
	require.Zero(t, count(t, conn, "(SELECT count() FROM progress)"))
	conn.fail = nil
	require.NoError(t, s.Flush(context.Background(), []Flushed{full(1, 10)}), "and its next owner writes the same")
	for _, table := range []string{"events", "dead_letters", "agent_intervals", "windows_1m"} {
		require.Equal(t, map[bool]uint64{true: 2, false: 1}[table == "events"], count(t, conn, "(SELECT count() FROM "+table+" FINAL)"), table)
	}
}

// Raw events come back in offset order, each once, whatever epoch of the log wrote them.
func TestRaw_OrderAndStored(t *testing.T) {
	conn := connect(t)
	s := sink(t, conn)
	ctx := context.Background()
	highest, err := s.Stored(ctx, topic, 1, 0, 0)
	require.NoError(t, err)
	require.EqualValues(t, -1, highest)
	write := func(epoch uint16, partition int, offsets ...int64) {
		f := Flushed{Stamp: clickhouse.Stamp{Topic: topic, Partition: partition, Epoch: epoch}, Newest: noon, Complete: noon - 5}
		for _, o := range offsets {
			f.Raw = append(f.Raw, schema.RawEvent{ContactCenter: fmt.Sprint("cc", o%3), Offset: o, Time: noon - o, RecordTime: noon + o, Type: schema.InteractionNote,
				Subject: "i", Source: "s", ID: fmt.Sprint(o), HasSequence: o%2 == 0, Sequence: o % 2, Data: []byte(`{"note":"é"}`)})
		}
		require.NoError(t, s.Flush(ctx, []Flushed{f}))
	}
	write(0, 1, 1, 2)
	write(2, 1, 3, 5)
	write(3, 1, 5, 6, 7+rawStep)
	write(3, 2, 900)
	highest, err = s.Stored(ctx, topic, 1, 2, 0)
	require.NoError(t, err)
	require.EqualValues(t, 7+rawStep, highest)
	var got []schema.RawEvent
	require.NoError(t, s.Raw(ctx, topic, 1, 2, 0, highest+1, func(r *schema.RawEvent) error { got = append(got, *r); return nil }))
	var offsets []int64
	for _, r := range got {
		offsets = append(offsets, r.Offset)
	}
	require.Equal(t, []int64{3, 5, 6, 7 + rawStep}, offsets)
	require.Equal(t, schema.RawEvent{ContactCenter: "cc0", Source: "s", ID: "6", Subject: "i", Type: schema.InteractionNote, Time: noon - 6, RecordTime: noon + 6,
		HasSequence: true, Data: []byte(`{"note":"é"}`), Partition: 1, Offset: 6}, got[2])
	newest, complete, err := s.Progress(ctx, topic, 1, 0)
	require.NoError(t, err)
	require.Equal(t, []int64{noon, noon - 5}, []int64{newest, complete})
	newest, _, err = s.Progress(ctx, topic, 9, 0)
	require.NoError(t, err)
	require.Equal(t, schema.NoTime, newest)
}

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func store(t *testing.T, conn Conn, c *clock, rawDays int) *Store {
	t.Helper()
	cfg := config(c.now)
	cfg.RawDays = rawDays
	s, err := NewStore(conn, metrics.NewSet(), cfg)
	require.NoError(t, err)
	return s
}

func segment(since, offset int64) Piece {
	return Piece{Piece: engine.Piece{Offset: offset, Data: fmt.Appendf(nil, "segment %d-%d", since, offset)}, Since: since}
}

func base(needs, offset int64) Piece {
	return Piece{Piece: engine.Piece{Base: true, Offset: offset, Data: fmt.Appendf(nil, "base %d", offset)}, Since: needs}
}

func checkpoint(epoch uint16, pieces ...Piece) []Checkpoint {
	return []Checkpoint{{Topic: topic, Partition: 1, Epoch: epoch, Engine: 4, Partitions: 12, Pieces: pieces}}
}

func texts(pieces []engine.Piece) (out []string) {
	for _, p := range pieces {
		out = append(out, string(p.Data))
	}
	return out
}

// The newest base comes first, with the segments that it needs and those after it, oldest first; a base before it stands in.
func TestStore_NewestUsableSet(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	s := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(0, 10), base(5, 10))))
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(10, 20))))
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(20, 30), base(15, 30))))
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(30, 40))))
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(30, 40))), "the same again")

	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Len(t, marks, 2)
	require.Equal(t, []int64{40, 40}, []int64{marks[0].Offset, marks[1].Offset})
	require.Equal(t, uint32(4), marks[0].Engine)
	require.Equal(t, 12, marks[0].Partitions)
	got, err := s.Load(ctx, marks[0])
	require.NoError(t, err)
	require.Equal(t, []string{"segment 10-20", "segment 20-30", "base 30", "segment 30-40"}, texts(got))
	got, err = s.Load(ctx, marks[1])
	require.NoError(t, err)
	require.Equal(t, []string{"segment 0-10", "base 10", "segment 10-20", "segment 20-30", "segment 30-40"}, texts(got))

	require.NoError(t, conn.Exec(ctx, "ALTER TABLE checkpoints UPDATE data = concat(substring(data, 1, 9), 'X', substring(data, 11)) WHERE kind = 'base' AND offset = 30 SETTINGS mutations_sync = 1"))
	_, err = s.Load(ctx, marks[0])
	require.ErrorIs(t, err, ErrBroken)
	_, err = s.Load(ctx, marks[1])
	require.NoError(t, err)

	require.NoError(t, conn.Exec(ctx, "ALTER TABLE checkpoints UPDATE data = 'short' WHERE kind = 'segment' AND offset = 40 SETTINGS mutations_sync = 1"))
	got, err = s.Load(ctx, marks[1])
	require.NoError(t, err)
	require.Equal(t, []string{"segment 0-10", "base 10", "segment 10-20", "segment 20-30"}, texts(got), "a broken segment ends the chain")

	none, err := s.Marks(ctx, topic, 2)
	require.NoError(t, err)
	require.Empty(t, none)
}

// A hole after the base ends what can be restored; what is missing of a base makes it no mark at all.
func TestStore_Holes(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	s := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(0, 10), base(0, 10), segment(10, 20), segment(25, 30))))
	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.EqualValues(t, 20, marks[0].Offset)

	big := base(0, 40)
	big.Data = bytes.Repeat([]byte("0123456789abcdef"), (2*chunkSize+17)/16)
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(30, 40), big)))
	marks, err = s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Len(t, marks, 2)
	got, err := s.Load(ctx, marks[0])
	require.NoError(t, err)
	require.Equal(t, big.Data, got[len(got)-1].Data)
	require.EqualValues(t, 3, count(t, conn, "(SELECT count() FROM checkpoints WHERE kind = 'base' AND offset = 40)"))

	require.NoError(t, conn.Exec(ctx, "DELETE FROM checkpoints WHERE kind = 'base' AND offset = 40 AND chunk = 1"))
	_, err = s.Load(ctx, marks[0])
	require.ErrorIs(t, err, ErrBroken)
	marks, err = s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Len(t, marks, 1)
}

// A new epoch goes before an old one whatever its offset.
func TestStore_NewEpochFirst(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	s := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	require.NoError(t, s.Save(ctx, checkpoint(0, segment(0, 1000), base(0, 1000))))
	require.NoError(t, s.Save(ctx, checkpoint(1, segment(0, 5), base(0, 5))))
	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, uint16(1), marks[0].Epoch)
	require.EqualValues(t, 5, marks[0].Offset)
}

// The last three bases stay, one of each day while raw events are kept, and the segments that one of them needs.
func TestStore_Prune(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := store(t, conn, c, 3)
	for i := int64(1); i <= 12; i++ { // one or two a day
		require.NoError(t, s.Save(ctx, checkpoint(0, segment(10*i-10, 10*i), base(10*i-15, 10*i))))
		require.NoError(t, s.Prune(ctx, topic, 1))
		c.t = c.t.Add(8*time.Hour + 12*time.Hour*time.Duration(i%2))
	}
	left, err := s.pieces(ctx, topic, 1)
	require.NoError(t, err)
	var bases, segments []int64
	for _, p := range left {
		if p.base {
			bases = append(bases, p.offset)
			continue
		}
		segments = append(segments, p.offset)
	}
	require.Equal(t, []int64{80, 90, 100, 110, 120}, bases)
	require.Equal(t, []int64{70, 80, 90, 100, 110, 120}, segments)
	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	for _, m := range marks {
		_, err := s.Load(ctx, m)
		require.NoError(t, err)
	}
}
