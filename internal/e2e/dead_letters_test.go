package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// letter is a dead letter as the command shows it.
type letter struct {
	ID            string            `json:"id"`
	Code          string            `json:"code"`
	ContactCenter string            `json:"contact_center"`
	Type          string            `json:"type"`
	Subject       string            `json:"subject"`
	RetryOf       string            `json:"retry_of"`
	Headers       map[string]string `json:"headers"`
	Value         *string           `json:"value"`
	ValueBase64   []byte            `json:"value_base64"`
	Stored        []string          `json:"stored"`
}

// What could not be read is listed, shown, repaired and sent again; then it counts, and the letter says where it lies.
func TestDeadLetters_ListedShownRetried(t *testing.T) {
	requireEngine(t)
	dir := t.TempDir()
	f := startDemo(t, dir, "--no-simulator")
	f.ContactCenter = "6"
	now := time.Now().Truncate(time.Millisecond)
	status := goodEvent("6", "cc.agent.status", "a1", now, map[string]any{"status": "brake"})
	topic, records := eventsTopic, []kafka.Record{
		{Key: kafka.NewBytes([]byte("6")), Value: kafka.NewBytes(status.json())},
		{Key: kafka.NewBytes([]byte("6")), Value: kafka.NewBytes([]byte(`{"status":"lunch"}`)), Headers: []kafka.Header{
			{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("b1")}, {Key: "ce_source", Value: []byte("/acd")},
			{Key: "ce_type", Value: []byte("cc.agent.status")}, {Key: "ce_subject", Value: []byte("a2")}, {Key: "ce_contactcenter", Value: []byte("6")},
			{Key: "ce_time", Value: []byte("yesterday")}}},
		{Key: kafka.NewBytes([]byte("6")), Value: kafka.NewBytes([]byte{0xff, 0xfe, '{'})},
	}
	_, err := f.kafka().Produce(t.Context(), &kafka.ProduceRequest{Topic: topic, Partition: 0, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...)})
	require.NoError(t, err)
	f.settle()

	list := func(args ...string) (out []letter) {
		var page struct{ Data []letter }
		require.NoError(t, json.Unmarshal([]byte(must(t, append([]string{"dead-letters", "list", "--data", dir, "--json"}, args...)...)), &page))
		return page.Data
	}
	show := func(id string) (out letter) {
		require.NoError(t, json.Unmarshal([]byte(must(t, "dead-letters", "show", "--data", dir, "--json", id)), &out))
		return out
	}
	require.Len(t, list(), 3)
	require.Len(t, list("--contact-center", "6"), 3)
	require.Empty(t, list("--contact-center", "7"))
	require.Empty(t, list("--to", "now-1h"))
	require.Contains(t, must(t, "dead-letters", "list", "--data", dir, "--limit", "1"), "more with --cursor ")
	bad := list("--code", "value_not_allowed")
	require.Len(t, bad, 1)
	require.Equal(t, []string{"6", "cc.agent.status", "a1"}, []string{bad[0].ContactCenter, bad[0].Type, bad[0].Subject})

	// Bytes that are no text come back as they were.
	for _, l := range list() {
		if whole := show(l.ID); l.Type == "" {
			require.Equal(t, []byte{0xff, 0xfe, '{'}, whole.ValueBase64)
			require.Contains(t, must(t, "dead-letters", "show", "--data", dir, l.ID), "//57")
		}
	}

	// As it was it is refused at the door, and nothing is written.
	end := f.ends()
	out, _, err := run(t, "dead-letters", "retry", "--data", dir, bad[0].ID)
	require.Error(t, err)
	require.Contains(t, out, "refused: value_not_allowed")
	require.Equal(t, end, f.ends())

	event := must(t, "dead-letters", "show", "--data", dir, "--event", bad[0].ID)
	file := filepath.Join(t.TempDir(), "repaired.json")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(event, "brake", "break", 1)), 0o600))
	require.Contains(t, must(t, "dead-letters", "retry", "--data", dir, bad[0].ID, "--file", file), "sent: cc.events, partition ")
	f.awaitStatus("a1", "break")

	binary := list("--code", "malformed_time")
	require.Len(t, binary, 1)
	event = must(t, "dead-letters", "show", "--data", dir, "--event", binary[0].ID)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(event, "yesterday", now.UTC().Format(time.RFC3339Nano), 1)), 0o600))
	must(t, "dead-letters", "retry", "--data", dir, binary[0].ID, "--file", file)
	f.awaitStatus("a2", "lunch")
	f.settle()
	require.Len(t, show(bad[0].ID).Stored, 1)
	require.Len(t, show(binary[0].ID).Stored, 1)
	require.Len(t, list(), 3, "a letter stays where it is")
}
