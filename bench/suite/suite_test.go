package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/bench/load"
	"floorwalker/bench/peers"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/schema"
)

func TestMain(m *testing.M) {
	switch {
	case IsChild():
		os.Exit(Main(os.Args))
	case peers.IsChild():
		os.Exit(peers.Main(os.Args))
	}
	clickhousetest.Main(m)
}

var sections = []string{"Goals", "Throughput", "Growth", "Freshness", "Push", "Answers", "Recovery", "Peers"}

// requireWhole demands each section of the page, filled but for some, and every plot that it links to.
func requireWhole(t *testing.T, dir string, empty ...string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "benchmarks.md"))
	require.NoError(t, err)
	parts := strings.Split(string(page), "\n## ")
	require.Len(t, parts, len(sections)+1)
	for n, title := range sections {
		name, text, _ := strings.Cut(parts[n+1], "\n")
		require.Equal(t, title, name)
		wants := false
		for _, e := range empty {
			wants = wants || e == title
		}
		require.Equal(t, wants, strings.Contains(text, notRun), "%s\n%s", title, text)
	}
	for _, m := range regexp.MustCompile(`\]\((images/[^)]+)\)`).FindAllStringSubmatch(string(page), -1) {
		svg, err := os.ReadFile(filepath.Join(dir, m[1]))
		require.NoError(t, err)
		require.NotContains(t, string(svg), "NaN", m[1])
	}
	return string(page)
}

// The cheap parts, small: what they measure comes out as lines, and as a page with every section.
func TestRun_ReportHasEverySection(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	clickhousetest.RequireEngine(t)
	var raw bytes.Buffer
	lines, err := Run(t.Context(), Options{Size: Tiny(), Parts: []string{Throughput, Growth}, Embedded: true, Dir: t.TempDir(), Lines: &raw, Command: "test"})
	require.NoError(t, err)
	counts := map[string]int{}
	for _, l := range lines {
		counts[l.Part+", "+l.Name]++
		if l.Part != machineName {
			require.Positive(t, l.Values["events"], "%+v", l)
			require.NotZero(t, l.Values["cpu_s"], "%+v", l)
		}
	}
	require.Equal(t, map[string]int{"machine, machine": 1, "throughput, decode": 2, "throughput, decode, engine": 2, "throughput, worker": 2, "throughput, replica": 2,
		"growth, decode, engine": 3, "growth, worker": 2, "growth, replica": 2}, counts)
	read, err := ReadLines(&raw)
	require.NoError(t, err)
	require.Len(t, read, len(lines))
	dir := t.TempDir()
	require.NoError(t, Write(dir, read))
	requireWhole(t, dir, "Freshness", "Push", "Answers", "Recovery", "Peers")
	capacity, err := os.ReadFile(filepath.Join(dir, "capacity.md"))
	require.NoError(t, err)
	require.Contains(t, string(capacity), "100,000 agents at work")
}

// All of it, with Apache Kafka and the real program.
func TestRun_AllParts(t *testing.T) {
	if os.Getenv("FLOORWALKER_LONG") == "" {
		t.Skip("starts many servers; FLOORWALKER_LONG=1 runs it")
	}
	clickhousetest.RequireEngine(t)
	lines, err := Run(t.Context(), Options{Size: Tiny(), Dir: t.TempDir(), Progress: os.Stderr, Command: "test"})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, Write(dir, lines))
	requireWhole(t, dir)
}

func TestRun_UnknownPart_Refused(t *testing.T) {
	_, err := Run(t.Context(), Options{Parts: []string{"speed"}})
	require.ErrorContains(t, err, `part "speed" is unknown; allowed are [throughput`)
}

// whole are lines of all parts, as a run would give them.
func whole(t *testing.T) []Line {
	t.Helper()
	detail := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return text
	}
	lines := []Line{{Part: machineName, Name: machineName, Detail: detail(Machine{CPUs: 2, CPU: "a CPU", Command: "make bench"})}}
	add := func(part, name string, values map[string]float64, pairs ...string) {
		l := Line{Part: part, Name: name, Round: 1, Values: values, Labels: map[string]string{}}
		for i := 0; i < len(pairs); i += 2 {
			l.Labels[pairs[i]] = pairs[i+1]
		}
		lines = append(lines, l)
	}
	measured := func(µs float64) map[string]float64 {
		return map[string]float64{"events": 1e6, "cpu_s": µs, "store_cpu_s": 2, "s": 4, "rows": 2e6, "bytes_events": 25e6, "bytes_windows_1m": 5e6, "bytes_checkpoints": 9e9,
			"kafka_bytes": 80e6, "state_bytes": 3e9, "span_s": 3600, "allocs": 1e6}
	}
	for name, µs := range map[string]float64{decoding: 0.5, folding: 2, working: 2, viewing: 3} {
		add(Throughput, name, measured(µs), "load", inOrder)
	}
	for _, g := range []struct {
		agents, at string
		bytes      float64
	}{{"1000", "500", 40e6}, {"1000000", "500500", 3040e6}} {
		for name, µs := range map[string]float64{folding: 2, working: 4, viewing: 3} {
			v := measured(µs)
			v["state_bytes"] = g.bytes // 37 MB and 6,000 for each
			add(Growth, name, v, "agents", g.agents, "at_work", g.at, "centers", "10")
		}
	}
	for _, rate := range []string{"10000", "50000"} {
		for _, way := range []string{byREST, bySSE, byKafka} {
			add(Freshness, way, map[string]float64{"p50_ms": 5, "p99_ms": 25, "p999_ms": 30, "max_ms": 40, "samples": 1000}, "rate", rate)
		}
		add(Freshness, feeds, map[string]float64{"per_s": 9999, "cpus": 0.5}, "rate", rate)
	}
	add(Push, bySSE, map[string]float64{"p50_ms": 5, "p99_ms": 25, "p999_ms": 30, "samples": 1000}, "rate", "5000")
	add(Push, feeds, map[string]float64{"rate": 5000, "streams": 1000, "cpus": 0.5}, "rate", "5000")
	for _, ingest := range []string{"0", "5000"} {
		add(Answers, "one agent", map[string]float64{"p50_ms": 1, "p99_ms": 2, "cpu_ms": 0.1}, "kind", liveKind, "rate", "100", "ingest", ingest)
		add(Answers, "interactions", map[string]float64{"p50_ms": 10, "p99_ms": 20}, "kind", pastKind, "rate", "5", "ingest", ingest)
	}
	add(Recovery, killed, map[string]float64{"serve_s": 0.5, "live_s": 2, "history_s": 21}, "agents", "10000")
	report := peers.Report{Machine: "a CPU", CPUs: 2, Rounds: 1, Events: 10}
	for name, perCPU := range map[string]float64{"floorwalker-worker": 300_000, "flink-1": 160_000, "streams-memory": 50_000} {
		report.Runs = append(report.Runs, peers.Trial{Peer: name, Round: 1, PerCPU: perCPU})
	}
	return append(lines, Line{Part: Peers, Name: peerReport, Detail: detail(report)})
}

func TestWrite_AllParts_EachSectionFilledAndGoalsJudged(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Write(dir, whole(t)))
	page := requireWhole(t, dir)
	for _, want := range []string{
		"| worker: 400,000 events per CPU-second or more | 500,000 | met |",
		"| replica: 500,000 or more | 333,000 | **missed** |",
		"| worker: twice Flink's or more | 1.9 times | **missed** |",
		"| worker: five times Kafka Streams' or more | 6.0 times | met |",
		"| freshness at 10,000 events/s by REST: p99 of 20 ms or less | 25.0 ms | **missed** |",
		"| freshness at 50,000 events/s by SSE: p99 of 50 ms or less | 25.0 ms | met |",
		"| push with 1,000 subscribers at 5,000 events/s: p99 of 50 ms or less | 25.0 ms | met |",
		"(worker) | 1.00 times | met |",
		"live answers in 3 s or less | 2.00 s | met |",
	} {
		require.Contains(t, page, want)
	}
}

// The figures of the page are what somebody with a pencil would find.
func TestCapacity_FollowsFromTheFigures(t *testing.T) {
	n, ok := newReport(whole(t)).needs()
	require.True(t, ok)
	require.InDelta(t, 2, n.eventsPerHour, 0.01)
	n.eventsPerHour = 2
	require.Equal(t, needs{eventsPerHour: 2, worker: 2, replica: 3, store: 2, workerMem: 6000, replicaMem: 6000, raw: 25, facts: 5, kafka: 80, full: true, growth: 1, most: 500_500}, n)
	text := n.example(360_000)
	// 360,000 agents make 200 events a second, 400 at peaks: a thousandth of a core.
	require.Contains(t, text, "200 events a second on average over the shift, 400 at peaks")
	require.Contains(t, text, "| workers, together | 0.1 | 4.02 GiB |") // 360,000 × 6,000 B, twice
	// 20 events a day: 90 × 25 B and 400 × 5 B of each, for each agent.
	require.InDelta(t, 20*(90*25+400*5), n.disk(), 1e-6)
}

// A step that fails is told of, and the ones after it are measured all the same.
func TestWrite_FailedStep_IsOnThePage(t *testing.T) {
	dir := t.TempDir()
	r := &run{Options: Options{Progress: io.Discard}}
	require.ErrorContains(t, r.noteFailure("growth: 1000 agents", errors.New("no room")), "growth: 1000 agents: no room")
	require.NoError(t, Write(dir, append(whole(t), r.lines...)))
	require.Contains(t, requireWhole(t, dir), "**Failed: growth: 1000 agents.** `\"no room\"`")
}

func TestMerge_PartsThatRanAgainReplaceTheirs(t *testing.T) {
	machine := func(name string) Line { return Line{Part: machineName, Name: name} }
	first := []Line{machine("a"), {Part: Growth, Name: "old"}, {Part: Throughput, Name: "kept"}, {Part: failures, Name: "growth: 1000 agents"}, {Part: failures, Name: "recovery"}}
	second := []Line{machine("b"), {Part: Growth, Name: "new"}}
	require.Equal(t, []Line{machine("a"), {Part: Throughput, Name: "kept"}, {Part: failures, Name: "recovery"}, {Part: Growth, Name: "new"}}, Merge(first, second))
}

// Agents whose first minutes only were played take less than they will: the page says so.
func TestCapacity_ShortRuns_MemoryIsMarked(t *testing.T) {
	lines := whole(t)
	r := newReport(lines)
	require.NotContains(t, r.capacity(), "less than an hour")
	for _, l := range r.where(Growth, "", "agents", "1000000") {
		l.Values["span_s"] = 60
	}
	perOne, full := r.memory(working)
	require.True(t, full)
	require.InDelta(t, 40e6/500, perOne, 1e-6, "one number of agents says nothing of what a process takes anyway")
	for _, l := range r.where(Growth, "") {
		l.Values["span_s"] = 60
	}
	require.Contains(t, r.capacity(), "**with less than an hour of its events**")
}

func TestWrite_OfPagesThatAreThere_OnlyWhatIsMeasuredIsReplaced(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "benchmarks.md")
	require.NoError(t, os.WriteFile(file, []byte("# Mine\n\n"+begin+"old\n"+end+"\n## Micro-benchmarks\n\nkept\n"), 0o600))
	for range 2 {
		require.NoError(t, Write(dir, whole(t)))
		page, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(page), "# Mine\n"))
		require.True(t, strings.HasSuffix(string(page), end+"\n## Micro-benchmarks\n\nkept\n"))
		require.Equal(t, 1, strings.Count(string(page), "## Throughput"))
		require.NotContains(t, string(page), "old\n")
	}
	require.NoError(t, os.WriteFile(file, []byte("# Mine\n"), 0o600))
	require.ErrorContains(t, Write(dir, whole(t)), "are not there")
}

// Repeated days have ids of their own: none of their events is a duplicate of another.
func TestRepeatDay_NoEventTwice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "anonymous-bank-1999-08-01.csv")
	require.NoError(t, os.WriteFile(file, []byte(dayLog), 0o600))
	r := &run{Options: Options{Size: Size{Events: 200}, RealDay: file}, dir: dir, servers: &servers{}}
	c, err := r.repeatDay()
	require.NoError(t, err)
	require.Equal(t, 200, c.Events)
	require.Len(t, c.Centers, 8)
	seen := map[string]bool{}
	var dec schema.Decoder
	var ev schema.Event
	last := map[string]int64{}
	require.NoError(t, c.Each(func(center int, _ int64, value []byte) error {
		require.NoError(t, dec.Decode(&schema.Record{Value: value}, &ev))
		id := fmt.Sprint(ev.ContactCenter, " ", ev.ID)
		require.False(t, seen[id], id)
		seen[id] = true
		require.GreaterOrEqual(t, ev.Time, last[c.Centers[center]])
		last[c.Centers[center]] = ev.Time
		return nil
	}))
}

func TestProbe_SeesAllThatWasDueUpToThen(t *testing.T) {
	p := &probe{}
	began := time.Now()
	p.begin(began)
	for n := range 3 {
		p.expect(int64(100*n), began.Add(time.Duration(n)*time.Millisecond))
	}
	p.saw(150, began.Add(10*time.Millisecond))
	seen, missing := p.take(began.Add(time.Second))
	require.Equal(t, []time.Duration{10 * time.Millisecond, 9 * time.Millisecond, 998 * time.Millisecond}, seen, "what is missing counts with the time until now")
	require.Equal(t, 1, missing)
	p.begin(began)
	p.expect(1, began.Add(-time.Second)) // of the warm-up
	p.saw(1, began)
	seen, missing = p.take(began)
	require.Empty(t, seen)
	require.Zero(t, missing)
}

// However fast a feed plays its centres, two events of one subject have different times, in their order.
func TestLane_TimesOfASubjectAscend(t *testing.T) {
	stream, err := load.NewStream(load.Config{Agents: 20, Seed: 1, Start: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}, "c1")
	require.NoError(t, err)
	l := &lane{stream: stream, last: map[string]int64{}, id: "x"}
	last := map[string]int64{}
	var dec schema.Decoder
	var ev schema.Event
	now := time.Now()
	for range 2000 {
		r := l.event(now)
		require.NoError(t, dec.Decode(&schema.Record{Value: r.Value}, &ev))
		subject := strings.Clone(ev.Subject) // the decoder uses its memory again
		require.Greater(t, ev.Time, last[subject], subject)
		last[subject] = ev.Time
	}
}

func TestSpread_EachPartitionHasItsCentres(t *testing.T) {
	for p, names := range spread(2) {
		require.Len(t, names, 2)
		for _, name := range names {
			require.Equal(t, p, schema.Murmur2Partition([]byte(name), partitions))
		}
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.2345: "1.23", 0.04567: "0.0457", 12.34: "12.3", 123.4: "123", 1234: "1,230", 1_234_567: "1,230,000", 400_000: "400,000"} {
		require.Equal(t, want, rounded(v))
	}
	require.Equal(t, "1.50 GiB", size(1.5*(1<<30)))
}

const dayLog = `vru+line,call_id,type,vru_entry,vru_exit,vru_time,q_start,q_exit,q_time,outcome,ser_start,ser_exit,ser_time,server,server_abv
AA0204,43678,PS,0:10:10,0:10:27,17,0:00:00,0:00:00,0,HANG,0:00:00,0:00:00,0,NO_SERVER,NO_
AA0103,34480,PS,0:26:36,0:27:14,38,0:27:14,0:28:00,46,AGENT,0:28:00,0:30:00,120,DORIT,DOR
`
