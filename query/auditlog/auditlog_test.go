package auditlog_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/stretchr/testify/require"

	"floorwalker/query/auditlog"
)

type fixture struct {
	*auditlog.Log
	path string
	now  time.Time
	told *bytes.Buffer
	set  *metrics.Set
}

func newFixture(t *testing.T, path string) *fixture {
	t.Helper()
	f := &fixture{path: path, now: time.UnixMilli(1_800_000_000_123), told: &bytes.Buffer{}, set: metrics.NewSet()}
	var err error
	f.Log, err = auditlog.New(path, auditlog.Options{Now: func() time.Time { return f.now }, Log: slog.New(slog.NewTextHandler(f.told, nil)), Metrics: f.set})
	require.NoError(t, err)
	return f
}

func lines(t *testing.T, path string) (out []auditlog.Entry) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		var e auditlog.Entry
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		out = append(out, e)
	}
	return out
}

func TestRecord_OneLineEach_ForOperatorsOnly(t *testing.T) {
	f := newFixture(t, filepath.Join(t.TempDir(), "audit.jsonl"))
	whole := auditlog.Entry{Action: "presence.set", Outcome: auditlog.OK, ContactCenter: "6", Principal: "ann", Target: "/a\nb", Detail: "x", Address: "10.0.0.1", RequestID: "r1"}
	f.Record(whole)
	f.Record(auditlog.Entry{Action: "erase", Outcome: auditlog.Failed, Time: time.UnixMilli(5)})
	whole.Time = f.now.UTC()
	require.Equal(t, []auditlog.Entry{whole, {Action: "erase", Outcome: auditlog.Failed, Time: time.UnixMilli(5).UTC()}}, lines(t, f.path))
	info, err := os.Stat(f.path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	var none *auditlog.Log
	none.Record(whole)
	none.RecordSeldom(whole)
	require.NoError(t, none.Close())
}

func TestRecord_FileRotated_NextLineMakesANewOne(t *testing.T) {
	f := newFixture(t, filepath.Join(t.TempDir(), "audit.jsonl"))
	f.Record(auditlog.Entry{Action: "a"})
	require.NoError(t, os.Rename(f.path, f.path+".1"))
	f.Record(auditlog.Entry{Action: "b"})
	require.Equal(t, "a", lines(t, f.path+".1")[0].Action)
	require.Equal(t, "b", lines(t, f.path)[0].Action)
}

// /dev/full takes nothing, like a disk that is full.
func TestRecord_DiskFull_CountedAndLoggedInFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	f := newFixture(t, "/dev/full")
	f.Record(auditlog.Entry{Action: "presence.set", Principal: "ann", Target: "/agents/7"})
	require.Contains(t, f.told.String(), "action=presence.set")
	require.Contains(t, f.told.String(), "principal=ann")
	require.Contains(t, f.told.String(), "target=/agents/7")
	require.EqualValues(t, 1, f.set.GetOrCreateCounter("floorwalker_audit_entries_lost_total").Get())
	require.EqualValues(t, 0, f.set.GetOrCreateCounter("floorwalker_audit_entries_total").Get())
}

func TestNew_FileThatCannotBeWritten_Refused(t *testing.T) {
	_, err := auditlog.New(filepath.Join(t.TempDir(), "no", "such", "audit.jsonl"), auditlog.Options{})
	require.ErrorContains(t, err, "audit log")
}

func TestRecord_FromManyGoroutines_WholeLines(t *testing.T) {
	f := newFixture(t, filepath.Join(t.TempDir(), "audit.jsonl"))
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 50 {
				f.Record(auditlog.Entry{Action: "x", Target: fmt.Sprint(g, n, strings.Repeat("y", 300))})
			}
		})
	}
	all.Wait()
	require.Len(t, lines(t, f.path), 400)
}

// A flood of wrong passwords fills no disk, and none of it is forgotten.
func TestRecordSeldom_CountsWhatItDoesNotWrite(t *testing.T) {
	f := newFixture(t, filepath.Join(t.TempDir(), "audit.jsonl"))
	wrong := auditlog.Entry{Action: auditlog.SignIn, Outcome: auditlog.Refused, Principal: "ann", Address: "10.0.0.1"}
	used := auditlog.Entry{Action: auditlog.SignIn, Outcome: auditlog.OK, Principal: "bob", Address: "10.0.0.2"}
	for range 1000 {
		f.RecordSeldom(wrong)
		f.RecordSeldom(used)
	}
	require.Len(t, lines(t, f.path), 2)
	f.now = f.now.Add(61 * time.Second)
	f.RecordSeldom(wrong)
	got := lines(t, f.path)
	require.Len(t, got, 4, "what was over is told before the next one is")
	require.Equal(t, 999, got[2].Count)
	require.Zero(t, got[3].Count)
	f.now = f.now.Add(10 * time.Minute)
	f.RecordSeldom(used)
	require.NoError(t, f.Close())
	total := 0
	for _, e := range lines(t, f.path) {
		total += max(1, e.Count)
	}
	require.Equal(t, 2002, total)
}

func TestRecordSeldom_ManyAddresses_BoundedMemory(t *testing.T) {
	f := newFixture(t, filepath.Join(t.TempDir(), "audit.jsonl"))
	for n := range 10_500 {
		f.RecordSeldom(auditlog.Entry{Action: auditlog.SignIn, Outcome: auditlog.Refused, Address: fmt.Sprint(n)})
	}
	got := lines(t, f.path)
	require.Len(t, got, 10_001)
	require.Equal(t, "many", got[10_000].Address)
}
