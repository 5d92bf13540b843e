package ingest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"floorwalker/internal/kafkatest"
	"floorwalker/schema"
)

// Each mechanism, with and without TLS, reads, writes and joins a group; a wrong password, and a CA that did not sign, are told.
func TestClient_SASLAndTLS_AllPathsAuthenticate(t *testing.T) {
	ca, server := certificate(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		for _, secured := range []bool{false, true} {
			t.Run(mechanism+" TLS "+strconv.FormatBool(secured), func(t *testing.T) {
				opts := []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(mechanism, "app", "s3cret")}
				if secured {
					opts = append(opts, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{server}}))
				}
				cfg := testConfig(startEmbedded(t, opts...))
				password := filepath.Join(t.TempDir(), "password")
				require.NoError(t, os.WriteFile(password, []byte("s3cret\n"), 0o600))
				cfg.SASL = SASL{Mechanism: mechanism, Username: "app", PasswordFile: password}
				cfg.TLS = TLS{Enabled: secured, CAFile: ca}
				c := newClient(t, cfg)
				ev := c.makeTopic(t, 1)
				p := c.Producer()
				_, err := p.Write(testContext(t), []Message{{Topic: ev, Value: []byte("a")}})
				p.Close()
				require.NoError(t, err)
				got, _ := readUntilEnd(t, c.Partition(ev, 0), 0)
				require.Len(t, got, 1)
				group, err := c.Group(testGroup(ev))
				require.NoError(t, err)
				enough := errors.New("enough")
				require.ErrorIs(t, group.Run(testContext(t), func(context.Context, *Generation) error { return enough }), enough)

				cfg.SASL.PasswordFile, cfg.SASL.Password = "", "wrong"
				require.ErrorIs(t, newClient(t, cfg).Ping(testContext(t)), kafka.SASLAuthenticationFailed)
				cfg.SASL.Password = "s3cret"
				if secured {
					cfg.TLS.CAFile = ""
					require.Error(t, newClient(t, cfg).Ping(testContext(t)))
				}
			})
		}
	}
}

// certificate makes a certificate for loopback that is its own CA.
func certificate(t *testing.T) (caFile string, server tls.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return caFile, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Every fault of a configuration is named at once; the default has none.
func TestConfig_Validate_NamesEveryFault(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	require.NoError(t, DefaultGroupConfig().Validate())
	require.NoError(t, DefaultTopicSettings().Validate())
	var cfg Config
	cfg.Brokers = []string{"here"}
	cfg.SASL.Mechanism = "GSSAPI"
	cfg.TLS.CertFile = "x"
	err := cfg.Validate()
	for _, name := range []string{`brokers: "here"`, "dial_timeout", "request_timeout", "write_timeout", "stall_timeout", "fetch_wait", "fetch_bytes",
		"max_in_flight_bytes", "max_batch_bytes", "compression", "topics", "tls: cert_file", `sasl.mechanism is "GSSAPI"`} {
		require.ErrorContains(t, err, name)
	}
	for _, name := range []string{"id", "heartbeat_interval", "session_timeout", "stop_timeout"} {
		require.ErrorContains(t, GroupConfig{}.Validate(), "group."+name)
	}
	group := DefaultGroupConfig()
	group.StopTimeout = group.SessionTimeout
	require.ErrorContains(t, group.Validate(), "stop_timeout is 20s: must be below session_timeout 20s")
}

// A broker that is killed and comes back: the reader, the group and the producer go on by themselves, and nothing is missing.
func TestBrokerKilledAndRestarted_NothingMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		cfg := testConfig(b.Addr())
		cfg.WriteTimeout = 30 * time.Second
		c := newClient(t, cfg)
		ev := c.makeTopic(t, 1)
		group, err := c.Group(testGroup(ev))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(testContext(t))
		var next, committed atomic.Int64 // next value expected, and the offset behind it
		done := make(chan error, 1)
		go func() {
			done <- group.Run(ctx, func(ctx context.Context, gen *Generation) error {
				// As a worker does, it goes on from its own position and not from the group's.
				return gen.Partitions[0].Read(ctx, committed.Load(), func(batch []schema.Record, _ int64) error {
					for _, rec := range batch {
						value, err := strconv.ParseInt(string(rec.Value), 10, 64)
						if err != nil || value > next.Load() {
							return errors.New("missing before " + string(rec.Value))
						}
						next.Store(max(next.Load(), value+1)) // a repeated write gives a value twice
						committed.Store(rec.Offset + 1)
					}
					err := gen.Commit(map[int]int64{0: committed.Load()})
					if errors.Is(err, ErrUnavailable) {
						return nil // the next commit makes up for it
					}
					return err
				})
			})
		}()
		p := c.Producer()
		defer p.Close()
		write := func(from, to int) {
			for i := from; i < to; i++ {
				_, err := p.Write(testContext(t), []Message{{Topic: ev, Key: []byte("6"), Value: strconv.AppendInt(nil, int64(i), 10)}})
				require.NoError(t, err)
			}
		}
		write(0, 50)
		require.Eventually(t, func() bool { return next.Load() == 50 }, 20*time.Second, 5*time.Millisecond)
		b.Kill()
		written := make(chan struct{})
		go func() {
			defer close(written)
			write(50, 100)
		}()
		require.Eventually(t, func() bool { return c.counters.writeRetries.Get() > 0 }, 20*time.Second, time.Millisecond)
		b.Restart()
		<-written
		require.Eventually(t, func() bool { return next.Load() == 100 || len(done) > 0 }, 30*time.Second, 5*time.Millisecond)
		require.Empty(t, done)
		// A commit that failed is made up for by the next one, at the latest when nothing new comes.
		require.Eventually(t, func() bool { return c.committed(t, group.cfg.ID, ev, 0) == committed.Load() }, 20*time.Second, 5*time.Millisecond)
		cancel()
		require.NoError(t, <-done)
	})
}
