// Package clickhouse is how history lies in ClickHouse: the connection, the numbered migrations, and writers that turn rows of
// the schema package into native columns. It reads nothing but what it needs for migrating; queries belong to their callers.
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Config says how to reach ClickHouse over its native protocol.
type Config struct {
	Addresses      []string // host:port; the first that answers is used
	Database       string   // created if missing
	User, Password string
	TLS            *tls.Config   // nil: plain text
	Compression    string        // lz4, zstd, none; default lz4, and none where all addresses are loopback ones
	DialTimeout    time.Duration // default 5 s
	ReadTimeout    time.Duration // of every read of an answer; default 60 s
	MaxOpen        int           // connections; default 8
	MaxIdle        int           // of these kept while unused; default MaxOpen
	Cluster        string        // for creating the database; empty for a single server
}

var compressions = map[string]ch.CompressionMethod{"": ch.CompressionLZ4, "lz4": ch.CompressionLZ4, "zstd": ch.CompressionZSTD, "none": ch.CompressionNone}

// identifier is what this package puts into DDL as a name. ClickHouse allows more, nobody needs it.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// clusterName allows what configurations of clusters are called in practice, none of which can end a quoted string.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// Validate reports all faults of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	if len(c.Addresses) == 0 {
		faults = append(faults, errors.New("addresses: at least one host:port is required"))
	}
	if !identifier.MatchString(c.Database) {
		faults = append(faults, fmt.Errorf("database: %q is not a name of letters, digits and _", c.Database))
	}
	if _, ok := compressions[c.Compression]; !ok {
		faults = append(faults, fmt.Errorf("compression: %q is none of lz4, zstd, none", c.Compression))
	}
	if c.Cluster != "" && !clusterName.MatchString(c.Cluster) {
		faults = append(faults, fmt.Errorf("cluster: %q is not a name of letters, digits and _ . -", c.Cluster))
	}
	return errors.Join(faults...)
}

// Open connects to the database, creating it first where it is missing. The caller closes the connection pool.
func Open(ctx context.Context, cfg Config) (driver.Conn, error) {
	conn, err := Connect(cfg)
	if err != nil {
		return nil, err
	}
	if err := Create(ctx, cfg); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if err := conn.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to clickhouse %v, database %s: %w", cfg.Addresses, cfg.Database, err), conn.Close())
	}
	return conn, nil
}

// Connect makes a connection pool without asking whether anybody is there: who uses it connects, and again after an outage. The
// caller closes it.
func Connect(cfg Config) (driver.Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("clickhouse configuration: %w", err)
	}
	conn, err := ch.Open(cfg.options(cfg.Database))
	if err != nil {
		return nil, fmt.Errorf("open clickhouse %v: %w", cfg.Addresses, err)
	}
	return conn, nil
}

// Create makes the database where it is missing.
func Create(ctx context.Context, cfg Config) error {
	if err := cfg.ensureDatabase(ctx); err != nil {
		return fmt.Errorf("connect to clickhouse %v: %w", cfg.Addresses, err)
	}
	return nil
}

// ensureDatabase asks before it creates, so that a user without the right to create can use a database that is there.
func (c Config) ensureDatabase(ctx context.Context) error {
	conn, err := ch.Open(c.options("default"))
	if err != nil {
		return err
	}
	defer conn.Close()
	var found uint64
	err = conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = {name:String}", ch.Named("name", c.Database)).Scan(&found)
	if err != nil || found > 0 {
		return err
	}
	if err := conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS `"+c.Database+"`"+onCluster(c.Cluster)+" ENGINE = Atomic"); err != nil {
		return fmt.Errorf("create database %s: %w", c.Database, err)
	}
	return nil
}

// compression saves the network what it costs the processor; on this machine there is no network.
func (c Config) compression() ch.CompressionMethod {
	if c.Compression == "" && !slices.ContainsFunc(c.Addresses, func(address string) bool { return !loopback(address) }) {
		return ch.CompressionNone
	}
	return compressions[c.Compression]
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

func (c Config) options(database string) *ch.Options {
	maxOpen := orDefault(c.MaxOpen, 8)
	return &ch.Options{
		Addr:         c.Addresses,
		Auth:         ch.Auth{Database: database, Username: c.User, Password: c.Password},
		TLS:          c.TLS,
		DialContext:  c.dial,
		Compression:  &ch.Compression{Method: c.compression()},
		DialTimeout:  orDefault(c.DialTimeout, 5*time.Second),
		ReadTimeout:  orDefault(c.ReadTimeout, 60*time.Second),
		MaxOpenConns: maxOpen,
		MaxIdleConns: orDefault(c.MaxIdle, maxOpen),
		// What is compressed and sent at once: in the processor's cache, and small enough to be kept for each connection.
		MaxCompressionBuffer: 1 << 20,
		// An answered INSERT must be a stored one, on the shard too; keys and versions make repeated rows harmless, so block
		// deduplication would only cost.
		Settings: ch.Settings{
			"async_insert":                  0,
			"distributed_foreground_insert": 1,
			"insert_deduplicate":            0,
		},
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Altered is a table as ALTER names it: of a cluster, its local tables on all servers.
func Altered(table, cluster string) string {
	return Options{Cluster: cluster}.local(table) + onCluster(cluster)
}

func onCluster(name string) string {
	if name == "" {
		return ""
	}
	return " ON CLUSTER '" + name + "'"
}

// versionShift leaves 48 bits for the offset.
const versionShift = 48

// Version is the version of a row that was written in the epoch at the offset: of two rows of one key the higher one counts.
// Facts and windows carry the next offset to apply, rows of single records their own.
func Version(epoch uint16, offset int64) uint64 { return uint64(epoch)<<versionShift | uint64(offset) }
