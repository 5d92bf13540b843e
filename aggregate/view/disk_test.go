package view

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/aggregate/engine"
	"floorwalker/aggregate/gate"
	"floorwalker/schema"
)

// outage is a history that can be out of reach.
type outage struct {
	*memory
	away  atomic.Bool
	epoch atomic.Int32
}

var errAway = errors.New("cannot be reached")

func (o *outage) Epoch(context.Context) (uint16, bool, error) {
	if o.away.Load() {
		return 0, false, errAway
	}
	return uint16(o.epoch.Load()), true, nil
}

func (o *outage) Snapshot(ctx context.Context, partition int) (Checkpoint, error) {
	if o.away.Load() {
		return Checkpoint{}, errAway
	}
	return o.memory.Snapshot(ctx, partition)
}

func (o *outage) Windows(ctx context.Context, cc string, from, to int64) ([]schema.Window, error) {
	if o.away.Load() {
		return nil, errAway
	}
	return o.memory.Windows(ctx, cc, from, to)
}

// lines is a log that can be looked into.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// node is a query node's live view on one directory.
type node struct {
	*View
	t    *testing.T
	said *lines
	end  func()
}

func startNode(t *testing.T, list func(context.Context) ([]Partition, error), h History, dir string, now time.Time) *node {
	t.Helper()
	return startNodeIn(t, list, h, dir, now, func() *time.Location { return time.UTC })
}

func startNodeIn(t *testing.T, list func(context.Context) ([]Partition, error), h History, dir string, now time.Time, zone func() *time.Location) *node {
	t.Helper()
	var disk *Disk
	if dir != "" {
		var err error
		disk, err = NewDisk(dir, "cc.events")
		require.NoError(t, err)
	}
	said := &lines{}
	v, err := New(Config{Decoder: func() gate.Decoder { return &schema.Decoder{} }, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: time.Hour},
		Zone: func(string) *time.Location { return zone() }, History: h, Disk: disk, Save: time.Hour, Poll: 5 * time.Millisecond,
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(said, nil))})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = v.Run(ctx, list) }()
	n := &node{View: v, t: t, said: said, end: func() { stop(); <-done }}
	t.Cleanup(n.end)
	return n
}

func (n *node) eventually(what string, holds func() bool) {
	n.t.Helper()
	require.Eventually(n.t, holds, 20*time.Second, time.Millisecond, "%s\n%s", what, n.said)
}

func midnightOf(now time.Time) int64 { return now.UnixMilli() - now.UnixMilli()%(24*3600_000) }

func (n *node) knowsToday(now time.Time) bool {
	_, ok := n.Metrics("6", midnightOf(now), now.UnixMilli())
	return ok
}

// calls is a morning of calls and breaks of two agents.
func calls(l *log, from, to int) {
	for m := from; m < to; m++ {
		at := start.Add(time.Duration(m) * time.Minute)
		l.call(at.Add(time.Duration(m%7)*time.Second), fmt.Sprint("i", m), []string{"a", "b"}[m%2])
		if m%5 == 0 {
			l.add(at.Add(30*time.Second), schema.AgentStatus, "b", `{"status":"break"}`)
			l.add(at.Add(55*time.Second), schema.AgentStatus, "b", `{"status":"available"}`)
		}
	}
}

func requireSame(t *testing.T, now time.Time, want, got *View) {
	t.Helper()
	for _, from := range []int64{midnightOf(now), now.Add(-time.Hour).UnixMilli(), now.Add(-5 * time.Minute).UnixMilli()} {
		a, ok := want.Metrics("6", from, now.UnixMilli())
		require.True(t, ok)
		b, ok := got.Metrics("6", from, now.UnixMilli())
		require.True(t, ok, "from %d", from)
		require.Equal(t, sorted(a), sorted(b))
	}
	f, _ := want.Pin("6")
	g, _ := got.Pin("6")
	require.Equal(t, f.Agents.Values(), g.Agents.Values())
	require.Equal(t, f.Interactions.Values(), g.Interactions.Values())
}

// A node that starts while ClickHouse is away goes on from its own file, today and annotations included, as if it had never ended:
// whether it had read all from Kafka or had begun with a worker's checkpoint.
func TestClickHouseAwayAtStart_OwnFileHoldsAll(t *testing.T) {
	for _, from := range []string{"kafka", "worker"} {
		t.Run(from, func(t *testing.T) {
			l := newLog()
			calls(l, 0, 130)
			h := &outage{memory: &memory{}}
			if from == "worker" {
				h.memory = remembered(t, slices.Clone(l.records))
			}
			calls(l, 130, 180)
			dir, now := t.TempDir(), start.Add(3*time.Hour+20*time.Minute)
			first := startNode(t, only(l), h, dir, now)
			wait(t, first.View, l)
			first.end()
			require.Contains(t, first.said.String(), "from="+from)

			h.away.Store(true)
			calls(l, 180, 200)
			second := startNode(t, only(l), h, dir, now)
			wait(t, second.View, l)
			require.Contains(t, second.said.String(), "from=disk")
			requireSame(t, now, run(t, l, nil, now), second.View)

			// What ClickHouse could not be asked at the start, it is asked once it answers.
			h.away.Store(false)
			second.eventually("anew", func() bool { return strings.Contains(second.said.String(), "has begun anew") })
			requireSame(t, now, run(t, l, nil, now), second.View)
		})
	}
}

// What a file does not hold of today stays unknown until ClickHouse answers; then it is there, and readers never see the view go back.
func TestTodayNotInTheFile_NullUntilClickHouseAnswers(t *testing.T) {
	l := newLog()
	calls(l, 0, 150)
	now := start.Add(150 * time.Minute)
	dir := t.TempDir()
	h := &outage{memory: remembered(t, l.records)}
	first := startNode(t, only(l), broken{h.memory}, dir, now)
	wait(t, first.View, l)
	require.False(t, first.knowsToday(now))
	first.end()

	h.away.Store(true)
	second := startNode(t, only(l), h, dir, now)
	wait(t, second.View, l)
	require.Contains(t, second.said.String(), "from=disk")
	require.False(t, second.knowsToday(now), "never partial")
	before, _ := second.Pin("6")
	h.away.Store(false)
	second.eventually("today", func() bool { return second.knowsToday(now) })
	after, _ := second.Pin("6")
	require.Greater(t, after.Version, before.Version)
	requireSame(t, now, run(t, l, nil, now), second.View)
}

// Without a file and without ClickHouse the view is live with what Kafka has, and complete once ClickHouse answers.
func TestClickHouseAway_NoFile_LiveAtOnce(t *testing.T) {
	l := newLog()
	calls(l, 0, 150)
	now := start.Add(150 * time.Minute)
	h := &outage{memory: remembered(t, l.records[:700])}
	h.away.Store(true)
	dir := t.TempDir()
	n := startNode(t, only(l), h, dir, now)
	wait(t, n.View, l)
	require.Contains(t, n.said.String(), "from=kafka")
	h.away.Store(false)
	n.eventually("worker's checkpoint", func() bool { return strings.Contains(n.said.String(), "has begun anew") })
	require.Contains(t, n.said.String(), "from=worker")
	requireSame(t, now, run(t, l, nil, now), n.View)
}

// files are those of the directory, the newest first.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"+diskSuffix))
	require.NoError(t, err)
	slices.Sort(all)
	slices.Reverse(all)
	return all
}

// twoFiles runs a node twice, so that there are two files.
func twoFiles(t *testing.T, l *log, h History, now time.Time) string {
	dir := t.TempDir()
	for k := range 3 {
		calls(l, 10*k, 10*k+10)
		n := startNode(t, only(l), h, dir, now)
		wait(t, n.View, l)
		n.end()
	}
	require.Len(t, files(t, dir), diskKept)
	return dir
}

// A file that cannot be read as it was written is refused with a word, and the one before is taken; without one, the worker's.
func TestBrokenFile_TheOneBefore(t *testing.T) {
	now := start.Add(time.Hour)
	for name, harm := range map[string]func(data []byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"truncated": func(d []byte) []byte { return d[:len(d)*2/3] },
		"head only": func(d []byte) []byte { return d[:diskHeader] },
		"longer":    func(d []byte) []byte { return append(d, 0) },
		"bit in the body": func(d []byte) []byte {
			d[len(d)/2] ^= 4
			return d
		},
		"bit in the checksum": func(d []byte) []byte { d[17] ^= 1; return d },
		"bit in the length":   func(d []byte) []byte { d[9] ^= 1; return d },
		"of a newer release": func(d []byte) []byte {
			binary.LittleEndian.PutUint32(d[4:], diskVersion+1)
			return d
		},
		"something else": func([]byte) []byte { return []byte(strings.Repeat("lorem ipsum ", 100)) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog()
			dir := twoFiles(t, l, nil, now)
			list := files(t, dir)
			damage := func(path string) {
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path, harm(data), 0o600))
			}
			whole := run(t, l, nil, now)
			damage(list[0])
			n := startNode(t, only(l), nil, dir, now)
			wait(t, n.View, l)
			require.Contains(t, n.said.String(), "level=ERROR msg=\"checkpoint cannot be used")
			require.Contains(t, n.said.String(), "from=disk offset="+offsetOf(t, list[1]))
			requireSame(t, now, whole, n.View)
			n.end()

			dir = twoFiles(t, newLog(), nil, now)
			for _, f := range files(t, dir) {
				damage(f)
			}
			n = startNode(t, only(l), &outage{memory: remembered(t, l.records[:50])}, dir, now)
			wait(t, n.View, l)
			require.Contains(t, n.said.String(), "from=worker")
			requireSame(t, now, whole, n.View)
		})
	}
}

func offsetOf(t *testing.T, path string) string {
	var m mark
	_, err := fmt.Sscanf(filepath.Base(path), markFormat, &m.partition, &m.epoch, &m.offset)
	require.NoError(t, err)
	return fmt.Sprint(m.offset)
}

// A file of another engine, topic or number of partitions is not this one's.
func TestForeignFile_Refused(t *testing.T) {
	now := start.Add(time.Hour)
	l := newLog()
	dir := twoFiles(t, l, nil, now)
	d, err := NewDisk(dir, "cc.events")
	require.NoError(t, err)
	m := d.marks(0)[0]
	_, err = d.load(m, 1)
	require.NoError(t, err)
	_, err = d.load(m, 2)
	require.ErrorIs(t, err, ErrFile)
	other, err := NewDisk(dir, "other")
	require.NoError(t, err)
	_, err = other.load(m, 1)
	require.ErrorIs(t, err, ErrFile)

	s, err := read(m.path)
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(s.Engine[4:], engine.Number+1)
	_, err = d.save(s)
	require.NoError(t, err)
	n := startNode(t, only(l), nil, dir, now)
	wait(t, n.View, l)
	require.Contains(t, n.said.String(), fmt.Sprintf("written by engine %d", engine.Number+1))
	requireSame(t, now, run(t, l, nil, now), n.View)
}

// Of the view's own file and the worker's checkpoint the newer one is taken.
func TestNewestOfTheTwo(t *testing.T) {
	now := start.Add(time.Hour)
	for _, c := range []struct {
		worker int // records in its checkpoint, from the end
		want   string
	}{{0, "worker"}, {200, "disk"}} {
		l := newLog()
		dir := twoFiles(t, l, &outage{memory: &memory{}}, now)
		calls(l, 30, 32)
		h := &outage{memory: remembered(t, l.records[:len(l.records)-c.worker])}
		n := startNode(t, only(l), h, dir, now)
		wait(t, n.View, l)
		require.Contains(t, n.said.String(), "from="+c.want)
		requireSame(t, now, run(t, l, nil, now), n.View)
	}
}

// nothing is a history without anything in it.
type nothing struct{ *memory }

func (nothing) Epoch(context.Context) (uint16, bool, error) { return 0, false, nil }

// Files of an installation that ClickHouse knows nothing of are not taken for this one's.
func TestNothingEverFlushed_OldFilesIgnored(t *testing.T) {
	now := start.Add(time.Hour)
	dir := twoFiles(t, newLog(), nil, now)
	l := newLog()
	calls(l, 0, 60)
	n := startNode(t, only(l), nothing{&memory{}}, dir, now)
	wait(t, n.View, l)
	require.Contains(t, n.said.String(), "from=kafka")
	require.NotContains(t, n.said.String(), "from=disk")
}

// A crash while saving leaves a half-written file that nobody takes for a checkpoint, and the next start removes it.
func TestHalfWrittenFile_Removed(t *testing.T) {
	dir := t.TempDir()
	half := filepath.Join(dir, "123"+tempSuffix)
	require.NoError(t, os.WriteFile(half, []byte("half"), 0o600))
	d, err := NewDisk(dir, "cc.events")
	require.NoError(t, err)
	require.NoFileExists(t, half)
	require.Empty(t, d.marks(-1))
}

// Every partition is saved while the view runs, each in its turn.
func TestSave_EveryPartitionInItsTurn(t *testing.T) {
	now := start.Add(time.Hour)
	var list []Partition
	for id := range 3 {
		l := newLog()
		calls(l, 0, 5)
		list = append(list, numbered{l, id})
	}
	disk, err := NewDisk(t.TempDir(), "cc.events")
	require.NoError(t, err)
	v, err := New(Config{Decoder: func() gate.Decoder { return &schema.Decoder{} }, Gate: gate.Gate{AnyPartitioner: true, MaxAhead: time.Hour},
		Zone: func(string) *time.Location { return time.UTC }, Disk: disk, Save: 30 * time.Millisecond, Now: func() time.Time { return now },
		Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = v.Run(ctx, func(context.Context) ([]Partition, error) { return list, nil })
	}()
	defer func() { stop(); <-done }()
	require.Eventually(t, func() bool {
		return len(disk.marks(0)) > 0 && len(disk.marks(1)) > 0 && len(disk.marks(2)) > 0
	}, 20*time.Second, time.Millisecond)
}

// A directory that cannot be written is told and counted, and the view goes on.
func TestSaveFails_ViewGoesOn(t *testing.T) {
	now := start.Add(time.Hour)
	l := newLog()
	calls(l, 0, 5)
	dir := filepath.Join(t.TempDir(), "gone")
	n := startNode(t, only(l), nil, dir, now)
	wait(t, n.View, l)
	require.NoError(t, os.RemoveAll(dir))
	n.save(n.current.Load().partitions...)
	require.EqualValues(t, 1, n.saves.failures.Get())
	require.Contains(t, n.said.String(), "live view cannot be saved")
	calls(l, 5, 10)
	wait(t, n.View, l)
}
