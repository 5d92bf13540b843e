package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Validate returns every fault of a configuration that was put together in code, joined.
func (c *Config) Validate() error {
	f := &faults{}
	c.validate(f)
	return f.err()
}

func (c *Config) validate(f *faults) {
	f.address("listen", c.Listen)
	if c.MetricsListen != "" {
		f.address("metrics_listen", c.MetricsListen)
		if c.MetricsListen == c.Listen && !strings.HasSuffix(c.Listen, ":0") {
			f.add("metrics_listen", "%q is also listen; leave it empty to serve metrics there", c.MetricsListen)
		}
	}
	if c.PublicURL != "" {
		f.origin("public_url", c.PublicURL, true)
	}
	f.pair("tls", c.TLS.CertFile, c.TLS.KeyFile)
	f.readable("tls.cert_file", c.TLS.CertFile)
	f.readable("tls.key_file", c.TLS.KeyFile)
	c.TLS.validate(f)
	f.roles(c.Roles)
	if c.DataDir == "" {
		f.add("data_dir", "empty; a directory is needed")
	}
	c.Kafka.validate(f)
	c.ClickHouse.validate(f)
	c.Engine.validate(f)
	c.Query.validate(f)
	c.validateAlerts(f)
	f.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	f.oneOf("log.format", c.Log.Format, "text", "json")
	f.lasting("shutdown.drain_delay", c.Shutdown.DrainDelay, 0, 5*time.Minute)
	c.Debug.validate(f)
	if c.AuditLog != "" {
		f.directoryOf("audit_log", c.AuditLog)
	}
	newCredentials(f).check(c)
}

// validate finds files that do not belong together now and not at the first connection. Files that cannot be read are told already.
func (t *ServerTLS) validate(f *faults) {
	_, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	var file *fs.PathError
	if t.CertFile != "" && t.KeyFile != "" && err != nil && !errors.As(err, &file) {
		f.add("tls.cert_file", "%v; a certificate and its key, in PEM, are needed", err)
	}
}

// validate keeps what profiles show, which is memory, to this machine unless the file says otherwise.
func (d *Debug) validate(f *faults) {
	if d.Listen == "" {
		return
	}
	f.address("debug.listen", d.Listen)
	host, _, _ := net.SplitHostPort(d.Listen) // address has found the fault
	if addr, err := netip.ParseAddr(host); !d.Remote && host != "localhost" && (err != nil || !addr.IsLoopback()) {
		f.add("debug.listen", "%q is not an address of this machine alone, such as 127.0.0.1:6060; with debug.remote: true any is allowed", d.Listen)
	}
}

func (f *faults) roles(roles []string) {
	if len(roles) == 0 {
		f.add("roles", "empty; at least one of %s, %s is needed", RoleWorker, RoleQuery)
	}
	seen := map[string]bool{}
	for i, r := range roles {
		at := fmt.Sprintf("roles[%d]", i)
		f.oneOf(at, r, RoleWorker, RoleQuery)
		if seen[r] {
			f.add(at, "%q is named twice", r)
		}
		seen[r] = true
	}
}

var (
	topicName    = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	databaseName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`)
)

func (k *Kafka) validate(f *faults) {
	f.addresses("kafka.brokers", k.Brokers)
	named := map[string]string{}
	for _, t := range [][2]string{{"events", k.Topics.Events}, {"directory", k.Topics.Directory}, {"commands", k.Topics.Commands},
		{"dead_letters", k.Topics.DeadLetters}, {"alerts", k.Topics.Alerts}} {
		at := "kafka.topics." + t[0]
		if !topicName.MatchString(t[1]) || t[1] == "." || t[1] == ".." {
			f.add(at, "%q is not a topic name: 1 to 249 letters, digits, dots, dashes and underscores", t[1])
			continue
		}
		if other, ok := named[t[1]]; ok {
			f.add(at, "%q is also kafka.topics.%s; each needs a topic of its own", t[1], other)
		}
		named[t[1]] = t[0]
	}
	if k.Group == "" {
		f.add("kafka.group", "empty; a consumer group is needed")
	}
	f.between("kafka.partitions", k.Partitions, 1, 10000)
	if k.Replication != -1 {
		f.between("kafka.replication", k.Replication, 1, 100)
	}
	f.lasting("kafka.retention", k.Retention, 7*24*time.Hour, 0)
	f.oneOf("kafka.partitioner", k.Partitioner, PartitionerMurmur2, PartitionerAny)
	f.lasting("kafka.future_limit", k.FutureLimit, time.Second, time.Hour)
	f.lasting("kafka.write_timeout", k.WriteTimeout, 100*time.Millisecond, 5*time.Minute)
	k.SASL.validate(f)
	k.TLS.validate(f, "kafka.tls")
}

func (s *SASL) validate(f *faults) {
	if s.Mechanism == "" {
		if s.Username != "" || s.PasswordFile != "" || s.PasswordEnv != "" {
			f.add("kafka.sasl.mechanism", "empty beside a user or password; allowed are plain, scram-sha-256, scram-sha-512")
		}
		return
	}
	f.oneOf("kafka.sasl.mechanism", s.Mechanism, "plain", "scram-sha-256", "scram-sha-512")
	if s.Username == "" {
		f.add("kafka.sasl.username", "empty; mechanism %q needs one", s.Mechanism)
	}
	if f.oneRef("kafka.sasl", map[string]string{"password_file": s.PasswordFile, "password_env": s.PasswordEnv}, true) {
		f.secret("kafka.sasl.password", s.PasswordFile, s.PasswordEnv)
	}
}

func (t *ClientTLS) validate(f *faults, path string) {
	if !t.Enabled && (t.CAFile != "" || t.CertFile != "" || t.KeyFile != "" || t.ServerName != "") {
		f.add(path+".enabled", "false beside TLS settings; set it to true or leave them out")
	}
	f.pair(path, t.CertFile, t.KeyFile)
	f.readable(path+".ca_file", t.CAFile)
	f.readable(path+".cert_file", t.CertFile)
	f.readable(path+".key_file", t.KeyFile)
}

func (c *ClickHouse) validate(f *faults) {
	f.addresses("clickhouse.addresses", c.Addresses)
	if !databaseName.MatchString(c.Database) {
		f.add("clickhouse.database", "%q is not a database name: a letter or underscore, then letters, digits and underscores, at most 64", c.Database)
	}
	if c.User == "" {
		f.add("clickhouse.user", "empty; a user is needed")
	}
	if f.oneRef("clickhouse", map[string]string{"password_file": c.PasswordFile, "password_env": c.PasswordEnv}, false) {
		f.secret("clickhouse.password", c.PasswordFile, c.PasswordEnv)
	}
	c.TLS.validate(f, "clickhouse.tls")
	if c.Cluster != "" && !databaseName.MatchString(c.Cluster) {
		f.add("clickhouse.cluster", "%q is not a cluster name: letters, digits and underscores", c.Cluster)
	}
	f.lasting("clickhouse.dial_timeout", c.DialTimeout, time.Millisecond, 10*time.Minute)
	for _, r := range []struct {
		key string
		d   time.Duration
	}{{"raw", c.Retention.Raw}, {"facts", c.Retention.Facts}, {"windows", c.Retention.Windows}} {
		at := "clickhouse.retention." + r.key
		const day = 24 * time.Hour
		if r.d < 0 || r.d%day != 0 || r.d > 36500*day {
			f.add(at, "%s; allowed are 0 (for ever) and whole days up to 36500d", r.d)
		}
	}
}

func (e *Engine) validate(f *faults) {
	f.lasting("engine.horizon", e.Horizon, time.Minute, 24*time.Hour)
	f.lasting("engine.flush_interval", e.FlushInterval, 10*time.Millisecond, time.Minute)
	f.lasting("engine.checkpoint_interval", e.CheckpointInterval, time.Second, time.Hour)
}

func (q *Query) validate(f *faults) {
	l := q.Limits
	f.between("query.limits.body_bytes", l.BodyBytes, 1<<10, 1<<30)
	f.between("query.limits.requests_per_second", l.RequestsPerSecond, 1, 1_000_000)
	f.between("query.limits.burst", l.Burst, 1, 1_000_000)
	f.between("query.limits.streams", l.Streams, 1, 1_000_000)
	f.between("query.limits.streams_per_principal", l.StreamsPerPrincipal, 1, 1_000_000)
	f.between("query.limits.stream_feeds", l.StreamFeeds, 1, 1_000_000)
	f.lasting("query.limits.stream_write_timeout", l.StreamWriteTimeout, 100*time.Millisecond, time.Hour)
	f.lasting("query.limits.history_range", l.HistoryRange, time.Hour, 0)
	f.lasting("query.limits.history_timeout", l.HistoryTimeout, 100*time.Millisecond, time.Hour)
	f.between("query.limits.groups", l.Groups, 1, 10_000_000)
	f.between("query.limits.rows", l.Rows, 1, 100_000_000)
	q.validateIdentity(f)
	q.validateMasking(f)
	q.Sessions.validate(f)
	for i, o := range q.CORS.Origins {
		f.origin(fmt.Sprintf("query.cors.origins[%d]", i), o, false)
	}
	for i, p := range q.TrustedProxies {
		_, err := netip.ParsePrefix(p)
		if _, err2 := netip.ParseAddr(p); err != nil && err2 != nil {
			f.add(fmt.Sprintf("query.trusted_proxies[%d]", i), "%q is neither an address nor a network such as 10.0.0.0/8", p)
		}
	}
}

// addresses wants at least one host:port, none twice.
func (f *faults) addresses(path string, list []string) {
	if len(list) == 0 {
		f.add(path, "empty; at least one host:port is needed")
	}
	seen := map[string]bool{}
	for i, a := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		host, port, err := net.SplitHostPort(a)
		n, err2 := strconv.Atoi(port)
		if err != nil || err2 != nil || host == "" || n < 1 || n > 65535 {
			f.add(at, "%q is not host:port with a port of 1 to 65535", a)
		}
		if seen[a] {
			f.add(at, "%q is named twice", a)
		}
		seen[a] = true
	}
}

// address wants something to listen on; port 0 lets the system choose.
func (f *faults) address(path, a string) {
	_, port, err := net.SplitHostPort(a)
	n, err2 := strconv.Atoi(port)
	if err != nil || err2 != nil || n < 0 || n > 65535 {
		f.add(path, "%q is not host:port or :port with a port of 0 to 65535", a)
	}
}

// origin wants scheme://host[:port], with a path only where that is allowed.
func (f *faults) origin(path, s string, withPath bool) {
	u, err := url.Parse(s)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == "" && u.User == nil &&
		(withPath || u.Path == "") {
		return
	}
	f.add(path, "%q is not http://host or https://host, with a port where it is not the usual one", s)
}

func (f *faults) oneOf(path, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	f.add(path, "%q; allowed are %s", value, strings.Join(allowed, ", "))
}

func (f *faults) between(path string, n, min, max int) {
	if n < min || n > max {
		f.add(path, "%d; allowed are %d to %d", n, min, max)
	}
}

// lasting wants min ≤ d, and d ≤ max where max is not 0.
func (f *faults) lasting(path string, d, min, max time.Duration) {
	switch {
	case d < min && max == 0:
		f.add(path, "%s; allowed are %s and more", d, min)
	case d < min || max != 0 && d > max:
		f.add(path, "%s; allowed are %s to %s", d, min, max)
	}
}

func (f *faults) pair(path, cert, key string) {
	if cert != "" && key == "" {
		f.add(path+".key_file", "empty beside cert_file; both or none are needed")
	}
	if cert == "" && key != "" {
		f.add(path+".cert_file", "empty beside key_file; both or none are needed")
	}
}

func (f *faults) readable(path, file string) {
	if file == "" {
		return
	}
	r, err := os.Open(file)
	if err != nil {
		f.add(path, "%v; a readable file is needed", err)
		return
	}
	r.Close()
}

// directoryOf wants the directory of a file that is to be written.
func (f *faults) directoryOf(path, file string) {
	dir := filepath.Dir(file)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		f.add(path, "%q is in no directory that there is; %q is needed", file, dir)
	}
}

// oneRef wants at most one of several ways to name a secret, exactly one where it is required. It reports whether there is one.
func (f *faults) oneRef(path string, refs map[string]string, required bool) bool {
	var set, all []string
	for _, k := range sortedKeys(refs) {
		all = append(all, k)
		if refs[k] != "" {
			set = append(set, k)
		}
	}
	switch {
	case len(set) > 1:
		f.add(path+"."+set[1], "named beside %s; exactly one of %s is needed", set[0], strings.Join(all, ", "))
	case len(set) == 0 && required:
		f.add(path, "no secret; exactly one of %s is needed", strings.Join(all, ", "))
	}
	return len(set) == 1
}

// secret reads a secret once, so that a missing file is a fault of the configuration and not of the first request.
func (f *faults) secret(path, file, env string) {
	if _, err := secret(file, env); err != nil {
		f.add(path+refSuffix("", file), "%v", err)
		return
	}
	f.private(path+"_file", file)
}

// private refuses secrets that anybody may change; reading by a group is left to whoever mounts them.
func (f *faults) private(path, file string) {
	if file == "" {
		return
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o022 != 0 {
		f.add(path, "%q may be written by others (mode %04o); 0600 is right", file, info.Mode().Perm())
	}
}

func refSuffix(sha, file string) string {
	switch {
	case sha != "":
		return "_sha256"
	case file != "":
		return "_file"
	}
	return "_env"
}

// entityID holds ids to the event contract: 1 to 128 bytes of UTF-8 without control characters.
func (f *faults) entityID(path, id string) {
	if id == "" || len(id) > 128 || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		f.add(path, "%q is not an id: 1 to 128 bytes of UTF-8 without control characters", id)
	}
}
