package ingest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"floorwalker/schema"
)

var collectedAt = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func eventJSON(id, cc string, at time.Time) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/acd","type":"cc.agent.status","subject":"7","time":%q,"contactcenter":%q,"data":{"status":"break"}}`,
		id, at.Format(time.RFC3339Nano), cc)
}

func queueJSON(id, cc string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/acd","type":"cc.directory.queue","subject":"IN/1","time":"2026-11-21T09:00:00Z","contactcenter":%q,"data":{"name":"In","team_ids":[]}}`, id, cc)
}

func newCollector(t *testing.T, addr string) (*Client, *Collector) {
	c := newClient(t, testConfig(addr))
	settings := DefaultTopicSettings()
	settings.Partitions = 4
	require.NoError(t, c.EnsureTopics(testContext(t), settings))
	p := c.Producer()
	t.Cleanup(p.Close)
	return c, p.Collector(5*time.Minute, 0)
}

// Every event of a body is either stored, unchanged, or rejected with its index, id and the reason.
func TestCollector_EveryEventIsStoredOrRejected(t *testing.T) {
	c, collector := newCollector(t, startEmbedded(t))
	good := func(id string) string { return eventJSON(id, "6", collectedAt) }
	type rejected = []Rejection
	for name, tc := range map[string]struct {
		media, body string
		stored      []string
		rejected    rejected // Detail is not compared
	}{
		"one":                        {TypeEvent, good("a"), []string{good("a")}, nil},
		"one with charset":           {TypeEvent + "; charset=utf-8", good("a"), []string{good("a")}, nil},
		"one, not JSON":              {TypeEvent, `{"id":"a"`, nil, rejected{{0, "", schema.CodeMalformedJSON, ""}}},
		"one, a list":                {TypeEvent, `[` + good("a") + `]`, nil, rejected{{0, "", schema.CodeWrongKind, ""}}},
		"batch":                      {TypeBatch, " [" + good("a") + " ,\n" + good("b") + "]\n", []string{good("a"), good("b")}, nil},
		"batch of none":              {TypeBatch, "[ ]", nil, nil},
		"batch, brackets in strings": {TypeBatch, "[" + good(`x]}\",[{`) + "," + good("b") + "]", []string{good(`x]}\",[{`), good("b")}, nil},
		"batch, some wrong": {TypeBatch, "[" + strings.Join([]string{good("a"), eventJSON("b", "7", collectedAt), eventJSON("c", "6", collectedAt.Add(5*time.Minute+time.Millisecond)), `{"id":"d"}`, "3", ""}, ",") + "]",
			[]string{good("a")}, rejected{{1, "b", CodeWrongContactCenter, ""}, {2, "c", schema.CodeTimeAhead, ""}, {3, "d", schema.CodeMissingAttribute, ""}, {4, "", schema.CodeWrongKind, ""}, {5, "", schema.CodeMalformedJSON, ""}}},
		"time just allowed": {TypeEvent, eventJSON("a", "6", collectedAt.Add(5*time.Minute)), []string{eventJSON("a", "6", collectedAt.Add(5*time.Minute))}, nil},
		"ndjson":            {TypeNDJSON, good("a") + "\r\n\n" + good("b") + "\n{\n" + good("c"), []string{good("a"), good("b"), good("c")}, rejected{{2, "", schema.CodeMalformedJSON, ""}}},
		"ndjson, empty":     {TypeNDJSON, "", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, before, err := c.Partition(c.cfg.Topics.Events, schema.Murmur2Partition([]byte("6"), 4)).Bounds(testContext(t))
			require.NoError(t, err)
			res, err := collector.Accept(testContext(t), "6", tc.media, []byte(tc.body), collectedAt)
			require.NoError(t, err)
			require.Equal(t, len(tc.stored), res.Accepted)
			for i := range res.Rejected {
				require.NotEmpty(t, res.Rejected[i].Detail)
				res.Rejected[i].Detail = ""
			}
			require.Equal(t, tc.rejected, res.Rejected)
			stored, _ := readUntilEnd(t, c.Partition(c.cfg.Topics.Events, schema.Murmur2Partition([]byte("6"), 4)), before)
			require.Len(t, stored, len(tc.stored))
			for i, rec := range stored {
				require.Equal(t, tc.stored[i], string(rec.Value))
				require.Equal(t, "6", string(rec.Key))
				require.Equal(t, collectedAt.UnixMilli(), rec.Timestamp)
				require.Equal(t, Position{c.cfg.Topics.Events, rec.Partition, rec.Offset}, res.Positions[i])
			}
		})
	}
}

// A body of another type, or one whose events cannot be told apart, is refused as a whole.
func TestCollector_BodyRefused_NothingWritten(t *testing.T) {
	c, collector := newCollector(t, startEmbedded(t))
	for _, tc := range []struct {
		media, body string
		want        error
	}{
		{"application/json", eventJSON("a", "6", collectedAt), ErrMediaType},
		{"", eventJSON("a", "6", collectedAt), ErrMediaType},
		{"text/plain; charset", "x", ErrMediaType},
		{TypeBatch, eventJSON("a", "6", collectedAt), ErrMalformedBody},
		{TypeBatch, "", ErrMalformedBody},
		{TypeBatch, "[" + eventJSON("a", "6", collectedAt) + "}]", ErrMalformedBody},
		{TypeBatch, "[" + eventJSON("a", "6", collectedAt) + ",{]", ErrMalformedBody},
		{TypeBatch, `["]`, ErrMalformedBody},
	} {
		res, err := collector.Accept(testContext(t), "6", tc.media, []byte(tc.body), collectedAt)
		require.ErrorIs(t, err, tc.want, "%s %s", tc.media, tc.body)
		require.Zero(t, res)
	}
	for id := range 4 {
		_, next, err := c.Partition(c.cfg.Topics.Events, id).Bounds(testContext(t))
		require.NoError(t, err)
		require.Zero(t, next)
	}
}

// Directory events go to the directory's topic under the entity's key, so do those that the API writes; deletion is a tombstone.
func TestCollector_Directory_KeyedByEntity(t *testing.T) {
	c, collector := newCollector(t, startEmbedded(t))
	res, err := collector.Accept(testContext(t), "6", TypeEvent, []byte(queueJSON("a", "6")), collectedAt)
	require.NoError(t, err)
	require.Equal(t, []Position{{"cc.directory", 0, 0}}, res.Positions)
	at, err := collector.PutDirectory(testContext(t), "6", "queue", "IN/1", []byte(`{"name":"Out","team_ids":[]}`), collectedAt)
	require.NoError(t, err)
	require.Equal(t, Position{"cc.directory", 0, 1}, at)
	_, err = collector.DeleteDirectory(testContext(t), "6", "queue", "IN/1", collectedAt)
	require.NoError(t, err)

	var violation *schema.Violation
	_, err = collector.PutDirectory(testContext(t), "6", "queue", "IN", []byte(`{"name":`), collectedAt)
	require.ErrorAs(t, err, &violation)
	_, err = collector.DeleteDirectory(testContext(t), "6", "no_such_kind", "IN", collectedAt)
	require.ErrorAs(t, err, &violation)

	records, _ := readUntilEnd(t, c.Partition("cc.directory", 0), 0)
	require.Len(t, records, 3)
	var decoder schema.Decoder
	for i, name := range []string{"In", "Out", ""} {
		require.Equal(t, "6/queue/IN%2F1", string(records[i].Key))
		var ev schema.Event
		require.NoError(t, decoder.DecodeDirectoryRecord(&records[i], &ev))
		require.Equal(t, "IN/1", ev.Subject)
		require.Equal(t, name == "", ev.Deleted)
		require.Contains(t, string(ev.Data), name)
	}
}

// When Kafka does not acknowledge, the error says so, and each event that is not surely stored is listed.
func TestCollector_KafkaDown_UnavailableAndEveryEventListed(t *testing.T) {
	px := proxiedBroker(t)
	_, collector := newCollector(t, px.addr())
	px.setDown(true)
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	res, err := collector.Accept(ctx, "6", TypeNDJSON, []byte(eventJSON("a", "6", collectedAt)+"\n"+eventJSON("b", "7", collectedAt)), collectedAt)
	require.ErrorIs(t, err, ErrUnavailable)
	require.Zero(t, res.Accepted)
	require.Len(t, res.Rejected, 2)
	codes := map[string]string{}
	for _, r := range res.Rejected {
		codes[r.ID] = r.Code
	}
	require.Equal(t, map[string]string{"a": CodeUnavailable, "b": CodeWrongContactCenter}, codes)
}

// When one topic takes its event and the other does not, the answer says which.
func TestCollector_PartialFailure_ReportedExactly(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	_, collector := newCollector(t, cluster.ListenAddrs()[0])
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce := req.(*kmsg.ProduceRequest)
		if produce.Topics[0].Topic != "cc.directory" {
			return nil, nil, false
		}
		res := produce.ResponseKind().(*kmsg.ProduceResponse)
		partition := kmsg.NewProduceResponseTopicPartition()
		partition.ErrorCode = kerr.TopicAuthorizationFailed.Code
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.Partitions = "cc.directory", append(topic.Partitions, partition)
		res.Topics = append(res.Topics, topic)
		return res, nil, true
	})
	res, err := collector.Accept(testContext(t), "6", TypeBatch, []byte("["+queueJSON("q", "6")+","+eventJSON("a", "6", collectedAt)+"]"), collectedAt)
	require.NoError(t, err)
	require.Equal(t, 1, res.Accepted)
	require.Len(t, res.Rejected, 1)
	require.Equal(t, []any{0, "q", CodeNotStored}, []any{res.Rejected[0].Index, res.Rejected[0].ID, res.Rejected[0].Code})
	require.Contains(t, res.Rejected[0].Detail, kafka.TopicAuthorizationFailed.Title())
}

// What is sent in a dead letter's place is judged like any other event, stays as it was given, and its record says what it stands for.
func TestCollector_Retry_SameDoorWithATrace(t *testing.T) {
	c, collector := newCollector(t, startEmbedded(t))
	of := Position{Topic: "cc.events", Partition: 3, Offset: 1284}
	for name, value := range map[string]string{
		schema.CodeTimeAhead:        eventJSON("a", "6", collectedAt.Add(5*time.Minute+time.Millisecond)),
		schema.CodeMalformedJSON:    "{",
		schema.CodeMissingAttribute: "{}",
	} {
		_, err := collector.Retry(testContext(t), []byte(value), of, collectedAt)
		var v *schema.Violation
		require.ErrorAs(t, err, &v, name)
		require.Equal(t, name, v.Code)
	}
	value := eventJSON("a", "77", collectedAt)
	at, err := collector.Retry(testContext(t), []byte(value), of, collectedAt)
	require.NoError(t, err)
	records, _ := readUntilEnd(t, c.Partition(at.Topic, at.Partition), at.Offset)
	require.Len(t, records, 1)
	require.Equal(t, value, string(records[0].Value))
	require.Equal(t, "77", string(records[0].Key))
	require.Equal(t, []schema.Header{{Key: HeaderRetryOf, Value: []byte("cc.events/3/1284")}}, records[0].Headers)
	var dec schema.Decoder
	var ev schema.Event
	require.NoError(t, dec.Decode(&records[0], &ev))
}
