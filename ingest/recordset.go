package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"

	"floorwalker/schema"
)

// Layout of a record batch, version 2 (Kafka protocol, "Record Batch").
const (
	batchPrefix   = 12 // base offset and length, which the length does not count
	batchHeader   = 61
	crcFrom       = 21
	attrCodec     = 0x07
	attrLogTime   = 0x08
	attrTxn       = 0x10
	attrControl   = 0x20
	controlAbort  = 0
	maxBatchInMem = 1 << 29 // of one decompressed batch
	maxInterned   = 256
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errShort   = errors.New("ends in the middle of a field")
	errFormat  = errors.New("has a message format older than version 2")
	errCRC     = errors.New("its checksum does not match")
	errTooMany = errors.New("decompresses to more than is allowed")
)

// batchView is a record batch as it lies in the fetched bytes.
type batchView struct {
	raw         []byte // header and records
	first, last int64
	attributes  int16
	producer    int64
	count       int
}

// nextBatch returns the first batch of set and what follows it; ok is false when set holds no whole batch any more (a broker may
// cut the last one).
func nextBatch(set []byte) (b batchView, rest []byte, ok bool, err error) {
	if len(set) < batchPrefix+5 {
		return b, nil, false, nil
	}
	size := int(int32(binary.BigEndian.Uint32(set[8:]))) + batchPrefix
	b.first = int64(binary.BigEndian.Uint64(set))
	b.last = b.first
	if magic := set[16]; magic != 2 {
		return b, nil, false, fmt.Errorf("%w: %d", errFormat, magic)
	}
	if size < batchHeader {
		return b, nil, false, fmt.Errorf("length %d: %w", size, errShort)
	}
	if len(set) < size {
		return b, nil, false, nil
	}
	b.raw = set[:size]
	b.attributes = int16(binary.BigEndian.Uint16(b.raw[21:]))
	b.last = b.first + int64(int32(binary.BigEndian.Uint32(b.raw[23:])))
	b.producer = int64(binary.BigEndian.Uint64(b.raw[43:]))
	b.count = int(int32(binary.BigEndian.Uint32(b.raw[57:])))
	return b, set[size:], true, nil
}

func (b *batchView) control() bool       { return b.attributes&attrControl != 0 }
func (b *batchView) transactional() bool { return b.attributes&attrTxn != 0 }

func (b *batchView) check() error {
	if b.last < b.first || b.count < 0 {
		return fmt.Errorf("offsets %d to %d, %d records: %w", b.first, b.last, b.count, errShort)
	}
	if crc32.Checksum(b.raw[crcFrom:], castagnoli) != binary.BigEndian.Uint32(b.raw[17:]) {
		return errCRC
	}
	return nil
}

// aborts reports whether a control batch is the marker that ends a transaction without its records.
func (b *batchView) aborts() bool {
	d := cursor{b: b.raw[batchHeader:]}
	d.varint()
	d.skip(1)
	d.varint()
	d.varint()
	key := d.bytes()
	return !d.bad && len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == controlAbort
}

// decoder turns record batches into records, all of whose memory is used again after reset.
type decoder struct {
	topic     string
	partition int
	records   []schema.Record
	headers   []schema.Header
	inflated  []byte // decompressed batches that records point into
	names     map[string]string
	source    bytes.Reader
}

func (d *decoder) reset() {
	if oversized(cap(d.inflated), len(d.inflated)) {
		d.inflated = nil
	}
	d.records, d.headers, d.inflated = d.records[:0], d.headers[:0], d.inflated[:0]
}

// open returns the batch's records as bytes, decompressed.
func (d *decoder) open(b *batchView) ([]byte, error) {
	body := b.raw[batchHeader:]
	code := compress.Compression(b.attributes & attrCodec)
	if code == compress.None {
		return body, nil
	}
	codec := code.Codec()
	if codec == nil {
		return nil, fmt.Errorf("unknown compression %d", code)
	}
	d.source.Reset(body)
	r := codec.NewReader(&d.source)
	defer r.Close()
	from := len(d.inflated)
	d.inflated = slices.Grow(d.inflated, 4*len(body)+512)
	for {
		n, err := r.Read(d.inflated[len(d.inflated):cap(d.inflated)])
		d.inflated = d.inflated[:len(d.inflated)+n]
		if err == io.EOF {
			return d.inflated[from:], nil
		}
		if err != nil {
			return nil, fmt.Errorf("decompressing %s: %w", codec.Name(), err)
		}
		if len(d.inflated)-from > maxBatchInMem {
			return nil, fmt.Errorf("%w: %d bytes", errTooMany, maxBatchInMem)
		}
		if len(d.inflated) == cap(d.inflated) {
			d.inflated = slices.Grow(d.inflated, max(len(d.inflated), 4096))
		}
	}
}

// record appends the next record at c when its offset is from or later.
func (d *decoder) record(b *batchView, c *cursor, from int64) error {
	size := c.varint()
	if c.bad || size < 0 || size > int64(len(c.b)) {
		return errShort
	}
	body := cursor{b: c.b[:size]}
	c.skip(int(size))
	body.skip(1)
	delta := body.varint()
	offset := b.first + body.varint()
	if offset < from && !body.bad {
		return nil
	}
	rec := schema.Record{Topic: d.topic, Partition: d.partition, Offset: offset}
	if b.attributes&attrLogTime != 0 {
		rec.Timestamp = int64(binary.BigEndian.Uint64(b.raw[35:]))
	} else {
		rec.Timestamp = int64(binary.BigEndian.Uint64(b.raw[27:])) + delta
	}
	rec.Key = body.bytes()
	rec.Value = body.bytes()
	rec.Headers = d.readHeaders(&body)
	if body.bad || offset > b.last {
		return errShort
	}
	d.records = append(d.records, rec)
	return nil
}

func (d *decoder) readHeaders(c *cursor) []schema.Header {
	n := c.varint()
	if n <= 0 || n > int64(len(c.b)) {
		c.bad = c.bad || n != 0
		return nil
	}
	from := len(d.headers)
	for range n {
		key := c.bytes()
		d.headers = append(d.headers, schema.Header{Key: d.name(key), Value: c.bytes()})
	}
	return d.headers[from:len(d.headers):len(d.headers)]
}

// name returns a header's key as a string that outlives the batch; the few keys that producers use are made once.
func (d *decoder) name(key []byte) string {
	if s, ok := d.names[string(key)]; ok {
		return s
	}
	s := string(key)
	if len(d.names) < maxInterned && len(s) <= 64 {
		if d.names == nil {
			d.names = map[string]string{}
		}
		d.names[s] = s
	}
	return s
}

// cursor reads fields off the front of b; once something is missing, bad is set and everything reads as nothing.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) varint() int64 {
	if len(c.b) > 0 && c.b[0] < 0x80 { // most lengths and deltas
		u := c.b[0]
		c.b = c.b[1:]
		return int64(u>>1) ^ -int64(u&1)
	}
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) skip(n int) {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return
	}
	c.b = c.b[n:]
}

// bytes reads a length and as many bytes; length -1 is nil.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n < 0 {
		c.bad = c.bad || n != -1
		return nil
	}
	if n > int64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) int16() int16 {
	if len(c.b) < 2 {
		c.bad, c.b = true, nil
		return 0
	}
	v := int16(binary.BigEndian.Uint16(c.b))
	c.b = c.b[2:]
	return v
}

func (c *cursor) int32() int32 {
	if len(c.b) < 4 {
		c.bad, c.b = true, nil
		return 0
	}
	v := int32(binary.BigEndian.Uint32(c.b))
	c.b = c.b[4:]
	return v
}

func (c *cursor) int64() int64 {
	if len(c.b) < 8 {
		c.bad, c.b = true, nil
		return 0
	}
	v := int64(binary.BigEndian.Uint64(c.b))
	c.b = c.b[8:]
	return v
}
