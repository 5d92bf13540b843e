package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"floorwalker/schema"
)

// facts are the tables that are compared row by row, and what marks a row that is not there any more.
func facts() map[string]string {
	var counted []string
	for c := range schema.NumCounts {
		counted = append(counted, c.String())
	}
	for m := range schema.NumMeasures {
		counted = append(counted, m.String()+"_count")
	}
	emptied := strings.Join(counted, " + ") + " = 0"
	return map[string]string{"agent_intervals": "deleted", "queue_visits": "deleted", "interaction_parts": "deleted", "interactions": "deleted",
		"windows_1m": emptied, "windows_15m": emptied, "annotations": "false"}
}

// requireSameHistory demands that both sites hold the same facts, windows and annotations, whatever their versions.
func requireSameHistory(t testing.TB, conn driver.Conn, got, want *site) {
	t.Helper()
	for table, gone := range facts() {
		rows := func(database string) string {
			columns := "* EXCEPT (version, processed_at)"
			if table == "annotations" {
				columns = "* EXCEPT (version, processed_at, offset)" // topics differ in their offsets
			}
			return fmt.Sprintf("(SELECT toString(tuple(%s)) AS row FROM %s.%s FINAL WHERE NOT (%s))", columns, database, table, gone)
		}
		var total uint64
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM "+rows(want.name)).Scan(&total))
		require.NotZero(t, total, "%s is empty: nothing would be compared", table)
		missing := strangers(t, conn, rows(want.name), rows(got.name))
		invented := strangers(t, conn, rows(got.name), rows(want.name))
		requireNoDifference(t, missing, invented, table)
	}
}

// strangers are some of the rows that only the first of both has.
func strangers(t testing.TB, conn driver.Conn, these, those string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT row FROM "+these+" WHERE row NOT IN "+those+" ORDER BY row LIMIT 5")
	require.NoError(t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var row string
		require.NoError(t, rows.Scan(&row))
		out = append(out, row)
	}
	require.NoError(t, rows.Err())
	return out
}

// requireOneVersion demands that rows of one key and version are equal but for the moment of writing, in all that is stored.
func requireOneVersion(t testing.TB, conn driver.Conn, s *site) {
	t.Helper()
	for _, table := range append(slices.Sorted(maps.Keys(facts())), "events", "dead_letters") {
		var key string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT sorting_key FROM system.tables WHERE database = {db:String} AND name = {table:String}",
			ch.Named("db", s.name), ch.Named("table", table)).Scan(&key))
		var n uint64
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf(`SELECT count() FROM (SELECT %s, version FROM %s.%s GROUP BY %[1]s, version
			HAVING uniqExact(toString(tuple(* EXCEPT processed_at))) > 1)`, key, s.name, table)).Scan(&n))
		require.Zero(t, n, "%s: keys that have two different rows of one version", table)
	}
}

// requireRaw demands that the raw events and dead letters are what Kafka holds, each offset once.
func requireRaw(t testing.TB, conn driver.Conn, s *site) (records int) {
	t.Helper()
	type at struct {
		partition int
		offset    int64
	}
	want := map[at]string{}
	var dec schema.Decoder
	var ev schema.Event
	for _, msg := range s.read(t) {
		rec := schema.Record{Topic: msg.Topic, Partition: msg.Partition, Offset: msg.Offset, Timestamp: msg.Time.UnixMilli(), Key: msg.Key, Value: msg.Value}
		records++
		if err := dec.Decode(&rec, &ev); err != nil {
			want[at{msg.Partition, msg.Offset}] = "dead: " + string(msg.Value)
			continue
		}
		want[at{msg.Partition, msg.Offset}] = strings.Join([]string{ev.ContactCenter, ev.Type.String(), ev.Subject, ev.ID, string(ev.Data)}, "|")
	}
	rows, err := conn.Query(t.Context(), `SELECT partition, toInt64(offset), concat(contact_center, '|', type, '|', subject, '|', id, '|', data) FROM `+s.name+`.events FINAL
		UNION ALL SELECT partition, toInt64(offset), concat('dead: ', value) FROM `+s.name+`.dead_letters FINAL`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var partition uint32
		var offset int64
		var text string
		require.NoError(t, rows.Scan(&partition, &offset, &text))
		a := at{int(partition), offset}
		require.Equal(t, want[a], text, "partition %d, offset %d: what is stored is not what Kafka holds, or it is stored twice", partition, offset)
		delete(want, a)
	}
	require.NoError(t, rows.Err())
	require.Empty(t, want, "records that are not stored")
	return records
}

// read returns the whole topic.
func (s *site) read(t testing.TB) (out []kafka.Message) {
	t.Helper()
	for p, end := range s.ends() {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.kafka.Addr()}, Topic: s.topic(), Partition: p, MaxBytes: 10 << 20, MaxWait: 100 * time.Millisecond})
		defer r.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for next := int64(0); next < end; {
			msg, err := r.ReadMessage(ctx)
			require.NoError(t, err)
			next = msg.Offset + 1
			out = append(out, msg)
		}
	}
	return out
}

// aging are fields that tell of the moment of asking.
var aging = []string{"status_age_ms", "as_of", "snapshot", "today", "wait_ms", "ring_ms", "talk_ms", "hold_ms", "parked_ms", "wrap_ms",
	"longest_wait_ms", "estimated_wait_ms", "metrics", "interval"}

// answers is what a node shows of all its contact centres, as lines of text.
func (n *node) answers(until int64) []string {
	n.site.t.Helper()
	var out []string
	moment := url.QueryEscape(time.UnixMilli(until).UTC().Format("2006-01-02T15:04:05.000Z"))
	for _, cc := range n.site.centers {
		base := "/api/v1/contact-centers/" + cc
		for _, resource := range []string{"/agents?", "/interactions?", "/queues?", "/campaigns?", "/metrics?window=today&group_by=queue&as_of=" + moment,
			"/metrics?window=today&group_by=agent&as_of=" + moment} {
			out = append(out, n.list(base+resource)...)
		}
	}
	slices.Sort(out)
	return out
}

// list reads all pages, one line per item.
func (n *node) list(path string) (out []string) {
	t := n.site.t
	t.Helper()
	for {
		status, body, err := n.get(fmt.Sprintf("%s&limit=1000&offset=%d", path, len(out)))
		require.NoError(t, err)
		require.Equal(t, 200, status, "%s: %s", path, body)
		var page struct {
			Data     []any `json:"data"`
			Metadata struct {
				Total int `json:"total"`
			} `json:"metadata"`
		}
		require.NoError(t, json.Unmarshal(body, &page))
		for _, item := range page.Data {
			line, err := json.Marshal(ageless(item))
			require.NoError(t, err)
			out = append(out, path+" "+string(line))
		}
		if len(page.Data) == 0 || len(out) >= page.Metadata.Total {
			return out
		}
	}
}

func ageless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if slices.Contains(aging, key) {
				delete(v, key)
				continue
			}
			v[key] = ageless(value)
		}
	case []any:
		for i := range v {
			v[i] = ageless(v[i])
		}
	}
	return v
}

// requireSameAnswers demands that two nodes show the same.
func requireSameAnswers(t testing.TB, got, want []string, what string) {
	t.Helper()
	require.NotEmpty(t, want)
	only := func(these, those []string) []string {
		var out []string
		for _, line := range these {
			if _, found := slices.BinarySearch(those, line); !found && len(out) < 3 {
				out = append(out, line)
			}
		}
		return out
	}
	requireNoDifference(t, only(want, got), only(got, want), what)
	require.Len(t, got, len(want), what)
}

// requireNoDifference fails with what one side misses and what it has instead.
func requireNoDifference(t testing.TB, missing, invented []string, what string) {
	t.Helper()
	if len(missing)+len(invented) == 0 {
		return
	}
	begin := 0
	if len(missing) > 0 && len(invented) > 0 { // show from a little before the place where both part
		a, b := missing[0], invented[0]
		for begin < min(len(a), len(b)) && a[begin] == b[begin] {
			begin++
		}
		begin = max(0, begin-100)
	}
	show := func(lines []string) string {
		var out []string
		for _, line := range lines {
			out = append(out, line[:min(len(line), 120)]+" … "+line[min(len(line), begin):min(len(line), begin+400)])
		}
		return strings.Join(out, "\n")
	}
	require.FailNow(t, what+" differs from the undisturbed pass", "missing:\n%s\ninvented:\n%s", show(missing), show(invented))
}
