package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"floorwalker/internal/clickhouse"
	"floorwalker/internal/clickhouse/clickhousetest"
)

// secureFront speaks TLS before a server that does not, as tcp_port_secure would, and returns its address.
func secureFront(t *testing.T, to string, cfg *tls.Config) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	require.NoError(t, err)
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() {
		stop()
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { carry(ctx, client, to) })
		}
	})
	return listener.Addr().String()
}

func carry(ctx context.Context, client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })()
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(client, server)
	_ = client.Close()
	up.Wait()
}

// The way to ClickHouse is TLS with a certificate that a named authority vouches for, or there is none.
func TestClickHouse_TLSWithTheRightAuthorityOnly(t *testing.T) {
	clickhousetest.RequireEngine(t)
	db, err := clickhouse.Start(t.Context(), clickhouse.Config{Dir: t.TempDir(), MemoryLimit: 1 << 30, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Stop(context.Background()) })
	certFile, keyFile, pool := certificate(t)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	otherCA, otherKey, _ := certificate(t)
	plain := secureFront(t, db.Addr(), &tls.Config{Certificates: []tls.Certificate{pair}})
	mutual := secureFront(t, db.Addr(), &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})

	for _, c := range []struct{ name, address, settings, fault string }{
		{"the right authority", plain, "{enabled: true, ca_file: " + certFile + "}", ""},
		{"another authority", plain, "{enabled: true, ca_file: " + otherCA + "}", "certificate signed by unknown authority"},
		{"the system's authorities", plain, "{enabled: true}", "certificate signed by unknown authority"},
		{"another name", plain, "{enabled: true, server_name: elsewhere.example.com, ca_file: " + certFile + "}", "elsewhere.example.com"},
		{"in the clear", plain, "{enabled: false}", "clickhouse"},
		{"a client certificate", mutual, "{enabled: true, ca_file: " + certFile + ", cert_file: " + certFile + ", key_file: " + keyFile + "}", ""},
		{"without a client certificate", mutual, "{enabled: true, ca_file: " + certFile + "}", "certificate required"},
		{"another client certificate", mutual, "{enabled: true, ca_file: " + certFile + ", cert_file: " + otherCA + ", key_file: " + otherKey + "}", "certificate"},
		{"TLS where there is none", db.Addr(), "{enabled: true, ca_file: " + certFile + "}", "tls with "}, // last: the embedded engine may end over it
	} {
		file := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "clickhouse: {addresses: [%q], database: secured, dial_timeout: 5s, tls: %s}\n", c.address, c.settings), 0o600))
		out, err := call(t, "", "migrate", "--config", file)
		if c.fault == "" {
			require.NoError(t, err, "%s: %s", c.name, out)
			continue
		}
		require.ErrorContains(t, err, c.fault, c.name)
	}
}
