package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/erase"
	"floorwalker/schema"
)

// secrets are in everything that is said of the customer who is to be erased, and nowhere else.
var secrets = []string{"SECRET", "4930777000111", "C7ID"}

// sayCustomers gives every third conversation the customer, and the others others, and lets all of them say something.
func sayCustomers(events []happening) (out []happening) {
	n := 0
	for _, h := range events {
		if h.kind != "interaction.created" {
			out = append(out, h)
			continue
		}
		n++
		who, text := fmt.Sprintf(`{"id":"C%dID%d","name":"Other %d","phone":"+49305550%05d","email":"o%d@example.com"}`, 8+n%3, n%9, n%9, n%9, n%9), "harmless"
		if n%3 == 0 {
			who, text = `{"id":"C7ID","name":"Anna SECRET","phone":"+4930777000111","email":"a@SECRET.example","details":{"vip":"SECRET"},"nickname":"SECRET"}`, "SECRET"
		}
		h.data = strings.TrimSuffix(h.data, "}") + `,"customer":` + who + `,"screen_pop_url":"https://crm/` + text + `","call_id":"call-` + h.subject + `","caller":"` + text + `"}`
		out = append(out, h)
		for k, say := range []struct{ kind, data string }{{"prompt", `{"name":"account","value":"X"}`}, {"ivr", `{"node":"menu","result":"X","note":"X","duration_ms":40}`},
			{"message", `{"from":"X","to":"Y","text":"X \"quoted\"","from_agent":false}`}, {"note", `{"note":"X","agent_id":"a1"}`},
			{"extra_item", `{"id":"x","name":"order","value":"X","searchable":true}`}, {"updated", `{"customer":{"address":"X street"},"gruu":"X","can_record":false}`}} {
			out = append(out, happening{cc: h.cc, kind: "interaction." + say.kind, subject: h.subject, data: strings.ReplaceAll(say.data, "X", text), t: h.t + int64(k) + 1,
				id: fmt.Sprint(h.id, "-", say.kind)})
		}
	}
	return out
}

func sortByTime(events []happening) {
	slices.SortStableFunc(events, func(a, b happening) int { return cmp.Compare(a.t, b.t) })
}

// found counts the values of all text columns that hold one of the secrets, by column, and snapshots that do.
func (s *system) found(where string) map[string]uint64 {
	s.Helper()
	out := map[string]uint64{}
	rows, err := s.conn.Query(context.Background(), "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() AND position(type, 'String') > 0 GROUP BY table")
	require.NoError(s, err)
	defer rows.Close()
	all := 0
	for rows.Next() {
		var table string
		var columns, counts []string
		require.NoError(s, rows.Scan(&table, &columns))
		all += len(columns)
		for _, c := range columns {
			counts = append(counts, "countIf(multiSearchAny(toString(`"+c+"`), ['"+strings.Join(secrets, "', '")+"']))")
		}
		condition := ""
		if table == "checkpoints" && where != "" {
			continue // hold all contact centres
		}
		if table == "events" || table == "interactions" || table == "annotations" {
			condition = where
		}
		var n []uint64
		require.NoError(s, s.conn.QueryRow(context.Background(), "SELECT ["+strings.Join(counts, ", ")+"] FROM "+table+" WHERE true"+condition).Scan(&n))
		for k := range n {
			if n[k] > 0 {
				out[table+"."+columns[k]] = n[k]
			}
		}
	}
	require.NoError(s, rows.Err())
	require.Greater(s, all, 80)
	marks, err := s.store.All(context.Background(), topic)
	require.NoError(s, err)
	for _, m := range marks {
		data, err := s.store.Load(context.Background(), m)
		require.NoError(s, err)
		z, err := zstd.NewReader(bytes.NewReader(data[24:]))
		require.NoError(s, err)
		raw, err := io.ReadAll(z)
		z.Close()
		require.NoError(s, err)
		for _, secret := range secrets {
			// The other contact centre of the tests has a customer of the same id.
			if n := bytes.Count(raw, []byte(secret)); n > 0 && where == "" {
				out["snapshots"] += uint64(n)
			}
		}
	}
	return out
}

// hashes are equal where tables hold the same rows. What an erasure may change is left out.
func (s *system) hashes(conditions map[string]string) map[string]string {
	s.Helper()
	out := map[string]string{}
	for _, table := range []string{"agent_intervals", "queue_visits", "interaction_parts", "windows_1m", "windows_15m", "offset_gaps", "events", "annotations", "interactions"} {
		columns := "*"
		if conditions[table] == "" && (table == "events" || table == "annotations" || table == "interactions") {
			columns = map[string]string{"events": "* EXCEPT (data)", "annotations": "* EXCEPT (data)", "interactions": "* EXCEPT (customer, screen_pop_url, gruu)"}[table]
		}
		var n, sum uint64
		require.NoError(s, s.conn.QueryRow(context.Background(), "SELECT count(), groupBitXor(cityHash64(toString(tuple("+columns+")))) FROM "+table+" FINAL WHERE true "+conditions[table]).Scan(&n, &sum))
		out[table] = fmt.Sprint(n, " rows, ", sum)
		require.True(s, n > 0 || table == "offset_gaps", table)
	}
	return out
}

func (s *system) erase(change func(*erase.Config)) *erase.Report {
	s.Helper()
	cfg := erase.Config{Conn: s.conn, Store: s.store, Topic: topic, Engine: engine.Config{}, ContactCenter: "6", Whom: []erase.Whom{{Kind: erase.ByID, Value: "C7ID"}},
		By: "tester", Now: time.Now}
	if change != nil {
		change(&cfg)
	}
	r, err := erase.Run(context.Background(), cfg)
	require.NoError(s, err)
	return r
}

// others are conditions for the rows that are none of the customer's, who must not have been erased yet.
func (s *system) others() map[string]string {
	s.Helper()
	var ids []string
	require.NoError(s, s.conn.QueryRow(context.Background(), "SELECT groupUniqArray(id) FROM interactions WHERE position(customer, 'SECRET') > 0").Scan(&ids))
	require.Greater(s, len(ids), 10)
	not := func(column string) string { return " AND " + column + " NOT IN ('" + strings.Join(ids, "', '") + "')" }
	return map[string]string{"events": not("subject"), "annotations": not("interaction"), "interactions": not("id")}
}

// After an erasure no table and no checkpoint holds anything of the customer; all that is counted, and all others, are as they were; and
// what is computed anew from the raw events agrees with what is stored.
func TestErase_NothingOfTheCustomerIsLeft_AndNothingElseChanges(t *testing.T) {
	l := newLog(0)
	events := sayCustomers(newFloor("6", 11, 2))
	// An id that is used again, hours later, by somebody else.
	tell := func(kind, data string, at int64) {
		events = append(events, happening{cc: "6", kind: "interaction." + kind, subject: "again", data: data, t: at, id: fmt.Sprint("again-", at)})
	}
	tell("created", `{"channel":"voice","direction":"inbound","customer":{"id":"C7ID","name":"SECRET"}}`, morning+minute)
	tell("queued", `{"queue_id":"q1"}`, morning+minute+1)
	tell("note", `{"note":"SECRET"}`, morning+minute+2)
	tell("ended", `{"reason":"abandoned"}`, morning+2*minute)
	const later = morning + 6*hour
	tell("created", `{"channel":"voice","direction":"inbound","customer":{"id":"C8ID8","name":"Other again"}}`, later)
	tell("queued", `{"queue_id":"q1"}`, later+1)
	tell("note", `{"note":"not to be erased"}`, later+2)
	tell("ended", `{"reason":"abandoned"}`, later+minute)
	events = append(events, happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 40*hour, id: "end"})
	sortByTime(events)
	cut := len(events) / 2 // a checkpoint in the middle holds interactions that go on
	l.add(events[:cut]...)
	s := newSystem(t, l)
	s.once()
	l.add(events[cut:]...)
	refused := happening{cc: "6", kind: "interaction.created", subject: "bad", data: `{"channel":"telepathy","customer":{"phone":"+4930777000111"}}`, t: morning + 40*hour, id: "bad"}
	l.add(refused, happening{cc: "6", kind: "interaction.created", subject: "bad2", data: `{"channel":"telepathy","customer":{"phone":"+49305551"}}`, t: morning + 40*hour, id: "bad2"})
	s.once()
	clean(t, s.audit())
	before := s.found("")
	for _, place := range []string{"events.data", "annotations.data", "interactions.customer", "interactions.screen_pop_url", "dead_letters.value", "snapshots"} {
		require.Positive(t, before[place], "the customer must be everywhere at first: %v", before)
	}
	others := s.others()
	hashes, rest := s.hashes(nil), s.hashes(others)

	would := s.erase(func(c *erase.Config) { c.DryRun = true })
	require.Equal(t, before, s.found(""), "a dry run changes nothing")
	require.Greater(t, would.Interactions, 20)

	done := s.erase(nil)
	require.Equal(t, would.Rows, done.Rows)
	require.Equal(t, would.Interactions, done.Interactions)
	require.Positive(t, done.Checkpoints)
	require.True(t, done.Clean(), "%v", done)
	require.Empty(t, s.found(""))
	var twice uint64
	require.NoError(t, s.conn.QueryRow(context.Background(), "SELECT count() FROM (SELECT 1 FROM checkpoints GROUP BY topic, partition, epoch, offset, chunk HAVING count() > 1)").Scan(&twice))
	require.Zero(t, twice, "what was packed anew takes the place of the old one, on disk too")
	require.Equal(t, hashes, s.hashes(nil), "counts, times and agents are what they were")
	require.Equal(t, rest, s.hashes(others), "and so is everything of other customers")
	var n uint64
	require.NoError(t, s.conn.QueryRow(context.Background(), "SELECT count() FROM annotations WHERE position(data, 'not to be erased') > 0").Scan(&n))
	require.EqualValues(t, 1, n, "whoever has the id now is somebody else")
	require.NoError(t, s.conn.QueryRow(context.Background(), "SELECT count() FROM dead_letters WHERE value != ''").Scan(&n))
	require.EqualValues(t, 1, n, "dead letters of others stay")

	clean(t, s.audit())
	var dec schema.Decoder
	rows, err := s.conn.Query(context.Background(), "SELECT type, subject, data FROM events WHERE position(data, 'erased') > 0")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var kind, subject, data string
		require.NoError(t, rows.Scan(&kind, &subject, &data))
		var ev schema.Event
		of, ok := schema.ParseEventType(kind)
		require.True(t, ok)
		again := schema.AppendStructured(nil, &schema.Event{ContactCenter: "6", ID: "x", Source: "/x", Subject: subject, Type: of, Time: morning, Data: []byte(data)})
		require.NoError(t, dec.DecodeStructured(again, &ev), "%s %s: what is left is still an event", kind, data)
	}
	require.NoError(t, rows.Err())
	again := s.erase(nil)
	require.Zero(t, again.Interactions, "once is enough")
	require.Empty(t, again.Rows)
}

func TestErase_WhatAReplayBringsBackIsToldAndErasedAgain(t *testing.T) {
	l := newLog(0)
	events := sayCustomers(newFloor("6", 12, 1))
	events = append(events, sayCustomers(newFloor("7", 12, 1))...)
	events = append(events, happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 40*hour, id: "end"},
		happening{cc: "7", kind: "agent.login", subject: "z", data: `{}`, t: morning + 40*hour, id: "end7"})
	sortByTime(events)
	l.add(events...)
	s := newSystem(t, l)
	s.once()
	require.True(t, s.erase(nil).Clean())
	const ours = " AND contact_center = '6'"
	require.Empty(t, s.found(ours))
	require.NotEmpty(t, s.found(""), "another contact centre's customer of the same id is somebody else")
	returned, err := erase.Returned(context.Background(), s.conn)
	require.NoError(t, err)
	require.Empty(t, returned)

	s.exec("TRUNCATE TABLE checkpoints") // Kafka is read from its beginning
	s.exec("TRUNCATE TABLE progress")
	s.once()
	require.NotEmpty(t, s.found(ours), "Kafka still had it")
	returned, err = erase.Returned(context.Background(), s.conn)
	require.NoError(t, err)
	require.Positive(t, returned["6"])
	require.NotContains(t, returned, "7")
	done := s.erase(func(c *erase.Config) { c.Whom = nil })
	require.Equal(t, returned["6"], done.Interactions)
	require.Empty(t, s.found(ours))
	returned, err = erase.Returned(context.Background(), s.conn)
	require.NoError(t, err)
	require.Empty(t, returned)
}

// While a conversation goes on its worker holds it in memory, and will write it again.
func TestErase_ConversationsThatGoOn_AreTold(t *testing.T) {
	l := newLog(0)
	l.add(happening{cc: "6", kind: "interaction.created", subject: "now", data: `{"channel":"voice","direction":"inbound","customer":{"id":5,"phone":"+4930777000111"}}`, t: morning, id: "1"},
		happening{cc: "6", kind: "interaction.queued", subject: "now", data: `{"queue_id":"q1"}`, t: morning + 1, id: "2"})
	s := newSystem(t, l)
	s.once()
	r := s.erase(func(c *erase.Config) {
		c.Whom = []erase.Whom{{Kind: erase.ByID, Value: "5"}, {Kind: erase.ByPhone, Value: "+4930777000111"}}
	})
	require.Equal(t, []string{"now"}, r.Held)
	require.False(t, r.Clean())
	require.Empty(t, s.found(""))

	// It has ended long ago, but its agent is still at it: only the checkpoint knows.
	for n, say := range []struct{ kind, data string }{{"created", `{"channel":"voice","direction":"inbound","customer":{"id":5}}`}, {"queued", `{"queue_id":"q1"}`},
		{"connected", `{"agent_id":"a1"}`}, {"wrap_started", `{"agent_id":"a1"}`}, {"ended", `{"reason":"completed"}`}} {
		l.add(happening{cc: "6", kind: "interaction." + say.kind, subject: "wrap", data: say.data, t: morning + int64(n) + 1, id: "w" + say.kind})
	}
	l.add(happening{cc: "6", kind: "agent.login", subject: "z", data: `{}`, t: morning + 5*hour, id: "later"})
	s.once()
	r = s.erase(func(c *erase.Config) { c.Whom = nil })
	require.Equal(t, []string{"wrap"}, r.Held)

	// The newest checkpoint may be older than the interaction.
	l.add(happening{cc: "6", kind: "interaction.created", subject: "just now", data: `{"channel":"voice","direction":"inbound","customer":{"id":5}}`, t: morning + 5*hour + 2, id: "3"},
		happening{cc: "6", kind: "interaction.ended", subject: "just now", data: `{"reason":"abandoned"}`, t: morning + 5*hour + 3, id: "4"})
	s.once()
	s.exec("TRUNCATE TABLE checkpoints")
	r = s.erase(func(c *erase.Config) { c.Whom = nil })
	require.Equal(t, []string{"just now"}, r.Held)
}
