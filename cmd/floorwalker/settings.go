package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest"
	"floorwalker/query"
	"floorwalker/query/auth"
	"floorwalker/query/jwks"
	"floorwalker/query/mask"
	"floorwalker/query/native"
	"floorwalker/query/session"
	"floorwalker/schema"
	"floorwalker/schema/clickhouse"
)

// What the file says, as each component wants it.

func kafkaConfig(k config.Kafka) (ingest.Config, error) {
	out := ingest.DefaultConfig()
	out.Brokers = k.Brokers
	out.Topics = kafkaTopics(k)
	out.WriteTimeout = k.WriteTimeout
	password, err := k.SASL.Password()
	if err != nil {
		return out, fmt.Errorf("kafka.sasl: %w", err)
	}
	out.SASL = ingest.SASL{Mechanism: strings.ToUpper(k.SASL.Mechanism), Username: k.SASL.Username, Password: password}
	out.TLS = ingest.TLS{Enabled: k.TLS.Enabled, CAFile: k.TLS.CAFile, CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile, ServerName: k.TLS.ServerName}
	return out, nil
}

func kafkaTopics(k config.Kafka) ingest.Topics {
	return ingest.Topics{Events: k.Topics.Events, Directory: k.Topics.Directory, Commands: k.Topics.Commands, DeadLetters: k.Topics.DeadLetters,
		Alerts: k.Topics.Alerts}
}

func topicSettings(k config.Kafka) ingest.TopicSettings {
	out := ingest.DefaultTopicSettings()
	out.Create, out.Partitions, out.Replication, out.Retention = k.CreateTopics, k.Partitions, k.Replication, k.Retention
	return out
}

func clickHouseConfig(c config.ClickHouse) (clickhouse.Config, error) {
	out := clickhouse.Config{Addresses: c.Addresses, Database: c.Database, User: c.User, DialTimeout: c.DialTimeout, Cluster: c.Cluster}
	var err error
	if out.Password, err = c.Password(); err != nil {
		return out, fmt.Errorf("clickhouse: %w", err)
	}
	if out.TLS, err = clientTLS(c.TLS); err != nil {
		return out, fmt.Errorf("clickhouse.tls: %w", err)
	}
	return out, nil
}

func migrateOptions(c config.ClickHouse) clickhouse.Options {
	return clickhouse.Options{Cluster: c.Cluster, RawDays: config.Days(c.Retention.Raw), FactDays: config.Days(c.Retention.Facts),
		WindowDays: config.Days(c.Retention.Windows)}
}

func clientTLS(t config.ClientTLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	out := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file %q holds no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file, key_file: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// accounts are the principals of the native API. A token's account carries its contact centre in its id, because names of
// tokens are unique only within one.
func accounts(c *config.Config) ([]auth.Account, error) {
	var out []auth.Account
	add := func(contactCenter string, tokens []config.Token) error {
		for _, t := range tokens {
			sum, err := t.Sum()
			if err != nil {
				return fmt.Errorf("token %q of contact centre %q: %w", t.Name, contactCenter, err)
			}
			out = append(out, auth.Account{ID: contactCenter + "/" + t.Name, ContactCenter: contactCenter, Role: auth.Role(t.Role),
				TokenSHA256: []string{hex.EncodeToString(sum[:])}})
		}
		return nil
	}
	if err := add(auth.AllContactCenters, c.Tokens); err != nil {
		return nil, err
	}
	for _, cc := range c.ContactCenters {
		if err := add(cc.ID, cc.Tokens); err != nil {
			return nil, err
		}
		for _, u := range cc.Users {
			out = append(out, auth.Account{ID: u.Name, ContactCenter: cc.ID, Role: auth.Role(u.Role), PasswordHash: u.PasswordHash})
		}
	}
	return out, nil
}

// identityProviders are those whose tokens the native API takes.
func identityProviders(c *config.Config) []jwks.Issuer {
	var out []jwks.Issuer
	for _, i := range c.Query.Identity {
		roles := map[string]auth.Role{}
		for value, role := range i.Roles {
			roles[value] = auth.Role(role)
		}
		out = append(out, jwks.Issuer{Issuer: i.Issuer, Audience: i.Audience, URL: i.JWKSURL, File: i.JWKSFile, Roles: roles,
			Claims: jwks.Claims{ContactCenter: cmp.Or(i.Claims.ContactCenter, "contact_center"), Role: cmp.Or(i.Claims.Role, "role")}})
	}
	return out
}

func queryConfig(c *config.Config) (query.Config, error) {
	l, sessions := c.Query.Limits, c.Query.Sessions
	key, err := sessions.Key()
	if err != nil {
		return query.Config{}, fmt.Errorf("query.sessions: %w", err)
	}
	masks := map[auth.Role]*mask.Mask{}
	for _, of := range c.Query.Masking {
		if masks[auth.Role(of.Role)], err = mask.New(of.Show); err != nil {
			return query.Config{}, fmt.Errorf("query.masking: %w", err)
		}
	}
	return query.Config{BodyLimit: l.BodyBytes, RequestsPerSecond: l.RequestsPerSecond, Burst: l.Burst,
		StreamWriteTimeout: l.StreamWriteTimeout,
		Limits:             native.Limits{Range: l.HistoryRange, Timeout: l.HistoryTimeout, Groups: l.Groups, Rows: l.Rows},
		Masks:              masks,
		Sessions:           session.Config{Key: []byte(key), Idle: sessions.Idle, Lifetime: sessions.Lifetime},
		Origins:            c.Query.CORS.Origins, TrustedProxies: c.Query.TrustedProxies, MetricsElsewhere: c.MetricsListen != ""}, nil
}

func contactCenters(c *config.Config) []string {
	out := make([]string, len(c.ContactCenters))
	for i, cc := range c.ContactCenters {
		out[i] = cc.ID
	}
	return out
}

// alertRules are the configuration's rules by contact centre.
func alertRules(c *config.Config) map[string][]schema.AlertRule {
	out := map[string][]schema.AlertRule{}
	for _, cc := range c.ContactCenters {
		for _, r := range cc.AlertRules {
			out[cc.ID] = append(out[cc.ID], r.Rule())
		}
	}
	return out
}

// workerName tells the workers' progress rows apart.
func workerName() string {
	host, _ := os.Hostname() // a name for people; any will do
	return fmt.Sprintf("%s/%d", cmp.Or(host, "worker"), os.Getpid())
}
