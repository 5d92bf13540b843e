package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"floorwalker/cmd/floorwalker/config"
	"floorwalker/ingest/simulate"
	"floorwalker/internal/broker"
	"floorwalker/internal/clickhouse"
	"floorwalker/query/auth"
)

const (
	demoFileName        = "demo.json"
	credentialsFileName = "credentials.json"
	sessionKeyFileName  = "session.key"
)

// demoFile tells scripts, and the other commands, where a running demo is.
type demoFile struct {
	URL           string            `json:"url"`
	Tokens        map[string]string `json:"tokens"` // by role
	Users         map[string]string `json:"users"`  // passwords of those who sign in to the wallboard; each user is called like the role
	ContactCenter string            `json:"contact_center"`
	Surfaces      demoSurfaces      `json:"surfaces"` // vendors' credentials
	Kafka         string            `json:"kafka"`
	ClickHouse    string            `json:"clickhouse"`
}

type demoOptions struct {
	data, listen string
	noSimulator  bool
	simulate     simulateOptions
}

func newDemo() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on this machine: broker, ClickHouse, simulator and APIs",
		Long: "Starts a broker and a ClickHouse of its own in a data directory, a simulated contact centre, and then the same server as serve.\n" +
			"Nothing needs to be installed or configured. URLs and credentials are printed and stand in DATA/" + demoFileName + "; the credentials stay the\n" +
			"same from start to start, and so do the data.",
		Example: "  floorwalker demo\n  floorwalker demo --data /tmp/floor --listen 127.0.0.1:0 --agents 500",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.data, "data", "./data", "directory for everything that is kept")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "host:port of the APIs; port 0: one that is free")
	f.BoolVar(&o.noSimulator, "no-simulator", false, "no invented contact centre; replay or POST events instead")
	o.simulate.flags(f)
	return cmd
}

func (o *demoOptions) run(ctx context.Context, out io.Writer) (err error) {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	lock, err := lockDir(o.data)
	if err != nil {
		return err
	}
	defer lock.Close()
	// A file of an earlier run would send scripts to where nobody listens.
	if err := os.Remove(filepath.Join(o.data, demoFileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("data directory: %w", err)
	}
	log := newLogger("info", "text")
	collectSeldom(log)
	spreadThreads()
	secrets, err := loadCredentials(o.data)
	if err != nil {
		return err
	}
	b, err := broker.Start(broker.Config{Dir: filepath.Join(o.data, "broker"), Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	db, err := o.startClickHouse(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Stop(context.Background())) }()
	return o.serve(ctx, out, log, secrets, b.Addr(), db)
}

func (o *demoOptions) startClickHouse(ctx context.Context, log *slog.Logger) (*clickhouse.Server, error) {
	db, err := clickhouse.Start(ctx, clickhouse.Config{Dir: filepath.Join(o.data, "clickhouse"), Log: log})
	if clickhouse.IsMissing(err) {
		return nil, fmt.Errorf("%w; `floorwalker fetch-clickhouse` fetches one", err)
	}
	return db, err
}

func (o *demoOptions) serve(ctx context.Context, out io.Writer, log *slog.Logger, secrets *credentials, kafka string, db *clickhouse.Server) (err error) {
	cfg, err := o.config(secrets, kafka, db.Addr())
	if err != nil {
		return err
	}
	// First, so that it ends last: who still writes at the end needs it.
	parts := newComponents(log)
	parts.start("clickhouse", keepClickHouse(db, log))
	s, err := startServer(ctx, cfg, log, parts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.stop()) }()
	if !o.noSimulator {
		if err := o.startSimulator(s); err != nil {
			return err
		}
	}
	file := secrets.demoFile(s.url, o.simulate.contactCenter, kafka, db.Addr())
	if err := writeJSON(filepath.Join(o.data, demoFileName), file); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(o.data, demoFileName))
	introduce(out, o.data, file)
	return s.components.wait(ctx)
}

// startSimulator comes last and is stopped first: what it ends then is still folded.
func (o *demoOptions) startSimulator(s *server) error {
	cfg, err := o.simulate.config(filepath.Join(o.data, "simulator.json"))
	if err != nil {
		return err
	}
	kafka, err := kafkaConfig(s.cfg.Kafka)
	if err != nil {
		return err
	}
	w, err := newEventWriter(kafka, s.log)
	if err != nil {
		return err
	}
	r, err := simulate.NewRunner(cfg, w, s.log)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	s.components.start("simulator", func(ctx context.Context) error { return errors.Join(r.Run(ctx), w.Close()) })
	return nil
}

// demoAuditLog lies beside demoFileName.
const demoAuditLog = "audit.jsonl"

// config is what somebody would write into a file for this.
func (o *demoOptions) config(c *credentials, kafka, clickHouse string) (config.Config, error) {
	cfg := config.Default()
	cfg.Listen, cfg.DataDir, cfg.AuditLog = o.listen, filepath.Join(o.data, "node"), filepath.Join(o.data, demoAuditLog)
	cfg.Kafka.Brokers, cfg.Kafka.Partitions, cfg.Kafka.Replication = []string{kafka}, 4, 1
	cfg.ClickHouse.Addresses = []string{clickHouse}
	// Nothing expires: retention goes by event time, and what is replayed into a demo may be decades old.
	cfg.ClickHouse.Retention = config.Retention{}
	for _, role := range config.NativeRoles() {
		cfg.Tokens = append(cfg.Tokens, config.Token{Name: role, Role: role, TokenSHA256: config.TokenSum(c.Tokens[role])})
	}
	vendors, err := c.Surfaces.config()
	if err != nil {
		return cfg, err
	}
	vendors.Exotel.AccountSID = o.simulate.contactCenter
	if cfg.Query.Sessions.KeyFile, err = sessionKey(o.data); err != nil {
		return cfg, err
	}
	cfg.ContactCenters = []config.ContactCenter{{ID: o.simulate.contactCenter, Users: c.users(), Surfaces: vendors}}
	return cfg, cfg.Validate()
}

// credentials of a demo; made once and kept.
type credentials struct {
	Tokens   map[string]string `json:"tokens"` // by role
	Users    map[string]string `json:"users"`  // passwords by role
	Hashes   map[string]string `json:"hashes"` // of these passwords, by the password: whose hash is another one, is signed out
	Surfaces demoSurfaces      `json:"surfaces"`
}

func loadCredentials(dir string) (*credentials, error) {
	name := filepath.Join(dir, credentialsFileName)
	c := &credentials{}
	data, err := os.ReadFile(name)
	switch {
	case err == nil:
		if err := json.Unmarshal(data, c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if err := c.complete(); err != nil {
		return nil, err
	}
	return c, writeJSON(name, c)
}

// complete makes what an earlier release did not know.
func (c *credentials) complete() error {
	if c.Tokens == nil {
		c.Tokens = map[string]string{}
	}
	for _, role := range config.NativeRoles() {
		if c.Tokens[role] == "" {
			c.Tokens[role] = config.NewToken()
		}
	}
	if c.Users == nil {
		c.Users = map[string]string{}
	}
	for _, role := range demoUsers() {
		if c.Users[role] == "" {
			c.Users[role] = config.NewToken()[:demoPassword]
		}
	}
	hashes := map[string]string{}
	for _, password := range c.Users {
		hash := c.Hashes[password]
		if hash == "" {
			var err error
			if hash, err = auth.HashPassword(password); err != nil {
				return err
			}
		}
		hashes[password] = hash
	}
	c.Hashes = hashes
	c.Surfaces.complete()
	return nil
}

// demoPassword is short enough to be typed at a wall, and has more than 90 bits.
const demoPassword = 16

// demoUsers sign in to the wallboard; each is called like the role.
func demoUsers() []string { return []string{"supervisor", "reader", "admin"} }

// users are those of the configuration.
func (c *credentials) users() (out []config.User) {
	for _, role := range demoUsers() {
		out = append(out, config.User{Name: role, Role: role, PasswordHash: c.Hashes[c.Users[role]]})
	}
	return out
}

// sessionKey is a file with what sessions are sealed with: who is signed in stays so when the demo is started again.
func sessionKey(dir string) (string, error) {
	name := filepath.Join(dir, sessionKeyFileName)
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		return name, err
	}
	return name, os.WriteFile(name, []byte(config.NewToken()), 0o600)
}

func (c *credentials) demoFile(url, contactCenter, kafka, clickHouse string) demoFile {
	vendors := c.Surfaces
	vendors.Exotel.AccountSID = contactCenter
	return demoFile{URL: url, Tokens: c.Tokens, Users: c.Users, ContactCenter: contactCenter, Surfaces: vendors, Kafka: kafka, ClickHouse: clickHouse}
}

// writeJSON replaces a file that only its owner may read; nobody sees half of it.
func writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

func introduce(out io.Writer, dir string, d demoFile) {
	fmt.Fprintf(out, `
Floorwalker's demo is running. Stop it with Ctrl-C.

  Wallboard   %s/
              sign in as supervisor  %s
              or as      reader      %s
              or as      admin       %s

  API         %s
  contact centre %q
  Kafka       %s
  ClickHouse  %s (native protocol)
  details     %s

Tokens of the API
  supervisor  %s
  admin       %s
  producer    %s
  reader      %s

Who is on a call?
  curl -H 'Authorization: Bearer %s' '%s/api/v1/contact-centers/%s/agents?status=on_call&limit=5'

`, d.URL, d.Users["supervisor"], d.Users["reader"], d.Users["admin"], d.URL, d.ContactCenter, d.Kafka, d.ClickHouse, filepath.Join(dir, demoFileName), d.Tokens["supervisor"], d.Tokens["admin"],
		d.Tokens["producer"], d.Tokens["reader"], d.Tokens["reader"], d.URL, d.ContactCenter)
}
