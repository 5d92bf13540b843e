// Package clickhousetest gives tests a real ClickHouse: one server per test binary, started when first asked for, and a
// fresh database per test. A package that uses it needs
//
//	func TestMain(m *testing.M) { clickhousetest.Main(m) }
//
// because the server is the test binary itself, started again. Where no ClickHouse is to be had the test is skipped, with
// a message that says how to get one; in CI (environment CI=true) it fails.
package clickhousetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse"
)

// memoryLimit keeps several test binaries on one machine from starving each other.
const memoryLimit = 2 << 30

// shared is the test binary's server. A test binary has no main of its own to carry it.
var shared struct {
	mu      sync.Mutex
	hosting bool // Main runs
	server  *clickhouse.Server
	dir     string
	err     error
}

// Main runs the tests, or the server if this process is the child. It does not return.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a TestMain that has more to do; its result is the exit code. Call it before anything else.
func Run(m *testing.M) int {
	if clickhouse.IsChild() {
		return clickhouse.Main(os.Args)
	}
	shared.mu.Lock()
	shared.hosting = true
	shared.mu.Unlock()
	defer stop()
	return m.Run()
}

func stop() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		if err := shared.server.Stop(context.Background()); err != nil {
			slog.Error("test clickhouse", "error", err)
		}
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
}

// Start returns the test binary's server, started at the first call.
func Start(t testing.TB) *clickhouse.Server {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.hosting {
		t.Fatal("clickhousetest needs `func TestMain(m *testing.M) { clickhousetest.Main(m) }` in this package")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.dir, shared.err = start()
	}
	if shared.err != nil {
		unavailable(t, shared.err)
	}
	return shared.server
}

func start() (*clickhouse.Server, string, error) {
	dir, err := os.MkdirTemp("", "floorwalker-clickhouse-")
	if err != nil {
		return nil, "", err
	}
	s, err := clickhouse.Start(context.Background(), clickhouse.Config{Dir: dir, MemoryLimit: memoryLimit, Log: slog.New(slog.DiscardHandler)})
	return s, dir, err
}

// RequireEngine skips the test, or fails it in CI, where no ClickHouse is to be had. For tests that start servers themselves.
func RequireEngine(t testing.TB) {
	t.Helper()
	if err := clickhouse.Available(context.Background()); err != nil {
		unavailable(t, err)
	}
}

func unavailable(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" || !clickhouse.IsMissing(err) {
		t.Fatal(err)
	}
	t.Skip(err)
}

// Database creates a database and returns a connection pool to it and its name. Both go when the test ends; the database
// stays if the test failed, until the test binary ends. Up to 16 connections, LZ4.
func Database(t testing.TB) (driver.Conn, string) {
	t.Helper()
	server := Start(t)
	name := databaseName(t.Name())
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	admin, err := Open(server.Addr(), "default")
	require.NoError(t, err)
	require.NoError(t, admin.Exec(ctx, "CREATE DATABASE "+name+" ENGINE = Atomic"))
	conn, err := Open(server.Addr(), name)
	require.NoError(t, err)
	t.Cleanup(func() {
		defer admin.Close()
		_ = conn.Close()
		if t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := admin.Exec(ctx, "DROP DATABASE "+name+" SYNC"); err != nil {
			t.Logf("drop database %s: %v", name, err)
		}
	})
	return conn, name
}

// Open connects to a database by the native protocol, as user default without a password.
func Open(addr, database string) (driver.Conn, error) {
	conn, err := driver.Open(&driver.Options{
		Addr:         []string{addr},
		Auth:         driver.Auth{Database: database},
		Compression:  &driver.Compression{Method: driver.CompressionLZ4},
		MaxOpenConns: 16,
		DialTimeout:  5 * time.Second,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s/%s: %w", addr, database, err)
	}
	return conn, nil
}

// databaseName is the test's name as an identifier, made unique so that -count=2 does not meet the first run's rows.
func databaseName(test string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, test)
	if len(clean) > 40 {
		clean = clean[:40]
	}
	return "t_" + clean + "_" + uuid.NewString()[:8]
}
