package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// A fetch needs version 4 for record batches and transactions, 10 for zstd; from 12 on the format is another one.
const minFetchVersion, maxFetchVersion = 4, 10

// broker is an authenticated connection to one broker, for one goroutine.
type broker struct {
	*protocol.Conn
	clientID     string
	fetchVersion int16
}

func (c *Client) dialBroker(ctx context.Context, address string) (*broker, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	raw, err := c.dialRaw(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("broker %s: %w", address, err)
	}
	deadline, _ := ctx.Deadline()
	_ = raw.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	b, err := c.greet(ctx, raw, address)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("broker %s: %w", address, err)
	}
	_ = raw.SetDeadline(time.Time{})
	return b, nil
}

func (c *Client) dialRaw(ctx context.Context, address string) (net.Conn, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil || c.tls == nil {
		return raw, err
	}
	cfg := c.tls
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(raw, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return secured, nil
}

// greet negotiates versions and authenticates.
func (c *Client) greet(ctx context.Context, raw net.Conn, address string) (*broker, error) {
	b := &broker{Conn: protocol.NewConn(raw, c.cfg.ClientID), clientID: c.cfg.ClientID, fetchVersion: -1}
	msg, err := b.RoundTrip(new(apiversions.Request))
	if err != nil {
		return nil, fmt.Errorf("asking for versions: %w", err)
	}
	res := msg.(*apiversions.Response)
	if res.ErrorCode != 0 {
		return nil, fmt.Errorf("asking for versions: %w", kafka.Error(res.ErrorCode))
	}
	versions := map[protocol.ApiKey]int16{}
	for _, k := range res.ApiKeys {
		key := protocol.ApiKey(k.ApiKey)
		versions[key] = key.SelectVersion(k.MinVersion, k.MaxVersion)
		if key == protocol.Fetch && k.MinVersion <= maxFetchVersion && k.MaxVersion >= minFetchVersion {
			b.fetchVersion = min(k.MaxVersion, maxFetchVersion)
		}
	}
	if b.fetchVersion < 0 {
		return nil, fmt.Errorf("offers no fetch version from %d to %d", minFetchVersion, maxFetchVersion)
	}
	b.SetVersions(versions)
	if c.mechanism == nil {
		return b, nil
	}
	return b, b.authenticate(ctx, c.mechanism, address)
}

func (b *broker) authenticate(ctx context.Context, mechanism sasl.Mechanism, address string) error {
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.Atoi(port)
	ctx = sasl.WithMetadata(ctx, &sasl.Metadata{Host: host, Port: number})

	msg, err := b.RoundTrip(&saslhandshake.Request{Mechanism: mechanism.Name()})
	if err != nil {
		return fmt.Errorf("sasl handshake: %w", err)
	}
	if code := msg.(*saslhandshake.Response).ErrorCode; code != 0 {
		return fmt.Errorf("sasl handshake: %w", kafka.Error(code))
	}
	session, state, err := mechanism.Start(ctx)
	if err != nil {
		return fmt.Errorf("sasl: %w", err)
	}
	for done := false; !done; {
		msg, err := b.RoundTrip(&saslauthenticate.Request{AuthBytes: state})
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			// A broker may tell a failed exchange by hanging up.
			return fmt.Errorf("sasl: %w", kafka.SASLAuthenticationFailed)
		}
		if err != nil {
			return fmt.Errorf("sasl: %w", err)
		}
		res := msg.(*saslauthenticate.Response)
		if res.ErrorCode != 0 {
			return fmt.Errorf("sasl: %w: %s", kafka.Error(res.ErrorCode), res.ErrorMessage)
		}
		if done, state, err = session.Next(ctx, res.AuthBytes); err != nil {
			return fmt.Errorf("sasl: %w", err)
		}
	}
	return nil
}

func (c *Client) dialAny(ctx context.Context) (*broker, error) {
	var faults []error
	for _, address := range c.cfg.Brokers {
		b, err := c.dialBroker(ctx, address)
		if err == nil {
			return b, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(faults...))
}

// metadata asks a broker about one topic, past kafka-go's cache: it is asked for when what the cache says has proved wrong.
func (c *Client) metadata(ctx context.Context, topic string) (*metadata.ResponseTopic, []metadata.ResponseBroker, error) {
	b, err := c.dialAny(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	_ = b.SetDeadline(time.Now().Add(c.cfg.RequestTimeout))
	defer context.AfterFunc(ctx, func() { b.Close() })()
	msg, err := b.RoundTrip(&metadata.Request{TopicNames: []string{topic}})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: metadata of %s: %w", ErrUnavailable, topic, err)
	}
	res := msg.(*metadata.Response)
	for i := range res.Topics {
		t := &res.Topics[i]
		if t.Name != topic {
			continue
		}
		if t.ErrorCode != 0 {
			return nil, nil, fmt.Errorf("metadata of %s: %w", topic, kafka.Error(t.ErrorCode))
		}
		return t, res.Brokers, nil
	}
	return nil, nil, fmt.Errorf("metadata of %s: %w", topic, kafka.UnknownTopicOrPartition)
}

// dialLeader connects to the broker that leads the partition.
func (c *Client) dialLeader(ctx context.Context, topic string, id int) (*broker, error) {
	t, brokers, err := c.metadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	leader, code := int32(-1), int16(kafka.UnknownTopicOrPartition)
	for _, p := range t.Partitions {
		if int(p.PartitionIndex) == id {
			leader, code = p.LeaderID, p.ErrorCode
		}
	}
	for _, b := range brokers {
		if b.NodeID == leader {
			return c.dialBroker(ctx, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
		}
	}
	if code == 0 {
		code = int16(kafka.LeaderNotAvailable)
	}
	return nil, fmt.Errorf("leader of %s/%d: %w", topic, id, kafka.Error(code))
}
