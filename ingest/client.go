package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Client is the way to one Kafka cluster that everything in this package shares. Its methods may be called from any goroutine.
type Client struct {
	cfg       Config
	mechanism sasl.Mechanism
	tls       *tls.Config
	transport *kafka.Transport
	kafka     *kafka.Client
	counters  counters
	log       *slog.Logger
}

type counters struct {
	records, bytes, fetches, reconnects, stalls, skipped *metrics.Counter
	written, writeErrors, writeRetries                   *metrics.Counter
	commits, commitErrors, generations                   *metrics.Counter
	deadLetters, truncated, accepted, rejected           *metrics.Counter
}

func newCounters(set *metrics.Set) counters {
	return counters{
		records:      set.NewCounter("floorwalker_ingest_records_total"),
		bytes:        set.NewCounter("floorwalker_ingest_fetched_bytes_total"),
		fetches:      set.NewCounter("floorwalker_ingest_fetches_total"),
		reconnects:   set.NewCounter("floorwalker_ingest_reconnects_total"),
		stalls:       set.NewCounter("floorwalker_ingest_stalls_total"),
		skipped:      set.NewCounter("floorwalker_ingest_aborted_batches_total"),
		written:      set.NewCounter("floorwalker_ingest_written_records_total"),
		writeErrors:  set.NewCounter("floorwalker_ingest_write_errors_total"),
		writeRetries: set.NewCounter("floorwalker_ingest_write_retries_total"),
		commits:      set.NewCounter("floorwalker_ingest_commits_total"),
		commitErrors: set.NewCounter("floorwalker_ingest_commit_errors_total"),
		generations:  set.NewCounter("floorwalker_ingest_generations_total"),
		deadLetters:  set.NewCounter("floorwalker_ingest_dead_letters_total"),
		truncated:    set.NewCounter("floorwalker_ingest_dead_letters_truncated_total"),
		accepted:     set.NewCounter("floorwalker_ingest_collected_events_total"),
		rejected:     set.NewCounter("floorwalker_ingest_rejected_events_total"),
	}
}

// NewClient validates the configuration and reads its certificate and password files; it connects to nothing. The set gets the
// package's counters: one Client per set.
func NewClient(cfg Config, set *metrics.Set, log *slog.Logger) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	transport := &kafka.Transport{ClientID: cfg.ClientID, DialTimeout: cfg.DialTimeout, MetadataTTL: time.Second, TLS: tlsConfig, SASL: mechanism}
	return &Client{
		cfg:       cfg,
		mechanism: mechanism,
		tls:       tlsConfig,
		transport: transport,
		kafka:     &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: cfg.RequestTimeout, Transport: transport},
		counters:  newCounters(set),
		log:       log,
	}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Config returns what the client was made with.
func (c *Client) Config() Config { return c.cfg }

func (c *Client) dialer() *kafka.Dialer {
	return &kafka.Dialer{ClientID: c.cfg.ClientID, Timeout: c.cfg.DialTimeout, DualStack: true, TLS: c.tls, SASLMechanism: c.mechanism}
}

// Ping returns nil when some broker answers.
func (c *Client) Ping(ctx context.Context) error {
	b, err := c.dialAny(ctx)
	if err != nil {
		return err
	}
	return b.Close()
}

// PartitionCount returns how many partitions a topic has now.
func (c *Client) PartitionCount(ctx context.Context, topic string) (int, error) {
	t, _, err := c.metadata(ctx, topic)
	if err != nil {
		return 0, err
	}
	return len(t.Partitions), nil
}

// Partition is one partition of a topic; nothing is checked or opened.
func (c *Client) Partition(topic string, id int) *Partition {
	return &Partition{client: c, topic: topic, id: id}
}

// Partitions returns all partitions of a topic, in order.
func (c *Client) Partitions(ctx context.Context, topic string) ([]*Partition, error) {
	n, err := c.PartitionCount(ctx, topic)
	if err != nil {
		return nil, err
	}
	all := make([]*Partition, n)
	for i := range all {
		all[i] = c.Partition(topic, i)
	}
	return all, nil
}

// bounds asks the partition's leader for the first offset and for the end of what is committed.
func (c *Client) bounds(ctx context.Context, topic string, id int) (first, next int64, err error) {
	res, err := c.kafka.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		IsolationLevel: kafka.ReadCommitted,
		Topics:         map[string][]kafka.OffsetRequest{topic: {kafka.FirstOffsetOf(id), kafka.LastOffsetOf(id)}},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%w: bounds of %s/%d: %w", ErrUnavailable, topic, id, err)
	}
	for _, p := range res.Topics[topic] {
		if p.Partition != id {
			continue
		}
		if p.Error != nil {
			return 0, 0, fmt.Errorf("bounds of %s/%d: %w", topic, id, p.Error)
		}
		return p.FirstOffset, p.LastOffset, nil
	}
	return 0, 0, fmt.Errorf("bounds of %s/%d: %w", topic, id, kafka.UnknownTopicOrPartition)
}

// pause waits, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// backoff doubles from its first pause to its longest one.
type backoff struct{ first, longest, next time.Duration }

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) pause(ctx context.Context) error {
	b.next = min(max(b.next*2, b.first), b.longest)
	return pause(ctx, b.next)
}

// temporary says whether trying again may help. What a broker does not name is trouble of its own, such as a full disk.
func temporary(err error) bool {
	var code kafka.Error
	return !errors.As(err, &code) || code.Temporary() || code == kafka.Unknown
}
