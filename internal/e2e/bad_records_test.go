package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/internal/program"
	"floorwalker/schema"
)

const deadLettersTopic = "cc.dead-letters"

// event is a CloudEvent that is right but for what a test makes wrong.
type event map[string]any

func goodEvent(contactCenter, kind, subject string, at time.Time, data map[string]any) event {
	e := event{"specversion": "1.0", "id": uuid.NewString(), "source": "/e2e", "type": kind, "subject": subject,
		"time": at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), "contactcenter": contactCenter}
	if data != nil {
		e["data"] = data
	}
	return e
}

// with returns a copy with one attribute changed; nil takes it away.
func (e event) with(name string, value any) event {
	out := event{}
	for k, v := range e {
		out[k] = v
	}
	if out[name] = value; value == nil {
		delete(out, name)
	}
	return out
}

func (e event) json() []byte {
	out, err := json.Marshal(e)
	if err != nil {
		panic(err) // a test's own text
	}
	return out
}

// badRecord is a record that must become a dead letter, with the reason.
type badRecord struct {
	name, code string
	value      []byte
	headers    []kafka.Header
	elsewhere  bool // in a partition that is not the contact centre's
}

func badRecords(contactCenter string, now time.Time) []badRecord {
	status := func(data map[string]any) event { return goodEvent(contactCenter, "cc.agent.status", "a1", now, data) }
	good := status(map[string]any{"status": "break"})
	created := func(data map[string]any) event {
		data["channel"], data["direction"] = "voice", "inbound"
		return goodEvent(contactCenter, "cc.interaction.created", "bad", now, data)
	}
	out := []badRecord{
		{name: "not JSON", code: "malformed_json", value: []byte(`{"specversion":"1.0",`)},
		{name: "no bytes", code: "malformed_json", value: []byte{}},
		{name: "two values", code: "malformed_json", value: append(good.json(), "{}"...)},
		{name: "an array", code: "wrong_kind", value: []byte(`[]`)},
		{name: "unknown type", code: "unknown_type", value: good.with("type", "cc.agent.nap").json()},
		{name: "directory's event among the events", code: "unknown_type", value: good.with("type", "cc.directory.agent").with("data", map[string]any{"name": "x"}).json()},
		{name: "other version", code: "value_not_allowed", value: good.with("specversion", "0.3").json()},
		{name: "id is a list", code: "wrong_kind", value: good.with("id", []string{"1"}).json()},
		{name: "data is a text", code: "wrong_kind", value: good.with("data", "break").json()},
		{name: "status is a number", code: "wrong_kind", value: status(map[string]any{"status": 5}).json()},
		{name: "status not in the list", code: "value_not_allowed", value: status(map[string]any{"status": "asleep"}).json()},
		{name: "no status", code: "missing_attribute", value: status(map[string]any{}).json()},
		{name: "only we say expired", code: "value_not_allowed", value: goodEvent(contactCenter, "cc.interaction.ended", "c1", now, map[string]any{"reason": "expired"}).json()},
		{name: "subject too long", code: "too_long", value: good.with("subject", strings.Repeat("x", 129)).json()},
		{name: "agent's id too long", code: "too_long", value: goodEvent(contactCenter, "cc.interaction.connected", "c1", now, map[string]any{"agent_id": strings.Repeat("é", 65)}).json()},
		{name: "empty subject", code: "empty_value", value: good.with("subject", "").json()},
		{name: "zero byte in an id", code: "control_character", value: good.with("subject", "a\x00b").json()},
		{name: "line feed in the contact centre", code: "control_character", value: good.with("contactcenter", contactCenter+"\n").json()},
		{name: "no UTF-8", code: "invalid_utf8", value: bytes.Replace(good.json(), []byte(`"a1"`), []byte("\"a\xff\""), 1)},
		{name: "half a surrogate pair", code: "invalid_utf8", value: bytes.Replace(good.json(), []byte(`"a1"`), []byte(`"a\ud800"`), 1)},
		{name: "attribute twice", code: "duplicate_attribute", value: bytes.Replace(good.json(), []byte(`{`), []byte(`{"id":"first",`), 1)},
		{name: "time in words", code: "malformed_time", value: good.with("time", "yesterday").json()},
		{name: "30 February", code: "malformed_time", value: good.with("time", "2026-02-30T10:00:00Z").json()},
		{name: "time is a number", code: "wrong_kind", value: good.with("time", now.UnixMilli()).json()},
		{name: "before 1970", code: "time_out_of_range", value: good.with("time", "1969-12-31T23:59:59.999Z").json()},
		{name: "year 9999", code: "time_out_of_range", value: good.with("time", "9999-12-31T23:59:59.999Z").json()},
		{name: "in an hour", code: "time_ahead", value: good.with("time", now.Add(time.Hour).UTC().Format(time.RFC3339)).json()},
		{name: "sequence 2^63", code: "number_out_of_range", value: good.with("sequence", "9223372036854775808").json()},
		{name: "sequence in words", code: "malformed_number", value: good.with("sequence", "first").json()},
		{name: "number 2^31", code: "number_out_of_range", value: created(map[string]any{"number": int64(1) << 31}).json()},
		{name: "number -2^63", code: "number_out_of_range", value: created(map[string]any{"number": -1 << 63}).json()},
		{name: "too deep", code: "too_deep", value: bytes.Replace(good.json(), []byte(`"break"`), []byte(`"break","x":`+strings.Repeat("[", 300)+strings.Repeat("]", 300)), 1)},
		{name: "10 MB", code: "too_large", value: good.with("data", map[string]any{"status": "break", "description": strings.Repeat("x", 10<<20)}).json()},
		{name: "binary mode without an id", code: "missing_attribute", value: []byte(`{"status":"break"}`), headers: []kafka.Header{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_source", Value: []byte("/e2e")}, {Key: "ce_type", Value: []byte("cc.agent.status")},
			{Key: "ce_subject", Value: []byte("a1")}, {Key: "ce_time", Value: []byte(now.UTC().Format(time.RFC3339))},
			{Key: "ce_contactcenter", Value: []byte(contactCenter)}}},
		{name: "wrong partition", code: "wrong_partition", value: good.with("id", "elsewhere").json(), elsewhere: true},
	}
	for _, name := range []string{"specversion", "id", "source", "type", "subject", "time", "contactcenter"} {
		out = append(out, badRecord{name: "without " + name, code: "missing_attribute", value: good.with(name, nil).json()})
	}
	return out
}

func TestBadRecords_Demo_DeadLettersAndNothingElse(t *testing.T) {
	requireEngine(t)
	f := startDemo(t, t.TempDir(), "--no-simulator")
	f.requireDeadLetters("floorwalker")
}

func TestBadRecords_KafkaAndClickHouse_DeadLettersAndNothingElse(t *testing.T) {
	program.Path(t)
	kafka := kafkatest.Start(t)
	_, database := clickhousetest.Database(t)
	s := newServe(t, kafka.Addr(), clickhousetest.Start(t).Addr(), database)
	s.start().requireDeadLetters(database)
}

// requireDeadLetters writes every kind of bad record and demands that each becomes a dead letter and that nothing else changes.
func (f *floor) requireDeadLetters(database string) {
	f.t.Helper()
	f.beginDay()
	facts, shown, counted := f.fingerprint(database), f.shown(), f.counted()
	bad := badRecords(f.ContactCenter, time.Now())
	at := make(map[position]badRecord, len(bad))
	for _, b := range bad {
		at[f.produce(b)] = b
	}
	f.settle() // the last record is a dead letter too
	require.Equal(f.t, facts, f.fingerprint(database), "facts before and after")
	require.Equal(f.t, shown, f.shown(), "live state before and after")
	f.requireCounted(bad, counted)
	f.requireInTable(at, database)
	f.requireInTopic(at)

	// The stream goes on.
	f.post(goodEvent(f.ContactCenter, "cc.agent.status", "a1", time.Now(), map[string]any{"status": "lunch"}))
	f.settle()
	require.NotEqual(f.t, facts, f.fingerprint(database))
	var agent struct {
		Status string `json:"status"`
	}
	f.read("agents/a1", nil, &agent)
	require.Equal(f.t, "lunch", agent.Status)
}

// beginDay gives the floor an agent, a call that waits and one that was answered.
func (f *floor) beginDay() {
	f.t.Helper()
	at, step := time.Now().Add(-10*time.Minute).Truncate(time.Millisecond), 0
	next := func(kind, subject string, data map[string]any) event {
		step++
		return goodEvent(f.ContactCenter, kind, subject, at.Add(time.Duration(step)*time.Second), data)
	}
	f.post(
		next("cc.agent.login", "a1", nil),
		next("cc.agent.status", "a1", map[string]any{"status": "available"}),
		next("cc.interaction.created", "c1", map[string]any{"channel": "voice", "direction": "inbound"}),
		next("cc.interaction.queued", "c1", map[string]any{"queue_id": "sales", "priority": 1}),
		next("cc.interaction.created", "c2", map[string]any{"channel": "voice", "direction": "inbound"}),
		next("cc.interaction.queued", "c2", map[string]any{"queue_id": "sales"}),
		next("cc.interaction.connected", "c2", map[string]any{"agent_id": "a1"}),
		next("cc.interaction.note", "c2", map[string]any{"note": "calls again"}),
		next("cc.interaction.ended", "c2", map[string]any{"reason": "completed"}),
	)
	f.settle()
}

// post writes events through the API; all must be taken.
func (f *floor) post(events ...event) {
	f.t.Helper()
	var lines []byte
	for _, e := range events {
		lines = append(append(lines, e.json()...), '\n')
	}
	a := f.do(http.MethodPost, "admin", of(f.ContactCenter, "events"), lines, "application/x-ndjson")
	require.Equal(f.t, http.StatusAccepted, a.status, "%s", a.body)
	require.JSONEq(f.t, fmt.Sprintf(`{"accepted":%d,"rejected":[]}`, len(events)), string(a.body))
}

type position struct {
	partition int
	offset    int64
}

// produce writes one record as a producer in another language would; compressed, because a broker judges sizes after that.
func (f *floor) produce(b badRecord) position {
	f.t.Helper()
	n := len(f.readinessNow().Partitions)
	partition := schema.Murmur2Partition([]byte(f.ContactCenter), n)
	if b.elsewhere {
		partition = (partition + 1) % n
	}
	resp, err := f.kafka().Produce(f.t.Context(), &kafka.ProduceRequest{Topic: eventsTopic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Compression: kafka.Gzip, Records: kafka.NewRecordReader(kafka.Record{Time: time.Now(), Key: kafka.NewBytes([]byte(f.ContactCenter)),
			Value: kafka.NewBytes(b.value), Headers: b.headers})})
	require.NoError(f.t, err, b.name)
	require.NoError(f.t, resp.Error, b.name)
	return position{partition, resp.BaseOffset}
}

// fingerprint of all facts: what a replay may write again does not show.
func (f *floor) fingerprint(database string) map[string]string {
	f.t.Helper()
	conn, err := clickhousetest.Open(f.ClickHouse, database)
	require.NoError(f.t, err)
	defer conn.Close()
	out := map[string]string{}
	for _, table := range []string{"events", "annotations", "agent_intervals", "queue_visits", "interaction_parts", "interactions", "windows_1m", "windows_15m"} {
		var rows, sum uint64
		require.NoError(f.t, conn.QueryRow(f.t.Context(), "SELECT count(), sum(cityHash64(toString(tuple(* EXCEPT (version, processed_at))))) FROM "+table+
			" FINAL").Scan(&rows, &sum), table)
		require.Positive(f.t, rows, "%s must hold something to compare", table)
		out[table] = fmt.Sprintf("%d rows, %x", rows, sum)
	}
	return out
}

// shown is the state that the live lists show, without ages: their ETags.
func (f *floor) shown() map[string]string {
	f.t.Helper()
	out := map[string]string{}
	for _, list := range []string{"agents", "interactions", "agents/a1", "interactions/c1"} {
		a := f.do(http.MethodGet, "admin", of(f.ContactCenter, list), nil, "")
		require.Equal(f.t, http.StatusOK, a.status, "%s", a.body)
		require.NotEmpty(f.t, a.header.Get("ETag"))
		out[list] = a.header.Get("ETag")
	}
	return out
}

var outcomeLine = regexp.MustCompile(`(?m)^floorwalker_worker_events_total\{outcome="([a-z0-9_]+)"\} (\d+)$`)

// counted is what became of events, by outcome.
func (f *floor) counted() map[string]int {
	f.t.Helper()
	out := map[string]int{}
	for _, m := range outcomeLine.FindAllStringSubmatch(string(f.do(http.MethodGet, "", "/metrics", nil, "").body), -1) {
		n, err := strconv.Atoi(m[2])
		require.NoError(f.t, err)
		out[m[1]] = n
	}
	return out
}

func (f *floor) requireCounted(bad []badRecord, before map[string]int) {
	f.t.Helper()
	for _, b := range bad {
		before[b.code]++
	}
	require.Equal(f.t, before, f.counted())
}

// requireInTable looks for each dead letter where it came from.
func (f *floor) requireInTable(at map[position]badRecord, database string) {
	f.t.Helper()
	conn, err := clickhousetest.Open(f.ClickHouse, database)
	require.NoError(f.t, err)
	defer conn.Close()
	rows, err := conn.Query(f.t.Context(), "SELECT topic, partition, offset, toString(code), error, key, value FROM dead_letters FINAL")
	require.NoError(f.t, err)
	defer rows.Close()
	found := 0
	for ; rows.Next(); found++ {
		var topic, code, reason, key, value string
		var partition uint32
		var offset uint64
		require.NoError(f.t, rows.Scan(&topic, &partition, &offset, &code, &reason, &key, &value))
		b, ok := at[position{int(partition), int64(offset)}]
		require.True(f.t, ok, "%d/%d was not bad: %s", partition, offset, reason)
		require.Equal(f.t, b.code, code, "%s: %s", b.name, reason)
		require.Equal(f.t, eventsTopic, topic)
		require.Equal(f.t, f.ContactCenter, key)
		requireValue(f.t, b, []byte(value))
	}
	require.NoError(f.t, rows.Err())
	require.Equal(f.t, len(at), found)
}

// requireValue demands the value as it came, or of a huge one its beginning.
func requireValue(t *testing.T, b badRecord, got []byte) {
	t.Helper()
	if len(b.value) > 1<<20 && len(got) < len(b.value) {
		require.True(t, bytes.HasPrefix(b.value, got), b.name)
		return
	}
	require.True(t, bytes.Equal(b.value, got), "%s: %d bytes have become %d", b.name, len(b.value), len(got))
}

// requireInTopic reads the dead letters' topic, which is written right after the table.
func (f *floor) requireInTopic(at map[position]badRecord) {
	f.t.Helper()
	left := map[position]badRecord{}
	for p, b := range at {
		left[p] = b
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), 30*time.Second)
	defer cancel()
	messages := make(chan kafka.Message)
	for _, partition := range f.partitionsOf(deadLettersTopic) {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{f.Kafka}, Topic: deadLettersTopic, Partition: partition, MaxWait: 100 * time.Millisecond, MaxBytes: 32 << 20})
		defer r.Close()
		go func() {
			for {
				m, err := r.ReadMessage(ctx)
				if err != nil {
					return
				}
				select {
				case messages <- m:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for len(left) > 0 {
		select {
		case m := <-messages:
			f.requireLetter(m, left)
		case <-ctx.Done():
			require.FailNow(f.t, "dead letters are missing in the topic", "%d of %d", len(left), len(at))
		}
	}
}

func (f *floor) requireLetter(m kafka.Message, left map[position]badRecord) {
	f.t.Helper()
	headers := map[string]string{}
	var own []kafka.Header
	for _, h := range m.Headers {
		if !strings.HasPrefix(h.Key, "fw_") {
			own = append(own, h)
			continue
		}
		require.NotContains(f.t, headers, h.Key)
		headers[h.Key] = string(h.Value)
	}
	partition, err := strconv.Atoi(headers["fw_partition"])
	require.NoError(f.t, err)
	offset, err := strconv.ParseInt(headers["fw_offset"], 10, 64)
	require.NoError(f.t, err)
	at := position{partition, offset}
	b, ok := left[at]
	require.True(f.t, ok, "%v was not bad, or has come before", at)
	delete(left, at)
	require.Equal(f.t, eventsTopic, headers["fw_topic"])
	require.True(f.t, strings.HasPrefix(headers["fw_error"], b.code+":") || headers["fw_error"] == b.code, "%s: %s", b.name, headers["fw_error"])
	require.Equal(f.t, f.ContactCenter, string(m.Key))
	require.Equal(f.t, b.headers, own)
	requireValue(f.t, b, m.Value)
	if len(m.Value) < len(b.value) {
		require.Equal(f.t, strconv.Itoa(len(b.value)), headers["fw_truncated"])
	}
}

func (f *floor) partitionsOf(topic string) (out []int) {
	f.t.Helper()
	resp, err := f.kafka().Metadata(f.t.Context(), &kafka.MetadataRequest{Topics: []string{topic}})
	require.NoError(f.t, err)
	require.Len(f.t, resp.Topics, 1)
	require.NoError(f.t, resp.Topics[0].Error)
	for _, p := range resp.Topics[0].Partitions {
		out = append(out, p.ID)
	}
	return out
}
