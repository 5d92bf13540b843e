// Package config is Floorwalker's configuration: one YAML file, strict, with a default for everything. Every fault of a file
// is reported at once, each with its line, its path, the value and what is allowed. Secrets stay out of the file: it names the
// file or the environment variable that holds them, or carries what cannot be turned back (SHA-256 of a token, Argon2id hash
// of a password).
package config

import "time"

// Roles that a process can take.
const (
	RoleWorker = "worker" // folds its partitions and writes the history
	RoleQuery  = "query"  // keeps the live view and serves the APIs
)

// Partitioners of the events topic (event contract, section Envelope).
const (
	PartitionerMurmur2 = "murmur2"
	PartitionerAny     = "any"
)

// Config is the whole file. The yaml tag of a field is its key; path and line of a fault are built from these.
type Config struct {
	Listen         string          `yaml:"listen"`
	TLS            ServerTLS       `yaml:"tls"`
	MetricsListen  string          `yaml:"metrics_listen"` // empty: /metrics is served on Listen
	PublicURL      string          `yaml:"public_url"`     // empty: made of the request
	Roles          []string        `yaml:"roles"`
	DataDir        string          `yaml:"data_dir"`
	Kafka          Kafka           `yaml:"kafka"`
	ClickHouse     ClickHouse      `yaml:"clickhouse"`
	Engine         Engine          `yaml:"engine"`
	Query          Query           `yaml:"query"`
	Alerts         Alerts          `yaml:"alerts"`
	Log            Log             `yaml:"log"`
	AuditLog       string          `yaml:"audit_log"` // a file; empty: none is kept
	Tokens         []Token         `yaml:"tokens"`    // valid for every contact centre
	ContactCenters []ContactCenter `yaml:"contact_centers"`
}

// ServerTLS makes Listen speak HTTPS; both files or none.
type ServerTLS struct {
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// Kafka tells where the brokers are and what the topics are called.
type Kafka struct {
	Brokers      []string      `yaml:"brokers"`
	Topics       Topics        `yaml:"topics"`
	Group        string        `yaml:"group"`
	Partitions   int           `yaml:"partitions"`  // of topics that Floorwalker creates
	Replication  int           `yaml:"replication"` // likewise; -1 = the broker's default
	Retention    time.Duration `yaml:"retention"`   // of the events topic, likewise
	CreateTopics bool          `yaml:"create_topics"`
	Partitioner  string        `yaml:"partitioner"`
	FutureLimit  time.Duration `yaml:"future_limit"` // how far an event may lie after its record's timestamp
	SASL         SASL          `yaml:"sasl"`
	TLS          ClientTLS     `yaml:"tls"`
}

// Topics are the names of the four topics of the event contract, and of the one that the alerts are kept in.
type Topics struct {
	Events      string `yaml:"events"`
	Directory   string `yaml:"directory"`
	Commands    string `yaml:"commands"`
	DeadLetters string `yaml:"dead_letters"`
	Alerts      string `yaml:"alerts"`
}

// SASL authenticates to Kafka; without a mechanism nothing is sent.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // plain, scram-sha-256, scram-sha-512
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
}

// ClientTLS is how Floorwalker connects to Kafka or ClickHouse. Certificates are always verified.
type ClientTLS struct {
	Enabled    bool   `yaml:"enabled"`
	CAFile     string `yaml:"ca_file"` // empty: the system's
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"`
}

// ClickHouse tells where the history is, over the native protocol.
type ClickHouse struct {
	Addresses    []string      `yaml:"addresses"`
	Database     string        `yaml:"database"`
	User         string        `yaml:"user"`
	PasswordFile string        `yaml:"password_file"`
	PasswordEnv  string        `yaml:"password_env"`
	TLS          ClientTLS     `yaml:"tls"`
	Cluster      string        `yaml:"cluster"`
	Retention    Retention     `yaml:"retention"`
	DialTimeout  time.Duration `yaml:"dial_timeout"`
}

// Retention is how long each kind of row is kept, in whole days; 0 = for ever.
type Retention struct {
	Raw     time.Duration `yaml:"raw"`     // events, dead letters, and the daily checkpoints with them
	Facts   time.Duration `yaml:"facts"`   // intervals, visits, parts, interactions, annotations, alerts
	Windows time.Duration `yaml:"windows"` // of 1 and of 15 minutes
}

// Days are the whole days of a retention.
func Days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// Engine is how events are folded and written.
type Engine struct {
	Horizon            time.Duration `yaml:"horizon"`
	FlushInterval      time.Duration `yaml:"flush_interval"`
	CheckpointInterval time.Duration `yaml:"checkpoint_interval"`
}

// Query is what bounds and protects the APIs.
type Query struct {
	Limits         Limits     `yaml:"limits"`
	Sessions       Sessions   `yaml:"sessions"`
	CORS           CORS       `yaml:"cors"`
	TrustedProxies []string   `yaml:"trusted_proxies"` // addresses or networks whose X-Forwarded-For is believed
	Identity       []Identity `yaml:"identity"`
	Masking        []Masking  `yaml:"masking"`
}

// Limits per process, or per principal where said.
type Limits struct {
	BodyBytes           int           `yaml:"body_bytes"`
	RequestsPerSecond   int           `yaml:"requests_per_second"` // per principal
	Burst               int           `yaml:"burst"`               // likewise
	Streams             int           `yaml:"streams"`
	StreamsPerPrincipal int           `yaml:"streams_per_principal"`
	StreamFeeds         int           `yaml:"stream_feeds"` // of one contact centre
	StreamWriteTimeout  time.Duration `yaml:"stream_write_timeout"`
	HistoryRange        time.Duration `yaml:"history_range"` // the longest range of one query
	HistoryTimeout      time.Duration `yaml:"history_timeout"`
	Groups              int           `yaml:"groups"` // of one metrics query
	Rows                int           `yaml:"rows"`   // likewise: groups times intervals
}

// CORS lists the origins whose pages may call the APIs from a browser.
type CORS struct {
	Origins []string `yaml:"origins"`
}

// Log is written to standard error, one line per fact.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text, json
}

// ContactCenter is one tenant: who may see it, and the credentials of the vendor surfaces that lead to it.
type ContactCenter struct {
	ID       string   `yaml:"id"`
	Users    []User   `yaml:"users"`
	Tokens   []Token  `yaml:"tokens"`
	Surfaces Surfaces `yaml:"surfaces"`
	// AlertRules are watched beside those of the directory, which go first where the ids are the same.
	AlertRules []AlertRule `yaml:"alert_rules"`
}

// User signs in with HTTP Basic.
type User struct {
	Name         string `yaml:"name"`
	PasswordHash string `yaml:"password_hash"` // Argon2id, as `floorwalker hash-password` prints it
	Role         string `yaml:"role"`          // reader, supervisor, producer, admin
}

// Token is a bearer token; exactly one of the three says which.
type Token struct {
	Name        string `yaml:"name"`
	Role        string `yaml:"role"`
	TokenSHA256 string `yaml:"token_sha256"` // hex
	TokenFile   string `yaml:"token_file"`
	TokenEnv    string `yaml:"token_env"`
}

// Surfaces are the vendors' APIs; one without credentials answers nobody. A credential leads to exactly one contact centre.
type Surfaces struct {
	Ameyo   Ameyo   `yaml:"ameyo"`
	Convoso Convoso `yaml:"convoso"`
	Exotel  Exotel  `yaml:"exotel"`
	Vonage  Vonage  `yaml:"vonage"`
	Clarity Clarity `yaml:"clarity"`
}

// Ameyo clients sign in with HTTP Basic.
type Ameyo struct {
	Users []Login `yaml:"users"`
}

// Login is a name and the hash of its password.
type Login struct {
	Name         string `yaml:"name"`
	PasswordHash string `yaml:"password_hash"`
}

// Convoso clients send auth_token.
type Convoso struct {
	AuthTokens []SurfaceToken `yaml:"auth_tokens"`
}

// SurfaceToken is a token of a vendor surface; exactly one of the three says which.
type SurfaceToken struct {
	Name        string `yaml:"name"`
	TokenSHA256 string `yaml:"token_sha256"`
	TokenFile   string `yaml:"token_file"`
	TokenEnv    string `yaml:"token_env"`
}

// Exotel clients send a bearer token, or Basic with a token's name (their api_key) and the token (their api_token); AccountSID is
// what their URL names. A reader may read, a supervisor may also set a presence.
type Exotel struct {
	AccountSID        string  `yaml:"account_sid"` // empty: the directory's exotel_account_sid, else the contact centre's id
	Tokens            []Token `yaml:"tokens"`
	RequestsPerMinute int     `yaml:"requests_per_minute"` // of all tokens together; 0 = 300
}

// Vonage clients trade an id and a secret for a bearer token.
type Vonage struct {
	Clients        []VonageClient `yaml:"clients"`
	SigningKeyFile string         `yaml:"signing_key_file"` // 32 bytes or more; without one, a key is made at each start
	SigningKeyEnv  string         `yaml:"signing_key_env"`
	TokenLifetime  time.Duration  `yaml:"token_lifetime"` // 0 = one hour
}

// VonageClient is one OAuth client; exactly one of the three says which secret.
type VonageClient struct {
	ClientID     string `yaml:"client_id"`
	SecretSHA256 string `yaml:"secret_sha256"`
	SecretFile   string `yaml:"secret_file"`
	SecretEnv    string `yaml:"secret_env"`
}

// Clarity clients trade an agent's login for a signed token (JWT).
type Clarity struct {
	ClientIDs      []string `yaml:"client_ids"`
	Users          []Login  `yaml:"users"`            // name = the agent's login in the directory
	SigningKeyFile string   `yaml:"signing_key_file"` // 32 bytes or more; without one, a key is made at each start
	SigningKeyEnv  string   `yaml:"signing_key_env"`
	// The key before: what it signed is still believed, so that changing the key signs nobody out.
	PreviousSigningKeyFile string        `yaml:"previous_signing_key_file"`
	PreviousSigningKeyEnv  string        `yaml:"previous_signing_key_env"`
	TokenLifetime          time.Duration `yaml:"token_lifetime"` // 0 = ten hours
	Kerberos               Kerberos      `yaml:"kerberos"`       // beside the users
}

// Kerberos lets a domain's users sign in with their tickets (SPNEGO); without a keytab nobody does.
type Kerberos struct {
	KeytabFile string  `yaml:"keytab_file"`
	Principal  string  `yaml:"principal"` // whose key in the keytab opens tickets; empty: the one that the ticket names
	Realms     []Realm `yaml:"realms"`
}

// Realm is a domain; its users are those of one contact centre.
type Realm struct {
	Name   string `yaml:"name"`   // such as CORP.EXAMPLE.COM
	Domain string `yaml:"domain"` // before the backslash of Windows names; empty: the name's first label
}

// Default returns what holds where the file says nothing.
func Default() Config {
	const day = 24 * time.Hour
	return Config{
		Listen:  "127.0.0.1:8080",
		Roles:   []string{RoleWorker, RoleQuery},
		DataDir: "./data",
		Kafka: Kafka{
			Brokers:      []string{"127.0.0.1:9092"},
			Topics:       Topics{Events: "cc.events", Directory: "cc.directory", Commands: "cc.commands", DeadLetters: "cc.dead-letters", Alerts: "cc.alerts"},
			Group:        "floorwalker",
			Partitions:   12,
			Replication:  -1,
			Retention:    14 * day,
			CreateTopics: true,
			Partitioner:  PartitionerMurmur2,
			FutureLimit:  5 * time.Minute,
		},
		ClickHouse: ClickHouse{
			Addresses:   []string{"127.0.0.1:9000"},
			Database:    "floorwalker",
			User:        "default",
			DialTimeout: 10 * time.Second,
			Retention:   Retention{Raw: 90 * day, Facts: 400 * day, Windows: 800 * day},
		},
		Engine: Engine{Horizon: time.Hour, FlushInterval: time.Second, CheckpointInterval: 30 * time.Second},
		Query: Query{Limits: Limits{BodyBytes: 4 << 20, RequestsPerSecond: 200, Burst: 400, Streams: 2000,
			StreamsPerPrincipal: 100, StreamFeeds: 2000, StreamWriteTimeout: 30 * time.Second, HistoryRange: 400 * day, HistoryTimeout: 30 * time.Second, Groups: 20_000, Rows: 1_000_000},
			Sessions: Sessions{Idle: 30 * time.Minute, Lifetime: 12 * time.Hour}},
		Alerts: Alerts{Group: "floorwalker-alerts", Webhooks: Webhooks{Timeout: 10 * time.Second, GiveUpAfter: time.Hour}},
		Log:    Log{Level: "info", Format: "text"},
	}
}

// Has reports whether the process takes a role.
func (c *Config) Has(role string) bool {
	for _, r := range c.Roles {
		if r == role {
			return true
		}
	}
	return false
}
