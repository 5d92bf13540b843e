package ingest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Config says how Kafka is reached.
type Config struct {
	Brokers  []string `yaml:"brokers"` // host:port, any of the cluster
	ClientID string   `yaml:"client_id"`
	SASL     SASL     `yaml:"sasl"`
	TLS      TLS      `yaml:"tls"`
	Topics   Topics   `yaml:"topics"`

	DialTimeout    time.Duration `yaml:"dial_timeout"`    // connecting, TLS and SASL together
	RequestTimeout time.Duration `yaml:"request_timeout"` // one request, beyond what the broker is asked to wait
	WriteTimeout   time.Duration `yaml:"write_timeout"`   // one write, retries included

	FetchWait    time.Duration `yaml:"fetch_wait"`    // how long the broker may hold a fetch when nothing is new; at most 250 ms
	FetchBytes   int           `yaml:"fetch_bytes"`   // of one fetch; a larger record is read all the same
	StallTimeout time.Duration `yaml:"stall_timeout"` // lag without progress for this long rebuilds the connection

	MaxInFlightBytes int64  `yaml:"max_in_flight_bytes"` // of all writes that are not acknowledged yet
	MaxBatchBytes    int    `yaml:"max_batch_bytes"`     // of one produce request; below the topic's max.message.bytes
	Compression      string `yaml:"compression"`         // none, gzip, snappy, lz4, zstd
}

// SASL credentials. An empty Mechanism means none.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // "", PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	PasswordFile string `yaml:"password_file"` // read instead of Password; a trailing line end is cut off
}

// TLS to the brokers.
type TLS struct {
	Enabled    bool   `yaml:"enabled"`
	CAFile     string `yaml:"ca_file"` // PEM; the system's pool if empty
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"` // the broker's host if empty
}

// Topics are the names of Floorwalker's topics (spec/events.md, "Topics").
type Topics struct {
	Events      string `yaml:"events"`
	Directory   string `yaml:"directory"`
	Commands    string `yaml:"commands"`
	DeadLetters string `yaml:"dead_letters"`
	Alerts      string `yaml:"alerts"` // ours alone: the event contract does not know it
}

const maxFetchWait = 250 * time.Millisecond

// DefaultConfig returns the settings for a broker on this machine.
func DefaultConfig() Config {
	return Config{
		Brokers:          []string{"127.0.0.1:9092"},
		ClientID:         "floorwalker",
		Topics:           Topics{Events: "cc.events", Directory: "cc.directory", Commands: "cc.commands", DeadLetters: "cc.dead-letters", Alerts: "cc.alerts"},
		DialTimeout:      5 * time.Second,
		RequestTimeout:   10 * time.Second,
		WriteTimeout:     5 * time.Second,
		FetchWait:        maxFetchWait,
		FetchBytes:       10 << 20,
		StallTimeout:     15 * time.Second,
		MaxInFlightBytes: 64 << 20,
		MaxBatchBytes:    900 << 10,
		Compression:      "none",
	}
}

// Validate names every fault.
func (c Config) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("kafka."+format, args...))
		}
	}
	fault(len(c.Brokers) == 0, "brokers is empty: at least one host:port is needed")
	for _, b := range c.Brokers {
		_, port, err := net.SplitHostPort(b)
		fault(err != nil || port == "", "brokers: %q is not host:port", b)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"dial_timeout", c.DialTimeout}, {"request_timeout", c.RequestTimeout}, {"write_timeout", c.WriteTimeout}, {"stall_timeout", c.StallTimeout}} {
		fault(d.value <= 0, "%s is %s: must be positive", d.name, d.value)
	}
	fault(c.FetchWait < time.Millisecond || c.FetchWait > maxFetchWait, "fetch_wait is %s: 1ms to %s are allowed", c.FetchWait, maxFetchWait)
	fault(c.FetchBytes < 1<<10 || c.FetchBytes > 1<<30, "fetch_bytes is %d: 1024 to %d are allowed", c.FetchBytes, 1<<30)
	fault(c.MaxInFlightBytes <= 0, "max_in_flight_bytes is %d: must be positive", c.MaxInFlightBytes)
	fault(c.MaxBatchBytes <= 0, "max_batch_bytes is %d: must be positive", c.MaxBatchBytes)
	_, known := compressions[c.Compression]
	fault(!known, "compression is %q: none, gzip, snappy, lz4, zstd are allowed", c.Compression)
	fault(c.Topics.Events == "" || c.Topics.Directory == "" || c.Topics.Commands == "" || c.Topics.DeadLetters == "" || c.Topics.Alerts == "",
		"topics: each of events, directory, commands, dead_letters, alerts needs a name")
	fault((c.TLS.CertFile == "") != (c.TLS.KeyFile == ""), "tls: cert_file and key_file belong together")
	if _, err := c.SASL.mechanism(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		return nil, nil
	}
	password := s.Password
	if s.PasswordFile != "" {
		raw, err := os.ReadFile(s.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("kafka.sasl.password_file: %w", err)
		}
		password = strings.TrimRight(string(raw), "\r\n")
	}
	switch strings.ToUpper(s.Mechanism) {
	case "PLAIN":
		return plain.Mechanism{Username: s.Username, Password: password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.Username, password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.Username, password)
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism is %q: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 are allowed", s.Mechanism)
}

func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca_file %q holds no PEM certificate", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert_file, key_file: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
