package clickhouse_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/clickhouse/clickhousetest"
)

const (
	parentEnv = "FLOORWALKER_TEST_PARENT" // this process is a parent to be killed; the value is its data directory
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(parentEnv) != "" && !clickhouse.IsChild():
		beParent(os.Getenv(parentEnv))
	default:
		clickhousetest.Main(m)
	}
}

// beParent starts a server, says where, and waits to be killed.
func beParent(dir string) {
	s, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("address", s.Addr(), s.PID())
	select {}
}

func quiet(dir string) clickhouse.Config {
	return clickhouse.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)}
}

func startServer(t *testing.T, cfg clickhouse.Config) *clickhouse.Server {
	t.Helper()
	clickhousetest.RequireEngine(t)
	s, err := clickhouse.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

func insert(t *testing.T, addr string, from, to int) {
	t.Helper()
	conn, err := clickhousetest.Open(addr, "default")
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS kept (x UInt64) ENGINE = MergeTree ORDER BY x"))
	require.NoError(t, conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO kept SELECT number FROM numbers(%d, %d)", from, to-from)))
}

func requireRows(t *testing.T, addr string, n uint64) {
	t.Helper()
	conn, err := clickhousetest.Open(addr, "default")
	require.NoError(t, err)
	defer conn.Close()
	var count, sum uint64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(), sum(x) FROM kept").Scan(&count, &sum))
	require.Equal(t, [2]uint64{n, n * (n - 1) / 2}, [2]uint64{count, sum})
}

// openLimited starts a server that may take 1 GiB.
func openLimited(t *testing.T) driver.Conn {
	cfg := quiet(t.TempDir())
	cfg.MemoryLimit = 1 << 30
	conn, err := clickhousetest.Open(startServer(t, cfg).Addr(), "default")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A server of little memory reads with as many threads as its queries ask for.
func TestMemoryLimit_ThreadsStay(t *testing.T) {
	conn := openLimited(t)
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE many (x UInt64) ENGINE = MergeTree ORDER BY x"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO many SELECT number FROM numbers(1000000)"))
	rows, err := conn.Query(t.Context(), "EXPLAIN PIPELINE SELECT sum(x + 1) FROM many SETTINGS max_threads = 3")
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	require.Regexp(t, `MergeTreeSelect\(pool: ReadPool, algorithm: Thread\) × 3`, plan.String())
}

func TestDatabase_IsFreshAndWritable(t *testing.T) {
	for range 2 {
		conn, _ := clickhousetest.Database(t)
		require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE a (x UInt64) ENGINE = MergeTree ORDER BY x"))
	}
}

func TestChildKilled_RestartKeepsDataAndAddress(t *testing.T) {
	s := startServer(t, quiet(t.TempDir()))
	addr, httpAddr := s.Addr(), s.HTTPAddr()
	for round := range 3 {
		insert(t, addr, round*1000, (round+1)*1000)
		s.Kill()
		require.Error(t, s.Err())
		require.NoError(t, s.Restart(t.Context()))
		require.NoError(t, s.Err())
		require.Equal(t, []string{addr, httpAddr}, []string{s.Addr(), s.HTTPAddr()})
		requireRows(t, addr, uint64(round+1)*1000)
	}
	require.Equal(t, 3, s.Restarts())
}

// A client that is killed, or that gives up while an answer is on its way, resets its connection.
func TestClientsResetTheirConnections_ServerLives(t *testing.T) {
	s := startServer(t, quiet(t.TempDir()))
	insert(t, s.Addr(), 0, 10)
	for i := range 30 {
		conn, err := net.Dial("tcp", s.Addr())
		require.NoError(t, err)
		_, err = conn.Write(hello(t, i%2 == 0))
		require.NoError(t, err)
		if i%2 == 0 {
			_, err = conn.Read(make([]byte, 1)) // in the middle of the answer
			require.NoError(t, err)
		}
		require.NoError(t, conn.(*net.TCPConn).SetLinger(0))
		require.NoError(t, conn.Close())
	}
	requireRows(t, s.Addr(), 10)
	require.NoError(t, s.Err())
}

// hello is the native protocol's first packet, whole or cut off in its middle.
func hello(t *testing.T, whole bool) []byte {
	t.Helper()
	text := func(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }
	b := text([]byte{0}, "floorwalker")
	if !whole {
		return b
	}
	b = binary.AppendUvarint(append(b, 1, 1), 54460)
	return text(text(text(b, "default"), "default"), "")
}

func TestCleanStop_NextServerKeepsData(t *testing.T) {
	cfg := quiet(t.TempDir())
	s := startServer(t, cfg)
	insert(t, s.Addr(), 0, 500)
	require.NoError(t, s.Stop(t.Context()))
	<-s.Done()
	require.NoError(t, s.Err(), "an end that was asked for is no error")
	require.Error(t, s.Restart(t.Context()), "stopped is stopped")
	requireRows(t, startServer(t, cfg).Addr(), 500)
}

// The parent has no chance to clean up: its child must notice, end, and leave directory and data to the next one.
func TestParentKilled_ChildEndsAndDataStay(t *testing.T) {
	clickhousetest.RequireEngine(t)
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+dir)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var addr string
	var child int
	_, err = fmt.Sscanf(line, "address %s %d", &addr, &child)
	require.NoError(t, err, line)
	insert(t, addr, 0, 1000)

	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()

	s := startServer(t, quiet(dir)) // waits for the child to let go of the directory
	requireRows(t, s.Addr(), 1000)
	require.Eventually(t, func() bool { return syscall.Kill(child, 0) != nil }, 10*time.Second, 10*time.Millisecond, "child outlives its parent")
}

func TestServer_StandsBackBehindItsParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("a thread's priority is read from /proc")
	}
	s := startServer(t, quiet(t.TempDir()))
	insert(t, s.Addr(), 0, 1000)
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.PID()))
	require.NoError(t, err)
	require.NotEmpty(t, threads)
	for _, name := range threads {
		stat, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // it has ended
		}
		require.NoError(t, err)
		_, after, _ := strings.Cut(string(stat), ") ")
		nice, err := strconv.Atoi(strings.Fields(after)[16])
		require.NoError(t, err)
		if nice < 0 {
			continue // where it may, ClickHouse raises the one that watches its memory
		}
		require.GreaterOrEqual(t, nice, 10, "%s", stat)
	}
}

func TestKeep_BringsTheServerBack(t *testing.T) {
	s := startServer(t, quiet(t.TempDir()))
	insert(t, s.Addr(), 0, 10)
	kept := make(chan error, 1)
	go func() { kept <- s.Keep(context.Background()) }()
	require.NoError(t, syscall.Kill(s.PID(), syscall.SIGKILL))
	require.Eventually(t, func() bool { return s.Restarts() == 1 }, 30*time.Second, 10*time.Millisecond)
	requireRows(t, s.Addr(), 10)
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, <-kept, "Stop ends Keep")
}

func TestSecondServerOnOneDirectory_Refused(t *testing.T) {
	cfg := quiet(t.TempDir())
	startServer(t, cfg)
	cfg.StartTimeout = 100 * time.Millisecond
	_, err := clickhouse.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "another server uses this directory")
}

func TestConfigInWorkingDirectory_NotLoaded(t *testing.T) {
	wd := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(wd, "config.xml"), []byte("<clickhouse><no end"), 0o600))
	t.Chdir(wd)
	startServer(t, quiet(t.TempDir()))
}

func TestMemoryLimit_ReachesTheServer(t *testing.T) {
	conn := openLimited(t)
	var value string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'").Scan(&value))
	require.Equal(t, "1073741824", value)
	var big uint64
	err := conn.QueryRow(t.Context(), "SELECT length(groupArray(number)) FROM numbers(400000000) SETTINGS max_threads = 1").Scan(&big)
	require.ErrorContains(t, err, "memory")
}

func TestOversizedLog_StartsOver(t *testing.T) {
	cfg := quiet(t.TempDir())
	cfg.LogLimit = 1000
	name := filepath.Join(cfg.Dir, "clickhouse.log")
	require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("x", 5000)), 0o600))
	s := startServer(t, cfg)
	require.Equal(t, name, s.LogFile())
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NotContains(t, string(b), "xxxx")
}

func TestStartFails_ErrorHoldsTheServersOwnWords(t *testing.T) {
	clickhousetest.RequireEngine(t)
	cfg := quiet(t.TempDir())
	cfg.Library = filepath.Join(t.TempDir(), "libchdb.so")
	require.NoError(t, os.WriteFile(cfg.Library, []byte("no library"), 0o600))
	_, err := clickhouse.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "libchdb.so")
	require.ErrorContains(t, err, "ended before it was ready")
}

func TestImpossibleConfig_Refused(t *testing.T) {
	for name, cfg := range map[string]clickhouse.Config{
		"Dir is empty":    {},
		"TCPPort 70000":   {Dir: t.TempDir(), TCPPort: 70000},
		"HTTPPort -1":     {Dir: t.TempDir(), HTTPPort: -1},
		"MemoryLimit -1":  {Dir: t.TempDir(), MemoryLimit: -1},
		"no such library": {Dir: t.TempDir(), Library: "/no such library"},
	} {
		_, err := clickhouse.Start(t.Context(), cfg)
		require.ErrorContains(t, err, name)
	}
}
