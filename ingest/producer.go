package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/semaphore"

	"floorwalker/schema"
)

var compressions = map[string]kafka.Compression{"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}

// recordOverhead is at least what a record needs beyond key, value and headers.
const recordOverhead = 32

// Message is one record to write. Its partition is Kafka's default one: murmur2 of the key; without a key, any.
type Message struct {
	Topic   string
	Key     []byte
	Value   []byte // nil is a tombstone
	Headers []schema.Header
	Time    int64 // ms, the record's timestamp; 0 is now
}

func (m *Message) size() int {
	n := recordOverhead + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += 10 + len(h.Key) + len(h.Value)
	}
	return n
}

// Position is where a message was stored. Offset is -1 for one that was not acknowledged.
type Position struct {
	Topic     string
	Partition int
	Offset    int64
}

// Producer writes records, acknowledged by all in-sync replicas, in the order of the calls within a partition. Callers that
// write at the same time share requests: while one request of a partition is under way, what comes is collected for the next.
type Producer struct {
	client   *Client
	codec    kafka.Compression
	inFlight *semaphore.Weighted
	turn     atomic.Uint64 // of messages without a key

	mu      sync.Mutex
	queues  map[topicPartition]*queue
	counts  map[string]partitionCount
	closed  bool
	flushes sync.WaitGroup
}

type topicPartition struct {
	topic string
	id    int
}

type partitionCount struct {
	n     int
	until time.Time
	away  bool // nobody could say when it was last asked for
}

const (
	// countTTL is how long a topic is taken to have as many partitions as it had.
	countTTL = 5 * time.Second
	// awayTimeout is how long one attempt may take where the one before it failed: callers are told at once while Kafka is away,
	// and what does come through in that time says that it is back.
	awayTimeout = time.Second
)

// pending is one message of a Write under way.
type pending struct {
	msg    *Message
	size   int
	offset int64
	err    error
	call   *writeCall
	taken  bool // by a request; under the producer's mu
}

type writeCall struct {
	left int // messages without a result; under the producer's mu
	done chan struct{}
}

type queue struct {
	waiting []*pending
	busy    bool // a goroutine is writing what waits
	away    bool // the last request was not acknowledged in its time; under the producer's mu
}

// Producer makes a producer; it has no goroutine while nothing is being written.
func (c *Client) Producer() *Producer {
	return &Producer{
		client:   c,
		codec:    compressions[c.cfg.Compression],
		inFlight: semaphore.NewWeighted(c.cfg.MaxInFlightBytes),
		queues:   map[topicPartition]*queue{},
		counts:   map[string]partitionCount{},
	}
}

// Close refuses further writes and waits for those under way, at most the client's WriteTimeout for each request.
func (p *Producer) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.flushes.Wait()
}

// Write stores the messages and returns the position of each, in the same order. It returns when the outcome of every message
// is known: what waits for its turn is given up when ctx ends, at the latest after WriteTimeout; what has been sent is waited
// for, at most WriteTimeout more. So the messages' memory is the caller's again afterwards. While a partition's last request was not
// acknowledged, those after it get one attempt of a second at most.
//
// The error is a *WriteError with one entry per message (nil for those stored): ErrUnavailable when Kafka did not acknowledge in
// time (it may have stored the message all the same: there is no idempotence, readers drop duplicates), ErrTooLarge when the
// topic refuses the size, any other Kafka error as it is.
func (p *Producer) Write(ctx context.Context, msgs []Message) ([]Position, error) {
	at := make([]Position, len(msgs))
	for i := range msgs {
		at[i] = Position{Topic: msgs[i].Topic, Partition: -1, Offset: -1}
	}
	if len(msgs) == 0 {
		return at, nil
	}
	all, total := make([]pending, len(msgs)), int64(0)
	for i := range msgs {
		all[i] = pending{msg: &msgs[i], size: msgs[i].size(), offset: -1}
		total += int64(all[i].size)
	}
	total = min(total, p.client.cfg.MaxInFlightBytes)
	limit, cancel := context.WithTimeout(ctx, p.client.cfg.WriteTimeout)
	defer cancel()
	if err := p.inFlight.Acquire(limit, total); err != nil {
		return at, p.failed(len(msgs), fmt.Errorf("%w: %d bytes in flight: %w", ErrUnavailable, p.client.cfg.MaxInFlightBytes, err))
	}
	defer p.inFlight.Release(total)
	if err := p.place(limit, msgs, at); err != nil {
		return at, p.failed(len(msgs), err)
	}
	call := &writeCall{left: len(msgs), done: make(chan struct{})}
	if !p.enqueue(all, at, call) {
		return at, p.failed(len(msgs), fmt.Errorf("%w: the producer is closed", ErrUnavailable))
	}
	select {
	case <-call.done:
	case <-limit.Done():
		p.giveUp(all, limit.Err())
		<-call.done
	}
	return at, p.results(all, at)
}

func (p *Producer) failed(n int, err error) error {
	p.client.counters.writeErrors.Add(n)
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return &WriteError{Errs: errs}
}

func (p *Producer) results(all []pending, at []Position) error {
	var errs []error
	for i := range all {
		at[i].Offset = all[i].offset
		if all[i].err == nil {
			continue
		}
		if errs == nil {
			errs = make([]error, len(all))
		}
		errs[i] = all[i].err
		p.client.counters.writeErrors.Inc()
	}
	if errs == nil {
		return nil
	}
	return &WriteError{Errs: errs}
}

// place chooses each message's partition.
func (p *Producer) place(ctx context.Context, msgs []Message, at []Position) error {
	topic, n := "", 0
	for i := range msgs {
		if msgs[i].Topic != topic {
			var err error
			if n, err = p.count(ctx, msgs[i].Topic); err != nil {
				return err
			}
			topic = msgs[i].Topic
		}
		if msgs[i].Key == nil {
			at[i].Partition = int(p.turn.Add(1) % uint64(n))
			continue
		}
		at[i].Partition = schema.Murmur2Partition(msgs[i].Key, n)
	}
	return nil
}

func (p *Producer) count(ctx context.Context, topic string) (int, error) {
	p.mu.Lock()
	known := p.counts[topic]
	p.mu.Unlock()
	if known.n > 0 && time.Now().Before(known.until) {
		return known.n, nil
	}
	if known.away || known.n > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, awayTimeout)
		defer cancel()
	}
	again := backoff{first: 20 * time.Millisecond, longest: time.Second}
	for {
		n, err := p.client.PartitionCount(ctx, topic)
		if err == nil && n > 0 {
			p.setCount(topic, partitionCount{n: n, until: time.Now().Add(countTTL)})
			return n, nil
		}
		if known.n > 0 { // the write itself finds out
			p.setCount(topic, partitionCount{n: known.n, until: time.Now().Add(countTTL)})
			return known.n, nil
		}
		if err == nil {
			err = kafka.UnknownTopicOrPartition
		}
		if !temporary(err) {
			return 0, fmt.Errorf("partitions of %s: %w", topic, err)
		}
		if known.away || again.pause(ctx) != nil {
			p.setCount(topic, partitionCount{away: true})
			return 0, fmt.Errorf("%w: partitions of %s: %w", ErrUnavailable, topic, err)
		}
	}
}

func (p *Producer) setCount(topic string, to partitionCount) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[topic] = to
}

func (p *Producer) enqueue(all []pending, at []Position, call *writeCall) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	for i := range all {
		all[i].call = call
		key := topicPartition{at[i].Topic, at[i].Partition}
		q := p.queues[key]
		if q == nil {
			q = new(queue)
			p.queues[key] = q
		}
		q.waiting = append(q.waiting, &all[i])
		if !q.busy {
			q.busy = true
			p.flushes.Add(1)
			go p.flush(key, q)
		}
	}
	return true
}

// giveUp ends the wait of those messages that no request has taken yet.
func (p *Producer) giveUp(all []pending, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range all {
		if m := &all[i]; !m.taken {
			m.taken = true
			m.settle(-1, fmt.Errorf("%w: waiting to be written: %w", ErrUnavailable, cause))
		}
	}
}

// settle is called with the producer's mu held.
func (m *pending) settle(offset int64, err error) {
	m.offset, m.err = offset, err
	if m.call.left--; m.call.left == 0 {
		close(m.call.done)
	}
}

// flush writes what waits in a partition's queue, request after request, until nothing does.
func (p *Producer) flush(key topicPartition, q *queue) {
	defer p.flushes.Done()
	for {
		batch, away := p.take(q)
		if batch == nil {
			return
		}
		away = p.write(key, batch, away)
		p.mu.Lock()
		q.away = away
		p.mu.Unlock()
	}
}

// take removes the next request's messages from the queue: as many as fit, at least one. Nil ends the flush.
func (p *Producer) take(q *queue) (batch []*pending, away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bytes, i := 0, 0
	for ; i < len(q.waiting); i++ {
		m := q.waiting[i]
		if m.taken {
			continue
		}
		if len(batch) > 0 && bytes+m.size > p.client.cfg.MaxBatchBytes {
			break
		}
		m.taken = true
		bytes += m.size
		batch = append(batch, m)
	}
	clear(q.waiting[:i])
	if q.waiting = q.waiting[i:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	if batch == nil {
		q.busy = false
	}
	return batch, q.away
}

// write sends one request's messages, again and again while the error may pass, and reports whether Kafka is away afterwards. A request
// that is too large is cut in two: the limit is the topic's, which may be below what the configuration takes it for.
func (p *Producer) write(key topicPartition, batch []*pending, away bool) bool {
	base, err := p.try(key, batch, away)
	if errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge) {
		if half := len(batch) / 2; half > 0 {
			return p.write(key, batch[half:], p.write(key, batch[:half], false))
		}
		err = fmt.Errorf("%w: %d bytes to %s/%d: %w", ErrTooLarge, batch[0].size, key.topic, key.id, err)
	}
	p.settle(batch, base, err)
	return errors.Is(err, ErrUnavailable)
}

func (p *Producer) settle(batch []*pending, base int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, m := range batch {
		if err != nil {
			m.settle(-1, err)
			continue
		}
		m.settle(base+int64(i), nil)
	}
	if err == nil {
		p.client.counters.written.Add(len(batch))
	}
}

// try returns the offset of the batch's first message. Where Kafka is away it is tried once.
func (p *Producer) try(key topicPartition, batch []*pending, away bool) (base int64, err error) {
	patience := p.client.cfg.WriteTimeout
	if away {
		patience = min(patience, awayTimeout)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again := backoff{first: 20 * time.Millisecond, longest: time.Second}
	for {
		base, err = p.produce(ctx, key, batch)
		if err == nil {
			return base, nil
		}
		if !temporary(err) {
			return 0, fmt.Errorf("writing to %s/%d: %w", key.topic, key.id, err)
		}
		if away {
			return 0, fmt.Errorf("%w: writing to %s/%d: %w", ErrUnavailable, key.topic, key.id, err)
		}
		p.client.counters.writeRetries.Inc()
		if again.pause(ctx) != nil {
			return 0, fmt.Errorf("%w: writing to %s/%d for %s: %w", ErrUnavailable, key.topic, key.id, patience, err)
		}
	}
}

func (p *Producer) produce(ctx context.Context, key topicPartition, batch []*pending) (int64, error) {
	now := time.Now()
	records := make([]kafka.Record, len(batch))
	for i, m := range batch {
		at := now
		if m.msg.Time != 0 {
			at = time.UnixMilli(m.msg.Time)
		}
		records[i] = kafka.Record{Key: kafka.NewBytes(m.msg.Key), Value: kafka.NewBytes(m.msg.Value), Time: at}
		for _, h := range m.msg.Headers {
			records[i].Headers = append(records[i].Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
	}
	res, err := p.client.kafka.Produce(ctx, &kafka.ProduceRequest{
		Topic: key.topic, Partition: key.id, RequiredAcks: kafka.RequireAll, Compression: p.codec, Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return 0, err
	}
	return res.BaseOffset, res.Error
}
