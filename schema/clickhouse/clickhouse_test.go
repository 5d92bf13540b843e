package clickhouse

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func migrated(t testing.TB) driver.Conn {
	t.Helper()
	conn, _ := clickhousetest.Database(t)
	_, err := Migrate(context.Background(), conn, Options{})
	require.NoError(t, err)
	return conn
}

// A second run finds everything done; a changed retention alters the tables, and only then.
func TestMigrate_SecondRunAppliesNothing(t *testing.T) {
	conn, _ := clickhousetest.Database(t)
	ctx := context.Background()
	applied, err := Migrate(ctx, conn, Options{RawDays: 30})
	require.NoError(t, err)
	require.Equal(t, []string{"0001_tables", "0002_gaps_directory", "0003_alerts", "0004_erasures", "0005_part_ends", "retention of progress", "retention of events", "retention of dead_letters", "retention of offset_gaps"}, applied)

	applied, err = Migrate(ctx, conn, Options{RawDays: 30})
	require.NoError(t, err)
	require.Empty(t, applied)

	applied, err = Migrate(ctx, conn, Options{WindowDays: 400})
	require.NoError(t, err)
	require.Equal(t, []string{"retention of events", "retention of dead_letters", "retention of offset_gaps", "retention of windows_1m", "retention of windows_15m"}, applied)
	require.Empty(t, ttlOf(engineOf(t, conn, "events")))
	require.Equal(t, "toDateTime(start) + toIntervalDay(400)", ttlOf(engineOf(t, conn, "windows_1m")))
}

// A migration that broke off before it was recorded is run again without harm.
func TestMigrate_BrokenOff_GoesOn(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	require.NoError(t, conn.Exec(ctx, "TRUNCATE TABLE migrations"))
	require.NoError(t, conn.Exec(ctx, "DROP TABLE windows_15m"))
	applied, err := Migrate(ctx, conn, Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"0001_tables", "0002_gaps_directory", "0003_alerts", "0004_erasures", "0005_part_ends"}, applied)
	require.NotEmpty(t, engineOf(t, conn, "windows_15m"))
}

func engineOf(t *testing.T, conn driver.Conn, table string) string {
	t.Helper()
	var engine string
	require.NoError(t, conn.QueryRow(context.Background(), "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {n:String}",
		ch.Named("n", table)).Scan(&engine))
	return engine
}

// In a cluster every table is a replicated one, with a distributed one of the plain name over it.
func TestRender_Cluster(t *testing.T) {
	statements, err := Render("0001_tables", Options{Cluster: "floor"})
	require.NoError(t, err)
	plain, err := Render("0001_tables", Options{})
	require.NoError(t, err)
	require.Equal(t, 14, len(plain))
	require.Equal(t, 2*len(plain), len(statements))
	for i := 0; i < len(statements); i += 2 {
		table, rest, _ := strings.Cut(strings.TrimPrefix(statements[i], "CREATE TABLE IF NOT EXISTS "), "_local ON CLUSTER 'floor' (")
		require.Contains(t, rest, "MergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}'", table)
		require.Regexp(t, "^CREATE TABLE IF NOT EXISTS "+table+" ON CLUSTER 'floor' AS "+table+"_local ENGINE = Distributed\\('floor', currentDatabase\\(\\), '"+
			table+"_local', cityHash64\\((contact_center|topic, partition)\\)\\)$", statements[i+1])
	}
	for _, s := range plain {
		require.NotContains(t, s, "Replicated")
		require.NotContains(t, s, "ON CLUSTER")
	}
}

// A later migration changes the tables of replicas and the distributed one alike.
func TestRender_ClusterAlter(t *testing.T) {
	statements, err := Render("0002_gaps_directory", Options{Cluster: "floor"})
	require.NoError(t, err)
	require.Len(t, statements, 4)
	require.Regexp(t, "^ALTER TABLE directory_local ON CLUSTER 'floor' ADD COLUMN .* MODIFY ORDER BY", strings.ReplaceAll(statements[2], "\n", " "))
	require.Regexp(t, "^ALTER TABLE directory ON CLUSTER 'floor' ADD COLUMN [^(]*LowCardinality[^(]*", statements[3])
	require.NotContains(t, statements[3], "ORDER BY")
}

func TestConfig_Faults(t *testing.T) {
	require.NoError(t, Config{Addresses: []string{"h:9000"}, Database: "fw"}.Validate())
	for want, cfg := range map[string]Config{
		"addresses":   {Database: "fw"},
		"database":    {Addresses: []string{"h:9000"}, Database: "fw`; DROP"},
		"compression": {Addresses: []string{"h:9000"}, Database: "fw", Compression: "gzip"},
		"cluster":     {Addresses: []string{"h:9000"}, Database: "fw", Cluster: "a'b"},
	} {
		require.ErrorContains(t, cfg.Validate(), want)
	}
	_, err := Migrate(context.Background(), nil, Options{RawDays: -1})
	require.ErrorContains(t, err, "-1 days")
}

// Open creates the database that it is told, and connects to one that exists.
func TestOpen_CreatesDatabase(t *testing.T) {
	server := clickhousetest.Start(t)
	ctx := context.Background()
	cfg := Config{Addresses: []string{server.Addr()}, Database: "opened_by_test"}
	for range 2 {
		conn, err := Open(ctx, cfg)
		require.NoError(t, err)
		var db string
		require.NoError(t, conn.QueryRow(ctx, "SELECT currentDatabase()").Scan(&db))
		require.Equal(t, "opened_by_test", db)
		require.NoError(t, conn.Close())
	}
}

// Old steps of the progress log go, but the last one of each partition stays.
func TestRetention_ProgressKeepsNewest(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	require.NoError(t, conn.Exec(ctx, `INSERT INTO progress SELECT '', 't', number % 3, 1, number, now64(), now64(), 1, 'w', now64(3) - 86400 * 30 + number
		FROM numbers(3000)`))
	require.NoError(t, conn.Exec(ctx, "INSERT INTO progress SELECT '', 't', 0, 1, 9000 + number, now64(), now64(), 1, 'w', now64(3) - 10 + number FROM numbers(5)"))
	require.NoError(t, conn.Exec(ctx, "OPTIMIZE TABLE progress FINAL"))
	var offsets []uint64
	require.NoError(t, conn.QueryRow(ctx, "SELECT arraySort(groupArray(offset)) FROM progress").Scan(&offsets))
	require.Equal(t, []uint64{2997, 2998, 2999, 9000, 9001, 9002, 9003, 9004}, offsets)
}

const noon = int64(1_790_000_000_000)

// filled makes a T of which every field has a value of its own, so that a column written from the wrong field shows.
func filled[T any](t *testing.T, seed int) T {
	t.Helper()
	var v T
	n := seed
	fill(reflect.ValueOf(&v).Elem(), "", &n)
	return v
}

func fill(v reflect.Value, name string, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), v.Type().Field(i).Name, n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%s-é-%d", name, *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64, reflect.Int:
		v.SetInt(int64(*n))
		if v.Kind() == reflect.Int64 {
			v.SetInt(noon + int64(*n)*61_001)
		}
	case reflect.Uint8:
		v.SetUint(uint64(1 + *n%2))
	case reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(*n))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(fmt.Sprintf(`{"%s":%d}`, name, *n)))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i), name, n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), name, n)
		}
	default:
		panic("no value for " + v.Kind().String())
	}
}

var stamp = Stamp{Topic: "cc.events", Partition: 7, Epoch: 3, Position: 1 << 40}

// row reads one row back as text by column, times as ms.
func row(t *testing.T, conn driver.Conn, table, where string) map[string]string {
	t.Helper()
	ctx := context.Background()
	cols, err := conn.Query(ctx, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {t:String} AND default_kind != 'MATERIALIZED'", ch.Named("t", table))
	require.NoError(t, err)
	var names, exprs []string
	for cols.Next() {
		var name, typ string
		require.NoError(t, cols.Scan(&name, &typ))
		names = append(names, name)
		exprs = append(exprs, textOf(name, typ))
	}
	require.NoError(t, cols.Err())
	var values []string
	final := " FINAL"
	if table == "progress" { // an appended log
		final = ""
	}
	q := "SELECT [" + strings.Join(exprs, ",") + "] FROM " + table + final + " WHERE " + where
	require.NoError(t, conn.QueryRow(ctx, q).Scan(&values))
	got := map[string]string{}
	for i, n := range names {
		got[n] = values[i]
	}
	return got
}

func textOf(name, typ string) string {
	c := "`" + name + "`"
	switch {
	case strings.HasPrefix(typ, "Array(DateTime64"):
		return "toString(arrayMap(x -> toUnixTimestamp64Milli(x), " + c + "))"
	case strings.HasPrefix(typ, "Nullable(DateTime64"):
		return "ifNull(toString(toUnixTimestamp64Milli(" + c + ")), 'NULL')"
	case strings.HasPrefix(typ, "DateTime64"):
		return "toString(toUnixTimestamp64Milli(" + c + "))"
	case strings.HasPrefix(typ, "DateTime("):
		return "toString(toUnixTimestamp(" + c + ") * 1000)"
	case strings.HasPrefix(typ, "Nullable"):
		return "ifNull(toString(" + c + "), 'NULL')"
	}
	return "toString(" + c + ")"
}

func list[T any](in []T, text func(T) string) string {
	var out []string
	for _, v := range in {
		out = append(out, text(v))
	}
	return "[" + strings.Join(out, ",") + "]"
}

func quoted(s string) string { return "'" + s + "'" }
func str(v any) string       { return fmt.Sprint(v) }

func common(s Stamp, version uint64) map[string]string {
	return map[string]string{"version": str(version), "processed_at": str(noon)}
}

func with(m map[string]string, pairs ...string) map[string]string {
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// Every field of every row comes back from its column.
func TestWriters_RoundTrip(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	send := func(b interface {
		Send(context.Context, Inserter, int64) error
	}) {
		require.NoError(t, b.Send(ctx, conn, noon))
	}

	t.Run("events", func(t *testing.T) {
		r := filled[schema.RawEvent](t, 0)
		e := NewEvents()
		e.Append(stamp, []schema.RawEvent{r})
		send(e)
		require.Equal(t, with(common(stamp, Version(3, r.Offset)), "contact_center", r.ContactCenter, "epoch", "3", "topic", "cc.events",
			"partition", "7", "offset", str(r.Offset), "record_time", str(r.RecordTime), "time", str(r.Time), "type", r.Type.String(),
			"subject", r.Subject, "source", r.Source, "id", r.ID, "sequence", str(r.Sequence), "data", string(r.Data)), row(t, conn, "events", "1"))
	})
	t.Run("annotations", func(t *testing.T) {
		r := filled[schema.Annotation](t, 0)
		r.HasSequence = false
		a := NewAnnotations()
		a.Append(stamp, []schema.Annotation{r})
		send(a)
		require.Equal(t, with(common(stamp, Version(3, r.Offset)), "contact_center", r.ContactCenter, "interaction", r.Interaction,
			"time", str(r.Time), "source", r.Source, "id", r.ID, "type", r.Type.String(), "sequence", "NULL", "offset", str(r.Offset),
			"data", string(r.Data)), row(t, conn, "annotations", "1"))
	})
	t.Run("dead_letters", func(t *testing.T) {
		r := filled[schema.DeadLetter](t, 0)
		d := NewDeadLetters()
		d.Append(stamp, []schema.DeadLetter{r})
		send(d)
		require.Equal(t, with(common(stamp, Version(3, r.Offset)), "epoch", "3", "topic", "cc.events", "partition", "7", "offset",
			str(r.Offset), "record_time", str(r.RecordTime), "code", r.Code, "error", r.Error, "key", string(r.Key), "value", string(r.Value),
			"headers", list(r.Headers, func(h schema.Header) string { return "('" + h.Key + "','" + string(h.Value) + "')" })),
			row(t, conn, "dead_letters", "1"))
	})
	t.Run("agent_intervals", func(t *testing.T) {
		r := filled[schema.Interval](t, 0)
		w := NewAgentIntervals()
		w.Append(stamp, []schema.Interval{r})
		send(w)
		require.Equal(t, with(common(stamp, stamp.version()), "contact_center", r.ContactCenter, "kind", r.Kind.String(), "agent", r.Agent,
			"start", str(r.Start), "n", str(r.N), "end", str(r.End), "status", r.Status.String(), "live", str(r.Live), "semi_live",
			str(r.SemiLive), "non_live", str(r.NonLive), "reason_id", r.ReasonID, "reason_name", r.ReasonName, "description", r.Description,
			"suspended", "true", "continued", "true", "deleted", "true"), row(t, conn, "agent_intervals", "1"))
	})
	t.Run("queue_visits", func(t *testing.T) {
		r := filled[schema.Visit](t, 0)
		w := NewQueueVisits()
		w.Append(stamp, []schema.Visit{r})
		send(w)
		require.Equal(t, with(common(stamp, stamp.version()), "contact_center", r.ContactCenter, "interaction", r.Interaction, "start",
			str(r.Start), "n", str(r.N), "queue", r.Queue, "campaign", r.Campaign, "channel", r.Channel.String(), "direction",
			r.Direction.String(), "kind", r.Kind.String(), "end", str(r.End), "outcome", r.Outcome.String(), "agent", r.Agent, "priority",
			str(r.Priority), "deleted", "true"), row(t, conn, "queue_visits", "1"))
	})
	t.Run("interaction_parts", func(t *testing.T) {
		r := filled[schema.Part](t, 0)
		r.MessagesSent, r.Segments[2].Until = 11, schema.Open
		w := NewInteractionParts()
		w.Append(stamp, []schema.Part{r})
		send(w)
		times := func(f func(schema.Segment) int64) string {
			return list(r.Segments, func(g schema.Segment) string {
				if f(g) == schema.Open {
					return str(latest)
				}
				return str(f(g))
			})
		}
		require.Equal(t, with(common(stamp, stamp.version()), "contact_center", r.ContactCenter, "interaction", r.Interaction, "agent", r.Agent,
			"start", str(r.Start), "n", str(r.N), "queue", r.Queue, "campaign", r.Campaign, "channel", r.Channel.String(), "direction",
			r.Direction.String(), "kind", r.Kind.String(), "role", r.Role.String(), "initiating_agent", r.InitiatingAgent, "offered",
			str(r.Offered), "connected", str(r.Connected), "ended", str(r.Ended), "wrap_started", str(r.WrapStarted), "finished",
			str(r.Finished), "ring_ms", str(r.RingMs), "talk_ms", str(r.TalkMs), "hold_ms", str(r.HoldMs), "parked_ms", str(r.ParkedMs),
			"wrap_ms", str(r.WrapMs), "declined", r.Declined.String(), "declined_at", str(r.DeclinedAt), "failed", r.Failed.String(),
			"messages_sent", "11", "first_message", str(r.FirstMessage), "primary", "true", "primary_since", str(r.PrimarySince),
			"segments_state", list(r.Segments, func(g schema.Segment) string { return quoted(g.State.String()) }),
			"segments_since", times(func(g schema.Segment) int64 { return g.Since }),
			"segments_until", times(func(g schema.Segment) int64 { return g.Until }),
			"segments_role", list(r.Segments, func(g schema.Segment) string { return quoted(g.Role.String()) }),
			"segments_reason", list(r.Segments, func(g schema.Segment) string { return quoted(g.Reason) }),
			"deleted", "true"), row(t, conn, "interaction_parts", "1"))
		require.Equal(t, schema.Open, Until(latest))
	})
	t.Run("interactions", func(t *testing.T) {
		r := filled[schema.Interaction](t, 0)
		w := NewInteractions()
		w.Append(stamp, []schema.Interaction{r})
		send(w)
		require.Equal(t, with(common(stamp, stamp.version()), "contact_center", r.ContactCenter, "id", r.ID, "start", str(r.Start), "n",
			str(r.N), "number", str(r.Number), "channel", r.Channel.String(), "direction", r.Direction.String(), "kind", r.Kind.String(),
			"call_id", r.CallID, "chat_id", r.ChatID, "campaign", r.Campaign, "queue", r.Queue, "first_queue", r.FirstQueue, "call_flow",
			r.CallFlow, "priority", str(r.Priority), "skills", list(r.Skills, quoted), "state", r.State.String(), "state_since",
			str(r.StateSince), "queued", str(r.Queued), "connected", str(r.Connected), "ended", str(r.Ended), "end_reason",
			r.EndReason.String(), "ended_by", r.EndedBy.String(), "end_cause", r.EndCause.String(), "primary_agent", r.PrimaryAgent,
			"first_agent", r.FirstAgent, "customer", string(r.Customer), "screen_pop_url", r.ScreenPopURL, "gruu", r.Gruu, "can_record",
			"true", "deleted", "true"), row(t, conn, "interactions", "1"))
	})
	for minutes, table := range map[int]string{1: "windows_1m", 15: "windows_15m"} {
		t.Run(table, func(t *testing.T) {
			r := filled[schema.Window](t, 0)
			r.Start = noon
			w := NewWindows(minutes)
			w.Append(stamp, &r)
			send(w)
			require.Equal(t, wantWindow(r), row(t, conn, table, "1"))
		})
	}
	t.Run("progress", func(t *testing.T) {
		p := NewProgress()
		p.Append(stamp, ProgressRow{ContactCenter: "6", NewestEvent: noon - 5, CompleteUntil: noon - 6, CaughtUp: true, Worker: "w1"})
		send(p)
		require.Equal(t, map[string]string{"contact_center": "6", "topic": "cc.events", "partition": "7", "epoch": "3", "offset": str(stamp.Position),
			"newest_event": str(noon - 5), "complete_until": str(noon - 6), "caught_up": "true", "worker": "w1", "written_at": str(noon)},
			row(t, conn, "progress", "1"))
	})
	t.Run("checkpoints", func(t *testing.T) {
		c := NewCheckpoints()
		c.Append(stamp, CheckpointRow{Chunk: 1, Chunks: 2, Engine: 4, Partitions: 12, Log: 2, Data: []byte("\x00\xff'")})
		send(c)
		require.Equal(t, map[string]string{"topic": "cc.events", "partition": "7", "epoch": "3", "offset": str(stamp.Position),
			"chunk": "1", "chunks": "2", "engine": "4", "partitions": "12", "log": "2", "written_at": str(noon), "data": "\x00\xff'"},
			row(t, conn, "checkpoints", "1"))
	})
}

func wantWindow(r schema.Window) map[string]string {
	bin := func(b schema.Bin) string { return fmt.Sprintf("%d:%d", b.Key, b.N) }
	histogram := func(b []schema.Bin) string { return strings.NewReplacer("[", "{", "]", "}").Replace(list(b, bin)) }
	want := with(common(stamp, stamp.version()), "contact_center", r.ContactCenter, "start", str(noon/1000*1000), "agent", r.Agent, "queue",
		r.Queue, "campaign", r.Campaign, "channel", r.Channel.String(), "direction", r.Direction.String())
	for c, n := range r.Counts {
		want[schema.Count(c).String()] = str(n)
	}
	for m := range r.Measures {
		name, d := schema.Measure(m).String(), r.Measures[m]
		want[name+"_count"], want[name+"_sum"], want[name+"_max"], want[name+"_log"] = str(d.Count), str(d.Sum), str(d.Max), histogram(d.Log)
		if schema.Measure(m).CountsSeconds() {
			want[name+"_seconds"] = histogram(d.Seconds)
		}
	}
	return want
}

// What is not there is NULL, and what is empty is empty.
func TestWriters_AbsentValues(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	p := NewInteractionParts()
	p.Append(stamp, []schema.Part{{ContactCenter: "6", Start: noon, Offered: schema.NoTime, Connected: schema.NoTime, Ended: schema.Open,
		WrapStarted: schema.NoTime, Finished: schema.Open, FirstMessage: schema.NoTime}})
	require.NoError(t, p.Send(ctx, conn, noon))
	got := row(t, conn, "interaction_parts", "1")
	for _, c := range []string{"offered", "connected", "ended", "wrap_started", "finished", "declined_at", "first_message", "primary_since"} {
		require.Equal(t, "NULL", got[c], c)
	}
	for _, c := range []string{"segments_state", "segments_since", "segments_until", "segments_role", "segments_reason"} {
		require.Equal(t, "[]", got[c], c)
	}
	for _, c := range []string{"agent", "queue", "channel", "role", "declined", "failed"} {
		require.Empty(t, got[c], c)
	}
}

// A block is used again for the next flush, with other dictionaries, and a dictionary may outgrow one and two bytes.
func TestBlock_ReusedAcrossFlushes(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	e := NewEvents()
	offset := int64(0)
	for _, n := range []int{3, 256, 257, 70_000, 2} {
		var rows []schema.RawEvent
		for i := range n {
			rows = append(rows, schema.RawEvent{ContactCenter: "6", Source: fmt.Sprintf("s%d/%d", n, i), Offset: offset, Time: noon})
			offset++
		}
		e.Append(stamp, rows)
		require.Equal(t, n, e.Rows())
		require.NoError(t, e.Send(ctx, conn, noon))
		e.Reset()
		require.NoError(t, e.Send(ctx, conn, noon), "nothing to send")
		var distinct, count uint64
		require.NoError(t, conn.QueryRow(ctx, "SELECT uniqExact(source), count() FROM events WHERE source LIKE {p:String}",
			ch.Named("p", fmt.Sprintf("s%d/%%", n))).Scan(&distinct, &count))
		require.Equal(t, uint64(n), distinct)
		require.Equal(t, uint64(n), count)
	}
}

// A replay overwrites and never adds; a lower version never wins, in whatever order they come; a tombstone stays.
func TestVersions(t *testing.T) {
	conn := migrated(t)
	ctx := context.Background()
	write := func(epoch uint16, position int64, v schema.Visit) {
		w := NewQueueVisits()
		v.ContactCenter, v.Interaction, v.Start = "6", "i1", noon
		w.Append(Stamp{Topic: "t", Epoch: epoch, Position: position}, []schema.Visit{v})
		require.NoError(t, w.Send(ctx, conn, noon))
	}
	read := func() (queue string, deleted bool) {
		var count uint64
		require.NoError(t, conn.QueryRow(ctx, "SELECT any(queue), any(deleted), count() FROM queue_visits FINAL").Scan(&queue, &deleted, &count))
		require.EqualValues(t, 1, count)
		return queue, deleted
	}
	write(0, 100, schema.Visit{Queue: "first"})
	write(0, 100, schema.Visit{Queue: "first"})
	queue, _ := read()
	require.Equal(t, "first", queue)
	write(0, 99, schema.Visit{Queue: "zombie"})
	queue, _ = read()
	require.Equal(t, "first", queue)
	write(0, 200, schema.Visit{Queue: "second", Deleted: true})
	_, deleted := read()
	require.True(t, deleted)
	write(1, 1, schema.Visit{Queue: "epoch"})
	write(0, 1<<47, schema.Visit{Queue: "old epoch"})
	require.NoError(t, conn.Exec(ctx, "OPTIMIZE TABLE queue_visits FINAL"))
	queue, deleted = read()
	require.Equal(t, "epoch", queue)
	require.False(t, deleted)
}

// A batch that cannot be sent leaves the block as it was.
func TestSend_Fails_SameRowsAgain(t *testing.T) {
	conn := migrated(t)
	e := NewEvents()
	e.Append(stamp, []schema.RawEvent{filled[schema.RawEvent](t, 1)})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.Error(t, e.Send(ctx, conn, noon))
	require.Equal(t, 1, e.Rows())
	require.NoError(t, conn.Exec(context.Background(), "RENAME TABLE events TO away"))
	require.ErrorContains(t, e.Send(context.Background(), conn, noon), "insert into events")
	require.NoError(t, conn.Exec(context.Background(), "RENAME TABLE away TO events"))
	require.NoError(t, e.Send(context.Background(), conn, noon+1))
	var count uint64
	require.NoError(t, conn.QueryRow(context.Background(), "SELECT count() FROM events").Scan(&count))
	require.EqualValues(t, 1, count)
}
