package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/erase"
	"floorwalker/query/auditlog"
	"floorwalker/schema"
)

// An operator erases a customer of a running system, sees what would happen first, and finds it in the audit log without the customer.
func TestErase_OfARunningSystem(t *testing.T) {
	i := install(t)
	trail := filepath.Join(t.TempDir(), "audit.jsonl")
	text, err := os.ReadFile(i.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(i.file, append(text, "audit_log: "+trail+"\n"...), 0o600))
	s, stop := i.work()
	defer stop()
	from := time.Now().Add(-6 * time.Hour).Truncate(time.Hour)
	var lines []string
	say := func(kind, subject string, at time.Duration, data string) {
		lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"/t","type":"cc.interaction.%s","subject":%q,"time":%q,"contactcenter":"6","data":%s}`,
			len(lines), kind, subject, schema.FormatTime(from.Add(at).UnixMilli()), data))
	}
	for n, who := range []string{"C-1", "C-2"} {
		id := fmt.Sprint("call", n)
		say("created", id, 0, fmt.Sprintf(`{"channel":"voice","direction":"inbound","customer":{"id":%q,"phone":"+4930123456%d"}}`, who, n))
		say("queued", id, time.Second, `{"queue_id":"q"}`)
		say("ended", id, time.Minute, `{"reason":"abandoned"}`)
	}
	_, err = call(t, strings.Join(lines, "\n"), "replay", "--config", i.file, "-")
	require.NoError(t, err)
	i.tell(from.Add(5*time.Hour), 1, "6") // time goes on
	i.settle(s)

	out, err := call(t, "", "erase", "--config", i.file, "--contact-center", "6", "--customer", "C-1", "--dry-run")
	require.NoError(t, err, out)
	require.Contains(t, out, "1 interactions would be erased")
	out, err = call(t, "", "erase", "--config", i.file, "--contact-center", "6", "--customer", "C-1", "--by", "dpo", "--json")
	require.NoError(t, err, out)
	var r erase.Report
	require.NoError(t, json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &r), out)
	require.Equal(t, 1, r.Interactions)
	require.Equal(t, map[string]int{"events": 1, "interactions": 1}, r.Rows)
	var mine, others uint64
	require.NoError(t, s.history.QueryRow(t.Context(), "SELECT countIf(position(data, 'C-1') > 0), countIf(position(data, 'C-2') > 0) FROM events").Scan(&mine, &others))
	require.Equal(t, []uint64{0, 1}, []uint64{mine, others})
	out, err = call(t, "", "audit", "--config", i.file)
	require.NoError(t, err, out)

	raw, err := os.ReadFile(trail)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "C-1")
	var e auditlog.Entry
	require.NoError(t, json.Unmarshal(raw, &e), "a dry run leaves no trace, the erasure one: %s", raw)
	require.Equal(t, []string{"customer.erase", "ok", "6", "dpo"}, []string{e.Action, e.Outcome, e.ContactCenter, e.Principal})
	require.Equal(t, "sha256:"+erase.Whom{Kind: erase.ByID, Value: "C-1"}.Fingerprint("6"), e.Target)

	for _, args := range [][]string{{}, {"--customer", ""}, {"--again", "--customer", "x"}, {"--customer", "x", "--contact-center", ""}} {
		_, err := call(t, "", append([]string{"erase", "--config", i.file, "--contact-center", "6"}, args...)...)
		require.Error(t, err, args)
	}

	// Somebody restores a backup of the row.
	require.NoError(t, s.history.Exec(t.Context(), `ALTER TABLE interactions UPDATE customer = '{"id":"C-1"}' WHERE id = 'call0' SETTINGS mutations_sync = 1`))
	out, err = call(t, "", "audit", "--config", i.file)
	require.ErrorContains(t, err, "erase --config "+i.file+" --contact-center 6 --again", out)
	out, err = call(t, "", "erase", "--config", i.file, "--contact-center", "6", "--again")
	require.NoError(t, err, out)
	out, err = call(t, "", "audit", "--config", i.file)
	require.NoError(t, err, out)
}
