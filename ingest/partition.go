package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"floorwalker/schema"
)

const (
	maxHandedRecords = 4096
	maxHandedBytes   = 1 << 20 // of decompressed records, so that they are still in the processor's cache when they are read
	corruptAttempts  = 3
)

var errStalled = errors.New("no progress although there is more to read")

// Partition is one partition of a topic. It may be read by several readers at once.
type Partition struct {
	client *Client
	topic  string
	id     int

	gather     int // see GroupConfig
	gatherWait time.Duration
}

// ID is the partition's number.
func (p *Partition) ID() int { return p.id }

// Topic is the name of the partition's topic.
func (p *Partition) Topic() string { return p.topic }

// Bounds returns the first offset that is still kept and the end of what is committed, which is the next offset to be written
// unless a transaction is open. While the broker cannot be reached it tries again for RequestTimeout.
func (p *Partition) Bounds(ctx context.Context) (first, next int64, err error) {
	limit, cancel := context.WithTimeout(ctx, p.client.cfg.RequestTimeout)
	defer cancel()
	again := backoff{first: 20 * time.Millisecond, longest: time.Second}
	for {
		if first, next, err = p.client.bounds(limit, p.topic, p.id); err == nil || !temporary(err) {
			return first, next, err
		}
		if again.pause(limit) != nil {
			return 0, 0, err
		}
	}
}

// Read calls handle with the records from the offset on, in order, until ctx ends (then it returns ctx's error) or handle fails
// (then it returns that error). next is the partition's end as the broker last told it. An empty batch says that everything
// before next has been handed over; it comes at the latest FetchWait after that is so, and again every FetchWait while nothing
// new comes. The batch and what its records point to are used again once handle has returned.
//
// Offsets may have gaps: compacted records, transaction markers and the records of aborted transactions are stepped over. A
// broker that cannot be reached or has lost the partition is tried again for ever, with pauses of up to 2 s. Read gives up only
// with *OffsetOutOfRangeError, when the partition does not have the offset, and with *CorruptError, when a batch stays
// unreadable.
func (p *Partition) Read(ctx context.Context, from int64, handle func(batch []schema.Record, next int64) error) error {
	r := &reader{Partition: p, at: from, limit: p.client.cfg.FetchBytes, handle: handle, dec: decoder{topic: p.topic, partition: p.id}}
	again := backoff{first: 50 * time.Millisecond, longest: 2 * time.Second}
	for {
		before := r.at
		err := r.session(ctx)
		if r.handleErr != nil {
			return r.handleErr
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err = r.judge(ctx, err); err != nil {
			return err
		}
		p.client.counters.reconnects.Inc()
		if r.at > before {
			again.reset()
		}
		if err := again.pause(ctx); err != nil {
			return err
		}
	}
}

// reader is one call of Read.
type reader struct {
	*Partition
	at        int64 // everything before it has been handed over or does not exist
	limit     int   // bytes of a fetch
	handle    func([]schema.Record, int64) error
	handleErr error
	dec       decoder
	buf       []byte
	got       fetched
	dropping  map[int64]bool // producers whose transaction, as far as it has been read, was aborted
	corrupt   int            // failures at the same place in a row

	progress time.Time // when the last fetch brought something, or the partition's end was asked for
	known    int64     // the end when it was last asked for
}

// judge tells what ends Read from what is tried again.
func (r *reader) judge(ctx context.Context, err error) error {
	var damage *CorruptError
	if errors.As(err, &damage) {
		if r.corrupt++; r.corrupt >= corruptAttempts {
			return err
		}
	} else {
		r.corrupt = 0
	}
	if errors.Is(err, errStalled) {
		r.client.counters.stalls.Inc()
	}
	if errors.Is(err, kafka.OffsetOutOfRange) {
		first, next, berr := r.Bounds(ctx)
		// Retention may have moved between the two answers, and a follower that has just become leader may not know its end yet.
		if berr == nil && (r.at < first || r.at > next) {
			return &OffsetOutOfRangeError{Topic: r.topic, Partition: r.id, Offset: r.at, First: first, Next: next}
		}
	}
	r.client.log.Warn("reading again after an error", "topic", r.topic, "partition", r.id, "offset", r.at, "error", err)
	return nil
}

// session reads over one connection until something fails.
func (r *reader) session(ctx context.Context) error {
	conn, err := r.client.dialLeader(ctx, r.topic, r.id)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A fetch waits at the broker; only closing the connection ends that wait.
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	clear(r.dropping)
	r.progress = time.Now()
	correlation := int32(1)
	sent := time.Now()
	if err := conn.requestFetch(r.Partition, correlation, r.at, r.limit); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	for {
		if r.buf, err = conn.readFetch(r.Partition, correlation, r.buf, &r.got); err != nil {
			return err
		}
		r.client.counters.fetches.Inc()
		if r.got.code != 0 {
			return fmt.Errorf("fetch at offset %d: %w", r.at, r.got.code)
		}
		next, err := r.survey()
		if err != nil {
			return err
		}
		if next == r.at {
			if err := r.idle(ctx, time.Since(sent)); err != nil {
				return err
			}
		}
		// The broker looks for what comes next while this batch is worked on.
		correlation++
		sent = time.Now()
		if err := conn.requestFetch(r.Partition, correlation, next, r.limit); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		if err := r.deliver(ctx, next); err != nil {
			return err
		}
	}
}

// survey returns the offset after the last whole batch that was fetched, and makes the next fetch large enough for a batch that
// did not fit.
func (r *reader) survey() (next int64, err error) {
	next = r.at
	set := r.got.set
	for whole := false; ; whole = true {
		b, rest, ok, err := nextBatch(set)
		if err != nil && whole {
			return next, nil // first what lies before it; then it is the first batch of a fetch
		}
		if err != nil {
			return 0, &CorruptError{Topic: r.topic, Partition: r.id, First: max(b.first, r.at), Last: max(b.last, r.at), Err: err}
		}
		if ok {
			next, set = max(next, b.last+1), rest
			continue
		}
		if !whole && len(set) > 0 {
			r.limit = min(r.limit*2, maxResponse/2)
		} else if whole {
			r.limit = r.client.cfg.FetchBytes
		}
		return next, nil
	}
}

// idle is called when a fetch brought nothing.
func (r *reader) idle(ctx context.Context, waited time.Duration) error {
	// A broker that does not hold fetches must not be asked in a tight loop.
	if short := 20 * time.Millisecond; waited < short {
		if err := pause(ctx, short-waited); err != nil {
			return err
		}
	}
	if time.Since(r.progress) < r.client.cfg.StallTimeout {
		return nil
	}
	if end := max(r.got.end, r.known); end > r.at {
		return fmt.Errorf("offset %d of %d: %w", r.at, end, errStalled)
	}
	// This broker says that there is nothing. One that no longer leads the partition says so too. What another one knows must
	// come within the next StallTimeout.
	r.progress = time.Now()
	limit, cancel := context.WithTimeout(ctx, r.client.cfg.RequestTimeout)
	defer cancel()
	if _, next, err := r.client.bounds(limit, r.topic, r.id); err == nil {
		r.known = next
	}
	return nil
}

// deliver hands over what was fetched and moves to next.
func (r *reader) deliver(ctx context.Context, next int64) error {
	from, handed := r.at, false
	set, aborted := r.got.set, r.got.aborted
	r.dec.reset()
	for {
		b, rest, ok, err := nextBatch(set)
		if err != nil || !ok {
			break // survey has judged it
		}
		set = rest
		if b.last < r.at {
			continue
		}
		for len(aborted) > 0 && aborted[0].first <= b.last {
			r.drop(aborted[0].producer)
			aborted = aborted[1:]
		}
		if err := r.batch(ctx, &b, &handed); err != nil {
			return err
		}
	}
	if err := r.hand(ctx, &handed); err != nil {
		return err
	}
	tail := next > r.at // what was read last holds no records
	r.at = next
	if next > from {
		r.progress = time.Now()
	}
	r.client.counters.bytes.Add(len(r.got.set))
	if next >= r.got.end && (tail || !handed) {
		return r.call(ctx, nil)
	}
	return nil
}

func (r *reader) drop(producer int64) {
	if r.dropping == nil {
		r.dropping = map[int64]bool{}
	}
	r.dropping[producer] = true
}

func (r *reader) batch(ctx context.Context, b *batchView, handed *bool) error {
	damaged := func(err error) error {
		// What lies before the damage is good.
		if herr := r.hand(ctx, handed); herr != nil {
			return herr
		}
		return &CorruptError{Topic: r.topic, Partition: r.id, First: max(b.first, r.at), Last: max(b.last, r.at), Err: err}
	}
	if err := b.check(); err != nil {
		return damaged(err)
	}
	if b.control() {
		if b.aborts() {
			delete(r.dropping, b.producer)
		}
		return nil
	}
	if b.transactional() && r.dropping[b.producer] {
		r.client.counters.skipped.Inc()
		return nil
	}
	if len(r.dec.records) == 0 {
		r.dec.reset()
	}
	body, err := r.dec.open(b)
	if err != nil {
		return damaged(err)
	}
	c := cursor{b: body}
	for range b.count {
		if err := r.dec.record(b, &c, r.at); err != nil {
			return damaged(fmt.Errorf("record of %d: %w", b.count, err))
		}
		if len(r.dec.records) >= maxHandedRecords {
			if err := r.hand(ctx, handed); err != nil {
				return err
			}
		}
	}
	if len(r.dec.inflated) >= maxHandedBytes {
		return r.hand(ctx, handed)
	}
	return nil
}

// hand calls handle with the records decoded so far. Their bytes stay until the next reset, so that the rest of a batch can
// still be read.
func (r *reader) hand(ctx context.Context, handed *bool) error {
	n := len(r.dec.records)
	if n == 0 {
		return nil
	}
	if err := r.call(ctx, r.dec.records); err != nil {
		return err
	}
	*handed = true
	r.corrupt = 0
	r.at = r.dec.records[n-1].Offset + 1
	r.client.counters.records.Add(n)
	r.dec.records, r.dec.headers = r.dec.records[:0], r.dec.headers[:0]
	return nil
}

func (r *reader) call(ctx context.Context, batch []schema.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.handle(batch, r.got.end); err != nil {
		r.handleErr = err
		return err
	}
	return nil
}
