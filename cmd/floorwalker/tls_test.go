package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"floorwalker/cmd/floorwalker/config"
)

// certificate writes a fresh one for this machine, and its key.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	return certificateUntil(t, time.Now().Add(time.Hour))
}

func certificateUntil(t *testing.T, until time.Time) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	pool = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool.AddCert(cert)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", raw), pool
}

// With a certificate the API speaks TLS 1.2 and later and nothing else.
func TestListen_WithCertificate_OnlyTLSOfToday(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	s := &server{}
	s.cfg = config.Default()
	s.cfg.TLS.CertFile, s.cfg.TLS.KeyFile = certFile, keyFile
	listener, err := s.listen("127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "well") })}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(listener) }()
	defer func() {
		require.NoError(t, srv.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	}()
	ask := func(url string, c *tls.Config) (string, error) {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: c}, Timeout: 10 * time.Second}
		defer client.CloseIdleConnections()
		resp, err := client.Get(url)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	at := listener.Addr().String()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		body, err := ask("https://"+at, &tls.Config{RootCAs: pool, MinVersion: version, MaxVersion: version})
		require.NoError(t, err)
		require.Equal(t, "well", body)
	}
	_, err = ask("https://"+at, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.ErrorContains(t, err, "protocol version")
	body, err := ask("http://"+at, nil)
	require.True(t, err != nil || body != "well", "not in the clear")
	require.Equal(t, "https://"+at, s.publicURL(listener))
}

// An operator hears of a certificate that has expired, or soon will, from whatever is looked at; it keeps no process from starting.
func TestCertificate_ExpiredOrSoon_Said(t *testing.T) {
	for _, c := range []struct {
		until time.Time
		want  string
		fails bool
	}{
		{time.Now().Add(-time.Minute), "tls: the certificate expired at ", true},
		{time.Now().Add(time.Hour), "tls: the certificate expires at ", false},
		{time.Now().Add(2 * expiresSoon), "", false},
	} {
		certFile, keyFile, _ := certificateUntil(t, c.until)
		file := filepath.Join(t.TempDir(), "c.yaml")
		require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "tls: {cert_file: %q, key_file: %q}\n", certFile, keyFile), 0o600))
		out, err := call(t, "", "check", "--offline", "--config", file)
		require.NoError(t, err)
		require.Contains(t, out, c.want)
		require.Equal(t, c.want != "", strings.Contains(out, "tls: "))
		require.Equal(t, c.fails, checkCertificate(io.Discard, certFile, keyFile, time.Now()) != nil)

		var log bytes.Buffer
		s := &server{cfg: config.Default(), log: slog.New(slog.NewTextHandler(&log, nil))}
		s.cfg.TLS.CertFile, s.cfg.TLS.KeyFile = certFile, keyFile
		listener, err := s.listen("127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		require.Equal(t, c.fails, strings.Contains(log.String(), "the certificate has expired"))
		require.WithinDuration(t, c.until, s.certified, time.Second)
	}
}

// A process may be asked for its health by a name that its certificate does not have.
func TestHealth_CertificateForAnotherName_InsecureOnly(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer srv.Close()
	_, err := call(t, "", "health", "--url", srv.URL)
	require.ErrorContains(t, err, "certificate")
	out, err := call(t, "", "health", "--insecure", "--url", srv.URL)
	require.NoError(t, err)
	require.Equal(t, "ok", out)
}
