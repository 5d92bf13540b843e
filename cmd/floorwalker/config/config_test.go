package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	hash  = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaJObG4rTDXIKF8gg"
	shaA  = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	shaB  = "0f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	token = "a-token-of-enough-bytes"
)

// faultsOf lists the faults as "line path".
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok, "%v", err)
	var out []string
	for _, e := range joined.Unwrap() {
		var f *Fault
		require.True(t, errors.As(e, &f), "%v", e)
		require.NotEmpty(t, f.Reason)
		out = append(out, fmt.Sprintf("%d %s", f.Line, f.Path))
	}
	return out
}

// An empty file is a working configuration.
func TestParse_NothingSaid_Defaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "kafka:\n", "tokens:\n"} {
		c, err := Parse([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, Default(), c)
	}
}

// Each fault is found where it is, with its line and path.
func TestParse_OneFault_NamedWithLineAndPath(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.WriteFile(open, []byte(token), 0o600))
	require.NoError(t, os.Chmod(open, 0o666))
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("short\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))

	cc := "contact_centers:\n- id: a\n" // lines 1, 2
	for _, tc := range []struct{ yaml, want, says string }{
		{"lisen: :80", "1 lisen", "allowed are listen, tls"},
		{"log:\n  levl: info", "2 log.levl", "level, format"},
		{"listen: nowhere", "1 listen", `"nowhere"`},
		{"listen: :70000", "1 listen", "0 to 65535"},
		{"metrics_listen: 9090", "1 metrics_listen", "9090"},
		{"metrics_listen: 127.0.0.1:8080", "1 metrics_listen", "also listen"},
		{"public_url: ftp://x", "1 public_url", "ftp://x"},
		{"shutdown: {drain_delay: 6m}", "1 shutdown.drain_delay", "0s to 5m0s"},
		{"kafka: {write_timeout: 10ms}", "1 kafka.write_timeout", "100ms to 5m0s"},
		{"tls: {cert_file: /dev/null}", "1 tls.key_file", "both or none"},
		{"roles: [worker, boss]", "1 roles[1]", `"boss"; allowed are worker, query`},
		{"roles: []", "1 roles", "at least one"},
		{"roles: [query, query]", "1 roles[1]", "twice"},
		{"roles: worker", "1 roles", "not a list"},
		{"data_dir: ''", "1 data_dir", "empty"},
		{"kafka:\n  brokers:\n  - good:9092\n  - bad", "4 kafka.brokers[1]", `"bad" is not host:port`},
		{"kafka:\n  brokers: []", "2 kafka.brokers", "at least one"},
		{"kafka: 7", "1 kafka", "not a mapping"},
		{"kafka:\n  topics:\n    events: 'a b'", "3 kafka.topics.events", "a b"},
		{"kafka:\n  topics:\n    commands: cc.events", "3 kafka.topics.commands", "kafka.topics.events"},
		{"kafka:\n  partitions: 0", "2 kafka.partitions", "1 to 10000"},
		{"kafka:\n  partitions: many", "2 kafka.partitions", "many is not a whole number"},
		{"kafka:\n  replication: 0", "2 kafka.replication", "0"},
		{"kafka:\n  retention: 6d", "2 kafka.retention", "168h"},
		{"kafka:\n  retention: soon", "2 kafka.retention", `"soon" is not a duration`},
		{"kafka:\n  partitioner: crc32", "2 kafka.partitioner", "murmur2, any"},
		{"kafka:\n  create_topics: maybe", "2 kafka.create_topics", "true or false"},
		{"kafka:\n  future_limit: 2h", "2 kafka.future_limit", "2h"},
		{"kafka:\n  group: ''", "2 kafka.group", "consumer group"},
		{"kafka:\n  sasl: {mechanism: gssapi, username: u, password_env: FW_TEST_TOKEN}", "2 kafka.sasl.mechanism", "scram-sha-512"},
		{"kafka:\n  sasl: {mechanism: plain, password_env: FW_TEST_TOKEN}", "2 kafka.sasl.username", "plain"},
		{"kafka:\n  sasl: {mechanism: plain, username: u}", "2 kafka.sasl", "password_env, password_file"},
		{"kafka:\n  sasl: {username: u}", "2 kafka.sasl.mechanism", "plain"},
		{"kafka:\n  sasl: {mechanism: plain, username: u, password: hunter2}", "2 kafka.sasl.password", "inline secret is refused"},
		{"kafka:\n  tls: {ca_file: /dev/null}", "2 kafka.tls.enabled", "false"},
		{"kafka:\n  tls:\n    enabled: true\n    ca_file: /no/such", "4 kafka.tls.ca_file", "/no/such"},
		{"clickhouse:\n  addresses: ['h:0']", "2 clickhouse.addresses[0]", "h:0"},
		{"clickhouse:\n  addresses: ['h:1', 'h:1']", "2 clickhouse.addresses[1]", "twice"},
		{"clickhouse:\n  database: a-b", "2 clickhouse.database", "a-b"},
		{"clickhouse:\n  user: ''", "2 clickhouse.user", "empty"},
		{"clickhouse:\n  password: x", "2 clickhouse.password", "inline secret is refused"},
		{"clickhouse:\n  password_env: FW_TEST_NONE", "2 clickhouse.password_env", "FW_TEST_NONE"},
		{"clickhouse:\n  password_file: /no/such", "2 clickhouse.password_file", "/no/such"},
		{"clickhouse:\n  password_file: " + empty, "2 clickhouse.password_file", "empty"},
		{"clickhouse:\n  password_file: " + open, "2 clickhouse.password_file", "0666"},
		{"clickhouse:\n  cluster: 'a b'", "2 clickhouse.cluster", "a b"},
		{"clickhouse:\n  retention:\n    facts: 1h", "3 clickhouse.retention.facts", "whole days"},
		{"clickhouse:\n  retention:\n    raw: 36h", "3 clickhouse.retention.raw", "whole days"},
		{"clickhouse:\n  dial_timeout: 0", "2 clickhouse.dial_timeout", "0s"},
		{"engine:\n  horizon: 2d", "2 engine.horizon", "48h"},
		{"engine:\n  flush_interval: 0s", "2 engine.flush_interval", "0s"},
		{"engine:\n  checkpoint_interval: 1ms", "2 engine.checkpoint_interval", "1ms"},
		{"query:\n  limits:\n    burst: -1", "3 query.limits.burst", "-1"},
		{"query:\n  limits:\n    burst: 1.5", "3 query.limits.burst", "1.5"},
		{"query:\n  sessions:\n    idle: 1m", "3 query.sessions.idle", "2m0s"},
		{"query:\n  sessions:\n    lifetime: 10m", "3 query.sessions.lifetime", "shorter than"},
		{"query:\n  sessions:\n    key_file: " + short, "3 query.sessions.key_file", "32"},
		{"query:\n  sessions:\n    key_file: /nowhere\n    key_env: FW_TEST_SHORT", "3 query.sessions.key_file", "exactly one"},
		{"query:\n  cors:\n    origins: [ok]", "3 query.cors.origins[0]", "ok"},
		{"query:\n  cors:\n    origins: ['https://ok/path']", "3 query.cors.origins[0]", "path"},
		{"query:\n  trusted_proxies: [proxy]", "2 query.trusted_proxies[0]", "10.0.0.0/8"},
		{"query:\n  identity:\n  - {audience: a, jwks_url: https://x/y, roles: {r: reader}}", "3 query.identity[0].issuer", "https://login.example.com"},
		{"query:\n  identity:\n  - {issuer: https://x, jwks_url: https://x/y, roles: {r: reader}}", "3 query.identity[0].audience", "aud"},
		{"query:\n  identity:\n  - {issuer: https://x, audience: a, roles: {r: reader}}", "3 query.identity[0]", "jwks_file, jwks_url"},
		{"query:\n  identity:\n  - {issuer: https://x, audience: a, jwks_url: http://x/y, roles: {r: reader}}", "3 query.identity[0].jwks_url", "not https"},
		{"query:\n  identity:\n  - {issuer: https://x, audience: a, jwks_file: /no/such, roles: {r: reader}}", "3 query.identity[0].jwks_file", "/no/such"},
		{"query:\n  identity:\n  - {issuer: https://x, audience: a, jwks_file: " + open + ", roles: {r: reader}}", "3 query.identity[0].jwks_file", "0666"},
		{"query:\n  identity:\n  - {issuer: https://x, audience: a, jwks_url: https://x/y}", "3 query.identity[0].roles", "at least one"},
		{"query:\n  identity:\n  - {issuer: https://x, audience: a, jwks_url: https://x/y, roles: {r: king}}", "3 query.identity[0].roles.r", "king"},
		{"query:\n  identity:\n  - &a {issuer: https://x}", "3 query.identity[0]", "anchors"},
		{"query:\n  masking:\n  - {role: king}", "3 query.masking[0].role", "king"},
		{"query:\n  masking:\n  - {role: reader}\n  - {role: reader}", "4 query.masking[1].role", "query.masking[0]"},
		{"query:\n  masking:\n  - {role: reader, show: [phones]}", "3 query.masking[0].show", "id, name, phone"},
		{"audit_log: /no/such/dir/audit.jsonl", "1 audit_log", "/no/such/dir"},
		{"log:\n  level: loud", "2 log.level", "debug, info"},
		{"log:\n  format: xml", "2 log.format", "text, json"},
		{"tokens:\n- {name: a, role: king, token_sha256: " + shaA + "}", "2 tokens[0].role", "king"},
		{"tokens:\n- {role: admin, token_sha256: " + shaA + "}", "2 tokens[0].name", "logs"},
		{"tokens:\n- {name: a, role: admin}", "2 tokens[0]", "token_env, token_file, token_sha256"},
		{"tokens:\n- {name: a, role: admin, token_sha256: abc}", "2 tokens[0].token_sha256", "64 digits"},
		{"tokens:\n- {name: a, role: admin, token_sha256: " + shaA + ", token_env: FW_TEST_TOKEN}", "2 tokens[0].token_sha256", "token_env"},
		{"tokens:\n- {name: a, role: admin, token_file: " + short + "}", "2 tokens[0].token_file", "5 bytes"},
		{"tokens:\n- {name: a, role: admin, token_sha256: " + shaA + "}\n- {name: b, role: reader, token_sha256: " + shaA + "}",
			"3 tokens[1].token_sha256", "tokens[0]"},
		{"tokens:\n- {name: a, role: admin, token_sha256: " + shaA + "}\n- {name: a, role: reader, token_sha256: " + shaB + "}",
			"3 tokens[1].name", "tokens[0]"},
		{"contact_centers:\n- users: []", "2 contact_centers[0].id", "128"},
		{"contact_centers:\n- id: '*'", "2 contact_centers[0].id", "every"},
		{cc + "- id: a", "3 contact_centers[1].id", "contact_centers[0].id"},
		{cc + "  users: [{name: u, password_hash: secret, role: reader}]", "3 contact_centers[0].users[0].password_hash", "Argon2id"},
		{cc + "  users: [{name: u, password: secret, password_hash: '" + hash + "', role: reader}]", "3 contact_centers[0].users[0].password", "inline secret"},
		{cc + "  users: [{name: u, password_hash: '" + strings.Replace(hash, "m=19456", "m=1024", 1) + "', role: reader}]",
			"3 contact_centers[0].users[0].password_hash", "too weak"},
		{cc + "  users: [{name: u, password_hash: '" + strings.Replace(hash, "m=19456", "m=9999999", 1) + "', role: reader}]",
			"3 contact_centers[0].users[0].password_hash", "too much"},
		{cc + "  tokens: [{name: t, role: reader, token: abc}]", "3 contact_centers[0].tokens[0].token", "inline secret"},
		{cc + "  surfaces:\n    clarity:\n      signing_key_file: " + short, "5 contact_centers[0].surfaces.clarity.signing_key_file", "32"},
		{cc + "  surfaces:\n    clarity:\n      client_ids: ['']", "5 contact_centers[0].surfaces.clarity.client_ids[0]", "empty"},
		{cc + "  surfaces:\n    vonage:\n      token_lifetime: 25h", "5 contact_centers[0].surfaces.vonage.token_lifetime", "24h"},
		{cc + "  surfaces:\n    vonage:\n      clients: [{client_id: x}]", "5 contact_centers[0].surfaces.vonage.clients[0]", "secret_env"},
		{cc + "  surfaces:\n    vonage:\n      signing_key_file: " + short, "5 contact_centers[0].surfaces.vonage.signing_key_file", "32"},
		{cc + "  surfaces:\n    exotel:\n      requests_per_minute: -1", "5 contact_centers[0].surfaces.exotel.requests_per_minute", "1 to 10000000"},
		{cc + "  surfaces:\n    exotel:\n      tokens: [{name: t, role: producer, token_sha256: " + shaA + "}]",
			"5 contact_centers[0].surfaces.exotel.tokens[0].role", "reader, supervisor"},
		{"listen: &a :80", "1 listen", "anchors"},
		{"listen: [1, 2]", "1 listen", "not a text"},
		{"---\nlisten: :80\n---\nlisten: :81", "4 ---", "second document"},
	} {
		t.Run(tc.yaml, func(t *testing.T) {
			t.Setenv("FW_TEST_TOKEN", token)
			_, err := Parse([]byte(tc.yaml))
			require.Error(t, err)
			require.Contains(t, faultsOf(t, err), tc.want, "%v", err)
			require.Contains(t, err.Error(), tc.says)
		})
	}
}

// A credential that two contact centres share could not say which one is meant.
func TestParse_SharedVendorCredential_Fault(t *testing.T) {
	keys := keytabFile(t, "HTTP/floorwalker")
	for name, tc := range map[string]struct{ a, b, path string }{
		"native user":    {"users: [{name: u, password_hash: '" + hash + "', role: reader}]", "", "users[0].name"},
		"native token":   {"tokens: [{name: t, role: reader, token_sha256: " + shaA + "}]", "", "tokens[0].token_sha256"},
		"ameyo":          {"surfaces: {ameyo: {users: [{name: u, password_hash: '" + hash + "'}]}}", "", "surfaces.ameyo.users[0].name"},
		"convoso":        {"surfaces: {convoso: {auth_tokens: [{name: t, token_sha256: " + shaA + "}]}}", "", "surfaces.convoso.auth_tokens[0].token_sha256"},
		"exotel token":   {"surfaces: {exotel: {tokens: [{name: t, role: reader, token_sha256: " + shaA + "}]}}", "", "surfaces.exotel.tokens[0].token_sha256"},
		"exotel account": {"surfaces: {exotel: {account_sid: acme}}", "", "surfaces.exotel.account_sid"},
		"vonage":         {"surfaces: {vonage: {clients: [{client_id: x, secret_sha256: " + shaA + "}]}}", "", "surfaces.vonage.clients[0].client_id"},
		"clarity":        {"surfaces: {clarity: {client_ids: [x]}}", "", "surfaces.clarity.client_ids[0]"},
		"clarity realm": {"surfaces: {clarity: {kerberos: {keytab_file: " + keys + ", realms: [{name: CORP.TEST}]}}}", "",
			"surfaces.clarity.kerberos.realms[0].name"},
		"token by file and by sum": {"surfaces: {convoso: {auth_tokens: [{name: t, token_env: FW_TEST_TOKEN}]}}",
			"surfaces: {convoso: {auth_tokens: [{name: t, token_sha256: " + TokenSum(token) + "}]}}", "surfaces.convoso.auth_tokens[0].token_sha256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FW_TEST_TOKEN", token)
			if tc.b == "" {
				tc.b = tc.a
			}
			text := "contact_centers:\n- id: a\n  " + tc.a + "\n- id: b\n  " + tc.b + "\n"
			_, err := Parse([]byte(text))
			require.Error(t, err)
			require.Equal(t, []string{"5 contact_centers[1]." + tc.path}, faultsOf(t, err))
			require.NotContains(t, err.Error(), token)
			require.NotContains(t, err.Error(), shaA)

			_, err = Parse([]byte(strings.Replace(strings.ReplaceAll(text, "- id: b\n  "+tc.b, "- id: b"), "\n\n", "\n", -1)))
			require.NoError(t, err, "one contact centre alone")
		})
	}
}

// One pass over a bad file is enough to mend it.
func TestParse_ManyFaults_AllReportedInOrder(t *testing.T) {
	_, err := Parse([]byte("listn: x\nroles: [x]\nkafka:\n  brokers: [a]\n  partitions: x\n  bogus: 1\nlog:\n  level: x\n"))
	require.Equal(t, []string{"1 listn", "2 roles[0]", "4 kafka.brokers[0]", "5 kafka.partitions", "6 kafka.bogus", "8 log.level"}, faultsOf(t, err))
}

func TestParse_BrokenYAML_ErrorWithoutTheText(t *testing.T) {
	_, err := Parse([]byte("kafka:\n  sasl: {password: hunter2\n"))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
}

// The example is complete, and what it shows as a default is one.
func TestExample_LoadsEqualsDefaultsAndIsComplete(t *testing.T) {
	data, err := os.ReadFile("../../../config.example.yaml")
	require.NoError(t, err)
	c, err := Parse(data)
	require.NoError(t, err)
	want := Default()
	want.normalize()
	c.normalize()
	require.Equal(t, want, c)

	dir := t.TempDir()
	var lines []string
	for _, l := range strings.Split(string(data), "\n") {
		switch {
		case l == "tokens: []" || l == "contact_centers: []" || l == "    hooks: []" || l == "  identity: []" || l == "  masking: []":
			l = strings.TrimSuffix(l, " []")
		case strings.HasPrefix(l, "#  "):
			l = l[1:]
		}
		lines = append(lines, l)
	}
	text := strings.Join(lines, "\n")
	for i, file := range []string{"convoso_token", "exotel_token", "vonage_secret", "vonage_key", "clarity_key_before", "clarity_key", "pager_secret"} {
		at := filepath.Join(dir, file)
		require.NoError(t, os.WriteFile(at, []byte(fmt.Sprint(i, "-", shaB)), 0o600))
		require.Contains(t, text, "/run/secrets/"+file)
		text = strings.ReplaceAll(text, "/run/secrets/"+file, at)
	}
	text = strings.ReplaceAll(text, "/run/secrets/floorwalker.keytab", keytabFile(t, "HTTP/floorwalker"))
	t.Setenv("FLOORWALKER_DIALER_TOKEN", token)
	text = strings.ReplaceAll(text, " *_", " #*_")
	full, err := Parse([]byte(uncommentedOnly(text)))
	require.NoError(t, err)
	require.Len(t, full.ContactCenters, 1)
	require.Equal(t, 10*time.Hour, full.ContactCenters[0].Surfaces.Clarity.TokenLifetime)
	for _, key := range allKeys(reflect.TypeFor[Config]()) {
		require.Regexp(t, `(?m)(^|[ {-])`+key+`:`, text, "the example lacks %s", key)
	}
}

// uncommentedOnly drops the header, whose indented lines are not configuration.
func uncommentedOnly(text string) string {
	_, after, _ := strings.Cut(text, "# Where the APIs listen")
	return "# Where the APIs listen" + after
}

// normalize makes empty lists and absent ones equal.
func (c *Config) normalize() {
	if len(c.Tokens) == 0 {
		c.Tokens = nil
	}
	if len(c.ContactCenters) == 0 {
		c.ContactCenters = nil
	}
	if len(c.Query.CORS.Origins) == 0 {
		c.Query.CORS.Origins = nil
	}
	if w := &c.Alerts.Webhooks; len(w.Hooks)+len(w.AllowURLs)+len(w.AllowNetworks) == 0 {
		w.Hooks, w.AllowURLs, w.AllowNetworks = nil, nil, nil
	}
	if len(c.Query.Identity)+len(c.Query.Masking) == 0 {
		c.Query.Identity, c.Query.Masking = nil, nil
	}
	if len(c.Query.TrustedProxies) == 0 {
		c.Query.TrustedProxies = nil
	}
}

func allKeys(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		// The alternatives of a secret are shown once each, not everywhere.
		if k := f.Tag.Get("yaml"); !strings.HasSuffix(k, "_sha256") && !strings.HasSuffix(k, "_env") {
			out = append(out, k)
		}
		inner := f.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			out = append(out, allKeys(inner)...)
		}
	}
	return out
}

func TestCheckHash_OtherAlgorithm_Refused(t *testing.T) {
	require.NoError(t, checkHash(hash))
	require.Error(t, checkHash("$2a$10$abcdefghijklmnopqrstuv"))
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"0": 0, "0d": 0, "90d": 2160 * time.Hour, "1d12h": 36 * time.Hour, "30s": 30 * time.Second} {
		got, err := ParseDuration(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got)
	}
	for _, in := range []string{"", "5", "d", "-1d", "1d5", "1h1d", "x"} {
		_, err := ParseDuration(in)
		require.Error(t, err, in)
	}
}

// Profiles show what is in memory: nobody serves them to others by mistake.
func TestDebug_ListensOnThisMachineOnly(t *testing.T) {
	for listen, want := range map[string]string{"127.0.0.1:6060": "", "'[::1]:6060'": "", "localhost:0": "", "127.8.9.1:6060": "",
		":6060": "loopback", "0.0.0.0:6060": "loopback", "10.1.2.3:6060": "loopback", "floor.example.com:6060": "loopback", "6060": "host:port"} {
		_, err := Parse([]byte("debug: {listen: " + listen + "}"))
		if want == "" {
			require.NoError(t, err, listen)
			continue
		}
		require.ErrorContains(t, err, "debug.listen", listen)
		_, err = Parse([]byte("debug: {remote: true, listen: " + listen + "}"))
		require.Equal(t, want == "loopback", err == nil, listen)
	}
}
