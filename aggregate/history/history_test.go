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

func rawOf(s clickhouse.Stamp, rows ...schema.RawEvent) []*clickhouse.Events {
	e := clickhouse.NewEvents()
	e.Append(s, rows)
	return []*clickhouse.Events{e}
}

func annotationsOf(s clickhouse.Stamp, rows ...schema.Annotation) []*clickhouse.Annotations {
	a := clickhouse.NewAnnotations()
	a.Append(s, rows)
	return []*clickhouse.Annotations{a}
}

// full is a flush of one partition that has rows for every table.
func full(partition int, position int64) Flushed {
	cc := fmt.Sprintf("cc%d", partition)
	return Flushed{
		Stamp: stampAt(partition, position),
		Gaps:  []clickhouse.OffsetGap{{From: position - 5, Until: position - 3, Reason: clickhouse.GapAbsent, Ended: schema.NoTime, Resumed: schema.NoTime}},
		Raw: rawOf(stampAt(partition, position), schema.RawEvent{ContactCenter: cc, Offset: position - 2, Type: schema.AgentLogin, Time: noon},
			schema.RawEvent{ContactCenter: cc, Offset: position - 1, Type: schema.AgentLogout, Time: noon}),
		DeadLetters: []schema.DeadLetter{{Offset: position - 3, Code: "malformed_json"}},
		Annotations: annotationsOf(stampAt(partition, position), schema.Annotation{ContactCenter: cc, Interaction: "i", Time: noon}),
		Rows: engine.Rows{
			Intervals: []schema.Interval{{ContactCenter: cc, Agent: "a", Start: noon, End: schema.Open}}, Visits: []schema.Visit{{ContactCenter: cc, Start: noon, End: schema.Open}},
			Parts: []schema.Part{{ContactCenter: cc, Start: noon}}, Interactions: []schema.Interaction{{ContactCenter: cc, Start: noon}},
			Windows: []schema.Window{{Dims: schema.Dims{ContactCenter: cc}, Start: noon, Minutes: 1}, {Dims: schema.Dims{ContactCenter: cc}, Start: noon, Minutes: 15}},
			Centers: []engine.Center{{ContactCenter: cc, NewestEvent: noon, CompleteUntil: noon - 1}},
		},
		Newest: noon, Complete: noon - 1,
	}
}

var order = []string{"offset_gaps", "events", "dead_letters", "annotations", "agent_intervals", "queue_visits", "interaction_parts", "interactions",
	"windows_1m", "windows_15m", "progress"}

// One INSERT per table for all partitions, raw events first and progress last; an idle flush writes progress alone.
func TestFlush_Order(t *testing.T) {
	conn := connect(t)
	s := sink(t, conn)
	require.NoError(t, s.Flush(context.Background(), []Flushed{full(1, 10), full(2, 20)}))
	require.Equal(t, order, conn.sent)
	for _, table := range order[:10] {
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
		if table == "queue_visits" && attempt < 9 {
			return errors.New("down")
		}
		return nil
	}
	require.NoError(t, sink(t, conn).Flush(context.Background(), []Flushed{full(1, 10)}))
	want := append([]string{}, order[:6]...)
	want = append(want, "queue_visits", "queue_visits", "queue_visits")
	require.Equal(t, append(want, order[6:]...), conn.sent)
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
	highest, _, err := s.Stored(ctx, topic, 1, 0, 0)
	require.NoError(t, err)
	require.EqualValues(t, -1, highest)
	write := func(epoch uint16, partition int, offsets ...int64) {
		f := Flushed{Stamp: clickhouse.Stamp{Topic: topic, Partition: partition, Epoch: epoch}, Newest: noon, Complete: noon - 5}
		var raw []schema.RawEvent
		for _, o := range offsets {
			raw = append(raw, schema.RawEvent{ContactCenter: fmt.Sprint("cc", o%3), Offset: o, Time: noon - o, RecordTime: noon + o, Type: schema.InteractionNote,
				Subject: "i", Source: "s", ID: fmt.Sprint(o), HasSequence: o%2 == 0, Sequence: o % 2, Data: []byte(`{"note":"é"}`)})
		}
		f.Raw = rawOf(f.Stamp, raw...)
		require.NoError(t, s.Flush(ctx, []Flushed{f}))
	}
	write(0, 1, 1, 2)
	write(2, 1, 3, 5)
	write(3, 1, 5, 6, 7+RawStep)
	write(3, 2, 900)
	highest, _, err = s.Stored(ctx, topic, 1, 2, 0)
	require.NoError(t, err)
	require.EqualValues(t, 7+RawStep, highest)
	var got []schema.RawEvent
	require.NoError(t, s.Raw(ctx, topic, 1, 2, 0, highest+1, func(r *schema.RawEvent) error { got = append(got, *r); return nil }))
	var offsets []int64
	for _, r := range got {
		offsets = append(offsets, r.Offset)
	}
	require.Equal(t, []int64{3, 5, 6, 7 + RawStep}, offsets)
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

func checkpoint(epoch uint16, offset int64) Checkpoint {
	return Checkpoint{Topic: topic, Partition: 1, Epoch: epoch, Engine: 4, Partitions: 12, Offset: offset, Snapshot: fmt.Appendf(nil, "state %d", offset)}
}

func save(t *testing.T, s *Store, all ...Checkpoint) {
	t.Helper()
	require.NoError(t, s.Save(context.Background(), all))
}

func offsets(marks []Mark) (out []int64) {
	for _, m := range marks {
		out = append(out, m.Offset)
	}
	return out
}

func (f *faulty) update(t *testing.T, statement string) {
	t.Helper()
	require.NoError(t, f.Exec(context.Background(), "ALTER TABLE checkpoints "+statement+" SETTINGS mutations_sync = 1"))
}

// The newest checkpoint comes first with all that was said of it; one that was changed is broken, and the one before it is not.
func TestStore_NewestFirst_BrokenRefused(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	s := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	other := checkpoint(0, 99)
	other.Partition = 2
	save(t, s, checkpoint(0, 10), other)
	save(t, s, checkpoint(0, 20))
	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{20, 10}, offsets(marks))
	require.Equal(t, Mark{Topic: topic, Partition: 1, Engine: 4, Partitions: 12, Offset: 20, WrittenAt: noon, chunks: 1, found: 1}, marks[0])
	data, err := s.Load(ctx, marks[0])
	require.NoError(t, err)
	require.Equal(t, "state 20", string(data))

	for _, broken := range []string{"concat(substring(data, 1, 9), 'X', substring(data, 11))", "'short'"} {
		conn.update(t, "UPDATE data = "+broken+" WHERE partition = 1 AND offset = 20")
		_, err = s.Load(ctx, marks[0])
		require.ErrorIs(t, err, ErrBroken, broken)
	}
	data, err = s.Load(ctx, marks[1])
	require.NoError(t, err)
	require.Equal(t, "state 10", string(data))
	none, err := s.Marks(ctx, topic, 3)
	require.NoError(t, err)
	require.Empty(t, none)
}

// A large state comes back as it was; one of which a chunk is missing, or is another write's, is not taken.
func TestStore_Chunks(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	s := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	big := checkpoint(0, 40)
	big.Snapshot = bytes.Repeat([]byte("0123456789abcdef"), (2*chunkSize+17)/16)
	save(t, s, checkpoint(0, 10), big)
	require.EqualValues(t, 3, count(t, conn, "(SELECT count() FROM checkpoints WHERE offset = 40)"))
	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{40, 10}, offsets(marks))
	data, err := s.Load(ctx, marks[0])
	require.NoError(t, err)
	require.True(t, bytes.Equal(big.Snapshot, data))

	again := big
	again.Snapshot = bytes.Clone(big.Snapshot)
	again.Snapshot[5] = 'X' // in chunk 0: the others are the same bytes
	conn.update(t, "DELETE WHERE offset = 40 AND chunk = 0")
	marks, err = s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{10}, offsets(marks))
	later := store(t, conn, &clock{time.UnixMilli(noon + 1)}, 0)
	save(t, later, again)
	conn.update(t, "DELETE WHERE offset = 40 AND chunk = 2 AND written_at > fromUnixTimestamp64Milli(toInt64("+fmt.Sprint(noon)+"))")
	marks, err = s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{40, 10}, offsets(marks))
	_, err = s.Load(ctx, marks[0])
	require.ErrorIs(t, err, ErrBroken, "chunk 2 is the first write's")
}

// A new epoch goes before an old one whatever its offset; what is saved twice at one offset is the later one.
func TestStore_NewEpochFirst(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	c := &clock{time.UnixMilli(noon)}
	s := store(t, conn, c, 0)
	save(t, s, checkpoint(0, 1000))
	save(t, s, checkpoint(1, 5))
	twice := checkpoint(1, 5)
	twice.Snapshot = bytes.Repeat([]byte("x"), chunkSize+1)
	c.t = c.t.Add(time.Second)
	save(t, s, twice)
	marks, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{5, 1000}, offsets(marks))
	data, err := s.Load(ctx, marks[0])
	require.NoError(t, err)
	require.True(t, bytes.Equal(twice.Snapshot, data))
}

// The last three stay, and one of each day while raw events are kept; an incomplete one goes once a newer one is complete.
func TestStore_Prune(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	c := &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s := store(t, conn, c, 3)
	for i := int64(1); i <= 12; i++ { // one or two a day
		save(t, s, checkpoint(0, 10*i))
		require.NoError(t, s.Prune(ctx, topic, 1))
		c.t = c.t.Add(8*time.Hour + 12*time.Hour*time.Duration(i%2))
	}
	left, err := s.Marks(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{120, 110, 100, 90, 80}, offsets(left))

	for _, offset := range []int64{115, 130} {
		half := checkpoint(0, offset)
		half.Snapshot = make([]byte, chunkSize+1)
		save(t, s, half)
		conn.update(t, "DELETE WHERE offset = "+fmt.Sprint(offset)+" AND chunk = 1")
	}
	require.NoError(t, s.Prune(ctx, topic, 1))
	stored, err := s.marks(ctx, topic, 1)
	require.NoError(t, err)
	require.NotContains(t, offsets(stored), int64(115))
	require.Contains(t, offsets(stored), int64(130), "somebody may be writing it")
	require.Subset(t, offsets(stored), []int64{120, 110, 100})
}
