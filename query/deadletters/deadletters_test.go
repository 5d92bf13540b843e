package deadletters

import (
	"context"
	"fmt"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

const (
	topic = "cc.events"
	noon  = int64(1_795_262_400_000) // 2026-11-21T12:00:00Z
)

func connect(t *testing.T) driver.Conn {
	t.Helper()
	conn, _ := clickhousetest.Database(t)
	_, err := clickhouse.Migrate(t.Context(), conn, clickhouse.Options{})
	require.NoError(t, err)
	return conn
}

func store(t *testing.T, conn driver.Conn, epoch uint16, letters ...schema.DeadLetter) {
	t.Helper()
	w := clickhouse.NewDeadLetters()
	for _, l := range letters {
		w.Append(clickhouse.Stamp{Topic: l.Topic, Partition: l.Partition, Epoch: epoch}, []schema.DeadLetter{l})
	}
	require.NoError(t, w.Send(context.Background(), conn, noon+60_000))
}

func structured(cc, kind, subject string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":"e1","source":"/acd","type":%q,"subject":%q,"contactcenter":%q,"time":"soon"}`, kind, subject, cc)
}

func ids(letters []Letter) []string {
	out := []string{}
	for i := range letters {
		out = append(out, letters[i].ID.String())
	}
	return out
}

// Each filter lists what it should, in both content modes and where little can be read; pages follow one another without a gap, also
// among letters of one time.
func TestList(t *testing.T) {
	conn := connect(t)
	r := New(conn)
	letter := func(partition int, offset int64, at int64, code, key string, value []byte, headers ...schema.Header) schema.DeadLetter {
		return schema.DeadLetter{Topic: topic, Partition: partition, Offset: offset, RecordTime: at, Code: code, Error: code + ": time: \"soon\"",
			Key: []byte(key), Value: value, Headers: headers}
	}
	store(t, conn, 0,
		letter(0, 5, noon, "malformed_time", "6", structured("6", "cc.agent.status", "a1")),
		letter(0, 6, noon, "malformed_time", "7", structured("6", "cc.agent.login", "a2")),
		letter(1, 5, noon, "missing_attribute", "8", []byte(`{"status":"break"}`), schema.Header{Key: "ce_type", Value: []byte("cc.agent.status")},
			schema.Header{Key: "ce_contactcenter", Value: []byte("8")}, schema.Header{Key: "ce_subject", Value: []byte("a3")}),
		letter(1, 6, noon+1000, "malformed_json", "6", []byte{0xff, 0x00, '{'}),
		letter(1, 7, noon+2000, "malformed_json", "", nil))
	store(t, conn, 1, letter(0, 1, noon-1000, "unknown_type", "6", structured("6", "cc.agent.brake", "a1")))
	store(t, conn, 1, letter(0, 1, noon-1000, "unknown_type", "6", structured("6", "cc.agent.brake", "a1"))) // a replay
	other := letter(0, 9, noon, "malformed_json", "6", nil)
	other.Topic = "other"
	store(t, conn, 0, other)

	one := 1
	all := []string{"0/1/7", "0/1/6", "0/1/5", "0/0/6", "0/0/5", "1/0/1"}
	for name, c := range map[string]struct {
		f    Filter
		want []string
	}{
		"all":                 {Filter{}, all},
		"contact centre":      {Filter{ContactCenter: "6"}, []string{"0/1/6", "0/0/6", "0/0/5", "1/0/1"}},
		"contact centre of 8": {Filter{ContactCenter: "8"}, []string{"0/1/5"}},
		"codes":               {Filter{Codes: []string{"malformed_time", "unknown_type"}}, []string{"0/0/6", "0/0/5", "1/0/1"}},
		"type":                {Filter{Type: "cc.agent.status"}, []string{"0/1/5", "0/0/5"}},
		"partition":           {Filter{Partition: &one}, []string{"0/1/7", "0/1/6", "0/1/5"}},
		"from":                {Filter{From: noon + 1000}, []string{"0/1/7", "0/1/6"}},
		"to":                  {Filter{To: noon}, []string{"1/0/1"}},
		"together":            {Filter{ContactCenter: "6", Type: "cc.agent.status", From: noon}, []string{"0/0/5"}},
		"injection":           {Filter{ContactCenter: "' OR 1=1 --"}, []string{}},
	} {
		c.f.Topic, c.f.Limit = topic, 100
		got, next, err := r.List(t.Context(), c.f)
		require.NoError(t, err, name)
		require.Equal(t, c.want, ids(got), name)
		require.Empty(t, next.String(), name)
	}
	for size := 1; size <= len(all)+1; size++ {
		var got []string
		for cursor := ""; ; {
			after, err := ParseCursor(cursor)
			require.NoError(t, err)
			page, next, err := r.List(t.Context(), Filter{Topic: topic, Limit: size, After: after})
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), size)
			got = append(got, ids(page)...)
			if cursor = next.String(); cursor == "" {
				break
			}
		}
		require.Equal(t, all, got, "pages of %d", size)
	}
}

// A letter comes back whole: bytes that are no text, headers in their order, and what could be read of the event.
func TestOne(t *testing.T) {
	conn := connect(t)
	r := New(conn)
	in := schema.DeadLetter{Topic: topic, Partition: 3, Offset: 1 << 40, RecordTime: noon, Code: "malformed_json", Error: "malformed_json: byte 0",
		Key: []byte{0xfe, '6'}, Value: []byte{0, 1, 0xff, '\n'}, Headers: []schema.Header{{Key: "b", Value: []byte{0xff}}, {Key: "a", Value: []byte("1")}}}
	store(t, conn, 2, in)
	got, err := r.One(t.Context(), topic, ID{2, 3, 1 << 40})
	require.NoError(t, err)
	require.Equal(t, in, got.DeadLetter)
	require.Equal(t, "2/3/1099511627776", got.ID.String())
	require.Equal(t, noon+60_000, got.StoredAt)
	require.Empty(t, got.Type)
	_, err = r.One(t.Context(), topic, ID{1, 3, 1 << 40})
	require.ErrorIs(t, err, ErrNone)
	places, err := r.Stored(t.Context(), "6", "/acd", "e1", 0)
	require.NoError(t, err)
	require.Empty(t, places)
}

func TestParse_RefusesWhatIsNoIDOrCursor(t *testing.T) {
	for _, s := range []string{"", "1", "1/2", "1/2/3/4", "-1/2/3", "70000/1/1", "0/5000000000/1", "0/1/18446744073709551615", "a/b/c", " 0/1/2"} {
		_, err := ParseID(s)
		require.ErrorContains(t, err, "EPOCH/PARTITION/OFFSET", s)
		_, err = ParseCursor("x" + s)
		require.Error(t, err, s)
	}
	id, err := ParseID("0/3/1284")
	require.NoError(t, err)
	require.Equal(t, ID{0, 3, 1284}, id)
}
