// Package broker is a Kafka-protocol broker inside the process, for `floorwalker demo` and for tests: franz-go's kfake with
// a data directory. One node, loopback only, no authentication.
//
// Topics, records and committed offsets are written through to the operating system before they are acknowledged, so they
// survive the end of the process, kill -9 included. A power cut may take the last seconds, unless Config.Sync is set.
//
// It is not Kafka. What Floorwalker would notice:
//   - Topic settings it does not know are accepted at creation and then not enforced, message.timestamp.after.max.ms and
//     message.timestamp.before.max.ms among them: records from the future come in, whatever the topic says.
//   - Retention runs only for topics (or brokers) that set retention.ms or retention.bytes, once an hour.
//   - A partition that retention has emptied starts again at offset 0 after a restart, as a topic created anew does.
//   - One node, so the replication factor is 1 and RequireAll means one disk.
package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	defaultAddr       = "127.0.0.1:0"
	defaultPartitions = 8
	lockName          = "lock"
	dataName          = "kafka"
)

// Config says where the broker listens and keeps its data. Only Dir is required.
type Config struct {
	// Dir holds the data; one live broker per Dir.
	Dir string
	// Addr is the loopback host:port to listen on; empty means 127.0.0.1 and a port that the kernel chooses.
	Addr string
	// Partitions of a topic that is created without a number; 0 means 8.
	Partitions int
	// MinSessionTimeout is the shortest session that a group member may ask for; 0 means one second.
	MinSessionTimeout time.Duration
	// Sync forces every record batch and every commit to the disk before it is acknowledged: slow, and safe from power cuts.
	Sync bool
	// Log receives the broker's warnings; nil means slog.Default().
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("broker: Dir is empty; a data directory is required")
	}
	if c.Addr == "" {
		c.Addr = defaultAddr
	}
	addr, err := net.ResolveTCPAddr("tcp", c.Addr)
	if err != nil {
		return c, fmt.Errorf("broker: Addr %q: %w", c.Addr, err)
	}
	if !addr.IP.IsLoopback() {
		return c, fmt.Errorf("broker: Addr %q is not a loopback address; the embedded broker has no authentication and serves this machine only", c.Addr)
	}
	if c.Partitions < 0 {
		return c, fmt.Errorf("broker: Partitions %d is negative; 1 or more are allowed, 0 means %d", c.Partitions, defaultPartitions)
	}
	if c.Partitions == 0 {
		c.Partitions = defaultPartitions
	}
	if c.MinSessionTimeout <= 0 {
		c.MinSessionTimeout = time.Second
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c, nil
}

// Broker is a running broker.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	lock    *os.File
	close   sync.Once
}

// Start loads what Dir holds and serves it. The caller owns the broker and must Close it.
func Start(cfg Config) (*Broker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("broker: data directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	cluster, err := kfake.NewCluster(options(cfg)...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("broker: start on %s with %s: %w", cfg.Addr, cfg.Dir, err), lock.Close())
	}
	b := &Broker{cluster: cluster, addr: cluster.ListenAddrs()[0], lock: lock}
	cfg.Log.Info("broker started", "address", b.addr, "dir", cfg.Dir)
	return b, nil
}

func options(cfg Config) []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.DataDir(filepath.Join(cfg.Dir, dataName)),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, cfg.Addr) }),
		kfake.DefaultNumPartitions(cfg.Partitions),
		kfake.GroupMinSessionTimeout(cfg.MinSessionTimeout),
		kfake.BrokerConfigs(map[string]string{
			"default.replication.factor":   "1",
			"group.min.session.timeout.ms": strconv.FormatInt(cfg.MinSessionTimeout.Milliseconds(), 10),
		}),
		kfake.WithLogger(logger{cfg.Log}),
	}
	if cfg.Sync {
		opts = append(opts, kfake.SyncWrites())
	}
	return opts
}

// Addr is the host:port to bootstrap from, and the one that the broker advertises.
func (b *Broker) Addr() string { return b.addr }

// Close stops serving and writes a snapshot that makes the next start fast. Close twice is fine.
func (b *Broker) Close() error {
	var err error
	b.close.Do(func() {
		b.cluster.Close()
		err = b.lock.Close()
	})
	return err
}

// logger hands kfake's warnings on; its lower levels are a line per request.
type logger struct{ log *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("broker", "message", fmt.Sprintf(format, args...))
	case kfake.LogLevelWarn:
		l.log.Warn("broker", "message", fmt.Sprintf(format, args...))
	}
}
