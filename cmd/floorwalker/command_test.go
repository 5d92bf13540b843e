package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/clickhouse/clickhousetest"
	"floorwalker/query/auth"
)

// call runs a command and returns what it printed.
func call(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(in))
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommands_EachExplainsItselfWithAnExample(t *testing.T) {
	for _, name := range []string{"demo", "serve", "replay", "simulate", "migrate", "check", "hash-password", "health", "top", "fetch-clickhouse", "version",
		"audit", "backfill", "new-epoch", "erase", "dead-letters", "dead-letters list", "dead-letters show", "dead-letters retry"} {
		out, err := call(t, "", append(strings.Fields(name), "--help")...)
		require.NoError(t, err, name)
		require.Contains(t, out, "Examples:\n  floorwalker "+name, name)
		require.Greater(t, strings.Index(out, "Usage:"), 40, "%s says nothing about itself", name)
	}
}

func TestHashPassword_HashThatTheConfigurationTakes(t *testing.T) {
	out, err := call(t, "correct horse\r\n", "hash-password")
	require.NoError(t, err)
	require.NotContains(t, out, "horse")
	file := filepath.Join(t.TempDir(), "c.yaml")
	text := "contact_centers: [{id: a, users: [{name: u, role: reader, password_hash: '" + strings.TrimSpace(out) + "'}]}]"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	out, err = call(t, "", "check", "--offline", "--config", file)
	require.NoError(t, err, out)
	_, err = call(t, "\n", "hash-password")
	require.ErrorContains(t, err, "empty")
}

func TestCheck_Faults_AllPrintedAndFailed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("listen: nowhere\nkafka: {brokers: [x], bogus: 1}\n"), 0o600))
	out, err := call(t, "", "check", "--offline", "--config", file)
	require.Error(t, err)
	for _, fault := range []string{"line 1: listen:", "line 2: kafka.brokers[0]:", "line 2: kafka.bogus:"} {
		require.Contains(t, out, fault)
	}
}

// Nothing that listens is named, by path of the configuration.
func TestCheck_NothingReached_BothNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("kafka: {brokers: ['127.0.0.1:1']}\nclickhouse: {addresses: ['127.0.0.1:1']}\n"), 0o600))
	out, err := call(t, "", "check", "--timeout", "2s", "--config", file)
	require.Error(t, err)
	require.Contains(t, out, "kafka.brokers")
	require.Contains(t, out, "clickhouse [127.0.0.1:1]")
}

func TestHealth_ExitByStatus(t *testing.T) {
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte("kafka: ready\n"))
	}))
	defer srv.Close()
	out, err := call(t, "", "health", "--url", srv.URL)
	require.NoError(t, err)
	require.Equal(t, "kafka: ready\n", out)
	status = http.StatusServiceUnavailable
	_, err = call(t, "", "health", "--url", srv.URL)
	require.ErrorContains(t, err, "503")
}

func TestReplay_NoDemoNorKafka_SaysWhatIsMissing(t *testing.T) {
	_, err := call(t, "", "replay", "--data", t.TempDir(), "x.csv")
	require.ErrorContains(t, err, "--kafka")
	_, err = call(t, "", "replay", "--date", "today", "x.csv")
	require.ErrorContains(t, err, "--date")
}

// The newest component is ended and waited for before the next.
func TestComponents_StopInReverse_ReportFailures(t *testing.T) {
	c := newComponents(slog.New(slog.DiscardHandler))
	var order []string
	for _, name := range []string{"a", "b", "c"} {
		c.start(name, func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, name)
			return ctx.Err()
		})
	}
	c.closeLast(func() error { order = append(order, "first opened"); return nil })
	c.closeLast(func() error { order = append(order, "last opened"); return nil })
	require.NoError(t, c.stop())
	require.Equal(t, []string{"c", "b", "a", "last opened", "first opened"}, order)

	broken := errors.New("broken")
	c = newComponents(slog.New(slog.DiscardHandler))
	c.start("works", func(ctx context.Context) error { <-ctx.Done(); return nil })
	c.start("fails", func(context.Context) error { return broken })
	err := c.wait(t.Context())
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "fails")
	require.NoError(t, c.stop(), "what wait has said is not said again")
}

func TestLockDir_SecondRefusedUntilFirstEnds(t *testing.T) {
	dir := t.TempDir()
	first, err := lockDir(dir)
	require.NoError(t, err)
	_, err = lockDir(dir)
	require.ErrorContains(t, err, "in use")
	require.ErrorContains(t, err, dir)
	require.NoError(t, first.Close())
	again, err := lockDir(dir)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

// Credentials are made once, and nobody else may read them.
func TestCredentials_KeptFromStartToStart(t *testing.T) {
	dir := t.TempDir()
	a, err := loadCredentials(dir)
	require.NoError(t, err)
	b, err := loadCredentials(dir)
	require.NoError(t, err)
	require.Equal(t, a, b)
	info, err := os.Stat(filepath.Join(dir, credentialsFileName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	o := demoOptions{listen: "127.0.0.1:0", data: dir}
	o.simulate.contactCenter = "demo"
	cfg, err := o.config(a, "127.0.0.1:1", "127.0.0.1:2")
	require.NoError(t, err)
	list, err := accounts(&cfg)
	require.NoError(t, err)
	require.Len(t, list, 4+3, "a token for each role, and three users")
	who, err := auth.New(list, auth.Options{})
	require.NoError(t, err)
	for user, password := range a.Users {
		_, err := who.Password(t.Context(), user, password)
		require.NoError(t, err, user)
	}
	require.Len(t, a.Users, 3)
}

// A demo on a fresh directory serves, refuses a second one, lets files be replayed into it, and ends cleanly; the next one
// on the same data has the same tokens.
func TestDemo_ServesAndStopsAndStartsAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	clickhousetest.RequireEngine(t)
	dir := t.TempDir()
	var before demoFile
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		o := demoOptions{data: dir, listen: "127.0.0.1:0"}
		o.simulate = simulateOptions{contactCenter: "demo", zone: "UTC", agents: 20, seed: 1, backfill: time.Hour}
		done := make(chan error, 1)
		go func() { done <- o.run(ctx, &bytes.Buffer{}) }()
		var d demoFile
		require.Eventually(t, func() bool {
			select {
			case err := <-done:
				require.NoError(t, err)
			default:
			}
			var err error
			d, err = readDemo(dir)
			return err == nil
		}, time.Minute, 50*time.Millisecond)
		if before.Tokens != nil {
			require.Equal(t, before.Tokens, d.Tokens)
		}
		before = d
		require.Equal(t, http.StatusOK, get(t, d.URL+"/healthz", ""))
		require.Equal(t, http.StatusUnauthorized, get(t, d.URL+"/api/v1/contact-centers/demo/agents", ""))
		require.Equal(t, http.StatusOK, get(t, d.URL+"/api/v1/contact-centers/demo/agents", d.Tokens["reader"]))
		require.Equal(t, http.StatusNotFound, get(t, d.URL+"/api/v1/contact-centers/other/agents", d.Tokens["reader"]))
		require.ErrorContains(t, o.run(ctx, &bytes.Buffer{}), "in use")
		out, err := call(t, "type,subject,time,contactcenter,status\ncc.agent.status,x,2026-01-01T00:00:00Z,other2,break\nbad,,,,\n", "replay", "--data", dir, "-")
		require.NoError(t, err)
		require.Contains(t, out, "1 events written")
		require.Contains(t, out, "1 bad lines")
		cancel()
		require.NoError(t, <-done)
		_, err = readDemo(dir)
		require.Error(t, err, "nobody listens any more")
	}
}

func get(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// TestMain lets the test binary be the database's child, as main does.
func TestMain(m *testing.M) {
	if clickhouse.IsChild() {
		os.Exit(clickhouse.Main(os.Args))
	}
	os.Exit(m.Run())
}
