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

// Config is the whole file. The yaml tag of a field is its key; path and line of a fault are built from these. The comments of the fields
// are what docs/configuration.md says of them: `go test ./cmd/floorwalker/config -update` writes them there.
type Config struct {
	Listen        string    `yaml:"listen"` // host:port of the API; port 0 lets the system choose
	TLS           ServerTLS `yaml:"tls"`
	MetricsListen string    `yaml:"metrics_listen"` // a port of its own for `/metrics`; empty: served on `listen`
	PublicURL     string    `yaml:"public_url"`     // how clients reach this server, where that is not `listen`; so far only the log and the demo show it
	// `worker` folds its share of the partitions and writes the history; `query` keeps the live view and serves the API. `serve --roles=`
	// overrules it
	Roles          []string        `yaml:"roles"`
	DataDir        string          `yaml:"data_dir"` // local state of a node: the live view's own checkpoints, in `live/`. One process at a time
	Kafka          Kafka           `yaml:"kafka"`
	ClickHouse     ClickHouse      `yaml:"clickhouse"`
	Engine         Engine          `yaml:"engine"`
	Query          Query           `yaml:"query"`
	Alerts         Alerts          `yaml:"alerts"`
	Log            Log             `yaml:"log"`
	Shutdown       Shutdown        `yaml:"shutdown"`
	Debug          Debug           `yaml:"debug"`
	AuditLog       string          `yaml:"audit_log"`       // a file for what people and programs did; empty: none
	Tokens         []Token         `yaml:"tokens"`          // bearer tokens that are valid for every contact centre:
	ContactCenters []ContactCenter `yaml:"contact_centers"` // who may see which contact centre. The directory's others are there all the same:
}

// ServerTLS makes Listen and MetricsListen speak HTTPS.
type ServerTLS struct {
	CertFile string `yaml:"cert_file"` // HTTPS on `listen` and `metrics_listen`: the certificate, those of its authorities after it; both files or none
	KeyFile  string `yaml:"key_file"`  // its key
}

// Kafka tells where the brokers are and what the topics are called.
type Kafka struct {
	Brokers []string `yaml:"brokers"` // host:port of one or more brokers
	Topics  Topics   `yaml:"topics"`
	Group   string   `yaml:"group"` // consumer group of the workers
	// of topics that Floorwalker creates, 1 to 10000. It bounds the number of workers and is not to be changed later
	Partitions   int           `yaml:"partitions"`
	Replication  int           `yaml:"replication"`   // likewise; -1: the broker's default
	Retention    time.Duration `yaml:"retention"`     // of `cc.events`, likewise; 7d or more
	CreateTopics bool          `yaml:"create_topics"` // false: somebody else makes them; `check` says which settings they must have
	// `murmur2`: a record in another partition is a dead letter; `any`: producers use another one, all the same
	Partitioner string        `yaml:"partitioner"`
	FutureLimit time.Duration `yaml:"future_limit"` // how far an event may lie after its record's timestamp, 1s to 1h
	// how long Kafka may take to acknowledge what is written, attempts made again included, 100ms to 5m; `POST .../events` answers 503
	// then, and at once while Kafka is known to be away
	WriteTimeout time.Duration `yaml:"write_timeout"`
	SASL         SASL          `yaml:"sasl"`
	TLS          ClientTLS     `yaml:"tls"`
}

// Topics are the names of the four topics of the event contract, and of the one that the alerts are kept in.
type Topics struct {
	Events      string `yaml:"events"`       // agent and interaction events
	Directory   string `yaml:"directory"`    // who and what there is
	Commands    string `yaml:"commands"`     // requests to the telephony platform, such as a presence that was asked for
	DeadLetters string `yaml:"dead_letters"` // what could not be read
	// alerts: Floorwalker's own, compacted; created with at most 4 partitions, which are not to be changed later
	Alerts string `yaml:"alerts"`
}

// SASL authenticates to Kafka; without a mechanism nothing is sent.
type SASL struct {
	Mechanism    string `yaml:"mechanism"`     // `plain`, `scram-sha-256`, `scram-sha-512`; empty: no authentication
	Username     string `yaml:"username"`      // who signs in
	PasswordFile string `yaml:"password_file"` // the password; or `password_env`
	PasswordEnv  string `yaml:"password_env"`  // the password; or `password_file`
}

// ClientTLS is how Floorwalker connects to Kafka or ClickHouse. Certificates are always verified.
type ClientTLS struct {
	Enabled    bool   `yaml:"enabled"`     // TLS; certificates are always verified
	CAFile     string `yaml:"ca_file"`     // the authorities that are believed; empty: the system's
	CertFile   string `yaml:"cert_file"`   // a client certificate
	KeyFile    string `yaml:"key_file"`    // its key
	ServerName string `yaml:"server_name"` // what the server's certificate must name, where that is not the host of its address
}

// ClickHouse tells where the history is, over the native protocol.
type ClickHouse struct {
	Addresses    []string  `yaml:"addresses"`     // host:port of the native protocol (9440 with TLS, usually)
	Database     string    `yaml:"database"`      // made where it is missing
	User         string    `yaml:"user"`          // who signs in
	PasswordFile string    `yaml:"password_file"` // the password; or `password_env`, or neither
	PasswordEnv  string    `yaml:"password_env"`  // the password; or `password_file`, or neither
	TLS          ClientTLS `yaml:"tls"`
	// name of a cluster in the server's `remote_servers`: tables are made `ON CLUSTER`, with Replicated engines and Distributed tables
	// before them
	Cluster     string        `yaml:"cluster"`
	Retention   Retention     `yaml:"retention"`
	DialTimeout time.Duration `yaml:"dial_timeout"` // for a connection, 1ms to 10m
}

// Retention is how long each kind of row is kept, in whole days; 0 = for ever.
type Retention struct {
	Raw     time.Duration `yaml:"raw"`     // raw events, dead letters, and one checkpoint a day; 0: for ever
	Facts   time.Duration `yaml:"facts"`   // intervals, queue visits, parts, interactions, annotations, alerts; 0: for ever
	Windows time.Duration `yaml:"windows"` // counts and durations by minute and by quarter of an hour; 0: for ever
}

// Days are the whole days of a retention.
func Days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// Engine is how events are folded and written.
type Engine struct {
	// how late an event may come and still be put in its place, 1m to 24h; longer needs more memory. All processes of one installation
	// must agree
	Horizon       time.Duration `yaml:"horizon"`
	FlushInterval time.Duration `yaml:"flush_interval"` // how often rows are written: how far history lies behind; 10ms to 1m
	// the least time between checkpoints, 1s to 1h; they may come less often, so as to cost at most 5 % of the time
	CheckpointInterval time.Duration `yaml:"checkpoint_interval"`
}

// Query is what bounds and protects the APIs.
type Query struct {
	Limits         Limits     `yaml:"limits"`
	Sessions       Sessions   `yaml:"sessions"`
	CORS           CORS       `yaml:"cors"`
	TrustedProxies []string   `yaml:"trusted_proxies"` // addresses and networks of your proxies, whose `X-Forwarded-For` is believed
	Identity       []Identity `yaml:"identity"`        // identity providers whose signed tokens the native API takes:
	Masking        []Masking  `yaml:"masking"`         // roles that customers are hidden from, on the native API and on the vendors' surfaces:
}

// Limits per process, or per principal where said.
type Limits struct {
	BodyBytes           int `yaml:"body_bytes"`            // the largest request
	RequestsPerSecond   int `yaml:"requests_per_second"`   // requests a second of each principal
	Burst               int `yaml:"burst"`                 // requests that a principal may send at once after a pause
	Streams             int `yaml:"streams"`               // open streams of this process; one more is refused with 503 `too_many_streams`
	StreamsPerPrincipal int `yaml:"streams_per_principal"` // likewise of one principal, 429
	// different subscriptions (topic, filters, fields) of one contact centre that are watched at a time; equal ones count once
	StreamFeeds        int           `yaml:"stream_feeds"`
	StreamWriteTimeout time.Duration `yaml:"stream_write_timeout"` // how long a client of a stream may take nothing in before it is cut off
	HistoryRange       time.Duration `yaml:"history_range"`        // the longest `from` to `to` of one query; longer is refused with `range_too_long`
	HistoryTimeout     time.Duration `yaml:"history_timeout"`      // how long one query may keep ClickHouse; after that the answer is 503 `history_timeout`
	// the most groups (different values of `group_by`) of one metrics query; more is refused with `too_many_groups`
	Groups int `yaml:"groups"`
	Rows   int `yaml:"rows"` // the most rows (groups times intervals) of one metrics query; more is refused with `too_many_rows`
}

// CORS lists the origins whose pages may call the APIs from a browser.
type CORS struct {
	// origins whose pages may call the APIs, exactly as browsers send them (`https://dashboard.example.com`)
	Origins []string `yaml:"origins"`
}

// Log is written to standard error, one line per fact.
type Log struct {
	Level  string `yaml:"level"`  // `debug`, `info`, `warn`, `error`
	Format string `yaml:"format"` // `text` or `json`, on standard error
}

// Shutdown is how the end goes that was asked for with SIGINT or SIGTERM.
type Shutdown struct {
	// how long a process with the role `query` answers on after SIGTERM, while `/readyz` says 503 so that proxies send requests elsewhere;
	// longer than they take to see it, 0s to 5m
	DrainDelay time.Duration `yaml:"drain_delay"`
}

// Debug is for looking into a running process.
type Debug struct {
	Listen string `yaml:"listen"` // host:port for profiles of the Go runtime, without TLS and credentials; empty: none
	Remote bool   `yaml:"remote"` // true: `debug.listen` may be another address than this machine's own (loopback)
}

// ContactCenter is one tenant: who may see it, and the credentials of the vendor surfaces that lead to it.
type ContactCenter struct {
	ID       string   `yaml:"id"`     // the contact centre's id, as in events
	Users    []User   `yaml:"users"`  // who signs in with HTTP Basic, and to the wallboard:
	Tokens   []Token  `yaml:"tokens"` // bearer tokens of this contact centre alone:
	Surfaces Surfaces `yaml:"surfaces"`
	// alert rules beside those of the directory; one of the directory with the same id goes first. The fields are those of the kind
	// `alert_rule`:
	AlertRules []AlertRule `yaml:"alert_rules"`
}

// User signs in with HTTP Basic.
type User struct {
	Name         string `yaml:"name"`          // what is signed in with
	PasswordHash string `yaml:"password_hash"` // Argon2id, as `floorwalker hash-password` prints it
	Role         string `yaml:"role"`          // `reader`, `supervisor`, `producer`, `admin`
}

// Token is a bearer token; exactly one of the three says which.
type Token struct {
	Name        string `yaml:"name"`         // for the log; Exotel's is the `api_key`
	Role        string `yaml:"role"`         // `reader`, `supervisor`, `producer`, `admin`; Exotel's: `reader` may GET, `supervisor` also PUT
	TokenSHA256 string `yaml:"token_sha256"` // its SHA-256 in hexadecimal; or one of:
	TokenFile   string `yaml:"token_file"`   // a file that holds it
	TokenEnv    string `yaml:"token_env"`    // an environment variable that holds it
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
	Users []Login `yaml:"users"` // HTTP Basic:
}

// Login is a name and the hash of its password.
type Login struct {
	Name         string `yaml:"name"`          // what is signed in with; Clarity's: the agent's login in the directory
	PasswordHash string `yaml:"password_hash"` // Argon2id
}

// Convoso clients send auth_token.
type Convoso struct {
	AuthTokens []SurfaceToken `yaml:"auth_tokens"` // `auth_token` of the requests:
}

// SurfaceToken is a token of a vendor surface; exactly one of the three says which.
type SurfaceToken struct {
	Name        string `yaml:"name"`         // for the log
	TokenSHA256 string `yaml:"token_sha256"` // its SHA-256 in hexadecimal; or one of:
	TokenFile   string `yaml:"token_file"`   // a file that holds it
	TokenEnv    string `yaml:"token_env"`    // an environment variable that holds it
}

// Exotel clients send a bearer token, or Basic with a token's name (their api_key) and the token (their api_token); AccountSID is
// what their URL names. A reader may read, a supervisor may also set a presence.
type Exotel struct {
	AccountSID        string  `yaml:"account_sid"`         // what the URL names; empty: what the directory says, else the id
	Tokens            []Token `yaml:"tokens"`              // Bearer, or Basic with the name as `api_key` and the token as `api_token`:
	RequestsPerMinute int     `yaml:"requests_per_minute"` // of all tokens together; unless said 300
}

// Vonage clients trade an id and a secret for a bearer token.
type Vonage struct {
	Clients []VonageClient `yaml:"clients"` // OAuth clients:
	// what tokens are signed with, 32 bytes or more; none: a new key at each start, so that several query nodes need one
	SigningKeyFile string        `yaml:"signing_key_file"`
	SigningKeyEnv  string        `yaml:"signing_key_env"` // or an environment variable that holds it
	TokenLifetime  time.Duration `yaml:"token_lifetime"`  // unless said 1h
}

// VonageClient is one OAuth client; exactly one of the three says which secret.
type VonageClient struct {
	ClientID     string `yaml:"client_id"`     // `client_id` of the request
	SecretSHA256 string `yaml:"secret_sha256"` // the secret's SHA-256 in hexadecimal; or one of:
	SecretFile   string `yaml:"secret_file"`   // a file that holds it
	SecretEnv    string `yaml:"secret_env"`    // an environment variable that holds it
}

// Clarity clients trade an agent's login for a signed token (JWT).
type Clarity struct {
	ClientIDs []string `yaml:"client_ids"` // `client_id` of clients that may sign in
	Users     []Login  `yaml:"users"`      // who signs in with a password:
	// what tokens are signed with, 32 bytes or more; none: a new key at each start, so that several query nodes need one
	SigningKeyFile string `yaml:"signing_key_file"`
	SigningKeyEnv  string `yaml:"signing_key_env"` // or an environment variable that holds it
	// the key before: what it signed is believed until it expires, so that changing the key signs nobody out
	PreviousSigningKeyFile string        `yaml:"previous_signing_key_file"`
	PreviousSigningKeyEnv  string        `yaml:"previous_signing_key_env"` // or an environment variable that holds it
	TokenLifetime          time.Duration `yaml:"token_lifetime"`           // unless said 10h
	Kerberos               Kerberos      `yaml:"kerberos"`                 // beside the users
}

// Kerberos lets a domain's users sign in with their tickets (SPNEGO); without a keytab nobody does.
type Kerberos struct {
	// integrated Windows authentication: the keys of this server in the domain; none: nobody signs in with a ticket
	KeytabFile string  `yaml:"keytab_file"`
	Principal  string  `yaml:"principal"` // whose key in the keytab opens tickets; empty: that of the service which the ticket names
	Realms     []Realm `yaml:"realms"`    // domains whose users are this contact centre's alone:
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
			WriteTimeout: 5 * time.Second,
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
		Alerts:   Alerts{Group: "floorwalker-alerts", Webhooks: Webhooks{Timeout: 10 * time.Second, GiveUpAfter: time.Hour}},
		Log:      Log{Level: "info", Format: "text"},
		Shutdown: Shutdown{DrainDelay: 5 * time.Second},
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
