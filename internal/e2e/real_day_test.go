package e2e

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/internal/kafkatest"
	"floorwalker/internal/program"
)

// replayRealDay writes the whole log and returns when live view and history hold it.
func (f *floor) replayRealDay(o *oracle, args ...string) {
	f.t.Helper()
	out := must(f.t, append([]string{"replay", "--format=anonymous-bank", "--wait"}, append(args, realDayFile)...)...)
	require.Contains(f.t, out, fmt.Sprintf(": %d events written", o.events()))
	require.Contains(f.t, out, " 0 bad lines")
	// The promise of --wait: no further waiting is needed.
	require.Empty(f.t, behind(f.readinessNow(), f.ends()))
}

// events counts what the log becomes: a call is created and ends, and may be queued and answered.
func (o *oracle) events() int {
	n := 0
	for _, c := range o.calls {
		n += 2
		if c.queued {
			n++
		}
		if c.answered {
			n++
		}
	}
	return n
}

func TestRealDay_Demo_HistoryEqualsCallLog(t *testing.T) {
	o := readOracle(t)
	dir := t.TempDir()
	requireEngine(t)
	f := startDemo(t, dir, "--no-simulator")
	f.replayRealDay(o, "--data", dir)
	f.requireRealDay(o)

	f.replayRealDay(o, "--data", dir)
	f.requireRealDay(o) // the same events again change nothing
	f.requireFacts(o, f.ClickHouse, "floorwalker")

	f.process.Stop(stopWithin)
	f = startDemo(t, dir, "--no-simulator")
	f.requireRealDay(o)

	f.process.Kill()
	f = startDemo(t, dir, "--no-simulator")
	f.requireRealDay(o)
	f.settle()
	f.requireRealDay(o) // what was folded again after the kill changes nothing either
	f.requireFacts(o, f.ClickHouse, "floorwalker")
}

func TestRealDay_KafkaAndClickHouse_HistoryEqualsCallLog(t *testing.T) {
	o := readOracle(t)
	program.Path(t)
	kafka := kafkatest.Start(t)
	_, database := clickhousetest.Database(t)
	s := newServe(t, kafka.Addr(), clickhousetest.Start(t).Addr(), database)
	f := s.start()
	f.replayRealDay(o, "--config", s.file, "--contact-center", f.ContactCenter)
	f.requireRealDay(o)
	f.replayRealDay(o, "--config", s.file, "--contact-center", f.ContactCenter)
	f.requireRealDay(o)

	f.process.Stop(stopWithin)
	f = s.start()
	f.requireRealDay(o)

	f.process.Kill()
	f = s.start()
	f.settle()
	f.requireRealDay(o)
	f.requireFacts(o, f.ClickHouse, database)
}

// requireFacts demands each fact of the day once: nothing missing, nothing twice.
func (f *floor) requireFacts(o *oracle, address, database string) {
	f.t.Helper()
	var visits, parts uint64
	for _, c := range o.calls {
		if c.queued {
			visits++
		}
		if c.answered {
			parts++
		}
	}
	conn, err := clickhousetest.Open(address, database)
	require.NoError(f.t, err)
	defer conn.Close()
	for table, want := range map[string]uint64{"interactions": uint64(len(o.calls)), "queue_visits": visits, "interaction_parts": parts} {
		var got uint64
		require.NoError(f.t, conn.QueryRow(f.t.Context(), "SELECT count() FROM "+table+" FINAL WHERE NOT deleted").Scan(&got))
		require.Equal(f.t, want, got, table)
	}
}

// requireEngine skips the test where the demo would have no ClickHouse to run.
func requireEngine(t *testing.T) {
	t.Helper()
	program.Path(t)
	clickhousetest.RequireEngine(t)
}

// serve is `floorwalker serve` with a configuration file.
type serve struct {
	t    *testing.T
	file string
	demo demo // the same things, as a client sees them
}

const tokenOfServe = "e2e-token-of-the-admin"

// newServe writes the configuration of one contact centre, bank, whose data never expire.
func newServe(t *testing.T, kafka, clickHouse, database string) *serve {
	t.Helper()
	listen := freeAddress(t)
	file := filepath.Join(t.TempDir(), "floorwalker.yaml")
	text := fmt.Sprintf(`listen: %s
data_dir: %s
shutdown: {drain_delay: 0s}
kafka: {brokers: [%q], partitions: 4, replication: 1}
clickhouse: {addresses: [%q], database: %s, retention: {raw: 0d, facts: 0d, windows: 0d}}
contact_centers:
  - id: bank
    tokens: [{name: e2e, role: admin, token_sha256: %x}]
`, listen, t.TempDir(), kafka, clickHouse, database, sha256.Sum256([]byte(tokenOfServe)))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return &serve{t, file, demo{URL: "http://" + listen, ContactCenter: "bank", Kafka: kafka, ClickHouse: clickHouse,
		Tokens: map[string]string{"admin": tokenOfServe, "reader": tokenOfServe}}}
}

func (s *serve) start() *floor {
	s.t.Helper()
	f := &floor{demo: s.demo, t: s.t, process: program.Start(s.t, "serve", "--config", s.file)}
	f.awaitReady()
	return f
}

// freeAddress is one that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// A demo that is killed while the day is being written, and then gets the whole day again, counts every call once.
func TestRealDay_KilledInMidReplay_EveryCallOnce(t *testing.T) {
	o := readOracle(t)
	dir := t.TempDir()
	requireEngine(t)
	f := startDemo(t, dir, "--no-simulator")
	replay := program.Start(t, "replay", "--format=anonymous-bank", "--data", dir, "--speed", "10000", realDayFile)
	program.Eventually(t, time.Minute, "part of the day in the history", func() string {
		if _, flushed := f.progress(); flushed == 0 {
			return "nothing flushed yet"
		}
		return ""
	})
	written, flushed := f.progress()
	require.Less(t, written, int64(o.events()), "the day must not be over yet")
	require.Positive(t, flushed)
	f.process.Kill()
	replay.Kill()

	f = startDemo(t, dir, "--no-simulator")
	f.settle()
	f.replayRealDay(o, "--data", dir)
	f.requireRealDay(o)
	f.requireFacts(o, f.ClickHouse, "floorwalker")
	require.NotContains(t, f.process.Tail(), "level=ERROR")
}

// However often a demo is killed, and wherever, in the end every call is there once.
func TestRealDay_KilledAgainAndAgain_EveryCallOnce(t *testing.T) {
	if !long() {
		t.Skip("takes minutes; FLOORWALKER_LONG=1 runs it")
	}
	o := readOracle(t)
	dir := t.TempDir()
	requireEngine(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		f := startDemo(t, dir, "--no-simulator")
		replay := program.Start(t, "replay", "--format=anonymous-bank", "--data", dir, "--speed", "20000", realDayFile)
		pause := time.NewTimer(time.Duration(random.IntN(5000)) * time.Millisecond) // what is tested is any moment
		select {
		case <-pause.C:
		case <-f.process.Done:
			require.FailNow(t, "the demo ended", f.process.Tail())
		}
		f.process.Kill()
		replay.Kill()
	}
	f := startDemo(t, dir, "--no-simulator")
	f.settle()
	f.replayRealDay(o, "--data", dir)
	f.requireRealDay(o)
	f.requireFacts(o, f.ClickHouse, "floorwalker")
}

// A demo that is killed right after the last event was acknowledged, before the history holds it, loses none.
func TestRealDay_KilledBeforeFlush_NothingLost(t *testing.T) {
	o := readOracle(t)
	dir := t.TempDir()
	requireEngine(t)
	f := startDemo(t, dir, "--no-simulator")
	must(t, "replay", "--format=anonymous-bank", "--data", dir, realDayFile)
	f.process.Kill()

	f = startDemo(t, dir, "--no-simulator")
	f.settle()
	f.requireRealDay(o)
	f.requireFacts(o, f.ClickHouse, "floorwalker")
}

// progress sums the offsets that were written to Kafka and flushed to the history.
func (f *floor) progress() (written, flushed int64) {
	f.t.Helper()
	for _, end := range f.ends() {
		written += end
	}
	for _, p := range f.readinessNow().Partitions {
		if p.History != nil {
			flushed += *p.History
		}
	}
	return written, flushed
}
