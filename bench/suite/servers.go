package suite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/VictoriaMetrics/metrics"
	"github.com/segmentio/kafka-go"

	"floorwalker/ingest"
	"floorwalker/internal/broker"
	"floorwalker/internal/clickhouse"
	"floorwalker/internal/kafkatest"
	sink "floorwalker/schema/clickhouse"
)

const (
	partitions    = 8
	memoryOfStore = 4 << 30
	readyWithin   = 4 * time.Minute
)

var silent = slog.New(slog.DiscardHandler)

// servers are one Kafka and one ClickHouse, used by one step after the other.
type servers struct {
	dir   string
	kafka interface {
		Addr() string
		Close()
	}
	store *clickhouse.Server
	admin driver.Conn
	n     int // names given so far
}

// embeddedKafka is internal/broker as a kafkatest.Node is.
type embeddedKafka struct{ *broker.Broker }

func (e embeddedKafka) Close() { _ = e.Broker.Close() }

func startServers(ctx context.Context, dir string, embedded bool) (*servers, error) {
	s := &servers{dir: dir}
	var err error
	if embedded {
		b, startErr := broker.Start(broker.Config{Dir: filepath.Join(dir, "kafka"), Log: silent})
		s.kafka, err = embeddedKafka{b}, startErr
	} else {
		var node *kafkatest.Node
		node, err = kafkatest.Open(ctx, filepath.Join(dir, "kafka"))
		s.kafka = node
	}
	if err != nil {
		return nil, err
	}
	if s.store, err = clickhouse.Start(ctx, clickhouse.Config{Dir: filepath.Join(dir, "clickhouse"), MemoryLimit: memoryOfStore, Log: silent}); err != nil {
		s.kafka.Close()
		return nil, err
	}
	if s.admin, err = sink.Open(ctx, sink.Config{Addresses: []string{s.store.Addr()}, Database: "default"}); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *servers) close() {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	_ = s.store.Stop(context.Background()) // also after an interrupt
	s.kafka.Close()
}

// name is one that nothing here had before.
func (s *servers) name(of string) string {
	s.n++
	return fmt.Sprintf("%s_%d", of, s.n)
}

// createTopic makes one whose records stay, however old they are, and waits for its partitions.
func (s *servers) createTopic(ctx context.Context, name string, parts int, more ...kafka.ConfigEntry) error {
	transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka.Addr()), Timeout: 10 * time.Second, Transport: transport}
	config := append([]kafka.ConfigEntry{{ConfigName: "retention.ms", ConfigValue: "-1"}, {ConfigName: "max.message.bytes", ConfigValue: "10000000"}}, more...)
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: parts, ReplicationFactor: 1, ConfigEntries: config}}})
	if err == nil {
		err = answer.Errors[name]
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return until(ctx, readyWithin, "topic "+name, func() error {
		ends, err := s.ends(ctx, name, parts)
		if err == nil && len(ends) != parts {
			err = fmt.Errorf("%d of %d partitions answer", len(ends), parts)
		}
		return err
	})
}

// ends are the next offsets of a topic's partitions.
func (s *servers) ends(ctx context.Context, topic string, parts int) (map[int]int64, error) {
	transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka.Addr()), Timeout: 10 * time.Second, Transport: transport}
	var ask []kafka.OffsetRequest
	for p := range parts {
		ask = append(ask, kafka.LastOffsetOf(p))
	}
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
	if err != nil {
		return nil, err
	}
	out := map[int]int64{}
	for _, p := range answer.Topics[topic] {
		if p.Error != nil {
			return nil, p.Error
		}
		out[p.Partition] = p.LastOffset
	}
	return out, nil
}

// deleteTopic frees the disk; what fails is left behind in the directory, which goes as a whole.
func (s *servers) deleteTopic(ctx context.Context, name string) {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(s.kafka.Addr()), Timeout: 10 * time.Second, Transport: transport}
	_, _ = client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{name}})
}

// logBytes is what a topic takes on Apache Kafka's disk; 0 where that is not known.
func (s *servers) logBytes(topic string) int64 {
	var sum int64
	_ = filepath.WalkDir(filepath.Join(s.dir, "kafka", "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".log" {
			return nil
		}
		folder := filepath.Base(filepath.Dir(path))
		if i := strings.LastIndexByte(folder, '-'); i < 0 || folder[:i] != topic {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}

// client reads a topic.
func (s *servers) client(topic string, set *metrics.Set) (*ingest.Client, error) {
	options := ingest.DefaultConfig()
	options.Brokers, options.Topics.Events = []string{s.kafka.Addr()}, topic
	return ingest.NewClient(options, set, silent)
}

// database makes an empty one with Floorwalker's tables.
func (s *servers) database(ctx context.Context, name string) (driver.Conn, error) {
	if err := s.admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	conn, err := sink.Open(ctx, sink.Config{Addresses: []string{s.store.Addr()}, Database: name})
	if err != nil {
		return nil, err
	}
	if _, err := sink.Migrate(ctx, conn, sink.Options{}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (s *servers) drop(ctx context.Context, name string) error {
	return s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" SYNC")
}

// settle waits until ClickHouse has merged what was inserted, so that this work is on the bill of whom it was done for.
func (s *servers) settle(ctx context.Context) error {
	quiet := 0
	return until(ctx, readyWithin, "the end of the merges", func() error {
		var merges uint64
		if err := s.admin.QueryRow(ctx, "SELECT count() FROM system.merges").Scan(&merges); err != nil {
			return err
		}
		if quiet++; merges > 0 {
			quiet = 0
		}
		if quiet < 5 {
			return fmt.Errorf("%d merges", merges)
		}
		return nil
	})
}

// stored is what a database takes on disk, in bytes, by table.
func (s *servers) stored(ctx context.Context, database string) (map[string]float64, error) {
	rows, err := s.admin.Query(ctx, "SELECT table, toFloat64(sum(bytes_on_disk)) FROM system.parts WHERE database = ? AND active GROUP BY table", database)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]float64{}
	for rows.Next() {
		var table string
		var n float64
		if err := rows.Scan(&table, &n); err != nil {
			return nil, err
		}
		out[table] = n
	}
	return out, rows.Err()
}

// until asks every 20 ms until there is no error, and returns the last one if that does not come in time.
func until(ctx context.Context, within time.Duration, what string, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		err := ask()
		if err == nil || errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		case <-pause.C:
		}
	}
}
