package peers

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/bench/load"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/schema"
	sink "floorwalker/schema/clickhouse"
)

func TestMain(m *testing.M) {
	if IsChild() {
		os.Exit(Main(os.Args))
	}
	clickhousetest.Main(m)
}

// floor is a small centre's morning: enough for every rule of the job.
func floor(t *testing.T, events int) []load.Record {
	t.Helper()
	records, err := load.Records(load.Config{Centers: 3, Agents: 60, Seed: 7, Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), Events: events})
	require.NoError(t, err)
	return records
}

func oracle(t *testing.T, records []load.Record) Cells {
	t.Helper()
	want, err := Oracle(records)
	require.NoError(t, err)
	require.Greater(t, len(want), 50, "the load has next to nothing to count")
	return want
}

// embedded is a broker with the records in a topic.
func embedded(t *testing.T, records []load.Record) *kafkatest.Broker {
	t.Helper()
	broker := kafkatest.Embedded(t)
	broker.CreateTopic(topic, partitions, kafka.ConfigEntry{ConfigName: "retention.ms", ConfigValue: "-1"})
	_, err := load.Produce(t.Context(), broker.Addr(), topic, partitions, records)
	require.NoError(t, err)
	return broker
}

// The sides that need no Java give the oracle's cells, all of them: the whole worker, the fold alone, and ClickHouse alone.
func TestResults_EqualTheOracles(t *testing.T) {
	records := floor(t, 20_000)
	want := oracle(t, records)
	broker := embedded(t, records)
	for _, p := range all() {
		if p.class != "" {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			_, name := clickhousetest.Database(t)
			server := clickhousetest.Start(t)
			s := &stage{server: server}
			conn, err := sink.Connect(sink.Config{Addresses: []string{server.Addr()}, Database: name})
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
			require.NoError(t, s.prepare(t.Context(), p, name))
			var said bytes.Buffer
			m := &marks{out: &said, total: int64(len(records))}
			work := task{Peer: p.name, Broker: broker.Addr(), Topic: topic, Records: len(records), Native: server.Addr(), HTTP: server.HTTPAddr(), Database: name}
			require.NoError(t, work.do(t.Context(), m))
			require.Equal(t, "mark first\nmark half\nmark last\nmark done\n", said.String())
			got, err := s.readTables(t.Context(), p, name)
			require.NoError(t, err)
			require.NoError(t, got.Equal(want))
		})
	}
}

// What the documentation says of the job, event by event. The fold and the oracle share no code.
func TestJob_FollowsItsDefinition(t *testing.T) {
	const minute = int64(60_000)
	queue := func(name string, m int64) Key { return Key{Center: "6", Name: name, Minute: m * minute} }
	agent := func(name string, m int64) Key { return Key{Center: "6", Agent: true, Name: name, Minute: m * minute} }
	for name, c := range map[string]struct {
		events []string // "second type payload"
		want   Cells
	}{
		"answered": {[]string{`0 queued {"queue_id":"q"}`, `70 connected {"agent_id":"a"}`, `100 held {"agent_id":"a"}`, `110 resumed {"agent_id":"a"}`,
			`130 ended {"reason":"completed"}`, `131 wrap_started {"agent_id":"a"}`},
			Cells{queue("q", 0): {Offered: 1}, queue("q", 1): {Answered: 1, WaitSum: 70_000, WaitMax: 70_000}, queue("q", 2): {TalkSum: 50_000, TalkMax: 50_000},
				agent("a", 1): {Answered: 1}, agent("a", 2): {TalkSum: 50_000, TalkMax: 50_000}}},
		"abandoned": {[]string{`0 queued {"queue_id":"q"}`, `5 queued {"queue_id":"q"}`, `70 ended {"reason":"abandoned"}`},
			Cells{queue("q", 0): {Offered: 1}, queue("q", 1): {Abandoned: 1}}},
		"overflow and back": {[]string{`0 queued {"queue_id":"q"}`, `10 queued {"queue_id":"p"}`, `20 queued {"queue_id":"q"}`, `30 ended {"reason":"abandoned"}`},
			Cells{queue("q", 0): {Offered: 1}, queue("p", 0): {Offered: 1}}},
		"transfer to a queue": {[]string{`0 queued {"queue_id":"q"}`, `10 connected {"agent_id":"a","role":"agent"}`, `20 transferred {"from_agent_id":"a","to_queue_id":"p","mode":"blind"}`,
			`30 queued {"queue_id":"p"}`, `40 connected {"agent_id":"b","role":"agent"}`, `50 left {"agent_id":"b"}`, `59 ended {"reason":"completed"}`},
			Cells{queue("q", 0): {Offered: 1, Answered: 1, WaitSum: 10_000, WaitMax: 10_000, TalkSum: 10_000, TalkMax: 10_000}, queue("p", 0): {TalkSum: 10_000, TalkMax: 10_000},
				agent("a", 0): {Answered: 1, TalkSum: 10_000, TalkMax: 10_000}, agent("b", 0): {Answered: 1, TalkSum: 10_000, TalkMax: 10_000}}},
		"own dial": {[]string{`0 created {"channel":"voice","direction":"outbound","agent_id":"a"}`, `10 connected {"agent_id":"a","role":"agent"}`, `15 parked {"agent_id":"a"}`,
			`20 unparked {"agent_id":"a"}`, `30 ended {"reason":"completed"}`},
			Cells{agent("a", 0): {TalkSum: 15_000, TalkMax: 15_000}}},
		"who listens, and barges in": {[]string{`0 queued {"queue_id":"q"}`, `10 connected {"agent_id":"a"}`, `20 connected {"agent_id":"b","role":"silent_join"}`,
			`30 connected {"agent_id":"b","role":"barge_in"}`, `40 ended {"reason":"completed"}`},
			Cells{queue("q", 0): {Offered: 1, Answered: 1, WaitSum: 10_000, WaitMax: 10_000, TalkSum: 40_000, TalkMax: 30_000},
				agent("a", 0): {Answered: 1, TalkSum: 30_000, TalkMax: 30_000}, agent("b", 0): {TalkSum: 10_000, TalkMax: 10_000}}},
		"goes on": {[]string{`0 queued {"queue_id":"q"}`, `10 connected {"agent_id":"a"}`},
			Cells{queue("q", 0): {Offered: 1, Answered: 1, WaitSum: 10_000, WaitMax: 10_000}, agent("a", 0): {Answered: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			var records []load.Record
			f := newFold()
			dec := &schema.Decoder{}
			for n, line := range c.events {
				var second int64
				var typ string
				_, err := fmt.Sscan(line, &second, &typ)
				require.NoError(t, err)
				parsed, ok := schema.ParseEventType("cc.interaction." + typ)
				require.True(t, ok, line)
				ev := schema.Event{ID: fmt.Sprint(n), Source: "/t", Subject: "i", ContactCenter: "6", Type: parsed, Time: second * 1000, Data: []byte(line[bytes.IndexByte([]byte(line), '{'):])}
				records = append(records, load.Record{Center: ev.ContactCenter, Subject: ev.Subject, Type: ev.Type, Time: ev.Time, Data: ev.Data})
				var decoded schema.Event
				require.NoError(t, dec.DecodeStructured(schema.AppendStructured(nil, &ev), &decoded), line)
				f.apply(&decoded)
			}
			got, err := Oracle(records)
			require.NoError(t, err)
			require.NoError(t, got.Equal(c.want))
			folded := Cells{}
			f.drain(func(k Key, c Cell) { folded[k] = c })
			require.NoError(t, folded.Equal(c.want))
		})
	}
}

func TestEqual_NamesWhatDiffers(t *testing.T) {
	k := Key{Center: "6", Name: "q", Minute: 60_000}
	want := Cells{k: {Offered: 1}}
	require.NoError(t, Cells{k: {Offered: 1}, {Name: "empty"}: {}}.Equal(want))
	require.ErrorContains(t, Cells{}.Equal(want), "1 of 1 cells differ")
	require.ErrorContains(t, Cells{k: {Offered: 1}, {Name: "more"}: {Answered: 1}}.Equal(want), "more")
}

func TestReport_MediansLeaveWrongRunsOut(t *testing.T) {
	r := Report{Events: 10}
	for n, perCPU := range []float64{300, 100, 200, 9000} {
		run := Trial{Peer: "flink-1", Round: n + 1, PerCPU: perCPU}
		if perCPU == 9000 {
			run.Wrong = "1 of 1 cells differ"
		}
		r.Runs = append(r.Runs, run)
	}
	rows := r.Rows()
	require.Len(t, rows, 1)
	require.Equal(t, Figure{Median: 200, Min: 100, Max: 300}, rows[0].PerCPU)
	require.Contains(t, r.Markdown(), "| Apache Flink, parallelism 1 | 200 (100 to 300) |")
	require.Contains(t, r.Markdown(), "| 3 of 4 |")
}

func TestRecordsOfTheFloor_AreTheSameEveryTime(t *testing.T) {
	a, b := floor(t, 2000), floor(t, 2000)
	require.True(t, slices.EqualFunc(a, b, func(a, b load.Record) bool { return bytes.Equal(a.Value, b.Value) && a.Arrival == b.Arrival }))
}

// All of it, Java included, on a small floor: only where there is time for it.
func TestRun_AllPeersRight(t *testing.T) {
	if os.Getenv("FLOORWALKER_LONG") == "" {
		t.Skip("starts JVMs; FLOORWALKER_LONG=1 runs it")
	}
	slog.SetDefault(slog.New(slog.DiscardHandler))
	report, err := Run(context.Background(), Options{Events: 20_000, Rounds: 1, Progress: os.Stderr})
	require.NoError(t, err)
	require.Len(t, report.Rows(), len(Names()))
}
