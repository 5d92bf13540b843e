package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/aggregate/history"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// switched is a connection whose INSERTs fail while it is off.
type switched struct {
	driver.Conn
	off atomic.Bool
}

func (s *switched) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	if s.off.Load() {
		return nil, errors.New("switched off")
	}
	return s.Conn.PrepareBatch(ctx, query, opts...)
}

// bench is a worker on a real ClickHouse.
type bench struct {
	*memory
	conn *switched
}

func newBench(t *testing.T) *bench {
	t.Helper()
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(context.Background(), conn, clickhouse.Options{})
	require.NoError(t, err)
	return &bench{memory: newMemory(), conn: &switched{Conn: conn}}
}

func (b *bench) worker(t *testing.T, e Engines, d func() gate.Decoder, change func(*Config)) *Worker {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	set := metrics.NewSet()
	cfg := history.Config{Worker: "w", MinPause: time.Millisecond, MaxPause: 10 * time.Millisecond, Log: quiet}
	sink, err := history.NewSink(b.conn, set, cfg)
	require.NoError(t, err)
	store, err := history.NewStore(b.conn, set, cfg)
	require.NoError(t, err)
	c := Config{Topic: topic, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: 5 * time.Minute}, Flush: 5 * time.Millisecond, MinPause: time.Millisecond, Now: b.clock, Log: quiet}
	if change != nil {
		change(&c)
	}
	w, err := New(c, Parts{Engines: e, Decoder: d, Sink: sink, Checkpoints: store, DeadLetters: b.writeLetters, Metrics: set})
	require.NoError(t, err)
	return w
}

func plainDecoder() gate.Decoder { return plain{} }

func (b *bench) number(t *testing.T, query string) (n int64) {
	t.Helper()
	require.NoError(t, b.conn.QueryRow(context.Background(), "SELECT toInt64(("+query+"))").Scan(&n))
	return n
}

func (b *bench) eventually(t *testing.T, want int64, query string) {
	t.Helper()
	require.Eventually(t, func() bool { return b.number(t, query) == want }, 30*time.Second, 10*time.Millisecond, query)
}

const (
	seenA = "SELECT sum(number) FROM interactions FINAL WHERE id = 'a'"
	raws  = "SELECT count() FROM events"
)

// Through restarts, an outage and a broken checkpoint every record is stored once and counted once.
func TestClickHouse_RestartsAndOutage(t *testing.T) {
	b := newBench(t)
	l := newLog(0, 0, "a", "bad", "a", "note1")
	o := b.own(b.worker(t, engines(), plainDecoder, nil), 1, l)
	b.eventually(t, 2, seenA)
	o.end(t)

	l.add("a", "b")
	w := b.worker(t, engines(), plainDecoder, nil)
	failures := w.parts.Metrics.GetOrCreateCounter("floorwalker_sink_failures_total")
	o = b.own(w, 1, l)
	b.eventually(t, 3, seenA)
	b.conn.off.Store(true)
	l.add(numbered("s", 3000)...)
	l.add("a")
	require.Eventually(t, func() bool { return failures.Get() > 2 }, 30*time.Second, time.Millisecond)
	require.EqualValues(t, 3, b.number(t, seenA))
	b.conn.off.Store(false)
	b.eventually(t, 4, seenA)
	o.end(t)
	require.EqualValues(t, 4, l.from)

	require.NoError(t, b.conn.Exec(context.Background(),
		"ALTER TABLE checkpoints UPDATE data = 'broken' WHERE offset = (SELECT max(offset) FROM checkpoints) SETTINGS mutations_sync = 1"))
	l.add("a")
	o = b.own(b.worker(t, engines(), plainDecoder, nil), 1, l)
	b.eventually(t, 5, seenA)
	o.end(t)
	require.EqualValues(t, 4, l.from, "the checkpoint before the broken one")
	total := int64(len(l.records))
	require.Equal(t, total-1, b.number(t, raws))
	require.Equal(t, total-1, b.number(t, "SELECT uniqExact(offset) FROM events"))
	require.EqualValues(t, 1, b.number(t, "SELECT count() FROM dead_letters FINAL"))
	require.EqualValues(t, 1, b.number(t, "SELECT count() FROM annotations FINAL"))
	require.Equal(t, total, b.number(t, "SELECT max(offset) FROM progress WHERE contact_center = '' AND caught_up"))
	require.Zero(t, b.number(t, "SELECT count() FROM (SELECT offset, lagInFrame(offset, 1, 0) OVER (ORDER BY rowNumberInAllBlocks()) AS before FROM events) WHERE before > offset SETTINGS max_threads = 1"))
}

// Two generations that overlap write the same rows: what counts is the higher offset.
func TestClickHouse_Zombie(t *testing.T) {
	b := newBench(t)
	first := newLog(0, 0, "a", "a")
	zombie := b.own(b.worker(t, engines(), plainDecoder, nil), 1, first)
	b.eventually(t, 2, seenA)
	owner := b.own(b.worker(t, engines(), plainDecoder, nil), 1, newLog(0, 0, "a", "a", "a", "a"))
	b.eventually(t, 4, seenA)
	first.add("a")
	require.Eventually(t, func() bool { return b.number(t, "SELECT count() FROM interactions WHERE id = 'a'") >= 3 }, 30*time.Second, 10*time.Millisecond)
	zombie.end(t)
	owner.end(t)
	require.EqualValues(t, 4, b.number(t, seenA))
	require.EqualValues(t, 4, b.number(t, "SELECT count() FROM events FINAL"))
}

// The real engine's facts and windows of a small story arrive in their tables.
func TestClickHouse_RealEngine(t *testing.T) {
	b := newBench(t)
	l := newLog(0, 0)
	event := func(id, kind, subject, at, data string) {
		l.add(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/acd","type":"cc.%s","subject":%q,"time":"2026-09-21T%sZ","contactcenter":"6","data":%s}`, id, kind, subject, at, data))
	}
	event("1", "agent.login", "a1", "12:00:00", `{}`)
	event("2", "agent.status", "a1", "12:00:10", `{"status":"available"}`)
	event("3", "interaction.queued", "i1", "12:00:20", `{"queue_id":"q1"}`)
	event("4", "interaction.offered", "i1", "12:00:25", `{"agent_id":"a1"}`)
	event("5", "interaction.connected", "i1", "12:00:30", `{"agent_id":"a1"}`)
	event("6", "interaction.note", "i1", "12:00:40", `{"note":"n"}`)
	event("7", "interaction.ended", "i1", "12:01:30", `{"reason":"completed"}`)
	event("7", "interaction.ended", "i1", "12:01:30", `{"reason":"completed"}`)
	w := b.worker(t, Real(engine.Config{}), func() gate.Decoder { return &schema.Decoder{} }, nil)
	o := b.own(w, 1, l)
	b.eventually(t, 8, "SELECT max(offset) FROM progress")
	o.end(t)
	require.Empty(t, b.letters)
	require.EqualValues(t, 1, outcome(w, "duplicate"))
	require.EqualValues(t, 8, b.number(t, raws))
	require.EqualValues(t, 10_000, b.number(t, "SELECT dateDiff('ms', start, end) FROM queue_visits FINAL WHERE queue = 'q1' AND outcome = 'answered' AND NOT deleted"))
	require.EqualValues(t, 60_000, b.number(t, "SELECT talk_ms FROM interaction_parts FINAL WHERE agent = 'a1' AND NOT deleted"))
	require.EqualValues(t, 1, b.number(t, "SELECT count() FROM interactions FINAL WHERE id = 'i1' AND end_reason = 'completed'"))
	require.EqualValues(t, 1, b.number(t, "SELECT sum(answered) FROM windows_1m FINAL WHERE agent = '' AND queue = 'q1'"))
	require.EqualValues(t, 1, b.number(t, "SELECT sum(answered) FROM windows_15m FINAL WHERE agent = '' AND queue = 'q1'"))
	require.Positive(t, b.number(t, "SELECT count() FROM agent_intervals FINAL WHERE agent = 'a1' AND kind = 'status' AND status = 'on_call' AND NOT deleted"))

	event("8", "agent.logout", "a1", "12:05:00", `{}`)
	o = b.own(b.worker(t, Real(engine.Config{}), func() gate.Decoder { return &schema.Decoder{} }, nil), 1, l)
	b.eventually(t, 9, "SELECT max(offset) FROM progress")
	o.end(t)
	require.EqualValues(t, 8, l.from, "it went on from the checkpoint")
	require.EqualValues(t, 1, b.number(t, "SELECT sum(answered) FROM windows_1m FINAL WHERE agent = '' AND queue = 'q1'"))
	require.EqualValues(t, 9, b.number(t, raws))
	require.Zero(t, b.number(t, "SELECT count() FROM agent_intervals FINAL WHERE agent = 'a1' AND end IS NULL AND kind != 'presence' AND NOT deleted"))
}

// The real decoder and a record made again from its raw row agree.
func TestRecordOfRaw_DecodesTheSame(t *testing.T) {
	var d schema.Decoder
	for i, value := range []string{
		`{"specversion":"1.0","id":"e é","source":"/acd","type":"cc.agent.status","subject":"a1","time":"2026-09-21T12:00:00.123+02:00","contactcenter":"6","sequence":"7","data":{"status":"busy","description":"x\u00e9"}}`,
		`{"specversion":"1.0","id":"2","source":"/acd","type":"cc.interaction.ended","subject":"i1","time":"2026-09-21T12:00:00Z","contactcenter":"6","data":{"reason":"completed"}}`,
	} {
		rec := schema.Record{Topic: topic, Partition: 3, Offset: int64(i), Timestamp: noon, Key: []byte("6"), Value: []byte(value)}
		var ev schema.Event
		require.NoError(t, d.Decode(&rec, &ev), fmt.Sprint(i))
		want := ev.Clone()
		p := &pending{pool: &pool{}}
		p.addRaw(clickhouse.Stamp{Topic: topic, Partition: 3}, &ev, &rec)
		raw := p.raw[0].At(0)
		again := schema.RecordOf(topic, &raw)
		require.NoError(t, d.Decode(&again, &ev))
		require.Equal(t, want, ev.Clone())
	}
}

// A note that comes twice stays where it came first: a replica that starts between the two reads the first one's row, and its
// engine drops the second.
func TestAnnotation_DuplicateChangesNothing(t *testing.T) {
	m := newMemory()
	w := m.worker(t, nil)
	w.parts.Engines, w.parts.Decoder = Real(engine.Config{}), func() gate.Decoder { return &schema.Decoder{} }
	const head = `{"specversion":"1.0","source":"/acd","subject":"i1","time":"2026-09-21T12:00:00Z","contactcenter":"6",`
	note := head + `"id":"2","type":"cc.interaction.note","data":{"note":"n"}}`
	o := m.own(w, 1, newLog(0, 0, head+`"id":"1","type":"cc.interaction.queued","data":{"queue_id":"q1"}}`, note, note))
	m.until(t, "flushed", func() bool { return m.progress[0].Stamp.Position == 3 })
	o.end(t)
	require.Empty(t, m.dead)
	require.EqualValues(t, 1, outcome(w, "duplicate"))
	require.Equal(t, 1, m.annotations)
	require.Equal(t, []int64{0, 1, 2}, m.raw[0], "raw events keep duplicates")
}

// story adds events of contact centre 6 on one day to a log.
type story struct {
	*log
	n int
}

func (s *story) event(kind, subject, at, data string) {
	s.n++
	s.add(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/acd","type":"cc.%s","subject":%q,"time":"2026-09-21T%sZ","contactcenter":"6","data":%s}`,
		int(s.first)+s.n, kind, subject, at, data))
}

func (b *bench) real(t *testing.T) *Worker {
	t.Helper()
	return b.worker(t, Real(engine.Config{}), func() gate.Decoder { return &schema.Decoder{} }, nil)
}

func (b *bench) run(t *testing.T, l *log) *Worker {
	t.Helper()
	w := b.real(t)
	o := b.own(w, 1, l)
	_, next, err := l.Bounds(context.Background())
	require.NoError(t, err)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-o.done:
			require.NoError(t, err)
		default:
		}
		require.True(t, time.Now().Before(deadline), "the log is not read to its end")
		if b.number(t, "SELECT max(offset) FROM progress") == next && b.number(t, "SELECT argMax(caught_up, (offset, written_at)) FROM progress WHERE contact_center = ''") == 1 {
			break
		}
	}
	o.end(t)
	return w
}

// at is a time of the story's day in SQL.
func at(clock string) string { return "toDateTime64('2026-09-21 " + clock + "', 3, 'UTC')" }

// Where records are lost, what was open ends at the newest event before them, what was complete stays as it was, and what would be
// made of a part of its events is not written: with a checkpoint, without any, after a crash on the way, and after a restart.
func TestClickHouse_LostRecords(t *testing.T) {
	for name, before := range map[string]struct {
		prepare []string
		crash   bool
	}{
		"from the checkpoint":  {},
		"checkpoints are gone": {prepare: []string{"TRUNCATE TABLE checkpoints"}},
		"facts of the last raw events were not written": {prepare: []string{"TRUNCATE TABLE checkpoints", "DELETE FROM queue_visits WHERE interaction = 'i2'",
			"DELETE FROM interactions WHERE id = 'i2'"}},
		"crash on the way": {crash: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			old := &story{log: newLog(0, 0)}
			old.event("agent.login", "a1", "12:00:00", `{}`)
			old.event("agent.status", "a1", "12:00:10", `{"status":"available"}`)
			old.event("interaction.queued", "i1", "12:00:20", `{"queue_id":"q1"}`)
			old.event("interaction.offered", "i1", "12:00:25", `{"agent_id":"a1"}`)
			old.event("interaction.connected", "i1", "12:00:30", `{"agent_id":"a1"}`)
			old.event("interaction.queued", "i2", "12:00:40", `{"queue_id":"q1"}`)
			b.run(t, old.log)
			windows := "SELECT groupBitXor(cityHash64(toString(tuple(* EXCEPT (version, processed_at))))) FROM windows_15m FINAL WHERE start < " + at("12:15:00")
			was := b.number(t, windows)
			for _, statement := range before.prepare {
				require.NoError(t, b.conn.Exec(context.Background(), statement))
			}

			now := &story{log: newLog(0, 10)}
			now.event("interaction.queued", "i3", "12:10:20", `{"queue_id":"q1"}`)
			now.event("agent.login", "a1", "12:10:22", `{}`)
			now.event("interaction.offered", "i3", "12:10:25", `{"agent_id":"a1"}`)
			now.event("interaction.connected", "i3", "12:10:30", `{"agent_id":"a1"}`)
			now.event("interaction.ended", "i3", "12:20:00", `{"reason":"completed"}`)
			w := b.run(t, now.log)
			require.Equal(t, []Gap{{0, 6, 10}}, w.Gaps())
			if before.crash {
				require.NoError(t, b.conn.Exec(context.Background(), "DELETE FROM checkpoints WHERE offset > 6"))
				now.event("agent.status", "a1", "12:20:01", `{"status":"available"}`)
				require.Equal(t, []Gap{{0, 6, 10}}, b.run(t, now.log).Gaps())
			}
			now.event("interaction.queued", "i9", "12:05:00", `{"queue_id":"q1"}`) // late: from a stretch that is known in part only
			require.Equal(t, []Gap{{0, 6, 10}}, b.run(t, now.log).Gaps(), "still told of after a restart")

			for what, query := range map[string]string{
				"intervals":    "SELECT count() FROM agent_intervals FINAL WHERE start < " + at("12:10:00") + " AND NOT deleted AND ifNull(end, now64()) != " + at("12:00:40") + " AND ifNull(end, now64()) > " + at("12:00:40"),
				"visits":       "SELECT count() FROM queue_visits FINAL WHERE isNull(end) OR interaction = 'i9' OR start < " + at("12:10:00") + " AND end > " + at("12:00:40"),
				"parts":        "SELECT count() FROM interaction_parts FINAL WHERE isNull(finished) AND interaction != 'i3'",
				"interactions": "SELECT count() FROM interactions FINAL WHERE isNull(ended)",
				"minutes":      "SELECT count() FROM windows_1m FINAL WHERE start > " + at("12:00:59") + " AND start < " + at("12:10:20"),
			} {
				require.Zero(t, b.number(t, query), what)
			}
			for query, want := range map[string]int64{
				windows: was,
				"SELECT count() FROM agent_intervals FINAL WHERE end = " + at("12:00:40") + " AND NOT deleted":                                                                         3, // on call, available, workload
				"SELECT count() FROM agent_intervals FINAL WHERE isNull(end) AND NOT deleted":                                                                                          3,
				"SELECT count() FROM queue_visits FINAL WHERE interaction = 'i2' AND end = " + at("12:00:40") + " AND outcome = 'expired'":                                             1,
				"SELECT talk_ms FROM interaction_parts FINAL WHERE interaction = 'i1' AND finished = " + at("12:00:40") + " AND ended = finished":                                      10_000,
				"SELECT sum(toUnixTimestamp64Milli(u)) FROM (SELECT arrayJoin(segments_until) AS u FROM interaction_parts FINAL WHERE interaction = 'i1') WHERE u > " + at("12:00:40"): 0,
				"SELECT count() FROM interactions FINAL WHERE id IN ('i1', 'i2') AND ended = " + at("12:00:40") + " AND end_reason = 'expired'":                                        2,
				"SELECT count() FROM queue_visits FINAL WHERE interaction = 'i3' AND outcome = 'answered'":                                                                             1,
				"SELECT sum(talk_count) FROM windows_1m FINAL WHERE start = " + at("12:20:00") + " AND agent = ''":                                                                     1,
				"SELECT sum(talk_count) FROM windows_15m FINAL WHERE start = " + at("12:15:00") + " AND agent = ''":                                                                    1,
				"SELECT count() FROM events FINAL": int64(len(old.records) + len(now.records)),
				"SELECT count() FROM offset_gaps FINAL WHERE from_offset = 6 AND until_offset = 10 AND reason = 'lost' AND contact_center = '' AND resumed_at = " + at("12:10:20"):                    1,
				"SELECT count() FROM offset_gaps FINAL WHERE from_offset = 6 AND until_offset = 10 AND contact_center = '6' AND ended_at = " + at("12:00:40") + " AND resumed_at = " + at("12:10:20"): 1,
				"SELECT count() FROM offset_gaps FINAL": 2,
			} {
				require.Equal(t, want, b.number(t, query), query)
			}
		})
	}
}

// digest is the same where all facts and windows are.
func (b *bench) digest(t *testing.T) (out []int64) {
	t.Helper()
	for _, table := range []string{"agent_intervals", "queue_visits", "interaction_parts", "interactions", "windows_1m", "windows_15m", "annotations"} {
		out = append(out, b.number(t, "SELECT groupBitXor(cityHash64(toString(tuple(* EXCEPT (version, processed_at))))) FROM "+table+" FINAL"+
			map[bool]string{true: "", false: " WHERE NOT deleted"}[table == "annotations" || strings.HasPrefix(table, "windows")]))
	}
	return out
}

// A checkpoint that is cut off, has a flipped bit, or is of another engine is not used: the one before it is, and without any the
// state is made again of raw events. What is in history then is what it is without the damage.
func TestClickHouse_UnreadableCheckpoints(t *testing.T) {
	chapters := func() []func(*story) {
		return []func(*story){
			func(s *story) {
				s.event("agent.login", "a1", "12:00:00", `{}`)
				s.event("agent.status", "a1", "12:00:10", `{"status":"available"}`)
				s.event("interaction.queued", "i1", "12:00:20", `{"queue_id":"q1"}`)
				s.add("no JSON")
			},
			func(s *story) {
				s.event("interaction.offered", "i1", "12:00:25", `{"agent_id":"a1"}`)
				s.event("interaction.connected", "i1", "12:00:30", `{"agent_id":"a1"}`)
				s.event("interaction.note", "i1", "12:00:40", `{"note":"n"}`)
			},
			func(s *story) {
				s.event("interaction.ended", "i1", "12:01:30", `{"reason":"completed"}`)
				s.event("interaction.queued", "i2", "12:02:00", `{"queue_id":"q1"}`)
				s.add("no JSON")
			},
			func(s *story) {
				s.event("agent.status", "a1", "12:03:00", `{"status":"busy"}`)
				s.event("interaction.ended", "i2", "12:04:00", `{"reason":"abandoned"}`)
			},
		}
	}
	want := func() []int64 {
		b := newBench(t)
		s := &story{log: newLog(0, 0)}
		for _, tell := range chapters() {
			tell(s)
		}
		b.run(t, s.log)
		return b.digest(t)
	}()
	const flip = "concat(substring(data, 1, 40), char(bitXor(reinterpretAsUInt8(substring(data, 41, 1)), 1)), substring(data, 42))"
	for name, c := range map[string]struct {
		damage string
		from   int64 // where Kafka is read on from
		broken uint64
	}{
		"bit flipped":       {"UPDATE data = " + flip + " WHERE offset = 10", 7, 1},
		"cut off":           {"UPDATE data = substring(data, 1, intDiv(length(data), 2)) WHERE offset = 10", 7, 1},
		"two of them":       {"UPDATE data = " + flip + " WHERE offset > 4", 4, 2},
		"all of them":       {"UPDATE data = " + flip + " WHERE 1", 9, 3},
		"of another engine": {"UPDATE engine = 4711 WHERE 1", 9, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := &story{log: newLog(0, 0)}
			all := chapters()
			for _, tell := range all[:3] {
				tell(s)
				b.run(t, s.log)
			}
			require.NoError(t, b.conn.Exec(context.Background(), "ALTER TABLE checkpoints "+c.damage+" SETTINGS mutations_sync = 1"))
			l := s.log
			if c.from == 9 { // Kafka has forgotten what only raw events still hold
				l = newLog(0, 9)
				l.add("no JSON")
			}
			next := &story{log: l, n: 20}
			all[3](next)
			w := b.run(t, l)
			require.Equal(t, c.from, l.from)
			require.Equal(t, c.broken, w.count.broken.Get())
			require.Zero(t, w.count.gaps.Get())
			require.Equal(t, want, b.digest(t))
			require.EqualValues(t, 10, b.number(t, raws))
			require.EqualValues(t, 2, b.number(t, "SELECT uniqExact(offset) FROM dead_letters"))
		})
	}
}
