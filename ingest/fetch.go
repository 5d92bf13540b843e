package ingest

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// maxResponse is far above any fetch, but below what the first bytes of something that is not Kafka look like.
const maxResponse = 1 << 30

// fetched is the answer to a fetch of one partition; set points into the session's buffer.
type fetched struct {
	code    kafka.Error
	end     int64 // the end of what is committed
	aborted []abortedTxn
	set     []byte
}

type abortedTxn struct{ producer, first int64 }

func (f *fetched) parse(b []byte, version int16) error {
	c := cursor{b: b}
	c.int32() // throttle time: the broker itself mutes the connection for it
	var top int16
	if version >= 7 {
		top = c.int16()
		c.int32() // session
	}
	if topics := c.int32(); topics == 0 && top != 0 {
		f.code = kafka.Error(top)
		return nil
	}
	c.skip(int(c.int16())) // topic
	c.int32()              // partitions
	c.int32()              // partition
	code := c.int16()
	high, stable := c.int64(), c.int64()
	if version >= 5 {
		c.int64() // log start
	}
	f.aborted = f.aborted[:0]
	for range c.int32() {
		f.aborted = append(f.aborted, abortedTxn{c.int64(), c.int64()})
		if c.bad {
			break
		}
	}
	size := int(c.int32())
	f.set = nil
	if size > 0 && !c.bad {
		if size > len(c.b) {
			c.bad = true
		} else {
			f.set = c.b[:size]
		}
	}
	if c.bad {
		return fmt.Errorf("fetch response of %d bytes: %w", len(b), errShort)
	}
	f.end = stable
	if stable < 0 {
		f.end = high
	}
	f.code = kafka.Error(code)
	if top != 0 {
		f.code = kafka.Error(top)
	}
	slices.SortFunc(f.aborted, func(x, y abortedTxn) int { return int(min(max(x.first-y.first, -1), 1)) })
	return nil
}

// oversized tells a buffer that is not worth keeping: once a reader has caught up, or a huge record is past, it needs little, and
// there is a reader for each partition.
func oversized(capacity, used int) bool { return capacity > 1<<20 && used < capacity/16 }

// requestFetch asks for what lies at offset; the answer is read by readFetch.
func (b *broker) requestFetch(p *Partition, correlation int32, offset int64, limit int) error {
	cfg := &p.client.cfg
	_ = b.SetWriteDeadline(time.Now().Add(cfg.RequestTimeout))
	least, wait := 1, cfg.FetchWait
	if p.gather > 0 {
		least, wait = min(p.gather, limit), min(p.gatherWait, cfg.FetchWait)
	}
	return protocol.WriteRequest(b, b.fetchVersion, correlation, b.clientID, &fetch.Request{
		ReplicaID:      -1,
		MaxWaitTime:    int32(wait / time.Millisecond),
		MinBytes:       int32(least),
		MaxBytes:       int32(limit),
		IsolationLevel: int8(kafka.ReadCommitted),
		SessionEpoch:   -1, // no fetch session
		Topics: []fetch.RequestTopic{{Topic: p.topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(p.id), CurrentLeaderEpoch: -1, FetchOffset: offset, LogStartOffset: -1, PartitionMaxBytes: int32(limit),
		}}}},
	})
}

// readFetch reads the answer to the fetch of this correlation id into buf, which it may replace.
func (b *broker) readFetch(p *Partition, correlation int32, buf []byte, f *fetched) ([]byte, error) {
	cfg := &p.client.cfg
	_ = b.SetReadDeadline(time.Now().Add(cfg.FetchWait + cfg.RequestTimeout))
	var head [8]byte
	if _, err := io.ReadFull(b, head[:]); err != nil {
		return buf, fmt.Errorf("fetch: %w", err)
	}
	size := int64(int32(binary.BigEndian.Uint32(head[:]))) - 4
	if size < 0 || size > maxResponse {
		return buf, fmt.Errorf("fetch: answer of %d bytes: 0 to %d are possible", size, maxResponse)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		return buf, fmt.Errorf("fetch: answer to request %d where %d was sent", got, correlation)
	}
	if int64(cap(buf)) < size || oversized(cap(buf), int(size)) {
		buf = make([]byte, max(int(size)+int(size)/4, 64<<10))
	}
	buf = buf[:size]
	for read := 0; read < len(buf); {
		// The deadline is for silence, not for the whole answer: a slow link may need long for many bytes.
		_ = b.SetReadDeadline(time.Now().Add(cfg.RequestTimeout))
		n, err := io.ReadFull(b, buf[read:min(read+1<<20, len(buf))])
		if read += n; err != nil {
			return buf, fmt.Errorf("fetch: %w", err)
		}
	}
	return buf, f.parse(buf, b.fetchVersion)
}
