package history

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// story is a partition's log, told event by event to a real engine and flushed to a real ClickHouse.
type story struct {
	*testing.T
	eng         *engine.Engine
	dec         schema.Decoder
	sink        *Sink
	next        int64
	epoch       uint16
	annotations []schema.Annotation
	minutes     map[string]schema.Window // the newest version of each window of one minute
}

func newStory(t *testing.T, conn Conn) *story {
	t.Helper()
	return &story{T: t, eng: engine.New(engine.Config{}), sink: sink(t, conn), minutes: map[string]schema.Window{}}
}

func (s *story) decode(kind, subject, at, data string) *schema.Event {
	s.Helper()
	rec := schema.Record{Topic: topic, Partition: 1, Offset: s.next, Value: fmt.Appendf(nil, `{"specversion":"1.0","id":"%d","source":"/acd","type":"cc.%s",`+
		`"subject":%q,"time":"2026-09-%sZ","contactcenter":"6","data":%s}`, s.next, kind, subject, at, data)}
	ev := &schema.Event{}
	require.NoError(s, s.dec.Decode(&rec, ev))
	return ev
}

func (s *story) tell(kind, subject, at, data string) {
	s.Helper()
	ev := s.decode(kind, subject, at, data)
	if ev.Type.Annotation() {
		s.annotations = append(s.annotations, schema.Annotation{ContactCenter: "6", Interaction: subject, Time: ev.Time, Source: ev.Source, ID: ev.ID,
			Type: ev.Type, Offset: s.next, Data: slices.Clone(ev.Data)})
	}
	require.Contains(s, []engine.Outcome{engine.Applied, engine.Orphan}, s.eng.Apply(ev, s.next))
	s.next++
}

// talk is an interaction that waits 10 seconds, rings 5 and lasts until the end.
func (s *story) talk(id, agent, queue, queued, offered, connected, ended string) {
	s.Helper()
	s.tell("interaction.queued", id, queued, fmt.Sprintf(`{"queue_id":%q}`, queue))
	s.tell("interaction.offered", id, offered, fmt.Sprintf(`{"agent_id":%q}`, agent))
	s.tell("interaction.connected", id, connected, fmt.Sprintf(`{"agent_id":%q}`, agent))
	s.tell("interaction.ended", id, ended, `{"reason":"completed"}`)
}

func (s *story) flush() clickhouse.Stamp {
	s.Helper()
	var rows engine.Rows
	s.eng.Drain(&rows)
	for _, w := range rows.Windows {
		if w.Minutes == schema.WindowMinute {
			s.minutes[fmt.Sprint(w.Dims, w.Start)] = w
		}
	}
	stamp := clickhouse.Stamp{Topic: topic, Partition: 1, Epoch: s.epoch, Position: s.eng.Position()}
	require.NoError(s, s.sink.Flush(context.Background(), []Flushed{{Stamp: stamp, Rows: rows, Annotations: annotationsOf(stamp, s.annotations...)}}))
	s.annotations = nil
	return stamp
}

func (s *story) checkpoint(store *Store) {
	s.Helper()
	s.flush()
	b, err := s.eng.Snapshot()
	require.NoError(s, err)
	save(s.T, store, Checkpoint{Topic: topic, Partition: 1, Epoch: s.epoch, Engine: engine.Number, Partitions: 12, Offset: s.eng.Position(), Snapshot: b})
}

// sum adds the windows of one minute up that lie in the range.
func (s *story) sum(from, to int64) map[schema.Dims]schema.Window {
	out := map[schema.Dims]schema.Window{}
	for _, w := range s.minutes {
		if w.Start < from || w.Start >= to {
			continue
		}
		sum, ok := out[w.Dims]
		if !ok {
			sum = schema.Window{Dims: w.Dims, Start: from}
		}
		for c := range sum.Counts {
			sum.Counts[c] += w.Counts[c]
		}
		for m := range sum.Measures {
			sum.Measures[m].Add(w.Measures[m])
		}
		out[w.Dims] = sum
	}
	for d, w := range out {
		if w.Counts == [schema.NumCounts]uint32{} && w.Measures[schema.MeasureTalk].Count == 0 {
			delete(out, d)
		}
	}
	return out
}

func moment(t *testing.T, text string) int64 {
	t.Helper()
	ms, err := schema.ParseTime("2026-09-" + text + "Z")
	require.NoError(t, err)
	return ms
}

// Windows of the day are summed by what they count, over quarters and ragged minutes alike, each correction once.
func TestWindows_SumMinutesAndQuarters(t *testing.T) {
	conn := connect(t)
	s := newStory(t, conn)
	s.tell("agent.login", "a1", "21T11:50:00", `{}`)
	s.tell("agent.status", "a1", "21T11:50:01", `{"status":"available"}`)
	s.talk("before", "a1", "q1", "21T12:00:00", "21T12:00:05", "21T12:00:10", "21T12:01:00")
	s.talk("early", "a1", "q1", "21T12:06:00", "21T12:06:05", "21T12:06:10", "21T12:08:10")
	s.talk("across", "a1", "q1", "21T12:14:00", "21T12:14:05", "21T12:14:10", "21T12:31:10")
	s.flush()
	s.talk("middle", "a1", "q2", "21T12:35:00", "21T12:35:05", "21T12:35:12.5", "21T12:36:12.5")
	s.tell("interaction.held", "across", "21T12:20:00", `{"agent_id":"a1"}`) // came late: corrects windows that are written
	s.tell("interaction.resumed", "across", "21T12:20:30", `{"agent_id":"a1"}`)
	s.talk("late", "a1", "q1", "21T12:46:00", "21T12:46:05", "21T12:46:10", "21T12:47:10")
	s.talk("after", "a1", "q1", "21T12:55:00", "21T12:55:05", "21T12:55:10", "21T12:56:10")
	s.flush()
	boot := NewBoot(conn, nil)
	for _, r := range [][2]string{{"21T12:05:00", "21T12:50:00"}, {"21T12:00:00", "21T13:00:00"}, {"21T12:06:00", "21T12:09:00"}, {"21T12:14:00", "21T12:31:00"}} {
		from, to := moment(t, r[0]), moment(t, r[1])
		got, err := boot.Windows(context.Background(), "6", from, to)
		require.NoError(t, err)
		byDims := map[schema.Dims]schema.Window{}
		for _, w := range got {
			byDims[w.Dims] = w
		}
		require.Len(t, byDims, len(got), "each Dims once")
		require.NotEmpty(t, got)
		require.Equal(t, s.sum(from, to), byDims, r)
	}
	got, err := boot.Windows(context.Background(), "6", moment(t, "21T12:05:00"), moment(t, "21T12:50:00"))
	require.NoError(t, err)
	var answered uint32
	var wait, hold schema.Distribution
	for _, w := range got {
		if w.Agent != "" {
			continue
		}
		answered += w.Counts[schema.CountAnswered]
		wait.Add(w.Measures[schema.MeasureWait])
		hold.Add(w.Measures[schema.MeasureHold])
	}
	require.EqualValues(t, 4, answered)
	require.Equal(t, []int64{4, 42_500, 12_500, 30_000}, []int64{int64(wait.Count), wait.Sum, wait.Max, hold.Sum})
	require.Equal(t, []schema.Bin{{Key: 20, N: 3}, {Key: 25, N: 1}}, wait.Seconds)
	require.Equal(t, []schema.Bin{{Key: schema.Bucket(10_000), N: 3}, {Key: schema.Bucket(12_500), N: 1}}, wait.Log)
}

// A replica goes on from the newest checkpoint that can be read, exactly as the worker that wrote it.
func TestLoadSnapshot(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	boot := NewBoot(conn, config(nil).Log)
	c, err := boot.LoadSnapshot(ctx, topic, 1)
	require.NoError(t, err)
	require.Nil(t, c.Snapshot)
	_, known, err := boot.Epoch(ctx, topic)
	require.NoError(t, err)
	require.False(t, known, "nothing was ever flushed")

	s := newStory(t, conn)
	s.epoch = 3
	st := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	s.tell("agent.login", "a1", "21T12:00:00", `{}`)
	s.tell("agent.status", "a1", "21T12:00:01", `{"status":"available"}`)
	s.tell("interaction.queued", "i1", "21T12:00:20", `{"queue_id":"q1"}`)
	s.checkpoint(st)
	s.tell("interaction.offered", "i1", "21T12:00:25", `{"agent_id":"a1"}`)
	s.checkpoint(st)

	c, err = boot.LoadSnapshot(ctx, topic, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 3}, []int64{c.Offset, int64(c.Epoch)})
	replica, err := engine.Restore(engine.Config{Live: true}, c.Snapshot)
	require.NoError(t, err)
	require.Equal(t, c.Offset, replica.Position())
	epoch, known, err := boot.Epoch(ctx, topic)
	require.NoError(t, err)
	require.True(t, known)
	require.EqualValues(t, 3, epoch)
	ev := s.decode("interaction.connected", "i1", "21T12:00:30", `{"agent_id":"a1"}`)
	var here, there engine.Rows
	require.Equal(t, engine.Applied, replica.Apply(ev, 4))
	require.Equal(t, engine.Applied, s.eng.Apply(ev, 4))
	replica.Drain(&here)
	s.eng.Drain(&there)
	require.NotEmpty(t, here.Parts)
	require.Equal(t, there, here)

	foreign := Checkpoint{Topic: topic, Partition: 1, Epoch: 3, Engine: engine.Number + 1, Partitions: 12, Offset: 50, Snapshot: []byte("another engine's")}
	save(t, st, foreign)
	c, err = boot.LoadSnapshot(ctx, topic, 1)
	require.NoError(t, err)
	require.EqualValues(t, 4, c.Offset)
	conn.update(t, "UPDATE data = 'broken' WHERE offset = 4")
	c, err = boot.LoadSnapshot(ctx, topic, 1)
	require.NoError(t, err)
	require.EqualValues(t, 3, c.Offset, "the one before")
	foreign.Epoch, foreign.Log, foreign.Offset = 4, 4, 1
	save(t, st, foreign)
	c, err = boot.LoadSnapshot(ctx, topic, 1)
	require.NoError(t, err)
	require.Nil(t, c.Snapshot, "offsets of another log mean nothing")
}

// What was noted before the checkpoint is there, as it came and in order; what the replica will read itself is not.
func TestAnnotations(t *testing.T) {
	conn := connect(t)
	ctx := context.Background()
	s := newStory(t, conn)
	s.epoch = 2
	s.tell("interaction.queued", "i1", "21T12:00:00", `{"queue_id":"q1"}`)
	s.tell("interaction.queued", "i2", "21T12:00:00", `{"queue_id":"q1"}`)
	s.tell("interaction.note", "i1", "21T12:00:20", `{"note":"second é"}`)
	s.tell("interaction.note", "i1", "21T12:00:10", `{"note":"first"}`)
	s.tell("interaction.note", "i2", "21T12:00:10", `{"note":"of another"}`)
	st := store(t, conn, &clock{time.UnixMilli(noon)}, 0)
	want := slices.Clone(s.annotations)
	s.checkpoint(st)
	s.tell("interaction.note", "i1", "21T12:00:30", `{"note":"after the checkpoint"}`)
	s.flush()
	boot := NewBoot(conn, nil)
	c, err := boot.LoadSnapshot(ctx, topic, 1)
	require.NoError(t, err)
	epoch, offset := c.Epoch, c.Offset
	got, err := boot.Annotations(ctx, "6", []string{"i1", "unknown"}, epoch, offset)
	require.NoError(t, err)
	require.Equal(t, []schema.Annotation{want[1], want[0]}, got)

	many := []string{"i2", "i1"}
	for i := range 2*askedAtOnce - 3 {
		many = slices.Insert(many, 1, fmt.Sprint("none", i))
	}
	got, err = boot.Annotations(ctx, "6", many, epoch, offset)
	require.NoError(t, err)
	require.Len(t, got, 3)

	// The same record written again in a later epoch is still from before the checkpoint.
	again := want[0]
	stamp := clickhouse.Stamp{Topic: topic, Partition: 1, Epoch: 5}
	require.NoError(t, s.sink.Flush(ctx, []Flushed{{Stamp: stamp, Annotations: annotationsOf(stamp, again)}}))
	got, err = boot.Annotations(ctx, "6", []string{"i1"}, epoch, offset)
	require.NoError(t, err)
	require.Equal(t, []schema.Annotation{want[1], want[0]}, got)
	got, err = boot.Annotations(ctx, "6", nil, epoch, offset)
	require.NoError(t, err)
	require.Empty(t, got)
}
