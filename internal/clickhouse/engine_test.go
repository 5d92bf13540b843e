package clickhouse_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/clickhouse/clickhousetest"
)

// installed puts a `clickhouse` first in $PATH that says it is of a version and runs body.
func installed(t *testing.T, version, body string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$2\" = --version ]; then echo 'ClickHouse local version %s (official build).'; exit; fi\n%s\n", version, body)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "clickhouse"), []byte(script), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return filepath.Join(dir, "clickhouse")
}

func TestInstalledBinary_PreferredToTheLibrary(t *testing.T) {
	library, err := clickhouse.Library()
	if err != nil {
		t.Skip(err)
	}
	said := filepath.Join(t.TempDir(), "said")
	// `clickhouse local ARGS` of 26.7 is what the library runs, so the library can play it.
	installed(t, "26.7.2.1", fmt.Sprintf("echo $1 >%s; shift; exec %s clickhouse-child library %s \"$@\"", said, os.Args[0], library))
	s := startServer(t, quiet(t.TempDir()))
	insert(t, s.Addr(), 0, 10)
	requireRows(t, s.Addr(), 10)
	b, err := os.ReadFile(said)
	require.NoError(t, err)
	require.Equal(t, "local\n", string(b))
}

// A server of an older release does not watch its stdin: the process between must stop it.
func TestOlderBinary_RunsAsServerAndIsStopped(t *testing.T) {
	ended := filepath.Join(t.TempDir(), "ended")
	installed(t, "25.8.1.1", "echo $2 | grep -q ^--config-file= || exit 1\n"+
		"exec python3 -c \"$FAKE_SERVER\" ${2#--config-file=} "+ended)
	t.Setenv("FAKE_SERVER", `
import re, signal, socket, sys
port = int(re.search("<tcp_port>([0-9]+)<", open(sys.argv[1]).read()).group(1))
def end(*_):
    open(sys.argv[2], "w").write("interrupted")
    sys.exit(0)
signal.signal(signal.SIGINT, end)
s = socket.create_server(("127.0.0.1", port))
while True: s.accept()[0].close()
`)
	s, err := clickhouse.Start(t.Context(), quiet(t.TempDir()))
	require.NoError(t, err)
	require.NotContains(t, []string{s.Addr(), s.HTTPAddr()}, "127.0.0.1:0")
	require.NoError(t, s.Stop(t.Context()))
	require.FileExists(t, ended)
}

func TestAncientBinary_LibraryInstead(t *testing.T) {
	t.Setenv(clickhouse.LibraryEnv, "")
	path := installed(t, "18.16.1.0", "exit 1")
	_, err := clickhouse.Start(t.Context(), clickhouse.Config{Dir: t.TempDir(), Binary: path})
	require.ErrorContains(t, err, "is version 18.16; 25.8 or later is needed")

	clickhousetest.Start(t) // with the same $PATH
}

func TestNoEngine_ErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv(clickhouse.LibraryEnv, "")
	_, err := clickhouse.Start(t.Context(), quiet(t.TempDir()))
	require.ErrorIs(t, err, clickhouse.ErrNoEngine)
	require.True(t, clickhouse.IsMissing(clickhouse.Available(t.Context())))
	for _, way := range []string{"make setup", "install ClickHouse", "address of a server"} {
		require.ErrorContains(t, err, way)
	}
}
